/* The kernels for maps of bf16 on processors that multiply them. This file is compiled for AVX-512 with its bf16
 * instructions (CMakeLists.txt) and runs only there. */
#include "backend/cpu/bf16_vectors.h"

#define MAP_BF16
#define ADD(sum, s, w)                                                                             \
    ((vector)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)_mm512_set1_epi32(s), (__m512bh)(w)))
#define NARROW_ADD(sum, s, w)                                                                      \
    ((narrow)_mm256_dpbf16_ps((__m256)(sum), (__m256bh)_mm256_set1_epi32(s), (__m256bh)(w)))
#define LOAD(p)            ((vector)calr_bf16x16_load(p))
#define NARROW_LOAD(p)     ((narrow)calr_bf16x8_load(p))
#define STORE(p, v)        calr_bf16x16_store(p, (__m512)(v))
#define NARROW_STORE(p, v) calr_bf16x8_store(p, (__m256)(v))
#define TABLE              calr_inverted_avx512_bf16
#define NAME               "inverted residual: avx512_bf16"
#include "backend/cpu/inverted/avx512.c"
