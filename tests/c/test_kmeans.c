/* k-means: groups that are there are found, what it promises of its result holds, threads, bad
 * input. */
#include "base/parallel.h"
#include "cluster_case.h"
#include "neighbours/kmeans.h"

static double squared(const float *a, const float *b, int64_t d)
{
    double sum = 0;
    for (int64_t c = 0; c < d; c++)
        sum += ((double)a[c] - b[c]) * ((double)a[c] - b[c]);
    return sum;
}

/* Labels canonical, none empty, every row with its nearest centroid, centroids the means, inertia
 * the sum. */
static void check_result(const float *x, int64_t n, int64_t d, int64_t k, const int32_t *labels,
                         const float *centroids, double inertia, double moved)
{
    int32_t next = 0;
    int wrong = 0;
    double sum = 0, off = 0;
    for (int64_t i = 0; i < n; i++) {
        wrong += labels[i] < 0 || labels[i] > next;
        next += labels[i] == next;
        double own = squared(x + i * d, centroids + labels[i] * d, d);
        for (int64_t c = 0; c < k; c++)
            wrong += squared(x + i * d, centroids + c * d, d) < own * (1 - 1e-6);
        sum += own;
    }
    CHECK_INT(next, k);
    CHECK_INT(wrong, 0);
    CHECK_NEAR(inertia, sum, 1e-5 * fmax(1, sum));
    for (int64_t c = 0; c < k; c++) {
        for (int64_t column = 0; column < d; column++) {
            double mean = 0;
            int64_t count = 0;
            for (int64_t i = 0; i < n; i++) {
                mean += labels[i] == c ? x[i * d + column] : 0;
                count += labels[i] == c;
            }
            off = fmax(off, fabs(mean / (double)count - centroids[c * d + column]));
        }
    }
    CHECK(off <= moved);
}

static void test_groups_are_found(void)
{
    enum { N = 400, D = 10, K = 20 };
    float *x = random_rows(12, N, D, K, 0.02), centroids[K * D];
    int32_t labels[N];
    double inertia;
    int64_t iterations;
    calr_kmeans_options options = {K, 100, 0, 1, 0};
    CHECK_OK(calr_kmeans(x, N, D, &options, labels, centroids, &inertia, &iterations));
    int wrong = 0;
    for (int i = 0; i < N; i++)
        wrong += labels[i] != i % K;
    CHECK_INT(wrong, 0);
    CHECK(iterations >= 1 && iterations <= 10);
    check_result(x, N, D, K, labels, centroids, inertia, 1e-6);
    free(x);
}

static void test_promises(void)
{
    for (uint64_t round = 0; round < 8; round++) {
        int64_t n = 30 + 40 * (int64_t)round, d = 1 + (int64_t)round, k = 1 + 4 * (int64_t)round,
                iterations;
        float *x = random_rows(round, n, d, 9, 1),
              *centroids = malloc((size_t)(k * d) * sizeof *centroids);
        int32_t *labels = malloc((size_t)n * sizeof *labels);
        double inertia, before = INFINITY;
        calr_kmeans_options options = {k, 300, 0, round, 0};
        CHECK_OK(calr_kmeans(x, n, d, &options, labels, centroids, &inertia, &iterations));
        CHECK(iterations < 300);
        check_result(x, n, d, k, labels, centroids, inertia, 1e-6);
        for (options.iterations = 1; options.iterations < 6;
             options.iterations++) { /* rounds only improve */
            CHECK_OK(calr_kmeans(x, n, d, &options, labels, centroids, &inertia, NULL));
            CHECK(inertia <= before * (1 + 1e-9));
            before = inertia;
        }
        free(x);
        free(centroids);
        free(labels);
    }
}

static void test_equal_rows(void)
{
    float x[12] = {1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2}, centroids[5];
    int32_t labels[12];
    double inertia;
    calr_kmeans_options options = {5, 50, 0, 3, 0};
    CHECK_OK(calr_kmeans(x, 12, 1, &options, labels, centroids, &inertia, NULL));
    int seen[5] = {0};
    for (int i = 0; i < 12; i++)
        seen[labels[i]]++;
    CHECK(seen[0] && seen[1] && seen[2] && seen[3] && seen[4]);
    CHECK_NEAR(inertia, 0, 0);
    options.clusters = 12;
    CHECK_OK(calr_kmeans(x, 12, 1, &options, labels, NULL, NULL, NULL));
    for (int i = 0; i < 12; i++)
        CHECK_INT(labels[i], i);
    options.clusters = 1;
    CHECK_OK(calr_kmeans(x, 12, 1, &options, labels, centroids, &inertia, NULL));
    CHECK_NEAR(centroids[0], 1.5, 1e-7);
    CHECK_NEAR(inertia, 3, 1e-6);
}

static void test_threads_and_seeds(void)
{
    enum { N = 500, D = 90, K = 25 };
    int before = calr_parallel_threads();
    float *x = random_rows(4, N, D, 40, 1);
    int32_t labels[3][N];
    double inertia[3];
    calr_kmeans_options options = {K, 20, 1e-4, 9, 0};
    for (int t = 0; t < 3; t++) {
        CHECK_OK(calr_parallel_set_threads(t + 1));
        CHECK_OK(calr_kmeans(x, N, D, &options, labels[t], NULL, &inertia[t], NULL));
        CHECK(memcmp(labels[0], labels[t], sizeof labels[0]) == 0 && inertia[0] == inertia[t]);
    }
    options.seed = 10;
    CHECK_OK(calr_kmeans(x, N, D, &options, labels[1], NULL, &inertia[1], NULL));
    CHECK(memcmp(labels[0], labels[1], sizeof labels[0]) != 0);
    CHECK_OK(calr_parallel_set_threads(before));
    free(x);
}

static void test_bad_input(void)
{
    float x[4] = {1, 2, 3, 4};
    int32_t labels[4];
    calr_kmeans_options options = {5, 10, 0, 0, 0};
    CHECK_FAILS(calr_kmeans(x, 4, 1, &options, labels, NULL, NULL, NULL), CALR_EINVAL,
                "5 clusters cannot");
    options.clusters = 0;
    CHECK_FAILS(calr_kmeans(x, 4, 1, &options, labels, NULL, NULL, NULL), CALR_EINVAL,
                "0 clusters cannot");
    options.clusters = 2;
    options.iterations = 0;
    CHECK_FAILS(calr_kmeans(x, 4, 1, &options, labels, NULL, NULL, NULL), CALR_EINVAL,
                "at least 1 iteration");
    options.iterations = 5;
    options.tolerance = NAN;
    CHECK_FAILS(calr_kmeans(x, 4, 1, &options, labels, NULL, NULL, NULL), CALR_EINVAL, "tolerance");
    options.tolerance = 0;
    x[2] = NAN;
    CHECK_FAILS(calr_kmeans(x, 2, 2, &options, labels, NULL, NULL, NULL), CALR_ENUMERIC, "row 1 ");
    CHECK_FAILS(calr_kmeans(x, 0, 2, &options, labels, NULL, NULL, NULL), CALR_EINVAL,
                "at least one number");
}

/* The seeding draws rows with a probability in proportion to their squared distances: frequencies over many
 * seeds. One row far from three others, two of which are copies. */
static void test_seeds_follow_distances(void)
{
    float x[] = {0, 0, 1, 3}, centroids[2];
    int32_t labels[4];
    int apart = 0, rounds = 600;
    for (int seed = 0; seed < rounds; seed++) {
        calr_kmeans_options options = {2, 1, INFINITY, (uint64_t)seed, 0};
        CHECK_OK(calr_kmeans(x, 4, 1, &options, labels, centroids, NULL, NULL));
        apart += labels[2] != 0;
    }
    /* After one round of means row 2 (the 1) is as near to the zeros as to the mean of itself and the 3, and
     * stays with the seed drawn first. It ends apart from the zeros when it was the first (1/4) and one of
     * them the second: squared distances 1 + 1 of 1 + 1 + 4. */
    CHECK_NEAR(apart / (double)rounds, 0.25 * 2 / 6, 0.035);
}

static void test_batches(void)
{
    enum { N = 3000, D = 6, K = 12 };
    float *x = random_rows(7, N, D, K, 0.05), centroids[K * D], again[K * D];
    int32_t *labels = malloc(sizeof *labels * N), *other = malloc(sizeof *other * N);
    double inertia, full, small = INFINITY, best = INFINITY;
    int64_t iterations;
    for (uint64_t seed = 0; seed < 5; seed++) {
        calr_kmeans_options options = {K, 60, 1e-4, seed, 256};
        CHECK_OK(calr_kmeans(x, N, D, &options, labels, centroids, &inertia, &iterations));
        CHECK_INT(iterations, 60);
        check_result(x, N, D, K, labels, centroids, inertia, INFINITY);
        small = fmin(small, inertia);
        options.batch = 0;
        CHECK_OK(calr_kmeans(x, N, D, &options, other, again, &full, NULL));
        best = fmin(best, full);
    }
    CHECK(small < 1.1 * best);
    int before = calr_parallel_threads();
    calr_kmeans_options options = {K, 20, 0, 3, 100};
    CHECK_OK(calr_parallel_set_threads(1));
    CHECK_OK(calr_kmeans(x, N, D, &options, labels, centroids, &inertia, NULL));
    CHECK_OK(calr_parallel_set_threads(3));
    CHECK_OK(calr_kmeans(x, N, D, &options, other, again, &full, NULL));
    CHECK_OK(calr_parallel_set_threads(before));
    CHECK(inertia == full && memcmp(centroids, again, sizeof again) == 0);
    CHECK(memcmp(labels, other, sizeof *labels * N) == 0);
    /* Fewer different rows than clusters, batches larger than the data, one row. */
    memset(x, 0, sizeof *x * 5 * D);
    options = (calr_kmeans_options){4, 10, 0, 0, 1000};
    CHECK_OK(calr_kmeans(x, 5, D, &options, labels, centroids, &inertia, NULL));
    CHECK(inertia == 0 && labels[0] == 0);
    options.clusters = 1;
    CHECK_OK(calr_kmeans(x, 1, D, &options, labels, centroids, &inertia, NULL));
    options.batch = -1;
    CHECK_FAILS(calr_kmeans(x, 1, D, &options, labels, centroids, &inertia, NULL), CALR_EINVAL,
                "-1 rows");
    free(x);
    free(labels);
    free(other);
}

/* From 64 columns on bytes exclude rows from being nearer to a seed; a column of zeros changes nothing else. */
static void test_seeds_by_bytes(void)
{
    enum { N = 1500, D = 63, CLUSTERS = 40 };
    float *narrow = malloc(sizeof(float) * N * D),
          *wide = calloc((size_t)N * (D + 1), sizeof(float));
    int32_t *labels[2] = {malloc(sizeof(int32_t) * N), malloc(sizeof(int32_t) * N)};
    double inertia[2];
    for (int hard = 0; hard < 3; hard++) {
        calr_rng rng = calr_rng_make(6, calr_rng_purpose("seeds"), 0, (uint64_t)hard);
        for (int64_t i = 0; i < N; i++)
            for (int64_t c = 0; c < D; c++) {
                double noise = (double)calr_rng_below(&rng, 1000) / 1000;
                float v = (float)(hard == 2 ? i % 7 : noise * hard + (i % 50 == c ? 3 : 0));
                narrow[i * D + c] = v;
                wide[i * (D + 1) + c] = v;
            }
        calr_kmeans_options o = {.clusters = CLUSTERS, .iterations = 3, .seed = 4};
        int64_t done;
        CHECK_OK(calr_kmeans(narrow, N, D, &o, labels[0], NULL, &inertia[0], &done));
        CHECK_OK(calr_kmeans(wide, N, D + 1, &o, labels[1], NULL, &inertia[1], &done));
        CHECK(memcmp(labels[0], labels[1], sizeof(int32_t) * N) == 0 && inertia[0] == inertia[1]);
    }
    free(narrow);
    free(wide);
    free(labels[0]);
    free(labels[1]);
}

int main(void)
{
    RUN(test_groups_are_found);
    RUN(test_promises);
    RUN(test_equal_rows);
    RUN(test_threads_and_seeds);
    RUN(test_bad_input);
    RUN(test_seeds_follow_distances);
    RUN(test_batches);
    RUN(test_seeds_by_bytes);
    return check_finish();
}
