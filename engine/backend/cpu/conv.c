/* Convolution by im2col and matrix products: the portable path, and the one that oneDNN is tested
 * against.
 *
 * Weights are put into c_out x (kh kw c_in) first, so that a row of the column matrix is made of
 * runs of c_in channels that lie together in the NHWC image. The column matrix exists in tiles of
 * output positions only. A 1x1 convolution of stride 1 without padding needs none: the image is its
 * own column matrix. With groups each has a column matrix and products of its own. Depthwise
 * convolutions are left to depthwise/. */
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/blas.h"
#include "backend/cpu/depthwise/depthwise.h"
#include "backend/cpu/inverted/narrow.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pointwise/pointwise.h"
#include "backend/cpu/winograd/winograd.h"

/* Elements of a tile of one thread: 1 MB, within its second-level cache. */
#define TILE_ELEMENTS 262144
/* Elements of the shared tile of backward_weights: 16 MB. */
#define SHARED_ELEMENTS 4194304
/* Weights up to 1 MB have partial sums of their gradient, at most so many. */
#define SMALL_WEIGHTS 262144
#define MOST_PARTS    16

typedef struct convolving {
    const calr_conv2d *g;
    const float *x, *dy, *packed, *bias;
    float *y, *dx, *columns;
    int64_t depth, tile;  /* kh kw c_in / groups; positions in a tile */
    int64_t outputs;      /* c_out / groups */
    int64_t first, chunk; /* position at columns[0]; positions with a dw of their own */
} convolving;

static bool is_pointwise(const calr_conv2d *g)
{
    return g->kh == 1 && g->kw == 1 && calr_conv2d_has(g, 1, 0) && g->groups == 1;
}

const char *calr_cpu_conv2d_name(const calr_conv2d *conv, calr_conv2d_pass pass)
{
    if (calr_winograd_wanted(conv))
        return calr_winograd_name();
    if (calr_pointwise_wanted(conv, pass))
        return calr_pointwise_name(conv->dtype == CALR_BF16);
    if (calr_narrow_wanted(conv, pass))
        return calr_narrow_name();
    if (is_pointwise(conv))
        return "gemm";
    return calr_depthwise_is(conv) ? calr_depthwise_name(conv) : CALR_PORTABLE_NAME;
}

static convolving describe(const calr_conv2d *g)
{
    return (convolving){
        .g = g, .depth = g->kh * g->kw * (g->c_in / g->groups), .outputs = g->c_out / g->groups};
}

static int64_t tile_positions(int64_t depth, int64_t elements)
{
    return calr_max64(16, elements / calr_max64(1, depth));
}

/* c_out x c_in / groups x kh x kw -> c_out x kh x kw x c_in / groups, or back. */
static void pack_weights(const calr_conv2d *g, const float *from, float *to, bool back)
{
    int64_t area = g->kh * g->kw, c = g->c_in / g->groups;
    for (int64_t o = 0; o < g->c_out; o++)
        for (int64_t a = 0; a < area; a++)
            for (int64_t i = 0; i < c; i++) {
                int64_t plain = (o * c + i) * area + a, packed = (o * area + a) * c + i;
                to[back ? plain : packed] = from[back ? packed : plain];
            }
}

/* Columns of one output position that lie inside the image: v0 .. v1-1 of the kernel's. */
static void kernel_span(int64_t side, int64_t kernel, int64_t first, int64_t *v0, int64_t *v1)
{
    *v0 = calr_min64(kernel, calr_max64(0, -first));
    *v1 = calr_max64(*v0, calr_min64(kernel, side - first));
}

/* The pixel under the kernel's first tap for output position `at`, which may lie outside. */
typedef struct corner {
    int64_t image, row, col;
} corner;

static corner corner_of(const calr_conv2d *g, int64_t at)
{
    return (corner){.image = at / (g->out_w * g->out_h),
                    .row = at / g->out_w % g->out_h * g->stride[0] - g->padding[0],
                    .col = at % g->out_w * g->stride[1] - g->padding[2]};
}

/* Whether the pixels under a row of the kernel lie apart. */
static bool is_scattered(const calr_conv2d *g)
{
    return g->groups > 1 || g->dilation[1] > 1;
}

/* The same for the channels of one group, which stand at x: pixels are copied one by one. */
static void im2col_group(const calr_conv2d *g, const float *x, int64_t begin, int64_t end,
                         float *columns)
{
    int64_t c = g->c_in / g->groups;
    for (int64_t at = begin; at < end; at++) {
        corner k = corner_of(g, at);
        for (int64_t i = 0; i < g->kh * g->kw; i++, columns += c) {
            int64_t u = k.row + i / g->kw * g->dilation[0], v = k.col + i % g->kw * g->dilation[1];
            if (u < 0 || u >= g->h || v < 0 || v >= g->w)
                memset(columns, 0, (size_t)c * sizeof *columns);
            else
                memcpy(columns, x + ((k.image * g->h + u) * g->w + v) * g->c_in,
                       (size_t)c * sizeof *columns);
        }
    }
}

/* Rows of the column matrix for output positions begin .. end-1 (counted over all images). The
 * pixels under one row of the kernel lie together. */
static void im2col(const calr_conv2d *g, const float *x, int64_t begin, int64_t end, float *columns)
{
    if (is_scattered(g)) {
        im2col_group(g, x, begin, end, columns);
        return;
    }
    int64_t c = g->c_in, width = g->kw * c;
    for (int64_t at = begin; at < end; at++) {
        corner k = corner_of(g, at);
        int64_t v0, v1;
        kernel_span(g->w, g->kw, k.col, &v0, &v1);
        for (int64_t i = 0; i < g->kh; i++, columns += width) {
            int64_t u = k.row + i * g->dilation[0];
            if (u < 0 || u >= g->h) {
                memset(columns, 0, (size_t)width * sizeof *columns);
                continue;
            }
            const float *from = x + ((k.image * g->h + u) * g->w + k.col + v0) * c;
            memset(columns, 0, (size_t)(v0 * c) * sizeof *columns);
            memcpy(columns + v0 * c, from, (size_t)((v1 - v0) * c) * sizeof *columns);
            memset(columns + v1 * c, 0, (size_t)((g->kw - v1) * c) * sizeof *columns);
        }
    }
}

CALR_CLONES static void add_run(int64_t c, const float *from, float *to)
{
#pragma omp simd
    for (int64_t j = 0; j < c; j++)
        to[j] += from[j];
}

static void col2im_group(const calr_conv2d *g, const float *columns, int64_t begin, int64_t end,
                         float *image)
{
    int64_t c = g->c_in / g->groups;
    for (int64_t at = begin; at < end; at++) {
        corner k = corner_of(g, at);
        for (int64_t i = 0; i < g->kh * g->kw; i++, columns += c) {
            int64_t u = k.row + i / g->kw * g->dilation[0], v = k.col + i % g->kw * g->dilation[1];
            if (u >= 0 && u < g->h && v >= 0 && v < g->w)
                add_run(c, columns, image + (u * g->w + v) * g->c_in);
        }
    }
}

/* Adds the column matrix of positions begin .. end-1 of one image back into the image. */
static void col2im(const calr_conv2d *g, const float *columns, int64_t begin, int64_t end,
                   float *image)
{
    int64_t c = g->c_in, width = g->kw * c;
    if (is_scattered(g)) {
        col2im_group(g, columns, begin, end, image);
        return;
    }
    for (int64_t at = begin; at < end; at++) {
        corner k = corner_of(g, at);
        int64_t v0, v1;
        kernel_span(g->w, g->kw, k.col, &v0, &v1);
        for (int64_t i = 0; i < g->kh; i++, columns += width) {
            int64_t u = k.row + i * g->dilation[0];
            if (v0 < v1 && u >= 0 && u < g->h)
                add_run((v1 - v0) * c, columns + v0 * c, image + (u * g->w + k.col + v0) * c);
        }
    }
}

static calr_status no_memory(void)
{
    return calr_error(CALR_ENOMEM, "no memory for the working space of a convolution");
}

/* y (+)= columns x packed^T for some positions of one group; the bias is there first. */
static void product(const convolving *k, int64_t group, const float *columns, int64_t positions,
                    float *y)
{
    int64_t first = group * k->outputs, c_out = k->g->c_out;
    y += first;
    if (k->bias)
        for (int64_t i = 0; i < positions; i++)
            memcpy(y + i * c_out, k->bias + first, (size_t)k->outputs * sizeof *y);
    calr_blas_gemm(false, true, positions, k->outputs, k->depth, 1, columns, k->depth,
                   k->packed + first * k->depth, k->depth, k->bias ? 1.0f : 0.0f, y, c_out);
}

static void forward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const convolving *k = context;
    float *columns = k->columns + worker * k->tile * k->depth;
    for (int64_t i = 0; i < k->g->groups; i++) {
        im2col(k->g, k->x + i * (k->g->c_in / k->g->groups), begin, end, columns);
        product(k, i, columns, end - begin, k->y + begin * k->g->c_out);
    }
}

calr_status calr_cpu_conv2d_forward(const calr_conv2d *conv, const float *x, const float *w,
                                    const float *bias, float *y)
{
    int64_t positions = conv->n * conv->out_h * conv->out_w;
    convolving k = describe(conv);
    k.x = x, k.bias = bias, k.y = y;
    if (positions == 0)
        return CALR_OK;
    if (calr_winograd_wanted(conv))
        return calr_winograd_forward(conv, x, w, bias, y);
    if (calr_pointwise_wanted(conv, CALR_CONV2D_FORWARD))
        return calr_pointwise_forward(conv, x, w, bias, y);
    if (calr_narrow_wanted(conv, CALR_CONV2D_FORWARD))
        return calr_narrow_forward(conv, x, w, bias, y);
    if (calr_depthwise_is(conv))
        return calr_depthwise_forward(conv, x, w, bias, y);
    if (is_pointwise(conv)) {
        k.packed = w;
        product(&k, 0, x, positions, y);
        return CALR_OK;
    }
    k.tile = tile_positions(k.depth, TILE_ELEMENTS);
    float *packed = calr_array_new(conv->c_out * k.depth, sizeof(float));
    k.columns = calr_array_new(calr_parallel_threads() * k.tile * k.depth, sizeof(float));
    if (packed && k.columns) {
        pack_weights(conv, w, packed, false);
        k.packed = packed;
        calr_parallel_for(positions, k.tile, forward_body, &k);
    }
    bool done = packed && k.columns;
    free(packed);
    free(k.columns);
    return done ? CALR_OK : no_memory();
}

/* One item is one image: tiles of it overlap in dx. */
static void backward_data_body(void *context, int64_t begin, int64_t end, int worker)
{
    const convolving *k = context;
    const calr_conv2d *g = k->g;
    int64_t positions = g->out_h * g->out_w, size = g->h * g->w * g->c_in;
    float *columns = k->columns + worker * k->tile * k->depth;
    for (int64_t i = begin; i < end; i++) {
        float *dx = k->dx + i * size;
        memset(dx, 0, (size_t)size * sizeof *dx);
        for (int64_t at = 0; at < positions; at += k->tile)
            for (int64_t group = 0; group < g->groups; group++) {
                int64_t stop = calr_min64(positions, at + k->tile), first = group * k->outputs;
                calr_blas_gemm(false, false, stop - at, k->depth, k->outputs, 1,
                               k->dy + (i * positions + at) * g->c_out + first, g->c_out,
                               k->packed + first * k->depth, k->depth, 0, columns, k->depth);
                col2im(g, columns, at, stop, dx + group * (g->c_in / g->groups));
            }
    }
}

calr_status calr_cpu_conv2d_backward_data(const calr_conv2d *conv, const float *w, const float *dy,
                                          float *dx)
{
    int64_t positions = conv->out_h * conv->out_w;
    convolving k = describe(conv);
    k.dy = dy, k.dx = dx;
    if (conv->n == 0)
        return CALR_OK;
    if (calr_winograd_wanted(conv))
        return calr_winograd_backward_data(conv, w, dy, dx);
    if (calr_pointwise_wanted(conv, CALR_CONV2D_BACKWARD_DATA))
        return calr_pointwise_backward_data(conv, w, dy, false, dx);
    if (calr_narrow_wanted(conv, CALR_CONV2D_BACKWARD_DATA))
        return calr_narrow_backward_data(conv, w, dy, dx);
    if (calr_depthwise_is(conv))
        return calr_depthwise_backward_data(conv, w, dy, dx);
    if (is_pointwise(conv)) {
        calr_blas_gemm(false, false, conv->n * positions, conv->c_in, conv->c_out, 1, dy,
                       conv->c_out, w, conv->c_in, 0, dx, conv->c_in);
        return CALR_OK;
    }
    k.tile = calr_min64(positions, tile_positions(k.depth, TILE_ELEMENTS));
    float *packed = calr_array_new(conv->c_out * k.depth, sizeof(float));
    k.columns = calr_array_new(calr_parallel_threads() * k.tile * k.depth, sizeof(float));
    if (packed && k.columns) {
        pack_weights(conv, w, packed, false);
        k.packed = packed;
        calr_parallel_for(conv->n, 1, backward_data_body, &k);
    }
    bool done = packed && k.columns;
    free(packed);
    free(k.columns);
    return done ? CALR_OK : no_memory();
}

bool calr_backend_conv2d_adds(const calr_conv2d *conv)
{
    return conv->stride[0] > 1 && calr_pointwise_can(conv);
}

calr_status calr_cpu_conv2d_backward_data_add(const calr_conv2d *conv, const float *w,
                                              const void *dy, void *dx)
{
    if (!calr_backend_conv2d_adds(conv))
        return calr_error(CALR_EINVAL, "the gradient of this convolution cannot be added in place");
    return calr_pointwise_backward_data(conv, w, dy, true, dx);
}

/* A tile of dw: columns^T dy of positions begin .. end-1, the first overwriting, later ones adding.
 */
static void weights_tile(const convolving *k, int64_t begin, int64_t end, bool first,
                         float *columns, float *packed)
{
    const calr_conv2d *g = k->g;
    for (int64_t i = 0; i < g->groups; i++) {
        int64_t from = i * k->outputs;
        im2col(g, k->x + i * (g->c_in / g->groups), begin, end, columns);
        calr_blas_gemm(true, false, k->outputs, k->depth, end - begin, 1,
                       k->dy + begin * g->c_out + from, g->c_out, columns, k->depth,
                       first ? 0.0f : 1.0f, packed + from * k->depth, k->depth);
    }
}

/* One chunk of positions has a dw of its own. */
static void weights_body(void *context, int64_t begin, int64_t end, int worker)
{
    const convolving *k = context;
    float *columns = k->columns + worker * k->tile * k->depth;
    float *packed = k->y + begin / k->chunk * k->g->c_out * k->depth;
    for (int64_t at = begin; at < end; at += k->tile)
        weights_tile(k, at, calr_min64(end, at + k->tile), at == begin, columns, packed);
}

static void columns_body(void *context, int64_t begin, int64_t end, int worker)
{
    const convolving *k = context;
    (void)worker;
    im2col(k->g, k->x, k->first + begin, k->first + end, k->columns + begin * k->depth);
}

/* Small dw: every chunk of positions sums into its own, and these are added in order. Otherwise
 * there is one dw; the threads fill a large tile of columns together, then share one product. */
static void weights_by_chunks(convolving *k, int64_t positions, int64_t parts)
{
    int64_t size = k->g->c_out * k->depth;
    calr_parallel_for(positions, k->chunk, weights_body, k);
    for (int64_t i = 1; i < parts; i++)
        add_run(size, k->y + i * size, k->y);
}

static void weights_together(convolving *k, int64_t positions)
{
    int64_t c_out = k->g->c_out;
    for (k->first = 0; k->first < positions; k->first += k->tile) {
        int64_t count = calr_min64(k->tile, positions - k->first);
        calr_parallel_for(count, calr_row_grain(k->depth), columns_body, k);
        calr_blas_gemm(true, false, c_out, k->depth, count, 1, k->dy + k->first * c_out, c_out,
                       k->columns, k->depth, k->first ? 1.0f : 0.0f, k->y, k->depth);
    }
}

calr_status calr_cpu_conv2d_backward_weights(const calr_conv2d *conv, const float *x,
                                             const float *dy, float *dw, float *dbias)
{
    int64_t positions = conv->n * conv->out_h * conv->out_w, c_out = conv->c_out;
    convolving k = describe(conv);
    k.x = x, k.dy = dy;
    if (dbias)
        CALR_TRY(calr_cpu_sum_rows(CALR_F32, positions, c_out, dy, dbias));
    if (calr_pointwise_wanted(conv, CALR_CONV2D_BACKWARD_WEIGHTS))
        return calr_pointwise_backward_weights(conv, x, dy, dw);
    if (is_pointwise(conv) || positions == 0) {
        calr_blas_gemm(true, false, c_out, k.depth, positions, 1, dy, c_out, x, k.depth, 0, dw,
                       k.depth);
        return CALR_OK;
    }
    if (calr_winograd_wanted(conv))
        return calr_winograd_backward_weights(conv, x, dy, dw);
    if (calr_depthwise_is(conv))
        return calr_depthwise_backward_weights(conv, x, dy, dw, NULL);
    bool small = conv->groups > 1 || c_out * k.depth <= SMALL_WEIGHTS;
    k.chunk = calr_max64(1024, (positions + MOST_PARTS - 1) / MOST_PARTS);
    k.tile =
        calr_min64(positions, tile_positions(k.depth, small ? TILE_ELEMENTS : SHARED_ELEMENTS));
    int64_t parts = small ? (positions + k.chunk - 1) / k.chunk : 1;
    k.y = calr_array_new(parts * c_out * k.depth, sizeof(float));
    k.columns =
        calr_array_new((small ? calr_parallel_threads() : 1) * k.tile * k.depth, sizeof(float));
    bool done = k.y && k.columns;
    if (done) {
        if (small)
            weights_by_chunks(&k, positions, parts);
        else
            weights_together(&k, positions);
        pack_weights(conv, k.y, dw, true);
    }
    free(k.y);
    free(k.columns);
    return done ? CALR_OK : no_memory();
}
