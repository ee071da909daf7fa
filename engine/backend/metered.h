/* A backend whose kernels report to the meter (base/meter.h) what they did. */
#ifndef CALR_BACKEND_METERED_H
#define CALR_BACKEND_METERED_H

#include "backend/backend.h"

/* The table whose kernels call those of `under` and count their time, operations and bytes. One for each
 * thread, valid until the thread's next call with another `under`. */
const calr_backend *calr_backend_metered(const calr_backend *under);

/* calr_meter_end for a convolution outside the table: counts its operations, its bytes and its shapes. */
void calr_metered_conv(double began, const char *kernel, const calr_conv2d *conv);
/* The same for an inverted residual with a 1x1 convolution from `inputs` (0: none) before its filter and one to
 * `outputs` behind it. The maps between them stay in the cache. */
void calr_metered_inverted(double began, const char *kernel, int64_t inputs,
                           const calr_conv2d *filter, int64_t outputs);

#endif
