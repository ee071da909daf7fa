/* Distances between n things, as clustering reads them: sparse or dense.
 *
 * A sparse one holds the pairs that are near; what it does not hold is at distance 1, the most that
 * a Jaccard distance can be. A dense one is n x n. Both are symmetric; the diagonal is never read:
 * a thing is at distance 0 from itself. This struct borrows; it is passed by value or by const
 * pointer and needs no release. */
#ifndef CALR_CLUSTER_DISTANCE_H
#define CALR_CLUSTER_DISTANCE_H

#include <stdint.h>

#include "base/status.h"
#include "neighbours/csr.h"

typedef struct calr_distance {
    int64_t n;
    const calr_csr *sparse; /* n x n, values 0 .. 1; or NULL */
    const float *dense;     /* [n x n]; or NULL */
} calr_distance;

/* Views. The first trusts its argument, which must be what calr_jaccard made or what
 * calr_distance_check accepts. */
calr_distance calr_distance_of_csr(const calr_csr *csr);
calr_distance calr_distance_of_dense(const float *values, int64_t n);

/* CALR_EINVAL: not square, a negative distance, a sparse one above 1, or (i, j) and (j, i) that
 * differ by more than rounding (1e-4 of the larger); CALR_ENUMERIC: NaN or infinity. The message
 * names the pair. Reads everything. */
calr_status calr_distance_check(const calr_distance *distance);

/* Between i and j, from 0, in range; 0 when they are the same. */
float calr_distance_get(const calr_distance *distance, int64_t i, int64_t j);

/* Row i as n numbers; row[i] = 0. */
void calr_distance_row(const calr_distance *distance, int64_t i, float *row);

/* All of it: out[n x n]. CALR_EINTERRUPTED. */
calr_status calr_distance_fill(const calr_distance *distance, float *out);

#endif
