#include "backend/cpu/bytes/bytes.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/kernels.h"
#include "base/parallel.h"

#if defined(__x86_64__)

enum {
    ROWS = CALR_BYTES_ROWS,
    COLUMNS = CALR_BYTES_COLUMNS,
    DEPTH = 256, /* columns of a and b at a time: 6 rows of a and 16 of b stay in the first cache */
    MOST_ROWS = 516,
    MOST_COLUMNS = 512, /* both, written as pairs, in the second */
    ALIGNMENT = 64
};

typedef struct product {
    int64_t m, n, k;
    const int8_t *a, *b;
    int32_t *c;
    int64_t ldc;
    _Atomic bool failed;
} product;

/* Writes rows of bytes as pairs of 16 bits: to[pairs x width], `rows` of them and zeros. */
static void pack(const int8_t *from, int64_t rows, int64_t ld, int64_t depth, int64_t width,
                 int32_t *to)
{
    int64_t pairs = (depth + 1) / 2;
    for (int64_t r = 0; r < width; r++) {
        const int8_t *row = from + r * ld;
        for (int64_t p = 0; p < pairs; p++) {
            int32_t low = r < rows ? row[2 * p] : 0;
            int32_t high = r < rows && 2 * p + 1 < depth ? row[2 * p + 1] : 0;
            to[p * width + r] = (int32_t)((uint32_t)high << 16 | ((uint32_t)low & 0xffff));
        }
    }
}

static void pack_all(const int8_t *from, int64_t rows, int64_t ld, int64_t depth, int64_t width,
                     int32_t *to)
{
    int64_t pairs = (depth + 1) / 2;
    for (int64_t at = 0; at < rows; at += width, to += pairs * width)
        pack(from + at * ld, rows - at < width ? rows - at : width, ld, depth, width, to);
}

/* One block of c, which may be cut off at its edges. */
static void multiply_block(int64_t pairs, const int32_t *a, const int32_t *b, bool add,
                           int64_t rows, int64_t columns, int32_t *c, int64_t ldc)
{
    int32_t whole[ROWS * COLUMNS];
    if (rows == ROWS && columns == COLUMNS) {
        calr_bytes_block_avx2(pairs, a, b, add, c, ldc);
        return;
    }
    calr_bytes_block_avx2(pairs, a, b, false, whole, COLUMNS);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < columns; j++)
            c[r * ldc + j] = (add ? c[r * ldc + j] : 0) + whole[r * COLUMNS + j];
}

/* Rows begin .. end-1 of c: no more than MOST_ROWS. */
static void multiply_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    product *w = context;
    size_t a_size = (size_t)MOST_ROWS * DEPTH / 2, b_size = (size_t)MOST_COLUMNS * DEPTH / 2;
    int32_t *a = aligned_alloc(ALIGNMENT, (b_size + a_size) * sizeof *a), *b;
    if (!a) {
        atomic_store(&w->failed, true);
        return;
    }
    b = a; /* first, where it is aligned */
    a = b + b_size;
    for (int64_t p = 0; p < w->k; p += DEPTH) {
        int64_t depth = w->k - p < DEPTH ? w->k - p : DEPTH, pairs = (depth + 1) / 2;
        pack_all(w->a + begin * w->k + p, end - begin, w->k, depth, ROWS, a);
        for (int64_t first = 0; first < w->n; first += MOST_COLUMNS) {
            int64_t many = w->n - first < MOST_COLUMNS ? w->n - first : MOST_COLUMNS;
            pack_all(w->b + first * w->k + p, many, w->k, depth, COLUMNS, b);
            for (int64_t j = 0; j < many; j += COLUMNS)
                for (int64_t i = begin; i < end; i += ROWS)
                    multiply_block(pairs, a + (i - begin) * pairs, b + j * pairs, p > 0,
                                   end - i < ROWS ? end - i : ROWS,
                                   many - j < COLUMNS ? many - j : COLUMNS,
                                   w->c + i * w->ldc + first + j, w->ldc);
        }
    }
    free(b);
}

bool calr_portable_gemm_bytes(int64_t m, int64_t n, int64_t k, const int8_t *a, const int8_t *b,
                              int32_t *c, int64_t ldc)
{
    /* With AVX-512, products in f32 are as fast as these. */
    if (calr_cpu_vectors() != CALR_VECTORS_AVX2)
        return false;
    for (int64_t i = 0; k <= 0 && i < m; i++)
        memset(c + i * ldc, 0, (size_t)(n > 0 ? n : 0) * sizeof *c);
    product w = {m, n, k, a, b, c, ldc, false};
    if (m > 0 && n > 0 && k > 0)
        calr_parallel_for(m, MOST_ROWS, multiply_rows, &w);
    return !atomic_load(&w.failed);
}

#else

bool calr_portable_gemm_bytes(int64_t m, int64_t n, int64_t k, const int8_t *a, const int8_t *b,
                              int32_t *c, int64_t ldc)
{
    (void)m, (void)n, (void)k, (void)a, (void)b, (void)c, (void)ldc;
    return false;
}

#endif
