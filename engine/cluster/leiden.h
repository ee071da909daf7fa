/* Leiden: communities of an undirected network by modularity or by the constant Potts model. Traag,
 * Waltman, van Eck, "From Louvain to Leiden: guaranteeing well-connected communities", Scientific Reports
 * 9, 2019.
 *
 * Nodes move to the neighbouring community that gains most, until none would; every community is then
 * built anew from single nodes, which join parts of it that they and the rest are well connected to; the
 * parts become nodes and the search continues. Of several parts the best is joined, where the paper
 * draws one at random. Further rounds begin with what the last one found, and with the nodes whose
 * surroundings it changed. A community that two rounds in a row left as it was rests, as one node that stays
 * where it is, until something next to it changes; when all rest, the search ends. From 1,000 nodes on it begins
 * with the parts that two short searches from single nodes agree on. Communities are connected. It is
 * deterministic: the same graph, options and seed give the same communities for any number of threads (it
 * runs in one). Thread-safe. */
#ifndef CALR_CLUSTER_LEIDEN_H
#define CALR_CLUSTER_LEIDEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "neighbours/csr.h"

typedef struct calr_leiden_options {
    /* false: modularity (Newman and Girvan 2004) with the resolution of Reichardt and Bornholdt:
     *   Q = sum over communities of w_c / W - resolution (s_c / 2W)^2,
     * w_c the weight inside, s_c the sum of its nodes' weights, W the weight of all links.
     * true: the constant Potts model, which has no resolution limit (Traag et al. 2011):
     *   H = sum over communities of w_c - resolution n_c (n_c - 1) / 2, n_c its nodes. */
    bool potts;
    double
        resolution; /* above 0; larger for smaller communities. Usual: 1 for modularity; for the Potts
                          model the least mean weight between all pairs of a community */
    uint64_t seed;  /* of the stream "leiden" */
    int64_t trials; /* searches in different orders, the best is taken; 1 .. 10000 */
} calr_leiden_options;

/* graph: n x n, weights of links i -> j; both directions add up, loops do not count. labels[n]: numbered
 * by first appearance, -1 for a node without a link. *quality (or NULL): Q or H, 0 for a graph without
 * links; *communities (or NULL): how many. CALR_EINVAL: options or the graph out of range; CALR_ENUMERIC:
 * a weight that is not a positive number; CALR_ENOMEM: 24 bytes a link. */
calr_status calr_leiden(const calr_csr *graph, const calr_leiden_options *options, int32_t *labels,
                        double *quality, int64_t *communities);

/* Q or H of given communities: labels[n] from 0 on; a node labelled -1 is a community of its own. */
calr_status calr_leiden_quality(const calr_csr *graph, const calr_leiden_options *options,
                                const int32_t *labels, double *quality);

#endif
