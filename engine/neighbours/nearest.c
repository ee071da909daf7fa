#include "neighbours/nearest.h"

#include <float.h>
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

/* ---- settling ---- */

double calr_nearest_key(const calr_nearest *in, const calr_nearest_query *query, int64_t row,
                        const float *next)
{
    const float *other = in->base + row * in->d;
    if (in->metric == CALR_EUCLIDEAN)
        return -calr_rows_distance(query->row, other, in->d);
    double lengths = query->length * in->length[row];
    if (!(lengths > 0))
        return 0;
    return calr_cosine_clip((float)(calr_rows_dot(query->row, other, next, in->d) / lengths));
}

int64_t calr_measured_add(calr_measured *best, int64_t found, int64_t keep, calr_measured item)
{
    int64_t at = found < keep ? found++ : keep;
    for (; at > 0 && (best[at - 1].key < item.key ||
                      (best[at - 1].key == item.key && best[at - 1].row > item.row));
         at--)
        if (at < keep)
            best[at] = best[at - 1];
    if (at < keep)
        best[at] = item;
    return found;
}

/* Half a unit in the last place of f32, relative; and what sums of numbers too small for f32 may lose. */
static const double ROUNDING = 1.01 * FLT_EPSILON / 2, TINY = 4 * (double)FLT_MIN;

double calr_nearest_least(const calr_nearest *in, const calr_nearest_query *query, double key,
                          double length)
{
    /* A sum of d products in any order is off by d roundings of the product of the lengths at most (Higham, "Accuracy
     * and stability of numerical algorithms", 3.1); the others are of the copies, the key and the score itself. */
    double d = (double)in->d, steps = (d + 8) * ROUNDING;
    if (in->metric == CALR_COSINE)
        return key - steps - d * TINY;
    double own = query->length * in->scale, apart = -key * in->scale;
    /* What is longer by more than the distance is farther away than that. */
    double other = length < 0 ? fmin(own + apart, 1) * (1 + 1e-9) : length * in->scale;
    double score = (own * own - apart * apart) / 2;
    double error = steps * own * other + 4 * ROUNDING * other * other + 1e-15 * own * own;
    return query->shorter * (score - error) - d * TINY;
}

bool calr_nearest_settle(const calr_nearest *in, const calr_nearest_query *query,
                         const float *scores, const int32_t *rows, int64_t count, bool all,
                         int64_t k, calr_measured *best)
{
    int64_t found = 0;
    double least = -INFINITY;
    for (int64_t p = 0; p < count; p++) {
        if (scores[p] < least)
            return true;
        const float *next = in->base + rows[p + 1 < count ? p + 1 : p] * in->d;
        calr_measured item = {calr_nearest_key(in, query, rows[p], next), rows[p]};
        double last = found == k ? best[k - 1].key : -INFINITY;
        found = calr_measured_add(best, found, k, item);
        if (found == k && best[k - 1].key > last)
            least = calr_nearest_least(in, query, best[k - 1].key, -1);
    }
    return all || scores[count - 1] < least;
}
