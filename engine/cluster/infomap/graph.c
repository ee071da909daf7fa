/* From neighbours to a network. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/interrupt.h"
#include "base/size.h"
#include "cluster/infomap/infomap.h"

/* Scores stay finite when all images are the same one. */
static const double SMALLEST = 1e-6;

typedef struct edge {
    int32_t to;
    float weight;
} edge;

static int by_target(const void *a, const void *b)
{
    const edge *p = a, *q = b;
    return (p->to > q->to) - (p->to < q->to);
}

/* Rows are short, most of them. */
static void sort_row(edge *row, int64_t count)
{
    if (count > 64) {
        qsort(row, (size_t)count, sizeof *row, by_target);
        return;
    }
    for (int64_t e = 1; e < count; e++) {
        edge now = row[e];
        int64_t at = e;
        for (; at > 0 && row[at - 1].to > now.to; at--)
            row[at] = row[at - 1];
        row[at] = now;
    }
}

static calr_status check_entries(int64_t n, int64_t k, const int32_t *indices,
                                 const float *similarities, double *mean)
{
    double sum = 0;
    int64_t count = 0;
    for (int64_t e = 0; e < n * k; e++) {
        if (indices[e] == -1)
            continue;
        if (indices[e] < -1 || indices[e] >= n)
            return calr_error(CALR_EINVAL,
                              "row %" PRId64 " (counted from 0) names neighbour %" PRId32
                              ", but there are %" PRId64
                              " rows: indices are 0 .. n-1, or -1 for none",
                              e / k, indices[e], n);
        if (!isfinite(similarities[e]))
            return calr_error(CALR_ENUMERIC,
                              "row %" PRId64 " (counted from 0): the similarity to row %" PRId32
                              " is NaN or infinite",
                              e / k, indices[e]);
        sum += 1 - (double)similarities[e];
        count++;
    }
    *mean = count ? sum / (double)count : 0;
    return CALR_OK;
}

/* The edges of row i that are kept, ascending, each target once. */
static int64_t take_row(int64_t i, int64_t k, const int32_t *indices, const float *similarities,
                        double min_similarity, edge *row)
{
    int64_t count = 0, merged = 0;
    for (int64_t e = i * k; e < (i + 1) * k; e++) {
        if (indices[e] >= 0 && indices[e] != i && similarities[e] >= (float)min_similarity &&
            similarities[e] > 0)
            row[count++] = (edge){indices[e], similarities[e]};
    }
    sort_row(row, count);
    for (int64_t e = 0; e < count; e++) {
        if (merged > 0 && row[merged - 1].to == row[e].to)
            row[merged - 1].weight += row[e].weight;
        else
            row[merged++] = row[e];
    }
    return merged;
}

static float score_row(int64_t i, int64_t k, const int32_t *indices, const float *similarities,
                       double min_similarity, double mean)
{
    double score = 0;
    for (int64_t e = i * k; e < (i + 1) * k; e++) {
        if (indices[e] >= 0 && indices[e] != i && similarities[e] >= (float)min_similarity &&
            similarities[e] > 0)
            score += 1 / fmax(SMALLEST, 1 - (double)similarities[e] + mean);
    }
    return (float)score;
}

calr_status calr_infomap_graph(int64_t n, int64_t k, const int32_t *indices,
                               const float *similarities, double min_similarity, calr_csr **graph,
                               float *scores)
{
    int64_t entries;
    if (n < 0 || n > INT32_MAX || k < 0 || __builtin_mul_overflow(n, k, &entries))
        return calr_error(CALR_EINVAL,
                          "a graph of %" PRId64 " rows with %" PRId64 " neighbours each", n, k);
    double mean;
    CALR_TRY(check_entries(n, k, indices, similarities, &mean));
    edge *row = calr_array_new(k, sizeof *row);
    if (!row)
        return calr_error(CALR_ENOMEM, "no memory for %" PRId64 " neighbours", k);
    int64_t used = 0;
    for (int64_t i = 0; i < n && !calr_interrupt_due(i); i++)
        used += take_row(i, k, indices, similarities, min_similarity, row);
    calr_csr *csr = NULL;
    calr_status status = calr_interrupt_check();
    if (status == CALR_OK)
        status = calr_csr_new(n, n, used, &csr);
    if (status != CALR_OK) {
        free(row);
        return status;
    }
    used = 0;
    for (int64_t i = 0; i < n && !calr_interrupt_due(i); i++) {
        int64_t count = take_row(i, k, indices, similarities, min_similarity, row);
        for (int64_t e = 0; e < count; e++, used++) {
            csr->indices[used] = row[e].to;
            csr->values[used] = row[e].weight;
        }
        csr->offsets[i + 1] = used;
        if (scores)
            scores[i] = score_row(i, k, indices, similarities, min_similarity, mean);
    }
    free(row);
    status = calr_interrupt_check();
    if (status == CALR_OK)
        *graph = csr;
    else
        calr_csr_release(csr);
    return status;
}
