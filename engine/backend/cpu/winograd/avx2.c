/* The kernels for AVX2 with FMA. This file is compiled for it (CMakeLists.txt) and runs only there. */
#include "backend/cpu/bf16_vectors.h"

#define LANES         8
#define ROWS          6
#define TABLE         calr_winograd_avx2
#define NAME          "winograd: avx2"
#define WIDEN(from)   ((vector)calr_bf16x8_load(from))
#define NARROW(to, v) calr_bf16x8_store(to, (__m256)(v))
#include "backend/cpu/winograd/template.h"
