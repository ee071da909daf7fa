/* The operations, as C functions: each runs at once, and is recorded (tape.h) when an input needs a
 * gradient.
 *
 * Inputs are f32 of any strides unless said otherwise, borrowed; *y is a new reference. CALR_EINVAL
 * says which argument does not fit; CALR_ENOMEM. Dimensions are counted from 0 here. Gradients
 * reach every f32 input that is not called a constant.
 *
 * Where a comment says "f32 or bf16", the output has the type of x (or what the comment says), and a
 * gradient always has the type of what it belongs to; parameters (weights, gamma, beta, p) and
 * statistics are f32 either way, and all sums are accumulated in f32 or double. */
#ifndef CALR_AUTOGRAD_OPS_H
#define CALR_AUTOGRAD_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/activation.h"
#include "backend/elements.h"
#include "backend/reductions.h"
#include "base/status.h"
#include "tensor/tensor.h"

/* ---- elements: binary.c, ternary.c, unary.c ---- Operands of different types are converted to a common one, as
 * PyTorch promotes them; a tensor with dimensions outranks a single number of its category (bool, integers, floats).
 * f16 is CALR_EINVAL. Shapes are aligned at their last dimensions; a missing dimension, or one of length 1, is
 * repeated. */

/* The type that two operands are converted to. */
calr_dtype calr_op_promote(const calr_tensor *a, const calr_tensor *b);
/* Division and atan2 of integers are of f32; gradients of f64, f32 and bf16. */
calr_status calr_op_binary(calr_binary op, calr_tensor *a, calr_tensor *b, calr_tensor **y);
/* Integers become f32. p as the operation says. */
calr_status calr_op_ternary(calr_ternary op, double p, calr_tensor *a, calr_tensor *b,
                            calr_tensor *c, calr_tensor **y);
/* mask: bool. */
calr_status calr_op_where(calr_tensor *mask, calr_tensor *a, calr_tensor *b, calr_tensor **y);
/* p: parameters, or NULL. Integers become f32 for functions of floats. */
calr_status calr_op_unary(calr_unary op, calr_tensor *x, const double p[2], calr_tensor **y);

/* In place: the first operand is overwritten. CALR_EINVAL when a gradient would become wrong or be lost, and when shape
 * or type of the result do not fit. */
calr_status calr_op_binary_into(calr_binary op, calr_tensor *a, calr_tensor *b);
calr_status calr_op_unary_into(calr_unary op, calr_tensor *x, const double p[2]);
calr_status calr_op_affine_into(calr_tensor *x, double alpha, double beta);
/* What they check, and how they write what was computed elsewhere. `name` is that of the operation, without the
 * underscore; `other` may be NULL. */
calr_status calr_op_check_into(const char *name, const calr_tensor *x, const calr_tensor *other);
calr_status calr_op_store(const char *name, calr_tensor *x, const calr_tensor *y);

/* y = alpha x + beta; f64, f32 or bf16, as is x of reverse_gradient. */
calr_status calr_op_affine(calr_tensor *x, double alpha, double beta, calr_tensor **y);
/* y = x; dx = -alpha dy (Ganin and Lempitsky, "Unsupervised domain adaptation by backpropagation",
 * ICML 2015). */
calr_status calr_op_reverse_gradient(calr_tensor *x, double alpha, calr_tensor **y);
/* y = kept ? x / (1 - p) : 0; element i of the call is kept or not by (seed, epoch, index, i)
 * alone. 0 <= p < 1. */
calr_status calr_op_dropout(calr_tensor *x, double p, uint64_t seed, uint32_t epoch, uint64_t index,
                            calr_tensor **y);

/* ---- reductions: reduce.c ---- of every type but f16; bf16 and integers by way of a wider type where they have no
 * kernel. Floats are added up in double. */

typedef struct calr_reduction_request {
    calr_reduction op;
    const char *name; /* for messages; static text */
    int dims[CALR_MAX_DIMS], count;
    bool keepdim; /* reduced dimensions stay, of length 1 */
    double p;     /* the exponent of a norm, or the correction of a variance */
} calr_reduction_request;

/* *positions, from 0, of the largest or smallest elements, the first of equals: i64, a new reference; along several
 * dimensions as if they were one. The gradient then is that of these elements; without positions (NULL) it is shared
 * among equals. CALR_EINVAL: a mean, a largest or a smallest element of nothing. A mean of integers is f32, and so are
 * their norms and variances. */
calr_status calr_op_reduce(const calr_reduction_request *request, calr_tensor *x, calr_tensor **y,
                           calr_tensor **positions);
/* Over one dimension, which goes; -1: over everything. */
calr_status calr_op_sum(calr_tensor *x, int dim, calr_tensor **y);

/* ---- shapes: view.c, axes.c, rearrange.c, pad.c ---- Any type. Views share memory, as those of tensor.h. */
/* A view where there is one, a copy elsewhere; calr_op_view refuses to copy. */
calr_status calr_op_reshape(calr_tensor *x, int ndim, const int64_t *shape, calr_tensor **y);
calr_status calr_op_view(calr_tensor *x, int ndim, const int64_t *shape, calr_tensor **y);
calr_status calr_op_narrow(calr_tensor *x, int dim, int64_t start, int64_t length, calr_tensor **y);
/* As calr_tensor_slice. */
calr_status calr_op_slice(calr_tensor *x, int dim, int64_t start, int64_t step, int64_t length,
                          calr_tensor **y);
calr_status calr_op_select(calr_tensor *x, int dim, int64_t index, calr_tensor **y);
calr_status calr_op_transpose(calr_tensor *x, int dim_a, int dim_b, calr_tensor **y);
calr_status calr_op_permute(calr_tensor *x, const int *dims, calr_tensor **y);
calr_status calr_op_expand(calr_tensor *x, int ndim, const int64_t *shape, calr_tensor **y);
calr_status calr_op_diagonal(calr_tensor *x, int64_t offset, int dim_a, int dim_b, calr_tensor **y);
calr_status calr_op_unfold(calr_tensor *x, int dim, int64_t size, int64_t step, calr_tensor **y);
/* rearrange.c: copies. flip reverses the marked dimensions. roll moves each dimension on by so many places, and what
 * leaves at the end comes in at the beginning. tile repeats each dimension so many times. */
calr_status calr_op_flip(calr_tensor *x, const bool dims[CALR_MAX_DIMS], calr_tensor **y);
calr_status calr_op_roll(calr_tensor *x, const int64_t by[CALR_MAX_DIMS], calr_tensor **y);
calr_status calr_op_tile(calr_tensor *x, const int64_t times[CALR_MAX_DIMS], calr_tensor **y);
/* Tensors of one type and shape side by side in a new dimension; count >= 1. */
calr_status calr_op_stack(calr_tensor *const *x, int count, int dim, calr_tensor **y);
/* The last two dimensions on and above (below, unless `upper`) a diagonal; zeros elsewhere. */
calr_status calr_op_triangle(calr_tensor *x, int64_t diagonal, bool upper, calr_tensor **y);

typedef enum calr_pad_mode {
    CALR_PAD_CONSTANT,
    CALR_PAD_REFLECT, /* about the outermost item, which is not repeated */
    CALR_PAD_REPLICATE
} calr_pad_mode;

/* Items put on before and after each dimension. */
typedef struct calr_padding {
    int64_t before[CALR_MAX_DIMS], after[CALR_MAX_DIMS];
    calr_pad_mode mode;
    double value; /* of a constant border */
} calr_padding;

/* pad.c */
calr_status calr_op_pad(calr_tensor *x, const calr_padding *padding, calr_tensor **y);
/* A vector as a diagonal among zeros; the diagonal of a matrix, a view. */
calr_status calr_op_diag(calr_tensor *x, int64_t offset, calr_tensor **y);
/* A copy with memory of its own, contiguous. */
calr_status calr_op_clone(calr_tensor *x, calr_tensor **y);
/* A copy in another type, or a clone in the same. With a gradient between f32 and bf16. */
calr_status calr_op_cast(calr_tensor *x, calr_dtype dtype, calr_tensor **y);
/* x itself (retained) when contiguous, a clone otherwise. */
calr_status calr_op_contiguous(calr_tensor *x, calr_tensor **y);

/* ---- parts: cat.c; more in ops_index.h ---- */

/* One after the other along a dimension; count >= 1. */
calr_status calr_op_cat(calr_tensor *const *x, int count, int dim, calr_tensor **y);

/* ---- products: matrix.c ---- */

/* y = scale op(a) op(b), op: itself or the transpose of the last two dimensions. f32, f64 or bf16, the wider type
 * counts. A vector is a row on the left and a column on the right; dimensions before are repeated as for add. */
calr_status calr_op_matmul(calr_tensor *a, calr_tensor *b, bool transpose_a, bool transpose_b,
                           double scale, calr_tensor **y);
/* y[... x out] = x[... x in] w[out x in]^T + bias[out], all f32 or all f64, or x and y bf16; bias may be NULL. */
calr_status calr_op_linear(calr_tensor *x, calr_tensor *w, calr_tensor *bias, calr_tensor **y);

/* ---- linear algebra: decompose.c, linalg.c ---- f32 or f64, [... x m x n]: each matrix for itself. CALR_ENUMERIC
 * names the matrix that has no such decomposition, or holds a NaN or an infinity where that matters. */

/* x = u diag(s) vh, s falling; u: [... x m x k], vh: [... x k x n], k = min(m, n); full: m and n instead. The gradients
 * of u and vh are infinite where singular values are equal; with `full` there are none. */
calr_status calr_op_svd(calr_tensor *x, bool full, calr_tensor **u, calr_tensor **s,
                        calr_tensor **vh);
/* Eigenvalues, rising, and vectors in columns of a symmetric matrix, of which one triangle is read. The gradient, as
 * PyTorch's, is that with respect to the symmetric matrix; it is infinite for vectors of equal eigenvalues. */
calr_status calr_op_eigh(calr_tensor *x, bool upper, calr_tensor **w, calr_tensor **v);
/* x = q r; q: [... x m x k], r: [... x k x n]; complete: k = m. */
calr_status calr_op_qr(calr_tensor *x, bool complete, calr_tensor **q, calr_tensor **r);
/* x = l l^T, x symmetric, its lower triangle is read. The gradient is symmetric. */
calr_status calr_op_cholesky(calr_tensor *x, calr_tensor **l);
/* y = a^-1 b; a: [... x n x n], b: [... x n x k], dimensions before are repeated as for add; or vectors, b: [n] or
 * [... x n]. */
calr_status calr_op_solve(calr_tensor *a, calr_tensor *b, calr_tensor **y);
/* The same for a triangular a, whose other triangle is not read; unit: its diagonal counts as 1. */
calr_status calr_op_solve_triangular(calr_tensor *a, calr_tensor *b, bool upper, bool unit,
                                     calr_tensor **y);
calr_status calr_op_inverse(calr_tensor *x, calr_tensor **y);
/* y: [...] */
calr_status calr_op_det(calr_tensor *x, calr_tensor **y);
/* sign (without gradient) and logarithm of the size of the determinant; 0 and -infinity for a singular matrix. */
calr_status calr_op_slogdet(calr_tensor *x, calr_tensor **sign, calr_tensor **logabsdet);
/* Moore and Penrose's inverse [... x n x m]; singular values up to rcond times the largest count as 0. Computed in
 * double precision. */
calr_status calr_op_pinverse(calr_tensor *x, double rcond, calr_tensor **y);

/* ---- distances: distance.c ---- */

/* y[... x m x n]: the p-norms of the differences of all pairs of rows of a[... x m x d] and b[... x n x d], f32 or
 * f64; p >= 0, infinity too. Dimensions before the matrices are repeated as for add. At a distance of 0 the gradient
 * is 0. */
calr_status calr_op_cdist(calr_tensor *a, calr_tensor *b, double p, calr_tensor **y);

/* ---- networks: convolution.c, norm.c, pool.c ---- x: [n x h x w x c], f32 or bf16 */

/* As in calr_conv2d (backend.h). */
typedef struct calr_conv2d_options {
    int64_t stride[2], dilation[2], padding[4], same, groups;
    int64_t output_padding
        [2]; /* of the transposed convolution: rows at the bottom and columns at the right that its
                                  output has more, below the stride */
} calr_conv2d_options;

/* w: [c_out x c_in / groups x kh x kw], bias: [c_out] or NULL. groups >= 1 divides c_in and c_out. */
calr_status calr_op_conv2d(calr_tensor *x, calr_tensor *w, calr_tensor *bias,
                           const calr_conv2d_options *options, calr_tensor **y);
/* The gradient of such a convolution by its input, as a layer. w: [c_in x c_out / groups x kh x kw]; y is (h - 1)
 * stride - padding + dilation (kh - 1) + output_padding + 1 high. Not with `same`. */
calr_status calr_op_conv_transpose2d(calr_tensor *x, calr_tensor *w, calr_tensor *bias,
                                     const calr_conv2d_options *options, calr_tensor **y);

typedef struct calr_batch_norm_options {
    bool training;   /* statistics of the batch, and update the running ones; otherwise use the
                        running ones */
    double momentum; /* running := (1 - momentum) running + momentum batch */
    double eps;
    calr_activation activation; /* y = activation(norm(x) + residual) */
    int64_t
        group; /* training: so many items of the first dimension, one after the other, have statistics of their own;
                      0: all together. It divides their number, or is larger. The running statistics move towards the
                      mean of the groups' */
} calr_batch_norm_options;

/* x: [... x c], f32 or bf16, statistics over all but the last dimension. gamma, beta: [c] or NULL (1, 0).
 * running_mean, running_var: f32[c], constants, contiguous, written in place when training (then
 * both may be NULL). residual: the type and shape of x, or NULL. */
calr_status calr_op_batch_norm(calr_tensor *x, calr_tensor *gamma, calr_tensor *beta,
                               calr_tensor *running_mean, calr_tensor *running_var,
                               calr_tensor *residual, const calr_batch_norm_options *options,
                               calr_tensor **y);
/* conv2d(batch_norm(x), w) without a residual and a bias: in one pass where the backend has one for training
 * (calr_backend_conv2d_takes_norm), which saves the memory and the time of the normalised map. The gradients' last bits
 * then differ from those of the two operations. normed_convolution.c */
calr_status calr_op_batch_norm_conv2d(calr_tensor *x, calr_tensor *gamma, calr_tensor *beta,
                                      calr_tensor *running_mean, calr_tensor *running_var,
                                      calr_tensor *w, const calr_batch_norm_options *norm,
                                      const calr_conv2d_options *conv, calr_tensor **y);
/* Statistics of every image and channel. gamma, beta: [c] or NULL. */
calr_status calr_op_instance_norm(calr_tensor *x, calr_tensor *gamma, calr_tensor *beta, double eps,
                                  bool relu, calr_tensor **y);

/* y = sum over i of gates_i x_i, gate i being one number for each image and channel: x_i [n x h x w x
 * c], gates_i [n x c], count of them, 1 .. 16; gate.c */
calr_status calr_op_gated_sum(calr_tensor *const *x, calr_tensor *const *gates, int count,
                              calr_tensor **y);

/* Square windows; padding never wins. */
calr_status calr_op_max_pool(calr_tensor *x, int64_t kernel, int64_t stride, int64_t padding,
                             calr_tensor **y);
/* Mean over h and w: f32[n x c]. */
calr_status calr_op_avg_pool(calr_tensor *x, calr_tensor **y);
/* Generalised mean over h and w, (mean max(x, eps)^p)^(1/p): f32[n x c]; p: f32[1] or a single number,
 * > 0, a parameter. Radenovic, Tolias, Chum, arXiv 1711.02512, eq. 3. */
calr_status calr_op_gem(calr_tensor *x, calr_tensor *p, double eps, calr_tensor **y);

/* ---- rows: softmax.c ---- along the last dimension */

calr_status calr_op_softmax(calr_tensor *x, calr_tensor **y);
calr_status calr_op_log_softmax(calr_tensor *x, calr_tensor **y);
/* y = x / max(|x|, eps) */
calr_status calr_op_l2_normalize(calr_tensor *x, double eps, calr_tensor **y);
/* The same along any dimension (-1: the last), of f64 and bf16 too; along.c */
calr_status calr_op_softmax_along(calr_tensor *x, int dim, calr_tensor **y);
calr_status calr_op_log_softmax_along(calr_tensor *x, int dim, calr_tensor **y);
calr_status calr_op_l2_normalize_along(calr_tensor *x, int dim, double eps, calr_tensor **y);
/* logits: [n x classes]; labels: i32[n] in 0 .. classes-1, constants; weights: f32[classes] >= 0
 * and row_weights: f32[n] >= 0, constants, or NULL for 1. y: a single number, the mean of
 * -log softmax(logits)[label] weighted by weights[label] times the row's weight; 0, with gradient 0,
 * when those weights sum to 0. */
calr_status calr_op_cross_entropy(calr_tensor *logits, calr_tensor *labels, calr_tensor *weights,
                                  calr_tensor *row_weights, calr_tensor **y);

#endif
