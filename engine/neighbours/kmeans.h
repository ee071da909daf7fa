/* k-means: Lloyd's iterations from the seeding of Arthur and Vassilvitskii, "k-means++: the
 * advantages of careful seeding", SODA 2007. */
#ifndef CALR_NEIGHBOURS_KMEANS_H
#define CALR_NEIGHBOURS_KMEANS_H

#include <stdint.h>

#include "base/status.h"

typedef struct calr_kmeans_options {
    int64_t clusters;   /* 1 .. n */
    int64_t iterations; /* the most; at least 1. Usual: 100 */
    double
        tolerance; /* stop when the centroids move, squared and summed, by no more than this part of
                    * the mean variance of the columns; 0: only when nothing moves. Usual: 1e-4 */
    uint64_t seed; /* of the stream "kmeans" */
    /* 0: Lloyd's iterations over all rows. Otherwise mini-batches of so many rows, drawn anew with
     * replacement (Sculley, "Web-scale k-means clustering", WWW 2010): each moves the centroid nearest to
     * it by 1 / (rows that centroid has seen); seeds are of a sample of 3 x the batch (or the clusters).
     * All `iterations` batches are run, then every row goes to its nearest centroid. Usual: 1024. */
    int64_t batch;
} calr_kmeans_options;

/* Clusters the n rows of x[n x d] by euclidean distance. A cluster that runs empty is given the row
 * that is farthest from its centroid, of the clusters that have two rows or more. With fewer
 * different rows than clusters some clusters hold equal rows: every cluster has at least one row.
 * The same bits for any number of threads.
 *   labels[n]                numbered by first appearance
 *   centroids[clusters x d]  in that order; every row is of the centroid nearest to it, decided in
 *                            double precision (knn.h), and the centroids are the means of the round
 *                            before, which differ by no more than the tolerance (mini-batches:
 *                            running means)
 *   *inertia                 sum of squared distances to the centroids
 *   *iterations              rounds done
 * The last three may be NULL. CALR_EINVAL: an option out of range; CALR_ENUMERIC names a row with a NaN
 * or an infinity; CALR_ENOMEM. */
calr_status calr_kmeans(const float *x, int64_t n, int64_t d, const calr_kmeans_options *options,
                        int32_t *labels, float *centroids, double *inertia, int64_t *iterations);

#endif
