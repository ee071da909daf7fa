#include "backend/cpu/order/keys.h"

int calr_key_bits(calr_dtype dtype)
{
    return 8 * (int)calr_dtype_size(dtype);
}

uint64_t calr_key_of_nan(calr_dtype dtype)
{
    if (!calr_dtype_is_float(dtype))
        return 0;
    return dtype == CALR_F64 ? UINT64_MAX : dtype == CALR_F32 ? UINT32_MAX : UINT16_MAX;
}

/* Floats of one sign are ordered as their bits are; those below 0 the other way round. */

CALR_INLINE uint64_t key_f32(float x)
{
    uint32_t bits;
    float plain = x + 0.0f; /* -0 becomes 0 */
    __builtin_memcpy(&bits, &plain, sizeof bits);
    bits ^= (uint32_t)((int32_t)bits >> 31) | 0x80000000u;
    return x != x ? UINT32_MAX : bits;
}

CALR_INLINE uint64_t key_f64(double x)
{
    uint64_t bits;
    double plain = x + 0.0;
    __builtin_memcpy(&bits, &plain, sizeof bits);
    bits ^= (uint64_t)((int64_t)bits >> 63) | 0x8000000000000000u;
    return x != x ? UINT64_MAX : bits;
}

CALR_INLINE uint64_t key_bf16(calr_bf16 x)
{
    float value = calr_bf16_to_f32(x);
    return value != value ? UINT16_MAX : key_f32(value) >> 16;
}

/* KEYS(name, type, key of v, all bits of a key) defines the loop for a type. */
#define KEYS(name, type, expression, most)                                                         \
    CALR_CLONES static void name(int64_t n, const type *x, uint64_t flip, uint64_t *key)           \
    {                                                                                              \
        flip &= (most);                                                                            \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++)                                        \
        {                                                                                          \
            type v = x[i];                                                                         \
            key[i] = (expression) ^ flip;                                                          \
        }                                                                                          \
    }

KEYS(keys_f32, float, key_f32(v), UINT32_MAX)
KEYS(keys_f64, double, key_f64(v), UINT64_MAX)
KEYS(keys_bf16, calr_bf16, key_bf16(v), UINT16_MAX)
KEYS(keys_i64, int64_t, (uint64_t)v ^ 0x8000000000000000u, UINT64_MAX)
KEYS(keys_i32, int32_t, (uint32_t)v ^ 0x80000000u, UINT32_MAX)
KEYS(keys_u8, uint8_t, (uint64_t)v, UINT8_MAX)

void calr_keys(const calr_line *line, int64_t begin, int64_t end, bool descending, uint64_t *key)
{
    const char *x = line->x;
    x += begin * (int64_t)calr_dtype_size(line->dtype);
    uint64_t flip = descending ? UINT64_MAX : 0;
    int64_t n = end - begin;
    switch (line->dtype) {
    case CALR_F32:
        keys_f32(n, (const void *)x, flip, key);
        break;
    case CALR_F64:
        keys_f64(n, (const void *)x, flip, key);
        break;
    case CALR_BF16:
        keys_bf16(n, (const void *)x, flip, key);
        break;
    case CALR_I64:
        keys_i64(n, (const void *)x, flip, key);
        break;
    case CALR_I32:
        keys_i32(n, (const void *)x, flip, key);
        break;
    default: /* u8, bool */
        keys_u8(n, (const void *)x, flip, key);
        break;
    }
}

#define PLACE(name, type)                                                                          \
    static void name(const calr_line *line, int64_t begin, int64_t end, const uint64_t *packed,    \
                     uint64_t mask, type *y, int64_t *positions)                                   \
    {                                                                                              \
        const type *x = line->x;                                                                   \
        for (int64_t i = begin; i < end; i++) {                                                    \
            int64_t at = (int64_t)(packed[i] & mask);                                              \
            if (y)                                                                                 \
                y[i] = x[at];                                                                      \
            if (positions)                                                                         \
                positions[i] = at;                                                                 \
        }                                                                                          \
    }

PLACE(place_1, uint8_t)
PLACE(place_2, uint16_t)
PLACE(place_4, uint32_t)
PLACE(place_8, uint64_t)

void calr_keys_place(const calr_line *line, int64_t begin, int64_t end, const uint64_t *packed,
                     uint64_t mask, void *y, int64_t *positions)
{
    switch (calr_dtype_size(line->dtype)) {
    case 1:
        place_1(line, begin, end, packed, mask, y, positions);
        break;
    case 2:
        place_2(line, begin, end, packed, mask, y, positions);
        break;
    case 4:
        place_4(line, begin, end, packed, mask, y, positions);
        break;
    default:
        place_8(line, begin, end, packed, mask, y, positions);
        break;
    }
}
