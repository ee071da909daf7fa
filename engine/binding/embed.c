/* calr.embed.layout: the arithmetic of t-SNE. */
#include "binding/bind.h"
#include "binding/modules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "embed/tsne.h"

/// @module calr.embed.layout
/// The arithmetic of t-SNE; calr.embed has the schedule. A graph is three tensors: offsets i64[n + 1], columns
/// i32[entries] and values f32[entries], a symmetric sparse matrix by rows whose values sum to 1.

static void free_graph(void *graph)
{
    calr_tsne_graph_free(graph);
    free(graph);
}

static void *push_copy(lua_State *L, calr_dtype dtype, int64_t count)
{
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(dtype, 1, &count, slot));
    return calr_tensor_data(*slot);
}

/// calr.embed.layout.similarities(indices, distances, perplexity)
/// Joint probabilities of things by the distances to their nearest neighbours (van der Maaten and Hinton, JMLR 9, 2008,
/// section 2), symmetric.
/// @param indices    i32[n x k], neighbours without the thing itself, from 0
/// @param distances  f32[n x k], euclidean
/// @param perplexity  1 .. k
/// @return tensor  offsets, i64[n + 1]
/// @return tensor  columns, i32[entries]
/// @return tensor  values, f32[entries]
static int layout_similarities(lua_State *L)
{
    calr_tensor *indices = calr_lua_check_form(L, 1, CALR_I32, 2, "i32[n x k]");
    calr_tensor *distances = calr_lua_check_form(L, 2, CALR_F32, 2, "f32[n x k]");
    double perplexity = luaL_checknumber(L, 3);
    luaL_argcheck(L, calr_tensor_same_shape(indices, distances), 2,
                  "distances need the shape of the indices");
    calr_tsne_graph **slot = calr_lua_scratch(L, free_graph);
    calr_tsne_graph *graph = calloc(1, sizeof *graph);
    *slot = graph;
    if (!graph)
        calr_lua_call(L, calr_error(CALR_ENOMEM, "there is no memory for t-SNE's graph"));
    int64_t n = indices->shape[0];
    calr_lua_call(L, calr_tsne_similarities(n, indices->shape[1], calr_tensor_i32(indices),
                                            calr_tensor_f32(distances), perplexity, graph));
    size_t entries = (size_t)graph->offsets[n];
    memcpy(push_copy(L, CALR_I64, n + 1), graph->offsets, (size_t)(n + 1) * sizeof(int64_t));
    memcpy(push_copy(L, CALR_I32, (int64_t)entries), graph->columns, entries * sizeof(int32_t));
    memcpy(push_copy(L, CALR_F32, (int64_t)entries), graph->values, entries * sizeof(float));
    return 3;
}

/* Arguments 1 to 3. What a script hands over may be anything: every row is checked. */
static calr_tsne_graph check_graph(lua_State *L)
{
    calr_tensor *offsets = calr_lua_check_form(L, 1, CALR_I64, 1, "offsets are i64[n + 1]");
    calr_tensor *columns = calr_lua_check_form(L, 2, CALR_I32, 1, "columns are i32[entries]");
    calr_tensor *values = calr_lua_check_form(L, 3, CALR_F32, 1, "values are f32[entries]");
    calr_tsne_graph graph = {.n = offsets->shape[0] - 1,
                             .offsets = calr_tensor_i64(offsets),
                             .columns = calr_tensor_i32(columns),
                             .values = calr_tensor_f32(values)};
    int64_t entries = columns->shape[0];
    luaL_argcheck(L, graph.n >= 1 && graph.offsets[0] == 0 && graph.offsets[graph.n] == entries, 1,
                  "offsets begin with 0 and end with the number of entries");
    luaL_argcheck(L, values->shape[0] == entries, 3, "there must be as many values as columns");
    for (int64_t i = 0; i < graph.n; i++)
        luaL_argcheck(L, graph.offsets[i] <= graph.offsets[i + 1], 1, "offsets must not decrease");
    for (int64_t e = 0; e < entries; e++) {
        luaL_argcheck(L, graph.columns[e] >= 0 && graph.columns[e] < graph.n, 2,
                      "columns are numbers of things, from 0");
        luaL_argcheck(L, isfinite(graph.values[e]) && graph.values[e] >= 0, 3,
                      "values are probabilities");
    }
    return graph;
}

static calr_tensor *check_plane(lua_State *L, int arg, int64_t n)
{
    calr_tensor *t = calr_lua_check_form(L, arg, CALR_F32, 2, "f32[n x 2]");
    luaL_argcheck(L, t->shape[0] == n && t->shape[1] == 2, arg,
                  "one row of two numbers for each thing is needed");
    return t;
}

/// calr.embed.layout.descend(offsets, columns, values, y, velocity, gains, options)
/// Iterations of gradient descent with adaptive gains, in place.
/// @param offsets  i64[n + 1], and with columns and values the graph
/// @param columns  i32[entries]
/// @param values   f32[entries]
/// @param y         f32[n x 2]: the layout; it stays centred
/// @param velocity  f32[n x 2], zeros at first
/// @param gains     f32[n x 2], ones at first
/// @param options   {iterations=50, exaggeration=1, momentum=.8, learning_rate=200, theta=.5}
/// @return number  the divergence before the last iteration
static int layout_descend(lua_State *L)
{
    static const char *const names[] = {"iterations",    "exaggeration", "momentum",
                                        "learning_rate", "theta",        NULL};
    calr_tsne_graph graph = check_graph(L);
    calr_tensor *y = check_plane(L, 4, graph.n), *velocity = check_plane(L, 5, graph.n),
                *gains = check_plane(L, 6, graph.n);
    luaL_argcheck(L,
                  y->storage != velocity->storage && y->storage != gains->storage &&
                      velocity->storage != gains->storage,
                  4, "y, velocity and gains must be three tensors");
    calr_lua_check_options(L, 7, names);
    calr_tsne_phase phase = {
        .iterations = calr_lua_option_integer(L, 7, "iterations", 50, 0, INT32_MAX),
        .exaggeration = calr_lua_option_number(L, 7, "exaggeration", 1, 1e-6, 1e6),
        .momentum = calr_lua_option_number(L, 7, "momentum", 0.8, 0, 1),
        .learning_rate = calr_lua_option_number(L, 7, "learning_rate", 200, 1e-12, 1e12),
        .theta = calr_lua_option_number(L, 7, "theta", 0.5, 0, 0.7),
    };
    double divergence = 0;
    calr_status status =
        calr_tsne_descend(&graph, &phase, calr_tensor_f32(y), calr_tensor_f32(velocity),
                          calr_tensor_f32(gains), &divergence);
    calr_tensor_touch(y);
    calr_tensor_touch(velocity);
    calr_tensor_touch(gains);
    calr_lua_call(L, status);
    lua_pushnumber(L, divergence);
    return 1;
}

/// calr.embed.layout.gradient(offsets, columns, values, y [, {theta=.5, exaggeration=1}])
/// The gradient of the divergence KL(P || Q) at a layout.
/// @param offsets  i64[n + 1], and with columns and values the graph
/// @param columns  i32[entries]
/// @param values   f32[entries]
/// @param y      f32[n x 2]
/// @param theta  0 .. 0.7: cells whose side is less than theta times their distance count as one point; 0 is exact
/// @return tensor  f32[n x 2]
/// @return number  the divergence
static int layout_gradient(lua_State *L)
{
    static const char *const names[] = {"theta", "exaggeration", NULL};
    lua_settop(L, 5);
    calr_tsne_graph graph = check_graph(L);
    calr_tensor *y = check_plane(L, 4, graph.n);
    calr_lua_check_options(L, 5, names);
    double theta = calr_lua_option_number(L, 5, "theta", 0.5, 0, 0.7);
    double exaggeration = calr_lua_option_number(L, 5, "exaggeration", 1, 1e-6, 1e6);
    double divergence = 0;
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_like(y, slot));
    calr_lua_call(L, calr_tsne_gradient(&graph, calr_tensor_f32(y), theta, exaggeration,
                                        calr_tensor_f32(*slot), &divergence));
    lua_pushnumber(L, divergence);
    return 2;
}

static const calr_lua_function functions[] = {
    {"similarities", layout_similarities, "indices, distances, perplexity"},
    {"descend", layout_descend, "offsets, columns, values, y, velocity, gains, options"},
    {"gradient", layout_gradient, "offsets, columns, values, y, options"},
    {NULL, NULL, NULL},
};

int luaopen_calr_embed_layout(lua_State *L)
{
    calr_lua_new_module(L, "calr.embed.layout.", functions);
    return 1;
}
