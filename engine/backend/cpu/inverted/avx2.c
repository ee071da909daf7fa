/* The kernels for AVX2 with FMA. This file is compiled for it (CMakeLists.txt) and runs only there. */
#include <immintrin.h>

#define LANES       8
#define ROWS        6
#define LOWER(a, b) ((vector)_mm256_max_ps((__m256)(a), (__m256)(b)))
#define UPPER(a, b) ((vector)_mm256_min_ps((__m256)(a), (__m256)(b)))
#define TABLE       calr_inverted_avx2
#define NAME        "inverted residual: avx2"
#include "backend/cpu/inverted/template.h"
