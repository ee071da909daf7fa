/* calr.labels: arithmetic on labels, for refinement rules. */
#include "binding/bind.h"
#include "binding/modules.h"

#include <math.h>

#include "base/rng.h"
#include "cluster/match.h"
#include "labels/labels.h"

/// @module calr.labels
///   The vocabulary of refinement rules: labels and masks of all images at once.
///
/// Labels are i32[n], 0-based, -1 for an outlier; cameras and local clusters are labels too. Masks
/// are u8[n] of 0 and 1. Row numbers are i64, 0-based, -1 for none.

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

/* An integer vector of any type, read as 64 bits. */
typedef struct integers {
    const calr_tensor *tensor;
    int64_t constant; /* where there is no tensor */
} integers;

static integers check_integers(lua_State *L, int arg, int allow_number)
{
    integers v = {NULL, 0};
    if (allow_number && lua_isinteger(L, arg)) {
        v.constant = lua_tointeger(L, arg);
        return v;
    }
    v.tensor = calr_lua_check_tensor(L, arg);
    luaL_argcheck(L,
                  v.tensor->ndim == 1 && v.tensor->dtype != CALR_F32 &&
                      calr_tensor_is_contiguous(v.tensor),
                  arg, "a vector of integers is needed: i32[n], i64[n] or u8[n]");
    return v;
}

static int64_t integer_at(const integers *v, int64_t i)
{
    if (!v->tensor)
        return v->constant;
    const void *data = calr_tensor_data(v->tensor);
    switch (v->tensor->dtype) {
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
    else if (t->dtype == CALR_I64)
        calr_tensor_i64(t)[i] = value;
    else
        calr_tensor_u8(t)[i] = (uint8_t)value;
}

/// calr.labels.take(values, rows)
/// Returns values[rows[i]] for every i, and -1 where rows[i] is -1: follows a pointer for all images at
/// once.
/// @param values  integers[m]
/// @param rows    integers[n], 0-based, -1 for none
/// @return tensor  [n] of the type of values (u8 values: i32)
static int labels_take(lua_State *L)
{
    integers values = check_integers(L, 1, 0), rows = check_integers(L, 2, 0);
    int64_t m = values.tensor->shape[0], n = rows.tensor->shape[0];
    calr_tensor *out =
        new_vector(L, values.tensor->dtype == CALR_U8 ? CALR_I32 : values.tensor->dtype, n);
    for (int64_t i = 0; i < n; i++) {
        int64_t row = integer_at(&rows, i);
        if (row < -1 || row >= m)
            luaL_argerror(L, 2,
                          lua_pushfstring(L, "row %I (item %I) is outside the %I values",
                                          (lua_Integer)row, (lua_Integer)(i + 1), (lua_Integer)m));
        set_integer(out, i, row < 0 ? -1 : integer_at(&values, row));
    }
    return 1;
}

/* Two vectors of one length, or a vector and a number. Returns the length. */
static int64_t check_two(lua_State *L, int first, integers *a, integers *b)
{
    *a = check_integers(L, first, 1);
    *b = check_integers(L, first + 1, 1);
    luaL_argcheck(L, a->tensor || b->tensor, first, "at least one must be a vector");
    if (a->tensor && b->tensor)
        check_length(L, first + 1, a->tensor, b->tensor);
    return a->tensor ? a->tensor->shape[0] : b->tensor->shape[0];
}

/// calr.labels.equal(a, b)
/// Mask of the items where two vectors of integers (or a vector and a number) agree. -1 agrees with
/// nothing: an outlier is like no other.
/// @return tensor  u8[n]
static int labels_equal(lua_State *L)
{
    integers a, b;
    int64_t n = check_two(L, 1, &a, &b);
    calr_tensor *out = new_vector(L, CALR_U8, n);
    for (int64_t i = 0; i < n; i++)
        calr_tensor_u8(out)[i] = integer_at(&a, i) == integer_at(&b, i) && integer_at(&a, i) != -1;
    return 1;
}

/// calr.labels.differ(a, b)
/// Mask of the items where both are known (not -1) and differ.
/// @return tensor  u8[n]
static int labels_differ(lua_State *L)
{
    integers a, b;
    int64_t n = check_two(L, 1, &a, &b);
    calr_tensor *out = new_vector(L, CALR_U8, n);
    for (int64_t i = 0; i < n; i++) {
        int64_t x = integer_at(&a, i), y = integer_at(&b, i);
        calr_tensor_u8(out)[i] = x != y && x != -1 && y != -1;
    }
    return 1;
}

/// calr.labels.at_least(values, number)
/// Mask of the items that are `number` or more.
/// @param values  a vector of integers, or f32[n]
/// @return tensor  u8[n]
static int labels_at_least(lua_State *L)
{
    calr_tensor *values = calr_lua_check_tensor(L, 1);
    double number = luaL_checknumber(L, 2);
    luaL_argcheck(L, values->ndim == 1, 1, "a vector is needed");
    calr_tensor *out = new_vector(L, CALR_U8, values->shape[0]);
    for (int64_t i = 0; i < values->shape[0]; i++) {
        double value;
        calr_lua_call(L, calr_tensor_get(values, &i, &value));
        calr_tensor_u8(out)[i] = value >= number;
    }
    return 1;
}

static calr_tensor *check_mask(lua_State *L, int arg)
{
    return calr_lua_check_form(L, arg, CALR_U8, 1, "u8[n]");
}

/// calr.labels.both(mask, mask, ...)
/// Mask of the items set in all masks.
/// @return tensor  u8[n]
static int labels_both(lua_State *L)
{
    calr_tensor *first = check_mask(L, 1);
    int masks = lua_gettop(L);
    for (int m = 2; m <= masks; m++)
        check_length(L, m, first, check_mask(L, m));
    calr_tensor *out = new_vector(L, CALR_U8, first->shape[0]);
    for (int64_t i = 0; i < first->shape[0]; i++) {
        int all = 1;
        for (int m = 1; m <= masks; m++)
            all = all && calr_tensor_u8(calr_lua_test_tensor(L, m))[i];
        calr_tensor_u8(out)[i] = (uint8_t)all;
    }
    return 1;
}

/// calr.labels.quantile(values, q [, mask])
/// Returns the value below which a share q of the values lies, interpolated between the two nearest as in NumPy: 0.5
/// is the median. A NaN is an error.
/// @param values  f32[n]
/// @param q       0 .. 1
/// @param mask    u8[n]: only these values; all where absent
/// @return number|nil  nil if there is no value
static int labels_quantile(lua_State *L)
{
    calr_tensor *values = calr_lua_check_form(L, 1, CALR_F32, 1, "f32[n]");
    double q = luaL_checknumber(L, 2), quantile;
    luaL_argcheck(L, q >= 0 && q <= 1, 2, "a quantile is given by a share, 0 to 1");
    calr_tensor *mask = lua_isnoneornil(L, 3) ? NULL : check_mask(L, 3);
    if (mask)
        check_length(L, 3, values, mask);
    calr_lua_call(L,
                  calr_labels_quantile(calr_tensor_f32(values), mask ? calr_tensor_u8(mask) : NULL,
                                       values->shape[0], q, &quantile));
    if (isnan(quantile))
        lua_pushnil(L);
    else
        lua_pushnumber(L, quantile);
    return 1;
}

/// calr.labels.invert(mask)
/// @return tensor  u8[n]
static int labels_invert(lua_State *L)
{
    calr_tensor *mask = check_mask(L, 1);
    calr_tensor *out = new_vector(L, CALR_U8, mask->shape[0]);
    for (int64_t i = 0; i < mask->shape[0]; i++)
        calr_tensor_u8(out)[i] = !calr_tensor_u8(mask)[i];
    return 1;
}

static int64_t mask_total(const calr_tensor *mask)
{
    int64_t total = 0;
    for (int64_t i = 0; i < mask->shape[0]; i++)
        total += calr_tensor_u8(mask)[i] != 0;
    return total;
}

/// calr.labels.total(mask)
/// @return integer  how many items are set
static int labels_total(lua_State *L)
{
    lua_pushinteger(L, mask_total(check_mask(L, 1)));
    return 1;
}

/// calr.labels.rows(mask)
/// Where a mask is set.
/// @return tensor  i64[m]: row numbers, ascending
static int labels_rows(lua_State *L)
{
    calr_tensor *mask = check_mask(L, 1);
    calr_tensor *rows = new_vector(L, CALR_I64, mask_total(mask));
    int64_t *next = calr_tensor_i64(rows);
    for (int64_t i = 0; i < mask->shape[0]; i++)
        if (calr_tensor_u8(mask)[i])
            *next++ = i;
    return 1;
}

/// calr.labels.put(labels, rows, values)
/// Sets labels[rows[i]] := values[i] in place: puts labels of a part among those of all.
/// @param labels  i32[n]
/// @param rows    i64[m], 0-based
/// @param values  i32[m]
/// @return tensor  the labels
static int labels_put(lua_State *L)
{
    calr_tensor *labels = check_labels(L, 1);
    calr_tensor *rows = calr_lua_check_form(L, 2, CALR_I64, 1, "i64[m]");
    calr_tensor *values = calr_lua_check_form(L, 3, CALR_I32, 1, "i32[m]");
    check_length(L, 3, rows, values);
    const int64_t *row = calr_tensor_i64(rows);
    for (int64_t i = 0; i < rows->shape[0]; i++)
        if (row[i] < 0 || row[i] >= labels->shape[0])
            luaL_argerror(L, 2,
                          lua_pushfstring(L, "row %I (item %I) is outside the %I labels",
                                          (lua_Integer)row[i], (lua_Integer)(i + 1),
                                          (lua_Integer)labels->shape[0]));
    for (int64_t i = 0; i < rows->shape[0]; i++)
        calr_tensor_i32(labels)[row[i]] = calr_tensor_i32(values)[i];
    calr_tensor_touch(labels);
    lua_settop(L, 1);
    return 1;
}

/// calr.labels.shift(labels, by)
/// Adds a number to all labels except outliers, so that clusters do not collide with others.
/// @return tensor  i32[n]
static int labels_shift(lua_State *L)
{
    calr_tensor *labels = check_labels(L, 1);
    lua_Integer by = luaL_checkinteger(L, 2);
    int64_t clusters = check_clusters(L, labels);
    luaL_argcheck(L, by >= 0 && by < (1 << 30) && clusters + by < (1 << 30), 2,
                  "0 to 2^30 clusters can be numbered");
    calr_tensor *out = new_vector(L, CALR_I32, labels->shape[0]);
    for (int64_t i = 0; i < labels->shape[0]; i++) {
        int32_t label = calr_tensor_i32(labels)[i];
        calr_tensor_i32(out)[i] = label < 0 ? label : label + (int32_t)by;
    }
    return 1;
}

/// calr.labels.where(mask, a, b)
/// a where the mask is set, b elsewhere; each a vector of labels or a number.
/// @return tensor  i32[n]
static int labels_where(lua_State *L)
{
    calr_tensor *mask = check_mask(L, 1);
    integers a = check_integers(L, 2, 1), b = check_integers(L, 3, 1);
    if (a.tensor)
        check_length(L, 2, mask, a.tensor);
    if (b.tensor)
        check_length(L, 3, mask, b.tensor);
    calr_tensor *out = new_vector(L, CALR_I32, mask->shape[0]);
    for (int64_t i = 0; i < mask->shape[0]; i++) {
        int64_t label = integer_at(calr_tensor_u8(mask)[i] ? &a : &b, i);
        if (label < INT32_MIN || label > INT32_MAX)
            luaL_error(L, "%I (item %I) is too large for a label", (lua_Integer)label,
                       (lua_Integer)(i + 1));
        calr_tensor_i32(out)[i] = (int32_t)label;
    }
    return 1;
}

/// calr.labels.chance(count, probability, {seed=0, epoch=0, purpose="chance"})
/// Makes a mask whose items are set with a probability, each by its own random number: item i of an
/// epoch does not depend on the others.
/// @return tensor  u8[count]
static int labels_chance(lua_State *L)
{
    static const char *const names[] = {"seed", "epoch", "purpose", NULL};
    int64_t count = luaL_checkinteger(L, 1);
    double probability = luaL_checknumber(L, 2);
    luaL_argcheck(L, probability >= 0 && probability <= 1, 2, "a probability is 0 to 1");
    calr_lua_check_options(L, 3, names);
    uint64_t seed = (uint64_t)calr_lua_option_integer(L, 3, "seed", 0, INT64_MIN, INT64_MAX);
    uint32_t epoch = (uint32_t)calr_lua_option_integer(L, 3, "epoch", 0, 0, UINT32_MAX);
    uint32_t purpose = calr_rng_purpose(calr_lua_option_string(L, 3, "purpose", "chance"));
    calr_tensor *out = new_vector(L, CALR_U8, count);
    for (int64_t i = 0; i < count; i++) {
        calr_rng rng = calr_rng_make(seed, purpose, epoch, (uint64_t)i);
        calr_tensor_u8(out)[i] = calr_rng_double(&rng) < probability;
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
    {"equal", labels_equal, "a, b"},
    {"differ", labels_differ, "a, b"},
    {"at_least", labels_at_least, "values, number"},
    {"both", labels_both, "mask, mask, ..."},
    {"invert", labels_invert, "mask"},
    {"total", labels_total, "mask"},
    {"rows", labels_rows, "mask"},
    {"put", labels_put, "labels, rows, values"},
    {"shift", labels_shift, "labels, by"},
    {"where", labels_where, "mask, a, b"},
    {"chance", labels_chance, "count, probability, options"},
    {"match", labels_match, "a, b"},
    {"align", labels_align, "before, after"},
    {"commonest", labels_commonest, "labels, groups"},
    {"neighbour_share", labels_neighbour_share, "labels, indices [, options]"},
    {"quantile", labels_quantile, "values, q [, mask]"},
    {NULL, NULL, NULL},
};

int luaopen_calr_labels(lua_State *L)
{
    calr_lua_new_module(L, "calr.labels.", functions);
    return 1;
}
