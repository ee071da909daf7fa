/* Bounds of distances: never above the distance, and equal to it where they say so. */
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "neighbours/pairwise.h"

enum { N = 300, D = 37 };

/* Clusters around a common offset, with equal rows, rows of zeros, and rows much shorter than the others. */
static void fill(float *x, double size, double spread)
{
    for (int i = 0; i < N; i++)
        for (int c = 0; c < D; c++) {
            double centre = (i % 7 * 31 + c * 17) % 23 - 11,
                   noise = (i * 131 + c * 71) % 199 / 199.0;
            double shrink = i % 13 == 5 ? 1e-12 : i % 11 == 4 ? 0 : 1;
            x[i * D + c] = (float)(size * shrink * (3 + centre + spread * noise));
        }
    for (int c = 0; c < D; c++)
        x[9 * D + c] = x[2 * D + c];
}

static void test_bounds(void)
{
    const double sizes[] = {1, 1e-20, 1e-44, 1e15}, spreads[] = {1, 1e-4, 0};
    float *x = malloc(sizeof(float) * N * D), *all = malloc(sizeof(float) * N * N),
          *bounds = malloc(sizeof(float) * N * N);
    CHECK(x && all && bounds);
    for (int s = 0; s < 12; s++)
        for (int metric = 0; metric < 2; metric++) {
            calr_pairwise *p;
            int64_t above = 0, unequal = 0, loose = 0;
            fill(x, sizes[s % 4], spreads[s / 4]);
            CHECK_OK(calr_pairwise_all(x, N, D, (calr_metric)metric, all));
            CHECK_OK(calr_pairwise_new(x, N, D, (calr_metric)metric, &p));
            CHECK_OK(calr_pairwise_bounds(p, bounds));
            for (int64_t i = 0; i < N; i++)
                for (int64_t j = 0; j < N; j++) {
                    float bound = bounds[i * N + j], exact = all[i * N + j];
                    above += fabsf(bound) > exact;
                    unequal += calr_pairwise_exact(p, i, j, bound) != exact ||
                               (signbit(bound) && -bound != exact);
                    loose += fabsf(bound) < exact * 0.999f;
                }
            CHECK_INT(above, 0);
            CHECK_INT(unequal, 0);
            CHECK(sizes[s % 4] < 1e-30 || loose == 0);
            calr_pairwise_release(p);
        }
    free(x);
    free(all);
    free(bounds);
}

int main(void)
{
    RUN(test_bounds);
    return check_finish();
}
