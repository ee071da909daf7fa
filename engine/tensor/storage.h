/* The memory behind tensors. Internal to tensor/. */
#ifndef CALR_TENSOR_STORAGE_H
#define CALR_TENSOR_STORAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct calr_storage {
    int64_t refs; /* atomic */
    size_t bytes;
    void *data;
    uint64_t version;                   /* atomic: counts writes in place */
    uint64_t id;                        /* unique in this process */
    void (*free_memory)(void *context); /* NULL for memory of the pool */
    void *context;
    int borrowed; /* memory of the caller's */
} calr_storage;

calr_status calr_storage_new(size_t bytes, calr_storage **out);
calr_status calr_storage_wrap(void *memory, size_t bytes, void (*free_memory)(void *),
                              void *context, calr_storage **out);
void calr_storage_retain(calr_storage *storage);
void calr_storage_release(calr_storage *storage);

#endif
