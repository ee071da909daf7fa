#include "autograd/op.h"

#include <string.h>

int64_t calr_op_numel(const calr_op_shape *shape)
{
    int64_t count = 1;
    for (int i = 0; i < shape->ndim; i++)
        count *= shape->shape[i];
    return count;
}

bool calr_op_same_shape(const calr_op_shape *a, const calr_op_shape *b)
{
    return a->ndim == b->ndim &&
           memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof a->shape[0]) == 0;
}

const char *calr_op_describe(const calr_op_shape *shape, char text[CALR_TENSOR_TEXT])
{
    return calr_shape_describe(shape->dtype, shape->ndim, shape->shape, text);
}

calr_status calr_op_refuse_dtype(calr_dtype dtype)
{
    if (dtype == CALR_F16)
        return calr_error(
            CALR_EINVAL, "f16 numbers are kept, not computed with: convert them with x:to \"f32\"");
    if (dtype == CALR_BOOL)
        return calr_error(
            CALR_EINVAL,
            "there is no such arithmetic of bool: convert it with x:to \"i64\", or use "
            "logical_and, logical_or, logical_xor, logical_not");
    return calr_error(CALR_EINVAL,
                      "%s numbers have no such operation: convert them with x:to \"f32\"",
                      calr_dtype_name(dtype));
}

void calr_op_shape_of(const calr_tensor *tensor, calr_op_shape *out)
{
    *out = (calr_op_shape){.dtype = tensor->dtype, .ndim = tensor->ndim};
    memcpy(out->shape, tensor->shape, sizeof tensor->shape);
}

void calr_op_out(calr_op_call *call, int ndim, const int64_t *shape)
{
    call->out.dtype = CALR_F32;
    call->out.ndim = ndim;
    for (int i = 0; i < ndim; i++)
        call->out.shape[i] = shape[i];
}

void calr_op_out_like(calr_op_call *call, int i)
{
    call->out = call->shape[i];
}

calr_status calr_op_expect(const calr_op_call *call, int i, const char *name, int ndim,
                           const char *form)
{
    char text[CALR_TENSOR_TEXT];
    const calr_op_shape *shape = &call->shape[i];
    if (!call->in[i])
        return calr_error(CALR_EINVAL, "%s is missing (%s)", name, form);
    if (shape->dtype != CALR_F32 || (ndim >= 0 && shape->ndim != ndim))
        return calr_error(CALR_EINVAL, "%s must be %s, not %s", name, form,
                          calr_op_describe(shape, text));
    return CALR_OK;
}

calr_status calr_op_expect_real(const calr_op_call *call, int i, const char *name, int ndim,
                                const char *form)
{
    if (call->in[i] && call->shape[i].dtype == CALR_BF16 &&
        (ndim < 0 || call->shape[i].ndim == ndim))
        return CALR_OK;
    return calr_op_expect(call, i, name, ndim, form);
}
