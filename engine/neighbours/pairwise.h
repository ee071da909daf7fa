/* Distances between the rows of a matrix of features, some rows against all at a time or all at once.
 *
 * Products of fixed shape by the backend, each by one thread, so that the same bits come out for any
 * number of threads. The rows of euclidean distances are centred first, and pairs so near that rounding
 * would show (less than 1/30 of their lengths apart) are measured again in double: equal rows are at
 * exactly 0. Cosine distance is 1 - cos, 0 .. 2; a row of zeros has cosine 0 to all. */
#ifndef CALR_NEIGHBOURS_PAIRWISE_H
#define CALR_NEIGHBOURS_PAIRWISE_H

#include <stdint.h>

#include "base/status.h"
#include "neighbours/knn.h"

enum { CALR_PAIRWISE_ROWS = 256 };

typedef struct calr_pairwise calr_pairwise;

/* Prepares x[n x d] (borrowed until the release): a copy of it is made. CALR_EINVAL: d < 1;
 * CALR_ENUMERIC names the first row with a NaN, an infinity or numbers whose squares overflow f32
 * together; CALR_ENOMEM. */
calr_status calr_pairwise_new(const float *x, int64_t n, int64_t d, calr_metric metric,
                              calr_pairwise **out);
void calr_pairwise_release(calr_pairwise *pairwise); /* NULL is allowed */

/* Numbers of scratch memory that one thread needs. */
int64_t calr_pairwise_scratch(const calr_pairwise *pairwise);

/* out[count x n] = distances of rows which[count] (at most CALR_PAIRWISE_ROWS) to all, 0 to themselves.
 * Call it inside a calr_parallel_for of two chunks or more: there a product has one thread. */
void calr_pairwise_rows(const calr_pairwise *pairwise, const int64_t *which, int64_t count,
                        float *scratch, float *out);

/* out[CALR_PAIRWISE_ROWS x CALR_PAIRWISE_ROWS] = distances between the rows of two tiles of so many, counted from 0,
 * row <= column: those that calr_pairwise_all gives. What lies past the last row is undefined. In a body, as above. */
void calr_pairwise_tile(const calr_pairwise *pairwise, int64_t row, int64_t column, float *out);

/* All of them, symmetric bit by bit: out[n x n]. Errors as for calr_pairwise_new. */
calr_status calr_pairwise_all(const float *x, int64_t n, int64_t d, calr_metric metric, float *out);

#endif
