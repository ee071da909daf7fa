/* Views whose axes are others: permuted, repeated, a diagonal, windows. */
#include <string.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "autograd/ops/broadcast.h"

/* ---- permute ---- */

typedef struct order {
    int dims[CALR_MAX_DIMS];
} order;

static calr_status permute_forward(calr_op_call *call, calr_tensor **y)
{
    return calr_tensor_permute(call->in[0], ((const order *)call->attributes)->dims, y);
}

static calr_status permute_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const order *o = call->attributes;
    int back[CALR_MAX_DIMS];
    for (int d = 0; d < dy->ndim; d++)
        back[o->dims[d]] = d;
    return calr_tensor_permute(dy, back, &dx[0]);
}

static const calr_op op_permute = {.name = "permute",
                                   .attribute_bytes = sizeof(order),
                                   .strided = true,
                                   .makes_output = true,
                                   .forward = permute_forward,
                                   .backward = permute_backward};

calr_status calr_op_permute(calr_tensor *x, const int *dims, calr_tensor **y)
{
    order o = {{0}};
    memcpy(o.dims, dims, (size_t)x->ndim * sizeof dims[0]);
    return calr_op_apply(&op_permute, &x, 1, &o, y);
}

/* ---- expand ---- */

typedef struct new_shape {
    int ndim;
    int64_t shape[CALR_MAX_DIMS];
} new_shape;

static calr_status expand_forward(calr_op_call *call, calr_tensor **y)
{
    const new_shape *s = call->attributes;
    return calr_tensor_expand(call->in[0], s->ndim, s->shape, y);
}

static calr_status expand_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    return calr_broadcast_reduce(dy, &call->shape[0], &dx[0]);
}

static const calr_op op_expand = {.name = "expand",
                                  .attribute_bytes = sizeof(new_shape),
                                  .strided = true,
                                  .makes_output = true,
                                  .forward = expand_forward,
                                  .backward = expand_backward};

calr_status calr_op_expand(calr_tensor *x, int ndim, const int64_t *shape, calr_tensor **y)
{
    new_shape s = {.ndim = ndim};
    if (ndim < 0 || ndim > CALR_MAX_DIMS)
        return calr_error(CALR_EINVAL, "a tensor has 0 to %d dimensions, not %d", CALR_MAX_DIMS,
                          ndim);
    memcpy(s.shape, shape, (size_t)ndim * sizeof shape[0]);
    return calr_op_apply(&op_expand, &x, 1, &s, y);
}

/* ---- diagonal ---- */

typedef struct line {
    int64_t offset;
    int a, b;
} line;

static calr_status diagonal_forward(calr_op_call *call, calr_tensor **y)
{
    const line *l = call->attributes;
    return calr_tensor_diagonal(call->in[0], l->offset, l->a, l->b, y);
}

static calr_status diagonal_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const line *l = call->attributes;
    const calr_op_shape *x = &call->shape[0];
    calr_tensor *place;
    CALR_TRY(calr_tensor_zeros(x->dtype, x->ndim, x->shape, &dx[0]));
    CALR_TRY(calr_tensor_diagonal(dx[0], l->offset, l->a, l->b, &place));
    calr_status status = calr_tensor_copy(place, dy);
    calr_tensor_release(place);
    return status;
}

static const calr_op op_diagonal = {.name = "diagonal",
                                    .attribute_bytes = sizeof(line),
                                    .strided = true,
                                    .makes_output = true,
                                    .forward = diagonal_forward,
                                    .backward = diagonal_backward};

calr_status calr_op_diagonal(calr_tensor *x, int64_t offset, int dim_a, int dim_b, calr_tensor **y)
{
    line l = {offset, dim_a, dim_b};
    return calr_op_apply(&op_diagonal, &x, 1, &l, y);
}

/* ---- unfold ---- */

typedef struct windows {
    int dim;
    int64_t size, step;
} windows;

static calr_status unfold_forward(calr_op_call *call, calr_tensor **y)
{
    const windows *w = call->attributes;
    return calr_tensor_unfold(call->in[0], w->dim, w->size, w->step, y);
}

/* Windows may share items, but no two of them have the same item in the same place. */
static calr_status add_windows(const windows *w, calr_tensor *dx, calr_tensor *dy)
{
    calr_tensor *view;
    CALR_TRY(calr_tensor_unfold(dx, w->dim, w->size, w->step, &view));
    calr_status status = CALR_OK;
    for (int64_t i = 0; i < w->size && status == CALR_OK; i++) {
        calr_tensor *to, *from;
        status = calr_tensor_select(view, view->ndim - 1, i, &to);
        if (status != CALR_OK)
            break;
        status = calr_tensor_select(dy, dy->ndim - 1, i, &from);
        if (status == CALR_OK) {
            status = calr_tensor_accumulate(to, from);
            calr_tensor_release(from);
        }
        calr_tensor_release(to);
    }
    calr_tensor_release(view);
    return status;
}

static calr_status unfold_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_op_shape *x = &call->shape[0];
    calr_dtype dtype = x->dtype == CALR_F64 ? CALR_F64 : CALR_F32;
    calr_tensor *sum, *wide;
    CALR_TRY(calr_tensor_zeros(dtype, x->ndim, x->shape, &sum));
    calr_status status = calr_tensor_cast(dy, dtype, &wide);
    if (status == CALR_OK) {
        status = add_windows(call->attributes, sum, wide);
        calr_tensor_release(wide);
    }
    if (status == CALR_OK)
        status = calr_tensor_cast(sum, x->dtype, &dx[0]);
    calr_tensor_release(sum);
    return status;
}

static const calr_op op_unfold = {.name = "unfold",
                                  .attribute_bytes = sizeof(windows),
                                  .strided = true,
                                  .makes_output = true,
                                  .forward = unfold_forward,
                                  .backward = unfold_backward};

calr_status calr_op_unfold(calr_tensor *x, int dim, int64_t size, int64_t step, calr_tensor **y)
{
    windows w = {dim, size, step};
    return calr_op_apply(&op_unfold, &x, 1, &w, y);
}
