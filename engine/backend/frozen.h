/* Convolutions with weights that do not change, for inference.
 *
 * A frozen convolution owns a copy of its weights in its kernels' order, so that a run reorders
 * nothing, and adds bias, residual and activation while a result is still in registers: with the weights of a batch
 * normalisation multiplied in, a whole block of a residual network is two or three such calls.
 *
 *   y = activation(conv(x, w) + bias + residual)        (bias, residual and activation are each optional)
 *
 * The backend selected when it was made computes it. Functions may be called from any thread, runs of one object
 * also at the same time; from inside a calr_parallel_for body a run stays on that thread. */
#ifndef CALR_BACKEND_FROZEN_H
#define CALR_BACKEND_FROZEN_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/backend.h"

typedef struct calr_frozen_conv calr_frozen_conv;

/* conv says channels, groups, kernel, stride and padding; its other sizes are ignored. w, times
 * scale[c_out] where that is not NULL, and bias (may be NULL) are copied. CALR_EINVAL: sizes as for
 * calr_conv2d_resolve; CALR_ENOMEM. */
calr_status calr_frozen_conv_new(const calr_conv2d *conv, const float *w, const float *scale,
                                 const float *bias, calr_activation activation,
                                 calr_frozen_conv **out);
void calr_frozen_conv_release(calr_frozen_conv *frozen); /* NULL is allowed */

/* The geometry for images of this size, resolved, in f32: set its dtype to CALR_BF16 for maps (x,
 * residual and y) in bf16. CALR_EINVAL when the kernel does not fit. */
calr_status calr_frozen_conv_geometry(const calr_frozen_conv *frozen, int64_t n, int64_t h,
                                      int64_t w, calr_conv2d *out);
/* x: n x h x w x c_in, residual (may be NULL) and y: n x out_h x out_w x c_out. y may be the residual itself, which
 * saves reading memory; it may not overlap x. conv is what calr_frozen_conv_geometry gave. */
calr_status calr_frozen_conv_run(calr_frozen_conv *frozen, const calr_conv2d *conv, const void *x,
                                 const void *residual, void *y);
/* What computes it ("brgconv_1x1:avx512_core", "portable: im2col"), for tests and reports. */
calr_status calr_frozen_conv_name(calr_frozen_conv *frozen, const calr_conv2d *conv, bool residual,
                                  char *text, size_t size);

#endif
