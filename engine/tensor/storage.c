#include "tensor/storage.h"

#include <stdlib.h>

#include "tensor/pool.h"

static calr_storage *storage_struct(size_t bytes)
{
    calr_storage *storage = calloc(1, sizeof *storage);
    if (storage) {
        storage->refs = 1;
        storage->bytes = bytes;
    }
    return storage;
}

calr_status calr_storage_new(size_t bytes, calr_storage **out)
{
    calr_storage *storage = storage_struct(bytes);
    if (!storage)
        return calr_error(CALR_ENOMEM, "no memory for a tensor");
    calr_status status = calr_pool_alloc(bytes, &storage->data);
    if (status != CALR_OK) {
        free(storage);
        return status;
    }
    *out = storage;
    return CALR_OK;
}

calr_status calr_storage_wrap(void *memory, size_t bytes, void (*free_memory)(void *),
                              void *context, calr_storage **out)
{
    calr_storage *storage = storage_struct(bytes);
    if (!storage)
        return calr_error(CALR_ENOMEM, "no memory for a tensor");
    storage->data = memory;
    storage->free_memory = free_memory;
    storage->context = context;
    storage->borrowed = 1;
    *out = storage;
    return CALR_OK;
}

void calr_storage_retain(calr_storage *storage)
{
    __atomic_add_fetch(&storage->refs, 1, __ATOMIC_RELAXED);
}

void calr_storage_release(calr_storage *storage)
{
    if (__atomic_sub_fetch(&storage->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (!storage->borrowed)
        calr_pool_free(storage->data, storage->bytes);
    else if (storage->free_memory)
        storage->free_memory(storage->context);
    free(storage);
}
