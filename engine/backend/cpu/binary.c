/* Functions of two elements. */
#include <math.h>

#include "backend/cpu/kernels.h"
#include "backend/cpu/paired.h"

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

#define SAME(x)   (x)
#define TRUTH(x)  (uint8_t)((x) != 0)
#define WIDEN(x)  calr_bf16_to_f32(x)
#define NARROW(x) calr_bf16_from_f32(x)

/* ---- floats ---- */

/* As PyTorch and Python: the quotient that goes with the remainder, so that a = q b + r holds as well as it can. */
#define REAL_FUNCTIONS(C, suffix)                                                                  \
    CALR_INLINE C remainder_##C(C a, C b)                                                          \
    {                                                                                              \
        C r = fmod##suffix(a, b);                                                                  \
        return r != 0 && (r < 0) != (b < 0) ? r + b : r;                                           \
    }                                                                                              \
    CALR_INLINE C floor_divide_##C(C a, C b)                                                       \
    {                                                                                              \
        if (b == 0)                                                                                \
            return a / b;                                                                          \
        C r = fmod##suffix(a, b), q = (a - r) / b;                                                 \
        if (r != 0 && (r < 0) != (b < 0))                                                          \
            q -= 1;                                                                                \
        if (q == 0)                                                                                \
            return copysign##suffix(0, a / b);                                                     \
        C whole = floor##suffix(q);                                                                \
        return q - whole > (C)0.5 ? whole + 1 : whole;                                             \
    }                                                                                              \
    CALR_INLINE C maximum_##C(C a, C b)                                                            \
    {                                                                                              \
        return a != a ? a : b != b ? b : a > b ? a : b;                                            \
    }                                                                                              \
    CALR_INLINE C minimum_##C(C a, C b)                                                            \
    {                                                                                              \
        return a != a ? a : b != b ? b : a < b ? a : b;                                            \
    }
REAL_FUNCTIONS(float, f)
REAL_FUNCTIONS(double, )

#define REAL_ROWS(t, T, C, suffix, load, store)                                                    \
    ROW(add_##t, T, C, T, load, store, a + b)                                                      \
    ROW(sub_##t, T, C, T, load, store, a - b)                                                      \
    ROW(mul_##t, T, C, T, load, store, a *b)                                                       \
    ROW(div_##t, T, C, T, load, store, a / b)                                                      \
    ROW(pow_##t, T, C, T, load, store, pow##suffix(a, b))                                          \
    ROW(floor_divide_##t, T, C, T, load, store, floor_divide_##C(a, b))                            \
    ROW(remainder_##t, T, C, T, load, store, remainder_##C(a, b))                                  \
    ROW(fmod_##t, T, C, T, load, store, fmod##suffix(a, b))                                        \
    ROW(maximum_##t, T, C, T, load, store, maximum_##C(a, b))                                      \
    ROW(minimum_##t, T, C, T, load, store, minimum_##C(a, b))                                      \
    ROW(atan2_##t, T, C, T, load, store, atan2##suffix(a, b))                                      \
    TEST_ROWS(t, T, C, load)
#define TEST_ROWS(t, T, C, load)                                                                   \
    ROW(eq_##t, T, C, uint8_t, load, TRUTH, a == b)                                                \
    ROW(ne_##t, T, C, uint8_t, load, TRUTH, a != b)                                                \
    ROW(lt_##t, T, C, uint8_t, load, TRUTH, a < b)                                                 \
    ROW(le_##t, T, C, uint8_t, load, TRUTH, a <= b)                                                \
    ROW(gt_##t, T, C, uint8_t, load, TRUTH, a > b)                                                 \
    ROW(ge_##t, T, C, uint8_t, load, TRUTH, a >= b)
REAL_ROWS(f32, float, float, f, SAME, SAME)
REAL_ROWS(f64, double, double, , SAME, SAME)
REAL_ROWS(bf16, calr_bf16, float, f, WIDEN, NARROW)

/* ---- integers ---- sums and products wrap around: they are those of U, the unsigned type. No b is 0 in a division. */

CALR_INLINE int64_t divide_down(int64_t a, int64_t b)
{
    if (b == -1) /* the lowest number has no opposite */
        return (int64_t)(0 - (uint64_t)a);
    int64_t q = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

CALR_INLINE int64_t modulo(int64_t a, int64_t b)
{
    if (b == -1)
        return 0;
    int64_t r = a % b;
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
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
    [CALR_GT] = gt_##t, [CALR_GE] = ge_##t

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

/* Whether an operand holds a number that integers cannot be divided by, or raised to. */
static bool holds_refused(calr_binary op, calr_dtype dtype, const calr_pairing *pairing,
                          const void *b)
{
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
