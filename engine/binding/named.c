#include "binding/named.h"

#include <stdlib.h>
#include <string.h>

#include "binding/bind.h"

static int by_name(const void *a, const void *b)
{
    return strcmp(((const calr_lua_named *)a)->name, ((const calr_lua_named *)b)->name);
}

/* The key at index -2: text without a zero byte, at which C would end it. */
static const char *check_name(lua_State *L, int arg)
{
    size_t length = 0;
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tolstring(L, -2, &length) : NULL;
    if (!name || strlen(name) != length || length == 0)
        luaL_argerror(L, arg, "names are strings, not empty, without a zero byte");
    return name;
}

calr_lua_named *calr_lua_check_named(lua_State *L, int arg, lua_Integer *count)
{
    lua_Integer size = 0, i = 0;
    luaL_checktype(L, arg, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1))
        size++;
    calr_lua_named *list = lua_newuserdatauv(L, (size_t)size * sizeof *list, 0);
    for (lua_pushnil(L); i < size && lua_next(L, arg); lua_pop(L, 1)) {
        const char *name = check_name(L, arg);
        calr_tensor *tensor = calr_lua_test_tensor(L, -1);
        if (!tensor)
            luaL_argerror(
                L, arg,
                lua_pushfstring(L, "\"%s\" is a %s, not a tensor", name, luaL_typename(L, -1)));
        list[i++] = (calr_lua_named){name, tensor};
    }
    qsort(list, (size_t)i, sizeof *list, by_name);
    *count = i;
    return list;
}
