/* The sum of feature maps whose channels are weighted. */
#include <inttypes.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "backend/backend.h"

/* Inputs: x_1 .. x_k [n x h x w x c], then gates g_1 .. g_k [n x c]. */

static calr_status gated_check(calr_op_call *call)
{
    int count = call->count / 2;
    const calr_op_shape *first = &call->shape[0];
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    for (int i = 0; i < count; i++) {
        CALR_TRY(calr_op_expect_real(call, i, "x", 4, "f32[n x h x w x c]"));
        CALR_TRY(calr_op_expect(call, count + i, "gate", 2, "f32[n x c]"));
        const calr_op_shape *x = &call->shape[i], *g = &call->shape[count + i];
        if (x->dtype != first->dtype || !calr_op_same_shape(x, first))
            return calr_error(CALR_EINVAL, "map %d is %s, but the first is %s", i + 1,
                              calr_op_describe(x, a), calr_op_describe(first, b));
        if (g->shape[0] != x->shape[0] || g->shape[1] != x->shape[3])
            return calr_error(
                CALR_EINVAL, "gate %d must be f32[%" PRId64 " x %" PRId64 "] for %s, not %s", i + 1,
                x->shape[0], x->shape[3], calr_op_describe(x, a), calr_op_describe(g, b));
    }
    calr_op_out_like(call, 0);
    return CALR_OK;
}

static calr_gated_sum sizes_of(const calr_op_call *call)
{
    const int64_t *shape = call->shape[0].shape;
    return (calr_gated_sum){.dtype = call->shape[0].dtype,
                            .count = call->count / 2,
                            .n = shape[0],
                            .area = shape[1] * shape[2],
                            .c = shape[3]};
}

static calr_status gated_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    calr_gated_sum sizes = sizes_of(call);
    const void *x[CALR_GATED_MOST];
    const float *g[CALR_GATED_MOST];
    for (int i = 0; i < sizes.count; i++) {
        x[i] = calr_tensor_data(call->in[i]);
        g[i] = calr_tensor_f32(call->in[sizes.count + i]);
    }
    k->gated_sum_forward(&sizes, x, g, calr_tensor_data(*y));
    for (int i = 0; i < call->count; i++)
        CALR_TRY(calr_op_save(call, i < sizes.count ? "x" : "gate", call->in[i]));
    return CALR_OK;
}

static calr_status gated_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    calr_gated_sum sizes = sizes_of(call);
    const void *x[CALR_GATED_MOST];
    const float *g[CALR_GATED_MOST];
    void *x_gradient[CALR_GATED_MOST];
    float *g_gradient[CALR_GATED_MOST];
    for (int i = 0; i < call->count; i++)
        CALR_TRY(calr_op_gradient(call, i, dx));
    for (int i = 0; i < sizes.count; i++) {
        int gate = sizes.count + i;
        x[i] = calr_tensor_data(calr_op_saved(call, i));
        g[i] = calr_tensor_f32(calr_op_saved(call, gate));
        x_gradient[i] = calr_op_data_or_null(dx[i]);
        g_gradient[i] = calr_op_f32_or_null(dx[gate]);
    }
    k->gated_sum_backward(&sizes, x, g, calr_tensor_data(dy), x_gradient, g_gradient);
    return CALR_OK;
}

static const calr_op op_gated_sum = {.name = "gated_sum",
                                     .check = gated_check,
                                     .forward = gated_forward,
                                     .backward = gated_backward};

calr_status calr_op_gated_sum(calr_tensor *const *x, calr_tensor *const *gates, int count,
                              calr_tensor **y)
{
    calr_tensor *in[2 * CALR_GATED_MOST];
    if (count < 1 || count > CALR_GATED_MOST)
        return calr_error(CALR_EINVAL, "gated_sum: 1 to %d maps can be added, not %d",
                          CALR_GATED_MOST, count);
    for (int i = 0; i < count; i++) {
        in[i] = x[i];
        in[count + i] = gates[i];
    }
    return calr_op_apply(&op_gated_sum, in, 2 * count, NULL, y);
}
