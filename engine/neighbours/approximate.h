/* Which way to approximate neighbours is the fastest: a rule of the sizes alone, so that the result of a search does
 * not depend on how busy the machine is. */
#ifndef CALR_NEIGHBOURS_APPROXIMATE_H
#define CALR_NEIGHBOURS_APPROXIMATE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum calr_approximate {
    CALR_APPROXIMATE_EXACT, /* calr_knn */
    CALR_APPROXIMATE_IVF,
    CALR_APPROXIMATE_GRAPH
} calr_approximate;

/* For the k neighbours of `queries` rows (`self`: the rows themselves) among n rows of d numbers, by an index that is
 * made for this search alone.
 *
 * The rule estimates the time of the exact search (queries x n x d products, half of them for the rows themselves, and
 * from 256 columns on four times as fast, as products of bytes may be) and of the graph (made in a time that grows with
 * n alone, searched in one that hardly does), from measurements (docs/notebook/neighbours.md). The graph is taken where
 * it needs three quarters of the exact search's time or less. The inverted file never is: how many lists a query needs
 * depends on the rows, and where they form no groups it is slower than the exact search. */
calr_approximate calr_approximate_choose(int64_t queries, int64_t n, int64_t d, int64_t k,
                                         bool self);

#endif
