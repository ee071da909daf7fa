/* Distances between the rows of matrices. */
#include <string.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "autograd/ops/linalg.h"
#include "backend/backend.h"

static calr_distances sizes_of(const calr_op_call *call)
{
    const double *p = call->attributes;
    const calr_op_shape *a = &call->shape[0], *b = &call->shape[1];
    calr_distances sizes = {.dtype = a->dtype,
                            .count = 1,
                            .m = a->shape[a->ndim - 2],
                            .n = b->shape[b->ndim - 2],
                            .d = a->shape[a->ndim - 1],
                            .p = *p};
    for (int i = 0; i < a->ndim - 2; i++)
        sizes.count *= a->shape[i];
    return sizes;
}

static calr_status cdist_check(calr_op_call *call)
{
    char ta[CALR_TENSOR_TEXT], tb[CALR_TENSOR_TEXT];
    const calr_op_shape *a = &call->shape[0], *b = &call->shape[1];
    CALR_TRY(calr_linalg_expect(call, 0, "x1", false));
    CALR_TRY(calr_linalg_expect(call, 1, "x2", false));
    if (a->dtype != b->dtype || a->ndim != b->ndim ||
        a->shape[a->ndim - 1] != b->shape[b->ndim - 1] ||
        memcmp(a->shape, b->shape, (size_t)(a->ndim - 2) * sizeof a->shape[0]) != 0)
        return calr_error(CALR_EINVAL,
                          "x1, %s, and x2, %s, do not fit: rows of one length and one "
                          "type are needed",
                          calr_op_describe(a, ta), calr_op_describe(b, tb));
    call->out = *a;
    call->out.shape[a->ndim - 1] = b->shape[b->ndim - 2];
    return CALR_OK;
}

static calr_status cdist_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *backend;
    calr_distances sizes = sizes_of(call);
    CALR_TRY(calr_backend_get(&backend));
    CALR_TRY(backend->distances(&sizes, calr_tensor_data(call->in[0]),
                                calr_tensor_data(call->in[1]), calr_tensor_data(*y)));
    CALR_TRY(calr_op_save(call, "x1", call->in[0]));
    CALR_TRY(calr_op_save(call, "x2", call->in[1]));
    return calr_op_save(call, "the distances", *y);
}

static calr_status cdist_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *backend;
    calr_distances sizes = sizes_of(call);
    CALR_TRY(calr_backend_get(&backend));
    CALR_TRY(calr_op_gradient(call, 0, dx));
    CALR_TRY(calr_op_gradient(call, 1, dx));
    return backend->distances_backward(
        &sizes, calr_tensor_data(calr_op_saved(call, 0)), calr_tensor_data(calr_op_saved(call, 1)),
        calr_tensor_data(calr_op_saved(call, 2)), calr_tensor_data(dy), calr_op_data_or_null(dx[0]),
        calr_op_data_or_null(dx[1]));
}

static const calr_op op_cdist = {.name = "cdist",
                                 .attribute_bytes = sizeof(double),
                                 .check = cdist_check,
                                 .forward = cdist_forward,
                                 .backward = cdist_backward};

calr_status calr_op_cdist(calr_tensor *a, calr_tensor *b, double p, calr_tensor **y)
{
    if (!(p >= 0))
        return calr_error(CALR_EINVAL, "cdist: p must be 0 or more, not %g", p);
    return calr_linalg_apply(&op_cdist, &p, a, b, y);
}
