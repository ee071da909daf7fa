#include "tensor/cast.h"

#include <math.h>
#include <string.h>

#include "base/clones.h"
#include "base/f16.h"

/* ---- one element of each type: read as a double or an int64_t, written from one ---- */

/* By way of f32, a double would be rounded twice. Rounded to odd on the way (the last bit is set
 * when bits were cut off), it comes out as if rounded once. */
CALR_INLINE calr_bf16 narrow(double value)
{
    float f = (float)value;
    uint32_t bits;
    if ((double)f != value && isfinite(f)) {
        if (fabs((double)f) > fabs(value))
            f = nextafterf(f, 0);
        memcpy(&bits, &f, sizeof bits);
        bits |= 1;
        memcpy(&f, &bits, sizeof f);
    }
    return calr_bf16_from_f32(f);
}

/* Out of range is clamped, NaN becomes 0: a conversion in C would be undefined there. The comparisons are
 * written so that NaN fails them. */
CALR_INLINE int64_t whole(double value, double low, double high)
{
    value = value >= low ? value : low;
    return (int64_t)(value <= high ? value : high);
}

CALR_INLINE int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

#define LOAD_f32(x)  (x)
#define LOAD_f64(x)  (x)
#define LOAD_bf16(x) calr_bf16_to_f32(x)
#define LOAD_f16(x)  calr_f16_to_f32(x)
#define LOAD_i32(x)  (x)
#define LOAD_i64(x)  (x)
#define LOAD_u8(x)   (x)
#define LOAD_mask(x) (x)

#define FROM_REAL_f32(x)  (float)(x)
#define FROM_REAL_f64(x)  (x)
#define FROM_REAL_bf16(x) narrow(x)
#define FROM_REAL_f16(x)  calr_f16_from_f64(x)
#define FROM_REAL_i32(x)  (int32_t)((x) != (x) ? 0 : whole(x, INT32_MIN, INT32_MAX))
#define FROM_REAL_i64(x)  ((x) != (x) ? 0 : whole(x, -0x1p63, 0x1.fffffffffffffp62)) /* below 2^63 */
#define FROM_REAL_u8(x)   (uint8_t)((x) != (x) ? 0 : whole(x, 0, 255))
#define FROM_REAL_mask(x) (uint8_t)((x) != 0)

#define FROM_INTEGER_f32(x)  (float)(x)
#define FROM_INTEGER_f64(x)  (double)(x)
#define FROM_INTEGER_bf16(x) narrow((double)(x))
#define FROM_INTEGER_f16(x)  calr_f16_from_f64((double)(x))
#define FROM_INTEGER_i32(x)  (int32_t) clamp(x, INT32_MIN, INT32_MAX)
#define FROM_INTEGER_i64(x)  (x)
#define FROM_INTEGER_u8(x)   (uint8_t) clamp(x, 0, 255)
#define FROM_INTEGER_mask(x) (uint8_t)((x) != 0)

typedef float type_f32;
typedef double type_f64;
typedef calr_bf16 type_bf16;
typedef calr_f16 type_f16;
typedef int32_t type_i32;
typedef int64_t type_i64;
typedef uint8_t type_u8, type_mask; /* of bool */

/* ---- rows ---- */

typedef void (*row_function)(void *to, int64_t to_step, const void *from, int64_t from_step,
                             int64_t count);

/* ROW(to, from, KIND of what is read, its type) defines the loop from_to_to. */
#define ROW(to_name, from_name, KIND, middle)                                                      \
    CALR_CLONES static void from_name##_to_##to_name(void *to, int64_t to_step, const void *from,  \
                                                     int64_t from_step, int64_t count)             \
    {                                                                                              \
        type_##to_name *y = to;                                                                    \
        const type_##from_name *x = from;                                                          \
        if (to_step == 1 && from_step == 1) {                                                      \
            for (int64_t i = 0; i < count; i++) {                                                  \
                middle value = LOAD_##from_name(x[i]);                                             \
                y[i] = FROM_##KIND##_##to_name(value);                                             \
            }                                                                                      \
            return;                                                                                \
        }                                                                                          \
        for (int64_t i = 0; i < count; i++) {                                                      \
            middle value = LOAD_##from_name(x[i * from_step]);                                     \
            y[i * to_step] = FROM_##KIND##_##to_name(value);                                       \
        }                                                                                          \
    }
#define ROWS_FROM(from, KIND, middle)                                                              \
    ROW(f32, from, KIND, middle)                                                                   \
    ROW(f64, from, KIND, middle)                                                                   \
    ROW(bf16, from, KIND, middle)                                                                  \
    ROW(f16, from, KIND, middle)                                                                   \
    ROW(i32, from, KIND, middle)                                                                   \
    ROW(i64, from, KIND, middle)                                                                   \
    ROW(u8, from, KIND, middle)                                                                    \
    ROW(mask, from, KIND, middle)
ROWS_FROM(f32, REAL, double)
ROWS_FROM(f64, REAL, double)
ROWS_FROM(bf16, REAL, double)
ROWS_FROM(f16, REAL, double)
ROWS_FROM(i32, INTEGER, int64_t)
ROWS_FROM(i64, INTEGER, int64_t)
ROWS_FROM(u8, INTEGER, int64_t)
ROWS_FROM(mask, INTEGER, int64_t)

#define FUNCTIONS_FROM(from)                                                                       \
    {                                                                                              \
        [CALR_F32] = from##_to_f32, [CALR_F64] = from##_to_f64, [CALR_BF16] = from##_to_bf16,      \
        [CALR_F16] = from##_to_f16, [CALR_I32] = from##_to_i32, [CALR_I64] = from##_to_i64,        \
        [CALR_U8] = from##_to_u8, [CALR_BOOL] = from##_to_mask                                     \
    }
static const row_function rows[CALR_DTYPES][CALR_DTYPES] = {
    [CALR_F32] = FUNCTIONS_FROM(f32),   [CALR_F64] = FUNCTIONS_FROM(f64),
    [CALR_BF16] = FUNCTIONS_FROM(bf16), [CALR_F16] = FUNCTIONS_FROM(f16),
    [CALR_I32] = FUNCTIONS_FROM(i32),   [CALR_I64] = FUNCTIONS_FROM(i64),
    [CALR_U8] = FUNCTIONS_FROM(u8),     [CALR_BOOL] = FUNCTIONS_FROM(mask),
};

/* The same type: the bits, whatever they are. */
#define MOVE(bits)                                                                                 \
    static void move_##bits(void *to, int64_t to_step, const void *from, int64_t from_step,        \
                            int64_t count)                                                         \
    {                                                                                              \
        uint##bits##_t *y = to;                                                                    \
        const uint##bits##_t *x = from;                                                            \
        for (int64_t i = 0; i < count; i++)                                                        \
            y[i * to_step] = x[i * from_step];                                                     \
    }
MOVE(8)
MOVE(16)
MOVE(32)
MOVE(64)

void calr_cast_row(void *to, calr_dtype to_type, int64_t to_step, const void *from,
                   calr_dtype from_type, int64_t from_step, int64_t count)
{
    size_t size = calr_dtype_size(to_type);
    bool straight = to_step == 1 && from_step == 1;
    if (to_type == from_type && straight)
        memcpy(to, from, (size_t)count * size);
    else if (to_type == from_type)
        (size == 1   ? move_8
         : size == 2 ? move_16
         : size == 4 ? move_32
                     : move_64)(to, to_step, from, from_step, count);
    else if (to_type == CALR_BF16 && from_type == CALR_F32 && straight)
        calr_bf16_round(count, from, to);
    else if (to_type == CALR_F32 && from_type == CALR_BF16 && straight)
        calr_bf16_widen(count, from, to);
    else
        rows[from_type][to_type](to, to_step, from, from_step, count);
}

double calr_cast_load(const void *data, calr_dtype dtype, int64_t i)
{
    double value;
    calr_cast_row(&value, CALR_F64, 1, (const char *)data + i * (int64_t)calr_dtype_size(dtype),
                  dtype, 1, 1);
    return value;
}

void calr_cast_store(void *data, calr_dtype dtype, int64_t i, double value)
{
    calr_cast_row((char *)data + i * (int64_t)calr_dtype_size(dtype), dtype, 1, &value, CALR_F64, 1,
                  1);
}
