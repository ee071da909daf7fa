/* Numbers of one type into another. Inside tensor/ only. */
#ifndef CALR_TENSOR_CAST_H
#define CALR_TENSOR_CAST_H

#include "tensor/tensor.h"

/* `count` elements, steps in elements. The types may be the same. */
void calr_cast_row(void *to, calr_dtype to_type, int64_t to_step, const void *from,
                   calr_dtype from_type, int64_t from_step, int64_t count);

/* One element as a double, and back; for i64 beyond 2^53 rounded. */
double calr_cast_load(const void *data, calr_dtype dtype, int64_t i);
void calr_cast_store(void *data, calr_dtype dtype, int64_t i, double value);

#endif
