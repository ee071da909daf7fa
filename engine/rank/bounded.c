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

enum {
    TILE_ROWS = 192,       /* queries at a time, at most: */
    TILE_SCORES = 1 << 22, /* about so many scores */
    BLOCK = 512,           /* entries at a time: those that are measured are still in the cache */
    SAMPLE_ROWS = 16,      /* queries of each of */
    SAMPLES = 3,           /* that are tried first */
    SHORT = 64,            /* hits that are counted, not searched */
    LONGEST_ROW = 65536
};

/* Below these sizes f32 is as fast; above this share of pairs that the bytes leave open, too: one of them takes as long
 * as ten of the products in f32, and a product of bytes a quarter of one. */
static const int64_t LEAST_COLUMNS = 256, LEAST_NUMBERS = (int64_t)1 << 22, LEAST_QUERIES = 512;
static const double MOST_OPEN = 0.03;

/* A pair that the bytes leave open: entry `row` ranks behind the hits before `low`, and before those from `high` on. */
typedef struct pair {
    int32_t row, low, high;
} pair;

/* A query of the tile at work. */
typedef struct line {
    int64_t first, count;    /* of its hits */
    calr_rank_margin margin; /* of scores in f32 */
} line;

/* Scratch of one worker. */
typedef struct scratch {
    float *scores; /* [rows x gallery] */
    line *lines;   /* [rows] */
    calr_rank_hit *hits;
    float *levels; /* scores of the hits by bytes */
    int64_t room;  /* of both */
    pair open[BLOCK];
} scratch;

typedef struct work {
    const calr_rank_bounded *task;
    const calr_backend *backend;
    double *centre, *query_length, *gallery_length, unit; /* unit: copies are no longer than 1 */
    calr_bytes query, gallery;
    float widest; /* the largest radius of the gallery */
    int64_t rows; /* of a tile */
    scratch *scratch;
    bool only_count;
    _Atomic int64_t open; /* pairs */
    _Atomic bool failed;  /* no memory */
} work;

/* ---- scores ---- */

static CALR_CLONES void convert(float *row, int64_t count, float own, const float *scale,
                                const float *half)
{
    for (int64_t j = 0; j < count; j++) {
        int32_t product;
        memcpy(&product, &row[j], sizeof product);
        row[j] = (float)product * (own * scale[j]) - half[j];
    }
}

static bool fill_scores(const work *w, int64_t at, int64_t rows, float *scores)
{
    int64_t n = w->task->gallery->count, d = w->task->dim;
    for (int64_t first = 0; first < n && !calr_interrupt_requested(); first += BLOCK) {
        int64_t many = n - first < BLOCK ? n - first : BLOCK;
        if (!w->backend->gemm_bytes(rows, many, d, w->query.q + at * d, w->gallery.q + first * d,
                                    (int32_t *)(void *)scores + first, n))
            return false;
    }
    for (int64_t r = 0; r < rows; r++)
        convert(scores + r * n, n, w->query.scale[at + r], w->gallery.scale, w->gallery.half);
    return true;
}

/* ---- hits ---- */

static bool make_room(scratch *s, int64_t hits)
{
    if (hits <= s->room)
        return true;
    int64_t room = hits > 2 * s->room ? hits : 2 * s->room;
    free(s->levels);
    s->levels = NULL;
    calr_rank_hit *larger = NULL;
    if (room <= INT64_MAX / (int64_t)sizeof *larger)
        larger = realloc(s->hits, (size_t)room * sizeof *larger);
    s->hits = larger ? larger : s->hits;
    if (larger)
        s->levels = calr_array_new(room, sizeof *s->levels);
    s->room = s->levels ? room : 0;
    return s->levels;
}

/* Half of |x|^2 - distance^2 of the copies: what the bytes estimate. */
static float level_of(const work *w, int64_t i, double distance)
{
    double length = w->query_length[i] * w->unit, apart = distance * w->unit;
    return (float)((length - apart) * (length + apart) / 2);
}

static bool take_hits(work *w, scratch *s, int64_t at, int64_t rows)
{
    const calr_rank_bounded *t = w->task;
    int64_t n = t->gallery->count, total = 0;
    for (int64_t r = 0; r < rows; r++) {
        int64_t i = at + r;
        line *l = &s->lines[r];
        if (!make_room(s, total + t->index->longest))
            return false;
        calr_rank_hit *hits = s->hits + total;
        *l = (line){.first = total, .margin = calr_rank_margin_make(t->exact, i)};
        l->count = calr_rank_hits_take(t->index, t->query, t->gallery, t->rule, i,
                                       s->scores + r * n, hits);
        for (int64_t h = 0; h < l->count && !calr_interrupt_requested(); h++) {
            double distance = calr_rank_distance(t->exact, i, hits[h].row);
            hits[h].distance = distance;
            hits[h].score = (l->margin.own - distance * distance) / 2;
        }
        calr_rank_hits_sort(hits, l->count);
        total += l->count;
    }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t h = s->lines[r].first; h < s->lines[r].first + s->lines[r].count; h++)
            s->levels[h] = level_of(w, at + r, s->hits[h].distance);
    return true;
}

/* ---- counting ---- */

/* How many of the levels, which fall, are above (or, with `equal`, at) a score. */
static inline int32_t levels_above(const float *levels, int64_t count, float score, bool equal)
{
    if (count <= SHORT) {
        int32_t above = 0;
#pragma omp simd reduction(+ : above)
        for (int64_t h = 0; h < count; h++)
            above += equal ? levels[h] >= score : levels[h] > score;
        return above;
    }
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

/* The entries begin .. end-1 that may rank before the last hit, to rows[]. */
static CALR_CLONES int64_t find_near(const float *scores, int64_t begin, int64_t end, float least,
                                     int32_t *rows)
{
    int64_t count = 0;
    for (int64_t j = begin; j < end; j++) {
        rows[count] = (int32_t)j;
        count += scores[j] >= least;
    }
    return count;
}

/* Counts what the bytes decide of a block of entries; the others go to open[]. Returns how many. */
static CALR_CLONES int64_t count_sure(const work *w, int64_t i, const float *scores, int64_t begin,
                                      int64_t end, calr_rank_hit *hits, const float *levels,
                                      int64_t count, pair *open)
{
    int32_t rows[BLOCK];
    float own = w->query.radius[i];
    int64_t opened = 0;
    int64_t near = find_near(scores, begin, end, levels[count - 1] - own - w->widest, rows);
    for (int64_t p = 0; p < near; p++) {
        float score = scores[rows[p]], radius = own + w->gallery.radius[rows[p]];
        int32_t low = levels_above(levels, count, score + radius, false);
        int32_t high = levels_above(levels, count, score - radius, true);
        open[opened] = (pair){rows[p], low, high};
        opened += low < high;
        if (low == high && low < count)
            hits[low].before++;
    }
    return opened;
}

/* In any order of the sum: the margin covers it. `next` is fetched from memory meanwhile. */
static CALR_CLONES float product_of(const float *a, const float *b, const float *next, int64_t d)
{
    enum { STEP = 64 };
    float sum = 0;
    int64_t c = 0;
    for (; c + STEP <= d; c += STEP) {
        for (int p = 0; p < STEP; p += 16)
            __builtin_prefetch(next + c + p);
        float part = 0;
#pragma omp simd reduction(+ : part)
        for (int p = 0; p < STEP; p++)
            part += a[c + p] * b[c + p];
        sum += part;
    }
    for (; c < d; c++)
        sum += a[c] * b[c];
    return sum;
}

/* Decides the pairs that the bytes left open. */
static void count_open(const work *w, const line *l, int64_t i, calr_rank_hit *hits,
                       const pair *open, int64_t opened)
{
    const calr_rank_exact *e = w->task->exact;
    int64_t d = w->task->dim;
    const float *row = w->task->query->features + i * d, *gallery = w->task->gallery->features;
    for (int64_t p = 0; p < opened; p++) {
        int64_t j = open[p].row, next = open[p + 1 < opened ? p + 1 : p].row;
        int64_t low = open[p].low, high = open[p].high;
        double unsure = calr_rank_margin_of(&l->margin, e->norms[j]);
        double score =
            product_of(row, gallery + j * d, gallery + next * d, d) - (double)e->norms[j];
        while (low < high && hits[low].score > score + unsure)
            low++;
        while (low < high && hits[high - 1].score < score - unsure)
            high--;
        if (low < high)
            low = calr_rank_hits_behind(hits, low, high, calr_rank_distance(e, i, j), j);
        if (low < l->count)
            hits[low].before++;
    }
}

static void count_tile(work *w, int64_t at, int64_t rows, scratch *s)
{
    int64_t n = w->task->gallery->count, opened = 0;
    if (!fill_scores(w, at, rows, s->scores) || !take_hits(w, s, at, rows)) {
        atomic_store(&w->failed, true);
        return;
    }
    for (int64_t begin = 0; begin < n && !calr_interrupt_requested(); begin += BLOCK) {
        int64_t end = n - begin < BLOCK ? n : begin + BLOCK;
        for (int64_t r = 0; r < rows; r++) {
            const line *l = &s->lines[r];
            if (l->count == 0)
                continue;
            calr_rank_hit *hits = s->hits + l->first;
            int64_t many = count_sure(w, at + r, s->scores + r * n, begin, end, hits,
                                      s->levels + l->first, l->count, s->open);
            opened += many;
            if (!w->only_count)
                count_open(w, l, at + r, hits, s->open, many);
        }
    }
    atomic_fetch_add(&w->open, opened);
    for (int64_t r = 0; r < rows && !w->only_count && !calr_interrupt_requested(); r++)
        if (s->lines[r].count > 0)
            w->task->done(w->task->context, at + r, s->hits + s->lines[r].first, s->lines[r].count);
}

static void count_tiles(void *context, int64_t begin, int64_t end, int worker)
{
    work *w = context;
    for (int64_t tile = begin; tile < end && !atomic_load(&w->failed); tile++) {
        int64_t at = tile * w->rows, left = w->task->query->count - at;
        if (left > 0)
            count_tile(w, at, left < w->rows ? left : w->rows, &w->scratch[worker]);
    }
}

/* ---- the whole ---- */

static calr_status no_memory(const work *w)
{
    return calr_error(CALR_ENOMEM, "no memory to rank a gallery of %" PRId64,
                      w->task->gallery->count);
}

static calr_status allocate(work *w)
{
    int64_t n = w->task->gallery->count, threads = calr_parallel_threads();
    w->rows = TILE_SCORES / n;
    w->rows = w->rows < SAMPLE_ROWS ? SAMPLE_ROWS : w->rows > TILE_ROWS ? TILE_ROWS : w->rows;
    w->scratch = calr_array_zeros(threads, sizeof *w->scratch);
    if (!w->scratch)
        return no_memory(w);
    for (int64_t t = 0; t < threads; t++) {
        w->scratch[t].scores = calr_array_new(n, (size_t)w->rows * sizeof(float));
        w->scratch[t].lines = calr_array_new(w->rows, sizeof(line));
        if (!w->scratch[t].scores || !w->scratch[t].lines)
            return no_memory(w);
    }
    return CALR_OK;
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
    return CALR_OK;
}

static void count_sample(void *context, int64_t begin, int64_t end, int worker)
{
    work *w = context;
    int64_t last = w->task->query->count - SAMPLE_ROWS;
    for (int64_t s = begin; s < end && s < SAMPLES; s++)
        count_tile(w, s * last / (SAMPLES - 1), SAMPLE_ROWS, &w->scratch[worker]);
}

/* Whether a sample of the queries leaves few pairs open. */
static calr_status try_sample(work *w, bool *suits)
{
    w->only_count = true;
    CALR_TRY(calr_parallel_try(SAMPLES + 1, 1, count_sample, w));
    w->only_count = false;
    *suits = (double)atomic_load(&w->open) <=
             MOST_OPEN * SAMPLES * SAMPLE_ROWS * (double)w->task->gallery->count;
    return atomic_load(&w->failed) ? no_memory(w) : CALR_OK;
}

static calr_status run(work *w, bool *taken)
{
    bool suits = true;
    CALR_TRY(write_bytes(w));
    CALR_TRY(allocate(w));
    if (!w->task->force)
        CALR_TRY(try_sample(w, &suits));
    if (!suits)
        return CALR_OK;
    *taken = true;
    /* One tile more than there are: a single one too must run inside the team, where a product has one thread. */
    int64_t tiles = (w->task->query->count + w->rows - 1) / w->rows;
    CALR_TRY(calr_parallel_try(tiles + 1, 1, count_tiles, w));
    return atomic_load(&w->failed) ? no_memory(w) : CALR_OK;
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
    for (int64_t t = 0; w.scratch && t < calr_parallel_threads(); t++) {
        free(w.scratch[t].scores);
        free(w.scratch[t].lines);
        free(w.scratch[t].hits);
        free(w.scratch[t].levels);
    }
    free(w.scratch);
    free(w.centre);
    free(w.query_length);
    free(w.gallery_length);
    calr_bytes_release(&w.query);
    calr_bytes_release(&w.gallery);
    return status;
}
