/* What the files of the index share; see ivf.h. */
#ifndef CALR_NEIGHBOURS_IVF_INTERNAL_H
#define CALR_NEIGHBOURS_IVF_INTERNAL_H

#include "neighbours/ivf.h"

enum {
    CALR_IVF_TILE =
        64 /* queries and rows of a product: lists are short, and a tile is computed whole */
};

struct calr_ivf {
    const float *x; /* [n x d], borrowed */
    int64_t n, d, lists;
    calr_metric metric;
    float *centroids; /* [lists x d]; cosine: of unit rows */
    int64_t *starts;  /* [lists + 1] where each list begins in `rows` */
    int32_t *rows;    /* [n] list by list, ascending in each */
    int32_t *list_of; /* [n] */
    double *length;   /* [n] of the (centred) rows of x */
    double *centre;   /* [d], euclidean; NULL for cosine */
    double scale;     /* of the euclidean copies: the longest has length 1 */
    float *
        half; /* [n + TILE] half the squared length of the copies, in the order of `rows`; 0 for cosine */
    float *copy; /* [(n + TILE) x d] in the order of `rows`, the last TILE 0; or NULL */
};

/* The copy of row i of x that products are made of. */
void calr_ivf_copy_row(const calr_ivf *ivf, int64_t i, float *to);

/* Searches for the queries at `pick`[count] only (rows of the query, or of the index; NULL: all of them, in order).
 * length[n]: of all queries. */
calr_status calr_ivf_search_some(const calr_ivf *ivf, const calr_ivf_query *query,
                                 const double *length, const int64_t *pick, int64_t count,
                                 int64_t probes, int32_t *indices, float *values);

/* Checks the query and measures its rows: *length belongs to the caller unless it is the index's own. */
calr_status calr_ivf_prepare(const calr_ivf *ivf, const calr_ivf_query *query, int64_t probes,
                             double **length);

/* The `probes` nearest lists of each of the queries: lists[count x probes], nearest first. */
calr_status calr_ivf_rank_lists(const calr_ivf *ivf, const calr_ivf_query *query,
                                const int64_t *pick, int64_t count, int64_t probes, int32_t *lists);

#endif
