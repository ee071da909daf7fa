/* OpenBLAS, loaded at run time: its core type must be set before the library is mapped
 * (docs/decisions/openblas-core-type.md). Internal to cpu/. */
#ifndef CALR_BACKEND_CPU_BLAS_H
#define CALR_BACKEND_CPU_BLAS_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/backend.h"

/* Once, before any other call. */
calr_status calr_blas_load(void);

/* Fills the blas_ fields. */
void calr_blas_describe(calr_backend_info *out);

/* The table's gemm. */
void calr_blas_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                    float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,
                    float beta, float *c, int64_t ldc);
/* The table's gemm_double. */
void calr_blas_gemm_double(int64_t m, int64_t n, int64_t k, const double *a, int64_t lda,
                           const double *b, int64_t ldb, bool add, double *c, int64_t ldc);

#endif
