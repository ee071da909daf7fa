/* Bytes that do not belong into a JPEG file: between its segments, as some cameras and old tools leave them. Inside
 * image/ only. */
#ifndef CALR_IMAGE_JPEG_STRAY_H
#define CALR_IMAGE_JPEG_STRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies a JPEG file without what stands between the segments of its headers, where nothing may stand. `to` has room
 * for `size` bytes. Returns the size of the copy. */
size_t calr_jpeg_without_gaps(const uint8_t *bytes, size_t size, uint8_t *to);

/* Removes, in place, the last `count` bytes of the n-th run of coded pixels (from 0) that the marker `marker` follows.
 * False: there is none, or it is shorter. */
bool calr_jpeg_cut_run(uint8_t *bytes, size_t *size, int n, int marker, size_t count);

#endif
