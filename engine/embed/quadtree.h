/* A quadtree over points of the plane, for sums over all points in O(log n) each: Barnes and Hut, "A hierarchical
 * O(N log N) force-calculation algorithm", Nature 324, 1986. */
#ifndef CALR_EMBED_QUADTREE_H
#define CALR_EMBED_QUADTREE_H

#include <stdint.h>

#include "base/status.h"

/* Most points of a leaf, which are looked at one by one. */
#define CALR_QUADTREE_LEAF 8

/* Nodes lie in the order of a walk that goes down first, so that a walk needs no stack: the node after a cell that is
 * taken as a whole is `next`, after one that is opened it is the following. */
typedef struct calr_quadtree_node {
    float x, y;           /* the mean of its points */
    float side2;          /* square of its cell's side */
    int32_t begin, count; /* its points, in the tree's order */
    int32_t next;
    int32_t is_leaf;
} calr_quadtree_node;

typedef struct calr_quadtree {
    int64_t capacity; /* points that there is room for */
    int64_t n;
    calr_quadtree_node *nodes; /* [node_count] */
    int64_t node_count;
    float *xy;        /* [2 x n] the points in the tree's order: all x, then all y */
    int32_t *order;   /* [n] which point is where */
    uint32_t *codes;  /* [2 x n] scratch */
    int32_t *scratch; /* [n] */
} calr_quadtree;

/* Room for n points, 1 .. INT32_MAX / 2. CALR_EINVAL, CALR_ENOMEM. */
calr_status calr_quadtree_new(int64_t n, calr_quadtree *tree);

/* The tree of points[n x 2], which must be finite, in place of what was there. The same for any number of threads.
 * Points that are equal in the upper 16 bits of their place share a leaf, however many they are. */
void calr_quadtree_build(calr_quadtree *tree, const float *points);

void calr_quadtree_free(calr_quadtree *tree);

/* The repulsion of t-SNE from all other points on the point at place `at` of the tree's order: sums over them of
 * q^2 (y_i - y_j) into force[2], and of q, q = 1 / (1 + |y_i - y_j|^2), as the result. A cell whose side is less than
 * theta times its distance counts as that many points in its mean; theta 0 .. 0.7, so that a point's own cells are
 * always opened. */
double calr_quadtree_repulsion(const calr_quadtree *tree, int64_t at, float theta, float force[2]);

#endif
