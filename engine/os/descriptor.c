#include "os/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

calr_status calr_descriptor_open(const char *path, int flags, const char *doing, int *fd)
{
    int opened = open(path, flags | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (opened < 0 && errno == ELOOP)
        return calr_error(CALR_EINVAL,
                          "cannot %s %s: it is a symbolic link; put the file itself in its place",
                          doing, path);
    if (opened < 0)
        return calr_error_system(errno, "cannot %s %s", doing, path);
    *fd = opened;
    return CALR_OK;
}

int calr_descriptor_write(int fd, const void *data, size_t size)
{
    const char *bytes = data;
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno;
        bytes += written;
        size -= (size_t)written;
    }
    return 0;
}

int calr_descriptor_lock(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}
