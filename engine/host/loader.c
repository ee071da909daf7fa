/* calr.so: `require "calr"` in a Lua that is not ours. It loads the engine, calr/engine.so in the folder beside it.
 *
 * Two files, because of GNU's OpenMP: how long its idle threads spin is read from the environment at the moment when it
 * is loaded, and what it does by itself was measured to make training five times slower (engine/host/main.c). So this
 * file, which needs no OpenMP, sets the variable for that moment. */
#include <dlfcn.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"

/* Pushes the path of the engine beside this file. */
static const char *push_engine(lua_State *L)
{
    Dl_info info;
    if (!dladdr((void *)(size_t)luaopen_calr, &info) || !info.dli_fname)
        luaL_error(L, "cannot find out where calr.so lies");
    const char *slash = strrchr(info.dli_fname, '/');
    lua_pushlstring(L, info.dli_fname, slash ? (size_t)(slash + 1 - info.dli_fname) : 0);
    lua_pushliteral(L, "calr/engine.so");
    lua_concat(L, 2);
    return lua_tostring(L, -1);
}

/* Whether an OpenMP of GNU is in the process already: then the host has decided. */
static bool openmp_is_there(void)
{
    void *library = dlopen("libgomp.so.1", RTLD_LAZY | RTLD_NOLOAD);
    if (library)
        dlclose(library);
    return library != NULL;
}

/* Starts the engine: afterwards `require` knows its modules and the Lua files. */
static void start(lua_State *L)
{
    const char *path = push_engine(L);
    bool shorten = !getenv("GOMP_SPINCOUNT") && !getenv("OMP_WAIT_POLICY") && !openmp_is_there() &&
                   setenv("GOMP_SPINCOUNT", "10000", 1) == 0;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (shorten)
        unsetenv("GOMP_SPINCOUNT");
    if (!library)
        luaL_error(L, "%s", dlerror());
    lua_CFunction open;
    void *symbol = dlsym(library, "luaopen_calr_engine");
    if (!symbol)
        luaL_error(L, "%s is not calr's engine", path);
    memcpy(&open, &symbol, sizeof open); /* as POSIX has it */
    lua_pushcfunction(L, open);
    lua_call(L, 0, 0);
    lua_pop(L, 1);
}

int luaopen_calr_start(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    bool started = lua_istable(L, -1) && lua_getfield(L, -1, "calr.sys") != LUA_TNIL;
    lua_settop(L, 0);
    if (!started)
        start(L);
    return 0;
}

int luaopen_calr(lua_State *L)
{
    lua_pushcfunction(L, luaopen_calr_start);
    lua_call(L, 0, 0);
    /* lua/calr/init.lua, which `require` would not look for any more: it has found this file under the same name. */
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchpath");
    lua_pushliteral(L, "calr");
    lua_getfield(L, -3, "path");
    lua_call(L, 2, 1);
    const char *path = luaL_checkstring(L, -1);
    if (luaL_loadfile(L, path) != LUA_OK)
        return lua_error(L);
    lua_pushliteral(L, "calr");
    lua_pushstring(L, path);
    lua_call(L, 2, 1);
    return 1;
}
