/* calr.tune: the arithmetic of the samplers of studies. */
#include "binding/tune.h"
#include "binding/bind.h"
#include "binding/modules.h"

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "base/size.h"
#include "tune/parzen.h"
#include "tune/sobol.h"

/// @module calr.tune
/// The parts of `calr.study`'s samplers in C: Parzen estimators, Gaussian processes and Sobol's sequence.
///
/// A history keeps the values of all trials; an estimator is made from some of its rows and columns:
///
/// ```lua
/// local h = search.history(2)
/// h:set(1, {0.5, 3})
/// h:set(2, {0.7, false})              -- the second parameter is inactive in trial 2
/// local p = search.parzen { history = h, rows = {1, 2}, columns = {1},
///   axes = {{kind = "float", low = 0, high = 1}} }
/// local points = p:sample(rng, 24)    -- 24 lists of values
/// local logs = p:log_density(points)
/// ```

#define HISTORY "calr.tune.history"
#define PARZEN  "calr.tune.parzen"

/* ---- histories ---- */

typedef struct history {
    int64_t columns, rows, capacity;
    double *values; /* [capacity x columns], NaN where inactive */
} history;

static history *check_history(lua_State *L, int arg)
{
    return luaL_checkudata(L, arg, HISTORY);
}

/// calr.tune.history(columns)
/// Makes an empty table of numbers, one row per trial, one column per parameter.
/// @return history
static int search_history(lua_State *L)
{
    lua_Integer columns = luaL_checkinteger(L, 1);
    luaL_argcheck(L, columns >= 1 && columns <= 65536, 1, "1 to 65536 columns are possible");
    history *h = lua_newuserdatauv(L, sizeof *h, 0);
    *h = (history){.columns = columns};
    luaL_setmetatable(L, HISTORY);
    return 1;
}

static int history_gc(lua_State *L)
{
    history *h = check_history(L, 1);
    free(h->values);
    *h = (history){.columns = h->columns};
    return 0;
}

/* Room for `rows` rows; new ones hold NaN. */
static void reserve(lua_State *L, history *h, int64_t rows)
{
    if (rows > h->capacity) {
        int64_t capacity = rows > 2 * h->capacity ? rows : 2 * h->capacity;
        size_t row_bytes = (size_t)h->columns * sizeof(double), bytes;
        double *grown =
            calr_size_mul((size_t)capacity, row_bytes, &bytes) ? realloc(h->values, bytes) : NULL;
        if (!grown)
            luaL_error(L, "no memory for a history of %I rows", (lua_Integer)rows);
        h->values = grown;
        h->capacity = capacity;
    }
    for (int64_t i = h->rows * h->columns; i < rows * h->columns; i++)
        h->values[i] = NAN;
    if (rows > h->rows)
        h->rows = rows;
}

/// history:set(row, values)
/// Stores a row, from 1; skipped rows hold nothing.
/// @param values  list of finite numbers, false for an inactive parameter
static int history_set(lua_State *L)
{
    history *h = check_history(L, 1);
    lua_Integer row = luaL_checkinteger(L, 2);
    luaL_argcheck(L, row >= 1 && row <= INT32_MAX, 2, "rows count from 1");
    luaL_checktype(L, 3, LUA_TTABLE);
    for (int64_t c = 0; c < h->columns; c++) {
        int type = lua_rawgeti(L, 3, c + 1);
        if (type == LUA_TNUMBER ? !isfinite(lua_tonumber(L, -1))
                                : type != LUA_TBOOLEAN || lua_toboolean(L, -1))
            luaL_error(L, "value %I of a row must be a finite number or false", (lua_Integer)c + 1);
        lua_pop(L, 1);
    }
    reserve(L, h, row);
    for (int64_t c = 0; c < h->columns; c++) {
        int type = lua_rawgeti(L, 3, c + 1);
        h->values[(row - 1) * h->columns + c] = type == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
        lua_pop(L, 1);
    }
    return 0;
}

/// history:rows()
/// The number of the last row. #history is the same.
/// @return integer
static int history_rows(lua_State *L)
{
    lua_pushinteger(L, check_history(L, 1)->rows);
    return 1;
}

/* ---- estimators ---- */

static const char *const kind_names[] = {"float", "step", "choice", NULL};

static calr_parzen *check_parzen(lua_State *L, int arg)
{
    calr_parzen **slot = luaL_checkudata(L, arg, PARZEN);
    luaL_argcheck(L, *slot, arg, "this estimator was closed");
    return calr_lua_hold(L, *slot);
}

static void release_parzen(void *parzen)
{
    calr_parzen_release(parzen);
}

/* close, __gc and __close. */
static int parzen_gc(lua_State *L)
{
    calr_parzen **slot = luaL_checkudata(L, 1, PARZEN), *parzen = *slot;
    *slot = NULL;
    calr_lua_let_go(parzen, release_parzen);
    return 0;
}

/* The axis described by the table at `arg`. */
static calr_parzen_axis read_axis(lua_State *L, int arg)
{
    static const char *const names[] = {"kind", "low", "high", "step", "log", "choices", NULL};
    calr_lua_check_options(L, arg, names);
    double huge = HUGE_VAL;
    calr_parzen_axis axis = {0};
    axis.kind = (calr_parzen_kind)calr_lua_option_choice(L, arg, "kind", 0, kind_names);
    axis.low = calr_lua_option_number(L, arg, "low", 0, -huge, huge);
    axis.high = calr_lua_option_number(L, arg, "high", 1, -huge, huge);
    axis.step = calr_lua_option_number(L, arg, "step", 1, 0, huge);
    axis.log = calr_lua_option_boolean(L, arg, "log", 0);
    axis.choices = calr_lua_option_integer(L, arg, "choices", 1, 1, INT32_MAX);
    return axis;
}

/* Pushes the option, a table, and returns its length. */
static int64_t push_list(lua_State *L, int arg, const char *name)
{
    if (calr_lua_push_option(L, arg, name) != LUA_TTABLE)
        luaL_error(L, "option \"%s\" must be a table, not a %s", name, luaL_typename(L, -1));
    return (int64_t)lua_rawlen(L, -1); /* its items are read raw, too */
}

/* Integer number i (from 0) of the list at `list`, in 1 .. max. */
static int64_t list_index(lua_State *L, int list, int64_t i, int64_t max, const char *what)
{
    int exact;
    lua_rawgeti(L, list, i + 1);
    lua_Integer value = lua_tointegerx(L, -1, &exact);
    lua_pop(L, 1);
    if (!exact || value < 1 || value > max)
        luaL_error(L, "%s number %I must be an integer in 1 .. %I", what, (lua_Integer)i + 1,
                   (lua_Integer)max);
    return value - 1;
}

/* Copies the chosen columns of the chosen rows to x; rows that lack one are left out. */
static int64_t gather(lua_State *L, int rows, int64_t row_count, const history *h,
                      const int64_t *columns, int64_t axes, double *x)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < row_count; i++) {
        const double *row = h->values + list_index(L, rows, i, h->rows, "row") * h->columns;
        bool whole = true;
        for (int64_t a = 0; a < axes; a++) {
            x[kept * axes + a] = row[columns[a]];
            whole = whole && !isnan(row[columns[a]]);
        }
        kept += whole;
    }
    return kept;
}

/// calr.tune.parzen{history=, rows=, columns=, axes=, prior=1, bandwidth="neighbour", clip=1,
///   endpoints=false, recent=true}
/// Makes a Parzen estimator: a mixture of one kernel for each row and a prior kernel as wide as the
/// range. A kernel is a product over the axes: a truncated normal distribution, its share of an
/// interval, or a distribution over choices (Bergstra et al., NeurIPS 2011; Watanabe, arXiv
/// 2304.11127).
/// @param history     a history
/// @param rows        list of its rows, oldest first; those where a column is inactive are left out
/// @param columns     list of its columns, one for each axis
/// @param axes        list of tables: kind = "float" (low, high, log), "step" (low, high, step,
///                    log) or "choice" (choices: how many; their values count from 0)
/// @param prior       weight of the prior kernel; that of the newest row is 1
/// @param bandwidth   "neighbour": a kernel is as wide as the larger distance to its neighbours;
///                    "scott": all have range / 5 * n^(-1 / (axes + 4))
/// @param clip        no kernel is narrower than range / min(100, (n + 2)^clip)
/// @param endpoints   the range's borders count as neighbours of the outermost rows
/// @param recent      rows before the last 25 weigh less, evenly down to 1/n; false: all weigh 1
/// @return parzen
static int search_parzen(lua_State *L)
{
    static const char *const names[] = {"history",   "rows", "columns",   "axes",   "prior",
                                        "bandwidth", "clip", "endpoints", "recent", NULL};
    static const char *const rules[] = {"neighbour", "scott", NULL};
    luaL_checktype(L, 1, LUA_TTABLE);
    calr_lua_check_options(L, 1, names);
    calr_parzen_options options = {
        .prior = calr_lua_option_number(L, 1, "prior", 1, 1e-300, 1e300),
        .bandwidth = (calr_parzen_bandwidth)calr_lua_option_choice(L, 1, "bandwidth", 0, rules),
        .clip = calr_lua_option_number(L, 1, "clip", 1, 0, 100),
        .endpoints = calr_lua_option_boolean(L, 1, "endpoints", 0),
        .recent = calr_lua_option_boolean(L, 1, "recent", 1),
    };
    lua_settop(L, 1);
    calr_lua_push_option(L, 1, "history");
    history *h = luaL_testudata(L, 2, HISTORY);
    if (!h)
        luaL_error(L, "option \"history\" must be a history of calr.tune.history, not a %s",
                   luaL_typename(L, 2));
    int64_t row_count = push_list(L, 1, "rows");
    int64_t axis_count = push_list(L, 1, "columns");
    if (push_list(L, 1, "axes") != axis_count || axis_count < 1)
        luaL_error(L, "as many axes as columns are needed, at least one");

    calr_parzen_axis *axes = lua_newuserdatauv(L, (size_t)axis_count * sizeof *axes, 0);
    int64_t *columns = lua_newuserdatauv(L, (size_t)axis_count * sizeof *columns, 0);
    for (int64_t a = 0; a < axis_count; a++) {
        columns[a] = list_index(L, 4, a, h->columns, "column");
        lua_rawgeti(L, 5, a + 1);
        axes[a] = read_axis(L, lua_gettop(L));
        lua_pop(L, 1);
    }
    double **x = calr_lua_scratch(L, free);
    *x = calr_array_new(row_count + 1, (size_t)axis_count * sizeof **x);
    if (!*x)
        luaL_error(L, "no memory for an estimator of %I rows", (lua_Integer)row_count);
    int64_t kept = gather(L, 3, row_count, h, columns, axis_count, *x);
    calr_parzen **slot = lua_newuserdatauv(L, sizeof *slot, 0);
    *slot = NULL;
    luaL_setmetatable(L, PARZEN);
    calr_lua_call(L, calr_parzen_new(axes, axis_count, *x, kept, &options, slot));
    return 1;
}

/// parzen:sample(rng, count)
/// Draws points.
/// @param rng     a stream of calr.rng
/// @return table  list of points: lists of numbers, one for each axis
static int parzen_sample(lua_State *L)
{
    calr_parzen *parzen = check_parzen(L, 1);
    calr_rng *rng = luaL_checkudata(L, 2, "calr.rng");
    lua_Integer count = luaL_checkinteger(L, 3);
    luaL_argcheck(L, count >= 0 && count <= 1000000, 3, "0 to 1000000 points can be drawn");
    int64_t axes = calr_parzen_axes(parzen);
    double *x = lua_newuserdatauv(L, (size_t)(count * axes) * sizeof *x, 0);
    calr_parzen_sample(parzen, rng, count, x);
    lua_createtable(L, (int)count, 0);
    for (int64_t i = 0; i < count; i++) {
        lua_createtable(L, (int)axes, 0);
        for (int64_t a = 0; a < axes; a++) {
            lua_pushnumber(L, x[i * axes + a]);
            lua_rawseti(L, -2, a + 1);
        }
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/// parzen:log_density(points)
/// The logarithm of the density at each point; of the probability, on axes with steps or choices;
/// with respect to the logarithm, on logarithmic ones.
/// @param points  list of points, as sample returns them
/// @return table  list of numbers
static int parzen_log_density(lua_State *L)
{
    calr_parzen *parzen = check_parzen(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    int64_t count = (int64_t)lua_rawlen(L, 2), axes = calr_parzen_axes(parzen);
    luaL_argcheck(L, count <= 1000000, 2, "at most 1000000 points can be weighed");
    double *x = lua_newuserdatauv(L, (size_t)(count * axes) * sizeof *x, 0);
    double *out = lua_newuserdatauv(L, (size_t)count * sizeof *out, 0);
    for (int64_t i = 0; i < count; i++) {
        if (lua_rawgeti(L, 2, i + 1) != LUA_TTABLE)
            luaL_error(L, "point %I must be a table", (lua_Integer)i + 1);
        for (int64_t a = 0; a < axes; a++) {
            if (lua_rawgeti(L, -1, a + 1) != LUA_TNUMBER)
                luaL_error(L, "value %I of point %I must be a number", (lua_Integer)a + 1,
                           (lua_Integer)i + 1);
            x[i * axes + a] = lua_tonumber(L, -1);
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    calr_lua_call(L, calr_parzen_log_density(parzen, x, count, out));
    lua_createtable(L, (int)count, 0);
    for (int64_t i = 0; i < count; i++) {
        lua_pushnumber(L, out[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/// parzen:kernels()
/// Returns the number of kernels: the rows that hold all columns, and the prior.
/// @return integer
static int parzen_kernels(lua_State *L)
{
    lua_pushinteger(L, calr_parzen_kernels(check_parzen(L, 1)));
    return 1;
}

/// parzen:close()
/// Frees the memory now rather than at a collection. `local p <close> = ...` does it too.

/* ---- Sobol's sequence ---- */

/// calr.tune.sobol(index, dimensions [, seed])
/// Returns a point of Sobol's sequence (direction numbers of Joe and Kuo, 2008; the order of SciPy's
/// stats.qmc.Sobol).
/// @param index       which point, from 0
/// @param dimensions  1 .. 256
/// @param seed        an integer: scrambles the points (nested uniform scrambling); nil: plain
/// @return table  list of numbers in [0, 1)
static int search_sobol(lua_State *L)
{
    lua_Integer index = luaL_checkinteger(L, 1), dimensions = luaL_checkinteger(L, 2);
    int scramble = !lua_isnoneornil(L, 3);
    lua_Integer seed = scramble ? luaL_checkinteger(L, 3) : 0;
    double x[CALR_SOBOL_DIMENSIONS];
    calr_lua_call(L, calr_sobol_point(index, dimensions, scramble, (uint64_t)seed, x));
    lua_createtable(L, (int)dimensions, 0);
    for (lua_Integer d = 0; d < dimensions; d++) {
        lua_pushnumber(L, x[d]);
        lua_rawseti(L, -2, d + 1);
    }
    return 1;
}

static const calr_lua_function functions[] = {
    {"history", search_history, "columns"},
    {"parzen", search_parzen, "options"},
    {"sobol", search_sobol, "index, dimensions [, seed]"},
    {NULL, NULL, NULL},
};

static const calr_lua_function history_methods[] = {
    {"set", history_set, "self, row, values"},
    {"rows", history_rows, "self"},
    {NULL, NULL, NULL},
};

static const calr_lua_function history_metamethods[] = {
    {"__gc", history_gc, NULL},
    {"__len", history_rows, NULL},
    {NULL, NULL, NULL},
};

static const calr_lua_function parzen_methods[] = {
    {"sample", parzen_sample, "self, rng, count"},
    {"log_density", parzen_log_density, "self, points"},
    {"kernels", parzen_kernels, "self"},
    {"close", parzen_gc, "self"},
    {NULL, NULL, NULL},
};

static const calr_lua_function parzen_metamethods[] = {
    {"__gc", parzen_gc, NULL},
    {"__close", parzen_gc, NULL},
    {NULL, NULL, NULL},
};

int luaopen_calr_tune(lua_State *L)
{
    calr_lua_class(L, HISTORY, "history:", history_methods, history_metamethods);
    calr_lua_class(L, PARZEN, "parzen:", parzen_methods, parzen_metamethods);
    calr_lua_new_module(L, "calr.tune.", functions);
    calr_tune_add_gaussian(L);
    return 1;
}
