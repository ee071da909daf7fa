#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/clones.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"
#include "neighbours/ivf_internal.h"
#include "neighbours/nearest.h"
#include "neighbours/queries.h"

enum {
    TILE = CALR_IVF_TILE,
    ROW_GRAIN = 64,
    RANK_BLOCK = 4096, /* queries whose lists are ranked at a time, at most */
    RANK_PAIRS = 1 << 21,
    LEAST_BATCH = 1024,
    MOST_BATCH = 65536,
    BATCH_PAIRS = 1 << 22, /* of queries and lists, in a batch */
    LOCKS = 256
};

/* A query that looks into a list. */
typedef struct pair {
    int32_t query, list; /* query: place in the batch */
} pair;

/* Up to TILE queries of one list. */
typedef struct item {
    int32_t list, count;
    int64_t first; /* of its queries, in `sorted` */
} item;

typedef struct search {
    const calr_ivf *ivf;
    const calr_backend *backend;
    const float *rows; /* of the queries */
    const double *length;
    const int64_t *pick;
    bool self, include_self;
    int64_t k, others, keep, probes; /* keep: length of the lists; others: what must be found */
    int64_t begin, count;            /* the batch */
    pair *pairs;
    int64_t pair_count, pair_room;
    int32_t *sorted; /* [pair_count] queries, list by list */
    int64_t *ends;   /* [lists + 1] */
    item *items;
    int64_t item_count;
    float *scores; /* [count x keep] */
    int32_t *found;
    calr_nearest in;
    calr_measured *best; /* [threads x others] */
    int64_t *first;      /* [count] where the pairs of each query begin, which stand together */
    float *scratch;      /* [threads x ((2 d + TILE) x TILE)] */
    pthread_mutex_t locks[LOCKS];
    int32_t *indices;
    float *values;
} search;

static calr_status no_memory(int64_t n, int64_t k)
{
    return calr_error(CALR_ENOMEM, "out of memory for %" PRId64 " lists of %" PRId64 " neighbours",
                      n, k);
}

/* ---- which lists ---- */

static int64_t rank_block(int64_t count, int64_t probes)
{
    int64_t block = RANK_PAIRS / probes;
    block = block < TILE ? TILE : block > RANK_BLOCK ? RANK_BLOCK : block;
    return block < count ? block : count;
}

static int64_t picked(const int64_t *pick, int64_t at)
{
    return pick ? pick[at] : at;
}

calr_status calr_ivf_rank_lists(const calr_ivf *ivf, const calr_ivf_query *query,
                                const int64_t *pick, int64_t count, int64_t probes, int32_t *lists)
{
    int64_t d = ivf->d, block = rank_block(count, probes), numbers, scores;
    if (__builtin_mul_overflow(block, d, &numbers) ||
        __builtin_mul_overflow(block, probes, &scores))
        return no_memory(count, probes);
    const float *from = query->rows ? query->rows : ivf->x;
    float *rows = pick ? calr_array_new(numbers, sizeof *rows) : NULL;
    float *values = calr_array_new(scores, sizeof *values);
    calr_status status = values && (rows || !pick) ? CALR_OK : no_memory(count, probes);
    for (int64_t begin = 0; begin < count && status == CALR_OK; begin += block) {
        int64_t many = count - begin < block ? count - begin : block;
        for (int64_t i = 0; pick && i < many; i++)
            memcpy(rows + i * d, from + pick[begin + i] * d, (size_t)d * sizeof *rows);
        status = calr_knn(pick ? rows : from + begin * d, many, ivf->centroids, ivf->lists, d,
                          probes, ivf->metric, false, lists + begin * probes, values);
    }
    free(rows);
    free(values);
    return status;
}

static calr_status add_pair(search *s, int64_t query, int32_t list)
{
    if (s->pair_count == s->pair_room) {
        int64_t room = s->pair_room ? 2 * s->pair_room : 4096;
        pair *larger = realloc(s->pairs, (size_t)room * sizeof *larger);
        if (!larger)
            return no_memory(s->count, s->keep);
        s->pairs = larger;
        s->pair_room = room;
    }
    s->pairs[s->pair_count++] = (pair){(int32_t)query, list};
    return CALR_OK;
}

/* Gives a query the lists that it looks into: the first `probes`, and more until they hold what it needs. *enough is
 * false, and nothing is given, where the `ranked` lists are too few for that. */
static calr_status give_lists(search *s, int64_t query, const int32_t *lists, int64_t ranked,
                              bool *enough)
{
    int64_t rows = 0, need = s->others + s->self, take = 0;
    while (take < ranked && (take < s->probes || rows < need))
        rows += calr_ivf_list_size(s->ivf, lists[take++]);
    *enough = rows >= need || ranked == s->ivf->lists;
    s->first[query] = s->pair_count;
    for (int64_t l = 0; l < take && *enough; l++)
        CALR_TRY(add_pair(s, query, lists[l]));
    return CALR_OK;
}

/* Ranks ever more lists for the queries that need them: rows[waiting] of the batch. */
static calr_status rank_rows(search *s, const calr_ivf_query *query, int64_t *rows, int64_t *places)
{
    int64_t waiting = s->count, ranked = s->probes;
    for (int64_t i = 0; i < s->count; i++) {
        places[i] = i;
        rows[i] = picked(s->pick, s->begin + i);
    }
    while (waiting > 0) {
        int64_t block = rank_block(waiting, ranked), left = 0;
        int32_t *lists = calr_array_new(block, (size_t)ranked * sizeof *lists);
        calr_status status = lists ? CALR_OK : no_memory(block, ranked);
        for (int64_t begin = 0; begin < waiting && status == CALR_OK; begin += block) {
            int64_t many = waiting - begin < block ? waiting - begin : block;
            status = calr_ivf_rank_lists(s->ivf, query, rows + begin, many, ranked, lists);
            for (int64_t i = 0; i < many && status == CALR_OK; i++) {
                bool enough = false;
                int64_t place = places[begin + i], row = rows[begin + i];
                status = give_lists(s, place, lists + i * ranked, ranked, &enough);
                if (status == CALR_OK && !enough) {
                    places[left] = place;
                    rows[left++] = row;
                }
            }
        }
        free(lists);
        CALR_TRY(status);
        waiting = left;
        ranked = 2 * ranked < s->ivf->lists ? 2 * ranked : s->ivf->lists;
    }
    return CALR_OK;
}

/* Brings the queries of each list together, and cuts them into items. */
static calr_status make_items(search *s)
{
    int64_t lists = s->ivf->lists;
    free(s->sorted);
    free(s->items);
    s->sorted = calr_array_new(s->pair_count, sizeof *s->sorted);
    s->items = calr_array_new(s->pair_count / TILE + lists, sizeof *s->items);
    if (!s->sorted || !s->items)
        return no_memory(s->count, s->keep);
    memset(s->ends, 0, (size_t)(lists + 1) * sizeof *s->ends);
    for (int64_t p = 0; p < s->pair_count; p++)
        s->ends[s->pairs[p].list + 1]++;
    for (int64_t l = 0; l < lists; l++)
        s->ends[l + 1] += s->ends[l];
    for (int64_t p = 0; p < s->pair_count; p++)
        s->sorted[s->ends[s->pairs[p].list]++] = s->pairs[p].query;
    s->item_count = 0;
    for (int64_t l = 0, at = 0; l < lists; at = s->ends[l++]) /* ends[l] is now where list l ends */
        for (int64_t first = at; first < s->ends[l]; first += TILE) {
            int64_t left = s->ends[l] - first;
            s->items[s->item_count++] =
                (item){(int32_t)l, (int32_t)(left < TILE ? left : TILE), first};
        }
    return CALR_OK;
}

/* ---- scores ---- */

/* A query far outside the rows is shortened, or its products could leave f32; that does not change the order of its
 * scores. */
static double shorter_of(const search *s, int64_t row)
{
    double length = s->length[row] * s->ivf->scale;
    return length > 1 ? 1 / length : 1;
}

/* The copy of a query; returns what euclidean halves are multiplied by. */
static float copy_query(const search *s, int64_t row, float *to)
{
    const calr_ivf *ivf = s->ivf;
    const float *from = s->rows + row * ivf->d;
    if (ivf->metric == CALR_COSINE) {
        calr_row_unit(from, ivf->d, s->length[row], to);
        return 0;
    }
    double shorter = shorter_of(s, row);
    calr_row_centred(from, ivf->d, ivf->centre, ivf->scale * shorter, to);
    return (float)shorter;
}

/* The scores of a tile's rows for one query; returns whether any is as good as `worst`. */
CALR_CLONES static bool score_tile(const float *products, const float *half, float shorter,
                                   bool cosine, float worst, float *scores)
{
    int hits = 0;
#pragma omp simd reduction(+ : hits)
    for (int c = 0; c < TILE; c++) {
        float score = cosine ? calr_cosine_clip(products[c]) : products[c] - shorter * half[c];
        scores[c] = score;
        hits += score >= worst;
    }
    return hits != 0;
}

/* Offers the rows of a tile of a list to the queries of an item. */
static void offer_rows(search *s, const item *it, int64_t at, const float *products,
                       const float *shorter)
{
    const calr_ivf *ivf = s->ivf;
    int64_t left = ivf->starts[it->list + 1] - at, columns = left < TILE ? left : TILE;
    bool cosine = ivf->metric == CALR_COSINE;
    for (int64_t q = 0; q < it->count; q++) {
        int32_t query = s->sorted[it->first + q];
        int64_t own = s->self ? picked(s->pick, s->begin + query) : -1;
        float *best = s->scores + query * s->keep, scores[TILE];
        const float *worst = best + s->keep - 1;
        int32_t *found = s->found + query * s->keep;
        pthread_mutex_t *lock = &s->locks[query % LOCKS];
        pthread_mutex_lock(lock);
        if (score_tile(products + q * TILE, ivf->half + at, shorter[q], cosine, *worst, scores))
            for (int64_t c = 0; c < columns; c++)
                if (scores[c] >= *worst && ivf->rows[at + c] != own)
                    calr_nearest_offer(best, found, s->keep, scores[c], ivf->rows[at + c]);
        pthread_mutex_unlock(lock);
    }
}

/* The rows of a list from place `at` on, TILE of them whatever the list holds: what lies beyond its end is not offered.
 */
static const float *list_tile(const calr_ivf *ivf, int32_t list, int64_t at, float *scratch)
{
    if (ivf->copy)
        return ivf->copy + at * ivf->d;
    int64_t left = ivf->starts[list + 1] - at, count = left < TILE ? left : TILE;
    for (int64_t c = 0; c < count; c++)
        calr_ivf_copy_row(ivf, ivf->rows[at + c], scratch + c * ivf->d);
    memset(scratch + count * ivf->d, 0, (size_t)((TILE - count) * ivf->d) * sizeof *scratch);
    return scratch;
}

static void score_items(void *context, int64_t begin, int64_t end, int worker)
{
    search *s = context;
    const calr_ivf *ivf = s->ivf;
    int64_t d = ivf->d;
    float *queries = s->scratch + (int64_t)worker * (2 * d + TILE) * TILE;
    float *columns = queries + d * TILE, *products = columns + d * TILE, shorter[TILE];
    for (int64_t i = begin; i < end && i < s->item_count; i++) {
        const item *it = &s->items[i];
        for (int64_t q = 0; q < it->count; q++) {
            int64_t row = picked(s->pick, s->begin + s->sorted[it->first + q]);
            shorter[q] = copy_query(s, row, queries + q * d);
        }
        memset(queries + it->count * d, 0, (size_t)((TILE - it->count) * d) * sizeof *queries);
        for (int64_t at = ivf->starts[it->list];
             at < ivf->starts[it->list + 1] && !calr_interrupt_requested(); at += TILE) {
            s->backend->gemm(false, true, TILE, TILE, d, 1, queries, d,
                             list_tile(ivf, it->list, at, columns), d, 0, products, TILE);
            offer_rows(s, it, at, products, shorter);
        }
    }
}

/* ---- results ---- */

/* The best of all rows in the lists that a query looks into. */
static void measure_all(const search *s, int64_t place, const calr_nearest_query *query,
                        calr_measured *best)
{
    const calr_ivf *ivf = s->ivf;
    int64_t own = s->self ? picked(s->pick, s->begin + place) : -1, found = 0;
    for (int64_t p = s->first[place]; p < s->pair_count && s->pairs[p].query == place; p++)
        for (int64_t at = ivf->starts[s->pairs[p].list];
             at < ivf->starts[s->pairs[p].list + 1] && !calr_interrupt_requested(); at++) {
            int32_t row = ivf->rows[at];
            if (row != own)
                found = calr_measured_add(
                    best, found, s->others,
                    (calr_measured){calr_nearest_key(&s->in, query, row, NULL), row});
        }
}

static void write_rows(void *context, int64_t begin, int64_t end, int worker)
{
    search *s = context;
    const calr_ivf *ivf = s->ivf;
    calr_measured *best = s->best + worker * s->others;
    bool euclidean = ivf->metric == CALR_EUCLIDEAN;
    for (int64_t i = begin; i < end; i++) {
        int64_t row = picked(s->pick, s->begin + i), count = 0;
        int32_t *indices = s->indices + (s->begin + i) * s->k, *found = s->found + i * s->keep;
        float *values = s->values + (s->begin + i) * s->k;
        if (s->include_self) {
            *indices++ = (int32_t)row;
            *values++ = !euclidean && s->length[row] > 0 ? 1.0f : 0.0f;
        }
        while (count < s->keep && found[count] != INT32_MAX)
            count++;
        calr_nearest_query query = {s->rows + row * ivf->d, s->length[row], 1};
        if (euclidean)
            query.shorter = shorter_of(s, row);
        if (s->others > 0 &&
            !calr_nearest_settle(&s->in, &query, s->scores + i * s->keep, found, count,
                                 count < s->keep || s->keep == ivf->n - s->self, s->others, best))
            measure_all(s, i, &query, best);
        for (int64_t p = 0; p < s->others; p++) {
            indices[p] = best[p].row;
            values[p] = (float)(euclidean ? -best[p].key : best[p].key);
        }
    }
}

/* ---- the whole ---- */

static calr_status search_batch(search *s, const calr_ivf_query *query, int64_t *rows,
                                int64_t *places)
{
    s->pair_count = 0;
    for (int64_t i = 0; i < s->count * s->keep; i++) {
        s->scores[i] = -INFINITY;
        s->found[i] = INT32_MAX;
    }
    if (s->keep > 0) {
        CALR_TRY(rank_rows(s, query, rows, places));
        CALR_TRY(make_items(s));
        /* One more than there are: a single item too must run inside the team, where a product has one thread. */
        CALR_TRY(calr_parallel_try(s->item_count + 1, 1, score_items, s));
    }
    return calr_parallel_try(s->count, ROW_GRAIN, write_rows, s);
}

static calr_status search_batches(search *s, const calr_ivf_query *query, int64_t count)
{
    int64_t most = BATCH_PAIRS / s->probes, scratch;
    most = most < LEAST_BATCH ? LEAST_BATCH : most > MOST_BATCH ? MOST_BATCH : most;
    most = most < count ? most : count;
    if (__builtin_mul_overflow(2 * s->ivf->d + TILE, TILE * calr_parallel_threads(), &scratch))
        return no_memory(most, s->keep);
    CALR_TRY(calr_backend_get(&s->backend));
    s->scratch = calr_array_new(scratch, sizeof *s->scratch);
    s->scores = calr_array_new(most, (size_t)s->keep * sizeof *s->scores);
    s->found = calr_array_new(most, (size_t)s->keep * sizeof *s->found);
    s->best = calr_array_new(calr_parallel_threads(), (size_t)s->others * sizeof *s->best);
    s->first = calr_array_new(most, sizeof *s->first);
    s->ends = calr_array_new(s->ivf->lists + 1, sizeof *s->ends);
    int64_t *rows = calr_array_new(most, sizeof *rows),
            *places = calr_array_new(most, sizeof *places);
    bool enough =
        s->scratch && s->scores && s->found && s->best && s->first && s->ends && rows && places;
    calr_status status = enough ? CALR_OK : no_memory(most, s->keep);
    for (s->begin = 0; s->begin < count && status == CALR_OK; s->begin += most) {
        s->count = count - s->begin < most ? count - s->begin : most;
        status = search_batch(s, query, rows, places);
    }
    free(rows);
    free(places);
    return status;
}

calr_status calr_ivf_search_some(const calr_ivf *ivf, const calr_ivf_query *query,
                                 const double *length, const int64_t *pick, int64_t count,
                                 int64_t probes, int32_t *indices, float *values)
{
    if (count == 0)
        return CALR_OK;
    bool self = !query->rows;
    search s = {.ivf = ivf, .length = length, .pick = pick, .self = self, .k = query->k};
    s.rows = self ? ivf->x : query->rows;
    s.include_self = self && query->include_self;
    s.probes = probes < ivf->lists ? probes : ivf->lists;
    s.others = query->k - s.include_self;
    s.keep = calr_nearest_keep(s.others, ivf->n - self);
    s.in = (calr_nearest){ivf->metric, ivf->d, ivf->x, ivf->length, ivf->scale};
    s.indices = indices;
    s.values = values;
    for (int l = 0; l < LOCKS; l++)
        pthread_mutex_init(&s.locks[l], NULL);
    calr_status status = search_batches(&s, query, count);
    for (int l = 0; l < LOCKS; l++)
        pthread_mutex_destroy(&s.locks[l]);
    free(s.pairs);
    free(s.sorted);
    free(s.ends);
    free(s.items);
    free(s.scores);
    free(s.found);
    free(s.best);
    free(s.first);
    free(s.scratch);
    return status;
}

calr_status calr_ivf_prepare(const calr_ivf *ivf, const calr_ivf_query *query, int64_t probes,
                             double **length)
{
    if (probes < 1)
        return calr_error(CALR_EINVAL, "probes must be at least 1, not %" PRId64, probes);
    calr_queries_base base = {ivf->n, ivf->d, ivf->length, ivf->centre};
    return calr_queries_prepare(&base, query, length);
}

calr_status calr_ivf_search(const calr_ivf *ivf, const calr_ivf_query *query, int64_t probes,
                            int32_t *indices, float *values)
{
    double *length;
    CALR_TRY(calr_ivf_prepare(ivf, query, probes, &length));
    calr_status status = calr_ivf_search_some(
        ivf, query, length, NULL, query->rows ? query->n : ivf->n, probes, indices, values);
    calr_queries_release(query, length);
    return status;
}
