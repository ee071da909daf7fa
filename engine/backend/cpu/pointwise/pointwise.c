#include "backend/cpu/pointwise/pointwise.h"

#include <math.h>
#include <string.h>

#include "backend/cpu/kernels.h"
#include "backend/cpu/pointwise/kernels.h"
#include "tensor/pool.h"

#define PANEL CALR_POINTWISE_PANEL

/* A gradient of weights is a sum over pixels. What a thread works on at a time: so many pixels; their products with at
 * most so many channels of the map that is not packed. Numbers of its second-level cache that this may take. */
#define MOST_BLOCK 128 /* of f32; twice as many of bf16 take as much room */
#define MOST_SLICE 256
#define NEAR       300000
/* Channels from which on rows of the map lie so far apart that they would all fall into a few lines of the first-level
 * cache: they are copied, a line more apart. */
#define MANY_CHANNELS 1024
/* Numbers of all partial sums of a gradient of weights together, and their number. */
#define PART_NUMBERS 1048576
#define MOST_PARTS   16
/* Pixels that are multiplied with all weights at a time. */
#define ROWS 96
/* Pixels that are fetched from memory before they are packed. */
#define SOON 6
/* Numbers in a line of the cache. */
#define LINE 16

/* ---- which kernels, and for what ---- */

static const calr_pointwise_kernels *find_kernels(bool half)
{
#if defined(__x86_64__)
    if (half)
        return calr_cpu_has_bf16() ? &calr_pointwise_avx512_bf16 : NULL;
    switch (calr_cpu_vectors()) {
    case CALR_VECTORS_AVX512:
        return &calr_pointwise_avx512;
    case CALR_VECTORS_AVX2:
        return &calr_pointwise_avx2;
    default:
        break;
    }
#endif
    (void)half;
    return NULL;
}

static bool fits(const calr_conv2d *g)
{
    return g->kh == 1 && g->kw == 1 && calr_conv2d_has(g, g->stride[0], 0) && g->groups == 1 &&
           g->c_in % PANEL == 0 && g->c_out % PANEL == 0 &&
           find_kernels(g->dtype == CALR_BF16) != NULL;
}

bool calr_pointwise_can(const calr_conv2d *g)
{
    return g->dtype == CALR_F32 && fits(g);
}

bool calr_pointwise_can_sum(const calr_conv2d *g)
{
    return fits(g);
}

/* All from measurements (tests/bench/convolutions.c). With fewer pixels in all images, or fewer weights, nothing is
 * gained; with many weights the products of oneDNN, or of OpenBLAS for gradients of weights, are as fast. */
#define FEWEST_PIXELS  1024
#define MANY_PIXELS    16384 /* maps that no cache holds: what is fetched ahead counts */
#define FEWEST_WEIGHTS 4096

bool calr_pointwise_wanted(const calr_conv2d *g, calr_conv2d_pass pass)
{
    int64_t weights = g->c_in * g->c_out;
    bool strided = g->stride[0] > 1;
    if (!fits(g) || g->n * g->out_h * g->out_w < FEWEST_PIXELS || weights < FEWEST_WEIGHTS)
        return false;
    if (g->dtype == CALR_BF16)
        return pass == CALR_CONV2D_BACKWARD_WEIGHTS;
    switch (pass) {
    case CALR_CONV2D_BACKWARD_WEIGHTS:
        return strided || weights <= 262144;
    case CALR_CONV2D_BACKWARD_DATA:
        return strided ? weights >= 65536 : weights <= 65536 && g->c_in <= 256;
    default:
        return !strided && weights <= 65536 &&
               (g->n * g->h * g->w >= MANY_PIXELS || (g->c_in >= 128 && g->c_out >= 4 * g->c_in));
    }
}

const char *calr_pointwise_name(bool half)
{
    return find_kernels(half) ? find_kernels(half)->name : "none";
}

/* ---- pixels ---- */

/* The pixel of x under pixel `at` of y, both counted over all images. */
static int64_t pixel_under(const calr_conv2d *g, int64_t at)
{
    int64_t col = at % g->out_w * g->stride[1], row = at / g->out_w % g->out_h * g->stride[0];
    return (at / (g->out_w * g->out_h) * g->h + row) * g->w + col;
}

/* count rows of c numbers into panels of `room` rows each. g: the rows are those of x under pixels first, first + 1,
 * ... of y; NULL: rows first, first + 1, ... of x itself. */
CALR_CLONES static void pack_rows(const calr_conv2d *g, const float *x, int64_t c, int64_t first,
                                  int64_t count, int64_t room, float *out)
{
    for (int64_t i = 0; i < count; i++, out += PANEL) {
        const float *from = x + (g ? pixel_under(g, first + i) : first + i) * c;
        if (g && i + SOON < count)
            for (int64_t j = 0; j < c; j += LINE)
                __builtin_prefetch(x + pixel_under(g, first + i + SOON) * c + j);
        for (int64_t panel = 0; panel < c; panel += PANEL)
            for (int j = 0; j < PANEL; j++)
                out[panel * room + j] = from[panel + j];
    }
}

/* The pixels of x under pixels first, first + 1, ... of y, one after the other. */
static void gather_rows(const calr_conv2d *g, const float *x, int64_t first, int64_t count,
                        float *out)
{
    size_t size = (size_t)g->c_in * sizeof *out;
    for (int64_t i = 0; i < count; i++) {
        const float *soon = x + pixel_under(g, first + i + SOON) * g->c_in;
        if (first + i + SOON < g->n * g->out_h * g->out_w)
            for (int64_t j = 0; j < g->c_in; j += LINE)
                __builtin_prefetch(soon + j);
        memcpy(out + i * g->c_in, x + pixel_under(g, first + i) * g->c_in, size);
    }
}

/* count rows of c numbers, from rows `apart` apart. */
CALR_CLONES static void copy_rows(const float *x, int64_t apart, int64_t c, int64_t count,
                                  float *out, int64_t out_apart)
{
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < c; j += PANEL)
            for (int64_t l = 0; l < PANEL; l++)
                out[i * out_apart + j + l] = x[i * apart + j + l];
}

/* ---- the gradient of weights ---- */

/* In bf16 two pixels make a step of a sum: pairs of their numbers take the places of floats. */
typedef struct summing {
    const calr_pointwise_kernels *kernels;
    const calr_conv2d *under; /* of the packed map, where there is a stride */
    bool half;                /* the maps are bf16 */
    int64_t size, line;       /* bytes of one of their numbers; numbers in a line of the cache */
    /* One map is read where it lies (bf16: paired first), `slice` channels at a time; the other, of fewer channels, is
     * packed. */
    const void *read, *packed;
    int64_t read_c, packed_c, slice, slices;
    int64_t pixels, block, part, parts; /* of all images; at a time; that share a partial sum */
    int64_t steps;                      /* of a block */
    float *panels, *rows; /* of each worker: steps x packed_c; steps x (slice + LINE), or NULL */
    float *sums;          /* packed_c x read_c of each part */
    float *dw;
    bool packed_dy; /* what is packed is dy, otherwise it is x */
} summing;

static const char *number_at(const summing *k, const void *map, int64_t at)
{
    return (const char *)map + at * k->size;
}

/* Of the pixels from `first` on, what is fetched in share `at` of `of` equal ones. */
static calr_pointwise_ahead ahead_of(const summing *k, int64_t first, int64_t channel, int64_t at,
                                     int64_t of)
{
    int64_t pixels = calr_max64(0, calr_min64(k->block, k->pixels - first)),
            run = k->slice / k->line;
    int64_t packed = k->under || channel ? 0 : pixels * k->packed_c / k->line,
            all = packed + pixels * run;
    int64_t begin = all * at / of, end = all * (at + 1) / of;
    calr_pointwise_ahead ahead = {.run = run,
                                  .jump = k->read_c * k->size,
                                  .lines = end - begin,
                                  .then = number_at(k, k->read, first * k->read_c + channel)};
    if (begin < packed) {
        ahead.at = number_at(k, k->packed, first * k->packed_c) + 64 * begin;
        ahead.left = packed - begin;
    } else {
        begin -= packed;
        ahead.then += begin / run * ahead.jump;
        ahead.at = ahead.then + begin % run * 64;
        ahead.left = run - begin % run;
        ahead.then += ahead.jump;
    }
    return ahead;
}

/* Pairs of the pixels first, first + 1, ... of a map of c channels; where there is a stride, of x under those of y. */
static void pair_rows(const summing *k, const calr_conv2d *g, const void *map, int64_t c,
                      int64_t first, int64_t count, int64_t width, float *out, int64_t step,
                      int64_t panel)
{
    for (int64_t i = 0; i < count; i += 2, out += step) {
        int64_t at = first + i, next = at + 1;
        const char *odd = NULL;
        if (g && i + 1 < count)
            next = pixel_under(g, next);
        if (i + 1 < count)
            odd = number_at(k, map, next * c);
        for (int64_t j = 0; g && i + SOON < count && j < c; j += k->line)
            for (int64_t ahead = 0; ahead < 2; ahead++)
                __builtin_prefetch(number_at(k, map, pixel_under(g, at + SOON + ahead) * c + j));
        k->kernels->pair(width, number_at(k, map, (g ? pixel_under(g, at) : at) * c), odd, out,
                         panel);
    }
}

/* The products of `count` pixels from `at` on, for `width` channels from `channel` on. */
static void add_block(const summing *k, int64_t at, int64_t count, int64_t channel, int64_t width,
                      bool add, int worker, float *sums)
{
    float *panels = k->panels + worker * k->steps * k->packed_c;
    float *rows = k->rows ? k->rows + worker * k->steps * (k->slice + LINE) : NULL;
    const char *from = number_at(k, k->read, at * k->read_c + channel);
    const float *read = rows ? rows : (const float *)from;
    int64_t apart = rows ? k->slice + LINE : k->read_c;
    int64_t steps = k->half ? (count + 1) / 2 : count;
    if (k->half) {
        pair_rows(k, k->under, k->packed, k->packed_c, at, count, k->packed_c, panels, PANEL,
                  k->steps * PANEL);
        pair_rows(k, NULL, from, k->read_c, 0, count, width, rows, apart, PANEL);
    } else {
        pack_rows(k->under, k->packed, k->packed_c, at, count, k->steps, panels);
        if (rows)
            copy_rows((const float *)from, k->read_c, width, count, rows, apart);
    }
    for (int64_t c = 0; c < k->packed_c; c += PANEL)
        k->kernels->transposed(width, steps, read, apart, panels + c * k->steps, add,
                               sums + c * k->read_c, PANEL,
                               ahead_of(k, at + k->block, channel, c / PANEL, k->packed_c / PANEL));
}

/* Items are slices of parts. */
static void sums_body(void *context, int64_t begin, int64_t end, int worker)
{
    const summing *k = context;
    for (int64_t item = begin; item < end; item++) {
        int64_t part = item / k->slices, channel = item % k->slices * k->slice;
        int64_t first = part * k->part, stop = calr_min64(k->pixels, first + k->part);
        float *sums = k->sums + part * k->packed_c * k->read_c + channel * PANEL;
        for (int64_t at = first; at < stop; at += k->block)
            add_block(k, at, calr_min64(k->block, stop - at), channel,
                      calr_min64(k->slice, k->read_c - channel), at > first, worker, sums);
    }
}

/* Rows of one panel from `first` on, LINE of them: the sums of all parts, added in order. */
CALR_INLINE void add_parts(const summing *k, int64_t first, float (*sum)[PANEL])
{
    int64_t size = k->packed_c * k->read_c;
    memcpy(sum, k->sums + first * PANEL, LINE * sizeof *sum);
    for (int64_t part = 1; part < k->parts; part++)
        for (int i = 0; i < LINE; i++)
            for (int j = 0; j < PANEL; j++)
                sum[i][j] += k->sums[part * size + (first + i) * PANEL + j];
}

/* Items are LINE rows of 32 numbers of all panels. Where they are columns of dw, each line of it is written once. */
CALR_CLONES static void finish_body(void *context, int64_t begin, int64_t end, int worker)
{
    const summing *k = context;
    (void)worker;
    for (int64_t first = begin * LINE; first < end * LINE; first += LINE) {
        int64_t read = first % k->read_c, packed = first / k->read_c * PANEL;
        float sum[LINE][PANEL];
        add_parts(k, first, sum);
        if (k->packed_dy)
            for (int j = 0; j < PANEL; j++)
                for (int i = 0; i < LINE; i++)
                    k->dw[(packed + j) * k->read_c + read + i] = sum[i][j];
        else
            for (int i = 0; i < LINE; i++)
                memcpy(k->dw + (read + i) * k->packed_c + packed, sum[i], sizeof sum[i]);
    }
}

static summing describe_sums(const calr_conv2d *g, const void *x, const void *dy, float *dw)
{
    bool strided = g->stride[0] > 1, packed_dy = !strided && g->c_out < g->c_in;
    bool half = g->dtype == CALR_BF16;
    summing k = {.kernels = find_kernels(half),
                 .under = strided ? g : NULL,
                 .half = half,
                 .size = half ? sizeof(calr_bf16) : sizeof(float),
                 .line = half ? 2 * LINE : LINE,
                 .read = packed_dy ? x : dy,
                 .packed = packed_dy ? dy : x,
                 .read_c = packed_dy ? g->c_in : g->c_out,
                 .packed_c = packed_dy ? g->c_out : g->c_in,
                 .pixels = g->n * g->out_h * g->out_w,
                 .dw = dw,
                 .packed_dy = packed_dy};
    k.steps = MOST_BLOCK, k.slice = calr_min64(MOST_SLICE, k.read_c);
    while (k.slice > PANEL && k.slice * k.packed_c > NEAR / 2)
        k.slice /= 2;
    while (k.steps > PANEL && k.slice * k.packed_c + k.steps * (2 * k.slice + k.packed_c) > NEAR)
        k.steps /= 2;
    k.block = half ? 2 * k.steps : k.steps;
    int64_t most = calr_max64(1, calr_min64(MOST_PARTS, PART_NUMBERS / (g->c_in * g->c_out)));
    int64_t blocks = (k.pixels + k.block - 1) / k.block;
    k.slices = (k.read_c + k.slice - 1) / k.slice;
    k.part = (blocks + most - 1) / most * k.block;
    k.parts = (k.pixels + k.part - 1) / k.part;
    return k;
}

calr_status calr_pointwise_backward_weights(const calr_conv2d *conv, const void *x, const void *dy,
                                            float *dw)
{
    summing k = describe_sums(conv, x, dy, dw);
    int64_t numbers = k.packed_c * k.read_c, workers = calr_parallel_threads() * k.steps;
    int64_t panels = workers * k.packed_c,
            rows = k.half || k.read_c >= MANY_CHANNELS ? workers * (k.slice + LINE) : 0;
    size_t size = (size_t)(panels + rows + k.parts * numbers) * sizeof(float);
    void *block;
    CALR_TRY(calr_pool_alloc(size, &block));
    k.panels = block, k.rows = rows ? k.panels + panels : NULL, k.sums = k.panels + panels + rows;
    calr_parallel_for(k.parts * k.slices, 1, sums_body, &k);
    calr_parallel_for(numbers / PANEL / LINE, calr_max64(1, CALR_GRAIN / PANEL / LINE / k.parts),
                      finish_body, &k);
    calr_pool_free(block, size);
    return CALR_OK;
}

/* ---- the gradient of data, with a stride or added ---- */

typedef struct spreading {
    const calr_pointwise_kernels *kernels;
    const calr_conv2d *g;
    const float *w, *dy;
    float *panels; /* the weights: for each panel of c_in c_out rows */
    float *made;   /* `room` pixels x c_in for each worker */
    int64_t room;
    bool add;
    float *dx;
} spreading;

static void panels_body(void *context, int64_t begin, int64_t end, int worker)
{
    const spreading *k = context;
    (void)worker;
    pack_rows(NULL, k->w, k->g->c_in, begin, end - begin, k->g->c_out, k->panels + begin * PANEL);
}

CALR_CLONES static void add_run(int64_t c, const float *from, float *to)
{
#pragma omp simd
    for (int64_t j = 0; j < c; j++)
        to[j] += from[j];
}

/* The pixels of x under one row of y, and those up to the next row. */
static void spread_row(const spreading *k, int64_t row, const float *made)
{
    const calr_conv2d *g = k->g;
    int64_t c = g->c_in, top = row % g->out_h * g->stride[0], width = g->w * c;
    float *dx = k->dx + (row / g->out_h * g->h + top) * width;
    if (k->add) {
        for (int64_t i = 0; i < g->out_w; i++)
            add_run(c, made + i * c, dx + i * g->stride[1] * c);
        return;
    }
    int64_t below = row % g->out_h + 1 < g->out_h ? top + g->stride[0] : g->h;
    for (int64_t i = 0; i < g->out_w; i++) {
        int64_t col = i * g->stride[1], after = i + 1 < g->out_w ? col + g->stride[1] : g->w;
        memcpy(dx + col * c, made + i * c, (size_t)c * sizeof *dx);
        memset(dx + (col + 1) * c, 0, (size_t)((after - col - 1) * c) * sizeof *dx);
    }
    memset(dx + width, 0, (size_t)((below - top - 1) * width) * sizeof *dx);
}

/* What is fetched while panel i of dx is made: the next rows of dy first, then those of dx. */
static calr_pointwise_ahead ahead_of_rows(const spreading *k, int64_t begin, int64_t end, int64_t i,
                                          int64_t panels)
{
    const calr_conv2d *g = k->g;
    int64_t rows = end - begin, first = panels - rows * k->add;
    if (i >= first && first > 0) {
        int64_t row = begin + i - first, pixel = pixel_under(g, row * g->out_w);
        int64_t run = g->c_in / LINE;
        return (calr_pointwise_ahead){.then = (const char *)(k->dx + pixel * g->c_in),
                                      .run = run,
                                      .jump = g->stride[1] * g->c_in * (int64_t)sizeof(float),
                                      .lines = run * g->out_w};
    }
    int64_t lines = rows * g->out_w * g->c_out / LINE,
            shares = calr_max64(1, first > 0 ? first : panels);
    return (calr_pointwise_ahead){.at = (const char *)(k->dy + end * g->out_w * g->c_out) +
                                        64 * (lines * i / shares),
                                  .left = INT64_MAX,
                                  .lines = (lines + shares - 1) / shares};
}

/* Items are rows of y. */
static void spread_body(void *context, int64_t begin, int64_t end, int worker)
{
    const spreading *k = context;
    const calr_conv2d *g = k->g;
    int64_t panels = g->c_in / PANEL;
    float *made = k->made + worker * k->room * g->c_in;
    for (int64_t i = 0; i < panels; i++)
        k->kernels->product((end - begin) * g->out_w, g->c_out, k->dy + begin * g->out_w * g->c_out,
                            g->c_out, k->panels + i * PANEL * g->c_out, NULL, made + i * PANEL,
                            g->c_in, ahead_of_rows(k, begin, end, i, panels));
    for (int64_t row = begin; row < end; row++)
        spread_row(k, row, made + (row - begin) * g->out_w * g->c_in);
}

static calr_status spread(const calr_conv2d *conv, const float *w, const float *dy, bool add,
                          float *dx)
{
    spreading k = {
        .kernels = find_kernels(false), .g = conv, .w = w, .dy = dy, .add = add, .dx = dx};
    int64_t rows = calr_max64(1, ROWS / conv->out_w), weights = conv->c_in * conv->c_out;
    k.room = rows * conv->out_w;
    size_t size = (size_t)(weights + calr_parallel_threads() * k.room * conv->c_in) * sizeof(float);
    void *block;
    CALR_TRY(calr_pool_alloc(size, &block));
    k.panels = block, k.made = k.panels + weights;
    calr_parallel_for(conv->c_out, calr_row_grain(conv->c_in), panels_body, &k);
    calr_parallel_for(conv->n * conv->out_h, rows, spread_body, &k);
    calr_pool_free(block, size);
    return CALR_OK;
}

/* ---- forward, and the gradient of data without a stride ---- */

typedef struct making {
    const calr_pointwise_kernels *kernels;
    const calr_conv2d *under; /* forward with a stride: its pixels are gathered */
    const float *w, *bias, *in;
    int64_t in_c, out_c, pixels;
    float *panels; /* the weights, for each panel of out_c in_c rows */
    float *rows;   /* ROWS pixels x in_c for each worker, or NULL */
    float *out;
    const float *residual; /* added to the results, or NULL; may be out */
    float low, high;       /* of results */
    bool finishes;         /* with bias, residual or limits */
} making;

/* Panels of the transpose of w[out_c x in_c]. */
static void turned_panels_body(void *context, int64_t begin, int64_t end, int worker)
{
    const making *k = context;
    (void)worker;
    for (int64_t o = begin * PANEL; o < end * PANEL; o++)
        for (int64_t i = 0; i < k->in_c; i++)
            k->panels[(o / PANEL * k->in_c + i) * PANEL + o % PANEL] = k->w[o * k->in_c + i];
}

static void plain_panels_body(void *context, int64_t begin, int64_t end, int worker)
{
    const making *k = context;
    (void)worker;
    pack_rows(NULL, k->w, k->out_c, begin, end - begin, k->in_c, k->panels + begin * PANEL);
}

/* While panel i is made of the pixels before `next`: what this thread will probably read then, and write. */
static calr_pointwise_ahead ahead_of_pixels(const making *k, int64_t next, int64_t i)
{
    int64_t panels = k->out_c / PANEL, in = k->under ? 0 : ROWS * k->in_c / LINE,
            all = in + ROWS * k->out_c / LINE;
    int64_t begin = all * i / panels, end = all * (i + 1) / panels;
    calr_pointwise_ahead ahead = {.lines = end - begin,
                                  .left = INT64_MAX,
                                  .run = INT64_MAX,
                                  .then = (const char *)(k->out + next * k->out_c)};
    if (begin < in)
        ahead.at = (const char *)(k->in + next * k->in_c + begin * LINE), ahead.left = in - begin;
    else
        ahead.at = ahead.then + 64 * (begin - in);
    return ahead;
}

static void make_body(void *context, int64_t begin, int64_t end, int worker)
{
    const making *k = context;
    const float *in = k->in + begin * k->in_c;
    if (k->under) {
        float *rows = k->rows + worker * ROWS * k->in_c;
        gather_rows(k->under, k->in, begin, end - begin, rows);
        in = rows;
    }
    for (int64_t i = 0; i < k->out_c / PANEL; i++) {
        int64_t at = begin * k->out_c + i * PANEL;
        const calr_pointwise_end last = {k->bias ? k->bias + i * PANEL : NULL,
                                         k->residual ? k->residual + at : NULL, k->low, k->high};
        k->kernels->product(end - begin, k->in_c, in, k->in_c, k->panels + i * PANEL * k->in_c,
                            k->finishes ? &last : NULL, k->out + at, k->out_c,
                            ahead_of_pixels(k, end + (calr_parallel_threads() - 1) * ROWS, i));
    }
}

static calr_status make(making *k, bool turned)
{
    int64_t weights = k->in_c * k->out_c, threads = calr_parallel_threads(),
            rows = k->under ? threads * ROWS * k->in_c : 0;
    size_t size = (size_t)(weights + rows) * sizeof(float);
    void *block;
    CALR_TRY(calr_pool_alloc(size, &block));
    k->panels = block, k->rows = rows ? k->panels + weights : NULL;
    if (turned)
        calr_parallel_for(k->out_c / PANEL, calr_row_grain(k->in_c * PANEL), turned_panels_body, k);
    else
        calr_parallel_for(k->in_c, calr_row_grain(k->out_c), plain_panels_body, k);
    calr_parallel_for(k->pixels, ROWS, make_body, k);
    calr_pool_free(block, size);
    return CALR_OK;
}

static making describe_forward(const calr_conv2d *conv, const float *x, const float *w,
                               const float *bias, float *y)
{
    return (making){.kernels = find_kernels(false),
                    .under = conv->stride[0] > 1 ? conv : NULL,
                    .w = w,
                    .bias = bias,
                    .in = x,
                    .in_c = conv->c_in,
                    .out_c = conv->c_out,
                    .pixels = conv->n * conv->out_h * conv->out_w,
                    .out = y,
                    .low = -INFINITY,
                    .high = INFINITY,
                    .finishes = bias != NULL};
}

calr_status calr_pointwise_forward(const calr_conv2d *conv, const float *x, const float *w,
                                   const float *bias, float *y)
{
    making k = describe_forward(conv, x, w, bias, y);
    return make(&k, true);
}

calr_status calr_pointwise_fused_forward(const calr_conv2d *conv, const float *x, const float *w,
                                         const float *bias, const float *residual,
                                         calr_activation activation, float *y)
{
    making k = describe_forward(conv, x, w, bias, y);
    k.residual = residual, k.finishes = true;
    if (activation != CALR_ACTIVATION_NONE)
        k.low = 0;
    if (activation == CALR_ACTIVATION_RELU6)
        k.high = 6;
    return make(&k, true);
}

calr_status calr_pointwise_backward_data(const calr_conv2d *conv, const float *w, const float *dy,
                                         bool add, float *dx)
{
    if (conv->stride[0] > 1 || add)
        return spread(conv, w, dy, add, dx);
    making k = {.kernels = find_kernels(false),
                .w = w,
                .in = dy,
                .in_c = conv->c_out,
                .out_c = conv->c_in,
                .pixels = conv->n * conv->h * conv->w,
                .out = dx};
    return make(&k, false);
}
