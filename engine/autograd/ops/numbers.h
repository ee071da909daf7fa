/* Index tensors, as the operations of index.c, scatter.c and mask.c take them. Internal to ops/. */
#ifndef CALR_AUTOGRAD_OPS_NUMBERS_H
#define CALR_AUTOGRAD_OPS_NUMBERS_H

#include "autograd/op.h"
#include "backend/backend.h"

/* The index as i64, contiguous, a new reference. CALR_EINVAL unless it is i64 or i32. */
calr_status calr_numbers_of(const calr_tensor *index, calr_tensor **out);

/* CALR_EINVAL unless all numbers of an i64 index, contiguous, are 0 .. x->shape[dim]-1: names the first that is
 * not, its place and the size. */
calr_status calr_numbers_check(const calr_tensor *index, const calr_op_shape *x, int dim);

/* CALR_EINVAL when x has no such dimension. */
calr_status calr_check_dim(const calr_op_shape *x, int dim);

/* CALR_EINVAL for types whose numbers are not added up: f16 and bool. */
calr_status calr_check_adds(const calr_op_shape *x);

/* What an operation sees of a tensor. */
calr_op_shape calr_shape_of(const calr_tensor *x);

/* The sizes around a dimension; count is left 0. */
calr_index_rows calr_rows_around(const calr_op_shape *x, int dim);

/* The same type and shape as a tensor, zeroed; for gradients in bf16 f32, which calr_narrow_sum turns into bf16. */
calr_status calr_wide_zeros(const calr_op_shape *x, calr_tensor **out);
/* x as the type that sums are made in: f32 for bf16, x itself (retained) otherwise. */
calr_status calr_widen(calr_tensor *x, calr_tensor **out);
/* Replaces *sum by the same in `dtype`, where it has another type. */
calr_status calr_narrow_sum(calr_tensor **sum, calr_dtype dtype);

/* The gradient of what was found along a dimension: dy (contiguous) at the positions saved first, 0 elsewhere.
 * `once`: no position occurs twice in a line. */
calr_status calr_positions_backward(const calr_op_call *call, int dim, bool once, calr_tensor *dy,
                                    calr_tensor **dx);

/* For operations that are x with something changed: input 0 is x, input 2 (may be NULL) what it is changed by; strided,
 * makes_output. */
typedef struct calr_changing {
    bool in_place;
    bool add; /* numbers are added up, in f32 where they are bf16 */
    /* Changes target, contiguous, of the type of source, which is contiguous or NULL. */
    calr_status (*change)(const calr_op_call *call, const calr_tensor *source, calr_tensor *target);
} calr_changing;

/* Their forward: *y is a changed copy, or x itself, changed, retained. */
calr_status calr_change_forward(const calr_op_call *call, calr_changing how, calr_tensor **y);
/* Runs one; what is done in place must not be recorded: CALR_EINVAL where a gradient would be lost. */
calr_status calr_change_apply(const calr_op *op, calr_tensor *const *inputs, int count,
                              const void *attributes, bool in_place, calr_tensor **y);

#endif
