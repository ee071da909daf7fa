/* The table of kernels that a device offers. */
#ifndef CALR_BACKEND_BACKEND_H
#define CALR_BACKEND_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef struct calr_backend {
    const char *name; /* "cpu" */

    /* c[m x n] = alpha * op(a) op(b) + beta * c, row-major; lda, ldb, ldc are row strides in elements.
     * op(a) is m x k: a itself, or its transpose when transpose_a. c is not read when beta is 0.
     * Runs on calr_parallel_threads() threads; from inside a calr_parallel_for body, on one. */
    void (*gemm)(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
                 const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
} calr_backend;

/* Loads the libraries and picks the kernels; once, on first use; later calls return the same table.
 * CALR_ENOTFOUND names a library that could not be loaded. */
calr_status calr_backend_get(const calr_backend **out);

#endif
