/* A batch normalisation with its activation and the depthwise convolution after it, in one pass over memory.
 *
 * The normalised map is made by tiles of rows that fit into the second-level cache, where the kernels of the
 * convolution find it: forward it is neither written to memory nor read from there. On the way back a tile of the
 * gradient of that map, the sums that the normalisation needs of it, and what the tile adds to the gradient of the
 * weights are made while x and dy are in the cache.
 *
 * y and the gradient g are the very bits of the separate kernels; sums are those of tiles, which depend on sizes
 * alone. */
#include <string.h>

#include "backend/cpu/depthwise/depthwise.h"
#include "backend/cpu/depthwise/kernels.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/norm.h"
#include "tensor/pool.h"

/* Bytes of the normalised rows of a tile: with as much of its gradient, of x and of dy they fit into a second-level
 * cache of a megabyte. */
#define TILE_BYTES ((int64_t)192 << 10)

/* Rows of an image from `first` on. */
typedef struct rows {
    int64_t first, count;
} rows;

typedef struct normed {
    calr_depthwise_job job;    /* of the whole map */
    calr_depthwise_job turned; /* of dy, where the stride is 1 */
    const calr_depthwise_kernels *kernels;
    calr_norm_gradient gradient; /* of the normalisation; its dy is a tile */
    calr_activation activation;
    const float *table;
    int64_t size;          /* of a number of a map */
    int64_t height, tiles; /* rows of y in a tile; tiles of an image */
    int64_t chunk;         /* tiles that share partial sums */
    const void *x, *dy;
    void *y, *g;     /* g may be NULL */
    double *sums;    /* partial sums of g and g (x - mean) */
    float *weights;  /* partial sums of the weights' gradient, or NULL */
    char *scratch;   /* for each thread: a tile of the normalised map, one of its gradient, sums */
    int64_t private; /* bytes of one thread's */
    int64_t second, third;
} normed;

/* In bf16 the maps are half as large, and oneDNN's forward pass is too good to be left where it has one written for
 * kernels of that size. On narrower maps than these its other passes are. */
bool calr_backend_conv2d_takes_norm(const calr_norm *norm, const calr_conv2d *conv)
{
    bool large = conv->kh > 3 || conv->kw > 3;
    return calr_depthwise_is(conv) && conv->dtype == norm->dtype &&
           (conv->dtype == CALR_F32 || (conv->dtype == CALR_BF16 && large)) &&
           calr_cpu_vectors() != CALR_VECTORS_NONE && conv->out_w >= 4 && norm->c == conv->c_in &&
           norm->rows == conv->n * conv->h * conv->w;
}

static normed describe(const calr_norm *norm, const calr_conv2d *conv, const void *x,
                       const float *table)
{
    int64_t c = conv->c_in, size = conv->dtype == CALR_BF16 ? 2 : 4;
    normed k = {.job = calr_depthwise_describe(conv),
                .turned = calr_depthwise_turned(conv),
                .kernels = calr_depthwise_kernels_for(c),
                .gradient = {.half = conv->dtype == CALR_BF16,
                             .far = calr_norm_is_far(conv->dtype == CALR_BF16, norm->rows, c),
                             .c = c,
                             .mask = calr_norm_mask_of(norm, NULL),
                             .mean = table,
                             .scale = table + 2 * c,
                             .shift = table + 3 * c},
                .activation = norm->activation,
                .table = table,
                .size = size,
                .x = x};
    int64_t reach = k.job.apart_h * (k.job.kh - 1) + 1;
    int64_t fit = calr_max64(1, TILE_BYTES / (conv->w * c * size));
    int64_t most = calr_max64(1, (fit - reach) / k.job.stride_h + 1);
    k.tiles = (conv->out_h + most - 1) / most;
    k.height = (conv->out_h + k.tiles - 1) / k.tiles;
    k.tiles = (conv->out_h + k.height - 1) / k.height;
    return k;
}

/* The rows of y of a tile. */
static rows of_output(const normed *k, int64_t tile)
{
    int64_t first = tile % k->tiles * k->height;
    return (rows){first, calr_min64(k->height, k->job.out_h - first)};
}

/* The rows of x under the kernel for rows of y. */
static rows under(const normed *k, rows y)
{
    int64_t top = y.first * k->job.stride_h - k->job.pad_h;
    int64_t bottom = top + (y.count - 1) * k->job.stride_h + k->job.apart_h * (k->job.kh - 1) + 1;
    int64_t first = calr_min64(k->job.h, calr_max64(0, top));
    return (rows){first, calr_max64(0, calr_min64(k->job.h, bottom) - first)};
}

/* The rows of x whose gradient is made with these rows of y: each row belongs to one tile. */
static rows owned(const normed *k, rows y)
{
    int64_t first = calr_min64(k->job.h, y.first * k->job.stride_h), end = y.first + y.count;
    int64_t last = end == k->job.out_h ? k->job.h : calr_min64(k->job.h, end * k->job.stride_h);
    return (rows){first, last - first};
}

/* Number (i, row) of a map whose images have `height` rows of `width` pixels. */
static int64_t place(const normed *k, int64_t image, int64_t height, int64_t row, int64_t width)
{
    return (image * height + row) * width * k->job.c;
}

static const void *at(const normed *k, const void *map, int64_t number)
{
    return (const char *)map + number * k->size;
}

/* Rows of x that are fetched while `over` rows of something else are worked on; NOTHING: nothing is fetched. */
#define NOTHING INT64_MAX

static calr_depthwise_next meanwhile(const normed *k, int64_t image, rows x, int64_t over)
{
    int64_t bytes = x.count * k->job.w * k->job.c * k->size;
    return (calr_depthwise_next){at(k, k->x, place(k, image, k->job.h, x.first, k->job.w)),
                                 bytes / calr_max64(1, over)};
}

/* A tile's convolution: the normalised rows under y stand in `tile`. */
static calr_depthwise_job of_tile(const normed *k, rows y, rows x, const void *tile)
{
    calr_depthwise_job job = k->job;
    job.n = 1, job.h = x.count, job.out_h = y.count;
    job.pad_h += x.first - y.first * job.stride_h;
    job.x = tile;
    return job;
}

static void normalize(const normed *k, int64_t image, rows x, void *tile)
{
    int64_t from = place(k, image, k->job.h, x.first, k->job.w);
    /* x was fetched while the tile before was worked on */
    calr_cpu_normalize(k->gradient.half, false, x.count * k->job.w, k->job.c, k->activation,
                       at(k, k->x, from), k->gradient.mean, k->gradient.scale, k->gradient.shift,
                       NULL, tile);
}

/* Whole lines of the cache. */
static int64_t lines(int64_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* Bytes of the largest tiles: of the normalised map, and of its gradient. */
static void size_tiles(normed *k, bool backward)
{
    const calr_depthwise_job *j = &k->job;
    int64_t row = j->w * j->c * k->size, reach = j->apart_h * (j->kh - 1) + 1;
    int64_t read = calr_min64(j->h, (k->height - 1) * j->stride_h + reach);
    int64_t own =
        calr_min64(j->h, k->height * j->stride_h + calr_max64(0, j->h - j->out_h * j->stride_h));
    k->second = lines(read * row);
    k->third = backward ? k->second + lines(own * row) : k->second;
    k->private = k->third + (backward ? lines(2 * j->c * (int64_t)sizeof(double)) : 0);
}

/* ---- forward ---- */

static void forward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const normed *k = context;
    char *tile = k->scratch + worker * k->private;
    for (int64_t i = begin; i < end; i++) {
        int64_t image = i / k->tiles;
        rows y = of_output(k, i), x = under(k, y);
        normalize(k, image, x, tile);
        calr_depthwise_job job = of_tile(k, y, x, tile);
        rows next = under(k, of_output(k, i + 1));
        job.next_x = meanwhile(k, (i + 1) / k->tiles, next, i + 1 < end ? y.count : NOTHING);
        job.y = (char *)k->y + place(k, image, k->job.out_h, y.first, k->job.out_w) * k->size;
        k->kernels->forward(&job, 0, y.count);
    }
}

calr_status calr_cpu_conv2d_normed_forward(const calr_norm *norm, const calr_conv2d *conv,
                                           const void *x, const float *table, const float *w,
                                           void *y)
{
    normed k = describe(norm, conv, x, table);
    int64_t area = conv->kh * conv->kw, tiles = conv->n * k.tiles;
    int64_t packed = lines(calr_depthwise_packed(k.kernels, conv->c_in, area) * 4);
    size_tiles(&k, false);
    size_t bytes = (size_t)(packed + calr_parallel_threads() * k.private);
    void *block;
    CALR_TRY(calr_pool_alloc(bytes, &block));
    calr_depthwise_pack(k.kernels, conv->c_in, w, area, false, block);
    k.job.weights = block;
    k.scratch = (char *)block + packed;
    k.y = y;
    /* some tiles in a row, each of which fetches x for the next */
    calr_parallel_for(tiles, calr_max64(1, calr_min64(8, tiles / 16)), forward_body, &k);
    calr_pool_free(block, bytes);
    return CALR_OK;
}

/* ---- backward ---- */

/* The gradient of the normalised map, rows `x` of an image. */
static void data_tile(const normed *k, int64_t image, rows x, void *tile)
{
    bool turned = k->job.stride_h == 1 && k->job.stride_w == 1;
    calr_depthwise_job job = turned ? k->turned : k->job;
    const void *dy = at(k, k->dy, place(k, image, k->job.out_h, 0, k->job.out_w));
    job.n = 1, job.y = tile;
    job.next_y = meanwhile(k, image, x, x.count);
    if (turned) {
        job.out_h = x.count, job.pad_h -= x.first, job.x = dy;
        k->kernels->forward(&job, 0, x.count);
    } else {
        job.h = x.count, job.pad_h += x.first, job.dy = dy;
        k->kernels->data(&job, 0, x.count);
    }
}

/* The gradient g behind the activation goes to k->g, its sums to `sums`. */
static void gradient_tile(const normed *k, int64_t image, rows x, const void *tile, double *own,
                          double *sums)
{
    int64_t from = place(k, image, k->job.h, x.first, k->job.w);
    calr_norm_gradient in = k->gradient;
    in.x = at(k, k->x, from), in.dy = tile;
    calr_cpu_gradient_sums(&in, 0, x.count * k->job.w, k->g ? (char *)k->g + from * k->size : NULL,
                           own);
    for (int64_t j = 0; j < 2 * k->job.c; j++)
        sums[j] += own[j];
}

static void backward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const normed *k = context;
    char *mine = k->scratch + worker * k->private, *gradient = mine + k->second;
    int64_t part = begin / k->chunk, area = k->job.kh * k->job.kw;
    int64_t numbers = calr_depthwise_packed(k->kernels, k->job.c, area);
    double *sums = k->sums + part * 2 * k->job.c;
    float *weights = k->weights ? k->weights + part * numbers : NULL;
    memset(sums, 0, (size_t)(2 * k->job.c) * sizeof *sums);
    if (weights)
        memset(weights, 0, (size_t)numbers * sizeof *weights);
    for (int64_t i = begin; i < end; i++) {
        int64_t image = i / k->tiles;
        rows y = of_output(k, i), x = under(k, y), own = owned(k, y);
        data_tile(k, image, own, gradient);
        gradient_tile(k, image, own, gradient, (double *)(mine + k->third), sums);
        if (!weights)
            continue;
        normalize(k, image, x, mine);
        calr_depthwise_job job = of_tile(k, y, x, mine);
        job.next_x = meanwhile(k, image, x, NOTHING);
        job.dy = at(k, k->dy, place(k, image, k->job.out_h, y.first, k->job.out_w));
        k->kernels->weights(&job, 0, y.count, weights);
    }
}

calr_status calr_cpu_conv2d_normed_backward(const calr_norm *norm, const calr_conv2d *conv,
                                            const void *x, const float *table, const float *w,
                                            const void *dy, void *dx, float *dgamma, float *dbeta,
                                            float *dw)
{
    normed k = describe(norm, conv, x, table);
    int64_t c = conv->c_in, area = conv->kh * conv->kw, tiles = conv->n * k.tiles;
    int64_t numbers = calr_depthwise_packed(k.kernels, c, area), packed = lines(numbers * 4);
    bool turned = conv->stride[0] == 1 && conv->stride[1] == 1;
    k.chunk = calr_max64(1, (tiles + CALR_DEPTHWISE_PARTS - 1) / CALR_DEPTHWISE_PARTS);
    int64_t parts = calr_max64(1, (tiles + k.chunk - 1) / k.chunk);
    int64_t slots = lines(parts * 2 * c * (int64_t)sizeof(double));
    int64_t vectors = lines(3 * c * (int64_t)sizeof(float)), gradient = dw ? parts * packed : 0;
    size_tiles(&k, true);
    size_t bytes =
        (size_t)(packed + slots + vectors + gradient + calr_parallel_threads() * k.private);
    void *block;
    CALR_TRY(calr_pool_alloc(bytes, &block));
    calr_depthwise_pack(k.kernels, c, w, area, turned, block);
    k.job.weights = k.turned.weights = block;
    k.sums = (double *)((char *)block + packed);
    k.weights = dw ? (float *)((char *)k.sums + slots + vectors) : NULL;
    k.scratch = (char *)k.sums + slots + vectors + gradient;
    k.dy = dy;
    k.g = dx;
    if (tiles == 0) {
        memset(k.sums, 0, (size_t)(2 * c) * sizeof *k.sums);
        if (dw)
            memset(k.weights, 0, (size_t)numbers * sizeof *k.weights);
    }
    calr_parallel_for(tiles, k.chunk, backward_body, &k);
    for (int64_t i = 1; i < parts; i++)
        for (int64_t j = 0; j < 2 * c; j++)
            k.sums[j] += k.sums[i * 2 * c + j];
    if (dw)
        calr_depthwise_add_parts(k.kernels, c, area, parts, k.weights, dw);
    calr_norm_gradient in = {
        .half = k.gradient.half, .far = k.gradient.far, .c = c, .x = x, .dy = dx, .mean = table};
    calr_norm_from_sums(&in, norm->rows, false, table, k.sums, (float *)((char *)k.sums + slots),
                        dx, dgamma, dbeta);
    calr_pool_free(block, bytes);
    return CALR_OK;
}
