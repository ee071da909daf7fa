/* A batch normalisation in training and the convolution after it, as one operation where the back end has one pass for
 * both, otherwise as two. */
#include "autograd/apply.h"
#include "autograd/ops.h"
#include "autograd/ops/convolution.h"
#include "autograd/tape.h"
#include "backend/backend.h"

typedef struct attributes {
    calr_batch_norm_options norm;
    calr_conv2d_options conv;
} attributes;

enum { X, GAMMA, BETA, MEAN, VAR, W, INPUTS };
enum { SAVED_X, SAVED_TABLE, SAVED_W };

static void sizes_of(const calr_op_call *call, calr_norm *norm, calr_conv2d *conv)
{
    const attributes *o = call->attributes;
    const int64_t *x = call->shape[X].shape;
    /* They were found to fit before the operation began. */
    (void)calr_conv2d_of_shapes(call->shape[X].dtype, x, call->shape[W].shape, &o->conv, conv);
    *norm = (calr_norm){.rows = x[0] * x[1] * x[2],
                        .c = x[3],
                        .eps = (float)o->norm.eps,
                        .activation = o->norm.activation,
                        .dtype = call->shape[X].dtype};
}

static calr_status check(calr_op_call *call)
{
    calr_norm norm;
    calr_conv2d conv;
    sizes_of(call, &norm, &conv);
    calr_op_out(call, 4, (int64_t[]){conv.n, conv.out_h, conv.out_w, conv.c_out});
    call->out.dtype = call->shape[X].dtype;
    return CALR_OK;
}

static calr_status forward_with(calr_op_call *call, calr_tensor *table, calr_tensor *y)
{
    const attributes *o = call->attributes;
    const calr_backend *k;
    calr_norm norm;
    calr_conv2d conv;
    CALR_TRY(calr_backend_get(&k));
    sizes_of(call, &norm, &conv);
    bool running = call->in[MEAN] && calr_tape_replays() == 0;
    CALR_TRY(k->batch_norm_train(
        &norm, o->norm.momentum, calr_tensor_data(call->in[X]),
        calr_op_f32_or_null(call->in[GAMMA]), calr_op_f32_or_null(call->in[BETA]), NULL,
        running ? calr_tensor_f32(call->in[MEAN]) : NULL,
        running ? calr_tensor_f32(call->in[VAR]) : NULL, calr_tensor_f32(table), NULL));
    if (running) {
        calr_tensor_touch(call->in[MEAN]);
        calr_tensor_touch(call->in[VAR]);
    }
    CALR_TRY(k->conv2d_normed_forward(&norm, &conv, calr_tensor_data(call->in[X]),
                                      calr_tensor_f32(table), calr_tensor_f32(call->in[W]),
                                      calr_tensor_data(y)));
    CALR_TRY(calr_op_save(call, "x", call->in[X]));
    CALR_TRY(calr_op_save(call, "statistics", table));
    return calr_op_save(call, "w", call->in[W]);
}

static calr_status forward(calr_op_call *call, calr_tensor **y)
{
    calr_tensor *table;
    CALR_TRY(calr_tensor_new(CALR_F32, 2, (int64_t[]){4, call->shape[X].shape[3]}, &table));
    calr_status status = forward_with(call, table, *y);
    calr_tensor_release(table);
    return status;
}

static calr_status backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    calr_norm norm;
    calr_conv2d conv;
    CALR_TRY(calr_backend_get(&k));
    sizes_of(call, &norm, &conv);
    static const int wanted[] = {X, GAMMA, BETA, W};
    for (int i = 0; i < 4; i++)
        CALR_TRY(calr_op_gradient(call, wanted[i], dx));
    return k->conv2d_normed_backward(&norm, &conv, calr_tensor_data(calr_op_saved(call, SAVED_X)),
                                     calr_tensor_f32(calr_op_saved(call, SAVED_TABLE)),
                                     calr_tensor_f32(calr_op_saved(call, SAVED_W)),
                                     calr_tensor_data(dy), calr_op_data_or_null(dx[X]),
                                     calr_op_f32_or_null(dx[GAMMA]), calr_op_f32_or_null(dx[BETA]),
                                     calr_op_f32_or_null(dx[W]));
}

static const calr_op op_batch_norm_conv2d = {.name = "batch_norm_conv2d",
                                             .attribute_bytes = sizeof(attributes),
                                             .check = check,
                                             .forward = forward,
                                             .backward = backward};

static bool is_vector(const calr_tensor *tensor, int64_t c)
{
    return !tensor || (tensor->dtype == CALR_F32 && tensor->ndim == 1 && tensor->shape[0] == c);
}

/* Whether all of it is as it should be, and faster in one pass. Whatever is wrong is left to the two operations, which
 * say so. */
static bool goes_together(const calr_tensor *x, const calr_tensor *gamma, const calr_tensor *beta,
                          const calr_tensor *mean, const calr_tensor *var, const calr_tensor *w,
                          const calr_batch_norm_options *norm, const calr_conv2d_options *options)
{
    calr_conv2d conv;
    if (!norm->training || norm->group > 0 || x->ndim != 4 || w->ndim != 4 ||
        w->dtype != CALR_F32 || (x->dtype != CALR_F32 && x->dtype != CALR_BF16))
        return false;
    int64_t c = x->shape[3];
    if (options->groups != c || w->shape[0] != c || w->shape[1] != 1 || !is_vector(gamma, c) ||
        !is_vector(beta, c) || !mean != !var || !is_vector(mean, c) || !is_vector(var, c) ||
        !(norm->eps > 0) || !(norm->momentum >= 0 && norm->momentum <= 1))
        return false;
    if ((mean && !calr_tensor_is_contiguous(mean)) || (var && !calr_tensor_is_contiguous(var)) ||
        calr_conv2d_of_shapes(x->dtype, x->shape, w->shape, options, &conv) != CALR_OK)
        return false;
    calr_norm sizes = {.rows = conv.n * conv.h * conv.w,
                       .c = c,
                       .activation = norm->activation,
                       .dtype = x->dtype};
    return calr_backend_conv2d_takes_norm(&sizes, &conv);
}

calr_status calr_op_batch_norm_conv2d(calr_tensor *x, calr_tensor *gamma, calr_tensor *beta,
                                      calr_tensor *running_mean, calr_tensor *running_var,
                                      calr_tensor *w, const calr_batch_norm_options *norm,
                                      const calr_conv2d_options *conv, calr_tensor **y)
{
    if (goes_together(x, gamma, beta, running_mean, running_var, w, norm, conv)) {
        calr_tensor *in[INPUTS] = {x, gamma, beta, running_mean, running_var, w};
        attributes o = {*norm, *conv};
        return calr_op_apply(&op_batch_norm_conv2d, in, INPUTS, &o, y);
    }
    calr_tensor *z;
    CALR_TRY(calr_op_batch_norm(x, gamma, beta, running_mean, running_var, NULL, norm, &z));
    calr_status status = calr_op_conv2d(z, w, NULL, conv, y);
    calr_tensor_release(z);
    return status;
}
