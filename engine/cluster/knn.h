/* Exact nearest neighbours of the rows of a matrix.
 *
 * Similarities are computed in tiles by the backend's matrix product and go straight into a list of
 * the best k of each row: the full matrix never exists. Memory: a copy of the input and the lists.
 *
 * The order is total: nearest first, equal ones by lowest row number. Tiles have one fixed shape,
 * each computed by one thread, so the result is the same for any number of threads, and equal rows
 * give equal numbers. */
#ifndef CALR_CLUSTER_KNN_H
#define CALR_CLUSTER_KNN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef enum calr_metric {
    /* The cosine of the angle, -1 .. 1, in f32; rows of any length: the product is of unit copies.
     * A row of zeros has similarity 0 to every row, itself included. */
    CALR_COSINE,
    /* The length of the difference. k candidates and 16 more are found with f32 products of the
     * centred rows, then measured exactly (double) on the rows as given, and the k nearest of them
     * are returned. Only where more than 16 rows compete for the last places with distances that
     * differ by less than the rounding of those products may one stand for another. */
    CALR_EUCLIDEAN
} calr_metric;

/* Neighbours of each of the n rows of x[n x d].
 *   base[m x d]   where the neighbours are looked for; NULL: x itself
 *   include_self  only when base is NULL: true puts every row at the head of its own list, before
 * rows that equal it (the way this field counts: k = 15 is the row and 14 others); false leaves it
 * out indices[n x k], values[n x k]  row numbers from 0, and similarities (descending) or distances
 * (ascending) CALR_EINVAL: k < 1, or more neighbours than there are rows; d < 1; CALR_ENUMERIC
 * names the first row that holds a NaN or an infinity; CALR_ENOMEM. On failure indices and values
 * are undefined. */
calr_status calr_knn(const float *x, int64_t n, const float *base, int64_t m, int64_t d, int64_t k,
                     calr_metric metric, bool include_self, int32_t *indices, float *values);

#endif
