/* Silhouettes: scikit-learn's values, a plain recomputation on random input, outliers, nothing to
 * compare. */
#include "base/parallel.h"
#include "cluster/dbscan.h"
#include "cluster/silhouette.h"
#include "cluster_case.h"

static void check_values(const calr_distance *distance, const int32_t *labels, const double *want)
{
    float *samples = malloc((size_t)distance->n * sizeof *samples);
    double mean, worst = 0;
    CHECK_OK(calr_silhouette(distance, labels, samples, &mean));
    for (int64_t i = 0; i < distance->n; i++)
        worst = fmax(worst, fabs(samples[i] - want[i]));
    CHECK(worst < 1e-6);
    free(samples);
}

static void check_golden_case(const golden_file *file, const char *name,
                              const calr_distance *distance)
{
    char key[64];
    int64_t n = distance->n;
    int32_t *labels = malloc((size_t)n * sizeof *labels);
    for (int k = 2; k <= 13; k++) {
        snprintf(key, sizeof key, "%s.average.%d", name, k);
        const golden_entry *cut = golden_find(file, key);
        snprintf(key, sizeof key, "%s.average.%d.silhouette", name, k);
        const golden_entry *want = golden_find(file, key);
        if (!want)
            continue;
        for (int64_t i = 0; i < n; i++)
            labels[i] = (int32_t)cut->values[i];
        check_values(distance, labels, want->values);
    }
    snprintf(key, sizeof key, "%s.outliers.silhouette", name);
    const golden_entry *want = golden_find(file, key);
    if (want) {
        double mean;
        CHECK_OK(calr_dbscan(distance, 0.6, 4, labels, NULL));
        CHECK_OK(calr_silhouette(distance, labels, NULL, &mean));
        CHECK_NEAR(mean, want->values[0], 1e-6);
    }
    free(labels);
}

static void test_golden(void)
{
    check_golden_distances(check_golden_case);
}

static double plain_sample(const float *d, int64_t n, const int32_t *labels, int64_t i)
{
    double a = 0, b = INFINITY;
    for (int32_t c = 0; c < 12; c++) {
        double sum = 0;
        int64_t count = 0;
        for (int64_t j = 0; j < n; j++) {
            if (labels[j] != c || j == i)
                continue;
            sum += d[i * n + j];
            count++;
        }
        if (labels[i] == c) {
            if (count == 0)
                return 0;
            a = sum / (double)count;
        } else if (count > 0) {
            b = fmin(b, sum / (double)count);
        }
    }
    return fmax(a, b) > 0 ? (b - a) / fmax(a, b) : 0;
}

static void test_against_plain(void)
{
    int before = calr_parallel_threads();
    for (uint64_t round = 0; round < 30; round++) {
        calr_rng rng = calr_rng_make(round, calr_rng_purpose("silhouette"), 0, 0);
        int64_t n = 4 + (int64_t)calr_rng_below(&rng, 150),
                clusters = 2 + (int64_t)calr_rng_below(&rng, 9);
        float *d = calloc((size_t)(n * n), sizeof *d);
        int32_t *labels = malloc((size_t)n * sizeof *labels);
        double *want = calloc((size_t)n, sizeof *want), means[4];
        for (int64_t i = 0; i < n; i++) {
            labels[i] = (int32_t)calr_rng_below(&rng, (uint64_t)clusters + 1) - 1;
            for (int64_t j = i + 1; j < n; j++)
                d[i * n + j] = d[j * n + i] = fminf(1, 6 * (float)calr_rng_double(&rng));
        }
        labels[0] = 0;
        labels[1] = 1;
        for (int64_t i = 0; i < n; i++)
            want[i] = labels[i] >= 0 ? plain_sample(d, n, labels, i) : 0;
        calr_csr *csr = sparse_of(d, n);
        calr_distance views[2] = {calr_distance_of_dense(d, n), calr_distance_of_csr(csr)};
        for (int v = 0; v < 4; v++) {
            CHECK_OK(calr_parallel_set_threads(1 + v / 2));
            check_values(&views[v % 2], labels, want);
            CHECK_OK(calr_silhouette(&views[v % 2], labels, NULL, &means[v]));
        }
        CHECK(means[0] == means[2] && means[1] == means[3]);
        calr_csr_release(csr);
        free(d);
        free(labels);
        free(want);
    }
    CHECK_OK(calr_parallel_set_threads(before));
}

static void test_limits(void)
{
    float d[9] = {0, .5f, 1, .5f, 0, 1, 1, 1, 0}, samples[3], zero[9] = {0};
    int32_t one[3] = {0, 0, 0}, none[3] = {-1, -1, -1}, only[3] = {0, 1, 2}, two[3] = {0, 0, 1},
            bad[3] = {0, -2, 1};
    double mean = 7;
    calr_distance distance = calr_distance_of_dense(d, 3);
    CHECK_FAILS(calr_silhouette(&distance, one, samples, &mean), CALR_ENOTFOUND, "there is 1");
    CHECK_FAILS(calr_silhouette(&distance, none, samples, &mean), CALR_ENOTFOUND, "there is none");
    CHECK_FAILS(calr_silhouette(&distance, bad, samples, &mean), CALR_EINVAL, "");
    CHECK_NEAR(mean, 7, 0);
    CHECK_OK(calr_silhouette(&distance, only, samples, &mean));
    CHECK_NEAR(mean, 0, 0);
    CHECK_OK(calr_silhouette(&distance, two, samples, &mean));
    CHECK_NEAR(samples[0], 0.5, 1e-7);
    CHECK_NEAR(samples[2], 0, 0);
    CHECK_NEAR(mean, 1.0 / 3, 1e-7);
    distance = calr_distance_of_dense(zero, 3);
    CHECK_OK(calr_silhouette(&distance, two, samples, &mean));
    CHECK_NEAR(mean, 0, 0);
    distance.n = 0;
    CHECK_FAILS(calr_silhouette(&distance, two, samples, &mean), CALR_ENOTFOUND, "there is none");
}

int main(void)
{
    RUN(test_golden);
    RUN(test_against_plain);
    RUN(test_limits);
    return check_finish();
}
