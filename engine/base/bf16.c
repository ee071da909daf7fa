#include "base/bf16.h"

#include "base/clones.h"

CALR_CLONES void calr_bf16_widen(int64_t count, const calr_bf16 *from, float *to)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        to[i] = calr_bf16_to_f32(from[i]);
}

CALR_CLONES void calr_bf16_round(int64_t count, const float *from, calr_bf16 *to)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        to[i] = calr_bf16_from_f32(from[i]);
}
