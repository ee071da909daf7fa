#include "cluster/distance.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/parallel.h"

calr_distance calr_distance_of_csr(const calr_csr *csr)
{
    return (calr_distance){.n = csr->rows, .sparse = csr};
}

calr_distance calr_distance_of_dense(const float *values, int64_t n)
{
    return (calr_distance){.n = n, .dense = values};
}

static calr_status check_pair(int64_t i, int64_t j, float value, float mirror)
{
    if (!isfinite(value) || !isfinite(mirror))
        return calr_error(
            CALR_ENUMERIC,
            "the distance between rows %" PRId64 " and %" PRId64 " (from 0) is not finite", i, j);
    if (value < 0)
        return calr_error(CALR_EINVAL,
                          "the distance between rows %" PRId64 " and %" PRId64 " (from 0) is %g", i,
                          j, (double)value);
    if (fabsf(value - mirror) > 1e-4f * fmaxf(value, mirror))
        return calr_error(CALR_EINVAL,
                          "distances must be symmetric: (%" PRId64 ", %" PRId64
                          ") (from 0) is %g, but (%" PRId64 ", %" PRId64 ") is %g",
                          i, j, (double)value, j, i, (double)mirror);
    return CALR_OK;
}

enum { SQUARE = 64 };

typedef struct look {
    const float *values;
    int64_t n;
    atomic_bool bad;
} look;

/* Whether something is wrong in rows begin .. end-1, to the right of the diagonal: what check_pair
 * refuses, without a branch for each pair. In squares that fit a cache, because one of the two reads
 * runs down a column. */
static void look_at_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    look *l = context;
    int64_t n = l->n;
    int bad = 0;
    for (int64_t j0 = begin; j0 < n; j0 += SQUARE)
        for (int64_t i = begin; i < end; i++)
            for (int64_t j = i + 1 > j0 ? i + 1 : j0; j < n && j < j0 + SQUARE; j++) {
                float a = l->values[i * n + j], b = l->values[j * n + i], most = a > b ? a : b;
                bad |=
                    !(a >= 0) | !(a <= FLT_MAX) | !(b <= FLT_MAX) | !(fabsf(a - b) <= 1e-4f * most);
            }
    if (bad)
        atomic_store(&l->bad, true);
}

static calr_status check_dense(const float *values, int64_t n)
{
    look l = {.values = values, .n = n};
    atomic_init(&l.bad, false);
    CALR_TRY(calr_parallel_try(n, SQUARE, look_at_rows, &l));
    if (!atomic_load(&l.bad))
        return CALR_OK;
    for (int64_t i = 0; i < n; i++) {
        CALR_TRY(calr_interrupt_check());
        for (int64_t j = i + 1; j < n; j++)
            CALR_TRY(check_pair(i, j, values[i * n + j], values[j * n + i]));
    }
    return CALR_OK;
}

calr_status calr_distance_check(const calr_distance *distance)
{
    const calr_csr *csr = distance->sparse;
    if (!csr)
        return check_dense(distance->dense, distance->n);
    if (csr->rows != csr->columns)
        return calr_error(CALR_EINVAL, "a distance must be square, not %" PRId64 " x %" PRId64,
                          csr->rows, csr->columns);
    CALR_TRY(calr_csr_validate(csr, "the distance"));
    for (int64_t i = 0; i < csr->rows; i++) {
        CALR_TRY(calr_interrupt_check());
        for (int64_t p = csr->offsets[i]; p < csr->offsets[i + 1]; p++) {
            int32_t j = csr->indices[p];
            if (j == i)
                continue;
            if (csr->values[p] > 1)
                return calr_error(CALR_EINVAL,
                                  "a sparse distance is at most 1; between rows %" PRId64
                                  " and %d (from 0) it is %g",
                                  i, j, (double)csr->values[p]);
            CALR_TRY(check_pair(i, j, csr->values[p], calr_csr_get(csr, j, i, 1)));
        }
    }
    return CALR_OK;
}

float calr_distance_get(const calr_distance *distance, int64_t i, int64_t j)
{
    if (i == j)
        return 0;
    return distance->sparse ? calr_csr_get(distance->sparse, i, j, 1)
                            : distance->dense[i * distance->n + j];
}

void calr_distance_row(const calr_distance *distance, int64_t i, float *row)
{
    const calr_csr *csr = distance->sparse;
    if (csr) {
        for (int64_t j = 0; j < distance->n; j++)
            row[j] = 1;
        for (int64_t p = csr->offsets[i]; p < csr->offsets[i + 1]; p++)
            row[csr->indices[p]] = csr->values[p];
    } else {
        memcpy(row, distance->dense + i * distance->n, (size_t)distance->n * sizeof *row);
    }
    row[i] = 0;
}

typedef struct fill {
    const calr_distance *distance;
    float *out;
} fill;

static void fill_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    fill *f = context;
    for (int64_t i = begin; i < end; i++)
        calr_distance_row(f->distance, i, f->out + i * f->distance->n);
}

calr_status calr_distance_fill(const calr_distance *distance, float *out)
{
    fill f = {distance, out};
    return calr_parallel_try(distance->n, 64, fill_rows, &f);
}
