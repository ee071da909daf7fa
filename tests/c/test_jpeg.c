/* JPEG and PNG: pixels as Pillow reads them, every kind of bad file, mutated files. */
#include "check.h"
#include "picture.h"

#include "base/rng.h"
#include "image/jpeg.h"
#include "image/png.h"

static calr_jpeg *jpeg;

static void pixels_are_pillows(void)
{
    static const struct {
        const char *name;
        calr_jpeg_color color;
    } cases[] = {
        {"rgb444", CALR_JPEG_RGB},      {"rgb422", CALR_JPEG_RGB}, {"rgb420", CALR_JPEG_RGB},
        {"progressive", CALR_JPEG_RGB}, {"gray", CALR_JPEG_GRAY},  {"one", CALR_JPEG_RGB},
        {"cmyk", CALR_JPEG_CMYK},       {"ycck", CALR_JPEG_CMYK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[64];
        size_t size = 0;
        int width = 0, height = 0, want_width = 0, want_height = 0;
        const uint8_t *pixels = NULL;
        calr_jpeg_info info = {0};
        snprintf(name, sizeof name, "%s.jpg", cases[i].name);
        void *bytes = picture_file(name, &size);
        snprintf(name, sizeof name, "%s.ppm", cases[i].name);
        uint8_t *want = picture_ppm(name, &want_width, &want_height);
        if (!CHECK(bytes && want))
            continue;
        CHECK_OK(calr_jpeg_probe(bytes, size, &info));
        CHECK_INT(info.color, cases[i].color);
        CHECK_INT(info.width, want_width);
        CHECK_INT(info.height, want_height);
        CHECK_OK(calr_jpeg_decode(jpeg, bytes, size, &pixels, &width, &height));
        if (CHECK(width == want_width && height == want_height)) {
            int difference = picture_difference(pixels, want, (size_t)width * (size_t)height * 3);
            if (!CHECK(difference == 0))
                fprintf(stderr, "    %s differs from Pillow by %d\n", name, difference);
        }
        free(bytes);
        free(want);
    }
}

static void encoding_comes_back(void)
{
    uint8_t *picture = picture_make(40, 24, 5);
    const void *bytes, *again;
    size_t size, size_again;
    const uint8_t *pixels;
    int width, height;
    for (int chroma = CALR_JPEG_444; chroma <= CALR_JPEG_420; chroma++) {
        CHECK_OK(
            calr_jpeg_encode(jpeg, picture, 40, 24, 100, (calr_jpeg_chroma)chroma, &bytes, &size));
        CHECK_OK(calr_jpeg_decode(jpeg, bytes, size, &pixels, &width, &height));
        CHECK(width == 40 && height == 24);
        if (chroma == CALR_JPEG_444)
            CHECK(picture_difference(pixels, picture, 40 * 24 * 3) <= 4);
    }
    void *copy = malloc(size);
    memcpy(copy, bytes, size);
    CHECK_OK(calr_jpeg_encode(jpeg, picture, 40, 24, 100, CALR_JPEG_420, &again, &size_again));
    CHECK(size == size_again && memcmp(copy, again, size) == 0);
    free(copy);
    CHECK_FAILS(calr_jpeg_encode(jpeg, picture, 0, 24, 90, CALR_JPEG_420, &bytes, &size),
                CALR_EINVAL, "0 x 24");
    CHECK_FAILS(calr_jpeg_encode(jpeg, picture, 70000, 1, 90, CALR_JPEG_420, &bytes, &size),
                CALR_EINVAL, "65535");
    CHECK_FAILS(calr_jpeg_encode(jpeg, picture, 40, 24, 101, CALR_JPEG_420, &bytes, &size),
                CALR_EINVAL, "101");
    free(picture);
}

static void not_jpeg(void)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *text;
    } cases[] = {
        {"", 0, "empty (0 bytes)"},
        {"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16, "not a JPEG image"},
        {"hello, world\n", 13, "not a JPEG image"},
        {"\xff", 1, "not a JPEG image"},
        {"\xff\xd8", 2, "truncated"},
    };
    const uint8_t *pixels;
    int width, height;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(calr_jpeg_decode(jpeg, cases[i].bytes, cases[i].size, &pixels, &width, &height),
                  CALR_EFORMAT);
        if (!CHECK(strstr(calr_status_message(), cases[i].text)))
            fprintf(stderr, "    got %s, want %s\n", calr_status_message(), cases[i].text);
    }
}

static void every_truncation_is_an_error(void)
{
    static const char *const names[] = {"rgb420.jpg", "progressive.jpg", "gray.jpg", "cmyk.jpg"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        size_t size = 0;
        int good = 0, width, height;
        const uint8_t *pixels;
        uint8_t *bytes = picture_file(names[n], &size);
        if (!CHECK(bytes))
            continue;
        for (size_t cut = 0; cut + 2 < size; cut++) { /* the last two bytes are the end marker */
            uint8_t *part = malloc(cut ? cut : 1); /* of this size, so that a read beyond is seen */
            memcpy(part, bytes, cut);
            good += calr_jpeg_decode(jpeg, part, cut, &pixels, &width, &height) == CALR_OK;
            free(part);
        }
        CHECK_INT(good, 0);
        CHECK_FAILS(calr_jpeg_decode(jpeg, bytes, size * 2 / 3, &pixels, &width, &height),
                    CALR_EFORMAT, "truncated");
        CHECK_OK(calr_jpeg_decode(jpeg, bytes, size, &pixels, &width, &height));
        free(bytes);
    }
}

/* Writes another size into the frame header. */
static int set_size(uint8_t *bytes, size_t size, int width, int height)
{
    for (size_t i = 0; i + 9 < size; i++)
        if (bytes[i] == 0xff && (bytes[i + 1] == 0xc0 || bytes[i + 1] == 0xc2)) {
            bytes[i + 5] = (uint8_t)(height >> 8);
            bytes[i + 6] = (uint8_t)height;
            bytes[i + 7] = (uint8_t)(width >> 8);
            bytes[i + 8] = (uint8_t)width;
            return 1;
        }
    return 0;
}

static void huge_is_refused(void)
{
    size_t size = 0;
    const uint8_t *pixels;
    int width, height;
    calr_jpeg_info info;
    uint8_t *bytes = picture_file("progressive.jpg", &size);
    if (!CHECK(bytes) || !CHECK(set_size(bytes, size, 20000, 20000)))
        return;
    CHECK_OK(calr_jpeg_probe(bytes, size, &info));
    CHECK(info.width == 20000 && info.height == 20000);
    CHECK_FAILS(calr_jpeg_decode(jpeg, bytes, size, &pixels, &width, &height), CALR_EFORMAT,
                "20000 x 20000");
    set_size(bytes, size, 33, 0);
    CHECK_FAILS(calr_jpeg_decode(jpeg, bytes, size, &pixels, &width, &height), CALR_EFORMAT,
                "corrupt");
    set_size(bytes, size, 33, 47);
    CHECK_OK(calr_jpeg_set_limit(jpeg, 33 * 47 - 1));
    CHECK_FAILS(calr_jpeg_decode(jpeg, bytes, size, &pixels, &width, &height), CALR_EFORMAT,
                "33 x 47");
    CHECK_OK(calr_jpeg_set_limit(jpeg, 33 * 47));
    CHECK_OK(calr_jpeg_decode(jpeg, bytes, size, &pixels, &width, &height));
    CHECK_FAILS(calr_jpeg_set_limit(jpeg, 0), CALR_EINVAL, "at least 1");
    CHECK_OK(calr_jpeg_set_limit(jpeg, CALR_JPEG_LIMIT));
    free(bytes);
}

/* Bytes changed, cut out and repeated at random: the decoder must say yes or no, and nothing else.
 */
static void mutate(calr_rng *rng, uint8_t *bytes, size_t *size)
{
    int changes = 1 + (int)calr_rng_below(rng, 8);
    for (int i = 0; i<changes && * size> 8; i++) {
        size_t at = (size_t)calr_rng_below(rng, *size);
        switch (calr_rng_below(rng, 5)) {
        case 0:
            bytes[at] = (uint8_t)calr_rng_u32(rng);
            break;
        case 1:
            bytes[at] ^= (uint8_t)(1u << calr_rng_below(rng, 8));
            break;
        case 2:
            bytes[at] = 0xff;
            break;
        case 3: { /* one stretch over another */
            size_t from = (size_t)calr_rng_below(rng, *size),
                   length = (size_t)calr_rng_below(rng, 64);
            length = at + length > *size ? *size - at : length;
            length = from + length > *size ? *size - from : length;
            memmove(bytes + at, bytes + from, length);
            break;
        }
        default: { /* drop a stretch */
            size_t length = (size_t)calr_rng_below(rng, 32);
            length = at + length > *size ? *size - at : length;
            memmove(bytes + at, bytes + at + length, *size - at - length);
            *size -= length;
        }
        }
    }
}

static void mutated_files(void)
{
    static const char *const names[] = {"rgb444.jpg",  "rgb420.jpg", "progressive.jpg",
                                        "gray.jpg",    "cmyk.jpg",   "ycck.jpg",
                                        "palette.png", "gray16.png", "alpha.png"};
    calr_rng rng = calr_rng_make(1, calr_rng_purpose("mutate"), 0, 0);
    int refused = 0, wrong = 0;
    CHECK_OK(calr_jpeg_set_limit(jpeg, 1 << 20)); /* the time of a run is bounded too */
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        size_t whole = 0;
        uint8_t *original = picture_file(names[n], &whole);
        if (!CHECK(original))
            continue;
        int is_png = strstr(names[n], ".png") != NULL;
        for (int round = 0; round < 500; round++) {
            size_t size = whole;
            int width = 0, height = 0;
            const uint8_t *pixels = NULL;
            uint8_t *owned = NULL, *bytes = malloc(whole);
            memcpy(bytes, original, whole);
            mutate(&rng, bytes, &size);
            uint8_t *exact = realloc(bytes, size); /* so that a read beyond the end is seen */
            bytes = exact ? exact : bytes;
            calr_status status =
                is_png ? calr_png_decode(bytes, size, &owned, &width, &height)
                       : calr_jpeg_decode(jpeg, bytes, size, &pixels, &width, &height);
            refused += status != CALR_OK;
            wrong += status != CALR_OK && status != CALR_EFORMAT && status != CALR_ENOMEM;
            wrong += status == CALR_OK && (width < 1 || height < 1);
            free(owned);
            free(bytes);
        }
        free(original);
    }
    CHECK_INT(wrong, 0);
    CHECK(refused > 2000); /* most mutations break a file; some only change pixels */
    CHECK_OK(calr_jpeg_set_limit(jpeg, CALR_JPEG_LIMIT));
    pixels_are_pillows(); /* the decoder has survived it */
}

static void png_pixels(void)
{
    static const char *const names[] = {"palette", "gray16", "alpha", "bits"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[64];
        size_t size = 0;
        int width, height, want_width, want_height;
        uint8_t *pixels = NULL;
        snprintf(name, sizeof name, "%s.png", names[i]);
        void *bytes = picture_file(name, &size);
        snprintf(name, sizeof name, "%s.ppm", names[i]);
        uint8_t *want = picture_ppm(name, &want_width, &want_height);
        if (!CHECK(bytes && want))
            continue;
        CHECK_OK(calr_png_decode(bytes, size, &pixels, &width, &height));
        CHECK(width == want_width && height == want_height);
        if (!CHECK(pixels &&
                   picture_difference(pixels, want, (size_t)width * (size_t)height * 3) == 0))
            fprintf(stderr, "    %s\n", name);
        free(pixels);
        pixels = NULL;
        CHECK_FAILS(calr_png_decode(bytes, size / 2, &pixels, &width, &height), CALR_EFORMAT,
                    "corrupt");
        free(bytes);
        free(want);
    }
}

static void png_comes_back(void)
{
    uint8_t *picture = picture_make(31, 17, 2), *pixels = NULL;
    void *bytes = NULL;
    size_t size;
    int width, height;
    CHECK_OK(calr_png_encode(picture, 31, 17, 3, &bytes, &size));
    CHECK_OK(calr_png_decode(bytes, size, &pixels, &width, &height));
    CHECK(width == 31 && height == 17 && memcmp(pixels, picture, 31 * 17 * 3) == 0);
    free(bytes);
    free(pixels);
    CHECK_OK(calr_png_encode(picture, 31, 17, 1, &bytes, &size));
    CHECK_OK(calr_png_decode(bytes, size, &pixels, &width, &height));
    CHECK(pixels[0] == picture[0] && pixels[1] == picture[0] && pixels[5] == picture[1]);
    free(bytes);
    free(pixels);
    CHECK_FAILS(calr_png_encode(picture, 31, 17, 2, &bytes, &size), CALR_EINVAL, "not 2");
    CHECK_FAILS(calr_png_encode(picture, 0, 17, 3, &bytes, &size), CALR_EINVAL, "0 x 17");
    CHECK_FAILS(calr_png_decode("hello", 5, &pixels, &width, &height), CALR_EFORMAT, "not a PNG");
    free(picture);
}

int main(void)
{
    CHECK_OK(calr_jpeg_new(&jpeg));
    RUN(pixels_are_pillows);
    RUN(encoding_comes_back);
    RUN(not_jpeg);
    RUN(every_truncation_is_an_error);
    RUN(huge_is_refused);
    RUN(mutated_files);
    RUN(png_pixels);
    RUN(png_comes_back);
    calr_jpeg_release(jpeg);
    calr_jpeg_release(NULL);
    return check_finish();
}
