/* k-reciprocal re-ranking: Zhong, Zheng, Cao, Li, "Re-ranking person re-identification with
 * k-reciprocal encoding", CVPR 2017, with the details of the authors' published code.
 *
 * Queries and gallery are one set of unit rows. The distance of query q and gallery entry g is
 *     (1 - lambda) J(q, g) + lambda d(q, g) / max d(q, .)          (eq. 12)
 * d the squared euclidean distance, the maximum over all rows of the set; J the Jaccard distance of
 * k-reciprocal neighbours (neighbours/jaccard.h, exact reciprocal sets), whose weights are of d
 * divided by the same maximum.
 *
 * Sparse throughout: memory is a copy of the features, and some hundred numbers a row; no table of
 * all pairs. */
#ifndef CALR_RANK_RERANK_H
#define CALR_RANK_RERANK_H

#include <stdint.h>

#include "base/status.h"
#include "rank/rank.h"

typedef struct calr_rerank_options {
    int64_t k1;    /* 1 .. ; usual 20 */
    int64_t k2;    /* 1 .. k1; usual 6 */
    double lambda; /* 0 .. 1; usual 0.3 */
} calr_rerank_options;

/* Encodes both sets; identities and cameras are ignored. Valid for ranking these two sets,
 * with the features at hand, in calr_rank_evaluate and calr_rank_topk. CALR_EINVAL: options out of
 * range, or a row whose length is not 1 (within 0.001); CALR_ENUMERIC: NaN or infinity;
 * CALR_ENOMEM. Release with calr_rerank_release. */
calr_status calr_rerank_new(const calr_rank_set *query, const calr_rank_set *gallery, int64_t dim,
                            const calr_rerank_options *options, calr_rerank **out);
void calr_rerank_release(calr_rerank *rerank); /* NULL is allowed */

/* For ranking, below this module: */
/* CALR_EINVAL unless made for sets of these sizes. NULL fits all. */
calr_status calr_rerank_check(const calr_rerank *rerank, const calr_rank_set *query,
                              const calr_rank_set *gallery);
/* Turns the scores of query i (tiles.h) into minus the distance above. overlap[gallery] is all 0
 * before and after. */
void calr_rerank_scores(const calr_rerank *rerank, int64_t i, float *score, float *overlap);

#endif
