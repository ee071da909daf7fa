/* Operations of three operands, and the choice between two. */
#include "autograd/apply.h"
#include "autograd/ops.h"
#include "autograd/ops/broadcast.h"
#include "backend/backend.h"

typedef struct ternary {
    calr_ternary op;
    double p;
} ternary;

static calr_status three_shapes(calr_op_call *call)
{
    calr_op_shape two;
    CALR_TRY(calr_broadcast_shape(&call->shape[0], &call->shape[1], &two));
    two.dtype = call->shape[0].dtype;
    return calr_broadcast_shape(&two, &call->shape[2], &call->out);
}

static calr_status check(calr_op_call *call)
{
    CALR_TRY(three_shapes(call));
    if (!calr_dtype_has_gradients(call->shape[0].dtype))
        return calr_op_refuse_dtype(call->shape[0].dtype);
    call->out.dtype = call->shape[0].dtype;
    return CALR_OK;
}

static calr_status forward(calr_op_call *call, calr_tensor **y)
{
    const ternary *t = call->attributes;
    const calr_backend *k;
    calr_pairing pairing;
    CALR_TRY(calr_backend_get(&k));
    calr_broadcast_pair(&call->out, call->in, 3, &pairing);
    k->ternary(t->op, (*y)->dtype, &pairing, t->p, calr_tensor_data(call->in[0]),
               calr_tensor_data(call->in[1]), calr_tensor_data(call->in[2]), calr_tensor_data(*y));
    CALR_TRY(calr_op_save(call, "the first operand", t->op == CALR_LERP ? call->in[0] : NULL));
    CALR_TRY(calr_op_save(call, "the second operand", call->in[1]));
    return calr_op_save(call, "the third operand", call->in[2]);
}

/* The gradients by arithmetic on tensors: the operations are rare, their gradients rarer. */
static calr_status gradient(const calr_op_call *call, int i, calr_tensor *dy, calr_tensor **full)
{
    const ternary *t = call->attributes;
    calr_tensor *a = calr_op_saved(call, 0), *b = calr_op_saved(call, 1),
                *c = calr_op_saved(call, 2);
    calr_tensor *part = NULL, *other = NULL;
    calr_status status = CALR_OK;
    if (t->op == CALR_LERP) {
        if (i == 2) {
            status = calr_op_binary(CALR_SUB, b, a, &part);
            if (status == CALR_OK)
                status = calr_op_binary(CALR_MUL, dy, part, full);
        } else if (i == 1) {
            status = calr_op_binary(CALR_MUL, dy, c, full);
        } else {
            status = calr_op_affine(c, -1, 1, &part);
            if (status == CALR_OK)
                status = calr_op_binary(CALR_MUL, dy, part, full);
        }
    } else if (t->op == CALR_ADDCMUL) {
        status = calr_op_affine(i == 1 ? c : b, t->p, 0, &part);
        if (status == CALR_OK)
            status = calr_op_binary(CALR_MUL, dy, part, full);
    } else { /* addcdiv: p / c, and -p b / c^2 */
        status = calr_op_affine(dy, i == 1 ? t->p : -t->p, 0, &part);
        if (status == CALR_OK)
            status = calr_op_binary(CALR_DIV, part, c, i == 1 ? full : &other);
        if (status == CALR_OK && i == 2) {
            calr_tensor_release(part);
            part = NULL;
            status = calr_op_binary(CALR_MUL, other, b, &part);
            if (status == CALR_OK)
                status = calr_op_binary(CALR_DIV, part, c, full);
        }
    }
    calr_tensor_release(part);
    calr_tensor_release(other);
    return status;
}

static calr_status backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const ternary *t = call->attributes;
    for (int i = 0; i < 3; i++) {
        if (!call->needs[i])
            continue;
        if (i == 0 && t->op != CALR_LERP) {
            CALR_TRY(calr_broadcast_reduce(dy, &call->shape[0], &dx[0]));
            continue;
        }
        calr_tensor *full;
        CALR_TRY(gradient(call, i, dy, &full));
        calr_status status = calr_broadcast_reduce(full, &call->shape[i], &dx[i]);
        calr_tensor_release(full);
        CALR_TRY(status);
    }
    return CALR_OK;
}

static const char *title(const void *attributes)
{
    return calr_ternary_name(((const ternary *)attributes)->op);
}

static const calr_op op_ternary = {.name = "ternary",
                                   .attribute_bytes = sizeof(ternary),
                                   .strided = true,
                                   .check = check,
                                   .forward = forward,
                                   .backward = backward,
                                   .title = title,
                                   .static_title = true};

calr_status calr_op_ternary(calr_ternary op, double p, calr_tensor *a, calr_tensor *b,
                            calr_tensor *c, calr_tensor **y)
{
    calr_dtype dtype = calr_op_promote(a, b);
    dtype = calr_dtype_promote(dtype, a->ndim || b->ndim ? (c->ndim ? c->dtype : dtype) : c->dtype);
    if (!calr_dtype_is_float(dtype))
        dtype = CALR_F32;
    ternary attributes = {op, p};
    return calr_broadcast_apply(&op_ternary, (calr_tensor *[]){a, b, c}, 3, 0, dtype, &attributes,
                                y);
}

/* ---- where ---- */

static calr_status where_check(calr_op_call *call)
{
    char text[CALR_TENSOR_TEXT];
    if (call->shape[0].dtype != CALR_BOOL)
        return calr_error(CALR_EINVAL, "the mask must be bool, not %s; x:ne(0) makes one",
                          calr_op_describe(&call->shape[0], text));
    CALR_TRY(three_shapes(call));
    call->out.dtype = call->shape[1].dtype;
    return CALR_OK;
}

static calr_status where_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    calr_pairing pairing;
    CALR_TRY(calr_backend_get(&k));
    calr_broadcast_pair(&call->out, call->in, 3, &pairing);
    k->where(calr_dtype_size((*y)->dtype), &pairing, calr_tensor_bool(call->in[0]),
             calr_tensor_data(call->in[1]), calr_tensor_data(call->in[2]), calr_tensor_data(*y));
    return calr_op_save(call, "the mask", call->in[0]);
}

static calr_status where_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    calr_tensor *zero;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_tensor_zeros(dy->dtype, 0, NULL, &zero));
    calr_status status = CALR_OK;
    for (int i = 1; i < 3 && status == CALR_OK; i++) {
        calr_tensor *full, *in[] = {calr_op_saved(call, 0), i == 1 ? dy : zero, i == 1 ? zero : dy};
        calr_pairing pairing;
        if (!call->needs[i])
            continue;
        status = calr_tensor_new(call->out.dtype, call->out.ndim, call->out.shape, &full);
        if (status != CALR_OK)
            break;
        calr_broadcast_pair(&call->out, in, 3, &pairing);
        k->where(calr_dtype_size(dy->dtype), &pairing, calr_tensor_bool(in[0]),
                 calr_tensor_data(in[1]), calr_tensor_data(in[2]), calr_tensor_data(full));
        status = calr_broadcast_reduce(full, &call->shape[i], &dx[i]);
        calr_tensor_release(full);
    }
    calr_tensor_release(zero);
    return status;
}

static const calr_op op_where = {.name = "where",
                                 .strided = true,
                                 .check = where_check,
                                 .forward = where_forward,
                                 .backward = where_backward};

calr_status calr_op_where(calr_tensor *mask, calr_tensor *a, calr_tensor *b, calr_tensor **y)
{
    return calr_broadcast_apply(&op_where, (calr_tensor *[]){mask, a, b}, 3, 1,
                                calr_op_promote(a, b), NULL, y);
}
