/* Generalised-mean pooling.
 *
 * Forward: with u = max(x, eps), M the largest u of a channel, y = M m^(1/p), m = mean (u / M)^p: m
 * lies in [1/area, 1] whatever the size of x and p, so nothing overflows or vanishes. Instead of
 * dividing by M all multiply by `inverse`, 1 / M as a float, and M is what that is the inverse of:
 * its rounding cancels.
 *
 * Backward: y is at hand and takes the place of M, which saves a pass. With w = u / y and m = mean
 * w^p, 1 but for y's rounding:
 *   dy/dx = w^(p-1) m^(1/p - 1) / area   where x >= eps, else 0
 *   dy/dp = y (mean(w^p ln w) / (p m) - ln(m) / p^2)   (whatever y divides by is a constant) */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/kernels.h"

/* Channels worked on at once: pieces of rows that the processor reads ahead by itself, and a block
 * of a usual map (128 places) stays in the second-level cache between the passes over it. */
#define BLOCK 512

typedef struct gem {
    bool half; /* x and dx are bf16 */
    int64_t area, c;
    float p, eps;
    const void *x;
    const float *y, *dy;
    void *out;   /* y (f32), or dx */
    double *dps; /* one slot an image; NULL: not wanted */
} gem;

/* log2(x) for finite x > 0 in the normal range, to about 1 unit in the last place: x = 2^e (1 + f),
 * 1 + f in [sqrt(1/2), sqrt(2)); ln(1 + f) by the polynomial of Cephes' logf. */
CALR_INLINE float log2_fast(float x)
{
    int32_t bits, e;
    float m;
    memcpy(&bits, &x, sizeof bits);
    e = (bits - 0x3f3504f3) >> 23;
    bits -= (int32_t)((uint32_t)e << 23);
    memcpy(&m, &bits, sizeof m);
    float f = m - 1, z = f * f;
    float q = 7.0376836292e-2f;
    q = q * f - 1.1514610310e-1f;
    q = q * f + 1.1676998740e-1f;
    q = q * f - 1.2420140846e-1f;
    q = q * f + 1.4249322787e-1f;
    q = q * f - 1.6668057665e-1f;
    q = q * f + 2.0000714765e-1f;
    q = q * f - 2.4999993993e-1f;
    q = q * f + 3.3333331174e-1f;
    return (float)e + 1.44269504f * (f + z * (f * q - 0.5f));
}

/* 2^x for x <= 127, 2^-125 below that: x = n + r, |r| <= 1/2, 2^r by the polynomial of Cephes'
 * exp2f. Adding 1.5 2^23 leaves n in the lowest bits. */
CALR_INLINE float exp2_fast(float x)
{
    x = x > -125.0f ? x : -125.0f;
    float shifted = x + 12582912.0f, r = x - (shifted - 12582912.0f);
    float q = 1.535336188319500e-4f;
    q = q * r + 1.339887440266574e-3f;
    q = q * r + 9.618437357674640e-3f;
    q = q * r + 5.550332471162809e-2f;
    q = q * r + 2.402264791363012e-1f;
    q = q * r + 6.931472028550421e-1f;
    q = q * r + 1;
    uint32_t n, bits;
    memcpy(&n, &shifted, sizeof n);
    memcpy(&bits, &q, sizeof bits);
    bits += n << 23;
    memcpy(&q, &bits, sizeof q);
    return q;
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

/* 1 / x, finite for what is below the normal range, too. */
CALR_INLINE float inverse_of(float x)
{
    return 1 / (x > FLT_MIN ? x : FLT_MIN);
}

CALR_INLINE float power_at(bool half, const gem *k, int64_t at, float inverse)
{
    float x = calr_real_load(half, k->x, at), u = x < k->eps ? k->eps : x;
    return exp2_fast(k->p * log2_fast(u * inverse));
}

/* sum[j] of (u / M)^p. Four rows are added up in float before they go to double: terms of one sign, at
 * most 1. */
CALR_INLINE void power_sums_of(bool half, const gem *given, int64_t at, int64_t width,
                               const float *inverse, double *restrict sum)
{
    const gem local = *given, *k = &local;
    int64_t a = 0, c = k->c;
    for (; a + 4 <= k->area; a += 4, at += 4 * c) {
#pragma omp simd
        for (int64_t j = 0; j < width; j++)
            sum[j] += (double)((power_at(half, k, at + j, inverse[j]) +
                                power_at(half, k, at + c + j, inverse[j])) +
                               (power_at(half, k, at + 2 * c + j, inverse[j]) +
                                power_at(half, k, at + 3 * c + j, inverse[j])));
    }
    for (; a < k->area; a++, at += c) {
#pragma omp simd
        for (int64_t j = 0; j < width; j++)
            sum[j] += (double)power_at(half, k, at + j, inverse[j]);
    }
}

CALR_CLONES static void power_sums(const gem *k, int64_t at, int64_t width, const float *inverse,
                                   double *sum)
{
    if (k->half)
        power_sums_of(true, k, at, width, inverse, sum);
    else
        power_sums_of(false, k, at, width, inverse, sum);
}

typedef struct term {
    float power, weighted; /* w^p, w^p log2(w) */
} term;

/* What the place `at` adds to both sums; writes dx there. */
CALR_INLINE term differentiate(bool half, const gem *k, int64_t at, float inverse, float factor)
{
    float x = calr_real_load(half, k->x, at), u = x < k->eps ? k->eps : x;
    float w = u * inverse, log = log2_fast(w), power = exp2_fast((k->p - 1) * log);
    calr_real_store(half, k->out, at, x < k->eps ? 0.0f : power * factor);
    power *= w;
    return (term){power, power * log};
}

CALR_INLINE void gradient_of(bool half, const gem *given, int64_t at, int64_t width,
                             const float *inverse, const float *factor, double *restrict sum,
                             double *restrict logs)
{
    const gem local = *given, *k = &local;
    int64_t a = 0, c = k->c;
    for (; a + 4 <= k->area; a += 4, at += 4 * c) {
#pragma omp simd
        for (int64_t j = 0; j < width; j++) {
            term t0 = differentiate(half, k, at + j, inverse[j], factor[j]);
            term t1 = differentiate(half, k, at + c + j, inverse[j], factor[j]);
            term t2 = differentiate(half, k, at + 2 * c + j, inverse[j], factor[j]);
            term t3 = differentiate(half, k, at + 3 * c + j, inverse[j], factor[j]);
            sum[j] += (double)((t0.power + t1.power) + (t2.power + t3.power));
            logs[j] += (double)((t0.weighted + t1.weighted) + (t2.weighted + t3.weighted));
        }
    }
    for (; a < k->area; a++, at += c) {
#pragma omp simd
        for (int64_t j = 0; j < width; j++) {
            term t = differentiate(half, k, at + j, inverse[j], factor[j]);
            sum[j] += (double)t.power;
            logs[j] += (double)t.weighted;
        }
    }
}

/* sum[j] of w^p, logs[j] of w^p log2(w), and dx: w^(p-1) factor. */
CALR_CLONES static void gradient(const gem *k, int64_t at, int64_t width, const float *inverse,
                                 const float *factor, double *sum, double *logs)
{
    if (k->half)
        gradient_of(true, k, at, width, inverse, factor, sum, logs);
    else
        gradient_of(false, k, at, width, inverse, factor, sum, logs);
}

/* Above that p the rounding of y, which enters dx p - 1 times, is more than dx's own. */
#define ROUNDING_MATTERS 4

/* Multiplies dx by m^(1/p - 1), m = sum / area being nearly 1. */
CALR_CLONES static void correct(const gem *k, int64_t at, int64_t width, const double *sum)
{
    float factor[BLOCK], *dx = (float *)k->out + at;
    for (int64_t j = 0; j < width; j++)
        factor[j] = (float)(1 + (1 / (double)k->p - 1) * (sum[j] / (double)k->area - 1));
    for (int64_t a = 0; a < k->area; a++, dx += k->c) {
#pragma omp simd
        for (int64_t j = 0; j < width; j++)
            dx[j] *= factor[j];
    }
}

static void forward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const gem *k = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++)
        for (int64_t j0 = 0; j0 < k->c; j0 += BLOCK) {
            int64_t width = calr_min64(BLOCK, k->c - j0);
            int64_t x = i * k->area * k->c + j0;
            float most[BLOCK], inverse[BLOCK], *y = (float *)k->out + i * k->c + j0;
            double sum[BLOCK] = {0};
            largest(k, x, width, most);
            for (int64_t j = 0; j < width; j++)
                inverse[j] = inverse_of(most[j]);
            power_sums(k, x, width, inverse, sum);
            for (int64_t j = 0; j < width; j++) {
                double root = pow(sum[j] / (double)k->area, 1 / (double)k->p);
                /* the fast logarithm knows neither NaN nor infinity */
                y[j] = isfinite(most[j]) ? (float)(root / (double)inverse[j]) : most[j];
            }
        }
}

/* What the channels of a block, with y and dy at `at`, add to the gradient of p. */
static double gradient_of_p(const gem *k, int64_t at, int64_t width, const double *sum,
                            const double *logs)
{
    const double p = (double)k->p, ln2 = 0.69314718055994531;
    double dp = 0;
    for (int64_t j = 0; j < width; j++) {
        double ln_m = sum[j] / (double)k->area - 1; /* m is nearly 1 */
        double share = ln2 * logs[j] / (p * sum[j]) - ln_m / (p * p);
        dp += (double)k->dy[at + j] * (double)k->y[at + j] *
              (isfinite(k->y[at + j]) ? share : (double)NAN);
    }
    return dp;
}

static void backward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const gem *k = context;
    const float part = (float)(1 / (double)k->area);
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        double dp = 0;
        for (int64_t j0 = 0; j0 < k->c; j0 += BLOCK) {
            int64_t width = calr_min64(BLOCK, k->c - j0), at = i * k->c + j0;
            int64_t x = i * k->area * k->c + j0;
            float inverse[BLOCK], factor[BLOCK];
            double sum[BLOCK] = {0}, logs[BLOCK] = {0};
            for (int64_t j = 0; j < width; j++) {
                inverse[j] = inverse_of(k->y[at + j]);
                factor[j] = isfinite(k->y[at + j]) ? part * k->dy[at + j] : NAN;
            }
            gradient(k, x, width, inverse, factor, sum, logs);
            if (!k->half && k->p > ROUNDING_MATTERS)
                correct(k, x, width, sum);
            dp += gradient_of_p(k, at, width, sum, logs);
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

/* The gradient of p alone makes dx all the same: a loop without it would be another one to the compiler, which is free
 * to round it otherwise (gcc 14 does). */
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
    void *unwanted = NULL;
    if (dp)
        k.dps = calr_array_new(n, sizeof(double));
    if (!dx)
        k.out = unwanted = calr_array_new(n * area * c, k.half ? sizeof(uint16_t) : sizeof(float));
    bool room = k.out && (!dp || k.dps);
    if (room)
        calr_parallel_for(n, calr_row_grain(4 * area * c), backward_body, &k);
    if (dp && room) {
        double total = 0;
        for (int64_t i = 0; i < n; i++)
            total += k.dps[i];
        *dp = (float)total;
    }
    free(k.dps);
    free(unwanted);
    return room ? CALR_OK : calr_error(CALR_ENOMEM, "no memory for the working space of pooling");
}
