/* Matching the clusters of two labellings: the assignment, one to one, that has most images in common.
 *
 * Kuhn, "The Hungarian method for the assignment problem", 1955, by shortest augmenting paths
 * (Jonker and Volgenant 1987; Crouse, "On implementing 2D rectangular assignment algorithms", IEEE
 * TAES 52, 2016) on the pairs of clusters that share an image: exact, and all in integers. O(n log n)
 * for n images to count them, then at most clusters x pairs x log(pairs) steps: far from the cube of
 * the number of clusters where labellings are alike. Deterministic. Thread-safe. */
#ifndef CALR_CLUSTER_MATCH_H
#define CALR_CLUSTER_MATCH_H

#include <stdint.h>

#include "base/status.h"

/* a[n], b[n]: labels from 0 on, -1 for an outlier; images that are outliers on either side do not
 * count. partner[clusters of a] (the largest label + 1): the cluster of b that is matched with each, or
 * -1; a cluster is only matched with one it shares images with. *agreed: images whose two clusters are
 * matched, the largest sum possible. Where several assignments reach it, one of them is taken.
 * CALR_EINVAL: a label that is none; CALR_ENOMEM. */
calr_status calr_labels_match(const int32_t *a, const int32_t *b, int64_t n, int32_t *partner,
                              int64_t *agreed);

/* The labelling `after` with numbers of `before`: a matched cluster gets the number of its partner, the
 * others numbers of their own from the clusters of `before` on, by first appearance. out may be
 * `after`; -1 stays. *clusters (or NULL): largest number + 1. Errors as above. */
calr_status calr_labels_align(const int32_t *before, const int32_t *after, int64_t n, int32_t *out,
                              int64_t *clusters);

/* How much of a clustering stayed from one epoch to the next. */
typedef struct calr_stability {
    int64_t both;     /* images in a cluster in both */
    int64_t either;   /* in at least one */
    int64_t agreed;   /* images whose clusters are matched */
    int64_t matched;  /* pairs of clusters matched */
    int64_t vanished; /* clusters of `before` without a partner */
    int64_t appeared; /* clusters of `after` without a partner */
} calr_stability;

/* agreed / both says how stable the clusters are for images that stay in one, agreed / either counts
 * those that come and go as well. Numbers without members are no clusters. Errors as above. */
calr_status calr_labels_stability(const int32_t *before, const int32_t *after, int64_t n,
                                  calr_stability *out);

#endif
