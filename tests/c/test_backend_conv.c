/* Convolutions of every backend against the definition, summed in double. */
#include "base/bf16.h"
#include "base/size.h"
#include "test_backend.h"

static void reference_forward(const calr_conv2d *g, const float *x, const float *w,
                              const float *bias, double *y)
{
    for (int64_t n = 0; n < g->n; n++)
        for (int64_t r = 0; r < g->out_h; r++)
            for (int64_t c = 0; c < g->out_w; c++)
                for (int64_t o = 0; o < g->c_out; o++) {
                    double sum = bias ? (double)bias[o] : 0;
                    for (int64_t u = 0; u < g->kh; u++)
                        for (int64_t v = 0; v < g->kw; v++) {
                            int64_t i = r * g->stride[0] - g->padding[0] + u * g->dilation[0],
                                    j = c * g->stride[1] - g->padding[2] + v * g->dilation[1];
                            if (i < 0 || i >= g->h || j < 0 || j >= g->w)
                                continue;
                            int64_t inputs = g->c_in / g->groups,
                                    first = o / (g->c_out / g->groups) * inputs;
                            for (int64_t k = 0; k < inputs; k++)
                                sum +=
                                    (double)x[((n * g->h + i) * g->w + j) * g->c_in + first + k] *
                                    (double)w[((o * inputs + k) * g->kh + u) * g->kw + v];
                        }
                    y[((n * g->out_h + r) * g->out_w + c) * g->c_out + o] = sum;
                }
}

static void reference_backward(const calr_conv2d *g, const float *x, const float *w,
                               const float *dy, double *dx, double *dw, double *dbias)
{
    for (int64_t n = 0; n < g->n; n++)
        for (int64_t r = 0; r < g->out_h; r++)
            for (int64_t c = 0; c < g->out_w; c++)
                for (int64_t o = 0; o < g->c_out; o++) {
                    double d = (double)dy[((n * g->out_h + r) * g->out_w + c) * g->c_out + o];
                    dbias[o] += d;
                    for (int64_t u = 0; u < g->kh; u++)
                        for (int64_t v = 0; v < g->kw; v++) {
                            int64_t i = r * g->stride[0] - g->padding[0] + u * g->dilation[0],
                                    j = c * g->stride[1] - g->padding[2] + v * g->dilation[1];
                            if (i < 0 || i >= g->h || j < 0 || j >= g->w)
                                continue;
                            int64_t inputs = g->c_in / g->groups,
                                    first = o / (g->c_out / g->groups) * inputs;
                            for (int64_t k = 0; k < inputs; k++) {
                                int64_t at = ((n * g->h + i) * g->w + j) * g->c_in + first + k;
                                int64_t of = ((o * inputs + k) * g->kh + u) * g->kw + v;
                                dx[at] += d * (double)w[of];
                                dw[of] += d * (double)x[at];
                            }
                        }
                }
}

static int64_t size_x(const calr_conv2d *g)
{
    return g->n * g->h * g->w * g->c_in;
}

static int64_t size_w(const calr_conv2d *g)
{
    return g->c_out * (g->c_in / g->groups) * g->kh * g->kw;
}

static int64_t size_y(const calr_conv2d *g)
{
    return g->n * g->out_h * g->out_w * g->c_out;
}

/* All passes of one geometry on the selected backend: right, and the same bits twice. */
static void check_geometry(calr_conv2d g)
{
    CHECK_OK(calr_conv2d_resolve(&g));
    int64_t nx = size_x(&g), nw = size_w(&g), ny = size_y(&g);
    float *x = random_array(nx, 1), *w = random_array(nw, 2), *bias = random_array(g.c_out, 3);
    float *dy = random_array(ny, 4);
    double *ey = double_array(ny), *edx = double_array(nx), *edw = double_array(nw),
           *edb = double_array(g.c_out);
    float *first[4] = {0};
    reference_forward(&g, x, w, bias, ey);
    reference_backward(&g, x, w, dy, edx, edw, edb);
    for (int round = 0; round < 2; round++) {
        float *y = output_array(ny), *dx = output_array(nx), *dw = output_array(nw),
              *db = output_array(g.c_out);
        CHECK_OK(backend->conv2d_forward(&g, x, w, bias, y));
        CHECK_ARRAY(y, ey, ny, 2e-5);
        CHECK_OK(backend->conv2d_backward_data(&g, w, dy, dx));
        CHECK_ARRAY(dx, edx, nx, 2e-5);
        CHECK_OK(backend->conv2d_backward_weights(&g, x, dy, dw, db));
        CHECK_ARRAY(dw, edw, nw, 2e-5);
        CHECK_ARRAY(db, edb, g.c_out, 2e-5);
        float *now[4] = {y, dx, dw, db};
        int64_t size[4] = {ny, nx, nw, g.c_out};
        for (int i = 0; i < 4; i++) {
            CHECK(round == 0 || same_bits(now[i], first[i], size[i]));
            free(first[i]);
            first[i] = now[i];
        }
    }
    float *y = output_array(ny);
    for (int64_t i = 0; i < ny; i++)
        ey[i] -= (double)bias[i % g.c_out];
    CHECK_OK(backend->conv2d_forward(&g, x, w, NULL, y));
    CHECK_ARRAY(y, ey, ny, 2e-5);
    CHECK_OK(backend->conv2d_backward_weights(&g, x, dy, first[2], NULL));
    CHECK_ARRAY(first[2], edw, nw, 2e-5);
    for (int i = 0; i < 4; i++)
        free(first[i]);
    free(x), free(w), free(bias), free(dy), free(y);
    free(ey), free(edx), free(edw), free(edb);
}

static const calr_conv2d fixed[] = {
    {.n = 1, .h = 1, .w = 1, .c_in = 1, .c_out = 1, .kh = 1, .kw = 1, .stride = {1, 1}},
    {.n = 2,
     .h = 23,
     .w = 17,
     .c_in = 3,
     .c_out = 16,
     .kh = 7,
     .kw = 7,
     .stride = {2, 2},
     .padding = {3, 3, 3, 3}},
    {.n = 3,
     .h = 16,
     .w = 8,
     .c_in = 16,
     .c_out = 32,
     .kh = 3,
     .kw = 3,
     .stride = {1, 1},
     .padding = {1, 1, 1, 1}},
    {.n = 3,
     .h = 16,
     .w = 8,
     .c_in = 16,
     .c_out = 32,
     .kh = 3,
     .kw = 3,
     .stride = {2, 2},
     .padding = {1, 1, 1, 1}},
    {.n = 2, .h = 8, .w = 6, .c_in = 32, .c_out = 64, .kh = 1, .kw = 1, .stride = {1, 1}},
    {.n = 2, .h = 8, .w = 5, .c_in = 32, .c_out = 64, .kh = 1, .kw = 1, .stride = {2, 2}},
    {.n = 2,
     .h = 9,
     .w = 5,
     .c_in = 5,
     .c_out = 7,
     .kh = 1,
     .kw = 1,
     .stride = {1, 1},
     .padding = {1, 1, 1, 1}},
    {.n = 1, .h = 7, .w = 9, .c_in = 5, .c_out = 11, .kh = 3, .kw = 3, .stride = {3, 3}},
    {.n = 2,
     .h = 5,
     .w = 6,
     .c_in = 3,
     .c_out = 4,
     .kh = 3,
     .kw = 5,
     .stride = {1, 1},
     .padding = {2, 2, 2, 2}},
    {.n = 2,
     .h = 2,
     .w = 2,
     .c_in = 2,
     .c_out = 3,
     .kh = 5,
     .kw = 5,
     .stride = {2, 2},
     .padding = {4, 4, 4, 4}},
    {.n = 2,
     .h = 9,
     .w = 7,
     .c_in = 6,
     .c_out = 4,
     .kh = 3,
     .kw = 3,
     .stride = {1, 1},
     .padding = {1, 1, 1, 1},
     .groups = 2},
    {.n = 2,
     .h = 9,
     .w = 7,
     .c_in = 32,
     .c_out = 32,
     .kh = 3,
     .kw = 3,
     .stride = {2, 2},
     .padding = {1, 1, 1, 1},
     .groups = 4},
    {.n = 2,
     .h = 6,
     .w = 5,
     .c_in = 8,
     .c_out = 12,
     .kh = 1,
     .kw = 1,
     .stride = {1, 1},
     .groups = 4},
    {.n = 3,
     .h = 16,
     .w = 8,
     .c_in = 48,
     .c_out = 48,
     .kh = 3,
     .kw = 3,
     .stride = {1, 1},
     .padding = {1, 1, 1, 1},
     .groups = 48},
    {.n = 3,
     .h = 15,
     .w = 8,
     .c_in = 24,
     .c_out = 24,
     .kh = 3,
     .kw = 3,
     .stride = {2, 2},
     .padding = {1, 1, 1, 1},
     .groups = 24},
    {.n = 2,
     .h = 7,
     .w = 6,
     .c_in = 5,
     .c_out = 5,
     .kh = 5,
     .kw = 3,
     .stride = {1, 1},
     .padding = {3, 3, 3, 3},
     .groups = 5},
    {.n = 2,
     .h = 7,
     .w = 9,
     .c_in = 11,
     .c_out = 11,
     .kh = 2,
     .kw = 3,
     .stride = {3, 3},
     .padding = {1, 1, 1, 1},
     .groups = 11},
    {.n = 2,
     .h = 6,
     .w = 6,
     .c_in = 7,
     .c_out = 14,
     .kh = 3,
     .kw = 3,
     .stride = {1, 1},
     .padding = {1, 1, 1, 1},
     .groups = 7},
    {.n = 5,
     .h = 33,
     .w = 31,
     .c_in = 19,
     .c_out = 13,
     .kh = 3,
     .kw = 3,
     .stride = {1, 1},
     .padding = {1, 1, 1, 1}},
    /* Winograd's, with weights small and large, whole and cut tiles, more tiles than are taken at a
       time. */
    {.n = 6,
     .h = 8,
     .w = 12,
     .c_in = 64,
     .c_out = 96,
     .kh = 3,
     .kw = 3,
     .stride = {1, 1},
     .padding = {1, 1, 1, 1}},
    {.n = 7,
     .h = 11,
     .w = 7,
     .c_in = 96,
     .c_out = 32,
     .kh = 3,
     .kw = 3,
     .stride = {1, 1},
     .padding = {1, 1, 1, 1}},
    {.n = 20,
     .h = 16,
     .w = 8,
     .c_in = 32,
     .c_out = 64,
     .kh = 3,
     .kw = 3,
     .stride = {1, 1},
     .padding = {1, 1, 1, 1}},
    {.n = 1,
     .h = 23,
     .w = 23,
     .c_in = 128,
     .c_out = 192,
     .kh = 3,
     .kw = 3,
     .stride = {1, 1},
     .padding = {1, 1, 1, 1}},
};

#define FIXED (sizeof fixed / sizeof *fixed)
static double nested_worst[FIXED];

static void check_all(void)
{
    calr_rng rng = calr_rng_make(3, calr_rng_purpose("geometries"), 0, 0);
    for (size_t i = 0; i < FIXED; i++)
        check_geometry(fixed[i]);
    for (int i = 0; i < 80; i++) {
        calr_conv2d g = {
            .n = random_between(&rng, 1, 4),
            .h = random_between(&rng, 3, 14),
            .w = random_between(&rng, 3, 14),
            .c_in = random_between(&rng, 1, 20),
            .c_out = random_between(&rng, 1, 20),
            .kh = random_between(&rng, 1, 3),
            .kw = random_between(&rng, 1, 3),
            .stride = {random_between(&rng, 1, 2), random_between(&rng, 1, 2)},
            .padding = {random_between(&rng, 0, 2), random_between(&rng, 0, 2),
                        random_between(&rng, 0, 2), random_between(&rng, 0, 2)},
        };
        if (i % 3 == 1) /* what networks have */
            for (int d = 0; d < 4; d++)
                g.stride[d % 2] = g.stride[0], g.padding[d] = g.padding[0];
        if (i % 5 == 4)
            for (int d = 0; d < 2; d++)
                g.dilation[d] = random_between(&rng, 1, 3);
        g.same = i % 7 == 6;
        g.h += 4, g.w += 4; /* room for the widest kernel */
        int64_t groups = random_between(&rng, 1, 4);
        if (i % 4 == 2) /* groups */
            g.groups = groups, g.c_in *= groups, g.c_out *= groups;
        if (i % 4 == 3) /* depthwise */
            g.groups = g.c_out = g.c_in;
        check_geometry(g);
    }
}

/* Depthwise convolutions as networks and users have them: strips that end inside and outside of a row, vectors that
 * overlap, kernels larger than the map, every kind of border. */
static calr_conv2d random_depthwise(calr_rng *rng)
{
    static const int64_t kernels[] = {1, 2, 3, 3, 3, 5, 5, 7};
    calr_conv2d g = {.n = random_between(rng, 1, 3),
                     .h = random_between(rng, 1, 12),
                     .w = random_between(rng, 1, 35),
                     .c_in = random_between(rng, 2, 40),
                     .kh = kernels[random_between(rng, 0, 7)],
                     .kw = kernels[random_between(rng, 0, 7)],
                     .stride = {random_between(rng, 1, 3), random_between(rng, 1, 3)}};
    if (random_between(rng, 0, 2) > 0) /* what networks have */
        g.kw = g.kh, g.stride[0] = g.stride[1] = random_between(rng, 1, 2);
    for (int side = 0; side < 2; side++) {
        g.dilation[side] = random_between(rng, 0, 4) ? 1 : 2;
        int64_t whole = (side ? g.kw - 1 : g.kh - 1) * g.dilation[side], before = whole / 2;
        g.padding[2 * side] = before + (random_between(rng, 0, 3) ? 0 : whole - 2 * before);
        g.padding[2 * side + 1] = whole - before;
    }
    g.groups = g.c_out = g.c_in;
    return g;
}

static void *rounded(int64_t count, const float *from)
{
    calr_bf16 *to = calr_array_new(count, sizeof *to);
    calr_bf16_round(count, from, to);
    return to;
}

static float *wide_copy(int64_t count, const calr_bf16 *from)
{
    float *to = output_array(count);
    calr_bf16_widen(count, from, to);
    return to;
}

static void check_same_halves(const calr_bf16 *got, const float *expected, int64_t count)
{
    calr_bf16 *want = rounded(count, expected);
    CHECK(memcmp(got, want, (size_t)count * sizeof *want) == 0);
    free(want);
}

/* bf16 maps give what their numbers give in f32, rounded once: the sums are the same ones. */
static void check_halves(calr_conv2d g)
{
    CHECK_OK(calr_conv2d_resolve(&g));
    calr_conv2d half = g;
    half.dtype = CALR_BF16;
    int64_t nx = size_x(&g), nw = size_w(&g), ny = size_y(&g);
    float *any_x = random_array(nx, 1), *w = random_array(nw, 2), *bias = random_array(g.c_out, 3);
    float *any_dy = random_array(ny, 4);
    calr_bf16 *x = rounded(nx, any_x), *dy = rounded(ny, any_dy), *y = rounded(ny, any_dy);
    calr_bf16 *dx = rounded(nx, any_x);
    float *wide_x = wide_copy(nx, x), *wide_dy = wide_copy(ny, dy);
    float *wide_y = output_array(ny), *wide_dx = output_array(nx), *dw[2], *db[2];
    for (int i = 0; i < 2; i++)
        dw[i] = output_array(nw), db[i] = output_array(g.c_out);
    CHECK_OK(backend->conv2d_forward(&g, wide_x, w, bias, wide_y));
    CHECK_OK(backend->conv2d_forward(&half, x, w, bias, y));
    check_same_halves(y, wide_y, ny);
    CHECK_OK(backend->conv2d_backward_data(&g, w, wide_dy, wide_dx));
    CHECK_OK(backend->conv2d_backward_data(&half, w, dy, dx));
    check_same_halves(dx, wide_dx, nx);
    CHECK_OK(backend->conv2d_backward_weights(&g, wide_x, wide_dy, dw[0], db[0]));
    CHECK_OK(backend->conv2d_backward_weights(&half, x, dy, dw[1], db[1]));
    CHECK(same_bits(dw[0], dw[1], nw));
    for (int i = 0; i < 2; i++)
        free(dw[i]), free(db[i]);
    free(any_x), free(w), free(bias), free(any_dy), free(x), free(dy), free(y), free(dx);
    free(wide_x), free(wide_dy), free(wide_y), free(wide_dx);
}

static void test_depthwise(void)
{
    static const char *const backends[] = {"portable", "onednn"};
    for (int b = 0; b < 2; b++) {
        calr_rng rng = calr_rng_make(4, calr_rng_purpose("depthwise"), 0, 0);
        if (!use_backend(backends[b]))
            continue;
        for (int i = 0; i < 70; i++) {
            calr_conv2d g = random_depthwise(&rng);
            check_geometry(g);
            if (b == 0) /* oneDNN's own bf16 code rounds weights too */
                check_halves(g);
        }
    }
}

static void test_portable(void)
{
    if (use_backend("portable"))
        check_all();
}

static void test_onednn(void)
{
    if (use_backend("onednn"))
        check_all();
    else
        printf("     built without oneDNN\n");
}

static void nested_body(void *context, int64_t begin, int64_t end, int worker)
{
    (void)context, (void)worker;
    for (int64_t i = begin; i < end; i++) {
        calr_conv2d g = fixed[i];
        if (g.c_in * g.c_out > 2048 || calr_conv2d_resolve(&g) != CALR_OK)
            continue;
        float *x = random_array(size_x(&g), 1), *w = random_array(size_w(&g), 2),
              *y = output_array(size_y(&g));
        double *e = double_array(size_y(&g));
        reference_forward(&g, x, w, NULL, e);
        nested_worst[i] = backend->conv2d_forward(&g, x, w, NULL, y) == CALR_OK
                              ? difference(y, e, size_y(&g))
                              : INFINITY;
        free(x), free(w), free(y), free(e);
    }
}

/* Other numbers of threads than the one that plans were first made for, and from inside a parallel
 * body. */
static void check_threads(void)
{
    int threads = calr_parallel_threads();
    for (int t = 1; t <= 3; t++) {
        CHECK_OK(calr_parallel_set_threads(t));
        for (size_t i = 0; i < FIXED; i++)
            if (fixed[i].c_in * fixed[i].c_out <= 2048) /* the reference is slow */
                check_geometry(fixed[i]);
        calr_parallel_for(FIXED, 1, nested_body, NULL);
        for (size_t i = 0; i < FIXED; i++)
            CHECK_NEAR(nested_worst[i], 0, 2e-5);
    }
    CHECK_OK(calr_parallel_set_threads(threads));
}

static void test_threads(void)
{
    if (use_backend("portable"))
        check_threads();
    if (use_backend("onednn"))
        check_threads();
}

/* No images: nothing to write forwards, zero gradients of the weights. */
static void check_empty(void)
{
    calr_conv2d g = {.n = 0,
                     .h = 8,
                     .w = 4,
                     .c_in = 3,
                     .c_out = 5,
                     .kh = 3,
                     .kw = 3,
                     .stride = {1, 1},
                     .padding = {1, 1, 1, 1}};
    CHECK_OK(calr_conv2d_resolve(&g));
    float *w = random_array(size_w(&g), 1), *none = random_array(0, 0),
          *dw = output_array(size_w(&g));
    float *db = output_array(5);
    double *zeros = double_array(size_w(&g));
    CHECK_OK(backend->conv2d_forward(&g, none, w, NULL, none));
    CHECK_OK(backend->conv2d_backward_data(&g, w, none, none));
    CHECK_OK(backend->conv2d_backward_weights(&g, none, none, dw, db));
    CHECK(none[0] == CANARY);
    CHECK_ARRAY(dw, zeros, size_w(&g), 0);
    CHECK_ARRAY(db, zeros, 5, 0);
    free(w), free(none), free(dw), free(db), free(zeros);
}

static void test_empty(void)
{
    if (use_backend("portable"))
        check_empty();
    if (use_backend("onednn"))
        check_empty();
}

static void test_bad_geometry(void)
{
    const calr_conv2d good = {
        .n = 1, .h = 4, .w = 4, .c_in = 1, .c_out = 1, .kh = 3, .kw = 3, .stride = {1, 1}};
    calr_conv2d g = good;
    g.kh = 5;
    CHECK_FAILS(calr_conv2d_resolve(&g), CALR_EINVAL, "kernel of 5");
    g = good, g.stride[1] = 0;
    CHECK_FAILS(calr_conv2d_resolve(&g), CALR_EINVAL, "stride");
    g = good, g.n = -1;
    CHECK_FAILS(calr_conv2d_resolve(&g), CALR_EINVAL, "images");
    g = good, g.padding[3] = -1;
    CHECK_FAILS(calr_conv2d_resolve(&g), CALR_EINVAL, "padding");
    g = good, g.h = INT64_MAX;
    CHECK_FAILS(calr_conv2d_resolve(&g), CALR_EINVAL, "height");
    g = good, g.groups = -1;
    CHECK_FAILS(calr_conv2d_resolve(&g), CALR_EINVAL, "groups");
    g = good, g.c_in = 6, g.c_out = 4, g.groups = 3;
    CHECK_FAILS(calr_conv2d_resolve(&g), CALR_EINVAL, "3 groups must divide");
    g = good, g.n = g.h = g.w = (int64_t)1 << 30;
    CHECK_FAILS(calr_conv2d_resolve(&g), CALR_ENOMEM, "too many");
    g = good, g.dilation[0] = 2;
    CHECK_FAILS(calr_conv2d_resolve(&g), CALR_EINVAL, "kernel of 5");
    g = good, g.dilation[1] = -1;
    CHECK_FAILS(calr_conv2d_resolve(&g), CALR_EINVAL, "dilation");
    g = good, g.h = 6, g.stride[0] = g.stride[1] = 2;
    CHECK_OK(calr_conv2d_resolve(&g));
    CHECK_INT(g.groups, 1);
    CHECK_INT(g.out_h, 2);
    CHECK_INT(g.out_w, 1);
}

/* As many outputs as inputs, divided by the stride; of an odd number of zeros the last is at the end. */
static void test_same(void)
{
    for (int64_t side = 1; side < 20; side++)
        for (int64_t kernel = 1; kernel < 6; kernel++)
            for (int64_t stride = 1; stride < 4; stride++) {
                calr_conv2d g = {.n = 1,
                                 .h = side,
                                 .w = side,
                                 .c_in = 1,
                                 .c_out = 1,
                                 .kh = kernel,
                                 .kw = 1,
                                 .stride = {stride, 1},
                                 .dilation = {2, 1},
                                 .same = 1};
                CHECK_OK(calr_conv2d_resolve(&g));
                CHECK_INT(g.out_h, (side + stride - 1) / stride);
                CHECK_INT(g.out_w, side);
                CHECK(g.padding[1] - g.padding[0] == 0 || g.padding[1] - g.padding[0] == 1);
                CHECK_INT(g.padding[2] + g.padding[3], 0);
            }
}

/* The geometries that ResNets and the small networks are made of must not fall to slow code. */
static const calr_conv2d representative[] = {
    {.n = 64,
     .h = 256,
     .w = 128,
     .c_in = 3,
     .c_out = 64,
     .kh = 7,
     .kw = 7,
     .stride = {2, 2},
     .padding = {3, 3, 3, 3}},
    {.n = 64, .h = 64, .w = 32, .c_in = 64, .c_out = 64, .kh = 1, .kw = 1, .stride = {1, 1}},
    {.n = 64,
     .h = 64,
     .w = 32,
     .c_in = 64,
     .c_out = 64,
     .kh = 3,
     .kw = 3,
     .stride = {1, 1},
     .padding = {1, 1, 1, 1}},
    {.n = 64, .h = 64, .w = 32, .c_in = 256, .c_out = 512, .kh = 1, .kw = 1, .stride = {2, 2}},
    {.n = 64,
     .h = 64,
     .w = 32,
     .c_in = 128,
     .c_out = 128,
     .kh = 3,
     .kw = 3,
     .stride = {2, 2},
     .padding = {1, 1, 1, 1}},
    {.n = 64, .h = 16, .w = 8, .c_in = 512, .c_out = 2048, .kh = 1, .kw = 1, .stride = {1, 1}},
    {.n = 64,
     .h = 16,
     .w = 8,
     .c_in = 512,
     .c_out = 512,
     .kh = 3,
     .kw = 3,
     .stride = {1, 1},
     .padding = {1, 1, 1, 1}},
    {.n = 64,
     .h = 64,
     .w = 32,
     .c_in = 3,
     .c_out = 16,
     .kh = 3,
     .kw = 3,
     .stride = {1, 1},
     .padding = {1, 1, 1, 1}},
    {.n = 64,
     .h = 64,
     .w = 32,
     .c_in = 3,
     .c_out = 32,
     .kh = 3,
     .kw = 3,
     .stride = {2, 2},
     .padding = {1, 1, 1, 1}},
    {.n = 64,
     .h = 64,
     .w = 32,
     .c_in = 16,
     .c_out = 32,
     .kh = 3,
     .kw = 3,
     .stride = {2, 2},
     .padding = {1, 1, 1, 1}},
    {.n = 1,
     .h = 32,
     .w = 16,
     .c_in = 32,
     .c_out = 64,
     .kh = 3,
     .kw = 3,
     .stride = {1, 1},
     .padding = {1, 1, 1, 1}},
    {.n = 64,
     .h = 64,
     .w = 32,
     .c_in = 16,
     .c_out = 16,
     .kh = 3,
     .kw = 3,
     .stride = {1, 1},
     .padding = {1, 1, 1, 1},
     .groups = 16},
    {.n = 37,
     .h = 32,
     .w = 16,
     .c_in = 24,
     .c_out = 48,
     .kh = 3,
     .kw = 3,
     .stride = {1, 1},
     .padding = {1, 1, 1, 1}},
};

static void test_names(void)
{
    static const char *const pass_name[] = {"forward", "data", "weights"};
    if (!use_backend("onednn"))
        return;
    for (size_t i = 0; i < sizeof representative / sizeof *representative; i++)
        for (calr_conv2d_pass pass = CALR_CONV2D_FORWARD; pass <= CALR_CONV2D_BACKWARD_WEIGHTS;
             pass++) {
            calr_conv2d g = representative[i];
            char name[64];
            CHECK_OK(calr_conv2d_resolve(&g));
            CHECK_OK(calr_backend_conv2d_name(&g, pass, name, sizeof name));
            if (g.c_in == 3 && pass == CALR_CONV2D_BACKWARD_DATA)
                continue; /* nobody asks for the gradient of an image */
            CHECK(strncmp(name, "ref", 3) != 0);
            if (!CHECK(strncmp(name, "portable: im2col", 16) != 0))
                fprintf(stderr, "    geometry %zu, %s: %s\n", i, pass_name[pass], name);
        }
}

/* Depthwise code for depthwise convolutions: oneDNN 3 offers code first that pads each channel to a block. */
static void test_depthwise_names(void)
{
    if (!use_backend("onednn"))
        return;
    for (int side = 2; side <= 64; side *= 2)
        for (int stride = 1; stride <= 2; stride++)
            for (int pass = CALR_CONV2D_FORWARD; pass <= CALR_CONV2D_BACKWARD_WEIGHTS; pass++)
                for (int half = 0; half < 2; half++) {
                    calr_conv2d g = {.n = 2,
                                     .h = side,
                                     .w = side,
                                     .c_in = 192,
                                     .c_out = 192,
                                     .kh = 3,
                                     .kw = 3,
                                     .stride = {stride, stride},
                                     .padding = {1, 1, 1, 1},
                                     .groups = 192,
                                     .dtype = half ? CALR_BF16 : CALR_F32};
                    char name[64];
                    CHECK_OK(calr_conv2d_resolve(&g));
                    CHECK_OK(
                        calr_backend_conv2d_name(&g, (calr_conv2d_pass)pass, name, sizeof name));
                    CHECK(!strstr(name, "brgconv"));
                }
}

int main(void)
{
    RUN(test_portable);
    RUN(test_onednn);
    RUN(test_depthwise);
    RUN(test_threads);
    RUN(test_empty);
    RUN(test_bad_geometry);
    RUN(test_same);
    RUN(test_names);
    RUN(test_depthwise_names);
    return check_finish();
}
