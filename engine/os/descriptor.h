/* Open files by their descriptors: what the rest of this folder is made of. */
#ifndef CALR_OS_DESCRIPTOR_H
#define CALR_OS_DESCRIPTOR_H

#include <stddef.h>

#include "base/status.h"

/* open() for a file of a folder that may be a stranger's: a symbolic link in the place of the file is CALR_EINVAL, not
 * followed. `doing` is the verb of the message ("write"). *fd is the caller's. */
calr_status calr_descriptor_open(const char *path, int flags, const char *doing, int *fd);

/* Writes all of it. 0 or an errno. */
int calr_descriptor_write(int fd, const void *data, size_t size);

/* Takes the lock of an open file, without waiting. 0, EWOULDBLOCK when another process holds it, or another errno. */
int calr_descriptor_lock(int fd);

#endif
