/* bf16: the upper half of an f32 (8 bits of exponent, 7 of fraction), and loops that take either.
 *
 * Numbers are kept in bf16 and computed in f32. A loop is written once, as an always-inlined
 * function with a `bool half` that is a constant where it is called; calr_real_load and calr_real_store are
 * then a plain load or one with a shift, and the compiler vectorises both. The conversion is done
 * with integers, so that the bits are the same everywhere: the instruction that newer processors have
 * for it flushes the numbers below 2^-126 to 0 (backend/cpu/bf16_vectors.h uses it for all others). */
#ifndef CALR_BASE_BF16_H
#define CALR_BASE_BF16_H

#include <stdbool.h>
#include <stdint.h>

typedef uint16_t calr_bf16;

#define CALR_INLINE static inline __attribute__((always_inline))

CALR_INLINE float calr_bf16_to_f32(calr_bf16 x)
{
    uint32_t bits = (uint32_t)x << 16;
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}

/* To the nearest, to even between two; a NaN stays one, with its sign. */
CALR_INLINE calr_bf16 calr_bf16_from_f32(float x)
{
    uint32_t bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16, nan = bits >> 16 | 0x40;
    return (calr_bf16)((bits & 0x7FFFFFFF) > 0x7F800000 ? nan : rounded);
}

/* The largest f32 that is rounded to 0, and the least one that is rounded to 6: a bound that is asked of a rounded
 * number can be asked of the number itself. */
#define CALR_BF16_ROUNDS_TO_0 0x1p-134f
#define CALR_BF16_ROUNDS_TO_6 5.984375f

/* Arrays of `count` numbers, which may not overlap. */
void calr_bf16_widen(int64_t count, const calr_bf16 *from, float *to);
void calr_bf16_round(int64_t count, const float *from, calr_bf16 *to);

/* Element i of an array of bf16 (half) or of f32. */
CALR_INLINE float calr_real_load(bool half, const void *x, int64_t i)
{
    return half ? calr_bf16_to_f32(((const calr_bf16 *)x)[i]) : ((const float *)x)[i];
}

CALR_INLINE void calr_real_store(bool half, void *x, int64_t i, float value)
{
    if (half)
        ((calr_bf16 *)x)[i] = calr_bf16_from_f32(value);
    else
        ((float *)x)[i] = value;
}

/* The address of element i. */
CALR_INLINE void *calr_real_at(bool half, const void *x, int64_t i)
{
    return (char *)x + i * (half ? (int64_t)sizeof(calr_bf16) : (int64_t)sizeof(float));
}

#endif
