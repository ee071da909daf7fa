/* Making tensors: of one number, of a pattern, from tables and bytes. */
#include "binding/bind.h"
#include "binding/methods.h"

#include <math.h>
#include <string.h>

#include "autograd/ops.h"
#include "tensor/make.h"

/// @module calr.tensor

/* What a tensor to be made is like. */
typedef struct wanted {
    int ndim;
    int64_t shape[CALR_MAX_DIMS];
    calr_dtype dtype;
} wanted;

/* Takes the type off the end of the arguments, a name or a table {dtype = "f64"}, where there is one at `first` or
 * behind it. */
static bool take_dtype(lua_State *L, int first, calr_dtype *dtype)
{
    static const char *const names[] = {"dtype", NULL};
    while (lua_gettop(L) >= first && lua_isnil(L, -1))
        lua_settop(L, -2);
    int top = lua_gettop(L);
    if (top < first || (lua_type(L, top) != LUA_TSTRING && !lua_istable(L, top)))
        return false;
    const char *name = lua_tostring(L, top);
    if (lua_istable(L, top)) {
        calr_lua_check_options(L, top, names);
        name = calr_lua_option_string(L, top, "dtype", NULL);
    }
    if (calr_dtype_parse(name, dtype) != CALR_OK)
        luaL_argerror(L, top, calr_status_message());
    lua_settop(L, top - 1);
    return true;
}

/* Reads ({2, 3} [, type]) or (2, 3 [, type]). */
static wanted check_wanted(lua_State *L)
{
    wanted w = {.dtype = CALR_F32};
    take_dtype(L, 2, &w.dtype);
    if (lua_istable(L, 1)) {
        if (lua_gettop(L) > 1)
            luaL_argerror(L, 2, "the list before it is complete: {2, 3}, or {2, 3} and a type");
        lua_pushliteral(L, "dtype");
        if (lua_rawget(L, 1) != LUA_TNIL)
            luaL_argerror(L, 1, "the type stands behind the shape: {2, 3}, {dtype = \"f64\"}");
        lua_pop(L, 1);
    }
    w.ndim = calr_lua_check_shape(L, 1, w.shape);
    return w;
}

/// calr.zeros(shape [, type])
/// Makes a tensor of zeros: calr.zeros(2, 3), calr.zeros({2, 3}, "f64"), calr.zeros({2, 3}, {dtype = "f64"}).
/// @param shape  integer or table; whole numbers, or a list of them; {} for a single number
/// @param type   "f32" (default), "f64", "bf16", "f16", "i64", "i32", "u8" or "bool", or {dtype = type}
/// @return tensor
static int tensor_zeros(lua_State *L)
{
    wanted w = check_wanted(L);
    PUSH(L, calr_tensor_zeros(w.dtype, w.ndim, w.shape, slot));
    return 1;
}

/* Writes the number, or boolean, at `value` into the first element: all its 64 bits. */
static void set_first(lua_State *L, int value, calr_tensor *t)
{
    static const int64_t first[CALR_MAX_DIMS] = {0};
    if (lua_isboolean(L, value))
        calr_lua_call(L, calr_tensor_set(t, first, lua_toboolean(L, value)));
    else
        calr_lua_set_element(L, value, t, first);
}

/* A tensor filled with the number, or boolean, at `value`. */
static int push_full(lua_State *L, const wanted *w, int value)
{
    if (!lua_isboolean(L, value))
        luaL_checknumber(L, value);
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(w->dtype, w->ndim, w->shape, slot));
    calr_lua_account(L);
    if (calr_tensor_numel(*slot) > 0) {
        set_first(L, value, *slot);
        calr_tensor_fill_with_first(*slot);
        return 1;
    }
    calr_tensor **one = calr_lua_new_tensor(L); /* the value may be refused all the same */
    calr_lua_call(L, calr_tensor_new(w->dtype, 0, NULL, one));
    set_first(L, value, *one);
    lua_pop(L, 1);
    return 1;
}

/// calr.ones(shape [, type])
/// Makes a tensor of ones, as calr.zeros.
/// @param shape  integer or table; whole numbers, or a list of them
/// @param type   "f32" (default) or another, or {dtype = type}
/// @return tensor
static int tensor_ones(lua_State *L)
{
    wanted w = check_wanted(L);
    lua_pushinteger(L, 1);
    return push_full(L, &w, lua_gettop(L));
}

/* Memory as it comes; a bool must be 0 or 1 all the same. */
static int push_empty(lua_State *L, const wanted *w)
{
    if (w->dtype == CALR_BOOL)
        PUSH(L, calr_tensor_zeros(w->dtype, w->ndim, w->shape, slot));
    else
        PUSH(L, calr_tensor_new(w->dtype, w->ndim, w->shape, slot));
    return 1;
}

/// calr.empty(shape [, type])
/// Makes a tensor whose elements are whatever was in the memory before, to be written to.
/// @param shape  integer or table; whole numbers, or a list of them
/// @param type   "f32" (default) or another, or {dtype = type}
/// @return tensor
static int tensor_empty(lua_State *L)
{
    wanted w = check_wanted(L);
    return push_empty(L, &w);
}

/// calr.full(shape, value [, type])
/// Makes a tensor with all elements equal to `value`.
/// @param shape  list of integers
/// @param value  number or boolean
/// @param type   "f32" (default; "bool" for a boolean) or another, or {dtype = type}
/// @return tensor
static int tensor_full(lua_State *L)
{
    wanted w = {.dtype = lua_isboolean(L, 2) ? CALR_BOOL : CALR_F32};
    take_dtype(L, 3, &w.dtype);
    luaL_checktype(L, 1, LUA_TTABLE);
    w.ndim = calr_lua_check_shape(L, 1, w.shape);
    if (lua_gettop(L) > 2)
        luaL_argerror(L, 3, "a type is needed: \"f64\", or {dtype = \"f64\"}");
    return push_full(L, &w, 2);
}

/* The shape of x, and the type named at `arg`, of x where there is none. */
static wanted wanted_like(lua_State *L, int arg)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    wanted w = {.ndim = x->ndim, .dtype = calr_lua_opt_dtype(L, arg, x->dtype)};
    memcpy(w.shape, x->shape, sizeof w.shape);
    return w;
}

/// calr.zeros_like(x [, dtype])
/// Zeros in the shape of x.
/// @param dtype  string; the type of x by default
/// @return tensor
static int tensor_zeros_like(lua_State *L)
{
    wanted w = wanted_like(L, 2);
    PUSH(L, calr_tensor_zeros(w.dtype, w.ndim, w.shape, slot));
    return 1;
}

/// calr.ones_like(x [, dtype])
/// Ones in the shape of x.
/// @param dtype  string; the type of x by default
/// @return tensor
static int tensor_ones_like(lua_State *L)
{
    wanted w = wanted_like(L, 2);
    lua_pushinteger(L, 1);
    return push_full(L, &w, lua_gettop(L));
}

/// calr.empty_like(x [, dtype])
/// Memory in the shape of x, to be written to, as calr.empty.
/// @param dtype  string; the type of x by default
/// @return tensor
static int tensor_empty_like(lua_State *L)
{
    wanted w = wanted_like(L, 2);
    return push_empty(L, &w);
}

/// calr.full_like(x, value [, dtype])
/// One value in the shape of x.
/// @param value  number or boolean
/// @param dtype  string; the type of x by default
/// @return tensor
static int tensor_full_like(lua_State *L)
{
    wanted w = wanted_like(L, 3);
    return push_full(L, &w, 2);
}

static void check_way(lua_State *L, bool forward, bool backward, bool any)
{
    luaL_argcheck(L, forward || backward, 3, "the step is 0");
    luaL_argcheck(L, any, 3, "the step leads away from the end");
}

static int push_range(lua_State *L, double start, double stop, double step, calr_dtype dtype)
{
    luaL_argcheck(L, isfinite(start) && isfinite(stop) && isfinite(step), 1,
                  "start, stop and step must be finite");
    check_way(L, step > 0, step < 0, start == stop || (stop > start) == (step > 0));
    double count = ceil((stop - start) / step);
    luaL_argcheck(L, count < 0x1p60, 1, "these are more numbers than can be addressed");
    PUSH(L, calr_tensor_arange(dtype, start, step, (int64_t)count, slot));
    return 1;
}

static int push_whole_range(lua_State *L, int64_t start, int64_t stop, int64_t step,
                            calr_dtype dtype)
{
    check_way(L, step > 0, step < 0, start == stop || (stop > start) == (step > 0));
    uint64_t way = step > 0 ? (uint64_t)stop - (uint64_t)start : (uint64_t)start - (uint64_t)stop;
    uint64_t pace = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    uint64_t count = way / pace + (way % pace != 0);
    luaL_argcheck(L, count < (uint64_t)1 << 60, 1, "these are more numbers than can be addressed");
    PUSH(L, calr_tensor_arange_whole(dtype, start, step, (int64_t)count, slot));
    return 1;
}

/// calr.arange([start,] stop [, step, type])
/// The numbers start, start + step, ... before stop: calr.arange(5) is 0 1 2 3 4, calr.arange(1, 2, .25) is 1 1.25 1.5
/// 1.75.
/// @param start  number, 0 by default
/// @param stop   number, which is not among them
/// @param step   number, 1 by default
/// @param type   "i64" where all three are integers, "f32" otherwise, by default; or {dtype = type}
/// @return tensor
static int tensor_arange(lua_State *L)
{
    calr_dtype dtype;
    bool named = take_dtype(L, 2, &dtype), whole = true;
    int given = lua_gettop(L);
    luaL_argcheck(L, given <= 3, 4, "start, stop and step are numbers, and a type follows them");
    luaL_checknumber(L, 1);
    if (given == 1) {
        lua_pushinteger(L, 0);
        lua_insert(L, 1);
    }
    if (given < 3)
        lua_pushinteger(L, 1);
    for (int i = 1; i <= 3; i++) {
        luaL_checknumber(L, i);
        whole = whole && lua_isinteger(L, i);
    }
    if (!named)
        dtype = whole ? CALR_I64 : CALR_F32;
    if (whole)
        return push_whole_range(L, lua_tointeger(L, 1), lua_tointeger(L, 2), lua_tointeger(L, 3),
                                dtype);
    return push_range(L, lua_tonumber(L, 1), lua_tonumber(L, 2), lua_tonumber(L, 3), dtype);
}

/// calr.linspace(start, stop, steps [, dtype])
/// `steps` numbers at equal distances from start to stop, both among them.
/// @param start  number
/// @param stop   number
/// @param steps  integer, 0 or more
/// @param dtype  string, "f32" by default
/// @return tensor
static int tensor_linspace(lua_State *L)
{
    double start = luaL_checknumber(L, 1), stop = luaL_checknumber(L, 2);
    int64_t steps = luaL_checkinteger(L, 3);
    calr_dtype dtype = calr_lua_opt_dtype(L, 4, CALR_F32);
    luaL_argcheck(L, steps >= 0, 3, "the number of steps is 0 or more");
    PUSH(L, calr_tensor_linspace(dtype, start, stop, steps, slot));
    return 1;
}

/// calr.eye(n [, m, dtype])
/// A matrix with ones on its main diagonal and zeros elsewhere.
/// @param n      rows
/// @param m      integer, columns; n by default
/// @param dtype  string, "f32" by default
/// @return tensor
static int tensor_eye(lua_State *L)
{
    int64_t rows = luaL_checkinteger(L, 1), columns = luaL_optinteger(L, 2, rows);
    calr_dtype dtype = calr_lua_opt_dtype(L, 3, CALR_F32);
    PUSH(L, calr_tensor_eye(dtype, rows, columns, slot));
    return 1;
}

/// calr.one_hot(x [, num_classes, dtype])
/// For each label a list of numbers that is 1 at the label and 0 elsewhere.
/// @param x            integer tensor of labels from 0
/// @param num_classes  integer; the largest label + 1 by default
/// @param dtype        string, "i64" by default
/// @return tensor  [... x num_classes]
static int tensor_one_hot(lua_State *L)
{
    char text[CALR_TENSOR_TEXT];
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    calr_dtype dtype = calr_lua_opt_dtype(L, 3, CALR_I64);
    if (calr_dtype_is_float(x->dtype) || x->dtype == CALR_BOOL)
        luaL_argerror(L, 1,
                      lua_pushfstring(L, "labels are i64, i32 or u8, not %s: one_hot(x:to \"i64\")",
                                      calr_tensor_describe(x, text)));
    int64_t classes = luaL_optinteger(L, 2, -1);
    luaL_argcheck(L, lua_isnoneornil(L, 2) || classes >= 0, 2, "the number of classes is negative");
    if (classes < 0) {
        double high;
        calr_reduction_request all = {.op = CALR_REDUCE_MAX, .name = "one_hot"};
        for (; all.count < x->ndim; all.count++)
            all.dims[all.count] = all.count;
        calr_tensor **most = calr_lua_new_tensor(L);
        calr_lua_call(L, calr_op_reduce(&all, x, most, NULL));
        calr_lua_call(L, calr_tensor_get(*most, (const int64_t[CALR_MAX_DIMS]){0}, &high));
        /* A label that no table could hold: the size is refused below. */
        classes = high < 0 ? 0 : high < 0x1p62 ? (int64_t)high + 1 : INT64_MAX;
    }
    PUSH(L, calr_tensor_one_hot(x, classes, dtype, slot));
    return 1;
}

/// calr.frombuffer(bytes, dtype [, shape, offset])
/// The numbers that a string holds as they lie in memory (least byte first on the usual processors): what NumPy's
/// tobytes gives. They are copied.
/// @param bytes   string
/// @param dtype   string, their type
/// @param shape   list of integers; one dimension of all that are there by default
/// @param offset  integer, bytes to leave out at the beginning; 0 by default
/// @return tensor
static int tensor_frombuffer(lua_State *L)
{
    size_t size;
    luaL_checktype(L, 1, LUA_TSTRING);
    const char *bytes = lua_tolstring(L, 1, &size);
    luaL_checkstring(L, 2);
    wanted w = {.ndim = 1, .dtype = calr_lua_opt_dtype(L, 2, CALR_F32)};
    int64_t offset = luaL_optinteger(L, 4, 0), item = (int64_t)calr_dtype_size(w.dtype);
    luaL_argcheck(L, offset >= 0 && (uint64_t)offset <= size, 4, "it lies outside the string");
    int64_t left = (int64_t)size - offset;
    if (!lua_isnoneornil(L, 3)) {
        luaL_checktype(L, 3, LUA_TTABLE);
        w.ndim = calr_lua_check_shape(L, 3, w.shape);
    } else if (left % item != 0) {
        luaL_argerror(L, 1,
                      lua_pushfstring(L, "%I bytes are no whole number of %s, of %I bytes each",
                                      (lua_Integer)left, calr_dtype_name(w.dtype),
                                      (lua_Integer)item));
    } else {
        w.shape[0] = left / item;
    }
    PUSH(L, calr_tensor_from_bytes(w.dtype, w.ndim, w.shape, bytes + offset, (size_t)left, slot));
    return 1;
}

/// calr.tobytes(x)
/// The numbers of a tensor as a string, as they lie in memory (least byte first on the usual processors), the last
/// dimension first: what calr.frombuffer and NumPy's frombuffer read.
/// @param x  tensor
/// @return string
static int tensor_tobytes(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1), **plain = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_contiguous(x, plain));
    lua_pushlstring(L, calr_tensor_data(*plain), calr_tensor_bytes(*plain));
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

/* Refuses a table, on top of the stack, that holds more than its `length` items: an option that was written where
 * numbers belong. Behind the last item of a table built as a list comes nothing, so the other items are then not
 * looked at. */
static void check_list(lua_State *L, int64_t length)
{
    if (length == 0) {
        lua_pushnil(L);
    } else {
        bool made_up = lua_rawgeti(L, -1, length) == LUA_TNIL; /* by a metatable */
        lua_pop(L, 1);
        if (made_up)
            return;
        lua_pushinteger(L, length);
    }
    if (!lua_next(L, -2))
        return;
    lua_pop(L, 2);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        lua_Integer at = lua_isinteger(L, -2) ? lua_tointeger(L, -2) : 0;
        if (at < 1 || at > length)
            luaL_error(L, "a table of numbers has the field [%s] beside its %I items",
                       luaL_tolstring(L, -2, NULL), (lua_Integer)length);
    }
}

/* Copies the table (or number) on top of the stack into the tensor from dimension `dim` on. */
static void fill_from(lua_State *L, calr_tensor *tensor, int dim, int64_t *index)
{
    if (dim == tensor->ndim) {
        if (lua_isboolean(L, -1))
            calr_lua_call(L, calr_tensor_set(tensor, index, lua_toboolean(L, -1)));
        else if (lua_type(L, -1) == LUA_TNUMBER)
            calr_lua_set_element(L, -1, tensor, index);
        else
            luaL_error(L, "a tensor holds numbers, not a %s", luaL_typename(L, -1));
        return;
    }
    if (!lua_istable(L, -1) || luaL_len(L, -1) != tensor->shape[dim])
        luaL_error(L, "ragged table: every item of dimension %d must hold %I items", dim + 1,
                   (lua_Integer)tensor->shape[dim]);
    luaL_checkstack(L, 4, NULL);
    check_list(L, tensor->shape[dim]);
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

/* Whether the table, or value, on top of the stack holds nothing but booleans, and any at all. */
static bool only_booleans(lua_State *L, int depth)
{
    if (!lua_istable(L, -1) || depth > CALR_MAX_DIMS)
        return lua_isboolean(L, -1);
    luaL_checkstack(L, 2, NULL);
    int64_t length = calr_lua_length(L, -1);
    bool only = length > 0;
    for (int64_t i = 1; only && i <= length; i++) {
        lua_geti(L, -1, i);
        only = only_booleans(L, depth + 1);
        lua_pop(L, 1);
    }
    return only;
}

/// calr.tensor.from(numbers [, type])
/// Makes a tensor from numbers: the same as calr.tensor(numbers).
/// @param numbers  number or a table, such as {{1, 2}, {3, 4}}
/// @param type     "f32" (default; "bool" for booleans) or another, or {dtype = type}
/// @return tensor
static int tensor_from(lua_State *L)
{
    luaL_checkany(L, 1);
    calr_dtype dtype = CALR_F32;
    bool named = take_dtype(L, 2, &dtype);
    luaL_argcheck(L, lua_gettop(L) < 2, 2, "a type is needed: \"f64\", or {dtype = \"f64\"}");
    calr_lua_push_from_table(L, named ? dtype : only_booleans(L, 0) ? CALR_BOOL : CALR_F32);
    return 1;
}

/// calr.tensor(numbers [, type])
/// Makes a tensor from a number, a table of numbers, or nested tables of equal lengths. Booleans alone give a bool
/// tensor, and are 0 and 1 among numbers.
/// @param numbers  number or a table, such as {{1, 2}, {3, 4}}
/// @param type     "f32" (default; "bool" for booleans) or another, or {dtype = type}
/// @return tensor

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
    {"zeros", tensor_zeros, "..."},
    {"ones", tensor_ones, "..."},
    {"empty", tensor_empty, "..."},
    {"full", tensor_full, "shape, value [, type]"},
    {"arange", tensor_arange, "..."},
    {"linspace", tensor_linspace, "start, stop, steps [, dtype]", .named = true},
    {"eye", tensor_eye, "n [, m, dtype]", .named = true},
    {"frombuffer", tensor_frombuffer, "bytes, dtype [, shape, offset]", .named = true},
    {"from", tensor_from, "numbers [, type]"},
    {NULL, NULL, NULL},
};

const calr_lua_function calr_lua_creation_methods[] = {
    {"zeros_like", tensor_zeros_like, "x [, dtype]", .named = true},
    {"ones_like", tensor_ones_like, "x [, dtype]", .named = true},
    {"empty_like", tensor_empty_like, "x [, dtype]", .named = true},
    {"full_like", tensor_full_like, "x, value [, dtype]", .named = true},
    {"one_hot", tensor_one_hot, "x [, num_classes, dtype]", .named = true},
    {"tobytes", tensor_tobytes, "x"},
    {NULL, NULL, NULL},
};

const calr_lua_function calr_lua_creation_call[] = {
    {"__call", tensor_call, NULL},
    {NULL, NULL, NULL},
};
