/* The kernels of the processor, by family. backend/backend.h says what they compute. Internal
 * to cpu/. */
#ifndef CALR_BACKEND_CPU_KERNELS_H
#define CALR_BACKEND_CPU_KERNELS_H

#include "backend/backend.h"
#include "base/clones.h"
#include "base/parallel.h"
#include "base/size.h"

/* Elements that one chunk of a parallel loop handles: 128 KB of f32, so that starting a thread
 * pays. */
#define CALR_GRAIN 32768

static inline int64_t calr_min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t calr_max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Whether a (resolved) convolution has this stride and this padding on all sides, and taps side by side. */
static inline bool calr_conv2d_has(const calr_conv2d *g, int64_t stride, int64_t padding)
{
    return g->stride[0] == stride && g->stride[1] == stride && g->padding[0] == padding &&
           g->padding[1] == padding && g->padding[2] == padding && g->padding[3] == padding &&
           (g->dilation[0] == 1 || g->kh == 1) && (g->dilation[1] == 1 || g->kw == 1);
}

/* Rows of c elements in a chunk. */
static inline int64_t calr_row_grain(int64_t c)
{
    return calr_max64(1, CALR_GRAIN / calr_max64(1, c));
}

/* processor.c */
/* False inside a calr_parallel_for body (of a team of threads). Otherwise makes the OpenMP
 * libraries use calr_parallel_threads() threads when called from this thread: OpenMP keeps that
 * number for each thread. */
bool calr_cpu_own_team(void);
/* Fills the cpu fields. */
void calr_cpu_describe(calr_backend_info *out);
/* The vectors that kernels written for them may use. oneDNN's variable for a lower instruction set (ONEDNN_MAX_CPU_ISA,
 * or by its old name DNNL_MAX_CPU_ISA) holds for ours too. */
typedef enum calr_cpu_vector_set {
    CALR_VECTORS_NONE,
    CALR_VECTORS_AVX2, /* and FMA */
    CALR_VECTORS_AVX512
} calr_cpu_vector_set;
calr_cpu_vector_set calr_cpu_vectors(void);
/* Whether there is AVX-512 with the conversion of floats to bf16, too. */
bool calr_cpu_has_bf16(void);

/* conv.c: winograd/, pointwise/, im2col and gemm, or depthwise/. f32 only: conv_bf16.h makes the table's
 * entries of them. */
#define CALR_PORTABLE_NAME "portable: im2col"
/* The name of the implementation of a (resolved) convolution here. */
const char *calr_cpu_conv2d_name(const calr_conv2d *conv, calr_conv2d_pass pass);
calr_status calr_cpu_conv2d_forward(const calr_conv2d *conv, const float *x, const float *w,
                                    const float *bias, float *y);
calr_status calr_cpu_conv2d_backward_data(const calr_conv2d *conv, const float *w, const float *dy,
                                          float *dx);
calr_status calr_cpu_conv2d_backward_data_add(const calr_conv2d *conv, const float *w,
                                              const void *dy, void *dx);
calr_status calr_cpu_conv2d_backward_weights(const calr_conv2d *conv, const float *x,
                                             const float *dy, float *dw, float *dbias);

/* norm.c */
calr_status calr_cpu_batch_norm_train(const calr_norm *norm, double momentum, const void *x,
                                      const float *gamma, const float *beta, const void *residual,
                                      float *running_mean, float *running_var, float *table,
                                      void *y);
calr_status calr_cpu_batch_norm_infer(const calr_norm *norm, const void *x, const float *gamma,
                                      const float *beta, const float *mean, const float *var,
                                      const void *residual, void *y);
void calr_cpu_batch_norm_table(const calr_norm *norm, const float *gamma, const float *beta,
                               const float *mean, const float *var, float *table);
void calr_cpu_batch_norm_apply(const calr_norm *norm, const void *x, const float *table,
                               const void *residual, void *y);
calr_status calr_cpu_batch_norm_backward(const calr_norm *norm, bool fixed, const void *x,
                                         const void *aside, const float *table, const void *dy,
                                         const void *dy2, void *dx, float *dgamma, float *dbeta,
                                         void *dresidual);

/* depthwise/normed.c */
calr_status calr_cpu_conv2d_normed_forward(const calr_norm *norm, const calr_conv2d *conv,
                                           const void *x, const float *table, const float *w,
                                           void *y);
calr_status calr_cpu_conv2d_normed_backward(const calr_norm *norm, const calr_conv2d *conv,
                                            const void *x, const float *table, const float *w,
                                            const void *dy, void *dx, float *dgamma, float *dbeta,
                                            float *dw);

/* instance_norm.c */
calr_status calr_cpu_instance_norm_forward(const calr_norm *norm, int64_t n, const void *x,
                                           const float *gamma, const float *beta, float *mean,
                                           float *inv_std, void *y);
calr_status calr_cpu_instance_norm_backward(const calr_norm *norm, int64_t n, const void *x,
                                            const void *y, const float *gamma, const float *mean,
                                            const float *inv_std, const void *dy, void *dx,
                                            float *dgamma, float *dbeta);

/* row_norm.c */
calr_status calr_cpu_row_norm_forward(const calr_row_norm *norm, const void *x, const float *gamma,
                                      const float *beta, float *mean, float *inv_std, void *y);
calr_status calr_cpu_row_norm_backward(const calr_row_norm *norm, const void *x, const float *gamma,
                                       const float *mean, const float *inv_std, const void *dy,
                                       void *dx, float *dgamma, float *dbeta);

/* group_norm.c */
calr_status calr_cpu_group_norm_forward(const calr_group_norm *norm, const void *x,
                                        const float *gamma, const float *beta, float *mean,
                                        float *inv_std, void *y);
calr_status calr_cpu_group_norm_backward(const calr_group_norm *norm, const void *x,
                                         const float *gamma, const float *mean,
                                         const float *inv_std, const void *dy, void *dx,
                                         float *dgamma, float *dbeta);

/* windows.c */
calr_status calr_cpu_window_mean_forward(const calr_windows *windows, const void *x, void *y);
calr_status calr_cpu_window_mean_backward(const calr_windows *windows, const void *dy, void *dx);
calr_status calr_cpu_window_max_forward(const calr_windows *windows, const void *x, void *y,
                                        int32_t *winner);
calr_status calr_cpu_window_max_backward(const calr_windows *windows, const int32_t *winner,
                                         const void *dy, void *dx);
calr_status calr_cpu_resample_forward(const calr_resample *sizes, const void *x, void *y);
calr_status calr_cpu_resample_backward(const calr_resample *sizes, const void *dy, void *dx);

/* attention.c */
calr_status calr_cpu_attention_forward(const calr_attention *sizes, const void *q, const void *k,
                                       const void *v, const void *mask, void *y, float *log_sum);
calr_status calr_cpu_attention_backward(const calr_attention *sizes, const void *q, const void *k,
                                        const void *v, const void *mask, const void *y,
                                        const float *log_sum, const void *dy, void *dq, void *dk,
                                        void *dv);

/* pool.c */
calr_status calr_cpu_max_pool_forward(const calr_pool2d *pool, const void *x, void *y,
                                      uint8_t *argmax);
calr_status calr_cpu_max_pool_backward(const calr_pool2d *pool, const uint8_t *argmax,
                                       const void *dy, void *dx);
calr_status calr_cpu_avg_pool_forward(calr_dtype dtype, int64_t n, int64_t area, int64_t c,
                                      const void *x, float *y);
calr_status calr_cpu_avg_pool_backward(calr_dtype dtype, int64_t n, int64_t area, int64_t c,
                                       const float *dy, void *dx);

/* gem.c */
calr_status calr_cpu_gem_forward(calr_dtype dtype, int64_t n, int64_t area, int64_t c, float p,
                                 float eps, const void *x, float *y);
calr_status calr_cpu_gem_backward(calr_dtype dtype, int64_t n, int64_t area, int64_t c, float p,
                                  float eps, const void *x, const float *y, const float *dy,
                                  void *dx, float *dp);

/* products.c */
calr_status calr_cpu_products(const calr_products *sizes, const void *a, const void *b, void *c);

/* distances.c */
calr_status calr_cpu_distances(const calr_distances *sizes, const void *a, const void *b, void *y);
calr_status calr_cpu_distances_backward(const calr_distances *sizes, const void *a, const void *b,
                                        const void *y, const void *dy, void *da, void *db);

/* lapack.c */
calr_status calr_cpu_svd(const calr_linalg *sizes, const void *a, void *u, void *s, void *vh);
calr_status calr_cpu_eigh(const calr_linalg *sizes, const void *a, void *w, void *v);
calr_status calr_cpu_qr(const calr_linalg *sizes, const void *a, void *q, void *r);
calr_status calr_cpu_cholesky(const calr_linalg *sizes, const void *a, void *l);
calr_status calr_cpu_triangular(const calr_linalg *sizes, const void *t, void *x);
calr_status calr_cpu_lu(const calr_linalg *sizes, void *a, int32_t *pivots);
calr_status calr_cpu_lu_solve(const calr_linalg *sizes, const void *lu, const int32_t *pivots,
                              void *x);

/* rows.c */
calr_status calr_cpu_softmax(int64_t rows, int64_t c, const float *x, float *y);
calr_status calr_cpu_log_softmax(int64_t rows, int64_t c, const float *x, float *y);
calr_status calr_cpu_softmax_backward(int64_t rows, int64_t c, const float *y, const float *dy,
                                      float *dx);
calr_status calr_cpu_log_softmax_backward(int64_t rows, int64_t c, const float *y, const float *dy,
                                          float *dx);
calr_status calr_cpu_cross_entropy_forward(int64_t rows, int64_t c, const float *x,
                                           const int32_t *labels, const float *weights,
                                           const float *row_weights, float *log_sum, float *total,
                                           float *loss);
calr_status calr_cpu_cross_entropy_backward(int64_t rows, int64_t c, const float *x,
                                            const int32_t *labels, const float *weights,
                                            const float *row_weights, const float *log_sum,
                                            float total, float dloss, float *dx);
calr_status calr_cpu_l2_normalize_forward(int64_t rows, int64_t c, float eps, const float *x,
                                          float *norm, float *y);
calr_status calr_cpu_l2_normalize_backward(int64_t rows, int64_t c, float eps, const float *y,
                                           const float *norm, const float *dy, float *dx);
calr_status calr_cpu_sum_rows(calr_dtype dtype, int64_t rows, int64_t c, const void *x, float *y);
calr_status calr_cpu_add_row(int64_t rows, int64_t c, const float *x, const float *row, float *y);

/* reduce.c, reduce_backward.c */
calr_status calr_cpu_reduce(const calr_reduce *r, const void *x, void *y, int64_t *positions);
calr_status calr_cpu_reduce_backward(const calr_reduce *r, const void *x, const void *y,
                                     const int64_t *positions, const void *dy, void *dx);
/* What gradients need to know of each output: out is double[outer x inner], x f32 or f64, and so is what is at the
 * side. */
typedef enum calr_reduce_statistic {
    CALR_STATISTIC_MEAN,
    CALR_STATISTIC_EQUALS,      /* how many elements are what is at the side, NaN among them */
    CALR_STATISTIC_EQUAL_SIZES, /* the same of |x| */
    CALR_STATISTIC_NONZEROS     /* the product of what is not 0 */
} calr_reduce_statistic;
calr_status calr_cpu_reduce_statistic(calr_reduce_statistic what, const calr_reduce *r,
                                      const void *x, const void *side, double *out);

/* elements.c */
void calr_cpu_scale(calr_dtype dtype, int64_t n, double alpha, const void *x, void *y);
void calr_cpu_axpy(calr_dtype dtype, int64_t n, double alpha, const void *x, void *y);
void calr_cpu_affine(calr_dtype dtype, int64_t n, double alpha, double beta, const void *x,
                     void *y);
double calr_cpu_dot(int64_t n, const float *a, const float *b);
void calr_cpu_dropout(int64_t n, const calr_dropout *dropout, const float *x, float *y);

/* functions.c */
void calr_cpu_unary(calr_unary op, calr_dtype dtype, int64_t n, const double p[2], const void *x,
                    void *y);
void calr_cpu_unary_backward(calr_unary op, calr_dtype dtype, int64_t n, const double p[2],
                             const void *saved, const void *dy, void *dx);

/* binary.c */
calr_status calr_cpu_binary(calr_binary op, calr_dtype dtype, const calr_pairing *pairing,
                            const void *a, const void *b, void *y);

/* ternary.c */
void calr_cpu_ternary(calr_ternary op, calr_dtype dtype, const calr_pairing *pairing, double p,
                      const void *a, const void *b, const void *c, void *y);
void calr_cpu_where(size_t size, const calr_pairing *pairing, const uint8_t *mask, const void *a,
                    const void *b, void *y);

/* gate.c */
void calr_cpu_gated_sum_forward(const calr_gated_sum *sizes, const void *const *x,
                                const float *const *gates, void *y);
void calr_cpu_gated_sum_backward(const calr_gated_sum *sizes, const void *const *x,
                                 const float *const *gates, const void *dy, void *const *dx,
                                 float *const *dgates);

/* order/ */
calr_status calr_cpu_sort(calr_dtype dtype, int64_t outer, int64_t n, int64_t inner,
                          bool descending, const void *x, void *y, int64_t *positions);
calr_status calr_cpu_top(calr_dtype dtype, int64_t outer, int64_t n, int64_t inner, int64_t k,
                         bool largest, bool sorted, const void *x, void *y, int64_t *positions);
calr_status calr_cpu_rank(calr_dtype dtype, int64_t outer, int64_t n, int64_t inner, int64_t k,
                          bool median, const void *x, void *y, int64_t *positions);

/* index/ */
int64_t calr_cpu_unique(calr_dtype dtype, int64_t n, const void *sorted, const int64_t *positions,
                        void *y, int64_t *inverse, int64_t *counts);
void calr_cpu_search(calr_dtype dtype, bool right, int64_t rows, int64_t n, const void *sorted,
                     bool shared, int64_t count, const void *x, int64_t *y);
calr_status calr_cpu_histogram(calr_dtype dtype, bool even, int64_t n, const void *x,
                               const void *weights, int64_t bins, const void *edges,
                               double *counts);
int64_t calr_cpu_index_outside(int64_t count, const int64_t *index, int64_t n);
void calr_cpu_take_rows(size_t size, const calr_index_rows *rows, const int64_t *index,
                        const void *x, void *y);
void calr_cpu_put_rows(calr_dtype dtype, bool add, bool one, const calr_index_rows *rows,
                       double alpha, const int64_t *index, const void *x, void *y);
void calr_cpu_gather(calr_dtype dtype, const calr_index_elements *elements, const int64_t *index,
                     const void *x, void *y);
void calr_cpu_scatter(calr_dtype dtype, bool add, const calr_index_elements *elements,
                      const int64_t *index, const void *x, void *y);
int64_t calr_cpu_mask_count(int64_t n, const uint8_t *mask);
calr_status calr_cpu_mask_find(int64_t n, const uint8_t *mask, int64_t *y);
calr_status calr_cpu_mask_take(size_t size, int64_t n, const uint8_t *mask, const void *x, void *y);
calr_status calr_cpu_mask_put(size_t size, int64_t n, const uint8_t *mask, const void *x, void *y);

/* scan/ */
/* Of logcumsumexp. */
calr_status calr_cpu_log_scan(calr_dtype dtype, int64_t outer, int64_t n, int64_t inner,
                              const void *x, void *y);
calr_status calr_cpu_scan(calr_scan op, calr_dtype dtype, bool reverse, int64_t outer, int64_t n,
                          int64_t inner, const void *x, void *y, int64_t *positions);
calr_status calr_cpu_scan_backward(calr_scan op, calr_dtype dtype, int64_t outer, int64_t n,
                                   int64_t inner, const void *x, const void *y, const void *dy,
                                   void *dx);

/* optimizer.c */
void calr_cpu_adam_step(int64_t n, const calr_adam *adam, const float *dw, float *m, float *v,
                        float *w);
void calr_cpu_sgd_step(int64_t n, const calr_sgd *sgd, const float *dw, float *velocity, float *w);

#endif
