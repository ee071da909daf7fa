/* The caching allocator. */
#include "tensor/pool.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/rng.h"
#include "check.h"

enum { BLOCKS = 200 };

typedef struct handed {
    unsigned char *at;
    size_t size;
} handed;

static unsigned char mark(int i, size_t size)
{
    return (unsigned char)(i * 31 + (int)(size % 251));
}

/* The first and the last bytes of a block still hold what was written there. */
static bool intact(const handed *b, int i)
{
    size_t edge = b->size < 64 ? b->size : 64;
    for (size_t k = 0; k < edge; k++)
        if (b->at[k] != mark(i, b->size) || b->at[b->size - 1 - k] != mark(i, b->size))
            return false;
    return true;
}

static void fill(handed *b, int i)
{
    size_t edge = b->size < 64 ? b->size : 64;
    memset(b->at, mark(i, b->size), edge);
    memset(b->at + b->size - edge, mark(i, b->size), edge);
}

static size_t random_size(calr_rng *rng)
{
    uint32_t r = calr_rng_u32(rng), kind = r % 8;
    if (kind < 3)
        return r / 8 % 5000 + 1;
    return kind < 6 ? r / 8 % 300000 + 1 : r / 8 % 6000000 + 1;
}

static void blocks_never_overlap(void)
{
    static handed blocks[BLOCKS];
    calr_rng rng = calr_rng_make(5, calr_rng_purpose("pool"), 0, 0);
    size_t live = calr_pool_get_stats().live_bytes;
    bool good = true, aligned = true;
    for (int step = 0; step < 20000; step++) {
        int i = (int)(calr_rng_u32(&rng) % BLOCKS);
        handed *b = &blocks[i];
        if (b->at) {
            good = good && intact(b, i);
            calr_pool_free(b->at, b->size);
            b->at = NULL;
        } else {
            void *memory;
            b->size = random_size(&rng);
            CHECK_OK(calr_pool_alloc(b->size, &memory));
            b->at = memory;
            aligned = aligned && (uintptr_t)memory % 64 == 0;
            fill(b, i);
        }
        if (step == 10000)
            calr_pool_trim();
    }
    for (int i = 0; i < BLOCKS; i++) {
        good = good && (!blocks[i].at || intact(&blocks[i], i));
        calr_pool_free(blocks[i].at, blocks[i].size);
    }
    CHECK(good);
    CHECK(aligned);
    CHECK_INT(calr_pool_get_stats().live_bytes, live);
    calr_pool_trim();
    CHECK_INT(calr_pool_get_stats().cached_bytes, 0);
}

/* Sizes that change from one half of a step to the other need no more than is live at a time, and
 * the second step gets the blocks of the first. */
static void free_pieces_are_joined(void)
{
    enum { COUNT = 8 };
    void *small[COUNT], *first[COUNT], *large;
    size_t size = 1000000;
    calr_pool_trim();
    for (int step = 0; step < 3; step++) {
        for (int i = 0; i < COUNT; i++) {
            CHECK_OK(calr_pool_alloc(size, &small[i]));
            if (step == 0)
                first[i] = small[i];
            CHECK(small[i] == first[i]);
        }
        for (int i = 0; i < COUNT; i++)
            calr_pool_free(small[(i * 3 + 1) % COUNT], size);
        CHECK_OK(calr_pool_alloc(COUNT * size, &large));
        CHECK(large == first[0]);
        calr_pool_free(large, COUNT * size);
    }
    CHECK(calr_pool_get_stats().cached_bytes < COUNT * (size + 8192));
}

static void too_much(void)
{
    void *block = &block;
    size_t live = calr_pool_get_stats().live_bytes;
    CHECK_FAILS(calr_pool_alloc(SIZE_MAX, &block), CALR_ENOMEM, "more than can be addressed");
    CHECK_FAILS(calr_pool_alloc((size_t)1 << 50, &block), CALR_ENOMEM, "no memory for");
    CHECK(block == (void *)&block);
    CHECK_INT(calr_pool_get_stats().live_bytes, live);
    CHECK_OK(calr_pool_alloc(0, &block));
    calr_pool_free(block, 0);
    calr_pool_free(NULL, 10);
}

int main(void)
{
    RUN(blocks_never_overlap);
    RUN(free_pieces_are_joined);
    RUN(too_much);
    return check_finish();
}
