/* Max, average and generalised-mean pooling against their definitions. */
#include "base/bf16.h"
#include "base/size.h"
#include "test_backend.h"

static void check_max_pool(calr_pool2d p)
{
    CHECK_OK(calr_pool2d_resolve(&p));
    int64_t nx = p.n * p.h * p.w * p.c, ny = p.n * p.out_h * p.out_w * p.c;
    float *x = random_array(nx, 1), *dy = random_array(ny, 2), *y = output_array(ny),
          *dx = output_array(nx);
    float *only = output_array(ny), *again = output_array(nx);
    uint8_t *argmax = malloc((size_t)ny + 1);
    double *ey = double_array(ny), *edx = double_array(nx);
    for (int64_t i = 0; i < nx; i++)
        x[i] = roundf(x[i] * 2); /* many equal numbers: the first of them must win */
    for (int64_t i = 0; i < ny; i++) {
        int64_t c = i % p.c, col = i / p.c % p.out_w, row = i / p.c / p.out_w % p.out_h,
                n = i / p.c / p.out_w / p.out_h;
        int64_t best = -1;
        for (int64_t u = 0; u < p.kernel; u++)
            for (int64_t v = 0; v < p.kernel; v++) {
                int64_t r = row * p.stride - p.padding + u, s = col * p.stride - p.padding + v;
                int64_t at = ((n * p.h + r) * p.w + s) * p.c + c;
                if (r >= 0 && r < p.h && s >= 0 && s < p.w && (best < 0 || x[at] > x[best]))
                    best = at;
            }
        ey[i] = (double)x[best];
        edx[best] += (double)dy[i];
    }
    CHECK_OK(backend->max_pool_forward(&p, x, y, argmax));
    CHECK_ARRAY(y, ey, ny, 0);
    CHECK_OK(backend->max_pool_forward(&p, x, only, NULL));
    CHECK(same_bits(only, y, ny));
    CHECK_OK(backend->max_pool_backward(&p, argmax, dy, dx));
    CHECK_ARRAY(dx, edx, nx, 1e-6);
    int threads = calr_parallel_threads();
    CHECK_OK(calr_parallel_set_threads(1));
    CHECK_OK(backend->max_pool_backward(&p, argmax, dy, again));
    CHECK(same_bits(again, dx, nx));
    CHECK_OK(calr_parallel_set_threads(threads));
    free(x), free(dy), free(y), free(dx), free(only), free(again), free(argmax), free(ey),
        free(edx);
}

static void *halves_of(int64_t count, const float *from)
{
    calr_bf16 *to = calr_array_new(count, sizeof *to);
    calr_bf16_round(count, from, to);
    return to;
}

/* Whether `half` is what `whole` rounds to. */
static bool is_rounded(int64_t count, const calr_bf16 *half, const float *whole)
{
    calr_bf16 *want = halves_of(count, whole);
    bool same = memcmp(half, want, (size_t)count * sizeof *want) == 0;
    free(want);
    return same;
}

/* bf16 maps give what their numbers give in f32, rounded once. strange: NaNs, infinities and zeros of both signs. */
static void check_max_pool_halves(calr_pool2d p, bool strange)
{
    static const float odd[] = {NAN, -INFINITY, INFINITY, 0.0f, -0.0f, -NAN, 1, -1};
    CHECK_OK(calr_pool2d_resolve(&p));
    calr_pool2d half = p;
    half.dtype = CALR_BF16;
    int64_t nx = p.n * p.h * p.w * p.c, ny = p.n * p.out_h * p.out_w * p.c;
    float *x = random_array(nx, 1), *dy = random_array(ny, 2), *y = output_array(ny),
          *dx = output_array(nx);
    for (int64_t i = 0; i < nx; i++)
        x[i] = strange ? odd[(i * 2654435761 >> 7) % 8] : roundf(x[i] * 2);
    calr_bf16 *x_half = halves_of(nx, x), *dy_half = halves_of(ny, dy), *y_half = halves_of(ny, dy),
              *dx_half = halves_of(nx, x);
    uint8_t *argmax = malloc((size_t)ny + 1), *argmax_half = malloc((size_t)ny + 1);
    calr_bf16_widen(nx, x_half, x), calr_bf16_widen(ny, dy_half, dy);
    CHECK_OK(backend->max_pool_forward(&p, x, y, argmax));
    CHECK_OK(backend->max_pool_forward(&half, x_half, y_half, argmax_half));
    CHECK(is_rounded(ny, y_half, y) && memcmp(argmax, argmax_half, (size_t)ny) == 0);
    calr_bf16_round(ny, dy, y_half);
    CHECK_OK(backend->max_pool_forward(&half, x_half, y_half, NULL));
    CHECK(is_rounded(ny, y_half, y));
    CHECK_OK(backend->max_pool_backward(&p, argmax, dy, dx));
    CHECK_OK(backend->max_pool_backward(&half, argmax, dy_half, dx_half));
    CHECK(is_rounded(nx, dx_half, dx));
    free(x), free(dy), free(y), free(dx), free(x_half), free(dy_half), free(y_half), free(dx_half);
    free(argmax), free(argmax_half);
}

static void test_max_pool_halves(void)
{
    calr_rng rng = calr_rng_make(6, calr_rng_purpose("geometries"), 0, 0);
    for (int i = 0; i < 40; i++) {
        int64_t kernel = random_between(&rng, 1, 5);
        check_max_pool_halves((calr_pool2d){.n = random_between(&rng, 1, 3),
                                            .h = random_between(&rng, 5, 15),
                                            .w = random_between(&rng, 5, 15),
                                            .c = random_between(&rng, 1, 300),
                                            .kernel = kernel,
                                            .stride = random_between(&rng, 1, 4),
                                            .padding = random_between(&rng, 0, kernel / 2)},
                              i % 2);
    }
    /* large enough to be written past the caches */
    check_max_pool_halves(
        (calr_pool2d){.n = 8, .h = 129, .w = 65, .c = 96, .kernel = 3, .stride = 2, .padding = 1},
        false);
}

static void test_max_pool(void)
{
    calr_rng rng = calr_rng_make(5, calr_rng_purpose("geometries"), 0, 0);
    check_max_pool((calr_pool2d){.n = 1, .h = 1, .w = 1, .c = 1, .kernel = 1, .stride = 1});
    check_max_pool(
        (calr_pool2d){.n = 3, .h = 33, .w = 17, .c = 64, .kernel = 3, .stride = 2, .padding = 1});
    check_max_pool(
        (calr_pool2d){.n = 2, .h = 20, .w = 19, .c = 3, .kernel = 16, .stride = 3, .padding = 8});
    check_max_pool((calr_pool2d){.n = 2, .h = 9, .w = 9, .c = 5, .kernel = 2, .stride = 4});
    for (int i = 0; i < 30; i++) {
        int64_t kernel = random_between(&rng, 1, 5);
        check_max_pool((calr_pool2d){.n = random_between(&rng, 1, 3),
                                     .h = random_between(&rng, 5, 15),
                                     .w = random_between(&rng, 5, 15),
                                     .c = random_between(&rng, 1, 20),
                                     .kernel = kernel,
                                     .stride = random_between(&rng, 1, 4),
                                     .padding = random_between(&rng, 0, kernel / 2)});
    }
}

static void test_max_pool_nan(void)
{
    calr_pool2d p = {.n = 1, .h = 2, .w = 2, .c = 2, .kernel = 2, .stride = 1};
    float x[8] = {1, -INFINITY, NAN, -INFINITY, 3, -INFINITY, 2, -INFINITY}, y[2], dy[2] = {1, 2},
          dx[8];
    uint8_t argmax[2];
    CHECK_OK(calr_pool2d_resolve(&p));
    CHECK_OK(backend->max_pool_forward(&p, x, y, argmax));
    CHECK(y[0] != y[0] && argmax[0] == 1);
    CHECK(y[1] == -INFINITY && argmax[1] == 0);
    CHECK_OK(backend->max_pool_backward(&p, argmax, dy, dx));
    CHECK(dx[2] == 1 && dx[1] == 2 && dx[0] == 0);
}

static void test_bad_pool(void)
{
    calr_pool2d p = {.n = 1, .h = 4, .w = 4, .c = 1, .kernel = 17, .stride = 1};
    CHECK_FAILS(calr_pool2d_resolve(&p), CALR_EINVAL, "kernel");
    p.kernel = 3, p.padding = 2;
    CHECK_FAILS(calr_pool2d_resolve(&p), CALR_EINVAL, "padding");
    p.padding = 0, p.kernel = 5;
    CHECK_FAILS(calr_pool2d_resolve(&p), CALR_EINVAL, "kernel of 5");
    p.kernel = 2, p.stride = -1;
    CHECK_FAILS(calr_pool2d_resolve(&p), CALR_EINVAL, "stride");
}

static void check_avg_pool(int64_t n, int64_t area, int64_t c)
{
    float *x = random_array(n * area * c, 1), *dy = random_array(n * c, 2),
          *y = output_array(n * c);
    float *dx = output_array(n * area * c);
    double *ey = double_array(n * c), *edx = double_array(n * area * c);
    for (int64_t i = 0; i < n * area * c; i++) {
        int64_t to = i / (area * c) * c + i % c;
        ey[to] += (double)x[i] / (double)area;
        edx[i] = (double)dy[to] / (double)area;
    }
    CHECK_OK(backend->avg_pool_forward(CALR_F32, n, area, c, x, y));
    CHECK_ARRAY(y, ey, n * c, 1e-6);
    CHECK_OK(backend->avg_pool_backward(CALR_F32, n, area, c, dy, dx));
    CHECK_ARRAY(dx, edx, n * area * c, 1e-6);
    free(x), free(dy), free(y), free(dx), free(ey), free(edx);
}

static void test_avg_pool(void)
{
    check_avg_pool(1, 1, 1);
    check_avg_pool(3, 7, 65);
    check_avg_pool(9, 128, 200);
    check_avg_pool(0, 8, 3);
}

static void reference_gem(int64_t n, int64_t area, int64_t c, double p, double eps, const float *x,
                          const float *dy, double *y, double *dx, double *dp)
{
    *dp = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < c; j++) {
            double mean = 0, logs = 0;
            for (int64_t a = 0; a < area; a++) {
                double u = fmax((double)x[(i * area + a) * c + j], eps);
                mean += pow(u, p) / (double)area;
                logs += pow(u, p) * log(u) / (double)area;
            }
            double out = pow(mean, 1 / p), d = (double)dy[i * c + j];
            y[i * c + j] = out;
            *dp += d * out * (logs / (p * mean) - log(mean) / (p * p));
            for (int64_t a = 0; a < area; a++) {
                int64_t at = (i * area + a) * c + j;
                double u = fmax((double)x[at], eps);
                dx[at] = (double)x[at] < eps
                             ? 0
                             : d * pow(mean, 1 / p - 1) * pow(u, p - 1) / (double)area;
            }
        }
}

static void check_gem(int64_t n, int64_t area, int64_t c, float p)
{
    const float eps = 1e-6f;
    int64_t nx = n * area * c, ny = n * c;
    float *x = random_array(nx, 1), *dy = random_array(ny, 2), *y = output_array(ny),
          *dx = output_array(nx), dp = NAN;
    float *again = output_array(nx), dp_again = NAN;
    double *ey = double_array(ny), *edx = double_array(nx), edp;
    for (int64_t a = 0; a < area && c > 1 && n > 0; a++)
        x[a * c + 1] = -1; /* a channel without a positive number */
    reference_gem(n, area, c, (double)p, (double)eps, x, dy, ey, edx, &edp);
    CHECK_OK(backend->gem_forward(CALR_F32, n, area, c, p, eps, x, y));
    CHECK_ARRAY(y, ey, ny, 2e-6);
    CHECK_OK(backend->gem_backward(CALR_F32, n, area, c, p, eps, x, y, dy, dx, &dp));
    CHECK_ARRAY(dx, edx, nx, 5e-6);
    CHECK_NEAR(dp, edp, 1e-5 * (1 + fabs(edp) + (double)ny));
    int threads = calr_parallel_threads();
    CHECK_OK(calr_parallel_set_threads(1));
    CHECK_OK(backend->gem_backward(CALR_F32, n, area, c, p, eps, x, y, dy, again, &dp_again));
    CHECK(same_bits(again, dx, nx) && same_bits(&dp_again, &dp, 1));
    CHECK_OK(calr_parallel_set_threads(threads));
    CHECK_OK(backend->gem_backward(CALR_F32, n, area, c, p, eps, x, y, dy, NULL, &dp_again));
    CHECK_OK(backend->gem_backward(CALR_F32, n, area, c, p, eps, x, y, dy, again, NULL));
    CHECK(same_bits(again, dx, nx) && same_bits(&dp_again, &dp, 1));
    free(x), free(dy), free(y), free(dx), free(again), free(ey), free(edx);
}

static void test_gem(void)
{
    check_gem(1, 1, 1, 3);
    check_gem(3, 8, 5, 3);
    check_gem(4, 128, 70, 3.37f);
    check_gem(2, 128, 33, 1);
    check_gem(2, 32, 64, 0.5f);
    check_gem(2, 32, 64, 6.5f);
    check_gem(2, 130, 600, 22.5f);
    check_gem(0, 32, 64, 3);
}

/* p so large that plain powers would vanish or overflow in f32: the maximum is the limit. */
static void test_gem_extreme(void)
{
    enum { area = 16 };
    float x[area], y, dx[area], dp, dy = 1;
    for (int i = 0; i < area; i++)
        x[i] = 1e-3f * (float)(i + 1);
    CHECK_OK(backend->gem_forward(CALR_F32, 1, area, 1, 80, 1e-6f, x, &y));
    CHECK_NEAR(y, 0.016 * pow(1.0 / area, 1.0 / 80), 0.016 * 1e-3);
    CHECK_OK(backend->gem_backward(CALR_F32, 1, area, 1, 80, 1e-6f, x, &y, &dy, dx, &dp));
    CHECK(isfinite(dp) && isfinite(dx[0]) && dx[area - 1] > 0.9f);
    for (int i = 0; i < area; i++)
        x[i] = 1e30f;
    CHECK_OK(backend->gem_forward(CALR_F32, 1, area, 1, 3, 1e-6f, x, &y));
    CHECK_NEAR((double)y / 1e30, 1, 1e-6);
    x[3] = NAN;
    CHECK_OK(backend->gem_forward(CALR_F32, 1, area, 1, 3, 1e-6f, x, &y));
    CHECK(y != y);
    CHECK_OK(backend->gem_backward(CALR_F32, 1, area, 1, 3, 1e-6f, x, &y, &dy, dx, &dp));
    CHECK(dp != dp && dx[0] != dx[0]);
}

int main(void)
{
    CHECK_OK(calr_backend_get(&backend));
    RUN(test_max_pool);
    RUN(test_max_pool_halves);
    RUN(test_max_pool_nan);
    RUN(test_bad_pool);
    RUN(test_avg_pool);
    RUN(test_gem);
    RUN(test_gem_extreme);
    return check_finish();
}
