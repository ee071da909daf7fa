/* Winograd's convolutions beyond what test_backend_conv compares: as many tiles, with as many weights, that they are
 * taken in more than one go, and how exact the results are. */
#include "test_backend.h"

static bool by_winograd(const calr_conv2d *g)
{
    char name[64];
    for (calr_conv2d_pass pass = CALR_CONV2D_FORWARD; pass <= CALR_CONV2D_BACKWARD_WEIGHTS; pass++)
        if (calr_backend_conv2d_name(g, pass, name, sizeof name) != CALR_OK ||
            strncmp(name, "winograd", 8) != 0)
            return false;
    return true;
}

/* One number of each result by its definition. */
static double one_output(const calr_conv2d *g, const float *x, const float *w, int64_t at)
{
    int64_t o = at % g->c_out, c = at / g->c_out % g->w, r = at / g->c_out / g->w % g->h,
            n = at / g->c_out / g->w / g->h;
    double sum = 0;
    for (int64_t i = r - 1; i <= r + 1; i++)
        for (int64_t j = c - 1; j <= c + 1; j++)
            for (int64_t k = 0; k < g->c_in && i >= 0 && i < g->h && j >= 0 && j < g->w; k++)
                sum += (double)x[((n * g->h + i) * g->w + j) * g->c_in + k] *
                       (double)w[(o * g->c_in + k) * 9 + (i - r + 1) * 3 + j - c + 1];
    return sum;
}

static double one_input_gradient(const calr_conv2d *g, const float *w, const float *dy, int64_t at)
{
    int64_t k = at % g->c_in, c = at / g->c_in % g->w, r = at / g->c_in / g->w % g->h,
            n = at / g->c_in / g->w / g->h;
    double sum = 0;
    for (int64_t i = r - 1; i <= r + 1; i++)
        for (int64_t j = c - 1; j <= c + 1; j++)
            for (int64_t o = 0; o < g->c_out && i >= 0 && i < g->h && j >= 0 && j < g->w; o++)
                sum += (double)dy[((n * g->h + i) * g->w + j) * g->c_out + o] *
                       (double)w[(o * g->c_in + k) * 9 + (r - i + 1) * 3 + c - j + 1];
    return sum;
}

static double one_weight_gradient(const calr_conv2d *g, const float *x, const float *dy, int64_t at)
{
    int64_t v = at % 3 - 1, u = at / 3 % 3 - 1, k = at / 9 % g->c_in, o = at / 9 / g->c_in;
    double sum = 0;
    for (int64_t n = 0; n < g->n; n++)
        for (int64_t r = 0; r < g->h; r++)
            for (int64_t c = 0; c < g->w; c++)
                if (r + u >= 0 && r + u < g->h && c + v >= 0 && c + v < g->w)
                    sum += (double)dy[((n * g->h + r) * g->w + c) * g->c_out + o] *
                           (double)x[((n * g->h + r + u) * g->w + c + v) * g->c_in + k];
    return sum;
}

/* The deviation of 300 numbers from their definitions, relative to the definitions': a standard
 * deviation, which hardly depends on the numbers that are looked at. */
typedef struct sample {
    double off, size;
} sample;

static void add_sample(sample *s, float is, double should)
{
    s->off += ((double)is - should) * ((double)is - should);
    s->size += should * should;
}

static void check_samples(const calr_conv2d *g, const float *x, const float *w, const float *dy,
                          const float *y, const float *dx, const float *dw, double limit,
                          double gradient_limit)
{
    calr_rng rng = calr_rng_make(5, calr_rng_purpose("samples"), 0, 0);
    int64_t pixels = g->n * g->h * g->w;
    sample of_y = {0}, of_dx = {0}, of_dw = {0};
    for (int i = 0; i < 300; i++) {
        int64_t at_y = random_between(&rng, 0, pixels * g->c_out - 1),
                at_dx = random_between(&rng, 0, pixels * g->c_in - 1),
                at_dw = random_between(&rng, 0, g->c_out * g->c_in * 9 - 1);
        add_sample(&of_y, y[at_y], one_output(g, x, w, at_y));
        add_sample(&of_dx, dx[at_dx], one_input_gradient(g, w, dy, at_dx));
        add_sample(&of_dw, dw[at_dw], one_weight_gradient(g, x, dy, at_dw));
    }
    CHECK_NEAR(sqrt(of_y.off / of_y.size), 0, limit);
    CHECK_NEAR(sqrt(of_dx.off / of_dx.size), 0, gradient_limit);
    CHECK_NEAR(sqrt(of_dw.off / of_dw.size), 0, gradient_limit);
}

/* All passes, of all images and of two parts of them: what images give does not depend on the other
 * images, though the tiles of the whole do not fit where those of the parts do. */
static void check_parts(calr_conv2d g, int64_t first_images, double limit, double gradient_limit)
{
    CHECK_OK(calr_conv2d_resolve(&g));
    int64_t pixels = g.n * g.h * g.w, nx = pixels * g.c_in, ny = pixels * g.c_out,
            nw = g.c_out * g.c_in * 9;
    float *x = random_array(nx, 1), *w = random_array(nw, 2), *dy = random_array(ny, 3);
    float *y = output_array(ny), *dx = output_array(nx), *dw = output_array(nw);
    CHECK_OK(backend->conv2d_forward(&g, x, w, NULL, y));
    CHECK_OK(backend->conv2d_backward_data(&g, w, dy, dx));
    CHECK_OK(backend->conv2d_backward_weights(&g, x, dy, dw, NULL));
    CHECK(y[ny] == CANARY && dx[nx] == CANARY && dw[nw] == CANARY);
    if (by_winograd(&g))
        check_samples(&g, x, w, dy, y, dx, dw, limit, gradient_limit);
    else
        check_samples(&g, x, w, dy, y, dx, dw, 1e-5, 1e-5);

    float *part_y = output_array(ny), *part_dx = output_array(nx), *part_dw = output_array(nw);
    double *sum_dw = double_array(nw);
    bool parts_too = true;
    for (int64_t begin = 0; begin < g.n; begin += first_images) {
        calr_conv2d part = g;
        part.n = g.n - begin < first_images ? g.n - begin : first_images;
        parts_too = parts_too && by_winograd(&part);
        int64_t at = begin * g.h * g.w;
        CHECK_OK(backend->conv2d_forward(&part, x + at * g.c_in, w, NULL, part_y + at * g.c_out));
        CHECK_OK(backend->conv2d_backward_data(&part, w, dy + at * g.c_out, part_dx + at * g.c_in));
        CHECK_OK(backend->conv2d_backward_weights(&part, x + at * g.c_in, dy + at * g.c_out,
                                                  part_dw, NULL));
        for (int64_t i = 0; i < nw; i++)
            sum_dw[i] += (double)part_dw[i];
    }
    if (parts_too) {
        CHECK(same_bits(y, part_y, ny));
        CHECK(same_bits(dx, part_dx, nx));
    }
    CHECK_ARRAY(dw, sum_dw, nw, 1e-5);
    free(x), free(w), free(dy), free(y), free(dx), free(dw);
    free(part_y), free(part_dx), free(part_dw), free(sum_dw);
}

/* 58 images of 16x8 with 512 + 512 channels: 464 tiles of 4x4 and 928 of 4x2, where 64 MB hold 455
 * and 682. */
static void test_more_tiles_than_fit(void)
{
    calr_conv2d g = {.n = 58,
                     .h = 16,
                     .w = 8,
                     .c_in = 512,
                     .c_out = 512,
                     .kh = 3,
                     .kw = 3,
                     .stride = {1, 1},
                     .padding = {1, 1, 1, 1}};
    if (use_backend("onednn"))
        check_parts(g, 40, 5e-7, 1e-6);
}

/* The limits that docs/decisions/winograd.md promises, relative to the root of the mean square. */
static void test_exactness(void)
{
    static const int64_t channels[] = {64, 128, 256};
    for (int i = 0; i < 3; i++) {
        calr_conv2d g = {.n = 8,
                         .h = 13,
                         .w = 9,
                         .c_in = channels[i],
                         .c_out = channels[i],
                         .kh = 3,
                         .kw = 3,
                         .stride = {1, 1},
                         .padding = {1, 1, 1, 1}};
        if (use_backend("onednn"))
            check_parts(g, 5, 5e-7, 1e-6);
    }
}

/* The same bits with any number of threads. */
static void test_threads(void)
{
    int threads = calr_parallel_threads();
    calr_conv2d g = {.n = 9,
                     .h = 15,
                     .w = 8,
                     .c_in = 64,
                     .c_out = 96,
                     .kh = 3,
                     .kw = 3,
                     .stride = {1, 1},
                     .padding = {1, 1, 1, 1}};
    if (!use_backend("onednn"))
        return;
    CHECK_OK(calr_conv2d_resolve(&g));
    if (!by_winograd(&g)) {
        printf("     not by Winograd's algorithm on this processor\n");
        return;
    }
    int64_t pixels = g.n * g.h * g.w, size[3] = {pixels * 96, pixels * 64, 9 * 64 * 96};
    float *x = random_array(size[1], 1), *w = random_array(size[2], 2),
          *dy = random_array(size[0], 3), *first[3] = {0};
    for (int t = 1; t <= 4; t++) {
        float *now[3];
        CHECK_OK(calr_parallel_set_threads(t));
        for (int i = 0; i < 3; i++)
            now[i] = output_array(size[i]);
        CHECK_OK(backend->conv2d_forward(&g, x, w, NULL, now[0]));
        CHECK_OK(backend->conv2d_backward_data(&g, w, dy, now[1]));
        CHECK_OK(backend->conv2d_backward_weights(&g, x, dy, now[2], NULL));
        for (int i = 0; i < 3; i++) {
            CHECK(t == 1 || same_bits(now[i], first[i], size[i]));
            free(first[i]);
            first[i] = now[i];
        }
    }
    CHECK_OK(calr_parallel_set_threads(threads));
    for (int i = 0; i < 3; i++)
        free(first[i]);
    free(x), free(w), free(dy);
}

int main(void)
{
    RUN(test_more_tiles_than_fit);
    RUN(test_exactness);
    RUN(test_threads);
    return check_finish();
}
