/* The text of the kernels for f32; the including file says LANES (floats in a vector), ROWS (rows of a result kept in
 * registers), LOWER(a, b) and UPPER(a, b) (b where one is no number; NARROW_LOWER and NARROW_UPPER of vectors of 8),
 * TABLE and NAME. See kernels.h. */
#include "backend/cpu/inverted/kernels.h"

#define INLINE static inline __attribute__((always_inline))
/* Rows that go through all panels while they are in the first-level cache. */
#define NEAR 96

typedef calr_inverted_product product;
typedef float vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef float narrow __attribute__((vector_size(4 * CALR_INVERTED_STEP), aligned(4), may_alias));

/* NAME(rows, vectors, ...): a block of `rows` rows and `vectors` (1 or 2) vectors of type V. */
#define BLOCK(NAME, V, LOWER, UPPER)                                                               \
    INLINE void NAME(const int rows, const int vectors, const product *p, const float *a,          \
                     const float *w, const float *bias, int64_t at)                                \
    {                                                                                              \
        const int lanes = sizeof(V) / sizeof(float);                                               \
        V sum[2 * ROWS];                                                                           \
        _Pragma("GCC unroll 32") for (int r = 0; r < rows; r++)                                    \
            _Pragma("GCC unroll 2") for (int v = 0; v < vectors; v++) sum[r * vectors + v] =       \
                *(const V *)(bias + v * lanes);                                                    \
        for (int64_t k = 0; k < p->depth; k++, w += vectors * lanes) {                             \
            V first = *(const V *)w, second = *(const V *)(w + (vectors - 1) * lanes);             \
            _Pragma("GCC unroll 32") for (int r = 0; r < rows; r++)                                \
            {                                                                                      \
                float s = a[r * p->depth + k];                                                     \
                sum[r * vectors] += s * first;                                                     \
                if (vectors == 2)                                                                  \
                    sum[r * vectors + 1] += s * second;                                            \
            }                                                                                      \
        }                                                                                          \
        V low = (V){0} + p->low, high = (V){0} + p->high;                                          \
        float *c = (float *)p->c + at;                                                             \
        const float *residual = p->residual ? (const float *)p->residual + at : NULL;              \
        _Pragma("GCC unroll 32") for (int r = 0; r < rows; r++)                                    \
            _Pragma("GCC unroll 2") for (int v = 0; v < vectors; v++)                              \
        {                                                                                          \
            V y = sum[r * vectors + v];                                                            \
            if (residual)                                                                          \
                y += *(const V *)(residual + r * p->columns + v * lanes);                          \
            *(V *)(c + r * p->columns + v * lanes) = UPPER(high, LOWER(low, y));                   \
        }                                                                                          \
    }
BLOCK(wide_block, vector, LOWER, UPPER)
#if LANES > CALR_INVERTED_STEP
BLOCK(narrow_block, narrow, NARROW_LOWER, NARROW_UPPER)
#endif

/* Rows of the next block: those that are left over are made in blocks that keep the processor busy. */
INLINE int64_t block_rows(int64_t left)
{
    if (left >= ROWS && left != ROWS + ROWS / 3)
        return ROWS;
    return left >= 2 * ROWS / 3 ? 2 * ROWS / 3 : left >= ROWS / 3 ? ROWS / 3 : 1;
}

#define BY_ROWS(block, vectors)                                                                    \
    do {                                                                                           \
        if (now == ROWS)                                                                           \
            block(ROWS, vectors, p, a, w, bias, at);                                               \
        else if (now == 2 * ROWS / 3)                                                              \
            block(2 * ROWS / 3, vectors, p, a, w, bias, at);                                       \
        else if (now == ROWS / 3)                                                                  \
            block(ROWS / 3, vectors, p, a, w, bias, at);                                           \
        else                                                                                       \
            block(1, vectors, p, a, w, bias, at);                                                  \
    } while (0)

INLINE void panel(const product *p, int64_t first, int64_t last, int64_t column, int64_t width)
{
    const float *w = (const float *)p->w + column * p->depth, *bias = p->bias + column;
    for (int64_t r = first, now; r < last; r += now) {
        const float *a = (const float *)p->a + r * p->depth;
        int64_t at = r * p->columns + column;
        now = block_rows(last - r);
        if (width == 2 * LANES)
            BY_ROWS(wide_block, 2);
        else if (width == LANES)
            BY_ROWS(wide_block, 1);
#if LANES > CALR_INVERTED_STEP
        else
            BY_ROWS(narrow_block, 1);
#endif
    }
}

static void make(const product *p)
{
    for (int64_t r = 0, next; r < p->rows; r = next) {
        next = r + NEAR < p->rows ? r + NEAR : p->rows;
        for (int64_t column = 0, width; column < p->columns; column += width) {
            width = calr_inverted_width(LANES, p->columns, column);
            panel(p, r, next, column, width);
        }
    }
}

const calr_inverted_kernels TABLE = {NAME, LANES, make};
