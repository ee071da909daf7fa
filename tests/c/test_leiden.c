/* Leiden: qualities by igraph and leidenalg, all partitions of small graphs, connected communities,
 * determinism, empty and bad graphs. */
#include "cluster/components.h"
#include "cluster/leiden.h"
#include "cluster_case.h"
#include "labels/labels.h"

#define MOST 128

/* The links i < j of a dense table of weights, in one direction only. */
static calr_csr *graph_of(const double *weight, int64_t n)
{
    calr_csr *g = NULL;
    int64_t count = 0, at = 0;
    for (int64_t i = 0; i < n * n; i++)
        count += weight[i] > 0;
    CHECK_OK(calr_csr_new(n, n, count, &g));
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            if (weight[i * n + j] > 0) {
                g->indices[at] = (int32_t)j;
                g->values[at++] = (float)weight[i * n + j];
            }
        }
        g->offsets[i + 1] = at;
    }
    return g;
}

/* No community falls apart when links to others go. */
static int is_connected(const calr_csr *g, const int32_t *labels)
{
    double inside[MOST * MOST] = {0};
    int64_t n = g->rows, communities = 0, components;
    int32_t found[MOST];
    for (int64_t i = 0; i < n; i++) {
        communities = labels[i] >= communities ? labels[i] + 1 : communities;
        for (int64_t p = g->offsets[i]; p < g->offsets[i + 1]; p++)
            inside[i * n + g->indices[p]] = labels[i] == labels[g->indices[p]];
    }
    calr_csr *kept = graph_of(inside, n);
    CHECK_OK(calr_components(kept, false, 1, found, &components));
    for (int64_t i = 0; i < n; i++)
        components -= labels[i] < 0; /* nodes without a link */
    calr_csr_release(kept);
    return components == communities;
}

static void check_graph(const golden_file *file, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, "%s.edges", name);
    const golden_entry *edges = golden_find(file, key);
    snprintf(key, sizeof key, "%s.weights", name);
    const golden_entry *weights = golden_find(file, key);
    snprintf(key, sizeof key, "%s.labels", name);
    const golden_entry *given = golden_find(file, key);
    if (!CHECK(edges && weights && given))
        return;
    double weight[MOST * MOST] = {0}, quality, again;
    int64_t n = given->count, communities;
    int32_t labels[MOST], other[MOST];
    for (int64_t e = 0; e < weights->count; e++)
        weight[(int64_t)edges->values[2 * e] * n + (int64_t)edges->values[2 * e + 1]] =
            weights->values[e];
    calr_csr *g = graph_of(weight, n);
    for (int number = 0; number < 6; number++) {
        snprintf(key, sizeof key, "%s.%d", name, number);
        const golden_entry *want = golden_find(file, key);
        if (!CHECK(want))
            continue;
        calr_leiden_options o = {want->values[0] != 0, want->values[1], 5,
                                 100}; /* "clear 5": 3 searches of 100 get there */
        for (int64_t i = 0; i < n; i++)
            labels[i] = (int32_t)given->values[i];
        CHECK_OK(calr_leiden_quality(g, &o, labels, &quality));
        CHECK_NEAR(quality, want->values[2], 1e-5 * fmax(1, fabs(want->values[2])));
        CHECK_OK(calr_leiden(g, &o, labels, &quality, &communities));
        if (!CHECK(quality >= 0.99 * want->values[3]))
            fprintf(stderr, "    %s %d: %.9g, leidenalg finds %.9g\n", name, number, quality,
                    want->values[3]);
        CHECK_OK(calr_leiden_quality(g, &o, labels, &again));
        CHECK_NEAR(again, quality, 1e-9 * fmax(1, fabs(quality)));
        CHECK(is_connected(g, labels));
        CHECK_OK(calr_leiden(g, &o, other, &again, NULL));
        CHECK(memcmp(labels, other, (size_t)n * sizeof *labels) == 0);
        CHECK(again == quality);
    }
    calr_csr_release(g);
}

static void test_golden(void)
{
    golden_file file = golden_open(CALR_TEST_REFERENCE "/leiden/golden.txt");
    static const char *const names[] = {"zachary", "clear", "vague", "ring"};
    for (int k = 0; k < 4; k++)
        check_graph(&file, names[k]);
    golden_close(&file);
}

/* The best of all partitions of nodes i .. n-1, communities 0 .. used-1 being there already. */
static double best_of(const calr_csr *g, const calr_leiden_options *o, int32_t *labels, int64_t i,
                      int32_t used)
{
    double best = -INFINITY, quality;
    if (i == g->rows)
        return calr_leiden_quality(g, o, labels, &quality) == CALR_OK ? quality : NAN;
    for (int32_t c = 0; c <= used; c++) {
        labels[i] = c;
        best = fmax(best, best_of(g, o, labels, i + 1, used + (c == used)));
    }
    return best;
}

static void test_against_all_partitions(void)
{
    int reached = 0, rounds = 40;
    for (int round = 0; round < rounds; round++) {
        calr_rng rng = calr_rng_make((uint64_t)round, calr_rng_purpose("leiden test"), 0, 0);
        int64_t n = 2 + (int64_t)calr_rng_below(&rng, 6);
        double weight[64] = {0}, quality;
        int32_t labels[8], all[8];
        for (int64_t i = 0; i < n * n; i++) /* loops among them, and both directions */
            weight[i] = calr_rng_below(&rng, 3) ? 0 : 1 + (double)calr_rng_below(&rng, 4);
        weight[1] = 1;
        calr_csr *g = graph_of(weight, n);
        calr_leiden_options o = {round % 2 == 0, 0.5 + (round % 5) * 0.5, 1, 30};
        CHECK_OK(calr_leiden(g, &o, labels, &quality, NULL));
        double best = best_of(g, &o, all, 0, 0);
        CHECK(quality <= best + 1e-9);
        CHECK(is_connected(g, labels));
        reached += quality >= best - 1e-9;
        calr_csr_release(g);
    }
    CHECK(reached >= rounds - 1);
}

static void test_limits(void)
{
    double none[4] = {0}, loop[4] = {2, 0, 0, 0}, pair[4] = {0, 1, 0, 0}, quality = 7;
    int32_t labels[2] = {5, 5};
    int64_t communities;
    calr_leiden_options o = {false, 1, 0, 1};
    calr_csr *g = graph_of(none, 0);
    CHECK_OK(calr_leiden(g, &o, labels, &quality, &communities));
    CHECK(quality == 0 && communities == 0);
    calr_csr_release(g);
    for (int round = 0; round < 2; round++) {
        g = graph_of(round ? loop : none, 2);
        CHECK_OK(calr_leiden(g, &o, labels, &quality, &communities));
        CHECK(quality == 0 && communities == 0 && labels[0] == -1 && labels[1] == -1);
        calr_csr_release(g);
    }
    g = graph_of(pair, 2);
    CHECK_OK(calr_leiden(g, &o, labels, &quality, &communities));
    CHECK(communities == 1 && labels[0] == 0 && labels[1] == 0);
    o.resolution = 0;
    CHECK_FAILS(calr_leiden(g, &o, labels, &quality, &communities), CALR_EINVAL, "above 0, not 0");
    o = (calr_leiden_options){false, 1, 0, 0};
    CHECK_FAILS(calr_leiden(g, &o, labels, &quality, &communities), CALR_EINVAL, "trials");
    o.trials = 1;
    g->values[0] = -1;
    CHECK_FAILS(calr_leiden(g, &o, labels, &quality, &communities), CALR_ENUMERIC, "weight -1");
    g->values[0] = NAN;
    CHECK_FAILS(calr_leiden(g, &o, labels, &quality, &communities), CALR_ENUMERIC, "not finite");
    calr_csr_release(g);
}

int main(void)
{
    RUN(test_golden);
    RUN(test_against_all_partitions);
    RUN(test_limits);
    return check_finish();
}
