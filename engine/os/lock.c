#include "os/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os/descriptor.h"

static void read_holder(int fd, char holder[CALR_LOCK_HOLDER])
{
    ssize_t got = read(fd, holder, CALR_LOCK_HOLDER - 1);
    holder[got > 0 ? got : 0] = 0;
    holder[strcspn(holder, "\n")] = 0;
    if (!holder[0])
        strcpy(holder, "unknown");
}

calr_status calr_lock_take(const char *path, int *fd, char holder[CALR_LOCK_HOLDER])
{
    int opened;
    CALR_TRY(calr_descriptor_open(path, O_RDWR | O_CREAT, "open", &opened));
    int error = calr_descriptor_lock(opened);
    if (error) {
        read_holder(opened, holder);
        close(opened);
        return error == EWOULDBLOCK
                   ? calr_error(CALR_EBUSY, "process %s holds the lock %s", holder, path)
                   : calr_error_system(error, "cannot lock %s", path);
    }
    char text[CALR_LOCK_HOLDER];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    /* The number only helps people: on a full disk the lock holds without it. */
    ssize_t written = ftruncate(opened, 0) == 0 ? write(opened, text, (size_t)length) : 0;
    (void)written;
    *fd = opened;
    return CALR_OK;
}
