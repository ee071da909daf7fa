#include "rank/expand.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"

typedef struct expansion {
    const calr_rank_set *query, *gallery;
    int64_t dim, k; /* k: entries of a list */
    bool same;
    double alpha;
    int32_t *indices; /* [queries x k] */
    double *sums;     /* [threads x dim] */
    float *out;
} expansion;

/* The cosine of unit rows, from the rows themselves. */
static double product(const float *a, const float *b, int64_t dim)
{
    double sum = 0;
    for (int64_t c = 0; c < dim; c++)
        sum += (double)a[c] * b[c];
    return sum;
}

static void expand_rows(void *context, int64_t begin, int64_t end, int worker)
{
    expansion *e = context;
    int64_t dim = e->dim;
    double *sum = e->sums + worker * dim;
    for (int64_t i = begin; i < end; i++) {
        const float *own = e->query->features + i * dim;
        int64_t taken = 0, wanted = e->same ? e->k - 1 : e->k;
        double length = 0;
        for (int64_t c = 0; c < dim; c++)
            sum[c] = own[c];
        for (int64_t p = 0; p < e->k && taken < wanted; p++) {
            int32_t row = e->indices[i * e->k + p];
            if (row < 0)
                break;
            if (e->same && row == i)
                continue;
            taken++;
            const float *other = e->gallery->features + row * dim;
            double weight = pow(fmax(0, product(own, other, dim)), e->alpha);
            for (int64_t c = 0; c < dim; c++)
                sum[c] += weight * other[c];
        }
        for (int64_t c = 0; c < dim; c++)
            length += sum[c] * sum[c];
        double scale = length > 0 ? 1 / sqrt(length) : 0;
        for (int64_t c = 0; c < dim; c++)
            e->out[i * dim + c] = (float)(sum[c] * scale);
    }
}

static calr_status check_unit(const char *what, const calr_rank_set *set, int64_t dim)
{
    for (int64_t i = 0; i < set->count; i++) {
        CALR_TRY(calr_interrupt_check());
        const float *row = set->features + i * dim;
        double length = sqrt(product(row, row, dim));
        if (isfinite(length) && fabs(length - 1) > 1e-3)
            return calr_error(CALR_EINVAL,
                              "row %" PRId64
                              " (counted from 0) of the %s has length %g: query expansion needs "
                              "unit features",
                              i, what, length);
    }
    return CALR_OK;
}

calr_status calr_rank_expand(const calr_rank_set *query, const calr_rank_set *gallery, int64_t dim,
                             int64_t k, double alpha, float *out)
{
    if (k < 1 || k > INT32_MAX - 1 || !(alpha >= 0 && isfinite(alpha)))
        return calr_error(CALR_EINVAL,
                          "query expansion needs k >= 1 and alpha >= 0, not %" PRId64 " and %g", k,
                          alpha);
    /* Without identities, nothing is ignored. */
    calr_rank_set queries = {.count = query->count, .features = query->features};
    calr_rank_set entries = {.count = gallery->count, .features = gallery->features};
    expansion e = {.query = query, .gallery = gallery, .dim = dim, .alpha = alpha, .out = out};
    e.same = query->features == gallery->features && query->count == gallery->count;
    e.k = k + e.same < gallery->count ? k + e.same : gallery->count > 0 ? gallery->count : 1;
    if (dim >= 1) {
        CALR_TRY(check_unit("queries", query, dim));
        CALR_TRY(check_unit("gallery", gallery, dim));
    }
    e.indices = calr_array_new(query->count, (size_t)e.k * sizeof *e.indices);
    e.sums = calr_array_new(calr_parallel_threads(), (size_t)(dim < 1 ? 1 : dim) * sizeof *e.sums);
    calr_status status = CALR_OK;
    if (!e.indices || !e.sums)
        status = calr_error(CALR_ENOMEM, "no memory for the neighbours of %" PRId64 " queries",
                            query->count);
    if (status == CALR_OK)
        status =
            calr_rank_topk(&queries, &entries, dim, e.k, CALR_RULE_JUNK, NULL, e.indices, NULL);
    if (status == CALR_OK)
        status = calr_parallel_try(query->count, 64, expand_rows, &e);
    free(e.indices);
    free(e.sums);
    return status;
}
