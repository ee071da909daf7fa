#include "neighbours/jaccard.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"
#include "neighbours/encode.h"
#include "neighbours/knn.h"
#include "neighbours/nearest.h"

enum { GRAIN = CALR_ENCODE_GRAIN };

typedef struct work {
    const float *x;
    int64_t n, d, words;
    int64_t depth; /* entries of rank(i) */
    int64_t near;  /* entries that R(j, h) looks at */
    int64_t k2;
    const float *scale;  /* [n] or NULL: distances of row i are divided by scale[i] */
    int32_t *rank;       /* [n x depth] */
    float *similarity;   /* [n x depth] */
    double *inverse;     /* [n] 1 / length, 0 for a row of zeros */
    int32_t *wide;       /* [n x depth] R(i, k1), in the order of rank(i) */
    int32_t *narrow;     /* [n x near] R(i, h) */
    int32_t *wide_count; /* [n] */
    int32_t *narrow_count;
    calr_bag *bags; /* [threads] */
    int64_t threads;
    calr_csr_builder *builder;
} work;

/* ---- reciprocal neighbours ---- */

static bool among(const int32_t *list, int64_t count, int32_t row)
{
    for (int64_t p = 0; p < count; p++)
        if (list[p] == row)
            return true;
    return false;
}

/* R(i, .) with the first `reach` entries of every rank. */
static int32_t reciprocal(const work *w, int64_t i, int64_t reach, int32_t *out)
{
    int32_t count = 0;
    const int32_t *mine = w->rank + i * w->depth;
    for (int64_t p = 0; p < reach; p++)
        if (among(w->rank + mine[p] * w->depth, reach, (int32_t)i))
            out[count++] = mine[p];
    return count;
}

static void find_reciprocal(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    work *w = context;
    for (int64_t i = begin; i < end && !calr_interrupt_requested(); i++) {
        w->wide_count[i] = reciprocal(w, i, w->depth, w->wide + i * w->depth);
        w->narrow_count[i] = reciprocal(w, i, w->near, w->narrow + i * w->near);
        const float *row = w->x + i * w->d;
        double sum = calr_rows_dot(row, row, NULL, w->d);
        w->inverse[i] = sum > 0 ? 1 / sqrt(sum) : 0;
    }
}

/* ---- weights ---- */

/* The cosine of two rows that the neighbour search did not report. */
static float cosine(const work *w, int64_t i, int64_t j)
{
    double dot = calr_rows_dot(w->x + i * w->d, w->x + j * w->d, NULL, w->d);
    return calr_cosine_clip((float)(dot * (w->inverse[i] * w->inverse[j])));
}

/* Puts R*(i) into the bag, each member with number 0. */
static void expand(const work *w, int64_t i, calr_bag *b)
{
    const int32_t *wide = w->wide + i * w->depth;
    int32_t mark = ++b->stamps;
    for (int32_t p = 0; p < w->wide_count[i]; p++) {
        b->stamp[wide[p]] = mark;
        calr_bag_add(b, wide[p], 0);
    }
    for (int32_t p = 0; p < w->wide_count[i]; p++) {
        const int32_t *narrow = w->narrow + wide[p] * w->near;
        int32_t count = w->narrow_count[wide[p]], common = 0;
        for (int32_t q = 0; q < count; q++)
            common += b->stamp[narrow[q]] == mark;
        if (3 * (int64_t)common <= 2 * (int64_t)count)
            continue;
        for (int32_t q = 0; q < count; q++)
            calr_bag_add(b, narrow[q], 0);
    }
}

/* Writes the weights of the `count` members of R*(i). */
static void to_weights(const work *w, int64_t i, calr_bag *b, int64_t count, const int32_t *indices,
                       float *values)
{
    /* The search has measured the members of rank(i) already; their similarities wait in the
     * emptied bag. */
    int32_t mark = ++b->stamps;
    for (int64_t p = 0; p < w->depth; p++) {
        int32_t j = w->rank[i * w->depth + p];
        b->stamp[j] = mark;
        b->sums[j] = w->similarity[i * w->depth + p];
    }
    double sum = 0;
    float scale = w->scale ? w->scale[i] : 1;
    for (int64_t p = 0; p < count; p++) {
        int32_t j = indices[p];
        values[p] = expf((2 * (b->stamp[j] == mark ? b->sums[j] : cosine(w, i, j)) - 2) / scale);
        sum += values[p];
    }
    for (int64_t p = 0; p < count; p++)
        values[p] = (float)(values[p] / sum);
    for (int64_t p = 0; p < w->depth; p++)
        b->sums[w->rank[i * w->depth + p]] = 0;
}

static void weigh(void *context, int64_t begin, int64_t end, int worker)
{
    work *w = context;
    calr_bag *b = &w->bags[worker];
    for (int64_t i = begin; i < end && !calr_interrupt_requested(); i++) {
        int32_t *indices;
        float *values;
        expand(w, i, b);
        int64_t count = calr_bag_count(b, w->words);
        calr_csr_builder_row(w->builder, i, count, &indices, &values);
        if (!indices) {
            calr_bag_clear(b, w->words);
            continue;
        }
        calr_bag_take(b, w->words, indices, values);
        to_weights(w, i, b, count, indices, values);
    }
}

/* ---- the whole ---- */

static void work_clear(work *w)
{
    calr_bags_release(w->bags, w->threads);
    free(w->rank);
    free(w->similarity);
    free(w->inverse);
    free(w->wide);
    free(w->narrow);
    free(w->wide_count);
    free(w->narrow_count);
}

static calr_status work_allocate(work *w)
{
    w->threads = calr_parallel_threads();
    w->bags = calr_bags_new(w->n, w->threads);
    w->rank = calr_array_new(w->n, (size_t)w->depth * sizeof *w->rank);
    w->similarity = calr_array_new(w->n, (size_t)w->depth * sizeof *w->similarity);
    w->inverse = calr_array_new(w->n, sizeof *w->inverse);
    w->wide = calr_array_new(w->n, (size_t)w->depth * sizeof *w->wide);
    w->narrow = calr_array_new(w->n, (size_t)w->near * sizeof *w->narrow);
    w->wide_count = calr_array_new(w->n, sizeof *w->wide_count);
    w->narrow_count = calr_array_new(w->n, sizeof *w->narrow_count);
    bool whole = w->bags && w->rank && w->similarity && w->inverse && w->wide && w->narrow &&
                 w->wide_count && w->narrow_count;
    if (!whole)
        return calr_error(CALR_ENOMEM,
                          "out of memory for the reciprocal neighbours of %" PRId64 " rows", w->n);
    return CALR_OK;
}

/* Has `body` fill the rows of a new matrix. */
static calr_status build(work *w, calr_parallel_body body, calr_csr **out)
{
    CALR_TRY(calr_csr_builder_new(w->n, w->n, GRAIN, &w->builder));
    calr_status status = calr_parallel_try(w->n, GRAIN, body, w);
    if (status == CALR_OK)
        return calr_csr_builder_finish(w->builder, out);
    calr_csr_builder_release(w->builder);
    return status;
}

/* V, and its mean over neighbours. */
static calr_status make_weights(work *w, calr_csr **out)
{
    calr_csr *v, *mean;
    CALR_TRY(build(w, weigh, &v));
    if (w->k2 == 1) {
        *out = v;
        return CALR_OK;
    }
    calr_status status = calr_encode_average(v, w->rank, w->depth, w->k2, &mean);
    calr_csr_release(v);
    if (status == CALR_OK)
        *out = mean;
    return status;
}

static calr_status run_weights(work *w, calr_csr **out)
{
    CALR_TRY(work_allocate(w));
    CALR_TRY(
        calr_knn(w->x, w->n, NULL, 0, w->d, w->depth, CALR_COSINE, true, w->rank, w->similarity));
    CALR_TRY(calr_parallel_try(w->n, GRAIN, find_reciprocal, w));
    return make_weights(w, out);
}

static calr_status run(work *w, float within, calr_csr **out)
{
    calr_csr *v;
    CALR_TRY(run_weights(w, &v));
    calr_status status = calr_encode_distance(v, within, out);
    calr_csr_release(v);
    return status;
}

static calr_status work_start(work *w, const float *x, int64_t n, int64_t d,
                              const calr_jaccard_options *options)
{
    int64_t k1 = options->k1, k2 = options->k2;
    if (n < 0 || d < 1)
        return calr_error(CALR_EINVAL,
                          "a Jaccard distance needs rows of at least one number, not %" PRId64
                          " x %" PRId64,
                          n, d);
    if (k1 < 1 || k2 < 1 || k2 > k1)
        return calr_error(CALR_EINVAL,
                          "k1 must be at least 1 and k2 from 1 to k1, not k1 = %" PRId64
                          ", k2 = %" PRId64,
                          k1, k2);
    if (!(options->within >= 0 && options->within <= 1))
        return calr_error(CALR_EINVAL, "within must be a distance from 0 (all pairs) to 1, not %g",
                          options->within);
    int64_t half = k1 / 2 + (k1 % 4 == 3); /* k1 / 2 rounded half to even */
    *w = (work){.x = x, .n = n, .d = d, .words = calr_bag_words(n)};
    w->depth = k1 < n ? k1 + options->exact_reciprocal : n;
    w->near = half + 1 < w->depth ? half + 1 : w->depth;
    w->k2 = k2 < w->depth ? k2 : w->depth;
    return CALR_OK;
}

calr_status calr_jaccard(const float *x, int64_t n, int64_t d, const calr_jaccard_options *options,
                         calr_csr **out)
{
    work w;
    CALR_TRY(work_start(&w, x, n, d, options));
    if (n == 0)
        return calr_csr_new(0, 0, 0, out);
    calr_status status = run(&w, options->within, out);
    work_clear(&w);
    return status;
}

calr_status calr_jaccard_weights(const float *x, int64_t n, int64_t d,
                                 const calr_jaccard_options *options, const float *scale,
                                 calr_csr **out)
{
    work w;
    CALR_TRY(work_start(&w, x, n, d, options));
    if (n == 0)
        return calr_csr_new(0, 0, 0, out);
    w.scale = scale;
    calr_status status = run_weights(&w, out);
    work_clear(&w);
    return status;
}
