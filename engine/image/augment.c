#include "image/augment.h"

#include <math.h>
#include <string.h>

calr_augment calr_augment_plain(int height, int width)
{
    return (calr_augment){
        .height = height,
        .width = width,
        .filter = CALR_BICUBIC,
        .mean = {0.485f, 0.456f, 0.406f},
        .std = {0.229f, 0.224f, 0.225f},
        .erase_area = {0.02, 0.4},
        .erase_aspect = {0.3, 1 / 0.3},
        .erase_after_normalize = true,
    };
}

calr_augment calr_augment_training(int height, int width)
{
    calr_augment augment = calr_augment_plain(height, width);
    augment.flip = 0.5;
    augment.pad = 10;
    augment.erase = 0.5;
    return augment;
}

static calr_status check_probability(const char *name, double value)
{
    if (!(value >= 0 && value <= 1))
        return calr_error(CALR_EINVAL, "%s is a probability, 0 to 1, not %g", name, value);
    return CALR_OK;
}

calr_status calr_augment_check(const calr_augment *augment)
{
    const calr_augment *a = augment;
    if (a->height < 1 || a->width < 1 || a->height > 65535 || a->width > 65535)
        return calr_error(CALR_EINVAL, "height and width are 1 to 65535, not %d x %d", a->height,
                          a->width);
    if ((unsigned)a->filter > CALR_BILINEAR)
        return calr_error(CALR_EINVAL, "there is no filter %d", (int)a->filter);
    for (int c = 0; c < 3; c++) {
        if (!isfinite(a->mean[c]))
            return calr_error(CALR_EINVAL, "mean of channel %d is not finite", c + 1);
        if (!(a->std[c] > 0) || !isfinite(a->std[c]))
            return calr_error(CALR_EINVAL, "std of channel %d must be above 0, not %g", c + 1,
                              a->std[c]);
    }
    CALR_TRY(check_probability("flip", a->flip));
    CALR_TRY(check_probability("erase", a->erase));
    if (a->pad < 0 || a->pad > 65535)
        return calr_error(CALR_EINVAL, "pad is 0 to 65535 pixels, not %d", a->pad);
    if (!(a->erase_area[0] > 0 && a->erase_area[0] <= a->erase_area[1] && a->erase_area[1] <= 1))
        return calr_error(CALR_EINVAL,
                          "erase_area is two fractions in order, above 0 and at most 1, not %g, %g",
                          a->erase_area[0], a->erase_area[1]);
    if (!(a->erase_aspect[0] > 0 && a->erase_aspect[0] <= a->erase_aspect[1] &&
          isfinite(a->erase_aspect[1])))
        return calr_error(CALR_EINVAL, "erase_aspect is two numbers in order, above 0, not %g, %g",
                          a->erase_aspect[0], a->erase_aspect[1]);
    return CALR_OK;
}

calr_rng calr_augment_stream(uint64_t seed, uint32_t epoch, uint64_t slot)
{
    return calr_rng_make(seed, calr_rng_purpose("augment"), epoch, slot);
}

static double between(calr_rng *rng, const double range[2])
{
    return range[0] + (range[1] - range[0]) * calr_rng_double(rng);
}

static void choose_rectangle(const calr_augment *augment, calr_rng *rng, calr_augment_draw *draw)
{
    double whole = (double)augment->height * augment->width;
    for (int attempt = 0; attempt < 100; attempt++) {
        double area = whole * between(rng, augment->erase_area);
        double aspect = between(rng, augment->erase_aspect);
        double height = rint(sqrt(area * aspect)), width = rint(sqrt(area / aspect));
        if (height < 1 || width < 1 || height >= augment->height || width >= augment->width)
            continue;
        draw->erase_height = (int)height;
        draw->erase_width = (int)width;
        draw->erase_top =
            (int)calr_rng_below(rng, (uint64_t)(augment->height - draw->erase_height) + 1);
        draw->erase_left =
            (int)calr_rng_below(rng, (uint64_t)(augment->width - draw->erase_width) + 1);
        return;
    }
}

calr_augment_draw calr_augment_choose(const calr_augment *augment, calr_rng *rng)
{
    calr_augment_draw draw = {0};
    draw.flip = calr_rng_double(rng) < augment->flip;
    /* A fraction of the range, not calr_rng_below: one number is used whatever `pad` is. */
    draw.top = (int)(calr_rng_double(rng) * (2 * augment->pad + 1));
    draw.left = (int)(calr_rng_double(rng) * (2 * augment->pad + 1));
    if (calr_rng_double(rng) < augment->erase)
        choose_rectangle(augment, rng, &draw);
    return draw;
}

/* values[c][v] is the normalised value of the byte v in channel c, rounded step by step as
 * torchvision does: v / 255, minus the mean, over the deviation. */
static void normalized_bytes(const calr_augment *augment, float values[3][256])
{
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < 256; v++) {
            float unit = (float)v / 255.0f;
            values[c][v] = (unit - augment->mean[c]) / augment->std[c];
        }
}

static void fill_pixels(float *slot, int64_t count, float red, float green, float blue)
{
    for (int64_t i = 0; i < count; i++, slot += 3) {
        slot[0] = red;
        slot[1] = green;
        slot[2] = blue;
    }
}

static void copy_pixels(float values[3][256], const uint8_t *from, int step, int count, float *slot)
{
    for (int i = 0; i < count; i++, from += step, slot += 3) {
        slot[0] = values[0][from[0]];
        slot[1] = values[1][from[1]];
        slot[2] = values[2][from[2]];
    }
}

void calr_augment_apply(const calr_augment *augment, const calr_augment_draw *draw,
                        const uint8_t *pixels, float *slot)
{
    int height = augment->height, width = augment->width;
    float values[3][256];
    normalized_bytes(augment, values);
    /* Column x of the result is column x + shift of the flipped image; outside 0 .. width-1 it is
     * black. */
    int shift = draw->left - augment->pad;
    int first = shift < 0 ? -shift : 0, last = shift > 0 ? width - shift : width;
    if (first > width)
        first = width;
    if (last < first)
        last = first;
    for (int y = 0; y < height; y++) {
        float *row = slot + (int64_t)y * width * 3;
        int from_y = y + draw->top - augment->pad;
        int begin = first, end = last;
        if (from_y < 0 || from_y >= height)
            begin = end = width;
        fill_pixels(row, begin, values[0][0], values[1][0], values[2][0]);
        if (begin < end) {
            int x = begin + shift;
            const uint8_t *from =
                pixels + ((int64_t)from_y * width + (draw->flip ? width - 1 - x : x)) * 3;
            copy_pixels(values, from, draw->flip ? -3 : 3, end - begin, row + 3 * begin);
        }
        fill_pixels(row + 3 * end, width - end, values[0][0], values[1][0], values[2][0]);
    }
    /* Outside the loop above: the rectangle is in the cut image. */
    float fill[3] = {0, 0, 0};
    if (augment->erase_after_normalize)
        memcpy(fill, augment->mean, sizeof fill);
    for (int y = 0; y < draw->erase_height; y++)
        fill_pixels(slot + ((int64_t)(draw->erase_top + y) * width + draw->erase_left) * 3,
                    draw->erase_width, fill[0], fill[1], fill[2]);
}
