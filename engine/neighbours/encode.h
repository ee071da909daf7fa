/* Sparse encodings V of things by their neighbours, and the Jaccard distance between such encodings:
 * the steps that the variants of the k-reciprocal distance share. Internal to cluster/. */
#ifndef CALR_NEIGHBOURS_ENCODE_H
#define CALR_NEIGHBOURS_ENCODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "neighbours/csr.h"

/* Rows per chunk of work, and of the builders below. */
enum { CALR_ENCODE_GRAIN = 64, CALR_BAG_WORD = 64 };

/* A set of row numbers that is listed in ascending order, with a number for each: scratch of one
 * worker. */
typedef struct calr_bag {
    uint64_t *bits; /* [words] */
    float *sums;    /* [n], 0 outside the set */
    int32_t *stamp; /* [n] marks of membership in a second set */
    int32_t stamps;
} calr_bag;

/* One empty bag for things 0 .. n-1 for each thread; NULL when there is no memory. */
calr_bag *calr_bags_new(int64_t n, int64_t threads);
void calr_bags_release(calr_bag *bags, int64_t threads); /* NULL is allowed */

static inline int64_t calr_bag_words(int64_t n)
{
    return (n + CALR_BAG_WORD - 1) / CALR_BAG_WORD;
}

static inline void calr_bag_add(calr_bag *b, int64_t j, float value)
{
    b->bits[j / CALR_BAG_WORD] |= (uint64_t)1 << (j % CALR_BAG_WORD);
    b->sums[j] += value;
}

int64_t calr_bag_count(const calr_bag *b, int64_t words);
/* Lists the members in ascending order, with their numbers, and empties the bag. */
void calr_bag_take(calr_bag *b, int64_t words, int32_t *indices, float *values);
void calr_bag_clear(calr_bag *b, int64_t words);

/* The mean of the rows of V (n x n) that each list names: lists[n x width], the first `count` entries
 * of each, or fewer where a -1 ends it. */
calr_status calr_encode_average(const calr_csr *v, const int32_t *lists, int64_t width,
                                int64_t count, calr_csr **out);

/* J(i, j) = 1 - m / (2 - m), m = sum over c of min(V_i(c), V_j(c)), for V whose rows sum to 1: n x n, the
 * pairs that share support, or with `within` > 0 those of them no farther apart, symmetric bit by bit,
 * with the diagonal (0). The same bits for any number of threads. CALR_ENOMEM. */
calr_status calr_encode_distance(const calr_csr *v, float within, calr_csr **out);

#endif
