/* The Jaccard distance of k-reciprocal neighbours: Zhong, Zheng, Cao, Li, "Re-ranking person
 * re-identification with k-reciprocal encoding", CVPR 2017, sections 3.2 - 3.4, in the form that
 * unsupervised re-identification uses (no mix with the original distance).
 *
 * For rows x_i, rank(i) is the list of rows by falling cosine, i itself first, ties by lowest number:
 *   R(i, k)   the j among the first entries of rank(i) that have i among the first entries of rank(j)
 *             (eq. 2)
 *   R*(i)     R(i, k1), and R(j, h) for every j of R(i, k1) for which more than two thirds of R(j, h)
 *             lie in R(i, k1); h = k1 / 2 rounded half to even (eq. 3)
 *   V_i       the weights exp(-(2 - 2 cos(i, j))) of the j in R*(i), divided by their sum; 0 elsewhere
 *             (eq. 7)
 *   V_i       replaced by the mean of V over the first k2 of rank(i) (eq. 11)
 *   J(i, j)   1 - m / (2 - m), m = sum over c of min(V_i(c), V_j(c)) (eq. 10, for vectors of sum 1)
 *
 * V and J are sparse: J is 1 wherever the two have no common support. Memory and time grow with n
 * times the number of neighbours, apart from the neighbour search (n^2 d). */
#ifndef CALR_NEIGHBOURS_JACCARD_H
#define CALR_NEIGHBOURS_JACCARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "neighbours/csr.h"

typedef struct calr_jaccard_options {
    int64_t k1; /* 1 .. ; entries of rank(i) that R(i, k1) looks at, i itself counted. Usual: 30 */
    int64_t k2; /* 1 .. k1; 1 leaves the expansion of V out. Usual: 6 */
    /* The field's code looks at k1 entries for R(i, k1) (false). The paper's definition looks at k1
     * + 1: i and k1 others (true). R(j, h) looks at h + 1 entries in both. */
    bool exact_reciprocal;
    /* Pairs farther apart are left out, as if at 1: what DBSCAN with this eps never looks at, and most of the matrix.
     * 0: all pairs below 1 are there. calr_jaccard only. */
    float within;
} calr_jaccard_options;

/* J of the rows of x[n x d] as an n x n CSR of the pairs that share support (J < 1), symmetric bit by
 * bit, with the diagonal (0). 8 bytes a pair, little more while it is made. The rows need not be of
 * length 1; a row of zeros has cosine 0 to all. rank(i) has n entries at most: where k1, h + 1 or k2 ask
 * for more, all rows count. The same bits for any number of threads. CALR_EINVAL: no rows; k1, k2 or
 * `within` out of range; CALR_ENUMERIC names a row with a NaN or an infinity; CALR_ENOMEM. Release with
 * calr_csr_release. */
calr_status calr_jaccard(const float *x, int64_t n, int64_t d, const calr_jaccard_options *options,
                         calr_csr **out);

/* V itself, after the mean over k2 neighbours, as an n x n CSR: for distances between some of the
 * rows only. scale[n] (or NULL: 1) divides the squared distances of row i before the exponential;
 * the published re-ranking code divides by the largest of the row. Errors as above. */
calr_status calr_jaccard_weights(const float *x, int64_t n, int64_t d,
                                 const calr_jaccard_options *options, const float *scale,
                                 calr_csr **out);

#endif
