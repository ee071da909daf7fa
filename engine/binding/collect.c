#include "binding/collect.h"

#include <stddef.h>

#include "tensor/pool.h"

#define FIRST_LIMIT ((size_t)256 << 20)

static size_t soft_limit = FIRST_LIMIT;
static size_t last_requested; /* bytes ever asked for when the last collection ran */

static void collect(lua_State *L)
{
    lua_gc(L, LUA_GCCOLLECT, 0);
    last_requested = calr_pool_get_stats().requested_bytes;
}

void calr_collect_before_backward(lua_State *L)
{
    calr_pool_stats stats = calr_pool_get_stats();
    if (stats.live_bytes > FIRST_LIMIT &&
        stats.requested_bytes - last_requested > stats.live_bytes / 2)
        collect(L);
}

void calr_collect_when_full(lua_State *L)
{
    if (calr_pool_get_stats().live_bytes < soft_limit)
        return;
    collect(L);
    size_t live = calr_pool_get_stats().live_bytes;
    while (live > soft_limit / 5 * 4)
        soft_limit += soft_limit / 2;
}
