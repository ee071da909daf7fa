/* calr: Lua 5.4 with the engine inside. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>

#include "binding/bind.h"

int main(int argc, char **argv)
{
    lua_State *L = luaL_newstate();
    if (!L)
        return 1;
    luaL_openlibs(L);
    calr_lua_preload(L);
    luaL_dostring(L, "package.path = '" CALR_LUA_SOURCE "/?.lua;" CALR_LUA_SOURCE "/?/init.lua;' .. package.path");
    int failed = argc < 2 || luaL_dofile(L, argv[1]) != LUA_OK;
    if (failed)
        fprintf(stderr, "calr: %s\n", argc < 2 ? "usage: calr SCRIPT.lua" : lua_tostring(L, -1));
    lua_close(L);
    return failed;
}
