#include "tensor/convert.h"

#include <string.h>

#include "base/interrupt.h"

enum { PART = 1 << 20 }; /* elements converted without asking whether to stop */

bool calr_foreign_dtype(foreign_type type, calr_dtype *out)
{
    switch (type.kind) {
    case FOREIGN_FLOAT:
        *out = type.size == 2 ? CALR_F16 : type.size == 4 ? CALR_F32 : CALR_F64;
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
    case FOREIGN_BOOL:
        *out = CALR_BOOL;
        return type.size == 1;
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

/* An integer of 8 or 16 bits. */
static int32_t to_int32(foreign_type type, uint64_t bits)
{
    int64_t sign = type.kind == FOREIGN_SIGNED ? (int64_t)1 << (8 * type.size - 1) : 0;
    return (int32_t)(((int64_t)bits ^ sign) - sign);
}

static void convert_part(foreign_type type, calr_dtype dtype, const void *from, int64_t count,
                         void *to)
{
    const unsigned char *bytes = from;
    size_t size = calr_dtype_size(dtype);
    int host = 1;
    bool host_big = *(const char *)&host == 0, same = (size_t)type.size == size;
    if (same && type.kind != FOREIGN_BOOL && (size == 1 || type.big == host_big)) {
        memcpy(to, from, (size_t)count * size);
        return;
    }
    for (int64_t i = 0; i < count; i++, bytes += type.size) {
        uint64_t bits = bits_of(bytes, type.size, type.big);
        if (dtype == CALR_BOOL)
            ((uint8_t *)to)[i] = bits != 0;
        else if (size == 8)
            ((uint64_t *)to)[i] = bits;
        else if (size == 2)
            ((uint16_t *)to)[i] = (uint16_t)bits;
        else if (same)
            ((uint32_t *)to)[i] = (uint32_t)bits;
        else
            ((int32_t *)to)[i] = to_int32(type, bits);
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
