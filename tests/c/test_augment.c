/* Augmentation: normalisation, flips, cuts, erasing; what is drawn and how often. */
#include "check.h"
#include "picture.h"

#include "image/augment.h"

#define HEIGHT 64
#define WIDTH  32
#define PIXELS ((size_t)HEIGHT * WIDTH)

static uint8_t picture[PIXELS * 3];
static float slot[PIXELS * 3], plain[PIXELS * 3];

/* The value of the byte, normalised, by the definition. */
static float normal(const calr_augment *augment, int c, int value)
{
    return ((float)value / 255.0f - augment->mean[c]) / augment->std[c];
}

static const float *at(const float *image, int y, int x)
{
    return image + ((size_t)y * WIDTH + (size_t)x) * 3;
}

static int same(const float *a, const float *b)
{
    return memcmp(a, b, 3 * sizeof *a) == 0;
}

static void plain_normalises(void)
{
    calr_augment augment = calr_augment_plain(HEIGHT, WIDTH);
    calr_rng rng = calr_augment_stream(1, 0, 0);
    calr_augment_draw draw = calr_augment_choose(&augment, &rng);
    CHECK(!draw.flip && draw.top == 0 && draw.left == 0 && draw.erase_height == 0);
    calr_augment_apply(&augment, &draw, picture, NULL, plain);
    int wrong = 0;
    for (size_t i = 0; i < PIXELS * 3; i++)
        wrong += plain[i] != normal(&augment, (int)(i % 3), picture[i]);
    CHECK_INT(wrong, 0);
    CHECK_NEAR(normal(&augment, 0, 255), (1 - 0.485) / 0.229, 1e-6);
}

static void flip_mirrors(void)
{
    calr_augment augment = calr_augment_plain(HEIGHT, WIDTH);
    calr_augment_draw draw = {.flip = true};
    calr_augment_apply(&augment, &draw, picture, NULL, slot);
    int wrong = 0;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            wrong += !same(at(slot, y, x), at(plain, y, WIDTH - 1 - x));
    CHECK_INT(wrong, 0);
}

/* Every corner, the middle, and borders as wide as the image and wider; with and without flip. */
static void cut_shifts_and_fills_with_black(void)
{
    static const int pads[] = {1, 10, WIDTH, 3 * HEIGHT};
    calr_augment augment = calr_augment_plain(HEIGHT, WIDTH);
    float black[3] = {normal(&augment, 0, 0), normal(&augment, 1, 0), normal(&augment, 2, 0)};
    for (size_t p = 0; p < sizeof pads / sizeof pads[0]; p++) {
        augment.pad = pads[p];
        for (int corner = 0; corner < 18; corner++) {
            calr_augment_draw draw = {
                .flip = corner >= 9, .top = corner % 3 * pads[p], .left = corner / 3 % 3 * pads[p]};
            calr_augment_apply(&augment, &draw, picture, NULL, slot);
            int wrong = 0;
            for (int y = 0; y < HEIGHT; y++)
                for (int x = 0; x < WIDTH; x++) {
                    int from_y = y + draw.top - augment.pad, from_x = x + draw.left - augment.pad;
                    int inside = from_y >= 0 && from_y < HEIGHT && from_x >= 0 && from_x < WIDTH;
                    int column = draw.flip ? WIDTH - 1 - from_x : from_x;
                    wrong += !same(at(slot, y, x), inside ? at(plain, from_y, column) : black);
                }
            CHECK_INT(wrong, 0);
        }
    }
}

/* The definition, pixel by pixel, for sizes that are no whole vectors or several parts, and for
 * colours that make other roundings. */
static void any_size_and_colours(void)
{
    static const int sizes[][2] = {{1, 1},    {1, 7},    {5, 17},   {33, 31}, {3, 1023},
                                   {2, 1024}, {2, 1025}, {2, 3000}, {700, 2}, {1, 5000}};
    uint32_t state = 1;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        int height = sizes[s][0], width = sizes[s][1];
        size_t numbers = (size_t)height * (size_t)width * 3;
        uint8_t *from = picture_make(width, height, (uint32_t)s);
        float *out = malloc(numbers * sizeof *out);
        for (int round = 0; round < 24; round++) {
            calr_augment augment = calr_augment_training(height, width);
            calr_augment_draw draw = {.flip = round % 2, .top = round % 21, .left = round * 7 % 21};
            if (round % 4 == 0)
                draw.top = draw.left = augment.pad;
            for (int c = 0; c < 3 && round > 8; c++) {
                state = state * 1664525u + 1013904223u;
                augment.mean[c] = (float)state * 0x1p-32f;
                augment.std[c] = 0.01f + (float)(state << 8) * 0x1p-32f;
            }
            calr_augment_apply(&augment, &draw, from, NULL, out);
            size_t wrong = 0;
            for (int y = 0; y < height; y++)
                for (int x = 0; x < width; x++)
                    for (int c = 0; c < 3; c++) {
                        int row = y + draw.top - 10, column = x + draw.left - 10;
                        int inside = row >= 0 && row < height && column >= 0 && column < width;
                        column = draw.flip ? width - 1 - column : column;
                        int byte = inside ? from[(row * width + column) * 3 + c] : 0;
                        wrong += out[((int64_t)y * width + x) * 3 + c] != normal(&augment, c, byte);
                    }
            CHECK_INT((int)wrong, 0);
        }
        free(from);
        free(out);
    }
}

static void erasing_fills_the_rectangle(void)
{
    calr_augment augment = calr_augment_plain(HEIGHT, WIDTH);
    calr_augment_draw draw = {
        .erase_top = 7, .erase_left = 3, .erase_height = 57, .erase_width = 29};
    for (int after = 0; after < 2; after++) {
        augment.erase_after_normalize = after;
        calr_augment_apply(&augment, &draw, picture, NULL, slot);
        float zero[3] = {0}, *fill = after ? augment.mean : zero;
        int wrong = 0;
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++)
                wrong += !same(at(slot, y, x), y >= 7 && x >= 3 ? fill : at(plain, y, x));
        CHECK_INT(wrong, 0);
    }
}

static void draws_have_their_frequencies(void)
{
    calr_augment augment = calr_augment_training(HEIGHT, WIDTH);
    int flips = 0, erased = 0, outside = 0, tops[21] = {0}, lefts[21] = {0}, n = 20000;
    double area = 0;
    for (int i = 0; i < n; i++) {
        calr_rng rng = calr_augment_stream(4, 1, (uint64_t)i);
        calr_augment_draw draw = calr_augment_choose(&augment, &rng);
        flips += draw.flip;
        if (draw.top < 0 || draw.top > 20 || draw.left < 0 || draw.left > 20) {
            outside++;
            continue;
        }
        tops[draw.top]++;
        lefts[draw.left]++;
        if (draw.erase_height == 0)
            continue;
        erased++;
        double share = (double)draw.erase_height * draw.erase_width / (HEIGHT * WIDTH);
        double aspect = (double)draw.erase_height / draw.erase_width;
        area += share;
        outside += share < 0.015 || share > 0.42 || aspect < 0.25 || aspect > 4.2;
        outside += draw.erase_top < 0 || draw.erase_top + draw.erase_height > HEIGHT;
        outside += draw.erase_left < 0 || draw.erase_left + draw.erase_width > WIDTH;
    }
    CHECK_INT(outside, 0);
    CHECK_NEAR(flips, n / 2.0, 4 * sqrt(n / 4.0));
    CHECK_NEAR(erased, n / 2.0, 4 * sqrt(n / 4.0));
    CHECK(area / erased > 0.15 &&
          area / erased < 0.22); /* below 0.21: large flat ones do not fit and are drawn again */
    for (int i = 0; i < 21; i++) {
        CHECK_NEAR(tops[i], n / 21.0, 5 * sqrt(n / 21.0));
        CHECK_NEAR(lefts[i], n / 21.0, 5 * sqrt(n / 21.0));
    }
}

/* The same stream draws the same; switching a step off leaves the others. */
static void draws_are_named(void)
{
    calr_augment all = calr_augment_training(HEIGHT, WIDTH), still = all, uncut = all;
    still.flip = 0;
    uncut.pad = 0;
    int differ = 0;
    for (uint64_t i = 0; i < 200; i++) {
        calr_rng a = calr_augment_stream(9, 2, i), b = a, c = a, d = a,
                 other = calr_augment_stream(9, 3, i);
        calr_augment_draw x = calr_augment_choose(&all, &a), y = calr_augment_choose(&all, &b);
        calr_augment_draw without_flip = calr_augment_choose(&still, &c),
                          without_cut = calr_augment_choose(&uncut, &d);
        calr_augment_draw z = calr_augment_choose(&all, &other);
        CHECK(x.top == y.top && x.left == y.left && x.flip == y.flip &&
              x.erase_top == y.erase_top && x.erase_left == y.erase_left &&
              x.erase_height == y.erase_height && x.erase_width == y.erase_width);
        CHECK(!without_flip.flip && without_flip.top == x.top &&
              without_flip.erase_height == x.erase_height);
        CHECK(without_cut.flip == x.flip && without_cut.top == 0 &&
              without_cut.erase_left == x.erase_left);
        differ += x.top != z.top || x.left != z.left;
    }
    CHECK(differ > 180);
}

static void views_have_streams_of_their_own(void)
{
    calr_augment all = calr_augment_training(HEIGHT, WIDTH);
    int differ = 0;
    for (uint64_t i = 0; i < 200; i++) {
        calr_rng first = calr_augment_stream(9, 2, i), a = calr_augment_view_stream(9, 2, i, 0),
                 b = calr_augment_view_stream(9, 2, i, 1);
        CHECK_INT(calr_rng_u32(&first), calr_rng_u32(&a));
        a = calr_augment_view_stream(9, 2, i, 0);
        calr_augment_draw x = calr_augment_choose(&all, &a), y = calr_augment_choose(&all, &b);
        differ += x.top != y.top || x.left != y.left;
    }
    CHECK(differ > 180);
}

static void tiny_images_end(void)
{
    calr_augment augment = calr_augment_training(1, 1);
    augment.erase = 1;
    uint8_t pixel[3] = {1, 2, 3};
    float out[3];
    for (uint64_t i = 0; i < 50; i++) {
        calr_rng rng = calr_augment_stream(1, 1, i);
        calr_augment_draw draw = calr_augment_choose(&augment, &rng);
        CHECK_INT(draw.erase_height, 0); /* no rectangle is smaller than the image */
        calr_augment_apply(&augment, &draw, pixel, NULL, out);
    }
}

#define REFUSED(change, text)                                                                      \
    do {                                                                                           \
        calr_augment bad = calr_augment_training(HEIGHT, WIDTH);                                   \
        change;                                                                                    \
        CHECK_FAILS(calr_augment_check(&bad), CALR_EINVAL, text);                                  \
    } while (0)

static void bad_fields(void)
{
    calr_augment good = calr_augment_training(HEIGHT, WIDTH);
    CHECK_OK(calr_augment_check(&good));
    REFUSED(bad.height = 0, "height and width");
    REFUSED(bad.width = 70000, "height and width");
    REFUSED(bad.filter = (calr_filter)9, "filter");
    REFUSED(bad.mean[1] = NAN, "mean of channel 2");
    REFUSED(bad.std[2] = 0, "std of channel 3");
    REFUSED(bad.flip = 1.1, "flip");
    REFUSED(bad.flip = NAN, "flip");
    REFUSED(bad.pad = -1, "pad");
    REFUSED(bad.erase = -0.1, "erase");
    REFUSED(bad.erase_area[0] = 0, "erase_area");
    REFUSED(bad.erase_area[1] = 2, "erase_area");
    REFUSED(bad.erase_aspect[0] = 9, "erase_aspect");
    REFUSED(bad.erase_aspect[1] = INFINITY, "erase_aspect");
}

int main(void)
{
    uint8_t *made = picture_make(WIDTH, HEIGHT, 8);
    memcpy(picture, made, sizeof picture);
    free(made);
    RUN(plain_normalises);
    RUN(flip_mirrors);
    RUN(cut_shifts_and_fills_with_black);
    RUN(any_size_and_colours);
    RUN(erasing_fills_the_rectangle);
    RUN(draws_have_their_frequencies);
    RUN(draws_are_named);
    RUN(views_have_streams_of_their_own);
    RUN(tiny_images_end);
    RUN(bad_fields);
    return check_finish();
}
