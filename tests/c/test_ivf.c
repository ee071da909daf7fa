/* The approximate index: all lists against exact neighbours, recall recomputed, few candidates, ties, threads, bad
 * input. */
#include "answer.h"
#include "base/parallel.h"
#include "cluster_case.h"
#include "neighbours/ivf.h"

static calr_ivf *new_index(const float *x, int64_t n, int64_t d, calr_metric metric, int64_t lists,
                           bool copy)
{
    calr_ivf_options options = {.metric = metric, .lists = lists, .seed = 3, .copy = copy};
    calr_ivf *ivf = NULL;
    CHECK_OK(calr_ivf_new(x, n, d, &options, &ivf));
    return ivf;
}

/* The same values, within `tolerance` relative to at least 1, and the same rows where a value differs from those around
 * it by more than that. tolerance 0: the same bits. */
static void check_same(answer got, answer want, int64_t n, int64_t k, double tolerance)
{
    int wrong_rows = 0, wrong_values = 0;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t p = 0; p < k; p++) {
            int64_t at = i * k + p;
            double value = want.values[at], slack = tolerance * fmax(1, fabs(value));
            wrong_values += !(fabs(got.values[at] - value) <= slack);
            bool tied = (p > 0 && fabs(want.values[at - 1] - value) <= 2 * slack) || p == k - 1 ||
                        fabs(want.values[at + 1] - value) <= 2 * slack;
            wrong_rows += got.indices[at] != want.indices[at] && (tolerance == 0 || !tied);
        }
    }
    CHECK_INT(wrong_values, 0);
    CHECK_INT(wrong_rows, 0);
}

/* All lists: the neighbours of calr_knn. */
static void check_all_lists(const float *x, int64_t n, int64_t d, const float *queries, int64_t m,
                            int64_t k, calr_metric metric, bool include_self, int64_t lists,
                            double tolerance)
{
    int64_t rows = queries ? m : n;
    answer want = new_answer(rows, k), got = new_answer(rows, k);
    CHECK_OK(calr_knn(queries ? queries : x, rows, queries ? x : NULL, n, d, k, metric,
                      include_self, want.indices, want.values));
    calr_ivf_query query = {queries, m, k, include_self};
    for (int copy = 0; copy < 2; copy++) {
        calr_ivf *ivf = new_index(x, n, d, metric, lists, copy);
        CHECK_OK(calr_ivf_search(ivf, &query, lists > 0 ? lists : n, got.indices, got.values));
        check_same(got, want, rows, k, tolerance);
        calr_ivf_free(ivf);
    }
    free_answer(want);
    free_answer(got);
}

static void test_all_lists(void)
{
    const int64_t sizes[] = {2, 3, 17, 64, 65, 300, 700};
    for (int s = 0; s < 7; s++) {
        int64_t n = sizes[s], k = n < 20 ? n - 1 : 15;
        float *x = random_rows(40 + (uint64_t)s, n + 130, 24, 7, 0.7);
        for (int metric = CALR_COSINE; metric <= CALR_EUCLIDEAN; metric++) {
            check_all_lists(x, n, 24, NULL, 0, k, (calr_metric)metric, true, 0, 1e-6);
            check_all_lists(x, n, 24, NULL, 0, k, (calr_metric)metric, false, (n + 4) / 5, 1e-6);
            check_all_lists(x, n, 24, x + n * 24, 130, k, (calr_metric)metric, false, 0, 1e-6);
        }
        free(x);
    }
}

/* Exact arithmetic, many ties, duplicates and zero rows: the same rows and the same bits. */
static void test_ties(void)
{
    enum { N = 400, D = 16 };
    float *x = sign_rows(5, N + 50, D);
    for (int64_t i = 300; i < 340; i++)
        memcpy(x + i * D, x + 11 * D, D * sizeof *x);
    memset(x + 350 * D, 0, 20 * D * sizeof *x);
    memset(x + (N + 3) * D, 0, D * sizeof *x);
    for (int metric = CALR_COSINE; metric <= CALR_EUCLIDEAN; metric++) {
        /* euclidean: the order of ties beyond the spare candidates is not calr_knn's either */
        double tolerance = metric == CALR_COSINE ? 0 : 1e-6;
        check_all_lists(x, N, D, NULL, 0, 25, (calr_metric)metric, true, 30, tolerance);
        check_all_lists(x, N, D, x + N * D, 50, 25, (calr_metric)metric, true, 30, tolerance);
    }
    free(x);
    float same[300] = {0};
    for (int round = 0; round < 2; round++) {
        for (int metric = CALR_COSINE; metric <= CALR_EUCLIDEAN; metric++) {
            calr_ivf *ivf = new_index(same, 300, 1, (calr_metric)metric, 10, true);
            calr_ivf_query query = {NULL, 0, 4, true};
            answer got = new_answer(300, 4);
            CHECK_OK(calr_ivf_search(ivf, &query, 1, got.indices, got.values));
            CHECK(got.indices[0] == 0 && got.indices[1] == 1 && got.indices[3] == 3);
            CHECK(got.indices[1196] == 299 && got.indices[1197] == 0 && got.indices[1199] == 2);
            CHECK_NEAR(got.values[1199], metric == CALR_COSINE ? round : 0, 0);
            free_answer(got);
            calr_ivf_free(ivf);
        }
        for (int i = 0; i < 300; i++)
            same[i] = 2.5f;
    }
}

/* Recall as it is defined, from exact neighbours of the same queries. */
static double recall_of(answer got, answer want, int64_t n, int64_t k, int64_t first)
{
    int64_t right = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t p = first; p < k; p++)
            for (int64_t q = first; q < k; q++)
                right += got.indices[i * k + p] == want.indices[i * k + q];
    return (double)right / (double)(n * (k - first));
}

static void test_recall(void)
{
    enum { N = 900, D = 12, K = 11 };
    float *x = random_rows(8, N + 200, D, 40, 1.2);
    answer want = new_answer(N, K), got = new_answer(N, K);
    for (int metric = CALR_COSINE; metric <= CALR_EUCLIDEAN; metric++) {
        calr_ivf *ivf = new_index(x, N, D, (calr_metric)metric, 0, true);
        CHECK_INT(calr_ivf_lists(ivf), 120);
        for (int kind = 0; kind < 3; kind++) {
            const float *queries = kind == 2 ? x + N * D : NULL;
            int64_t rows = queries ? 200 : N, probes;
            calr_ivf_query query = {queries, 200, K, kind == 0};
            calr_ivf_sample all = {N, 0}, some = {150, 7};
            CHECK_OK(calr_knn(queries ? queries : x, rows, queries ? x : NULL, N, D, K,
                              (calr_metric)metric, kind == 0, want.indices, want.values));
            double before = 0, recall, chosen;
            for (int64_t p = 1; p <= 120; p = p < 64 ? p * 4 : p + 56) {
                CHECK_OK(calr_ivf_search(ivf, &query, p, got.indices, got.values));
                CHECK_OK(calr_ivf_recall(ivf, &query, p, &all, &recall));
                CHECK_NEAR(recall, recall_of(got, want, rows, K, kind == 0), 1e-9);
                CHECK(recall >= before);
                before = recall;
            }
            CHECK_NEAR(before, 1, 0);
            /* The least number: one probe fewer does not do. */
            CHECK_OK(calr_ivf_choose_probes(ivf, &query, 0.9, &all, &probes, &chosen));
            CHECK(chosen >= 0.9 && probes > 1 && probes < 120);
            CHECK_OK(calr_ivf_recall(ivf, &query, probes, &all, &recall));
            CHECK_NEAR(recall, chosen, 0);
            CHECK_OK(calr_ivf_recall(ivf, &query, probes - 1, &all, &recall));
            CHECK(recall < 0.9);
            CHECK_OK(calr_ivf_choose_probes(ivf, &query, 1, &some, &probes, &chosen));
            CHECK_NEAR(chosen, 1, 0);
            CHECK_OK(calr_ivf_recall(ivf, &query, probes, &some, &recall));
            CHECK_NEAR(recall, 1, 0);
        }
        calr_ivf_free(ivf);
    }
    free_answer(want);
    free_answer(got);
    free(x);
}

/* More neighbours than the probed lists hold: further lists are taken, in the order of their distance. */
static void test_few_candidates(void)
{
    enum { N = 200, D = 6 };
    float *x = random_rows(21, N, D, 20, 0.3);
    for (int metric = CALR_COSINE; metric <= CALR_EUCLIDEAN; metric++) {
        calr_ivf *ivf = new_index(x, N, D, (calr_metric)metric, 60, false);
        for (int64_t k = 1; k <= N; k = k < 100 ? 10 * k : k + 50) {
            for (int include = 0; include < 2; include++) {
                int64_t many = k == N && !include ? N - 1 : k;
                calr_ivf_query query = {NULL, 0, many, include};
                answer got = new_answer(N, many);
                CHECK_OK(calr_ivf_search(ivf, &query, 1, got.indices, got.values));
                int wrong = 0;
                for (int64_t i = 0; i < N; i++) {
                    char seen[N] = {0};
                    for (int64_t p = 0; p < many; p++) {
                        int32_t row = got.indices[i * many + p];
                        bool bad = row < 0 || row >= N || seen[row] || (row == i && !include);
                        wrong += bad;
                        if (!bad)
                            seen[row] = 1;
                    }
                }
                CHECK_INT(wrong, 0);
                free_answer(got);
            }
        }
        calr_ivf_free(ivf);
        check_all_lists(x, N, D, NULL, 0, N - 1, (calr_metric)metric, false, 60, 1e-6);
    }
    free(x);
}

static void test_threads(void)
{
    enum { N = 1500, D = 40, K = 12 };
    int before = calr_parallel_threads();
    float *x = random_rows(3, N, D, 50, 0.8);
    calr_ivf_query query = {NULL, 0, K, true};
    calr_ivf_sample sample = {100, 1};
    for (int metric = CALR_COSINE; metric <= CALR_EUCLIDEAN; metric++) {
        answer got[4];
        int64_t probes[4];
        double recall[4];
        for (int t = 0; t < 4; t++) {
            CHECK_OK(calr_parallel_set_threads(t % 2 + 1));
            calr_ivf *ivf = new_index(x, N, D, (calr_metric)metric, 0, t < 2);
            got[t] = new_answer(N, K);
            CHECK_OK(calr_ivf_choose_probes(ivf, &query, 0.9, &sample, &probes[t], &recall[t]));
            CHECK_OK(calr_ivf_search(ivf, &query, 6, got[t].indices, got[t].values));
            check_same(got[t], got[0], N, K, 0);
            CHECK(probes[t] == probes[0] && recall[t] == recall[0]);
            calr_ivf_free(ivf);
        }
        for (int t = 0; t < 4; t++)
            free_answer(got[t]);
    }
    /* One query, one list. */
    answer one[2];
    calr_ivf_query single = {x, 1, K, false};
    for (int t = 0; t < 2; t++) {
        CHECK_OK(calr_parallel_set_threads(t + 1));
        calr_ivf *ivf = new_index(x, N, D, CALR_COSINE, 1, true);
        one[t] = new_answer(1, K);
        CHECK_OK(calr_ivf_search(ivf, &single, 1, one[t].indices, one[t].values));
        calr_ivf_free(ivf);
    }
    check_same(one[1], one[0], 1, K, 0);
    free_answer(one[0]);
    free_answer(one[1]);
    CHECK_OK(calr_parallel_set_threads(before));
    free(x);
}

/* Numbers whose squares leave single precision, and queries far from all rows. */
static void test_extremes(void)
{
    float *x = random_rows(31, 100, 4, 100, 1), queries[12];
    for (int round = 0; round < 3; round++) {
        const float factors[] = {1, 1e20f, 1e-35f};
        for (int i = 0; i < 400; i++)
            x[i] *= factors[round];
        for (int i = 0; i < 12; i++)
            queries[i] = (i % 5 ? 1e30f : -2e30f) * (float)(1 + i);
        check_all_lists(x, 100, 4, NULL, 0, 9, CALR_COSINE, true, 20, 1e-6);
        check_all_lists(x, 100, 4, NULL, 0, 9, CALR_EUCLIDEAN, true, 20, 1e-6);
        calr_ivf *ivf = new_index(x, 100, 4, CALR_EUCLIDEAN, 20, true);
        calr_ivf_query far = {queries, 3, 100, false};
        answer got = new_answer(3, 100);
        CHECK_OK(calr_ivf_search(ivf, &far, 1, got.indices, got.values));
        int wrong = 0;
        for (int p = 1; p < 300; p++)
            wrong += p % 100 != 0 && got.values[p] < got.values[p - 1];
        CHECK_INT(wrong, 0);
        free_answer(got);
        calr_ivf_free(ivf);
    }
    free(x);
}

static void test_small(void)
{
    float x[4] = {1, 0, 0, 2}, values[8];
    int32_t indices[8];
    double recall;
    int64_t probes;
    calr_ivf_sample sample = {10, 0};
    for (int metric = CALR_COSINE; metric <= CALR_EUCLIDEAN; metric++) {
        calr_ivf *ivf = new_index(x, 0, 2, (calr_metric)metric, 0, true);
        CHECK_INT(calr_ivf_size(ivf), 0);
        CHECK_INT(calr_ivf_lists(ivf), 0);
        calr_ivf_query query = {NULL, 0, 1, true};
        CHECK_FAILS(calr_ivf_search(ivf, &query, 1, indices, values), CALR_EINVAL,
                    "only 0: n is 0");
        calr_ivf_free(ivf);
        ivf = new_index(x, 1, 2, (calr_metric)metric, 0, true);
        CHECK_OK(calr_ivf_search(ivf, &query, 1, indices, values));
        CHECK(indices[0] == 0 && values[0] == (metric == CALR_COSINE));
        CHECK_OK(calr_ivf_recall(ivf, &query, 1, &sample, &recall));
        CHECK_NEAR(recall, 1, 0);
        CHECK_OK(calr_ivf_choose_probes(ivf, &query, 1, &sample, &probes, &recall));
        CHECK(probes == 1 && recall == 1);
        query.include_self = false;
        CHECK_FAILS(calr_ivf_search(ivf, &query, 1, indices, values), CALR_EINVAL,
                    "only 0 besides the row itself");
        calr_ivf_free(ivf);
        ivf = new_index(x, 2, 2, (calr_metric)metric, 0, false);
        CHECK_OK(calr_ivf_search(ivf, &query, 1, indices, values));
        CHECK(indices[0] == 1 && indices[1] == 0);
        calr_ivf_query given = {x, 0, 2, false};
        CHECK_OK(calr_ivf_search(ivf, &given, 1, indices, values));
        CHECK_OK(calr_ivf_recall(ivf, &given, 1, &sample, &recall));
        CHECK_NEAR(recall, 1, 0);
        calr_ivf_free(ivf);
    }
    calr_ivf_free(NULL);
}

static void test_bad_input(void)
{
    float x[6] = {1, 2, 3, 4, 5, 6}, bad[6] = {1, 2, 3, NAN, 5, 6}, values[6];
    int32_t indices[6];
    calr_ivf *ivf;
    calr_ivf_options options = {.metric = CALR_COSINE};
    CHECK_FAILS(calr_ivf_new(bad, 3, 2, &options, &ivf), CALR_ENUMERIC, "row 1 ");
    bad[3] = INFINITY;
    options.metric = CALR_EUCLIDEAN;
    CHECK_FAILS(calr_ivf_new(bad, 3, 2, &options, &ivf), CALR_ENUMERIC, "row 1 ");
    CHECK_FAILS(calr_ivf_new(x, 3, 0, &options, &ivf), CALR_EINVAL, "at least one number");
    CHECK_FAILS(calr_ivf_new(x, -1, 2, &options, &ivf), CALR_EINVAL, "not -1 x 2");
    options.lists = 4;
    CHECK_FAILS(calr_ivf_new(x, 3, 2, &options, &ivf), CALR_EINVAL, "4 lists cannot be made of 3");
    options.lists = 3;
    options.sample = 2;
    CHECK_FAILS(calr_ivf_new(x, 3, 2, &options, &ivf), CALR_EINVAL, "too small for 3");
    options.lists = 0;
    CHECK_OK(calr_ivf_new(x, 3, 2, &options, &ivf));
    CHECK_INT(calr_ivf_lists(ivf), 2);
    calr_ivf_query query = {NULL, 0, 4, true};
    CHECK_FAILS(calr_ivf_search(ivf, &query, 1, indices, values), CALR_EINVAL, "only 3: n is 3");
    query.k = 0;
    CHECK_FAILS(calr_ivf_search(ivf, &query, 1, indices, values), CALR_EINVAL, "at least 1");
    query.k = 2;
    CHECK_FAILS(calr_ivf_search(ivf, &query, 0, indices, values), CALR_EINVAL, "probes must be");
    query.rows = bad;
    query.n = 3;
    CHECK_FAILS(calr_ivf_search(ivf, &query, 1, indices, values), CALR_ENUMERIC,
                "row 1 (from 0) of the queries");
    calr_ivf_sample sample = {2, 0}, none = {0, 0};
    int64_t probes;
    double recall;
    CHECK_FAILS(calr_ivf_recall(ivf, &query, 1, &sample, &recall), CALR_ENUMERIC, "row 1 ");
    query.rows = NULL;
    CHECK_FAILS(calr_ivf_recall(ivf, &query, 1, &none, &recall), CALR_EINVAL, "at least 1 query");
    CHECK_FAILS(calr_ivf_choose_probes(ivf, &query, 0, &sample, &probes, &recall), CALR_EINVAL,
                "above 0");
    CHECK_FAILS(calr_ivf_choose_probes(ivf, &query, NAN, &sample, &probes, &recall), CALR_EINVAL,
                "above 0");
    calr_ivf_free(ivf);
}

int main(void)
{
    /* Work this small is slower on more threads where processors are busy; test_threads compares their numbers. */
    CHECK_OK(calr_parallel_set_threads(1));
    RUN(test_all_lists);
    RUN(test_ties);
    RUN(test_recall);
    RUN(test_few_candidates);
    RUN(test_threads);
    RUN(test_extremes);
    RUN(test_small);
    RUN(test_bad_input);
    return check_finish();
}
