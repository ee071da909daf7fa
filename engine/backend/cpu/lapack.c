/* Decompositions by the LAPACK that comes with OpenBLAS.
 *
 * LAPACK counts columns first: what it sees in memory of ours is the transpose. Where a decomposition of the transpose
 * is one of the matrix (SVD with U and V exchanged, LQ for QR, the other triangle for Cholesky), nothing is moved. */
#include <cblas.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "backend/cpu/blas.h"
#include "backend/cpu/kernels.h"

/* ---- the library ---- Fortran: everything by address, lengths of texts at the end */

typedef void (*gesdd)(const char *job, const int *m, const int *n, void *a, const int *lda, void *s,
                      void *u, const int *ldu, void *vt, const int *ldvt, void *work,
                      const int *lwork, int *iwork, int *info, size_t);
typedef void (*syevd)(const char *job, const char *uplo, const int *n, void *a, const int *lda,
                      void *w, void *work, const int *lwork, int *iwork, const int *liwork,
                      int *info, size_t, size_t);
typedef void (*gelqf)(const int *m, const int *n, void *a, const int *lda, void *tau, void *work,
                      const int *lwork, int *info);
typedef void (*orglq)(const int *m, const int *n, const int *k, void *a, const int *lda,
                      const void *tau, void *work, const int *lwork, int *info);
typedef void (*getrf)(const int *m, const int *n, void *a, const int *lda, int *pivots, int *info);
typedef void (*potrf)(const char *uplo, const int *n, void *a, const int *lda, int *info, size_t);
typedef void (*strsm)(CBLAS_LAYOUT, CBLAS_SIDE, CBLAS_UPLO, CBLAS_TRANSPOSE, CBLAS_DIAG, int m,
                      int n, float alpha, const float *a, int lda, float *b, int ldb);
typedef void (*dtrsm)(CBLAS_LAYOUT, CBLAS_SIDE, CBLAS_UPLO, CBLAS_TRANSPOSE, CBLAS_DIAG, int m,
                      int n, double alpha, const double *a, int lda, double *b, int ldb);

/* For each function, that of f32 and that of f64. */
static struct {
    gesdd gesdd[2];
    syevd syevd[2];
    gelqf gelqf[2];
    orglq orglq[2];
    getrf getrf[2];
    potrf potrf[2];
    strsm strsm;
    dtrsm dtrsm;
    const char *missing;
} lapack;

static void find(const char *name, void *slot)
{
    void *symbol = calr_blas_symbol(name);
    memcpy(slot, &symbol, sizeof symbol);
    if (!symbol)
        lapack.missing = name;
}

static void load(void)
{
    find("sgesdd_", &lapack.gesdd[0]), find("dgesdd_", &lapack.gesdd[1]);
    find("ssyevd_", &lapack.syevd[0]), find("dsyevd_", &lapack.syevd[1]);
    find("sgelqf_", &lapack.gelqf[0]), find("dgelqf_", &lapack.gelqf[1]);
    find("sorglq_", &lapack.orglq[0]), find("dorglq_", &lapack.orglq[1]);
    find("sgetrf_", &lapack.getrf[0]), find("dgetrf_", &lapack.getrf[1]);
    find("spotrf_", &lapack.potrf[0]), find("dpotrf_", &lapack.potrf[1]);
    find("cblas_strsm", &lapack.strsm), find("cblas_dtrsm", &lapack.dtrsm);
}

static calr_status ensure_loaded(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (lapack.missing)
        return calr_error(CALR_ENOTFOUND,
                          "this OpenBLAS was built without LAPACK (%s is missing); on Debian the "
                          "package libopenblas0-openmp has it",
                          lapack.missing);
    return CALR_OK;
}

/* ---- batches ---- */

typedef struct job job;
/* Works on one matrix; what LAPACK's info said, or 0. */
typedef int (*job_body)(const job *j, int64_t item, void *scratch, int *integers);

struct job {
    const calr_linalg *sizes;
    job_body body;
    bool wide; /* f64 */
    size_t size;
    int m, n, k;              /* k: the smaller one */
    int lwork, liwork;        /* numbers and integers that LAPACK asked for */
    size_t numbers, integers; /* scratch memory of a thread */
    char *scratch;
    int *integer_scratch, *info;
    const char *in;
    char *out[3];
};

static void run_items(void *context, int64_t begin, int64_t end, int worker)
{
    const job *j = context;
    calr_blas_prepare_threads();
    for (int64_t i = begin; i < end; i++)
        j->info[i] = j->body(j, i, j->scratch + (size_t)worker * j->numbers * j->size,
                             j->integer_scratch + (size_t)worker * j->integers);
}

static calr_status too_large(const job *j)
{
    return calr_error(CALR_EINVAL,
                      "a matrix of %" PRId64 " x %" PRId64
                      " is too large for LAPACK, which counts with 32 bits",
                      j->sizes->m, j->sizes->n);
}

static calr_status begin(job *j, const calr_linalg *sizes, job_body body)
{
    CALR_TRY(ensure_loaded());
    j->sizes = sizes;
    j->body = body;
    j->wide = sizes->dtype == CALR_F64;
    j->size = j->wide ? sizeof(double) : sizeof(float);
    if (sizes->m > INT32_MAX || sizes->n > INT32_MAX)
        return too_large(j);
    j->m = (int)sizes->m;
    j->n = (int)sizes->n;
    j->k = j->m < j->n ? j->m : j->n;
    return CALR_OK;
}

/* Numbers that LAPACK wants in `work`: its answer in work[0], rounded up where a float is too coarse for it. */
static int64_t wanted(const job *j, const void *answer, int64_t least)
{
    double x = j->wide ? *(const double *)answer : (double)*(const float *)answer * (1 + 0x1p-23);
    return calr_max64((int64_t)ceil(x), least);
}

/* Runs the job over the batch. *failed is the first matrix whose info isn't 0, or -1. */
static calr_status run(job *j, int64_t *failed)
{
    int64_t count = j->sizes->count, workers = calr_min64(count, calr_parallel_threads());
    *failed = -1;
    if (count <= 0)
        return CALR_OK;
    size_t bytes;
    calr_status status = CALR_OK;
    if (calr_size_mul(j->numbers, j->size, &bytes) && calr_size_mul(bytes, (size_t)workers, &bytes))
        j->scratch = calr_array_new((int64_t)bytes, 1);
    j->integer_scratch = calr_array_new(workers, j->integers * sizeof(int));
    j->info = calr_array_zeros(count, sizeof *j->info);
    if (j->scratch && j->integer_scratch && j->info)
        status = calr_parallel_try(count, 1, run_items, j);
    else
        status = calr_error(CALR_ENOMEM, "no memory for a decomposition of %" PRId64 " x %" PRId64,
                            j->sizes->m, j->sizes->n);
    for (int64_t i = 0; status == CALR_OK && i < count && *failed < 0; i++)
        if (j->info[i] != 0)
            *failed = i;
    return status;
}

static void end(job *j)
{
    free(j->scratch);
    free(j->integer_scratch);
    free(j->info);
}

const char *calr_linalg_which(int64_t count, int64_t item, char text[CALR_LINALG_TEXT])
{
    if (count == 1)
        snprintf(text, CALR_LINALG_TEXT, "the matrix");
    else
        snprintf(text, CALR_LINALG_TEXT, "matrix %" PRId64 " of the batch", item + 1);
    return text;
}

/* LAPACK searches for eigenvalues of NaN without end. */
static calr_status check_finite(const job *j, const void *a)
{
    int64_t each = j->sizes->m * j->sizes->n;
    for (int64_t item = 0; item < j->sizes->count; item++)
        for (int64_t i = item * each; i < (item + 1) * each; i++) {
            double x = j->wide ? ((const double *)a)[i] : (double)((const float *)a)[i];
            char text[CALR_LINALG_TEXT];
            if (!isfinite(x))
                return calr_error(CALR_ENUMERIC, "%s holds a NaN or an infinity",
                                  calr_linalg_which(j->sizes->count, item, text));
        }
    return CALR_OK;
}

static calr_status not_converged(const job *j, int64_t item)
{
    char text[CALR_LINALG_TEXT];
    return calr_error(CALR_ENUMERIC, "the algorithm did not converge on %s",
                      calr_linalg_which(j->sizes->count, item, text));
}

/* Matrix `item` of an array of matrices of `each` numbers. */
static char *at(const job *j, char *array, int64_t item, int64_t each)
{
    return array + (size_t)(item * each) * j->size;
}

static void set_identity(const job *j, char *to, int64_t n)
{
    memset(to, 0, (size_t)(n * n) * j->size);
    for (int64_t i = 0; i < n; i++)
        if (j->wide)
            ((double *)to)[i * n + i] = 1;
        else
            ((float *)to)[i * n + i] = 1;
}

/* ---- singular values ---- */

static int call_gesdd(const job *j, void *a, void *s, void *u, void *vh, void *work, int lwork,
                      int *integers)
{
    int info = 0, thin = j->k > 0 ? j->k : 1, ldu = j->n > 0 ? j->n : 1,
        ldvt = j->sizes->full ? (j->m > 0 ? j->m : 1) : thin;
    lapack.gesdd[j->wide](j->sizes->full ? "A" : "S", &j->n, &j->m, a, &ldu, s, vh, &ldu, u, &ldvt,
                          work, &lwork, integers, &info, 1);
    return info;
}

static int svd_one(const job *j, int64_t item, void *scratch, int *integers)
{
    int64_t m = j->m, n = j->n, k = j->k, full = j->sizes->full;
    char *u = at(j, j->out[0], item, m * (full ? m : k)), *s = at(j, j->out[1], item, k),
         *vh = at(j, j->out[2], item, (full ? n : k) * n);
    if (k == 0) {
        set_identity(j, u, full ? m : 0);
        set_identity(j, vh, full ? n : 0);
        return 0;
    }
    size_t bytes = (size_t)(m * n) * j->size;
    memcpy(scratch, j->in + (size_t)item * bytes, bytes);
    return call_gesdd(j, scratch, s, u, vh, (char *)scratch + bytes, j->lwork, integers);
}

calr_status calr_cpu_svd(const calr_linalg *sizes, const void *a, void *u, void *s, void *vh)
{
    job j = {.in = a, .out = {u, s, vh}};
    int64_t failed;
    double answer[1] = {0};
    CALR_TRY(begin(&j, sizes, svd_one));
    CALR_TRY(check_finite(&j, a));
    int64_t m = j.m, n = j.n, k = j.k, most = calr_max64(m, n), least = 4 * k * k + 7 * k + most;
    if (least > INT32_MAX)
        return too_large(&j);
    if (k > 0)
        call_gesdd(&j, answer, answer, answer, answer, answer, -1, (int[1]){0});
    int64_t work = wanted(&j, answer, least);
    j.lwork = (int)calr_min64(work, INT32_MAX);
    j.numbers = (size_t)(m * n + j.lwork);
    j.integers = 8 * (size_t)k;
    calr_status status = run(&j, &failed);
    if (status == CALR_OK && failed >= 0)
        status = not_converged(&j, failed);
    end(&j);
    return status;
}

/* ---- eigenvalues of symmetric matrices ---- */

static int call_syevd(const job *j, void *a, void *w, void *work, int lwork, int *integers,
                      int liwork)
{
    int info = 0;
    lapack.syevd[j->wide]("V", j->sizes->upper ? "L" : "U", &j->n, a, &j->n, w, work, &lwork,
                          integers, &liwork, &info, 1, 1);
    return info;
}

#define TRANSPOSE(real)                                                                            \
    for (int64_t i = 0; i < n; i++)                                                                \
        for (int64_t c = 0; c < n; c++)                                                            \
            ((real *)to)[c * n + i] = ((const real *)from)[i * n + c];

static int eigh_one(const job *j, int64_t item, void *scratch, int *integers)
{
    int64_t n = j->n;
    char *w = at(j, j->out[0], item, n), *to = at(j, j->out[1], item, n * n);
    size_t bytes = (size_t)(n * n) * j->size;
    if (n == 0)
        return 0;
    char *from = scratch;
    memcpy(from, j->in + (size_t)item * bytes, bytes);
    int info = call_syevd(j, from, w, from + bytes, j->lwork, integers, j->liwork);
    if (j->wide)
        TRANSPOSE(double)
    else
        TRANSPOSE(float)
    return info;
}

calr_status calr_cpu_eigh(const calr_linalg *sizes, const void *a, void *w, void *v)
{
    job j = {.in = a, .out = {w, v}};
    int64_t failed;
    double answer[1] = {0};
    int integer[1] = {0};
    CALR_TRY(begin(&j, sizes, eigh_one));
    CALR_TRY(check_finite(&j, a));
    int64_t n = j.n, least = 1 + 6 * n + 2 * n * n, least_integers = 3 + 5 * n;
    if (least > INT32_MAX)
        return too_large(&j);
    if (n > 0)
        call_syevd(&j, answer, answer, answer, -1, integer, -1);
    j.lwork = (int)calr_min64(wanted(&j, answer, least), INT32_MAX);
    j.liwork = (int)calr_max64(integer[0], least_integers);
    j.numbers = (size_t)(n * n + j.lwork);
    j.integers = (size_t)j.liwork;
    calr_status status = run(&j, &failed);
    if (status == CALR_OK && failed >= 0)
        status = not_converged(&j, failed);
    end(&j);
    return status;
}

/* ---- QR ---- the LQ decomposition of the transpose */

#define COPY_PART(real)                                                                            \
    for (int64_t c = 0; c < m; c++)                                                                \
        for (int64_t i = 0; i < j->k; i++)                                                         \
            ((real *)q)[c * columns + i] = ((const real *)a)[c * n + i];
#define UPPER(real)                                                                                \
    for (int64_t i = 0; i < columns; i++)                                                          \
        for (int64_t c = 0; c < n; c++)                                                            \
            ((real *)r)[i * n + c] = c < i ? 0 : ((const real *)a)[i * n + c];

static int qr_one(const job *j, int64_t item, void *scratch, int *integers)
{
    (void)integers;
    int64_t m = j->m, n = j->n, columns = j->sizes->full ? m : j->k;
    size_t bytes = (size_t)(m * n) * j->size;
    char *q = at(j, j->out[0], item, m * columns), *r = at(j, j->out[1], item, columns * n);
    char *a = scratch, *tau = a + bytes, *work = tau + (size_t)j->k * j->size;
    int info = 0, wide = (int)columns;
    if (j->k == 0) {
        set_identity(j, q, columns);
        return 0;
    }
    memcpy(a, j->in + (size_t)item * bytes, bytes);
    lapack.gelqf[j->wide](&j->n, &j->m, a, &j->n, tau, work, &j->lwork, &info);
    if (j->wide) {
        COPY_PART(double)
        UPPER(double)
    } else {
        COPY_PART(float)
        UPPER(float)
    }
    if (info == 0)
        lapack.orglq[j->wide](&wide, &j->m, &j->k, q, &wide, tau, work, &j->lwork, &info);
    return info;
}

calr_status calr_cpu_qr(const calr_linalg *sizes, const void *a, void *q, void *r)
{
    job j = {.in = a, .out = {q, r}};
    int64_t failed;
    int info, query = -1;
    double answer[2] = {0};
    CALR_TRY(begin(&j, sizes, qr_one));
    int64_t columns = sizes->full ? j.m : j.k, least = calr_max64(calr_max64(j.n, columns), 1);
    if (j.k > 0) {
        int wide = (int)columns;
        lapack.gelqf[j.wide](&j.n, &j.m, answer, &j.n, answer, answer, &query, &info);
        least = wanted(&j, answer, least);
        lapack.orglq[j.wide](&wide, &j.m, &j.k, answer, &wide, answer, answer, &query, &info);
    }
    j.lwork = (int)calr_min64(wanted(&j, answer, least), INT32_MAX);
    j.numbers = (size_t)((int64_t)j.m * j.n + j.k + j.lwork);
    calr_status status = run(&j, &failed);
    end(&j);
    return status;
}

/* ---- triangles ---- */

static int cholesky_one(const job *j, int64_t item, void *scratch, int *integers)
{
    (void)scratch, (void)integers;
    int64_t n = j->n;
    int info = 0;
    char *l = at(j, j->out[0], item, n * n);
    if (n == 0)
        return 0;
    memcpy(l, j->in + (size_t)(item * n * n) * j->size, (size_t)(n * n) * j->size);
    lapack.potrf[j->wide]("U", &j->n, l, &j->n, &info, 1);
    for (int64_t i = 0; i < n; i++)
        memset(l + (size_t)(i * n + i + 1) * j->size, 0, (size_t)(n - i - 1) * j->size);
    return info;
}

calr_status calr_cpu_cholesky(const calr_linalg *sizes, const void *a, void *l)
{
    job j = {.in = a, .out = {l}};
    int64_t failed;
    char text[CALR_LINALG_TEXT];
    CALR_TRY(begin(&j, sizes, cholesky_one));
    calr_status status = run(&j, &failed);
    if (status == CALR_OK && failed >= 0)
        status = calr_error(CALR_ENUMERIC,
                            "%s is not positive definite (its first %d row%s and columns are not); "
                            "adding a small number to its diagonal may help",
                            calr_linalg_which(sizes->count, failed, text), j.info[failed],
                            j.info[failed] == 1 ? "" : "s");
    end(&j);
    return status;
}

/* x := op(t)^-1 x of one matrix; x has `columns`. */
static void solve_triangle(const job *j, const void *t, bool upper, bool transpose, bool unit,
                           void *x, int columns)
{
    CBLAS_UPLO part = upper ? CblasUpper : CblasLower;
    CBLAS_TRANSPOSE how = transpose ? CblasTrans : CblasNoTrans;
    CBLAS_DIAG diagonal = unit ? CblasUnit : CblasNonUnit;
    if (j->n == 0 || columns == 0)
        return;
    if (j->wide)
        lapack.dtrsm(CblasRowMajor, CblasLeft, part, how, diagonal, j->n, columns, 1, t, j->n, x,
                     columns);
    else
        lapack.strsm(CblasRowMajor, CblasLeft, part, how, diagonal, j->n, columns, 1, t, j->n, x,
                     columns);
}

static int triangular_one(const job *j, int64_t item, void *scratch, int *integers)
{
    (void)scratch, (void)integers;
    int64_t n = j->n, columns = j->sizes->m;
    solve_triangle(j, j->in + (size_t)(item * n * n) * j->size, j->sizes->upper,
                   j->sizes->transpose, j->sizes->unit, at(j, j->out[0], item, n * columns),
                   (int)columns);
    return 0;
}

calr_status calr_cpu_triangular(const calr_linalg *sizes, const void *t, void *x)
{
    job j = {.in = t, .out = {x}};
    int64_t failed;
    CALR_TRY(begin(&j, sizes, triangular_one));
    calr_status status = run(&j, &failed);
    end(&j);
    return status;
}

/* ---- LU ---- of the transpose: a^T = p l u, a = u^T l^T p^T. In our order of memory u^T is the lower triangle and l^T
 * the upper one, with ones on its diagonal. */

typedef struct lu_job {
    job j; /* first */
    int32_t *pivots;
} lu_job;

static int lu_one(const job *j, int64_t item, void *scratch, int *integers)
{
    (void)scratch, (void)integers;
    int64_t n = j->n;
    int info = 0;
    if (n > 0)
        lapack.getrf[j->wide](&j->n, &j->n, at(j, j->out[0], item, n * n), &j->n,
                              ((const lu_job *)j)->pivots + item * n, &info);
    return 0;
}

calr_status calr_cpu_lu(const calr_linalg *sizes, void *a, int32_t *pivots)
{
    lu_job l = {.j = {.out = {a}}, .pivots = pivots};
    int64_t failed;
    CALR_TRY(begin(&l.j, sizes, lu_one));
    calr_status status = run(&l.j, &failed);
    end(&l.j);
    return status;
}

calr_status calr_linalg_check_lu(const calr_linalg *sizes, const void *lu)
{
    char text[CALR_LINALG_TEXT];
    int64_t n = sizes->n;
    for (int64_t i = 0; i < sizes->count * n; i++) {
        int64_t place = i * n + i % n; /* row i of all matrices, below each other */
        double x = sizes->dtype == CALR_F64 ? ((const double *)lu)[place]
                                            : (double)((const float *)lu)[place];
        if (x == 0)
            return calr_error(CALR_ENUMERIC, "%s is singular: it has no inverse",
                              calr_linalg_which(sizes->count, i / n, text));
    }
    return CALR_OK;
}

static void swap_rows(const job *j, char *x, int64_t columns, int64_t a, int64_t b, char *scratch)
{
    size_t bytes = (size_t)columns * j->size;
    if (a == b)
        return;
    memcpy(scratch, x + (size_t)a * bytes, bytes);
    memcpy(x + (size_t)a * bytes, x + (size_t)b * bytes, bytes);
    memcpy(x + (size_t)b * bytes, scratch, bytes);
}

static int lu_solve_one(const job *j, int64_t item, void *scratch, int *integers)
{
    (void)integers;
    int64_t n = j->n, columns = j->sizes->m;
    const char *lu = j->in + (size_t)(item * n * n) * j->size;
    const int32_t *pivots = ((const lu_job *)j)->pivots + item * n;
    char *x = at(j, j->out[0], item, n * columns);
    if (j->sizes->transpose) {
        for (int64_t i = 0; i < n; i++)
            swap_rows(j, x, columns, i, pivots[i] - 1, scratch);
        solve_triangle(j, lu, true, true, true, x, (int)columns);
        solve_triangle(j, lu, false, true, false, x, (int)columns);
    } else {
        solve_triangle(j, lu, false, false, false, x, (int)columns);
        solve_triangle(j, lu, true, false, true, x, (int)columns);
        for (int64_t i = n; i-- > 0;)
            swap_rows(j, x, columns, i, pivots[i] - 1, scratch);
    }
    return 0;
}

calr_status calr_cpu_lu_solve(const calr_linalg *sizes, const void *lu, const int32_t *pivots,
                              void *x)
{
    lu_job l = {.j = {.in = lu, .out = {x}}, .pivots = (int32_t *)pivots};
    int64_t failed;
    CALR_TRY(begin(&l.j, sizes, lu_solve_one));
    l.j.numbers = (size_t)sizes->m;
    calr_status status = run(&l.j, &failed);
    end(&l.j);
    return status;
}
