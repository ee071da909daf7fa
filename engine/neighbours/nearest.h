/* What the searches for neighbours share, exact (knn.h) and approximate (ivf.h): the lengths of rows, and the list
 * of the best candidates of a row. */
#ifndef CALR_NEIGHBOURS_NEAREST_H
#define CALR_NEIGHBOURS_NEAREST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum {
    CALR_NEAREST_SPARE =
        16 /* euclidean candidates beyond k, against the rounding of their first measure */
};

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
    int64_t at = keep - 1;
    if (score < scores[at] || (score == scores[at] && candidate > rows[at]))
        return;
    for (; at > 0 &&
           (scores[at - 1] < score || (scores[at - 1] == score && rows[at - 1] > candidate));
         at--) {
        scores[at] = scores[at - 1];
        rows[at] = rows[at - 1];
    }
    scores[at] = score;
    rows[at] = candidate;
}

/* Sorts `count` rows of base[m x d] by their exact distance from x[d], written to exact[count]. */
void calr_nearest_measure(const float *x, const float *base, int64_t d, int64_t count,
                          int32_t *rows, double *exact);

/* A cosine brought back into -1 .. 1: rounding must not separate what is equal, nor leave the range. */
static inline float calr_cosine_clip(float score)
{
    return score > 1 ? 1 : score < -1 ? -1 : score;
}

#endif
