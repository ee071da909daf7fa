/* The identities of a gallery, and which entries a query must not find. Internal to rank/. */
#ifndef CALR_RANK_INDEX_H
#define CALR_RANK_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "rank/rank.h"

/* Identity of gallery entries that no query may find. */
#define CALR_RANK_JUNK (-1)
/* Identity of distractors: each is a person of its own. */
#define CALR_RANK_DISTRACTOR 0

typedef struct calr_rank_entry {
    int64_t identity;
    int32_t row;
} calr_rank_entry;

/* The gallery by identity, then row. */
typedef struct calr_rank_index {
    int64_t count, longest; /* entries; the most of one identity */
    calr_rank_entry *entries;
} calr_rank_index;

/* Both sets must fit together; CALR_EINVAL otherwise. Checked by every entry point before anything
 * else. */
calr_status calr_rank_check_sets(const calr_rank_set *query, const calr_rank_set *gallery,
                                 int64_t dim);

/* Zero *index before the first use: release works on it at any time. */
calr_status calr_rank_index_make(calr_rank_index *index, const calr_rank_set *gallery);
void calr_rank_index_release(calr_rank_index *index);

/* Entries begin .. *end-1 are of the identity. */
int64_t calr_rank_index_find(const calr_rank_index *index, int64_t identity, int64_t *end);

/* The first of the entries begin .. end-1, which are of one identity, whose row is `row` or later; `end` where there is
 * none. */
int64_t calr_rank_index_from(const calr_rank_index *index, int64_t begin, int64_t end, int64_t row);

/* Whether a gallery entry of the identity of query i counts as found. */
bool calr_rank_index_counts(const calr_rank_set *query, const calr_rank_set *gallery,
                            calr_rank_rule rule, int64_t i, int32_t row);

/* Sets the score of what the i-th query must not find to minus infinity. */
void calr_rank_index_ignore(const calr_rank_index *index, const calr_rank_set *query,
                            const calr_rank_set *gallery, calr_rank_rule rule, int64_t i,
                            float *score);

#endif
