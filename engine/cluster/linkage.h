/* Agglomerative clustering: merge the two nearest clusters, again and again.
 *
 * Average linkage (UPGMA) and complete linkage by chains of nearest neighbours (Murtagh 1983;
 * Muellner, "Modern hierarchical, agglomerative clustering algorithms", 2011): O(n^2) time, and the
 * one place of the engine that holds all pairs: 4 n^2 bytes (a triangle of doubles; 670 MB for
 * 13,000 things). Single linkage by Prim's spanning tree: O(n^2) time, O(n) memory. Merge heights
 * are those of SciPy's linkage(); which of several equally near pairs goes first follows the lower
 * number. Runs in one thread but for filling the triangle. */
#ifndef CALR_CLUSTER_LINKAGE_H
#define CALR_CLUSTER_LINKAGE_H

#include <stdint.h>

#include "base/status.h"
#include "cluster/distance.h"

typedef enum calr_linkage_method {
    CALR_LINKAGE_AVERAGE,  /* mean distance of all pairs between two clusters */
    CALR_LINKAGE_COMPLETE, /* the largest */
    CALR_LINKAGE_SINGLE    /* the smallest */
} calr_linkage_method;

/* One merge: of the cluster that then holds a with the one that holds b. */
typedef struct calr_merge {
    int32_t a, b;
    double height;
} calr_merge;

/* The n - 1 merges in the order of their heights: merges[n - 1]. CALR_EINVAL: n < 1; CALR_ENOMEM.
 */
calr_status calr_linkage(const calr_distance *distance, calr_linkage_method method,
                         calr_merge *merges);

/* Labels after the first `count` merges: labels[n], numbered by first appearance. count is 0 .. n
 * - 1. */
calr_status calr_linkage_cut(const calr_merge *merges, int64_t n, int64_t count, int32_t *labels);

/* Both at once. clusters >= 1: exactly that many. clusters 0: merges happen while their height is
 * below `threshold` (as scikit-learn's distance_threshold). *found: how many there are; may be
 * NULL. CALR_EINVAL: more clusters than things, or a NaN as threshold. */
calr_status calr_agglomerative(const calr_distance *distance, calr_linkage_method method,
                               int64_t clusters, double threshold, int32_t *labels, int64_t *found);

#endif
