/* Operations on single elements. */
#include <stdio.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "autograd/tape.h"
#include "backend/backend.h"

static calr_status check(calr_op_call *call)
{
    CALR_TRY(calr_op_expect(call, 0, "x", -1, "f32"));
    calr_op_out_like(call, 0);
    return CALR_OK;
}

static calr_status check_float(calr_op_call *call)
{
    calr_op_out_like(call, 0);
    return calr_dtype_has_gradients(call->shape[0].dtype)
               ? CALR_OK
               : calr_op_refuse_dtype(call->shape[0].dtype);
}

static calr_status apply(const calr_op *op, calr_tensor *x, const void *attributes, calr_tensor **y)
{
    return calr_op_apply(op, &x, 1, attributes, y);
}

/* ---- alpha x + beta, and the reversed gradient ---- */

typedef struct affine {
    double alpha, beta;
} affine;

static calr_status affine_forward(calr_op_call *call, calr_tensor **y)
{
    const affine *a = call->attributes;
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    k->affine((*y)->dtype, calr_tensor_numel(*y), a->alpha, a->beta, calr_tensor_data(call->in[0]),
              calr_tensor_data(*y));
    return CALR_OK;
}

static calr_status scale_gradient(const calr_op_call *call, double alpha, calr_tensor *dy,
                                  calr_tensor **dx)
{
    const calr_backend *k;
    if (alpha == 1) {
        dx[0] = calr_tensor_retain(dy);
        return CALR_OK;
    }
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_op_gradient(call, 0, dx));
    k->scale(dy->dtype, calr_tensor_numel(dy), alpha, calr_tensor_data(dy),
             calr_tensor_data(dx[0]));
    return CALR_OK;
}

static calr_status affine_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    return scale_gradient(call, ((const affine *)call->attributes)->alpha, dy, dx);
}

static const calr_op op_affine = {.name = "arithmetic with a number",
                                  .attribute_bytes = sizeof(affine),
                                  .check = check_float,
                                  .forward = affine_forward,
                                  .backward = affine_backward};

calr_status calr_op_affine(calr_tensor *x, double alpha, double beta, calr_tensor **y)
{
    affine a = {alpha, beta};
    return apply(&op_affine, x, &a, y);
}

static calr_status same_forward(calr_op_call *call, calr_tensor **y)
{
    return calr_tensor_alias(call->in[0], y);
}

static calr_status reverse_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    return scale_gradient(call, -*(const double *)call->attributes, dy, dx);
}

static const calr_op op_reverse = {.name = "reverse_gradient",
                                   .attribute_bytes = sizeof(double),
                                   .makes_output = true,
                                   .check = check_float,
                                   .forward = same_forward,
                                   .backward = reverse_backward};

calr_status calr_op_reverse_gradient(calr_tensor *x, double alpha, calr_tensor **y)
{
    return apply(&op_reverse, x, &alpha, y);
}

/* ---- functions of one element: y = f(x), dx = dy f'(saved) ---- */

typedef struct function {
    calr_unary op;
    double p[2];
} function;

static calr_status function_check(calr_op_call *call)
{
    const calr_backend *k;
    const function *f = call->attributes;
    CALR_TRY(calr_backend_get(&k));
    if (!calr_unary_takes(f->op, call->shape[0].dtype))
        return calr_op_refuse_dtype(call->shape[0].dtype);
    calr_op_out_like(call, 0);
    if (calr_unary_is_test(f->op))
        call->out.dtype = CALR_BOOL;
    return CALR_OK;
}

static calr_status function_forward(calr_op_call *call, calr_tensor **y)
{
    const function *f = call->attributes;
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    k->unary(f->op, call->shape[0].dtype, calr_tensor_numel(*y), f->p,
             calr_tensor_data(call->in[0]), calr_tensor_data(*y));
    bool of_output = calr_unary_gradient_of_output(f->op);
    return calr_op_save(call, of_output ? "its output" : "x", of_output ? *y : call->in[0]);
}

static calr_status function_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const function *f = call->attributes;
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_op_gradient(call, 0, dx));
    k->unary_backward(f->op, dy->dtype, calr_tensor_numel(dy), f->p,
                      calr_tensor_data(calr_op_saved(call, 0)), calr_tensor_data(dy),
                      calr_tensor_data(dx[0]));
    return CALR_OK;
}

static const char *function_title(const void *attributes)
{
    return calr_unary_name(((const function *)attributes)->op);
}

static const calr_op op_function = {.name = "function",
                                    .attribute_bytes = sizeof(function),
                                    .check = function_check,
                                    .forward = function_forward,
                                    .backward = function_backward,
                                    .title = function_title,
                                    .static_title = true};
/* What has no gradient. */
static const calr_op op_test = {.name = "test",
                                .attribute_bytes = sizeof(function),
                                .check = function_check,
                                .forward = function_forward,
                                .title = function_title,
                                .static_title = true};

/* Functions that integers must be converted for, and those that leave them alone. */
static bool of_floats(calr_unary op)
{
    return op >= CALR_RECIPROCAL && op < CALR_LOGICAL_NOT;
}

static bool rounds(calr_unary op)
{
    return op >= CALR_FLOOR && op <= CALR_TRUNC;
}

calr_status calr_op_unary(calr_unary op, calr_tensor *x, const double p[2], calr_tensor **y)
{
    bool whole = !calr_dtype_is_float(x->dtype);
    if (whole && rounds(op) && x->dtype != CALR_BOOL)
        return calr_op_clone(x, y);
    function f = {.op = op, .p = {p ? p[0] : 0, p ? p[1] : 0}};
    const calr_op *descriptor = calr_unary_is_test(op) ? &op_test : &op_function;
    if (!whole || !of_floats(op))
        return apply(descriptor, x, &f, y);
    calr_tensor *real;
    CALR_TRY(calr_tensor_cast(x, CALR_F32, &real));
    calr_status status = apply(descriptor, real, &f, y);
    calr_tensor_release(real);
    return status;
}

calr_status calr_op_unary_into(calr_unary op, calr_tensor *x, const double p[2])
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_op_check_into(calr_unary_name(op), x, NULL));
    if (calr_tensor_is_contiguous(x) && calr_unary_takes(op, x->dtype) && !calr_unary_is_test(op)) {
        calr_tensor_touch(x);
        k->unary(op, x->dtype, calr_tensor_numel(x), p, calr_tensor_data(x), calr_tensor_data(x));
        return CALR_OK;
    }
    calr_tensor *y;
    CALR_TRY(calr_op_unary(op, x, p, &y));
    calr_status status = calr_op_store(calr_unary_name(op), x, y);
    calr_tensor_release(y);
    return status;
}

calr_status calr_op_affine_into(calr_tensor *x, double alpha, double beta)
{
    const char *name = beta == 0 ? "mul" : alpha == 1 ? "add" : "rsub"; /* for messages */
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_op_check_into(name, x, NULL));
    if (calr_tensor_is_contiguous(x) && calr_dtype_has_gradients(x->dtype)) {
        calr_tensor_touch(x);
        k->affine(x->dtype, calr_tensor_numel(x), alpha, beta, calr_tensor_data(x),
                  calr_tensor_data(x));
        return CALR_OK;
    }
    calr_tensor *y;
    CALR_TRY(calr_op_affine(x, alpha, beta, &y));
    calr_status status = calr_op_store(name, x, y);
    calr_tensor_release(y);
    return status;
}

/* ---- in place ---- */

calr_status calr_op_check_into(const char *name, const calr_tensor *x, const calr_tensor *other)
{
    char text[CALR_TENSOR_TEXT], writer[64];
    snprintf(writer, sizeof writer, "%s_", name);
    CALR_TRY(calr_tape_check_write(writer, x));
    if (other && calr_tape_is_recording() && calr_tape_requires(other))
        return calr_error(CALR_EINVAL,
                          "%s_: the gradient of %s would be lost. Use %s, or give its detach()",
                          name, calr_tensor_describe(other, text), name);
    return CALR_OK;
}

calr_status calr_op_store(const char *name, calr_tensor *x, const calr_tensor *y)
{
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    bool fits = x->dtype == y->dtype || calr_dtype_is_float(x->dtype) ||
                (!calr_dtype_is_float(y->dtype) && (x->dtype != CALR_BOOL));
    if (!fits || !calr_tensor_same_shape(x, y))
        return calr_error(CALR_EINVAL, "%s_: the result, %s, cannot be written into %s", name,
                          calr_tensor_describe(y, b), calr_tensor_describe(x, a));
    return calr_tensor_copy(x, y);
}

/* ---- dropout ---- */

static calr_status dropout_check(calr_op_call *call)
{
    const calr_dropout *dropout = call->attributes;
    if (!(dropout->p >= 0 && dropout->p < 1))
        return calr_error(CALR_EINVAL, "p must be at least 0 and below 1, not %g", dropout->p);
    return check(call);
}

static calr_status dropout_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    k->dropout(calr_tensor_numel(*y), call->attributes, calr_tensor_f32(call->in[0]),
               calr_tensor_f32(*y));
    return CALR_OK;
}

/* The mask is named by the attributes, so it is drawn again rather than kept. */
static calr_status dropout_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_op_gradient(call, 0, dx));
    k->dropout(calr_tensor_numel(dy), call->attributes, calr_tensor_f32(dy),
               calr_tensor_f32(dx[0]));
    return CALR_OK;
}

static const calr_op op_dropout = {.name = "dropout",
                                   .attribute_bytes = sizeof(calr_dropout),
                                   .check = dropout_check,
                                   .forward = dropout_forward,
                                   .backward = dropout_backward};

calr_status calr_op_dropout(calr_tensor *x, double p, uint64_t seed, uint32_t epoch, uint64_t index,
                            calr_tensor **y)
{
    calr_dropout dropout = {.p = p, .seed = seed, .epoch = epoch, .index = index};
    return apply(&op_dropout, x, &dropout, y);
}
