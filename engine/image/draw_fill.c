/* Shapes: outlines to coverage, coverage and paint to pixels. */
#include <math.h>
#include <string.h>

#include "image/draw_internal.h"

#define PI  3.14159265358979323846
#define FAR 1e9f /* patterns end here, so that their cells can be counted */

/* ---- outlines, in user units, flattened to corners in pixels ---- */

typedef struct outline {
    double *points; /* x y */
    int count;
    const draw_affine *map;
} outline;

static void corner(outline *o, double x, double y)
{
    if (o->count == DRAW_MAX_POINTS)
        return; /* cannot be: the counts below are bounded */
    o->points[2 * o->count] = o->map->a * x + o->map->c * y + o->map->e;
    o->points[2 * o->count + 1] = o->map->b * x + o->map->d * y + o->map->f;
    o->count++;
}

/* Chords of a full circle so that none is more than 0.02 pixels inside. */
static int chords(const draw_affine *map, double radius)
{
    double scale = sqrt(fmax(map->a * map->a + map->b * map->b, map->c * map->c + map->d * map->d));
    double r = radius * scale;
    if (r < 0.1)
        return 8;
    double n = ceil(PI / acos(1 - fmin(0.02 / r, 0.5)));
    return n < 8 ? 8 : n > 512 ? 512 : (int)n;
}

static void ellipse(outline *o, const float *n)
{
    int count = chords(o->map, fmax(n[2], n[3]));
    double ca = cos(n[4]), sa = sin(n[4]);
    double grow =
        sqrt(2 * PI / count /
             sin(2 * PI / count)); /* corners a little outside: the area is the ellipse's */
    for (int i = 0; i < count; i++) {
        double t = 2 * PI * i / count, u = grow * n[2] * cos(t), v = grow * n[3] * sin(t);
        corner(o, n[0] + ca * u - sa * v, n[1] + sa * u + ca * v);
    }
}

static void arc(outline *o, double x, double y, double r, double from, double to, int full)
{
    int steps = 1 + (int)(full * (to - from) / (2 * PI));
    for (int i = 0; i <= steps; i++) {
        double t = from + (to - from) * i / steps;
        corner(o, x + r * cos(t), y + r * sin(t));
    }
}

static void limb(outline *o, const float *n)
{
    double dx = (double)n[3] - n[0], dy = (double)n[4] - n[1], distance = hypot(dx, dy);
    if (distance <= fabs((double)n[2] - n[5])) { /* one circle holds the other */
        const float *big = n[2] >= n[5] ? n : n + 3;
        float circle[5] = {big[0], big[1], big[2], big[2], 0};
        ellipse(o, circle);
        return;
    }
    /* The common tangents touch both circles at theta +- phi. */
    double theta = atan2(dy, dx), phi = acos((n[2] - n[5]) / distance);
    int full = chords(o->map, fmax(n[2], n[5]));
    arc(o, n[0], n[1], n[2], theta + phi, theta + 2 * PI - phi, full);
    arc(o, n[3], n[4], n[5], theta - phi, theta + phi, full);
}

static void curve(outline *o, const float *n, int points)
{
    for (int i = 0; i < points; i++) {
        const float *p0 = n + 2 * ((i + points - 1) % points), *p1 = n + 2 * i;
        const float *p2 = n + 2 * ((i + 1) % points), *p3 = n + 2 * ((i + 2) % points);
        for (int k = 0; k < DRAW_CURVE_STEPS; k++) {
            double t = (double)k / DRAW_CURVE_STEPS, t2 = t * t, t3 = t2 * t, q[2];
            for (int d = 0; d < 2; d++)
                q[d] = 0.5 * (2.0 * p1[d] + (-p0[d] + p2[d]) * t +
                              (2.0 * p0[d] - 5.0 * p1[d] + 4.0 * p2[d] - p3[d]) * t2 +
                              (-p0[d] + 3.0 * p1[d] - 3.0 * p2[d] + p3[d]) * t3);
            corner(o, q[0], q[1]);
        }
    }
}

/* ---- coverage ---- */

/* An edge inside one row and 0 <= x <= width: adds to each pixel the change of the area to its
 * right. */
static void edge_row(float *row, double x0, double x1, double dy)
{
    double left = x0 < x1 ? x0 : x1, right = x0 < x1 ? x1 : x0;
    int first = (int)left, last = (int)right;
    if (first == last) {
        double mean = 0.5 * (left + right) - first;
        row[first] += (float)(dy * (1 - mean));
        row[first + 1] += (float)(dy * mean);
        return;
    }
    double slope = dy / (right - left); /* of height a pixel of width */
    double done = 0;                    /* area to the right so far, a column at a time */
    for (int x = first; x <= last; x++) {
        double from = x == first ? left : x, to = x == last ? right : x + 1;
        double part = slope * (to - from);
        double inside = part * (x + 1 - 0.5 * (from + to)); /* of this pixel, right of the edge */
        row[x] += (float)(inside + done);
        done = part - inside;
    }
    row[last + 1] += (float)done;
}

/* An edge with 0 <= x <= width: cut into rows. */
static void edge_rows(draw_canvas *c, double x0, double y0, double x1, double y1)
{
    double sign = 1;
    if (y0 > y1) {
        double t = x0;
        x0 = x1, x1 = t;
        t = y0, y0 = y1, y1 = t;
        sign = -1;
    }
    double slope = (x1 - x0) / (y1 - y0), limit = c->width;
    int last = (int)ceil(y1);
    for (int y = (int)y0; y < last && y < c->height; y++) {
        double top = y0 > y ? y0 : y, bottom = y1 < y + 1 ? y1 : y + 1;
        if (bottom <= top)
            continue;
        double a = x0 + slope * (top - y0), b = x0 + slope * (bottom - y0);
        a = a < 0 ? 0 : a > limit ? limit : a; /* rounding only */
        b = b < 0 ? 0 : b > limit ? limit : b;
        edge_row(c->mask + (size_t)y * (size_t)(c->width + 2), a, b, sign * (bottom - top));
    }
}

/* Any edge: cut at the picture's sides; what is left of them is moved onto the left side, where it
 * covers whole rows. */
static void edge(draw_canvas *c, double x0, double y0, double x1, double y1)
{
    double height = c->height, width = c->width;
    if (y0 == y1 || fmax(y0, y1) <= 0 || fmin(y0, y1) >= height)
        return;
    double t[4] = {0, 1, 1, 1}, dx = x1 - x0, dy = y1 - y0;
    double ta = (0 - y0) / dy, tb = (height - y0) / dy;
    double begin = fmax(0, fmin(ta, tb)), end = fmin(1, fmax(ta, tb));
    if (!(begin < end))
        return;
    int cuts = 0;
    t[cuts++] = begin;
    double tl = dx != 0 ? -x0 / dx : -1, tr = dx != 0 ? (width - x0) / dx : -1;
    double near = fmin(tl, tr), far = fmax(tl, tr);
    if (near > begin && near < end)
        t[cuts++] = near;
    if (far > begin && far < end)
        t[cuts++] = far;
    t[cuts] = end;
    for (int i = 0; i < cuts; i++) {
        double xa = x0 + dx * t[i], xb = x0 + dx * t[i + 1];
        double ya = fmin(fmax(y0 + dy * t[i], 0), height),
               yb = fmin(fmax(y0 + dy * t[i + 1], 0), height);
        if (ya != yb)
            edge_rows(c, fmin(fmax(xa, 0), width), ya, fmin(fmax(xb, 0), width), yb);
    }
}

typedef struct box {
    int x0, y0, x1, y1; /* x1, y1 not included */
} box;

/* Sums the edges' marks into coverage 0 .. 1. */
static void accumulate(draw_canvas *c, box b)
{
    for (int y = b.y0; y < b.y1; y++) {
        float *row = c->mask + (size_t)y * (size_t)(c->width + 2), sum = 0;
        for (int x = b.x0; x < b.x1; x++) {
            sum += row[x];
            float cover = fabsf(sum);
            row[x] = cover > 1 ? 1 : cover;
        }
        for (int x = b.x1; x < c->width + 2 && x <= b.x1 + 1; x++)
            row[x] = 0;
    }
}

/* Mean over 2 * half + 1 cells with a stride; zero outside. */
static void box_filter(const float *in, float *out, int count, int stride, int half)
{
    float scale = 1.0f / (float)(2 * half + 1), sum = 0;
    for (int i = 0; i < half && i < count; i++)
        sum += in[i * stride];
    for (int i = 0; i < count; i++) {
        if (i + half < count)
            sum += in[(i + half) * stride];
        if (i - half - 1 >= 0)
            sum -= in[(i - half - 1) * stride];
        out[i * stride] = sum > 0 ? sum * scale : 0;
    }
}

/* Two box filters each way: a soft edge. */
static void soften(draw_canvas *c, box b, int half)
{
    int stride = c->width + 2, wide = b.x1 - b.x0, high = b.y1 - b.y0;
    size_t at = (size_t)b.y0 * (size_t)stride + (size_t)b.x0;
    float *mask = c->mask + at, *other = c->mask_scratch + at;
    for (int y = 0; y < high; y++) {
        box_filter(mask + (ptrdiff_t)y * stride, other + (ptrdiff_t)y * stride, wide, 1, half);
        box_filter(other + (ptrdiff_t)y * stride, mask + (ptrdiff_t)y * stride, wide, 1, half);
    }
    for (int x = 0; x < wide; x++) {
        box_filter(mask + x, other + x, high, stride, half);
        box_filter(other + x, mask + x, high, stride, half);
    }
}

/* ---- paint ---- */

/* The second colour's share of a square wave, smoothed over one pixel. `at` in periods, `blur` too.
 */
static float band(float at, float share, float blur)
{
    float centre = at - floorf(at) - 0.5f; /* -0.5 .. 0.5, the band is around 0 */
    float inside = 0.5f * share - fabsf(centre);
    if (blur <= 0)
        return inside > 0 ? 1 : 0;
    if (blur >= 1)
        return share;
    float v = inside / blur + 0.5f;
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

static float pattern_share(const draw_state *s, float x, float y)
{
    float dx = x - s->origin[0], dy = y - s->origin[1], per = 1 / s->period;
    float u = (dx * s->along[0] + dy * s->along[1]) * per,
          v = (dy * s->along[0] - dx * s->along[1]) * per;
    float blur = (float)s->footprint * per, t;
    switch (s->pattern) {
    case CALR_DRAW_STRIPES:
        return band(u, s->share, blur);
    case CALR_DRAW_CHECKS:
        return 0.5f * (band(u, s->share, blur) + band(v, s->share, blur));
    case CALR_DRAW_DOTS:
        if (blur >= 1)
            return s->share * s->share * 0.785398f;
        u -= floorf(u) + 0.5f;
        v -= floorf(v) + 0.5f;
        t = (0.5f * s->share - sqrtf(u * u + v * v)) / (blur > 0 ? blur : 1e-6f) + 0.5f;
        break;
    case CALR_DRAW_GRADIENT:
        t = u;
        break;
    case CALR_DRAW_RADIAL:
        t = sqrtf(u * u + v * v);
        break;
    default:
        return 0;
    }
    return t < 0 ? 0 : t > 1 ? 1 : t;
}

/* A number in -1 .. 1 for a corner of the lattice. */
static inline float lattice(int32_t x, int32_t y, uint32_t seed)
{
    uint32_t h = (uint32_t)x * 0x8da6b343u ^ (uint32_t)y * 0xd8163841u ^ seed;
    h = (h ^ (h >> 15)) * 0x2c1b3c6du;
    h = (h ^ (h >> 12)) * 0x297a2d39u;
    h ^= h >> 15;
    return (float)(int32_t)h * (1.0f / 2147483648.0f);
}

/* The largest whole number not above v; |v| is at most FAR. floorf is a call on the oldest
 * processors. */
static inline int32_t whole(float v)
{
    int32_t i = (int32_t)v;
    return i - ((float)i > v);
}

static inline float within(float v)
{
    return v < -FAR ? -FAR : v > FAR ? FAR : v;
}

static inline float value_noise(float x, float y, uint32_t seed)
{
    x = within(x);
    y = within(y);
    int32_t ix = whole(x), iy = whole(y), jx = ix + 1, jy = iy + 1;
    float u = x - (float)ix, v = y - (float)iy;
    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    float a = lattice(ix, iy, seed), b = lattice(jx, iy, seed);
    float c = lattice(ix, jy, seed), d = lattice(jx, jy, seed);
    float top = a + (b - a) * u, bottom = c + (d - c) * u;
    return top + (bottom - top) * v;
}

static float fractal(const draw_state *s, float x, float y)
{
    uint32_t seed = (uint32_t)s->texture_seed ^ (uint32_t)(s->texture_seed >> 32) * 0x9e3779b9u;
    float sum = 0, weight = 1, total = 0, sx = s->texture[1], sy = s->texture[2];
    for (int o = 0; o < s->octaves; o++) {
        sum += weight * value_noise(x * sx, y * sy, seed + (uint32_t)o * 0x632be59bu);
        total += weight;
        weight *= 0.5f;
        sx *= 2;
        sy *= 2;
    }
    return sum / total;
}

void draw_paint(const draw_state *s, double px, double py, float rgba[4])
{
    float x = within((float)(s->inverse.a * px + s->inverse.c * py + s->inverse.e));
    float y = within((float)(s->inverse.b * px + s->inverse.d * py + s->inverse.f));
    float factor = 1, t = s->pattern ? pattern_share(s, x, y) : 0;
    if (s->lit) {
        float l = (x - s->light[0]) * s->light[3] + (y - s->light[1]) * s->light[4];
        factor = s->light[2] + s->light[5] * (l < 0 ? 0 : l > 1 ? 1 : l);
    }
    if (s->octaves)
        factor *= 1 + s->texture[0] * fractal(s, x, y);
    for (int i = 0; i < 3; i++)
        rgba[i] = factor * (s->color[i] + t * (s->second[i] - s->color[i]));
    rgba[3] = s->color[3] + t * (s->second[3] - s->color[3]);
}

/* Blends the paint through the mask, and leaves the mask zero. */
static void compose(draw_canvas *c, box b)
{
    const draw_state *s = &c->state;
    int constant = !s->pattern && !s->lit && !s->octaves;
    float rgba[4];
    if (constant)
        draw_paint(s, 0, 0, rgba);
    for (int y = b.y0; y < b.y1; y++) {
        float *row = c->mask + (size_t)y * (size_t)(c->width + 2);
        float *pixel = c->rgb + ((size_t)y * (size_t)c->width + (size_t)b.x0) * 3;
        for (int x = b.x0; x < b.x1; x++, pixel += 3) {
            float cover = row[x];
            row[x] = 0;
            if (cover < 1e-4f)
                continue;
            if (!constant)
                draw_paint(s, x + 0.5, y + 0.5, rgba);
            float alpha = cover * rgba[3];
            for (int i = 0; i < 3; i++)
                pixel[i] += alpha * (rgba[i] - pixel[i]);
        }
    }
}

static int clamp_int(double v, int low, int high)
{
    return v < low ? low : v > high ? high : (int)v;
}

static void fill(draw_canvas *c, const double *p, int count)
{
    if (count < 3)
        return;
    double left = p[0], right = p[0], top = p[1], bottom = p[1];
    for (int i = 1; i < count; i++) {
        left = fmin(left, p[2 * i]);
        right = fmax(right, p[2 * i]);
        top = fmin(top, p[2 * i + 1]);
        bottom = fmax(bottom, p[2 * i + 1]);
    }
    /* One pixel more each way: rounding may put a mark just outside. */
    box b = {clamp_int(floor(left) - 1, 0, c->width), clamp_int(floor(top) - 1, 0, c->height),
             clamp_int(ceil(right) + 1, 0, c->width), clamp_int(ceil(bottom) + 1, 0, c->height)};
    int half =
        clamp_int(c->state.soft * 0.5f + 0.5f, 0, c->width > c->height ? c->width : c->height);
    int outside = b.x0 >= b.x1 || b.y0 >= b.y1;
    if (outside)
        return;
    for (int i = 0; i < count; i++) {
        const double *q = p + 2 * ((i + 1) % count);
        edge(c, p[2 * i], p[2 * i + 1], q[0], q[1]);
    }
    accumulate(c, b);
    if (half > 0) {
        b = (box){
            clamp_int(b.x0 - 2.0 * half, 0, c->width), clamp_int(b.y0 - 2.0 * half, 0, c->height),
            clamp_int(b.x1 + 2.0 * half, 0, c->width), clamp_int(b.y1 + 2.0 * half, 0, c->height)};
        soften(c, b, half);
    }
    compose(c, b);
}

void draw_shape(draw_canvas *canvas, calr_draw_op op, const float *numbers, int count)
{
    outline o = {canvas->points, 0, &canvas->state.pixels};
    if (op == CALR_DRAW_ELLIPSE) {
        ellipse(&o, numbers);
    } else if (op == CALR_DRAW_LIMB) {
        limb(&o, numbers);
    } else if (op == CALR_DRAW_CURVE && count >= 6) {
        curve(&o, numbers, count / 2);
    } else {
        for (int i = 0; i + 1 < count; i += 2)
            corner(&o, numbers[i], numbers[i + 1]);
    }
    fill(canvas, o.points, o.count);
}
