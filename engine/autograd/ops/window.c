/* Pooling of windows of any size and place. */
#include <stdlib.h>

#include "autograd/apply.h"
#include "autograd/ops_layers.h"
#include "backend/backend.h"
#include "base/size.h"

#define MOST_SIZE ((int64_t)1 << 20)

typedef struct pooling {
    bool largest, adaptive;
    int64_t size[2]; /* adaptive */
    calr_window_options o;
} pooling;

static const char *const axes[] = {"height", "width"};

static calr_status check_axis(const pooling *p, int axis, int64_t length)
{
    const calr_window_options *o = &p->o;
    int64_t kernel = o->kernel[axis], padding = o->padding[axis];
    if (length < 1)
        return calr_error(CALR_EINVAL, "x has a %s of 0: there is nothing to pool", axes[axis]);
    if (p->adaptive) {
        if (p->size[axis] < 1 || p->size[axis] > MOST_SIZE)
            return calr_error(CALR_EINVAL, "size must be 1 or more, not %lld",
                              (long long)p->size[axis]);
        return CALR_OK;
    }
    if (kernel < 1 || kernel > MOST_SIZE || o->stride[axis] < 1 || o->stride[axis] > MOST_SIZE)
        return calr_error(CALR_EINVAL, "kernel and stride must be 1 or more, not %lld and %lld",
                          (long long)kernel, (long long)o->stride[axis]);
    if (padding < 0 || padding > kernel / 2)
        return calr_error(CALR_EINVAL, "the padding must be 0 to half the kernel (%lld), not %lld",
                          (long long)(kernel / 2), (long long)padding);
    if (length + 2 * padding < kernel && !o->ceil_mode)
        return calr_error(CALR_EINVAL,
                          "a kernel of %lld does not fit into the %s of %lld + 2 x %lld of padding",
                          (long long)kernel, axes[axis], (long long)length, (long long)padding);
    return CALR_OK;
}

/* Windows along an axis: as PyTorch's pooling_output_shape has it. */
static int64_t output_length(const pooling *p, int axis, int64_t length)
{
    const calr_window_options *o = &p->o;
    if (p->adaptive)
        return p->size[axis];
    int64_t stride = o->stride[axis], reach = length + 2 * o->padding[axis] - o->kernel[axis];
    if (!o->ceil_mode)
        return reach / stride + 1;
    int64_t count = reach < 0 ? 1 : (reach + stride - 1) / stride + 1;
    /* No window begins in the padding behind the map. */
    return (count - 1) * stride >= length + o->padding[axis] ? count - 1 : count;
}

static calr_span span_at(const pooling *p, int axis, int64_t length, int64_t outputs, int64_t i)
{
    const calr_window_options *o = &p->o;
    calr_span s;
    if (p->adaptive) {
        s.begin = i * length / outputs;
        s.end = ((i + 1) * length + outputs - 1) / outputs;
        s.count = (double)(s.end - s.begin);
        return s;
    }
    int64_t start = i * o->stride[axis] - o->padding[axis], end = start + o->kernel[axis];
    int64_t border = length + o->padding[axis];
    s.begin = start < 0 ? 0 : start;
    s.end = end > length ? length : end;
    s.count =
        (double)(o->count_include_pad ? (end > border ? border : end) - start : s.end - s.begin);
    return s;
}

/* The geometry of a call; spans, of rows and then of columns, are to be freed. */
static calr_status resolve(const calr_op_call *call, calr_windows *w, calr_span **spans)
{
    const pooling *p = call->attributes;
    const int64_t *x = call->shape[0].shape;
    *w = (calr_windows){.dtype = call->shape[0].dtype,
                        .n = x[0],
                        .h = x[1],
                        .w = x[2],
                        .c = x[3],
                        .out_h = output_length(p, 0, x[1]),
                        .out_w = output_length(p, 1, x[2])};
    if (!spans)
        return CALR_OK;
    *spans = calr_array_new(w->out_h + w->out_w, sizeof **spans);
    if (!*spans)
        return calr_error(CALR_ENOMEM, "no memory for the windows");
    for (int64_t i = 0; i < w->out_h; i++)
        (*spans)[i] = span_at(p, 0, w->h, w->out_h, i);
    for (int64_t i = 0; i < w->out_w; i++)
        (*spans)[w->out_h + i] = span_at(p, 1, w->w, w->out_w, i);
    w->rows = *spans;
    w->columns = *spans + w->out_h;
    return CALR_OK;
}

static calr_status check(calr_op_call *call)
{
    const pooling *p = call->attributes;
    calr_windows w;
    CALR_TRY(calr_op_expect_real(call, 0, "x", 4, "f32[n x h x w x c]"));
    for (int axis = 0; axis < 2; axis++)
        CALR_TRY(check_axis(p, axis, call->shape[0].shape[1 + axis]));
    CALR_TRY(resolve(call, &w, NULL));
    if (p->largest && w.h > INT32_MAX / w.w)
        return calr_error(CALR_EINVAL, "maps of %lld x %lld pixels are too large", (long long)w.h,
                          (long long)w.w);
    calr_op_out(call, 4, (int64_t[]){w.n, w.out_h, w.out_w, w.c});
    call->out.dtype = call->shape[0].dtype;
    return CALR_OK;
}

static calr_status max_forward(calr_op_call *call, const calr_backend *k, const calr_windows *w,
                               calr_tensor *y)
{
    calr_tensor *winners;
    CALR_TRY(calr_tensor_new(CALR_I32, call->out.ndim, call->out.shape, &winners));
    calr_status status = k->window_max_forward(w, calr_tensor_data(call->in[0]),
                                               calr_tensor_data(y), calr_tensor_i32(winners));
    if (status == CALR_OK)
        status = calr_op_save(call, "winners", winners);
    calr_tensor_release(winners);
    return status;
}

static calr_status forward(calr_op_call *call, calr_tensor **y)
{
    const pooling *p = call->attributes;
    const calr_backend *k;
    calr_windows w;
    calr_span *spans;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(resolve(call, &w, &spans));
    calr_status status = p->largest ? max_forward(call, k, &w, *y)
                                    : k->window_mean_forward(&w, calr_tensor_data(call->in[0]),
                                                             calr_tensor_data(*y));
    free(spans);
    return status;
}

static calr_status backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const pooling *p = call->attributes;
    const calr_backend *k;
    calr_windows w;
    calr_span *spans;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_op_gradient(call, 0, dx));
    CALR_TRY(resolve(call, &w, &spans));
    calr_status status =
        p->largest ? k->window_max_backward(&w, calr_tensor_i32(calr_op_saved(call, 0)),
                                            calr_tensor_data(dy), calr_tensor_data(dx[0]))
                   : k->window_mean_backward(&w, calr_tensor_data(dy), calr_tensor_data(dx[0]));
    free(spans);
    return status;
}

static const char *title(const void *attributes)
{
    const pooling *p = attributes;
    if (p->adaptive)
        return p->largest ? "adaptive_max_pool" : "adaptive_avg_pool";
    return p->largest ? "max_pool" : "avg_pool";
}

static const calr_op op_windows = {.name = "pool",
                                   .attribute_bytes = sizeof(pooling),
                                   .check = check,
                                   .forward = forward,
                                   .backward = backward,
                                   .title = title,
                                   .static_title = true};

calr_status calr_op_window_max(calr_tensor *x, const calr_window_options *options, calr_tensor **y)
{
    pooling p = {.largest = true, .o = *options};
    return calr_op_apply(&op_windows, &x, 1, &p, y);
}

calr_status calr_op_window_mean(calr_tensor *x, const calr_window_options *options, calr_tensor **y)
{
    pooling p = {.o = *options};
    return calr_op_apply(&op_windows, &x, 1, &p, y);
}

calr_status calr_op_adaptive_pool(calr_tensor *x, bool largest, const int64_t size[2],
                                  calr_tensor **y)
{
    pooling p = {.largest = largest, .adaptive = true, .size = {size[0], size[1]}};
    return calr_op_apply(&op_windows, &x, 1, &p, y);
}
