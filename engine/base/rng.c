#include "base/rng.h"

#include <math.h>

uint32_t calr_rng_purpose(const char *name)
{
    uint32_t hash = 2166136261u;
    for (const unsigned char *p = (const unsigned char *)name; *p; p++)
        hash = (hash ^ *p) * 16777619u;
    return hash;
}

/* SplitMix64's finaliser: spreads small seeds over all bits of the key. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

calr_rng calr_rng_make(uint64_t seed, uint32_t purpose, uint32_t epoch, uint64_t index)
{
    uint64_t key = mix(mix(seed) ^ purpose);
    return (calr_rng){
        .key = {(uint32_t)key, (uint32_t)(key >> 32)},
        .counter = {0, epoch, (uint32_t)index, (uint32_t)(index >> 32)},
        .used = 4,
    };
}

void calr_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c0 = n0;
        c1 = (uint32_t)p1;
        c2 = n2;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

uint32_t calr_rng_u32(calr_rng *rng)
{
    if (rng->used == 4) {
        calr_philox(rng->counter, rng->key, rng->block);
        rng->counter[0]++;
        rng->used = 0;
    }
    return rng->block[rng->used++];
}

uint64_t calr_rng_u64(calr_rng *rng)
{
    uint64_t low = calr_rng_u32(rng);
    return low | (uint64_t)calr_rng_u32(rng) << 32;
}

double calr_rng_double(calr_rng *rng)
{
    return (double)(calr_rng_u64(rng) >> 11) * 0x1p-53;
}

uint64_t calr_rng_below(calr_rng *rng, uint64_t bound)
{
    if (bound < 2)
        return 0;
    uint64_t limit =
        UINT64_MAX - UINT64_MAX % bound; /* a multiple of bound: what lies past it is redrawn */
    uint64_t x;
    do {
        x = calr_rng_u64(rng);
    } while (x >= limit);
    return x % bound;
}

double calr_rng_normal(calr_rng *rng)
{
    double u = 1.0 - calr_rng_double(rng); /* in (0, 1]: the logarithm is finite */
    double v = calr_rng_double(rng);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586476925 * v);
}

void calr_rng_shuffle(calr_rng *rng, int64_t *items, int64_t count)
{
    for (int64_t i = count - 1; i > 0; i--) {
        int64_t j = (int64_t)calr_rng_below(rng, (uint64_t)i + 1);
        int64_t swapped = items[i];
        items[i] = items[j];
        items[j] = swapped;
    }
}
