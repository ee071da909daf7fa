/* Approximate nearest neighbours: an inverted file with flat lists (IVF-flat; Jégou, Douze and Schmid, "Product
 * quantization for nearest neighbor search", IEEE TPAMI 33(1), 2011, section IV, without the compression).
 *
 * k-means on a sample of the rows gives one centroid a list; every row goes to the list of the
 * centroid nearest to it. A query looks only into the lists of the `probes` centroids nearest to
 * it, and among their rows the result is exact as calr_knn's is: what is approximate is which rows
 * are looked at, never how near they are. With as many probes as lists the result is calr_knn's.
 *
 * Queries that look into the same list are brought together and scored by matrix products in f32, which choose
 * candidates; those are measured in double precision (nearest.h). The same bits for any number of threads.
 *
 * Memory of an index: a reordered copy of the rows where wanted, and about 24 bytes a row and a centroid a list. */
#ifndef CALR_NEIGHBOURS_IVF_H
#define CALR_NEIGHBOURS_IVF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "neighbours/knn.h"

typedef struct calr_ivf calr_ivf;

typedef struct calr_ivf_options {
    calr_metric metric;
    int64_t lists; /* 1 .. n; 0: 4 sqrt(n), rounded, and n at most */
    int64_t
        sample; /* rows that k-means sees, at least `lists`; 0: 32 a list. All rows where there are no more */
    uint64_t seed; /* of the sample and of k-means */
    bool
        copy; /* keep unit (centred) rows in the order of the lists, as large as x; otherwise they are made anew for
                * each product: slower by a few per cent in large batches, by more in small ones */
} calr_ivf_options;

/* Which neighbours to find. */
typedef struct calr_ivf_query {
    const float *rows; /* [n x d]; NULL: the rows of the index itself, and n is not read */
    int64_t n;
    int64_t k;
    bool include_self; /* of the index's own rows, as in calr_knn; not read where rows are given */
} calr_ivf_query;

/* A random sample of the queries, for measurements. */
typedef struct calr_ivf_sample {
    int64_t count; /* at least 1; all queries where there are no more. Usual: 256 */
    uint64_t seed;
} calr_ivf_sample;

/* Builds an index of x[n x d], which is borrowed: it must outlive the index and not change. n may be 0. CALR_EINVAL: a
 * size or an option out of range; CALR_ENUMERIC names the first row that holds a NaN or an infinity; CALR_ENOMEM. The
 * caller frees *out. */
calr_status calr_ivf_new(const float *x, int64_t n, int64_t d, const calr_ivf_options *options,
                         calr_ivf **out);
void calr_ivf_free(calr_ivf *ivf); /* NULL is allowed */

int64_t calr_ivf_lists(const calr_ivf *ivf); /* 0 of no rows */
int64_t calr_ivf_size(const calr_ivf *ivf);
/* Rows in list 0 .. lists-1. */
int64_t calr_ivf_list_size(const calr_ivf *ivf, int64_t list);

/* indices[n x k], values[n x k] as calr_knn gives them: nearest first, ties by the lowest row. probes:
 * at least 1; more than there are lists means all. A query whose lists hold fewer than k rows looks
 * into the next nearest until there are k. Reads the index only: several threads may search at once.
 * CALR_EINVAL: k out of range (as calr_knn), probes < 1; CALR_ENUMERIC: a query; CALR_ENOMEM. On
 * failure indices and values are undefined. */
calr_status calr_ivf_search(const calr_ivf *ivf, const calr_ivf_query *query, int64_t probes,
                            int32_t *indices, float *values);

/* Recall at k: the share of the k nearest found by a search with these probes, as the mean over the
 * sampled queries. The truth is a search of all lists. A row itself, at the head of its own list,
 * counts neither way; a row found counts where it is as near as the last true one, so that ties do
 * no harm. 1 when there is nothing to find. */
calr_status calr_ivf_recall(const calr_ivf *ivf, const calr_ivf_query *query, int64_t probes,
                            const calr_ivf_sample *sample, double *recall);

/* The least number of probes with which the sampled queries reach the recall `wanted` (0 < wanted <= 1), and the recall
 * they reach. Ranks the list of every true neighbour, which gives the recall of every number of probes at once. */
calr_status calr_ivf_choose_probes(const calr_ivf *ivf, const calr_ivf_query *query, double wanted,
                                   const calr_ivf_sample *sample, int64_t *probes, double *recall);

#endif
