/* Exact nearest neighbours of the rows of a matrix.
 *
 * Products of all pairs are computed in tiles and go straight into a list of the best of each row: the full matrix
 * never exists. Against itself each pair is computed once, for both of its rows.
 *
 * Two ways. Where the processor multiplies bytes without loss (AVX-512 VNNI, AMX) and the matrix is large, the rows
 * are rounded to bytes; a bound of what that lost (knn_bytes.h) leaves a few candidates. Memory: a quarter of the input
 * and the lists of candidates, about 1.7 kB a row for k = 30. Otherwise, and where a sample of the rows has many
 * candidates (all rows nearly alike), the products are in f32, and candidates are cut off by a bound of their rounding
 * (nearest.h). Memory: a copy of the input and the lists. Which way is taken depends on the input and the processor
 * alone, and does not show in the result.
 *
 * The result is exact (docs/decisions/exact-distances.md): candidates are measured in double
 * precision on the rows as given. The order is total: nearest first, equal ones by lowest row
 * number. It is the same for any number of threads, and the number of a pair depends on nothing but
 * its two rows. Where a great many rows compete for the last places, all of them are measured: rows
 * that are all nearly alike take about ten times as long. */
#ifndef CALR_NEIGHBOURS_KNN_H
#define CALR_NEIGHBOURS_KNN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef enum calr_metric {
    /* The cosine of the angle, -1 .. 1, rounded to f32, in which equal ones are ties; rows of any length.
     * A row of zeros has similarity 0 to every row, itself included. */
    CALR_COSINE,
    /* The length of the difference; the order is that of the lengths in double precision. */
    CALR_EUCLIDEAN
} calr_metric;

/* Neighbours of each of the n rows of x[n x d].
 *   base[m x d]     where the neighbours are looked for; NULL: x itself
 *   include_self    only when base is NULL: true puts every row at the head of its own list, before
 *                   rows that equal it (the way this field counts: k = 15 is the row and 14 others);
 *                   false leaves it out
 *   indices[n x k]  row numbers from 0
 *   values[n x k]   similarities (descending) or distances (ascending)
 * CALR_EINVAL: k < 1, or more neighbours than there are rows; d < 1; CALR_ENUMERIC names the first row
 * that holds a NaN or an infinity; CALR_ENOMEM. On failure indices and values are undefined. */
calr_status calr_knn(const float *x, int64_t n, const float *base, int64_t m, int64_t d, int64_t k,
                     calr_metric metric, bool include_self, int32_t *indices, float *values);

/* The row with the least cosine to each of the n >= 1 rows of x[n x d], the lowest of equal ones: indices[n] and the
 * cosines, values[n]; the row itself only where there is no other. Errors as above. */
calr_status calr_knn_farthest(const float *x, int64_t n, int64_t d, int32_t *indices,
                              float *values);

#endif
