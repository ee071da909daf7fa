/* Resizing against Pillow, bit by bit. */
#include "check.h"
#include "picture.h"

#include "image/resize.h"

static calr_resizer *resizer;

static void checksums_are_pillows(void)
{
    size_t size = 0;
    char *text = picture_file("resize.txt", &size);
    if (!CHECK(text))
        return;
    int cases = 0, wrong = 0;
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char filter[16];
        int width, height, to_width, to_height;
        unsigned crc;
        if (sscanf(line, "%15s %d %d %d %d %x", filter, &width, &height, &to_width, &to_height,
                   &crc) != 6)
            continue;
        cases++;
        uint8_t *from = picture_make(width, height, (uint32_t)(width * 1000 + height));
        size_t bytes = (size_t)to_width * (size_t)to_height * 3;
        uint8_t *to = malloc(bytes);
        calr_filter kind = strcmp(filter, "bicubic") == 0 ? CALR_BICUBIC : CALR_BILINEAR;
        CHECK_OK(calr_resize(resizer, kind, from, width, height, to, to_width, to_height));
        if (picture_crc(to, bytes) != crc && wrong++ < 5)
            fprintf(stderr, "    differs from Pillow: %s\n", line);
        free(from);
        free(to);
    }
    CHECK(cases > 250);
    CHECK_INT(wrong, 0);
    free(text);
}

static void pixels_are_pillows(void)
{
    static const char *const names[] = {"small.ppm", "large.ppm"};
    uint8_t *from = picture_make(33, 47, 1);
    for (int i = 0; i < 2; i++) {
        int width = 0, height = 0;
        uint8_t *want = picture_ppm(names[i], &width, &height);
        if (!CHECK(want))
            continue;
        size_t bytes = (size_t)width * (size_t)height * 3;
        uint8_t *to = malloc(bytes);
        CHECK_OK(calr_resize(resizer, CALR_BICUBIC, from, 33, 47, to, width, height));
        CHECK_INT(picture_difference(to, want, bytes), 0);
        free(want);
        free(to);
    }
    free(from);
}

static void flat_stays_flat(void)
{
    uint8_t from[50 * 20 * 3], to[13 * 71 * 3];
    for (int value = 0; value <= 255; value += 51) {
        int wrong = 0;
        memset(from, value, sizeof from);
        CHECK_OK(calr_resize(resizer, CALR_BICUBIC, from, 50, 20, to, 13, 71));
        for (size_t i = 0; i < sizeof to; i++)
            wrong += to[i] != value;
        CHECK_INT(wrong, 0);
    }
}

static void same_size_is_a_copy(void)
{
    uint8_t *from = picture_make(12, 9, 4), to[12 * 9 * 3];
    CHECK_OK(calr_resize(resizer, CALR_BICUBIC, from, 12, 9, to, 12, 9));
    CHECK(memcmp(from, to, sizeof to) == 0);
    free(from);
}

static void bad_sizes(void)
{
    uint8_t pixel[3] = {0};
    CHECK_FAILS(calr_resize(resizer, CALR_BICUBIC, pixel, 0, 1, pixel, 1, 1), CALR_EINVAL, "0 x 1");
    CHECK_FAILS(calr_resize(resizer, CALR_BICUBIC, pixel, 1, 70000, pixel, 1, 1), CALR_EINVAL,
                "1 x 70000");
    CHECK_FAILS(calr_resize(resizer, CALR_BICUBIC, pixel, 1, 1, pixel, -1, 1), CALR_EINVAL,
                "to -1 x 1");
    CHECK_FAILS(calr_resize(resizer, (calr_filter)7, pixel, 1, 1, pixel, 1, 1), CALR_EINVAL,
                "no filter 7");
}

int main(void)
{
    CHECK_OK(calr_resizer_new(&resizer));
    RUN(checksums_are_pillows);
    RUN(pixels_are_pillows);
    RUN(flat_stays_flat);
    RUN(same_size_is_a_copy);
    RUN(bad_sizes);
    calr_resizer_release(resizer);
    calr_resizer_release(NULL);
    return check_finish();
}
