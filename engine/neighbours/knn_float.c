/* The search by products in f32. */
#include "neighbours/knn_internal.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
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

static bool any_reaches(const float *scores, const float *worst, int count)
{
    int hits = 0;
#pragma omp simd reduction(+ : hits)
    for (int c = 0; c < count; c++)
        hits += scores[c] >= worst[c];
    return hits != 0;
}

enum { SPAN = 16 };

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
        for (int64_t c0 = diagonal ? (r + 1) / SPAN * SPAN : 0; c0 < columns; c0 += SPAN) {
            float scores[SPAN], worst[SPAN];
            for (int c = 0; c < SPAN; c++) {
                scores[c] = row[c0 + c] - half[c0 + c];
                worst[c] = s->worst[i];
            }
            if (!any_reaches(scores, worst, SPAN))
                continue;
            int64_t end = c0 + SPAN < columns ? c0 + SPAN : columns;
            for (int64_t c = c0; c < end; c++)
                if (scores[c - c0] >= s->worst[i] && !(diagonal && c <= r))
                    offer(s, i, scores[c - c0], (int32_t)(first_column + c));
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
        for (int64_t c0 = diagonal ? (r + 1) / SPAN * SPAN : 0; c0 < columns; c0 += SPAN) {
            float scores[SPAN];
            for (int c = 0; c < SPAN; c++)
                scores[c] = row[c0 + c] - half;
            if (!any_reaches(scores, s->worst + first_column + c0, SPAN))
                continue;
            int64_t end = c0 + SPAN < columns ? c0 + SPAN : columns;
            for (int64_t c = c0; c < end; c++)
                if (scores[c - c0] >= s->worst[first_column + c] && !(diagonal && c <= r))
                    offer(s, first_column + c, scores[c - c0], (int32_t)(first_row + r));
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

typedef struct output {
    const search *search;
    int64_t k;
    bool include_self;
    int32_t *indices;
    float *values;
    double *exact; /* [n x keep], for euclidean */
} output;

static void write_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    output *o = context;
    const search *s = o->search;
    for (int64_t i = begin; i < end; i++) {
        int32_t *indices = o->indices + i * o->k;
        float *values = o->values + i * o->k;
        int64_t others = o->k - o->include_self;
        if (o->include_self) {
            *indices++ = (int32_t)i;
            *values++ = s->metric == CALR_COSINE && s->query.length[i] > 0 ? 1.0f : 0.0f;
        }
        if (s->metric == CALR_EUCLIDEAN && others > 0)
            calr_nearest_measure(s->query.rows + i * s->d, s->base.rows, s->d, s->keep,
                                 s->rows + i * s->keep, o->exact + i * s->keep);
        for (int64_t p = 0; p < others; p++) {
            indices[p] = s->rows[i * s->keep + p];
            values[p] = s->metric == CALR_EUCLIDEAN ? (float)o->exact[i * s->keep + p]
                                                    : s->scores[i * s->keep + p];
        }
    }
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
    if (s->metric == CALR_EUCLIDEAN && s->keep > 0) {
        out->exact = calr_array_new(s->query.n, (size_t)s->keep * sizeof(double));
        if (!out->exact)
            return calr_error(CALR_ENOMEM,
                              "out of memory for %" PRId64 " lists of %" PRId64 " distances",
                              s->query.n, s->keep);
    }
    return calr_parallel_try(s->query.n, ROW_GRAIN, write_rows, out);
}

calr_status calr_knn_float(const calr_knn_task *t)
{
    int64_t keep = t->k - t->include_self, available = t->self ? t->n - 1 : t->m;
    if (t->metric == CALR_EUCLIDEAN && keep > 0) {
        keep = keep + CALR_NEAREST_SPARE < available ? keep + CALR_NEAREST_SPARE : available;
    }
    search s = {.d = t->d, .metric = t->metric, .self = t->self, .keep = keep, .centre = t->centre};
    s.scale = t->longest > 0 ? 1 / t->longest : 1; /* keeps huge and tiny inputs within f32 */
    s.query =
        (side){.rows = t->x, .n = t->n, .tiles = (t->n + TILE - 1) / TILE, .length = t->length};
    s.base = (side){
        .rows = t->base, .n = t->m, .tiles = (t->m + TILE - 1) / TILE, .length = t->base_length};
    output out = {.search = &s,
                  .k = t->k,
                  .include_self = t->include_self,
                  .indices = t->indices,
                  .values = t->values};
    calr_status status = search_all(&s, &out);
    free(out.exact);
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
