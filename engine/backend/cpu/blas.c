#include "backend/cpu/blas.h"

#include <cblas.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "backend/cpu/kernels.h"

#define SONAME        "libopenblas.so.0"
#define CORE_VARIABLE "OPENBLAS_CORETYPE"

static struct {
    void (*sgemm)(CBLAS_LAYOUT, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, int, int, int, float,
                  const float *, int, const float *, int, float, float *, int);
    void (*dgemm)(CBLAS_LAYOUT, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, int, int, int, double,
                  const double *, int, const double *, int, double, double *, int);
    void (*sgemv)(CBLAS_LAYOUT, CBLAS_TRANSPOSE, int, int, float, const float *, int, const float *,
                  int, float, float *, int);
    void (*dgemv)(CBLAS_LAYOUT, CBLAS_TRANSPOSE, int, int, double, const double *, int,
                  const double *, int, double, double *, int);
    void *library;
    void (*set_threads)(int); /* of the build with threads of its own; NULL for the OpenMP build */
    const char *(*config)(void), *(*core)(void);
    const char *choice;
} blas;

/* The core type for this processor by its features, NULL to leave it to the library. The library
 * goes by models, and takes models that came after its release for old ones. */
static const char *core_type(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return "Haswell";
#endif
    return NULL;
}

static void *open_library(void)
{
    void *library = dlopen(CALR_OPENBLAS_FILE, RTLD_NOW | RTLD_LOCAL);
    return library ? library : dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);
}

/* The variable is set for the moment of loading only: programs that we start should not inherit it.
 */
static void *open_with_core(void)
{
    const char *user = getenv(CORE_VARIABLE), *core = core_type();
    blas.choice =
        user && *user ? CORE_VARIABLE " of the environment" : "calr, by the processor's features";
    if ((user && *user) || !core || setenv(CORE_VARIABLE, core, 1) != 0) {
        if (!user || !*user)
            blas.choice = "the library";
        return open_library();
    }
    void *library = open_library();
    unsetenv(CORE_VARIABLE);
    return library;
}

/* What OpenBLAS maps: itself and what threads are made of, a buffer for each thread and two more, of
 * 128 MiB (measured, of Debian's 0.3.21). While the system refuses them, it asks again without end. */
#define LIBRARY_BYTES ((size_t)96 << 20)
#define BUFFER_BYTES  ((size_t)128 << 20)
#define MORE_BUFFERS  2

static calr_status check_room(void)
{
    int threads = calr_parallel_threads();
    size_t needed = LIBRARY_BYTES + BUFFER_BYTES * ((size_t)threads + MORE_BUFFERS);
    void *room = mmap(NULL, needed, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room != MAP_FAILED) {
        munmap(room, needed);
        return CALR_OK;
    }
    return calr_error(
        CALR_ENOMEM,
        "OpenBLAS needs %zu MB of address space for %d thread%s, and the system gives "
        "less: raise the limit (ulimit -v), or set CALR_THREADS to a smaller number",
        needed >> 20, threads, threads == 1 ? "" : "s");
}

calr_status calr_blas_load(void)
{
    CALR_TRY(check_room());
    void *library = open_with_core();
    int (*parallel)(void);
    if (!library)
        return calr_error(
            CALR_ENOTFOUND,
            "cannot load OpenBLAS (%s): %s; on Debian it is in the package libopenblas0-openmp",
            CALR_OPENBLAS_FILE, dlerror());
    *(void **)&blas.sgemm = dlsym(library, "cblas_sgemm");
    *(void **)&blas.dgemm = dlsym(library, "cblas_dgemm");
    *(void **)&blas.sgemv = dlsym(library, "cblas_sgemv");
    *(void **)&blas.dgemv = dlsym(library, "cblas_dgemv");
    *(void **)&blas.config = dlsym(library, "openblas_get_config");
    *(void **)&blas.core = dlsym(library, "openblas_get_corename");
    *(void **)&parallel = dlsym(library, "openblas_get_parallel");
    if (!blas.sgemm || !blas.dgemm || !blas.sgemv || !blas.dgemv || !blas.config || !blas.core ||
        !parallel) {
        dlclose(library);
        return calr_error(CALR_ENOTFOUND,
                          "the library in place of OpenBLAS (%s or %s) is a different one",
                          CALR_OPENBLAS_FILE, SONAME);
    }
    blas.library = library;
    if (parallel() != 2) /* not OpenMP */
        *(void **)&blas.set_threads = dlsym(library, "openblas_set_num_threads");
    return CALR_OK;
}

void calr_blas_describe(calr_backend_info *out)
{
    Dl_info file;
    if (dladdr(*(void **)&blas.sgemm, &file) && file.dli_fname)
        snprintf(out->blas_file, sizeof out->blas_file, "%s", file.dli_fname);
    snprintf(out->blas_config, sizeof out->blas_config, "%s", blas.config());
    snprintf(out->blas_core, sizeof out->blas_core, "%s", blas.core());
    snprintf(out->blas_choice, sizeof out->blas_choice, "%s", blas.choice);
}

void *calr_blas_symbol(const char *name)
{
    return dlsym(blas.library, name);
}

/* The threads of the calling thread's next OpenMP region are set here, because OpenMP keeps the
 * number a thread. */
void calr_blas_prepare_threads(void)
{
    static _Thread_local int last;
    bool own = calr_cpu_own_team();
    if (blas.set_threads && own && last != calr_parallel_threads()) {
        last = calr_parallel_threads();
        blas.set_threads(last);
    }
}

/* Sizes that the library's 32 bits can take, and that keep products of two of them in 64. */
#define MOST_SIZE ((int64_t)1 << 30)

typedef struct product {
    calr_dtype dtype;
    bool transpose_a, transpose_b;
    int64_t m, n, k;
    double alpha;
    const char *a, *b; /* of `size` bytes an element */
    char *c;
    int64_t lda, ldb, ldc;
    double beta;
} product;

static double element(calr_dtype dtype, const char *x, int64_t i)
{
    return dtype == CALR_F64 ? ((const double *)x)[i] : (double)((const float *)x)[i];
}

static void set_element(calr_dtype dtype, char *x, int64_t i, double value)
{
    if (dtype == CALR_F64)
        ((double *)x)[i] = value;
    else
        ((float *)x)[i] = (float)value;
}

/* A row stride that 32 bits cannot hold belongs to a matrix with rows of 8 GB; then rows are
 * multiplied one by one. */
static bool strides_fit(const product *p)
{
    return p->lda <= INT32_MAX && p->ldb <= INT32_MAX && p->ldc <= INT32_MAX;
}

static void product_plain(const product *p)
{
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            double sum = 0;
            for (int64_t q = 0; q < p->k; q++)
                sum += element(p->dtype, p->a, p->transpose_a ? q * p->lda + i : i * p->lda + q) *
                       element(p->dtype, p->b, p->transpose_b ? j * p->ldb + q : q * p->ldb + j);
            int64_t at = i * p->ldc + j;
            double before = p->beta != 0 ? p->beta * element(p->dtype, p->c, at) : 0.0;
            set_element(p->dtype, p->c, at, p->alpha * sum + before);
        }
}

/* op(a) times a column, or a row times op(b) = the transpose of op(b) times a column; whichever is one of. */
static void product_vector(const product *p)
{
    bool column = p->n == 1;
    const char *matrix = column ? p->a : p->b, *vector = column ? p->b : p->a;
    bool transpose = column ? p->transpose_a : !p->transpose_b;
    int64_t out = column ? p->m : p->n, ld = calr_max64(column ? p->lda : p->ldb, 1);
    int64_t step = column ? (p->transpose_b ? 1 : p->ldb) : (p->transpose_a ? p->lda : 1);
    int64_t rows = transpose ? p->k : out, columns = transpose ? out : p->k;
    int step_out = (int)(column ? calr_max64(p->ldc, 1) : 1);
    CBLAS_TRANSPOSE how = transpose ? CblasTrans : CblasNoTrans;
    step = calr_max64(step, 1);
    if (p->dtype == CALR_F64)
        blas.dgemv(CblasRowMajor, how, (int)rows, (int)columns, p->alpha, (const double *)matrix,
                   (int)ld, (const double *)vector, (int)step, p->beta, (double *)p->c, step_out);
    else
        blas.sgemv(CblasRowMajor, how, (int)rows, (int)columns, (float)p->alpha,
                   (const float *)matrix, (int)ld, (const float *)vector, (int)step, (float)p->beta,
                   (float *)p->c, step_out);
}

static void product_matrix(const product *p)
{
    CBLAS_TRANSPOSE a = p->transpose_a ? CblasTrans : CblasNoTrans,
                    b = p->transpose_b ? CblasTrans : CblasNoTrans;
    int m = (int)p->m, n = (int)p->n, k = (int)p->k, lda = (int)calr_max64(p->lda, 1),
        ldb = (int)calr_max64(p->ldb, 1), ldc = (int)calr_max64(p->ldc, 1);
    if (p->dtype == CALR_F64)
        blas.dgemm(CblasRowMajor, a, b, m, n, k, p->alpha, (const double *)p->a, lda,
                   (const double *)p->b, ldb, p->beta, (double *)p->c, ldc);
    else
        blas.sgemm(CblasRowMajor, a, b, m, n, k, (float)p->alpha, (const float *)p->a, lda,
                   (const float *)p->b, ldb, (float)p->beta, (float *)p->c, ldc);
}

static void product_empty(const product *p)
{
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            int64_t at = i * p->ldc + j;
            double before = p->beta != 0 ? p->beta * element(p->dtype, p->c, at) : 0.0;
            set_element(p->dtype, p->c, at, before);
        }
}

static void product_pieces(const product *p)
{
    size_t size = calr_dtype_size(p->dtype);
    for (int64_t i = 0; i < p->m; i += MOST_SIZE)
        for (int64_t j = 0; j < p->n; j += MOST_SIZE)
            for (int64_t q = 0; q < p->k; q += MOST_SIZE) {
                product piece = *p;
                piece.m = calr_min64(MOST_SIZE, p->m - i);
                piece.n = calr_min64(MOST_SIZE, p->n - j);
                piece.k = calr_min64(MOST_SIZE, p->k - q);
                piece.a += size * (size_t)(p->transpose_a ? q * p->lda + i : i * p->lda + q);
                piece.b += size * (size_t)(p->transpose_b ? j * p->ldb + q : q * p->ldb + j);
                piece.c += size * (size_t)(i * p->ldc + j);
                piece.beta = q ? 1 : p->beta;
                product_matrix(&piece);
            }
}

/* `vectors`: whether products with a vector take the library's functions for them. */
static void multiply(const product *p, bool vectors)
{
    if (p->m <= 0 || p->n <= 0)
        return;
    if (p->k <= 0) {
        product_empty(p);
        return;
    }
    if (!strides_fit(p)) {
        product_plain(p);
        return;
    }
    calr_blas_prepare_threads();
    bool small = p->m <= MOST_SIZE && p->n <= MOST_SIZE && p->k <= MOST_SIZE;
    if (vectors && small && (p->m == 1 || p->n == 1))
        product_vector(p);
    else
        product_pieces(p);
}

void calr_blas_product(calr_dtype dtype, bool transpose_a, bool transpose_b, int64_t m, int64_t n,
                       int64_t k, double alpha, const void *a, int64_t lda, const void *b,
                       int64_t ldb, bool add, void *c, int64_t ldc)
{
    product p = {dtype, transpose_a, transpose_b, m, n, k, alpha, a, b, c, lda, ldb, ldc, add};
    multiply(&p, true);
}

void calr_blas_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                    float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,
                    float beta, float *c, int64_t ldc)
{
    product p = {CALR_F32,        transpose_a,     transpose_b, m,   n,   k,   (double)alpha,
                 (const char *)a, (const char *)b, (char *)c,   lda, ldb, ldc, (double)beta};
    multiply(&p, false);
}

void calr_blas_gemm_double(int64_t m, int64_t n, int64_t k, const double *a, int64_t lda,
                           const double *b, int64_t ldb, bool add, double *c, int64_t ldc)
{
    product p = {CALR_F64,        false,           true,      m,   n,   k,   1,
                 (const char *)a, (const char *)b, (char *)c, lda, ldb, ldc, add};
    multiply(&p, false);
}
