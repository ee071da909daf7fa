/* Operations on positions: elements by index and by mask, order, running sums. Conventions as in ops.h; inputs have any
 * strides; dimensions are counted from 0; a single number (no dimensions) counts as one item.
 *
 * An index is i64 or i32, of numbers from 0; CALR_EINVAL names the first that is out of range, its place and the
 * size. Where it names something more than once, what is added is added in the order of the index, and of what is
 * written the last stays; gradients follow that. Sums in bf16 are made in f32 and rounded once. f16 and bool are
 * moved, but not added.
 *
 * in_place: x itself is changed, and *y is x, retained. Then there is no gradient: CALR_EINVAL where x is the
 * output of a recorded operation or another input needs a gradient, while operations are recorded. */
#ifndef CALR_AUTOGRAD_OPS_INDEX_H
#define CALR_AUTOGRAD_OPS_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "tensor/tensor.h"

/* ---- items of a dimension: index.c ---- */

/* Items index[i] of a dimension. index: [m], or a single number. */
calr_status calr_op_index_select(calr_tensor *x, int dim, calr_tensor *index, calr_tensor **y);

typedef enum calr_index_put { CALR_INDEX_ADD, CALR_INDEX_COPY, CALR_INDEX_FILL } calr_index_put;

/* x with items index[i] of a dimension changed: += alpha source's item i; = source's item i; = source, a single number.
 * source has the type of x and, but for that number, its shape, with m items in the dimension. */
calr_status calr_op_index_put(calr_index_put how, calr_tensor *x, int dim, calr_tensor *index,
                              calr_tensor *source, double alpha, bool in_place, calr_tensor **y);

/* Elements of the first dimensions by several indices, count of them, which are broadcast: y[i ..] = x[index_1[i],
 * index_2[i] ..]. */
calr_status calr_op_pick(calr_tensor *x, calr_tensor *const *index, int count, calr_tensor **y);
/* x with those elements changed to (or, add: with added) source, which is broadcast to them. */
calr_status calr_op_put(calr_tensor *x, calr_tensor *const *index, int count, calr_tensor *source,
                        bool add, bool in_place, calr_tensor **y);

/* ---- elements by an index of their own: scatter.c ---- */

/* y[.. i ..] = x[.. index[.. i ..] ..]: y has the shape of index, which has as many dimensions as x, none but `dim`
 * longer than x's. */
calr_status calr_op_gather(calr_tensor *x, int dim, calr_tensor *index, calr_tensor **y);
/* The same after x and index were broadcast to one another, except along dim. */
calr_status calr_op_take_along_dim(calr_tensor *x, calr_tensor *index, int dim, calr_tensor **y);
/* x with x[.. index[.. i ..] ..] = source[.. i ..], or (add) += it. source: the type of x, and as long as index, or
 * longer, everywhere; or a single number. */
calr_status calr_op_scatter(calr_tensor *x, int dim, calr_tensor *index, calr_tensor *source,
                            bool add, bool in_place, calr_tensor **y);

/* ---- elements by a mask: mask.c ---- mask: bool, broadcast with x */

calr_status calr_op_masked_select(calr_tensor *x, calr_tensor *mask, calr_tensor **y);
/* x with the elements of the mask replaced by those of source, in order; it has at least as many. */
calr_status calr_op_masked_scatter(calr_tensor *x, calr_tensor *mask, calr_tensor *source,
                                   bool in_place, calr_tensor **y);
/* Places of the elements that are not 0: i64[m x dimensions]; no gradient. */
calr_status calr_op_nonzero(const calr_tensor *x, calr_tensor **y);

/* ---- order: order.c ---- of every type but f16. NaN is above all numbers; of equals the lower position comes first.
 * *positions: i64, without a gradient. */

/* Sorted along a dimension. y may be NULL. */
calr_status calr_op_sort(calr_tensor *x, int dim, bool descending, calr_tensor **y,
                         calr_tensor **positions);
/* The k largest, or smallest, in order if `sorted`. */
calr_status calr_op_topk(calr_tensor *x, int64_t k, int dim, bool largest, bool sorted,
                         calr_tensor **y, calr_tensor **positions);
/* The k-th smallest, from 1; the dimension is removed, or kept with length 1. */
calr_status calr_op_kthvalue(calr_tensor *x, int64_t k, int dim, bool keepdim, calr_tensor **y,
                             calr_tensor **positions);
/* The middle one, of an even number the lower; NaN where there is one. */
calr_status calr_op_median(calr_tensor *x, int dim, bool keepdim, calr_tensor **y,
                           calr_tensor **positions);

/* Without gradients: search.c. */

/* The different elements, ascending. *inverse: which of them each element of x is, the shape of x; *counts: how
 * often each occurs. Both may be NULL. */
calr_status calr_op_unique(const calr_tensor *x, calr_tensor **y, calr_tensor **inverse,
                           calr_tensor **counts);
/* `name` is for messages. How many of the numbers in the last dimension of `sorted` come before each of x: those
 * below it, or (right) not above it. sorted: [n], or x's shape but for the last dimension. i64. */
calr_status calr_op_searchsorted(const char *name, const calr_tensor *sorted, const calr_tensor *x,
                                 bool right, calr_tensor **y);
/* How often 0, 1, 2 ... occur in x (integers from 0, one dimension): i64, at least `least` long; or the sums of their
 * weights, of its type, with a gradient to them. */
calr_status calr_op_bincount(const calr_tensor *x, calr_tensor *weights, int64_t least,
                             calr_tensor **y);
/* The number of elements in each of `bins` equal parts of low .. high (both 0: of the elements), in the type of x. */
calr_status calr_op_histc(const calr_tensor *x, int64_t bins, double low, double high,
                          calr_tensor **y);
/* The number (or weight) of elements between edges[i] and edges[i+1], i from 0 to bins-1, in the type of x. */
calr_status calr_op_histogram(const calr_tensor *x, const calr_tensor *edges,
                              const calr_tensor *weights, bool density, calr_tensor **y);
/* The edges of `bins` equal parts of low .. high, or (both 0) of the elements, in the type of x. */
calr_status calr_op_histogram_edges(const calr_tensor *x, int64_t bins, double low, double high,
                                    calr_tensor **edges);

/* ---- of all numbers so far: scan.c ---- */

/* Integers and bool: in i64. */
calr_status calr_op_cumsum(calr_tensor *x, int dim, calr_tensor **y);
calr_status calr_op_cumprod(calr_tensor *x, int dim, calr_tensor **y);
calr_status calr_op_logcumsumexp(calr_tensor *x, int dim, calr_tensor **y);
/* The largest (or smallest) and its position: the last of equals; a NaN stays. */
calr_status calr_op_cummax(calr_tensor *x, int dim, bool largest, calr_tensor **y,
                           calr_tensor **positions);

#endif
