#include "cluster/silhouette.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "base/size.h"
#include "labels/labels.h"
#include "neighbours/pairwise.h"

typedef struct work {
    const calr_distance *distance; /* or */
    const calr_pairwise *pairwise;
    int64_t n;
    const int32_t *labels; /* canonical */
    const int64_t *counts; /* [clusters] */
    int64_t clusters;
    double
        *sums; /* [threads x clusters] distances from one thing to each cluster; 0 between things */
    int32_t *touched;    /* [threads x clusters] clusters whose sum is not that of missing pairs */
    uint8_t *is_touched; /* [threads x clusters] */
    int64_t *chosen;     /* [count] rows to score, ascending */
    int64_t count;
    double *samples; /* [count] */
    double *rows;    /* [threads x CALR_PAIRWISE_ROWS x n] distances of features */
    double *scratch; /* [threads x calr_pairwise_scratch] */
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

/* From the sum of the distances to each cluster, which are 0 again afterwards. */
static double score_sums(const work *w, int64_t i, double *sums)
{
    int32_t own = w->labels[i];
    double a = sums[own] / (double)(w->counts[own] - 1), b = INFINITY;
    for (int64_t c = 0; c < w->clusters; c++) {
        if (c != own)
            b = fmin(b, sums[c] / (double)w->counts[c]);
        sums[c] = 0;
    }
    return score(a, b);
}

static double sample_dense(const work *w, int64_t i, double *sums)
{
    const float *row = w->distance->dense + i * w->n;
    for (int64_t j = 0; j < w->n; j++)
        if (w->labels[j] >= 0 && j != i)
            sums[w->labels[j]] += row[j];
    return score_sums(w, i, sums);
}

static double sample_row(const work *w, int64_t i, const double *row, double *sums)
{
    for (int64_t j = 0; j < w->n; j++)
        if (w->labels[j] >= 0)
            sums[w->labels[j]] += row[j]; /* 0 to itself */
    return score_sums(w, i, sums);
}

static void sample_distances(void *context, int64_t begin, int64_t end, int worker)
{
    work *w = context;
    double *sums = w->sums + worker * w->clusters;
    for (int64_t s = begin; s < end && !calr_interrupt_requested(); s++) {
        int64_t i = w->chosen[s];
        if (w->counts[w->labels[i]] == 1)
            w->samples[s] = 0;
        else if (w->distance->sparse)
            w->samples[s] = sample_sparse(w, i, sums, w->touched + worker * w->clusters,
                                          w->is_touched + worker * w->clusters);
        else
            w->samples[s] = sample_dense(w, i, sums);
    }
}

/* Tiles begin .. end-1 of the chosen rows. */
static void sample_features(void *context, int64_t begin, int64_t end, int worker)
{
    work *w = context;
    double *sums = w->sums + worker * w->clusters;
    double *rows = w->rows + (int64_t)worker * CALR_PAIRWISE_ROWS * w->n;
    for (int64_t tile = begin; tile < end; tile++) {
        int64_t first = tile * CALR_PAIRWISE_ROWS, count = w->count - first;
        count = count < CALR_PAIRWISE_ROWS ? count : CALR_PAIRWISE_ROWS;
        if (count <= 0)
            continue;
        calr_pairwise_rows(w->pairwise, w->chosen + first, count,
                           w->scratch + worker * calr_pairwise_scratch(w->pairwise), rows);
        for (int64_t r = 0; r < count && !calr_interrupt_requested(); r++) {
            int64_t i = w->chosen[first + r];
            bool alone = w->counts[w->labels[i]] == 1;
            w->samples[first + r] = alone ? 0 : sample_row(w, i, rows + r * w->n, sums);
        }
    }
}

static int ascending(const void *a, const void *b)
{
    const int64_t *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

/* All that are no outliers, or a sample of them: the first of a shuffle. */
static void choose(work *w, const calr_silhouette_options *options)
{
    for (int64_t i = 0; i < w->n; i++)
        if (w->labels[i] >= 0)
            w->chosen[w->count++] = i;
    if (options->sample < 1 || options->sample >= w->count)
        return;
    calr_rng rng = calr_rng_make(options->seed, calr_rng_purpose("silhouette"), 0, 0);
    for (int64_t s = 0; s < options->sample; s++) {
        int64_t other = s + (int64_t)calr_rng_below(&rng, (uint64_t)(w->count - s));
        int64_t row = w->chosen[s];
        w->chosen[s] = w->chosen[other];
        w->chosen[other] = row;
    }
    w->count = options->sample;
    qsort(w->chosen, (size_t)w->count, sizeof *w->chosen, ascending);
}

static calr_status allocate(work *w)
{
    size_t clusters = (size_t)w->clusters, rows = 0, row_bytes = 0;
    int threads = calr_parallel_threads();
    w->sums = calr_array_zeros(threads, clusters * sizeof *w->sums);
    w->touched = calr_array_new(threads, clusters * sizeof *w->touched);
    w->is_touched = calr_array_zeros(threads, clusters);
    w->chosen = calr_array_new(w->n, sizeof *w->chosen);
    w->samples = calr_array_new(w->n, sizeof *w->samples);
    bool whole = w->sums && w->touched && w->is_touched && w->chosen && w->samples;
    if (whole && w->pairwise) {
        if (calr_size_mul((size_t)w->n, CALR_PAIRWISE_ROWS, &rows) &&
            calr_size_mul(rows, sizeof *w->rows, &row_bytes))
            w->rows = calr_array_new(threads, row_bytes);
        w->scratch = calr_array_new(threads, (size_t)calr_pairwise_scratch(w->pairwise) *
                                                 sizeof *w->scratch);
        whole = w->rows && w->scratch;
    }
    if (!whole)
        return calr_error(CALR_ENOMEM, "out of memory for the silhouettes of %" PRId64 " things",
                          w->n);
    return CALR_OK;
}

static calr_status run(work *w, const calr_silhouette_options *options, float *samples,
                       double *mean)
{
    CALR_TRY(allocate(w));
    choose(w, options);
    if (w->pairwise) /* one tile more than there are: see pairwise.h */
        CALR_TRY(calr_parallel_try((w->count + CALR_PAIRWISE_ROWS - 1) / CALR_PAIRWISE_ROWS + 1, 1,
                                   sample_features, w));
    else
        CALR_TRY(calr_parallel_try(w->count, 64, sample_distances, w));
    double sum = 0;
    for (int64_t i = 0; samples && i < w->n; i++)
        samples[i] = w->labels[i] < 0 ? 0 : NAN;
    for (int64_t s = 0; s < w->count; s++) {
        sum += w->samples[s];
        if (samples)
            samples[w->chosen[s]] = (float)w->samples[s];
    }
    *mean = sum / (double)w->count;
    return CALR_OK;
}

/* Numbers the clusters, checks that there are two, and scores; `w` holds the distances. */
static calr_status score_labels(work *w, const int32_t *labels,
                                const calr_silhouette_options *options, float *samples,
                                double *mean)
{
    int32_t *canonical = calr_array_new(w->n, sizeof *canonical);
    int64_t *counts = calr_array_zeros(w->n, sizeof *counts);
    w->labels = canonical;
    w->counts = counts;
    calr_status status = CALR_OK;
    if (!canonical || !counts)
        status = calr_error(CALR_ENOMEM, "out of memory for the silhouettes of %" PRId64 " things",
                            w->n);
    if (status == CALR_OK)
        status = calr_labels_canonical(labels, w->n, 1, canonical, &w->clusters);
    if (status == CALR_OK && w->clusters < 2)
        status =
            calr_error(CALR_ENOTFOUND, "silhouettes compare clusters: two are needed, there %s",
                       w->clusters == 1 ? "is 1" : "is none");
    if (status == CALR_OK) {
        calr_labels_count(canonical, w->n, w->clusters, counts);
        status = run(w, options, samples, mean);
    }
    free(canonical);
    free(counts);
    free(w->sums);
    free(w->touched);
    free(w->is_touched);
    free(w->chosen);
    free(w->samples);
    free(w->rows);
    free(w->scratch);
    return status;
}

calr_status calr_silhouette_sampled(const calr_distance *distance, const int32_t *labels,
                                    const calr_silhouette_options *options, float *samples,
                                    double *mean)
{
    work w = {.distance = distance, .n = distance->n};
    return score_labels(&w, labels, options, samples, mean);
}

calr_status calr_silhouette(const calr_distance *distance, const int32_t *labels, float *samples,
                            double *mean)
{
    calr_silhouette_options all = {0};
    return calr_silhouette_sampled(distance, labels, &all, samples, mean);
}

calr_status calr_silhouette_features(const float *x, int64_t n, int64_t d, calr_metric metric,
                                     const int32_t *labels, const calr_silhouette_options *options,
                                     float *samples, double *mean)
{
    calr_pairwise *pairwise;
    CALR_TRY(calr_pairwise_new(x, n, d, metric, &pairwise));
    work w = {.pairwise = pairwise, .n = n};
    calr_status status = score_labels(&w, labels, options, samples, mean);
    calr_pairwise_release(pairwise);
    return status;
}
