#include "neighbours/ivf.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "base/size.h"
#include "labels/labels.h"
#include "neighbours/ivf_internal.h"
#include "neighbours/kmeans.h"
#include "neighbours/nearest.h"

enum {
    ROW_GRAIN = 64,
    SAMPLE_PER_LIST = 32,
    ROUNDS = 2,          /* how often k-means sees its sample */
    LEAST_BATCH = 256,   /* rows of its mini-batches, at least */
    ASSIGN_BLOCK = 16384 /* rows assigned at a time: what calr_knn copies */
};

static calr_status no_memory(int64_t n, int64_t d)
{
    return calr_error(
        CALR_ENOMEM, "out of memory for an index of %" PRId64 " rows of %" PRId64 " numbers", n, d);
}

/* malloc of a matrix; NULL on overflow too. */
static float *new_matrix(int64_t rows, int64_t columns)
{
    int64_t count;
    return __builtin_mul_overflow(rows, columns, &count) ? NULL
                                                         : calr_array_new(count, sizeof(float));
}

void calr_ivf_copy_row(const calr_ivf *ivf, int64_t i, float *to)
{
    const float *row = ivf->x + i * ivf->d;
    if (ivf->metric == CALR_COSINE)
        calr_row_unit(row, ivf->d, ivf->length[i], to);
    else
        calr_row_centred(row, ivf->d, ivf->centre, ivf->scale, to);
}

/* ---- centroids ---- */

/* `count` different rows drawn at random into to[count x d], of unit length for the cosine. */
static calr_status draw_sample(const calr_ivf *ivf, uint64_t seed, int64_t count, float *to)
{
    int64_t *order = calr_array_new(ivf->n, sizeof *order);
    if (!order)
        return no_memory(ivf->n, ivf->d);
    for (int64_t i = 0; i < ivf->n; i++)
        order[i] = i;
    calr_rng rng = calr_rng_make(seed, calr_rng_purpose("ivf sample"), 0, 0);
    for (int64_t i = 0; i < count && !calr_interrupt_requested(); i++) {
        int64_t at = i + (int64_t)calr_rng_below(&rng, (uint64_t)(ivf->n - i)), row = order[at];
        order[at] = order[i];
        if (ivf->metric == CALR_COSINE)
            calr_ivf_copy_row(ivf, row, to + i * ivf->d);
        else
            memcpy(to + i * ivf->d, ivf->x + row * ivf->d, (size_t)ivf->d * sizeof *to);
    }
    free(order);
    return calr_interrupt_check();
}

static calr_status find_centroids(calr_ivf *ivf, const calr_ivf_options *options)
{
    int64_t sample = options->sample > 0 ? options->sample : ivf->lists * SAMPLE_PER_LIST;
    sample = sample < ivf->n ? sample : ivf->n;
    float *rows = new_matrix(sample, ivf->d);
    int32_t *labels = calr_array_new(sample, sizeof *labels);
    ivf->centroids = new_matrix(ivf->lists, ivf->d);
    calr_status status = rows && labels && ivf->centroids ? CALR_OK : no_memory(ivf->n, ivf->d);
    if (status == CALR_OK)
        status = draw_sample(ivf, options->seed, sample, rows);
    if (status == CALR_OK) {
        int64_t batch = ivf->lists > LEAST_BATCH ? ivf->lists : LEAST_BATCH;
        calr_kmeans_options kmeans = {.clusters = ivf->lists,
                                      .iterations = (ROUNDS * sample + batch - 1) / batch,
                                      .seed = options->seed,
                                      .batch = batch};
        status = calr_kmeans(rows, sample, ivf->d, &kmeans, labels, ivf->centroids, NULL, NULL);
    }
    free(rows);
    free(labels);
    return status;
}

/* ---- lists ---- */

static calr_status assign_rows(calr_ivf *ivf)
{
    float *values = calr_array_new(ASSIGN_BLOCK, sizeof *values);
    if (!values)
        return no_memory(ivf->n, ivf->d);
    calr_status status = CALR_OK;
    for (int64_t begin = 0; begin < ivf->n && status == CALR_OK; begin += ASSIGN_BLOCK) {
        int64_t count = ivf->n - begin < ASSIGN_BLOCK ? ivf->n - begin : ASSIGN_BLOCK;
        status = calr_knn(ivf->x + begin * ivf->d, count, ivf->centroids, ivf->lists, ivf->d, 1,
                          ivf->metric, false, ivf->list_of + begin, values);
    }
    free(values);
    return status;
}

static void copy_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    calr_ivf *ivf = context;
    for (int64_t at = begin; at < end; at++) {
        int32_t row = ivf->rows[at];
        double length = ivf->length[row] * ivf->scale;
        ivf->half[at] = ivf->metric == CALR_COSINE ? 0 : (float)(length * length / 2);
        if (ivf->copy)
            calr_ivf_copy_row(ivf, row, ivf->copy + at * ivf->d);
    }
}

static calr_status fill_lists(calr_ivf *ivf, bool copy)
{
    ivf->starts = calr_array_new(ivf->lists + 1, sizeof *ivf->starts);
    ivf->rows = calr_array_new(ivf->n, sizeof *ivf->rows);
    ivf->list_of = calr_array_new(ivf->n, sizeof *ivf->list_of);
    ivf->half = calr_array_zeros(ivf->n + CALR_IVF_TILE, sizeof *ivf->half);
    ivf->copy = copy ? new_matrix(ivf->n + CALR_IVF_TILE, ivf->d) : NULL;
    if (!ivf->starts || !ivf->rows || !ivf->list_of || !ivf->half || (copy && !ivf->copy))
        return no_memory(ivf->n, ivf->d);
    CALR_TRY(assign_rows(ivf));
    calr_labels_members(ivf->list_of, ivf->n, ivf->lists, ivf->starts, ivf->rows);
    CALR_TRY(calr_parallel_try(ivf->n, ROW_GRAIN, copy_rows, ivf));
    if (copy)
        memset(ivf->copy + ivf->n * ivf->d, 0,
               (size_t)(CALR_IVF_TILE * ivf->d) * sizeof *ivf->copy);
    return CALR_OK;
}

/* ---- the whole ---- */

static calr_status build(calr_ivf *ivf, const calr_ivf_options *options)
{
    ivf->length = calr_array_new(ivf->n, sizeof *ivf->length);
    if (!ivf->length)
        return no_memory(ivf->n, ivf->d);
    if (ivf->metric == CALR_EUCLIDEAN)
        CALR_TRY(calr_rows_mean(ivf->x, ivf->n, ivf->d, &ivf->centre));
    CALR_TRY(calr_rows_measure(ivf->x, ivf->n, ivf->d, ivf->centre, "the rows", ivf->length));
    double longest = 0;
    for (int64_t i = 0; i < ivf->n; i++)
        longest = fmax(longest, ivf->length[i]);
    ivf->scale = longest > 0 ? 1 / longest : 1;
    CALR_TRY(find_centroids(ivf, options));
    return fill_lists(ivf, options->copy);
}

static calr_status check_options(int64_t n, int64_t d, const calr_ivf_options *o)
{
    if (n < 0 || n > INT32_MAX || d < 1)
        return calr_error(CALR_EINVAL,
                          "an index needs rows of at least one number, not %" PRId64 " x %" PRId64,
                          n, d);
    if (n == 0)
        return CALR_OK;
    if (o->lists < 0 || o->lists > n)
        return calr_error(CALR_EINVAL, "%" PRId64 " lists cannot be made of %" PRId64 " rows",
                          o->lists, n);
    if (o->sample < 0 || (o->sample > 0 && o->sample < o->lists))
        return calr_error(CALR_EINVAL,
                          "a sample of %" PRId64 " rows is too small for %" PRId64
                          " lists: it needs a row for each at least",
                          o->sample, o->lists);
    return CALR_OK;
}

calr_status calr_ivf_new(const float *x, int64_t n, int64_t d, const calr_ivf_options *options,
                         calr_ivf **out)
{
    CALR_TRY(check_options(n, d, options));
    calr_ivf *ivf = calr_array_zeros(1, sizeof *ivf);
    if (!ivf)
        return no_memory(n, d);
    ivf->x = x;
    ivf->n = n;
    ivf->d = d;
    ivf->metric = options->metric;
    ivf->lists = options->lists > 0 ? options->lists : (int64_t)llround(4 * sqrt((double)n));
    if (options->lists == 0 && options->sample > 0 && ivf->lists > options->sample)
        ivf->lists = options->sample;
    ivf->lists = ivf->lists < n ? ivf->lists : n;
    calr_status status = n > 0 ? build(ivf, options) : CALR_OK;
    if (status != CALR_OK) {
        calr_ivf_free(ivf);
        return status;
    }
    *out = ivf;
    return CALR_OK;
}

void calr_ivf_free(calr_ivf *ivf)
{
    if (!ivf)
        return;
    free(ivf->centroids);
    free(ivf->starts);
    free(ivf->rows);
    free(ivf->list_of);
    free(ivf->length);
    free(ivf->centre);
    free(ivf->half);
    free(ivf->copy);
    free(ivf);
}

int64_t calr_ivf_lists(const calr_ivf *ivf)
{
    return ivf->lists;
}

int64_t calr_ivf_size(const calr_ivf *ivf)
{
    return ivf->n;
}

int64_t calr_ivf_list_size(const calr_ivf *ivf, int64_t list)
{
    return ivf->starts[list + 1] - ivf->starts[list];
}
