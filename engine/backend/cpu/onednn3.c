/* oneDNN 3.x (Debian 13, Ubuntu 24.04): see onednn_form.h. */
#include <string.h>

#include "backend/cpu/depthwise/depthwise.h"
#include "backend/cpu/onednn_form.h"

#if DNNL_VERSION_MAJOR != 3
#error "onednn3.c is for version 3 of oneDNN"
#endif

dnnl_status_t calr_form_init(calr_form *f, int ndims, const dnnl_dims_t dims, dnnl_data_type_t type,
                             dnnl_format_tag_t order)
{
    return dnnl_memory_desc_create_with_tag(&f->md, ndims, dims, type, order);
}

dnnl_status_t calr_form_copy(calr_form *to, calr_form_ref from)
{
    return dnnl_memory_desc_clone(&to->md, from);
}

void calr_form_release(calr_form *f)
{
    if (f->md)
        dnnl_memory_desc_destroy(f->md);
    f->md = NULL;
}

static dnnl_status_t first_choice(dnnl_primitive_desc_t *out, calr_onednn_kind kind,
                                  const calr_conv2d *g, const calr_form *x,
                                  const calr_form *weights, const calr_form *bias,
                                  const calr_form *y, dnnl_engine_t engine,
                                  dnnl_primitive_desc_t hint, dnnl_primitive_attr_t attr)
{
    const calr_onednn_steps s = calr_onednn_steps_of(g);
    if (kind == CALR_ONEDNN_DATA)
        return dnnl_convolution_backward_data_primitive_desc_create(
            out, engine, dnnl_convolution_direct, FORM(x), FORM(weights), FORM(y), s.stride,
            s.dilation, s.before, s.after, hint, attr);
    if (kind == CALR_ONEDNN_WEIGHTS)
        return dnnl_convolution_backward_weights_primitive_desc_create(
            out, engine, dnnl_convolution_direct, FORM(x), FORM(weights), NULL, FORM(y), s.stride,
            s.dilation, s.before, s.after, hint, attr);
    return dnnl_convolution_forward_primitive_desc_create(
        out, engine, kind == CALR_ONEDNN_INFERENCE ? dnnl_forward_inference : dnnl_forward_training,
        dnnl_convolution_direct, FORM(x), FORM(weights), bias ? FORM(bias) : NULL, FORM(y),
        s.stride, s.dilation, s.before, s.after, attr);
}

/* Whether code that it offers next is faster (measured with 3.7, docs/notebook/onednn.md). Its products by batches of
 * small matrices take each group by itself. In a depthwise convolution that is a matrix of one channel, padded to a
 * block: up to 2,000 times as long. Its variant for gradients of data under a stride also makes the pixels apart from
 * each other that a stride leaves alone; the older code for it is faster by 4 % to 4 times, except for kernels larger
 * than 1x1 with AVX2. */
static bool is_slower(const_dnnl_primitive_desc_t choice, const calr_conv2d *g)
{
    const char *name = "";
    dnnl_primitive_desc_query(choice, dnnl_query_impl_info_str, 0, &name);
    if (calr_depthwise_is(g))
        return strncmp(name, "brgconv", 7) == 0;
    return strncmp(name, "brgconv_strided", 15) == 0 &&
           ((g->kh == 1 && g->kw == 1) || strstr(name, "avx512"));
}

dnnl_status_t calr_onednn_choose(dnnl_primitive_desc_t *out, calr_onednn_kind kind,
                                 const calr_conv2d *g, const calr_form *x, const calr_form *weights,
                                 const calr_form *bias, const calr_form *y, dnnl_engine_t engine,
                                 dnnl_primitive_desc_t hint, dnnl_primitive_attr_t attr)
{
    dnnl_status_t status = first_choice(out, kind, g, x, weights, bias, y, engine, hint, attr);
    while (status == dnnl_success && is_slower(*out, g)) {
        status = dnnl_primitive_desc_next_impl(*out);
        if (status != dnnl_success)
            dnnl_primitive_desc_destroy(*out);
        if (status == dnnl_last_impl_reached)
            status = dnnl_unimplemented;
    }
    return status;
}

dnnl_status_t calr_onednn_append_sum(dnnl_post_ops_t operations)
{
    return dnnl_post_ops_append_sum(operations, 1.0f, 0, dnnl_data_type_undef);
}

dnnl_status_t calr_onednn_append_activation(dnnl_post_ops_t operations, calr_activation activation)
{
    calr_onednn_eltwise e = calr_onednn_eltwise_of(activation);
    if (activation == CALR_ACTIVATION_NONE)
        return dnnl_success;
    return dnnl_post_ops_append_eltwise(operations, e.kind, e.alpha, e.beta);
}
