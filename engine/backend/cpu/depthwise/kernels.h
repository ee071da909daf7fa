/* The loops of the depthwise convolutions, made once for each width of vectors. Internal to cpu/depthwise. */
#ifndef CALR_BACKEND_CPU_DEPTHWISE_KERNELS_H
#define CALR_BACKEND_CPU_DEPTHWISE_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/backend.h"

/* The gradient of the weights is added up from at most this many partial sums. */
#define CALR_DEPTHWISE_PARTS 16

/* Memory that is needed soon: `bytes` of it are fetched with each row. NULL: the next rows of the map itself. */
typedef struct calr_depthwise_next {
    const void *at;
    int64_t bytes;
} calr_depthwise_next;

/* Like calr_conv2d, with the padding at the top and at the left only, which may be negative: the gradient of the data
 * of stride 1 is a convolution of dy whose paddings are dilation (kh - 1) - padding. The channels are taken in vectors;
 * the last one ends with the last channel, and may share channels with the one before. Weights, biases and sums lie
 * vector by vector: vectors x kh x kw x lanes, and vectors x lanes. */
typedef struct calr_depthwise_job {
    int64_t n, h, w, c, kh, kw, stride_h, stride_w, pad_h, pad_w, apart_h, apart_w, out_h, out_w;
    bool half;          /* maps are bf16 */
    const void *x, *dy; /* the input of forward is x, that of data is dy */
    const float *weights, *bias;
    void *y; /* or dx */
    /* Of forward, with `clipped`: results are kept between these, a NaN stays one. */
    bool clipped;
    float low, high;
    /* What to fetch into the cache in the place of the next rows of x and y, where these are tiles that stay there. */
    calr_depthwise_next next_x, next_y;
} calr_depthwise_job;

static inline int64_t calr_depthwise_vectors(int64_t channels, int64_t lanes)
{
    return (channels + lanes - 1) / lanes;
}

/* The first channel of vector i. */
static inline int64_t calr_depthwise_channel(int64_t channels, int64_t lanes, int64_t i)
{
    int64_t last = channels - lanes;
    return i * lanes < last ? i * lanes : last;
}

/* Rows are those of all images: of the output, for `data` of the input. */
typedef struct calr_depthwise_kernels {
    const char *name;
    int64_t lanes;
    void (*forward)(const calr_depthwise_job *job, int64_t begin, int64_t end);
    void (*data)(const calr_depthwise_job *job, int64_t begin, int64_t end);
    /* Adds what the rows give to the gradient of the weights to `sums`. */
    void (*weights)(const calr_depthwise_job *job, int64_t begin, int64_t end, float *sums);
} calr_depthwise_kernels;

extern const calr_depthwise_kernels calr_depthwise_single, calr_depthwise_plain;
extern const calr_depthwise_kernels calr_depthwise_avx2, calr_depthwise_avx512,
    calr_depthwise_avx512_bf16;

/* The widest vectors that the processor has and the channels fill. */
const calr_depthwise_kernels *calr_depthwise_kernels_for(int64_t channels);

/* The sizes of a (resolved) convolution. */
calr_depthwise_job calr_depthwise_describe(const calr_conv2d *conv);
/* Of the convolution that makes the gradient of the data where the stride is 1: dy by the kernel turned round. */
calr_depthwise_job calr_depthwise_turned(const calr_conv2d *conv);

/* Numbers of `area` weights for each channel, vector by vector. */
int64_t calr_depthwise_packed(const calr_depthwise_kernels *kernels, int64_t channels,
                              int64_t area);
/* channels x area -> vectors x area x lanes; `turn` turns the kernel round. */
void calr_depthwise_pack(const calr_depthwise_kernels *kernels, int64_t channels, const float *from,
                         int64_t area, bool turn, float *to);
/* Adds up partial sums of the weights' gradient, in order: parts x vectors x area x lanes -> channels x area. */
void calr_depthwise_add_parts(const calr_depthwise_kernels *kernels, int64_t channels, int64_t area,
                              int64_t parts, const float *sums, float *dw);

#endif
