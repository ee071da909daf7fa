/* Element by element. One body serves all: a chunk is worked off by a loop that the compiler
 * vectorises. */
#include <string.h>

#include "backend/cpu/kernels.h"
#include "base/rng.h"

typedef struct elements {
    const void *x;
    void *y;
    double alpha, beta;
} elements;

/* The loop `name`: expression of x, alpha, beta, and y, the old value of what is written. */
#define LOOP(name, T, C, load, store, expression)                                                  \
    CALR_CLONES static void name(void *context, int64_t begin, int64_t end, int worker)            \
    {                                                                                              \
        const elements *e = context;                                                               \
        const C alpha = (C)e->alpha, beta = (C)e->beta;                                            \
        const T *from = e->x;                                                                      \
        T *to = e->y;                                                                              \
        (void)worker, (void)beta;                                                                  \
        _Pragma("omp simd") for (int64_t i = begin; i < end; i++)                                  \
        {                                                                                          \
            const C x = load(from[i]), y = load(to[i]);                                            \
            (void)y;                                                                               \
            to[i] = store(expression);                                                             \
        }                                                                                          \
    }
#define SAME(x)   (x)
#define WIDEN(x)  calr_bf16_to_f32(x)
#define NARROW(x) calr_bf16_from_f32(x)
#define LOOPS(name, expression)                                                                    \
    LOOP(name##_f32, float, float, SAME, SAME, expression)                                         \
    LOOP(name##_f64, double, double, SAME, SAME, expression)                                       \
    LOOP(name##_bf16, calr_bf16, float, WIDEN, NARROW, expression)                                 \
    static void name(calr_dtype dtype, int64_t n, double alpha, double beta, const void *x,        \
                     void *y)                                                                      \
    {                                                                                              \
        elements e = {x, y, alpha, beta};                                                          \
        calr_parallel_for(n, CALR_GRAIN,                                                           \
                          dtype == CALR_BF16  ? name##_bf16                                        \
                          : dtype == CALR_F64 ? name##_f64                                         \
                                              : name##_f32,                                        \
                          &e);                                                                     \
    }
LOOPS(affine, alpha *x + beta)
LOOPS(axpy, y + alpha * x)

void calr_cpu_scale(calr_dtype dtype, int64_t n, double alpha, const void *x, void *y)
{
    affine(dtype, n, alpha, 0, x, y);
}

void calr_cpu_axpy(calr_dtype dtype, int64_t n, double alpha, const void *x, void *y)
{
    axpy(dtype, n, alpha, 0, x, y);
}

void calr_cpu_affine(calr_dtype dtype, int64_t n, double alpha, double beta, const void *x, void *y)
{
    affine(dtype, n, alpha, beta, x, y);
}

/* Products added up: chunk by chunk into slots, the slots in order. SLOTS bounds the memory; the chunks depend on n
 * alone. */
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
#pragma omp simd reduction(+ : total)
    for (int64_t i = begin; i < end; i++)
        total += (double)a[i] * b[i];
    s->slot[begin / s->grain] = total;
}

double calr_cpu_dot(int64_t n, const float *a, const float *b)
{
    summing s = {.a = a, .b = b, .grain = calr_max64(CALR_GRAIN, (n + SLOTS - 1) / SLOTS)};
    double total = 0;
    calr_parallel_for(n, s.grain, dot_body, &s);
    for (int64_t i = 0; i * s.grain < n; i++)
        total += s.slot[i];
    return total;
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
