/* Colours: torchvision's values, what is drawn and how often, and what is refused. */
#include "check.h"
#include "golden.h"

#include <math.h>

#include "image/augment.h"

#define HEIGHT  11
#define WIDTH   7
#define NUMBERS (HEIGHT * WIDTH * 3)

static int byte_at(int y, int x, int c)
{
    static const int grays[3] = {0, 128, 255};
    if (y == 0 && x < 3)
        return grays[x];
    if (y == 1 && x < 3)
        return x == c ? 255 : 0;
    return (37 * x + 91 * y + 53 * c + 7 * x * y * c) % 256;
}

/* As tests/reference/color/make.py makes it. */
static void picture(float *image)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < 3; c++)
                *image++ = (float)byte_at(y, x, c) / 255;
}

static golden_file golden;

static double difference(const char *name, const float *image)
{
    const golden_entry *entry = golden_find(&golden, name);
    double worst = entry && entry->count == NUMBERS ? 0 : INFINITY;
    for (int i = 0; worst < INFINITY && i < NUMBERS; i++)
        worst = fmax(worst, fabs(image[i] - entry->values[i]));
    return worst;
}

/* The draw that does one step; the others have the factor that changes nothing. */
static calr_color_draw only(calr_color_step step, double factor)
{
    calr_color_draw draw = {
        .jitter = true,
        .order = {CALR_BRIGHTNESS, CALR_CONTRAST, CALR_SATURATION, CALR_HUE},
        .factor = {1, 1, 1, 0},
    };
    draw.factor[step] = factor;
    return draw;
}

static void check_golden(const char *name, calr_color_draw draw)
{
    float image[NUMBERS], scratch[NUMBERS];
    picture(image);
    calr_color_apply(&draw, HEIGHT, WIDTH, image, draw.blur ? scratch : NULL);
    CHECK_NEAR(difference(name, image), 0, 3e-6);
}

static void steps_are_torchvision_s(void)
{
    check_golden("brightness=0", only(CALR_BRIGHTNESS, 0));
    check_golden("brightness=0.6", only(CALR_BRIGHTNESS, 0.6));
    check_golden("brightness=1.7", only(CALR_BRIGHTNESS, 1.7));
    check_golden("contrast=0", only(CALR_CONTRAST, 0));
    check_golden("contrast=0.5", only(CALR_CONTRAST, 0.5));
    check_golden("contrast=1.8", only(CALR_CONTRAST, 1.8));
    check_golden("saturation=0", only(CALR_SATURATION, 0));
    check_golden("saturation=0.5", only(CALR_SATURATION, 0.5));
    check_golden("saturation=2.5", only(CALR_SATURATION, 2.5));
    check_golden("hue=-0.5", only(CALR_HUE, -0.5));
    check_golden("hue=-0.13", only(CALR_HUE, -0.13));
    check_golden("hue=0.1", only(CALR_HUE, 0.1));
    check_golden("hue=0.5", only(CALR_HUE, 0.5));
    check_golden("gray", (calr_color_draw){.gray = true});
}

static void they_follow_the_drawn_order(void)
{
    calr_color_draw draw = {
        .jitter = true,
        .order = {CALR_HUE, CALR_CONTRAST, CALR_BRIGHTNESS, CALR_SATURATION},
        .factor = {0.8, 1.3, 1.4, 0.07},
    };
    check_golden("jitter", draw);
    draw.gray = draw.blur = true;
    draw.sigma = 1.1;
    check_golden("all", draw);
}

static void blur_reflects(void)
{
    check_golden("blur=0.1", (calr_color_draw){.blur = true, .sigma = 0.1});
    check_golden("blur=0.8", (calr_color_draw){.blur = true, .sigma = 0.8});
    check_golden("blur=2", (calr_color_draw){.blur = true, .sigma = 2});
    check_golden("blur=7", (calr_color_draw){.blur = true, .sigma = 7}); /* wider than the image */
    float pixel[3] = {0.25f, 0.5f, 1}, scratch[3];
    calr_color_draw draw = {.blur = true, .sigma = 20};
    calr_color_apply(&draw, 1, 1, pixel, scratch);
    CHECK(pixel[0] == 0.25f && pixel[1] == 0.5f && pixel[2] == 1);
}

static void nothing_changes_nothing(void)
{
    float image[NUMBERS], same[NUMBERS];
    picture(image);
    picture(same);
    calr_color_draw draw = {.factor = {1, 1, 1, 0}};
    CHECK(!calr_color_acts(&draw));
    calr_color_apply(&draw, HEIGHT, WIDTH, image, NULL);
    CHECK(memcmp(image, same, sizeof image) == 0);
}

static void draws_have_their_frequencies(void)
{
    enum { MANY = 4000 };
    calr_color color = calr_color_none();
    CHECK(!calr_color_any(&color));
    color.jitter = 0.8, color.gray = 0.2, color.blur = 0.5;
    color.brightness = 1.5;
    CHECK(calr_color_any(&color));
    int jitter = 0, gray = 0, blur = 0, first[CALR_COLOR_STEPS] = {0}, bad = 0;
    double brightness = 0, hue = 0, sigma = 0;
    for (uint64_t i = 0; i < MANY; i++) {
        calr_rng rng = calr_rng_make(3, calr_rng_purpose("test"), 0, i);
        calr_color_draw draw = calr_color_choose(&color, &rng);
        jitter += draw.jitter, gray += draw.gray, blur += draw.blur;
        first[draw.order[0]]++;
        int seen = 0;
        for (int s = 0; s < CALR_COLOR_STEPS; s++)
            seen |= 1 << draw.order[s];
        bad += seen != 15 || draw.factor[CALR_BRIGHTNESS] < 0 ||
               draw.factor[CALR_BRIGHTNESS] > 2.5 || fabs(draw.factor[CALR_HUE]) > 0.1 ||
               fabs(draw.factor[CALR_CONTRAST] - 1) > 0.15 || draw.sigma < 0.1 || draw.sigma > 2;
        brightness += draw.factor[CALR_BRIGHTNESS], hue += draw.factor[CALR_HUE];
        sigma += draw.sigma;
    }
    CHECK_INT(bad, 0);
    CHECK_NEAR(jitter / (double)MANY, 0.8, 0.03);
    CHECK_NEAR(gray / (double)MANY, 0.2, 0.03);
    CHECK_NEAR(blur / (double)MANY, 0.5, 0.03);
    for (int s = 0; s < CALR_COLOR_STEPS; s++)
        CHECK_NEAR(first[s] / (double)MANY, 0.25, 0.03);
    CHECK_NEAR(brightness / MANY, 1.25, 0.05); /* uniform in 0 .. 2.5 */
    CHECK_NEAR(hue / MANY, 0, 0.005);
    CHECK_NEAR(sigma / MANY, 1.05, 0.05);
}

/* Colours change neither what else is drawn nor each other; views differ. */
static void draws_are_named(void)
{
    calr_augment plain = calr_augment_training(64, 32), colored = plain, less;
    colored.color.jitter = colored.color.gray = colored.color.blur = 0.5;
    less = colored;
    less.color.jitter = 0;
    int wrong = 0, differ = 0;
    for (uint64_t i = 0; i < 300; i++) {
        calr_augment_draw a = calr_augment_draw_at(&plain, 5, 1, i, 0),
                          b = calr_augment_draw_at(&colored, 5, 1, i, 0),
                          c = calr_augment_draw_at(&less, 5, 1, i, 0),
                          other = calr_augment_draw_at(&colored, 5, 1, i, 1),
                          later = calr_augment_draw_at(&colored, 5, 2, i, 0);
        calr_rng rng = calr_augment_stream(5, 1, i);
        calr_augment_draw old = calr_augment_choose(&plain, &rng);
        wrong += calr_color_acts(&a.color) || a.top != old.top || a.erase_top != old.erase_top;
        wrong += a.flip != b.flip || a.top != b.top || a.left != b.left ||
                 a.erase_top != b.erase_top || a.erase_width != b.erase_width;
        wrong += c.color.jitter || c.color.gray != b.color.gray || c.color.sigma != b.color.sigma;
        differ += b.color.sigma != other.color.sigma && b.color.sigma != later.color.sigma;
    }
    CHECK_INT(wrong, 0);
    CHECK_INT(differ, 300);
}

/* An image through calr_augment_apply: cut, colours, normalisation, erasing. */
static void augmentation_applies_them(void)
{
    calr_augment augment = calr_augment_plain(HEIGHT, WIDTH);
    uint8_t bytes[NUMBERS];
    float image[NUMBERS], scratch[NUMBERS], slot[NUMBERS];
    for (int i = 0; i < NUMBERS; i++)
        bytes[i] = (uint8_t)byte_at(i / 3 / WIDTH, i / 3 % WIDTH, i % 3);
    augment.color.blur = 1;
    calr_augment_draw draw = {
        .color = only(CALR_CONTRAST, 1.8), .erase_top = 2, .erase_height = 1, .erase_width = 1};
    draw.color.blur = true, draw.color.sigma = 0.8;
    calr_augment_apply(&augment, &draw, bytes, scratch, slot);
    picture(image);
    calr_color_apply(&draw.color, HEIGHT, WIDTH, image, scratch);
    double worst = 0;
    for (int i = 0; i < NUMBERS; i++) {
        bool erased = i / 3 == 2 * WIDTH;
        double wanted =
            erased ? augment.mean[i % 3] : (image[i] - augment.mean[i % 3]) / augment.std[i % 3];
        worst = fmax(worst, fabs(slot[i] - wanted));
    }
    CHECK_NEAR(worst, 0, 1e-6);
}

#define REFUSED(change, text)                                                                      \
    do {                                                                                           \
        calr_augment bad = calr_augment_training(HEIGHT, WIDTH);                                   \
        change;                                                                                    \
        CHECK_FAILS(calr_augment_check(&bad), CALR_EINVAL, text);                                  \
    } while (0)

static void bad_fields(void)
{
    REFUSED(bad.color.jitter = 1.5, "jitter is 0 to 1, not 1.5");
    REFUSED(bad.color.gray = -1, "gray is 0 to 1");
    REFUSED(bad.color.blur = NAN, "blur is 0 to 1");
    REFUSED(bad.color.brightness = -0.1, "brightness is 0 to 100");
    REFUSED(bad.color.contrast = INFINITY, "contrast is 0 to 100");
    REFUSED(bad.color.saturation = NAN, "saturation");
    REFUSED(bad.color.hue = 0.6, "hue is 0 to 0.5");
    REFUSED(bad.color.blur_sigma[0] = 0, "blur_sigma is two numbers in order");
    REFUSED(bad.color.blur_sigma[0] = 3, "blur_sigma is two numbers in order");
    REFUSED(bad.color.blur_sigma[1] = 21, "at most 20");
}

int main(void)
{
    golden = golden_open(CALR_TEST_REFERENCE "/color/golden.txt");
    CHECK(golden.count > 0);
    RUN(steps_are_torchvision_s);
    RUN(they_follow_the_drawn_order);
    RUN(blur_reflects);
    RUN(nothing_changes_nothing);
    RUN(draws_have_their_frequencies);
    RUN(draws_are_named);
    RUN(augmentation_applies_them);
    RUN(bad_fields);
    golden_close(&golden);
    return check_finish();
}
