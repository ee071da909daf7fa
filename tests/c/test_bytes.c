/* Products of bytes, of every backend, against sums in 64 bits: odd sizes, the largest numbers, any stride. */
#include "backend/backend.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "check.h"

#include <stdlib.h>

static void fill(int8_t *to, int64_t count, uint64_t seed, int kind)
{
    calr_rng rng = calr_rng_make(seed, calr_rng_purpose("bytes"), 0, 0);
    for (int64_t i = 0; i < count; i++) {
        int number = (int)calr_rng_below(&rng, 255) - 127;
        to[i] = (int8_t)(kind == 0    ? number
                         : kind == 1  ? 127
                         : kind == 2  ? -127
                         : number > 0 ? 127
                                      : -127);
    }
}

static void check_product(const calr_backend *backend, int64_t m, int64_t n, int64_t k, int kind)
{
    int64_t ldc = n + 3;
    int8_t *a = malloc((size_t)(m * k + 1)), *b = malloc((size_t)(n * k + 1));
    int32_t *c = malloc((size_t)(m * ldc) * sizeof *c);
    fill(a, m * k, 1, kind);
    fill(b, n * k, 2, kind == 2 ? 1 : kind);
    for (int64_t i = 0; i < m * ldc; i++)
        c[i] = 77;
    CHECK(backend->gemm_bytes(m, n, k, a, b, c, ldc));
    int64_t wrong = 0;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < ldc; j++) {
            int64_t sum = j < n ? 0 : 77;
            for (int64_t p = 0; p < k && j < n; p++)
                sum += a[i * k + p] * b[j * k + p];
            wrong += c[i * ldc + j] != sum;
        }
    if (!CHECK(wrong == 0))
        fprintf(stderr, "%" PRId64 " x %" PRId64 " x %" PRId64 ", numbers %d\n", m, n, k, kind);
    free(a);
    free(b);
    free(c);
}

static void check_backend(const char *name)
{
    const calr_backend *backend;
    const int64_t sizes[][3] = {{1, 1, 1},     {6, 16, 2},    {5, 15, 3},    {7, 17, 255},
                                {12, 33, 256}, {13, 31, 257}, {64, 64, 513}, {3, 600, 100},
                                {520, 9, 40},  {1, 5, 65536}, {530, 520, 4}, {4, 4, 0},
                                {16, 16, 511}};
    calr_status status = calr_backend_select(name);
    if (status == CALR_ENOTFOUND) /* a build without oneDNN */
        return;
    CHECK_OK(status);
    CHECK_OK(calr_backend_get(&backend));
    for (int kind = 0; kind < 4; kind++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            check_product(backend, sizes[s][0], sizes[s][1], sizes[s][2], kind);
    CHECK_OK(calr_parallel_set_threads(3));
    check_product(backend, 1100, 40, 30, 0);
    CHECK_OK(calr_parallel_set_threads(1));
}

static void test_backends(void)
{
    check_backend("portable");
    check_backend("onednn");
}

int main(void)
{
    CHECK_OK(calr_parallel_set_threads(1));
    RUN(test_backends);
    return check_finish();
}
