/* Effects on a whole picture: what optics, sensors and their tuning do to it. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "image/draw_internal.h"

#define MAX_TAPS 129 /* of a Gaussian: sigma up to 21 pixels; beyond, it is cut */

static size_t pixel_count(const draw_canvas *c)
{
    return (size_t)c->height * (size_t)c->width;
}

static void matrix(draw_canvas *c, const float *n)
{
    float *p = c->rgb;
    for (size_t i = 0, count = pixel_count(c); i < count; i++, p += 3) {
        float r = p[0], g = p[1], b = p[2];
        for (int k = 0; k < 3; k++)
            p[k] = n[3 * k] * r + n[3 * k + 1] * g + n[3 * k + 2] * b + n[9 + k];
    }
}

static float clamp01(float v)
{
    return v > 0 ? (v < 1 ? v : 1) : 0;
}

static void tone(draw_canvas *c, float gamma, float contrast, float saturation)
{
    float *p = c->rgb;
    for (size_t i = 0, count = pixel_count(c); i < count; i++, p += 3) {
        float v[3];
        for (int k = 0; k < 3; k++) {
            v[k] = clamp01(p[k]);
            if (gamma != 1)
                v[k] = powf(v[k], gamma);
            v[k] = 0.5f + contrast * (v[k] - 0.5f);
        }
        float grey = 0.299f * v[0] + 0.587f * v[1] + 0.114f * v[2];
        for (int k = 0; k < 3; k++)
            p[k] = grey + saturation * (v[k] - grey);
    }
}

/* One pass of a symmetric filter over `lines` lines of `length` pixels; the border pixel is
 * repeated. */
static void filter(const float *in, float *out, int lines, size_t line_step, int length,
                   size_t step, const float *taps, int half)
{
    for (int l = 0; l < lines; l++) {
        const float *from = in + (size_t)l * line_step;
        float *to = out + (size_t)l * line_step;
        for (int i = 0; i < length; i++) {
            float sum[3] = {0, 0, 0};
            for (int k = -half; k <= half; k++) {
                int at = i + k < 0 ? 0 : i + k >= length ? length - 1 : i + k;
                const float *q = from + (size_t)at * step;
                float w = taps[k < 0 ? -k : k];
                sum[0] += w * q[0];
                sum[1] += w * q[1];
                sum[2] += w * q[2];
            }
            memcpy(to + (size_t)i * step, sum, sizeof sum);
        }
    }
}

/* taps[0 .. half] of a Gaussian that sums to 1 over -half .. half. Returns half. */
static int gaussian(double sigma, float taps[MAX_TAPS / 2 + 1])
{
    int half = (int)ceil(3 * sigma);
    if (half > MAX_TAPS / 2)
        half = MAX_TAPS / 2;
    double sum = 0, weight[MAX_TAPS / 2 + 1];
    for (int k = 0; k <= half; k++) {
        weight[k] = exp(-0.5 * k * k / (sigma * sigma));
        sum += k ? 2 * weight[k] : weight[k];
    }
    for (int k = 0; k <= half; k++)
        taps[k] = (float)(weight[k] / sum);
    return half;
}

static void blur(draw_canvas *c, double sigma)
{
    float taps[MAX_TAPS / 2 + 1];
    double sx = sigma * c->scale_x, sy = sigma * c->scale_y;
    size_t row = (size_t)c->width * 3;
    int half = gaussian(sx > 0.05 ? sx : 0.05, taps);
    filter(c->rgb, c->scratch, c->height, row, c->width, 3, taps, half);
    half = gaussian(sy > 0.05 ? sy : 0.05, taps);
    filter(c->scratch, c->rgb, c->width, 3, c->height, row, taps, half);
}

static void sample(const draw_canvas *c, const float *from, float x, float y, float rgb[3])
{
    float mx = (float)(c->width - 1), my = (float)(c->height - 1);
    x = x < 0 ? 0 : x > mx ? mx : x;
    y = y < 0 ? 0 : y > my ? my : y;
    int x0 = (int)x, y0 = (int)y, x1 = x0 + (x0 + 1 < c->width), y1 = y0 + (y0 + 1 < c->height);
    float u = x - (float)x0, v = y - (float)y0;
    const float *a = from + ((size_t)y0 * (size_t)c->width + (size_t)x0) * 3;
    const float *b = from + ((size_t)y0 * (size_t)c->width + (size_t)x1) * 3;
    const float *d = from + ((size_t)y1 * (size_t)c->width + (size_t)x0) * 3;
    const float *e = from + ((size_t)y1 * (size_t)c->width + (size_t)x1) * 3;
    for (int k = 0; k < 3; k++) {
        float top = a[k] + (b[k] - a[k]) * u, bottom = d[k] + (e[k] - d[k]) * u;
        rgb[k] = top + (bottom - top) * v;
    }
}

static void motion(draw_canvas *c, double length, double angle)
{
    double dx = length * cos(angle) * c->scale_x, dy = length * sin(angle) * c->scale_y,
           pixels = hypot(dx, dy);
    if (pixels < 0.05)
        return;
    int taps = 2 + (int)fmin(pixels, 62);
    memcpy(c->scratch, c->rgb, pixel_count(c) * 3 * sizeof(float));
    float *p = c->rgb;
    for (int y = 0; y < c->height; y++)
        for (int x = 0; x < c->width; x++, p += 3) {
            float sum[3] = {0, 0, 0}, one[3];
            for (int t = 0; t < taps; t++) {
                float at = (float)t / (float)(taps - 1) - 0.5f;
                sample(c, c->scratch, (float)x + at * (float)dx, (float)y + at * (float)dy, one);
                for (int k = 0; k < 3; k++)
                    sum[k] += one[k];
            }
            for (int k = 0; k < 3; k++)
                p[k] = sum[k] / (float)taps;
        }
}

/* Mean of the source over a rectangle of it, in pixels, with shares of pixels at its edges. */
static void area_mean(const draw_canvas *c, double x0, double x1, double y0, double y1,
                      float rgb[3])
{
    double sum[3] = {0, 0, 0}, total = 0;
    for (int y = (int)y0; y < c->height && y < y1; y++) {
        double wy = fmin(y + 1, y1) - fmax(y, y0);
        for (int x = (int)x0; x < c->width && x < x1; x++) {
            double w = wy * (fmin(x + 1, x1) - fmax(x, x0));
            const float *q = c->rgb + ((size_t)y * (size_t)c->width + (size_t)x) * 3;
            for (int k = 0; k < 3; k++)
                sum[k] += w * q[k];
            total += w;
        }
    }
    for (int k = 0; k < 3; k++)
        rgb[k] = total > 0 ? (float)(sum[k] / total) : 0;
}

static void resolution(draw_canvas *c, double factor)
{
    draw_canvas small = *c;
    small.width = (int)fmax(1, floor(c->width * factor + 0.5));
    small.height = (int)fmax(1, floor(c->height * factor + 0.5));
    if (small.width == c->width && small.height == c->height)
        return;
    double rx = (double)c->width / small.width, ry = (double)c->height / small.height;
    float *q = c->scratch;
    for (int y = 0; y < small.height; y++)
        for (int x = 0; x < small.width; x++, q += 3)
            area_mean(c, x * rx, (x + 1) * rx, y * ry, (y + 1) * ry, q);
    float *p = c->rgb;
    for (int y = 0; y < c->height; y++)
        for (int x = 0; x < c->width; x++, p += 3)
            sample(&small, c->scratch, (float)((x + 0.5) / rx - 0.5), (float)((y + 0.5) / ry - 0.5),
                   p);
}

static void vignette(draw_canvas *c, float strength)
{
    float *p = c->rgb;
    for (int y = 0; y < c->height; y++)
        for (int x = 0; x < c->width; x++, p += 3) {
            float u = 2 * ((float)x + 0.5f) / (float)c->width - 1,
                  v = 2 * ((float)y + 0.5f) / (float)c->height - 1;
            float r2 = 0.5f * (u * u + v * v);
            for (int k = 0; k < 3; k++)
                p[k] *= 1 - strength * r2;
        }
}

/* Four bytes to a number of mean 0 and deviation 1, close to normal (sum of four uniform ones). */
static float near_normal(uint32_t word)
{
    int sum =
        (int)(word & 255) + (int)(word >> 8 & 255) + (int)(word >> 16 & 255) + (int)(word >> 24);
    return (float)(sum - 510) * (1.0f / 147.80166f);
}

/* Pixel i takes block i of the stream named by the seed. */
static void noise(draw_canvas *c, float luma, float chroma, uint64_t seed)
{
    uint32_t counter[4] = {0, calr_rng_purpose("sensor"), 0, 0}, out[4];
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    float *p = c->rgb;
    for (size_t i = 0, count = pixel_count(c); i < count; i++, p += 3) {
        counter[0] = (uint32_t)i;
        calr_philox(counter, key, out);
        float common = luma * near_normal(out[3]);
        for (int k = 0; k < 3; k++)
            p[k] += common + chroma * near_normal(out[k]);
    }
}

void draw_effect(draw_canvas *canvas, calr_draw_op op, const float *n, uint64_t seed)
{
    switch (op) {
    case CALR_DRAW_MATRIX:
        matrix(canvas, n);
        break;
    case CALR_DRAW_TONE:
        tone(canvas, n[0], n[1], n[2]);
        break;
    case CALR_DRAW_BLUR:
        if (n[0] > 0)
            blur(canvas, n[0]);
        break;
    case CALR_DRAW_MOTION:
        motion(canvas, n[0], n[1]);
        break;
    case CALR_DRAW_RESOLUTION:
        resolution(canvas, n[0]);
        break;
    case CALR_DRAW_VIGNETTE:
        vignette(canvas, n[0]);
        break;
    case CALR_DRAW_NOISE:
        if (n[0] > 0 || n[1] > 0)
            noise(canvas, n[0], n[1], seed);
        break;
    default:
        break;
    }
}
