/* Where to try next, by a Gaussian process of the losses: the points with the largest expected
 * improvement (Jones et al., J. Global Optimization 13 (1998)), in logarithms so that it has a
 * gradient far from the best point (Ament et al., NeurIPS 2023, "Unexpected improvements"). */
#ifndef CALR_TUNE_ACQUIRE_H
#define CALR_TUNE_ACQUIRE_H

#include <stdint.h>

#include "base/rng.h"
#include "base/status.h"
#include "tune/gaussian.h"

/* log E[max(best - f, 0)] for f normal with this mean and variance (above 0). */
double calr_log_improvement(double mean, double variance, double best);

typedef struct calr_acquire_options {
    const calr_gaussian *losses;
    const calr_gaussian *fates; /* the model of 1 (a result) and -1 (failed) over the same axes, or
                                   NULL: the improvement then counts as far as a result is probable */
    int64_t starts;             /* how many of the candidates the search begins at; above 0 */
} calr_acquire_options;

/* What the search maximises, at x[axes] as calr_gaussian has it: the logarithm of the expected
 * improvement, in units of the losses' deviation, and of the probability of a result. `room` holds
 * calr_acquire_room doubles. */
int64_t calr_acquire_room(const calr_acquire_options *options);
double calr_acquire_value(const calr_acquire_options *options, const double *x, double *room);

/* Searches from the best of candidates[count * axes], from others drawn by their value, and from
 * all of known[known_count * axes]. points[(starts + known_count) * axes] and
 * values[starts + known_count] get the ends, best first; *found is their number. Numbers with
 * positions are at one. Candidates and known points are read as calr_gaussian has them. CALR_EINVAL
 * without a candidate, CALR_ENOMEM. */
calr_status calr_acquire(const calr_acquire_options *options, const double *candidates,
                         int64_t count, const double *known, int64_t known_count, calr_rng *rng,
                         double *points, double *values, int64_t *found);

#endif
