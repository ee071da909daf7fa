/* The contents of a data set's LMDB file. Inside store/ only.
 *
 *   database "records":
 *     "header"      calr_store_header
 *     "name"        text without a final zero
 *     "created-by"  text
 *     "identity"    int64[count]
 *     "camera"      int32[count]
 *     "split"       uint8[count]
 *     "size"        uint64[count]: bytes of each image
 *     "path-end"    uint64[count]: where each path ends in "paths" (after its final zero)
 *     "paths"       the paths, each with a final zero
 *     "check"       uint64[count + 1]: checksum of each image, then of the arrays above and the checksums before it.
 *                   Stores of calr 0.1 have none and are read without
 *   database "images":
 *     number (size_t, MDB_INTEGERKEY) -> the unchanged bytes of the file
 *
 * Numbers are in the byte order of the machine, as LMDB's own are; the header tells. */
#ifndef CALR_STORE_FORMAT_H
#define CALR_STORE_FORMAT_H

#include <lmdb.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "store/store.h"

#define STORE_MAGIC     "calrdata"
#define STORE_ORDER     0x01020304u
#define STORE_MAX_PATH  4096
#define STORE_MAX_IMAGE ((size_t)1 << 30)
#define STORE_MAX_COUNT ((int64_t)1 << 31)

typedef struct calr_store_header {
    char magic[8];
    uint32_t order;  /* STORE_ORDER as this machine writes it */
    uint32_t format; /* CALR_STORE_FORMAT */
    int64_t count;
    int64_t image_bytes;
    char fingerprint[40]; /* with a final zero */
} calr_store_header;

/* Turns a code of LMDB or errno into a status: the text of the message, then the reason. */
calr_status calr_store_lmdb_error(int code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds one image to a running fingerprint; see store/writer.h. */
void calr_store_hash_add(calr_hash *hash, const calr_store_record *record, const void *bytes,
                         size_t size);

/* The last of a store's checksums: over its arrays of `count` images and the checksums of these. */
uint64_t calr_store_check_arrays(int64_t count, const int64_t *identities, const int32_t *cameras,
                                 const uint8_t *splits, const uint64_t *sizes,
                                 const uint64_t *path_ends, const char *paths, size_t paths_size,
                                 const uint64_t *checks);

/* Checks the first pages of a file before LMDB reads them: LMDB trusts them, and a file shorter
 * than they say would kill the process by SIGBUS. Errors as calr_store_open. */
calr_status calr_store_check_file(const char *path, int64_t *file_bytes);
/* Whether a file is empty or begins as an LMDB file does, in whatever state the rest is. */
bool calr_store_looks_like_one(const char *path);

#endif
