/* The graph of calr.cluster for approximate neighbours, and its files. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binding/approximate.h"
#include "binding/bind.h"
#include "binding/distance.h"
#include "binding/modules.h"

#include "files/safetensors.h"
#include "neighbours/graph.h"

#define GRAPH "calr.cluster.neighbour_graph"

/* What the metadata of a file says. */
static const char KIND[] = "calr.kind", NEIGHBOURS[] = "neighbour graph",
                  VERSION[] = "calr.version", FORMER[] = "1", CURRENT[] = "2",
                  METRIC[] = "calr.metric", STEP[] = "calr.step", SCALE[] = "calr.scale";

typedef struct graph {
    calr_graph *graph;
    calr_tensor *x;        /* retained: the engine's graph borrows its numbers */
    calr_safetensors *set; /* of a graph whose arrays lie in a file; else NULL */
    calr_metric metric;
} graph;

/* A copy: the value loses both when it is closed. */
static graph check_graph(lua_State *L, int arg)
{
    const graph *value = luaL_checkudata(L, arg, GRAPH);
    if (!value->graph)
        luaL_argerror(L, arg, "the graph is closed");
    graph held = *value;
    calr_lua_hold(L, held.graph);
    calr_lua_hold(L, held.x);
    if (held.set)
        calr_lua_hold(L, held.set);
    return held;
}

/* An empty value, which owns a reference to x. */
static graph *push_graph(lua_State *L, calr_tensor *x, calr_metric metric)
{
    graph *value = lua_newuserdatauv(L, sizeof *value, 0);
    *value = (graph){.metric = metric};
    luaL_setmetatable(L, GRAPH);
    value->x = calr_tensor_retain(x);
    return value;
}

/* ---- making ---- */

calr_graph_options calr_lua_check_neighbour_graph(lua_State *L, int arg, calr_metric metric)
{
    calr_graph_options o = {.metric = metric};
    o.links = calr_lua_option_integer(L, arg, "links", 0, 4, CALR_GRAPH_MOST_LINKS);
    o.effort = calr_lua_option_integer(L, arg, "build_effort", 0, 1, INT32_MAX);
    o.seed = (uint64_t)calr_lua_option_integer(L, arg, "seed", 0, INT64_MIN, INT64_MAX);
    return o;
}

/// @module calr.cluster

/// calr.cluster.neighbour_graph(x, {metric="cosine", links=32, build_effort=64, seed=0})
/// Builds an index for approximate neighbours: a graph whose rows are linked with rows near them in different
/// directions (Vamana's rule; Subramanya et al., NeurIPS 2019). A search walks along the links towards the query, on
/// rows written as bytes, and measures exactly what it finds. Its `effort` is the number of rows that it keeps in mind:
/// more find more. graph:recall measures how many, and a search takes as much effort as the requested recall needs.
/// Compared with calr.cluster.ivf, making it takes longer and a search far less time. The same seed gives the same bits
/// for any number of threads.
///
///     local graph = calr.cluster.neighbour_graph(features)
///     local near = graph:search(queries, { k = 10, recall = .98 })
///     print(near.indices, near.similarities, near.recall, near.effort)
/// @param x             f32[n x d], d at most 32,768; the graph keeps a reference, so it must not be changed
/// @param metric        "cosine" or "euclidean"
/// @param links         of a row, at most: 4 to 256. More make a better and larger graph
/// @param build_effort  rows that the search for a new row's neighbours keeps in mind: more make a better graph, slower
/// @param seed          of the order in which rows are inserted
/// @return graph
static int cluster_neighbour_graph(lua_State *L)
{
    static const char *const names[] = {"metric", "links", "build_effort", "seed", NULL};
    lua_settop(L, 2);
    calr_tensor *x = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[n x d]");
    calr_lua_check_options(L, 2, names);
    calr_metric metric =
        (calr_metric)calr_lua_option_choice(L, 2, "metric", CALR_COSINE, calr_lua_metrics);
    calr_graph_options options = calr_lua_check_neighbour_graph(L, 2, metric);
    graph *value = push_graph(L, x, metric);
    calr_lua_call(
        L, calr_graph_new(calr_tensor_f32(x), x->shape[0], x->shape[1], &options, &value->graph));
    return 1;
}

/* ---- searching ---- */

void calr_lua_push_graph_neighbours(lua_State *L, const calr_graph *on, calr_metric metric,
                                    const calr_ivf_query *query, calr_lua_effort e)
{
    bool measured = e.effort == 0 || e.measure;
    double recall = 1;
    calr_tensor *indices, *values;
    lua_createtable(L, 0, 5);
    int table = lua_gettop(L);
    if (e.effort == 0)
        calr_lua_call(L,
                      calr_graph_choose_effort(on, query, e.recall, &e.sample, &e.effort, &recall));
    else if (measured)
        calr_lua_call(L, calr_graph_recall(on, query, e.effort, &e.sample, &recall));
    calr_lua_new_neighbours(L, table, metric, query, &indices, &values);
    calr_lua_call(L, calr_graph_search(on, query, e.effort, calr_tensor_i32(indices),
                                       calr_tensor_f32(values)));
    int64_t n = calr_graph_size(on);
    calr_lua_set_integer(L, table, "effort", e.effort < n ? e.effort : n);
    if (measured)
        calr_lua_set_recall(L, table, recall);
}

/// graph:search([queries,] {k=15, effort=nil, recall=0.95, include_self=true, measure=256, seed=0})
/// Finds the k nearest rows of every query, nearest first, ties by the lowest row number, as calr.cluster.knn does. A
/// query whose walk finds fewer than k rows is compared with all.
/// @param queries       f32[m x d]; nil for the rows of the graph themselves
/// @param k             neighbours of each; fewer rows are an error
/// @param effort        number of rows that a walk keeps in mind, k at least; as many as there are is exact
/// @param recall        without an effort: the share of the true neighbours to find, above 0; the effort for it is
///   chosen by measurement
/// @param include_self  whether a row is its own first neighbour; ignored with queries
/// @param measure       number of random queries for that measurement: they are compared with all rows
/// @param seed          names the draw
/// @return table  indices = i32[m x k] from 0; similarities or distances = f32[m x k]; effort; recall = the measured
///   one, nil when an effort was given
static int graph_search(lua_State *L)
{
    graph on = check_graph(L, 1);
    calr_lua_effort e;
    calr_ivf_query query = calr_lua_search_arguments(L, on.x, "effort", &e);
    calr_lua_push_graph_neighbours(L, on.graph, on.metric, &query, e);
    return 1;
}

/// graph:recall{effort=e, queries=nil, k=15, include_self=true, measure=256, seed=0}
/// Measures the share of the k nearest that a search with this effort finds: the mean over random queries, each
/// compared with its exact neighbours. A row itself, first in its own list, does not count.
/// @param effort        number of rows that a walk keeps in mind; required
/// @param queries       f32[m x d]; default: the rows of the graph
/// @param k             neighbours of each
/// @param include_self  whether a row is its own first neighbour
/// @param measure       number of queries to draw; at most all
/// @param seed          names the draw
/// @return number  0 .. 1
static int graph_recall(lua_State *L)
{
    graph on = check_graph(L, 1);
    calr_lua_effort e;
    calr_ivf_query query =
        calr_lua_recall_arguments(L, on.x, "effort", "how many rows a walk keeps in mind", &e);
    double recall;
    calr_lua_call(L, calr_graph_recall(on.graph, &query, e.effort, &e.sample, &recall));
    lua_pushnumber(L, recall);
    return 1;
}

/// graph:size()
/// Returns the number of rows. #graph is the same.
/// @return integer
static int graph_size(lua_State *L)
{
    lua_pushinteger(L, calr_graph_size(check_graph(L, 1).graph));
    return 1;
}

/// graph:links()
/// Returns the number of links of all rows together.
/// @return integer
static int graph_links(lua_State *L)
{
    lua_pushinteger(L, calr_graph_links(check_graph(L, 1).graph));
    return 1;
}

/* ---- files ---- */

static void release_set(void *set)
{
    calr_safetensors_release(set);
}

/* Adds `count` x `width` numbers of the graph (width 0: a vector) to a set, without a copy. */
static void add_part(lua_State *L, calr_safetensors *set, const char *name, calr_dtype type,
                     const void *numbers, int64_t count, int64_t width)
{
    int64_t shape[2] = {count, width};
    int ndim = width > 0 ? 2 : 1;
    calr_tensor **tensor = calr_lua_new_tensor(L);
    calr_lua_call(L, count == 0 ? calr_tensor_new(type, ndim, shape, tensor)
                                : calr_tensor_wrap(type, ndim, shape, (void *)(uintptr_t)numbers,
                                                   NULL, NULL, tensor));
    calr_lua_call(L, calr_safetensors_add(set, name, *tensor));
    lua_pop(L, 1); /* the set holds it */
}

static void add_number(lua_State *L, calr_safetensors *set, const char *key, double value)
{
    char text[40];
    snprintf(text, sizeof text, "%a", value);
    calr_lua_call(L, calr_safetensors_note(set, key, text));
}

/* What the caller's table of an option adds: tensors, or strings. */
static void add_given(lua_State *L, calr_safetensors *set, int table, bool tensors)
{
    if (lua_isnil(L, table))
        return;
    luaL_checktype(L, table, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "graph:save: names must be strings, not a %s", luaL_typename(L, -2));
        const char *name = lua_tostring(L, -2);
        calr_tensor *tensor = tensors ? calr_lua_test_tensor(L, -1) : NULL;
        if (tensors && !tensor)
            luaL_error(L, "graph:save: \"%s\" must be a tensor, not a %s", name,
                       luaL_typename(L, -1));
        if (!tensors && lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "graph:save: the metadata \"%s\" must be a string, not a %s", name,
                       luaL_typename(L, -1));
        calr_lua_call(L, tensors ? calr_safetensors_add(set, name, tensor)
                                 : calr_safetensors_note(set, name, lua_tostring(L, -1)));
    }
}

/// graph:save(path [, {metadata=, tensors=}])
/// Writes the graph with its rows and all that a search reads to a safetensors file with a checksum.
/// calr.cluster.load_neighbour_graph reads it.
/// @param path      of the file, which is replaced when the new one is complete
/// @param metadata  string -> string; kept beside the graph's own, which begin with "calr."
/// @param tensors   name -> tensor; kept beside the graph's own: rows, order, links, place_of, bytes, left, length,
///   centre, twins and twin_starts
static int graph_save(lua_State *L)
{
    static const char *const names[] = {"metadata", "tensors", NULL};
    graph on = check_graph(L, 1);
    const char *path = luaL_checkstring(L, 2);
    lua_settop(L, 3);
    calr_lua_check_options(L, 3, names);
    calr_graph_parts p;
    calr_graph_parts_of(on.graph, &p);
    int64_t n = calr_graph_size(on.graph);
    calr_safetensors **set = calr_lua_scratch(L, release_set);
    calr_lua_call(L, calr_safetensors_new(set));
    calr_lua_call(L, calr_safetensors_add(*set, "rows", on.x));
    add_part(L, *set, "order", CALR_I32, p.rows, p.places, 0);
    add_part(L, *set, "links", CALR_I32, p.links, p.places, p.width);
    add_part(L, *set, "place_of", CALR_I32, p.place_of, n, 0);
    add_part(L, *set, "bytes", CALR_U8, p.bytes, p.places, p.stride);
    add_part(L, *set, "left", CALR_F32, p.left, p.places, 0);
    add_part(L, *set, "length", CALR_F64, p.length, n, 0);
    if (p.centre)
        add_part(L, *set, "centre", CALR_F64, p.centre, on.x->shape[1], 0);
    if (p.twins) {
        add_part(L, *set, "twin_starts", CALR_I32, p.twin_starts, p.places + 1, 0);
        add_part(L, *set, "twins", CALR_I32, p.twins, n - p.places, 0);
    }
    calr_lua_call(L, calr_safetensors_note(*set, KIND, NEIGHBOURS));
    calr_lua_call(L, calr_safetensors_note(*set, VERSION, CURRENT));
    calr_lua_call(L, calr_safetensors_note(*set, METRIC, calr_lua_metrics[on.metric]));
    add_number(L, *set, STEP, p.step);
    add_number(L, *set, SCALE, p.scale);
    for (int i = 0; names[i]; i++) {
        calr_lua_push_option(L, 3, names[i]);
        add_given(L, *set, lua_gettop(L), i == 1);
        lua_pop(L, 1);
    }
    calr_lua_call(L, calr_safetensors_seal(*set));
    calr_lua_call(L, calr_safetensors_save(*set, path));
    return 0;
}

/* The metadata's value of a key; NULL where there is none. */
static const char *note_of(const calr_safetensors *set, const char *key)
{
    for (int64_t i = 0; i < calr_safetensors_notes(set); i++)
        if (strcmp(calr_safetensors_key(set, i), key) == 0)
            return calr_safetensors_value(set, i);
    return NULL;
}

static calr_tensor *tensor_of(lua_State *L, const char *path, const calr_safetensors *set,
                              const char *name, calr_dtype type, int ndim)
{
    calr_tensor *tensor = NULL;
    char text[CALR_TENSOR_TEXT];
    for (int64_t i = 0; i < calr_safetensors_count(set) && !tensor; i++)
        if (strcmp(calr_safetensors_name(set, i), name) == 0)
            tensor = calr_safetensors_tensor(set, i);
    if (!tensor)
        luaL_error(L, "%s: a neighbour graph without \"%s\"", path, name);
    if (tensor->dtype != type || tensor->ndim != ndim)
        luaL_error(L, "%s: \"%s\" of a neighbour graph has %d dimension%s of %s, not %s", path,
                   name, ndim, ndim == 1 ? "" : "s", calr_dtype_name(type),
                   calr_tensor_describe(tensor, text));
    return tensor;
}

static calr_metric check_notes(lua_State *L, const char *path, const calr_safetensors *set)
{
    const char *kind = note_of(set, KIND), *version = note_of(set, VERSION),
               *metric = note_of(set, METRIC);
    if (!kind || strcmp(kind, NEIGHBOURS) != 0)
        luaL_error(L, "%s: no neighbour graph (graph:save writes them)", path);
    if (!version || (strcmp(version, CURRENT) != 0 && strcmp(version, FORMER) != 0))
        luaL_error(L,
                   "%s: a neighbour graph of version %s; this calr reads versions %s and %s: make "
                   "it anew",
                   path, version ? version : "?", FORMER, CURRENT);
    if (!note_of(set, CALR_SAFETENSORS_CHECKSUM))
        luaL_error(L, "%s: a neighbour graph without its checksum", path);
    for (int m = 0; calr_lua_metrics[m]; m++)
        if (metric && strcmp(metric, calr_lua_metrics[m]) == 0)
            return (calr_metric)m;
    return luaL_error(L, "%s: a neighbour graph with no metric that is known", path);
}

static bool has_tensor(const calr_safetensors *set, const char *name)
{
    for (int64_t i = 0; i < calr_safetensors_count(set); i++)
        if (strcmp(calr_safetensors_name(set, i), name) == 0)
            return true;
    return false;
}

/* A vector (width 0) or matrix of a file that is in memory, of exactly this shape. */
static const void *part_of(lua_State *L, const char *path, const calr_safetensors *set,
                           const char *name, calr_dtype type, int64_t count, int64_t width)
{
    const calr_tensor *tensor = tensor_of(L, path, set, name, type, width > 0 ? 2 : 1);
    if (tensor->shape[0] != count || (width > 0 && tensor->shape[1] != width))
        luaL_error(L, "%s: \"%s\" of a neighbour graph has %I rows, not %I", path, name,
                   (lua_Integer)tensor->shape[0], (lua_Integer)count);
    return calr_tensor_data(tensor);
}

static double number_of(const calr_safetensors *set, const char *key)
{
    const char *text = note_of(set, key);
    return text ? strtod(text, NULL) : 0;
}

/* The graph of a file that is in memory. *slot, the set, becomes the graph's, whose arrays lie in it. */
static int adopt(lua_State *L, const char *path, calr_safetensors **slot, calr_metric metric)
{
    calr_safetensors *set = *slot;
    if (strcmp(note_of(set, VERSION), CURRENT) != 0)
        luaL_error(L,
                   "%s: a neighbour graph of version %s cannot be mapped: read it, or make it anew",
                   path, note_of(set, VERSION));
    calr_tensor *x = tensor_of(L, path, set, "rows", CALR_F32, 2);
    calr_tensor *order = tensor_of(L, path, set, "order", CALR_I32, 1);
    calr_tensor *links = tensor_of(L, path, set, "links", CALR_I32, 2);
    calr_tensor *bytes = tensor_of(L, path, set, "bytes", CALR_U8, 2);
    int64_t n = x->shape[0], d = x->shape[1], places = order->shape[0];
    calr_graph_parts p = {.places = places,
                          .width = links->shape[1],
                          .stride = bytes->shape[1],
                          .step = number_of(set, STEP),
                          .scale = number_of(set, SCALE)};
    p.rows = part_of(L, path, set, "order", CALR_I32, places, 0);
    p.links = part_of(L, path, set, "links", CALR_I32, places, p.width);
    p.place_of = part_of(L, path, set, "place_of", CALR_I32, n, 0);
    p.bytes = part_of(L, path, set, "bytes", CALR_U8, places, p.stride);
    p.left = part_of(L, path, set, "left", CALR_F32, places, 0);
    p.length = part_of(L, path, set, "length", CALR_F64, n, 0);
    if (has_tensor(set, "centre"))
        p.centre = part_of(L, path, set, "centre", CALR_F64, d, 0);
    if (has_tensor(set, "twins")) {
        p.twin_starts = part_of(L, path, set, "twin_starts", CALR_I32, places + 1, 0);
        p.twins = part_of(L, path, set, "twins", CALR_I32, n - places, 0);
    }
    graph *value = push_graph(L, x, metric);
    value->set = set;
    *slot = NULL;
    calr_status status = calr_graph_adopt(calr_tensor_f32(x), n, d, metric, &p, &value->graph);
    if (status != CALR_OK)
        status = calr_error(status, "%s: %s", path, calr_status_message());
    calr_lua_call(L, status);
    return 1;
}

/// calr.cluster.load_neighbour_graph(path [, {map=false}])
/// Reads a file of graph:save. The checksum, all shapes and every link are verified: a file that is damaged, or comes
/// from a stranger, is an error at worst.
/// @param path  of the file
/// @param map   the file is not read but looked at where a search leads, which opens millions of rows in a moment. The
///   checksum is not verified then, but all that leads somewhere is; the file must not be shortened meanwhile
/// @return graph
static int cluster_load_neighbour_graph(lua_State *L)
{
    static const char *const names[] = {"map", NULL};
    const char *path = luaL_checkstring(L, 1);
    lua_settop(L, 2);
    calr_lua_check_options(L, 2, names);
    bool map = calr_lua_option_boolean(L, 2, "map", 0);
    calr_safetensors **slot = calr_lua_scratch(L, release_set);
    calr_lua_call(L, map ? calr_safetensors_map(path, slot) : calr_safetensors_load(path, slot));
    const calr_safetensors *set = *slot;
    calr_metric metric = check_notes(L, path, set);
    if (map)
        return adopt(L, path, slot, metric);
    calr_tensor *x = tensor_of(L, path, set, "rows", CALR_F32, 2);
    calr_tensor *order = tensor_of(L, path, set, "order", CALR_I32, 1);
    calr_tensor *links = tensor_of(L, path, set, "links", CALR_I32, 2);
    int64_t n = x->shape[0], places = order->shape[0];
    if (links->shape[0] != places)
        luaL_error(L, "%s: an order of %I rows with links of %I", path, (lua_Integer)places,
                   (lua_Integer)links->shape[0]);
    if (links->shape[1] < 4 || links->shape[1] > CALR_GRAPH_MOST_LINKS)
        luaL_error(L, "%s: %I links of a row, not 4 to %d", path, (lua_Integer)links->shape[1],
                   CALR_GRAPH_MOST_LINKS);
    calr_graph_options options = {.metric = metric, .links = links->shape[1]};
    graph *value = push_graph(L, x, metric);
    calr_status status =
        calr_graph_restore(calr_tensor_f32(x), n, x->shape[1], &options, places,
                           calr_tensor_i32(order), calr_tensor_i32(links), &value->graph);
    if (status != CALR_OK)
        status = calr_error(status, "%s: %s", path, calr_status_message());
    calr_lua_call(L, status);
    return 1;
}

/* ---- the value ---- */

static int graph_tostring(lua_State *L)
{
    const graph *on = luaL_checkudata(L, 1, GRAPH);
    if (on->graph)
        lua_pushfstring(L, "graph[%I rows, %I links, %s]", (lua_Integer)calr_graph_size(on->graph),
                        (lua_Integer)calr_graph_links(on->graph), calr_lua_metrics[on->metric]);
    else
        lua_pushliteral(L, "closed graph");
    return 1;
}

static void release_graph(void *on)
{
    calr_graph_free(on);
}

static void release_rows(void *x)
{
    calr_tensor_release(x);
}

/* __gc and __close: may run twice. */
static int graph_release(lua_State *L)
{
    graph *value = luaL_checkudata(L, 1, GRAPH), on = *value;
    *value = (graph){.metric = on.metric};
    calr_lua_let_go(on.graph, release_graph);
    calr_lua_let_go(on.x, release_rows);
    calr_lua_let_go(on.set, release_set);
    return 0;
}

static const calr_lua_function functions[] = {
    {"load_neighbour_graph", cluster_load_neighbour_graph, "path [, options]"},
    {"neighbour_graph", cluster_neighbour_graph, "x, options"},
    {NULL, NULL, NULL},
};

static const calr_lua_function graph_methods[] = {
    {"links", graph_links, "self"},
    {"recall", graph_recall, "self, options"},
    {"save", graph_save, "self, path [, options]"},
    {"search", graph_search, "self [, queries [, options]]"},
    {"size", graph_size, "self"},
    {NULL, NULL, NULL},
};

static const calr_lua_function graph_metamethods[] = {
    {"__len", graph_size, NULL},
    {"__tostring", graph_tostring, NULL},
    {"__gc", graph_release, NULL},
    {"__close", graph_release, NULL},
    {NULL, NULL, NULL},
};

void calr_lua_add_neighbour_graph(lua_State *L)
{
    calr_lua_class(L, GRAPH, "graph:", graph_methods, graph_metamethods);
    calr_lua_add_functions(L, "calr.cluster.", functions);
}
