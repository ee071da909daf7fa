/* Matching of clusters: against all assignments of small cases, its bounds on large ones, aligned
 * numbers, stability, bad input. SciPy's values are in tests/lua/test_quality.lua. */
#include "check.h"

#include <stdlib.h>

#include "base/rng.h"
#include "cluster/match.h"

/* The best sum over all one-to-one assignments of the rows from `row` on. */
static int64_t best_of(const int64_t *table, int rows, int columns, int row, unsigned used)
{
    if (row == rows)
        return 0;
    int64_t best = best_of(table, rows, columns, row + 1, used);
    for (int c = 0; c < columns; c++) {
        if (used >> c & 1)
            continue;
        int64_t sum =
            table[row * columns + c] + best_of(table, rows, columns, row + 1, used | 1u << c);
        best = sum > best ? sum : best;
    }
    return best;
}

static void against_all_assignments(void)
{
    for (uint64_t round = 0; round < 400; round++) {
        calr_rng rng = calr_rng_make(round, calr_rng_purpose("match"), 0, 0);
        int rows = 1 + (int)calr_rng_below(&rng, 6), columns = 1 + (int)calr_rng_below(&rng, 6);
        int64_t n = (int64_t)calr_rng_below(&rng, 40), table[36] = {0}, agreed = -1, sum = 0;
        int32_t a[40], b[40], partner[6], taken[6] = {0};
        for (int64_t i = 0; i < n; i++) {
            a[i] = (int32_t)calr_rng_below(&rng, (uint64_t)rows + 1) - 1;
            b[i] = (int32_t)calr_rng_below(&rng, (uint64_t)columns + 1) - 1;
            if (a[i] >= 0 && b[i] >= 0)
                table[a[i] * columns + b[i]]++;
        }
        CHECK_OK(calr_labels_match(a, b, n, partner, &agreed));
        CHECK_INT(agreed, best_of(table, rows, columns, 0, 0));
        int32_t largest = -1;
        for (int64_t i = 0; i < n; i++)
            largest = a[i] > largest ? a[i] : largest;
        for (int32_t r = 0; r <= largest; r++) {
            if (partner[r] < 0)
                continue;
            CHECK(table[r * columns + partner[r]] > 0);
            CHECK(!taken[partner[r]]++);
            sum += table[r * columns + partner[r]];
        }
        CHECK_INT(sum, agreed);
    }
}

/* Renamed clusters come back, also when a tenth of the images moved. */
static void large(void)
{
    enum { N = 20000, K = 1500 };
    int32_t *a = malloc(sizeof *a * N), *b = malloc(sizeof *b * N), *out = malloc(sizeof *out * N),
            partner[K];
    int64_t order[K], agreed, clusters;
    calr_rng rng = calr_rng_make(3, calr_rng_purpose("match"), 0, 0);
    for (int k = 0; k < K; k++)
        order[k] = k;
    calr_rng_shuffle(&rng, order, K);
    for (int i = 0; i < N; i++) {
        a[i] = i % K;
        b[i] = (int32_t)order[a[i]];
    }
    CHECK_OK(calr_labels_match(a, b, N, partner, &agreed));
    CHECK_INT(agreed, N);
    CHECK_OK(calr_labels_align(a, b, N, out, &clusters));
    CHECK(memcmp(a, out, sizeof *a * N) == 0);
    CHECK_INT(clusters, K);
    for (int i = 0; i < N; i += 10)
        b[i] = (int32_t)calr_rng_below(&rng, K);
    CHECK_OK(calr_labels_match(a, b, N, partner, &agreed));
    CHECK(agreed >= N / 10 * 9);
    CHECK(partner[1] == order[1]);
    free(a);
    free(b);
    free(out);
}

static void aligned_and_stable(void)
{
    int32_t before[] = {0, 0, 0, 1, 1, 2, 2, -1, -1}, after[] = {5, 5, 7, 7, -1, 4, 4, 9, -1},
            out[9];
    int64_t clusters;
    calr_stability s;
    CHECK_OK(calr_labels_align(before, after, 9, out, &clusters));
    int32_t want[] = {0, 0, 1, 1, -1, 2, 2, 3, -1};
    CHECK(memcmp(out, want, sizeof out) == 0);
    CHECK_INT(clusters, 4);
    CHECK_OK(calr_labels_stability(before, after, 9, &s));
    CHECK_INT(s.both, 6);
    CHECK_INT(s.either, 8);
    CHECK_INT(s.agreed, 5);
    CHECK_INT(s.matched, 3);
    CHECK_INT(s.vanished, 0);
    CHECK_INT(s.appeared, 1);
    CHECK_OK(calr_labels_align(before, after, 9, after, NULL)); /* in place */
    CHECK(memcmp(after, want, sizeof out) == 0);
    CHECK_OK(calr_labels_stability(NULL, NULL, 0, &s));
    CHECK_INT(s.either, 0);
    int32_t bad[] = {-2}, fine[] = {0};
    CHECK_FAILS(calr_labels_stability(bad, fine, 1, &s), CALR_EINVAL, "label -2");
    CHECK_FAILS(calr_labels_match(fine, bad, 1, out, &clusters), CALR_EINVAL, "label -2");
}

int main(void)
{
    RUN(against_all_assignments);
    RUN(large);
    RUN(aligned_and_stable);
    return check_finish();
}
