/* calr.meter: what the machine can do at most, and where the time goes. */
#include "binding/bind.h"
#include "binding/modules.h"
#include "binding/profile.h"

#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/limits.h"
#include "base/meter.h"
#include "base/size.h"
#include "tensor/pool.h"

/// @module calr.meter
/// Measures the engine itself: the limits of the machine, which `calr bench` compares times with, and
/// the kernels that run during a call.

/// calr.meter.gemm(size [, repeats])
/// Multiplies two f32 matrices of size x size with the backend that networks use, on all threads.
/// @param repeats  number of runs, after one that does not count (default 3)
/// @return number  the shortest time in seconds; 2 size^3 floating-point operations
static int meter_gemm(lua_State *L)
{
    double seconds = 0;
    lua_Integer size = luaL_checkinteger(L, 1), repeat = luaL_optinteger(L, 2, 3);
    luaL_argcheck(L, size >= 1 && size <= 32768, 1, "a size of 1 to 32768");
    luaL_argcheck(L, repeat >= 1 && repeat <= 1000, 2, "1 to 1000 times");
    calr_lua_call(L, calr_limits_gemm(size, (int)repeat, &seconds));
    lua_pushnumber(L, seconds);
    return 1;
}

/// calr.meter.stream(kind, bytes [, repeats])
/// Passes over memory on all threads. To measure the memory and not a cache, take several
/// times the size of the last cache.
/// @param kind     "read", "write" or "copy"; a copy reads half of the bytes and writes the other half
/// @param repeats  number of runs, after one that does not count (default 3)
/// @return number  the shortest time in seconds
static int meter_stream(lua_State *L)
{
    static const char *const kinds[] = {"read", "write", "copy", NULL};
    double seconds = 0;
    int kind = luaL_checkoption(L, 1, NULL, kinds);
    lua_Integer bytes = luaL_checkinteger(L, 2), repeat = luaL_optinteger(L, 3, 3);
    luaL_argcheck(L, bytes >= 64, 2, "at least 64 bytes");
    luaL_argcheck(L, repeat >= 1 && repeat <= 1000, 3, "1 to 1000 times");
    calr_lua_call(L, calr_limits_stream((calr_stream)kind, (size_t)bytes, (int)repeat, &seconds));
    lua_pushnumber(L, seconds);
    return 1;
}

static void push_event(lua_State *L, const calr_meter_event *event)
{
    lua_createtable(L, 0, 6);
    calr_lua_set_string(L, -1, "kernel", event->kernel);
    calr_lua_set_integer(L, -1, "label", event->label);
    calr_lua_set_number(L, -1, "seconds", event->seconds);
    calr_lua_set_number(L, -1, "flops", event->flops);
    calr_lua_set_number(L, -1, "bytes", event->bytes);
    calr_lua_set_string(L, -1, "detail", event->detail);
}

/// calr.meter.count(fn, ...)
/// Calls a function and records every kernel that it runs for this thread: the entries of the
/// backend's table (convolutions, products, norms, ...), and as "parallel" anything else that runs on
/// all threads. Only the outermost of nested kernels counts: their seconds add up to the time spent in
/// kernels, and the rest of the call's time is overhead.
/// @return table  in order, {kernel=, label=, seconds=, flops=, bytes=, detail=}: the operations and
///   bytes (inputs and outputs, each once) of the kernel's definition, and its shapes as text
/// @return number  the seconds that the whole call took
static int meter_count(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    if (calr_meter_on)
        return luaL_error(L, "kernels are already being counted");
    struct timespec began, ended;
    int arguments = lua_gettop(L) - 1;
    calr_meter_start();
    clock_gettime(CLOCK_MONOTONIC, &began);
    int status = lua_pcall(L, arguments, 0, 0);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    calr_meter_stop();
    if (status != LUA_OK)
        return lua_error(L);
    const calr_meter_event *events;
    size_t lost, count = calr_meter_events(&events, &lost);
    /* A copy: a finalizer that runs while the tables are made may count too. */
    calr_meter_event *own = calr_array_new((int64_t)count, sizeof *own);
    if (lost > 0 || !own) {
        free(own);
        return luaL_error(L, "no memory for the kernels");
    }
    memcpy(own, events, count * sizeof *own);
    calr_lua_keep(L, own, free);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        push_event(L, &own[i]);
        lua_seti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushnumber(L, (double)(ended.tv_sec - began.tv_sec) +
                          1e-9 * (double)(ended.tv_nsec - began.tv_nsec));
    return 2;
}

/// calr.meter.label([number])
/// With a number, sets the label for kernels recorded from now on (initially 0). The kernels of
/// a backward pass carry the label that was set when the operation ran forward.
/// @return integer  the label that was set before
static int meter_label(lua_State *L)
{
    int before = calr_meter_label();
    if (!lua_isnoneornil(L, 1)) {
        lua_Integer label = luaL_checkinteger(L, 1);
        luaL_argcheck(L, label >= 0 && label <= INT_MAX, 1, "a label is a whole number from 0");
        calr_meter_set_label((int)label);
    }
    lua_pushinteger(L, before);
    return 1;
}

/// calr.meter.trim()
/// Returns to the system the memory that freed tensors left for reuse, so that the peak of later work
/// can be measured.
static int meter_trim(lua_State *L)
{
    (void)L;
    calr_pool_trim();
#ifdef __GLIBC__
    malloc_trim(0);
#endif
    return 0;
}

static const calr_lua_function functions[] = {
    {"count", meter_count, "fn, ..."},  {"gemm", meter_gemm, "size [, repeats]"},
    {"label", meter_label, "[number]"}, {"stream", meter_stream, "kind, bytes [, repeats]"},
    {"trim", meter_trim, ""},           {NULL, NULL, NULL},
};

int luaopen_calr_meter(lua_State *L)
{
    calr_lua_new_module(L, "calr.meter.", functions);
    calr_lua_add_functions(L, "calr.meter.", calr_lua_profile_functions);
    return 1;
}
