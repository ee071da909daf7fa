/* Inverted residuals in one pass over memory: x is expanded by tiles of rows (or of whole images, where these are
 * small), the tile is filtered and projected while it is in the second-level cache. Rows of the wide map that the next
 * tile needs too are kept: nothing is computed twice. An image is made by one thread. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/depthwise/depthwise.h"
#include "backend/cpu/depthwise/kernels.h"
#include "backend/cpu/frozen_parts.h"
#include "backend/cpu/inverted/kernels.h"
#include "backend/cpu/kernels.h"
#include "backend/frozen_block.h"
#include "backend/metered.h"
#include "base/meter.h"
#include "tensor/pool.h"

/* Bytes of the wide map of a tile: with what is made of it, it fits into a second-level cache of a megabyte. */
#define TILE_BYTES ((int64_t)192 << 10)

/* A 1x1 convolution. */
typedef struct pointwise {
    int64_t in, out;
    float *w, *bias;
    calr_bf16 *half; /* w in bf16; NULL until it is wanted */
    float low, high;
} pointwise;

struct calr_frozen_block {
    bool expands;
    pointwise expand, project;
    calr_conv2d filter; /* its sizes are those of the smallest images */
    float *taps, *bias; /* of the filter, vector by vector */
    float low, high;
    const calr_depthwise_kernels *rows;
    size_t bytes;
    void *memory; /* all weights */
    pthread_mutex_t lock;
    void *halves; /* all weights in bf16, or NULL */
};

const calr_inverted_kernels *calr_inverted_kernels_for(bool half)
{
    if (half) {
#if defined(__x86_64__)
        if (calr_cpu_has_bf16())
            return &calr_inverted_avx512_bf16;
#endif
        return NULL;
    }
#if defined(__x86_64__)
    switch (calr_cpu_vectors()) {
    case CALR_VECTORS_AVX512:
        return &calr_inverted_avx512;
    case CALR_VECTORS_AVX2:
        return &calr_inverted_avx2;
    default:
        break;
    }
#endif
    return NULL;
}

/* ---- making one ---- */

static bool is_clip(calr_activation activation)
{
    return activation == CALR_ACTIVATION_NONE || calr_activation_is_clip(activation);
}

static void bounds(calr_activation activation, float *low, float *high)
{
    *low = activation == CALR_ACTIVATION_NONE ? -INFINITY : 0;
    *high = activation == CALR_ACTIVATION_RELU6 ? 6 : INFINITY;
}

static bool is_pointwise(const calr_frozen_parts *p)
{
    const calr_conv2d *g = p->geometry;
    return g->kh == 1 && g->kw == 1 && g->groups == 1 && calr_conv2d_has(g, 1, 0) &&
           g->c_in % CALR_INVERTED_STEP == 0 && g->c_out % CALR_INVERTED_STEP == 0 &&
           is_clip(p->activation);
}

static bool is_block(const calr_frozen_parts *expand, const calr_frozen_parts *filter,
                     const calr_frozen_parts *project)
{
    const calr_conv2d *f = filter->geometry;
    return calr_inverted_kernels_for(false) && calr_depthwise_is(f) &&
           is_clip(filter->activation) && is_pointwise(project) &&
           project->geometry->c_in == f->c_out &&
           (!expand || (is_pointwise(expand) && expand->geometry->c_out == f->c_in));
}

/* Whole lines of the cache, in floats. */
static int64_t lines(int64_t floats)
{
    return (floats + 15) / 16 * 16;
}

void calr_inverted_pack(const calr_inverted_kernels *kernels, int64_t depth, int64_t columns,
                        const float *w, int64_t down, int64_t across, float *to)
{
    for (int64_t column = 0, width; column < columns; column += width) {
        width = calr_inverted_width(kernels->lanes, columns, column);
        for (int64_t k = 0; k < depth; k++)
            for (int64_t j = 0; j < width; j++)
                *to++ = w[k * down + (column + j) * across];
    }
}

static void pack(const calr_frozen_parts *from, pointwise *to)
{
    calr_inverted_pack(calr_inverted_kernels_for(false), to->in, to->out, from->w, 1, to->in,
                       to->w);
    for (int64_t j = 0; j < to->out; j++)
        to->bias[j] = from->bias ? from->bias[j] : 0;
    bounds(from->activation, &to->low, &to->high);
}

static float *place(pointwise *to, const calr_frozen_parts *from, float *at)
{
    to->in = from->geometry->c_in, to->out = from->geometry->c_out;
    to->w = at, to->bias = at + lines(to->in * to->out);
    return to->bias + lines(to->out);
}

static int64_t size_of(const calr_frozen_parts *p)
{
    return lines(p->geometry->c_in * p->geometry->c_out) + lines(p->geometry->c_out);
}

static void pack_filter(const calr_frozen_parts *filter, calr_frozen_block *b)
{
    const calr_conv2d *g = filter->geometry;
    calr_depthwise_pack(b->rows, g->c_in, filter->w, g->kh * g->kw, false, b->taps);
    if (filter->bias)
        calr_depthwise_pack(b->rows, g->c_in, filter->bias, 1, false, b->bias);
    else
        b->bias = NULL;
    bounds(filter->activation, &b->low, &b->high);
}

static size_t half_bytes(const calr_frozen_block *b)
{
    return (size_t)(b->expand.in * b->expand.out + b->project.in * b->project.out) *
           sizeof(calr_bf16);
}

/* The panels of w with pairs of rows side by side. */
static calr_bf16 *halve(pointwise *p, calr_bf16 *at)
{
    int64_t lanes = calr_inverted_kernels_for(true)->lanes;
    p->half = at;
    for (int64_t column = 0, width; column < p->out; column += width) {
        const float *w = p->w + column * p->in;
        width = calr_inverted_width(lanes, p->out, column);
        for (int64_t k = 0; k < p->in; k += 2)
            for (int64_t j = 0; j < width; j++) {
                *at++ = calr_bf16_from_f32(w[k * width + j]);
                *at++ = calr_bf16_from_f32(w[(k + 1) * width + j]);
            }
    }
    return at;
}

static calr_status make_halves(calr_frozen_block *b)
{
    calr_status status = CALR_OK;
    pthread_mutex_lock(&b->lock);
    if (!b->halves) {
        status = calr_pool_alloc(half_bytes(b), &b->halves);
        if (status == CALR_OK)
            halve(&b->project, halve(&b->expand, b->halves));
    }
    pthread_mutex_unlock(&b->lock);
    return status;
}

calr_status calr_frozen_block_new(const calr_frozen_conv *expand, const calr_frozen_conv *filter,
                                  const calr_frozen_conv *project, calr_frozen_block **out)
{
    calr_frozen_parts first = {0}, second = calr_frozen_conv_parts(filter),
                      third = calr_frozen_conv_parts(project);
    if (expand)
        first = calr_frozen_conv_parts(expand);
    *out = NULL;
    if (!is_block(expand ? &first : NULL, &second, &third))
        return CALR_OK;
    const calr_conv2d *g = second.geometry;
    calr_frozen_block *b = calloc(1, sizeof *b);
    if (!b)
        return calr_error(CALR_ENOMEM, "no memory for an inverted residual");
    b->expands = expand != NULL;
    b->filter = *g;
    pthread_mutex_init(&b->lock, NULL);
    b->rows = calr_depthwise_kernels_for(g->c_in);
    int64_t taps = lines(calr_depthwise_packed(b->rows, g->c_in, g->kh * g->kw));
    int64_t biases = lines(calr_depthwise_packed(b->rows, g->c_in, 1));
    b->bytes =
        (size_t)((expand ? size_of(&first) : 0) + size_of(&third) + taps + biases) * sizeof(float);
    calr_status status = calr_pool_alloc(b->bytes, &b->memory);
    if (status != CALR_OK) {
        calr_frozen_block_release(b);
        return status;
    }
    b->taps = b->memory, b->bias = b->taps + taps;
    float *at = b->bias + biases;
    if (expand) {
        at = place(&b->expand, &first, at);
        pack(&first, &b->expand);
    }
    place(&b->project, &third, at);
    pack(&third, &b->project);
    pack_filter(&second, b);
    *out = b;
    return CALR_OK;
}

void calr_frozen_block_release(calr_frozen_block *b)
{
    if (!b)
        return;
    calr_pool_free(b->memory, b->bytes);
    calr_pool_free(b->halves, half_bytes(b));
    pthread_mutex_destroy(&b->lock);
    free(b);
}

const char *calr_frozen_block_name(const calr_frozen_block *b)
{
    (void)b;
    return calr_inverted_kernels_for(false)->name;
}

/* ---- sizes ---- */

static calr_status filter_of(const calr_frozen_block *b, int64_t n, int64_t h, int64_t w,
                             calr_conv2d *out)
{
    *out = b->filter;
    out->n = n, out->h = h, out->w = w;
    return calr_conv2d_resolve(out);
}

calr_status calr_frozen_block_geometry(const calr_frozen_block *b, int64_t n, int64_t h, int64_t w,
                                       calr_dtype dtype, calr_conv2d *out)
{
    calr_conv2d conv;
    CALR_TRY(filter_of(b, n, h, w, &conv));
    conv.dtype = dtype;
    conv.c_in = b->expands ? b->expand.in : b->filter.c_in;
    conv.c_out = b->project.out;
    *out = conv;
    return CALR_OK;
}

bool calr_frozen_block_wanted(const calr_frozen_block *b, const calr_conv2d *g)
{
    (void)b;
    return calr_inverted_kernels_for(g->dtype == CALR_BF16) &&
           (g->n == 0 || g->n >= calr_parallel_threads());
}

/* Rows of an image from `first` on. */
typedef struct rows {
    int64_t first, count;
} rows;

typedef struct run {
    const calr_frozen_block *b;
    calr_depthwise_job job; /* of the whole map */
    int64_t images, group;  /* in all, and at a time */
    int64_t height, tiles;  /* rows of the output in a tile; tiles of an image */
    int64_t size;           /* of a number of a map */
    const char *x, *residual;
    char *y, *scratch; /* for each thread: the wide map of a tile, and what is made of it */
    int64_t second, private;
} run;

/* The rows of the wide map under rows of the output. */
static rows under(const run *k, rows y)
{
    const calr_depthwise_job *j = &k->job;
    int64_t top = y.first * j->stride_h - j->pad_h;
    int64_t bottom = top + (y.count - 1) * j->stride_h + j->apart_h * (j->kh - 1) + 1;
    int64_t first = calr_min64(j->h, calr_max64(0, top));
    return (rows){first, calr_max64(0, calr_min64(j->h, bottom) - first)};
}

static int64_t whole(int64_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static void cut(run *k)
{
    const calr_depthwise_job *j = &k->job;
    int64_t row = j->w * j->c * k->size, reach = j->apart_h * (j->kh - 1) + 1;
    int64_t fit = calr_max64(1, TILE_BYTES / calr_max64(1, row));
    if (fit >= j->h) {
        k->height = j->out_h, k->tiles = 1;
        k->group = calr_max64(1, calr_min64(k->images, fit / calr_max64(1, j->h)));
    } else {
        int64_t most = calr_max64(1, (fit - reach) / j->stride_h + 1);
        k->tiles = (j->out_h + most - 1) / most;
        k->height = (j->out_h + k->tiles - 1) / k->tiles;
        k->tiles = (j->out_h + k->height - 1) / k->height;
        k->group = 1;
    }
    int64_t read = calr_min64(j->h, (k->height - 1) * j->stride_h + reach);
    k->second = k->b->expands ? whole(k->group * read * row) : 0;
    k->private = k->second + whole(k->group * k->height * j->out_w * j->c * k->size);
}

/* ---- a run ---- */

static void multiply(const run *k, const pointwise *p, int64_t count, const char *a,
                     const char *residual, char *c)
{
    calr_inverted_product product = {.rows = count,
                                     .depth = p->in,
                                     .columns = p->out,
                                     .a = a,
                                     .w = k->job.half ? (const void *)p->half : p->w,
                                     .bias = p->bias,
                                     .residual = residual,
                                     .c = c,
                                     .low = p->low,
                                     .high = p->high};
    calr_inverted_kernels_for(k->job.half)->product(&product);
}

/* Filters `y` rows of images whose wide rows `x` stand at `wide`, and projects them. */
static void finish(const run *k, int64_t image, int64_t images, rows y, rows x, const char *wide,
                   char *made)
{
    calr_depthwise_job job = k->job;
    int64_t pixels = images * y.count * job.out_w, c = k->b->project.out;
    int64_t at = (image * job.out_h + y.first) * job.out_w * c * k->size;
    job.n = images, job.h = x.count, job.out_h = y.count;
    job.pad_h += x.first - y.first * job.stride_h;
    job.x = wide, job.y = made;
    k->b->rows->forward(&job, 0, images * y.count);
    multiply(k, &k->b->project, pixels, made, k->residual ? k->residual + at : NULL, k->y + at);
}

static void whole_images(const run *k, int64_t image, int64_t images, char *wide, char *made)
{
    const calr_depthwise_job *j = &k->job;
    int64_t pixels = images * j->h * j->w, c = k->b->expands ? k->b->expand.in : j->c;
    const char *x = k->x + image * j->h * j->w * c * k->size;
    if (k->b->expands)
        multiply(k, &k->b->expand, pixels, x, NULL, wide);
    finish(k, image, images, (rows){0, j->out_h}, (rows){0, j->h}, k->b->expands ? wide : x, made);
}

static void by_tiles(const run *k, int64_t image, char *wide, char *made)
{
    const calr_depthwise_job *j = &k->job;
    int64_t row = j->w * j->c * k->size,
            in = k->b->expands ? j->w * k->b->expand.in * k->size : row;
    const char *x = k->x + image * j->h * in;
    rows held = {0, 0}; /* of the wide map, from `wide` on */
    for (int64_t tile = 0; tile < k->tiles; tile++) {
        int64_t first = tile * k->height;
        rows y = {first, calr_min64(k->height, j->out_h - first)}, need = under(k, y);
        const char *from = x + need.first * in;
        if (k->b->expands) {
            int64_t kept = calr_max64(0, held.first + held.count - need.first);
            memmove(wide, wide + (held.count - kept) * row, (size_t)(kept * row));
            multiply(k, &k->b->expand, (need.count - kept) * j->w, from + kept * in, NULL,
                     wide + kept * row);
            held = need, from = wide;
        }
        finish(k, image, 1, y, need, from, made);
    }
}

static void body(void *context, int64_t begin, int64_t end, int worker)
{
    const run *k = context;
    char *wide = k->scratch + worker * k->private, *made = wide + k->second;
    for (int64_t i = begin; i < end; i++) {
        int64_t image = i * k->group, images = calr_min64(k->group, k->images - image);
        if (k->tiles == 1)
            whole_images(k, image, images, wide, made);
        else
            by_tiles(k, image, wide, made);
    }
}

static calr_status run_block(calr_frozen_block *b, const calr_conv2d *g, const void *x,
                             const void *residual, void *y)
{
    calr_conv2d filter;
    CALR_TRY(filter_of(b, g->n, g->h, g->w, &filter));
    filter.dtype = g->dtype;
    if (g->dtype == CALR_BF16)
        CALR_TRY(make_halves(b));
    run k = {.b = b,
             .job = calr_depthwise_describe(&filter),
             .images = g->n,
             .size = (int64_t)calr_dtype_size((calr_dtype)g->dtype),
             .x = x,
             .residual = residual,
             .y = y};
    k.job.weights = b->taps, k.job.bias = b->bias;
    k.job.clipped = true, k.job.low = b->low, k.job.high = b->high;
    cut(&k);
    size_t bytes = (size_t)(calr_parallel_threads() * k.private);
    void *scratch;
    CALR_TRY(calr_pool_alloc(bytes, &scratch));
    k.scratch = scratch;
    calr_parallel_for((g->n + k.group - 1) / k.group, 1, body, &k);
    calr_pool_free(scratch, bytes);
    return CALR_OK;
}

calr_status calr_frozen_block_run(calr_frozen_block *b, const calr_conv2d *g, const void *x,
                                  const void *residual, void *y)
{
    if (g->n == 0)
        return CALR_OK;
    if (!calr_meter_on)
        return run_block(b, g, x, residual, y);
    double began = calr_meter_begin();
    calr_status status = run_block(b, g, x, residual, y);
    calr_conv2d filter;
    CALR_TRY(filter_of(b, g->n, g->h, g->w, &filter));
    filter.dtype = g->dtype;
    calr_metered_inverted(began, "conv2d_inverted", b->expands ? g->c_in : 0, &filter, g->c_out);
    return status;
}
