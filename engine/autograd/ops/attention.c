/* Scaled dot-product attention (Vaswani et al., NeurIPS 2017, eq. 1), of q, k and v, or of the three side by side. */
#include <math.h>
#include <string.h>

#include "autograd/apply.h"
#include "autograd/ops_layers.h"
#include "backend/backend.h"

typedef struct attending {
    calr_attention_options o;
    int64_t heads; /* of self_attention */
} attending;

/* ---- common ---- */

static void take_options(const calr_op_call *call, calr_attention *a)
{
    const calr_attention_options *o = &((const attending *)call->attributes)->o;
    a->scale = o->scale != 0 ? o->scale : 1 / sqrt((double)a->d);
    a->causal = o->causal;
    a->p = o->p;
    a->seed = o->seed;
    a->epoch = o->epoch;
    a->index = o->index;
}

/* Which dimension of a mask that is repeated to [batch x heads x n x m] its dimension d is; `dims` are counted. */
static int mask_axis(int dims, int d)
{
    return dims == 3 && d == 0 ? 0 : d + 4 - dims;
}

/* The mask is input i: its shape must fit the last `mask->ndim` of the `dims` dimensions of the weights. */
static calr_status check_mask(const calr_op_call *call, int i, const calr_attention *a, int dims)
{
    char text[CALR_TENSOR_TEXT];
    const calr_op_shape *mask = &call->shape[i];
    int64_t size[4] = {a->batch, a->heads, a->n, a->m};
    if (mask->ndim < 0)
        return CALR_OK;
    if (mask->dtype != CALR_BOOL && mask->dtype != CALR_F32)
        return calr_error(CALR_EINVAL,
                          "mask must be bool (true where a query sees a key) or f32 (added to the "
                          "products), not %s",
                          calr_op_describe(mask, text));
    if (call->needs[i])
        return calr_error(CALR_EINVAL, "mask is a constant and gets no gradient: give "
                                       "mask:detach(), or write the attention with matmul and "
                                       "softmax");
    bool fits = mask->ndim <= dims;
    for (int d = 0; fits && d < mask->ndim; d++) {
        int64_t full = size[mask_axis(dims, d + dims - mask->ndim)];
        fits = mask->shape[d] == full || mask->shape[d] == 1;
    }
    if (!fits)
        return calr_error(CALR_EINVAL,
                          "mask is %s, and must fit [%lld x %lld x %lld x %lld] (batch, heads, "
                          "queries, keys)",
                          calr_op_describe(mask, text), (long long)a->batch, (long long)a->heads,
                          (long long)a->n, (long long)a->m);
    return CALR_OK;
}

static void take_mask(const calr_tensor *mask, int dims, calr_attention *a)
{
    if (!mask)
        return;
    a->mask = mask->dtype == CALR_BOOL ? CALR_ATTEND_WHERE : CALR_ATTEND_ADD;
    for (int d = 0; d < mask->ndim; d++)
        if (mask->shape[d] > 1)
            a->mask_step[mask_axis(dims, d + dims - mask->ndim)] = mask->stride[d];
}

static calr_status check_settings(const calr_op_call *call, const calr_attention *a)
{
    const calr_attention_options *o = &((const attending *)call->attributes)->o;
    if (!(o->p >= 0 && o->p < 1))
        return calr_error(CALR_EINVAL, "dropout must be 0 or more and below 1, not %g", o->p);
    if (!isfinite(o->scale))
        return calr_error(CALR_EINVAL, "scale must be a number, not %g", o->scale);
    if (a->m < 1 || a->d < 1 || a->width < 1)
        return calr_error(CALR_EINVAL,
                          "there must be keys, and they and the values must have numbers");
    return CALR_OK;
}

static calr_status new_log_sum(const calr_attention *a, calr_tensor **out)
{
    return calr_tensor_new(CALR_F32, 3, (int64_t[]){a->batch, a->heads, a->n}, out);
}

/* ---- of q, k and v ---- */

enum { Q, K, V, MASK, INPUTS };

static void sizes_of(const calr_op_call *call, calr_attention *a)
{
    const calr_op_shape *q = &call->shape[Q], *v = &call->shape[V];
    int dims = q->ndim;
    *a = (calr_attention){.dtype = q->dtype,
                          .batch = dims > 2 ? q->shape[0] : 1,
                          .heads = dims > 3 ? q->shape[1] : 1,
                          .n = q->shape[dims - 2],
                          .m = v->shape[dims - 2],
                          .d = q->shape[dims - 1],
                          .width = v->shape[dims - 1]};
    take_options(call, a);
}

static calr_status check_one(const calr_op_call *call, int i, const char *name, const char *form)
{
    const calr_op_shape *q = &call->shape[Q], *x = &call->shape[i];
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    CALR_TRY(calr_op_expect_real(call, i, name, -1, form));
    bool fits = x->ndim >= 2 && x->ndim <= 4 && x->ndim == q->ndim && x->dtype == q->dtype;
    for (int d = 0; fits && d < q->ndim - 2; d++)
        fits = x->shape[d] == q->shape[d];
    if (!fits)
        return calr_error(CALR_EINVAL,
                          "%s is %s and q is %s: all must be [n x d], [b x n x d] or [b x heads x "
                          "n x d], of one type, and agree in b and heads",
                          name, calr_op_describe(x, a), calr_op_describe(q, b));
    return CALR_OK;
}

static calr_status attention_check(calr_op_call *call)
{
    calr_attention a;
    char x[CALR_TENSOR_TEXT], y[CALR_TENSOR_TEXT];
    const calr_op_shape *q = &call->shape[Q], *k = &call->shape[K], *v = &call->shape[V];
    CALR_TRY(check_one(call, Q, "q", "f32[... x n x d]"));
    CALR_TRY(check_one(call, K, "k", "f32[... x m x d]"));
    CALR_TRY(check_one(call, V, "v", "f32[... x m x width]"));
    int last = q->ndim - 1;
    if (k->shape[last] != q->shape[last])
        return calr_error(CALR_EINVAL, "q, %s, and k, %s, differ in their last dimension",
                          calr_op_describe(q, x), calr_op_describe(k, y));
    if (k->shape[last - 1] != v->shape[last - 1])
        return calr_error(CALR_EINVAL, "k, %s, and v, %s, differ in the number of keys",
                          calr_op_describe(k, x), calr_op_describe(v, y));
    sizes_of(call, &a);
    CALR_TRY(check_settings(call, &a));
    return check_mask(call, MASK, &a, q->ndim);
}

static calr_heads steps_of(const calr_tensor *x)
{
    int dims = x->ndim;
    return (calr_heads){.batch = dims > 2 ? x->stride[0] : 0,
                        .head = dims > 3 ? x->stride[1] : 0,
                        .row = x->stride[dims - 2]};
}

/* The tensor itself where its rows can be read in place, otherwise a copy. */
static calr_status take(calr_tensor *x, calr_tensor **out)
{
    int last = x->ndim - 1;
    bool suits = (x->stride[last] == 1 || x->shape[last] == 1) &&
                 (x->stride[last - 1] >= x->shape[last] || x->shape[last - 1] == 1);
    if (!suits)
        return calr_tensor_clone(x, out);
    *out = calr_tensor_retain(x);
    return CALR_OK;
}

/* A row step that a single row leaves open must still hold a row. */
static calr_heads rows_of(const calr_tensor *x)
{
    calr_heads steps = steps_of(x);
    if (x->shape[x->ndim - 2] == 1)
        steps.row = x->shape[x->ndim - 1];
    return steps;
}

/* A new tensor with the numbers of a head's rows next to those of the other heads, if `like` has it so. */
static calr_status new_like(const calr_tensor *like, int64_t last, calr_tensor **out)
{
    int64_t shape[CALR_MAX_DIMS];
    int dims = like->ndim;
    memcpy(shape, like->shape, sizeof shape);
    shape[dims - 1] = last;
    bool apart = dims < 4 || like->stride[1] >= like->stride[2];
    if (apart)
        return calr_tensor_new(like->dtype, dims, shape, out);
    calr_tensor *base;
    shape[1] = like->shape[2];
    shape[2] = like->shape[1];
    CALR_TRY(calr_tensor_new(like->dtype, dims, shape, &base));
    calr_status status = calr_tensor_transpose(base, 1, 2, out);
    calr_tensor_release(base);
    return status;
}

static calr_status attention_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *backend;
    calr_attention a;
    calr_tensor *in[3] = {0}, *log_sum = NULL, *out = NULL;
    CALR_TRY(calr_backend_get(&backend));
    sizes_of(call, &a);
    take_mask(call->in[MASK], call->shape[Q].ndim, &a);
    calr_status status = CALR_OK;
    for (int i = Q; i <= V && status == CALR_OK; i++)
        status = take(call->in[i], &in[i]);
    if (status == CALR_OK)
        status = new_like(in[Q], a.width, &out);
    if (status == CALR_OK)
        status = new_log_sum(&a, &log_sum);
    if (status == CALR_OK) {
        a.q = rows_of(in[Q]), a.k = rows_of(in[K]), a.v = rows_of(in[V]), a.y = rows_of(out);
        status = backend->attention_forward(
            &a, calr_tensor_data(in[Q]), calr_tensor_data(in[K]), calr_tensor_data(in[V]),
            calr_op_data_or_null(call->in[MASK]), calr_tensor_data(out), calr_tensor_f32(log_sum));
    }
    static const char *const names[] = {"q", "k", "v"};
    for (int i = Q; i <= V && status == CALR_OK; i++)
        status = calr_op_save(call, names[i], in[i] == call->in[i] ? call->in[i] : in[i]);
    if (status == CALR_OK)
        status = calr_op_save(call, "mask", call->in[MASK]);
    if (status == CALR_OK)
        status = calr_op_save(call, "its output", out);
    if (status == CALR_OK)
        status = calr_op_save(call, "log_sum", log_sum);
    for (int i = Q; i <= V; i++)
        calr_tensor_release(in[i]);
    calr_tensor_release(log_sum);
    if (status != CALR_OK)
        calr_tensor_release(out);
    else
        *y = out;
    return status;
}

static calr_status attention_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *backend;
    calr_attention a;
    calr_tensor *q = calr_op_saved(call, 0), *k = calr_op_saved(call, 1),
                *v = calr_op_saved(call, 2), *mask = calr_op_saved(call, 3),
                *y = calr_op_saved(call, 4), *log_sum = calr_op_saved(call, 5), *straight;
    calr_tensor *const in[] = {q, k, v};
    CALR_TRY(calr_backend_get(&backend));
    sizes_of(call, &a);
    take_mask(mask, q->ndim, &a);
    calr_heads *const steps[] = {&a.dq, &a.dk, &a.dv};
    for (int i = Q; i <= V; i++) {
        if (!call->needs[i])
            continue;
        CALR_TRY(new_like(in[i], in[i]->shape[in[i]->ndim - 1], &dx[i]));
        *steps[i] = rows_of(dx[i]);
    }
    CALR_TRY(take(dy, &straight));
    a.q = rows_of(q), a.k = rows_of(k), a.v = rows_of(v), a.y = rows_of(y),
    a.dy = rows_of(straight);
    calr_status status = backend->attention_backward(
        &a, calr_tensor_data(q), calr_tensor_data(k), calr_tensor_data(v),
        calr_op_data_or_null(mask), calr_tensor_data(y), calr_tensor_f32(log_sum),
        calr_tensor_data(straight), (void *)calr_op_data_or_null(dx[Q]),
        (void *)calr_op_data_or_null(dx[K]), (void *)calr_op_data_or_null(dx[V]));
    calr_tensor_release(straight);
    return status;
}

static const calr_op op_attention = {.name = "scaled_dot_product_attention",
                                     .attribute_bytes = sizeof(attending),
                                     .strided = true,
                                     .makes_output = true,
                                     .check = attention_check,
                                     .forward = attention_forward,
                                     .backward = attention_backward};

calr_status calr_op_attention(calr_tensor *q, calr_tensor *k, calr_tensor *v, calr_tensor *mask,
                              const calr_attention_options *options, calr_tensor **y)
{
    calr_tensor *in[INPUTS] = {q, k, v, mask};
    attending o = {.o = *options};
    return calr_op_apply(&op_attention, in, INPUTS, &o, y);
}

/* ---- of the three side by side ---- */

static void packed_sizes(const calr_op_call *call, calr_attention *a)
{
    const int64_t *x = call->shape[0].shape;
    int64_t c = x[2] / 3, heads = ((const attending *)call->attributes)->heads, d = c / heads;
    calr_heads packed = {.batch = x[1] * 3 * c, .head = d, .row = 3 * c},
               plain = {.batch = x[1] * c, .head = d, .row = c};
    *a = (calr_attention){.dtype = call->shape[0].dtype,
                          .batch = x[0],
                          .heads = heads,
                          .n = x[1],
                          .m = x[1],
                          .d = d,
                          .width = d,
                          .q = packed,
                          .k = packed,
                          .v = packed,
                          .dq = packed,
                          .dk = packed,
                          .dv = packed,
                          .y = plain,
                          .dy = plain};
    take_options(call, a);
}

static calr_status packed_check(calr_op_call *call)
{
    const attending *o = call->attributes;
    const int64_t *x = call->shape[0].shape;
    calr_attention a;
    CALR_TRY(calr_op_expect_real(call, 0, "qkv", 3, "f32[b x n x 3 c]"));
    if (o->heads < 1 || x[2] % 3 != 0 || x[2] / 3 % o->heads != 0)
        return calr_error(CALR_EINVAL,
                          "qkv has %lld columns, and must have queries, keys and values of %lld "
                          "heads: a multiple of 3 x %lld",
                          (long long)x[2], (long long)o->heads, (long long)o->heads);
    packed_sizes(call, &a);
    CALR_TRY(check_settings(call, &a));
    CALR_TRY(check_mask(call, 1, &a, 4));
    calr_op_out(call, 3, (int64_t[]){x[0], x[1], x[2] / 3});
    call->out.dtype = call->shape[0].dtype;
    return CALR_OK;
}

static void *part(const calr_tensor *qkv, int i)
{
    int64_t at = i * (qkv->shape[2] / 3) * (int64_t)calr_dtype_size(qkv->dtype);
    return (char *)calr_tensor_data(qkv) + at;
}

static calr_status packed_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *backend;
    calr_attention a;
    calr_tensor *qkv = call->in[0], *mask = call->in[1], *log_sum;
    CALR_TRY(calr_backend_get(&backend));
    packed_sizes(call, &a);
    take_mask(mask, 4, &a);
    CALR_TRY(new_log_sum(&a, &log_sum));
    calr_status status = backend->attention_forward(&a, part(qkv, 0), part(qkv, 1), part(qkv, 2),
                                                    calr_op_data_or_null(mask),
                                                    calr_tensor_data(*y), calr_tensor_f32(log_sum));
    if (status == CALR_OK)
        status = calr_op_save(call, "qkv", qkv);
    if (status == CALR_OK)
        status = calr_op_save(call, "mask", mask);
    if (status == CALR_OK)
        status = calr_op_save(call, "its output", *y);
    if (status == CALR_OK)
        status = calr_op_save(call, "log_sum", log_sum);
    calr_tensor_release(log_sum);
    return status;
}

static calr_status packed_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *backend;
    calr_attention a;
    calr_tensor *qkv = calr_op_saved(call, 0), *mask = calr_op_saved(call, 1);
    CALR_TRY(calr_backend_get(&backend));
    packed_sizes(call, &a);
    take_mask(mask, 4, &a);
    CALR_TRY(calr_op_gradient(call, 0, dx));
    return backend->attention_backward(
        &a, part(qkv, 0), part(qkv, 1), part(qkv, 2), calr_op_data_or_null(mask),
        calr_tensor_data(calr_op_saved(call, 2)), calr_tensor_f32(calr_op_saved(call, 3)),
        calr_tensor_data(dy), part(dx[0], 0), part(dx[0], 1), part(dx[0], 2));
}

static const calr_op op_self_attention = {.name = "self_attention",
                                          .attribute_bytes = sizeof(attending),
                                          .check = packed_check,
                                          .forward = packed_forward,
                                          .backward = packed_backward};

calr_status calr_op_self_attention(calr_tensor *qkv, int64_t heads, calr_tensor *mask,
                                   const calr_attention_options *options, calr_tensor **y)
{
    calr_tensor *in[] = {qkv, mask};
    attending o = {.o = *options, .heads = heads};
    return calr_op_apply(&op_self_attention, in, 2, &o, y);
}
