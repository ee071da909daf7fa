/* The search by bytes: products of tiles of rows, written as bytes, choose a few candidates for each row. */
#include "neighbours/knn_bytes.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/clones.h"
#include "base/parallel.h"
#include "base/size.h"

enum {
    TILE = 512, /* rows and columns of a product: 1 MiB of results stay in a core's cache */
    LONGEST_LIST = 4096, /* a row with more candidates is searched by itself */
    MOST_KEPT = 512,     /* neighbours of a row */
    SPAN = 64,           /* columns of a tile that are looked at together */
    BLOCK = 16,          /* rows searched by themselves at a time */
    SAMPLE = 64,         /* rows that are tried first */
    LONGEST_ROW = 65536, /* products of bytes add up in 32 bits */
    ROW_GRAIN = 16
};

/* Below these the search in f32 is the faster one: products of bytes cost a quarter, but each candidate a row's dot
 * product from memory, of which a share of the rows as small as 1 / SHARE eats the gain. Fewer rows suffice if they are
 * wide. */
static const int64_t LEAST_COLUMNS = 32, LEAST_ROWS = 2048, LEAST_NUMBERS = (int64_t)1 << 20,
                     LEAST_QUERIES = 512, SHARE = 128;
/* Entries of all lists together, for each row on average: a bound of the memory. */
static const int64_t ENTRIES_A_ROW = 512;

typedef struct list {
    calr_candidate *items; /* NULL: this row is to be searched by itself */
    int32_t count, capacity;
    bool own; /* items are an allocation of their own, not in the slab */
} list;

typedef struct search {
    const calr_knn_task *task;
    const calr_backend *backend;
    calr_bytes query, base; /* the same when the task is `self` */
    float *own;             /* [n] scale of the queries, negative for their opposites */
    int64_t keep, tiles, base_tiles, pairs;
    list *lists;            /* [n] */
    float *least;           /* [tiles * TILE] what score + radius must reach to enter a list */
    calr_candidate *slab;   /* [n x capacity] where all lists start */
    _Atomic bool failed;    /* a product found no memory */
    _Atomic int64_t budget; /* entries that lists may still grow by */
    int32_t *products;      /* [threads x TILE x TILE] */
    pthread_mutex_t *locks; /* [tiles] guard the lists of a tile of rows */
} search;

/* ---- lists ---- */

static bool grow(search *s, list *l)
{
    int64_t capacity = 2 * (int64_t)l->capacity;
    if (capacity > LONGEST_LIST || atomic_fetch_sub(&s->budget, capacity) < capacity)
        return false;
    calr_candidate *items = calr_array_new(capacity, sizeof *items);
    if (!items)
        return false;
    for (int32_t p = 0; p < l->count; p++)
        items[p] = l->items[p];
    if (l->own)
        free(l->items);
    *l = (list){items, l->count, (int32_t)capacity, true};
    return true;
}

static void drop(search *s, int64_t i)
{
    list *l = &s->lists[i];
    if (l->own)
        free(l->items);
    *l = (list){0};
    s->least[i] = INFINITY;
}

/* Throws out what cannot be among the nearest any more, once the list is full. */
static void tighten(search *s, int64_t i)
{
    float scratch[LONGEST_LIST];
    list *l = &s->lists[i];
    float bound = calr_candidates_bound(l->items, l->count, s->base.radius, s->keep, scratch);
    s->least[i] = bound - 2 * s->query.radius[i];
    l->count = (int32_t)calr_candidates_keep(l->items, l->count, s->base.radius, s->least[i]);
    if (l->count > l->capacity / 2 && !grow(s, l) && l->count > l->capacity / 8 * 7)
        drop(s, i);
}

static void enter(search *s, int64_t i, float score, int64_t row)
{
    list *l = &s->lists[i];
    l->items[l->count++] = (calr_candidate){score, (int32_t)row};
    if (l->count == l->capacity)
        tighten(s, i);
}

/* ---- tiles ---- */

typedef struct tile {
    int64_t first_row, first_column, rows, columns;
    bool diagonal;
    const int32_t *products;
} tile;

/* Marks the columns of a row of products whose upper bound reaches what it must: `least` of the row's list, or that
 * of each column's. Returns a bit for each span of columns with marks: most have none. */
static CALR_CLONES uint32_t mark_columns(const int32_t *products, const float *scale,
                                         const float *gain, float own, float least, uint8_t *hit)
{
    uint32_t spans = 0;
    for (int s = 0; s < TILE / SPAN; s++) {
        int hits = 0;
        for (int c = s * SPAN; c < (s + 1) * SPAN; c++) {
            hit[c] = (float)products[c] * (own * scale[c]) + gain[c] >= least;
            hits |= hit[c];
        }
        spans |= (uint32_t)(hits != 0) << s;
    }
    return spans;
}

static CALR_CLONES uint32_t mark_rows(const int32_t *products, const float *scale,
                                      const float *least, float own, float gain, uint8_t *hit)
{
    uint32_t spans = 0;
    for (int s = 0; s < TILE / SPAN; s++) {
        int hits = 0;
        for (int c = s * SPAN; c < (s + 1) * SPAN; c++) {
            hit[c] = (float)products[c] * (own * scale[c]) + gain >= least[c];
            hits |= hit[c];
        }
        spans |= (uint32_t)(hits != 0) << s;
    }
    return spans;
}

/* Calls what follows for each marked column `c`, eight marks at a time, a byte each. */
#define FOR_MARKS(spans, hit)                                                                      \
    for (; spans; spans &= spans - 1)                                                              \
        for (int from = __builtin_ctz(spans) * SPAN, end = from + SPAN; from < end; from += 8)     \
            for (uint64_t marks = eight_marks(hit, from); marks; marks &= marks - 1)

static inline uint64_t eight_marks(const uint8_t *hit, int from)
{
    uint64_t word;
    memcpy(&word, hit + from, sizeof word);
    return word;
}

/* Per column of a tile; one past the end has gain NAN and least INFINITY, which nothing reaches. */
typedef struct edge {
    float scale[TILE], gain[TILE], least[TILE];
} edge;

/* A first bound for a list that is still empty, from the whole row of products: otherwise the first that come would
 * all enter. */
static void begin_list(search *s, const tile *t, const edge *e, int64_t i, const int32_t *row)
{
    float lower[TILE], own = s->own[i];
    int64_t count = 0;
    for (int64_t c = 0; c < t->columns; c++) {
        lower[count] = (float)row[c] * (own * e->scale[c]) +
                       (e->gain[c] - 2 * s->base.radius[t->first_column + c]);
        count += !(t->diagonal && t->first_row + c == i);
    }
    if (count >= s->keep)
        s->least[i] = calr_bound_of(lower, count, s->keep) - 2 * s->query.radius[i];
}

/* Offers the columns of a tile to the lists of its rows. */
static void offer_columns(search *s, const tile *t, edge *e)
{
    uint8_t hit[TILE];
    for (int64_t c = 0; c < TILE; c++) {
        int64_t j = t->first_column + c;
        e->scale[c] = c < t->columns ? s->base.scale[j] : 0;
        e->gain[c] = c < t->columns ? s->base.radius[j] - s->base.half[j] : NAN;
    }
    for (int64_t r = 0; r < t->rows; r++) {
        int64_t i = t->first_row + r;
        const int32_t *row = t->products + r * TILE;
        float own = s->own[i];
        if (s->lists[i].count == 0 && s->least[i] == -INFINITY)
            begin_list(s, t, e, i, row);
        uint32_t spans = mark_columns(row, e->scale, e->gain, own, s->least[i], hit);
        if (t->diagonal)
            hit[r] = 0;
        FOR_MARKS(spans, hit)
        {
            int c = from + __builtin_ctzll(marks) / 8;
            float product = (float)row[c] * (own * e->scale[c]);
            if (product + e->gain[c] >= s->least[i])
                enter(s, i, product - s->base.half[t->first_column + c], t->first_column + c);
        }
    }
}

/* Offers the rows of a tile to the lists of its columns: the same products seen from the other
 * side. */
static void offer_rows(search *s, const tile *t, edge *e)
{
    uint8_t hit[TILE];
    for (int64_t c = 0; c < TILE; c++)
        e->least[c] = c < t->columns ? s->least[t->first_column + c] : INFINITY;
    for (int64_t r = 0; r < t->rows; r++) {
        int64_t i = t->first_row + r;
        const int32_t *row = t->products + r * TILE;
        float own = s->own[i], gain = s->query.radius[i] - s->query.half[i];
        uint32_t spans = mark_rows(row, e->scale, e->least, own, gain, hit);
        FOR_MARKS(spans, hit)
        {
            int c = from + __builtin_ctzll(marks) / 8;
            enter(s, t->first_column + c, (float)row[c] * (own * e->scale[c]) - s->query.half[i],
                  i);
            e->least[c] = s->least[t->first_column + c];
        }
    }
}

/* Pair number `item` of the tiles: all, or for a matrix against itself those on and above the diagonal, the
 * diagonal first: rows that lie together are often alike, and early neighbours keep later candidates few. */
static tile find_tile(const search *s, int64_t item)
{
    int64_t row = item % s->tiles, column = item / s->tiles;
    if (s->task->self) {
        int64_t offset = 0;
        while (item >= s->tiles - offset)
            item -= s->tiles - offset++;
        row = item;
        column = item + offset;
    }
    int64_t rows = s->query.n - row * TILE, columns = s->base.n - column * TILE;
    return (tile){row * TILE,
                  column * TILE,
                  rows < TILE ? rows : TILE,
                  columns < TILE ? columns : TILE,
                  s->task->self && row == column,
                  NULL};
}

static void search_tiles(void *context, int64_t begin, int64_t end, int worker)
{
    search *s = context;
    int64_t d = s->task->d;
    int32_t *products = s->products + (int64_t)worker * TILE * TILE;
    for (int64_t item = begin; item < end && item < s->pairs; item++) {
        edge e;
        tile t = find_tile(s, item);
        t.products = products;
        /* Whole numbers: a tile at the edge may have any shape. */
        if (!s->backend->gemm_bytes(t.rows, t.columns, d, s->query.q + t.first_row * d,
                                    s->base.q + t.first_column * d, products, TILE)) {
            atomic_store(&s->failed, true);
            return;
        }
        pthread_mutex_lock(&s->locks[t.first_row / TILE]);
        offer_columns(s, &t, &e);
        pthread_mutex_unlock(&s->locks[t.first_row / TILE]);
        if (!s->task->self || t.diagonal)
            continue;
        pthread_mutex_lock(&s->locks[t.first_column / TILE]);
        offer_rows(s, &t, &e);
        pthread_mutex_unlock(&s->locks[t.first_column / TILE]);
    }
}

/* ---- rows by themselves ---- */

/* Rows that the lists are not for: a sample, and those with too many candidates. */
typedef struct alone {
    search *search;
    int64_t rows[BLOCK];
    int64_t count;             /* of rows */
    int8_t *q;                 /* [BLOCK x d] */
    int32_t *products;         /* [BLOCK x m] */
    calr_candidate *items;     /* [threads x m] */
    float *scratch;            /* [threads x m] */
    calr_measured *best;       /* [threads x keep], NULL: only count */
    int64_t candidates[BLOCK]; /* what is left of each */
} alone;

static void multiply_alone(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const alone *a = context;
    const search *s = a->search;
    int64_t d = s->task->d;
    if (!s->backend->gemm_bytes(a->count, end - begin, d, a->q, s->base.q + begin * d,
                                a->products + begin, s->base.n))
        atomic_store(&a->search->failed, true);
}

static void choose_alone(void *context, int64_t begin, int64_t end, int worker)
{
    alone *a = context;
    const search *s = a->search;
    int64_t m = s->base.n;
    calr_candidate *items = a->items + worker * m;
    for (int64_t r = begin; r < end && r < a->count; r++) {
        int64_t i = a->rows[r], count = 0;
        for (int64_t j = 0; j < m; j++) {
            float score =
                (float)a->products[r * m + j] * (s->own[i] * s->base.scale[j]) - s->base.half[j];
            if (!s->task->self || j != i)
                items[count++] = (calr_candidate){score, (int32_t)j};
        }
        float bound =
            calr_candidates_bound(items, count, s->base.radius, s->keep, a->scratch + worker * m);
        count = calr_candidates_keep(items, count, s->base.radius, bound - 2 * s->query.radius[i]);
        a->candidates[r] = count;
        if (a->best)
            calr_candidates_measure(s->task, &s->base, i, s->query.radius[i], items, count, s->keep,
                                    a->best + worker * s->keep);
    }
}

static calr_status run_alone(alone *a)
{
    search *s = a->search;
    for (int64_t r = 0; r < a->count; r++)
        memcpy(a->q + r * s->task->d, s->query.q + a->rows[r] * s->task->d, (size_t)s->task->d);
    CALR_TRY(calr_parallel_try(s->base.n, 4 * TILE, multiply_alone, a));
    return atomic_load(&s->failed) ? CALR_OK : calr_parallel_try(a->count, 1, choose_alone, a);
}

static void alone_clear(alone *a)
{
    free(a->q);
    free(a->products);
    free(a->items);
    free(a->scratch);
    free(a->best);
}

static calr_status alone_start(alone *a, search *s, bool measure)
{
    int64_t m = s->base.n, threads = calr_parallel_threads();
    *a = (alone){.search = s};
    a->q = calr_array_new(BLOCK, (size_t)s->task->d);
    a->products = calr_array_new(m, BLOCK * sizeof *a->products);
    a->items = calr_array_new(m, (size_t)threads * sizeof *a->items);
    a->scratch = calr_array_new(m, (size_t)threads * sizeof *a->scratch);
    if (measure)
        a->best = calr_array_new(s->keep, (size_t)threads * sizeof *a->best);
    if (a->q && a->products && a->items && a->scratch && (a->best || !measure))
        return CALR_OK;
    alone_clear(a);
    return calr_error(CALR_ENOMEM, "out of memory for %d rows of %" PRId64 " products", BLOCK, m);
}

/* Whether a sample of the rows leaves few candidates. */
static calr_status try_sample(search *s, bool *suits)
{
    alone a;
    int64_t n = s->query.n, sum = 0, most = s->base.n / SHARE;
    CALR_TRY(alone_start(&a, s, false));
    calr_status status = CALR_OK;
    for (int64_t first = 0; status == CALR_OK && first < SAMPLE; first += BLOCK) {
        a.count = BLOCK;
        for (int64_t r = 0; r < BLOCK; r++)
            a.rows[r] = (first + r) * n / SAMPLE;
        status = run_alone(&a);
        for (int64_t r = 0; r < BLOCK; r++)
            sum += a.candidates[r];
    }
    alone_clear(&a);
    *suits = sum <= SAMPLE * (most < ENTRIES_A_ROW / 2 ? most : ENTRIES_A_ROW / 2);
    return status;
}

static calr_status search_dropped(search *s)
{
    alone a = {.search = s};
    calr_status status = CALR_OK;
    for (int64_t i = 0; i < s->query.n && status == CALR_OK; i++) {
        if (s->lists[i].items)
            continue;
        if (!a.q)
            status = alone_start(&a, s, true);
        if (status == CALR_OK)
            a.rows[a.count++] = i;
        if (status == CALR_OK && a.count == BLOCK) {
            status = run_alone(&a);
            a.count = 0;
        }
    }
    if (status == CALR_OK && a.count > 0)
        status = run_alone(&a);
    alone_clear(&a);
    return status;
}

/* ---- the whole ---- */

static void measure_rows(void *context, int64_t begin, int64_t end, int worker)
{
    const search *s = context;
    (void)worker;
    calr_measured best[MOST_KEPT];
    float scratch[LONGEST_LIST];
    for (int64_t i = begin; i < end; i++) {
        const list *l = &s->lists[i];
        if (!l->items)
            continue;
        float bound = calr_candidates_bound(l->items, l->count, s->base.radius, s->keep, scratch);
        int64_t count = calr_candidates_keep(l->items, l->count, s->base.radius,
                                             bound - 2 * s->query.radius[i]);
        calr_candidates_measure(s->task, &s->base, i, s->query.radius[i], l->items, count, s->keep,
                                best);
    }
}

static calr_status allocate(search *s)
{
    int64_t n = s->query.n, capacity = (3 * s->keep + 120) / 8 * 8,
            threads = calr_parallel_threads();
    s->lists = calr_array_zeros(n, sizeof *s->lists);
    s->least = calr_array_new(n, sizeof *s->least);
    s->slab = calr_array_new(n, (size_t)capacity * sizeof *s->slab);
    s->products = calr_array_zeros(threads * TILE, TILE * sizeof *s->products);
    s->locks = calr_array_new(s->tiles, sizeof *s->locks);
    if (!s->lists || !s->least || !s->slab || !s->products || !s->locks) {
        free(s->locks);
        s->locks = NULL;
        return calr_error(CALR_ENOMEM, "out of memory for %" PRId64 " lists of candidates", n);
    }
    for (int64_t i = 0; i < n; i++) {
        s->lists[i] = (list){.items = s->slab + i * capacity, .capacity = (int32_t)capacity};
        s->least[i] = -INFINITY;
    }
    for (int64_t t = 0; t < s->tiles; t++)
        pthread_mutex_init(&s->locks[t], NULL);
    atomic_init(&s->budget, n * ENTRIES_A_ROW);
    return CALR_OK;
}

static void clear(search *s)
{
    for (int64_t i = 0; s->lists && i < s->query.n; i++)
        if (s->lists[i].own)
            free(s->lists[i].items);
    for (int64_t t = 0; s->locks && t < s->tiles; t++)
        pthread_mutex_destroy(&s->locks[t]);
    free(s->locks);
    free(s->lists);
    free(s->own);
    free(s->least);
    free(s->slab);
    free(s->products);
    if (!s->task->self)
        calr_bytes_release(&s->base);
    calr_bytes_release(&s->query);
}

static calr_status run(search *s, bool force, bool *done)
{
    const calr_knn_task *t = s->task;
    CALR_TRY(calr_bytes_new(t, t->x, t->n, t->length, &s->query));
    s->base = s->query;
    if (!t->self)
        CALR_TRY(calr_bytes_new(t, t->base, t->m, t->base_length, &s->base));
    s->own = calr_array_new(t->n, sizeof *s->own);
    if (!s->own)
        return calr_error(CALR_ENOMEM, "out of memory for %" PRId64 " rows as bytes", t->n);
    for (int64_t i = 0; i < t->n; i++)
        s->own[i] = t->opposite ? -s->query.scale[i] : s->query.scale[i];
    bool suits = true;
    if (!force)
        CALR_TRY(try_sample(s, &suits));
    if (!suits)
        return CALR_OK;
    s->tiles = (t->n + TILE - 1) / TILE;
    s->base_tiles = (t->m + TILE - 1) / TILE;
    s->pairs = t->self ? s->tiles * (s->tiles + 1) / 2 : s->tiles * s->base_tiles;
    CALR_TRY(allocate(s));
    /* One more than there are: a single pair too must run inside the team, where a product has one thread. */
    CALR_TRY(calr_parallel_try(s->pairs + 1, 1, search_tiles, s));
    if (!atomic_load(&s->failed)) {
        CALR_TRY(calr_parallel_try(t->n, ROW_GRAIN, measure_rows, s));
        CALR_TRY(search_dropped(s));
    }
    *done = !atomic_load(&s->failed);
    return *done ? CALR_OK : calr_error(CALR_ENOMEM, "out of memory for products of bytes");
}

calr_status calr_knn_bytes(const calr_knn_task *task, bool force, bool *done)
{
    search s = {.task = task, .keep = task->k - task->include_self};
    *done = false;
    CALR_TRY(calr_backend_get(&s.backend));
    if (!s.backend->gemm_bytes)
        return force ? calr_error(CALR_ENOTFOUND, "this backend has no products of bytes")
                     : CALR_OK;
    if (!force && !s.backend->gemm_bytes(0, 0, 0, NULL, NULL, NULL, 0))
        return CALR_OK;
    if (s.keep < 1 || s.keep > MOST_KEPT || task->d > LONGEST_ROW)
        return CALR_OK;
    bool large = task->d >= LEAST_COLUMNS && task->n >= LEAST_QUERIES &&
                 (task->m >= LEAST_ROWS || task->m >= LEAST_NUMBERS / task->d);
    if (!force && !large)
        return CALR_OK;
    calr_status status = run(&s, force, done);
    clear(&s);
    return status;
}
