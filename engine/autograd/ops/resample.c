/* Resampling of feature maps: PyTorch's interpolate, whose positions are computed in float too. */
#include <math.h>
#include <stdlib.h>

#include "autograd/apply.h"
#include "autograd/ops_layers.h"
#include "backend/backend.h"
#include "base/size.h"

#define MOST_SIZE ((int64_t)1 << 20)

static const int taps_of[] = {[CALR_NEAREST] = 1, [CALR_BILINEAR] = 2, [CALR_BICUBIC] = 4};

static float step_of(const calr_resample_options *o, int axis, int64_t length)
{
    int64_t outputs = o->size[axis];
    if (o->align_corners && o->mode != CALR_NEAREST)
        return outputs > 1 ? (float)(length - 1) / (float)(outputs - 1) : 0;
    return o->factor[axis] > 0 ? (float)(1 / o->factor[axis]) : (float)length / (float)outputs;
}

/* Keys' cubic convolution with a = -0.75, at a distance of t past the second of four positions. */
static void cubic_weights(float t, float weight[CALR_TAPS])
{
    const float a = -0.75f;
    float distance[CALR_TAPS] = {t + 1, t, 1 - t, 2 - t};
    for (int i = 0; i < CALR_TAPS; i++) {
        float x = distance[i];
        weight[i] = x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1
                           : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
    }
}

static int64_t inside(int64_t i, int64_t length)
{
    return i < 0 ? 0 : i >= length ? length - 1 : i;
}

static calr_tap tap_at(const calr_resample_options *o, float step, int64_t length, int64_t i)
{
    calr_tap tap = {0};
    if (o->mode == CALR_NEAREST) {
        tap.from[0] = inside((int64_t)floorf((float)i * step), length);
        tap.weight[0] = 1;
        return tap;
    }
    float at = o->align_corners ? step * (float)i : step * ((float)i + 0.5f) - 0.5f;
    if (o->mode == CALR_BILINEAR) {
        at = at < 0 ? 0 : at;
        int64_t low = inside((int64_t)at, length);
        float t = at - (float)low;
        t = t > 1 ? 1 : t;
        tap.from[0] = low;
        tap.from[1] = inside(low + 1, length);
        tap.weight[0] = 1 - t;
        tap.weight[1] = t;
        return tap;
    }
    float low = floorf(at);
    cubic_weights(at - low, tap.weight);
    for (int k = 0; k < CALR_TAPS; k++)
        tap.from[k] = inside((int64_t)low - 1 + k, length);
    return tap;
}

/* `taps` are to be freed. */
static calr_status resolve(const calr_op_call *call, calr_resample *r, calr_tap **taps)
{
    const calr_resample_options *o = call->attributes;
    const int64_t *x = call->shape[0].shape;
    *r = (calr_resample){.dtype = call->shape[0].dtype,
                         .n = x[0],
                         .h = x[1],
                         .w = x[2],
                         .c = x[3],
                         .out_h = o->size[0],
                         .out_w = o->size[1],
                         .taps = taps_of[o->mode]};
    *taps = calr_array_new(r->out_h + r->out_w, sizeof **taps);
    if (!*taps)
        return calr_error(CALR_ENOMEM, "no memory for the positions");
    for (int64_t i = 0; i < r->out_h; i++)
        (*taps)[i] = tap_at(o, step_of(o, 0, r->h), r->h, i);
    for (int64_t i = 0; i < r->out_w; i++)
        (*taps)[r->out_h + i] = tap_at(o, step_of(o, 1, r->w), r->w, i);
    r->rows = *taps;
    r->columns = *taps + r->out_h;
    return CALR_OK;
}

static calr_status check(calr_op_call *call)
{
    const calr_resample_options *o = call->attributes;
    const calr_op_shape *x = &call->shape[0];
    char text[CALR_TENSOR_TEXT];
    CALR_TRY(calr_op_expect_real(call, 0, "x", 4, "f32[n x h x w x c]"));
    if (x->shape[1] < 1 || x->shape[2] < 1)
        return calr_error(CALR_EINVAL, "x, %s, has no pixels", calr_op_describe(x, text));
    for (int axis = 0; axis < 2; axis++)
        if (o->size[axis] < 1 || o->size[axis] > MOST_SIZE)
            return calr_error(CALR_EINVAL, "the new size must be 1 or more, not %lld x %lld",
                              (long long)o->size[0], (long long)o->size[1]);
    calr_op_out(call, 4, (int64_t[]){x->shape[0], o->size[0], o->size[1], x->shape[3]});
    call->out.dtype = x->dtype;
    return CALR_OK;
}

static calr_status forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    calr_resample r;
    calr_tap *taps;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(resolve(call, &r, &taps));
    calr_status status =
        k->resample_forward(&r, calr_tensor_data(call->in[0]), calr_tensor_data(*y));
    free(taps);
    return status;
}

static calr_status backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    calr_resample r;
    calr_tap *taps;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_op_gradient(call, 0, dx));
    CALR_TRY(resolve(call, &r, &taps));
    calr_status status = k->resample_backward(&r, calr_tensor_data(dy), calr_tensor_data(dx[0]));
    free(taps);
    return status;
}

static const calr_op op_interpolate = {.name = "interpolate",
                                       .attribute_bytes = sizeof(calr_resample_options),
                                       .check = check,
                                       .forward = forward,
                                       .backward = backward};

calr_status calr_op_interpolate(calr_tensor *x, const calr_resample_options *options,
                                calr_tensor **y)
{
    return calr_op_apply(&op_interpolate, &x, 1, options, y);
}
