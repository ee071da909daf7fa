#include "os/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/aside.h"
#include "os/descriptor.h"

/* 0: made; EEXIST: there was one; another errno. Over NFS the answer to link() can get lost, and the call that is sent
 * again then finds the name taken by itself: the number of names that the file aside has is the truth. */
static int link_aside(const char *aside, const char *path)
{
    int error = link(aside, path) == 0 ? 0 : errno;
    struct stat info;
    if (error && stat(aside, &info) == 0 && info.st_nlink == 2)
        error = 0;
    return error;
}

static int write_and_link(const char *aside, const char *path, const void *data, size_t size)
{
    int fd = open(aside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return errno;
    int error = calr_descriptor_write(fd, data, size);
    /* Closing before the link: over NFS it sends the bytes, so that nobody sees the name without them. */
    if (close(fd) != 0 && !error)
        error = errno;
    if (!error)
        error = link_aside(aside, path);
    unlink(aside);
    return error;
}

calr_status calr_claim_new(const char *path, const void *data, size_t size, bool *made)
{
    char *aside;
    CALR_TRY(calr_aside_unique(path, &aside));
    int error = write_and_link(aside, path, data, size);
    free(aside);
    if (error && error != EEXIST)
        return calr_error_system(error, "cannot write %s", path);
    *made = !error;
    return CALR_OK;
}

calr_status calr_claim_link(const char *source, const char *path, calr_claim *result)
{
    int error = link(source, path) == 0 ? 0 : errno;
    struct stat mine, there;
    /* The answer to the call may have been lost, as above. */
    if (error == EEXIST && stat(source, &mine) == 0 && stat(path, &there) == 0 &&
        mine.st_ino == there.st_ino && mine.st_dev == there.st_dev)
        error = 0;
    if (error && error != EMLINK && error != EXDEV && error != EEXIST)
        return calr_error_system(error, "cannot write %s", path);
    *result = !error ? CALR_CLAIM_MADE : error == EEXIST ? CALR_CLAIM_TAKEN : CALR_CLAIM_IMPOSSIBLE;
    return CALR_OK;
}
