#include "cluster/nearest.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/clones.h"
#include "base/parallel.h"
#include "base/size.h"

enum { ROW_GRAIN = 64 };

calr_status calr_rows_mean(const float *x, int64_t n, int64_t d, double **out)
{
    double *mean = calr_array_zeros(d, sizeof *mean);
    if (!mean)
        return calr_error(CALR_ENOMEM, "out of memory for the mean of %" PRId64 " columns", d);
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < d; c++)
            mean[c] += x[i * d + c];
    for (int64_t c = 0; c < d; c++) {
        mean[c] /= (double)n;
        if (!isfinite(mean[c])) /* the check of the rows will say which */
            mean[c] = 0;
    }
    *out = mean;
    return CALR_OK;
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
        const float *row = p->x + i * d;
        double sum = 0;
        for (int64_t c = 0; c < d; c++) {
            double v = p->centre ? row[c] - p->centre[c] : row[c];
            sum += v * v;
        }
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
    calr_parallel_for(n, ROW_GRAIN, check_rows, &p);
    int64_t first = -1;
    for (int64_t c = 0; c < chunks && first < 0; c++)
        first = bad[c];
    free(bad);
    if (first >= 0)
        return calr_error(CALR_ENUMERIC,
                          "row %" PRId64 " (from 0) of %s holds a NaN or an infinity", first, what);
    return CALR_OK;
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

static double distance(const float *a, const float *b, int64_t d)
{
    double sum = 0;
    for (int64_t c = 0; c < d; c++) {
        double v = (double)a[c] - b[c];
        sum += v * v;
    }
    return sqrt(sum);
}

void calr_nearest_measure(const float *x, const float *base, int64_t d, int64_t count,
                          int32_t *rows, double *exact)
{
    for (int64_t p = 0; p < count; p++) {
        int32_t row = rows[p];
        double length = distance(x, base + row * d, d);
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
