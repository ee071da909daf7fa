#include "image/color.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

calr_color calr_color_none(void)
{
    return (calr_color){
        .brightness = 0.15,
        .contrast = 0.15,
        .saturation = 0.1,
        .hue = 0.1,
        .blur_sigma = {0.1, 2},
    };
}

static calr_status check_range(const char *name, double value, double high)
{
    if (!(value >= 0 && value <= high))
        return calr_error(CALR_EINVAL, "%s is 0 to %g, not %g", name, high, value);
    return CALR_OK;
}

calr_status calr_color_check(const calr_color *color)
{
    CALR_TRY(check_range("jitter", color->jitter, 1));
    CALR_TRY(check_range("gray", color->gray, 1));
    CALR_TRY(check_range("blur", color->blur, 1));
    CALR_TRY(check_range("brightness", color->brightness, 100));
    CALR_TRY(check_range("contrast", color->contrast, 100));
    CALR_TRY(check_range("saturation", color->saturation, 100));
    CALR_TRY(check_range("hue", color->hue, 0.5));
    const double *sigma = color->blur_sigma;
    if (!(sigma[0] > 0 && sigma[0] <= sigma[1] && sigma[1] <= CALR_COLOR_SIGMA_MAX))
        return calr_error(CALR_EINVAL,
                          "blur_sigma is two numbers in order, above 0 and at most %d, not %g, %g",
                          CALR_COLOR_SIGMA_MAX, sigma[0], sigma[1]);
    return CALR_OK;
}

bool calr_color_any(const calr_color *color)
{
    return color->jitter > 0 || color->gray > 0 || color->blur > 0;
}

static double around(calr_rng *rng, double middle, double strength)
{
    double low = middle - strength, u = calr_rng_double(rng);
    if (middle > 0 && low < 0)
        low = 0;
    return low + (middle + strength - low) * u;
}

calr_color_draw calr_color_choose(const calr_color *color, calr_rng *rng)
{
    calr_color_draw draw = {.jitter = calr_rng_double(rng) < color->jitter};
    for (int i = 0; i < CALR_COLOR_STEPS; i++)
        draw.order[i] = (calr_color_step)i;
    for (int i = CALR_COLOR_STEPS - 1; i > 0; i--) {
        int other = (int)(calr_rng_double(rng) * (i + 1));
        calr_color_step moved = draw.order[i];
        draw.order[i] = draw.order[other];
        draw.order[other] = moved;
    }
    draw.factor[CALR_BRIGHTNESS] = around(rng, 1, color->brightness);
    draw.factor[CALR_CONTRAST] = around(rng, 1, color->contrast);
    draw.factor[CALR_SATURATION] = around(rng, 1, color->saturation);
    draw.factor[CALR_HUE] = around(rng, 0, color->hue);
    draw.gray = calr_rng_double(rng) < color->gray;
    draw.blur = calr_rng_double(rng) < color->blur;
    draw.sigma =
        color->blur_sigma[0] + (color->blur_sigma[1] - color->blur_sigma[0]) * calr_rng_double(rng);
    return draw;
}

bool calr_color_acts(const calr_color_draw *draw)
{
    return draw->jitter || draw->gray || draw->blur;
}

/* ---- jitter ---- */

static float clamped(float value)
{
    return value < 0 ? 0 : value > 1 ? 1 : value;
}

/* ITU-R BT.601, with torchvision's digits. */
static float luma(const float *pixel)
{
    return 0.2989f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2];
}

static float mean_luma(const float *image, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += luma(image + 3 * i);
    return (float)(sum / (double)count);
}

/* Each channel between `gray` (factor 0) and itself (factor 1), or beyond. */
static void blend(float *pixel, float gray, float factor)
{
    for (int c = 0; c < 3; c++)
        pixel[c] = clamped(factor * pixel[c] + (1 - factor) * gray);
}

/* Turns the hue, by way of hue, saturation and value. */
static void turn(float *pixel, float by)
{
    float r = pixel[0], g = pixel[1], b = pixel[2];
    float high = fmaxf(r, fmaxf(g, b)), low = fminf(r, fminf(g, b)), range = high - low;
    if (range == 0)
        return;
    float saturation = range / high;
    float to_r = (high - r) / range, to_g = (high - g) / range, to_b = (high - b) / range;
    float hue = r == high ? to_b - to_g : g == high ? 2 + to_r - to_b : 4 + to_g - to_r;
    hue = hue / 6 + 1 + by;
    hue -= floorf(hue);
    int sector = (int)(hue * 6);
    float part = hue * 6 - (float)sector;
    float p = clamped(high * (1 - saturation)), q = clamped(high * (1 - saturation * part)),
          t = clamped(high * (1 - saturation * (1 - part)));
    const float red[] = {high, q, p, p, t, high}, green[] = {t, high, high, q, p, p},
                blue[] = {p, p, t, high, high, q};
    pixel[0] = red[sector % 6];
    pixel[1] = green[sector % 6];
    pixel[2] = blue[sector % 6];
}

static void jitter(calr_color_step step, float factor, float *image, int64_t count)
{
    float gray = step == CALR_CONTRAST ? mean_luma(image, count) : 0;
    for (float *pixel = image; pixel < image + 3 * count; pixel += 3)
        if (step == CALR_HUE)
            turn(pixel, factor);
        else
            blend(pixel, step == CALR_SATURATION ? luma(pixel) : gray, factor);
}

/* ---- blur ---- */

/* Three deviations to each side hold 99.7 % of the bell. */
#define RADIUS_MAX (3 * CALR_COLOR_SIGMA_MAX)

/* An image reflects up to its size less one. */
static int bell(double sigma, int size, float weights[2 * RADIUS_MAX + 1])
{
    int radius = (int)ceil(3 * sigma);
    if (radius > size - 1)
        radius = size - 1;
    double sum = 0;
    for (int i = -radius; i <= radius; i++)
        sum += exp(-0.5 * (i / sigma) * (i / sigma));
    for (int i = -radius; i <= radius; i++)
        weights[radius + i] = (float)(exp(-0.5 * (i / sigma) * (i / sigma)) / sum);
    return radius;
}

static int reflected(int at, int size)
{
    return at < 0 ? -at : at >= size ? 2 * (size - 1) - at : at;
}

/* Sums along one dimension: `size` groups of `group` numbers, in each of `lines` lines. */
static void blur_along(const float *from, int lines, int size, int group, double sigma, float *to)
{
    float weights[2 * RADIUS_MAX + 1];
    int radius = bell(sigma, size, weights);
    for (int line = 0; line < lines; line++, from += (int64_t)size * group)
        for (int x = 0; x < size; x++, to += group) {
            memset(to, 0, (size_t)group * sizeof *to);
            for (int i = -radius; i <= radius; i++) {
                const float *near = from + (int64_t)reflected(x + i, size) * group;
                for (int c = 0; c < group; c++)
                    to[c] += weights[radius + i] * near[c];
            }
        }
}

void calr_color_apply(const calr_color_draw *draw, int height, int width, float *image,
                      float *scratch)
{
    int64_t count = (int64_t)height * width;
    for (int i = 0; draw->jitter && i < CALR_COLOR_STEPS; i++)
        jitter(draw->order[i], (float)draw->factor[draw->order[i]], image, count);
    for (float *pixel = image; draw->gray && pixel < image + 3 * count; pixel += 3)
        pixel[0] = pixel[1] = pixel[2] = luma(pixel);
    if (draw->blur) {
        blur_along(image, height, width, 3, draw->sigma, scratch);
        blur_along(scratch, 1, height, 3 * width, draw->sigma, image);
    }
}
