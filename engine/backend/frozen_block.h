/* Inverted residuals with weights that do not change, for inference: three frozen convolutions in one.
 *
 *   y = project(filter(expand(x))) + residual
 *
 * expand and project are 1x1, filter is a depthwise convolution; each with its bias and activation. The maps between
 * them, several times as wide as x and y, are made by tiles that stay in the second-level cache and never go to
 * memory. Functions may be called from any thread, runs of one object also at the same time. */
#ifndef CALR_BACKEND_FROZEN_BLOCK_H
#define CALR_BACKEND_FROZEN_BLOCK_H

#include "backend/frozen.h"

typedef struct calr_frozen_block calr_frozen_block;

/* expand may be NULL: then x is filtered. *out is NULL where the three are no such block, or none that this processor
 * has kernels for: widths that are no multiple of 8, activations other than none, relu and relu6. The convolutions are
 * only read, their weights copied. CALR_ENOMEM. */
calr_status calr_frozen_block_new(const calr_frozen_conv *expand, const calr_frozen_conv *filter,
                                  const calr_frozen_conv *project, calr_frozen_block **out);
void calr_frozen_block_release(calr_frozen_block *block); /* NULL is allowed */

/* The sizes for images of this size, as if it were one convolution: c_in, c_out, out_h, out_w. CALR_EINVAL when the
 * kernel does not fit. */
calr_status calr_frozen_block_geometry(const calr_frozen_block *block, int64_t n, int64_t h,
                                       int64_t w, calr_dtype dtype, calr_conv2d *out);
/* Whether this is sooner done than the three convolutions, one after the other. */
bool calr_frozen_block_wanted(const calr_frozen_block *block, const calr_conv2d *geometry);
/* x: n x h x w x c_in; residual (may be NULL) and y: n x out_h x out_w x c_out. y may be the residual itself, even
 * where that is x. CALR_ENOMEM. */
calr_status calr_frozen_block_run(calr_frozen_block *block, const calr_conv2d *geometry,
                                  const void *x, const void *residual, void *y);
const char *calr_frozen_block_name(const calr_frozen_block *block);

#endif
