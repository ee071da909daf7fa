/* Every kernel of the table, wrapped. A kernel that is not here is used as it is: tests/c/test_meter.c tells which
 * one was forgotten.
 *
 * Bytes are those of inputs and outputs, each once: what must pass through memory when nothing stays in a cache and
 * nothing is read twice. A kernel that is faster than its bytes allow had its input in the cache. */
#include "backend/metered.h"

#include <stdio.h>

#include "base/meter.h"

static _Thread_local const calr_backend *original;

typedef struct work {
    double flops;
    double floats; /* numbers read and written, those in bf16 counted as halves */
} work;

/* What an element of this type counts. */
#define REAL(dtype) (0.25 * (double)calr_dtype_size(dtype))

static void finish(double began, const char *kernel, work done)
{
    calr_meter_event *event = calr_meter_end(began, kernel);
    if (!event)
        return;
    event->flops = done.flops;
    event->bytes = 4 * done.floats;
}

/* Wraps a kernel that returns a status, or nothing. */
#define STATUS(name, parameters, arguments, ...)                                                   \
    static calr_status name parameters                                                             \
    {                                                                                              \
        double began = calr_meter_begin();                                                         \
        calr_status status = original->name arguments;                                             \
        finish(began, #name, (work){__VA_ARGS__});                                                 \
        return status;                                                                             \
    }
#define VOID(name, parameters, arguments, ...)                                                     \
    static void name parameters                                                                    \
    {                                                                                              \
        double began = calr_meter_begin();                                                         \
        original->name arguments;                                                                  \
        finish(began, #name, (work){__VA_ARGS__});                                                 \
    }

/* ---- products ---- */

/* Elements of a and b have `size` bytes; c is passed over once, or twice when it is added to. */
static void count_product(double began, const char *kernel, int64_t m, int64_t n, int64_t k,
                          double size, int passes)
{
    calr_meter_event *event = calr_meter_end(began, kernel);
    if (!event)
        return;
    double rows = (double)m, columns = (double)n, inner = (double)k;
    event->flops = 2 * rows * columns * inner;
    event->bytes = size * (rows * inner + inner * columns) + 4 * passes * rows * columns;
    snprintf(event->detail, sizeof event->detail, "%lldx%lldx%lld", (long long)m, (long long)n,
             (long long)k);
}

static void gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
                 const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                 int64_t ldc)
{
    double began = calr_meter_begin();
    original->gemm(transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    count_product(began, "gemm", m, n, k, 4, beta != 0 ? 2 : 1);
}

/* Bytes as if no two products shared a matrix. */
static calr_status products(const calr_products *sizes, const void *a, const void *b, void *c)
{
    double began = calr_meter_begin();
    calr_status status = original->products(sizes, a, b, c);
    double count = 1;
    for (int d = 0; d < sizes->dims; d++)
        count *= (double)sizes->grid[d];
    calr_meter_event *event = calr_meter_end(began, "products");
    if (!event)
        return status;
    double rows = (double)sizes->m, columns = (double)sizes->n, inner = (double)sizes->k;
    event->flops = 2 * count * rows * columns * inner;
    event->bytes = (double)calr_dtype_size(sizes->dtype) * count *
                   (rows * inner + inner * columns + rows * columns);
    snprintf(event->detail, sizeof event->detail, "%lldx(%lldx%lldx%lld)", (long long)count,
             (long long)sizes->m, (long long)sizes->n, (long long)sizes->k);
    return status;
}

static void gemm_double(int64_t m, int64_t n, int64_t k, const double *a, int64_t lda,
                        const double *b, int64_t ldb, bool add, double *c, int64_t ldc)
{
    double began = calr_meter_begin();
    original->gemm_double(m, n, k, a, lda, b, ldb, add, c, ldc);
    count_product(began, "gemm_double", m, n, k, 8, add ? 4 : 2);
}

static bool gemm_bytes(int64_t m, int64_t n, int64_t k, const int8_t *a, const int8_t *b,
                       int32_t *c, int64_t ldc)
{
    double began = calr_meter_begin();
    bool done = original->gemm_bytes(m, n, k, a, b, c, ldc);
    count_product(began, "gemm_bytes", m, n, k, 1, 1);
    return done;
}

/* ---- linear algebra ---- operations as they are counted for a dense matrix with n <= m */

#define SIDES(s) ((double)(s)->count * (double)(s)->m * (double)(s)->n)
#define WORDS(s) ((s)->dtype == CALR_F64 ? 2.0 : 1.0)
#define LINALG(name, parameters, arguments, operations)                                            \
    STATUS(name, parameters, arguments, .flops = (operations)*SIDES(sizes),                        \
           .floats = 2 * WORDS(sizes) * SIDES(sizes))

LINALG(svd, (const calr_linalg *sizes, const void *a, void *u, void *s, void *vh),
       (sizes, a, u, s, vh), 22 * (double)sizes->n)
LINALG(eigh, (const calr_linalg *sizes, const void *a, void *w, void *v), (sizes, a, w, v),
       9 * (double)sizes->n)
LINALG(qr, (const calr_linalg *sizes, const void *a, void *q, void *r), (sizes, a, q, r),
       4 * (double)sizes->n)
LINALG(cholesky, (const calr_linalg *sizes, const void *a, void *l), (sizes, a, l),
       (double)sizes->n / 3)
LINALG(triangular, (const calr_linalg *sizes, const void *t, void *x), (sizes, t, x),
       (double)sizes->n)
LINALG(lu, (const calr_linalg *sizes, void *a, int32_t *pivots), (sizes, a, pivots),
       2 * (double)sizes->n / 3)
LINALG(lu_solve, (const calr_linalg *sizes, const void *lu, const int32_t *pivots, void *x),
       (sizes, lu, pivots, x), 2 * (double)sizes->n)

#define PAIRS(s) ((double)(s)->count * (double)(s)->m * (double)(s)->n)
STATUS(distances, (const calr_distances *sizes, const void *a, const void *b, void *y),
       (sizes, a, b, y), .flops = 3 * PAIRS(sizes) * (double)sizes->d,
       .floats = WORDS(sizes) * PAIRS(sizes))
STATUS(distances_backward,
       (const calr_distances *sizes, const void *a, const void *b, const void *y, const void *dy,
        void *da, void *db),
       (sizes, a, b, y, dy, da, db), .flops = 4 * PAIRS(sizes) * (double)sizes->d,
       .floats = 2 * WORDS(sizes) * PAIRS(sizes))

void calr_metered_conv(double began, const char *kernel, const calr_conv2d *conv)
{
    calr_meter_event *event = calr_meter_end(began, kernel);
    if (!event)
        return;
    double x = (double)conv->n * (double)conv->h * (double)conv->w * (double)conv->c_in;
    double y = (double)conv->n * (double)conv->out_h * (double)conv->out_w * (double)conv->c_out;
    double filter = (double)(conv->c_in / (conv->groups ? conv->groups : 1)) * (double)conv->kh *
                    (double)conv->kw;
    event->flops = 2 * y * filter;
    event->bytes = 4 * (REAL(conv->dtype) * (x + y) + filter * (double)conv->c_out);
    snprintf(event->detail, sizeof event->detail, "%lldx%lldx%lldx%lld>%lld %lldx%lld/%lld%s",
             (long long)conv->n, (long long)conv->h, (long long)conv->w, (long long)conv->c_in,
             (long long)conv->c_out, (long long)conv->kh, (long long)conv->kw,
             (long long)conv->stride[0], conv->groups > 1 ? " grouped" : "");
}

void calr_metered_inverted(double began, const char *kernel, int64_t inputs,
                           const calr_conv2d *filter, int64_t outputs)
{
    calr_meter_event *event = calr_meter_end(began, kernel);
    if (!event)
        return;
    double x = (double)filter->n * (double)filter->h * (double)filter->w, c = (double)filter->c_in;
    double y = (double)filter->n * (double)filter->out_h * (double)filter->out_w;
    double read = inputs ? (double)inputs : c, taps = (double)filter->kh * (double)filter->kw;
    event->flops = 2 * (x * (double)inputs * c + y * c * (taps + (double)outputs));
    event->bytes = 4 * (REAL(filter->dtype) * (x * read + y * (double)outputs) +
                        c * ((double)inputs + taps + (double)outputs));
    snprintf(event->detail, sizeof event->detail, "%lldx%lldx%lldx%lld>%lld>%lld %lldx%lld/%lld",
             (long long)filter->n, (long long)filter->h, (long long)filter->w,
             (long long)(inputs ? inputs : filter->c_in), (long long)filter->c_in,
             (long long)outputs, (long long)filter->kh, (long long)filter->kw,
             (long long)filter->stride[0]);
}

static calr_status conv2d_forward(const calr_conv2d *conv, const void *x, const float *w,
                                  const float *bias, void *y)
{
    double began = calr_meter_begin();
    calr_status status = original->conv2d_forward(conv, x, w, bias, y);
    calr_metered_conv(began, "conv2d_forward", conv);
    return status;
}

static calr_status conv2d_backward_data(const calr_conv2d *conv, const float *w, const void *dy,
                                        void *dx)
{
    double began = calr_meter_begin();
    calr_status status = original->conv2d_backward_data(conv, w, dy, dx);
    calr_metered_conv(began, "conv2d_backward_data", conv);
    return status;
}

/* Counted as if it wrote all of dx. */
static calr_status conv2d_backward_data_add(const calr_conv2d *conv, const float *w, const void *dy,
                                            void *dx)
{
    double began = calr_meter_begin();
    calr_status status = original->conv2d_backward_data_add(conv, w, dy, dx);
    calr_metered_conv(began, "conv2d_backward_data", conv);
    return status;
}

static calr_status conv2d_backward_weights(const calr_conv2d *conv, const void *x, const void *dy,
                                           float *dw, float *dbias)
{
    double began = calr_meter_begin();
    calr_status status = original->conv2d_backward_weights(conv, x, dy, dw, dbias);
    calr_metered_conv(began, "conv2d_backward_weights", conv);
    return status;
}

/* ---- norms ---- */

#define MAP(norm) (REAL((norm)->dtype) * (double)(norm)->rows * (double)(norm)->c)

/* Counted as the convolution alone; the other maps stay in the cache. Backward x, dy and dx pass once more. */
static calr_status conv2d_normed_forward(const calr_norm *norm, const calr_conv2d *conv,
                                         const void *x, const float *table, const float *w, void *y)
{
    double began = calr_meter_begin();
    calr_status status = original->conv2d_normed_forward(norm, conv, x, table, w, y);
    calr_metered_conv(began, "conv2d_normed_forward", conv);
    return status;
}

static calr_status conv2d_normed_backward(const calr_norm *norm, const calr_conv2d *conv,
                                          const void *x, const float *table, const float *w,
                                          const void *dy, void *dx, float *dgamma, float *dbeta,
                                          float *dw)
{
    double began = calr_meter_begin();
    calr_status status =
        original->conv2d_normed_backward(norm, conv, x, table, w, dy, dx, dgamma, dbeta, dw);
    calr_metered_conv(began, "conv2d_normed_backward", conv);
    return status;
}

STATUS(batch_norm_train,
       (const calr_norm *norm, double momentum, const void *x, const float *gamma,
        const float *beta, const void *residual, float *running_mean, float *running_var,
        float *table, void *y),
       (norm, momentum, x, gamma, beta, residual, running_mean, running_var, table, y),
       .floats = (y ? residual ? 3 : 2 : 1) * MAP(norm))
VOID(batch_norm_table,
     (const calr_norm *norm, const float *gamma, const float *beta, const float *mean,
      const float *var, float *table),
     (norm, gamma, beta, mean, var, table), .floats = 8 * (double)norm->c)
VOID(batch_norm_apply,
     (const calr_norm *norm, const void *x, const float *table, const void *residual, void *y),
     (norm, x, table, residual, y), .floats = (residual ? 3 : 2) * MAP(norm))
STATUS(batch_norm_infer,
       (const calr_norm *norm, const void *x, const float *gamma, const float *beta,
        const float *mean, const float *var, const void *residual, void *y),
       (norm, x, gamma, beta, mean, var, residual, y), .floats = (residual ? 3 : 2) * MAP(norm))
STATUS(batch_norm_backward,
       (const calr_norm *norm, bool fixed, const void *x, const void *aside, const float *table,
        const void *dy, const void *dy2, void *dx, float *dgamma, float *dbeta, void *dresidual),
       (norm, fixed, x, aside, table, dy, dy2, dx, dgamma, dbeta, dresidual),
       .floats = (2 + (norm->activation && aside ? 1 : 0) + (dy2 ? 1 : 0) + (dx ? 1 : 0) +
                  (dresidual ? 1 : 0)) *
                 MAP(norm))
STATUS(instance_norm_forward,
       (const calr_norm *norm, int64_t n, const void *x, const float *gamma, const float *beta,
        float *mean, float *inv_std, void *y),
       (norm, n, x, gamma, beta, mean, inv_std, y), .floats = 2 * (double)n * MAP(norm))
STATUS(instance_norm_backward,
       (const calr_norm *norm, int64_t n, const void *x, const void *y, const float *gamma,
        const float *mean, const float *inv_std, const void *dy, void *dx, float *dgamma,
        float *dbeta),
       (norm, n, x, y, gamma, mean, inv_std, dy, dx, dgamma, dbeta),
       .floats = (2 + (norm->activation ? 1 : 0) + (dx ? 1 : 0)) * (double)n * MAP(norm))

/* ---- pooling ---- */

#define POOLED(pool)                                                                               \
    ((double)(pool)->n * (double)(pool)->out_h * (double)(pool)->out_w * (double)(pool)->c)
#define UNPOOLED(pool)                                                                             \
    ((double)(pool)->n * (double)(pool)->h * (double)(pool)->w * (double)(pool)->c)
#define GLOBAL(n, area, c) (REAL(dtype) * (double)(n) * (double)(area) * (double)(c))

STATUS(max_pool_forward, (const calr_pool2d *pool, const void *x, void *y, uint8_t *argmax),
       (pool, x, y, argmax),
       .floats = REAL(pool->dtype) * (UNPOOLED(pool) + POOLED(pool)) +
                 (argmax ? 0.25 * POOLED(pool) : 0))
STATUS(max_pool_backward,
       (const calr_pool2d *pool, const uint8_t *argmax, const void *dy, void *dx),
       (pool, argmax, dy, dx),
       .floats = REAL(pool->dtype) * (UNPOOLED(pool) + POOLED(pool)) + 0.25 * POOLED(pool))
STATUS(avg_pool_forward,
       (calr_dtype dtype, int64_t n, int64_t area, int64_t c, const void *x, float *y),
       (dtype, n, area, c, x, y), .floats = GLOBAL(n, area, c))
STATUS(avg_pool_backward,
       (calr_dtype dtype, int64_t n, int64_t area, int64_t c, const float *dy, void *dx),
       (dtype, n, area, c, dy, dx), .floats = GLOBAL(n, area, c))
STATUS(gem_forward,
       (calr_dtype dtype, int64_t n, int64_t area, int64_t c, float p, float eps, const void *x,
        float *y),
       (dtype, n, area, c, p, eps, x, y), .floats = GLOBAL(n, area, c))
STATUS(gem_backward,
       (calr_dtype dtype, int64_t n, int64_t area, int64_t c, float p, float eps, const void *x,
        const float *y, const float *dy, void *dx, float *dp),
       (dtype, n, area, c, p, eps, x, y, dy, dx, dp), .floats = (dx ? 2 : 1) * GLOBAL(n, area, c))

/* ---- rows ---- */

#define GRID(rows, c) ((double)(rows) * (double)(c))

STATUS(softmax, (int64_t rows, int64_t c, const float *x, float *y), (rows, c, x, y),
       .floats = 2 * GRID(rows, c))
STATUS(log_softmax, (int64_t rows, int64_t c, const float *x, float *y), (rows, c, x, y),
       .floats = 2 * GRID(rows, c))
STATUS(softmax_backward, (int64_t rows, int64_t c, const float *y, const float *dy, float *dx),
       (rows, c, y, dy, dx), .floats = 3 * GRID(rows, c))
STATUS(log_softmax_backward, (int64_t rows, int64_t c, const float *y, const float *dy, float *dx),
       (rows, c, y, dy, dx), .floats = 3 * GRID(rows, c))
STATUS(cross_entropy_forward,
       (int64_t rows, int64_t c, const float *x, const int32_t *labels, const float *weights,
        const float *row_weights, float *log_sum, float *total, float *loss),
       (rows, c, x, labels, weights, row_weights, log_sum, total, loss), .floats = GRID(rows, c))
STATUS(cross_entropy_backward,
       (int64_t rows, int64_t c, const float *x, const int32_t *labels, const float *weights,
        const float *row_weights, const float *log_sum, float total, float dloss, float *dx),
       (rows, c, x, labels, weights, row_weights, log_sum, total, dloss, dx),
       .floats = 2 * GRID(rows, c))
STATUS(l2_normalize_forward,
       (int64_t rows, int64_t c, float eps, const float *x, float *norm, float *y),
       (rows, c, eps, x, norm, y), .floats = 2 * GRID(rows, c))
STATUS(l2_normalize_backward,
       (int64_t rows, int64_t c, float eps, const float *y, const float *norm, const float *dy,
        float *dx),
       (rows, c, eps, y, norm, dy, dx), .floats = 3 * GRID(rows, c))
STATUS(sum_rows, (calr_dtype dtype, int64_t rows, int64_t c, const void *x, float *y),
       (dtype, rows, c, x, y), .floats = REAL(dtype) * GRID(rows, c))
STATUS(add_row, (int64_t rows, int64_t c, const float *x, const float *row, float *y),
       (rows, c, x, row, y), .floats = (x ? 2 : 1) * GRID(rows, c))

/* ---- layers ---- */

#define ROWS(norm) (REAL((norm)->dtype) * (double)(norm)->rows * (double)(norm)->c)
#define IMAGES(norm)                                                                               \
    (REAL((norm)->dtype) * (double)(norm)->n * (double)(norm)->area * (double)(norm)->c)
#define BOTH(o)                                                                                    \
    (REAL((o)->dtype) * (double)(o)->n * (double)(o)->c *                                          \
     ((double)(o)->h * (double)(o)->w + (double)(o)->out_h * (double)(o)->out_w))
#define WINNERS(o) ((double)(o)->n * (double)(o)->out_h * (double)(o)->out_w * (double)(o)->c)

STATUS(row_norm_forward,
       (const calr_row_norm *norm, const void *x, const float *gamma, const float *beta,
        float *mean, float *inv_std, void *y),
       (norm, x, gamma, beta, mean, inv_std, y), .floats = 2 * ROWS(norm))
STATUS(row_norm_backward,
       (const calr_row_norm *norm, const void *x, const float *gamma, const float *mean,
        const float *inv_std, const void *dy, void *dx, float *dgamma, float *dbeta),
       (norm, x, gamma, mean, inv_std, dy, dx, dgamma, dbeta), .floats = (dx ? 3 : 2) * ROWS(norm))
STATUS(group_norm_forward,
       (const calr_group_norm *norm, const void *x, const float *gamma, const float *beta,
        float *mean, float *inv_std, void *y),
       (norm, x, gamma, beta, mean, inv_std, y), .floats = 2 * IMAGES(norm))
STATUS(group_norm_backward,
       (const calr_group_norm *norm, const void *x, const float *gamma, const float *mean,
        const float *inv_std, const void *dy, void *dx, float *dgamma, float *dbeta),
       (norm, x, gamma, mean, inv_std, dy, dx, dgamma, dbeta),
       .floats = (dx ? 3 : 2) * IMAGES(norm))
STATUS(window_mean_forward, (const calr_windows *windows, const void *x, void *y), (windows, x, y),
       .floats = BOTH(windows))
STATUS(window_mean_backward, (const calr_windows *windows, const void *dy, void *dx),
       (windows, dy, dx), .floats = BOTH(windows))
STATUS(window_max_forward, (const calr_windows *windows, const void *x, void *y, int32_t *winner),
       (windows, x, y, winner), .floats = BOTH(windows) + WINNERS(windows))
STATUS(window_max_backward,
       (const calr_windows *windows, const int32_t *winner, const void *dy, void *dx),
       (windows, winner, dy, dx), .floats = BOTH(windows) + WINNERS(windows))
STATUS(resample_forward, (const calr_resample *sizes, const void *x, void *y), (sizes, x, y),
       .floats = BOTH(sizes))
STATUS(resample_backward, (const calr_resample *sizes, const void *dy, void *dx), (sizes, dy, dx),
       .floats = BOTH(sizes))

/* Operations and numbers of `products` products over the queries and keys of all heads; a causal half counts whole. */
static work attended(const calr_attention *o, int products)
{
    double heads = (double)o->batch * (double)o->heads, n = (double)o->n, m = (double)o->m;
    double both = (double)(o->d + o->width);
    return (work){.flops = products * heads * n * m * both,
                  .floats = products * 0.5 * REAL(o->dtype) * heads * (n + m) * both};
}

static calr_status attention_forward(const calr_attention *sizes, const void *q, const void *k,
                                     const void *v, const void *mask, void *y, float *log_sum)
{
    double began = calr_meter_begin();
    calr_status status = original->attention_forward(sizes, q, k, v, mask, y, log_sum);
    finish(began, "attention_forward", attended(sizes, 2));
    return status;
}

static calr_status attention_backward(const calr_attention *sizes, const void *q, const void *k,
                                      const void *v, const void *mask, const void *y,
                                      const float *log_sum, const void *dy, void *dq, void *dk,
                                      void *dv)
{
    double began = calr_meter_begin();
    calr_status status =
        original->attention_backward(sizes, q, k, v, mask, y, log_sum, dy, dq, dk, dv);
    finish(began, "attention_backward", attended(sizes, 5));
    return status;
}

/* ---- gates ---- */

#define MAPS(sizes)                                                                                \
    ((double)(sizes)->n * (double)(sizes)->area * (double)(sizes)->c * REAL((sizes)->dtype))

VOID(gated_sum_forward,
     (const calr_gated_sum *sizes, const void *const *x, const float *const *gates, void *y),
     (sizes, x, gates, y), .floats = (sizes->count + 1) * MAPS(sizes))
VOID(gated_sum_backward,
     (const calr_gated_sum *sizes, const void *const *x, const float *const *gates, const void *dy,
      void *const *dx, float *const *dgates),
     (sizes, x, gates, dy, dx, dgates), .floats = (2 * sizes->count + 1) * MAPS(sizes))

/* ---- reductions ---- outputs are few, and not counted */

#define REDUCED(r)                                                                                 \
    ((double)(r)->outer * (double)(r)->n * (double)(r)->inner *                                    \
     (double)calr_dtype_size((r)->dtype) / 4)

STATUS(reduce, (const calr_reduce *r, const void *x, void *y, int64_t *positions),
       (r, x, y, positions), .floats = REDUCED(r))
STATUS(reduce_backward,
       (const calr_reduce *r, const void *x, const void *y, const int64_t *positions,
        const void *dy, void *dx),
       (r, x, y, positions, dy, dx), .floats = (positions ? 1 : 2) * REDUCED(r))

/* ---- elements ---- */

#define EACH(k) (k * REAL(dtype) * (double)n)

VOID(scale, (calr_dtype dtype, int64_t n, double alpha, const void *x, void *y),
     (dtype, n, alpha, x, y), .floats = EACH(2))
VOID(axpy, (calr_dtype dtype, int64_t n, double alpha, const void *x, void *y),
     (dtype, n, alpha, x, y), .floats = EACH(3))
VOID(affine, (calr_dtype dtype, int64_t n, double alpha, double beta, const void *x, void *y),
     (dtype, n, alpha, beta, x, y), .floats = EACH(2))

/* These go by the name of the operation, not of the kernel. */
static void unary(calr_unary op, calr_dtype dtype, int64_t n, const double p[2], const void *x,
                  void *y)
{
    double began = calr_meter_begin();
    original->unary(op, dtype, n, p, x, y);
    finish(began, calr_unary_name(op), (work){.floats = EACH(2)});
}

static void unary_backward(calr_unary op, calr_dtype dtype, int64_t n, const double p[2],
                           const void *saved, const void *dy, void *dx)
{
    double began = calr_meter_begin();
    original->unary_backward(op, dtype, n, p, saved, dy, dx);
    finish(began, op == CALR_RELU ? "relu_backward" : "unary_backward", (work){.floats = EACH(3)});
}

static double pairs(const calr_pairing *pairing)
{
    double n = 1;
    for (int d = 0; d < pairing->ndim; d++)
        n *= (double)pairing->shape[d];
    return n;
}

static calr_status binary(calr_binary op, calr_dtype dtype, const calr_pairing *pairing,
                          const void *a, const void *b, void *y)
{
    double began = calr_meter_begin();
    calr_status status = original->binary(op, dtype, pairing, a, b, y);
    finish(began, calr_binary_name(op), (work){.floats = 3 * REAL(dtype) * pairs(pairing)});
    return status;
}

VOID(ternary,
     (calr_ternary op, calr_dtype dtype, const calr_pairing *pairing, double p, const void *a,
      const void *b, const void *c, void *y),
     (op, dtype, pairing, p, a, b, c, y), .floats = 4 * REAL(dtype) * pairs(pairing))
VOID(where,
     (size_t size, const calr_pairing *pairing, const uint8_t *mask, const void *a, const void *b,
      void *y),
     (size, pairing, mask, a, b, y), .floats = (0.25 + 0.75 * (double)size) * pairs(pairing))
VOID(dropout, (int64_t n, const calr_dropout *dropout_, const float *x, float *y),
     (n, dropout_, x, y), .floats = 2 * (double)n)
VOID(adam_step, (int64_t n, const calr_adam *adam, const float *dw, float *m, float *v, float *w),
     (n, adam, dw, m, v, w), .floats = 7 * (double)n)
VOID(sgd_step, (int64_t n, const calr_sgd *sgd, const float *dw, float *velocity, float *w),
     (n, sgd, dw, velocity, w), .floats = (velocity ? 5 : 3) * (double)n)

static double dot(int64_t n, const float *a, const float *b)
{
    double began = calr_meter_begin();
    double result = original->dot(n, a, b);
    finish(began, "dot", (work){.floats = 2 * (double)n});
    return result;
}

/* ---- order, scans, index ---- floats count 4 bytes: an index counts 2 */

#define LINES (FLOATS(dtype) * (double)outer * (double)n * (double)inner)
/* What a number counts, and what an element of `size` bytes does. */
#define FLOATS(dtype) ((double)calr_dtype_size(dtype) / 4)
#define CHOSEN(rows_) ((double)(rows_)->outer * (double)(rows_)->count * (double)(rows_)->inner)

static double indexed(const calr_index_elements *elements)
{
    double count = 1;
    for (int d = 0; d < elements->ndim; d++)
        count *= (double)elements->shape[d];
    return count;
}

STATUS(sort,
       (calr_dtype dtype, int64_t outer, int64_t n, int64_t inner, bool descending, const void *x,
        void *y, int64_t *positions),
       (dtype, outer, n, inner, descending, x, y, positions), .floats = 2 * LINES)
STATUS(top,
       (calr_dtype dtype, int64_t outer, int64_t n, int64_t inner, int64_t k, bool largest,
        bool sorted, const void *x, void *y, int64_t *positions),
       (dtype, outer, n, inner, k, largest, sorted, x, y, positions), .floats = LINES)
STATUS(rank,
       (calr_dtype dtype, int64_t outer, int64_t n, int64_t inner, int64_t k, bool median,
        const void *x, void *y, int64_t *positions),
       (dtype, outer, n, inner, k, median, x, y, positions), .floats = LINES)
VOID(search,
     (calr_dtype dtype, bool right, int64_t rows, int64_t n, const void *sorted, bool shared,
      int64_t count, const void *x, int64_t *y),
     (dtype, right, rows, n, sorted, shared, count, x, y),
     .floats = (2 + FLOATS(dtype)) * (double)rows * (double)count)
STATUS(histogram,
       (calr_dtype dtype, bool even, int64_t n, const void *x, const void *weights, int64_t bins,
        const void *edges, double *counts),
       (dtype, even, n, x, weights, bins, edges, counts),
       .floats = (weights ? 2 : 1) * FLOATS(dtype) * (double)n)
STATUS(scan,
       (calr_scan op, calr_dtype dtype, bool reverse, int64_t outer, int64_t n, int64_t inner,
        const void *x, void *y, int64_t *positions),
       (op, dtype, reverse, outer, n, inner, x, y, positions), .floats = 2 * LINES)
STATUS(scan_backward,
       (calr_scan op, calr_dtype dtype, int64_t outer, int64_t n, int64_t inner, const void *x,
        const void *y, const void *dy, void *dx),
       (op, dtype, outer, n, inner, x, y, dy, dx), .floats = 4 * LINES)
VOID(take_rows,
     (size_t size, const calr_index_rows *rows_, const int64_t *index, const void *x, void *y),
     (size, rows_, index, x, y), .floats = (double)size / 2 * CHOSEN(rows_))
VOID(put_rows,
     (calr_dtype dtype, bool add, bool one, const calr_index_rows *rows_, double alpha,
      const int64_t *index, const void *x, void *y),
     (dtype, add, one, rows_, alpha, index, x, y),
     .floats = ((add ? 2 : 1) + (one ? 0 : 1)) * FLOATS(dtype) * CHOSEN(rows_))
VOID(gather,
     (calr_dtype dtype, const calr_index_elements *elements, const int64_t *index, const void *x,
      void *y),
     (dtype, elements, index, x, y), .floats = (2 + 2 * FLOATS(dtype)) * indexed(elements))
VOID(scatter,
     (calr_dtype dtype, bool add, const calr_index_elements *elements, const int64_t *index,
      const void *x, void *y),
     (dtype, add, elements, index, x, y),
     .floats = (2 + (add ? 3 : 2) * FLOATS(dtype)) * indexed(elements))
STATUS(mask_find, (int64_t n, const uint8_t *mask, int64_t *y), (n, mask, y),
       .floats = (double)n / 4)
STATUS(mask_take, (size_t size, int64_t n, const uint8_t *mask, const void *x, void *y),
       (size, n, mask, x, y), .floats = (double)(size + 1) / 4 * (double)n)
STATUS(mask_put, (size_t size, int64_t n, const uint8_t *mask, const void *x, void *y),
       (size, n, mask, x, y), .floats = (double)(2 * size + 1) / 4 * (double)n)

static int64_t index_outside(int64_t count, const int64_t *index, int64_t n)
{
    double began = calr_meter_begin();
    int64_t result = original->index_outside(count, index, n);
    finish(began, "index_outside", (work){.floats = 2 * (double)count});
    return result;
}

static int64_t unique(calr_dtype dtype, int64_t n, const void *sorted, const int64_t *positions,
                      void *y, int64_t *inverse, int64_t *counts)
{
    double began = calr_meter_begin();
    int64_t result = original->unique(dtype, n, sorted, positions, y, inverse, counts);
    finish(began, "unique", (work){.floats = ((inverse ? 4 : 0) + FLOATS(dtype)) * (double)n});
    return result;
}

static int64_t mask_count(int64_t n, const uint8_t *mask)
{
    double began = calr_meter_begin();
    int64_t result = original->mask_count(n, mask);
    finish(began, "mask_count", (work){.floats = (double)n / 4});
    return result;
}

#define PUT(name) table.name = name

const calr_backend *calr_backend_metered(const calr_backend *under)
{
    static _Thread_local calr_backend table;
    if (original == under)
        return &table;
    original = under;
    table = *under;
    if (under->gemm_bytes)
        PUT(gemm_bytes);
    PUT(gemm), PUT(products), PUT(distances), PUT(distances_backward), PUT(svd), PUT(eigh), PUT(qr),
        PUT(cholesky), PUT(triangular), PUT(lu), PUT(lu_solve), PUT(gemm_double),
        PUT(conv2d_forward), PUT(conv2d_backward_data), PUT(conv2d_backward_weights);
    PUT(conv2d_backward_data_add);
    PUT(batch_norm_train), PUT(batch_norm_infer), PUT(batch_norm_backward);
    PUT(batch_norm_table), PUT(batch_norm_apply);
    PUT(conv2d_normed_forward), PUT(conv2d_normed_backward);
    PUT(instance_norm_forward), PUT(instance_norm_backward);
    PUT(max_pool_forward), PUT(max_pool_backward), PUT(avg_pool_forward), PUT(avg_pool_backward);
    PUT(gem_forward), PUT(gem_backward);
    PUT(row_norm_forward), PUT(row_norm_backward), PUT(group_norm_forward);
    PUT(group_norm_backward), PUT(window_mean_forward), PUT(window_mean_backward);
    PUT(window_max_forward), PUT(window_max_backward), PUT(resample_forward);
    PUT(resample_backward), PUT(attention_forward), PUT(attention_backward);
    PUT(softmax), PUT(log_softmax), PUT(softmax_backward), PUT(log_softmax_backward);
    PUT(cross_entropy_forward), PUT(cross_entropy_backward), PUT(l2_normalize_forward),
        PUT(l2_normalize_backward);
    PUT(sum_rows), PUT(add_row), PUT(reduce), PUT(reduce_backward);
    PUT(binary), PUT(ternary), PUT(where), PUT(scale), PUT(axpy), PUT(affine);
    PUT(gated_sum_forward), PUT(gated_sum_backward);
    PUT(unary), PUT(unary_backward);
    PUT(dot), PUT(dropout), PUT(adam_step), PUT(sgd_step);
    PUT(sort), PUT(top), PUT(rank), PUT(unique), PUT(search), PUT(histogram), PUT(scan),
        PUT(scan_backward);
    PUT(index_outside), PUT(take_rows), PUT(put_rows), PUT(gather), PUT(scatter);
    PUT(mask_count), PUT(mask_find), PUT(mask_take), PUT(mask_put);
    return &table;
}
