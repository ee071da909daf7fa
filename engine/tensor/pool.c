#include "tensor/pool.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define ALIGNMENT 64
#define HUGE      ((size_t)2 << 20)
#define CLASSES   256

/* A free block holds the link to the next one of its class. */
typedef struct free_block {
    struct free_block *next;
} free_block;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static free_block *cached[CLASSES];
static calr_pool_stats stats;

/* Four classes to each power of two: at most 25 % of a block is waste. Sizes below 256 bytes share
 * one class. Returns the class, and its block size in *rounded; -1 when the size is beyond reason.
 */
static int size_class(size_t size, size_t *rounded)
{
    *rounded = 256;
    if (size > SIZE_MAX / 4)
        return -1;
    if (size <= 256)
        return 0;
    int exponent =
        63 - __builtin_clzl(size - 1); /* 2^exponent < size <= 2^(exponent + 1), exponent >= 8 */
    size_t quarter = (size_t)1 << (exponent - 2);
    size_t steps = (size - ((size_t)1 << exponent) + quarter - 1) / quarter; /* 1 .. 4 */
    *rounded = ((size_t)1 << exponent) + steps * quarter;
    int index = 4 * (exponent - 8) + (int)steps;
    return index < CLASSES ? index : -1;
}

static void *system_alloc(size_t rounded)
{
    void *block;
    if (posix_memalign(&block, rounded >= HUGE ? HUGE : ALIGNMENT, rounded) != 0)
        return NULL;
    if (rounded >= HUGE)
        madvise(block, rounded & ~(HUGE - 1),
                MADV_HUGEPAGE); /* a wish; refusal changes speed only */
    return block;
}

calr_status calr_pool_alloc(size_t size, void **out)
{
    size_t rounded;
    int index = size_class(size, &rounded);
    if (index < 0)
        return calr_error(CALR_ENOMEM, "%zu bytes are more than can be addressed", size);
    pthread_mutex_lock(&lock);
    stats.requests++;
    stats.requested_bytes += rounded;
    void *block = cached[index];
    if (block) {
        cached[index] = cached[index]->next;
        stats.hits++;
        stats.cached_bytes -= rounded;
        stats.live_bytes += rounded;
    }
    pthread_mutex_unlock(&lock);
    if (!block) {
        block = system_alloc(rounded);
        if (!block) {
            calr_pool_trim();
            block = system_alloc(rounded);
        }
        if (!block)
            return calr_error(CALR_ENOMEM, "no memory for %zu bytes (%zu MiB in use by tensors)",
                              size, calr_pool_get_stats().live_bytes >> 20);
        pthread_mutex_lock(&lock);
        stats.live_bytes += rounded;
        if (stats.live_bytes + stats.cached_bytes > stats.peak_bytes)
            stats.peak_bytes = stats.live_bytes + stats.cached_bytes;
        pthread_mutex_unlock(&lock);
    }
    *out = block;
    return CALR_OK;
}

void calr_pool_free(void *block, size_t size)
{
    if (!block)
        return;
    size_t rounded;
    int index = size_class(size, &rounded);
    free_block *freed = block;
    pthread_mutex_lock(&lock);
    freed->next = cached[index];
    cached[index] = freed;
    stats.live_bytes -= rounded;
    stats.cached_bytes += rounded;
    pthread_mutex_unlock(&lock);
}

void calr_pool_trim(void)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < CLASSES; i++) {
        while (cached[i]) {
            free_block *next = cached[i]->next;
            free(cached[i]);
            cached[i] = next;
        }
    }
    stats.cached_bytes = 0;
    pthread_mutex_unlock(&lock);
}

calr_pool_stats calr_pool_get_stats(void)
{
    pthread_mutex_lock(&lock);
    calr_pool_stats copy = stats;
    pthread_mutex_unlock(&lock);
    return copy;
}
