/* conv2d and conv_transpose2d. */
#include <inttypes.h>
#include <string.h>

#include "autograd/apply.h"
#include "autograd/ops/convolution.h"

calr_status calr_conv2d_of_shapes(calr_dtype dtype, const int64_t *x, const int64_t *w,
                                  const calr_conv2d_options *options, calr_conv2d *conv)
{
    *conv = (calr_conv2d){.n = x[0],
                          .h = x[1],
                          .w = x[2],
                          .c_in = x[3],
                          .c_out = w[0],
                          .kh = w[2],
                          .kw = w[3],
                          .stride = {options->stride[0], options->stride[1]},
                          .dilation = {options->dilation[0], options->dilation[1]},
                          .same = options->same,
                          .groups = options->groups,
                          .dtype = dtype};
    memcpy(conv->padding, options->padding, sizeof conv->padding);
    return calr_conv2d_resolve(conv);
}

/* Input, weight and output sizes. Cheap enough to be found anew in each step. */
static calr_status resolve(const calr_op_call *call, calr_conv2d *conv)
{
    return calr_conv2d_of_shapes(call->shape[0].dtype, call->shape[0].shape, call->shape[1].shape,
                                 call->attributes, conv);
}

static calr_status check_bias(const calr_op_call *call, int64_t c_out)
{
    char text[CALR_TENSOR_TEXT];
    if (!call->in[2])
        return CALR_OK;
    CALR_TRY(calr_op_expect(call, 2, "bias", 1, "f32[out]"));
    if (call->shape[2].shape[0] != c_out)
        return calr_error(CALR_EINVAL, "bias must be f32[%" PRId64 "], not %s", c_out,
                          calr_op_describe(&call->shape[2], text));
    return CALR_OK;
}

static calr_status check(calr_op_call *call)
{
    const calr_op_shape *x = &call->shape[0], *w = &call->shape[1];
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    CALR_TRY(calr_op_expect_real(call, 0, "x", 4, "f32[n x h x w x c]"));
    CALR_TRY(calr_op_expect(call, 1, "w", 4, "f32[out x in x kh x kw]"));
    int64_t groups = ((const calr_conv2d_options *)call->attributes)->groups;
    if (w->shape[1] > x->shape[3] || x->shape[3] != w->shape[1] * groups)
        return calr_error(CALR_EINVAL,
                          "x, %s, has %" PRId64 " channels but w, %s, takes %" PRId64
                          " in each of %" PRId64 " groups",
                          calr_op_describe(x, a), x->shape[3], calr_op_describe(w, b), w->shape[1],
                          groups);
    CALR_TRY(check_bias(call, w->shape[0]));
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
                               calr_op_f32_or_null(call->in[2]), calr_tensor_data(*y)));
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
                                          calr_op_f32_or_null(dx[2]));
    if (call->needs[2])
        CALR_TRY(k->sum_rows(dy->dtype, conv.n * conv.out_h * conv.out_w, conv.c_out,
                             calr_tensor_data(dy), calr_tensor_f32(dx[2])));
    return CALR_OK;
}

static const calr_op op_conv2d = {.name = "conv2d",
                                  .attribute_bytes = sizeof(calr_conv2d_options),
                                  .check = check,
                                  .forward = forward,
                                  .backward = backward};

calr_status calr_op_conv2d(calr_tensor *x, calr_tensor *w, calr_tensor *bias,
                           const calr_conv2d_options *options, calr_tensor **y)
{
    calr_tensor *in[] = {x, w, bias};
    return calr_op_apply(&op_conv2d, in, 3, options, y);
}

/* ---- transposed ----
 * `conv` is the convolution that makes x out of y: what it gives backward is the result here, and its
 * forward pass and its gradient of weights are the gradients. */

static calr_status expanded(const calr_conv2d_options *o, int axis, int64_t side, int64_t kernel,
                            int64_t *out)
{
    static const char *const names[] = {"high", "wide"};
    int64_t room = INT64_C(1) << 31, reach = o->dilation[axis] * (kernel - 1);
    int64_t crop = o->padding[2 * axis] + o->padding[2 * axis + 1];
    if (o->output_padding[axis] >= o->stride[axis])
        return calr_error(CALR_EINVAL,
                          "output_padding must be below the stride: %" PRId64
                          " is not below %" PRId64,
                          o->output_padding[axis], o->stride[axis]);
    if (side < 1 || side > room || kernel < 1 || kernel > room)
        return calr_error(CALR_EINVAL, "x and w must not be empty");
    *out = (side - 1) * o->stride[axis] + reach + 1 + o->output_padding[axis] - crop;
    if (*out < 1)
        return calr_error(CALR_EINVAL,
                          "the padding leaves nothing: the result would be %" PRId64 " pixels %s",
                          *out, names[axis]);
    return CALR_OK;
}

static calr_status resolve_transposed(const calr_op_call *call, calr_conv2d *conv)
{
    const calr_conv2d_options *o = call->attributes;
    const int64_t *x = call->shape[0].shape, *w = call->shape[1].shape;
    *conv = (calr_conv2d){.n = x[0],
                          .c_in = w[1] * o->groups,
                          .c_out = x[3],
                          .kh = w[2],
                          .kw = w[3],
                          .stride = {o->stride[0], o->stride[1]},
                          .dilation = {o->dilation[0], o->dilation[1]},
                          .groups = o->groups,
                          .dtype = call->shape[0].dtype};
    memcpy(conv->padding, o->padding, sizeof conv->padding);
    CALR_TRY(expanded(o, 0, x[1], w[2], &conv->h));
    CALR_TRY(expanded(o, 1, x[2], w[3], &conv->w));
    return calr_conv2d_resolve(conv);
}

static calr_status check_transposed(calr_op_call *call)
{
    const calr_op_shape *x = &call->shape[0], *w = &call->shape[1];
    const calr_conv2d_options *o = call->attributes;
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    CALR_TRY(calr_op_expect_real(call, 0, "x", 4, "f32[n x h x w x c]"));
    CALR_TRY(calr_op_expect(call, 1, "w", 4, "f32[in x out / groups x kh x kw]"));
    if (o->same)
        return calr_error(CALR_EINVAL, "a transposed convolution has no padding \"same\": its "
                                       "output_padding says how large the result is");
    if (x->shape[3] != w->shape[0])
        return calr_error(CALR_EINVAL, "x, %s, has %" PRId64 " channels but w, %s, takes %" PRId64,
                          calr_op_describe(x, a), x->shape[3], calr_op_describe(w, b), w->shape[0]);
    calr_conv2d conv;
    CALR_TRY(resolve_transposed(call, &conv));
    CALR_TRY(check_bias(call, conv.c_in));
    calr_op_out(call, 4, (int64_t[]){conv.n, conv.h, conv.w, conv.c_in});
    call->out.dtype = x->dtype;
    return CALR_OK;
}

/* y += bias, as a normalisation that does nothing else. */
static calr_status add_bias(const calr_backend *k, const calr_conv2d *conv, const float *bias,
                            void *y)
{
    int64_t c = conv->c_in;
    calr_norm norm = {
        .rows = conv->n * conv->h * conv->w, .c = c, .dtype = (calr_dtype)conv->dtype};
    calr_tensor *table;
    CALR_TRY(calr_tensor_new(CALR_F32, 2, (int64_t[]){4, c}, &table));
    float *t = calr_tensor_f32(table);
    for (int64_t j = 0; j < c; j++) {
        t[j] = 0;
        t[c + j] = t[2 * c + j] = 1;
        t[3 * c + j] = bias[j];
    }
    k->batch_norm_apply(&norm, y, t, NULL, y);
    calr_tensor_release(table);
    return CALR_OK;
}

static calr_status forward_transposed(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    calr_conv2d conv;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(resolve_transposed(call, &conv));
    CALR_TRY(k->conv2d_backward_data(&conv, calr_tensor_f32(call->in[1]),
                                     calr_tensor_data(call->in[0]), calr_tensor_data(*y)));
    if (call->in[2])
        CALR_TRY(add_bias(k, &conv, calr_tensor_f32(call->in[2]), calr_tensor_data(*y)));
    CALR_TRY(calr_op_save(call, "x", call->needs[1] ? call->in[0] : NULL));
    return calr_op_save(call, "w", call->needs[0] ? call->in[1] : NULL);
}

static calr_status backward_transposed(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    calr_conv2d conv;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(resolve_transposed(call, &conv));
    for (int i = 0; i < 3; i++)
        CALR_TRY(calr_op_gradient(call, i, dx));
    if (call->needs[0])
        CALR_TRY(k->conv2d_forward(&conv, calr_tensor_data(dy),
                                   calr_tensor_f32(calr_op_saved(call, 1)), NULL,
                                   calr_tensor_data(dx[0])));
    if (call->needs[1])
        CALR_TRY(k->conv2d_backward_weights(&conv, calr_tensor_data(dy),
                                            calr_tensor_data(calr_op_saved(call, 0)),
                                            calr_tensor_f32(dx[1]), NULL));
    if (call->needs[2])
        return k->sum_rows(dy->dtype, conv.n * conv.h * conv.w, conv.c_in, calr_tensor_data(dy),
                           calr_tensor_f32(dx[2]));
    return CALR_OK;
}

static const calr_op op_conv_transpose2d = {.name = "conv_transpose2d",
                                            .attribute_bytes = sizeof(calr_conv2d_options),
                                            .check = check_transposed,
                                            .forward = forward_transposed,
                                            .backward = backward_transposed};

calr_status calr_op_conv_transpose2d(calr_tensor *x, calr_tensor *w, calr_tensor *bias,
                                     const calr_conv2d_options *options, calr_tensor **y)
{
    calr_tensor *in[] = {x, w, bias};
    return calr_op_apply(&op_conv_transpose2d, in, 3, options, y);
}
