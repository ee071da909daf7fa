/* Tensors one after the other. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "backend/backend.h"
#include "base/size.h"

static calr_status cat_check(calr_op_call *call)
{
    int dim = *(const int *)call->attributes;
    char first[CALR_TENSOR_TEXT], other[CALR_TENSOR_TEXT];
    const calr_op_shape *a = &call->shape[0];
    if (dim < 0 || dim >= a->ndim)
        return calr_error(CALR_EINVAL, "%s has no dimension %d", calr_op_describe(a, first),
                          dim + 1);
    int64_t shape[CALR_MAX_DIMS];
    memcpy(shape, a->shape, sizeof shape);
    for (int i = 0; i < call->count; i++) {
        const calr_op_shape *b = &call->shape[i];
        if (b->dtype != a->dtype)
            return calr_error(
                CALR_EINVAL,
                "%s (tensor 1) and %s (tensor %d) are of different types; convert one "
                "with x:to(type)",
                calr_op_describe(a, first), calr_op_describe(b, other), i + 1);
        bool fits = b->ndim == a->ndim;
        for (int d = 0; d < a->ndim && fits; d++)
            fits = d == dim || b->shape[d] == a->shape[d];
        if (!fits)
            return calr_error(
                CALR_EINVAL, "%s (tensor 1) and %s (tensor %d) must agree in all but dimension %d",
                calr_op_describe(a, first), calr_op_describe(b, other), i + 1, dim + 1);
        if (i > 0 && __builtin_add_overflow(shape[dim], b->shape[dim], &shape[dim]))
            return calr_error(CALR_ENOMEM, "the result is larger than can be addressed");
    }
    calr_op_out(call, a->ndim, shape);
    call->out.dtype = a->dtype;
    return CALR_OK;
}

static calr_status cat_forward(calr_op_call *call, calr_tensor **y)
{
    int dim = *(const int *)call->attributes;
    int64_t at = 0;
    for (int i = 0; i < call->count; i++) {
        calr_tensor *place;
        int64_t length = call->shape[i].shape[dim];
        CALR_TRY(calr_tensor_narrow(*y, dim, at, length, &place));
        calr_status status = calr_tensor_copy(place, call->in[i]);
        calr_tensor_release(place);
        CALR_TRY(status);
        at += length;
    }
    return CALR_OK;
}

static calr_status cat_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    int dim = *(const int *)call->attributes;
    int64_t at = 0;
    for (int i = 0; i < call->count; i++) {
        int64_t length = call->shape[i].shape[dim];
        if (call->needs[i])
            CALR_TRY(calr_tensor_narrow(dy, dim, at, length, &dx[i]));
        at += length;
    }
    return CALR_OK;
}

static const calr_op op_cat = {.name = "cat",
                               .attribute_bytes = sizeof(int),
                               .strided = true,
                               .check = cat_check,
                               .forward = cat_forward,
                               .backward = cat_backward};

calr_status calr_op_cat(calr_tensor *const *x, int count, int dim, calr_tensor **y)
{
    if (count < 1)
        return calr_error(CALR_EINVAL, "cat: at least one tensor is needed");
    return calr_op_apply(&op_cat, x, count, &dim, y);
}
