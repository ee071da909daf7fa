/* What a file is by its first bytes, for messages about files that are something else than they should be. */
#ifndef CALR_BASE_KIND_H
#define CALR_BASE_KIND_H

#include <stddef.h>

/* "a GIF image", "text", ... for bytes from the beginning of a file (262 of them or more tell all kinds). A string of
 * the program; NULL when they are like nothing known. From any thread. */
const char *calr_kind_of_bytes(const void *bytes, size_t size);

#endif
