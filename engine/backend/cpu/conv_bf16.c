/* Convolution of bf16 maps where nothing computes in bf16: some images at a time are widened to f32,
 * convolved in f32 by other code, and rounded once. The f32 maps of a whole batch never exist.
 *
 * The pieces are large enough that reading the weights (and bringing them into the order that the
 * f32 code wants) again for each costs little, and otherwise small, so that the widened numbers are
 * still in a cache when they are used. They depend on the sizes alone. Depthwise kernels and
 * Winograd's take bf16 as it is, and so does the gradient of pointwise weights. */
#include "backend/cpu/conv_bf16.h"

#include "backend/cpu/depthwise/depthwise.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pointwise/pointwise.h"
#include "backend/cpu/winograd/winograd.h"
#include "tensor/pool.h"

/* f32 numbers of input and output in a piece: 16 MB. */
#define PIECE_FLOATS ((int64_t)4 << 20)
/* At least so many times the weights. */
#define WEIGHTS_RATIO 4

typedef struct conversion {
    const void *from;
    void *to;
} conversion;

static void widen_body(void *context, int64_t begin, int64_t end, int worker)
{
    const conversion *k = context;
    (void)worker;
    calr_bf16_widen(end - begin, (const calr_bf16 *)k->from + begin, (float *)k->to + begin);
}

static void round_body(void *context, int64_t begin, int64_t end, int worker)
{
    const conversion *k = context;
    (void)worker;
    calr_bf16_round(end - begin, (const float *)k->from + begin, (calr_bf16 *)k->to + begin);
}

static void widen(int64_t n, const calr_bf16 *from, float *to)
{
    calr_parallel_for(n, CALR_GRAIN, widen_body, &(conversion){from, to});
}

static void narrow(int64_t n, const float *from, calr_bf16 *to)
{
    calr_parallel_for(n, CALR_GRAIN, round_body, &(conversion){from, to});
}

/* The f32 arrays of one piece, in one block of memory. */
typedef struct piece {
    calr_conv2d conv;       /* f32, of `most` images or of those that are left */
    int64_t most;           /* images */
    int64_t x_size, y_size; /* numbers of one image */
    float *x, *y, *dw;      /* dw: only where asked for */
    size_t bytes;
} piece;

static int64_t images_at_once(const calr_conv2d *conv, int64_t image, int64_t weights)
{
    int64_t floats = calr_max64(PIECE_FLOATS, WEIGHTS_RATIO * weights);
    int64_t most = calr_max64(1, floats / image), count = (conv->n + most - 1) / most;
    return (conv->n + count - 1) / count; /* about the same for all: fewer plans */
}

static calr_status open_piece(const calr_conv2d *conv, bool gradient, piece *p)
{
    int64_t weights = conv->c_out * (conv->c_in / conv->groups) * conv->kh * conv->kw;
    void *block;
    *p = (piece){.conv = *conv,
                 .x_size = conv->h * conv->w * conv->c_in,
                 .y_size = conv->out_h * conv->out_w * conv->c_out};
    p->conv.dtype = CALR_F32;
    p->most = images_at_once(conv, p->x_size + p->y_size, weights);
    int64_t x = (p->most * p->x_size + 15) / 16 * 16, y = (p->most * p->y_size + 15) / 16 * 16;
    p->bytes = (size_t)(x + y + (gradient && p->most < conv->n ? weights : 0)) * sizeof(float);
    CALR_TRY(calr_pool_alloc(p->bytes, &block));
    p->x = block;
    p->y = p->x + x;
    p->dw = p->y + y;
    return CALR_OK;
}

/* Makes the piece ready for images from `first` on; how many they are. */
static int64_t next_piece(const calr_conv2d *conv, int64_t first, piece *p)
{
    p->conv.n = calr_min64(p->most, conv->n - first);
    return p->conv.n;
}

calr_status calr_cpu_conv2d_bf16_forward(const calr_conv_kernels *f32, const calr_conv2d *conv,
                                         const calr_bf16 *x, const float *w, const float *bias,
                                         calr_bf16 *y)
{
    piece p;
    if (conv->n == 0)
        return CALR_OK;
    if (calr_depthwise_is(conv))
        return calr_depthwise_forward(conv, x, w, bias, y);
    if (calr_winograd_wanted(conv))
        return calr_winograd_forward(conv, x, w, bias, y);
    CALR_TRY(open_piece(conv, false, &p));
    calr_status status = CALR_OK;
    for (int64_t i = 0; i < conv->n && status == CALR_OK; i += p.most) {
        int64_t n = next_piece(conv, i, &p);
        widen(n * p.x_size, x + i * p.x_size, p.x);
        status = f32->forward(&p.conv, p.x, w, bias, p.y);
        if (status == CALR_OK)
            narrow(n * p.y_size, p.y, y + i * p.y_size);
    }
    calr_pool_free(p.x, p.bytes);
    return status;
}

calr_status calr_cpu_conv2d_bf16_backward_data(const calr_conv_kernels *f32,
                                               const calr_conv2d *conv, const float *w,
                                               const calr_bf16 *dy, calr_bf16 *dx)
{
    piece p;
    if (conv->n == 0)
        return CALR_OK;
    if (calr_depthwise_is(conv))
        return calr_depthwise_backward_data(conv, w, dy, dx);
    if (calr_winograd_wanted(conv))
        return calr_winograd_backward_data(conv, w, dy, dx);
    CALR_TRY(open_piece(conv, false, &p));
    calr_status status = CALR_OK;
    for (int64_t i = 0; i < conv->n && status == CALR_OK; i += p.most) {
        int64_t n = next_piece(conv, i, &p);
        widen(n * p.y_size, dy + i * p.y_size, p.y);
        status = f32->backward_data(&p.conv, w, p.y, p.x);
        if (status == CALR_OK)
            narrow(n * p.x_size, p.x, dx + i * p.x_size);
    }
    calr_pool_free(p.x, p.bytes);
    return status;
}

/* The first piece writes dw, the others add to it. */
static calr_status weights_by_pieces(const calr_conv_kernels *f32, const calr_conv2d *conv,
                                     const calr_bf16 *x, const calr_bf16 *dy, float *dw)
{
    piece p;
    int64_t weights = conv->c_out * (conv->c_in / conv->groups) * conv->kh * conv->kw;
    calr_status status = CALR_OK;
    CALR_TRY(open_piece(conv, true, &p));
    for (int64_t i = 0; i < conv->n && status == CALR_OK; i += p.most) {
        int64_t n = next_piece(conv, i, &p);
        widen(n * p.x_size, x + i * p.x_size, p.x);
        widen(n * p.y_size, dy + i * p.y_size, p.y);
        status = f32->backward_weights(&p.conv, p.x, p.y, i ? p.dw : dw, NULL);
        if (status == CALR_OK && i)
            calr_cpu_axpy(CALR_F32, weights, 1, p.dw, dw);
    }
    calr_pool_free(p.x, p.bytes);
    return status;
}

calr_status calr_cpu_conv2d_bf16_backward_weights(const calr_conv_kernels *f32,
                                                  const calr_conv2d *conv, const calr_bf16 *x,
                                                  const calr_bf16 *dy, float *dw, float *dbias)
{
    if (conv->n == 0) {
        calr_conv2d empty = *conv;
        empty.dtype = CALR_F32;
        return f32->backward_weights(&empty, NULL, NULL, dw, dbias);
    }
    if (calr_depthwise_is(conv))
        return calr_depthwise_backward_weights(conv, x, dy, dw, dbias);
    calr_status status;
    if (calr_winograd_wanted(conv))
        status = calr_winograd_backward_weights(conv, x, dy, dw);
    else if (calr_pointwise_wanted(conv, CALR_CONV2D_BACKWARD_WEIGHTS))
        status = calr_pointwise_backward_weights(conv, x, dy, dw);
    else
        status = weights_by_pieces(f32, conv, x, dy, dw);
    if (status == CALR_OK && dbias)
        status = calr_cpu_sum_rows(CALR_BF16, conv->n * conv->out_h * conv->out_w, conv->c_out, dy,
                                   dbias);
    return status;
}

/* ---- the portable entries of the table ---- */

static const calr_conv_kernels portable = {calr_portable_conv2d_forward,
                                           calr_portable_conv2d_backward_data,
                                           calr_portable_conv2d_backward_weights};

calr_status calr_portable_conv2d_forward(const calr_conv2d *conv, const void *x, const float *w,
                                         const float *bias, void *y)
{
    if (conv->dtype == CALR_BF16)
        return calr_cpu_conv2d_bf16_forward(&portable, conv, x, w, bias, y);
    return calr_cpu_conv2d_forward(conv, x, w, bias, y);
}

calr_status calr_portable_conv2d_backward_data(const calr_conv2d *conv, const float *w,
                                               const void *dy, void *dx)
{
    if (conv->dtype == CALR_BF16)
        return calr_cpu_conv2d_bf16_backward_data(&portable, conv, w, dy, dx);
    return calr_cpu_conv2d_backward_data(conv, w, dy, dx);
}

calr_status calr_portable_conv2d_backward_weights(const calr_conv2d *conv, const void *x,
                                                  const void *dy, float *dw, float *dbias)
{
    if (conv->dtype == CALR_BF16)
        return calr_cpu_conv2d_bf16_backward_weights(&portable, conv, x, dy, dw, dbias);
    return calr_cpu_conv2d_backward_weights(conv, x, dy, dw, dbias);
}
