/* Systems of linear equations, inverses and determinants. Gradients in double precision. */
#include "autograd/ops/linalg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "autograd/ops/algebra.h"
#include "autograd/ops/broadcast.h"
#include "base/size.h"

static int64_t batch_of(const calr_op_shape *x)
{
    int64_t count = 1;
    for (int d = 0; d < x->ndim - 2; d++)
        count *= x->shape[d];
    return count;
}

static int64_t rows_of(const calr_op_shape *x)
{
    return x->shape[x->ndim - 2];
}

static int64_t columns_of(const calr_op_shape *x)
{
    return x->shape[x->ndim - 1];
}

static calr_batch read(calr_algebra *g, const calr_tensor *x)
{
    return calr_algebra_read(g, x->dtype, calr_tensor_data(x), x->shape[x->ndim - 2],
                             x->shape[x->ndim - 1]);
}

static void write(calr_op_call *call, calr_algebra *g, int i, calr_batch a, calr_tensor **dx)
{
    if (g->status == CALR_OK)
        g->status = calr_op_gradient(call, i, dx);
    if (g->status == CALR_OK)
        calr_algebra_write(g, a, dx[i]->dtype, calr_tensor_data(dx[i]));
}

/* Decomposes a copy of x. *lu and *pivots are the caller's to free, after a failure too. */
static calr_status decompose(const calr_tensor *x, int64_t count, calr_linalg *sizes,
                             calr_tensor **lu, int32_t **pivots)
{
    const calr_backend *backend;
    int64_t n = x->shape[x->ndim - 1];
    *sizes = (calr_linalg){.dtype = x->dtype, .count = count, .m = n, .n = n};
    CALR_TRY(calr_backend_get(&backend));
    *pivots = calr_array_new(count * n, sizeof **pivots);
    if (!*pivots)
        return calr_error(CALR_ENOMEM, "no memory for a decomposition");
    CALR_TRY(calr_tensor_clone(x, lu));
    return backend->lu(sizes, calr_tensor_data(*lu), *pivots);
}

/* ---- solve ---- a: [... n x n], b: [... n x k] with the same dimensions before */

static calr_status check_system(calr_op_call *call)
{
    char ta[CALR_TENSOR_TEXT], tb[CALR_TENSOR_TEXT];
    const calr_op_shape *a = &call->shape[0], *b = &call->shape[1];
    CALR_TRY(calr_linalg_expect(call, 0, "a", true));
    CALR_TRY(calr_linalg_expect(call, 1, "b", false));
    if (a->dtype != b->dtype || a->ndim != b->ndim || rows_of(a) != rows_of(b) ||
        memcmp(a->shape, b->shape, (size_t)(a->ndim - 2) * sizeof a->shape[0]) != 0)
        return calr_error(CALR_EINVAL, "a, %s, and b, %s, do not fit", calr_op_describe(a, ta),
                          calr_op_describe(b, tb));
    calr_op_out_like(call, 1);
    return CALR_OK;
}

static calr_status save_system(calr_op_call *call, calr_tensor *y)
{
    CALR_TRY(calr_op_save(call, "a", call->in[0]));
    return calr_op_save(call, "the solution", call->needs[0] ? y : NULL);
}

/* y := a^-1 b, or the inverse where b is NULL. */
static calr_status solve_into(const calr_tensor *a, int64_t count, calr_tensor *y)
{
    const calr_backend *backend;
    calr_linalg sizes;
    calr_tensor *lu = NULL;
    int32_t *pivots = NULL;
    CALR_TRY(calr_backend_get(&backend));
    calr_status status = decompose(a, count, &sizes, &lu, &pivots);
    if (status == CALR_OK)
        status = calr_linalg_check_lu(&sizes, calr_tensor_data(lu));
    if (status == CALR_OK) {
        sizes.m = y->shape[y->ndim - 1];
        status = backend->lu_solve(&sizes, calr_tensor_data(lu), pivots, calr_tensor_data(y));
    }
    calr_tensor_release(lu);
    free(pivots);
    return status;
}

static calr_status solve_forward(calr_op_call *call, calr_tensor **y)
{
    CALR_TRY(calr_tensor_copy(*y, call->in[1]));
    CALR_TRY(solve_into(call->in[0], batch_of(&call->shape[0]), *y));
    return save_system(call, *y);
}

/* db = a^-T dy, da = -db y^T */
static calr_status solve_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    calr_algebra g;
    calr_algebra_open(&g, batch_of(&call->shape[0]));
    calr_batch db = calr_algebra_solve(&g, read(&g, calr_op_saved(call, 0)), true, read(&g, dy));
    if (call->needs[1])
        write(call, &g, 1, db, dx);
    if (call->needs[0]) {
        calr_batch y = read(&g, calr_op_saved(call, 1));
        write(call, &g, 0, calr_algebra_times(&g, -1, db, false, y, true), dx);
    }
    return calr_algebra_close(&g);
}

static const calr_op op_solve = {
    .name = "solve", .check = check_system, .forward = solve_forward, .backward = solve_backward};

/* x with the dimensions of the grid before its last two. */
static calr_status repeat(calr_tensor *x, const calr_op_shape *grid, calr_tensor **out)
{
    int64_t shape[CALR_MAX_DIMS];
    memcpy(shape, grid->shape, sizeof shape);
    shape[grid->ndim] = x->shape[x->ndim - 2];
    shape[grid->ndim + 1] = x->shape[x->ndim - 1];
    return calr_op_expand(x, grid->ndim + 2, shape, out);
}

static calr_op_shape grid_of(const calr_tensor *x)
{
    calr_op_shape grid = {.dtype = x->dtype, .ndim = x->ndim - 2};
    memcpy(grid.shape, x->shape, sizeof x->shape);
    return grid;
}

calr_status calr_linalg_apply(const calr_op *op, const void *attributes, calr_tensor *a,
                              calr_tensor *b, calr_tensor **y)
{
    calr_tensor *in[2] = {NULL, NULL};
    if (a->ndim < 2 || b->ndim < 2)
        return calr_op_apply(op, (calr_tensor *[]){a, b}, 2, attributes, y);
    calr_op_shape left = grid_of(a), right = grid_of(b), grid = left;
    if (!calr_op_same_shape(&left, &right)) {
        calr_status fits = calr_broadcast_shape(&left, &right, &grid);
        if (fits != CALR_OK)
            return calr_error(fits, "%s: before the matrices, %s", op->name, calr_status_message());
    }
    calr_status status = repeat(a, &grid, &in[0]);
    if (status == CALR_OK)
        status = repeat(b, &grid, &in[1]);
    if (status == CALR_OK)
        status = calr_op_apply(op, in, 2, attributes, y);
    calr_tensor_release(in[0]);
    calr_tensor_release(in[1]);
    return status;
}

/* b holds a vector for each matrix of a, rather than matrices. */
static bool is_vector(const calr_tensor *a, const calr_tensor *b)
{
    return b->ndim == 1 || (b->ndim >= 1 && b->ndim == a->ndim - 1 &&
                            memcmp(a->shape, b->shape, (size_t)b->ndim * sizeof a->shape[0]) == 0);
}

calr_status calr_op_solve(calr_tensor *a, calr_tensor *b, calr_tensor **y)
{
    int64_t shape[CALR_MAX_DIMS + 1];
    if (!is_vector(a, b) || a->ndim < 2)
        return calr_linalg_apply(&op_solve, NULL, a, b, y);
    calr_tensor *column, *solution;
    memcpy(shape, b->shape, sizeof b->shape);
    shape[b->ndim] = 1;
    CALR_TRY(calr_op_reshape(b, b->ndim + 1, shape, &column));
    calr_status status = calr_linalg_apply(&op_solve, NULL, a, column, &solution);
    calr_tensor_release(column);
    CALR_TRY(status);
    status = calr_op_reshape(solution, solution->ndim - 1, solution->shape, y);
    calr_tensor_release(solution);
    return status;
}

/* ---- solve_triangular ---- */

typedef struct triangle {
    bool upper, unit;
} triangle;

static calr_status triangular_forward(calr_op_call *call, calr_tensor **y)
{
    const triangle *t = call->attributes;
    const calr_backend *backend;
    const calr_op_shape *b = &call->shape[1];
    CALR_TRY(calr_backend_get(&backend));
    CALR_TRY(calr_tensor_copy(*y, call->in[1]));
    calr_linalg sizes = {.dtype = b->dtype,
                         .count = batch_of(b),
                         .m = columns_of(b),
                         .n = rows_of(b),
                         .upper = t->upper,
                         .unit = t->unit};
    if (!t->unit)
        CALR_TRY(calr_linalg_check_lu(&sizes, calr_tensor_data(call->in[0])));
    CALR_TRY(backend->triangular(&sizes, calr_tensor_data(call->in[0]), calr_tensor_data(*y)));
    return save_system(call, *y);
}

static void keep_triangle(const calr_algebra *g, calr_batch a, const triangle *t)
{
    for (int64_t i = 0; a.x && i < g->count * a.rows; i++)
        for (int64_t j = 0; j < a.columns; j++) {
            int64_t row = i % a.rows;
            if ((t->upper ? j < row : j > row) || (t->unit && j == row))
                a.x[i * a.columns + j] = 0;
        }
}

/* As for solve, within the triangle. */
static calr_status triangular_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const triangle *t = call->attributes;
    calr_algebra g;
    calr_algebra_open(&g, batch_of(&call->shape[0]));
    calr_batch a = read(&g, calr_op_saved(call, 0)), db = read(&g, dy);
    for (int64_t i = 0; t->unit && a.x && i < g.count * a.rows; i++)
        a.x[i * a.columns + i % a.rows] = 1;
    calr_algebra_triangular(&g, t->upper, true, a, db);
    if (call->needs[1])
        write(call, &g, 1, db, dx);
    if (call->needs[0]) {
        calr_batch y = read(&g, calr_op_saved(call, 1));
        calr_batch da = calr_algebra_times(&g, -1, db, false, y, true);
        keep_triangle(&g, da, t);
        write(call, &g, 0, da, dx);
    }
    return calr_algebra_close(&g);
}

static const calr_op op_triangular = {.name = "solve_triangular",
                                      .attribute_bytes = sizeof(triangle),
                                      .check = check_system,
                                      .forward = triangular_forward,
                                      .backward = triangular_backward};

calr_status calr_op_solve_triangular(calr_tensor *a, calr_tensor *b, bool upper, bool unit,
                                     calr_tensor **y)
{
    triangle t = {upper, unit};
    return calr_linalg_apply(&op_triangular, &t, a, b, y);
}

/* ---- inverse ---- */

static calr_status check_square(calr_op_call *call)
{
    CALR_TRY(calr_linalg_expect(call, 0, "x", true));
    calr_op_out_like(call, 0);
    return CALR_OK;
}

static calr_status set_identity(calr_tensor *y)
{
    int64_t n = y->shape[y->ndim - 1], rows = n ? calr_tensor_numel(y) / n : 0;
    CALR_TRY(calr_tensor_fill(y, 0));
    for (int64_t i = 0; i < rows; i++)
        if (y->dtype == CALR_F64)
            calr_tensor_f64(y)[i * n + i % n] = 1;
        else
            calr_tensor_f32(y)[i * n + i % n] = 1;
    return CALR_OK;
}

static calr_status inverse_forward(calr_op_call *call, calr_tensor **y)
{
    CALR_TRY(set_identity(*y));
    CALR_TRY(solve_into(call->in[0], batch_of(&call->shape[0]), *y));
    return calr_op_save(call, "the inverse", *y);
}

/* da = -y^T dy y^T */
static calr_status inverse_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    calr_algebra g;
    calr_algebra_open(&g, batch_of(&call->shape[0]));
    calr_batch y = read(&g, calr_op_saved(call, 0));
    calr_batch left = calr_algebra_times(&g, -1, y, true, read(&g, dy), false);
    write(call, &g, 0, calr_algebra_times(&g, 1, left, false, y, true), dx);
    return calr_algebra_close(&g);
}

static const calr_op op_inverse = {.name = "inverse",
                                   .check = check_square,
                                   .forward = inverse_forward,
                                   .backward = inverse_backward};

calr_status calr_op_inverse(calr_tensor *x, calr_tensor **y)
{
    return calr_op_apply(&op_inverse, &x, 1, NULL, y);
}

/* ---- determinants ---- */

static calr_status check_determinant(calr_op_call *call)
{
    CALR_TRY(calr_linalg_expect(call, 0, "x", true));
    call->out = call->shape[0];
    call->out.ndim -= 2;
    return CALR_OK;
}

static double number(const calr_tensor *x, int64_t i)
{
    return x->dtype == CALR_F64 ? calr_tensor_f64(x)[i] : (double)calr_tensor_f32(x)[i];
}

static void put(calr_tensor *x, int64_t i, double value)
{
    if (x->dtype == CALR_F64)
        calr_tensor_f64(x)[i] = value;
    else
        calr_tensor_f32(x)[i] = (float)value;
}

/* Of each matrix, the sign of its determinant (NULL: not wanted), the logarithm of its size, or the number itself. */
static calr_status determinants(const calr_tensor *x, int64_t count, calr_tensor *sign,
                                calr_tensor *logarithm, calr_tensor *value)
{
    calr_linalg sizes;
    calr_tensor *lu = NULL;
    int32_t *pivots = NULL;
    calr_status status = decompose(x, count, &sizes, &lu, &pivots);
    for (int64_t i = 0, n = sizes.n; status == CALR_OK && i < count; i++) {
        double s = 1, l = 0, product = 1;
        for (int64_t d = 0; d < n; d++) {
            double pivot = number(lu, (i * n + d) * n + d);
            if (pivots[i * n + d] != d + 1)
                s = -s, product = -product;
            product *= pivot;
            s = pivot < 0 ? -s : pivot == 0 ? 0 : pivot > 0 ? s : NAN;
            l += log(fabs(pivot));
        }
        if (sign)
            put(sign, i, s);
        if (logarithm)
            put(logarithm, i, l);
        if (value)
            put(value, i, product);
    }
    calr_tensor_release(lu);
    free(pivots);
    return status;
}

static calr_status logdet_forward(calr_op_call *call, calr_tensor **y)
{
    CALR_TRY(determinants(call->in[0], batch_of(&call->shape[0]), NULL, *y, NULL));
    return calr_op_save(call, "x", call->in[0]);
}

/* da = dy a^-T */
static calr_status logdet_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    calr_algebra g;
    calr_algebra_open(&g, batch_of(&call->shape[0]));
    calr_batch a = read(&g, calr_op_saved(call, 0)), scaled = calr_algebra_new(&g, a.rows, a.rows);
    for (int64_t i = 0; scaled.x && i < g.count * a.rows; i++)
        scaled.x[i * a.rows + i % a.rows] = number(dy, i / a.rows);
    write(call, &g, 0, calr_algebra_solve(&g, a, true, scaled), dx);
    return calr_algebra_close(&g);
}

static const calr_op op_logdet = {.name = "slogdet",
                                  .check = check_determinant,
                                  .forward = logdet_forward,
                                  .backward = logdet_backward};

calr_status calr_op_slogdet(calr_tensor *x, calr_tensor **sign, calr_tensor **logabsdet)
{
    calr_tensor *y, *s, *contiguous;
    CALR_TRY(calr_op_apply(&op_logdet, &x, 1, NULL, &y));
    calr_status status = calr_tensor_like(y, &s);
    if (status == CALR_OK) {
        status = calr_tensor_contiguous(x, &contiguous);
        if (status == CALR_OK) {
            status = determinants(contiguous, calr_tensor_numel(y), s, NULL, NULL);
            calr_tensor_release(contiguous);
        }
        if (status != CALR_OK)
            calr_tensor_release(s);
    }
    if (status != CALR_OK) {
        calr_tensor_release(y);
        return status;
    }
    *sign = s;
    *logabsdet = y;
    return CALR_OK;
}

static calr_status det_forward(calr_op_call *call, calr_tensor **y)
{
    CALR_TRY(determinants(call->in[0], batch_of(&call->shape[0]), NULL, NULL, *y));
    return calr_op_save(call, "x", call->in[0]);
}

/* The determinant of an orthogonal matrix is 1 or -1. */
static calr_status orthogonal_signs(calr_algebra *g, calr_batch u, double *signs)
{
    calr_linalg sizes = {.dtype = CALR_F64, .count = g->count, .m = u.rows, .n = u.rows};
    calr_batch lu = calr_algebra_copy(g, u);
    int32_t *pivots = calr_array_new(g->count * u.rows, sizeof *pivots);
    if (!pivots)
        return calr_error(CALR_ENOMEM, "no memory for a decomposition");
    calr_status status = g->status;
    if (status == CALR_OK)
        status = g->backend->lu(&sizes, lu.x, pivots);
    for (int64_t i = 0; status == CALR_OK && i < g->count; i++)
        for (int64_t d = 0; d < u.rows; d++) {
            if (pivots[i * u.rows + d] != d + 1)
                signs[i] = -signs[i];
            if (lu.x[(i * u.rows + d) * u.rows + d] < 0)
                signs[i] = -signs[i];
        }
    free(pivots);
    return status;
}

/* d det a = dy times the matrix of cofactors, which for a = u s v^T is det(u) det(v) u c v^T, c_i being the product
 * of all s but the i-th: it exists where a has no inverse. */
static calr_status det_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    calr_algebra g;
    calr_algebra_open(&g, batch_of(&call->shape[0]));
    calr_batch a = read(&g, calr_op_saved(call, 0));
    int64_t n = a.rows;
    calr_batch u = calr_algebra_new(&g, n, n), vh = calr_algebra_new(&g, n, n),
               s = calr_algebra_new(&g, 1, n), c = calr_algebra_new(&g, 1, n),
               signs = calr_algebra_new(&g, 1, 1);
    calr_linalg sizes = {.dtype = CALR_F64, .count = g.count, .m = n, .n = n};
    if (g.status == CALR_OK)
        g.status = g.backend->svd(&sizes, a.x, u.x, s.x, vh.x);
    for (int64_t i = 0; g.status == CALR_OK && i < g.count; i++)
        signs.x[i] = number(dy, i);
    if (g.status == CALR_OK)
        g.status = orthogonal_signs(&g, u, signs.x);
    if (g.status == CALR_OK)
        g.status = orthogonal_signs(&g, vh, signs.x);
    for (int64_t i = 0; g.status == CALR_OK && i < g.count * n; i++) {
        c.x[i] = signs.x[i / n];
        for (int64_t j = 0; j < n; j++)
            if (j != i % n)
                c.x[i] *= s.x[i / n * n + j];
    }
    calr_algebra_scale_columns(&g, u, c, false);
    write(call, &g, 0, calr_algebra_times(&g, 1, u, false, vh, false), dx);
    return calr_algebra_close(&g);
}

static const calr_op op_det = {
    .name = "det", .check = check_determinant, .forward = det_forward, .backward = det_backward};

calr_status calr_op_det(calr_tensor *x, calr_tensor **y)
{
    return calr_op_apply(&op_det, &x, 1, NULL, y);
}

/* ---- pinverse ---- */

static calr_status pinverse_check(calr_op_call *call)
{
    CALR_TRY(calr_linalg_expect(call, 0, "x", false));
    call->out = call->shape[0];
    call->out.shape[call->out.ndim - 2] = columns_of(&call->shape[0]);
    call->out.shape[call->out.ndim - 1] = rows_of(&call->shape[0]);
    return CALR_OK;
}

/* y = v s^-1 u^T, singular values up to rcond times the largest left out. */
static calr_status pinverse_forward(calr_op_call *call, calr_tensor **y)
{
    const double *rcond = call->attributes;
    const calr_op_shape *x = &call->shape[0];
    int64_t m = rows_of(x), n = columns_of(x), k = m < n ? m : n;
    calr_algebra g;
    calr_algebra_open(&g, batch_of(x));
    calr_batch a = read(&g, call->in[0]), u = calr_algebra_new(&g, m, k),
               s = calr_algebra_new(&g, 1, k), vh = calr_algebra_new(&g, k, n);
    calr_linalg sizes = {.dtype = CALR_F64, .count = g.count, .m = m, .n = n};
    if (g.status == CALR_OK)
        g.status = g.backend->svd(&sizes, a.x, u.x, s.x, vh.x);
    for (int64_t b = 0; g.status == CALR_OK && b < g.count; b++) {
        double *v = s.x + b * k, least = k > 0 ? *rcond * v[0] : 0;
        for (int64_t i = 0; i < k; i++)
            v[i] = v[i] > least ? 1 / v[i] : 0;
    }
    calr_algebra_scale_columns(&g, u, s, false);
    calr_batch p = calr_algebra_times(&g, 1, vh, true, u, true);
    calr_algebra_write(&g, p, (*y)->dtype, calr_tensor_data(*y));
    CALR_TRY(calr_algebra_close(&g));
    CALR_TRY(calr_op_save(call, "x", call->in[0]));
    return calr_op_save(call, "the inverse", *y);
}

/* For m >= n, with p the inverse and k = p dy^T (Golub and Pereyra, SIAM J. Numer. Anal. 10, 1973, eq. 4.12):
 * da = -(k p)^T + (dy^T - a k) p p^T + p^T k - (p^T k) p a.
 * For m < n the same holds of the transposes. */
static calr_batch tall_pinverse_gradient(calr_algebra *g, calr_batch a, calr_batch p, calr_batch dy)
{
    calr_batch k = calr_algebra_times(g, 1, p, false, dy, true);
    calr_batch da = calr_algebra_transpose(g, calr_algebra_times(g, -1, k, false, p, false));
    calr_batch rest = calr_algebra_transpose(g, dy);
    calr_algebra_add(g, rest, -1, calr_algebra_times(g, 1, a, false, k, false));
    calr_batch within = calr_algebra_times(g, 1, rest, false, p, false);
    calr_algebra_add(g, da, 1, calr_algebra_times(g, 1, within, false, p, true));
    calr_batch pk = calr_algebra_times(g, 1, p, true, k, false);
    calr_algebra_add(g, da, 1, pk);
    calr_batch pkp = calr_algebra_times(g, 1, pk, false, p, false);
    calr_algebra_add(g, da, -1, calr_algebra_times(g, 1, pkp, false, a, false));
    return da;
}

static calr_status pinverse_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    calr_algebra g;
    calr_algebra_open(&g, batch_of(&call->shape[0]));
    calr_batch a = read(&g, calr_op_saved(call, 0)), p = read(&g, calr_op_saved(call, 1)),
               d = read(&g, dy);
    if (a.rows < a.columns) {
        calr_batch da =
            tall_pinverse_gradient(&g, calr_algebra_transpose(&g, a), calr_algebra_transpose(&g, p),
                                   calr_algebra_transpose(&g, d));
        write(call, &g, 0, calr_algebra_transpose(&g, da), dx);
    } else {
        write(call, &g, 0, tall_pinverse_gradient(&g, a, p, d), dx);
    }
    return calr_algebra_close(&g);
}

static const calr_op op_pinverse = {.name = "pinverse",
                                    .attribute_bytes = sizeof(double),
                                    .check = pinverse_check,
                                    .forward = pinverse_forward,
                                    .backward = pinverse_backward};

calr_status calr_op_pinverse(calr_tensor *x, double rcond, calr_tensor **y)
{
    return calr_op_apply(&op_pinverse, &x, 1, &rcond, y);
}
