/* The condensed tree of HDBSCAN: what is left of single linkage when groups too small to be clusters
 * count as things that fall out of one. Internal to cluster/: hdbscan.h is what others use. */
#ifndef CALR_CLUSTER_CONDENSED_H
#define CALR_CLUSTER_CONDENSED_H

#include <stdint.h>

#include "base/status.h"
#include "cluster/hdbscan.h"
#include "cluster/linkage.h"

/* Clusters are numbered from the root, 0, on; parents have lower numbers than their children. lambda is
 * 1 / distance; infinity at distance 0. */
typedef struct calr_condensed {
    int64_t n, clusters;
    int32_t *parent; /* [clusters] -1 for the root */
    double
        *birth; /* [clusters] lambda at which the cluster parts from its parent; 0 for the root */
    double *death;     /* [clusters] largest lambda at which something leaves it */
    double *stability; /* [clusters] sum over what leaves of (lambda - birth) x size */
    int32_t *last;     /* [n] the cluster that each thing falls out of, */
    double *lambda;    /* [n] and when */
} calr_condensed;

/* merges[n - 1] as calr_linkage gives them. CALR_ENOMEM. Release with calr_condensed_release. */
calr_status calr_condensed_new(const calr_merge *merges, int64_t n, int64_t min_cluster_size,
                               calr_condensed **out);
void calr_condensed_release(calr_condensed *tree); /* NULL is allowed */

/* Chooses clusters and labels the things, as calr_hdbscan. */
calr_status calr_condensed_label(const calr_condensed *tree, const calr_hdbscan_options *options,
                                 int32_t *labels, float *probabilities, int64_t *clusters);

/* outliers[n]: how much sooner each thing falls out than the last of the cluster it falls out of, what
 * is below that counted (GLOSH): (death - lambda) / death. 0 where neither ends. */
calr_status calr_condensed_outliers(const calr_condensed *tree, float *outliers);

#endif
