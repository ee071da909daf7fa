/* Connected components: what is joined by any chain of links. The cheapest clustering there is, and the
 * one that is most easily led astray by one wrong link. By union and find: O(links). */
#ifndef CALR_CLUSTER_COMPONENTS_H
#define CALR_CLUSTER_COMPONENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "cluster/distance.h"

/* Of a graph, n x n: nodes i and j are joined when (i, j) or (j, i) is stored (mutual: both are),
 * whatever the values. labels[n]: numbered by first appearance; components of fewer than min_size nodes
 * are outliers (-1). *clusters (or NULL): how many are left. CALR_EINVAL: not square; CALR_ENOMEM. */
calr_status calr_components(const calr_csr *graph, bool mutual, int64_t min_size, int32_t *labels,
                            int64_t *clusters);

/* Of distances: i and j are joined when they are at most `most` apart (compared in f32): DBSCAN with
 * min_samples = 1. CALR_EINVAL: `most` is negative or NaN. */
calr_status calr_components_of_distance(const calr_distance *distance, double most,
                                        int64_t min_size, int32_t *labels, int64_t *clusters);

#endif
