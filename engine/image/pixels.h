/* The inner loops over pixels, made once for each instruction set: vectors (pixels_avx2.c,
 * pixels_avx512.c, both of pixels_vector.h) and plain C. All give the same bits. Internal to image. */
#ifndef CALR_IMAGE_PIXELS_H
#define CALR_IMAGE_PIXELS_H

#include <stddef.h>
#include <stdint.h>

#define CALR_PIXELS_FRACTION 22 /* bits of a weight; Pillow's PRECISION_BITS */
#define CALR_PIXELS_PERIOD   48 /* floats: 16 pixels, whole vectors of 8 and of 16 */

/* The weights of one sum, in both forms used by the kernels. */
typedef struct calr_pixel_weights {
    int count;             /* of rows, at least 1 */
    const int32_t *weight; /* [count] */
    /* For each two rows, weights as 2^15 high + low, 0 <= low < 2^15: the two highs in one number,
     * the two lows in the next; an odd row's partner weighs nothing. [2 * ((count + 1) / 2)] */
    const int32_t *pairs;
} calr_pixel_weights;

/* (byte / 255 - mean) / std with each step rounded, by numbers of two parts: 1 / std = high + low.
 * Each is repeated for every channel of a period. */
typedef struct calr_pixel_scale {
    float mean[CALR_PIXELS_PERIOD], high[CALR_PIXELS_PERIOD], low[CALR_PIXELS_PERIOD];
} calr_pixel_scale;

typedef struct calr_pixel_kernels {
    const char *name;
    /* to[x] = (1/2 + the sum over k of weight[k] / 2^22 * rows[k * stride + x]), cut to 0 .. 255. */
    void (*weigh)(const calr_pixel_weights *weights, const uint8_t *rows, size_t stride,
                  size_t width, uint8_t *to);
    /* to = the pixels (of three bytes) from the last to the first; they must not overlap. */
    void (*reverse)(const uint8_t *pixels, size_t count, uint8_t *to);
    /* Floats of `count` pixels. Where rounding in two steps is not rounding in one, which is rare
     * and for the caller to find out, the last bit differs. NULL: no faster than looking them up. */
    void (*scale)(const uint8_t *pixels, size_t count, const calr_pixel_scale *scale, float *to);
} calr_pixel_kernels;

extern const calr_pixel_kernels calr_pixels_avx2, calr_pixels_avx512; /* where they can run only */

/* weights->pairs of `count` weights. */
void calr_pixels_pair(const int32_t *weight, int count, int32_t *pairs);

/* Kernels number 0 (plain), 1, ... that this processor can run; NULL past the last, which is the
 * fastest. */
const calr_pixel_kernels *calr_pixels_kernels(int number);
/* The fastest. */
const calr_pixel_kernels *calr_pixels_best(void);

#endif
