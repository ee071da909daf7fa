/* Generalised-mean pooling.
 *
 * With u = max(x, eps) and M the largest u of a channel, y = M m^(1/p), m = mean (u / M)^p: m lies
 * in [1/area, 1] whatever the size of x and p, so nothing overflows or vanishes. Then dy/dx = (u /
 * M)^(p-1) m^(1/p - 1) / area   where x >= eps, else 0 dy/dp = y (mean((u/M)^p ln(u/M)) / (p m) -
 * ln(m) / p^2)   (M is a constant factor: dM/dp = 0). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/kernels.h"

#define BLOCK 32

typedef struct gem {
    bool half; /* x and dx are bf16 */
    int64_t area, c;
    float p, eps;
    const void *x;
    const float *y, *dy;
    void *out;   /* y (f32), or dx (may be NULL then) */
    double *dps; /* one slot an image; NULL: not wanted */
} gem;

/* ln(x) for finite x > 0 in the normal range, to about 1 unit in the last place: x = 2^e m, m in
 * [sqrt(1/2), sqrt(2)), ln m = 2 atanh((m - 1) / (m + 1)) by its series. */
static inline float log_fast(float x)
{
    int32_t bits, e;
    float m;
    memcpy(&bits, &x, sizeof bits);
    e = (bits - 0x3f3504f3) >> 23;
    bits -= (int32_t)((uint32_t)e << 23);
    memcpy(&m, &bits, sizeof m);
    float s = (m - 1) / (m + 1), z = s * s;
    float series =
        s * z *
        (0.66666667f + z * (0.40000001f + z * (0.28571296f + z * (0.22234076f + z * 0.17977904f))));
    return (float)e * 0.69314718f + (2 * s + series);
}

/* exp(x) for x <= 88; 0 below -87. x = n ln 2 + r, |r| <= ln 2 / 2. */
static inline float exp_fast(float x)
{
    float clamped = x < -87.0f ? -87.0f : x > 88 ? 88.0f : x;
    float n = floorf(clamped * 1.44269504f + 0.5f);
    float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
    float q = 1.9875691500e-4f;
    q = q * r + 1.3981999507e-3f;
    q = q * r + 8.3334519073e-3f;
    q = q * r + 4.1665795894e-2f;
    q = q * r + 1.6666665459e-1f;
    q = q * r + 5.0000001201e-1f;
    float y = q * r * r + r + 1;
    uint32_t bits = (uint32_t)((int32_t)n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return x < -87.0f ? 0.0f : y * power;
}

/* In what follows x and dx are the first `width` channels of a block, at element `at`. */
CALR_INLINE void largest_of(bool half, const gem *k, int64_t at, int64_t width, float *most)
{
    for (int64_t j = 0; j < width; j++)
        most[j] = k->eps;
    for (int64_t a = 0; a < k->area; a++) {
        const void *row = calr_real_at(half, k->x, at + a * k->c);
#pragma omp simd
        for (int64_t j = 0; j < width; j++) {
            float x = calr_real_load(half, row, j);
            most[j] = x > most[j] || x != x ? x : most[j];
        }
    }
}

CALR_CLONES static void largest(const gem *k, int64_t at, int64_t width, float *most)
{
    if (k->half)
        largest_of(true, k, at, width, most);
    else
        largest_of(false, k, at, width, most);
}

/* mean[j] of (u/M)^p, and with logs of (u/M)^p ln(u/M). */
CALR_INLINE void power_means_of(bool half, const gem *k, int64_t at, int64_t width,
                                const float *most, double *mean, double *logs)
{
    float p = k->p, eps = k->eps;
    double m[BLOCK] = {0}, l[BLOCK] = {0};
    for (int64_t a = 0; a < k->area; a++) {
        const void *row = calr_real_at(half, k->x, at + a * k->c);
#pragma omp simd
        for (int64_t j = 0; j < width; j++) {
            float x = calr_real_load(half, row, j), u = x < eps ? eps : x;
            float ln = log_fast(u / most[j]);
            float power = exp_fast(p * ln);
            m[j] += (double)power;
            l[j] += (double)power * (double)ln;
        }
    }
    for (int64_t j = 0; j < width; j++) {
        mean[j] = m[j] / (double)k->area;
        logs[j] = l[j] / (double)k->area;
    }
}

CALR_CLONES static void power_means(const gem *k, int64_t at, int64_t width, const float *most,
                                    double *mean, double *logs)
{
    if (k->half)
        power_means_of(true, k, at, width, most, mean, logs);
    else
        power_means_of(false, k, at, width, most, mean, logs);
}

CALR_INLINE void gradient_of(bool half, const gem *k, int64_t at, int64_t width, const float *most,
                             const float *factor)
{
    float p1 = k->p - 1, eps = k->eps;
    for (int64_t a = 0; a < k->area; a++) {
        const void *row = calr_real_at(half, k->x, at + a * k->c);
        void *dx = calr_real_at(half, k->out, at + a * k->c);
#pragma omp simd
        for (int64_t j = 0; j < width; j++) {
            float x = calr_real_load(half, row, j), u = x < eps ? eps : x;
            float power = exp_fast(p1 * log_fast(u / most[j]));
            calr_real_store(half, dx, j, x < eps ? 0.0f : power * factor[j]);
        }
    }
}

CALR_CLONES static void gradient(const gem *k, int64_t at, int64_t width, const float *most,
                                 const float *factor)
{
    if (k->half)
        gradient_of(true, k, at, width, most, factor);
    else
        gradient_of(false, k, at, width, most, factor);
}

static void forward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const gem *k = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++)
        for (int64_t j0 = 0; j0 < k->c; j0 += BLOCK) {
            int64_t width = calr_min64(BLOCK, k->c - j0);
            int64_t x = i * k->area * k->c + j0;
            float most[BLOCK], *y = (float *)k->out + i * k->c + j0;
            double mean[BLOCK], logs[BLOCK];
            largest(k, x, width, most);
            power_means(k, x, width, most, mean, logs);
            for (int64_t j = 0; j < width; j++)
                y[j] = (float)((double)most[j] * pow(mean[j], 1 / (double)k->p));
        }
}

static void backward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const gem *k = context;
    double p = (double)k->p;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        double dp = 0;
        for (int64_t j0 = 0; j0 < k->c; j0 += BLOCK) {
            int64_t width = calr_min64(BLOCK, k->c - j0), at = i * k->c + j0;
            int64_t x = i * k->area * k->c + j0;
            float most[BLOCK], factor[BLOCK];
            double mean[BLOCK], logs[BLOCK];
            largest(k, x, width, most);
            power_means(k, x, width, most, mean, logs);
            for (int64_t j = 0; j < width; j++) {
                double dy = (double)k->dy[at + j];
                dp +=
                    dy * (double)k->y[at + j] * (logs[j] / (p * mean[j]) - log(mean[j]) / (p * p));
                factor[j] = (float)(dy * pow(mean[j], 1 / p - 1) / (double)k->area);
                if (!isfinite(most[j])) /* the fast logarithm knows neither NaN nor infinity */
                    factor[j] = NAN;
            }
            if (k->out)
                gradient(k, x, width, most, factor);
        }
        if (k->dps)
            k->dps[i] = dp;
    }
}

calr_status calr_cpu_gem_forward(calr_dtype dtype, int64_t n, int64_t area, int64_t c, float p,
                                 float eps, const void *x, float *y)
{
    gem k = {
        .half = dtype == CALR_BF16, .area = area, .c = c, .p = p, .eps = eps, .x = x, .out = y};
    calr_parallel_for(n, calr_row_grain(4 * area * c), forward_body, &k);
    return CALR_OK;
}

calr_status calr_cpu_gem_backward(calr_dtype dtype, int64_t n, int64_t area, int64_t c, float p,
                                  float eps, const void *x, const float *y, const float *dy,
                                  void *dx, float *dp)
{
    gem k = {.half = dtype == CALR_BF16,
             .area = area,
             .c = c,
             .p = p,
             .eps = eps,
             .x = x,
             .y = y,
             .dy = dy,
             .out = dx};
    if (dp && !(k.dps = calr_array_new(n, sizeof(double))))
        return calr_error(CALR_ENOMEM, "no memory for the working space of pooling");
    calr_parallel_for(n, calr_row_grain(4 * area * c), backward_body, &k);
    if (dp) {
        double total = 0;
        for (int64_t i = 0; i < n; i++)
            total += k.dps[i];
        *dp = (float)total;
    }
    free(k.dps);
    return CALR_OK;
}
