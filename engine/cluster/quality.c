#include "cluster/quality.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/size.h"

typedef struct pair {
    int64_t identity, cluster;
} pair;

/* A pair that occurs, with how often it, its identity and its cluster do. */
typedef struct cell {
    int64_t cluster, count, of_identity, of_cluster;
} cell;

struct calr_quality {
    int64_t items, identities, clusters, cells;
    double entropy_identities, entropy_clusters; /* nats */
    double pairs_identities, pairs_clusters;     /* unordered pairs that share one */
    cell *cell;
};

static int by_identity(const void *a, const void *b)
{
    const pair *p = a, *q = b;
    if (p->identity != q->identity)
        return p->identity < q->identity ? -1 : 1;
    return (p->cluster > q->cluster) - (p->cluster < q->cluster);
}

static int by_cluster(const void *a, const void *b)
{
    const cell *p = a, *q = b;
    return (p->cluster > q->cluster) - (p->cluster < q->cluster);
}

static double pairs_of(int64_t count)
{
    return (double)count * (double)(count - 1) / 2;
}

/* Copies what is to be judged; outliers that count get clusters of their own, past every label. */
static calr_status collect(int64_t n, const int64_t *truth, const int32_t *labels,
                           calr_quality_outliers outliers, pair *pairs, int64_t *count)
{
    int64_t used = 0, next = (int64_t)INT32_MAX + 1;
    for (int64_t i = 0; i < n; i++) {
        if (labels[i] < -1)
            return calr_error(CALR_EINVAL,
                              "label %" PRId64 " (counted from 0) is %" PRId32
                              ": labels are 0 or more, or -1 for an outlier",
                              i, labels[i]);
        if (labels[i] >= 0)
            pairs[used++] = (pair){truth[i], labels[i]};
        else if (outliers == CALR_OUTLIERS_SINGLETONS)
            pairs[used++] = (pair){truth[i], next++};
    }
    *count = used;
    return CALR_OK;
}

/* Runs of equal pairs become cells, runs of equal identities their sizes. `pairs` is sorted. */
static void count_identities(calr_quality *quality, const pair *pairs)
{
    int64_t n = quality->items;
    for (int64_t begin = 0, end; begin < n; begin = end) {
        int64_t first = quality->cells;
        for (end = begin; end < n && pairs[end].identity == pairs[begin].identity; end++) {
            if (end == begin || pairs[end].cluster != pairs[end - 1].cluster)
                quality->cell[quality->cells++] = (cell){.cluster = pairs[end].cluster};
            quality->cell[quality->cells - 1].count++;
        }
        for (int64_t c = first; c < quality->cells; c++)
            quality->cell[c].of_identity = end - begin;
        double share = (double)(end - begin) / (double)n;
        quality->identities++;
        quality->pairs_identities += pairs_of(end - begin);
        quality->entropy_identities -= share * log(share);
    }
}

static void count_clusters(calr_quality *quality)
{
    cell *cells = quality->cell;
    qsort(cells, (size_t)quality->cells, sizeof *cells, by_cluster);
    for (int64_t begin = 0, end; begin < quality->cells; begin = end) {
        int64_t size = 0;
        for (end = begin; end < quality->cells && cells[end].cluster == cells[begin].cluster; end++)
            size += cells[end].count;
        for (int64_t c = begin; c < end; c++)
            cells[c].of_cluster = size;
        double share = (double)size / (double)quality->items;
        quality->clusters++;
        quality->pairs_clusters += pairs_of(size);
        quality->entropy_clusters -= share * log(share);
    }
}

calr_status calr_quality_new(int64_t n, const int64_t *truth, const int32_t *labels,
                             calr_quality_outliers outliers, calr_quality **out)
{
    if (n < 0)
        return calr_error(CALR_EINVAL, "a negative number of items (%" PRId64 ")", n);
    pair *pairs = calr_array_new(n, sizeof *pairs);
    calr_quality *quality = calr_array_zeros(1, sizeof *quality);
    if (quality)
        quality->cell = calr_array_new(n, sizeof *quality->cell);
    calr_status status = CALR_OK;
    if (!pairs || !quality || !quality->cell)
        status = calr_error(CALR_ENOMEM, "no memory to compare %" PRId64 " labels", n);
    else
        status = collect(n, truth, labels, outliers, pairs, &quality->items);
    if (status == CALR_OK) {
        qsort(pairs, (size_t)quality->items, sizeof *pairs, by_identity);
        count_identities(quality, pairs);
        count_clusters(quality);
        *out = quality;
    } else {
        calr_quality_release(quality);
    }
    free(pairs);
    return status;
}

void calr_quality_release(calr_quality *quality)
{
    if (!quality)
        return;
    free(quality->cell);
    free(quality);
}

static calr_quality_score score(double precision, double recall)
{
    double sum = precision + recall;
    return (calr_quality_score){precision, recall, sum > 0 ? 2 * precision * recall / sum : 0};
}

calr_quality_score calr_quality_pairwise(const calr_quality *quality)
{
    double both = 0;
    for (int64_t c = 0; c < quality->cells; c++)
        both += pairs_of(quality->cell[c].count);
    return score(quality->pairs_clusters > 0 ? both / quality->pairs_clusters : 0,
                 quality->pairs_identities > 0 ? both / quality->pairs_identities : 0);
}

calr_quality_score calr_quality_bcubed(const calr_quality *quality)
{
    double precision = 0, recall = 0;
    for (int64_t c = 0; c < quality->cells; c++) {
        const cell *at = &quality->cell[c];
        double square = (double)at->count * (double)at->count;
        precision += square / (double)at->of_cluster;
        recall += square / (double)at->of_identity;
    }
    double n = quality->items ? (double)quality->items : 1;
    return score(precision / n, recall / n);
}

double calr_quality_nmi(const calr_quality *quality)
{
    if (quality->items == 0)
        return 0;
    if (quality->identities == 1 && quality->clusters == 1)
        return 1;
    double n = (double)quality->items, mutual = 0;
    for (int64_t c = 0; c < quality->cells; c++) {
        const cell *at = &quality->cell[c];
        double joint = (double)at->count / n;
        mutual += joint * log(joint / ((double)at->of_identity / n * ((double)at->of_cluster / n)));
    }
    double mean = (quality->entropy_identities + quality->entropy_clusters) / 2;
    return fmin(1, fmax(0, mutual / mean));
}

double calr_quality_expansion(const calr_quality *quality)
{
    return quality->identities ? (double)quality->cells / (double)quality->identities : 0;
}

int64_t calr_quality_items(const calr_quality *quality)
{
    return quality->items;
}

int64_t calr_quality_identities(const calr_quality *quality)
{
    return quality->identities;
}

int64_t calr_quality_clusters(const calr_quality *quality)
{
    return quality->clusters;
}
