/* The same elements in other shapes: views, and the copies that straighten them. */
#include "binding/bind.h"
#include "binding/methods.h"

#include "autograd/ops.h"

/// @module calr.tensor

/* The shape that is the list, or the numbers, behind the tensor, and nothing else. */
static int check_shape(lua_State *L, int64_t shape[CALR_MAX_DIMS])
{
    calr_lua_check_last_list(L, 2);
    return calr_lua_check_shape(L, 2, shape);
}

int calr_lua_check_order(lua_State *L, int arg, const calr_tensor *x, int dims[CALR_MAX_DIMS])
{
    int64_t numbers[CALR_MAX_DIMS];
    bool seen[CALR_MAX_DIMS] = {false};
    calr_lua_check_last_list(L, arg);
    int count = calr_lua_check_numbers(L, arg, "a list of dimensions", numbers);
    for (int i = 0; i < count; i++) {
        dims[i] = calr_lua_resolve_dim(L, arg, numbers[i], x, x->ndim);
        if (seen[dims[i]])
            luaL_argerror(L, arg, lua_pushfstring(L, "dimension %d is named twice", dims[i] + 1));
        seen[dims[i]] = true;
    }
    return count;
}

/// calr.reshape(x, shape)
/// Returns the same elements, in order, in another shape: x:reshape(2, -1) or x:reshape { 2, -1 }. One dimension may be
/// -1. Where the elements lie so that a view will do, it shares memory; where they don't (after a transpose, say) it is
/// a copy, and what is written into it does not reach x. calr.view never copies.
/// @param shape  whole numbers, or a list of them
/// @return tensor
static int tensor_reshape(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    int64_t shape[CALR_MAX_DIMS];
    int ndim = check_shape(L, shape);
    calr_lua_call(L, calr_op_reshape(t, ndim, shape, calr_lua_new_tensor(L)));
    calr_lua_account(L);
    return 1;
}

/// calr.view(x, shape)
/// Returns the same elements in another shape; shares memory always: where only a copy would have that order, it is an
/// error. calr.reshape copies there.
/// @param shape  whole numbers, or a list of them; one may be -1
/// @return tensor
static int tensor_view(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    int64_t shape[CALR_MAX_DIMS];
    int ndim = check_shape(L, shape);
    calr_lua_call(L, calr_op_view(t, ndim, shape, calr_lua_new_tensor(L)));
    return 1;
}

/// calr.flatten(x [, start_dim, end_dim])
/// Makes one dimension of those from start_dim to end_dim; a view where that is possible, as calr.reshape. A
/// single number becomes a list of one.
/// @param start_dim  integer, 1 by default
/// @param end_dim    integer; -1, the last, by default
/// @return tensor
static int tensor_flatten(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    int64_t shape[CALR_MAX_DIMS];
    int ndim = t->ndim ? t->ndim : 1;
    int first = calr_lua_resolve_dim(L, 2, luaL_optinteger(L, 2, 1), t, ndim);
    int last = calr_lua_resolve_dim(L, 3, luaL_optinteger(L, 3, -1), t, ndim), count = 0;
    luaL_argcheck(L, first <= last, 3, "end_dim comes before start_dim");
    for (int d = 0; d < first; d++)
        shape[count++] = t->shape[d];
    int64_t *joined = &shape[count++];
    *joined = 1; /* the product of a shape that exists overflows only where a dimension is 0 */
    for (int d = first; d <= last && t->ndim > 0; d++)
        *joined = t->shape[d] == 0 || *joined == 0 ? 0 : *joined * t->shape[d];
    for (int d = last + 1; d < t->ndim; d++)
        shape[count++] = t->shape[d];
    calr_lua_call(L, calr_op_reshape(t, count, shape, calr_lua_new_tensor(L)));
    calr_lua_account(L);
    return 1;
}

/// calr.squeeze(x [, dim])
/// Removes dimensions of length 1: all, or of those named the ones that have that length. Shares memory.
/// @param dim  from 1, or a list
/// @return tensor
static int tensor_squeeze(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    bool named[CALR_MAX_DIMS] = {false};
    int dims[CALR_MAX_DIMS], ndim = 0, all = lua_isnoneornil(L, 2);
    int64_t shape[CALR_MAX_DIMS];
    if (all)
        lua_settop(L, 1);
    for (int i = all ? 0 : calr_lua_check_order(L, 2, t, dims); i-- > 0;)
        named[dims[i]] = true;
    for (int d = 0; d < t->ndim; d++)
        if (t->shape[d] != 1 || (!all && !named[d]))
            shape[ndim++] = t->shape[d];
    calr_lua_call(L, calr_op_view(t, ndim, shape, calr_lua_new_tensor(L)));
    return 1;
}

/// calr.unsqueeze(x, dim)
/// Puts a dimension of length 1 in: it becomes dimension `dim` of the result. Shares memory.
/// @param dim  from 1 to the number of dimensions + 1; -1 puts it behind the last
/// @return tensor
static int tensor_unsqueeze(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    int64_t shape[CALR_MAX_DIMS];
    luaL_argcheck(L, t->ndim < CALR_MAX_DIMS, 1, "it has as many dimensions as a tensor can have");
    int at = calr_lua_resolve_dim(L, 2, luaL_checkinteger(L, 2), t, t->ndim + 1);
    for (int d = 0; d <= t->ndim; d++)
        shape[d] = d == at ? 1 : t->shape[d - (d > at)];
    calr_lua_call(L, calr_op_view(t, t->ndim + 1, shape, calr_lua_new_tensor(L)));
    return 1;
}

static int push_permuted(lua_State *L, calr_tensor *t, const int *dims)
{
    calr_lua_call(L, calr_op_permute(t, dims, calr_lua_new_tensor(L)));
    return 1;
}

/// calr.permute(x, dims)
/// Orders the dimensions anew: x:permute(3, 1, 2) begins with the third. Shares memory.
/// @param dims  integer or table; every dimension once, as arguments or a list
/// @return tensor
static int tensor_permute(lua_State *L)
{
    char text[CALR_TENSOR_TEXT];
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    int dims[CALR_MAX_DIMS], count = calr_lua_check_order(L, 2, t, dims);
    if (count != t->ndim)
        luaL_argerror(L, 2,
                      lua_pushfstring(L, "every dimension of %s must be named, not %d of %d",
                                      calr_tensor_describe(t, text), count, t->ndim));
    return push_permuted(L, t, dims);
}

/* The dimension or dimensions at `arg`. */
static int check_dims_at(lua_State *L, int arg, const calr_tensor *x, int dims[CALR_MAX_DIMS])
{
    if (lua_istable(L, arg)) {
        lua_pushvalue(L, arg);
        lua_Integer top = lua_gettop(L);
        int count = calr_lua_check_order(L, (int)top, x, dims);
        lua_pop(L, 1);
        return count;
    }
    dims[0] = calr_lua_check_dim(L, arg, x);
    return 1;
}

/// calr.movedim(x, source, destination)
/// Moves dimensions to other places; the others keep their order. x:movedim(4, 2) turns N x H x W x C into N x C x H x
/// W. Shares memory.
/// @param source       integer or table; a dimension, or a list of them
/// @param destination  integer or table; where they go, as many
/// @return tensor
static int tensor_movedim(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    int from[CALR_MAX_DIMS], to[CALR_MAX_DIMS], dims[CALR_MAX_DIMS];
    bool moved[CALR_MAX_DIMS] = {false}, taken[CALR_MAX_DIMS] = {false};
    int count = check_dims_at(L, 2, t, from);
    luaL_argcheck(L, check_dims_at(L, 3, t, to) == count, 3, "as many places as dimensions");
    for (int i = 0; i < count; i++) {
        dims[to[i]] = from[i];
        moved[from[i]] = taken[to[i]] = true;
    }
    for (int d = 0, next = 0; d < t->ndim; d++) {
        if (taken[d])
            continue;
        while (moved[next])
            next++;
        dims[d] = next++;
    }
    return push_permuted(L, t, dims);
}

/// calr.t(x)
/// The transpose of a matrix; a vector or a single number stays as it is. Shares memory.
/// @return tensor
static int tensor_t(lua_State *L)
{
    char text[CALR_TENSOR_TEXT];
    static const int straight[] = {0}, swapped[] = {1, 0};
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    if (t->ndim > 2)
        luaL_argerror(L, 1,
                      lua_pushfstring(
                          L,
                          "a matrix is needed, not %s: x:transpose(dim_a, dim_b), x:permute(dims)",
                          calr_tensor_describe(t, text)));
    return push_permuted(L, t, t->ndim == 2 ? swapped : straight);
}

/// calr.expand(x, shape)
/// Repeats dimensions of length 1, and puts further dimensions before the first; -1 keeps a length. Shares memory: an
/// element is in several places, so it can be read, not written (clone it first).
/// @param shape  whole numbers, or a list of them
/// @return tensor
static int tensor_expand(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    int64_t shape[CALR_MAX_DIMS];
    int ndim = check_shape(L, shape);
    calr_lua_call(L, calr_op_expand(t, ndim, shape, calr_lua_new_tensor(L)));
    return 1;
}

/// calr.broadcast_to(x, shape)
/// The same as calr.expand.
/// @param shape  whole numbers, or a list of them
/// @return tensor

/// calr.expand_as(x, other)
/// calr.expand to the shape of another tensor.
/// @param other  tensor
/// @return tensor
static int tensor_expand_as(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1), *other = calr_lua_check_tensor(L, 2);
    calr_lua_call(L, calr_op_expand(t, other->ndim, other->shape, calr_lua_new_tensor(L)));
    return 1;
}

/// calr.diagonal(x [, offset, dim1, dim2])
/// The elements whose positions in two dimensions are equal, or `offset` apart: the last dimension of the result, in
/// place of those two. Shares memory.
/// @param offset  integer, 0 by default; above 0 to the right of the main diagonal, below 0 under it
/// @param dim1    integer, 1 by default
/// @param dim2    integer, 2 by default
/// @return tensor
static int tensor_diagonal(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    int64_t offset = luaL_optinteger(L, 2, 0);
    int a = calr_lua_resolve_dim(L, 3, luaL_optinteger(L, 3, 1), t, t->ndim);
    int b = calr_lua_resolve_dim(L, 4, luaL_optinteger(L, 4, 2), t, t->ndim);
    calr_lua_call(L, calr_op_diagonal(t, offset, a, b, calr_lua_new_tensor(L)));
    return 1;
}

/// calr.unfold(x, dim, size, step)
/// Windows of a dimension: item i of it becomes the window that begins at item 1 + (i - 1) step, and what a window
/// holds is a new last dimension. Shares memory: windows that overlap can be read, not written.
/// @param dim   from 1
/// @param size  items of a window
/// @param step  from one window to the next
/// @return tensor
static int tensor_unfold(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    int dim = calr_lua_check_dim(L, 2, t);
    int64_t size = luaL_checkinteger(L, 3), step = luaL_checkinteger(L, 4);
    calr_lua_call(L, calr_op_unfold(t, dim, size, step, calr_lua_new_tensor(L)));
    return 1;
}

/// calr.narrow(x, dim, first, count)
/// Returns `count` items of a dimension from position `first` (-1 is the last); shares memory.
/// @return tensor
static int tensor_narrow(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    int dim = calr_lua_check_dim(L, 2, t);
    int64_t first = calr_lua_check_position(L, 3, t, dim), count = luaL_checkinteger(L, 4);
    calr_lua_call(L, calr_op_narrow(t, dim, first, count, calr_lua_new_tensor(L)));
    return 1;
}

/// calr.select(x, dim, position)
/// Returns one item of a dimension (-1 is the last), which is removed; shares memory.
/// @return tensor
static int tensor_select(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    int dim = calr_lua_check_dim(L, 2, t);
    int64_t position = calr_lua_check_position(L, 3, t, dim);
    calr_lua_call(L, calr_op_select(t, dim, position, calr_lua_new_tensor(L)));
    return 1;
}

/// calr.transpose(x, dim_a, dim_b)
/// Returns the tensor with two dimensions swapped; shares memory (a strided view).
/// @return tensor
static int tensor_transpose(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    int a = calr_lua_check_dim(L, 2, t), b = calr_lua_check_dim(L, 3, t);
    calr_lua_call(L, calr_op_transpose(t, a, b, calr_lua_new_tensor(L)));
    return 1;
}

/// calr.contiguous(x)
/// Returns the tensor itself if its elements lie in order, otherwise a contiguous copy.
/// @return tensor
static int tensor_contiguous(lua_State *L)
{
    calr_lua_call(L, calr_op_contiguous(calr_lua_check_tensor(L, 1), calr_lua_new_tensor(L)));
    calr_lua_account(L);
    return 1;
}

/// calr.clone(x)
/// Returns a copy with its own memory.
/// @return tensor
static int tensor_clone(lua_State *L)
{
    calr_lua_call(L, calr_op_clone(calr_lua_check_tensor(L, 1), calr_lua_new_tensor(L)));
    calr_lua_account(L);
    return 1;
}

const calr_lua_function calr_lua_view_methods[] = {
    {"reshape", tensor_reshape, "x, ..."},
    {"view", tensor_view, "x, ..."},
    {"flatten", tensor_flatten, "x [, start_dim, end_dim]", .named = true},
    {"squeeze", tensor_squeeze, "x [, dim]", .named = true},
    {"unsqueeze", tensor_unsqueeze, "x, dim", .named = true},
    {"permute", tensor_permute, "x, ..."},
    {"movedim", tensor_movedim, "x, source, destination", .named = true},
    {"t", tensor_t, "x"},
    {"expand", tensor_expand, "x, ..."},
    {"broadcast_to", tensor_expand, "x, ..."},
    {"expand_as", tensor_expand_as, "x, other"},
    {"diagonal", tensor_diagonal, "x [, offset, dim1, dim2]", .named = true},
    {"unfold", tensor_unfold, "x, dim, size, step", .named = true},
    {"narrow", tensor_narrow, "x, dim, first, count", .named = true},
    {"select", tensor_select, "x, dim, position", .named = true},
    {"transpose", tensor_transpose, "x, dim_a, dim_b", .named = true},
    {"contiguous", tensor_contiguous, "x"},
    {"clone", tensor_clone, "x"},
    {NULL, NULL, NULL},
};
