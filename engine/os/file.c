#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "os/aside.h"
#include "os/descriptor.h"
#include "os/folder.h"

bool calr_file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

/* ---- reading ---- */

enum { PART = 16 << 20 }; /* bytes read without asking whether to stop */

static calr_status read_open(int fd, const char *path, void **data, size_t *size)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return calr_error_system(errno, "cannot read %s", path);
    if (S_ISDIR(info.st_mode))
        return calr_error(CALR_EIO, "cannot read %s: it is a folder", path);
    /* The size is a hint only: the file may grow, or be a pipe of unknown length. */
    size_t room = info.st_size > 0 ? (size_t)info.st_size + 1 : 4096, used = 0;
    char *text = malloc(room);
    while (text) {
        if (used >= PART && calr_interrupt_requested()) {
            free(text);
            return calr_interrupt_check();
        }
        ssize_t got = read(fd, text + used, room - used < PART ? room - used : PART);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int error = errno;
            free(text);
            return calr_error_system(error, "cannot read %s", path);
        }
        used += (size_t)got;
        if (got == 0 && used < room)
            break;
        if (used == room) {
            char *larger = room < SIZE_MAX / 2 ? realloc(text, room * 2) : NULL;
            if (!larger)
                free(text);
            text = larger;
            room *= 2;
        }
    }
    if (!text)
        return calr_error(CALR_ENOMEM, "no memory to read %s", path);
    text[used] = 0;
    *data = text;
    *size = used;
    return CALR_OK;
}

calr_status calr_file_read(const char *path, void **data, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return calr_error_system(errno, "cannot open %s", path);
    calr_status status = read_open(fd, path, data, size);
    close(fd);
    return status;
}

calr_status calr_file_read_from(const char *path, int64_t offset, size_t limit, void **data,
                                size_t *size)
{
    *data = NULL;
    *size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 &&
        errno == ENOTDIR) /* a name that can never come to be is not a file that is not there yet */
        return calr_error(CALR_EIO, "cannot read %s: Not a directory", path);
    if (fd < 0)
        return calr_error_system(errno, "cannot read %s", path);
    struct stat info;
    int error = fstat(fd, &info) == 0 ? 0 : errno;
    uint64_t behind = !error && info.st_size > offset ? (uint64_t)(info.st_size - offset) : 0;
    size_t wanted = behind < limit ? (size_t)behind : limit;
    char *bytes = !error && wanted > 0 ? malloc(wanted) : NULL;
    if (wanted > 0 && !bytes)
        error = ENOMEM;
    ssize_t got = 0;
    if (bytes) {
        do
            got = pread(fd, bytes, wanted, offset);
        while (got < 0 && errno == EINTR);
        if (got < 0)
            error = errno;
    }
    close(fd);
    if (error) {
        free(bytes);
        return calr_error_system(error, "cannot read %s", path);
    }
    *data = bytes;
    *size = (size_t)got;
    return CALR_OK;
}

/* ---- writing ---- */

calr_status calr_file_truncate(const char *path, int64_t size)
{
    int fd;
    CALR_TRY(calr_descriptor_open(path, O_WRONLY, "cut", &fd));
    int error = ftruncate(fd, size) == 0 ? 0 : errno;
    close(fd);
    return error ? calr_error_system(error, "cannot cut %s to %lld bytes", path, (long long)size)
                 : CALR_OK;
}

struct calr_file_writer {
    int fd;
    calr_status status; /* the first failure sticks */
    char *path, *aside;
};

static void writer_free(calr_file_writer *writer)
{
    if (writer->fd >= 0)
        close(writer->fd);
    free(writer->path);
    free(writer->aside);
    free(writer);
}

calr_status calr_file_writer_new(const char *path, calr_file_writer **out)
{
    struct stat there;
    if (stat(path, &there) == 0 &&
        !S_ISREG(there.st_mode)) /* a rename would put a file in its place */
        return calr_error(CALR_EINVAL, "cannot write %s: it is %s; give the name of a file", path,
                          S_ISDIR(there.st_mode) ? "a folder" : "a device or a pipe");
    calr_file_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return calr_error(CALR_ENOMEM, "no memory to write %s", path);
    writer->fd = -1;
    writer->path = strdup(path);
    if (!writer->path || calr_aside_name(path, &writer->aside) != CALR_OK) {
        writer_free(writer);
        return calr_error(CALR_ENOMEM, "no memory to write %s", path);
    }
    writer->fd = open(writer->aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (writer->fd < 0) {
        int error = errno;
        writer_free(writer);
        return calr_error_system(error, "cannot write %s", path);
    }
    *out = writer;
    return CALR_OK;
}

calr_status calr_file_writer_write(calr_file_writer *writer, const void *data, size_t size)
{
    if (writer->status != CALR_OK)
        return writer->status;
    int error = calr_descriptor_write(writer->fd, data, size);
    if (error)
        writer->status = calr_error_system(error, "cannot write %s", writer->path);
    return writer->status;
}

calr_status calr_file_writer_commit(calr_file_writer *writer)
{
    calr_status status = writer->status;
    if (status == CALR_OK && fsync(writer->fd) != 0)
        status = calr_error_system(errno, "cannot write %s", writer->path);
    if (status == CALR_OK)
        status = calr_aside_publish(writer->aside, writer->path);
    if (status != CALR_OK)
        unlink(writer->aside); /* gone already when only the folder could not be flushed */
    writer_free(writer);
    return status;
}

void calr_file_writer_abort(calr_file_writer *writer)
{
    if (!writer)
        return;
    unlink(writer->aside);
    writer_free(writer);
}

calr_status calr_file_write(const char *path, const void *data, size_t size)
{
    calr_file_writer *writer;
    CALR_TRY(calr_file_writer_new(path, &writer));
    calr_file_writer_write(writer, data, size); /* a failure sticks and comes out of commit */
    return calr_file_writer_commit(writer);
}

/* ---- adding ---- */

calr_status calr_append_open(const char *path, bool follow, int *fd)
{
    const int flags = O_WRONLY | O_CREAT | O_APPEND;
    if (!follow)
        return calr_descriptor_open(path, flags, "open", fd);
    int opened = open(path, flags | O_CLOEXEC, 0666);
    if (opened < 0)
        return calr_error_system(errno, "cannot open %s", path);
    *fd = opened;
    return CALR_OK;
}

calr_status calr_append_write(int fd, const char *path, const void *data, size_t size)
{
    off_t before = lseek(fd, 0, SEEK_END);
    int error = calr_descriptor_write(fd, data, size);
    if (error && before >= 0 && ftruncate(fd, before) != 0 && errno != EINVAL)
        error = errno;
    return error ? calr_error_system(error, "cannot write %s", path) : CALR_OK;
}

calr_status calr_append_sync(int fd, const char *path)
{
    if (fdatasync(fd) != 0 && errno != EINVAL &&
        errno != ENOTSUP) /* a pipe or device has no disk behind it */
        return calr_error_system(errno, "cannot write %s", path);
    return CALR_OK;
}

calr_status calr_append_size(int fd, const char *path, int64_t *size)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return calr_error_system(errno, "cannot look at %s", path);
    *size = info.st_size;
    return CALR_OK;
}
