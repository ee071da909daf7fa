#include "cluster/silhouette.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/parallel.h"
#include "base/size.h"
#include "cluster/labels.h"

typedef struct work {
    const calr_distance *distance;
    const int32_t *labels; /* canonical */
    const int64_t *counts; /* [clusters] */
    int64_t clusters;
    double
        *sums; /* [threads x clusters] distances from one thing to each cluster; 0 between things */
    int32_t *touched;    /* [threads x clusters] clusters whose sum is not that of missing pairs */
    uint8_t *is_touched; /* [threads x clusters] */
    double *samples;     /* [n] */
} work;

/* Sums, for a sparse row, how much nearer than 1 the stored pairs are: clusters it does not touch
 * are at 1. */
static int64_t gather_sparse(const work *w, int64_t i, double *sums, int32_t *touched,
                             uint8_t *is_touched)
{
    const calr_csr *csr = w->distance->sparse;
    int64_t count = 0;
    for (int64_t p = csr->offsets[i]; p < csr->offsets[i + 1]; p++) {
        int32_t label = w->labels[csr->indices[p]];
        if (label < 0 || csr->indices[p] == i)
            continue;
        if (!is_touched[label]) {
            is_touched[label] = 1;
            touched[count++] = label;
        }
        sums[label] += 1 - (double)csr->values[p];
    }
    return count;
}

static double score(double a, double b)
{
    double largest = a > b ? a : b;
    return largest > 0 ? (b - a) / largest : 0;
}

static double sample_sparse(const work *w, int64_t i, double *sums, int32_t *touched,
                            uint8_t *is_touched)
{
    int64_t count = gather_sparse(w, i, sums, touched, is_touched);
    int32_t own = w->labels[i];
    int64_t others = w->clusters - 1; /* not touched, once those below are taken off */
    double a = 1, b = INFINITY;
    for (int64_t t = 0; t < count; t++) {
        int32_t label = touched[t];
        if (label == own) {
            a = 1 - sums[label] / (double)(w->counts[label] - 1);
        } else {
            b = fmin(b, 1 - sums[label] / (double)w->counts[label]);
            others--;
        }
        sums[label] = 0;
        is_touched[label] = 0;
    }
    return score(fmax(a, 0), fmax(others > 0 ? fmin(b, 1) : b, 0));
}

static double sample_dense(const work *w, int64_t i, double *sums)
{
    const float *row = w->distance->dense + i * w->distance->n;
    int32_t own = w->labels[i];
    for (int64_t j = 0; j < w->distance->n; j++)
        if (w->labels[j] >= 0 && j != i)
            sums[w->labels[j]] += row[j];
    double a = sums[own] / (double)(w->counts[own] - 1), b = INFINITY;
    for (int64_t c = 0; c < w->clusters; c++) {
        if (c != own)
            b = fmin(b, sums[c] / (double)w->counts[c]);
        sums[c] = 0;
    }
    return score(a, b);
}

static void sample_rows(void *context, int64_t begin, int64_t end, int worker)
{
    work *w = context;
    double *sums = w->sums + worker * w->clusters;
    for (int64_t i = begin; i < end; i++) {
        if (w->labels[i] < 0 || w->counts[w->labels[i]] == 1)
            w->samples[i] = 0;
        else if (w->distance->sparse)
            w->samples[i] = sample_sparse(w, i, sums, w->touched + worker * w->clusters,
                                          w->is_touched + worker * w->clusters);
        else
            w->samples[i] = sample_dense(w, i, sums);
    }
}

static calr_status run(work *w, float *samples, double *mean)
{
    int64_t n = w->distance->n, members = 0;
    size_t clusters = (size_t)w->clusters;
    int threads = calr_parallel_threads();
    w->sums = calr_array_zeros(threads, clusters * sizeof *w->sums);
    w->touched = calr_array_new(threads, clusters * sizeof *w->touched);
    w->is_touched = calr_array_zeros(threads, clusters);
    w->samples = calr_array_new(n, sizeof *w->samples);
    if (!w->sums || !w->touched || !w->is_touched || !w->samples)
        return calr_error(CALR_ENOMEM, "out of memory for the silhouettes of %" PRId64 " things",
                          n);
    calr_parallel_for(n, 64, sample_rows, w);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += w->samples[i];
        members += w->labels[i] >= 0;
        if (samples)
            samples[i] = (float)w->samples[i];
    }
    *mean = sum / (double)members;
    return CALR_OK;
}

calr_status calr_silhouette(const calr_distance *distance, const int32_t *labels, float *samples,
                            double *mean)
{
    int64_t n = distance->n;
    int32_t *canonical = calr_array_new(n, sizeof *canonical);
    int64_t *counts = calr_array_zeros(n, sizeof *counts);
    work w = {.distance = distance, .labels = canonical, .counts = counts};
    calr_status status = CALR_OK;
    if (!canonical || !counts)
        status =
            calr_error(CALR_ENOMEM, "out of memory for the silhouettes of %" PRId64 " things", n);
    if (status == CALR_OK)
        status = calr_labels_canonical(labels, n, 1, canonical, &w.clusters);
    if (status == CALR_OK && w.clusters < 2)
        status =
            calr_error(CALR_ENOTFOUND, "silhouettes compare clusters: two are needed, there %s",
                       w.clusters == 1 ? "is 1" : "is none");
    if (status == CALR_OK) {
        calr_labels_count(canonical, n, w.clusters, counts);
        status = run(&w, samples, mean);
    }
    free(canonical);
    free(counts);
    free(w.sums);
    free(w.touched);
    free(w.is_touched);
    free(w.samples);
    return status;
}
