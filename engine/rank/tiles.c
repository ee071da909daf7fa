#include "rank/tiles.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "backend/backend.h"
#include "base/clones.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"
#include "neighbours/nearest.h"

/* A tile has at most this many rows and about this many scores: large enough for the matrix product
 * to run at full speed (it rearranges the whole gallery for every tile), small enough for every thread
 * to have its own. A function of the sizes alone, never of the threads. */
enum { TILE_ROWS = 192, TILE_SCORES = 1 << 22 };

/* Squares beyond this are refused, so that no dot product of two rows can overflow. */
static const double LARGEST = 1e37;

typedef struct norm_work {
    const calr_rank_set *set;
    int64_t dim;
    float *norms;
    _Atomic int64_t bad; /* the first bad row, or the count */
} norm_work;

static CALR_CLONES double square_of(const float *row, int64_t dim)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t d = 0; d < dim; d++)
        sum += (double)row[d] * (double)row[d];
    return sum;
}

static void norm_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    norm_work *work = context;
    for (int64_t i = begin; i < end; i++) {
        double sum = square_of(work->set->features + i * work->dim, work->dim);
        if (work->norms)
            work->norms[i] = (float)(sum / 2);
        if (sum < LARGEST)
            continue;
        int64_t first = atomic_load(&work->bad);
        while (i < first && !atomic_compare_exchange_weak(&work->bad, &first, i))
            continue;
    }
}

calr_status calr_rank_norms(const char *what, const calr_rank_set *set, int64_t dim, float *norms)
{
    norm_work work = {.set = set, .dim = dim, .norms = norms};
    atomic_init(&work.bad, set->count);
    CALR_TRY(calr_parallel_try(set->count, 256, norm_rows, &work));
    int64_t bad = atomic_load(&work.bad);
    if (bad < set->count)
        return calr_error(CALR_ENUMERIC,
                          "row %" PRId64
                          " (counted from 0) of the %s features holds NaN, infinity or numbers too "
                          "large to square: no distance is defined",
                          bad, what);
    return CALR_OK;
}

typedef struct tile_work {
    const calr_backend *backend;
    const calr_rank_set *query, *gallery;
    int64_t dim, rows;
    const float *norms;
    float *scores; /* [threads x rows x gallery] */
    calr_rank_visit visit;
    void *context;
} tile_work;

/* Tiles begin .. end-1 of rows. */
static void score_tiles(void *context, int64_t begin, int64_t end, int worker)
{
    const tile_work *work = context;
    int64_t columns = work->gallery->count;
    float *scores = work->scores + (int64_t)worker * work->rows * columns;
    for (int64_t tile = begin; tile < end; tile++) {
        int64_t at = tile * work->rows, left = work->query->count - at;
        int64_t rows = left < work->rows ? left : work->rows;
        if (rows <= 0)
            continue;
        work->backend->gemm(false, true, rows, columns, work->dim, 1,
                            work->query->features + at * work->dim, work->dim,
                            work->gallery->features, work->dim, 0, scores, columns);
        for (int64_t r = 0; r < rows && !calr_interrupt_requested(); r++) {
            float *row = scores + r * columns;
            for (int64_t j = 0; j < columns; j++)
                row[j] -= work->norms[j];
            work->visit(work->context, at + r, row, worker);
        }
    }
}

calr_status calr_rank_tiles(const calr_rank_set *query, const calr_rank_set *gallery, int64_t dim,
                            const float *norms, calr_rank_visit visit, void *context)
{
    tile_work work = {.query = query,
                      .gallery = gallery,
                      .dim = dim,
                      .norms = norms,
                      .visit = visit,
                      .context = context};
    CALR_TRY(calr_backend_get(&work.backend));
    if (query->count == 0 || gallery->count == 0)
        return CALR_OK;
    work.rows = TILE_SCORES / gallery->count;
    work.rows = work.rows < 1 ? 1 : work.rows > TILE_ROWS ? TILE_ROWS : work.rows;
    size_t scores;
    if (calr_size_mul((size_t)work.rows * (size_t)calr_parallel_threads(), (size_t)gallery->count,
                      &scores))
        work.scores = calr_array_new((int64_t)scores, sizeof *work.scores);
    if (!work.scores)
        return calr_error(CALR_ENOMEM, "no memory to rank a gallery of %" PRId64, gallery->count);
    /* One tile more than there are: a single one too must run inside the team, where a product has
     * one thread. */
    int64_t tiles = (query->count + work.rows - 1) / work.rows;
    calr_status status = calr_parallel_try(tiles + 1, 1, score_tiles, &work);
    free(work.scores);
    return status;
}

/* ---- what scores cannot tell apart ---- */

calr_rank_exact calr_rank_exact_make(const calr_rank_set *query, const calr_rank_set *gallery,
                                     int64_t dim, const float *norms)
{
    calr_rank_exact exact = {query, gallery, dim, norms, 0};
    for (int64_t j = 0; j < gallery->count; j++)
        exact.longest = norms[j] > exact.longest ? norms[j] : exact.longest;
    return exact;
}

/* As in neighbours/nearest.c: the sum of d products is off by d roundings of the product of the lengths at most. */
calr_rank_margin calr_rank_margin_make(const calr_rank_exact *exact, int64_t i)
{
    const float *row = exact->query->features + i * exact->dim;
    double rounding = 1.01 * FLT_EPSILON / 2, d = (double)exact->dim;
    calr_rank_margin margin = {.own = calr_rows_dot(row, row, NULL, exact->dim)};
    margin.a = (d + 8) * rounding * sqrt(margin.own);
    margin.b = 4 * rounding;
    margin.c = 1e-14 * margin.own + d * 4 * (double)FLT_MIN;
    margin.widest = calr_rank_margin_of(&margin, exact->longest);
    return margin;
}

double calr_rank_margin_of(const calr_rank_margin *margin, float norm)
{
    double square = 2 * (double)norm;
    return margin->a * sqrt(square) * (1 + 1e-6) + margin->b * square + margin->c;
}

double calr_rank_distance(const calr_rank_exact *exact, int64_t i, int64_t j)
{
    return calr_rows_distance(exact->query->features + i * exact->dim,
                              exact->gallery->features + j * exact->dim, exact->dim);
}
