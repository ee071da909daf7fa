/* From a decoded image to a slot of a batch: resize, and in training flip, pad and crop, change the colours,
 * normalise, erase.
 *
 * In this order: resize to H x W; flip left-right with probability `flip`; put a black border of
 * `pad` pixels around and cut H x W at a random place; to [0, 1]; colours (color.h); (x - mean) / std by channel; with
 * probability `erase` fill a random rectangle (Zhong et al., "Random erasing data augmentation",
 * AAAI 2020): area uniform in erase_area of the image, height / width uniform in erase_aspect,
 * drawn again (up to 100 times) until it fits.
 *
 * The draws depend only on the stream, and every draw before the erasing happens whatever the
 * probabilities: switching one step off leaves the others unchanged. */
#ifndef CALR_IMAGE_AUGMENT_H
#define CALR_IMAGE_AUGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/status.h"
#include "image/color.h"
#include "image/resize.h"

typedef struct calr_augment {
    int height, width; /* of the result, 1 .. 65535 */
    calr_filter filter;
    float mean[3], std[3];  /* of pixels in [0, 1]; std > 0 */
    double flip;            /* probability */
    int pad;                /* pixels on each side, 0 .. 65535; 0: no crop */
    double erase;           /* probability */
    double erase_area[2];   /* fractions of the image, 0 < low <= high <= 1 */
    double erase_aspect[2]; /* height / width, 0 < low <= high */
    /* true: the rectangle is filled with the numbers `mean` after normalisation, as the field's
     * code does; false: with the mean colour, which is 0 after normalisation */
    bool erase_after_normalize;
    calr_color color;
} calr_augment;

/* Resize and normalise only: bicubic, ImageNet's mean and deviation. For tests and feature
 * extraction. */
calr_augment calr_augment_plain(int height, int width);
/* The field's training augmentation: flip 0.5, pad 10, erase 0.5 (2-40 % of the area, aspect
 * 0.3-3.33). */
calr_augment calr_augment_training(int height, int width);

/* CALR_EINVAL names the field out of range. */
calr_status calr_augment_check(const calr_augment *augment);

/* The stream of one image: `slot` is its position in the epoch's order (from 0), so that an image
 * drawn twice in an epoch is augmented in two ways. */
calr_rng calr_augment_stream(uint64_t seed, uint32_t epoch, uint64_t slot);

/* The same for one of several views of the image: view 0 is calr_augment_stream, every other view has
 * a purpose, and so a stream, of its own. 0 <= view < CALR_AUGMENT_VIEWS. */
#define CALR_AUGMENT_VIEWS 2
calr_rng calr_augment_view_stream(uint64_t seed, uint32_t epoch, uint64_t slot, int view);

/* The drawn values of one image. */
typedef struct calr_augment_draw {
    bool flip;
    int top, left; /* of the cut, 0 .. 2 * pad; `pad` is the middle */
    int erase_top, erase_left, erase_height, erase_width; /* all 0: nothing is erased */
    calr_color_draw color;
} calr_augment_draw;

/* What is drawn for one view of an image. Colours have a stream of their own, so that the rest is drawn as without
 * them. */
calr_augment_draw calr_augment_draw_at(const calr_augment *augment, uint64_t seed, uint32_t epoch,
                                       uint64_t slot, int view);

/* The part of it that comes from calr_augment_view_stream: all but the colours. */
calr_augment_draw calr_augment_choose(const calr_augment *augment, calr_rng *rng);

/* pixels u8[height x width x 3], already of the size of `augment` -> slot f32[height x width x 3].
 * scratch: as slot; NULL when augment->color.blur is 0. */
void calr_augment_apply(const calr_augment *augment, const calr_augment_draw *draw,
                        const uint8_t *pixels, float *scratch, float *slot);

#endif
