/* Frozen convolutions by oneDNN 2.x: bias, sum and activation as post-operations, weights reordered once. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/onednn.h"
#include "backend/cpu/onednn2.h"
#include "backend/cpu/onednn_fused.h"
#include "tensor/pool.h"

/* Weights in the order of a plan; several plans may hold them. */
typedef struct packed {
    atomic_int refs;
    dnnl_memory_desc_t form;
    size_t bytes;
    void *data;
} packed;

struct calr_onednn_fused {
    dnnl_engine_t engine;
    dnnl_primitive_t conv;
    dnnl_memory_desc_t x, y, bias, scratch;
    size_t scratch_bytes;
    packed *weights;
    float *bias_data; /* NULL: no bias */
    char name[64];
};

static void packed_release(packed *p)
{
    if (!p || atomic_fetch_sub(&p->refs, 1) != 1)
        return;
    calr_pool_free(p->data, p->bytes);
    free(p);
}

static dnnl_status_t append_activation(calr_activation activation, dnnl_post_ops_t operations)
{
    dnnl_alg_kind_t kind = dnnl_eltwise_relu;
    float alpha = 0, beta = 0;
    switch (activation) {
    case CALR_ACTIVATION_NONE:
        return dnnl_success;
    case CALR_ACTIVATION_RELU:
        break;
    case CALR_ACTIVATION_RELU6:
        kind = dnnl_eltwise_clip;
        beta = 6;
        break;
    case CALR_ACTIVATION_SILU:
        kind = dnnl_eltwise_swish;
        alpha = 1;
        break;
    case CALR_ACTIVATION_HARDSWISH:
        kind = dnnl_eltwise_hardswish;
        break;
    }
    return dnnl_post_ops_append_eltwise(operations, 1.0f, kind, alpha, beta);
}

static calr_status post_operations(calr_activation activation, bool sum, dnnl_primitive_attr_t attr)
{
    dnnl_post_ops_t operations;
    dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    TRY_DNNL(dnnl_post_ops_create(&operations), "creation of post-operations");
    dnnl_status_t status = dnnl_success;
    if (sum)
        status = dnnl_post_ops_append_sum(operations, 1.0f);
    if (status == dnnl_success)
        status = append_activation(activation, operations);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_post_ops(attr, operations);
    dnnl_post_ops_destroy(operations);
    TRY_DNNL(status, "post-operations");
    return CALR_OK;
}

/* *out is NULL when oneDNN has no code for it. */
static calr_status choose(const calr_conv2d *g, calr_onednn_fused *plan, calr_activation activation,
                          bool sum, dnnl_primitive_desc_t *out)
{
    const calr_onednn2_steps s = calr_onednn2_steps_of(g);
    dnnl_memory_desc_t any;
    dnnl_convolution_desc_t conv;
    dnnl_primitive_attr_t attr;
    *out = NULL;
    TRY_DNNL(dnnl_engine_create(&plan->engine, dnnl_cpu, 0), "start of the engine");
    CALR_TRY(calr_onednn2_describe_maps(g, &plan->x, &plan->y, &plan->bias));
    CALR_TRY(calr_onednn2_describe_weights(g, true, &any));
    TRY_DNNL(dnnl_dilated_convolution_forward_desc_init(
                 &conv, dnnl_forward_inference, dnnl_convolution_direct, &plan->x, &any,
                 plan->bias_data ? &plan->bias : NULL, &plan->y, s.stride, s.dilation, s.before,
                 s.after),
             "description of a frozen convolution");
    TRY_DNNL(dnnl_primitive_attr_create(&attr), "creation of attributes");
    calr_status status = post_operations(activation, sum, attr);
    dnnl_status_t chosen = dnnl_success;
    if (status == CALR_OK)
        chosen = dnnl_primitive_desc_create(out, &conv, attr, plan->engine, NULL);
    dnnl_primitive_attr_destroy(attr);
    CALR_TRY(status);
    if (chosen == dnnl_unimplemented) {
        *out = NULL;
        return CALR_OK;
    }
    TRY_DNNL(chosen, "choice of a frozen convolution");
    return CALR_OK;
}

/* ---- weights ---- */

static calr_status reorder(dnnl_engine_t engine, const dnnl_memory_desc_t *plain, const float *w,
                           packed *p)
{
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_stream_t stream = NULL;
    dnnl_memory_t from = NULL, to = NULL;
    dnnl_status_t s = dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
    if (s == dnnl_success)
        s = dnnl_memory_create(&from, plain, engine, (void *)w); /* only read */
    if (s == dnnl_success)
        s = dnnl_memory_create(&to, &p->form, engine, p->data);
    if (s == dnnl_success)
        s = dnnl_reorder_primitive_desc_create(&description, plain, engine, &p->form, engine, NULL);
    if (s == dnnl_success)
        s = dnnl_primitive_create(&primitive, description);
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    if (s == dnnl_success)
        s = dnnl_primitive_execute(primitive, stream, 2, args);
    if (s == dnnl_success)
        s = dnnl_stream_wait(stream);
    if (primitive)
        dnnl_primitive_destroy(primitive);
    if (description)
        dnnl_primitive_desc_destroy(description);
    if (from)
        dnnl_memory_destroy(from);
    if (to)
        dnnl_memory_destroy(to);
    if (stream)
        dnnl_stream_destroy(stream);
    TRY_DNNL(s, "reorder of weights");
    return CALR_OK;
}

static calr_status pack(const calr_conv2d *g, const float *w, const dnnl_memory_desc_t *form,
                        calr_onednn_fused *plan)
{
    dnnl_memory_desc_t plain;
    CALR_TRY(calr_onednn2_describe_weights(g, false, &plain));
    packed *p = calloc(1, sizeof *p);
    if (!p)
        return calr_error(CALR_ENOMEM, "no memory for the weights of a convolution");
    atomic_init(&p->refs, 1);
    p->form = *form;
    p->bytes = dnnl_memory_desc_get_size(form);
    plan->weights = p;
    CALR_TRY(calr_pool_alloc(p->bytes, &p->data));
    return reorder(plan->engine, &plain, w, p);
}

/* ---- plans ---- */

static calr_status make_ready(const calr_conv2d *g, const float *w, dnnl_primitive_desc_t chosen,
                              const calr_onednn_fused *sibling, calr_onednn_fused *plan)
{
    const dnnl_memory_desc_t *form = dnnl_primitive_desc_query_md(chosen, dnnl_query_weights_md, 0);
    const dnnl_memory_desc_t *scratch =
        dnnl_primitive_desc_query_md(chosen, dnnl_query_scratchpad_md, 0);
    if (!form || !scratch)
        return calr_error(CALR_EINTERNAL,
                          "oneDNN: a convolution does not say what memory it needs");
    plan->scratch = *scratch;
    plan->scratch_bytes = dnnl_memory_desc_get_size(scratch);
    TRY_DNNL(dnnl_primitive_create(&plan->conv, chosen), "creation of a frozen convolution");
    if (sibling && dnnl_memory_desc_equal(form, &sibling->weights->form)) {
        plan->weights = sibling->weights;
        atomic_fetch_add(&plan->weights->refs, 1);
        return CALR_OK;
    }
    return pack(g, w, form, plan);
}

static calr_status fill(const calr_conv2d *g, const float *w, const float *bias,
                        calr_activation activation, bool sum, const calr_onednn_fused *sibling,
                        calr_onednn_fused *plan, bool *usable)
{
    dnnl_primitive_desc_t chosen;
    const char *name = "";
    *usable = false;
    plan->bias_data = (float *)bias; /* only read */
    CALR_TRY(choose(g, plan, activation, sum, &chosen));
    if (!chosen)
        return CALR_OK;
    dnnl_primitive_desc_query(chosen, dnnl_query_impl_info_str, 0, &name);
    snprintf(plan->name, sizeof plan->name, "%s", name);
    *usable = strncmp(name, "ref", 3) != 0;
    calr_status status = *usable ? make_ready(g, w, chosen, sibling, plan) : CALR_OK;
    dnnl_primitive_desc_destroy(chosen);
    return status;
}

calr_status calr_onednn_fused_new(const calr_conv2d *conv, const float *w, const float *bias,
                                  calr_activation activation, bool sum,
                                  const calr_onednn_fused *sibling, calr_onednn_fused **out)
{
    bool usable;
    CALR_TRY(calr_onednn_reserve(CALR_ONEDNN_ROOM));
    calr_onednn_fused *plan = calloc(1, sizeof *plan);
    if (!plan)
        return calr_error(CALR_ENOMEM, "no memory for a frozen convolution");
    calr_status status = fill(conv, w, bias, activation, sum, sibling, plan, &usable);
    if (status != CALR_OK || !usable) {
        calr_onednn_fused_release(plan);
        plan = NULL;
    }
    if (status == CALR_OK)
        *out = plan;
    return status;
}

void calr_onednn_fused_release(calr_onednn_fused *plan)
{
    if (!plan)
        return;
    if (plan->conv)
        dnnl_primitive_destroy(plan->conv);
    if (plan->engine)
        dnnl_engine_destroy(plan->engine);
    packed_release(plan->weights);
    free(plan);
}

const char *calr_onednn_fused_name(const calr_onednn_fused *plan)
{
    return plan->name;
}

/* ---- a run ---- */

enum { X, W, Y, SCRATCH, BIAS, ARGUMENTS };

static calr_status run_with(const calr_onednn_fused *plan, dnnl_stream_t stream, dnnl_memory_t *m,
                            void *x, void *y, void *scratch)
{
    TRY_DNNL(dnnl_memory_create(&m[X], &plan->x, plan->engine, x), "memory");
    TRY_DNNL(dnnl_memory_create(&m[W], &plan->weights->form, plan->engine, plan->weights->data),
             "memory");
    TRY_DNNL(dnnl_memory_create(&m[Y], &plan->y, plan->engine, y), "memory");
    TRY_DNNL(dnnl_memory_create(&m[SCRATCH], &plan->scratch, plan->engine, scratch), "memory");
    if (plan->bias_data)
        TRY_DNNL(dnnl_memory_create(&m[BIAS], &plan->bias, plan->engine, plan->bias_data),
                 "memory");
    dnnl_exec_arg_t args[ARGUMENTS] = {{DNNL_ARG_SRC, m[X]},
                                       {DNNL_ARG_WEIGHTS, m[W]},
                                       {DNNL_ARG_DST, m[Y]},
                                       {DNNL_ARG_SCRATCHPAD, m[SCRATCH]},
                                       {DNNL_ARG_BIAS, m[BIAS]}};
    TRY_DNNL(dnnl_primitive_execute(plan->conv, stream, plan->bias_data ? ARGUMENTS : BIAS, args),
             "a frozen convolution");
    TRY_DNNL(dnnl_stream_wait(stream), "a frozen convolution");
    return CALR_OK;
}

calr_status calr_onednn_fused_run(const calr_onednn_fused *plan, const void *x, void *y)
{
    dnnl_memory_t m[ARGUMENTS] = {NULL};
    dnnl_stream_t stream;
    void *scratch = NULL;
    CALR_TRY(calr_onednn_reserve(0));
    if (plan->scratch_bytes)
        CALR_TRY(calr_pool_alloc(plan->scratch_bytes, &scratch));
    dnnl_status_t opened = dnnl_stream_create(&stream, plan->engine, dnnl_stream_default_flags);
    calr_status status = opened == dnnl_success
                             ? run_with(plan, stream, m, (void *)x, y, scratch) /* x is only read */
                             : calr_onednn2_failed(opened, "start of a stream");
    for (int i = 0; i < ARGUMENTS; i++)
        if (m[i])
            dnnl_memory_destroy(m[i]);
    if (opened == dnnl_success)
        dnnl_stream_destroy(stream);
    if (scratch)
        calr_pool_free(scratch, plan->scratch_bytes);
    return status;
}
