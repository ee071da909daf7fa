/* The sum of feature maps whose channels are weighted. */
#include "backend/cpu/kernels.h"

typedef struct gating {
    bool half; /* x, y, dy and dx */
    int count;
    int64_t area, c;
    const void *const *x, *dy;
    const float *const *g;
    void *y, *const *dx;
    float *const *dg;
} gating;

/* Loops for maps in f32 and in bf16 (half); gates and their gradients are f32. */

CALR_INLINE void weigh_of(bool half, int64_t c, const void *x, const float *g, void *y)
{
#pragma omp simd
    for (int64_t j = 0; j < c; j++)
        calr_real_store(half, y, j, calr_real_load(half, x, j) * g[j]);
}

CALR_CLONES static void weigh(bool half, int64_t c, const void *x, const float *g, void *y)
{
    if (half)
        weigh_of(true, c, x, g, y);
    else
        weigh_of(false, c, x, g, y);
}

CALR_INLINE void add_products_of(bool half, int64_t c, const void *a, const void *b, float *sum)
{
#pragma omp simd
    for (int64_t j = 0; j < c; j++)
        sum[j] += calr_real_load(half, a, j) * calr_real_load(half, b, j);
}

CALR_CLONES static void add_products(bool half, int64_t c, const void *a, const void *b, float *sum)
{
    if (half)
        add_products_of(true, c, a, b, sum);
    else
        add_products_of(false, c, a, b, sum);
}

CALR_INLINE void sum_four_of(bool half, int64_t c, const void *const *x, const float *const *g,
                             void *y)
{
    const void *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
    const float *g0 = g[0], *g1 = g[1], *g2 = g[2], *g3 = g[3];
#pragma omp simd
    for (int64_t j = 0; j < c; j++)
        calr_real_store(half, y, j,
                        calr_real_load(half, x0, j) * g0[j] + calr_real_load(half, x1, j) * g1[j] +
                            calr_real_load(half, x2, j) * g2[j] +
                            calr_real_load(half, x3, j) * g3[j]);
}

#define BLOCK 64

CALR_INLINE void sum_any_of(bool half, int count, int64_t c, const void *const *x,
                            const float *const *g, void *y)
{
    for (int64_t first = 0; first < c; first += BLOCK) {
        int64_t width = c - first < BLOCK ? c - first : BLOCK;
        float sum[BLOCK] = {0};
        for (int i = 0; i < count; i++)
#pragma omp simd
            for (int64_t j = 0; j < width; j++)
                sum[j] += calr_real_load(half, x[i], first + j) * g[i][first + j];
        for (int64_t j = 0; j < width; j++)
            calr_real_store(half, y, first + j, sum[j]);
    }
}

CALR_CLONES static void sum_gated(bool half, int count, int64_t c, const void *const *x,
                                  const float *const *g, void *y)
{
    if (count == 4 && half)
        sum_four_of(true, c, x, g, y);
    else if (count == 4)
        sum_four_of(false, c, x, g, y);
    else if (half)
        sum_any_of(true, count, c, x, g, y);
    else
        sum_any_of(false, count, c, x, g, y);
}

static void forward_images(void *context, int64_t begin, int64_t end, int worker)
{
    const gating *k = context;
    (void)worker;
    for (int64_t n = begin; n < end; n++)
        for (int64_t p = n * k->area; p < (n + 1) * k->area; p++) {
            const void *x[CALR_GATED_MOST];
            const float *g[CALR_GATED_MOST];
            for (int i = 0; i < k->count; i++) {
                x[i] = calr_real_at(k->half, k->x[i], p * k->c);
                g[i] = k->g[i] + n * k->c;
            }
            sum_gated(k->half, k->count, k->c, x, g, calr_real_at(k->half, k->y, p * k->c));
        }
}

static void backward_images(void *context, int64_t begin, int64_t end, int worker)
{
    const gating *k = context;
    int64_t c = k->c;
    (void)worker;
    for (int64_t n = begin; n < end; n++)
        for (int i = 0; i < k->count; i++) {
            const float *g = k->g[i] + n * c;
            float *dg = k->dg[i] ? k->dg[i] + n * c : NULL;
            for (int64_t j = 0; dg && j < c; j++)
                dg[j] = 0;
            for (int64_t p = 0; p < k->area; p++) {
                int64_t at = (n * k->area + p) * c;
                const void *dy = calr_real_at(k->half, k->dy, at);
                if (k->dx[i])
                    weigh(k->half, c, dy, g, calr_real_at(k->half, k->dx[i], at));
                if (dg)
                    add_products(k->half, c, dy, calr_real_at(k->half, k->x[i], at), dg);
            }
        }
}

void calr_cpu_gated_sum_forward(const calr_gated_sum *sizes, const void *const *x,
                                const float *const *gates, void *y)
{
    gating k = {.half = sizes->dtype == CALR_BF16,
                .count = sizes->count,
                .area = sizes->area,
                .c = sizes->c,
                .x = x,
                .g = gates,
                .y = y};
    calr_parallel_for(sizes->n, 1, forward_images, &k);
}

void calr_cpu_gated_sum_backward(const calr_gated_sum *sizes, const void *const *x,
                                 const float *const *gates, const void *dy, void *const *dx,
                                 float *const *dgates)
{
    gating k = {.half = sizes->dtype == CALR_BF16,
                .count = sizes->count,
                .area = sizes->area,
                .c = sizes->c,
                .x = x,
                .g = gates,
                .dy = dy,
                .dx = dx,
                .dg = dgates};
    calr_parallel_for(sizes->n, 1, backward_images, &k);
}
