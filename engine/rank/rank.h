/* Ranking: searches a gallery for each query, and measures the results.
 *
 * Distances are euclidean between the rows as they are; with unit features, as everywhere in this
 * field, that is the order of the cosine too. Entries at the same distance keep the order of the
 * gallery. Computed in tiles of matrix products: some rows of queries against the gallery, never
 * the whole table of distances; entries that the rounding of f32 could put in the wrong order are measured in double
 * precision (docs/decisions/exact-distances.md), so that lists and figures are exact, agree with each other and are the
 * same for any number of threads. Distances of re-ranking are f32, and so is their order.
 *
 * Which entries count: a gallery entry of identity -1 (junk) and, by the usual rule, one of the
 * query's own identity and camera are ignored, as if they were not there. Without cameras,
 * only junk is. Distractors (identity 0 in the layout of Market-1501) need no rule: they stay, and match
 * nobody.
 *
 * Everything here is borrowed for the call, row-major and contiguous. Thread-safe. */
#ifndef CALR_RANK_RANK_H
#define CALR_RANK_RANK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* Queries or gallery. */
typedef struct calr_rank_set {
    int64_t count;
    const float *features;     /* [count x dim] */
    const int64_t *identities; /* [count], or NULL if not needed */
    const int64_t *cameras;    /* [count], or NULL in both sets */
} calr_rank_set;

typedef enum calr_rank_ap {
    CALR_AP_STEP,     /* mean over the hits of the precision at each; this field's Python code */
    CALR_AP_TRAPEZOID /* area under the line through precisions at hits and before; Market-1501's
                         own script */
} calr_rank_ap;

/* What is ignored besides junk, if cameras are given. */
typedef enum calr_rank_rule {
    CALR_RULE_OWN, /* entries of the query's identity and camera: Market-1501 and most others */
    CALR_RULE_CAMERA, /* all entries of the query's camera: cross-camera search, as CUHK03's first protocol */
    CALR_RULE_JUNK /* nothing */
} calr_rank_rule;

#define CALR_RANK_MAX_CMC     1000000
#define CALR_RANK_MAX_REPEATS 10000

/* k-reciprocal re-ranking (rerank.h). */
typedef struct calr_rerank calr_rerank;

typedef struct calr_rank_options {
    calr_rank_ap ap;
    int64_t max_rank;          /* length of the CMC; 1 .. CALR_RANK_MAX_CMC */
    const calr_rerank *rerank; /* ranks by its distance; NULL: by the euclidean one */
    calr_rank_rule rule;
    /* 0: all entries of the gallery (multi-shot). Otherwise single-shot: this many times, one entry
     * of every identity that is left is drawn for each query, and the figures are means over the
     * draws (CUHK03's first protocol; 10 to 100 are usual). Distractors (identity 0) are persons of
     * their own: all stay. */
    int64_t repeats;
    uint64_t seed; /* of the stream "single shot", one for each draw and query */
} calr_rank_options;

typedef struct calr_rank_result {
    double map;    /* mean average precision */
    double minp;   /* mean of (matches) / (rank of the last match); Ye et al., TPAMI 2021 */
    int64_t valid; /* queries with a match in the gallery: the means are over these */
    double
        *cmc; /* [max_rank], of the caller: cmc[r-1] is the share with a match among the first r */
    /* [queries] or NULL, of the caller; of the i-th query: */
    float *average_precision; /* -1 where it has no match */
    int32_t *first_match; /* rank of the first match from 1 on (single-shot: in the first draw); -1
                                 where it has none */
    float *rank1; /* 1 where a match comes first, else 0 (single-shot: the share of the draws); -1
                     where it has none */
} calr_rank_result;

/* How many queries have a match in the gallery that the rule does not ignore. Identities are needed in both sets,
 * features in none. CALR_EINVAL: cameras in one set only; CALR_ENOMEM. */
calr_status calr_rank_matched(const calr_rank_set *query, const calr_rank_set *gallery,
                              calr_rank_rule rule, int64_t *matched);

/* Ranks the gallery for each query. Identities are needed in both sets; result->cmc and the three
 * optional arrays come from the caller. A rank past the end of a small gallery counts like the last
 * one. CALR_EINVAL: options out of range, cameras in one set only, or no query at all has a
 * match; CALR_ENUMERIC names the first row with NaN, infinity or numbers too large to square;
 * CALR_ENOMEM. Time: the matrix products, and one look at each distance: matches are counted past,
 * nothing is sorted but they. */
calr_status calr_rank_evaluate(const calr_rank_set *query, const calr_rank_set *gallery,
                               int64_t dim, const calr_rank_options *options,
                               calr_rank_result *result);

/* The first k entries for each query: indices[queries x k] (rows of the gallery, from 0; -1 where
 * the gallery, less what is ignored, ends before) and distances[queries x k] or NULL (euclidean, or
 * those of `rerank`; infinity there). Where `identities` of both sets are given, entries are
 * ignored as above, by `rule`; otherwise none is. k >= 1. */
calr_status calr_rank_topk(const calr_rank_set *query, const calr_rank_set *gallery, int64_t dim,
                           int64_t k, calr_rank_rule rule, const calr_rerank *rerank,
                           int32_t *indices, float *distances);

/* Joins the lists of two parts of a gallery, for one too large to hold: indices and distances
 * [queries x k] become the first k of themselves and of part_indices and part_distances [queries x
 * part_k], whose rows are numbered from `offset` on. By distance as the lists have it, in f32, then
 * row. CALR_EINVAL: a row that would pass INT32_MAX, k or part_k < 1; CALR_ENOMEM. */
calr_status calr_rank_merge(int64_t queries, int64_t k, int32_t *indices, float *distances,
                            int64_t part_k, const int32_t *part_indices,
                            const float *part_distances, int64_t offset);

#endif
