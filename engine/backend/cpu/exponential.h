/* e^x of floats in loops that the compiler vectorises. */
#ifndef CALR_BACKEND_CPU_EXPONENTIAL_H
#define CALR_BACKEND_CPU_EXPONENTIAL_H

#include <stdint.h>
#include <string.h>

#include "base/bf16.h"

/* Within 2 units of the last place; 0 below -87.3 (where the result is no normal number), NaN of NaN. x <= 88. */
CALR_INLINE float calr_exp_below(float x)
{
    /* x = k ln 2 + r with |r| <= ln 2 / 2: e^x = 2^k e^r. ln 2 in two parts, of which the first times k is exact. */
    float low = x < -87.3f ? -87.3f : x;
    float shifted = low * 1.44269504f + 12582912.0f; /* 1.5 2^23: the sum has k in its last bits */
    float k = shifted - 12582912.0f;
    float r = low - k * 0.693359375f + k * 2.12194440e-4f;
    float e = 1.9875691500e-4f; /* Cephes' expf */
    e = e * r + 1.3981999507e-3f;
    e = e * r + 8.3334519073e-3f;
    e = e * r + 4.1665795894e-2f;
    e = e * r + 1.6666665459e-1f;
    e = e * r + 5.0000001201e-1f;
    e = e * r * r + r + 1.0f;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 23) + 0x3F800000; /* 2^k: the low bits of shifted are k, in two's complement */
    float power;
    memcpy(&power, &bits, sizeof power);
    return x < -87.3f ? 0.0f : e * power;
}

#endif
