#include "neighbours/reach_lists.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/size.h"

enum {
    TILE = CALR_PAIRWISE_ROWS,
    MORE = 4,    /* neighbours beyond those that a core distance needs, */
    LEAST = 8,   /* of at least as many */
    LONGEST = 32 /* entries of a list that are kept: links below the core distance are all alike */
};

static const int64_t MOST = (int64_t)1 << 26; /* entries of lists at a time */

typedef struct making {
    const calr_pairwise *pairwise;
    calr_reach_lists *lists;
    calr_metric metric;
    int64_t n, others, k; /* k: neighbours that are searched for */
    /* Of rows first .. first + count - 1: neighbours, nearest first, and what calr_knn says of them. */
    int64_t first, count, found; /* found: in each list; k + 1 where the row itself may be in it */
    int32_t *near;
    float *values;
    /* Cosines: rows whose core distance is not certain, since others have about the same cosine as the last. */
    int32_t *again; /* [n] */
    int64_t unsure;
    float *nearest; /* [unsure x others] descending */
} making;

/* The row itself goes out of its list; where rows equal to it have pushed it out, the last does. */
static void leave_out(int32_t *near, float *values, int64_t found, int32_t row)
{
    int64_t at = 0;
    while (at < found - 1 && near[at] != row)
        at++;
    memmove(near + at, near + at + 1, (size_t)(found - 1 - at) * sizeof *near);
    memmove(values + at, values + at + 1, (size_t)(found - 1 - at) * sizeof *values);
}

/* Turns cosines into distances, by a measure of their own, and sorts by them. Returns what the distances of all other
 * rows are not below: their cosines, rounded to f32, are not above the last. */
static float measure_row(const making *m, int64_t i, int32_t *near, float *values)
{
    float last = values[m->k - 1];
    if (m->metric == CALR_EUCLIDEAN)
        return last;
    for (int64_t p = 0; p < m->k; p++) {
        float apart = (float)calr_pairwise_measure(m->pairwise, i, near[p]);
        int32_t row = near[p];
        int64_t at = p;
        for (; at > 0 && values[at - 1] > apart; at--) {
            values[at] = values[at - 1];
            near[at] = near[at - 1];
        }
        values[at] = apart;
        near[at] = row;
    }
    return (float)fmax(0, 1 - (double)last - 5e-8);
}

static void keep_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    making *m = context;
    calr_reach_lists *l = m->lists;
    for (int64_t r = begin; r < end; r++) {
        int64_t i = m->first + r;
        int32_t *near = m->near + r * m->found;
        float *values = m->values + r * m->found;
        if (m->found > m->k)
            leave_out(near, values, m->found, (int32_t)i);
        float left = measure_row(m, i, near, values);
        if (m->k == m->n - 1)
            left = INFINITY; /* there are no others */
        l->core[i] = m->others > 0 ? values[m->others - 1] : 0;
        m->again[i] = l->core[i] > left;
        l->left[i] = l->width < m->k ? fminf(left, values[l->width]) : left;
        l->count[i] = (int32_t)l->width;
        memcpy(l->rows + i * l->width, near, (size_t)l->width * sizeof *near);
        memcpy(l->apart + i * l->width, values, (size_t)l->width * sizeof *values);
    }
}

/* ---- core distances that are not certain ---- */

static void look(void *context, int64_t at, int64_t tile, float *bounds)
{
    making *m = context;
    int32_t i = m->again[at];
    float *nearest = m->nearest + at * m->others;
    int64_t columns = m->n - tile * TILE < TILE ? m->n - tile * TILE : TILE;
    for (int64_t c = 0; c < columns; c++) {
        if (!(bounds[c] < nearest[0]) || tile * TILE + c == i)
            continue;
        float apart = (float)calr_pairwise_measure(m->pairwise, i, tile * TILE + c);
        if (!(apart < nearest[0]))
            continue;
        int64_t p = 1;
        for (; p < m->others && nearest[p] > apart; p++)
            nearest[p - 1] = nearest[p];
        nearest[p - 1] = apart;
    }
}

/* Among all rows. What a list gave is no less than the core distance: only nearer ones are looked for. */
static calr_status search_cores(making *m)
{
    calr_pairwise_bounds *bounds = NULL;
    for (int64_t i = 0; i < m->n; i++)
        if (m->again[i])
            m->again[m->unsure++] = (int32_t)i;
    if (m->unsure == 0)
        return CALR_OK;
    m->nearest = calr_array_new(m->unsure, (size_t)m->others * sizeof *m->nearest);
    if (!m->nearest)
        return calr_error(CALR_ENOMEM, "out of memory for %" PRId64 " lists of distances",
                          m->unsure);
    for (int64_t r = 0; r < m->unsure; r++)
        for (int64_t p = 0; p < m->others; p++)
            m->nearest[r * m->others + p] = m->lists->core[m->again[r]];
    CALR_TRY(calr_pairwise_bounds_new(m->pairwise, &bounds));
    calr_pairwise_visit visit = {m->again, m->unsure, NULL, look, m};
    calr_status status = calr_pairwise_bounds_visit(bounds, &visit);
    for (int64_t r = 0; r < m->unsure; r++)
        m->lists->core[m->again[r]] = m->nearest[r * m->others];
    calr_pairwise_bounds_release(bounds);
    return status;
}

/* ---- the whole ---- */

static calr_status make(making *m, const float *x, int64_t d, int64_t most)
{
    calr_reach_lists *l = m->lists;
    bool whole = m->n <= most / m->k;
    int64_t rows = whole ? m->n : most / (m->k + 1) + 1;
    m->found = whole ? m->k : m->k + 1;
    m->near = calr_array_new(rows, (size_t)m->found * sizeof *m->near);
    m->values = calr_array_new(rows, (size_t)m->found * sizeof *m->values);
    m->again = calr_array_new(m->n, sizeof *m->again);
    l->rows = calr_array_new(m->n, (size_t)l->width * sizeof *l->rows);
    l->apart = calr_array_new(m->n, (size_t)l->width * sizeof *l->apart);
    l->count = calr_array_new(m->n, sizeof *l->count);
    l->core = calr_array_new(m->n, sizeof *l->core);
    l->left = calr_array_new(m->n, sizeof *l->left);
    if (!m->near || !m->values || !m->again || !l->rows || !l->apart || !l->count || !l->core ||
        !l->left)
        return calr_error(CALR_ENOMEM, "out of memory for the neighbours of %" PRId64 " rows",
                          m->n);
    for (m->first = 0; m->first < m->n; m->first += m->count) {
        m->count = m->n - m->first < rows ? m->n - m->first : rows;
        CALR_TRY(calr_knn(x + m->first * d, m->count, whole ? NULL : x, m->n, d, m->found,
                          m->metric, false, m->near, m->values));
        CALR_TRY(calr_parallel_try(m->count, 64, keep_rows, m));
    }
    CALR_TRY(search_cores(m));
    for (int64_t i = 0; i < m->n; i++)
        l->left[i] = fmaxf(l->left[i], l->core[i]);
    return CALR_OK;
}

calr_status calr_reach_lists_new(const calr_pairwise *pairwise, const float *x, int64_t n,
                                 int64_t d, calr_metric metric, int64_t others, int64_t most,
                                 calr_reach_lists *lists)
{
    making m = {.pairwise = pairwise, .lists = lists, .metric = metric, .n = n};
    m.others = others < n - 1 ? others : n - 1;
    m.k = m.others + MORE < LEAST ? LEAST : m.others + MORE;
    m.k = m.k < n - 1 ? m.k : n - 1;
    *lists = (calr_reach_lists){.width = m.k < LONGEST ? m.k : LONGEST};
    calr_status status = make(&m, x, d, most > 0 ? most : MOST);
    free(m.near);
    free(m.values);
    free(m.again);
    free(m.nearest);
    return status;
}

void calr_reach_lists_clear(calr_reach_lists *lists)
{
    free(lists->rows);
    free(lists->apart);
    free(lists->count);
    free(lists->core);
    free(lists->left);
    *lists = (calr_reach_lists){0};
}
