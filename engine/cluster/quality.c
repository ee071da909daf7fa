#include "cluster/quality.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/size.h"
#include "base/sort.h"

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

static calr_status count_clusters(calr_quality *quality)
{
    cell *cells = quality->cell;
    CALR_TRY(calr_sort(cells, quality->cells, sizeof *cells, by_cluster));
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
    return CALR_OK;
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
    if (status == CALR_OK)
        status = calr_sort(pairs, quality->items, sizeof *pairs, by_identity);
    if (status == CALR_OK) {
        count_identities(quality, pairs);
        status = count_clusters(quality);
    }
    if (status == CALR_OK)
        *out = quality;
    else
        calr_quality_release(quality);
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

/* Nats. */
static double mutual_information(const calr_quality *quality)
{
    double n = (double)quality->items, mutual = 0;
    for (int64_t c = 0; c < quality->cells; c++) {
        const cell *at = &quality->cell[c];
        double joint = (double)at->count / n;
        mutual += joint * log(joint / ((double)at->of_identity / n * ((double)at->of_cluster / n)));
    }
    return mutual;
}

/* Whether both sides are the same groups: as many cells as groups. */
static bool same_groups(const calr_quality *quality)
{
    return quality->cells == quality->identities && quality->cells == quality->clusters;
}

double calr_quality_nmi(const calr_quality *quality)
{
    if (quality->items == 0)
        return 0;
    if (same_groups(quality))
        return 1;
    double mean = (quality->entropy_identities + quality->entropy_clusters) / 2;
    return fmin(1, fmax(0, mutual_information(quality) / mean));
}

calr_quality_score calr_quality_v_measure(const calr_quality *quality)
{
    if (quality->items == 0)
        return score(0, 0);
    if (same_groups(quality))
        return score(1, 1);
    double mutual = mutual_information(quality);
    double identities = quality->entropy_identities, clusters = quality->entropy_clusters;
    return score(identities > 0 ? fmin(1, fmax(0, mutual / identities)) : 1,
                 clusters > 0 ? fmin(1, fmax(0, mutual / clusters)) : 1);
}

double calr_quality_ari(const calr_quality *quality)
{
    if (quality->items == 0)
        return 0;
    if (same_groups(quality))
        return 1;
    double all = pairs_of(quality->items), both = 0;
    for (int64_t c = 0; c < quality->cells; c++)
        both += pairs_of(quality->cell[c].count);
    double chance = quality->pairs_identities * (quality->pairs_clusters / all);
    double most = (quality->pairs_identities + quality->pairs_clusters) / 2;
    return (both - chance) / (most - chance);
}

double calr_quality_purity(const calr_quality *quality)
{
    int64_t pure = 0, most = 0;
    for (int64_t c = 0; c < quality->cells; c++) {
        const cell *at = &quality->cell[c];
        if (c > 0 && at->cluster != at[-1].cluster) {
            pure += most;
            most = 0;
        }
        most = at->count > most ? at->count : most;
    }
    return quality->items ? (double)(pure + most) / (double)quality->items : 0;
}

/* ---- adjusted mutual information ---- */

/* out[i] = log(i!) for i = 0 .. n, the sum with compensation: the rounding of a million terms would
 * show otherwise. */
static void fill_log_factorials(int64_t n, double *out)
{
    double sum = 0, lost = 0;
    out[0] = 0;
    for (int64_t i = 1; i <= n; i++) {
        double term = log((double)i) - lost, next = sum + term;
        lost = next - sum - term;
        sum = next;
        out[i] = sum;
    }
}

/* Sizes that occur, ascending, and how many groups have each; returns how many sizes. */
static int64_t sizes_of(const calr_quality *quality, bool identities, int64_t *tally, int64_t *size)
{
    memset(tally, 0, (size_t)(quality->items + 1) * sizeof *tally);
    for (int64_t c = 0; c < quality->cells; c++) {
        const cell *at = &quality->cell[c];
        tally[identities ? at->of_identity : at->of_cluster] += at->count;
    }
    int64_t count = 0;
    for (int64_t s = 1; s <= quality->items; s++)
        if (tally[s] > 0)
            size[count++] = s;
    for (int64_t k = 0; k < count; k++)
        tally[k] = tally[size[k]] / size[k]; /* k < size[k]: nothing unread is written over */
    return count;
}

/* What groups of a and of b items out of n add to the mutual information by chance: the mean over the
 * hypergeometric distribution of the items they share. */
static double expected_of(int64_t n, int64_t a, int64_t b, const double *factorial)
{
    double fixed = factorial[a] + factorial[b] + factorial[n - a] + factorial[n - b] - factorial[n];
    double total = 0;
    for (int64_t both = a + b > n ? a + b - n : 1; both <= a && both <= b; both++) {
        double share = (double)both / (double)n;
        double chance = fixed - factorial[both] - factorial[a - both] - factorial[b - both] -
                        factorial[n - a - b + both];
        total +=
            share * log(share / ((double)a / (double)n * ((double)b / (double)n))) * exp(chance);
    }
    return total;
}

calr_status calr_quality_ami(const calr_quality *quality, double *out)
{
    int64_t n = quality->items;
    *out = n > 0;
    if (n == 0 || same_groups(quality))
        return CALR_OK;
    /* At most sqrt(2n) different sizes on each side. */
    int64_t most = 2 + (int64_t)sqrt(2 * (double)n);
    double *factorial = calr_array_new(n + 1, sizeof *factorial);
    int64_t *tally[2], *size[2], count[2];
    for (int side = 0; side < 2; side++) {
        tally[side] = calr_array_new(n + 1, sizeof *tally[side]);
        size[side] = calr_array_new(most, sizeof *size[side]);
    }
    calr_status status = CALR_OK;
    if (factorial && tally[0] && tally[1] && size[0] && size[1]) {
        double expected = 0;
        fill_log_factorials(n, factorial);
        for (int side = 0; side < 2; side++)
            count[side] = sizes_of(quality, side == 0, tally[side], size[side]);
        for (int64_t i = 0; i < count[0]; i++)
            for (int64_t c = 0; c < count[1] && !calr_interrupt_requested(); c++)
                expected += (double)tally[0][i] * (double)tally[1][c] *
                            expected_of(n, size[0][i], size[1][c], factorial);
        double room = (quality->entropy_identities + quality->entropy_clusters) / 2 - expected;
        room = room < 0 ? fmin(room, -DBL_EPSILON) : fmax(room, DBL_EPSILON);
        *out = (mutual_information(quality) - expected) / room;
        status = calr_interrupt_check();
    } else {
        status = calr_error(
            CALR_ENOMEM, "no memory for the adjusted mutual information of %" PRId64 " items", n);
    }
    free(factorial);
    for (int side = 0; side < 2; side++) {
        free(tally[side]);
        free(size[side]);
    }
    return status;
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
