#include "tune/acquire.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "tune/box.h"
#include "tune/parzen.h"

#define HALF_LOG_2PI 0.91893853320467274178
#define ROUNDS       20   /* of moves along the smooth axes and then the others */
#define TOLERANCE    1e-4 /* of the value, which is a logarithm */
#define FEW          16   /* levels that are all tried */

/* ---- the value ---- */

/* log(phi(z) + z Phi(z)), and the logarithms of phi and Phi. */
static double log_h(double z, double *log_phi, double *log_below)
{
    *log_phi = -0.5 * z * z - HALF_LOG_2PI;
    *log_below = calr_normal_log_mass(-INFINITY, z);
    if (z > -1)
        return log(exp(*log_phi) + z * exp(*log_below));
    if (z > -30) /* 1 + z Phi / phi, about 1 / z^2 */
        return *log_phi + log1p(z * exp(*log_below - *log_phi));
    double y = 1 / (z * z);
    return *log_phi + log(y) + log1p(y * (-3 + y * (15 - 105 * y)));
}

double calr_log_improvement(double mean, double variance, double best)
{
    double deviation = sqrt(variance), log_phi, log_below;
    return log(deviation) + log_h((best - mean) / deviation, &log_phi, &log_below);
}

int64_t calr_acquire_room(const calr_acquire_options *options)
{
    int64_t points = calr_gaussian_room(options->losses),
            axes = calr_gaussian_axes(options->losses);
    if (options->fates && calr_gaussian_room(options->fates) > points)
        points = calr_gaussian_room(options->fates);
    return points + 2 * axes;
}

/* The value at x; the gradient, if wanted, is that of the numbers. */
static double value_at(const calr_acquire_options *options, const double *x, double *room,
                       double *gradient)
{
    int64_t axes = calr_gaussian_axes(options->losses);
    double *of_mean = gradient ? room : NULL, *of_variance = gradient ? room + axes : NULL;
    double *rest = room + 2 * axes, mean, variance, log_phi, log_below;
    calr_gaussian_scaled(options->losses, x, rest, &mean, &variance, of_mean, of_variance);
    double deviation = sqrt(variance);
    double z = (calr_gaussian_smallest(options->losses) - mean) / deviation;
    double log_size = log_h(z, &log_phi, &log_below);
    double value = log(deviation) + log_size;
    if (gradient) { /* d EI = -Phi d mean + phi d deviation */
        double by_mean = -exp(log_below - log_size) / deviation;
        double by_variance = exp(log_phi - log_size) / deviation / (2 * deviation);
        for (int64_t a = 0; a < axes; a++)
            gradient[a] = by_mean * of_mean[a] + by_variance * of_variance[a];
    }
    if (!options->fates)
        return value;
    /* A result is probable where the fates' mean is above 0: a regression on 1 and -1 taken through
     * the normal distribution (Rasmussen and Williams, 6.5). */
    const calr_gaussian *fates = options->fates;
    calr_gaussian_scaled(fates, x, rest, &mean, &variance, of_mean, of_variance);
    double unit = calr_gaussian_unit(fates), noise = 0.1 / (unit * unit);
    double above = mean - calr_gaussian_to_scaled(fates, 0), spread = sqrt(variance + noise);
    double score = above / spread, log_probable = calr_normal_log_mass(-INFINITY, score);
    if (gradient) {
        double by = exp(-0.5 * score * score - HALF_LOG_2PI - log_probable);
        for (int64_t a = 0; a < axes; a++) {
            double d =
                of_mean[a] / spread - above * of_variance[a] / (2 * spread * spread * spread);
            gradient[a] += by * d;
        }
    }
    return value + log_probable;
}

double calr_acquire_value(const calr_acquire_options *options, const double *x, double *room)
{
    return value_at(options, x, room, NULL);
}

/* ---- the search ---- */

typedef struct search {
    const calr_acquire_options *options;
    int64_t axes;
    double *x;          /* [axes] every axis has a value, whether it exists or not */
    double *shown;      /* [axes] the point as the models have it */
    double *low, *high; /* [axes] */
    double *room;
} search;

/* shown = x without the axes that do not exist. */
static void show(const search *s, const double *x)
{
    for (int64_t a = 0; a < s->axes; a++) {
        const calr_gaussian_axis *axis = calr_gaussian_axis_of(s->options->losses, a);
        bool exists = axis->parent < 0 || s->shown[axis->parent] == (double)axis->under;
        s->shown[a] = exists ? x[a] : axis->choice ? -1 : 0.5;
    }
}

static bool exists(const search *s, int64_t a)
{
    const calr_gaussian_axis *axis = calr_gaussian_axis_of(s->options->losses, a);
    return axis->parent < 0 || s->shown[axis->parent] == (double)axis->under;
}

static double minus_value(void *context, const double *x, double *gradient)
{
    search *s = context;
    show(s, x);
    double value = value_at(s->options, s->shown, s->room, gradient);
    for (int64_t a = 0; a < s->axes; a++) {
        if (!exists(s, a))
            gradient[a] = 0;
        gradient[a] = -gradient[a];
    }
    return -value;
}

static double value_of(search *s, const double *x)
{
    show(s, x);
    return value_at(s->options, s->shown, s->room, NULL);
}

/* Tries position or choice `level` of an axis; keeps it where it is better. */
static bool try_level(search *s, int64_t a, int64_t level, double *best)
{
    const calr_gaussian_axis *axis = calr_gaussian_axis_of(s->options->losses, a);
    double before = s->x[a];
    s->x[a] = axis->choice ? (double)level : axis->positions[level];
    double value = s->x[a] == before ? -INFINITY : value_of(s, s->x);
    if (value > *best + TOLERANCE) {
        *best = value;
        return true;
    }
    s->x[a] = before;
    return false;
}

static int64_t nearest_level(const calr_gaussian_axis *axis, double x)
{
    int64_t nearest = 0;
    for (int64_t i = 1; i < axis->levels; i++) {
        if (fabs(axis->positions[i] - x) < fabs(axis->positions[nearest] - x))
            nearest = i;
    }
    return nearest;
}

/* The best move along each axis that has levels; true where one was better. */
static bool move_levels(search *s, double *best)
{
    bool any = false;
    for (int64_t a = 0; a < s->axes; a++) {
        const calr_gaussian_axis *axis = calr_gaussian_axis_of(s->options->losses, a);
        show(s, s->x);
        if (axis->levels < 2 || !exists(s, a))
            continue;
        if (axis->choice || axis->levels <= FEW) {
            for (int64_t level = 0; level < axis->levels; level++)
                any |= try_level(s, a, level, best);
            continue;
        }
        int64_t at = nearest_level(axis, s->x[a]);
        for (int64_t step = 1; step < axis->levels; step *= 2) {
            for (int side = -1; side <= 1; side += 2) {
                int64_t level = at + side * step;
                if (level >= 0 && level < axis->levels)
                    any |= try_level(s, a, level, best);
            }
        }
    }
    return any;
}

/* Climbs from s->x; its end is in s->x, the value in *best. */
static calr_status climb(search *s, double *best)
{
    bool smooth = false, stepped = false;
    for (int64_t a = 0; a < s->axes; a++) {
        const calr_gaussian_axis *axis = calr_gaussian_axis_of(s->options->losses, a);
        bool moves = !axis->choice && axis->levels == 0;
        smooth |= moves;
        stepped |= axis->levels > 1;
        if (!axis->choice && axis->levels > 0)
            s->x[a] = axis->positions[nearest_level(axis, s->x[a])];
    }
    *best = value_of(s, s->x);
    for (int round = 0; round < ROUNDS; round++) {
        if (smooth) {
            for (int64_t a = 0; a < s->axes; a++) {
                const calr_gaussian_axis *axis = calr_gaussian_axis_of(s->options->losses, a);
                bool moves = !axis->choice && axis->levels == 0;
                s->low[a] = moves ? 0 : s->x[a];
                s->high[a] = moves ? 1 : s->x[a];
            }
            calr_box_options options = {.iterations = 60, .tolerance = TOLERANCE};
            double value;
            CALR_TRY(calr_box_minimise(minus_value, s, s->axes, s->low, s->high, &options, s->x,
                                       &value));
            *best = -value;
        }
        if (!stepped || !move_levels(s, best))
            break;
    }
    return CALR_OK;
}

/* Numbers of the candidates to begin at: the best, and others drawn by exp(value), each once. */
static int64_t choose_starts(double *values, int64_t count, int64_t wanted, calr_rng *rng,
                             int64_t *chosen)
{
    int64_t found = 0;
    double top = -INFINITY;
    for (int64_t i = 0; i < count; i++) {
        if (values[i] > top || found == 0) {
            top = values[i];
            chosen[0] = i;
            found = 1;
        }
    }
    for (int64_t i = 0; i < count; i++)
        values[i] = isfinite(values[i] - top) ? exp(values[i] - top) : 0;
    values[chosen[0]] = 0;
    while (found < wanted && found < count) {
        double total = 0;
        for (int64_t i = 0; i < count; i++)
            total += values[i];
        if (!(total > 0))
            break;
        double at = calr_rng_double(rng) * total;
        int64_t pick = -1;
        for (int64_t i = 0; i < count && (pick < 0 || at >= 0); i++) {
            if (values[i] > 0) {
                pick = i;
                at -= values[i];
            }
        }
        values[pick] = 0;
        chosen[found++] = pick;
    }
    return found;
}

/* Puts the end of a climb into the list, which is sorted. */
static void keep(const search *s, double value, double *points, double *values, int64_t *found)
{
    int64_t place = *found;
    while (place > 0 && values[place - 1] < value)
        place--;
    int64_t after = *found - place;
    memmove(values + place + 1, values + place, (size_t)after * sizeof *values);
    memmove(points + (place + 1) * s->axes, points + place * s->axes,
            (size_t)(after * s->axes) * sizeof *points);
    values[place] = value;
    memcpy(points + place * s->axes, s->shown, (size_t)s->axes * sizeof *points);
    ++*found;
}

calr_status calr_acquire(const calr_acquire_options *options, const double *candidates,
                         int64_t count, const double *known, int64_t known_count, calr_rng *rng,
                         double *points, double *values, int64_t *found)
{
    if (count < 1 || options->starts < 1)
        return calr_error(CALR_EINVAL, "a search needs a candidate to begin at");
    int64_t axes = calr_gaussian_axes(options->losses);
    search s = {.options = options, .axes = axes};
    double *memory = calr_array_new(axes, 4 * sizeof *memory);
    double *weights = calr_array_new(count, sizeof *weights);
    int64_t *chosen = calr_array_new(options->starts, sizeof *chosen);
    s.room = calr_array_new(calr_acquire_room(options), sizeof *s.room);
    calr_status status = CALR_OK;
    *found = 0;
    if (!memory || !weights || !chosen || !s.room)
        status =
            calr_error(CALR_ENOMEM, "no memory to search from %lld candidates", (long long)count);
    if (status == CALR_OK) {
        s.x = memory;
        s.shown = memory + axes;
        s.low = memory + 2 * axes;
        s.high = memory + 3 * axes;
        for (int64_t i = 0; i < count; i++)
            weights[i] = value_at(options, candidates + i * axes, s.room, NULL);
        int64_t starts = choose_starts(weights, count, options->starts, rng, chosen);
        for (int64_t i = 0; i < starts + known_count && status == CALR_OK; i++) {
            const double *from =
                i < starts ? candidates + chosen[i] * axes : known + (i - starts) * axes;
            for (int64_t a = 0; a < axes; a++)
                s.x[a] = from[a] < 0 ? 0 : from[a]; /* a choice that does not exist there */
            double value = 0;
            status = climb(&s, &value);
            if (status == CALR_OK) {
                show(&s, s.x);
                keep(&s, value, points, values, found);
            }
        }
    }
    free(memory);
    free(weights);
    free(chosen);
    free(s.room);
    return status;
}
