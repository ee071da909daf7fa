#include "rank/index.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/size.h"
#include "base/sort.h"

calr_status calr_rank_check_sets(const calr_rank_set *query, const calr_rank_set *gallery,
                                 int64_t dim)
{
    if (query->count < 0 || gallery->count < 0 || dim < 1)
        return calr_error(CALR_EINVAL,
                          "ranking needs features of one column or more, not [%" PRId64
                          " x %" PRId64 "] and [%" PRId64 " x %" PRId64 "]",
                          query->count, dim, gallery->count, dim);
    if (gallery->count > INT32_MAX)
        return calr_error(CALR_EINVAL,
                          "a gallery of %" PRId64 " entries: at most %d can be numbered",
                          gallery->count, INT32_MAX);
    if (!query->identities != !gallery->identities)
        return calr_error(CALR_EINVAL,
                          "identities are needed for both queries and gallery, or for neither");
    if (!query->cameras != !gallery->cameras)
        return calr_error(CALR_EINVAL,
                          "cameras are needed for both queries and gallery, or for neither");
    return CALR_OK;
}

static int by_identity(const void *a, const void *b)
{
    const calr_rank_entry *p = a, *q = b;
    if (p->identity != q->identity)
        return p->identity < q->identity ? -1 : 1;
    return (p->row > q->row) - (p->row < q->row);
}

calr_status calr_rank_index_make(calr_rank_index *index, const calr_rank_set *gallery)
{
    index->entries = calr_array_new(gallery->count, sizeof *index->entries);
    if (!index->entries)
        return calr_error(CALR_ENOMEM, "no memory for the index of a gallery of %" PRId64,
                          gallery->count);
    index->count = gallery->count;
    for (int64_t i = 0; i < gallery->count; i++)
        index->entries[i] = (calr_rank_entry){gallery->identities[i], (int32_t)i};
    CALR_TRY(calr_sort(index->entries, index->count, sizeof *index->entries, by_identity));
    index->longest = 0;
    for (int64_t begin = 0, end; begin < index->count; begin = end) {
        for (end = begin + 1;
             end < index->count && index->entries[end].identity == index->entries[begin].identity;)
            end++;
        if (end - begin > index->longest)
            index->longest = end - begin;
    }
    return CALR_OK;
}

void calr_rank_index_release(calr_rank_index *index)
{
    free(index->entries);
    *index = (calr_rank_index){0};
}

/* The first entry whose identity is not below (or, with `past`, is above) the one asked for. */
static int64_t lower_bound(const calr_rank_index *index, int64_t identity, bool past)
{
    int64_t low = 0, high = index->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2, found = index->entries[middle].identity;
        if (found < identity || (past && found == identity))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t calr_rank_index_find(const calr_rank_index *index, int64_t identity, int64_t *end)
{
    *end = lower_bound(index, identity, true);
    return lower_bound(index, identity, false);
}

void calr_rank_index_ignore(const calr_rank_index *index, const calr_rank_set *query,
                            const calr_rank_set *gallery, calr_rank_rule rule, int64_t i,
                            float *score)
{
    int64_t end, at = calr_rank_index_find(index, CALR_RANK_JUNK, &end);
    for (; at < end; at++)
        score[index->entries[at].row] = -INFINITY;
    if (!query->cameras || rule == CALR_RULE_JUNK)
        return;
    for (int64_t j = 0; rule == CALR_RULE_CAMERA && j < gallery->count; j++)
        if (gallery->cameras[j] == query->cameras[i])
            score[j] = -INFINITY;
    if (rule == CALR_RULE_CAMERA)
        return;
    at = calr_rank_index_find(index, query->identities[i], &end);
    for (; at < end; at++) {
        int32_t row = index->entries[at].row;
        if (gallery->cameras[row] == query->cameras[i])
            score[row] = -INFINITY;
    }
}

int64_t calr_rank_index_from(const calr_rank_index *index, int64_t begin, int64_t end, int64_t row)
{
    while (begin < end) {
        int64_t middle = begin + (end - begin) / 2;
        if (index->entries[middle].row < row)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

bool calr_rank_index_counts(const calr_rank_set *query, const calr_rank_set *gallery,
                            calr_rank_rule rule, int64_t i, int32_t row)
{
    if (query->identities[i] == CALR_RANK_JUNK)
        return false;
    return !query->cameras || rule == CALR_RULE_JUNK || gallery->cameras[row] != query->cameras[i];
}

calr_status calr_rank_matched(const calr_rank_set *query, const calr_rank_set *gallery,
                              calr_rank_rule rule, int64_t *matched)
{
    calr_rank_index index = {0};
    CALR_TRY(calr_rank_check_sets(query, gallery, 1));
    CALR_TRY(calr_rank_index_make(&index, gallery));
    *matched = 0;
    for (int64_t i = 0; i < query->count; i++) {
        int64_t identity = query->identities[i], end;
        if (identity == CALR_RANK_JUNK || identity == CALR_RANK_DISTRACTOR)
            continue;
        int64_t at = calr_rank_index_find(&index, identity, &end);
        while (at < end && !calr_rank_index_counts(query, gallery, rule, i, index.entries[at].row))
            at++;
        *matched += at < end;
    }
    calr_rank_index_release(&index);
    return CALR_OK;
}
