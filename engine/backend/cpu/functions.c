/* Functions of one element and their gradients. */
#include <math.h>

#include "backend/cpu/kernels.h"
#include "backend/cpu/vector_math.h"

typedef struct function {
    double p, q; /* the parameters */
    const void *x, *dy;
    void *y;
} function;

/* The loop `name`: y = expression of x, p and q; with a gradient, x is what was saved and dy that of the result. T is
 * how elements are kept, C how they are computed with, R the result. */
#define LOOP(clones, name, T, C, R, load, store, expression)                                       \
    clones static void name(void *context, int64_t begin, int64_t end, int worker)                 \
    {                                                                                              \
        const function *f = context;                                                               \
        const C p = (C)f->p, q = (C)f->q;                                                          \
        const T *from = f->x, *gradient = f->dy ? f->dy : f->x;                                    \
        R *to = f->y;                                                                              \
        (void)worker, (void)p, (void)q;                                                            \
        _Pragma("omp simd") for (int64_t i = begin; i < end; i++)                                  \
        {                                                                                          \
            const C x = load(from[i]), dy = load(gradient[i]);                                     \
            (void)dy, (void)x;                                                                     \
            to[i] = store(expression);                                                             \
        }                                                                                          \
    }

#define SAME(x)   (x)
#define TRUTH(x)  (uint8_t)((x) != 0)
#define WIDEN(x)  calr_bf16_to_f32(x)
#define NARROW(x) calr_bf16_from_f32(x)

#define TWO_OVER_ROOT_PI  1.1283791670955126
#define ROOT_HALF         0.7071067811865476
#define ONE_OVER_ROOT_2PI 0.3989422804014327
#define LN_2              0.6931471805599453
#define LN_10             2.302585092994046
#define GELU_SCALE        0.7978845608028654 /* sqrt(2 / pi) */
#define GELU_CUBE         0.044715

/* Elementary functions of both kinds: V(name) is that of vector_math.h or the C library's. */
#define V_vector(name)  calr_v_##name
#define V_library(name) name

/* exp2, erf and gelu are computed in float where floats are kept; the exponents there are not above 0. */
#define REAL_vector             float
#define REAL_library            double
#define POW_vector              calr_v_pow_turned
#define POW_library(x, p, turn) pow(x, p)
#define SOFTPLUS_vector         calr_v_softplus
#define SOFTPLUS_library(x)     log1p(exp(x))
#define NEGATIVE_vector(x)      calr_exp_below(x)
#define NEGATIVE_library(x)     exp(x)

/* Composed ones. */
#define HELPERS(kind)                                                                              \
    CALR_INLINE double sigmoid_##kind(double x)                                                    \
    {                                                                                              \
        return 1 / (1 + V_##kind(exp)(-x));                                                        \
    }                                                                                              \
    CALR_INLINE double gelu_tanh_##kind(double x)                                                  \
    {                                                                                              \
        return V_##kind(tanh)(GELU_SCALE * (x + GELU_CUBE * x * x * x));                           \
    }                                                                                              \
    CALR_INLINE double gelu_tanh_slope_##kind(double x)                                            \
    {                                                                                              \
        double t = gelu_tanh_##kind(x);                                                            \
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * GELU_SCALE * (1 + 3 * GELU_CUBE * x * x);   \
    }
HELPERS(vector)
HELPERS(library)
#define normal_vector(x) calr_v_normal((float)(x))

CALR_INLINE double normal_library(double x)
{
    return 0.5 * erfc(-x * ROOT_HALF);
}

/* FUNCTION(clones, name, T, C, load, store, y, gradient) */
#define FUNCTION(clones, name, T, C, load, store, y, gradient)                                     \
    LOOP(clones, name, T, C, T, load, store, y)                                                    \
    LOOP(clones, name##_gradient, T, C, T, load, store, gradient)

#define FUNCTIONS(t, T, C, m, load, store)                                                         \
    FUNCTION(CALR_CLONES, neg_##t, T, C, load, store, -x, -dy)                                     \
    FUNCTION(CALR_CLONES, abs_##t, T, C, load, store, fabs##m(x), x > 0 ? dy : x < 0 ? -dy : 0)    \
    FUNCTION(CALR_CLONES, sign_##t, T, C, load, store, (C)((x > 0) - (x < 0)), 0)                  \
    FUNCTION(CALR_CLONES, square_##t, T, C, load, store, x *x, 2 * x * dy)                         \
    FUNCTION(CALR_CLONES, zeroth_##t, T, C, load, store, 1, 0)                                     \
    FUNCTION(CALR_CLONES, first_##t, T, C, load, store, x, dy)                                     \
    FUNCTION(CALR_CLONES, cube_##t, T, C, load, store, x *x *x, 3 * x * x * dy)                    \
    FUNCTION(CALR_CLONES, relu_##t, T, C, load, store, x > 0 || x != x ? x : 0, x > 0 ? dy : 0)    \
    FUNCTION(CALR_CLONES, clamp_##t, T, C, load, store,                                            \
             x > q   ? q                                                                           \
             : x < p ? p                                                                           \
                     : x,                                                                          \
             x < p || x > q ? 0 : dy)                                                              \
    FUNCTION(CALR_CLONES, floor_##t, T, C, load, store, floor##m(x), 0)                            \
    FUNCTION(CALR_CLONES, ceil_##t, T, C, load, store, ceil##m(x), 0)                              \
    FUNCTION(CALR_CLONES, round_##t, T, C, load, store, nearbyint##m(x), 0)                        \
    FUNCTION(CALR_CLONES, trunc_##t, T, C, load, store, trunc##m(x), 0)                            \
    FUNCTION(CALR_CLONES, reciprocal_##t, T, C, load, store, 1 / x, -dy * x * x)                   \
    FUNCTION(CALR_CLONES, sqrt_##t, T, C, load, store, sqrt##m(x), dy / (2 * x))                   \
    FUNCTION(CALR_CLONES, rsqrt_##t, T, C, load, store, 1 / sqrt##m(x), (C)-0.5 * dy * x * x * x)  \
    FUNCTION(CALR_CLONES, leaky_relu_##t, T, C, load, store, x > 0 ? x : p * x,                    \
             x > 0 ? dy : p * dy)                                                                  \
    FUNCTION(CALR_CLONES, hardsigmoid_##t, T, C, load, store,                                      \
             x <= -3  ? 0                                                                          \
             : x >= 3 ? 1                                                                          \
                      : (x + 3) / 6,                                                               \
             x > -3 && x < 3 ? dy / 6 : 0)                                                         \
    FUNCTION(CALR_CLONES, hardswish_##t, T, C, load, store,                                        \
             x <= -3  ? 0                                                                          \
             : x >= 3 ? x                                                                          \
                      : x * (x + 3) / 6,                                                           \
             x < -3   ? 0                                                                          \
             : x <= 3 ? dy * (x / 3 + (C)0.5)                                                      \
                      : dy)                                                                        \
    LOOP(CALR_CLONES, not_##t, T, C, uint8_t, load, TRUTH, x == 0)                                 \
    LOOP(CALR_CLONES, isnan_##t, T, C, uint8_t, load, TRUTH, x != x)                               \
    LOOP(CALR_CLONES, isinf_##t, T, C, uint8_t, load, TRUTH, fabs##m(x) == (C)INFINITY)            \
    LOOP(CALR_CLONES, isfinite_##t, T, C, uint8_t, load, TRUTH, fabs##m(x) < (C)INFINITY)

#define ELEMENTARY(clones, t, T, kind, load, store)                                                \
    FUNCTION(clones, exp_##t, T, double, load, store, V_##kind(exp)(x), dy *x)                     \
    FUNCTION(clones, exp2_##t, T, REAL_##kind, load, store, V_##kind(exp2)(x),                     \
             dy *x *(REAL_##kind)LN_2)                                                             \
    FUNCTION(clones, expm1_##t, T, double, load, store, V_##kind(expm1)(x), dy *(x + 1))           \
    FUNCTION(clones, log_##t, T, double, load, store, V_##kind(log)(x), dy / x)                    \
    FUNCTION(clones, log2_##t, T, double, load, store, V_##kind(log2)(x), dy / (x * LN_2))         \
    FUNCTION(clones, log10_##t, T, double, load, store, V_##kind(log10)(x), dy / (x * LN_10))      \
    FUNCTION(clones, log1p_##t, T, double, load, store, V_##kind(log1p)(x), dy / (x + 1))          \
    FUNCTION(clones, sin_##t, T, double, load, store, V_##kind(sin)(x), dy *V_##kind(cos)(x))      \
    FUNCTION(clones, cos_##t, T, double, load, store, V_##kind(cos)(x), -dy *V_##kind(sin)(x))     \
    FUNCTION(clones, tan_##t, T, double, load, store, V_##kind(tan)(x), dy *(1 + x * x))           \
    FUNCTION(clones, asin_##t, T, double, load, store, V_##kind(asin)(x), dy / sqrt(1 - x * x))    \
    FUNCTION(clones, acos_##t, T, double, load, store, V_##kind(acos)(x), -dy / sqrt(1 - x * x))   \
    FUNCTION(clones, atan_##t, T, double, load, store, V_##kind(atan)(x), dy / (1 + x * x))        \
    FUNCTION(clones, sinh_##t, T, double, load, store, V_##kind(sinh)(x), dy *V_##kind(cosh)(x))   \
    FUNCTION(clones, cosh_##t, T, double, load, store, V_##kind(cosh)(x), dy *V_##kind(sinh)(x))   \
    FUNCTION(clones, tanh_##t, T, double, load, store, V_##kind(tanh)(x), dy *(1 - x * x))         \
    FUNCTION(clones, erf_##t, T, REAL_##kind, load, store, V_##kind(erf)(x),                       \
             dy *(REAL_##kind)TWO_OVER_ROOT_PI *NEGATIVE_##kind(-x *x))                            \
    FUNCTION(clones, pow_##t, T, double, load, store, POW_##kind(x, p, q),                         \
             dy *p *POW_##kind(x, p - 1, q))                                                       \
    FUNCTION(clones, sigmoid_##t, T, double, load, store, sigmoid_##kind(x), dy *x *(1 - x))       \
    FUNCTION(clones, elu_##t, T, double, load, store, x > 0 ? x : p * V_##kind(expm1)(x),          \
             x > 0 ? dy : dy * p * V_##kind(exp)(x))                                               \
    FUNCTION(clones, softplus_##t, T, double, load, store,                                         \
             p *x > q ? x : SOFTPLUS_##kind(p * x) / p,                                            \
             p * x > q ? dy : dy * sigmoid_##kind(p * x))                                          \
    FUNCTION(clones, silu_##t, T, double, load, store, x *sigmoid_##kind(x),                       \
             dy *sigmoid_##kind(x) * (1 + x * (1 - sigmoid_##kind(x))))                            \
    FUNCTION(clones, gelu_##t, T, REAL_##kind, load, store, x *normal_##kind(x),                   \
             dy *(normal_##kind(x) + x * (REAL_##kind)ONE_OVER_ROOT_2PI *                          \
                                         NEGATIVE_##kind((REAL_##kind) - 0.5 * x * x)))            \
    FUNCTION(clones, gelu_tanh_##t, T, double, load, store, 0.5 * x * (1 + gelu_tanh_##kind(x)),   \
             dy * gelu_tanh_slope_##kind(x))

#define ROUND_ONCE(x)   (float)(x)
#define NARROW_TWICE(x) calr_bf16_from_f32((float)(x))
FUNCTIONS(f32, float, float, f, SAME, SAME)
FUNCTIONS(f64, double, double, , SAME, SAME)
FUNCTIONS(bf16, calr_bf16, float, f, WIDEN, NARROW)
ELEMENTARY(CALR_CLONES, f32, float, vector, SAME, ROUND_ONCE)
ELEMENTARY(CALR_CLONES, bf16, calr_bf16, vector, WIDEN, NARROW_TWICE)
ELEMENTARY(, f64, double, library, SAME, SAME)

/* Angles that are too large for vector_math.h are for the C library: a chunk that holds one is computed by it. */
#define WAVE(name, near, t, T, load, store, y)                                                     \
    LOOP(, name##_##t##_far, T, double, T, load, store, y)                                         \
    CALR_CLONES static void name##_##t##_any(void *context, int64_t begin, int64_t end,            \
                                             int worker)                                           \
    {                                                                                              \
        const function *f = context;                                                               \
        const T *x = f->x;                                                                         \
        int far = 0;                                                                               \
        _Pragma("omp simd reduction(| : far)") for (int64_t i = begin; i < end; i++) far |=        \
            !(fabsf(load(x[i])) <= (float)CALR_V_ANGLE);                                           \
        (far ? name##_##t##_far : near)(context, begin, end, worker);                              \
    }
#define WAVES(t, T, load, store)                                                                   \
    WAVE(sin, sin_##t, t, T, load, store, sin(x))                                                  \
    WAVE(cos, cos_##t, t, T, load, store, cos(x))                                                  \
    WAVE(tan, tan_##t, t, T, load, store, tan(x))                                                  \
    WAVE(sin_gradient, sin_##t##_gradient, t, T, load, store, dy *cos(x))                          \
    WAVE(cos_gradient, cos_##t##_gradient, t, T, load, store, -dy *sin(x))
WAVES(f32, float, SAME, ROUND_ONCE)
WAVES(bf16, calr_bf16, WIDEN, NARROW_TWICE)

/* Of integers: U is the unsigned type, in which nothing overflows. The parameters of clamp are whole. */
#define INTEGER_FUNCTIONS(t, T, U)                                                                 \
    LOOP(CALR_CLONES, neg_##t, T, int64_t, T, SAME, (T)(U), 0 - (uint64_t)x)                       \
    LOOP(CALR_CLONES, abs_##t, T, int64_t, T, SAME, (T)(U), x < 0 ? 0 - (uint64_t)x : (uint64_t)x) \
    LOOP(CALR_CLONES, sign_##t, T, int64_t, T, SAME, (T), (x > 0) - (x < 0))                       \
    LOOP(CALR_CLONES, square_##t, T, int64_t, T, SAME, (T)(U), (uint64_t)x *(uint64_t)x)           \
    LOOP(CALR_CLONES, relu_##t, T, int64_t, T, SAME, (T), x > 0 ? x : 0)                           \
    LOOP(CALR_CLONES, clamp_##t, T, int64_t, T, SAME, (T), x > q ? q : x < p ? p : x)              \
    LOOP(CALR_CLONES, not_##t, T, int64_t, uint8_t, SAME, TRUTH, x == 0)                           \
    LOOP(CALR_CLONES, isnan_##t, T, int64_t, uint8_t, SAME, TRUTH, 0)                              \
    LOOP(CALR_CLONES, isfinite_##t, T, int64_t, uint8_t, SAME, TRUTH, 1)
INTEGER_FUNCTIONS(i64, int64_t, uint64_t)
INTEGER_FUNCTIONS(i32, int32_t, uint32_t)
INTEGER_FUNCTIONS(u8, uint8_t, uint8_t)

#define WITH(name, t)                                                                              \
    {                                                                                              \
        name##_##t, name##_##t##_gradient                                                          \
    }
#define TESTS(t, inf)                                                                              \
    [CALR_LOGICAL_NOT] = {not_##t}, [CALR_ISNAN] = {isnan_##t}, [CALR_ISINF] = {inf},              \
    [CALR_ISFINITE] = {isfinite_##t}
#define WAVE_vector(name, t)                                                                       \
    {                                                                                              \
        name##_##t##_any, name##_gradient_##t##_any                                                \
    }
#define WAVE_library(name, t) WITH(name, t)
#define TAN_vector(t)                                                                              \
    {                                                                                              \
        tan_##t##_any, tan_##t##_gradient                                                          \
    }
#define TAN_library(t) WITH(tan, t)
#define TABLE(t, kind)                                                                             \
    {                                                                                              \
        [CALR_NEG] = WITH(neg, t), [CALR_ABS] = WITH(abs, t), [CALR_SIGN] = WITH(sign, t),         \
        [CALR_SQUARE] = WITH(square, t), [CALR_RELU] = WITH(relu, t),                              \
        [CALR_CLAMP] = WITH(clamp, t), [CALR_FLOOR] = WITH(floor, t), [CALR_CEIL] = WITH(ceil, t), \
        [CALR_ROUND] = WITH(round, t), [CALR_TRUNC] = WITH(trunc, t),                              \
        [CALR_RECIPROCAL] = WITH(reciprocal, t), [CALR_SQRT] = WITH(sqrt, t),                      \
        [CALR_RSQRT] = WITH(rsqrt, t), [CALR_EXP] = WITH(exp, t), [CALR_EXP2] = WITH(exp2, t),     \
        [CALR_EXPM1] = WITH(expm1, t), [CALR_LOG] = WITH(log, t), [CALR_LOG2] = WITH(log2, t),     \
        [CALR_LOG10] = WITH(log10, t), [CALR_LOG1P] = WITH(log1p, t),                              \
        [CALR_SIN] = WAVE_##kind(sin, t), [CALR_COS] = WAVE_##kind(cos, t),                        \
        [CALR_TAN] = TAN_##kind(t), [CALR_ASIN] = WITH(asin, t), [CALR_ACOS] = WITH(acos, t),      \
        [CALR_ATAN] = WITH(atan, t), [CALR_SINH] = WITH(sinh, t), [CALR_COSH] = WITH(cosh, t),     \
        [CALR_TANH] = WITH(tanh, t), [CALR_ERF] = WITH(erf, t), [CALR_POW] = WITH(pow, t),         \
        [CALR_SIGMOID] = WITH(sigmoid, t), [CALR_LEAKY_RELU] = WITH(leaky_relu, t),                \
        [CALR_ELU] = WITH(elu, t), [CALR_SOFTPLUS] = WITH(softplus, t),                            \
        [CALR_SILU] = WITH(silu, t), [CALR_GELU] = WITH(gelu, t),                                  \
        [CALR_GELU_TANH] = WITH(gelu_tanh, t), [CALR_HARDSIGMOID] = WITH(hardsigmoid, t),          \
        [CALR_HARDSWISH] = WITH(hardswish, t), TESTS(t, isinf_##t)                                 \
    }
#define INTEGER_TABLE(t)                                                                           \
    {                                                                                              \
        [CALR_NEG] = {neg_##t}, [CALR_ABS] = {abs_##t}, [CALR_SIGN] = {sign_##t},                  \
        [CALR_SQUARE] = {square_##t}, [CALR_RELU] = {relu_##t}, [CALR_CLAMP] = {clamp_##t},        \
        TESTS(t, isnan_##t) /* an integer is neither */                                            \
    }

typedef struct body {
    calr_parallel_body forward, gradient;
} body;

static const body bodies[CALR_DTYPES][CALR_UNARY_COUNT] = {
    [CALR_F32] = TABLE(f32, vector),     [CALR_F64] = TABLE(f64, library),
    [CALR_BF16] = TABLE(bf16, vector),   [CALR_I64] = INTEGER_TABLE(i64),
    [CALR_I32] = INTEGER_TABLE(i32),     [CALR_U8] = INTEGER_TABLE(u8),
    [CALR_BOOL] = {TESTS(u8, isnan_u8)},
};

/* Powers that need no logarithm have loops of their own, the roots with the special values of theirs; those of infinity
 * and NaN are for the C library. */
#define FAR_POWERS(t, T, load, store)                                                              \
    FUNCTION(, pow_far_##t, T, double, load, store, pow(x, p), dy *p *pow(x, p - 1))
FAR_POWERS(f32, float, SAME, ROUND_ONCE)
FAR_POWERS(f64, double, SAME, SAME)
FAR_POWERS(bf16, calr_bf16, WIDEN, NARROW_TWICE)

enum { ZEROTH, FIRST, SECOND, THIRD, INVERSE, ROOT, INVERSE_ROOT, OTHER, FAR, KINDS };
#define POWERS(t)                                                                                  \
    {                                                                                              \
        [ZEROTH] = WITH(zeroth, t), [FIRST] = WITH(first, t), [SECOND] = WITH(square, t),          \
        [THIRD] = WITH(cube, t), [INVERSE] = {reciprocal_##t, pow_##t##_gradient},                 \
        [ROOT] = {sqrt_##t, pow_##t##_gradient}, [INVERSE_ROOT] = {rsqrt_##t, pow_##t##_gradient}, \
        [OTHER] = WITH(pow, t), [FAR] = WITH(pow_far, t)                                           \
    }
static const body powers[CALR_DTYPES][KINDS] = {
    [CALR_F32] = POWERS(f32), [CALR_F64] = POWERS(f64), [CALR_BF16] = POWERS(bf16)};

static int power_of(double p)
{
    if (p == 0 || p == 1 || p == 2 || p == 3)
        return (int)p;
    return p == -1      ? INVERSE
           : p == 0.5   ? ROOT
           : p == -0.5  ? INVERSE_ROOT
           : p - p != 0 ? FAR
                        : OTHER;
}

static body body_of(calr_unary op, calr_dtype dtype, double p)
{
    return op == CALR_POW ? powers[dtype][power_of(p)] : bodies[dtype][op];
}

void calr_cpu_unary(calr_unary op, calr_dtype dtype, int64_t n, const double p[2], const void *x,
                    void *y)
{
    function f = {.p = p ? p[0] : 0, .q = p ? p[1] : 0, .x = x, .y = y};
    if (op == CALR_POW)
        f.q = calr_v_turn(f.p);
    if (op == CALR_CLAMP &&
        !calr_dtype_is_float(dtype)) { /* so that the limits can be whole numbers */
        f.p = fmax(-0x1p63, fmin(0x1.fffffffffffffp62, f.p));
        f.q = fmax(-0x1p63, fmin(0x1.fffffffffffffp62, f.q));
    }
    calr_parallel_for(n, CALR_GRAIN, body_of(op, dtype, f.p).forward, &f);
}

void calr_cpu_unary_backward(calr_unary op, calr_dtype dtype, int64_t n, const double p[2],
                             const void *saved, const void *dy, void *dx)
{
    function f = {.p = p ? p[0] : 0, .q = p ? p[1] : 0, .x = saved, .dy = dy, .y = dx};
    if (op == CALR_POW)
        f.q = calr_v_turn(f.p - 1);
    calr_parallel_for(n, CALR_GRAIN, body_of(op, dtype, f.p).gradient, &f);
}
