#include "loader/cache.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

struct calr_loader_cache {
    atomic_int_fast64_t refs;
    int64_t count;
    int height, width;
    calr_filter filter;
    size_t image_bytes, limit;
    atomic_size_t bytes; /* promised and kept; never above limit */
    _Atomic(uint8_t *) pixels[];
};

calr_status calr_loader_cache_new(int64_t count, int height, int width, calr_filter filter,
                                  size_t bytes, calr_loader_cache **out)
{
    if (count < 0)
        return calr_error(CALR_EINVAL, "a cache holds 0 or more records, not %lld",
                          (long long)count);
    if (height < 1 || width < 1 || height > 65535 || width > 65535)
        return calr_error(CALR_EINVAL, "height and width are 1 to 65535, not %d x %d", height,
                          width);
    size_t table;
    if (!calr_size_mul((size_t)count, sizeof(_Atomic(uint8_t *)), &table) ||
        !calr_size_add(table, sizeof(calr_loader_cache), &table))
        return calr_error(CALR_ENOMEM, "a cache of %lld records is too large", (long long)count);
    calr_loader_cache *cache = calloc(1, table);
    if (!cache)
        return calr_error(CALR_ENOMEM, "no memory for a cache of %lld records", (long long)count);
    atomic_init(&cache->refs, 1);
    atomic_init(&cache->bytes, 0);
    for (int64_t i = 0; i < count; i++)
        atomic_init(&cache->pixels[i], NULL);
    cache->count = count;
    cache->height = height;
    cache->width = width;
    cache->filter = filter;
    cache->image_bytes = 3 * (size_t)height * (size_t)width;
    cache->limit = bytes;
    *out = cache;
    return CALR_OK;
}

calr_loader_cache *calr_loader_cache_retain(calr_loader_cache *cache)
{
    atomic_fetch_add(&cache->refs, 1);
    return cache;
}

void calr_loader_cache_release(calr_loader_cache *cache)
{
    if (!cache || atomic_fetch_sub(&cache->refs, 1) != 1)
        return;
    for (int64_t i = 0; i < cache->count; i++)
        free(atomic_load(&cache->pixels[i]));
    free(cache);
}

calr_status calr_loader_cache_check(const calr_loader_cache *cache, int64_t count, int height,
                                    int width, calr_filter filter)
{
    if (cache->count != count)
        return calr_error(CALR_EINVAL, "the cache was made for %lld records, the source has %lld",
                          (long long)cache->count, (long long)count);
    if (cache->height != height || cache->width != width)
        return calr_error(CALR_EINVAL,
                          "the cache was made for images of %d x %d, not %d x %d (height x width)",
                          cache->height, cache->width, height, width);
    if (cache->filter != filter)
        return calr_error(CALR_EINVAL, "the cache was made for another filter");
    return CALR_OK;
}

const uint8_t *calr_loader_cache_find(const calr_loader_cache *cache, int64_t record)
{
    return atomic_load_explicit(&cache->pixels[record], memory_order_acquire);
}

/* Takes image_bytes of what is left; 0 when too little is. */
static int promise(calr_loader_cache *cache)
{
    size_t now = atomic_load(&cache->bytes);
    do {
        if (cache->limit - now < cache->image_bytes)
            return 0;
    } while (!atomic_compare_exchange_weak(&cache->bytes, &now, now + cache->image_bytes));
    return 1;
}

void calr_loader_cache_keep(calr_loader_cache *cache, int64_t record, const uint8_t *pixels)
{
    if (calr_loader_cache_find(cache, record) || !promise(cache))
        return;
    uint8_t *copy = malloc(cache->image_bytes), *none = NULL;
    if (copy)
        memcpy(copy, pixels, cache->image_bytes);
    /* Another thread may have been faster with the same record: its copy stays. */
    if (!copy || !atomic_compare_exchange_strong(&cache->pixels[record], &none, copy)) {
        free(copy);
        atomic_fetch_sub(&cache->bytes, cache->image_bytes);
    }
}

size_t calr_loader_cache_bytes(const calr_loader_cache *cache)
{
    return atomic_load(&cache->bytes);
}

int64_t calr_loader_cache_images(const calr_loader_cache *cache)
{
    return (int64_t)(calr_loader_cache_bytes(cache) / cache->image_bytes);
}
