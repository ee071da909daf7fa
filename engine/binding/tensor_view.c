/* The same elements in other shapes: views, and the copies that straighten them. */
#include "binding/bind.h"
#include "binding/methods.h"

#include "autograd/ops.h"

/// @module calr.tensor

/// tensor:reshape(shape)
/// Returns the same elements in another shape; shares memory. One dimension may be -1.
/// @return tensor
static int tensor_reshape(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    int64_t shape[CALR_MAX_DIMS];
    int ndim = calr_lua_check_shape(L, 2, shape);
    calr_lua_call(L, calr_op_reshape(t, ndim, shape, calr_lua_new_tensor(L)));
    return 1;
}

/// tensor:narrow(dim, first, count)
/// Returns `count` items of a dimension from position `first`; shares memory.
/// @return tensor
static int tensor_narrow(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    int dim = calr_lua_check_dim(L, 2, t);
    int64_t first = calr_lua_check_position(L, 3), count = luaL_checkinteger(L, 4);
    calr_lua_call(L, calr_op_narrow(t, dim, first, count, calr_lua_new_tensor(L)));
    return 1;
}

/// tensor:select(dim, position)
/// Returns one item of a dimension, which is removed; shares memory.
/// @return tensor
static int tensor_select(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    int dim = calr_lua_check_dim(L, 2, t);
    int64_t position = calr_lua_check_position(L, 3);
    calr_lua_call(L, calr_op_select(t, dim, position, calr_lua_new_tensor(L)));
    return 1;
}

/// tensor:transpose(dim_a, dim_b)
/// Returns the tensor with two dimensions swapped; shares memory (a strided view).
/// @return tensor
static int tensor_transpose(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    int a = calr_lua_check_dim(L, 2, t), b = calr_lua_check_dim(L, 3, t);
    calr_lua_call(L, calr_op_transpose(t, a, b, calr_lua_new_tensor(L)));
    return 1;
}

/// tensor:contiguous()
/// Returns the tensor itself if its elements lie in order, otherwise a contiguous copy.
/// @return tensor
static int tensor_contiguous(lua_State *L)
{
    calr_lua_call(L, calr_op_contiguous(calr_lua_check_tensor(L, 1), calr_lua_new_tensor(L)));
    calr_lua_account(L);
    return 1;
}

/// tensor:clone()
/// Returns a copy with its own memory.
/// @return tensor
static int tensor_clone(lua_State *L)
{
    calr_lua_call(L, calr_op_clone(calr_lua_check_tensor(L, 1), calr_lua_new_tensor(L)));
    calr_lua_account(L);
    return 1;
}

const calr_lua_function calr_lua_view_methods[] = {
    {"reshape", tensor_reshape, "self, shape"},
    {"narrow", tensor_narrow, "self, dim, first, count"},
    {"select", tensor_select, "self, dim, position"},
    {"transpose", tensor_transpose, "self, dim_a, dim_b"},
    {"contiguous", tensor_contiguous, "self"},
    {"clone", tensor_clone, "self"},
    {NULL, NULL, NULL},
};
