/* Convolutions by oneDNN. Internal to cpu/.
 *
 * onednn.c holds what any version needs (the cache of plans, the kernels of the table); onednn2.c
 * is all that knows oneDNN's own types, for version 2 of its C interface. */
#ifndef CALR_BACKEND_CPU_ONEDNN_H
#define CALR_BACKEND_CPU_ONEDNN_H

#include <stddef.h>

#include "backend/backend.h"

/* ---- onednn.c: the kernels of the table; geometries that oneDNN has no fast code for go to the
 * portable ones. ---- */
calr_status calr_onednn_conv2d_forward(const calr_conv2d *conv, const float *x, const float *w,
                                       const float *bias, float *y);
calr_status calr_onednn_conv2d_backward_data(const calr_conv2d *conv, const float *w,
                                             const float *dy, float *dx);
calr_status calr_onednn_conv2d_backward_weights(const calr_conv2d *conv, const float *x,
                                                const float *dy, float *dw, float *dbias);
calr_status calr_onednn_conv2d_name(const calr_conv2d *conv, calr_conv2d_pass pass, char *text,
                                    size_t size);

/* ---- onednn2.c: one convolution of one geometry, ready to run ---- */
typedef struct calr_onednn_plan calr_onednn_plan;

/* What a plan computes; two plans of the same specification are the same. Specifications are
 * compared as bytes: fields of 64 bits only, so that there is no padding. */
typedef struct calr_onednn_spec {
    calr_conv2d conv;
    int64_t pass; /* calr_conv2d_pass */
    int64_t bias; /* forward: a bias is added */
} calr_onednn_spec;

/* *out is NULL (and the status CALR_OK) where oneDNN has only its slow reference code, or none. */
calr_status calr_onednn_plan_new(const calr_onednn_spec *spec, calr_onednn_plan **out);
void calr_onednn_plan_release(calr_onednn_plan *plan); /* NULL is allowed */
/* in: x, or dy for backward data; weights: w, written by backward weights; bias: forward only, may
 * be NULL; out: y or dx, or for backward weights the second input dy. Several threads may run one
 * plan. */
calr_status calr_onednn_plan_run(const calr_onednn_plan *plan, const float *in, float *weights,
                                 const float *bias, float *out);
const char *calr_onednn_plan_name(const calr_onednn_plan *plan);

/* "2.6.3" and "avx512_core_amx". */
void calr_onednn_describe(char *version, size_t version_size, char *isa, size_t isa_size);

#endif
