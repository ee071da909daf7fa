/* Operations along the last dimension: softmax and its kin, L2 normalisation, cross-entropy. */
#include <inttypes.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "backend/backend.h"

static void rows_of(const calr_op_shape *x, int64_t *rows, int64_t *c)
{
    *rows = 1;
    *c = x->shape[x->ndim - 1];
    for (int d = 0; d < x->ndim - 1; d++)
        *rows *= x->shape[d];
}

static calr_status check(calr_op_call *call)
{
    char text[CALR_TENSOR_TEXT];
    const calr_op_shape *x = &call->shape[0];
    CALR_TRY(calr_op_expect(call, 0, "x", -1, "f32[... x c]"));
    if (x->ndim < 1)
        return calr_error(CALR_EINVAL, "x must be f32[... x c], not %s", calr_op_describe(x, text));
    calr_op_out_like(call, 0);
    return CALR_OK;
}

/* ---- softmax, log_softmax ---- */

static calr_status softmax_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    int64_t rows, c;
    CALR_TRY(calr_backend_get(&k));
    rows_of(&call->shape[0], &rows, &c);
    CALR_TRY(k->softmax(rows, c, calr_tensor_f32(call->in[0]), calr_tensor_f32(*y)));
    return calr_op_save(call, "its output", *y);
}

static calr_status softmax_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    int64_t rows, c;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_op_gradient(call, 0, dx));
    rows_of(&call->shape[0], &rows, &c);
    return k->softmax_backward(rows, c, calr_tensor_f32(calr_op_saved(call, 0)),
                               calr_tensor_f32(dy), calr_tensor_f32(dx[0]));
}

static calr_status log_softmax_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    int64_t rows, c;
    CALR_TRY(calr_backend_get(&k));
    rows_of(&call->shape[0], &rows, &c);
    CALR_TRY(k->log_softmax(rows, c, calr_tensor_f32(call->in[0]), calr_tensor_f32(*y)));
    return calr_op_save(call, "its output", *y);
}

static calr_status log_softmax_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    int64_t rows, c;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_op_gradient(call, 0, dx));
    rows_of(&call->shape[0], &rows, &c);
    return k->log_softmax_backward(rows, c, calr_tensor_f32(calr_op_saved(call, 0)),
                                   calr_tensor_f32(dy), calr_tensor_f32(dx[0]));
}

static const calr_op op_softmax = {
    .name = "softmax", .check = check, .forward = softmax_forward, .backward = softmax_backward};
static const calr_op op_log_softmax = {.name = "log_softmax",
                                       .check = check,
                                       .forward = log_softmax_forward,
                                       .backward = log_softmax_backward};

calr_status calr_op_softmax(calr_tensor *x, calr_tensor **y)
{
    return calr_op_apply(&op_softmax, &x, 1, NULL, y);
}

calr_status calr_op_log_softmax(calr_tensor *x, calr_tensor **y)
{
    return calr_op_apply(&op_log_softmax, &x, 1, NULL, y);
}

/* ---- L2 normalisation ---- */

static calr_status l2_check(calr_op_call *call)
{
    double eps = *(const double *)call->attributes;
    if (!(eps > 0))
        return calr_error(CALR_EINVAL, "eps must be above 0, not %g", eps);
    return check(call);
}

static calr_status l2_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    int64_t rows, c;
    calr_tensor *norm;
    CALR_TRY(calr_backend_get(&k));
    rows_of(&call->shape[0], &rows, &c);
    CALR_TRY(calr_tensor_new(CALR_F32, 1, &rows, &norm));
    calr_status status = k->l2_normalize_forward(rows, c, (float)*(const double *)call->attributes,
                                                 calr_tensor_f32(call->in[0]),
                                                 calr_tensor_f32(norm), calr_tensor_f32(*y));
    if (status == CALR_OK)
        status = calr_op_save(call, "its output", *y);
    if (status == CALR_OK)
        status = calr_op_save(call, "norm", norm);
    calr_tensor_release(norm);
    return status;
}

static calr_status l2_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    int64_t rows, c;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_op_gradient(call, 0, dx));
    rows_of(&call->shape[0], &rows, &c);
    return k->l2_normalize_backward(
        rows, c, (float)*(const double *)call->attributes, calr_tensor_f32(calr_op_saved(call, 0)),
        calr_tensor_f32(calr_op_saved(call, 1)), calr_tensor_f32(dy), calr_tensor_f32(dx[0]));
}

static const calr_op op_l2_normalize = {.name = "l2_normalize",
                                        .attribute_bytes = sizeof(double),
                                        .check = l2_check,
                                        .forward = l2_forward,
                                        .backward = l2_backward};

calr_status calr_op_l2_normalize(calr_tensor *x, double eps, calr_tensor **y)
{
    return calr_op_apply(&op_l2_normalize, &x, 1, &eps, y);
}

/* ---- cross-entropy ---- */

enum { LOGITS, LABELS, WEIGHTS, ROW_WEIGHTS, CROSS_ENTROPY_INPUTS };

/* Weights of `count` classes or rows, where they were given. */
static calr_status check_weights(const calr_op_call *call, int input, const char *name,
                                 const char *of, int64_t count)
{
    char text[CALR_TENSOR_TEXT];
    if (!call->in[input])
        return CALR_OK;
    CALR_TRY(calr_op_expect(call, input, name, 1, input == WEIGHTS ? "f32[classes]" : "f32[n]"));
    if (call->shape[input].shape[0] != count)
        return calr_error(CALR_EINVAL, "%s must be f32[%" PRId64 "], one a %s, not %s", name, count,
                          of, calr_op_describe(&call->shape[input], text));
    const float *w = calr_tensor_f32(call->in[input]);
    for (int64_t i = 0; i < count; i++)
        if (!(w[i] >= 0))
            return calr_error(CALR_EINVAL,
                              "the weight of %s %" PRId64 " is %g; weights are 0 or more", of, i,
                              (double)w[i]);
    return CALR_OK;
}

static calr_status cross_entropy_check(calr_op_call *call)
{
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    CALR_TRY(calr_op_expect(call, LOGITS, "logits", 2, "f32[n x classes]"));
    const calr_op_shape *logits = &call->shape[LOGITS], *labels = &call->shape[LABELS];
    if (labels->dtype != CALR_I32 || labels->ndim != 1)
        return calr_error(CALR_EINVAL, "labels must be i32[n], not %s%s",
                          calr_op_describe(labels, a),
                          labels->dtype != CALR_I32 ? ": labels:to \"i32\" converts them" : "");
    if (labels->shape[0] != logits->shape[0])
        return calr_error(CALR_EINVAL, "logits, %s, and labels, %s, differ in length",
                          calr_op_describe(logits, a), calr_op_describe(labels, b));
    if (logits->shape[0] == 0 || logits->shape[1] == 0)
        return calr_error(CALR_EINVAL, "logits, %s, are empty", calr_op_describe(logits, a));
    const int32_t *label = calr_tensor_i32(call->in[LABELS]);
    for (int64_t i = 0; i < labels->shape[0]; i++)
        if (label[i] < 0 || label[i] >= logits->shape[1])
            return calr_error(CALR_EINVAL,
                              "label %" PRId32 " (item %" PRId64
                              ") is not one of the classes 0 to %" PRId64,
                              label[i], i + 1, logits->shape[1] - 1);
    CALR_TRY(check_weights(call, WEIGHTS, "weights", "class", logits->shape[1]));
    CALR_TRY(check_weights(call, ROW_WEIGHTS, "row_weights", "row", logits->shape[0]));
    calr_op_out(call, 0, NULL);
    return CALR_OK;
}

static calr_status cross_entropy_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    int64_t rows = call->shape[LOGITS].shape[0], c = call->shape[LOGITS].shape[1];
    calr_tensor *sums; /* log_sum of every row, and the total weight */
    CALR_TRY(calr_tensor_new(CALR_F32, 1, &(int64_t){rows + 1}, &sums));
    float *log_sum = calr_tensor_f32(sums);
    calr_status status = k->cross_entropy_forward(
        rows, c, calr_tensor_f32(call->in[LOGITS]), calr_tensor_i32(call->in[LABELS]),
        calr_op_f32_or_null(call->in[WEIGHTS]), calr_op_f32_or_null(call->in[ROW_WEIGHTS]), log_sum,
        log_sum + rows, calr_tensor_f32(*y));
    if (status == CALR_OK)
        status = calr_op_save(call, "logits", call->in[LOGITS]);
    if (status == CALR_OK)
        status = calr_op_save(call, "labels", call->in[LABELS]);
    if (status == CALR_OK)
        status = calr_op_save(call, "weights", call->in[WEIGHTS]);
    if (status == CALR_OK)
        status = calr_op_save(call, "row_weights", call->in[ROW_WEIGHTS]);
    if (status == CALR_OK)
        status = calr_op_save(call, "sums", sums);
    calr_tensor_release(sums);
    return status;
}

static calr_status cross_entropy_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    int64_t rows = call->shape[LOGITS].shape[0], c = call->shape[LOGITS].shape[1];
    const float *log_sum = calr_tensor_f32(calr_op_saved(call, 4));
    CALR_TRY(calr_op_gradient(call, LOGITS, dx));
    if (!dx[LOGITS])
        return CALR_OK;
    return k->cross_entropy_backward(
        rows, c, calr_tensor_f32(calr_op_saved(call, 0)), calr_tensor_i32(calr_op_saved(call, 1)),
        calr_op_f32_or_null(calr_op_saved(call, 2)), calr_op_f32_or_null(calr_op_saved(call, 3)),
        log_sum, log_sum[rows], calr_tensor_f32(dy)[0], calr_tensor_f32(dx[LOGITS]));
}

static const calr_op op_cross_entropy = {.name = "cross_entropy",
                                         .check = cross_entropy_check,
                                         .forward = cross_entropy_forward,
                                         .backward = cross_entropy_backward};

calr_status calr_op_cross_entropy(calr_tensor *logits, calr_tensor *labels, calr_tensor *weights,
                                  calr_tensor *row_weights, calr_tensor **y)
{
    calr_tensor *in[CROSS_ENTROPY_INPUTS] = {logits, labels, weights, row_weights};
    return calr_op_apply(&op_cross_entropy, in, CROSS_ENTROPY_INPUTS, NULL, y);
}
