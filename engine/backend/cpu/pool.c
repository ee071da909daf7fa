/* Max pooling and global average pooling. Channels are the inner loop, so all of it vectorises. */
#include <math.h>
#include <string.h>

#include "backend/cpu/kernels.h"

typedef struct pooling {
    const calr_pool2d *p;
    bool half;
    const void *x, *dy;
    const uint8_t *argmax;
    uint8_t *winner;
    void *y, *dx;
} pooling;

/* The largest of numbers in bf16 is one of them: nothing is rounded. */
CALR_INLINE void max_step_of(bool half, int64_t c, const void *x, uint8_t place, void *best,
                             uint8_t *winner)
{
#pragma omp simd
    for (int64_t j = 0; j < c; j++) {
        float value = calr_real_load(half, x, j), most = calr_real_load(half, best, j);
        bool wins = value > most || value != value;
        calr_real_store(half, best, j, wins ? value : most);
        winner[j] = wins ? place : winner[j];
    }
}

CALR_CLONES static void max_step(bool half, int64_t c, const void *x, uint8_t place, void *best,
                                 uint8_t *winner)
{
    if (half)
        max_step_of(true, c, x, place, best, winner);
    else
        max_step_of(false, c, x, place, best, winner);
}

CALR_INLINE void max_step_only_of(bool half, int64_t c, const void *x, void *best)
{
#pragma omp simd
    for (int64_t j = 0; j < c; j++) {
        float value = calr_real_load(half, x, j), most = calr_real_load(half, best, j);
        calr_real_store(half, best, j, value > most || value != value ? value : most);
    }
}

CALR_CLONES static void max_step_only(bool half, int64_t c, const void *x, void *best)
{
    if (half)
        max_step_only_of(true, c, x, best);
    else
        max_step_only_of(false, c, x, best);
}

/* One item is one row of the output. */
static void max_forward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const pooling *k = context;
    const calr_pool2d *p = k->p;
    (void)worker;
    for (int64_t row = begin; row < end; row++) {
        int64_t image = row / p->out_h, top = row % p->out_h * p->stride - p->padding;
        int64_t u0 = calr_max64(0, -top), u1 = calr_min64(p->kernel, p->h - top);
        for (int64_t col = 0; col < p->out_w; col++) {
            int64_t left = col * p->stride - p->padding, at = (row * p->out_w + col) * p->c;
            int64_t v0 = calr_max64(0, -left), v1 = calr_min64(p->kernel, p->w - left);
            void *y = calr_real_at(k->half, k->y, at);
            for (int64_t j = 0; j < p->c; j++)
                calr_real_store(k->half, y, j, -INFINITY);
            if (k->winner)
                memset(k->winner + at, (int)(u0 * p->kernel + v0), (size_t)p->c);
            for (int64_t u = u0; u < u1; u++)
                for (int64_t v = v0; v < v1; v++) {
                    const void *x = calr_real_at(
                        k->half, k->x, ((image * p->h + top + u) * p->w + left + v) * p->c);
                    if (k->winner)
                        max_step(k->half, p->c, x, (uint8_t)(u * p->kernel + v), y, k->winner + at);
                    else
                        max_step_only(k->half, p->c, x, y);
                }
        }
    }
}

#define GATHER 256 /* channels whose gradients are summed up before they are written */

CALR_INLINE void max_gather_of(bool half, int64_t c, const uint8_t *argmax, uint8_t place,
                               const void *dy, float *sum)
{
#pragma omp simd
    for (int64_t j = 0; j < c; j++)
        sum[j] += argmax[j] == place ? calr_real_load(half, dy, j) : 0.0f;
}

CALR_CLONES static void max_gather(bool half, int64_t c, const uint8_t *argmax, uint8_t place,
                                   const void *dy, float *sum)
{
    if (half)
        max_gather_of(true, c, argmax, place, dy, sum);
    else
        max_gather_of(false, c, argmax, place, dy, sum);
}

CALR_CLONES static void write_sum(bool half, int64_t c, const float *sum, void *dx)
{
    if (half)
        for (int64_t j = 0; j < c; j++)
            calr_real_store(true, dx, j, sum[j]);
    else
        memcpy(dx, sum, (size_t)c * sizeof *sum);
}

/* The windows o0 .. o1 by q0 .. q1 that cover one place of the input. */
typedef struct cover {
    int64_t image, r, s, o0, o1, q0, q1;
} cover;

static void gather_place(const pooling *k, const cover *w, void *dx)
{
    const calr_pool2d *p = k->p;
    for (int64_t j = 0; j < p->c; j += GATHER) {
        int64_t width = calr_min64(GATHER, p->c - j);
        float sum[GATHER] = {0};
        for (int64_t o = w->o0; o <= w->o1; o++)
            for (int64_t q = w->q0; q <= w->q1; q++) {
                int64_t at = ((w->image * p->out_h + o) * p->out_w + q) * p->c + j;
                int64_t place = (w->r - o * p->stride) * p->kernel + w->s - q * p->stride;
                max_gather(k->half, width, k->argmax + at, (uint8_t)place,
                           calr_real_at(k->half, k->dy, at), sum);
            }
        write_sum(k->half, width, sum, calr_real_at(k->half, dx, j));
    }
}

/* One item is one row of the input: it gathers from the windows that cover it, so no two items
 * write one place. */
static void max_backward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const pooling *k = context;
    const calr_pool2d *p = k->p;
    (void)worker;
    for (int64_t row = begin; row < end; row++) {
        cover w = {.image = row / p->h, .r = row % p->h + p->padding};
        w.o0 = w.r < p->kernel ? 0 : (w.r - p->kernel) / p->stride + 1;
        w.o1 = calr_min64(p->out_h - 1, w.r / p->stride);
        for (int64_t col = 0; col < p->w; col++) {
            w.s = col + p->padding;
            w.q0 = w.s < p->kernel ? 0 : (w.s - p->kernel) / p->stride + 1;
            w.q1 = calr_min64(p->out_w - 1, w.s / p->stride);
            gather_place(k, &w, calr_real_at(k->half, k->dx, (row * p->w + col) * p->c));
        }
    }
}

calr_status calr_cpu_max_pool_forward(const calr_pool2d *pool, const void *x, void *y,
                                      uint8_t *argmax)
{
    pooling k = {.p = pool, .half = pool->dtype == CALR_BF16, .x = x, .y = y, .winner = argmax};
    calr_parallel_for(pool->n * pool->out_h, calr_row_grain(pool->out_w * pool->c),
                      max_forward_body, &k);
    return CALR_OK;
}

calr_status calr_cpu_max_pool_backward(const calr_pool2d *pool, const uint8_t *argmax,
                                       const void *dy, void *dx)
{
    pooling k = {.p = pool, .half = pool->dtype == CALR_BF16, .argmax = argmax, .dy = dy, .dx = dx};
    calr_parallel_for(pool->n * pool->h, calr_row_grain(pool->w * pool->c), max_backward_body, &k);
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
