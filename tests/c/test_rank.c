/* Ranking against full sorted lists, at sizes that span several tiles, and for any number of
 * threads. Values by definition from numpy are in tests/lua/test_rank.lua. */
#include "check.h"

#include <stdlib.h>

#include "base/parallel.h"
#include "base/rng.h"
#include "rank/expand.h"
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

static void same_for_any_threads(int queries)
{
    data *d = make_data(50);
    for (int i = 0; i < QUERIES * DIM; i++)
        d->query[i] *= 0.37f;
    d->queries.count = queries;
    int before = calr_parallel_threads();
    calr_rank_options options = {.ap = CALR_AP_TRAPEZOID, .max_rank = RANKS};
    calr_rank_result one, many;
    double one_cmc[RANKS], many_cmc[RANKS];
    one.cmc = one_cmc;
    many.cmc = many_cmc;
    one.average_precision = many.average_precision = NULL;
    one.first_match = many.first_match = NULL;
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
    RUN(threads_do_not_matter);
    RUN(draws_and_expansion_for_any_threads);
    RUN(bad_input);
    return check_finish();
}
