#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
        ssize_t got = read(fd, text + used, room - used);
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
    if (asprintf(&writer->aside, "%s.tmp-%ld", path, (long)getpid()) < 0)
        writer->aside = NULL;
    if (!writer->path || !writer->aside) {
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
    const char *bytes = data;
    while (writer->status == CALR_OK && size > 0) {
        ssize_t written = write(writer->fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            writer->status = calr_error_system(errno, "cannot write %s", writer->path);
            break;
        }
        bytes += written;
        size -= (size_t)written;
    }
    return writer->status;
}

calr_status calr_file_writer_commit(calr_file_writer *writer)
{
    calr_status status = writer->status;
    if (status == CALR_OK && fsync(writer->fd) != 0)
        status = calr_error_system(errno, "cannot write %s", writer->path);
    if (status == CALR_OK && rename(writer->aside, writer->path) != 0)
        status = calr_error_system(errno, "cannot rename %s to %s", writer->aside, writer->path);
    if (status == CALR_OK)
        status = calr_file_sync_folder(writer->path);
    else
        unlink(writer->aside);
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

calr_status calr_file_make_folder(const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return calr_error(CALR_ENOMEM, "no memory to make %s", path);
    calr_status status = CALR_OK;
    for (char *p = copy + 1; status == CALR_OK && copy[0]; p++) {
        char here = *p;
        if (here != '/' && here != 0)
            continue;
        *p = 0;
        if (mkdir(copy, 0777) != 0 && !(errno == EEXIST && calr_file_is_folder(copy)))
            status = calr_error_system(errno, "cannot make the folder %s", copy);
        *p = here;
        if (here == 0)
            break;
    }
    free(copy);
    return status;
}

calr_status calr_file_sync_folder(const char *path)
{
    char *folder = strdup(path);
    if (!folder)
        return calr_error(CALR_ENOMEM, "no memory to sync %s", path);
    if (!calr_file_is_folder(folder)) {
        char *slash = strrchr(folder, '/');
        if (!slash)
            strcpy(folder, folder[0] ? "." : "");
        else
            slash[slash == folder] = 0; /* keeps the "/" of "/name" */
    }
    calr_status status = CALR_OK;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        status = calr_error_system(errno, "cannot open the folder %s", folder);
    else if (fsync(fd) != 0 && errno != EINVAL &&
             errno != ENOTSUP) /* some file systems have no such call */
        status = calr_error_system(errno, "cannot sync the folder %s", folder);
    if (fd >= 0)
        close(fd);
    free(folder);
    return status;
}

bool calr_file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

bool calr_file_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}
