/* Rows by number, and tensors one after the other. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "backend/backend.h"
#include "base/size.h"

/* ---- gather ---- */

typedef struct rows {
    int64_t *index; /* owned */
    int64_t count;
} rows;

static calr_status gather_check(calr_op_call *call)
{
    return calr_op_expect(call, 0, "x", -1, "f32");
}

static calr_status gather_forward(calr_op_call *call, calr_tensor **y)
{
    const rows *r = call->attributes;
    return calr_tensor_gather(call->in[0], r->index, r->count, y);
}

static calr_status gather_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_op_shape *x = &call->shape[0];
    const rows *r = call->attributes;
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_tensor_zeros(CALR_F32, x->ndim, x->shape, &dx[0]));
    int64_t width = 1;
    for (int d = 1; d < x->ndim; d++)
        width *= x->shape[d];
    k->add_rows(r->count, width, r->index, calr_tensor_f32(dy), calr_tensor_f32(dx[0]));
    return CALR_OK;
}

static void gather_release(void *attributes)
{
    free(((rows *)attributes)->index);
}

static const calr_op op_gather = {.name = "gather",
                                  .attribute_bytes = sizeof(rows),
                                  .makes_output = true,
                                  .check = gather_check,
                                  .forward = gather_forward,
                                  .backward = gather_backward,
                                  .release = gather_release};

calr_status calr_op_gather(calr_tensor *x, const int64_t *index, int64_t count, calr_tensor **y)
{
    rows r = {.index = calr_array_new(count, sizeof *index), .count = count};
    if (!r.index)
        return calr_error(CALR_ENOMEM, "gather: no memory for %" PRId64 " row numbers", count);
    memcpy(r.index, index, (size_t)count * sizeof *index);
    return calr_op_apply(&op_gather, &x, 1, &r, y);
}

/* ---- concat ---- */

static calr_status concat_check(calr_op_call *call)
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

static calr_status concat_forward(calr_op_call *call, calr_tensor **y)
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

static calr_status concat_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
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

static const calr_op op_concat = {.name = "concat",
                                  .attribute_bytes = sizeof(int),
                                  .strided = true,
                                  .check = concat_check,
                                  .forward = concat_forward,
                                  .backward = concat_backward};

calr_status calr_op_concat(calr_tensor *const *x, int count, int dim, calr_tensor **y)
{
    if (count < 1)
        return calr_error(CALR_EINVAL, "concat: at least one tensor is needed");
    return calr_op_apply(&op_concat, x, count, &dim, y);
}
