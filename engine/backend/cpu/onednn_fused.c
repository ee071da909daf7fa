/* Frozen convolutions by oneDNN, of either version: bias, sum and activation as post-operations, weights reordered
 * once. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/onednn.h"
#include "backend/cpu/onednn_form.h"
#include "backend/cpu/onednn_fused.h"
#include "tensor/pool.h"

/* Weights in the order of a plan; several plans may hold them. */
typedef struct packed {
    atomic_int refs;
    calr_form form;
    size_t bytes;
    void *data;
} packed;

struct calr_onednn_fused {
    dnnl_engine_t engine;
    dnnl_primitive_t conv;
    calr_form x, y, bias, scratch;
    size_t scratch_bytes;
    packed *weights;
    float *bias_data; /* NULL: no bias */
    char name[64];
};

static void packed_release(packed *p)
{
    if (!p || atomic_fetch_sub(&p->refs, 1) != 1)
        return;
    calr_form_release(&p->form);
    calr_pool_free(p->data, p->bytes);
    free(p);
}

static calr_status post_operations(calr_activation activation, bool sum, dnnl_primitive_attr_t attr)
{
    dnnl_post_ops_t operations;
    dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    TRY_DNNL(dnnl_post_ops_create(&operations), "creation of post-operations");
    dnnl_status_t status = dnnl_success;
    if (sum)
        status = calr_onednn_append_sum(operations);
    if (status == dnnl_success)
        status = calr_onednn_append_activation(operations, activation);
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
    calr_form any = {0};
    dnnl_primitive_attr_t attr;
    *out = NULL;
    TRY_DNNL(dnnl_engine_create(&plan->engine, dnnl_cpu, 0), "start of the engine");
    CALR_TRY(calr_onednn_describe_maps(g, &plan->x, &plan->y, &plan->bias));
    TRY_DNNL(dnnl_primitive_attr_create(&attr), "creation of attributes");
    calr_status status = post_operations(activation, sum, attr);
    dnnl_status_t chosen = dnnl_success;
    if (status == CALR_OK)
        status = calr_onednn_describe_weights(g, true, calr_onednn_type_of(g), &any);
    if (status == CALR_OK)
        chosen = calr_onednn_choose(out, CALR_ONEDNN_INFERENCE, g, &plan->x, &any,
                                    plan->bias_data ? &plan->bias : NULL, &plan->y, plan->engine,
                                    NULL, attr);
    calr_form_release(&any);
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

static calr_status reorder(dnnl_engine_t engine, const calr_form *plain, const float *w, packed *p)
{
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_stream_t stream = NULL;
    dnnl_memory_t from = NULL, to = NULL;
    dnnl_status_t s = dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
    if (s == dnnl_success)
        s = dnnl_memory_create(&from, FORM(plain), engine, (void *)w); /* only read */
    if (s == dnnl_success)
        s = dnnl_memory_create(&to, FORM(&p->form), engine, p->data);
    if (s == dnnl_success)
        s = dnnl_reorder_primitive_desc_create(&description, FORM(plain), engine, FORM(&p->form),
                                               engine, NULL);
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

static calr_status pack(const calr_conv2d *g, const float *w, calr_form_ref form,
                        calr_onednn_fused *plan)
{
    packed *p = calloc(1, sizeof *p);
    if (!p)
        return calr_error(CALR_ENOMEM, "no memory for the weights of a convolution");
    atomic_init(&p->refs, 1);
    plan->weights = p;
    TRY_DNNL(calr_form_copy(&p->form, form), "description of the weights");
    size_t bytes = dnnl_memory_desc_get_size(form);
    CALR_TRY(calr_pool_alloc(bytes, &p->data));
    p->bytes = bytes;
    calr_form plain = {0};
    CALR_TRY(calr_onednn_describe_weights(g, false, dnnl_f32, &plain));
    calr_status status = reorder(plan->engine, &plain, w, p);
    calr_form_release(&plain);
    return status;
}

/* ---- plans ---- */

static calr_status make_ready(const calr_conv2d *g, const float *w, dnnl_primitive_desc_t chosen,
                              const calr_onednn_fused *sibling, calr_onednn_fused *plan)
{
    calr_form_ref form = dnnl_primitive_desc_query_md(chosen, dnnl_query_weights_md, 0);
    calr_form_ref scratch = dnnl_primitive_desc_query_md(chosen, dnnl_query_scratchpad_md, 0);
    if (!form || !scratch)
        return calr_error(CALR_EINTERNAL,
                          "oneDNN: a convolution does not say what memory it needs");
    TRY_DNNL(calr_form_copy(&plan->scratch, scratch), "description of scratch memory");
    plan->scratch_bytes = dnnl_memory_desc_get_size(scratch);
    TRY_DNNL(dnnl_primitive_create(&plan->conv, chosen), "creation of a frozen convolution");
    if (sibling && dnnl_memory_desc_equal(form, FORM(&sibling->weights->form))) {
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
    calr_form *forms[] = {&plan->x, &plan->y, &plan->bias, &plan->scratch};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        calr_form_release(forms[i]);
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
    TRY_DNNL(dnnl_memory_create(&m[X], FORM(&plan->x), plan->engine, x), "memory");
    TRY_DNNL(
        dnnl_memory_create(&m[W], FORM(&plan->weights->form), plan->engine, plan->weights->data),
        "memory");
    TRY_DNNL(dnnl_memory_create(&m[Y], FORM(&plan->y), plan->engine, y), "memory");
    TRY_DNNL(dnnl_memory_create(&m[SCRATCH], FORM(&plan->scratch), plan->engine, scratch),
             "memory");
    if (plan->bias_data)
        TRY_DNNL(dnnl_memory_create(&m[BIAS], FORM(&plan->bias), plan->engine, plan->bias_data),
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
                             : calr_onednn_failed(opened, "start of a stream");
    for (int i = 0; i < ARGUMENTS; i++)
        if (m[i])
            dnnl_memory_destroy(m[i]);
    if (opened == dnnl_success)
        dnnl_stream_destroy(stream);
    if (scratch)
        calr_pool_free(scratch, plan->scratch_bytes);
    return status;
}
