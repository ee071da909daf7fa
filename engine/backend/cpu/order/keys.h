/* Numbers as unsigned integers of the same order: what sorting and selecting compare. Internal to cpu/. */
#ifndef CALR_BACKEND_CPU_ORDER_KEYS_H
#define CALR_BACKEND_CPU_ORDER_KEYS_H

#include "backend/cpu/kernels.h"

/* A line of numbers. */
typedef struct calr_line {
    calr_dtype dtype;
    int64_t n;
    const void *x;
} calr_line;

/* How many bits the keys of a type have: 8, 16, 32 or 64. */
int calr_key_bits(calr_dtype dtype);
/* key[i - begin] of the numbers begin .. end-1. All NaNs are equal, and above everything else; -0 equals 0. With
 * `descending` the order of the keys is reversed. */
void calr_keys(const calr_line *line, int64_t begin, int64_t end, bool descending, uint64_t *key);
/* The key of NaN, in ascending order; 0 for types that have none (and for them no key of a NaN is found). */
uint64_t calr_key_of_nan(calr_dtype dtype);

/* y[i] = the line's number at[i], and positions[i] = at[i], with at[i] = packed[i] & mask. y or positions may be
 * NULL. */
void calr_keys_place(const calr_line *line, int64_t begin, int64_t end, const uint64_t *packed,
                     uint64_t mask, void *y, int64_t *positions);

/* The bits that a number below n needs, 1 at least. */
static inline int calr_bits_below(uint64_t n)
{
    return n > 2 ? 64 - __builtin_clzll(n - 1) : 1;
}

/* ---- radix.c ---- */

/* Sorts items by the bits from `low` on (at most up to `high`, excluded), stably; `spare` is room for as many items.
 * Returns where the result is: items or spare. */
uint64_t *calr_radix_sort(int64_t n, int low, int high, uint64_t *items, uint64_t *spare);
/* The same with all threads, for long lists. CALR_EINTERRUPTED; CALR_ENOMEM. *out is where the result is. */
calr_status calr_radix_sort_long(int64_t n, int low, int high, uint64_t *items, uint64_t *spare,
                                 uint64_t **out);
/* Moves the k smallest of n items, all different, to the front, in any order. */
void calr_select_smallest(int64_t n, int64_t k, uint64_t *items);

#endif
