/* Gaussian processes over the parameters of a search (Rasmussen and Williams, "Gaussian Processes
 * for Machine Learning", 2006): a Matern 5/2 kernel with a length for each axis, whose parameters
 * are chosen by the marginal likelihood (their equation 5.8) under the priors of Optuna's GPSampler.
 *
 * A point is a list of numbers, one an axis: a position in [0, 1], or the number of a choice, -1
 * where the axis does not exist. Choices differ or not: the square of their distance is 1 or 0. */
#ifndef CALR_TUNE_GAUSSIAN_H
#define CALR_TUNE_GAUSSIAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef struct calr_gaussian_axis {
    bool choice;
    int64_t levels;          /* of a choice: how many there are; of a number: how many positions it
                                has, 0 for any */
    const double *positions; /* [levels] of a number, ascending */
    int64_t parent; /* the axis, before this one, under whose choice this one exists; -1: always */
    int64_t under;  /* that choice's number */
} calr_gaussian_axis;

typedef struct calr_gaussian calr_gaussian;

/* The model of y[count] at x[count * axes], count >= 1. y is scaled to mean 0 and deviation 1
 * inside. The axes are copied with their positions. CALR_EINVAL: no axes, no points, a number that is
 * not finite, a parent that is not a choice before its axis. CALR_ENOMEM. */
calr_status calr_gaussian_new(const calr_gaussian_axis *axes, int64_t axis_count, const double *x,
                              const double *y, int64_t count, calr_gaussian **out);
void calr_gaussian_release(calr_gaussian *model); /* NULL is allowed */

/* Adds points at which the model's own mean is taken for the result: the mean stays, the deviation
 * near them falls, so that workers do not all try the same place (Ginsbourger et al., "kriging
 * believer", 2010). With `bad`, no result below the mean of y: near points that failed. CALR_ENOMEM. */
calr_status calr_gaussian_believe(calr_gaussian *model, const double *x, int64_t count, bool bad);

int64_t calr_gaussian_axes(const calr_gaussian *model);
const calr_gaussian_axis *calr_gaussian_axis_of(const calr_gaussian *model, int64_t axis);
int64_t calr_gaussian_points(const calr_gaussian *model);

/* The kernel's parameters, for y scaled to deviation 1: weight[axes] (1 / length^2), the variance
 * of the function, the variance of the noise. */
void calr_gaussian_parameters(const calr_gaussian *model, double *weight, double *scale,
                              double *noise);

/* Room that predictions need: doubles. */
int64_t calr_gaussian_room(const calr_gaussian *model);

/* The mean and the variance of the function at x, without noise, for y scaled to mean 0 and
 * deviation 1. With mean_gradient and variance_gradient (both or none) also their derivatives,
 * [axes]; 0 for choices. `room` holds calr_gaussian_room doubles. */
void calr_gaussian_scaled(const calr_gaussian *model, const double *x, double *room, double *mean,
                          double *variance, double *mean_gradient, double *variance_gradient);

/* y as the scaled mean takes it, and back. */
double calr_gaussian_to_scaled(const calr_gaussian *model, double y);
double calr_gaussian_from_scaled(const calr_gaussian *model, double scaled);
double calr_gaussian_unit(const calr_gaussian *model); /* the deviation by which y was divided */

/* The smallest scaled y. */
double calr_gaussian_smallest(const calr_gaussian *model);

#endif
