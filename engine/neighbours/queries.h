/* What the approximate indices (ivf.h, graph.h) share: the check of their queries, and samples of them, by which recall
 * is measured. */
#ifndef CALR_NEIGHBOURS_QUERIES_H
#define CALR_NEIGHBOURS_QUERIES_H

#include "base/status.h"
#include "neighbours/ivf.h"

/* The rows of an index. */
typedef struct calr_queries_base {
    int64_t n, d;
    double *length;       /* [n] of the rows, less the centre */
    const double *centre; /* [d] or NULL */
} calr_queries_base;

/* Checks the query and measures its rows: *length belongs to the caller unless it is the index's own
 * (calr_queries_release). CALR_EINVAL, CALR_ENUMERIC, CALR_ENOMEM. */
calr_status calr_queries_prepare(const calr_queries_base *base, const calr_ivf_query *query,
                                 double **length);
static inline int64_t calr_queries_count(const calr_queries_base *base, const calr_ivf_query *query)
{
    return query->rows ? query->n : base->n;
}
/* NULL is allowed. */
void calr_queries_release(const calr_ivf_query *query, double *length);

/* (*pick)[*count] of the `all` queries, drawn and in ascending order; the caller frees it. CALR_EINVAL: a sample of
 * none; CALR_ENOMEM. */
calr_status calr_queries_draw(const calr_ivf_sample *sample, int64_t all, int64_t *count,
                              int64_t **pick);

/* Whether the first neighbour of each is the row itself, which counts neither way. */
static inline bool calr_queries_skip(const calr_ivf_query *query)
{
    return !query->rows && query->include_self;
}

/* The share of values[count x k] that are as near as the last true neighbour, last[i * apart] of query i; 1 of
 * none. */
double calr_queries_recall(const calr_ivf_query *query, calr_metric metric, int64_t count,
                           const float *values, const float *last, int64_t apart);

#endif
