#include "tensor/pool.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "tensor/arena.h"

#define ALIGNMENT 64
#define CLASSES   48
/* The address sanitizer sees a block of the arena as one of its own. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define GUARD(block, size)   __asan_poison_memory_region(block, size)
#define UNGUARD(block, size) __asan_unpoison_memory_region(block, size)
#else
#define GUARD(block, size)
#define UNGUARD(block, size)
#endif

/* Blocks from here on come from the arena. */
#define LARGE ((size_t)64 << 10)

/* A free block holds the link to the next one of its class. */
typedef struct free_block {
    struct free_block *next;
} free_block;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static free_block *cached[CLASSES];
static size_t small_cached;
static calr_pool_stats stats;

/* Under the lock, but read without it. */
static void add_live(size_t bytes)
{
    __atomic_store_n(&stats.live_bytes, stats.live_bytes + bytes, __ATOMIC_RELAXED);
}

/* Four classes to each power of two: at most 25 % of a block is waste. Sizes below 256 bytes share
 * one class. For sizes below LARGE; returns the class, and its block size in *rounded. */
static int size_class(size_t size, size_t *rounded)
{
    *rounded = 256;
    if (size <= 256)
        return 0;
    int exponent =
        63 - __builtin_clzl(size - 1); /* 2^exponent < size <= 2^(exponent + 1), exponent >= 8 */
    size_t quarter = (size_t)1 << (exponent - 2);
    size_t steps = (size - ((size_t)1 << exponent) + quarter - 1) / quarter; /* 1 .. 4 */
    *rounded = ((size_t)1 << exponent) + steps * quarter;
    return 4 * (exponent - 8) + (int)steps;
}

/* The sanitizer's limit of an allocation (max_allocation_size_mb) holds for the arena too, which maps its memory past
 * it: a fuzzer asks for tensors of any size. */
static bool is_allowed(size_t size)
{
#ifdef __SANITIZE_ADDRESS__
    /* Not asked for: more than the sanitizer takes at all is an error of its own. */
    if (size > (size_t)1 << 40)
        return false;
    if (size > (size_t)64 << 20) {
        void *block = malloc(size);
        free(block);
        return block != NULL;
    }
#endif
    (void)size;
    return true;
}

/* Under the lock. NULL when there is no memory. */
static void *take_block(size_t size, size_t *rounded)
{
    void *block = NULL;
    if (size >= LARGE) {
        if (!is_allowed(size))
            return NULL;
        size_t cached_before = calr_arena_cached();
        *rounded = calr_arena_size(size);
        block = calr_arena_alloc(size);
        stats.hits += calr_arena_cached() < cached_before;
        if (block) {
            GUARD(block, *rounded);
            UNGUARD(block, size);
        }
        return block;
    }
    int index = size_class(size, rounded);
    if (cached[index]) {
        block = cached[index];
        cached[index] = cached[index]->next;
        stats.hits++;
        small_cached -= *rounded;
        return block;
    }
    return posix_memalign(&block, ALIGNMENT, *rounded) == 0 ? block : NULL;
}

static void trim(void)
{
    for (int i = 0; i < CLASSES; i++) {
        while (cached[i]) {
            free_block *next = cached[i]->next;
            free(cached[i]);
            cached[i] = next;
        }
    }
    small_cached = 0;
    calr_arena_trim();
}

calr_status calr_pool_alloc(size_t size, void **out)
{
    size_t rounded;
    if (size > SIZE_MAX / 4)
        return calr_error(CALR_ENOMEM, "%zu bytes are more than can be addressed", size);
    pthread_mutex_lock(&lock);
    void *block = take_block(size, &rounded);
    if (!block) {
        trim();
        block = take_block(size, &rounded);
    }
    if (block) {
        stats.requests++;
        stats.requested_bytes += rounded;
        add_live(rounded);
        stats.cached_bytes = small_cached + calr_arena_cached();
        if (stats.live_bytes + stats.cached_bytes > stats.peak_bytes)
            stats.peak_bytes = stats.live_bytes + stats.cached_bytes;
    }
    pthread_mutex_unlock(&lock);
    if (!block)
        return calr_error(CALR_ENOMEM, "no memory for %zu bytes (%zu MiB in use by tensors)", size,
                          calr_pool_get_stats().live_bytes >> 20);
    *out = block;
    return CALR_OK;
}

void calr_pool_free(void *block, size_t size)
{
    if (!block)
        return;
    pthread_mutex_lock(&lock);
    if (size >= LARGE) {
        size_t rounded = calr_arena_free(block);
        GUARD(block, rounded);
        add_live(-rounded);
    } else {
        size_t rounded;
        int index = size_class(size, &rounded);
        free_block *freed = block;
        freed->next = cached[index];
        cached[index] = freed;
        add_live(-rounded);
        small_cached += rounded;
    }
    stats.cached_bytes = small_cached + calr_arena_cached();
    pthread_mutex_unlock(&lock);
}

void calr_pool_trim(void)
{
    pthread_mutex_lock(&lock);
    trim();
    stats.cached_bytes = small_cached + calr_arena_cached();
    pthread_mutex_unlock(&lock);
}

size_t calr_pool_live(void)
{
    return __atomic_load_n(&stats.live_bytes, __ATOMIC_RELAXED);
}

calr_pool_stats calr_pool_get_stats(void)
{
    pthread_mutex_lock(&lock);
    calr_pool_stats copy = stats;
    pthread_mutex_unlock(&lock);
    return copy;
}
