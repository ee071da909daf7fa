/* The kernels for AVX2 with FMA. This file is compiled for it (CMakeLists.txt) and runs only there. */
#include "backend/cpu/clip_vectors.h"

#define LANES              8
#define ROWS               6
#define CLIP(v, low, high) ((vector)calr_clip8((__m256)(v), (__m256)(low), (__m256)(high)))
#define TABLE              calr_inverted_avx2
#define NAME               "inverted residual: avx2"
#include "backend/cpu/inverted/template.h"
