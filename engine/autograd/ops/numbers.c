#include "autograd/ops/numbers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "autograd/apply.h"
#include "autograd/tape.h"

calr_status calr_numbers_of(const calr_tensor *index, calr_tensor **out)
{
    char text[CALR_TENSOR_TEXT];
    if (index->dtype == CALR_I64)
        return calr_tensor_contiguous(index, out);
    if (index->dtype == CALR_I32)
        return calr_tensor_cast(index, CALR_I64, out);
    return calr_error(CALR_EINVAL, "index must be i64 or i32, not %s%s",
                      calr_tensor_describe(index, text),
                      index->dtype == CALR_BOOL ? "; a mask goes to masked_select" : "");
}

/* The place of element i: "item 3", or "item (2, 3)". */
static void describe_place(const calr_tensor *index, int64_t i, char *text, size_t size)
{
    int64_t at[CALR_MAX_DIMS];
    for (int d = index->ndim - 1; d >= 0; d--) {
        at[d] = i % index->shape[d] + 1;
        i /= index->shape[d];
    }
    int used = snprintf(text, size, index->ndim > 1 ? "item (" : "item ");
    for (int d = 0; d < index->ndim && used < (int)size; d++)
        used += snprintf(text + used, size - (size_t)used, "%s%" PRId64, d ? ", " : "", at[d]);
    if (index->ndim == 0)
        snprintf(text, size, "the only item");
    else if (index->ndim > 1 && used < (int)size)
        snprintf(text + used, size - (size_t)used, ")");
}

calr_status calr_numbers_check(const calr_tensor *index, const calr_op_shape *x, int dim)
{
    const calr_backend *k;
    char text[CALR_TENSOR_TEXT], place[CALR_TENSOR_TEXT];
    CALR_TRY(calr_backend_get(&k));
    const int64_t *numbers = calr_tensor_i64(index);
    int64_t size = x->ndim ? x->shape[dim] : 1;
    int64_t wrong = k->index_outside(calr_tensor_numel(index), numbers, size);
    if (wrong < 0)
        return CALR_OK;
    describe_place(index, wrong, place, sizeof place);
    return calr_error(CALR_EINVAL,
                      "index %" PRId64 " (%s) is outside the %" PRId64
                      " items, from 0, of dimension %d of %s",
                      numbers[wrong], place, size, dim + 1, calr_op_describe(x, text));
}

calr_status calr_check_dim(const calr_op_shape *x, int dim)
{
    char text[CALR_TENSOR_TEXT];
    if (dim < 0 || dim >= (x->ndim ? x->ndim : 1)) /* a single number counts as one item */
        return calr_error(CALR_EINVAL, "%s has no dimension %d", calr_op_describe(x, text),
                          dim + 1);
    return CALR_OK;
}

calr_status calr_check_adds(const calr_op_shape *x)
{
    char text[CALR_TENSOR_TEXT];
    if (x->dtype == CALR_F16 || x->dtype == CALR_BOOL)
        return calr_error(CALR_EINVAL, "%s cannot be added to; convert it with x:to \"%s\"",
                          calr_op_describe(x, text), x->dtype == CALR_F16 ? "f32" : "i64");
    return CALR_OK;
}

calr_op_shape calr_shape_of(const calr_tensor *x)
{
    calr_op_shape shape = {.dtype = x->dtype, .ndim = x->ndim};
    memcpy(shape.shape, x->shape, sizeof shape.shape);
    return shape;
}

calr_index_rows calr_rows_around(const calr_op_shape *x, int dim)
{
    calr_index_rows rows = {.outer = 1, .n = 1, .inner = 1};
    for (int d = 0; d < x->ndim; d++)
        *(d < dim ? &rows.outer : d == dim ? &rows.n : &rows.inner) *= x->shape[d];
    return rows;
}

calr_status calr_wide_zeros(const calr_op_shape *x, calr_tensor **out)
{
    return calr_tensor_zeros(x->dtype == CALR_BF16 ? CALR_F32 : x->dtype, x->ndim, x->shape, out);
}

calr_status calr_widen(calr_tensor *x, calr_tensor **out)
{
    if (x->dtype == CALR_BF16)
        return calr_tensor_cast(x, CALR_F32, out);
    *out = calr_tensor_retain(x);
    return CALR_OK;
}

calr_status calr_narrow_sum(calr_tensor **sum, calr_dtype dtype)
{
    if ((*sum)->dtype == dtype)
        return CALR_OK;
    calr_tensor *narrow;
    CALR_TRY(calr_tensor_cast(*sum, dtype, &narrow));
    calr_tensor_release(*sum);
    *sum = narrow;
    return CALR_OK;
}

calr_status calr_positions_backward(const calr_op_call *call, int dim, bool once, calr_tensor *dy,
                                    calr_tensor **dx)
{
    const calr_backend *k;
    const calr_op_shape *x = &call->shape[0];
    const calr_tensor *positions = calr_op_saved(call, 0);
    calr_index_rows rows = calr_rows_around(x, dim);
    int64_t lines = rows.outer * rows.inner;
    int64_t found = lines > 0 ? calr_tensor_numel(positions) / lines : 0;
    calr_index_elements e = {
        .ndim = 3,
        .dim = 1,
        .shape = {rows.outer, found, rows.inner},
        .index_stride = {found * rows.inner, rows.inner, 1},
        .stride = {rows.n * rows.inner, rows.inner, 1},
        .other_stride = {found * rows.inner, rows.inner, 1},
    };
    if (rows.inner == 1) /* the line comes last, so that it is gone through in one go */
        e.ndim = 2;
    calr_tensor *sum, *wide;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(once ? calr_tensor_zeros(x->dtype, x->ndim, x->shape, &sum)
                  : calr_wide_zeros(x, &sum));
    calr_status status = CALR_OK;
    wide = once ? calr_tensor_retain(dy) : NULL;
    if (!once)
        status = calr_widen(dy, &wide);
    if (status == CALR_OK)
        k->scatter(sum->dtype, !once, &e, calr_tensor_i64(positions), calr_tensor_data(wide),
                   calr_tensor_data(sum));
    calr_tensor_release(wide);
    if (status == CALR_OK)
        status = calr_narrow_sum(&sum, x->dtype);
    if (status == CALR_OK)
        dx[0] = sum;
    else
        calr_tensor_release(sum);
    return status;
}

/* ---- x with something changed ---- */

/* What is worked on: x where that can be, or a copy. */
static calr_status open_target(calr_tensor *x, const calr_changing *how, calr_tensor **target)
{
    if (how->add && x->dtype == CALR_BF16)
        return calr_tensor_cast(x, CALR_F32, target);
    if (!how->in_place || !calr_tensor_is_contiguous(x))
        return calr_tensor_clone(x, target);
    *target = calr_tensor_retain(x);
    return CALR_OK;
}

/* The source, contiguous, of the type of the target, in memory of its own. */
static calr_status open_source(calr_tensor *source, const calr_tensor *target, calr_tensor **out)
{
    *out = NULL;
    if (!source)
        return CALR_OK;
    if (source->dtype != target->dtype)
        return calr_tensor_cast(source, target->dtype, out);
    return source->storage == target->storage ? calr_tensor_clone(source, out)
                                              : calr_tensor_contiguous(source, out);
}

calr_status calr_change_forward(const calr_op_call *call, calr_changing how, calr_tensor **y)
{
    calr_tensor *x = call->in[0], *target, *source;
    CALR_TRY(open_target(x, &how, &target));
    calr_status status = open_source(call->count > 2 ? call->in[2] : NULL, target, &source);
    if (status == CALR_OK) {
        status = how.change(call, source, target);
        calr_tensor_release(source);
    }
    if (status == CALR_OK && how.in_place) {
        if (target == x)
            calr_tensor_touch(x);
        else
            status = calr_tensor_copy(x, target);
        calr_tensor_release(target);
        target = calr_tensor_retain(x);
    } else if (status == CALR_OK) {
        status = calr_narrow_sum(&target, x->dtype);
    }
    if (status == CALR_OK)
        *y = target;
    else
        calr_tensor_release(target);
    return status;
}

static calr_status check_in_place(const calr_op *op, calr_tensor *const *inputs, int count,
                                  const void *attributes)
{
    char writer[64];
    snprintf(writer, sizeof writer, "%s_", op->title(attributes));
    CALR_TRY(calr_tape_check_write(writer, inputs[0]));
    for (int i = 1; i < count; i++)
        if (inputs[i] && calr_tape_is_recording() && calr_tape_requires(inputs[i]))
            return calr_error(
                CALR_EINVAL,
                "%s_: the gradient of what is written would be lost; use %s, or write "
                "source:detach()",
                op->title(attributes), op->title(attributes));
    return CALR_OK;
}

calr_status calr_change_apply(const calr_op *op, calr_tensor *const *inputs, int count,
                              const void *attributes, bool in_place, calr_tensor **y)
{
    if (!in_place)
        return calr_op_apply(op, inputs, count, attributes, y);
    CALR_TRY(check_in_place(op, inputs, count, attributes));
    int depth = calr_tape_paused();
    calr_tape_pause();
    calr_status status = calr_op_apply(op, inputs, count, attributes, y);
    calr_tape_restore(depth);
    return status;
}
