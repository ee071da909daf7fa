#include "store/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/size.h"
#include "os/aside.h"
#include "os/descriptor.h"
#include "os/file.h"
#include "store/format.h"

/* Bytes of images in one transaction: LMDB keeps the pages of a transaction in memory. */
#define GROUP_BYTES ((size_t)64 << 20)
/* What LMDB may need besides the pages of the values: branches, leaves, free lists. */
#define SLACK_BYTES ((size_t)16 << 20)

/* A table that grows at its end. */
typedef struct store_table {
    char *data;
    size_t used, room;
} store_table;

struct calr_store_writer {
    char *path, *aside, *name, *created_by;
    int lock; /* a descriptor that holds the lock on the file aside; -1: none */
    MDB_env *env;
    MDB_txn *txn; /* open while images are being added */
    MDB_dbi records, images;
    size_t group_bytes, group_room; /* of the open transaction */
    bool made;                      /* the file aside is ours to remove */
    calr_hash *hash;
    int64_t count, bytes;
    store_table identities, cameras, splits, sizes, path_ends, paths, checks;
};

static calr_status table_add(store_table *table, const void *data, size_t size)
{
    size_t needed;
    if (!calr_size_add(table->used, size, &needed))
        return calr_error(CALR_ENOMEM, "the tables of the data set are too large");
    if (needed > table->room) {
        size_t room = table->room ? table->room : 4096;
        while (room < needed)
            if (!calr_size_mul(room, 2, &room))
                return calr_error(CALR_ENOMEM, "the tables of the data set are too large");
        char *grown = realloc(table->data, room);
        if (!grown)
            return calr_error(CALR_ENOMEM, "no memory for the tables of the data set");
        table->data = grown;
        table->room = room;
    }
    memcpy(table->data + table->used, data, size);
    table->used = needed;
    return CALR_OK;
}

/* LMDB reports a write that the disk took in part as EIO; a full disk is the usual reason. */
static calr_status write_error(const calr_store_writer *writer, int code)
{
    struct statvfs disk;
    if (code == EIO && statvfs(writer->aside, &disk) == 0 &&
        disk.f_bavail * disk.f_frsize < GROUP_BYTES)
        code = ENOSPC;
    return calr_store_lmdb_error(code, "cannot write %s", writer->path);
}

/* ---- the file aside ---- */

/* Only a data set may be replaced, of whatever version or state: a slip of the pen must not cost a
 * photograph. */
static calr_status check_target(const char *path)
{
    if (!calr_file_exists(path) || calr_store_looks_like_one(path))
        return CALR_OK;
    return calr_error(CALR_EEXIST,
                      "%s exists and is not a data set; choose another name, or remove it", path);
}

static calr_status open_aside(calr_store_writer *writer)
{
    writer->lock = open(writer->aside, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (writer->lock < 0)
        return calr_error_system(errno, "cannot write %s", writer->path);
    int error = calr_descriptor_lock(writer->lock);
    if (error == EWOULDBLOCK)
        return calr_error(CALR_EBUSY, "%s is already being written", writer->path);
    if (error)
        return calr_error_system(error, "cannot write %s", writer->path);
    writer->made = true;
    if (ftruncate(writer->lock, 0) !=
        0) /* only now: before the lock it might have been somebody's */
        return write_error(writer, errno);
    int code = mdb_env_create(&writer->env);
    if (code == 0)
        code = mdb_env_set_maxdbs(writer->env, 2);
    if (code == 0)
        code = mdb_env_set_mapsize(writer->env, GROUP_BYTES + SLACK_BYTES);
    if (code == 0) /* flushed once, at the end: a file aside is worth nothing after a crash */
        code =
            mdb_env_open(writer->env, writer->aside, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, 0666);
    MDB_txn *txn;
    if (code == 0)
        code = mdb_txn_begin(writer->env, NULL, 0, &txn);
    if (code != 0)
        return write_error(writer, code);
    code = mdb_dbi_open(txn, "records", MDB_CREATE, &writer->records);
    if (code == 0)
        code = mdb_dbi_open(txn, "images", MDB_CREATE | MDB_INTEGERKEY, &writer->images);
    if (code == 0)
        code = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
    return code == 0 ? CALR_OK : write_error(writer, code);
}

calr_status calr_store_writer_new(const char *path, const char *name, const char *created_by,
                                  calr_store_writer **out)
{
    if (!path[0] || path[strlen(path) - 1] == '/')
        return calr_error(CALR_EINVAL, "a data set needs a file name, not \"%s\"", path);
    CALR_TRY(check_target(path));
    calr_store_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return calr_error(CALR_ENOMEM, "no memory to write %s", path);
    writer->lock = -1;
    writer->path = strdup(path);
    writer->name = strdup(name);
    writer->created_by = strdup(created_by);
    calr_status status = calr_aside_name(path, &writer->aside);
    if (!writer->path || !writer->name || !writer->created_by)
        status = calr_error(CALR_ENOMEM, "no memory to write %s", path);
    if (status == CALR_OK)
        status = calr_hash_new(&writer->hash);
    if (status == CALR_OK) {
        calr_aside_remove_stale(path);
        status = open_aside(writer);
    }
    if (status != CALR_OK) {
        calr_store_writer_abort(writer);
        return status;
    }
    *out = writer;
    return CALR_OK;
}

static void close_env(calr_store_writer *writer)
{
    if (writer->txn)
        mdb_txn_abort(writer->txn);
    writer->txn = NULL;
    if (writer->env)
        mdb_env_close(writer->env);
    writer->env = NULL;
}

static void writer_free(calr_store_writer *writer)
{
    close_env(writer);
    if (writer->lock >= 0)
        close(writer->lock);
    calr_hash_release(writer->hash);
    store_table *tables[] = {&writer->identities, &writer->cameras, &writer->splits, &writer->sizes,
                             &writer->path_ends,  &writer->paths,   &writer->checks};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        free(tables[i]->data);
    free(writer->path);
    free(writer->aside);
    free(writer->name);
    free(writer->created_by);
    free(writer);
}

void calr_store_writer_abort(calr_store_writer *writer)
{
    if (!writer)
        return;
    if (writer->made)
        unlink(writer->aside);
    writer_free(writer);
}

int64_t calr_store_writer_count(const calr_store_writer *writer)
{
    return writer->count;
}

int64_t calr_store_writer_bytes(const calr_store_writer *writer)
{
    return writer->bytes;
}

/* ---- images ---- */

static calr_status end_group(calr_store_writer *writer)
{
    if (!writer->txn)
        return CALR_OK;
    int code = mdb_txn_commit(writer->txn);
    writer->txn = NULL; /* commit frees it, whatever comes of it */
    return code == 0 ? CALR_OK : write_error(writer, code);
}

/* Opens a transaction with room for `bytes` of values at least: the map grows ahead, never on
 * failure. */
static calr_status begin_group(calr_store_writer *writer, size_t bytes)
{
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(writer->env, &info);
    mdb_env_stat(writer->env, &stat);
    size_t room = bytes > GROUP_BYTES ? bytes : GROUP_BYTES;
    /* A value may fill a page by little more than half; twice covers it. */
    size_t needed = (info.me_last_pgno + 1) * stat.ms_psize + 2 * room + SLACK_BYTES;
    int code = needed > info.me_mapsize ? mdb_env_set_mapsize(writer->env, needed) : 0;
    if (code == 0)
        code = mdb_txn_begin(writer->env, NULL, 0, &writer->txn);
    writer->group_bytes = 0;
    writer->group_room = room;
    return code == 0 ? CALR_OK : write_error(writer, code);
}

static calr_status check_record(const calr_store_record *record, size_t size)
{
    size_t length = strlen(record->path);
    if (length == 0 || length > STORE_MAX_PATH)
        return calr_error(CALR_EINVAL, "the path of an image must have 1 to %d bytes, not %zu",
                          STORE_MAX_PATH, length);
    if (record->identity < -1 || record->identity > INT32_MAX)
        return calr_error(CALR_EINVAL, "%s: an identity must be -1 to %d, not %lld", record->path,
                          INT32_MAX, (long long)record->identity);
    if (record->camera < 0)
        return calr_error(CALR_EINVAL, "%s: a camera must be at least 0, not %d", record->path,
                          record->camera);
    if ((unsigned)record->split >= CALR_SPLITS)
        return calr_error(CALR_EINVAL, "%s: no such split", record->path);
    if (size == 0)
        return calr_error(CALR_EFORMAT, "%s is empty", record->path);
    if (size > STORE_MAX_IMAGE)
        return calr_error(CALR_EFORMAT, "%s has more than 1 GiB", record->path);
    return CALR_OK;
}

static calr_status add_to_tables(calr_store_writer *writer, const calr_store_record *record,
                                 uint64_t size, uint64_t check)
{
    uint8_t split = (uint8_t)record->split;
    CALR_TRY(table_add(&writer->identities, &record->identity, sizeof record->identity));
    CALR_TRY(table_add(&writer->cameras, &record->camera, sizeof record->camera));
    CALR_TRY(table_add(&writer->splits, &split, sizeof split));
    CALR_TRY(table_add(&writer->sizes, &size, sizeof size));
    CALR_TRY(table_add(&writer->paths, record->path, strlen(record->path) + 1));
    uint64_t end = writer->paths.used;
    CALR_TRY(table_add(&writer->checks, &check, sizeof check));
    return table_add(&writer->path_ends, &end, sizeof end);
}

calr_status calr_store_writer_add(calr_store_writer *writer, const calr_store_record *record,
                                  const void *bytes, size_t size)
{
    CALR_TRY(check_record(record, size));
    if (writer->count >= STORE_MAX_COUNT)
        return calr_error(CALR_EINVAL, "a data set holds at most %lld images",
                          (long long)STORE_MAX_COUNT);
    /* Small values share pages, large ones begin their own: count what a value takes at most. */
    size_t cost = size + 4096;
    if (writer->txn && writer->group_bytes + cost > writer->group_room)
        CALR_TRY(end_group(writer));
    if (!writer->txn)
        CALR_TRY(begin_group(writer, cost));
    writer->group_bytes += cost;
    size_t number = (size_t)writer->count;
    MDB_val key = {sizeof number, &number}, value = {size, (void *)(uintptr_t)bytes};
    int code = mdb_put(writer->txn, writer->images, &key, &value, MDB_APPEND);
    if (code != 0)
        return write_error(writer, code);
    CALR_TRY(add_to_tables(writer, record, size, calr_hash_checksum(bytes, size, 0)));
    calr_store_hash_add(writer->hash, record, bytes, size);
    writer->count++;
    writer->bytes += (int64_t)size;
    return CALR_OK;
}

/* ---- the end ---- */

static int put(calr_store_writer *writer, const char *key, const void *data, size_t size)
{
    static const char nothing = 0;
    MDB_val k = {strlen(key), (void *)(uintptr_t)key};
    MDB_val v = {size, (void *)(uintptr_t)(size ? data : &nothing)};
    return mdb_put(writer->txn, writer->records, &k, &v, 0);
}

static calr_status write_tables(calr_store_writer *writer)
{
    calr_store_header header = {.order = STORE_ORDER,
                                .format = CALR_STORE_FORMAT,
                                .count = writer->count,
                                .image_bytes = writer->bytes};
    memcpy(header.magic, STORE_MAGIC, sizeof header.magic);
    calr_hash_text(writer->hash, header.fingerprint);
    uint64_t check = calr_store_check_arrays(
        writer->count, (const int64_t *)(const void *)writer->identities.data,
        (const int32_t *)(const void *)writer->cameras.data, (const uint8_t *)writer->splits.data,
        (const uint64_t *)(const void *)writer->sizes.data,
        (const uint64_t *)(const void *)writer->path_ends.data, writer->paths.data,
        writer->paths.used, (const uint64_t *)(const void *)writer->checks.data);
    CALR_TRY(table_add(&writer->checks, &check, sizeof check));
    const struct {
        const char *key;
        const void *data;
        size_t size;
    } values[] = {
        {"header", &header, sizeof header},
        {"name", writer->name, strlen(writer->name)},
        {"created-by", writer->created_by, strlen(writer->created_by)},
        {"identity", writer->identities.data, writer->identities.used},
        {"camera", writer->cameras.data, writer->cameras.used},
        {"split", writer->splits.data, writer->splits.used},
        {"size", writer->sizes.data, writer->sizes.used},
        {"path-end", writer->path_ends.data, writer->path_ends.used},
        {"paths", writer->paths.data, writer->paths.used},
        {"check", writer->checks.data, writer->checks.used},
    };
    enum { VALUES = sizeof values / sizeof *values };
    size_t bytes = 0;
    for (int i = 0; i < VALUES; i++)
        bytes += values[i].size + 4096;
    CALR_TRY(end_group(writer));
    CALR_TRY(begin_group(writer, bytes));
    for (int i = 0; i < VALUES; i++) {
        int code = put(writer, values[i].key, values[i].data, values[i].size);
        if (code != 0)
            return write_error(writer, code);
    }
    return end_group(writer);
}

/* LMDB may count pages at the end of the file that it never wrote: the file gets its full length,
 * so that readers can tell a truncated one. */
static calr_status settle(calr_store_writer *writer)
{
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(writer->env, &info);
    mdb_env_stat(writer->env, &stat);
    off_t length = (off_t)((info.me_last_pgno + 1) * stat.ms_psize);
    int code = mdb_env_sync(writer->env, 1);
    if (code != 0)
        return write_error(writer, code);
    close_env(writer);
    struct stat file;
    if (fstat(writer->lock, &file) != 0 ||
        (file.st_size < length &&
         (ftruncate(writer->lock, length) != 0 || fsync(writer->lock) != 0)))
        return write_error(writer, errno);
    return CALR_OK;
}

calr_status calr_store_writer_commit(calr_store_writer *writer)
{
    calr_status status = write_tables(writer);
    if (status == CALR_OK)
        status = settle(writer);
    if (status == CALR_OK)
        status = calr_aside_publish(writer->aside, writer->path);
    if (status != CALR_OK)
        calr_store_writer_abort(writer);
    else
        writer_free(writer);
    return status;
}
