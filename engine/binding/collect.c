#include "binding/collect.h"

#include <stdbool.h>
#include <stddef.h>

#include "tensor/pool.h"
#include "tensor/profile.h"

#define FIRST_LIMIT ((size_t)256 << 20)
#define YOUNG_STEP  ((size_t)8 << 20)
#define YOUNG_COUNT 128

static size_t soft_limit = FIRST_LIMIT;
static size_t young_base;     /* the fewest live bytes since the last young collection */
static unsigned made;         /* tensors since the last young collection */
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

/* Frees what was made and dropped since the last time. Its cost does not grow with what Lua holds. */
static void collect_young(lua_State *L)
{
    begin_span(__builtin_frame_address(0));
    lua_gc(L, LUA_GCSTEP, 0);
    if (calr_profile_on)
        calr_profile_end(__builtin_frame_address(0));
    young_base = calr_pool_live();
    made = 0;
}

void calr_collect_when_full(lua_State *L)
{
    size_t live = calr_pool_live();
    if (live < young_base)
        young_base = live;
    made++;
    if (live < soft_limit) {
        if (live - young_base >= YOUNG_STEP || made >= YOUNG_COUNT)
            collect_young(L);
        return;
    }
    collect(L);
    live = young_base = calr_pool_live();
    while (live > soft_limit / 5 * 4)
        soft_limit += soft_limit / 2;
}
