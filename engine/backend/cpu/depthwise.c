/* Depthwise convolutions (groups = c_in = c_out): every channel is filtered for itself.
 *
 * In NHWC the channels of a pixel lie together, so a vector holds one pixel of eight channels and no
 * data is moved. Work goes by rows of the output (of dx in the backward pass), in a row by vectors
 * of channels; for 3x3 the nine weights of a vector, or the nine sums of their gradient, stay in
 * registers for the whole row. Weights are put into kh x kw x c first. Where the channels are no
 * multiple of eight, everything is copied to the next multiple. */
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/kernels.h"

/* Vectors are returned by functions that are inlined only: how a call would pass them is no matter.
 */
#pragma GCC diagnostic ignored "-Wpsabi"

#define LANES 8
/* Partial sums of the weights' gradient, at most so many. */
#define MOST_PARTS 16

typedef float vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

/* Like calr_conv2d, with the padding at the top and at the left: the gradient of the data of stride 1 is a
 * convolution of dy whose paddings are dilation (kh - 1) - padding, which may be negative. */
typedef struct depthwise {
    int64_t n, h, w, c, kh, kw, stride_h, stride_w, pad_h, pad_w, apart_h, apart_w, out_h, out_w;
    const float *x, *dy, *packed, *bias;
    float *y;      /* or dx, or the partial sums of dw */
    int64_t chunk; /* output rows that share a partial sum */
} depthwise;

INLINE vector load(const float *p)
{
    return *(const vector *)p;
}

INLINE void store(float *p, vector v)
{
    *(vector *)p = v;
}

/* The part of the kernel, begin .. end-1, that lies inside an image's side when it starts at `first` and its taps are
 * `apart`. */
INLINE void span(int64_t side, int64_t kernel, int64_t first, int64_t apart, int64_t *begin,
                 int64_t *end)
{
    int64_t before = calr_max64(0, -first), inside = calr_max64(0, side - first);
    if (apart > 1)
        before = (before + apart - 1) / apart, inside = (inside + apart - 1) / apart;
    *begin = calr_min64(kernel, before);
    *end = calr_max64(*begin, calr_min64(kernel, inside));
}

/* One row of the output for one vector of channels; image, packed, bias and y stand at its first
 * channel, image at the image's start. */
INLINE void forward_row(const depthwise *k, const float *image, const float *packed,
                        const float *bias, int64_t row, float *y)
{
    int64_t top = row * k->stride_h - k->pad_h, c = k->c, u0, u1, v0, v1;
    int64_t line = k->apart_h * k->w * c, step = k->apart_w * c;
    bool three = k->kh == 3 && k->kw == 3;
    vector start = {0}, weight[9] = {{0}};
    if (bias)
        start = load(bias);
    if (three) {
#pragma GCC unroll 9
        for (int t = 0; t < 9; t++)
            weight[t] = load(packed + t * c);
    }
    span(k->h, k->kh, top, k->apart_h, &u0, &u1);
    for (int64_t col = 0; col < k->out_w; col++, y += c) {
        int64_t left = col * k->stride_w - k->pad_w;
        const float *from = image + (top * k->w + left) * c;
        vector sum = start;
        span(k->w, k->kw, left, k->apart_w, &v0, &v1);
        if (three && u1 - u0 == 3 && v1 - v0 == 3) {
#pragma GCC unroll 9
            for (int t = 0; t < 9; t++)
                sum += load(from + t / 3 * line + t % 3 * step) * weight[t];
        } else {
            for (int64_t u = u0; u < u1; u++)
                for (int64_t v = v0; v < v1; v++)
                    sum += load(from + u * line + v * step) * load(packed + (u * k->kw + v) * c);
        }
        store(y, sum);
    }
}

CALR_CLONES static void forward_rows(const depthwise *k, int64_t begin, int64_t end)
{
    for (int64_t at = begin; at < end; at++) {
        const float *image = k->x + at / k->out_h * k->h * k->w * k->c;
        float *y = k->y + at * k->out_w * k->c;
        for (int64_t c = 0; c < k->c; c += LANES)
            forward_row(k, image + c, k->packed + c, k->bias ? k->bias + c : NULL, at % k->out_h,
                        y + c);
    }
}

static void forward_body(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    forward_rows(context, begin, end);
}

/* One row of dx for any stride: an input pixel i gets dy from the outputs o with o stride - padding
 * + u = i. */
INLINE void data_row(const depthwise *k, const float *dy, const float *packed, int64_t row,
                     float *dx)
{
    int64_t c = k->c;
    for (int64_t col = 0; col < k->w; col++) {
        vector sum = {0};
        for (int64_t u = 0; u < k->kh; u++) {
            int64_t r = row + k->pad_h - u * k->apart_h;
            if (r < 0 || r % k->stride_h || r / k->stride_h >= k->out_h)
                continue;
            for (int64_t v = 0; v < k->kw; v++) {
                int64_t q = col + k->pad_w - v * k->apart_w;
                if (q < 0 || q % k->stride_w || q / k->stride_w >= k->out_w)
                    continue;
                sum += load(dy + (r / k->stride_h * k->out_w + q / k->stride_w) * c) *
                       load(packed + (u * k->kw + v) * c);
            }
        }
        store(dx + col * c, sum);
    }
}

CALR_CLONES static void data_rows(const depthwise *k, int64_t begin, int64_t end)
{
    for (int64_t at = begin; at < end; at++) {
        const float *dy = k->dy + at / k->h * k->out_h * k->out_w * k->c;
        float *dx = k->y + at * k->w * k->c;
        for (int64_t c = 0; c < k->c; c += LANES)
            data_row(k, dy + c, k->packed + c, at % k->h, dx + c);
    }
}

static void data_body(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    data_rows(context, begin, end);
}

/* What one row of the output adds to dw[kh x kw x c]. */
INLINE void weights_row(const depthwise *k, const float *image, const float *dy, int64_t row,
                        float *dw)
{
    int64_t top = row * k->stride_h - k->pad_h, c = k->c, u0, u1, v0, v1;
    int64_t line = k->apart_h * k->w * c, step = k->apart_w * c;
    bool three = k->kh == 3 && k->kw == 3;
    vector sum[9] = {{0}};
    span(k->h, k->kh, top, k->apart_h, &u0, &u1);
    for (int64_t col = 0; col < k->out_w; col++, dy += c) {
        int64_t left = col * k->stride_w - k->pad_w;
        const float *from = image + (top * k->w + left) * c;
        vector d = load(dy);
        span(k->w, k->kw, left, k->apart_w, &v0, &v1);
        if (three && u1 - u0 == 3 && v1 - v0 == 3) {
#pragma GCC unroll 9
            for (int t = 0; t < 9; t++)
                sum[t] += load(from + t / 3 * line + t % 3 * step) * d;
        } else {
            for (int64_t u = u0; u < u1; u++)
                for (int64_t v = v0; v < v1; v++) {
                    float *to = dw + (u * k->kw + v) * c;
                    store(to, load(to) + load(from + u * line + v * step) * d);
                }
        }
    }
    if (three) {
#pragma GCC unroll 9
        for (int t = 0; t < 9; t++)
            store(dw + t * c, load(dw + t * c) + sum[t]);
    }
}

CALR_CLONES static void weights_rows(const depthwise *k, int64_t begin, int64_t end, float *dw)
{
    for (int64_t at = begin; at < end; at++) {
        const float *image = k->x + at / k->out_h * k->h * k->w * k->c;
        const float *dy = k->dy + at * k->out_w * k->c;
        for (int64_t c = 0; c < k->c; c += LANES)
            weights_row(k, image + c, dy + c, at % k->out_h, dw + c);
    }
}

/* One chunk of rows has a dw of its own. */
static void weights_body(void *context, int64_t begin, int64_t end, int worker)
{
    const depthwise *k = context;
    float *dw = k->y + begin / k->chunk * k->kh * k->kw * k->c;
    (void)worker;
    memset(dw, 0, (size_t)(k->kh * k->kw * k->c) * sizeof *dw);
    weights_rows(k, begin, end, dw);
}

/* c x kh x kw -> kh x kw x k->c, or back; `flip` turns the kernel round. */
static void pack(const depthwise *k, int64_t channels, const float *from, bool flip, float *to)
{
    int64_t area = k->kh * k->kw;
    memset(to, 0, (size_t)(area * k->c) * sizeof *to);
    for (int64_t a = 0; a < area; a++)
        for (int64_t c = 0; c < channels; c++)
            to[a * k->c + c] = from[c * area + (flip ? area - 1 - a : a)];
}

/* Copies rows of `from` floats to rows of `to` floats, cutting off or filling with zeros. */
typedef struct widening {
    int64_t from, to;
    const float *in;
    float *out;
} widening;

static void widen_body(void *context, int64_t begin, int64_t end, int worker)
{
    const widening *w = context;
    int64_t both = calr_min64(w->from, w->to);
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        memcpy(w->out + i * w->to, w->in + i * w->from, (size_t)both * sizeof(float));
        memset(w->out + i * w->to + both, 0, (size_t)(w->to - both) * sizeof(float));
    }
}

static void widen(int64_t rows, int64_t from, int64_t to, const float *in, float *out)
{
    widening w = {from, to, in, out};
    calr_parallel_for(rows, calr_row_grain(to), widen_body, &w);
}

static depthwise describe(const calr_conv2d *g)
{
    return (depthwise){.n = g->n,
                       .h = g->h,
                       .w = g->w,
                       .c = (g->c_in + LANES - 1) / LANES * LANES,
                       .kh = g->kh,
                       .kw = g->kw,
                       .stride_h = g->stride[0],
                       .stride_w = g->stride[1],
                       .pad_h = g->padding[0],
                       .pad_w = g->padding[2],
                       .apart_h = g->dilation[0],
                       .apart_w = g->dilation[1],
                       .out_h = g->out_h,
                       .out_w = g->out_w};
}

static calr_status no_memory(void)
{
    return calr_error(CALR_ENOMEM, "no memory for the working space of a depthwise convolution");
}

/* An array of rows x channels as the kernels want it: itself, or a copy with more channels in
 * *copy, which the caller frees. NULL: no memory. */
static const float *wide(const depthwise *k, int64_t rows, int64_t channels, const float *from,
                         float **copy)
{
    *copy = NULL;
    if (channels == k->c)
        return from;
    *copy = calr_array_new(rows * k->c, sizeof(float));
    if (*copy)
        widen(rows, channels, k->c, from, *copy);
    return *copy;
}

/* An output likewise: itself, or room in *copy. */
static float *wide_output(const depthwise *k, int64_t rows, int64_t channels, float *to,
                          float **copy)
{
    *copy = channels == k->c ? NULL : calr_array_new(rows * k->c, sizeof(float));
    return channels == k->c ? to : *copy;
}

/* y = k applied to x, in rows of out_h; with the output cut to `channels` at the end. */
static calr_status run_forward(depthwise *k, int64_t channels, const float *x, const float *w,
                               const float *bias, bool flip, float *y)
{
    int64_t outputs = k->n * k->out_h * k->out_w;
    float *x_copy, *y_copy, *bias_copy = NULL;
    float *packed = calr_array_new(k->kh * k->kw * k->c, sizeof(float));
    k->x = wide(k, k->n * k->h * k->w, channels, x, &x_copy);
    k->y = wide_output(k, outputs, channels, y, &y_copy);
    k->bias = bias ? wide(k, 1, channels, bias, &bias_copy) : NULL;
    bool done = packed && k->x && k->y && (!bias || k->bias);
    if (done) {
        pack(k, channels, w, flip, packed);
        k->packed = packed;
        calr_parallel_for(k->n * k->out_h, calr_row_grain(k->out_w * k->c), forward_body, k);
        if (y_copy)
            widen(outputs, k->c, channels, y_copy, y);
    }
    free(packed), free(x_copy), free(y_copy), free(bias_copy);
    return done ? CALR_OK : no_memory();
}

calr_status calr_cpu_depthwise_forward(const calr_conv2d *conv, const float *x, const float *w,
                                       const float *bias, float *y)
{
    depthwise k = describe(conv);
    return run_forward(&k, conv->c_in, x, w, bias, false, y);
}

/* With stride 1: the convolution of dy with the kernel turned round. */
static calr_status data_as_forward(const calr_conv2d *conv, const float *w, const float *dy,
                                   float *dx)
{
    depthwise k = describe(conv);
    k.h = conv->out_h, k.w = conv->out_w, k.out_h = conv->h, k.out_w = conv->w;
    k.pad_h = k.apart_h * (k.kh - 1) - k.pad_h, k.pad_w = k.apart_w * (k.kw - 1) - k.pad_w;
    return run_forward(&k, conv->c_in, dy, w, NULL, true, dx);
}

calr_status calr_cpu_depthwise_backward_data(const calr_conv2d *conv, const float *w,
                                             const float *dy, float *dx)
{
    if (conv->stride[0] == 1 && conv->stride[1] == 1)
        return data_as_forward(conv, w, dy, dx);
    depthwise k = describe(conv);
    int64_t inputs = k.n * k.h * k.w, channels = conv->c_in;
    float *dy_copy, *dx_copy, *packed = calr_array_new(k.kh * k.kw * k.c, sizeof(float));
    k.dy = wide(&k, k.n * k.out_h * k.out_w, channels, dy, &dy_copy);
    k.y = wide_output(&k, inputs, channels, dx, &dx_copy);
    bool done = packed && k.dy && k.y;
    if (done) {
        pack(&k, channels, w, false, packed);
        k.packed = packed;
        calr_parallel_for(k.n * k.h, calr_row_grain(k.w * k.c), data_body, &k);
        if (dx_copy)
            widen(inputs, k.c, channels, dx_copy, dx);
    }
    free(packed), free(dy_copy), free(dx_copy);
    return done ? CALR_OK : no_memory();
}

/* Adds up the partial sums in order and puts them into c x kh x kw. */
static void add_parts(const depthwise *k, int64_t channels, int64_t parts, float *dw)
{
    int64_t area = k->kh * k->kw;
    for (int64_t c = 0; c < channels; c++)
        for (int64_t a = 0; a < area; a++) {
            float sum = 0;
            for (int64_t i = 0; i < parts; i++)
                sum += k->y[(i * area + a) * k->c + c];
            dw[c * area + a] = sum;
        }
}

calr_status calr_cpu_depthwise_backward_weights(const calr_conv2d *conv, const float *x,
                                                const float *dy, float *dw)
{
    depthwise k = describe(conv);
    int64_t rows = k.n * k.out_h, channels = conv->c_in;
    float *x_copy, *dy_copy;
    k.chunk = calr_max64(calr_row_grain(k.out_w * k.c), (rows + MOST_PARTS - 1) / MOST_PARTS);
    int64_t parts = (rows + k.chunk - 1) / k.chunk;
    k.x = wide(&k, k.n * k.h * k.w, channels, x, &x_copy);
    k.dy = wide(&k, rows * k.out_w, channels, dy, &dy_copy);
    k.y = calr_array_new(calr_max64(1, parts) * k.kh * k.kw * k.c, sizeof(float));
    bool done = k.x && k.dy && k.y;
    if (done) {
        calr_parallel_for(rows, k.chunk, weights_body, &k);
        add_parts(&k, channels, parts, dw);
    }
    free(x_copy), free(dy_copy), free(k.y);
    return done ? CALR_OK : no_memory();
}
