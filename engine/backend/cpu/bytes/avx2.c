/* This file is compiled for AVX2 (CMakeLists.txt) and runs only there. */
#include <immintrin.h>

#include "backend/cpu/bytes/bytes.h"

enum { ROWS = CALR_BYTES_ROWS, COLUMNS = CALR_BYTES_COLUMNS, LANES = 8 };

void calr_bytes_block_avx2(int64_t pairs, const int32_t *a, const int32_t *b, bool add, int32_t *c,
                           int64_t ldc)
{
    __m256i sums[ROWS][2];
#pragma GCC unroll 6
    for (int r = 0; r < ROWS; r++)
        sums[r][0] = sums[r][1] = _mm256_setzero_si256();
    for (int64_t p = 0; p < pairs; p++, a += ROWS, b += COLUMNS) {
        __m256i left = _mm256_load_si256((const __m256i *)b);
        __m256i right = _mm256_load_si256((const __m256i *)(b + LANES));
#pragma GCC unroll 6
        for (int r = 0; r < ROWS; r++) {
            __m256i row = _mm256_set1_epi32(a[r]);
            sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(row, left));
            sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(row, right));
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < ROWS; r++) {
        __m256i *to = (__m256i *)(c + r * ldc);
        if (add) {
            sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_loadu_si256(to));
            sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_loadu_si256(to + 1));
        }
        _mm256_storeu_si256(to, sums[r][0]);
        _mm256_storeu_si256(to + 1, sums[r][1]);
    }
}
