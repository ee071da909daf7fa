/* Ranking against full sorted lists, at sizes that span several tiles, and for any number of
 * threads. Values by definition from numpy are in tests/lua/test_rank.lua. */
#include "check.h"

#include <stdlib.h>

#include "base/parallel.h"
#include "base/rng.h"
#include "rank/expand.h"
#include "rank/hits.h"
#include "rank/rank.h"

enum { QUERIES = 150, GALLERY = 900, DIM = 7, RANKS = 50 };

/* Small whole numbers: exact products, many equal distances. */
typedef struct data {
    float query[QUERIES * DIM], gallery[GALLERY * DIM];
    int64_t query_id[QUERIES], gallery_id[GALLERY], query_camera[QUERIES], gallery_camera[GALLERY];
    calr_rank_set queries, entries;
} data;

static data *make_data(int spread)
{
    data *d = malloc(sizeof *d);
    calr_rng rng = calr_rng_make(4, calr_rng_purpose("test"), 0, 0);
    for (int i = 0; i < QUERIES * DIM; i++)
        d->query[i] = (float)calr_rng_below(&rng, (uint64_t)spread) - 1;
    for (int i = 0; i < GALLERY * DIM; i++)
        d->gallery[i] = (float)calr_rng_below(&rng, (uint64_t)spread) - 1;
    for (int i = 0; i < QUERIES; i++) {
        d->query_id[i] = 1 + (int64_t)calr_rng_below(&rng, 30);
        d->query_camera[i] = (int64_t)calr_rng_below(&rng, 3);
    }
    for (int i = 0; i < GALLERY; i++) {
        d->gallery_id[i] = (int64_t)calr_rng_below(&rng, 30) - 1;
        d->gallery_camera[i] = (int64_t)calr_rng_below(&rng, 3);
    }
    d->queries = (calr_rank_set){QUERIES, d->query, d->query_id, d->query_camera};
    d->entries = (calr_rank_set){GALLERY, d->gallery, d->gallery_id, d->gallery_camera};
    return d;
}

typedef struct entry {
    double distance;
    int row;
} entry;

static int by_distance(const void *a, const void *b)
{
    const entry *p = a, *q = b;
    if (p->distance != q->distance)
        return p->distance < q->distance ? -1 : 1;
    return p->row - q->row;
}

/* The whole list of query i; returns its length. */
static int plain_list(const data *d, int i, entry *list)
{
    int count = 0;
    for (int j = 0; j < GALLERY; j++) {
        bool own = d->gallery_id[j] == d->query_id[i] && d->gallery_camera[j] == d->query_camera[i];
        if (d->gallery_id[j] == -1 || own)
            continue;
        double sum = 0;
        for (int c = 0; c < DIM; c++) {
            double difference = (double)d->query[i * DIM + c] - (double)d->gallery[j * DIM + c];
            sum += difference * difference;
        }
        list[count++] = (entry){sum, j};
    }
    qsort(list, (size_t)count, sizeof *list, by_distance);
    return count;
}

static void equals_sorted_lists(void)
{
    for (int spread = 2; spread < 40; spread += 18) {
        data *d = make_data(spread);
        static float ap[QUERIES], distances[QUERIES * GALLERY];
        static int32_t first[QUERIES], indices[QUERIES * GALLERY];
        double cmc[RANKS], mean = 0;
        calr_rank_result result = {.cmc = cmc, .average_precision = ap, .first_match = first};
        calr_rank_options options = {.ap = CALR_AP_STEP, .max_rank = RANKS};
        CHECK_OK(calr_rank_evaluate(&d->queries, &d->entries, DIM, &options, &result));
        CHECK_OK(calr_rank_topk(&d->queries, &d->entries, DIM, GALLERY, CALR_RULE_OWN, NULL,
                                indices, distances));
        int64_t valid = 0, differ = 0;
        for (int i = 0; i < QUERIES; i++) {
            entry list[GALLERY];
            int count = plain_list(d, i, list), hits = 0, found = -1;
            double sum = 0;
            for (int r = 0; r < count; r++) {
                differ += indices[i * GALLERY + r] != list[r].row;
                differ += fabs((double)distances[i * GALLERY + r] - sqrt(list[r].distance)) > 1e-5;
                if (d->gallery_id[list[r].row] != d->query_id[i])
                    continue;
                sum += (double)++hits / (r + 1);
                found = found < 0 ? r + 1 : found;
            }
            differ += count < GALLERY && indices[i * GALLERY + count] != -1;
            CHECK_INT(first[i], found);
            CHECK_NEAR(ap[i], hits ? sum / hits : -1, 1e-6);
            valid += hits > 0;
            mean += hits ? sum / hits : 0;
        }
        CHECK_INT(differ, 0);
        CHECK_INT(result.valid, valid);
        CHECK_NEAR(result.map, mean / (double)valid, 1e-12);
        CHECK(cmc[RANKS - 1] <= 1 && cmc[0] <= cmc[1] && result.minp > 0 &&
              result.minp <= result.map + 0.5);
        free(d);
    }
}

/* Both ways to count: the same bits, of every query. */
static void same_by_bytes(const calr_rank_set *query, const calr_rank_set *gallery, int64_t dim,
                          calr_rank_rule rule)
{
    double cmc[2][RANKS];
    float *ap[2];
    int32_t *first[2];
    calr_rank_result result[2];
    for (int way = 0; way < 2; way++) {
        ap[way] = malloc((size_t)query->count * sizeof(float));
        first[way] = malloc((size_t)query->count * sizeof(int32_t));
        result[way] = (calr_rank_result){
            .cmc = cmc[way], .average_precision = ap[way], .first_match = first[way]};
        calr_rank_options options = {.ap = CALR_AP_TRAPEZOID, .max_rank = RANKS, .rule = rule};
        CHECK_OK(calr_rank_evaluate_by(way ? CALR_RANK_BYTES : CALR_RANK_FLOAT, query, gallery, dim,
                                       &options, &result[way]));
    }
    CHECK(result[0].map == result[1].map && result[0].minp == result[1].minp);
    CHECK_INT(result[0].valid, result[1].valid);
    CHECK(memcmp(cmc[0], cmc[1], sizeof cmc[0]) == 0);
    CHECK(memcmp(ap[0], ap[1], (size_t)query->count * sizeof(float)) == 0);
    CHECK(memcmp(first[0], first[1], (size_t)query->count * sizeof(int32_t)) == 0);
    for (int way = 0; way < 2; way++) {
        free(ap[way]);
        free(first[way]);
    }
}

static void bytes_decide_nothing_wrongly(void)
{
    double cmc[RANKS];
    calr_rank_options options = {.max_rank = RANKS};
    calr_rank_result result = {.cmc = cmc};
    const calr_rank_rule rules[] = {CALR_RULE_OWN, CALR_RULE_CAMERA, CALR_RULE_JUNK};
    int before = calr_parallel_threads();
    for (int spread = 2; spread < 2000; spread = 3 * spread + 1) {
        data *d = make_data(spread); /* few whole numbers: ties, and equal rows */
        for (int r = 0; r < 3; r++)
            same_by_bytes(&d->queries, &d->entries, DIM, rules[r]);
        CHECK_OK(calr_parallel_set_threads(spread % 2 ? 1 : 3));
        d->queries.cameras = d->entries.cameras = NULL;
        same_by_bytes(&d->queries, &d->entries, DIM, CALR_RULE_OWN);
        for (int i = 0; i < GALLERY * DIM;
             i++) /* no whole numbers, almost alike, far from the origin */
            d->gallery[i] = 1e6f + 0.37f * d->gallery[i];
        for (int i = 0; i < QUERIES * DIM; i++)
            d->query[i] = 1e6f + 0.31f * d->query[i];
        same_by_bytes(&d->queries, &d->entries, DIM, CALR_RULE_OWN);
        for (int i = 0; i < GALLERY * DIM; i++)
            d->gallery[i] = i < 3 * DIM ? 1e18f : d->gallery[i] * 1e-30f;
        same_by_bytes(&d->queries, &d->entries, DIM, CALR_RULE_OWN);
        for (int i = 0; i < GALLERY * DIM; i++)
            d->gallery[i] = 0;
        same_by_bytes(&d->queries, &d->entries, DIM, CALR_RULE_OWN);
        for (int i = 0; i < GALLERY;
             i++) /* more matches than are counted one by one; all of them */
            d->gallery_id[i] = 1 + i % 2;
        for (int i = 0; i < GALLERY * DIM; i++)
            d->gallery[i] = (float)((i * 7919) % spread);
        same_by_bytes(&d->queries, &d->entries, DIM, CALR_RULE_OWN);
        for (int i = 0; i < GALLERY; i++)
            d->gallery_id[i] = 3;
        same_by_bytes(&d->queries, &d->entries, DIM, CALR_RULE_OWN);
        d->queries.count = 1;
        d->query_id[0] = 3;
        same_by_bytes(&d->queries, &d->entries, DIM, CALR_RULE_OWN);
        CHECK_OK(calr_parallel_set_threads(before));
        free(d);
    }
    data *d = make_data(5);
    d->entries.count = 0;
    CHECK_FAILS(
        calr_rank_evaluate_by(CALR_RANK_BYTES, &d->queries, &d->entries, DIM, &options, &result),
        CALR_ENOTFOUND, "products of bytes");
    free(d);
}

/* Rows of many columns, of which the bytes decide most; where the processor is fast at them, taken unforced. */
static void bytes_of_long_rows(void)
{
    enum { N = 600, M = 12000, D = 360 };
    float *x = malloc(sizeof(float) * (N + M) * D);
    int64_t *ids = malloc(sizeof(int64_t) * (N + M)), *cameras = malloc(sizeof(int64_t) * (N + M));
    for (int64_t i = 0; i < N + M; i++) {
        ids[i] = i % 300;
        cameras[i] = i % 7;
        calr_rng own = calr_rng_make(1, calr_rng_purpose("noise"), 0, (uint64_t)i);
        calr_rng person = calr_rng_make(1, calr_rng_purpose("person"), 0, (uint64_t)ids[i]);
        for (int c = 0; c < D; c++)
            x[i * D + c] =
                (float)((double)calr_rng_u32(&own) * 2.5 + calr_rng_u32(&person)) * 1e-9f;
    }
    calr_rank_set query = {N, x, ids, cameras},
                  gallery = {M, x + (int64_t)N * D, ids + N, cameras + N};
    same_by_bytes(&query, &gallery, D, CALR_RULE_OWN);
    double cmc[2][RANKS];
    calr_rank_result result[2] = {{.cmc = cmc[0]}, {.cmc = cmc[1]}};
    calr_rank_options options = {.max_rank = RANKS};
    CHECK_OK(calr_rank_evaluate(&query, &gallery, D, &options, &result[0]));
    CHECK_OK(calr_rank_evaluate_by(CALR_RANK_FLOAT, &query, &gallery, D, &options, &result[1]));
    CHECK(result[0].map == result[1].map && memcmp(cmc[0], cmc[1], sizeof cmc[0]) == 0);
    CHECK(result[0].map > 0.2 && result[0].map < 0.999);
    free(x);
    free(ids);
    free(cameras);
}

/* More hits than are counted at a time. */
static void bytes_of_few_persons(void)
{
    enum { N = 1300, M = 1800, D = 5 };
    float *x = malloc(sizeof(float) * (N + M) * D);
    int64_t *ids = malloc(sizeof(int64_t) * (N + M)), *cameras = malloc(sizeof(int64_t) * (N + M));
    calr_rng rng = calr_rng_make(8, calr_rng_purpose("few"), 0, 0);
    for (int64_t i = 0; i < N + M; i++) {
        ids[i] = 1 + (i % 100 == 0);
        cameras[i] = i % 3;
        for (int c = 0; c < D; c++)
            x[i * D + c] = (float)calr_rng_below(&rng, 1000);
    }
    calr_rank_set query = {N, x, ids, cameras},
                  gallery = {M, x + (int64_t)N * D, ids + N, cameras + N};
    same_by_bytes(&query, &gallery, D, CALR_RULE_OWN);
    free(x);
    free(ids);
    free(cameras);
}

static void same_for_any_threads(int queries)
{
    data *d = make_data(50);
    for (int i = 0; i < QUERIES * DIM; i++)
        d->query[i] *= 0.37f;
    d->queries.count = queries;
    int before = calr_parallel_threads();
    calr_rank_options options = {.ap = CALR_AP_TRAPEZOID, .max_rank = RANKS};
    double one_cmc[RANKS], many_cmc[RANKS];
    calr_rank_result one = {.cmc = one_cmc}, many = {.cmc = many_cmc};
    CHECK_OK(calr_parallel_set_threads(1));
    CHECK_OK(calr_rank_evaluate(&d->queries, &d->entries, DIM, &options, &one));
    CHECK_OK(calr_parallel_set_threads(5));
    CHECK_OK(calr_rank_evaluate(&d->queries, &d->entries, DIM, &options, &many));
    CHECK_OK(calr_parallel_set_threads(before));
    CHECK(one.map == many.map && one.minp == many.minp && one.valid == many.valid);
    CHECK(memcmp(one_cmc, many_cmc, sizeof one_cmc) == 0);
    free(d);
}

static void threads_do_not_matter(void)
{
    same_for_any_threads(QUERIES);
    same_for_any_threads(20); /* one tile */
}

static void bad_input(void)
{
    data *d = make_data(5);
    double cmc[RANKS];
    int32_t indices[QUERIES];
    calr_rank_result result = {.cmc = cmc};
    calr_rank_options options = {.max_rank = RANKS};
    CHECK_FAILS(calr_rank_evaluate(&d->queries, &d->entries, 0, &options, &result), CALR_EINVAL,
                "one column");
    options.max_rank = 0;
    CHECK_FAILS(calr_rank_evaluate(&d->queries, &d->entries, DIM, &options, &result), CALR_EINVAL,
                "max_rank");
    options.max_rank = RANKS;
    CHECK_FAILS(
        calr_rank_topk(&d->queries, &d->entries, DIM, 0, CALR_RULE_OWN, NULL, indices, NULL),
        CALR_EINVAL, "k must be");
    d->gallery[3 * DIM + 1] = NAN;
    d->gallery[5 * DIM] = INFINITY;
    CHECK_FAILS(calr_rank_evaluate(&d->queries, &d->entries, DIM, &options, &result), CALR_ENUMERIC,
                "row 3 ");
    d->entries.cameras = NULL;
    CHECK_FAILS(calr_rank_evaluate(&d->queries, &d->entries, DIM, &options, &result), CALR_EINVAL,
                "cameras");
    d->entries.identities = d->queries.identities = NULL;
    d->queries.cameras = NULL;
    CHECK_FAILS(calr_rank_evaluate(&d->queries, &d->entries, DIM, &options, &result), CALR_EINVAL,
                "identities");
    free(d);
}

/* Single-shot figures and expanded queries: the same bits for any number of threads. */
static void draws_and_expansion_for_any_threads(void)
{
    data *d = make_data(5);
    double cmc[2][RANKS];
    float *expanded[2];
    calr_rank_result result[2];
    int before = calr_parallel_threads();
    for (int i = 0; i < QUERIES + GALLERY; i++) { /* unit rows */
        float *row = i < QUERIES ? d->query + i * DIM : d->gallery + (i - QUERIES) * DIM;
        double sum = 0;
        row[0] += 10;
        for (int c = 0; c < DIM; c++)
            sum += row[c] * row[c];
        for (int c = 0; c < DIM; c++)
            row[c] = (float)(row[c] / sqrt(sum));
    }
    for (int t = 0; t < 2; t++) {
        CHECK_OK(calr_parallel_set_threads(1 + 2 * t));
        result[t] = (calr_rank_result){.cmc = cmc[t]};
        calr_rank_options options = {
            .max_rank = RANKS, .repeats = 7, .seed = 2, .rule = CALR_RULE_CAMERA};
        CHECK_OK(calr_rank_evaluate(&d->queries, &d->entries, DIM, &options, &result[t]));
        expanded[t] = malloc(sizeof(float) * QUERIES * DIM);
        CHECK_OK(calr_rank_expand(&d->queries, &d->entries, DIM, 6, 2, expanded[t]));
    }
    CHECK_OK(calr_parallel_set_threads(before));
    CHECK(result[0].map == result[1].map && memcmp(cmc[0], cmc[1], sizeof cmc[0]) == 0);
    CHECK(memcmp(expanded[0], expanded[1], sizeof(float) * QUERIES * DIM) == 0);
    for (int t = 0; t < 2; t++)
        free(expanded[t]);
    calr_rank_options options = {.max_rank = RANKS, .repeats = -1};
    CHECK_FAILS(calr_rank_evaluate(&d->queries, &d->entries, DIM, &options, &result[0]),
                CALR_EINVAL, "repeats");
    CHECK_FAILS(calr_rank_expand(&d->queries, &d->entries, DIM, 0, 2, d->query), CALR_EINVAL,
                "k >= 1");
    CHECK_FAILS(calr_rank_expand(&d->queries, &d->entries, DIM, 3, NAN, d->query), CALR_EINVAL,
                "alpha");
    free(d);
}

int main(void)
{
    RUN(equals_sorted_lists);
    RUN(bytes_decide_nothing_wrongly);
    RUN(bytes_of_long_rows);
    RUN(bytes_of_few_persons);
    RUN(threads_do_not_matter);
    RUN(draws_and_expansion_for_any_threads);
    RUN(bad_input);
    return check_finish();
}
