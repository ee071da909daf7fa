/* Max pooling and global average pooling. Channels are the inner loop, so all of it vectorises. */
#include <math.h>
#include <string.h>

#include "backend/cpu/kernels.h"
#include "backend/cpu/pool_halves.h"
#include "base/stream.h"

typedef struct pooling {
    const calr_pool2d *p;
    bool half, stream;
    bool by_halves; /* where pool_halves.h can: all of a window at once */
    const void *x, *dy;
    const uint8_t *argmax;
    uint8_t *winner;
    void *y, *dx;
} pooling;

/* Places that one loop over channels looks at, at most; windows with more take several. */
#define MOST_TAPS 9

/* Places of a window, in the order of their numbers. Unused ones repeat the last, which changes
 * nothing. */
typedef struct window {
    int count; /* 1 .. MOST_TAPS */
    const void *x[MOST_TAPS];
    int32_t place[MOST_TAPS];
} window;

/* The largest of numbers in bf16 is one of them: nothing is rounded. A NaN is larger than all. */
CALR_INLINE void tap(bool half, const void *x, int64_t j, int32_t here, float *most, int32_t *place)
{
    float value = calr_real_load(half, x, j);
    bool wins = (value > *most) | (value != value);
    *most = wins ? value : *most;
    *place = wins ? here : *place;
}

/* `more`: y and winner hold the largest so far. The compiler vectorises no loop with a loop in it,
 * and none that takes addresses from arrays, hence the names one by one. */
CALR_INLINE void largest_of(bool half, bool keep, int taps, bool more, int64_t c, const window *w,
                            void *y, uint8_t *winner)
{
    const void *x0 = w->x[0], *x1 = w->x[1], *x2 = w->x[2], *x3 = w->x[3], *x4 = w->x[4],
               *x5 = w->x[5], *x6 = w->x[6], *x7 = w->x[7], *x8 = w->x[8];
    const int32_t p0 = w->place[0], p1 = w->place[1], p2 = w->place[2], p3 = w->place[3],
                  p4 = w->place[4], p5 = w->place[5], p6 = w->place[6], p7 = w->place[7],
                  p8 = w->place[8];
#pragma omp simd
    for (int64_t j = 0; j < c; j++) {
        float most = more ? calr_real_load(half, y, j) : -INFINITY;
        int32_t place = !keep ? 0 : more ? winner[j] : p0;
        tap(half, x0, j, p0, &most, &place), tap(half, x1, j, p1, &most, &place);
        tap(half, x2, j, p2, &most, &place), tap(half, x3, j, p3, &most, &place);
        if (taps == MOST_TAPS) {
            tap(half, x4, j, p4, &most, &place), tap(half, x5, j, p5, &most, &place);
            tap(half, x6, j, p6, &most, &place), tap(half, x7, j, p7, &most, &place);
            tap(half, x8, j, p8, &most, &place);
        }
        calr_real_store(half, y, j, most);
        if (keep)
            winner[j] = (uint8_t)place;
    }
}

CALR_INLINE void look_at(bool half, bool keep, bool by_halves, bool more, int64_t c, window *w,
                         void *y, uint8_t *winner)
{
#if defined(__x86_64__)
    if (half && by_halves && !more &&
        calr_pool_largest_halves(c, w->count, w->x, w->place, y, winner)) {
        w->count = 0;
        return;
    }
#else
    (void)by_halves;
#endif
    int taps = !more && w->count <= 4 ? 4 : MOST_TAPS;
    for (int t = w->count; t < taps; t++) {
        w->x[t] = w->x[w->count - 1];
        w->place[t] = w->place[w->count - 1];
    }
    if (more)
        largest_of(half, keep, MOST_TAPS, true, c, w, y, winner);
    else if (taps == 4)
        largest_of(half, keep, 4, false, c, w, y, winner);
    else
        largest_of(half, keep, MOST_TAPS, false, c, w, y, winner);
    w->count = 0;
}

/* One item is one row of the output. */
CALR_INLINE void forward_rows(bool half, bool keep, const pooling *k, int64_t begin, int64_t end)
{
    const calr_pool2d *p = k->p;
    for (int64_t row = begin; row < end; row++) {
        int64_t image = row / p->out_h, top = row % p->out_h * p->stride - p->padding;
        int64_t u0 = calr_max64(0, -top), u1 = calr_min64(p->kernel, p->h - top);
        for (int64_t col = 0; col < p->out_w; col++) {
            int64_t left = col * p->stride - p->padding, at = (row * p->out_w + col) * p->c;
            int64_t v0 = calr_max64(0, -left), v1 = calr_min64(p->kernel, p->w - left);
            void *y = calr_real_at(half, k->y, at);
            uint8_t *winner = keep ? k->winner + at : NULL;
            bool more = false;
            window w = {0};
            for (int64_t u = u0; u < u1; u++)
                for (int64_t v = v0; v < v1; v++) {
                    if (w.count == MOST_TAPS) {
                        look_at(half, keep, k->by_halves, more, p->c, &w, y, winner);
                        more = true;
                    }
                    w.place[w.count] = (int32_t)(u * p->kernel + v);
                    w.x[w.count++] = calr_real_at(
                        half, k->x, ((image * p->h + top + u) * p->w + left + v) * p->c);
                }
            look_at(half, keep, k->by_halves, more, p->c, &w, y, winner);
        }
    }
}

CALR_CLONES static void max_forward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const pooling *k = context;
    (void)worker;
    if (k->half && k->winner)
        forward_rows(true, true, k, begin, end);
    else if (k->half)
        forward_rows(true, false, k, begin, end);
    else if (k->winner)
        forward_rows(false, true, k, begin, end);
    else
        forward_rows(false, false, k, begin, end);
}

#define GATHER  256 /* channels whose gradients are summed up before they are written */
#define SOURCES 4   /* windows that one loop over them adds up */

/* What windows give to one place of the input: dy where that place was the largest. Unused ones have
 * a place that there is none of. */
typedef struct sources {
    int count;
    const uint8_t *argmax[SOURCES];
    const void *dy[SOURCES];
    int32_t place[SOURCES];
} sources;

CALR_INLINE float given(bool half, const sources *s, int t, int64_t j)
{
    float dy = calr_real_load(half, s->dy[t], j);
    return s->argmax[t][j] == s->place[t] ? dy : 0.0f;
}

CALR_INLINE float total_of(bool half, int taps, bool more, const sources *s, const float *sum,
                           int64_t j)
{
    float total = (more ? sum[j] : 0.0f) + given(half, s, 0, j);
    if (taps > 1)
        total += given(half, s, 1, j);
    if (taps > 2)
        total = total + given(half, s, 2, j) + given(half, s, 3, j);
    return total;
}

/* Left alone, gcc makes vectors of as many floats as there are bytes in a register: 64, and the rest
 * of the channels one by one. */
CALR_INLINE void gather_of(bool half, int taps, bool more, int64_t c, const sources *in, float *sum)
{
    const sources local = *in, *s = &local;
    int64_t wide = c / 64 * 64;
#pragma omp simd
    for (int64_t j = 0; j < wide; j++)
        sum[j] = total_of(half, taps, more, s, sum, j);
#pragma omp simd simdlen(16)
    for (int64_t j = wide; j < c; j++)
        sum[j] = total_of(half, taps, more, s, sum, j);
}

CALR_INLINE void gather(bool half, bool more, int64_t c, sources *s, float *sum)
{
    for (int t = s->count; t < SOURCES; t++) {
        s->argmax[t] = s->argmax[0];
        s->dy[t] = s->dy[0];
        s->place[t] = -1;
    }
    if (s->count == 0)
        memset(sum, 0, (size_t)c * sizeof *sum);
    else if (more)
        gather_of(half, 4, true, c, s, sum);
    else if (s->count == 1)
        gather_of(half, 1, false, c, s, sum);
    else if (s->count == 2)
        gather_of(half, 2, false, c, s, sum);
    else
        gather_of(half, 4, false, c, s, sum);
    s->count = 0;
}

/* The windows o0 .. o1 by q0 .. q1 that cover one place of the input. */
typedef struct cover {
    int64_t image, r, s, o0, o1, q0, q1;
} cover;

CALR_INLINE void write_place(bool half, const pooling *k, int64_t width, const float *sum, void *dx)
{
    _Alignas(CALR_STREAM_ALIGN) calr_bf16 rounded[GATHER];
    const void *from = half ? (const void *)rounded : sum;
    size_t bytes = (size_t)width * (half ? sizeof *rounded : sizeof *sum);
    if (half)
        for (int64_t j = 0; j < width; j++)
            rounded[j] = calr_bf16_from_f32(sum[j]);
    if (k->stream)
        calr_stream_copy(dx, from, bytes);
    else
        memcpy(dx, from, bytes);
}

/* Channels j .. j+width-1 of one place. */
CALR_INLINE void gather_place(bool half, const pooling *k, const cover *w, int64_t j, int64_t width,
                              void *dx)
{
    _Alignas(CALR_STREAM_ALIGN) float sum[GATHER];
    const calr_pool2d *p = k->p;
    sources s = {0};
    bool more = false;
    for (int64_t o = w->o0; o <= w->o1; o++)
        for (int64_t q = w->q0; q <= w->q1; q++) {
            int64_t at = ((w->image * p->out_h + o) * p->out_w + q) * p->c + j;
            if (s.count == SOURCES) {
                gather(half, more, width, &s, sum);
                more = true;
            }
            s.argmax[s.count] = k->argmax + at;
            s.dy[s.count] = calr_real_at(half, k->dy, at);
            s.place[s.count++] =
                (int32_t)((w->r - o * p->stride) * p->kernel + w->s - q * p->stride);
        }
#if defined(__x86_64__)
    if (half && k->by_halves && !more) {
        calr_pool_gather_halves(width, s.count, s.argmax, s.dy, s.place, k->stream, dx);
        return;
    }
#endif
    gather(half, more, width, &s, sum);
    write_place(half, k, width, sum, dx);
}

/* One item is one row of the input: it gathers from the windows that cover it, so no two items
 * write one place. */
CALR_INLINE void backward_rows(bool half, const pooling *k, int64_t begin, int64_t end)
{
    const calr_pool2d *p = k->p;
    for (int64_t row = begin; row < end; row++) {
        cover w = {.image = row / p->h, .r = row % p->h + p->padding};
        w.o0 = w.r < p->kernel ? 0 : (w.r - p->kernel) / p->stride + 1;
        w.o1 = calr_min64(p->out_h - 1, w.r / p->stride);
        for (int64_t col = 0; col < p->w; col++) {
            w.s = col + p->padding;
            w.q0 = w.s < p->kernel ? 0 : (w.s - p->kernel) / p->stride + 1;
            w.q1 = calr_min64(p->out_w - 1, w.s / p->stride);
            for (int64_t j = 0; j < p->c; j += GATHER) {
                int64_t width = calr_min64(GATHER, p->c - j);
                gather_place(half, k, &w, j, width,
                             calr_real_at(half, k->dx, (row * p->w + col) * p->c + j));
            }
        }
    }
    if (k->stream)
        calr_stream_end();
}

CALR_CLONES static void max_backward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const pooling *k = context;
    (void)worker;
    if (k->half)
        backward_rows(true, k, begin, end);
    else
        backward_rows(false, k, begin, end);
}

calr_status calr_cpu_max_pool_forward(const calr_pool2d *pool, const void *x, void *y,
                                      uint8_t *argmax)
{
    pooling k = {.p = pool, .half = pool->dtype == CALR_BF16, .x = x, .y = y, .winner = argmax};
    k.by_halves = k.half && calr_cpu_has_bf16();
    calr_parallel_for(pool->n * pool->out_h, calr_row_grain(pool->out_w * pool->c),
                      max_forward_body, &k);
    return CALR_OK;
}

calr_status calr_cpu_max_pool_backward(const calr_pool2d *pool, const uint8_t *argmax,
                                       const void *dy, void *dx)
{
    pooling k = {.p = pool, .half = pool->dtype == CALR_BF16, .argmax = argmax, .dy = dy, .dx = dx};
    k.by_halves = k.half && calr_cpu_has_bf16();
    int64_t rows = pool->n * pool->h, pixel = pool->c * (k.half ? 2 : 4);
    k.stream = calr_stream_pays(rows * pool->w * pixel) && calr_stream_fits(dx, (size_t)pixel);
    calr_parallel_for(rows, calr_row_grain(pool->w * pool->c), max_backward_body, &k);
    return CALR_OK;
}

/* Of the map (x or dx) and the rows (y or dy), one is read and the other written. */
typedef struct averaging {
    bool half;
    int64_t area, c;
    void *map;
    float *row;
} averaging;

#define BLOCK 64

CALR_INLINE void sum_block(bool half, const averaging *k, int64_t at, int64_t width, double *sum)
{
    for (int64_t a = 0; a < k->area; a++) {
        const void *x = calr_real_at(half, k->map, at + a * k->c);
#pragma omp simd
        for (int64_t j = 0; j < width; j++)
            sum[j] += (double)calr_real_load(half, x, j);
    }
}

CALR_CLONES static void average_body(void *context, int64_t begin, int64_t end, int worker)
{
    const averaging *k = context;
    int64_t c = k->c;
    (void)worker;
    for (int64_t i = begin; i < end; i++)
        for (int64_t j0 = 0; j0 < c; j0 += BLOCK) {
            int64_t width = calr_min64(BLOCK, c - j0);
            double sum[BLOCK] = {0};
            if (k->half)
                sum_block(true, k, i * k->area * c + j0, width, sum);
            else
                sum_block(false, k, i * k->area * c + j0, width, sum);
            for (int64_t j = 0; j < width; j++)
                k->row[i * c + j0 + j] = (float)(sum[j] / (double)k->area);
        }
}

CALR_INLINE void spread_row(bool half, int64_t c, float part, const float *from, void *to)
{
#pragma omp simd
    for (int64_t j = 0; j < c; j++)
        calr_real_store(half, to, j, from[j] * part);
}

CALR_CLONES static void spread_body(void *context, int64_t begin, int64_t end, int worker)
{
    const averaging *k = context;
    int64_t c = k->c;
    float part = (float)(1.0 / (double)k->area);
    (void)worker;
    for (int64_t i = begin; i < end; i++)
        for (int64_t a = 0; a < k->area; a++) {
            void *to = calr_real_at(k->half, k->map, (i * k->area + a) * c);
            if (k->half)
                spread_row(true, c, part, k->row + i * c, to);
            else
                spread_row(false, c, part, k->row + i * c, to);
        }
}

calr_status calr_cpu_avg_pool_forward(calr_dtype dtype, int64_t n, int64_t area, int64_t c,
                                      const void *x, float *y)
{
    averaging k = {.half = dtype == CALR_BF16, .area = area, .c = c, .map = (void *)x, .row = y};
    calr_parallel_for(n, calr_row_grain(area * c), average_body, &k);
    return CALR_OK;
}

calr_status calr_cpu_avg_pool_backward(calr_dtype dtype, int64_t n, int64_t area, int64_t c,
                                       const float *dy, void *dx)
{
    averaging k = {.half = dtype == CALR_BF16, .area = area, .c = c, .map = dx, .row = (float *)dy};
    calr_parallel_for(n, calr_row_grain(area * c), spread_body, &k);
    return CALR_OK;
}
