/* The table of kernels that a device offers.
 *
 * A kernel is a function of pointers and sizes: no tensors, no tape, no Lua. Rules for all of them:
 *   - Arguments go sizes and settings first, inputs next, outputs last. Arrays are contiguous f32
 *     unless stated otherwise; the comment gives shapes. Gradients are named d + the name of what
 *     they belong to.
 *   - An array that is `void *` holds f32 or bf16, as the argument or member `dtype` says (0 is f32;
 *     there are no other values). bf16 is how numbers are kept, not how they are computed: each is
 *     widened when it is read, all sums are accumulated in f32 or double, and a result is rounded
 *     once. Parameters, statistics and gradients of parameters are f32.
 *   - Feature maps are N x H x W x C; weights of convolutions are c_out x (c_in / groups) x kh x kw,
 *     as in torchvision's files.
 *   - Outputs are overwritten, never added to (exceptions say so), and need no initial value. An
 *     output may not overlap an input unless the comment says "in place allowed" (then: the same
 *     pointer, not a shifted one).
 *   - Sizes are >= 0; with no rows nothing is read, and sums over no rows are 0.
 *   - The caller has checked that shapes fit. A kernel checks what only it can know, and returns a
 *     status: CALR_ENOMEM (scratch memory) from all of them; others are named. After a failure
 *     outputs are undefined.
 *   - Any thread may call them, also from a calr_parallel_for body (then they run on that one thread).
 *   - The same call gives the same bits for the same number of threads; everything but convolution
 *     and gemm also for any number of threads. */
#ifndef CALR_BACKEND_BACKEND_H
#define CALR_BACKEND_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/activation.h"
#include "backend/elements.h"
#include "backend/layers.h"
#include "backend/reductions.h"
#include "base/status.h"
#include "tensor/tensor.h"

/* Geometry of a 2-D convolution. calr_conv2d_resolve fills out_h and out_w: (h + padding - dilation (kh - 1)
 * - 1) / stride + 1, rounded down. With `same` it finds the padding, so that they are h / stride, rounded up; of
 * an odd number of zeros the last stands at the bottom and at the right (TensorFlow's SAME). */
typedef struct calr_conv2d {
    int64_t n, h, w, c_in; /* input  x: n x h x w x c_in */
    int64_t c_out, kh, kw; /* weight w: c_out x (c_in / groups) x kh x kw */
    int64_t stride[2];     /* down, across */
    int64_t dilation[2];   /* from one tap to the next, in pixels: down, across; 0 counts as 1 */
    int64_t padding[4];    /* zeros at the top, the bottom, the left and the right */
    int64_t same;          /* 1: calr_conv2d_resolve finds the padding */
    int64_t out_h, out_w;  /* output y: n x out_h x out_w x c_out */
    int64_t groups; /* group i of the inputs makes group i of the outputs; 0 counts as 1. c_in =
                       c_out = groups: depthwise */
    int64_t dtype;  /* calr_dtype of x, y and their gradients; weights and bias are f32 */
} calr_conv2d;

/* Geometry of max pooling, square windows. calr_pool2d_resolve fills out_h and out_w. */
typedef struct calr_pool2d {
    int64_t n, h, w, c;
    int64_t kernel, stride, padding; /* padding never wins: it counts as minus infinity */
    int64_t out_h, out_w;            /* rounded down, like convolution */
    calr_dtype dtype;                /* of x, y and their gradients */
} calr_pool2d;

/* Fill out_h and out_w, the padding where it is `same`, and groups and dilation where they are 0.
 * CALR_EINVAL: channels that groups does not divide; a size out of range (n may be 0, everything else but padding is
 * >= 1); a kernel larger than the padded input; pooling: padding above kernel / 2, kernel above 16. CALR_ENOMEM: the
 * number of elements of input, weight or output overflows. */
calr_status calr_conv2d_resolve(calr_conv2d *conv);
calr_status calr_pool2d_resolve(calr_pool2d *pool);

/* Settings of batch and instance normalisation, with what is fused into them. */
typedef struct calr_norm {
    int64_t rows; /* x: rows x c. For feature maps rows = N*H*W; instance normalisation: rows = H*W
                     of each image */
    int64_t c;
    float eps;
    calr_activation
        activation;   /* y = activation(norm(x) + residual); instance normalisation: none or relu */
    calr_dtype dtype; /* of x, y, residual and their gradients */
} calr_norm;

typedef struct calr_adam {
    double lr, beta1, beta2, eps;
    double weight_decay; /* L2: added to the gradient as weight_decay * w (torch.optim.Adam) */
    bool decoupled;      /* w is multiplied by 1 - lr weight_decay instead (torch.optim.AdamW) */
    float *largest;      /* AMSGrad: the largest v so far, changed in place; NULL: v itself */
    int64_t step;        /* of this call; the first is 1 */
} calr_adam;

typedef struct calr_sgd {
    double lr, momentum, weight_decay;
    double dampening; /* the velocity gets 1 - dampening of the gradient; 0 with nesterov */
    bool nesterov;
} calr_sgd;

/* The name of a stream of masks. Element i is kept or not by (seed, epoch, index, i) alone. */
typedef struct calr_dropout {
    double p; /* probability of 0; 0 <= p < 1 */
    uint64_t seed;
    uint32_t epoch;
    uint64_t index;
} calr_dropout;

/* Products of matrices, one for each place of a grid of `dims` dimensions (0: one product): c = alpha a b, a: m x k,
 * b: k x n. */
typedef struct calr_matrices {
    int64_t row, column;          /* steps to the next row and column, in elements */
    int64_t batch[CALR_MAX_DIMS]; /* steps along the grid; 0 where all places share the matrix */
} calr_matrices;

typedef struct calr_products {
    calr_dtype dtype; /* of a, b and c: f32 or f64 */
    int64_t m, n, k;
    double alpha;
    bool add; /* to what is in c */
    int dims;
    int64_t grid[CALR_MAX_DIMS];
    calr_matrices a, b,
        c; /* calr_matrices_fit each of them. Where a step of c along the grid is 0 (and only
                              there), products are added up */
} calr_products;

/* Whether products can take a matrix of this size with these steps: one of the steps is 1, and the
 * other reaches the next line. Others must be copied first. */
bool calr_matrices_fit(int64_t rows, int64_t columns, int64_t row, int64_t column);

/* Distances (sum |a_i - b_j|^p)^(1/p) between the m rows of each of `count` matrices a and the n rows of b, d numbers
 * each; p = 0 counts differences, p = infinity takes the largest. */
typedef struct calr_distances {
    calr_dtype dtype; /* f32 or f64 */
    int64_t count, m, n, d;
    double p; /* >= 0 */
} calr_distances;

/* What is decomposed: `count` contiguous matrices, m x n each. */
typedef struct calr_linalg {
    calr_dtype dtype; /* f32 or f64 */
    int64_t count, m, n;
    bool full;  /* svd, qr: all m (n) columns of the orthogonal factors, not min(m, n) of them */
    bool upper; /* which triangle: of a symmetric matrix (eigh), of a triangular one */
    bool transpose,
        unit; /* triangular, lu_solve: solve with the transpose; the diagonal counts as 1 */
} calr_linalg;

/* "matrix 3 of the batch", or "the matrix" where there is one. Returns `text`. */
#define CALR_LINALG_TEXT 48
const char *calr_linalg_which(int64_t count, int64_t item, char text[CALR_LINALG_TEXT]);

/* CALR_ENUMERIC names the first of the matrices, decomposed by lu, that is singular. */
calr_status calr_linalg_check_lu(const calr_linalg *sizes, const void *lu);

enum { CALR_GATED_MOST = 16 };

/* Sizes of a sum of feature maps whose channels are weighted: y = sum_i x_i g_i, x_i and y n x area x c, g_i n x c. */
typedef struct calr_gated_sum {
    calr_dtype dtype;   /* of x, y and their gradients; gates are f32 */
    int count;          /* maps: 1 .. CALR_GATED_MOST */
    int64_t n, area, c; /* area = h w */
} calr_gated_sum;

/* What a scan makes of all numbers so far. */
typedef enum calr_scan {
    CALR_CUMSUM,
    CALR_CUMPROD,
    CALR_CUMMAX,
    CALR_CUMMIN,
    CALR_LOGCUMSUMEXP
} calr_scan;

/* Items of the middle dimension of outer x n x inner by their numbers: `count` of them, 0 .. n-1. */
typedef struct calr_index_rows {
    int64_t outer, n, inner, count;
} calr_index_rows;

/* Elements whose place along dimension `dim` is in an index of `shape`; strides in elements. */
typedef struct calr_index_elements {
    int ndim, dim; /* ndim >= 1 */
    int64_t shape[CALR_MAX_DIMS];
    int64_t index_stride[CALR_MAX_DIMS];
    int64_t stride[CALR_MAX_DIMS];       /* of the tensor that the index points into */
    int64_t other_stride[CALR_MAX_DIMS]; /* of the other one, which has the shape of the index */
} calr_index_elements;

typedef struct calr_backend {
    const char *name; /* "cpu" */
    const char *conv; /* what computes convolutions: "onednn" or "portable" */

    /* ---- Matrix product ----
     * c[m x n] = alpha * op(a) op(b) + beta * c, row-major; lda, ldb, ldc are row strides in
     * elements. op(a) is m x k: a itself, or its transpose when transpose_a. c is not read when
     * beta is 0. k = 0 scales c. Runs on calr_parallel_threads() threads; from inside a
     * calr_parallel_for body, on one. Cannot fail. */
    void (*gemm)(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
                 const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                 int64_t ldc);
    /* Many products at once. CALR_EINTERRUPTED too: between two products. The bits are those for any number
     * of threads when the products are small (each is computed by one thread). */
    calr_status (*products)(const calr_products *sizes, const void *a, const void *b, void *c);
    /* c[m x n] = a[m x k] times the transpose of b[n x k] (added to c where `add`), in double precision, for distances
     * that must be exact. Sizes and row strides within 31 bits. Threads as above. */
    void (*gemm_double)(int64_t m, int64_t n, int64_t k, const double *a, int64_t lda,
                        const double *b, int64_t ldb, bool add, double *c, int64_t ldc);
    /* c[m x n], rows ldc apart, = a[m x k] times the transpose of b[n x k], exact: every number -127 .. 127, k at
     * most 65,536. false, with rubbish in c: no memory. With m = 0 it tells whether the processor's instructions
     * make it several times as fast as gemm. NULL where the backend has none.
     * Threads as above. */
    bool (*gemm_bytes)(int64_t m, int64_t n, int64_t k, const int8_t *a, const int8_t *b,
                       int32_t *c, int64_t ldc);

    /* ---- Linear algebra ---- by LAPACK. CALR_ENUMERIC names the matrix that cannot be decomposed;
     * CALR_EINVAL: too large for its 32 bits; CALR_ENOTFOUND: the library lacks it; CALR_EINTERRUPTED:
     * between two matrices. A single matrix uses all threads, and a batch one for each matrix.
     * NaN and infinity: CALR_ENUMERIC from svd and eigh; the others pass NaN on. */
    /* a = u diag(s) vh; s falls. k = min(m, n): u[m x k], s[k], vh[k x n]; full: u[m x m], vh[n x n]. */
    calr_status (*svd)(const calr_linalg *sizes, const void *a, void *u, void *s, void *vh);
    /* The eigenvalues w[n], rising, of a symmetric a[n x n], and vectors in the columns of v[n x n]. One
     * triangle of a is read. */
    calr_status (*eigh)(const calr_linalg *sizes, const void *a, void *w, void *v);
    /* a = q r: q[m x k], r[k x n]; full: q[m x m], r[m x n]. */
    calr_status (*qr)(const calr_linalg *sizes, const void *a, void *q, void *r);
    /* a = l l^T; the lower triangle of a[n x n] is read. Above the diagonal l is 0. */
    calr_status (*cholesky)(const calr_linalg *sizes, const void *a, void *l);
    /* x[n x m] := op(t)^-1 x, in place; the other triangle of t[n x n] is not read. */
    calr_status (*triangular)(const calr_linalg *sizes, const void *t, void *x);
    /* Decomposes a[n x n] in place, for lu_solve: det a = product of the diagonal, its sign changed for
     * each pivots[i] != i + 1; a 0 on it: a is singular. */
    calr_status (*lu)(const calr_linalg *sizes, void *a, int32_t *pivots);
    /* x[n x m] := op(a)^-1 x, in place. */
    calr_status (*lu_solve)(const calr_linalg *sizes, const void *lu, const int32_t *pivots,
                            void *x);

    /* ---- Distances ---- decided in double precision, rounded once. y: count x m x n. CALR_EINTERRUPTED too. */
    calr_status (*distances)(const calr_distances *sizes, const void *a, const void *b, void *y);
    /* da and db may be NULL. At a distance of 0 the gradient is 0. */
    calr_status (*distances_backward)(const calr_distances *sizes, const void *a, const void *b,
                                      const void *y, const void *dy, void *da, void *db);

    /* ---- Convolution ---- bias[c_out] may be NULL. Where the processor multiplies bf16, the
     * weights are rounded to it for a convolution in bf16; elsewhere they are taken as they are. */
    calr_status (*conv2d_forward)(const calr_conv2d *conv, const void *x, const float *w,
                                  const float *bias, void *y);
    calr_status (*conv2d_backward_data)(const calr_conv2d *conv, const float *w, const void *dy,
                                        void *dx);
    /* dx += the gradient, where calr_backend_conv2d_adds says that there is a way to; CALR_EINVAL elsewhere. */
    calr_status (*conv2d_backward_data_add)(const calr_conv2d *conv, const float *w, const void *dy,
                                            void *dx);
    /* dbias may be NULL. With n = 0 both are zeroed. */
    calr_status (*conv2d_backward_weights)(const calr_conv2d *conv, const void *x, const void *dy,
                                           float *dw, float *dbias);

    /* ---- Batch normalisation ----
     * y = activation(gamma (x - mean) inv_std + beta (+ residual)), x, y, residual: rows x c. gamma,
     * beta, residual may be NULL: 1, 0, none. What the other passes
     * need from the forward pass is the table, 4 x c: mean, inv_std = 1 / sqrt(var + eps), scale =
     * gamma inv_std, and shift, with which y = (x - mean) scale + shift (beta and what was lost
     * when the mean became a float).
     * Training: mean and the biased variance of the batch; running_* (both or neither may be NULL)
     * become (1 - momentum) running + momentum batch, with the unbiased variance, as PyTorch does
     * (one row: the biased one). The table is an output. y may be NULL: the statistics and the table alone. In place
     * allowed: y may be x or residual (then x is gone for the backward pass). */
    calr_status (*batch_norm_train)(const calr_norm *norm, double momentum, const void *x,
                                    const float *gamma, const float *beta, const void *residual,
                                    float *running_mean, float *running_var, float *table, void *y);
    /* With given statistics (evaluation). In place allowed. */
    calr_status (*batch_norm_infer)(const calr_norm *norm, const void *x, const float *gamma,
                                    const float *beta, const float *mean, const float *var,
                                    const void *residual, void *y);
    /* The table of given statistics, where a backward pass follows. Cannot fail. */
    void (*batch_norm_table)(const calr_norm *norm, const float *gamma, const float *beta,
                             const float *mean, const float *var, float *table);
    /* y from x and a table: the very bits of the forward pass, for memory that was given up. In
     * place allowed. Cannot fail. */
    void (*batch_norm_apply)(const calr_norm *norm, const void *x, const float *table,
                             const void *residual, void *y);
    /* dy is the sum of dy and dy2, in their type (NULL: dy alone). With relu it counts where y > 0, with
     * relu6 where 0 < y < 6; `aside` is that y, or NULL: then what the table makes of x decides, which is
     * the same where there was no residual. With silu and hardswish it is multiplied by their slope;
     * `aside` is the residual, NULL where there was none.
     * fixed: mean and inv_std were constants (evaluation). dx, dgamma, dbeta, dresidual may each be
     * NULL. dresidual is dy + dy2 behind the activation. In place allowed: dresidual may be dy or
     * dy2; dx may be x, dy or dy2, but not dresidual. */
    calr_status (*batch_norm_backward)(const calr_norm *norm, bool fixed, const void *x,
                                       const void *aside, const float *table, const void *dy,
                                       const void *dy2, void *dx, float *dgamma, float *dbeta,
                                       void *dresidual);

    /* ---- Batch normalisation and the convolution after it ---- where calr_backend_conv2d_takes_norm says that they
     * are faster together; the normalised map is not written to memory. No residual, no bias. x is the input of the
     * normalisation, and table that of batch_norm_train. */
    /* y = conv(activation(norm(x))): the bits of batch_norm_apply and conv2d_forward, if all of it runs here. */
    calr_status (*conv2d_normed_forward)(const calr_norm *norm, const calr_conv2d *conv,
                                         const void *x, const float *table, const float *w,
                                         void *y);
    /* dx is the gradient of x, through the statistics too. dx, dgamma, dbeta and dw may each be NULL. */
    calr_status (*conv2d_normed_backward)(const calr_norm *norm, const calr_conv2d *conv,
                                          const void *x, const float *table, const float *w,
                                          const void *dy, void *dx, float *dgamma, float *dbeta,
                                          float *dw);

    /* ---- Instance normalisation ---- n images of rows x c each; mean, inv_std: n x c. gamma, beta
     * may be NULL. No running statistics (training and evaluation alike). */
    calr_status (*instance_norm_forward)(const calr_norm *norm, int64_t n, const void *x,
                                         const float *gamma, const float *beta, float *mean,
                                         float *inv_std, void *y);
    calr_status (*instance_norm_backward)(const calr_norm *norm, int64_t n, const void *x,
                                          const void *y, const float *gamma, const float *mean,
                                          const float *inv_std, const void *dy, void *dx,
                                          float *dgamma, float *dbeta);

    /* ---- Pooling ----
     * argmax (shape of y) is the winner's place in its window, row * kernel + column; the first of
     * equals; a NaN wins. NULL when no backward pass will come. */
    calr_status (*max_pool_forward)(const calr_pool2d *pool, const void *x, void *y,
                                    uint8_t *argmax);
    calr_status (*max_pool_backward)(const calr_pool2d *pool, const uint8_t *argmax, const void *dy,
                                     void *dx);
    /* Global average: x is n x area x c, y is n x c. */
    calr_status (*avg_pool_forward)(calr_dtype dtype, int64_t n, int64_t area, int64_t c,
                                    const void *x, float *y);
    calr_status (*avg_pool_backward)(calr_dtype dtype, int64_t n, int64_t area, int64_t c,
                                     const float *dy, void *dx);
    /* Generalised mean (Radenovic, Tolias, Chum, arXiv 1711.02512, eq. 3): y = (mean max(x,
     * eps)^p)^(1/p), p > 0, eps > 0; x: n x area x c, y: n x c. dx or dp (one number) may be NULL.
     */
    calr_status (*gem_forward)(calr_dtype dtype, int64_t n, int64_t area, int64_t c, float p,
                               float eps, const void *x, float *y);
    calr_status (*gem_backward)(calr_dtype dtype, int64_t n, int64_t area, int64_t c, float p,
                                float eps, const void *x, const float *y, const float *dy, void *dx,
                                float *dp);

    /* ---- Layers ---- layers.h says of what. gamma[c] and beta[c] may be NULL: 1 and 0. */
    /* y = (x - mean) inv_std gamma + beta in each row; mean[rows] and inv_std[rows] are saved (rms: mean is 0, and
     * inv_std 1 over the root mean square). dx, dgamma and dbeta may be NULL. */
    calr_status (*row_norm_forward)(const calr_row_norm *norm, const void *x, const float *gamma,
                                    const float *beta, float *mean, float *inv_std, void *y);
    calr_status (*row_norm_backward)(const calr_row_norm *norm, const void *x, const float *gamma,
                                     const float *mean, const float *inv_std, const void *dy,
                                     void *dx, float *dgamma, float *dbeta);
    /* The same in each group of channels of each image; mean and inv_std are n x groups. */
    calr_status (*group_norm_forward)(const calr_group_norm *norm, const void *x,
                                      const float *gamma, const float *beta, float *mean,
                                      float *inv_std, void *y);
    calr_status (*group_norm_backward)(const calr_group_norm *norm, const void *x,
                                       const float *gamma, const float *mean, const float *inv_std,
                                       const void *dy, void *dx, float *dgamma, float *dbeta);
    /* Means of windows: sums over the product of the counts of their spans. */
    calr_status (*window_mean_forward)(const calr_windows *windows, const void *x, void *y);
    calr_status (*window_mean_backward)(const calr_windows *windows, const void *dy, void *dx);
    /* Maxima of windows (a NaN is larger than all), and which pixel of the h w of the image each is, from 0. */
    calr_status (*window_max_forward)(const calr_windows *windows, const void *x, void *y,
                                      int32_t *winner);
    calr_status (*window_max_backward)(const calr_windows *windows, const int32_t *winner,
                                       const void *dy, void *dx);
    calr_status (*resample_forward)(const calr_resample *sizes, const void *x, void *y);
    calr_status (*resample_backward)(const calr_resample *sizes, const void *dy, void *dx);
    /* mask: bool or f32, as sizes->mask says, or NULL. log_sum[batch x heads x n], the logarithm of each row's sum, is
     * saved. A query that sees nothing gets 0. dq, dk and dv may be NULL. CALR_EINTERRUPTED. */
    calr_status (*attention_forward)(const calr_attention *sizes, const void *q, const void *k,
                                     const void *v, const void *mask, void *y, float *log_sum);
    calr_status (*attention_backward)(const calr_attention *sizes, const void *q, const void *k,
                                      const void *v, const void *mask, const void *y,
                                      const float *log_sum, const void *dy, void *dq, void *dk,
                                      void *dv);

    /* ---- Gates ---- arrays of sizes->count pointers; cannot fail. dx[i] and dgates[i] may be NULL. */
    void (*gated_sum_forward)(const calr_gated_sum *sizes, const void *const *x,
                              const float *const *gates, void *y);
    void (*gated_sum_backward)(const calr_gated_sum *sizes, const void *const *x,
                               const float *const *gates, const void *dy, void *const *dx,
                               float *const *dgates);

    /* ---- Rows ---- x, y: rows x c */
    calr_status (*softmax)(int64_t rows, int64_t c, const float *x,
                           float *y); /* in place allowed */
    calr_status (*log_softmax)(int64_t rows, int64_t c, const float *x,
                               float *y); /* in place allowed */
    calr_status (*softmax_backward)(int64_t rows, int64_t c, const float *y, const float *dy,
                                    float *dx);
    calr_status (*log_softmax_backward)(int64_t rows, int64_t c, const float *y, const float *dy,
                                        float *dx);
    /* loss = sum_i v_i (-log softmax(x_i)[label_i]) / W with v_i = w[label_i] r_i and W = sum_i v_i;
     * 0 when W is 0. w is weights[c] and r row_weights[rows]; NULL: all 1. Saves log_sum[rows] (the
     * log of the sum of exponentials) and *total = W for the backward pass. CALR_EINVAL names the
     * first row whose label is not 0 .. c-1. */
    calr_status (*cross_entropy_forward)(int64_t rows, int64_t c, const float *x,
                                         const int32_t *labels, const float *weights,
                                         const float *row_weights, float *log_sum, float *total,
                                         float *loss);
    /* dx_i = dloss v_i (softmax(x_i) - onehot(label_i)) / total, dloss one number. In place
     * allowed: dx may be x. */
    calr_status (*cross_entropy_backward)(int64_t rows, int64_t c, const float *x,
                                          const int32_t *labels, const float *weights,
                                          const float *row_weights, const float *log_sum,
                                          float total, float dloss, float *dx);
    /* y = x / max(|x|, eps); norm[rows] = |x| is saved. In place allowed. */
    calr_status (*l2_normalize_forward)(int64_t rows, int64_t c, float eps, const float *x,
                                        float *norm, float *y);
    calr_status (*l2_normalize_backward)(int64_t rows, int64_t c, float eps, const float *y,
                                         const float *norm, const float *dy, float *dx);
    /* sum over rows: y[c] = sum_i x[i][c] (the gradient of a broadcast row, of a bias). Accumulates
     * in double. */
    calr_status (*sum_rows)(calr_dtype dtype, int64_t rows, int64_t c, const void *x, float *y);
    /* y = x + row[c] in every row; x NULL: y = row in every row. In place allowed. */
    calr_status (*add_row)(int64_t rows, int64_t c, const float *x, const float *row, float *y);

    /* ---- Reductions ---- reductions.h says which, and of which types. Floats are accumulated in double.
     * positions[outer x inner] of the largest and smallest elements, from 0, the first of equals; or NULL. */
    calr_status (*reduce)(const calr_reduce *reduce, const void *x, void *y, int64_t *positions);
    /* Of f32 and f64. Not of sums and means, whose gradients are repeated, nor of counts. positions: the gradient is
     * that element's; NULL: it is shared among equals. */
    calr_status (*reduce_backward)(const calr_reduce *reduce, const void *x, const void *y,
                                   const int64_t *positions, const void *dy, void *dx);

    /* ---- Elements ---- arrays of n; in place allowed; cannot fail */
    /* Of f32, f64 and bf16. */
    void (*scale)(calr_dtype dtype, int64_t n, double alpha, const void *x,
                  void *y); /* y = alpha x */
    void (*axpy)(calr_dtype dtype, int64_t n, double alpha, const void *x,
                 void *y); /* y += alpha x */
    void (*affine)(calr_dtype dtype, int64_t n, double alpha, double beta, const void *x,
                   void *y);                                  /* y = alpha x + beta */
    double (*dot)(int64_t n, const float *a, const float *b); /* accumulates in double */
    /* y = f(x), and dx = dy f' from what calr_unary_gradient_of_output says; p holds the parameters, NULL where there
     * are none. Of the types that calr_unary_takes names; gradients of f32, f64 and bf16. In place allowed, where the
     * types of x and y have one size. */
    void (*unary)(calr_unary op, calr_dtype dtype, int64_t n, const double p[2], const void *x,
                  void *y);
    void (*unary_backward)(calr_unary op, calr_dtype dtype, int64_t n, const double p[2],
                           const void *saved, const void *dy, void *dx);
    /* y = f(a, b), both of this type, one that calr_binary_takes names. CALR_EINVAL as elements.h says. In place
     * allowed for operands that are paired one to one with y. */
    calr_status (*binary)(calr_binary op, calr_dtype dtype, const calr_pairing *pairing,
                          const void *a, const void *b, void *y);
    /* y = f(a, b, c), of f32, f64 and bf16. In place as above. */
    void (*ternary)(calr_ternary op, calr_dtype dtype, const calr_pairing *pairing, double p,
                    const void *a, const void *b, const void *c, void *y);
    /* y = mask ? a : b, of any type whose elements have `size` bytes. In place as above. */
    void (*where)(size_t size, const calr_pairing *pairing, const uint8_t *mask, const void *a,
                  const void *b, void *y);
    /* y = kept ? x / (1 - p) : 0. The backward pass is the same call on the gradient. */
    void (*dropout)(int64_t n, const calr_dropout *dropout, const float *x, float *y);

    /* ---- Order ---- along the middle of x[outer x n x inner]; not f16. NaN is above all numbers; of equals, the one
     * with the lower position comes first. positions may be NULL. CALR_EINTERRUPTED. */
    calr_status (*sort)(calr_dtype dtype, int64_t outer, int64_t n, int64_t inner, bool descending,
                        const void *x, void *y, int64_t *positions);
    /* The k smallest (or largest), 0 <= k <= n: y and positions are outer x k x inner; in any order unless `sorted`. */
    calr_status (*top)(calr_dtype dtype, int64_t outer, int64_t n, int64_t inner, int64_t k,
                       bool largest, bool sorted, const void *x, void *y, int64_t *positions);
    /* The k-th smallest, 1 <= k <= n: y and positions are outer x inner. `median`: where there is a NaN, the first. */
    calr_status (*rank)(calr_dtype dtype, int64_t outer, int64_t n, int64_t inner, int64_t k,
                        bool median, const void *x, void *y, int64_t *positions);
    /* The different ones among n sorted numbers, in y[n]; returns how many there are (NaN differs from NaN). With their
     * positions before they were sorted: inverse[positions[i]] = which of y sorted[i] is; and counts[n]: how often each
     * occurs. inverse and counts may be NULL. Cannot fail. */
    int64_t (*unique)(calr_dtype dtype, int64_t n, const void *sorted, const int64_t *positions,
                      void *y, int64_t *inverse, int64_t *counts);
    /* y[i] = how many of the n sorted numbers come before x[i]: those below it, or (right) not above it. f32, f64,
     * i64. x is rows x count, sorted rows x n, or n for all rows (shared). Cannot fail. */
    void (*search)(calr_dtype dtype, bool right, int64_t rows, int64_t n, const void *sorted,
                   bool shared, int64_t count, const void *x, int64_t *y);
    /* counts[i] = the number (or, with weights[n], the weight) of x[n] from edges[i] to below edges[i+1]; the last bin
     * holds edges[bins] too. `even`: the bins are equally wide, and only the outer edges count. f32 or f64. */
    calr_status (*histogram)(calr_dtype dtype, bool even, int64_t n, const void *x,
                             const void *weights, int64_t bins, const void *edges, double *counts);

    /* ---- Scans ---- along the middle of x[outer x n x inner]; f32, bf16, f64, and (not logcumsumexp) i64, which
     * wraps around. Sums and products are accumulated in double. reverse: from the end (not logcumsumexp). positions
     * of cummax and cummin: the last of equals; a NaN stays. CALR_EINTERRUPTED. */
    calr_status (*scan)(calr_scan op, calr_dtype dtype, bool reverse, int64_t outer, int64_t n,
                        int64_t inner, const void *x, void *y, int64_t *positions);
    /* Of cumprod and logcumsumexp; that of cumsum is its reverse, that of the others a scatter. */
    calr_status (*scan_backward)(calr_scan op, calr_dtype dtype, int64_t outer, int64_t n,
                                 int64_t inner, const void *x, const void *y, const void *dy,
                                 void *dx);

    /* ---- Index ---- any type, unless arithmetic is asked for: that is of f32, f64 and, wrapping around, integers.
     * Numbers must be in range (index_outside tells). Cannot fail, unless a status is returned. */
    /* The first that is not 0 .. n-1; -1 when all are. */
    int64_t (*index_outside)(int64_t count, const int64_t *index, int64_t n);
    /* y[o][i] = x[o][index[i]], rows of `inner` elements of `size` bytes. */
    void (*take_rows)(size_t size, const calr_index_rows *rows, const int64_t *index, const void *x,
                      void *y);
    /* y[o][index[i]] = x[o][i], or (add) += alpha x[o][i], in the order of i. one: x is a single number. */
    void (*put_rows)(calr_dtype dtype, bool add, bool one, const calr_index_rows *rows,
                     double alpha, const int64_t *index, const void *x, void *y);
    /* y[.. i ..] = x[.. index[.. i ..] ..] */
    void (*gather)(calr_dtype dtype, const calr_index_elements *elements, const int64_t *index,
                   const void *x, void *y);
    /* y[.. index[.. i ..] ..] = x[.. i ..], or (add) +=, in the order of i along the dimension. */
    void (*scatter)(calr_dtype dtype, bool add, const calr_index_elements *elements,
                    const int64_t *index, const void *x, void *y);
    /* Masks of n bytes, 0 or 1: how many are 1; their numbers; those elements of x[n] taken; and x written to those
     * elements of y[n]. Elements of `size` bytes. */
    int64_t (*mask_count)(int64_t n, const uint8_t *mask);
    calr_status (*mask_find)(int64_t n, const uint8_t *mask, int64_t *y);
    calr_status (*mask_take)(size_t size, int64_t n, const uint8_t *mask, const void *x, void *y);
    calr_status (*mask_put)(size_t size, int64_t n, const uint8_t *mask, const void *x, void *y);

    /* ---- Optimizers ---- in place on w and the state
     * PyTorch's definitions: m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2,
     * w -= lr / (1 - beta1^step) * m / (sqrt(v / (1 - beta2^step)) + eps). m and v start at 0. */
    void (*adam_step)(int64_t n, const calr_adam *adam, const float *dw, float *m, float *v,
                      float *w);
    /* b = momentum b + g; w -= lr (nesterov ? g + momentum b : b). velocity starts at 0; NULL when
     * momentum is 0. */
    void (*sgd_step)(int64_t n, const calr_sgd *sgd, const float *dw, float *velocity, float *w);
} calr_backend;

/* CALR_EINVAL for an unknown value of CALR_BACKEND, CALR_BF16 or CALR_CONV in the environment;
 * loads nothing. */
calr_status calr_backend_check_environment(void);

/* Has allocations inside the backend's C++ libraries that fail end the process with a message and status 1, instead of
 * an exception that no C catches. For a program of its own, not for a library; may be called before main. */
void calr_backend_catch_no_memory(void);

/* For an allocator that stands in for the C library's (host/allocation.c): whether an allocation that failed for the
 * code at `caller` may be tried again, memory having been freed for it. False for all code that looks at the result. */
bool calr_backend_frees_memory(const void *caller);

/* Loads the libraries and picks the kernels; on first use. Later calls return the same table until
 * calr_backend_select. The environment variable CALR_BACKEND (onednn or portable) chooses; without
 * it oneDNN is used where it was built in. CALR_ENOTFOUND names a library that could not be loaded,
 * CALR_EINVAL a bad CALR_BACKEND. CALR_CONV=direct computes 3x3 convolutions directly instead of
 * by Winograd's algorithm (docs/decisions/winograd.md). */
calr_status calr_backend_get(const calr_backend **out);

/* Selects "onednn" or "portable" for later calls of calr_backend_get. CALR_EINVAL: no such name;
 * CALR_ENOTFOUND: not built in. Tables handed out earlier stay valid. */
calr_status calr_backend_select(const char *name);

/* Selects what computes convolutions in bf16 under the backend onednn: "onednn" itself (which
 * emulates bf16, slowly, on processors without it), "f32" (pieces of the maps are widened, computed
 * in f32, and rounded), or "auto", the default: onednn where the processor has bf16. The environment
 * variable CALR_BF16 does the same. The portable backend always takes f32. CALR_EINVAL: no such
 * name. */
calr_status calr_backend_select_bf16(const char *name);

/* The libraries and hardware in use, for `calr info`. All text; empty if it does not apply. */
typedef struct calr_backend_info {
    char conv[16];          /* "onednn" or "portable" */
    char conv_bf16[16];     /* "onednn", or "f32": converted, and computed as f32 */
    char cpu[64];           /* the processor's name */
    char cpu_features[128]; /* "sse4.2 avx2 fma avx512f ..." */
    char blas_file[256];    /* where the library was loaded from */
    char blas_config[128];  /* its own description of its version and build */
    char blas_core[32];     /* the kernels it runs: "SkylakeX", "Haswell", ... */
    char blas_choice[64];   /* who chose: "by the library", "OPENBLAS_CORETYPE", "calr: ..." */
    char onednn_version[32];
    char onednn_isa[32]; /* the instruction set oneDNN generates code for */
    int threads;
} calr_backend_info;

calr_status calr_backend_describe(calr_backend_info *out);

typedef enum calr_conv2d_pass {
    CALR_CONV2D_FORWARD,
    CALR_CONV2D_BACKWARD_DATA,
    CALR_CONV2D_BACKWARD_WEIGHTS
} calr_conv2d_pass;

/* Whether the gradient of the data of a (resolved) convolution can be added to another in place
 * faster than it is written: if a stride skips most of the data. */
bool calr_backend_conv2d_adds(const calr_conv2d *conv);

/* Whether a normalisation in training and the (resolved) convolution after it are faster in one pass: where the
 * convolution is depthwise. */
bool calr_backend_conv2d_takes_norm(const calr_norm *norm, const calr_conv2d *conv);

/* The name of the implementation that computes a convolution ("portable: im2col",
 * "jit:avx512_core", ...), for tests and for finding out why something is slow. */
calr_status calr_backend_conv2d_name(const calr_conv2d *conv, calr_conv2d_pass pass, char *text,
                                     size_t size);

#endif
