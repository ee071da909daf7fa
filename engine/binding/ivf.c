/* The approximate index of calr.cluster. */
#include "binding/approximate.h"
#include "binding/bind.h"
#include "binding/distance.h"
#include "binding/modules.h"

#include "neighbours/ivf.h"

#define INDEX "calr.cluster.index"

typedef struct index {
    calr_ivf *ivf;
    calr_tensor *x; /* retained: the engine's index borrows its numbers */
    calr_metric metric;
} index;

/* A copy: the value loses both when it is closed. */
static index check_index(lua_State *L, int arg)
{
    const index *value = luaL_checkudata(L, arg, INDEX);
    if (!value->ivf)
        luaL_argerror(L, arg, "the index is closed");
    index held = *value;
    calr_lua_hold(L, held.ivf);
    calr_lua_hold(L, held.x);
    return held;
}

/* ---- making ---- */

calr_ivf_options calr_lua_check_ivf(lua_State *L, int arg, calr_metric metric, int copy)
{
    calr_ivf_options o = {.metric = metric};
    o.lists = calr_lua_option_integer(L, arg, "lists", 0, 1, INT32_MAX);
    o.sample = calr_lua_option_integer(L, arg, "sample", 0, 1, INT64_MAX);
    o.seed = (uint64_t)calr_lua_option_integer(L, arg, "seed", 0, INT64_MIN, INT64_MAX);
    o.copy = calr_lua_option_boolean(L, arg, "copy", copy);
    return o;
}

static index *new_index(lua_State *L, calr_tensor *x, const calr_ivf_options *options)
{
    index *value = lua_newuserdatauv(L, sizeof *value, 0);
    *value = (index){.metric = options->metric};
    luaL_setmetatable(L, INDEX);
    value->x = calr_tensor_retain(x);
    calr_lua_call(L,
                  calr_ivf_new(calr_tensor_f32(x), x->shape[0], x->shape[1], options, &value->ivf));
    return value;
}

/// @module calr.cluster

/// calr.cluster.ivf(x, {metric="cosine", lists=nil, sample=nil, seed=0, copy=true})
/// Builds an index for approximate neighbours among many rows: an inverted file with flat lists (IVF-flat; Jégou et
/// al. 2011). k-means divides the space into cells, one per list, and a query searches only the `probes` lists nearest
/// to it. Rows in these lists are scored exactly; rows in other lists are missed. index:recall measures how many, and a
/// search takes as many probes as the requested recall needs. The index pays off from about 100,000 rows, for rows that
/// form groups; calr.cluster.neighbour_graph takes longer to make, and far less time to search.
///
///     local index = calr.cluster.ivf(features)
///     local near = index:search(nil, { k = 30, recall = .98 })
///     print(near.indices, near.similarities, near.recall, near.probes)
/// @param x       f32[n x d]; the index keeps a reference, so it must not be changed
/// @param metric  "cosine" or "euclidean"
/// @param lists   number of lists, at most n; default: 4 sqrt(n)
/// @param sample  rows that k-means sees, at least one per list; default: 32 per list
/// @param seed    of the sample and of k-means
/// @param copy    keep a copy of the rows in list order, as large as x. Without it a search is slower: a little with
///   many queries, several times with few
/// @return index
static int cluster_ivf(lua_State *L)
{
    static const char *const names[] = {"metric", "lists", "sample", "seed", "copy", NULL};
    lua_settop(L, 2);
    calr_tensor *x = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[n x d]");
    calr_lua_check_options(L, 2, names);
    calr_metric metric =
        (calr_metric)calr_lua_option_choice(L, 2, "metric", CALR_COSINE, calr_lua_metrics);
    calr_ivf_options options = calr_lua_check_ivf(L, 2, metric, 1);
    new_index(L, x, &options);
    return 1;
}

/* ---- searching ---- */

void calr_lua_push_ivf_neighbours(lua_State *L, const calr_ivf *ivf, calr_metric metric,
                                  const calr_ivf_query *query, calr_lua_effort e)
{
    bool measured = e.effort == 0 || e.measure;
    double recall = 1;
    calr_tensor *indices, *values;
    lua_createtable(L, 0, 6);
    int table = lua_gettop(L);
    if (e.effort == 0)
        calr_lua_call(L,
                      calr_ivf_choose_probes(ivf, query, e.recall, &e.sample, &e.effort, &recall));
    else if (measured)
        calr_lua_call(L, calr_ivf_recall(ivf, query, e.effort, &e.sample, &recall));
    calr_lua_new_neighbours(L, table, metric, query, &indices, &values);
    calr_lua_call(L, calr_ivf_search(ivf, query, e.effort, calr_tensor_i32(indices),
                                     calr_tensor_f32(values)));
    int64_t lists = calr_ivf_lists(ivf);
    calr_lua_set_integer(L, table, "probes", e.effort < lists ? e.effort : lists);
    calr_lua_set_integer(L, table, "lists", lists);
    if (measured)
        calr_lua_set_recall(L, table, recall);
}

/// index:search([queries,] {k=15, probes=nil, recall=0.95, include_self=true, measure=256, seed=0})
/// Finds the k nearest rows of every query, nearest first, ties by the lowest row number, as calr.cluster.knn does. A
/// query whose lists hold fewer than k rows searches further lists until there are k.
/// @param queries       f32[m x d]; nil for the rows of the index themselves
/// @param k             neighbours of each; fewer rows are an error
/// @param probes        lists that a query searches; more than exist means all, which is exact
/// @param recall        without probes: the share of the true neighbours to find, above 0; the number of probes for it
///   is chosen by measurement
/// @param include_self  whether a row is its own first neighbour; ignored with queries
/// @param measure       number of random queries for that measurement: they search all lists
/// @param seed          names the draw
/// @return table  indices = i32[m x k] from 0; similarities or distances = f32[m x k]; probes; lists; recall = the
///   measured one, nil when probes were given
static int index_search(lua_State *L)
{
    index on = check_index(L, 1);
    calr_lua_effort e;
    calr_ivf_query query = calr_lua_search_arguments(L, on.x, "probes", &e);
    calr_lua_push_ivf_neighbours(L, on.ivf, on.metric, &query, e);
    return 1;
}

/// index:recall{probes=p, queries=nil, k=15, include_self=true, measure=256, seed=0}
/// Measures the share of the k nearest that a search with p probes finds: the mean over random queries, each
/// compared with its exact neighbours. A row itself, first in its own list, does not count.
/// @param probes        lists that a query searches; required
/// @param queries       f32[m x d]; default: the rows of the index
/// @param k             neighbours of each
/// @param include_self  whether a row is its own first neighbour
/// @param measure       number of queries to draw; at most all
/// @param seed          names the draw
/// @return number  0 .. 1
static int index_recall(lua_State *L)
{
    index on = check_index(L, 1);
    calr_lua_effort e;
    calr_ivf_query query =
        calr_lua_recall_arguments(L, on.x, "probes", "how many lists a query searches", &e);
    double recall;
    calr_lua_call(L, calr_ivf_recall(on.ivf, &query, e.effort, &e.sample, &recall));
    lua_pushnumber(L, recall);
    return 1;
}

/// index:size()
/// Returns the number of rows. #index is the same.
/// @return integer
static int index_size(lua_State *L)
{
    lua_pushinteger(L, calr_ivf_size(check_index(L, 1).ivf));
    return 1;
}

/// index:lists()
/// Returns the number of rows in each list, possibly 0.
/// @return tensor  i32[lists]
static int index_lists(lua_State *L)
{
    index on = check_index(L, 1);
    calr_tensor *sizes = calr_lua_new_labels(L, calr_ivf_lists(on.ivf));
    for (int64_t l = 0; l < calr_ivf_lists(on.ivf); l++)
        calr_tensor_i32(sizes)[l] = (int32_t)calr_ivf_list_size(on.ivf, l);
    return 1;
}

static int index_tostring(lua_State *L)
{
    const index *on = luaL_checkudata(L, 1, INDEX);
    if (on->ivf)
        lua_pushfstring(L, "index[%I rows, %I lists, %s]", (lua_Integer)calr_ivf_size(on->ivf),
                        (lua_Integer)calr_ivf_lists(on->ivf), calr_lua_metrics[on->metric]);
    else
        lua_pushliteral(L, "closed index");
    return 1;
}

static void release_ivf(void *ivf)
{
    calr_ivf_free(ivf);
}

static void release_rows(void *x)
{
    calr_tensor_release(x);
}

/* __gc and __close: may run twice. */
static int index_release(lua_State *L)
{
    index *value = luaL_checkudata(L, 1, INDEX), on = *value;
    *value = (index){.metric = on.metric};
    calr_lua_let_go(on.ivf, release_ivf);
    calr_lua_let_go(on.x, release_rows);
    return 0;
}

static const calr_lua_function functions[] = {
    {"ivf", cluster_ivf, "x, options"},
    {NULL, NULL, NULL},
};

static const calr_lua_function index_methods[] = {
    {"lists", index_lists, "self"},
    {"recall", index_recall, "self, options"},
    {"search", index_search, "self [, queries [, options]]"},
    {"size", index_size, "self"},
    {NULL, NULL, NULL},
};

static const calr_lua_function index_metamethods[] = {
    {"__len", index_size, NULL},
    {"__tostring", index_tostring, NULL},
    {"__gc", index_release, NULL},
    {"__close", index_release, NULL},
    {NULL, NULL, NULL},
};

void calr_lua_add_ivf(lua_State *L)
{
    calr_lua_class(L, INDEX, "index:", index_methods, index_metamethods);
    calr_lua_add_functions(L, "calr.cluster.", functions);
}
