/* The products of inverted residuals, and the 1x1 convolutions of few channels made by them, against the definition,
 * summed in double: every number of rows and every kind of panel; the same bits for any number of threads. */
#include "backend/cpu/inverted/kernels.h"
#include "backend/cpu/inverted/narrow.h"
#include "backend/cpu/kernels.h"
#include "base/bf16.h"
#include "test_backend.h"

static void round_to_bf16(int64_t n, float *numbers, calr_bf16 *halves)
{
    for (int64_t i = 0; i < n; i++) {
        halves[i] = calr_bf16_from_f32(numbers[i]);
        numbers[i] = calr_bf16_to_f32(halves[i]);
    }
}

/* w as the product in bf16 wants it: pairs of rows of the panels. */
static void pair_rows(const calr_inverted_kernels *k, int64_t depth, int64_t columns,
                      const float *packed, calr_bf16 *to)
{
    for (int64_t column = 0, width; column < columns; column += width) {
        width = calr_inverted_width(k->lanes, columns, column);
        for (int64_t i = 0; i < depth * width; i++) {
            int64_t row = i / 2 / width * 2 + i % 2, at = i / 2 % width;
            *to++ = calr_bf16_from_f32(packed[column * depth + row * width + at]);
        }
    }
}

static void check_product(const calr_inverted_kernels *k, int64_t rows, int64_t depth,
                          int64_t columns, bool added, bool far)
{
    int64_t na = rows * depth, nw = depth * columns, nc = rows * columns;
    float *a = random_array(na, 1), *w = random_array(nw, 2), *bias = random_array(columns, 3);
    float *residual = random_array(nc, 4), *c = output_array(nc), *packed = output_array(nw);
    double *e = double_array(nc);
    calr_bf16 *half = calloc((size_t)(na + nw + 2 * nc + 1), sizeof *half);
    calr_bf16 *half_w = half + na, *half_residual = half_w + nw, *half_c = half_residual + nc;
    calr_inverted_product p = {.rows = rows,
                               .depth = depth,
                               .columns = columns,
                               .a = a,
                               .w = packed,
                               .bias = bias,
                               .residual = added ? residual : NULL,
                               .c = c,
                               .low = -0.5f,
                               .high = 0.75f,
                               .far = far};
    if (k->pair == 2) {
        round_to_bf16(na, a, half), round_to_bf16(nw, w, half_w);
        round_to_bf16(nc, residual, half_residual);
        p.a = half, p.w = half_w, p.c = half_c, p.residual = added ? half_residual : NULL;
    }
    calr_inverted_pack(k, depth, columns, w, columns, 1, packed);
    if (k->pair == 2)
        pair_rows(k, depth, columns, packed, half_w);
    for (int64_t i = 0; i < nc; i++) {
        e[i] = (double)bias[i % columns] + (added ? (double)residual[i] : 0);
        for (int64_t j = 0; j < depth; j++)
            e[i] += (double)a[i / columns * depth + j] * (double)w[j * columns + i % columns];
        e[i] = fmin(fmax(e[i], -0.5), 0.75);
    }
    half_c[nc] = 7;
    k->product(&p);
    if (k->pair == 2) {
        CHECK(half_c[nc] == 7);
        for (int64_t i = 0; i < nc; i++)
            c[i] = calr_bf16_to_f32(half_c[i]);
    }
    CHECK_ARRAY(c, e, nc, k->pair == 2 ? 4e-3 : 2e-6);
    free(a), free(w), free(bias), free(residual), free(c), free(packed), free(e), free(half);
}

static void check_kernels(const calr_inverted_kernels *k)
{
    for (int64_t rows = 1; rows <= 25; rows++)
        check_product(k, rows, 8, 56, rows % 2, rows % 3 == 0);
    for (int64_t columns = 8; columns <= 88; columns += 8)
        check_product(k, 13, 24, columns, columns % 16 == 0, true);
    check_product(k, 205, 40, 24, true, true); /* more rows than go through all panels at a time */
}

static void test_kernels(void)
{
#if defined(__x86_64__)
    if (calr_cpu_vectors() >= CALR_VECTORS_AVX2)
        check_kernels(&calr_inverted_avx2);
    if (calr_cpu_vectors() >= CALR_VECTORS_AVX512)
        check_kernels(&calr_inverted_avx512);
    if (calr_cpu_has_bf16())
        check_kernels(&calr_inverted_avx512_bf16);
#endif
}

static void check_convolution(int64_t n, int64_t side, int64_t c_in, int64_t c_out)
{
    calr_conv2d g = {.n = n,
                     .h = side,
                     .w = side + 1,
                     .c_in = c_in,
                     .c_out = c_out,
                     .kh = 1,
                     .kw = 1,
                     .stride = {1, 1}};
    CHECK_OK(calr_conv2d_resolve(&g));
    int64_t pixels = n * g.h * g.w, nx = pixels * c_in, ny = pixels * c_out;
    int threads = calr_parallel_threads();
    float *x = random_array(nx, 1), *w = random_array(c_in * c_out, 2), *dy = random_array(ny, 3);
    float *bias = random_array(c_out, 4), *y[2], *dx[2];
    double *ey = double_array(ny), *edx = double_array(nx);
    for (int64_t at = 0; at < pixels; at++)
        for (int64_t o = 0; o < c_out; o++) {
            double sum = (double)bias[o];
            for (int64_t i = 0; i < c_in; i++) {
                sum += (double)w[o * c_in + i] * (double)x[at * c_in + i];
                edx[at * c_in + i] += (double)w[o * c_in + i] * (double)dy[at * c_out + o];
            }
            ey[at * c_out + o] = sum;
        }
    for (int t = 0; t < 2; t++) {
        y[t] = output_array(ny), dx[t] = output_array(nx);
        CHECK_OK(calr_parallel_set_threads(2 * t + 1));
        CHECK_OK(backend->conv2d_forward(&g, x, w, bias, y[t]));
        CHECK_ARRAY(y[t], ey, ny, 2e-5);
        CHECK_OK(backend->conv2d_backward_data(&g, w, dy, dx[t]));
        CHECK_ARRAY(dx[t], edx, nx, 2e-5);
    }
    CHECK(same_bits(y[0], y[1], ny) && same_bits(dx[0], dx[1], nx));
    CHECK_OK(calr_parallel_set_threads(threads));
    if (calr_cpu_vectors() >= CALR_VECTORS_AVX2)
        CHECK(calr_narrow_wanted(&g, CALR_CONV2D_FORWARD) &&
              calr_narrow_wanted(&g, CALR_CONV2D_BACKWARD_DATA) &&
              !calr_narrow_wanted(&g, CALR_CONV2D_BACKWARD_WEIGHTS));
    for (int t = 0; t < 2; t++)
        free(y[t]), free(dx[t]);
    free(x), free(w), free(dy), free(bias), free(ey), free(edx);
}

static void test_convolutions(void)
{
    check_convolution(9, 26, 16, 96);
    check_convolution(7, 23, 144, 24);
    check_convolution(6, 19, 40, 240);
}

int main(void)
{
    CHECK_OK(calr_backend_get(&backend));
    RUN(test_kernels);
    RUN(test_convolutions);
    return check_finish();
}
