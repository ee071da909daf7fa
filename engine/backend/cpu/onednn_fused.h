/* Frozen convolutions by oneDNN. Internal to cpu/. */
#ifndef CALR_BACKEND_CPU_ONEDNN_FUSED_H
#define CALR_BACKEND_CPU_ONEDNN_FUSED_H

#include "backend/backend.h"

/* One geometry, ready to run: code, and weights in its order. */
typedef struct calr_onednn_fused calr_onednn_fused;

/* x and y have the type that conv->dtype says. `sum`: the result is added to what y holds. sibling (may be
 * NULL) is another plan for the same weights, whose reordered copy is shared when it has the same order.
 * *out is NULL (and the status CALR_OK) where oneDNN has only its slow reference code, or none. */
calr_status calr_onednn_fused_new(const calr_conv2d *conv, const float *w, const float *bias,
                                  calr_activation activation, bool sum,
                                  const calr_onednn_fused *sibling, calr_onednn_fused **out);
void calr_onednn_fused_release(calr_onednn_fused *plan); /* NULL is allowed */
/* Several threads may run one plan. */
calr_status calr_onednn_fused_run(const calr_onednn_fused *plan, const void *x, void *y);
const char *calr_onednn_fused_name(const calr_onednn_fused *plan);

#endif
