/* oneDNN 2.x (Debian 12): see onednn_form.h. */
#include "backend/cpu/onednn_form.h"

#if DNNL_VERSION_MAJOR != 2
#error "onednn2.c is for version 2 of oneDNN"
#endif

dnnl_status_t calr_form_init(calr_form *f, int ndims, const dnnl_dims_t dims, dnnl_data_type_t type,
                             dnnl_format_tag_t order)
{
    return dnnl_memory_desc_init_by_tag(&f->md, ndims, dims, type, order);
}

dnnl_status_t calr_form_copy(calr_form *to, calr_form_ref from)
{
    to->md = *from;
    return dnnl_success;
}

void calr_form_release(calr_form *f)
{
    (void)f;
}

dnnl_status_t calr_onednn_choose(dnnl_primitive_desc_t *out, calr_onednn_kind kind,
                                 const calr_conv2d *g, const calr_form *x, const calr_form *weights,
                                 const calr_form *bias, const calr_form *y, dnnl_engine_t engine,
                                 dnnl_primitive_desc_t hint, dnnl_primitive_attr_t attr)
{
    const calr_onednn_steps s = calr_onednn_steps_of(g);
    dnnl_convolution_desc_t conv;
    dnnl_status_t status;
    if (kind == CALR_ONEDNN_DATA)
        status = dnnl_dilated_convolution_backward_data_desc_init(
            &conv, dnnl_convolution_direct, FORM(x), FORM(weights), FORM(y), s.stride, s.dilation,
            s.before, s.after);
    else if (kind == CALR_ONEDNN_WEIGHTS)
        status = dnnl_dilated_convolution_backward_weights_desc_init(
            &conv, dnnl_convolution_direct, FORM(x), FORM(weights), NULL, FORM(y), s.stride,
            s.dilation, s.before, s.after);
    else
        status = dnnl_dilated_convolution_forward_desc_init(
            &conv, kind == CALR_ONEDNN_INFERENCE ? dnnl_forward_inference : dnnl_forward_training,
            dnnl_convolution_direct, FORM(x), FORM(weights), bias ? FORM(bias) : NULL, FORM(y),
            s.stride, s.dilation, s.before, s.after);
    if (status != dnnl_success)
        return status;
    return dnnl_primitive_desc_create(out, &conv, attr, engine, hint);
}

dnnl_status_t calr_onednn_append_sum(dnnl_post_ops_t operations)
{
    return dnnl_post_ops_append_sum(operations, 1.0f);
}

dnnl_status_t calr_onednn_append_activation(dnnl_post_ops_t operations, calr_activation activation)
{
    calr_onednn_eltwise e = calr_onednn_eltwise_of(activation);
    if (activation == CALR_ACTIVATION_NONE)
        return dnnl_success;
    if (activation == CALR_ACTIVATION_HARDSWISH)
        e.alpha = e.beta = 0; /* has no parameters in this version */
    return dnnl_post_ops_append_eltwise(operations, 1.0f, e.kind, e.alpha, e.beta);
}
