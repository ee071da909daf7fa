#include "cluster/hdbscan.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"
#include "base/sort.h"
#include "base/union_find.h"
#include "cluster/condensed.h"
#include "neighbours/reach.h"

/* ---- core distances ---- */

typedef struct cores {
    const calr_distance *source;
    int64_t others; /* neighbours besides the thing itself; the core distance is that to the last */
    float *heap;    /* [threads x others] largest first */
    float *core;    /* [n] */
} cores;

/* Keeps the `limit` smallest values; returns how many there are. */
static int64_t offer(float *heap, int64_t count, int64_t limit, float value)
{
    int64_t at;
    if (count < limit) {
        at = count++;
        for (; at > 0 && heap[(at - 1) / 2] < value; at = (at - 1) / 2)
            heap[at] = heap[(at - 1) / 2];
    } else {
        if (value >= heap[0])
            return count;
        at = 0;
        for (int64_t child; (child = 2 * at + 1) < count; at = child) {
            if (child + 1 < count && heap[child + 1] > heap[child])
                child++;
            if (heap[child] <= value)
                break;
            heap[at] = heap[child];
        }
    }
    heap[at] = value;
    return count;
}

static void find_cores(void *context, int64_t begin, int64_t end, int worker)
{
    cores *c = context;
    float *heap = c->heap + worker * c->others;
    const calr_distance *d = c->source;
    for (int64_t i = begin; i < end; i++) {
        int64_t count = 0;
        if (d->sparse) {
            for (int64_t p = d->sparse->offsets[i]; p < d->sparse->offsets[i + 1]; p++)
                if (d->sparse->indices[p] != i)
                    count = offer(heap, count, c->others, d->sparse->values[p]);
        } else {
            for (int64_t j = 0; j < d->n; j++)
                if (j != i)
                    count = offer(heap, count, c->others, d->dense[i * d->n + j]);
        }
        c->core[i] = count < c->others ? 1 : heap[0]; /* what a sparse row does not hold is at 1 */
    }
}

/* ---- spanning trees of mutual reachability ---- */

static float farther(float a, float b)
{
    return a > b ? a : b;
}

/* Prim: of the things equally near, the lowest comes next. */
static calr_status span_dense(const calr_distance *source, const float *core, float *least,
                              int32_t *from, uint8_t *inside, calr_merge *merges)
{
    int64_t n = source->n, x = 0;
    for (int64_t i = 0; i < n; i++) {
        least[i] = INFINITY;
        inside[i] = 0;
        from[i] = 0;
    }
    for (int64_t m = 0; m + 1 < n; m++) {
        const float *row = source->dense + x * n;
        int64_t next = -1;
        CALR_TRY(calr_interrupt_check());
        inside[x] = 1;
        for (int64_t i = 0; i < n; i++) {
            if (inside[i])
                continue;
            float reach = farther(farther(core[x], core[i]), row[i]);
            if (reach < least[i]) {
                least[i] = reach;
                from[i] = (int32_t)x;
            }
            if (next < 0 || least[i] < least[next])
                next = i;
        }
        merges[m] = (calr_merge){from[next], (int32_t)next, least[next]};
        x = next;
    }
    return CALR_OK;
}

typedef struct link {
    float reach;
    int32_t a, b;
} link;

static int by_reach(const void *x, const void *y)
{
    const link *p = x, *q = y;
    if (p->reach != q->reach)
        return p->reach < q->reach ? -1 : 1;
    if (p->a != q->a)
        return p->a < q->a ? -1 : 1;
    return (p->b > q->b) - (p->b < q->b);
}

/* Kruskal on the pairs stored; whatever is then apart is at 1. */
static calr_status span_sparse(const calr_csr *csr, const float *core, calr_merge *merges)
{
    int64_t n = csr->rows, count = 0, made = 0;
    link *links = calr_array_new(csr->nonzeros / 2 + 1, sizeof *links);
    int32_t *parent = calr_array_new(n, sizeof *parent);
    calr_status status = CALR_OK;
    if (links && parent) {
        for (int64_t i = 0; i < n && !calr_interrupt_requested(); i++) {
            parent[i] = (int32_t)i;
            for (int64_t p = csr->offsets[i]; p < csr->offsets[i + 1]; p++) {
                int32_t j = csr->indices[p];
                float reach = j > i ? farther(farther(core[i], core[j]), csr->values[p]) : 1;
                if (reach < 1) /* others join by what is missing */
                    links[count++] = (link){reach, (int32_t)i, j};
            }
        }
        status = calr_sort(links, count, sizeof *links, by_reach);
        if (status == CALR_OK)
            status = calr_interrupt_check();
        for (int64_t e = 0; status == CALR_OK && e < count; e++)
            if (calr_join_sets(parent, links[e].a, links[e].b))
                merges[made++] = (calr_merge){links[e].a, links[e].b, links[e].reach};
        for (int64_t i = 1; status == CALR_OK && i < n; i++)
            if (calr_join_sets(parent, 0, (int32_t)i))
                merges[made++] = (calr_merge){0, (int32_t)i, 1};
    } else {
        status = calr_error(CALR_ENOMEM, "out of memory for the links of %" PRId64 " pairs",
                            csr->nonzeros);
    }
    free(links);
    free(parent);
    return status;
}

static int by_height(const void *x, const void *y)
{
    const calr_merge *p = x, *q = y;
    if (p->height != q->height)
        return p->height < q->height ? -1 : 1;
    if (p->a != q->a)
        return p->a < q->a ? -1 : 1;
    return (p->b > q->b) - (p->b < q->b);
}

/* The links of the tree by their length. */
static calr_status span(const calr_distance *source, const float *core, calr_merge *merges)
{
    int64_t n = source->n;
    if (source->sparse)
        return span_sparse(source->sparse, core, merges);
    float *least = calr_array_new(n, sizeof *least);
    int32_t *from = calr_array_new(n, sizeof *from);
    uint8_t *inside = calr_array_new(n, sizeof *inside);
    calr_status status = CALR_OK;
    if (least && from && inside) {
        status = span_dense(source, core, least, from, inside, merges);
        if (status == CALR_OK)
            status = calr_sort(merges, n - 1, sizeof *merges, by_height);
    } else {
        status =
            calr_error(CALR_ENOMEM, "out of memory for the spanning tree of %" PRId64 " things", n);
    }
    free(least);
    free(from);
    free(inside);
    return status;
}

/* ---- the whole ---- */

static calr_status check_options(int64_t n, const calr_hdbscan_options *o)
{
    if (n < 0 || n > INT32_MAX / 2)
        return calr_error(CALR_EINVAL, "HDBSCAN cannot number the clusters of %" PRId64 " things",
                          n);
    if (o->min_cluster_size < 2)
        return calr_error(CALR_EINVAL, "min_cluster_size must be at least 2, not %" PRId64,
                          o->min_cluster_size);
    if (o->min_samples < 1)
        return calr_error(CALR_EINVAL, "min_samples must be at least 1, not %" PRId64,
                          o->min_samples);
    if (!(o->epsilon >= 0))
        return calr_error(CALR_EINVAL, "epsilon must be a distance, at least 0, not %g",
                          o->epsilon);
    return CALR_OK;
}

static calr_status build_tree(const calr_distance *source, const calr_hdbscan_options *options,
                              calr_condensed **tree)
{
    int64_t n = source->n;
    cores c = {.source = source};
    c.others = (options->min_samples < n ? options->min_samples : n) - 1;
    c.core = calr_array_zeros(n, sizeof *c.core);
    c.heap = calr_array_new(calr_parallel_threads(), (size_t)c.others * sizeof *c.heap);
    calr_merge *merges = calr_array_new(n - 1, sizeof *merges);
    calr_status status = CALR_OK;
    if (c.core && c.heap && merges) {
        if (c.others > 0)
            status = calr_parallel_try(n, 64, find_cores, &c);
        if (status == CALR_OK)
            status = span(source, c.core, merges);
    } else {
        status = calr_error(CALR_ENOMEM, "out of memory for HDBSCAN of %" PRId64 " things", n);
    }
    if (status == CALR_OK)
        status = calr_condensed_new(merges, n, options->min_cluster_size, tree);
    free(c.core);
    free(c.heap);
    free(merges);
    return status;
}

/* Releases the tree. */
static calr_status label_tree(calr_condensed *tree, const calr_hdbscan_options *options,
                              int32_t *labels, float *probabilities, float *outliers,
                              int64_t *clusters)
{
    calr_status status = calr_condensed_label(tree, options, labels, probabilities, clusters);
    if (status == CALR_OK && outliers)
        status = calr_condensed_outliers(tree, outliers);
    calr_condensed_release(tree);
    return status;
}

static calr_status cluster(const calr_distance *source, const calr_hdbscan_options *options,
                           int32_t *labels, float *probabilities, float *outliers,
                           int64_t *clusters)
{
    int64_t found = 0;
    CALR_TRY(check_options(source->n, options));
    if (source->n > 0) {
        calr_condensed *tree;
        CALR_TRY(build_tree(source, options, &tree));
        CALR_TRY(label_tree(tree, options, labels, probabilities, outliers, &found));
    }
    if (clusters)
        *clusters = found;
    return CALR_OK;
}

calr_status calr_hdbscan(const calr_distance *distance, const calr_hdbscan_options *options,
                         int32_t *labels, float *probabilities, float *outliers, int64_t *clusters)
{
    return cluster(distance, options, labels, probabilities, outliers, clusters);
}

calr_status calr_hdbscan_features(const float *x, int64_t n, int64_t d, calr_metric metric,
                                  const calr_hdbscan_options *options, int32_t *labels,
                                  float *probabilities, float *outliers, int64_t *clusters)
{
    calr_condensed *tree = NULL;
    int64_t found = 0;
    CALR_TRY(check_options(n, options));
    calr_link *links = calr_array_new(n, sizeof *links);
    calr_merge *merges = calr_array_new(n, sizeof *merges);
    calr_status status =
        merges && links
            ? calr_reach_span(x, n, d, metric, options->min_samples - 1, 0, links)
            : calr_error(CALR_ENOMEM, "out of memory for HDBSCAN of %" PRId64 " things", n);
    for (int64_t i = 0; i < n - 1 && status == CALR_OK; i++)
        merges[i] = (calr_merge){links[i].a, links[i].b, links[i].length};
    free(links);
    if (status == CALR_OK && n > 1)
        status = calr_sort(merges, n - 1, sizeof *merges, by_height);
    if (status == CALR_OK && n > 0)
        status = calr_condensed_new(merges, n, options->min_cluster_size, &tree);
    free(merges);
    CALR_TRY(status);
    if (tree)
        CALR_TRY(label_tree(tree, options, labels, probabilities, outliers, &found));
    if (clusters)
        *clusters = found;
    return CALR_OK;
}
