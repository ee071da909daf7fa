/* A tensor item by item: its length, pairs(x), a function for each element. */
#include "binding/bind.h"
#include "binding/methods.h"

#include "autograd/ops.h"
#include "autograd/tape.h"

/// @module calr.tensor

/* A tensor with a first dimension. */
static calr_tensor *check_items(lua_State *L, int arg)
{
    char text[CALR_TENSOR_TEXT];
    calr_tensor *t = calr_lua_check_tensor(L, arg);
    if (t->ndim == 0)
        luaL_error(L, "%s is a single number: it has no items (x:item() is the number)",
                   calr_tensor_describe(t, text));
    return t;
}

/* #x: the length of the first dimension. */
static int tensor_length(lua_State *L)
{
    lua_pushinteger(L, check_items(L, 1)->shape[0]);
    return 1;
}

/* The iterator of pairs(x): the position after the one given, and what is there. */
static int tensor_next(lua_State *L)
{
    calr_tensor *t = check_items(L, 1);
    lua_Integer position = luaL_checkinteger(L, 2);
    if (position < 0 || position >= t->shape[0]) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, position + 1);
    calr_lua_call(L, calr_op_select(t, 0, position, calr_lua_new_tensor(L)));
    return 2;
}

static int tensor_pairs(lua_State *L)
{
    static const calr_lua_function next = {"next", tensor_next, NULL};
    check_items(L, 1);
    calr_lua_push_function(L, "", &next, 0);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    return 3;
}

/* Moves to the next position of a shape, the last dimension fastest. */
static void advance(const calr_tensor *t, int64_t *index)
{
    for (int d = t->ndim - 1; d >= 0; d--) {
        if (++index[d] < t->shape[d])
            return;
        index[d] = 0;
    }
}

/* Writes fn(element) for each element of `from` into `to`. */
static void apply(lua_State *L, int fn, const calr_tensor *from, calr_tensor *to)
{
    int64_t index[CALR_MAX_DIMS] = {0};
    for (int64_t i = calr_tensor_numel(from); i > 0; i--) {
        lua_pushvalue(L, fn);
        calr_lua_push_element(L, from, index);
        lua_call(L, 1, 1);
        if (lua_type(L, -1) != LUA_TNUMBER)
            luaL_error(L, "the function gave a %s, not a number", luaL_typename(L, -1));
        calr_lua_set_element(L, lua_gettop(L), to, index);
        lua_pop(L, 1);
        advance(from, index);
    }
}

/// calr.apply(x, fn)
/// Calls fn(element) for each element, in order, and returns a tensor of the results, of the type and shape of this
/// one. Slow beside the operations, which work on all elements at once, and without a gradient: a tensor that needs
/// one is an error while operations are recorded.
/// @param fn  function of a number that returns a number
/// @return tensor
static int tensor_apply(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    if (calr_tape_is_recording() && calr_tape_requires(t))
        luaL_argerror(L, 1,
                      "a gradient does not pass through a Lua function: x:detach():apply(fn), or "
                      "calr.autograd.op for an operation with one");
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_like(t, slot));
    calr_lua_account(L);
    apply(L, 2, t, *slot);
    return 1;
}

/// calr.apply_(x, fn)
/// Replaces each element by fn(element), in place.
/// @param fn  function of a number that returns a number
/// @return tensor  itself
static int tensor_apply_(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    calr_lua_call(L, calr_tape_check_write("apply_", t));
    apply(L, 2, t, t);
    lua_settop(L, 1);
    return 1;
}

const calr_lua_function calr_lua_item_methods[] = {
    {"apply", tensor_apply, "x, fn"},
    {"apply_", tensor_apply_, "x, fn"},
    {NULL, NULL, NULL},
};

const calr_lua_function calr_lua_item_metamethods[] = {
    {"__len", tensor_length, NULL},
    {"__pairs", tensor_pairs, NULL},
    {NULL, NULL, NULL},
};
