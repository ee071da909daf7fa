/* Infomap: communities of a network by the two-level map equation.
 *
 * The partition of the nodes that describes a random walk in the fewest bits (Rosvall and
 * Bergstrom, "Maps of random walks on complex networks reveal community structure", PNAS 105, 2008;
 * Rosvall, Axelsson, Bergstrom, "The map equation", 2009). Flow as the reference implementation has
 * it by default: directed links with unrecorded teleportation to links, or undirected ones
 * (flow.h). The search: nodes move greedily to the neighbouring module that shortens the code most,
 * modules become nodes and move in turn; then single nodes are moved again (fine tuning), and parts
 * of modules (coarse tuning), until neither helps. A heuristic: another seed may find another
 * partition of nearly the same length. Modules within modules: infomap_tree.h.
 *
 * Deterministic: the same graph, options and seed give the same modules for any number of threads.
 * Thread-safe. */
#ifndef CALR_CLUSTER_INFOMAP_INFOMAP_H
#define CALR_CLUSTER_INFOMAP_INFOMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "neighbours/csr.h"

#define CALR_INFOMAP_MAX_TRIALS 10000

typedef struct calr_infomap_options {
    bool directed;        /* false: weights of both directions add up */
    double teleportation; /* 0 < t < 1; 0.15 is usual. Undirected flow has none */
    uint64_t seed;
    int64_t trials; /* searches from different orders, the shortest code wins; 1 ..
                       CALR_INFOMAP_MAX_TRIALS */
} calr_infomap_options;

typedef struct calr_infomap_result {
    double codelength; /* bits a step; 0 for a graph without edges */
    double one_level;  /* the same when all nodes with an edge are one module */
    int64_t modules;
} calr_infomap_result;

/* graph: n x n, weight (i, j) > 0 of the link i -> j; loops are allowed. module[n] from the caller:
 * numbered from 0 in the order of first appearance; -1 for a node without an edge. CALR_EINVAL:
 * options or the graph out of range; CALR_ENUMERIC: a weight that is not a positive number;
 * CALR_ENOMEM. Trials run in parallel, each with memory of its own for about twice the edges. */
calr_status calr_infomap(const calr_csr *graph, const calr_infomap_options *options,
                         int32_t *module, calr_infomap_result *result);

/* The length of the code for a given partition: module[n], any numbers 0 .. n-1; -1 is allowed for
 * nodes without an edge. Options as above; seed and trials make no difference. */
calr_status calr_infomap_codelength(const calr_csr *graph, const calr_infomap_options *options,
                                    const int32_t *module, double *codelength);

/* The graph of nearest neighbours: an edge i -> j of weight s for each entry j = indices[i x k]
 * with s = similarities[i x k] >= min_similarity (in f32, as s is) and s > 0, j != i. An index of -1 is a missing
 * entry; a neighbour named twice adds up. scores[n] (or NULL): how central each node is: sum over
 * its edges of 1 / (d + mean d), d = 1 - s, the mean over all entries given, its own included; a
 * denominator below 1e-6 counts as that. 0 for a node without an edge. CALR_EINVAL: an index out of
 * range; CALR_ENUMERIC: a NaN or an infinity. */
calr_status calr_infomap_graph(int64_t n, int64_t k, const int32_t *indices,
                               const float *similarities, double min_similarity, calr_csr **graph,
                               float *scores);

#endif
