/* Functions of two elements. */
#include <math.h>

#include "backend/cpu/kernels.h"
#include "backend/cpu/paired.h"
#include "backend/cpu/vector_math.h"

/* ROW(name, expression of a and b, ...) defines the row `name`. The steps that occur most are constants to the
 * compiler, which then vectorises. T is how elements are kept, C how they are computed with, R the result. */
#define ROW(name, T, C, R, load, store, expression)                                                \
    CALR_INLINE void name##_of(int64_t n, const T *x1, int64_t step1, const T *x2, int64_t step2,  \
                               R *y)                                                               \
    {                                                                                              \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++)                                        \
        {                                                                                          \
            const C a = load(x1[i * step1]), b = load(x2[i * step2]);                              \
            y[i] = store(expression);                                                              \
        }                                                                                          \
    }                                                                                              \
    CALR_CLONES static void name(int64_t n, const void *const x[3], const int64_t step[3],         \
                                 double p, void *y)                                                \
    {                                                                                              \
        (void)p;                                                                                   \
        if (step[0] == 1 && step[1] == 1)                                                          \
            name##_of(n, x[0], 1, x[1], 1, y);                                                     \
        else if (step[0] == 1 && step[1] == 0)                                                     \
            name##_of(n, x[0], 1, x[1], 0, y);                                                     \
        else if (step[0] == 0 && step[1] == 1)                                                     \
            name##_of(n, x[0], 0, x[1], 1, y);                                                     \
        else                                                                                       \
            name##_of(n, x[0], step[0], x[1], step[1], y);                                         \
    }

#define SAME(x)         (x)
#define TRUTH(x)        (uint8_t)((x) != 0)
#define WIDEN(x)        calr_bf16_to_f32(x)
#define NARROW(x)       calr_bf16_from_f32(x)
#define ROUND_ONCE(x)   (float)(x)
#define NARROW_TWICE(x) calr_bf16_from_f32((float)(x))

/* ---- floats ---- */

#define REAL_FUNCTIONS(C)                                                                          \
    CALR_INLINE C maximum_##C(C a, C b)                                                            \
    {                                                                                              \
        return a != a ? a : b != b ? b : a > b ? a : b;                                            \
    }                                                                                              \
    CALR_INLINE C minimum_##C(C a, C b)                                                            \
    {                                                                                              \
        return a != a ? a : b != b ? b : a < b ? a : b;                                            \
    }
REAL_FUNCTIONS(float)
REAL_FUNCTIONS(double)

/* As PyTorch and Python: the quotient that goes with the remainder, so that a = q b + r holds as well as it can. */
CALR_INLINE double remainder_double(double a, double b)
{
    double r = fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

CALR_INLINE double floor_divide_double(double a, double b)
{
    if (b == 0)
        return a / b;
    double r = fmod(a, b), q = (a - r) / b;
    if (r != 0 && (r < 0) != (b < 0))
        q -= 1;
    if (q == 0)
        return copysign(0, a / b);
    double whole = floor(q);
    return q - whole > 0.5 ? whole + 1 : whole;
}

#define REAL_ROWS(t, T, C, load, store)                                                            \
    ROW(add_##t, T, C, T, load, store, a + b)                                                      \
    ROW(sub_##t, T, C, T, load, store, a - b)                                                      \
    ROW(mul_##t, T, C, T, load, store, a *b)                                                       \
    ROW(div_##t, T, C, T, load, store, a / b)                                                      \
    ROW(maximum_##t, T, C, T, load, store, maximum_##C(a, b))                                      \
    ROW(minimum_##t, T, C, T, load, store, minimum_##C(a, b))                                      \
    TEST_ROWS(t, T, C, load)
#define TEST_ROWS(t, T, C, load)                                                                   \
    ROW(eq_##t, T, C, uint8_t, load, TRUTH, a == b)                                                \
    ROW(ne_##t, T, C, uint8_t, load, TRUTH, a != b)                                                \
    ROW(lt_##t, T, C, uint8_t, load, TRUTH, a < b)                                                 \
    ROW(le_##t, T, C, uint8_t, load, TRUTH, a <= b)                                                \
    ROW(gt_##t, T, C, uint8_t, load, TRUTH, a > b)                                                 \
    ROW(ge_##t, T, C, uint8_t, load, TRUTH, a >= b)                                                \
    ROW(both_##t, T, C, uint8_t, load, TRUTH, (a != 0) & (b != 0))                                 \
    ROW(any_##t, T, C, uint8_t, load, TRUTH, (a != 0) | (b != 0))                                  \
    ROW(one_##t, T, C, uint8_t, load, TRUTH, (a != 0) != (b != 0))
REAL_ROWS(f32, float, float, SAME, SAME)
REAL_ROWS(f64, double, double, SAME, SAME)
REAL_ROWS(bf16, calr_bf16, float, WIDEN, NARROW)

/* Of what is no larger than a float; the C library's functions serve f64. */
#define ELEMENTARY_ROWS(t, T, load, store)                                                         \
    ROW(pow_##t, T, double, T, load, store, calr_v_pow(a, b))                                      \
    ROW(atan2_##t, T, double, T, load, store, calr_v_atan2(a, b))                                  \
    QUOTIENT_ROW(floor_divide, t, T, load, store, floor_divide_double(a, b))                       \
    QUOTIENT_ROW(remainder, t, T, load, store, remainder_double(a, b))                             \
    QUOTIENT_ROW(fmod, t, T, load, store, fmod(a, b))

/* A part of a row that holds a quotient too large for vector_math.h is computed by the C library. */
#define PART 1024
#define QUOTIENT_ROW(name, t, T, load, store, far)                                                 \
    ROW(name##_##t##_near, T, double, T, load, store, calr_v_##name(a, b))                         \
    static void name##_##t##_far(int64_t n, const T *x1, int64_t step1, const T *x2,               \
                                 int64_t step2, T *y)                                              \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const double a = load(x1[i * step1]), b = load(x2[i * step2]);                         \
            y[i] = store(far);                                                                     \
        }                                                                                          \
    }                                                                                              \
    static void name##_##t(int64_t n, const void *const x[3], const int64_t step[3], double p,     \
                           void *to)                                                               \
    {                                                                                              \
        T *y = to;                                                                                 \
        for (int64_t i = 0; i < n; i += PART) {                                                    \
            const int64_t part = calr_min64(PART, n - i);                                          \
            const T *x1 = (const T *)x[0] + i * step[0], *x2 = (const T *)x[1] + i * step[1];      \
            if (any_far_##t(part, x1, step[0], x2, step[1]))                                       \
                name##_##t##_far(part, x1, step[0], x2, step[1], y + i);                           \
            else                                                                                   \
                name##_##t##_near(part, (const void *const[3]){x1, x2}, step, p, y + i);           \
        }                                                                                          \
    }
#define ANY_FAR(t, T, load)                                                                        \
    CALR_CLONES static bool any_far_##t(int64_t n, const T *a, int64_t step1, const T *b,          \
                                        int64_t step2)                                             \
    {                                                                                              \
        int far = 0;                                                                               \
        if (step1 == 1 && step2 == 1)                                                              \
            _Pragma("omp simd reduction(| : far)") for (int64_t i = 0; i < n; i++) far |=          \
                calr_v_is_far(load(a[i]), load(b[i]));                                             \
        else                                                                                       \
            for (int64_t i = 0; i < n; i++)                                                        \
                far |= calr_v_is_far(load(a[i * step1]), load(b[i * step2]));                      \
        return far;                                                                                \
    }
ANY_FAR(f32, float, SAME)
ANY_FAR(bf16, calr_bf16, WIDEN)
ELEMENTARY_ROWS(f32, float, SAME, ROUND_ONCE)
ELEMENTARY_ROWS(bf16, calr_bf16, WIDEN, NARROW_TWICE)
ROW(pow_f64, double, double, double, SAME, SAME, pow(a, b))
ROW(atan2_f64, double, double, double, SAME, SAME, atan2(a, b))
ROW(floor_divide_f64, double, double, double, SAME, SAME, floor_divide_double(a, b))
ROW(remainder_f64, double, double, double, SAME, SAME, remainder_double(a, b))
ROW(fmod_f64, double, double, double, SAME, SAME, fmod(a, b))

/* ---- integers ---- sums and products wrap around: they are those of U, the unsigned type. No b is 0 in a division. */

/* One division each: it costs more than all the rest. The lowest number has no opposite. */
CALR_INLINE int64_t divide_down(int64_t a, int64_t b)
{
    if (b == -1)
        return (int64_t)(0 - (uint64_t)a);
    int64_t q = a / b, r = a - q * b;
    return q - ((r != 0) & ((r ^ b) < 0));
}

CALR_INLINE int64_t modulo(int64_t a, int64_t b)
{
    if (b == -1)
        return 0;
    int64_t r = a % b;
    return r + (b & -(int64_t)((r != 0) & ((r ^ b) < 0)));
}

CALR_INLINE int64_t rest(int64_t a, int64_t b)
{
    return b == -1 ? 0 : a % b;
}

/* b >= 0 was checked. */
CALR_INLINE uint64_t power(uint64_t a, int64_t b)
{
    uint64_t y = 1;
    for (; b > 0; b >>= 1, a *= a)
        if (b & 1)
            y *= a;
    return y;
}

#define INTEGER_ROWS(t, T, U)                                                                      \
    ROW(add_##t, T, T, T, SAME, (T), (U)((U)a + (U)b))                                             \
    ROW(sub_##t, T, T, T, SAME, (T), (U)((U)a - (U)b))                                             \
    ROW(mul_##t, T, T, T, SAME, (T), (U)((uint64_t)a * (uint64_t)b))                               \
    ROW(pow_##t, T, T, T, SAME, (T), power((uint64_t)a, b))                                        \
    ROW(floor_divide_##t, T, T, T, SAME, (T), divide_down(a, b))                                   \
    ROW(remainder_##t, T, T, T, SAME, (T), modulo(a, b))                                           \
    ROW(fmod_##t, T, T, T, SAME, (T), rest(a, b))                                                  \
    ROW(maximum_##t, T, T, T, SAME, SAME, a > b ? a : b)                                           \
    ROW(minimum_##t, T, T, T, SAME, SAME, a < b ? a : b)                                           \
    ROW(and_##t, T, T, T, SAME, (T), a &b)                                                         \
    ROW(or_##t, T, T, T, SAME, (T), a | b)                                                         \
    ROW(xor_##t, T, T, T, SAME, (T), a ^ b)                                                        \
    TEST_ROWS(t, T, T, SAME)
INTEGER_ROWS(i64, int64_t, uint64_t)
INTEGER_ROWS(i32, int32_t, uint32_t)
INTEGER_ROWS(u8, uint8_t, uint8_t)

#define REAL_TABLE(t)                                                                              \
    [CALR_ADD] = add_##t, [CALR_SUB] = sub_##t, [CALR_MUL] = mul_##t, [CALR_DIV] = div_##t,        \
    [CALR_POW_OF] = pow_##t, [CALR_FLOOR_DIVIDE] = floor_divide_##t,                               \
    [CALR_REMAINDER] = remainder_##t, [CALR_FMOD] = fmod_##t, [CALR_MAXIMUM] = maximum_##t,        \
    [CALR_MINIMUM] = minimum_##t, [CALR_ATAN2] = atan2_##t, TEST_TABLE(t)
#define INTEGER_TABLE(t)                                                                           \
    [CALR_ADD] = add_##t, [CALR_SUB] = sub_##t, [CALR_MUL] = mul_##t, [CALR_POW_OF] = pow_##t,     \
    [CALR_FLOOR_DIVIDE] = floor_divide_##t, [CALR_REMAINDER] = remainder_##t,                      \
    [CALR_FMOD] = fmod_##t, [CALR_MAXIMUM] = maximum_##t, [CALR_MINIMUM] = minimum_##t,            \
    [CALR_AND] = and_##t, [CALR_OR] = or_##t, [CALR_XOR] = xor_##t, TEST_TABLE(t)
#define TEST_TABLE(t)                                                                              \
    [CALR_EQ] = eq_##t, [CALR_NE] = ne_##t, [CALR_LT] = lt_##t, [CALR_LE] = le_##t,                \
    [CALR_GT] = gt_##t, [CALR_GE] = ge_##t, [CALR_LOGICAL_AND] = both_##t,                         \
    [CALR_LOGICAL_OR] = any_##t, [CALR_LOGICAL_XOR] = one_##t

static const calr_paired_row rows[CALR_DTYPES][CALR_BINARY_COUNT] = {
    [CALR_F32] = {REAL_TABLE(f32)},
    [CALR_F64] = {REAL_TABLE(f64)},
    [CALR_BF16] = {REAL_TABLE(bf16)},
    [CALR_I64] = {INTEGER_TABLE(i64)},
    [CALR_I32] = {INTEGER_TABLE(i32)},
    [CALR_U8] = {INTEGER_TABLE(u8)},
    [CALR_BOOL] = {[CALR_ADD] = or_u8,
                   [CALR_MUL] = and_u8,
                   [CALR_MAXIMUM] = or_u8,
                   [CALR_MINIMUM] = and_u8,
                   [CALR_AND] = and_u8,
                   [CALR_OR] = or_u8,
                   [CALR_XOR] = xor_u8,
                   TEST_TABLE(u8)},
};

/* Whether one of n integers is 0, or for powers below 0. */
#define REFUSED(t, T)                                                                              \
    CALR_CLONES static bool refused_##t(bool power, int64_t n, const T *x)                         \
    {                                                                                              \
        int found = 0;                                                                             \
        if (power)                                                                                 \
            _Pragma("omp simd reduction(| : found)") for (int64_t i = 0; i < n; i++) found |=      \
                x[i] < 0;                                                                          \
        else                                                                                       \
            _Pragma("omp simd reduction(| : found)") for (int64_t i = 0; i < n; i++) found |=      \
                x[i] == 0;                                                                         \
        return found;                                                                              \
    }
REFUSED(i64, int64_t)
REFUSED(i32, int32_t)
REFUSED(u8, uint8_t)

/* Whether an operand holds a number that integers cannot be divided by, or raised to. */
static bool holds_refused(calr_binary op, calr_dtype dtype, const calr_pairing *pairing,
                          const void *b)
{
    if (pairing->ndim == 1 && pairing->step[1][0] == 1) {
        int64_t n = pairing->shape[0];
        return dtype == CALR_I64   ? refused_i64(op == CALR_POW_OF, n, b)
               : dtype == CALR_I32 ? refused_i32(op == CALR_POW_OF, n, b)
                                   : refused_u8(op == CALR_POW_OF, n, b);
    }
    int64_t index[CALR_MAX_DIMS] = {0}, at = 0;
    const int64_t *step = pairing->step[1];
    for (int d = 0; d < pairing->ndim; d++)
        if (pairing->shape[d] == 0)
            return false;
    for (;;) {
        int64_t value = dtype == CALR_I64   ? ((const int64_t *)b)[at]
                        : dtype == CALR_I32 ? ((const int32_t *)b)[at]
                                            : ((const uint8_t *)b)[at];
        if (op == CALR_POW_OF ? value < 0 : value == 0)
            return true;
        int d = pairing->ndim - 1;
        for (; d >= 0; d--) {
            if (step[d] == 0) /* the same numbers again */
                continue;
            at += step[d];
            if (++index[d] < pairing->shape[d])
                break;
            at -= index[d] * step[d];
            index[d] = 0;
        }
        if (d < 0)
            return false;
    }
}

calr_status calr_cpu_binary(calr_binary op, calr_dtype dtype, const calr_pairing *pairing,
                            const void *a, const void *b, void *y)
{
    bool integer = dtype == CALR_I64 || dtype == CALR_I32 || dtype == CALR_U8;
    bool divides = op == CALR_FLOOR_DIVIDE || op == CALR_REMAINDER || op == CALR_FMOD;
    if (integer && (divides || op == CALR_POW_OF) && holds_refused(op, dtype, pairing, b))
        return calr_error(CALR_EINVAL,
                          divides ? "a whole number is divided by 0"
                                  : "a whole number is raised to a negative power; convert it "
                                    "with x:to \"f32\"");
    size_t size = calr_dtype_size(dtype);
    calr_paired_walk(pairing, 2, rows[dtype][op], (const void *const[3]){a, b},
                     (const size_t[3]){size, size}, 0, y, calr_binary_is_test(op) ? 1 : size);
    return CALR_OK;
}
