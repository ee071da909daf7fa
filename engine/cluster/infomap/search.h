/* The search for modules of one network or of a part of one, which the two-level and the multi-level
 * map equation share.
 *
 * Internal to cluster/: infomap.h and infomap_tree.h are what others use. Not thread-safe: one search
 * for each thread. */
#ifndef CALR_CLUSTER_INFOMAP_SEARCH_H
#define CALR_CLUSTER_INFOMAP_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/status.h"
#include "cluster/infomap/flow.h"
#include "cluster/infomap/infomap.h"

typedef struct calr_infomap_search calr_infomap_search;

/* A search in networks of up to `nodes` nodes, whose random orders come from `rng`. CALR_ENOMEM. */
calr_status calr_infomap_search_new(int64_t nodes, calr_rng rng, calr_infomap_search **out);
void calr_infomap_search_release(calr_infomap_search *search); /* NULL is allowed */

/* Partitions the nodes, from each on its own, into module[nodes], numbers 0 .. *modules-1. `outside`
 * is the flow that leaves the network as a whole (0 for a whole network): it has a word in the code
 * in which modules are named. of_modules: the nodes are modules themselves, so that a module of one
 * of them is that one and has no code. *bits: the length of the code in which modules are named and
 * of those of the modules. */
calr_status calr_infomap_search_run(calr_infomap_search *search, const calr_flow *flow,
                                    double outside, bool of_modules, int32_t *module,
                                    int64_t *modules, double *bits);

/* The bits of a given partition, in the same sense; any module numbers below flow->nodes. */
double calr_infomap_search_bits(calr_infomap_search *search, const calr_flow *flow, double outside,
                                const int32_t *module);

/* The bits of no partition: one code for all nodes and for leaving. */
double calr_infomap_undivided_bits(const calr_flow *flow, double outside);

/* The least gain, in bits, that is taken for one. */
#define CALR_INFOMAP_LEAST_GAIN 1e-9

/* CALR_EINVAL and CALR_ENUMERIC as calr_infomap says. */
calr_status calr_infomap_check(const calr_csr *graph, const calr_infomap_options *options);

/* Whether a node has a link, a loop included. */
bool calr_infomap_linked(const calr_flow *flow, int64_t node);

#endif
