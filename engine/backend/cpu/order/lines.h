/* Sorting one line, and what the kernels for many lines share. Internal to order/. */
#ifndef CALR_BACKEND_CPU_ORDER_LINES_H
#define CALR_BACKEND_CPU_ORDER_LINES_H

#include "backend/cpu/order/keys.h"

static inline uint64_t calr_mask_below(int bits)
{
    return bits < 64 ? ((uint64_t)1 << bits) - 1 : UINT64_MAX;
}

/* The smallest and the largest key. */
void calr_key_range(int64_t n, const uint64_t *key, uint64_t *low, uint64_t *high);

/* The sort of one line. An item holds the position and, in the bits above it, the key less the smallest one. Where both
 * together have more than 64 bits, the line is sorted by the lower bits of the keys first, then (stably) by the upper
 * ones. */
typedef struct calr_sorting {
    calr_line line;
    bool descending;
    bool together; /* all threads work on it */
    int position_bits;
    int shift;    /* the first bit of the key that items have now */
    uint64_t low; /* the smallest key */
    /* n each; items may be key where the type has 32 bits or fewer. */
    uint64_t *key, *items, *spare;
    void *y; /* what is made of the line; may be NULL */
    int64_t *positions;
} calr_sorting;

/* Leaves s->items in order. It can only fail with `together`: CALR_EINTERRUPTED, CALR_ENOMEM. */
calr_status calr_sort_line(calr_sorting *s);
/* Writes y and positions. */
calr_status calr_sorting_place(const calr_sorting *s);

/* Lines of x[outer x n x inner] along the middle; k numbers are made of each. */
typedef struct calr_lines {
    calr_dtype dtype;
    int64_t outer, n, inner, k;
    bool descending;
    const void *x;
    void *y; /* outer x k x inner; may be NULL, as positions */
    int64_t *positions;
    int64_t key_items; /* integers that a line needs from s->key on */
    /* Makes y and positions of one line; of what it is given, key is room to work in. */
    void (*make)(const struct calr_lines *job, calr_sorting *s);
    const void *more; /* what `make` needs besides */
} calr_lines;

/* Makes all lines, each the work of one thread. CALR_ENOMEM, CALR_EINTERRUPTED. */
calr_status calr_lines_run(calr_lines *job);

#endif
