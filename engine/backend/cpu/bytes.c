/* Products of bytes in plain C: exact everywhere, and for sizes like those of f32 nowhere faster. */
#include <string.h>

#include "backend/cpu/bytes.h"
#include "base/clones.h"
#include "base/parallel.h"

enum { BLOCK = 16 /* rows of b that stay in the first cache while rows of a pass */ };

typedef struct product {
    int64_t m, n, k;
    const int8_t *a, *b;
    int32_t *c;
    int64_t ldc;
} product;

static CALR_CLONES void multiply(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const product *w = context;
    for (int64_t i = 0; i < w->m; i++)
        for (int64_t j = begin; j < end; j++) {
            const int8_t *a = w->a + i * w->k, *b = w->b + j * w->k;
            int32_t sum = 0;
            for (int64_t p = 0; p < w->k; p++)
                sum += a[p] * b[p];
            w->c[i * w->ldc + j] = sum;
        }
}

bool calr_portable_gemm_bytes(int64_t m, int64_t n, int64_t k, const int8_t *a, const int8_t *b,
                              int32_t *c, int64_t ldc)
{
    product w = {m, n, k, a, b, c, ldc};
    if (m <= 0)
        return false;
    calr_parallel_for(n, BLOCK, multiply, &w);
    return true;
}
