/* HDBSCAN: labels and probabilities by its definition (which make.py compares with scikit-learn and the
 * hdbscan package), dense and sparse alike, order, duplicates, threads, limits, bad input. */
#include "base/parallel.h"
#include "cluster/hdbscan.h"
#include "cluster_case.h"
#include "labels/labels.h"
#include "neighbours/pairwise.h"

#define MOST 100

static float *plane_distances(const golden_entry *rows, int64_t *n)
{
    *n = rows->count / 2;
    float *d = calloc((size_t)(*n * *n), sizeof *d);
    for (int64_t i = 0; i < *n; i++) {
        for (int64_t j = 0; j < *n; j++) {
            double a = rows->values[2 * i] - rows->values[2 * j],
                   b = rows->values[2 * i + 1] - rows->values[2 * j + 1];
            d[i * *n + j] = (float)sqrt(a * a + b * b);
        }
    }
    return d;
}

static void check_case(const golden_file *file, const char *name, int number, const float *d,
                       int64_t n)
{
    char key[64];
    int32_t labels[MOST];
    float probabilities[MOST], outliers[MOST];
    int64_t clusters, largest = -1;
    snprintf(key, sizeof key, "%s.%d.options", name, number);
    const golden_entry *o = golden_find(file, key);
    snprintf(key, sizeof key, "%s.%d.labels", name, number);
    const golden_entry *want = golden_find(file, key);
    snprintf(key, sizeof key, "%s.%d.probabilities", name, number);
    const golden_entry *sure = golden_find(file, key);
    snprintf(key, sizeof key, "%s.%d.outliers", name, number);
    const golden_entry *strange = golden_find(file, key);
    if (!CHECK(o && want && sure && strange))
        return;
    calr_hdbscan_options options = {(int64_t)o->values[0], (int64_t)o->values[1], o->values[2],
                                    o->values[3] != 0, o->values[4] != 0};
    calr_distance distance = calr_distance_of_dense(d, n);
    CHECK_OK(calr_hdbscan(&distance, &options, labels, probabilities, outliers, &clusters));
    if (!CHECK(same_labels(want, labels, n)))
        fprintf(stderr, "    %s, case %d\n", name, number);
    double worst = 0;
    for (int64_t i = 0; i < n; i++) {
        worst = fmax(worst, fabs(probabilities[i] - sure->values[i]));
        worst = fmax(worst, fabs(outliers[i] - strange->values[i]));
        largest = labels[i] > largest ? labels[i] : largest;
    }
    CHECK(worst < 1e-5);
    CHECK_INT(clusters, largest + 1);
}

static void test_golden(void)
{
    static const char *const names[] = {"clear", "vague", "uniform", "copies", "grid"};
    golden_file file = golden_open(CALR_TEST_REFERENCE "/hdbscan/golden.txt");
    for (int k = 0; k < 5; k++) {
        char key[64];
        snprintf(key, sizeof key, "%s.x", names[k]);
        const golden_entry *rows = golden_find(&file, key);
        if (!CHECK(rows))
            continue;
        int64_t n;
        float *d = plane_distances(rows, &n);
        for (int number = 0; number < 10; number++)
            check_case(&file, names[k], number, d, n);
        free(d);
    }
    golden_close(&file);
}

/* Distances up to 1, many of them 1 or equal: sparse as dense, any order of the things, any threads. */
static void test_views_and_orders(void)
{
    int before = calr_parallel_threads();
    for (uint64_t round = 0; round < 60; round++) {
        calr_rng rng = calr_rng_make(round, calr_rng_purpose("hdbscan"), 0, 0);
        int64_t n = 1 + (int64_t)calr_rng_below(&rng, MOST - 1), order[MOST], found[3];
        float *d = calloc((size_t)(n * n), sizeof *d), *moved = malloc((size_t)(n * n) * sizeof *d);
        int32_t labels[3][MOST], back[MOST];
        float sure[3][MOST], outliers[3][MOST];
        uint64_t steps = round % 3 == 0 ? 8 : 1u << 20;
        for (int64_t i = 0; i < n; i++) {
            order[i] = i;
            for (int64_t j = i + 1; j < n; j++) {
                float near = i % 4 == j % 4 ? 0.8f : 2.0f;
                float v = near * (float)(1 + calr_rng_below(&rng, steps)) / (float)steps;
                d[i * n + j] = d[j * n + i] = v < 1 ? v : 1;
            }
        }
        calr_rng_shuffle(&rng, order, n);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++)
                moved[i * n + j] = d[order[i] * n + order[j]];
        calr_csr *csr = sparse_of(d, n);
        calr_distance views[3] = {calr_distance_of_dense(d, n), calr_distance_of_csr(csr),
                                  calr_distance_of_dense(moved, n)};
        calr_hdbscan_options options = {2 + (int64_t)calr_rng_below(&rng, 5),
                                        1 + (int64_t)calr_rng_below(&rng, 6),
                                        round % 4 == 1 ? 0.3 : 0, round % 2 == 0, round % 5 == 0};
        for (int v = 0; v < 3; v++) {
            CHECK_OK(calr_parallel_set_threads(1 + v));
            CHECK_OK(calr_hdbscan(&views[v], &options, labels[v], sure[v], outliers[v], &found[v]));
        }
        CHECK(found[0] == found[1] && found[0] == found[2]);
        CHECK(memcmp(labels[0], labels[1], (size_t)n * sizeof(int32_t)) == 0);
        CHECK(memcmp(sure[0], sure[1], (size_t)n * sizeof(float)) == 0);
        CHECK(memcmp(outliers[0], outliers[1], (size_t)n * sizeof(float)) == 0);
        int same = 1;
        for (int64_t i = 0; i < n; i++) {
            back[order[i]] = labels[2][i];
            same = same && sure[2][i] == sure[0][order[i]];
        }
        CHECK_OK(calr_labels_canonical(back, n, 1, back, &found[2]));
        CHECK(memcmp(labels[0], back, (size_t)n * sizeof(int32_t)) == 0);
        CHECK(same);
        calr_csr_release(csr);
        free(d);
        free(moved);
    }
    CHECK_OK(calr_parallel_set_threads(before));
}

static void test_features(void)
{
    enum { N = 300, D = 8 };
    float *x = random_rows(2, N, D, 6, 0.1), sure[N];
    int32_t labels[N];
    int64_t clusters;
    calr_hdbscan_options options = {.min_cluster_size = 10, .min_samples = 5};
    for (int metric = 0; metric < 2; metric++) {
        CHECK_OK(calr_hdbscan_features(x, N, D, (calr_metric)metric, &options, labels, sure, NULL,
                                       &clusters));
        CHECK_INT(clusters, 6);
        int right = 0;
        for (int i = 0; i < N; i++)
            right += labels[i] == i % 6;
        CHECK(right > N * 9 / 10);
    }
    x[5 * D] = NAN;
    CHECK_FAILS(
        calr_hdbscan_features(x, N, D, CALR_COSINE, &options, labels, sure, NULL, &clusters),
        CALR_ENUMERIC, "row 5");
    free(x);
}

/* Without the matrix of distances the same comes out: many, equal and few rows, with and without core distances. */
static void test_matrix(void)
{
    const int64_t sizes[] = {0, 1, 2, 3, 40, 256, 700};
    for (int s = 0; s < 7; s++)
        for (int metric = 0; metric < 2; metric++)
            for (int64_t samples = 1; samples <= 5; samples += 4) {
                int64_t n = sizes[s], clusters[2];
                float *x = s == 4 ? sign_rows(3, n, 6) : random_rows(2 + (uint64_t)s, n, 6, 9, 0.3),
                      *d = malloc((size_t)(n * n + 1) * sizeof *d), *sure[2], *strange[2];
                int32_t *labels[2];
                calr_hdbscan_options options = {
                    .min_cluster_size = 4, .min_samples = samples, .single = n < 10};
                CHECK_OK(calr_pairwise_all(x, n, 6, (calr_metric)metric, d));
                calr_distance distance = calr_distance_of_dense(d, n);
                for (int way = 0; way < 2; way++) {
                    labels[way] = malloc((size_t)(n + 1) * sizeof *labels[way]);
                    sure[way] = malloc((size_t)(n + 1) * sizeof *sure[way]);
                    strange[way] = malloc((size_t)(n + 1) * sizeof *strange[way]);
                }
                CHECK_OK(calr_hdbscan(&distance, &options, labels[0], sure[0], strange[0],
                                      &clusters[0]));
                CHECK_OK(calr_hdbscan_features(x, n, 6, (calr_metric)metric, &options, labels[1],
                                               sure[1], strange[1], &clusters[1]));
                CHECK_INT(clusters[1], clusters[0]);
                CHECK(memcmp(labels[0], labels[1], (size_t)n * sizeof *labels[0]) == 0);
                CHECK(memcmp(sure[0], sure[1], (size_t)n * sizeof *sure[0]) == 0);
                CHECK(memcmp(strange[0], strange[1], (size_t)n * sizeof *strange[0]) == 0);
                for (int way = 0; way < 2; way++) {
                    free(labels[way]);
                    free(sure[way]);
                    free(strange[way]);
                }
                free(d);
                free(x);
            }
}

static void test_limits(void)
{
    float d[16] = {0}, sure[4];
    int32_t labels[4] = {7, 7, 7, 7};
    int64_t clusters = 7;
    calr_hdbscan_options options = {.min_cluster_size = 2, .min_samples = 2};
    calr_distance distance = calr_distance_of_dense(d, 0);
    CHECK_OK(calr_hdbscan(&distance, &options, labels, sure, NULL, &clusters));
    CHECK_INT(clusters, 0);
    for (int64_t n = 1; n <= 4; n++) { /* copies of one thing */
        distance = calr_distance_of_dense(d, n);
        options.single = false;
        CHECK_OK(calr_hdbscan(&distance, &options, labels, sure, NULL, &clusters));
        CHECK(clusters == 0 && labels[0] == -1 && sure[0] == 0);
        options.single = true;
        CHECK_OK(calr_hdbscan(&distance, &options, labels, sure, NULL, &clusters));
        CHECK_INT(clusters, 1);
        CHECK(labels[n - 1] == 0 && sure[n - 1] == 1);
    }
    options.min_samples = 100; /* more than there are: all of them */
    CHECK_OK(calr_hdbscan(&distance, &options, labels, NULL, NULL, NULL));
    options.min_samples = 0;
    CHECK_FAILS(calr_hdbscan(&distance, &options, labels, NULL, NULL, NULL), CALR_EINVAL,
                "min_samples");
    options = (calr_hdbscan_options){.min_cluster_size = 1, .min_samples = 1};
    CHECK_FAILS(calr_hdbscan(&distance, &options, labels, NULL, NULL, NULL), CALR_EINVAL,
                "at least 2, not 1");
    options = (calr_hdbscan_options){.min_cluster_size = 2, .min_samples = 1, .epsilon = NAN};
    CHECK_FAILS(calr_hdbscan(&distance, &options, labels, NULL, NULL, NULL), CALR_EINVAL,
                "epsilon");
}

int main(void)
{
    RUN(test_golden);
    RUN(test_views_and_orders);
    RUN(test_features);
    RUN(test_matrix);
    RUN(test_limits);
    return check_finish();
}
