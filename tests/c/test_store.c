/* store/: writing, reading, damage, atomicity, full disks. */
#include "check.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "os/file.h"
#include "store/store.h"
#include "store/writer.h"

static char folder[] = "calr-store-XXXXXX";
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

/* ---- fingerprint ---- */

/* The fingerprint is what store/writer.h says, computed here a second time. */
static void fingerprint(void)
{
    enum { COUNT = 5 };
    static unsigned char bytes[9000];
    char text_wanted[CALR_HASH_TEXT], path[64];
    calr_hash *hash;
    CHECK_OK(calr_hash_new(&hash));
    for (int64_t i = 0; i < COUNT; i++) {
        calr_store_record record = make_record(i, path);
        size_t size = make_bytes(i, bytes);
        uint64_t numbers[] = {strlen(path), (uint64_t)record.identity, (uint64_t)record.camera,
                              record.split, size};
        unsigned char little[5][8];
        for (int n = 0; n < 5; n++)
            for (int b = 0; b < 8; b++)
                little[n][b] = (unsigned char)(numbers[n] >> (8 * b));
        calr_hash_add(hash, little[0], 8);
        calr_hash_add(hash, path, strlen(path));
        calr_hash_add(hash, little[1], 32);
        calr_hash_add(hash, bytes, size);
    }
    calr_hash_text(hash, text_wanted);
    calr_hash_release(hash);
    const char *file = in_folder("fingerprint.lmdb");
    CHECK_OK(write_store(file, COUNT));
    calr_store *store;
    CHECK_OK(calr_store_open(file, &store));
    CHECK_STRING(calr_store_fingerprint(store), text_wanted);
    calr_store_release(store);
}

/* ---- many readers ---- */

typedef struct readers {
    calr_store *store;
    int wrong;
} readers;

static void read_some(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    readers *r = context;
    unsigned char expected[9000];
    calr_store_reader *reader;
    int wrong = calr_store_reader_new(r->store, &reader) != CALR_OK;
    for (int64_t i = begin; i < end && !wrong; i++) {
        const void *bytes;
        size_t size;
        wrong = calr_store_reader_get(reader, i % 700, &bytes, &size) != CALR_OK ||
                size != make_bytes(i % 700, expected) || memcmp(bytes, expected, size) != 0;
    }
    if (!wrong)
        calr_store_reader_release(reader);
    __atomic_add_fetch(&r->wrong, wrong, __ATOMIC_RELAXED);
}

static void threads(void)
{
    readers r = {NULL, 0};
    CHECK_OK(calr_store_open(in_folder("round.lmdb"), &r.store));
    CHECK_OK(calr_parallel_set_threads(8));
    calr_parallel_for(2800, 50, read_some, &r);
    CHECK_INT(r.wrong, 0);
    calr_store_release(r.store);
}

/* ---- large values, many images ---- */

static void sizes(void)
{
    const char *path = in_folder("sizes.lmdb");
    size_t large = (size_t)100 << 20; /* more than a transaction takes at once */
    unsigned char *bytes = malloc(large);
    memset(bytes, 7, large);
    calr_store_writer *writer;
    CHECK_OK(calr_store_writer_new(path, "sizes", "", &writer));
    const size_t tried[] = {1, 2, 1900, 2000, 2100, 4079, 4080, 4081, large, 3};
    enum { TRIED = sizeof tried / sizeof *tried };
    for (int i = 0; i < TRIED; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        CHECK_OK(calr_store_writer_add(writer, &(calr_store_record){name, 1, 0, CALR_SPLIT_TRAIN},
                                       bytes, tried[i]));
    }
    CHECK_INT(calr_store_writer_count(writer), TRIED);
    CHECK_OK(calr_store_writer_commit(writer));
    calr_store *store;
    calr_store_reader *reader;
    CHECK_OK(calr_store_open(path, &store));
    CHECK_OK(calr_store_reader_new(store, &reader));
    for (int i = 0; i < TRIED; i++) {
        const void *got;
        size_t size;
        CHECK_OK(calr_store_reader_get(reader, i, &got, &size));
        CHECK(size == tried[i] && memcmp(got, bytes, size) == 0);
    }
    CHECK_OK(calr_store_verify(store));
    calr_store_reader_release(reader);
    calr_store_release(store);
    free(bytes);
    unlink(path);
}

/* Enough images for a tree of three levels; the file holds little besides them. */
static void many(void)
{
    enum { COUNT = 60000 };
    const char *path = in_folder("many.lmdb");
    calr_store_writer *writer;
    static const char bytes[500] = "an image";
    CHECK_OK(calr_store_writer_new(path, "many", "", &writer));
    calr_status status = CALR_OK;
    for (int i = 0; i < COUNT && status == CALR_OK; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        status = calr_store_writer_add(writer, &(calr_store_record){name, i, 0, CALR_SPLIT_TRAIN},
                                       bytes, sizeof bytes);
    }
    CHECK_OK(status);
    CHECK_OK(calr_store_writer_commit(writer));
    calr_store *store;
    CHECK_OK(calr_store_open(path, &store));
    CHECK_INT(calr_store_count(store), COUNT);
    CHECK(calr_store_file_bytes(store) < (int64_t)COUNT * 700);
    CHECK_OK(calr_store_verify(store));
    calr_store_release(store);
    unlink(path);
}

/* ---- records that cannot be ---- */

static void records(void)
{
    calr_store_writer *writer;
    CHECK_OK(calr_store_writer_new(in_folder("records.lmdb"), "records", "", &writer));
    char path[5000];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = 0;
    CHECK_FAILS(
        calr_store_writer_add(writer, &(calr_store_record){"", 0, 0, CALR_SPLIT_TRAIN}, "x", 1),
        CALR_EINVAL, "path");
    CHECK_FAILS(
        calr_store_writer_add(writer, &(calr_store_record){path, 0, 0, CALR_SPLIT_TRAIN}, "x", 1),
        CALR_EINVAL, "path");
    CHECK_FAILS(
        calr_store_writer_add(writer, &(calr_store_record){"a", -2, 0, CALR_SPLIT_TRAIN}, "x", 1),
        CALR_EINVAL, "identity");
    CHECK_FAILS(calr_store_writer_add(
                    writer, &(calr_store_record){"a", INT64_MAX, 0, CALR_SPLIT_TRAIN}, "x", 1),
                CALR_EINVAL, "identity");
    CHECK_FAILS(
        calr_store_writer_add(writer, &(calr_store_record){"a", 0, -1, CALR_SPLIT_TRAIN}, "x", 1),
        CALR_EINVAL, "camera");
    CHECK_FAILS(
        calr_store_writer_add(writer, &(calr_store_record){"a", 0, 0, (calr_split)4}, "x", 1),
        CALR_EINVAL, "split");
    CHECK_FAILS(
        calr_store_writer_add(writer, &(calr_store_record){"a", 0, 0, CALR_SPLIT_TRAIN}, "x", 0),
        CALR_EFORMAT, "empty");
    CHECK_INT(calr_store_writer_count(writer), 0);
    calr_store_writer_abort(writer);
    calr_store_writer_abort(NULL);
    CHECK(!calr_file_exists(in_folder("records.lmdb")));
    calr_split split;
    CHECK_OK(calr_split_parse("gallery", &split));
    CHECK_INT(split, CALR_SPLIT_GALLERY);
    CHECK_FAILS(calr_split_parse("test", &split), CALR_EINVAL, "train, query, gallery");
    CHECK_FAILS(calr_store_writer_new("", "x", "", &writer), CALR_EINVAL, "needs a file name");
    CHECK_FAILS(calr_store_writer_new("/nonexistent/x", "x", "", &writer), CALR_ENOTFOUND,
                "/nonexistent/x");
}

/* ---- import ---- */

static calr_status check_even(void *context, const void *bytes, size_t size, int worker,
                              const char **note)
{
    (void)worker;
    *note = size == 6 && memcmp(bytes, "000042", 6) == 0 ? "an answer" : NULL;
    __atomic_add_fetch((int *)context, 1, __ATOMIC_RELAXED);
    return size % 2 == 0 ? CALR_OK
                         : calr_error(CALR_EFORMAT, "odd: %.*s", (int)size, (const char *)bytes);
}

enum { FILES = 1200 };

static void make_sources(calr_store_source *sources, char (*names)[64])
{
    for (int i = 0; i < FILES; i++) {
        snprintf(names[i], sizeof names[i], "%s/source-%d", folder, i);
        char bytes[16];
        int size = snprintf(bytes, sizeof bytes, "%06d", i);
        if (i % 100 == 99)
            size--; /* odd: a bad one */
        CHECK_OK(calr_file_write(names[i], bytes, (size_t)size));
        sources[i] = (calr_store_source){names[i], {names[i], i, 0, CALR_SPLIT_QUERY}};
    }
}

static void import(void)
{
    static calr_store_source sources[FILES];
    static char names[FILES][64];
    static char *bad[FILES], *notes[FILES];
    make_sources(sources, names);
    calr_store_writer *writer;
    int checked = 0;
    const char *path = in_folder("import.lmdb");
    CHECK_OK(calr_store_writer_new(path, "import", "", &writer));
    CHECK_FAILS(calr_store_writer_import(writer, sources, FILES, check_even, &checked, NULL, NULL),
                CALR_EFORMAT, "source-99 is a bad image: odd: 00009");
    calr_store_writer_abort(writer);
    CHECK_OK(calr_store_writer_new(path, "import", "", &writer));
    checked = 0;
    CHECK_OK(calr_store_writer_import(writer, sources, FILES, check_even, &checked, bad, notes));
    CHECK_INT(checked, FILES);
    int left_out = 0;
    for (int i = 0; i < FILES; i++) {
        left_out += bad[i] != NULL;
        CHECK((bad[i] != NULL) == (i % 100 == 99));
        CHECK((notes[i] != NULL) == (i == 42));
        free(bad[i]);
    }
    CHECK_STRING(notes[42], "an answer");
    free(notes[42]);
    CHECK_INT(left_out, 12);
    /* Files that are none; each is a reason, not a failure. */
    calr_store_source odd[] = {{"/nonexistent/a", {"a", 0, 0, CALR_SPLIT_TRAIN}},
                               {folder, {"b", 0, 0, CALR_SPLIT_TRAIN}},
                               {"/dev/null", {"c", 0, 0, CALR_SPLIT_TRAIN}}};
    CHECK_OK(calr_store_writer_import(writer, odd, 3, NULL, NULL, bad, NULL));
    CHECK(bad[0] && strstr(bad[0], "No such file") && bad[1] && strstr(bad[1], "not a file") &&
          bad[2]);
    for (int i = 0; i < 3; i++)
        free(bad[i]);
    CHECK_OK(calr_store_writer_import(writer, NULL, 0, NULL, NULL, NULL, NULL));
    CHECK_OK(calr_store_writer_commit(writer));
    calr_store *store;
    CHECK_OK(calr_store_open(path, &store));
    CHECK_INT(calr_store_count(store), FILES - 12);
    CHECK_STRING(calr_store_path(store, 99), names[100]);
    calr_store_release(store);
    for (int i = 0; i < FILES; i++)
        unlink(names[i]);
}

/* ---- what is left behind ---- */

static int files_like(const char *part)
{
    char command[4200];
    snprintf(command, sizeof command, "ls '%s' | grep -c '%s'", folder, part);
    FILE *pipe = popen(command, "r");
    int count = -1;
    if (!pipe || fscanf(pipe, "%d", &count) != 1)
        count = -1;
    if (pipe)
        pclose(pipe);
    return count;
}

static void atomicity(void)
{
    const char *path = in_folder("atomic.lmdb");
    CHECK_OK(write_store(path, 3));
    pid_t child = fork();
    if (child == 0) { /* killed in the middle of replacing it */
        calr_store_writer *writer;
        if (calr_store_writer_new(path, "test", "", &writer) == CALR_OK &&
            fill(writer, 50) == CALR_OK)
            kill(getpid(), SIGKILL);
        _exit(1);
    }
    int status;
    waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status));
    calr_store *store;
    CHECK_OK(calr_store_open(path, &store));
    CHECK_INT(calr_store_count(store), 3);
    CHECK_INT(files_like("atomic.lmdb.tmp-"), 1);
    /* A writer at work is left alone; the dead one's file goes. */
    calr_store_writer *writer, *second;
    CHECK_OK(calr_store_writer_new(path, "test", "", &writer));
    CHECK_INT(files_like("atomic.lmdb.tmp-"), 1);
    CHECK_FAILS(calr_store_writer_new(path, "test", "", &second), CALR_EBUSY,
                "is already being written");
    CHECK_OK(fill(writer, 4));
    CHECK_OK(calr_store_writer_commit(writer));
    CHECK_INT(files_like("atomic.lmdb.tmp-"), 0);
    CHECK_INT(calr_store_count(store), 3); /* who has the old file open keeps it */
    CHECK_OK(calr_store_verify(store));
    calr_store_release(store);
    CHECK_OK(calr_store_open(path, &store));
    CHECK_INT(calr_store_count(store), 4);
    calr_store_release(store);
}

/* In a child, because limits and mounts cannot be taken back. Returns its exit status. */
static int in_child(int (*body)(void))
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(body());
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int write_past_limit(void)
{
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {1 << 20, 1 << 20};
    setrlimit(RLIMIT_FSIZE, &limit);
    calr_status status = write_store(in_folder("limit.lmdb"), 700);
    return status == CALR_OK || !strstr(calr_status_message(), "limit.lmdb");
}

/* A write that is refused; tests/cli/test_data.sh has a full disk. */
static void full_disk(void)
{
    CHECK_INT(in_child(write_past_limit), 0);
    CHECK_INT(files_like("limit.lmdb"), 0);
}

/* ---- damage ---- */

static void read_all(const char *path)
{
    calr_store *store;
    if (calr_store_open(path, &store) != CALR_OK)
        return;
    calr_store_verify(store);
    calr_store_release(store);
}

/* Whatever happens to a file, it is refused or read. (Nothing writes into a file that is open.) */
static int damage_child(void)
{
    void *original;
    size_t size;
    if (calr_file_read(in_folder("fingerprint.lmdb"), &original, &size) != CALR_OK)
        return 1;
    unsigned char *copy = malloc(size);
    for (uint64_t round = 0; round < 6000; round++) {
        calr_rng rng = calr_rng_make(1, calr_rng_purpose("damage"), 0, round);
        memcpy(copy, original, size);
        size_t length = round % 16 == 0 ? (size_t)calr_rng_below(&rng, size) : size;
        for (uint64_t hits = 1 + calr_rng_below(&rng, 4); hits > 0; hits--) {
            uint64_t page = calr_rng_below(&rng, size / 4096) * 4096;
            /* The beginning of a page is where its structure lies, the end where nodes do. */
            uint64_t at = calr_rng_below(&rng, 2) ? calr_rng_below(&rng, 180)
                                                  : 4095 - calr_rng_below(&rng, 400);
            copy[page + at] = (unsigned char)(calr_rng_below(&rng, 2) ? calr_rng_below(&rng, 8)
                                                                      : calr_rng_u32(&rng));
        }
        const char *path = in_folder("damaged.lmdb");
        unlink(path); /* ext4 flushes files that were truncated and written again */
        FILE *file = fopen(path, "wb"); /* without the flush to the disk of calr_file_write */
        if (!file || fwrite(copy, 1, length, file) != length || fclose(file) != 0)
            return 1;
        read_all(path);
    }
    free(copy);
    free(original);
    return 0;
}

static void damage(void)
{
    CHECK_INT(in_child(damage_child), 0);
}

/* A flipped bit in a value that a page holds is noticed when the value is read; where it lies
 * between the values it does not matter. Every byte of an image and of the identities is tried. */
static void flipped_bits(void)
{
    void *data;
    size_t size;
    CHECK_OK(calr_file_read(in_folder("fingerprint.lmdb"), &data, &size));
    calr_store *store;
    calr_store_reader *reader;
    CHECK_OK(calr_store_open(in_folder("fingerprint.lmdb"), &store));
    CHECK_OK(calr_store_reader_new(store, &reader));
    const void *bytes;
    size_t length;
    CHECK_OK(calr_store_reader_get(reader, 0, &bytes, &length));
    const unsigned char *image = memmem(data, size, bytes, length);
    size_t id_bytes = (size_t)calr_store_count(store) * sizeof(int64_t);
    const unsigned char *ids = memmem(data, size, calr_store_identities(store), id_bytes);
    CHECK(image && ids);
    calr_store_reader_release(reader);
    calr_store_release(store);
    int unnoticed = 0;
    for (size_t i = 0; image && ids && i < length + id_bytes; i++) {
        size_t at = i < length ? (size_t)(image - (unsigned char *)data) + i
                               : (size_t)(ids - (unsigned char *)data) + i - length;
        ((unsigned char *)data)[at] ^= 4;
        const char *path = in_folder("flipped.lmdb");
        unlink(path);
        FILE *file = fopen(path, "wb");
        CHECK(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
        calr_status status = calr_store_open(path, &store);
        if (status == CALR_OK) {
            CHECK_OK(calr_store_reader_new(store, &reader));
            status = calr_store_reader_get(reader, 0, &bytes, &length);
            calr_store_reader_release(reader);
            calr_store_release(store);
        }
        unnoticed += status != CALR_EFORMAT;
        ((unsigned char *)data)[at] ^= 4;
    }
    CHECK_INT(unnoticed, 0);
    free(data);
}

static void remove_folder(void)
{
    char command[4200];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    if (system(command) != 0)
        fprintf(stderr, "cannot remove %s\n", folder);
}

int main(void)
{
    if (!mkdtemp(folder))
        return 1;
    RUN(round_trip);
    RUN(fingerprint);
    RUN(atomicity); /* forks: before any threads */
    RUN(full_disk);
    RUN(damage);
    RUN(flipped_bits);
    RUN(records);
    RUN(sizes);
    RUN(many);
    RUN(import);
    RUN(threads);
    remove_folder();
    return check_finish();
}
