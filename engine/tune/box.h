/* Minimisation of a smooth function within bounds, for models of a few to some hundred parameters:
 * the projected quasi-Newton method with limited memory (Nocedal and Wright, Numerical
 * Optimization, 2nd edition, 7.2 and 16.7; the bounds as in Bertsekas, SIAM J. Control Optim. 20
 * (1982)). */
#ifndef CALR_TUNE_BOX_H
#define CALR_TUNE_BOX_H

#include <stdint.h>

#include "base/status.h"

/* The value at x, and its gradient. Infinity or NaN: the point is refused. */
typedef double (*calr_box_function)(void *context, const double *x, double *gradient);

typedef struct calr_box_options {
    int64_t iterations; /* at most; above 0 */
    double
        tolerance; /* ends when an iteration gains less than this, or no component of the projected
                         gradient is larger */
} calr_box_options;

/* Moves x[count], which must lie in low[i] <= x[i] <= high[i], to a local minimum; *value is the
 * function there. Never ends above the value of the first x. An axis with low = high stays.
 * CALR_ENUMERIC: the function is not finite at the first x. CALR_ENOMEM. */
calr_status calr_box_minimise(calr_box_function function, void *context, int64_t count,
                              const double *low, const double *high,
                              const calr_box_options *options, double *x, double *value);

#endif
