/* Making tensors: of one number, of a range, from tables. */
#include "binding/bind.h"
#include "binding/methods.h"

/// @module calr.tensor

/// calr.tensor.zeros(shape [, type])
/// Makes a tensor of zeros.
/// @param shape  table of whole numbers, such as {128, 2048}; {} for a single number
/// @param type   "f32" (default), "bf16", "i32", "i64" or "u8"
/// @return tensor
static int tensor_zeros(lua_State *L)
{
    int64_t shape[CALR_MAX_DIMS];
    int ndim = calr_lua_check_shape(L, 1, shape);
    calr_dtype dtype = calr_lua_opt_dtype(L, 2, CALR_F32);
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
    int ndim = calr_lua_check_shape(L, 1, shape);
    double value = luaL_checknumber(L, 2);
    calr_dtype dtype = calr_lua_opt_dtype(L, 3, CALR_F32);
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
    calr_dtype dtype = calr_lua_opt_dtype(L, 2, CALR_I64);
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(dtype, 1, &count, slot));
    for (int64_t i = 0; i < count; i++)
        calr_lua_call(L, calr_tensor_set(*slot, &i, (double)i));
    calr_lua_account(L);
    return 1;
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
        if (lua_type(L, -1) != LUA_TNUMBER && !(lua_isboolean(L, -1) && tensor->dtype == CALR_BOOL))
            luaL_error(L, "a tensor holds numbers, not a %s", luaL_typename(L, -1));
        calr_lua_set_element(L, -1, tensor, index);
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

void calr_lua_push_from_table(lua_State *L, calr_dtype dtype)
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
    calr_dtype dtype = calr_lua_opt_dtype(L, 2, CALR_F32);
    lua_settop(L, 1);
    calr_lua_push_from_table(L, dtype);
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

const calr_lua_function calr_lua_creation_functions[] = {
    {"zeros", tensor_zeros, "shape [, type]"},
    {"full", tensor_full, "shape, value [, type]"},
    {"range", tensor_range, "count [, type]"},
    {"from", tensor_from, "numbers [, type]"},
    {NULL, NULL, NULL},
};

const calr_lua_function calr_lua_creation_call[] = {
    {"__call", tensor_call, NULL},
    {NULL, NULL, NULL},
};
