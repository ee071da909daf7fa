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
OF_FLOAT(exp2)
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
    CHECK(worst_of(exp2_of, exp2, -150, 128, true) < 0.52);
    CHECK(worst_of(expm1_of, expm1, -20, 20, true) < 0.52);
    CHECK(worst_of(log_of, log, 0, 100, true) < 0.52);
    CHECK(worst_of(log_of, log, 0.5, 1.5, false) < 0.52);
    CHECK(worst_of(log2_of, log2, 0, 100, true) < 0.52);
    CHECK(worst_of(log10_of, log10, 0, 100, true) < 0.52);
    CHECK(worst_of(log1p_of, log1p, -1, 5, true) < 0.52);
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

static void test_powers(void)
{
    static const float powers[] = {0, 1, -1, 2, -2, 3, -3, 0.5f, -0.5f, 2.5f, INFINITY, NAN};
    for (int i = 0; i < (int)SPECIAL; i++) {
        for (size_t k = 0; k < sizeof powers / sizeof powers[0]; k++) {
            double x = (double)special[i], p = (double)powers[k];
            if (isinf(p) && fabs(x) == 1)
                continue; /* C says 1; what is undecided is NaN here */
            CHECK(distance((float)calr_v_pow(x, p), pow(x, p)) < 0.6);
        }
    }
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
    RUN(test_powers);
    RUN(test_f16);
    return check_finish();
}
