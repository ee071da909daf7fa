/* calr.rng: random numbers that are named, not stored. */
#include "binding/bind.h"
#include "binding/methods.h"
#include "binding/modules.h"

#include <stdio.h>
#include <string.h>

#include "autograd/tape.h"
#include "base/rng.h"

/// @module calr.rng
/// Random numbers. A stream is named by (seed, purpose, epoch, index): reopened, it gives the
/// same numbers, whatever the number of threads and whether or not the run was interrupted.
/// Philox4x32-10.

#define RNG CALR_LUA_RNG

static calr_rng *check_rng(lua_State *L, int arg)
{
    return luaL_checkudata(L, arg, RNG);
}

static calr_rng options_rng(lua_State *L, int arg)
{
    static const char *const names[] = {"seed", "purpose", "epoch", "index", NULL};
    calr_lua_check_options(L, arg, names);
    int64_t seed = calr_lua_option_integer(L, arg, "seed", 0, INT64_MIN, INT64_MAX);
    const char *purpose = calr_lua_option_string(L, arg, "purpose", "script");
    int64_t epoch = calr_lua_option_integer(L, arg, "epoch", 0, 0, UINT32_MAX);
    int64_t index = calr_lua_option_integer(L, arg, "index", 0, 0, INT64_MAX);
    return calr_rng_make((uint64_t)seed, calr_rng_purpose(purpose), (uint32_t)epoch,
                         (uint64_t)index);
}

/// calr.rng.open{seed=0, purpose="script", epoch=0, index=0}
/// Opens a stream. Give each use its own purpose, so that one does not disturb another.
/// @return rng
static int rng_open(lua_State *L)
{
    calr_rng rng = options_rng(L, 1);
    memcpy(lua_newuserdatauv(L, sizeof rng, 0), &rng, sizeof rng);
    luaL_setmetatable(L, RNG);
    return 1;
}

/// calr.rng.chance(count, probability [, {seed=0, epoch=0, purpose="chance"}])
/// Makes a mask whose items are set with a probability, each by its own random number: item i of an
/// epoch does not depend on how many others there are.
/// @return tensor  bool[count]
static int rng_chance(lua_State *L)
{
    static const char *const names[] = {"seed", "epoch", "purpose", NULL};
    int64_t count = luaL_checkinteger(L, 1);
    double probability = luaL_checknumber(L, 2);
    luaL_argcheck(L, probability >= 0 && probability <= 1, 2, "a probability is 0 to 1");
    calr_lua_check_options(L, 3, names);
    uint64_t seed = (uint64_t)calr_lua_option_integer(L, 3, "seed", 0, INT64_MIN, INT64_MAX);
    uint32_t epoch = (uint32_t)calr_lua_option_integer(L, 3, "epoch", 0, 0, UINT32_MAX);
    uint32_t purpose = calr_rng_purpose(calr_lua_option_string(L, 3, "purpose", "chance"));
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_BOOL, 1, &count, slot));
    uint8_t *mask = calr_tensor_data(*slot);
    for (int64_t i = 0; i < count; i++) {
        calr_rng rng = calr_rng_make(seed, purpose, epoch, (uint64_t)i);
        mask[i] = calr_rng_double(&rng) < probability;
    }
    return 1;
}

/* The two numbers from `arg` on; both or none are given. */
static void opt_pair(lua_State *L, int arg, double *first, double *second)
{
    if (lua_isnoneornil(L, arg) && lua_isnoneornil(L, arg + 1))
        return;
    *first = luaL_checknumber(L, arg);
    *second = luaL_checknumber(L, arg + 1);
}

/// rng:uniform([low, high])
/// @return number  in [0, 1), or in [low, high)
static int rng_uniform(lua_State *L)
{
    calr_rng *rng = check_rng(L, 1);
    double low = 0, high = 1;
    opt_pair(L, 2, &low, &high);
    lua_pushnumber(L, low + (high - low) * calr_rng_double(rng));
    return 1;
}

/// rng:normal([mean, deviation])
/// @return number
static int rng_normal(lua_State *L)
{
    calr_rng *rng = check_rng(L, 1);
    double mean = 0, deviation = 1;
    opt_pair(L, 2, &mean, &deviation);
    lua_pushnumber(L, mean + deviation * calr_rng_normal(rng));
    return 1;
}

/// rng:integer(low, high)
/// @return integer  in low .. high, both possible
static int rng_integer(lua_State *L)
{
    calr_rng *rng = check_rng(L, 1);
    lua_Integer low = luaL_checkinteger(L, 2), high = luaL_checkinteger(L, 3);
    luaL_argcheck(L, low <= high, 3, "the range is empty");
    uint64_t width = (uint64_t)high - (uint64_t)low + 1; /* 0 stands for all 2^64 */
    uint64_t offset = width ? calr_rng_below(rng, width) : calr_rng_u64(rng);
    lua_pushinteger(L, (lua_Integer)((uint64_t)low + offset));
    return 1;
}

/// rng:shuffle(list)
/// Shuffles a table in place.
/// @return table  the same
static int rng_shuffle(lua_State *L)
{
    calr_rng *rng = check_rng(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    for (lua_Integer i = luaL_len(L, 2); i > 1; i--) {
        lua_Integer j = 1 + (lua_Integer)calr_rng_below(rng, (uint64_t)i);
        lua_geti(L, 2, i);
        lua_geti(L, 2, j);
        lua_seti(L, 2, i);
        lua_seti(L, 2, j);
    }
    lua_settop(L, 2);
    return 1;
}

/* A tensor that is about to be filled. */
static calr_tensor *check_fillable(lua_State *L, int arg)
{
    calr_tensor *t = calr_lua_check_tensor(L, arg);
    luaL_argcheck(L, t->dtype == CALR_F32 && calr_tensor_is_contiguous(t), arg,
                  "a contiguous f32 tensor is needed");
    calr_lua_call(L, calr_tape_check_write("", t));
    return t;
}

/// rng:fill_normal(tensor [, mean, deviation])
/// Fills an f32 tensor in place with normal numbers.
/// @return tensor  the same
static int rng_fill_normal(lua_State *L)
{
    calr_rng *rng = check_rng(L, 1);
    calr_tensor *t = check_fillable(L, 2);
    double mean = 0, deviation = 1;
    opt_pair(L, 3, &mean, &deviation);
    float *data = calr_tensor_f32(t);
    int64_t count = calr_tensor_numel(t);
    for (int64_t i = 0; i < count; i++)
        data[i] = (float)(mean + deviation * calr_rng_normal(rng));
    calr_tensor_touch(t);
    lua_settop(L, 2);
    return 1;
}

/// rng:fill_uniform(tensor [, low, high])
/// Fills an f32 tensor in place with uniform numbers from low to high.
/// @return tensor  the same
static int rng_fill_uniform(lua_State *L)
{
    calr_rng *rng = check_rng(L, 1);
    calr_tensor *t = check_fillable(L, 2);
    double low = 0, high = 1;
    opt_pair(L, 3, &low, &high);
    float *data = calr_tensor_f32(t);
    int64_t count = calr_tensor_numel(t);
    for (int64_t i = 0; i < count; i++)
        data[i] = (float)(low + (high - low) * calr_rng_double(rng));
    calr_tensor_touch(t);
    lua_settop(L, 2);
    return 1;
}

/// rng:get_state()
/// Where in its stream the generator is, as text to be kept: rng:set_state(text) goes there.
/// @return string
static int rng_get_state(lua_State *L)
{
    char text[96];
    const calr_rng *rng = check_rng(L, 1);
    snprintf(text, sizeof text, "%08x%08x %08x%08x%08x%08x %d", rng->key[0], rng->key[1],
             rng->counter[0], rng->counter[1], rng->counter[2], rng->counter[3], rng->used);
    lua_pushstring(L, text);
    return 1;
}

/// rng:set_state(state)
/// Continues as the generator whose state was kept.
/// @param state  string of rng:get_state()
/// @return rng   itself
static int rng_set_state(lua_State *L)
{
    calr_rng *rng = check_rng(L, 1), kept;
    size_t length;
    int used = 0;
    const char *text = luaL_checklstring(L, 2, &length);
    int found =
        sscanf(text, "%8x%8x %8x%8x%8x%8x %d%n", &kept.key[0], &kept.key[1], &kept.counter[0],
               &kept.counter[1], &kept.counter[2], &kept.counter[3], &kept.used, &used);
    if (found != 7 || (size_t)used != length || kept.used < 0 || kept.used > 4)
        luaL_argerror(L, 2, "this is no state of a generator: rng:get_state() gives one");
    uint32_t block[] = {kept.counter[0] - 1, kept.counter[1], kept.counter[2], kept.counter[3]};
    calr_philox(block, kept.key, kept.block);
    *rng = kept;
    lua_settop(L, 1);
    return 1;
}

static const calr_lua_function functions[] = {
    {"open", rng_open, "options"},
    {"chance", rng_chance, "count, probability [, options]"},
    {NULL, NULL, NULL},
};

static const calr_lua_function methods[] = {
    {"uniform", rng_uniform, "self [, low, high]"},
    {"normal", rng_normal, "self [, mean, deviation]"},
    {"integer", rng_integer, "self, low, high"},
    {"shuffle", rng_shuffle, "self, list"},
    {"fill_normal", rng_fill_normal, "self, tensor [, mean, deviation]"},
    {"get_state", rng_get_state, "self"},
    {"set_state", rng_set_state, "self, state"},
    {"fill_uniform", rng_fill_uniform, "self, tensor [, low, high]"},
    {NULL, NULL, NULL},
};

int luaopen_calr_rng(lua_State *L)
{
    if (luaL_newmetatable(L, RNG)) {
        calr_lua_new_module(L, "rng:", methods);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
    calr_lua_new_module(L, "calr.rng.", functions);
    return 1;
}
