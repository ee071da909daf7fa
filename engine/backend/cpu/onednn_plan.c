/* Convolutions by oneDNN, of either version (onednn_form.h). Activations are plain NHWC; weights are kept in the order
 * that oneDNN asks for, because with plain weights it falls to slow reference code. Scratch memory comes from our pool,
 * so that running a plan allocates nothing after the first time and several threads may run it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/onednn.h"
#include "backend/cpu/onednn_form.h"
#include "tensor/pool.h"

struct calr_onednn_plan {
    calr_onednn_spec spec;
    dnnl_engine_t engine;
    dnnl_primitive_t conv,
        reorder; /* reorder: plain weights to oneDNN's, or back; NULL when they are the same */
    calr_form x, y, bias, plain, weights, scratch;
    size_t weights_bytes, scratch_bytes;
    char name[64];
};

calr_status calr_onednn_failed(dnnl_status_t status, const char *what)
{
    if (status == dnnl_out_of_memory)
        return calr_error(CALR_ENOMEM, "no memory for a convolution (oneDNN, %s)", what);
    return calr_error(CALR_EINTERNAL, "oneDNN: %s failed with status %d", what, (int)status);
}

dnnl_data_type_t calr_onednn_type_of(const calr_conv2d *g)
{
    return g->dtype == CALR_BF16 ? dnnl_bf16 : dnnl_f32;
}

calr_status calr_onednn_describe_maps(const calr_conv2d *g, calr_form *x, calr_form *y,
                                      calr_form *bias)
{
    dnnl_dims_t in = {g->n, g->c_in, g->h, g->w}, out = {g->n, g->c_out, g->out_h, g->out_w};
    dnnl_dims_t channels = {g->c_out};
    dnnl_data_type_t type = calr_onednn_type_of(g);
    TRY_DNNL(calr_form_init(x, 4, in, type, dnnl_nhwc), "description of the input");
    TRY_DNNL(calr_form_init(y, 4, out, type, dnnl_nhwc), "description of the output");
    TRY_DNNL(calr_form_init(bias, 1, channels, dnnl_f32, dnnl_a), "description of the bias");
    return CALR_OK;
}

calr_status calr_onednn_describe_weights(const calr_conv2d *g, bool any, dnnl_data_type_t type,
                                         calr_form *out)
{
    dnnl_dims_t one = {g->c_out, g->c_in, g->kh, g->kw};
    dnnl_dims_t many = {g->groups, g->c_out / g->groups, g->c_in / g->groups, g->kh, g->kw};
    bool grouped = g->groups > 1;
    dnnl_format_tag_t order = any ? dnnl_format_tag_any : grouped ? dnnl_goihw : dnnl_oihw;
    TRY_DNNL(calr_form_init(out, grouped ? 5 : 4, grouped ? many : one, type, order),
             "description of the weights");
    return CALR_OK;
}

/* The descriptor of the pass itself, hinted at by the forward one. `any` describes the weights of the maps' type,
 * `gradient` those of f32. *out is NULL when oneDNN has no code for it. */
static calr_status describe_pass(const calr_onednn_plan *plan, const calr_form *any,
                                 const calr_form *gradient, dnnl_primitive_attr_t attr,
                                 dnnl_primitive_desc_t *out)
{
    const calr_conv2d *g = &plan->spec.conv;
    bool data = plan->spec.pass == CALR_CONV2D_BACKWARD_DATA;
    dnnl_primitive_desc_t hint;
    *out = NULL;
    dnnl_status_t status = calr_onednn_choose(&hint, CALR_ONEDNN_TRAINING, g, &plan->x, any,
                                              plan->spec.bias ? &plan->bias : NULL, &plan->y,
                                              plan->engine, NULL, attr);
    if (status == dnnl_unimplemented)
        return CALR_OK;
    TRY_DNNL(status, "choice of a convolution");
    if (plan->spec.pass == CALR_CONV2D_FORWARD) {
        *out = hint;
        return CALR_OK;
    }
    status = calr_onednn_choose(out, data ? CALR_ONEDNN_DATA : CALR_ONEDNN_WEIGHTS, g, &plan->x,
                                data ? any : gradient, NULL, &plan->y, plan->engine, hint, attr);
    dnnl_primitive_desc_destroy(hint);
    if (status == dnnl_unimplemented) {
        *out = NULL;
        return CALR_OK;
    }
    TRY_DNNL(status, "choice of the gradient of a convolution");
    return CALR_OK;
}

static calr_status make_reorder(calr_onednn_plan *plan)
{
    const calr_form *from = &plan->plain, *to = &plan->weights;
    dnnl_primitive_desc_t description;
    if (dnnl_memory_desc_equal(FORM(from), FORM(to)))
        return CALR_OK;
    if (plan->spec.pass == CALR_CONV2D_BACKWARD_WEIGHTS) {
        from = &plan->weights;
        to = &plan->plain;
    }
    TRY_DNNL(dnnl_reorder_primitive_desc_create(&description, FORM(from), plan->engine, FORM(to),
                                                plan->engine, NULL),
             "choice of a reorder");
    dnnl_status_t status = dnnl_primitive_create(&plan->reorder, description);
    dnnl_primitive_desc_destroy(description);
    TRY_DNNL(status, "creation of a reorder");
    return CALR_OK;
}

/* Takes what the plan needs to know from the descriptor, and makes the primitives. */
static calr_status make_primitives(calr_onednn_plan *plan, dnnl_primitive_desc_t description)
{
    bool gradient = plan->spec.pass == CALR_CONV2D_BACKWARD_WEIGHTS;
    calr_form_ref weights = dnnl_primitive_desc_query_md(
        description, gradient ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0);
    calr_form_ref scratch = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    if (!weights || !scratch)
        return calr_error(CALR_EINTERNAL,
                          "oneDNN: a convolution does not say what memory it needs");
    TRY_DNNL(calr_form_copy(&plan->weights, weights), "description of the weights");
    TRY_DNNL(calr_form_copy(&plan->scratch, scratch), "description of scratch memory");
    plan->weights_bytes = dnnl_memory_desc_get_size(weights);
    plan->scratch_bytes = dnnl_memory_desc_get_size(scratch);
    TRY_DNNL(dnnl_primitive_create(&plan->conv, description), "creation of a convolution");
    return make_reorder(plan);
}

static calr_status fill_plan(calr_onednn_plan *plan, const calr_form *any,
                             const calr_form *gradient, bool *usable)
{
    dnnl_primitive_attr_t attr;
    dnnl_primitive_desc_t description;
    const char *name = "";
    TRY_DNNL(dnnl_engine_create(&plan->engine, dnnl_cpu, 0), "start of the engine");
    TRY_DNNL(dnnl_primitive_attr_create(&attr), "creation of attributes");
    dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    calr_status status = describe_pass(plan, any, gradient, attr, &description);
    dnnl_primitive_attr_destroy(attr);
    if (status != CALR_OK || !description)
        return status;
    dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, &name);
    snprintf(plan->name, sizeof plan->name, "%s", name);
    *usable = strncmp(name, "ref", 3) != 0;
    if (*usable)
        status = make_primitives(plan, description);
    dnnl_primitive_desc_destroy(description);
    return status;
}

static calr_status make_plan(calr_onednn_plan *plan, bool *usable)
{
    const calr_conv2d *g = &plan->spec.conv;
    calr_form any = {0}, gradient = {0};
    *usable = false;
    CALR_TRY(calr_onednn_describe_maps(g, &plan->x, &plan->y, &plan->bias));
    CALR_TRY(calr_onednn_describe_weights(g, false, dnnl_f32, &plan->plain));
    calr_status status = calr_onednn_describe_weights(g, true, calr_onednn_type_of(g), &any);
    if (status == CALR_OK)
        status = calr_onednn_describe_weights(g, true, dnnl_f32, &gradient);
    if (status == CALR_OK)
        status = fill_plan(plan, &any, &gradient, usable);
    calr_form_release(&any);
    calr_form_release(&gradient);
    return status;
}

calr_status calr_onednn_plan_new(const calr_onednn_spec *spec, calr_onednn_plan **out)
{
    calr_onednn_plan *plan = calloc(1, sizeof *plan);
    bool usable = false;
    if (!plan)
        return calr_error(CALR_ENOMEM, "no memory for the plan of a convolution");
    plan->spec = *spec;
    calr_status status = calr_onednn_reserve(CALR_ONEDNN_ROOM);
    if (status == CALR_OK)
        status = make_plan(plan, &usable);
    if (status != CALR_OK || !usable) {
        calr_onednn_plan_release(plan);
        plan = NULL;
    }
    if (status == CALR_OK)
        *out = plan;
    return status;
}

void calr_onednn_plan_release(calr_onednn_plan *plan)
{
    if (!plan)
        return;
    if (plan->conv)
        dnnl_primitive_destroy(plan->conv);
    if (plan->reorder)
        dnnl_primitive_destroy(plan->reorder);
    if (plan->engine)
        dnnl_engine_destroy(plan->engine);
    calr_form *forms[] = {&plan->x,     &plan->y,       &plan->bias,
                          &plan->plain, &plan->weights, &plan->scratch};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        calr_form_release(forms[i]);
    free(plan);
}

const char *calr_onednn_plan_name(const calr_onednn_plan *plan)
{
    return plan->name;
}

/* One run: oneDNN's handles of the arrays. */
typedef struct run {
    dnnl_stream_t stream;
    dnnl_memory_t x, y, bias, plain, weights, scratch;
} run;

static calr_status open_run(const calr_onednn_plan *plan, void *x, float *plain, float *bias,
                            void *y, void *weights, void *scratch, run *r)
{
    TRY_DNNL(dnnl_stream_create(&r->stream, plan->engine, dnnl_stream_default_flags),
             "start of a stream");
    TRY_DNNL(dnnl_memory_create(&r->x, FORM(&plan->x), plan->engine, x), "memory");
    TRY_DNNL(dnnl_memory_create(&r->y, FORM(&plan->y), plan->engine, y), "memory");
    TRY_DNNL(dnnl_memory_create(&r->plain, FORM(&plan->plain), plan->engine, plain), "memory");
    TRY_DNNL(dnnl_memory_create(&r->weights, FORM(&plan->weights), plan->engine, weights),
             "memory");
    TRY_DNNL(dnnl_memory_create(&r->scratch, FORM(&plan->scratch), plan->engine, scratch),
             "memory");
    if (plan->spec.bias)
        TRY_DNNL(dnnl_memory_create(&r->bias, FORM(&plan->bias), plan->engine, bias), "memory");
    return CALR_OK;
}

static void close_run(run *r)
{
    dnnl_memory_t memory[] = {r->x, r->y, r->bias, r->plain, r->weights, r->scratch};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
        if (memory[i])
            dnnl_memory_destroy(memory[i]);
    if (r->stream)
        dnnl_stream_destroy(r->stream);
}

static calr_status reorder(const calr_onednn_plan *plan, const run *r, dnnl_memory_t from,
                           dnnl_memory_t to)
{
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    if (plan->reorder)
        TRY_DNNL(dnnl_primitive_execute(plan->reorder, r->stream, 2, args), "reorder of weights");
    return CALR_OK;
}

static calr_status execute(const calr_onednn_plan *plan, const run *r)
{
    dnnl_exec_arg_t forward[] = {{DNNL_ARG_SRC, r->x},
                                 {DNNL_ARG_WEIGHTS, r->weights},
                                 {DNNL_ARG_DST, r->y},
                                 {DNNL_ARG_SCRATCHPAD, r->scratch},
                                 {DNNL_ARG_BIAS, r->bias}};
    dnnl_exec_arg_t data[] = {{DNNL_ARG_DIFF_SRC, r->x},
                              {DNNL_ARG_WEIGHTS, r->weights},
                              {DNNL_ARG_DIFF_DST, r->y},
                              {DNNL_ARG_SCRATCHPAD, r->scratch}};
    dnnl_exec_arg_t weights[] = {{DNNL_ARG_SRC, r->x},
                                 {DNNL_ARG_DIFF_WEIGHTS, r->weights},
                                 {DNNL_ARG_DIFF_DST, r->y},
                                 {DNNL_ARG_SCRATCHPAD, r->scratch}};
    const dnnl_exec_arg_t *args = forward;
    int count = plan->spec.bias ? 5 : 4;
    if (plan->spec.pass != CALR_CONV2D_FORWARD) {
        args = plan->spec.pass == CALR_CONV2D_BACKWARD_DATA ? data : weights;
        count = 4;
    }
    if (plan->spec.pass != CALR_CONV2D_BACKWARD_WEIGHTS)
        CALR_TRY(reorder(plan, r, r->plain, r->weights));
    TRY_DNNL(dnnl_primitive_execute(plan->conv, r->stream, count, args), "a convolution");
    if (plan->spec.pass == CALR_CONV2D_BACKWARD_WEIGHTS)
        CALR_TRY(reorder(plan, r, r->weights, r->plain));
    TRY_DNNL(dnnl_stream_wait(r->stream), "a convolution");
    return CALR_OK;
}

calr_status calr_onednn_plan_run(const calr_onednn_plan *plan, const void *in, float *weights,
                                 const float *bias, void *out)
{
    bool data = plan->spec.pass == CALR_CONV2D_BACKWARD_DATA;
    size_t own = plan->reorder ? (plan->weights_bytes + 63) / 64 * 64 : 0,
           size = own + plan->scratch_bytes;
    void *block;
    run r = {0};
    CALR_TRY(calr_onednn_reserve(0));
    CALR_TRY(calr_pool_alloc(size, &block));
    /* oneDNN's handles do not know const; it writes to outputs and scratch only. */
    calr_status status = open_run(plan, data ? out : (void *)in, weights, (float *)bias,
                                  data ? (void *)in : out, plan->reorder ? block : (void *)weights,
                                  plan->scratch_bytes ? (char *)block + own : NULL, &r);
    if (status == CALR_OK)
        status = execute(plan, &r);
    close_run(&r);
    calr_pool_free(block, size);
    return status;
}

bool calr_onednn_has_bf16(void)
{
    return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) ==
           dnnl_cpu_isa_avx512_core_bf16;
}

void calr_onednn_describe(char *version, size_t version_size, char *isa, size_t isa_size)
{
    static const struct {
        dnnl_cpu_isa_t isa;
        const char *name;
    } names[] = {
        {dnnl_cpu_isa_sse41, "sse4.1"},
        {dnnl_cpu_isa_avx, "avx"},
        {dnnl_cpu_isa_avx2, "avx2"},
        {dnnl_cpu_isa_avx2_vnni, "avx2_vnni"},
        {dnnl_cpu_isa_avx512_core, "avx512_core"},
        {dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni"},
        {dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16"},
        {dnnl_cpu_isa_avx512_core_amx, "avx512_core_amx"},
#if DNNL_VERSION_MAJOR >= 3
        {dnnl_cpu_isa_avx2_vnni_2, "avx2_vnni_2"},
        {dnnl_cpu_isa_avx512_core_fp16, "avx512_core_fp16"},
        {dnnl_cpu_isa_avx512_core_amx_fp16, "avx512_core_amx_fp16"},
#endif
    };
    const dnnl_version_t *v = dnnl_version();
    dnnl_cpu_isa_t effective = dnnl_get_effective_cpu_isa();
    const char *name = "other";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].isa == effective)
            name = names[i].name;
    snprintf(version, version_size, "%d.%d.%d", v->major, v->minor, v->patch);
    snprintf(isa, isa_size, "%s", name);
}
