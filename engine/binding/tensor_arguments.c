/* What functions of the vocabulary check their arguments with. */
#include "binding/bind.h"
#include "binding/methods.h"

#include <string.h>

#include "autograd/tape.h"

calr_tensor *calr_lua_check_writable(lua_State *L, int arg, const char *name)
{
    calr_tensor *t = calr_lua_check_tensor(L, arg);
    calr_lua_call(L, calr_tape_check_write(name, t));
    return t;
}

void calr_lua_check_last_list(lua_State *L, int arg)
{
    if (lua_istable(L, arg) && lua_gettop(L) > arg)
        luaL_argerror(L, arg + 1, "the list before it is complete");
}

int calr_lua_check_numbers(lua_State *L, int arg, const char *what, int64_t numbers[CALR_MAX_DIMS])
{
    bool list = lua_istable(L, arg);
    lua_Integer count = list ? calr_lua_length(L, arg) : lua_gettop(L) - arg + 1;
    if (!list && count <= 0)
        luaL_argerror(L, arg, lua_pushfstring(L, "%s is needed: {2, 3}, or 2, 3", what));
    if (count > CALR_MAX_DIMS)
        luaL_argerror(
            L, arg,
            lua_pushfstring(L, "a tensor has at most %d dimensions, not %I", CALR_MAX_DIMS, count));
    for (int i = 0; i < (int)count; i++) {
        int whole;
        if (list)
            lua_geti(L, arg, i + 1);
        else
            lua_pushvalue(L, arg + i);
        numbers[i] = lua_tointegerx(L, -1, &whole);
        if (!whole || lua_type(L, -1) != LUA_TNUMBER)
            luaL_argerror(L, arg,
                          lua_pushfstring(L,
                                          "%s holds whole numbers, such as {2, 3}; item %d is %s",
                                          what, i + 1, luaL_tolstring(L, -1, NULL)));
        lua_pop(L, 1);
    }
    return (int)count;
}

int calr_lua_check_shape(lua_State *L, int arg, int64_t shape[CALR_MAX_DIMS])
{
    return calr_lua_check_numbers(L, arg, "a shape", shape);
}

calr_dtype calr_lua_opt_dtype(lua_State *L, int arg, calr_dtype fallback)
{
    const char *name = luaL_optstring(L, arg, NULL);
    calr_dtype dtype = fallback;
    if (name && calr_dtype_parse(name, &dtype) != CALR_OK)
        luaL_argerror(L, arg, calr_status_message());
    return dtype;
}

int calr_lua_resolve_dim(lua_State *L, int arg, lua_Integer given, const calr_tensor *t, int ndim)
{
    lua_Integer dim = given < 0 ? given + ndim + 1 : given; /* -1 is the last */
    if (dim < 1 || dim > ndim) {
        char text[CALR_TENSOR_TEXT];
        luaL_argerror(
            L, arg,
            lua_pushfstring(L, "%s has no dimension %I", calr_tensor_describe(t, text), given));
    }
    return (int)dim - 1;
}

int calr_lua_check_dim(lua_State *L, int arg, const calr_tensor *t)
{
    return calr_lua_resolve_dim(L, arg, luaL_checkinteger(L, arg), t, t->ndim);
}

int calr_lua_check_dims(lua_State *L, int arg, const calr_tensor *t, int dims[CALR_MAX_DIMS])
{
    bool wanted[CALR_MAX_DIMS] = {false};
    if (lua_isnoneornil(L, arg)) {
        for (int d = 0; d < t->ndim; d++)
            dims[d] = d;
        return t->ndim;
    }
    bool list = lua_istable(L, arg);
    lua_Integer given = list ? calr_lua_length(L, arg) : 1;
    luaL_argcheck(L, given > 0, arg, "the list of dimensions is empty");
    for (lua_Integer i = 1; i <= given; i++) {
        if (list)
            lua_geti(L, arg, i);
        else
            lua_pushvalue(L, arg);
        if (!lua_isinteger(L, -1) &&
            !(lua_type(L, -1) == LUA_TNUMBER && lua_tointegerx(L, -1, NULL)))
            luaL_argerror(L, arg,
                          lua_pushfstring(L, "a dimension, or a list of them, is needed, not %s",
                                          luaL_tolstring(L, -1, NULL)));
        int dim = calr_lua_resolve_dim(L, arg, lua_tointeger(L, -1), t, t->ndim);
        if (wanted[dim])
            luaL_argerror(L, arg, lua_pushfstring(L, "dimension %d is given twice", dim + 1));
        wanted[dim] = true;
        lua_pop(L, 1);
    }
    int count = 0;
    for (int d = 0; d < t->ndim; d++)
        if (wanted[d])
            dims[count++] = d;
    return count;
}

bool calr_lua_opt_boolean(lua_State *L, int arg, bool fallback)
{
    if (lua_isnoneornil(L, arg))
        return fallback;
    luaL_checktype(L, arg, LUA_TBOOLEAN);
    return lua_toboolean(L, arg);
}

calr_tensor **calr_lua_check_tensors(lua_State *L, int arg, lua_Integer *count)
{
    luaL_checktype(L, arg, LUA_TTABLE);
    *count = calr_lua_length(L, arg);
    luaL_argcheck(L, *count >= 1, arg, "at least one tensor is needed");
    calr_tensor **list = lua_newuserdatauv(L, (size_t)*count * sizeof(calr_tensor *), 0);
    for (lua_Integer i = 0; i < *count; i++) {
        lua_geti(L, arg, i + 1);
        list[i] = calr_lua_test_tensor(L, -1);
        if (!list[i])
            luaL_argerror(
                L, arg,
                lua_pushfstring(L, "item %I is a %s, not a tensor", i + 1, luaL_typename(L, -1)));
        lua_pop(L, 1);
    }
    return list;
}

calr_tensor *calr_lua_opt_tensor(lua_State *L, int arg)
{
    return lua_isnoneornil(L, arg) ? NULL : calr_lua_check_tensor(L, arg);
}
