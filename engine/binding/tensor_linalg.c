/* Products of matrices and linear algebra. */
#include "binding/bind.h"
#include "binding/methods.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "autograd/ops.h"

/// @module calr.tensor

/* ---- products ---- */

/// calr.matmul(a, b [, transpose_a, transpose_b, scale])
/// The matrix product, as a @ b in PyTorch: [m x k] and [k x n] give [m x n]. Dimensions before the last two are a
/// batch, and repeated where they are missing or of length 1: [8 x 1 x m x k] and [5 x k x n] give [8 x 5 x m x n]. A
/// vector is a row on the left and a column on the right, and leaves no dimension behind.
/// @param a  f32[... x m x k]; or f64 or bf16: the wider type counts, and bf16 is rounded once
/// @param b  f32[... x k x n]
/// @param transpose_a, transpose_b  whether the last two dimensions of a (b) are exchanged first
/// @param scale  the product is multiplied by it; 1
/// @return tensor
static int linalg_matmul(lua_State *L)
{
    calr_tensor *a = calr_lua_check_tensor(L, 1), *b = calr_lua_check_tensor(L, 2);
    if (lua_istable(L, 3) && lua_rawlen(L, 3) == 0 &&
        !lua_getmetatable(L, 3)) /* {} names nothing */
        lua_settop(L, 2);
    bool ta = calr_lua_opt_boolean(L, 3, false), tb = calr_lua_opt_boolean(L, 4, false);
    double scale = luaL_optnumber(L, 5, 1);
    PUSH(L, calr_op_matmul(a, b, ta, tb, scale, slot));
    return 1;
}

/* The dimensions of both operands, by code. */
static const struct {
    int a, b;
} product_dims[] = {{2, 2}, {2, 1}, {3, 3}, {1, 1}};

static calr_tensor *check_dims(lua_State *L, int arg, int ndim)
{
    char text[CALR_TENSOR_TEXT];
    calr_tensor *x = calr_lua_check_tensor(L, arg);
    if (!calr_dtype_has_gradients(x->dtype))
        luaL_argerror(L, arg,
                      lua_pushfstring(L,
                                      "f32, f64 or bf16 is needed, not %s; convert it with x:to()",
                                      calr_tensor_describe(x, text)));
    if (x->ndim != ndim)
        luaL_argerror(
            L, arg,
            lua_pushfstring(L, "%d dimension%s needed, not %s (calr.matmul takes any number)", ndim,
                            ndim == 1 ? " is" : "s are", calr_tensor_describe(x, text)));
    return x;
}

/// calr.mm(a, b)
/// The product of two matrices: calr.matmul, for exactly two dimensions each.
/// @return tensor  [m x n]

/// calr.mv(a, b)
/// The product of a matrix and a vector, [m x k] and [k].
/// @return tensor  [m]

/// calr.bmm(a, b)
/// The products of two batches of matrices, [n x m x k] and [n x k x p].
/// @return tensor  [n x m x p]

/// calr.dot(a, b)
/// The sum of a * b, for two vectors of the same length.
/// @return tensor  a single number
static int linalg_product(lua_State *L)
{
    int code = calr_lua_code(L);
    calr_tensor *a = check_dims(L, 1, product_dims[code].a),
                *b = check_dims(L, 2, product_dims[code].b);
    if (a->ndim == 3 && a->shape[0] != b->shape[0])
        luaL_argerror(L, 2,
                      "as many matrices as the first has are needed (calr.matmul repeats them)");
    PUSH(L, calr_op_matmul(a, b, false, false, 1, slot));
    return 1;
}

/// calr.linear(x, w [, bias])
/// x w^T + bias, over the last dimension of x.
/// @param x     f32[... x in]; all three may be f64
/// @param w     f32[out x in]
/// @param bias  f32[out]
/// @return tensor  [... x out]
static int linalg_linear(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1), *w = calr_lua_check_tensor(L, 2),
                *bias = calr_lua_opt_tensor(L, 3);
    PUSH(L, calr_op_linear(x, w, bias, slot));
    return 1;
}

/* ---- decompositions ---- */

/* Pushes values for the results that the engine gave. */
static int push_results(lua_State *L, calr_tensor **const *slots, calr_tensor *const *results,
                        int count)
{
    for (int i = 0; i < count; i++)
        *slots[i] = results[i];
    calr_lua_account(L);
    return count;
}

/// calr.svd(x [, full_matrices])
/// Singular values: x = U diag(S) Vh for each matrix, as torch.linalg.svd. Vectors belong to singular values up to
/// their sign. The gradient is infinite through U and Vh where two singular values are equal; that through S never is.
/// @param x  f32[... x m x n], or f64; k = min(m, n)
/// @param full_matrices  whether U and Vh are square (the default, as in PyTorch; then only S has a gradient), or have
///                       the k columns and rows that belong to a singular value
/// @return tensor  U, [... x m x m] or [... x m x k]
/// @return tensor  S, [... x k], falling
/// @return tensor  Vh, [... x n x n] or [... x k x n]
static int linalg_svd(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1), *y[3];
    bool full = calr_lua_opt_boolean(L, 2, true);
    calr_tensor **slots[3];
    for (int i = 0; i < 3; i++)
        slots[i] = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_op_svd(x, full, &y[0], &y[1], &y[2]));
    return push_results(L, slots, y, 3);
}

/// calr.eigh(x [, UPLO])
/// Eigenvalues and eigenvectors of symmetric matrices: x = V diag(L) V^T, as torch.linalg.eigh. The gradient is that
/// with respect to a symmetric matrix, as PyTorch's; through V it is infinite where two eigenvalues are equal.
/// @param x  f32[... x n x n], or f64
/// @param UPLO  string; which triangle is read: "L" (default) or "U"
/// @return tensor  L, [... x n], rising
/// @return tensor  V, [... x n x n], an eigenvector in each column
static int linalg_eigh(lua_State *L)
{
    static const char *const triangles[] = {"L", "U", NULL};
    calr_tensor *x = calr_lua_check_tensor(L, 1), *y[2];
    bool upper = luaL_checkoption(L, 2, "L", triangles) == 1;
    calr_tensor **slots[2] = {calr_lua_new_tensor(L), calr_lua_new_tensor(L)};
    calr_lua_call(L, calr_op_eigh(x, upper, &y[0], &y[1]));
    return push_results(L, slots, y, 2);
}

/// calr.qr(x [, mode])
/// x = Q R, the columns of Q orthonormal and R upper triangular, as torch.linalg.qr. There is a gradient unless the
/// mode is "complete" and m > n; it needs the first min(m, n) columns to be independent.
/// @param x  f32[... x m x n], or f64; k = min(m, n)
/// @param mode  "reduced" (default): [m x k] and [k x n]; "complete": [m x m] and [m x n]
/// @return tensor  Q
/// @return tensor  R
static int linalg_qr(lua_State *L)
{
    static const char *const modes[] = {"reduced", "complete", NULL};
    calr_tensor *x = calr_lua_check_tensor(L, 1), *y[2];
    bool complete = luaL_checkoption(L, 2, "reduced", modes) == 1;
    calr_tensor **slots[2] = {calr_lua_new_tensor(L), calr_lua_new_tensor(L)};
    calr_lua_call(L, calr_op_qr(x, complete, &y[0], &y[1]));
    return push_results(L, slots, y, 2);
}

/// calr.cholesky(x)
/// The lower triangular L with x = L L^T, of symmetric positive definite matrices, whose lower triangle is read, as
/// torch.linalg.cholesky. The gradient is symmetric. Another matrix is an error that says which of the batch it is.
/// @param x  f32[... x n x n], or f64
/// @return tensor  [... x n x n]

/// calr.inverse(x)
/// The inverse of each matrix. A singular one is an error that says which of the batch it is.
/// @param x  f32[... x n x n], or f64
/// @return tensor  [... x n x n]

/// calr.det(x)
/// The determinant of each matrix. The gradient exists for singular matrices too.
/// @param x  f32[... x n x n], or f64
/// @return tensor  [...]
static int linalg_unary(lua_State *L)
{
    static calr_status (*const functions[])(calr_tensor * x, calr_tensor * *y) = {
        calr_op_cholesky, calr_op_inverse, calr_op_det};
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    PUSH(L, functions[calr_lua_code(L)](x, slot));
    return 1;
}

/// calr.slogdet(x)
/// The sign and the logarithm of the size of each determinant, which may be too large or small for a number itself; 0
/// and -infinity for a singular matrix (which has no gradient).
/// @param x  f32[... x n x n], or f64
/// @return tensor  sign, [...], without gradient
/// @return tensor  logabsdet, [...]
static int linalg_slogdet(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1), *y[2];
    calr_tensor **slots[2] = {calr_lua_new_tensor(L), calr_lua_new_tensor(L)};
    calr_lua_call(L, calr_op_slogdet(x, &y[0], &y[1]));
    return push_results(L, slots, y, 2);
}

/// calr.pinverse(x [, rcond])
/// The inverse of Moore and Penrose of each matrix, by its singular values, in double precision.
/// @param x  f32[... x m x n], or f64
/// @param rcond  number; singular values up to rcond times the largest count as 0: max(m, n) times the precision of the
///   type
/// @return tensor  [... x n x m]
static int linalg_pinverse(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    int64_t m = x->ndim >= 2 ? x->shape[x->ndim - 2] : 0, n = x->ndim ? x->shape[x->ndim - 1] : 0;
    double precision = x->dtype == CALR_F64 ? DBL_EPSILON : FLT_EPSILON;
    double rcond = luaL_optnumber(L, 2, precision * (double)(m > n ? m : n));
    luaL_argcheck(L, rcond >= 0, 2, "a number of 0 or more is needed");
    PUSH(L, calr_op_pinverse(x, rcond, slot));
    return 1;
}

/* ---- systems of equations ---- */

/// calr.solve(a, b)
/// The solution x of a x = b, as torch.linalg.solve. Dimensions before the matrices are repeated as by calr.matmul. A
/// singular a is an error that says which of the batch it is.
/// @param a  f32[... x n x n], or f64
/// @param b  [... x n x k]; or one right-hand side for each matrix: [n], or the dimensions of a but its last
/// @return tensor  the shape of b
static int linalg_solve(lua_State *L)
{
    calr_tensor *a = calr_lua_check_tensor(L, 1), *b = calr_lua_check_tensor(L, 2);
    PUSH(L, calr_op_solve(a, b, slot));
    return 1;
}

/// calr.solve_triangular(a, b, upper [, unitriangular])
/// The solution x of a x = b for triangular a, as torch.linalg.solve_triangular.
/// @param a  f32[... x n x n], or f64; the other triangle is not read
/// @param b  [... x n x k]
/// @param upper  whether a is upper triangular, else lower
/// @param unitriangular  whether the diagonal of a counts as 1; false
/// @return tensor  the shape of b
static int linalg_solve_triangular(lua_State *L)
{
    calr_tensor *a = calr_lua_check_tensor(L, 1), *b = calr_lua_check_tensor(L, 2);
    luaL_argcheck(L, lua_isboolean(L, 3), 3,
                  "true or false is needed: whether a is upper triangular");
    bool upper = lua_toboolean(L, 3), unit = calr_lua_opt_boolean(L, 4, false);
    PUSH(L, calr_op_solve_triangular(a, b, upper, unit, slot));
    return 1;
}

/* ---- distances ---- */

/// calr.cdist(x1, x2 [, p])
/// The distances between all pairs of rows, (sum |a - b|^p)^(1/p), as torch.cdist with compute_mode
/// "donot_use_mm_for_euclid_dist": equal rows are at exactly 0, and rows of whole numbers at the root of their exact
/// sum of squares, rounded. Sums are made in double precision and rounded once; only the squares of f32 rows are added
/// up in f32, 64 columns at a time, which moves a distance by 2e-6 of itself at most. Where a distance is 0, its
/// gradient is 0. Dimensions before the matrices are repeated as by calr.matmul.
/// @param x1  f32[... x m x d], or f64
/// @param x2  [... x n x d]
/// @param p   0 or more: 2 (default), 1, math.huge for the largest difference; 0 counts the differences
/// @return tensor  [... x m x n]
static int linalg_cdist(lua_State *L)
{
    calr_tensor *a = calr_lua_check_tensor(L, 1), *b = calr_lua_check_tensor(L, 2);
    double p = luaL_optnumber(L, 3, 2);
    PUSH(L, calr_op_cdist(a, b, p, slot));
    return 1;
}

const calr_lua_function calr_lua_linalg_methods[] = {
    {"matmul", linalg_matmul, "a, b [, transpose_a, transpose_b, scale]", .named = true},
    {"mm", linalg_product, "a, b", .code = 0},
    {"mv", linalg_product, "a, b", .code = 1},
    {"bmm", linalg_product, "a, b", .code = 2},
    {"dot", linalg_product, "a, b", .code = 3},
    {"linear", linalg_linear, "x, w [, bias]"},
    {"svd", linalg_svd, "x [, full_matrices]", .named = true},
    {"eigh", linalg_eigh, "x [, UPLO]", .named = true},
    {"qr", linalg_qr, "x [, mode]", .named = true},
    {"cholesky", linalg_unary, "x", .code = 0},
    {"inverse", linalg_unary, "x", .code = 1},
    {"det", linalg_unary, "x", .code = 2},
    {"slogdet", linalg_slogdet, "x"},
    {"pinverse", linalg_pinverse, "x [, rcond]", .named = true},
    {"solve", linalg_solve, "a, b"},
    {"solve_triangular", linalg_solve_triangular, "a, b, upper [, unitriangular]", .named = true},
    {"cdist", linalg_cdist, "x1, x2 [, p]", .named = true},
    {NULL, NULL, NULL},
};
