/* Disjoint sets of the numbers 0 .. n-1 (union-find with path halving). Each number names its parent, a root itself; at
 * first parent[i] = i. */
#ifndef CALR_BASE_UNION_FIND_H
#define CALR_BASE_UNION_FIND_H

#include <stdbool.h>
#include <stdint.h>

/* The root of i's set. Shortens the way to it. */
static inline int32_t calr_find_root(int32_t *parent, int32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

/* Joins the sets of i and j; false where they are one already. The lower root stays, so with joins by this function
 * alone a set's root is its lowest member. */
static inline bool calr_join_sets(int32_t *parent, int32_t i, int32_t j)
{
    int32_t a = calr_find_root(parent, i), b = calr_find_root(parent, j);
    if (a == b)
        return false;
    parent[a < b ? b : a] = a < b ? a : b;
    return true;
}

#endif
