/* Nearest neighbours, each way to find them: against scikit-learn, against sorting all pairs, ties,
 * threads, bad input; sparse matrices. */
#include "base/parallel.h"
#include "cluster_case.h"
#include "neighbours/knn_internal.h"

static calr_knn_way way;

static calr_status neighbours(const float *x, int64_t n, const float *base, int64_t m, int64_t d,
                              int64_t k, calr_metric metric, bool include_self, int32_t *indices,
                              float *values)
{
    return calr_knn_by(way, x, n, base, m, d, k, metric, include_self, indices, values);
}

typedef struct near {
    double score; /* smaller is nearer */
    int32_t row;
} near;

static int by_score(const void *a, const void *b)
{
    const near *p = a, *q = b;
    if (p->score != q->score)
        return p->score < q->score ? -1 : 1;
    return (p->row > q->row) - (p->row < q->row);
}

static double score_of(const float *a, const float *b, int64_t d, calr_metric metric)
{
    double ab = 0, aa = 0, bb = 0, dd = 0;
    for (int64_t c = 0; c < d; c++) {
        ab += (double)a[c] * b[c];
        aa += (double)a[c] * a[c];
        bb += (double)b[c] * b[c];
        dd += ((double)a[c] - b[c]) * ((double)a[c] - b[c]);
    }
    if (metric == CALR_EUCLIDEAN)
        return sqrt(dd);
    return aa > 0 && bb > 0 ? -ab / (sqrt(aa) * sqrt(bb)) : 0;
}

/* Compares with a full sort of double-precision scores. `exact` asks for the same rows in the same
 * places; otherwise rows may trade places where their scores differ by rounding. */
static void compare(const float *x, int64_t n, const float *base, int64_t m, int64_t d, int64_t k,
                    calr_metric metric, bool include_self, bool exact)
{
    int32_t *indices = malloc((size_t)(n * k) * sizeof *indices);
    float *values = malloc((size_t)(n * k) * sizeof *values);
    near *all = malloc((size_t)(base ? m : n) * sizeof *all);
    CHECK_OK(neighbours(x, n, base, m, d, k, metric, include_self, indices, values));
    int wrong_rows = 0, wrong_values = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t count = 0, first = 0;
        for (int64_t j = 0; j < (base ? m : n); j++) {
            if (!base && j == i)
                continue;
            all[count++] =
                (near){score_of(x + i * d, (base ? base : x) + j * d, d, metric), (int32_t)j};
        }
        qsort(all, (size_t)count, sizeof *all, by_score);
        if (include_self && !base) {
            wrong_rows += indices[i * k] != i;
            first = 1;
        }
        for (int64_t p = first; p < k; p++) {
            double want = all[p - first].score * (metric == CALR_COSINE ? -1 : 1),
                   got = values[i * k + p];
            int32_t row = indices[i * k + p];
            double own = score_of(x + i * d, (base ? base : x) + row * d, d, metric) *
                         (metric == CALR_COSINE ? -1 : 1);
            wrong_values += !(fabs(got - want) <= 1e-6 * fmax(1, fabs(want))) ||
                            !(fabs(got - own) <= 1e-6 * fmax(1, fabs(own)));
            wrong_rows += exact && row != all[p - first].row;
        }
    }
    CHECK_INT(wrong_rows, 0);
    CHECK_INT(wrong_values, 0);
    free(indices);
    free(values);
    free(all);
}

static void test_against_sorting(void)
{
    const int64_t sizes[] = {2, 3, 17, 255, 256, 257, 300, 530};
    for (int s = 0; s < 8; s++) {
        int64_t n = sizes[s], k = n < 20 ? n - 1 : 20;
        float *x = random_rows(40 + (uint64_t)s, n, 24, 7, 0.7);
        for (int metric = CALR_COSINE; metric <= CALR_EUCLIDEAN; metric++) {
            compare(x, n, NULL, 0, 24, k, (calr_metric)metric, true, false);
            compare(x, n, NULL, 0, 24, k, (calr_metric)metric, false, false);
            compare(x, n / 2, x + n / 2 * 24, n - n / 2, 24, (n - n / 2 + 1) / 2,
                    (calr_metric)metric, true, false);
        }
        free(x);
    }
}

static void test_ties(void)
{
    float *x = sign_rows(5, 400, 16);
    for (int64_t i = 300; i < 330; i++)
        memcpy(x + i * 16, x + 11 * 16, 16 * sizeof *x);
    for (int metric = CALR_COSINE; metric <= CALR_EUCLIDEAN; metric++) {
        compare(x, 400, NULL, 0, 16, 25, (calr_metric)metric, true, true);
        compare(x, 100, x + 100 * 16, 300, 16, 25, (calr_metric)metric, false, true);
    }
    free(x);
    /* All rows equal, and all rows zero. */
    float same[300] = {0};
    int32_t indices[1200];
    float values[1200];
    for (int round = 0; round < 2; round++) {
        CHECK_OK(neighbours(same, 300, NULL, 0, 1, 4, CALR_COSINE, true, indices, values));
        CHECK(indices[0] == 0 && indices[1] == 1 && indices[2] == 2 && indices[3] == 3);
        CHECK(indices[1196] == 299 && indices[1197] == 0 && indices[1198] == 1 &&
              indices[1199] == 2);
        CHECK_NEAR(values[1196], round, 0);
        CHECK_NEAR(values[1199], round, 0);
        CHECK_OK(neighbours(same, 300, NULL, 0, 1, 4, CALR_EUCLIDEAN, true, indices, values));
        CHECK(indices[1196] == 299 && indices[1197] == 0 && indices[1198] == 1 &&
              indices[1199] == 2);
        CHECK_NEAR(values[1199], 0, 0);
        for (int i = 0; i < 300; i++)
            same[i] = 2.5f;
    }
}

/* Equal rows must have equal similarities wherever they lie in a tile, or ties would not be ties.
 */
static void test_equal_rows_are_equal(void)
{
    enum { N = 700, D = 100, K = 690 };
    float *x = random_rows(9, N, D, N, 1);
    for (int64_t i = 3; i < N; i += 3)
        memcpy(x + i * D, x, D * sizeof *x);
    int32_t *indices = malloc(sizeof(int32_t) * N * K);
    float *values = malloc(sizeof(float) * N * K);
    CHECK_OK(neighbours(x, N, NULL, 0, D, K, CALR_COSINE, true, indices, values));
    int wrong = 0;
    for (int i = 1; i < N; i += 3) {
        float seen = NAN;
        for (int p = 1; p < K; p++) {
            if (indices[i * K + p] % 3 != 0)
                continue;
            wrong += !isnan(seen) && values[i * K + p] != seen;
            seen = values[i * K + p];
        }
    }
    CHECK_INT(wrong, 0);
    free(x);
    free(indices);
    free(values);
}

static void test_golden(void)
{
    golden_file file = golden_open(CLUSTER_GOLDEN);
    const golden_entry *points = golden_find(&file, "points.x"),
                       *want = golden_find(&file, "points.knn.distances");
    if (CHECK(points && want)) {
        float x[420], values[630];
        int32_t indices[630];
        for (int i = 0; i < 420; i++)
            x[i] = (float)points->values[i];
        CHECK_OK(neighbours(x, 70, NULL, 0, 6, 9, CALR_EUCLIDEAN, true, indices, values));
        int wrong = 0;
        for (int i = 0; i < 630; i++)
            wrong += !(fabs(values[i] - want->values[i]) < 2e-6);
        CHECK_INT(wrong, 0);
    }
    golden_close(&file);
}

static void test_threads(void)
{
    enum { N = 600, D = 70, K = 30 };
    int before = calr_parallel_threads();
    float *x = random_rows(3, N, D, 50, 0.5);
    int32_t *indices[3];
    float *values[3];
    for (int metric = CALR_COSINE; metric <= CALR_EUCLIDEAN; metric++) {
        for (int t = 0; t < 3; t++) {
            indices[t] = malloc(sizeof(int32_t) * N * K);
            values[t] = malloc(sizeof(float) * N * K);
            CHECK_OK(calr_parallel_set_threads(t + 1));
            CHECK_OK(
                neighbours(x, N, NULL, 0, D, K, (calr_metric)metric, true, indices[t], values[t]));
            CHECK(memcmp(indices[0], indices[t], sizeof(int32_t) * N * K) == 0);
            CHECK(memcmp(values[0], values[t], sizeof(float) * N * K) == 0);
        }
        for (int t = 0; t < 3; t++) {
            free(indices[t]);
            free(values[t]);
        }
    }
    /* One tile only. */
    float one[2][200 * 5];
    int32_t rows[200 * 5];
    for (int t = 0; t < 2; t++) {
        CHECK_OK(calr_parallel_set_threads(t + 1));
        CHECK_OK(neighbours(x, 200, NULL, 0, D, 5, CALR_COSINE, true, rows, one[t]));
    }
    CHECK(memcmp(one[0], one[1], sizeof one[0]) == 0);
    CHECK_OK(calr_parallel_set_threads(before));
    free(x);
}

static void test_extremes(void)
{
    float x[8] = {1, 0, 0, 0, 3, 4, -2, 0}, values[16];
    int32_t indices[16];
    CHECK_OK(neighbours(x, 4, NULL, 0, 2, 4, CALR_COSINE, true, indices, values));
    CHECK(indices[0] == 0 && indices[1] == 2 && indices[2] == 1 && indices[3] == 3);
    CHECK_NEAR(values[1], 0.6, 1e-7);
    CHECK_NEAR(values[3], -1, 0);
    CHECK_NEAR(values[4], 0, 0); /* a row of zeros, even to itself */
    CHECK_OK(neighbours(x, 1, NULL, 0, 2, 1, CALR_COSINE, true, indices, values));
    CHECK(indices[0] == 0 && values[0] == 1);
    /* Numbers whose squares leave single precision. */
    float huge[6] = {1e30f, 1.1e30f, -1e30f, 1e-30f, 2e-30f, 0};
    CHECK_OK(neighbours(huge, 3, NULL, 0, 1, 3, CALR_EUCLIDEAN, true, indices, values));
    CHECK(indices[0] == 0 && indices[1] == 1 && indices[2] == 2);
    CHECK_NEAR(values[2] / 2e30, 1, 1e-6);
    CHECK_OK(neighbours(huge + 3, 3, NULL, 0, 1, 2, CALR_EUCLIDEAN, true, indices, values));
    CHECK(indices[1] == 1 && indices[5] == 0);
    CHECK_NEAR(values[1] / 1e-30, 1, 1e-6);
    CHECK_OK(neighbours(huge, 6, NULL, 0, 1, 2, CALR_COSINE, true, indices, values));
    CHECK(indices[1] == 1 && values[1] == 1);
    /* Far from the origin: the difference is what counts. */
    float far[4] = {1e6f, 1e6f + 1, 1e6f + 3, 1e6f + 3};
    CHECK_OK(neighbours(far, 4, NULL, 0, 1, 3, CALR_EUCLIDEAN, true, indices, values));
    CHECK(indices[1] == 1 && indices[10] == 2 && values[2] == 3 && values[10] == 0);
    CHECK_OK(neighbours(x, 0, x, 4, 2, 1, CALR_COSINE, false, indices, values));
}

static void test_bad_input(void)
{
    float x[6] = {1, 2, 3, 4, 5, 6}, values[6];
    int32_t indices[6];
    CHECK_FAILS(neighbours(x, 3, NULL, 0, 2, 4, CALR_COSINE, true, indices, values), CALR_EINVAL,
                "only 3: n is 3");
    CHECK_FAILS(neighbours(x, 3, NULL, 0, 2, 3, CALR_COSINE, false, indices, values), CALR_EINVAL,
                "only 2 besides");
    CHECK_FAILS(neighbours(x, 2, x, 1, 2, 2, CALR_COSINE, false, indices, values), CALR_EINVAL,
                "only 1: n is 1");
    CHECK_FAILS(neighbours(x, 3, NULL, 0, 2, 0, CALR_COSINE, true, indices, values), CALR_EINVAL,
                "at least 1");
    CHECK_FAILS(neighbours(x, 0, NULL, 0, 2, 1, CALR_COSINE, true, indices, values), CALR_EINVAL,
                "only 0");
    CHECK_FAILS(neighbours(x, 3, NULL, 0, 0, 1, CALR_COSINE, true, indices, values), CALR_EINVAL,
                "at least one number");
    x[3] = NAN;
    CHECK_FAILS(neighbours(x, 3, NULL, 0, 2, 2, CALR_COSINE, true, indices, values), CALR_ENUMERIC,
                "row 1 ");
    CHECK_FAILS(neighbours(x, 3, NULL, 0, 2, 2, CALR_EUCLIDEAN, true, indices, values),
                CALR_ENUMERIC, "row 1 ");
    x[3] = INFINITY;
    CHECK_FAILS(neighbours(x, 3, NULL, 0, 2, 2, CALR_EUCLIDEAN, true, indices, values),
                CALR_ENUMERIC, "row 1 ");
    CHECK_FAILS(neighbours(x, 1, x, 3, 2, 2, CALR_COSINE, true, indices, values), CALR_ENUMERIC,
                "of the base");
}

/* Two rows are as near to each other whichever of them asks. */
static void test_symmetry(void)
{
    enum { N = 1100, D = 130, K = 40 };
    float *x = random_rows(12, N, D, 40, 1);
    int32_t *indices = malloc(sizeof(int32_t) * N * K);
    float *values = malloc(sizeof(float) * N * K);
    for (int metric = CALR_COSINE; metric <= CALR_EUCLIDEAN; metric++) {
        CHECK_OK(neighbours(x, N, NULL, 0, D, K, (calr_metric)metric, true, indices, values));
        int wrong = 0, seen = 0;
        for (int e = 0; e < N * K; e++)
            for (int p = 0; p < K; p++)
                if (indices[indices[e] * K + p] == e / K) {
                    wrong += values[indices[e] * K + p] != values[e];
                    seen++;
                }
        CHECK_INT(wrong, 0);
        CHECK(seen > N * K / 2);
    }
    free(x);
    free(indices);
    free(values);
}

/* Cosines that single precision holds exactly, all of them equal to many others, so that the ways must agree bit by
 * bit; with d = 4 the candidates of a row are more than its list takes. */
static void check_ways_agree(int64_t d)
{
    enum { N = 6000, M = 300, K = 12 };
    float *x = sign_rows(31, N, d);
    int32_t *indices[2];
    float *values[2];
    for (int round = 0; round < 2; round++) {
        int64_t n = round ? M : N;
        for (int w = 0; w < 2; w++) {
            indices[w] = malloc(sizeof(int32_t) * (size_t)n * K);
            values[w] = malloc(sizeof(float) * (size_t)n * K);
            way = w ? CALR_KNN_BYTES : CALR_KNN_FLOAT;
            if (round)
                CHECK_OK(neighbours(x, M, x + M * d, N - M, d, K, CALR_COSINE, false, indices[w],
                                    values[w]));
            else
                CHECK_OK(neighbours(x, N, NULL, 0, d, K, CALR_COSINE, true, indices[w], values[w]));
        }
        CHECK(memcmp(indices[0], indices[1], sizeof(int32_t) * (size_t)n * K) == 0);
        CHECK(memcmp(values[0], values[1], sizeof(float) * (size_t)n * K) == 0);
        for (int w = 0; w < 2; w++) {
            free(indices[w]);
            free(values[w]);
        }
    }
    free(x);
}

static void test_ways_agree(void)
{
    check_ways_agree(16);
    check_ways_agree(4);
}

/* Sizes at which the bytes are taken by themselves, if a sample of the rows suits them. */
static void test_choice(void)
{
    enum { N = 4200, D = 1000, K = 6 };
    float *x = random_rows(77, N, D, 600, 0.6);
    int32_t *indices[2];
    float *values[2];
    for (int w = 0; w < 2; w++) {
        indices[w] = malloc(sizeof(int32_t) * N * K);
        values[w] = malloc(sizeof(float) * N * K);
        way = w ? CALR_KNN_AUTO : CALR_KNN_BYTES;
        CHECK_OK(neighbours(x, N, NULL, 0, D, K, CALR_COSINE, true, indices[w], values[w]));
    }
    CHECK(memcmp(indices[0], indices[1], sizeof(int32_t) * N * K) == 0);
    CHECK(memcmp(values[0], values[1], sizeof(float) * N * K) == 0);
    for (int w = 0; w < 2; w++) {
        free(indices[w]);
        free(values[w]);
    }
    free(x);
}

/* In f32 and, at the second size, by bytes. */
static void test_farthest(void)
{
    const int64_t sizes[][2] = {{1, 3}, {2, 3}, {300, 40}, {2100, 2048}};
    for (int s = 0; s < 4; s++) {
        int64_t n = sizes[s][0], d = sizes[s][1];
        float *x = random_rows(21, n, d, 40, 0.5), *values = malloc((size_t)n * sizeof *values);
        int32_t *indices = malloc((size_t)n * sizeof *indices);
        memset(x, 0, (size_t)d * sizeof *x); /* cosine 0 to all */
        CHECK_OK(calr_knn_farthest(x, n, d, indices, values));
        int wrong = 0;
        for (int64_t i = 0; i<n; i += n> 1000 ? 41 : 1) {
            double least = n == 1 ? 0 : 2;
            for (int64_t j = 0; j < n; j++)
                if (j != i)
                    least = fmin(least, -score_of(x + i * d, x + j * d, d, CALR_COSINE));
            double own = -score_of(x + i * d, x + indices[i] * d, d, CALR_COSINE);
            wrong += !(fabs(values[i] - least) < 1e-6) || !(fabs(own - least) < 1e-6);
        }
        CHECK_INT(wrong, 0);
        free(x);
        free(values);
        free(indices);
    }
    float bad[2] = {1, NAN}, value[2];
    int32_t row[2];
    CHECK_FAILS(calr_knn_farthest(bad, 2, 1, row, value), CALR_ENUMERIC, "row 1 ");
    CHECK_FAILS(calr_knn_farthest(bad, 0, 1, row, value), CALR_EINVAL, "");
    float same[2] = {2, 2}; /* itself only where there is no other */
    CHECK_OK(calr_knn_farthest(same, 2, 1, row, value));
    CHECK(row[0] == 1 && row[1] == 0 && value[0] == 1);
}

static void test_csr(void)
{
    float d[9] = {0, .5f, 1, .25f, 0, 1, .75f, 1, 0};
    calr_csr *csr = sparse_of(d, 3), *t, *built;
    CHECK_INT(csr->nonzeros, 6);
    CHECK_OK(calr_csr_validate(csr, "it"));
    CHECK_OK(calr_csr_transpose(csr, &t));
    CHECK_OK(calr_csr_validate(t, "it"));
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            CHECK(calr_csr_get(csr, i, j, 1) == d[i * 3 + j] &&
                  calr_csr_get(t, j, i, 1) == d[i * 3 + j]);
    csr->indices[1] = 0;
    CHECK_FAILS(calr_csr_validate(csr, "it"), CALR_EINVAL, "row 0 do not ascend");
    csr->indices[1] = 3;
    CHECK_FAILS(calr_csr_validate(csr, "it"), CALR_EINVAL, "column 3 of 3");
    csr->indices[1] = 1;
    csr->values[1] = NAN;
    CHECK_FAILS(calr_csr_validate(csr, "it"), CALR_ENUMERIC, "row 0, column 1");
    csr->values[1] = 1;
    csr->offsets[1] = 5;
    CHECK_FAILS(calr_csr_validate(csr, "it"), CALR_EINVAL, "row ");
    csr->offsets[3] = 7;
    CHECK_FAILS(calr_csr_validate(csr, "it"), CALR_EINVAL, "offsets must run");
    calr_csr_release(csr);
    calr_csr_release(t);
    CHECK_FAILS(calr_csr_new(2, (int64_t)INT32_MAX + 1, 0, &csr), CALR_EINVAL, "cannot be");
    CHECK_FAILS(calr_csr_new(-1, 2, 0, &csr), CALR_EINVAL, "cannot be");
    CHECK_FAILS(calr_csr_new(2, 2, INT64_MAX, &csr), CALR_ENOMEM, "");
    CHECK_OK(calr_csr_new(0, 0, 0, &csr));
    CHECK_OK(calr_csr_validate(csr, "it"));
    calr_csr_release(csr);
    calr_csr_release(NULL);

    calr_csr_builder *builder;
    CHECK_OK(calr_csr_builder_new(5, 4, 2, &builder));
    int32_t *indices;
    float *values;
    for (int row = 3; row >= 0; row -= 3) { /* blocks in any order, rows 1, 2 and 4 empty */
        calr_csr_builder_row(builder, row, 2, &indices, &values);
        indices[0] = 0;
        indices[1] = row;
        values[0] = 1;
        values[1] = (float)row;
        if (row == 0)
            indices[1] = 2;
    }
    CHECK_OK(calr_csr_builder_finish(builder, &built));
    CHECK_OK(calr_csr_validate(built, "it"));
    CHECK(built->nonzeros == 4 && calr_csr_get(built, 3, 3, -1) == 3 &&
          calr_csr_get(built, 1, 0, -1) == -1);
    calr_csr_release(built);
    calr_csr_builder_release(NULL);
}

static void test_all(void)
{
    test_against_sorting();
    test_ties();
    test_equal_rows_are_equal();
    test_golden();
    test_threads();
    test_symmetry();
    test_extremes();
    test_bad_input();
}

static void test_auto(void)
{
    way = CALR_KNN_AUTO;
    test_all();
}

static void test_float(void)
{
    way = CALR_KNN_FLOAT;
    test_all();
}

static void test_bytes(void)
{
    float x[4] = {1, 2, 3, 4}, values[2];
    int32_t indices[2];
    way = CALR_KNN_BYTES;
    if (neighbours(x, 2, NULL, 0, 2, 1, CALR_COSINE, false, indices, values) == CALR_ENOTFOUND)
        return; /* a processor without such products */
    test_all();
    test_ways_agree();
    test_choice();
}

int main(void)
{
    RUN(test_auto);
    RUN(test_float);
    RUN(test_bytes);
    RUN(test_farthest);
    RUN(test_csr);
    return check_finish();
}
