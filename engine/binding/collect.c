#include "binding/collect.h"

#include <stdbool.h>
#include <stddef.h>

#include "tensor/pool.h"
#include "tensor/profile.h"

#define FIRST_LIMIT ((size_t)256 << 20)
#define LEAST_STEP  ((size_t)1 << 20)
#define MOST_STEP   ((size_t)8 << 20)
#define YOUNG_COUNT 128
/* A tensor in the script's hands sees one collection while the next tensor is made. Two would make it old. */
#define LARGE       ((size_t)64 << 10)
#define LARGE_COUNT 2
#define PATIENCE    64

static size_t soft_limit = FIRST_LIMIT;
static size_t young_step = MOST_STEP; /* bytes that become live between young collections */
static size_t young_base;             /* the fewest live bytes since the last young collection */
static size_t last_live;              /* when the last tensor was made */
static unsigned made, large;          /* tensors since the last young collection */
static unsigned calm,
    patience = 1; /* young collections with little kept, and how many shorten the step */
static size_t last_requested; /* bytes ever asked for when the last collection ran */

/* A collection is a span of its own, or the profiler would blame whichever function is running. */
static void begin_span(const void *frame)
{
    static const char key;
    if (calr_profile_on)
        calr_profile_begin(CALR_PROFILE_CALL, &key, "", "garbage collection",
                           calr_profile_current_line(), frame);
}

static void collect(lua_State *L)
{
    begin_span(__builtin_frame_address(0));
    lua_gc(L, LUA_GCCOLLECT, 0);
    if (calr_profile_on)
        calr_profile_end(__builtin_frame_address(0));
    last_requested = calr_pool_get_stats().requested_bytes;
}

void calr_collect_before_backward(lua_State *L)
{
    calr_pool_stats stats = calr_pool_get_stats();
    if (stats.live_bytes > FIRST_LIMIT &&
        stats.requested_bytes - last_requested > stats.live_bytes / 2)
        collect(L);
}

void calr_collect_young_first(lua_State *L)
{
    lua_gc(L, LUA_GCGEN, 0, 0);
}

/* Where temporaries are dropped at once the next collection comes soon, and what follows goes into memory that is still
 * in the second-level cache. Where much survives it comes late: a tensor that survives two is old, and stays until a
 * full one. Each time that a short step was wrong it takes twice as long to come back. */
static void adapt_step(size_t before, size_t after)
{
    size_t grown = before - young_base, kept = after > young_base ? after - young_base : 0;
    calm = kept <= grown / 8 ? calm + 1 : 0;
    if (calm >= patience && young_step > LEAST_STEP) {
        young_step /= 2;
    } else if (kept > grown / 4 && young_step < MOST_STEP) {
        young_step *= 2;
        patience = patience < PATIENCE ? 2 * patience : PATIENCE;
    }
}

/* Frees what was made and dropped since the last time. Its cost does not grow with what Lua holds. */
static void collect_young(lua_State *L, size_t live)
{
    begin_span(__builtin_frame_address(0));
    lua_gc(L, LUA_GCSTEP, 0);
    if (calr_profile_on)
        calr_profile_end(__builtin_frame_address(0));
    size_t after = calr_pool_live();
    if (live - young_base >= young_step)
        adapt_step(live, after);
    young_base = last_live = after;
    made = large = 0;
}

void calr_collect_when_full(lua_State *L)
{
    size_t live = calr_pool_live();
    if (live < young_base)
        young_base = live;
    made++;
    large += live >= last_live + LARGE;
    last_live = live;
    if (live < soft_limit) {
        if (made >= YOUNG_COUNT || (large >= LARGE_COUNT && live - young_base >= young_step))
            collect_young(L, live);
        return;
    }
    collect(L);
    live = young_base = last_live = calr_pool_live();
    while (live > soft_limit / 5 * 4)
        soft_limit += soft_limit / 2;
}
