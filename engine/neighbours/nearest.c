#include "neighbours/nearest.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/clones.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"

enum { ROW_GRAIN = 64 };

calr_status calr_rows_mean(const float *x, int64_t n, int64_t d, double **out)
{
    double *mean = calr_array_zeros(d, sizeof *mean);
    if (!mean)
        return calr_error(CALR_ENOMEM, "out of memory for the mean of %" PRId64 " columns", d);
    for (int64_t i = 0; i < n && !calr_interrupt_requested(); i++)
        for (int64_t c = 0; c < d; c++)
            mean[c] += x[i * d + c];
    for (int64_t c = 0; c < d; c++) {
        mean[c] /= (double)n;
        if (!isfinite(mean[c])) /* the check of the rows will say which */
            mean[c] = 0;
    }
    calr_status status = calr_interrupt_check();
    if (status == CALR_OK)
        *out = mean;
    else
        free(mean);
    return status;
}

/* Partial sums, which the compiler keeps in vectors, fix the order of the additions. */
enum { LANES = 32 };

static inline double add_lanes(const double *sums)
{
    double eight[8];
    for (int l = 0; l < 8; l++)
        eight[l] = (sums[l] + sums[l + 16]) + (sums[l + 8] + sums[l + 24]);
    return ((eight[0] + eight[4]) + (eight[2] + eight[6])) +
           ((eight[1] + eight[5]) + (eight[3] + eight[7]));
}

static CALR_CLONES double square_length(const float *row, const double *centre, int64_t d)
{
    double sums[LANES] = {0};
    int64_t c = 0;
    for (; c + LANES <= d; c += LANES)
        for (int l = 0; l < LANES; l++) {
            double v = centre ? row[c + l] - centre[c + l] : row[c + l];
            sums[l] += v * v;
        }
    for (int l = 0; c < d; c++, l++) {
        double v = centre ? row[c] - centre[c] : row[c];
        sums[l] += v * v;
    }
    return add_lanes(sums);
}

typedef struct check {
    const float *x;
    int64_t d;
    const double *centre;
    double *length;
    int64_t *bad; /* [chunks] first row of each chunk that is not finite, or -1 */
} check;

static void check_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    check *p = context;
    int64_t d = p->d, bad = -1;
    for (int64_t i = begin; i < end && bad < 0; i++) {
        double sum = square_length(p->x + i * d, p->centre, d);
        p->length[i] = sqrt(sum);
        if (!isfinite(sum))
            bad = i;
    }
    p->bad[begin / ROW_GRAIN] = bad;
}

calr_status calr_rows_measure(const float *x, int64_t n, int64_t d, const double *centre,
                              const char *what, double *length)
{
    int64_t chunks = (n + ROW_GRAIN - 1) / ROW_GRAIN;
    int64_t *bad = calr_array_new(chunks, sizeof *bad);
    if (!bad)
        return calr_error(CALR_ENOMEM, "out of memory for the neighbours of %" PRId64 " rows", n);
    check p = {x, d, centre, length, bad};
    calr_status status = calr_parallel_try(n, ROW_GRAIN, check_rows, &p);
    int64_t first = -1;
    for (int64_t c = 0; status == CALR_OK && c < chunks && first < 0; c++)
        first = bad[c];
    free(bad);
    if (first >= 0)
        return calr_error(CALR_ENUMERIC,
                          "row %" PRId64 " (from 0) of %s holds a NaN or an infinity", first, what);
    return status;
}

CALR_CLONES void calr_row_unit(const float *row, int64_t d, double length, float *to)
{
    double inverse = length > 0 ? 1 / length : 0;
    for (int64_t c = 0; c < d; c++)
        to[c] = (float)(row[c] * inverse);
}

CALR_CLONES void calr_row_centred(const float *row, int64_t d, const double *centre, double scale,
                                  float *to)
{
    for (int64_t c = 0; c < d; c++)
        to[c] = (float)((row[c] - centre[c]) * scale);
}

CALR_CLONES double calr_rows_dot(const float *a, const float *b, const float *next, int64_t d)
{
    double sums[LANES] = {0};
    int64_t c = 0;
    next = next ? next : b;
    for (; c + LANES <= d; c += LANES) {
        __builtin_prefetch(next + c);
        __builtin_prefetch(next + c + LANES / 2);
        for (int l = 0; l < LANES; l++)
            sums[l] += (double)a[c + l] * b[c + l];
    }
    for (int l = 0; c < d; c++, l++)
        sums[l] += (double)a[c] * b[c];
    return add_lanes(sums);
}

static CALR_CLONES double square_distance(const float *a, const float *b, int64_t d)
{
    double sums[LANES] = {0};
    int64_t c = 0;
    for (; c + LANES <= d; c += LANES)
        for (int l = 0; l < LANES; l++) {
            double v = (double)a[c + l] - b[c + l];
            sums[l] += v * v;
        }
    for (int l = 0; c < d; c++, l++) {
        double v = (double)a[c] - b[c];
        sums[l] += v * v;
    }
    return add_lanes(sums);
}

double calr_rows_distance(const float *a, const float *b, int64_t d)
{
    return sqrt(square_distance(a, b, d));
}

void calr_nearest_measure(const float *x, const float *base, int64_t d, int64_t count,
                          int32_t *rows, double *exact)
{
    for (int64_t p = 0; p < count; p++) {
        int32_t row = rows[p];
        double length = calr_rows_distance(x, base + row * d, d);
        int64_t at = p;
        for (;
             at > 0 && (exact[at - 1] > length || (exact[at - 1] == length && rows[at - 1] > row));
             at--) {
            exact[at] = exact[at - 1];
            rows[at] = rows[at - 1];
        }
        exact[at] = length;
        rows[at] = row;
    }
}
