/* From sums over rows to one multiplier each column, shared by the normalisations. Internal to
 * cpu/. */
#ifndef CALR_BACKEND_CPU_NORM_TABLE_H
#define CALR_BACKEND_CPU_NORM_TABLE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* Mean and 1 / sqrt(var + eps) of one column from the sums over x - center; *rest is what the mean
 * lost when it became a float. Returns the biased variance. */
static inline double calr_norm_finish(double sum, double squares, double count, double center,
                                      float eps, float *mean, float *inv_std, float *rest)
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

/* y = scale (x - mean) + shift. gamma, beta, rest may be NULL: 1, 0, 0; rest may be shift. */
static inline void calr_norm_forward_table(int64_t c, const float *gamma, const float *beta,
                                           const float *rest, const float *inv_std, float *scale,
                                           float *shift)
{
    for (int64_t j = 0; j < c; j++) {
        scale[j] = (gamma ? gamma[j] : 1.0f) * inv_std[j];
        shift[j] = (beta ? beta[j] : 0.0f) - (rest ? scale[j] * rest[j] : 0.0f);
    }
}

/* dx = gamma inv_std (g - mean(g) - xhat mean(g xhat)) = a g + b (x - mean) + d from sums = sum of
 * g, then sum of g (x - mean); the means vanish where the statistics were constants. scale = gamma
 * inv_std. */
static inline void calr_norm_backward_table(int64_t c, double count, bool fixed,
                                            const float *inv_std, const float *scale,
                                            const double *sums, float *a, float *b, float *d)
{
    for (int64_t j = 0; j < c; j++) {
        double r = (double)inv_std[j], s = (double)scale[j];
        a[j] = scale[j];
        b[j] = fixed ? 0.0f : (float)(-s * r * r * sums[c + j] / count);
        d[j] = fixed ? 0.0f : (float)(-s * sums[j] / count);
    }
}

#endif
