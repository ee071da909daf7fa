/* calr.cluster: neighbours, distances and clustering. infomap.c adds calr.cluster.infomap. */
#include "binding/bind.h"
#include "binding/modules.h"

#include <math.h>

#include "cluster/knn.h"

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

static const luaL_Reg functions[] = {
    {"knn", cluster_knn},
    {NULL, NULL},
};

int luaopen_calr_cluster(lua_State *L)
{
    luaL_newlib(L, functions);
    calr_lua_add_infomap(L);
    return 1;
}
