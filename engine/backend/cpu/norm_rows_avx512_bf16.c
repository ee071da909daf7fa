/* The loops of norm_rows.h over maps of bf16, for processors with AVX-512 and its conversion of floats to bf16. This
 * file is compiled for them (CMakeLists.txt) and runs only there.
 *
 * A rounding by integers takes ten instructions, more than all else that is done to a number of a norm. */
#include <string.h>

#include "backend/cpu/bf16_vectors.h"
#include "backend/cpu/norm_rows.h"

enum { LANES = 16 };

typedef __m512 floats;

/* Columns j .. j + 15 of a row, or those of them that `mask` names. */
CALR_INLINE floats widen(bool whole, __mmask16 mask, const calr_bf16 *from)
{
    __m256i halves =
        whole ? _mm256_loadu_si256((const __m256i *)from) : _mm256_maskz_loadu_epi16(mask, from);
    return calr_bf16x16_widened(halves);
}

CALR_INLINE floats load(bool whole, __mmask16 mask, const float *from)
{
    return whole ? _mm512_loadu_ps(from) : _mm512_maskz_loadu_ps(mask, from);
}

CALR_INLINE void store(bool whole, __mmask16 mask, calr_bf16 *to, floats v)
{
    if (whole)
        calr_bf16x16_store(to, v);
    else
        _mm256_mask_storeu_epi16(to, mask, calr_bf16x16_rounded(v));
}

CALR_INLINE void add(bool whole, __mmask16 mask, double *to, floats v)
{
    __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(v)),
            high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1));
    if (whole) {
        _mm512_storeu_pd(to, _mm512_add_pd(_mm512_loadu_pd(to), low));
        _mm512_storeu_pd(to + 8, _mm512_add_pd(_mm512_loadu_pd(to + 8), high));
        return;
    }
    __mmask8 first = (__mmask8)mask, second = (__mmask8)(mask >> 8);
    _mm512_mask_storeu_pd(to, first, _mm512_add_pd(_mm512_maskz_loadu_pd(first, to), low));
    _mm512_mask_storeu_pd(to + 8, second,
                          _mm512_add_pd(_mm512_maskz_loadu_pd(second, to + 8), high));
}

/* One line of each of `rows` rows, c numbers apart; of two rows where they share one. */
CALR_INLINE void fetch(bool writes, const calr_bf16 *from, int64_t rows, int64_t c)
{
#pragma GCC unroll 4
    for (int64_t r = 0; r<rows; r += c> LANES ? 1 : 2)
        if (writes)
            __builtin_prefetch(from + r * c, 1, 2);
        else
            __builtin_prefetch(from + r * c, 0, 2);
}

/* CALL(vectors, whole, j, mask) for all vectors of c columns: both of a line together, since the lines of several rows
 * may share one place in the first-level cache; FETCH(j) before each line. Fetches of whole rows at a time are more
 * than the processor has places for, and it waits. */
#define BY_VECTORS(c, FETCH, CALL)                                                                 \
    do {                                                                                           \
        int64_t j_ = 0;                                                                            \
        for (; j_ + 2 * LANES <= (c); j_ += 2 * LANES) {                                           \
            FETCH(j_);                                                                             \
            CALL(2, true, j_, (__mmask16)0xFFFF);                                                  \
        }                                                                                          \
        if (j_ < (c))                                                                              \
            FETCH(j_);                                                                             \
        if (j_ + LANES <= (c)) {                                                                   \
            CALL(1, true, j_, (__mmask16)0xFFFF);                                                  \
            j_ += LANES;                                                                           \
        }                                                                                          \
        if (j_ < (c))                                                                              \
            CALL(1, false, j_, (__mmask16)((1u << ((c)-j_)) - 1));                                 \
    } while (0)
#define NOTHING(j) (void)(j)

/* ---- forward ---- */

CALR_INLINE void moments_of(bool whole, int64_t j, __mmask16 m, int64_t rows, int64_t c,
                            const calr_bf16 *x, floats middle, double *s, double *q)
{
    if (rows == 4) {
        floats d0 = widen(whole, m, x + j) - middle, d1 = widen(whole, m, x + c + j) - middle,
               d2 = widen(whole, m, x + 2 * c + j) - middle,
               d3 = widen(whole, m, x + 3 * c + j) - middle;
        add(whole, m, s + j, (d0 + d1) + (d2 + d3));
        add(whole, m, q + j, (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3));
        return;
    }
    floats d = widen(whole, m, x + j) - middle;
    add(whole, m, s + j, d);
    add(whole, m, q + j, d * d);
}

CALR_INLINE void moments_at(int vectors, bool whole, int64_t j, __mmask16 m, int64_t rows,
                            int64_t c, const calr_bf16 *x, const calr_bf16 *middle, double *s,
                            double *q)
{
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++, j += LANES)
        moments_of(whole, j, m, rows, c, x, widen(whole, m, middle + j), s, q);
}

static void moments(bool far, int64_t rows, int64_t c, const void *map, const void *center,
                    double *sums)
{
    const calr_bf16 *x = map, *middle = center;
    const int64_t ahead = calr_norm_ahead(c);
    memset(sums, 0, (size_t)(2 * c) * sizeof *sums);
    int64_t i = 0;
    for (; i + 4 <= rows; i += 4, x += 4 * c) {
#define FETCH(j)                                                                                   \
    do {                                                                                           \
        if (far)                                                                                   \
            fetch(false, x + ahead + (j), 4, c);                                                   \
    } while (0)
#define CALL(vectors, whole, j, m) moments_at(vectors, whole, j, m, 4, c, x, middle, sums, sums + c)
        BY_VECTORS(c, FETCH, CALL);
#undef CALL
#undef FETCH
    }
    for (; i < rows; i++, x += c) {
#define CALL(vectors, whole, j, m) moments_at(vectors, whole, j, m, 1, c, x, middle, sums, sums + c)
        BY_VECTORS(c, NOTHING, CALL);
#undef CALL
    }
}

CALR_INLINE floats normal(floats x, floats mean, floats scale, floats shift)
{
    return _mm512_fmadd_ps(x - mean, scale, shift);
}

/* As calr_activate: a NaN stays one, because the second operand of both is what is returned then. */
CALR_INLINE floats activate(calr_activation kind, floats v)
{
    if (kind == CALR_ACTIVATION_RELU || kind == CALR_ACTIVATION_RELU6)
        v = _mm512_max_ps(_mm512_setzero_ps(), v);
    return kind == CALR_ACTIVATION_RELU6 ? _mm512_min_ps(_mm512_set1_ps(6), v) : v;
}

CALR_INLINE void normalize_at(calr_activation kind, int vectors, bool whole, int64_t j, __mmask16 m,
                              const calr_bf16 *x, const float *mean, const float *scale,
                              const float *shift, const calr_bf16 *residual, calr_bf16 *out)
{
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++, j += LANES) {
        floats y = normal(widen(whole, m, x + j), load(whole, m, mean + j),
                          load(whole, m, scale + j), load(whole, m, shift + j));
        if (residual)
            y += widen(whole, m, residual + j);
        store(whole, m, out + j, activate(kind, y));
    }
}

CALR_INLINE void normalize(calr_activation kind, bool far, int64_t rows, int64_t c,
                           const calr_bf16 *x, const float *mean, const float *scale,
                           const float *shift, const calr_bf16 *residual, calr_bf16 *out)
{
    const int64_t ahead = calr_norm_ahead(c);
    for (int64_t i = 0; i < rows; i++, x += c, out += c) {
#define FETCH(j)                                                                                   \
    do {                                                                                           \
        if (far)                                                                                   \
            fetch(false, x + ahead + (j), 1, c);                                                   \
        if (far && residual)                                                                       \
            fetch(false, residual + ahead + (j), 1, c);                                            \
    } while (0)
#define CALL(vectors, whole, j, m)                                                                 \
    normalize_at(kind, vectors, whole, j, m, x, mean, scale, shift, residual, out)
        BY_VECTORS(c, FETCH, CALL);
#undef CALL
#undef FETCH
        if (residual)
            residual += c;
    }
}

static void normalize_any(bool far, int64_t rows, int64_t c, calr_activation activation,
                          const void *x, const float *mean, const float *scale, const float *shift,
                          const void *residual, void *out)
{
#define CALL(kind)                                                                                 \
    (residual ? normalize(kind, far, rows, c, x, mean, scale, shift, residual, out)                \
              : normalize(kind, far, rows, c, x, mean, scale, shift, NULL, out))
    if (activation == CALR_ACTIVATION_RELU)
        CALL(CALR_ACTIVATION_RELU);
    else if (activation == CALR_ACTIVATION_RELU6)
        CALL(CALR_ACTIVATION_RELU6);
    else
        CALL(CALR_ACTIVATION_NONE);
#undef CALL
}

/* ---- backward ---- */

/* g of columns j .. j + 15 of the row at `at`, as norm_rows.c finds it. */
CALR_INLINE floats flow(const calr_norm_gradient *in, calr_norm_mask kind, bool two, bool whole,
                        int64_t at, int64_t j, __mmask16 m)
{
    floats g = widen(whole, m, (const calr_bf16 *)in->dy + at + j), v = g;
    if (two) {
        g += widen(whole, m, (const calr_bf16 *)in->dy2 + at + j);
        g = calr_bf16x16_widened(calr_bf16x16_rounded(g));
    }
    if (kind == CALR_MASK_NONE)
        return g;
    if (kind == CALR_MASK_OUTPUT || kind == CALR_MASK_OUTPUT_6)
        v = widen(whole, m, (const calr_bf16 *)in->aside + at + j);
    else
        v = normal(widen(whole, m, (const calr_bf16 *)in->x + at + j), load(whole, m, in->mean + j),
                   load(whole, m, in->scale + j), load(whole, m, in->shift + j));
    const bool rounds = kind == CALR_MASK_INPUT || kind == CALR_MASK_INPUT_6;
    const float least = rounds ? CALR_BF16_ROUNDS_TO_0 : 0,
                most = rounds ? CALR_BF16_ROUNDS_TO_6 : 6;
    __mmask16 keep = _mm512_cmp_ps_mask(v, _mm512_set1_ps(least), _CMP_GT_OQ);
    if (kind == CALR_MASK_OUTPUT_6 || kind == CALR_MASK_INPUT_6)
        keep = _mm512_mask_cmp_ps_mask(keep, v, _mm512_set1_ps(most), _CMP_LT_OQ);
    return _mm512_maskz_mov_ps(keep, g);
}

CALR_INLINE floats from_mean(const calr_norm_gradient *in, bool whole, int64_t at, int64_t j,
                             __mmask16 m)
{
    return widen(whole, m, (const calr_bf16 *)in->x + at + j) - load(whole, m, in->mean + j);
}

/* One line of each of `rows` rows of what a gradient is made of. */
CALR_INLINE void fetch_gradient(const calr_norm_gradient *in, calr_norm_mask kind, bool two,
                                int64_t at, int64_t rows)
{
    if (!in->far)
        return;
    fetch(false, (const calr_bf16 *)in->dy + at, rows, in->c);
    fetch(false, (const calr_bf16 *)in->x + at, rows, in->c);
    if (two)
        fetch(false, (const calr_bf16 *)in->dy2 + at, rows, in->c);
    if (kind == CALR_MASK_OUTPUT || kind == CALR_MASK_OUTPUT_6)
        fetch(false, (const calr_bf16 *)in->aside + at, rows, in->c);
}

CALR_INLINE void sums_at(const calr_norm_gradient *in, calr_norm_mask kind, bool two, bool whole,
                         int vectors, int64_t rows, int64_t at, int64_t j, __mmask16 m,
                         calr_bf16 *keep, double *s, double *q)
{
    const int64_t c = in->c;
    floats g[2][4], d[2][4];
#pragma GCC unroll 4
    for (int64_t r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            int64_t i = j + v * LANES;
            g[v][r] = flow(in, kind, two, whole, at + r * c, i, m);
            d[v][r] = g[v][r] * from_mean(in, whole, at + r * c, i, m);
            if (keep)
                store(whole, m, keep + at + r * c + i, g[v][r]);
        }
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++) {
        if (rows == 4) {
            g[v][0] = (g[v][0] + g[v][1]) + (g[v][2] + g[v][3]);
            d[v][0] = (d[v][0] + d[v][1]) + (d[v][2] + d[v][3]);
        }
        add(whole, m, s + j + v * LANES, g[v][0]);
        add(whole, m, q + j + v * LANES, d[v][0]);
    }
}

CALR_INLINE void sums_of(const calr_norm_gradient *given, calr_norm_mask kind, bool two, int64_t at,
                         int64_t rows, calr_bf16 *keep, double *sums)
{
    const calr_norm_gradient local = *given, *in = &local;
    const int64_t c = in->c;
    const int64_t ahead = calr_norm_ahead(c);
    int64_t i = at, end = at + rows;
    for (; i + 4 <= end; i += 4) {
#define FETCH(j)                                                                                   \
    do {                                                                                           \
        fetch_gradient(in, kind, two, i *c + ahead + (j), 4);                                      \
        if (keep && in->far)                                                                       \
            fetch(true, keep + i * c + ahead + (j), 4, c);                                         \
    } while (0)
#define CALL(vectors, whole, j, m)                                                                 \
    sums_at(in, kind, two, whole, vectors, 4, i *c, j, m, keep, sums, sums + c)
        BY_VECTORS(c, FETCH, CALL);
#undef CALL
#undef FETCH
    }
    for (; i < end; i++) {
#define CALL(vectors, whole, j, m)                                                                 \
    sums_at(in, kind, two, whole, vectors, 1, i *c, j, m, keep, sums, sums + c)
        BY_VECTORS(c, NOTHING, CALL);
#undef CALL
    }
}

CALR_INLINE void apply_at(const calr_norm_gradient *in, calr_norm_mask kind, bool two, int vectors,
                          bool whole, int64_t at, int64_t j, __mmask16 m, const float *a,
                          const float *b, const float *d, calr_bf16 *dx)
{
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++, j += LANES) {
        floats rest = _mm512_fmadd_ps(load(whole, m, b + j), from_mean(in, whole, at, j, m),
                                      load(whole, m, d + j));
        store(whole, m, dx + at + j,
              _mm512_fmadd_ps(load(whole, m, a + j), flow(in, kind, two, whole, at, j, m), rest));
    }
}

CALR_INLINE void apply_to(const calr_norm_gradient *given, calr_norm_mask kind, bool two,
                          int64_t at, int64_t rows, const float *a, const float *b, const float *d,
                          calr_bf16 *dx)
{
    const calr_norm_gradient local = *given, *in = &local;
    const int64_t c = in->c, ahead = calr_norm_ahead(c);
    for (int64_t i = at; i < at + rows; i++) {
#define FETCH(j)                   fetch_gradient(in, kind, two, i *c + ahead + (j), 1)
#define CALL(vectors, whole, j, m) apply_at(in, kind, two, vectors, whole, i *c, j, m, a, b, d, dx)
        BY_VECTORS(c, FETCH, CALL);
#undef CALL
#undef FETCH
    }
}

/* CALL(mask, two) with constants in the place of what `in` holds. */
#define BY_KIND(in, CALL)                                                                          \
    do {                                                                                           \
        bool two_ = (in)->dy2 != NULL;                                                             \
        switch ((in)->mask) {                                                                      \
        case CALR_MASK_OUTPUT:                                                                     \
            two_ ? CALL(CALR_MASK_OUTPUT, true) : CALL(CALR_MASK_OUTPUT, false);                   \
            break;                                                                                 \
        case CALR_MASK_INPUT:                                                                      \
            two_ ? CALL(CALR_MASK_INPUT, true) : CALL(CALR_MASK_INPUT, false);                     \
            break;                                                                                 \
        case CALR_MASK_OUTPUT_6:                                                                   \
            two_ ? CALL(CALR_MASK_OUTPUT_6, true) : CALL(CALR_MASK_OUTPUT_6, false);               \
            break;                                                                                 \
        case CALR_MASK_INPUT_6:                                                                    \
            two_ ? CALL(CALR_MASK_INPUT_6, true) : CALL(CALR_MASK_INPUT_6, false);                 \
            break;                                                                                 \
        default:                                                                                   \
            two_ ? CALL(CALR_MASK_NONE, true) : CALL(CALR_MASK_NONE, false);                       \
        }                                                                                          \
    } while (0)

static void gradient_sums(const calr_norm_gradient *in, int64_t at, int64_t rows, void *keep,
                          double *sums)
{
    memset(sums, 0, (size_t)(2 * in->c) * sizeof *sums);
    if (keep) {
#define CALL(kind, two) sums_of(in, kind, two, at, rows, keep, sums)
        BY_KIND(in, CALL);
#undef CALL
        return;
    }
#define CALL(kind, two) sums_of(in, kind, two, at, rows, NULL, sums)
    BY_KIND(in, CALL);
#undef CALL
}

static void gradient_apply(const calr_norm_gradient *in, int64_t at, int64_t rows, const float *a,
                           const float *b, const float *d, void *dx)
{
#define CALL(kind, two) apply_to(in, kind, two, at, rows, a, b, d, dx)
    BY_KIND(in, CALL);
#undef CALL
}

const calr_norm_half_rows calr_norm_avx512_bf16 = {.moments = moments,
                                                   .normalize = normalize_any,
                                                   .gradient_sums = gradient_sums,
                                                   .gradient_apply = gradient_apply};
