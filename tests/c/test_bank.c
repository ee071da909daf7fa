/* The kernels of memories: by hand, against plain recomputations, threads, ties, bad input. PyTorch's
 * values are in tests/lua/test_memories.lua. */
#include "check.h"

#include <stdbool.h>
#include <stdlib.h>

#include "bank/cluster_memory.h"
#include "bank/instance_memory.h"
#include "bank/proxies.h"
#include "base/parallel.h"
#include "base/rng.h"

static void means_follow_their_vectors(void)
{
    enum { N = 90, D = 130, K = 7, B = 40 };
    static float vectors[N * D], means[K * D], again[K * D], features[B * D];
    int32_t class_of[N];
    int64_t counts[K], rows[B];
    calr_rng rng = calr_rng_make(3, calr_rng_purpose("bank"), 0, 0);
    for (int i = 0; i < N * D; i++)
        vectors[i] = (float)calr_rng_normal(&rng) / 12;
    for (int i = 0; i < N; i++)
        class_of[i] = i % (K - 1); /* the last class stays empty */
    for (int i = 0; i < B * D; i++)
        features[i] = (float)calr_rng_normal(&rng) / 12;
    for (int i = 0; i < B; i++)
        rows[i] = (int64_t)calr_rng_below(&rng, N / 3); /* some of them twice */
    CHECK_OK(calr_bank_means(vectors, class_of, N, D, K, means, counts));
    CHECK_OK(
        calr_bank_update_instances(vectors, N, D, class_of, counts, means, features, rows, B, 0.2));
    int before = calr_parallel_threads();
    CHECK_OK(calr_parallel_set_threads(3));
    CHECK_OK(calr_bank_means(vectors, class_of, N, D, K, again, counts));
    double worst = 0;
    for (int i = 0; i < K * D; i++)
        worst = fmax(worst, fabs(means[i] - again[i]));
    CHECK(worst < 1e-6);
    CHECK_OK(calr_parallel_set_threads(1));
    CHECK_OK(calr_bank_means(vectors, class_of, N, D, K, means, counts));
    CHECK_OK(calr_parallel_set_threads(before));
    CHECK(memcmp(means, again, sizeof means) == 0);
    CHECK(counts[K - 1] == 0 && means[(K - 1) * D] == 0);
    double length = 0;
    for (int c = 0; c < D; c++)
        length += vectors[rows[0] * D + c] * vectors[rows[0] * D + c];
    CHECK_NEAR(length, 1, 1e-5);
    rows[5] = N;
    CHECK_FAILS(
        calr_bank_update_instances(vectors, N, D, class_of, counts, means, features, rows, B, 0.2),
        CALR_EINVAL, "sample 6 of the batch is row 90");
    class_of[4] = -1;
    CHECK_FAILS(calr_bank_means(vectors, class_of, N, D, K, means, counts), CALR_EINVAL, "image 5");
    CHECK_OK(calr_bank_means(vectors, class_of, 0, D, K, means, counts));
    CHECK(counts[0] == 0 && means[0] == 0);
}

static void averages(void)
{
    float memory[] = {1, 0, 0, 1, 1, 0}, features[] = {0, 1, 0, -1, 1, 0, 0, 1};
    int32_t labels[] = {0, 2, 0, 2}; /* the samples of 2 cancel, cluster 1 has none */
    CHECK_OK(calr_bank_update_average(memory, 3, 2, features, labels, 4, 0.5));
    float half = (float)(1 / sqrt(10)); /* normalise(0.5 (1, 0) + 0.5 (0.5, 0.5)) */
    CHECK_NEAR(memory[0], 3 * half, 1e-6);
    CHECK_NEAR(memory[1], half, 1e-6);
    CHECK(memory[2] == 0 && memory[3] == 1);
    CHECK_NEAR(memory[4], 1, 1e-6);
    CHECK_OK(calr_bank_update_average(memory, 3, 2, features, labels, 0, 0.5));
    labels[1] = 3;
    CHECK_FAILS(calr_bank_update_average(memory, 3, 2, features, labels, 4, 0.5), CALR_EINVAL,
                "label 3");
}

static int takes_part(const float *mask, int64_t p)
{
    return mask[p] == 0;
}

/* Proxies 0 .. 5: clusters 0 0 1 1 2 2, cameras 0 1 0 2 1 2. */
static void proxies_by_hand(void)
{
    int32_t cluster[] = {0, 0, 1, 1, 2, 2}, camera[] = {0, 1, 0, 2, 1, 2}, own[] = {0, 2, 1};
    calr_proxies p = {6, cluster, camera, 3};
    float mask[18], target[18], scores[18] = {.9f, .1f, .3f, .3f, .2f, NAN}, affinity[18] = {0};
    CHECK_OK(calr_bank_proxies_intra(&p, own, 3, mask, target));
    CHECK(takes_part(mask, 0) && takes_part(mask, 2) && !takes_part(mask, 1) &&
          !takes_part(mask, 5));
    CHECK_NEAR(target[0], 0.5, 0); /* two samples of camera 0 */
    CHECK_NEAR(target[2 * 6 + 1], 1, 0);
    CHECK_OK(calr_bank_proxies_offline(&p, own, scores, 3, 1, mask, target));
    CHECK_NEAR(target[0], 0.25, 0);
    CHECK_NEAR(target[1], 0.25, 0);
    /* 2 and 3 tie: the lower one; the NaN is last */
    CHECK(takes_part(mask, 0) && takes_part(mask, 1) && takes_part(mask, 2) &&
          !takes_part(mask, 3));
    CHECK(!takes_part(mask, 5));
    CHECK_OK(calr_bank_proxies_offline(&p, own, scores, 3, 99, mask, target));
    CHECK(takes_part(mask, 5));
    CHECK_OK(calr_bank_proxies_online(&p, own, scores, affinity, 3, 1, 2, 1, mask, target));
    /* best of the cameras: 0 (.9), 4 (.2), 3 (.3): two best are 0 and 3; of the others 2 is best */
    CHECK(target[0] > 0 && target[3] > 0 && target[4] == 0);
    CHECK(takes_part(mask, 2) && !takes_part(mask, 1));
    CHECK_OK(calr_bank_proxies_online(&p, own, scores, affinity, 3, 0.5, 9, 0, mask, target));
    CHECK_NEAR(target[0], 1 / 6.0, 1e-7); /* no more cameras than three */
    CHECK_FAILS(calr_bank_proxies_online(&p, own, scores, affinity, 3, 2, 2, 1, mask, target),
                CALR_EINVAL, "balance");
    CHECK_FAILS(calr_bank_proxies_offline(&p, own, scores, 3, -1, mask, target), CALR_EINVAL,
                "-1 negatives");
    int32_t own_cluster[] = {0, 1, 0}, own_camera[] = {0, 0, 1}, found[3];
    CHECK_OK(calr_bank_proxies_own(&p, own_cluster, own_camera, 3, found));
    CHECK(memcmp(found, own, sizeof own) == 0);
    own_camera[1] = 1;
    CHECK_FAILS(calr_bank_proxies_own(&p, own_cluster, own_camera, 3, found), CALR_EINVAL,
                "sample 2: the memory has no proxy of cluster 1 in camera 1");
    /* weights 3 and 1 of the two samples of camera 0; the only one of camera 1 counts whole */
    float weights[] = {3, 1, 0.5f};
    CHECK_OK(calr_bank_proxies_intra(&p, own, 3, mask, target));
    CHECK_OK(calr_bank_proxies_weigh(&p, own, weights, 3, target));
    CHECK_NEAR(target[0], 0.75, 1e-7);
    CHECK_NEAR(target[6 + 2], 0.25, 1e-7);
    CHECK_NEAR(target[2 * 6 + 1], 1, 1e-7);
    weights[2] = 0;
    CHECK_OK(calr_bank_proxies_weigh(&p, own, weights, 3, target));
    CHECK(target[2 * 6 + 1] == 0); /* not 0/0 */
    weights[1] = -1;
    CHECK_FAILS(calr_bank_proxies_weigh(&p, own, weights, 3, target), CALR_EINVAL,
                "sample 2 is -1");
    own[1] = 6;
    CHECK_FAILS(calr_bank_proxies_intra(&p, own, 3, mask, target), CALR_EINVAL,
                "sample 2 of the batch has proxy 6");
    CHECK_OK(calr_bank_proxies_intra(&p, own, 0, mask, target));
}

/* The best others by a count of what ranks before each: equal scores by number, NaN last. */
static void negatives_of_many(void)
{
    enum { N = 900, B = 6 };
    const int64_t wanted[] = {0, 1, 50, 256, 257, 893, 2000};
    int32_t cluster[N], camera[N], own[B] = {3, 9, 10, 450, 898, 899};
    float *scores = malloc(sizeof(float) * N * B), *mask = malloc(sizeof(float) * N * B),
          *target = malloc(sizeof(float) * N * B);
    for (int p = 0; p < N; p++) {
        cluster[p] = p % 300;
        camera[p] = p / 300;
    }
    for (int i = 0; i < N * B; i++) /* falling, rising, and equal ones; some are no numbers */
        scores[i] = i % 97 == 0 ? NAN : (float)(i < N ? i : i < 2 * N ? -i : (i * 7919) % 40);
    calr_proxies proxies = {N, cluster, camera, 3};
    for (int w = 0; w < 7; w++) {
        CHECK_OK(calr_bank_proxies_offline(&proxies, own, scores, B, wanted[w], mask, target));
        int wrong = 0;
        for (int i = 0; i < B; i++)
            for (int p = 0; p < N; p++) {
                const float *s = scores + i * N;
                int64_t before = 0;
                for (int o = 0; o < N; o++) {
                    float a = isnan(s[o]) ? -INFINITY : s[o], b = isnan(s[p]) ? -INFINITY : s[p];
                    before += cluster[o] != cluster[own[i]] && (a > b || (a == b && o < p));
                }
                bool taken = cluster[p] == cluster[own[i]] || before < wanted[w];
                wrong += (mask[i * N + p] == 0) != taken;
            }
        CHECK_INT(wrong, 0);
    }
    free(scores);
    free(mask);
    free(target);
}

int main(void)
{
    RUN(means_follow_their_vectors);
    RUN(averages);
    RUN(proxies_by_hand);
    RUN(negatives_of_many);
    return check_finish();
}
