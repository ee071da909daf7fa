/* The kernels for products of bf16 with sums in f32, by AVX-512 BF16. This file is compiled for it (CMakeLists.txt) and
 * runs only there.
 *
 * The instruction multiplies two pairs and adds both products, so pairs lie along what is summed over. Numbers below
 * 2^-126 count as zero. */
#include <immintrin.h>
#include <stdint.h>

/* 32 numbers of each of two rows: the first 16 pairs, and the others. */
static inline __m512i low_pairs(__m512i first, __m512i second)
{
    const __m512i upper =
        _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(second)), 16);
    return _mm512_or_si512(upper, _mm512_cvtepu16_epi32(_mm512_castsi512_si256(first)));
}

static void pair(int64_t c, const void *first, const void *second, float *out, int64_t panel)
{
    const char *even = first, *odd = second;
    for (int64_t j = 0; j < c; j += 32, out += panel) {
        __mmask32 there = c - j >= 32 ? ~(__mmask32)0 : ((__mmask32)1 << (c - j)) - 1;
        __m512i a = _mm512_maskz_loadu_epi16(there, even + 2 * j);
        __m512i b = odd ? _mm512_maskz_loadu_epi16(there, odd + 2 * j) : _mm512_setzero_si512();
        _mm512_storeu_si512(out, low_pairs(a, b));
        _mm512_storeu_si512(out + 16, low_pairs(_mm512_shuffle_i64x2(a, a, 0x4E),
                                                _mm512_shuffle_i64x2(b, b, 0x4E)));
    }
}

#define MULTIPLY_ADD(sum, number, v)                                                               \
    ((vector)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)_mm512_set1_ps(number), (__m512bh)(v)))
#define PAIR  pair
#define LANES 16
#define ROWS  12
#define TABLE calr_pointwise_avx512_bf16
#define NAME  "pointwise: avx512_bf16"
#include "backend/cpu/pointwise/template.h"
