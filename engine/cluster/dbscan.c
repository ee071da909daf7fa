#include "cluster/dbscan.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"
#include "labels/labels.h"

typedef struct scan {
    const calr_distance *distance;
    float eps;
    int64_t min_samples;
    bool all; /* eps reaches the distance of pairs that are not stored: everything is near
                 everything */
    uint8_t *core;
    int32_t *stack, *labels;
    int64_t top;
} scan;

static void find_cores(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    scan *s = context;
    const calr_distance *d = s->distance;
    for (int64_t i = begin; i < end; i++) {
        int64_t count = 1;
        if (s->all) {
            count = d->n;
        } else if (d->sparse) {
            for (int64_t p = d->sparse->offsets[i]; p < d->sparse->offsets[i + 1]; p++)
                count += d->sparse->values[p] <= s->eps && d->sparse->indices[p] != i;
        } else {
            for (int64_t j = 0; j < d->n; j++)
                count += d->dense[i * d->n + j] <= s->eps && j != i;
        }
        s->core[i] = count >= s->min_samples;
    }
}

/* Gives j the label of the cluster that has reached it; its own neighbours are due when it is a
 * core. */
static inline void reach(scan *s, int64_t j, int32_t label)
{
    if (s->labels[j] >= 0)
        return;
    s->labels[j] = label;
    if (s->core[j])
        s->stack[s->top++] = (int32_t)j;
}

/* Every thing enters the stack at most once, with its label. */
static void grow(scan *s, int64_t seed, int32_t label)
{
    const calr_distance *d = s->distance;
    reach(s, seed, label);
    while (s->top > 0 && !calr_interrupt_requested()) {
        int64_t i = s->stack[--s->top];
        if (d->sparse && !s->all) {
            for (int64_t p = d->sparse->offsets[i]; p < d->sparse->offsets[i + 1]; p++)
                if (d->sparse->values[p] <= s->eps)
                    reach(s, d->sparse->indices[p], label);
        } else {
            for (int64_t j = 0; j < d->n; j++)
                if (s->all || d->dense[i * d->n + j] <= s->eps)
                    reach(s, j, label);
        }
        if (s->all)
            s->top = 0; /* the first has reached all */
    }
}

calr_status calr_dbscan(const calr_distance *distance, double eps, int64_t min_samples,
                        int32_t *labels, int64_t *clusters)
{
    int64_t n = distance->n, found;
    if (!(eps >= 0))
        return calr_error(CALR_EINVAL, "eps must be a distance, at least 0, not %g", eps);
    if (min_samples < 1)
        return calr_error(CALR_EINVAL, "min_samples must be at least 1, not %" PRId64, min_samples);
    if (n > INT32_MAX)
        return calr_error(CALR_EINVAL, "labels are 32-bit: %" PRId64 " things are too many", n);
    scan s = {
        .distance = distance, .eps = (float)eps, .min_samples = min_samples, .labels = labels};
    s.all = distance->sparse && s.eps >= 1;
    s.core = calr_array_new(n, sizeof *s.core);
    s.stack = calr_array_new(n, sizeof *s.stack);
    calr_status status = CALR_OK;
    if (s.core && s.stack) {
        status = calr_parallel_try(n, 64, find_cores, &s);
        int32_t next = 0;
        for (int64_t i = 0; i < n; i++)
            labels[i] = -1;
        for (int64_t i = 0; status == CALR_OK && i < n; i++)
            if (s.core[i] && labels[i] < 0) {
                grow(&s, i, next++);
                status = calr_interrupt_check();
            }
        if (status == CALR_OK)
            status = calr_labels_canonical(labels, n, 1, labels, clusters ? clusters : &found);
    } else {
        status = calr_error(CALR_ENOMEM, "out of memory for DBSCAN of %" PRId64 " things", n);
    }
    free(s.core);
    free(s.stack);
    return status;
}
