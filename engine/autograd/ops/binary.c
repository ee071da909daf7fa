/* Operations of two operands, element by element, with broadcasting. */
#include "autograd/apply.h"
#include "autograd/ops.h"
#include "autograd/ops/broadcast.h"
#include "autograd/tape.h"
#include "backend/backend.h"

static calr_status check(calr_op_call *call)
{
    const calr_backend *k;
    calr_binary op = *(const calr_binary *)call->attributes;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_broadcast_shape(&call->shape[0], &call->shape[1], &call->out));
    calr_dtype dtype = call->shape[0].dtype;
    if ((op == CALR_AND || op == CALR_OR || op == CALR_XOR) && calr_dtype_is_float(dtype))
        return calr_error(CALR_EINVAL,
                          "%s numbers have no bits to combine: masks and whole numbers do. A "
                          "comparison, such as x:gt(0), makes a mask",
                          calr_dtype_name(dtype));
    if (!calr_binary_takes(op, dtype))
        return calr_op_refuse_dtype(dtype);
    call->out.dtype = calr_binary_is_test(op) ? CALR_BOOL : dtype;
    return CALR_OK;
}

/* What the backward pass reads: which operands, and the output. */
static const struct {
    bool a, b, y;
} reads[CALR_BINARY_COUNT] = {
    [CALR_MUL] = {.a = true, .b = true},     [CALR_DIV] = {.b = true, .y = true},
    [CALR_POW_OF] = {true, true, true},      [CALR_MAXIMUM] = {.a = true, .b = true},
    [CALR_MINIMUM] = {.a = true, .b = true}, [CALR_REMAINDER] = {.a = true, .b = true},
    [CALR_FMOD] = {.a = true, .b = true},    [CALR_ATAN2] = {.a = true, .b = true},
};

static calr_status forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    calr_binary op = *(const calr_binary *)call->attributes;
    calr_tensor *a = call->in[0], *b = call->in[1];
    calr_pairing pairing;
    CALR_TRY(calr_backend_get(&k));
    calr_broadcast_pair(&call->out, call->in, 2, &pairing);
    CALR_TRY(k->binary(op, a->dtype, &pairing, calr_tensor_data(a), calr_tensor_data(b),
                       calr_tensor_data(*y)));
    if (!reads[op].a && !reads[op].b && !reads[op].y)
        return CALR_OK;
    /* A product's operand is read for the gradient of the other alone. */
    bool product = op == CALR_MUL, needs_a = call->needs[0], needs_b = call->needs[1];
    CALR_TRY(
        calr_op_save(call, "the first operand", reads[op].a && (needs_b || !product) ? a : NULL));
    CALR_TRY(
        calr_op_save(call, "the second operand", reads[op].b && (needs_a || !product) ? b : NULL));
    return calr_op_save(call, "its output", reads[op].y && needs_b ? *y : NULL);
}

/* dx[i] from a gradient in the shape of the output; takes over `full`. */
static calr_status reduce(const calr_op_call *call, int i, calr_tensor *full, calr_tensor **dx)
{
    calr_status status = calr_broadcast_reduce(full, &call->shape[i], &dx[i]);
    calr_tensor_release(full);
    return status;
}

/* dx[i] = a op b, in the shape of the output and then reduced to that of operand i. */
static calr_status pass(const calr_op_call *call, int i, calr_binary op, calr_tensor *a,
                        calr_tensor *b, calr_tensor **dx)
{
    const calr_backend *k;
    calr_tensor *full, *operands[] = {a, b};
    calr_pairing pairing;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_tensor_new(call->out.dtype, call->out.ndim, call->out.shape, &full));
    calr_broadcast_pair(&call->out, operands, 2, &pairing);
    calr_status status = k->binary(op, full->dtype, &pairing, calr_tensor_data(a),
                                   calr_tensor_data(b), calr_tensor_data(full));
    if (status == CALR_OK)
        return reduce(call, i, full, dx);
    calr_tensor_release(full);
    return status;
}

static calr_status pass_three(const calr_op_call *call, int i, calr_ternary op, calr_tensor *a,
                              calr_tensor *b, calr_tensor *c, calr_tensor **dx)
{
    const calr_backend *k;
    calr_tensor *full, *operands[] = {a, b, c};
    calr_pairing pairing;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_tensor_new(call->out.dtype, call->out.ndim, call->out.shape, &full));
    calr_broadcast_pair(&call->out, operands, 3, &pairing);
    k->ternary(op, full->dtype, &pairing, 0, calr_tensor_data(a), calr_tensor_data(b),
               calr_tensor_data(c), calr_tensor_data(full));
    return reduce(call, i, full, dx);
}

/* dx[i] = -dy. The gradient of a sum is a view that repeats one number, so dy need not be contiguous. */
static calr_status minus(const calr_op_call *call, int i, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    calr_tensor *sum, *straight;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_broadcast_reduce(dy, &call->shape[i], &sum));
    calr_status status = calr_tensor_contiguous(sum, &straight);
    calr_tensor_release(sum);
    CALR_TRY(status);
    status = calr_op_gradient(call, i, dx);
    if (status == CALR_OK)
        k->unary(CALR_NEG, straight->dtype, calr_tensor_numel(straight), NULL,
                 calr_tensor_data(straight), calr_tensor_data(dx[i]));
    calr_tensor_release(straight);
    return status;
}

static calr_status gradient_of_first(const calr_op_call *call, calr_binary op, calr_tensor *dy,
                                     calr_tensor **dx)
{
    calr_tensor *a = calr_op_saved(call, 0), *b = calr_op_saved(call, 1);
    switch (op) {
    case CALR_ADD:
    case CALR_SUB:
    case CALR_REMAINDER:
    case CALR_FMOD:
        return calr_broadcast_reduce(dy, &call->shape[0], &dx[0]);
    case CALR_MUL:
        return pass(call, 0, CALR_MUL, dy, b, dx);
    case CALR_DIV:
        return pass(call, 0, CALR_DIV, dy, b, dx);
    case CALR_POW_OF:
        return pass_three(call, 0, CALR_POW_D_BASE, a, b, dy, dx);
    case CALR_MAXIMUM:
        return pass_three(call, 0, CALR_MAXIMUM_D, a, b, dy, dx);
    case CALR_MINIMUM:
        return pass_three(call, 0, CALR_MINIMUM_D, a, b, dy, dx);
    case CALR_ATAN2:
        return pass_three(call, 0, CALR_ATAN2_D, a, b, dy, dx);
    default: /* constant wherever it has a gradient */
        return CALR_OK;
    }
}

static calr_status gradient_of_second(const calr_op_call *call, calr_binary op, calr_tensor *dy,
                                      calr_tensor **dx)
{
    calr_tensor *a = calr_op_saved(call, 0), *b = calr_op_saved(call, 1),
                *y = calr_op_saved(call, 2);
    switch (op) {
    case CALR_ADD:
        return calr_broadcast_reduce(dy, &call->shape[1], &dx[1]);
    case CALR_SUB:
        return minus(call, 1, dy, dx);
    case CALR_MUL:
        return pass(call, 1, CALR_MUL, dy, a, dx);
    case CALR_DIV:
        return pass_three(call, 1, CALR_DIV_D, y, b, dy, dx);
    case CALR_POW_OF:
        return pass_three(call, 1, CALR_POW_D_POWER, a, y, dy, dx);
    case CALR_MAXIMUM:
        return pass_three(call, 1, CALR_MAXIMUM_D, b, a, dy, dx);
    case CALR_MINIMUM:
        return pass_three(call, 1, CALR_MINIMUM_D, b, a, dy, dx);
    case CALR_REMAINDER:
        return pass_three(call, 1, CALR_REMAINDER_D, a, b, dy, dx);
    case CALR_FMOD:
        return pass_three(call, 1, CALR_FMOD_D, a, b, dy, dx);
    case CALR_ATAN2: { /* -g a / (a^2 + b^2): the other form with its operands exchanged, turned round */
        calr_tensor *positive[2] = {NULL, NULL};
        CALR_TRY(pass_three(call, 1, CALR_ATAN2_D, b, a, dy, positive));
        const calr_backend *k;
        calr_status status = calr_backend_get(&k);
        if (status == CALR_OK)
            status = calr_op_gradient(call, 1, dx);
        if (status == CALR_OK)
            k->unary(CALR_NEG, dy->dtype, calr_tensor_numel(dx[1]), NULL,
                     calr_tensor_data(positive[1]), calr_tensor_data(dx[1]));
        calr_tensor_release(positive[1]);
        return status;
    }
    default:
        return CALR_OK;
    }
}

static calr_status backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    calr_binary op = *(const calr_binary *)call->attributes;
    if (call->needs[0])
        CALR_TRY(gradient_of_first(call, op, dy, dx));
    return call->needs[1] ? gradient_of_second(call, op, dy, dx) : CALR_OK;
}

static const char *title(const void *attributes)
{
    return calr_binary_name(*(const calr_binary *)attributes);
}

static const calr_op op_binary = {.name = "arithmetic",
                                  .attribute_bytes = sizeof(calr_binary),
                                  .strided = true,
                                  .check = check,
                                  .forward = forward,
                                  .backward = backward,
                                  .title = title,
                                  .static_title = true};
/* What has no gradient. */
static const calr_op op_test = {.name = "comparison",
                                .attribute_bytes = sizeof(calr_binary),
                                .strided = true,
                                .check = check,
                                .forward = forward,
                                .title = title,
                                .static_title = true};

/* A tensor with dimensions outranks a single number of its category: bool, integers, floats. */
static int category(calr_dtype dtype)
{
    return dtype == CALR_BOOL ? 0 : calr_dtype_is_float(dtype) ? 2 : 1;
}

calr_dtype calr_op_promote(const calr_tensor *a, const calr_tensor *b)
{
    if (a->dtype == b->dtype || (a->ndim == 0) == (b->ndim == 0))
        return calr_dtype_promote(a->dtype, b->dtype);
    const calr_tensor *whole = a->ndim ? a : b, *single = a->ndim ? b : a;
    return category(whole->dtype) >= category(single->dtype)
               ? whole->dtype
               : calr_dtype_promote(a->dtype, b->dtype);
}

/* The type that both operands are converted to. */
static calr_dtype common_dtype(calr_binary op, const calr_tensor *a, const calr_tensor *b)
{
    calr_dtype dtype = calr_op_promote(a, b);
    if ((op == CALR_DIV || op == CALR_ATAN2) && !calr_dtype_is_float(dtype))
        return CALR_F32;
    if (dtype == CALR_BOOL &&
        (op == CALR_POW_OF || op == CALR_FLOOR_DIVIDE || op == CALR_REMAINDER || op == CALR_FMOD))
        return CALR_I64;
    return dtype;
}

calr_status calr_op_binary(calr_binary op, calr_tensor *a, calr_tensor *b, calr_tensor **y)
{
    const calr_op *descriptor = calr_binary_is_test(op) ? &op_test : &op_binary;
    calr_dtype dtype = common_dtype(op, a, b);
    return calr_broadcast_apply(descriptor, (calr_tensor *[]){a, b}, 2, 0, dtype, &op, y);
}

calr_status calr_op_binary_into(calr_binary op, calr_tensor *a, calr_tensor *b)
{
    calr_tensor *y;
    CALR_TRY(calr_op_check_into(calr_binary_name(op), a, b));
    calr_dtype dtype = common_dtype(op, a, b);
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    calr_op_shape out = {.dtype = dtype, .ndim = a->ndim}, shapes[2];
    calr_op_shape_of(a, &shapes[0]);
    calr_op_shape_of(b, &shapes[1]);
    bool whole = dtype == a->dtype && b->dtype == dtype && b->storage != a->storage &&
                 calr_tensor_is_contiguous(a) && !calr_binary_is_test(op) &&
                 calr_binary_takes(op, dtype) &&
                 calr_broadcast_shape(&shapes[0], &shapes[1], &out) == CALR_OK &&
                 calr_op_same_shape(&out, &shapes[0]);
    if (!whole) {
        CALR_TRY(calr_op_binary(op, a, b, &y));
        calr_status status = calr_op_store(calr_binary_name(op), a, y);
        calr_tensor_release(y);
        return status;
    }
    calr_pairing pairing;
    calr_tensor *in[] = {a, b};
    calr_broadcast_pair(&out, in, 2, &pairing);
    calr_tensor_touch(a);
    return k->binary(op, dtype, &pairing, calr_tensor_data(a), calr_tensor_data(b),
                     calr_tensor_data(a));
}
