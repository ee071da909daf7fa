/* The text of the kernels; the including file says LANES (channels in a vector), TABLE and NAME (of the table), and, if
 * the compiler should not make them itself, WIDEN(from) and NARROW(to, v): LANES numbers of bf16 as floats, and floats
 * rounded to bf16; MULTIPLY_ADD(a, b, sum): sum + a b; and CLIP(v, low, high): numbers between bounds, a NaN stays
 * one. See kernels.h.
 *
 * A strip is some neighbouring pixels of a row for one vector of channels. Its results stay in registers, and so do the
 * pixels of an input row that it needs: each is loaded once for all taps of a kernel's row. Kernels of 3 and 5 columns
 * with strides of 1 and 2 have strips; the others are computed pixel by pixel. */
#include <string.h>

#include "backend/cpu/depthwise/kernels.h"
#include "backend/cpu/kernels.h"

/* Vectors are returned by functions that are inlined only: how a call would pass them does not matter. */
#pragma GCC diagnostic ignored "-Wpsabi"

#define INLINE static inline __attribute__((always_inline))
/* Pixels in a strip, at most: of the output, of dy, or half of those of dx. Longer strips would need fewer loads, but
 * more registers than there are. */
#define LONG (LANES == 16 ? 8 : 4)
/* Pixels of the input for one strip, at most. */
#define MOST (2 * (LONG - 1) + 5)

typedef calr_depthwise_job job;
typedef float vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint32_t bits __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint16_t halves __attribute__((vector_size(2 * LANES), aligned(2), may_alias));

#ifndef WIDEN
INLINE vector widen(const void *p)
{
    bits wide = __builtin_convertvector(*(const halves *)p, bits) << 16;
    return (vector)wide;
}

/* To the nearest, a tie to the even one, as calr_bf16_from_f32 does. */
INLINE void narrow(void *p, vector v)
{
    bits b = (bits)v, nan = (bits)((b & 0x7FFFFFFF) > 0x7F800000);
    bits rounded = (b + 0x7FFF + ((b >> 16) & 1)) >> 16, quiet = (b >> 16) | 0x40;
    *(halves *)p = __builtin_convertvector((rounded & ~nan) | (quiet & nan), halves);
}
#define WIDEN  widen
#define NARROW narrow
#endif

/* Whether a product is rounded before it is added must not depend on where it stands: bf16 maps give the sums that
 * their numbers give in f32. GCC 14 leaves some products of 256 bits alone, as it takes that for faster. */
#ifndef MULTIPLY_ADD
#define MULTIPLY_ADD(a, b, sum) ((sum) + (a) * (b))
#endif

#ifndef CLIP
INLINE vector clip(vector v, vector low, vector high)
{
    bits below = (bits)(v < low), above = (bits)(v > high);
    return (vector)(((bits)v & ~(below | above)) | ((bits)low & below) | ((bits)high & above));
}
#define CLIP clip
#endif

INLINE const void *at(const void *map, bool half, int64_t i)
{
    return (const char *)map + i * (half ? 2 : 4);
}

INLINE vector widened(const void *p, bool half)
{
    if (!half)
        return *(const vector *)p;
    return WIDEN(p);
}

INLINE vector load(const float *p)
{
    return *(const vector *)p;
}

INLINE void add(float *p, vector v)
{
    *(vector *)p += v;
}

INLINE void store(void *map, bool half, int64_t i, vector v)
{
    void *p = (char *)map + i * (half ? 2 : 4);
    if (!half) {
        *(vector *)p = v;
        return;
    }
    NARROW(p, v);
}

INLINE int64_t vectors_of(const job *k)
{
    return calr_depthwise_vectors(k->c, LANES);
}

INLINE int64_t channel_of(const job *k, int64_t i)
{
    return calr_depthwise_channel(k->c, LANES, i);
}

/* ---- rows ---- */

static bool has_strips(const job *k)
{
    return LANES > 1 && (k->kw == 3 || k->kw == 5) && k->apart_w == 1 && k->stride_w <= 2;
}

/* Strips are as long as the rows ask for. */
INLINE int64_t length_for(const job *k, int64_t most)
{
    return k->out_w <= 2 ? 2 : k->out_w <= 4 ? 4 : most;
}

/* `count` pixels of a line from column `first` on; outside of the line there are zeros. */
INLINE void take(const job *k, const void *map, int64_t row, int64_t width, int64_t first,
                 const int count, vector *x)
{
    const void *line = at(map, k->half, (row * width + first) * k->c);
    if (first >= 0 && first + count <= width) {
        if (k->half) {
#pragma GCC unroll 32
            for (int j = 0; j < count; j++)
                x[j] = widened(at(line, true, j * k->c), true);
        } else {
#pragma GCC unroll 32
            for (int j = 0; j < count; j++)
                x[j] = widened(at(line, false, j * k->c), false);
        }
        return;
    }
#pragma GCC unroll 32
    for (int j = 0; j < count; j++) {
        x[j] = (vector){0};
        if (first + j >= 0 && first + j < width)
            x[j] = widened(at(line, k->half, j * k->c), k->half);
    }
}

/* The taps of a kernel, begin .. end-1, that lie inside an image's side when the kernel starts at `first` and its taps
 * are `apart`. */
INLINE void span(int64_t side, int64_t kernel, int64_t first, int64_t apart, int64_t *begin,
                 int64_t *end)
{
    int64_t before = calr_max64(0, -first), inside = calr_max64(0, side - first);
    *begin = calr_min64(kernel, (before + apart - 1) / apart);
    *end = calr_max64(*begin, calr_min64(kernel, (inside + apart - 1) / apart));
}

/* What is fetched from memory while a row is worked on: `lines` lines of the cache with each of its vectors. A row is
 * read vector by vector, with gaps, and so the processor does not see that the map is read in order: without this the
 * loops wait for memory. What lies behind a map is never used; fetching it does no harm. */
typedef struct ahead {
    const char *at;
    int64_t lines;
} ahead;

/* `rows` rows of a map from `row` on. */
INLINE ahead ahead_of(const job *k, const void *map, int64_t row, int64_t rows, int64_t width)
{
    int64_t bytes = rows * width * k->c * (k->half ? 2 : 4), share = 64 * vectors_of(k);
    return (ahead){at(map, k->half, row * width * k->c), (bytes + share - 1) / share};
}

/* What stands in the place of `usual` for this row. */
INLINE ahead instead(const job *k, calr_depthwise_next next, int64_t row, ahead usual)
{
    int64_t share = 64 * vectors_of(k);
    if (!next.at)
        return usual;
    return (ahead){(const char *)next.at + row * next.bytes, (next.bytes + share - 1) / share};
}

INLINE void fetch(ahead *soon)
{
    for (int64_t i = 0; i < soon->lines; i++, soon->at += 64)
        __builtin_prefetch(soon->at, 0, 2);
}

INLINE void fetch_to_write(ahead *soon)
{
    for (int64_t i = 0; i < soon->lines; i++, soon->at += 64)
        __builtin_prefetch(soon->at, 1, 2);
}

/* ---- forward ---- */

/* One row of the output: `image` is the input's image and y the row, both from the vector's first channel on. */
INLINE void forward_row(const job *k, const int kw, const int stride, const int length,
                        const void *image, int64_t row, const float *weights, vector bias, void *y)
{
    int64_t top = row * k->stride_h - k->pad_h, u0, u1;
    span(k->h, k->kh, top, k->apart_h, &u0, &u1);
    for (int64_t col = 0; col < k->out_w; col += length) {
        vector sum[LONG], x[MOST];
#pragma GCC unroll 32
        for (int r = 0; r < length; r++)
            sum[r] = bias;
        for (int64_t u = u0; u < u1; u++) {
            take(k, image, top + u * k->apart_h, k->w, col * stride - k->pad_w,
                 (length - 1) * stride + kw, x);
#pragma GCC unroll 32
            for (int v = 0; v < kw; v++) {
                vector weight = load(weights + (u * kw + v) * LANES);
#pragma GCC unroll 32
                for (int r = 0; r < length; r++)
                    sum[r] = MULTIPLY_ADD(x[r * stride + v], weight, sum[r]);
            }
        }
        if (k->clipped) {
            vector low = (vector){0} + k->low, high = (vector){0} + k->high;
#pragma GCC unroll 32
            for (int r = 0; r < length; r++)
                sum[r] = CLIP(sum[r], low, high);
        }
#pragma GCC unroll 32
        for (int r = 0; r < length; r++)
            if (col + r < k->out_w)
                store(y, k->half, (col + r) * k->c, sum[r]);
    }
}

static void forward_pixels(const job *k, const void *image, int64_t row, const float *weights,
                           vector bias, void *y)
{
    int64_t top = row * k->stride_h - k->pad_h, u0, u1, v0, v1;
    span(k->h, k->kh, top, k->apart_h, &u0, &u1);
    for (int64_t col = 0; col < k->out_w; col++) {
        int64_t left = col * k->stride_w - k->pad_w;
        vector sum = bias;
        span(k->w, k->kw, left, k->apart_w, &v0, &v1);
        for (int64_t u = u0; u < u1; u++)
            for (int64_t v = v0; v < v1; v++) {
                int64_t i = ((top + u * k->apart_h) * k->w + left + v * k->apart_w) * k->c;
                sum = MULTIPLY_ADD(widened(at(image, k->half, i), k->half),
                                   load(weights + (u * k->kw + v) * LANES), sum);
            }
        if (k->clipped)
            sum = CLIP(sum, (vector){0} + k->low, (vector){0} + k->high);
        store(y, k->half, col * k->c, sum);
    }
}

/* kw = 0: any kernel. */
INLINE void forward_rows(const job *k, const int kw, const int stride, const int length,
                         int64_t begin, int64_t end)
{
    int64_t area = k->kh * k->kw;
    for (int64_t at_row = begin; at_row < end; at_row++) {
        int64_t row = at_row % k->out_h, next = row * k->stride_h - k->pad_h + k->kh;
        const void *image = at(k->x, k->half, at_row / k->out_h * k->h * k->w * k->c);
        ahead input = instead(k, k->next_x, at_row, ahead_of(k, image, next, k->stride_h, k->w));
        ahead output = instead(k, k->next_y, at_row, ahead_of(k, k->y, at_row + 1, 1, k->out_w));
        for (int64_t i = 0; i < vectors_of(k); i++) {
            const float *weights = k->weights + i * area * LANES;
            const void *x = at(image, k->half, channel_of(k, i));
            void *y = (char *)at(k->y, k->half, at_row * k->out_w * k->c + channel_of(k, i));
            vector bias = {0};
            if (k->bias)
                bias = load(k->bias + i * LANES);
            fetch(&input);
            fetch_to_write(&output);
            if (kw)
                forward_row(k, kw, stride, length, x, row, weights, bias, y);
            else
                forward_pixels(k, x, row, weights, bias, y);
        }
    }
}

/* ---- the gradient of the data, for strides above 1 ---- */

/* One row of dx with columns of stride 2. Column q of dx gets tap v from column (q + padding - v) / 2 of dy where that
 * is whole: the columns of one parity get the taps of one parity. `odd` is that of the padding; a strip has 2 * length
 * columns from an even one on. */
INLINE void data_row(const job *k, const int kw, const int odd, const int length, const void *image,
                     int64_t row, const float *weights, void *dx)
{
    const int lowest = -(kw - 1 - odd) / 2;
    for (int64_t col = 0; col < k->w; col += 2 * length) {
        vector sum[2 * LONG], d[MOST];
#pragma GCC unroll 32
        for (int r = 0; r < 2 * length; r++)
            sum[r] = (vector){0};
        for (int64_t u = 0; u < k->kh; u++) {
            int64_t from = row + k->pad_h - u * k->apart_h;
            if (from < 0 || from % k->stride_h || from / k->stride_h >= k->out_h)
                continue;
            take(k, image, from / k->stride_h, k->out_w, (col + k->pad_w - odd) / 2 + lowest,
                 length + odd - lowest, d);
#pragma GCC unroll 32
            for (int v = 0; v < kw; v++) {
                vector weight = load(weights + (u * kw + v) * LANES);
                const int parity = (v + odd) % 2, shift = (parity + odd - v) / 2 - lowest;
#pragma GCC unroll 32
                for (int r = 0; r < length; r++)
                    sum[2 * r + parity] = MULTIPLY_ADD(d[r + shift], weight, sum[2 * r + parity]);
            }
        }
#pragma GCC unroll 32
        for (int r = 0; r < 2 * length; r++)
            if (col + r < k->w)
                store(dx, k->half, (col + r) * k->c, sum[r]);
    }
}

static void data_pixels(const job *k, const void *image, int64_t row, const float *weights,
                        void *dx)
{
    for (int64_t col = 0; col < k->w; col++) {
        vector sum = {0};
        for (int64_t u = 0; u < k->kh; u++) {
            int64_t r = row + k->pad_h - u * k->apart_h;
            if (r < 0 || r % k->stride_h || r / k->stride_h >= k->out_h)
                continue;
            for (int64_t v = 0; v < k->kw; v++) {
                int64_t q = col + k->pad_w - v * k->apart_w;
                if (q < 0 || q % k->stride_w || q / k->stride_w >= k->out_w)
                    continue;
                int64_t i = (r / k->stride_h * k->out_w + q / k->stride_w) * k->c;
                sum = MULTIPLY_ADD(widened(at(image, k->half, i), k->half),
                                   load(weights + (u * k->kw + v) * LANES), sum);
            }
        }
        store(dx, k->half, col * k->c, sum);
    }
}

/* kw = 0: any kernel. */
INLINE void data_rows(const job *k, const int kw, const int odd, const int length, int64_t begin,
                      int64_t end)
{
    int64_t area = k->kh * k->kw;
    for (int64_t at_row = begin; at_row < end; at_row++) {
        int64_t row = at_row % k->h, next = row / k->stride_h + 2;
        const void *image = at(k->dy, k->half, at_row / k->h * k->out_h * k->out_w * k->c);
        ahead input = ahead_of(k, image, next, row % k->stride_h == 0, k->out_w);
        ahead output = instead(k, k->next_y, at_row, ahead_of(k, k->y, at_row + 1, 1, k->w));
        for (int64_t i = 0; i < vectors_of(k); i++) {
            const float *weights = k->weights + i * area * LANES;
            const void *dy = at(image, k->half, channel_of(k, i));
            void *dx = (char *)at(k->y, k->half, at_row * k->w * k->c + channel_of(k, i));
            fetch(&input);
            fetch_to_write(&output);
            if (kw)
                data_row(k, kw, odd, length, dy, row, weights, dx);
            else
                data_pixels(k, dy, row, weights, dx);
        }
    }
}

/* ---- the gradient of the weights ---- */

/* What one row of dy adds to the sums of one vector of channels. */
INLINE void weights_row(const job *k, const int kw, const int stride, const int length,
                        const void *image, int64_t row, const void *dy, float *sums)
{
    int64_t top = row * k->stride_h - k->pad_h, u0, u1;
    span(k->h, k->kh, top, k->apart_h, &u0, &u1);
    for (int64_t u = u0; u < u1; u++) {
        vector sum[5], x[MOST], d[LONG];
#pragma GCC unroll 32
        for (int v = 0; v < kw; v++)
            sum[v] = (vector){0};
        for (int64_t col = 0; col < k->out_w; col += length) {
            take(k, dy, 0, k->out_w, col, length, d);
            take(k, image, top + u * k->apart_h, k->w, col * stride - k->pad_w,
                 (length - 1) * stride + kw, x);
#pragma GCC unroll 32
            for (int v = 0; v < kw; v++)
#pragma GCC unroll 32
                for (int r = 0; r < length; r++)
                    sum[v] = MULTIPLY_ADD(x[r * stride + v], d[r], sum[v]);
        }
#pragma GCC unroll 32
        for (int v = 0; v < kw; v++)
            add(sums + (u * kw + v) * LANES, sum[v]);
    }
}

static void weights_pixels(const job *k, const void *image, int64_t row, const void *dy,
                           float *sums)
{
    int64_t top = row * k->stride_h - k->pad_h, u0, u1, v0, v1;
    span(k->h, k->kh, top, k->apart_h, &u0, &u1);
    for (int64_t col = 0; col < k->out_w; col++) {
        int64_t left = col * k->stride_w - k->pad_w;
        vector d = widened(at(dy, k->half, col * k->c), k->half);
        span(k->w, k->kw, left, k->apart_w, &v0, &v1);
        for (int64_t u = u0; u < u1; u++)
            for (int64_t v = v0; v < v1; v++) {
                int64_t i = ((top + u * k->apart_h) * k->w + left + v * k->apart_w) * k->c;
                vector *sum = (vector *)(sums + (u * k->kw + v) * LANES);
                *sum = MULTIPLY_ADD(d, widened(at(image, k->half, i), k->half), *sum);
            }
    }
}

/* kw = 0: any kernel. */
INLINE void weights_rows(const job *k, const int kw, const int stride, const int length,
                         int64_t begin, int64_t end, float *sums)
{
    int64_t area = k->kh * k->kw;
    for (int64_t at_row = begin; at_row < end; at_row++) {
        int64_t row = at_row % k->out_h, next = row * k->stride_h - k->pad_h + k->kh;
        const void *image = at(k->x, k->half, at_row / k->out_h * k->h * k->w * k->c);
        ahead input = instead(k, k->next_x, at_row, ahead_of(k, image, next, k->stride_h, k->w));
        ahead gradient = ahead_of(k, k->dy, at_row + 1, 1, k->out_w);
        for (int64_t i = 0; i < vectors_of(k); i++) {
            const void *x = at(image, k->half, channel_of(k, i));
            const void *dy = at(k->dy, k->half, at_row * k->out_w * k->c + channel_of(k, i));
            fetch(&input);
            fetch(&gradient);
            if (kw)
                weights_row(k, kw, stride, length, x, row, dy, sums + i * area * LANES);
            else
                weights_pixels(k, x, row, dy, sums + i * area * LANES);
        }
    }
}

/* ---- the code of their own ---- */

/* Calls NAME(k, kw, second, length, ...) with constants. `second` is low or low + 1: a stride or a parity. */
#define WITH_LENGTH(NAME, kw, second, length, ...)                                                 \
    do {                                                                                           \
        if ((length) == 2)                                                                         \
            NAME(k, kw, second, 2, __VA_ARGS__);                                                   \
        else if ((length) == 4)                                                                    \
            NAME(k, kw, second, 4, __VA_ARGS__);                                                   \
        else                                                                                       \
            NAME(k, kw, second, LONG, __VA_ARGS__);                                                \
    } while (0)
#define WITH_SECOND(NAME, kw, second, low, length, ...)                                            \
    do {                                                                                           \
        if ((second) == (low))                                                                     \
            WITH_LENGTH(NAME, kw, low, length, __VA_ARGS__);                                       \
        else                                                                                       \
            WITH_LENGTH(NAME, kw, (low) + 1, length, __VA_ARGS__);                                 \
    } while (0)
#define WITH_KERNEL(NAME, strips, second, low, length, ...)                                        \
    do {                                                                                           \
        if (!(strips))                                                                             \
            NAME(k, 0, 1, 1, __VA_ARGS__);                                                         \
        else if (k->kw == 3)                                                                       \
            WITH_SECOND(NAME, 3, second, low, length, __VA_ARGS__);                                \
        else                                                                                       \
            WITH_SECOND(NAME, 5, second, low, length, __VA_ARGS__);                                \
    } while (0)

static void forward(const job *k, int64_t begin, int64_t end)
{
    int64_t length = length_for(k, LONG);
    WITH_KERNEL(forward_rows, has_strips(k), k->stride_w, 1, length, begin, end);
}

static void data(const job *k, int64_t begin, int64_t end)
{
    bool strips = has_strips(k) && k->stride_w == 2;
    int64_t length = length_for(k, k->half ? LONG : 4);
    WITH_KERNEL(data_rows, strips, k->pad_w % 2, 0, length, begin, end);
}

static void weights(const job *k, int64_t begin, int64_t end, float *sums)
{
    int64_t length = length_for(k, 4);
    WITH_KERNEL(weights_rows, has_strips(k), k->stride_w, 1, length, begin, end, sums);
}

const calr_depthwise_kernels TABLE = {NAME, LANES, forward, data, weights};
