/* Decompositions of matrices: svd, eigh, qr, cholesky. The gradients are PyTorch's (torch/csrc/autograd/
 * FunctionsManual.cpp), in double precision.
 *
 * An operation has one output. Where there are several factors it is one vector: the first factor of all matrices of
 * the batch, then the second of all, and so on; the factors are views of it. */
#include <stdlib.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "autograd/ops/algebra.h"
#include "autograd/ops/linalg.h"

enum { MOST_PARTS = 3, VECTOR = -1 };

typedef struct part {
    int64_t rows, columns; /* rows: VECTOR for a factor that is one */
} part;

typedef struct sizes {
    calr_linalg linalg;
    int64_t k; /* the smaller side */
} sizes;

typedef struct settings {
    bool full, upper;
} settings;

static sizes sizes_of(const calr_op_call *call)
{
    const settings *t = call->attributes;
    const calr_op_shape *x = &call->shape[0];
    sizes s = {{.dtype = x->dtype,
                .count = 1,
                .m = x->shape[x->ndim - 2],
                .n = x->shape[x->ndim - 1],
                .full = t->full,
                .upper = t->upper},
               0};
    for (int d = 0; d < x->ndim - 2; d++)
        s.linalg.count *= x->shape[d];
    s.k = s.linalg.m < s.linalg.n ? s.linalg.m : s.linalg.n;
    return s;
}

calr_status calr_linalg_expect(const calr_op_call *call, int i, const char *name, bool square)
{
    char text[CALR_TENSOR_TEXT];
    const calr_op_shape *x = &call->shape[i];
    if ((x->dtype != CALR_F32 && x->dtype != CALR_F64) || x->ndim < 2 ||
        (square && x->shape[x->ndim - 1] != x->shape[x->ndim - 2]))
        return calr_error(CALR_EINVAL, "%s must be %s, in f32 or f64, not %s", name,
                          square ? "square matrices, [... x n x n]" : "matrices, [... x m x n]",
                          calr_op_describe(x, text));
    return CALR_OK;
}

static int64_t part_length(const sizes *s, part p)
{
    return s->linalg.count * (p.rows == VECTOR ? 1 : p.rows) * p.columns;
}

/* Whether that fits: a matrix without columns still has a square factor. */
static bool part_fits(const sizes *s, part p)
{
    int64_t length;
    return !__builtin_mul_overflow(s->linalg.count, p.rows == VECTOR ? 1 : p.rows, &length) &&
           !__builtin_mul_overflow(length, p.columns, &length);
}

/* The output: all parts behind each other. */
static calr_status check_parts(calr_op_call *call, const part *parts, int count)
{
    sizes s = sizes_of(call);
    call->out = (calr_op_shape){.dtype = call->shape[0].dtype, .ndim = 1};
    for (int i = 0; i < count; i++)
        if (!part_fits(&s, parts[i]) ||
            __builtin_add_overflow(call->out.shape[0], part_length(&s, parts[i]),
                                   &call->out.shape[0]))
            return calr_error(CALR_ENOMEM, "the factors are more than can be addressed");
    return CALR_OK;
}

static void *element(const calr_tensor *x, int64_t i)
{
    return (char *)calr_tensor_data(x) + (size_t)i * calr_dtype_size(x->dtype);
}

/* The parts as tensors of their own, views of `flat`. */
static calr_status hand_out(calr_tensor *x, calr_tensor *flat, const part *parts, int count,
                            calr_tensor **out)
{
    int64_t start = 0, shape[CALR_MAX_DIMS], batch = 1;
    for (int d = 0; d < x->ndim - 2; d++)
        batch *= shape[d] = x->shape[d];
    for (int i = 0; i < count; i++) {
        int ndim = x->ndim - 2;
        int64_t length = batch * (parts[i].rows == VECTOR ? 1 : parts[i].rows) * parts[i].columns;
        if (parts[i].rows != VECTOR)
            shape[ndim++] = parts[i].rows;
        shape[ndim++] = parts[i].columns;
        calr_tensor *view;
        CALR_TRY(calr_op_narrow(flat, 0, start, length, &view));
        calr_status status = calr_op_reshape(view, ndim, shape, &out[i]);
        calr_tensor_release(view);
        CALR_TRY(status);
        start += length;
    }
    return CALR_OK;
}

/* Applies an operation with parts; out[i] are new references, or all NULL after a failure. */
static calr_status apply(const calr_op *op, calr_tensor *x, const settings *t, const part *parts,
                         int count, calr_tensor **out)
{
    calr_tensor *flat, *made[MOST_PARTS] = {0};
    CALR_TRY(calr_op_apply(op, &x, 1, t, &flat));
    calr_status status = hand_out(x, flat, parts, count, made);
    calr_tensor_release(flat);
    for (int i = 0; i < count; i++)
        if (status == CALR_OK)
            out[i] = made[i];
        else
            calr_tensor_release(made[i]);
    return status;
}

/* What the factors were, and their gradients, as doubles. */
typedef struct factors {
    calr_batch value[MOST_PARTS], gradient[MOST_PARTS];
    bool zero[MOST_PARTS]; /* nothing depends on this factor */
} factors;

static bool is_zero(const calr_algebra *g, calr_batch a)
{
    for (int64_t i = 0; a.x && i < g->count * a.rows * a.columns; i++)
        if (a.x[i] != 0)
            return false;
    return true;
}

static factors read_factors(const calr_op_call *call, calr_algebra *g, const sizes *s,
                            const calr_tensor *dy, const part *parts, int count)
{
    factors f;
    int64_t start = 0;
    const calr_tensor *y = calr_op_saved(call, 0);
    for (int i = 0; i < count; i++) {
        int64_t rows = parts[i].rows == VECTOR ? 1 : parts[i].rows;
        f.value[i] = calr_algebra_read(g, y->dtype, element(y, start), rows, parts[i].columns);
        f.gradient[i] = calr_algebra_read(g, dy->dtype, element(dy, start), rows, parts[i].columns);
        f.zero[i] = is_zero(g, f.gradient[i]);
        start += part_length(s, parts[i]);
    }
    return f;
}

static calr_status write_gradient(calr_op_call *call, calr_algebra *g, calr_batch da,
                                  calr_tensor **dx)
{
    if (g->status == CALR_OK)
        g->status = calr_op_gradient(call, 0, dx);
    if (g->status == CALR_OK)
        calr_algebra_write(g, da, dx[0]->dtype, calr_tensor_data(dx[0]));
    return calr_algebra_close(g);
}

/* a[i][j] /= difference(s_j, s_i), where a is not 0: where two are equal there is no gradient unless nobody asks. */
static void divide_by_gaps(calr_algebra *g, calr_batch a, calr_batch s, bool squares)
{
    for (int64_t b = 0; g->status == CALR_OK && b < g->count; b++) {
        const double *v = s.x + b * s.columns;
        for (int64_t i = 0; i < a.rows; i++)
            for (int64_t j = 0; j < a.columns; j++) {
                double *to = a.x + (b * a.rows + i) * a.columns + j,
                       gap = squares ? (v[j] - v[i]) * (v[j] + v[i]) : v[j] - v[i];
                *to = i == j || *to == 0 ? 0 : *to / gap;
            }
    }
}

static void add_diagonal(calr_algebra *g, calr_batch a, calr_batch d)
{
    for (int64_t b = 0; g->status == CALR_OK && b < g->count; b++)
        for (int64_t i = 0; i < a.rows; i++)
            a.x[(b * a.rows + i) * a.columns + i] += d.x[b * d.columns + i];
}

/* ---- svd ---- */

static void svd_parts(const sizes *s, part parts[3])
{
    bool full = s->linalg.full;
    parts[0] = (part){s->linalg.m, full ? s->linalg.m : s->k};
    parts[1] = (part){VECTOR, s->k};
    parts[2] = (part){full ? s->linalg.n : s->k, s->linalg.n};
}

static calr_status svd_check(calr_op_call *call)
{
    part parts[3];
    CALR_TRY(calr_linalg_expect(call, 0, "x", false));
    sizes s = sizes_of(call);
    svd_parts(&s, parts);
    return check_parts(call, parts, 3);
}

static calr_status svd_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *backend;
    part parts[3];
    sizes s = sizes_of(call);
    svd_parts(&s, parts);
    int64_t first = part_length(&s, parts[0]), second = part_length(&s, parts[1]);
    CALR_TRY(calr_backend_get(&backend));
    CALR_TRY(backend->svd(&s.linalg, calr_tensor_data(call->in[0]), element(*y, 0),
                          element(*y, first), element(*y, first + second)));
    return calr_op_save(call, "the factors", *y);
}

/* a - a^T */
static calr_batch skew(calr_algebra *g, calr_batch a)
{
    calr_batch t = calr_algebra_transpose(g, a);
    calr_algebra_add(g, t, -1, a);
    for (int64_t i = 0; t.x && i < g->count * t.rows * t.columns; i++)
        t.x[i] = -t.x[i];
    return t;
}

/* da = u ((skew(u^T du) / e) s + s (skew(v^T dv) / e) + ds) v^T + (1 - u u^T) du s^-1 v^T
 *      + u s^-1 dv^T (1 - v v^T), e_ij = s_j^2 - s_i^2 */
static calr_batch svd_gradient(calr_algebra *g, const factors *f)
{
    calr_batch u = f->value[0], s = f->value[1], vh = f->value[2];
    calr_batch du = f->gradient[0], dvh = f->gradient[2];
    calr_batch inner = calr_algebra_new(g, s.columns, s.columns);
    add_diagonal(g, inner, f->gradient[1]);
    if (!f->zero[0]) {
        calr_batch turn = skew(g, calr_algebra_times(g, 1, u, true, du, false));
        divide_by_gaps(g, turn, s, true);
        calr_algebra_scale_columns(g, turn, s, false);
        calr_algebra_add(g, inner, 1, turn);
    }
    if (!f->zero[2]) {
        calr_batch turn = skew(g, calr_algebra_times(g, 1, vh, false, dvh, true));
        divide_by_gaps(g, turn, s, true);
        calr_algebra_scale_rows(g, turn, s, false);
        calr_algebra_add(g, inner, 1, turn);
    }
    calr_batch left = calr_algebra_times(g, 1, u, false, inner, false);
    if (!f->zero[0] && u.rows > u.columns) {
        calr_algebra_scale_columns(g, du, s, true);
        calr_batch within = calr_algebra_times(g, 1, u, true, du, false);
        calr_algebra_add(g, left, 1, du);
        calr_algebra_add(g, left, -1, calr_algebra_times(g, 1, u, false, within, false));
    }
    calr_batch da = calr_algebra_times(g, 1, left, false, vh, false);
    if (!f->zero[2] && vh.columns > vh.rows) {
        calr_algebra_scale_rows(g, dvh, s, true);
        calr_batch within = calr_algebra_times(g, 1, dvh, false, vh, true);
        calr_algebra_add(g, dvh, -1, calr_algebra_times(g, 1, within, false, vh, false));
        calr_algebra_add(g, da, 1, calr_algebra_times(g, 1, u, false, dvh, false));
    }
    return da;
}

static calr_batch first_columns(calr_algebra *g, calr_batch a, int64_t k)
{
    calr_batch c = calr_algebra_new(g, a.rows, k);
    for (int64_t i = 0; c.x && i < g->count * a.rows; i++)
        for (int64_t j = 0; j < k; j++)
            c.x[i * k + j] = a.x[i * a.columns + j];
    return c;
}

static calr_batch first_rows(calr_algebra *g, calr_batch a, int64_t k)
{
    calr_batch t = calr_algebra_transpose(g, a);
    return calr_algebra_transpose(g, first_columns(g, t, k));
}

static calr_status svd_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    calr_algebra g;
    part parts[3];
    sizes s = sizes_of(call);
    svd_parts(&s, parts);
    calr_algebra_open(&g, s.linalg.count);
    factors f = read_factors(call, &g, &s, dy, parts, 3);
    if (s.linalg.full && g.status == CALR_OK && !(f.zero[0] && f.zero[2]))
        g.status = calr_error(
            CALR_EINVAL, "with full_matrices there is a gradient for S only, because the further "
                         "columns of U and rows of Vh are arbitrary");
    if (s.linalg.full) {
        f.value[0] = first_columns(&g, f.value[0], s.k);
        f.value[2] = first_rows(&g, f.value[2], s.k);
    }
    return write_gradient(call, &g, svd_gradient(&g, &f), dx);
}

static const calr_op op_svd = {.name = "svd",
                               .attribute_bytes = sizeof(settings),
                               .check = svd_check,
                               .forward = svd_forward,
                               .backward = svd_backward};

/* The sizes of a tensor that the operation has checked. */
static sizes tensor_sizes(const calr_tensor *x, bool full)
{
    int64_t m = x->shape[x->ndim - 2], n = x->shape[x->ndim - 1];
    return (sizes){{.m = m, .n = n, .full = full}, m < n ? m : n};
}

calr_status calr_op_svd(calr_tensor *x, bool full, calr_tensor **u, calr_tensor **s,
                        calr_tensor **vh)
{
    settings t = {.full = full};
    part parts[3] = {{0, 0}};
    calr_tensor *out[3];
    if (x->ndim >= 2) {
        sizes all = tensor_sizes(x, full);
        svd_parts(&all, parts);
    }
    CALR_TRY(apply(&op_svd, x, &t, parts, 3, out));
    *u = out[0], *s = out[1], *vh = out[2];
    return CALR_OK;
}

/* ---- eigh ---- */

static void eigh_parts(const sizes *s, part parts[2])
{
    parts[0] = (part){VECTOR, s->k};
    parts[1] = (part){s->k, s->k};
}

static calr_status eigh_check(calr_op_call *call)
{
    part parts[2];
    CALR_TRY(calr_linalg_expect(call, 0, "x", true));
    sizes s = sizes_of(call);
    eigh_parts(&s, parts);
    return check_parts(call, parts, 2);
}

static calr_status eigh_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *backend;
    sizes s = sizes_of(call);
    CALR_TRY(calr_backend_get(&backend));
    CALR_TRY(backend->eigh(&s.linalg, calr_tensor_data(call->in[0]), element(*y, 0),
                           element(*y, s.linalg.count * s.k)));
    return calr_op_save(call, "the factors", *y);
}

/* da = v (dw + (v^T dv) / e) v^T, e_ij = w_j - w_i */
static calr_status eigh_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    calr_algebra g;
    part parts[2];
    sizes s = sizes_of(call);
    eigh_parts(&s, parts);
    calr_algebra_open(&g, s.linalg.count);
    factors f = read_factors(call, &g, &s, dy, parts, 2);
    calr_batch v = f.value[1], inner = calr_algebra_times(&g, 1, v, true, f.gradient[1], false);
    divide_by_gaps(&g, inner, f.value[0], false);
    add_diagonal(&g, inner, f.gradient[0]);
    calr_batch left = calr_algebra_times(&g, 1, v, false, inner, false);
    return write_gradient(call, &g, calr_algebra_times(&g, 1, left, false, v, true), dx);
}

static const calr_op op_eigh = {.name = "eigh",
                                .attribute_bytes = sizeof(settings),
                                .check = eigh_check,
                                .forward = eigh_forward,
                                .backward = eigh_backward};

calr_status calr_op_eigh(calr_tensor *x, bool upper, calr_tensor **w, calr_tensor **v)
{
    settings t = {.upper = upper};
    part parts[2] = {{0, 0}};
    calr_tensor *out[2];
    if (x->ndim >= 2) {
        sizes all = tensor_sizes(x, false);
        eigh_parts(&all, parts);
    }
    CALR_TRY(apply(&op_eigh, x, &t, parts, 2, out));
    *w = out[0], *v = out[1];
    return CALR_OK;
}

/* ---- qr ---- */

static void qr_parts(const sizes *s, part parts[2])
{
    int64_t k = s->linalg.full ? s->linalg.m : s->k;
    parts[0] = (part){s->linalg.m, k};
    parts[1] = (part){k, s->linalg.n};
}

static calr_status qr_check(calr_op_call *call)
{
    part parts[2];
    CALR_TRY(calr_linalg_expect(call, 0, "x", false));
    sizes s = sizes_of(call);
    qr_parts(&s, parts);
    return check_parts(call, parts, 2);
}

static calr_status qr_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *backend;
    part parts[2];
    sizes s = sizes_of(call);
    qr_parts(&s, parts);
    CALR_TRY(calr_backend_get(&backend));
    CALR_TRY(backend->qr(&s.linalg, calr_tensor_data(call->in[0]), element(*y, 0),
                         element(*y, part_length(&s, parts[0]))));
    return calr_op_save(call, "the factors", *y);
}

/* a := the symmetric matrix with the upper triangle of a, its diagonal once. */
static void mirror_upper(calr_algebra *g, calr_batch a)
{
    for (int64_t b = 0; g->status == CALR_OK && b < g->count; b++)
        for (int64_t i = 0; i < a.rows; i++)
            for (int64_t j = 0; j < i; j++)
                a.x[(b * a.rows + i) * a.columns + j] = a.x[(b * a.rows + j) * a.columns + i];
}

/* For n <= m: da = (dq + q mirror(dr r^T - q^T dq)) r^-T */
static calr_batch tall_qr_gradient(calr_algebra *g, calr_batch q, calr_batch r, calr_batch dq,
                                   calr_batch dr)
{
    calr_batch inner = calr_algebra_times(g, 1, dr, false, r, true);
    calr_algebra_add(g, inner, -1, calr_algebra_times(g, 1, q, true, dq, false));
    mirror_upper(g, inner);
    calr_batch left = calr_algebra_times(g, 1, q, false, inner, false);
    calr_algebra_add(g, left, 1, dq);
    calr_batch t = calr_algebra_transpose(g, left); /* left r^-T = (r^-1 left^T)^T */
    calr_algebra_triangular(g, true, false, r, t);
    return calr_algebra_transpose(g, t);
}

static calr_batch columns_from(calr_algebra *g, calr_batch a, int64_t first)
{
    calr_batch c = calr_algebra_new(g, a.rows, a.columns - first);
    for (int64_t i = 0; c.x && i < g->count * a.rows; i++)
        for (int64_t j = 0; j < c.columns; j++)
            c.x[i * c.columns + j] = a.x[i * a.columns + first + j];
    return c;
}

static calr_batch side_by_side(calr_algebra *g, calr_batch a, calr_batch b)
{
    calr_batch c = calr_algebra_new(g, a.rows, a.columns + b.columns);
    for (int64_t i = 0; c.x && i < g->count * a.rows; i++)
        for (int64_t j = 0; j < c.columns; j++)
            c.x[i * c.columns + j] =
                j < a.columns ? a.x[i * a.columns + j] : b.x[i * b.columns + j - a.columns];
    return c;
}

/* For m < n: a = [x y], r = [u v] with u square: q u = x, v = q^T y (Walter and Lehmann, "Algorithmic differentiation
 * of linear algebra functions", 2010, section 6). */
static calr_batch wide_qr_gradient(calr_algebra *g, calr_batch a, calr_batch q, calr_batch r,
                                   calr_batch dq, calr_batch dr)
{
    int64_t m = q.rows;
    calr_batch y = columns_from(g, a, m), u = first_columns(g, r, m), du = first_columns(g, dr, m),
               dv = columns_from(g, dr, m);
    calr_algebra_add(g, dq, 1, calr_algebra_times(g, 1, y, false, dv, true));
    calr_batch dx = tall_qr_gradient(g, q, u, dq, du);
    return side_by_side(g, dx, calr_algebra_times(g, 1, q, false, dv, false));
}

static calr_status qr_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    calr_algebra g;
    part parts[2];
    sizes s = sizes_of(call);
    qr_parts(&s, parts);
    if (s.linalg.full && s.linalg.m > s.linalg.n)
        return calr_error(CALR_EINVAL,
                          "mode \"complete\" has a gradient for matrices of no more rows "
                          "than columns only; use \"reduced\"");
    calr_algebra_open(&g, s.linalg.count);
    factors f = read_factors(call, &g, &s, dy, parts, 2);
    calr_batch q = f.value[0], r = f.value[1], da;
    if (s.linalg.m >= s.linalg.n) {
        da = tall_qr_gradient(&g, q, r, f.gradient[0], f.gradient[1]);
    } else {
        calr_batch a = calr_algebra_times(&g, 1, q, false, r, false);
        da = wide_qr_gradient(&g, a, q, r, f.gradient[0], f.gradient[1]);
    }
    return write_gradient(call, &g, da, dx);
}

static const calr_op op_qr = {.name = "qr",
                              .attribute_bytes = sizeof(settings),
                              .check = qr_check,
                              .forward = qr_forward,
                              .backward = qr_backward};

calr_status calr_op_qr(calr_tensor *x, bool complete, calr_tensor **q, calr_tensor **r)
{
    settings t = {.full = complete};
    part parts[2] = {{0, 0}};
    calr_tensor *out[2];
    if (x->ndim >= 2) {
        sizes all = tensor_sizes(x, complete);
        qr_parts(&all, parts);
    }
    CALR_TRY(apply(&op_qr, x, &t, parts, 2, out));
    *q = out[0], *r = out[1];
    return CALR_OK;
}

/* ---- cholesky ---- */

static calr_status cholesky_check(calr_op_call *call)
{
    CALR_TRY(calr_linalg_expect(call, 0, "x", true));
    calr_op_out_like(call, 0);
    return CALR_OK;
}

static calr_status cholesky_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *backend;
    sizes s = sizes_of(call);
    CALR_TRY(calr_backend_get(&backend));
    CALR_TRY(backend->cholesky(&s.linalg, calr_tensor_data(call->in[0]), calr_tensor_data(*y)));
    return calr_op_save(call, "the factor", *y);
}

/* da = l^-T mirror(lower triangle of l^T dl) l^-1 / 2, symmetric */
static calr_status cholesky_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    calr_algebra g;
    sizes s = sizes_of(call);
    const calr_tensor *y = calr_op_saved(call, 0);
    calr_algebra_open(&g, s.linalg.count);
    calr_batch l = calr_algebra_read(&g, y->dtype, calr_tensor_data(y), s.k, s.k),
               dl = calr_algebra_read(&g, dy->dtype, calr_tensor_data(dy), s.k, s.k);
    /* the transpose of l^T dl, mirrored by its upper triangle */
    calr_batch inner = calr_algebra_times(&g, 0.5, dl, true, l, false);
    mirror_upper(&g, inner);
    calr_algebra_triangular(&g, false, true, l, inner);
    calr_batch t = calr_algebra_transpose(&g, inner);
    calr_algebra_triangular(&g, false, true, l, t);
    return write_gradient(call, &g, t, dx);
}

static const calr_op op_cholesky = {.name = "cholesky",
                                    .attribute_bytes = sizeof(settings),
                                    .check = cholesky_check,
                                    .forward = cholesky_forward,
                                    .backward = cholesky_backward};

calr_status calr_op_cholesky(calr_tensor *x, calr_tensor **l)
{
    settings t = {0};
    return calr_op_apply(&op_cholesky, &x, 1, &t, l);
}
