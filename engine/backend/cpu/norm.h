/* Parts of the batch normalisation that fused kernels share. Internal to cpu/. */
#ifndef CALR_BACKEND_CPU_NORM_H
#define CALR_BACKEND_CPU_NORM_H

#include "backend/backend.h"
#include "backend/cpu/norm_rows.h"

/* What the slope of the activation is found from; `aside` as in batch_norm_backward. */
calr_norm_mask calr_norm_mask_of(const calr_norm *norm, const void *aside);

/* The second half of batch_norm_backward. sums: of g and of g (x - mean), 2 x c; `in` says what g is made of, for
 * all rows. dx may be what g is made of; dx, dgamma and dbeta may be NULL. vectors: 3 x c, for its own use. */
void calr_norm_from_sums(const calr_norm_gradient *in, int64_t rows, bool fixed, const float *table,
                         const double *sums, float *vectors, void *dx, float *dgamma, float *dbeta);

#endif
