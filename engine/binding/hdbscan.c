/* calr.cluster.hdbscan. */
#include "binding/bind.h"
#include "binding/distance.h"
#include "binding/modules.h"

#include <math.h>

#include "cluster/hdbscan.h"

static calr_hdbscan_options check_options(lua_State *L, int arg)
{
    static const char *const methods[] = {"mass", "leaves", NULL};
    calr_hdbscan_options options;
    options.min_cluster_size = calr_lua_option_integer(L, arg, "min_cluster_size", 5, 2, INT64_MAX);
    options.min_samples =
        calr_lua_option_integer(L, arg, "min_samples", options.min_cluster_size, 1, INT64_MAX);
    options.epsilon = calr_lua_option_number(L, arg, "epsilon", 0, 0, HUGE_VAL);
    options.leaves = calr_lua_option_choice(L, arg, "method", 0, methods) == 1;
    options.single = calr_lua_option_boolean(L, arg, "single", 0);
    return options;
}

typedef struct results {
    int32_t *labels;
    float *probabilities, *outliers;
} results;

static float *push_numbers(lua_State *L, int64_t n)
{
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_F32, 1, &n, slot));
    return calr_tensor_f32(*slot);
}

/* Pushes empty labels, probabilities and outlier scores. */
static results push_results(lua_State *L, int64_t n)
{
    results r;
    r.labels = calr_tensor_i32(calr_lua_new_labels(L, n));
    r.probabilities = push_numbers(L, n);
    r.outliers = push_numbers(L, n);
    return r;
}

/* Labels, the number of clusters, probabilities, scores: the tensors are on top of the stack. */
static int return_results(lua_State *L, int64_t clusters)
{
    lua_pushinteger(L, clusters);
    lua_insert(L, -3);
    return 4;
}

/// @module calr.cluster

/// calr.cluster.hdbscan(distance, {min_cluster_size=5, min_samples=nil, epsilon=0, method="mass", single=false})
/// Clusters by density, each cluster at its own density (HDBSCAN; Campello et al. 2013): no eps to choose. Agrees with
/// scikit-learn except if groups split at exactly the same height: then all of them split, and the images that fall
/// out are outliers, while scikit-learn leaves them with one of the groups.
/// @param distance          a distance, or f32[n x n]
/// @param min_cluster_size  least number of images in a cluster, 2 or more
/// @param min_samples       neighbours, the image itself included, that define its density: more for fewer and surer
///   clusters; default: min_cluster_size (the hdbscan package does not count the image itself)
/// @param epsilon           clusters that split below this distance stay one; 0: none do
/// @param method            "mass": the clusters that persist longest over all densities; "leaves": the smallest ones
/// @param single            true: all images may form one cluster; false: at least two clusters, or none
/// @return tensor   labels i32[n], -1 = outlier
/// @return integer  the number of clusters
/// @return tensor   f32[n]: how deep in its cluster each image is, 0 .. 1; 0 for outliers
/// @return tensor   f32[n]: outlier scores (GLOSH; Campello et al. 2015), 0 .. 1, of all images:
///                  how much less dense the place of an image is than the densest of the cluster it
///                  falls out of; about 0 deep inside, near 1 far from all
static int cluster_hdbscan(lua_State *L)
{
    static const char *const names[] = {"min_cluster_size", "min_samples", "epsilon",
                                        "method",           "single",      NULL};
    calr_lua_check_options(L, 2, names);
    calr_hdbscan_options options = check_options(L, 2);
    calr_distance distance = calr_lua_check_distance(L, 1);
    int64_t clusters;
    results r = push_results(L, distance.n);
    calr_lua_call(
        L, calr_hdbscan(&distance, &options, r.labels, r.probabilities, r.outliers, &clusters));
    return return_results(L, clusters);
}

/// calr.cluster.hdbscan_features(x, {metric="cosine", min_cluster_size=5, min_samples=nil, epsilon=0, method="mass",
///   single=false})
/// The same for the distances between features. They are held while it runs, 4 n^2 bytes, up to 2 GiB; above that they
/// are recomputed in each of about ten rounds, and memory grows only with n.
/// @param x       f32[n x d]
/// @param metric  "cosine" (1 - cos) or "euclidean"; the other options as for calr.cluster.hdbscan
/// @return tensor   labels i32[n], -1 = outlier
/// @return integer  the number of clusters
/// @return tensor   f32[n]: how deep in its cluster each image is, 0 .. 1; 0 for outliers
/// @return tensor   f32[n]: outlier scores (GLOSH; Campello et al. 2015), 0 .. 1, of all images:
///                  how much less dense the place of an image is than the densest of the cluster it
///                  falls out of; about 0 deep inside, near 1 far from all
static int cluster_hdbscan_features(lua_State *L)
{
    static const char *const names[] = {"metric", "min_cluster_size", "min_samples", "epsilon",
                                        "method", "single",           NULL};
    calr_tensor *x = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[n x d]");
    calr_lua_check_options(L, 2, names);
    calr_hdbscan_options options = check_options(L, 2);
    calr_metric metric =
        (calr_metric)calr_lua_option_choice(L, 2, "metric", CALR_COSINE, calr_lua_metrics);
    int64_t clusters;
    results r = push_results(L, x->shape[0]);
    calr_lua_call(L, calr_hdbscan_features(calr_tensor_f32(x), x->shape[0], x->shape[1], metric,
                                           &options, r.labels, r.probabilities, r.outliers,
                                           &clusters));
    return return_results(L, clusters);
}

static const calr_lua_function functions[] = {
    {"hdbscan", cluster_hdbscan, "distance, options"},
    {"hdbscan_features", cluster_hdbscan_features, "x, options"},
    {NULL, NULL, NULL},
};

void calr_lua_add_hdbscan(lua_State *L)
{
    calr_lua_add_functions(L, "calr.cluster.", functions);
}
