/* The text of the kernels; the including file says LANES (floats in a vector), ROWS (rows of a result kept in
 * registers) and TABLE (the name of the table); and, where numbers are pairs of bf16, MULTIPLY_ADD and PAIR. See
 * kernels.h. */
#include "backend/cpu/pointwise/kernels.h"

#include <stddef.h>

#include "backend/cpu/clip_vectors.h"

#define PANEL  CALR_POINTWISE_PANEL
#define INLINE static inline __attribute__((always_inline))
#define WIDTH  (2 * LANES) /* columns of a result kept in registers */
#define STRIDE 8           /* steps of a sum between two looks ahead */

#ifndef MULTIPLY_ADD
#define MULTIPLY_ADD(sum, number, v) ((sum) + (number) * (v))
#endif
#ifndef PAIR
#define PAIR NULL
#endif

typedef float vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

INLINE vector load(const float *p)
{
    return *(const vector *)p;
}

INLINE void store(float *p, vector v)
{
    *(vector *)p = v;
}

/* Rows of the next block of results: those that are left over are made in blocks that keep the processor busy. */
INLINE int64_t block_rows(int64_t left)
{
    if (left >= ROWS && left != ROWS + ROWS / 3)
        return ROWS;
    return left >= 2 * ROWS / 3 ? 2 * ROWS / 3 : left >= ROWS / 3 ? ROWS / 3 : 1;
}

/* The lines that one stride of the loop fetches. */
INLINE int64_t fetched(int64_t lines, int64_t blocks, int64_t depth)
{
    int64_t strides = blocks * ((depth + STRIDE - 1) / STRIDE);
    return strides ? (lines + strides - 1) / strides : 0;
}

INLINE void fetch(calr_pointwise_ahead *ahead, int64_t lines)
{
    for (int64_t i = 0; i < lines; i++, ahead->at += 64) {
        if (ahead->left-- == 0) {
            ahead->at = ahead->then;
            ahead->then += ahead->jump;
            ahead->left = ahead->run - 1;
        }
        __builtin_prefetch(ahead->at, 0, 2);
    }
}

/* Sums begin with bias and residual of the columns from o on. */
INLINE void begin_sums(const int rows, const calr_pointwise_end *end, int64_t at, int64_t o,
                       int64_t ldc, vector *sum)
{
    vector bias[2] = {{0}, {0}};
    if (end->bias)
        bias[0] = load(end->bias + o), bias[1] = load(end->bias + o + LANES);
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
        sum[2 * r] = bias[0], sum[2 * r + 1] = bias[1];
    if (!end->residual)
        return;
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        sum[2 * r] += load(end->residual + at + r * ldc);
        sum[2 * r + 1] += load(end->residual + at + r * ldc + LANES);
    }
}

INLINE vector limited(vector v, float low, float high)
{
    vector least = (vector){0} + low, most = (vector){0} + high;
#if LANES == 16
    return (vector)calr_clip16((__m512)v, (__m512)least, (__m512)most);
#else
    return (vector)calr_clip8((__m256)v, (__m256)least, (__m256)most);
#endif
}

INLINE void limit_sums(const int rows, const calr_pointwise_end *end, vector *sum)
{
#pragma GCC unroll 32
    for (int r = 0; r < 2 * rows; r++)
        sum[r] = limited(sum[r], end->low, end->high);
}

/* One block: row r of the first operand's step k is at a[r * row + k * step]; results lie at c[at], from column o of
 * the panel on. */
INLINE void block(const int rows, int64_t depth, const float *a, int64_t row, int64_t step,
                  const float *b, bool add, const calr_pointwise_end *end, float *c, int64_t at,
                  int64_t o, int64_t ldc, calr_pointwise_ahead *ahead, int64_t lines)
{
    vector sum[2 * ROWS];
    c += at;
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        sum[2 * r] = add ? load(c + r * ldc) : (vector){0};
        sum[2 * r + 1] = add ? load(c + r * ldc + LANES) : (vector){0};
    }
    if (end)
        begin_sums(rows, end, at, o, ldc, sum);
    for (int64_t k = 0; k < depth;) {
        int64_t stop = k + STRIDE < depth ? k + STRIDE : depth;
        fetch(ahead, lines);
        for (; k < stop; k++, a += step, b += PANEL) {
            vector b0 = load(b), b1 = load(b + LANES);
#pragma GCC unroll 16
            for (int r = 0; r < rows; r++) {
                float s = a[r * row];
                sum[2 * r] = MULTIPLY_ADD(sum[2 * r], s, b0);
                sum[2 * r + 1] = MULTIPLY_ADD(sum[2 * r + 1], s, b1);
            }
        }
    }
    if (end)
        limit_sums(rows, end, sum);
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        store(c + r * ldc, sum[2 * r]);
        store(c + r * ldc + LANES, sum[2 * r + 1]);
    }
}

INLINE void blocks(int64_t rows, int64_t depth, const float *a, int64_t row, int64_t step,
                   const float *b, bool add, const calr_pointwise_end *end, float *c, int64_t ldc,
                   calr_pointwise_ahead ahead)
{
    int64_t lines = fetched(ahead.lines, PANEL / WIDTH * ((rows + ROWS - 1) / ROWS), depth);
    for (int64_t o = 0; o < PANEL; o += WIDTH)
        for (int64_t r = 0, now; r < rows; r += now) {
            const float *from = a + r * row;
            int64_t to = r * ldc + o;
            now = block_rows(rows - r);
            if (now == ROWS)
                block(ROWS, depth, from, row, step, b + o, add, end, c, to, o, ldc, &ahead, lines);
            else if (now == 2 * ROWS / 3)
                block(2 * ROWS / 3, depth, from, row, step, b + o, add, end, c, to, o, ldc, &ahead,
                      lines);
            else if (now == ROWS / 3)
                block(ROWS / 3, depth, from, row, step, b + o, add, end, c, to, o, ldc, &ahead,
                      lines);
            else
                block(1, depth, from, row, step, b + o, add, end, c, to, o, ldc, &ahead, lines);
        }
}

static void product(int64_t rows, int64_t depth, const float *a, int64_t lda, const float *b,
                    const calr_pointwise_end *end, float *c, int64_t ldc,
                    calr_pointwise_ahead ahead)
{
    blocks(rows, depth, a, lda, 1, b, false, end, c, ldc, ahead);
}

static void transposed(int64_t m, int64_t depth, const float *a, int64_t lda, const float *b,
                       bool add, float *c, int64_t ldc, calr_pointwise_ahead ahead)
{
    blocks(m, depth, a, 1, lda, b, add, NULL, c, ldc, ahead);
}

const calr_pointwise_kernels TABLE = {NAME, product, transposed, PAIR};
