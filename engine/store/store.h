/* The store: a data set in one LMDB file.
 *
 * It holds the original bytes of every image file (JPEG, PNG, BMP) and a record for each: the relative path, the
 * identity, the camera, the split. The records lie packed in a few tables, so that opening reads
 * kilobytes, whatever the number of images. A file is written once (store/writer.h) and never
 * changed after; readers take no lock, so that it may lie on a read-only file system and be open in
 * any number of processes.
 *
 * Images are numbered from 0, in the order in which they were written. */
#ifndef CALR_STORE_STORE_H
#define CALR_STORE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* The format that this program writes, and the only one it reads. */
#define CALR_STORE_FORMAT 1

typedef enum calr_split {
    CALR_SPLIT_TRAIN,
    CALR_SPLIT_QUERY,
    CALR_SPLIT_GALLERY,
    CALR_SPLIT_MULTI /* further images of the queries' persons, by the queries' cameras: they are
                        pooled where a search takes several images at once (multi-query) */
} calr_split;

#define CALR_SPLITS 4

/* "train", "query", "gallery" or "multi"; CALR_EINVAL names the four. */
calr_status calr_split_parse(const char *name, calr_split *out);

/* The record of an image. */
typedef struct calr_store_record {
    const char *path; /* relative to the data set's folder, "/" between names, unique */
    int64_t identity; /* as given by the source, at least -1; the source defines -1 and 0 */
    int32_t camera;   /* from 0 */
    calr_split split;
} calr_store_record;

/* An open data set. Reading from it is safe from any thread; retain and release are too. */
typedef struct calr_store calr_store;

/* Opens a file and reads its tables. A damaged file is refused here as far as its structure can
 * tell: CALR_ENOTFOUND; CALR_EFORMAT: empty, truncated, not LMDB, not a data set; CALR_EVERSION: a
 * data set of another format or machine (the message says which); CALR_EIO; CALR_ENOMEM. */
calr_status calr_store_open(const char *path, calr_store **out);
calr_store *calr_store_retain(calr_store *store); /* returns its argument */
void calr_store_release(calr_store *store);       /* NULL is allowed */

int64_t calr_store_count(const calr_store *store);
/* The strings and tables live as long as the store. */
const char *calr_store_file(const calr_store *store);        /* the path it was opened by */
const char *calr_store_name(const calr_store *store);        /* "market1501" */
const char *calr_store_fingerprint(const calr_store *store); /* see store/writer.h */
const char *calr_store_created_by(const calr_store *store);  /* program and version */
/* Bytes of all images together, and of the file. */
int64_t calr_store_image_bytes(const calr_store *store);
int64_t calr_store_file_bytes(const calr_store *store);

/* Tables of calr_store_count entries. */
const int64_t *calr_store_identities(const calr_store *store);
const int32_t *calr_store_cameras(const calr_store *store);
const uint8_t *calr_store_splits(const calr_store *store); /* of calr_split */
/* The path of one image; NULL when index is out of range. */
const char *calr_store_path(const calr_store *store, int64_t index);

/* One thread's access to the bytes: a read transaction of its own. */
typedef struct calr_store_reader calr_store_reader;

/* The reader keeps the store open. */
calr_status calr_store_reader_new(calr_store *store, calr_store_reader **out);
void calr_store_reader_release(calr_store_reader *reader); /* NULL is allowed */
/* The bytes of an image where they lie in the file's mapping: nothing is copied. Valid until the
 * store goes. CALR_EINVAL: index out of range; CALR_EFORMAT: the file is damaged. */
calr_status calr_store_reader_get(calr_store_reader *reader, int64_t index, const void **bytes,
                                  size_t *size);

/* Reads everything and compares with the fingerprint: CALR_EFORMAT when the file is damaged. */
calr_status calr_store_verify(calr_store *store);

#endif
