/* Kernels over the rows of a matrix: softmax, cross-entropy, unit rows, sums. Each row is one item;
 * results do not depend on the number of threads. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/exponential.h"
#include "backend/cpu/kernels.h"

typedef struct rowing {
    int64_t c;
    bool half;       /* sum_rows: the type of map */
    const void *map; /* sum_rows: its x */
    const float *x, *y, *dy, *weights, *row_weights, *row;
    const int32_t *labels;
    float *out, *saved; /* saved: one a row */
    const float *norm;
    double *slots;
    int64_t grain;
    float eps, factor;
} rowing;

CALR_INLINE float row_max(int64_t c, const float *x)
{
    float most = -INFINITY;
#pragma omp simd reduction(max : most)
    for (int64_t j = 0; j < c; j++)
        most = x[j] > most ? x[j] : most;
    return most;
}

/* The sum of e^(x - most). NaN where x holds one, and for a row of -inf only. */
CALR_INLINE double sum_exp(int64_t c, const float *x, float most)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < c; j++)
        sum += (double)calr_exp_below(x[j] - most);
    return sum;
}

CALR_INLINE double row_sum(int64_t c, const float *x)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < c; j++)
        sum += (double)x[j];
    return sum;
}

CALR_INLINE double row_dot(int64_t c, const float *a, const float *b)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < c; j++)
        sum += (double)a[j] * (double)b[j];
    return sum;
}

CALR_CLONES static void softmax_body(void *context, int64_t begin, int64_t end, int worker)
{
    const rowing *k = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        const float *x = k->x + i * k->c;
        float *y = k->out + i * k->c, most = row_max(k->c, x);
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t j = 0; j < k->c; j++) {
            y[j] = calr_exp_below(x[j] - most);
            sum += (double)y[j];
        }
        float part = (float)(1 / sum);
#pragma omp simd
        for (int64_t j = 0; j < k->c; j++)
            y[j] *= part;
    }
}

CALR_CLONES static void log_softmax_body(void *context, int64_t begin, int64_t end, int worker)
{
    const rowing *k = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        const float *x = k->x + i * k->c;
        float *y = k->out + i * k->c, most = row_max(k->c, x);
        float log_part = (float)log(sum_exp(k->c, x, most));
#pragma omp simd
        for (int64_t j = 0; j < k->c; j++)
            y[j] = x[j] - most - log_part;
    }
}

CALR_CLONES static void softmax_backward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const rowing *k = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        const float *y = k->y + i * k->c, *dy = k->dy + i * k->c;
        float *dx = k->out + i * k->c, sum = (float)row_dot(k->c, y, dy);
#pragma omp simd
        for (int64_t j = 0; j < k->c; j++)
            dx[j] = y[j] * (dy[j] - sum);
    }
}

CALR_CLONES static void log_softmax_backward_body(void *context, int64_t begin, int64_t end,
                                                  int worker)
{
    const rowing *k = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        const float *y = k->y + i * k->c, *dy = k->dy + i * k->c;
        float *dx = k->out + i * k->c, sum = (float)row_sum(k->c, dy);
#pragma omp simd
        for (int64_t j = 0; j < k->c; j++)
            dx[j] = dy[j] - calr_exp_below(y[j]) * sum;
    }
}

calr_status calr_cpu_softmax(int64_t rows, int64_t c, const float *x, float *y)
{
    rowing k = {.c = c, .x = x, .out = y};
    calr_parallel_for(rows, calr_row_grain(8 * c), softmax_body, &k);
    return CALR_OK;
}

calr_status calr_cpu_log_softmax(int64_t rows, int64_t c, const float *x, float *y)
{
    rowing k = {.c = c, .x = x, .out = y};
    calr_parallel_for(rows, calr_row_grain(8 * c), log_softmax_body, &k);
    return CALR_OK;
}

calr_status calr_cpu_softmax_backward(int64_t rows, int64_t c, const float *y, const float *dy,
                                      float *dx)
{
    rowing k = {.c = c, .y = y, .dy = dy, .out = dx};
    calr_parallel_for(rows, calr_row_grain(2 * c), softmax_backward_body, &k);
    return CALR_OK;
}

calr_status calr_cpu_log_softmax_backward(int64_t rows, int64_t c, const float *y, const float *dy,
                                          float *dx)
{
    rowing k = {.c = c, .y = y, .dy = dy, .out = dx};
    calr_parallel_for(rows, calr_row_grain(8 * c), log_softmax_backward_body, &k);
    return CALR_OK;
}

CALR_CLONES static void log_sum_body(void *context, int64_t begin, int64_t end, int worker)
{
    const rowing *k = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        const float *x = k->x + i * k->c;
        float most = row_max(k->c, x);
        k->saved[i] = most + (float)log(sum_exp(k->c, x, most));
    }
}

calr_status calr_cpu_cross_entropy_forward(int64_t rows, int64_t c, const float *x,
                                           const int32_t *labels, const float *weights,
                                           const float *row_weights, float *log_sum, float *total,
                                           float *loss)
{
    for (int64_t i = 0; i < rows; i++)
        if (labels[i] < 0 || labels[i] >= c)
            return calr_error(
                CALR_EINVAL,
                "cross entropy: label %d of row %lld is not one of the %lld classes (0 .. %lld)",
                (int)labels[i], (long long)i, (long long)c, (long long)c - 1);
    rowing k = {.c = c, .x = x, .saved = log_sum};
    calr_parallel_for(rows, calr_row_grain(8 * c), log_sum_body, &k);
    double sum = 0, weight_sum = 0;
    for (int64_t i = 0; i < rows; i++) {
        double w = (weights ? (double)weights[labels[i]] : 1.0) *
                   (row_weights ? (double)row_weights[i] : 1.0);
        weight_sum += w;
        if (w != 0) /* what weighs 0 cannot spoil the loss with its infinity */
            sum += w * ((double)log_sum[i] - (double)x[i * c + labels[i]]);
    }
    *total = (float)weight_sum;
    *loss = weight_sum != 0 ? (float)(sum / weight_sum) : 0.0f;
    return CALR_OK;
}

CALR_CLONES static void cross_entropy_backward_body(void *context, int64_t begin, int64_t end,
                                                    int worker)
{
    const rowing *k = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        const float *x = k->x + i * k->c;
        float *dx = k->out + i * k->c, log_sum = k->norm[i];
        float w = k->factor * (k->weights ? k->weights[k->labels[i]] : 1.0f) *
                  (k->row_weights ? k->row_weights[i] : 1.0f);
        if (w == 0) {
            memset(dx, 0, (size_t)k->c * sizeof *dx);
            continue;
        }
#pragma omp simd
        for (int64_t j = 0; j < k->c; j++)
            dx[j] = w * calr_exp_below(x[j] - log_sum);
        dx[k->labels[i]] -= w;
    }
}

calr_status calr_cpu_cross_entropy_backward(int64_t rows, int64_t c, const float *x,
                                            const int32_t *labels, const float *weights,
                                            const float *row_weights, const float *log_sum,
                                            float total, float dloss, float *dx)
{
    rowing k = {.c = c,
                .x = x,
                .labels = labels,
                .weights = weights,
                .row_weights = row_weights,
                .norm = log_sum,
                .factor = total != 0 ? dloss / total : 0.0f,
                .out = dx};
    calr_parallel_for(rows, calr_row_grain(8 * c), cross_entropy_backward_body, &k);
    return CALR_OK;
}

CALR_CLONES static void normalize_body(void *context, int64_t begin, int64_t end, int worker)
{
    const rowing *k = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        const float *x = k->x + i * k->c;
        float *y = k->out + i * k->c;
        float norm = (float)sqrt(row_dot(k->c, x, x));
        float part = 1 / (norm > k->eps ? norm : k->eps);
        k->saved[i] = norm;
#pragma omp simd
        for (int64_t j = 0; j < k->c; j++)
            y[j] = x[j] * part;
    }
}

CALR_CLONES static void normalize_backward_body(void *context, int64_t begin, int64_t end,
                                                int worker)
{
    const rowing *k = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        const float *y = k->y + i * k->c, *dy = k->dy + i * k->c;
        float *dx = k->out + i * k->c;
        bool small = k->norm[i] <= k->eps; /* then y = x / eps, a plain scaling */
        float part = 1 / (small ? k->eps : k->norm[i]);
        float along = small ? 0.0f : (float)row_dot(k->c, y, dy);
#pragma omp simd
        for (int64_t j = 0; j < k->c; j++)
            dx[j] = (dy[j] - y[j] * along) * part;
    }
}

calr_status calr_cpu_l2_normalize_forward(int64_t rows, int64_t c, float eps, const float *x,
                                          float *norm, float *y)
{
    rowing k = {.c = c, .eps = eps, .x = x, .saved = norm, .out = y};
    calr_parallel_for(rows, calr_row_grain(c), normalize_body, &k);
    return CALR_OK;
}

calr_status calr_cpu_l2_normalize_backward(int64_t rows, int64_t c, float eps, const float *y,
                                           const float *norm, const float *dy, float *dx)
{
    rowing k = {.c = c, .eps = eps, .y = y, .norm = norm, .dy = dy, .out = dx};
    calr_parallel_for(rows, calr_row_grain(c), normalize_backward_body, &k);
    return CALR_OK;
}

/* Column sums: slots of chunks of rows, added in order. */
CALR_INLINE void sum_rows_of(bool half, int64_t rows, int64_t c, const void *map, double *slot)
{
    for (int64_t i = 0; i < rows; i++) {
        const void *x = calr_real_at(half, map, i * c);
#pragma omp simd
        for (int64_t j = 0; j < c; j++)
            slot[j] += (double)calr_real_load(half, x, j);
    }
}

CALR_CLONES static void sum_rows_body(void *context, int64_t begin, int64_t end, int worker)
{
    const rowing *k = context;
    double *slot = k->slots + begin / k->grain * k->c;
    (void)worker;
    memset(slot, 0, (size_t)k->c * sizeof *slot);
    const void *map = calr_real_at(k->half, k->map, begin * k->c);
    if (k->half)
        sum_rows_of(true, end - begin, k->c, map, slot);
    else
        sum_rows_of(false, end - begin, k->c, map, slot);
}

calr_status calr_cpu_sum_rows(calr_dtype dtype, int64_t rows, int64_t c, const void *x, float *y)
{
    rowing k = {.half = dtype == CALR_BF16,
                .c = c,
                .map = x,
                .grain = calr_max64(calr_row_grain(c), (rows + 127) / 128)};
    int64_t chunks = (rows + k.grain - 1) / k.grain;
    k.slots = calr_array_new(chunks * c, sizeof(double));
    if (!k.slots)
        return calr_error(CALR_ENOMEM, "no memory for the working space of a sum");
    calr_parallel_for(rows, k.grain, sum_rows_body, &k);
    for (int64_t j = 0; j < c; j++) {
        double sum = 0;
        for (int64_t i = 0; i < chunks; i++)
            sum += k.slots[i * c + j];
        y[j] = (float)sum;
    }
    free(k.slots);
    return CALR_OK;
}

CALR_CLONES static void add_row_body(void *context, int64_t begin, int64_t end, int worker)
{
    const rowing *k = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        float *y = k->out + i * k->c;
        if (!k->x) {
            memcpy(y, k->row, (size_t)k->c * sizeof *y);
            continue;
        }
        const float *x = k->x + i * k->c;
#pragma omp simd
        for (int64_t j = 0; j < k->c; j++)
            y[j] = x[j] + k->row[j];
    }
}

calr_status calr_cpu_add_row(int64_t rows, int64_t c, const float *x, const float *row, float *y)
{
    rowing k = {.c = c, .x = x, .row = row, .out = y};
    calr_parallel_for(rows, calr_row_grain(c), add_row_body, &k);
    return CALR_OK;
}
