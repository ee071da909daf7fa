/* Agglomerative clustering: merge the two nearest clusters, again and again.
 *
 * Average linkage (UPGMA), complete linkage and Ward's by chains of nearest neighbours (Murtagh 1983;
 * Muellner, "Modern hierarchical, agglomerative clustering algorithms", 2011): O(n^2) time, and the
 * one place of the engine that holds all pairs: 4 n^2 bytes (a triangle of doubles; 670 MB for
 * 13,000 things), and 8 n^2 up to 4,096 things (a square, which is faster). Single linkage by Prim's
 * spanning tree: O(n^2) time, O(n) memory. Merge heights are those of SciPy's linkage(); which of
 * several equally near pairs goes first follows the lower number. Runs in one thread but for filling
 * the triangle. */
#ifndef CALR_CLUSTER_LINKAGE_H
#define CALR_CLUSTER_LINKAGE_H

#include <stdint.h>

#include "base/status.h"
#include "cluster/distance.h"
#include "neighbours/knn.h"

typedef enum calr_linkage_method {
    CALR_LINKAGE_AVERAGE,  /* mean distance of all pairs between two clusters */
    CALR_LINKAGE_COMPLETE, /* the largest */
    CALR_LINKAGE_SINGLE,   /* the smallest */
    /* What merging adds to the sum of squared distances to the centroids, as SciPy has it:
     * sqrt(2 a b / (a + b)) times the distance of the centroids of a and b things (Ward, "Hierarchical
     * grouping to optimize an objective function", JASA 58, 1963; Ward2 in Murtagh and Legendre, 2014).
     * Of distances other than euclidean ones it is a formula without that meaning. */
    CALR_LINKAGE_WARD
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

/* The same of the distances between the rows of x[n x d] (pairwise.h), without a matrix of them beside the
 * triangle; single linkage needs the triangle too. CALR_ENUMERIC names a row that is not finite. */
calr_status calr_linkage_features(const float *x, int64_t n, int64_t d, calr_metric metric,
                                  calr_linkage_method method, calr_merge *merges);

/* The tree in the numbering of SciPy: things are 0 .. n-1, the cluster that merge m makes is n + m.
 * left[n - 1] < right[n - 1]: the two that it merges; sizes[n - 1]: things in what comes out. CALR_EINVAL:
 * n < 1; CALR_ENOMEM. */
calr_status calr_linkage_tree(const calr_merge *merges, int64_t n, int32_t *left, int32_t *right,
                              int32_t *sizes);

/* How many merges lead to `clusters` clusters (>= 1), or, when clusters is 0, are below `threshold` (as
 * scikit-learn's distance_threshold): *count. CALR_EINVAL: more clusters than things, n < 1, or a NaN. */
calr_status calr_linkage_count(const calr_merge *merges, int64_t n, int64_t clusters,
                               double threshold, int64_t *count);

/* Labels after the first `count` merges: labels[n], numbered by first appearance. count is 0 .. n
 * - 1. */
calr_status calr_linkage_cut(const calr_merge *merges, int64_t n, int64_t count, int32_t *labels);

/* Both at once. clusters >= 1: exactly that many. clusters 0: merges happen while their height is
 * below `threshold` (as scikit-learn's distance_threshold). *found: how many there are; may be
 * NULL. CALR_EINVAL: more clusters than things, or a NaN as threshold. */
calr_status calr_agglomerative(const calr_distance *distance, calr_linkage_method method,
                               int64_t clusters, double threshold, int32_t *labels, int64_t *found);

#endif
