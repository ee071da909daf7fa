/* calr.tensor: numbers in memory with a type and a shape. */
#include "binding/bind.h"
#include "binding/collect.h"
#include "binding/methods.h"
#include "binding/modules.h"

#include <string.h>

#include "autograd/ops.h"
#include "autograd/ops_index.h"
#include "autograd/tape.h"
#include "tensor/pool.h"
#include "tensor/scan.h"

/// @module calr.tensor
/// Tensors: numbers in memory with a type (f32, f64, bf16, f16, i64, i32, u8, bool) and a shape.
///
/// Positions passed as Lua numbers count from 1, as everywhere in Lua. Numbers inside a
/// tensor that name a row (labels, indices of neighbours) count from 0, as in every file format of
/// this field. Images and feature maps are [N x H x W x C].

/// @class tensor
/// The operators + - * / ^ and unary minus work on tensors and numbers, with gradients.
/// @operator add(tensor|number)
/// @operator sub(tensor|number)
/// @operator mul(tensor|number)
/// @operator div(tensor|number)
/// @operator pow(tensor|number)
/// @operator idiv(tensor|number)
/// @operator mod(tensor|number)
/// @operator band(tensor)
/// @operator bor(tensor)
/// @operator bxor(tensor)
/// @operator unm
/// @operator bnot

#define TENSOR "calr.tensor"

/* Where an element lies, for the types that are read and written without a detour. In range. */
static int64_t element_at(const calr_tensor *t, const int64_t *index)
{
    int64_t at = 0;
    for (int d = 0; d < t->ndim; d++)
        at += index[d] * t->stride[d];
    return at;
}

int64_t calr_lua_check_position(lua_State *L, int arg, const calr_tensor *t, int dim)
{
    char text[CALR_TENSOR_TEXT];
    lua_Integer given = luaL_checkinteger(L, arg);
    luaL_argcheck(L, given != 0, arg, "positions count from 1, or from the end: -1 is the last");
    if (given > 0)
        return given - 1;
    if (given + t->shape[dim] < 0)
        luaL_argerror(L, arg,
                      lua_pushfstring(L, "dimension %d of %s has no item %I", dim + 1,
                                      calr_tensor_describe(t, text), given));
    return given + t->shape[dim];
}

static void check_index(lua_State *L, int arg, const calr_tensor *t, int64_t *index)
{
    for (int d = 0; d < t->ndim; d++)
        index[d] = calr_lua_check_position(L, arg + d, t, d);
}

/* So many positions were given to a method. */
static void check_count(lua_State *L, int given, const calr_tensor *t, const char *method)
{
    char text[CALR_TENSOR_TEXT];
    if (given != t->ndim)
        luaL_error(L, "%s:%s takes %d position%s, and %d %s given", calr_tensor_describe(t, text),
                   method, t->ndim, t->ndim == 1 ? "" : "s", given, given == 1 ? "was" : "were");
}

void calr_lua_set_element(lua_State *L, int arg, calr_tensor *t, const int64_t *index)
{
    int whole;
    if (lua_isboolean(L, arg) && t->dtype == CALR_BOOL) {
        calr_lua_call(L, calr_tensor_set(t, index, lua_toboolean(L, arg)));
        return;
    }
    lua_Integer exact = lua_tointegerx(L, arg, &whole);
    double value = luaL_checknumber(L, arg);
    bool fits = t->dtype == CALR_U8    ? value > -1 && value < 256
                : t->dtype == CALR_I32 ? value > INT32_MIN - 1.0 && value < INT32_MAX + 1.0
                : t->dtype == CALR_I64 ? whole || (value >= -0x1p63 && value < 0x1p63)
                                       : true;
    if (!fits)
        luaL_error(L, "%s does not fit %s", luaL_tolstring(L, arg, NULL),
                   calr_dtype_name(t->dtype));
    calr_lua_call(L, calr_tensor_set(t, index, value));
    if (t->dtype == CALR_I64 && whole) /* beyond 2^53 a double rounds */
        calr_tensor_i64(t)[element_at(t, index)] = exact;
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
/// @return string  "f32", "f64", "bf16", "f16", "i64", "i32", "u8" or "bool"
static int tensor_dtype(lua_State *L)
{
    lua_pushstring(L, calr_dtype_name(calr_lua_check_tensor(L, 1)->dtype));
    return 1;
}

void calr_lua_push_element(lua_State *L, const calr_tensor *t, const int64_t *index)
{
    double value;
    calr_lua_call(L, calr_tensor_get(t, index, &value));
    if (calr_dtype_is_float(t->dtype)) {
        lua_pushnumber(L, value);
    } else if (t->dtype == CALR_BOOL) {
        lua_pushboolean(L, value != 0);
    } else if (t->dtype == CALR_I64) {
        lua_pushinteger(L, calr_tensor_i64(t)[element_at(t, index)]);
    } else {
        lua_pushinteger(L, (lua_Integer)value);
    }
}

/// tensor:get([i, j, ...])
/// Returns one element; positions count from 1, -1 is the last. Without positions: the only element of a tensor with
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
    calr_lua_push_element(L, t, index);
    return 1;
}

/// tensor:item()
/// Returns the number of a tensor that holds just one, such as x:sum():item().
/// @return number
static int tensor_item(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    int64_t index[CALR_MAX_DIMS] = {0};
    char text[CALR_TENSOR_TEXT];
    if (calr_tensor_numel(t) != 1)
        luaL_error(L,
                   "tensor:item() is the number of a tensor that holds just one, and this is %s: "
                   "x:get(i, ...) reads one of several, x:totable() all",
                   calr_tensor_describe(t, text));
    calr_lua_push_element(L, t, index);
    return 1;
}

/// tensor:set(i, j, ..., value)
/// Writes one element in place.
/// @return tensor  itself
static int tensor_set(lua_State *L)
{
    calr_tensor *t = calr_lua_check_writable(L, 1, "set");
    int64_t index[CALR_MAX_DIMS];
    check_index(L, 2, t, index);
    check_count(L, lua_gettop(L) - 2, t, "set");
    calr_lua_set_element(L, 2 + t->ndim, t, index);
    lua_settop(L, 1);
    return 1;
}

static void push_table(lua_State *L, const calr_tensor *t, int dim, int64_t *index)
{
    if (dim == t->ndim) {
        calr_lua_push_element(L, t, index);
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

/// tensor:to(type)
/// Returns a copy converted to another type; to integers by truncation, with out-of-range values clamped; to
/// bf16 (8 significant bits, the range of f32) by rounding to the nearest, to even between two.
/// Between floats it is an operation with a gradient; whole numbers have none.
/// @return tensor
static int tensor_to(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    luaL_checkstring(L, 2);
    calr_dtype dtype = calr_lua_opt_dtype(L, 2, CALR_F32);
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_op_cast(t, dtype, slot));
    calr_lua_account(L);
    return 1;
}

/// tensor:copy(source)
/// Copies the elements of a tensor of the same shape into this one, in place, converting types. Gradients do not pass
/// through a copy: a source that needs one is an error while operations are recorded (copy source:detach(), or inside
/// calr.no_grad; calr.cat puts parts together with their gradients).
/// @return tensor  itself
static int tensor_copy(lua_State *L)
{
    calr_tensor *to = calr_lua_check_writable(L, 1, "copy"), *from = calr_lua_check_tensor(L, 2);
    if (calr_tape_is_recording() && calr_tape_requires(from))
        luaL_argerror(L, 2,
                      "its gradient would be lost: copy source:detach(), or inside calr.no_grad; "
                      "calr.cat keeps gradients");
    calr_lua_call(L, calr_tensor_copy(to, from));
    lua_settop(L, 1);
    return 1;
}

/// tensor:fill(value)
/// Sets all elements to one value, in place.
/// @param value  number, or boolean for a mask; one that does not fit the type is an error
/// @return tensor  itself
static int tensor_fill(lua_State *L)
{
    calr_tensor *t = calr_lua_check_writable(L, 1, "fill");
    calr_tensor **value = calr_lua_new_tensor(L), **full = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(t->dtype, 0, NULL, value));
    calr_lua_set_element(L, 2, *value,
                         NULL); /* whether it fits; exact for i64, which a double is not */
    if (t->dtype != CALR_I64) {
        double number = lua_isboolean(L, 2) ? lua_toboolean(L, 2) : lua_tonumber(L, 2);
        calr_lua_call(L, calr_tensor_fill(t, number));
    } else {
        calr_lua_call(L, calr_op_expand(*value, t->ndim, t->shape, full));
        calr_lua_call(L, calr_tensor_copy(t, *full));
    }
    lua_settop(L, 1);
    return 1;
}

/// tensor:rows(index)
/// Copies rows of the first dimension, in the order of `index`, without a gradient
/// (x:index_select(1, index) has one).
/// @param index  i64[m] of row numbers from 0, or a table of them
/// @return tensor  [m x ...]
static int tensor_rows(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    lua_settop(L, 2);
    if (lua_istable(L, 2)) {
        lua_pushvalue(L, 2);
        calr_lua_push_from_table(L, CALR_I64);
        lua_replace(L, 2);
    }
    calr_tensor *index = calr_lua_check_form(L, 2, CALR_I64, 1, "i64[m]");
    calr_tensor **plain = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_alias(t, plain)); /* keeps no tape */
    calr_lua_call(L, calr_op_index_select(*plain, 0, index, calr_lua_new_tensor(L)));
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

/// calr.tensor.memory()
/// Returns the memory held by the tensors' allocator.
/// @return table  live, cached, peak: bytes
static int tensor_memory(lua_State *L)
{
    calr_pool_stats stats = calr_pool_get_stats();
    lua_createtable(L, 0, 3);
    calr_lua_set_integer(L, -1, "live", (int64_t)stats.live_bytes);
    calr_lua_set_integer(L, -1, "cached", (int64_t)stats.cached_bytes);
    calr_lua_set_integer(L, -1, "peak", (int64_t)stats.peak_bytes);
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

/* x:name, or x[position]. The first upvalue holds the methods; a name that is not among them may be a page in Lua. The
 * second upvalue is what reads brackets. */
static int tensor_index(lua_State *L)
{
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
        return 1;
    if (lua_type(L, 2) == LUA_TSTRING) {
        calr_lua_push_word(L, lua_upvalueindex(1), "a tensor has no field or method");
        return 1;
    }
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_settop(L, 3);
    lua_call(L, 2, 1);
    return 1;
}

static const calr_lua_function functions[] = {
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
    {"item", tensor_item, "self"},
    {"set", tensor_set, "self, ..."},
    {"totable", tensor_totable, "self"},
    {"close", tensor_close, "self"},
    {"to", tensor_to, "self, type"},
    {"copy", tensor_copy, "self, source"},
    {"fill", tensor_fill, "self, value"},
    {"rows", tensor_rows, "self, index"},
    {"equal", tensor_equal, "self, other"},
    {"is_finite", tensor_is_finite, "self"},
    {NULL, NULL, NULL},
};

static const calr_lua_function metamethods[] = {
    {"__tostring", tensor_tostring, NULL},
    {"__gc", tensor_close, NULL},
    {"__close", tensor_close, NULL},
    {NULL, NULL, NULL},
};

/* The families of the vocabulary (methods.h). */
static const calr_lua_function *const words[] = {
    calr_lua_function_methods,  calr_lua_operation_methods,   calr_lua_reduction_methods,
    calr_lua_view_methods,      calr_lua_text_methods,        calr_lua_item_methods,
    calr_lua_linalg_methods,    calr_lua_element_methods,     calr_lua_creation_methods,
    calr_lua_rearrange_methods, calr_lua_position_methods,    calr_lua_order_methods,
    calr_lua_random_methods,    calr_lua_layer_methods,       calr_lua_function_methods,
    calr_lua_operation_methods, calr_lua_convolution_methods, calr_lua_reduction_methods,
    calr_lua_view_methods,      calr_lua_text_methods,        calr_lua_item_methods,
    calr_lua_linalg_methods,    calr_lua_element_methods,     calr_lua_creation_methods,
    calr_lua_rearrange_methods, calr_lua_position_methods,    calr_lua_order_methods,
    calr_lua_random_methods,
};
static const calr_lua_function *const word_functions[] = {
    calr_lua_operation_functions,
    calr_lua_rearrange_functions,
    calr_lua_random_functions,
};

/* What is asked of the module and not there: a page of the vocabulary written in Lua, or an error. */
static int module_index(lua_State *L)
{
    calr_lua_push_word(L, lua_upvalueindex(1), "calr.tensor has no function");
    return 1;
}

static void add_class(lua_State *L)
{
    if (luaL_newmetatable(L, TENSOR)) {
        calr_lua_add_functions(L, "", metamethods);
        calr_lua_add_functions(L, "", calr_lua_operators);
        calr_lua_add_functions(L, "", calr_lua_bracket_metamethods);
        calr_lua_add_functions(L, "", calr_lua_item_metamethods);
        calr_lua_new_module(L, "tensor:", methods);
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            calr_lua_add_functions(L, "tensor:", words[i]);
        calr_lua_add_functions(L, "tensor:", calr_lua_gradient_methods);
        calr_lua_add_functions(L, "tensor:", calr_lua_hook_methods);
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, "methods");
        calr_lua_push_index(L);
        lua_pushcclosure(L, tensor_index, 2);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
}

int luaopen_calr_tensor(lua_State *L)
{
    calr_collect_young_first(L);
    add_class(L);
    calr_lua_new_module(L, "calr.tensor.", functions);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        calr_lua_add_functions(L, "calr.", words[i]);
    calr_lua_add_functions(L, "calr.tensor.", calr_lua_word_functions);
    for (size_t i = 0; i < sizeof word_functions / sizeof word_functions[0]; i++)
        calr_lua_add_functions(L, "calr.", word_functions[i]);
    calr_lua_add_functions(L, "calr.", calr_lua_creation_functions);
    calr_lua_new_module(L, "", calr_lua_creation_call);
    lua_pushvalue(L, -2);
    lua_pushcclosure(L, module_index, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    return 1;
}
