/* PNG files, through libpng: pictures of reports out, any PNG in. */
#ifndef CALR_IMAGE_PNG_H
#define CALR_IMAGE_PNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Pixels (width x height) that are accepted when reading: 64 Mi. */
#define CALR_PNG_LIMIT ((int64_t)1 << 26)

/* u8[height x width x channels], channels 1 (gray) or 3 (RGB) -> a PNG file in memory, malloc'ed;
 * the caller frees it. CALR_EINVAL, CALR_ENOMEM. */
calr_status calr_png_encode(const uint8_t *pixels, int width, int height, int channels,
                            void **bytes, size_t *size);

/* Whether the bytes begin as a PNG file does. */
bool calr_png_is(const void *bytes, size_t size);

/* Reads the size from the header; *gray (may be NULL): whether it has no colours. CALR_EFORMAT. Thread-safe. */
calr_status calr_png_probe(const void *bytes, size_t size, int *width, int *height, bool *gray);

/* A PNG file in memory -> RGB, u8[height x width x 3], malloc'ed; the caller frees it. Palettes and
 * gray become RGB, 16 bits 8, and transparent pixels are laid on black. CALR_EFORMAT: not a PNG,
 * corrupt, too large. */
calr_status calr_png_decode(const void *bytes, size_t size, uint8_t **pixels, int *width,
                            int *height);

#endif
