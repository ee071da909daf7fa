/* The text of the kernels; the including file says LANES (floats in a vector), ROWS (rows of a
 * product kept in registers), TABLE (the name of the table), WIDEN(from) and NARROW(to, v): LANES
 * numbers of bf16 as floats, and floats rounded to bf16. See kernels.h. */
#include <string.h>

#include "backend/cpu/activate.h"
#include "backend/cpu/winograd/kernels.h"
#include "base/bf16.h"

#define PANEL  CALR_WINOGRAD_PANEL
#define INLINE static inline __attribute__((always_inline))

typedef float vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

typedef int32_t bits __attribute__((vector_size(4 * LANES)));

INLINE vector load(const float *p)
{
    return *(const vector *)p;
}

INLINE void store(float *p, vector v)
{
    *(vector *)p = v;
}

/* LANES numbers of a map of bf16 (half) or of f32, from element i on. */
INLINE vector load_map(const bool half, const void *map, int64_t i)
{
    return half ? WIDEN((const calr_bf16 *)map + i) : load((const float *)map + i);
}

INLINE void store_map(const bool half, void *map, int64_t i, vector v)
{
    if (half)
        NARROW((calr_bf16 *)map + i, v);
    else
        store((float *)map + i, v);
}

#include "backend/cpu/winograd/transforms.h"

/* The place of channel c in a tile's rows. */
INLINE int64_t place(int64_t c, calr_winograd_layout layout)
{
    return c / PANEL * layout.panel + c % PANEL;
}

INLINE bool is_inside(const calr_winograd_tile *t, int64_t rows, int64_t cols)
{
    return t->row >= 0 && t->col >= 0 && t->row + rows <= t->h && t->col + cols <= t->w;
}

/* rows x cols pixels, the (perhaps outside) first at `from`. */
INLINE void load_tile(const bool half, const calr_winograd_tile *t, bool inside, const void *map,
                      int64_t from, int rows, int cols, vector *d)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++)
            if (inside ||
                (t->row + i >= 0 && t->row + i < t->h && t->col + j >= 0 && t->col + j < t->w))
                d[i * cols + j] = load_map(half, map, from + (i * t->w + j) * t->c);
            else
                d[i * cols + j] = (vector){0};
}

/* The algorithms of both directions: fr down the rows, fc along them. */
INLINE void any_input(const int fr, const int fc, const bool half, const calr_winograd_tile *t,
                      const void *map, calr_winograd_layout layout, float *out)
{
    const int rows = points_of(fr), cols = points_of(fc);
    bool inside = is_inside(t, rows, cols);
    int64_t first = (t->row * t->w + t->col) * t->c;
    for (int64_t c = 0; c < t->c; c += LANES) {
        vector d[36], r[36], v[6];
        float *to = out + place(c, layout);
        if (inside)
            load_tile(half, t, true, map, first + c, rows, cols, d);
        else
            load_tile(half, t, false, map, first + c, rows, cols, d);
        for (int j = 0; j < cols; j++) /* columns become rows of r */
            transform_input(fr, d + j, r + rows * j, cols);
        for (int i = 0; i < rows; i++) {
            transform_input(fc, r + i, v, rows);
            for (int j = 0; j < cols; j++)
                store(to + (cols * i + j) * layout.point, v[j]);
        }
    }
}

INLINE void any_gradient(const bool half, const calr_winograd_tile *t, const void *map,
                         calr_winograd_layout layout, float *out)
{
    bool inside = is_inside(t, 4, 4);
    int64_t first = (t->row * t->w + t->col) * t->c;
    for (int64_t c = 0; c < t->c; c += LANES) {
        vector d[16], r[24], v[6];
        float *to = out + place(c, layout);
        if (inside)
            load_tile(half, t, true, map, first + c, 4, 4, d);
        else
            load_tile(half, t, false, map, first + c, 4, 4, d);
        for (int j = 0; j < 4; j++)
            transform_gradient(d + j, r + 6 * j, 4);
        for (int i = 0; i < 6; i++) {
            transform_gradient(r + i, v, 6);
            for (int j = 0; j < 6; j++)
                store(to + (6 * i + j) * layout.point, v[j]);
        }
    }
}

static void gradient(const calr_winograd_tile *t, const void *map, calr_winograd_layout layout,
                     float *out)
{
    if (t->half)
        any_gradient(true, t, map, layout, out);
    else
        any_gradient(false, t, map, layout, out);
}

/* max(0, v); a NaN becomes 0. */
INLINE vector positive(vector v)
{
    const vector zero = {0};
    return (vector)((bits)v & (v > zero));
}

INLINE vector clip_6(vector v)
{
    const vector six = (vector){0} + 6;
    bits above = v > six;
    return (vector)(((bits)six & above) | ((bits)positive(v) & ~above));
}

static vector silu(vector v)
{
    for (int i = 0; i < LANES; i++)
        v[i] = calr_activate(CALR_ACTIVATION_SILU, v[i]);
    return v;
}

INLINE vector activated(calr_activation activation, vector v)
{
    switch (activation) {
    case CALR_ACTIVATION_RELU:
        return positive(v);
    case CALR_ACTIVATION_RELU6:
        return clip_6(v);
    case CALR_ACTIVATION_SILU:
        return silu(v);
    case CALR_ACTIVATION_HARDSWISH:
        return v * clip_6(v + 3) * (1.0f / 6);
    case CALR_ACTIVATION_NONE:
        break;
    }
    return v;
}

INLINE void any_output(const int fr, const int fc, const bool half, const calr_winograd_tile *t,
                       const float *in, calr_winograd_layout layout, calr_winograd_end end,
                       void *map)
{
    const int rows = points_of(fr), cols = points_of(fc);
    int64_t first = (t->row * t->w + t->col) * t->c;
    for (int64_t c = 0; c < t->c; c += LANES) {
        vector m[36], r[24], y[4], start = {0};
        const float *from = in + place(c, layout);
        if (end.bias)
            start = load(end.bias + c);
        for (int i = 0; i < rows * cols; i++)
            m[i] = load(from + i * layout.point);
        for (int j = 0; j < cols; j++)
            transform_output(fr, m + j, r + results_of(fr) * j, cols);
        for (int i = 0; i < results_of(fr); i++) {
            transform_output(fc, r + i, y, results_of(fr));
            for (int j = 0; j < results_of(fc); j++)
                if (t->row + i < t->h && t->col + j < t->w) {
                    int64_t at = first + c + (i * t->w + j) * t->c;
                    vector v = y[j] + start;
                    if (end.residual)
                        v += load_map(half, end.residual, at);
                    store_map(half, map, at, activated(end.activation, v));
                }
        }
    }
}

INLINE void any_weights(const int fr, const int fc, const float *w, int64_t made, int64_t summed,
                        bool flip, int64_t point, float *out)
{
    const int rows = points_of(fr), cols = points_of(fc);
    float turned[16][9][PANEL];
    for (int o = 0; o < PANEL; o++)
        for (int i = 0; i < 16; i++)
            for (int t = 0; t < 9; t++)
                turned[i][t][o] = w[o * made + i * summed + (flip ? 8 - t : t)];
    for (int i = 0; i < 16; i++)
        for (int lane = 0; lane < PANEL; lane += LANES) {
            vector d[9], r[18], u[6];
            for (int t = 0; t < 9; t++)
                d[t] = load(turned[i][t] + lane);
            for (int j = 0; j < 3; j++)
                transform_weights(fr, d + j, r + rows * j, 3);
            for (int k = 0; k < rows; k++) {
                transform_weights(fc, r + k, u, rows);
                for (int j = 0; j < cols; j++)
                    store(out + (cols * k + j) * point + i * PANEL + lane, u[j]);
            }
        }
}

static void weights_gradient(const float *in, int64_t point, int64_t made, int64_t summed,
                             float *dw)
{
    float turned[16][9][PANEL];
    for (int i = 0; i < 16; i++)
        for (int lane = 0; lane < PANEL; lane += LANES) {
            vector u[36], r[18], g[3];
            for (int k = 0; k < 36; k++)
                u[k] = load(in + k * point + i * PANEL + lane);
            for (int j = 0; j < 6; j++)
                transform_weights_gradient(u + j, r + 3 * j, 6);
            for (int k = 0; k < 3; k++) {
                transform_weights_gradient(r + k, g, 3);
                for (int j = 0; j < 3; j++)
                    store(turned[i][3 * k + j] + lane, g[j]);
            }
        }
    for (int o = 0; o < PANEL; o++)
        for (int i = 0; i < 16; i++)
            for (int t = 0; t < 9; t++)
                dw[o * made + i * summed + t] = turned[i][t][o];
}

#define WIDTH (2 * LANES) /* channels made at a time */

/* Stores sums, or adds them to what is there. */
INLINE void put(const int rows, const vector *sum, bool add, float *c)
{
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        vector first = sum[2 * r], second = sum[2 * r + 1];
        if (add)
            first += load(c + r * PANEL), second += load(c + r * PANEL + LANES);
        store(c + r * PANEL, first);
        store(c + r * PANEL + LANES, second);
    }
}

/* `rows` tiles times WIDTH channels, the sums over each panel of a kept in registers. The sums of
 * panels are added up apart: one chain over all channels would make most of the result's error. */
INLINE void block(const int rows, int64_t panels, const float *a, int64_t a_panel, const float *b,
                  bool add, float *c)
{
    for (int64_t p = 0; p < panels; p++, a += a_panel, add = true) {
        vector sum[2 * ROWS];
#pragma GCC unroll 32
        for (int r = 0; r < 2 * rows; r++)
            sum[r] = (vector){0};
        for (int k = 0; k < PANEL; k++, b += PANEL) {
            vector b0 = load(b), b1 = load(b + LANES);
            /* the next tiles: pieces of 1.5 kB, too short for the processor to find by itself */
            __builtin_prefetch(a + rows * PANEL + k * 16);
#pragma GCC unroll 16
            for (int r = 0; r < rows; r++) {
                float s = a[r * PANEL + k];
                sum[2 * r] += s * b0;
                sum[2 * r + 1] += s * b1;
            }
        }
        put(rows, sum, add, c);
    }
}

/* Panels of b that all tiles are multiplied by before the next ones come: 16 kB stay in the
 * first-level cache. */
#define PANELS_AT_ONCE 4

static void product(int64_t tiles, int64_t panels, const float *a, int64_t a_panel, const float *b,
                    float *c)
{
    for (int64_t p = 0; p < panels; p += PANELS_AT_ONCE) {
        int64_t some = panels - p < PANELS_AT_ONCE ? panels - p : PANELS_AT_ONCE;
        for (int64_t t = 0; t < tiles;) {
            int64_t left = tiles - t, step = left >= ROWS ? ROWS : left >= 4 ? 4 : 1;
            for (int64_t o = 0; o < PANEL; o += WIDTH) {
                const float *from = a + p * a_panel + t * PANEL, *by = b + p * PANEL * PANEL + o;
                float *to = c + t * PANEL + o;
                if (step == ROWS)
                    block(ROWS, some, from, a_panel, by, p > 0, to);
                else if (step == 4)
                    block(4, some, from, a_panel, by, p > 0, to);
                else
                    block(1, some, from, a_panel, by, p > 0, to);
            }
            t += step;
        }
    }
}

/* Rows of a^T b, WIDTH columns. `soon` is fetched meanwhile, PANEL numbers a tile. */
INLINE void block_transposed(const int rows, int64_t tiles, const float *a, const float *b,
                             const float *soon, bool add, float *c)
{
    vector sum[2 * ROWS];
#pragma GCC unroll 32
    for (int r = 0; r < 2 * rows; r++)
        sum[r] = (vector){0};
    for (int64_t t = 0; t < tiles; t++, a += PANEL, b += PANEL, soon += PANEL) {
        vector b0 = load(b), b1 = load(b + LANES);
        __builtin_prefetch(soon);
        __builtin_prefetch(soon + 16);
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            sum[2 * r] += a[r] * b0;
            sum[2 * r + 1] += a[r] * b1;
        }
    }
    put(rows, sum, add, c);
}

/* As many tiles are summed in one chain as channels are above; they stay in the first-level cache
 * meanwhile. */
static void product_transposed(int64_t tiles, const float *a, const float *b, bool add, float *c)
{
    for (int64_t t = 0; t < tiles; t += PANEL, add = true) {
        int64_t some = tiles - t < PANEL ? tiles - t : PANEL;
        const float *next_a = a + PANEL * PANEL, *next_b = b + PANEL * PANEL;
        for (int64_t o = 0; o < PANEL; o += WIDTH)
            for (int64_t i = 0; i < PANEL; i += ROWS) {
                const float *soon = i ? next_b : next_a;
                float *to = c + i * PANEL + o;
                if (i + ROWS <= PANEL)
                    block_transposed(ROWS, some, a + i, b + o, soon, add, to);
                else
                    block_transposed(PANEL % ROWS, some, a + i, b + o, soon, add, to);
            }
        a = next_a, b = next_b;
    }
}

/* A form's functions, with the algorithms of its two directions known when they are compiled. */
#define FORM(name, fr, fc)                                                                         \
    static void name##_input(const calr_winograd_tile *tile, const void *map,                      \
                             calr_winograd_layout layout, float *out)                              \
    {                                                                                              \
        if (tile->half)                                                                            \
            any_input(fr, fc, true, tile, map, layout, out);                                       \
        else                                                                                       \
            any_input(fr, fc, false, tile, map, layout, out);                                      \
    }                                                                                              \
    static void name##_output(const calr_winograd_tile *tile, const float *in,                     \
                              calr_winograd_layout layout, calr_winograd_end end, void *map)       \
    {                                                                                              \
        if (tile->half)                                                                            \
            any_output(fr, fc, true, tile, in, layout, end, map);                                  \
        else                                                                                       \
            any_output(fr, fc, false, tile, in, layout, end, map);                                 \
    }                                                                                              \
    static void name##_weights(const float *w, int64_t made, int64_t summed, bool flip,            \
                               int64_t point, float *out)                                          \
    {                                                                                              \
        any_weights(fr, fc, w, made, summed, flip, point, out);                                    \
    }

FORM(fast, F43, F43)
FORM(exact, F43, F23)

const calr_winograd_kernels TABLE = {
    .name = NAME,
    .fast = {.points = 36, .rows = 4, .cols = 4, fast_input, fast_output, fast_weights},
    .exact = {.points = 24, .rows = 4, .cols = 2, exact_input, exact_output, exact_weights},
    .gradient = gradient,
    .weights_gradient = weights_gradient,
    .product = product,
    .product_transposed = product_transposed};
