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

static void check_simplified(const golden_file *file, const char *name)
{
    char key[64];
    const golden_entry *part[4];
    static const char *const parts[] = {"shape", "x", "labels", "samples"};
    for (int p = 0; p < 4; p++) {
        snprintf(key, sizeof key, "simplified.%s.%s", name, parts[p]);
        part[p] = golden_find(file, key);
        CHECK(part[p] != NULL);
        if (!part[p])
            return;
    }
    int64_t n = (int64_t)part[0]->values[0], d = (int64_t)part[0]->values[1], members = 0;
    float *x = malloc((size_t)(n * d) * sizeof *x), *samples = malloc((size_t)n * sizeof *samples);
    int32_t *labels = malloc((size_t)n * sizeof *labels);
    double worst = 0, sum = 0, means[2];
    for (int64_t i = 0; i < n * d; i++)
        x[i] = (float)part[1]->values[i];
    for (int64_t i = 0; i < n; i++) {
        labels[i] = (int32_t)part[2]->values[i];
        members += labels[i] >= 0;
        sum += part[3]->values[i];
    }
    int before = calr_parallel_threads();
    for (int t = 0; t < 2; t++) {
        CHECK_OK(calr_parallel_set_threads(1 + 2 * t));
        CHECK_OK(calr_silhouette_simplified(x, n, d, labels, samples, &means[t]));
    }
    CHECK_OK(calr_parallel_set_threads(before));
    for (int64_t i = 0; i < n; i++)
        worst = fmax(worst, fabs(samples[i] - part[3]->values[i]));
    CHECK(worst < 1e-6);
    CHECK(means[0] == means[1]);
    CHECK_NEAR(means[0], sum / (double)members, 1e-7);
    free(x);
    free(samples);
    free(labels);
}

static void test_simplified(void)
{
    golden_file file = golden_open(CLUSTER_GOLDEN);
    CHECK(file.count > 0);
    check_simplified(&file, "two");
    check_simplified(&file, "some");
    check_simplified(&file, "wide");
    golden_close(&file);
}

static void test_simplified_limits(void)
{
    float x[8] = {1, 0, 2, 0, 0, 3, 0, 1}, samples[4], alike[8] = {1, 1, 2, 2, 1, 1, 3, 3};
    float opposed[8] = {1, 0, -1, 0, 0, 1, 0, 1}, broken[8] = {1, 0, 2, 0, 0, NAN, 0, 1};
    int32_t pairs[4] = {0, 0, 1, 1}, one[4] = {0, 0, -1, 0}, none[4] = {-1, -1, -1, -1},
            bad[4] = {0, 1, -2, 0};
    int32_t crossed[4] = {5, 9, 5, 9}, only[4] = {0, 1, 2, 3};
    double mean = 7;
    CHECK_FAILS(calr_silhouette_simplified(x, 4, 2, one, samples, &mean), CALR_ENOTFOUND,
                "there is 1");
    CHECK_FAILS(calr_silhouette_simplified(x, 4, 2, none, samples, &mean), CALR_ENOTFOUND,
                "there is none");
    CHECK_FAILS(calr_silhouette_simplified(x, 0, 2, none, samples, &mean), CALR_ENOTFOUND,
                "there is none");
    CHECK_FAILS(calr_silhouette_simplified(x, 4, 2, bad, samples, &mean), CALR_EINVAL, "");
    CHECK_FAILS(calr_silhouette_simplified(x, 4, 0, pairs, samples, &mean), CALR_EINVAL,
                "no direction");
    CHECK_FAILS(calr_silhouette_simplified(broken, 4, 2, pairs, samples, &mean), CALR_ENUMERIC, "");
    CHECK_NEAR(mean, 7, 0);
    CHECK_OK(calr_silhouette_simplified(x, 4, 2, pairs, NULL, &mean));
    CHECK_NEAR(mean, 1, 1e-7);
    CHECK_OK(calr_silhouette_simplified(x, 4, 2, crossed, samples, &mean));
    CHECK_NEAR(mean, 0, 1e-7); /* both centroids in one direction */
    CHECK_OK(calr_silhouette_simplified(alike, 4, 2, pairs, samples, &mean));
    CHECK(mean == mean && fabs(mean) <= 1);
    CHECK_OK(calr_silhouette_simplified(x, 4, 2, only, samples, &mean));
    CHECK_NEAR(mean, 0, 0);
    CHECK_OK(calr_silhouette_simplified(opposed, 4, 2, pairs, samples,
                                        &mean)); /* a centroid without a direction */
    CHECK_NEAR(samples[0], 0, 1e-7);
    CHECK_NEAR(samples[2], 1, 1e-7);
}

int main(void)
{
    RUN(test_golden);
    RUN(test_against_plain);
    RUN(test_limits);
    RUN(test_simplified);
    RUN(test_simplified_limits);
    return check_finish();
}
