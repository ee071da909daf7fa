#include "neighbours/queries.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/rng.h"
#include "base/size.h"
#include "neighbours/nearest.h"

calr_status calr_queries_prepare(const calr_queries_base *base, const calr_ivf_query *query,
                                 double **length)
{
    int64_t n = base->n;
    bool besides = !query->rows && !query->include_self;
    int64_t most = besides && n > 0 ? n - 1 : n;
    if (query->rows && (query->n < 0 || query->n > INT32_MAX))
        return calr_error(CALR_EINVAL, "%" PRId64 " queries are more than an index takes at a time",
                          query->n);
    if (query->k < 1)
        return calr_error(CALR_EINVAL, "k must be at least 1, not %" PRId64, query->k);
    if (query->k > most)
        return calr_error(CALR_EINVAL,
                          "k = %" PRId64 " neighbours, but there are only %" PRId64
                          "%s: n is %" PRId64,
                          query->k, most, besides ? " besides the row itself" : "", n);
    *length = query->rows ? calr_array_new(query->n, sizeof **length) : base->length;
    if (!*length)
        return calr_error(CALR_ENOMEM,
                          "out of memory for %" PRId64 " lists of %" PRId64 " neighbours", query->n,
                          query->k);
    if (!query->rows)
        return CALR_OK;
    calr_status status =
        calr_rows_measure(query->rows, query->n, base->d, base->centre, "the queries", *length);
    if (status != CALR_OK) {
        free(*length);
        *length = NULL;
    }
    return status;
}

void calr_queries_release(const calr_ivf_query *query, double *length)
{
    if (query->rows)
        free(length);
}

static int ascending(const void *a, const void *b)
{
    int64_t p = *(const int64_t *)a, q = *(const int64_t *)b;
    return (p > q) - (p < q);
}

calr_status calr_queries_draw(const calr_ivf_sample *sample, int64_t all, int64_t *count,
                              int64_t **pick)
{
    if (sample->count < 1)
        return calr_error(CALR_EINVAL, "recall needs a sample of at least 1 query, not %" PRId64,
                          sample->count);
    int64_t *order = calr_array_new(all, sizeof *order), many = sample->count;
    many = many < all ? many : all;
    if (!order)
        return calr_error(CALR_ENOMEM, "out of memory for a sample of %" PRId64 " queries", many);
    for (int64_t i = 0; i < all; i++)
        order[i] = i;
    calr_rng rng = calr_rng_make(sample->seed, calr_rng_purpose("ivf recall"), 0, 0);
    for (int64_t i = 0; i < many && many < all; i++) {
        int64_t at = i + (int64_t)calr_rng_below(&rng, (uint64_t)(all - i)), row = order[at];
        order[at] = order[i];
        order[i] = row;
    }
    qsort(order, (size_t)many, sizeof *order, ascending);
    *count = many;
    *pick = order;
    return CALR_OK;
}

double calr_queries_recall(const calr_ivf_query *query, calr_metric metric, int64_t count,
                           const float *values, const float *last, int64_t apart)
{
    int64_t k = query->k, right = 0, all = 0;
    for (int64_t i = 0; i < count; i++)
        for (int64_t p = calr_queries_skip(query); p < k; p++) {
            float value = values[i * k + p];
            right += metric == CALR_COSINE ? value >= last[i * apart] : value <= last[i * apart];
            all++;
        }
    return all > 0 ? (double)right / (double)all : 1;
}
