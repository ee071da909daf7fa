/* calr.cluster.infomap. */
#include "binding/bind.h"
#include "binding/graph.h"
#include "binding/modules.h"

#include <float.h>
#include <stdbool.h>

#include "cluster/infomap/infomap.h"
#include "cluster/infomap/tree.h"
#include "labels/labels.h"

static void release_graph(void *graph)
{
    calr_csr_release(graph);
}

static void release_tree(void *tree)
{
    calr_infomap_tree_release(tree);
}

/* A new i32 tensor, rows x columns or (columns 0) of one dimension, on top of the stack. */
static int32_t *push_labels(lua_State *L, int64_t rows, int64_t columns)
{
    int64_t shape[] = {rows, columns};
    calr_tensor **labels = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_I32, columns ? 2 : 1, shape, labels));
    calr_lua_account(L);
    return calr_tensor_i32(*labels);
}

/* info.levels and info.tree. */
static void set_levels(lua_State *L, int info, const calr_infomap_tree *tree)
{
    int64_t n = tree->nodes, levels = tree->levels;
    const int32_t *finest = tree->labels + (levels - 1) * n;
    lua_createtable(L, (int)levels, 0);
    for (int64_t l = 0; l < levels; l++) {
        int32_t *labels = push_labels(L, n, 0);
        for (int64_t i = 0; i < n; i++)
            labels[i] = tree->labels[l * n + i];
        lua_rawseti(L, -2, l + 1);
    }
    lua_setfield(L, info, "levels");
    int32_t *paths = push_labels(L, tree->modules[levels - 1], levels);
    for (int64_t l = 0; l < levels; l++)
        for (int64_t i = 0; i < n; i++)
            if (finest[i] >= 0)
                paths[finest[i] * levels + l] = tree->labels[l * n + i];
    lua_setfield(L, info, "tree");
}

/* Labels of the level wanted (from 1; 0: the finest) and what info tells of the tree. */
static void find_tree(lua_State *L, int info, const calr_csr *graph,
                      const calr_infomap_options *options, int64_t level, int32_t *label,
                      calr_infomap_result *result)
{
    calr_infomap_tree **found = calr_lua_scratch(L, release_tree);
    calr_lua_call(L, calr_infomap_tree_new(graph, options, found));
    const calr_infomap_tree *tree = *found;
    int64_t taken = (level == 0 || level > tree->levels ? tree->levels : level) - 1;
    for (int64_t i = 0; i < tree->nodes; i++)
        label[i] = tree->labels[taken * tree->nodes + i];
    *result = (calr_infomap_result){.codelength = tree->codelength,
                                    .one_level = tree->one_level,
                                    .modules = tree->modules[taken]};
    set_levels(L, info, tree);
    lua_pop(L, 1);
}

/// @module calr.cluster

/// calr.cluster.infomap(x, {k=15, min_similarity=0.5, min_size=5, directed=true, seed=1, trials=1,
///   teleportation=0.15, levels="two", level=nil})
/// Clusters by Infomap (map equation; Rosvall and Bergstrom 2008) on the graph of nearest neighbours: an edge
/// i -> j of weight s for each neighbour j with cosine similarity s >= min_similarity. Images without an edge, and
/// clusters smaller than min_size, become outliers. If no edge is left, every label is -1 and info.edges is 0. The
/// same seed gives the same labels, for any number of threads.
///
/// With levels="many", modules may contain modules, in as many levels as shorten the code (hierarchical map equation;
/// Rosvall and Bergstrom 2011). The labels are those of the finest level, or of the one given by `level`.
///
/// x may be features, whose neighbours are found first, or the result of calr.cluster.knn: {indices=i32[n x k],
/// similarities=f32[n x k]}, where an index of -1 means no neighbour and the option k is ignored.
///
/// The second result holds: codelength, bits per step of the random walker; one_level, the same with everything in one
/// module; modules, the number found (at the level taken); clusters, the number kept; edges; and scores=f32[n], how
/// central an image is: the sum over its edges of 1/(d + mean d), d = 1 - similarity, with the mean over all neighbours
/// found, the image itself included; 0 without an edge.
///
/// For levels="many" it holds two more, regardless of min_size: levels, a list of i32[n], the
/// modules of each level, the coarsest first, -1 for an image without an edge; and tree=i32[modules
/// x levels], for each module of the finest level its module at each level, itself last. A
/// module that is not divided at a level appears again at the next, possibly with another number.
/// @param x               f32[n x d], one row an image; or a table of neighbours
/// @param k               neighbours of each row, the row itself included; at most all rows
/// @param min_similarity  0 or more; edges of similarity 0 are never kept
/// @param min_size        least number of images in a cluster
/// @param directed        false: an edge counts both ways, weights add up
/// @param seed            names the random order of the search
/// @param trials          number of searches; the shortest code counts
/// @param teleportation   share of steps at which the random walker jumps; directed only
/// @param levels          "two": modules and their images; "many": nested modules too
/// @param level           only with levels="many": 1, the coarsest, or more; at most the finest
/// @return labels  i32[n], from 0 in the order of first appearance, -1 for outliers
/// @return table  {codelength=, one_level=, modules=, clusters=, edges=, scores=, levels=, tree=}
static int cluster_infomap(lua_State *L)
{
    static const char *const names[] = {"k",      "min_similarity", "min_size", "directed", "seed",
                                        "trials", "teleportation",  "levels",   "level",    NULL};
    static const char *const depths[] = {"two", "many", NULL};
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
    bool many = calr_lua_option_choice(L, 2, "levels", 0, depths) == 1;
    int64_t level = calr_lua_option_integer(L, 2, "level", 0, 1, INT32_MAX);
    if (level && !many)
        luaL_error(
            L, "the option \"level\" needs levels=\"many\": with two levels there is one to take");
    calr_tensor *indices, *similarities;
    calr_lua_check_neighbours(L, 1, k, &indices, &similarities);
    int64_t n = indices->shape[0], clusters;

    int32_t *label = push_labels(L, n, 0);
    int labels_at = lua_gettop(L);
    lua_createtable(L, 0, 8);
    int info = lua_gettop(L);
    calr_tensor **scores = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_F32, 1, &n, scores));
    calr_lua_account(L);
    calr_csr **graph = calr_lua_scratch(L, release_graph);
    calr_infomap_result result;
    calr_lua_call(L, calr_infomap_graph(n, indices->shape[1], calr_tensor_i32(indices),
                                        calr_tensor_f32(similarities), min_similarity, graph,
                                        calr_tensor_f32(*scores)));
    if (many)
        find_tree(L, info, *graph, &options, level, label, &result);
    else
        calr_lua_call(L, calr_infomap(*graph, &options, label, &result));
    calr_lua_call(L, calr_labels_canonical(label, n, min_size, label, &clusters));
    calr_lua_set_number(L, info, "codelength", result.codelength);
    calr_lua_set_number(L, info, "one_level", result.one_level);
    calr_lua_set_integer(L, info, "modules", result.modules);
    calr_lua_set_integer(L, info, "clusters", clusters);
    calr_lua_set_integer(L, info, "edges", (*graph)->nonzeros);
    lua_pushvalue(L, info + 1);
    lua_setfield(L, info, "scores");
    lua_pushvalue(L, labels_at);
    lua_pushvalue(L, info);
    return 2;
}

static const calr_lua_function functions[] = {
    {"infomap", cluster_infomap, "x, options"},
    {NULL, NULL, NULL},
};

void calr_lua_add_infomap(lua_State *L)
{
    calr_lua_add_functions(L, "calr.cluster.", functions);
}
