/* Gaussian processes and what follows from them, where the Lua tests (lua.tune, against SciPy) do not reach. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "tune/acquire.h"
#include "tune/box.h"
#include "tune/gaussian.h"

/* ---- box ---- */

static double rosenbrock(void *context, const double *x, double *gradient)
{
    (void)context;
    double a = 1 - x[0], b = x[1] - x[0] * x[0];
    gradient[0] = -2 * a - 400 * b * x[0];
    gradient[1] = 200 * b;
    return a * a + 100 * b * b;
}

static double broken(void *context, const double *x, double *gradient)
{
    (void)context;
    gradient[0] = x[0];
    return x[0] > 0.5 ? INFINITY : x[0] * x[0] - x[0];
}

static void box(void)
{
    calr_box_options options = {.iterations = 500, .tolerance = 1e-12};
    double low[2] = {-2, -2}, high[2] = {2, 2}, x[2] = {-1.2, 1}, value;
    CHECK_OK(calr_box_minimise(rosenbrock, NULL, 2, low, high, &options, x, &value));
    CHECK_NEAR(x[0], 1, 1e-5);
    CHECK_NEAR(x[1], 1, 1e-5);
    CHECK_NEAR(value, 0, 1e-9);
    high[0] = 0.5; /* the minimum lies on the bound */
    x[0] = -1.2;
    x[1] = 1;
    CHECK_OK(calr_box_minimise(rosenbrock, NULL, 2, low, high, &options, x, &value));
    CHECK_NEAR(x[0], 0.5, 1e-12);
    CHECK_NEAR(x[1], 0.25, 1e-5);
    CHECK_NEAR(value, 0.25, 1e-8);
    low[0] = high[0] = 0.3; /* one axis stays */
    x[0] = 0.3;
    CHECK_OK(calr_box_minimise(rosenbrock, NULL, 2, low, high, &options, x, &value));
    CHECK(x[0] == 0.3);
    CHECK_NEAR(x[1], 0.09, 1e-5);
    double from = 0.1, zero = 0, one = 1;
    CHECK_OK(calr_box_minimise(broken, NULL, 1, &zero, &one, &options, &from, &value));
    CHECK(from <= 0.5 && isfinite(value));
    from = 0.9;
    CHECK_FAILS(calr_box_minimise(broken, NULL, 1, &zero, &one, &options, &from, &value),
                CALR_ENUMERIC, "not finite");
}

/* ---- the model ---- */

static const double positions[] = {0.125, 0.375, 0.625, 0.875};

/* A number, a number with positions, a choice, and a number that exists under choice 1 only. */
static const calr_gaussian_axis axes[] = {
    {.parent = -1},
    {.levels = 4, .positions = positions, .parent = -1},
    {.choice = true, .levels = 3, .parent = -1},
    {.parent = 2, .under = 1},
};

enum { AXES = 4, POINTS = 40 };

static double truth(const double *x)
{
    return sin(4 * x[0]) + (x[1] - 0.4) * (x[1] - 0.4) + (x[2] == 1 ? x[3] - 0.7 : 0.2);
}

static void draw(calr_rng *rng, double *x)
{
    x[0] = calr_rng_double(rng);
    x[1] = positions[(int)(calr_rng_double(rng) * 4)];
    x[2] = (int)(calr_rng_double(rng) * 3);
    x[3] = x[2] == 1 ? calr_rng_double(rng) : 0.5;
}

static void make(double *x, double *y)
{
    calr_rng rng = calr_rng_make(7, calr_rng_purpose("test"), 0, 0);
    for (int i = 0; i < POINTS; i++) {
        draw(&rng, x + i * AXES);
        y[i] = truth(x + i * AXES);
    }
}

static void model(void)
{
    double x[POINTS * AXES], y[POINTS], room[3 * (POINTS + 1)], mean, variance;
    make(x, y);
    calr_gaussian *g;
    CHECK_OK(calr_gaussian_new(axes, AXES, x, y, POINTS, &g));
    double worst = 0;
    for (int i = 0; i < POINTS; i++) { /* without noise in y it passes through the points */
        calr_gaussian_scaled(g, x + i * AXES, room, &mean, &variance, NULL, NULL);
        worst = fmax(worst, fabs(calr_gaussian_from_scaled(g, mean) - y[i]));
    }
    CHECK(worst < 0.02);

    /* the gradients, by differences */
    double at[AXES] = {0.31, 0.375, 1, 0.62}, of_mean[AXES], of_variance[AXES];
    calr_gaussian_scaled(g, at, room, &mean, &variance, of_mean, of_variance);
    for (int a = 0; a < AXES; a++) {
        double low_mean, low_variance, high_mean, high_variance, step = 1e-3, before = at[a];
        if (axes[a].choice) {
            CHECK(of_mean[a] == 0 && of_variance[a] == 0);
            continue;
        }
        at[a] = before - step;
        calr_gaussian_scaled(g, at, room, &low_mean, &low_variance, NULL, NULL);
        at[a] = before + step;
        calr_gaussian_scaled(g, at, room, &high_mean, &high_variance, NULL, NULL);
        at[a] = before;
        CHECK_NEAR(of_mean[a], (high_mean - low_mean) / (2 * step), 1e-3);
        CHECK_NEAR(of_variance[a], (high_variance - low_variance) / (2 * step), 1e-3);
    }

    /* believing moves no mean, but the deviation falls */
    double far[AXES] = {0.999, 0.875, 2, 0.5}, mean_after, variance_after;
    calr_gaussian_scaled(g, far, room, &mean, &variance, NULL, NULL);
    CHECK_OK(calr_gaussian_believe(g, far, 1, false));
    CHECK_INT(calr_gaussian_points(g), POINTS + 1);
    calr_gaussian_scaled(g, far, room, &mean_after, &variance_after, NULL, NULL);
    CHECK_NEAR(mean_after, mean, 1e-6);
    CHECK(variance_after < variance);
    calr_gaussian_release(g);
}

static void odd_models(void)
{
    calr_gaussian *g;
    double x[3 * AXES] = {0.5, 0.375, 0, 0.5, 0.5, 0.375, 0, 0.5, 0.5, 0.375, 0, 0.5}, mean,
                 variance;
    double y[3] = {2, 2, 2}, room[9];
    CHECK_OK(calr_gaussian_new(axes, AXES, x, y, 1, &g)); /* one point */
    calr_gaussian_scaled(g, x, room, &mean, &variance, NULL, NULL);
    CHECK_NEAR(calr_gaussian_from_scaled(g, mean), 2, 1e-6);
    calr_gaussian_release(g);
    CHECK_OK(calr_gaussian_new(axes, AXES, x, y, 3, &g)); /* the same point, the same result */
    calr_gaussian_scaled(g, x, room, &mean, &variance, NULL, NULL);
    CHECK_NEAR(calr_gaussian_from_scaled(g, mean), 2, 1e-6);
    CHECK(variance > 0 && variance < 0.1);
    calr_gaussian_release(g);
    y[1] = 1e300; /* the same point, results far apart: all is noise */
    CHECK_OK(calr_gaussian_new(axes, AXES, x, y, 3, &g));
    calr_gaussian_release(g);
    y[1] = NAN;
    CHECK_FAILS(calr_gaussian_new(axes, AXES, x, y, 3, &g), CALR_EINVAL, "point 2");
    CHECK_FAILS(calr_gaussian_new(axes, AXES, x, y, 0, &g), CALR_EINVAL, "an axis and a point");
    calr_gaussian_axis child = {.parent = 0};
    CHECK_FAILS(calr_gaussian_new(&child, 1, x, y, 1, &g), CALR_EINVAL, "the parent of axis 1");
    calr_gaussian_axis empty = {.levels = 3, .parent = -1};
    CHECK_FAILS(calr_gaussian_new(&empty, 1, x, y, 1, &g), CALR_EINVAL, "axis 1 has no levels");
}

/* ---- improvement ---- */

/* mpmath, 40 digits: log(s (phi(z) + z Phi(z))), z = (best - mean) / s. */
static void log_improvement(void)
{
    static const double cases[][4] = {
        {0, 1, 0, -0.91893853320467274},      {0, 1, 1, 0.08002621884930694},
        {0, 1, -1, -2.4851210257126413},      {0, 1, -5, -16.74430116266099},
        {0, 1, -12.5, -84.114182840685441},   {0, 1, -29.9, -454.72299811949627},
        {0, 1, -30.1, -460.73628739874304},   {0, 1, -200, -20011.515648259739},
        {2, 0.0001, 1, -5014.7347489862376},  {0.5, 4, 10, 2.2512918403668914},
        {1, 1e-12, 0.5, -125000000040.97918}, {0, 1, 40, 3.6888794541139363},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double want = cases[i][3];
        CHECK_NEAR(calr_log_improvement(cases[i][0], cases[i][1], cases[i][2]), want,
                   2e-6 * fmax(1, fabs(want) * 1e-6));
    }
}

/* The ends of the search are better than what it began with, at positions, and sorted. */
static void acquire(void)
{
    enum { CANDIDATES = 50, STARTS = 5 };
    double x[POINTS * AXES], y[POINTS], fates[POINTS], candidates[CANDIDATES * AXES];
    double points[(STARTS + 1) * AXES], values[STARTS + 1];
    make(x, y);
    int64_t results = 0; /* the losses fall with the first axis, and the trials beyond 0.5 fail */
    double known[POINTS * AXES];
    for (int i = 0; i < POINTS; i++) {
        if (x[i * AXES] > 0.5)
            continue;
        memcpy(known + results * AXES, x + i * AXES, AXES * sizeof *x);
        y[results++] = truth(x + i * AXES) - sin(4 * x[i * AXES]) - 2 * x[i * AXES];
    }
    calr_rng rng = calr_rng_make(8, calr_rng_purpose("test"), 0, 0);
    for (int i = 0; i < CANDIDATES; i++)
        draw(&rng, candidates + i * AXES);
    calr_acquire_options options = {.starts = STARTS};
    calr_gaussian *losses, *of_fates;
    CHECK_OK(calr_gaussian_new(axes, AXES, known, y, results, &losses));
    for (int i = 0; i < POINTS; i++)
        fates[i] = x[i * AXES] > 0.5 ? -1 : 1;
    CHECK_OK(calr_gaussian_new(axes, AXES, x, fates, POINTS, &of_fates));
    options.losses = losses;
    for (int with_fates = 0; with_fates < 2; with_fates++) {
        options.fates = with_fates ? of_fates : NULL;
        double *room = malloc((size_t)calr_acquire_room(&options) * sizeof *room), top = -INFINITY;
        for (int i = 0; i < CANDIDATES; i++)
            top = fmax(top, calr_acquire_value(&options, candidates + i * AXES, room));
        int64_t found;
        CHECK_OK(
            calr_acquire(&options, candidates, CANDIDATES, x, 1, &rng, points, values, &found));
        CHECK_INT(found, STARTS + 1);
        CHECK(values[0] >= top);
        for (int i = 0; i < found; i++) {
            const double *p = points + i * AXES;
            CHECK(i == 0 || values[i] <= values[i - 1]);
            CHECK_NEAR(calr_acquire_value(&options, p, room), values[i], 1e-9);
            CHECK(p[0] >= 0 && p[0] <= 1 && p[3] >= 0 && p[3] <= 1);
            CHECK(p[1] == positions[0] || p[1] == positions[1] || p[1] == positions[2] ||
                  p[1] == positions[3]);
            CHECK((p[2] == 0 || p[2] == 1 || p[2] == 2) && (p[2] == 1 || p[3] == 0.5));
        }
        if (with_fates)
            CHECK(points[0] < 0.6);
        else
            CHECK(points[0] > 0.6);
        free(room);
    }
    int64_t found;
    CHECK_FAILS(calr_acquire(&options, candidates, 0, NULL, 0, &rng, points, values, &found),
                CALR_EINVAL, "a candidate");
    calr_gaussian_release(losses);
    calr_gaussian_release(of_fates);
}

int main(void)
{
    RUN(box);
    RUN(model);
    RUN(odd_models);
    RUN(log_improvement);
    RUN(acquire);
    return check_finish();
}
