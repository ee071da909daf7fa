/* calr.quality: how well clusters agree with true identities. */
#include "binding/bind.h"
#include "binding/modules.h"

#include "cluster/quality.h"

/// @module calr.quality
/// How well clusters agree with true identities.
///
/// Every function takes true_labels (i32 or i64 [n], any numbers) and labels (i32[n], clusters from 0 on, -1 for
/// an outlier). The option `outliers` says what an outlier counts as: "singletons" (default), a cluster of its
/// own, which costs recall and NMI and adds to the expansion; or "ignore", left out as if it were not in the data.
/// A method that throws away much looks better with "ignore": say which one a table uses.

static void release_quality(void *quality)
{
    calr_quality_release(quality);
}

/* The identities as i64, left on the stack. */
static const int64_t *check_truth(lua_State *L, int arg)
{
    calr_tensor *truth = calr_lua_check_tensor(L, arg);
    luaL_argcheck(L, (truth->dtype == CALR_I32 || truth->dtype == CALR_I64) && truth->ndim == 1,
                  arg, "true labels are i32[n] or i64[n]");
    calr_tensor **slot = calr_lua_new_tensor(L);
    if (truth->dtype == CALR_I64)
        calr_lua_call(L, calr_tensor_contiguous(truth, slot));
    else
        calr_lua_call(L, calr_tensor_cast(truth, CALR_I64, slot));
    return calr_tensor_i64(*slot);
}

/* Reads (true_labels, labels, options) and leaves the table of pairs, which belongs to the stack. */
static const calr_quality *check_quality(lua_State *L)
{
    static const char *const names[] = {"outliers", NULL};
    static const char *const choices[] = {"singletons", "ignore", NULL};
    lua_settop(L, 3);
    calr_tensor *labels = calr_lua_check_form(L, 2, CALR_I32, 1, "i32[n]");
    calr_lua_check_options(L, 3, names);
    int outliers = calr_lua_option_choice(L, 3, "outliers", CALR_OUTLIERS_SINGLETONS, choices);
    int64_t n = calr_tensor_numel(labels), given = calr_tensor_numel(calr_lua_check_tensor(L, 1));
    if (given != n)
        luaL_error(L, "%I true labels, but %I labels", (lua_Integer)given, (lua_Integer)n);
    const int64_t *truth = check_truth(L, 1);
    calr_quality **slot = calr_lua_scratch(L, release_quality);
    calr_lua_call(L, calr_quality_new(n, truth, calr_tensor_i32(labels),
                                      (calr_quality_outliers)outliers, slot));
    return *slot;
}

static int push_score(lua_State *L, calr_quality_score score)
{
    lua_createtable(L, 0, 3);
    lua_pushnumber(L, score.precision);
    lua_setfield(L, -2, "precision");
    lua_pushnumber(L, score.recall);
    lua_setfield(L, -2, "recall");
    lua_pushnumber(L, score.f);
    lua_setfield(L, -2, "f");
    return 1;
}

/// calr.quality.pairwise(true_labels, labels [, {outliers="singletons"}])
/// Over all pairs of items: precision is the share of the pairs in one cluster that are of one identity, recall the
/// share of the pairs of one identity that are in one cluster. 0 where there is no such pair.
/// @param true_labels  i32[n] or i64[n]
/// @param labels       i32[n], -1 for an outlier
/// @return table  {precision=, recall=, f=}, each 0 .. 1
static int quality_pairwise(lua_State *L)
{
    return push_score(L, calr_quality_pairwise(check_quality(L)));
}

/// calr.quality.bcubed(true_labels, labels [, {outliers="singletons"}])
/// B-cubed (Bagga and Baldwin 1998): the mean over items of the share of its cluster that is of its identity
/// (precision), and of the share of its identity that is in its cluster (recall).
/// @param true_labels  i32[n] or i64[n]
/// @param labels       i32[n], -1 for an outlier
/// @return table  {precision=, recall=, f=}, each 0 .. 1
static int quality_bcubed(lua_State *L)
{
    return push_score(L, calr_quality_bcubed(check_quality(L)));
}

/// calr.quality.nmi(true_labels, labels [, {outliers="singletons"}])
/// Normalised mutual information, divided by the arithmetic mean of the entropies as scikit-learn does.
/// @param true_labels  i32[n] or i64[n]
/// @param labels       i32[n], -1 for an outlier
/// @return number  0 .. 1
static int quality_nmi(lua_State *L)
{
    lua_pushnumber(L, calr_quality_nmi(check_quality(L)));
    return 1;
}

/// calr.quality.expansion(true_labels, labels [, {outliers="singletons"}])
/// The mean number of clusters over which one identity is spread: 1 is ideal.
/// @param true_labels  i32[n] or i64[n]
/// @param labels       i32[n], -1 for an outlier
/// @return number
static int quality_expansion(lua_State *L)
{
    lua_pushnumber(L, calr_quality_expansion(check_quality(L)));
    return 1;
}

static const luaL_Reg functions[] = {
    {"pairwise", quality_pairwise},
    {"bcubed", quality_bcubed},
    {"nmi", quality_nmi},
    {"expansion", quality_expansion},
    {NULL, NULL},
};

int luaopen_calr_quality(lua_State *L)
{
    luaL_newlib(L, functions);
    return 1;
}
