/* What the search by bytes consists of: rows as bytes with a bound of what that lost, and lists of the candidates
 * that the bound leaves. Internal to cluster/.
 *
 * A row x (of length 1 for cosines; centred and scaled so that the longest has length 1 for euclidean distances) is
 * written as s q + e, q whole numbers -127 .. 127. By Cauchy and Schwarz the product of two rows differs from
 * s s' q.q' by no more than |e'| + |e| (1 + |e'|) <= r + r', r = |e| + |e|^2 / 2: the score of a pair (cosine, or
 * x.y - |y|^2 / 2) lies within r + r' of what the bytes say. The k-th best lower bound of a row excludes all pairs
 * whose upper bound stays below it; the others are measured in double precision on the rows as given. So no
 * neighbour is lost, and which pairs were measured does not show in the result. */
#ifndef CALR_NEIGHBOURS_KNN_BYTES_H
#define CALR_NEIGHBOURS_KNN_BYTES_H

#include "base/status.h"
#include "neighbours/knn_internal.h"
#include "neighbours/nearest.h"

/* Added to every r: the rounding of scores and bounds, all of which are below 4, in f32, and of cosines to f32. */
#define CALR_BYTES_SLACK 2e-6f

typedef struct calr_bytes {
    int64_t n;
    int8_t *q;     /* [n x d] */
    float *scale;  /* [n] s */
    float *radius; /* [n] r, with the slack */
    float *half;   /* [n] |x|^2 / 2; 0 for cosines */
} calr_bytes;

calr_status calr_bytes_new(const calr_knn_task *task, const float *rows, int64_t n,
                           const double *length, calr_bytes *out);
void calr_bytes_release(calr_bytes *bytes);

typedef struct calr_candidate {
    float score; /* by the bytes, less `half` of the candidate */
    int32_t row;
} calr_candidate;

/* A number that at least k of the `count` >= k given ones reach, and hardly more: the k-th largest, or a little less.
 * Found by halving, which vectors do faster than a selection. */
float calr_bound_of(const float *lower, int64_t count, int64_t k);

/* That of the lower bounds of a list, less the row's own radius. scratch[count]. */
float calr_candidates_bound(const calr_candidate *list, int64_t count, const float *radius,
                            int64_t k, float *scratch);

/* Keeps those that can still be among the k best (score + radius >= bound - own radius); returns how many. */
int64_t calr_candidates_keep(calr_candidate *list, int64_t count, const float *radius, float least);

/* Measures candidates of row i, those that can come first first, until no other can be among the `keep` best, and
 * writes the row's neighbours. best[keep] is scratch. Reorders the list. */
void calr_candidates_measure(const calr_knn_task *task, const calr_bytes *base, int64_t i,
                             float own_radius, calr_candidate *list, int64_t count, int64_t keep,
                             calr_measured *best);

#endif
