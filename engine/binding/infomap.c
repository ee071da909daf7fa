/* calr.cluster.infomap. */
#include "binding/bind.h"
#include "binding/graph.h"
#include "binding/modules.h"

#include <float.h>

#include "cluster/infomap.h"
#include "cluster/labels.h"

static void release_graph(void *graph)
{
    calr_csr_release(graph);
}

static void set_number(lua_State *L, int table, const char *name, double value)
{
    lua_pushnumber(L, value);
    lua_setfield(L, table, name);
}

static void set_integer(lua_State *L, int table, const char *name, int64_t value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, table, name);
}

/// calr.cluster.infomap(x, {k=15, min_similarity=0.5, min_size=5, directed=true, seed=1, trials=1, teleportation=0.15})
/// Clusters by Infomap (two-level map equation; Rosvall and Bergstrom 2008) on the graph of nearest neighbours: an edge
/// i -> j of weight s for each neighbour j with cosine similarity s >= min_similarity. Images without an edge, and
/// clusters smaller than min_size, become outliers. When no edge is left, every label is -1 and info.edges is 0. The
/// same seed gives the same labels, for any number of threads.
///
/// x may be features, whose neighbours are found first, or the result of calr.cluster.knn: {indices=i32[n x k],
/// similarities=f32[n x k]}, where an index of -1 is no neighbour and the option k is not looked at.
///
/// The second result holds: codelength, bits a step of the random walker; one_level, the same were everything one
/// module; modules, how many were found, and clusters, how many of them were kept; edges; and scores=f32[n], how
/// central an image is: the sum over its edges of 1/(d + mean d), d = 1 - similarity, the mean over all neighbours
/// found, its own place included; 0 without an edge.
/// @param x               f32[n x d], one row an image; or a table of neighbours
/// @param k               neighbours of each row, the row itself counted; all rows where there are fewer
/// @param min_similarity  0 or more; edges of similarity 0 are never kept
/// @param min_size        images of the smallest cluster that is kept
/// @param directed        false: an edge counts both ways, weights add up
/// @param seed            names the random order of the search
/// @param trials          searches, of which the shortest code is taken
/// @param teleportation   share of steps at which the random walker jumps; directed only
/// @return labels  i32[n], from 0 in the order of first appearance, -1 for outliers
/// @return table  {codelength=, one_level=, modules=, clusters=, edges=, scores=}
static int cluster_infomap(lua_State *L)
{
    static const char *const names[] = {"k",    "min_similarity", "min_size",      "directed",
                                        "seed", "trials",         "teleportation", NULL};
    lua_settop(L, 2);
    calr_lua_check_options(L, 2, names);
    int64_t k = calr_lua_option_integer(L, 2, "k", 15, 1, INT32_MAX);
    double min_similarity = calr_lua_option_number(L, 2, "min_similarity", 0.5, 0, FLT_MAX);
    int64_t min_size = calr_lua_option_integer(L, 2, "min_size", 5, 1, INT64_MAX);
    calr_infomap_options options = {
        .directed = calr_lua_option_boolean(L, 2, "directed", 1),
        .teleportation = calr_lua_option_number(L, 2, "teleportation", 0.15, 1e-6, 1 - 1e-6),
        .seed = (uint64_t)calr_lua_option_integer(L, 2, "seed", 1, INT64_MIN, INT64_MAX),
        .trials = calr_lua_option_integer(L, 2, "trials", 1, 1, CALR_INFOMAP_MAX_TRIALS),
    };
    calr_tensor *indices, *similarities;
    calr_lua_check_neighbours(L, 1, k, &indices, &similarities);
    int64_t n = indices->shape[0], clusters;

    calr_tensor **labels = calr_lua_new_tensor(L);
    int labels_at = lua_gettop(L);
    calr_lua_call(L, calr_tensor_new(CALR_I32, 1, &n, labels));
    lua_createtable(L, 0, 6);
    int info = lua_gettop(L);
    calr_tensor **scores = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_F32, 1, &n, scores));
    calr_csr **graph = calr_lua_scratch(L, release_graph);
    calr_infomap_result result;
    calr_lua_call(L, calr_infomap_graph(n, indices->shape[1], calr_tensor_i32(indices),
                                        calr_tensor_f32(similarities), min_similarity, graph,
                                        calr_tensor_f32(*scores)));
    calr_lua_call(L, calr_infomap(*graph, &options, calr_tensor_i32(*labels), &result));
    int32_t *label = calr_tensor_i32(*labels);
    calr_lua_call(L, calr_labels_canonical(label, n, min_size, label, &clusters));
    set_number(L, info, "codelength", result.codelength);
    set_number(L, info, "one_level", result.one_level);
    set_integer(L, info, "modules", result.modules);
    set_integer(L, info, "clusters", clusters);
    set_integer(L, info, "edges", (*graph)->nonzeros);
    lua_pushvalue(L, info + 1);
    lua_setfield(L, info, "scores");
    calr_lua_account(L);
    lua_pushvalue(L, labels_at);
    lua_pushvalue(L, info);
    return 2;
}

static const luaL_Reg functions[] = {
    {"infomap", cluster_infomap},
    {NULL, NULL},
};

void calr_lua_add_infomap(lua_State *L)
{
    luaL_setfuncs(L, functions, 0);
}
