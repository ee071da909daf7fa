#include "image/augment.h"

#include <math.h>
#include <string.h>

#include "base/clones.h"
#include "image/pixels.h"

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
        .color = calr_color_none(),
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
    return calr_color_check(&a->color);
}

calr_rng calr_augment_view_stream(uint64_t seed, uint32_t epoch, uint64_t slot, int view)
{
    static const char *const purposes[CALR_AUGMENT_VIEWS] = {"augment", "augment, second view"};
    return calr_rng_make(seed, calr_rng_purpose(purposes[view]), epoch, slot);
}

calr_rng calr_augment_stream(uint64_t seed, uint32_t epoch, uint64_t slot)
{
    return calr_augment_view_stream(seed, epoch, slot, 0);
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

calr_augment_draw calr_augment_draw_at(const calr_augment *augment, uint64_t seed, uint32_t epoch,
                                       uint64_t slot, int view)
{
    static const char *const purposes[CALR_AUGMENT_VIEWS] = {"augment colours",
                                                             "augment colours, second view"};
    calr_rng rng = calr_augment_view_stream(seed, epoch, slot, view);
    calr_augment_draw draw = calr_augment_choose(augment, &rng);
    if (calr_color_any(&augment->color)) {
        rng = calr_rng_make(seed, calr_rng_purpose(purposes[view]), epoch, slot);
        draw.color = calr_color_choose(&augment->color, &rng);
    }
    return draw;
}

/* values[3 v + c] is the normalised value of the byte v in channel c, rounded step by step as
 * torchvision does: v / 255, minus the mean, over the deviation. */
CALR_CLONES static void normalized_bytes(const calr_augment *augment, float *values)
{
    for (int v = 0; v < 256; v++)
        for (int c = 0; c < 3; c++)
            values[3 * v + c] = ((float)v / 255.0f - augment->mean[c]) / augment->std[c];
}

/* How bytes become numbers. */
typedef struct mapping {
    const calr_pixel_kernels *kernels;
    calr_pixel_scale scale;
    bool exact; /* whether the kernel's arithmetic gives the bits of `values` for every byte */
    float values[3 * 256];
} mapping;

static void mapping_prepare(mapping *m, const calr_augment *augment)
{
    normalized_bytes(augment, m->values);
    m->kernels = calr_pixels_best();
    m->exact = false;
    if (!m->kernels->scale)
        return;
    for (int i = 0; i < CALR_PIXELS_PERIOD; i++) {
        double inverse = 1.0 / (double)augment->std[i % 3];
        m->scale.mean[i] = augment->mean[i % 3];
        m->scale.high[i] = (float)inverse;
        m->scale.low[i] = (float)(inverse - (double)(float)inverse);
    }
    uint8_t bytes[3 * 256];
    float scaled[3 * 256];
    for (int v = 0; v < 256; v++)
        bytes[3 * v] = bytes[3 * v + 1] = bytes[3 * v + 2] = (uint8_t)v;
    m->kernels->scale(bytes, 256, &m->scale, scaled);
    m->exact = memcmp(scaled, m->values, sizeof scaled) == 0;
}

static void map_pixels(const mapping *m, const uint8_t *from, size_t count, float *slot)
{
    if (m->exact) {
        m->kernels->scale(from, count, &m->scale, slot);
        return;
    }
    for (size_t i = 0; i < count; i++, from += 3, slot += 3)
        for (int c = 0; c < 3; c++)
            slot[c] = m->values[3 * from[c] + c];
}

static void fill_pixels(float *slot, int count, const float color[3])
{
    float many[CALR_PIXELS_PERIOD];
    const int step = CALR_PIXELS_PERIOD / 3;
    for (int i = 0; i < CALR_PIXELS_PERIOD; i++)
        many[i] = color[i % 3];
    for (; count >= step; count -= step, slot += CALR_PIXELS_PERIOD)
        memcpy(slot, many, sizeof many);
    memcpy(slot, many, 3 * (size_t)count * sizeof *many);
}

/* What is cut out of the (flipped) image: column x of the result is its column x + shift, row y its
 * row y + down; outside the image it is black. */
typedef struct cut {
    const calr_pixel_kernels *kernels;
    const uint8_t *pixels;
    int height, width;
    bool flip;
    int shift, down;
} cut;

/* Columns begin .. begin + count - 1 of row y. */
static void cut_row(const cut *c, int y, int begin, int count, uint8_t *to)
{
    int row = y + c->down, first = begin + c->shift,
        last = first + count; /* in the flipped image */
    int from = first < 0 ? 0 : first, end = last > c->width ? c->width : last;
    if (row < 0 || row >= c->height || from >= end) {
        memset(to, 0, 3 * (size_t)count);
        return;
    }
    size_t before = 3 * (size_t)(from - first), inner = (size_t)(end - from);
    const uint8_t *line = c->pixels + 3 * (int64_t)row * c->width;
    memset(to, 0, before);
    if (c->flip)
        c->kernels->reverse(line + 3 * (int64_t)(c->width - end), inner, to + before);
    else
        memcpy(to + before, line + 3 * (int64_t)from, 3 * inner);
    memset(to + before + 3 * inner, 0, 3 * (size_t)(last - end));
}

/* The rectangle's part in rows y .. y + rows - 1. */
static void erase_rows(const calr_augment *augment, const calr_augment_draw *draw, int y, int rows,
                       float *slot)
{
    static const float nothing[3];
    int top = draw->erase_top > y ? draw->erase_top : y, end = draw->erase_top + draw->erase_height;
    for (end = end < y + rows ? end : y + rows; top < end; top++)
        fill_pixels(slot + ((int64_t)top * augment->width + draw->erase_left) * 3,
                    draw->erase_width, augment->erase_after_normalize ? augment->mean : nothing);
}

/* Pixels put together before they become numbers: some rows, since what was just written cannot be
 * read at once by loads that are cut in another way. */
#define PART 1024

/* An image whose colours change becomes numbers in 0 .. 1 first; then it is normalised and erased. */
static void apply_in_color(const calr_augment *augment, const calr_augment_draw *draw, const cut *c,
                           float *scratch, float *slot)
{
    int height = augment->height, width = augment->width;
    uint8_t part[3 * PART];
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x += PART) {
            int count = width - x < PART ? width - x : PART;
            float *to = slot + 3 * ((int64_t)y * width + x);
            cut_row(c, y, x, count, part);
            for (int i = 0; i < 3 * count; i++)
                to[i] = (float)part[i] / 255.0f;
        }
    calr_color_apply(&draw->color, height, width, slot, scratch);
    for (int64_t i = 0; i < 3 * (int64_t)height * width; i++)
        slot[i] = (slot[i] - augment->mean[i % 3]) / augment->std[i % 3];
    erase_rows(augment, draw, 0, height, slot);
}

void calr_augment_apply(const calr_augment *augment, const calr_augment_draw *draw,
                        const uint8_t *pixels, float *scratch, float *slot)
{
    int height = augment->height, width = augment->width;
    uint8_t part[3 * PART];
    mapping m;
    mapping_prepare(&m, augment);
    cut c = {m.kernels,
             pixels,
             height,
             width,
             draw->flip,
             draw->left - augment->pad,
             draw->top - augment->pad};
    if (calr_color_acts(&draw->color)) {
        apply_in_color(augment, draw, &c, scratch, slot);
        return;
    }
    bool whole = !c.flip && c.shift == 0 && c.down == 0;
    int rows = width < PART ? PART / width : 1, columns = width < PART ? width : PART;
    for (int y = 0; y < height; y += rows) {
        rows = height - y < rows ? height - y : rows;
        for (int x = 0; x < width; x += columns) {
            int count = width - x < columns ? width - x : columns;
            int64_t at = 3 * ((int64_t)y * width + x);
            for (int r = 0; r < rows && !whole; r++)
                cut_row(&c, y + r, x, count, part + 3 * (int64_t)r * count);
            map_pixels(&m, whole ? pixels + at : part, (size_t)rows * (size_t)count, slot + at);
        }
        erase_rows(augment, draw, y, rows, slot); /* they are still in the cache */
    }
}
