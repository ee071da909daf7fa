#include "rank/hits.h"

#include <math.h>
#include <stdlib.h>

int64_t calr_rank_hits_take(const calr_rank_index *index, const calr_rank_set *query,
                            const calr_rank_set *gallery, calr_rank_rule rule, int64_t i,
                            float *scores, calr_rank_hit *hits)
{
    calr_rank_index_ignore(index, query, gallery, rule, i, scores);
    int64_t count = 0, end, at = calr_rank_index_find(index, query->identities[i], &end);
    for (; at < end; at++) {
        int32_t row = index->entries[at].row;
        if (scores[row] == -INFINITY)
            continue;
        hits[count++] = (calr_rank_hit){.score = scores[row], .row = row};
        scores[row] = -INFINITY;
    }
    return count;
}

int64_t calr_rank_hits_find(const calr_rank_index *index, const calr_rank_set *query,
                            const calr_rank_set *gallery, calr_rank_rule rule, int64_t i,
                            calr_rank_hit *hits)
{
    int64_t count = 0, end, at = calr_rank_index_find(index, query->identities[i], &end);
    for (; at < end; at++) {
        int32_t row = index->entries[at].row;
        if (calr_rank_index_counts(query, gallery, rule, i, row))
            hits[count++] = (calr_rank_hit){.row = row};
    }
    return count;
}

static int by_rank(const void *a, const void *b)
{
    const calr_rank_hit *p = a, *q = b;
    if (p->distance != q->distance)
        return p->distance < q->distance ? -1 : 1;
    return (p->row > q->row) - (p->row < q->row);
}

void calr_rank_hits_sort(calr_rank_hit *hits, int64_t count)
{
    qsort(hits, (size_t)count, sizeof *hits, by_rank);
}

int64_t calr_rank_hits_behind(const calr_rank_hit *hits, int64_t low, int64_t high, double distance,
                              int64_t j)
{
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        const calr_rank_hit *h = &hits[middle];
        if (distance < h->distance || (distance == h->distance && j < h->row))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
