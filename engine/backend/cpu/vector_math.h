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

/* Polynomials are minimax fits: the errors named are relative ones of what they approximate. */

/* Above it e^x is infinite as a float, below its opposite 0. */
#define CALR_V_EXPONENT 700
/* Infinite as a float; quotients of such numbers are what they tend to. */
#define CALR_V_HUGE 1e300

/* e^r - 1 and 2^k, x = k ln 2 + r with |r| <= ln 2 / 2. Up to CALR_V_EXPONENT either way. */
CALR_INLINE double calr_v_reduced(double x, double *power)
{
    /* The last bits of the sum are k + 1023, the exponent of 2^k. */
    double shifted = x * 1.4426950408889634 + (0x1.8p52 + 1023), k = shifted - (0x1.8p52 + 1023);
    double r = x - k * CALR_LN_2;
    double p = 0.0001979036916495431; /* 6e-11 */
    p = p * r + 0.0013944685070377647;
    p = p * r + 0.008333497156101594;
    p = p * r + 0.04166629468895513;
    p = p * r + 0.16666665868162683;
    p = p * r + 0.500000006770939;
    uint64_t bits;
    __builtin_memcpy(&bits, &shifted, sizeof bits);
    bits <<= 52;
    __builtin_memcpy(power, &bits, sizeof *power);
    return p * r * r + r;
}

/* What lies outside is chosen last, not clamped first: compilers then choose among floats, once. */
CALR_INLINE double calr_v_exp(double x)
{
    double power, part = calr_v_reduced(x, &power);
    double y = part * power + power;
    y = x > CALR_V_EXPONENT ? (double)INFINITY : y;
    return x < -CALR_V_EXPONENT ? 0 : y;
}

CALR_INLINE double calr_v_expm1(double x)
{
    double power, part = calr_v_reduced(x, &power);
    double y = part * power + (power - 1);
    y = x > CALR_V_EXPONENT ? CALR_V_HUGE : y;
    return copysign(x < -CALR_V_EXPONENT ? -1 : y, x);
}

/* In float, so that it is not slower than others' by half: within 0.8 units of the last place, 1.1 without FMA. */
CALR_INLINE float calr_v_exp2(float x)
{
    float shifted = x + 0x1.8p23f, f = x - (shifted - 0x1.8p23f);
    float p = 0.00015321277f; /* 3e-9 */
    p = p * f + 0.0013390156f;
    p = p * f + 0.0096185258f;
    p = p * f + 0.055503623f;
    p = p * f + 0.24022648f;
    p = p * f + 0.693147181f;
    p = p * f + 1;
    /* 2^k in two factors, each of which is a normal number. */
    uint32_t k, half;
    __builtin_memcpy(&k, &shifted, sizeof k);
    k -= 0x4B400000u; /* of NaN any bits; the product is NaN then too */
    half = (uint32_t)((int32_t)k >> 1);
    k = (k - half + 127) << 23;
    half = (half + 127) << 23;
    float first, second;
    __builtin_memcpy(&first, &half, sizeof first);
    __builtin_memcpy(&second, &k, sizeof second);
    float y = p * first * second;
    y = x > 129 ? INFINITY : y;
    return x < -151 ? 0 : y;
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
    double s = (m - 1) / (m + 1), q = s * s, p = 0.11810642622145782; /* 5e-12 */
    p = p * q + 0.14267391796115503;
    p = p * q + 0.20000194587757802;
    p = p * q + 0.3333333261172796;
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

/* A sum of 1 and a float of more than 2^-29 is exact. */
CALR_INLINE double calr_v_log1p(double x)
{
    double y = calr_v_log(1 + x);
    return fabs(x) < 0x1p-20 ? x - 0.5 * x * x : y;
}

/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|) */
CALR_INLINE double calr_v_softplus(double x)
{
    double e = calr_v_exp(-fabs(x));
    double s = e / (2 + e), q = s * s, p = 0.12212454963004478; /* artanh of up to 1/3: 1e-10 */
    p = p * q + 0.10694980260194092;
    p = p * q + 0.14310521036202123;
    p = p * q + 0.19999339100672003;
    p = p * q + 0.333333397419617;
    double rest = 2 * (p * q * s + s);
    return x > 0 ? x + rest : rest;
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

/* atan(y / x) of numbers that are not negative; 0 / 0 is 0. */
CALR_INLINE double calr_v_angle(double y, double x)
{
    bool steep = y > x;
    double rise = steep ? x : y, run = steep ? y : x;
    bool turned = rise > run * 0.2679491924311227; /* above 15 degrees: by 30 */
    double up = turned ? rise * 1.7320508075688772 - run : rise;
    double along = turned ? run * 1.7320508075688772 + rise : run;
    double t = up / (along + 1e-300), q = t * t, p = -0.07612373323325615; /* 5e-12 */
    p = p * q + 0.10996314888880862;
    p = p * q - 0.14281527045359974;
    p = p * q + 0.1999993045909355;
    p = p * q - 0.33333332909656305;
    double angle = p * q * t + t;
    angle = turned ? angle + 0.5235987755982988 : angle;
    return steep ? 1.5707963267948966 - angle : angle;
}

CALR_INLINE double calr_v_atan(double x)
{
    return copysign(calr_v_angle(fabs(x), 1), x);
}

CALR_INLINE double calr_v_atan2(double y, double x)
{
    double up = fabs(y), along = fabs(x);
    up = up > CALR_V_HUGE ? CALR_V_HUGE : up;
    along = along > CALR_V_HUGE ? CALR_V_HUGE : along;
    double angle = calr_v_angle(up, along);
    angle = copysign(1, x) < 0 ? 3.141592653589793 - angle : angle;
    return copysign(angle, y);
}

CALR_INLINE double calr_v_asin(double x)
{
    return copysign(calr_v_angle(fabs(x), sqrt((1 - x) * (1 + x))), x);
}

CALR_INLINE double calr_v_acos(double x)
{
    return 2 * calr_v_angle(sqrt((1 - x) * (1 + x)) + 1e-200, 1 + x);
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

/* What p does to a negative x: the sign turns where p is odd, and there is no result where it is not whole. */
CALR_INLINE double calr_v_turn(double p)
{
    bool whole = floor(p) == p, odd = whole && floor(p * 0.5) != p * 0.5;
    return odd ? -0.0 : whole ? 0.0 : (double)NAN;
}

/* x^p, but for a p of 0 or infinity; turn = calr_v_turn(p). */
CALR_INLINE double calr_v_pow_turned(double x, double p, double turn)
{
    double y = calr_v_exp(p * calr_v_log(fabs(x)));
    y = x < 0 && x > -(double)INFINITY ? y + turn : y;
    uint64_t bits, sign, turns;
    __builtin_memcpy(&bits, &y, sizeof bits);
    __builtin_memcpy(&sign, &x, sizeof sign);
    __builtin_memcpy(&turns, &turn, sizeof turns);
    bits |= sign & turns & 0x8000000000000000;
    __builtin_memcpy(&y, &bits, sizeof y);
    return y;
}

CALR_INLINE double calr_v_pow(double x, double p)
{
    double y = calr_v_pow_turned(x, p, calr_v_turn(p));
    bool one = p == 0 || x == 1 || (x == -1 && fabs(p) == (double)INFINITY);
    return one ? 1 : y;
}

/* ---- quotients that are whole ---- */

/* Where the size of a / b is below this, or undefined, what follows is exact; other quotients are for the C library. */
#define CALR_V_QUOTIENT 0x1p28f

CALR_INLINE bool calr_v_is_far(float a, float b)
{
    return fabsf(a) > CALR_V_QUOTIENT * fabsf(b) && fabsf(a) < INFINITY && b != 0;
}

/* A quotient of floats that is not whole is further from whole numbers of that size than doubles are apart, so rounding
 * does not reach one; and what is left is a float, so that the product is subtracted without loss. An infinite b is
 * taken for one that is larger than any float. */
CALR_INLINE double calr_v_fmod(double a, double b)
{
    double size = fabs(b);
    size = size > CALR_V_HUGE ? CALR_V_HUGE : size;
    double q = trunc(fabs(a) / size);
    return copysign(fma(-q, size, fabs(a)), a);
}

/* As PyTorch and Python: it has the sign of b. */
CALR_INLINE double calr_v_remainder(double a, double b)
{
    double r = calr_v_fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/* The quotient that goes with this remainder. */
CALR_INLINE double calr_v_floor_divide(double a, double b)
{
    double size = fabs(b);
    size = copysign(size > CALR_V_HUGE ? CALR_V_HUGE : size, b);
    double exact = a / size, q = trunc(exact), r = fma(-q, size, a);
    double y = r != 0 && (r < 0) != (b < 0) ? q - 1 : q;
    y = y == 0 ? copysign(0, exact) : y;
    return b == 0 ? exact : r != r ? r : y;
}

#endif
