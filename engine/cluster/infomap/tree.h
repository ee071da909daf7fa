/* Infomap: communities within communities, by the hierarchical map equation.
 *
 * The tree of modules that describes a random walk in the fewest bits (Rosvall and Bergstrom,
 * "Multilevel compression of random walks on networks reveals hierarchical organization in large
 * integrated systems", PLoS ONE 6, 2011). Every module has a code of its own: with a word for each
 * of its submodules, or of its nodes where it has none, and one for leaving it; a last one names the
 * modules at the top. Flow, and what teleportation means, as in infomap.h.
 *
 * The search: the two-level partition; modules join to form modules above them while that shortens
 * the code; then each module at the top is searched anew by itself, in the same way, and the shorter
 * of what is found and what was there stays, whose smallest modules are split again in turn, until
 * no module gains by a split. A heuristic: another seed may find another tree of nearly the same
 * length.
 *
 * Deterministic: the same graph, options and seed give the same tree for any number of threads.
 * Thread-safe. */
#ifndef CALR_CLUSTER_INFOMAP_TREE_H
#define CALR_CLUSTER_INFOMAP_TREE_H

#include <stdint.h>

#include "base/status.h"
#include "cluster/infomap/infomap.h"
#include "neighbours/csr.h"

/* A module that is not divided at a level stands for itself at the levels below. */
typedef struct calr_infomap_tree {
    int64_t nodes;
    int64_t levels;   /* at least 1 */
    int32_t *labels;  /* [levels x nodes] modules of each level, the coarsest first; numbered from 0
                         in the order of first appearance; -1 for a node without an edge */
    int64_t *modules; /* [levels] how many there are */
    double codelength;
    double one_level; /* the same when all nodes with an edge are one module */
} calr_infomap_tree;

/* As calr_infomap; never longer than the partition of its own seed and trials. Trials run in
 * parallel, each with memory of its own for about four times the edges. Release with
 * calr_infomap_tree_release. */
calr_status calr_infomap_tree_new(const calr_csr *graph, const calr_infomap_options *options,
                                  calr_infomap_tree **out);
void calr_infomap_tree_release(calr_infomap_tree *tree); /* NULL is allowed */

/* The length of the code for a given tree: labels[levels x n], the coarsest level first, any numbers
 * 0 .. n-1; -1 is allowed for nodes without an edge. A module with a single submodule is the same as
 * that: it costs no code. Options as for calr_infomap_codelength. CALR_EINVAL, too, when a module
 * lies in two of the level above. */
calr_status calr_infomap_tree_codelength(const calr_csr *graph, const calr_infomap_options *options,
                                         int64_t levels, const int32_t *labels, double *codelength);

#endif
