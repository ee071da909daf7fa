/* Random tensors, from the generator that is given. */
#include "binding/bind.h"
#include "binding/methods.h"

#include <math.h>

#include "tensor/random.h"

/// @module calr.tensor

/* The generator, on top of the stack. There is no hidden one. */
static calr_rng *check_generator(lua_State *L)
{
    calr_rng *rng = luaL_testudata(L, -1, CALR_LUA_RNG);
    if (!rng)
        luaL_error(L,
                   "calr.%s draws from the generator that you give it, and there is no hidden one: "
                   "{generator = calr.rng.open{seed = 1}}",
                   calr_lua_name(L));
    return rng;
}

/* Where a random tensor comes from and what it is like: the table {generator=, dtype=} behind the other arguments. */
typedef struct request {
    calr_rng *rng;
    calr_dtype dtype;
    int ndim;
    int64_t shape[CALR_MAX_DIMS];
} request;

/* Reads the table and takes it off; the generator stays on the stack below `first`. */
static request check_request(lua_State *L, calr_dtype fallback)
{
    static const char *const names[] = {"generator", "dtype", NULL};
    request r = {.dtype = fallback};
    int top = lua_gettop(L);
    bool table = lua_istable(L, top);
    if (table) {
        lua_pushliteral(L, "generator");
        table = lua_rawget(L, top) != LUA_TNIL;
    }
    if (!table)
        lua_pushnil(L);
    r.rng = check_generator(L);
    lua_pop(L, 1); /* the table holds it, and is held by the caller's stack */
    calr_lua_check_options(L, top, names);
    const char *name = calr_lua_option_string(L, top, "dtype", calr_dtype_name(fallback));
    if (calr_dtype_parse(name, &r.dtype) != CALR_OK)
        luaL_argerror(L, top, calr_status_message());
    return r;
}

/* The shape from argument `first` to before the table. */
static void check_random_shape(lua_State *L, int first, request *r)
{
    int top = lua_gettop(L);
    if (lua_istable(L, first) && top > first + 1)
        luaL_argerror(L, first + 1, "the list before it is complete");
    lua_pushvalue(L, top); /* keeps the generator while the table is not among the arguments */
    lua_insert(L, 1);
    lua_settop(L, top);
    r->ndim = calr_lua_check_shape(L, first + 1, r->shape);
}

/// calr.rand(shape, {generator=, dtype="f32"})
/// Uniform numbers in [0, 1): calr.rand(2, 3, {generator = rng}), calr.rand({2, 3}, {generator = rng}).
/// @param shape      integer or table; whole numbers, or a list of them
/// @param generator  rng
/// @param dtype      string, a type of float
/// @return tensor
static int tensor_rand(lua_State *L)
{
    request r = check_request(L, CALR_F32);
    check_random_shape(L, 1, &r);
    PUSH(L, calr_tensor_rand(r.rng, r.dtype, r.ndim, r.shape, slot));
    return 1;
}

/// calr.randn(shape, {generator=, dtype="f32"})
/// Normal numbers of mean 0 and deviation 1, as calr.rand.
/// @param shape      integer or table; whole numbers, or a list of them
/// @param generator  rng
/// @param dtype      string, a type of float
/// @return tensor
static int tensor_randn(lua_State *L)
{
    request r = check_request(L, CALR_F32);
    check_random_shape(L, 1, &r);
    PUSH(L, calr_tensor_randn(r.rng, r.dtype, r.ndim, r.shape, slot));
    return 1;
}

/// calr.randint(low, high, shape, {generator=, dtype="i64"})
/// Whole numbers from low to high - 1, all equally likely.
/// @param low        integer
/// @param high       integer, which is not among them
/// @param shape      list of integers
/// @param generator  rng
/// @param dtype      string, a type that holds them
/// @return tensor
static int tensor_randint(lua_State *L)
{
    request r = check_request(L, CALR_I64);
    int64_t low = luaL_checkinteger(L, 1), high = luaL_checkinteger(L, 2);
    luaL_checktype(L, 3, LUA_TTABLE);
    if (lua_gettop(L) != 4)
        luaL_argerror(L, 3, "low, high, a shape such as {2, 3} and {generator=} are taken");
    r.ndim = calr_lua_check_shape(L, 3, r.shape);
    PUSH(L, calr_tensor_randint(r.rng, low, high, r.dtype, r.ndim, r.shape, slot));
    return 1;
}

/// calr.randperm(n, {generator=})
/// 0 .. n-1 in a random order.
/// @param n          integer
/// @param generator  rng
/// @return tensor    i64[n]
static int tensor_randperm(lua_State *L)
{
    int64_t n = luaL_checkinteger(L, 1);
    lua_settop(L, 2);
    calr_rng *rng = check_generator(L);
    PUSH(L, calr_tensor_randperm(rng, n, slot));
    return 1;
}

/// calr.bernoulli(x [, p], {generator=})
/// 1 with the probability that x has there, otherwise 0, in the type of x; with a number p, with that probability
/// everywhere.
/// @param x          tensor of probabilities; with p, of any numbers
/// @param p          number
/// @param generator  rng
/// @return tensor    without a gradient
static int tensor_bernoulli(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    lua_settop(L, 3);
    calr_rng *rng = check_generator(L);
    if (!lua_isnil(L, 2)) {
        double p = luaL_checknumber(L, 2);
        calr_tensor **same = calr_lua_new_tensor(L);
        calr_lua_call(L, calr_tensor_like(x, same));
        calr_lua_call(L, calr_tensor_fill(*same, p));
        x = *same;
    }
    PUSH(L, calr_tensor_bernoulli(rng, x, slot));
    return 1;
}

/// calr.multinomial(x, num_samples [, replacement], {generator=})
/// Positions, from 0, drawn with probabilities proportional to weights; of a matrix, for each row.
/// @param x            f32[n] or f32[rows x n], weights of 0 or more
/// @param num_samples  integer
/// @param replacement  true: a position can come more than once
/// @param generator    rng
/// @return tensor      i64[num_samples] or i64[rows x num_samples]
static int tensor_multinomial(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    int64_t count = luaL_checkinteger(L, 2);
    bool replacement = calr_lua_opt_boolean(L, 3, false);
    lua_settop(L, 4);
    calr_rng *rng = check_generator(L);
    PUSH(L, calr_tensor_multinomial(rng, x, count, replacement, slot));
    return 1;
}

const calr_lua_function calr_lua_random_functions[] = {
    {"rand", tensor_rand, "..."},
    {"randn", tensor_randn, "..."},
    {"randint", tensor_randint, "..."},
    {"randperm", tensor_randperm, "n, generator", .named = true},
    {NULL, NULL, NULL},
};

const calr_lua_function calr_lua_random_methods[] = {
    {"bernoulli", tensor_bernoulli, "x, p, generator", .named = true},
    {"multinomial", tensor_multinomial, "x, num_samples, replacement, generator", .named = true},
    {NULL, NULL, NULL},
};
