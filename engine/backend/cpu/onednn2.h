/* Shared by the two kinds of plans of oneDNN 2.x. Inside backend/cpu only. */
#ifndef CALR_BACKEND_CPU_ONEDNN2_H
#define CALR_BACKEND_CPU_ONEDNN2_H

#include <dnnl.h>

#include "backend/backend.h"

/* Turns the failure of a call into a calr_status; `what` names its subject in the message. */
calr_status calr_onednn2_failed(dnnl_status_t status, const char *what);

#define TRY_DNNL(call, what)                                                                       \
    do {                                                                                           \
        dnnl_status_t dnnl_status_ = (call);                                                       \
        if (dnnl_status_ != dnnl_success)                                                          \
            return calr_onednn2_failed(dnnl_status_, what);                                        \
    } while (0)

/* Plain NHWC maps of the convolution's type, and its f32 bias. */
calr_status calr_onednn2_describe_maps(const calr_conv2d *g, dnnl_memory_desc_t *x,
                                       dnnl_memory_desc_t *y, dnnl_memory_desc_t *bias);
/* Weights in oneDNN's preferred order and type (any), or plain f32. */
calr_status calr_onednn2_describe_weights(const calr_conv2d *g, bool any, dnnl_memory_desc_t *out);

/* Strides, distances and padding as oneDNN has them. */
typedef struct calr_onednn2_steps {
    dnnl_dims_t stride, dilation, before, after;
} calr_onednn2_steps;

static inline calr_onednn2_steps calr_onednn2_steps_of(const calr_conv2d *g)
{
    return (calr_onednn2_steps){.stride = {g->stride[0], g->stride[1]},
                                .dilation = {g->dilation[0] - 1, g->dilation[1] - 1},
                                .before = {g->padding[0], g->padding[2]},
                                .after = {g->padding[1], g->padding[3]}};
}

#endif
