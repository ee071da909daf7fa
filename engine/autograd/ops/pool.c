/* Pooling. */
#include "autograd/apply.h"
#include "autograd/ops.h"
#include "backend/backend.h"

/* ---- maximum over windows ---- */

typedef struct window {
    int64_t kernel, stride, padding;
} window;

static calr_status resolve(const calr_op_call *call, calr_pool2d *pool)
{
    const window *o = call->attributes;
    const int64_t *x = call->shape[0].shape;
    *pool = (calr_pool2d){.n = x[0],
                          .h = x[1],
                          .w = x[2],
                          .c = x[3],
                          .kernel = o->kernel,
                          .stride = o->stride,
                          .padding = o->padding,
                          .dtype = call->shape[0].dtype};
    return calr_pool2d_resolve(pool);
}

static calr_status max_check(calr_op_call *call)
{
    calr_pool2d pool;
    CALR_TRY(calr_op_expect_real(call, 0, "x", 4, "f32[n x h x w x c]"));
    CALR_TRY(resolve(call, &pool));
    calr_op_out(call, 4, (int64_t[]){pool.n, pool.out_h, pool.out_w, pool.c});
    call->out.dtype = call->shape[0].dtype;
    return CALR_OK;
}

static calr_status max_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    calr_pool2d pool;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(resolve(call, &pool));
    calr_tensor *winners = NULL;
    if (call->recording)
        CALR_TRY(calr_tensor_new(CALR_U8, call->out.ndim, call->out.shape, &winners));
    calr_status status =
        k->max_pool_forward(&pool, calr_tensor_data(call->in[0]), calr_tensor_data(*y),
                            winners ? calr_tensor_u8(winners) : NULL);
    if (status == CALR_OK)
        status = calr_op_save(call, "winners", winners);
    calr_tensor_release(winners);
    return status;
}

static calr_status max_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    calr_pool2d pool;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(resolve(call, &pool));
    CALR_TRY(calr_op_gradient(call, 0, dx));
    return k->max_pool_backward(&pool, calr_tensor_u8(calr_op_saved(call, 0)), calr_tensor_data(dy),
                                calr_tensor_data(dx[0]));
}

static const calr_op op_max_pool = {.name = "max_pool",
                                    .attribute_bytes = sizeof(window),
                                    .check = max_check,
                                    .forward = max_forward,
                                    .backward = max_backward};

calr_status calr_op_max_pool(calr_tensor *x, int64_t kernel, int64_t stride, int64_t padding,
                             calr_tensor **y)
{
    window o = {kernel, stride, padding};
    return calr_op_apply(&op_max_pool, &x, 1, &o, y);
}

/* ---- over the whole map ---- */

static calr_status global_check(calr_op_call *call)
{
    char text[CALR_TENSOR_TEXT];
    const calr_op_shape *x = &call->shape[0];
    CALR_TRY(calr_op_expect_real(call, 0, "x", 4, "f32[n x h x w x c]"));
    if (x->shape[1] == 0 || x->shape[2] == 0)
        return calr_error(CALR_EINVAL, "x, %s, has no pixels to pool", calr_op_describe(x, text));
    calr_op_out(call, 2, (int64_t[]){x->shape[0], x->shape[3]});
    return CALR_OK;
}

static int64_t area(const calr_op_call *call)
{
    return call->shape[0].shape[1] * call->shape[0].shape[2];
}

static calr_status avg_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    return k->avg_pool_forward(call->shape[0].dtype, call->out.shape[0], area(call),
                               call->out.shape[1], calr_tensor_data(call->in[0]),
                               calr_tensor_f32(*y));
}

static calr_status avg_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_op_gradient(call, 0, dx));
    return k->avg_pool_backward(call->shape[0].dtype, call->out.shape[0], area(call),
                                call->out.shape[1], calr_tensor_f32(dy), calr_tensor_data(dx[0]));
}

static const calr_op op_avg_pool = {
    .name = "avg_pool", .check = global_check, .forward = avg_forward, .backward = avg_backward};

calr_status calr_op_avg_pool(calr_tensor *x, calr_tensor **y)
{
    return calr_op_apply(&op_avg_pool, &x, 1, NULL, y);
}

static calr_status gem_check(calr_op_call *call)
{
    char text[CALR_TENSOR_TEXT];
    CALR_TRY(global_check(call));
    CALR_TRY(calr_op_expect(call, 1, "p", -1, "f32[1]"));
    if (calr_op_numel(&call->shape[1]) != 1)
        return calr_error(CALR_EINVAL, "p must be f32[1], not %s",
                          calr_op_describe(&call->shape[1], text));
    float p = calr_tensor_f32(call->in[1])[0];
    double eps = *(const double *)call->attributes;
    if (!(p > 0))
        return calr_error(CALR_EINVAL, "p must be above 0, not %g", (double)p);
    if (!(eps > 0))
        return calr_error(CALR_EINVAL, "eps must be above 0, not %g", eps);
    return CALR_OK;
}

static calr_status gem_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(k->gem_forward(call->shape[0].dtype, call->out.shape[0], area(call),
                            call->out.shape[1], calr_tensor_f32(call->in[1])[0],
                            (float)*(const double *)call->attributes, calr_tensor_data(call->in[0]),
                            calr_tensor_f32(*y)));
    CALR_TRY(calr_op_save(call, "x", call->in[0]));
    CALR_TRY(calr_op_save(call, "p", call->in[1]));
    return calr_op_save(call, "its output", *y);
}

static calr_status gem_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_op_gradient(call, 0, dx));
    CALR_TRY(calr_op_gradient(call, 1, dx));
    return k->gem_backward(
        call->shape[0].dtype, call->out.shape[0], area(call), call->out.shape[1],
        calr_tensor_f32(calr_op_saved(call, 1))[0], (float)*(const double *)call->attributes,
        calr_tensor_data(calr_op_saved(call, 0)), calr_tensor_f32(calr_op_saved(call, 2)),
        calr_tensor_f32(dy), calr_op_data_or_null(dx[0]), calr_op_f32_or_null(dx[1]));
}

static const calr_op op_gem = {.name = "gem",
                               .attribute_bytes = sizeof(double),
                               .check = gem_check,
                               .forward = gem_forward,
                               .backward = gem_backward};

calr_status calr_op_gem(calr_tensor *x, calr_tensor *p, double eps, calr_tensor **y)
{
    calr_tensor *in[] = {x, p};
    return calr_op_apply(&op_gem, in, 2, &eps, y);
}
