/* The kernels for AVX-512F. This file is compiled for it (CMakeLists.txt) and runs only there. */
#include <immintrin.h>

#define LANES 16
#define ROWS  12
#define TABLE calr_winograd_avx512
#define NAME  "winograd: avx512"
#define WIDEN(from)                                                                                \
    ((vector)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(from))), \
                               16))
#define NARROW(to, words)                                                                          \
    _mm256_storeu_si256((__m256i *)(to), _mm512_cvtepi32_epi16((__m512i)(words)))
#include "backend/cpu/winograd/template.h"
