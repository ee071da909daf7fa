/* add, sub, mul, div with broadcasting. */
#include "autograd/apply.h"
#include "autograd/ops.h"
#include "autograd/ops/broadcast.h"
#include "backend/backend.h"

static calr_status check(calr_op_call *call)
{
    CALR_TRY(calr_op_expect_real(call, 0, "the first operand", -1, "f32"));
    CALR_TRY(calr_op_expect_real(call, 1, "the second operand", -1, "f32"));
    call->out.dtype = call->shape[0].dtype;
    return calr_broadcast_shape(&call->shape[0], &call->shape[1], &call->out);
}

typedef void (*vector_kernel)(calr_dtype dtype, int64_t n, const void *a, const void *b, void *y);

/* Where the inputs have one shape, the kernel takes them whole; otherwise the repeated one is
 * written out. */
static calr_status forward(calr_op_call *call, vector_kernel kernel, calr_tensor *y)
{
    calr_tensor *a, *b;
    CALR_TRY(calr_broadcast_expand(call->in[0], &call->out, &a));
    calr_status status = calr_broadcast_expand(call->in[1], &call->out, &b);
    if (status == CALR_OK) {
        kernel(y->dtype, calr_tensor_numel(y), calr_tensor_data(a), calr_tensor_data(b),
               calr_tensor_data(y));
        calr_tensor_release(b);
    }
    calr_tensor_release(a);
    return status;
}

/* The gradient of an operand from one in the shape of the output; takes over `full`. */
static calr_status reduce(const calr_op_call *call, int i, calr_tensor *full, calr_tensor **dx)
{
    calr_status status = calr_broadcast_reduce(full, &call->shape[i], &dx[i]);
    calr_tensor_release(full);
    return status;
}

/* dx[i] = dy (op) saved tensor, reduced to the shape of input i. */
static calr_status times(const calr_op_call *call, int i, vector_kernel kernel, calr_tensor *dy,
                         const calr_tensor *factor, calr_tensor **dx)
{
    calr_tensor *full, *expanded;
    CALR_TRY(calr_broadcast_expand(factor, &call->out, &expanded));
    calr_status status = calr_tensor_like(dy, &full);
    if (status == CALR_OK) {
        kernel(dy->dtype, calr_tensor_numel(dy), calr_tensor_data(dy), calr_tensor_data(expanded),
               calr_tensor_data(full));
        status = reduce(call, i, full, dx);
    }
    calr_tensor_release(expanded);
    return status;
}

static calr_status add_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    return forward(call, k->add, *y);
}

static calr_status add_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    for (int i = 0; i < 2; i++)
        if (call->needs[i])
            CALR_TRY(calr_broadcast_reduce(dy, &call->shape[i], &dx[i]));
    return CALR_OK;
}

static calr_status sub_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    return forward(call, k->sub, *y);
}

static calr_status sub_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    if (call->needs[0])
        CALR_TRY(calr_broadcast_reduce(dy, &call->shape[0], &dx[0]));
    if (!call->needs[1])
        return CALR_OK;
    calr_tensor *sum;
    CALR_TRY(calr_broadcast_reduce(dy, &call->shape[1], &sum));
    calr_status status = calr_op_gradient(call, 1, dx);
    if (status == CALR_OK)
        k->scale(sum->dtype, calr_tensor_numel(sum), -1, calr_tensor_data(sum),
                 calr_tensor_data(dx[1]));
    calr_tensor_release(sum);
    return status;
}

static calr_status mul_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(forward(call, k->mul, *y));
    CALR_TRY(calr_op_save(call, "the first operand", call->needs[1] ? call->in[0] : NULL));
    return calr_op_save(call, "the second operand", call->needs[0] ? call->in[1] : NULL);
}

static calr_status mul_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    for (int i = 0; i < 2; i++)
        if (call->needs[i])
            CALR_TRY(times(call, i, k->mul, dy, calr_op_saved(call, 1 - i), dx));
    return CALR_OK;
}

static calr_status div_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(forward(call, k->div, *y));
    CALR_TRY(calr_op_save(call, "the second operand", call->in[1]));
    return calr_op_save(call, "the quotient", call->needs[1] ? *y : NULL);
}

/* da = dy / b, db = -(dy / b) (a / b). */
static calr_status div_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    calr_tensor *b, *part;
    int64_t n = calr_tensor_numel(dy);
    CALR_TRY(calr_broadcast_expand(calr_op_saved(call, 0), &call->out, &b));
    calr_status status = calr_tensor_like(dy, &part);
    if (status == CALR_OK) {
        k->div(dy->dtype, n, calr_tensor_data(dy), calr_tensor_data(b), calr_tensor_data(part));
        if (call->needs[0])
            status = calr_broadcast_reduce(part, &call->shape[0], &dx[0]);
        calr_tensor *full = NULL;
        if (status == CALR_OK && call->needs[1])
            status = calr_tensor_like(dy, &full);
        if (full) {
            k->mul(dy->dtype, n, calr_tensor_data(part), calr_tensor_data(calr_op_saved(call, 1)),
                   calr_tensor_data(full));
            k->scale(dy->dtype, n, -1, calr_tensor_data(full), calr_tensor_data(full));
            status = reduce(call, 1, full, dx);
        }
        calr_tensor_release(part);
    }
    calr_tensor_release(b);
    return status;
}

static const calr_op op_add = {
    .name = "add", .check = check, .forward = add_forward, .backward = add_backward};
static const calr_op op_sub = {
    .name = "sub", .check = check, .forward = sub_forward, .backward = sub_backward};
static const calr_op op_mul = {
    .name = "mul", .check = check, .forward = mul_forward, .backward = mul_backward};
static const calr_op op_div = {
    .name = "div", .check = check, .forward = div_forward, .backward = div_backward};

/* Where one operand is bf16 and the other f32, the tape widens the bf16 one. */
static calr_status binary(const calr_op *op, calr_tensor *a, calr_tensor *b, calr_tensor **y)
{
    calr_tensor *in[] = {a, b}, *wide = NULL;
    for (int i = 0; i < 2; i++) {
        if (in[i]->dtype == CALR_BF16 && in[1 - i]->dtype == CALR_F32) {
            CALR_TRY(calr_op_cast(in[i], CALR_F32, &wide));
            in[i] = wide;
        }
    }
    calr_status status = calr_op_apply(op, in, 2, NULL, y);
    calr_tensor_release(wide);
    return status;
}

calr_status calr_op_add(calr_tensor *a, calr_tensor *b, calr_tensor **y)
{
    return binary(&op_add, a, b, y);
}

calr_status calr_op_sub(calr_tensor *a, calr_tensor *b, calr_tensor **y)
{
    return binary(&op_sub, a, b, y);
}

calr_status calr_op_mul(calr_tensor *a, calr_tensor *b, calr_tensor **y)
{
    return binary(&op_mul, a, b, y);
}

calr_status calr_op_div(calr_tensor *a, calr_tensor *b, calr_tensor **y)
{
    return binary(&op_div, a, b, y);
}
