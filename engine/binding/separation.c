/* How far clusters are apart: silhouettes and the Davies-Bouldin index, of calr.cluster. */
#include "binding/bind.h"
#include "binding/distance.h"
#include "binding/modules.h"

#include "cluster/davies_bouldin.h"
#include "cluster/silhouette.h"

static const int32_t *check_labels(lua_State *L, int arg, int64_t n)
{
    calr_tensor *labels = calr_lua_check_form(L, arg, CALR_I32, 1, "i32[n]");
    if (labels->shape[0] != n)
        luaL_argerror(L, arg,
                      lua_pushfstring(L, "%I labels for %I images", (lua_Integer)labels->shape[0],
                                      (lua_Integer)n));
    return calr_tensor_i32(labels);
}

static calr_silhouette_options check_sample(lua_State *L, int arg)
{
    calr_silhouette_options options;
    options.sample = calr_lua_option_integer(L, arg, "sample", 0, 1, INT64_MAX);
    options.seed = (uint64_t)calr_lua_option_integer(L, arg, "seed", 0, INT64_MIN, INT64_MAX);
    return options;
}

/* Pushes the tensor of single scores. */
static float *new_samples(lua_State *L, int64_t n)
{
    calr_tensor **samples = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_F32, 1, &n, samples));
    return calr_tensor_f32(*samples);
}

/* The mean and the tensor on top of the stack; nil and a message where there was nothing to compare. */
static int push_score(lua_State *L, calr_status status, const double *mean)
{
    if (status == CALR_ENOTFOUND) {
        lua_pushnil(L);
        lua_pushstring(L, calr_status_message());
        return 2;
    }
    calr_lua_call(L, status);
    lua_pushnumber(L, *mean);
    lua_insert(L, -2);
    return 2;
}

/// @module calr.cluster

/// calr.cluster.silhouette(distance, labels [, {sample=, seed=0}])
/// Measures how well each image fits its cluster (Rousseeuw 1987): -1 (nearer to another) .. 1; 0
/// for the only member of a cluster. Outliers (-1) are left out; to score them as a cluster, give
/// them a label of their own. A sparse distance stays sparse.
/// @param distance  a distance, or f32[n x n]
/// @param labels    i32[n]
/// @param sample    score only this many images, drawn at random, each against all others: an unbiased estimate of the
///   mean. Default: all
/// @param seed      names the draw
/// @return number  the mean over all non-outliers (that were drawn); nil if there are fewer than two
///   clusters
/// @return tensor  f32[n], one for each image, 0 for outliers, NaN for those not drawn; a message instead if
///   the first is nil
static int cluster_silhouette(lua_State *L)
{
    static const char *const names[] = {"sample", "seed", NULL};
    lua_settop(L, 3);
    calr_lua_check_options(L, 3, names);
    calr_silhouette_options options = check_sample(L, 3);
    calr_distance distance = calr_lua_check_distance(L, 1);
    const int32_t *labels = check_labels(L, 2, distance.n);
    float *samples = new_samples(L, distance.n);
    double mean = 0;
    return push_score(L, calr_silhouette_sampled(&distance, labels, &options, samples, &mean),
                      &mean);
}

/// calr.cluster.silhouette_features(x, labels [, {metric="cosine", sample=, seed=0}])
/// The same for the distances between features, which are never all in memory.
/// @param x       f32[n x d]
/// @param labels  i32[n]
/// @param metric  "cosine" (1 - cos) or "euclidean"
/// @param sample  score only this many images, drawn at random, each against all others
/// @param seed    names the draw
/// @return number  the mean; nil if there are fewer than two clusters
/// @return tensor  f32[n], 0 for outliers, NaN for those not drawn; a message instead if the first is nil
static int cluster_silhouette_features(lua_State *L)
{
    static const char *const names[] = {"metric", "sample", "seed", NULL};
    lua_settop(L, 3);
    calr_tensor *x = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[n x d]");
    calr_lua_check_options(L, 3, names);
    calr_silhouette_options options = check_sample(L, 3);
    calr_metric metric =
        (calr_metric)calr_lua_option_choice(L, 3, "metric", CALR_COSINE, calr_lua_metrics);
    const int32_t *labels = check_labels(L, 2, x->shape[0]);
    float *samples = new_samples(L, x->shape[0]);
    double mean = 0;
    return push_score(L,
                      calr_silhouette_features(calr_tensor_f32(x), x->shape[0], x->shape[1], metric,
                                               labels, &options, samples, &mean),
                      &mean);
}

/// calr.cluster.simplified_silhouette(x, labels)
/// The silhouette against centroids (Hruschka et al., 2004): how much nearer, by the cosine distance, each image is to
/// the mean direction of its own cluster than to the nearest other. -1 (nearer to another) .. 1; 0 for the only member
/// of a cluster. Outliers (-1) are left out. It needs only one matrix product and no distances between images, so it is
/// cheap enough for every epoch; and it needs no identities, so it may choose an epoch.
/// @param x       f32[n x d] features; rows of any length
/// @param labels  i32[n]
/// @return number  the mean over all non-outliers; nil if there are fewer than two clusters
/// @return tensor  f32[n], one for each image, 0 for outliers; a message instead if the first is nil
static int cluster_simplified_silhouette(lua_State *L)
{
    calr_tensor *x = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[n x d]");
    int64_t n = x->shape[0];
    const int32_t *labels = check_labels(L, 2, n);
    float *samples = new_samples(L, n);
    double mean = 0;
    calr_status status =
        calr_silhouette_simplified(calr_tensor_f32(x), n, x->shape[1], labels, samples, &mean);
    return push_score(L, status, &mean);
}

/// calr.cluster.davies_bouldin(x, labels)
/// The Davies-Bouldin index (1979): the width of clusters relative to the distance between their centroids, each
/// against the worst of the others, by euclidean distance. 0 is best. Outliers (-1) are left out.
/// @param x       f32[n x d]
/// @param labels  i32[n]
/// @return number  nil if there are fewer than two clusters
/// @return string  a message if the first is nil
static int cluster_davies_bouldin(lua_State *L)
{
    calr_tensor *x = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[n x d]");
    const int32_t *labels = check_labels(L, 2, x->shape[0]);
    double index;
    calr_status status =
        calr_davies_bouldin(calr_tensor_f32(x), x->shape[0], x->shape[1], labels, &index);
    if (status == CALR_ENOTFOUND) {
        lua_pushnil(L);
        lua_pushstring(L, calr_status_message());
        return 2;
    }
    calr_lua_call(L, status);
    lua_pushnumber(L, index);
    return 1;
}

static const calr_lua_function functions[] = {
    {"davies_bouldin", cluster_davies_bouldin, "x, labels"},
    {"silhouette", cluster_silhouette, "distance, labels [, options]"},
    {"silhouette_features", cluster_silhouette_features, "x, labels [, options]"},
    {"simplified_silhouette", cluster_simplified_silhouette, "x, labels"},
    {NULL, NULL, NULL},
};

void calr_lua_add_separation(lua_State *L)
{
    calr_lua_add_functions(L, "calr.cluster.", functions);
}
