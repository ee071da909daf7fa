/* JPEG in memory, through libjpeg-turbo.
 *
 * Every kind of baseline and progressive JPEG becomes RGB: gray is repeated three times; CMYK and
 * YCCK are read by Adobe's convention (inks stored inverted) and converted as Pillow does. The
 * decoding is the exact one (slow integer DCT, smooth chroma upsampling): the pixels are those of
 * Pillow with the same library. An EXIF orientation is not applied, as in Pillow.
 *
 * A file that ends early or that the decoder has to repair is an error, not a gray picture; only
 * stray bytes between its segments are passed over, as Pillow does, and noted. */
#ifndef CALR_IMAGE_JPEG_H
#define CALR_IMAGE_JPEG_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Pixels (width x height) that a decoder accepts unless told otherwise: 64 Mi. */
#define CALR_JPEG_LIMIT ((int64_t)1 << 26)

typedef enum calr_jpeg_color {
    CALR_JPEG_RGB, /* YCbCr too */
    CALR_JPEG_GRAY,
    CALR_JPEG_CMYK /* YCCK too */
} calr_jpeg_color;

typedef struct calr_jpeg_info {
    int width, height;
    calr_jpeg_color color;
} calr_jpeg_info;

/* A decoder and encoder with the memory it works in, for reuse from image to image. Used by one
 * thread at a time. */
typedef struct calr_jpeg calr_jpeg;

calr_status calr_jpeg_new(calr_jpeg **out);
void calr_jpeg_release(calr_jpeg *jpeg); /* NULL is allowed */

/* Sets the largest number of pixels that decode accepts, at least 1. It is checked against the
 * header, before any memory is taken. */
calr_status calr_jpeg_set_limit(calr_jpeg *jpeg, int64_t pixels);

/* Reads the header only. CALR_EFORMAT when the bytes are not JPEG; the message names what they look
 * like. A size beyond the limit is no error here. Safe from any thread. */
calr_status calr_jpeg_probe(const void *bytes, size_t size, calr_jpeg_info *out);

/* Decodes to RGB, u8[height x width x 3]. *pixels belongs to the decoder and is valid until its
 * next decode. CALR_EFORMAT: not JPEG, truncated, corrupt, larger than the limit; CALR_ENOMEM. */
calr_status calr_jpeg_decode(calr_jpeg *jpeg, const void *bytes, size_t size,
                             const uint8_t **pixels, int *width, int *height);

/* What was amiss with the image that was decoded last, and did no harm: stray bytes. NULL: nothing. */
const char *calr_jpeg_note(const calr_jpeg *jpeg);

/* Chroma resolution of an encoded image. */
typedef enum calr_jpeg_chroma {
    CALR_JPEG_444, /* full */
    CALR_JPEG_422, /* halved across */
    CALR_JPEG_420  /* halved across and down: what cameras write */
} calr_jpeg_chroma;

/* Encodes RGB, u8[height x width x 3]. quality 1 .. 100. *bytes belongs to the encoder and is valid
 * until its next encode. Sides of 1 .. 65535 (CALR_EINVAL). The same pixels give the same bytes. */
calr_status calr_jpeg_encode(calr_jpeg *jpeg, const uint8_t *pixels, int width, int height,
                             int quality, calr_jpeg_chroma chroma, const void **bytes,
                             size_t *size);

#endif
