/* Pointwise convolutions by our own kernels against the definition, summed in double: sizes that do not
 * divide, strides, maps that end between two strides, one image; the same bits for any number of threads. */
#include "backend/cpu/kernels.h"
#include "backend/cpu/pointwise/kernels.h"
#include "backend/cpu/pointwise/pointwise.h"
#include "base/bf16.h"
#include "test_backend.h"

static const calr_pointwise_ahead nothing;

static void check_kernels(const calr_pointwise_kernels *k, int64_t rows, int64_t depth, int64_t gap)
{
    enum { PANEL = CALR_POINTWISE_PANEL };
    int64_t apart = depth + gap, apart_t = rows + gap, to = PANEL + gap;
    float *a = random_array(rows * apart, 1), *at = random_array(depth * apart_t, 2),
          *b = random_array(depth * PANEL, 3);
    float *c = output_array(rows * to), *ct = output_array(rows * to);
    double *e = double_array(rows * to), *et = double_array(rows * to);
    for (int64_t i = 0; i < rows * to; i++)
        if (i % to >= PANEL)
            e[i] = et[i] = (double)(c[i] = ct[i] = 2.5f); /* not to be touched */
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < PANEL; j++)
            for (int64_t p = 0; p < depth; p++) {
                e[i * to + j] += (double)a[i * apart + p] * (double)b[p * PANEL + j];
                et[i * to + j] += (double)at[p * apart_t + i] * (double)b[p * PANEL + j];
            }
    k->product(rows, depth, a, apart, b, NULL, c, to, nothing);
    CHECK_ARRAY(c, e, rows * to, 1e-6);
    k->transposed(rows, depth, at, apart_t, b, false, ct, to, nothing);
    CHECK_ARRAY(ct, et, rows * to, 1e-6);
    k->transposed(rows, depth, at, apart_t, b, true, ct, to, nothing);
    for (int64_t i = 0; i < rows * to; i++)
        et[i] *= i % to < PANEL ? 2 : 1;
    CHECK_ARRAY(ct, et, rows * to, 1e-6);
    free(a), free(at), free(b), free(c), free(ct), free(e), free(et);
}

static void test_kernels(void)
{
#if defined(__x86_64__)
    static const int64_t depths[] = {1, 7, 8, 9, 64};
    for (int64_t rows = 1; rows <= 33; rows++)
        for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
            if (calr_cpu_vectors() >= CALR_VECTORS_AVX2)
                check_kernels(&calr_pointwise_avx2, rows, depths[i], rows % 3);
            if (calr_cpu_vectors() >= CALR_VECTORS_AVX512)
                check_kernels(&calr_pointwise_avx512, rows, depths[i], rows % 3);
        }
#endif
}

/* Products of pairs of bf16; depth is the number of pairs. */
static void check_pairs(const calr_pointwise_kernels *k, int64_t rows, int64_t depth, bool odd)
{
    enum { PANEL = CALR_POINTWISE_PANEL };
    int64_t c = (rows + PANEL - 1) / PANEL * PANEL, steps = 2 * depth - odd;
    float *a = random_array(steps * c, 1), *b = random_array(steps * PANEL, 2),
          *sum = output_array(rows * PANEL);
    float *a_pairs = output_array(depth * c), *b_pairs = output_array(depth * PANEL);
    calr_bf16 *a_half = calr_array_new(steps * c, sizeof *a_half),
              *b_half = calr_array_new(steps * PANEL, sizeof *b_half);
    double *e = double_array(rows * PANEL);
    calr_bf16_round(steps * c, a, a_half), calr_bf16_widen(steps * c, a_half, a);
    calr_bf16_round(steps * PANEL, b, b_half), calr_bf16_widen(steps * PANEL, b_half, b);
    for (int64_t p = 0; p < depth; p++) {
        bool last = odd && p == depth - 1;
        k->pair(c, a_half + 2 * p * c, last ? NULL : a_half + (2 * p + 1) * c, a_pairs + p * c,
                PANEL);
        k->pair(PANEL, b_half + 2 * p * PANEL, last ? NULL : b_half + (2 * p + 1) * PANEL,
                b_pairs + p * PANEL, PANEL);
    }
    for (int64_t p = 0; p < steps; p++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < PANEL; j++)
                e[i * PANEL + j] += (double)a[p * c + i] * (double)b[p * PANEL + j];
    k->transposed(rows, depth, a_pairs, c, b_pairs, false, sum, PANEL, nothing);
    CHECK_ARRAY(sum, e, rows * PANEL, 1e-6);
    k->transposed(rows, depth, a_pairs, c, b_pairs, true, sum, PANEL, nothing);
    for (int64_t i = 0; i < rows * PANEL; i++)
        e[i] *= 2;
    CHECK_ARRAY(sum, e, rows * PANEL, 1e-6);
    free(a), free(b), free(sum), free(a_pairs), free(b_pairs), free(a_half), free(b_half), free(e);
}

static void test_pairs(void)
{
#if defined(__x86_64__)
    static const int64_t depths[] = {1, 7, 8, 9, 64};
    for (int64_t rows = 1; rows <= 65 && calr_cpu_has_bf16(); rows++)
        for (size_t i = 0; i < sizeof depths / sizeof *depths; i++)
            check_pairs(&calr_pointwise_avx512_bf16, rows, depths[i], rows % 2);
#endif
}

/* The definition; dx is added to. */
static void reference(const calr_conv2d *g, const float *x, const float *w, const float *dy,
                      double *y, double *dx, double *dw)
{
    for (int64_t at = 0; at < g->n * g->out_h * g->out_w; at++) {
        int64_t image = at / (g->out_h * g->out_w), row = at / g->out_w % g->out_h * g->stride[0],
                col = at % g->out_w * g->stride[1],
                pixel = ((image * g->h + row) * g->w + col) * g->c_in;
        for (int64_t o = 0; o < g->c_out; o++) {
            double d = (double)dy[at * g->c_out + o];
            for (int64_t i = 0; i < g->c_in; i++) {
                y[at * g->c_out + o] += (double)w[o * g->c_in + i] * (double)x[pixel + i];
                dx[pixel + i] += d * (double)w[o * g->c_in + i];
                dw[o * g->c_in + i] += d * (double)x[pixel + i];
            }
        }
    }
}

static void check_geometry(calr_conv2d g)
{
    int threads = calr_parallel_threads();
    float *made[3][4];
    g.kh = g.kw = 1;
    CHECK_OK(calr_conv2d_resolve(&g));
    if (!calr_pointwise_can(&g))
        return;
    int64_t nx = g.n * g.h * g.w * g.c_in, nw = g.c_out * g.c_in,
            ny = g.n * g.out_h * g.out_w * g.c_out;
    float *x = random_array(nx, 1), *w = random_array(nw, 2), *dy = random_array(ny, 3),
          *others = random_array(nx, 4);
    double *dx = double_array(nx), *sum = double_array(nx), *dw = double_array(nw),
           *y = double_array(ny);
    double *biased = double_array(ny);
    float *bias = random_array(g.c_out, 5);
    reference(&g, x, w, dy, y, dx, dw);
    for (int64_t i = 0; i < nx; i++)
        sum[i] = dx[i] + (double)others[i];
    for (int64_t i = 0; i < ny; i++)
        biased[i] = y[i] + (double)bias[i % g.c_out];
    for (int t = 0; t < 3; t++) {
        float **to = made[t];
        CHECK_OK(calr_parallel_set_threads(t + 1));
        to[0] = output_array(nx), to[1] = random_array(nx, 4), to[2] = output_array(nw),
        to[3] = output_array(ny);
        CHECK_OK(calr_pointwise_forward(&g, x, w, t == 1 ? bias : NULL, to[3]));
        CHECK_ARRAY(to[3], t == 1 ? biased : y, ny, 2e-5);

        CHECK_OK(calr_pointwise_backward_data(&g, w, dy, false, to[0]));
        CHECK_ARRAY(to[0], dx, nx, 2e-5);
        CHECK_OK(calr_pointwise_backward_data(&g, w, dy, true, to[1]));
        CHECK_ARRAY(to[1], sum, nx, 2e-5);
        CHECK_OK(calr_pointwise_backward_weights(&g, x, dy, to[2]));
        CHECK_ARRAY(to[2], dw, nw, 2e-5);
        CHECK(same_bits(to[0], made[0][0], nx) && same_bits(to[1], made[0][1], nx) &&
              same_bits(to[2], made[0][2], nw) && (t == 1 || same_bits(to[3], made[0][3], ny)));
    }
    CHECK_OK(calr_parallel_set_threads(threads));
    for (int t = 0; t < 3; t++)
        free(made[t][0]), free(made[t][1]), free(made[t][2]), free(made[t][3]);
    free(x), free(w), free(dy), free(others), free(dx), free(sum), free(dw);
    free(y), free(biased), free(bias);
}

/* The gradient of weights from bf16 maps: sums of the same products as of the widened maps. */
static void check_halves(calr_conv2d g)
{
    int threads = calr_parallel_threads();
    g.kh = g.kw = 1, g.dtype = CALR_BF16;
    CHECK_OK(calr_conv2d_resolve(&g));
    CHECK(calr_pointwise_can_sum(&g) == calr_cpu_has_bf16());
    if (!calr_pointwise_can_sum(&g))
        return;
    int64_t nx = g.n * g.h * g.w * g.c_in, nw = g.c_out * g.c_in,
            ny = g.n * g.out_h * g.out_w * g.c_out;
    float *x = random_array(nx, 1), *w = random_array(nw, 2), *dy = random_array(ny, 3), *made[3];
    calr_bf16 *x_half = calr_array_new(nx, sizeof *x_half),
              *dy_half = calr_array_new(ny, sizeof *dy_half);
    double *dx = double_array(nx), *dw = double_array(nw), *y = double_array(ny);
    calr_bf16_round(nx, x, x_half), calr_bf16_widen(nx, x_half, x);
    calr_bf16_round(ny, dy, dy_half), calr_bf16_widen(ny, dy_half, dy);
    reference(&g, x, w, dy, y, dx, dw);
    for (int t = 0; t < 3; t++) {
        CHECK_OK(calr_parallel_set_threads(t + 1));
        made[t] = output_array(nw);
        CHECK_OK(calr_pointwise_backward_weights(&g, x_half, dy_half, made[t]));
        CHECK_ARRAY(made[t], dw, nw, 2e-5);
        CHECK(same_bits(made[t], made[0], nw));
    }
    CHECK_OK(calr_parallel_set_threads(threads));
    free(made[0]), free(made[1]), free(made[2]), free(x), free(w), free(dy), free(x_half);
    free(dy_half), free(dx), free(dw), free(y);
}

/* Frozen: bias, residual (also in place) and activation belong to the last step of the product. */
static void check_fused(calr_conv2d g)
{
    int threads = calr_parallel_threads();
    g.kh = g.kw = 1;
    CHECK_OK(calr_conv2d_resolve(&g));
    if (!calr_pointwise_can(&g))
        return;
    int64_t nx = g.n * g.h * g.w * g.c_in, nw = g.c_out * g.c_in,
            ny = g.n * g.out_h * g.out_w * g.c_out;
    float *x = random_array(nx, 1), *w = random_array(nw, 2), *bias = random_array(g.c_out, 3);
    float *residual = random_array(ny, 4), *dy = random_array(ny, 5), *first = NULL;
    double *y = double_array(ny), *dx = double_array(nx), *dw = double_array(nw),
           *sum = double_array(ny), *plain = double_array(ny);
    reference(&g, x, w, dy, y, dx, dw);
    for (int64_t i = 0; i < ny; i++) {
        double biased = y[i] + (double)bias[i % g.c_out], v = biased + (double)residual[i];
        sum[i] = v < 0 ? 0 : v;
        plain[i] = biased < 0 ? 0 : biased > 6 ? 6 : biased;
    }
    for (int t = 0; t < 3; t++) {
        CHECK_OK(calr_parallel_set_threads(t + 1));
        float *apart = output_array(ny), *in_place = random_array(ny, 4), *none = output_array(ny);
        CHECK_OK(
            calr_pointwise_fused_forward(&g, x, w, bias, residual, CALR_ACTIVATION_RELU, apart));
        CHECK_ARRAY(apart, sum, ny, 2e-5);
        CHECK_OK(
            calr_pointwise_fused_forward(&g, x, w, bias, in_place, CALR_ACTIVATION_RELU, in_place));
        CHECK(same_bits(in_place, apart, ny));
        CHECK_OK(calr_pointwise_fused_forward(&g, x, w, bias, NULL, CALR_ACTIVATION_RELU6, none));
        CHECK_ARRAY(none, plain, ny, 2e-5);
        CHECK_OK(calr_pointwise_fused_forward(&g, x, w, NULL, NULL, CALR_ACTIVATION_NONE, none));
        CHECK_ARRAY(none, y, ny, 2e-5);
        CHECK(!first || same_bits(first, apart, ny));
        free(in_place), free(none), free(first);
        first = apart;
    }
    CHECK_OK(calr_parallel_set_threads(threads));
    free(x), free(w), free(bias), free(residual), free(dy), free(first);
    free(y), free(dx), free(dw), free(sum), free(plain);
}

static const calr_conv2d geometries[] = {
    {.n = 1, .h = 1, .w = 1, .c_in = 32, .c_out = 32, .stride = {1, 1}},
    {.n = 1, .h = 1, .w = 1, .c_in = 32, .c_out = 64, .stride = {2, 2}},
    {.n = 2, .h = 9, .w = 7, .c_in = 64, .c_out = 32, .stride = {1, 1}},
    {.n = 3, .h = 9, .w = 7, .c_in = 96, .c_out = 160, .stride = {2, 2}},
    {.n = 3, .h = 8, .w = 6, .c_in = 160, .c_out = 96, .stride = {2, 2}},
    {.n = 2, .h = 11, .w = 10, .c_in = 32, .c_out = 64, .stride = {3, 3}},
    {.n = 1,
     .h = 3,
     .w = 301,
     .c_in = 64,
     .c_out = 32,
     .stride = {2, 2}}, /* a row of more than a block */
    {.n = 3,
     .h = 17,
     .w = 13,
     .c_in = 288,
     .c_out = 320,
     .stride = {1, 1}}, /* slices that do not divide */
    {.n = 1,
     .h = 7,
     .w = 19,
     .c_in = 64,
     .c_out = 1056,
     .stride = {1, 1}}, /* rows that are copied */
    {.n = 1, .h = 13, .w = 11, .c_in = 1024, .c_out = 32, .stride = {1, 1}},
    {.n = 1, .h = 5, .w = 5, .c_in = 2048, .c_out = 96, .stride = {2, 2}},
    {.n = 4, .h = 33, .w = 21, .c_in = 64, .c_out = 32, .stride = {1, 1}}, /* several parts */
};

static void test_geometries(void)
{
    for (size_t i = 0; i < sizeof geometries / sizeof *geometries; i++)
        check_geometry(geometries[i]), check_halves(geometries[i]), check_fused(geometries[i]);
}

/* What is taken, and what is left to others. */
static void test_choice(void)
{
    calr_conv2d g = {
        .n = 8, .h = 16, .w = 8, .c_in = 64, .c_out = 256, .kh = 1, .kw = 1, .stride = {2, 2}};
    CHECK_OK(calr_conv2d_resolve(&g));
    bool can = calr_cpu_vectors() != CALR_VECTORS_NONE;
    CHECK(calr_pointwise_can(&g) == can && calr_backend_conv2d_adds(&g) == can);
    g.stride[0] = g.stride[1] = 1;
    CHECK_OK(calr_conv2d_resolve(&g));
    CHECK(calr_pointwise_can(&g) == can && !calr_backend_conv2d_adds(&g));
    CHECK(calr_pointwise_wanted(&g, CALR_CONV2D_BACKWARD_WEIGHTS) == can);
    calr_conv2d other = g;
    other.dtype = CALR_BF16;
    CHECK(!calr_pointwise_can(&other) && calr_pointwise_can_sum(&other) == calr_cpu_has_bf16() &&
          calr_pointwise_wanted(&other, CALR_CONV2D_BACKWARD_WEIGHTS) == calr_cpu_has_bf16() &&
          !calr_pointwise_wanted(&other, CALR_CONV2D_FORWARD));
    other = g, other.c_in = 63;
    CHECK(!calr_pointwise_can(&other));
    other = g, other.kh = other.kw = 3, other.padding[0] = 1;
    CHECK(!calr_pointwise_can(&other) && !calr_backend_conv2d_adds(&other));
    CHECK(use_backend("portable"));
    CHECK_FAILS(backend->conv2d_backward_data_add(&other, NULL, NULL, NULL), CALR_EINVAL, "added");
}

int main(void)
{
    RUN(test_kernels);
    RUN(test_pairs);
    RUN(test_geometries);
    RUN(test_choice);
    return check_finish();
}
