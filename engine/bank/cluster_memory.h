/* The cluster memory: one unit vector for each cluster, moved by momentum.
 *
 * ClusterContrast (Dai et al., arXiv 2103.11568) with the loss in Lua; here is what must be fast.
 * All matrices are row-major f32, rows contiguous. */
#ifndef CALR_BANK_CLUSTER_MEMORY_H
#define CALR_BANK_CLUSTER_MEMORY_H

#include <stdint.h>

#include "base/status.h"

/* memory[clusters x dim] = L2-normalised mean of the rows of features[n x dim] with each label.
 * Outliers (-1) do not count; a cluster without members is a zero row. Same bits for any number of
 * threads. */
calr_status calr_bank_centroids(const float *features, const int32_t *labels, int64_t n,
                                int64_t dim, int64_t clusters, float *memory);

/* For every sample in order: M_y := normalise(momentum M_y + (1 - momentum) f). features[batch x
 * dim], labels[batch] in 0 .. clusters-1 (CALR_EINVAL names the first that is not). */
calr_status calr_bank_update_mean(float *memory, int64_t clusters, int64_t dim,
                                  const float *features, const int32_t *labels, int64_t batch,
                                  double momentum);

/* The same, once for each cluster in the batch, with the mean of its samples (added in their order). */
calr_status calr_bank_update_average(float *memory, int64_t clusters, int64_t dim,
                                     const float *features, const int32_t *labels, int64_t batch,
                                     double momentum);

/* The same, once for each cluster in the batch, with its sample least similar to the memory (the
 * first of equals). */
calr_status calr_bank_update_hard(float *memory, int64_t clusters, int64_t dim,
                                  const float *features, const int32_t *labels, int64_t batch,
                                  double momentum);

#endif
