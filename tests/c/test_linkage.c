/* Agglomerative clustering: SciPy's heights, scikit-learn's labels, a plain recomputation on random
 * input, bad input. */
#include "base/parallel.h"
#include "cluster/linkage.h"
#include "cluster_case.h"
#include "labels/labels.h"
#include "neighbours/pairwise.h"

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
    for (int method = 0; method < 4; method++) {
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

/* One tree of SciPy: its numbering, sizes and heights, and its cuts; of features and of their distances. */
static void check_tree(const golden_file *file, const char *key, const float *x, int64_t n,
                       int64_t d, calr_metric metric, calr_linkage_method method)
{
    char name[80];
    snprintf(name, sizeof name, "%s.tree", key);
    const golden_entry *want = golden_find(file, name);
    float *pairs = malloc((size_t)(n * n) * sizeof *pairs);
    calr_merge merges[64];
    int32_t left[64], right[64], sizes[64], labels[64];
    CHECK_OK(calr_pairwise_all(x, n, d, metric, pairs));
    calr_distance distance = calr_distance_of_dense(pairs, n);
    for (int way = 0; CHECK(want && want->count == 4 * (n - 1)) && way < 2; way++) {
        CHECK_OK(way ? calr_linkage(&distance, method, merges)
                     : calr_linkage_features(x, n, d, metric, method, merges));
        CHECK_OK(calr_linkage_tree(merges, n, left, right, sizes));
        double worst = 0;
        int same = 1;
        for (int64_t m = 0; m < n - 1; m++) {
            const double *row = want->values + 4 * m;
            same = same && row[0] == left[m] && row[1] == right[m] && row[3] == sizes[m];
            worst = fmax(worst, fabs(row[2] - merges[m].height) / fmax(1e-2, row[2]));
        }
        CHECK(same);
        CHECK(worst < 2e-5); /* 1 - cos of near rows has fewer digits than the rest */
        for (int64_t k = 1; k <= 9 && k <= n; k++) {
            snprintf(name, sizeof name, "%s.%d", key, (int)k);
            const golden_entry *cut = golden_find(file, name);
            int64_t count;
            CHECK_OK(calr_linkage_count(merges, n, k, 0, &count));
            CHECK_OK(calr_linkage_cut(merges, n, count, labels));
            CHECK(!cut || same_labels(cut, labels, n));
        }
    }
    free(pairs);
}

static void test_trees(void)
{
    static const char *const names[] = {"plane", "space", "two", "wide"};
    static const char *const kinds[] = {"average", "complete", "single", "ward"};
    static const char *const metrics[] = {"cosine", "euclidean"};
    golden_file file = golden_open(CALR_TEST_REFERENCE "/linkage/golden.txt");
    for (int k = 0; k < 4; k++) {
        char key[64];
        snprintf(key, sizeof key, "%s.shape", names[k]);
        const golden_entry *shape = golden_find(&file, key);
        snprintf(key, sizeof key, "%s.x", names[k]);
        const golden_entry *rows = golden_find(&file, key);
        if (!CHECK(shape && rows))
            continue;
        float *x = malloc((size_t)rows->count * sizeof *x);
        for (int64_t i = 0; i < rows->count; i++)
            x[i] = (float)rows->values[i];
        for (int m = 0; m < 8; m++) {
            if (m == 6) /* Ward of cosine distances has no meaning */
                continue;
            snprintf(key, sizeof key, "%s.%s.%s", names[k], kinds[m / 2], metrics[m % 2]);
            check_tree(&file, key, x, (int64_t)shape->values[0], (int64_t)shape->values[1],
                       (calr_metric)(m % 2), (calr_linkage_method)(m / 2));
        }
        free(x);
    }
    golden_close(&file);
}

/* Ward's heights from its definition: the growth of the sum of squares. Duplicates and ties included. */
static void test_ward_is_least_growth(void)
{
    for (uint64_t round = 0; round < 20; round++) {
        calr_rng rng = calr_rng_make(round, calr_rng_purpose("ward"), 0, 0);
        enum { D = 3 };
        int64_t n = 2 + (int64_t)calr_rng_below(&rng, 30);
        float x[32 * D];
        for (int64_t i = 0; i < n * D; i++)
            x[i] = (float)calr_rng_below(&rng, 4);
        calr_merge merges[32];
        int32_t left[32], right[32], sizes[32], labels[32];
        CHECK_OK(calr_linkage_features(x, n, D, CALR_EUCLIDEAN, CALR_LINKAGE_WARD, merges));
        CHECK_OK(calr_linkage_tree(merges, n, left, right, sizes));
        double before = 0, worst = 0;
        for (int64_t m = 0; m < n - 1; m++) {
            double total = 0;
            CHECK_OK(calr_linkage_cut(merges, n, m + 1, labels));
            for (int32_t c = 0; c < n - m - 1; c++) {
                double sum[D] = {0}, squares = 0, count = 0;
                for (int64_t i = 0; i < n; i++) {
                    if (labels[i] != c)
                        continue;
                    count++;
                    for (int q = 0; q < D; q++) {
                        sum[q] += x[i * D + q];
                        squares += (double)x[i * D + q] * x[i * D + q];
                    }
                }
                for (int q = 0; q < D; q++)
                    squares -= sum[q] * sum[q] / count;
                total += squares;
            }
            double growth = total - before, height = merges[m].height;
            worst = fmax(worst, fabs(height * height / 2 - growth));
            before = total;
            CHECK(m == 0 || merges[m].height >= merges[m - 1].height);
        }
        CHECK(worst < 1e-4);
        CHECK_INT(sizes[n - 2], n);
    }
}

/* The same bits for any number of threads, and for a tile more than one. */
static void test_threads(void)
{
    enum { N = 520, D = 9 };
    float *x = random_rows(8, N, D, 12, 0.4);
    calr_merge *one = malloc(sizeof *one * N), *two = malloc(sizeof *two * N);
    int before = calr_parallel_threads();
    for (int method = 0; method < 4; method++) {
        CHECK_OK(calr_parallel_set_threads(1));
        CHECK_OK(calr_linkage_features(x, N, D, CALR_EUCLIDEAN, (calr_linkage_method)method, one));
        CHECK_OK(calr_parallel_set_threads(3));
        CHECK_OK(calr_linkage_features(x, N, D, CALR_EUCLIDEAN, (calr_linkage_method)method, two));
        int same = 1;
        for (int m = 0; m < N - 1; m++)
            same = same && one[m].a == two[m].a && one[m].b == two[m].b &&
                   one[m].height == two[m].height;
        CHECK(same);
    }
    CHECK_OK(calr_parallel_set_threads(before));
    x[77] = INFINITY;
    CHECK_FAILS(calr_linkage_features(x, N, D, CALR_COSINE, CALR_LINKAGE_AVERAGE, one),
                CALR_ENUMERIC, "row 8");
    CHECK_FAILS(calr_linkage_features(x, 0, D, CALR_COSINE, CALR_LINKAGE_AVERAGE, one), CALR_EINVAL,
                "not 0");
    CHECK_OK(calr_linkage_features(x, 1, D, CALR_COSINE, CALR_LINKAGE_WARD, one));
    int64_t count;
    CHECK_FAILS(calr_linkage_count(one, 4, 5, 0, &count), CALR_EINVAL, "5 clusters");
    free(x);
    free(one);
    free(two);
}

int main(void)
{
    RUN(test_golden);
    RUN(test_trees);
    RUN(test_ward_is_least_growth);
    RUN(test_threads);
    RUN(test_against_plain);
    RUN(test_limits);
    return check_finish();
}
