/* Operations on single elements. */
#include "autograd/apply.h"
#include "autograd/ops.h"
#include "backend/backend.h"

static calr_status check(calr_op_call *call)
{
    CALR_TRY(calr_op_expect(call, 0, "x", -1, "f32"));
    calr_op_out_like(call, 0);
    return CALR_OK;
}

static calr_status check_real(calr_op_call *call)
{
    CALR_TRY(calr_op_expect_real(call, 0, "x", -1, "f32"));
    calr_op_out_like(call, 0);
    return CALR_OK;
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
    k->affine((*y)->dtype, calr_tensor_numel(*y), (float)a->alpha, (float)a->beta,
              calr_tensor_data(call->in[0]), calr_tensor_data(*y));
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
    k->scale(dy->dtype, calr_tensor_numel(dy), (float)alpha, calr_tensor_data(dy),
             calr_tensor_data(dx[0]));
    return CALR_OK;
}

static calr_status affine_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    return scale_gradient(call, ((const affine *)call->attributes)->alpha, dy, dx);
}

static const calr_op op_affine = {.name = "arithmetic with a number",
                                  .attribute_bytes = sizeof(affine),
                                  .check = check_real,
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
                                   .check = check_real,
                                   .forward = same_forward,
                                   .backward = reverse_backward};

calr_status calr_op_reverse_gradient(calr_tensor *x, double alpha, calr_tensor **y)
{
    return apply(&op_reverse, x, &alpha, y);
}

/* ---- relu ---- */

static calr_status relu_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    k->relu((*y)->dtype, calr_tensor_numel(*y), calr_tensor_data(call->in[0]),
            calr_tensor_data(*y));
    return calr_op_save(call, "its output", *y);
}

static calr_status relu_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_op_gradient(call, 0, dx));
    k->relu_backward(dy->dtype, calr_tensor_numel(dy), calr_tensor_data(calr_op_saved(call, 0)),
                     calr_tensor_data(dy), calr_tensor_data(dx[0]));
    return CALR_OK;
}

static const calr_op op_relu = {
    .name = "relu", .check = check_real, .forward = relu_forward, .backward = relu_backward};

calr_status calr_op_relu(calr_tensor *x, calr_tensor **y)
{
    return apply(&op_relu, x, NULL, y);
}

/* ---- functions of one element: y = f(x), dx = dy f'(saved) ---- */

static calr_status function_forward(calr_op_call *call, calr_unary function, calr_tensor *y)
{
    const double *parameter = call->attributes;
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    k->unary(function, calr_tensor_numel(y), parameter ? (float)*parameter : 0,
             calr_tensor_f32(call->in[0]), calr_tensor_f32(y));
    bool of_output = calr_unary_gradient_of_output(function);
    return calr_op_save(call, of_output ? "its output" : "x", of_output ? y : call->in[0]);
}

static calr_status function_backward(calr_op_call *call, calr_unary function, calr_tensor *dy,
                                     calr_tensor **dx)
{
    const double *parameter = call->attributes;
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_op_gradient(call, 0, dx));
    k->unary_backward(function, calr_tensor_numel(dy), parameter ? (float)*parameter : 0,
                      calr_tensor_f32(calr_op_saved(call, 0)), calr_tensor_f32(dy),
                      calr_tensor_f32(dx[0]));
    return CALR_OK;
}

/* FUNCTION(name, CALR_NAME, bytes of attributes) defines the descriptor op_NAME. */
#define FUNCTION(function_name, function, bytes)                                                   \
    static calr_status function_name##_forward(calr_op_call *call, calr_tensor **y)                \
    {                                                                                              \
        return function_forward(call, function, *y);                                               \
    }                                                                                              \
    static calr_status function_name##_backward(calr_op_call *call, calr_tensor *dy,               \
                                                calr_tensor **dx)                                  \
    {                                                                                              \
        return function_backward(call, function, dy, dx);                                          \
    }                                                                                              \
    static const calr_op op_##function_name = {.name = #function_name,                             \
                                               .attribute_bytes = bytes,                           \
                                               .check = check,                                     \
                                               .forward = function_name##_forward,                 \
                                               .backward = function_name##_backward};

FUNCTION(exp, CALR_EXP, 0)
FUNCTION(log, CALR_LOG, 0)
FUNCTION(sqrt, CALR_SQRT, 0)
FUNCTION(pow, CALR_POW, sizeof(double))
FUNCTION(sigmoid, CALR_SIGMOID, 0)

calr_status calr_op_exp(calr_tensor *x, calr_tensor **y)
{
    return apply(&op_exp, x, NULL, y);
}

calr_status calr_op_log(calr_tensor *x, calr_tensor **y)
{
    return apply(&op_log, x, NULL, y);
}

calr_status calr_op_sqrt(calr_tensor *x, calr_tensor **y)
{
    return apply(&op_sqrt, x, NULL, y);
}

calr_status calr_op_pow(calr_tensor *x, double exponent, calr_tensor **y)
{
    return apply(&op_pow, x, &exponent, y);
}

calr_status calr_op_sigmoid(calr_tensor *x, calr_tensor **y)
{
    return apply(&op_sigmoid, x, NULL, y);
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
