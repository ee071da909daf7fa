/* calr.rank: how well a search finds the queries in the gallery. */
#include "binding/bind.h"
#include "binding/modules.h"

#include "rank/expand.h"
#include "rank/rerank.h"

/// @module calr.rank
/// Ranking: searches a gallery for each query, and measures the results.
///
/// Distances are euclidean, between the features as given; with unit features the order is that of
/// the cosine too. Entries at the same distance keep the order of the gallery. Gallery entries of
/// identity -1 (junk), and those of the query's own identity and camera, are ignored; distractors
/// (identity 0) stay. The option `ignore` sets the rule: "own" (the usual one), "camera" (all
/// entries of the query's camera, as in CUHK03's first protocol), "junk" (only junk).
/// Memory grows with the gallery, not with queries times gallery.

/* The numbers of option `name` as i64[count], kept on the stack; NULL when absent. */
static const int64_t *option_numbers(lua_State *L, const char *name, int required, int64_t count)
{
    calr_tensor *given = calr_lua_option_tensor(L, 1, name, required);
    if (!given)
        return NULL;
    char text[CALR_TENSOR_TEXT];
    if ((given->dtype != CALR_I32 && given->dtype != CALR_I64) || given->ndim != 1)
        luaL_error(L, "option \"%s\" must be i32[n] or i64[n], not %s", name,
                   calr_tensor_describe(given, text));
    if (given->shape[0] != count)
        luaL_error(L, "option \"%s\" has %I entries for %I features", name,
                   (lua_Integer)given->shape[0], (lua_Integer)count);
    return calr_lua_push_i64(L, given);
}

/* Reads query and gallery with their identities and cameras; leaves converted copies on the stack. */
static int64_t check_sides(lua_State *L, int ids_required, calr_rank_set *query,
                           calr_rank_set *gallery)
{
    calr_tensor *q = calr_lua_option_form(L, 1, "query", 1, CALR_F32, 2, "f32[queries x d]");
    calr_tensor *g = calr_lua_option_form(L, 1, "gallery", 1, CALR_F32, 2, "f32[gallery x d]");
    if (q->shape[1] != g->shape[1])
        luaL_error(L, "query features have %I columns, gallery features %I",
                   (lua_Integer)q->shape[1], (lua_Integer)g->shape[1]);
    *query = (calr_rank_set){.count = q->shape[0], .features = calr_tensor_f32(q)};
    *gallery = (calr_rank_set){.count = g->shape[0], .features = calr_tensor_f32(g)};
    query->identities = option_numbers(L, "query_ids", ids_required, query->count);
    gallery->identities = option_numbers(L, "gallery_ids", ids_required, gallery->count);
    query->cameras = option_numbers(L, "query_cameras", 0, query->count);
    gallery->cameras = option_numbers(L, "gallery_cameras", 0, gallery->count);
    return q->shape[1];
}

static const char *const rules[] = {"own", "camera", "junk", NULL};

static void release_rerank(void *rerank)
{
    calr_rerank_release(rerank);
}

/* Reads option `rerank`: nothing or false, true, or a table of its own options. */
static bool check_rerank(lua_State *L, calr_rerank_options *options)
{
    static const char *const names[] = {"k1", "k2", "lambda", NULL};
    *options = (calr_rerank_options){.k1 = 20, .k2 = 6, .lambda = 0.3};
    int type = calr_lua_push_option(L, 1, "rerank"), at = lua_gettop(L);
    if (type == LUA_TTABLE) {
        calr_lua_check_options(L, at, names);
        options->k1 = calr_lua_option_integer(L, at, "k1", options->k1, 1, INT32_MAX);
        options->k2 = calr_lua_option_integer(
            L, at, "k2", options->k2 < options->k1 ? options->k2 : options->k1, 1, options->k1);
        options->lambda = calr_lua_option_number(L, at, "lambda", options->lambda, 0, 1);
    } else if (type != LUA_TNIL && type != LUA_TBOOLEAN) {
        luaL_error(L,
                   "option \"rerank\" must be true, false or a table {k1=, k2=, lambda=}, not a %s",
                   lua_typename(L, type));
    }
    bool wanted = lua_toboolean(L, at);
    lua_settop(L, at - 1);
    return wanted;
}

/* The encoding of both sets, which belongs to the stack. */
static const calr_rerank *new_rerank(lua_State *L, const calr_rank_set *query,
                                     const calr_rank_set *gallery, int64_t dim,
                                     const calr_rerank_options *options)
{
    calr_rerank **slot = calr_lua_scratch(L, release_rerank);
    calr_lua_call(L, calr_rerank_new(query, gallery, dim, options, slot));
    return *slot;
}

/// calr.rank.evaluate{query=, gallery=, query_ids=, gallery_ids=, query_cameras=, gallery_cameras=, ap="step", ...}
/// Computes mean average precision and cumulative match characteristic as for Market-1501 (Zheng et
/// al., ICCV 2015), and mINP, how early the last match comes (Ye et al., TPAMI 2021). Queries
/// without a match in the gallery are left out; if no query has one, that is an error. Without
/// cameras (both options absent), only junk is ignored.
///
/// In the result, cmc[r] is the share of queries with a match among the first r; a rank past the end of a small gallery
/// counts as its last. valid is the number of queries with a match. With per_query there are also
/// average_precision=f32[q], first_match=i32[q] (rank of the first match from 1 on) and rank1=f32[q] (1 where a match
/// comes first, else 0), -1 for queries left out.
///
/// Single-shot (shots="single") draws one entry of every identity for each query, `repeats` times, and returns means
/// over the draws; all distractors stay, each as a person of its own. first_match is then the rank in the first draw,
/// rank1 the share of the draws in which the match comes first.
///
/// Re-ranking (Zhong et al., CVPR 2017) ranks by the k-reciprocal distance instead; it needs unit features, and takes
/// the time of a neighbour search over queries and gallery together.
/// @param query            f32[q x d], unit features
/// @param gallery          f32[g x d], unit features
/// @param query_ids        i32 or i64 [q], true identities
/// @param gallery_ids      i32 or i64 [g]; -1 is junk
/// @param query_cameras    i32 or i64 [q]
/// @param gallery_cameras  i32 or i64 [g]
/// @param ap               "step": mean of the precision at each hit; "trapezoid": as Market-1501's own script
/// @param max_rank         length of the cmc table (default 20)
/// @param per_query        also give the figures of each query (default false)
/// @param rerank           true, or {k1=20, k2=6, lambda=0.3} (default false)
/// @param ignore           "own" (default), "camera" or "junk": see above
/// @param shots            "multi" (default): the whole gallery; "single": one entry of every identity
/// @param repeats          draws of single-shot (default 10)
/// @param seed             names the draws (default 0)
/// @return table  {mAP=, mINP=, cmc=, valid=, average_precision=, first_match=, rank1=}
static int rank_evaluate(lua_State *L)
{
    static const char *const names[] = {
        "query",           "gallery", "query_ids", "gallery_ids", "query_cameras",
        "gallery_cameras", "ap",      "max_rank",  "rerank",      "per_query",
        "ignore",          "shots",   "repeats",   "seed",        NULL};
    static const char *const choices[] = {"step", "trapezoid", NULL};
    static const char *const shots[] = {"multi", "single", NULL};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    calr_lua_check_options(L, 1, names);
    calr_rank_options options = {
        .ap = (calr_rank_ap)calr_lua_option_choice(L, 1, "ap", CALR_AP_STEP, choices),
        .max_rank = calr_lua_option_integer(L, 1, "max_rank", 20, 1, CALR_RANK_MAX_CMC),
        .rule = (calr_rank_rule)calr_lua_option_choice(L, 1, "ignore", CALR_RULE_OWN, rules),
        .repeats = calr_lua_option_integer(L, 1, "repeats", 10, 1, CALR_RANK_MAX_REPEATS),
        .seed = (uint64_t)calr_lua_option_integer(L, 1, "seed", 0, INT64_MIN, INT64_MAX),
    };
    if (calr_lua_option_choice(L, 1, "shots", 0, shots) == 0)
        options.repeats = 0;
    int per_query = calr_lua_option_boolean(L, 1, "per_query", 0);
    calr_rerank_options rerank;
    bool reranked = check_rerank(L, &rerank);
    calr_rank_set query, gallery;
    int64_t dim = check_sides(L, 1, &query, &gallery);

    lua_createtable(L, 0, 7);
    int table = lua_gettop(L);
    calr_rank_result result = {
        .cmc = lua_newuserdatauv(L, (size_t)options.max_rank * sizeof(double), 0)};
    if (per_query) {
        calr_tensor **slot = calr_lua_new_tensor(L);
        calr_lua_call(L, calr_tensor_new(CALR_F32, 1, &query.count, slot));
        result.average_precision = calr_tensor_f32(*slot);
        lua_setfield(L, table, "average_precision");
        slot = calr_lua_new_tensor(L);
        calr_lua_call(L, calr_tensor_new(CALR_I32, 1, &query.count, slot));
        result.first_match = calr_tensor_i32(*slot);
        lua_setfield(L, table, "first_match");
        slot = calr_lua_new_tensor(L);
        calr_lua_call(L, calr_tensor_new(CALR_F32, 1, &query.count, slot));
        result.rank1 = calr_tensor_f32(*slot);
        lua_setfield(L, table, "rank1");
    }
    if (reranked)
        options.rerank = new_rerank(L, &query, &gallery, dim, &rerank);
    calr_lua_call(L, calr_rank_evaluate(&query, &gallery, dim, &options, &result));
    calr_lua_set_number(L, table, "mAP", result.map);
    calr_lua_set_number(L, table, "mINP", result.minp);
    calr_lua_set_integer(L, table, "valid", result.valid);
    lua_createtable(L, (int)options.max_rank, 0);
    for (int64_t r = 0; r < options.max_rank; r++) {
        lua_pushnumber(L, result.cmc[r]);
        lua_seti(L, -2, r + 1);
    }
    lua_setfield(L, table, "cmc");
    lua_pushvalue(L, table);
    return 1;
}

/// calr.rank.topk{query=, gallery=, k=10, query_ids=, gallery_ids=, query_cameras=, gallery_cameras=, rerank=false}
/// Finds the first k gallery entries for each query, nearest first: indices are gallery rows from 0, distances are
/// euclidean or re-ranked; -1 and infinity fill lists beyond the gallery's end. With identities, junk is left out, and
/// with cameras also entries of the query's own identity and camera, as in evaluate. Without them nothing is left out.
/// @param query            f32[q x d]
/// @param gallery          f32[g x d]
/// @param k                length of the lists
/// @param query_ids        i32 or i64 [q]; optional, but then gallery_ids too
/// @param gallery_ids      i32 or i64 [g]
/// @param query_cameras    i32 or i64 [q]; optional, but then gallery_cameras too
/// @param gallery_cameras  i32 or i64 [g]
/// @param rerank           as in evaluate
/// @param ignore           "own" (default), "camera" or "junk"
/// @return table  {indices=i32[q x k], distances=f32[q x k]}
static int rank_topk(lua_State *L)
{
    static const char *const names[] = {
        "query",         "gallery",         "k",      "query_ids", "gallery_ids",
        "query_cameras", "gallery_cameras", "rerank", "ignore",    NULL};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    calr_lua_check_options(L, 1, names);
    int64_t k = calr_lua_option_integer(L, 1, "k", 10, 1, INT32_MAX);
    calr_rank_rule rule =
        (calr_rank_rule)calr_lua_option_choice(L, 1, "ignore", CALR_RULE_OWN, rules);
    calr_rerank_options options;
    bool reranked = check_rerank(L, &options);
    calr_rank_set query, gallery;
    int64_t dim = check_sides(L, 0, &query, &gallery);
    if (query.cameras && !query.identities)
        luaL_error(L, "cameras without identities: the query's own entries can't be identified");

    lua_createtable(L, 0, 2);
    int table = lua_gettop(L);
    int64_t shape[2] = {query.count, k};
    calr_tensor **indices = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_I32, 2, shape, indices));
    calr_tensor **distances = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_F32, 2, shape, distances));
    const calr_rerank *rerank = reranked ? new_rerank(L, &query, &gallery, dim, &options) : NULL;
    calr_lua_call(L, calr_rank_topk(&query, &gallery, dim, k, rule, rerank,
                                    calr_tensor_i32(*indices), calr_tensor_f32(*distances)));
    lua_pushvalue(L, table + 2);
    lua_setfield(L, table, "distances");
    lua_pushvalue(L, table + 1);
    lua_setfield(L, table, "indices");
    lua_pushvalue(L, table);
    return 1;
}

/* A table of lists at `arg`, as topk gives it; both tensors belong to the table. */
static void check_lists(lua_State *L, int arg, calr_tensor **indices, calr_tensor **distances)
{
    static const char *const names[] = {"indices", "distances", NULL};
    luaL_checktype(L, arg, LUA_TTABLE);
    calr_lua_plain_options(L, arg, names);
    *indices = calr_lua_option_form(L, arg, "indices", 1, CALR_I32, 2, "i32[q x k]");
    *distances = calr_lua_option_form(L, arg, "distances", 1, CALR_F32, 2, "f32[q x k]");
    if (!calr_tensor_same_shape(*indices, *distances))
        luaL_argerror(L, arg, "indices and distances differ in shape");
}

/// calr.rank.merge(lists, part, first)
/// Joins the lists of earlier gallery parts with those of the next part, in place, for galleries too
/// large for memory. With parts of tens of thousands of rows, galleries of millions can be searched:
///   lists = rank.topk{query=q, gallery=part, k=100}                    -- of the first part
///   rank.merge(lists, rank.topk{query=q, gallery=part, k=100}, first)  -- of each other
/// @param lists  {indices=, distances=} of calr.rank.topk, without re-ranking; changed
/// @param part   the same for the next part; its lists may have a different length
/// @param first  the part's first row in the whole gallery, from 0
/// @return table  the lists
static int rank_merge(lua_State *L)
{
    lua_settop(L, 3);
    lua_pushvalue(L, 1); /* what is given back: check_lists may put another table in its place */
    calr_tensor *indices, *distances, *part_indices, *part_distances;
    check_lists(L, 1, &indices, &distances);
    check_lists(L, 2, &part_indices, &part_distances);
    lua_Integer first = luaL_checkinteger(L, 3);
    luaL_argcheck(L, part_indices->shape[0] == indices->shape[0], 2,
                  "both must be of the same queries");
    luaL_argcheck(L, first >= 0, 3, "rows are numbered from 0");
    calr_tensor_touch(indices);
    calr_tensor_touch(distances);
    calr_lua_call(L, calr_rank_merge(indices->shape[0], indices->shape[1], calr_tensor_i32(indices),
                                     calr_tensor_f32(distances), part_indices->shape[1],
                                     calr_tensor_i32(part_indices), calr_tensor_f32(part_distances),
                                     first));
    return 1;
}

/// calr.rank.expand{query=, gallery=, k=10, alpha=3}
/// Query expansion: each query becomes the normalised sum of itself and its k nearest gallery
/// entries, weighted by their cosine to the power alpha (Radenovic et al., TPAMI 2019); alpha = 0
/// is the plain average (Chum et al., ICCV 2007). With the gallery as the query too, it is
/// database-side augmentation, and no entry is its own neighbour. Use the result in place of the
/// queries.
/// @param query    f32[q x d], unit features
/// @param gallery  f32[g x d], unit features
/// @param k        entries taken; fewer if the gallery is smaller
/// @param alpha    0 or more
/// @return tensor  f32[q x d], unit features
static int rank_expand(lua_State *L)
{
    static const char *const names[] = {"query", "gallery", "k", "alpha", NULL};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    calr_lua_check_options(L, 1, names);
    int64_t k = calr_lua_option_integer(L, 1, "k", 10, 1, INT32_MAX - 1);
    double alpha = calr_lua_option_number(L, 1, "alpha", 3, 0, 1e6);
    calr_tensor *q = calr_lua_option_form(L, 1, "query", 1, CALR_F32, 2, "f32[queries x d]");
    calr_tensor *g = calr_lua_option_form(L, 1, "gallery", 1, CALR_F32, 2, "f32[gallery x d]");
    if (q->shape[1] != g->shape[1])
        luaL_error(L, "query features have %I columns, gallery features %I",
                   (lua_Integer)q->shape[1], (lua_Integer)g->shape[1]);
    calr_rank_set query = {.count = q->shape[0], .features = calr_tensor_f32(q)};
    calr_rank_set gallery = {.count = g->shape[0], .features = calr_tensor_f32(g)};
    calr_tensor **out = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(CALR_F32, 2, q->shape, out));
    calr_lua_call(L,
                  calr_rank_expand(&query, &gallery, q->shape[1], k, alpha, calr_tensor_f32(*out)));
    calr_lua_account(L);
    return 1;
}

/* Numbers of a set without features; leaves converted copies on the stack. */
static calr_rank_set check_numbers(lua_State *L, const char *ids, const char *cameras)
{
    calr_tensor *given = calr_lua_option_tensor(L, 1, ids, 1);
    calr_rank_set set = {.count = given->ndim == 1 ? given->shape[0] : 0};
    set.identities = option_numbers(L, ids, 1, set.count);
    set.cameras = option_numbers(L, cameras, 0, set.count);
    return set;
}

/// calr.rank.matched{query_ids=, gallery_ids=, query_cameras=, gallery_cameras=, ignore="own"}
/// How many queries have a match in the gallery, by the rule of calr.rank.evaluate, which needs one at least.
/// @param query_ids        i32 or i64 [q], true identities
/// @param gallery_ids      i32 or i64 [g]
/// @param query_cameras    i32 or i64 [q]; optional, but then gallery_cameras too
/// @param gallery_cameras  i32 or i64 [g]
/// @param ignore           "own" (default), "camera" or "junk"
/// @return integer
static int rank_matched(lua_State *L)
{
    static const char *const names[] = {"query_ids",       "gallery_ids", "query_cameras",
                                        "gallery_cameras", "ignore",      NULL};
    luaL_checktype(L, 1, LUA_TTABLE);
    calr_lua_check_options(L, 1, names);
    calr_rank_rule rule =
        (calr_rank_rule)calr_lua_option_choice(L, 1, "ignore", CALR_RULE_OWN, rules);
    calr_rank_set query = check_numbers(L, "query_ids", "query_cameras");
    calr_rank_set gallery = check_numbers(L, "gallery_ids", "gallery_cameras");
    int64_t matched = 0;
    calr_lua_call(L, calr_rank_matched(&query, &gallery, rule, &matched));
    lua_pushinteger(L, matched);
    return 1;
}

static const calr_lua_function functions[] = {
    {"evaluate", rank_evaluate, "options"}, {"expand", rank_expand, "options"},
    {"matched", rank_matched, "options"},   {"merge", rank_merge, "lists, part, first"},
    {"topk", rank_topk, "options"},         {NULL, NULL, NULL},
};

int luaopen_calr_rank(lua_State *L)
{
    calr_lua_new_module(L, "calr.rank.", functions);
    return 1;
}
