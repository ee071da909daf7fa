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
    *(void **)&blas.config = dlsym(library, "openblas_get_config");
    *(void **)&blas.core = dlsym(library, "openblas_get_corename");
    *(void **)&parallel = dlsym(library, "openblas_get_parallel");
    if (!blas.sgemm || !blas.dgemm || !blas.config || !blas.core || !parallel) {
        dlclose(library);
        return calr_error(CALR_ENOTFOUND,
                          "the library in place of OpenBLAS (%s or %s) is a different one",
                          CALR_OPENBLAS_FILE, SONAME);
    }
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

/* Sizes that the library's 32 bits can take, and that keep products of two of them in 64. */
#define MOST_SIZE ((int64_t)1 << 30)

/* A row stride that 32 bits cannot hold belongs to a matrix with rows of 8 GB; then rows are
 * multiplied one by one. */
static bool strides_fit(int64_t lda, int64_t ldb, int64_t ldc)
{
    return lda <= INT32_MAX && ldb <= INT32_MAX && ldc <= INT32_MAX;
}

static float element(bool transpose, const float *a, int64_t lda, int64_t i, int64_t p)
{
    return transpose ? a[p * lda + i] : a[i * lda + p];
}

static void gemm_plain(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                       float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,
                       float beta, float *c, int64_t ldc)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t p = 0; p < k; p++)
                sum += (double)element(transpose_a, a, lda, i, p) *
                       (double)element(transpose_b, b, ldb, p, j);
            float *to = c + i * ldc + j;
            *to = (float)((double)alpha * sum + (beta != 0 ? (double)beta * (double)*to : 0.0));
        }
}

static void gemm_piece(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                       float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,
                       float beta, float *c, int64_t ldc)
{
    blas.sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
               transpose_b ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, alpha, a,
               (int)calr_max64(lda, 1), b, (int)calr_max64(ldb, 1), beta, c, (int)ldc);
}

static void gemm_empty(int64_t m, int64_t n, float beta, float *c, int64_t ldc)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            c[i * ldc + j] = beta != 0 ? beta * c[i * ldc + j] : 0.0f;
}

/* The threads of the calling thread's next OpenMP region are set here, because OpenMP keeps the
 * number a thread. */
static void prepare_threads(void)
{
    static _Thread_local int last;
    bool own = calr_cpu_own_team();
    if (blas.set_threads && own && last != calr_parallel_threads()) {
        last = calr_parallel_threads();
        blas.set_threads(last);
    }
}

void calr_blas_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                    float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,
                    float beta, float *c, int64_t ldc)
{
    if (m <= 0 || n <= 0)
        return;
    if (k <= 0) {
        gemm_empty(m, n, beta, c, ldc);
        return;
    }
    if (!strides_fit(lda, ldb, ldc)) {
        gemm_plain(transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        return;
    }
    prepare_threads();
    for (int64_t i = 0; i < m; i += MOST_SIZE)
        for (int64_t j = 0; j < n; j += MOST_SIZE)
            for (int64_t p = 0; p < k; p += MOST_SIZE)
                gemm_piece(transpose_a, transpose_b, calr_min64(MOST_SIZE, m - i),
                           calr_min64(MOST_SIZE, n - j), calr_min64(MOST_SIZE, k - p), alpha,
                           transpose_a ? a + p * lda + i : a + i * lda + p, lda,
                           transpose_b ? b + j * ldb + p : b + p * ldb + j, ldb, p ? 1.0f : beta,
                           c + i * ldc + j, ldc);
}

void calr_blas_gemm_double(int64_t m, int64_t n, int64_t k, const double *a, int64_t lda,
                           const double *b, int64_t ldb, bool add, double *c, int64_t ldc)
{
    if (m <= 0 || n <= 0)
        return;
    prepare_threads();
    blas.dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)n, (int)calr_max64(k, 0), 1, a,
               (int)calr_max64(lda, 1), b, (int)calr_max64(ldb, 1), add ? 1 : 0, c, (int)ldc);
}
