/* Colours of an image in training: jitter, grey, blur, as torchvision does them on tensors.
 *
 * In this order, each with a probability of its own. Jitter (ColorJitter): brightness, contrast,
 * saturation and hue in a drawn order; a factor is uniform in 1 - strength .. 1 + strength (not
 * below 0), the hue's in -strength .. strength of the colour circle. Grey (RandomGrayscale): all
 * channels become the luma. Blur (GaussianBlur): sigma uniform in a range, the image reflected at
 * its edges.
 *
 * All numbers of an image are drawn whatever the probabilities: switching one step off leaves the others unchanged. */
#ifndef CALR_IMAGE_COLOR_H
#define CALR_IMAGE_COLOR_H

#include <stdbool.h>

#include "base/rng.h"
#include "base/status.h"

typedef struct calr_color {
    double jitter, gray, blur;               /* probabilities */
    double brightness, contrast, saturation; /* strengths, 0 or more */
    double hue;                              /* 0 .. 0.5 */
    double blur_sigma[2];                    /* pixels, 0 < low <= high <= CALR_COLOR_SIGMA_MAX */
} calr_color;

#define CALR_COLOR_SIGMA_MAX 20

/* Nothing happens; the strengths are those of fast-reid (0.15, 0.15, 0.1, 0.1), the sigma that of SimCLR
 * (0.1 .. 2). */
calr_color calr_color_none(void);

/* CALR_EINVAL names the field out of range. */
calr_status calr_color_check(const calr_color *color);

/* Whether anything can happen. */
bool calr_color_any(const calr_color *color);

typedef enum calr_color_step {
    CALR_BRIGHTNESS,
    CALR_CONTRAST,
    CALR_SATURATION,
    CALR_HUE,
    CALR_COLOR_STEPS
} calr_color_step;

/* The drawn values of one image; all 0: nothing happens. */
typedef struct calr_color_draw {
    bool jitter, gray, blur;
    calr_color_step order[CALR_COLOR_STEPS];
    double factor[CALR_COLOR_STEPS]; /* by step */
    double sigma;
} calr_color_draw;

calr_color_draw calr_color_choose(const calr_color *color, calr_rng *rng);

/* Whether calr_color_apply would change the image. */
bool calr_color_acts(const calr_color_draw *draw);

/* image f32[height x width x 3], values in 0 .. 1, is changed in place. scratch: as many numbers, used by the blur; it
 * may be NULL when there is none. */
void calr_color_apply(const calr_color_draw *draw, int height, int width, float *image,
                      float *scratch);

#endif
