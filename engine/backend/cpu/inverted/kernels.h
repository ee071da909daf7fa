/* Products of the inverted residuals (inverted.c), made once for each instruction set. Internal to cpu/inverted.
 *
 * c[rows x columns] = clip(a[rows x depth] w + bias + residual), where maps are f32, or bf16 with sums in f32. The
 * columns are taken in panels, of twice `lanes`, of `lanes` and of 8: what is left of them goes to the next narrower
 * kind. w lies panel by panel, depth x width each; in bf16 depth / 2 x width pairs of numbers that follow each other in
 * the depth. */
#ifndef CALR_BACKEND_CPU_INVERTED_KERNELS_H
#define CALR_BACKEND_CPU_INVERTED_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

/* Columns and depth are multiples of this. */
#define CALR_INVERTED_STEP 8

typedef struct calr_inverted_product {
    int64_t rows, depth, columns;
    const void *a, *w;
    const float *bias;
    const void *residual; /* like c, may be c itself, or NULL */
    void *c;
    float low, high; /* a NaN stays one */
    bool
        far; /* a and c lie in memory: the rows that follow are fetched meanwhile, also those behind the last */
} calr_inverted_product;

typedef struct calr_inverted_kernels {
    const char *name;
    int64_t lanes, pair; /* numbers of w that lie together: 2 in bf16 */
    void (*product)(const calr_inverted_product *product);
} calr_inverted_kernels;

/* Those of this processor for maps of f32 or bf16; NULL: there are none. */
const calr_inverted_kernels *calr_inverted_kernels_for(bool half);

/* w[k * down + column * across], for f32, as a product wants it. */
void calr_inverted_pack(const calr_inverted_kernels *kernels, int64_t depth, int64_t columns,
                        const float *w, int64_t down, int64_t across, float *to);

/* The width of the panel from `column` on. */
static inline int64_t calr_inverted_width(int64_t lanes, int64_t columns, int64_t column)
{
    int64_t left = columns - column;
    return left >= 2 * lanes ? 2 * lanes : left >= lanes ? lanes : CALR_INVERTED_STEP;
}

extern const calr_inverted_kernels calr_inverted_avx2, calr_inverted_avx512,
    calr_inverted_avx512_bf16;

#endif
