/* Functions of the vocabulary that are written in Lua. */
#include "binding/bind.h"
#include "binding/methods.h"

void calr_lua_push_word(lua_State *L, int table, const char *complaint)
{
    table = lua_absindex(L, table);
    const char *name = luaL_checkstring(L, 2);
    if (luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE) &&
        lua_getfield(L, -1, "calr.vocabulary") == LUA_TNIL) {
        lua_getglobal(L, "require");
        lua_pushliteral(L, "calr.vocabulary");
        lua_call(L, 1, 1);
    }
    lua_getfield(L, -1, "find");
    lua_pushvalue(L, table);
    lua_pushvalue(L, 2);
    lua_call(L, 2, 2);
    if (!lua_isnil(L, -2)) {
        lua_pop(L, 1);
        lua_pushvalue(L, 2);
        lua_pushvalue(L, -2);
        lua_rawset(L, table);
        return;
    }
    const char *near = lua_tostring(L, -1);
    if (near)
        luaL_error(L, "%s \"%s\" (did you mean \"%s\"?)", complaint, name, near);
    luaL_error(L, "%s \"%s\"", complaint, name);
}

/* What a function of Lua becomes. Its own upvalue is the function. */
static int call_word(lua_State *L)
{
    int given = lua_gettop(L);
    lua_pushvalue(L, lua_upvalueindex(CALR_LUA_UPVALUE));
    lua_insert(L, 1);
    lua_call(L, given, LUA_MULTRET);
    return lua_gettop(L);
}

/* calr.tensor._word(prefix, name, takes, fn): fn as a function of the vocabulary: its arguments are counted, and may be
 * named by a table at the end. Used by calr.vocabulary alone. */
static int tensor_word(lua_State *L)
{
    const char *prefix = luaL_checkstring(L, 1);
    calr_lua_function *row = lua_newuserdatauv(L, sizeof *row, 2);
    *row = (calr_lua_function){luaL_checkstring(L, 2), call_word, luaL_checkstring(L, 3),
                               .named = true};
    luaL_checktype(L, 4, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, 1);
    lua_pushvalue(L, 3);
    lua_setiuservalue(L, -2, 2);
    lua_pushvalue(L, 4);
    calr_lua_push_row(L, prefix, 1);
    return 1;
}

const calr_lua_function calr_lua_word_functions[] = {
    {"_word", tensor_word, "prefix, name, takes, fn"},
    {NULL, NULL, NULL},
};
