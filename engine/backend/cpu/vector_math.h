/* Elementary functions of floats, in double precision, in loops that the compiler vectorises.
 *
 * A float is widened, the function computed to about 1e-10, and the result rounded once: within 0.51 units of the last
 * place of a float, the same bits wherever doubles are. No branches: what cannot be told apart by arithmetic is chosen
 * at the end. The C library's functions serve f64. */
#ifndef CALR_BACKEND_CPU_VECTOR_MATH_H
#define CALR_BACKEND_CPU_VECTOR_MATH_H

#include <math.h>
#include <stdint.h>

#include "backend/cpu/exponential.h"
#include "base/bf16.h"

#define CALR_LN_2 0.6931471805599453

/* 2^k for a whole k of -1022 .. 1023, given k + 1.5 2^52, whose last bits are k. */
CALR_INLINE double calr_v_power(double shifted)
{
    uint64_t bits;
    double power;
    __builtin_memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 52) + 0x3FF0000000000000;
    __builtin_memcpy(&power, &bits, sizeof power);
    return power;
}

/* e^r - 1 and 2^k, x = k ln 2 + r with |r| <= ln 2 / 2. x is clamped to where floats are 0 or infinite. */
CALR_INLINE double calr_v_reduced(double x, double *power)
{
    x = x < -700 ? -700 : x > 700 ? 700 : x;
    double shifted = x * 1.4426950408889634 + 0x1.8p52, k = shifted - 0x1.8p52;
    double r = x - k * CALR_LN_2;
    double p = 1.0 / 40320; /* Taylor's series: the rest is below 2e-10 */
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    *power = calr_v_power(shifted);
    return p * r * r + r;
}

CALR_INLINE double calr_v_exp(double x)
{
    double power, part = calr_v_reduced(x, &power);
    return part * power + power;
}

CALR_INLINE double calr_v_expm1(double x)
{
    double power, part = calr_v_reduced(x, &power);
    return part * power + (power - 1);
}

CALR_INLINE double calr_v_exp2(double x)
{
    return calr_v_exp(x * CALR_LN_2);
}

/* Of a float that was widened, so that no number is subnormal. */
CALR_INLINE double calr_v_log(double x)
{
    uint64_t bits, exponent_bits;
    double m, e;
    __builtin_memcpy(&bits, &x, sizeof bits);
    exponent_bits = (bits >> 52) | 0x4330000000000000; /* 2^52 + the exponent */
    bits = (bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000;
    __builtin_memcpy(&m, &bits, sizeof m);
    __builtin_memcpy(&e, &exponent_bits, sizeof e);
    e -= 0x1p52 + 1023;
    e = m > 1.4142135623730951 ? e + 1 : e;
    m = m > 1.4142135623730951 ? m * 0.5 : m;
    /* log m = 2 artanh((m - 1) / (m + 1)) */
    double s = (m - 1) / (m + 1), q = s * s, p = 1.0 / 13;
    p = p * q + 1.0 / 11;
    p = p * q + 1.0 / 9;
    p = p * q + 1.0 / 7;
    p = p * q + 1.0 / 5;
    p = p * q + 1.0 / 3;
    double y = 2 * (p * q * s + s) + e * CALR_LN_2;
    double other = x == 0 ? -(double)INFINITY : (double)NAN;
    return x > 0 ? (x < (double)INFINITY ? y : x) : other;
}

CALR_INLINE double calr_v_log2(double x)
{
    return calr_v_log(x) * 1.4426950408889634;
}

CALR_INLINE double calr_v_log10(double x)
{
    return calr_v_log(x) * 0.4342944819032518;
}

CALR_INLINE double calr_v_log1p(double x)
{
    double u = 1 + x;
    double y = calr_v_log(u) + (x - (u - 1)) / u; /* what the sum lost */
    return u == 0 || u >= (double)INFINITY ? calr_v_log(u) : y;
}

CALR_INLINE double calr_v_tanh(double x)
{
    double e = calr_v_expm1(2 * x);
    return e / (e + 2);
}

CALR_INLINE double calr_v_sinh(double x)
{
    double e = calr_v_expm1(fabs(x));
    return copysign(0.5 * (e + e / (e + 1)), x);
}

CALR_INLINE double calr_v_cosh(double x)
{
    double e = calr_v_exp(x);
    return 0.5 * (e + 1 / e);
}

/* The error function and its complement share two polynomials (found by N. Juffa's minimax fits for single precision):
 * erf x = x + x near(x^2) below this size, and erfc x = e^far(x) above it. */
#define CALR_V_ERF_NEAR 0.927734375f

CALR_INLINE float calr_v_erf_near(float q)
{
    float r = -5.96761703e-4f;
    r = r * q + 4.99119423e-3f;
    r = r * q - 2.67681349e-2f;
    r = r * q + 1.12819925e-1f;
    r = r * q - 3.76125336e-1f;
    return r * q + 1.28379166e-1f;
}

CALR_INLINE float calr_v_erf_far(float t)
{
    float r = -1.72853470e-5f * t + 3.83197126e-4f, u = -3.88396438e-3f * t + 2.42546219e-2f;
    r = r * (t * t) + u;
    r = r * t - 1.06777877e-1f;
    r = r * t - 6.34846687e-1f;
    r = r * t - 1.28717512e-1f;
    return r * t - t;
}

/* Within 2 units of the last place. */
CALR_INLINE float calr_v_erf(float x)
{
    float t = fabsf(x), near = x * calr_v_erf_near(x * x) + x;
    t = t > 4.5f ? 4.5f : t; /* NaN stays; 1 from there on, to a float */
    float far = 1 - calr_exp_below(calr_v_erf_far(t));
    return !(t > CALR_V_ERF_NEAR) ? near : copysignf(far, x);
}

/* The normal distribution function; in its lower tail to 1e-4 of itself, where 1 + erf would have nothing left. */
CALR_INLINE float calr_v_normal(float x)
{
    float z = x * 0.70710678f, t = fabsf(z), near = 0.5f + 0.5f * (z * calr_v_erf_near(z * z) + z);
    t = t > 9 ? 9 : t;
    float tail = 0.5f * calr_exp_below(calr_v_erf_far(t));
    float far = x < 0 ? tail : 1 - tail;
    return !(t > CALR_V_ERF_NEAR) ? near : far;
}

CALR_INLINE double calr_v_atan(double x)
{
    double size = fabs(x), z = size > 1 ? 1 / size : size;
    double turned = (z * 1.7320508075688772 - 1) / (z + 1.7320508075688772); /* by 30 degrees */
    double t = z > 0.2679491924311227 ? turned : z, q = t * t, p = 1.0 / 17;
    p = p * q - 1.0 / 15;
    p = p * q + 1.0 / 13;
    p = p * q - 1.0 / 11;
    p = p * q + 1.0 / 9;
    p = p * q - 1.0 / 7;
    p = p * q + 1.0 / 5;
    p = p * q - 1.0 / 3;
    double y = p * q * t + t;
    y = z > 0.2679491924311227 ? y + 0.5235987755982988 : y;
    y = size > 1 ? 1.5707963267948966 - y : y;
    return copysign(y, x);
}

CALR_INLINE double calr_v_asin(double x)
{
    return calr_v_atan(x / sqrt(1 - x * x));
}

CALR_INLINE double calr_v_acos(double x)
{
    return 2 * calr_v_atan(sqrt((1 - x) / (1 + x)));
}

/* Angles up to this size; larger ones are for the C library. */
#define CALR_V_ANGLE 1e5

/* The sine, or with `ahead` 1 the cosine, of angles up to CALR_V_ANGLE. */
CALR_INLINE double calr_v_wave(double x, double ahead)
{
    double shifted = x * 0.6366197723675814 + 0x1.8p52, k = shifted - 0x1.8p52; /* quarter turns */
    double r = x - k * 1.5707963267341256 - k * 6.077100506506192e-11;
    double q = r * r;
    double sine = ((((1.0 / 362880 * q - 1.0 / 5040) * q + 1.0 / 120) * q - 1.0 / 6) * q) * r + r;
    sine = -1.0 / 39916800 * q * q * q * q * q * r + sine;
    double cosine = ((((1.0 / 40320 * q - 1.0 / 720) * q + 1.0 / 24) * q - 0.5) * q) + 1;
    cosine = -1.0 / 3628800 * q * q * q * q * q + cosine;
    /* Which quarter, 0 to 3. */
    double turn = k + ahead, quarter = turn - 4 * floor(turn * 0.25);
    double y = quarter == 1 || quarter == 3 ? cosine : sine;
    return quarter >= 2 ? -y : y;
}

CALR_INLINE double calr_v_sin(double x)
{
    return calr_v_wave(x, 0);
}

CALR_INLINE double calr_v_cos(double x)
{
    return calr_v_wave(x, 1);
}

CALR_INLINE double calr_v_tan(double x)
{
    return calr_v_wave(x, 0) / calr_v_wave(x, 1);
}

/* x^p. Of a negative x the p that are whole have a result, and the odd ones turn its sign. */
CALR_INLINE double calr_v_pow(double x, double p)
{
    double size = calr_v_exp(p * calr_v_log(fabs(x)));
    bool whole = floor(p) == p, odd = whole && floor(p * 0.5) != p * 0.5;
    double y = odd                                        ? copysign(size, x)
               : x < 0 && x > -(double)INFINITY && !whole ? (double)NAN
                                                          : size;
    return p == 0 || x == 1 ? 1 : y;
}

#endif
