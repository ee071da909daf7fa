/* Products of the pointwise convolutions, made once for each instruction set. Internal to cpu/pointwise.
 *
 * One operand is read where it lies, number by number (each is multiplied with whole vectors of the other); the other
 * one lies in panels of 32 columns: for each panel rows of 32 floats, so that what a loop reads again and again is one
 * stretch of the first-level cache. Results stay in registers while all products of a sum are added. */
#ifndef CALR_BACKEND_CPU_POINTWISE_KERNELS_H
#define CALR_BACKEND_CPU_POINTWISE_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#define CALR_POINTWISE_PANEL 32

/* What is fetched into the second-level cache meanwhile, evenly over the loop: `lines` lines of 64 bytes. The first
 * `left` of them lie from `at` on; then come runs of `run` lines, the first at `then`, `jump` bytes apart. A
 * hint: what is no memory does no harm. */
typedef struct calr_pointwise_ahead {
    const char *at, *then;
    int64_t left, run, jump, lines;
} calr_pointwise_ahead;

/* What a product becomes while it is in registers: limited to low .. high after bias (32 numbers, NULL: zeros) and
 * residual (as c, and it may be c; NULL: none) were added. */
typedef struct calr_pointwise_end {
    const float *bias, *residual;
    float low, high;
} calr_pointwise_end;

typedef struct calr_pointwise_kernels {
    const char *name;
    /* c[rows x 32], rows ldc apart, = a[rows x depth], rows lda apart, times one panel b[depth x 32]. end may be
     * NULL. */
    void (*product)(int64_t rows, int64_t depth, const float *a, int64_t lda, const float *b,
                    const calr_pointwise_end *end, float *c, int64_t ldc,
                    calr_pointwise_ahead ahead);
    /* c[m x 32], rows ldc apart, (+)= the transpose of a[depth x m], rows lda apart, times one panel b[depth x 32]. */
    void (*transposed)(int64_t m, int64_t depth, const float *a, int64_t lda, const float *b,
                       bool add, float *c, int64_t ldc, calr_pointwise_ahead ahead);
    /* Only where a and b hold pairs of bf16 instead of floats, whose two products are added: makes such pairs of two
     * rows of c numbers (c a multiple of 32), 32 of them at out, 32 at out + panel, ... second may be NULL: zeros. */
    void (*pair)(int64_t c, const void *first, const void *second, float *out, int64_t panel);
} calr_pointwise_kernels;

extern const calr_pointwise_kernels calr_pointwise_avx2, calr_pointwise_avx512,
    calr_pointwise_avx512_bf16;

#endif
