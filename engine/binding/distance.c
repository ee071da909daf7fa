/* Distances as Lua values: calr.cluster.jaccard, calr.cluster.distances and the methods of what they make. */
#include "binding/distance.h"

#include "binding/bind.h"
#include "binding/modules.h"

#include "neighbours/camera_jaccard.h"
#include "neighbours/jaccard.h"
#include "neighbours/pairwise.h"

#define DISTANCE "calr.distance"

const char *const calr_lua_metrics[] = {"cosine", "euclidean", NULL};

calr_csr **calr_lua_new_distance(lua_State *L)
{
    calr_csr **slot = lua_newuserdatauv(L, sizeof *slot, 0);
    *slot = NULL;
    luaL_setmetatable(L, DISTANCE);
    return slot;
}

static const calr_csr *test_distance(lua_State *L, int arg)
{
    calr_csr **slot = luaL_testudata(L, arg, DISTANCE);
    return slot ? calr_lua_hold(L, *slot) : NULL;
}

static const calr_csr *check_sparse(lua_State *L, int arg)
{
    calr_csr **slot = luaL_checkudata(L, arg, DISTANCE);
    luaL_argcheck(L, *slot, arg, "this distance was closed");
    return calr_lua_hold(L, *slot);
}

calr_distance calr_lua_check_distance(lua_State *L, int arg)
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

/// @module calr.cluster

/// calr.cluster.jaccard(x, {k1=30, k2=6, exact_reciprocal=false, within=1})
/// Computes the Jaccard distance of k-reciprocal neighbours (Zhong et al., CVPR 2017): small for images that
/// share neighbours, 1 for images that share none. Sparse: memory grows with
/// n * k1, not with n * n.
/// @param x   f32[n x d] features; compared by cosine, so rows may have any length
/// @param k1  neighbours considered for each row, itself included; at most all rows
/// @param k2  nearest rows to average a row's encoding over; at most k1, 1 for none
/// @param exact_reciprocal  true: k1 neighbours besides the row itself, as in the paper; false: as
///   in the field's code
/// @return distance
static int cluster_jaccard(lua_State *L)
{
    static const char *const names[] = {"k1", "k2", "exact_reciprocal", "within", NULL};
    calr_tensor *x = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[n x d]");
    calr_lua_check_options(L, 2, names);
    calr_jaccard_options options;
    options.k1 = calr_lua_option_integer(L, 2, "k1", 30, 1, INT32_MAX);
    options.k2 =
        calr_lua_option_integer(L, 2, "k2", options.k1 < 6 ? options.k1 : 6, 1, options.k1);
    options.exact_reciprocal = calr_lua_option_boolean(L, 2, "exact_reciprocal", 0);
    options.within = (float)calr_lua_option_number(L, 2, "within", 1, 1e-30, 1);
    calr_csr **slot = calr_lua_new_distance(L);
    calr_lua_call(L, calr_jaccard(calr_tensor_f32(x), x->shape[0], x->shape[1], &options, slot));
    calr_lua_account(L);
    return 1;
}

/// calr.cluster.camera_jaccard(x, cameras, {k1_intra=5, k1_inter=20, k2_intra=2, k2_inter=4})
/// Computes the camera-aware Jaccard distance (CA-Jaccard; Chen et al., CVPR 2024): searches neighbours in the image's
/// own camera and, separately, in all others, so that images of its own camera, which look alike, cannot fill the list.
/// Sparse like calr.cluster.jaccard, and can replace it anywhere. The authors' code uses one more neighbour in other
/// cameras (k1_inter + 1), and fills lists of cameras with too few images with others; here these lists end.
/// @param x         f32[n x d] features; compared by cosine, so rows may have any length
/// @param cameras   i32[n], from 0
/// @param k1_intra  neighbours in the image's own camera, besides the image itself
/// @param k1_inter  neighbours in other cameras
/// @param k2_intra  neighbours in its own camera to average an encoding over, itself first; 1 .. k1_intra + 1
/// @param k2_inter  and in the others; 0 .. k1_inter
/// @return distance
static int cluster_camera_jaccard(lua_State *L)
{
    static const char *const names[] = {"k1_intra", "k1_inter", "k2_intra", "k2_inter", NULL};
    calr_tensor *x = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[n x d]");
    calr_tensor *cameras = calr_lua_check_form(L, 2, CALR_I32, 1, "i32[n]");
    if (cameras->shape[0] != x->shape[0])
        luaL_argerror(L, 2,
                      lua_pushfstring(L, "%I cameras for %I images", (lua_Integer)cameras->shape[0],
                                      (lua_Integer)x->shape[0]));
    calr_lua_check_options(L, 3, names);
    calr_camera_jaccard_options o;
    o.k1_intra = calr_lua_option_integer(L, 3, "k1_intra", 5, 0, INT32_MAX - 1);
    o.k1_inter = calr_lua_option_integer(L, 3, "k1_inter", 20, 0, INT32_MAX - 1);
    o.k2_intra =
        calr_lua_option_integer(L, 3, "k2_intra", o.k1_intra < 1 ? 1 : 2, 1, o.k1_intra + 1);
    o.k2_inter =
        calr_lua_option_integer(L, 3, "k2_inter", o.k1_inter < 4 ? o.k1_inter : 4, 0, o.k1_inter);
    calr_csr **slot = calr_lua_new_distance(L);
    calr_lua_call(L, calr_camera_jaccard(calr_tensor_f32(x), calr_tensor_i32(cameras), x->shape[0],
                                         x->shape[1], &o, slot));
    calr_lua_account(L);
    return 1;
}

/// distance:size()
/// Returns the number of images. #distance is the same.
/// @return integer
static int distance_size(lua_State *L)
{
    lua_pushinteger(L, check_sparse(L, 1)->rows);
    return 1;
}

/// distance:nonzeros()
/// Returns the number of stored pairs, in both directions and with the diagonal; all others are at
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
/// Returns the distance between two images, by their positions from 1.
/// @return number
static int distance_get(lua_State *L)
{
    calr_distance distance = calr_distance_of_csr(check_sparse(L, 1));
    int64_t i = check_position(L, 2, distance.n), j = check_position(L, 3, distance.n);
    lua_pushnumber(L, calr_distance_get(&distance, i, j));
    return 1;
}

/// distance:dense()
/// Returns all distances as one tensor. Takes 4 n^2 bytes; nothing in calr.cluster needs it.
/// @return tensor  f32[n x n]
static int distance_dense(lua_State *L)
{
    calr_distance distance = calr_distance_of_csr(check_sparse(L, 1));
    int64_t shape[2] = {distance.n, distance.n};
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_F32, 2, shape, slot));
    calr_lua_call(L, calr_distance_fill(&distance, calr_tensor_f32(*slot)));
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

static void release_csr(void *csr)
{
    calr_csr_release(csr);
}

/* __gc and __close: may run twice. */
static int distance_release(lua_State *L)
{
    calr_csr **slot = luaL_checkudata(L, 1, DISTANCE), *csr = *slot;
    *slot = NULL;
    calr_lua_let_go(csr, release_csr);
    return 0;
}

calr_tensor *calr_lua_new_labels(lua_State *L, int64_t n)
{
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_I32, 1, &n, slot));
    return *slot;
}

/// calr.cluster.distances(x, {metric="cosine"})
/// Returns the distances of all pairs of rows, for functions that take any distance. 4 n^2 bytes: calr.cluster.jaccard
/// stays sparse. Exact: computed in double precision on the rows as given and rounded once, so whole numbers give whole
/// distances, whatever the other rows are. Symmetric bit by bit; equal rows are at distance 0.
/// @param x       f32[n x d]
/// @param metric  "cosine" (1 - cos, 0 .. 2; a row of zeros is at 1 from all) or "euclidean"
/// @return tensor  f32[n x n]
static int cluster_distances(lua_State *L)
{
    static const char *const names[] = {"metric", NULL};
    calr_tensor *x = calr_lua_check_form(L, 1, CALR_F32, 2, "f32[n x d]");
    calr_lua_check_options(L, 2, names);
    int metric = calr_lua_option_choice(L, 2, "metric", CALR_COSINE, calr_lua_metrics);
    int64_t n = x->shape[0], shape[2] = {n, n};
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_F32, 2, shape, slot));
    calr_lua_call(L, calr_pairwise_all(calr_tensor_f32(x), n, x->shape[1], (calr_metric)metric,
                                       calr_tensor_f32(*slot)));
    calr_lua_account(L);
    return 1;
}

static const calr_lua_function functions[] = {
    {"camera_jaccard", cluster_camera_jaccard, "x, cameras, options"},
    {"distances", cluster_distances, "x, options"},
    {"jaccard", cluster_jaccard, "x, options"},
    {NULL, NULL, NULL},
};

static const calr_lua_function distance_methods[] = {
    {"size", distance_size, "self"},
    {"nonzeros", distance_nonzeros, "self"},
    {"get", distance_get, "self, i, j"},
    {"dense", distance_dense, "self"},
    {NULL, NULL, NULL},
};

static const calr_lua_function distance_metamethods[] = {
    {"__len", distance_size, NULL},
    {"__tostring", distance_tostring, NULL},
    {"__gc", distance_release, NULL},
    {"__close", distance_release, NULL},
    {NULL, NULL, NULL},
};

void calr_lua_add_distance(lua_State *L)
{
    calr_lua_class(L, DISTANCE, "distance:", distance_methods, distance_metamethods);
    calr_lua_add_functions(L, "calr.cluster.", functions);
}
