/* Bounds of distances: never above the distance, and hardly below it where rows are not near. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* The largest squared length of a row. */
static double longest(const float *x)
{
    double most = 0;
    for (int64_t i = 0; i < N; i++) {
        double sum = 0;
        for (int c = 0; c < D; c++)
            sum += (double)x[i * D + c] * x[i * D + c];
        most = fmax(most, sum);
    }
    return most;
}

typedef struct seen {
    float *bounds; /* [N x N] */
    bool skip;     /* the second tile */
} seen;

static bool wants(void *context, int64_t begin, int64_t end, int64_t tile)
{
    const seen *s = context;
    CHECK(begin < end && end <= N);
    return !s->skip || tile == 0;
}

static void look(void *context, int64_t at, int64_t tile, float *bounds)
{
    const seen *s = context;
    int64_t first = tile * CALR_PAIRWISE_ROWS, left = N - first;
    memcpy(s->bounds + at * N + first, bounds,
           (size_t)(left < CALR_PAIRWISE_ROWS ? left : CALR_PAIRWISE_ROWS) * sizeof *bounds);
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
            calr_pairwise_bounds *of = NULL;
            int32_t rows[N];
            int64_t above = 0, loose = 0, left = 0;
            seen to = {bounds, s % 2 == 1};
            calr_pairwise_visit visit = {rows, N, wants, look, &to};
            fill(x, sizes[s % 4], spreads[s / 4]);
            CHECK_OK(calr_pairwise_all(x, N, D, (calr_metric)metric, all));
            CHECK_OK(calr_pairwise_new(x, N, D, (calr_metric)metric, &p));
            double least = metric == CALR_EUCLIDEAN ? longest(x) / 16 : 1.0 / 64;
            for (int i = 0; i < N; i++)
                rows[i] = N - 1 - i;
            for (int i = 0; i < N * N; i++)
                bounds[i] = -1;
            CHECK_OK(calr_pairwise_bounds_new(p, &of));
            CHECK_OK(calr_pairwise_bounds_visit(of, &visit));
            for (int64_t i = 0; i < N; i++)
                for (int64_t j = 0; j < N; j++) {
                    float bound = bounds[(N - 1 - i) * N + j], exact = all[i * N + j];
                    bool far = exact * exact > least;
                    above += i != j && bound > exact;
                    left += bound < 0;
                    loose += bound >= 0 && far && bound < exact * 0.999f;
                }
            CHECK_INT(above, 0);
            CHECK_INT(left, to.skip ? N * (N - CALR_PAIRWISE_ROWS) : 0);
            CHECK(sizes[s % 4] < 1e-30 || loose == 0);
            calr_pairwise_bounds_release(of);
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
