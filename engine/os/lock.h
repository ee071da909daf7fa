/* Locks that end with the process, however it ends. */
#ifndef CALR_OS_LOCK_H
#define CALR_OS_LOCK_H

#include "base/status.h"

enum { CALR_LOCK_HOLDER = 32 };

/* Takes the lock of a file, which is created if absent and holds the number of the process. *fd
 * holds the lock until it is closed. CALR_EINVAL: the name is a symbolic link, which is not
 * followed. CALR_EBUSY when another process holds it: holder[CALR_LOCK_HOLDER] is then the number
 * that it wrote, or "unknown". */
calr_status calr_lock_take(const char *path, int *fd, char holder[CALR_LOCK_HOLDER]);

#endif
