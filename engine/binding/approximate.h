/* What the indices for approximate neighbours share (ivf.c, neighbour_graph.c), and how calr.cluster.knn uses them. */
#ifndef CALR_BINDING_APPROXIMATE_H
#define CALR_BINDING_APPROXIMATE_H

#include <lua.h>
#include <stdbool.h>

#include "neighbours/graph.h"
#include "neighbours/ivf.h"
#include "neighbours/knn.h"
#include "tensor/tensor.h"

/* What a search asks for beside the query. */
typedef struct calr_lua_effort {
    int64_t
        effort; /* probes of an inverted file, the effort of a graph; 0: as many as `recall` takes */
    double recall;
    bool measure; /* whether to measure it where the effort is given */
    calr_ivf_sample sample;
} calr_lua_effort;

/* Reads `name` ("probes", "effort"), recall, measure and seed of the options at `arg`. */
calr_lua_effort calr_lua_check_effort(lua_State *L, int arg, const char *name);

/* The arguments of search(self [, queries [, options]]) and of recall(self, options), for an index of x: the query, and
 * in *effort what they ask for beside it. `name` is the option of the effort, `meaning` says what it counts. */
calr_ivf_query calr_lua_search_arguments(lua_State *L, const calr_tensor *x, const char *name,
                                         calr_lua_effort *effort);
calr_ivf_query calr_lua_recall_arguments(lua_State *L, const calr_tensor *x, const char *name,
                                         const char *meaning, calr_lua_effort *effort);

/* The query of a search in an index of x: rows that are given, or NULL for its own. An error where they do not fit. */
calr_ivf_query calr_lua_make_query(lua_State *L, const calr_tensor *x, const calr_tensor *rows,
                                   int64_t k, int include_self);

/* Sets `indices`, and `similarities` or `distances`, of the table at `table` to new matrices. */
void calr_lua_new_neighbours(lua_State *L, int table, calr_metric metric,
                             const calr_ivf_query *query, calr_tensor **indices,
                             calr_tensor **values);
/* Sets its `recall`. */
void calr_lua_set_recall(lua_State *L, int table, double recall);

/* ---- of the two indices, for a search of calr.cluster.knn ---- */

/* Options at `arg`: those of the index. */
calr_ivf_options calr_lua_check_ivf(lua_State *L, int arg, calr_metric metric, int copy);
calr_graph_options calr_lua_check_neighbour_graph(lua_State *L, int arg, calr_metric metric);

/* Pushes the table of neighbours. */
void calr_lua_push_ivf_neighbours(lua_State *L, const calr_ivf *ivf, calr_metric metric,
                                  const calr_ivf_query *query, calr_lua_effort effort);
void calr_lua_push_graph_neighbours(lua_State *L, const calr_graph *graph, calr_metric metric,
                                    const calr_ivf_query *query, calr_lua_effort effort);

/* ---- for calr.cluster.knn ---- */

/* Whether the options at `arg` (a table or nil) say approximate = true or a table, which is then pushed; an error if
 * it is neither that nor a boolean. */
bool calr_lua_wants_approximate(lua_State *L, int arg);

/* Pushes the table of neighbours, made with the options on top of the stack (a table or true), and returns 1. */
int calr_lua_knn_approximate(lua_State *L, calr_tensor *x, calr_tensor *base, int64_t k,
                             calr_metric metric, int include_self);

#endif
