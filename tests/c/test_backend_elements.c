/* Elementwise kernels, dropout, optimizer steps; and what the backend says of itself. */
#include "test_backend.h"

static const int64_t sizes[] = {0, 1, 7, 1000, 32768, 100003};
static const size_t count = sizeof sizes / sizeof *sizes;

static void check_elements(int64_t n)
{
    float *a = random_array(n, 1), *b = random_array(n, 2), *y = output_array(n);
    double *e = double_array(n), sum = 0, dot = 0;
#define EXPECT(call, expression)                                                                   \
    do {                                                                                           \
        for (int64_t i = 0; i < n; i++)                                                            \
            e[i] = (expression);                                                                   \
        call;                                                                                      \
        CHECK_ARRAY(y, e, n, 1e-6);                                                                \
    } while (0)
    calr_pairing one = calr_pairing_of(n);
    EXPECT(backend->unary(CALR_RELU, CALR_F32, n, NULL, a, y), fmax((double)a[i], 0));
    EXPECT(backend->unary_backward(CALR_RELU, CALR_F32, n, NULL, a, b, y),
           a[i] > 0 ? (double)b[i] : 0);
    EXPECT(CHECK_OK(backend->binary(CALR_ADD, CALR_F32, &one, a, b, y)),
           (double)a[i] + (double)b[i]);
    EXPECT(CHECK_OK(backend->binary(CALR_SUB, CALR_F32, &one, a, b, y)),
           (double)a[i] - (double)b[i]);
    EXPECT(CHECK_OK(backend->binary(CALR_MUL, CALR_F32, &one, a, b, y)),
           (double)a[i] * (double)b[i]);
    EXPECT(CHECK_OK(backend->binary(CALR_DIV, CALR_F32, &one, a, b, y)),
           (double)a[i] / (double)b[i]);
    EXPECT(backend->scale(CALR_F32, n, -2.5f, a, y), -2.5 * (double)a[i]);
    EXPECT(backend->axpy(CALR_F32, n, 0.5f, a, y), -2.5 * (double)a[i] + 0.5 * (double)a[i]);
    EXPECT(backend->affine(CALR_F32, n, 3, -1, a, y), 3 * (double)a[i] - 1);
#undef EXPECT
    for (int64_t i = 0; i < n; i++) {
        sum += (double)a[i];
        dot += (double)a[i] * (double)b[i];
    }
    calr_reduce all = {CALR_REDUCE_SUM, CALR_F32, 1, n, 1, 0};
    float total, again;
    CHECK_OK(backend->reduce(&all, a, &total, NULL));
    CHECK_NEAR(total, sum, 1e-6 * (1 + (double)n));
    CHECK_NEAR(backend->dot(n, a, b), dot, 1e-9 * (1 + (double)n));
    double with_team = backend->dot(n, a, b);
    int threads = calr_parallel_threads();
    CHECK_OK(calr_parallel_set_threads(1));
    CHECK(backend->dot(n, a, b) == with_team);
    CHECK_OK(backend->reduce(&all, a, &again, NULL));
    CHECK(again == total);
    CHECK_OK(calr_parallel_set_threads(threads));
    free(a), free(b), free(y), free(e);
}

static void test_elements(void)
{
    for (size_t i = 0; i < count; i++)
        check_elements(sizes[i]);
}

/* Rows of a few elements, which are taken many at a time: operands that repeat, stand still, lie apart or in another
 * order, at numbers of rows around those of a block. */
static void check_short_rows(int64_t lines, int64_t n)
{
    const int64_t outer = 3, size = outer * lines * n;
    const int64_t steps[][3] = {{lines * n, n, 1}, {0, 0, 1},     {0, 0, 0},
                                {n, 0, 1},         {lines, 1, 0}, {1, 0, 0},
                                {0, n, 1},         {0, 1, lines}, {1, n * outer, outer}};
    const int kinds = sizeof steps / sizeof *steps;
    float *a = random_array(size, 1), *b = random_array(size, 2), *c = random_array(size, 3);
    float *y = output_array(size);
    double *e = double_array(size);
    for (int kind = 0; kind < kinds * kinds; kind++) {
        calr_pairing pairing = {.ndim = 3, .shape = {outer, lines, n}};
        for (int d = 0; d < 3; d++) {
            pairing.step[0][d] = steps[kind % kinds][d];
            pairing.step[1][d] = steps[kind / kinds][d];
            pairing.step[2][d] = steps[(kind + 3) % kinds][d];
        }
        for (int pass = 0; pass < 2; pass++) {
            for (int64_t i = 0; i < size; i++) {
                int64_t at[3];
                for (int k = 0; k < 3; k++)
                    at[k] = i / (lines * n) * pairing.step[k][0] +
                            i / n % lines * pairing.step[k][1] + i % n * pairing.step[k][2];
                e[i] = pass ? (double)a[at[0]] + 2 * (double)b[at[1]] * (double)c[at[2]]
                            : (double)a[at[0]] * (double)b[at[1]];
            }
            if (pass)
                backend->ternary(CALR_ADDCMUL, CALR_F32, &pairing, 2, a, b, c, y);
            else
                CHECK_OK(backend->binary(CALR_MUL, CALR_F32, &pairing, a, b, y));
            CHECK_ARRAY(y, e, size, 1e-6);
        }
    }
    free(a), free(b), free(c), free(y), free(e);
}

static void test_short_rows(void)
{
    check_short_rows(5, 1);
    check_short_rows(171, 3); /* a block has 170 */
    check_short_rows(1000, 3);
    check_short_rows(11, 47);
    check_short_rows(4, 48);
    /* other sizes of elements */
    calr_pairing pairing = {.ndim = 2, .shape = {400, 3}, .step = {{3, 1}, {0, 1}, {1, 0}}};
    uint8_t mask[1200], out[1200];
    double wide[1200], three[3] = {1, 2, 3}, sums[1200];
    for (int i = 0; i < 1200; i++)
        mask[i] = i % 7 == 0, wide[i] = i;
    CHECK_OK(backend->binary(CALR_ADD, CALR_F64, &pairing, wide, three, sums));
    backend->where(1, &pairing, mask, mask, mask, out);
    int wrong = 0;
    for (int i = 0; i < 1200; i++)
        wrong += sums[i] != i + three[i % 3] || out[i] != mask[mask[i] ? i % 3 : i / 3];
    CHECK_INT(wrong, 0);
}

static void test_relu_nan(void)
{
    float x[3] = {NAN, -0.0f, -INFINITY}, y[3];
    backend->unary(CALR_RELU, CALR_F32, 3, NULL, x, y);
    CHECK(y[0] != y[0] && y[1] == 0 && y[2] == 0); /* a NaN must not vanish */
}

static void check_dropout(int64_t n, double p)
{
    calr_dropout d = {.p = p, .seed = 5, .epoch = 2, .index = 77};
    float *x = random_array(n, 1), *y = output_array(n), *part = output_array(n / 2);
    int64_t dropped = 0, wrong = 0;
    backend->dropout(n, &d, x, y);
    calr_rng rng = calr_rng_make(d.seed, calr_rng_purpose("dropout"), d.epoch, d.index);
    for (int64_t i = 0; i < n; i++) {
        bool drop = (double)calr_rng_u32(&rng) < p * 4294967296.0;
        double want = drop ? 0 : (double)x[i] / (1 - p);
        dropped += drop;
        wrong += !(fabs((double)y[i] - want) <= 1e-6 * (1 + fabs(want)));
    }
    CHECK_INT(wrong, 0);
    CHECK(y[n] == CANARY);
    CHECK_NEAR(dropped, p * (double)n, 5 * sqrt((double)n * p * (1 - p)) + 1e-9);
    backend->dropout(n / 2, &d, x, part); /* element i does not know how many there are */
    CHECK(same_bits(part, y, n / 2));
    int threads = calr_parallel_threads();
    CHECK_OK(calr_parallel_set_threads(1));
    backend->dropout(n, &d, x, x); /* in place */
    CHECK(same_bits(x, y, n));
    CHECK_OK(calr_parallel_set_threads(threads));
    d.epoch++;
    backend->dropout(n, &d, x, x);
    CHECK(n < 100 || p == 0 || !same_bits(x, y, n));
    free(x), free(y), free(part);
}

static void test_dropout(void)
{
    for (size_t i = 0; i < count; i++) {
        check_dropout(sizes[i], 0.5);
        check_dropout(sizes[i], 0.1);
        check_dropout(sizes[i], 0);
    }
}

static void check_adam(int64_t n, double decay)
{
    calr_adam adam = {
        .lr = 3.5e-4, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = decay};
    float *w = random_array(n, 1), *m = output_array(n), *v = output_array(n);
    double *ew = double_array(n), *em = double_array(n), *ev = double_array(n);
    for (int64_t i = 0; i < n; i++) {
        m[i] = v[i] = 0;
        ew[i] = (double)w[i];
    }
    for (adam.step = 1; adam.step <= 5; adam.step++) {
        float *dw = random_array(n, (uint64_t)adam.step + 10);
        double t = (double)adam.step;
        backend->adam_step(n, &adam, dw, m, v, w);
        for (int64_t i = 0; i < n; i++) {
            double g = (double)dw[i] + decay * ew[i];
            em[i] = adam.beta1 * em[i] + (1 - adam.beta1) * g;
            ev[i] = adam.beta2 * ev[i] + (1 - adam.beta2) * g * g;
            ew[i] -= adam.lr / (1 - pow(adam.beta1, t)) * em[i] /
                     (sqrt(ev[i] / (1 - pow(adam.beta2, t))) + adam.eps);
        }
        free(dw);
    }
    CHECK_ARRAY(w, ew, n, 1e-6);
    CHECK_ARRAY(m, em, n, 1e-6);
    CHECK_ARRAY(v, ev, n, 1e-6);
    free(w), free(m), free(v), free(ew), free(em), free(ev);
}

static void check_sgd(int64_t n, double momentum, bool nesterov)
{
    calr_sgd sgd = {.lr = 0.1, .momentum = momentum, .weight_decay = 5e-4, .nesterov = nesterov};
    float *w = random_array(n, 1), *b = output_array(n);
    double *ew = double_array(n), *eb = double_array(n);
    for (int64_t i = 0; i < n; i++) {
        b[i] = 0;
        ew[i] = (double)w[i];
    }
    for (uint64_t step = 0; step < 5; step++) {
        float *dw = random_array(n, step + 10);
        backend->sgd_step(n, &sgd, dw, momentum != 0 ? b : NULL, w);
        for (int64_t i = 0; i < n; i++) {
            double g = (double)dw[i] + sgd.weight_decay * ew[i];
            eb[i] = momentum * eb[i] + g;
            ew[i] -= sgd.lr * (nesterov ? g + momentum * eb[i] : eb[i]);
        }
        free(dw);
    }
    CHECK_ARRAY(w, ew, n, 1e-6);
    if (momentum != 0)
        CHECK_ARRAY(b, eb, n, 1e-6);
    free(w), free(b), free(ew), free(eb);
}

static void test_optimizers(void)
{
    for (size_t i = 0; i < count; i++) {
        check_adam(sizes[i], 0);
        check_adam(sizes[i], 5e-4);
        check_sgd(sizes[i], 0, false);
        check_sgd(sizes[i], 0.9, false);
        check_sgd(sizes[i], 0.9, true);
    }
}

/* f(x) and f'(x) in double. */
static double function_of(calr_unary op, double x, double p, double *slope)
{
    switch (op) {
    case CALR_EXP:
        return *slope = exp(x);
    case CALR_LOG:
        return *slope = 1 / x, log(x);
    case CALR_SQRT:
        return *slope = 0.5 / sqrt(x), sqrt(x);
    case CALR_POW:
        return *slope = p * pow(x, p - 1), pow(x, p);
    default:
        return *slope = exp(-x) / ((1 + exp(-x)) * (1 + exp(-x))), 1 / (1 + exp(-x));
    }
}

static void test_functions(void)
{
    const int64_t n = 40001; /* several chunks, the last of another length */
    float *x = random_array(n, 90), *dy = random_array(n, 91);
    double *value = double_array(n), *gradient = double_array(n);
    static const calr_unary ops[] = {CALR_EXP, CALR_LOG, CALR_SQRT, CALR_POW, CALR_SIGMOID};
    for (size_t o = 0; o < sizeof ops / sizeof ops[0]; o++) {
        calr_unary op = ops[o];
        float *y = output_array(n), *dx = output_array(n);
        for (int64_t i = 0; i < n; i++) {
            x[i] = op == CALR_LOG || op == CALR_SQRT || op == CALR_POW ? fabsf(x[i]) + 0.1f : x[i];
            double slope;
            value[i] = function_of(op, x[i], 2.5, &slope);
            gradient[i] = dy[i] * slope;
        }
        backend->unary(op, CALR_F32, n, (double[]){2.5, 0}, x, y);
        CHECK_ARRAY(y, value, n, 2e-6);
        backend->unary_backward(op, CALR_F32, n, (double[]){2.5, 0},
                                calr_unary_gradient_of_output(op) ? y : x, dy, dx);
        CHECK_ARRAY(dx, gradient, n, 2e-6);
        backend->unary(op, CALR_F32, 0, NULL, x, y);
        free(y);
        free(dx);
    }
    float zero = 0, one = 1, dzero = 7; /* the gradient of x^0 is 0, at 0 too */
    backend->unary_backward(CALR_POW, CALR_F32, 1, NULL, &zero, &one, &dzero);
    CHECK(dzero == 0);
    free(x), free(dy), free(value), free(gradient);
}

static void test_gated_sum(void)
{
    enum { N = 3, AREA = 5, C = 70, MAP = N * AREA * C };
    for (int maps = 1; maps <= 5; maps += maps == 1 ? 3 : 1) {
        calr_gated_sum gated = {.count = maps, .n = N, .area = AREA, .c = C};
        const void *x[5];
        const float *g[5];
        void *dx[5];
        float *dg[5];
        double *y_want = double_array(MAP), *dx_want = double_array(MAP),
               *dg_want = double_array(N * C);
        float *y = output_array(MAP), *dy = random_array(MAP, 50);
        for (int i = 0; i < maps; i++) {
            x[i] = random_array(MAP, 10 + (uint64_t)i);
            g[i] = random_array(N * C, 20 + (uint64_t)i);
            dx[i] = output_array(MAP);
            dg[i] = output_array(N * C);
        }
        backend->gated_sum_forward(&gated, x, g, y);
        backend->gated_sum_backward(&gated, x, g, dy, dx, dg);
        for (int i = 0; i < maps; i++) {
            memset(dg_want, 0, N * C * sizeof *dg_want);
            for (int64_t at = 0; at < MAP; at++) {
                int64_t gate = at / (AREA * C) * C + at % C;
                y_want[at] += (double)((const float *)x[i])[at] * g[i][gate];
                dx_want[at] = (double)dy[at] * g[i][gate];
                dg_want[gate] += (double)dy[at] * ((const float *)x[i])[at];
            }
            CHECK_ARRAY(dx[i], dx_want, MAP, 1e-6);
            CHECK_ARRAY(dg[i], dg_want, N * C, 1e-6);
        }
        CHECK_ARRAY(y, y_want, MAP, 1e-6);
        for (int i = 0; i < maps; i++)
            free((void *)x[i]), free((void *)g[i]), free(dx[i]), free(dg[i]);
        free(y), free(dy), free(y_want), free(dx_want), free(dg_want);
    }
}

static void test_rows_by_number(void)
{
    enum { ROWS = 6, C = 600 };
    const int64_t index[ROWS] = {2, 0, 2, 2, 3, 0};
    float *x = random_array(ROWS * C, 60), *y = random_array(4 * C, 61);
    double *want = double_array(4 * C);
    for (int64_t i = 0; i < 4 * C; i++)
        want[i] = y[i];
    for (int64_t i = 0; i < ROWS * C; i++)
        want[index[i / C] * C + i % C] += x[i];
    calr_index_rows rows = {.outer = 1, .n = 4, .inner = C, .count = ROWS};
    backend->put_rows(CALR_F32, true, false, &rows, 1, index, x, y);
    CHECK_ARRAY(y, want, 4 * C, 1e-6);
    free(x), free(y), free(want);
}

static void test_select(void)
{
    CHECK_FAILS(calr_backend_select("cuda"), CALR_EINVAL, "'cuda'");
    CHECK_OK(calr_backend_select("portable"));
    CHECK_OK(calr_backend_get(&backend));
    CHECK_STRING(backend->conv, "portable");
    CHECK_STRING(backend->name, "cpu");
}

static void test_describe(void)
{
    calr_backend_info info;
    CHECK_OK(calr_backend_describe(&info));
    CHECK(strstr(info.blas_file, "openblas") != NULL);
    CHECK(strstr(info.blas_config, "OpenBLAS") != NULL);
    CHECK(info.blas_core[0] && info.blas_choice[0]);
    CHECK_INT(info.threads, calr_parallel_threads());
#if defined(__x86_64__)
    CHECK(info.cpu_features[0]);
    /* A processor with AVX-512 must not be taken for an old one. */
    if (strstr(info.cpu_features, "avx512vl") && !getenv("OPENBLAS_CORETYPE"))
        CHECK(strcmp(info.blas_core, "SkylakeX") == 0 ||
              strcmp(info.blas_core, "Cooperlake") == 0 ||
              strcmp(info.blas_core, "SapphireRapids") == 0);
#endif
}

int main(void)
{
    CHECK_OK(calr_backend_get(&backend));
    RUN(test_elements);
    RUN(test_short_rows);
    RUN(test_relu_nan);
    RUN(test_dropout);
    RUN(test_optimizers);
    RUN(test_functions);
    RUN(test_gated_sum);
    RUN(test_rows_by_number);
    RUN(test_select);
    RUN(test_describe);
    return check_finish();
}
