/* Formulas on batches of matrices in double precision, for the gradients of linear algebra.
 *
 * A calr_algebra keeps every matrix that is made through it until it is closed, and the first failure: after one, all
 * functions do nothing and return matrices without numbers, so that a formula is written line by line and asked once,
 * at its end, how it went. Matrices are contiguous, `count` of them in each value. */
#ifndef CALR_AUTOGRAD_OPS_ALGEBRA_H
#define CALR_AUTOGRAD_OPS_ALGEBRA_H

#include "backend/backend.h"

enum { CALR_ALGEBRA_MOST = 32 };

typedef struct calr_batch {
    double *x; /* count x rows x columns; NULL after a failure */
    int64_t rows, columns;
} calr_batch;

typedef struct calr_algebra {
    const calr_backend *backend;
    int64_t count;
    calr_status status;
    double *made[CALR_ALGEBRA_MOST];
    int made_count;
} calr_algebra;

void calr_algebra_open(calr_algebra *g, int64_t count);
/* Frees all matrices; returns the first failure, whose message is that of the thread. */
calr_status calr_algebra_close(calr_algebra *g);

/* Zeros. */
calr_batch calr_algebra_new(calr_algebra *g, int64_t rows, int64_t columns);
calr_batch calr_algebra_copy(calr_algebra *g, calr_batch a);
/* Reads count x rows x columns numbers of type f32 or f64, or writes them. */
calr_batch calr_algebra_read(calr_algebra *g, calr_dtype dtype, const void *from, int64_t rows,
                             int64_t columns);
void calr_algebra_write(calr_algebra *g, calr_batch a, calr_dtype dtype, void *to);

/* alpha op(a) op(b), new. */
calr_batch calr_algebra_times(calr_algebra *g, double alpha, calr_batch a, bool transpose_a,
                              calr_batch b, bool transpose_b);
/* The transpose, new. */
calr_batch calr_algebra_transpose(calr_algebra *g, calr_batch a);
/* a += alpha b. */
void calr_algebra_add(calr_algebra *g, calr_batch a, double alpha, calr_batch b);
/* a[i][j] *= s[j] (columns), or s[i] (rows), or divided by it. s: 1 x n. */
void calr_algebra_scale_columns(calr_algebra *g, calr_batch a, calr_batch s, bool divide);
void calr_algebra_scale_rows(calr_algebra *g, calr_batch a, calr_batch s, bool divide);
/* x := op(t)^-1 x, in place. */
void calr_algebra_triangular(calr_algebra *g, bool upper, bool transpose, calr_batch t,
                             calr_batch x);
/* op(a)^-1 b, new. CALR_ENUMERIC: singular. */
calr_batch calr_algebra_solve(calr_algebra *g, calr_batch a, bool transpose, calr_batch b);

#endif
