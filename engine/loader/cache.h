/* Resized images kept in memory, so that many epochs over little data decode each image once.
 *
 * Shared by the loaders of one source and one size; references are counted; every function is safe
 * from any thread. A cache never changes a result: what it holds is what decoding would give. */
#ifndef CALR_LOADER_CACHE_H
#define CALR_LOADER_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "image/resize.h"

typedef struct calr_loader_cache calr_loader_cache;

/* For records 0 .. count-1, each u8[height x width x 3], resized by `filter`. At most `bytes` of
 * pixels are kept: those that came first, until the cache goes. */
calr_status calr_loader_cache_new(int64_t count, int height, int width, calr_filter filter,
                                  size_t bytes, calr_loader_cache **out);
calr_loader_cache *calr_loader_cache_retain(calr_loader_cache *cache); /* returns its argument */
void calr_loader_cache_release(calr_loader_cache *cache);              /* NULL is allowed */

/* CALR_EINVAL unless the cache was made for this number of records, this size and this filter. */
calr_status calr_loader_cache_check(const calr_loader_cache *cache, int64_t count, int height,
                                    int width, calr_filter filter);

/* The pixels of a record, valid as long as the cache; NULL when they are not kept. */
const uint8_t *calr_loader_cache_find(const calr_loader_cache *cache, int64_t record);
/* Keeps a copy when there is room (and memory). */
void calr_loader_cache_keep(calr_loader_cache *cache, int64_t record, const uint8_t *pixels);

/* Bytes of pixels kept now, and images. */
size_t calr_loader_cache_bytes(const calr_loader_cache *cache);
int64_t calr_loader_cache_images(const calr_loader_cache *cache);

#endif
