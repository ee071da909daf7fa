/* Layer normalisation and its form without the mean (RMS): each row is one item. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/kernels.h"
#include "base/bf16.h"

/* Chunks whose parts of the parameters' gradients are kept at a time. */
#define MOST_CHUNKS 64

typedef struct norming {
    int64_t c, grain;
    float eps;
    bool half, rms;
    const void *x, *dy;
    const float *gamma, *beta, *saved_mean, *saved_inv_std;
    float *mean, *inv_std;
    void *out;
    double *slots; /* chunks x 2 x c; NULL: not wanted */
} norming;

CALR_INLINE double row_sum(bool half, int64_t c, const void *x)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < c; j++)
        sum += (double)calr_real_load(half, x, j);
    return sum;
}

CALR_INLINE double row_squares(bool half, int64_t c, const void *x, float mean)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < c; j++) {
        double off = (double)(calr_real_load(half, x, j) - mean);
        sum += off * off;
    }
    return sum;
}

CALR_INLINE void write_row(bool half, int64_t c, const void *x, float mean, float inv_std,
                           const float *gamma, const float *beta, void *y)
{
    if (gamma && beta) {
#pragma omp simd
        for (int64_t j = 0; j < c; j++)
            calr_real_store(half, y, j,
                            (calr_real_load(half, x, j) - mean) * inv_std * gamma[j] + beta[j]);
        return;
    }
    for (int64_t j = 0; j < c; j++) {
        float value = (calr_real_load(half, x, j) - mean) * inv_std;
        value *= gamma ? gamma[j] : 1.0f;
        calr_real_store(half, y, j, value + (beta ? beta[j] : 0.0f));
    }
}

CALR_INLINE void forward_rows(bool half, const norming *k, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++) {
        const void *x = calr_real_at(half, k->x, i * k->c);
        float mean = k->rms ? 0.0f : (float)(row_sum(half, k->c, x) / (double)k->c);
        double var = row_squares(half, k->c, x, mean) / (double)k->c;
        float inv_std = (float)(1 / sqrt(var + (double)k->eps));
        k->mean[i] = mean;
        k->inv_std[i] = inv_std;
        write_row(half, k->c, x, mean, inv_std, k->gamma, k->beta,
                  calr_real_at(half, k->out, i * k->c));
    }
}

CALR_CLONES static void forward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const norming *k = context;
    (void)worker;
    if (k->half)
        forward_rows(true, k, begin, end);
    else
        forward_rows(false, k, begin, end);
}

calr_status calr_cpu_row_norm_forward(const calr_row_norm *norm, const void *x, const float *gamma,
                                      const float *beta, float *mean, float *inv_std, void *y)
{
    norming k = {.c = norm->c,
                 .eps = norm->eps,
                 .half = norm->dtype == CALR_BF16,
                 .rms = norm->rms,
                 .x = x,
                 .gamma = gamma,
                 .beta = beta,
                 .mean = mean,
                 .inv_std = inv_std,
                 .out = y};
    if (norm->c > 0)
        calr_parallel_for(norm->rows, calr_row_grain(norm->c), forward_body, &k);
    return CALR_OK;
}

/* Sums over a row of g = dy gamma and of g xhat. */
CALR_INLINE void row_gradient_sums(bool half, const norming *k, const void *x, const void *dy,
                                   float mean, float inv_std, double *sum, double *product)
{
    double a = 0, b = 0;
    const float *gamma = k->gamma;
#pragma omp simd reduction(+ : a, b)
    for (int64_t j = 0; j < k->c; j++) {
        float g = calr_real_load(half, dy, j) * (gamma ? gamma[j] : 1.0f);
        a += (double)g;
        b += (double)(g * ((calr_real_load(half, x, j) - mean) * inv_std));
    }
    *sum = a;
    *product = b;
}

CALR_INLINE void row_gradient(bool half, const norming *k, const void *x, const void *dy,
                              float mean, float inv_std, void *dx)
{
    double sum, product;
    const float *gamma = k->gamma;
    row_gradient_sums(half, k, x, dy, mean, inv_std, &sum, &product);
    float a = k->rms ? 0.0f : (float)(sum / (double)k->c), b = (float)(product / (double)k->c);
#pragma omp simd
    for (int64_t j = 0; j < k->c; j++) {
        float g = calr_real_load(half, dy, j) * (gamma ? gamma[j] : 1.0f);
        float xhat = (calr_real_load(half, x, j) - mean) * inv_std;
        calr_real_store(half, dx, j, inv_std * (g - a - xhat * b));
    }
}

CALR_INLINE void parameter_sums(bool half, int64_t c, const void *x, const void *dy, float mean,
                                float inv_std, double *dgamma, double *dbeta)
{
#pragma omp simd
    for (int64_t j = 0; j < c; j++) {
        float g = calr_real_load(half, dy, j);
        dbeta[j] += (double)g;
        dgamma[j] += (double)(g * ((calr_real_load(half, x, j) - mean) * inv_std));
    }
}

CALR_INLINE void backward_rows(bool half, const norming *k, int64_t begin, int64_t end)
{
    double *slot = k->slots ? k->slots + begin / k->grain * 2 * k->c : NULL;
    if (slot)
        memset(slot, 0, (size_t)k->c * 2 * sizeof *slot);
    for (int64_t i = begin; i < end; i++) {
        const void *x = calr_real_at(half, k->x, i * k->c);
        const void *dy = calr_real_at(half, k->dy, i * k->c);
        float mean = k->saved_mean[i], inv_std = k->saved_inv_std[i];
        if (slot)
            parameter_sums(half, k->c, x, dy, mean, inv_std, slot, slot + k->c);
        if (k->out)
            row_gradient(half, k, x, dy, mean, inv_std, calr_real_at(half, k->out, i * k->c));
    }
}

CALR_CLONES static void backward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const norming *k = context;
    (void)worker;
    if (k->half)
        backward_rows(true, k, begin, end);
    else
        backward_rows(false, k, begin, end);
}

/* The slots of the chunks, in order. */
static void add_slots(const norming *k, int64_t chunks, int64_t part, float *out)
{
    if (!out)
        return;
    for (int64_t j = 0; j < k->c; j++) {
        double sum = 0;
        for (int64_t i = 0; i < chunks; i++)
            sum += k->slots[(2 * i + part) * k->c + j];
        out[j] = (float)sum;
    }
}

calr_status calr_cpu_row_norm_backward(const calr_row_norm *norm, const void *x, const float *gamma,
                                       const float *mean, const float *inv_std, const void *dy,
                                       void *dx, float *dgamma, float *dbeta)
{
    norming k = {.c = norm->c,
                 .half = norm->dtype == CALR_BF16,
                 .rms = norm->rms,
                 .x = x,
                 .dy = dy,
                 .gamma = gamma,
                 .saved_mean = mean,
                 .saved_inv_std = inv_std,
                 .out = dx};
    k.grain = calr_max64(calr_row_grain(norm->c), (norm->rows + MOST_CHUNKS - 1) / MOST_CHUNKS);
    int64_t chunks = (norm->rows + k.grain - 1) / k.grain;
    if (dgamma || dbeta) {
        k.slots = calr_array_new(calr_max64(chunks, 1) * 2 * k.c, sizeof *k.slots);
        if (!k.slots)
            return calr_error(CALR_ENOMEM,
                              "no memory for the working space of layer normalisation");
    }
    if (norm->c > 0)
        calr_parallel_for(norm->rows, k.grain, backward_body, &k);
    add_slots(&k, chunks, 0, dgamma);
    add_slots(&k, chunks, 1, dbeta);
    free(k.slots);
    return CALR_OK;
}
