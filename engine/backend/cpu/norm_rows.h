/* Loops of the normalisations over rows of c columns. Internal to cpu/.
 *
 * Each is one pass over its arrays, on the calling thread; the arrays of one call may be the same
 * (in place), never shifted. Arrays that are void * are bf16 if `half`, otherwise f32. `far`: the maps that these rows
 * are part of do not fit into a cache, so their lines are fetched before they are needed. */
#ifndef CALR_BACKEND_CPU_NORM_ROWS_H
#define CALR_BACKEND_CPU_NORM_ROWS_H

#include "backend/activation.h"
#include "base/bf16.h"

/* Whether a map of this size is far: the second-level cache holds a megabyte or two. */
static inline bool calr_norm_is_far(bool half, int64_t rows, int64_t c)
{
    return rows * c * (half ? 2 : 4) > 2 << 20;
}

/* Memory that will be read or written soon. Four rows at once are four streams through a map, which a processor's
 * prefetcher does not follow: without a word of help the loops wait for each line. What lies behind a map is never
 * used; fetching it does no harm. */
CALR_INLINE void calr_norm_fetch(bool writes, const void *from, int64_t bytes)
{
    for (int64_t i = 0; i < bytes; i += 64)
        if (writes)
            __builtin_prefetch((const char *)from + i, 1, 2);
        else
            __builtin_prefetch((const char *)from + i, 0, 2);
}

/* Numbers from a row to those that are fetched while it is worked on: two pages of memory, or four rows. */
CALR_INLINE int64_t calr_norm_ahead(int64_t c)
{
    return c > 512 ? 4 * c : 2048;
}

/* sums[0..c-1] and sums[c..2c-1]: sum and sum of squares of x - center over rows. center is any
 * value near the mean (the first row): without it the variance of columns with a large mean would
 * cancel. */
void calr_cpu_moments(bool half, bool far, int64_t rows, int64_t c, const void *x,
                      const void *center, double *sums);

/* out = activation(scale (x - mean) + shift (+ residual)). Taking the mean off first keeps the digits of
 * columns whose mean is large against their deviation. */
void calr_cpu_normalize(bool half, bool far, int64_t rows, int64_t c, calr_activation activation,
                        const void *x, const float *mean, const float *scale, const float *shift,
                        const void *residual, void *out);

/* The gradient g that reaches the normalisation: dy + dy2 (dy2 may be NULL) times the activation's
 * slope. What that depends on: */
typedef enum calr_norm_mask {
    CALR_MASK_NONE,
    CALR_MASK_OUTPUT,   /* 1 where y > 0; aside is y */
    CALR_MASK_INPUT,    /* 1 where scale (x - mean) + shift > 0: the same, y need not be there */
    CALR_MASK_OUTPUT_6, /* 1 where 0 < y < 6; aside is y */
    CALR_MASK_INPUT_6,  /* the same of scale (x - mean) + shift, as it is rounded for y */
    CALR_MASK_SILU,     /* the slope at scale (x - mean) + shift */
    CALR_MASK_SILU_SUM, /* the slope at scale (x - mean) + shift + residual; aside is the residual */
    CALR_MASK_HARDSWISH,
    CALR_MASK_HARDSWISH_SUM
} calr_norm_mask;

typedef struct calr_norm_gradient {
    bool half; /* x, aside, dy, dy2 and what is written */
    bool far;
    int64_t c;
    calr_norm_mask mask;
    const void *x, *aside, *dy, *dy2;
    const float *mean, *scale, *shift; /* of the forward pass, c each */
} calr_norm_gradient;

/* sums[0..c-1] = sum of g, sums[c..2c-1] = sum of g (x - mean) over rows at .. at+rows-1. g is
 * stored in `keep` (rows x c from row `at` on) unless that is NULL. */
void calr_cpu_gradient_sums(const calr_norm_gradient *in, int64_t at, int64_t rows, void *keep,
                            double *sums);

/* dx = a g + (b (x - mean) + d) for rows at .. at+rows-1; a, b, d: c each. */
void calr_cpu_gradient_apply(const calr_norm_gradient *in, int64_t at, int64_t rows, const float *a,
                             const float *b, const float *d, void *dx);

/* The same for maps of bf16 and clips (RELU, RELU6; masks below SILU), which the functions above call where the
 * processor has AVX-512 and its conversion to bf16. */
typedef struct calr_norm_half_rows {
    void (*moments)(bool far, int64_t rows, int64_t c, const void *x, const void *center,
                    double *sums);
    void (*normalize)(bool far, int64_t rows, int64_t c, calr_activation activation, const void *x,
                      const float *mean, const float *scale, const float *shift,
                      const void *residual, void *out);
    void (*gradient_sums)(const calr_norm_gradient *in, int64_t at, int64_t rows, void *keep,
                          double *sums);
    void (*gradient_apply)(const calr_norm_gradient *in, int64_t at, int64_t rows, const float *a,
                           const float *b, const float *d, void *dx);
} calr_norm_half_rows;
extern const calr_norm_half_rows calr_norm_avx512_bf16;

#endif
