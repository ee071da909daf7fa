/* Shapes that are repeated to fit one another, and the sums that undo it. Internal to ops/. */
#ifndef CALR_AUTOGRAD_OPS_BROADCAST_H
#define CALR_AUTOGRAD_OPS_BROADCAST_H

#include "autograd/op.h"
#include "backend/elements.h"

/* The common shape: aligned at the last dimension, missing ones and those of length 1 are repeated.
 * Fills ndim and shape of *out. CALR_EINVAL when they do not fit. */
calr_status calr_broadcast_shape(const calr_op_shape *a, const calr_op_shape *b,
                                 calr_op_shape *out);
/* `x` (contiguous f32) in the shape `to`: itself, retained, or written out. */
calr_status calr_broadcast_expand(const calr_tensor *x, const calr_op_shape *to, calr_tensor **out);
/* The reverse: `x` summed down to the shape `to`; itself, retained, when that is its
 * shape. */
calr_status calr_broadcast_reduce(calr_tensor *x, const calr_op_shape *to, calr_tensor **out);

/* Applies an operation to operands that are first converted to `dtype`, those from number `first` on; at most three. */
calr_status calr_broadcast_apply(const calr_op *op, calr_tensor *const *operands, int count,
                                 int first, calr_dtype dtype, const void *attributes,
                                 calr_tensor **y);

/* How up to three operands, of any strides, are paired in a result of that shape. */
void calr_broadcast_pair(const calr_op_shape *out, calr_tensor *const *x, int count,
                         calr_pairing *pairing);

#endif
