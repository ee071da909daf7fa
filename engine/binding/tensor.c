/* calr.tensor: numbers in memory with a type and a shape. */
#include "binding/bind.h"
#include "binding/methods.h"
#include "binding/modules.h"

#include <string.h>

#include "autograd/ops.h"
#include "autograd/tape.h"
#include "tensor/pool.h"
#include "tensor/scan.h"

/// @module calr.tensor
/// Tensors: numbers in memory with a type (f32, bf16, i32, i64, u8) and a shape.
///
/// Positions passed as Lua numbers count from 1, as everywhere in Lua. Numbers inside a
/// tensor that name a row (labels, indices of neighbours) count from 0, as in every file format of
/// this field. Images and feature maps are [N x H x W x C].

/// @class tensor
/// The operators + - * / ^ and unary minus work on tensors and numbers, with gradients: see calr.ops.
/// @operator add(tensor|number)
/// @operator sub(tensor|number)
/// @operator mul(tensor|number)
/// @operator div(tensor|number)
/// @operator pow(number)
/// @operator unm

#define TENSOR "calr.tensor"

/* A tensor that is about to be written in place. */
static calr_tensor *check_writable(lua_State *L, int arg)
{
    calr_tensor *t = calr_lua_check_tensor(L, arg);
    calr_lua_call(L, calr_tape_check_write(t));
    return t;
}

/* Reads {2, 3} at `arg` (nothing: a single number) into shape; returns the number of dimensions. */
static int check_shape(lua_State *L, int arg, int64_t shape[CALR_MAX_DIMS])
{
    luaL_checktype(L, arg, LUA_TTABLE);
    lua_Integer ndim = calr_lua_length(L, arg);
    if (ndim > CALR_MAX_DIMS)
        luaL_argerror(
            L, arg,
            lua_pushfstring(L, "a tensor has at most %d dimensions, not %I", CALR_MAX_DIMS, ndim));
    for (int i = 0; i < (int)ndim; i++) {
        lua_geti(L, arg, i + 1);
        int whole;
        shape[i] = lua_tointegerx(L, -1, &whole);
        if (!whole)
            luaL_argerror(L, arg, "a shape holds whole numbers");
        lua_pop(L, 1);
    }
    return (int)ndim;
}

static calr_dtype opt_dtype(lua_State *L, int arg, calr_dtype fallback)
{
    const char *name = luaL_optstring(L, arg, NULL);
    calr_dtype dtype = fallback;
    if (name && calr_dtype_parse(name, &dtype) != CALR_OK)
        luaL_argerror(L, arg, calr_status_message());
    return dtype;
}

/// calr.tensor.zeros(shape [, type])
/// Makes a tensor of zeros.
/// @param shape  table of whole numbers, such as {128, 2048}; {} for a single number
/// @param type   "f32" (default), "bf16", "i32", "i64" or "u8"
/// @return tensor
static int tensor_zeros(lua_State *L)
{
    int64_t shape[CALR_MAX_DIMS];
    int ndim = check_shape(L, 1, shape);
    calr_dtype dtype = opt_dtype(L, 2, CALR_F32);
    calr_lua_call(L, calr_tensor_zeros(dtype, ndim, shape, calr_lua_new_tensor(L)));
    calr_lua_account(L);
    return 1;
}

/// calr.tensor.full(shape, value [, type])
/// Makes a tensor with all elements equal to `value`.
/// @param value  number
/// @return tensor
static int tensor_full(lua_State *L)
{
    int64_t shape[CALR_MAX_DIMS];
    int ndim = check_shape(L, 1, shape);
    double value = luaL_checknumber(L, 2);
    calr_dtype dtype = opt_dtype(L, 3, CALR_F32);
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(dtype, ndim, shape, slot));
    calr_lua_call(L, calr_tensor_fill(*slot, value));
    calr_lua_account(L);
    return 1;
}

/// calr.tensor.range(count [, type])
/// Makes a tensor of the numbers 0 .. count-1.
/// @param type  "i64" (default) or another
/// @return tensor[count]
static int tensor_range(lua_State *L)
{
    int64_t count = luaL_checkinteger(L, 1);
    calr_dtype dtype = opt_dtype(L, 2, CALR_I64);
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(dtype, 1, &count, slot));
    for (int64_t i = 0; i < count; i++)
        calr_lua_call(L, calr_tensor_set(*slot, &i, (double)i));
    calr_lua_account(L);
    return 1;
}

/* Where an element lies, for the types that are read and written without a detour. In range. */
static int64_t element_at(const calr_tensor *t, const int64_t *index)
{
    int64_t at = 0;
    for (int d = 0; d < t->ndim; d++)
        at += index[d] * t->stride[d];
    return at;
}

/* The position at `arg`, from 1; returned from 0. Whether there is such an item, the engine checks. */
static int64_t check_position(lua_State *L, int arg)
{
    lua_Integer position = luaL_checkinteger(L, arg);
    luaL_argcheck(L, position >= 1, arg, "positions count from 1");
    return position - 1;
}

static void check_index(lua_State *L, int arg, const calr_tensor *t, int64_t *index)
{
    for (int d = 0; d < t->ndim; d++)
        index[d] = check_position(L, arg + d);
}

/* So many positions were given to a method. */
static void check_count(lua_State *L, int given, const calr_tensor *t, const char *method)
{
    char text[CALR_TENSOR_TEXT];
    if (given != t->ndim)
        luaL_error(L, "%s:%s takes %d position%s, and %d were given", calr_tensor_describe(t, text),
                   method, t->ndim, t->ndim == 1 ? "" : "s", given);
}

/* Writes the number at `arg`. Beyond 2^53 a double would round what i64 holds. */
static void set_element(lua_State *L, int arg, calr_tensor *t, const int64_t *index)
{
    int whole;
    lua_Integer exact = lua_tointegerx(L, arg, &whole);
    calr_lua_call(L, calr_tensor_set(t, index, luaL_checknumber(L, arg)));
    if (t->dtype == CALR_I64 && whole)
        calr_tensor_i64(t)[element_at(t, index)] = exact;
}

/* Finds the shape of a table of tables of numbers at the top of the stack. */
static int table_shape(lua_State *L, int64_t shape[CALR_MAX_DIMS])
{
    int ndim = 0, top = lua_gettop(L);
    lua_pushvalue(L, -1);
    while (lua_istable(L, -1)) {
        if (ndim == CALR_MAX_DIMS)
            luaL_error(L, "a tensor has at most %d dimensions", CALR_MAX_DIMS);
        shape[ndim] = calr_lua_length(L, -1);
        luaL_checkstack(L, 2, NULL);
        if (shape[ndim++] == 0)
            break;
        lua_geti(L, -1, 1);
    }
    lua_settop(L, top);
    return ndim;
}

/* Copies the table (or number) on top of the stack into the tensor from dimension `dim` on. */
static void fill_from(lua_State *L, calr_tensor *tensor, int dim, int64_t *index)
{
    if (dim == tensor->ndim) {
        if (lua_type(L, -1) != LUA_TNUMBER)
            luaL_error(L, "a tensor holds numbers, not a %s", luaL_typename(L, -1));
        set_element(L, -1, tensor, index);
        return;
    }
    if (!lua_istable(L, -1) || luaL_len(L, -1) != tensor->shape[dim])
        luaL_error(L, "ragged table: every item of dimension %d must hold %I items", dim + 1,
                   (lua_Integer)tensor->shape[dim]);
    for (int64_t i = 0; i < tensor->shape[dim]; i++) {
        index[dim] = i;
        lua_geti(L, -1, i + 1);
        fill_from(L, tensor, dim + 1, index);
        lua_pop(L, 1);
    }
}

/* Replaces the number or table on top of the stack by a tensor. */
static void push_from_table(lua_State *L, calr_dtype dtype)
{
    int64_t shape[CALR_MAX_DIMS], index[CALR_MAX_DIMS] = {0};
    int ndim = table_shape(L, shape);
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_zeros(dtype, ndim, shape, slot));
    lua_pushvalue(L, -2);
    fill_from(L, *slot, 0, index);
    lua_pop(L, 1);
    lua_remove(L, -2);
    calr_lua_account(L);
}

/// calr.tensor(numbers [, type])
/// Makes a tensor from numbers: the same as calr.tensor.from.
/// @param numbers  number or a table, such as {{1, 2}, {3, 4}}
/// @param type     "f32" (default) or another
/// @return tensor

/// calr.tensor.from(numbers [, type])
/// Makes a tensor from a number, a table of numbers, or nested tables of equal lengths.
/// @param numbers  number or a table, such as {{1, 2}, {3, 4}}
/// @param type     "f32" (default) or another
/// @return tensor
static int tensor_from(lua_State *L)
{
    luaL_checkany(L, 1);
    calr_dtype dtype = opt_dtype(L, 2, CALR_F32);
    lua_settop(L, 1);
    push_from_table(L, dtype);
    return 1;
}

/* calr.tensor(numbers [, type]) */
static int tensor_call(lua_State *L)
{
    lua_remove(L, 1); /* the module */
    if (lua_gettop(L) > 2)
        luaL_error(L, "calr.tensor(numbers [, type]) takes at most 2 arguments, and %d were given",
                   lua_gettop(L));
    return tensor_from(L);
}

/// tensor:shape()
/// @return table  the dimensions
static int tensor_shape(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    lua_createtable(L, t->ndim, 0);
    for (int i = 0; i < t->ndim; i++) {
        lua_pushinteger(L, t->shape[i]);
        lua_seti(L, -2, i + 1);
    }
    return 1;
}

int calr_lua_check_dim(lua_State *L, int arg, const calr_tensor *t)
{
    lua_Integer dim = luaL_checkinteger(L, arg);
    if (dim < 0)
        dim += t->ndim + 1; /* -1 is the last */
    if (dim < 1 || dim > t->ndim) {
        char text[CALR_TENSOR_TEXT];
        luaL_argerror(L, arg,
                      lua_pushfstring(L, "%s has no dimension %I", calr_tensor_describe(t, text),
                                      luaL_checkinteger(L, arg)));
    }
    return (int)dim - 1;
}

/// tensor:size(dim)
/// Returns the size of a dimension, counted from 1; -1 is the last.
/// @return integer
static int tensor_size(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    lua_pushinteger(L, t->shape[calr_lua_check_dim(L, 2, t)]);
    return 1;
}

/// tensor:dim()
/// @return integer  the number of dimensions
static int tensor_dim(lua_State *L)
{
    lua_pushinteger(L, calr_lua_check_tensor(L, 1)->ndim);
    return 1;
}

/// tensor:numel()
/// @return integer  the number of elements
static int tensor_numel(lua_State *L)
{
    lua_pushinteger(L, calr_tensor_numel(calr_lua_check_tensor(L, 1)));
    return 1;
}

/// tensor:dtype()
/// @return string  "f32", "bf16", "i32", "i64" or "u8"
static int tensor_dtype(lua_State *L)
{
    lua_pushstring(L, calr_dtype_name(calr_lua_check_tensor(L, 1)->dtype));
    return 1;
}

static void push_element(lua_State *L, const calr_tensor *t, const int64_t *index)
{
    double value;
    calr_lua_call(L, calr_tensor_get(t, index, &value));
    if (calr_dtype_is_real(t->dtype)) {
        lua_pushnumber(L, value);
    } else if (t->dtype == CALR_I64) {
        lua_pushinteger(L, calr_tensor_i64(t)[element_at(t, index)]);
    } else {
        lua_pushinteger(L, (lua_Integer)value);
    }
}

/// tensor:get(i, j, ...)
/// Returns one element; positions count from 1. Without positions: the only element of a tensor with
/// one element.
/// @return number
static int tensor_get(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    int64_t index[CALR_MAX_DIMS] = {0};
    if (lua_gettop(L) > 1 || calr_tensor_numel(t) != 1)
        check_index(L, 2, t, index);
    if (lua_gettop(L) > 1)
        check_count(L, lua_gettop(L) - 1, t, "get");
    push_element(L, t, index);
    return 1;
}

/// tensor:set(i, j, ..., value)
/// Writes one element in place.
/// @return tensor  itself
static int tensor_set(lua_State *L)
{
    calr_tensor *t = check_writable(L, 1);
    int64_t index[CALR_MAX_DIMS];
    check_index(L, 2, t, index);
    check_count(L, lua_gettop(L) - 2, t, "set");
    set_element(L, 2 + t->ndim, t, index);
    lua_settop(L, 1);
    return 1;
}

static void push_table(lua_State *L, const calr_tensor *t, int dim, int64_t *index)
{
    if (dim == t->ndim) {
        push_element(L, t, index);
        return;
    }
    luaL_checkstack(L, 3, NULL);
    lua_createtable(L, t->shape[dim] < INT32_MAX ? (int)t->shape[dim] : 0, 0);
    for (int64_t i = 0; i < t->shape[dim]; i++) {
        index[dim] = i;
        push_table(L, t, dim + 1, index);
        lua_seti(L, -2, i + 1);
    }
}

/// tensor:totable()
/// Returns the elements as (nested) tables; for a single number, the number.
/// @return table
static int tensor_totable(lua_State *L)
{
    int64_t index[CALR_MAX_DIMS] = {0};
    push_table(L, calr_lua_check_tensor(L, 1), 0, index);
    return 1;
}

/// tensor:reshape(shape)
/// Returns the same elements in another shape; shares memory. One dimension may be -1.
/// @return tensor
static int tensor_reshape(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    int64_t shape[CALR_MAX_DIMS];
    int ndim = check_shape(L, 2, shape);
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
    int64_t first = check_position(L, 3), count = luaL_checkinteger(L, 4);
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
    int64_t position = check_position(L, 3);
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

/// tensor:to(type)
/// Returns a copy converted to another type; to integers by truncation, with out-of-range values clamped; to
/// bf16 (8 significant bits, the range of f32) by rounding to the nearest, to even between two.
/// Between f32 and bf16 it is an operation with a gradient; integers have none.
/// @return tensor
static int tensor_to(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    luaL_checkstring(L, 2);
    calr_dtype dtype = opt_dtype(L, 2, CALR_F32);
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_op_cast(t, dtype, slot));
    calr_lua_account(L);
    return 1;
}

/// tensor:copy(source)
/// Copies the elements of a tensor of the same shape into this one, in place, converting types. Gradients do not pass
/// through a copy: a source that needs one is an error while operations are recorded (copy source:detach(), or inside
/// calr.no_grad; calr.ops.concat puts parts together with their gradients).
/// @return tensor  itself
static int tensor_copy(lua_State *L)
{
    calr_tensor *to = check_writable(L, 1), *from = calr_lua_check_tensor(L, 2);
    if (calr_tape_is_recording() && calr_tape_requires(from))
        luaL_argerror(L, 2,
                      "its gradient would be lost: copy source:detach(), or inside calr.no_grad; "
                      "calr.ops.concat keeps gradients");
    calr_lua_call(L, calr_tensor_copy(to, from));
    lua_settop(L, 1);
    return 1;
}

/// tensor:fill(value)
/// Sets all elements to one value, in place.
/// @param value  number
/// @return tensor  itself
static int tensor_fill(lua_State *L)
{
    calr_lua_call(L, calr_tensor_fill(check_writable(L, 1), luaL_checknumber(L, 2)));
    lua_settop(L, 1);
    return 1;
}

/// tensor:rows(index)
/// Copies rows of the first dimension, in the order of `index`, without a gradient (calr.ops.gather
/// has one).
/// @param index  i64[m] of row numbers from 0, or a table of them
/// @return tensor  [m x ...]
static int tensor_rows(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    lua_settop(L, 2);
    if (lua_istable(L, 2)) {
        lua_pushvalue(L, 2);
        push_from_table(L, CALR_I64);
        lua_replace(L, 2);
    }
    calr_tensor *index = calr_lua_check_form(L, 2, CALR_I64, 1, "i64[m]");
    calr_lua_call(
        L, calr_tensor_gather(t, calr_tensor_i64(index), index->shape[0], calr_lua_new_tensor(L)));
    calr_lua_account(L);
    return 1;
}

/// tensor:equal(other)
/// Tells whether type, shape and every bit of every element agree.
/// @param other  tensor
/// @return boolean
static int tensor_equal(lua_State *L)
{
    calr_tensor *a = calr_lua_check_tensor(L, 1), *b = calr_lua_check_tensor(L, 2);
    int equal = a->dtype == b->dtype && calr_tensor_same_shape(a, b);
    if (equal && calr_tensor_numel(a) > 0) {
        calr_tensor **x = calr_lua_new_tensor(L), **y = calr_lua_new_tensor(L);
        calr_lua_call(L, calr_tensor_contiguous(a, x));
        calr_lua_call(L, calr_tensor_contiguous(b, y));
        equal = memcmp(calr_tensor_data(*x), calr_tensor_data(*y), calr_tensor_bytes(a)) == 0;
    }
    lua_pushboolean(L, equal);
    return 1;
}

/// tensor:is_finite()
/// Tells whether no element is NaN or infinite.
/// @return boolean
static int tensor_is_finite(lua_State *L)
{
    bool finite;
    calr_lua_call(L, calr_tensor_is_finite(calr_lua_check_tensor(L, 1), &finite));
    lua_pushboolean(L, finite);
    return 1;
}

static int push_extreme(lua_State *L, int highest)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    double extreme[2];
    calr_lua_call(L, calr_tensor_range(t, &extreme[0], &extreme[1]));
    if (calr_dtype_is_real(t->dtype))
        lua_pushnumber(L, extreme[highest]);
    else
        lua_pushinteger(L, (lua_Integer)extreme[highest]);
    return 1;
}

/// tensor:max()
/// Returns the largest element; NaN if there is one.
/// @return number
static int tensor_max(lua_State *L)
{
    return push_extreme(L, 1);
}

/// tensor:min()
/// Returns the smallest element; NaN if there is one.
/// @return number
static int tensor_min(lua_State *L)
{
    return push_extreme(L, 0);
}

/// tensor:norm()
/// Returns the euclidean norm of all elements, without a gradient.
/// @return number
static int tensor_norm(lua_State *L)
{
    double norm;
    calr_lua_call(L, calr_tensor_norm(calr_lua_check_tensor(L, 1), &norm));
    lua_pushnumber(L, norm);
    return 1;
}

/// tensor:argmax(dim)
/// Returns the position of the largest element along a dimension, from 0; the first of equals.
/// @param dim  from 1; -1 is the last
/// @return tensor  i64, without that dimension
static int tensor_argmax(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    int dim = calr_lua_check_dim(L, 2, t);
    calr_lua_call(L, calr_tensor_argmax(t, dim, calr_lua_new_tensor(L)));
    calr_lua_account(L);
    return 1;
}

/// calr.tensor.memory()
/// Returns the memory held by the tensors' allocator.
/// @return table  live, cached, peak: bytes
static int tensor_memory(lua_State *L)
{
    calr_pool_stats stats = calr_pool_get_stats();
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, (lua_Integer)stats.live_bytes);
    lua_setfield(L, -2, "live");
    lua_pushinteger(L, (lua_Integer)stats.cached_bytes);
    lua_setfield(L, -2, "cached");
    lua_pushinteger(L, (lua_Integer)stats.peak_bytes);
    lua_setfield(L, -2, "peak");
    return 1;
}

/// calr.tensor.is(value)
/// Whether a value is a tensor.
/// @param value  any
/// @return boolean
static int tensor_is(lua_State *L)
{
    lua_pushboolean(L, calr_lua_test_tensor(L, 1) != NULL);
    return 1;
}

static int tensor_tostring(lua_State *L)
{
    calr_tensor *t = calr_lua_test_tensor(L, 1);
    char text[CALR_TENSOR_TEXT];
    lua_pushstring(L, t ? calr_tensor_describe(t, text) : "closed tensor");
    return 1;
}

/// tensor:close()
/// Frees the memory now, without waiting for the collector: any later use of the tensor is an
/// error. Other tensors that share the memory, and gradients that need it, are not affected.
/// A second call does nothing; local x <close> = ... closes it at the end of a block.
/* Also __gc and __close. */
static int tensor_close(lua_State *L)
{
    luaL_checkudata(L, 1, TENSOR);
    calr_lua_close_tensor(L, 1);
    return 0;
}

/* What is asked for is no method: the `__index` of the table of methods. */
static int tensor_index(lua_State *L)
{
    int type = lua_type(L, 2);
    if (type == LUA_TSTRING)
        return luaL_error(L, "a tensor has no field or method \"%s\"", lua_tostring(L, 2));
    if (type != LUA_TNUMBER)
        return luaL_error(L,
                          "brackets with a %s do not index a tensor: see x:select(dim, i), "
                          "x:narrow(dim, first, count), x:rows(index)",
                          luaL_typename(L, 2));
    const char *i = luaL_tolstring(L, 2, NULL);
    return luaL_error(
        L,
        "brackets do not index a tensor: x:select(1, %s) is item %s, x:get(%s) a number, "
        "x:totable() a table of all",
        i, i, i);
}

static int tensor_newindex(lua_State *L)
{
    if (lua_type(L, 2) == LUA_TSTRING)
        return luaL_error(L, "a tensor has no field \"%s\" to assign to", lua_tostring(L, 2));
    return luaL_error(L, "brackets do not write to a tensor: x:set(i, ..., value) writes a number, "
                         "x:select(1, i):copy(y) an item, x:fill(value) everything");
}

static const calr_lua_function functions[] = {
    {"zeros", tensor_zeros, "shape [, type]"},
    {"full", tensor_full, "shape, value [, type]"},
    {"range", tensor_range, "count [, type]"},
    {"from", tensor_from, "numbers [, type]"},
    {"is", tensor_is, "value"},
    {"memory", tensor_memory, ""},
    {NULL, NULL, NULL},
};

static const calr_lua_function methods[] = {
    {"shape", tensor_shape, "self"},
    {"size", tensor_size, "self, dim"},
    {"dim", tensor_dim, "self"},
    {"numel", tensor_numel, "self"},
    {"dtype", tensor_dtype, "self"},
    {"get", tensor_get, "self, ..."},
    {"set", tensor_set, "self, ..."},
    {"totable", tensor_totable, "self"},
    {"reshape", tensor_reshape, "self, shape"},
    {"narrow", tensor_narrow, "self, dim, first, count"},
    {"select", tensor_select, "self, dim, position"},
    {"transpose", tensor_transpose, "self, dim_a, dim_b"},
    {"contiguous", tensor_contiguous, "self"},
    {"clone", tensor_clone, "self"},
    {"close", tensor_close, "self"},
    {"to", tensor_to, "self, type"},
    {"copy", tensor_copy, "self, source"},
    {"fill", tensor_fill, "self, value"},
    {"rows", tensor_rows, "self, index"},
    {"equal", tensor_equal, "self, other"},
    {"is_finite", tensor_is_finite, "self"},
    {"max", tensor_max, "self"},
    {"min", tensor_min, "self"},
    {"norm", tensor_norm, "self"},
    {"argmax", tensor_argmax, "self, dim"},
    {NULL, NULL, NULL},
};

static const calr_lua_function metamethods[] = {
    {"__tostring", tensor_tostring, NULL},
    {"__newindex", tensor_newindex, NULL},
    {"__gc", tensor_close, NULL},
    {"__close", tensor_close, NULL},
    {NULL, NULL, NULL},
};

static const calr_lua_function strangers[] = {
    {"__index", tensor_index, NULL},
    {NULL, NULL, NULL},
};

static const calr_lua_function call_method[] = {
    {"__call", tensor_call, NULL},
    {NULL, NULL, NULL},
};

int luaopen_calr_tensor(lua_State *L)
{
    if (luaL_newmetatable(L, TENSOR)) {
        calr_lua_add_functions(L, "", metamethods);
        calr_lua_add_functions(L, "", calr_lua_operators);
        calr_lua_new_module(L, "tensor:", methods);
        calr_lua_add_functions(L, "tensor:", calr_lua_operation_methods);
        calr_lua_add_functions(L, "tensor:", calr_lua_gradient_methods);
        calr_lua_new_module(L, "", strangers);
        lua_setmetatable(L, -2);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
    calr_lua_new_module(L, "calr.tensor.", functions);
    calr_lua_new_module(L, "", call_method);
    lua_setmetatable(L, -2);
    return 1;
}
