/* Agglomerative clustering and its trees, of calr.cluster. */
#include "binding/bind.h"
#include "binding/distance.h"
#include "binding/modules.h"

#include <math.h>
#include <stdlib.h>

#include "base/size.h"
#include "cluster/linkage.h"

#define DENDROGRAM "calr.dendrogram"

static const char *const methods[] = {"average", "complete", "single", "ward", NULL};

typedef struct dendrogram {
    int64_t n;
    calr_merge *merges; /* [n - 1]; NULL when closed */
} dendrogram;

/* A copy: the value loses its merges when it is closed. */
static dendrogram check_dendrogram(lua_State *L, int arg)
{
    const dendrogram *tree = luaL_checkudata(L, arg, DENDROGRAM);
    luaL_argcheck(L, tree->merges, arg, "this dendrogram was closed");
    calr_lua_hold(L, tree->merges);
    return *tree;
}

/* Pushes a tree with room for its merges. */
static dendrogram *new_dendrogram(lua_State *L, int64_t n)
{
    if (n < 1)
        luaL_error(L, "there is nothing to cluster");
    dendrogram *tree = lua_newuserdatauv(L, sizeof *tree, 0);
    *tree = (dendrogram){.n = n};
    luaL_setmetatable(L, DENDROGRAM);
    tree->merges = calr_array_new(n - 1, sizeof *tree->merges);
    if (!tree->merges)
        luaL_error(L, "no memory for a tree of %I images", (lua_Integer)n);
    return tree;
}

/* The two ways to stop, from the options at `arg`: clusters, or 0 and a threshold. */
static int64_t check_stop(lua_State *L, int arg, double *threshold)
{
    int64_t clusters = calr_lua_option_integer(L, arg, "clusters", 0, 1, INT64_MAX);
    *threshold = calr_lua_option_number(L, arg, "distance", -1, 0, HUGE_VAL);
    if ((clusters == 0) == (*threshold < 0))
        luaL_error(L,
                   "agglomerative clustering stops by one of the options \"clusters\" and "
                   "\"distance\"; %s given",
                   clusters ? "both are" : "none is");
    return clusters;
}

/// @module calr.cluster

/// calr.cluster.agglomerative(distance, {clusters=n, linkage="average"})
/// calr.cluster.agglomerative(distance, {distance=t, linkage="average"})
/// Merges the two nearest clusters (Lance and Williams 1967; found by chains of nearest neighbours,
/// Murtagh 1983, Müllner 2011) until the requested number is left, or until the nearest two are at
/// `distance` or more. All but single linkage hold all pairs while they run: 4 n^2 bytes. For
/// several cuts of one tree, and for the tree itself, use calr.cluster.linkage.
/// @param distance  a distance, or f32[n x n]
/// @param clusters  number of clusters, 1 .. n; either this or the option distance
/// @param linkage   "average" (default), "complete", "single" or "ward": the distance between clusters; Ward's is
///   meant for euclidean distances
/// @return tensor  labels i32[n]
/// @return integer  the number of clusters
static int cluster_agglomerative(lua_State *L)
{
    static const char *const names[] = {"clusters", "distance", "linkage", NULL};
    calr_lua_check_options(L, 2, names);
    double threshold;
    int method = calr_lua_option_choice(L, 2, "linkage", CALR_LINKAGE_AVERAGE, methods);
    int64_t clusters = check_stop(L, 2, &threshold);
    calr_distance distance = calr_lua_check_distance(L, 1);
    calr_tensor *labels = calr_lua_new_labels(L, distance.n);
    calr_lua_call(L, calr_agglomerative(&distance, (calr_linkage_method)method, clusters, threshold,
                                        calr_tensor_i32(labels), &clusters));
    lua_pushinteger(L, clusters);
    return 2;
}

/// calr.cluster.linkage(distance, {linkage="average"})
/// Returns the whole tree of merges (dendrogram), which can be cut anywhere.
/// @param distance  a distance, or f32[n x n]
/// @param linkage   "average", "complete", "single" or "ward"
/// @return dendrogram
static int cluster_linkage(lua_State *L)
{
    static const char *const names[] = {"linkage", NULL};
    calr_lua_check_options(L, 2, names);
    int method = calr_lua_option_choice(L, 2, "linkage", CALR_LINKAGE_AVERAGE, methods);
    calr_distance distance = calr_lua_check_distance(L, 1);
    dendrogram *tree = new_dendrogram(L, distance.n);
    calr_lua_call(L, calr_linkage(&distance, (calr_linkage_method)method, tree->merges));
    return 1;
}

/// calr.cluster.linkage_features(x, {metric="euclidean", linkage="ward"})
/// Returns the tree of features, as for their distances (calr.cluster.distances) but with no memory besides the pairs
/// that merging holds (4 n^2 bytes).
/// @param x        f32[n x d]
/// @param metric   "euclidean" or "cosine" (1 - cos)
/// @param linkage  "ward" (least growth of the squared distances to the centroids), "average", "complete" or "single"
/// @return dendrogram
static int cluster_linkage_features(lua_State *L)
{
    static const char *const names[] = {"metric", "linkage", NULL};
    calr_tensor *x = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[n x d]");
    calr_lua_check_options(L, 2, names);
    int metric = calr_lua_option_choice(L, 2, "metric", CALR_EUCLIDEAN, calr_lua_metrics);
    int method = calr_lua_option_choice(L, 2, "linkage", CALR_LINKAGE_WARD, methods);
    dendrogram *tree = new_dendrogram(L, x->shape[0]);
    calr_lua_call(L, calr_linkage_features(calr_tensor_f32(x), x->shape[0], x->shape[1],
                                           (calr_metric)metric, (calr_linkage_method)method,
                                           tree->merges));
    return 1;
}

/// dendrogram:size()
/// Returns the number of images. #dendrogram is the same.
/// @return integer
static int dendrogram_size(lua_State *L)
{
    lua_pushinteger(L, check_dendrogram(L, 1).n);
    return 1;
}

/// dendrogram:cut({clusters=n})
/// dendrogram:cut({distance=t})
/// Returns the labels at one height.
/// @param clusters  number of clusters, 1 .. n
/// @param distance  or: undo the merges at this height and above
/// @return tensor   labels i32[n]
/// @return integer  the number of clusters
static int dendrogram_cut(lua_State *L)
{
    static const char *const names[] = {"clusters", "distance", NULL};
    dendrogram tree = check_dendrogram(L, 1);
    calr_lua_check_options(L, 2, names);
    double threshold;
    int64_t clusters = check_stop(L, 2, &threshold), count;
    calr_lua_call(L, calr_linkage_count(tree.merges, tree.n, clusters, threshold, &count));
    calr_tensor *labels = calr_lua_new_labels(L, tree.n);
    calr_lua_call(L, calr_linkage_cut(tree.merges, tree.n, count, calr_tensor_i32(labels)));
    lua_pushinteger(L, tree.n - count);
    return 2;
}

/// dendrogram:merges()
/// Returns the tree in SciPy's numbering: images are 0 .. n-1, and merge m, counted from 0, makes cluster n + m.
/// @return table  left = i32[n-1] < right = i32[n-1]: the merged clusters; heights = f32[n-1], ascending; sizes =
///   i32[n-1]: images of the merged cluster
static int dendrogram_merges(lua_State *L)
{
    static const char *const names[] = {"left", "right", "sizes"};
    dendrogram tree = check_dendrogram(L, 1);
    int64_t count = tree.n - 1;
    int32_t *columns[3];
    lua_createtable(L, 0, 4);
    int table = lua_gettop(L);
    for (int c = 0; c < 3; c++) {
        columns[c] = calr_tensor_i32(calr_lua_new_labels(L, count));
        lua_setfield(L, table, names[c]);
    }
    calr_tensor **heights = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_F32, 1, &count, heights));
    for (int64_t m = 0; m < count; m++)
        calr_tensor_f32(*heights)[m] = (float)tree.merges[m].height;
    lua_setfield(L, table, "heights");
    calr_lua_call(L, calr_linkage_tree(tree.merges, tree.n, columns[0], columns[1], columns[2]));
    return 1;
}

static int dendrogram_tostring(lua_State *L)
{
    const dendrogram *tree = luaL_checkudata(L, 1, DENDROGRAM);
    if (tree->merges)
        lua_pushfstring(L, "dendrogram[%I]", (lua_Integer)tree->n);
    else
        lua_pushliteral(L, "closed dendrogram");
    return 1;
}

/* __gc and __close: may run twice. */
static int dendrogram_release(lua_State *L)
{
    dendrogram *tree = luaL_checkudata(L, 1, DENDROGRAM);
    calr_merge *merges = tree->merges;
    tree->merges = NULL;
    calr_lua_let_go(merges, free);
    return 0;
}

static const calr_lua_function functions[] = {
    {"agglomerative", cluster_agglomerative, "distance, options"},
    {"linkage", cluster_linkage, "distance, options"},
    {"linkage_features", cluster_linkage_features, "x, options"},
    {NULL, NULL, NULL},
};

static const calr_lua_function tree_methods[] = {
    {"size", dendrogram_size, "self"},
    {"cut", dendrogram_cut, "self, options"},
    {"merges", dendrogram_merges, "self"},
    {NULL, NULL, NULL},
};

static const calr_lua_function tree_metamethods[] = {
    {"__len", dendrogram_size, NULL},
    {"__tostring", dendrogram_tostring, NULL},
    {"__gc", dendrogram_release, NULL},
    {"__close", dendrogram_release, NULL},
    {NULL, NULL, NULL},
};

void calr_lua_add_linkage(lua_State *L)
{
    calr_lua_class(L, DENDROGRAM, "dendrogram:", tree_methods, tree_metamethods);
    calr_lua_add_functions(L, "calr.cluster.", functions);
}
