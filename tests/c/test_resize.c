/* Resizing against Pillow, bit by bit. */
#include "check.h"
#include "picture.h"

#include "image/pixels.h"
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

/* All kernels of this processor, at all widths up to some vectors, ends of memory included: their
 * sums are the definition's, also where they leave 0 .. 255 or have many or odd numbers of rows. */
static void kernels_weigh_alike(void)
{
    enum { MOST = 300, ROWS = 9 };
    uint32_t state = 5;
    for (int number = 0; calr_pixels_kernels(number); number++) {
        const calr_pixel_kernels *kernels = calr_pixels_kernels(number);
        int wrong = 0;
        for (int width = 1; width < MOST; width++) {
            int rows = 1 + width % ROWS;
            int32_t weight[ROWS], pairs[ROWS + 1];
            uint8_t *from = malloc((size_t)rows * (size_t)width), *to = malloc((size_t)width);
            for (int i = 0; i < rows * width; i++)
                from[i] = (uint8_t)((state = state * 1664525u + 1013904223u) >> 24);
            for (int k = 0; k < rows; k++)
                weight[k] = (int32_t)((state = state * 1664525u + 1013904223u) >> 12) - (1 << 19);
            calr_pixels_pair(weight, rows, pairs);
            calr_pixel_weights weights = {rows, weight, pairs};
            kernels->weigh(&weights, from, (size_t)width, (size_t)width, to);
            for (int x = 0; x < width; x++) {
                int64_t sum = 1 << 21;
                for (int k = 0; k < rows; k++)
                    sum += (int64_t)weight[k] * from[k * width + x];
                int64_t value = sum >> 22;
                wrong += to[x] != (value < 0 ? 0 : value > 255 ? 255 : value);
            }
            free(from);
            free(to);
        }
        CHECK_INT(wrong, 0);
    }
}

static void kernels_reverse_alike(void)
{
    for (int number = 0; calr_pixels_kernels(number); number++)
        for (size_t count = 0; count < 100; count++) {
            uint8_t *from = picture_make((int)count + 1, 1, 3), *to = malloc(3 * count + 1);
            uint8_t *exact = malloc(3 * count + 1); /* the sanitizer sees a byte read too much */
            memcpy(exact, from, 3 * count);
            exact = realloc(exact, count ? 3 * count : 1);
            to[3 * count] = 77;
            calr_pixels_kernels(number)->reverse(exact, count, to);
            int wrong = to[3 * count] != 77;
            for (size_t i = 0; i < 3 * count; i++)
                wrong += to[i] != from[3 * (count - 1 - i / 3) + i % 3];
            CHECK_INT(wrong, 0);
            free(from);
            free(exact);
            free(to);
        }
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
    RUN(kernels_weigh_alike);
    RUN(kernels_reverse_alike);
    RUN(bad_sizes);
    calr_resizer_release(resizer);
    calr_resizer_release(NULL);
    return check_finish();
}
