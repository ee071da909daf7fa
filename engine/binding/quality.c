/* calr.quality: how well clusters agree with true identities. */
#include "binding/bind.h"
#include "binding/modules.h"

#include "cluster/match.h"
#include "cluster/quality.h"
#include "labels/labels.h"

/// @module calr.quality
///   Measures how well clusters agree with true identities.
///
/// Every function takes true_labels (i32 or i64 [n], any numbers) and labels (i32[n], clusters from 0, -1 for an
/// outlier). The option `outliers` says how an outlier counts: "singletons" (default), as a cluster of one, which costs
/// recall and NMI and raises the expansion; or "ignore", left out as if it were not in the data. A method that discards
/// many images looks better with "ignore": say which one a table uses.

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
    return calr_lua_push_i64(L, truth);
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
    calr_lua_set_number(L, -1, "precision", score.precision);
    calr_lua_set_number(L, -1, "recall", score.recall);
    calr_lua_set_number(L, -1, "f", score.f);
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
/// Normalised mutual information (Strehl and Ghosh, JMLR 2002), divided by the arithmetic mean of the entropies as
/// scikit-learn does.
/// @param true_labels  i32[n] or i64[n]
/// @param labels       i32[n], -1 for an outlier
/// @return number  0 .. 1
static int quality_nmi(lua_State *L)
{
    lua_pushnumber(L, calr_quality_nmi(check_quality(L)));
    return 1;
}

/// calr.quality.ami(true_labels, labels [, {outliers="singletons"}])
/// Adjusted mutual information (Vinh, Epps, Bailey, JMLR 2010): NMI minus its chance value for clusters of these sizes.
/// About 0 for random labels, where NMI grows with the number of clusters.
/// @param true_labels  i32[n] or i64[n]
/// @param labels       i32[n], -1 for an outlier
/// @return number  1 at most; may be below 0
static int quality_ami(lua_State *L)
{
    double ami;
    calr_lua_call(L, calr_quality_ami(check_quality(L), &ami));
    lua_pushnumber(L, ami);
    return 1;
}

/// calr.quality.ari(true_labels, labels [, {outliers="singletons"}])
/// Adjusted Rand index (Hubert and Arabie 1985): the agreeing pairs, minus the number expected by chance.
/// @param true_labels  i32[n] or i64[n]
/// @param labels       i32[n], -1 for an outlier
/// @return number  -0.5 .. 1
static int quality_ari(lua_State *L)
{
    lua_pushnumber(L, calr_quality_ari(check_quality(L)));
    return 1;
}

/// calr.quality.v_measure(true_labels, labels [, {outliers="singletons"}])
/// Homogeneity (every cluster of one identity), completeness (every identity in one cluster) and v, their harmonic
/// mean (Rosenberg and Hirschberg 2007), which equals nmi.
/// @param true_labels  i32[n] or i64[n]
/// @param labels       i32[n], -1 for an outlier
/// @return table  {homogeneity=, completeness=, v=}, each 0 .. 1
static int quality_v_measure(lua_State *L)
{
    calr_quality_score score = calr_quality_v_measure(check_quality(L));
    lua_createtable(L, 0, 3);
    calr_lua_set_number(L, -1, "homogeneity", score.precision);
    calr_lua_set_number(L, -1, "completeness", score.recall);
    calr_lua_set_number(L, -1, "v", score.f);
    return 1;
}

/// calr.quality.purity(true_labels, labels [, {outliers="singletons"}])
/// The share of items that are of the commonest identity of their cluster (Manning, Raghavan and Schütze, Introduction
/// to Information Retrieval, 2008, section 16.3): 1 for clusters of one image, so look at
/// their number too.
/// @param true_labels  i32[n] or i64[n]
/// @param labels       i32[n], -1 for an outlier
/// @return number  0 .. 1
static int quality_purity(lua_State *L)
{
    lua_pushnumber(L, calr_quality_purity(check_quality(L)));
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

/* The figures of a report that are single numbers. */
typedef struct figures {
    calr_quality_score pairwise, bcubed, v;
    double nmi, ami, ari, purity, expansion;
} figures;

static figures measure(lua_State *L, const calr_quality *quality)
{
    figures f = {
        .pairwise = calr_quality_pairwise(quality),
        .bcubed = calr_quality_bcubed(quality),
        .v = calr_quality_v_measure(quality),
        .nmi = calr_quality_nmi(quality),
        .ari = calr_quality_ari(quality),
        .purity = calr_quality_purity(quality),
        .expansion = calr_quality_expansion(quality),
    };
    calr_lua_call(L, calr_quality_ami(quality, &f.ami));
    return f;
}

/* to += weight * from; both are made of doubles alone. */
static void add_figures(figures *to, const figures *from, double weight)
{
    double *t = (double *)to;
    const double *f = (const double *)from;
    for (size_t i = 0; i < sizeof *to / sizeof *t; i++)
        t[i] += weight * f[i];
}

static void push_figures(lua_State *L, const figures *f)
{
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"homogeneity", f->v.precision},
        {"completeness", f->v.recall},
        {"nmi", f->nmi},
        {"ami", f->ami},
        {"ari", f->ari},
        {"purity", f->purity},
        {"expansion", f->expansion},
    };
    lua_createtable(L, 0, 12);
    push_score(L, f->pairwise);
    lua_setfield(L, -2, "pairwise");
    push_score(L, f->bcubed);
    lua_setfield(L, -2, "bcubed");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        calr_lua_set_number(L, -1, numbers[i].name, numbers[i].value);
    }
}

static void push_report(lua_State *L, const calr_quality *quality, const figures *f)
{
    push_figures(L, f);
    calr_lua_set_integer(L, -1, "items", calr_quality_items(quality));
    calr_lua_set_integer(L, -1, "identities", calr_quality_identities(quality));
    calr_lua_set_integer(L, -1, "clusters", calr_quality_clusters(quality));
}

/// calr.quality.report(true_labels, labels [, {outliers="singletons"}])
/// Computes all figures at once, for little more than the cost of one.
/// @param true_labels  i32[n] or i64[n]
/// @param labels       i32[n], -1 for an outlier
/// @return table  {pairwise={precision=, recall=, f=}, bcubed={precision=, recall=, f=}, nmi=, ami=, ari=,
///   homogeneity=, completeness=, purity=, expansion=, items=, identities=, clusters=}; the last three are the
///   counts behind the figures
static int quality_report(lua_State *L)
{
    const calr_quality *quality = check_quality(L);
    figures f = measure(L, quality);
    push_report(L, quality, &f);
    return 1;
}

static int32_t *new_positions(lua_State *L, int64_t count)
{
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_I32, 1, &count, slot));
    return calr_tensor_i32(*slot);
}

static int64_t *new_integers(lua_State *L, int64_t count)
{
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_I64, 1, &count, slot));
    return calr_tensor_i64(*slot);
}

/// calr.quality.by_camera(true_labels, labels, cameras [, {outliers="singletons"}])
/// Reports each camera separately, for clusters made inside cameras, or to find a camera that spoils the result. Pairs
/// between cameras do not count. The mean weights every camera by its images.
/// @param true_labels  i32[n] or i64[n]
/// @param labels       i32[n], -1 for an outlier
/// @param cameras      i32[n], from 0; images of camera -1 are left out
/// @return table  a list of reports, each with camera=, in the order of the cameras; cameras without images are left
///   out
/// @return table  the same figures, averaged over the images (without items, identities and clusters); nil when there
///   is no image
static int quality_by_camera(lua_State *L)
{
    static const char *const names[] = {"outliers", NULL};
    static const char *const choices[] = {"singletons", "ignore", NULL};
    lua_settop(L, 4);
    calr_tensor *labels = calr_lua_check_form(L, 2, CALR_I32, 1, "i32[n]");
    calr_tensor *cameras = calr_lua_check_form(L, 3, CALR_I32, 1, "i32[n]");
    calr_lua_check_options(L, 4, names);
    int outliers = calr_lua_option_choice(L, 4, "outliers", CALR_OUTLIERS_SINGLETONS, choices);
    int64_t n = labels->shape[0], given = calr_tensor_numel(calr_lua_check_tensor(L, 1)), count;
    if (given != n || cameras->shape[0] != n)
        luaL_error(L, "%I true labels, %I labels and %I cameras: they must be as many",
                   (lua_Integer)given, (lua_Integer)n, (lua_Integer)cameras->shape[0]);
    calr_lua_call(L, calr_labels_clusters(calr_tensor_i32(cameras), n, &count));
    const int64_t *truth = check_truth(L, 1);
    luaL_argcheck(L, n <= INT32_MAX, 2, "more than 2147483647 labels");
    int64_t *start = new_integers(L, count + 1), *part_truth = new_integers(L, n);
    int32_t *rows = new_positions(L, n), *part_labels = new_positions(L, n);
    calr_labels_members(calr_tensor_i32(cameras), n, count, start, rows);
    for (int64_t i = 0; i < start[count]; i++) {
        part_truth[i] = truth[rows[i]];
        part_labels[i] = calr_tensor_i32(labels)[rows[i]];
    }
    figures mean = {.nmi = 0};
    lua_newtable(L);
    int list = lua_gettop(L);
    calr_quality **quality = calr_lua_scratch(L, release_quality);
    for (int64_t c = 0; c < count; c++) {
        int64_t first = start[c], size = start[c + 1] - first;
        if (size == 0)
            continue;
        calr_lua_call(L, calr_quality_new(size, part_truth + first, part_labels + first,
                                          (calr_quality_outliers)outliers, quality));
        figures f = measure(L, *quality);
        add_figures(&mean, &f, (double)size / (double)start[count]);
        push_report(L, *quality, &f);
        calr_lua_set_integer(L, -1, "camera", c);
        lua_rawseti(L, list, (lua_Integer)lua_rawlen(L, list) + 1);
        calr_quality_release(*quality);
        *quality = NULL;
    }
    lua_pushvalue(L, list);
    if (start[count] > 0)
        push_figures(L, &mean);
    else
        lua_pushnil(L);
    return 2;
}

/// calr.quality.stability(before, after)
/// Measures how much of a clustering stayed from one epoch to the next. Clusters are matched one to
/// one so that as many images as possible are in matched clusters (the assignment problem, Kuhn
/// 1955; calr.labels.match); cluster numbers do not matter.
/// @param before  i32[n], -1 for an outlier
/// @param after   i32[n], of the same images
/// @return table  stable = share of the images in a cluster both times whose clusters are matched;
///                kept = the same among the images in a cluster at least once, so that images that
///                come and go count as unstable (both 1 where there is none); agreed, both, either:
///                the counts behind them; matched: pairs of clusters; vanished and appeared:
///                clusters without a partner
static int quality_stability(lua_State *L)
{
    calr_tensor *before = calr_lua_check_form(L, 1, CALR_I32, 1, "i32[n]");
    calr_tensor *after = calr_lua_check_form(L, 2, CALR_I32, 1, "i32[n]");
    if (before->shape[0] != after->shape[0])
        luaL_error(L, "%I labels before, but %I after", (lua_Integer)before->shape[0],
                   (lua_Integer)after->shape[0]);
    calr_stability s;
    calr_lua_call(L, calr_labels_stability(calr_tensor_i32(before), calr_tensor_i32(after),
                                           before->shape[0], &s));
    lua_createtable(L, 0, 8);
    calr_lua_set_number(L, -1, "stable", s.both ? (double)s.agreed / (double)s.both : 1);
    calr_lua_set_number(L, -1, "kept", s.either ? (double)s.agreed / (double)s.either : 1);
    calr_lua_set_integer(L, -1, "agreed", s.agreed);
    calr_lua_set_integer(L, -1, "both", s.both);
    calr_lua_set_integer(L, -1, "either", s.either);
    calr_lua_set_integer(L, -1, "matched", s.matched);
    calr_lua_set_integer(L, -1, "vanished", s.vanished);
    calr_lua_set_integer(L, -1, "appeared", s.appeared);
    return 1;
}

static const calr_lua_function functions[] = {
    {"ami", quality_ami, "true_labels, labels [, options]"},
    {"ari", quality_ari, "true_labels, labels [, options]"},
    {"bcubed", quality_bcubed, "true_labels, labels [, options]"},
    {"by_camera", quality_by_camera, "true_labels, labels, cameras [, options]"},
    {"expansion", quality_expansion, "true_labels, labels [, options]"},
    {"nmi", quality_nmi, "true_labels, labels [, options]"},
    {"pairwise", quality_pairwise, "true_labels, labels [, options]"},
    {"purity", quality_purity, "true_labels, labels [, options]"},
    {"report", quality_report, "true_labels, labels [, options]"},
    {"stability", quality_stability, "before, after"},
    {"v_measure", quality_v_measure, "true_labels, labels [, options]"},
    {NULL, NULL, NULL},
};

int luaopen_calr_quality(lua_State *L)
{
    calr_lua_new_module(L, "calr.quality.", functions);
    return 1;
}
