/* Products of many matrices, and LAPACK's decompositions, on pointers. */
#include "base/interrupt.h"
#include "test_backend.h"

/* ---- products ---- */

static double load(calr_dtype dtype, const void *x, int64_t i)
{
    return dtype == CALR_F64 ? ((const double *)x)[i] : (double)((const float *)x)[i];
}

static void store(calr_dtype dtype, void *x, int64_t i, double value)
{
    if (dtype == CALR_F64)
        ((double *)x)[i] = value;
    else
        ((float *)x)[i] = (float)value;
}

/* The definition: place by place of the grid. */
static void plain_products(const calr_products *p, const void *a, const void *b, void *c)
{
    int64_t places = 1;
    for (int d = 0; d < p->dims; d++)
        places *= p->grid[d];
    for (int64_t place = 0; place < places; place++) {
        int64_t rest = place, at_a = 0, at_b = 0, at_c = 0;
        bool first = true; /* of those that are added up */
        for (int d = p->dims; d-- > 0; rest /= p->grid[d]) {
            int64_t i = rest % p->grid[d];
            at_a += i * p->a.batch[d];
            at_b += i * p->b.batch[d];
            at_c += i * p->c.batch[d];
            first = first && (p->c.batch[d] != 0 || i == 0);
        }
        for (int64_t i = 0; i < p->m; i++)
            for (int64_t j = 0; j < p->n; j++) {
                double sum = 0;
                int64_t to = at_c + i * p->c.row + j * p->c.column;
                for (int64_t q = 0; q < p->k; q++)
                    sum += load(p->dtype, a, at_a + i * p->a.row + q * p->a.column) *
                           load(p->dtype, b, at_b + q * p->b.row + j * p->b.column);
                double before = p->add || !first ? load(p->dtype, c, to) : 0;
                store(p->dtype, c, to, p->alpha * sum + before);
            }
    }
}

/* Steps of a matrix in an array that holds the grid's matrices (those with `has`) in a random order of dimensions, so
 * that some of them can be merged and some not. Returns the numbers of the array. */
static int64_t lay_out(calr_rng *rng, calr_matrices *x, const calr_products *p, int64_t rows,
                       int64_t columns, const bool *has)
{
    int64_t step = random_between(rng, 0, 3), size = 1;
    bool by_row = random_between(rng, 0, 1);
    int64_t gap = random_between(rng, 0, 1) * 2;
    int64_t inside = by_row ? columns + gap : rows + gap, outside = by_row ? rows : columns;
    x->row = by_row ? inside : 1;
    x->column = by_row ? 1 : inside;
    size = inside * outside;
    if (step == 0 && gap == 0 && p->dims > 0 &&
        has[0]) { /* lines of one dimension of the grid interleaved */
        int64_t count = p->grid[0];
        x->batch[0] = inside;
        *(by_row ? &x->row : &x->column) = inside * count;
        size *= count;
    } else {
        for (int d = p->dims; d-- > 0;) {
            x->batch[d] = has[d] ? size : 0;
            size *= has[d] ? p->grid[d] : 1;
        }
        return size;
    }
    for (int d = p->dims; d-- > 1;) {
        x->batch[d] = has[d] ? size : 0;
        size *= has[d] ? p->grid[d] : 1;
    }
    return size;
}

static void fill(calr_rng *rng, calr_dtype dtype, void *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        store(dtype, x, i, (double)random_between(rng, -8, 8));
}

/* Small whole numbers: sums are exact, whatever their order. */
static void check_random_products(calr_rng *rng, calr_dtype dtype)
{
    calr_products p = {.dtype = dtype, .alpha = random_between(rng, 0, 1) ? 1 : -0.5};
    int64_t most = random_between(rng, 0, 3) ? 6 : 30;
    p.m = random_between(rng, 0, most), p.n = random_between(rng, 0, most);
    p.k = random_between(rng, 0, most);
    p.dims = (int)random_between(rng, 0, 3);
    p.add = random_between(rng, 0, 1);
    bool a[4], b[4], c[4];
    for (int d = 0; d < p.dims; d++) {
        p.grid[d] = random_between(rng, 1, 5);
        a[d] = random_between(rng, 0, 2), b[d] = random_between(rng, 0, 2);
        c[d] = random_between(rng, 0, 3);
    }
    int64_t na = lay_out(rng, &p.a, &p, p.m, p.k, a), nb = lay_out(rng, &p.b, &p, p.k, p.n, b),
            nc = lay_out(rng, &p.c, &p, p.m, p.n, c);
    size_t size = calr_dtype_size(dtype);
    void *xa = calloc((size_t)na + 1, size), *xb = calloc((size_t)nb + 1, size);
    void *y = calloc((size_t)nc + 1, size), *e = calloc((size_t)nc + 1, size);
    fill(rng, dtype, xa, na), fill(rng, dtype, xb, nb), fill(rng, dtype, y, nc);
    memcpy(e, y, (size_t)nc * size);
    plain_products(&p, xa, xb, e);
    CHECK_OK(backend->products(&p, xa, xb, y));
    int64_t wrong = 0;
    for (int64_t i = 0; i <= nc; i++)
        wrong += load(dtype, y, i) != load(dtype, e, i);
    CHECK_INT(wrong, 0);
    free(xa), free(xb), free(y), free(e);
}

static void test_products(void)
{
    calr_rng rng = calr_rng_make(5, calr_rng_purpose("products"), 0, 0);
    for (int i = 0; i < 3000; i++)
        check_random_products(&rng, i & 1 ? CALR_F64 : CALR_F32);
}

/* Where a sum over nothing is the result, what is there is overwritten. */
static void test_empty_products(void)
{
    calr_products p = {.dtype = CALR_F32, .m = 2, .n = 2, .k = 3, .alpha = 1, .dims = 1};
    p.a = p.b = p.c = (calr_matrices){.row = 2, .column = 1};
    p.a.row = 3;
    float a[6] = {0}, b[6] = {0}, c[4] = {7, 7, 7, 7};
    CHECK_OK(backend->products(&p, a, b, c)); /* a grid of no places, all summed */
    for (int i = 0; i < 4; i++)
        CHECK(c[i] == 0);
}

static void test_matrices_fit(void)
{
    CHECK(calr_matrices_fit(3, 4, 4, 1) && calr_matrices_fit(3, 4, 1, 3));
    CHECK(calr_matrices_fit(1, 4, 0, 1) && calr_matrices_fit(3, 1, 1, 0));
    CHECK(calr_matrices_fit(3, 4, 9, 1) && calr_matrices_fit(1, 1, 7, 7));
    CHECK(!calr_matrices_fit(3, 4, 0, 1) && !calr_matrices_fit(3, 4, 1, 0));
    CHECK(!calr_matrices_fit(3, 4, 8, 2) && !calr_matrices_fit(3, 4, 3, 1));
}

/* The bits of small products are those of one thread. */
static void test_threads(void)
{
    enum { COUNT = 300, SIDE = 24 };
    calr_products p = {.dtype = CALR_F32, .m = SIDE, .n = SIDE, .k = SIDE, .alpha = 1, .dims = 1};
    p.grid[0] = COUNT;
    p.a = p.b = p.c = (calr_matrices){SIDE, 1, {(int64_t)SIDE * SIDE}};
    int64_t size = (int64_t)COUNT * SIDE * SIDE;
    float *a = random_array(size, 1), *b = random_array(size, 2), *c = output_array(size),
          *alone = output_array(size);
    int threads = calr_parallel_threads();
    for (int t = 1; t <= 4; t++) {
        CHECK_OK(calr_parallel_set_threads(t));
        CHECK_OK(backend->products(&p, a, b, t == 1 ? alone : c));
        if (t > 1)
            CHECK(memcmp(c, alone, (size_t)size * sizeof *c) == 0);
    }
    CHECK_OK(calr_parallel_set_threads(threads));
    calr_interrupt_request(2);
    CHECK_INT(backend->products(&p, a, b, c), CALR_EINTERRUPTED);
    calr_interrupt_clear();
    free(a), free(b), free(c), free(alone);
}

/* ---- decompositions ---- */

/* Batches spread over the threads; the bits of each matrix are those it has alone. */
static void test_batches(void)
{
    enum { COUNT = 40, M = 9, N = 5 };
    calr_linalg all = {.dtype = CALR_F32, .count = COUNT, .m = M, .n = N}, one = all;
    float *x = random_array(COUNT * M * N, 1), *u = output_array(COUNT * M * N),
          *s = output_array(COUNT * N), *vh = output_array(COUNT * N * N);
    float u1[M * N], s1[N], vh1[N * N];
    one.count = 1;
    CHECK_OK(backend->svd(&all, x, u, s, vh));
    CHECK(u[COUNT * M * N] == CANARY && s[COUNT * N] == CANARY && vh[COUNT * N * N] == CANARY);
    for (int64_t i = 0; i < COUNT; i += 13) {
        CHECK_OK(backend->svd(&one, x + i * M * N, u1, s1, vh1));
        CHECK(memcmp(u1, u + i * M * N, sizeof u1) == 0);
        CHECK(memcmp(s1, s + i * N, sizeof s1) == 0);
        CHECK(memcmp(vh1, vh + i * N * N, sizeof vh1) == 0);
        for (int r = 0; r < M; r++)
            for (int c = 0; c < N; c++) {
                double sum = 0;
                for (int k = 0; k < N; k++)
                    sum += (double)(u1[r * N + k] * s1[k] * vh1[k * N + c]);
                CHECK_NEAR(sum, x[i * M * N + r * N + c], 1e-5);
            }
    }
    free(x), free(u), free(s), free(vh);
}

static void test_refusals(void)
{
    float a[8] = {1, 0, 0, 1, 1, NAN, 0, 1}, w[4], v[8], u[8];
    calr_linalg sizes = {.dtype = CALR_F32, .count = 2, .m = 2, .n = 2};
    CHECK_FAILS(backend->svd(&sizes, a, u, w, v), CALR_ENUMERIC,
                "matrix 2 of the batch holds a NaN");
    CHECK_FAILS(backend->eigh(&sizes, a, w, v), CALR_ENUMERIC, "matrix 2 of the batch");
    a[0] = -1;
    CHECK_FAILS(backend->cholesky(&sizes, a, v), CALR_ENUMERIC,
                "matrix 1 of the batch is not positive definite");
    calr_linalg huge = {.dtype = CALR_F32, .count = 0, .m = 40000, .n = 40000};
    CHECK_FAILS(backend->svd(&huge, a, u, w, v), CALR_EINVAL, "too large for LAPACK");
    CHECK_FAILS(backend->eigh(&huge, a, w, v), CALR_EINVAL, "too large for LAPACK");
    huge.m = (int64_t)1 << 31;
    CHECK_FAILS(backend->qr(&huge, a, u, v), CALR_EINVAL, "too large for LAPACK");
}

/* NaN passes through what ends anyway. */
static void test_nan(void)
{
    float a[4] = {1, NAN, 0, 1}, q[4], r[4];
    int32_t pivots[2];
    calr_linalg sizes = {.dtype = CALR_F32, .count = 1, .m = 2, .n = 2};
    CHECK_OK(backend->qr(&sizes, a, q, r));
    CHECK(isnan(r[1]));
    CHECK_OK(backend->lu(&sizes, a, pivots));
    CHECK_OK(calr_linalg_check_lu(&sizes, a));
}

/* Swaps, both triangles and both directions: a^-1 (a x) and a^-T (a^T x) are x. */
static void test_lu(void)
{
    enum { N = 30, K = 3 };
    double a[N * N], lu[N * N], x[N * K], y[N * K];
    int32_t pivots[N];
    calr_rng rng = calr_rng_make(5, calr_rng_purpose("lu"), 0, 0);
    for (int i = 0; i < N * N; i++)
        a[i] = calr_rng_normal(&rng);
    for (int i = 0; i < N * K; i++)
        x[i] = calr_rng_normal(&rng);
    calr_linalg sizes = {.dtype = CALR_F64, .count = 1, .m = N, .n = N};
    memcpy(lu, a, sizeof lu);
    CHECK_OK(backend->lu(&sizes, lu, pivots));
    sizes.m = K;
    for (int t = 0; t < 2; t++) {
        sizes.transpose = t;
        for (int i = 0; i < N; i++)
            for (int c = 0; c < K; c++) {
                y[i * K + c] = 0;
                for (int j = 0; j < N; j++)
                    y[i * K + c] += a[t ? j * N + i : i * N + j] * x[j * K + c];
            }
        CHECK_OK(backend->lu_solve(&sizes, lu, pivots, y));
        for (int i = 0; i < N * K; i++)
            CHECK_NEAR(y[i], x[i], 1e-9);
    }
}

int main(void)
{
    CHECK_OK(calr_backend_get(&backend));
    RUN(test_products);
    RUN(test_empty_products);
    RUN(test_matrices_fit);
    RUN(test_threads);
    RUN(test_batches);
    RUN(test_refusals);
    RUN(test_nan);
    RUN(test_lu);
    return check_finish();
}
