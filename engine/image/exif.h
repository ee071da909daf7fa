/* What a JPEG file says of how its picture is to be turned: telephones and cameras store the picture as the sensor saw
 * it, and note how they were held. */
#ifndef CALR_IMAGE_EXIF_H
#define CALR_IMAGE_EXIF_H

#include <stddef.h>

/* The orientation of the EXIF standard (tag 274): 1, upright, to 8; 1 as well where the file says nothing that can be
 * read. Nothing of the file is trusted. From any thread. */
int calr_exif_orientation(const void *bytes, size_t size);

#endif
