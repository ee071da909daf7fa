/* The spanning tree of mutual reachability (Campello, Moulavi and Sander, "Density-based clustering based on
 * hierarchical density estimates", PAKDD 2013) of the rows of a matrix, without the matrix of their distances.
 *
 * Boruvka, from the lists of the nearest neighbours of all rows (reach_lists.h): in each round a group of rows joins
 * the one at the other end of the shortest link that leaves it. The lists decide which link that is where it is no
 * longer than what they leave out. Where they do not suffice, the rows whose lists are too short are searched among all
 * others, by bounds of the distances from products in f32, and what a search found or excluded holds for later rounds.
 * The tree is exact: one of those of least length. Links of equal length make no difference to who is together below
 * any height. Time: that of the search for neighbours where rows are neighbours of many others; n^2 d for each of at
 * most 2 log2 n rounds where they are in groups far apart. Memory: two copies of the rows, and some numbers for each
 * neighbour. */
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
 * others >= 0: neighbours besides the row itself, the last of which gives the core distance. n >= 1. most: neighbours
 * of all rows together that are held at a time; 0: 2^26, half a GB. Errors as for calr_pairwise_new. The same for any
 * number of threads. */
calr_status calr_reach_span(const float *x, int64_t n, int64_t d, calr_metric metric,
                            int64_t others, int64_t most, calr_link *links);

#endif
