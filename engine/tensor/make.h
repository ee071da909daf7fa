/* Tensors of a pattern: ranges, the identity, classes, bytes. */
#ifndef CALR_TENSOR_MAKE_H
#define CALR_TENSOR_MAKE_H

#include "tensor/tensor.h"

/* start, start + step, ... : `count` of them, computed in double. */
calr_status calr_tensor_arange(calr_dtype dtype, double start, double step, int64_t count,
                               calr_tensor **out);
/* The same in whole numbers, exactly; none of them leaves int64_t. */
calr_status calr_tensor_arange_whole(calr_dtype dtype, int64_t start, int64_t step, int64_t count,
                                     calr_tensor **out);
/* `count` numbers at equal distances, the first `start`, the last `stop`, both exactly. */
calr_status calr_tensor_linspace(calr_dtype dtype, double start, double stop, int64_t count,
                                 calr_tensor **out);
/* Ones on the main diagonal of rows x columns, zeros elsewhere. */
calr_status calr_tensor_eye(calr_dtype dtype, int64_t rows, int64_t columns, calr_tensor **out);
/* [... x classes]: 1 where the class is the label, 0 elsewhere. labels: i64, i32 or u8. CALR_EINVAL names the first one
 * outside 0 .. classes-1. */
calr_status calr_tensor_one_hot(const calr_tensor *labels, int64_t classes, calr_dtype dtype,
                                calr_tensor **out);
/* A copy of numbers as they lie in memory: `size` bytes, which must be those of the shape. CALR_EINVAL also for a bool
 * that is neither 0 nor 1. */
calr_status calr_tensor_from_bytes(calr_dtype dtype, int ndim, const int64_t *shape,
                                   const void *bytes, size_t size, calr_tensor **out);

#endif
