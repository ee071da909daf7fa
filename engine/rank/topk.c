#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/size.h"
#include "neighbours/knn.h"
#include "neighbours/nearest.h"
#include "rank/index.h"
#include "rank/rank.h"
#include "rank/rerank.h"
#include "rank/tiles.h"

/* Longer lists are heaps here: the search for neighbours keeps its lists sorted. */
enum { MOST_NEIGHBOURS = 256 };

typedef struct found {
    float score;
    int32_t row;
} found;

typedef struct measured {
    double distance;
    int32_t row;
} measured;

typedef struct selection {
    const calr_rank_set *query, *gallery;
    int64_t k, dim;
    calr_rank_index index;
    const calr_rerank *rerank;
    calr_rank_rule rule;
    float *norms;
    float *overlap;    /* [threads x gallery], for re-ranking */
    found *heaps;      /* [threads x k] */
    measured *entries; /* [threads x gallery], for euclidean distances */
    calr_rank_exact exact;
    int32_t *indices;
    float *distances;
} selection;

/* a ranks after b. */
static bool after(found a, found b)
{
    return a.score < b.score || (a.score == b.score && a.row > b.row);
}

static int by_rank(const void *a, const void *b)
{
    const found *p = a, *q = b;
    return after(*p, *q) ? 1 : after(*q, *p) ? -1 : 0;
}

/* heap[0] ranks last of all; puts `item` in its place. */
static void replace_last(found *heap, int64_t count, found item)
{
    int64_t at = 0;
    for (;;) {
        int64_t child = 2 * at + 1;
        if (child >= count)
            break;
        if (child + 1 < count && after(heap[child + 1], heap[child]))
            child++;
        if (!after(heap[child], item))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = item;
}

static void push(found *heap, int64_t count, found item)
{
    int64_t at = count;
    while (at > 0 && after(item, heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = item;
}

/* The k entries of the best scores, or best bounds of them, in the order of their ranks; returns how many there are. */
static int64_t choose(const selection *work, const float *score, const calr_rank_margin *margin,
                      found *heap)
{
    int64_t count = 0;
    for (int64_t j = 0; j < work->gallery->count; j++) {
        if (score[j] == -INFINITY)
            continue;
        found item = {score[j], (int32_t)j};
        if (margin)
            item.score = (float)(score[j] - calr_rank_margin_of(margin, work->norms[j]));
        if (count < work->k)
            push(heap, count++, item);
        else if (item.score > heap[0].score) /* at the same score, a later row ranks later */
            replace_last(heap, count, item);
    }
    qsort(heap, (size_t)count, sizeof *heap, by_rank);
    return count;
}

static int by_distance(const void *a, const void *b)
{
    const measured *p = a, *q = b;
    if (p->distance != q->distance)
        return p->distance < q->distance ? -1 : 1;
    return (p->row > q->row) - (p->row < q->row);
}

/* All entries that may be among the first k, measured and in the order of their ranks; returns how many there are. */
static int64_t measure(const selection *work, int64_t i, const float *score,
                       const calr_rank_margin *margin, found *heap, measured *entries)
{
    int64_t count = choose(work, score, margin, heap), candidates = 0;
    double least = count < work->k ? -INFINITY : heap[count - 1].score;
    for (int64_t j = 0; j < work->gallery->count; j++) {
        if (score[j] == -INFINITY || score[j] + margin->widest < least ||
            score[j] + calr_rank_margin_of(margin, work->norms[j]) < least)
            continue;
        entries[candidates++] = (measured){calr_rank_distance(&work->exact, i, j), (int32_t)j};
    }
    qsort(entries, (size_t)candidates, sizeof *entries, by_distance);
    return candidates < work->k ? candidates : work->k;
}

static void write_entry(const selection *work, int64_t at, int32_t row, double distance)
{
    work->indices[at] = row;
    if (work->distances)
        work->distances[at] = (float)distance;
}

static void select_query(void *context, int64_t i, float *score, int worker)
{
    selection *work = context;
    int64_t gallery = work->gallery->count, count;
    found *heap = work->heaps + (int64_t)worker * work->k;
    measured *entries = work->entries + (work->rerank ? 0 : worker * gallery);
    if (work->rerank)
        calr_rerank_scores(work->rerank, i, score, work->overlap + worker * gallery);
    if (work->query->identities)
        calr_rank_index_ignore(&work->index, work->query, work->gallery, work->rule, i, score);
    if (work->rerank) {
        count = choose(work, score, NULL, heap);
    } else {
        calr_rank_margin margin = calr_rank_margin_make(&work->exact, i);
        count = measure(work, i, score, &margin, heap, entries);
    }
    for (int64_t r = 0; r < work->k; r++) {
        int64_t at = i * work->k + r;
        if (r >= count)
            write_entry(work, at, -1, INFINITY);
        else if (work->rerank)
            write_entry(work, at, heap[r].row, -heap[r].score);
        else
            write_entry(work, at, entries[r].row, entries[r].distance);
    }
}

/* Where nothing is ignored the lists are those of the search for neighbours, which is the faster one. */
static calr_status run_plain(selection *work)
{
    const calr_rank_set *query = work->query, *gallery = work->gallery;
    int64_t k = work->k < gallery->count ? work->k : gallery->count;
    int32_t *rows = calr_array_new(query->count, (size_t)k * sizeof *rows);
    float *lengths = calr_array_new(query->count, (size_t)k * sizeof *lengths);
    calr_status status =
        rows && lengths ? calr_knn(query->features, query->count, gallery->features, gallery->count,
                                   work->dim, k, CALR_EUCLIDEAN, false, rows, lengths)
                        : calr_error(CALR_ENOMEM,
                                     "no memory for the first %" PRId64 " of a gallery of %" PRId64,
                                     work->k, gallery->count);
    for (int64_t i = 0; status == CALR_OK && i < query->count; i++)
        for (int64_t r = 0; r < work->k; r++) {
            work->indices[i * work->k + r] = r < k ? rows[i * k + r] : -1;
            if (work->distances)
                work->distances[i * work->k + r] = r < k ? lengths[i * k + r] : INFINITY;
        }
    free(rows);
    free(lengths);
    return status;
}

static calr_status run(selection *work)
{
    const calr_rank_set *query = work->query, *gallery = work->gallery;
    work->norms = calr_array_new(gallery->count, sizeof *work->norms);
    size_t heaps;
    if (calr_size_mul((size_t)work->k, (size_t)calr_parallel_threads(), &heaps) &&
        heaps <= INT64_MAX)
        work->heaps = calr_array_new((int64_t)heaps, sizeof *work->heaps);
    if (!work->norms || !work->heaps)
        return calr_error(CALR_ENOMEM,
                          "no memory for the first %" PRId64 " of a gallery of %" PRId64, work->k,
                          gallery->count);
    if (work->rerank)
        work->overlap =
            calr_array_zeros(gallery->count * calr_parallel_threads(), sizeof *work->overlap);
    if (work->rerank && !work->overlap)
        return calr_error(CALR_ENOMEM, "no memory to re-rank a gallery of %" PRId64,
                          gallery->count);
    if (query->identities)
        CALR_TRY(calr_rank_index_make(&work->index, gallery));
    CALR_TRY(calr_rank_norms("query", query, work->dim, NULL));
    CALR_TRY(calr_rank_norms("gallery", gallery, work->dim, work->norms));
    for (int64_t i = 0; gallery->count == 0 && i < query->count * work->k; i++) {
        work->indices[i] = -1;
        if (work->distances)
            work->distances[i] = INFINITY;
    }
    if (!work->rerank && !query->identities && query->count > 0 && gallery->count > 0 &&
        work->k <= MOST_NEIGHBOURS)
        return run_plain(work);
    work->exact = calr_rank_exact_make(query, gallery, work->dim, work->norms);
    if (!work->rerank)
        work->entries =
            calr_array_new(gallery->count, (size_t)calr_parallel_threads() * sizeof *work->entries);
    if (!work->rerank && !work->entries)
        return calr_error(CALR_ENOMEM, "no memory to rank a gallery of %" PRId64, gallery->count);
    return calr_rank_tiles(query, gallery, work->dim, work->norms, select_query, work);
}

calr_status calr_rank_topk(const calr_rank_set *query, const calr_rank_set *gallery, int64_t dim,
                           int64_t k, calr_rank_rule rule, const calr_rerank *rerank,
                           int32_t *indices, float *distances)
{
    CALR_TRY(calr_rank_check_sets(query, gallery, dim));
    if (k < 1)
        return calr_error(CALR_EINVAL, "k must be 1 or more, not %" PRId64, k);
    CALR_TRY(calr_rerank_check(rerank, query, gallery));
    selection work = {.query = query,
                      .gallery = gallery,
                      .k = k,
                      .dim = dim,
                      .rerank = rerank,
                      .rule = rule,
                      .indices = indices,
                      .distances = distances};
    calr_status status = run(&work);
    calr_rank_index_release(&work.index);
    free(work.norms);
    free(work.overlap);
    free(work.heaps);
    free(work.entries);
    return status;
}

/* ---- parts of a gallery ---- */

/* Whether entry (d, row) of the first list comes before (e, other): absent ones (-1) come last. */
static bool ahead(float d, int64_t row, float e, int64_t other)
{
    if (row < 0 || other < 0)
        return row >= 0;
    return d < e || (d == e && row < other);
}

calr_status calr_rank_merge(int64_t queries, int64_t k, int32_t *indices, float *distances,
                            int64_t part_k, const int32_t *part_indices,
                            const float *part_distances, int64_t offset)
{
    if (k < 1 || part_k < 1 || offset < 0)
        return calr_error(CALR_EINVAL,
                          "lists of %" PRId64 " and %" PRId64 " entries from row %" PRId64
                          " on cannot be joined",
                          k, part_k, offset);
    for (int64_t e = 0; e < queries * part_k; e++)
        if (part_indices[e] > INT32_MAX - offset)
            return calr_error(CALR_EINVAL,
                              "row %d of a part that begins with row %" PRId64
                              " cannot be numbered: at most %d can",
                              (int)part_indices[e], offset, INT32_MAX);
    int32_t *rows = calr_array_new(k, sizeof *rows);
    float *lengths = calr_array_new(k, sizeof *lengths);
    if (!rows || !lengths) {
        free(rows);
        free(lengths);
        return calr_error(CALR_ENOMEM, "no memory for a list of %" PRId64, k);
    }
    for (int64_t i = 0; i < queries; i++) {
        int32_t *own = indices + i * k;
        float *own_distance = distances + i * k;
        const int32_t *part = part_indices + i * part_k;
        const float *part_distance = part_distances + i * part_k;
        for (int64_t to = 0, a = 0, b = 0; to < k; to++) {
            int64_t other = b < part_k && part[b] >= 0 ? part[b] + offset : -1;
            bool mine = other < 0 || ahead(own_distance[a], own[a], part_distance[b], other);
            rows[to] = mine ? own[a] : (int32_t)other;
            lengths[to] = mine ? own_distance[a++] : part_distance[b++];
        }
        memcpy(own, rows, (size_t)k * sizeof *rows);
        memcpy(own_distance, lengths, (size_t)k * sizeof *lengths);
    }
    free(rows);
    free(lengths);
    return CALR_OK;
}
