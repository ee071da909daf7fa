/* The search by products in f32, which choose candidates; what is near enough to the last of them
 * is measured in double. */
#include "neighbours/knn_internal.h"

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
#include "neighbours/nearest.h"

enum {
    TILE = 256, /* rows and columns of a product: 256 KiB of results stay in a core's cache */
    ROW_GRAIN = 64
};

/* Unit or centred rows, padded with zero rows to whole tiles so that every product has the same
 * shape. */
typedef struct side {
    const float *rows;    /* as given, [n x d] */
    float *unit;          /* [tiles * TILE x d] */
    float *half;          /* [tiles * TILE] half of the squared length of each; 0 for cosine */
    const double *length; /* [n] of the (centred) rows */
    int64_t n, tiles;
} side;

typedef struct search {
    const calr_backend *backend;
    side query, base; /* the same memory when `self` */
    int64_t d, keep;  /* keep: length of the lists */
    calr_metric metric;
    bool self;
    float *scores;   /* [n x keep] descending; -INFINITY where still empty */
    int32_t *rows;   /* [n x keep] */
    float *worst;    /* [tiles * TILE] the last score of each list: what a newcomer must reach */
    float *products; /* [threads x TILE x TILE] */
    pthread_mutex_t *locks; /* [query.tiles] guard the lists of a tile of rows */
    /* Scale and centre of the euclidean copies. */
    double scale;
    const double *centre;
} search;

/* ---- preparation ---- */

typedef struct prepare {
    const search *search;
    const side *side;
} prepare;

static void copy_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    prepare *p = context;
    const search *s = p->search;
    int64_t d = s->d;
    for (int64_t i = begin; i < end; i++) {
        const float *row = p->side->rows + i * d;
        float *to = p->side->unit + i * d;
        if (s->metric == CALR_COSINE) {
            calr_row_unit(row, d, p->side->length[i], to);
            p->side->half[i] = 0;
        } else {
            double length = p->side->length[i] * s->scale;
            calr_row_centred(row, d, s->centre, s->scale, to);
            p->side->half[i] = (float)(length * length / 2);
        }
    }
}

static calr_status copy_side(const search *s, side *to)
{
    size_t count;
    int64_t rows = to->tiles * TILE;
    if (!calr_size_mul((size_t)rows, (size_t)s->d, &count) || count > INT64_MAX / sizeof(float))
        return calr_error(CALR_ENOMEM,
                          "%" PRId64 " rows of %" PRId64 " numbers are more than can be addressed",
                          rows, s->d);
    to->unit = calr_array_new((int64_t)count, sizeof(float));
    to->half = calr_array_zeros(rows, sizeof(float));
    if (!to->unit || !to->half)
        return calr_error(CALR_ENOMEM,
                          "out of memory for a copy of %" PRId64 " x %" PRId64 " features", rows,
                          s->d);
    memset(to->unit + to->n * s->d, 0, (size_t)((rows - to->n) * s->d) * sizeof(float));
    prepare p = {s, to};
    return calr_parallel_try(to->n, ROW_GRAIN, copy_rows, &p);
}

/* ---- lists ---- */

/* Offers row `candidate` to the list of row i, which it enters when it comes before the last. */
static void offer(search *s, int64_t i, float score, int32_t candidate)
{
    if (s->metric == CALR_COSINE)
        score = calr_cosine_clip(score);
    calr_nearest_offer(s->scores + i * s->keep, s->rows + i * s->keep, s->keep, score, candidate);
    s->worst[i] = s->scores[(i + 1) * s->keep - 1];
}

enum { SPAN = 16, SPANS = TILE / SPAN };

/* A bit for each span of a row of products in which a score is as good as the last one of the row's list, or of the
 * list of its column. */
CALR_CLONES static uint32_t spans_for_row(const float *products, const float *half, float worst)
{
    uint32_t spans = 0;
    for (int s = 0; s < SPANS; s++) {
        int hits = 0;
        for (int c = s * SPAN; c < (s + 1) * SPAN; c++)
            hits |= products[c] - half[c] >= worst;
        spans |= (uint32_t)hits << s;
    }
    return spans;
}

CALR_CLONES static uint32_t spans_for_columns(const float *products, float half, const float *worst)
{
    uint32_t spans = 0;
    for (int s = 0; s < SPANS; s++) {
        int hits = 0;
        for (int c = s * SPAN; c < (s + 1) * SPAN; c++)
            hits |= products[c] - half >= worst[c];
        spans |= (uint32_t)hits << s;
    }
    return spans;
}

/* Offers the columns of a tile to the lists of its rows. Row r's columns start at r + 1 on the
 * diagonal. */
static void offer_columns(search *s, const float *products, int64_t row_tile, int64_t column_tile)
{
    int64_t first_row = row_tile * TILE, first_column = column_tile * TILE;
    int64_t rows = s->query.n - first_row < TILE ? s->query.n - first_row : TILE;
    int64_t columns = s->base.n - first_column < TILE ? s->base.n - first_column : TILE;
    bool diagonal = s->self && row_tile == column_tile;
    for (int64_t r = 0; r < rows; r++) {
        int64_t i = first_row + r;
        const float *row = products + r * TILE, *half = s->base.half + first_column;
        uint32_t spans = spans_for_row(row, half, s->worst[i]);
        for (; spans; spans &= spans - 1) {
            int64_t begin = __builtin_ctz(spans) * SPAN, end = begin + SPAN;
            for (int64_t c = diagonal && begin <= r ? r + 1 : begin; c < end && c < columns; c++) {
                float score = row[c] - half[c];
                if (score >= s->worst[i])
                    offer(s, i, score, (int32_t)(first_column + c));
            }
        }
    }
}

/* Offers the rows of a tile to the lists of its columns: the same products seen from the other
 * side, so that the similarity of a pair is one number whichever of the two asks. */
static void offer_rows(search *s, const float *products, int64_t row_tile, int64_t column_tile)
{
    int64_t first_row = row_tile * TILE, first_column = column_tile * TILE;
    int64_t rows = s->query.n - first_row < TILE ? s->query.n - first_row : TILE;
    int64_t columns = s->query.n - first_column < TILE ? s->query.n - first_column : TILE;
    bool diagonal = row_tile == column_tile;
    for (int64_t r = 0; r < rows; r++) {
        const float *row = products + r * TILE;
        float half = s->query.half[first_row + r];
        uint32_t spans = spans_for_columns(row, half, s->worst + first_column);
        for (; spans; spans &= spans - 1) {
            int64_t begin = __builtin_ctz(spans) * SPAN, end = begin + SPAN;
            for (int64_t c = diagonal && begin <= r ? r + 1 : begin; c < end && c < columns; c++) {
                float score = row[c] - half;
                if (score >= s->worst[first_column + c])
                    offer(s, first_column + c, score, (int32_t)(first_row + r));
            }
        }
    }
}

/* Pair number `item` of the tiles: all of them, or those with row <= column when a matrix meets
 * itself. */
static void find_pair(const search *s, int64_t item, int64_t *row, int64_t *column)
{
    if (!s->self) {
        *row = item / s->base.tiles;
        *column = item % s->base.tiles;
        return;
    }
    int64_t r = 0, left = item;
    while (left >= s->base.tiles - r)
        left -= s->base.tiles - r++;
    *row = r;
    *column = r + left;
}

static void search_tiles(void *context, int64_t begin, int64_t end, int worker)
{
    search *s = context;
    float *products = s->products + (int64_t)worker * TILE * TILE;
    int64_t pairs =
        s->self ? s->base.tiles * (s->base.tiles + 1) / 2 : s->query.tiles * s->base.tiles;
    for (int64_t item = begin; item < end && item < pairs; item++) {
        int64_t row, column;
        find_pair(s, item, &row, &column);
        s->backend->gemm(false, true, TILE, TILE, s->d, 1, s->query.unit + row * TILE * s->d, s->d,
                         s->base.unit + column * TILE * s->d, s->d, 0, products, TILE);
        pthread_mutex_lock(&s->locks[row]);
        offer_columns(s, products, row, column);
        pthread_mutex_unlock(&s->locks[row]);
        if (!s->self)
            continue;
        pthread_mutex_lock(&s->locks[column]);
        offer_rows(s, products, row, column);
        pthread_mutex_unlock(&s->locks[column]);
    }
}

/* ---- results ---- */

enum { BLOCK = 64 }; /* rows searched again at a time */

typedef struct output {
    const calr_knn_task *task;
    search *search;
    calr_nearest in;
    int64_t others;      /* neighbours besides the row itself */
    calr_measured *best; /* [threads x BLOCK x others] */
    double
        *open; /* [n] of a row that the list does not settle: the key that others must reach; NAN */
    int64_t *again; /* [n] such rows */
    int64_t count;  /* of them */
    float *block;   /* [threads x BLOCK x (d + TILE)] copies of them, and products */
} output;

static calr_nearest_query query_of(const output *o, int64_t i)
{
    return (calr_nearest_query){o->task->x + i * o->task->d, o->task->length[i], 1};
}

static void settle_rows(void *context, int64_t begin, int64_t end, int worker)
{
    output *o = context;
    const search *s = o->search;
    const calr_knn_task *t = o->task;
    calr_measured *best = o->best + (int64_t)worker * BLOCK * o->others;
    bool all = s->keep == (t->self ? t->n - 1 : t->m);
    for (int64_t i = begin; i < end; i++) {
        calr_nearest_query query = query_of(o, i);
        bool settled = o->others == 0 ||
                       calr_nearest_settle(&o->in, &query, s->scores + i * s->keep,
                                           s->rows + i * s->keep, s->keep, all, o->others, best);
        o->open[i] = settled ? NAN : best[o->others - 1].key;
        if (settled)
            calr_knn_write(t, i, best);
    }
}

/* ---- rows that were not settled ---- */

/* What is known of one while it is searched again: `last` is the key that a newcomer must reach. */
typedef struct repeat {
    calr_nearest_query query;
    int64_t row, found;
    double last;
    bool done; /* nothing can come before what is there: later rows lose ties */
    calr_measured *best;
} repeat;

static void offer_again(const output *o, repeat *r, const float *products, int64_t first,
                        int64_t columns)
{
    const float *half = o->search->base.half + first;
    const double *length = o->in.length + first;
    double nearest = o->in.metric == CALR_COSINE ? 1 : 0;
    for (int64_t c = 0; c < columns && !r->done; c++) {
        float score = products[c] - half[c];
        if (o->in.metric == CALR_COSINE)
            score = calr_cosine_clip(score);
        if (score < calr_nearest_least(&o->in, &r->query, r->last, length[c]) ||
            (o->task->self && first + c == r->row))
            continue;
        calr_measured item = {calr_nearest_key(&o->in, &r->query, first + c, NULL),
                              (int32_t)(first + c)};
        r->found = calr_measured_add(r->best, r->found, o->others, item);
        if (r->found == o->others)
            r->last = fmax(r->last, r->best[o->others - 1].key);
        r->done = r->found == o->others && r->best[o->others - 1].key == nearest;
    }
}

static void search_block(void *context, int64_t begin, int64_t end, int worker)
{
    output *o = context;
    search *s = o->search;
    int64_t d = s->d, count = end - begin;
    float *copies = o->block + (int64_t)worker * BLOCK * (d + TILE), *products = copies + BLOCK * d;
    repeat rows[BLOCK];
    for (int64_t r = 0; r < count; r++) {
        int64_t i = o->again[begin + r];
        memcpy(copies + r * d, s->query.unit + i * d, (size_t)d * sizeof *copies);
        rows[r] = (repeat){.query = query_of(o, i), .row = i, .last = o->open[i]};
        rows[r].best = o->best + ((int64_t)worker * BLOCK + r) * o->others;
    }
    for (int64_t tile = 0; tile < s->base.tiles && !calr_interrupt_requested(); tile++) {
        int64_t first = tile * TILE, left = s->base.n - first;
        s->backend->gemm(false, true, count, TILE, d, 1, copies, d, s->base.unit + first * d, d, 0,
                         products, TILE);
        for (int64_t r = 0; r < count; r++)
            offer_again(o, &rows[r], products + r * TILE, first, left < TILE ? left : TILE);
    }
    for (int64_t r = 0; r < count; r++)
        calr_knn_write(o->task, rows[r].row, rows[r].best);
}

static calr_status write_results(output *o)
{
    int64_t n = o->task->n, threads = calr_parallel_threads();
    o->best = calr_array_new(threads * BLOCK, (size_t)o->others * sizeof *o->best);
    o->open = calr_array_new(n, sizeof *o->open);
    if (!o->best || !o->open)
        return calr_error(CALR_ENOMEM,
                          "out of memory for %" PRId64 " lists of %" PRId64 " distances", n,
                          o->others);
    CALR_TRY(calr_parallel_try(n, ROW_GRAIN, settle_rows, o));
    for (int64_t i = 0; i < n; i++)
        o->count += !isnan(o->open[i]);
    if (o->count == 0)
        return CALR_OK;
    o->again = calr_array_new(o->count, sizeof *o->again);
    o->block = calr_array_new(threads * BLOCK, (size_t)(o->search->d + TILE) * sizeof *o->block);
    if (!o->again || !o->block)
        return calr_error(CALR_ENOMEM, "out of memory for %d rows of %d products", BLOCK, TILE);
    int64_t at = 0;
    for (int64_t i = 0; i < n; i++)
        if (!isnan(o->open[i]))
            o->again[at++] = i;
    return calr_parallel_try(o->count, BLOCK, search_block, o);
}

/* ---- the whole ---- */

static calr_status run_search(search *s)
{
    int64_t rows = s->query.tiles * TILE, threads = calr_parallel_threads();
    s->scores = calr_array_new(s->query.n, (size_t)s->keep * sizeof(float));
    s->rows = calr_array_new(s->query.n, (size_t)s->keep * sizeof(int32_t));
    s->worst = calr_array_new(rows, sizeof(float));
    s->products = calr_array_new(threads, sizeof(float) * TILE * TILE);
    pthread_mutex_t *locks = calr_array_new(s->query.tiles, sizeof *locks);
    if (!s->scores || !s->rows || !s->worst || !s->products || !locks) {
        free(locks);
        return calr_error(CALR_ENOMEM,
                          "out of memory for %" PRId64 " lists of %" PRId64 " neighbours",
                          s->query.n, s->keep);
    }
    for (int64_t i = 0; i < s->query.n * s->keep; i++) {
        s->scores[i] = -INFINITY;
        s->rows[i] = INT32_MAX;
    }
    for (int64_t i = 0; i < rows; i++)
        s->worst[i] = -INFINITY;
    s->locks = locks;
    for (int64_t t = 0; t < s->query.tiles; t++)
        pthread_mutex_init(&locks[t], NULL);
    int64_t pairs =
        s->self ? s->base.tiles * (s->base.tiles + 1) / 2 : s->query.tiles * s->base.tiles;
    /* One more than there are: a single pair too must run inside the team, where a product has one
     * thread. */
    calr_status status = calr_parallel_try(pairs + 1, 1, search_tiles, s);
    for (int64_t t = 0; t < s->query.tiles; t++)
        pthread_mutex_destroy(&locks[t]);
    free(locks);
    return status;
}

static calr_status search_all(search *s, output *out)
{
    CALR_TRY(calr_backend_get(&s->backend));
    CALR_TRY(copy_side(s, &s->query));
    if (s->self)
        s->base = s->query;
    else
        CALR_TRY(copy_side(s, &s->base));
    if (s->keep > 0)
        CALR_TRY(run_search(s));
    return write_results(out);
}

calr_status calr_knn_float(const calr_knn_task *t)
{
    int64_t others = t->k - t->include_self, available = t->self ? t->n - 1 : t->m;
    search s = {.d = t->d, .metric = t->metric, .self = t->self, .centre = t->centre};
    s.keep = calr_nearest_keep(others, available);
    s.scale = t->longest > 0 ? 1 / t->longest : 1; /* keeps huge and tiny inputs within f32 */
    s.query =
        (side){.rows = t->x, .n = t->n, .tiles = (t->n + TILE - 1) / TILE, .length = t->length};
    s.base = (side){
        .rows = t->base, .n = t->m, .tiles = (t->m + TILE - 1) / TILE, .length = t->base_length};
    output out = {.task = t, .search = &s, .others = others};
    out.in = (calr_nearest){t->metric, t->d, t->base, t->base_length, s.scale};
    calr_status status = search_all(&s, &out);
    free(out.best);
    free(out.open);
    free(out.again);
    free(out.block);
    free(s.scores);
    free(s.rows);
    free(s.worst);
    free(s.products);
    free(s.query.unit);
    free(s.query.half);
    if (!t->self) {
        free(s.base.unit);
        free(s.base.half);
    }
    return status;
}
