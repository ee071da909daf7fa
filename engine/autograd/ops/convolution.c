/* conv2d. */
#include <inttypes.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "backend/backend.h"

typedef struct geometry {
    int64_t stride, padding, groups;
} geometry;

/* Input, weight and output sizes. Cheap enough to be found anew in each step. */
static calr_status resolve(const calr_op_call *call, calr_conv2d *conv)
{
    const geometry *g = call->attributes;
    const int64_t *x = call->shape[0].shape, *w = call->shape[1].shape;
    *conv = (calr_conv2d){.n = x[0],
                          .h = x[1],
                          .w = x[2],
                          .c_in = x[3],
                          .c_out = w[0],
                          .kh = w[2],
                          .kw = w[3],
                          .stride = g->stride,
                          .padding = g->padding,
                          .groups = g->groups,
                          .dtype = call->shape[0].dtype};
    return calr_conv2d_resolve(conv);
}

static calr_status check(calr_op_call *call)
{
    const calr_op_shape *x = &call->shape[0], *w = &call->shape[1];
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    CALR_TRY(calr_op_expect_real(call, 0, "x", 4, "f32[n x h x w x c]"));
    CALR_TRY(calr_op_expect(call, 1, "w", 4, "f32[out x in x kh x kw]"));
    int64_t groups = ((const geometry *)call->attributes)->groups;
    if (w->shape[1] > x->shape[3] || x->shape[3] != w->shape[1] * groups)
        return calr_error(CALR_EINVAL,
                          "x, %s, has %" PRId64 " channels but w, %s, takes %" PRId64
                          " in each of %" PRId64 " groups",
                          calr_op_describe(x, a), x->shape[3], calr_op_describe(w, b), w->shape[1],
                          groups);
    if (call->in[2]) {
        CALR_TRY(calr_op_expect(call, 2, "bias", 1, "f32[out]"));
        if (call->shape[2].shape[0] != w->shape[0])
            return calr_error(CALR_EINVAL, "bias must be f32[%" PRId64 "], not %s", w->shape[0],
                              calr_op_describe(&call->shape[2], a));
    }
    calr_conv2d conv;
    CALR_TRY(resolve(call, &conv));
    calr_op_out(call, 4, (int64_t[]){conv.n, conv.out_h, conv.out_w, conv.c_out});
    call->out.dtype = x->dtype;
    return CALR_OK;
}

static calr_status forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    calr_conv2d conv;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(resolve(call, &conv));
    CALR_TRY(k->conv2d_forward(&conv, calr_tensor_data(call->in[0]), calr_tensor_f32(call->in[1]),
                               call->in[2] ? calr_tensor_f32(call->in[2]) : NULL,
                               calr_tensor_data(*y)));
    CALR_TRY(calr_op_save(call, "x", call->needs[1] ? call->in[0] : NULL));
    return calr_op_save(call, "w", call->needs[0] ? call->in[1] : NULL);
}

static calr_status backward_data(calr_op_call *call, const calr_backend *k, const calr_conv2d *conv,
                                 calr_tensor *dy, calr_tensor **dx)
{
    const float *w = calr_tensor_f32(calr_op_saved(call, 1));
    calr_tensor *sum = calr_backend_conv2d_adds(conv) ? calr_op_gradient_so_far(call, 0) : NULL;
    if (sum) {
        calr_tensor_touch(sum);
        return k->conv2d_backward_data_add(conv, w, calr_tensor_data(dy), calr_tensor_data(sum));
    }
    CALR_TRY(calr_op_gradient(call, 0, dx));
    return k->conv2d_backward_data(conv, w, calr_tensor_data(dy), calr_tensor_data(dx[0]));
}

/* The gradient of the data is not computed for a first layer, whose input needs none. */
static calr_status backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    calr_conv2d conv;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(resolve(call, &conv));
    for (int i = 1; i < 3; i++)
        CALR_TRY(calr_op_gradient(call, i, dx));
    if (call->needs[0])
        CALR_TRY(backward_data(call, k, &conv, dy, dx));
    if (call->needs[1])
        return k->conv2d_backward_weights(&conv, calr_tensor_data(calr_op_saved(call, 0)),
                                          calr_tensor_data(dy), calr_tensor_f32(dx[1]),
                                          dx[2] ? calr_tensor_f32(dx[2]) : NULL);
    if (call->needs[2])
        CALR_TRY(k->sum_rows(dy->dtype, conv.n * conv.out_h * conv.out_w, conv.c_out,
                             calr_tensor_data(dy), calr_tensor_f32(dx[2])));
    return CALR_OK;
}

static const calr_op op_conv2d = {.name = "conv2d",
                                  .attribute_bytes = sizeof(geometry),
                                  .check = check,
                                  .forward = forward,
                                  .backward = backward};

calr_status calr_op_conv2d(calr_tensor *x, calr_tensor *w, calr_tensor *bias, int64_t stride,
                           int64_t padding, int64_t groups, calr_tensor **y)
{
    calr_tensor *in[] = {x, w, bias};
    geometry g = {stride, padding, groups};
    return calr_op_apply(&op_conv2d, in, 3, &g, y);
}
