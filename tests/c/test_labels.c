/* Arithmetic on labels: groups, neighbours and quantiles against plain re-computation, and odd input. */
#include "labels/labels.h"

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "check.h"

enum { ROWS = 500, K = 9 };

/* The commonest group by counting all members of all clusters, the slow way. */
static void check_commonest(const int32_t *labels, const int32_t *groups, int64_t n,
                            int32_t clusters)
{
    int32_t found[64];
    CHECK_OK(calr_labels_commonest(labels, groups, n, clusters, found));
    for (int32_t c = 0; c < clusters; c++) {
        int64_t most = 0;
        int32_t want = -1;
        for (int64_t i = 0; i < n; i++) {
            int64_t count = 0;
            for (int64_t j = 0; j < n; j++)
                count += labels[j] == c && groups[j] == groups[i];
            if (labels[i] == c && groups[i] >= 0 && count > most) {
                most = count;
                want = groups[i];
            }
        }
        CHECK(found[c] == want);
    }
}

static void test_random(void)
{
    for (uint32_t round = 0; round < 20; round++) {
        calr_rng rng = calr_rng_make(7, calr_rng_purpose("labels"), round, 0);
        int32_t labels[ROWS], groups[ROWS], indices[ROWS * K];
        float share[ROWS];
        int32_t clusters = 1 + (int32_t)(calr_rng_double(&rng) * 60);
        for (int64_t i = 0; i < ROWS; i++) {
            labels[i] = (int32_t)(calr_rng_double(&rng) * (clusters + 1)) - 1;
            groups[i] = (int32_t)(calr_rng_double(&rng) * 5) - 1;
        }
        check_commonest(labels, groups, ROWS, clusters);
        for (int64_t i = 0; i < (int64_t)ROWS * K; i++)
            indices[i] = (int32_t)(calr_rng_double(&rng) * (ROWS + 1)) - 1;
        CHECK_OK(calr_labels_neighbour_share(labels, ROWS, indices, K, K, share));
        for (int64_t i = 0; i < ROWS; i++) {
            double others = 0, same = 0;
            for (int64_t j = 0; j < K; j++) {
                int32_t other = indices[i * K + j];
                others += other >= 0 && other != i;
                same += other >= 0 && other != i && labels[other] == labels[i];
            }
            double want = labels[i] < 0 || others == 0 ? 0 : same / others;
            CHECK(fabs(share[i] - want) < 1e-6);
        }
    }
}

static void test_odd(void)
{
    int32_t labels[2] = {0, -2}, groups[2] = {0, 0}, indices[2] = {0, 5}, common[1];
    float share[2];
    CHECK_FAILS(calr_labels_commonest(labels, groups, 2, 1, common), CALR_EINVAL,
                "label -2 of image 2");
    CHECK_FAILS(calr_labels_neighbour_share(groups, 2, indices, 1, 1, share), CALR_EINVAL,
                "neighbour 5 of image 2 is outside the 2 images");
    CHECK_OK(calr_labels_commonest(labels, groups, 0, 1, common));
    CHECK(common[0] == -1);
    CHECK_OK(calr_labels_neighbour_share(labels, 0, indices, 0, 0, share));
    CHECK_OK(calr_labels_neighbour_share(groups, 2, indices, 0, 3, share));
    CHECK(share[0] == 0 && share[1] == 0);
}

static void test_members(void)
{
    int32_t labels[7] = {2, 0, -1, 2, 3, 0, 2}, rows[7];
    int64_t start[4];
    calr_labels_members(labels, 7, 3, start, rows); /* cluster 3 is left out */
    int64_t starts[4] = {0, 2, 2, 5};
    int32_t expected[5] = {1, 5, 0, 3, 6};
    for (int c = 0; c < 4; c++)
        CHECK_INT(start[c], starts[c]);
    for (int i = 0; i < 5; i++)
        CHECK_INT(rows[i], expected[i]);
    calr_labels_members(labels, 0, 0, start, rows);
    CHECK_INT(start[0], 0);
}

int main(void)
{
    RUN(test_random);
    RUN(test_odd);
    RUN(test_members);
    return check_finish();
}
