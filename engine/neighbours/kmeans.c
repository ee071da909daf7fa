#include "neighbours/kmeans.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clones.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "base/size.h"
#include "neighbours/knn_bytes.h"
#include "neighbours/nearest.h"

enum { ROW_GRAIN = 64, COLUMN_GRAIN = 64 };

typedef struct work {
    const float *x;
    int64_t n, d, clusters;
    float *centroids, *next; /* [clusters x d] */
    int32_t *labels;
    float *distances;            /* [n] scratch */
    double *nearest;             /* [n] squared, to the nearest seed; then to the own centroid */
    int64_t *counts;             /* [clusters] */
    double *sums;                /* [clusters x d] */
    int64_t seed_row;            /* the seed that `nearest` is to be brought up to date with */
    const struct sketch *sketch; /* while seeds are drawn */
} work;

/* ---- seeding ---- */

/* Rows as bytes, whose bound excludes nearly all rows from being nearer to a new seed than to the others, for a quarter
 * of the reading (knn_bytes.h). The others are measured: the bytes do not show in the result. */
typedef struct sketch {
    bool made;
    calr_bytes bytes;
    double *centre, *length, unit; /* copies are no longer than 1 */
} sketch;

/* Below this many columns a row is measured as fast as its bytes are multiplied; few seeds are no work. */
static const int64_t LEAST_COLUMNS = 64, LEAST_SEEDS = 16, LONGEST_ROW = 65536;

static void sketch_clear(sketch *k)
{
    calr_bytes_release(&k->bytes);
    free(k->centre);
    free(k->length);
}

static calr_status sketch_make(const work *w, sketch *k)
{
    double longest = 0;
    *k = (sketch){0};
    if (w->d < LEAST_COLUMNS || w->clusters < LEAST_SEEDS || w->d > LONGEST_ROW)
        return CALR_OK;
    k->length = calr_array_new(w->n, sizeof *k->length);
    if (!k->length)
        return calr_error(CALR_ENOMEM, "out of memory for the lengths of %" PRId64 " rows", w->n);
    CALR_TRY(calr_rows_mean(w->x, w->n, w->d, &k->centre));
    CALR_TRY(calr_rows_measure(w->x, w->n, w->d, k->centre, "the rows", k->length));
    for (int64_t i = 0; i < w->n; i++)
        longest = fmax(longest, k->length[i]);
    if (!(longest > 0))
        return CALR_OK;
    k->unit = 1 / longest;
    calr_knn_task task = {
        .d = w->d, .metric = CALR_EUCLIDEAN, .centre = k->centre, .longest = longest};
    CALR_TRY(calr_bytes_new(&task, w->x, w->n, k->length, &k->bytes));
    k->made = true;
    return CALR_OK;
}

static CALR_CLONES int32_t multiply_bytes(const int8_t *a, const int8_t *b, int64_t d)
{
    int32_t sum = 0;
    for (int64_t c = 0; c < d; c++)
        sum += a[c] * b[c];
    return sum;
}

/* Whether row i is no nearer to the seed than to its nearest one. */
static bool is_farther(const work *w, const sketch *k, int64_t i)
{
    int64_t seed = w->seed_row;
    const calr_bytes *b = &k->bytes;
    double score = (double)multiply_bytes(b->q + i * w->d, b->q + seed * w->d, w->d) *
                   ((double)b->scale[i] * (double)b->scale[seed]);
    double most = score + (double)b->radius[i] + (double)b->radius[seed];
    double least = 2 * ((double)b->half[i] + (double)b->half[seed] - most);
    return least >= w->nearest[i] * k->unit * k->unit;
}

static void measure_seed(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    work *w = context;
    const float *seed = w->x + w->seed_row * w->d;
    for (int64_t i = begin; i < end; i++) {
        if (w->sketch->made && is_farther(w, w->sketch, i))
            continue;
        double length = calr_rows_distance(w->x + i * w->d, seed, w->d);
        if (length * length < w->nearest[i])
            w->nearest[i] = length * length;
    }
}

/* A row with a probability in proportion to its squared distance to the seeds; where all are on
 * seeds already, the first row that is not one. labels[i] is 1 for seeds. */
static int64_t draw_seed(const work *w, calr_rng *rng)
{
    double total = 0;
    for (int64_t i = 0; i < w->n; i++)
        total += w->nearest[i];
    double target = calr_rng_double(rng) * total, sum = 0;
    int64_t last = -1;
    for (int64_t i = 0; total > 0 && i < w->n; i++) {
        if (w->labels[i] || w->nearest[i] <= 0)
            continue;
        last = i; /* rounding may leave the target just beyond the sum */
        sum += w->nearest[i];
        if (sum > target)
            break;
    }
    for (int64_t i = 0; last < 0 && i < w->n; i++)
        if (!w->labels[i])
            last = i;
    return last;
}

static calr_status draw_seeds(work *w, uint64_t seed)
{
    calr_rng rng = calr_rng_make(seed, calr_rng_purpose("kmeans"), 0, 0);
    for (int64_t i = 0; i < w->n; i++) {
        w->nearest[i] = INFINITY;
        w->labels[i] = 0;
    }
    for (int64_t k = 0; k < w->clusters; k++) {
        w->seed_row = k == 0 ? (int64_t)calr_rng_below(&rng, (uint64_t)w->n) : draw_seed(w, &rng);
        w->labels[w->seed_row] = 1;
        memcpy(w->centroids + k * w->d, w->x + w->seed_row * w->d, (size_t)w->d * sizeof *w->x);
        CALR_TRY(calr_parallel_try(w->n, ROW_GRAIN, measure_seed, w));
    }
    return CALR_OK;
}

static calr_status choose_seeds(work *w, uint64_t seed)
{
    sketch k;
    w->sketch = &k;
    calr_status status = sketch_make(w, &k);
    if (status == CALR_OK)
        status = draw_seeds(w, seed);
    sketch_clear(&k);
    w->sketch = NULL;
    return status;
}

/* ---- Lloyd's iterations ---- */

static void count_members(work *w)
{
    memset(w->counts, 0, (size_t)w->clusters * sizeof *w->counts);
    for (int64_t i = 0; i < w->n; i++)
        w->counts[w->labels[i]]++;
}

/* Each empty cluster takes the row farthest from its centroid. */
static calr_status fill_empty(work *w)
{
    count_members(w);
    for (int64_t k = 0; k < w->clusters; k++) {
        if (w->counts[k] > 0)
            continue;
        CALR_TRY(calr_interrupt_check());
        int64_t farthest = -1;
        for (int64_t i = 0; i < w->n; i++)
            if (w->counts[w->labels[i]] > 1 &&
                (farthest < 0 || w->nearest[i] > w->nearest[farthest]))
                farthest = i;
        w->counts[w->labels[farthest]]--;
        w->labels[farthest] = (int32_t)k;
        w->nearest[farthest] = 0;
        w->counts[k] = 1;
    }
    return CALR_OK;
}

static void measure_own(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    work *w = context;
    for (int64_t i = begin; i < end; i++) {
        double length =
            calr_rows_distance(w->x + i * w->d, w->centroids + w->labels[i] * w->d, w->d);
        w->nearest[i] = length * length;
    }
}

static calr_status assign(work *w)
{
    CALR_TRY(calr_knn(w->x, w->n, w->centroids, w->clusters, w->d, 1, CALR_EUCLIDEAN, false,
                      w->labels, w->distances));
    CALR_TRY(calr_parallel_try(w->n, ROW_GRAIN, measure_own, w));
    return fill_empty(w);
}

/* Columns begin .. end-1 of the means: rows in order, so the sums do not depend on the threads. */
static void average_columns(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    work *w = context;
    int64_t d = w->d;
    for (int64_t k = 0; k < w->clusters; k++)
        memset(w->sums + k * d + begin, 0, (size_t)(end - begin) * sizeof *w->sums);
    for (int64_t i = 0; i < w->n && !calr_interrupt_due(i); i++)
        for (int64_t c = begin; c < end; c++)
            w->sums[w->labels[i] * d + c] += w->x[i * d + c];
    for (int64_t k = 0; k < w->clusters; k++)
        for (int64_t c = begin; c < end; c++)
            w->next[k * d + c] = (float)(w->sums[k * d + c] / (double)w->counts[k]);
}

/* Moves the centroids to the means; *moved: by how much, squared and summed. */
static calr_status move(work *w, double *moved)
{
    count_members(w);
    CALR_TRY(calr_parallel_try(w->d, COLUMN_GRAIN, average_columns, w));
    *moved = 0;
    for (int64_t i = 0; i < w->clusters * w->d; i++) {
        double v = (double)w->next[i] - w->centroids[i];
        *moved += v * v;
    }
    float *old = w->centroids;
    w->centroids = w->next;
    w->next = old;
    return CALR_OK;
}

/* The mean over the columns of their variance. */
static calr_status mean_variance(const work *w, double *out)
{
    double *mean = calr_array_zeros(w->d, sizeof *mean), sum = 0;
    if (!mean)
        return calr_error(CALR_ENOMEM, "out of memory for the mean of %" PRId64 " columns", w->d);
    for (int64_t i = 0; i < w->n && !calr_interrupt_requested(); i++)
        for (int64_t c = 0; c < w->d; c++)
            mean[c] += w->x[i * w->d + c] / (double)w->n;
    for (int64_t i = 0; i < w->n && !calr_interrupt_requested(); i++) {
        for (int64_t c = 0; c < w->d; c++) {
            double v = w->x[i * w->d + c] - mean[c];
            sum += v * v;
        }
    }
    free(mean);
    *out = sum / ((double)w->n * (double)w->d);
    return calr_interrupt_check();
}

static calr_status iterate(work *w, const calr_kmeans_options *options, int64_t *done)
{
    double variance;
    CALR_TRY(mean_variance(w, &variance));
    CALR_TRY(choose_seeds(w, options->seed));
    CALR_TRY(assign(w));
    for (*done = 1;; (*done)++) {
        double moved;
        CALR_TRY(move(w, &moved));
        CALR_TRY(assign(w));
        if (moved <= options->tolerance * variance || *done >= options->iterations)
            break;
    }
    return CALR_OK;
}

/* ---- mini-batches ---- */

/* Rows of the sample, copied; draws with replacement where `again`, otherwise without. */
static void draw_rows(const work *w, calr_rng *rng, int64_t *order, int64_t count, bool again,
                      float *to)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t at =
            (again ? 0 : i) + (int64_t)calr_rng_below(rng, (uint64_t)(w->n - (again ? 0 : i)));
        int64_t row = order[at];
        if (!again) {
            order[at] = order[i];
            order[i] = row;
        }
        memcpy(to + i * w->d, w->x + row * w->d, (size_t)w->d * sizeof *to);
    }
}

/* Every centroid is the running mean of the rows of all batches that were nearest to it. */
static void move_towards(work *w, const float *batch, const int32_t *nearest, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        float *centroid = w->centroids + nearest[i] * w->d;
        double rate = 1 / (double)++w->counts[nearest[i]];
        for (int64_t c = 0; c < w->d; c++)
            centroid[c] += (float)(rate * ((double)batch[i * w->d + c] - centroid[c]));
    }
}

static calr_status run_batches(work *w, const calr_kmeans_options *options, int64_t *order,
                               int64_t sample, float *rows, int32_t *nearest, float *lengths)
{
    calr_rng rng = calr_rng_make(options->seed, calr_rng_purpose("kmeans batch"), 0, 0);
    int64_t batch = options->batch < w->n ? options->batch : w->n;
    for (int64_t i = 0; i < w->n; i++)
        order[i] = i;
    draw_rows(w, &rng, order, sample, false, rows);
    work part = *w; /* the sample, with this work's memory */
    part.x = rows;
    part.n = sample;
    CALR_TRY(choose_seeds(&part, options->seed));
    memset(w->counts, 0, (size_t)w->clusters * sizeof *w->counts);
    for (int64_t round = 0; round < options->iterations; round++) {
        draw_rows(w, &rng, order, batch, true, rows);
        CALR_TRY(calr_knn(rows, batch, w->centroids, w->clusters, w->d, 1, CALR_EUCLIDEAN, false,
                          nearest, lengths));
        move_towards(w, rows, nearest, batch);
    }
    return assign(w);
}

static calr_status iterate_batches(work *w, const calr_kmeans_options *options, int64_t *done)
{
    int64_t batch = options->batch < w->n ? options->batch : w->n;
    int64_t sample = 3 * (batch > w->clusters ? batch : w->clusters), count;
    sample = sample < w->n ? sample : w->n;
    int64_t most = sample > batch ? sample : batch;
    float *rows =
        __builtin_mul_overflow(most, w->d, &count) ? NULL : calr_array_new(count, sizeof *rows);
    int64_t *order = calr_array_new(w->n, sizeof *order);
    int32_t *nearest = calr_array_new(batch, sizeof *nearest);
    float *lengths = calr_array_new(batch, sizeof *lengths);
    calr_status status = CALR_OK;
    if (rows && order && nearest && lengths)
        status = run_batches(w, options, order, sample, rows, nearest, lengths);
    else
        status = calr_error(CALR_ENOMEM, "out of memory for batches of %" PRId64 " rows", batch);
    free(rows);
    free(order);
    free(nearest);
    free(lengths);
    *done = options->iterations;
    return status;
}

/* ---- results ---- */

/* Numbers the clusters by first appearance and writes what was asked for. counts becomes old number
 * -> new. */
static void write_results(work *w, float *centroids, double *inertia)
{
    double sum = 0;
    int64_t next = 0;
    for (int64_t k = 0; k < w->clusters; k++)
        w->counts[k] = -1;
    for (int64_t i = 0; i < w->n; i++) {
        int64_t *number = &w->counts[w->labels[i]];
        if (*number < 0) {
            memcpy(w->next + next * w->d, w->centroids + w->labels[i] * w->d,
                   (size_t)w->d * sizeof *w->next);
            *number = next++;
        }
        w->labels[i] = (int32_t)*number;
        sum += w->nearest[i];
    }
    if (centroids)
        memcpy(centroids, w->next, (size_t)(w->clusters * w->d) * sizeof *centroids);
    if (inertia)
        *inertia = sum;
}

static calr_status check_arguments(const float *x, int64_t n, int64_t d,
                                   const calr_kmeans_options *o)
{
    if (n < 1 || d < 1 || n > INT32_MAX)
        return calr_error(CALR_EINVAL,
                          "k-means needs rows of at least one number, not %" PRId64 " x %" PRId64,
                          n, d);
    if (o->clusters < 1 || o->clusters > n)
        return calr_error(CALR_EINVAL, "%" PRId64 " clusters cannot be made of %" PRId64 " rows",
                          o->clusters, n);
    if (o->iterations < 1 || !(o->tolerance >= 0))
        return calr_error(
            CALR_EINVAL,
            "k-means needs at least 1 iteration and a tolerance of at least 0, not %" PRId64
            " and %g",
            o->iterations, o->tolerance);
    if (o->batch < 0)
        return calr_error(CALR_EINVAL, "a batch cannot have %" PRId64 " rows", o->batch);
    for (int64_t i = 0; i < n; i++) {
        CALR_TRY(calr_interrupt_check());
        for (int64_t c = 0; c < d; c++)
            if (!isfinite(x[i * d + c]))
                return calr_error(CALR_ENUMERIC,
                                  "row %" PRId64 " (from 0) holds a NaN or an infinity", i);
    }
    return CALR_OK;
}

static void *matrix(int64_t rows, int64_t columns, size_t size)
{
    int64_t count;
    return __builtin_mul_overflow(rows, columns, &count) ? NULL : calr_array_new(count, size);
}

calr_status calr_kmeans(const float *x, int64_t n, int64_t d, const calr_kmeans_options *options,
                        int32_t *labels, float *centroids, double *inertia, int64_t *iterations)
{
    CALR_TRY(check_arguments(x, n, d, options));
    int64_t done = 0, clusters = options->clusters;
    work w = {.x = x, .n = n, .d = d, .clusters = clusters, .labels = labels};
    w.centroids = matrix(clusters, d, sizeof *w.centroids);
    w.next = matrix(clusters, d, sizeof *w.next);
    w.sums = matrix(clusters, d, sizeof *w.sums);
    w.counts = calr_array_new(clusters, sizeof *w.counts);
    w.distances = calr_array_new(n, sizeof *w.distances);
    w.nearest = calr_array_new(n, sizeof *w.nearest);
    calr_status status = CALR_OK;
    if (w.centroids && w.next && w.sums && w.counts && w.distances && w.nearest)
        status =
            options->batch > 0 ? iterate_batches(&w, options, &done) : iterate(&w, options, &done);
    else
        status = calr_error(CALR_ENOMEM,
                            "out of memory for %" PRId64 " centroids of %" PRId64 " numbers",
                            clusters, d);
    if (status == CALR_OK) {
        write_results(&w, centroids, inertia);
        if (iterations)
            *iterations = done;
    }
    free(w.centroids);
    free(w.next);
    free(w.sums);
    free(w.counts);
    free(w.distances);
    free(w.nearest);
    return status;
}
