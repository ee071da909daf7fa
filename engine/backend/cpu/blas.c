#include "backend/cpu/blas.h"

#include <cblas.h>
#include <dlfcn.h>

#include "backend/cpu/kernels.h"

static void (*sgemm)(CBLAS_LAYOUT, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, int, int, int, float,
                     const float *, int, const float *, int, float, float *, int);

calr_status calr_blas_load(void)
{
    void *library = dlopen(CALR_OPENBLAS_FILE, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return calr_error(CALR_ENOTFOUND, "cannot load OpenBLAS: %s", dlerror());
    *(void **)&sgemm = dlsym(library, "cblas_sgemm");
    if (!sgemm)
        return calr_error(CALR_ENOTFOUND, "%s has no cblas_sgemm", CALR_OPENBLAS_FILE);
    return CALR_OK;
}

/* Pieces that its 32-bit sizes can take. */
#define MOST_SIZE ((int64_t)1 << 30)

/* Row strides beyond 32 bits do not occur below matrices of 2^31 columns, which no machine's gemm
 * has seen. */
void calr_blas_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                    float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,
                    float beta, float *c, int64_t ldc)
{
    if (m <= 0 || n <= 0)
        return;
    for (int64_t i = 0; i < m; i += MOST_SIZE)
        for (int64_t p = 0; p == 0 || p < k; p += MOST_SIZE)
            sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                  transpose_b ? CblasTrans : CblasNoTrans, (int)calr_min64(MOST_SIZE, m - i),
                  (int)n, (int)calr_min64(MOST_SIZE, k - p), alpha,
                  a + (transpose_a ? p * lda + i : i * lda + p), (int)lda,
                  b + (transpose_b ? p : p * ldb), (int)ldb, p ? 1.0f : beta, c + i * ldc,
                  (int)ldc);
}
