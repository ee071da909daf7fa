/* DBSCAN: scikit-learn's labels, a plain recomputation on random input, sparse and dense alike, bad
 * input; and the checks of distances. */
#include "base/parallel.h"
#include "base/size.h"
#include "cluster/dbscan.h"
#include "cluster_case.h"
#include "labels/labels.h"

static void check_golden_case(const golden_file *file, const char *name, int is_sparse)
{
    static const struct {
        double eps;
        int64_t least;
    } settings[] = {{0.35, 3}, {0.6, 4}, {0.9, 2}, {0.75, 8}, {0.2, 1}};
    char key[64];
    snprintf(key, sizeof key, "%s.pairs", name);
    const golden_entry *pairs = golden_find(file, key);
    if (!CHECK(pairs))
        return;
    int64_t n, clusters;
    float *d = golden_matrix(pairs, &n);
    calr_csr *csr = is_sparse ? sparse_of(d, n) : NULL;
    CHECK(!is_sparse == !csr);
    int32_t *labels = malloc((size_t)n * sizeof *labels);
    for (int s = 0; s < 5; s++) {
        snprintf(key, sizeof key, "%s.dbscan.%g.%d", name, settings[s].eps, (int)settings[s].least);
        calr_distance distance = calr_distance_of_dense(d, n);
        CHECK_OK(calr_dbscan(&distance, settings[s].eps, settings[s].least, labels, &clusters));
        CHECK(same_labels(golden_find(file, key), labels, n));
        if (csr) {
            distance = calr_distance_of_csr(csr);
            CHECK_OK(calr_dbscan(&distance, settings[s].eps, settings[s].least, labels, NULL));
            CHECK(same_labels(golden_find(file, key), labels, n));
        }
    }
    free(labels);
    free(d);
    calr_csr_release(csr);
}

static void test_golden(void)
{
    golden_file file = golden_open(CLUSTER_GOLDEN);
    check_golden_case(&file, "noise", 0);
    check_golden_case(&file, "blobs", 0);
    check_golden_case(&file, "jaccard", 1);
    golden_close(&file);
}

/* By the definition: components of the cores, then borders. */
static void plain_dbscan(const float *d, int64_t n, float eps, int64_t least, int32_t *labels)
{
    int *core = calr_array_zeros(n, sizeof *core);
    for (int64_t i = 0; i < n; i++) {
        int64_t count = 0;
        for (int64_t j = 0; j < n; j++)
            count += d[i * n + j] <= eps;
        core[i] = count >= least;
        labels[i] = core[i] ? (int32_t)i : -1;
    }
    for (int changed = 1; changed;) { /* every core takes the lowest number it can reach */
        changed = 0;
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++)
                if (core[i] && core[j] && d[i * n + j] <= eps && labels[j] < labels[i])
                    labels[i] = labels[j], changed = 1;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n && !core[i]; j++)
            if (core[j] && d[i * n + j] <= eps && (labels[i] < 0 || labels[j] < labels[i]))
                labels[i] = labels[j];
    int64_t clusters;
    CHECK_OK(calr_labels_canonical(labels, n, 1, labels, &clusters));
    free(core);
}

static void test_against_plain(void)
{
    for (uint64_t round = 0; round < 40; round++) {
        calr_rng rng = calr_rng_make(round, calr_rng_purpose("dbscan"), 0, 0);
        int64_t n = 1 + (int64_t)calr_rng_below(&rng, 130),
                least = 1 + (int64_t)calr_rng_below(&rng, 6);
        float *d = calloc((size_t)(n * n), sizeof *d);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = i + 1; j < n;
                 j++) /* hundredths, so that eps is met exactly; many are 1 */
                d[i * n + j] = d[j * n + i] = fminf(1, (float)calr_rng_below(&rng, 1500) / 100);
        float eps = (float)calr_rng_below(&rng, 40) / 100;
        int32_t *want = malloc((size_t)n * sizeof *want),
                *labels = malloc((size_t)n * sizeof *labels);
        plain_dbscan(d, n, eps, least, want);
        calr_csr *csr = sparse_of(d, n);
        calr_distance views[2] = {calr_distance_of_dense(d, n), calr_distance_of_csr(csr)};
        for (int v = 0; v < 2; v++) {
            CHECK_OK(calr_distance_check(&views[v]));
            CHECK_OK(calr_dbscan(&views[v], (double)eps, least, labels, NULL));
            CHECK(memcmp(labels, want, (size_t)n * sizeof *labels) == 0);
            /* Missing pairs are at 1: an eps of 1 reaches them. */
            CHECK_OK(calr_dbscan(&views[v], 1, least, labels, NULL));
            CHECK_INT(labels[n - 1], n >= least ? 0 : -1);
        }
        calr_csr_release(csr);
        free(d);
        free(want);
        free(labels);
    }
}

static void test_limits(void)
{
    float d[4] = {0, 0.5f, 0.5f, 0}, lonely[9] = {5, 1, 1, 1, 5, 1, 1, 1, 5};
    int32_t labels[3];
    int64_t clusters;
    calr_distance distance = calr_distance_of_dense(d, 2);
    CHECK_OK(calr_dbscan(&distance, 0.5, 2, labels, &clusters));
    CHECK(clusters == 1 && labels[0] == 0 && labels[1] == 0);
    CHECK_OK(calr_dbscan(&distance, 0.49, 2, labels, &clusters));
    CHECK(clusters == 0 && labels[0] == -1 && labels[1] == -1);
    CHECK_OK(calr_dbscan(&distance, INFINITY, 3, labels, &clusters));
    CHECK_INT(clusters, 0);
    CHECK_FAILS(calr_dbscan(&distance, NAN, 3, labels, &clusters), CALR_EINVAL, "eps");
    CHECK_FAILS(calr_dbscan(&distance, -1, 3, labels, &clusters), CALR_EINVAL, "eps");
    CHECK_FAILS(calr_dbscan(&distance, 1, 0, labels, &clusters), CALR_EINVAL, "min_samples");
    distance = calr_distance_of_dense(
        lonely, 3); /* a thing is its own neighbour whatever the diagonal says */
    CHECK_OK(calr_dbscan(&distance, 0.5, 1, labels, &clusters));
    CHECK_INT(clusters, 3);
    distance = calr_distance_of_dense(NULL, 0);
    CHECK_OK(calr_dbscan(&distance, 0.5, 1, labels, &clusters));
    CHECK_INT(clusters, 0);
}

static void test_check(void)
{
    enum { N = 70 };
    float *d = calloc(N * N, sizeof *d);
    for (int i = 0; i < N * N; i++)
        d[i] = 0.5f;
    calr_distance distance = calr_distance_of_dense(d, N);
    CHECK_OK(calr_distance_check(&distance));
    d[3 * N + 69] = 0.6f;
    CHECK_FAILS(calr_distance_check(&distance), CALR_EINVAL,
                "(3, 69) (from 0) is 0.6, but (69, 3) is 0.5");
    d[69 * N + 3] = d[3 * N + 69] = -1;
    CHECK_FAILS(calr_distance_check(&distance), CALR_EINVAL, "between rows 3 and 69");
    d[69 * N + 3] = NAN;
    CHECK_FAILS(calr_distance_check(&distance), CALR_ENUMERIC, "rows 3 and 69");
    free(d);
    float small[4] = {0, 0.5f, 0.25f, 0}, row[2], all[4];
    calr_csr *csr = sparse_of(small, 2), *flat;
    distance = calr_distance_of_csr(csr);
    CHECK_FAILS(calr_distance_check(&distance), CALR_EINVAL, "symmetric");
    csr->values[1] = 2;
    CHECK_FAILS(calr_distance_check(&distance), CALR_EINVAL, "at most 1");
    csr->values[1] = 0.25f;
    CHECK_OK(calr_distance_check(&distance));
    calr_distance_row(&distance, 1, row);
    CHECK(row[0] == 0.25f && row[1] == 0);
    CHECK_OK(calr_distance_fill(&distance, all));
    CHECK(all[0] == 0 && all[1] == 0.25f && all[2] == 0.25f && all[3] == 0);
    CHECK(calr_distance_get(&distance, 0, 1) == 0.25f && calr_distance_get(&distance, 1, 1) == 0);
    calr_csr_release(csr);
    CHECK_OK(calr_csr_new(2, 3, 0, &flat));
    distance = calr_distance_of_csr(flat);
    CHECK_FAILS(calr_distance_check(&distance), CALR_EINVAL, "square");
    calr_csr_release(flat);
}

int main(void)
{
    RUN(test_golden);
    RUN(test_against_plain);
    RUN(test_limits);
    RUN(test_check);
    return check_finish();
}
