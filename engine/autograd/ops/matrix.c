/* Products of matrices. */
#include <inttypes.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "backend/backend.h"

/* ---- matmul ---- */

typedef struct product {
    bool a, b; /* whether it is transposed */
    float scale;
} product;

/* op(a): m x k, op(b): k x n. */
static void sizes(const calr_op_call *call, int64_t *m, int64_t *n, int64_t *k)
{
    const product *t = call->attributes;
    *m = call->shape[0].shape[t->a];
    *k = call->shape[0].shape[!t->a];
    *n = call->shape[1].shape[!t->b];
}

static calr_status matmul_check(calr_op_call *call)
{
    const product *t = call->attributes;
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    CALR_TRY(calr_op_expect(call, 0, "a", 2, "f32[m x k]"));
    CALR_TRY(calr_op_expect(call, 1, "b", 2, "f32[k x n]"));
    int64_t m, n, k;
    sizes(call, &m, &n, &k);
    if (call->shape[1].shape[t->b] != k)
        return calr_error(CALR_EINVAL, "%s%s and %s%s do not fit",
                          calr_op_describe(&call->shape[0], a), t->a ? " (transposed)" : "",
                          calr_op_describe(&call->shape[1], b), t->b ? " (transposed)" : "");
    calr_op_out(call, 2, (int64_t[]){m, n});
    return CALR_OK;
}

static calr_status matmul_forward(calr_op_call *call, calr_tensor **y)
{
    const product *t = call->attributes;
    const calr_backend *backend;
    CALR_TRY(calr_backend_get(&backend));
    int64_t m, n, k;
    sizes(call, &m, &n, &k);
    backend->gemm(t->a, t->b, m, n, k, t->scale, calr_tensor_f32(call->in[0]), t->a ? m : k,
                  calr_tensor_f32(call->in[1]), t->b ? k : n, 0, calr_tensor_f32(*y), n);
    CALR_TRY(calr_op_save(call, "a", call->needs[1] ? call->in[0] : NULL));
    return calr_op_save(call, "b", call->needs[0] ? call->in[1] : NULL);
}

/* d op(a) = dy op(b)^T, d op(b) = op(a)^T dy; where an input was transposed, so is its gradient. */
static calr_status matmul_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const product *t = call->attributes;
    const calr_backend *backend;
    CALR_TRY(calr_backend_get(&backend));
    int64_t m, n, k;
    sizes(call, &m, &n, &k);
    const float *g = calr_tensor_f32(dy);
    CALR_TRY(calr_op_gradient(call, 0, dx));
    CALR_TRY(calr_op_gradient(call, 1, dx));
    if (call->needs[0]) {
        const float *b = calr_tensor_f32(calr_op_saved(call, 1));
        int64_t ldb = t->b ? k : n;
        if (t->a)
            backend->gemm(t->b, true, k, m, n, t->scale, b, ldb, g, n, 0, calr_tensor_f32(dx[0]),
                          m);
        else
            backend->gemm(false, !t->b, m, k, n, t->scale, g, n, b, ldb, 0, calr_tensor_f32(dx[0]),
                          k);
    }
    if (call->needs[1]) {
        const float *a = calr_tensor_f32(calr_op_saved(call, 0));
        int64_t lda = t->a ? m : k;
        if (t->b)
            backend->gemm(true, t->a, n, k, m, t->scale, g, n, a, lda, 0, calr_tensor_f32(dx[1]),
                          k);
        else
            backend->gemm(!t->a, false, k, n, m, t->scale, a, lda, g, n, 0, calr_tensor_f32(dx[1]),
                          n);
    }
    return CALR_OK;
}

static const calr_op op_matmul = {.name = "matmul",
                                  .attribute_bytes = sizeof(product),
                                  .check = matmul_check,
                                  .forward = matmul_forward,
                                  .backward = matmul_backward};

calr_status calr_op_matmul(calr_tensor *a, calr_tensor *b, bool transpose_a, bool transpose_b,
                           double scale, calr_tensor **y)
{
    calr_tensor *in[] = {a, b};
    product t = {transpose_a, transpose_b, (float)scale};
    return calr_op_apply(&op_matmul, in, 2, &t, y);
}

/* ---- linear ---- */

static calr_status linear_check(calr_op_call *call)
{
    const calr_op_shape *x = &call->shape[0], *w = &call->shape[1];
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    CALR_TRY(calr_op_expect(call, 0, "x", 2, "f32[n x in]"));
    CALR_TRY(calr_op_expect(call, 1, "w", 2, "f32[out x in]"));
    if (x->shape[1] != w->shape[1])
        return calr_error(CALR_EINVAL, "x, %s, and w, %s, differ in their last dimension",
                          calr_op_describe(x, a), calr_op_describe(w, b));
    if (call->in[2]) {
        CALR_TRY(calr_op_expect(call, 2, "bias", 1, "f32[out]"));
        if (call->shape[2].shape[0] != w->shape[0])
            return calr_error(CALR_EINVAL, "bias must be f32[%" PRId64 "], not %s", w->shape[0],
                              calr_op_describe(&call->shape[2], a));
    }
    calr_op_out(call, 2, (int64_t[]){x->shape[0], w->shape[0]});
    return CALR_OK;
}

static calr_status linear_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *backend;
    CALR_TRY(calr_backend_get(&backend));
    int64_t n = call->shape[0].shape[0], in = call->shape[0].shape[1],
            out = call->shape[1].shape[0];
    if (call->in[2])
        CALR_TRY(backend->add_row(n, out, NULL, calr_tensor_f32(call->in[2]), calr_tensor_f32(*y)));
    backend->gemm(false, true, n, out, in, 1, calr_tensor_f32(call->in[0]), in,
                  calr_tensor_f32(call->in[1]), in, call->in[2] ? 1 : 0, calr_tensor_f32(*y), out);
    CALR_TRY(calr_op_save(call, "x", call->needs[1] ? call->in[0] : NULL));
    return calr_op_save(call, "w", call->needs[0] ? call->in[1] : NULL);
}

static calr_status linear_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *backend;
    CALR_TRY(calr_backend_get(&backend));
    int64_t n = call->shape[0].shape[0], in = call->shape[0].shape[1],
            out = call->shape[1].shape[0];
    const float *g = calr_tensor_f32(dy);
    for (int i = 0; i < 3; i++)
        CALR_TRY(calr_op_gradient(call, i, dx));
    if (call->needs[0])
        backend->gemm(false, false, n, in, out, 1, g, out, calr_tensor_f32(calr_op_saved(call, 1)),
                      in, 0, calr_tensor_f32(dx[0]), in);
    if (call->needs[1])
        backend->gemm(true, false, out, in, n, 1, g, out, calr_tensor_f32(calr_op_saved(call, 0)),
                      in, 0, calr_tensor_f32(dx[1]), in);
    if (call->needs[2])
        CALR_TRY(backend->sum_rows(CALR_F32, n, out, g, calr_tensor_f32(dx[2])));
    return CALR_OK;
}

static const calr_op op_linear = {.name = "linear",
                                  .check = linear_check,
                                  .forward = linear_forward,
                                  .backward = linear_backward};

calr_status calr_op_linear(calr_tensor *x, calr_tensor *w, calr_tensor *bias, calr_tensor **y)
{
    calr_tensor *in[] = {x, w, bias};
    return calr_op_apply(&op_linear, in, 3, NULL, y);
}
