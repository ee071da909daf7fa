/* Convolutions with kernels of one pixel, faster than oneDNN's: all passes in f32, and gradients of weights from bf16
 * maps where the processor multiplies pairs of bf16. Internal to cpu/.
 *
 * Gradients of weights are sums over all pixels of the products of two vectors: each thread takes blocks of pixels that
 * stay in its second-level cache, and reads the larger map where it lies. The other passes take some pixels through all
 * weights. Data needed next is prefetched. Convolutions with a stride take the pixels that they use
 * from the map, and leave the others alone. Results do not depend on the number of threads. */
#ifndef CALR_BACKEND_CPU_POINTWISE_H
#define CALR_BACKEND_CPU_POINTWISE_H

#include "backend/backend.h"

/* Whether these functions can compute a (resolved) convolution on this processor: kernel 1x1, no padding, no groups,
 * f32, channels in multiples of 32, AVX2 or AVX-512. */
bool calr_pointwise_can(const calr_conv2d *conv);
/* The same for the gradient of weights, which may have maps in bf16 too. */
bool calr_pointwise_can_sum(const calr_conv2d *conv);
/* Whether they are the fastest way for a pass, as measured by tests/bench/convolutions.c. */
bool calr_pointwise_wanted(const calr_conv2d *conv, calr_conv2d_pass pass);
const char *calr_pointwise_name(bool half);

/* As those of the table (backend.h), where calr_pointwise_can. bias may be NULL. add: the gradient is added to dx;
 * pixels that the stride passes over stay as they are. */
calr_status calr_pointwise_forward(const calr_conv2d *conv, const float *x, const float *w,
                                   const float *bias, float *y);
/* y = activation(convolution + bias + residual), with activations up to RELU6; bias and residual may be NULL, and
 * residual may be y. */
calr_status calr_pointwise_fused_forward(const calr_conv2d *conv, const float *x, const float *w,
                                         const float *bias, const float *residual,
                                         calr_activation activation, float *y);
calr_status calr_pointwise_backward_data(const calr_conv2d *conv, const float *w, const float *dy,
                                         bool add, float *dx);
/* Where calr_pointwise_can_sum: x and dy have the type that conv->dtype says. Products of bf16 are added in f32,
 * two at a time. */
calr_status calr_pointwise_backward_weights(const calr_conv2d *conv, const void *x, const void *dy,
                                            float *dw);

#endif
