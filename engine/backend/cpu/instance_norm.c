/* Instance normalisation: batch normalisation over the rows of one image, with images instead of
 * chunks handed to the threads. */
#include <stdlib.h>

#include "backend/cpu/kernels.h"
#include "backend/cpu/norm_rows.h"
#include "backend/cpu/norm_table.h"

/* One image is one item. */
typedef struct imaging {
    bool half; /* x, y, dy and out */
    int64_t rows, c;
    const void *x, *y, *dy;
    const float *gamma, *beta;
    float *mean, *inv_std;
    void *out;
    double *sums;  /* n x 2 x c */
    float *tables; /* n x 4 x c */
    float eps;
    calr_activation activation;
} imaging;

static void instance_forward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const imaging *k = context;
    int64_t c = k->c;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        const void *x = calr_real_at(k->half, k->x, i * k->rows * c);
        double *sums = k->sums + i * 2 * c;
        float *table = k->tables + i * 4 * c, *mean = k->mean + i * c,
              *inv_std = k->inv_std + i * c;
        calr_cpu_moments(k->half, false, k->rows, c, x, x, sums);
        for (int64_t j = 0; j < c; j++)
            calr_norm_finish(sums[j], sums[c + j], (double)k->rows,
                             (double)calr_real_load(k->half, x, j), k->eps, mean + j, inv_std + j,
                             table + c + j);
        calr_norm_forward_table(c, k->gamma, k->beta, table + c, inv_std, table, table + c);
        calr_cpu_normalize(k->half, false, k->rows, c, k->activation, x, mean, table, table + c,
                           NULL, calr_real_at(k->half, k->out, i * k->rows * c));
    }
}

static void instance_backward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const imaging *k = context;
    int64_t c = k->c;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        int64_t at = i * k->rows * c;
        double *sums = k->sums + i * 2 * c;
        float *table = k->tables + i * 4 * c, *scale = table + 3 * c;
        const float *inv_std = k->inv_std + i * c;
        calr_norm_gradient in = {.half = k->half,
                                 .c = c,
                                 .mask = k->activation ? CALR_MASK_OUTPUT : CALR_MASK_NONE,
                                 .x = calr_real_at(k->half, k->x, at),
                                 .aside = k->activation ? calr_real_at(k->half, k->y, at) : NULL,
                                 .dy = calr_real_at(k->half, k->dy, at),
                                 .mean = k->mean + i * c};
        calr_cpu_gradient_sums(&in, 0, k->rows, NULL, sums);
        if (!k->out)
            continue;
        for (int64_t j = 0; j < c; j++)
            scale[j] = (k->gamma ? k->gamma[j] : 1.0f) * inv_std[j];
        calr_norm_backward_table(c, (double)k->rows, false, inv_std, scale, sums, table, table + c,
                                 table + 2 * c);
        calr_cpu_gradient_apply(&in, 0, k->rows, table, table + c, table + 2 * c,
                                calr_real_at(k->half, k->out, at));
    }
}

static calr_status instance_scratch(imaging *k, int64_t n)
{
    k->sums = calr_array_new(n * 2 * k->c, sizeof(double));
    k->tables = calr_array_new(n * 4 * k->c, sizeof(float));
    if (k->sums && k->tables)
        return CALR_OK;
    free(k->sums);
    free(k->tables);
    return calr_error(CALR_ENOMEM, "no memory for the working space of instance normalisation");
}

calr_status calr_cpu_instance_norm_forward(const calr_norm *norm, int64_t n, const void *x,
                                           const float *gamma, const float *beta, float *mean,
                                           float *inv_std, void *y)
{
    imaging k = {.half = norm->dtype == CALR_BF16,
                 .rows = norm->rows,
                 .c = norm->c,
                 .x = x,
                 .gamma = gamma,
                 .beta = beta,
                 .mean = mean,
                 .inv_std = inv_std,
                 .out = y,
                 .eps = norm->eps,
                 .activation = norm->activation};
    if (n == 0 || k.rows == 0 || k.c == 0)
        return CALR_OK;
    CALR_TRY(instance_scratch(&k, n));
    calr_parallel_for(n, 1, instance_forward_body, &k);
    free(k.sums);
    free(k.tables);
    return CALR_OK;
}

calr_status calr_cpu_instance_norm_backward(const calr_norm *norm, int64_t n, const void *x,
                                            const void *y, const float *gamma, const float *mean,
                                            const float *inv_std, const void *dy, void *dx,
                                            float *dgamma, float *dbeta)
{
    int64_t c = norm->c;
    imaging k = {.half = norm->dtype == CALR_BF16,
                 .rows = norm->rows,
                 .c = c,
                 .x = x,
                 .y = y,
                 .dy = dy,
                 .gamma = gamma,
                 .mean = (float *)mean,
                 .inv_std = (float *)inv_std,
                 .out = dx,
                 .activation = norm->activation};
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
