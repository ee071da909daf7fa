/* Queries about the contents of a tensor. Strided views are copied first. */
#ifndef CALR_TENSOR_SCAN_H
#define CALR_TENSOR_SCAN_H

#include "tensor/tensor.h"

/* Whether no element is NaN or infinite; true for integers. */
calr_status calr_tensor_is_finite(const calr_tensor *tensor, bool *out);
/* The smallest and the largest element; NaN when there is one among them. CALR_EINVAL when there
 * are no elements. */
calr_status calr_tensor_range(const calr_tensor *tensor, double *low, double *high);
/* The euclidean norm of all elements (f32 or bf16), accumulated in double. */
calr_status calr_tensor_norm(const calr_tensor *tensor, double *out);
/* The position of the largest element along a dimension, from 0: i64, without that dimension. The
 * first of equals; NaN counts as the largest. f32 only; CALR_EINVAL when the dimension is empty. */
calr_status calr_tensor_argmax(const calr_tensor *tensor, int dim, calr_tensor **out);

#endif
