/* store/: writing, reading, damage, atomicity, full disks. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "store/store.h"
#include "store/writer.h"

static char folder[] = "/tmp/calr-store-XXXXXX";
static char text[8][4096];

/* A path inside the test's folder; the eight last ones stay valid. */
static const char *in_folder(const char *name)
{
    static int next;
    char *path = text[next++ % 8];
    snprintf(path, sizeof text[0], "%s/%s", folder, name);
    return path;
}

/* Bytes of image i: a size between 1 and 9000 and contents that depend on i alone. */
static size_t make_bytes(int64_t i, unsigned char *bytes)
{
    calr_rng rng = calr_rng_make(1, calr_rng_purpose("test"), 0, (uint64_t)i);
    size_t size = 1 + (size_t)calr_rng_below(&rng, 9000);
    for (size_t b = 0; b < size; b++)
        bytes[b] = (unsigned char)calr_rng_u32(&rng);
    return size;
}

static calr_store_record make_record(int64_t i, char path[64])
{
    snprintf(path, 64, "folder/%05lld.jpg", (long long)i);
    return (calr_store_record){path, i % 7 - 1, (int32_t)(i % 3), (calr_split)(i % 3)};
}

static calr_status fill(calr_store_writer *writer, int64_t count)
{
    static unsigned char bytes[9000];
    char path[64];
    for (int64_t i = 0; i < count; i++) {
        calr_store_record record = make_record(i, path);
        size_t size = make_bytes(i, bytes);
        CALR_TRY(calr_store_writer_add(writer, &record, bytes, size));
    }
    return CALR_OK;
}

static calr_status write_store(const char *path, int64_t count)
{
    calr_store_writer *writer;
    CALR_TRY(calr_store_writer_new(path, "test", "calr test", &writer));
    calr_status status = fill(writer, count);
    if (status == CALR_OK)
        return calr_store_writer_commit(writer);
    calr_store_writer_abort(writer);
    return status;
}

static void check_image(calr_store_reader *reader, int64_t i)
{
    static unsigned char expected[9000];
    const void *bytes;
    size_t size;
    CHECK_OK(calr_store_reader_get(reader, i, &bytes, &size));
    CHECK(size == make_bytes(i, expected) && memcmp(bytes, expected, size) == 0);
}

static void round_trip(void)
{
    enum { COUNT = 700 };
    const char *path = in_folder("round.lmdb");
    CHECK_OK(write_store(path, COUNT));
    calr_store *store;
    CHECK_OK(calr_store_open(path, &store));
    CHECK_INT(calr_store_count(store), COUNT);
    CHECK_STRING(calr_store_name(store), "test");
    CHECK_STRING(calr_store_created_by(store), "calr test");
    CHECK_STRING(calr_store_file(store), path);
    CHECK_INT(strlen(calr_store_fingerprint(store)), CALR_HASH_TEXT - 1);
    CHECK(calr_store_file_bytes(store) > calr_store_image_bytes(store));
    calr_store_reader *reader;
    CHECK_OK(calr_store_reader_new(store, &reader));
    calr_store_release(store); /* the reader keeps it */
    int wrong = 0;
    for (int64_t i = 0; i < COUNT; i++) {
        char name[64];
        calr_store_record record = make_record(i, name);
        wrong += strcmp(calr_store_path(store, i), name) != 0 ||
                 calr_store_identities(store)[i] != record.identity ||
                 calr_store_cameras(store)[i] != record.camera ||
                 calr_store_splits(store)[i] != record.split;
    }
    CHECK_INT(wrong, 0);
    check_image(reader, 0);
    check_image(reader, COUNT - 1);
    check_image(reader, 333);
    CHECK_OK(calr_store_verify(store));
    const void *bytes;
    size_t size;
    CHECK_FAILS(calr_store_reader_get(reader, COUNT, &bytes, &size), CALR_EINVAL,
                "there is no image 700");
    CHECK_FAILS(calr_store_reader_get(reader, -1, &bytes, &size), CALR_EINVAL,
                "there is no image -1");
    CHECK(calr_store_path(store, COUNT) == NULL);
    calr_store_reader_release(reader);
}

int main(void)
{
    if (!mkdtemp(folder))
        return 1;
    RUN(round_trip);
    return check_finish();
}
