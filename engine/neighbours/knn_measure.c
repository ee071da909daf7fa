#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clones.h"
#include "base/parallel.h"
#include "base/size.h"
#include "neighbours/knn_bytes.h"
#include "neighbours/nearest.h"

enum { GRAIN = 64, SHORT_LIST = 128, HALVINGS = 14 };

/* ---- rows as bytes ---- */

/* Writes row - centre as bytes; returns the length of what they leave out. *step is what a byte's 1 stands for. */
static CALR_CLONES double write_bytes(const float *row, const double *centre, int64_t d, int8_t *q,
                                      double *step)
{
    double most = 0, left = 0;
#pragma omp simd reduction(max : most)
    for (int64_t c = 0; c < d; c++) {
        double v = fabs(centre ? row[c] - centre[c] : row[c]);
        most = v > most ? v : most;
    }
    double s = most / 127, inverse = most > 0 ? 127 / most : 0;
#pragma omp simd reduction(+ : left)
    for (int64_t c = 0; c < d; c++) {
        double v = centre ? row[c] - centre[c] : row[c], whole = rint(v * inverse),
               e = v - s * whole;
        q[c] = (int8_t)(int32_t)whole;
        left += e * e;
    }
    *step = s;
    return sqrt(left);
}

/* The same in single precision, for rows as they are whose numbers are neither huge nor tiny: of its rounding,
 * that of single numbers is far within the slack of the radius, that of the sum below 1 %. */
static CALR_CLONES bool write_plain_bytes(const float *row, int64_t d, int8_t *q, double *step,
                                          double *left)
{
    float most = 0, sum = 0;
#pragma omp simd reduction(max : most)
    for (int64_t c = 0; c < d; c++)
        most = fabsf(row[c]) > most ? fabsf(row[c]) : most;
    if (!(most > 1e-12f && most < 1e12f))
        return false;
    float s = most / 127, inverse = 127 / most;
#pragma omp simd reduction(+ : sum)
    for (int64_t c = 0; c < d; c++) {
        float whole = rintf(row[c] * inverse), e = row[c] - s * whole;
        q[c] = (int8_t)(int32_t)whole;
        sum += e * e;
    }
    *step = s;
    *left = sqrt((double)sum) * 1.01;
    return true;
}

typedef struct quantise {
    const calr_knn_task *task;
    const float *rows;
    const double *length;
    calr_bytes *out;
} quantise;

static void quantise_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const quantise *w = context;
    const calr_knn_task *t = w->task;
    for (int64_t i = begin; i < end; i++) {
        bool cosine = t->metric == CALR_COSINE;
        double whole = cosine ? w->length[i] : t->longest, unit = whole > 0 ? 1 / whole : 0, step,
               left;
        const float *row = w->rows + i * t->d;
        int8_t *q = w->out->q + i * t->d;
        if (t->centre || !write_plain_bytes(row, t->d, q, &step, &left))
            left = write_bytes(row, t->centre, t->d, q, &step);
        left *= unit;
        double length = cosine ? 0 : w->length[i] * unit;
        w->out->scale[i] = (float)(step * unit);
        w->out->radius[i] = (float)(left + left * left / 2) + CALR_BYTES_SLACK;
        w->out->half[i] = (float)(length * length / 2);
    }
}

calr_status calr_bytes_new(const calr_knn_task *task, const float *rows, int64_t n,
                           const double *length, calr_bytes *out)
{
    int64_t count;
    *out = (calr_bytes){.n = n};
    if (!__builtin_mul_overflow(n, task->d, &count))
        out->q = calr_array_new(count, sizeof *out->q);
    out->scale = calr_array_new(n, sizeof *out->scale);
    out->radius = calr_array_new(n, sizeof *out->radius);
    out->half = calr_array_new(n, sizeof *out->half);
    if (!out->q || !out->scale || !out->radius || !out->half) {
        calr_bytes_release(out);
        return calr_error(CALR_ENOMEM,
                          "out of memory for %" PRId64 " x %" PRId64 " features as bytes", n,
                          task->d);
    }
    quantise w = {task, rows, length, out};
    calr_status status = calr_parallel_try(n, GRAIN, quantise_rows, &w);
    if (status != CALR_OK)
        calr_bytes_release(out);
    return status;
}

void calr_bytes_release(calr_bytes *bytes)
{
    free(bytes->q);
    free(bytes->scale);
    free(bytes->radius);
    free(bytes->half);
    *bytes = (calr_bytes){0};
}

/* ---- candidates ---- */

CALR_CLONES float calr_bound_of(const float *lower, int64_t count, int64_t k)
{
    float least = lower[0], most = lower[0];
#pragma omp simd reduction(min : least) reduction(max : most)
    for (int64_t p = 0; p < count; p++) {
        least = lower[p] < least ? lower[p] : least;
        most = lower[p] > most ? lower[p] : most;
    }
    for (int step = 0; step < HALVINGS; step++) {
        float middle = least + (most - least) / 2;
        int32_t reach = 0;
#pragma omp simd reduction(+ : reach)
        for (int64_t p = 0; p < count; p++)
            reach += lower[p] >= middle;
        if (reach >= k)
            least = middle;
        else
            most = middle;
    }
    return least;
}

float calr_candidates_bound(const calr_candidate *list, int64_t count, const float *radius,
                            int64_t k, float *scratch)
{
    for (int64_t p = 0; p < count; p++)
        scratch[p] = list[p].score - radius[list[p].row];
    return calr_bound_of(scratch, count, k);
}

int64_t calr_candidates_keep(calr_candidate *list, int64_t count, const float *radius, float least)
{
    int64_t kept = 0;
    for (int64_t p = 0; p < count; p++) {
        calr_candidate item = list[p];
        list[kept] = item; /* without a branch, which would be mispredicted half the time */
        kept += item.score + radius[item.row] >= least;
    }
    return kept;
}

/* ---- measuring ---- */

static int by_score(const void *a, const void *b)
{
    const calr_candidate *p = a, *q = b;
    if (p->score != q->score)
        return p->score > q->score ? -1 : 1;
    return (p->row > q->row) - (p->row < q->row);
}

/* Turns scores into upper bounds (less the row's own radius) and sorts by them. */
static void sort_by_bound(calr_candidate *list, int64_t count, const float *radius)
{
    for (int64_t p = 0; p < count; p++)
        list[p].score += radius[list[p].row];
    if (count > SHORT_LIST) {
        qsort(list, (size_t)count, sizeof *list, by_score);
        return;
    }
    for (int64_t p = 1; p < count; p++) {
        calr_candidate item = list[p];
        int64_t at = p;
        for (; at > 0 && list[at - 1].score < item.score; at--)
            list[at] = list[at - 1];
        list[at] = item;
    }
}

static double measure(const calr_knn_task *t, int64_t i, int64_t j, int64_t next)
{
    calr_nearest in = {t->metric, t->d, t->base, t->base_length, 1};
    calr_nearest_query query = {t->x + i * t->d, t->length[i], 1};
    double key = calr_nearest_key(&in, &query, j, t->base + next * t->d);
    return t->opposite ? 0 - key : key;
}

/* What the bytes estimate, of an exact key. */
static double score_of(const calr_knn_task *t, int64_t i, double key)
{
    if (t->metric == CALR_COSINE)
        return key;
    double unit = t->longest > 0 ? 1 / t->longest : 0, length = t->length[i] * unit;
    return (length * length - key * unit * (key * unit)) / 2;
}

void calr_candidates_measure(const calr_knn_task *task, const calr_bytes *base, int64_t i,
                             float own_radius, calr_candidate *list, int64_t count, int64_t keep,
                             calr_measured *best)
{
    int64_t found = 0;
    double needed = -INFINITY;
    sort_by_bound(list, count, base->radius);
    for (int64_t p = 0; p < count; p++) {
        if ((double)list[p].score + own_radius < needed)
            break;
        calr_measured item = {measure(task, i, list[p].row, list[p + 1 < count ? p + 1 : p].row),
                              list[p].row};
        found = calr_measured_add(best, found, keep, item);
        if (found == keep)
            needed = score_of(task, i, best[keep - 1].key);
    }
    calr_knn_write(task, i, best);
}
