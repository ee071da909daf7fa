/* The elements that a mask names: their numbers, taken together, and written back. */
#include <string.h>

#include "backend/cpu/kernels.h"
#include "tensor/pool.h"

enum { PART = 1 << 15 }; /* elements of a mask that one thread looks at */

typedef enum masked { FIND, TAKE, PUT } masked;

typedef struct masking {
    masked what;
    size_t size;
    int64_t n;
    const uint8_t *mask;
    int64_t *before; /* of each part: how many are named in those before it */
    const void *x;
    void *y;
} masking;

CALR_CLONES static int64_t count_named(int64_t n, const uint8_t *mask)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i += 255) { /* sums of so many fit in a byte */
        int64_t end = calr_min64(255, n - i);
        uint64_t sum = 0;
        for (int64_t j = 0; j < end; j++)
            sum += mask[i + j];
        count += (int64_t)sum;
    }
    return count;
}

static void count_parts(void *context, int64_t begin, int64_t end, int worker)
{
    const masking *m = context;
    (void)worker;
    m->before[begin / PART] = count_named(end - begin, m->mask + begin);
}

/* MASKED(type) defines the loops for elements of a size: without jumps, which a mask would make hard to foretell.
 * What is written past the last one named of a part is never past the part's own end. */
#define MASKED(suffix, type)                                                                       \
    static void take_##suffix(int64_t count, const uint8_t *mask, const type *x, type *y)          \
    {                                                                                              \
        for (int64_t i = 0, k = 0; k < count; i++) {                                               \
            y[k] = x[i];                                                                           \
            k += mask[i];                                                                          \
        }                                                                                          \
    }                                                                                              \
    static void put_##suffix(int64_t count, const uint8_t *mask, const type *x, type *y)           \
    {                                                                                              \
        for (int64_t i = 0, k = 0; k < count; i++) {                                               \
            y[i] = mask[i] ? x[k] : y[i];                                                          \
            k += mask[i];                                                                          \
        }                                                                                          \
    }

MASKED(1, uint8_t)
MASKED(2, uint16_t)
MASKED(4, uint32_t)
MASKED(8, uint64_t)

/* Eight at a time, of which none is named where few are. */
static void find(int64_t count, const uint8_t *mask, int64_t first, int64_t *y)
{
    int64_t i = 0, k = 0;
    while (k + 8 <= count) { /* so that eight of the mask are left too */
        uint64_t eight;
        memcpy(&eight, mask + i, 8);
        for (int64_t j = i; eight != 0 && j < i + 8; j++) {
            y[k] = first + j;
            k += mask[j];
        }
        i += 8;
    }
    for (; k < count; i++) {
        y[k] = first + i;
        k += mask[i];
    }
}

static void work_part(void *context, int64_t begin, int64_t end, int worker)
{
    const masking *m = context;
    const uint8_t *mask = m->mask + begin;
    int64_t before = m->before[begin / PART], count = m->before[begin / PART + 1] - before;
    size_t size = m->size;
    (void)worker, (void)end;
    bool put = m->what == PUT;
    const char *x = (const char *)m->x + (size_t)(put ? before : begin) * size;
    char *y = (char *)m->y + (size_t)(put ? begin : before) * size;
    if (m->what == FIND)
        find(count, mask, begin, (int64_t *)m->y + before);
    else if (size == 4)
        (put ? put_4 : take_4)(count, mask, (const void *)x, (void *)y);
    else if (size == 8)
        (put ? put_8 : take_8)(count, mask, (const void *)x, (void *)y);
    else if (size == 2)
        (put ? put_2 : take_2)(count, mask, (const void *)x, (void *)y);
    else
        (put ? put_1 : take_1)(count, mask, (const void *)x, (void *)y);
}

static calr_status run(masking *m)
{
    int64_t parts = (m->n + PART - 1) / PART, few[64];
    size_t bytes = (size_t)(parts + 1) * sizeof *m->before;
    void *memory = few;
    if (parts + 1 > 64)
        CALR_TRY(calr_pool_alloc(bytes, &memory));
    m->before = memory;
    calr_parallel_for(m->n, PART, count_parts, m);
    int64_t before = 0;
    for (int64_t i = 0; i < parts; i++) {
        int64_t these = m->before[i];
        m->before[i] = before;
        before += these;
    }
    m->before[parts] = before;
    calr_parallel_for(m->n, PART, work_part, m);
    if (memory != few)
        calr_pool_free(memory, bytes);
    return CALR_OK;
}

typedef struct counting {
    const uint8_t *mask;
    int64_t count; /* atomic */
} counting;

static void count_some(void *context, int64_t begin, int64_t end, int worker)
{
    counting *c = context;
    (void)worker;
    __atomic_add_fetch(&c->count, count_named(end - begin, c->mask + begin), __ATOMIC_RELAXED);
}

int64_t calr_cpu_mask_count(int64_t n, const uint8_t *mask)
{
    counting c = {mask, 0};
    calr_parallel_for(n, 8 * PART, count_some, &c);
    return c.count;
}

calr_status calr_cpu_mask_find(int64_t n, const uint8_t *mask, int64_t *y)
{
    masking m = {.what = FIND, .n = n, .mask = mask, .y = y};
    return run(&m);
}

calr_status calr_cpu_mask_take(size_t size, int64_t n, const uint8_t *mask, const void *x, void *y)
{
    masking m = {.what = TAKE, .size = size, .n = n, .mask = mask, .x = x, .y = y};
    return run(&m);
}

calr_status calr_cpu_mask_put(size_t size, int64_t n, const uint8_t *mask, const void *x, void *y)
{
    masking m = {.what = PUT, .size = size, .n = n, .mask = mask, .x = x, .y = y};
    return run(&m);
}
