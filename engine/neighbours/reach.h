/* The spanning tree of mutual reachability (Campello, Moulavi and Sander, "Density-based clustering based on
 * hierarchical density estimates", PAKDD 2013) of the rows of a matrix, without the matrix of their distances.
 *
 * Boruvka: in each round the shortest link that leaves it is found for every group, all distances being
 * computed again in tiles, and the groups at its ends become one; the number of groups halves at least.
 * Links are ordered by length, then by their rows, so that no round closes a circle. Time: n^2 d for
 * each of at most log2 n rounds and one for the core distances; memory: a copy of the rows, and some
 * numbers for each. */
#ifndef CALR_NEIGHBOURS_REACH_H
#define CALR_NEIGHBOURS_REACH_H

#include <stdint.h>

#include "base/status.h"
#include "neighbours/knn.h"

/* An edge of the tree, between rows a and b. */
typedef struct calr_link {
    int32_t a, b;
    double length;
} calr_link;

/* links[n - 1]: in any order; their lengths are those that calr_pairwise_all's distances give, bit by bit.
 * others >= 0: neighbours besides the row itself, the last of which gives the core distance. n >= 1. Errors as for
 * calr_pairwise_new. The same for any number of threads. */
calr_status calr_reach_span(const float *x, int64_t n, int64_t d, calr_metric metric,
                            int64_t others, calr_link *links);

#endif
