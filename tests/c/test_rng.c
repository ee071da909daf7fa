/* Random numbers: the published vectors of Philox, and the properties that callers rely on. */
#include "check.h"

#include "base/rng.h"

/* Random123's kat_vectors for philox4x32-10. */
static void philox_known_answers(void)
{
    uint32_t out[4];
    calr_philox((uint32_t[4]){0, 0, 0, 0}, (uint32_t[2]){0, 0}, out);
    CHECK(out[0] == 0x6627e8d5 && out[1] == 0xe169c58d && out[2] == 0xbc57ac4c &&
          out[3] == 0x9b00dbd8);
    calr_philox((uint32_t[4]){~0u, ~0u, ~0u, ~0u}, (uint32_t[2]){~0u, ~0u}, out);
    CHECK(out[0] == 0x408f276d && out[1] == 0x41c83b0e && out[2] == 0xa20bc7c6 &&
          out[3] == 0x6d5451fd);
    calr_philox((uint32_t[4]){0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                (uint32_t[2]){0xa4093822, 0x299f31d0}, out);
    CHECK(out[0] == 0xd16cfe09 && out[1] == 0x94fdcceb && out[2] == 0x5001e420 &&
          out[3] == 0x24126ea1);
}

static void same_name_same_numbers(void)
{
    calr_rng a = calr_rng_make(7, calr_rng_purpose("augment"), 3, 17), b = a;
    calr_rng c = calr_rng_make(7, calr_rng_purpose("augment"), 3, 18);
    int differ = 0;
    for (int i = 0; i < 100; i++) {
        uint32_t x = calr_rng_u32(&a);
        CHECK(x == calr_rng_u32(&b));
        differ += x != calr_rng_u32(&c);
    }
    CHECK(differ > 95);
}

static void moments(void)
{
    calr_rng rng = calr_rng_make(1, calr_rng_purpose("test"), 0, 0);
    double uniform = 0, normal = 0, square = 0;
    int n = 100000, counts[7] = {0};
    for (int i = 0; i < n; i++) {
        uniform += calr_rng_double(&rng);
        double z = calr_rng_normal(&rng);
        normal += z;
        square += z * z;
        counts[calr_rng_below(&rng, 7)]++;
    }
    CHECK_NEAR(uniform / n, 0.5, 0.005);
    CHECK_NEAR(normal / n, 0, 0.015);
    CHECK_NEAR(square / n, 1, 0.02);
    for (int i = 0; i < 7; i++)
        CHECK_NEAR(counts[i], n / 7.0, 600);
}

static void shuffle_is_a_permutation(void)
{
    calr_rng rng = calr_rng_make(1, calr_rng_purpose("test"), 0, 1);
    int64_t items[50], sum = 0, moved = 0;
    for (int i = 0; i < 50; i++)
        items[i] = i;
    calr_rng_shuffle(&rng, items, 50);
    for (int i = 0; i < 50; i++) {
        sum += items[i] * items[i];
        moved += items[i] != i;
    }
    CHECK_INT(sum, 49 * 50 * 99 / 6);
    CHECK(moved > 30);
    calr_rng_shuffle(&rng, items, 0);
    calr_rng_shuffle(&rng, items, 1);
    CHECK_INT(calr_rng_below(&rng, 1), 0);
}

int main(void)
{
    RUN(philox_known_answers);
    RUN(same_name_same_numbers);
    RUN(moments);
    RUN(shuffle_is_a_permutation);
    return check_finish();
}
