/* The elements in other places: flipped, rolled, repeated, stacked, padded, cut to a triangle. */
#include "binding/bind.h"
#include "binding/methods.h"

#include <math.h>
#include <string.h>

#include "autograd/ops.h"

/// @module calr.tensor

/// calr.flip(x, dims)
/// The items of the dimensions named from the last to the first; a copy.
/// @param dims  integer or table; dimensions, as arguments or a list
/// @return tensor
static int tensor_flip(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    int dims[CALR_MAX_DIMS];
    bool marked[CALR_MAX_DIMS] = {false};
    for (int i = calr_lua_check_order(L, 2, x, dims); i-- > 0;)
        marked[dims[i]] = true;
    PUSH(L, calr_op_flip(x, marked, slot));
    return 1;
}

/* The whole numbers at `arg`: one, or a list. */
static int check_one_or_more(lua_State *L, int arg, const char *what,
                             int64_t numbers[CALR_MAX_DIMS])
{
    if (!lua_istable(L, arg)) {
        numbers[0] = luaL_checkinteger(L, arg);
        return 1;
    }
    lua_pushvalue(L, arg);
    int count = calr_lua_check_numbers(L, lua_gettop(L), what, numbers);
    lua_pop(L, 1);
    return count;
}

/* x seen as one dimension, rolled, and seen in its shape again. */
static int roll_all(lua_State *L, calr_tensor *x, int64_t shift)
{
    int64_t all = -1, by[CALR_MAX_DIMS] = {shift};
    calr_tensor **flat = calr_lua_new_tensor(L), **rolled = calr_lua_new_tensor(L);
    if (calr_tensor_numel(x) == 0)
        all = 0;
    calr_lua_call(L, calr_op_reshape(x, 1, &all, flat));
    calr_lua_call(L, calr_op_roll(*flat, by, rolled));
    PUSH(L, calr_op_view(*rolled, x->ndim, x->shape, slot));
    return 1;
}

/// calr.roll(x, shifts [, dims])
/// Moves items on by `shifts` places; those that leave at the end come in at the beginning. Without dims all elements
/// are moved in their order, as if x had one dimension.
/// @param shifts  integer or table; below 0 to the beginning
/// @param dims    integer or table; a dimension for each shift
/// @return tensor
static int tensor_roll(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    int64_t shifts[CALR_MAX_DIMS], dims[CALR_MAX_DIMS], by[CALR_MAX_DIMS] = {0};
    int count = check_one_or_more(L, 2, "a list of shifts", shifts);
    if (lua_isnoneornil(L, 3)) {
        luaL_argcheck(L, count == 1, 2, "several shifts need dims, one for each");
        return roll_all(L, x, shifts[0]);
    }
    luaL_argcheck(L, check_one_or_more(L, 3, "a list of dimensions", dims) == count, 3,
                  "a dimension for each shift is needed");
    for (int i = 0; i < count; i++) {
        int dim = calr_lua_resolve_dim(L, 3, dims[i], x, x->ndim);
        int64_t length = x->shape[dim] ? x->shape[dim] : 1;
        by[dim] = (by[dim] + shifts[i] % length) % length;
    }
    PUSH(L, calr_op_roll(x, by, slot));
    return 1;
}

/// calr.tile(x, times)
/// Repeats x as a whole: x:tile(2, 3) puts it twice one under the other, and that three times side by side. With
/// fewer numbers than dimensions they are those of the last ones; with more, dimensions are put before the first. This
/// is PyTorch's tile and repeat.
/// @param times  integer or table; whole numbers, as arguments or a list
/// @return tensor
static int tensor_tile(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    int64_t given[CALR_MAX_DIMS], times[CALR_MAX_DIMS], shape[CALR_MAX_DIMS];
    calr_lua_check_last_list(L, 2);
    int count = calr_lua_check_numbers(L, 2, "a list of repetitions", given);
    int ndim = count > x->ndim ? count : x->ndim;
    for (int d = 0; d < ndim; d++) {
        times[d] = d < ndim - count ? 1 : given[d - (ndim - count)];
        shape[d] = d < ndim - x->ndim ? 1 : x->shape[d - (ndim - x->ndim)];
    }
    if (ndim > x->ndim) {
        calr_tensor **wide = calr_lua_new_tensor(L);
        calr_lua_call(L, calr_op_reshape(x, ndim, shape, wide));
        x = *wide;
    }
    PUSH(L, calr_op_tile(x, times, slot));
    return 1;
}

/// calr.stack(tensors [, dim])
/// Puts tensors of one shape side by side in a new dimension; calr.cat puts them one behind the other in one they have.
/// @param tensors  a list
/// @param dim      1 by default; -1 behind the last
/// @return tensor
static int tensor_stack(lua_State *L)
{
    lua_Integer count;
    int64_t dim = luaL_optinteger(L, 2, 1);
    lua_settop(L, 2);
    calr_tensor **list = calr_lua_check_tensors(L, 1, &count);
    luaL_argcheck(L, count <= INT32_MAX, 1, "these are too many tensors");
    int at = calr_lua_resolve_dim(L, 2, dim, list[0], list[0]->ndim + 1);
    PUSH(L, calr_op_stack(list, (int)count, at, slot));
    return 1;
}

/// calr.tril(x [, diagonal])
/// The lower triangle of matrices: zeros above a diagonal.
/// @param diagonal  integer, 0 by default: the main one; above 0 to the right of it
/// @return tensor

/// calr.triu(x [, diagonal])
/// The upper triangle of matrices: zeros below a diagonal.
/// @param diagonal  integer, 0 by default: the main one; above 0 to the right of it
/// @return tensor
static int tensor_triangle(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    int64_t diagonal = luaL_optinteger(L, 2, 0);
    PUSH(L, calr_op_triangle(x, diagonal, calr_lua_code(L), slot));
    return 1;
}

/// calr.diag(x [, diagonal])
/// Turns a vector into the matrix that has it as a diagonal, and a matrix into its diagonal (a view, as calr.diagonal).
/// @param diagonal  integer, 0 by default: the main one; above 0 to the right of it
/// @return tensor
static int tensor_diag(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    int64_t diagonal = luaL_optinteger(L, 2, 0);
    PUSH(L, calr_op_diag(x, diagonal, slot));
    return 1;
}

/* ---- pad ---- */

/* The dimension that the key at index -2 names: a number, or a letter of N x H x W x C. */
static int padded_dim(lua_State *L, const calr_tensor *x)
{
    static const char letters[] = "nhwc";
    char text[CALR_TENSOR_TEXT];
    if (lua_isinteger(L, -2))
        return calr_lua_resolve_dim(L, 2, lua_tointeger(L, -2), x, x->ndim);
    size_t length = 0;
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tolstring(L, -2, &length) : "";
    const char *letter = length == 1 ? strchr(letters, key[0]) : NULL;
    if (!letter)
        luaL_argerror(L, 2,
                      lua_pushfstring(L,
                                      "\"%s\" is no dimension: n, h, w, c, or a number in brackets",
                                      luaL_tolstring(L, -2, NULL)));
    if (x->ndim != 4)
        luaL_argerror(L, 2,
                      lua_pushfstring(L, "%s has numbers for its dimensions: {[1] = {0, 1}}",
                                      calr_tensor_describe(x, text)));
    return (int)(letter - letters);
}

/* The widths on top of the stack: {before, after}; or one number for both, where a letter names the dimension. */
static void read_widths(lua_State *L, int64_t *before, int64_t *after)
{
    if (lua_isinteger(L, -1) && lua_type(L, -2) == LUA_TSTRING) {
        *before = *after = lua_tointeger(L, -1);
        return;
    }
    if (!lua_istable(L, -1) || calr_lua_length(L, lua_gettop(L)) != 2)
        luaL_argerror(L, 2,
                      "widths are named: {h = 1, w = {0, 2}} or {[2] = {1, 1}, [3] = {0, 2}}; "
                      "PyTorch's list, which begins at the last dimension, is not read");
    for (int side = 0; side < 2; side++) {
        lua_rawgeti(L, -1, side + 1);
        if (!lua_isinteger(L, -1))
            luaL_argerror(L, 2, "a width is {before, after}, two whole numbers");
        *(side ? after : before) = lua_tointeger(L, -1);
        lua_pop(L, 1);
    }
}

/// calr.pad(x, widths [, mode, value])
/// Puts items before and behind dimensions. Feature maps are N x H x W x C: x:pad { h = 1, w = {0, 2} } is PyTorch's
/// F.pad(x, (0, 2, 1, 1)) of N x C x H x W; other tensors name dimensions by number: x:pad { [1] = {1, 0} }.
/// @param widths  table of {before, after} by dimension: n, h, w, c or a number; one number for both with a letter
/// @param mode    "constant" (default), "reflect" or "replicate"
/// @param value   number, of a constant border; 0 by default
/// @return tensor
static int tensor_pad(lua_State *L)
{
    static const char *const modes[] = {"constant", "reflect", "replicate", NULL};
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    calr_padding padding = {.mode = CALR_PAD_CONSTANT};
    bool seen[CALR_MAX_DIMS] = {false};
    luaL_checktype(L, 2, LUA_TTABLE);
    padding.mode = (calr_pad_mode)luaL_checkoption(L, 3, "constant", modes);
    padding.value = luaL_optnumber(L, 4, 0);
    luaL_argcheck(L, lua_isnoneornil(L, 4) || padding.mode == CALR_PAD_CONSTANT, 4,
                  "only a constant border has a value");
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
        int dim = padded_dim(L, x);
        if (seen[dim])
            luaL_argerror(L, 2, lua_pushfstring(L, "dimension %d is named twice", dim + 1));
        seen[dim] = true;
        read_widths(L, &padding.before[dim], &padding.after[dim]);
    }
    PUSH(L, calr_op_pad(x, &padding, slot));
    return 1;
}

const calr_lua_function calr_lua_rearrange_methods[] = {
    {"flip", tensor_flip, "x, ..."},
    {"roll", tensor_roll, "x, shifts [, dims]", .named = true},
    {"tile", tensor_tile, "x, ..."},
    {"tril", tensor_triangle, "x [, diagonal]", .named = true, .code = 0},
    {"triu", tensor_triangle, "x [, diagonal]", .named = true, .code = 1},
    {"diag", tensor_diag, "x [, diagonal]", .named = true},
    {"pad", tensor_pad, "x, widths [, mode, value]"},
    {NULL, NULL, NULL},
};

const calr_lua_function calr_lua_rearrange_functions[] = {
    {"stack", tensor_stack, "tensors [, dim]", .named = true},
    {NULL, NULL, NULL},
};
