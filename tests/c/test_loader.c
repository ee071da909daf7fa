/* The loader: order, determinism over workers, failures of every callback, closing at any moment.
 */
#include "check.h"
#include "picture.h"

#include <stdatomic.h>
#include <unistd.h>

#include "image/jpeg.h"
#include "loader/files.h"
#include "loader/loader.h"

#define RECORDS 37
#define HEIGHT  24
#define WIDTH   12
#define IMAGE   (HEIGHT * WIDTH * 3)

/* JPEGs in memory, which counts its readers. */
typedef struct memory {
    void *bytes[RECORDS];
    size_t size[RECORDS];
    atomic_int readers, opened, releases, fetches;
    int fail_open;      /* this many-th open fails; 0: none */
    int64_t fail_fetch; /* fetching this record fails; -1: none */
    int slow;           /* microseconds a fetch takes for some records */
} memory;

static memory source_memory;

static calr_status memory_open(void *context, void **reader)
{
    memory *m = context;
    int number = atomic_fetch_add(&m->opened, 1) + 1;
    if (number == m->fail_open)
        return calr_error(CALR_EIO, "reader %d cannot be opened", number);
    atomic_fetch_add(&m->readers, 1);
    *reader = malloc(16); /* the sanitizer sees a reader that is not closed */
    return CALR_OK;
}

static void memory_close(void *context, void *reader)
{
    memory *m = context;
    atomic_fetch_sub(&m->readers, 1);
    free(reader);
}

static calr_status memory_fetch(void *context, void *reader, int64_t record, const void **bytes,
                                size_t *size)
{
    memory *m = context;
    (void)reader;
    atomic_fetch_add(&m->fetches, 1);
    if (record == m->fail_fetch)
        return calr_error(CALR_EIO, "the disk is gone");
    if (m->slow && record % 5 == 0)
        usleep((useconds_t)m->slow);
    *bytes = m->bytes[record];
    *size = m->size[record];
    return CALR_OK;
}

static void memory_name(void *context, void *reader, int64_t record, char *text, size_t size)
{
    (void)context;
    (void)reader;
    snprintf(text, size, "folder/%03d.jpg", (int)record);
}

static void memory_release(void *context)
{
    memory *m = context;
    atomic_fetch_add(&m->releases, 1);
}

static calr_loader_source make_source(void)
{
    memory *m = &source_memory;
    m->fail_open = m->slow = 0;
    m->fail_fetch = -1;
    atomic_store(&m->opened, 0);
    atomic_store(&m->releases, 0);
    atomic_store(&m->fetches, 0);
    return (calr_loader_source){m,           RECORDS,       memory_open, memory_close, memory_fetch,
                                memory_name, memory_release};
}

static int64_t order[3 * RECORDS];

/* Every record three times, mixed. */
static void make_order(void)
{
    calr_rng rng = calr_rng_make(1, calr_rng_purpose("order"), 0, 0);
    for (int i = 0; i < 3 * RECORDS; i++)
        order[i] = i % RECORDS;
    calr_rng_shuffle(&rng, order, 3 * RECORDS);
}

static calr_loader_options make_options(int workers, int ahead)
{
    calr_loader_options options = calr_loader_options_default(HEIGHT, WIDTH);
    options.augment = calr_augment_training(HEIGHT, WIDTH);
    options.augment.pad = 3;
    options.batch = 8;
    options.seed = 5;
    options.epoch = 2;
    options.workers = workers;
    options.ahead = ahead;
    return options;
}

/* All images of the order one after the other; NULL when something failed. */
static float *collect(const calr_loader_options *options, int64_t count)
{
    calr_loader_source source = make_source();
    source_memory.slow = 300;
    calr_loader *loader = NULL;
    calr_tensor *images = NULL;
    int64_t first = 0, seen = 0;
    float *all = malloc(sizeof *all * IMAGE * (size_t)(count ? count : 1));
    CHECK_OK(calr_loader_new(&source, order, count, options, &loader));
    while (loader && calr_loader_next(loader, &images, &first) == CALR_OK && images) {
        if (CHECK(first == seen && seen + images->shape[0] <= count && images->shape[1] == HEIGHT &&
                  images->shape[2] == WIDTH && images->shape[3] == 3))
            memcpy(all + seen * IMAGE, calr_tensor_f32(images), calr_tensor_bytes(images));
        seen += images->shape[0];
        calr_tensor_release(images);
    }
    CHECK_INT(seen, count);
    CHECK_OK(calr_loader_next(loader, &images, &first)); /* stays at its end */
    CHECK(!images);
    calr_loader_release(loader);
    CHECK_INT(atomic_load(&source_memory.readers), 0);
    CHECK_INT(atomic_load(&source_memory.releases), 1);
    return all;
}

static void workers_change_nothing(void)
{
    static const int workers[] = {1, 2, 4, 13}, aheads[] = {1, 2, 5};
    int64_t count = 3 * RECORDS;
    calr_loader_options options = make_options(0, 3);
    float *want = collect(&options, count);
    for (size_t i = 0; i < 4; i++)
        for (size_t a = 0; a < 3; a++) {
            options = make_options(workers[i], aheads[a]);
            float *got = collect(&options, count);
            CHECK(memcmp(got, want, sizeof *got * IMAGE * (size_t)count) == 0);
            free(got);
        }
    /* The batch size cuts differently and changes no image. */
    options = make_options(3, 2);
    options.batch = 1;
    float *single = collect(&options, count);
    CHECK(memcmp(single, want, sizeof *single * IMAGE * (size_t)count) == 0);
    free(single);
    options.batch = 1000;
    single = collect(&options, count);
    CHECK(memcmp(single, want, sizeof *single * IMAGE * (size_t)count) == 0);
    free(single);
    free(want);
}

static void an_image_drawn_twice_differs(void)
{
    for (int i = 0; i < 16; i++)
        order[i] = 7;
    calr_loader_options options = make_options(2, 2);
    float *all = collect(&options, 16);
    int same = 0;
    for (int i = 1; i < 16; i++)
        same += memcmp(all, all + i * IMAGE, sizeof *all * IMAGE) == 0;
    CHECK(same <= 1);
    free(all);
    make_order();
}

/* Both views of the order, into f32[count x image] each. */
static void collect_views(const calr_loader_options *options, int64_t count, float *all[2])
{
    calr_loader_source source = make_source();
    calr_loader *loader = NULL;
    calr_tensor *images[2] = {NULL};
    int64_t first = 0;
    all[0] = malloc(sizeof(float) * IMAGE * (size_t)count);
    all[1] = malloc(sizeof(float) * IMAGE * (size_t)count);
    CHECK_OK(calr_loader_new(&source, order, count, options, &loader));
    while (loader && calr_loader_next(loader, images, &first) == CALR_OK && images[0])
        for (int v = 0; v < 2; v++) {
            memcpy(all[v] + first * IMAGE, calr_tensor_f32(images[v]),
                   calr_tensor_bytes(images[v]));
            calr_tensor_release(images[v]);
        }
    calr_loader_release(loader);
}

static void two_views(void)
{
    static const int workers[] = {0, 1, 4};
    int64_t count = 3 * RECORDS;
    size_t bytes = sizeof(float) * IMAGE * (size_t)count;
    calr_loader_options options = make_options(2, 2);
    float *single = collect(&options, count), *want = NULL;
    for (size_t i = 0; i < 3; i++) {
        float *all[2];
        options = make_options(workers[i], 2);
        options.views = 2;
        collect_views(&options, count, all);
        CHECK(memcmp(all[0], single, bytes) == 0); /* the second view leaves the first alone */
        int same = 0;
        for (int64_t k = 0; k < count; k++)
            same += memcmp(all[0] + k * IMAGE, all[1] + k * IMAGE, sizeof(float) * IMAGE) == 0;
        CHECK(same < count / 10);
        CHECK(!want || memcmp(all[1], want, bytes) == 0);
        free(all[0]);
        free(want);
        want = all[1];
    }
    free(want);
    /* Without augmentation both are the image; a loader closed early gives back what it made. */
    float *all[2];
    options.augment = calr_augment_plain(HEIGHT, WIDTH);
    collect_views(&options, count, all);
    CHECK(memcmp(all[0], all[1], bytes) == 0);
    free(all[0]), free(all[1]), free(single);
    calr_loader_source source = make_source();
    calr_loader *loader = NULL;
    CHECK_OK(calr_loader_new(&source, order, count, &options, &loader));
    calr_loader_release(loader);
    CHECK_INT(atomic_load(&source_memory.releases), 1);
    for (options.views = 0; options.views <= 3; options.views += 3) {
        source = make_source();
        CHECK_FAILS(calr_loader_new(&source, order, count, &options, &loader), CALR_EINVAL,
                    "views must be 1 to 2");
    }
}

static void the_cache_changes_nothing(void)
{
    int64_t count = 3 * RECORDS;
    calr_loader_options options = make_options(2, 2);
    float *want = collect(&options, count);
    size_t limits[] = {0, (size_t)IMAGE * 10 + 5, (size_t)1 << 20};
    for (int l = 0; l < 3; l++) {
        calr_loader_cache *cache = NULL;
        CHECK_OK(calr_loader_cache_new(RECORDS, HEIGHT, WIDTH, CALR_BICUBIC, limits[l], &cache));
        options.cache = cache;
        for (int round = 0; round < 2; round++) {
            float *got = collect(&options, count);
            CHECK(memcmp(got, want, sizeof *got * IMAGE * (size_t)count) == 0);
            free(got);
        }
        CHECK(calr_loader_cache_bytes(cache) <= limits[l]);
        CHECK_INT(calr_loader_cache_images(cache), l == 0 ? 0 : l == 1 ? 10 : RECORDS);
        if (l == 2)
            CHECK_INT(atomic_load(&source_memory.fetches), 0); /* all of the second round */
        calr_loader_cache_release(cache);
    }
    free(want);
}

/* The failure comes at its batch, however the threads ran, and names the record; then the loader is
 * at its end. */
static void failures_come_at_their_batch(void)
{
    for (int workers = 0; workers <= 4; workers += 2)
        for (int kind = 0; kind < 2; kind++) {
            int64_t plain[RECORDS], first = 0;
            for (int i = 0; i < RECORDS; i++)
                plain[i] = i;
            calr_loader_source source = make_source();
            size_t whole = source_memory.size[20];
            if (kind == 0)
                source_memory.fail_fetch = 20;
            else
                source_memory.size[20] = whole / 2;
            calr_loader_options options = make_options(workers, 4);
            calr_loader *loader = NULL;
            calr_tensor *images = NULL;
            CHECK_OK(calr_loader_new(&source, plain, RECORDS, &options, &loader));
            for (int batch = 0; batch < 2; batch++) {
                CHECK_OK(calr_loader_next(loader, &images, &first));
                calr_tensor_release(images);
            }
            if (kind == 0)
                CHECK_FAILS(calr_loader_next(loader, &images, &first), CALR_EIO,
                            "image \"folder/020.jpg\": the disk is gone");
            else
                CHECK_FAILS(calr_loader_next(loader, &images, &first), CALR_EFORMAT,
                            "image \"folder/020.jpg\": the JPEG image is truncated");
            CHECK_OK(calr_loader_next(loader, &images, &first));
            CHECK(!images);
            calr_loader_release(loader);
            source_memory.size[20] = whole;
            CHECK_INT(atomic_load(&source_memory.readers), 0);
        }
}

/* A bad image is black and told with its batch, whoever made it; a reader that fails is no bad image. */
static void bad_images_are_skipped(void)
{
    static const int64_t want[] = {3, 20, 21};
    for (int workers = 0; workers <= 4; workers += 2) {
        int64_t plain[RECORDS], first = 0, count = 0, seen = 0;
        for (int i = 0; i < RECORDS; i++)
            plain[i] = i;
        calr_loader_source source = make_source();
        size_t whole = source_memory.size[20], other = source_memory.size[21];
        source_memory.fail_fetch = 3;
        source_memory.size[20] = whole / 2;
        source_memory.size[21] = 0;
        calr_loader_options options = make_options(workers, 4);
        options.skip_bad = true;
        options.views = 2;
        calr_loader *loader = NULL;
        calr_tensor *images[2] = {NULL};
        CHECK_OK(calr_loader_new(&source, plain, RECORDS, &options, &loader));
        while (calr_loader_next(loader, images, &first) == CALR_OK && images[0]) {
            const calr_loader_fault *bad = calr_loader_bad(loader, &count);
            for (int64_t i = 0; i < count; i++, seen++) {
                if (!CHECK(seen < 3 && bad[i].position == want[seen]))
                    continue;
                CHECK(strstr(bad[i].message, seen == 0 ? "folder/003.jpg" : "folder/02"));
                int64_t at = (bad[i].position - first) * IMAGE;
                CHECK(calr_tensor_f32(images[0])[at] == 0 && /* NOLINT: exactly */
                      calr_tensor_f32(images[1])[at + IMAGE - 1] == 0);
            }
            calr_tensor_release(images[0]);
            calr_tensor_release(images[1]);
        }
        CHECK_INT(seen, 3);
        calr_loader_bad(loader, &count);
        CHECK_INT(count, 0); /* after the last batch */
        calr_loader_release(loader);
        source_memory.size[20] = whole;
        source_memory.size[21] = other;

        source = make_source();
        source_memory.fail_open = 1;
        CHECK_OK(calr_loader_new(&source, plain, 8, &options, &loader));
        CHECK_FAILS(calr_loader_next(loader, images, &first), CALR_EIO,
                    "reader 1 cannot be opened");
        calr_loader_release(loader);
        source = make_source(); /* closed with faults that nobody has asked for */
        source_memory.fail_fetch = 0;
        CHECK_OK(calr_loader_new(&source, plain, RECORDS, &options, &loader));
        usleep(2000);
        calr_loader_release(loader);
    }
}

static void files_are_a_source(void)
{
    char name[] = "/tmp/calr-loader-XXXXXX";
    int fd = mkstemp(name);
    if (!CHECK(fd >= 0) || !CHECK(write(fd, source_memory.bytes[5], source_memory.size[5]) ==
                                  (ssize_t)source_memory.size[5]))
        return;
    close(fd);
    const char *paths[] = {name, "/nowhere/at/all.jpg", name};
    calr_loader_source source;
    CHECK_OK(calr_loader_file_source(paths, 3, &source));
    CHECK_INT(source.count, 3);
    int64_t in_order[] = {2, 0, 1}, first = 0, count = 0;
    calr_loader_options options = make_options(2, 2);
    options.augment = calr_augment_plain(HEIGHT, WIDTH);
    options.skip_bad = true;
    calr_loader *loader = NULL;
    calr_tensor *images = NULL;
    CHECK_OK(calr_loader_new(&source, in_order, 3, &options, &loader));
    CHECK_OK(calr_loader_next(loader, &images, &first));
    const float *pixels = calr_tensor_f32(images);
    CHECK(memcmp(pixels, pixels + IMAGE, sizeof *pixels * IMAGE) == 0 &&
          pixels[0] != 0); /* NOLINT */
    const calr_loader_fault *bad = calr_loader_bad(loader, &count);
    if (CHECK(count == 1))
        CHECK(bad[0].position == 2 && strstr(bad[0].message, "/nowhere/at/all.jpg"));
    calr_tensor_release(images);
    calr_loader_release(loader);
    CHECK_OK(calr_loader_file_source(NULL, 0, &source));
    source.release(source.context);
    unlink(name);
}

static void a_reader_that_does_not_open(void)
{
    for (int workers = 0; workers < 3; workers++) {
        calr_loader_source source = make_source();
        source_memory.fail_open = 1;
        calr_loader_options options = make_options(workers, 2);
        calr_loader *loader = NULL;
        calr_tensor *images = NULL;
        int64_t first = 0;
        CHECK_OK(calr_loader_new(&source, order, 8, &options, &loader));
        CHECK_FAILS(calr_loader_next(loader, &images, &first), CALR_EIO,
                    "reader 1 cannot be opened");
        calr_loader_release(loader);
        CHECK_INT(atomic_load(&source_memory.readers), 0);
    }
}

static void closing_at_any_moment(void)
{
    for (int taken = 0; taken <= 14; taken++) {
        calr_loader_source source = make_source();
        source_memory.slow = 200;
        calr_loader_options options = make_options(4, 3);
        calr_loader *loader = NULL;
        calr_tensor *images[14] = {NULL};
        int64_t first = 0;
        CHECK_OK(calr_loader_new(&source, order, 3 * RECORDS, &options, &loader));
        for (int i = 0; i < taken; i++)
            CHECK_OK(calr_loader_next(loader, &images[i], &first));
        if (taken % 3 == 0)
            usleep(500);
        calr_loader_release(loader);
        CHECK_INT(atomic_load(&source_memory.readers), 0);
        CHECK_INT(atomic_load(&source_memory.releases), 1);
        for (int i = 0; i < taken; i++) { /* what was handed out stays */
            CHECK(isfinite(calr_tensor_f32(images[i])[0]));
            calr_tensor_release(images[i]);
        }
    }
    calr_loader_release(NULL);
}

static void empty_order(void)
{
    calr_loader_options options = make_options(2, 2);
    free(collect(&options, 0));
}

#define REFUSED(change, text)                                                                      \
    do {                                                                                           \
        calr_loader_source source = make_source();                                                 \
        calr_loader_options options = make_options(2, 2);                                          \
        calr_loader *loader = NULL;                                                                \
        change;                                                                                    \
        CHECK_FAILS(calr_loader_new(&source, order, 10, &options, &loader), CALR_EINVAL, text);    \
        CHECK_INT(atomic_load(&source_memory.releases), 1);                                        \
    } while (0)

static void bad_options(void)
{
    REFUSED(options.batch = 0, "batch");
    REFUSED(options.workers = 257, "workers");
    REFUSED(options.ahead = 0, "ahead");
    REFUSED(options.first_slot = -1, "slot");
    REFUSED(options.pixel_limit = -1, "pixel limit");
    REFUSED(options.augment.height = 0, "height");
    REFUSED(source.count = 3, "there are records 0 to 2");
    calr_loader_cache *cache = NULL;
    CHECK_OK(calr_loader_cache_new(RECORDS, 5, WIDTH, CALR_BICUBIC, 100, &cache));
    REFUSED(options.cache = cache, "5 x 12, not 24 x 12");
    calr_loader_cache_release(cache);
    CHECK_FAILS(calr_loader_cache_new(-1, 5, 5, CALR_BICUBIC, 100, &cache), CALR_EINVAL, "-1");
    CHECK_FAILS(calr_loader_cache_new(INT64_MAX / 4, 5, 5, CALR_BICUBIC, 100, &cache), CALR_ENOMEM,
                "");
}

static void pixel_limit_is_passed_on(void)
{
    calr_loader_source source = make_source();
    calr_loader_options options = make_options(1, 2);
    calr_loader *loader = NULL;
    calr_tensor *images = NULL;
    int64_t first = 0;
    options.pixel_limit = 100;
    CHECK_OK(calr_loader_new(&source, order, 10, &options, &loader));
    CHECK_FAILS(calr_loader_next(loader, &images, &first), CALR_EFORMAT, "at most 100 pixels");
    calr_loader_release(loader);
}

int main(void)
{
    calr_jpeg *jpeg = NULL;
    CHECK_OK(calr_jpeg_new(&jpeg));
    for (int i = 0; i < RECORDS; i++) {
        const void *bytes;
        size_t size;
        int width = 10 + i % 9, height = 20 + i % 7;
        uint8_t *pixels = picture_make(width, height, (uint32_t)i);
        CHECK_OK(calr_jpeg_encode(jpeg, pixels, width, height, 90, CALR_JPEG_420, &bytes, &size));
        source_memory.bytes[i] = malloc(size);
        memcpy(source_memory.bytes[i], bytes, size);
        source_memory.size[i] = size;
        free(pixels);
    }
    calr_jpeg_release(jpeg);
    make_order();
    RUN(workers_change_nothing);
    RUN(an_image_drawn_twice_differs);
    RUN(two_views);
    RUN(the_cache_changes_nothing);
    RUN(failures_come_at_their_batch);
    RUN(bad_images_are_skipped);
    RUN(files_are_a_source);
    RUN(a_reader_that_does_not_open);
    RUN(closing_at_any_moment);
    RUN(empty_order);
    RUN(bad_options);
    RUN(pixel_limit_is_passed_on);
    for (int i = 0; i < RECORDS; i++)
        free(source_memory.bytes[i]);
    return check_finish();
}
