/* Max pooling of bf16 maps by whole vectors of halves. Internal to cpu/; for processors with AVX-512 and its conversion
 * to bf16 (calr_cpu_has_bf16), for which pool_avx512_bf16.c is compiled. */
#ifndef CALR_BACKEND_CPU_POOL_HALVES_H
#define CALR_BACKEND_CPU_POOL_HALVES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bf16.h"

/* y = the largest of x[0][j], x[1][j], ... for j below c, and winner[j] (NULL: not wanted) the place of the first that
 * is as large. False, with anything written, where there is a NaN among them: that is for others. */
bool calr_pool_largest_halves(int64_t c, int count, const void *const *x, const int32_t *place,
                              calr_bf16 *y, uint8_t *winner);

/* dx = the sum of those dy[t][j] whose argmax[t][j] is place[t], in that order, rounded once. stream: past the caches,
 * where dx allows it; a caller ends with calr_stream_end. */
void calr_pool_gather_halves(int64_t c, int count, const uint8_t *const *argmax,
                             const void *const *dy, const int32_t *place, bool stream,
                             calr_bf16 *dx);

#endif
