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

/* For `queries` rows (`self`: the rows themselves) among n rows of d numbers, the index included if it is made for
 * this search alone. */
calr_approximate calr_approximate_choose(int64_t queries, int64_t n, int64_t d, bool self);

#endif
