/* Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011).
 *
 * A stream is named, not stored: (seed, purpose, epoch, index) gives the same numbers wherever and
 * whenever it is opened, so that what happens to image 17 in epoch 3 does not depend on the number
 * of threads or on an interruption. Streams of different names are independent for all practical
 * purposes. */
#ifndef CALR_BASE_RNG_H
#define CALR_BASE_RNG_H

#include <stdint.h>

typedef struct calr_rng {
    uint32_t key[2];
    uint32_t counter[4]; /* word 0 counts blocks; words 1-3 name the stream */
    uint32_t block[4];
    int used; /* words of `block` already handed out; 4 when a new one is due */
} calr_rng;

/* Turns the name of a purpose ("augment", "sampler", "dropout") into a number (FNV-1a). */
uint32_t calr_rng_purpose(const char *name);

/* Opens a stream. epoch takes 32 bits, index 64. A stream holds 2^34 numbers of 32 bits. */
calr_rng calr_rng_make(uint64_t seed, uint32_t purpose, uint32_t epoch, uint64_t index);

uint32_t calr_rng_u32(calr_rng *rng);
uint64_t calr_rng_u64(calr_rng *rng);
/* Uniform in [0, 1), a multiple of 2^-53. */
double calr_rng_double(calr_rng *rng);
/* Uniform in 0 .. bound-1 without bias; 0 when bound is 0 or 1. */
uint64_t calr_rng_below(calr_rng *rng, uint64_t bound);
/* Standard normal (Box-Muller; one number a call, so that the count of draws is plain). */
double calr_rng_normal(calr_rng *rng);
/* Fisher-Yates over `count` indices. */
void calr_rng_shuffle(calr_rng *rng, int64_t *items, int64_t count);

/* One block of the generator: out = philox4x32-10(counter, key). For tests and for vectors of
 * numbers. */
void calr_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

#endif
