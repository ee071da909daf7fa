/* Convolutions by oneDNN. Internal to cpu/.
 *
 * onednn.c holds the cache of plans and the kernels of the table, onednn_plan.c and onednn_fused.c the plans; onednn2.c
 * and onednn3.c know what differs between the versions of oneDNN's C interface.
 *
 * Memory that cannot be had is a status here, as everywhere, but for the library's own small objects
 * (operator new, some hundred bytes each): it does not catch the std::bad_alloc of one that fails, and
 * C cannot. onednn_memory.c keeps a reserve for them. */
#ifndef CALR_BACKEND_CPU_ONEDNN_H
#define CALR_BACKEND_CPU_ONEDNN_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/backend.h"

/* ---- onednn.c: the kernels of the table; geometries that oneDNN has no fast code for go to the
 * portable ones. ---- */
calr_status calr_onednn_conv2d_forward(const calr_conv2d *conv, const void *x, const float *w,
                                       const float *bias, void *y);
calr_status calr_onednn_conv2d_backward_data(const calr_conv2d *conv, const float *w,
                                             const void *dy, void *dx);
calr_status calr_onednn_conv2d_backward_weights(const calr_conv2d *conv, const void *x,
                                                const void *dy, float *dw, float *dbias);
/* Convolutions in bf16: by oneDNN's own code in bf16, or (CALR_ONEDNN_BF16_F32) by f32 code. */
typedef enum calr_onednn_bf16 {
    CALR_ONEDNN_BF16_AUTO, /* oneDNN where calr_onednn_has_bf16 */
    CALR_ONEDNN_BF16_OWN,
    CALR_ONEDNN_BF16_F32
} calr_onednn_bf16;
void calr_onednn_choose_bf16(calr_onednn_bf16 choice);
bool calr_onednn_takes_bf16(void); /* the result of that choice */
calr_status calr_onednn_conv2d_name(const calr_conv2d *conv, calr_conv2d_pass pass, char *text,
                                    size_t size);

/* ---- onednn_plan.c: one convolution of one geometry, ready to run ---- */
typedef struct calr_onednn_plan calr_onednn_plan;

/* What a plan computes; two plans with equal specifications are the same. Specifications are
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
calr_status calr_onednn_plan_run(const calr_onednn_plan *plan, const void *in, float *weights,
                                 const float *bias, void *out);
const char *calr_onednn_plan_name(const calr_onednn_plan *plan);

/* Whether the processor multiplies bf16 (and ONEDNN_MAX_CPU_ISA lets oneDNN use it). */
bool calr_onednn_has_bf16(void);

/* ---- onednn_bytes.c: the table's gemm_bytes ---- */
bool calr_onednn_gemm_bytes(int64_t m, int64_t n, int64_t k, const int8_t *a, const int8_t *b,
                            int32_t *c, int64_t ldc);

/* ---- onednn_memory.c ---- */

/* Has allocations of oneDNN's C++ that fail end the program with a message, not by an exception. */
void calr_onednn_catch_no_memory(void);
/* After an allocation by code at `caller` failed: false where that is none of oneDNN's; true when a part of the reserve
 * was given back and the allocation may be tried again. Ends the program, with a message, when nothing is left. */
bool calr_onednn_frees_memory(const void *caller);
/* To be called before oneDNN allocates: makes sure that the reserve for its small objects is there, and
 * `room` bytes for others (0: do not look). CALR_ENOMEM otherwise. */
calr_status calr_onednn_reserve(size_t room);
/* The room for the making of a plan. oneDNN does not check some blocks of 0.1 to 1 MB that it takes then. */
#define CALR_ONEDNN_ROOM ((size_t)16 << 20)

/* "2.6.3" and "avx512_core_amx". */
void calr_onednn_describe(char *version, size_t version_size, char *isa, size_t isa_size);

#endif
