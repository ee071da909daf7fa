/* How well clusters agree with true identities.
 *
 * Everything is computed from the table of (identity, cluster) pairs that occur, found by sorting:
 * O(n log n) time, O(n) memory. Thread-safe; deterministic.
 *
 * truth[n]: the identity of each item, any number (-1 is an identity like the others; leave junk
 * out before). labels[n]: its cluster, any number from 0 on; -1 is an outlier: in no cluster. Other
 * negative numbers are CALR_EINVAL. What an outlier counts as is the caller's choice, and changes
 * the figures much: */
#ifndef CALR_CLUSTER_QUALITY_H
#define CALR_CLUSTER_QUALITY_H

#include <stdint.h>

#include "base/status.h"

typedef enum calr_quality_outliers {
    CALR_OUTLIERS_SINGLETONS, /* a cluster of its own: costs recall, not precision */
    CALR_OUTLIERS_IGNORE      /* left out, as if it were not in the data */
} calr_quality_outliers;

/* All in 0 .. 1; f is the harmonic mean 2pr/(p+r). A figure without anything to judge (no pair, no
 * item) is 0. */
typedef struct calr_quality_score {
    double precision, recall, f;
} calr_quality_score;

/* The table of pairs. Release with calr_quality_release. */
typedef struct calr_quality calr_quality;

/* CALR_EINVAL names the first bad label; CALR_ENOMEM. */
calr_status calr_quality_new(int64_t n, const int64_t *truth, const int32_t *labels,
                             calr_quality_outliers outliers, calr_quality **out);
void calr_quality_release(calr_quality *quality); /* NULL is allowed */

/* Over unordered pairs of items: precision is the share of the pairs in one cluster that are of one
 * identity, recall the share of the pairs of one identity that are in one cluster. */
calr_quality_score calr_quality_pairwise(const calr_quality *quality);

/* B-cubed (Bagga and Baldwin, "Entity-based cross-document coreferencing using the vector space
 * model", ACL 1998): the mean over items of the share of its cluster that is of its identity
 * (precision), and of the share of its identity that is in its cluster (recall), the item itself
 * included. f is of the two means. */
calr_quality_score calr_quality_bcubed(const calr_quality *quality);

/* Normalised mutual information I(T; C) / ((H(T) + H(C)) / 2), 0 .. 1: arithmetic normalisation, as
 * in scikit-learn. 1 when both sides are one group; 0 when no item is left. */
double calr_quality_nmi(const calr_quality *quality);

/* Adjusted mutual information (Vinh, Epps, Bailey, JMLR 11, 2010): (I - E) / ((H(T) + H(C)) / 2 - E),
 * E the mutual information that clusters of these sizes have with identities of these sizes by chance.
 * About 0 for random labels, 1 for the same groups on both sides (also when all are single); may be
 * below 0. Arithmetic normalisation, as in scikit-learn. 0 when no item is left. CALR_ENOMEM: 24 bytes
 * an item. Time: different sizes of identities times those of clusters times the smaller. */
calr_status calr_quality_ami(const calr_quality *quality, double *out);

/* Adjusted Rand index (Hubert and Arabie, "Comparing partitions", Journal of Classification 2, 1985):
 * pairs on which both sides agree, less what chance gives. 1 for the same groups, about 0 for random
 * labels, at least -0.5. 0 when no item is left. */
double calr_quality_ari(const calr_quality *quality);

/* Homogeneity 1 - H(T|C) / H(T) (1: every cluster is of one identity; also when there is one identity)
 * as precision, completeness 1 - H(C|T) / H(C) as recall, and the V-measure, their harmonic mean, as f
 * (Rosenberg and Hirschberg, EMNLP 2007). The last is calr_quality_nmi. */
calr_quality_score calr_quality_v_measure(const calr_quality *quality);

/* The share of items that are of the commonest identity of their cluster. 1 for singletons: say how
 * many clusters there are beside it. */
double calr_quality_purity(const calr_quality *quality);

/* The mean over identities of the number of clusters that hold some of it: 1 is ideal, more is
 * splitting. 0 when no item is left. */
double calr_quality_expansion(const calr_quality *quality);

/* What the figures speak of: items judged, and the identities and clusters among them. */
int64_t calr_quality_items(const calr_quality *quality);
int64_t calr_quality_identities(const calr_quality *quality);
int64_t calr_quality_clusters(const calr_quality *quality);

#endif
