/* Brackets: x[i], x[{ {2, 5}, {}, -1 }], and the same on the left of `=`. */
#include "binding/bind.h"
#include "binding/methods.h"

#include <inttypes.h>

#include "autograd/ops.h"
#include "autograd/tape.h"

/// @module calr.tensor.brackets
/// Brackets. Positions count from 1, or from the end when negative; what comes out shares the memory of the tensor.
///
///     x[2]                      the second item of the first dimension; x[-1] is the last
///     x[{ {2, 5}, {}, -1 }]     items 2 to 5 of the first dimension, all of the second, the last of the third
///     x[{ {1, -1, 2} }]         every second item, from the first to the last
///     x[{ {}, 3 }] = 0          writes; a tensor on the right is repeated to the shape of what is on the left
///
/// A dimension that is not named is taken whole. Numbers inside a tensor count from 0, so that x[index:item()] is the
/// item before the one that index names. x[#x + 1] is an error, so ipairs does not end; pairs(x) does.

/* Position `given` of `size` items, from 1 or from the end; returned from 0. */
static int64_t resolve(lua_State *L, const calr_tensor *x, int dim, lua_Integer given)
{
    int64_t size = x->shape[dim], position = given < 0 ? given + size : given - 1;
    char text[CALR_TENSOR_TEXT];
    if (given == 0)
        luaL_error(
            L, "positions count from 1; numbers inside a tensor count from 0: x[index:item() + 1]");
    if (position < 0 || position >= size)
        luaL_error(L, "%s has no item %I in dimension %d, which has %I",
                   calr_tensor_describe(x, text), given, dim + 1, (lua_Integer)size);
    return position;
}

/* Whole number `i` of the list on top, or `fallback` where it is not there. */
static lua_Integer whole_of(lua_State *L, int i, lua_Integer fallback)
{
    int whole = 1;
    lua_Integer value = fallback;
    if (lua_rawgeti(L, -1, i) != LUA_TNIL)
        value = lua_tointegerx(L, -1, &whole);
    if (!whole || lua_type(L, -1) == LUA_TSTRING)
        luaL_error(L,
                   "a range is {first, last} or {first, last, step}, all whole numbers; %s is none",
                   luaL_tolstring(L, -1, NULL));
    lua_pop(L, 1);
    return value;
}

/* x with the range on top of the stack taken of a dimension, into a slot. */
static calr_tensor *push_range(lua_State *L, calr_tensor *x, int dim)
{
    char text[CALR_TENSOR_TEXT];
    lua_Integer count = (lua_Integer)lua_rawlen(L, -1), size = x->shape[dim];
    if (count == 0 || count > 3) {
        if (count == 0 && (lua_pushnil(L), lua_next(L, -2) == 0))
            return x; /* {}: all */
        luaL_error(L, "a range is {first, last} or {first, last, step}; {} is all");
    }
    if (count == 1)
        luaL_error(L,
                   "a range has a first and a last position: {%I, -1} goes to the end, %I alone is "
                   "one item",
                   whole_of(L, 1, 1), whole_of(L, 1, 1));
    lua_Integer given = whole_of(L, 1, 1), last = whole_of(L, 2, -1), step = whole_of(L, 3, 1);
    if (step < 1)
        luaL_error(L,
                   "the step of a range is 1 or more, not %I; x:flip(dim) turns a dimension round",
                   step);
    int64_t from = given < 0 ? given + size : given - 1, to = last < 0 ? last + size : last - 1;
    if (given == 0 || from < 0 || from > size || to >= size || to < from - 1)
        luaL_error(L, "{%I, %I} is no range of dimension %d of %s", given, last, dim + 1,
                   calr_tensor_describe(x, text));
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L,
                  calr_op_slice(x, dim, from, step, to < from ? 0 : (to - from) / step + 1, slot));
    return *slot;
}

static calr_tensor *push_item(lua_State *L, calr_tensor *x, int dim, lua_Integer given)
{
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_op_select(x, dim, resolve(L, x, dim, given), slot));
    return *slot;
}

/* The view of x that the key at `arg` names; it is on the stack, or x itself. */
static calr_tensor *push_view(lua_State *L, calr_tensor *x, int arg)
{
    char text[CALR_TENSOR_TEXT];
    if (lua_isinteger(L, arg) ||
        (lua_type(L, arg) == LUA_TNUMBER && lua_tointegerx(L, arg, NULL))) {
        if (x->ndim == 0)
            luaL_error(L, "%s is a single number: x:item()", calr_tensor_describe(x, text));
        return push_item(L, x, 0, lua_tointeger(L, arg));
    }
    if (!lua_istable(L, arg))
        luaL_error(L,
                   "brackets take a position, a list such as { {2, 5}, {}, -1 }, a mask or a "
                   "tensor of positions, "
                   "not %s",
                   luaL_tolstring(L, arg, NULL));
    lua_Integer count = calr_lua_length(L, arg);
    if (count > x->ndim)
        luaL_error(L, "%s has %d dimension%s, and %I are named", calr_tensor_describe(x, text),
                   x->ndim, x->ndim == 1 ? "" : "s", count);
    if (count == 0)
        luaL_error(L, "an empty list in brackets names nothing; x[{ {} }] is all of x");
    int dim = 0;
    luaL_checkstack(L, 8 + 2 * (int)count, NULL);
    for (lua_Integer i = 1; i <= count; i++) {
        int type = lua_geti(L, arg, i), whole = 0;
        if (type == LUA_TTABLE) {
            x = push_range(L, x, dim++);
        } else if (type == LUA_TNUMBER && (lua_tointegerx(L, -1, &whole), whole)) {
            x = push_item(L, x, dim, lua_tointeger(L, -1));
        } else {
            luaL_error(L, "item %I in the brackets is %s, not a position or a range {first, last}",
                       i, luaL_tolstring(L, -1, NULL));
        }
    }
    return x;
}

/* x[key], for keys that are no strings. */
static int index_read(lua_State *L)
{
    lua_settop(L, 2);
    calr_tensor *x = calr_lua_check_tensor(L, 1), *view = push_view(L, x, 2);
    if (view == x) { /* all of it: a view of its own */
        calr_lua_call(L, calr_op_narrow(x, 0, 0, x->shape[0], calr_lua_new_tensor(L)));
        return 1;
    }
    while (calr_lua_test_tensor(L, -1) != view)
        lua_pop(L, 1);
    return 1;
}

/* x[key] = value. */
static int index_write(lua_State *L)
{
    char text[CALR_TENSOR_TEXT];
    if (lua_type(L, 2) == LUA_TSTRING)
        return luaL_error(L, "a tensor has no field \"%s\" to assign to", lua_tostring(L, 2));
    calr_tensor *x = calr_lua_check_writable(L, 1);
    calr_tensor *value = lua_type(L, 3) == LUA_TUSERDATA ? calr_lua_check_tensor(L, 3) : NULL;
    bool number = lua_type(L, 3) == LUA_TNUMBER || (lua_isboolean(L, 3) && x->dtype == CALR_BOOL);
    if (!value && !number)
        luaL_error(L, "a number or a tensor is written to %s, not %s",
                   calr_tensor_describe(x, text), luaL_tolstring(L, 3, NULL));
    calr_lua_call(L, calr_op_check_into("x[...] = value", x, value));
    calr_tensor *view = push_view(L, x, 2), *from = value;
    if (!value) {
        calr_tensor **one = calr_lua_new_tensor(L);
        calr_lua_call(L, calr_tensor_new(x->dtype, 0, NULL, one));
        calr_lua_set_element(L, 3, *one, NULL);
        from = *one;
    }
    if (from->storage == view->storage) { /* x[{ {2, -1} }] = x[{ {1, -2} }] */
        calr_tensor **copy = calr_lua_new_tensor(L);
        calr_lua_call(L, calr_tensor_clone(from, copy));
        from = *copy;
    }
    calr_tensor **full = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_op_expand(from, view->ndim, view->shape, full));
    calr_lua_call(L, calr_tensor_copy(view, *full));
    return 0;
}

static const calr_lua_function read_function = {"__index", index_read, NULL};
const calr_lua_function calr_lua_bracket_metamethods[] = {
    {"__newindex", index_write, NULL},
    {NULL, NULL, NULL},
};

void calr_lua_push_index(lua_State *L)
{
    calr_lua_push_function(L, "", &read_function, 0);
}
