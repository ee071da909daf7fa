#include "cluster/silhouette.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"
#include "labels/labels.h"
#include "neighbours/knn.h"

enum { ROW_GRAIN = 64, COLUMN_GRAIN = 64, NEAREST = 2 };

typedef struct work {
    const float *x;
    int64_t n, d, clusters;
    const int32_t *labels; /* canonical */
    int64_t *counts;       /* [clusters] */
    double *inverse;       /* [n] 1 / length of each row, 0 for a row of zeros */
    double *sums;          /* [clusters x d] of unit rows */
    float *centroids;      /* [clusters x d] the same, as neighbours are looked for */
    int32_t *nearest;      /* [n x NEAREST] centroids */
    float *similarities;   /* [n x NEAREST] */
    double *samples;       /* [n] */
} work;

static void measure_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    work *w = context;
    for (int64_t i = begin; i < end; i++) {
        double sum = 0;
        for (int64_t c = 0; c < w->d; c++)
            sum += (double)w->x[i * w->d + c] * w->x[i * w->d + c];
        w->inverse[i] = sum > 0 ? 1 / sqrt(sum) : 0;
    }
}

/* Columns begin .. end-1 of the sums: rows in order, so they do not depend on the threads. */
static void add_columns(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    work *w = context;
    for (int64_t i = 0; i < w->n && !calr_interrupt_due(i); i++) {
        if (w->labels[i] < 0)
            continue;
        double *sums = w->sums + w->labels[i] * w->d;
        for (int64_t c = begin; c < end; c++)
            sums[c] += w->x[i * w->d + c] * w->inverse[i];
    }
    for (int64_t k = 0; k < w->clusters; k++)
        for (int64_t c = begin; c < end; c++)
            w->centroids[k * w->d + c] = (float)(w->sums[k * w->d + c] / (double)w->counts[k]);
}

/* The cosine distance of a row to a centroid, 0 .. 2. */
static double distance_to(const work *w, int64_t i, int32_t cluster)
{
    const float *row = w->x + i * w->d;
    const double *centroid = w->sums + cluster * w->d;
    double product = 0, length = 0;
    for (int64_t c = 0; c < w->d; c++) {
        product += row[c] * centroid[c];
        length += centroid[c] * centroid[c];
    }
    return length > 0 ? fmax(0, 1 - product * w->inverse[i] / sqrt(length)) : 1;
}

static void score_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    work *w = context;
    for (int64_t i = begin; i < end; i++) {
        int32_t own = w->labels[i];
        w->samples[i] = 0;
        if (own < 0 || w->counts[own] == 1)
            continue;
        const int32_t *nearest = w->nearest + i * NEAREST;
        double a = distance_to(w, i, own);
        double b = distance_to(w, i, nearest[0] == own ? nearest[1] : nearest[0]);
        double largest = fmax(a, b);
        w->samples[i] = largest > 0 ? (b - a) / largest : 0;
    }
}

static calr_status run(work *w, float *samples, double *mean)
{
    int64_t values = w->clusters * w->d, members = 0;
    w->counts = calr_array_zeros(w->clusters, sizeof *w->counts);
    w->inverse = calr_array_new(w->n, sizeof *w->inverse);
    w->sums = calr_array_zeros(values, sizeof *w->sums);
    w->centroids = calr_array_new(values, sizeof *w->centroids);
    w->nearest = calr_array_new(w->n, NEAREST * sizeof *w->nearest);
    w->similarities = calr_array_new(w->n, NEAREST * sizeof *w->similarities);
    w->samples = calr_array_new(w->n, sizeof *w->samples);
    if (!w->counts || !w->inverse || !w->sums || !w->centroids || !w->nearest || !w->similarities ||
        !w->samples)
        return calr_error(CALR_ENOMEM, "out of memory for the silhouettes of %" PRId64 " things",
                          w->n);
    calr_labels_count(w->labels, w->n, w->clusters, w->counts);
    CALR_TRY(calr_parallel_try(w->n, ROW_GRAIN, measure_rows, w));
    CALR_TRY(calr_parallel_try(w->d, COLUMN_GRAIN, add_columns, w));
    CALR_TRY(calr_knn(w->x, w->n, w->centroids, w->clusters, w->d, NEAREST, CALR_COSINE, false,
                      w->nearest, w->similarities));
    CALR_TRY(calr_parallel_try(w->n, ROW_GRAIN, score_rows, w));
    double sum = 0;
    for (int64_t i = 0; i < w->n; i++) {
        sum += w->samples[i];
        members += w->labels[i] >= 0;
        if (samples)
            samples[i] = (float)w->samples[i];
    }
    *mean = sum / (double)members;
    return CALR_OK;
}

calr_status calr_silhouette_simplified(const float *x, int64_t n, int64_t d, const int32_t *labels,
                                       float *samples, double *mean)
{
    if (d < 1)
        return calr_error(CALR_EINVAL, "rows of %" PRId64 " numbers have no direction", d);
    int32_t *canonical = calr_array_new(n, sizeof *canonical);
    if (!canonical)
        return calr_error(CALR_ENOMEM, "out of memory for the silhouettes of %" PRId64 " things",
                          n);
    work w = {.x = x, .n = n, .d = d, .labels = canonical};
    calr_status status = calr_labels_canonical(labels, n, 1, canonical, &w.clusters);
    if (status == CALR_OK && w.clusters < 2)
        status =
            calr_error(CALR_ENOTFOUND, "silhouettes compare clusters: two are needed, there %s",
                       w.clusters == 1 ? "is 1" : "is none");
    if (status == CALR_OK)
        status = run(&w, samples, mean);
    free(canonical);
    free(w.counts);
    free(w.inverse);
    free(w.sums);
    free(w.centroids);
    free(w.nearest);
    free(w.similarities);
    free(w.samples);
    return status;
}
