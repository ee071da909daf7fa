#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "neighbours/graph_internal.h"

enum { LEAST_EFFORT = 8 };

/* The sampled queries and what is true of them. */
typedef struct truth {
    const calr_graph *graph;
    const calr_ivf_query *query;
    double *length; /* of all queries */
    int64_t *pick;  /* [count] ascending */
    int64_t count, apart;
    float *last; /* [count x apart] values of the true neighbours, the last of each its farthest */
    int32_t *indices; /* [count x apart] of them; of a search [count x k] */
    float *values;    /* [count x k] of a search */
} truth;

/* The exact neighbours of the picked rows among all: of own rows one more, where they do not count themselves. */
static calr_status find_truth(truth *t)
{
    const calr_graph *graph = t->graph;
    int64_t d = graph->d, numbers;
    const float *from = t->query->rows ? t->query->rows : graph->x;
    t->apart = t->query->k + (!t->query->rows && !t->query->include_self);
    float *rows = __builtin_mul_overflow(t->count, d, &numbers)
                      ? NULL
                      : calr_array_new(numbers, sizeof *rows);
    t->last = calr_array_new(t->count, (size_t)t->apart * sizeof *t->last);
    t->indices = calr_array_new(t->count, (size_t)t->apart * sizeof *t->indices);
    t->values = calr_array_new(t->count, (size_t)t->query->k * sizeof *t->values);
    calr_status status = CALR_OK;
    if (!rows || !t->last || !t->indices || !t->values)
        status = calr_error(CALR_ENOMEM, "out of memory for the neighbours of %" PRId64 " queries",
                            t->count);
    for (int64_t i = 0; status == CALR_OK && i < t->count; i++)
        memcpy(rows + i * d, from + t->pick[i] * d, (size_t)d * sizeof *rows);
    if (status == CALR_OK)
        status = calr_knn(rows, t->count, graph->x, graph->n, d, t->apart, graph->metric, false,
                          t->indices, t->last);
    free(rows);
    return status;
}

static calr_status begin_truth(truth *t, const calr_ivf_sample *sample)
{
    calr_queries_base base = calr_graph_base(t->graph);
    CALR_TRY(calr_queries_prepare(&base, t->query, &t->length));
    CALR_TRY(calr_queries_draw(sample, calr_queries_count(&base, t->query), &t->count, &t->pick));
    return t->count > 0 ? find_truth(t) : CALR_OK;
}

static void end_truth(truth *t)
{
    calr_queries_release(t->query, t->length);
    free(t->pick);
    free(t->last);
    free(t->indices);
    free(t->values);
}

static calr_status measure(truth *t, int64_t effort, double *recall)
{
    *recall = 1; /* what a search of all rows has */
    if (effort >= t->graph->n || t->count == 0)
        return CALR_OK;
    CALR_TRY(calr_graph_search_some(t->graph, t->query, t->length, t->pick, t->count, effort,
                                    t->indices, t->values));
    *recall = calr_queries_recall(t->query, t->graph->metric, t->count, t->values,
                                  t->last + t->apart - 1, t->apart);
    return CALR_OK;
}

calr_status calr_graph_recall(const calr_graph *graph, const calr_ivf_query *query, int64_t effort,
                              const calr_ivf_sample *sample, double *recall)
{
    truth t = {.graph = graph, .query = query};
    if (effort < 1)
        return calr_error(CALR_EINVAL, "effort must be at least 1, not %" PRId64, effort);
    calr_status status = begin_truth(&t, sample);
    if (status == CALR_OK)
        status = measure(&t, effort, recall);
    end_truth(&t);
    return status;
}

/* Doubles the effort until it suffices, and halves the last step until that matters little. */
static calr_status choose(truth *t, double wanted, int64_t *effort, double *recall)
{
    int64_t n = t->graph->n > 0 ? t->graph->n : 1, low = 0,
            high = t->query->k > LEAST_EFFORT ? t->query->k : LEAST_EFFORT;
    high = high < n ? high : n;
    for (;;) {
        CALR_TRY(measure(t, high, recall));
        if (*recall >= wanted)
            break;
        low = high;
        high = high < n / 2 ? 2 * high : n;
    }
    while (low > 0 && high - low > 1 + low / 32) {
        int64_t middle = low + (high - low) / 2;
        double reached;
        CALR_TRY(measure(t, middle, &reached));
        if (reached >= wanted) {
            high = middle;
            *recall = reached;
        } else {
            low = middle;
        }
    }
    *effort = high;
    return CALR_OK;
}

calr_status calr_graph_choose_effort(const calr_graph *graph, const calr_ivf_query *query,
                                     double wanted, const calr_ivf_sample *sample, int64_t *effort,
                                     double *recall)
{
    if (!(wanted > 0 && wanted <= 1))
        return calr_error(CALR_EINVAL, "a recall must be above 0 and at most 1, not %g", wanted);
    truth t = {.graph = graph, .query = query};
    calr_status status = begin_truth(&t, sample);
    if (status == CALR_OK)
        status = choose(&t, wanted, effort, recall);
    end_truth(&t);
    return status;
}
