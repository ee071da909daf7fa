/* Files: read whole or in part, written whole, added to. */
#ifndef CALR_OS_FILE_H
#define CALR_OS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Whether there is a file or folder of this name. */
bool calr_file_exists(const char *path);

/* Reads a whole file. *data is malloc'ed, with a zero byte after the last; the caller frees it.
 * CALR_ENOTFOUND, CALR_EIO, CALR_ENOMEM; a folder is CALR_EIO. */
calr_status calr_file_read(const char *path, void **data, size_t *size);

/* Reads what a file holds behind its first `offset` bytes, at most `limit` bytes (1 or more) of it. *data is malloc'ed,
 * or NULL where there is nothing; *size is 0 at the end. CALR_ENOTFOUND, CALR_EIO, CALR_ENOMEM. */
calr_status calr_file_read_from(const char *path, int64_t offset, size_t limit, void **data,
                                size_t *size);

/* Cuts a file to its first `size` bytes. CALR_EINVAL: the name is a symbolic link, which might lead anywhere. */
calr_status calr_file_truncate(const char *path, int64_t size);

/* ---- written aside (os/aside.h) ---- */

typedef struct calr_file_writer calr_file_writer;

/* Opens NAME.tmp-PID beside `path`. CALR_EINVAL when `path` is there and no ordinary file. */
calr_status calr_file_writer_new(const char *path, calr_file_writer **out);
/* After a failed write, later calls return the same failure. */
calr_status calr_file_writer_write(calr_file_writer *writer, const void *data, size_t size);
/* Flushes, fsyncs, renames, fsyncs the folder. On failure the file aside is removed. Frees the
 * writer either way. */
calr_status calr_file_writer_commit(calr_file_writer *writer);
/* Removes the file aside and frees the writer; NULL is allowed. */
void calr_file_writer_abort(calr_file_writer *writer);

/* The three in one. */
calr_status calr_file_write(const char *path, const void *data, size_t size);

/* ---- added to ---- */

/* Opens a file for appending; creates it if absent. *fd is the caller's, close() ends it. With
 * `follow` a symbolic link is followed; otherwise it is CALR_EINVAL. */
calr_status calr_append_open(const char *path, bool follow, int *fd);
/* Adds bytes in one piece. If the disk is full, none of them stay in the file. `path` is for
 * messages, here and below. */
calr_status calr_append_write(int fd, const char *path, const void *data, size_t size);
/* Returns when everything written so far is on the disk. */
calr_status calr_append_sync(int fd, const char *path);
/* Bytes in the file. */
calr_status calr_append_size(int fd, const char *path, int64_t *size);

#endif
