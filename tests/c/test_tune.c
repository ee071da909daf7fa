/* The arithmetic of the samplers, where the Lua tests (lua.search, against SciPy) do not reach. */
#include "check.h"

#include <stdlib.h>

#include "tune/parzen.h"
#include "tune/sobol.h"

/* mpmath, 60 digits. */
static void log_mass(void)
{
    static const double cases[][3] = {
        {-1, 1, -0.38171514630212607},       {0, 0.001, -7.8266939788534653},
        {5, 5.1, -15.962590193561618},       {20, 21, -203.91715537228816},
        {30, 31, -454.32124395634325},       {100, 100.001, -5007.8762773427469},
        {-12.5, -11.5, -69.493714788137493}, {-1e-09, 1e-09, -20.949057189591139},
        {-40, 3, -0.0013508099647481938},    {1000, 1001, -500007.82669481218},
        {-9, 9, -2.2571768119076813e-19},    {13, 14, -87.989721245067367},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double a = cases[i][0], b = cases[i][1], want = cases[i][2];
        double tolerance = 2e-8 * fmax(1, fabs(want) * 1e-4);
        CHECK_NEAR(calr_normal_log_mass(a, b), want, tolerance);
        CHECK_NEAR(calr_normal_log_mass(-b, -a), want, tolerance);
    }
    CHECK_NEAR(calr_normal_log_mass(3, 3 + 1e-15),
               log(8.8817841970012523e-16) - 4.5 - 0.91893853320467274, 1e-8);
    CHECK(calr_normal_log_mass(1, 1) == -INFINITY);
    CHECK(calr_normal_log_mass(2, 1) == -INFINITY);
    CHECK(calr_normal_log_mass(NAN, 1) == -INFINITY);
}

static const calr_parzen_axis axes[] = {
    {.kind = CALR_PARZEN_FLOAT, .low = -1, .high = 1},
    {.kind = CALR_PARZEN_STEP, .low = 1, .high = 1000, .step = 1, .log = true},
    {.kind = CALR_PARZEN_CHOICE, .choices = 4},
};

/* 20,000 kernels on three axes: all is finite, and a point drawn is a possible one. */
static void many_kernels(void)
{
    int64_t n = 20000, m = 24;
    double *x = malloc((size_t)(n * 3) * sizeof *x), points[24 * 3], logs[24];
    calr_rng rng = calr_rng_make(1, calr_rng_purpose("test"), 0, 0);
    for (int64_t i = 0; i < n; i++) {
        x[3 * i] = 2 * calr_rng_double(&rng) - 1;
        x[3 * i + 1] = 1 + (double)calr_rng_below(&rng, 1000);
        x[3 * i + 2] = (double)calr_rng_below(&rng, 4);
    }
    calr_parzen_options options = calr_parzen_options_default();
    calr_parzen *parzen = NULL;
    CHECK_OK(calr_parzen_new(axes, 3, x, n, &options, &parzen));
    CHECK_INT(calr_parzen_kernels(parzen), n + 1);
    calr_parzen_sample(parzen, &rng, m, points);
    CHECK_OK(calr_parzen_log_density(parzen, points, m, logs));
    for (int i = 0; i < m; i++) {
        CHECK(points[3 * i] >= -1 && points[3 * i] <= 1);
        CHECK(points[3 * i + 1] >= 1 && points[3 * i + 1] <= 1000);
        CHECK(points[3 * i + 2] >= 0 && points[3 * i + 2] <= 3);
        CHECK(isfinite(logs[i]));
    }
    CHECK_OK(calr_parzen_log_density(parzen, points, 0, logs));
    calr_parzen_release(parzen);
    free(x);
}

/* Equal observations, negative zeros, observations on the borders and outside. */
static void odd_observations(void)
{
    double x[] = {-0.0, 0.0, -1, 1, 0.0, 7, -7, 1};
    calr_parzen_options options = calr_parzen_options_default();
    for (int64_t n = 0; n <= 8; n++) {
        for (int rule = 0; rule < 4; rule++) {
            calr_parzen *parzen = NULL;
            options.bandwidth = rule & 1 ? CALR_PARZEN_SCOTT : CALR_PARZEN_NEIGHBOUR;
            options.endpoints = rule & 2;
            CHECK_OK(calr_parzen_new(axes, 1, x, n, &options, &parzen));
            double at[] = {-1, -0.5, 0, 1}, logs[4];
            CHECK_OK(calr_parzen_log_density(parzen, at, 4, logs));
            for (int i = 0; i < 4; i++)
                CHECK(isfinite(logs[i]));
            calr_parzen_release(parzen);
        }
    }
    calr_parzen_release(NULL);
}

static void mistakes(void)
{
    calr_parzen_options options = calr_parzen_options_default();
    calr_parzen *parzen = NULL;
    double x[] = {0.5, NAN};
    CHECK_FAILS(calr_parzen_new(axes, 0, x, 1, &options, &parzen), CALR_EINVAL, "0 axes");
    CHECK_FAILS(calr_parzen_new(axes, 1, x, -1, &options, &parzen), CALR_EINVAL, "-1 observations");
    CHECK_FAILS(calr_parzen_new(axes, 1, x, 2, &options, &parzen), CALR_EINVAL, "observation 2");
    CHECK_FAILS(calr_parzen_new(&axes[2], 1, (double[]){4}, 1, &options, &parzen), CALR_EINVAL,
                "chose 4 of 4");
    calr_parzen_axis bad = {.kind = CALR_PARZEN_FLOAT, .low = 0, .high = INFINITY};
    CHECK_FAILS(calr_parzen_new(&bad, 1, x, 0, &options, &parzen), CALR_EINVAL, "range");
    bad = (calr_parzen_axis){.kind = CALR_PARZEN_STEP, .low = 1, .high = 2, .step = 3, .log = true};
    CHECK_FAILS(calr_parzen_new(&bad, 1, x, 0, &options, &parzen), CALR_EINVAL, "cannot begin");
    options.prior = 0;
    CHECK_FAILS(calr_parzen_new(axes, 1, x, 1, &options, &parzen), CALR_EINVAL, "prior");
    options = calr_parzen_options_default();
    options.clip = -1;
    CHECK_FAILS(calr_parzen_new(axes, 1, x, 1, &options, &parzen), CALR_EINVAL, "clip");
    options = calr_parzen_options_default();
    CHECK_OK(calr_parzen_new(&axes[2], 1, x, 0, &options, &parzen));
    double log;
    CHECK_FAILS(calr_parzen_log_density(parzen, (double[]){4}, 1, &log), CALR_EINVAL, "point 1");
    CHECK_OK(calr_parzen_log_density(parzen, (double[]){3}, 1, &log));
    CHECK_NEAR(log, -1.3862943611198906, 1e-12);
    calr_parzen_release(parzen);
}

/* Every dimension of the plain sequence is a permutation of the multiples of 1/256. */
static void sobol_dimensions(void)
{
    static double u[CALR_SOBOL_DIMENSIONS];
    static unsigned char seen[CALR_SOBOL_DIMENSIONS][256];
    int64_t found = 0;
    for (int64_t i = 0; i < 256; i++) {
        CHECK_OK(calr_sobol_point(i, CALR_SOBOL_DIMENSIONS, false, 0, u));
        for (int d = 0; d < CALR_SOBOL_DIMENSIONS; d++) {
            int cell = (int)(u[d] * 256);
            found += !seen[d][cell];
            seen[d][cell] = 1;
        }
    }
    CHECK_INT(found, 256 * CALR_SOBOL_DIMENSIONS);
    CHECK_FAILS(calr_sobol_point(0, 257, false, 0, u), CALR_EINVAL, "257 dimensions");
}

int main(void)
{
    RUN(log_mass);
    RUN(many_kernels);
    RUN(odd_observations);
    RUN(mistakes);
    RUN(sobol_dimensions);
    return check_finish();
}
