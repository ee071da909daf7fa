/* calr.cluster: neighbours, distances and clustering. distance.c, graph.c, hdbscan.c, infomap.c,
 * ivf.c, linkage.c and separation.c add to it. */
#include "binding/approximate.h"
#include "binding/bind.h"
#include "binding/distance.h"
#include "binding/modules.h"

#include <math.h>

#include "cluster/dbscan.h"
#include "neighbours/kmeans.h"
#include "neighbours/knn.h"

/// @module calr.cluster
///   Neighbours, distances between images, and clustering.
///
/// Features are f32[n x d], one row an image. Row numbers inside tensors count from 0. Labels are
/// i32[n], numbered from 0 in the order of their first appearance, -1 for outliers. Everything is
/// deterministic: the same input gives the same result for any number of threads.

/* Sets field `name` of the table at `table` to the tensor on top of the stack, which goes. */
static void set_tensor(lua_State *L, int table, const char *name)
{
    calr_lua_account(L);
    lua_setfield(L, table, name);
}

/// calr.cluster.knn(x, {k=15, metric="cosine", include_self=true, base=nil, approximate=false})
/// Finds the k nearest rows of every row of x, nearest first, ties by the lowest row number. With
/// include_self every row is first in its own list and counts: k = 15 means the row and 14 others,
/// as in this field's code.
/// @param x             f32[n x d]; for the cosine, rows of any length; a row of zeros has
///   similarity 0 to all
/// @param k             neighbours of each row; fewer rows are an error
/// @param metric        "cosine" or "euclidean"
/// @param include_self  whether a row is its own first neighbour; ignored with a base
/// @param base          f32[m x d], the rows to search, with x as the queries; default: x itself
/// @param approximate   true: some neighbours may be missed where that saves time. The way is chosen by the sizes, for
///   a recall of 0.95: a graph made for this call (calr.cluster.neighbour_graph) where it takes three quarters of the
///   exact search's time or less, from about 200,000 rows of 64 numbers on; otherwise the exact search. Or a table:
///   index = "exact", "ivf" or "graph" (default: as above); recall and measure (see index:search), seed; lists, sample,
///   copy and probes of calr.cluster.ivf, or links, build_effort and effort of calr.cluster.neighbour_graph, which
///   imply that index
/// @return table  indices = i32[n x k] from 0; similarities = f32[n x k] (cosine) or distances =
///   f32[n x k] (euclidean); if approximate also index = the way taken, recall (measured; 1 of "exact"), and probes and
///   lists, or effort
static int cluster_knn(lua_State *L)
{
    static const char *const names[] = {"k", "metric", "include_self", "base", "approximate", NULL};
    lua_settop(L, 2);
    calr_tensor *x = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[n x d]");
    calr_lua_check_options(L, 2, names);
    int64_t k = calr_lua_option_integer(L, 2, "k", 15, 1, INT64_MAX);
    calr_metric metric =
        (calr_metric)calr_lua_option_choice(L, 2, "metric", CALR_COSINE, calr_lua_metrics);
    int include_self = calr_lua_option_boolean(L, 2, "include_self", 1);
    calr_tensor *base = calr_lua_option_form(L, 2, "base", 0, CALR_F32, 2, "f32[m x d]");
    if (base && base->shape[1] != x->shape[1])
        luaL_error(L, "x has rows of %I numbers, base of %I", (lua_Integer)x->shape[1],
                   (lua_Integer)base->shape[1]);
    int64_t rows = base ? base->shape[0] : x->shape[0];
    if (k > rows)
        luaL_error(L, "k = %I neighbours, but there are only %I rows", (lua_Integer)k,
                   (lua_Integer)rows);
    if (calr_lua_wants_approximate(L, 2))
        return calr_lua_knn_approximate(L, x, base, k, metric, include_self);
    int64_t shape[2] = {x->shape[0], k};
    lua_createtable(L, 0, 2);
    int table = lua_gettop(L);
    calr_tensor **indices = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_I32, 2, shape, indices));
    calr_tensor **values = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_F32, 2, shape, values));
    calr_lua_call(L, calr_knn(calr_tensor_f32(x), x->shape[0], base ? calr_tensor_f32(base) : NULL,
                              rows, x->shape[1], k, metric, include_self, calr_tensor_i32(*indices),
                              calr_tensor_f32(*values)));
    set_tensor(L, table, metric == CALR_COSINE ? "similarities" : "distances");
    set_tensor(L, table, "indices");
    return 1;
}

/// calr.cluster.dbscan(distance, {eps=0.6, min_samples=4})
/// Clusters by density (DBSCAN; Ester, Kriegel, Sander, Xu, KDD 1996), with the memberships of scikit-learn.
/// @param distance     a distance, or f32[n x n]
/// @param eps          largest distance of a neighbour, inclusive
/// @param min_samples  neighbours, itself included, that make an image a core point
/// @return tensor  labels i32[n], -1 = outlier
/// @return integer  the number of clusters, 0 if all are outliers
static int cluster_dbscan(lua_State *L)
{
    static const char *const names[] = {"eps", "min_samples", NULL};
    calr_lua_check_options(L, 2, names);
    double eps = calr_lua_option_number(L, 2, "eps", 0.6, 0, HUGE_VAL);
    int64_t min_samples = calr_lua_option_integer(L, 2, "min_samples", 4, 1, INT64_MAX), clusters;
    calr_distance distance = calr_lua_check_distance(L, 1);
    calr_tensor *labels = calr_lua_new_labels(L, distance.n);
    calr_lua_call(L, calr_dbscan(&distance, eps, min_samples, calr_tensor_i32(labels), &clusters));
    lua_pushinteger(L, clusters);
    return 2;
}

/// calr.cluster.kmeans(x, {clusters=k, iterations=100, tolerance=1e-4, seed=0, batch=nil})
/// k-means by euclidean distance (Lloyd 1982), from k-means++ seeds (Arthur and Vassilvitskii, SODA
/// 2007); with a batch, over mini-batches (Sculley 2010), for data of millions of rows.
/// @param x           f32[n x d]
/// @param clusters    1 .. n; none is ever empty
/// @param iterations  largest number of rounds
/// @param tolerance   stop when the centroids move by no more than this share of the variance
///   (scikit-learn's tol)
/// @param seed        names the random choice of seeds
/// @param batch       rows of a mini-batch (1024 is usual): `iterations` of them are drawn, and the tolerance is not
///   used; default: all rows in every round
/// @return tensor  labels i32[n]
/// @return table  centroids = f32[clusters x d], inertia = sum of squared distances, iterations =
///   rounds done
static int cluster_kmeans(lua_State *L)
{
    static const char *const names[] = {"clusters", "iterations", "tolerance",
                                        "seed",     "batch",      NULL};
    calr_tensor *x = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[n x d]");
    calr_lua_check_options(L, 2, names);
    calr_kmeans_options options;
    options.clusters = calr_lua_option_integer(L, 2, "clusters", 0, 1, INT64_MAX);
    options.iterations = calr_lua_option_integer(L, 2, "iterations", 100, 1, INT64_MAX);
    options.tolerance = calr_lua_option_number(L, 2, "tolerance", 1e-4, 0, HUGE_VAL);
    options.seed = (uint64_t)calr_lua_option_integer(L, 2, "seed", 0, INT64_MIN, INT64_MAX);
    options.batch = calr_lua_option_integer(L, 2, "batch", 0, 1, INT64_MAX);
    if (options.clusters == 0)
        luaL_error(L, "option \"clusters\" is missing (how many to make)");
    if (options.clusters > x->shape[0])
        luaL_error(L, "%I clusters cannot be made of %I rows", (lua_Integer)options.clusters,
                   (lua_Integer)x->shape[0]);
    calr_tensor *labels = calr_lua_new_labels(L, x->shape[0]);
    lua_createtable(L, 0, 3);
    int table = lua_gettop(L);
    int64_t shape[2] = {options.clusters, x->shape[1]}, iterations;
    double inertia;
    calr_tensor **centroids = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_F32, 2, shape, centroids));
    calr_lua_call(L, calr_kmeans(calr_tensor_f32(x), x->shape[0], x->shape[1], &options,
                                 calr_tensor_i32(labels), calr_tensor_f32(*centroids), &inertia,
                                 &iterations));
    set_tensor(L, table, "centroids");
    calr_lua_set_number(L, table, "inertia", inertia);
    calr_lua_set_integer(L, table, "iterations", iterations);
    return 2;
}

static const calr_lua_function functions[] = {
    {"dbscan", cluster_dbscan, "distance, options"},
    {"kmeans", cluster_kmeans, "x, options"},
    {"knn", cluster_knn, "x, options"},
    {NULL, NULL, NULL},
};

int luaopen_calr_cluster(lua_State *L)
{
    calr_lua_new_module(L, "calr.cluster.", functions);
    calr_lua_add_distance(L);
    calr_lua_add_graph(L);
    calr_lua_add_hdbscan(L);
    calr_lua_add_infomap(L);
    calr_lua_add_ivf(L);
    calr_lua_add_neighbour_graph(L);
    calr_lua_add_linkage(L);
    calr_lua_add_separation(L);
    return 1;
}
