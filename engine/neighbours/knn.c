#include "neighbours/knn.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/interrupt.h"
#include "base/size.h"
#include "neighbours/knn_internal.h"
#include "neighbours/nearest.h"

static calr_status check_arguments(int64_t n, bool self, int64_t m, int64_t d, int64_t k,
                                   bool include_self)
{
    int64_t rows = self ? n : m, most = self && !include_self ? rows - 1 : rows;
    if (n < 0 || rows < 0 || n > INT32_MAX || rows > INT32_MAX || d < 1)
        return calr_error(CALR_EINVAL,
                          "neighbours need rows of at least one number, not %" PRId64 " x %" PRId64,
                          n, d);
    if (k < 1)
        return calr_error(CALR_EINVAL, "k must be at least 1, not %" PRId64, k);
    if (k > most)
        return calr_error(
            CALR_EINVAL,
            "k = %" PRId64 " neighbours, but there are only %" PRId64 "%s: n is %" PRId64, k,
            most < 0 ? 0 : most, self && !include_self ? " besides the row itself" : "", rows);
    return CALR_OK;
}

/* Lengths of the rows of one side; names the first row that is not finite. */
static calr_status measure(const float *rows, int64_t n, int64_t d, const double *centre,
                           const char *what, double **out, double *longest)
{
    double *length = calr_array_new(n, sizeof *length);
    if (!length)
        return calr_error(CALR_ENOMEM, "out of memory for the neighbours of %" PRId64 " rows", n);
    *out = length;
    CALR_TRY(calr_rows_measure(rows, n, d, centre, what, length));
    for (int64_t i = 0; i < n; i++)
        *longest = fmax(*longest, length[i]);
    return CALR_OK;
}

void calr_knn_write(const calr_knn_task *t, int64_t i, const calr_measured *best)
{
    int32_t *indices = t->indices + i * t->k;
    float *values = t->values + i * t->k;
    if (t->include_self) {
        *indices++ = (int32_t)i;
        *values++ = t->metric == CALR_COSINE && t->length[i] > 0 ? 1.0f : 0.0f;
    }
    for (int64_t p = 0; p < t->k - t->include_self; p++) {
        indices[p] = best[p].row;
        values[p] = (float)(t->metric == CALR_COSINE ? best[p].key : -best[p].key);
    }
}

static calr_status run(calr_knn_task *t, calr_knn_way way, double *owned[3])
{
    bool done = false;
    if (t->metric == CALR_EUCLIDEAN)
        CALR_TRY(calr_rows_mean(t->base, t->m, t->d, &owned[0]));
    t->centre = owned[0];
    CALR_TRY(measure(t->x, t->n, t->d, t->centre, t->self ? "the rows" : "the queries", &owned[1],
                     &t->longest));
    if (!t->self)
        CALR_TRY(measure(t->base, t->m, t->d, t->centre, "the base", &owned[2], &t->longest));
    t->length = owned[1];
    t->base_length = t->self ? owned[1] : owned[2];
    if (way != CALR_KNN_FLOAT)
        CALR_TRY(calr_knn_bytes(t, way == CALR_KNN_BYTES, &done));
    return done ? CALR_OK : calr_knn_float(t);
}

calr_status calr_knn_by(calr_knn_way way, const float *x, int64_t n, const float *base, int64_t m,
                        int64_t d, int64_t k, calr_metric metric, bool include_self,
                        int32_t *indices, float *values)
{
    bool self = !base;
    include_self = include_self && self;
    CALR_TRY(check_arguments(n, self, m, d, k, include_self));
    if (n == 0)
        return CALR_OK;
    calr_knn_task task = {.x = x,
                          .base = self ? x : base,
                          .n = n,
                          .m = self ? n : m,
                          .d = d,
                          .k = k,
                          .metric = metric,
                          .self = self,
                          .include_self = include_self,
                          .indices = indices,
                          .values = values};
    double *owned[3] = {NULL, NULL, NULL};
    calr_status status = run(&task, way, owned);
    for (int p = 0; p < 3; p++)
        free(owned[p]);
    return status;
}

calr_status calr_knn(const float *x, int64_t n, const float *base, int64_t m, int64_t d, int64_t k,
                     calr_metric metric, bool include_self, int32_t *indices, float *values)
{
    return calr_knn_by(CALR_KNN_AUTO, x, n, base, m, d, k, metric, include_self, indices, values);
}

/* ---- the farthest ---- */

/* In f32 the opposite rows are written down. A row may be its own nearest opposite: two are looked for. */
static calr_status search_mirror(calr_knn_task t, const float *x)
{
    int64_t count;
    int32_t *indices = t.indices;
    float *values = t.values;
    float *mirror =
        __builtin_mul_overflow(t.n, t.d, &count) ? NULL : calr_array_new(count, sizeof *mirror);
    t.k = t.n > 1 ? 2 : 1;
    t.indices = calr_array_new(t.n * t.k, sizeof *t.indices);
    t.values = calr_array_new(t.n * t.k, sizeof *t.values);
    calr_status status = CALR_OK;
    if (!mirror || !t.indices || !t.values)
        status =
            calr_error(CALR_ENOMEM,
                       "out of memory for a copy of %" PRId64 " x %" PRId64 " features", t.n, t.d);
    for (int64_t i = 0; status == CALR_OK && i < t.n; i++) {
        for (int64_t c = 0; c < t.d; c++)
            mirror[i * t.d + c] = -x[i * t.d + c];
        status = calr_interrupt_check();
    }
    t.x = mirror;
    t.self = t.opposite = false;
    if (status == CALR_OK)
        status = calr_knn_float(&t);
    for (int64_t i = 0; status == CALR_OK && i < t.n; i++) {
        int64_t at = i * t.k + (t.k > 1 && t.indices[i * t.k] == i);
        indices[i] = t.indices[at];
        values[i] = t.values[at];
    }
    free(mirror);
    free(t.indices);
    free(t.values);
    return status;
}

calr_status calr_knn_farthest(const float *x, int64_t n, int64_t d, int32_t *indices, float *values)
{
    bool done = false;
    double *length = NULL;
    calr_knn_task t = {.x = x,
                       .base = x,
                       .n = n,
                       .m = n,
                       .d = d,
                       .k = 1,
                       .metric = CALR_COSINE,
                       .self = true,
                       .opposite = true,
                       .indices = indices,
                       .values = values};
    CALR_TRY(check_arguments(n, true, n, d, 1, true));
    calr_status status = measure(x, n, d, NULL, "the rows", &length, &t.longest);
    t.length = t.base_length = length;
    if (status == CALR_OK && n > 1)
        status = calr_knn_bytes(&t, false, &done);
    if (status == CALR_OK && !done)
        status = search_mirror(t, x);
    for (int64_t i = 0; status == CALR_OK && i < n; i++)
        values[i] = -values[i];
    free(length);
    return status;
}
