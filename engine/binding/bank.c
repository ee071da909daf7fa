/* calr.bank: the kernels under calr.memory. */
#include "binding/bind.h"
#include "binding/modules.h"

#include "bank/cluster_memory.h"
#include "bank/instance_memory.h"
#include "bank/proxies.h"
#include "labels/labels.h"

/// @module calr.bank
/// Memory banks: the parts of calr.memory, for your own memories.

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
/// Returns the L2-normalised mean of the features of each cluster; outliers (-1) do not count.
/// @param features  f32[n x d]
/// @param labels    i32[n]
/// @return tensor  f32[clusters x d]
static int bank_centroids(lua_State *L)
{
    calr_tensor *features = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[n x d]");
    int64_t clusters, n = features->shape[0], dim = features->shape[1];
    calr_tensor **memory =
        calr_lua_new_tensor(L); /* first: it may run a finalizer that changes labels */
    const int32_t *labels = check_labels(L, 2, features, &clusters);
    calr_lua_call(L, calr_tensor_new(CALR_F32, 2, (int64_t[]){clusters, dim}, memory));
    calr_lua_call(L, calr_bank_centroids(calr_tensor_f32(features), labels, n, dim, clusters,
                                         calr_tensor_f32(*memory)));
    calr_lua_account(L);
    return 1;
}

/// calr.bank.update(memory, features, labels, {momentum=.1, update="mean"})
/// Moves a cluster memory in place towards the features of a batch and keeps its rows at length 1.
/// "mean": for every sample in order, M_y := normalise(m M_y + (1 - m) f). "hard": once for each
/// cluster, with its sample least similar to the memory (both ClusterContrast, arXiv 2103.11568).
/// "average": once for each cluster, with the mean of its samples.
/// @param memory    f32[clusters x d]
/// @param features  f32[b x d], unit rows
/// @param labels    i32[b]
/// @return tensor  the memory
static int bank_update(lua_State *L)
{
    static const char *const names[] = {"momentum", "update", NULL};
    static const char *const updates[] = {"mean", "hard", "average", NULL};
    static calr_status (*const kernels[])(float *, int64_t, int64_t, const float *, const int32_t *,
                                          int64_t, double) = {
        calr_bank_update_mean, calr_bank_update_hard, calr_bank_update_average};
    calr_tensor *memory = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[clusters x d]");
    calr_tensor *features = calr_lua_check_form(L, 2, CALR_F32, 2, "f32[b x d]");
    luaL_argcheck(L, features->shape[1] == memory->shape[1], 2,
                  "features and memory differ in length");
    calr_lua_check_options(L, 4, names);
    double momentum = calr_lua_option_number(L, 4, "momentum", 0.1, 0, 1);
    int kind = calr_lua_option_choice(L, 4, "update", 0, updates);
    int64_t clusters;
    const int32_t *labels = check_labels(L, 3, features, &clusters);
    calr_tensor_touch(memory);
    calr_lua_call(L,
                  kernels[kind](calr_tensor_f32(memory), memory->shape[0], memory->shape[1],
                                calr_tensor_f32(features), labels, features->shape[0], momentum));
    lua_settop(L, 1);
    return 1;
}

/* ---- instances ---- */

/// calr.bank.means(vectors, classes)
/// The means of the vectors of each class, not normalised.
/// @param vectors  f32[n x d]
/// @param classes  i32[n], from 0
/// @return tensor  f32[classes x d]
/// @return tensor  i64[classes]: how many vectors each has
static int bank_means(lua_State *L)
{
    calr_tensor *vectors = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[n x d]");
    int64_t classes, n = vectors->shape[0], dim = vectors->shape[1];
    calr_tensor **means = calr_lua_new_tensor(L), **counts = calr_lua_new_tensor(L);
    const int32_t *class_of = check_labels(L, 2, vectors, &classes);
    calr_lua_call(L, calr_tensor_new(CALR_F32, 2, (int64_t[]){classes, dim}, means));
    calr_lua_call(L, calr_tensor_new(CALR_I64, 1, &classes, counts));
    calr_lua_call(L, calr_bank_means(calr_tensor_f32(vectors), class_of, n, dim, classes,
                                     calr_tensor_f32(*means), calr_tensor_i64(*counts)));
    calr_lua_account(L);
    return 2;
}

/// calr.bank.update_instances(vectors, classes, means, counts, features, rows [, {momentum=.2}])
/// Moves vectors of an instance memory in place: for every sample in order, r := normalise(m r + (1 - m) f), and the
/// mean of its class with it (SpCL, Ge et al. 2020).
/// @param vectors   f32[n x d]
/// @param classes   i32[n]
/// @param means     f32[classes x d], and
/// @param counts    i64[classes], of calr.bank.means
/// @param features  f32[b x d], unit rows
/// @param rows      i64[b], from 0: the images of the features
/// @return tensor  the vectors
static int bank_update_instances(lua_State *L)
{
    static const char *const names[] = {"momentum", NULL};
    calr_lua_check_options(L, 7, names);
    double momentum = calr_lua_option_number(L, 7, "momentum", 0.2, 0, 1);
    calr_tensor *vectors = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[n x d]");
    int64_t classes, dim = vectors->shape[1];
    const int32_t *class_of = check_labels(L, 2, vectors, &classes);
    calr_tensor *means = calr_lua_check_form(L, 3, CALR_F32, 2, "f32[classes x d]");
    calr_tensor *counts = calr_lua_check_form(L, 4, CALR_I64, 1, "i64[classes]");
    calr_tensor *features = calr_lua_check_form(L, 5, CALR_F32, 2, "f32[b x d]");
    calr_tensor *rows = calr_lua_check_form(L, 6, CALR_I64, 1, "i64[b]");
    luaL_argcheck(L, means->shape[0] >= classes && means->shape[1] == dim, 3,
                  "there must be a mean of the same length for each class");
    luaL_argcheck(L, counts->shape[0] == means->shape[0], 4, "there must be a count for each mean");
    luaL_argcheck(L, features->shape[1] == dim, 5, "features and memory differ in length");
    luaL_argcheck(L, rows->shape[0] == features->shape[0], 6,
                  "there must be a row for each feature");
    for (int64_t i = 0; i < vectors->shape[0]; i++)
        luaL_argcheck(L, class_of[i] >= 0, 2, "every vector must be of a class");
    calr_tensor_touch(vectors);
    calr_tensor_touch(means);
    calr_lua_call(L, calr_bank_update_instances(calr_tensor_f32(vectors), vectors->shape[0], dim,
                                                class_of, calr_tensor_i64(counts),
                                                calr_tensor_f32(means), calr_tensor_f32(features),
                                                calr_tensor_i64(rows), rows->shape[0], momentum));
    lua_settop(L, 1);
    return 1;
}

/* ---- camera proxies ---- */

/// calr.bank.own_proxies(clusters, cameras, own_clusters, own_cameras)
/// Returns the camera proxy of each sample of a batch. A sample without one is an error that names it.
/// @param clusters      i32[p], of each proxy
/// @param cameras       i32[p]
/// @param own_clusters  i32[b], of each sample
/// @param own_cameras   i32[b]
/// @return tensor  i32[b], from 0
static int bank_own_proxies(lua_State *L)
{
    calr_tensor *clusters = calr_lua_check_form(L, 1, CALR_I32, 1, "i32[p]");
    calr_tensor *cameras = calr_lua_check_form(L, 2, CALR_I32, 1, "i32[p]");
    calr_tensor *own_clusters = calr_lua_check_form(L, 3, CALR_I32, 1, "i32[b]");
    calr_tensor *own_cameras = calr_lua_check_form(L, 4, CALR_I32, 1, "i32[b]");
    int64_t batch = own_clusters->shape[0];
    luaL_argcheck(L, cameras->shape[0] == clusters->shape[0], 2,
                  "every proxy has a cluster and a camera");
    if (own_cameras->shape[0] != batch)
        luaL_argerror(L, 4,
                      lua_pushfstring(L, "%I cameras for %I labels",
                                      (lua_Integer)own_cameras->shape[0], (lua_Integer)batch));
    calr_tensor **own = calr_lua_new_tensor(L);
    calr_proxies proxies = {clusters->shape[0], calr_tensor_i32(clusters), calr_tensor_i32(cameras),
                            0};
    calr_lua_call(L, calr_tensor_new(CALR_I32, 1, &batch, own));
    calr_lua_call(L, calr_bank_proxies_own(&proxies, calr_tensor_i32(own_clusters),
                                           calr_tensor_i32(own_cameras), batch,
                                           calr_tensor_i32(*own)));
    return 1;
}

/// calr.bank.proxies(term, clusters, cameras, own [, {scores=, affinity=, positives=3, negatives=50, balance=.15,
///   weights=}])
/// Selects the camera proxies to contrast a batch with (CAP and O2CAP, Wang et al. 2021, 2022): the
/// loss of a term is -sum(target * log_softmax(logits + mask)). Targets of a sample are divided by
/// the samples of its camera in the batch.
/// @param term      "intra": a sample's proxy against those of its camera; "offline": all proxies of its cluster
///   against the highest others; "online": the best proxies of the best cameras against the highest others
/// @param clusters  i32[p], of each proxy
/// @param cameras   i32[p]
/// @param own       i32[b]: the proxy of each sample, from 0
/// @param scores    f32[b x p]: inner products of samples and proxies; for offline and online
/// @param affinity  f32[b x p]: inner products of the samples' own proxies and all proxies; for online
/// @param positives  proxies of different cameras that count as the same person; online
/// @param negatives  number of other proxies; offline and online
/// @param balance    weight of the scores in the choice; the rest is that of the affinity; online
/// @param weights    f32[b], 0 or more: of the samples, in the means over those of a camera
/// @return tensor  mask f32[b x p]: 0, or -1e30 for excluded proxies
/// @return tensor  target f32[b x p]
static int bank_proxies(lua_State *L)
{
    static const char *const terms[] = {"intra", "offline", "online", NULL};
    static const char *const names[] = {"scores",  "affinity", "positives", "negatives",
                                        "balance", "weights",  NULL};
    int term = luaL_checkoption(L, 1, NULL, terms);
    calr_lua_check_options(L, 5, names);
    calr_tensor *clusters = calr_lua_check_form(L, 2, CALR_I32, 1, "i32[p]");
    calr_tensor *cameras = calr_lua_check_form(L, 3, CALR_I32, 1, "i32[p]");
    calr_tensor *own = calr_lua_check_form(L, 4, CALR_I32, 1, "i32[b]");
    calr_tensor *scores =
        calr_lua_option_form(L, 5, "scores", term != 0, CALR_F32, 2, "f32[b x p]");
    calr_tensor *affinity =
        calr_lua_option_form(L, 5, "affinity", term == 2, CALR_F32, 2, "f32[b x p]");
    int64_t positives = calr_lua_option_integer(L, 5, "positives", 3, 1, INT64_MAX);
    int64_t negatives = calr_lua_option_integer(L, 5, "negatives", 50, 0, INT64_MAX);
    double balance = calr_lua_option_number(L, 5, "balance", 0.15, 0, 1);
    calr_tensor *weights = calr_lua_option_form(L, 5, "weights", 0, CALR_F32, 1, "f32[b]");
    if (weights && weights->shape[0] != own->shape[0])
        luaL_argerror(L, 5, "weights are f32[b], one for each sample");
    calr_tensor **mask = calr_lua_new_tensor(L), **target = calr_lua_new_tensor(L);
    calr_proxies proxies = {clusters->shape[0], calr_tensor_i32(clusters), calr_tensor_i32(cameras),
                            0};
    luaL_argcheck(L, cameras->shape[0] == proxies.count, 3,
                  "every proxy has a cluster and a camera");
    calr_lua_call(L, calr_labels_clusters(proxies.camera, proxies.count, &proxies.cameras));
    for (int64_t p = 0; p < proxies.count; p++)
        luaL_argcheck(L, proxies.camera[p] >= 0, 3, "cameras of proxies are 0 or more");
    int64_t shape[2] = {own->shape[0], proxies.count};
    calr_tensor *tables[2] = {scores, affinity};
    for (int t = 0; t < 2; t++)
        if (tables[t] && (tables[t]->shape[0] != shape[0] || tables[t]->shape[1] != shape[1]))
            luaL_argerror(L, 5, "scores and affinity are f32[b x p], a row for each sample");
    calr_lua_call(L, calr_tensor_new(CALR_F32, 2, shape, mask));
    calr_lua_call(L, calr_tensor_new(CALR_F32, 2, shape, target));
    float *out = calr_tensor_f32(*mask), *to = calr_tensor_f32(*target);
    const int32_t *of = calr_tensor_i32(own);
    if (term == 0)
        calr_lua_call(L, calr_bank_proxies_intra(&proxies, of, shape[0], out, to));
    else if (term == 1)
        calr_lua_call(L, calr_bank_proxies_offline(&proxies, of, calr_tensor_f32(scores), shape[0],
                                                   negatives, out, to));
    else
        calr_lua_call(L, calr_bank_proxies_online(&proxies, of, calr_tensor_f32(scores),
                                                  calr_tensor_f32(affinity), shape[0], balance,
                                                  positives, negatives, out, to));
    if (weights)
        calr_lua_call(
            L, calr_bank_proxies_weigh(&proxies, of, calr_tensor_f32(weights), shape[0], to));
    return 2;
}

static const calr_lua_function functions[] = {
    {"centroids", bank_centroids, "features, labels"},
    {"means", bank_means, "vectors, classes"},
    {"own_proxies", bank_own_proxies, "clusters, cameras, own_clusters, own_cameras"},
    {"proxies", bank_proxies, "term, clusters, cameras, own [, options]"},
    {"update", bank_update, "memory, features, labels, options"},
    {"update_instances", bank_update_instances,
     "vectors, classes, means, counts, features, rows [, options]"},
    {NULL, NULL, NULL},
};

int luaopen_calr_bank(lua_State *L)
{
    calr_lua_new_module(L, "calr.bank.", functions);
    return 1;
}
