/* calr.bank: the kernels under calr.memory. */
#include "binding/bind.h"
#include "binding/modules.h"

#include "bank/cluster_memory.h"
#include "cluster/labels.h"

/// @module calr.bank
/// Memory banks: what calr.memory is made of, for memories of your own.

/* labels i32[n] at `arg`, one for each row of the features. */
static const int32_t *check_labels(lua_State *L, int arg, const calr_tensor *features,
                                   int64_t *clusters)
{
    calr_tensor *labels = calr_lua_check_form(L, arg, CALR_I32, 1, "i32[n]");
    if (labels->shape[0] != features->shape[0])
        luaL_argerror(L, arg,
                      lua_pushfstring(L, "%I labels for %I features", (lua_Integer)labels->shape[0],
                                      (lua_Integer)features->shape[0]));
    calr_lua_call(L, calr_labels_clusters(calr_tensor_i32(labels), labels->shape[0], clusters));
    return calr_tensor_i32(labels);
}

/// calr.bank.centroids(features, labels)
/// The L2-normalised mean of the features of each cluster; outliers (-1) do not count.
/// @param features  f32[n x d]
/// @param labels    i32[n]
/// @return tensor  f32[clusters x d]
static int bank_centroids(lua_State *L)
{
    calr_tensor *features = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[n x d]");
    int64_t clusters, n = features->shape[0], dim = features->shape[1];
    const int32_t *labels = check_labels(L, 2, features, &clusters);
    calr_tensor **memory = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_F32, 2, (int64_t[]){clusters, dim}, memory));
    calr_lua_call(L, calr_memory_centroids(calr_tensor_f32(features), labels, n, dim, clusters,
                                           calr_tensor_f32(*memory)));
    calr_lua_account(L);
    return 1;
}

/// calr.bank.update(memory, features, labels, {momentum=.1, update="mean"})
/// Moves a cluster memory in place towards the features of a batch and keeps its rows at length 1.
/// "mean": for every sample in order, M_y := normalise(m M_y + (1 - m) f). "hard": once for each
/// cluster, with its sample least similar to the memory (ClusterContrast, arXiv 2103.11568).
/// @param memory    f32[clusters x d]
/// @param features  f32[b x d], unit rows
/// @param labels    i32[b]
/// @return tensor  the memory
static int bank_update(lua_State *L)
{
    static const char *const names[] = {"momentum", "update", NULL};
    static const char *const updates[] = {"mean", "hard", NULL};
    calr_tensor *memory = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[clusters x d]");
    calr_tensor *features = calr_lua_check_form(L, 2, CALR_F32, 2, "f32[b x d]");
    luaL_argcheck(L, features->shape[1] == memory->shape[1], 2,
                  "features and memory differ in length");
    int64_t clusters;
    const int32_t *labels = check_labels(L, 3, features, &clusters);
    calr_lua_check_options(L, 4, names);
    double momentum = calr_lua_option_number(L, 4, "momentum", 0.1, 0, 1);
    int hard = calr_lua_option_choice(L, 4, "update", 0, updates);
    calr_status (*update)(float *, int64_t, int64_t, const float *, const int32_t *, int64_t,
                          double) = hard ? calr_memory_update_hard : calr_memory_update_mean;
    calr_tensor_touch(memory);
    calr_lua_call(L, update(calr_tensor_f32(memory), memory->shape[0], memory->shape[1],
                            calr_tensor_f32(features), labels, features->shape[0], momentum));
    lua_settop(L, 1);
    return 1;
}

static const luaL_Reg functions[] = {
    {"centroids", bank_centroids},
    {"update", bank_update},
    {NULL, NULL},
};

int luaopen_calr_bank(lua_State *L)
{
    luaL_newlib(L, functions);
    return 1;
}
