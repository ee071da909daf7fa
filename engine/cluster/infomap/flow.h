/* Flow on a network, and the two-level map equation over it.
 *
 * Rosvall, Axelsson, Bergstrom, "The map equation", Eur. Phys. J. Special Topics 178 (2009).
 * Directed links: a random walker's stationary visits with teleportation (PageRank), to nodes in
 * proportion to the weight that leaves them; then one more step along links alone, whose flows are
 * what is coded (unrecorded teleportation to links: Lambiotte and Rosvall, "Ranking and clustering
 * of nodes in networks with smart teleportation", Phys. Rev. E 85, 2012; the reference
 * implementation's default). Undirected: flow in proportion to weight.
 *
 * Internal to cluster/: infomap.h is what others use. */
#ifndef CALR_CLUSTER_INFOMAP_FLOW_H
#define CALR_CLUSTER_INFOMAP_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "neighbours/csr.h"

/* What the optimisation needs of a network of nodes or of modules. A node moved between modules
 * changes what enters and leaves them by the sum of its flows to and from their members, so the
 * links are symmetric: weight[p] is the flow in both directions together. No link from a node to
 * itself. */
typedef struct calr_flow {
    int64_t nodes;
    int64_t *offsets;   /* [nodes + 1] */
    int32_t *neighbour; /* [offsets[nodes]] */
    double *weight;
    double *visits; /* [nodes] share of time spent; sums to 1 */
    double *enter;  /* [nodes] flow from other nodes, */
    double *leave;  /* and to them */
    int32_t *size;  /* [nodes] how many nodes of the first network each is: 1 there */
} calr_flow;

/* x log2 x, 0 at 0; rounding below 0 counts as 0. */
double calr_flow_plogp(double x);

/* The same of many at once, in their places, within 1e-15 of the largest |x log2 x|; several times
 * faster. No NaN, no infinity. Whole vectors of CALR_FLOW_LANES are worked on: x has room for them,
 * with numbers in it. */
enum { CALR_FLOW_LANES = 8 };
void calr_flow_plogps(double *x, int64_t count);

/* The flow of a graph whose weights are above 0 (the caller's duty). A node without a link is
 * visited never. CALR_ENOMEM; CALR_ENUMERIC when the weights sum to nothing or to infinity. Release
 * with calr_flow_release. */
calr_status calr_flow_new(const calr_csr *graph, bool directed, double teleportation,
                          calr_flow **out);
void calr_flow_release(calr_flow *flow); /* NULL is allowed */

/* Visits, enter and leave of `modules` modules (each array [modules], overwritten). */
void calr_flow_of_modules(const calr_flow *flow, const int32_t *module, int64_t modules,
                          double *visits, double *enter, double *leave);

/* The network whose nodes are the modules 0 .. modules-1. */
calr_status calr_flow_aggregate(const calr_flow *flow, const int32_t *module, int64_t modules,
                                calr_flow **out);

/* The network of some nodes, each named once: with what enters and leaves each of them, and of its
 * links those to others of them. place[flow->nodes]: scratch, -1 throughout before and after. */
calr_status calr_flow_part(const calr_flow *flow, const int32_t *nodes, int64_t count,
                           int32_t *place, calr_flow **out);

/* Bits a step for modules with these sums, in a network whose nodes have sum of plogp(visits)
 * `nodes_plogp` and which a flow of `outside` leaves. */
double calr_flow_codelength(int64_t modules, const double *visits, const double *enter,
                            const double *leave, double nodes_plogp, double outside);

#endif
