/* Images of any kind: BMP as Pillow reads it, kinds told apart, stray bytes in a JPEG, every kind of bad BMP. */
#include "check.h"
#include "picture.h"

#include "base/rng.h"
#include "image/bmp.h"
#include "image/decoder.h"
#include "image/exif.h"
#include "image/jpeg.h"

static calr_decoder *decoder;

static void same_as_pillow(const char *name, const char *ending, const char *format,
                           const char *note)
{
    char file[64];
    size_t size = 0;
    int width = 0, height = 0, want_width = 0, want_height = 0;
    const uint8_t *pixels = NULL;
    snprintf(file, sizeof file, "%s.%s", name, ending);
    void *bytes = picture_file(file, &size);
    snprintf(file, sizeof file, "%s.ppm", name);
    uint8_t *want = picture_ppm(file, &want_width, &want_height);
    if (!CHECK(bytes && want))
        return;
    calr_image_info info;
    CHECK_OK(calr_decoder_probe(bytes, size, &info));
    CHECK_STRING(info.format, format);
    CHECK(info.width == want_width && info.height == want_height);
    CHECK_OK(calr_decoder_decode(decoder, bytes, size, &pixels, &width, &height));
    if (CHECK(pixels && width == want_width && height == want_height)) {
        int difference = picture_difference(pixels, want, (size_t)width * (size_t)height * 3);
        if (!CHECK(difference == 0))
            fprintf(stderr, "    %s differs from Pillow by %d\n", name, difference);
    }
    const char *got = calr_decoder_note(decoder);
    if (!CHECK(note ? got && strcmp(got, note) == 0 : !got))
        fprintf(stderr, "    %s: note %s\n", name, got ? got : "none");
    free(bytes);
    free(want);
}

static void every_kind(void)
{
    static const char *const bmps[] = {"bmp24",  "bmp8",   "bmp1", "bmp_gray", "bmp32",
                                       "bmp565", "bmp555", "bmp4", "bmp_top",  "bmp_os2"};
    for (size_t i = 0; i < sizeof bmps / sizeof bmps[0]; i++)
        same_as_pillow(bmps[i], "bmp", "bmp", NULL);
    same_as_pillow("alpha", "png", "png", NULL);
    same_as_pillow("gray16", "png", "png", NULL);
    same_as_pillow("rgb420", "jpg", "jpeg", NULL);
}

/* A JPEG's beginning with an EXIF segment: an entry of each byte order, and every way to be cut or wrong. */
static void exif(void)
{
    static const unsigned char little[] =
        "\xff\xd8\xff\xe0\0\4JF\xff\xe1\0\x22"
        "Exif\0\0II*\0\x8\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0\xff\xda";
    static const unsigned char big[] =
        "\xff\xd8\xff\xe1\0\x22"
        "Exif\0\0MM\0*\0\0\0\x8\0\1\1\x12\0\3\0\0\0\1\0\x8\0\0\0\0\0\0\xff\xda";
    CHECK(calr_exif_orientation(little, sizeof little - 1) == 6);
    CHECK(calr_exif_orientation(big, sizeof big - 1) == 8);
    unsigned char copy[sizeof little];
    for (size_t cut = 0; cut < sizeof little; cut++) {
        unsigned char *exact = malloc(cut + 1); /* a sanitizer sees what is read behind it */
        if (!CHECK(exact))
            return;
        memcpy(exact, little, cut);
        int got = calr_exif_orientation(exact, cut);
        CHECK(got == 1 || (got == 6 && cut >= sizeof little - 3));
        free(exact);
        for (int value = 0; value < 256; value++) {
            memcpy(copy, little, sizeof little);
            copy[cut] = (unsigned char)value;
            got = calr_exif_orientation(copy, sizeof copy - 1);
            CHECK(got >= 1 && got <= 8);
        }
    }
}

static void stray_bytes(void)
{
    static const char strays[] = "stray bytes between its segments are passed over";
    same_as_pillow("stray_header", "jpg", "jpeg", strays);
    same_as_pillow("stray_end", "jpg", "jpeg", strays);
    same_as_pillow("stray_both", "jpg", "jpeg", strays);
    same_as_pillow("stray_scans", "jpg", "jpeg", strays);
    same_as_pillow("rgb444", "jpg", "jpeg", NULL); /* the note is of the last image */
}

static void colours_in_the_file(void)
{
    static const struct {
        const char *name, *color;
    } cases[] = {{"gray16.png", "gray"}, {"alpha.png", "rgb"}, {"palette.png", "rgb"},
                 {"gray.jpg", "gray"},   {"cmyk.jpg", "cmyk"}, {"bmp_gray.bmp", "rgb"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size = 0;
        void *bytes = picture_file(cases[i].name, &size);
        calr_image_info info = {0};
        CHECK_OK(calr_decoder_probe(bytes, size, &info));
        CHECK_STRING(info.color, cases[i].color);
        free(bytes);
    }
}

/* Each says by its first bytes what it is, and which kinds are read. */
static void other_files(void)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *text;
    } cases[] = {
        {"", 0, "empty (0 bytes)"},
        {"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16, "the PNG image is corrupt"},
        {"\x89PNG\r\n", 6, "the PNG image is truncated (after 6 bytes)"},
        {"\x89PNG\r\n\x1a\n", 8, "the PNG image is corrupt"},
        {"GIF89a\1\0\1\0", 10, "no JPEG, PNG or BMP image: it looks like a GIF image"},
        {"RIFF\x10\0\0\0WEBPVP8 ", 16, "no JPEG, PNG or BMP image: it looks like a WebP image"},
        {"BM\x36\0\0\0", 6, "the BMP image is truncated"},
        {"BMW is a car", 12, "no JPEG, PNG or BMP image: it looks like text"},
        {"PK\3\4", 4, "ZIP archive"},
        {"\0\0\0\0\0\0\0\0", 8, "nothing but zero bytes"},
        {"hello, world\n", 13, "no JPEG, PNG or BMP image: it looks like text"},
        {"<!DOCTYPE html><html>", 21, "HTML page"},
        {"\x01\x02\x03\x04\x05", 5, "begins with the bytes 01 02 03 04"},
        {"\xff", 1, "begins with the bytes ff"},
        {"\xff\xd8", 2, "truncated"},
    };
    const uint8_t *pixels;
    int width, height;
    calr_image_info info;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *bytes = cases[i].bytes, *text = cases[i].text;
        size_t length = cases[i].size;
        CHECK_INT(calr_decoder_decode(decoder, bytes, length, &pixels, &width, &height),
                  CALR_EFORMAT);
        if (!CHECK(strstr(calr_status_message(), text)))
            fprintf(stderr, "    got %s, want %s\n", calr_status_message(), text);
        CHECK_INT(calr_decoder_probe(bytes, length, &info), CALR_EFORMAT);
        if (!CHECK(strstr(calr_status_message(), text)))
            fprintf(stderr, "    probed: got %s, want %s\n", calr_status_message(), text);
    }
}

/* A 24-bit BMP file whose bytes at `at` are replaced. */
static calr_status with(size_t at, const char *bytes, size_t count)
{
    size_t size = 0;
    const uint8_t *pixels;
    int width, height;
    uint8_t *file = picture_file("bmp24.bmp", &size);
    memcpy(file + at, bytes, count);
    calr_status status = calr_decoder_decode(decoder, file, size, &pixels, &width, &height);
    free(file);
    return status;
}

static void bad_bmp(void)
{
    size_t size = 0;
    const uint8_t *pixels;
    int width, height;
    CHECK_FAILS(with(30, "\1", 1), CALR_EFORMAT, "run-length");
    CHECK_FAILS(with(30, "\5", 1), CALR_EFORMAT, "compression 5");
    CHECK_FAILS(with(28, "\7", 1), CALR_EFORMAT, "7 bits a pixel");
    CHECK_FAILS(with(18, "\0\0\0\0", 4), CALR_EFORMAT, "claims 0 x 9");
    CHECK_FAILS(with(22, "\0\0\0\x80", 4), CALR_EFORMAT, "pixels");
    CHECK_FAILS(with(10, "\xff\xff\xff\xff", 4), CALR_EFORMAT, "truncated");
    CHECK_FAILS(with(18, "\x40\x42\x0f\0\x40\x42\x0f\0", 8), CALR_EFORMAT, "pixel limit");
    CHECK_FAILS(with(0, "BX", 2), CALR_EFORMAT,
                "no JPEG, PNG or BMP image: it begins with the bytes 42 58");
    CHECK_FAILS(calr_bmp_probe("BM", 2, &width, &height), CALR_EFORMAT, "not a BMP");
    CHECK_OK(calr_decoder_set_limit(decoder, 13 * 9 - 1));
    CHECK_FAILS(with(0, "BM", 2), CALR_EFORMAT, "13 x 9");
    CHECK_OK(calr_decoder_set_limit(decoder, 13 * 9));
    CHECK_OK(with(0, "BM", 2));
    CHECK_OK(calr_decoder_set_limit(decoder, CALR_JPEG_LIMIT));
    CHECK_FAILS(calr_decoder_set_limit(decoder, 0), CALR_EINVAL, "at least 1");
    static const char *const names[] = {"bmp24.bmp", "bmp4.bmp", "bmp565.bmp", "bmp_os2.bmp"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        uint8_t *bytes = picture_file(names[n], &size);
        int good = 0;
        for (size_t cut = 0; cut < size; cut++) {
            uint8_t *part = malloc(cut ? cut : 1); /* of this size, so that a read beyond is seen */
            memcpy(part, bytes, cut);
            good += calr_decoder_decode(decoder, part, cut, &pixels, &width, &height) == CALR_OK;
            free(part);
        }
        CHECK_INT(good, 0);
        free(bytes);
    }
}

/* Bytes changed at random: yes or no, and nothing else. */
static void mutated_files(void)
{
    static const char *const names[] = {"bmp8.bmp",      "bmp565.bmp",      "bmp4.bmp",
                                        "stray_end.jpg", "stray_scans.jpg", "stray_header.jpg"};
    calr_rng rng = calr_rng_make(1, calr_rng_purpose("mutate"), 0, 0);
    CHECK_OK(calr_decoder_set_limit(decoder, 1 << 20));
    int wrong = 0, refused = 0;
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        size_t size = 0;
        uint8_t *original = picture_file(names[n], &size);
        for (int round = 0; round < 600; round++) {
            uint8_t *bytes = malloc(size);
            memcpy(bytes, original, size);
            for (int i = 1 + (int)calr_rng_below(&rng, 6); i > 0; i--)
                bytes[calr_rng_below(&rng, calr_rng_below(&rng, 2) ? size : 70)] =
                    (uint8_t)calr_rng_u32(&rng);
            const uint8_t *pixels;
            int width = 0, height = 0;
            calr_status status =
                calr_decoder_decode(decoder, bytes, size, &pixels, &width, &height);
            refused += status != CALR_OK;
            wrong += status == CALR_OK ? width < 1 || height < 1
                                       : status != CALR_EFORMAT && status != CALR_ENOMEM;
            free(bytes);
        }
        free(original);
    }
    CHECK_INT(wrong, 0);
    CHECK(refused > 300);
    CHECK_OK(calr_decoder_set_limit(decoder, CALR_JPEG_LIMIT));
    every_kind(); /* the decoder has survived it */
}

int main(void)
{
    CHECK_OK(calr_decoder_new(&decoder));
    RUN(every_kind);
    RUN(exif);
    RUN(stray_bytes);
    RUN(colours_in_the_file);
    RUN(other_files);
    RUN(bad_bmp);
    RUN(mutated_files);
    calr_decoder_release(decoder);
    calr_decoder_release(NULL);
    return check_finish();
}
