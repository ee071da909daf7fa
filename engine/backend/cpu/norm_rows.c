/* Loops of the normalisations. Products and sums of floats are contracted the same way wherever the
 * same expression stands, so a mask found from the input is the one found from the output. */
#include "backend/cpu/norm_rows.h"

#include <string.h>

#include "backend/cpu/activate.h"
#include "backend/cpu/kernels.h"
#include "base/clones.h"

/* Columns of rows that are fetched, and then worked on, at a time. Four wide rows of several maps are more lines than
 * the processor has places for, and it waits. */
#define PIECE    32
#define WIDE_ROW 256

CALR_INLINE int64_t piece_of(bool far, int64_t c)
{
    return far && c >= WIDE_ROW ? PIECE : c;
}

/* The lines of columns at .. at + width - 1 of `rows` rows, c numbers apart. */
CALR_INLINE void fetch(bool half, bool writes, const void *map, int64_t at, int64_t rows, int64_t c,
                       int64_t width)
{
    for (int64_t r = 0; r < rows; r++)
        calr_norm_fetch(writes, calr_real_at(half, map, at + r * c), width * (half ? 2 : 4));
}

/* Four rows are added up in float, which costs no accuracy that the input has, before they go to
 * double. */
CALR_INLINE void moments_of(bool half, bool far, int64_t rows, int64_t c, const void *x,
                            const void *center, double *restrict s, double *restrict q)
{
    const int64_t piece = piece_of(far, c);
    int64_t i = 0;
    for (; i + 4 <= rows; i += 4) {
        const int64_t r0 = i * c, r1 = r0 + c, r2 = r1 + c, r3 = r2 + c;
        for (int64_t j0 = 0, stop; j0 < c; j0 = stop) {
            stop = calr_min64(c, j0 + piece);
            if (far)
                fetch(half, false, x, r0 + j0 + calr_norm_ahead(c), 4, c, stop - j0);
#pragma omp simd
            for (int64_t j = j0; j < stop; j++) {
                float middle = calr_real_load(half, center, j);
                float d0 = calr_real_load(half, x, r0 + j) - middle,
                      d1 = calr_real_load(half, x, r1 + j) - middle,
                      d2 = calr_real_load(half, x, r2 + j) - middle,
                      d3 = calr_real_load(half, x, r3 + j) - middle;
                s[j] += (double)((d0 + d1) + (d2 + d3));
                q[j] += (double)((d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3));
            }
        }
    }
    for (; i < rows; i++) {
        const int64_t row = i * c;
#pragma omp simd
        for (int64_t j = 0; j < c; j++) {
            float d = calr_real_load(half, x, row + j) - calr_real_load(half, center, j);
            s[j] += (double)d;
            q[j] += (double)(d * d);
        }
    }
}

CALR_CLONES static void moments(bool half, bool far, int64_t rows, int64_t c, const void *x,
                                const void *center, double *sums)
{
    memset(sums, 0, (size_t)(2 * c) * sizeof *sums);
    if (half)
        moments_of(true, far, rows, c, x, center, sums, sums + c);
    else
        moments_of(false, far, rows, c, x, center, sums, sums + c);
}

CALR_INLINE float normal(float x, float mean, float scale, float shift)
{
    return (x - mean) * scale + shift;
}

CALR_INLINE void normalize_of(bool half, bool far, int64_t rows, int64_t c,
                              calr_activation activation, const void *x, const float *mean,
                              const float *scale, const float *shift, const void *residual,
                              void *out)
{
    const int64_t piece = piece_of(far, c);
    for (int64_t i = 0; i < rows; i++) {
        const int64_t row = i * c;
        for (int64_t j0 = 0, stop; j0 < c; j0 = stop) {
            stop = calr_min64(c, j0 + piece);
            if (far)
                fetch(half, false, x, row + j0 + calr_norm_ahead(c), 1, c, stop - j0);
            if (far && residual)
                fetch(half, false, residual, row + j0 + calr_norm_ahead(c), 1, c, stop - j0);
            if (residual) {
#pragma omp simd
                for (int64_t j = j0; j < stop; j++) {
                    float v =
                        normal(calr_real_load(half, x, row + j), mean[j], scale[j], shift[j]) +
                        calr_real_load(half, residual, row + j);
                    calr_real_store(half, out, row + j, calr_activate(activation, v));
                }
            } else {
#pragma omp simd
                for (int64_t j = j0; j < stop; j++) {
                    float v = normal(calr_real_load(half, x, row + j), mean[j], scale[j], shift[j]);
                    calr_real_store(half, out, row + j, calr_activate(activation, v));
                }
            }
        }
    }
}

CALR_CLONES static void normalize(bool half, bool far, int64_t rows, int64_t c,
                                  calr_activation activation, const void *x, const float *mean,
                                  const float *scale, const float *shift, const void *residual,
                                  void *out)
{
#define CALL(kind) normalize_of(true, far, rows, c, kind, x, mean, scale, shift, residual, out)
    if (half) {
        CALR_BY_ACTIVATION(activation, CALL);
        return;
    }
#undef CALL
#define CALL(kind) normalize_of(false, far, rows, c, kind, x, mean, scale, shift, residual, out)
    CALR_BY_ACTIVATION(activation, CALL);
#undef CALL
}

CALR_INLINE float from_mean(bool half, const void *x, int64_t at, float mean)
{
    return calr_real_load(half, x, at) - mean;
}

/* g at one place. `half`, `mask` and `two` are constants wherever this is inlined. A sum of two is
 * rounded as if it had been made before, in memory: whether the two come apart or added up already
 * (by a checkpoint, say) then makes no difference. */
CALR_INLINE float flow(const calr_norm_gradient *in, bool half, calr_norm_mask mask, bool two,
                       int64_t at, int64_t j)
{
    float g = calr_real_load(half, in->dy, at);
    if (two) {
        g += calr_real_load(half, in->dy2, at);
        if (half)
            g = calr_bf16_to_f32(calr_bf16_from_f32(g));
    }
    if (mask == CALR_MASK_NONE)
        return g;
    float v;
    if (mask == CALR_MASK_OUTPUT || mask == CALR_MASK_OUTPUT_6)
        v = calr_real_load(half, in->aside, at);
    else
        v = normal(calr_real_load(half, in->x, at), in->mean[j], in->scale[j], in->shift[j]);
    if (mask == CALR_MASK_SILU_SUM || mask == CALR_MASK_HARDSWISH_SUM)
        v += calr_real_load(half, in->aside, at);
    const bool rounds = half && (mask == CALR_MASK_INPUT || mask == CALR_MASK_INPUT_6);
    const float least = rounds ? CALR_BF16_ROUNDS_TO_0 : 0,
                most = rounds ? CALR_BF16_ROUNDS_TO_6 : 6; /* 5.99 becomes 6 */
    if (mask == CALR_MASK_OUTPUT || mask == CALR_MASK_INPUT)
        return v > least ? g : 0.0f;
    if (mask == CALR_MASK_OUTPUT_6 || mask == CALR_MASK_INPUT_6)
        return v > least && v < most ? g : 0.0f;
    return g * calr_slope(mask == CALR_MASK_SILU || mask == CALR_MASK_SILU_SUM
                              ? CALR_ACTIVATION_SILU
                              : CALR_ACTIVATION_HARDSWISH,
                          v);
}

CALR_INLINE void fetch_gradient(const calr_norm_gradient *in, bool half, calr_norm_mask mask,
                                bool two, int64_t at, int64_t rows, int64_t width)
{
    if (!in->far)
        return;
    fetch(half, false, in->dy, at, rows, in->c, width);
    fetch(half, false, in->x, at, rows, in->c, width);
    if (two)
        fetch(half, false, in->dy2, at, rows, in->c, width);
    if (mask == CALR_MASK_OUTPUT || mask == CALR_MASK_OUTPUT_6)
        fetch(half, false, in->aside, at, rows, in->c, width);
}

CALR_INLINE void sums_of(const calr_norm_gradient *given, bool half, calr_norm_mask mask, bool two,
                         bool store, int64_t at, int64_t rows, void *keep, double *restrict s,
                         double *restrict q)
{
    const calr_norm_gradient local = *given, *in = &local;
    const int64_t c = in->c;
    const void *x = in->x;
    const float *mean = in->mean;
    const int64_t piece = piece_of(in->far, c);
    int64_t i = at, end = at + rows;
    /* Slopes with an exponential are computed a row at a time: four of them inlined, for each type and mask, made this
     * the file that the compiler spends minutes on. */
    for (; mask < CALR_MASK_SILU && i + 4 <= end; i += 4) {
        const int64_t r0 = i * c, r1 = r0 + c, r2 = r1 + c, r3 = r2 + c;
        for (int64_t j0 = 0, stop; j0 < c; j0 = stop) {
            stop = calr_min64(c, j0 + piece);
            fetch_gradient(in, half, mask, two, r0 + j0 + calr_norm_ahead(c), 4, stop - j0);
            if (store && in->far)
                fetch(half, true, keep, r0 + j0 + calr_norm_ahead(c), 4, c, stop - j0);
#pragma omp simd
            for (int64_t j = j0; j < stop; j++) {
                float g0 = flow(in, half, mask, two, r0 + j, j),
                      g1 = flow(in, half, mask, two, r1 + j, j);
                float g2 = flow(in, half, mask, two, r2 + j, j),
                      g3 = flow(in, half, mask, two, r3 + j, j);
                float d0 = g0 * from_mean(half, x, r0 + j, mean[j]),
                      d1 = g1 * from_mean(half, x, r1 + j, mean[j]);
                float d2 = g2 * from_mean(half, x, r2 + j, mean[j]),
                      d3 = g3 * from_mean(half, x, r3 + j, mean[j]);
                if (store) {
                    calr_real_store(half, keep, r0 + j, g0);
                    calr_real_store(half, keep, r1 + j, g1);
                    calr_real_store(half, keep, r2 + j, g2);
                    calr_real_store(half, keep, r3 + j, g3);
                }
                s[j] += (double)((g0 + g1) + (g2 + g3));
                q[j] += (double)((d0 + d1) + (d2 + d3));
            }
        }
    }
    for (; i < end; i++) {
        const int64_t row = i * c;
#pragma omp simd
        for (int64_t j = 0; j < c; j++) {
            float g = flow(in, half, mask, two, row + j, j);
            if (store)
                calr_real_store(half, keep, row + j, g);
            s[j] += (double)g;
            q[j] += (double)(g * from_mean(half, x, row + j, mean[j]));
        }
    }
}

CALR_INLINE void apply_to(const calr_norm_gradient *given, bool half, calr_norm_mask mask, bool two,
                          int64_t at, int64_t rows, const float *a, const float *b, const float *d,
                          void *dx)
{
    const calr_norm_gradient local = *given, *in = &local;
    const int64_t c = in->c;
    const void *x = in->x;
    const float *mean = in->mean;
    const int64_t piece = piece_of(in->far, c);
    for (int64_t i = at; i < at + rows; i++) {
        const int64_t row = i * c;
        for (int64_t j0 = 0, stop; j0 < c; j0 = stop) {
            stop = calr_min64(c, j0 + piece);
            fetch_gradient(in, half, mask, two, row + j0 + calr_norm_ahead(c), 1, stop - j0);
#pragma omp simd
            for (int64_t j = j0; j < stop; j++)
                calr_real_store(half, dx, row + j,
                                a[j] * flow(in, half, mask, two, row + j, j) +
                                    (b[j] * from_mean(half, x, row + j, mean[j]) + d[j]));
        }
    }
}

/* CALL(half, mask, two) with constants in the place of what `in` holds. */
#define BY_MASK(in, half, two, CALL)                                                               \
    do {                                                                                           \
        switch ((in)->mask) {                                                                      \
        case CALR_MASK_NONE:                                                                       \
            CALL(half, CALR_MASK_NONE, two);                                                       \
            break;                                                                                 \
        case CALR_MASK_OUTPUT:                                                                     \
            CALL(half, CALR_MASK_OUTPUT, two);                                                     \
            break;                                                                                 \
        case CALR_MASK_INPUT:                                                                      \
            CALL(half, CALR_MASK_INPUT, two);                                                      \
            break;                                                                                 \
        case CALR_MASK_OUTPUT_6:                                                                   \
            CALL(half, CALR_MASK_OUTPUT_6, two);                                                   \
            break;                                                                                 \
        case CALR_MASK_INPUT_6:                                                                    \
            CALL(half, CALR_MASK_INPUT_6, two);                                                    \
            break;                                                                                 \
        case CALR_MASK_SILU:                                                                       \
            CALL(half, CALR_MASK_SILU, two);                                                       \
            break;                                                                                 \
        case CALR_MASK_SILU_SUM:                                                                   \
            CALL(half, CALR_MASK_SILU_SUM, two);                                                   \
            break;                                                                                 \
        case CALR_MASK_HARDSWISH:                                                                  \
            CALL(half, CALR_MASK_HARDSWISH, two);                                                  \
            break;                                                                                 \
        case CALR_MASK_HARDSWISH_SUM:                                                              \
            CALL(half, CALR_MASK_HARDSWISH_SUM, two);                                              \
            break;                                                                                 \
        }                                                                                          \
    } while (0)

#define BY_PARTS(in, half, CALL)                                                                   \
    do {                                                                                           \
        if ((in)->dy2)                                                                             \
            BY_MASK(in, half, true, CALL);                                                         \
        else                                                                                       \
            BY_MASK(in, half, false, CALL);                                                        \
    } while (0)

#define BY_KIND(in, CALL)                                                                          \
    do {                                                                                           \
        if ((in)->half)                                                                            \
            BY_PARTS(in, true, CALL);                                                              \
        else                                                                                       \
            BY_PARTS(in, false, CALL);                                                             \
    } while (0)

CALR_CLONES static void sums_and_keep(const calr_norm_gradient *in, int64_t at, int64_t rows,
                                      void *keep, double *sums)
{
#define CALL(half, mask, two) sums_of(in, half, mask, two, true, at, rows, keep, sums, sums + in->c)
    BY_KIND(in, CALL);
#undef CALL
}

CALR_CLONES static void sums_only(const calr_norm_gradient *in, int64_t at, int64_t rows,
                                  double *sums)
{
#define CALL(half, mask, two)                                                                      \
    sums_of(in, half, mask, two, false, at, rows, NULL, sums, sums + in->c)
    BY_KIND(in, CALL);
#undef CALL
}

/* The loops for maps of bf16 that the processor's own conversion makes faster; NULL: those of this file. Without clones
 * this file's loops round products before they are added, and f32 and bf16 should do the same. */
static const calr_norm_half_rows *half_rows(bool half)
{
#if defined(__x86_64__) && CALR_HAS_CLONES
    if (half && calr_cpu_has_bf16())
        return &calr_norm_avx512_bf16;
#else
    (void)half;
#endif
    return NULL;
}

void calr_cpu_moments(bool half, bool far, int64_t rows, int64_t c, const void *x,
                      const void *center, double *sums)
{
    const calr_norm_half_rows *own = half_rows(half);
    if (own)
        own->moments(far, rows, c, x, center, sums);
    else
        moments(half, far, rows, c, x, center, sums);
}

void calr_cpu_normalize(bool half, bool far, int64_t rows, int64_t c, calr_activation activation,
                        const void *x, const float *mean, const float *scale, const float *shift,
                        const void *residual, void *out)
{
    const calr_norm_half_rows *own = half_rows(half);
    if (own && activation <= CALR_ACTIVATION_RELU6)
        own->normalize(far, rows, c, activation, x, mean, scale, shift, residual, out);
    else
        normalize(half, far, rows, c, activation, x, mean, scale, shift, residual, out);
}

void calr_cpu_gradient_sums(const calr_norm_gradient *in, int64_t at, int64_t rows, void *keep,
                            double *sums)
{
    const calr_norm_half_rows *own = half_rows(in->half);
    if (own && in->mask < CALR_MASK_SILU) {
        own->gradient_sums(in, at, rows, keep, sums);
        return;
    }
    memset(sums, 0, (size_t)(2 * in->c) * sizeof *sums);
    if (keep)
        sums_and_keep(in, at, rows, keep, sums);
    else
        sums_only(in, at, rows, sums);
}

CALR_CLONES static void gradient_apply(const calr_norm_gradient *in, int64_t at, int64_t rows,
                                       const float *a, const float *b, const float *d, void *dx)
{
#define CALL(half, mask, two) apply_to(in, half, mask, two, at, rows, a, b, d, dx)
    BY_KIND(in, CALL);
#undef CALL
}

void calr_cpu_gradient_apply(const calr_norm_gradient *in, int64_t at, int64_t rows, const float *a,
                             const float *b, const float *d, void *dx)
{
    const calr_norm_half_rows *own = half_rows(in->half);
    if (own && in->mask < CALR_MASK_SILU)
        own->gradient_apply(in, at, rows, a, b, d, dx);
    else
        gradient_apply(in, at, rows, a, b, d, dx);
}
