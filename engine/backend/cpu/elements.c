/* Element by element. One body serves all: a chunk is worked off by a loop that the compiler
 * vectorises. */
#include <string.h>

#include "backend/cpu/kernels.h"
#include "base/rng.h"

typedef struct elements {
    bool half;
    const void *x1, *x2;
    void *out;
    float alpha, beta;
} elements;

/* FUNCTION(name, expression of a, b, y, alpha, beta) defines the body name; y is the old value of
 * what is written. */
#define FUNCTION(name, expression)                                                                 \
    CALR_INLINE void name##_of(bool half, const elements *e, int64_t begin, int64_t end)           \
    {                                                                                              \
        const float alpha = e->alpha, beta = e->beta;                                              \
        const void *x1 = e->x1, *x2 = e->x2;                                                       \
        void *out = e->out;                                                                        \
        (void)alpha, (void)beta;                                                                   \
        _Pragma("omp simd") for (int64_t i = begin; i < end; i++)                                  \
        {                                                                                          \
            float a = calr_real_load(half, x1, i), b = calr_real_load(half, x2, i),                \
                  y = calr_real_load(half, out, i);                                                \
            (void)b, (void)y;                                                                      \
            calr_real_store(half, out, i, (expression));                                           \
        }                                                                                          \
    }                                                                                              \
    CALR_CLONES static void name(void *context, int64_t begin, int64_t end, int worker)            \
    {                                                                                              \
        const elements *e = context;                                                               \
        (void)worker;                                                                              \
        if (e->half)                                                                               \
            name##_of(true, e, begin, end);                                                        \
        else                                                                                       \
            name##_of(false, e, begin, end);                                                       \
    }

FUNCTION(relu_body, a > 0 || a != a ? a : 0.0f)
FUNCTION(relu_backward_body, a > 0 ? b : 0.0f)
FUNCTION(add_body, a + b)
FUNCTION(sub_body, a - b)
FUNCTION(mul_body, a *b)
FUNCTION(div_body, a / b)
FUNCTION(axpy_body, y + alpha * a)
FUNCTION(affine_body, alpha *a + beta)

static void run(calr_parallel_body body, calr_dtype dtype, int64_t n, float alpha, float beta,
                const void *a, const void *b, void *y)
{
    elements e = {
        .half = dtype == CALR_BF16, .x1 = a, .x2 = b, .out = y, .alpha = alpha, .beta = beta};
    calr_parallel_for(n, CALR_GRAIN, body, &e);
}

void calr_cpu_relu(calr_dtype dtype, int64_t n, const void *x, void *y)
{
    run(relu_body, dtype, n, 0, 0, x, x, y);
}

void calr_cpu_relu_backward(calr_dtype dtype, int64_t n, const void *y, const void *dy, void *dx)
{
    run(relu_backward_body, dtype, n, 0, 0, y, dy, dx);
}

void calr_cpu_add(calr_dtype dtype, int64_t n, const void *a, const void *b, void *y)
{
    run(add_body, dtype, n, 0, 0, a, b, y);
}

void calr_cpu_sub(calr_dtype dtype, int64_t n, const void *a, const void *b, void *y)
{
    run(sub_body, dtype, n, 0, 0, a, b, y);
}

void calr_cpu_mul(calr_dtype dtype, int64_t n, const void *a, const void *b, void *y)
{
    run(mul_body, dtype, n, 0, 0, a, b, y);
}

void calr_cpu_div(calr_dtype dtype, int64_t n, const void *a, const void *b, void *y)
{
    run(div_body, dtype, n, 0, 0, a, b, y);
}

void calr_cpu_scale(calr_dtype dtype, int64_t n, float alpha, const void *x, void *y)
{
    run(affine_body, dtype, n, alpha, 0, x, x, y);
}

void calr_cpu_axpy(calr_dtype dtype, int64_t n, float alpha, const void *x, void *y)
{
    run(axpy_body, dtype, n, alpha, 0, x, x, y);
}

void calr_cpu_affine(calr_dtype dtype, int64_t n, float alpha, float beta, const void *x, void *y)
{
    run(affine_body, dtype, n, alpha, beta, x, x, y);
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
