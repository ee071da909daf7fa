/* Re-ranking: its bounds, threads, and bad input. Values of the published algorithm are in
 * tests/lua/test_rank.lua. */
#include "check.h"

#include <stdlib.h>

#include "base/parallel.h"
#include "base/rng.h"
#include "rank/rerank.h"

enum { QUERIES = 70, GALLERY = 260, DIM = 8, GROUPS = 20, K = 40 };

typedef struct data {
    float query[QUERIES * DIM], gallery[GALLERY * DIM];
    int64_t query_id[QUERIES], gallery_id[GALLERY];
    calr_rank_set queries, entries;
} data;

/* Unit rows around one direction for each group. */
static void make_rows(calr_rng *rng, const float *centre, int count, float *rows, int64_t *ids)
{
    for (int i = 0; i < count; i++) {
        double length = 0;
        ids[i] = (int64_t)calr_rng_below(rng, GROUPS);
        for (int c = 0; c < DIM; c++) {
            rows[i * DIM + c] = centre[ids[i] * DIM + c] + 0.7f * (float)calr_rng_normal(rng);
            length += (double)rows[i * DIM + c] * (double)rows[i * DIM + c];
        }
        for (int c = 0; c < DIM; c++)
            rows[i * DIM + c] /= (float)sqrt(length);
    }
}

static data *make_data(void)
{
    data *d = malloc(sizeof *d);
    calr_rng rng = calr_rng_make(9, calr_rng_purpose("test"), 0, 0);
    float centre[GROUPS * DIM];
    for (int i = 0; i < GROUPS * DIM; i++)
        centre[i] = (float)calr_rng_normal(&rng);
    make_rows(&rng, centre, QUERIES, d->query, d->query_id);
    make_rows(&rng, centre, GALLERY, d->gallery, d->gallery_id);
    d->queries = (calr_rank_set){.count = QUERIES, .features = d->query, .identities = d->query_id};
    d->entries =
        (calr_rank_set){.count = GALLERY, .features = d->gallery, .identities = d->gallery_id};
    return d;
}

static double evaluate(const data *d, const calr_rerank *rerank)
{
    double cmc[1];
    calr_rank_options options = {.max_rank = 1, .rerank = rerank};
    calr_rank_result result = {.cmc = cmc};
    CHECK_OK(calr_rank_evaluate(&d->queries, &d->entries, DIM, &options, &result));
    return result.map;
}

static calr_rerank *make(const data *d, int64_t k1, int64_t k2, double lambda)
{
    calr_rerank *rerank = NULL;
    calr_rerank_options options = {k1, k2, lambda};
    CHECK_OK(calr_rerank_new(&d->queries, &d->entries, DIM, &options, &rerank));
    return rerank;
}

static void helps_and_with_lambda_1_changes_nothing(void)
{
    data *d = make_data();
    calr_rerank *plain = make(d, 20, 6, 1), *usual = make(d, 20, 6, 0.3);
    CHECK_NEAR(evaluate(d, plain), evaluate(d, NULL), 1e-3); /* but for the order of near ties */
    CHECK(evaluate(d, usual) > evaluate(d, NULL) + 0.01);
    int32_t indices[QUERIES * K];
    float distances[QUERIES * K];
    CHECK_OK(
        calr_rank_topk(&d->queries, &d->entries, DIM, K, CALR_RULE_OWN, usual, indices, distances));
    int wrong = 0;
    for (int i = 0; i < QUERIES * K; i++)
        wrong += !(distances[i] >= 0 && distances[i] <= 1.0001f) ||
                 (i % K && distances[i] < distances[i - 1]);
    CHECK_INT(wrong, 0);
    calr_rerank_release(plain);
    calr_rerank_release(usual);
    free(d);
}

static void threads_do_not_matter(void)
{
    data *d = make_data();
    int before = calr_parallel_threads();
    double map[2];
    for (int t = 0; t < 2; t++) {
        CHECK_OK(calr_parallel_set_threads(t ? 4 : 1));
        calr_rerank *rerank = make(d, 12, 3, 0.4);
        map[t] = evaluate(d, rerank);
        calr_rerank_release(rerank);
    }
    CHECK_OK(calr_parallel_set_threads(before));
    CHECK(map[0] == map[1]);
    free(d);
}

static void bad_input(void)
{
    data *d = make_data();
    calr_rerank *rerank = NULL;
    calr_rerank_options k1 = {0, 1, 0.3}, k2 = {5, 6, 0.3}, lambda = {5, 2, NAN},
                        fine = {5, 2, 0.3};
    CHECK_FAILS(calr_rerank_new(&d->queries, &d->entries, DIM, &k1, &rerank), CALR_EINVAL, "k1");
    CHECK_FAILS(calr_rerank_new(&d->queries, &d->entries, DIM, &k2, &rerank), CALR_EINVAL,
                "k2 = 6");
    CHECK_FAILS(calr_rerank_new(&d->queries, &d->entries, DIM, &lambda, &rerank), CALR_EINVAL,
                "lambda");
    rerank = make(d, 500, 500, 0.3); /* more than there are */
    d->entries.count = GALLERY - 1;
    double cmc[1];
    calr_rank_options options = {.max_rank = 1, .rerank = rerank};
    calr_rank_result result = {.cmc = cmc};
    CHECK_FAILS(calr_rank_evaluate(&d->queries, &d->entries, DIM, &options, &result), CALR_EINVAL,
                "made for 70");
    calr_rerank_release(rerank);
    d->gallery[2 * DIM] += 0.5f;
    CHECK_FAILS(calr_rerank_new(&d->queries, &d->entries, DIM, &fine, &rerank), CALR_EINVAL,
                "row 2 ");
    d->query[DIM] = NAN;
    CHECK_FAILS(calr_rerank_new(&d->queries, &d->entries, DIM, &fine, &rerank), CALR_ENUMERIC,
                "row 1 ");
    calr_rerank_release(NULL);
    free(d);
}

int main(void)
{
    RUN(helps_and_with_lambda_1_changes_nothing);
    RUN(threads_do_not_matter);
    RUN(bad_input);
    return check_finish();
}
