/* HDBSCAN: density clusters at the density that suits each. Campello, Moulavi, Sander, "Density-based
 * clustering based on hierarchical density estimates", PAKDD 2013; McInnes and Healy, "Accelerated
 * hierarchical density based clustering", ICDMW 2017; the threshold epsilon is of Malzer and Baum, 2020.
 *
 * The core distance of a thing is that to its min_samples-th neighbour, itself counted; two things are
 * max(core, core, distance) apart (mutual reachability). Single linkage of that, condensed (condensed.h):
 * groups of fewer than min_cluster_size that come off a cluster are things falling out of it. Of the
 * clusters of that tree those are taken that have the most excess of mass, or the leaves.
 *
 * Where heights tie, all groups part at once (as the first paper has it), so that nothing depends on the
 * order of the things. That is no rare case: a thing far from all has its core distance to several
 * groups, and falls out when they part. scikit-learn and the hdbscan package part two by two, and leave
 * such a thing with one of the groups, which one the order decides; otherwise memberships and
 * probabilities are theirs. (The hdbscan package does not count the thing itself: its min_samples is one
 * less.) The same bits for any number of threads. */
#ifndef CALR_CLUSTER_HDBSCAN_H
#define CALR_CLUSTER_HDBSCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "cluster/distance.h"
#include "neighbours/knn.h"

typedef struct calr_hdbscan_options {
    int64_t min_cluster_size; /* 2 .. ; the smallest group that is a cluster */
    int64_t min_samples;      /* 1 .. ; all things where there are fewer. Usual: min_cluster_size */
    double epsilon; /* 0 .. ; clusters that part below this distance stay one; 0: none do */
    bool leaves;    /* take the leaves of the tree: more and smaller clusters */
    bool single;    /* all things may be one cluster; otherwise there are two or none */
} calr_hdbscan_options;

/* Clusters n things.
 *   labels[n]         numbered by first appearance, -1: an outlier
 *   probabilities[n]  how far into its cluster each thing stays, its lambda = 1 / distance over the
 *                     largest of the cluster, 0 .. 1; 0 for outliers. May be NULL
 *   outliers[n]       GLOSH: how much less dense the place of each thing is than the densest of the
 *                     cluster that it falls out of, 0 .. 1, for every thing, labelled or not
 *                     (Campello, Moulavi, Zimek, Sander, "Hierarchical density estimates for data
 *                     clustering, visualization, and outlier detection", TKDD 10(1), 2015, section
 *                     5.3). May be NULL
 *   *clusters         how many; may be NULL
 * Dense distances: O(n^2) time, O(n) memory; sparse ones, whose missing pairs are at 1: O(pairs log
 * pairs) and 12 bytes a pair. CALR_EINVAL: options out of range; CALR_ENOMEM. */
calr_status calr_hdbscan(const calr_distance *distance, const calr_hdbscan_options *options,
                         int32_t *labels, float *probabilities, float *outliers, int64_t *clusters);

/* The same of the distances between the rows of x[n x d], which are never held: the tree comes from lists of neighbours
 * (neighbours/reach.h). CALR_ENUMERIC names a row that is not finite. */
calr_status calr_hdbscan_features(const float *x, int64_t n, int64_t d, calr_metric metric,
                                  const calr_hdbscan_options *options, int32_t *labels,
                                  float *probabilities, float *outliers, int64_t *clusters);

#endif
