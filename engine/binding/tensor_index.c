/* Brackets: x[i], x[{ {2, 5}, {}, -1 }], and the same on the left of `=`. */
#include "binding/bind.h"
#include "binding/methods.h"

#include <inttypes.h>

#include "autograd/ops.h"
#include "autograd/ops_index.h"
#include "autograd/tape.h"

/// @module calr.tensor.brackets
/// Brackets. Positions count from 1, or from the end when negative; what comes out shares the memory of the tensor.
///
///     x[2]                      the second item of the first dimension; x[-1] is the last
///     x[{ {2, 5}, {}, -1 }]     items 2 to 5 of the first dimension, all of the second, the last of the third
///     x[{ {1, -1, 2} }]         every second item, from the first to the last
///     x[{ {}, 3 }] = 0          writes; a tensor on the right is repeated to the shape of what is on the left
///     x[mask], x[index]         the items that a bool mask or an index tensor names: a copy, with a gradient
///     x[{ rows, columns }]      elements by an index tensor for each of the first dimensions; x[mask] = 0 writes
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

/* ---- index tensors and masks: copies, not views ---- */

/* What index tensors in brackets stand for: those of the first dimensions. */
typedef struct chosen {
    int count;
    calr_tensor *index[CALR_MAX_DIMS];
} chosen;

/* One index for each dimension of a mask: the places of what it names. Its columns stay on the stack. */
static void add_mask(lua_State *L, const calr_tensor *x, calr_tensor *mask, chosen *c)
{
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    bool fits = mask->ndim > 0 && c->count + mask->ndim <= x->ndim;
    for (int d = 0; d < mask->ndim && fits; d++)
        fits = mask->shape[d] == x->shape[c->count + d];
    if (!fits)
        luaL_error(L, "the mask %s in the brackets has not the first dimensions of %s",
                   calr_tensor_describe(mask, a), calr_tensor_describe(x, b));
    calr_tensor **places = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_op_nonzero(mask, places));
    for (int d = 0; d < mask->ndim; d++) {
        calr_tensor **column = calr_lua_new_tensor(L);
        calr_lua_call(L, calr_tensor_select(*places, 1, d, column));
        c->index[c->count++] = *column;
    }
}

static void add_chosen(lua_State *L, const calr_tensor *x, calr_tensor *index, chosen *c)
{
    char text[CALR_TENSOR_TEXT];
    if (index->dtype == CALR_BOOL) {
        add_mask(L, x, index, c);
        return;
    }
    if (c->count == x->ndim)
        luaL_error(L, "more indices in the brackets than %s has dimensions",
                   calr_tensor_describe(x, text));
    c->index[c->count++] = index;
}

/* Whether the key at `arg` is an index tensor or a mask, or a list that begins with one; *c is what they choose. */
static bool find_chosen(lua_State *L, const calr_tensor *x, int arg, chosen *c)
{
    c->count = 0;
    luaL_checkstack(L, 4 * CALR_MAX_DIMS, NULL);
    if (lua_type(L, arg) == LUA_TUSERDATA && calr_lua_test_tensor(L, arg)) {
        add_chosen(L, x, calr_lua_check_tensor(L, arg), c);
        return true;
    }
    if (!lua_istable(L, arg))
        return false;
    bool first = lua_geti(L, arg, 1) == LUA_TUSERDATA;
    lua_pop(L, 1);
    if (!first)
        return false;
    lua_Integer count = calr_lua_length(L, arg);
    for (lua_Integer i = 1; i <= count; i++) {
        calr_tensor *index =
            lua_geti(L, arg, i) == LUA_TUSERDATA ? calr_lua_test_tensor(L, -1) : NULL;
        if (!index)
            luaL_error(L,
                       "item %I in the brackets is %s; behind an index tensor there are only "
                       "others: x[{ rows, columns }]. Take ranges first: x[{ {}, 2 }][index]",
                       i, luaL_tolstring(L, -1, NULL));
        add_chosen(L, x, index, c);
    }
    return true;
}

/* x[key], for keys that are no strings. */
static int index_read(lua_State *L)
{
    chosen c;
    lua_settop(L, 2);
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    if (find_chosen(L, x, 2, &c)) {
        PUSH(L, calr_op_pick(x, c.index, c.count, slot));
        return 1;
    }
    calr_tensor *view = push_view(L, x, 2);
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
    calr_tensor *x = calr_lua_check_writable(L, 1, "x[...] = value");
    calr_tensor *value = lua_type(L, 3) == LUA_TUSERDATA ? calr_lua_check_tensor(L, 3) : NULL;
    bool number = lua_type(L, 3) == LUA_TNUMBER || (lua_isboolean(L, 3) && x->dtype == CALR_BOOL);
    if (!value && !number)
        luaL_error(L, "a number or a tensor is written to %s, not %s",
                   calr_tensor_describe(x, text), luaL_tolstring(L, 3, NULL));
    if (value && calr_tape_is_recording() && calr_tape_requires(value))
        luaL_error(L,
                   "x[...] = value: the gradient of %s would be lost. Use index_put, or give its "
                   "detach()",
                   calr_tensor_describe(value, text));
    calr_tensor *from = value;
    if (!value) {
        calr_tensor **one = calr_lua_new_tensor(L);
        calr_lua_call(L, calr_tensor_new(x->dtype, 0, NULL, one));
        calr_lua_set_element(L, 3, *one, NULL);
        from = *one;
    }
    chosen c;
    if (find_chosen(L, x, 2, &c)) {
        calr_lua_call(L,
                      calr_op_put(x, c.index, c.count, from, false, true, calr_lua_new_tensor(L)));
        return 0;
    }
    calr_tensor *view = push_view(L, x, 2);
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
