/* What must hold of a file before LMDB may map it. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/format.h"
#include "store/tree.h"

/* LMDB 0.9 on 64-bit machines: two meta pages begin the file, the second a page after the first. */
#define LMDB_MAGIC   0xBEEFC0DEu
#define LMDB_VERSION 1u

typedef struct lmdb_meta {
    uint64_t page_number;
    uint16_t unused, page_flags;
    uint32_t unused_too;
    uint32_t magic, version;
    uint64_t address, map_size;
    lmdb_database databases[2];
    uint64_t last_page, transaction;
} lmdb_meta;

static calr_status read_meta(int fd, const char *path, int64_t at, lmdb_meta *meta)
{
    ssize_t got = pread(fd, meta, sizeof *meta, at);
    if (got < 0)
        return calr_error_system(errno, "cannot read %s", path);
    if ((size_t)got < sizeof *meta)
        return calr_error(CALR_EFORMAT,
                          at == 0 ? "%s is not a data set: it is too short to be one"
                                  : "%s is truncated; import the data set again",
                          path);
    if (meta->magic != LMDB_MAGIC)
        return calr_error(at == 0 && meta->magic == __builtin_bswap32(LMDB_MAGIC) ? CALR_EVERSION
                                                                                  : CALR_EFORMAT,
                          at == 0 ? "%s is not a data set (calr data import makes one)"
                                  : "%s is damaged; import the data set again",
                          path);
    if ((meta->version & 0xFFFF) != LMDB_VERSION)
        return calr_error(CALR_EVERSION,
                          "%s is an LMDB file of version %u; this program reads version %u", path,
                          meta->version, LMDB_VERSION);
    return CALR_OK;
}

static calr_status check_pages(int fd, const char *path, int64_t file_bytes)
{
    lmdb_meta metas[2];
    CALR_TRY(read_meta(fd, path, 0, &metas[0]));
    uint32_t page = metas[0].databases[0].page_size;
    if (page < 256 || page > 32768 || (page & (page - 1)) != 0)
        return calr_error(CALR_EFORMAT, "%s is damaged; import the data set again", path);
    CALR_TRY(read_meta(fd, path, page, &metas[1]));
    /* Flags of the free list are those of the file: LMDB would obey one that asks for a fixed
     * address. */
    for (int i = 0; i < 2; i++)
        if (metas[i].databases[0].page_size != page ||
            (metas[i].databases[0].flags & ~MDB_NOSUBDIR) != MDB_INTEGERKEY)
            return calr_error(CALR_EFORMAT, "%s is damaged; import the data set again", path);
    /* LMDB reads from the meta page of the later transaction; a store at rest must hold both. */
    const lmdb_meta *meta = &metas[metas[1].transaction > metas[0].transaction];
    uint64_t needed;
    if (__builtin_add_overflow(meta->last_page, 1, &needed) ||
        __builtin_mul_overflow(needed, page, &needed) || meta->last_page < 1)
        return calr_error(CALR_EFORMAT, "%s is damaged; import the data set again", path);
    if (needed > (uint64_t)file_bytes)
        return calr_error(CALR_EFORMAT,
                          "%s is truncated: it has %lld bytes of %llu; copy it again or import the "
                          "data set again",
                          path, (long long)file_bytes, (unsigned long long)needed);
    lmdb_file file = {fd, path, page, meta->last_page};
    return calr_store_check_tree(&file, &meta->databases[1]);
}

calr_status calr_store_check_file(const char *path, int64_t *file_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hang */
    if (fd < 0)
        return calr_error_system(errno, "cannot open the data set %s", path);
    struct stat info;
    calr_status status = CALR_OK;
    if (fstat(fd, &info) != 0)
        status = calr_error_system(errno, "cannot read %s", path);
    else if (S_ISDIR(info.st_mode))
        status = calr_error(
            CALR_EFORMAT,
            "%s is a folder, not a data set; \"calr data import\" makes a data set of a folder",
            path);
    else if (!S_ISREG(info.st_mode))
        status = calr_error(CALR_EFORMAT, "%s is not a file", path);
    else if (info.st_size == 0)
        status = calr_error(CALR_EFORMAT, "%s is empty; import the data set again", path);
    else
        status = check_pages(fd, path, info.st_size);
    close(fd);
    if (status == CALR_OK)
        *file_bytes = info.st_size;
    return status;
}

bool calr_store_looks_like_one(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    struct stat info;
    uint32_t magic;
    bool regular = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    bool like = regular &&
                (info.st_size == 0 || (pread(fd, &magic, sizeof magic,
                                             offsetof(lmdb_meta, magic)) == (ssize_t)sizeof magic &&
                                       magic == LMDB_MAGIC));
    close(fd);
    return like;
}
