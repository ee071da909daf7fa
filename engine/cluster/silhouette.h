/* Silhouettes: Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of
 * cluster analysis", Journal of Computational and Applied Mathematics 20, 1987. */
#ifndef CALR_CLUSTER_SILHOUETTE_H
#define CALR_CLUSTER_SILHOUETTE_H

#include <stdint.h>

#include "base/status.h"
#include "cluster/distance.h"
#include "neighbours/knn.h"

/* For i, a its mean distance to the others of its cluster and b the least mean distance to another
 * cluster: s = (b - a) / max(a, b), -1 .. 1; 0 when i is alone in its cluster, or a = b = 0.
 *   labels[n]   -1: an outlier, which takes part nowhere (to score outliers as a cluster, give them a
 *               label)
 *   samples[n]  s of each, 0 for outliers; may be NULL
 *   *mean       over all that are no outliers: scikit-learn's silhouette_score of them, except that
 *               only single members give 0 here and an error there
 * A sparse distance is never made dense: O(pairs + n). Means in double; the same bits for any number of
 * threads. CALR_ENOTFOUND: fewer than two clusters, so that there is nothing to compare; nothing is
 * written. CALR_EINVAL: a label below -1; CALR_ENOMEM. */
calr_status calr_silhouette(const calr_distance *distance, const int32_t *labels, float *samples,
                            double *mean);

/* The simplified silhouette (Hruschka, Campello, de Castro, "Evolving clusters in gene-expression data",
 * Information Sciences 176, 2006; their EAC-II, 2004): a is the cosine distance 1 - cos to the centroid of the own
 * cluster and b that to the nearest other centroid; s = (b - a) / max(a, b), 0 for the only member of a cluster. The
 * centroid of a cluster is the mean of its unit rows.
 *   x[n x d]    rows of any length; a row of zeros is at distance 1 from everything
 *   labels[n]   -1: an outlier, which takes part nowhere
 *   samples[n]  s of each, 0 for outliers; may be NULL
 *   *mean       over all that are no outliers
 * Costs one matrix product n x clusters x d, and memory for a copy of x: where the silhouette above needs distances
 * between all pairs, this one can be had in every epoch. The same bits for any number of threads.
 * CALR_ENOTFOUND: fewer than two clusters; nothing is written. CALR_EINVAL: a label below -1, d < 1; CALR_ENUMERIC
 * names a row that is not finite; CALR_ENOMEM. */
calr_status calr_silhouette_simplified(const float *x, int64_t n, int64_t d, const int32_t *labels,
                                       float *samples, double *mean);

/* Scores only some: with a sample the time is in proportion to it. */
typedef struct calr_silhouette_options {
    int64_t
        sample; /* things scored, drawn without replacement from those that are no outliers; 0, or
                     * as many as there are or more: all of them */
    uint64_t seed; /* of the stream "silhouette" */
} calr_silhouette_options;

/* The same for a sample: each of the things drawn is compared with all others, so that the mean is an
 * unbiased estimate of that over all (scikit-learn's sample_size compares them among themselves, which
 * is not). samples[n] is NaN for those not drawn. */
calr_status calr_silhouette_sampled(const calr_distance *distance, const int32_t *labels,
                                    const calr_silhouette_options *options, float *samples,
                                    double *mean);

/* The same for the distances between the rows of x[n x d] (pairwise.h), which are never held all at
 * once. CALR_ENUMERIC names a row that is not finite. */
calr_status calr_silhouette_features(const float *x, int64_t n, int64_t d, calr_metric metric,
                                     const int32_t *labels, const calr_silhouette_options *options,
                                     float *samples, double *mean);

#endif
