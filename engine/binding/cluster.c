/* calr.cluster: neighbours, distances and clustering. infomap.c adds calr.cluster.infomap. */
#include "binding/bind.h"
#include "binding/modules.h"

#include <math.h>

#include "cluster/dbscan.h"
#include "cluster/jaccard.h"
#include "cluster/kmeans.h"
#include "cluster/knn.h"
#include "cluster/linkage.h"
#include "cluster/silhouette.h"

/// @module calr.cluster
/// Neighbours, distances between images, and clustering.
///
/// Features are f32[n x d], one row an image. Row numbers inside tensors count from 0. Labels are
/// i32[n], numbered from 0 in the order of their first appearance, -1 for outliers. Everything is
/// deterministic: the same input gives the same result for any number of threads.

static const char *const metrics[] = {"cosine", "euclidean", NULL};

/* Sets field `name` of the table at `table` to the tensor on top of the stack, which goes. */
static void set_tensor(lua_State *L, int table, const char *name)
{
    calr_lua_account(L);
    lua_setfield(L, table, name);
}

/// calr.cluster.knn(x, {k=15, metric="cosine", include_self=true, base=nil})
/// The k nearest rows of every row of x, nearest first, ties by the lowest row number. With
/// include_self every row heads its own list, and counts: k = 15 is the row and 14 others, as in
/// this field's code.
/// @param x             f32[n x d]; for the cosine rows of any length, a row of zeros has
/// similarity 0 to all
/// @param k             neighbours of each row; an error when there are fewer rows
/// @param metric        "cosine" or "euclidean"
/// @param include_self  whether a row is its own first neighbour; ignored with a base
/// @param base          f32[m x d], the rows to look among; x itself where absent
/// @return table  indices = i32[n x k] from 0; similarities = f32[n x k] (cosine) or distances =
/// f32[n x k] (euclidean)
static int cluster_knn(lua_State *L)
{
    static const char *const names[] = {"k", "metric", "include_self", "base", NULL};
    calr_tensor *x = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[n x d]");
    calr_lua_check_options(L, 2, names);
    int64_t k = calr_lua_option_integer(L, 2, "k", 15, 1, INT64_MAX);
    calr_metric metric = (calr_metric)calr_lua_option_choice(L, 2, "metric", CALR_COSINE, metrics);
    int include_self = calr_lua_option_boolean(L, 2, "include_self", 1);
    calr_tensor *base = calr_lua_option_form(L, 2, "base", 0, CALR_F32, 2, "f32[m x d]");
    if (base && base->shape[1] != x->shape[1])
        luaL_error(L, "x has rows of %I numbers, base of %I", (lua_Integer)x->shape[1],
                   (lua_Integer)base->shape[1]);
    int64_t rows = base ? base->shape[0] : x->shape[0];
    if (k > rows)
        luaL_error(L, "k = %I neighbours, but there are only %I rows", (lua_Integer)k,
                   (lua_Integer)rows);
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

/* ---- distances ---- */

#define DISTANCE "calr.distance"

/* Pushes an empty distance; what the engine stores in its slot belongs to it. */
static calr_csr **new_distance(lua_State *L)
{
    calr_csr **slot = lua_newuserdatauv(L, sizeof *slot, 0);
    *slot = NULL;
    luaL_setmetatable(L, DISTANCE);
    return slot;
}

static const calr_csr *test_distance(lua_State *L, int arg)
{
    calr_csr **slot = luaL_testudata(L, arg, DISTANCE);
    return slot ? *slot : NULL;
}

static const calr_csr *check_sparse(lua_State *L, int arg)
{
    calr_csr **slot = luaL_checkudata(L, arg, DISTANCE);
    luaL_argcheck(L, *slot, arg, "this distance was closed");
    return *slot;
}

/* A distance, or a dense f32[n x n] tensor, which is checked. Borrowed. */
static calr_distance check_distance(lua_State *L, int arg)
{
    calr_tensor *dense = calr_lua_test_tensor(L, arg);
    if (!dense) {
        if (!luaL_testudata(L, arg, DISTANCE))
            luaL_typeerror(L, arg, "a distance of calr.cluster.jaccard or a tensor f32[n x n]");
        return calr_distance_of_csr(check_sparse(L, arg));
    }
    calr_lua_check_form(L, arg, CALR_F32, 2, "f32[n x n]");
    if (dense->shape[0] != dense->shape[1]) {
        char text[CALR_TENSOR_TEXT];
        luaL_argerror(L, arg,
                      lua_pushfstring(L, "a distance must be square, f32[n x n], not %s",
                                      calr_tensor_describe(dense, text)));
    }
    calr_distance distance = calr_distance_of_dense(calr_tensor_f32(dense), dense->shape[0]);
    if (calr_distance_check(&distance) != CALR_OK)
        luaL_argerror(L, arg, calr_status_message());
    return distance;
}

/// calr.cluster.jaccard(x, {k1=30, k2=6, exact_reciprocal=false})
/// The Jaccard distance of k-reciprocal neighbours (Zhong et al., CVPR 2017): small for images that
/// have each other's neighbours in common, 1 for images that share none. Sparse: memory grows with
/// n * k1, not with n * n.
/// @param x   f32[n x d] features; cosines are taken, so that rows may have any length
/// @param k1  entries of a row's list of neighbours that count, itself included; all rows where
/// there are fewer
/// @param k2  how many of the nearest rows a row's encoding is averaged over; at most k1, 1 for
/// none
/// @param exact_reciprocal  true: k1 neighbours besides the row itself, as in the paper; false: as
/// in the field's code
/// @return distance
static int cluster_jaccard(lua_State *L)
{
    static const char *const names[] = {"k1", "k2", "exact_reciprocal", NULL};
    calr_tensor *x = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[n x d]");
    calr_lua_check_options(L, 2, names);
    calr_jaccard_options options;
    options.k1 = calr_lua_option_integer(L, 2, "k1", 30, 1, INT32_MAX);
    options.k2 =
        calr_lua_option_integer(L, 2, "k2", options.k1 < 6 ? options.k1 : 6, 1, options.k1);
    options.exact_reciprocal = calr_lua_option_boolean(L, 2, "exact_reciprocal", 0);
    calr_csr **slot = new_distance(L);
    calr_lua_call(L, calr_jaccard(calr_tensor_f32(x), x->shape[0], x->shape[1], &options, slot));
    calr_lua_account(L);
    return 1;
}

/// distance:size()
/// How many images it is between. #distance is the same.
/// @return integer
static int distance_size(lua_State *L)
{
    lua_pushinteger(L, check_sparse(L, 1)->rows);
    return 1;
}

/// distance:nonzeros()
/// How many pairs are stored, in both directions and with the diagonal; all others are at
/// distance 1.
/// @return integer
static int distance_nonzeros(lua_State *L)
{
    lua_pushinteger(L, check_sparse(L, 1)->nonzeros);
    return 1;
}

static int64_t check_position(lua_State *L, int arg, int64_t n)
{
    lua_Integer position = luaL_checkinteger(L, arg);
    if (position < 1 || position > n)
        luaL_argerror(
            L, arg,
            lua_pushfstring(L, "positions run from 1 to %I, not %I", (lua_Integer)n, position));
    return position - 1;
}

/// distance:get(i, j)
/// The distance between two images, by their positions from 1.
/// @return number
static int distance_get(lua_State *L)
{
    calr_distance distance = calr_distance_of_csr(check_sparse(L, 1));
    int64_t i = check_position(L, 2, distance.n), j = check_position(L, 3, distance.n);
    lua_pushnumber(L, calr_distance_get(&distance, i, j));
    return 1;
}

/// distance:dense()
/// All of it as one tensor. Takes 4 n^2 bytes; nothing in calr.cluster needs it.
/// @return tensor  f32[n x n]
static int distance_dense(lua_State *L)
{
    calr_distance distance = calr_distance_of_csr(check_sparse(L, 1));
    int64_t shape[2] = {distance.n, distance.n};
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_F32, 2, shape, slot));
    calr_distance_fill(&distance, calr_tensor_f32(*slot));
    calr_lua_account(L);
    return 1;
}

static int distance_tostring(lua_State *L)
{
    const calr_csr *csr = test_distance(L, 1);
    if (csr)
        lua_pushfstring(L, "distance[%I x %I, %I stored]", (lua_Integer)csr->rows,
                        (lua_Integer)csr->columns, (lua_Integer)csr->nonzeros);
    else
        lua_pushliteral(L, "closed distance");
    return 1;
}

/* __gc and __close: may run twice. */
static int distance_release(lua_State *L)
{
    calr_csr **slot = luaL_checkudata(L, 1, DISTANCE);
    calr_csr_release(*slot);
    *slot = NULL;
    return 0;
}

/* ---- clustering ---- */

/* Pushes an empty i32[n] and returns it. */
static calr_tensor *new_labels(lua_State *L, int64_t n)
{
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_I32, 1, &n, slot));
    return *slot;
}

/// calr.cluster.dbscan(distance, {eps=0.6, min_samples=4})
/// Density clusters (DBSCAN), the memberships of scikit-learn.
/// @param distance     a distance, or f32[n x n]
/// @param eps          how far a neighbour may be, inclusive
/// @param min_samples  how many neighbours, itself included, make an image the core of a cluster
/// @return tensor  labels i32[n], -1 = outlier
/// @return integer  the number of clusters, 0 when all are outliers
static int cluster_dbscan(lua_State *L)
{
    static const char *const names[] = {"eps", "min_samples", NULL};
    calr_lua_check_options(L, 2, names);
    double eps = calr_lua_option_number(L, 2, "eps", 0.6, 0, HUGE_VAL);
    int64_t min_samples = calr_lua_option_integer(L, 2, "min_samples", 4, 1, INT64_MAX), clusters;
    calr_distance distance = check_distance(L, 1);
    calr_tensor *labels = new_labels(L, distance.n);
    calr_lua_call(L, calr_dbscan(&distance, eps, min_samples, calr_tensor_i32(labels), &clusters));
    lua_pushinteger(L, clusters);
    return 2;
}

/// calr.cluster.agglomerative(distance, {clusters=n, linkage="average"})
/// calr.cluster.agglomerative(distance, {distance=t, linkage="average"})
/// Merges the two nearest clusters until as many as asked for are left, or until the nearest two
/// are at `distance` or more. Average and complete linkage hold all pairs while they run: 4 n^2
/// bytes; single linkage does not.
/// @param distance  a distance, or f32[n x n]
/// @param clusters  how many to leave, 1 .. n; either this or the option distance
/// @param linkage   "average" (default), "complete" or "single": how far two clusters are apart
/// @return tensor  labels i32[n]
/// @return integer  the number of clusters
static int cluster_agglomerative(lua_State *L)
{
    static const char *const names[] = {"clusters", "distance", "linkage", NULL};
    static const char *const methods[] = {"average", "complete", "single", NULL};
    calr_lua_check_options(L, 2, names);
    int64_t clusters = calr_lua_option_integer(L, 2, "clusters", 0, 1, INT64_MAX);
    double threshold = calr_lua_option_number(L, 2, "distance", -1, 0, HUGE_VAL);
    int method = calr_lua_option_choice(L, 2, "linkage", CALR_LINKAGE_AVERAGE, methods);
    if ((clusters == 0) == (threshold < 0))
        luaL_error(L,
                   "agglomerative clustering stops by one of the options \"clusters\" and "
                   "\"distance\"; %s given",
                   clusters ? "both are" : "none is");
    calr_distance distance = check_distance(L, 1);
    calr_tensor *labels = new_labels(L, distance.n);
    calr_lua_call(L, calr_agglomerative(&distance, (calr_linkage_method)method, clusters, threshold,
                                        calr_tensor_i32(labels), &clusters));
    lua_pushinteger(L, clusters);
    return 2;
}

/* Pushes what a silhouette came to: its mean before the samples on the top of the stack, or nil and why not. */
static int push_silhouette(lua_State *L, calr_status status, double mean)
{
    if (status == CALR_ENOTFOUND) {
        lua_pushnil(L);
        lua_pushstring(L, calr_status_message());
        return 2;
    }
    calr_lua_call(L, status);
    lua_pushnumber(L, mean);
    lua_insert(L, -2);
    return 2;
}

static calr_tensor *check_labels_of(lua_State *L, int arg, int64_t images)
{
    calr_tensor *labels = calr_lua_check_form(L, arg, CALR_I32, 1, "i32[n]");
    if (labels->shape[0] != images)
        luaL_argerror(L, arg,
                      lua_pushfstring(L, "%I labels for %I images", (lua_Integer)labels->shape[0],
                                      (lua_Integer)images));
    return labels;
}

static calr_tensor *new_samples(lua_State *L, int64_t n)
{
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_F32, 1, &n, slot));
    return *slot;
}

/// calr.cluster.silhouette(distance, labels)
/// How well each image fits its cluster: -1 (nearer to another) .. 1; 0 for the only member of a
/// cluster. Outliers
/// (-1) take part nowhere; to score them as a cluster, give them a label of their own. A sparse
/// distance stays sparse.
/// @param distance  a distance, or f32[n x n]
/// @param labels    i32[n]
/// @return number  the mean over all that are no outliers; nil when there are fewer than two
/// clusters
/// @return tensor  f32[n], one for each image, 0 for outliers; a message in place of it when the
/// first is nil
static int cluster_silhouette(lua_State *L)
{
    calr_distance distance = check_distance(L, 1);
    calr_tensor *labels = check_labels_of(L, 2, distance.n), *samples = new_samples(L, distance.n);
    double mean = 0;
    calr_status status =
        calr_silhouette(&distance, calr_tensor_i32(labels), calr_tensor_f32(samples), &mean);
    return push_silhouette(L, status, mean);
}

/// calr.cluster.simplified_silhouette(x, labels)
/// The silhouette against centroids (Hruschka et al., 2004): how much nearer, by the cosine distance, each image is to
/// the mean direction of its own cluster than to the nearest other. -1 (nearer to another) .. 1; 0 for the only member
/// of a cluster. Outliers (-1) take part nowhere. It needs no distances between images, one matrix product only, so
/// it can be had in every epoch; and no identities, so it may choose one.
/// @param x       f32[n x d] features; rows of any length
/// @param labels  i32[n]
/// @return number  the mean over all that are no outliers; nil when there are fewer than two clusters
/// @return tensor  f32[n], one for each image, 0 for outliers; a message in place of it when the first is nil
static int cluster_simplified_silhouette(lua_State *L)
{
    calr_tensor *x = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[n x d]");
    int64_t n = x->shape[0];
    calr_tensor *labels = check_labels_of(L, 2, n), *samples = new_samples(L, n);
    double mean = 0;
    calr_status status =
        calr_silhouette_simplified(calr_tensor_f32(x), n, x->shape[1], calr_tensor_i32(labels),
                                   calr_tensor_f32(samples), &mean);
    return push_silhouette(L, status, mean);
}

/// calr.cluster.kmeans(x, {clusters=k, iterations=100, tolerance=1e-4, seed=0})
/// k-means by euclidean distance, from k-means++ seeds.
/// @param x           f32[n x d]
/// @param clusters    1 .. n; none is ever empty
/// @param iterations  at most so many rounds
/// @param tolerance   stop when the centroids move by no more than this part of the variance
/// (scikit-learn's tol)
/// @param seed        names the random choice of seeds
/// @return tensor  labels i32[n]
/// @return table  centroids = f32[clusters x d], inertia = sum of squared distances, iterations =
/// rounds done
static int cluster_kmeans(lua_State *L)
{
    static const char *const names[] = {"clusters", "iterations", "tolerance", "seed", NULL};
    calr_tensor *x = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[n x d]");
    calr_lua_check_options(L, 2, names);
    calr_kmeans_options options;
    options.clusters = calr_lua_option_integer(L, 2, "clusters", 0, 1, INT64_MAX);
    options.iterations = calr_lua_option_integer(L, 2, "iterations", 100, 1, INT64_MAX);
    options.tolerance = calr_lua_option_number(L, 2, "tolerance", 1e-4, 0, HUGE_VAL);
    options.seed = (uint64_t)calr_lua_option_integer(L, 2, "seed", 0, INT64_MIN, INT64_MAX);
    if (options.clusters == 0)
        luaL_error(L, "option \"clusters\" is missing (how many to make)");
    if (options.clusters > x->shape[0])
        luaL_error(L, "%I clusters cannot be made of %I rows", (lua_Integer)options.clusters,
                   (lua_Integer)x->shape[0]);
    calr_tensor *labels = new_labels(L, x->shape[0]);
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
    lua_pushnumber(L, inertia);
    lua_setfield(L, table, "inertia");
    lua_pushinteger(L, iterations);
    lua_setfield(L, table, "iterations");
    return 2;
}

static const luaL_Reg functions[] = {
    {"agglomerative", cluster_agglomerative},
    {"dbscan", cluster_dbscan},
    {"jaccard", cluster_jaccard},
    {"kmeans", cluster_kmeans},
    {"knn", cluster_knn},
    {"silhouette", cluster_silhouette},
    {"simplified_silhouette", cluster_simplified_silhouette},
    {NULL, NULL},
};

static const luaL_Reg distance_methods[] = {
    {"size", distance_size},
    {"nonzeros", distance_nonzeros},
    {"get", distance_get},
    {"dense", distance_dense},
    {NULL, NULL},
};

static const luaL_Reg distance_metamethods[] = {
    {"__len", distance_size},
    {"__tostring", distance_tostring},
    {"__gc", distance_release},
    {"__close", distance_release},
    {NULL, NULL},
};

int luaopen_calr_cluster(lua_State *L)
{
    calr_lua_class(L, DISTANCE, distance_methods, distance_metamethods);
    luaL_newlib(L, functions);
    calr_lua_add_infomap(L);
    return 1;
}
