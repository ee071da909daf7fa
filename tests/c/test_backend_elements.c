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
    EXPECT(backend->relu(CALR_F32, n, a, y), fmax((double)a[i], 0));
    EXPECT(backend->relu_backward(CALR_F32, n, a, b, y), a[i] > 0 ? (double)b[i] : 0);
    EXPECT(backend->add(CALR_F32, n, a, b, y), (double)a[i] + (double)b[i]);
    EXPECT(backend->sub(CALR_F32, n, a, b, y), (double)a[i] - (double)b[i]);
    EXPECT(backend->mul(CALR_F32, n, a, b, y), (double)a[i] * (double)b[i]);
    EXPECT(backend->div(CALR_F32, n, a, b, y), (double)a[i] / (double)b[i]);
    EXPECT(backend->scale(CALR_F32, n, -2.5f, a, y), -2.5 * (double)a[i]);
    EXPECT(backend->axpy(CALR_F32, n, 0.5f, a, y), -2.5 * (double)a[i] + 0.5 * (double)a[i]);
    EXPECT(backend->affine(CALR_F32, n, 3, -1, a, y), 3 * (double)a[i] - 1);
#undef EXPECT
    for (int64_t i = 0; i < n; i++) {
        sum += (double)a[i];
        dot += (double)a[i] * (double)b[i];
    }
    CHECK_NEAR(backend->sum(n, a), sum, 1e-9 * (1 + (double)n));
    CHECK_NEAR(backend->dot(n, a, b), dot, 1e-9 * (1 + (double)n));
    double with_team = backend->sum(n, a);
    int threads = calr_parallel_threads();
    CHECK_OK(calr_parallel_set_threads(1));
    CHECK(backend->sum(n, a) == with_team);
    CHECK_OK(calr_parallel_set_threads(threads));
    free(a), free(b), free(y), free(e);
}

static void test_elements(void)
{
    for (size_t i = 0; i < count; i++)
        check_elements(sizes[i]);
}

static void test_relu_nan(void)
{
    float x[3] = {NAN, -0.0f, -INFINITY}, y[3];
    backend->relu(CALR_F32, 3, x, y);
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
    RUN(test_relu_nan);
    RUN(test_dropout);
    RUN(test_optimizers);
    RUN(test_select);
    RUN(test_describe);
    return check_finish();
}
