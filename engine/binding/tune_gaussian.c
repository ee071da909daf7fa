/* Gaussian processes of calr.tune. */
#include "binding/tune.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/size.h"
#include "binding/bind.h"
#include "tune/acquire.h"
#include "tune/gaussian.h"

/// @module calr.tune

#define GAUSSIAN "calr.tune.gaussian"

static calr_gaussian *check_open(lua_State *L, calr_gaussian **slot, int arg)
{
    luaL_argcheck(L, *slot, arg, "this model was closed");
    return calr_lua_hold(L, *slot);
}

static calr_gaussian *check_gaussian(lua_State *L, int arg)
{
    return check_open(L, luaL_checkudata(L, arg, GAUSSIAN), arg);
}

static void release_gaussian(void *model)
{
    calr_gaussian_release(model);
}

/* close, __gc and __close. */
static int gaussian_gc(lua_State *L)
{
    calr_gaussian **slot = luaL_checkudata(L, 1, GAUSSIAN), *model = *slot;
    *slot = NULL;
    calr_lua_let_go(model, release_gaussian);
    return 0;
}

/* Copies a list of `wanted` numbers (any number of them where it is below 0) at the top of the
 * stack to memory that ends with the function; pops nothing. */
static double *read_numbers(lua_State *L, const char *what, int64_t row, int64_t wanted,
                            int64_t *count)
{
    int list = lua_gettop(L);
    if (lua_type(L, list) != LUA_TTABLE)
        luaL_error(L, "%s %I must be a list of numbers, not a %s", what, (lua_Integer)row,
                   luaL_typename(L, list));
    *count = (int64_t)lua_rawlen(L, list);
    if (wanted >= 0 && *count != wanted)
        luaL_error(L, "%s %I must have %I numbers, not %I", what, (lua_Integer)row,
                   (lua_Integer)wanted, (lua_Integer)*count);
    double *numbers = lua_newuserdatauv(L, (size_t)(*count + 1) * sizeof *numbers, 0);
    for (int64_t i = 0; i < *count; i++) {
        if (lua_rawgeti(L, list, i + 1) != LUA_TNUMBER)
            luaL_error(L, "number %I of %s %I is a %s", (lua_Integer)i + 1, what, (lua_Integer)row,
                       luaL_typename(L, -1));
        numbers[i] = lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    return numbers;
}

/* Copies a list of points at the top of the stack, which pushes their memory. */
static double *read_points(lua_State *L, const char *what, int64_t axes, int64_t *count)
{
    int list = lua_gettop(L);
    if (lua_type(L, list) != LUA_TTABLE)
        luaL_error(L, "%s must be a list of points, not a %s", what, luaL_typename(L, list));
    *count = (int64_t)lua_rawlen(L, list);
    size_t bytes;
    if (!calr_size_mul((size_t)*count + 1, (size_t)axes * sizeof(double), &bytes))
        luaL_error(L, "%s are too many", what);
    double *points = lua_newuserdatauv(L, bytes, 0);
    for (int64_t i = 0; i < *count; i++) {
        lua_rawgeti(L, list, i + 1);
        if (lua_type(L, -1) != LUA_TTABLE || (int64_t)lua_rawlen(L, -1) != axes)
            luaL_error(L, "%s: point %I must be a list of %I numbers", what, (lua_Integer)i + 1,
                       (lua_Integer)axes);
        for (int64_t a = 0; a < axes; a++) {
            if (lua_rawgeti(L, -1, a + 1) != LUA_TNUMBER)
                luaL_error(L, "%s: number %I of point %I is a %s", what, (lua_Integer)a + 1,
                           (lua_Integer)i + 1, luaL_typename(L, -1));
            points[i * axes + a] = lua_tonumber(L, -1);
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    return points;
}

/* The axis described by the table at the top of the stack; its positions stay on the stack. */
static calr_gaussian_axis read_axis(lua_State *L, int64_t number)
{
    static const char *const names[] = {"choices", "positions", "parent", "under", NULL};
    int arg = lua_gettop(L);
    if (lua_type(L, arg) != LUA_TTABLE)
        luaL_error(L, "axis %I must be a table", (lua_Integer)number);
    calr_lua_check_options(L, arg, names);
    calr_gaussian_axis axis = {.parent = -1};
    axis.levels = calr_lua_option_integer(L, arg, "choices", 0, 0, INT32_MAX);
    axis.choice = axis.levels > 0;
    axis.parent = calr_lua_option_integer(L, arg, "parent", 0, 0, INT32_MAX) - 1;
    axis.under = calr_lua_option_integer(L, arg, "under", 0, 0, INT32_MAX);
    if (calr_lua_push_option(L, arg, "positions") == LUA_TNIL || axis.choice)
        lua_pop(L, 1);
    else
        axis.positions = read_numbers(L, "the positions of axis", number, -1, &axis.levels);
    return axis;
}

/// calr.tune.gaussian{axes=, points=, values=}
/// Makes a Gaussian process of values at points: a Matern 5/2 kernel with a length for each axis,
/// whose parameters are chosen by the marginal likelihood (Rasmussen and Williams, "Gaussian
/// Processes for Machine Learning", 2006, equation 5.8) under the priors of Optuna's GPSampler.
///
/// A point is a list of numbers, one an axis: a position in [0, 1], or the number of a choice from
/// 0, -1 where the axis does not exist there.
/// @param axes    list of tables: {} for a number, {positions = list} for one with these positions
///                only, {choices = n}; parent = number of the axis under whose choice it exists,
///                under = that choice's number from 0
/// @param points  list of points, at least one
/// @param values  list of numbers, as many
/// @return gaussian
static int tune_gaussian(lua_State *L)
{
    static const char *const names[] = {"axes", "points", "values", NULL};
    luaL_checktype(L, 1, LUA_TTABLE);
    calr_lua_check_options(L, 1, names);
    lua_settop(L, 1);
    if (calr_lua_push_option(L, 1, "axes") != LUA_TTABLE)
        luaL_error(L, "option \"axes\" must be a list, not a %s", luaL_typename(L, -1));
    int64_t count, values_count, axis_count = (int64_t)lua_rawlen(L, 2);
    luaL_argcheck(L, axis_count >= 1 && axis_count <= 1000, 1, "1 to 1000 axes are possible");
    luaL_checkstack(L, (int)(3 * axis_count) + 20, "too many axes");
    calr_gaussian_axis *axes = lua_newuserdatauv(L, (size_t)axis_count * sizeof *axes, 0);
    for (int64_t a = 0; a < axis_count; a++) {
        lua_rawgeti(L, 2, a + 1);
        axes[a] = read_axis(L, a + 1);
    }
    calr_lua_push_option(L, 1, "points");
    double *points = read_points(L, "points", axis_count, &count);
    calr_lua_push_option(L, 1, "values");
    double *values = read_numbers(L, "list", 1, -1, &values_count);
    if (values_count != count)
        luaL_error(L, "%I points and %I values: as many are needed", (lua_Integer)count,
                   (lua_Integer)values_count);
    calr_gaussian **slot = lua_newuserdatauv(L, sizeof *slot, 0);
    *slot = NULL;
    luaL_setmetatable(L, GAUSSIAN);
    calr_lua_call(L, calr_gaussian_new(axes, axis_count, points, values, count, slot));
    return 1;
}

/// gaussian:believe(points [, bad])
/// Takes the model's own mean for the result at these points: the mean stays, the deviation near
/// them falls.
/// @param bad  true: no result below the mean of all values, as for points that failed
static int gaussian_believe(lua_State *L)
{
    calr_gaussian *model = check_gaussian(L, 1);
    int64_t count;
    bool bad = lua_toboolean(L, 3);
    lua_settop(L, 2);
    double *points = read_points(L, "points", calr_gaussian_axes(model), &count);
    calr_lua_call(L, calr_gaussian_believe(model, points, count, bad));
    return 0;
}

/// gaussian:predict(points)
/// Returns what the model expects at points, without noise.
/// @return table  list of means
/// @return table  list of standard deviations
static int gaussian_predict(lua_State *L)
{
    calr_gaussian *model = check_gaussian(L, 1);
    int64_t count, axes = calr_gaussian_axes(model);
    lua_settop(L, 2);
    double *points = read_points(L, "points", axes, &count);
    double *room = lua_newuserdatauv(L, (size_t)calr_gaussian_room(model) * sizeof *room, 0);
    lua_createtable(L, (int)count, 0);
    lua_createtable(L, (int)count, 0);
    for (int64_t i = 0; i < count; i++) {
        double mean, variance;
        calr_gaussian_scaled(model, points + i * axes, room, &mean, &variance, NULL, NULL);
        lua_pushnumber(L, calr_gaussian_from_scaled(model, mean));
        lua_rawseti(L, -3, i + 1);
        lua_pushnumber(L, calr_gaussian_unit(model) * sqrt(variance));
        lua_rawseti(L, -2, i + 1);
    }
    return 2;
}

static void push_numbers(lua_State *L, const double *numbers, int64_t count)
{
    lua_createtable(L, (int)count, 0);
    for (int64_t i = 0; i < count; i++) {
        lua_pushnumber(L, numbers[i]);
        lua_rawseti(L, -2, i + 1);
    }
}

/// gaussian:parameters()
/// Returns the kernel's parameters, for values scaled to deviation 1.
/// @return table  weights (list, one an axis: 1 / length^2), scale (variance of the function), noise
///                (variance of the noise)
static int gaussian_parameters(lua_State *L)
{
    calr_gaussian *model = check_gaussian(L, 1);
    int64_t axes = calr_gaussian_axes(model);
    double *weights = lua_newuserdatauv(L, (size_t)axes * sizeof *weights, 0), scale, noise;
    calr_gaussian_parameters(model, weights, &scale, &noise);
    lua_createtable(L, 0, 3);
    push_numbers(L, weights, axes);
    lua_setfield(L, -2, "weights");
    calr_lua_set_number(L, -1, "scale", scale);
    calr_lua_set_number(L, -1, "noise", noise);
    return 1;
}

/// gaussian:close()
/// Frees the memory now rather than at a collection. `local g <close> = ...` does it too.

/* The model in an option; NULL when absent. */
static calr_gaussian *option_gaussian(lua_State *L, const char *name)
{
    if (calr_lua_push_option(L, 1, name) == LUA_TNIL)
        return NULL;
    calr_gaussian **slot = luaL_testudata(L, -1, GAUSSIAN);
    if (!slot)
        luaL_error(L, "option \"%s\" must be a model of calr.tune.gaussian, not a %s", name,
                   luaL_typename(L, -1));
    return check_open(L, slot, 1);
}

/* The options "losses" and "fates". */
static void read_models(lua_State *L, calr_acquire_options *options)
{
    options->losses = option_gaussian(L, "losses");
    if (!options->losses)
        luaL_error(L, "option \"losses\" is missing: a model of calr.tune.gaussian");
    options->fates = option_gaussian(L, "fates");
    if (options->fates && calr_gaussian_axes(options->fates) != calr_gaussian_axes(options->losses))
        luaL_error(L, "the two models have different axes");
}

/// calr.tune.acquire{losses=, fates=, candidates=, known=, starts=10, rng=}
/// Searches for the points with the largest expected improvement of a loss (Jones et al., J. Global
/// Optimization 13 (1998)), in logarithms (Ament et al., NeurIPS 2023): climbs from the best of the
/// candidates, from others drawn by their value, and from the known points, along the gradient for
/// numbers and by trial for positions and choices.
/// @param losses      a model of calr.tune.gaussian
/// @param fates       the model of 1 (a result) and -1 (failed) over the same axes, or nil: the
///                    improvement counts as far as a result is probable
/// @param candidates  list of points, at least one
/// @param known       list of points to begin at in any case; none by default
/// @param starts      how many candidates to begin at
/// @param rng         a stream of calr.rng
/// @return table  list of points, best first
/// @return table  list of their values: logarithms, in units of the losses' deviation
static int tune_acquire(lua_State *L)
{
    static const char *const names[] = {"losses", "fates", "candidates", "known",
                                        "starts", "rng",   NULL};
    luaL_checktype(L, 1, LUA_TTABLE);
    calr_lua_check_options(L, 1, names);
    lua_settop(L, 1);
    calr_acquire_options options = {.starts =
                                        calr_lua_option_integer(L, 1, "starts", 10, 1, 10000)};
    read_models(L, &options);
    int64_t axes = calr_gaussian_axes(options.losses), count, known_count = 0, found;
    calr_lua_push_option(L, 1, "rng");
    calr_rng *rng = luaL_testudata(L, -1, "calr.rng");
    if (!rng)
        luaL_error(L, "option \"rng\" must be a stream of calr.rng, not a %s",
                   luaL_typename(L, -1));
    calr_lua_push_option(L, 1, "candidates");
    double *candidates = read_points(L, "candidates", axes, &count), *known = NULL;
    if (calr_lua_push_option(L, 1, "known") != LUA_TNIL)
        known = read_points(L, "known", axes, &known_count);
    int64_t most = options.starts + known_count;
    double *points = lua_newuserdatauv(L, (size_t)(most * axes) * sizeof *points, 0);
    double *values = lua_newuserdatauv(L, (size_t)most * sizeof *values, 0);
    calr_lua_call(L, calr_acquire(&options, candidates, count, known, known_count, rng, points,
                                  values, &found));
    lua_createtable(L, (int)found, 0);
    for (int64_t i = 0; i < found; i++) {
        push_numbers(L, points + i * axes, axes);
        lua_rawseti(L, -2, i + 1);
    }
    push_numbers(L, values, found);
    return 2;
}

/// calr.tune.improvement{losses=, fates=, points=}
/// Returns what calr.tune.acquire maximises at points.
/// @param losses  a model of calr.tune.gaussian
/// @param fates   the model of 1 (a result) and -1 (failed) over the same axes, or nil
/// @param points  list of points
/// @return table  list of numbers
static int tune_improvement(lua_State *L)
{
    static const char *const names[] = {"losses", "fates", "points", NULL};
    luaL_checktype(L, 1, LUA_TTABLE);
    calr_lua_check_options(L, 1, names);
    lua_settop(L, 1);
    calr_acquire_options options = {.starts = 1};
    read_models(L, &options);
    int64_t axes = calr_gaussian_axes(options.losses), count;
    calr_lua_push_option(L, 1, "points");
    double *points = read_points(L, "points", axes, &count);
    double *room = lua_newuserdatauv(L, (size_t)calr_acquire_room(&options) * sizeof *room, 0);
    lua_createtable(L, (int)count, 0);
    for (int64_t i = 0; i < count; i++) {
        lua_pushnumber(L, calr_acquire_value(&options, points + i * axes, room));
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static const calr_lua_function functions[] = {
    {"gaussian", tune_gaussian, "options"},
    {"acquire", tune_acquire, "options"},
    {"improvement", tune_improvement, "options"},
    {NULL, NULL, NULL},
};

static const calr_lua_function methods[] = {
    {"believe", gaussian_believe, "self, points [, bad]"},
    {"predict", gaussian_predict, "self, points"},
    {"parameters", gaussian_parameters, "self"},
    {"close", gaussian_gc, "self"},
    {NULL, NULL, NULL},
};

static const calr_lua_function metamethods[] = {
    {"__gc", gaussian_gc, NULL},
    {"__close", gaussian_gc, NULL},
    {NULL, NULL, NULL},
};

void calr_tune_add_gaussian(lua_State *L)
{
    calr_lua_class(L, GAUSSIAN, "gaussian:", methods, metamethods);
    calr_lua_add_functions(L, "calr.tune.", functions);
}
