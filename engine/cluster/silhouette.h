/* Silhouettes: Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of
 * cluster analysis", Journal of Computational and Applied Mathematics 20, 1987. */
#ifndef CALR_CLUSTER_SILHOUETTE_H
#define CALR_CLUSTER_SILHOUETTE_H

#include <stdint.h>

#include "base/status.h"
#include "cluster/distance.h"

/* For i, a its mean distance to the others of its cluster and b the least mean distance to another
 * cluster: s = (b - a) / max(a, b), -1 .. 1; 0 when i is alone in its cluster, or a = b = 0.
 *   labels[n]   -1: an outlier, which takes part nowhere (to score outliers as a cluster, give them
 * a label) samples[n]  s of each, 0 for outliers; may be NULL *mean       over all that are no
 * outliers: scikit-learn's silhouette_score of them, except that only single members give 0 here
 * and an error there A sparse distance is never made dense: O(pairs + n). Means in double; the same
 * bits for any number of threads. CALR_ENOTFOUND: fewer than two clusters, so that there is nothing
 * to compare; nothing is written. CALR_EINVAL: a label below -1; CALR_ENOMEM. */
calr_status calr_silhouette(const calr_distance *distance, const int32_t *labels, float *samples,
                            double *mean);

#endif
