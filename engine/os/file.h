/* Files that are whole or absent.
 *
 * A file under its final name is complete: it is written aside (NAME.tmp-PID), flushed to the disk,
 * and renamed. A crash, a full disk or a kill leaves the old file, or none, and at worst a .tmp-*
 * beside it. */
#ifndef CALR_OS_FILE_H
#define CALR_OS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Reads a whole file. *data is malloc'ed, with a zero byte after the last; the caller frees it.
 * CALR_ENOTFOUND, CALR_EIO, CALR_ENOMEM; a folder is CALR_EIO. */
calr_status calr_file_read(const char *path, void **data, size_t *size);

/* A file being written aside. */
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

/* Makes a folder and its parents; fine when it exists. */
calr_status calr_file_make_folder(const char *path);
/* Makes the rename or removal of names inside a folder durable. `path` may be a file: its folder is
 * meant. */
calr_status calr_file_sync_folder(const char *path);

bool calr_file_exists(const char *path);
bool calr_file_is_folder(const char *path);

#endif
