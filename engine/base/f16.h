/* f16, IEEE 754 binary16: 5 bits of exponent, 10 of fraction. It is a form to keep numbers in: they are computed with
 * as f32. */
#ifndef CALR_BASE_F16_H
#define CALR_BASE_F16_H

#include <math.h>
#include <stdint.h>

#include "base/bf16.h"

typedef uint16_t calr_f16;

/* Exactly. */
CALR_INLINE float calr_f16_to_f32(calr_f16 half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31,
             fraction = half & 1023, bits;
    if (exponent == 31) { /* infinity, NaN with its payload */
        bits = sign | 0x7F800000 | fraction << 13;
    } else if (exponent > 0) {
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    } else { /* zero and the numbers below 2^-14, which are normal here */
        float small = (float)fraction * 0x1p-24f;
        __builtin_memcpy(&bits, &small, sizeof bits);
        bits |= sign;
    }
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}

/* To the nearest, to even between two; a NaN stays one, with its sign. */
CALR_INLINE calr_f16 calr_f16_from_f64(double x)
{
    uint64_t bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    uint32_t sign = (uint32_t)(bits >> 48 & 0x8000);
    double size = fabs(x);
    if (x != x)
        return (calr_f16)(sign | 0x7E00);
    if (size >= 65520) /* half a step above the largest number, 65504 */
        return (calr_f16)(sign | 0x7C00);
    /* In units of the last place, which below 2^-14 is that of 2^-14; nearbyint rounds to even. A fraction that is
     * rounded up to 1024 carries into the exponent, as it should. */
    int exponent = size < 0x1p-14 ? -14 : (int)(bits >> 52 & 2047) - 1023;
    uint64_t unit_bits = (uint64_t)(1023 + 10 - exponent) << 52;
    double scale;
    __builtin_memcpy(&scale, &unit_bits, sizeof scale);
    uint32_t whole = (uint32_t)nearbyint(size * scale);
    uint32_t above = size < 0x1p-14 ? 0 : (uint32_t)(exponent + 14) << 10;
    return (calr_f16)(sign | (above + whole));
}

#endif
