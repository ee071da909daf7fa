/* Agglomerative clustering: SciPy's heights, scikit-learn's labels, a plain recomputation on random
 * input, bad input. */
#include "cluster/labels.h"
#include "cluster/linkage.h"
#include "cluster_case.h"

static const char *const methods[] = {"average", "complete", "single"};

static void check_golden_case(const golden_file *file, const char *name,
                              const calr_distance *distance)
{
    char key[64];
    int64_t n = distance->n, found;
    calr_merge *merges = malloc((size_t)n * sizeof *merges);
    int32_t *labels = malloc((size_t)n * sizeof *labels);
    for (int m = 0; m < 3; m++) {
        snprintf(key, sizeof key, "%s.%s.heights", name, methods[m]);
        const golden_entry *heights = golden_find(file, key);
        CHECK_OK(calr_linkage(distance, (calr_linkage_method)m, merges));
        double worst = 0;
        for (int64_t i = 0; CHECK(heights) && i < n - 1; i++)
            worst = fmax(worst, fabs(heights->values[i] - merges[i].height));
        CHECK(worst < 1e-6);
        int cuts = 0;
        for (int64_t k = 1; k <= n; k++) {
            snprintf(key, sizeof key, "%s.%s.%d", name, methods[m], (int)k);
            const golden_entry *want = golden_find(file, key);
            if (!want)
                continue;
            CHECK_OK(calr_agglomerative(distance, (calr_linkage_method)m, k, 0, labels, &found));
            CHECK(same_labels(want, labels, n));
            CHECK_INT(found, k);
            cuts++;
        }
        CHECK(cuts >= 2);
        snprintf(key, sizeof key, "%s.%s.below", name, methods[m]);
        CHECK_OK(calr_agglomerative(distance, (calr_linkage_method)m, 0, 0.7, labels, &found));
        CHECK(same_labels(golden_find(file, key), labels, n));
    }
    free(merges);
    free(labels);
}

static void test_golden(void)
{
    check_golden_distances(check_golden_case);
}

/* The distance of two clusters from all pairs of their members. */
static double between(const float *d, int64_t n, const int32_t *labels, int32_t a, int32_t b,
                      int method)
{
    double sum = 0, least = INFINITY, most = 0;
    int64_t pairs = 0;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            if (labels[i] != a || labels[j] != b)
                continue;
            sum += d[i * n + j];
            least = fmin(least, d[i * n + j]);
            most = fmax(most, d[i * n + j]);
            pairs++;
        }
    }
    return method == CALR_LINKAGE_AVERAGE    ? sum / (double)pairs
           : method == CALR_LINKAGE_COMPLETE ? most
                                             : least;
}

static void test_against_plain(void)
{
    for (uint64_t round = 0; round < 12; round++) {
        calr_rng rng = calr_rng_make(round, calr_rng_purpose("linkage"), 0, 0);
        int64_t n = 2 + (int64_t)calr_rng_below(&rng, 24), clusters;
        float *d = calloc((size_t)(n * n), sizeof *d);
        int32_t *plain = malloc((size_t)n * sizeof *plain),
                *labels = malloc((size_t)n * sizeof *labels);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = i + 1; j < n; j++)
                d[i * n + j] = d[j * n + i] = (float)calr_rng_double(&rng);
        calr_distance distance = calr_distance_of_dense(d, n);
        for (int method = 0; method < 3; method++) {
            for (int64_t i = 0; i < n; i++)
                plain[i] = (int32_t)i;
            for (int64_t k = n; k >= 1; k--) {
                CHECK_OK(
                    calr_agglomerative(&distance, (calr_linkage_method)method, k, 0, labels, NULL));
                CHECK(memcmp(labels, plain, (size_t)n * sizeof *plain) == 0);
                int32_t a = 0, b = 0;
                double least = INFINITY;
                for (int32_t p = 0; p < k; p++) {
                    for (int32_t q = p + 1; q < k; q++) {
                        double height = between(d, n, plain, p, q, method);
                        if (height < least)
                            least = height, a = p, b = q;
                    }
                }
                for (int64_t i = 0; i < n; i++)
                    plain[i] = plain[i] == b ? a : plain[i];
                CHECK_OK(calr_labels_canonical(plain, n, 1, plain, &clusters));
            }
        }
        free(d);
        free(plain);
        free(labels);
    }
}

static void test_limits(void)
{
    float d[16] = {0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0};
    int32_t labels[4];
    int64_t found;
    calr_csr *csr = sparse_of(d, 4); /* only the diagonal: all pairs at 1 */
    calr_distance distance = calr_distance_of_csr(csr);
    for (int method = 0; method < 3; method++) {
        CHECK_OK(calr_agglomerative(&distance, (calr_linkage_method)method, 2, 0, labels, &found));
        CHECK(found == 2 && labels[0] == 0);
        CHECK_OK(calr_agglomerative(&distance, (calr_linkage_method)method, 0, 1, labels, &found));
        CHECK_INT(found, 4); /* at the threshold is not below it */
        CHECK_OK(calr_agglomerative(&distance, (calr_linkage_method)method, 0, INFINITY, labels,
                                    &found));
        CHECK_INT(found, 1);
        CHECK_FAILS(
            calr_agglomerative(&distance, (calr_linkage_method)method, 5, 0, labels, &found),
            CALR_EINVAL, "5 clusters cannot be made of 4");
    }
    CHECK_FAILS(calr_agglomerative(&distance, CALR_LINKAGE_AVERAGE, -1, 0, labels, &found),
                CALR_EINVAL, "-1 clusters");
    CHECK_FAILS(calr_agglomerative(&distance, CALR_LINKAGE_AVERAGE, 0, NAN, labels, &found),
                CALR_EINVAL, "number");
    calr_csr_release(csr);
    distance = calr_distance_of_dense(d, 1);
    CHECK_OK(calr_agglomerative(&distance, CALR_LINKAGE_AVERAGE, 1, 0, labels, &found));
    CHECK_INT(labels[0], 0);
    distance.n = 0;
    CHECK_FAILS(calr_agglomerative(&distance, CALR_LINKAGE_AVERAGE, 0, 1, labels, &found),
                CALR_EINVAL, "nothing");
    CHECK_FAILS(calr_linkage_cut(NULL, 3, 3, labels), CALR_EINVAL, "3 times");
}

int main(void)
{
    RUN(test_golden);
    RUN(test_against_plain);
    RUN(test_limits);
    return check_finish();
}
