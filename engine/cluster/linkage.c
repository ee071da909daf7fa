#include "cluster/linkage.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"
#include "base/union_find.h"
#include "cluster/linkage_chains.h"
#include "labels/labels.h"
#include "neighbours/pairwise.h"

/* ---- filling ---- */

/* Where it is filled from. */
typedef struct source {
    const calr_distance *distance; /* or */
    const calr_pairwise *pairwise;
    calr_pairs *to;
    float *row;      /* [threads x n], of the distance; or */
    double *tile;    /* [threads x CALR_PAIRWISE_ROWS x CALR_PAIRWISE_ROWS], and */
    double *scratch; /* [threads x calr_pairwise_scratch] */
} source;

static void fill_from_distance(void *context, int64_t begin, int64_t end, int worker)
{
    source *s = context;
    float *row = s->row + worker * s->to->n;
    for (int64_t i = begin; i < end; i++) {
        double *to = calr_pairs_row(s->to, i);
        calr_distance_row(s->distance, i, row);
        for (int64_t j = s->to->square ? 0 : i + 1; j < s->to->n; j++)
            to[j] = row[j];
    }
}

/* Rows of tiles begin .. end-1, from the diagonal on; a square holds each pair twice. */
static void fill_from_features(void *context, int64_t begin, int64_t end, int worker)
{
    enum { TILE = CALR_PAIRWISE_ROWS };
    source *s = context;
    const calr_pairs *to = s->to;
    int64_t n = to->n, tiles = (n + TILE - 1) / TILE;
    double *tile = s->tile + (int64_t)worker * TILE * TILE;
    for (int64_t row = begin; row < end && row < tiles; row++)
        for (int64_t column = row; column < tiles && !calr_interrupt_requested(); column++) {
            int64_t first = column * TILE, columns = n - first < TILE ? n - first : TILE;
            calr_pairwise_tile_double(s->pairwise, row, column,
                                      s->scratch + worker * calr_pairwise_scratch(s->pairwise),
                                      tile);
            for (int64_t i = row * TILE; i < n && i < (row + 1) * TILE; i++) {
                const double *from = tile + (i - row * TILE) * TILE;
                for (int64_t c = row == column ? i + 1 - first : 0; c < columns; c++) {
                    calr_pairs_row(to, i)[first + c] = from[c];
                    if (to->square)
                        calr_pairs_row(to, first + c)[i] = from[c];
                }
            }
        }
}

static calr_status fill_pairs(source *s, int64_t n, calr_pairs *out)
{
    int64_t threads = calr_parallel_threads();
    CALR_TRY(calr_pairs_new(n, out));
    s->to = out;
    if (s->distance)
        s->row = calr_array_new(threads, (size_t)n * sizeof *s->row);
    else
        s->tile =
            calr_array_new(threads, sizeof *s->tile * CALR_PAIRWISE_ROWS * CALR_PAIRWISE_ROWS);
    if (s->pairwise)
        s->scratch = calr_array_new(threads, (size_t)calr_pairwise_scratch(s->pairwise) *
                                                 sizeof *s->scratch);
    calr_status status = CALR_OK;
    if (s->distance ? !s->row : !s->tile || !s->scratch) {
        status = calr_error(CALR_ENOMEM, "out of memory for linkage of %" PRId64 " things", n);
    } else if (s->pairwise) { /* one chunk more than there are: see pairwise.h */
        status = calr_parallel_try(n / CALR_PAIRWISE_ROWS + 2, 1, fill_from_features, s);
    } else {
        status = calr_parallel_try(n, 64, fill_from_distance, s);
    }
    if (status != CALR_OK)
        calr_pairs_free(out);
    free(s->row);
    free(s->tile);
    free(s->scratch);
    return status;
}

/* ---- single linkage ---- */

/* The distance of x and i, from the calr_pairs where there is no row of the distance. */
static double single_pair(const float *row, const calr_pairs *t, int64_t x, int64_t i)
{
    return row ? row[i] : *calr_pair(t, x, i);
}

/* Prim: the thing nearest to the tree comes next; its edge is a merge. */
static calr_status link_single(const calr_distance *distance, const calr_pairs *t, int64_t n,
                               calr_merge *merges)
{
    float *row = distance ? calr_array_new(n, sizeof *row) : NULL;
    double *least = calr_array_new(n, sizeof *least);
    int32_t *from = calr_array_zeros(n, sizeof *from);
    bool *inside = calr_array_zeros(n, sizeof *inside);
    calr_status status = CALR_OK;
    if ((row || !distance) && least && from && inside) {
        for (int64_t i = 0; i < n; i++)
            least[i] = INFINITY;
        int64_t x = 0;
        for (int64_t m = 0; m + 1 < n && !calr_interrupt_requested(); m++) {
            int64_t next = -1;
            inside[x] = true;
            if (distance)
                calr_distance_row(distance, x, row);
            for (int64_t i = 0; i < n; i++) {
                if (inside[i])
                    continue;
                double apart = single_pair(row, t, x, i);
                if (apart < least[i]) {
                    least[i] = apart;
                    from[i] = (int32_t)x;
                }
                if (next < 0 || least[i] < least[next])
                    next = i;
            }
            merges[m] = (calr_merge){from[next], (int32_t)next, least[next]};
            x = next;
        }
        status = calr_interrupt_check();
    } else {
        status = calr_error(CALR_ENOMEM, "out of memory for linkage of %" PRId64 " things", n);
    }
    free(row);
    free(least);
    free(from);
    free(inside);
    return status;
}

/* ---- order and cut ---- */

/* Bottom-up merge sort by height: stable, so that of equal heights the one found first stays first.
 */
static calr_status sort_merges(calr_merge *merges, int64_t count)
{
    calr_merge *other = calr_array_new(count, sizeof *other);
    if (!other)
        return calr_error(CALR_ENOMEM, "out of memory for %" PRId64 " merges", count);
    for (int64_t width = 1; width < count; width *= 2) {
        for (int64_t begin = 0; begin < count; begin += 2 * width) {
            int64_t middle = begin + width < count ? begin + width : count;
            int64_t end = begin + 2 * width < count ? begin + 2 * width : count;
            for (int64_t a = begin, b = middle, to = begin; to < end; to++) {
                bool first = a < middle && (b >= end || merges[a].height <= merges[b].height);
                other[to] = first ? merges[a++] : merges[b++];
            }
        }
        for (int64_t i = 0; i < count; i++)
            merges[i] = other[i];
    }
    free(other);
    return CALR_OK;
}

static calr_status check_size(int64_t n)
{
    if (n < 1 || n > INT32_MAX)
        return calr_error(CALR_EINVAL, "linkage needs 1 to %d things, not %" PRId64, INT32_MAX, n);
    return CALR_OK;
}

calr_status calr_linkage(const calr_distance *distance, calr_linkage_method method,
                         calr_merge *merges)
{
    CALR_TRY(check_size(distance->n));
    if (method == CALR_LINKAGE_SINGLE) {
        CALR_TRY(link_single(distance, NULL, distance->n, merges));
    } else {
        source s = {.distance = distance};
        calr_pairs t;
        CALR_TRY(fill_pairs(&s, distance->n, &t));
        calr_status status = calr_linkage_chains(&t, method, merges);
        calr_pairs_free(&t);
        CALR_TRY(status);
    }
    return sort_merges(merges, distance->n - 1);
}

calr_status calr_linkage_features(const float *x, int64_t n, int64_t d, calr_metric metric,
                                  calr_linkage_method method, calr_merge *merges)
{
    CALR_TRY(check_size(n));
    calr_pairwise *pairwise;
    CALR_TRY(calr_pairwise_new(x, n, d, metric, &pairwise));
    source s = {.pairwise = pairwise};
    calr_pairs t = {0};
    calr_status status = fill_pairs(&s, n, &t);
    calr_pairwise_release(pairwise);
    if (status == CALR_OK && method == CALR_LINKAGE_SINGLE)
        status = link_single(NULL, &t, n, merges);
    else if (status == CALR_OK)
        status = calr_linkage_chains(&t, method, merges);
    if (status == CALR_OK)
        status = sort_merges(merges, n - 1);
    calr_pairs_free(&t);
    return status;
}

calr_status calr_linkage_cut(const calr_merge *merges, int64_t n, int64_t count, int32_t *labels)
{
    if (n < 1 || count < 0 || count > n - 1)
        return calr_error(CALR_EINVAL, "%" PRId64 " things cannot be merged %" PRId64 " times", n,
                          count);
    for (int64_t i = 0; i < n; i++)
        labels[i] = (int32_t)i;
    for (int64_t m = 0; m < count; m++)
        calr_join_sets(labels, merges[m].a, merges[m].b);
    for (int64_t i = 0; i < n; i++)
        labels[i] = calr_find_root(labels, (int32_t)i);
    int64_t clusters;
    return calr_labels_canonical(labels, n, 1, labels, &clusters);
}

calr_status calr_linkage_tree(const calr_merge *merges, int64_t n, int32_t *left, int32_t *right,
                              int32_t *sizes)
{
    CALR_TRY(check_size(n));
    if (n > INT32_MAX / 2)
        return calr_error(CALR_EINVAL, "the clusters of %" PRId64 " things are too many to number",
                          n);
    int32_t *parent = calr_array_new(n, sizeof *parent),
            *number = calr_array_new(n, sizeof *number);
    calr_status status = CALR_OK;
    if (parent && number) {
        for (int64_t i = 0; i < n; i++) {
            parent[i] = (int32_t)i;
            number[i] = (int32_t)i; /* of the cluster whose root i is */
        }
        for (int64_t m = 0; m + 1 < n; m++) {
            int32_t a = calr_find_root(parent, merges[m].a),
                    b = calr_find_root(parent, merges[m].b);
            left[m] = number[a] < number[b] ? number[a] : number[b];
            right[m] = number[a] < number[b] ? number[b] : number[a];
            sizes[m] =
                (left[m] < n ? 1 : sizes[left[m] - n]) + (right[m] < n ? 1 : sizes[right[m] - n]);
            parent[b] = a;
            number[a] = (int32_t)(n + m);
        }
    } else {
        status = calr_error(CALR_ENOMEM, "out of memory for the tree of %" PRId64 " things", n);
    }
    free(parent);
    free(number);
    return status;
}

calr_status calr_linkage_count(const calr_merge *merges, int64_t n, int64_t clusters,
                               double threshold, int64_t *count)
{
    if (n < 1)
        return calr_error(CALR_EINVAL, "there is nothing to cluster");
    if (clusters < 0 || clusters > n)
        return calr_error(CALR_EINVAL, "%" PRId64 " clusters cannot be made of %" PRId64 " things",
                          clusters, n);
    if (clusters == 0 && isnan(threshold))
        return calr_error(CALR_EINVAL, "the distance at which merging stops is not a number");
    int64_t merged = n - clusters;
    if (clusters == 0)
        for (merged = 0; merged < n - 1 && merges && merges[merged].height < threshold;)
            merged++;
    *count = merged;
    return CALR_OK;
}

calr_status calr_agglomerative(const calr_distance *distance, calr_linkage_method method,
                               int64_t clusters, double threshold, int32_t *labels, int64_t *found)
{
    int64_t n = distance->n, count;
    CALR_TRY(calr_linkage_count(NULL, n, clusters, threshold, &count)); /* only checks */
    calr_merge *merges = calr_array_new(n - 1, sizeof *merges);
    if (!merges)
        return calr_error(CALR_ENOMEM, "out of memory for linkage of %" PRId64 " things", n);
    calr_status status = calr_linkage(distance, method, merges);
    if (status == CALR_OK)
        status = calr_linkage_count(merges, n, clusters, threshold, &count);
    if (status == CALR_OK)
        status = calr_linkage_cut(merges, n, count, labels);
    if (status == CALR_OK && found)
        *found = n - count;
    free(merges);
    return status;
}
