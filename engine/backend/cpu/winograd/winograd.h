/* Winograd's convolution for 3x3 kernels of stride 1 and padding 1, with a quarter or a third of the
 * multiplications. Internal to cpu/.
 *
 * A tile of outputs needs a tile of inputs that is larger by 2. Both are transformed (a few additions
 * a number), at each point of the tile a matrix product over the channels is left, and its result is
 * transformed back. Products make up most of the work where there are many channels. What training
 * computes forward is made of tiles of 4 x 2, which are as exact as direct sums, so that ReLUs decide
 * as they would; gradients, the folded network and maps of bf16 of 4 x 4 (docs/decisions/winograd.md
 * has the errors). Only for processors with AVX2 and FMA, or AVX-512F.
 *
 * Maps are f32 or bf16, as conv->dtype says; all else, and all arithmetic, is f32. */
#ifndef CALR_BACKEND_CPU_WINOGRAD_H
#define CALR_BACKEND_CPU_WINOGRAD_H

#include "backend/backend.h"

/* Whether a (resolved) convolution should be computed this way: a rule of geometry and processor
 * only. Always false if the environment variable CALR_CONV is "direct". */
bool calr_winograd_wanted(const calr_conv2d *conv);

/* "winograd: avx512" */
const char *calr_winograd_name(void);

/* As in backend.h. For geometries that are wanted, with n >= 1. This one is the exact one, unless it
 * rounds to bf16 in the end. */
calr_status calr_winograd_forward(const calr_conv2d *conv, const void *x, const float *w,
                                  const float *bias, void *y);
/* Faster, with weights that were transformed before: calr_winograd_pack fills packed[
 * calr_winograd_packed_size ], which is good for every n, h and w; y =
 * activation(sum + bias + residual), where bias and residual may be NULL and the residual may be y. */
int64_t calr_winograd_packed_size(const calr_conv2d *conv);
void calr_winograd_pack(const calr_conv2d *conv, const float *w, float *packed);
calr_status calr_winograd_packed_forward(const calr_conv2d *conv, const void *x,
                                         const float *packed, const float *bias,
                                         const void *residual, calr_activation activation, void *y);
calr_status calr_winograd_backward_data(const calr_conv2d *conv, const float *w, const void *dy,
                                        void *dx);
/* Without the bias. */
calr_status calr_winograd_backward_weights(const calr_conv2d *conv, const void *x, const void *dy,
                                           float *dw);

#endif
