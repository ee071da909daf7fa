/* The memory behind tensors, and the check of their shapes. Internal to tensor/. */
#ifndef CALR_TENSOR_STORAGE_H
#define CALR_TENSOR_STORAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "tensor/tensor.h"

typedef struct calr_storage {
    int64_t refs; /* atomic */
    size_t bytes;
    void *data;
    uint64_t version;                   /* atomic: counts writes in place */
    void (*free_memory)(void *context); /* NULL for memory of the pool */
    void *context;
    int borrowed; /* memory of the caller's */
} calr_storage;

calr_status calr_storage_new(size_t bytes, calr_storage **out);
calr_status calr_storage_wrap(void *memory, size_t bytes, void (*free_memory)(void *),
                              void *context, calr_storage **out);
void calr_storage_retain(calr_storage *storage);
void calr_storage_release(calr_storage *storage);

/* Whether a tensor may have this shape, and the bytes of its elements. Without the dimensions of
 * length 0 too it must be addressable, so that products of some of its dimensions never overflow.
 * CALR_EINVAL, CALR_ENOMEM. */
calr_status calr_shape_check(calr_dtype dtype, int ndim, const int64_t *shape, size_t *bytes);

#endif
