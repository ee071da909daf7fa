/* Counting what ranks before the matches of a query by products of bytes (neighbours/knn_bytes.h): the bound of what
 * the bytes left out decides nearly all comparisons of an entry with a match. What it leaves open is decided by a
 * product in f32, and what its rounding leaves open by the distances in double precision. Internal to rank/. */
#ifndef CALR_RANK_BOUNDED_H
#define CALR_RANK_BOUNDED_H

#include <stdbool.h>

#include "rank/hits.h"
#include "rank/tiles.h"

typedef struct calr_rank_bounded {
    const calr_rank_set *query, *gallery;
    const calr_rank_index *index;
    const calr_rank_exact *exact;
    calr_rank_rule rule;
    int64_t dim;
    bool force; /* also where it does not pay */
    /* Gets the hits of query i, one or more, in the order of their ranks, with `before`. In parallel, in any order. */
    void (*done)(void *context, int64_t i, const calr_rank_hit *hits, int64_t count);
    void *context;
} calr_rank_bounded;

/* *taken is false, and nothing was done, where the processor has no such products or they do not pay: small matrices,
 * and galleries of which a sample of the queries finds many entries too near to a match. CALR_ENOMEM,
 * CALR_EINTERRUPTED. */
calr_status calr_rank_count_bounded(const calr_rank_bounded *task, bool *taken);

#endif
