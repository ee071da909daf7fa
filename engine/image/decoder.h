/* Images in memory of any kind that is read: JPEG, PNG and BMP, told apart by their first bytes, whatever their names
 * say. */
#ifndef CALR_IMAGE_DECODER_H
#define CALR_IMAGE_DECODER_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct calr_image_info {
    const char *format; /* "jpeg", "png" or "bmp" */
    const char *color;  /* "rgb", "gray" or "cmyk": in the file */
    int width, height;
} calr_image_info;

/* A decoder with the memory it works in, for reuse from image to image. Used by one thread at a
 * time. */
typedef struct calr_decoder calr_decoder;

calr_status calr_decoder_new(calr_decoder **out);
void calr_decoder_release(calr_decoder *decoder); /* NULL is allowed */

/* The largest number of pixels that is accepted, at least 1; CALR_JPEG_LIMIT unless told otherwise. It is checked
 * against the header, before any memory is taken. */
calr_status calr_decoder_set_limit(calr_decoder *decoder, int64_t pixels);

/* Decodes to RGB, u8[height x width x 3], as calr_jpeg_decode, calr_png_decode and calr_bmp_decode do. *pixels belongs
 * to the decoder and is valid until its next decode. CALR_EFORMAT: none of these, truncated, corrupt, larger than the
 * limit; CALR_ENOMEM. */
calr_status calr_decoder_decode(calr_decoder *decoder, const void *bytes, size_t size,
                                const uint8_t **pixels, int *width, int *height);

/* What was amiss with the image that was decoded last, and repaired: see calr_jpeg_note. NULL: nothing. */
const char *calr_decoder_note(const calr_decoder *decoder);

/* Reads the header only. CALR_EFORMAT. Safe from any thread. */
calr_status calr_decoder_probe(const void *bytes, size_t size, calr_image_info *out);

#endif
