/* Distances between features, silhouettes and Davies-Bouldin of them: scikit-learn's values, plain
 * recomputations, samples, threads, bad input. */
#include "base/parallel.h"
#include "cluster/davies_bouldin.h"
#include "cluster/silhouette.h"
#include "cluster_case.h"
#include "neighbours/pairwise.h"

static const calr_silhouette_options everything = {0};

static double plain_distance(const float *a, const float *b, int64_t d, calr_metric metric)
{
    double square = 0, product = 0, aa = 0, bb = 0;
    for (int64_t c = 0; c < d; c++) {
        square += ((double)a[c] - b[c]) * ((double)a[c] - b[c]);
        product += (double)a[c] * b[c];
        aa += (double)a[c] * a[c];
        bb += (double)b[c] * b[c];
    }
    return metric == CALR_EUCLIDEAN ? sqrt(square)
                                    : 1 - (aa > 0 && bb > 0 ? product / sqrt(aa * bb) : 0);
}

static void check_distances(const float *x, int64_t n, int64_t d, calr_metric metric)
{
    int before = calr_parallel_threads();
    float *one = malloc((size_t)(n * n) * sizeof *one),
          *two = malloc((size_t)(n * n) * sizeof *two);
    double worst = 0;
    CHECK_OK(calr_parallel_set_threads(1));
    CHECK_OK(calr_pairwise_all(x, n, d, metric, one));
    CHECK_OK(calr_parallel_set_threads(3));
    CHECK_OK(calr_pairwise_all(x, n, d, metric, two));
    CHECK_OK(calr_parallel_set_threads(before));
    CHECK(memcmp(one, two, (size_t)(n * n) * sizeof *one) == 0);
    int symmetric = 1;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            double want = i == j ? 0 : plain_distance(x + i * d, x + j * d, d, metric);
            worst = fmax(worst, fabs(one[i * n + j] - want) / fmax(1, want));
            symmetric = symmetric && one[i * n + j] == one[j * n + i];
        }
    }
    CHECK(worst < 1e-5);
    CHECK(symmetric);
    calr_distance distance = calr_distance_of_dense(one, n);
    CHECK_OK(calr_distance_check(&distance));
    free(one);
    free(two);
}

static void test_distances(void)
{
    static const int64_t shapes[][2] = {{1, 1}, {2, 5}, {255, 3}, {256, 4}, {257, 7}, {600, 33}};
    for (int s = 0; s < 6; s++) {
        int64_t n = shapes[s][0], d = shapes[s][1];
        float *x = random_rows((uint64_t)s, n, d, 7, 0.3);
        for (int64_t c = 0; n > 2 && c < d; c++) {
            x[d + c] = x[c]; /* a copy, a row of zeros, and one next to another */
            x[2 * d + c] = 0;
            x[(n - 1) * d + c] = x[c] * 1.0001f;
        }
        check_distances(x, n, d, CALR_COSINE);
        check_distances(x, n, d, CALR_EUCLIDEAN);
        for (int64_t i = 0; i < n * d; i++)
            x[i] += 500; /* a common offset must not cost the digits of the differences */
        check_distances(x, n, d, CALR_EUCLIDEAN);
        free(x);
    }
    float *none = NULL;
    CHECK_OK(calr_pairwise_all(none, 0, 3, CALR_COSINE, none));
}

static void test_golden(void)
{
    golden_file file = golden_open(CALR_TEST_REFERENCE "/separation/golden.txt");
    static const char *const names[] = {"blobs", "mixed", "offset", "copies"};
    static const char *const metrics[] = {"cosine", "euclidean"};
    for (int k = 0; k < 4; k++) {
        char key[64];
        snprintf(key, sizeof key, "%s.x", names[k]);
        const golden_entry *rows = golden_find(&file, key);
        snprintf(key, sizeof key, "%s.labels", names[k]);
        const golden_entry *truth = golden_find(&file, key);
        snprintf(key, sizeof key, "%s.davies_bouldin", names[k]);
        const golden_entry *index = golden_find(&file, key);
        if (!CHECK(rows && truth && index))
            continue;
        int64_t n = truth->count, d = rows->count / n;
        float *x = malloc((size_t)(n * d) * sizeof *x),
              *samples = malloc((size_t)n * sizeof *samples);
        int32_t *labels = malloc((size_t)n * sizeof *labels);
        for (int64_t i = 0; i < n * d; i++)
            x[i] = (float)rows->values[i];
        for (int64_t i = 0; i < n; i++)
            labels[i] = (int32_t)truth->values[i];
        double value, worst = 0;
        CHECK_OK(calr_davies_bouldin(x, n, d, labels, &value));
        CHECK_NEAR(value, index->values[0], 1e-7);
        for (int m = 0; m < 2; m++) {
            snprintf(key, sizeof key, "%s.%s", names[k], metrics[m]);
            const golden_entry *want = golden_find(&file, key);
            CHECK_OK(calr_silhouette_features(x, n, d, (calr_metric)m, labels, &everything, samples,
                                              &value));
            for (int64_t i = 0; CHECK(want) && i < n; i++)
                worst = fmax(worst, fabs(samples[i] - want->values[i]));
        }
        CHECK(worst < 2e-4); /* "offset" by cosine: what 1 - cos leaves of seven digits */
        free(x);
        free(samples);
        free(labels);
    }
    golden_close(&file);
}

/* A sample scores the very rows it draws as the whole does, whichever way the distances come. */
static void test_samples(void)
{
    enum { N = 700, D = 6 };
    float *x = random_rows(5, N, D, 9, 0.8), *d = malloc(sizeof *d * N * N), full[N], some[N],
          other[N];
    int32_t labels[N];
    for (int i = 0; i < N; i++)
        labels[i] = i % 11 == 3 ? -1 : i % 9;
    CHECK_OK(calr_pairwise_all(x, N, D, CALR_EUCLIDEAN, d));
    calr_distance dense = calr_distance_of_dense(d, N);
    double mean, part, again, features;
    calr_silhouette_options options = {.sample = 300, .seed = 4};
    CHECK_OK(calr_silhouette(&dense, labels, full, &mean));
    CHECK_OK(
        calr_silhouette_features(x, N, D, CALR_EUCLIDEAN, labels, &everything, other, &features));
    CHECK_NEAR(features, mean, 1e-6);
    CHECK_OK(calr_silhouette_sampled(&dense, labels, &options, some, &part));
    CHECK_OK(calr_silhouette_sampled(&dense, labels, &options, some, &again));
    CHECK(part == again);
    CHECK_NEAR(part, mean, 0.05);
    int drawn = 0, same = 1;
    for (int i = 0; i < N; i++) {
        drawn += !isnan(some[i]) && labels[i] >= 0;
        same = same && (isnan(some[i]) || some[i] == full[i]);
    }
    CHECK_INT(drawn, 300);
    CHECK(same);
    options.seed = 5;
    CHECK_OK(calr_silhouette_sampled(&dense, labels, &options, other, &again));
    CHECK(again != part);
    options.sample = N;
    CHECK_OK(calr_silhouette_sampled(&dense, labels, &options, other, &again));
    CHECK(again == mean);
    /* The mean over many draws comes to the mean over all. */
    double sum = 0;
    options.sample = 40;
    for (options.seed = 0; options.seed < 200; options.seed++) {
        CHECK_OK(calr_silhouette_sampled(&dense, labels, &options, NULL, &part));
        sum += part / 200;
    }
    CHECK_NEAR(sum, mean, 0.01);
    int before = calr_parallel_threads();
    options.sample = 500;
    CHECK_OK(calr_parallel_set_threads(1));
    CHECK_OK(calr_silhouette_features(x, N, D, CALR_COSINE, labels, &options, some, &part));
    CHECK_OK(calr_parallel_set_threads(4));
    CHECK_OK(calr_silhouette_features(x, N, D, CALR_COSINE, labels, &options, other, &again));
    CHECK_OK(calr_parallel_set_threads(before));
    CHECK(part == again && memcmp(some, other, sizeof some) == 0);
    free(x);
    free(d);
}

static void test_limits(void)
{
    float x[] = {0, 0, 1, 0, 5, 5, 5, 6}, samples[4], out[16];
    int32_t one[] = {0, 0, 0, 0}, two[] = {0, 0, 3, 3}, single[] = {0, 1, 2, 3},
            bad[] = {0, -2, 1, 1}, none[] = {-1, -1, -1, -1};
    double value = 7;
    CHECK_FAILS(calr_davies_bouldin(x, 4, 2, one, &value), CALR_ENOTFOUND, "there is 1");
    CHECK_FAILS(calr_davies_bouldin(x, 4, 2, none, &value), CALR_ENOTFOUND, "there is none");
    CHECK_FAILS(calr_davies_bouldin(x, 0, 2, none, &value), CALR_ENOTFOUND, "there is none");
    CHECK_FAILS(calr_davies_bouldin(x, 4, 2, bad, &value), CALR_EINVAL, "label -2");
    CHECK_FAILS(calr_silhouette_features(x, 4, 2, CALR_COSINE, one, &everything, samples, &value),
                CALR_ENOTFOUND, "there is 1");
    CHECK_NEAR(value, 7, 0);
    CHECK_OK(calr_davies_bouldin(x, 4, 2, single, &value));
    CHECK_NEAR(value, 0, 0);
    CHECK_OK(calr_davies_bouldin(x, 4, 2, two, &value));
    CHECK_NEAR(value, 1 / sqrt(4.5 * 4.5 + 5.5 * 5.5), 1e-12);
    x[3] = NAN;
    CHECK_FAILS(calr_davies_bouldin(x, 4, 2, two, &value), CALR_ENUMERIC, "row 1");
    CHECK_FAILS(
        calr_silhouette_features(x, 4, 2, CALR_EUCLIDEAN, two, &everything, samples, &value),
        CALR_ENUMERIC, "row 1");
    CHECK_FAILS(calr_pairwise_all(x, 4, 2, CALR_COSINE, out), CALR_ENUMERIC, "row 1");
    x[3] = 3e38f;
    CHECK_FAILS(calr_pairwise_all(x, 4, 2, CALR_EUCLIDEAN, out), CALR_ENUMERIC, "too large");
    CHECK_FAILS(calr_pairwise_all(x, 4, 0, CALR_COSINE, out), CALR_EINVAL, "at least one number");
}

int main(void)
{
    RUN(test_distances);
    RUN(test_golden);
    RUN(test_samples);
    RUN(test_limits);
    return check_finish();
}
