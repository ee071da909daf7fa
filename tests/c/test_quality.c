/* Cluster quality by hand: the table of pairs, its bounds, and the treatment of outliers. The
 * comparison with scikit-learn is in tests/lua/test_quality.lua. */
#include "check.h"

#include <stdlib.h>

#include "base/rng.h"
#include "cluster/quality.h"

static calr_quality *make(int64_t n, const int64_t *truth, const int32_t *labels,
                          calr_quality_outliers outliers)
{
    calr_quality *quality = NULL;
    CHECK_OK(calr_quality_new(n, truth, labels, outliers, &quality));
    return quality;
}

static void by_hand(void)
{
    /* Clusters {a a b}, {b b}, and an outlier of a. */
    int64_t truth[] = {7, 7, -3, -3, -3, 7};
    int32_t labels[] = {4, 4, 4, 9, 9, -1};
    calr_quality *quality = make(6, truth, labels, CALR_OUTLIERS_SINGLETONS);
    CHECK_INT(calr_quality_items(quality), 6);
    CHECK_INT(calr_quality_identities(quality), 2);
    CHECK_INT(calr_quality_clusters(quality), 3);
    calr_quality_score pairs = calr_quality_pairwise(quality), items = calr_quality_bcubed(quality);
    CHECK_NEAR(pairs.precision, 2 / 4.0, 1e-15);
    CHECK_NEAR(pairs.recall, 2 / 6.0, 1e-15);
    CHECK_NEAR(pairs.f, 0.4, 1e-15);
    CHECK_NEAR(items.precision, (2 / 3.0 * 2 + 1 / 3.0 + 1 * 2 + 1) / 6, 1e-15);
    CHECK_NEAR(items.recall, (2 / 3.0 * 2 + 1 / 3.0 + 2 / 3.0 * 2 + 1 / 3.0) / 6, 1e-15);
    CHECK_NEAR(calr_quality_expansion(quality), 2, 1e-15);
    calr_quality_release(quality);
    quality = make(6, truth, labels, CALR_OUTLIERS_IGNORE);
    CHECK_INT(calr_quality_items(quality), 5);
    CHECK_NEAR(calr_quality_expansion(quality), 1.5, 1e-15);
    calr_quality_release(quality);
}

static void the_best_and_the_worst(void)
{
    enum { N = 1000 };
    int64_t truth[N];
    int32_t same[N], one[N], none[N];
    for (int i = 0; i < N; i++) {
        truth[i] = (int64_t)i % 37 * 1000000007;
        same[i] = 36 - i % 37;
        one[i] = 0;
        none[i] = -1;
    }
    calr_quality *quality = make(N, truth, same, CALR_OUTLIERS_SINGLETONS);
    CHECK_NEAR(calr_quality_pairwise(quality).f, 1, 0);
    CHECK_NEAR(calr_quality_bcubed(quality).f, 1, 1e-14);
    CHECK_NEAR(calr_quality_nmi(quality), 1, 1e-12);
    CHECK_NEAR(calr_quality_expansion(quality), 1, 0);
    calr_quality_release(quality);
    quality = make(N, truth, one, CALR_OUTLIERS_SINGLETONS);
    CHECK_NEAR(calr_quality_pairwise(quality).recall, 1, 0);
    CHECK_NEAR(calr_quality_nmi(quality), 0, 1e-12);
    calr_quality_release(quality);
    quality = make(N, truth, none, CALR_OUTLIERS_SINGLETONS);
    CHECK_NEAR(calr_quality_pairwise(quality).f, 0, 0);
    CHECK_NEAR(calr_quality_bcubed(quality).precision, 1, 1e-14);
    CHECK_NEAR(calr_quality_expansion(quality), N / 37.0, 1e-12);
    calr_quality_release(quality);
    quality = make(N, truth, none, CALR_OUTLIERS_IGNORE);
    CHECK_INT(calr_quality_items(quality), 0);
    CHECK_NEAR(calr_quality_nmi(quality), 0, 0);
    CHECK_NEAR(calr_quality_expansion(quality), 0, 0);
    calr_quality_release(quality);
}

static void bad_input(void)
{
    int64_t truth[] = {1, 2};
    int32_t labels[] = {0, -5};
    calr_quality *quality = NULL;
    CHECK_FAILS(calr_quality_new(2, truth, labels, CALR_OUTLIERS_IGNORE, &quality), CALR_EINVAL,
                "label 1");
    CHECK_FAILS(calr_quality_new(-1, truth, labels, CALR_OUTLIERS_IGNORE, &quality), CALR_EINVAL,
                "negative");
    CHECK(!quality);
    quality = make(0, NULL, NULL, CALR_OUTLIERS_SINGLETONS);
    CHECK_NEAR(calr_quality_pairwise(quality).f, 0, 0);
    calr_quality_release(quality);
    calr_quality_release(NULL);
}

int main(void)
{
    RUN(by_hand);
    RUN(the_best_and_the_worst);
    RUN(bad_input);
    return check_finish();
}
