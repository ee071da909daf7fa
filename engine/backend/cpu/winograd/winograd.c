#include "backend/cpu/winograd/winograd.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/kernels.h"
#include "backend/cpu/winograd/kernels.h"
#include "tensor/pool.h"

#define PANEL CALR_WINOGRAD_PANEL

/* Rows of transformed weights that one call of a kernel makes. */
#define WEIGHT_ROWS 16
/* Added to the distance between points: sizes are powers of two, and all numbers of one tile would
 * fall into the same few lines of the cache. */
#define SKEW 32
/* Transformed weights up to this many numbers are read again and again from the caches while a
 * thread takes a few tiles through all stages; those tiles then never leave its second-level cache.
 * With more weights all threads take all tiles (as many as ALL_TILES numbers hold) through one stage
 * after the other. */
#define SMALL_WEIGHTS 786432
#define FEW_NUMBERS   1728 /* 48 tiles of 36 points, 72 of 24 */
#define ALL_TILES     16777216
/* Numbers of all partial sums of the weights' gradient together, and their number. */
#define PART_NUMBERS 5242880
#define MOST_PARTS   16

/* ---- which kernels, and for what ---- */

static const calr_winograd_kernels *kernels; /* NULL: none for this processor, or not wanted */

static void choose_kernels(void)
{
    const char *wish = getenv("CALR_CONV");
    if (wish && strcmp(wish, "direct") == 0)
        return;
#if defined(__x86_64__)
    if (calr_cpu_has_bf16())
        kernels = &calr_winograd_avx512_bf16;
    else if (calr_cpu_vectors() == CALR_VECTORS_AVX512)
        kernels = &calr_winograd_avx512;
    else if (calr_cpu_vectors() == CALR_VECTORS_AVX2)
        kernels = &calr_winograd_avx2;
#endif
}

static const calr_winograd_kernels *find_kernels(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, choose_kernels);
    return kernels;
}

static int64_t tiles_along(int64_t side, int64_t tile)
{
    return (side + tile - 1) / tile;
}

/* Below so many pixels of all images the weights' transforms cost more than is saved; above this
 * ratio of the tiles' area to the map's too much of the tiles is wasted. Both from measurements
 * (tests/bench/convolutions.c). */
#define FEWEST_PIXELS 512
#define MOST_WASTE    1.5

bool calr_winograd_wanted(const calr_conv2d *g)
{
    if (g->kh != 3 || g->kw != 3 || !calr_conv2d_has(g, 1, 1) || g->groups != 1 ||
        g->c_in % PANEL || g->c_out % PANEL)
        return false;
    double area = (double)g->h * (double)g->w;
    double covered = (double)(tiles_along(g->h, 4) * tiles_along(g->w, 4) * 16);
    return (double)g->n * area >= FEWEST_PIXELS && covered <= MOST_WASTE * area &&
           find_kernels() != NULL;
}

const char *calr_winograd_name(void)
{
    return find_kernels() ? kernels->name : "none";
}

/* ---- the stages ---- */

/* Transformed data of a channel count: points x c / PANEL x rows x PANEL, points `point` apart. */
typedef struct transformed {
    float *at;
    int64_t c, point;
} transformed;

typedef struct work {
    const calr_winograd_kernels *kernels;
    const calr_winograd_form *form;
    int64_t points;                  /* of the form */
    int64_t h, w, rows, cols, tiles; /* maps; tiles of an image in each direction, and of all */
    transformed in, out;             /* of the tiles at hand: what is summed over, what is made */
    transformed weights;             /* c: out.c, rows: in.c */
    int64_t first, count;            /* the tiles at hand */
    int64_t room;                    /* tiles that in and out have room for */
    bool half;                       /* x, dy and y are bf16, else f32 */
    const void *x, *dy;
    const float *w_plain;
    calr_winograd_end end;
    void *y;
    float *dw;
    int64_t made, summed; /* distances between w's channels that are made, that are summed over */
    bool flip, add;
    int64_t part, parts; /* tiles that share a partial sum of dw */
} work;

/* How many numbers for so many rows. */
static int64_t point_size(int64_t c, int64_t rows)
{
    return c * rows + SKEW;
}

/* Tile number i of those at hand; *image is where its image starts. The pixels begin `border` above
 * and to the left. */
static calr_winograd_tile find_tile(const work *k, int64_t i, int64_t c, int64_t border,
                                    int64_t *image)
{
    int64_t at = k->first + i, per_image = k->rows * k->cols;
    *image = at / per_image * k->h * k->w * c;
    return (calr_winograd_tile){.h = k->h,
                                .w = k->w,
                                .c = c,
                                .row = at % per_image / k->cols * k->form->rows - border,
                                .col = at % k->cols * k->form->cols - border,
                                .half = k->half};
}

static calr_winograd_layout layout_of(const work *k, const transformed *t)
{
    return (calr_winograd_layout){.point = t->point, .panel = PANEL * k->count};
}

static void input_body(void *context, int64_t begin, int64_t end, int worker)
{
    const work *k = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        int64_t image;
        calr_winograd_tile tile = find_tile(k, i, k->in.c, 1, &image);
        k->form->input(&tile, calr_real_at(k->half, k->x, image), layout_of(k, &k->in),
                       k->in.at + i * PANEL);
    }
}

static void gradient_body(void *context, int64_t begin, int64_t end, int worker)
{
    const work *k = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        int64_t image;
        calr_winograd_tile tile = find_tile(k, i, k->out.c, 0, &image);
        k->kernels->gradient(&tile, calr_real_at(k->half, k->dy, image), layout_of(k, &k->out),
                             k->out.at + i * PANEL);
    }
}

static void output_body(void *context, int64_t begin, int64_t end, int worker)
{
    const work *k = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        int64_t image;
        calr_winograd_tile tile = find_tile(k, i, k->out.c, 0, &image);
        calr_winograd_end last = k->end;
        if (last.residual)
            last.residual = calr_real_at(k->half, last.residual, image);
        k->form->output(&tile, k->out.at + i * PANEL, layout_of(k, &k->out), last,
                        calr_real_at(k->half, k->y, image));
    }
}

/* An item is one panel of what is made, at one point. */
static void product_body(void *context, int64_t begin, int64_t end, int worker)
{
    const work *k = context;
    int64_t panels = k->out.c / PANEL;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        int64_t point = i / panels, panel = i % panels * PANEL;
        k->kernels->product(k->count, k->in.c / PANEL, k->in.at + point * k->in.point,
                            PANEL * k->count,
                            k->weights.at + point * k->weights.point + panel * k->in.c,
                            k->out.at + point * k->out.point + panel * k->count);
    }
}

static void product_transposed_body(void *context, int64_t begin, int64_t end, int worker)
{
    const work *k = context;
    int64_t panels = k->out.c / PANEL;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        int64_t point = i / panels, panel = i % panels * PANEL;
        const float *a = k->in.at + point * k->in.point;
        const float *b = k->out.at + point * k->out.point + panel * k->count;
        float *to = k->weights.at + point * k->weights.point + panel * k->in.c;
        for (int64_t c = 0; c < k->in.c; c += PANEL)
            k->kernels->product_transposed(k->count, a + c * k->count, b, k->add, to + c * PANEL);
    }
}

/* An item is WEIGHT_ROWS rows of one panel: its rows in the transformed weights and its place in
 * the plain ones. */
static float *find_weights(const work *k, int64_t item, int64_t *plain)
{
    int64_t blocks = k->in.c / WEIGHT_ROWS, o = item / blocks * PANEL,
            c = item % blocks * WEIGHT_ROWS;
    *plain = o * k->made + c * k->summed;
    return k->weights.at + o * k->in.c + c * PANEL;
}

static void weights_body(void *context, int64_t begin, int64_t end, int worker)
{
    const work *k = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        int64_t plain;
        float *u = find_weights(k, i, &plain);
        k->form->weights(k->w_plain + plain, k->made, k->summed, k->flip, k->weights.point, u);
    }
}

/* The partial sums are added up first, in order. */
static void weights_gradient_body(void *context, int64_t begin, int64_t end, int worker)
{
    const work *k = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        int64_t plain;
        float *u = find_weights(k, i, &plain);
        for (int64_t part = 1; part < k->parts; part++)
            for (int64_t point = 0; point < k->points; point++) {
                float *to = u + point * k->weights.point;
                calr_cpu_axpy(CALR_F32, WEIGHT_ROWS * PANEL, 1,
                              to + part * k->points * k->weights.point, to);
            }
        k->kernels->weights_gradient(u, k->weights.point, k->made, k->summed, k->dw + plain);
    }
}

static int64_t weight_items(const work *k)
{
    return k->in.c / WEIGHT_ROWS * (k->out.c / PANEL);
}

/* Inside a calr_parallel_for body these run on its thread alone. */
static void make_outputs(work *k)
{
    calr_parallel_for(k->count, 4, input_body, k);
    calr_parallel_for(k->points * (k->out.c / PANEL), 1, product_body, k);
    calr_parallel_for(k->count, 4, output_body, k);
}

static void add_gradients(work *k)
{
    calr_parallel_for(k->count, 4, input_body, k);
    calr_parallel_for(k->count, 4, gradient_body, k);
    calr_parallel_for(k->points * (k->out.c / PANEL), 1, product_transposed_body, k);
}

/* ---- the passes ---- */

static work describe(const calr_conv2d *g, bool exact, int64_t summed, int64_t made)
{
    const calr_winograd_form *form = exact ? &find_kernels()->exact : &find_kernels()->fast;
    work k = {.kernels = kernels,
              .half = g->dtype == CALR_BF16,
              .form = form,
              .points = form->points,
              .h = g->h,
              .w = g->w,
              .rows = tiles_along(g->h, form->rows),
              .cols = tiles_along(g->w, form->cols),
              .in = {.c = summed},
              .out = {.c = made},
              .weights = {.c = made, .point = point_size(made, summed)},
              .parts = 1};
    k.tiles = g->n * k.rows * k.cols;
    return k;
}

static bool has_small_weights(const work *k)
{
    return k->points * k->weights.point <= SMALL_WEIGHTS;
}

/* Room for everything: weights (of each part), and tiles of each of `workers`. */
static calr_status reserve(work *k, int64_t workers, void **block, size_t *size)
{
    k->in.point = point_size(k->in.c, k->room), k->out.point = point_size(k->out.c, k->room);
    *size = (size_t)(k->points *
                     (k->parts * k->weights.point + workers * (k->in.point + k->out.point))) *
            sizeof(float);
    CALR_TRY(calr_pool_alloc(*size, block));
    k->weights.at = *block;
    k->in.at = k->weights.at + k->points * k->parts * k->weights.point;
    k->out.at = k->in.at + k->points * workers * k->in.point;
    return CALR_OK;
}

/* The same work with tiles of a worker's own. */
static work own_tiles(const work *k, int worker)
{
    work own = *k;
    own.in.at += worker * k->points * k->in.point;
    own.out.at += worker * k->points * k->out.point;
    return own;
}

static void few_outputs_body(void *context, int64_t begin, int64_t end, int worker)
{
    work k = own_tiles(context, worker);
    k.first = begin, k.count = end - begin;
    make_outputs(&k);
}

/* Tiles that fit a second-level cache: equal shares for each thread, and whole rows of registers. */
static int64_t share_tiles(const work *k, int threads)
{
    int64_t most = FEW_NUMBERS / k->points, chunks = (k->tiles + most - 1) / most;
    chunks = (chunks + threads - 1) / threads * threads;
    return calr_min64(most, ((k->tiles + chunks - 1) / chunks + 3) / 4 * 4);
}

/* What is made does not depend on how the tiles are divided. packed: the transformed weights, or NULL for those of
 * w_plain. */
static calr_status run_outputs(work *k, float *packed)
{
    bool few = has_small_weights(k);
    int threads = calr_parallel_threads();
    void *block;
    size_t size;
    k->parts = packed ? 0 : 1;
    k->room = few ? share_tiles(k, threads)
                  : calr_min64(k->tiles, ALL_TILES / k->points / (k->in.c + k->out.c));
    CALR_TRY(reserve(k, few ? threads : 1, &block, &size));
    if (packed)
        k->weights.at = packed;
    else
        calr_parallel_for(weight_items(k), 1, weights_body, k);
    if (few)
        calr_parallel_for(k->tiles, k->room, few_outputs_body, k);
    else
        for (k->first = 0; k->first < k->tiles; k->first += k->room) {
            k->count = calr_min64(k->room, k->tiles - k->first);
            make_outputs(k);
        }
    calr_pool_free(block, size);
    return CALR_OK;
}

calr_status calr_winograd_forward(const calr_conv2d *conv, const void *x, const float *w,
                                  const float *bias, void *y)
{
    work k = describe(conv, conv->dtype == CALR_F32, conv->c_in, conv->c_out);
    k.x = x, k.end.bias = bias, k.y = y;
    k.w_plain = w, k.made = conv->c_in * 9, k.summed = 9;
    return run_outputs(&k, NULL);
}

int64_t calr_winograd_packed_size(const calr_conv2d *conv)
{
    return find_kernels()->fast.points * point_size(conv->c_out, conv->c_in);
}

void calr_winograd_pack(const calr_conv2d *conv, const float *w, float *packed)
{
    work k = describe(conv, false, conv->c_in, conv->c_out);
    k.w_plain = w, k.made = conv->c_in * 9, k.summed = 9;
    k.weights.at = packed;
    calr_parallel_for(weight_items(&k), 1, weights_body, &k);
}

calr_status calr_winograd_packed_forward(const calr_conv2d *conv, const void *x,
                                         const float *packed, const float *bias,
                                         const void *residual, calr_activation activation, void *y)
{
    work k = describe(conv, false, conv->c_in, conv->c_out);
    k.x = x, k.y = y;
    k.end = (calr_winograd_end){bias, residual, activation};
    return run_outputs(&k, (float *)packed); /* only read */
}

/* The convolution of dy with the kernel turned round and its channels exchanged. */
calr_status calr_winograd_backward_data(const calr_conv2d *conv, const float *w, const void *dy,
                                        void *dx)
{
    work k = describe(conv, false, conv->c_out, conv->c_in);
    k.x = dy, k.y = dx;
    k.w_plain = w, k.made = 9, k.summed = conv->c_in * 9, k.flip = true;
    return run_outputs(&k, NULL);
}

static void few_gradients_body(void *context, int64_t begin, int64_t end, int worker)
{
    work k = own_tiles(context, worker);
    k.weights.at += begin / k.part * k.points * k.weights.point;
    for (k.first = begin; k.first < end; k.first += k.room) {
        k.count = calr_min64(k.room, end - k.first);
        k.add = k.first > begin;
        add_gradients(&k);
    }
}

/* Small weights have partial sums, a thread works on one. The sums depend on the geometry only. */
static void divide_gradients(work *k, bool few)
{
    int64_t most = calr_min64(MOST_PARTS, PART_NUMBERS / (k->points * k->weights.point));
    k->room = calr_min64(k->tiles, few ? FEW_NUMBERS / k->points
                                       : ALL_TILES / k->points / (k->in.c + k->out.c));
    if (few) { /* a number that threads can share evenly; each part costs an addition of all weights */
        most = calr_min64(most, (k->tiles + k->room - 1) / k->room);
        most -= most > 4 ? most % 4 : most == 3;
    }
    k->part = few ? (k->tiles + most - 1) / most : k->tiles;
    k->parts = (k->tiles + k->part - 1) / k->part;
}

calr_status calr_winograd_backward_weights(const calr_conv2d *conv, const void *x, const void *dy,
                                           float *dw)
{
    work k = describe(conv, false, conv->c_in, conv->c_out);
    bool few = has_small_weights(&k);
    void *block;
    size_t size;
    k.x = x, k.dy = dy;
    k.dw = dw, k.made = conv->c_in * 9, k.summed = 9;
    divide_gradients(&k, few);
    CALR_TRY(reserve(&k, few ? calr_parallel_threads() : 1, &block, &size));
    if (few)
        calr_parallel_for(k.tiles, k.part, few_gradients_body, &k);
    else
        for (k.first = 0; k.first < k.tiles; k.first += k.room) {
            k.count = calr_min64(k.room, k.tiles - k.first);
            k.add = k.first > 0;
            add_gradients(&k);
        }
    calr_parallel_for(weight_items(&k), 1, weights_gradient_body, &k);
    calr_pool_free(block, size);
    return CALR_OK;
}
