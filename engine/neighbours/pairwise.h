/* Distances between the rows of a matrix of features, some rows against all at a time or all at once.
 *
 * All of them are exact (docs/decisions/exact-distances.md): in f32, what calr_rows_distance measures on the two rows
 * as given, in double precision, rounded once; cosine distances 1 - a.b / sqrt(a.a b.b) likewise. They come from
 * products in double precision, and where a product's own rounding could change the f32 number, or the rows are near
 * each other, the pair is measured directly. So the distance of a pair depends on nothing but its two rows, is the same
 * whichever comes first, and equal rows are at exactly 0. In double a distance is exact where the numbers of the rows
 * are whole ones (or a grid of powers of two), and elsewhere within a part in 10^10.
 * Cosine distance is 0 .. 2; a row of zeros has cosine 0 to all. */
#ifndef CALR_NEIGHBOURS_PAIRWISE_H
#define CALR_NEIGHBOURS_PAIRWISE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "neighbours/knn.h"

enum { CALR_PAIRWISE_ROWS = 256 };

typedef struct calr_pairwise calr_pairwise;

/* Prepares x[n x d] (borrowed until the release). CALR_EINVAL: d < 1; CALR_ENUMERIC names the first row with a NaN, an
 * infinity or numbers whose squares overflow f32 together; CALR_ENOMEM. */
calr_status calr_pairwise_new(const float *x, int64_t n, int64_t d, calr_metric metric,
                              calr_pairwise **out);
void calr_pairwise_release(calr_pairwise *pairwise); /* NULL is allowed */

/* Numbers of scratch memory that one thread needs in the calls below. Make them inside a calr_parallel_try of two
 * chunks or more: there a product has one thread, and the same bits come out for any number of threads. */
int64_t calr_pairwise_scratch(const calr_pairwise *pairwise);

/* out[count x n] = distances of rows which[count] (at most CALR_PAIRWISE_ROWS) to all, 0 to themselves; once a stop was
 * requested, the rest of `out` is left unchanged. */
void calr_pairwise_rows(const calr_pairwise *pairwise, const int64_t *which, int64_t count,
                        double *scratch, double *out);

/* out[CALR_PAIRWISE_ROWS x CALR_PAIRWISE_ROWS] = distances between the rows of two tiles, numbered
 * from 0, row <= column; in f32 those that calr_pairwise_all gives. What lies past the last row is
 * undefined. */
void calr_pairwise_tile(const calr_pairwise *pairwise, int64_t row, int64_t column, double *scratch,
                        float *out);
void calr_pairwise_tile_double(const calr_pairwise *pairwise, int64_t row, int64_t column,
                               double *scratch, double *out);

/* The distance of two rows in double. */
double calr_pairwise_measure(const calr_pairwise *pairwise, int64_t i, int64_t j);

/* Lower bounds of distances from products in f32, which take half the time: for those who need few of the distances and
 * know which from a bound. Takes a copy of the rows in f32; borrows `pairwise`. CALR_ENOMEM, CALR_EINTERRUPTED. */
typedef struct calr_pairwise_bounds calr_pairwise_bounds;
calr_status calr_pairwise_bounds_new(const calr_pairwise *pairwise, calr_pairwise_bounds **out);
void calr_pairwise_bounds_release(calr_pairwise_bounds *bounds); /* NULL is allowed */

/* What to do with them. Rows are given by their place in a list. */
typedef struct calr_pairwise_visit {
    const int32_t *rows;
    int64_t count;
    /* NULL, or whether the rows at begin .. end-1 of the list want the bounds of a tile. */
    bool (*wants)(void *context, int64_t begin, int64_t end, int64_t tile);
    /* bounds[CALR_PAIRWISE_ROWS]: numbers no larger than the distances in f32 of rows[at] to those of a tile, undefined
     * for the row itself and past the last row. It may overwrite them. One thread has all tiles of a row, in ascending
     * order. */
    void (*look)(void *context, int64_t at, int64_t tile, float *bounds);
    void *context;
} calr_pairwise_visit;

/* The bounds of some rows against all: the same ones for any number of threads. CALR_ENOMEM, CALR_EINTERRUPTED. */
calr_status calr_pairwise_bounds_visit(const calr_pairwise_bounds *bounds,
                                       const calr_pairwise_visit *visit);

/* All of them: out[n x n]. Errors as for calr_pairwise_new. */
calr_status calr_pairwise_all(const float *x, int64_t n, int64_t d, calr_metric metric, float *out);

#endif
