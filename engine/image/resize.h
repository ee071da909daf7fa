/* Resizing as Pillow does it: separable, antialiased, 8-bit fixed point.
 *
 * When shrinking, the filter is widened by the scale, so that no pixel is skipped. Across first,
 * rounded to 8 bits, then down; weights of 22 fractional bits. The result equals Pillow's
 * Image.resize bit by bit. */
#ifndef CALR_IMAGE_RESIZE_H
#define CALR_IMAGE_RESIZE_H

#include <stdint.h>

#include "base/status.h"

typedef enum calr_filter {
    CALR_BICUBIC, /* a = -0.5 */
    CALR_BILINEAR
} calr_filter;

/* The weights of recent sizes and the memory between the two passes, for reuse. Used by one thread
 * at a time. */
typedef struct calr_resizer calr_resizer;

calr_status calr_resizer_new(calr_resizer **out);
void calr_resizer_release(calr_resizer *resizer); /* NULL is allowed */

/* from u8[height x width x 3] -> to u8[to_height x to_width x 3]; they must not overlap. Sides of 1
 * .. 65535 (CALR_EINVAL); CALR_ENOMEM. */
calr_status calr_resize(calr_resizer *resizer, calr_filter filter, const uint8_t *from, int width,
                        int height, uint8_t *to, int to_width, int to_height);

#endif
