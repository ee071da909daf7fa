/* The kernels for AVX-512F. This file is compiled for it (CMakeLists.txt) and runs only there. */
#include "backend/cpu/clip_vectors.h"

#ifndef TABLE /* avx512_bf16.c says another, and how bf16 is multiplied */
#define TABLE calr_inverted_avx512
#define NAME  "inverted residual: avx512"
#endif
#define LANES                     16
#define ROWS                      12
#define CLIP(v, low, high)        ((vector)calr_clip16((__m512)(v), (__m512)(low), (__m512)(high)))
#define NARROW_CLIP(v, low, high) ((narrow)calr_clip8((__m256)(v), (__m256)(low), (__m256)(high)))
#include "backend/cpu/inverted/template.h"
