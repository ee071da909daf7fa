/* DBSCAN: Ester, Kriegel, Sander, Xu, "A density-based algorithm for discovering clusters", KDD
 * 1996. */
#ifndef CALR_CLUSTER_DBSCAN_H
#define CALR_CLUSTER_DBSCAN_H

#include <stdint.h>

#include "base/status.h"
#include "cluster/distance.h"

/* A core is a thing with at least min_samples things, itself included, at distance <= eps (compared
 * in f32). Cores within eps of each other share a cluster; another thing within eps of a core is of
 * the cluster of its cores whose first core has the lowest number; the rest are outliers: the
 * memberships of scikit-learn.
 *   labels[n]  numbered by first appearance, -1: an outlier
 *   *clusters  how many, 0 when all are outliers; may be NULL
 * CALR_EINVAL: eps negative or NaN, min_samples < 1; CALR_ENOMEM. */
calr_status calr_dbscan(const calr_distance *distance, double eps, int64_t min_samples,
                        int32_t *labels, int64_t *clusters);

#endif
