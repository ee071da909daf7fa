/* The matches of a query, by which rankings are judged. Internal to rank/. */
#ifndef CALR_RANK_HITS_H
#define CALR_RANK_HITS_H

#include <stdint.h>

#include "rank/index.h"
#include "rank/rank.h"

typedef struct calr_rank_hit {
    double distance; /* or that of re-ranking */
    double score;    /* what an entry at the same distance scores, but for rounding */
    int32_t row;
    int64_t before; /* entries that rank before this hit and after the hit ahead of it */
} calr_rank_hit;

/* The matches of query i, in any order, with their rows and scores[gallery]. Their scores, and those of what is to be
 * ignored, become minus infinity. hits[index->longest]; returns how many. */
int64_t calr_rank_hits_take(const calr_rank_index *index, const calr_rank_set *query,
                            const calr_rank_set *gallery, calr_rank_rule rule, int64_t i,
                            float *scores, calr_rank_hit *hits);

/* The same without scores: the rows alone. */
int64_t calr_rank_hits_find(const calr_rank_index *index, const calr_rank_set *query,
                            const calr_rank_set *gallery, calr_rank_rule rule, int64_t i,
                            calr_rank_hit *hits);

/* By distance, then row. */
void calr_rank_hits_sort(calr_rank_hit *hits, int64_t count);

/* The first of the hits low .. high-1 that entry j, at this distance, ranks before; high where there is none. */
int64_t calr_rank_hits_behind(const calr_rank_hit *hits, int64_t low, int64_t high, double distance,
                              int64_t j);

/* ---- which way to count ---- */

typedef enum calr_rank_way {
    CALR_RANK_AUTO,  /* by the sizes, the processor and a sample of the queries */
    CALR_RANK_FLOAT, /* products in f32 */
    CALR_RANK_BYTES  /* products of bytes, where calr_rank_bounded can; CALR_ENOTFOUND elsewhere */
} calr_rank_way;

/* calr_rank_evaluate by a given way, which does not show in the result. */
calr_status calr_rank_evaluate_by(calr_rank_way way, const calr_rank_set *query,
                                  const calr_rank_set *gallery, int64_t dim,
                                  const calr_rank_options *options, calr_rank_result *result);

#endif
