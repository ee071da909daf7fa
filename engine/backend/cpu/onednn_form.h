/* What differs between the C interfaces of oneDNN 2 and 3: descriptions of arrays (structs in version 2, handles with
 * an owner in version 3), the choice of a convolution, and post-operations. onednn2.c and onednn3.c each serve one
 * version; the plans see neither. Inside backend/cpu only. */
#ifndef CALR_BACKEND_CPU_ONEDNN_FORM_H
#define CALR_BACKEND_CPU_ONEDNN_FORM_H

#include <dnnl.h>

#include "backend/backend.h"

/* Turns the failure of a call into a calr_status; `what` names its subject in the message. */
calr_status calr_onednn_failed(dnnl_status_t status, const char *what);

#define TRY_DNNL(call, what)                                                                       \
    do {                                                                                           \
        dnnl_status_t dnnl_status_ = (call);                                                       \
        if (dnnl_status_ != dnnl_success)                                                          \
            return calr_onednn_failed(dnnl_status_, what);                                         \
    } while (0)

/* ---- descriptions of arrays ---- */

/* All zero bits are none. calr_form_release ends one; releasing none does nothing. */
typedef struct calr_form {
    dnnl_memory_desc_t md;
} calr_form;

/* FORM(f): what oneDNN's functions take, in either version. */
#if DNNL_VERSION_MAJOR == 2
typedef const dnnl_memory_desc_t *calr_form_ref;
#define FORM(f) (&(f)->md)
#else
typedef const_dnnl_memory_desc_t calr_form_ref;
#define FORM(f) ((f)->md)
#endif

dnnl_status_t calr_form_init(calr_form *f, int ndims, const dnnl_dims_t dims, dnnl_data_type_t type,
                             dnnl_format_tag_t order);
dnnl_status_t calr_form_copy(calr_form *to, calr_form_ref from);
void calr_form_release(calr_form *f);

/* Plain NHWC maps of the convolution's type, and its f32 bias. */
calr_status calr_onednn_describe_maps(const calr_conv2d *g, calr_form *x, calr_form *y,
                                      calr_form *bias);
/* Weights in oneDNN's preferred order (any) or the plain one. */
calr_status calr_onednn_describe_weights(const calr_conv2d *g, bool any, dnnl_data_type_t type,
                                         calr_form *out);
/* The type of the maps. */
dnnl_data_type_t calr_onednn_type_of(const calr_conv2d *g);

/* ---- the choice of a convolution ---- */

typedef enum calr_onednn_kind {
    CALR_ONEDNN_TRAINING,
    CALR_ONEDNN_INFERENCE,
    CALR_ONEDNN_DATA,   /* the gradient of x */
    CALR_ONEDNN_WEIGHTS /* the gradient of the weights */
} calr_onednn_kind;

/* bias may be NULL; hint is the forward pass, which both gradients need. dnnl_unimplemented: no code for it. */
dnnl_status_t calr_onednn_choose(dnnl_primitive_desc_t *out, calr_onednn_kind kind,
                                 const calr_conv2d *g, const calr_form *x, const calr_form *weights,
                                 const calr_form *bias, const calr_form *y, dnnl_engine_t engine,
                                 dnnl_primitive_desc_t hint, dnnl_primitive_attr_t attr);

/* ---- post-operations ---- */

dnnl_status_t calr_onednn_append_sum(dnnl_post_ops_t operations);
/* CALR_ACTIVATION_NONE appends nothing. */
dnnl_status_t calr_onednn_append_activation(dnnl_post_ops_t operations, calr_activation activation);

/* ---- what both versions share ---- */

/* oneDNN's element-wise operation of an activation, as version 3 has it. */
typedef struct calr_onednn_eltwise {
    dnnl_alg_kind_t kind;
    float alpha, beta;
} calr_onednn_eltwise;

static inline calr_onednn_eltwise calr_onednn_eltwise_of(calr_activation activation)
{
    switch (activation) {
    case CALR_ACTIVATION_RELU6:
        return (calr_onednn_eltwise){dnnl_eltwise_clip, 0, 6};
    case CALR_ACTIVATION_SILU:
        return (calr_onednn_eltwise){dnnl_eltwise_swish, 1, 0};
    case CALR_ACTIVATION_HARDSWISH: /* x min(max(alpha x + beta, 0), 1) */
        return (calr_onednn_eltwise){dnnl_eltwise_hardswish, 1.0f / 6, 0.5f};
    case CALR_ACTIVATION_NONE:
    case CALR_ACTIVATION_RELU:
        break;
    }
    return (calr_onednn_eltwise){dnnl_eltwise_relu, 0, 0};
}

/* Strides, distances and padding as oneDNN has them. */
typedef struct calr_onednn_steps {
    dnnl_dims_t stride, dilation, before, after;
} calr_onednn_steps;

static inline calr_onednn_steps calr_onednn_steps_of(const calr_conv2d *g)
{
    return (calr_onednn_steps){.stride = {g->stride[0], g->stride[1]},
                               .dilation = {g->dilation[0] - 1, g->dilation[1] - 1},
                               .before = {g->padding[0], g->padding[2]},
                               .after = {g->padding[1], g->padding[3]}};
}

#endif
