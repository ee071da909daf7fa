/* Batch normalisation.
 *
 * It reduces columns of a rows x c matrix: rows are cut into chunks by a grain that depends on the
 * sizes alone, each chunk sums into its own slot in double, and the slots are added in order: the
 * same bits for any number of threads. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/kernels.h"
#include "backend/cpu/norm.h"
#include "backend/cpu/norm_rows.h"
#include "backend/cpu/norm_table.h"
#include "base/stream.h"
#include "tensor/pool.h"

#define MOST_CHUNKS 64

/* Large outputs are written past the caches, by pieces of as many numbers. */
#define PIECE 4096

typedef struct norming {
    bool half; /* x, residual and out */
    bool far;  /* as in norm_rows.h */
    int64_t c, grain;
    const void *x, *residual;
    const float *mean, *scale, *shift; /* one each column */
    void *out;
    calr_activation activation;
    bool stream;
    double *slots; /* chunks x 2 x c */
} norming;

typedef struct differentiating {
    calr_norm_gradient in;
    int64_t grain;
    void *keep;
    double *slots;
    const float *a, *b, *d; /* dx = a g + (b (x - mean) + d) */
    void *dx;
} differentiating;

/* Working space of one call: slots and a table of `vectors` columns. */
typedef struct scratch {
    size_t bytes;
    double *slots;
    float *vectors;
} scratch;

static calr_status open_scratch(int64_t chunks, int64_t c, int64_t vectors, scratch *out)
{
    void *block;
    int64_t slots = 2 * chunks * c * (int64_t)sizeof(double);
    out->bytes = (size_t)(slots + vectors * c * (int64_t)sizeof(float));
    CALR_TRY(calr_pool_alloc(out->bytes, &block));
    out->slots = block;
    out->vectors = (float *)((char *)block + slots);
    return CALR_OK;
}

static void close_scratch(scratch *s)
{
    calr_pool_free(s->slots, s->bytes);
}

static int64_t reduction_grain(int64_t rows, int64_t c)
{
    return calr_max64(calr_row_grain(c), (rows + MOST_CHUNKS - 1) / MOST_CHUNKS);
}

/* Adds the slots of all chunks into the first. */
static void add_slots(double *slots, int64_t chunks, int64_t width)
{
    for (int64_t i = 1; i < chunks; i++)
        for (int64_t j = 0; j < width; j++)
            slots[j] += slots[i * width + j];
}

static void moments_body(void *context, int64_t begin, int64_t end, int worker)
{
    const norming *k = context;
    (void)worker;
    calr_cpu_moments(k->half, k->far, end - begin, k->c, calr_real_at(k->half, k->x, begin * k->c),
                     k->x, k->slots + begin / k->grain * 2 * k->c);
}

static void normalize_rows(const norming *k, int64_t begin, int64_t rows, void *out)
{
    int64_t at = begin * k->c;
    calr_cpu_normalize(k->half, k->far, rows, k->c, k->activation, calr_real_at(k->half, k->x, at),
                       k->mean, k->scale, k->shift,
                       k->residual ? calr_real_at(k->half, k->residual, at) : NULL, out);
}

static void normalize_body(void *context, int64_t begin, int64_t end, int worker)
{
    const norming *k = context;
    _Alignas(64) float piece[PIECE];
    int64_t step = PIECE / k->c, row = k->c * (k->half ? 2 : 4);
    (void)worker;
    if (!k->stream) {
        normalize_rows(k, begin, end - begin, (char *)k->out + begin * row);
        return;
    }
    for (; begin < end; begin += step) {
        int64_t rows = calr_min64(step, end - begin);
        normalize_rows(k, begin, rows, piece);
        calr_stream_copy((char *)k->out + begin * row, piece, (size_t)(rows * row));
    }
    calr_stream_end();
}

static bool is_half(const calr_norm *norm)
{
    return norm->dtype == CALR_BF16;
}

static bool is_far(const calr_norm *norm)
{
    return calr_norm_is_far(is_half(norm), norm->rows, norm->c);
}

static void apply(const calr_norm *norm, bool stream, const void *x, const float *table,
                  const void *residual, void *y)
{
    int64_t c = norm->c, row = c * (is_half(norm) ? 2 : 4);
    norming k = {.half = is_half(norm),
                 .far = is_far(norm),
                 .c = c,
                 .x = x,
                 .stream = stream && calr_stream_pays(norm->rows * row) && c <= PIECE && y != x &&
                           y != residual && calr_stream_fits(y, (size_t)row),
                 .mean = table,
                 .scale = table + 2 * c,
                 .shift = table + 3 * c,
                 .residual = residual,
                 .activation = norm->activation,
                 .out = y};
    if (c > 0)
        calr_parallel_for(norm->rows, calr_row_grain(c), normalize_body, &k);
}

/* Outputs that are made again are read by the very next kernel: past the caches showed no gain. */
void calr_cpu_batch_norm_apply(const calr_norm *norm, const void *x, const float *table,
                               const void *residual, void *y)
{
    apply(norm, false, x, table, residual, y);
}

static void update_running(double momentum, int64_t rows, double mean, double var,
                           float *running_mean, float *running_var)
{
    double unbiased = rows > 1 ? var * (double)rows / (double)(rows - 1) : var;
    *running_mean = (float)((1 - momentum) * (double)*running_mean + momentum * mean);
    *running_var = (float)((1 - momentum) * (double)*running_var + momentum * unbiased);
}

calr_status calr_cpu_batch_norm_train(const calr_norm *norm, double momentum, const void *x,
                                      const float *gamma, const float *beta, const void *residual,
                                      float *running_mean, float *running_var, float *table,
                                      void *y)
{
    int64_t rows = norm->rows, c = norm->c;
    float *mean = table, *inv_std = table + c, *scale = table + 2 * c, *shift = table + 3 * c;
    if (rows == 0 || c == 0) {
        memset(table, 0, (size_t)(4 * c) * sizeof *table);
        return CALR_OK;
    }
    norming k = {.half = is_half(norm),
                 .far = is_far(norm),
                 .c = c,
                 .grain = reduction_grain(rows, c),
                 .x = x};
    int64_t chunks = (rows + k.grain - 1) / k.grain;
    scratch s;
    CALR_TRY(open_scratch(chunks, c, 0, &s));
    k.slots = s.slots;
    calr_parallel_for(rows, k.grain, moments_body, &k);
    add_slots(k.slots, chunks, 2 * c);
    for (int64_t j = 0; j < c; j++) {
        /* what the mean loses as a float waits in shift */
        double var = calr_norm_finish(k.slots[j], k.slots[c + j], (double)rows,
                                      (double)calr_real_load(k.half, x, j), norm->eps, mean + j,
                                      inv_std + j, shift + j);
        if (running_mean)
            update_running(momentum, rows, (double)mean[j], var, running_mean + j, running_var + j);
    }
    close_scratch(&s);
    calr_norm_forward_table(c, gamma, beta, shift, inv_std, scale, shift);
    if (y)
        apply(norm, true, x, table, residual, y);
    return CALR_OK;
}

void calr_cpu_batch_norm_table(const calr_norm *norm, const float *gamma, const float *beta,
                               const float *mean, const float *var, float *table)
{
    int64_t c = norm->c;
    for (int64_t j = 0; j < c; j++) {
        table[j] = mean[j];
        table[c + j] = (float)(1 / sqrt((double)var[j] + (double)norm->eps));
    }
    calr_norm_forward_table(c, gamma, beta, NULL, table + c, table + 2 * c, table + 3 * c);
}

calr_status calr_cpu_batch_norm_infer(const calr_norm *norm, const void *x, const float *gamma,
                                      const float *beta, const float *mean, const float *var,
                                      const void *residual, void *y)
{
    scratch s;
    if (norm->rows == 0 || norm->c == 0)
        return CALR_OK;
    CALR_TRY(open_scratch(0, norm->c, 4, &s));
    calr_cpu_batch_norm_table(norm, gamma, beta, mean, var, s.vectors);
    apply(norm, true, x, s.vectors, residual, y);
    close_scratch(&s);
    return CALR_OK;
}

static void gradient_sums_body(void *context, int64_t begin, int64_t end, int worker)
{
    const differentiating *k = context;
    (void)worker;
    calr_cpu_gradient_sums(&k->in, begin, end - begin, k->keep,
                           k->slots + begin / k->grain * 2 * k->in.c);
}

static void gradient_apply_body(void *context, int64_t begin, int64_t end, int worker)
{
    const differentiating *k = context;
    (void)worker;
    calr_cpu_gradient_apply(&k->in, begin, end - begin, k->a, k->b, k->d, k->dx);
}

calr_norm_mask calr_norm_mask_of(const calr_norm *norm, const void *aside)
{
    switch (norm->activation) {
    case CALR_ACTIVATION_RELU:
        return aside ? CALR_MASK_OUTPUT : CALR_MASK_INPUT;
    case CALR_ACTIVATION_RELU6:
        return aside ? CALR_MASK_OUTPUT_6 : CALR_MASK_INPUT_6;
    case CALR_ACTIVATION_SILU:
        return aside ? CALR_MASK_SILU_SUM : CALR_MASK_SILU;
    case CALR_ACTIVATION_HARDSWISH:
        return aside ? CALR_MASK_HARDSWISH_SUM : CALR_MASK_HARDSWISH;
    case CALR_ACTIVATION_NONE:
        break;
    }
    return CALR_MASK_NONE;
}

void calr_norm_from_sums(const calr_norm_gradient *in, int64_t rows, bool fixed, const float *table,
                         const double *sums, float *vectors, void *dx, float *dgamma, float *dbeta)
{
    int64_t c = in->c;
    float *a = vectors, *b = a + c, *d = b + c;
    for (int64_t j = 0; j < c; j++) {
        if (dgamma)
            dgamma[j] = (float)(sums[c + j] * (double)table[c + j]);
        if (dbeta)
            dbeta[j] = (float)sums[j];
    }
    if (!dx)
        return;
    differentiating k = {.in = *in, .a = a, .b = b, .d = d, .dx = dx};
    calr_norm_backward_table(c, (double)rows, fixed, table + c, table + 2 * c, sums, a, b, d);
    calr_parallel_for(rows, calr_row_grain(c), gradient_apply_body, &k);
}

/* Two passes: the sums (and g, where it is wanted for itself), then dx from them. */
calr_status calr_cpu_batch_norm_backward(const calr_norm *norm, bool fixed, const void *x,
                                         const void *aside, const float *table, const void *dy,
                                         const void *dy2, void *dx, float *dgamma, float *dbeta,
                                         void *dresidual)
{
    int64_t rows = norm->rows, c = norm->c;
    differentiating k = {.in = {.half = is_half(norm),
                                .far = is_far(norm),
                                .c = c,
                                .mask = calr_norm_mask_of(norm, aside),
                                .x = x,
                                .aside = aside,
                                .dy = dy,
                                .dy2 = dy2,
                                .mean = table,
                                .scale = table + 2 * c,
                                .shift = table + 3 * c},
                         .grain = reduction_grain(rows, c),
                         .keep = dresidual};
    int64_t chunks = calr_max64(1, (rows + k.grain - 1) / k.grain);
    scratch s;
    CALR_TRY(open_scratch(chunks, c, 3, &s));
    k.slots = s.slots;
    if (rows == 0)
        memset(k.slots, 0, (size_t)(2 * c) * sizeof *k.slots);
    if (dgamma || dbeta || dresidual || (dx && !fixed)) {
        calr_parallel_for(rows, k.grain, gradient_sums_body, &k);
        add_slots(k.slots, chunks, 2 * c);
    }
    if (dresidual) /* which now holds g; aside, dy and dy2 are not read again */
        k.in = (calr_norm_gradient){.half = is_half(norm),
                                    .far = is_far(norm),
                                    .c = c,
                                    .x = x,
                                    .dy = dresidual,
                                    .mean = table};
    calr_norm_from_sums(&k.in, rows, fixed, table, k.slots, s.vectors, dx, dgamma, dbeta);
    close_scratch(&s);
    return CALR_OK;
}
