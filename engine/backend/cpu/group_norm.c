/* Group normalisation: sums by channel, as instance normalisation has them, joined over the channels of a group. One
 * image is one item. */
#include <math.h>
#include <stdlib.h>

#include "backend/cpu/kernels.h"
#include "backend/cpu/norm_rows.h"

typedef struct grouping {
    const calr_group_norm *norm;
    bool half;
    const void *x, *dy;
    const float *gamma, *beta, *saved_mean, *saved_inv_std;
    float *mean, *inv_std; /* n x groups */
    void *out;
    double *sums;  /* n x 2 x c */
    float *tables; /* n x 4 x c */
} grouping;

static float factor(const float *gamma, int64_t j)
{
    return gamma ? gamma[j] : 1.0f;
}

/* Mean and 1 / deviation of a group from its channels' sums of x - center and of the squares of that. Variances are
 * joined as Chan, Golub and LeVeque do it, so that no large mean cancels. */
static void join_channels(const grouping *k, int64_t first, const void *center, const double *sums,
                          float *mean, float *inv_std, float *rest)
{
    const calr_group_norm *o = k->norm;
    int64_t width = o->c / o->groups;
    double area = (double)o->area, total = 0, squares = 0;
    for (int64_t j = first; j < first + width; j++)
        total += (double)calr_real_load(k->half, center, j) + sums[j] / area;
    double middle = total / (double)width;
    for (int64_t j = first; j < first + width; j++) {
        double offset = sums[j] / area;
        double away = (double)calr_real_load(k->half, center, j) + offset - middle;
        squares += fmax(sums[o->c + j] / area - offset * offset, 0) + away * away;
    }
    *mean = (float)middle;
    *rest = (float)(middle - (double)*mean);
    *inv_std = (float)(1 / sqrt(squares / (double)width + (double)o->eps));
}

static void forward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const grouping *k = context;
    const calr_group_norm *o = k->norm;
    int64_t c = o->c, width = c / o->groups;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        const void *x = calr_real_at(k->half, k->x, i * o->area * c);
        double *sums = k->sums + i * 2 * c;
        float *mean = k->tables + i * 4 * c, *scale = mean + c, *shift = mean + 2 * c;
        calr_cpu_moments(k->half, false, o->area, c, x, x, sums);
        for (int64_t g = 0; g < o->groups; g++) {
            float rest, *own_mean = k->mean + i * o->groups + g,
                        *own_inv_std = k->inv_std + i * o->groups + g;
            join_channels(k, g * width, x, sums, own_mean, own_inv_std, &rest);
            for (int64_t j = g * width; j < (g + 1) * width; j++) {
                mean[j] = *own_mean;
                scale[j] = factor(k->gamma, j) * *own_inv_std;
                shift[j] = (k->beta ? k->beta[j] : 0.0f) - scale[j] * rest;
            }
        }
        calr_cpu_normalize(k->half, false, o->area, c, false, x, mean, scale, shift, NULL,
                           calr_real_at(k->half, k->out, i * o->area * c));
    }
}

/* dx = inv_std (gamma dy - S1 - xhat S2), S1 and S2 the group's means of gamma dy and of gamma dy xhat. */
static void backward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const grouping *k = context;
    const calr_group_norm *o = k->norm;
    int64_t c = o->c, width = c / o->groups;
    double count = (double)o->area * (double)width;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        double *sums = k->sums + i * 2 * c;
        float *mean = k->tables + i * 4 * c, *a = mean + c, *b = mean + 2 * c, *d = mean + 3 * c;
        for (int64_t j = 0; j < c; j++)
            mean[j] = k->saved_mean[i * o->groups + j / width];
        calr_norm_gradient in = {.half = k->half,
                                 .c = c,
                                 .x = calr_real_at(k->half, k->x, i * o->area * c),
                                 .dy = calr_real_at(k->half, k->dy, i * o->area * c),
                                 .mean = mean};
        calr_cpu_gradient_sums(&in, 0, o->area, NULL, sums);
        if (!k->out)
            continue;
        for (int64_t g = 0; g < o->groups; g++) {
            double inv_std = (double)k->saved_inv_std[i * o->groups + g], plain = 0, product = 0;
            for (int64_t j = g * width; j < (g + 1) * width; j++) {
                plain += (double)factor(k->gamma, j) * sums[j];
                product += (double)factor(k->gamma, j) * sums[c + j] * inv_std;
            }
            for (int64_t j = g * width; j < (g + 1) * width; j++) {
                a[j] = factor(k->gamma, j) * (float)inv_std;
                b[j] = (float)(-inv_std * inv_std * product / count);
                d[j] = (float)(-inv_std * plain / count);
            }
        }
        calr_cpu_gradient_apply(&in, 0, o->area, a, b, d,
                                calr_real_at(k->half, k->out, i * o->area * c));
    }
}

static calr_status scratch(grouping *k)
{
    k->sums = calr_array_new(k->norm->n * 2 * k->norm->c, sizeof *k->sums);
    k->tables = calr_array_new(k->norm->n * 4 * k->norm->c, sizeof *k->tables);
    if (k->sums && k->tables)
        return CALR_OK;
    free(k->sums);
    free(k->tables);
    return calr_error(CALR_ENOMEM, "no memory for the working space of group normalisation");
}

calr_status calr_cpu_group_norm_forward(const calr_group_norm *norm, const void *x,
                                        const float *gamma, const float *beta, float *mean,
                                        float *inv_std, void *y)
{
    grouping k = {.norm = norm,
                  .half = norm->dtype == CALR_BF16,
                  .x = x,
                  .gamma = gamma,
                  .beta = beta,
                  .mean = mean,
                  .inv_std = inv_std,
                  .out = y};
    if (norm->n == 0 || norm->area == 0 || norm->c == 0)
        return CALR_OK;
    CALR_TRY(scratch(&k));
    calr_parallel_for(norm->n, 1, forward_body, &k);
    free(k.sums);
    free(k.tables);
    return CALR_OK;
}

calr_status calr_cpu_group_norm_backward(const calr_group_norm *norm, const void *x,
                                         const float *gamma, const float *mean,
                                         const float *inv_std, const void *dy, void *dx,
                                         float *dgamma, float *dbeta)
{
    int64_t c = norm->c, width = c / norm->groups;
    grouping k = {.norm = norm,
                  .half = norm->dtype == CALR_BF16,
                  .x = x,
                  .dy = dy,
                  .gamma = gamma,
                  .saved_mean = mean,
                  .saved_inv_std = inv_std,
                  .out = dx};
    CALR_TRY(scratch(&k));
    calr_parallel_for(norm->n, 1, backward_body, &k);
    for (int64_t j = 0; j < c; j++) {
        double g = 0, b = 0;
        for (int64_t i = 0; i < norm->n; i++) {
            b += k.sums[i * 2 * c + j];
            g += k.sums[i * 2 * c + c + j] * (double)inv_std[i * norm->groups + j / width];
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
