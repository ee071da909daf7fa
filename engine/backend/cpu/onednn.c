#include "backend/cpu/onednn.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "backend/cpu/conv_bf16.h"
#include "backend/cpu/depthwise/depthwise.h"
#include "backend/cpu/inverted/narrow.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pointwise/pointwise.h"
#include "backend/cpu/winograd/winograd.h"

/* Making a plan takes milliseconds (code is generated), running a small one microseconds: plans are
 * kept. A network has some dozens of geometries, times three passes, times a few sizes of the last
 * batch. */
#define PLANS 512

typedef struct plan_key {
    calr_onednn_spec spec;
    int64_t threads; /* 64 bits, like all in spec: no padding, so keys compare as bytes */
} plan_key;

typedef struct plan_slot {
    plan_key key;
    calr_onednn_plan *plan; /* NULL: oneDNN has no fast code for this geometry */
    uint64_t last_use;      /* 0: the slot is empty */
    int users;              /* running now: not to be evicted */
} plan_slot;

static struct {
    pthread_mutex_t lock;
    plan_slot slot[PLANS];
    uint64_t clock;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The slot of a key, or the one to replace: an empty one, otherwise the least recently used that is
 * not running. NULL when all are running. */
static plan_slot *find_slot(const plan_key *key)
{
    plan_slot *victim = NULL;
    for (int i = 0; i < PLANS; i++) {
        plan_slot *slot = &cache.slot[i];
        if (slot->last_use && memcmp(&slot->key, key, sizeof *key) == 0)
            return slot;
        if (slot->users == 0 && (!victim || slot->last_use < victim->last_use))
            victim = slot;
    }
    return victim;
}

/* Takes a slot into use; *out is NULL when the portable path is to be taken. Give it back with
 * drop_plan. */
static calr_status take_plan(const calr_onednn_spec *spec, plan_slot **out)
{
    plan_key key;
    calr_status status = CALR_OK;
    memset(&key, 0, sizeof key);
    key = (plan_key){.spec = *spec, .threads = calr_parallel_threads()};
    *out = NULL;
    pthread_mutex_lock(&cache.lock);
    plan_slot *slot = find_slot(&key);
    if (slot && !(slot->last_use && memcmp(&slot->key, &key, sizeof key) == 0)) {
        calr_onednn_plan *plan = NULL;
        status = calr_onednn_plan_new(spec, &plan);
        if (status == CALR_OK) {
            calr_onednn_plan_release(slot->plan);
            *slot = (plan_slot){.key = key, .plan = plan};
        }
    }
    if (slot && status == CALR_OK) {
        slot->last_use = ++cache.clock;
        if (slot->plan) {
            slot->users++;
            *out = slot;
        }
    }
    pthread_mutex_unlock(&cache.lock);
    return status;
}

static void drop_plan(plan_slot *slot)
{
    pthread_mutex_lock(&cache.lock);
    slot->users--;
    pthread_mutex_unlock(&cache.lock);
}

static _Atomic(calr_onednn_bf16) bf16_choice;

void calr_onednn_choose_bf16(calr_onednn_bf16 choice)
{
    atomic_store(&bf16_choice, choice);
}

bool calr_onednn_takes_bf16(void)
{
    calr_onednn_bf16 choice = atomic_load(&bf16_choice);
    return choice == CALR_ONEDNN_BF16_OWN ||
           (choice == CALR_ONEDNN_BF16_AUTO && calr_onednn_has_bf16());
}

/* 1x1 convolutions of many channels, whose gradients a plain matrix product makes sooner than
 * oneDNN's 1x1 code, by 5 to 20 % (tests/bench/convolutions.c). The portable path makes it. */
#define GEMM_WEIGHTS  262144
#define GEMM_CHANNELS 2048

static bool is_for_gemm(const calr_conv2d *g, calr_conv2d_pass pass)
{
    if (g->dtype != CALR_F32 || g->kh != 1 || g->kw != 1 || !calr_conv2d_has(g, 1, 0) ||
        g->groups != 1)
        return false;
    if (pass == CALR_CONV2D_BACKWARD_WEIGHTS)
        return g->c_in * g->c_out >= GEMM_WEIGHTS;
    return pass == CALR_CONV2D_BACKWARD_DATA && calr_max64(g->c_in, g->c_out) >= GEMM_CHANNELS;
}

/* oneDNN's 1x1 code writes past its scratch memory when it makes this gradient from fewer input
 * channels than its block has (8 with AVX2, 16 with AVX-512), in 2.6 as in 3.x: it copies the pixels
 * under a stride together, with room for c_in numbers a pixel, but finds them a block apart
 * (https://github.com/uxlfoundation/oneDNN/issues/6035). Gradients then change from run to run, and
 * what lies behind is overwritten. The portable path makes it. */
#define BLOCK_CHANNELS 16

static bool is_unsafe(const calr_conv2d *g, calr_conv2d_pass pass)
{
    return pass == CALR_CONV2D_BACKWARD_WEIGHTS && g->kh == 1 && g->kw == 1 &&
           (g->stride[0] > 1 || g->stride[1] > 1) && g->groups == 1 && g->c_in < BLOCK_CHANNELS;
}

static bool is_ours(const calr_conv2d *conv, calr_conv2d_pass pass)
{
    return calr_depthwise_wanted(conv, pass) || calr_winograd_wanted(conv) ||
           calr_pointwise_wanted(conv, pass) || calr_narrow_wanted(conv, pass) ||
           is_for_gemm(conv, pass) || is_unsafe(conv, pass);
}

/* Runs the pass if oneDNN can and is to; *done tells. Inside a calr_parallel_for body it is left alone: its
 * code is made for a team of a certain size. */
static calr_status run_plan(const calr_conv2d *conv, calr_conv2d_pass pass, const void *in,
                            float *weights, const float *bias, void *out, bool *done)
{
    calr_onednn_spec spec = {.conv = *conv, .pass = pass, .bias = bias != NULL};
    plan_slot *slot;
    *done = false;
    if (conv->n == 0 || is_ours(conv, pass) || !calr_cpu_own_team() ||
        (conv->dtype == CALR_BF16 && !calr_onednn_takes_bf16()))
        return CALR_OK;
    CALR_TRY(take_plan(&spec, &slot));
    if (!slot)
        return CALR_OK;
    calr_status status = calr_onednn_plan_run(slot->plan, in, weights, bias, out);
    drop_plan(slot);
    *done = true;
    return status;
}

static const calr_conv_kernels kernels = {calr_onednn_conv2d_forward,
                                          calr_onednn_conv2d_backward_data,
                                          calr_onednn_conv2d_backward_weights};

calr_status calr_onednn_conv2d_forward(const calr_conv2d *conv, const void *x, const float *w,
                                       const float *bias, void *y)
{
    bool done;
    CALR_TRY(run_plan(conv, CALR_CONV2D_FORWARD, x, (float *)w, bias, y, &done));
    if (done)
        return CALR_OK;
    if (conv->dtype == CALR_BF16)
        return calr_cpu_conv2d_bf16_forward(&kernels, conv, x, w, bias, y);
    return calr_cpu_conv2d_forward(conv, x, w, bias, y);
}

calr_status calr_onednn_conv2d_backward_data(const calr_conv2d *conv, const float *w,
                                             const void *dy, void *dx)
{
    bool done;
    CALR_TRY(run_plan(conv, CALR_CONV2D_BACKWARD_DATA, dy, (float *)w, NULL, dx, &done));
    if (done)
        return CALR_OK;
    if (conv->dtype == CALR_BF16)
        return calr_cpu_conv2d_bf16_backward_data(&kernels, conv, w, dy, dx);
    return calr_cpu_conv2d_backward_data(conv, w, dy, dx);
}

calr_status calr_onednn_conv2d_backward_weights(const calr_conv2d *conv, const void *x,
                                                const void *dy, float *dw, float *dbias)
{
    bool done;
    CALR_TRY(run_plan(conv, CALR_CONV2D_BACKWARD_WEIGHTS, x, dw, NULL, (void *)dy, &done));
    if (!done && conv->dtype == CALR_BF16)
        return calr_cpu_conv2d_bf16_backward_weights(&kernels, conv, x, dy, dw, dbias);
    if (!done)
        return calr_cpu_conv2d_backward_weights(conv, x, dy, dw, dbias);
    return dbias ? calr_cpu_sum_rows((calr_dtype)conv->dtype, conv->n * conv->out_h * conv->out_w,
                                     conv->c_out, dy, dbias)
                 : CALR_OK;
}

calr_status calr_onednn_conv2d_name(const calr_conv2d *conv, calr_conv2d_pass pass, char *text,
                                    size_t size)
{
    calr_onednn_spec spec = {.conv = *conv, .pass = pass};
    plan_slot *slot = NULL;
    bool widened = conv->dtype == CALR_BF16 && !calr_onednn_takes_bf16() &&
                   !calr_depthwise_is(conv) && !calr_winograd_wanted(conv) &&
                   !calr_pointwise_wanted(conv, pass);
    if (widened)
        spec.conv.dtype = CALR_F32;
    if (!is_ours(&spec.conv, pass))
        CALR_TRY(take_plan(&spec, &slot));
    snprintf(text, size, "%s%s", widened ? "widened, " : "",
             slot ? calr_onednn_plan_name(slot->plan) : calr_cpu_conv2d_name(&spec.conv, pass));
    if (slot)
        drop_plan(slot);
    return CALR_OK;
}
