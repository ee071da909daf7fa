/* calr.labels: what refinement rules know of labels. */
#include "binding/bind.h"
#include "binding/modules.h"

#include "cluster/match.h"
#include "labels/labels.h"

/// @module calr.labels
///   What refinement rules know of labels, of all images at once. The rest is the vocabulary of
/// tensors (calr.tensor): labels:ge(0) is the mask of the images that are in a cluster.
///
/// Labels are i32[n], from 0, -1 for an outlier; cameras and local clusters are labels too. Row numbers
/// are i64, from 0, -1 for none.

static calr_tensor *check_labels(lua_State *L, int arg)
{
    return calr_lua_check_form(L, arg, CALR_I32, 1, "i32[n]");
}

static int64_t check_clusters(lua_State *L, const calr_tensor *labels)
{
    int64_t clusters;
    calr_lua_call(L, calr_labels_clusters(calr_tensor_i32(labels), labels->shape[0], &clusters));
    return clusters;
}

static void check_length(lua_State *L, int arg, const calr_tensor *a, const calr_tensor *b)
{
    if (a->shape[0] != b->shape[0])
        luaL_argerror(L, arg,
                      lua_pushfstring(L, "it has %I items, the first %I", (lua_Integer)b->shape[0],
                                      (lua_Integer)a->shape[0]));
}

static calr_tensor *fill_slot(lua_State *L, calr_tensor **slot, calr_dtype dtype, int64_t count)
{
    calr_lua_call(L, calr_tensor_new(dtype, 1, &count, slot));
    return *slot;
}

static calr_tensor *new_vector(lua_State *L, calr_dtype dtype, int64_t count)
{
    return fill_slot(L, calr_lua_new_tensor(L), dtype, count);
}

/* A vector with an item for each cluster. The slot is made before the labels are looked at: making it may run a
 * finalizer of the script, which may change them. */
static calr_tensor *new_for_clusters(lua_State *L, calr_dtype dtype, const calr_tensor *labels,
                                     int64_t *clusters)
{
    calr_tensor **slot = calr_lua_new_tensor(L);
    *clusters = check_clusters(L, labels);
    return fill_slot(L, slot, dtype, *clusters);
}

/// calr.labels.clusters(labels)
/// @return integer  the largest label + 1
static int labels_clusters(lua_State *L)
{
    lua_pushinteger(L, check_clusters(L, check_labels(L, 1)));
    return 1;
}

/// calr.labels.canonical(labels, {min_size=1})
/// Numbers clusters by first appearance; clusters of fewer than min_size images become outliers.
/// @return tensor   i32[n]
/// @return integer  clusters left
static int labels_canonical(lua_State *L)
{
    static const char *const names[] = {"min_size", NULL};
    calr_tensor *labels = check_labels(L, 1);
    calr_lua_check_options(L, 2, names);
    int64_t min_size = calr_lua_option_integer(L, 2, "min_size", 1, 1, INT64_MAX), clusters;
    calr_tensor *out = new_vector(L, CALR_I32, labels->shape[0]);
    calr_lua_call(L, calr_labels_canonical(calr_tensor_i32(labels), labels->shape[0], min_size,
                                           calr_tensor_i32(out), &clusters));
    lua_pushinteger(L, clusters);
    return 2;
}

/// calr.labels.pair(a, b)
/// Makes one label for each pair (a, b) that occurs, such as cluster and camera; -1 where either is -1.
/// @return tensor   i32[n]
/// @return integer  the number of pairs
static int labels_pair(lua_State *L)
{
    calr_tensor *a = check_labels(L, 1), *b = check_labels(L, 2);
    check_length(L, 2, a, b);
    int64_t pairs;
    calr_tensor *out = new_vector(L, CALR_I32, a->shape[0]);
    calr_lua_call(L, calr_labels_pair(calr_tensor_i32(a), calr_tensor_i32(b), a->shape[0],
                                      calr_tensor_i32(out), &pairs));
    lua_pushinteger(L, pairs);
    return 2;
}

/// calr.labels.match(a, b)
/// Matches the clusters of two labellings one to one so that as many images as possible lie in matched clusters
/// (Hungarian method; exact). Images that are outliers in one of them do not count.
/// @param a  i32[n]
/// @param b  i32[n]
/// @return tensor   i32[clusters of a]: the cluster of b that goes with each, -1 for none
/// @return integer  images in matched clusters
static int labels_match(lua_State *L)
{
    calr_tensor *a = check_labels(L, 1), *b = check_labels(L, 2);
    check_length(L, 2, a, b);
    int64_t agreed;
    calr_tensor *partner = new_vector(L, CALR_I32, check_clusters(L, a));
    calr_lua_call(L, calr_labels_match(calr_tensor_i32(a), calr_tensor_i32(b), a->shape[0],
                                       calr_tensor_i32(partner), &agreed));
    lua_pushinteger(L, agreed);
    return 2;
}

/// calr.labels.align(before, after)
/// Renumbers `after` like `before`: a matched cluster (calr.labels.match) keeps its number, the others get numbers
/// past those of `before`. For pictures and tables in which a cluster keeps its name over epochs.
/// @param before  i32[n]
/// @param after   i32[n]
/// @return tensor   i32[n]
/// @return integer  the largest label + 1
static int labels_align(lua_State *L)
{
    calr_tensor *before = check_labels(L, 1), *after = check_labels(L, 2);
    check_length(L, 2, before, after);
    int64_t clusters;
    calr_tensor *out = new_vector(L, CALR_I32, after->shape[0]);
    calr_lua_call(L, calr_labels_align(calr_tensor_i32(before), calr_tensor_i32(after),
                                       after->shape[0], calr_tensor_i32(out), &clusters));
    lua_pushinteger(L, clusters);
    return 2;
}

/// calr.labels.count(labels)
/// The number of images of each cluster.
/// @return tensor  i64[clusters]
static int labels_count(lua_State *L)
{
    calr_tensor *labels = check_labels(L, 1);
    int64_t clusters;
    calr_tensor *counts = new_for_clusters(L, CALR_I64, labels, &clusters);
    calr_labels_count(calr_tensor_i32(labels), labels->shape[0], clusters, calr_tensor_i64(counts));
    return 1;
}

/// calr.labels.argmax(labels, scores)
/// Returns, for each cluster, the row of its member with the highest score (the first of equals).
/// @param scores  f32[n]
/// @return tensor  i64[clusters], -1 for an empty cluster
static int labels_argmax(lua_State *L)
{
    calr_tensor *labels = check_labels(L, 1);
    calr_tensor *scores = calr_lua_check_form(L, 2, CALR_F32, 1, "f32[n]");
    check_length(L, 2, labels, scores);
    int64_t clusters;
    calr_tensor *rows = new_for_clusters(L, CALR_I64, labels, &clusters);
    calr_labels_argmax(calr_tensor_i32(labels), calr_tensor_f32(scores), labels->shape[0], clusters,
                       calr_tensor_i64(rows));
    return 1;
}

/// calr.labels.last_above(labels, scores, threshold)
/// Returns, for each cluster, the last member in row order whose score exceeds the threshold.
/// @return tensor  i64[clusters], -1 where none does
static int labels_last_above(lua_State *L)
{
    calr_tensor *labels = check_labels(L, 1);
    calr_tensor *scores = calr_lua_check_form(L, 2, CALR_F32, 1, "f32[n]");
    check_length(L, 2, labels, scores);
    double threshold = luaL_checknumber(L, 3);
    int64_t clusters;
    calr_tensor *rows = new_for_clusters(L, CALR_I64, labels, &clusters);
    calr_labels_last_above(calr_tensor_i32(labels), calr_tensor_f32(scores), labels->shape[0],
                           threshold, clusters, calr_tensor_i64(rows));
    return 1;
}

/// calr.labels.entropy(labels, groups)
/// Returns, for each cluster, the entropy (natural logarithm) of its members' distribution over the groups.
/// @param groups  i32[n], such as the cameras
/// @return tensor  f32[clusters]
static int labels_entropy(lua_State *L)
{
    calr_tensor *labels = check_labels(L, 1), *groups = check_labels(L, 2);
    check_length(L, 2, labels, groups);
    int64_t clusters;
    calr_tensor *entropy = new_for_clusters(L, CALR_F32, labels, &clusters);
    calr_lua_call(L, calr_labels_entropy(calr_tensor_i32(labels), calr_tensor_i32(groups),
                                         labels->shape[0], clusters, calr_tensor_f32(entropy)));
    return 1;
}

/// calr.labels.commonest(labels, groups)
/// Returns, for each cluster, the group of most of its members: the dominant local cluster, camera or identity. Of
/// equally common groups the first counts; members of group -1 do not count.
/// @param groups  i32[n], such as the local clusters
/// @return tensor  i32[clusters], -1 for a cluster without a group
static int labels_commonest(lua_State *L)
{
    calr_tensor *labels = check_labels(L, 1), *groups = check_labels(L, 2);
    check_length(L, 2, labels, groups);
    int64_t clusters;
    calr_tensor *commonest = new_for_clusters(L, CALR_I32, labels, &clusters);
    calr_lua_call(L, calr_labels_commonest(calr_tensor_i32(labels), calr_tensor_i32(groups),
                                           labels->shape[0], clusters, calr_tensor_i32(commonest)));
    return 1;
}

/// calr.labels.neighbour_share(labels, indices [, {count=nil}])
/// Returns, for each image, the share of its nearest neighbours in its cluster, not counting the image itself. 0 for
/// an outlier; an outlier among the neighbours is in no cluster.
/// @param indices  i32[n x k], as from calr.cluster.knn; -1 for no neighbour
/// @param count    use only the first `count` entries of each list, including the image itself if it is first;
///   default: all
/// @return tensor  f32[n], 0 .. 1
static int labels_neighbour_share(lua_State *L)
{
    static const char *const names[] = {"count", NULL};
    calr_lua_check_options(L, 3, names);
    int64_t count = calr_lua_option_integer(L, 3, "count", INT64_MAX, 1, INT64_MAX);
    calr_tensor *labels = check_labels(L, 1);
    calr_tensor *indices = calr_lua_check_form(L, 2, CALR_I32, 2, "i32[n x k]");
    check_length(L, 2, labels, indices);
    check_clusters(L, labels);
    calr_tensor *share = new_vector(L, CALR_F32, labels->shape[0]);
    calr_lua_call(L, calr_labels_neighbour_share(calr_tensor_i32(labels), labels->shape[0],
                                                 calr_tensor_i32(indices), indices->shape[1], count,
                                                 calr_tensor_f32(share)));
    return 1;
}

/* A vector of integers of any type. */
static const calr_tensor *check_integers(lua_State *L, int arg)
{
    const calr_tensor *t = calr_lua_check_tensor(L, arg);
    luaL_argcheck(L,
                  t->ndim == 1 && calr_tensor_is_contiguous(t) &&
                      (t->dtype == CALR_I32 || t->dtype == CALR_I64 || t->dtype == CALR_U8),
                  arg, "a vector of integers is needed: i32[n], i64[n] or u8[n]");
    return t;
}

static int64_t integer_at(const calr_tensor *t, int64_t i)
{
    const void *data = calr_tensor_data(t);
    switch (t->dtype) {
    case CALR_I32:
        return ((const int32_t *)data)[i];
    case CALR_I64:
        return ((const int64_t *)data)[i];
    default:
        return ((const uint8_t *)data)[i];
    }
}

static void set_integer(calr_tensor *t, int64_t i, int64_t value)
{
    if (t->dtype == CALR_I32)
        calr_tensor_i32(t)[i] = (int32_t)value;
    else
        calr_tensor_i64(t)[i] = value;
}

/// calr.labels.take(values, rows)
/// Returns values[rows[i]] for every i, and -1 where rows[i] is -1: follows a pointer for all images at
/// once. Without -1 among the rows it is values:index_select(1, rows).
/// @param values  integers[m]
/// @param rows    integers[n], 0-based, -1 for none
/// @return tensor  [n] of the type of values (u8 values: i32)
static int labels_take(lua_State *L)
{
    const calr_tensor *values = check_integers(L, 1), *rows = check_integers(L, 2);
    int64_t m = values->shape[0], n = rows->shape[0];
    calr_tensor *out = new_vector(L, values->dtype == CALR_U8 ? CALR_I32 : values->dtype, n);
    for (int64_t i = 0; i < n; i++) {
        int64_t row = integer_at(rows, i);
        if (row < -1 || row >= m)
            luaL_argerror(L, 2,
                          lua_pushfstring(L, "row %I (item %I) is outside the %I values",
                                          (lua_Integer)row, (lua_Integer)(i + 1), (lua_Integer)m));
        set_integer(out, i, row < 0 ? -1 : integer_at(values, row));
    }
    return 1;
}

static const calr_lua_function functions[] = {
    {"clusters", labels_clusters, "labels"},
    {"canonical", labels_canonical, "labels, options"},
    {"pair", labels_pair, "a, b"},
    {"count", labels_count, "labels"},
    {"argmax", labels_argmax, "labels, scores"},
    {"last_above", labels_last_above, "labels, scores, threshold"},
    {"entropy", labels_entropy, "labels, groups"},
    {"take", labels_take, "values, rows"},
    {"match", labels_match, "a, b"},
    {"align", labels_align, "before, after"},
    {"commonest", labels_commonest, "labels, groups"},
    {"neighbour_share", labels_neighbour_share, "labels, indices [, options]"},
    {NULL, NULL, NULL},
};

/* A field that is not there: a name of calr 0.1, which a file in Lua knows, or an error. */
static int labels_former(lua_State *L)
{
    lua_settop(L, 2);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "calr.labels.former");
    lua_call(L, 1, 1);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, -2) != LUA_TNIL)
        return 1;
    return calr_lua_absent_name(L);
}

int luaopen_calr_labels(lua_State *L)
{
    calr_lua_new_module(L, "calr.labels.", functions);
    lua_getmetatable(L, -1);
    lua_pushliteral(L, "calr.labels");
    lua_pushcclosure(L, labels_former, 1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    return 1;
}
