/* Agglomerative clustering by chains of nearest neighbours, on the distances of all pairs. Internal to
 * cluster/: linkage.h is what others use. */
#ifndef CALR_CLUSTER_LINKAGE_CHAINS_H
#define CALR_CLUSTER_LINKAGE_CHAINS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "cluster/linkage.h"

/* Up to so many things the pairs stand in a square, whose rows are read in order: twice as large (134
 * MB at most) and several times as fast. The square is a block of the pool, since stage 1 asks for one
 * in every epoch, and the system's pages take longer to come than the work on them. */
#define CALR_PAIRS_SQUARE 4096

typedef struct calr_pairs {
    int64_t n;
    bool square;    /* [n x n]; otherwise pairs i < j, row by row */
    double *values; /* the diagonal of a square is not looked at */
} calr_pairs;

/* Where row i would have its column 0: the pair (i, j), i < j, is at + j. */
static inline double *calr_pairs_row(const calr_pairs *p, int64_t i)
{
    return p->values + (p->square ? i * p->n : i * (2 * p->n - i - 1) / 2 - i - 1);
}

static inline double *calr_pair(const calr_pairs *p, int64_t i, int64_t j)
{
    return i < j ? calr_pairs_row(p, i) + j : calr_pairs_row(p, j) + i;
}

/* Values for n things, undefined as yet. CALR_ENOMEM. */
calr_status calr_pairs_new(int64_t n, calr_pairs *out);
void calr_pairs_free(calr_pairs *pairs);

/* The merges as they are found: merges[n - 1], not yet in the order of their heights. Average, complete
 * or Ward's linkage. The pairs are overwritten. CALR_ENOMEM. */
calr_status calr_linkage_chains(calr_pairs *pairs, calr_linkage_method method, calr_merge *merges);

#endif
