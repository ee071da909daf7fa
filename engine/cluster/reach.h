/* The spanning tree of mutual reachability (hdbscan.h) of the rows of a matrix, without the matrix of their distances.
 * Internal to cluster/.
 *
 * Boruvka: in each round the shortest link that leaves it is found for every group, all distances being computed again
 * in tiles, and the groups at its ends become one; the number of groups halves at least. Links are ordered by length,
 * then by their rows, so that no round closes a circle. Time: n^2 d for each of at most log2 n rounds and one for the core
 * distances; memory: a copy of the rows, and some numbers for each. */
#ifndef CALR_CLUSTER_REACH_H
#define CALR_CLUSTER_REACH_H

#include <stdint.h>

#include "base/status.h"
#include "cluster/hdbscan.h"
#include "cluster/linkage.h"

/* merges[n - 1]: the links in any order; their lengths are those that calr_pairwise_all's distances give, bit by bit.
 * others >= 0: neighbours besides the row itself, the last of which gives the core distance. n >= 1. Errors as for
 * calr_pairwise_new. The same for any number of threads. */
calr_status calr_reach_span(const float *x, int64_t n, int64_t d, calr_metric metric,
                            int64_t others, calr_merge *merges);

/* calr_hdbscan_features, with all distances in memory where they take no more than most_bytes. */
calr_status calr_hdbscan_features_by(double most_bytes, const float *x, int64_t n, int64_t d,
                                     calr_metric metric, const calr_hdbscan_options *options,
                                     int32_t *labels, float *probabilities, float *outliers,
                                     int64_t *clusters);

#endif
