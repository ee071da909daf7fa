/* Sums, products, extremes of all numbers so far along a dimension. */
#include "autograd/apply.h"
#include "autograd/ops.h"
#include "autograd/ops/numbers.h"
#include "autograd/ops_index.h"

typedef struct scanning {
    calr_scan op;
    int dim;
} scanning;

static const char *title(const void *attributes)
{
    static const char *const names[] = {"cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"};
    return names[((const scanning *)attributes)->op];
}

static calr_status check(calr_op_call *call)
{
    const scanning *s = call->attributes;
    char text[CALR_TENSOR_TEXT];
    const calr_op_shape *x = &call->shape[0];
    CALR_TRY(calr_check_dim(x, s->dim));
    if (x->dtype == CALR_F16)
        return calr_error(CALR_EINVAL, "%s is for storage; convert it with x:to \"f32\"",
                          calr_op_describe(x, text));
    if (s->op == CALR_LOGCUMSUMEXP && !calr_dtype_is_float(x->dtype))
        return calr_error(CALR_EINVAL, "x must be f32, f64 or bf16, not %s",
                          calr_op_describe(x, text));
    calr_op_out_like(call, 0);
    return CALR_OK;
}

static calr_status run(const calr_op_call *call, bool reverse, const calr_tensor *x, calr_tensor *y,
                       calr_tensor *positions)
{
    const scanning *s = call->attributes;
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    calr_index_rows rows = calr_rows_around(&call->shape[0], s->dim);
    return k->scan(s->op, x->dtype, reverse, rows.outer, rows.n, rows.inner, calr_tensor_data(x),
                   calr_tensor_data(y), positions ? calr_tensor_i64(positions) : NULL);
}

static calr_status forward(calr_op_call *call, calr_tensor **y)
{
    const scanning *s = call->attributes;
    CALR_TRY(run(call, false, call->in[0], *y, call->count > 1 ? call->in[1] : NULL));
    if (call->count > 1)
        return calr_op_save(call, "positions", call->in[1]);
    if (s->op == CALR_CUMSUM)
        return CALR_OK;
    CALR_TRY(calr_op_save(call, "x", call->in[0]));
    return calr_op_save(call, "its output", *y);
}

static calr_status backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const scanning *s = call->attributes;
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    if (call->count > 1)
        return calr_positions_backward(call, s->dim, false, dy, dx);
    CALR_TRY(calr_op_gradient(call, 0, dx));
    if (s->op == CALR_CUMSUM)
        return run(call, true, dy, dx[0], NULL);
    calr_index_rows rows = calr_rows_around(&call->shape[0], s->dim);
    return k->scan_backward(
        s->op, dy->dtype, rows.outer, rows.n, rows.inner, calr_tensor_data(calr_op_saved(call, 0)),
        calr_tensor_data(calr_op_saved(call, 1)), calr_tensor_data(dy), calr_tensor_data(dx[0]));
}

static const calr_op op_scan = {.name = "scan",
                                .attribute_bytes = sizeof(scanning),
                                .check = check,
                                .forward = forward,
                                .backward = backward,
                                .title = title};

static calr_status scan(calr_scan op, calr_tensor *x, int dim, calr_tensor **y)
{
    scanning s = {op, dim};
    calr_tensor *wide = NULL;
    if (op != CALR_LOGCUMSUMEXP && !calr_dtype_is_float(x->dtype) && x->dtype != CALR_I64)
        CALR_TRY(calr_tensor_cast(x, CALR_I64, &wide));
    calr_status status = calr_op_apply(&op_scan, wide ? &wide : &x, 1, &s, y);
    calr_tensor_release(wide);
    return status;
}

calr_status calr_op_cumsum(calr_tensor *x, int dim, calr_tensor **y)
{
    return scan(CALR_CUMSUM, x, dim, y);
}

calr_status calr_op_cumprod(calr_tensor *x, int dim, calr_tensor **y)
{
    return scan(CALR_CUMPROD, x, dim, y);
}

calr_status calr_op_logcumsumexp(calr_tensor *x, int dim, calr_tensor **y)
{
    return scan(CALR_LOGCUMSUMEXP, x, dim, y);
}

calr_status calr_op_cummax(calr_tensor *x, int dim, bool largest, calr_tensor **y,
                           calr_tensor **positions)
{
    scanning s = {largest ? CALR_CUMMAX : CALR_CUMMIN, dim};
    calr_tensor *in[2] = {x, NULL}, *made = NULL, *wide = NULL;
    bool narrow = !calr_dtype_is_float(x->dtype) && x->dtype != CALR_I64;
    calr_status status = calr_tensor_new(CALR_I64, x->ndim, x->shape, &in[1]);
    if (status == CALR_OK && narrow) {
        status = calr_tensor_cast(x, CALR_I64, &wide);
        in[0] = wide;
    }
    if (status == CALR_OK)
        status = calr_op_apply(&op_scan, in, 2, &s, &made);
    if (status == CALR_OK && narrow)
        status = calr_narrow_sum(&made, x->dtype);
    calr_tensor_release(wide);
    if (status == CALR_OK) {
        *y = made;
        *positions = in[1];
        return CALR_OK;
    }
    calr_tensor_release(made);
    calr_tensor_release(in[1]);
    return status;
}
