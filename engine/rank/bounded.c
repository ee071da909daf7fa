#include "rank/bounded.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/clones.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"
#include "neighbours/knn_bytes.h"
#include "neighbours/nearest.h"
#include "rank/words.h"

enum {
    TILE = 192,       /* queries, and */
    BLOCK = 512,      /* entries of a product: the results stay in the second cache */
    HITS = 1 << 20,   /* at a time, or those of a tile of queries */
    SAMPLE_ROWS = 16, /* queries of each of */
    SAMPLES = 3,      /* that are tried first */
    SHORT = 64,       /* hits that are counted, not searched */
    QUERY_GRAIN = 16,
    LONGEST_ROW = 65536
};

/* Below these sizes f32 is as fast; above this share of pairs that the bytes leave open, too: one of them takes as long
 * as four of the products in f32, and a product of bytes a quarter of one. */
static const int64_t LEAST_COLUMNS = 256, LEAST_NUMBERS = (int64_t)1 << 22, LEAST_QUERIES = 512;
static const double MOST_OPEN = 0.15;

/* A pair that the bytes leave open: the entry ranks behind the hits before `low`, and before those from `high` on. */
typedef struct pair {
    int16_t entry, query; /* numbers in the block and in the tile */
    int32_t low, high;
    float score; /* by the bytes */
} pair;

/* A query of those at work. */
typedef struct line {
    int64_t first, count; /* of its hits */
    int64_t own, end;     /* entries of its identity in the index */
} line;

/* Scratch of one worker. */
typedef struct scratch {
    int32_t *scores;         /* [TILE x BLOCK] products; then scores, in f32, in their place */
    pair *open;              /* [TILE x BLOCK] */
    int32_t *order, *others; /* [TILE x BLOCK] pairs by entry, and their queries */
    uint32_t *products;      /* [TILE x BLOCK] of words, in that order */
    calr_words entries;      /* [BLOCK] of the block */
    int64_t block;           /* whose words they are; -1: none */
    int32_t *
        before; /* [hits + queries] what ranks before each hit; behind the last of each query, the others */
} scratch;

typedef struct work {
    const calr_rank_bounded *task;
    const calr_backend *backend;
    double *centre, *query_length, *gallery_length, unit; /* unit: copies are no longer than 1 */
    calr_bytes query, gallery;
    calr_words query_words;
    float widest; /* the largest radius of the gallery */
    double least; /* the least step of words */
    scratch *scratch;
    /* The queries at work: */
    int64_t first, count, room; /* room: for hits */
    line *lines;                /* [count] */
    calr_rank_hit *hits;        /* [room] */
    float *levels;              /* [room] scores of the hits by bytes */
    bool only_count;
    _Atomic int64_t open; /* pairs */
    _Atomic bool failed;  /* no memory */
} work;

/* ---- hits ---- */

/* Half of |x|^2 - distance^2 of the copies: what the bytes estimate. */
static float level_of(const work *w, int64_t i, double distance)
{
    double length = w->query_length[i] * w->unit, apart = distance * w->unit;
    return (float)((length - apart) * (length + apart) / 2);
}

static void find_hits(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    work *w = context;
    const calr_rank_bounded *t = w->task;
    for (int64_t r = begin; r < end && !calr_interrupt_requested(); r++) {
        line *l = &w->lines[r];
        int64_t i = w->first + r;
        calr_rank_hit *hits = w->hits + l->first;
        l->count = calr_rank_hits_find(t->index, t->query, t->gallery, t->rule, i, hits);
        for (int64_t h = 0; h < l->count && !calr_interrupt_requested(); h++)
            hits[h].distance = calr_rank_distance(t->exact, i, hits[h].row);
        calr_rank_hits_sort(hits, l->count);
        for (int64_t h = 0; h < l->count; h++)
            w->levels[l->first + h] = level_of(w, i, hits[h].distance);
    }
}

/* Takes queries from `first` on, `most` or fewer, whose hits there is room for. */
static void take_queries(work *w, int64_t first, int64_t most)
{
    const calr_rank_bounded *t = w->task;
    int64_t hits = 0;
    w->first = first;
    for (w->count = 0; w->count < most; w->count++) {
        line *l = &w->lines[w->count];
        l->own = calr_rank_index_find(t->index, t->query->identities[first + w->count], &l->end);
        l->first = hits;
        hits += l->end - l->own;
        if (hits > w->room)
            break;
    }
}

/* ---- counting ---- */

static CALR_CLONES void convert(int32_t *row, int64_t count, float own, const float *scale,
                                const float *half)
{
    for (int64_t j = 0; j < count; j++) {
        float score = (float)row[j] * (own * scale[j]) - half[j];
        memcpy(&row[j], &score, sizeof score);
    }
}

/* Takes entries of an identity, which are own .. end-1 of the index, out of the scores of a block. */
static void hide(const work *w, int64_t own, int64_t end, int64_t begin, int64_t many,
                 float *scores)
{
    const calr_rank_entry *entries = w->task->index->entries;
    for (int64_t at = calr_rank_index_from(w->task->index, own, end, begin);
         at < end && entries[at].row < begin + many; at++)
        scores[entries[at].row - begin] = -INFINITY;
}

/* The same with what query i must not find, and its hits. */
static void hide_entries(const work *w, const line *l, int64_t i, int64_t begin, int64_t many,
                         float *scores)
{
    const calr_rank_bounded *t = w->task;
    int64_t end, junk = calr_rank_index_find(t->index, CALR_RANK_JUNK, &end);
    hide(w, junk, end, begin, many, scores);
    hide(w, l->own, l->end, begin, many, scores);
    for (int64_t j = 0; t->query->cameras && t->rule == CALR_RULE_CAMERA && j < many; j++)
        if (t->gallery->cameras[begin + j] == t->query->cameras[i])
            scores[j] = -INFINITY;
}

/* How many of the levels, which fall, are above (or, with `equal`, at) a score. */
static int32_t levels_above(const float *levels, int64_t count, float score, bool equal)
{
    int64_t low = 0, high = count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (equal ? levels[middle] >= score : levels[middle] > score)
            low = middle + 1;
        else
            high = middle;
    }
    return (int32_t)low;
}

/* The same for the upper and the lower bounds of `near` scores, many at a time. */
static CALR_CLONES void count_levels(const float *levels, int64_t count, const float *most,
                                     const float *least, int64_t near, int32_t *low, int32_t *high)
{
    for (int64_t p = 0; p < near; p++)
        low[p] = high[p] = 0;
    for (int64_t h = 0; h < count; h++)
        for (int64_t p = 0; p < near; p++) {
            low[p] += levels[h] > most[p];
            high[p] += levels[h] >= least[p];
        }
}

/* The entries that may rank before the last hit, to entries[]. */
static CALR_CLONES int64_t find_near(const float *scores, int64_t many, float least,
                                     int32_t *entries)
{
    int64_t count = 0;
    for (int64_t j = 0; j < many; j++) {
        entries[count] = (int32_t)j;
        count += scores[j] >= least;
    }
    return count;
}

/* Counts what the bytes decide of a block of entries; the others go to open[]. Returns how many. */
static int64_t count_sure(const work *w, const line *l, int64_t i, int16_t query,
                          const float *scores, int64_t begin, int64_t many, int32_t *before,
                          pair *open)
{
    int32_t entries[BLOCK], low[BLOCK], high[BLOCK];
    float most[BLOCK], least[BLOCK], own = w->query.radius[i];
    const float *levels = w->levels + l->first, *radius = w->gallery.radius + begin;
    int64_t opened = 0;
    int64_t near = find_near(scores, many, levels[l->count - 1] - own - w->widest, entries);
    for (int64_t p = 0; p < near; p++) {
        float score = scores[entries[p]], unsure = own + radius[entries[p]];
        most[p] = score + unsure;
        least[p] = score - unsure;
    }
    if (l->count <= SHORT)
        count_levels(levels, l->count, most, least, near, low, high);
    for (int64_t p = 0; p < near && l->count > SHORT; p++) {
        low[p] = levels_above(levels, l->count, most[p], false);
        high[p] = levels_above(levels, l->count, least[p], true);
    }
    for (int64_t p = 0; p < near; p++) {
        open[opened] = (pair){(int16_t)entries[p], query, low[p], high[p], scores[entries[p]]};
        opened += low[p] < high[p];
        before[low[p]] += low[p] == high[p];
    }
    return opened;
}

/* Where what ranks before the hits of a query of the tile is counted. */
static int32_t *before_of(const work *w, const scratch *s, int64_t query)
{
    return s->before + w->lines[query].first + query;
}

/* Narrows what the bytes left open of a pair by its product of words. */
static void narrow(const work *w, const scratch *s, int64_t tile, int64_t block, pair *open,
                   uint32_t product)
{
    const line *l = &w->lines[tile * TILE + open->query];
    int64_t i = w->first + tile * TILE + open->query;
    const float *levels = w->levels + l->first;
    double step = (double)w->query_words.scale[i] * (double)s->entries.scale[open->entry];
    double half = w->gallery.half[block * BLOCK + open->entry];
    float score = (float)(calr_words_whole(product, (open->score + half) / step) * step - half);
    float unsure = w->query_words.radius[i] + s->entries.radius[open->entry];
    while (open->low < open->high && levels[open->low] > score + unsure)
        open->low++;
    while (open->low < open->high && levels[open->high - 1] < score - unsure)
        open->high--;
}

/* Decides a pair by the distance. `next` is fetched from memory meanwhile. */
static void measure_pair(const work *w, int64_t tile, int64_t block, pair *open, const float *next)
{
    enum { LINE = 64 / sizeof(float) };
    int64_t i = w->first + tile * TILE + open->query, j = block * BLOCK + open->entry;
    for (int64_t c = 0; c < w->task->dim; c += LINE)
        __builtin_prefetch(next + c);
    open->low =
        (int32_t)calr_rank_hits_behind(w->hits + w->lines[i - w->first].first, open->low,
                                       open->high, calr_rank_distance(w->task->exact, i, j), j);
}

/* Words of the entries of a block. */
static void read_block(const work *w, scratch *s, int64_t block)
{
    const calr_rank_set *gallery = w->task->gallery;
    int64_t begin = block * BLOCK, d = w->task->dim;
    for (int64_t j = begin; j < begin + BLOCK && j < gallery->count && s->block != block; j++)
        calr_words_write(&s->entries, j - begin, gallery->features + j * d, w->centre, d, w->least,
                         w->unit);
    s->block = block;
}

/* Decides the open pairs of a tile of queries with a block of entries, entry by entry: it stays in the first cache
 * while it meets its queries, which stay in the second. */
static void count_open(const work *w, int64_t tile, int64_t block, scratch *s, int64_t opened)
{
    int64_t d = w->task->dim;
    int32_t ends[BLOCK + 1] = {0};
    for (int64_t p = 0; p < opened; p++)
        ends[s->open[p].entry + 1]++;
    for (int b = 0; b < BLOCK; b++)
        ends[b + 1] += ends[b];
    for (int64_t p = 0; p < opened; p++) {
        int32_t to = ends[s->open[p].entry]++; /* in the end, ends[b] is the end of b */
        s->order[to] = (int32_t)p;
        s->others[to] = s->open[p].query;
    }
    read_block(w, s, block);
    calr_words_products(s->entries.q, ends, BLOCK, w->query_words.q + (w->first + tile * TILE) * d,
                        s->others, d, s->products);
    int64_t left = 0;
    for (int64_t p = 0; p < opened; p++) {
        pair *open = &s->open[s->order[p]];
        narrow(w, s, tile, block, open, s->products[p]);
        s->others[left] = s->order[p];
        left += open->low < open->high;
        before_of(w, s, tile * TILE + open->query)[open->low] += open->low == open->high;
    }
    for (int64_t p = 0; p < left; p++) {
        pair *open = &s->open[s->others[p]];
        const pair *next = &s->open[s->others[p + 1 < left ? p + 1 : p]];
        measure_pair(w, tile, block, open,
                     w->task->query->features + (w->first + tile * TILE + next->query) * d);
        before_of(w, s, tile * TILE + open->query)[open->low]++;
    }
}

static void count_tile(work *w, int64_t tile, int64_t block, scratch *s)
{
    int64_t at = w->first + tile * TILE, begin = block * BLOCK, d = w->task->dim, opened = 0;
    int64_t left = w->count - tile * TILE, rows = left < TILE ? left : TILE;
    int64_t rest = w->task->gallery->count - begin, many = rest < BLOCK ? rest : BLOCK;
    if (!w->backend->gemm_bytes(rows, many, d, w->query.q + at * d, w->gallery.q + begin * d,
                                s->scores, BLOCK)) {
        atomic_store(&w->failed, true);
        return;
    }
    for (int64_t r = 0; r < rows; r++) {
        const line *l = &w->lines[tile * TILE + r];
        float *scores = (float *)(void *)(s->scores + r * BLOCK);
        if (l->count == 0)
            continue;
        convert(s->scores + r * BLOCK, many, w->query.scale[at + r], w->gallery.scale + begin,
                w->gallery.half + begin);
        hide_entries(w, l, at + r, begin, many, scores);
        opened += count_sure(w, l, at + r, (int16_t)r, scores, begin, many,
                             before_of(w, s, tile * TILE + r), s->open + opened);
    }
    atomic_fetch_add(&w->open, opened);
    if (!w->only_count)
        count_open(w, tile, block, s, opened);
}

/* Tiles of queries, block of entries after block. */
static void count_tiles(void *context, int64_t begin, int64_t end, int worker)
{
    work *w = context;
    int64_t tiles = (w->count + TILE - 1) / TILE;
    int64_t blocks = (w->task->gallery->count + BLOCK - 1) / BLOCK;
    for (int64_t item = begin; item < end && item < tiles * blocks; item++)
        if (!atomic_load(&w->failed) && !calr_interrupt_requested())
            count_tile(w, item % tiles, item / tiles, &w->scratch[worker]);
}

static void finish_queries(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const work *w = context;
    for (int64_t r = begin; r < end; r++) {
        const line *l = &w->lines[r];
        for (int64_t h = 0; h < l->count; h++) {
            calr_rank_hit *hit = &w->hits[l->first + h];
            hit->before = 0;
            for (int t = 0; t < calr_parallel_threads(); t++)
                hit->before += w->scratch[t].before[l->first + r + h];
        }
        if (l->count > 0)
            w->task->done(w->task->context, w->first + r, w->hits + l->first, l->count);
    }
}

/* ---- the whole ---- */

static calr_status no_memory(const work *w)
{
    return calr_error(CALR_ENOMEM, "no memory to rank a gallery of %" PRId64,
                      w->task->gallery->count);
}

/* Ranks the gallery for the queries taken. */
static calr_status rank_taken(work *w)
{
    const line *last = &w->lines[w->count - 1];
    int64_t tiles = (w->count + TILE - 1) / TILE;
    int64_t blocks = (w->task->gallery->count + BLOCK - 1) / BLOCK;
    for (int t = 0; t < calr_parallel_threads(); t++)
        memset(w->scratch[t].before, 0,
               (size_t)(last->first + last->end - last->own + w->count) * sizeof(int32_t));
    CALR_TRY(calr_parallel_try(w->count, QUERY_GRAIN, find_hits, w));
    /* A chunk more than there are: a single one too must run inside the team, where a product has one thread. */
    int64_t grain = (tiles + 1) / 2;
    CALR_TRY(calr_parallel_try(tiles * blocks + grain, grain, count_tiles, w));
    if (atomic_load(&w->failed))
        return no_memory(w);
    return w->only_count ? CALR_OK : calr_parallel_try(w->count, 1024, finish_queries, w);
}

static calr_status words_new(calr_words *words, int64_t n, int64_t d)
{
    int64_t numbers;
    if (!__builtin_mul_overflow(n, d, &numbers))
        words->q = calr_array_new(numbers, sizeof *words->q);
    words->scale = calr_array_new(n, sizeof *words->scale);
    words->radius = calr_array_new(n, sizeof *words->radius);
    return words->q && words->scale && words->radius ? CALR_OK : CALR_ENOMEM;
}

static void words_release(calr_words *words)
{
    free(words->q);
    free(words->scale);
    free(words->radius);
}

static calr_status allocate(work *w)
{
    int64_t queries = w->task->query->count, d = w->task->dim, longest = w->task->index->longest;
    int64_t tile = queries < TILE ? queries : TILE, all = INT64_MAX;
    if (longest > INT64_MAX / TILE)
        return no_memory(w);
    if (longest == 0 || queries <= HITS / longest)
        all = queries * longest;
    w->room = all < HITS ? all : tile * longest > HITS ? tile * longest : HITS;
    w->lines = calr_array_new(queries, sizeof *w->lines);
    w->hits = calr_array_new(w->room, sizeof *w->hits);
    w->levels = calr_array_new(w->room, sizeof *w->levels);
    w->scratch = calr_array_zeros(calr_parallel_threads(), sizeof *w->scratch);
    if (!w->lines || !w->hits || !w->levels || !w->scratch ||
        words_new(&w->query_words, queries, d) != CALR_OK)
        return no_memory(w);
    for (int t = 0; t < calr_parallel_threads(); t++) {
        scratch *s = &w->scratch[t];
        s->block = -1;
        s->scores = calr_array_new(TILE, BLOCK * sizeof *s->scores);
        s->open = calr_array_new(TILE, BLOCK * sizeof *s->open);
        s->order = calr_array_new(TILE, BLOCK * sizeof *s->order);
        s->others = calr_array_new(TILE, BLOCK * sizeof *s->others);
        s->products = calr_array_new(TILE, BLOCK * sizeof *s->products);
        s->before = calr_array_new(w->room + queries, sizeof *s->before);
        if (!s->scores || !s->open || !s->order || !s->others || !s->products || !s->before ||
            words_new(&s->entries, BLOCK, d) != CALR_OK)
            return no_memory(w);
    }
    return CALR_OK;
}

static void release(work *w)
{
    for (int t = 0; w->scratch && t < calr_parallel_threads(); t++) {
        scratch *s = &w->scratch[t];
        free(s->scores);
        free(s->open);
        free(s->order);
        free(s->others);
        free(s->products);
        free(s->before);
        words_release(&s->entries);
    }
    free(w->scratch);
    free(w->lines);
    free(w->hits);
    free(w->levels);
    free(w->centre);
    free(w->query_length);
    free(w->gallery_length);
    words_release(&w->query_words);
    calr_bytes_release(&w->query);
    calr_bytes_release(&w->gallery);
}

static calr_status measure(work *w, const calr_rank_set *set, const char *what, double *longest,
                           double **length)
{
    *length = calr_array_new(set->count, sizeof **length);
    if (!*length)
        return no_memory(w);
    CALR_TRY(calr_rows_measure(set->features, set->count, w->task->dim, w->centre, what, *length));
    for (int64_t i = 0; i < set->count; i++)
        *longest = fmax(*longest, (*length)[i]);
    return CALR_OK;
}

/* Both sets, less the mean of the gallery, as bytes. */
static calr_status write_bytes(work *w)
{
    const calr_rank_set *query = w->task->query, *gallery = w->task->gallery;
    double longest = 0;
    CALR_TRY(calr_rows_mean(gallery->features, gallery->count, w->task->dim, &w->centre));
    CALR_TRY(measure(w, query, "the queries", &longest, &w->query_length));
    CALR_TRY(measure(w, gallery, "the gallery", &longest, &w->gallery_length));
    w->unit = longest > 0 ? 1 / longest : 0;
    calr_knn_task rows = {
        .d = w->task->dim, .metric = CALR_EUCLIDEAN, .centre = w->centre, .longest = longest};
    CALR_TRY(calr_bytes_new(&rows, query->features, query->count, w->query_length, &w->query));
    CALR_TRY(
        calr_bytes_new(&rows, gallery->features, gallery->count, w->gallery_length, &w->gallery));
    for (int64_t j = 0; j < gallery->count; j++)
        w->widest = fmaxf(w->widest, w->gallery.radius[j]);
    float radius = w->widest;
    for (int64_t i = 0; i < query->count; i++)
        radius = fmaxf(radius, w->query.radius[i]);
    w->least = calr_words_least(radius, w->task->dim);
    return CALR_OK;
}

static void write_words(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const work *w = context;
    int64_t d = w->task->dim;
    for (int64_t i = begin; i < end; i++)
        calr_words_write(&w->query_words, i, w->task->query->features + i * d, w->centre, d,
                         w->least, w->unit);
}

/* Whether a sample of the queries leaves few pairs open. */
static calr_status try_sample(work *w, bool *suits)
{
    int64_t last = w->task->query->count - SAMPLE_ROWS;
    w->only_count = true;
    for (int64_t s = 0; s < SAMPLES; s++) {
        take_queries(w, s * last / (SAMPLES - 1), SAMPLE_ROWS);
        CALR_TRY(rank_taken(w));
    }
    w->only_count = false;
    *suits = (double)atomic_load(&w->open) <=
             MOST_OPEN * SAMPLES * SAMPLE_ROWS * (double)w->task->gallery->count;
    return CALR_OK;
}

static calr_status run(work *w, bool *taken)
{
    bool suits = true;
    int64_t queries = w->task->query->count;
    CALR_TRY(write_bytes(w));
    CALR_TRY(allocate(w));
    if (!w->task->force)
        CALR_TRY(try_sample(w, &suits));
    if (!suits)
        return CALR_OK;
    *taken = true;
    CALR_TRY(calr_parallel_try(queries, QUERY_GRAIN, write_words, w));
    for (int64_t first = 0; first < queries; first += w->count) {
        take_queries(w, first, queries - first);
        CALR_TRY(rank_taken(w));
    }
    return CALR_OK;
}

calr_status calr_rank_count_bounded(const calr_rank_bounded *task, bool *taken)
{
    work w = {.task = task};
    int64_t queries = task->query->count, n = task->gallery->count;
    *taken = false;
    CALR_TRY(calr_backend_get(&w.backend));
    if (!w.backend->gemm_bytes || task->dim > LONGEST_ROW || n == 0 || queries == 0)
        return CALR_OK;
    if (!task->force &&
        (!w.backend->gemm_bytes(0, 0, 0, NULL, NULL, NULL, 0) || task->dim < LEAST_COLUMNS ||
         n < LEAST_NUMBERS / task->dim || queries < LEAST_QUERIES))
        return CALR_OK;
    calr_status status = run(&w, taken);
    release(&w);
    return status;
}
