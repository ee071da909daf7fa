/* The vectorised elementary functions against the C library in double precision, and f16 against every bit pattern. */
#include "check.h"

#include <math.h>
#include <string.h>

#include "backend/cpu/vector_math.h"
#include "base/f16.h"
#include "base/rng.h"

/* How far `got` is from the exact result, in units of the last place of a float. */
static double distance(float got, double exact)
{
    float want = (float)exact;
    if (want != want)
        return got != got ? 0 : HUGE_VAL;
    if (isinf(want))
        return got == want ? 0 : HUGE_VAL;
    if (want == 0)
        return got == 0 ? 0 : HUGE_VAL;
    float size = fabsf(want);
    return fabs((double)got - exact) / ((double)nextafterf(size, INFINITY) - (double)size);
}

static const float special[] = {
    0,       -0.0f,  1,     -1,         0.5f,       -0.5f,      2,         -2,   1e-38f, 1e-45f,
    -1e-30f, 1e-20f, 1e-7f, -1e-7f,     0.46875f,   0.9277344f, 4,         4.5f, 88.7f,  89,
    -87.5f,  -103,   -104,  1.5707964f, 3.1415927f, INFINITY,   -INFINITY, NAN};
enum { SPECIAL = sizeof special / sizeof special[0], COUNT = 200000 };

/* The largest distance over numbers of low .. high and, with `everywhere`, the special ones. */

static double worst_of(float (*function)(float), double (*reference)(double), double low,
                       double high, bool everywhere)
{
    uint32_t state = 1;
    double worst = 0;
    for (int i = everywhere ? -(int)SPECIAL : 0; i < COUNT; i++) {
        state = state * 1664525 + 1013904223;
        float x =
            i < 0 ? special[i + (int)SPECIAL] : (float)(low + (high - low) * state / 4294967296.0);
        worst = fmax(worst, distance(function(x), reference((double)x)));
    }
    return worst;
}

#define OF_FLOAT(name)                                                                             \
    static float name##_of(float x)                                                                \
    {                                                                                              \
        return (float)calr_v_##name((double)x);                                                    \
    }
OF_FLOAT(exp)
OF_FLOAT(expm1)
OF_FLOAT(log)
OF_FLOAT(log2)
OF_FLOAT(log10)
OF_FLOAT(log1p)
OF_FLOAT(tanh)
OF_FLOAT(sinh)
OF_FLOAT(cosh)
OF_FLOAT(atan)
OF_FLOAT(asin)
OF_FLOAT(acos)
OF_FLOAT(sin)
OF_FLOAT(cos)
OF_FLOAT(tan)

static float exp2_of(float x)
{
    return calr_v_exp2(x);
}

static float softplus_of(float x)
{
    return (float)calr_v_softplus((double)x);
}

static double softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static float erf_of(float x)
{
    return calr_v_erf(x);
}

static float normal_of(float x)
{
    return calr_v_normal(x);
}

static double normal(double x)
{
    return 0.5 * erfc(-x * 0.7071067811865476);
}

static void test_accuracy(void)
{
    CHECK(worst_of(exp_of, exp, -105, 90, true) < 0.52);
    CHECK(worst_of(exp2_of, exp2, -151, 129, true) < 1.1);
    CHECK(worst_of(expm1_of, expm1, -20, 20, true) < 0.52);
    CHECK(worst_of(log_of, log, 0, 100, true) < 0.52);
    CHECK(worst_of(log_of, log, 0.5, 1.5, false) < 0.52);
    CHECK(worst_of(log2_of, log2, 0, 100, true) < 0.52);
    CHECK(worst_of(log10_of, log10, 0, 100, true) < 0.52);
    CHECK(worst_of(log1p_of, log1p, -1, 5, true) < 0.52);
    CHECK(worst_of(log1p_of, log1p, -1e-5, 1e-5, false) < 0.52);
    CHECK(worst_of(softplus_of, softplus, -110, 110, true) < 0.52);
    CHECK(worst_of(softplus_of, softplus, -1, 1, false) < 0.52);
    CHECK(worst_of(tanh_of, tanh, -10, 10, true) < 0.52);
    CHECK(worst_of(sinh_of, sinh, -90, 90, true) < 0.52);
    CHECK(worst_of(cosh_of, cosh, -90, 90, true) < 0.52);
    CHECK(worst_of(atan_of, atan, -10, 10, true) < 0.52);
    CHECK(worst_of(asin_of, asin, -1, 1, true) < 0.52);
    CHECK(worst_of(acos_of, acos, -1, 1, true) < 0.52);
    CHECK(worst_of(sin_of, sin, -CALR_V_ANGLE, CALR_V_ANGLE, false) < 0.52);
    CHECK(worst_of(cos_of, cos, -CALR_V_ANGLE, CALR_V_ANGLE, false) < 0.52);
    CHECK(worst_of(tan_of, tan, -1.5, 1.5, false) < 0.52);
    CHECK(worst_of(erf_of, erf, -5, 5, true) < 2.5);
    CHECK(worst_of(normal_of, normal, -1.5, 9, false) < 8);
    CHECK(worst_of(normal_of, normal, -4, -1.5, false) < 1000); /* 1e-4 */
}

/* ---- of two numbers ---- */

/* The largest distance over pairs: all special ones, and COUNT of those given. */
static double worst_of_pairs(double (*function)(double, double),
                             double (*reference)(double, double), double low, double high)
{
    double worst = 0;
    for (int i = 0; i < (int)SPECIAL; i++)
        for (int k = 0; k < (int)SPECIAL; k++) {
            double a = (double)special[i], b = (double)special[k];
            worst = fmax(worst, distance((float)function(a, b), reference(a, b)));
        }
    uint32_t state = 5;
    float ends[2];
    for (int i = 0; i < COUNT; i++) {
        for (int k = 0; k < 2; k++) {
            state = state * 1664525 + 1013904223;
            ends[k] = (float)(low + (high - low) * state / 4294967296.0);
        }
        double a = (double)ends[0], b = (double)ends[1];
        worst = fmax(worst, distance((float)function(a, b), reference(a, b)));
    }
    return worst;
}

static void test_pairs(void)
{
    CHECK(worst_of_pairs(calr_v_pow, pow, 0, 4) < 0.52);
    CHECK(worst_of_pairs(calr_v_pow, pow, -4, 4) < 0.52);
    CHECK(worst_of_pairs(calr_v_atan2, atan2, -2, 2) < 0.52);
    CHECK(worst_of_pairs(calr_v_atan2, atan2, -1e-20, 1e-20) < 0.52);
}

/* In binary.c's words, and in double. */
static double remainder_exact(double a, double b)
{
    double r = fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static double floor_divide_exact(double a, double b)
{
    double r = fmod(a, b), q = isinf(b) ? 0 : rint((a - r) / b);
    if (b == 0 || r != r)
        return b == 0 ? a / b : r;
    if (r != 0 && (r < 0) != (b < 0))
        q -= 1;
    return q == 0 ? copysign(0, a / b) : q;
}

static bool same(double got, double want)
{
    return want != want ? got != got : got == want && signbit(got) == signbit(want);
}

static int wrong_quotients(float a, float b)
{
    double x = (double)a, y = (double)b;
    if (calr_v_is_far(a, b))
        return 0;
    return !same(calr_v_fmod(x, y), fmod(x, y)) ||
           !same(calr_v_remainder(x, y), remainder_exact(x, y)) ||
           !same(calr_v_floor_divide(x, y), floor_divide_exact(x, y));
}

/* Not one may be wrong: also next to whole quotients, where rounding could reach them. */
static void test_quotients(void)
{
    int wrong = 0;
    for (int i = 0; i < (int)SPECIAL; i++)
        for (int k = 0; k < (int)SPECIAL; k++)
            wrong += wrong_quotients(special[i], special[k]);
    uint32_t state = 9;
    for (int i = 0; i < COUNT; i++) {
        uint32_t bits[2];
        for (int k = 0; k < 2; k++) {
            state = state * 1664525 + 1013904223;
            bits[k] = state ^ state >> 15;
        }
        bits[0] = (bits[0] & 0x81FFFFFF) + 0x3F800000; /* 1 .. 2^4, and bits of the sign */
        bits[1] = (bits[1] & 0x87FFFFFF) + 0x38000000;
        float a, b;
        memcpy(&a, &bits[0], sizeof a);
        memcpy(&b, &bits[1], sizeof b);
        float near = rintf(a / b) * b; /* all but a multiple */
        wrong += wrong_quotients(a, b) + wrong_quotients(near, b) +
                 wrong_quotients(nextafterf(near, INFINITY), b) +
                 wrong_quotients(nextafterf(near, -INFINITY), b);
    }
    CHECK_INT(wrong, 0);
    CHECK(calr_v_is_far(1e10f, 1) && calr_v_is_far(-1e30f, 1e-30f));
    CHECK(!calr_v_is_far(INFINITY, 1) && !calr_v_is_far(1, 0) && !calr_v_is_far(1e10f, NAN));
}

static void test_f16(void)
{
    int wrong = 0;
    for (uint32_t i = 0; i < 0x10000; i++) {
        float value = calr_f16_to_f32((calr_f16)i);
        calr_f16 back = calr_f16_from_f64((double)value);
        wrong += value != value ? (back & 0x7C00) != 0x7C00 || (back & 0x3FF) == 0 : back != i;
    }
    CHECK_INT(wrong, 0);
    CHECK_INT(calr_f16_from_f64(65519.99), 0x7BFF);
    CHECK_INT(calr_f16_from_f64(65520), 0x7C00);
    CHECK_INT(calr_f16_from_f64(1 + 0x1p-11), 0x3C00); /* halfway: to even */
    CHECK_INT(calr_f16_from_f64(1 + 3 * 0x1p-11), 0x3C02);
    CHECK_INT(calr_f16_from_f64(0x1p-25), 0);
    CHECK_INT(calr_f16_from_f64(1.01 * 0x1p-25), 1);
}

int main(void)
{
    RUN(test_accuracy);
    RUN(test_pairs);
    RUN(test_quotients);
    RUN(test_f16);
    return check_finish();
}
