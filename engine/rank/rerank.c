#include "rank/rerank.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"
#include "neighbours/csr.h"
#include "neighbours/jaccard.h"
#include "neighbours/knn.h"
#include "rank/index.h"
#include "rank/tiles.h"

struct calr_rerank {
    int64_t queries, gallery;
    float lambda;
    float *norms;      /* [queries + gallery] half the squared lengths */
    float *farthest;   /* [queries + gallery] the largest squared distance of each row */
    calr_csr *weights; /* V of queries, then gallery */
    calr_csr *holders; /* its transpose: who has weight on a row */
};

/* Of images that are all the same one. */
static const float LEAST_FARTHEST = 1e-6f;
static const double UNIT = 1e-3;

/* Rows whose lengths differ by less from 1 are farthest from the one with the least cosine. */
static const double SAME_LENGTH = 1e-6;

typedef struct reach {
    const float *norms;
    float *farthest;
    int64_t count;
} reach;

static void find_farthest(void *context, int64_t i, float *score, int worker)
{
    (void)worker;
    const reach *work = context;
    float least = score[0];
    for (int64_t j = 1; j < work->count; j++)
        least = score[j] < least ? score[j] : least;
    work->farthest[i] = fmaxf(LEAST_FARTHEST, 2 * (work->norms[i] - least));
}

static calr_status check_unit(const calr_rerank *rerank)
{
    for (int64_t i = 0; i < rerank->queries + rerank->gallery; i++) {
        double length = sqrt(2 * (double)rerank->norms[i]);
        bool query = i < rerank->queries;
        if (fabs(length - 1) > UNIT)
            return calr_error(
                CALR_EINVAL,
                "row %" PRId64
                " (counted from 0) of the %s features has length %g: re-ranking needs unit "
                "features; normalise them first",
                query ? i : i - rerank->queries, query ? "query" : "gallery", length);
    }
    return CALR_OK;
}

/* Of rows of length 1 the farthest has the least cosine, which is found faster than products of all pairs are made. */
static calr_status search_farthest(calr_rerank *rerank, const float *both, int64_t dim,
                                   int32_t *rows, float *cosines)
{
    int64_t count = rerank->queries + rerank->gallery;
    CALR_TRY(calr_knn_farthest(both, count, dim, rows, cosines));
    for (int64_t i = 0; i < count; i++) {
        double own = rerank->norms[i], other = rerank->norms[rows[i]];
        double product = cosines[i] * 2 * sqrt(own * other);
        rerank->farthest[i] = fmaxf(LEAST_FARTHEST, (float)(2 * (own + other - product)));
    }
    return CALR_OK;
}

static calr_status measure_farthest(calr_rerank *rerank, const float *both, int64_t dim)
{
    calr_rank_set set = {.count = rerank->queries + rerank->gallery, .features = both};
    double spread = 0;
    for (int64_t i = 0; i < set.count; i++)
        spread = fmax(spread, fabs(2 * (double)rerank->norms[i] - 1));
    if (spread > SAME_LENGTH) {
        reach work = {.norms = rerank->norms, .farthest = rerank->farthest, .count = set.count};
        return calr_rank_tiles(&set, &set, dim, rerank->norms, find_farthest, &work);
    }
    int32_t *rows = calr_array_new(set.count, sizeof *rows);
    float *cosines = calr_array_new(set.count, sizeof *cosines);
    calr_status status =
        rows && cosines
            ? search_farthest(rerank, both, dim, rows, cosines)
            : calr_error(CALR_ENOMEM, "no memory to re-rank %" PRId64 " rows", set.count);
    free(rows);
    free(cosines);
    return status;
}

static calr_status encode(calr_rerank *rerank, const float *both, int64_t dim,
                          const calr_rerank_options *options)
{
    CALR_TRY(measure_farthest(rerank, both, dim));
    calr_jaccard_options jaccard = {.k1 = options->k1, .k2 = options->k2, .exact_reciprocal = true};
    CALR_TRY(calr_jaccard_weights(both, rerank->queries + rerank->gallery, dim, &jaccard,
                                  rerank->farthest, &rerank->weights));
    return calr_csr_transpose(rerank->weights, &rerank->holders);
}

static calr_status make(calr_rerank *rerank, const calr_rank_set *query,
                        const calr_rank_set *gallery, int64_t dim,
                        const calr_rerank_options *options)
{
    int64_t count = query->count + gallery->count;
    size_t numbers;
    rerank->norms = calr_array_new(count, sizeof *rerank->norms);
    rerank->farthest = calr_array_new(count, sizeof *rerank->farthest);
    if (!rerank->norms || !rerank->farthest)
        return calr_error(CALR_ENOMEM, "no memory to re-rank %" PRId64 " rows", count);
    CALR_TRY(calr_rank_norms("query", query, dim, rerank->norms));
    CALR_TRY(calr_rank_norms("gallery", gallery, dim, rerank->norms + query->count));
    CALR_TRY(check_unit(rerank));
    if (query->count == 0 || gallery->count == 0)
        return CALR_OK;
    float *both = NULL;
    if (calr_size_mul((size_t)count, (size_t)dim, &numbers) && numbers <= INT64_MAX)
        both = calr_array_new((int64_t)numbers, sizeof *both);
    if (!both)
        return calr_error(CALR_ENOMEM, "no memory for a copy of %" PRId64 " rows to re-rank",
                          count);
    for (int64_t i = 0; i < count && !calr_interrupt_due(i); i++)
        memcpy(both + i * dim,
               i < query->count ? query->features + i * dim
                                : gallery->features + (i - query->count) * dim,
               (size_t)dim * sizeof *both);
    calr_status status = calr_interrupt_check();
    if (status == CALR_OK)
        status = encode(rerank, both, dim, options);
    free(both);
    return status;
}

calr_status calr_rerank_new(const calr_rank_set *query, const calr_rank_set *gallery, int64_t dim,
                            const calr_rerank_options *options, calr_rerank **out)
{
    CALR_TRY(calr_rank_check_sets(query, gallery, dim));
    if (options->k1 < 1 || options->k2 < 1 || options->k2 > options->k1)
        return calr_error(CALR_EINVAL,
                          "k1 must be at least 1 and k2 from 1 to k1, not k1 = %" PRId64
                          ", k2 = %" PRId64,
                          options->k1, options->k2);
    if (!(options->lambda >= 0 && options->lambda <= 1))
        return calr_error(CALR_EINVAL, "lambda must be 0 .. 1, not %g", options->lambda);
    if (query->count > INT32_MAX - gallery->count)
        return calr_error(CALR_EINVAL,
                          "%" PRId64 " queries and %" PRId64
                          " gallery entries: at most %d can be numbered",
                          query->count, gallery->count, INT32_MAX);
    calr_rerank *rerank = calr_array_zeros(1, sizeof *rerank);
    if (!rerank)
        return calr_error(CALR_ENOMEM, "no memory to re-rank");
    rerank->queries = query->count;
    rerank->gallery = gallery->count;
    rerank->lambda = (float)options->lambda;
    calr_status status = make(rerank, query, gallery, dim, options);
    if (status == CALR_OK)
        *out = rerank;
    else
        calr_rerank_release(rerank);
    return status;
}

void calr_rerank_release(calr_rerank *rerank)
{
    if (!rerank)
        return;
    calr_csr_release(rerank->weights);
    calr_csr_release(rerank->holders);
    free(rerank->norms);
    free(rerank->farthest);
    free(rerank);
}

calr_status calr_rerank_check(const calr_rerank *rerank, const calr_rank_set *query,
                              const calr_rank_set *gallery)
{
    if (rerank && (rerank->queries != query->count || rerank->gallery != gallery->count))
        return calr_error(CALR_EINVAL,
                          "re-ranking was made for %" PRId64 " queries and %" PRId64
                          " gallery entries, not %" PRId64 " and %" PRId64,
                          rerank->queries, rerank->gallery, query->count, gallery->count);
    return CALR_OK;
}

void calr_rerank_scores(const calr_rerank *rerank, int64_t i, float *score, float *overlap)
{
    const calr_csr *v = rerank->weights, *holders = rerank->holders;
    for (int64_t p = v->offsets[i]; p < v->offsets[i + 1]; p++) {
        int32_t column = v->indices[p];
        float weight = v->values[p];
        for (int64_t h = holders->offsets[column]; h < holders->offsets[column + 1]; h++) {
            int64_t j = holders->indices[h] - rerank->queries;
            if (j >= 0)
                overlap[j] += fminf(weight, holders->values[h]);
        }
    }
    float lambda = rerank->lambda, scale = 2 / rerank->farthest[i], norm = rerank->norms[i];
    for (int64_t j = 0; j < rerank->gallery; j++) {
        float jaccard = 1 - overlap[j] / (2 - overlap[j]);
        float distance = fmaxf(0, norm - score[j]) * scale;
        score[j] = -((1 - lambda) * jaccard + lambda * distance);
        overlap[j] = 0;
    }
}
