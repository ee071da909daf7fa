/* The vocabulary's reductions. */
#include "binding/bind.h"
#include "binding/methods.h"

#include <math.h>

#include "autograd/ops.h"

/// @module calr.tensor
/// Reductions: from many elements to one. Over everything they give a tensor of a single number (x:sum():item() is the
/// number); over a dimension, counted from 1, or a list of them, the others stay: x:mean { 2, 3 }. keepdim keeps the
/// reduced dimensions with length 1, so that the result broadcasts against x: x - x:mean(2, true).
///
/// Floats are added up in double precision. NaN is larger and smaller than everything, as in PyTorch. f16 is converted
/// first: x:to "f32".

/* `request` from the dimensions at `dim` and the boolean behind them. */
static calr_reduction_request request_of(lua_State *L, const calr_tensor *x, calr_reduction op,
                                         int dim)
{
    calr_reduction_request request = {.op = op, .name = calr_lua_name(L)};
    if (calr_lua_test_tensor(L, dim))
        luaL_argerror(L, dim,
                      lua_pushfstring(L, "a dimension is needed, not a tensor%s",
                                      op == CALR_REDUCE_MAX   ? "; see calr.maximum"
                                      : op == CALR_REDUCE_MIN ? "; see calr.minimum"
                                                              : ""));
    request.count = calr_lua_check_dims(L, dim, x, request.dims);
    request.keepdim = calr_lua_opt_boolean(L, dim + 1, false);
    return request;
}

/* f(x [, dim, keepdim]) */
static int tensor_reduce(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    calr_reduction_request request = request_of(L, x, (calr_reduction)calr_lua_code(L), 2);
    PUSH(L, calr_op_reduce(&request, x, slot, NULL));
    return 1;
}

/* One dimension, or all in a row as if they were one. Pushes values and positions. */
static void push_with_positions(lua_State *L, calr_reduction op)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    calr_reduction_request request = request_of(L, x, op, 2);
    if (!lua_isnoneornil(L, 2) && request.count != 1)
        luaL_argerror(L, 2,
                      "positions are along one dimension, not several: amax and amin take a list");
    calr_tensor **values = calr_lua_new_tensor(L), **positions = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_op_reduce(&request, x, values, positions));
    calr_lua_account(L);
}

static int tensor_extreme(lua_State *L)
{
    if (lua_isnoneornil(L, 2))
        return tensor_reduce(L);
    push_with_positions(L, (calr_reduction)calr_lua_code(L));
    return 2;
}

static int tensor_arg_extreme(lua_State *L)
{
    push_with_positions(L, (calr_reduction)calr_lua_code(L));
    return 1;
}

static int tensor_both_extremes(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    calr_reduction_request request = request_of(L, x, CALR_REDUCE_MIN, 2);
    PUSH(L, calr_op_reduce(&request, x, slot, NULL));
    request.op = CALR_REDUCE_MAX;
    PUSH(L, calr_op_reduce(&request, x, slot, NULL));
    return 2;
}

static int tensor_norm(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    double p = luaL_optnumber(L, 2, 2);
    luaL_argcheck(L, !isnan(p), 2, "the exponent of a norm is not NaN");
    calr_reduction_request request = request_of(L, x, CALR_REDUCE_NORM, 3);
    request.p = p;
    PUSH(L, calr_op_reduce(&request, x, slot, NULL));
    return 1;
}

/* f(x [, dim, correction, keepdim]) */
static int tensor_variance(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    lua_settop(L, 4);
    double correction = luaL_optnumber(L, 3, 1);
    lua_remove(L, 3);
    calr_reduction_request request = request_of(L, x, (calr_reduction)calr_lua_code(L), 2);
    request.p = correction;
    PUSH(L, calr_op_reduce(&request, x, slot, NULL));
    return 1;
}

/// calr.sum(x [, dim, keepdim])
/// The sum. Of integers and bools it is i64.
/// @param dim      a dimension from 1, negative from the end, or a list; all by default
/// @param keepdim  true: reduced dimensions stay, of length 1
/// @return tensor

/// calr.mean(x [, dim, keepdim])
/// The mean; of integers it is f32. A mean of nothing is an error.
/// @param dim      as calr.sum
/// @param keepdim  true: reduced dimensions stay, of length 1
/// @return tensor

/// calr.prod(x [, dim, keepdim])
/// The product. Of integers and bools it is i64.
/// @param dim      as calr.sum
/// @param keepdim  true: reduced dimensions stay, of length 1
/// @return tensor

/// calr.max(x [, dim, keepdim])
/// The largest element; along a dimension also where it is, from 0, the first of equals. NaN where there is one.
/// The gradient is shared among equals, along a dimension it is the first one's. The larger of two tensors, element
/// by element, is calr.maximum.
/// @param dim      one dimension, from 1, negative from the end
/// @param keepdim  true: the dimension stays, of length 1
/// @return tensor      values
/// @return tensor|nil  i64 positions, with a dimension

/// calr.min(x [, dim, keepdim])
/// The smallest element, as calr.max.
/// @param dim      one dimension, from 1, negative from the end
/// @param keepdim  true: the dimension stays, of length 1
/// @return tensor      values
/// @return tensor|nil  i64 positions, with a dimension

/// calr.amax(x [, dim, keepdim])
/// The largest element, over any dimensions, without its position. The gradient is shared among equals.
/// @param dim      as calr.sum
/// @param keepdim  true: reduced dimensions stay, of length 1
/// @return tensor

/// calr.amin(x [, dim, keepdim])
/// The smallest element, as calr.amax.
/// @param dim      as calr.sum
/// @param keepdim  true: reduced dimensions stay, of length 1
/// @return tensor

/// calr.aminmax(x [, dim, keepdim])
/// calr.amin and calr.amax.
/// @param dim      as calr.sum
/// @param keepdim  true: reduced dimensions stay, of length 1
/// @return tensor  the smallest
/// @return tensor  the largest

/// calr.argmax(x [, dim, keepdim])
/// The position of the largest element along a dimension, from 0; the first of equals. Without a dimension: the
/// position among all elements in order.
/// @param dim      one dimension, from 1, negative from the end
/// @param keepdim  true: the dimension stays, of length 1
/// @return tensor  i64

/// calr.argmin(x [, dim, keepdim])
/// The position of the smallest element, as calr.argmax.
/// @param dim      one dimension, from 1, negative from the end
/// @param keepdim  true: the dimension stays, of length 1
/// @return tensor  i64

/// calr.any(x [, dim, keepdim])
/// Whether any element is not 0; false where there are none.
/// @param dim      as calr.sum
/// @param keepdim  true: reduced dimensions stay, of length 1
/// @return tensor  bool

/// calr.all(x [, dim, keepdim])
/// Whether no element is 0; true where there are none.
/// @param dim      as calr.sum
/// @param keepdim  true: reduced dimensions stay, of length 1
/// @return tensor  bool

/// calr.count_nonzero(x [, dim, keepdim])
/// How many elements are not 0.
/// @param dim      as calr.sum
/// @param keepdim  true: reduced dimensions stay, of length 1
/// @return tensor  i64

/// calr.logsumexp(x [, dim, keepdim])
/// log(sum(exp(x))), without overflow.
/// @param dim      as calr.sum
/// @param keepdim  true: reduced dimensions stay, of length 1
/// @return tensor

/// calr.norm(x [, p, dim, keepdim])
/// The norm (sum |x|^p)^(1/p). The gradient at the zero vector is 0.
/// @param p        2 by default; math.huge: the largest |x|; -math.huge: the smallest; 0: how many are not 0
/// @param dim      as calr.sum
/// @param keepdim  true: reduced dimensions stay, of length 1
/// @return tensor

/// calr.var(x [, dim, correction, keepdim])
/// The variance: the sum of squared distances from the mean, divided by n - correction.
/// @param dim         as calr.sum
/// @param correction  number, 1 by default, as in PyTorch; 0: divides by n
/// @param keepdim     true: reduced dimensions stay, of length 1
/// @return tensor

/// calr.std(x [, dim, correction, keepdim])
/// The standard deviation: the root of calr.var.
/// @param dim         as calr.sum
/// @param correction  number, 1 by default
/// @param keepdim     true: reduced dimensions stay, of length 1
/// @return tensor

const calr_lua_function calr_lua_reduction_methods[] = {
    {"sum", tensor_reduce, "x [, dim, keepdim]", .code = CALR_REDUCE_SUM, .named = true},
    {"mean", tensor_reduce, "x [, dim, keepdim]", .code = CALR_REDUCE_MEAN, .named = true},
    {"prod", tensor_reduce, "x [, dim, keepdim]", .code = CALR_REDUCE_PROD, .named = true},
    {"max", tensor_extreme, "x [, dim, keepdim]", .code = CALR_REDUCE_MAX, .named = true},
    {"min", tensor_extreme, "x [, dim, keepdim]", .code = CALR_REDUCE_MIN, .named = true},
    {"amax", tensor_reduce, "x [, dim, keepdim]", .code = CALR_REDUCE_MAX, .named = true},
    {"amin", tensor_reduce, "x [, dim, keepdim]", .code = CALR_REDUCE_MIN, .named = true},
    {"aminmax", tensor_both_extremes, "x [, dim, keepdim]", .named = true},
    {"argmax", tensor_arg_extreme, "x [, dim, keepdim]", .code = CALR_REDUCE_MAX, .named = true},
    {"argmin", tensor_arg_extreme, "x [, dim, keepdim]", .code = CALR_REDUCE_MIN, .named = true},
    {"any", tensor_reduce, "x [, dim, keepdim]", .code = CALR_REDUCE_ANY, .named = true},
    {"all", tensor_reduce, "x [, dim, keepdim]", .code = CALR_REDUCE_ALL, .named = true},
    {"count_nonzero", tensor_reduce, "x [, dim, keepdim]", .code = CALR_REDUCE_COUNT,
     .named = true},
    {"logsumexp", tensor_reduce, "x [, dim, keepdim]", .code = CALR_REDUCE_LOGSUMEXP,
     .named = true},
    {"norm", tensor_norm, "x [, p, dim, keepdim]", .named = true},
    {"var", tensor_variance, "x [, dim, correction, keepdim]", .code = CALR_REDUCE_VAR,
     .named = true},
    {"std", tensor_variance, "x [, dim, correction, keepdim]", .code = CALR_REDUCE_STD,
     .named = true},
    {NULL, NULL, NULL},
};
