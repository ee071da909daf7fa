/* The text of the kernels; the including file says LANES (floats in a vector), ROWS (rows of a result kept in
 * registers), CLIP(v, low, high) (a NaN stays one), TABLE and NAME; with vectors of more than 8 also
 * the same of 8, by names that begin with NARROW_. For maps of bf16 it says MAP_BF16 and ADD(sum, s, w), LOAD(p) and
 * STORE(p, v). See kernels.h. */
#include "backend/cpu/inverted/kernels.h"

#define INLINE static inline __attribute__((always_inline))
/* Rows that go through all panels while they are in the first-level cache. */
#define NEAR 96

typedef calr_inverted_product product;
typedef float vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef float narrow __attribute__((vector_size(4 * CALR_INVERTED_STEP), aligned(4), may_alias));

/* What is multiplied at a time: a number of a with a vector of w, or a pair with a vector of pairs. */
#ifdef MAP_BF16
#define PAIR 2
typedef uint16_t element;
typedef int32_t __attribute__((aligned(2), may_alias)) taken;
#else
#define PAIR                  1
typedef float element, taken;
#define ADD(sum, s, w)        ((sum) + (s) * (w))
#define LOAD(p)               (*(const vector *)(p))
#define STORE(p, v)           (*(vector *)(p) = (v))
#define NARROW_ADD(sum, s, w) ((sum) + (s) * (w))
#define NARROW_LOAD(p)        (*(const narrow *)(p))
#define NARROW_STORE(p, v)    (*(narrow *)(p) = (v))
#endif

/* NAME(rows, vectors, ...): a block of `rows` rows and `vectors` (1 or 2) vectors of type V. */
#define BLOCK(NAME, V, PREFIX)                                                                     \
    INLINE void NAME(const int rows, const int vectors, const product *p, const element *a,        \
                     const float *w, const float *bias, int64_t at)                                \
    {                                                                                              \
        const int lanes = sizeof(V) / sizeof(float);                                               \
        V sum[2 * ROWS];                                                                           \
        _Pragma("GCC unroll 32") for (int r = 0; r < rows; r++)                                    \
            _Pragma("GCC unroll 2") for (int v = 0; v < vectors; v++) sum[r * vectors + v] =       \
                *(const V *)(bias + v * lanes);                                                    \
        for (int64_t k = 0; k < p->depth; k += PAIR, w += vectors * lanes) {                       \
            V first = *(const V *)w, second = *(const V *)(w + (vectors - 1) * lanes);             \
            _Pragma("GCC unroll 32") for (int r = 0; r < rows; r++)                                \
            {                                                                                      \
                taken s = *(const taken *)(a + r * p->depth + k);                                  \
                sum[r * vectors] = PREFIX##ADD(sum[r * vectors], s, first);                        \
                if (vectors == 2)                                                                  \
                    sum[r * vectors + 1] = PREFIX##ADD(sum[r * vectors + 1], s, second);           \
            }                                                                                      \
        }                                                                                          \
        V low = (V){0} + p->low, high = (V){0} + p->high;                                          \
        element *c = (element *)p->c + at;                                                         \
        const element *residual = p->residual ? (const element *)p->residual + at : NULL;          \
        _Pragma("GCC unroll 32") for (int r = 0; r < rows; r++)                                    \
            _Pragma("GCC unroll 2") for (int v = 0; v < vectors; v++)                              \
        {                                                                                          \
            V y = sum[r * vectors + v];                                                            \
            if (residual)                                                                          \
                y += PREFIX##LOAD(residual + r * p->columns + v * lanes);                          \
            y = PREFIX##CLIP(y, low, high);                                                        \
            PREFIX##STORE(c + r * p->columns + v * lanes, y);                                      \
        }                                                                                          \
    }
BLOCK(wide_block, vector, )
#if LANES > CALR_INVERTED_STEP
BLOCK(narrow_block, narrow, NARROW_)
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

/* What is fetched with each block of rows: lines of a, then of c. */
typedef struct ahead {
    const char *a, *c;
    int64_t left, lines; /* of a; with a block */
} ahead;

/* The rows behind `last`, as many as there are from `first` on. */
INLINE ahead ahead_of(const product *p, int64_t first, int64_t last)
{
    if (!p->far)
        return (ahead){NULL, NULL, 0, 0};
    int64_t panels = (p->columns + 2 * LANES - 1) / (2 * LANES), size = (int64_t)sizeof(element);
    int64_t a = (last - first) * p->depth * size / 64, c = (last - first) * p->columns * size / 64;
    int64_t blocks = panels * ((last - first + ROWS - 1) / ROWS);
    return (ahead){(const char *)p->a + last * p->depth * size,
                   (const char *)p->c + last * p->columns * size, a, (a + c + blocks) / blocks};
}

INLINE void fetch(ahead *soon)
{
    for (int64_t i = 0; i < soon->lines; i++)
        if (soon->left > 0) {
            __builtin_prefetch(soon->a, 0, 2);
            soon->a += 64, soon->left--;
        } else {
            __builtin_prefetch(soon->c, 1, 2);
            soon->c += 64;
        }
}

INLINE void panel(const product *p, int64_t first, int64_t last, int64_t column, int64_t width,
                  ahead *soon)
{
    const float *w = (const float *)p->w + column * p->depth / PAIR, *bias = p->bias + column;
    for (int64_t r = first, now; r < last; r += now) {
        const element *a = (const element *)p->a + r * p->depth;
        int64_t at = r * p->columns + column;
        now = block_rows(last - r);
        fetch(soon);
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
        ahead soon = ahead_of(p, r, next);
        for (int64_t column = 0, width; column < p->columns; column += width) {
            width = calr_inverted_width(LANES, p->columns, column);
            panel(p, r, next, column, width, &soon);
        }
    }
}

const calr_inverted_kernels TABLE = {NAME, LANES, PAIR, make};
