/* Operations of layers: normalisation, windows, resampling, attention. Conventions as in ops.h: x is f32 or bf16, the
 * output has its type, parameters are f32. */
#ifndef CALR_AUTOGRAD_OPS_LAYERS_H
#define CALR_AUTOGRAD_OPS_LAYERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "tensor/tensor.h"

/* ---- layer_norm.c ---- */

/* The last `dims` dimensions of x together, by their mean and variance, or (rms) by their root mean square. gamma and
 * beta have these dimensions, or are NULL. */
calr_status calr_op_layer_norm(calr_tensor *x, calr_tensor *gamma, calr_tensor *beta, int dims,
                               bool rms, double eps, calr_tensor **y);
/* Each of `groups` parts of the last dimension, together with all dimensions between it and the first: x is
 * [n x ... x c]. gamma and beta: [c], or NULL. */
calr_status calr_op_group_norm(calr_tensor *x, calr_tensor *gamma, calr_tensor *beta,
                               int64_t groups, double eps, calr_tensor **y);

/* ---- window.c ---- x: [n x h x w x c]; pairs are of height and width */

typedef struct calr_window_options {
    int64_t kernel[2], stride[2], padding[2];
    bool ceil_mode;         /* a last window that reaches beyond the border counts too */
    bool count_include_pad; /* a mean counts the padding as zeros */
} calr_window_options;

/* The largest number of each window; the padding never wins. */
calr_status calr_op_window_max(calr_tensor *x, const calr_window_options *options, calr_tensor **y);
calr_status calr_op_window_mean(calr_tensor *x, const calr_window_options *options,
                                calr_tensor **y);
/* size[0] x size[1] windows that cover the map evenly, as PyTorch's adaptive pooling does. */
calr_status calr_op_adaptive_pool(calr_tensor *x, bool largest, const int64_t size[2],
                                  calr_tensor **y);

/* ---- resample.c ---- */

typedef enum calr_resample_mode { CALR_NEAREST, CALR_BILINEAR, CALR_BICUBIC } calr_resample_mode;

typedef struct calr_resample_options {
    calr_resample_mode mode;
    int64_t size[2];
    double factor[2]; /* by which positions are scaled; 0: size over what x has */
    bool align_corners;
} calr_resample_options;

/* As PyTorch's interpolate, without antialiasing. */
calr_status calr_op_interpolate(calr_tensor *x, const calr_resample_options *options,
                                calr_tensor **y);

/* ---- attention.c ---- */

typedef struct calr_attention_options {
    double scale; /* 0: 1 / sqrt(d) */
    bool causal;  /* query i sees the keys 0 .. i */
    double p;     /* of dropout among the weights, 0 <= p < 1, by (seed, epoch, index) */
    uint64_t seed, index;
    uint32_t epoch;
} calr_attention_options;

/* softmax(scale q k^T + mask) v. q: [... x n x d], k: [... x m x d], v: [... x m x width], with the same 0 to 2
 * dimensions before, of any strides; y is laid out as q is. mask: a constant, bool (true: is seen) or f32 (is added),
 * repeated to [... x n x m]; or NULL. A query that sees nothing gets 0. */
calr_status calr_op_attention(calr_tensor *q, calr_tensor *k, calr_tensor *v, calr_tensor *mask,
                              const calr_attention_options *options, calr_tensor **y);
/* The same of q, k and v side by side: qkv is [b x n x 3 c], y [b x n x c]; c is `heads` heads side by side. The mask
 * is repeated to [b x heads x n x n]. */
calr_status calr_op_self_attention(calr_tensor *qkv, int64_t heads, calr_tensor *mask,
                                   const calr_attention_options *options, calr_tensor **y);

#endif
