/* Items by number, and tensors one after the other. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "backend/backend.h"
#include "base/size.h"

/* ---- index_select ---- */

typedef struct chosen {
    int64_t *index; /* owned */
    int64_t count;
    int dim;
} chosen;

static calr_status select_check(calr_op_call *call)
{
    char text[CALR_TENSOR_TEXT];
    const calr_op_shape *x = &call->shape[0];
    const chosen *c = call->attributes;
    if (c->dim < 0 || c->dim >= x->ndim)
        return calr_error(CALR_EINVAL, "%s has no dimension %d", calr_op_describe(x, text),
                          c->dim + 1);
    return CALR_OK;
}

static calr_status select_forward(calr_op_call *call, calr_tensor **y)
{
    const chosen *c = call->attributes;
    return calr_tensor_index_select(call->in[0], c->dim, c->index, c->count, y);
}

/* Adds dy[n x count x inner] to dx[n x length x inner], both f32, at the items chosen. */
static calr_status add_chosen(const calr_op_shape *x, const chosen *c, const calr_tensor *dy,
                              calr_tensor *dx)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    int64_t outer = 1, inner = 1;
    for (int d = 0; d < x->ndim; d++)
        if (d != c->dim)
            *(d < c->dim ? &outer : &inner) *= x->shape[d];
    for (int64_t i = 0; i < outer; i++)
        k->add_rows(c->count, inner, c->index, calr_tensor_f32(dy) + i * c->count * inner,
                    calr_tensor_f32(dx) + i * x->shape[c->dim] * inner);
    return CALR_OK;
}

/* A gradient of bf16 is added up in f32 and rounded once. */
static calr_status select_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_op_shape *x = &call->shape[0];
    calr_tensor *sum, *wide = NULL;
    CALR_TRY(calr_tensor_zeros(CALR_F32, x->ndim, x->shape, &sum));
    calr_status status = CALR_OK;
    if (dy->dtype != CALR_F32)
        status = calr_tensor_cast(dy, CALR_F32, &wide);
    if (status == CALR_OK)
        status = add_chosen(x, call->attributes, wide ? wide : dy, sum);
    calr_tensor_release(wide);
    if (status == CALR_OK && x->dtype != CALR_F32) {
        status = calr_tensor_cast(sum, x->dtype, &dx[0]);
        calr_tensor_release(sum);
        return status;
    }
    if (status == CALR_OK)
        dx[0] = sum;
    else
        calr_tensor_release(sum);
    return status;
}

static void select_release(void *attributes)
{
    free(((chosen *)attributes)->index);
}

static const calr_op op_index_select = {.name = "index_select",
                                        .attribute_bytes = sizeof(chosen),
                                        .makes_output = true,
                                        .check = select_check,
                                        .forward = select_forward,
                                        .backward = select_backward,
                                        .release = select_release};

calr_status calr_op_index_select(calr_tensor *x, int dim, const int64_t *index, int64_t count,
                                 calr_tensor **y)
{
    chosen c = {.index = calr_array_new(count, sizeof *index), .count = count, .dim = dim};
    if (!c.index)
        return calr_error(CALR_ENOMEM, "index_select: no memory for %" PRId64 " numbers", count);
    memcpy(c.index, index, (size_t)count * sizeof *index);
    return calr_op_apply(&op_index_select, &x, 1, &c, y);
}

/* ---- cat ---- */

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
