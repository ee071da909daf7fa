/* The kernels for AVX-512F. This file is compiled for it (CMakeLists.txt) and runs only there. */
#include <immintrin.h>

#define LANES              16
#define ROWS               12
#define LOWER(a, b)        ((vector)_mm512_max_ps((__m512)(a), (__m512)(b)))
#define UPPER(a, b)        ((vector)_mm512_min_ps((__m512)(a), (__m512)(b)))
#define NARROW_LOWER(a, b) ((narrow)_mm256_max_ps((__m256)(a), (__m256)(b)))
#define NARROW_UPPER(a, b) ((narrow)_mm256_min_ps((__m256)(a), (__m256)(b)))
#define TABLE              calr_inverted_avx512
#define NAME               "inverted residual: avx512"
#include "backend/cpu/inverted/template.h"
