/* The Davies-Bouldin index: Davies and Bouldin, "A cluster separation measure", IEEE TPAMI 1, 1979. */
#ifndef CALR_CLUSTER_DAVIES_BOULDIN_H
#define CALR_CLUSTER_DAVIES_BOULDIN_H

#include <stdint.h>

#include "base/status.h"

/* The mean over clusters of max over j of (s_i + s_j) / |c_i - c_j|, s the mean euclidean distance of
 * the members to their centroid c: 0 is best. Clusters with one and the same centroid do not count
 * against each other (as in scikit-learn). Outliers (-1) take no part.
 * x[n x d]; labels[n]. Computed in double, the same bits for any number of threads; O(n d + clusters^2
 * d). CALR_ENOTFOUND: fewer than two clusters; CALR_EINVAL: a label that is none; CALR_ENUMERIC names a
 * row with a NaN or an infinity; CALR_ENOMEM: 8 bytes a number of the centroids. */
calr_status calr_davies_bouldin(const float *x, int64_t n, int64_t d, const int32_t *labels,
                                double *out);

#endif
