/* What the searches for neighbours share, exact (knn.h) and approximate (ivf.h): the lengths of rows, the list of the
 * best candidates of a row by products in f32, and how those are settled in double precision
 * (docs/decisions/exact-distances.md). */
#ifndef CALR_NEIGHBOURS_NEAREST_H
#define CALR_NEIGHBOURS_NEAREST_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/status.h"
#include "neighbours/knn.h"

/* Candidates that a list of products keeps for k of `available` neighbours: a few more, against their rounding. */
static inline int64_t calr_nearest_keep(int64_t k, int64_t available)
{
    int64_t keep = k + k / 16 + 4;
    return k < 1 ? 0 : keep < available ? keep : available;
}

/* The mean of the n rows of x[n x d], n >= 1; 0 in columns where it is not finite. The caller frees *out. CALR_ENOMEM.
 */
calr_status calr_rows_mean(const float *x, int64_t n, int64_t d, double **out);

/* length[n] of the rows of x[n x d], or of their differences from centre[d] (NULL: none). CALR_ENUMERIC names the first
 * row of `what` that holds a NaN or an infinity; CALR_ENOMEM. */
calr_status calr_rows_measure(const float *x, int64_t n, int64_t d, const double *centre,
                              const char *what, double *length);

/* The unit copy of a row (a row of zeros stays), and the scaled copy of its difference from the centre. */
void calr_row_unit(const float *row, int64_t d, double length, float *to);
void calr_row_centred(const float *row, int64_t d, const double *centre, double scale, float *to);

/* The product and the distance of two rows, in double precision, the same whichever comes first.
 * `next` (NULL: none) is fetched from memory meanwhile: the row that comes after b. */
double calr_rows_dot(const float *a, const float *b, const float *next, int64_t d);
double calr_rows_distance(const float *a, const float *b, int64_t d);

/* Offers a row to a list of `keep` >= 1, best score first and equal ones by lowest row, empty places -INFINITY and
 * INT32_MAX. What a list holds in the end does not depend on the order of the offers. */
static inline void calr_nearest_offer(float *scores, int32_t *rows, int64_t keep, float score,
                                      int32_t candidate)
{
    int32_t at = 0; /* counted in vectors, without a branch that would be mispredicted */
    for (int64_t p = 0; p < keep; p++)
        at += (scores[p] > score) | ((scores[p] == score) & (rows[p] < candidate));
    if (at == keep)
        return;
    memmove(scores + at + 1, scores + at, (size_t)(keep - 1 - at) * sizeof *scores);
    memmove(rows + at + 1, rows + at, (size_t)(keep - 1 - at) * sizeof *rows);
    scores[at] = score;
    rows[at] = candidate;
}

/* Where a query looks for its neighbours. */
typedef struct calr_nearest {
    calr_metric metric;
    int64_t d;
    const float *base;    /* [m x d] as given */
    const double *length; /* [m] of these rows, less the centre for euclidean distances */
    double scale; /* of the copies of euclidean rows that products are made of: no longer than 1 */
} calr_nearest;

typedef struct calr_nearest_query {
    const float *row;
    double length;  /* as above */
    double shorter; /* what its copy is shortened by, and its scores with it; 1 for cosines */
} calr_nearest_query;

/* A pair measured exactly: larger keys come first, equal ones by the lowest row. Of cosines the key
 * is the cosine in f32, of euclidean distances minus the distance. */
typedef struct calr_measured {
    double key;
    int32_t row;
} calr_measured;

double calr_nearest_key(const calr_nearest *in, const calr_nearest_query *query, int64_t row,
                        const float *next);

/* Puts an item into best[keep], of which `found` are there; returns how many are then. */
int64_t calr_measured_add(calr_measured *best, int64_t found, int64_t keep, calr_measured item);

/* The least score in f32 that a row may have whose key is `key` or better: rows below it need no
 * measuring. `length`: of the row; negative: not known. Scores are cosines, or shorter (x.y - |y|^2
 * / 2) of the scaled copies. */
double calr_nearest_least(const calr_nearest *in, const calr_nearest_query *query, double key,
                          double length);

/* Measures the rows of a list, best score first, until no other can be among the k best, be it in
 * the list or, unless it holds `all` there are, left out of it because of a score no better than
 * the list's last. False: there may be others; best[k] is then the best of those in the list: k rows,
 * or all of them where the list is shorter. */
bool calr_nearest_settle(const calr_nearest *in, const calr_nearest_query *query,
                         const float *scores, const int32_t *rows, int64_t count, bool all,
                         int64_t k, calr_measured *best);

/* A cosine brought back into -1 .. 1: rounding must not separate what is equal, nor leave the range. */
static inline float calr_cosine_clip(float score)
{
    return score > 1 ? 1 : score < -1 ? -1 : score;
}

#endif
