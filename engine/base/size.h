/* Sizes that come from users: products and sums that refuse to overflow. */
#ifndef CALR_BASE_SIZE_H
#define CALR_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* False when the result does not fit; *out is then undefined. */
static inline bool calr_size_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool calr_size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

/* malloc of count items of `size` bytes; NULL on overflow too. One byte at least, so that NULL
 * means failure. */
static inline void *calr_array_new(int64_t count, size_t size)
{
    size_t bytes;
    if (count < 0 || !calr_size_mul((size_t)count, size, &bytes))
        return NULL;
    return malloc(bytes ? bytes : 1);
}

/* The same, zeroed. */
static inline void *calr_array_zeros(int64_t count, size_t size)
{
    if (count < 0)
        return NULL;
    return calloc(count ? (size_t)count : 1, size ? size : 1);
}

#endif
