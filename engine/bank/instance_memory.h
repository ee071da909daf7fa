/* The instance memory of SpCL: one vector for each image, and the means of classes of images. Ge et al.,
 * "Self-paced contrastive learning with hybrid memory", NeurIPS 2020. Row-major f32, rows contiguous. */
#ifndef CALR_BANK_INSTANCE_MEMORY_H
#define CALR_BANK_INSTANCE_MEMORY_H

#include <stdint.h>

#include "base/status.h"

/* means[classes x dim] = the mean (not normalised) of the rows of vectors[n x dim] of each class;
 * counts[classes]. class_of[n] in 0 .. classes-1 (CALR_EINVAL names the first that is not); a class
 * without images is a zero row. Same bits for any number of threads. */
calr_status calr_bank_means(const float *vectors, const int32_t *class_of, int64_t n, int64_t dim,
                            int64_t classes, float *means, int64_t *counts);

/* For every sample in order: vector r := normalise(momentum r + (1 - momentum) f), r = rows[i], and the
 * mean of its class follows by its share of the change. features[batch x dim]; rows[batch] in 0 .. n-1
 * (CALR_EINVAL names the first that is not; nothing is changed then). */
calr_status calr_bank_update_instances(float *vectors, int64_t n, int64_t dim,
                                       const int32_t *class_of, const int64_t *counts, float *means,
                                       const float *features, const int64_t *rows, int64_t batch,
                                       double momentum);

#endif
