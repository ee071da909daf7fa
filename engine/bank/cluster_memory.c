#include "bank/cluster_memory.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clones.h"
#include "base/parallel.h"
#include "base/size.h"

CALR_CLONES static void normalise(float *row, int64_t dim)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < dim; j++)
        sum += (double)row[j] * row[j];
    float scale = sum > 0 ? (float)(1 / sqrt(sum)) : 0;
    for (int64_t j = 0; j < dim; j++)
        row[j] *= scale;
}

CALR_CLONES static double dot(const float *a, const float *b, int64_t dim)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < dim; j++)
        sum += (double)a[j] * b[j];
    return sum;
}

typedef struct centroid_job {
    const float *features;
    const int64_t *start, *member; /* members of cluster c: member[start[c] .. start[c + 1] - 1] */
    int64_t dim;
    float *memory;
} centroid_job;

static void centroid_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const centroid_job *job = context;
    for (int64_t c = begin; c < end; c++) {
        float *row = job->memory + c * job->dim;
        memset(row, 0, (size_t)job->dim * sizeof *row);
        for (int64_t m = job->start[c]; m < job->start[c + 1]; m++) {
            const float *feature = job->features + job->member[m] * job->dim;
            for (int64_t j = 0; j < job->dim; j++)
                row[j] += feature[j];
        }
        normalise(row, job->dim); /* of the mean or of the sum: the same direction */
    }
}

calr_status calr_bank_centroids(const float *features, const int32_t *labels, int64_t n,
                                int64_t dim, int64_t clusters, float *memory)
{
    int64_t *start = calr_array_zeros(clusters + 2, sizeof *start);
    int64_t *member = calr_array_new(n, sizeof *member);
    if (!start || !member) {
        free(start);
        free(member);
        return calr_error(CALR_ENOMEM, "no memory for the centroids of %" PRId64 " images", n);
    }
    /* A counting sort: start[c + 2] counts, then after the sums start[c + 1] walks over the members
     * of c. */
    for (int64_t i = 0; i < n; i++)
        if (labels[i] >= 0)
            start[labels[i] + 2]++;
    for (int64_t c = 0; c < clusters; c++)
        start[c + 2] += start[c + 1];
    for (int64_t i = 0; i < n; i++)
        if (labels[i] >= 0)
            member[start[labels[i] + 1]++] = i;
    centroid_job job = {features, start, member, dim, memory};
    calr_parallel_for(clusters, 8, centroid_rows, &job);
    free(start);
    free(member);
    return CALR_OK;
}

static calr_status check_batch(const int32_t *labels, int64_t batch, int64_t clusters)
{
    for (int64_t i = 0; i < batch; i++)
        if (labels[i] < 0 || labels[i] >= clusters)
            return calr_error(CALR_EINVAL,
                              "sample %" PRId64 " of the batch has label %" PRId32
                              ", and the memory has %" PRId64 " clusters",
                              i + 1, labels[i], clusters);
    return CALR_OK;
}

CALR_CLONES static void move_row(float *row, const float *feature, int64_t dim, float momentum)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < dim; j++) {
        row[j] = momentum * row[j] + (1 - momentum) * feature[j];
        sum += (double)row[j] * row[j];
    }
    float scale = sum > 0 ? (float)(1 / sqrt(sum)) : 0;
    for (int64_t j = 0; j < dim; j++)
        row[j] *= scale;
}

calr_status calr_bank_update_mean(float *memory, int64_t clusters, int64_t dim,
                                  const float *features, const int32_t *labels, int64_t batch,
                                  double momentum)
{
    CALR_TRY(check_batch(labels, batch, clusters));
    for (int64_t i = 0; i < batch; i++)
        move_row(memory + labels[i] * dim, features + i * dim, dim, (float)momentum);
    return CALR_OK;
}

calr_status calr_bank_update_average(float *memory, int64_t clusters, int64_t dim,
                                     const float *features, const int32_t *labels, int64_t batch,
                                     double momentum)
{
    CALR_TRY(check_batch(labels, batch, clusters));
    float *mean = calr_array_new(dim, sizeof *mean);
    if (!mean)
        return calr_error(CALR_ENOMEM, "no memory for a row of %" PRId64, dim);
    for (int64_t i = 0; i < batch; i++) {
        int64_t count = 0, first = 1;
        for (int64_t j = 0; j < i && first; j++)
            first = labels[j] != labels[i];
        if (!first)
            continue;
        memset(mean, 0, (size_t)dim * sizeof *mean);
        for (int64_t j = i; j < batch; j++) {
            if (labels[j] != labels[i])
                continue;
            count++;
            for (int64_t c = 0; c < dim; c++)
                mean[c] += features[j * dim + c];
        }
        for (int64_t c = 0; c < dim; c++)
            mean[c] /= (float)count;
        move_row(memory + labels[i] * dim, mean, dim, (float)momentum);
    }
    free(mean);
    return CALR_OK;
}

calr_status calr_bank_update_hard(float *memory, int64_t clusters, int64_t dim,
                                  const float *features, const int32_t *labels, int64_t batch,
                                  double momentum)
{
    CALR_TRY(check_batch(labels, batch, clusters));
    double *similarity = calr_array_new(batch, sizeof *similarity);
    if (!similarity)
        return calr_error(CALR_ENOMEM, "no memory for a batch of %" PRId64, batch);
    for (int64_t i = 0; i < batch; i++) {
        similarity[i] = dot(memory + labels[i] * dim, features + i * dim, dim);
    }
    /* Similarities are to the memory before the batch, so the order of the clusters does not
     * matter. */
    for (int64_t i = 0; i < batch; i++) {
        int hardest = 1;
        for (int64_t j = 0; j < batch && hardest; j++)
            hardest = labels[j] != labels[i] || similarity[j] > similarity[i] ||
                      (similarity[j] == similarity[i] && j >= i);
        if (hardest)
            move_row(memory + labels[i] * dim, features + i * dim, dim, (float)momentum);
    }
    free(similarity);
    return CALR_OK;
}
