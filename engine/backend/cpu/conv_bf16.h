/* Convolution of bf16 maps by f32 kernels. Internal to cpu/. */
#ifndef CALR_BACKEND_CPU_CONV_BF16_H
#define CALR_BACKEND_CPU_CONV_BF16_H

#include "backend/backend.h"

/* What computes convolutions: as in backend.h. */
typedef struct calr_conv_kernels {
    calr_status (*forward)(const calr_conv2d *conv, const void *x, const float *w,
                           const float *bias, void *y);
    calr_status (*backward_data)(const calr_conv2d *conv, const float *w, const void *dy, void *dx);
    calr_status (*backward_weights)(const calr_conv2d *conv, const void *x, const void *dy,
                                    float *dw, float *dbias);
} calr_conv_kernels;

/* conv has the dtype CALR_BF16; `f32` is called with CALR_F32 and some images at a time. */
calr_status calr_cpu_conv2d_bf16_forward(const calr_conv_kernels *f32, const calr_conv2d *conv,
                                         const calr_bf16 *x, const float *w, const float *bias,
                                         calr_bf16 *y);
calr_status calr_cpu_conv2d_bf16_backward_data(const calr_conv_kernels *f32,
                                               const calr_conv2d *conv, const float *w,
                                               const calr_bf16 *dy, calr_bf16 *dx);
calr_status calr_cpu_conv2d_bf16_backward_weights(const calr_conv_kernels *f32,
                                                  const calr_conv2d *conv, const calr_bf16 *x,
                                                  const calr_bf16 *dy, float *dw, float *dbias);

/* The entries of the portable table: f32 by conv.c, bf16 by the above and conv.c. */
calr_status calr_portable_conv2d_forward(const calr_conv2d *conv, const void *x, const float *w,
                                         const float *bias, void *y);
calr_status calr_portable_conv2d_backward_data(const calr_conv2d *conv, const float *w,
                                               const void *dy, void *dx);
calr_status calr_portable_conv2d_backward_weights(const calr_conv2d *conv, const void *x,
                                                  const void *dy, float *dw, float *dbias);

#endif
