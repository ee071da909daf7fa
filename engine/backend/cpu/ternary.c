/* Functions of three elements, and the choice between two. */
#include <math.h>

#include "backend/cpu/kernels.h"
#include "backend/cpu/paired.h"
#include "backend/cpu/vector_math.h"

/* ROW(name, expression of a, b, c and p, ...), as in binary.c. */
#define ROW(name, A, T, C, load, store, expression)                                                \
    CALR_INLINE void name##_of(int64_t n, const A *x1, int64_t step1, const T *x2, int64_t step2,  \
                               const T *x3, int64_t step3, C p, T *y)                              \
    {                                                                                              \
        (void)p;                                                                                   \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++)                                        \
        {                                                                                          \
            const C a = load(x1[i * step1]), b = load(x2[i * step2]), c = load(x3[i * step3]);     \
            y[i] = store(expression);                                                              \
        }                                                                                          \
    }                                                                                              \
    CALR_CLONES static void name(int64_t n, const void *const x[3], const int64_t step[3],         \
                                 double p, void *y)                                                \
    {                                                                                              \
        if (step[0] == 1 && step[1] == 1 && step[2] == 1)                                          \
            name##_of(n, x[0], 1, x[1], 1, x[2], 1, (C)p, y);                                      \
        else if (step[0] == 1 && step[1] == 0 && step[2] == 1)                                     \
            name##_of(n, x[0], 1, x[1], 0, x[2], 1, (C)p, y);                                      \
        else if (step[0] == 1 && step[1] == 1 && step[2] == 0)                                     \
            name##_of(n, x[0], 1, x[1], 1, x[2], 0, (C)p, y);                                      \
        else                                                                                       \
            name##_of(n, x[0], step[0], x[1], step[1], x[2], step[2], (C)p, y);                    \
    }

#define SAME(x)   (x)
#define WIDEN(x)  calr_bf16_to_f32(x)
#define NARROW(x) calr_bf16_from_f32(x)

#define ROWS(t, T, C, load, store)                                                                 \
    ROW(lerp_##t, T, T, C, load, store, a + c * (b - a))                                           \
    ROW(addcmul_##t, T, T, C, load, store, a + p * b * c)                                          \
    ROW(addcdiv_##t, T, T, C, load, store, a + p * b / c)                                          \
    ROW(div_d_##t, T, T, C, load, store, -(c / b) * a)                                             \
    ROW(maximum_d_##t, T, T, C, load, store, a > b ? c : a == b ? c * (C)0.5 : 0)                  \
    ROW(minimum_d_##t, T, T, C, load, store, a < b ? c : a == b ? c * (C)0.5 : 0)
/* In double for all types, and those of floats with the functions of vector_math.h. */
#define ELEMENTARY_ROWS(t, T, load, store, power, logarithm)                                       \
    ROW(pow_d_base_##t, T, T, double, load, store, b == 0 ? 0 : c * b * power(a, b - 1))           \
    ROW(pow_d_power_##t, T, T, double, load, store,                                                \
        a == 0 && fabs(b) <= 1 ? 0 : c * b * logarithm(a))                                         \
    ROW(remainder_d_##t, T, T, double, load, store, -c *calr_v_floor_divide(a, b))                 \
    ROW(fmod_d_##t, T, T, double, load, store, -c *trunc(a / b))                                   \
    ROW(atan2_d_##t, T, T, double, load, store, a == 0 && b == 0 ? 0 : c * b / (a * a + b * b))
#define ROUND_ONCE(x)   (float)(x)
#define NARROW_TWICE(x) calr_bf16_from_f32((float)(x))
ELEMENTARY_ROWS(f32, float, SAME, ROUND_ONCE, calr_v_pow, calr_v_log)
ELEMENTARY_ROWS(f64, double, SAME, SAME, pow, log)
ELEMENTARY_ROWS(bf16, calr_bf16, WIDEN, NARROW_TWICE, calr_v_pow, calr_v_log)
ROWS(f32, float, float, SAME, SAME)
ROWS(f64, double, double, SAME, SAME)
ROWS(bf16, calr_bf16, float, WIDEN, NARROW)

#define TABLE(t)                                                                                   \
    {                                                                                              \
        [CALR_LERP] = lerp_##t, [CALR_ADDCMUL] = addcmul_##t, [CALR_ADDCDIV] = addcdiv_##t,        \
        [CALR_DIV_D] = div_d_##t, [CALR_POW_D_BASE] = pow_d_base_##t,                              \
        [CALR_POW_D_POWER] = pow_d_power_##t, [CALR_MAXIMUM_D] = maximum_d_##t,                    \
        [CALR_MINIMUM_D] = minimum_d_##t, [CALR_REMAINDER_D] = remainder_d_##t,                    \
        [CALR_FMOD_D] = fmod_d_##t, [CALR_ATAN2_D] = atan2_d_##t                                   \
    }
static const calr_paired_row rows[CALR_DTYPES][CALR_TERNARY_COUNT] = {
    [CALR_F32] = TABLE(f32), [CALR_F64] = TABLE(f64), [CALR_BF16] = TABLE(bf16)};

void calr_cpu_ternary(calr_ternary op, calr_dtype dtype, const calr_pairing *pairing, double p,
                      const void *a, const void *b, const void *c, void *y)
{
    size_t size = calr_dtype_size(dtype);
    calr_paired_walk(pairing, 3, rows[dtype][op], (const void *const[3]){a, b, c},
                     (const size_t[3]){size, size, size}, p, y, size);
}

/* The bits are all that counts. */
#define CHOICE(bits)                                                                               \
    CALR_INLINE void choose##bits##_of(int64_t n, const uint8_t *mask, int64_t step1,              \
                                       const uint##bits##_t *a, int64_t step2,                     \
                                       const uint##bits##_t *b, int64_t step3, uint##bits##_t *y)  \
    {                                                                                              \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++) y[i] =                                 \
            mask[i * step1] ? a[i * step2] : b[i * step3];                                         \
    }                                                                                              \
    CALR_CLONES static void choose##bits(int64_t n, const void *const x[3], const int64_t step[3], \
                                         double p, void *y)                                        \
    {                                                                                              \
        (void)p;                                                                                   \
        if (step[0] == 1 && step[1] == 1 && step[2] == 1)                                          \
            choose##bits##_of(n, x[0], 1, x[1], 1, x[2], 1, y);                                    \
        else if (step[0] == 1 && step[1] == 0 && step[2] == 1)                                     \
            choose##bits##_of(n, x[0], 1, x[1], 0, x[2], 1, y);                                    \
        else if (step[0] == 1 && step[1] == 1 && step[2] == 0)                                     \
            choose##bits##_of(n, x[0], 1, x[1], 1, x[2], 0, y);                                    \
        else                                                                                       \
            choose##bits##_of(n, x[0], step[0], x[1], step[1], x[2], step[2], y);                  \
    }
CHOICE(8)
CHOICE(16)
CHOICE(32)
CHOICE(64)

void calr_cpu_where(size_t size, const calr_pairing *pairing, const uint8_t *mask, const void *a,
                    const void *b, void *y)
{
    calr_paired_row row = size == 1   ? choose8
                          : size == 2 ? choose16
                          : size == 4 ? choose32
                                      : choose64;
    calr_paired_walk(pairing, 3, row, (const void *const[3]){mask, a, b},
                     (const size_t[3]){1, size, size}, 0, y, size);
}
