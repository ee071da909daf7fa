#include "backend/cpu/blas.h"

#include <cblas.h>
#include <dlfcn.h>

static void (*sgemm)(CBLAS_LAYOUT, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, int, int, int, float, const float *, int,
                     const float *, int, float, float *, int);

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

void calr_blas_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                    int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, (int)m,
          (int)n, (int)k, alpha, a, (int)lda, b, (int)ldb, beta, c, (int)ldc);
}
