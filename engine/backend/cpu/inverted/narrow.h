/* 1x1 convolutions from or to few channels, in f32, by the products of the inverted residuals: forward, and the
 * gradient of the data. These maps are bound by the memory, which oneDNN's kernels wait for; here the next pixels are
 * fetched meanwhile. Internal to cpu/. */
#ifndef CALR_BACKEND_CPU_INVERTED_NARROW_H
#define CALR_BACKEND_CPU_INVERTED_NARROW_H

#include "backend/backend.h"

/* Whether these kernels make a pass of this (resolved) convolution sooner than oneDNN does. */
bool calr_narrow_wanted(const calr_conv2d *conv, calr_conv2d_pass pass);
const char *calr_narrow_name(void);

/* As those of the table (backend.h), for convolutions and passes that are wanted. bias may be NULL. CALR_ENOMEM. */
calr_status calr_narrow_forward(const calr_conv2d *conv, const float *x, const float *w,
                                const float *bias, float *y);
calr_status calr_narrow_backward_data(const calr_conv2d *conv, const float *w, const float *dy,
                                      float *dx);

#endif
