/* The same elements in other shapes. */
#include <string.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "autograd/tape.h"

/* ---- reshape ---- */

typedef struct new_shape {
    int ndim;
    int64_t shape[CALR_MAX_DIMS];
} new_shape;

static calr_status reshape_forward(calr_op_call *call, calr_tensor **y)
{
    const new_shape *s = call->attributes;
    return calr_tensor_reshape(call->in[0], s->ndim, s->shape, y);
}

static calr_status reshape_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_op_shape *x = &call->shape[0];
    if (calr_tensor_is_viewable(dy, x->ndim, x->shape))
        return calr_tensor_reshape(dy, x->ndim, x->shape, &dx[0]);
    calr_tensor *straight;
    CALR_TRY(calr_tensor_clone(dy, &straight));
    calr_status status = calr_tensor_reshape(straight, x->ndim, x->shape, &dx[0]);
    calr_tensor_release(straight);
    return status;
}

static const calr_op op_reshape = {.name = "reshape",
                                   .attribute_bytes = sizeof(new_shape),
                                   .strided = true,
                                   .makes_output = true,
                                   .forward = reshape_forward,
                                   .backward = reshape_backward};

static const calr_op op_view = {.name = "view",
                                .attribute_bytes = sizeof(new_shape),
                                .strided = true,
                                .makes_output = true,
                                .forward = reshape_forward,
                                .backward = reshape_backward};

static calr_status apply_shape(const calr_op *op, calr_tensor *x, int ndim, const int64_t *shape,
                               calr_tensor **y)
{
    new_shape s = {.ndim = ndim};
    if (ndim < 0 || ndim > CALR_MAX_DIMS)
        return calr_error(CALR_EINVAL, "a tensor has 0 to %d dimensions, not %d", CALR_MAX_DIMS,
                          ndim);
    memcpy(s.shape, shape, (size_t)ndim * sizeof shape[0]);
    return calr_op_apply(op, &x, 1, &s, y);
}

calr_status calr_op_view(calr_tensor *x, int ndim, const int64_t *shape, calr_tensor **y)
{
    return apply_shape(&op_view, x, ndim, shape, y);
}

calr_status calr_op_reshape(calr_tensor *x, int ndim, const int64_t *shape, calr_tensor **y)
{
    calr_tensor *straight;
    if (calr_tensor_is_contiguous(x) || calr_tensor_is_viewable(x, ndim, shape))
        return apply_shape(&op_reshape, x, ndim, shape, y);
    CALR_TRY(calr_op_clone(x, &straight));
    calr_status status = apply_shape(&op_reshape, straight, ndim, shape, y);
    calr_tensor_release(straight);
    return status;
}

/* ---- narrow and select ---- */

typedef struct part {
    int dim;
    int64_t start, step, length;
    bool drop; /* select: the dimension goes away */
} part;

static calr_status part_forward(calr_op_call *call, calr_tensor **y)
{
    const part *p = call->attributes;
    if (p->drop)
        return calr_tensor_select(call->in[0], p->dim, p->start, y);
    if (p->step == 1)
        return calr_tensor_narrow(call->in[0], p->dim, p->start, p->length, y);
    return calr_tensor_slice(call->in[0], p->dim, p->start, p->step, p->length, y);
}

/* dy in its place among zeros. */
static calr_status part_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const part *p = call->attributes;
    calr_tensor *place;
    const calr_op_shape *x = &call->shape[0];
    CALR_TRY(calr_tensor_zeros(x->dtype, x->ndim, x->shape, &dx[0]));
    if (p->drop)
        CALR_TRY(calr_tensor_select(dx[0], p->dim, p->start, &place));
    else
        CALR_TRY(calr_tensor_slice(dx[0], p->dim, p->start, p->step, p->length, &place));
    calr_status status = calr_tensor_copy(place, dy);
    calr_tensor_release(place);
    return status;
}

static const calr_op op_narrow = {.name = "narrow",
                                  .attribute_bytes = sizeof(part),
                                  .strided = true,
                                  .makes_output = true,
                                  .forward = part_forward,
                                  .backward = part_backward};
static const calr_op op_slice = {.name = "slice",
                                 .attribute_bytes = sizeof(part),
                                 .strided = true,
                                 .makes_output = true,
                                 .forward = part_forward,
                                 .backward = part_backward};
static const calr_op op_select = {.name = "select",
                                  .attribute_bytes = sizeof(part),
                                  .strided = true,
                                  .makes_output = true,
                                  .forward = part_forward,
                                  .backward = part_backward};

calr_status calr_op_narrow(calr_tensor *x, int dim, int64_t start, int64_t length, calr_tensor **y)
{
    part p = {dim, start, 1, length, false};
    return calr_op_apply(&op_narrow, &x, 1, &p, y);
}

calr_status calr_op_slice(calr_tensor *x, int dim, int64_t start, int64_t step, int64_t length,
                          calr_tensor **y)
{
    part p = {dim, start, step, length, false};
    return calr_op_apply(&op_slice, &x, 1, &p, y);
}

calr_status calr_op_select(calr_tensor *x, int dim, int64_t index, calr_tensor **y)
{
    part p = {dim, index, 1, 1, true};
    return calr_op_apply(&op_select, &x, 1, &p, y);
}

/* ---- transpose ---- */

typedef struct swap {
    int a, b;
} swap;

static calr_status transpose_forward(calr_op_call *call, calr_tensor **y)
{
    const swap *s = call->attributes;
    return calr_tensor_transpose(call->in[0], s->a, s->b, y);
}

static calr_status transpose_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const swap *s = call->attributes;
    return calr_tensor_transpose(dy, s->a, s->b, &dx[0]);
}

static const calr_op op_transpose = {.name = "transpose",
                                     .attribute_bytes = sizeof(swap),
                                     .strided = true,
                                     .makes_output = true,
                                     .forward = transpose_forward,
                                     .backward = transpose_backward};

calr_status calr_op_transpose(calr_tensor *x, int dim_a, int dim_b, calr_tensor **y)
{
    swap s = {dim_a, dim_b};
    return calr_op_apply(&op_transpose, &x, 1, &s, y);
}

/* ---- clone ---- */

static calr_status clone_forward(calr_op_call *call, calr_tensor **y)
{
    return calr_tensor_clone(call->in[0], y);
}

static calr_status clone_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    (void)call;
    dx[0] = calr_tensor_retain(dy);
    return CALR_OK;
}

static const calr_op op_clone = {.name = "clone",
                                 .strided = true,
                                 .makes_output = true,
                                 .forward = clone_forward,
                                 .backward = clone_backward};

calr_status calr_op_clone(calr_tensor *x, calr_tensor **y)
{
    return calr_op_apply(&op_clone, &x, 1, NULL, y);
}

/* ---- cast ---- */

static calr_status cast_forward(calr_op_call *call, calr_tensor **y)
{
    return calr_tensor_cast(call->in[0], *(const calr_dtype *)call->attributes, y);
}

static calr_status cast_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    return calr_tensor_cast(dy, call->shape[0].dtype, &dx[0]);
}

static const calr_op op_cast = {.name = "to",
                                .attribute_bytes = sizeof(calr_dtype),
                                .strided = true,
                                .makes_output = true,
                                .forward = cast_forward,
                                .backward = cast_backward};

calr_status calr_op_cast(calr_tensor *x, calr_dtype dtype, calr_tensor **y)
{
    if (x->dtype == dtype)
        return calr_op_clone(x, y);
    if (dtype == CALR_F16 && calr_tape_requires(x) && calr_tape_is_recording())
        return calr_error(CALR_EINVAL,
                          "to: gradients do not pass through f16; convert x:detach(), or use bf16");
    if (!calr_dtype_has_gradients(x->dtype) || !calr_dtype_has_gradients(dtype))
        return calr_tensor_cast(x, dtype, y);
    return calr_op_apply(&op_cast, &x, 1, &dtype, y);
}

calr_status calr_op_contiguous(calr_tensor *x, calr_tensor **y)
{
    if (!calr_tensor_is_contiguous(x))
        return calr_op_clone(x, y);
    *y = calr_tensor_retain(x);
    return CALR_OK;
}
