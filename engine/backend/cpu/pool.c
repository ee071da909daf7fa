/* Max pooling and global average pooling. Channels are the inner loop, so all of it vectorises. */
#include <math.h>
#include <string.h>

#include "backend/cpu/kernels.h"

typedef struct pooling {
    const calr_pool2d *p;
    const float *x, *dy;
    const uint8_t *argmax;
    uint8_t *winner;
    float *y, *dx;
} pooling;

CALR_CLONES static void max_step(int64_t c, const float *x, uint8_t place, float *best,
                                 uint8_t *winner)
{
#pragma omp simd
    for (int64_t j = 0; j < c; j++) {
        bool wins = x[j] > best[j] || x[j] != x[j];
        best[j] = wins ? x[j] : best[j];
        winner[j] = wins ? place : winner[j];
    }
}

CALR_CLONES static void max_step_only(int64_t c, const float *x, float *best)
{
#pragma omp simd
    for (int64_t j = 0; j < c; j++)
        best[j] = x[j] > best[j] || x[j] != x[j] ? x[j] : best[j];
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
            for (int64_t j = 0; j < p->c; j++)
                k->y[at + j] = -INFINITY;
            if (k->winner)
                memset(k->winner + at, (int)(u0 * p->kernel + v0), (size_t)p->c);
            for (int64_t u = u0; u < u1; u++)
                for (int64_t v = v0; v < v1; v++) {
                    const float *x = k->x + ((image * p->h + top + u) * p->w + left + v) * p->c;
                    if (k->winner)
                        max_step(p->c, x, (uint8_t)(u * p->kernel + v), k->y + at, k->winner + at);
                    else
                        max_step_only(p->c, x, k->y + at);
                }
        }
    }
}

CALR_CLONES static void max_gather(int64_t c, const uint8_t *argmax, uint8_t place, const float *dy,
                                   float *dx)
{
#pragma omp simd
    for (int64_t j = 0; j < c; j++)
        dx[j] += argmax[j] == place ? dy[j] : 0.0f;
}

/* One item is one row of the input: it gathers from the windows that cover it, so no two items
 * write one place. */
static void max_backward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const pooling *k = context;
    const calr_pool2d *p = k->p;
    (void)worker;
    for (int64_t row = begin; row < end; row++) {
        int64_t image = row / p->h, r = row % p->h + p->padding;
        int64_t o0 = r < p->kernel ? 0 : (r - p->kernel) / p->stride + 1,
                o1 = calr_min64(p->out_h - 1, r / p->stride);
        float *dx = k->dx + row * p->w * p->c;
        memset(dx, 0, (size_t)(p->w * p->c) * sizeof *dx);
        for (int64_t col = 0; col < p->w; col++, dx += p->c) {
            int64_t s = col + p->padding;
            int64_t q0 = s < p->kernel ? 0 : (s - p->kernel) / p->stride + 1;
            int64_t q1 = calr_min64(p->out_w - 1, s / p->stride);
            for (int64_t o = o0; o <= o1; o++)
                for (int64_t q = q0; q <= q1; q++) {
                    int64_t at = ((image * p->out_h + o) * p->out_w + q) * p->c;
                    int64_t place = (r - o * p->stride) * p->kernel + s - q * p->stride;
                    max_gather(p->c, k->argmax + at, (uint8_t)place, k->dy + at, dx);
                }
        }
    }
}

calr_status calr_cpu_max_pool_forward(const calr_pool2d *pool, const float *x, float *y,
                                      uint8_t *argmax)
{
    pooling k = {.p = pool, .x = x, .y = y, .winner = argmax};
    calr_parallel_for(pool->n * pool->out_h, calr_row_grain(pool->out_w * pool->c),
                      max_forward_body, &k);
    return CALR_OK;
}

calr_status calr_cpu_max_pool_backward(const calr_pool2d *pool, const uint8_t *argmax,
                                       const float *dy, float *dx)
{
    pooling k = {.p = pool, .argmax = argmax, .dy = dy, .dx = dx};
    calr_parallel_for(pool->n * pool->h, calr_row_grain(pool->w * pool->c), max_backward_body, &k);
    return CALR_OK;
}

typedef struct averaging {
    int64_t area, c;
    const float *x;
    float *y;
} averaging;

#define BLOCK 64

CALR_CLONES static void average_body(void *context, int64_t begin, int64_t end, int worker)
{
    const averaging *k = context;
    int64_t c = k->c;
    (void)worker;
    for (int64_t i = begin; i < end; i++)
        for (int64_t j0 = 0; j0 < c; j0 += BLOCK) {
            int64_t width = calr_min64(BLOCK, c - j0);
            double sum[BLOCK] = {0};
            for (int64_t a = 0; a < k->area; a++) {
                const float *x = k->x + (i * k->area + a) * c + j0;
#pragma omp simd
                for (int64_t j = 0; j < width; j++)
                    sum[j] += (double)x[j];
            }
            for (int64_t j = 0; j < width; j++)
                k->y[i * c + j0 + j] = (float)(sum[j] / (double)k->area);
        }
}

CALR_CLONES static void spread_body(void *context, int64_t begin, int64_t end, int worker)
{
    const averaging *k = context;
    int64_t c = k->c;
    float part = (float)(1.0 / (double)k->area);
    (void)worker;
    for (int64_t i = begin; i < end; i++)
        for (int64_t a = 0; a < k->area; a++) {
            float *to = k->y + (i * k->area + a) * c;
            const float *from = k->x + i * c;
#pragma omp simd
            for (int64_t j = 0; j < c; j++)
                to[j] = from[j] * part;
        }
}

calr_status calr_cpu_avg_pool_forward(int64_t n, int64_t area, int64_t c, const float *x, float *y)
{
    averaging k = {.area = area, .c = c, .x = x, .y = y};
    calr_parallel_for(n, calr_row_grain(area * c), average_body, &k);
    return CALR_OK;
}

calr_status calr_cpu_avg_pool_backward(int64_t n, int64_t area, int64_t c, const float *dy,
                                       float *dx)
{
    averaging k = {.area = area, .c = c, .x = dy, .y = dx};
    calr_parallel_for(n, calr_row_grain(area * c), spread_body, &k);
    return CALR_OK;
}
