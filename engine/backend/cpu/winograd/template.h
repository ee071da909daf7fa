/* The text of the kernels; the including file says LANES (floats in a vector), ROWS (rows of a
 * product kept in registers) and TABLE (the name of the table). See kernels.h.
 *
 * F(4x4, 3x3) of A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks" (CVPR
 * 2016), at the points 0, +-a, +-b and infinity with a = sqrt(1/2), b = sqrt(2) instead of 1 and 2:
 * the transforms then neither grow nor shrink much, and the error of the result is a third of that
 * of the paper's. By the construction of Cook and Toom:
 *
 *   rows of B^T: the coefficients of x (x^2 - a^2) (x^2 - b^2) without one factor (0: without x)
 *   rows of G:   (1, p, p^2) / (product of p's differences to the other points); infinity: (0, 0, 1)
 *   rows of A:   (1, p, p^2, p^3);                                               infinity: (0, 0, 0, 1)
 */
#include <string.h>

#include "backend/cpu/winograd/kernels.h"

#define PANEL  CALR_WINOGRAD_PANEL
#define INLINE static inline __attribute__((always_inline))

typedef float vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

typedef int32_t bits __attribute__((vector_size(4 * LANES)));

static const float A1 = 0.70710678118654752f, A3 = 0.35355339059327376f; /* a, a^3 */
static const float B1 = 1.41421356237309505f,
                   B3 = 2.82842712474619010f; /* b, b^3; a^2 = .5, b^2 = 2 */

INLINE vector load(const float *p)
{
    return *(const vector *)p;
}

INLINE void store(float *p, vector v)
{
    *(vector *)p = v;
}

/* Six numbers to six, B^T d; `step` vectors apart. */
INLINE void transform_input(const vector *d, vector *r, int step)
{
    vector e1 = d[4 * step] - 2 * d[2 * step], o1 = B1 * d[step] - A1 * d[3 * step];
    vector e3 = d[4 * step] - 0.5f * d[2 * step], o3 = A1 * d[step] - B1 * d[3 * step];
    r[0] = d[0] - 2.5f * d[2 * step] + d[4 * step];
    r[1] = e1 - o1;
    r[2] = e1 + o1;
    r[3] = e3 - o3;
    r[4] = e3 + o3;
    r[5] = d[step] - 2.5f * d[3 * step] + d[5 * step];
}

/* Four to six, A d. */
INLINE void transform_gradient(const vector *d, vector *r, int step)
{
    vector e1 = d[0] + 0.5f * d[2 * step], o1 = A1 * d[step] + A3 * d[3 * step];
    vector e3 = d[0] + 2 * d[2 * step], o3 = B1 * d[step] + B3 * d[3 * step];
    r[0] = d[0];
    r[1] = e1 + o1;
    r[2] = e1 - o1;
    r[3] = e3 + o3;
    r[4] = e3 - o3;
    r[5] = d[3 * step];
}

/* Six to four, A^T m. */
INLINE void transform_output(const vector *m, vector *r, int step)
{
    vector s1 = m[step] + m[2 * step], d1 = m[step] - m[2 * step];
    vector s3 = m[3 * step] + m[4 * step], d3 = m[3 * step] - m[4 * step];
    r[0] = m[0] + s1 + s3;
    r[1] = A1 * d1 + B1 * d3;
    r[2] = 0.5f * s1 + 2 * s3;
    r[3] = A3 * d1 + B3 * d3 + m[5 * step];
}

/* Three to six, G w. */
INLINE void transform_weights(const vector *w, vector *r, int step)
{
    vector e1 = (w[0] + 0.5f * w[2 * step]) * (-1 / 1.5f), o1 = w[step] * (A1 / -1.5f);
    vector e3 = (w[0] + 2 * w[2 * step]) * (1 / 6.0f), o3 = w[step] * (B1 / 6);
    r[0] = w[0];
    r[1] = e1 + o1;
    r[2] = e1 - o1;
    r[3] = e3 + o3;
    r[4] = e3 - o3;
    r[5] = w[2 * step];
}

/* Six to three, G^T u. */
INLINE void transform_weights_gradient(const vector *u, vector *r, int step)
{
    vector s1 = (u[step] + u[2 * step]) * (-1 / 1.5f), d1 = (u[step] - u[2 * step]) * (A1 / -1.5f);
    vector s3 = (u[3 * step] + u[4 * step]) * (1 / 6.0f),
           d3 = (u[3 * step] - u[4 * step]) * (B1 / 6);
    r[0] = u[0] + s1 + s3;
    r[1] = d1 + d3;
    r[2] = 0.5f * s1 + 2 * s3 + u[5 * step];
}

/* The place of channel c in a tile's rows. */
INLINE int64_t place(int64_t c, calr_winograd_layout layout)
{
    return c / PANEL * layout.panel + c % PANEL;
}

INLINE bool is_inside(const calr_winograd_tile *t, int64_t side)
{
    return t->row >= 0 && t->col >= 0 && t->row + side <= t->h && t->col + side <= t->w;
}

/* side x side pixels, `from` at the (perhaps outside) first. */
INLINE void load_tile(const calr_winograd_tile *t, bool inside, const float *from, int side,
                      vector *d)
{
    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++)
            if (inside ||
                (t->row + i >= 0 && t->row + i < t->h && t->col + j >= 0 && t->col + j < t->w))
                d[i * side + j] = load(from + (i * t->w + j) * t->c);
            else
                d[i * side + j] = (vector){0};
}

static void input(const calr_winograd_tile *t, const float *map, calr_winograd_layout layout,
                  float *out)
{
    bool inside = is_inside(t, 6);
    int64_t first = (t->row * t->w + t->col) * t->c;
    for (int64_t c = 0; c < t->c; c += LANES) {
        vector d[36], r[36], v[6];
        float *to = out + place(c, layout);
        if (inside)
            load_tile(t, true, map + first + c, 6, d);
        else
            load_tile(t, false, map + first + c, 6, d);
        for (int j = 0; j < 6; j++) /* columns become rows of r */
            transform_input(d + j, r + 6 * j, 6);
        for (int i = 0; i < 6; i++) {
            transform_input(r + i, v, 6);
            for (int j = 0; j < 6; j++)
                store(to + (6 * i + j) * layout.point, v[j]);
        }
    }
}

static void gradient(const calr_winograd_tile *t, const float *map, calr_winograd_layout layout,
                     float *out)
{
    bool inside = is_inside(t, 4);
    int64_t first = (t->row * t->w + t->col) * t->c;
    for (int64_t c = 0; c < t->c; c += LANES) {
        vector d[16], r[24], v[6];
        float *to = out + place(c, layout);
        if (inside)
            load_tile(t, true, map + first + c, 4, d);
        else
            load_tile(t, false, map + first + c, 4, d);
        for (int j = 0; j < 4; j++)
            transform_gradient(d + j, r + 6 * j, 4);
        for (int i = 0; i < 6; i++) {
            transform_gradient(r + i, v, 6);
            for (int j = 0; j < 6; j++)
                store(to + (6 * i + j) * layout.point, v[j]);
        }
    }
}

/* max(0, v); a NaN becomes 0. */
INLINE vector positive(vector v)
{
    const vector zero = {0};
    return (vector)((bits)v & (v > zero));
}

static void output(const calr_winograd_tile *t, const float *in, calr_winograd_layout layout,
                   calr_winograd_end end, float *map)
{
    int64_t first = (t->row * t->w + t->col) * t->c;
    for (int64_t c = 0; c < t->c; c += LANES) {
        vector m[36], r[24], y[4], start = {0};
        const float *from = in + place(c, layout);
        if (end.bias)
            start = load(end.bias + c);
        for (int i = 0; i < 36; i++)
            m[i] = load(from + i * layout.point);
        for (int j = 0; j < 6; j++)
            transform_output(m + j, r + 4 * j, 6);
        for (int i = 0; i < 4; i++) {
            transform_output(r + i, y, 4);
            for (int j = 0; j < 4; j++)
                if (t->row + i < t->h && t->col + j < t->w) {
                    int64_t at = first + c + (i * t->w + j) * t->c;
                    vector v = y[j] + start;
                    if (end.residual)
                        v += load(end.residual + at);
                    if (end.relu)
                        v = positive(v);
                    store(map + at, v);
                }
        }
    }
}

static void weights(const float *w, int64_t made, int64_t summed, bool flip, int64_t point,
                    float *out)
{
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
                transform_weights(d + j, r + 6 * j, 3);
            for (int k = 0; k < 6; k++) {
                transform_weights(r + k, u, 6);
                for (int j = 0; j < 6; j++)
                    store(out + (6 * k + j) * point + i * PANEL + lane, u[j]);
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

/* `rows` tiles times WIDTH channels, kept in registers. */
INLINE void block(const int rows, int64_t panels, const float *a, int64_t a_panel, const float *b,
                  float *c)
{
    vector sum[2 * ROWS];
#pragma GCC unroll 32
    for (int r = 0; r < 2 * rows; r++)
        sum[r] = (vector){0};
    for (int64_t p = 0; p < panels; p++, a += a_panel)
        for (int k = 0; k < PANEL; k++, b += PANEL) {
            vector b0 = load(b), b1 = load(b + LANES);
#pragma GCC unroll 16
            for (int r = 0; r < rows; r++) {
                float s = a[r * PANEL + k];
                sum[2 * r] += s * b0;
                sum[2 * r + 1] += s * b1;
            }
        }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        store(c + r * PANEL, sum[2 * r]);
        store(c + r * PANEL + LANES, sum[2 * r + 1]);
    }
}

static void product(int64_t tiles, int64_t panels, const float *a, int64_t a_panel, const float *b,
                    float *c)
{
    for (int64_t t = 0; t < tiles;) {
        int64_t left = tiles - t, step = left >= ROWS ? ROWS : left >= 4 ? 4 : 1;
        for (int64_t o = 0; o < PANEL; o += WIDTH) {
            const float *from = a + t * PANEL;
            float *to = c + t * PANEL + o;
            if (step == ROWS)
                block(ROWS, panels, from, a_panel, b + o, to);
            else if (step == 4)
                block(4, panels, from, a_panel, b + o, to);
            else
                block(1, panels, from, a_panel, b + o, to);
        }
        t += step;
    }
}

/* Rows r .. r + rows - 1 of a^T b, WIDTH columns. */
INLINE void block_transposed(const int rows, int64_t tiles, const float *a, const float *b,
                             bool add, float *c)
{
    vector sum[2 * ROWS];
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        sum[2 * r] = add ? load(c + r * PANEL) : (vector){0};
        sum[2 * r + 1] = add ? load(c + r * PANEL + LANES) : (vector){0};
    }
    for (int64_t t = 0; t < tiles; t++, a += PANEL, b += PANEL) {
        vector b0 = load(b), b1 = load(b + LANES);
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            sum[2 * r] += a[r] * b0;
            sum[2 * r + 1] += a[r] * b1;
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        store(c + r * PANEL, sum[2 * r]);
        store(c + r * PANEL + LANES, sum[2 * r + 1]);
    }
}

static void product_transposed(int64_t tiles, const float *a, const float *b, bool add, float *c)
{
    for (int64_t o = 0; o < PANEL; o += WIDTH) {
        int64_t i = 0;
        for (; i + ROWS <= PANEL; i += ROWS)
            block_transposed(ROWS, tiles, a + i, b + o, add, c + i * PANEL + o);
        if (PANEL % ROWS)
            block_transposed(PANEL % ROWS, tiles, a + i, b + o, add, c + i * PANEL + o);
    }
}

const calr_winograd_kernels TABLE = {
    NAME, input, gradient, output, weights, weights_gradient, product, product_transposed};
