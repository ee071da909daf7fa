/* What the operations of linear algebra share. */
#ifndef CALR_AUTOGRAD_OPS_LINALG_H
#define CALR_AUTOGRAD_OPS_LINALG_H

#include "autograd/op.h"

/* For check: input i must hold matrices (square ones) in f32 or f64, of any number of dimensions before. */
calr_status calr_linalg_expect(const calr_op_call *call, int i, const char *name, bool square);

/* Applies an operation of two batches of matrices, once both have the same dimensions before the matrices. */
calr_status calr_linalg_apply(const calr_op *op, const void *attributes, calr_tensor *a,
                              calr_tensor *b, calr_tensor **y);

#endif
