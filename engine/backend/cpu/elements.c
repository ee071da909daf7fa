/* Element by element. One body serves all: a chunk is worked off by a loop that the compiler
 * vectorises. */
#include <string.h>

#include "backend/cpu/kernels.h"
#include "base/rng.h"

typedef struct elements {
    const float *a, *b;
    float *y;
    float alpha, beta;
} elements;

/* FUNCTION(name, expression of a[i], b[i], y[i], alpha, beta) defines the body name. */
#define FUNCTION(name, expression)                                                                 \
    CALR_CLONES static void name(void *context, int64_t begin, int64_t end, int worker)            \
    {                                                                                              \
        const elements *e = context;                                                               \
        const float *a = e->a, *b = e->b;                                                          \
        const float alpha = e->alpha, beta = e->beta;                                              \
        float *y = e->y;                                                                           \
        (void)worker, (void)a, (void)b, (void)alpha, (void)beta;                                   \
        _Pragma("omp simd") for (int64_t i = begin; i < end; i++) y[i] = (expression);             \
    }

FUNCTION(relu_body, a[i] > 0 || a[i] != a[i] ? a[i] : 0.0f)
FUNCTION(relu_backward_body, a[i] > 0 ? b[i] : 0.0f)
FUNCTION(add_body, a[i] + b[i])
FUNCTION(sub_body, a[i] - b[i])
FUNCTION(mul_body, a[i] * b[i])
FUNCTION(div_body, a[i] / b[i])
FUNCTION(axpy_body, y[i] + alpha * a[i])
FUNCTION(affine_body, alpha *a[i] + beta)

static void run(calr_parallel_body body, int64_t n, float alpha, float beta, const float *a,
                const float *b, float *y)
{
    elements e = {.a = a, .b = b, .y = y, .alpha = alpha, .beta = beta};
    calr_parallel_for(n, CALR_GRAIN, body, &e);
}

void calr_cpu_relu(int64_t n, const float *x, float *y)
{
    run(relu_body, n, 0, 0, x, x, y);
}

void calr_cpu_relu_backward(int64_t n, const float *y, const float *dy, float *dx)
{
    run(relu_backward_body, n, 0, 0, y, dy, dx);
}

void calr_cpu_add(int64_t n, const float *a, const float *b, float *y)
{
    run(add_body, n, 0, 0, a, b, y);
}

void calr_cpu_sub(int64_t n, const float *a, const float *b, float *y)
{
    run(sub_body, n, 0, 0, a, b, y);
}

void calr_cpu_mul(int64_t n, const float *a, const float *b, float *y)
{
    run(mul_body, n, 0, 0, a, b, y);
}

void calr_cpu_div(int64_t n, const float *a, const float *b, float *y)
{
    run(div_body, n, 0, 0, a, b, y);
}

void calr_cpu_scale(int64_t n, float alpha, const float *x, float *y)
{
    run(affine_body, n, alpha, 0, x, x, y);
}

void calr_cpu_axpy(int64_t n, float alpha, const float *x, float *y)
{
    run(axpy_body, n, alpha, 0, x, x, y);
}

void calr_cpu_affine(int64_t n, float alpha, float beta, const float *x, float *y)
{
    run(affine_body, n, alpha, beta, x, x, y);
}

/* Sums: chunk by chunk into slots, the slots added up in order. SLOTS bounds the memory; the chunks
 * depend on n alone. */
#define SLOTS 256

typedef struct summing {
    const float *a, *b;
    int64_t grain;
    double slot[SLOTS];
} summing;

CALR_CLONES static void dot_body(void *context, int64_t begin, int64_t end, int worker)
{
    summing *s = context;
    const float *a = s->a, *b = s->b;
    double total = 0;
    (void)worker;
    if (b) {
#pragma omp simd reduction(+ : total)
        for (int64_t i = begin; i < end; i++)
            total += (double)a[i] * b[i];
    } else {
#pragma omp simd reduction(+ : total)
        for (int64_t i = begin; i < end; i++)
            total += a[i];
    }
    s->slot[begin / s->grain] = total;
}

static double sum_of(int64_t n, const float *a, const float *b)
{
    summing s = {.a = a, .b = b, .grain = calr_max64(CALR_GRAIN, (n + SLOTS - 1) / SLOTS)};
    double total = 0;
    calr_parallel_for(n, s.grain, dot_body, &s);
    for (int64_t i = 0; i * s.grain < n; i++)
        total += s.slot[i];
    return total;
}

double calr_cpu_sum(int64_t n, const float *x)
{
    return sum_of(n, x, NULL);
}

double calr_cpu_dot(int64_t n, const float *a, const float *b)
{
    return sum_of(n, a, b);
}

/* Dropout: element i takes word i % 4 of block i / 4 of the stream, so that any chunk can be made
 * on its own. */
typedef struct dropping {
    const float *x;
    float *y;
    calr_rng stream;
    uint32_t drop_below; /* a word below it drops the element */
    float scale;
} dropping;

static void dropout_body(void *context, int64_t begin, int64_t end, int worker)
{
    const dropping *d = context;
    uint32_t counter[4], word[4];
    (void)worker;
    memcpy(counter, d->stream.counter, sizeof counter);
    for (int64_t i = begin; i < end; i += 4) { /* chunks begin at multiples of 4 */
        counter[0] = (uint32_t)(i / 4);
        calr_philox(counter, d->stream.key, word);
        for (int64_t j = i; j < end && j < i + 4; j++)
            d->y[j] = word[j - i] < d->drop_below ? 0.0f : d->x[j] * d->scale;
    }
}

void calr_cpu_dropout(int64_t n, const calr_dropout *dropout, const float *x, float *y)
{
    dropping d = {
        .x = x,
        .y = y,
        .stream = calr_rng_make(dropout->seed, calr_rng_purpose("dropout"), dropout->epoch,
                                dropout->index),
        .drop_below = (uint32_t)(dropout->p * 4294967296.0),
        .scale = (float)(1.0 / (1.0 - dropout->p)),
    };
    calr_parallel_for(n, CALR_GRAIN, dropout_body, &d);
}
