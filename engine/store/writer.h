/* Writes a data set, completely or not at all.
 *
 * The writer works on NAME.tmp-PID beside the final name, and renames it once all is on the disk. A
 * crash or a kill leaves that file behind; the next writer of the same name removes it (a file that
 * a living process works on is locked, and stays).
 *
 * The fingerprint is XXH3-128 over, for every image in order: the path's length, the path,
 * identity, camera, split, size (each number 8 bytes, least first) and the bytes. It depends on
 * nothing else: not on the name of the data set, the time, the machine or the number of threads. */
#ifndef CALR_STORE_WRITER_H
#define CALR_STORE_WRITER_H

#include "store/store.h"

typedef struct calr_store_writer calr_store_writer;

/* Begins a data set called `name`; `created_by` tells which program wrote it. An existing data set
 * at `path` is replaced at the end. CALR_EEXIST: something other than a data set is there;
 * CALR_EBUSY: another process of the same number works on it; CALR_EIO, CALR_ENOSPC, CALR_ENOMEM.
 */
calr_status calr_store_writer_new(const char *path, const char *name, const char *created_by,
                                  calr_store_writer **out);

/* Appends an image. CALR_EINVAL: a record that cannot be (an empty path, a negative camera, no
 * bytes, more than 1 GiB). CALR_ENOSPC and the like: the writer is of no more use; abort it. */
calr_status calr_store_writer_add(calr_store_writer *writer, const calr_store_record *record,
                                  const void *bytes, size_t size);

int64_t calr_store_writer_count(const calr_store_writer *writer);
int64_t calr_store_writer_bytes(const calr_store_writer *writer); /* of images */

/* Writes the tables, flushes to the disk, renames. Frees the writer and, on failure, removes the
 * file aside. */
calr_status calr_store_writer_commit(calr_store_writer *writer);
/* Removes the file aside and frees the writer; NULL is allowed. */
void calr_store_writer_abort(calr_store_writer *writer);

/* ---- from files ---- */

/* Says whether the bytes are an image that can be decoded; the message of a failure says why not. *note may become a
 * remark about an image that can be, valid until the worker's next call. Runs in several threads at once; `worker` as
 * in base/parallel.h. */
typedef calr_status (*calr_store_check)(void *context, const void *bytes, size_t size, int worker,
                                        const char **note);

typedef struct calr_store_source {
    const char *file; /* the file to read */
    calr_store_record record;
} calr_store_source;

/* Reads, checks (check may be NULL) and appends files, in order; reading and checking in parallel.
 *
 * bad == NULL: the first file that cannot be read or fails the check ends the call (CALR_EFORMAT
 * and the like; the message names it). Otherwise bad[i] becomes NULL for a file that was appended,
 * or the reason, malloc'ed, for one that was left out; the caller frees. notes (may be NULL): notes[i] becomes the
 * check's remark about file i, malloc'ed, or NULL. On failure all bad[i] and notes[i] are NULL, and the caller must
 * abort the writer. */
calr_status calr_store_writer_import(calr_store_writer *writer, const calr_store_source *sources,
                                     int64_t count, calr_store_check check, void *context,
                                     char **bad, char **notes);

#endif
