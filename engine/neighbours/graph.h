/* Approximate nearest neighbours: a flat navigable graph over rows that are written as bytes.
 *
 * Every row has links to rows near it, pruned so that they point in different directions (the rule of Vamana:
 * Subramanya et al., "DiskANN", NeurIPS 2019, algorithm 2). A search keeps a list of the `effort` nearest rows seen so
 * far and looks at the links of the nearest one that it has not looked at yet, until there is none (HNSW's search of a
 * layer: Malkov and Yashunin, TPAMI 2020, algorithm 2). It starts at the nearest of a random sample of the rows, or at
 * the row itself. The rows are inserted in a random order, in batches that see only the rows before them (Manohar et
 * al., "ParlayANN", PPoPP 2024), so the graph has the same bits for any number of threads.
 *
 * The walk compares rows by whole numbers -127 .. 127, a cache line for 64 dimensions. The rows that it brings home are
 * measured in double precision as given (docs/decisions/exact-distances.md), as far as the bound of what the bytes left
 * out does not exclude them: approximate is which rows are found, never how near they are. With an effort of n or more
 * the result is calr_knn's. Of equal rows one stands in the graph for all.
 *
 * Memory of an index: the bytes (a quarter of x), 4 bytes a link and 28 a row; twice the links while it is made. */
#ifndef CALR_NEIGHBOURS_GRAPH_H
#define CALR_NEIGHBOURS_GRAPH_H

#include <stdint.h>

#include "base/status.h"
#include "neighbours/ivf.h"
#include "neighbours/knn.h"

#define CALR_GRAPH_MOST_LINKS   256
#define CALR_GRAPH_MOST_COLUMNS 32768

typedef struct calr_graph calr_graph;

typedef struct calr_graph_options {
    calr_metric metric;
    int64_t links;  /* of a row, at most; 4 .. CALR_GRAPH_MOST_LINKS; 0: 32 */
    int64_t effort; /* rows that the search for a new row's neighbours keeps; 0: 64 */
    uint64_t seed;  /* of the order in which rows are inserted */
} calr_graph_options;

/* Builds an index of x[n x d], which is borrowed: it must outlive the index and not change. n may be 0. CALR_EINVAL: a
 * size or an option out of range; CALR_ENUMERIC names the first row that holds a NaN or an infinity; CALR_ENOMEM. The
 * caller frees *out. */
calr_status calr_graph_new(const float *x, int64_t n, int64_t d, const calr_graph_options *options,
                           calr_graph **out);
void calr_graph_free(calr_graph *graph); /* NULL is allowed */

int64_t calr_graph_size(const calr_graph *graph);
/* Links that a row has room for. */
int64_t calr_graph_width(const calr_graph *graph);
/* Links of all rows together. */
int64_t calr_graph_links(const calr_graph *graph);

/* indices[n x k], values[n x k] as calr_knn gives them: nearest first, ties by the lowest row. effort: at least 1; the
 * list is never shorter than k. A query whose walk finds fewer than k rows looks at all. Reads the index only:
 * several threads may search at once. CALR_EINVAL: k out of range (as calr_knn), effort < 1; CALR_ENUMERIC: a query;
 * CALR_ENOMEM. On failure indices and values are undefined. */
calr_status calr_graph_search(const calr_graph *graph, const calr_ivf_query *query, int64_t effort,
                              int32_t *indices, float *values);

/* Recall at k of a search with this effort: as calr_ivf_recall. The truth is calr_knn's. */
calr_status calr_graph_recall(const calr_graph *graph, const calr_ivf_query *query, int64_t effort,
                              const calr_ivf_sample *sample, double *recall);

/* An effort with which the sampled queries reach the recall `wanted` (0 < wanted <= 1), hardly larger than the least,
 * and the recall that they reach. */
calr_status calr_graph_choose_effort(const calr_graph *graph, const calr_ivf_query *query,
                                     double wanted, const calr_ivf_sample *sample, int64_t *effort,
                                     double *recall);

/* ---- for files ---- */

/* Rows with a place in the graph: those of x less all but the lowest of equal ones. */
int64_t calr_graph_places(const calr_graph *graph);

/* The order of these rows, order[places], and the links, links[places x width]: links are positions in that order; -1
 * ends those of a row that has fewer. */
void calr_graph_export(const calr_graph *graph, int32_t *order, int32_t *links);

/* The index of which calr_graph_export gave these: `links` and `metric` of the options must be its own, the others are
 * not read. CALR_EFORMAT: an order that is none, a link that leads nowhere; otherwise as calr_graph_new. */
calr_status calr_graph_restore(const float *x, int64_t n, int64_t d,
                               const calr_graph_options *options, int64_t places,
                               const int32_t *order, const int32_t *links, calr_graph **out);

/* All that a search reads, without a copy: of a graph, or of a file that is in memory. */
typedef struct calr_graph_parts {
    int64_t places, width, stride; /* stride: of a row of bytes, the next multiple of 32 of d */
    double step, scale;            /* of the bytes; of the euclidean copies */
    const int32_t *rows;           /* [places] */
    const int32_t *place_of;       /* [n] */
    const int32_t *links;          /* [places x width] */
    const int32_t *twin_starts;    /* [places + 1]; NULL where places == n */
    const int32_t *twins;          /* [n - places] */
    const int8_t *bytes;           /* [places x stride] */
    const float *left;             /* [places] */
    const double *length;          /* [n] */
    const double *centre;          /* [d] of a euclidean graph; else NULL */
} calr_graph_parts;

/* The parts of a graph; borrowed. */
void calr_graph_parts_of(const calr_graph *graph, calr_graph_parts *parts);

/* A graph of parts that calr_graph_parts_of gave: they and x are borrowed, must outlive it and not change. Every number
 * that leads somewhere is verified, and nothing else: wrong bytes or lengths make a search find other rows, no more.
 * Takes milliseconds for a million rows. CALR_EFORMAT, CALR_EINVAL, CALR_ENOMEM, CALR_EINTERRUPTED. */
calr_status calr_graph_adopt(const float *x, int64_t n, int64_t d, calr_metric metric,
                             const calr_graph_parts *parts, calr_graph **out);

#endif
