#include "tensor/convert.h"

#include <string.h>

#include "base/f16.h"
#include "base/interrupt.h"

enum { PART = 1 << 20 }; /* elements converted without asking whether to stop */

bool calr_foreign_dtype(foreign_type type, calr_dtype *out)
{
    switch (type.kind) {
    case FOREIGN_FLOAT:
        *out = CALR_F32;
        return type.size == 2 || type.size == 4 || type.size == 8;
    case FOREIGN_BFLOAT:
        *out = CALR_BF16;
        return type.size == 2;
    case FOREIGN_SIGNED:
        *out = type.size == 8 ? CALR_I64 : CALR_I32;
        return type.size == 1 || type.size == 2 || type.size == 4 || type.size == 8;
    case FOREIGN_UNSIGNED:
        *out = type.size == 1 ? CALR_U8 : CALR_I32;
        return type.size == 1 || type.size == 2;
    }
    return false;
}

/* The bits of one element, the least significant first. */
static uint64_t bits_of(const unsigned char *from, int size, bool big)
{
    uint64_t bits = 0;
    for (int i = 0; i < size; i++)
        bits |= (uint64_t)from[big ? size - 1 - i : i] << (8 * i);
    return bits;
}

static float to_float(foreign_type type, uint64_t bits)
{
    float value;
    double wide;
    uint32_t low = (uint32_t)bits;
    if (type.size == 2)
        return calr_f16_to_f32((calr_f16)low);
    if (type.size == 8) {
        memcpy(&wide, &bits, sizeof wide);
        return (float)wide;
    }
    memcpy(&value, &low, sizeof value);
    return value;
}

static int64_t to_integer(foreign_type type, uint64_t bits)
{
    if (type.kind == FOREIGN_UNSIGNED || type.size == 8)
        return (int64_t)bits;
    uint64_t sign = (uint64_t)1 << (8 * type.size - 1);
    return (int64_t)((bits ^ sign) - sign);
}

static void convert_part(foreign_type type, calr_dtype dtype, const void *from, int64_t count,
                         void *to)
{
    const unsigned char *bytes = from;
    int host = 1;
    bool host_big = *(const char *)&host == 0;
    if ((size_t)type.size == calr_dtype_size(dtype) && (type.size == 1 || type.big == host_big)) {
        memcpy(to, from, (size_t)count * (size_t)type.size);
        return;
    }
    for (int64_t i = 0; i < count; i++, bytes += type.size) {
        uint64_t bits = bits_of(bytes, type.size, type.big);
        if (dtype == CALR_F32)
            ((float *)to)[i] = to_float(type, bits);
        else if (dtype == CALR_I32)
            ((int32_t *)to)[i] = (int32_t)to_integer(type, bits);
        else if (dtype == CALR_I64)
            ((int64_t *)to)[i] = to_integer(type, bits);
        else if (dtype == CALR_BF16)
            ((calr_bf16 *)to)[i] = (calr_bf16)bits;
        else
            ((uint8_t *)to)[i] = (uint8_t)bits;
    }
}

calr_status calr_foreign_convert(foreign_type type, const void *from, int64_t count, void *to)
{
    calr_dtype dtype;
    if (!calr_foreign_dtype(type, &dtype))
        return CALR_OK;
    for (int64_t at = 0; at < count; at += PART) {
        if (at > 0)
            CALR_TRY(calr_interrupt_check());
        convert_part(type, dtype, (const char *)from + at * type.size,
                     count - at < PART ? count - at : PART,
                     (char *)to + (size_t)at * calr_dtype_size(dtype));
    }
    return CALR_OK;
}
