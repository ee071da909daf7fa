#include "cluster/davies_bouldin.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"
#include "labels/labels.h"

typedef struct work {
    const float *x;
    int64_t n, d, clusters;
    int32_t *labels;   /* canonical */
    int64_t *counts;   /* [clusters] */
    double *centroids; /* [clusters x d] */
    double *lengths;   /* [n] to the own centroid */
    double *spread;    /* [clusters] mean of those */
    double *worst;     /* [clusters] */
} work;

static void measure_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    work *w = context;
    for (int64_t i = begin; i < end; i++) {
        double sum = 0;
        for (int64_t c = 0; w->labels[i] >= 0 && c < w->d; c++) {
            double v = w->x[i * w->d + c] - w->centroids[w->labels[i] * w->d + c];
            sum += v * v;
        }
        w->lengths[i] = sqrt(sum);
    }
}

static void compare_clusters(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    work *w = context;
    for (int64_t a = begin; a < end && !calr_interrupt_requested(); a++) {
        w->worst[a] = 0;
        for (int64_t b = 0; b < w->clusters; b++) {
            double sum = 0;
            for (int64_t c = 0; c < w->d; c++) {
                double v = w->centroids[a * w->d + c] - w->centroids[b * w->d + c];
                sum += v * v;
            }
            if (sum > 0)
                w->worst[a] = fmax(w->worst[a], (w->spread[a] + w->spread[b]) / sqrt(sum));
        }
    }
}

static calr_status find_centroids(work *w)
{
    for (int64_t i = 0; i < w->n; i++) {
        if (w->labels[i] < 0)
            continue;
        double *to = w->centroids + w->labels[i] * w->d;
        CALR_TRY(calr_interrupt_check());
        for (int64_t c = 0; c < w->d; c++) {
            if (!isfinite(w->x[i * w->d + c]))
                return calr_error(CALR_ENUMERIC,
                                  "row %" PRId64 " (from 0) holds a NaN or an infinity", i);
            to[c] += w->x[i * w->d + c];
        }
    }
    for (int64_t k = 0; k < w->clusters; k++)
        for (int64_t c = 0; c < w->d; c++)
            w->centroids[k * w->d + c] /= (double)w->counts[k];
    return CALR_OK;
}

static calr_status run(work *w, double *out)
{
    int64_t numbers;
    if (!__builtin_mul_overflow(w->clusters, w->d, &numbers))
        w->centroids = calr_array_zeros(numbers, sizeof *w->centroids);
    w->counts = calr_array_new(w->clusters, sizeof *w->counts);
    w->lengths = calr_array_new(w->n, sizeof *w->lengths);
    w->spread = calr_array_zeros(w->clusters, sizeof *w->spread);
    w->worst = calr_array_new(w->clusters, sizeof *w->worst);
    if (!w->centroids || !w->counts || !w->lengths || !w->spread || !w->worst)
        return calr_error(CALR_ENOMEM,
                          "out of memory for %" PRId64 " centroids of %" PRId64 " numbers",
                          w->clusters, w->d);
    calr_labels_count(w->labels, w->n, w->clusters, w->counts);
    CALR_TRY(find_centroids(w));
    CALR_TRY(calr_parallel_try(w->n, 64, measure_rows, w));
    for (int64_t i = 0; i < w->n; i++)
        if (w->labels[i] >= 0)
            w->spread[w->labels[i]] += w->lengths[i];
    for (int64_t k = 0; k < w->clusters; k++)
        w->spread[k] /= (double)w->counts[k];
    CALR_TRY(calr_parallel_try(w->clusters, 8, compare_clusters, w));
    double sum = 0;
    for (int64_t k = 0; k < w->clusters; k++)
        sum += w->worst[k];
    *out = sum / (double)w->clusters;
    return CALR_OK;
}

calr_status calr_davies_bouldin(const float *x, int64_t n, int64_t d, const int32_t *labels,
                                double *out)
{
    work w = {.x = x, .n = n, .d = d, .labels = calr_array_new(n, sizeof *w.labels)};
    if (!w.labels)
        return calr_error(CALR_ENOMEM, "out of memory for %" PRId64 " labels", n);
    calr_status status = calr_labels_canonical(labels, n, 1, w.labels, &w.clusters);
    if (status == CALR_OK && w.clusters < 2)
        status =
            calr_error(CALR_ENOTFOUND, "separation compares clusters: two are needed, there %s",
                       w.clusters == 1 ? "is 1" : "is none");
    if (status == CALR_OK)
        status = run(&w, out);
    free(w.labels);
    free(w.counts);
    free(w.centroids);
    free(w.lengths);
    free(w.spread);
    free(w.worst);
    return status;
}
