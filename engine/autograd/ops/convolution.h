/* What operations with convolutions share. Internal to autograd/. */
#ifndef CALR_AUTOGRAD_OPS_CONVOLUTION_H
#define CALR_AUTOGRAD_OPS_CONVOLUTION_H

#include "autograd/ops.h"
#include "backend/backend.h"

/* The (resolved) sizes of a convolution of x: n x h x w x c, by w: out x in x kh x kw. */
calr_status calr_conv2d_of_shapes(calr_dtype dtype, const int64_t *x, const int64_t *w,
                                  const calr_conv2d_options *options, calr_conv2d *conv);

#endif
