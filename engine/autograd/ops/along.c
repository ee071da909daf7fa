/* softmax, log_softmax and l2_normalize along any dimension, and of f64 and bf16: the kernels take rows of f32. */
#include <math.h>

#include "autograd/ops.h"

typedef struct work {
    calr_status (*rows)(calr_tensor *x, double parameter,
                        calr_tensor **y); /* f32, last dimension */
    calr_status (*wide)(calr_tensor *x, int dim, double parameter, calr_tensor **y); /* f64 */
    double parameter;
} work;

static calr_status softmax_rows(calr_tensor *x, double parameter, calr_tensor **y)
{
    (void)parameter;
    return calr_op_softmax(x, y);
}

static calr_status log_softmax_rows(calr_tensor *x, double parameter, calr_tensor **y)
{
    (void)parameter;
    return calr_op_log_softmax(x, y);
}

/* x - log sum exp x */
static calr_status log_softmax_wide(calr_tensor *x, int dim, double parameter, calr_tensor **y)
{
    (void)parameter;
    calr_reduction_request sum = {.op = CALR_REDUCE_LOGSUMEXP,
                                  .name = "log_softmax",
                                  .dims = {dim},
                                  .count = 1,
                                  .keepdim = true};
    calr_tensor *total;
    CALR_TRY(calr_op_reduce(&sum, x, &total, NULL));
    calr_status status = calr_op_binary(CALR_SUB, x, total, y);
    calr_tensor_release(total);
    return status;
}

static calr_status softmax_wide(calr_tensor *x, int dim, double parameter, calr_tensor **y)
{
    calr_tensor *logarithm;
    CALR_TRY(log_softmax_wide(x, dim, parameter, &logarithm));
    calr_status status = calr_op_unary(CALR_EXP, logarithm, NULL, y);
    calr_tensor_release(logarithm);
    return status;
}

/* x / max(|x|, eps) */
static calr_status l2_normalize_wide(calr_tensor *x, int dim, double eps, calr_tensor **y)
{
    calr_reduction_request norm = {.op = CALR_REDUCE_NORM,
                                   .name = "l2_normalize",
                                   .dims = {dim},
                                   .count = 1,
                                   .keepdim = true,
                                   .p = 2};
    calr_tensor *length, *divisor = NULL;
    double limits[2] = {eps, INFINITY};
    CALR_TRY(calr_op_reduce(&norm, x, &length, NULL));
    calr_status status = calr_op_unary(CALR_CLAMP, length, limits, &divisor);
    if (status == CALR_OK)
        status = calr_op_binary(CALR_DIV, x, divisor, y);
    calr_tensor_release(length);
    calr_tensor_release(divisor);
    return status;
}

static calr_status along(const work *w, calr_tensor *x, int dim, calr_tensor **y)
{
    int last = x->ndim - 1;
    if (x->dtype == CALR_F64 && dim >= 0)
        return w->wide(x, dim, w->parameter, y);
    calr_tensor *in = NULL, *out = NULL;
    calr_status status;
    if (x->dtype == CALR_BF16) { /* rounded once, at the end */
        status = calr_op_cast(x, CALR_F32, &in);
        if (status == CALR_OK)
            status = along(w, in, dim, &out);
        if (status == CALR_OK)
            status = calr_op_cast(out, CALR_BF16, y);
    } else if (dim < 0 || dim == last) {
        return w->rows(x, w->parameter, y);
    } else {
        status = calr_op_transpose(x, dim, last, &in);
        if (status == CALR_OK)
            status = w->rows(in, w->parameter, &out);
        if (status == CALR_OK)
            status = calr_op_transpose(out, dim, last, y);
    }
    calr_tensor_release(in);
    calr_tensor_release(out);
    return status;
}

calr_status calr_op_softmax_along(calr_tensor *x, int dim, calr_tensor **y)
{
    return along(&(work){softmax_rows, softmax_wide, 0}, x, dim, y);
}

calr_status calr_op_log_softmax_along(calr_tensor *x, int dim, calr_tensor **y)
{
    return along(&(work){log_softmax_rows, log_softmax_wide, 0}, x, dim, y);
}

calr_status calr_op_l2_normalize_along(calr_tensor *x, int dim, double eps, calr_tensor **y)
{
    return along(&(work){calr_op_l2_normalize, l2_normalize_wide, eps}, x, dim, y);
}
