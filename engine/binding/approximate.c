/* The approximate neighbours of calr.cluster.knn, by the way that their number makes the fastest. */
#include "binding/approximate.h"

#include "binding/bind.h"

#include "neighbours/approximate.h"

calr_lua_effort calr_lua_check_effort(lua_State *L, int arg, const char *name)
{
    calr_lua_effort e = {.effort = calr_lua_option_integer(L, arg, name, 0, 1, INT64_MAX)};
    e.recall = calr_lua_option_number(L, arg, "recall", 0.95, 0, 1);
    e.sample.count = calr_lua_option_integer(L, arg, "measure", 256, 1, INT64_MAX);
    e.sample.seed = (uint64_t)calr_lua_option_integer(L, arg, "seed", 0, INT64_MIN, INT64_MAX);
    return e;
}

calr_ivf_query calr_lua_make_query(lua_State *L, const calr_tensor *x, const calr_tensor *rows,
                                   int64_t k, int include_self)
{
    int64_t n = x->shape[0];
    if (rows && rows->shape[1] != x->shape[1])
        luaL_error(L, "the queries have rows of %I numbers, the index of %I",
                   (lua_Integer)rows->shape[1], (lua_Integer)x->shape[1]);
    if (k > n)
        luaL_error(L, "k = %I neighbours, but there are only %I rows", (lua_Integer)k,
                   (lua_Integer)n);
    return (calr_ivf_query){
        .rows = rows ? calr_tensor_f32((calr_tensor *)rows) : NULL,
        .n = rows ? rows->shape[0] : n,
        .k = k,
        .include_self = include_self,
    };
}

calr_ivf_query calr_lua_search_arguments(lua_State *L, const calr_tensor *x, const char *name,
                                         calr_lua_effort *effort)
{
    const char *const names[] = {"k", name, "recall", "include_self", "measure", "seed", NULL};
    if (lua_istable(L, 2) && lua_isnone(L, 3)) {
        lua_pushnil(L);
        lua_insert(L, 2);
    }
    lua_settop(L, 3);
    calr_tensor *rows =
        lua_isnil(L, 2) ? NULL : calr_lua_check_form(L, 2, CALR_F32, 2, "f32[m x d]");
    calr_lua_check_options(L, 3, names);
    int64_t k = calr_lua_option_integer(L, 3, "k", 15, 1, INT64_MAX);
    *effort = calr_lua_check_effort(L, 3, name);
    return calr_lua_make_query(L, x, rows, k, calr_lua_option_boolean(L, 3, "include_self", 1));
}

calr_ivf_query calr_lua_recall_arguments(lua_State *L, const calr_tensor *x, const char *name,
                                         const char *meaning, calr_lua_effort *effort)
{
    const char *const names[] = {name, "queries", "k", "include_self", "measure", "seed", NULL};
    lua_settop(L, 2);
    calr_lua_check_options(L, 2, names);
    calr_tensor *rows = calr_lua_option_form(L, 2, "queries", 0, CALR_F32, 2, "f32[m x d]");
    int64_t k = calr_lua_option_integer(L, 2, "k", 15, 1, INT64_MAX);
    int include_self = calr_lua_option_boolean(L, 2, "include_self", 1);
    *effort = calr_lua_check_effort(L, 2, name);
    if (effort->effort == 0)
        luaL_error(L, "option \"%s\" is missing (%s)", name, meaning);
    return calr_lua_make_query(L, x, rows, k, include_self);
}

/* Sets a field of the table at `table` to a new matrix of the query's neighbours, and returns it. */
static calr_tensor *new_field(lua_State *L, int table, const char *name, calr_dtype type,
                              const calr_ivf_query *query)
{
    int64_t shape[2] = {query->n, query->k};
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(type, 2, shape, slot));
    calr_tensor *tensor = *slot;
    calr_lua_account(L);
    lua_setfield(L, table, name);
    return tensor;
}

void calr_lua_new_neighbours(lua_State *L, int table, calr_metric metric,
                             const calr_ivf_query *query, calr_tensor **indices,
                             calr_tensor **values)
{
    const char *name = metric == CALR_COSINE ? "similarities" : "distances";
    *indices = new_field(L, table, "indices", CALR_I32, query);
    *values = new_field(L, table, name, CALR_F32, query);
}

void calr_lua_set_recall(lua_State *L, int table, double recall)
{
    calr_lua_set_number(L, table, "recall", recall);
}

/* ---- calr.cluster.knn ---- */

bool calr_lua_wants_approximate(lua_State *L, int arg)
{
    if (!lua_istable(L, arg))
        return false;
    calr_lua_push_option(L, arg, "approximate");
    if (lua_istable(L, -1) || (lua_isboolean(L, -1) && lua_toboolean(L, -1)))
        return true;
    if (!lua_isnil(L, -1) && !lua_isboolean(L, -1))
        luaL_error(L, "option \"approximate\" must be true, false or a table of options, not a %s",
                   luaL_typename(L, -1));
    lua_pop(L, 1);
    return false;
}

/* The first of the names that the options at `arg` hold, or NULL. */
static const char *given_option(lua_State *L, int arg, const char *const *names)
{
    const char *given = NULL;
    for (; *names && !given; names++) {
        if (calr_lua_push_option(L, arg, *names) != LUA_TNIL)
            given = *names;
        lua_pop(L, 1);
    }
    return given;
}

/* The way that the options ask for by name, or by an option that only one has; otherwise by the sizes. */
static calr_approximate check_way(lua_State *L, int arg, const calr_ivf_query *query,
                                  const calr_tensor *x)
{
    static const char *const of_ivf[] = {"lists", "sample", "copy", "probes", NULL};
    static const char *const of_graph[] = {"links", "build_effort", "effort", NULL};
    static const char *const ways[] = {"exact", "ivf", "graph", "auto", NULL};
    enum { AUTO = 3 };
    const char *ivf = given_option(L, arg, of_ivf), *graph = given_option(L, arg, of_graph);
    int way = calr_lua_option_choice(L, arg, "index", AUTO, ways);
    if (ivf && graph)
        luaL_error(L, "\"%s\" is an option of the inverted file, \"%s\" of the graph: choose one",
                   ivf, graph);
    if (way != AUTO &&
        ((ivf && way != CALR_APPROXIMATE_IVF) || (graph && way != CALR_APPROXIMATE_GRAPH)))
        luaL_error(L, "\"%s\" is an option of index = \"%s\", not of \"%s\"", ivf ? ivf : graph,
                   ivf ? "ivf" : "graph", ways[way]);
    if (way != AUTO)
        return (calr_approximate)way;
    if (ivf || graph)
        return ivf ? CALR_APPROXIMATE_IVF : CALR_APPROXIMATE_GRAPH;
    return calr_approximate_choose(query->n, x->shape[0], x->shape[1], query->k, !query->rows);
}

static void release_ivf(void *ivf)
{
    calr_ivf_free(ivf);
}

static void release_graph(void *graph)
{
    calr_graph_free(graph);
}

static void push_exact(lua_State *L, const calr_tensor *x, calr_metric metric,
                       const calr_ivf_query *query)
{
    calr_tensor *indices, *values;
    lua_createtable(L, 0, 4);
    int table = lua_gettop(L);
    calr_lua_new_neighbours(L, table, metric, query, &indices, &values);
    const float *rows = calr_tensor_f32(x);
    calr_lua_call(L, calr_knn(query->rows ? query->rows : rows, query->n, query->rows ? rows : NULL,
                              x->shape[0], x->shape[1], query->k, metric, query->include_self,
                              calr_tensor_i32(indices), calr_tensor_f32(values)));
    calr_lua_set_recall(L, table, 1);
}

static void push_by_ivf(lua_State *L, int arg, const calr_tensor *x, calr_metric metric,
                        const calr_ivf_query *query)
{
    calr_ivf_options options = calr_lua_check_ivf(L, arg, metric, 0);
    calr_lua_effort effort = calr_lua_check_effort(L, arg, "probes");
    effort.measure = true;
    calr_ivf **ivf = calr_lua_scratch(L, release_ivf);
    calr_lua_call(L, calr_ivf_new(calr_tensor_f32(x), x->shape[0], x->shape[1], &options, ivf));
    calr_lua_push_ivf_neighbours(L, *ivf, metric, query, effort);
}

static void push_by_graph(lua_State *L, int arg, const calr_tensor *x, calr_metric metric,
                          const calr_ivf_query *query)
{
    calr_graph_options options = calr_lua_check_neighbour_graph(L, arg, metric);
    calr_lua_effort effort = calr_lua_check_effort(L, arg, "effort");
    effort.measure = true;
    calr_graph **graph = calr_lua_scratch(L, release_graph);
    calr_lua_call(L, calr_graph_new(calr_tensor_f32(x), x->shape[0], x->shape[1], &options, graph));
    calr_lua_push_graph_neighbours(L, *graph, metric, query, effort);
}

int calr_lua_knn_approximate(lua_State *L, calr_tensor *x, calr_tensor *base, int64_t k,
                             calr_metric metric, int include_self)
{
    static const char *const names[] = {"index", "lists",        "sample", "seed",
                                        "copy",  "probes",       "recall", "measure",
                                        "links", "build_effort", "effort", NULL};
    static const char *const ways[] = {"exact", "ivf", "graph"};
    if (!lua_istable(L, -1))
        lua_newtable(L);
    int arg = lua_gettop(L);
    calr_lua_check_options(L, arg, names);
    const calr_tensor *rows = base ? base : x;
    calr_ivf_query query = calr_lua_make_query(L, rows, base ? x : NULL, k, include_self);
    calr_approximate way = check_way(L, arg, &query, rows);
    if (way == CALR_APPROXIMATE_EXACT)
        push_exact(L, rows, metric, &query);
    else if (way == CALR_APPROXIMATE_IVF)
        push_by_ivf(L, arg, rows, metric, &query);
    else
        push_by_graph(L, arg, rows, metric, &query);
    calr_lua_set_string(L, -1, "index", ways[way]);
    return 1;
}
