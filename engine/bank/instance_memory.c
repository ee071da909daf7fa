#include "bank/instance_memory.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clones.h"
#include "base/parallel.h"
#include "base/size.h"

typedef struct mean_job {
    const float *vectors;
    const int32_t *class_of;
    const int64_t *counts;
    int64_t n, dim, classes;
    float *means;
} mean_job;

/* Columns begin .. end-1: rows in order, so the sums do not depend on the threads. */
static void mean_columns(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const mean_job *job = context;
    for (int64_t i = 0; i < job->n; i++)
        for (int64_t c = begin; c < end; c++)
            job->means[job->class_of[i] * job->dim + c] += job->vectors[i * job->dim + c];
    for (int64_t k = 0; k < job->classes; k++)
        for (int64_t c = begin; c < end && job->counts[k] > 0; c++)
            job->means[k * job->dim + c] /= (float)job->counts[k];
}

calr_status calr_bank_means(const float *vectors, const int32_t *class_of, int64_t n, int64_t dim,
                            int64_t classes, float *means, int64_t *counts)
{
    for (int64_t i = 0; i < n; i++)
        if (class_of[i] < 0 || class_of[i] >= classes)
            return calr_error(CALR_EINVAL,
                              "image %" PRId64 " is of class %" PRId32 ", and there are %" PRId64
                              " classes",
                              i + 1, class_of[i], classes);
    memset(means, 0, (size_t)(classes * dim) * sizeof *means);
    memset(counts, 0, (size_t)classes * sizeof *counts);
    for (int64_t i = 0; i < n; i++)
        counts[class_of[i]]++;
    mean_job job = {vectors, class_of, counts, n, dim, classes, means};
    calr_parallel_for(dim, 64, mean_columns, &job);
    return CALR_OK;
}

/* Moves one vector and the mean of its class. The old vector is needed whole before its length is known. */
CALR_CLONES static void move_instance(float *vector, float *mean, float share, const float *feature,
                                      int64_t dim, float momentum, float *moved)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t c = 0; c < dim; c++) {
        moved[c] = momentum * vector[c] + (1 - momentum) * feature[c];
        sum += (double)moved[c] * moved[c];
    }
    float scale = sum > 0 ? (float)(1 / sqrt(sum)) : 0;
    for (int64_t c = 0; c < dim; c++) {
        float now = moved[c] * scale;
        mean[c] += share * (now - vector[c]);
        vector[c] = now;
    }
}

calr_status calr_bank_update_instances(float *vectors, int64_t n, int64_t dim,
                                       const int32_t *class_of, const int64_t *counts, float *means,
                                       const float *features, const int64_t *rows, int64_t batch,
                                       double momentum)
{
    for (int64_t i = 0; i < batch; i++)
        if (rows[i] < 0 || rows[i] >= n)
            return calr_error(CALR_EINVAL,
                              "sample %" PRId64 " of the batch is row %" PRId64
                              ", and the memory has %" PRId64 " rows",
                              i + 1, rows[i], n);
    float *moved = calr_array_new(dim, sizeof *moved);
    if (!moved)
        return calr_error(CALR_ENOMEM, "no memory for a row of %" PRId64, dim);
    for (int64_t i = 0; i < batch; i++) {
        int32_t k = class_of[rows[i]];
        move_instance(vectors + rows[i] * dim, means + k * dim, 1 / (float)counts[k],
                      features + i * dim, dim, (float)momentum, moved);
    }
    free(moved);
    return CALR_OK;
}
