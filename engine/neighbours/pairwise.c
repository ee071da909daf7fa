#include "neighbours/pairwise.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/clones.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"
#include "neighbours/nearest.h"

enum {
    TILE = CALR_PAIRWISE_ROWS,
    DEPTH = 512, /* columns of x at a time, written as doubles */
    SCRATCH = 2 * TILE * DEPTH + TILE * TILE,
    GRAIN = 64
};

/* Pairs are near, and measured directly, whose squared distance is below this part of the sum of their squared lengths,
 * or whose cosine distance is below it: the others have lost no more digits than that to cancellation. */
static const double NEAR = 1.0 / 64;

struct calr_pairwise {
    const calr_backend *backend;
    const float *x;
    int64_t n, d, tiles;
    calr_metric metric;
    double *centre; /* [d], taken off the rows of euclidean distances */
    double *square; /* [n] squared lengths of the rows that are multiplied */
    double error;   /* of distances by products of rows that are not near, relative, at most */
    int64_t *bad;   /* [chunks] first row of a chunk that is not finite, or -1 */
};

/* ---- preparation ---- */

static void measure_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    calr_pairwise *p = context;
    int64_t bad = -1, d = p->d;
    for (int64_t i = begin; i < end; i++) {
        const float *row = p->x + i * d;
        double sum = calr_rows_dot(row, row, NULL, d);
        if (p->metric == CALR_EUCLIDEAN && isfinite(sum)) {
            sum = 0;
            for (int64_t c = 0; c < d; c++)
                sum += (row[c] - p->centre[c]) * (row[c] - p->centre[c]);
        }
        if (!(sum < FLT_MAX / 4) && bad < 0)
            bad = i;
        p->square[i] = sum;
    }
    p->bad[begin / GRAIN] = bad;
}

/* Taking the mean off spares products the digits of a common offset. It is rounded to a power of two that is within
 * reach of the column's numbers: whole numbers stay whole. */
static void find_centre(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    calr_pairwise *p = context;
    double mean[GRAIN] = {0}, reach[GRAIN] = {0};
    for (int64_t i = 0; i < p->n && !calr_interrupt_due(i); i++)
        for (int64_t c = begin; c < end; c++)
            mean[c - begin] += p->x[i * p->d + c];
    for (int64_t c = 0; c < end - begin; c++)
        mean[c] /= (double)p->n;
    for (int64_t i = 0; i < p->n && !calr_interrupt_due(i); i++)
        for (int64_t c = begin; c < end; c++)
            reach[c - begin] = fmax(reach[c - begin], fabs(p->x[i * p->d + c] - mean[c - begin]));
    for (int64_t c = 0; c < end - begin; c++)
        if (reach[c] > 0 && isfinite(reach[c]) && isfinite(mean[c])) {
            double unit = ldexp(1, ilogb(reach[c]));
            p->centre[begin + c] = rint(mean[c] / unit) * unit;
        }
}

static calr_status prepare(calr_pairwise *p)
{
    int64_t chunks = (p->n + GRAIN - 1) / GRAIN;
    p->square = calr_array_new(p->n, sizeof *p->square);
    p->centre = calr_array_zeros(p->d, sizeof *p->centre);
    p->bad = calr_array_new(chunks, sizeof *p->bad);
    if (!p->square || !p->centre || !p->bad)
        return calr_error(CALR_ENOMEM, "out of memory for the lengths of %" PRId64 " rows", p->n);
    if (p->metric == CALR_EUCLIDEAN)
        CALR_TRY(calr_parallel_try(p->d, GRAIN, find_centre, p));
    CALR_TRY(calr_parallel_try(p->n, GRAIN, measure_rows, p));
    for (int64_t c = 0; c < chunks; c++)
        if (p->bad[c] >= 0)
            return calr_error(CALR_ENUMERIC,
                              "row %" PRId64
                              " (from 0) holds a NaN, an infinity or numbers too large to square",
                              p->bad[c]);
    return CALR_OK;
}

calr_status calr_pairwise_new(const float *x, int64_t n, int64_t d, calr_metric metric,
                              calr_pairwise **out)
{
    if (n < 0 || n > INT32_MAX || d < 1)
        return calr_error(CALR_EINVAL,
                          "distances need rows of at least one number, not %" PRId64 " x %" PRId64,
                          n, d);
    calr_pairwise *p = calr_array_zeros(1, sizeof *p);
    if (!p)
        return calr_error(CALR_ENOMEM, "out of memory for distances");
    *p = (calr_pairwise){.x = x, .n = n, .d = d, .tiles = (n + TILE - 1) / TILE, .metric = metric};
    /* d additions of a product and of each square, and some more steps, each off by half a unit in the last place. */
    p->error = (2 * (double)d + 16) * (DBL_EPSILON / 2) / NEAR;
    calr_status status = calr_backend_get(&p->backend);
    if (status == CALR_OK)
        status = prepare(p);
    if (status == CALR_OK)
        *out = p;
    else
        calr_pairwise_release(p);
    return status;
}

void calr_pairwise_release(calr_pairwise *p)
{
    if (!p)
        return;
    free(p->square);
    free(p->centre);
    free(p->bad);
    free(p);
}

int64_t calr_pairwise_scratch(const calr_pairwise *p)
{
    (void)p;
    return SCRATCH;
}

static int64_t tile_rows(const calr_pairwise *p, int64_t number)
{
    int64_t left = p->n - number * TILE;
    return left < TILE ? left : TILE;
}

/* ---- products ---- */

/* Columns begin .. begin + depth - 1 of `count` rows: which[r], or first + r. */
static void copy_rows(const calr_pairwise *p, const int64_t *which, int64_t first, int64_t count,
                      int64_t begin, int64_t depth, double *to)
{
    for (int64_t r = 0; r < count; r++) {
        const float *row = p->x + (which ? which[r] : first + r) * p->d + begin;
        for (int64_t c = 0; c < depth; c++)
            to[r * depth + c] = row[c] - p->centre[begin + c];
    }
}

/* products[rows x TILE] of the rows which[rows], or from first_row on, and those from first_column on. */
static double *multiply(const calr_pairwise *p, const int64_t *which, int64_t first_row,
                        int64_t rows, int64_t first_column, int64_t columns, double *scratch)
{
    double *left = scratch, *right = left + TILE * DEPTH, *products = right + TILE * DEPTH;
    for (int64_t begin = 0; begin < p->d; begin += DEPTH) {
        int64_t depth = p->d - begin < DEPTH ? p->d - begin : DEPTH;
        copy_rows(p, which, first_row, rows, begin, depth, left);
        copy_rows(p, NULL, first_column, columns, begin, depth, right);
        p->backend->gemm_double(rows, columns, depth, left, depth, right, depth, begin > 0,
                                products, TILE);
    }
    return products;
}

/* ---- distances ---- */

double calr_pairwise_measure(const calr_pairwise *p, int64_t i, int64_t j)
{
    const float *a = p->x + i * p->d, *b = p->x + j * p->d;
    if (i == j)
        return 0;
    if (p->metric == CALR_EUCLIDEAN)
        return calr_rows_distance(a, b, p->d);
    double both = p->square[i] * p->square[j];
    if (!(both > 0))
        return 1;
    double cosine = calr_rows_dot(a, b, NULL, p->d) / sqrt(both);
    return 1 - fmax(-1, fmin(1, cosine));
}

/* Turns the products of row i into distances. again[c]: the pair is near, or it is not sure what its distance is in
 * f32, in which it goes to f32[count] (or NULL). */
CALR_CLONES static void convert(const calr_pairwise *p, int64_t i, int64_t first, int64_t count,
                                double *products, float *f32, uint8_t *again)
{
    const double *square = p->square + first;
    double own = p->square[i], less = 1 - p->error, more = 1 + p->error;
    if (p->metric == CALR_EUCLIDEAN)
        for (int64_t c = 0; c < count; c++) {
            double both = own + square[c], apart = both - 2 * products[c];
            again[c] = !(apart >= NEAR * both);
            products[c] = sqrt(apart > 0 ? apart : 0);
        }
    else
        for (int64_t c = 0; c < count; c++) {
            double both = own * square[c], cosine = both > 0 ? products[c] / sqrt(both) : 0;
            again[c] = !(1 - cosine >= NEAR);
            products[c] = 1 - (cosine < -1 ? -1 : cosine);
        }
    for (int64_t c = 0; f32 && c < count; c++) {
        float low = (float)(products[c] * less), high = (float)(products[c] * more);
        again[c] |= low != high;
        f32[c] = low;
    }
}

/* Distances of row i to those from `first` on: in place of the products, and in f32 (NULL: not wanted). */
static void finish_row(const calr_pairwise *p, int64_t i, int64_t first, int64_t count,
                       double *products, float *f32)
{
    uint8_t again[TILE];
    convert(p, i, first, count, products, f32, again);
    if (i >= first && i < first + count)
        again[i - first] = true;
    for (int64_t c = 0; c < count; c++) {
        if (!again[c])
            continue;
        products[c] = calr_pairwise_measure(p, i, first + c);
        if (f32)
            f32[c] = (float)products[c];
    }
}

void calr_pairwise_rows(const calr_pairwise *p, const int64_t *which, int64_t count,
                        double *scratch, double *out)
{
    for (int64_t number = 0; number < p->tiles && !calr_interrupt_requested(); number++) {
        int64_t first = number * TILE, columns = tile_rows(p, number);
        double *products = multiply(p, which, 0, count, first, columns, scratch);
        for (int64_t r = 0; r < count; r++) {
            finish_row(p, which[r], first, columns, products + r * TILE, NULL);
            memcpy(out + r * p->n + first, products + r * TILE, (size_t)columns * sizeof *out);
        }
    }
}

void calr_pairwise_tile(const calr_pairwise *p, int64_t row, int64_t column, double *scratch,
                        float *out)
{
    int64_t rows = tile_rows(p, row), columns = tile_rows(p, column);
    double *products = multiply(p, NULL, row * TILE, rows, column * TILE, columns, scratch);
    for (int64_t r = 0; r < rows; r++)
        finish_row(p, row * TILE + r, column * TILE, columns, products + r * TILE, out + r * TILE);
}

void calr_pairwise_tile_double(const calr_pairwise *p, int64_t row, int64_t column, double *scratch,
                               double *out)
{
    int64_t rows = tile_rows(p, row), columns = tile_rows(p, column);
    double *products = multiply(p, NULL, row * TILE, rows, column * TILE, columns, scratch);
    for (int64_t r = 0; r < rows; r++) {
        finish_row(p, row * TILE + r, column * TILE, columns, products + r * TILE, NULL);
        memcpy(out + r * TILE, products + r * TILE, (size_t)columns * sizeof *out);
    }
    for (int64_t r = 0; row == column && r < rows; r++) /* products may differ in the last bit */
        for (int64_t c = 0; c < r; c++)
            out[r * TILE + c] = out[c * TILE + r];
}

/* ---- all pairs ---- */

/* Writes a tile of numbers of pairs to both of their places. */
static void place_tile(const calr_pairwise *p, int64_t row, int64_t column, const float *tile,
                       float *out)
{
    int64_t rows = tile_rows(p, row), columns = tile_rows(p, column);
    for (int64_t r = 0; r < rows; r++)
        memcpy(out + (row * TILE + r) * p->n + column * TILE, tile + r * TILE,
               (size_t)columns * sizeof *tile);
    for (int64_t c = 0; column > row && c < columns; c++) {
        float *to = out + (column * TILE + c) * p->n + row * TILE;
        for (int64_t r = 0; r < rows; r++)
            to[r] = tile[r * TILE + c];
    }
}

typedef struct all {
    const calr_pairwise *pairwise;
    double *scratch;  /* [threads x SCRATCH] */
    float *distances; /* [threads x TILE x TILE] */
    float *out;
} all;

/* Rows of tiles begin .. end-1, from the diagonal on. */
static void fill_tiles(void *context, int64_t begin, int64_t end, int worker)
{
    const all *a = context;
    const calr_pairwise *p = a->pairwise;
    float *distances = a->distances + (int64_t)worker * TILE * TILE;
    for (int64_t row = begin; row < end && row < p->tiles; row++)
        for (int64_t column = row; column < p->tiles && !calr_interrupt_requested(); column++) {
            calr_pairwise_tile(p, row, column, a->scratch + (int64_t)worker * SCRATCH, distances);
            place_tile(p, row, column, distances, a->out);
        }
}

calr_status calr_pairwise_all(const float *x, int64_t n, int64_t d, calr_metric metric, float *out)
{
    calr_pairwise *p;
    CALR_TRY(calr_pairwise_new(x, n, d, metric, &p));
    int threads = calr_parallel_threads();
    all a = {p, calr_array_new(threads, SCRATCH * sizeof(double)),
             calr_array_new(threads, TILE * TILE * sizeof(float)), out};
    calr_status status = CALR_OK;
    if (a.scratch && a.distances)
        status = calr_parallel_try(p->tiles + 1, 1, fill_tiles, &a); /* one more: see pairwise.h */
    else
        status = calr_error(CALR_ENOMEM, "out of memory for tiles of distances");
    free(a.scratch);
    free(a.distances);
    calr_pairwise_release(p);
    return status;
}

/* ---- bounds ---- */

/* For products in f32, made when they are first asked for. */
struct calr_pairwise_bounds {
    const calr_pairwise *pairwise;
    double
        scale; /* a power of two: of the copies of euclidean rows, which are no longer than 1 then */
    float less;    /* 1 - the error of a product, relative to the squared lengths */
    float tiny;    /* and what numbers too small for f32 add to it */
    float *rows;   /* [n x d] copies: scaled differences from the centre, or unit rows */
    float *square; /* [n] their squared lengths, of euclidean distances */
};

/* A product of d numbers is off by d roundings of the product of the lengths (Higham, "Accuracy and Stability of
 * Numerical Algorithms", 3.1), those of the copies, the lengths and the sums below are some more. The product of the
 * lengths is at most half the sum of their squares. */
static void choose_error(calr_pairwise_bounds *b)
{
    double d = (double)b->pairwise->d, error = (d + 24) * FLT_EPSILON / 2;
    b->less = error < 0.5 ? (float)(1 - 1.01 * error / (1 - error)) : 0;
    b->tiny = (float)(4 * (d + 4) * FLT_MIN);
    double longest = 0;
    for (int64_t i = 0; i < b->pairwise->n; i++)
        longest = fmax(longest, b->pairwise->square[i]);
    b->scale = longest > 0 ? ldexp(1, -ilogb(sqrt(longest)) - 1) : 1;
}

static void copy_scaled(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    calr_pairwise_bounds *b = context;
    const calr_pairwise *p = b->pairwise;
    for (int64_t i = begin; i < end; i++) {
        const float *row = p->x + i * p->d;
        if (p->metric == CALR_EUCLIDEAN)
            calr_row_centred(row, p->d, p->centre, b->scale, b->rows + i * p->d);
        else
            calr_row_unit(row, p->d, sqrt(p->square[i]), b->rows + i * p->d);
        b->square[i] = (float)(p->square[i] * b->scale * b->scale);
    }
}

calr_status calr_pairwise_bounds_new(const calr_pairwise *p, calr_pairwise_bounds **out)
{
    int64_t count;
    calr_pairwise_bounds *b = calr_array_zeros(1, sizeof *b);
    if (b) {
        b->pairwise = p;
        choose_error(b);
        if (!__builtin_mul_overflow(p->n, p->d, &count))
            b->rows = calr_array_new(count, sizeof *b->rows);
        b->square = calr_array_new(p->n, sizeof *b->square);
    }
    calr_status status = CALR_OK;
    if (!b || !b->rows || !b->square)
        status = calr_error(CALR_ENOMEM,
                            "out of memory for a copy of %" PRId64 " x %" PRId64 " features", p->n,
                            p->d);
    if (status == CALR_OK)
        status = calr_parallel_try(p->n, GRAIN, copy_scaled, b);
    if (status == CALR_OK)
        *out = b;
    else
        calr_pairwise_bounds_release(b);
    return status;
}

void calr_pairwise_bounds_release(calr_pairwise_bounds *b)
{
    if (!b)
        return;
    free(b->rows);
    free(b->square);
    free(b);
}

/* Turns the products of row i into bounds. */
CALR_CLONES static void bound_row(const calr_pairwise_bounds *b, int64_t i, int64_t first,
                                  int64_t count, float *products)
{
    const float *square = b->square + first;
    float own = b->square[i], less = b->less, tiny = b->tiny;
    if (b->pairwise->metric == CALR_EUCLIDEAN) {
        float back = (float)(1 / b->scale), shorter = 1 - 4 * FLT_EPSILON;
        for (int64_t c = 0; c < count; c++) {
            float apart = (own + square[c]) * less - 2 * products[c] - tiny;
            products[c] = sqrtf(apart > 0 ? apart : 0) * shorter * back;
        }
    } else
        for (int64_t c = 0; c < count; c++) {
            float apart = less - products[c] - tiny;
            products[c] = apart > 0 ? apart : 0;
        }
}

enum { BLOCK = 64 }; /* rows multiplied together */

typedef struct walk {
    const calr_pairwise_bounds *bounds;
    const calr_pairwise_visit *visit;
    float *scratch; /* [threads x BLOCK x (d + TILE)] */
} walk;

static void walk_blocks(void *context, int64_t begin, int64_t end, int worker)
{
    const walk *w = context;
    const calr_pairwise_visit *v = w->visit;
    const calr_pairwise *p = w->bounds->pairwise;
    int64_t d = p->d;
    float *copies = w->scratch + worker * BLOCK * (d + TILE), *products = copies + BLOCK * d;
    for (int64_t block = begin; block < end && block * BLOCK < v->count; block++) {
        int64_t first = block * BLOCK, rows = v->count - first < BLOCK ? v->count - first : BLOCK;
        for (int64_t r = 0; r < rows; r++)
            memcpy(copies + r * d, w->bounds->rows + v->rows[first + r] * d,
                   (size_t)d * sizeof *copies);
        for (int64_t tile = 0; tile < p->tiles && !calr_interrupt_requested(); tile++) {
            if (v->wants && !v->wants(v->context, first, first + rows, tile))
                continue;
            int64_t columns = tile_rows(p, tile);
            p->backend->gemm(false, true, rows, columns, d, 1, copies, d,
                             w->bounds->rows + tile * TILE * d, d, 0, products, TILE);
            for (int64_t r = 0; r < rows; r++) {
                bound_row(w->bounds, v->rows[first + r], tile * TILE, columns, products + r * TILE);
                v->look(v->context, first + r, tile, products + r * TILE);
            }
        }
    }
}

calr_status calr_pairwise_bounds_visit(const calr_pairwise_bounds *bounds,
                                       const calr_pairwise_visit *visit)
{
    walk w = {bounds, visit,
              calr_array_new(calr_parallel_threads() * BLOCK,
                             (size_t)(bounds->pairwise->d + TILE) * sizeof(float))};
    if (!w.scratch)
        return calr_error(CALR_ENOMEM, "out of memory for %d rows of %d products", BLOCK, TILE);
    /* One more: see pairwise.h. */
    calr_status status =
        calr_parallel_try((visit->count + BLOCK - 1) / BLOCK + 1, 1, walk_blocks, &w);
    free(w.scratch);
    return status;
}
