#include "rank/rank.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "base/size.h"
#include "rank/bounded.h"
#include "rank/hits.h"
#include "rank/index.h"
#include "rank/rerank.h"
#include "rank/tiles.h"

typedef struct evaluation {
    const calr_rank_set *query, *gallery;
    const calr_rank_options *options;
    calr_rank_index index;
    calr_rank_hit *hits; /* [threads x index.longest] */
    float *norms;
    calr_rank_exact exact;
    float *overlap; /* [threads x gallery], for re-ranking */
    /* Of every query: */
    double *average_precision, *inverse_penalty;
    int64_t draws;  /* 1, or those of single-shot */
    int64_t *first; /* [queries x draws] rank of the first match, 0: none */
} evaluation;

/* A score of re-ranking is minus the distance itself. */
static double distance_of(const evaluation *work, int64_t i, int64_t j, float score)
{
    return work->options->rerank ? -score : calr_rank_distance(&work->exact, i, j);
}

static double margin_of(const evaluation *work, const calr_rank_margin *margin, int64_t j)
{
    return work->options->rerank ? 0 : calr_rank_margin_of(margin, work->norms[j]);
}

/* The matches of query i in the order of their ranks; their scores, and what is to be
 * ignored, are taken out of `score`. */
static int64_t take_hits(const evaluation *work, const calr_rank_margin *margin, int64_t i,
                         float *score, calr_rank_hit *hits)
{
    int64_t count = calr_rank_hits_take(&work->index, work->query, work->gallery,
                                        work->options->rule, i, score, hits);
    for (int64_t h = 0; h < count; h++) {
        double distance = distance_of(work, i, hits[h].row, (float)hits[h].score);
        hits[h].distance = distance;
        if (!work->options->rerank)
            hits[h].score = (margin->own - distance * distance) / 2;
    }
    calr_rank_hits_sort(hits, count);
    return count;
}

/* The first of the hits that scores less than `score`, or no more than it. */
static int64_t first_below(const calr_rank_hit *hits, int64_t count, double score, bool or_equal)
{
    int64_t low = 0, high = count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (hits[middle].score < score || (or_equal && hits[middle].score == score))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Each entry left counts for the first hit that it ranks before. Those that score about as much as
 * a hit are measured. */
static void count_before(const evaluation *work, const calr_rank_margin *margin, int64_t i,
                         const float *score, calr_rank_hit *hits, int64_t count)
{
    double last = hits[count - 1].score - (work->options->rerank ? 0 : margin->widest);
    for (int64_t j = 0; j < work->gallery->count; j++) {
        if (score[j] < last)
            continue;
        double unsure = margin_of(work, margin, j);
        int64_t low = first_below(hits, count, score[j] + unsure, true);
        int64_t high = low < count ? first_below(hits, count, score[j] - unsure, false) : low;
        if (low < high)
            low = calr_rank_hits_behind(hits, low, high, distance_of(work, i, j, score[j]), j);
        if (low < count)
            hits[low].before++;
    }
}

/* Whether entry j ranks before entry h for query i. */
static bool is_ahead(const evaluation *work, const calr_rank_margin *margin, int64_t i,
                     const float *score, int64_t j, int64_t h)
{
    double unsure = margin_of(work, margin, j) + margin_of(work, margin, h);
    double more = (double)score[j] - score[h];
    if (fabs(more) > unsure)
        return more > 0;
    double own = distance_of(work, i, j, score[j]), other = distance_of(work, i, h, score[h]);
    return own < other || (own == other && j < h);
}

/* One of the entries begin .. end-1 of the index that are left, drawn; -1 when none is. */
static int32_t draw_entry(const evaluation *work, const float *score, int64_t begin, int64_t end,
                          calr_rng *rng)
{
    uint64_t left = 0;
    for (int64_t e = begin; e < end; e++)
        left += score[work->index.entries[e].row] != -INFINITY;
    int32_t row = -1;
    if (left == 0)
        return row;
    uint64_t wanted = calr_rng_below(rng, left);
    for (int64_t e = begin; e < end; e++) {
        row = work->index.entries[e].row;
        if (score[row] != -INFINITY && wanted-- == 0)
            break;
    }
    return row;
}

/* Single-shot: the rank of the match drawn, among one entry of every other identity. 0: no match. */
static int64_t draw_rank(const evaluation *work, const calr_rank_margin *margin, int64_t i,
                         const float *score, calr_rng *rng)
{
    int64_t end, own = calr_rank_index_find(&work->index, work->query->identities[i], &end),
                 rank = 1;
    int32_t match = draw_entry(work, score, own, end, rng);
    if (match < 0)
        return 0;
    for (int64_t begin = 0, next; begin < work->index.count; begin = next) {
        int64_t identity = work->index.entries[begin].identity;
        for (next = begin + 1; next < work->index.count &&
                               work->index.entries[next].identity == identity &&
                               identity != CALR_RANK_DISTRACTOR;)
            next++;
        if (begin >= own && begin < end)
            continue;
        int32_t row = draw_entry(work, score, begin, next, rng);
        rank += row >= 0 && is_ahead(work, margin, i, score, row, match);
    }
    return rank;
}

static void evaluate_single(evaluation *work, const calr_rank_margin *margin, int64_t i,
                            float *score)
{
    calr_rank_index_ignore(&work->index, work->query, work->gallery, work->options->rule, i, score);
    for (int64_t t = 0; t < work->draws && !calr_interrupt_requested(); t++) {
        calr_rng rng = calr_rng_make(work->options->seed, calr_rng_purpose("single shot"),
                                     (uint32_t)t, (uint64_t)i);
        int64_t rank = draw_rank(work, margin, i, score, &rng);
        if (rank == 0)
            return;
        work->first[i * work->draws + t] = rank;
        work->average_precision[i] += 1 / (double)rank / (double)work->draws;
        work->inverse_penalty[i] += 1 / (double)rank / (double)work->draws;
    }
}

/* The figures of query i by its hits, one or more, in the order of their ranks. */
static void judge(void *context, int64_t i, const calr_rank_hit *hits, int64_t count)
{
    evaluation *work = context;
    double sum = 0;
    int64_t rank = 0;
    for (int64_t h = 0; h < count; h++) {
        rank += hits[h].before + 1;
        double precision = (double)(h + 1) / (double)rank;
        double ahead = rank > 1 ? (double)h / (double)(rank - 1) : 1;
        sum += work->options->ap == CALR_AP_TRAPEZOID ? (precision + ahead) / 2 : precision;
        if (h == 0)
            work->first[i] = rank;
    }
    work->average_precision[i] = sum / (double)count;
    work->inverse_penalty[i] = (double)count / (double)rank;
}

static void evaluate_query(void *context, int64_t i, float *score, int worker)
{
    evaluation *work = context;
    if (work->overlap)
        calr_rerank_scores(work->options->rerank, i, score,
                           work->overlap + worker * work->gallery->count);
    calr_rank_margin margin = calr_rank_margin_make(&work->exact, i);
    if (work->options->repeats > 0) {
        evaluate_single(work, &margin, i, score);
        return;
    }
    calr_rank_hit *hits = work->hits + (int64_t)worker * work->index.longest;
    int64_t count = take_hits(work, &margin, i, score, hits);
    if (count == 0)
        return;
    count_before(work, &margin, i, score, hits, count);
    judge(work, i, hits, count);
}

/* In how many of the draws the match comes first. */
static float share_of_first(const int64_t *first, int64_t draws)
{
    int64_t count = 0;
    for (int64_t t = 0; t < draws; t++)
        count += first[t] == 1;
    return (float)((double)count / (double)draws);
}

/* The means, in the order of the queries. */
static calr_status summarise(const evaluation *work, calr_rank_result *result)
{
    int64_t longest = work->options->max_rank;
    result->map = result->minp = 0;
    result->valid = 0;
    for (int64_t r = 0; r < longest; r++)
        result->cmc[r] = 0;
    for (int64_t i = 0; i < work->query->count; i++) {
        const int64_t *first = work->first + i * work->draws;
        bool found = *first > 0;
        if (result->average_precision)
            result->average_precision[i] = found ? (float)work->average_precision[i] : -1;
        if (result->first_match)
            result->first_match[i] = found ? (int32_t)*first : -1;
        if (result->rank1)
            result->rank1[i] = found ? share_of_first(first, work->draws) : -1;
        if (!found)
            continue;
        result->valid++;
        result->map += work->average_precision[i];
        result->minp += work->inverse_penalty[i];
        for (int64_t t = 0; t < work->draws; t++)
            if (first[t] <= longest)
                result->cmc[first[t] - 1]++;
    }
    if (result->valid == 0)
        return calr_error(CALR_EINVAL,
                          "none of the %" PRId64 " queries has a match among the %" PRId64
                          " gallery entries%s: there "
                          "is nothing to average; check identities and cameras",
                          work->query->count, work->gallery->count,
                          work->query->cameras ? " (of its identity, from another camera)" : "");
    for (int64_t r = 1; r < longest; r++)
        result->cmc[r] += result->cmc[r - 1];
    for (int64_t r = 0; r < longest; r++)
        result->cmc[r] /= (double)result->valid * (double)work->draws;
    result->map /= (double)result->valid;
    result->minp /= (double)result->valid;
    return CALR_OK;
}

static calr_status allocate(evaluation *work)
{
    int64_t queries = work->query->count;
    work->norms = calr_array_new(work->gallery->count, sizeof *work->norms);
    work->average_precision = calr_array_zeros(queries, sizeof *work->average_precision);
    work->inverse_penalty = calr_array_zeros(queries, sizeof *work->inverse_penalty);
    work->first = calr_array_zeros(queries, (size_t)work->draws * sizeof *work->first);
    CALR_TRY(calr_rank_index_make(&work->index, work->gallery));
    work->hits = calr_array_new(work->index.longest * calr_parallel_threads(), sizeof *work->hits);
    if (work->options->rerank)
        work->overlap =
            calr_array_zeros(work->gallery->count * calr_parallel_threads(), sizeof *work->overlap);
    if (work->options->rerank && !work->overlap)
        return calr_error(CALR_ENOMEM, "no memory to re-rank a gallery of %" PRId64,
                          work->gallery->count);
    if (!work->norms || !work->average_precision || !work->inverse_penalty || !work->first ||
        !work->hits)
        return calr_error(CALR_ENOMEM,
                          "no memory to rank %" PRId64 " queries in a gallery of %" PRId64, queries,
                          work->gallery->count);
    return CALR_OK;
}

static calr_status run(evaluation *work, calr_rank_way way, int64_t dim, calr_rank_result *result)
{
    bool done = false;
    CALR_TRY(allocate(work));
    CALR_TRY(calr_rank_norms("query", work->query, dim, NULL));
    CALR_TRY(calr_rank_norms("gallery", work->gallery, dim, work->norms));
    work->exact = calr_rank_exact_make(work->query, work->gallery, dim, work->norms);
    calr_rank_bounded bounded = {.query = work->query,
                                 .gallery = work->gallery,
                                 .index = &work->index,
                                 .exact = &work->exact,
                                 .rule = work->options->rule,
                                 .dim = dim,
                                 .force = way == CALR_RANK_BYTES,
                                 .done = judge,
                                 .context = work};
    if (way != CALR_RANK_FLOAT && !work->options->rerank && work->options->repeats == 0)
        CALR_TRY(calr_rank_count_bounded(&bounded, &done));
    if (way == CALR_RANK_BYTES && !done)
        return calr_error(CALR_ENOTFOUND, "these sets cannot be ranked by products of bytes");
    if (!done)
        CALR_TRY(
            calr_rank_tiles(work->query, work->gallery, dim, work->norms, evaluate_query, work));
    return summarise(work, result);
}

calr_status calr_rank_evaluate(const calr_rank_set *query, const calr_rank_set *gallery,
                               int64_t dim, const calr_rank_options *options,
                               calr_rank_result *result)
{
    return calr_rank_evaluate_by(CALR_RANK_AUTO, query, gallery, dim, options, result);
}

calr_status calr_rank_evaluate_by(calr_rank_way way, const calr_rank_set *query,
                                  const calr_rank_set *gallery, int64_t dim,
                                  const calr_rank_options *options, calr_rank_result *result)
{
    CALR_TRY(calr_rank_check_sets(query, gallery, dim));
    if (!query->identities)
        return calr_error(CALR_EINVAL,
                          "identities of queries and gallery are needed to tell a match");
    if (options->max_rank < 1 || options->max_rank > CALR_RANK_MAX_CMC)
        return calr_error(CALR_EINVAL, "max_rank must be 1 .. %d, not %" PRId64, CALR_RANK_MAX_CMC,
                          options->max_rank);
    CALR_TRY(calr_rerank_check(options->rerank, query, gallery));
    if (options->repeats < 0 || options->repeats > CALR_RANK_MAX_REPEATS)
        return calr_error(CALR_EINVAL, "repeats must be 1 .. %d, not %" PRId64,
                          CALR_RANK_MAX_REPEATS, options->repeats);
    evaluation work = {.query = query, .gallery = gallery, .options = options};
    work.draws = options->repeats > 0 ? options->repeats : 1;
    calr_status status = run(&work, way, dim, result);
    calr_rank_index_release(&work.index);
    free(work.hits);
    free(work.norms);
    free(work.overlap);
    free(work.average_precision);
    free(work.inverse_penalty);
    free(work.first);
    return status;
}
