/* sigmoid, and the sum of feature maps whose channels are weighted. */
#include <inttypes.h>
#include <math.h>

#include "autograd/op.h"
#include "autograd/ops.h"
#include "base/bf16.h"
#include "base/clones.h"
#include "base/parallel.h"

/* ---- sigmoid ---- */

enum { GRAIN = 16384 };

typedef struct sigmoid_job {
    const float *x, *dy; /* dy NULL: forward */
    float *y;
} sigmoid_job;

static void sigmoid_chunk(void *context, int64_t begin, int64_t end, int worker)
{
    const sigmoid_job *job = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++)
        job->y[i] = job->dy ? job->dy[i] * job->x[i] * (1 - job->x[i]) : 1 / (1 + expf(-job->x[i]));
}

static calr_status sigmoid_check(calr_op_call *call)
{
    CALR_TRY(calr_op_expect(call, 0, "x", -1, "f32"));
    calr_op_out_like(call, 0);
    return CALR_OK;
}

static calr_status sigmoid_forward(calr_op_call *call, calr_tensor **y)
{
    sigmoid_job job = {.x = calr_tensor_f32(call->in[0]), .y = calr_tensor_f32(*y)};
    calr_parallel_for(calr_tensor_numel(*y), GRAIN, sigmoid_chunk, &job);
    return calr_op_save(call, "its output", *y);
}

static calr_status sigmoid_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    CALR_TRY(calr_op_gradient(call, 0, dx));
    sigmoid_job job = {.x = calr_tensor_f32(calr_op_saved(call, 0)),
                       .dy = calr_tensor_f32(dy),
                       .y = calr_tensor_f32(dx[0])};
    calr_parallel_for(calr_tensor_numel(dy), GRAIN, sigmoid_chunk, &job);
    return CALR_OK;
}

static const calr_op op_sigmoid = {.name = "sigmoid",
                                   .check = sigmoid_check,
                                   .forward = sigmoid_forward,
                                   .backward = sigmoid_backward};

calr_status calr_op_sigmoid(calr_tensor *x, calr_tensor **y)
{
    return calr_op_apply(&op_sigmoid, &x, 1, NULL, y);
}

/* ---- gated sum ---- inputs: x_1 .. x_k [n x h x w x c], then gates g_1 .. g_k [n x c] */

#define MOST 16

typedef struct gating {
    bool half; /* x, y, dy and dx */
    int count;
    int64_t area, c;
    const void *x[MOST], *dy;
    const float *g[MOST];
    void *y, *dx[MOST];
    float *dg[MOST];
} gating;

static calr_status gated_check(calr_op_call *call)
{
    int count = call->count / 2;
    const calr_op_shape *first = &call->shape[0];
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    for (int i = 0; i < count; i++) {
        CALR_TRY(calr_op_expect_real(call, i, "x", 4, "f32[n x h x w x c]"));
        CALR_TRY(calr_op_expect(call, count + i, "gate", 2, "f32[n x c]"));
        const calr_op_shape *x = &call->shape[i], *g = &call->shape[count + i];
        if (x->dtype != first->dtype || !calr_op_same_shape(x, first))
            return calr_error(CALR_EINVAL, "map %d is %s, but the first is %s", i + 1,
                              calr_op_describe(x, a), calr_op_describe(first, b));
        if (g->shape[0] != x->shape[0] || g->shape[1] != x->shape[3])
            return calr_error(
                CALR_EINVAL, "gate %d must be f32[%" PRId64 " x %" PRId64 "] for %s, not %s", i + 1,
                x->shape[0], x->shape[3], calr_op_describe(x, a), calr_op_describe(g, b));
    }
    calr_op_out_like(call, 0);
    return CALR_OK;
}

static gating open_gating(const calr_op_call *call)
{
    const int64_t *shape = call->shape[0].shape;
    return (gating){.half = call->shape[0].dtype == CALR_BF16,
                    .count = call->count / 2,
                    .area = shape[1] * shape[2],
                    .c = shape[3]};
}

/* Loops for maps in f32 and in bf16 (half); gates and their gradients are f32. */

CALR_INLINE void weigh_of(bool half, int64_t c, const void *x, const float *g, void *y)
{
#pragma omp simd
    for (int64_t j = 0; j < c; j++)
        calr_real_store(half, y, j, calr_real_load(half, x, j) * g[j]);
}

CALR_CLONES static void weigh(bool half, int64_t c, const void *x, const float *g, void *y)
{
    if (half)
        weigh_of(true, c, x, g, y);
    else
        weigh_of(false, c, x, g, y);
}

CALR_INLINE void add_products_of(bool half, int64_t c, const void *a, const void *b, float *sum)
{
#pragma omp simd
    for (int64_t j = 0; j < c; j++)
        sum[j] += calr_real_load(half, a, j) * calr_real_load(half, b, j);
}

CALR_CLONES static void add_products(bool half, int64_t c, const void *a, const void *b, float *sum)
{
    if (half)
        add_products_of(true, c, a, b, sum);
    else
        add_products_of(false, c, a, b, sum);
}

CALR_INLINE void sum_four_of(bool half, int64_t c, const void *const *x, const float *const *g,
                             void *y)
{
    const void *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
    const float *g0 = g[0], *g1 = g[1], *g2 = g[2], *g3 = g[3];
#pragma omp simd
    for (int64_t j = 0; j < c; j++)
        calr_real_store(half, y, j,
                        calr_real_load(half, x0, j) * g0[j] + calr_real_load(half, x1, j) * g1[j] +
                            calr_real_load(half, x2, j) * g2[j] +
                            calr_real_load(half, x3, j) * g3[j]);
}

#define BLOCK 64

CALR_INLINE void sum_any_of(bool half, int count, int64_t c, const void *const *x,
                            const float *const *g, void *y)
{
    for (int64_t first = 0; first < c; first += BLOCK) {
        int64_t width = c - first < BLOCK ? c - first : BLOCK;
        float sum[BLOCK] = {0};
        for (int i = 0; i < count; i++)
#pragma omp simd
            for (int64_t j = 0; j < width; j++)
                sum[j] += calr_real_load(half, x[i], first + j) * g[i][first + j];
        for (int64_t j = 0; j < width; j++)
            calr_real_store(half, y, first + j, sum[j]);
    }
}

CALR_CLONES static void sum_gated(bool half, int count, int64_t c, const void *const *x,
                                  const float *const *g, void *y)
{
    if (count == 4 && half)
        sum_four_of(true, c, x, g, y);
    else if (count == 4)
        sum_four_of(false, c, x, g, y);
    else if (half)
        sum_any_of(true, count, c, x, g, y);
    else
        sum_any_of(false, count, c, x, g, y);
}

static void forward_images(void *context, int64_t begin, int64_t end, int worker)
{
    const gating *k = context;
    (void)worker;
    for (int64_t n = begin; n < end; n++)
        for (int64_t p = n * k->area; p < (n + 1) * k->area; p++) {
            const void *x[MOST];
            const float *g[MOST];
            for (int i = 0; i < k->count; i++) {
                x[i] = calr_real_at(k->half, k->x[i], p * k->c);
                g[i] = k->g[i] + n * k->c;
            }
            sum_gated(k->half, k->count, k->c, x, g, calr_real_at(k->half, k->y, p * k->c));
        }
}

static void backward_images(void *context, int64_t begin, int64_t end, int worker)
{
    const gating *k = context;
    int64_t c = k->c;
    (void)worker;
    for (int64_t n = begin; n < end; n++)
        for (int i = 0; i < k->count; i++) {
            const float *g = k->g[i] + n * c;
            float *dg = k->dg[i] ? k->dg[i] + n * c : NULL;
            for (int64_t j = 0; dg && j < c; j++)
                dg[j] = 0;
            for (int64_t p = 0; p < k->area; p++) {
                int64_t at = (n * k->area + p) * c;
                const void *dy = calr_real_at(k->half, k->dy, at);
                if (k->dx[i])
                    weigh(k->half, c, dy, g, calr_real_at(k->half, k->dx[i], at));
                if (dg)
                    add_products(k->half, c, dy, calr_real_at(k->half, k->x[i], at), dg);
            }
        }
}

static calr_status gated_forward(calr_op_call *call, calr_tensor **y)
{
    gating k = open_gating(call);
    for (int i = 0; i < k.count; i++) {
        k.x[i] = calr_tensor_data(call->in[i]);
        k.g[i] = calr_tensor_f32(call->in[k.count + i]);
    }
    k.y = calr_tensor_data(*y);
    calr_parallel_for(call->shape[0].shape[0], 1, forward_images, &k);
    for (int i = 0; i < call->count; i++)
        CALR_TRY(calr_op_save(call, i < k.count ? "x" : "gate", call->in[i]));
    return CALR_OK;
}

static calr_status gated_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    gating k = open_gating(call);
    k.dy = calr_tensor_data(dy);
    for (int i = 0; i < call->count; i++)
        CALR_TRY(calr_op_gradient(call, i, dx));
    for (int i = 0; i < k.count; i++) {
        k.x[i] = calr_tensor_data(calr_op_saved(call, i));
        k.g[i] = calr_tensor_f32(calr_op_saved(call, k.count + i));
        k.dx[i] = dx[i] ? calr_tensor_data(dx[i]) : NULL;
        k.dg[i] = dx[k.count + i] ? calr_tensor_f32(dx[k.count + i]) : NULL;
    }
    calr_parallel_for(call->shape[0].shape[0], 1, backward_images, &k);
    return CALR_OK;
}

static const calr_op op_gated_sum = {.name = "gated_sum",
                                     .check = gated_check,
                                     .forward = gated_forward,
                                     .backward = gated_backward};

calr_status calr_op_gated_sum(calr_tensor *const *x, calr_tensor *const *gates, int count,
                              calr_tensor **y)
{
    calr_tensor *in[2 * MOST];
    if (count < 1 || count > MOST)
        return calr_error(CALR_EINVAL, "gated_sum: 1 to %d maps can be added, not %d", MOST, count);
    for (int i = 0; i < count; i++) {
        in[i] = x[i];
        in[count + i] = gates[i];
    }
    return calr_op_apply(&op_gated_sum, in, 2 * count, NULL, y);
}
