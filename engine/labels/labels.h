/* Arithmetic on labels: the vocabulary in which refinement rules are written.
 *
 * A labelling is i32[n]: the cluster of each image, 0-based, -1 for an outlier. "Groups" are any
 * other labelling of the same images (cameras, local clusters). All functions are pure, O(n), and
 * give the same result everywhere. Buffers are the caller's. Thread-safe. */
#ifndef CALR_LABELS_LABELS_H
#define CALR_LABELS_LABELS_H

#include <stdint.h>

#include "base/status.h"

/* Largest label + 1. CALR_EINVAL names the first label below -1, or so large that it cannot be a
 * cluster number of n images (>= 2^30). */
calr_status calr_labels_clusters(const int32_t *labels, int64_t n, int64_t *clusters);

/* Numbers clusters by first appearance and makes clusters of fewer than min_size images outliers.
 * `out` may be `labels`. *clusters: how many are left. */
calr_status calr_labels_canonical(const int32_t *labels, int64_t n, int64_t min_size, int32_t *out,
                                  int64_t *clusters);

/* One label for each pair (a, b) that occurs, by first appearance; -1 where either is -1. */
calr_status calr_labels_pair(const int32_t *a, const int32_t *b, int64_t n, int32_t *out,
                             int64_t *clusters);

/* Images of each cluster: counts[clusters]. Labels must be below `clusters` (calr_labels_clusters).
 */
void calr_labels_count(const int32_t *labels, int64_t n, int64_t clusters, int64_t *counts);

/* The rows of each cluster in ascending order: rows[start[c]] .. rows[start[c + 1] - 1] for cluster c. Outliers, and
 * labels from `clusters` on, are left out. start[clusters + 1]; rows[n], n <= INT32_MAX. */
void calr_labels_members(const int32_t *labels, int64_t n, int64_t clusters, int64_t *start,
                         int32_t *rows);

/* For each cluster the row of its member with the highest score; the first of equals; -1 for an
 * empty cluster. NaN never wins. */
void calr_labels_argmax(const int32_t *labels, const float *scores, int64_t n, int64_t clusters,
                        int64_t *rows);

/* For each cluster the last row, in index order, whose score exceeds the threshold; -1 when none
 * does. */
void calr_labels_last_above(const int32_t *labels, const float *scores, int64_t n, double threshold,
                            int64_t clusters, int64_t *rows);

/* For each cluster the entropy (natural logarithm) of the distribution of its members over the
 * groups; members of group -1 do not count; 0 for an empty cluster. */
calr_status calr_labels_entropy(const int32_t *labels, const int32_t *groups, int64_t n,
                                int64_t clusters, float *entropy);

/* For each cluster the group that most of its members have; of equally common ones the one that
 * comes first in the order of the rows. Members of group -1 do not count; -1 for a cluster without
 * others. */
calr_status calr_labels_commonest(const int32_t *labels, const int32_t *groups, int64_t n,
                                  int64_t clusters, int32_t *commonest);

/* For each row the share of its neighbours that are in its cluster: of the first `count` of its k
 * entries of indices[n * k], without the row itself and without -1 (no neighbour). 0 for an outlier
 * and for a row without neighbours; outliers among the neighbours are of no cluster. CALR_EINVAL
 * for an index outside -1 .. n - 1. */
calr_status calr_labels_neighbour_share(const int32_t *labels, int64_t n, const int32_t *indices,
                                        int64_t k, int64_t count, float *share);

#endif
