/* The caching allocator under every tensor.
 *
 * Training requests the same sizes again and again; the system would return the pages and fault
 * them in again each time. Freed blocks are kept and reused: small ones by size class, those
 * from 64 KiB on from an arena (tensor/arena.h) whose free pieces are cut and joined, in huge pages
 * where the system has them. Blocks are aligned to 64 bytes: a cache line, an AVX-512 register.
 * Thread-safe. */
#ifndef CALR_TENSOR_POOL_H
#define CALR_TENSOR_POOL_H

#include <stddef.h>

#include "base/status.h"

typedef struct calr_pool_stats {
    size_t live_bytes;   /* handed out now */
    size_t cached_bytes; /* kept for later */
    size_t peak_bytes;   /* highest live + cached since the start */
    size_t requests, hits;
    size_t requested_bytes; /* of all requests */
} calr_pool_stats;

/* A block of at least `size` bytes, contents undefined. size 0 gives a block too. CALR_ENOMEM after
 * the cache was emptied and the system still had nothing. */
calr_status calr_pool_alloc(size_t size, void **out);
/* Returns a block; NULL is allowed. `size` is the requested size. */
void calr_pool_free(void *block, size_t size);
/* Returns all cached blocks to the system. */
void calr_pool_trim(void);
calr_pool_stats calr_pool_get_stats(void);
/* Its live_bytes alone, without waiting for other threads. */
size_t calr_pool_live(void);

#endif
