/* Queries about the contents of a tensor. */
#ifndef CALR_TENSOR_SCAN_H
#define CALR_TENSOR_SCAN_H

#include "tensor/tensor.h"

/* Whether no element is NaN or infinite; true for integers and bools. Strided views are copied first. */
calr_status calr_tensor_is_finite(const calr_tensor *tensor, bool *out);

#endif
