/* Frozen convolutions: one plan for each size of images, made when it comes; where oneDNN has none, the portable
 * convolution and one pass over its result. */
#include "backend/frozen.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/activate.h"
#include "backend/cpu/conv_bf16.h"
#include "backend/cpu/frozen_parts.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pointwise/pointwise.h"
#include "backend/cpu/winograd/winograd.h"
#include "backend/metered.h"
#include "base/meter.h"
#include "tensor/pool.h"
#ifdef CALR_WITH_ONEDNN
#include "backend/cpu/onednn.h"
#include "backend/cpu/onednn_fused.h"
#else
typedef struct calr_onednn_fused calr_onednn_fused;
#endif

/* A network sees a batch, the last batch of a set, now and then another size. */
#define PLANS 16

typedef struct frozen_plan {
    int64_t n, h, w, dtype;
    int threads;
    bool sum;
    calr_onednn_fused *code; /* NULL: the portable path */
    uint64_t last_use;       /* 0: the place is empty */
    int users;
} frozen_plan;

struct calr_frozen_conv {
    calr_conv2d geometry;
    calr_activation activation;
    bool onednn;
    float *w, *bias; /* bias NULL: none */
    float *winograd; /* transformed weights, made when first wanted; NULL until then */
    pthread_mutex_t lock;
    uint64_t clock;
    frozen_plan plan[PLANS];
};

static int64_t weights_of_output(const calr_conv2d *g)
{
    return g->c_in / g->groups * g->kh * g->kw;
}

static size_t weight_bytes(const calr_conv2d *g)
{
    return (size_t)(g->c_out * weights_of_output(g)) * sizeof(float);
}

static size_t winograd_bytes(const calr_conv2d *g)
{
    return (size_t)calr_winograd_packed_size(g) * sizeof(float);
}

typedef struct scaling {
    int64_t row;
    const float *w, *scale; /* NULL: a copy */
    float *out;
} scaling;

CALR_CLONES static void scale_rows(void *context, int64_t begin, int64_t end, int worker)
{
    const scaling *k = context;
    (void)worker;
    for (int64_t r = begin; r < end; r++) {
        const float *w = k->w + r * k->row;
        float *out = k->out + r * k->row, factor = k->scale ? k->scale[r] : 1.0f;
#pragma omp simd
        for (int64_t i = 0; i < k->row; i++)
            out[i] = w[i] * factor;
    }
}

/* From the pool: a network is frozen again and again, and gets the pages of the time before. */
static calr_status copy_weights(calr_frozen_conv *f, const float *w, const float *scale,
                                const float *bias)
{
    const calr_conv2d *g = &f->geometry;
    void *own;
    if (bias)
        f->bias = calr_array_new(g->c_out, sizeof *f->bias);
    if (bias && !f->bias)
        return calr_error(CALR_ENOMEM, "no memory for the bias of a convolution");
    if (bias)
        memcpy(f->bias, bias, (size_t)g->c_out * sizeof *bias);
    CALR_TRY(calr_pool_alloc(weight_bytes(g), &own));
    f->w = own;
    scaling k = {weights_of_output(g), w, scale, f->w};
    calr_parallel_for(g->c_out, 1 + CALR_GRAIN / (1 + k.row), scale_rows, &k);
    return CALR_OK;
}

calr_status calr_frozen_conv_new(const calr_conv2d *conv, const float *w, const float *scale,
                                 const float *bias, calr_activation activation,
                                 calr_frozen_conv **out)
{
    const calr_backend *backend;
    calr_conv2d smallest = *conv;
    CALR_TRY(calr_backend_get(&backend));
    smallest.n = 0;
    smallest.h = calr_max64(1, conv->dilation[0]) * (conv->kh - 1) + 1;
    smallest.w = calr_max64(1, conv->dilation[1]) * (conv->kw - 1) + 1;
    CALR_TRY(calr_conv2d_resolve(&smallest));
    calr_frozen_conv *f = calloc(1, sizeof *f);
    if (!f)
        return calr_error(CALR_ENOMEM, "no memory for a frozen convolution");
    pthread_mutex_init(&f->lock, NULL);
    f->geometry = smallest;
    f->activation = activation;
    f->onednn = strcmp(backend->conv, "onednn") == 0;
    calr_status status = copy_weights(f, w, scale, bias);
    if (status != CALR_OK) {
        calr_frozen_conv_release(f);
        return status;
    }
    *out = f;
    return CALR_OK;
}

void calr_frozen_conv_release(calr_frozen_conv *f)
{
    if (!f)
        return;
#ifdef CALR_WITH_ONEDNN
    for (int i = 0; i < PLANS; i++)
        calr_onednn_fused_release(f->plan[i].code);
#endif
    pthread_mutex_destroy(&f->lock);
    if (f->w)
        calr_pool_free(f->w, weight_bytes(&f->geometry));
    if (f->winograd)
        calr_pool_free(f->winograd, winograd_bytes(&f->geometry));
    free(f->bias);
    free(f);
}

calr_status calr_frozen_conv_geometry(const calr_frozen_conv *f, int64_t n, int64_t h, int64_t w,
                                      calr_conv2d *out)
{
    calr_conv2d conv = f->geometry;
    conv.n = n;
    conv.h = h;
    conv.w = w;
    CALR_TRY(calr_conv2d_resolve(&conv));
    *out = conv;
    return CALR_OK;
}

calr_frozen_parts calr_frozen_conv_parts(const calr_frozen_conv *f)
{
    return (calr_frozen_parts){&f->geometry, f->w, f->bias, f->activation};
}

/* ---- plans ---- */

static bool fits(const frozen_plan *p, const calr_conv2d *conv, bool sum, int threads)
{
    return p->last_use && p->n == conv->n && p->h == conv->h && p->w == conv->w &&
           p->dtype == conv->dtype && p->sum == sum && p->threads == threads;
}

/* The place of this geometry, or the one to replace; NULL when all are running. */
static frozen_plan *find_place(calr_frozen_conv *f, const calr_conv2d *conv, bool sum, int threads)
{
    frozen_plan *oldest = NULL;
    for (int i = 0; i < PLANS; i++) {
        frozen_plan *p = &f->plan[i];
        if (fits(p, conv, sum, threads))
            return p;
        if (p->users == 0 && (!oldest || p->last_use < oldest->last_use))
            oldest = p;
    }
    return oldest;
}

static calr_status make_code(const calr_frozen_conv *f, const calr_conv2d *conv, bool sum,
                             calr_onednn_fused **out)
{
    *out = NULL;
#ifdef CALR_WITH_ONEDNN
    const calr_onednn_fused *sibling = NULL;
    for (int i = 0; i < PLANS && !sibling; i++)
        sibling = f->plan[i].code;
    if (f->onednn && (conv->dtype != CALR_BF16 || calr_onednn_takes_bf16()))
        return calr_onednn_fused_new(conv, f->w, f->bias, f->activation, sum, sibling, out);
#endif
    (void)f, (void)conv, (void)sum;
    return CALR_OK;
}

/* Takes a plan into use; *out is NULL when there is no place for one. Give it back with drop_plan. */
static calr_status take_plan(calr_frozen_conv *f, const calr_conv2d *conv, bool sum,
                             frozen_plan **out)
{
    int threads = calr_parallel_threads();
    calr_status status = CALR_OK;
    pthread_mutex_lock(&f->lock);
    frozen_plan *p = find_place(f, conv, sum, threads);
    if (p && !fits(p, conv, sum, threads)) {
        calr_onednn_fused *code, *old = p->code;
        status = make_code(f, conv, sum, &code);
        if (status == CALR_OK) {
            *p = (frozen_plan){conv->n, conv->h, conv->w, conv->dtype, threads, sum, code, 0, 0};
#ifdef CALR_WITH_ONEDNN
            calr_onednn_fused_release(old);
#endif
            (void)old;
        }
    }
    if (p && status == CALR_OK) {
        p->last_use = ++f->clock;
        p->users++;
        *out = p;
    } else {
        *out = NULL;
    }
    pthread_mutex_unlock(&f->lock);
    return status;
}

static void drop_plan(calr_frozen_conv *f, frozen_plan *p)
{
    pthread_mutex_lock(&f->lock);
    p->users--;
    pthread_mutex_unlock(&f->lock);
}

/* ---- Winograd's way ---- */

static calr_status run_winograd(calr_frozen_conv *f, const calr_conv2d *conv, const void *x,
                                const void *residual, void *y)
{
    pthread_mutex_lock(&f->lock);
    calr_status status = CALR_OK;
    if (!f->winograd) {
        void *own;
        status = calr_pool_alloc(winograd_bytes(conv), &own);
        if (status == CALR_OK) {
            f->winograd = own;
            calr_winograd_pack(conv, f->w, f->winograd);
        }
    }
    pthread_mutex_unlock(&f->lock);
    CALR_TRY(status);
    return calr_winograd_packed_forward(conv, x, f->winograd, f->bias, residual, f->activation, y);
}

/* ---- the portable path ---- */

typedef struct finishing {
    bool half; /* x, residual and y */
    const void *x, *residual;
    void *y;
    calr_activation activation;
} finishing;

CALR_INLINE void finish_run(bool half, int64_t begin, int64_t end, const void *x,
                            const void *residual, calr_activation activation, void *y)
{
    if (residual) {
#pragma omp simd
        for (int64_t i = begin; i < end; i++) {
            float sum = calr_real_load(half, x, i) + calr_real_load(half, residual, i);
            calr_real_store(half, y, i, calr_activate(activation, sum));
        }
    } else {
#pragma omp simd
        for (int64_t i = begin; i < end; i++)
            calr_real_store(half, y, i, calr_activate(activation, calr_real_load(half, x, i)));
    }
}

CALR_CLONES static void finish_body(void *context, int64_t begin, int64_t end, int worker)
{
    const finishing *k = context;
    (void)worker;
#define CALL(kind) finish_run(true, begin, end, k->x, k->residual, kind, k->y)
    if (k->half) {
        CALR_BY_ACTIVATION(k->activation, CALL);
        return;
    }
#undef CALL
#define CALL(kind) finish_run(false, begin, end, k->x, k->residual, kind, k->y)
    CALR_BY_ACTIVATION(k->activation, CALL);
#undef CALL
}

static int64_t results(const calr_conv2d *conv)
{
    return conv->n * conv->out_h * conv->out_w * conv->c_out;
}

/* A residual that is y itself waits until the convolution is there. */
static calr_status run_portable(const calr_frozen_conv *f, const calr_conv2d *conv, const void *x,
                                const void *residual, void *y)
{
    size_t bytes = (size_t)results(conv) * calr_dtype_size((calr_dtype)conv->dtype);
    void *own = NULL;
    if (residual == y)
        CALR_TRY(calr_pool_alloc(bytes, &own));
    void *result = own ? own : y;
    calr_status status = calr_portable_conv2d_forward(conv, x, f->w, f->bias, result);
    finishing k = {.half = conv->dtype == CALR_BF16,
                   .x = result,
                   .residual = residual,
                   .y = y,
                   .activation = f->activation};
    if (status == CALR_OK && (residual || f->activation))
        calr_parallel_for(results(conv), CALR_GRAIN, finish_body, &k);
    calr_pool_free(own, bytes);
    return status;
}

/* ---- a run ---- */

static bool is_pointwise(const calr_frozen_conv *f, const calr_conv2d *conv)
{
    return conv->dtype == CALR_F32 && f->activation <= CALR_ACTIVATION_RELU6 &&
           calr_pointwise_wanted(conv, CALR_CONV2D_FORWARD);
}

#ifdef CALR_WITH_ONEDNN
static void copy_body(void *context, int64_t begin, int64_t end, int worker)
{
    const finishing *k = context;
    size_t size = k->half ? sizeof(calr_bf16) : sizeof(float);
    (void)worker;
    memcpy(calr_real_at(k->half, k->y, begin), calr_real_at(k->half, k->x, begin),
           (size_t)(end - begin) * size);
}

static calr_status run_code(const calr_onednn_fused *code, const calr_conv2d *conv, const void *x,
                            const void *residual, void *y)
{
    finishing k = {.half = conv->dtype == CALR_BF16, .x = residual, .y = y};
    if (residual && residual != y)
        calr_parallel_for(results(conv), CALR_GRAIN, copy_body, &k);
    return calr_onednn_fused_run(code, x, y);
}
#endif

static calr_status run(calr_frozen_conv *f, const calr_conv2d *conv, const void *x,
                       const void *residual, void *y)
{
    if (calr_winograd_wanted(conv))
        return run_winograd(f, conv, x, residual, y);
    if (is_pointwise(f, conv))
        return calr_pointwise_fused_forward(conv, x, f->w, f->bias, residual, f->activation, y);
#ifdef CALR_WITH_ONEDNN
    if (f->onednn && calr_cpu_own_team()) {
        frozen_plan *plan;
        CALR_TRY(take_plan(f, conv, residual != NULL, &plan));
        if (plan) {
            bool usable = plan->code != NULL;
            calr_status status = usable ? run_code(plan->code, conv, x, residual, y) : CALR_OK;
            drop_plan(f, plan);
            if (usable)
                return status;
        }
    }
#endif
    return run_portable(f, conv, x, residual, y);
}

calr_status calr_frozen_conv_run(calr_frozen_conv *f, const calr_conv2d *conv, const void *x,
                                 const void *residual, void *y)
{
    if (conv->n == 0)
        return CALR_OK;
    if (!calr_meter_on)
        return run(f, conv, x, residual, y);
    double began = calr_meter_begin();
    calr_status status = run(f, conv, x, residual, y);
    calr_metered_conv(began, "conv2d_frozen", conv);
    return status;
}

calr_status calr_frozen_conv_name(calr_frozen_conv *f, const calr_conv2d *conv, bool residual,
                                  char *text, size_t size)
{
    frozen_plan *plan;
    if (calr_winograd_wanted(conv)) {
        snprintf(text, size, "%s", calr_winograd_name());
        return CALR_OK;
    }
    if (is_pointwise(f, conv)) {
        snprintf(text, size, "%s", calr_pointwise_name(false));
        return CALR_OK;
    }
    CALR_TRY(take_plan(f, conv, residual, &plan));
    snprintf(text, size, "%s", calr_cpu_conv2d_name(conv, CALR_CONV2D_FORWARD));
#ifdef CALR_WITH_ONEDNN
    if (plan && plan->code)
        snprintf(text, size, "%s", calr_onednn_fused_name(plan->code));
#endif
    if (plan)
        drop_plan(f, plan);
    return CALR_OK;
}
