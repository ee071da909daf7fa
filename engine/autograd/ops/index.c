/* Items of a dimension by their numbers. */
#include <inttypes.h>
#include <string.h>

#include "autograd/apply.h"
#include "autograd/ops/numbers.h"
#include "autograd/ops_index.h"
#include "autograd/tape.h"

/* Inputs of all of them. */
enum { X, INDEX, SOURCE };

static calr_status check_index(const calr_op_call *call, int dim)
{
    char text[CALR_TENSOR_TEXT];
    CALR_TRY(calr_check_dim(&call->shape[X], dim));
    if (call->shape[INDEX].ndim > 1)
        return calr_error(CALR_EINVAL, "index must be a list, i64[m], not %s",
                          calr_op_describe(&call->shape[INDEX], text));
    return calr_numbers_check(call->in[INDEX], &call->shape[X], dim);
}

/* ---- index_select ---- */

static calr_status select_check(calr_op_call *call)
{
    int dim = *(const int *)call->attributes;
    CALR_TRY(check_index(call, dim));
    calr_op_out_like(call, X);
    if (call->out.ndim > 0)
        call->out.shape[dim] = calr_op_numel(&call->shape[INDEX]);
    return CALR_OK;
}

static calr_status take(const calr_op_shape *x, int dim, const calr_tensor *from,
                        const calr_tensor *index, calr_tensor *y)
{
    const calr_backend *k;
    calr_index_rows rows = calr_rows_around(x, dim);
    CALR_TRY(calr_backend_get(&k));
    rows.count = calr_tensor_numel(index);
    k->take_rows(calr_dtype_size(from->dtype), &rows, calr_tensor_i64(index),
                 calr_tensor_data(from), calr_tensor_data(y));
    return CALR_OK;
}

static calr_status select_forward(calr_op_call *call, calr_tensor **y)
{
    int dim = *(const int *)call->attributes;
    CALR_TRY(take(&call->shape[X], dim, call->in[X], call->in[INDEX], *y));
    return calr_op_save(call, "index", call->in[INDEX]);
}

/* Writes items of y, contiguous. */
static calr_status put(bool add, bool one, int dim, const calr_tensor *index, double alpha,
                       const calr_tensor *source, calr_tensor *y)
{
    const calr_backend *k;
    calr_op_shape shape = calr_shape_of(y);
    calr_index_rows rows = calr_rows_around(&shape, dim);
    CALR_TRY(calr_backend_get(&k));
    rows.count = calr_tensor_numel(index);
    k->put_rows(y->dtype, add, one, &rows, alpha, calr_tensor_i64(index), calr_tensor_data(source),
                calr_tensor_data(y));
    return CALR_OK;
}

/* The gradient of what `index` took items of: those of dy, added up where they came from. */
static calr_status add_back(const calr_op_shape *x, int dim, const calr_tensor *index,
                            calr_tensor *dy, calr_tensor **dx)
{
    calr_tensor *sum, *wide;
    CALR_TRY(calr_wide_zeros(x, &sum));
    calr_status status = calr_widen(dy, &wide);
    if (status == CALR_OK) {
        status = put(true, false, dim, index, 1, wide, sum);
        calr_tensor_release(wide);
    }
    if (status == CALR_OK)
        status = calr_narrow_sum(&sum, x->dtype);
    if (status == CALR_OK)
        *dx = sum;
    else
        calr_tensor_release(sum);
    return status;
}

static calr_status select_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    return add_back(&call->shape[X], *(const int *)call->attributes, calr_op_saved(call, 0), dy,
                    &dx[X]);
}

static const calr_op op_index_select = {.name = "index_select",
                                        .attribute_bytes = sizeof(int),
                                        .check = select_check,
                                        .forward = select_forward,
                                        .backward = select_backward};

calr_status calr_op_index_select(calr_tensor *x, int dim, calr_tensor *index, calr_tensor **y)
{
    calr_tensor *in[] = {x, NULL};
    calr_status status = calr_numbers_of(index, &in[INDEX]);
    if (status != CALR_OK)
        return calr_error(status, "index_select: %s", calr_status_message());
    status = calr_op_apply(&op_index_select, in, 2, &dim, y);
    calr_tensor_release(in[INDEX]);
    return status;
}

/* ---- index_add, index_copy, index_fill ---- */

typedef struct putting {
    calr_index_put how;
    int dim;
    bool in_place;
    double alpha;
} putting;

static const char *put_title(const void *attributes)
{
    static const char *const names[] = {"index_add", "index_copy", "index_fill"};
    return names[((const putting *)attributes)->how];
}

static calr_status check_source(const calr_op_call *call, const putting *p)
{
    char x[CALR_TENSOR_TEXT], source[CALR_TENSOR_TEXT], wanted[CALR_TENSOR_TEXT];
    calr_op_shape form = call->shape[X];
    if (form.ndim > 0 && p->how != CALR_INDEX_FILL)
        form.shape[p->dim] = calr_op_numel(&call->shape[INDEX]);
    if (p->how == CALR_INDEX_FILL)
        form.ndim = 0;
    if (call->shape[SOURCE].dtype == form.dtype && calr_op_same_shape(&call->shape[SOURCE], &form))
        return CALR_OK;
    return calr_error(CALR_EINVAL, "for %s and that index, source must be %s, not %s%s",
                      calr_op_describe(&call->shape[X], x), calr_op_describe(&form, wanted),
                      calr_op_describe(&call->shape[SOURCE], source),
                      call->shape[SOURCE].dtype != form.dtype ? "; convert it with source:to(type)"
                                                              : "");
}

static calr_status put_check(calr_op_call *call)
{
    const putting *p = call->attributes;
    CALR_TRY(check_index(call, p->dim));
    CALR_TRY(check_source(call, p));
    if (p->how == CALR_INDEX_ADD)
        CALR_TRY(calr_check_adds(&call->shape[X]));
    calr_op_out_like(call, X);
    return CALR_OK;
}

static calr_status change(const calr_op_call *call, const calr_tensor *source, calr_tensor *target)
{
    const putting *p = call->attributes;
    return put(p->how == CALR_INDEX_ADD, p->how == CALR_INDEX_FILL, p->dim, call->in[INDEX],
               p->alpha, source, target);
}

static calr_status put_forward(calr_op_call *call, calr_tensor **y)
{
    const putting *p = call->attributes;
    CALR_TRY(calr_change_forward(
        call, (calr_changing){p->in_place, p->how == CALR_INDEX_ADD, change}, y));
    return calr_op_save(call, "index", call->in[INDEX]);
}

/* Items of dy become 0 where the index is. */
static calr_status clear_items(int dim, const calr_tensor *index, calr_tensor *dy, calr_tensor **dx)
{
    calr_tensor *zero, *copy;
    CALR_TRY(calr_tensor_zeros(dy->dtype, 0, NULL, &zero));
    calr_status status = calr_tensor_clone(dy, &copy);
    if (status == CALR_OK) {
        status = put(false, true, dim, index, 0, zero, copy);
        if (status == CALR_OK)
            *dx = copy;
        else
            calr_tensor_release(copy);
    }
    calr_tensor_release(zero);
    return status;
}

/* Of items that were written over by a later one nothing is left, and so no gradient: they become 0. */
static calr_status clear_lost(const calr_op_shape *source, int dim, const calr_tensor *index,
                              int64_t size, calr_tensor *d)
{
    calr_tensor *last;
    CALR_TRY(calr_tensor_new(CALR_I64, 1, &size, &last));
    int64_t *at = calr_tensor_i64(last), count = calr_tensor_numel(index);
    const int64_t *numbers = calr_tensor_i64(index);
    calr_index_rows rows = calr_rows_around(source, dim);
    size_t bytes = (size_t)rows.inner * calr_dtype_size(d->dtype);
    char *data = calr_tensor_data(d);
    for (int64_t i = 0; i < count; i++)
        at[numbers[i]] = i;
    for (int64_t o = 0; o < rows.outer; o++)
        for (int64_t i = 0; i < count; i++)
            if (at[numbers[i]] != i)
                memset(data + (size_t)(o * count + i) * bytes, 0, bytes);
    calr_tensor_release(last);
    return CALR_OK;
}

static calr_status scaled(calr_tensor *x, double alpha)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    if (alpha != 1 && x->dtype == CALR_F64)
        for (int64_t i = 0, n = calr_tensor_numel(x); i < n; i++)
            calr_tensor_f64(x)[i] *= alpha;
    else if (alpha != 1)
        k->scale(x->dtype, calr_tensor_numel(x), (float)alpha, calr_tensor_data(x),
                 calr_tensor_data(x));
    return CALR_OK;
}

static calr_status source_gradient(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const putting *p = call->attributes;
    const calr_op_shape *x = &call->shape[X];
    calr_tensor *index = calr_op_saved(call, 0);
    CALR_TRY(calr_op_gradient(call, SOURCE, dx));
    CALR_TRY(take(x, p->dim, dy, index, dx[SOURCE]));
    if (p->how == CALR_INDEX_ADD)
        return scaled(dx[SOURCE], p->alpha);
    return clear_lost(&call->shape[SOURCE], p->dim, index, x->ndim ? x->shape[p->dim] : 1,
                      dx[SOURCE]);
}

static calr_status put_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const putting *p = call->attributes;
    calr_tensor *even;
    CALR_TRY(calr_tensor_contiguous(dy, &even));
    calr_status status = CALR_OK;
    if (call->needs[X] && p->how == CALR_INDEX_ADD)
        dx[X] = calr_tensor_retain(dy);
    else if (call->needs[X])
        status = clear_items(p->dim, calr_op_saved(call, 0), dy, &dx[X]);
    if (status == CALR_OK && call->needs[SOURCE])
        status = source_gradient(call, even, dx);
    calr_tensor_release(even);
    return status;
}

static const calr_op op_index_put = {.name = "index_add",
                                     .attribute_bytes = sizeof(putting),
                                     .strided = true,
                                     .makes_output = true,
                                     .check = put_check,
                                     .forward = put_forward,
                                     .backward = put_backward,
                                     .title = put_title};

calr_status calr_op_index_put(calr_index_put how, calr_tensor *x, int dim, calr_tensor *index,
                              calr_tensor *source, double alpha, bool in_place, calr_tensor **y)
{
    putting p = {how, dim, in_place, alpha};
    calr_tensor *in[] = {x, NULL, source};
    if (how == CALR_INDEX_FILL && calr_tape_is_recording() && calr_tape_requires(source))
        return calr_error(CALR_EINVAL, "index_fill: the value is a constant, and has no gradient; "
                                       "index_copy has one");
    calr_status status = calr_numbers_of(index, &in[INDEX]);
    if (status != CALR_OK)
        return calr_error(status, "%s: %s", put_title(&p), calr_status_message());
    status = calr_change_apply(&op_index_put, in, 3, &p, in_place, y);
    calr_tensor_release(in[INDEX]);
    return status;
}
