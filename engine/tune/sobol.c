#include "tune/sobol.h"

#include "base/rng.h"
#include "tune/sobol_directions.h"

#define BITS 32

/* The first `count` direction numbers of a dimension, the binary point before bit 31. */
static void directions(int64_t dimension, int count, uint32_t v[BITS])
{
    const uint16_t *row = sobol_directions[dimension];
    uint32_t polynomial = row[0];
    int degree = 31 - __builtin_clz(polynomial);
    for (int i = 0; i < count; i++) {
        if (degree == 0) {
            v[i] = 1U << (BITS - 1 - i);
        } else if (i < degree) {
            v[i] = (uint32_t)row[1 + i] << (BITS - 1 - i);
        } else {
            v[i] = v[i - degree] ^ (v[i - degree] >> degree);
            for (int k = 1; k < degree; k++) {
                if (polynomial >> (degree - k) & 1)
                    v[i] ^= v[i - k];
            }
        }
    }
}

static uint32_t reverse_bits(uint32_t x)
{
    x = __builtin_bswap32(x);
    x = (x & 0x0f0f0f0fU) << 4 | (x >> 4 & 0x0f0f0f0fU);
    x = (x & 0x33333333U) << 2 | (x >> 2 & 0x33333333U);
    return (x & 0x55555555U) << 1 | (x >> 1 & 0x55555555U);
}

/* Each bit is flipped or not by a hash of the bits above it. */
static uint32_t owen(uint32_t x, uint32_t seed)
{
    x = reverse_bits(x);
    x ^= x * 0x3d20adeaU;
    x += seed;
    x *= seed >> 16 | 1;
    x ^= x * 0x05526c56U;
    x ^= x * 0x53a22864U;
    return reverse_bits(x);
}

calr_status calr_sobol_point(int64_t index, int64_t dimensions, bool scramble, uint64_t seed,
                             double *out)
{
    if (index < 0 || index > UINT32_MAX)
        return calr_error(CALR_EINVAL, "point %lld of a Sobol sequence: there are 2^32",
                          (long long)index);
    if (dimensions < 1 || dimensions > CALR_SOBOL_DIMENSIONS)
        return calr_error(CALR_EINVAL, "a Sobol sequence of %lld dimensions: 1 to %d are possible",
                          (long long)dimensions, CALR_SOBOL_DIMENSIONS);
    uint32_t gray = (uint32_t)index ^ (uint32_t)index >> 1;
    int count = gray ? BITS - __builtin_clz(gray) : 0;
    uint32_t v[BITS], purpose = calr_rng_purpose("search.sobol");
    for (int64_t d = 0; d < dimensions; d++) {
        uint32_t x = 0;
        directions(d, count, v);
        for (int i = 0; i < count; i++)
            x ^= gray >> i & 1 ? v[i] : 0;
        if (scramble) {
            calr_rng rng = calr_rng_make(seed, purpose, 0, (uint64_t)d);
            x = owen(x, calr_rng_u32(&rng));
        }
        out[d] = x * 0x1p-32;
    }
    return CALR_OK;
}
