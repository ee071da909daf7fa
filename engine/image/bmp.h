/* BMP files, as Windows and OS/2 write them: 1, 4 and 8 bits with a palette, 16, 24 and 32 bits, also with bit fields;
 * rows from the bottom or the top. Run-length coded ones and BMP files that hold a JPEG or PNG are refused. */
#ifndef CALR_IMAGE_BMP_H
#define CALR_IMAGE_BMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Whether the bytes begin as a BMP file does. */
bool calr_bmp_is(const void *bytes, size_t size);

/* Reads the header. CALR_EFORMAT: not a BMP file, or of a kind that is not read. Thread-safe. */
calr_status calr_bmp_probe(const void *bytes, size_t size, int *width, int *height);

/* The pixels as RGB, u8[height x width x 3], into `pixels`, which has room for what probe says; alpha is dropped.
 * CALR_EFORMAT: truncated, or as probe. Thread-safe. */
calr_status calr_bmp_decode(const void *bytes, size_t size, uint8_t *pixels);

#endif
