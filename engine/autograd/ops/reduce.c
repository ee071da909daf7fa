/* sum and mean. */
#include <inttypes.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "autograd/ops/broadcast.h"
#include "backend/backend.h"

typedef struct reduction {
    int dim; /* -1: all */
    bool mean;
} reduction;

/* x seen as [outer x n x inner]. */
static void split(const calr_op_shape *x, int dim, int64_t *outer, int64_t *n, int64_t *inner)
{
    *outer = *n = *inner = 1;
    for (int d = 0; d < x->ndim; d++)
        *(dim < 0 || d == dim ? n : d < dim ? outer : inner) *= x->shape[d];
}

static calr_status check(calr_op_call *call)
{
    const reduction *r = call->attributes;
    const calr_op_shape *x = &call->shape[0];
    char text[CALR_TENSOR_TEXT];
    CALR_TRY(calr_op_expect(call, 0, "x", -1, "f32"));
    if (r->dim >= x->ndim)
        return calr_error(CALR_EINVAL, "%s has no dimension %d", calr_op_describe(x, text),
                          r->dim + 1);
    int64_t outer, n, inner, shape[CALR_MAX_DIMS];
    split(x, r->dim, &outer, &n, &inner);
    if (r->mean && n == 0)
        return calr_error(CALR_EINVAL, "%s has no items to take the mean of",
                          calr_op_describe(x, text));
    int ndim = 0;
    for (int d = 0; d < x->ndim && r->dim >= 0; d++)
        if (d != r->dim)
            shape[ndim++] = x->shape[d];
    calr_op_out(call, ndim, shape);
    return CALR_OK;
}

static calr_status forward(calr_op_call *call, calr_tensor **y)
{
    const reduction *r = call->attributes;
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    int64_t outer, n, inner;
    split(&call->shape[0], r->dim, &outer, &n, &inner);
    const float *x = calr_tensor_f32(call->in[0]);
    float *sums = calr_tensor_f32(*y);
    if (outer == 1 && inner == 1) {
        double total = k->sum(n, x);
        sums[0] = (float)(r->mean ? total / (double)n : total);
        return CALR_OK;
    }
    if (inner == 1)
        CALR_TRY(k->sum_columns(outer, n, x, sums));
    else
        k->sum_middle(outer, n, inner, x, sums);
    if (r->mean)
        k->scale(CALR_F32, outer * inner, 1 / (float)n, sums, sums);
    return CALR_OK;
}

static calr_status backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const reduction *r = call->attributes;
    const calr_op_shape *x = &call->shape[0];
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    int64_t outer, n, inner, shape[CALR_MAX_DIMS];
    split(x, r->dim, &outer, &n, &inner);
    for (int d = 0; d < x->ndim; d++)
        shape[d] = r->dim < 0 || d == r->dim ? 1 : x->shape[d];
    calr_tensor *kept;
    CALR_TRY(calr_tensor_reshape(dy, x->ndim, shape, &kept));
    calr_status status = calr_broadcast_expand(kept, x, &dx[0]);
    calr_tensor_release(kept);
    if (status != CALR_OK || !r->mean || n == 1)
        return status;
    /* With n > 1 the expansion is a copy, so it may be scaled where it is. */
    k->scale(CALR_F32, calr_tensor_numel(dx[0]), 1 / (float)n, calr_tensor_f32(dx[0]),
             calr_tensor_f32(dx[0]));
    return CALR_OK;
}

static const calr_op op_sum = {.name = "sum",
                               .attribute_bytes = sizeof(reduction),
                               .check = check,
                               .forward = forward,
                               .backward = backward};
static const calr_op op_mean = {.name = "mean",
                                .attribute_bytes = sizeof(reduction),
                                .check = check,
                                .forward = forward,
                                .backward = backward};

calr_status calr_op_sum(calr_tensor *x, int dim, calr_tensor **y)
{
    reduction r = {dim, false};
    return calr_op_apply(&op_sum, &x, 1, &r, y);
}

calr_status calr_op_mean(calr_tensor *x, int dim, calr_tensor **y)
{
    reduction r = {dim, true};
    return calr_op_apply(&op_mean, &x, 1, &r, y);
}
