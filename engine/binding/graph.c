/* Clustering of graphs, of calr.cluster. */
#include "binding/graph.h"

#include <float.h>
#include <math.h>

#include "binding/bind.h"
#include "binding/distance.h"
#include "binding/modules.h"

#include "cluster/components.h"
#include "cluster/infomap/infomap.h"
#include "cluster/leiden.h"
#include "labels/labels.h"
#include "neighbours/knn.h"

static void release_graph(void *graph)
{
    calr_csr_release(graph);
}

void calr_lua_check_neighbours(lua_State *L, int arg, int64_t k, calr_tensor **indices,
                               calr_tensor **similarities)
{
    static const char *const names[] = {"indices", "similarities", NULL};
    if (lua_istable(L, arg)) {
        calr_lua_plain_options(L, arg, names);
        *indices = calr_lua_option_form(L, arg, "indices", 1, CALR_I32, 2, "i32[n x k]");
        *similarities = calr_lua_option_form(L, arg, "similarities", 1, CALR_F32, 2, "f32[n x k]");
        if (!calr_tensor_same_shape(*indices, *similarities))
            luaL_argerror(L, arg, "indices and similarities differ in shape");
        return;
    }
    calr_tensor *x = calr_lua_check_form(L, arg, CALR_F32, 2,
                                         "f32[n x d], or a table {indices=, similarities=}");
    int64_t n = x->shape[0], shape[2] = {n, k < n ? k : n};
    calr_tensor **index_slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_I32, 2, shape, index_slot));
    calr_tensor **similarity_slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_F32, 2, shape, similarity_slot));
    *indices = *index_slot;
    *similarities = *similarity_slot;
    if (n > 0)
        calr_lua_call(L,
                      calr_knn(calr_tensor_f32(x), n, NULL, n, x->shape[1], shape[1], CALR_COSINE,
                               true, calr_tensor_i32(*indices), calr_tensor_f32(*similarities)));
}

/* The graph of the neighbours at `arg`, which belongs to the stack. */
static const calr_csr *check_graph(lua_State *L, int arg, int64_t k, double min_similarity)
{
    calr_tensor *indices, *similarities;
    calr_lua_check_neighbours(L, arg, k, &indices, &similarities);
    calr_csr **graph = calr_lua_scratch(L, release_graph);
    calr_lua_call(L,
                  calr_infomap_graph(indices->shape[0], indices->shape[1], calr_tensor_i32(indices),
                                     calr_tensor_f32(similarities), min_similarity, graph, NULL));
    return *graph;
}

/// @module calr.cluster

/// calr.cluster.components(x, {k=15, min_similarity=0.5, mutual=false, min_size=1})
/// Finds connected components of the graph of nearest neighbours: images joined by any chain of similarities of at
/// least min_similarity. This is the cheapest clustering, and the one that a single wrong link damages most; mutual
/// links are safer.
/// @param x               f32[n x d], one row an image; or a table of neighbours {indices=i32[n x k],
///   similarities=f32[n x k]}
/// @param k               neighbours of each row, the row itself included; at most all rows
/// @param min_similarity  of a link; 0 or more, links of similarity 0 never count
/// @param mutual          true: only links between mutual neighbours
/// @param min_size        smaller components become outliers
/// @return tensor   labels i32[n], -1 for outliers
/// @return integer  the number of clusters
static int cluster_components(lua_State *L)
{
    static const char *const names[] = {"k", "min_similarity", "mutual", "min_size", NULL};
    lua_settop(L, 2);
    calr_lua_check_options(L, 2, names);
    int64_t k = calr_lua_option_integer(L, 2, "k", 15, 1, INT32_MAX), clusters;
    double min_similarity = calr_lua_option_number(L, 2, "min_similarity", 0.5, 0, FLT_MAX);
    int mutual = calr_lua_option_boolean(L, 2, "mutual", 0);
    int64_t min_size = calr_lua_option_integer(L, 2, "min_size", 1, 1, INT64_MAX);
    const calr_csr *graph = check_graph(L, 1, k, min_similarity);
    calr_tensor *labels = calr_lua_new_labels(L, graph->rows);
    calr_lua_call(L, calr_components(graph, mutual, min_size, calr_tensor_i32(labels), &clusters));
    lua_pushinteger(L, clusters);
    return 2;
}

/// calr.cluster.components_of(distance, {within=t, min_size=1})
/// The same for distances: images joined by any chain of pairs at most t apart.
/// @param distance  a distance, or f32[n x n]
/// @param within    number; largest distance of joined images: 0 or more; required
/// @param min_size  smaller components become outliers
/// @return tensor   labels i32[n], -1 for outliers
/// @return integer  the number of clusters
static int cluster_components_of(lua_State *L)
{
    static const char *const names[] = {"within", "min_size", NULL};
    calr_lua_check_options(L, 2, names);
    double most = calr_lua_option_number(L, 2, "within", -1, 0, HUGE_VAL);
    int64_t min_size = calr_lua_option_integer(L, 2, "min_size", 1, 1, INT64_MAX), clusters;
    if (most < 0)
        luaL_error(L, "option \"within\" is missing (the largest distance of joined images)");
    calr_distance distance = calr_lua_check_distance(L, 1);
    calr_tensor *labels = calr_lua_new_labels(L, distance.n);
    calr_lua_call(L, calr_components_of_distance(&distance, most, min_size, calr_tensor_i32(labels),
                                                 &clusters));
    lua_pushinteger(L, clusters);
    return 2;
}

/// calr.cluster.leiden(x, {k=15, min_similarity=0.5, min_size=5, quality="modularity", resolution=1, seed=1, trials=1})
/// Finds communities of the graph of nearest neighbours by Leiden (Traag et al. 2019): an undirected link for each
/// neighbour of similarity >= min_similarity, weights of both directions added; the resolution sets the size of
/// clusters. Images without a link, and clusters smaller than min_size, become outliers. The same seed gives the same
/// labels.
/// @param x               f32[n x d], one row an image; or a table of neighbours {indices=i32[n x k],
///   similarities=f32[n x k]}
/// @param k               neighbours of each row, the row itself included; at most all rows
/// @param min_similarity  of a link; 0 or more, links of similarity 0 never count
/// @param min_size        least number of images in a cluster
/// @param quality         "modularity", or "potts": the constant Potts model, which finds small clusters in large data
///   as well as in small ones
/// @param resolution      above 0; higher for smaller clusters. Potts: the least mean weight between the images of a
///   cluster (0.1 to 1 for cosines; links that count both ways weigh double)
/// @param seed            names the random order of the search
/// @param trials          number of searches; the best one counts
/// @return tensor  labels i32[n], -1 for outliers
/// @return table   {quality = the value reached, communities = the number found, clusters = the number kept,
///   edges = links}
static int cluster_leiden(lua_State *L)
{
    static const char *const names[] = {"k",          "min_similarity", "min_size", "quality",
                                        "resolution", "seed",           "trials",   NULL};
    static const char *const qualities[] = {"modularity", "potts", NULL};
    lua_settop(L, 2);
    calr_lua_check_options(L, 2, names);
    int64_t k = calr_lua_option_integer(L, 2, "k", 15, 1, INT32_MAX), communities, clusters;
    double min_similarity = calr_lua_option_number(L, 2, "min_similarity", 0.5, 0, FLT_MAX),
           quality;
    int64_t min_size = calr_lua_option_integer(L, 2, "min_size", 5, 1, INT64_MAX);
    calr_leiden_options options = {
        .potts = calr_lua_option_choice(L, 2, "quality", 0, qualities) == 1,
        .resolution = calr_lua_option_number(L, 2, "resolution", 1, 1e-12, 1e12),
        .seed = (uint64_t)calr_lua_option_integer(L, 2, "seed", 1, INT64_MIN, INT64_MAX),
        .trials = calr_lua_option_integer(L, 2, "trials", 1, 1, 10000),
    };
    const calr_csr *graph = check_graph(L, 1, k, min_similarity);
    calr_tensor *labels = calr_lua_new_labels(L, graph->rows);
    int32_t *label = calr_tensor_i32(labels);
    calr_lua_call(L, calr_leiden(graph, &options, label, &quality, &communities));
    calr_lua_call(L, calr_labels_canonical(label, graph->rows, min_size, label, &clusters));
    lua_createtable(L, 0, 4);
    calr_lua_set_number(L, -1, "quality", quality);
    calr_lua_set_integer(L, -1, "communities", communities);
    calr_lua_set_integer(L, -1, "clusters", clusters);
    calr_lua_set_integer(L, -1, "edges", graph->nonzeros);
    return 2;
}

static const calr_lua_function functions[] = {
    {"leiden", cluster_leiden, "x, options"},
    {"components", cluster_components, "x, options"},
    {"components_of", cluster_components_of, "distance, options"},
    {NULL, NULL, NULL},
};

void calr_lua_add_graph(lua_State *L)
{
    calr_lua_add_functions(L, "calr.cluster.", functions);
}
