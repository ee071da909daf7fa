#include "binding/collect.h"

#include <stddef.h>

#include "tensor/pool.h"

static size_t soft_limit = (size_t)256 << 20;

void calr_collect_when_full(lua_State *L)
{
    if (calr_pool_get_stats().live_bytes < soft_limit)
        return;
    lua_gc(L, LUA_GCCOLLECT, 0);
    size_t live = calr_pool_get_stats().live_bytes;
    while (live > soft_limit / 5 * 4)
        soft_limit += soft_limit / 2;
}
