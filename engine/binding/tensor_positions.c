/* Items and elements by their positions, in index tensors and masks. */
#include "binding/bind.h"
#include "binding/methods.h"

#include "autograd/ops.h"
#include "autograd/ops_index.h"

/// @module calr.tensor

/* A tensor at `arg`, or a number (or a boolean) made a single number of the type of x; it belongs to the stack. */
static calr_tensor *check_source(lua_State *L, int arg, const calr_tensor *x)
{
    int type = lua_type(L, arg);
    if (type != LUA_TNUMBER && type != LUA_TBOOLEAN)
        return calr_lua_check_tensor(L, arg);
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(x->dtype, 0, NULL, slot));
    calr_lua_set_element(L, arg, *slot, NULL);
    return *slot;
}

/* What an operation that may work in place returns: the new tensor on top, or the first argument. */
static int push_changed(lua_State *L)
{
    if (calr_lua_in_place(L))
        lua_settop(L, 1);
    else
        calr_lua_account(L);
    return 1;
}

/// calr.index_select(x, dim, index)
/// Takes items of a dimension, in the order of `index`, with a gradient: rows with dim 1, columns with 2.
/// @param x      tensor of any type
/// @param dim    integer; from 1; -1 is the last
/// @param index  tensor; i64[m], or i32[m], of numbers from 0
/// @return tensor  like x, with m items in that dimension
static int items_index_select(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    int dim = calr_lua_check_dim(L, 2, x);
    calr_tensor *index = calr_lua_check_tensor(L, 3);
    PUSH(L, calr_op_index_select(x, dim, index, slot));
    return 1;
}

/// calr.index_add(x, dim, index, source [, alpha])
/// x with items of a dimension added to: item index[i] gets alpha times item i of `source`, in the order of i where
/// one is named more than once. In place too.
/// @param dim     integer; from 1; -1 is the last
/// @param index   tensor; i64[m], or i32[m], of numbers from 0
/// @param source  tensor; the type and shape of x, with m items in that dimension
/// @param alpha   number, 1 by default
/// @return tensor

/// calr.index_copy(x, dim, index, source)
/// x with items of a dimension replaced: item index[i] becomes item i of `source`; where one is named more than once,
/// the last stays. In place too.
/// @param dim     integer; from 1; -1 is the last
/// @param index   tensor; i64[m], or i32[m], of numbers from 0
/// @param source  tensor; the type and shape of x, with m items in that dimension
/// @return tensor

/// calr.index_fill(x, dim, index, value)
/// x with the items of a dimension that `index` names set to a number. In place too.
/// @param dim    integer; from 1; -1 is the last
/// @param index  tensor; i64[m], or i32[m], of numbers from 0
/// @param value  number
/// @return tensor
static int put_items(lua_State *L)
{
    calr_index_put how = (calr_index_put)calr_lua_code(L);
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    int dim = calr_lua_check_dim(L, 2, x);
    calr_tensor *index = calr_lua_check_tensor(L, 3);
    calr_tensor *source =
        how == CALR_INDEX_FILL ? check_source(L, 4, x) : calr_lua_check_tensor(L, 4);
    double alpha = how == CALR_INDEX_ADD ? luaL_optnumber(L, 5, 1) : 1;
    calr_lua_call(L, calr_op_index_put(how, x, dim, index, source, alpha, calr_lua_in_place(L),
                                       calr_lua_new_tensor(L)));
    return push_changed(L);
}

/// calr.gather(x, dim, index)
/// Takes elements along a dimension, each by a number of its own: y[i][j] = x[index[i][j]][j] with dim 1, and
/// y[i][j] = x[i][index[i][j]] with dim 2. Rows by number are x:index_select(1, index).
/// @param x      tensor of any type
/// @param dim    integer; from 1; -1 is the last
/// @param index  tensor; i64 or i32, numbers from 0; as many dimensions as x, none longer than x's but `dim`
/// @return tensor  the shape of index
static int items_gather(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    int dim = calr_lua_check_dim(L, 2, x);
    calr_tensor *index = calr_lua_check_tensor(L, 3);
    PUSH(L, calr_op_gather(x, dim, index, slot));
    return 1;
}

/// calr.take_along_dim(x, indices [, dim])
/// Takes elements along a dimension by the positions that sort, topk or argmax give: gather, after x and indices were
/// repeated to fit each other in the other dimensions.
/// @param x        tensor of any type
/// @param indices  tensor; i64 or i32, numbers from 0
/// @param dim      integer; from 1; left out: of all elements of x, as one list
/// @return tensor  the shape of indices
static int items_take_along_dim(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1), *index = calr_lua_check_tensor(L, 2);
    if (!lua_isnoneornil(L, 3)) {
        int dim = calr_lua_check_dim(L, 3, x);
        PUSH(L, calr_op_take_along_dim(x, index, dim, slot));
        return 1;
    }
    int64_t all = -1;
    calr_tensor **list = calr_lua_new_tensor(L), **numbers = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_op_reshape(x, 1, &all, list));
    calr_lua_call(L, calr_op_reshape(index, 1, &all, numbers));
    PUSH(L, calr_op_take_along_dim(*list, *numbers, 0, slot));
    return 1;
}

/// calr.scatter(x, dim, index, src)
/// x with elements replaced along a dimension, the reverse of gather: x[index[i][j]][j] = src[i][j] with dim 1, and
/// x[i][index[i][j]] = src[i][j] with dim 2. Where an element is named more than once, the last stays. In place too.
/// @param dim    integer; from 1; -1 is the last
/// @param index  tensor; i64 or i32, numbers from 0; as many dimensions as x, none longer than x's but `dim`
/// @param src    number or tensor; the type of x, as long as index in every dimension or longer
/// @return tensor

/// calr.scatter_add(x, dim, index, src)
/// x with elements added to along a dimension: x[index[i][j]][j] += src[i][j] with dim 1, as calr.scatter; in order
/// where an element is named more than once. In place too.
/// @param dim    integer; from 1; -1 is the last
/// @param index  tensor; i64 or i32, numbers from 0
/// @param src    number or tensor; the type of x, as long as index in every dimension or longer
/// @return tensor
static int put_elements(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    int dim = calr_lua_check_dim(L, 2, x);
    calr_tensor *index = calr_lua_check_tensor(L, 3), *source = check_source(L, 4, x);
    calr_lua_call(L, calr_op_scatter(x, dim, index, source, calr_lua_code(L), calr_lua_in_place(L),
                                     calr_lua_new_tensor(L)));
    return push_changed(L);
}

/// calr.index_put(x, indices, values [, accumulate])
/// x with the elements at `indices` changed: those of the first dimensions, one index tensor for each. The tensors are
/// repeated to fit each other, and so are the values: x:index_put({ rows, columns }, 1) writes 1 to
/// x[rows[i]][columns[i]]. In place too.
/// @param indices     list of tensors; i64 or i32, of numbers from 0
/// @param values      number or tensor; of the type of x
/// @param accumulate  boolean; true: the values are added, in order where elements are named more than once
/// @return tensor
static int items_index_put(lua_State *L)
{
    lua_Integer count;
    lua_settop(L, 4);
    calr_tensor *x = calr_lua_check_tensor(L, 1), *source = check_source(L, 3, x);
    bool add = calr_lua_opt_boolean(L, 4, false);
    calr_tensor **index = calr_lua_check_tensors(L, 2, &count);
    calr_lua_call(L, calr_op_put(x, index, (int)(count < 100 ? count : 100), source, add,
                                 calr_lua_in_place(L), calr_lua_new_tensor(L)));
    return push_changed(L);
}

/// calr.masked_select(x, mask)
/// The elements of x where the mask is true, as a list.
/// @param x     tensor of any type
/// @param mask  tensor; bool; repeated to fit x, or x to fit it
/// @return tensor  [m]
static int items_masked_select(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1), *mask = calr_lua_check_tensor(L, 2);
    PUSH(L, calr_op_masked_select(x, mask, slot));
    return 1;
}

/// calr.masked_scatter(x, mask, source)
/// x with the elements where the mask is true replaced by those of `source`, in order. In place too.
/// @param mask      tensor; bool, repeated to fit x
/// @param source  tensor; the type of x, and at least as many elements as the mask names
/// @return tensor
static int items_masked_scatter(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1), *mask = calr_lua_check_tensor(L, 2),
                *source = calr_lua_check_tensor(L, 3);
    calr_lua_call(
        L, calr_op_masked_scatter(x, mask, source, calr_lua_in_place(L), calr_lua_new_tensor(L)));
    return push_changed(L);
}

/// calr.nonzero(x)
/// The places of the elements that are not 0 (or false), from 0, in order: column d is the position in dimension d.
/// @param x  tensor of any type
/// @return tensor  i64[m x dimensions]

/// calr.argwhere(x)
/// The same as calr.nonzero.
/// @param x  tensor of any type
/// @return tensor  i64[m x dimensions]
static int items_nonzero(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    PUSH(L, calr_op_nonzero(x, slot));
    return 1;
}

/// calr.searchsorted(sorted_sequence, values [, right])
/// For each value, how many numbers of a sorted list lie below it: where it would be put in, from 0. With `right`, how
/// many do not lie above it.
/// @param sorted_sequence  tensor; [n], ascending; or the shape of values but for the last dimension: one list a row
/// @param values           tensor
/// @param right            boolean; false by default
/// @return tensor  i64, the shape of values
static int items_searchsorted(lua_State *L)
{
    calr_tensor *sorted = calr_lua_check_tensor(L, 1), *x = calr_lua_check_tensor(L, 2);
    bool right = calr_lua_opt_boolean(L, 3, false);
    PUSH(L, calr_op_searchsorted(calr_lua_name(L), sorted, x, right, slot));
    return 1;
}

/// calr.bucketize(x, boundaries [, right])
/// The same as searchsorted, with the arguments the other way round: which of the intervals between the boundaries each
/// element lies in, from 0.
/// @param boundaries  tensor; [n], ascending
/// @param right       boolean; false: an element equal to a boundary belongs to the interval below; true: above
/// @return tensor  i64, the shape of x
static int items_bucketize(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1), *sorted = calr_lua_check_tensor(L, 2);
    bool right = calr_lua_opt_boolean(L, 3, false);
    luaL_argcheck(L, sorted->ndim == 1, 2, "boundaries are one list");
    PUSH(L, calr_op_searchsorted(calr_lua_name(L), sorted, x, right, slot));
    return 1;
}

const calr_lua_function calr_lua_position_methods[] = {
    {"index_select", items_index_select, "x, dim, index", .named = true},
    {"index_add", put_items, "x, dim, index, source [, alpha]", CALR_INDEX_ADD, true, true},
    {"index_copy", put_items, "x, dim, index, source", CALR_INDEX_COPY, true, true},
    {"index_fill", put_items, "x, dim, index, value", CALR_INDEX_FILL, true, true},
    {"index_put", items_index_put, "x, indices, values [, accumulate]", 0, true, true},
    {"gather", items_gather, "x, dim, index", .named = true},
    {"take_along_dim", items_take_along_dim, "x, indices [, dim]", .named = true},
    {"scatter", put_elements, "x, dim, index, src", false, true, true},
    {"scatter_add", put_elements, "x, dim, index, src", true, true, true},
    {"masked_select", items_masked_select, "x, mask", .named = true},
    {"masked_scatter", items_masked_scatter, "x, mask, source", 0, true, true},
    {"nonzero", items_nonzero, "x"},
    {"argwhere", items_nonzero, "x"},
    {"searchsorted", items_searchsorted, "sorted_sequence, values [, right]", .named = true},
    {"bucketize", items_bucketize, "x, boundaries [, right]", .named = true},
    {NULL, NULL, NULL},
};
