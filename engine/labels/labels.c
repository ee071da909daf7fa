#include "labels/labels.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/sort.h"

#define MOST_CLUSTERS (1 << 30)

calr_status calr_labels_clusters(const int32_t *labels, int64_t n, int64_t *clusters)
{
    int64_t most = 0;
    for (int64_t i = 0; i < n; i++) {
        if (labels[i] < -1 || labels[i] >= MOST_CLUSTERS)
            return calr_error(CALR_EINVAL,
                              "label %" PRId32 " of image %" PRId64
                              " is not a cluster number (-1: outlier)",
                              labels[i], i + 1);
        if (labels[i] >= most)
            most = (int64_t)labels[i] + 1;
    }
    *clusters = most;
    return CALR_OK;
}

calr_status calr_labels_canonical(const int32_t *labels, int64_t n, int64_t min_size, int32_t *out,
                                  int64_t *clusters)
{
    int64_t most;
    CALR_TRY(calr_labels_clusters(labels, n, &most));
    int64_t *counts = calr_array_zeros(most, sizeof *counts);
    int32_t *number = calr_array_new(most, sizeof *number);
    if (!counts || !number) {
        free(counts);
        free(number);
        return calr_error(CALR_ENOMEM, "no memory to number %" PRId64 " clusters", most);
    }
    calr_labels_count(labels, n, most, counts);
    for (int64_t c = 0; c < most; c++)
        number[c] = -1;
    int32_t next = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t label = labels[i];
        if (label >= 0 && counts[label] >= min_size && number[label] < 0)
            number[label] = next++;
        out[i] = label >= 0 ? number[label] : -1;
    }
    *clusters = next;
    free(counts);
    free(number);
    return CALR_OK;
}

typedef struct pair_entry {
    int32_t a, b;
    int64_t row;
} pair_entry;

static int compare_pairs(const void *x, const void *y)
{
    const pair_entry *p = x, *q = y;
    if (p->a != q->a)
        return p->a < q->a ? -1 : 1;
    if (p->b != q->b)
        return p->b < q->b ? -1 : 1;
    return (p->row > q->row) - (p->row < q->row);
}

calr_status calr_labels_pair(const int32_t *a, const int32_t *b, int64_t n, int32_t *out,
                             int64_t *clusters)
{
    int64_t most;
    CALR_TRY(calr_labels_clusters(a, n, &most));
    CALR_TRY(calr_labels_clusters(b, n, &most));
    pair_entry *entries = calr_array_new(n, sizeof *entries);
    if (!entries)
        return calr_error(CALR_ENOMEM, "no memory to pair %" PRId64 " labels", n);
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        if (a[i] >= 0 && b[i] >= 0)
            entries[count++] = (pair_entry){a[i], b[i], i};
    }
    calr_status status = calr_sort(entries, count, sizeof *entries, compare_pairs);
    if (status != CALR_OK) {
        free(entries);
        return status;
    }
    int32_t label = -1;
    for (int64_t i = 0; i < n; i++)
        out[i] = -1;
    for (int64_t i = 0; i < count; i++) {
        label += i == 0 || entries[i].a != entries[i - 1].a || entries[i].b != entries[i - 1].b;
        out[entries[i].row] = label;
    }
    free(entries);
    return calr_labels_canonical(out, n, 1, out, clusters);
}

void calr_labels_count(const int32_t *labels, int64_t n, int64_t clusters, int64_t *counts)
{
    memset(counts, 0, (size_t)clusters * sizeof *counts);
    for (int64_t i = 0; i < n; i++)
        if (labels[i] >= 0)
            counts[labels[i]]++;
}

void calr_labels_members(const int32_t *labels, int64_t n, int64_t clusters, int64_t *start,
                         int32_t *rows)
{
    memset(start, 0, (size_t)(clusters + 1) * sizeof *start);
    for (int64_t i = 0; i < n; i++)
        if (labels[i] >= 0 && labels[i] < clusters)
            start[labels[i] + 1]++;
    for (int64_t c = 0; c < clusters; c++)
        start[c + 1] += start[c];
    for (int64_t i = 0; i < n; i++)
        if (labels[i] >= 0 && labels[i] < clusters)
            rows[start[labels[i]]++] = (int32_t)i;
    memmove(start + 1, start,
            (size_t)clusters * sizeof *start); /* each has moved to the next one's */
    start[0] = 0;
}

void calr_labels_argmax(const int32_t *labels, const float *scores, int64_t n, int64_t clusters,
                        int64_t *rows)
{
    for (int64_t c = 0; c < clusters; c++)
        rows[c] = -1;
    for (int64_t i = 0; i < n; i++) {
        if (labels[i] < 0 || isnan(scores[i]))
            continue;
        int64_t *best = &rows[labels[i]];
        if (*best < 0 || scores[i] > scores[*best])
            *best = i;
    }
}

void calr_labels_last_above(const int32_t *labels, const float *scores, int64_t n, double threshold,
                            int64_t clusters, int64_t *rows)
{
    for (int64_t c = 0; c < clusters; c++)
        rows[c] = -1;
    for (int64_t i = 0; i < n; i++)
        if (labels[i] >= 0 && scores[i] > threshold)
            rows[labels[i]] = i;
}

calr_status calr_labels_entropy(const int32_t *labels, const int32_t *groups, int64_t n,
                                int64_t clusters, float *entropy)
{
    /* Each pair (cluster, group) that occurs is one term: count the pairs, then add their terms to
     * the clusters. */
    int32_t *pair = calr_array_new(n, sizeof *pair);
    int64_t *counts = NULL, *totals = NULL, pairs = 0;
    calr_status status =
        pair ? calr_labels_pair(labels, groups, n, pair, &pairs)
             : calr_error(CALR_ENOMEM, "no memory for the entropy of %" PRId64 " labels", n);
    if (status == CALR_OK) {
        counts = calr_array_zeros(pairs, sizeof *counts);
        totals = calr_array_zeros(clusters, sizeof *totals);
        if (!counts || !totals)
            status = calr_error(CALR_ENOMEM, "no memory for the entropy of %" PRId64 " clusters",
                                clusters);
    }
    if (status == CALR_OK) {
        for (int64_t i = 0; i < n; i++) {
            if (pair[i] < 0)
                continue;
            counts[pair[i]]++;
            totals[labels[i]]++;
        }
        memset(entropy, 0, (size_t)clusters * sizeof *entropy);
        for (int64_t i = 0; i < n; i++) {
            if (pair[i] < 0 || counts[pair[i]] == 0)
                continue;
            double share = (double)counts[pair[i]] / (double)totals[labels[i]];
            entropy[labels[i]] -= (float)(share * log(share));
            counts[pair[i]] = 0; /* its term is in */
        }
    }
    free(pair);
    free(counts);
    free(totals);
    return status;
}

calr_status calr_labels_commonest(const int32_t *labels, const int32_t *groups, int64_t n,
                                  int64_t clusters, int32_t *commonest)
{
    int64_t pairs = 0;
    int32_t *pair = calr_array_new(n, sizeof *pair);
    int64_t *most = calr_array_zeros(clusters, sizeof *most), *counts = NULL;
    calr_status status =
        pair && most
            ? calr_labels_pair(labels, groups, n, pair, &pairs)
            : calr_error(CALR_ENOMEM, "no memory to count the groups of %" PRId64 " labels", n);
    if (status == CALR_OK) {
        counts = calr_array_zeros(pairs, sizeof *counts);
        if (!counts)
            status = calr_error(CALR_ENOMEM, "no memory to count %" PRId64 " groups", pairs);
    }
    if (status == CALR_OK) {
        for (int64_t i = 0; i < n; i++)
            if (pair[i] >= 0)
                counts[pair[i]]++;
        for (int64_t c = 0; c < clusters; c++)
            commonest[c] = -1;
        for (int64_t i = 0; i < n; i++) {
            if (pair[i] >= 0 && counts[pair[i]] > most[labels[i]]) {
                most[labels[i]] = counts[pair[i]];
                commonest[labels[i]] = groups[i];
            }
        }
    }
    free(pair);
    free(most);
    free(counts);
    return status;
}

calr_status calr_labels_neighbour_share(const int32_t *labels, int64_t n, const int32_t *indices,
                                        int64_t k, int64_t count, float *share)
{
    for (int64_t i = 0; i < n * k; i++)
        if (indices[i] < -1 || indices[i] >= n)
            return calr_error(CALR_EINVAL,
                              "neighbour %" PRId32 " of image %" PRId64 " is outside the %" PRId64
                              " images",
                              indices[i], i / k + 1, n);
    for (int64_t i = 0; i < n; i++) {
        int64_t others = 0, same = 0;
        for (int64_t j = 0; j < k && j < count; j++) {
            int32_t other = indices[i * k + j];
            if (other < 0 || other == i)
                continue;
            others++;
            same += labels[other] == labels[i];
        }
        share[i] = labels[i] >= 0 && others > 0 ? (float)((double)same / (double)others) : 0;
    }
    return CALR_OK;
}
