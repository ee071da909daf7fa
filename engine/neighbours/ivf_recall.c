#include <inttypes.h>
#include <stdlib.h>

#include "base/interrupt.h"
#include "base/size.h"
#include "neighbours/ivf_internal.h"
#include "neighbours/queries.h"

/* The sampled queries and what is true of them. */
typedef struct truth {
    const calr_ivf *ivf;
    const calr_ivf_query *query;
    double *length; /* of all queries */
    int64_t *pick;  /* [count] ascending */
    int64_t count;
    int32_t *indices; /* [count x k] */
    float *values;
    int32_t *found_indices; /* [count x k] of the search that is measured */
    float *found_values;
} truth;

static calr_status no_memory(const truth *t)
{
    return calr_error(CALR_ENOMEM, "out of memory for the neighbours of %" PRId64 " queries",
                      t->count);
}

static calr_status find_truth(truth *t)
{
    size_t bytes = (size_t)t->query->k * sizeof(float); /* k <= n, checked */
    t->indices = calr_array_new(t->count, bytes);
    t->values = calr_array_new(t->count, bytes);
    t->found_indices = calr_array_new(t->count, bytes);
    t->found_values = calr_array_new(t->count, bytes);
    if (!t->indices || !t->values || !t->found_indices || !t->found_values)
        return no_memory(t);
    return calr_ivf_search_some(t->ivf, t->query, t->length, t->pick, t->count, t->ivf->lists,
                                t->indices, t->values);
}

static calr_status begin_truth(truth *t, const calr_ivf_sample *sample, int64_t probes)
{
    int64_t n = t->query->rows ? t->query->n : t->ivf->n;
    CALR_TRY(calr_ivf_prepare(t->ivf, t->query, probes, &t->length));
    CALR_TRY(calr_queries_draw(sample, n, &t->count, &t->pick));
    return find_truth(t);
}

static void end_truth(truth *t)
{
    calr_queries_release(t->query, t->length);
    free(t->pick);
    free(t->indices);
    free(t->values);
    free(t->found_indices);
    free(t->found_values);
}

static calr_status measure(truth *t, int64_t probes, double *recall)
{
    CALR_TRY(calr_ivf_search_some(t->ivf, t->query, t->length, t->pick, t->count, probes,
                                  t->found_indices, t->found_values));
    int64_t k = t->query->k;
    *recall = calr_queries_recall(t->query, t->ivf->metric, t->count, t->found_values,
                                  t->values + k - 1, k);
    return CALR_OK;
}

calr_status calr_ivf_recall(const calr_ivf *ivf, const calr_ivf_query *query, int64_t probes,
                            const calr_ivf_sample *sample, double *recall)
{
    truth t = {.ivf = ivf, .query = query};
    calr_status status = begin_truth(&t, sample, probes);
    if (status == CALR_OK)
        status = measure(&t, probes, recall);
    end_truth(&t);
    return status;
}

/* How many true neighbours lie in the list nearest to their query, in the second nearest ...: counts[lists]. */
static calr_status count_ranks(const truth *t, int32_t *lists, int64_t *counts, int64_t *rank_of)
{
    const calr_ivf *ivf = t->ivf;
    int64_t k = t->query->k;
    CALR_TRY(calr_ivf_rank_lists(ivf, t->query, t->pick, t->count, ivf->lists, lists));
    for (int64_t i = 0; i < t->count; i++) {
        CALR_TRY(calr_interrupt_check());
        for (int64_t r = 0; r < ivf->lists; r++)
            rank_of[lists[i * ivf->lists + r]] = r;
        for (int64_t p = calr_queries_skip(t->query); p < k; p++)
            counts[rank_of[ivf->list_of[t->indices[i * k + p]]]]++;
    }
    return CALR_OK;
}

static calr_status choose(truth *t, double wanted, int64_t *probes, double *recall)
{
    int64_t all_lists = t->ivf->lists, all = t->count * (t->query->k - calr_queries_skip(t->query)),
            sum = 0;
    int32_t *lists = calr_array_new(t->count, (size_t)all_lists * sizeof *lists);
    int64_t *counts = calr_array_zeros(all_lists, sizeof *counts);
    int64_t *rank_of = calr_array_new(all_lists, sizeof *rank_of);
    calr_status status = lists && counts && rank_of ? CALR_OK : no_memory(t);
    if (status == CALR_OK)
        status = count_ranks(t, lists, counts, rank_of);
    *probes = 1;
    for (int64_t r = 0; r < all_lists && status == CALR_OK; r++) {
        sum += counts[r];
        *probes = r + 1;
        if ((double)sum >= wanted * (double)all)
            break;
    }
    free(lists);
    free(counts);
    free(rank_of);
    CALR_TRY(status);
    CALR_TRY(measure(t, *probes, recall));
    while (*recall < wanted &&
           *probes < all_lists) { /* rounding between lists that are equally near */
        *probes = *probes < all_lists / 2 ? *probes * 2 : all_lists;
        CALR_TRY(measure(t, *probes, recall));
    }
    return CALR_OK;
}

calr_status calr_ivf_choose_probes(const calr_ivf *ivf, const calr_ivf_query *query, double wanted,
                                   const calr_ivf_sample *sample, int64_t *probes, double *recall)
{
    if (!(wanted > 0 && wanted <= 1))
        return calr_error(CALR_EINVAL, "a recall must be above 0 and at most 1, not %g", wanted);
    truth t = {.ivf = ivf, .query = query};
    calr_status status = begin_truth(&t, sample, 1);
    if (status == CALR_OK)
        status = choose(&t, wanted, probes, recall);
    end_truth(&t);
    return status;
}
