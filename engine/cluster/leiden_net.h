/* The networks that Leiden works on: of a graph, and of parts of a network; and what is counted on them.
 * Thread-safe. */
#ifndef CALR_CLUSTER_LEIDEN_NET_H
#define CALR_CLUSTER_LEIDEN_NET_H

#include "cluster/leiden.h"

/* An undirected network: every link is there in both directions, none leads to its own node. */
typedef struct calr_leiden_net {
    int64_t nodes;
    int64_t *offsets;
    int32_t *neighbour;
    double *weight;
    double *strength; /* weights of a node's links */
    double *size; /* modularity: the weights of a node's links; Potts: how many things it holds */
} calr_leiden_net;

/* What calr_leiden_net_of_parts works with, so that no level allocates it again. */
typedef struct calr_leiden_scratch {
    int64_t *count, *order; /* [nodes] */
    double *to;             /* [nodes] 0 between uses */
    int32_t *near;          /* [nodes + 1] */
} calr_leiden_scratch;

/* Adds the two directions of every link up. potts: every node has size 1. CALR_ENOMEM. */
calr_status calr_leiden_net_of_graph(const calr_csr *graph, bool potts, calr_leiden_net **out);

/* Parts 0 .. parts-1, part[nodes], become nodes. fixed[nodes]: nodes whose links are not asked for again, so that their
 * parts have none (the links that lead to them stay). CALR_ENOMEM, and what a stop says. */
calr_status calr_leiden_net_of_parts(const calr_leiden_net *net, const int32_t *part, int64_t parts,
                                     const uint8_t *fixed, calr_leiden_scratch scratch,
                                     calr_leiden_net **out);

/* NULL is allowed. */
void calr_leiden_net_release(calr_leiden_net *net);

/* The sum of all sizes. */
double calr_leiden_net_size(const calr_leiden_net *net);

/* Q or H of communities 0 .. nodes-1. total[nodes] is scratch. */
double calr_leiden_net_quality(const calr_leiden_net *net, const calr_leiden_options *options,
                               const int32_t *labels, double *total);

/* Parts of a community that no link joins become communities of their own: never for the worse. */
calr_status calr_leiden_net_split(const calr_leiden_net *net, int32_t *labels);

/* Says that memory is out. */
calr_status calr_leiden_no_memory(int64_t nodes);

#endif
