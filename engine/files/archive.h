/* Zip archives in memory: what .npz and .pth files are. */
#ifndef CALR_FILES_ARCHIVE_H
#define CALR_FILES_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* ---- reading ---- */

typedef struct calr_archive calr_archive;

/* Opens an archive over `data`, which stays the caller's and must outlive it. `name` is used in messages. CALR_EFORMAT:
 * truncated or damaged; CALR_ENOMEM. */
calr_status calr_archive_open(const void *data, size_t size, const char *name, calr_archive **out);
void calr_archive_close(calr_archive *archive); /* NULL is allowed */

int64_t calr_archive_count(const calr_archive *archive);
/* The name of entry i, as it is in the file; NULL where there is none. A name is data, no path to be opened. */
const char *calr_archive_name(const calr_archive *archive, int64_t i);
bool calr_archive_has(const calr_archive *archive, const char *entry);
/* Reads an entry as a whole, its checksum compared; *data is malloc'ed. No more than `most` bytes are unpacked:
 * CALR_EFORMAT otherwise, and for one that is not there or damaged. */
calr_status calr_archive_read(const calr_archive *archive, const char *entry, size_t most,
                              void **data, size_t *size);

/* ---- writing ---- */

typedef struct calr_archive_writer calr_archive_writer;

calr_status calr_archive_writer_new(calr_archive_writer **out);
/* Adds an entry, whose bytes are copied; `deflate`: compressed. The same entries give the same file. */
calr_status calr_archive_writer_add(calr_archive_writer *writer, const char *entry,
                                    const void *data, size_t size, bool deflate);
/* Writes the file, whole or not at all, and frees the writer either way. */
calr_status calr_archive_writer_commit(calr_archive_writer *writer, const char *path);
void calr_archive_writer_abort(calr_archive_writer *writer); /* NULL is allowed */

#endif
