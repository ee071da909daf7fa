/* Depthwise convolutions (groups = c_in = c_out): every channel is filtered for itself. Maps are f32 or bf16, sums are
 * f32. Internal to cpu/.
 *
 * In NHWC the channels of a pixel lie together, so a vector holds one pixel of 4 to 16 channels and no data is moved.
 * Results do not depend on the number of threads. */
#ifndef CALR_BACKEND_CPU_DEPTHWISE_H
#define CALR_BACKEND_CPU_DEPTHWISE_H

#include "backend/backend.h"

bool calr_depthwise_is(const calr_conv2d *conv);
/* Whether this is a depthwise convolution and these kernels make a pass of it sooner than oneDNN does. */
bool calr_depthwise_wanted(const calr_conv2d *conv, calr_conv2d_pass pass);
const char *calr_depthwise_name(const calr_conv2d *conv);

/* As those of the table (backend.h), for any (resolved) depthwise convolution. bias and dbias may be
 * NULL. */
calr_status calr_depthwise_forward(const calr_conv2d *conv, const void *x, const float *w,
                                   const float *bias, void *y);
calr_status calr_depthwise_backward_data(const calr_conv2d *conv, const float *w, const void *dy,
                                         void *dx);
calr_status calr_depthwise_backward_weights(const calr_conv2d *conv, const void *x, const void *dy,
                                            float *dw, float *dbias);

#endif
