/* What a spanning tree of mutual reachability (reach.h) begins with: the nearest neighbours of each row, its core
 * distance, and what is known of all others. Internal to neighbours/ and its tests. */
#ifndef CALR_NEIGHBOURS_REACH_LISTS_H
#define CALR_NEIGHBOURS_REACH_LISTS_H

#include "neighbours/pairwise.h"

typedef struct calr_reach_lists {
    int64_t width;  /* entries of a list */
    int32_t *rows;  /* [n x width] neighbours; a pair may stand in one of the two lists only */
    float *apart;   /* [n x width] distances, as calr_pairwise_all gives them, in no order */
    int32_t *count; /* [n] entries in use */
    float *core;    /* [n] distance to the last of `others` neighbours; 0 where others is 0 */
    float *left;    /* [n] no row that is not in the list is mutually reached below this */
} calr_reach_lists;

/* Lists of the rows of x[n x d], n >= 2, which `pairwise` was made of. most: entries of lists held at a time, unless a
 * single row has more; 0: usual. CALR_ENOMEM, CALR_EINTERRUPTED. Call calr_reach_lists_clear in any case. */
calr_status calr_reach_lists_new(const calr_pairwise *pairwise, const float *x, int64_t n,
                                 int64_t d, calr_metric metric, int64_t others, int64_t most,
                                 calr_reach_lists *lists);
void calr_reach_lists_clear(calr_reach_lists *lists);

#endif
