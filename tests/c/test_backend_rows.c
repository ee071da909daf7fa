/* Kernels over rows of a matrix: softmax, cross-entropy, unit rows, sums; and the matrix product.
 */
#include "test_backend.h"

static const struct {
    int64_t rows, c;
} sizes[] = {{0, 3}, {1, 1}, {3, 7}, {64, 100}, {5, 20000}, {3000, 33}};

static const size_t count = sizeof sizes / sizeof *sizes;

static double log_sum_exp(const float *x, int64_t c)
{
    double most = -INFINITY, sum = 0;
    for (int64_t j = 0; j < c; j++)
        most = fmax(most, (double)x[j]);
    for (int64_t j = 0; j < c; j++)
        sum += exp((double)x[j] - most);
    return most + log(sum);
}

static void check_softmax(int64_t rows, int64_t c)
{
    int64_t n = rows * c;
    float *x = random_array(n, 1), *dy = random_array(n, 2), *y = output_array(n),
          *l = output_array(n);
    float *dx = output_array(n), *dl = output_array(n);
    double *ey = double_array(n), *el = double_array(n), *edx = double_array(n),
           *edl = double_array(n);
    for (int64_t i = 0; i < rows; i++) {
        double lse, along = 0, sum = 0;
        for (int64_t j = 0; j < c; j++)
            x[i * c + j] = x[i * c + j] * 10 + 200; /* exp would overflow */
        lse = log_sum_exp(x + i * c, c);
        for (int64_t j = i * c; j < (i + 1) * c; j++) {
            el[j] = (double)x[j] - lse;
            ey[j] = exp(el[j]);
            along += ey[j] * (double)dy[j];
            sum += (double)dy[j];
        }
        for (int64_t j = i * c; j < (i + 1) * c; j++) {
            edx[j] = ey[j] * ((double)dy[j] - along);
            edl[j] = (double)dy[j] - ey[j] * sum;
        }
    }
    CHECK_OK(backend->softmax(rows, c, x, y));
    CHECK_ARRAY(y, ey, n, 2e-6);
    CHECK_OK(backend->log_softmax(rows, c, x, l));
    CHECK_ARRAY(l, el, n, 1e-6);
    CHECK_OK(backend->softmax_backward(rows, c, y, dy, dx));
    CHECK_ARRAY(dx, edx, n, 5e-6);
    CHECK_OK(backend->log_softmax_backward(rows, c, l, dy, dl));
    CHECK_ARRAY(dl, edl, n, 5e-6);
    CHECK_OK(backend->softmax(rows, c, x, x)); /* in place */
    CHECK(same_bits(x, y, n));
    free(x), free(dy), free(y), free(l), free(dx), free(dl), free(ey), free(el), free(edx),
        free(edl);
}

static void test_softmax(void)
{
    for (size_t i = 0; i < count; i++)
        check_softmax(sizes[i].rows, sizes[i].c);
}

static void check_cross_entropy(int64_t rows, int64_t c, bool weighted, bool by_row)
{
    int64_t n = rows * c;
    float *x = random_array(n, 1), *weights = weighted ? random_array(c, 2) : NULL,
          *each = by_row ? random_array(rows, 3) : NULL, *log_sum = output_array(rows);
    float *dx = output_array(n), total = NAN, loss = NAN;
    int32_t *labels = malloc(((size_t)rows + 1) * sizeof *labels);
    double *edx = double_array(n), w_sum = 0, sum = 0;
    calr_rng rng = calr_rng_make(1, 2, 3, 4);
    for (int64_t j = 0; weighted && j < c; j++)
        weights[j] = j % 3 ? fabsf(weights[j]) : 0;
    for (int64_t i = 0; by_row && i < rows; i++)
        each[i] = i % 4 ? fabsf(each[i]) : 0;
    for (int64_t i = 0; i < rows; i++) {
        labels[i] = (int32_t)calr_rng_below(&rng, (uint64_t)c);
        double w = (weights ? (double)weights[labels[i]] : 1) * (each ? (double)each[i] : 1);
        w_sum += w;
        sum += w * (log_sum_exp(x + i * c, c) - (double)x[i * c + labels[i]]);
    }
    for (int64_t i = 0; i < n && w_sum > 0; i++) {
        double w =
            (weights ? (double)weights[labels[i / c]] : 1) * (each ? (double)each[i / c] : 1);
        double p = exp((double)x[i] - log_sum_exp(x + i / c * c, c));
        edx[i] = 1.5 * w * (p - (i % c == labels[i / c])) / w_sum;
    }
    CHECK_OK(
        backend->cross_entropy_forward(rows, c, x, labels, weights, each, log_sum, &total, &loss));
    CHECK_NEAR(total, w_sum, 1e-5 * (1 + w_sum));
    CHECK_NEAR(loss, w_sum > 0 ? sum / w_sum : 0, 1e-5);
    CHECK_OK(backend->cross_entropy_backward(rows, c, x, labels, weights, each, log_sum, total,
                                             1.5f, dx));
    CHECK_ARRAY(dx, edx, n, 2e-6);
    CHECK_OK(backend->cross_entropy_backward(rows, c, x, labels, weights, each, log_sum, total,
                                             1.5f, x)); /* in place */
    CHECK(same_bits(x, dx, n));
    free(x), free(weights), free(each), free(log_sum), free(dx), free(labels), free(edx);
}

static void test_cross_entropy(void)
{
    for (size_t i = 0; i < count; i++)
        if (sizes[i].rows * sizes[i].c < 10000) { /* the slow reference is quadratic in c */
            check_cross_entropy(sizes[i].rows, sizes[i].c, false, false);
            check_cross_entropy(sizes[i].rows, sizes[i].c, true, false);
            check_cross_entropy(sizes[i].rows, sizes[i].c, false, true);
            check_cross_entropy(sizes[i].rows, sizes[i].c, true, true);
        }
}

static void test_cross_entropy_edges(void)
{
    float x[6] = {1, 2, 3, 4, 5, 6}, weights[3] = {0, 0, 1}, log_sum[2], total, loss, dx[6];
    int32_t labels[2] = {0, 1};
    CHECK_OK(
        backend->cross_entropy_forward(2, 3, x, labels, weights, NULL, log_sum, &total, &loss));
    CHECK(total == 0 && loss == 0); /* not 0/0 */
    CHECK_OK(
        backend->cross_entropy_backward(2, 3, x, labels, weights, NULL, log_sum, total, 1, dx));
    CHECK(dx[0] == 0 && dx[5] == 0);
    labels[1] = 3;
    CHECK_FAILS(backend->cross_entropy_forward(2, 3, x, labels, NULL, NULL, log_sum, &total, &loss),
                CALR_EINVAL, "label 3 of row 1");
    labels[1] = -1;
    CHECK_FAILS(backend->cross_entropy_forward(2, 3, x, labels, NULL, NULL, log_sum, &total, &loss),
                CALR_EINVAL, "label -1");
    labels[1] = 1;
    x[3] = NAN;
    CHECK_OK(backend->cross_entropy_forward(2, 3, x, labels, NULL, NULL, log_sum, &total, &loss));
    CHECK(loss != loss); /* what went wrong must stay visible */
}

static void check_normalize(int64_t rows, int64_t c)
{
    int64_t n = rows * c;
    const float eps = 1e-12f;
    float *x = random_array(n, 1), *dy = random_array(n, 2), *y = output_array(n),
          *norm = output_array(rows);
    float *dx = output_array(n);
    double *ey = double_array(n), *edx = double_array(n), *en = double_array(rows);
    if (rows > 1)
        memset(x + c, 0, (size_t)c * sizeof *x);
    for (int64_t i = 0; i < rows; i++) {
        double squares = 0, along = 0;
        for (int64_t j = i * c; j < (i + 1) * c; j++)
            squares += (double)x[j] * (double)x[j];
        en[i] = sqrt(squares);
        for (int64_t j = i * c; j < (i + 1) * c; j++) {
            ey[j] = (double)x[j] / fmax(en[i], (double)eps);
            along += ey[j] * (double)dy[j];
        }
        for (int64_t j = i * c; j < (i + 1) * c; j++)
            edx[j] = ((double)dy[j] - ey[j] * along) / fmax(en[i], (double)eps);
    }
    CHECK_OK(backend->l2_normalize_forward(rows, c, eps, x, norm, y));
    CHECK_ARRAY(y, ey, n, 1e-6);
    CHECK_ARRAY(norm, en, rows, 1e-6);
    CHECK_OK(backend->l2_normalize_backward(rows, c, eps, y, norm, dy, dx));
    CHECK_ARRAY(dx, edx, n, 2e-6);
    CHECK_OK(backend->l2_normalize_forward(rows, c, eps, x, norm, x)); /* in place */
    CHECK(same_bits(x, y, n));
    free(x), free(dy), free(y), free(norm), free(dx), free(ey), free(edx), free(en);
}

static void test_normalize(void)
{
    for (size_t i = 0; i < count; i++)
        check_normalize(sizes[i].rows, sizes[i].c);
}

static void check_sums(int64_t rows, int64_t c)
{
    int64_t n = rows * c;
    float *x = random_array(n, 1), *row = random_array(c, 2), *down = output_array(c),
          *across = output_array(rows);
    float *y = output_array(n), *again = output_array(c);
    double *ed = double_array(c), *ea = double_array(rows), *ey = double_array(n);
    for (int64_t i = 0; i < n; i++) {
        ed[i % c] += (double)x[i];
        ea[i / c] += (double)x[i];
        ey[i] = (double)x[i] + (double)row[i % c];
    }
    CHECK_OK(backend->sum_rows(CALR_F32, rows, c, x, down));
    CHECK_ARRAY(down, ed, c, 1e-6);
    calr_reduce sums = {CALR_REDUCE_SUM, CALR_F32, rows, c, 1, 0};
    CHECK_OK(backend->reduce(&sums, x, across, NULL));
    CHECK_ARRAY(across, ea, rows, 1e-6);
    CHECK_OK(backend->add_row(rows, c, x, row, y));
    CHECK_ARRAY(y, ey, n, 1e-6);
    int threads = calr_parallel_threads();
    CHECK_OK(calr_parallel_set_threads(1));
    CHECK_OK(backend->sum_rows(CALR_F32, rows, c, x, again));
    CHECK(same_bits(again, down, c));
    CHECK_OK(calr_parallel_set_threads(threads));
    CHECK_OK(backend->add_row(rows, c, NULL, row, y));
    CHECK(rows == 0 || same_bits(y + (rows - 1) * c, row, c));
    CHECK(y[n] == CANARY);
    free(x), free(row), free(down), free(across), free(y), free(again), free(ed), free(ea),
        free(ey);
}

static void test_sums(void)
{
    for (size_t i = 0; i < count; i++)
        check_sums(sizes[i].rows, sizes[i].c);
}

static void check_gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, float alpha, float beta)
{
    int64_t lda = (ta ? m : k) + 3, ldb = (tb ? k : n) + 1, ldc = n + 2;
    int64_t size_a = (ta ? k : m) * lda, size_b = (tb ? n : k) * ldb, size_c = m * ldc;
    float *a = random_array(size_a, 1), *b = random_array(size_b, 2), *c = random_array(size_c, 3);
    double *e = double_array(size_c);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < ldc; j++) {
            float *to = c + i * ldc + j;
            e[i * ldc + j] = (double)*to;
            if (j >= n)
                continue;
            double sum = 0;
            for (int64_t p = 0; p < k; p++)
                sum += (double)(ta ? a[p * lda + i] : a[i * lda + p]) *
                       (double)(tb ? b[j * ldb + p] : b[p * ldb + j]);
            e[i * ldc + j] = (double)alpha * sum + (beta != 0 ? (double)beta * (double)*to : 0);
            if (beta == 0)
                *to = NAN; /* must not be read */
        }
    backend->gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    CHECK_ARRAY(c, e, size_c, 1e-5);
    free(a), free(b), free(c), free(e);
}

static void test_gemm(void)
{
    calr_rng rng = calr_rng_make(9, calr_rng_purpose("gemm"), 0, 0);
    for (int i = 0; i < 60; i++) {
        int64_t m = random_between(&rng, 0, 40), n = random_between(&rng, 0, 40),
                k = random_between(&rng, 0, 40);
        check_gemm(i & 1, i & 2, m, n, k, i % 5 ? 1 : -0.5f, i % 3 ? 0 : 0.75f);
    }
    check_gemm(false, true, 300, 200, 500, 1, 0);
    check_gemm(true, false, 129, 257, 1000, 1, 1);
}

/* Whole numbers add up exactly in double precision, in whatever order. */
static void test_gemm_double(void)
{
    enum { M = 37, N = 70, K = 300, LDA = 301, LDB = 303, LDC = 71 };
    double *a = malloc(sizeof *a * M * LDA), *b = malloc(sizeof *b * N * LDB),
           *c = malloc(sizeof *c * M * LDC);
    calr_rng rng = calr_rng_make(9, calr_rng_purpose("gemm double"), 0, 0);
    for (int i = 0; i < M * LDA; i++)
        a[i] = (double)random_between(&rng, -1000000, 1000000);
    for (int i = 0; i < N * LDB; i++)
        b[i] = (double)random_between(&rng, -1000, 1000);
    for (int add = 0; add < 2; add++) {
        int wrong = 0;
        for (int i = 0; i < M * LDC; i++)
            c[i] = add ? i : NAN; /* must not be read */
        backend->gemm_double(M, N, K, a, LDA, b, LDB, add, c, LDC);
        for (int i = 0; i < M; i++)
            for (int j = 0; j < N; j++) {
                double sum = add ? i * LDC + j : 0;
                for (int p = 0; p < K; p++)
                    sum += a[i * LDA + p] * b[j * LDB + p];
                wrong += c[i * LDC + j] != sum;
            }
        CHECK_INT(wrong, 0);
        CHECK(add ? c[N] == N : isnan(c[N]));
    }
    free(a), free(b), free(c);
}

typedef struct inner {
    const float *a, *b;
    float *c;
} inner;

static void gemm_body(void *context, int64_t begin, int64_t end, int worker)
{
    const inner *k = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++)
        backend->gemm(false, false, 64, 64, 64, 1, k->a + i * 4096, 64, k->b, 64, 0,
                      k->c + i * 4096, 64);
}

/* From inside a parallel body, and after the number of threads changed. */
static void test_gemm_nested(void)
{
    inner k = {random_array(32 * 4096, 1), random_array(4096, 2), output_array(32 * 4096)};
    float *alone = output_array(32 * 4096);
    int threads = calr_parallel_threads();
    for (int t = 1; t <= 3; t++) {
        CHECK_OK(calr_parallel_set_threads(t));
        calr_parallel_for(32, 1, gemm_body, &k);
        if (t == 1)
            memcpy(alone, k.c, 32 * 4096 * sizeof *alone);
        CHECK(same_bits(alone, k.c, 32 * 4096));
    }
    CHECK_OK(calr_parallel_set_threads(threads));
    free((float *)k.a), free((float *)k.b), free(k.c), free(alone);
}

int main(void)
{
    CHECK_OK(calr_backend_get(&backend));
    RUN(test_softmax);
    RUN(test_cross_entropy);
    RUN(test_cross_entropy_edges);
    RUN(test_normalize);
    RUN(test_sums);
    RUN(test_gemm);
    RUN(test_gemm_double);
    RUN(test_gemm_nested);
    return check_finish();
}
