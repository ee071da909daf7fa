#include "store/store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/size.h"
#include "store/format.h"

struct calr_store {
    int64_t refs;
    MDB_env *env;
    MDB_dbi records, images;
    calr_store_header header;
    int64_t file_bytes;
    char *file, *name, *created_by;
    int64_t *identities;
    int32_t *cameras;
    uint8_t *splits;
    uint64_t *sizes, *path_ends;
    char *paths;
    uint64_t *checks; /* [count + 1] (format.h); NULL: none */
};

static const char *const split_names[CALR_SPLITS] = {"train", "query", "gallery", "multi"};

calr_status calr_split_parse(const char *name, calr_split *out)
{
    for (int i = 0; i < CALR_SPLITS; i++) {
        if (strcmp(name, split_names[i]) == 0) {
            *out = (calr_split)i;
            return CALR_OK;
        }
    }
    return calr_error(CALR_EINVAL, "no split \"%s\"; there are: train, query, gallery, multi",
                      name);
}

calr_status calr_store_lmdb_error(int code, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (code > 0)
        return calr_error_system(code, "%s", text);
    calr_status status = code == MDB_VERSION_MISMATCH ? CALR_EVERSION : CALR_EFORMAT;
    return calr_error(status, "%s: %s", text, mdb_strerror(code));
}

/* Numbers go in little-endian whatever the machine, so that a fingerprint is the same everywhere.
 */
static void hash_number(calr_hash *hash, uint64_t number)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(number >> (8 * i));
    calr_hash_add(hash, bytes, sizeof bytes);
}

uint64_t calr_store_check_arrays(int64_t count, const int64_t *identities, const int32_t *cameras,
                                 const uint8_t *splits, const uint64_t *sizes,
                                 const uint64_t *path_ends, const char *paths, size_t paths_size,
                                 const uint64_t *checks)
{
    size_t n = (size_t)count;
    uint64_t sum = calr_hash_checksum(identities, n * sizeof *identities, 0);
    sum = calr_hash_checksum(cameras, n * sizeof *cameras, sum);
    sum = calr_hash_checksum(splits, n, sum);
    sum = calr_hash_checksum(sizes, n * sizeof *sizes, sum);
    sum = calr_hash_checksum(path_ends, n * sizeof *path_ends, sum);
    sum = calr_hash_checksum(paths, paths_size, sum);
    return calr_hash_checksum(checks, n * sizeof *checks, sum);
}

void calr_store_hash_add(calr_hash *hash, const calr_store_record *record, const void *bytes,
                         size_t size)
{
    size_t length = strlen(record->path);
    hash_number(hash, length);
    calr_hash_add(hash, record->path, length);
    hash_number(hash, (uint64_t)record->identity);
    hash_number(hash, (uint64_t)record->camera);
    hash_number(hash, (uint64_t)record->split);
    hash_number(hash, size);
    calr_hash_add(hash, bytes, size);
}

/* ---- opening ---- */

static calr_status damaged(const calr_store *store, const char *what)
{
    return calr_error(CALR_EFORMAT, "%s is damaged (%s); import the data set again", store->file,
                      what);
}

/* Copies a value of the table "records": `size` bytes exactly, or any number when size is SIZE_MAX.
 * A zero byte follows the copy. */
static calr_status read_value(calr_store *store, MDB_txn *txn, const char *key, size_t size,
                              void *out, size_t *actual)
{
    MDB_val k = {strlen(key), (void *)(uintptr_t)key}, v;
    int code = mdb_get(txn, store->records, &k, &v);
    if (code == MDB_NOTFOUND)
        return damaged(store, key);
    if (code != 0)
        return calr_store_lmdb_error(code, "cannot read %s", store->file);
    if (size != SIZE_MAX && v.mv_size != size)
        return damaged(store, key);
    if (v.mv_size > (size_t)store->file_bytes)
        return damaged(store, key);
    char *copy = malloc(v.mv_size + 1);
    if (!copy)
        return calr_error(CALR_ENOMEM, "no memory to open %s", store->file);
    memcpy(copy, v.mv_data, v.mv_size);
    copy[v.mv_size] = 0;
    memcpy(out, &copy, sizeof copy); /* *out is a pointer of any type */
    if (actual)
        *actual = v.mv_size;
    return CALR_OK;
}

static calr_status read_header(calr_store *store, MDB_txn *txn)
{
    MDB_val key = {6, "header"}, value;
    int code = mdb_get(txn, store->records, &key, &value);
    calr_store_header *header = &store->header;
    if (code != 0 || value.mv_size < offsetof(calr_store_header, count))
        return calr_error(CALR_EFORMAT, "%s is an LMDB file, but not a data set of calr",
                          store->file);
    memcpy(header, value.mv_data, value.mv_size < sizeof *header ? value.mv_size : sizeof *header);
    if (memcmp(header->magic, STORE_MAGIC, sizeof header->magic) != 0)
        return calr_error(CALR_EFORMAT, "%s is an LMDB file, but not a data set of calr",
                          store->file);
    if (header->order != STORE_ORDER)
        return calr_error(
            CALR_EVERSION,
            "%s was written by a machine with a different byte order; import the data set here",
            store->file);
    if (header->format != CALR_STORE_FORMAT)
        return calr_error(CALR_EVERSION,
                          "%s is a data set of format %u; this program reads format %d: import the "
                          "data set again, or "
                          "use the program that wrote it",
                          store->file, header->format, CALR_STORE_FORMAT);
    if (value.mv_size != sizeof *header || header->count < 0 || header->count > STORE_MAX_COUNT ||
        header->image_bytes < 0 ||
        memchr(header->fingerprint, 0, sizeof header->fingerprint) == NULL)
        return damaged(store, "header");
    return CALR_OK;
}

static calr_status check_tables(const calr_store *store, size_t paths_size)
{
    uint64_t last = 0;
    for (int64_t i = 0; i < store->header.count; i++) {
        uint64_t end = store->path_ends[i];
        if (end <= last || end > paths_size || store->paths[end - 1] != 0 ||
            memchr(store->paths + last, 0, end - last) != store->paths + end - 1)
            return damaged(store, "paths");
        last = end;
        if (store->splits[i] >= CALR_SPLITS)
            return damaged(store, "split");
        if (store->cameras[i] < 0)
            return damaged(store, "camera");
    }
    if (last != paths_size)
        return damaged(store, "paths");
    if (!store->checks)
        return CALR_OK;
    uint64_t sum = calr_store_check_arrays(store->header.count, store->identities, store->cameras,
                                           store->splits, store->sizes, store->path_ends,
                                           store->paths, paths_size, store->checks);
    return sum == store->checks[store->header.count]
               ? CALR_OK
               : damaged(store, "the checksum of its records does not match");
}

/* Checksums are missing in stores of calr 0.1. */
static calr_status read_checks(calr_store *store, MDB_txn *txn)
{
    MDB_val key = {5, "check"}, value;
    if (mdb_get(txn, store->records, &key, &value) == MDB_NOTFOUND)
        return CALR_OK;
    size_t count = (size_t)store->header.count + 1;
    return read_value(store, txn, "check", count * sizeof(uint64_t), &store->checks, NULL);
}

static calr_status read_tables(calr_store *store, MDB_txn *txn)
{
    CALR_TRY(read_header(store, txn));
    size_t n = (size_t)store->header.count, paths_size;
    CALR_TRY(read_value(store, txn, "name", SIZE_MAX, &store->name, NULL));
    CALR_TRY(read_value(store, txn, "created-by", SIZE_MAX, &store->created_by, NULL));
    CALR_TRY(read_value(store, txn, "identity", n * sizeof(int64_t), &store->identities, NULL));
    CALR_TRY(read_value(store, txn, "camera", n * sizeof(int32_t), &store->cameras, NULL));
    CALR_TRY(read_value(store, txn, "split", n, &store->splits, NULL));
    CALR_TRY(read_value(store, txn, "size", n * sizeof(uint64_t), &store->sizes, NULL));
    CALR_TRY(read_value(store, txn, "path-end", n * sizeof(uint64_t), &store->path_ends, NULL));
    CALR_TRY(read_value(store, txn, "paths", SIZE_MAX, &store->paths, &paths_size));
    CALR_TRY(read_checks(store, txn));
    return check_tables(store, paths_size);
}

static calr_status open_databases(calr_store *store, MDB_txn *txn)
{
    int code = mdb_dbi_open(txn, "records", 0, &store->records);
    if (code == 0)
        code = mdb_dbi_open(txn, "images", MDB_INTEGERKEY, &store->images);
    if (code == MDB_NOTFOUND || code == MDB_INCOMPATIBLE)
        return calr_error(CALR_EFORMAT, "%s is an LMDB file, but not a data set of calr",
                          store->file);
    if (code != 0)
        return calr_store_lmdb_error(code, "cannot read %s", store->file);
    CALR_TRY(read_tables(store, txn));
    MDB_stat stat;
    if (mdb_stat(txn, store->images, &stat) != 0 || stat.ms_entries != (size_t)store->header.count)
        return damaged(store, "number of images");
    return CALR_OK;
}

static calr_status open_env(calr_store *store)
{
    int code = mdb_env_create(&store->env);
    if (code == 0)
        code = mdb_env_set_maxdbs(store->env, 2);
    if (code ==
        0) /* no lock file: nobody writes to a finished store, and its folder may be read-only */
        code = mdb_env_open(store->env, store->file,
                            MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS, 0644);
    MDB_txn *txn = NULL;
    if (code == 0)
        code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (code != 0)
        return calr_store_lmdb_error(code, "cannot open the data set %s", store->file);
    calr_status status = open_databases(store, txn);
    if (status != CALR_OK) {
        mdb_txn_abort(txn);
        return status;
    }
    code = mdb_txn_commit(txn); /* keeps the handles of the databases */
    return code == 0 ? CALR_OK
                     : calr_store_lmdb_error(code, "cannot open the data set %s", store->file);
}

calr_status calr_store_open(const char *path, calr_store **out)
{
    int64_t file_bytes;
    CALR_TRY(calr_store_check_file(path, &file_bytes));
    calr_store *store = calloc(1, sizeof *store);
    if (!store || !(store->file = strdup(path))) {
        free(store);
        return calr_error(CALR_ENOMEM, "no memory to open %s", path);
    }
    store->refs = 1;
    store->file_bytes = file_bytes;
    calr_status status = open_env(store);
    if (status != CALR_OK) {
        calr_store_release(store);
        return status;
    }
    *out = store;
    return CALR_OK;
}

calr_store *calr_store_retain(calr_store *store)
{
    __atomic_add_fetch(&store->refs, 1, __ATOMIC_RELAXED);
    return store;
}

void calr_store_release(calr_store *store)
{
    if (!store || __atomic_sub_fetch(&store->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (store->env)
        mdb_env_close(store->env);
    free(store->file);
    free(store->name);
    free(store->created_by);
    free(store->identities);
    free(store->cameras);
    free(store->splits);
    free(store->sizes);
    free(store->path_ends);
    free(store->paths);
    free(store->checks);
    free(store);
}

/* ---- what it holds ---- */

int64_t calr_store_count(const calr_store *store)
{
    return store->header.count;
}

const char *calr_store_file(const calr_store *store)
{
    return store->file;
}

const char *calr_store_name(const calr_store *store)
{
    return store->name;
}

const char *calr_store_fingerprint(const calr_store *store)
{
    return store->header.fingerprint;
}

const char *calr_store_created_by(const calr_store *store)
{
    return store->created_by;
}

int64_t calr_store_image_bytes(const calr_store *store)
{
    return store->header.image_bytes;
}

int64_t calr_store_file_bytes(const calr_store *store)
{
    return store->file_bytes;
}

const int64_t *calr_store_identities(const calr_store *store)
{
    return store->identities;
}

const int32_t *calr_store_cameras(const calr_store *store)
{
    return store->cameras;
}

const uint8_t *calr_store_splits(const calr_store *store)
{
    return store->splits;
}

const char *calr_store_path(const calr_store *store, int64_t index)
{
    if (index < 0 || index >= store->header.count)
        return NULL;
    return store->paths + (index > 0 ? store->path_ends[index - 1] : 0);
}

/* ---- the bytes ---- */

struct calr_store_reader {
    calr_store *store;
    MDB_txn *txn;
};

calr_status calr_store_reader_new(calr_store *store, calr_store_reader **out)
{
    calr_store_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return calr_error(CALR_ENOMEM, "no memory to read %s", store->file);
    int code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &reader->txn);
    if (code != 0) {
        free(reader);
        return calr_store_lmdb_error(code, "cannot read %s", store->file);
    }
    reader->store = calr_store_retain(store);
    *out = reader;
    return CALR_OK;
}

void calr_store_reader_release(calr_store_reader *reader)
{
    if (!reader)
        return;
    mdb_txn_abort(reader->txn);
    calr_store_release(reader->store);
    free(reader);
}

calr_status calr_store_reader_get(calr_store_reader *reader, int64_t index, const void **bytes,
                                  size_t *size)
{
    const calr_store *store = reader->store;
    if (index < 0 || index >= store->header.count)
        return calr_error(CALR_EINVAL, "%s holds the images 0 to %lld; there is no image %lld",
                          store->file, (long long)store->header.count - 1, (long long)index);
    size_t number = (size_t)index;
    MDB_val key = {sizeof number, &number}, value;
    int code = mdb_get(reader->txn, store->images, &key, &value);
    if (code == MDB_NOTFOUND || (code == 0 && value.mv_size != store->sizes[index]))
        return damaged(store, calr_store_path(store, index));
    if (code != 0)
        return calr_store_lmdb_error(code, "cannot read %s of %s", calr_store_path(store, index),
                                     store->file);
    if (store->checks &&
        calr_hash_checksum(value.mv_data, value.mv_size, 0) != store->checks[index])
        return calr_error(
            CALR_EFORMAT,
            "%s is damaged (the checksum of %s does not match); import the data set again",
            store->file, calr_store_path(store, index));
    *bytes = value.mv_data;
    *size = value.mv_size;
    return CALR_OK;
}

static calr_status hash_images(calr_store *store, calr_store_reader *reader, calr_hash *hash)
{
    for (int64_t i = 0; i < store->header.count; i++) {
        const void *bytes;
        size_t size;
        CALR_TRY(calr_interrupt_check());
        CALR_TRY(calr_store_reader_get(reader, i, &bytes, &size));
        calr_store_record record = {calr_store_path(store, i), store->identities[i],
                                    store->cameras[i], (calr_split)store->splits[i]};
        calr_store_hash_add(hash, &record, bytes, size);
    }
    return CALR_OK;
}

calr_status calr_store_verify(calr_store *store)
{
    calr_hash *hash;
    calr_store_reader *reader;
    CALR_TRY(calr_hash_new(&hash));
    calr_status status = calr_store_reader_new(store, &reader);
    if (status == CALR_OK) {
        status = hash_images(store, reader, hash);
        calr_store_reader_release(reader);
    }
    char text[CALR_HASH_TEXT];
    calr_hash_text(hash, text);
    calr_hash_release(hash);
    if (status == CALR_OK && strcmp(text, store->header.fingerprint) != 0)
        status = damaged(store, "its fingerprint does not match its contents");
    return status;
}
