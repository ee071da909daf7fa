/* Tensors of random numbers, from a generator that the caller names (base/rng.h).
 *
 * Numbers that are filled in at once begin with a block of the generator of their own, and each has its place in the
 * stream: the same generator gives the same bits for any number of threads. CALR_EINVAL when the stream holds no more
 * numbers (2^34 of 32 bits); it is then as it was. */
#ifndef CALR_TENSOR_RANDOM_H
#define CALR_TENSOR_RANDOM_H

#include "base/rng.h"
#include "tensor/tensor.h"

/* Uniform in [0, 1): multiples of 2^-24 (f32), 2^-53 (f64), 2^-11 (f16), 2^-8 (bf16). Other types: CALR_EINVAL. */
calr_status calr_tensor_rand(calr_rng *rng, calr_dtype dtype, int ndim, const int64_t *shape,
                             calr_tensor **out);
/* Standard normal (Box-Muller, both numbers of a pair). Floats only. */
calr_status calr_tensor_randn(calr_rng *rng, calr_dtype dtype, int ndim, const int64_t *shape,
                              calr_tensor **out);
/* Whole numbers low .. high - 1 in a type that holds them; otherwise, and for low >= high, CALR_EINVAL. */
calr_status calr_tensor_randint(calr_rng *rng, int64_t low, int64_t high, calr_dtype dtype,
                                int ndim, const int64_t *shape, calr_tensor **out);
/* 0 .. count - 1 in a random order: i64. */
calr_status calr_tensor_randperm(calr_rng *rng, int64_t count, calr_tensor **out);
/* 1 with the probability that `p` has there, otherwise 0, in the type of p, a float. CALR_EINVAL names the first that
 * is no probability. */
calr_status calr_tensor_bernoulli(calr_rng *rng, const calr_tensor *p, calr_tensor **out);
/* `count` positions, from 0, for each row of weights (one row, or [rows x n]), each with a probability proportional to
 * its weight; without replacement, in the order in which they are drawn: i64. CALR_EINVAL: weights that are negative or
 * not finite, rows with too few above 0. */
calr_status calr_tensor_multinomial(calr_rng *rng, const calr_tensor *weights, int64_t count,
                                    bool replacement, calr_tensor **out);

#endif
