/* Padding, and a vector as the diagonal of a matrix. Any type. */
#include <inttypes.h>
#include <string.h>

#include "autograd/apply.h"
#include "autograd/ops.h"

/* ---- pad ---- */

/* Items of the input and of the output in one dimension. */
typedef struct border {
    int64_t before, length, after;
} border;

static border border_of(const calr_padding *p, const calr_op_shape *x, int dim)
{
    return (border){p->before[dim], x->shape[dim], p->after[dim]};
}

/* Which item of the padded dimension holds what item `i` of the border repeats. */
static int64_t source_of(const border *b, calr_pad_mode mode, int64_t i)
{
    int64_t first = b->before, last = b->before + b->length - 1;
    if (mode == CALR_PAD_REPLICATE)
        return i < first ? first : last;
    return i < first ? 2 * first - i : 2 * last - i;
}

/* y as far as it is filled when dimensions 0 .. dim are padded: the others only where x is. */
static calr_status inner_view(const calr_padding *p, const calr_op_shape *x, calr_tensor *y,
                              int dim, calr_tensor **out)
{
    calr_tensor *view = calr_tensor_retain(y);
    for (int d = dim + 1; d < x->ndim; d++) {
        calr_tensor *part;
        calr_status status = calr_tensor_narrow(view, d, p->before[d], x->shape[d], &part);
        calr_tensor_release(view);
        CALR_TRY(status);
        view = part;
    }
    *out = view;
    return CALR_OK;
}

typedef calr_status (*item_step)(calr_tensor *border_item, calr_tensor *source_item);

static calr_status take_item(calr_tensor *border_item, calr_tensor *source_item)
{
    return calr_tensor_copy(border_item, source_item);
}

static calr_status give_item(calr_tensor *border_item, calr_tensor *source_item)
{
    return calr_tensor_accumulate(source_item, border_item);
}

/* Does a step for every item of a dimension's border, outermost last. */
static calr_status for_border(const calr_padding *p, const calr_op_shape *x, calr_tensor *view,
                              int dim, item_step step)
{
    border b = border_of(p, x, dim);
    for (int64_t k = 0; k < b.before + b.after; k++) {
        int64_t i = k < b.before ? k : b.length + k;
        calr_tensor *item, *source;
        CALR_TRY(calr_tensor_select(view, dim, i, &item));
        calr_status status = calr_tensor_select(view, dim, source_of(&b, p->mode, i), &source);
        if (status == CALR_OK) {
            status = step(item, source);
            calr_tensor_release(source);
        }
        calr_tensor_release(item);
        CALR_TRY(status);
    }
    return CALR_OK;
}

static calr_status check_dim(const calr_padding *p, const calr_op_shape *x, int d, int64_t *length)
{
    char text[CALR_TENSOR_TEXT];
    int64_t widest = p->before[d] > p->after[d] ? p->before[d] : p->after[d];
    if (p->before[d] < 0 || p->after[d] < 0)
        return calr_error(CALR_EINVAL,
                          "dimension %d: %" PRId64 " and %" PRId64
                          " items cannot be put on; x:narrow takes items off",
                          d + 1, p->before[d], p->after[d]);
    if (p->mode == CALR_PAD_REFLECT && widest > 0 && widest >= x->shape[d])
        return calr_error(CALR_EINVAL,
                          "dimension %d of %s is too short to reflect %" PRId64
                          " items: it must be longer than that",
                          d + 1, calr_op_describe(x, text), widest);
    if (p->mode == CALR_PAD_REPLICATE && widest > 0 && x->shape[d] == 0)
        return calr_error(CALR_EINVAL, "dimension %d of %s has no item to repeat", d + 1,
                          calr_op_describe(x, text));
    if (__builtin_add_overflow(x->shape[d], p->before[d], length) ||
        __builtin_add_overflow(*length, p->after[d], length))
        return calr_error(CALR_ENOMEM, "the result is larger than can be addressed");
    return CALR_OK;
}

static calr_status pad_check(calr_op_call *call)
{
    const calr_padding *p = call->attributes;
    const calr_op_shape *x = &call->shape[0];
    calr_op_out_like(call, 0);
    for (int d = 0; d < x->ndim; d++)
        CALR_TRY(check_dim(p, x, d, &call->out.shape[d]));
    return CALR_OK;
}

static calr_status pad_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_padding *p = call->attributes;
    const calr_op_shape *x = &call->shape[0];
    calr_tensor *view;
    if (p->mode == CALR_PAD_CONSTANT)
        CALR_TRY(calr_tensor_fill(*y, p->value));
    CALR_TRY(inner_view(p, x, *y, -1, &view));
    calr_status status = calr_tensor_copy(view, call->in[0]);
    calr_tensor_release(view);
    for (int d = 0; d < x->ndim && status == CALR_OK && p->mode != CALR_PAD_CONSTANT; d++) {
        CALR_TRY(inner_view(p, x, *y, d, &view));
        status = for_border(p, x, view, d, take_item);
        calr_tensor_release(view);
    }
    return status;
}

/* Adds the gradients of the border to the items that it repeats, the last dimension first. `sum` is f32 or f64. */
static calr_status fold_border(const calr_op_call *call, calr_tensor *sum)
{
    const calr_padding *p = call->attributes;
    const calr_op_shape *x = &call->shape[0];
    for (int d = x->ndim - 1; d >= 0; d--) {
        calr_tensor *view;
        CALR_TRY(inner_view(p, x, sum, d, &view));
        calr_status status = for_border(p, x, view, d, give_item);
        calr_tensor_release(view);
        CALR_TRY(status);
    }
    return CALR_OK;
}

static calr_status pad_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_padding *p = call->attributes;
    const calr_op_shape *x = &call->shape[0];
    if (p->mode == CALR_PAD_CONSTANT)
        return inner_view(p, x, dy, -1, &dx[0]);
    calr_tensor *sum, *view;
    CALR_TRY(calr_tensor_cast(dy, x->dtype == CALR_F64 ? CALR_F64 : CALR_F32, &sum));
    calr_status status = fold_border(call, sum);
    if (status == CALR_OK)
        status = inner_view(p, x, sum, -1, &view);
    if (status == CALR_OK) {
        status = calr_tensor_cast(view, x->dtype, &dx[0]);
        calr_tensor_release(view);
    }
    calr_tensor_release(sum);
    return status;
}

static const calr_op op_pad = {.name = "pad",
                               .attribute_bytes = sizeof(calr_padding),
                               .strided = true,
                               .check = pad_check,
                               .forward = pad_forward,
                               .backward = pad_backward};

calr_status calr_op_pad(calr_tensor *x, const calr_padding *padding, calr_tensor **y)
{
    return calr_op_apply(&op_pad, &x, 1, padding, y);
}

/* ---- a vector as a diagonal ---- */

static calr_status diag_check(calr_op_call *call)
{
    char text[CALR_TENSOR_TEXT];
    const calr_op_shape *x = &call->shape[0];
    int64_t offset = *(const int64_t *)call->attributes, size;
    if (x->ndim != 1)
        return calr_error(CALR_EINVAL, "a vector or a matrix is needed, not %s: x:diagonal()",
                          calr_op_describe(x, text));
    if (offset == INT64_MIN ||
        __builtin_add_overflow(x->shape[0], offset < 0 ? -offset : offset, &size))
        return calr_error(CALR_ENOMEM, "the result is larger than can be addressed");
    call->out = (calr_op_shape){.dtype = x->dtype, .ndim = 2, .shape = {size, size}};
    return CALR_OK;
}

static calr_status diag_forward(calr_op_call *call, calr_tensor **y)
{
    calr_tensor *line;
    CALR_TRY(calr_tensor_fill(*y, 0));
    CALR_TRY(calr_tensor_diagonal(*y, *(const int64_t *)call->attributes, 0, 1, &line));
    calr_status status = calr_tensor_copy(line, call->in[0]);
    calr_tensor_release(line);
    return status;
}

static calr_status diag_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    return calr_tensor_diagonal(dy, *(const int64_t *)call->attributes, 0, 1, &dx[0]);
}

static const calr_op op_diag = {.name = "diag",
                                .attribute_bytes = sizeof(int64_t),
                                .strided = true,
                                .check = diag_check,
                                .forward = diag_forward,
                                .backward = diag_backward};

calr_status calr_op_diag(calr_tensor *x, int64_t offset, calr_tensor **y)
{
    if (x->ndim == 2)
        return calr_op_diagonal(x, offset, 0, 1, y);
    return calr_op_apply(&op_diag, &x, 1, &offset, y);
}
