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

/* A function of the library, LAPACK's among them; NULL when it has none of that name. */
void *calr_blas_symbol(const char *name);
/* Before a call of the library from a thread: it uses calr_parallel_threads() threads, or one inside a
 * calr_parallel_for body. The functions below do so themselves. */
void calr_blas_prepare_threads(void);

/* One product: c = alpha op(a) op(b) (+ c), as the table's gemm, in f32 or f64. */
void calr_blas_product(calr_dtype dtype, bool transpose_a, bool transpose_b, int64_t m, int64_t n,
                       int64_t k, double alpha, const void *a, int64_t lda, const void *b,
                       int64_t ldb, bool add, void *c, int64_t ldc);

/* The table's gemm. */
void calr_blas_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                    float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,
                    float beta, float *c, int64_t ldc);
/* The table's gemm_double. */
void calr_blas_gemm_double(int64_t m, int64_t n, int64_t k, const double *a, int64_t lda,
                           const double *b, int64_t ldb, bool add, double *c, int64_t ldc);

#endif
