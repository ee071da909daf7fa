/* Vectors of floats between bounds, in files that are compiled for AVX2 or AVX-512. A NaN stays one: both instructions
 * give their second operand where one of them is no number. Internal to cpu/. */
#ifndef CALR_BACKEND_CPU_CLIP_VECTORS_H
#define CALR_BACKEND_CPU_CLIP_VECTORS_H

#include <immintrin.h>

#include "base/bf16.h"

CALR_INLINE __m256 calr_clip8(__m256 v, __m256 low, __m256 high)
{
    return _mm256_min_ps(high, _mm256_max_ps(low, v));
}

#if defined(__AVX512F__)
CALR_INLINE __m512 calr_clip16(__m512 v, __m512 low, __m512 high)
{
    return _mm512_min_ps(high, _mm512_max_ps(low, v));
}
#endif

#endif
