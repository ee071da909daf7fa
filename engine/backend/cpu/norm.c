/* Batch and instance normalisation.
 *
 * Both reduce columns of a rows x c matrix: rows are cut into chunks by a grain that depends on the
 * sizes alone, each chunk sums into its own slot in double, and the slots are added in order: the
 * same bits for any number of threads. Instance normalisation is the same over the rows of one
 * image, with images instead of chunks handed to the threads.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/kernels.h"

#define MOST_CHUNKS 128

typedef struct norming {
    int64_t c, grain;
    const float *x, *y, *dy, *residual;
    const float *gamma, *mean, *inv_std;
    const float *scale, *shift, *slope; /* one each column */
    double *slots;                      /* chunks x 2 x c */
    float *out, *dresidual;
    bool relu;
} norming;

static int64_t reduction_grain(int64_t rows, int64_t c)
{
    return calr_max64(calr_row_grain(c), (rows + MOST_CHUNKS - 1) / MOST_CHUNKS);
}

/* sums[0..c-1] and sums[c..2c-1]: sum and sum of squares of x - center over rows. center is any
 * value near the mean (the first row): without it the variance of columns with a large mean would
 * cancel. Four rows are added up in float, which costs no accuracy that the input has, before they
 * go to double. */
CALR_CLONES static void moments(int64_t rows, int64_t c, const float *x, const float *center,
                                double *sums)
{
    double *restrict s = sums, *restrict q = sums + c;
    int64_t i = 0;
    memset(sums, 0, (size_t)(2 * c) * sizeof *sums);
    for (; i + 4 <= rows; i += 4) {
        const float *x0 = x + i * c, *x1 = x0 + c, *x2 = x1 + c, *x3 = x2 + c;
#pragma omp simd
        for (int64_t j = 0; j < c; j++) {
            float d0 = x0[j] - center[j], d1 = x1[j] - center[j], d2 = x2[j] - center[j],
                  d3 = x3[j] - center[j];
            s[j] += (double)((d0 + d1) + (d2 + d3));
            q[j] += (double)((d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3));
        }
    }
    for (; i < rows; i++) {
        const float *row = x + i * c;
#pragma omp simd
        for (int64_t j = 0; j < c; j++) {
            float d = row[j] - center[j];
            s[j] += (double)d;
            q[j] += (double)(d * d);
        }
    }
}

static void moments_body(void *context, int64_t begin, int64_t end, int worker)
{
    const norming *k = context;
    (void)worker;
    moments(end - begin, k->c, k->x + begin * k->c, k->x, k->slots + begin / k->grain * 2 * k->c);
}

static inline __attribute__((always_inline)) float masked(bool relu, float y, float dy)
{
    return !relu || y > 0 ? dy : 0.0f;
}

/* Sum of g and of g (x - mean), g = dy masked by the ReLU; likewise. Inlined twice, for either
 * value of relu. */
static inline __attribute__((always_inline)) void
sum_gradients(int64_t rows, int64_t c, bool relu, const float *x, const float *y, const float *dy,
              const float *mean, double *restrict s, double *restrict q)
{
    int64_t i = 0;
    for (; i + 4 <= rows; i += 4) {
        const int64_t r0 = i * c, r1 = r0 + c, r2 = r1 + c, r3 = r2 + c;
#pragma omp simd
        for (int64_t j = 0; j < c; j++) {
            float g0 = masked(relu, y[r0 + j], dy[r0 + j]),
                  g1 = masked(relu, y[r1 + j], dy[r1 + j]);
            float g2 = masked(relu, y[r2 + j], dy[r2 + j]),
                  g3 = masked(relu, y[r3 + j], dy[r3 + j]);
            float d0 = g0 * (x[r0 + j] - mean[j]), d1 = g1 * (x[r1 + j] - mean[j]);
            float d2 = g2 * (x[r2 + j] - mean[j]), d3 = g3 * (x[r3 + j] - mean[j]);
            s[j] += (double)((g0 + g1) + (g2 + g3));
            q[j] += (double)((d0 + d1) + (d2 + d3));
        }
    }
    for (; i < rows; i++) {
        const int64_t row = i * c;
#pragma omp simd
        for (int64_t j = 0; j < c; j++) {
            float g = masked(relu, y[row + j], dy[row + j]);
            s[j] += (double)g;
            q[j] += (double)(g * (x[row + j] - mean[j]));
        }
    }
}

CALR_CLONES static void gradient_sums(int64_t rows, int64_t c, bool relu, const float *x,
                                      const float *y, const float *dy, const float *mean,
                                      double *sums)
{
    memset(sums, 0, (size_t)(2 * c) * sizeof *sums);
    if (relu)
        sum_gradients(rows, c, true, x, y, dy, mean, sums, sums + c);
    else
        sum_gradients(rows, c, false, x, y, dy, mean, sums, sums + c);
}

static void gradient_sums_body(void *context, int64_t begin, int64_t end, int worker)
{
    const norming *k = context;
    int64_t at = begin * k->c;
    (void)worker;
    gradient_sums(end - begin, k->c, k->relu, k->x + at, k->relu ? k->y + at : k->dy + at,
                  k->dy + at, k->mean, k->slots + begin / k->grain * 2 * k->c);
}

/* Adds the slots of all chunks into the first. */
static void add_slots(double *slots, int64_t chunks, int64_t width)
{
    for (int64_t i = 1; i < chunks; i++)
        for (int64_t j = 0; j < width; j++)
            slots[j] += slots[i * width + j];
}

/* out = scale (x - mean) + shift (+ residual) (relu). Taking the mean off first keeps the digits of
 * columns whose mean is large against their deviation. */
CALR_CLONES static void apply(int64_t rows, int64_t c, bool relu, const float *x, const float *mean,
                              const float *scale, const float *shift, const float *residual,
                              float *out)
{
    for (int64_t i = 0; i < rows; i++) {
        const float *row = x + i * c, *extra = residual ? residual + i * c : NULL;
        float *to = out + i * c;
        float floor = relu ? 0.0f : -INFINITY;
        if (extra) {
#pragma omp simd
            for (int64_t j = 0; j < c; j++) {
                float v = (row[j] - mean[j]) * scale[j] + shift[j] + extra[j];
                to[j] = v < floor ? floor : v;
            }
        } else {
#pragma omp simd
            for (int64_t j = 0; j < c; j++) {
                float v = (row[j] - mean[j]) * scale[j] + shift[j];
                to[j] = v < floor ? floor : v;
            }
        }
    }
}

static void apply_body(void *context, int64_t begin, int64_t end, int worker)
{
    const norming *k = context;
    int64_t at = begin * k->c;
    (void)worker;
    apply(end - begin, k->c, k->relu, k->x + at, k->mean, k->scale, k->shift,
          k->residual ? k->residual + at : NULL, k->out + at);
}

/* dx = scale g + slope (x - mean) + shift with g = dy masked by the ReLU; dresidual = g. Either
 * output may be NULL. */
CALR_CLONES static void apply_gradient(int64_t rows, int64_t c, bool relu, const float *x,
                                       const float *y, const float *dy, const float *mean,
                                       const float *scale, const float *slope, const float *shift,
                                       float *dx, float *dresidual)
{
    for (int64_t i = 0; i < rows; i++) {
        const float *row = x + i * c, *out = y + i * c, *grad = dy + i * c;
        if (dx) {
            float *to = dx + i * c;
            if (relu) {
#pragma omp simd
                for (int64_t j = 0; j < c; j++) {
                    float g = out[j] > 0 ? grad[j] : 0.0f;
                    to[j] = scale[j] * g + (slope[j] * (row[j] - mean[j]) + shift[j]);
                }
            } else {
#pragma omp simd
                for (int64_t j = 0; j < c; j++)
                    to[j] = scale[j] * grad[j] + (slope[j] * (row[j] - mean[j]) + shift[j]);
            }
        }
        if (dresidual) {
            float *to = dresidual + i * c;
            if (relu) {
#pragma omp simd
                for (int64_t j = 0; j < c; j++)
                    to[j] = out[j] > 0 ? grad[j] : 0.0f;
            } else if (to != grad) {
                memcpy(to, grad, (size_t)c * sizeof *to);
            }
        }
    }
}

static void apply_gradient_body(void *context, int64_t begin, int64_t end, int worker)
{
    const norming *k = context;
    int64_t at = begin * k->c;
    (void)worker;
    apply_gradient(end - begin, k->c, k->relu, k->x + at, k->relu ? k->y + at : k->dy + at,
                   k->dy + at, k->mean, k->scale, k->slope, k->shift, k->out ? k->out + at : NULL,
                   k->dresidual ? k->dresidual + at : NULL);
}

static calr_status no_memory(const char *what)
{
    return calr_error(CALR_ENOMEM, "no memory for the working space of %s", what);
}

/* Mean and 1 / sqrt(var + eps) of one column from its sums; *rest is what the mean lost when it
 * became a float. Returns the biased variance. */
static double finish_moments(double sum, double squares, double count, double center, float eps,
                             float *mean, float *inv_std, float *rest)
{
    double offset = sum / count;
    double var = squares / count - offset * offset;
    if (var < 0)
        var = 0;
    *mean = (float)(center + offset);
    *inv_std = (float)(1 / sqrt(var + (double)eps));
    *rest = (float)(center + offset - (double)*mean);
    return var;
}

/* rest may be NULL (0), and may be shift. */
static void forward_table(int64_t c, const float *gamma, const float *beta, const float *rest,
                          const float *inv_std, float *scale, float *shift)
{
    for (int64_t j = 0; j < c; j++) {
        scale[j] = (gamma ? gamma[j] : 1.0f) * inv_std[j];
        shift[j] = (beta ? beta[j] : 0.0f) - (rest ? scale[j] * rest[j] : 0.0f);
    }
}

/* dx = gamma inv_std (g - mean(g) - xhat mean(g xhat)) = scale g + slope (x - mean) + shift; the
 * means vanish where the statistics were constants. */
static void backward_table(int64_t c, double count, bool fixed, const float *gamma,
                           const float *inv_std, const double *sums, float *scale, float *slope,
                           float *shift)
{
    for (int64_t j = 0; j < c; j++) {
        double r = (double)inv_std[j], s = (gamma ? (double)gamma[j] : 1.0) * r;
        scale[j] = (float)s;
        slope[j] = fixed ? 0.0f : (float)(-s * r * r * sums[c + j] / count);
        shift[j] = fixed ? 0.0f : (float)(-s * sums[j] / count);
    }
}

calr_status calr_cpu_batch_norm_train(const calr_norm *norm, double momentum, const float *x,
                                      const float *gamma, const float *beta, const float *residual,
                                      float *running_mean, float *running_var, float *mean,
                                      float *inv_std, float *y)
{
    int64_t rows = norm->rows, c = norm->c;
    if (rows == 0 || c == 0)
        return CALR_OK;
    norming k = {.c = c,
                 .grain = reduction_grain(rows, c),
                 .x = x,
                 .residual = residual,
                 .relu = norm->relu,
                 .out = y};
    int64_t chunks = (rows + k.grain - 1) / k.grain;
    k.slots = calr_array_new(chunks * 2 * c, sizeof(double));
    float *table =
        calr_array_new(2 * c, sizeof(float)); /* scale, shift; before that, rest in shift */
    if (!k.slots || !table) {
        free(k.slots);
        free(table);
        return no_memory("batch normalisation");
    }
    calr_parallel_for(rows, k.grain, moments_body, &k);
    add_slots(k.slots, chunks, 2 * c);
    for (int64_t j = 0; j < c; j++) {
        double var = finish_moments(k.slots[j], k.slots[c + j], (double)rows, (double)x[j],
                                    norm->eps, mean + j, inv_std + j, table + c + j);
        if (running_mean) {
            double unbiased = rows > 1 ? var * (double)rows / (double)(rows - 1) : var;
            running_mean[j] =
                (float)((1 - momentum) * (double)running_mean[j] + momentum * (double)mean[j]);
            running_var[j] = (float)((1 - momentum) * (double)running_var[j] + momentum * unbiased);
        }
    }
    forward_table(c, gamma, beta, table + c, inv_std, table, table + c);
    k.mean = mean;
    k.scale = table;
    k.shift = table + c;
    calr_parallel_for(rows, calr_row_grain(c), apply_body, &k);
    free(k.slots);
    free(table);
    return CALR_OK;
}

calr_status calr_cpu_batch_norm_infer(const calr_norm *norm, const float *x, const float *gamma,
                                      const float *beta, const float *mean, const float *var,
                                      const float *residual, float *y)
{
    int64_t rows = norm->rows, c = norm->c;
    if (rows == 0 || c == 0)
        return CALR_OK;
    float *table = calr_array_new(3 * c, sizeof(float));
    if (!table)
        return no_memory("batch normalisation");
    for (int64_t j = 0; j < c; j++)
        table[2 * c + j] = (float)(1 / sqrt((double)var[j] + (double)norm->eps));
    forward_table(c, gamma, beta, NULL, table + 2 * c, table, table + c);
    norming k = {.c = c,
                 .x = x,
                 .mean = mean,
                 .scale = table,
                 .shift = table + c,
                 .residual = residual,
                 .relu = norm->relu,
                 .out = y};
    calr_parallel_for(rows, calr_row_grain(c), apply_body, &k);
    free(table);
    return CALR_OK;
}

calr_status calr_cpu_batch_norm_backward(const calr_norm *norm, bool fixed, const float *x,
                                         const float *y, const float *gamma, const float *mean,
                                         const float *inv_std, const float *dy, float *dx,
                                         float *dgamma, float *dbeta, float *dresidual)
{
    int64_t rows = norm->rows, c = norm->c;
    norming k = {.c = c,
                 .grain = reduction_grain(rows, c),
                 .x = x,
                 .y = y,
                 .dy = dy,
                 .mean = mean,
                 .relu = norm->relu,
                 .out = dx,
                 .dresidual = dresidual};
    int64_t chunks = calr_max64(1, (rows + k.grain - 1) / k.grain);
    k.slots = calr_array_zeros(chunks * 2 * c, sizeof(double));
    float *table = calr_array_new(3 * c, sizeof(float));
    if (!k.slots || !table) {
        free(k.slots);
        free(table);
        return no_memory("batch normalisation");
    }
    if (dgamma || dbeta || (dx && !fixed)) {
        calr_parallel_for(rows, k.grain, gradient_sums_body, &k);
        add_slots(k.slots, chunks, 2 * c);
    }
    for (int64_t j = 0; j < c; j++) {
        if (dgamma)
            dgamma[j] = (float)(k.slots[c + j] * (double)inv_std[j]);
        if (dbeta)
            dbeta[j] = (float)k.slots[j];
    }
    if (dx)
        backward_table(c, (double)rows, fixed, gamma, inv_std, k.slots, table, table + c,
                       table + 2 * c);
    k.scale = table;
    k.slope = table + c;
    k.shift = table + 2 * c;
    if (dx || dresidual)
        calr_parallel_for(rows, calr_row_grain(c), apply_gradient_body, &k);
    free(k.slots);
    free(table);
    return CALR_OK;
}

/* Instance normalisation: one image is one item. */
typedef struct imaging {
    int64_t rows, c;
    const float *x, *y, *dy, *gamma, *beta;
    float *mean, *inv_std, *out;
    double *sums;  /* n x 2 x c */
    float *tables; /* n x 3 x c */
    float eps;
    bool relu;
} imaging;

static void instance_forward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const imaging *k = context;
    int64_t c = k->c;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        const float *x = k->x + i * k->rows * c;
        double *sums = k->sums + i * 2 * c;
        float *table = k->tables + i * 3 * c, *mean = k->mean + i * c,
              *inv_std = k->inv_std + i * c;
        moments(k->rows, c, x, x, sums);
        for (int64_t j = 0; j < c; j++)
            finish_moments(sums[j], sums[c + j], (double)k->rows, (double)x[j], k->eps, mean + j,
                           inv_std + j, table + c + j);
        forward_table(c, k->gamma, k->beta, table + c, inv_std, table, table + c);
        apply(k->rows, c, k->relu, x, mean, table, table + c, NULL, k->out + i * k->rows * c);
    }
}

static void instance_backward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const imaging *k = context;
    int64_t c = k->c;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        int64_t at = i * k->rows * c;
        const float *x = k->x + at, *dy = k->dy + at, *y = k->relu ? k->y + at : dy;
        double *sums = k->sums + i * 2 * c;
        float *table = k->tables + i * 3 * c;
        gradient_sums(k->rows, c, k->relu, x, y, dy, k->mean + i * c, sums);
        if (!k->out)
            continue;
        backward_table(c, (double)k->rows, false, k->gamma, k->inv_std + i * c, sums, table,
                       table + c, table + 2 * c);
        apply_gradient(k->rows, c, k->relu, x, y, dy, k->mean + i * c, table, table + c,
                       table + 2 * c, k->out + at, NULL);
    }
}

static calr_status instance_scratch(imaging *k, int64_t n)
{
    k->sums = calr_array_new(n * 2 * k->c, sizeof(double));
    k->tables = calr_array_new(n * 3 * k->c, sizeof(float));
    if (k->sums && k->tables)
        return CALR_OK;
    free(k->sums);
    free(k->tables);
    return no_memory("instance normalisation");
}

calr_status calr_cpu_instance_norm_forward(const calr_norm *norm, int64_t n, const float *x,
                                           const float *gamma, const float *beta, float *mean,
                                           float *inv_std, float *y)
{
    imaging k = {.rows = norm->rows,
                 .c = norm->c,
                 .x = x,
                 .gamma = gamma,
                 .beta = beta,
                 .mean = mean,
                 .inv_std = inv_std,
                 .out = y,
                 .eps = norm->eps,
                 .relu = norm->relu};
    if (n == 0 || k.rows == 0 || k.c == 0)
        return CALR_OK;
    CALR_TRY(instance_scratch(&k, n));
    calr_parallel_for(n, 1, instance_forward_body, &k);
    free(k.sums);
    free(k.tables);
    return CALR_OK;
}

calr_status calr_cpu_instance_norm_backward(const calr_norm *norm, int64_t n, const float *x,
                                            const float *y, const float *gamma, const float *mean,
                                            const float *inv_std, const float *dy, float *dx,
                                            float *dgamma, float *dbeta)
{
    int64_t c = norm->c;
    imaging k = {.rows = norm->rows,
                 .c = c,
                 .x = x,
                 .y = y,
                 .dy = dy,
                 .gamma = gamma,
                 .mean = (float *)mean,
                 .inv_std = (float *)inv_std,
                 .out = dx,
                 .relu = norm->relu};
    CALR_TRY(instance_scratch(&k, n));
    calr_parallel_for(n, 1, instance_backward_body, &k);
    for (int64_t j = 0; j < c; j++) {
        double g = 0, b = 0;
        for (int64_t i = 0; i < n; i++) {
            b += k.sums[i * 2 * c + j];
            g += k.sums[i * 2 * c + c + j] * (double)inv_std[i * c + j];
        }
        if (dgamma)
            dgamma[j] = (float)g;
        if (dbeta)
            dbeta[j] = (float)b;
    }
    free(k.sums);
    free(k.tables);
    return CALR_OK;
}
