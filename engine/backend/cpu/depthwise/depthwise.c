#include "backend/cpu/depthwise/depthwise.h"

#include <string.h>

#include "backend/cpu/depthwise/kernels.h"
#include "backend/cpu/kernels.h"
#include "tensor/pool.h"

bool calr_depthwise_is(const calr_conv2d *g)
{
    return g->groups > 1 && g->groups == g->c_in && g->groups == g->c_out;
}

/* The widest vectors that the processor has and the channels fill. */
const calr_depthwise_kernels *calr_depthwise_kernels_for(int64_t channels)
{
    const calr_depthwise_kernels *all[] = {
#if defined(__x86_64__)
        calr_cpu_has_bf16() ? &calr_depthwise_avx512_bf16 : NULL,
        calr_cpu_vectors() == CALR_VECTORS_AVX512 ? &calr_depthwise_avx512 : NULL,
        calr_cpu_vectors() != CALR_VECTORS_NONE ? &calr_depthwise_avx2 : NULL,
#endif
        &calr_depthwise_plain
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] && all[i]->lanes <= channels)
            return all[i];
    return &calr_depthwise_single;
}

/* All from measurements of the layers of MobileNetV2 and EfficientNet-Lite0 (calr bench layers, docs/notebook/
 * depthwise.md). oneDNN is good at bf16 and at narrow maps, where a row has few strips; it has no fast code for the
 * gradient of the weights of kernels other than 3x3. */
/* Columns of the output, and of the input. */
#define NARROW    4
#define WIDE      8
#define WIDE_BF16 16
#define WIDEST    64

bool calr_depthwise_wanted(const calr_conv2d *g, calr_conv2d_pass pass)
{
    bool half = g->dtype == CALR_BF16, strided = g->stride[0] > 1 || g->stride[1] > 1;
    bool large = g->kh > 3 || g->kw > 3;
    if (!calr_depthwise_is(g) || calr_cpu_vectors() == CALR_VECTORS_NONE)
        return false;
    switch (pass) {
    case CALR_CONV2D_FORWARD:
        return !half && g->out_w >= NARROW && !(strided && g->w >= WIDEST);
    case CALR_CONV2D_BACKWARD_DATA:
        return g->out_w >= (half ? WIDE_BF16 : large ? NARROW : WIDE);
    default:
        return large || (!strided && (!half || g->out_w >= WIDE));
    }
}

const char *calr_depthwise_name(const calr_conv2d *conv)
{
    return calr_depthwise_kernels_for(conv->c_in)->name;
}

/* A pass and the kernels that make it. */
typedef struct depthwise {
    calr_depthwise_job job;
    const calr_depthwise_kernels *kernels;
    float *sums;   /* partial sums of the weights' gradient */
    int64_t chunk; /* rows that share a partial sum */
} depthwise;

static depthwise describe(const calr_conv2d *g)
{
    return (depthwise){.job = calr_depthwise_describe(g),
                       .kernels = calr_depthwise_kernels_for(g->c_in)};
}

calr_depthwise_job calr_depthwise_describe(const calr_conv2d *g)
{
    return (calr_depthwise_job){.n = g->n,
                                .h = g->h,
                                .w = g->w,
                                .c = g->c_in,
                                .kh = g->kh,
                                .kw = g->kw,
                                .stride_h = g->stride[0],
                                .stride_w = g->stride[1],
                                .pad_h = g->padding[0],
                                .pad_w = g->padding[2],
                                .apart_h = g->dilation[0],
                                .apart_w = g->dilation[1],
                                .out_h = g->out_h,
                                .out_w = g->out_w,
                                .half = g->dtype == CALR_BF16};
}

calr_depthwise_job calr_depthwise_turned(const calr_conv2d *g)
{
    calr_depthwise_job job = calr_depthwise_describe(g);
    job.h = g->out_h, job.w = g->out_w, job.out_h = g->h, job.out_w = g->w;
    job.pad_h = job.apart_h * (job.kh - 1) - job.pad_h;
    job.pad_w = job.apart_w * (job.kw - 1) - job.pad_w;
    return job;
}

int64_t calr_depthwise_packed(const calr_depthwise_kernels *kernels, int64_t channels, int64_t area)
{
    return calr_depthwise_vectors(channels, kernels->lanes) * area * kernels->lanes;
}

void calr_depthwise_pack(const calr_depthwise_kernels *kernels, int64_t channels, const float *from,
                         int64_t area, bool turn, float *to)
{
    int64_t lanes = kernels->lanes, vectors = calr_depthwise_vectors(channels, lanes);
    for (int64_t i = 0; i < vectors; i++)
        for (int64_t a = 0; a < area; a++)
            for (int64_t lane = 0; lane < lanes; lane++)
                to[(i * area + a) * lanes + lane] =
                    from[(calr_depthwise_channel(channels, lanes, i) + lane) * area +
                         (turn ? area - 1 - a : a)];
}

void calr_depthwise_add_parts(const calr_depthwise_kernels *kernels, int64_t channels, int64_t area,
                              int64_t parts, const float *sums, float *dw)
{
    int64_t lanes = kernels->lanes, vectors = calr_depthwise_vectors(channels, lanes);
    for (int64_t c = 0; c < channels; c++) {
        int64_t vector = calr_min64(c / lanes, vectors - 1);
        int64_t lane = c - calr_depthwise_channel(channels, lanes, vector);
        for (int64_t a = 0; a < area; a++) {
            float sum = 0;
            for (int64_t i = 0; i < parts; i++)
                sum += sums[((i * vectors + vector) * area + a) * lanes + lane];
            dw[c * area + a] = sum;
        }
    }
}

static void forward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const depthwise *k = context;
    (void)worker;
    k->kernels->forward(&k->job, begin, end);
}

static void data_body(void *context, int64_t begin, int64_t end, int worker)
{
    const depthwise *k = context;
    (void)worker;
    k->kernels->data(&k->job, begin, end);
}

/* Packs the weights and a bias and runs a pass over rows of `numbers` numbers. */
static calr_status run(depthwise *k, const float *w, const float *bias, bool turn, int64_t rows,
                       int64_t numbers, calr_parallel_body body)
{
    int64_t area = k->job.kh * k->job.kw;
    int64_t count = calr_depthwise_packed(k->kernels, k->job.c, area);
    size_t bytes = (size_t)(count + calr_depthwise_packed(k->kernels, k->job.c, 1)) * sizeof(float);
    void *block; /* begins with a line of the cache, as vectors should */
    CALR_TRY(calr_pool_alloc(bytes, &block));
    float *packed = block;
    calr_depthwise_pack(k->kernels, k->job.c, w, area, turn, packed);
    k->job.weights = packed;
    if (bias) {
        calr_depthwise_pack(k->kernels, k->job.c, bias, 1, false, packed + count);
        k->job.bias = packed + count;
    }
    calr_parallel_for(rows, calr_row_grain(numbers), body, k);
    calr_pool_free(block, bytes);
    return CALR_OK;
}

calr_status calr_depthwise_forward(const calr_conv2d *conv, const void *x, const float *w,
                                   const float *bias, void *y)
{
    depthwise k = describe(conv);
    k.job.x = x, k.job.y = y;
    return run(&k, w, bias, false, conv->n * conv->out_h, conv->out_w * conv->c_in, forward_body);
}

/* With stride 1: the convolution of dy with the kernel turned round. */
static calr_status data_as_forward(const calr_conv2d *conv, const float *w, const void *dy,
                                   void *dx)
{
    depthwise k = {.job = calr_depthwise_turned(conv),
                   .kernels = calr_depthwise_kernels_for(conv->c_in)};
    k.job.x = dy, k.job.y = dx;
    return run(&k, w, NULL, true, conv->n * conv->h, conv->w * conv->c_in, forward_body);
}

calr_status calr_depthwise_backward_data(const calr_conv2d *conv, const float *w, const void *dy,
                                         void *dx)
{
    if (conv->stride[0] == 1 && conv->stride[1] == 1)
        return data_as_forward(conv, w, dy, dx);
    depthwise k = describe(conv);
    k.job.dy = dy, k.job.y = dx;
    return run(&k, w, NULL, false, conv->n * conv->h, conv->w * conv->c_in, data_body);
}

/* One chunk of rows has sums of its own. */
static void weights_body(void *context, int64_t begin, int64_t end, int worker)
{
    const depthwise *k = context;
    int64_t size = calr_depthwise_packed(k->kernels, k->job.c, k->job.kh * k->job.kw);
    float *sums = k->sums + begin / k->chunk * size;
    (void)worker;
    memset(sums, 0, (size_t)size * sizeof *sums);
    k->kernels->weights(&k->job, begin, end, sums);
}

calr_status calr_depthwise_backward_weights(const calr_conv2d *conv, const void *x, const void *dy,
                                            float *dw, float *dbias)
{
    depthwise k = describe(conv);
    int64_t rows = conv->n * conv->out_h;
    k.job.x = x, k.job.dy = dy;
    k.chunk = calr_max64(calr_row_grain(conv->out_w * conv->c_in),
                         (rows + CALR_DEPTHWISE_PARTS - 1) / CALR_DEPTHWISE_PARTS);
    int64_t parts = (rows + k.chunk - 1) / k.chunk;
    int64_t area = conv->kh * conv->kw;
    size_t bytes =
        (size_t)(calr_max64(1, parts) * calr_depthwise_packed(k.kernels, conv->c_in, area)) *
        sizeof(float);
    void *block;
    CALR_TRY(calr_pool_alloc(bytes, &block));
    k.sums = block;
    calr_parallel_for(rows, k.chunk, weights_body, &k);
    calr_depthwise_add_parts(k.kernels, conv->c_in, area, parts, k.sums, dw);
    calr_pool_free(block, bytes);
    return dbias ? calr_cpu_sum_rows((calr_dtype)conv->dtype, rows * conv->out_w, conv->c_out, dy,
                                     dbias)
                 : CALR_OK;
}
