#include "rank/words.h"

#include <math.h>

#include "base/clones.h"
#include "neighbours/knn_bytes.h"

enum { SIDE = 4 /* rows multiplied side by side: one row is loaded once for all of them */ };

static const double LARGEST = 32767;

/* The bytes leave 2 r, the words |e| + |e'| and twice the slack, |e| <= s root(d) / 2: together these must stay below
 * 2^31 s s'. Three quarters of it are for what does not depend on s; a hundredth is left for rounding. */
double calr_words_least(double radius, int64_t d)
{
    const double range = 2147483648.0;
    double fixed = 2 * (radius + (double)CALR_BYTES_SLACK);
    return fmax(sqrt(fixed / (0.75 * range)), sqrt((double)d) / (0.24 * range));
}

static CALR_CLONES double largest_of(const float *row, const double *centre, int64_t d)
{
    double most = 0;
#pragma omp simd reduction(max : most)
    for (int64_t c = 0; c < d; c++) {
        double v = fabs(row[c] - centre[c]);
        most = v > most ? v : most;
    }
    return most;
}

/* The square of what is left out. */
static CALR_CLONES double write_row(const float *row, const double *centre, int64_t d,
                                    double inverse, double step, int16_t *q)
{
    double left = 0;
#pragma omp simd reduction(+ : left)
    for (int64_t c = 0; c < d; c++) {
        double v = row[c] - centre[c], whole = rint(v * inverse), e = v - step * whole;
        q[c] = (int16_t)(int32_t)whole;
        left += e * e;
    }
    return left;
}

void calr_words_write(const calr_words *out, int64_t i, const float *row, const double *centre,
                      int64_t d, double least, double unit)
{
    double most = largest_of(row, centre, d);
    double step = fmax(most / LARGEST, unit > 0 ? least / unit : 1), inverse = 1 / step;
    double left = sqrt(write_row(row, centre, d, inverse, step, out->q + i * d)) * unit;
    out->scale[i] = (float)fmax(step * unit, least);
    out->radius[i] = (float)(left + left * left / 2) + CALR_BYTES_SLACK;
}

static inline void multiply(const int16_t *row, const int16_t *const other[SIDE], int64_t d,
                            uint32_t *found)
{
    const int16_t *a = other[0], *b = other[1], *c = other[2], *e = other[3];
    uint32_t sum_a = 0, sum_b = 0, sum_c = 0, sum_e = 0;
    for (int64_t k = 0; k < d; k++) {
        sum_a += (uint32_t)(row[k] * a[k]);
        sum_b += (uint32_t)(row[k] * b[k]);
        sum_c += (uint32_t)(row[k] * c[k]);
        sum_e += (uint32_t)(row[k] * e[k]);
    }
    found[0] = sum_a;
    found[1] = sum_b;
    found[2] = sum_c;
    found[3] = sum_e;
}

CALR_CLONES void calr_words_products(const int16_t *rows, const int32_t *ends, int64_t n,
                                     const int16_t *others, const int32_t *which, int64_t d,
                                     uint32_t *products)
{
    for (int64_t i = 0, p = 0; i < n; i++)
        while (p < ends[i]) {
            const int16_t *side[SIDE];
            uint32_t found[SIDE];
            int64_t many = ends[i] - p < SIDE ? ends[i] - p : SIDE;
            for (int64_t s = 0; s < SIDE; s++) /* where there are fewer, the last one again */
                side[s] = others + which[p + (s < many ? s : many - 1)] * d;
            multiply(rows + i * d, side, d, found);
            for (int64_t s = 0; s < many; s++)
                products[p++] = found[s];
        }
}
