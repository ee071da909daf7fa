/* Reductions: their names and sizes. Part of backend.h, which has the kernels. */
#ifndef CALR_BACKEND_REDUCTIONS_H
#define CALR_BACKEND_REDUCTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "tensor/tensor.h"

typedef enum calr_reduction {
    CALR_REDUCE_SUM, /* of integers and bools: i64, which wraps around */
    CALR_REDUCE_MEAN,
    CALR_REDUCE_PROD, /* of integers: as the sum */
    CALR_REDUCE_MAX,  /* NaN where one is; n >= 1 */
    CALR_REDUCE_MIN,
    CALR_REDUCE_COUNT, /* of what is not 0: i64 */
    CALR_REDUCE_ANY,   /* whether something is not 0: bool */
    CALR_REDUCE_ALL,
    CALR_REDUCE_NORM, /* (sum |x|^p)^(1/p); p = 0 counts what is not 0, +-inf is the largest or smallest |x|, n >= 1 */
    CALR_REDUCE_VAR, /* sum (x - mean)^2 / (n - p) */
    CALR_REDUCE_STD,
    CALR_REDUCE_LOGSUMEXP /* n >= 1 */
} calr_reduction;

/* x is outer x n x inner, y outer x inner. */
typedef struct calr_reduce {
    calr_reduction op;
    calr_dtype dtype; /* of x; of y too where the operation says nothing else */
    int64_t outer, n, inner;
    double p; /* the norm's exponent, or the variance's correction */
} calr_reduce;

/* Whether there are kernels for x of this type: f32 and f64 for all, i64 for what integers have; more for sums and
 * counts. */
bool calr_reduce_takes(calr_reduction op, calr_dtype dtype);

#endif
