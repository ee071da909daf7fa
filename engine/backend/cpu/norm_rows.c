/* Loops of the normalisations. Products and sums of floats are contracted the same way wherever the
 * same expression stands, so a mask found from the input is the one found from the output. */
#include "backend/cpu/norm_rows.h"

#include <math.h>
#include <string.h>

#include "base/clones.h"

#define INLINE static inline __attribute__((always_inline))

/* Four rows are added up in float, which costs no accuracy that the input has, before they go to
 * double. */
CALR_CLONES void calr_cpu_moments(int64_t rows, int64_t c, const float *x, const float *center,
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

INLINE float normal(float x, float mean, float scale, float shift)
{
    return (x - mean) * scale + shift;
}

CALR_CLONES void calr_cpu_normalize(int64_t rows, int64_t c, bool relu, const float *x,
                                    const float *mean, const float *scale, const float *shift,
                                    const float *residual, float *out)
{
    const float floor = relu ? 0.0f : -INFINITY;
    for (int64_t i = 0; i < rows; i++) {
        const float *row = x + i * c, *extra = residual ? residual + i * c : NULL;
        float *to = out + i * c;
        if (extra) {
#pragma omp simd
            for (int64_t j = 0; j < c; j++) {
                float v = normal(row[j], mean[j], scale[j], shift[j]) + extra[j];
                to[j] = v < floor ? floor : v;
            }
        } else {
#pragma omp simd
            for (int64_t j = 0; j < c; j++) {
                float v = normal(row[j], mean[j], scale[j], shift[j]);
                to[j] = v < floor ? floor : v;
            }
        }
    }
}

/* g at one place. `mask` and `two` are constants wherever this is inlined. */
INLINE float flow(const calr_norm_gradient *in, calr_norm_mask mask, bool two, int64_t at,
                  int64_t j)
{
    float g = two ? in->dy[at] + in->dy2[at] : in->dy[at];
    if (mask == CALR_MASK_OUTPUT)
        return in->y[at] > 0 ? g : 0.0f;
    if (mask == CALR_MASK_INPUT)
        return normal(in->x[at], in->mean[j], in->scale[j], in->shift[j]) > 0 ? g : 0.0f;
    return g;
}

INLINE void sums_of(const calr_norm_gradient *given, calr_norm_mask mask, bool two, bool store,
                    int64_t at, int64_t rows, float *keep, double *restrict s, double *restrict q)
{
    const calr_norm_gradient local = *given, *in = &local;
    const int64_t c = in->c;
    const float *x = in->x, *mean = in->mean;
    int64_t i = at, end = at + rows;
    for (; i + 4 <= end; i += 4) {
        const int64_t r0 = i * c, r1 = r0 + c, r2 = r1 + c, r3 = r2 + c;
#pragma omp simd
        for (int64_t j = 0; j < c; j++) {
            float g0 = flow(in, mask, two, r0 + j, j), g1 = flow(in, mask, two, r1 + j, j);
            float g2 = flow(in, mask, two, r2 + j, j), g3 = flow(in, mask, two, r3 + j, j);
            float d0 = g0 * (x[r0 + j] - mean[j]), d1 = g1 * (x[r1 + j] - mean[j]);
            float d2 = g2 * (x[r2 + j] - mean[j]), d3 = g3 * (x[r3 + j] - mean[j]);
            if (store)
                keep[r0 + j] = g0, keep[r1 + j] = g1, keep[r2 + j] = g2, keep[r3 + j] = g3;
            s[j] += (double)((g0 + g1) + (g2 + g3));
            q[j] += (double)((d0 + d1) + (d2 + d3));
        }
    }
    for (; i < end; i++) {
        const int64_t row = i * c;
#pragma omp simd
        for (int64_t j = 0; j < c; j++) {
            float g = flow(in, mask, two, row + j, j);
            if (store)
                keep[row + j] = g;
            s[j] += (double)g;
            q[j] += (double)(g * (x[row + j] - mean[j]));
        }
    }
}

INLINE void apply_to(const calr_norm_gradient *given, calr_norm_mask mask, bool two, int64_t at,
                     int64_t rows, const float *a, const float *b, const float *d, float *dx)
{
    const calr_norm_gradient local = *given, *in = &local;
    const int64_t c = in->c;
    const float *x = in->x, *mean = in->mean;
    for (int64_t i = at; i < at + rows; i++) {
        const int64_t row = i * c;
#pragma omp simd
        for (int64_t j = 0; j < c; j++)
            dx[row + j] =
                a[j] * flow(in, mask, two, row + j, j) + (b[j] * (x[row + j] - mean[j]) + d[j]);
    }
}

/* CALL(mask, two) with constants in the place of what `in` holds. */
#define BY_MASK(in, two, CALL)                                                                     \
    do {                                                                                           \
        if ((in)->mask == CALR_MASK_NONE)                                                          \
            CALL(CALR_MASK_NONE, two);                                                             \
        else if ((in)->mask == CALR_MASK_OUTPUT)                                                   \
            CALL(CALR_MASK_OUTPUT, two);                                                           \
        else                                                                                       \
            CALL(CALR_MASK_INPUT, two);                                                            \
    } while (0)

#define BY_KIND(in, CALL)                                                                          \
    do {                                                                                           \
        if ((in)->dy2)                                                                             \
            BY_MASK(in, true, CALL);                                                               \
        else                                                                                       \
            BY_MASK(in, false, CALL);                                                              \
    } while (0)

CALR_CLONES static void sums_and_keep(const calr_norm_gradient *in, int64_t at, int64_t rows,
                                      float *keep, double *sums)
{
#define CALL(mask, two) sums_of(in, mask, two, true, at, rows, keep, sums, sums + in->c)
    BY_KIND(in, CALL);
#undef CALL
}

CALR_CLONES static void sums_only(const calr_norm_gradient *in, int64_t at, int64_t rows,
                                  double *sums)
{
#define CALL(mask, two) sums_of(in, mask, two, false, at, rows, NULL, sums, sums + in->c)
    BY_KIND(in, CALL);
#undef CALL
}

void calr_cpu_gradient_sums(const calr_norm_gradient *in, int64_t at, int64_t rows, float *keep,
                            double *sums)
{
    memset(sums, 0, (size_t)(2 * in->c) * sizeof *sums);
    if (keep)
        sums_and_keep(in, at, rows, keep, sums);
    else
        sums_only(in, at, rows, sums);
}

CALR_CLONES void calr_cpu_gradient_apply(const calr_norm_gradient *in, int64_t at, int64_t rows,
                                         const float *a, const float *b, const float *d, float *dx)
{
#define CALL(mask, two) apply_to(in, mask, two, at, rows, a, b, d, dx)
    BY_KIND(in, CALL);
#undef CALL
}
