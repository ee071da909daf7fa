/* Selects images of a store, and numbers their labels. */
#ifndef CALR_STORE_SELECT_H
#define CALR_STORE_SELECT_H

#include <stdbool.h>

#include "store/store.h"

typedef struct calr_store_choice {
    calr_split split;
    bool junk; /* take images of identity -1 too */
    int64_t
        ids; /* only those of the first `ids` identities of the split, in ascending order; 0: all.
                    Identity -1 is none of them */
} calr_store_choice;

/* The numbers of the selected images, in ascending order. *rows is malloc'ed, the caller frees it.
 * CALR_ENOMEM. */
calr_status calr_store_rows(const calr_store *store, calr_store_choice choice, int64_t **rows,
                            int64_t *count);

/* Numbers values from 0 in ascending order: out[i] is the rank of values[i] among the distinct
 * values from 0 up, and -1 for negative ones. *distinct (malloc'ed, the caller frees) holds the
 * value of each rank. CALR_ENOMEM. */
calr_status calr_store_dense(const int64_t *values, int64_t count, int32_t *out, int64_t **distinct,
                             int64_t *distinct_count);

#endif
