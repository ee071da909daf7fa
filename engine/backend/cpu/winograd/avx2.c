/* The kernels for AVX2 with FMA. This file is compiled for it (CMakeLists.txt) and runs only there. */
#include <immintrin.h>

#define LANES 8
#define ROWS  6
#define TABLE calr_winograd_avx2
#define NAME  "winograd: avx2"
#define WIDEN(from)                                                                                \
    ((vector)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(from))), 16))
#define NARROW(to, words)                                                                          \
    _mm_storeu_si128((__m128i *)(to),                                                              \
                     _mm256_castsi256_si128(_mm256_permute4x64_epi64(                              \
                         _mm256_packus_epi32((__m256i)(words), (__m256i)(words)), 0x08)))
#include "backend/cpu/winograd/template.h"
