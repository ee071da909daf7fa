/* bf16: the conversions, and every kernel against itself in f32 on the same (rounded) numbers. */
#include "test_backend.h"

#include "backend/frozen.h"
#include "tensor/tensor.h"

static float of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Every bf16, and the f32 around and halfway between it and the next. */
static void test_rounding(void)
{
    int wrong = 0;
    for (uint32_t i = 0; i < 0x10000; i++) {
        float value = calr_bf16_to_f32((calr_bf16)i);
        if (value != value) {
            calr_bf16 back = calr_bf16_from_f32(value);
            float low = calr_bf16_to_f32(calr_bf16_from_f32(of_bits(i << 16 | 1)));
            wrong += back != (i | 0x40) || low == low;
            continue;
        }
        wrong += calr_bf16_from_f32(value) != i;
        if ((i & 0x7FFF) == 0x7F80)
            continue; /* nothing beyond infinity */
        uint32_t even = i & 1 ? i + 1 : i;
        wrong += calr_bf16_from_f32(of_bits(i << 16 | 0x7FFF)) != i;
        wrong += calr_bf16_from_f32(of_bits(i << 16 | 0x8000)) != even;
        wrong += calr_bf16_from_f32(of_bits(i << 16 | 0x8001)) != i + 1;
    }
    CHECK_INT(wrong, 0);
    CHECK_INT(calr_bf16_from_f32(of_bits(0x7F800001)), 0x7FC0); /* NaN with a low payload only */
    CHECK_INT(calr_bf16_from_f32(3.4e38f), 0x7F80);             /* rounds to infinity */
}

/* A double is rounded once, not by way of f32; rows and single numbers agree. */
static void test_tensors(void)
{
    calr_tensor *x, *y, *back;
    char text[CALR_TENSOR_TEXT];
    int64_t n = 70001;
    CHECK_OK(calr_tensor_new(CALR_BF16, 1, &n, &x));
    CHECK_STRING(calr_tensor_describe(x, text), "bf16[70001]");
    CHECK_INT(calr_tensor_bytes(x), 140002);
    CHECK_OK(calr_tensor_set(x, (int64_t[]){0}, 1 + 0x1p-8 + 0x1p-40));
    CHECK_INT(calr_tensor_bf16(x)[0], 0x3F81);
    CHECK_OK(calr_tensor_set(x, (int64_t[]){0}, 1 + 0x1p-8 - 0x1p-40));
    CHECK_INT(calr_tensor_bf16(x)[0], 0x3F80);
    CHECK_OK(calr_tensor_set(x, (int64_t[]){0}, -1e300));
    CHECK_INT(calr_tensor_bf16(x)[0], 0xFF80);
    calr_tensor_release(x);
    float *numbers = random_array(n, 1);
    CHECK_OK(calr_tensor_wrap(CALR_F32, 1, &n, numbers, NULL, NULL, &x));
    CHECK_OK(calr_tensor_cast(x, CALR_BF16, &y));
    CHECK_OK(calr_tensor_cast(y, CALR_F32, &back));
    int wrong = 0;
    for (int64_t i = 0; i < n; i++)
        wrong += calr_tensor_bf16(y)[i] != calr_bf16_from_f32(numbers[i]) ||
                 calr_tensor_f32(back)[i] != calr_bf16_to_f32(calr_tensor_bf16(y)[i]);
    CHECK_INT(wrong, 0);
    calr_tensor_release(x), calr_tensor_release(y), calr_tensor_release(back);
    free(numbers);
}

/* ---- kernels ---- */

/* An array in both types, with the same numbers in it; a canary after the last. */
typedef struct pair {
    int64_t n;
    float *f;
    calr_bf16 *h;
} pair;

static pair pair_of(int64_t n, uint64_t index)
{
    pair p = {n, random_array(n, index), malloc(((size_t)n + 1) * sizeof(calr_bf16))};
    for (int64_t i = 0; i <= n; i++) {
        p.h[i] = calr_bf16_from_f32(p.f[i]);
        p.f[i] = calr_bf16_to_f32(p.h[i]);
    }
    return p;
}

static pair pair_output(int64_t n)
{
    pair p = pair_of(n, 99);
    for (int64_t i = 0; i < n; i++)
        p.f[i] = NAN, p.h[i] = 0x7FC0;
    return p;
}

static void pair_free(pair p)
{
    free(p.f);
    free(p.h);
}

/* One rounding apart: every bf16 is the f32 result, rounded. */
static bool rounded(pair p)
{
    for (int64_t i = 0; i < p.n; i++)
        if (calr_bf16_from_f32(p.f[i]) != p.h[i])
            return false;
    return p.h[p.n] == calr_bf16_from_f32(CANARY);
}

/* The same where both results come from sums whose last bit may differ: one number in a thousand may be rounded the
 * other way. */
static bool nearly_rounded(pair p)
{
    int64_t apart = 0;
    for (int64_t i = 0; i < p.n; i++) {
        int steps = (int)calr_bf16_from_f32(p.f[i]) - (int)p.h[i];
        if (steps < -1 || steps > 1)
            return false;
        apart += steps != 0;
    }
    return apart <= 1 + p.n / 1000 && p.h[p.n] == calr_bf16_from_f32(CANARY);
}

static void check_elements(int64_t n)
{
    pair a = pair_of(n, 1), b = pair_of(n, 2), y = pair_output(n);
#define BOTH(call_f, call_h)                                                                       \
    do {                                                                                           \
        call_f;                                                                                    \
        call_h;                                                                                    \
        CHECK(rounded(y));                                                                         \
    } while (0)
    calr_pairing one = calr_pairing_of(n);
#define BINARY(op)                                                                                 \
    BOTH(CHECK_OK(backend->binary(op, CALR_F32, &one, a.f, b.f, y.f)),                             \
         CHECK_OK(backend->binary(op, CALR_BF16, &one, a.h, b.h, y.h)))
    BOTH(backend->unary_backward(CALR_RELU, CALR_F32, n, NULL, a.f, b.f, y.f),
         backend->unary_backward(CALR_RELU, CALR_BF16, n, NULL, a.h, b.h, y.h));
    BINARY(CALR_ADD);
    BINARY(CALR_SUB);
    BINARY(CALR_MUL);
    BINARY(CALR_DIV);
    BOTH(backend->unary(CALR_RELU, CALR_F32, n, NULL, a.f, y.f),
         backend->unary(CALR_RELU, CALR_BF16, n, NULL, a.h, y.h));
    BOTH(backend->axpy(CALR_F32, n, 0.7f, b.f, y.f), backend->axpy(CALR_BF16, n, 0.7f, b.h, y.h));
    BOTH(backend->scale(CALR_F32, n, 0.3f, a.f, y.f), backend->scale(CALR_BF16, n, 0.3f, a.h, y.h));
    BOTH(backend->affine(CALR_F32, n, 3, -1, a.f, y.f),
         backend->affine(CALR_BF16, n, 3, -1, a.h, y.h));
    memcpy(y.f, a.f, (size_t)n * sizeof *y.f), memcpy(y.h, a.h, (size_t)n * sizeof *y.h);
    BOTH(CHECK_OK(backend->binary(CALR_ADD, CALR_F32, &one, y.f, b.f, y.f)),
         CHECK_OK(backend->binary(CALR_ADD, CALR_BF16, &one, y.h, b.h, y.h)));
    pair_free(a), pair_free(b), pair_free(y);
}

static void test_elements(void)
{
    static const int64_t sizes[] = {0, 1, 7, 33, 32768, 100003};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        check_elements(sizes[i]);
}

static void check_max_pool(calr_pool2d pool)
{
    CHECK_OK(calr_pool2d_resolve(&pool));
    int64_t in = pool.n * pool.h * pool.w * pool.c, out = pool.n * pool.out_h * pool.out_w * pool.c;
    pair x = pair_of(in, 1), dy = pair_of(out, 2), y = pair_output(out), dx = pair_output(in);
    uint8_t *f = malloc((size_t)out + 1), *h = malloc((size_t)out + 1);
    calr_pool2d half = pool;
    half.dtype = CALR_BF16;
    CHECK_OK(backend->max_pool_forward(&pool, x.f, y.f, f));
    CHECK_OK(backend->max_pool_forward(&half, x.h, y.h, h));
    CHECK(rounded(y) && memcmp(f, h, (size_t)out) == 0);
    CHECK_OK(backend->max_pool_forward(&half, x.h, y.h, NULL));
    CHECK(rounded(y));
    CHECK_OK(backend->max_pool_backward(&pool, f, dy.f, dx.f));
    CHECK_OK(backend->max_pool_backward(&half, h, dy.h, dx.h));
    CHECK(rounded(dx));
    pair_free(x), pair_free(dy), pair_free(y), pair_free(dx);
    free(f), free(h);
}

static void check_global(int64_t n, int64_t area, int64_t c)
{
    pair x = pair_of(n * area * c, 1), dx = pair_output(n * area * c);
    float *dy = random_array(n * c, 2), *y = output_array(n * c), *z = output_array(n * c);
    float dp, dp_half;
    CHECK_OK(backend->avg_pool_forward(CALR_F32, n, area, c, x.f, y));
    CHECK_OK(backend->avg_pool_forward(CALR_BF16, n, area, c, x.h, z));
    CHECK(same_bits(y, z, n * c));
    CHECK_OK(backend->avg_pool_backward(CALR_F32, n, area, c, dy, dx.f));
    CHECK_OK(backend->avg_pool_backward(CALR_BF16, n, area, c, dy, dx.h));
    CHECK(rounded(dx));
    CHECK_OK(backend->gem_forward(CALR_F32, n, area, c, 3, 1e-6f, x.f, y));
    CHECK_OK(backend->gem_forward(CALR_BF16, n, area, c, 3, 1e-6f, x.h, z));
    CHECK(same_bits(y, z, n * c));
    CHECK_OK(backend->gem_backward(CALR_F32, n, area, c, 3, 1e-6f, x.f, y, dy, dx.f, &dp));
    CHECK_OK(backend->gem_backward(CALR_BF16, n, area, c, 3, 1e-6f, x.h, y, dy, dx.h, &dp_half));
    CHECK(rounded(dx) && dp == dp_half);
    pair_free(x), pair_free(dx);
    free(dy), free(y), free(z);
}

static void test_pools(void)
{
    check_max_pool(
        (calr_pool2d){.n = 2, .h = 9, .w = 6, .c = 5, .kernel = 3, .stride = 2, .padding = 1});
    check_max_pool(
        (calr_pool2d){.n = 3, .h = 16, .w = 8, .c = 300, .kernel = 3, .stride = 2, .padding = 1});
    check_max_pool((calr_pool2d){.n = 1, .h = 4, .w = 4, .c = 1, .kernel = 2, .stride = 1});
    check_max_pool((calr_pool2d){.n = 0, .h = 4, .w = 4, .c = 3, .kernel = 2, .stride = 2});
    check_global(1, 1, 1);
    check_global(3, 7, 65);
    check_global(9, 128, 200);
    check_global(0, 8, 3);
}

/* ---- convolution ---- */

/* Largest |a - e| / largest |e|. */
static double relative(int64_t n, const float *a, const float *e)
{
    double worst = 0, scale = 1e-30;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - (double)e[i]);
        worst = d <= worst ? worst : d == d ? d : INFINITY;
        scale = fmax(scale, fabs((double)e[i]));
    }
    return worst / scale;
}

/* The bf16 half against the f32 one: half a unit in the last place, and what the sums differ by. */
static double distance(pair p)
{
    float *a = malloc(((size_t)p.n + 1) * sizeof *a);
    for (int64_t i = 0; i < p.n; i++)
        a[i] = calr_bf16_to_f32(p.h[i]);
    double d = relative(p.n, a, p.f);
    free(a);
    return p.h[p.n] == calr_bf16_from_f32(CANARY) ? d : INFINITY;
}

static void check_conv(calr_conv2d g)
{
    CHECK_OK(calr_conv2d_resolve(&g));
    int64_t in = g.n * g.h * g.w * g.c_in, out = g.n * g.out_h * g.out_w * g.c_out,
            weights = g.c_out * (g.c_in / g.groups) * g.kh * g.kw;
    pair x = pair_of(in, 1), w = pair_of(weights, 2), dy = pair_of(out, 3), y = pair_output(out),
         dx = pair_output(in);
    float *bias = random_array(g.c_out, 4), *dw = output_array(weights),
          *db = output_array(g.c_out), *dw_half = output_array(weights),
          *db_half = output_array(g.c_out);
    calr_conv2d h = g;
    h.dtype = CALR_BF16;
    const double ulp = 0x1p-8;
    CHECK_OK(backend->conv2d_forward(&g, x.f, w.f, bias, y.f));
    CHECK_OK(backend->conv2d_forward(&h, x.h, w.f, bias, y.h));
    CHECK_NEAR(distance(y), 0, ulp);
    CHECK_OK(backend->conv2d_forward(&g, x.f, w.f, NULL, y.f));
    CHECK_OK(backend->conv2d_forward(&h, x.h, w.f, NULL, y.h));
    CHECK_NEAR(distance(y), 0, ulp);
    CHECK_OK(backend->conv2d_backward_data(&g, w.f, dy.f, dx.f));
    CHECK_OK(backend->conv2d_backward_data(&h, w.f, dy.h, dx.h));
    CHECK_NEAR(distance(dx), 0, ulp);
    CHECK_OK(backend->conv2d_backward_weights(&g, x.f, dy.f, dw, db));
    CHECK_OK(backend->conv2d_backward_weights(&h, x.h, dy.h, dw_half, db_half));
    CHECK_NEAR(relative(weights, dw_half, dw), 0, 1e-5);
    CHECK_NEAR(relative(g.c_out, db_half, db), 0, 1e-6);
    CHECK(dw_half[weights] == CANARY && db_half[g.c_out] == CANARY);
    CHECK_OK(backend->conv2d_backward_weights(&h, x.h, dy.h, dw_half, NULL));
    CHECK_NEAR(relative(weights, dw_half, dw), 0, 1e-5);
    pair_free(x), pair_free(w), pair_free(dy), pair_free(y), pair_free(dx);
    free(bias), free(dw), free(db), free(dw_half), free(db_half);
}

/* The last has several pieces, the first of them larger. */
static void test_convolution(void)
{
    check_conv((calr_conv2d){.n = 2,
                             .h = 9,
                             .w = 5,
                             .c_in = 3,
                             .c_out = 16,
                             .kh = 3,
                             .kw = 3,
                             .stride = {2, 2},
                             .padding = {1, 1, 1, 1}});
    check_conv((calr_conv2d){.n = 3,
                             .h = 8,
                             .w = 4,
                             .c_in = 32,
                             .c_out = 64,
                             .kh = 3,
                             .kw = 3,
                             .stride = {1, 1},
                             .padding = {1, 1, 1, 1}});
    check_conv((calr_conv2d){
        .n = 1, .h = 8, .w = 4, .c_in = 64, .c_out = 32, .kh = 1, .kw = 1, .stride = {1, 1}});
    /* by Winograd's algorithm, with tiles that reach beyond the map */
    check_conv((calr_conv2d){.n = 9,
                             .h = 11,
                             .w = 7,
                             .c_in = 32,
                             .c_out = 96,
                             .kh = 3,
                             .kw = 3,
                             .stride = {1, 1},
                             .padding = {1, 1, 1, 1}});
    check_conv((calr_conv2d){.n = 2,
                             .h = 8,
                             .w = 8,
                             .c_in = 32,
                             .c_out = 32,
                             .kh = 3,
                             .kw = 3,
                             .stride = {1, 1},
                             .padding = {1, 1, 1, 1},
                             .groups = 32});
    check_conv((calr_conv2d){
        .n = 13, .h = 64, .w = 64, .c_in = 64, .c_out = 64, .kh = 1, .kw = 1, .stride = {1, 1}});
    calr_conv2d none = {.h = 4, .w = 4, .c_in = 3, .c_out = 2, .kh = 3, .kw = 3, .stride = {1, 1}};
    none.dtype = CALR_BF16;
    CHECK_OK(calr_conv2d_resolve(&none));
    float dw[54] = {1}, db[2] = {1};
    CHECK_OK(backend->conv2d_backward_weights(&none, NULL, NULL, dw, db));
    CHECK(dw[0] == 0 && db[0] == 0);
}

/* With bias, with and without residual and ReLU, out of place and in place. */
static void check_frozen(bool relu, int64_t groups, int64_t images)
{
    calr_conv2d g = {.n = images,
                     .h = 10,
                     .w = 7,
                     .c_in = 32,
                     .c_out = 32,
                     .kh = 3,
                     .kw = 3,
                     .stride = {1, 1},
                     .padding = {1, 1, 1, 1},
                     .groups = groups};
    CHECK_OK(calr_conv2d_resolve(&g));
    int64_t in = g.n * g.h * g.w * g.c_in, out = g.n * g.out_h * g.out_w * g.c_out;
    pair x = pair_of(in, 1), w = pair_of(32 * 32 / groups * 9, 2), residual = pair_of(out, 3),
         y = pair_output(out);
    float *bias = random_array(g.c_out, 4);
    calr_frozen_conv *frozen;
    CHECK_OK(calr_frozen_conv_new(&g, w.f, NULL, bias,
                                  relu ? CALR_ACTIVATION_RELU : CALR_ACTIVATION_NONE, &frozen));
    calr_conv2d f, h;
    CHECK_OK(calr_frozen_conv_geometry(frozen, g.n, g.h, g.w, &f));
    h = f;
    h.dtype = CALR_BF16;
    CHECK_OK(calr_frozen_conv_run(frozen, &f, x.f, NULL, y.f));
    CHECK_OK(calr_frozen_conv_run(frozen, &h, x.h, NULL, y.h));
    CHECK_NEAR(distance(y), 0, 0x1p-8);
    CHECK_OK(calr_frozen_conv_run(frozen, &f, x.f, residual.f, y.f));
    CHECK_OK(calr_frozen_conv_run(frozen, &h, x.h, residual.h, y.h));
    CHECK_NEAR(distance(y), 0, 0x1p-7); /* where a residual is added later: two roundings */
    CHECK_OK(calr_frozen_conv_run(frozen, &h, x.h, residual.h, residual.h));
    CHECK(memcmp(residual.h, y.h, (size_t)out * sizeof *y.h) == 0);
    calr_frozen_conv_release(frozen);
    pair_free(x), pair_free(w), pair_free(residual), pair_free(y);
    free(bias);
}

static void test_frozen(void)
{
    for (int relu = 0; relu < 2; relu++) {
        check_frozen(relu, 1, 3);
        check_frozen(relu, 1, 8); /* by Winograd's algorithm */
        check_frozen(relu, 32, 3);
    }
}

/* ---- normalisation ---- */

static void check_batch_norm(int64_t rows, int64_t c, bool relu, bool with_residual, bool parts)
{
    const int64_t n = rows * c;
    calr_norm f = {.rows = rows,
                   .c = c,
                   .eps = 1e-5f,
                   .activation = relu ? CALR_ACTIVATION_RELU : CALR_ACTIVATION_NONE},
              h = f;
    h.dtype = CALR_BF16;
    pair x = pair_of(n, 1), residual = pair_of(n, 2), dy = pair_of(n, 3), dy2 = pair_of(n, 4),
         y = pair_output(n), dx = pair_output(n), dr = pair_output(n);
    float *gamma = random_array(c, 5), *beta = random_array(c, 6), *mean = random_array(c, 7),
          *var = random_array(c, 8), *mean_half = random_array(c, 7),
          *var_half = random_array(c, 8), *table = output_array(4 * c),
          *table_half = output_array(4 * c), *sums = output_array(4 * c);
    void *res_f = with_residual ? residual.f : NULL, *res_h = with_residual ? residual.h : NULL;
    CHECK_OK(backend->batch_norm_train(&f, 0.1, x.f, gamma, beta, res_f, mean, var, table, y.f));
    CHECK_OK(backend->batch_norm_train(&h, 0.1, x.h, gamma, beta, res_h, mean_half, var_half,
                                       table_half, y.h));
    CHECK(same_bits(table, table_half, 4 * c) && same_bits(mean, mean_half, c) &&
          same_bits(var, var_half, c) && rounded(y));
    backend->batch_norm_apply(&h, x.h, table, res_h, y.h);
    CHECK(rounded(y));
    void *part_h = parts ? dy2.h : NULL;
    for (int64_t i = 0; parts && i < n; i++) /* two parts count as their sum in bf16 */
        dy.f[i] = calr_bf16_to_f32(calr_bf16_from_f32(dy.f[i] + dy2.f[i]));
    void *out_f = with_residual ? y.f : NULL, *out_h = with_residual ? y.h : NULL;
    for (int store = 0; store < 2; store++) {
        float *dg = sums, *db = sums + c, *dg_half = db + c, *db_half = dg_half + c;
        CHECK_OK(backend->batch_norm_backward(&f, false, x.f, out_f, table, dy.f, NULL, dx.f, dg,
                                              db, store ? dr.f : NULL));
        CHECK_OK(backend->batch_norm_backward(&h, false, x.h, out_h, table, dy.h, part_h, dx.h,
                                              dg_half, db_half, store ? dr.h : NULL));
        CHECK_NEAR(relative(2 * c, dg_half, dg), 0, 1e-6); /* contracted differently */
        if (store)
            CHECK(rounded(dr));
        if (store) /* dx was made of the rounded dr */
            CHECK_NEAR(distance(dx), 0, 0x1p-7);
        else
            CHECK(nearly_rounded(dx));
    }
    for (int64_t j = 0; j < c; j++)
        var[j] = fabsf(var[j]);
    CHECK_OK(backend->batch_norm_infer(&f, x.f, gamma, beta, mean, var, res_f, y.f));
    CHECK_OK(backend->batch_norm_infer(&h, x.h, gamma, beta, mean, var, res_h, y.h));
    CHECK(rounded(y));
    pair_free(x), pair_free(residual), pair_free(dy), pair_free(dy2), pair_free(y), pair_free(dx),
        pair_free(dr);
    free(gamma), free(beta), free(mean), free(var), free(mean_half), free(var_half), free(table),
        free(table_half), free(sums);
}

/* Numbers that are rounded in special ways: below 2^-126, around what becomes 0 and 6, infinite and none. */
static void check_norm_of_edges(int64_t c, calr_activation activation)
{
    static const float edges[] = {
        0x1p-134f, 0x1.000002p-134f, 0x1p-133f,   0x1p-130f, 0x1.8p-127f, 0x1.fffp-127f, 5.984374f,
        5.984375f, 5.96875f,         6.0f,        6.1f,      0.0f,        3.3e38f,       INFINITY,
        NAN,       1.00390625f,      1.01171875f, 0x1p-126f, 2.5f,        1e-3f};
    const int64_t rows = 2 * (int64_t)(sizeof edges / sizeof *edges), n = rows * c;
    calr_norm f = {.rows = rows, .c = c, .eps = 1e-5f, .activation = activation}, h = f;
    h.dtype = CALR_BF16;
    pair x = pair_of(n, 1), dy = pair_of(n, 2), y = pair_output(n), dx = pair_output(n),
         dx2 = pair_output(n);
    float *table = output_array(4 * c), *sums = output_array(4 * c);
    /* An edge a row, in every column: x is 1 there, and scale and shift are one number split in two. */
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < c; j++) {
            float value = edges[i / 2] * (i % 2 ? -1.0f : 1.0f);
            x.f[i * c + j] = calr_bf16_to_f32(calr_bf16_from_f32(value));
            x.h[i * c + j] = calr_bf16_from_f32(value);
        }
    for (int64_t j = 0; j < c; j++) {
        table[j] = 0;
        table[c + j] = 1;
        table[2 * c + j] = j % 3 == 0 ? 1 : j % 3 == 1 ? 0.99999f : 0x1p-4f;
        table[3 * c + j] = 0;
    }
    backend->batch_norm_apply(&f, x.f, table, NULL, y.f);
    backend->batch_norm_apply(&h, x.h, table, NULL, y.h);
    for (int64_t i = 0; i < n; i++)
        CHECK(y.f[i] != y.f[i] ? calr_bf16_to_f32(y.h[i]) != calr_bf16_to_f32(y.h[i])
                               : calr_bf16_from_f32(y.f[i]) == y.h[i]);
    /* A mask found from the input is the one found from the output. */
    CHECK_OK(backend->batch_norm_backward(&h, true, x.h, y.h, table, dy.h, NULL, dx.h, sums,
                                          sums + c, NULL));
    CHECK_OK(backend->batch_norm_backward(&h, true, x.h, NULL, table, dy.h, NULL, dx2.h, sums,
                                          sums + c, NULL));
    CHECK(memcmp(dx.h, dx2.h, (size_t)n * sizeof *dx.h) == 0);
    pair_free(x), pair_free(dy), pair_free(y), pair_free(dx), pair_free(dx2);
    free(table), free(sums);
}

static void check_instance_norm(int64_t n, int64_t rows, int64_t c, bool relu)
{
    calr_norm f = {.rows = rows,
                   .c = c,
                   .eps = 1e-5f,
                   .activation = relu ? CALR_ACTIVATION_RELU : CALR_ACTIVATION_NONE},
              h = f;
    h.dtype = CALR_BF16;
    pair x = pair_of(n * rows * c, 1), dy = pair_of(n * rows * c, 2), y = pair_output(n * rows * c),
         dx = pair_output(n * rows * c);
    float *gamma = random_array(c, 5), *beta = random_array(c, 6), *mean = output_array(n * c),
          *inv = output_array(n * c), *dg = output_array(2 * c), *dg_half = output_array(2 * c);
    CHECK_OK(backend->instance_norm_forward(&f, n, x.f, gamma, beta, mean, inv, y.f));
    CHECK_OK(backend->instance_norm_forward(&h, n, x.h, gamma, beta, mean, inv, y.h));
    CHECK(rounded(y));
    CHECK_OK(
        backend->instance_norm_backward(&f, n, x.f, y.f, gamma, mean, inv, dy.f, dx.f, dg, dg + c));
    CHECK_OK(backend->instance_norm_backward(&h, n, x.h, y.h, gamma, mean, inv, dy.h, dx.h, dg_half,
                                             dg_half + c));
    CHECK(rounded(dx) && same_bits(dg, dg_half, 2 * c));
    pair_free(x), pair_free(dy), pair_free(y), pair_free(dx);
    free(gamma), free(beta), free(mean), free(inv), free(dg), free(dg_half);
}

static void test_norms(void)
{
    const int64_t widths[] = {1, 5, 16, 17, 47};
    for (int i = 0; i < 5; i++)
        for (calr_activation a = CALR_ACTIVATION_NONE; a <= CALR_ACTIVATION_RELU6; a++)
            check_norm_of_edges(widths[i], a);
    for (int kind = 0; kind < 8; kind++) {
        check_batch_norm(77, 19, kind & 1, kind & 2, kind & 4);
        check_batch_norm(2050, 64, kind & 1, kind & 2, kind & 4);
    }
    check_batch_norm(1, 3, true, false, false);
    check_instance_norm(3, 35, 19, false);
    check_instance_norm(2, 128, 64, true);
}

static void convolve_with(const char *name)
{
    char text[64];
    calr_conv2d g = {.n = 2,
                     .h = 8,
                     .w = 4,
                     .c_in = 64,
                     .c_out = 64,
                     .kh = 3,
                     .kw = 3,
                     .stride = {1, 1},
                     .padding = {1, 1, 1, 1},
                     .dtype = CALR_BF16};
    CHECK_OK(calr_backend_select_bf16(name));
    CHECK_OK(calr_conv2d_resolve(&g));
    for (int pass = CALR_CONV2D_FORWARD; pass <= CALR_CONV2D_BACKWARD_WEIGHTS; pass++) {
        CHECK_OK(calr_backend_conv2d_name(&g, (calr_conv2d_pass)pass, text, sizeof text));
        printf("    %s: %s\n", name, text);
    }
    RUN(test_convolution);
    RUN(test_frozen);
}

int main(void)
{
    RUN(test_rounding);
    RUN(test_tensors);
    CHECK(use_backend("portable"));
    RUN(test_elements);
    RUN(test_pools);
    RUN(test_norms);
    RUN(test_convolution);
    RUN(test_frozen);
    CHECK_FAILS(calr_backend_select_bf16("f16"), CALR_EINVAL, "auto, onednn and f32");
    if (use_backend("onednn")) {
        convolve_with("f32");
        convolve_with("onednn"); /* emulated where the processor has no bf16 */
    }
    return check_finish();
}
