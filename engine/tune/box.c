#include "tune/box.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

#define MEMORY 10 /* pairs of steps and changes of the gradient that are remembered */

typedef struct state {
    int64_t n;
    const double *low, *high;
    double *x, *gradient;           /* [n] */
    double *trial, *trial_gradient; /* [n] */
    double *direction;              /* [n] */
    bool *is_free;                  /* [n] */
    double *steps, *changes;        /* [MEMORY x n] a ring */
    double inverse[MEMORY];         /* 1 / (step . change) */
    int64_t kept, next;
} state;

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Which coordinates may move; the largest component of the projected gradient. */
static double find_free(state *s)
{
    double largest = 0;
    for (int64_t i = 0; i < s->n; i++) {
        bool below = s->x[i] <= s->low[i] && s->gradient[i] >= 0;
        bool above = s->x[i] >= s->high[i] && s->gradient[i] <= 0;
        s->is_free[i] = !below && !above && s->low[i] < s->high[i];
        if (s->is_free[i])
            largest = fmax(largest, fabs(s->gradient[i]));
    }
    return largest;
}

/* direction = -H gradient over the free coordinates, by the two loops of limited-memory BFGS. */
static void find_direction(state *s)
{
    double *d = s->direction, share[MEMORY];
    for (int64_t i = 0; i < s->n; i++)
        d[i] = s->is_free[i] ? -s->gradient[i] : 0;
    for (int64_t k = 0; k < s->kept; k++) {
        int64_t slot = (s->next - 1 - k + 2 * MEMORY) % MEMORY;
        const double *step = s->steps + slot * s->n, *change = s->changes + slot * s->n;
        share[slot] = s->inverse[slot] * dot(step, d, s->n);
        for (int64_t i = 0; i < s->n; i++)
            d[i] -= share[slot] * change[i];
    }
    if (s->kept > 0) {
        int64_t slot = (s->next - 1 + MEMORY) % MEMORY;
        const double *change = s->changes + slot * s->n;
        double scale = 1 / (s->inverse[slot] * dot(change, change, s->n));
        for (int64_t i = 0; i < s->n; i++)
            d[i] *= scale;
    }
    for (int64_t k = s->kept - 1; k >= 0; k--) {
        int64_t slot = (s->next - 1 - k + 2 * MEMORY) % MEMORY;
        const double *step = s->steps + slot * s->n, *change = s->changes + slot * s->n;
        double other = s->inverse[slot] * dot(change, d, s->n);
        for (int64_t i = 0; i < s->n; i++)
            d[i] += (share[slot] - other) * step[i];
    }
    for (int64_t i = 0; i < s->n; i++) {
        if (!s->is_free[i])
            d[i] = 0;
    }
    if (!(dot(d, s->gradient, s->n) < 0)) { /* what is remembered misleads: steepest descent */
        s->kept = 0;
        for (int64_t i = 0; i < s->n; i++)
            d[i] = s->is_free[i] ? -s->gradient[i] : 0;
    }
}

/* Remembers the step from x to the trial. */
static void remember(state *s)
{
    double *step = s->steps + s->next * s->n, *change = s->changes + s->next * s->n;
    for (int64_t i = 0; i < s->n; i++) {
        step[i] = s->trial[i] - s->x[i];
        change[i] = s->trial_gradient[i] - s->gradient[i];
    }
    double product = dot(step, change, s->n);
    double sizes = sqrt(dot(step, step, s->n) * dot(change, change, s->n));
    if (!(product > 1e-10 * sizes))
        return; /* no curvature to learn from */
    s->inverse[s->next] = 1 / product;
    s->next = (s->next + 1) % MEMORY;
    s->kept = s->kept < MEMORY ? s->kept + 1 : MEMORY;
}

/* Halves the step along the projected direction until the value has fallen enough; false: it
 * does not. */
static bool search_line(state *s, calr_box_function function, void *context, double *value)
{
    double length = 1;
    if (s->kept == 0) {
        double size = sqrt(dot(s->direction, s->direction, s->n));
        length = fmin(1, 1 / fmax(size, 1e-300));
    }
    for (int tries = 0; tries < 30; tries++, length *= 0.5) {
        double slope = 0;
        for (int64_t i = 0; i < s->n; i++) {
            double moved = s->x[i] + length * s->direction[i];
            s->trial[i] = fmin(fmax(moved, s->low[i]), s->high[i]);
            slope += s->gradient[i] * (s->trial[i] - s->x[i]);
        }
        double found = function(context, s->trial, s->trial_gradient);
        if (isfinite(found) && found <= *value + 1e-4 * slope) {
            *value = found;
            return true;
        }
    }
    return false;
}

static bool all_finite(const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(x[i]))
            return false;
    }
    return true;
}

calr_status calr_box_minimise(calr_box_function function, void *context, int64_t count,
                              const double *low, const double *high,
                              const calr_box_options *options, double *x, double *value)
{
    double *memory = calr_array_new(count, (4 + 2 * MEMORY) * sizeof(double));
    bool *is_free = calr_array_new(count, sizeof *is_free);
    if (!memory || !is_free) {
        free(memory);
        free(is_free);
        return calr_error(CALR_ENOMEM, "no memory to minimise over %lld parameters",
                          (long long)count);
    }
    state s = {.n = count, .low = low, .high = high, .x = x, .is_free = is_free};
    s.gradient = memory;
    s.trial = memory + count;
    s.trial_gradient = memory + 2 * count;
    s.direction = memory + 3 * count;
    s.steps = memory + 4 * count;
    s.changes = s.steps + MEMORY * count;

    calr_status status = CALR_OK;
    double best = function(context, x, s.gradient);
    if (!isfinite(best) || !all_finite(s.gradient, count))
        status = calr_error(CALR_ENUMERIC, "the function to minimise is not finite at its start");
    for (int64_t i = 0; status == CALR_OK && i < options->iterations; i++) {
        if (find_free(&s) <= options->tolerance)
            break;
        double before = best;
        find_direction(&s);
        if (!search_line(&s, function, context, &best)) {
            if (s.kept == 0)
                break;
            s.kept = 0; /* once more, along the gradient */
            continue;
        }
        bool sound = all_finite(s.trial_gradient, count);
        if (sound)
            remember(&s);
        memcpy(x, s.trial, (size_t)count * sizeof *x);
        memcpy(s.gradient, s.trial_gradient, (size_t)count * sizeof *x);
        if (!sound || before - best <= options->tolerance)
            break;
    }
    *value = best;
    free(memory);
    free(is_free);
    return status;
}
