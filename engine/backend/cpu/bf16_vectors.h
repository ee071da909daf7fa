/* Vectors of bf16 as vectors of floats, and floats rounded to bf16, in files that are compiled for AVX2 or AVX-512.
 * gcc 12 makes both from halves of a vector when it is left to it. The bits are those of base/bf16.h. Internal to
 * cpu/. */
#ifndef CALR_BACKEND_CPU_BF16_VECTORS_H
#define CALR_BACKEND_CPU_BF16_VECTORS_H

#include <immintrin.h>

#include "base/bf16.h"

#if defined(__AVX512F__)
CALR_INLINE __m512 calr_bf16x16_widened(__m256i halves)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

CALR_INLINE __m512 calr_bf16x16_load(const void *from)
{
    return calr_bf16x16_widened(_mm256_loadu_si256(from));
}

CALR_INLINE __m256i calr_bf16x16_by_integers(__m512 v)
{
    const __m512i bits = _mm512_castps_si512(v), odd = _mm512_set1_epi32(1);
    const __m512i even = _mm512_and_epi32(_mm512_srli_epi32(bits, 16), odd);
    const __m512i rounded =
        _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), even);
    const __m512i words =
        _mm512_mask_or_epi32(rounded, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), bits,
                             _mm512_set1_epi32(0x400000)); /* a NaN stays one */
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(words, 16));
}

#if defined(__AVX512BF16__) && defined(__AVX512DQ__)
/* The instruction makes numbers below 2^-126 zero: vectors that hold one are rounded by integers. */
CALR_INLINE __m256i calr_bf16x16_rounded(__m512 v)
{
    if (__builtin_expect(_mm512_fpclass_ps_mask(v, 0x20) != 0, 0)) /* 0x20: denormal numbers */
        return calr_bf16x16_by_integers(v);
    return (__m256i)_mm512_cvtneps_pbh(v);
}
#else
CALR_INLINE __m256i calr_bf16x16_rounded(__m512 v)
{
    return calr_bf16x16_by_integers(v);
}
#endif

CALR_INLINE void calr_bf16x16_store(void *to, __m512 v)
{
    _mm256_storeu_si256(to, calr_bf16x16_rounded(v));
}
#endif

#if defined(__AVX2__)
CALR_INLINE __m256 calr_bf16x8_load(const void *from)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(from)), 16));
}

CALR_INLINE void calr_bf16x8_store(void *to, __m256 v)
{
    const __m256i bits = _mm256_castps_si256(v), odd = _mm256_set1_epi32(1);
    const __m256i even = _mm256_and_si256(_mm256_srli_epi32(bits, 16), odd);
    const __m256i rounded =
        _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), even);
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000)),
                  is_nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    const __m256i words = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, is_nan), 16);
    _mm_storeu_si128(to, _mm256_castsi256_si128(
                             _mm256_permute4x64_epi64(_mm256_packus_epi32(words, words), 0x08)));
}
#endif

#endif
