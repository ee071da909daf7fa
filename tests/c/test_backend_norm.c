/* Batch and instance normalisation against their definitions in double. */
#include "test_backend.h"

typedef struct norm_case {
    int64_t rows, c;
    bool relu, residual, affine;
} norm_case;

static const norm_case cases[] = {
    {1, 1, false, false, true},     {1, 5, true, true, true},
    {2, 3, true, false, true},      {37, 13, false, true, true},
    {64, 64, true, true, true},     {129, 65, true, true, false},
    {1000, 3, true, false, true},   {5000, 40, false, false, true},
    {64, 2048, false, false, true}, {3001, 128, true, false, true},
    {70001, 5, true, true, true},   {16, 70000, false, false, false},
};

#define EPS 1e-5

/* Everything of one normalisation over `rows` rows, in double. sums of dgamma and dbeta are added
 * to. */
typedef struct reference {
    double *y, *mean, *inv_std, *var, *dx, *dgamma, *dbeta, *dresidual;
} reference;

static reference reference_new(int64_t rows, int64_t c)
{
    int64_t n = rows * c;
    return (reference){double_array(n), double_array(c), double_array(c), double_array(c),
                       double_array(n), double_array(c), double_array(c), double_array(n)};
}

static void reference_free(reference *r)
{
    free(r->y), free(r->mean), free(r->inv_std), free(r->var);
    free(r->dx), free(r->dgamma), free(r->dbeta), free(r->dresidual);
}

/* mean and inv_std are given when fixed. The ReLU's mask comes from y as the kernel computed it. */
static void reference_norm(const norm_case *t, bool fixed, const float *x, const float *gamma,
                           const float *beta, const float *residual, const float *kernel_y,
                           const float *dy, reference *r)
{
    int64_t rows = t->rows, c = t->c;
    for (int64_t j = 0; j < c; j++) {
        double g = gamma ? (double)gamma[j] : 1, b = beta ? (double)beta[j] : 0, sum_d = 0,
               sum_dx = 0;
        if (!fixed) {
            double sum = 0, squares = 0;
            for (int64_t i = 0; i < rows; i++)
                sum += (double)x[i * c + j];
            for (int64_t i = 0; i < rows; i++)
                squares += pow((double)x[i * c + j] - sum / (double)rows, 2);
            r->mean[j] = sum / (double)rows;
            r->var[j] = squares / (double)rows;
            r->inv_std[j] = 1 / sqrt(r->var[j] + EPS);
        }
        for (int64_t i = 0; i < rows; i++) {
            int64_t at = i * c + j;
            double hat = ((double)x[at] - r->mean[j]) * r->inv_std[j];
            double y = g * hat + b + (residual ? (double)residual[at] : 0);
            r->y[at] = t->relu && y < 0 ? 0 : y;
            r->dresidual[at] = t->relu && !(kernel_y[at] > 0) ? 0 : (double)dy[at];
            sum_d += r->dresidual[at];
            sum_dx += r->dresidual[at] * hat;
        }
        r->dgamma[j] += sum_dx;
        r->dbeta[j] += sum_d;
        for (int64_t i = 0; i < rows; i++) {
            int64_t at = i * c + j;
            double hat = ((double)x[at] - r->mean[j]) * r->inv_std[j], d = r->dresidual[at];
            r->dx[at] = g * r->inv_std[j] *
                        (fixed ? d : d - sum_d / (double)rows - hat * sum_dx / (double)rows);
        }
    }
}

/* Numbers with a mean far from zero in some columns. */
static float *random_input(int64_t rows, int64_t c)
{
    float *x = random_array(rows * c, 11);
    for (int64_t i = 0; i < rows * c; i++)
        x[i] = x[i] * 0.5f + (float)(i % c % 7) * 3;
    return x;
}

static void check_running(const norm_case *t, const reference *r, const float *mean,
                          const float *var)
{
    for (int64_t j = 0; j < t->c; j++) {
        double unbiased =
            t->rows > 1 ? r->var[j] * (double)t->rows / (double)(t->rows - 1) : r->var[j];
        if (fabs((double)mean[j] - (0.7 * 2 + 0.3 * r->mean[j])) > 1e-5 * (1 + fabs(r->mean[j])) ||
            fabs((double)var[j] - (0.7 * 4 + 0.3 * unbiased)) > 1e-5 * (4 + unbiased)) {
            CHECK(!"running statistics");
            return;
        }
    }
    CHECK(true);
}

static float *copy_of(const float *x, int64_t n)
{
    float *copy = output_array(n);
    memcpy(copy, x, (size_t)n * sizeof *x);
    return copy;
}

/* dy in two parts that add up to it exactly; outputs over every input that they may lie over. */
static void check_in_place(const calr_norm *norm, const float *x, const float *y,
                           const float *table, const float *dy, const float *dx,
                           const float *dresidual)
{
    int64_t n = norm->rows * norm->c;
    for (int place = 0; place < 5; place++) {
        float *first = copy_of(dy, n), *second = copy_of(dy, n), *input = copy_of(x, n),
              *free_dx = output_array(n), *free_residual = output_array(n);
        for (int64_t i = 0; i < n; i++) { /* halves of a number are exact */
            first[i] *= 0.5f;
            second[i] = first[i];
        }
        float *residual_to[] = {first, second, free_residual, first, NULL};
        float *dx_to[] = {input, first, second, free_dx, first};
        CHECK_OK(backend->batch_norm_backward(norm, false, input, y, table, first, second,
                                              dx_to[place], NULL, NULL, residual_to[place]));
        CHECK(same_bits(dx_to[place], dx, n));
        CHECK(!residual_to[place] || same_bits(residual_to[place], dresidual, n));
        free(first), free(second), free(input), free(free_dx), free(free_residual);
    }
}

static void check_batch_norm(const norm_case *t)
{
    int64_t rows = t->rows, c = t->c, n = rows * c;
    calr_norm norm = {.rows = rows,
                      .c = c,
                      .eps = (float)EPS,
                      .activation = t->relu ? CALR_ACTIVATION_RELU : CALR_ACTIVATION_NONE};
    float *x = random_input(rows, c), *dy = random_array(n, 12),
          *residual = t->residual ? random_array(n, 13) : NULL;
    float *gamma = t->affine ? random_array(c, 14) : NULL,
          *beta = t->affine ? random_array(c, 15) : NULL;
    float *table = output_array(4 * c), *y = output_array(n), *dx = output_array(n);
    float *dgamma = output_array(c), *dbeta = output_array(c), *dresidual = output_array(n),
          *again = output_array(n);
    float *running_mean = random_array(c, 16), *running_var = random_array(c, 17);
    reference r = reference_new(rows, c);
    for (int64_t j = 0; j < c; j++)
        running_mean[j] = 2, running_var[j] = 4;
    CHECK_OK(backend->batch_norm_train(&norm, 0.3, x, gamma, beta, residual, running_mean,
                                       running_var, table, y));
    reference_norm(t, false, x, gamma, beta, residual, y, dy, &r);
    CHECK_ARRAY(y, r.y, n, 2e-5);
    float *mean = copy_of(table, c), *inv_std = copy_of(table + c, c);
    CHECK_ARRAY(mean, r.mean, c, 1e-6);
    CHECK_ARRAY(inv_std, r.inv_std, c, 1e-6);
    check_running(t, &r, running_mean, running_var);
    backend->batch_norm_apply(&norm, x, table, residual, again);
    CHECK(same_bits(again, y, n));
    CHECK_OK(backend->batch_norm_backward(&norm, false, x, y, table, dy, NULL, dx, dgamma, dbeta,
                                          dresidual));
    CHECK_ARRAY(dx, r.dx, n, 3e-5);
    CHECK_ARRAY(dgamma, r.dgamma, c, 1e-5);
    CHECK_ARRAY(dbeta, r.dbeta, c, 1e-5);
    CHECK_ARRAY(dresidual, r.dresidual, n, 0);
    /* One thread gives the same bits as several. */
    int threads = calr_parallel_threads();
    CHECK_OK(calr_parallel_set_threads(1));
    CHECK_OK(
        backend->batch_norm_train(&norm, 0.3, x, gamma, beta, residual, NULL, NULL, table, again));
    CHECK(same_bits(again, y, n));
    CHECK_OK(
        backend->batch_norm_backward(&norm, false, x, y, table, dy, NULL, again, NULL, NULL, NULL));
    CHECK(same_bits(again, dx, n));
    CHECK_OK(calr_parallel_set_threads(threads));
    if (!residual) { /* the mask found from the input */
        CHECK_OK(backend->batch_norm_backward(&norm, false, x, NULL, table, dy, NULL, again, NULL,
                                              NULL, NULL));
        CHECK(same_bits(again, dx, n));
    }
    check_in_place(&norm, x, y, table, dy, dx, dresidual);
    if (residual) { /* y over the residual */
        CHECK_OK(backend->batch_norm_train(&norm, 0.3, x, gamma, beta, residual, NULL, NULL, table,
                                           residual));
        CHECK(same_bits(residual, y, n));
    }
    free(x), free(dy), free(residual), free(gamma), free(beta), free(table), free(y), free(dx);
    free(mean), free(inv_std), free(dgamma), free(dbeta), free(dresidual), free(again),
        free(running_mean), free(running_var);
    reference_free(&r);
}

static void check_fixed(const norm_case *t)
{
    int64_t rows = t->rows, c = t->c, n = rows * c;
    calr_norm norm = {.rows = rows,
                      .c = c,
                      .eps = (float)EPS,
                      .activation = t->relu ? CALR_ACTIVATION_RELU : CALR_ACTIVATION_NONE};
    float *x = random_input(rows, c), *dy = random_array(n, 12),
          *residual = t->residual ? random_array(n, 13) : NULL;
    float *gamma = t->affine ? random_array(c, 14) : NULL,
          *beta = t->affine ? random_array(c, 15) : NULL;
    float *mean = random_array(c, 16), *var = random_array(c, 17), *table = output_array(4 * c),
          *y = output_array(n), *again = output_array(n);
    float *dx = output_array(n), *dgamma = output_array(c), *dbeta = output_array(c),
          *dresidual = output_array(n);
    reference r = reference_new(rows, c);
    for (int64_t j = 0; j < c; j++) {
        var[j] = var[j] * var[j];
        r.mean[j] = (double)mean[j];
        r.inv_std[j] = 1 / sqrt((double)var[j] + EPS);
    }
    CHECK_OK(backend->batch_norm_infer(&norm, x, gamma, beta, mean, var, residual, y));
    reference_norm(t, true, x, gamma, beta, residual, y, dy, &r);
    CHECK_ARRAY(y, r.y, n, 2e-5);
    backend->batch_norm_table(&norm, gamma, beta, mean, var, table);
    backend->batch_norm_apply(&norm, x, table, residual, again);
    CHECK(same_bits(again, y, n));
    CHECK_OK(backend->batch_norm_backward(&norm, true, x, y, table, dy, NULL, dx, dgamma, dbeta,
                                          dresidual));
    CHECK_ARRAY(dx, r.dx, n, 3e-5);
    CHECK_ARRAY(dgamma, r.dgamma, c, 3e-5);
    CHECK_ARRAY(dbeta, r.dbeta, c, 1e-5);
    CHECK_ARRAY(dresidual, r.dresidual, n, 0);
    CHECK_OK(
        backend->batch_norm_infer(&norm, x, gamma, beta, mean, var, residual, x)); /* in place */
    CHECK(same_bits(x, y, n));
    free(x), free(dy), free(residual), free(gamma), free(beta), free(mean), free(var), free(table);
    free(y), free(again);
    free(dx), free(dgamma), free(dbeta), free(dresidual);
    reference_free(&r);
}

static void test_batch_norm(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_batch_norm(&cases[i]);
}

static void test_fixed_statistics(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_fixed(&cases[i]);
}

static void check_instance_norm(int64_t n, const norm_case *t)
{
    int64_t rows = t->rows, c = t->c, size = rows * c, all = n * size;
    calr_norm norm = {.rows = rows,
                      .c = c,
                      .eps = (float)EPS,
                      .activation = t->relu ? CALR_ACTIVATION_RELU : CALR_ACTIVATION_NONE};
    float *x = random_input(n * rows, c), *dy = random_array(all, 12), *y = output_array(all),
          *dx = output_array(all);
    float *gamma = t->affine ? random_array(c, 14) : NULL,
          *beta = t->affine ? random_array(c, 15) : NULL;
    float *mean = output_array(n * c), *inv_std = output_array(n * c), *dgamma = output_array(c);
    float *dbeta = output_array(c), *again = output_array(all);
    reference r = reference_new(n * rows, c);
    CHECK_OK(backend->instance_norm_forward(&norm, n, x, gamma, beta, mean, inv_std, y));
    for (int64_t i = 0; i < n; i++) {
        reference part = {r.y + i * size,  r.mean,   r.inv_std, r.var,
                          r.dx + i * size, r.dgamma, r.dbeta,   r.dresidual + i * size};
        reference_norm(t, false, x + i * size, gamma, beta, NULL, y + i * size, dy + i * size,
                       &part);
    }
    CHECK_ARRAY(y, r.y, all, 2e-5);
    CHECK_OK(backend->instance_norm_backward(&norm, n, x, y, gamma, mean, inv_std, dy, dx, dgamma,
                                             dbeta));
    CHECK_ARRAY(dx, r.dx, all, 3e-5);
    CHECK_ARRAY(dgamma, r.dgamma, c, 1e-5);
    CHECK_ARRAY(dbeta, r.dbeta, c, 1e-5);
    int threads = calr_parallel_threads();
    CHECK_OK(calr_parallel_set_threads(1));
    CHECK_OK(backend->instance_norm_backward(&norm, n, x, y, gamma, mean, inv_std, dy, again, NULL,
                                             NULL));
    CHECK(same_bits(again, dx, all));
    CHECK_OK(calr_parallel_set_threads(threads));
    free(x), free(dy), free(y), free(dx), free(gamma), free(beta), free(mean), free(inv_std),
        free(dgamma);
    free(dbeta), free(again);
    reference_free(&r);
}

static void test_instance_norm(void)
{
    check_instance_norm(1, &(norm_case){.rows = 1, .c = 1, .affine = true});
    check_instance_norm(3, &(norm_case){.rows = 35, .c = 13, .affine = true});
    check_instance_norm(7, &(norm_case){.rows = 128, .c = 64, .relu = true, .affine = true});
    check_instance_norm(2, &(norm_case){.rows = 512, .c = 129, .relu = true});
}

/* Columns whose mean is thousands of deviations away keep their variance. */
static void test_large_mean(void)
{
    enum { rows = 4096 };
    calr_norm norm = {.rows = rows, .c = 2, .eps = 0};
    float *x = random_array(rows * 2, 1), *y = output_array(rows * 2), table[8], *mean = table,
          *inv_std = table + 2;
    for (int i = 0; i < rows; i++) {
        x[2 * i] = 4096 + (i % 2 ? 0.25f : -0.25f);
        x[2 * i + 1] = 5; /* constant: variance 0 */
    }
    norm.eps = (float)EPS;
    CHECK_OK(backend->batch_norm_train(&norm, 0.1, x, NULL, NULL, NULL, NULL, NULL, table, y));
    CHECK_NEAR(mean[0], 4096, 1e-3);
    CHECK_NEAR(inv_std[0], 1 / sqrt(0.0625 + EPS), 1e-3);
    CHECK_NEAR(mean[1], 5, 0);
    CHECK_NEAR(inv_std[1], 1 / sqrt(EPS), 1e-2);
    free(x), free(y);
}

static void test_no_rows(void)
{
    calr_norm norm = {.rows = 0, .c = 3, .eps = (float)EPS};
    float mean[3] = {1, 1, 1}, var[3] = {1, 1, 1}, gamma[3] = {1, 1, 1}, dgamma[3], dbeta[3],
          running[3] = {7, 7, 7}, table[12];
    float none[1] = {CANARY};
    CHECK_OK(backend->batch_norm_train(&norm, 0.1, none, gamma, NULL, NULL, running, running, table,
                                       none));
    CHECK(running[0] == 7 && none[0] == CANARY);
    CHECK_OK(backend->batch_norm_infer(&norm, none, gamma, NULL, mean, var, NULL, none));
    CHECK_OK(backend->batch_norm_backward(&norm, false, none, none, table, none, NULL, none, dgamma,
                                          dbeta, NULL));
    CHECK(dgamma[2] == 0 && dbeta[2] == 0 && none[0] == CANARY);
    norm.rows = 4;
    CHECK_OK(backend->instance_norm_forward(&norm, 0, none, gamma, NULL, none, none, none));
    CHECK_OK(backend->instance_norm_backward(&norm, 0, none, none, gamma, none, none, none, none,
                                             dgamma, dbeta));
    CHECK(dgamma[2] == 0 && dbeta[2] == 0 && none[0] == CANARY);
}

/* Large outputs are written past the caches; parts of them, too small for that, are the same. */
static void check_large(calr_dtype dtype, int64_t c)
{
    int64_t n = 17000000 / c * c, size = dtype == CALR_BF16 ? 2 : 4, rows = n / c,
            part = rows / 5 + 1;
    float *v = random_array(4 * c, 1); /* gamma, beta, mean, variance */
    char *x = (char *)output_array(n), *residual = (char *)output_array(n),
         *y = (char *)output_array(n), *expected = (char *)output_array(n);
    for (int64_t i = 0; i < n; i++)
        calr_real_store(size == 2, x, i, (float)(i % 1009) * 0.01f - 5),
            calr_real_store(size == 2, residual, i, (float)(i % 103) * 0.1f - 5);
    calr_norm norm = {.rows = rows,
                      .c = c,
                      .eps = (float)EPS,
                      .activation = CALR_ACTIVATION_RELU,
                      .dtype = dtype};
    for (int64_t j = 3 * c; j < 4 * c; j++)
        v[j] = v[j] * v[j];
    CHECK_OK(backend->batch_norm_infer(&norm, x, v, v + c, v + 2 * c, v + 3 * c, residual, y));
    for (int64_t begin = 0; begin < rows; begin += part) {
        int64_t at = begin * c * size;
        norm.rows = rows - begin < part ? rows - begin : part;
        CHECK_OK(backend->batch_norm_infer(&norm, x + at, v, v + c, v + 2 * c, v + 3 * c,
                                           residual + at, expected + at));
    }
    CHECK(memcmp(y, expected, (size_t)(n * size)) == 0);
    free(v), free(x), free(residual), free(y), free(expected);
}

static void test_large_outputs(void)
{
    check_large(CALR_F32, 68);
    check_large(CALR_F32, 70); /* rows do not begin at multiples of 16 bytes */
    check_large(CALR_BF16, 200);
    check_large(CALR_F32, 5000);
}

int main(void)
{
    CHECK_OK(calr_backend_get(&backend));
    RUN(test_batch_norm);
    RUN(test_fixed_statistics);
    RUN(test_instance_norm);
    RUN(test_large_mean);
    RUN(test_no_rows);
    RUN(test_large_outputs);
    return check_finish();
}
