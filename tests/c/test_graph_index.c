/* The graph of neighbours: exact with all effort, recall recomputed, rows that are equal or far away, threads, what a
 * file may hold, bad input. */
#include "answer.h"
#include "base/parallel.h"
#include "cluster_case.h"
#include "neighbours/approximate.h"
#include "neighbours/graph.h"
#include "neighbours/nearest.h"

/* Rows of the larger sets: fewer under a sanitizer, which takes minutes otherwise. */
#ifdef __SANITIZE_ADDRESS__
#define SIZE(n) ((n) / 3)
#else
#define SIZE(n) (n)
#endif

static calr_graph *new_graph(const float *x, int64_t n, int64_t d, calr_metric metric,
                             int64_t links, uint64_t seed)
{
    calr_graph_options options = {.metric = metric, .links = links, .seed = seed};
    calr_graph *graph = NULL;
    CHECK_OK(calr_graph_new(x, n, d, &options, &graph));
    return graph;
}

static void check_same(answer got, answer want, int64_t count)
{
    CHECK(memcmp(got.indices, want.indices, (size_t)count * sizeof *got.indices) == 0);
    CHECK(memcmp(got.values, want.values, (size_t)count * sizeof *got.values) == 0);
}

/* The similarity or distance of two rows. */
static double value_of(const float *a, const float *b, int64_t d, calr_metric metric)
{
    if (metric == CALR_EUCLIDEAN)
        return calr_rows_distance(a, b, d);
    double lengths = sqrt(calr_rows_dot(a, a, NULL, d)) * sqrt(calr_rows_dot(b, b, NULL, d));
    return lengths > 0 ? calr_rows_dot(a, b, NULL, d) / lengths : 0;
}

/* Every list is in order, without a row twice, and each value is that of its row; returns the share of the true
 * neighbours, by value. */
static double check_lists(const float *x, int64_t n, int64_t d, const float *queries, int64_t m,
                          answer got, int64_t k, calr_metric metric, bool include_self)
{
    int64_t rows = queries ? m : n, right = 0, all = 0, first = !queries && include_self;
    const float *from = queries ? queries : x;
    answer want = new_answer(rows, k);
    CHECK_OK(calr_knn(from, rows, queries ? x : NULL, n, d, k, metric, include_self, want.indices,
                      want.values));
    int wrong = 0;
    for (int64_t i = 0; i < rows; i++) {
        const int32_t *list = got.indices + i * k;
        const float *values = got.values + i * k;
        float last = want.values[i * k + k - 1];
        for (int64_t p = first; p < k; p++) {
            if (list[p] < 0 || list[p] >= n || (!queries && list[p] == i)) {
                wrong++;
                continue;
            }
            double value = value_of(from + i * d, x + list[p] * d, d, metric);
            wrong += fabs(values[p] - value) > 1e-6 * fmax(1, fabs(value));
            for (int64_t q = first; q < p; q++)
                wrong += list[q] == list[p];
            if (p > first) {
                float before = values[p - 1];
                wrong += metric == CALR_COSINE ? values[p] > before : values[p] < before;
                wrong += metric == CALR_COSINE && values[p] == before && list[p] < list[p - 1];
            }
            right += metric == CALR_COSINE ? values[p] >= last : values[p] <= last;
            all++;
        }
    }
    CHECK_INT(wrong, 0);
    free_answer(want);
    return all > 0 ? (double)right / (double)all : 1;
}

static void test_all_effort(void)
{
    const int64_t sizes[] = {2, 3, 17, 64, 300, 700};
    for (int s = 0; s < 6; s++) {
        int64_t n = sizes[s], k = n < 20 ? n - 1 : 15, m = 40;
        float *x = random_rows(40 + (uint64_t)s, n + m, 24, 7, 0.7), *queries = x + n * 24;
        for (int metric = CALR_COSINE; metric <= CALR_EUCLIDEAN; metric++) {
            calr_graph *graph = new_graph(x, n, 24, (calr_metric)metric, 0, 1);
            for (int self = 0; self < 3; self++) {
                calr_ivf_query query = {self ? NULL : queries, m, k, self == 2};
                int64_t rows = self ? n : m;
                answer want = new_answer(rows, k), got = new_answer(rows, k);
                CHECK_OK(calr_knn(self ? x : queries, rows, self ? NULL : x, n, 24, k,
                                  (calr_metric)metric, self == 2, want.indices, want.values));
                CHECK_OK(calr_graph_search(graph, &query, n, got.indices, got.values));
                check_same(got, want, rows * k);
                free_answer(want);
                free_answer(got);
            }
            calr_graph_free(graph);
        }
        free(x);
    }
}

static void test_recall(void)
{
    enum { N = SIZE(3000), M = 200, D = 33, K = 10 };
    float *x = random_rows(8, N + M, D, 300, 0.8), *queries = x + N * D;
    calr_ivf_sample sample = {N, 1};
    for (int metric = CALR_COSINE; metric <= CALR_EUCLIDEAN; metric++) {
        calr_graph *graph = new_graph(x, N, D, (calr_metric)metric, 0, 5);
        CHECK_INT(calr_graph_size(graph), N);
        CHECK_INT(calr_graph_width(graph), 32);
        CHECK(calr_graph_links(graph) >= 16 * N && calr_graph_links(graph) <= 32 * N);
        for (int self = 0; self < 3; self++) {
            calr_ivf_query query = {self ? NULL : queries, M, K, self == 2};
            int64_t rows = self ? N : M, effort;
            double least = 0, recall, reached;
            for (int64_t e = 10; e <= 160; e *= 4) {
                answer got = new_answer(rows, K);
                CHECK_OK(calr_graph_search(graph, &query, e, got.indices, got.values));
                double share = check_lists(x, N, D, self ? NULL : queries, M, got, K,
                                           (calr_metric)metric, self == 2);
                CHECK_OK(calr_graph_recall(graph, &query, e, &sample, &recall));
                CHECK_NEAR(recall, share, 1e-12);
                CHECK(share >= least);
                least = share;
                free_answer(got);
            }
            CHECK(least > 0.99);
            CHECK_OK(calr_graph_choose_effort(graph, &query, 0.97, &sample, &effort, &reached));
            CHECK(reached >= 0.97 && effort < N);
            CHECK_OK(calr_graph_recall(graph, &query, effort, &sample, &recall));
            CHECK_NEAR(recall, reached, 0);
            CHECK_OK(calr_graph_choose_effort(graph, &query, 1, &sample, &effort, &reached));
            CHECK_NEAR(reached, 1, 0);
        }
        calr_graph_free(graph);
    }
    free(x);
}

/* Copies of a few rows, more of each than links and than a list holds; rows of zeros; everything equal. */
static void test_equal_rows(void)
{
    enum { N = SIZE(1200), D = 8, K = 12 };
    for (int groups = 1; groups <= 300; groups *= 6) {
        float *x = random_rows(9, N, D, groups, 0);
        for (int i = 0; i < D; i++)
            x[5 * D + i] = x[7 * D + i] = 0;
        for (int metric = CALR_COSINE; metric <= CALR_EUCLIDEAN; metric++) {
            calr_graph *graph = new_graph(x, N, D, (calr_metric)metric, 8, 2);
            CHECK_INT(calr_graph_size(graph), N);
            CHECK_INT(calr_graph_places(graph), groups + 1);
            for (int self = 0; self < 2; self++) {
                calr_ivf_query query = {self ? NULL : x, 100, K, false};
                int64_t rows = self ? N : 100;
                answer got = new_answer(rows, K);
                CHECK_OK(calr_graph_search(graph, &query, 40, got.indices, got.values));
                double share =
                    check_lists(x, N, D, self ? NULL : x, 100, got, K, (calr_metric)metric, false);
                CHECK(share > 0.9);
                free_answer(got);
            }
            calr_graph_free(graph);
        }
        free(x);
    }
}

static void test_extremes(void)
{
    float *x = random_rows(31, 500, 4, 500, 1), queries[12];
    for (int round = 0; round < 3; round++) {
        const float factors[] = {1, 1e20f, 1e-35f};
        for (int i = 0; i < 2000; i++)
            x[i] *= factors[round];
        for (int i = 0; i < 12; i++)
            queries[i] = (i % 5 ? 1e30f : -2e30f) * (float)(1 + i);
        for (int metric = CALR_COSINE; metric <= CALR_EUCLIDEAN; metric++) {
            calr_graph *graph = new_graph(x, 500, 4, (calr_metric)metric, 0, 0);
            answer own = new_answer(500, 9), far = new_answer(3, 20);
            calr_ivf_query query = {NULL, 0, 9, true}, outside = {queries, 3, 20, false};
            CHECK_OK(calr_graph_search(graph, &query, 60, own.indices, own.values));
            CHECK(check_lists(x, 500, 4, NULL, 0, own, 9, (calr_metric)metric, true) > 0.95);
            CHECK_OK(calr_graph_search(graph, &outside, 60, far.indices, far.values));
            check_lists(x, 500, 4, queries, 3, far, 20, (calr_metric)metric, false);
            free_answer(own);
            free_answer(far);
            calr_graph_free(graph);
        }
    }
    /* A column far larger than all others, in a few rows. */
    for (int i = 0; i < 5; i++)
        x[i * 4] = 1e6f;
    calr_graph *graph = new_graph(x, 500, 4, CALR_EUCLIDEAN, 0, 0);
    answer own = new_answer(500, 9);
    calr_ivf_query query = {NULL, 0, 9, true};
    CHECK_OK(calr_graph_search(graph, &query, 60, own.indices, own.values));
    check_lists(x, 500, 4, NULL, 0, own, 9, CALR_EUCLIDEAN, true);
    free_answer(own);
    calr_graph_free(graph);
    free(x);
}

static void test_threads(void)
{
    enum { N = SIZE(2500), D = 40, K = 12 };
    int before = calr_parallel_threads();
    float *x = random_rows(3, N, D, 50, 0.8);
    calr_ivf_query query = {NULL, 0, K, true};
    calr_ivf_sample sample = {100, 1};
    answer got[3];
    int32_t *order[4], *links[4];
    int64_t effort[3];
    double recall[3];
    for (int t = 0; t < 3; t++) {
        CHECK_OK(calr_parallel_set_threads(t + 1));
        calr_graph *graph = new_graph(x, N, D, CALR_COSINE, 0, 7);
        got[t] = new_answer(N, K);
        order[t] = malloc(N * sizeof **order);
        links[t] = malloc(N * 32 * sizeof **links);
        calr_graph_export(graph, order[t], links[t]);
        CHECK_OK(calr_graph_choose_effort(graph, &query, 0.9, &sample, &effort[t], &recall[t]));
        CHECK_OK(calr_graph_search(graph, &query, 20, got[t].indices, got[t].values));
        check_same(got[t], got[0], N * K);
        CHECK(memcmp(order[t], order[0], N * sizeof **order) == 0);
        CHECK(memcmp(links[t], links[0], N * 32 * sizeof **links) == 0);
        CHECK(effort[t] == effort[0] && recall[t] == recall[0]);
        calr_graph_free(graph);
    }
    CHECK_OK(calr_parallel_set_threads(before));
    calr_graph *other = new_graph(x, N, D, CALR_COSINE, 0, 8);
    order[3] = malloc(N * sizeof **order);
    links[3] = malloc(N * 32 * sizeof **links);
    calr_graph_export(other, order[3], links[3]);
    CHECK(memcmp(order[3], order[0], N * sizeof **order) != 0);
    calr_graph_free(other);
    for (int t = 0; t < 4; t++) {
        free(order[t]);
        free(links[t]);
    }
    for (int t = 0; t < 3; t++)
        free_answer(got[t]);
    free(x);
}

static void test_restore(void)
{
    enum { N = 400, D = 6, K = 5 };
    float *x = random_rows(12, N, D, 20, 0.8);
    calr_graph *graph = new_graph(x, N, D, CALR_EUCLIDEAN, 8, 3), *again = NULL;
    int32_t order[N], links[N * 8];
    calr_graph_export(graph, order, links);
    calr_graph_options options = {.metric = CALR_EUCLIDEAN, .links = 8};
    CHECK_OK(calr_graph_restore(x, N, D, &options, N, order, links, &again));
    answer want = new_answer(N, K), got = new_answer(N, K);
    calr_ivf_query query = {NULL, 0, K, false};
    CHECK_OK(calr_graph_search(graph, &query, 9, want.indices, want.values));
    CHECK_OK(calr_graph_search(again, &query, 9, got.indices, got.values));
    check_same(got, want, N * K);
    calr_graph_free(again);
    calr_graph_free(graph);

    const struct {
        int at, value;
    } wrong[] = {{0, N}, {0, -2}, {3, INT32_MAX}, {7, INT32_MIN}, {N * 8 - 1, N}, {8, 1}, {16, 2}};
    for (int w = 0; w < 7; w++) {
        int32_t was = links[wrong[w].at];
        links[wrong[w].at] = wrong[w].value;
        again = NULL;
        CHECK_FAILS(calr_graph_restore(x, N, D, &options, N, order, links, &again), CALR_EFORMAT,
                    "none of 400 places");
        CHECK(!again);
        links[wrong[w].at] = was;
    }
    int32_t first = links[0];
    links[0] = -1; /* a link after the end */
    CHECK_FAILS(calr_graph_restore(x, N, D, &options, N, order, links, &again), CALR_EFORMAT,
                "link 1");
    links[0] = first;
    const int32_t places[] = {-1, N, INT32_MAX, order[1]};
    first = order[0];
    for (int w = 0; w < 4; w++) {
        order[0] = places[w];
        CHECK_FAILS(calr_graph_restore(x, N, D, &options, N, order, links, &again), CALR_EFORMAT,
                    "which is none, equals");
    }
    order[0] = first;
    /* Any links that lead somewhere are safe: nothing is linked, all to one, in a ring. */
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++)
            for (int l = 0; l < 8; l++)
                links[i * 8 + l] = l > 0 ? -1 : round == 0 ? -1 : round == 1 ? i == 0 : (i + 1) % N;
        CHECK_OK(calr_graph_restore(x, N, D, &options, N, order, links, &again));
        CHECK_OK(calr_graph_search(again, &query, 9, got.indices, got.values));
        check_lists(x, N, D, NULL, 0, got, K, CALR_EUCLIDEAN, false);
        calr_graph_free(again);
        again = NULL;
    }
    free_answer(want);
    free_answer(got);
    free(x);
}

static void test_small(void)
{
    float x[4] = {1, 0, 0, 2}, values[8];
    int32_t indices[8];
    double recall;
    int64_t effort;
    calr_ivf_sample sample = {10, 0};
    for (int metric = CALR_COSINE; metric <= CALR_EUCLIDEAN; metric++) {
        calr_graph *graph = new_graph(x, 0, 2, (calr_metric)metric, 0, 0);
        CHECK_INT(calr_graph_size(graph), 0);
        CHECK_INT(calr_graph_links(graph), 0);
        calr_ivf_query query = {NULL, 0, 1, true};
        CHECK_FAILS(calr_graph_search(graph, &query, 1, indices, values), CALR_EINVAL,
                    "only 0: n is 0");
        calr_graph_export(graph, NULL, NULL);
        calr_graph_free(graph);
        graph = new_graph(x, 1, 2, (calr_metric)metric, 0, 0);
        CHECK_OK(calr_graph_search(graph, &query, 1, indices, values));
        CHECK(indices[0] == 0 && values[0] == (metric == CALR_COSINE));
        CHECK_OK(calr_graph_recall(graph, &query, 1, &sample, &recall));
        CHECK_NEAR(recall, 1, 0);
        CHECK_OK(calr_graph_choose_effort(graph, &query, 1, &sample, &effort, &recall));
        CHECK(effort == 1 && recall == 1);
        query.include_self = false;
        CHECK_FAILS(calr_graph_search(graph, &query, 1, indices, values), CALR_EINVAL,
                    "only 0 besides the row itself");
        calr_graph_free(graph);
        graph = new_graph(x, 2, 2, (calr_metric)metric, 4, 0);
        CHECK_OK(calr_graph_search(graph, &query, 1, indices, values));
        CHECK(indices[0] == 1 && indices[1] == 0);
        calr_ivf_query given = {x, 0, 2, false};
        CHECK_OK(calr_graph_search(graph, &given, 1, indices, values));
        CHECK_OK(calr_graph_recall(graph, &given, 1, &sample, &recall));
        CHECK_NEAR(recall, 1, 0);
        calr_graph_free(graph);
    }
    calr_graph_free(NULL);
}

static void test_bad_input(void)
{
    float x[6] = {1, 2, 3, 4, 5, 6}, bad[6] = {1, 2, 3, NAN, 5, 6}, values[6];
    int32_t indices[6];
    calr_graph *graph = NULL;
    calr_graph_options options = {.metric = CALR_COSINE};
    CHECK_FAILS(calr_graph_new(bad, 3, 2, &options, &graph), CALR_ENUMERIC, "row 1 ");
    bad[3] = INFINITY;
    options.metric = CALR_EUCLIDEAN;
    CHECK_FAILS(calr_graph_new(bad, 3, 2, &options, &graph), CALR_ENUMERIC, "row 1 ");
    CHECK_FAILS(calr_graph_new(x, 3, 0, &options, &graph), CALR_EINVAL, "at least one number");
    CHECK_FAILS(calr_graph_new(x, -1, 2, &options, &graph), CALR_EINVAL, "not -1 x 2");
    CHECK_FAILS(calr_graph_new(x, 1, 40000, &options, &graph), CALR_EINVAL, "at most 32768");
    options.links = 3;
    CHECK_FAILS(calr_graph_new(x, 3, 2, &options, &graph), CALR_EINVAL, "4 .. 256, not 3");
    options.links = 257;
    CHECK_FAILS(calr_graph_new(x, 3, 2, &options, &graph), CALR_EINVAL, "not 257");
    options.links = 0;
    options.effort = -1;
    CHECK_FAILS(calr_graph_new(x, 3, 2, &options, &graph), CALR_EINVAL, "not -1");
    CHECK(!graph);
    options.effort = 0;
    CHECK_OK(calr_graph_new(x, 3, 2, &options, &graph));
    calr_ivf_query query = {NULL, 0, 4, true};
    CHECK_FAILS(calr_graph_search(graph, &query, 1, indices, values), CALR_EINVAL,
                "only 3: n is 3");
    query.k = 0;
    CHECK_FAILS(calr_graph_search(graph, &query, 1, indices, values), CALR_EINVAL, "at least 1");
    query.k = 2;
    CHECK_FAILS(calr_graph_search(graph, &query, 0, indices, values), CALR_EINVAL,
                "effort must be");
    query.rows = bad;
    query.n = 3;
    CHECK_FAILS(calr_graph_search(graph, &query, 1, indices, values), CALR_ENUMERIC,
                "row 1 (from 0) of the queries");
    calr_ivf_sample sample = {2, 0}, none = {0, 0};
    int64_t effort;
    double recall;
    CHECK_FAILS(calr_graph_recall(graph, &query, 1, &sample, &recall), CALR_ENUMERIC, "row 1 ");
    query.rows = NULL;
    CHECK_FAILS(calr_graph_recall(graph, &query, 0, &sample, &recall), CALR_EINVAL, "effort must");
    CHECK_FAILS(calr_graph_recall(graph, &query, 1, &none, &recall), CALR_EINVAL,
                "at least 1 query");
    CHECK_FAILS(calr_graph_choose_effort(graph, &query, 0, &sample, &effort, &recall), CALR_EINVAL,
                "above 0");
    CHECK_FAILS(calr_graph_choose_effort(graph, &query, NAN, &sample, &effort, &recall),
                CALR_EINVAL, "above 0");
    calr_graph_free(graph);
}

/* The rule goes by the sizes; figures of docs/notebook/neighbours.md. */
static void test_choice(void)
{
    CHECK(calr_approximate_choose(0, 0, 1, 1, true) == CALR_APPROXIMATE_EXACT);
    CHECK(calr_approximate_choose(12936, 12936, 2048, 30, true) == CALR_APPROXIMATE_EXACT);
    CHECK(calr_approximate_choose(171000, 171000, 64, 10, true) == CALR_APPROXIMATE_EXACT);
    CHECK(calr_approximate_choose(173000, 173000, 64, 10, true) == CALR_APPROXIMATE_GRAPH);
    CHECK(calr_approximate_choose(214000, 214000, 64, 30, true) == CALR_APPROXIMATE_EXACT);
    CHECK(calr_approximate_choose(217000, 217000, 64, 30, true) == CALR_APPROXIMATE_GRAPH);
    CHECK(calr_approximate_choose(1000000, 1000000, 512, 30, true) == CALR_APPROXIMATE_GRAPH);
    CHECK(calr_approximate_choose(1000, 1000000, 64, 10, false) == CALR_APPROXIMATE_EXACT);
    CHECK(calr_approximate_choose(50000, 1000000, 64, 10, false) == CALR_APPROXIMATE_EXACT);
    CHECK(calr_approximate_choose(200000, 1000000, 64, 10, false) == CALR_APPROXIMATE_GRAPH);
    CHECK(calr_approximate_choose(INT32_MAX, INT32_MAX, 32768, 256, true) ==
          CALR_APPROXIMATE_GRAPH);
}

int main(void)
{
    /* Work this small is slower on more threads where processors are busy; test_threads compares their numbers. */
    CHECK_OK(calr_parallel_set_threads(1));
    RUN(test_all_effort);
    RUN(test_recall);
    RUN(test_equal_rows);
    RUN(test_extremes);
    RUN(test_threads);
    RUN(test_restore);
    RUN(test_small);
    RUN(test_bad_input);
    RUN(test_choice);
    return check_finish();
}
