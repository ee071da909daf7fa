/* Products of matrices. */
#include <inttypes.h>
#include <string.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "autograd/ops/broadcast.h"
#include "backend/backend.h"

/* Input i must be there, and f32 or f64, as the first input is. */
static calr_status expect_float(const calr_op_call *call, int i, const char *name, const char *form)
{
    char text[CALR_TENSOR_TEXT];
    const calr_op_shape *shape = &call->shape[i];
    if (!call->in[i] || (shape->dtype != CALR_F32 && shape->dtype != CALR_F64))
        return calr_error(CALR_EINVAL, "%s must be %s (f64 will do too), not %s", name, form,
                          call->in[i] ? calr_op_describe(shape, text) : "absent");
    if (shape->dtype != call->shape[0].dtype)
        return calr_error(CALR_EINVAL, "%s is %s, and the others are %s: convert one with x:to()",
                          name, calr_dtype_name(shape->dtype),
                          calr_dtype_name(call->shape[0].dtype));
    return CALR_OK;
}

/* ---- matmul ---- */

typedef struct product {
    bool a, b; /* whether it is transposed */
    double scale;
} product;

/* An operand's matrices: a vector is a row on the left and a column on the right. */
static int64_t rows_of(const calr_op_shape *x, bool transposed, bool left)
{
    if (x->ndim == 1)
        return left ? 1 : x->shape[0];
    return x->shape[x->ndim - (transposed ? 1 : 2)];
}

static int64_t columns_of(const calr_op_shape *x, bool transposed, bool left)
{
    if (x->ndim == 1)
        return left ? x->shape[0] : 1;
    return x->shape[x->ndim - (transposed ? 2 : 1)];
}

static int grid_dims(const calr_op_shape *x)
{
    return x->ndim > 2 ? x->ndim - 2 : 0;
}

/* Length of the grid's dimension d of `dims` in one of the operands; 1 where it lacks it. */
static int64_t grid_length(const calr_op_shape *x, int dims, int d)
{
    int own = d - (dims - grid_dims(x));
    return own < 0 ? 1 : x->shape[own];
}

static calr_status misfit(const calr_op_call *call)
{
    const product *t = call->attributes;
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    return calr_error(CALR_EINVAL, "%s%s and %s%s do not fit", calr_op_describe(&call->shape[0], a),
                      t->a ? " (transposed)" : "", calr_op_describe(&call->shape[1], b),
                      t->b ? " (transposed)" : "");
}

static calr_status check_operand(const calr_op_call *call, int i, const char *name, bool transposed)
{
    char text[CALR_TENSOR_TEXT];
    CALR_TRY(expect_float(call, i, name, i == 0 ? "f32[... x m x k]" : "f32[... x k x n]"));
    if (call->shape[i].ndim < 1 + transposed)
        return calr_error(
            CALR_EINVAL, "%s is %s: %s", name, calr_op_describe(&call->shape[i], text),
            transposed ? "a transpose needs two dimensions at least"
                       : "a product needs vectors or matrices; multiply by a number with *");
    return CALR_OK;
}

static calr_status matmul_check(calr_op_call *call)
{
    const product *t = call->attributes;
    const calr_op_shape *a = &call->shape[0], *b = &call->shape[1];
    calr_op_shape *out = &call->out;
    CALR_TRY(check_operand(call, 0, "a", t->a));
    CALR_TRY(check_operand(call, 1, "b", t->b));
    if (columns_of(a, t->a, true) != rows_of(b, t->b, false))
        return misfit(call);
    int dims = grid_dims(a) > grid_dims(b) ? grid_dims(a) : grid_dims(b);
    out->dtype = a->dtype;
    for (int d = 0; d < dims; d++) {
        int64_t x = grid_length(a, dims, d), y = grid_length(b, dims, d);
        if (x != y && x != 1 && y != 1)
            return misfit(call);
        out->shape[d] = x == 1 ? y : x;
    }
    out->ndim = dims;
    if (a->ndim > 1)
        out->shape[out->ndim++] = rows_of(a, t->a, true);
    if (b->ndim > 1)
        out->shape[out->ndim++] = columns_of(b, t->b, false);
    return CALR_OK;
}

/* The steps of an operand (0, 1) or of what has the output's shape (2), for a grid of `dims` dimensions. */
static calr_matrices steps(const calr_op_call *call, int which, const int64_t *stride, int dims)
{
    const product *t = call->attributes;
    const calr_op_shape *x = which < 2 ? &call->shape[which] : &call->out;
    bool transposed = which == 0 ? t->a : which == 1 ? t->b : false;
    bool row =
        which == 1 ? x->ndim > 1 : call->shape[0].ndim > 1; /* whether it has this dimension */
    bool column = which == 0 ? x->ndim > 1 : call->shape[1].ndim > 1;
    if (which < 2 && x->ndim == 1)
        row = which == 1, column = which == 0;
    calr_matrices m = {0};
    int at = x->ndim;
    m.column = column ? stride[--at] : 1;
    m.row = row ? stride[--at] : 1;
    if (transposed) {
        int64_t swap = m.row;
        m.row = m.column;
        m.column = swap;
    }
    for (int d = dims; d-- > 0;)
        m.batch[d] = at-- > 0 && (x->shape[at] != 1 || call->out.shape[d] == 1) ? stride[at] : 0;
    return m;
}

static void contiguous_strides(const calr_op_shape *x, int64_t *stride)
{
    int64_t step = 1;
    for (int d = x->ndim; d-- > 0; step *= x->shape[d])
        stride[d] = step;
}

/* A tensor of the call as one factor: itself where its steps suit, or a copy. */
typedef struct factor {
    calr_tensor *tensor; /* owned */
    calr_matrices steps;
    int64_t rows, columns;
} factor;

static calr_status take(const calr_op_call *call, int which, calr_tensor *x, int dims, factor *f)
{
    const product *t = call->attributes;
    const calr_op_shape *a = &call->shape[0], *b = &call->shape[1];
    f->rows = which == 1 ? rows_of(b, t->b, false) : rows_of(a, t->a, true);
    f->columns = which == 0 ? columns_of(a, t->a, true) : columns_of(b, t->b, false);
    f->steps = steps(call, which, x->stride, dims);
    if (calr_matrices_fit(f->rows, f->columns, f->steps.row, f->steps.column)) {
        f->tensor = calr_tensor_retain(x);
        return CALR_OK;
    }
    CALR_TRY(calr_tensor_clone(x, &f->tensor));
    f->steps = steps(call, which, f->tensor->stride, dims);
    return CALR_OK;
}

static factor transposed(factor f)
{
    factor t = f;
    t.rows = f.columns;
    t.columns = f.rows;
    t.steps.row = f.steps.column;
    t.steps.column = f.steps.row;
    return t;
}

/* to = scale a b; `to` is contiguous, with the steps given. */
static calr_status multiply(const calr_op_call *call, int dims, factor a, factor b,
                            calr_matrices to_steps, calr_tensor *to)
{
    const product *t = call->attributes;
    const calr_backend *backend;
    CALR_TRY(calr_backend_get(&backend));
    calr_products p = {.dtype = to->dtype,
                       .m = a.rows,
                       .n = b.columns,
                       .k = a.columns,
                       .alpha = t->scale,
                       .dims = dims,
                       .a = a.steps,
                       .b = b.steps,
                       .c = to_steps};
    memcpy(p.grid, call->out.shape, (size_t)dims * sizeof p.grid[0]);
    return backend->products(&p, calr_tensor_data(a.tensor), calr_tensor_data(b.tensor),
                             calr_tensor_data(to));
}

static int output_grid(const calr_op_call *call)
{
    int a = grid_dims(&call->shape[0]), b = grid_dims(&call->shape[1]);
    return a > b ? a : b;
}

/* A column times a row: nothing is summed, and a product of elements writes what OpenBLAS would set to 0, read and add
 * to. */
static bool is_outer(const calr_op_call *call)
{
    const product *t = call->attributes;
    const calr_op_shape *a = &call->shape[0];
    return a->ndim >= 2 && call->shape[1].ndim >= 2 && t->scale == 1 &&
           columns_of(a, t->a, true) == 1;
}

static calr_status as_it_is_multiplied(const calr_tensor *x, bool transposed, calr_tensor **view)
{
    if (transposed)
        return calr_tensor_transpose(x, x->ndim - 2, x->ndim - 1, view);
    return calr_tensor_alias(x, view);
}

static calr_status multiply_outer(const calr_op_call *call, calr_tensor *y)
{
    const product *t = call->attributes;
    const calr_backend *backend;
    calr_tensor *pair[2] = {0};
    CALR_TRY(calr_backend_get(&backend));
    calr_status status = as_it_is_multiplied(call->in[0], t->a, &pair[0]);
    if (status == CALR_OK)
        status = as_it_is_multiplied(call->in[1], t->b, &pair[1]);
    if (status == CALR_OK) {
        calr_pairing pairing;
        calr_broadcast_pair(&call->out, pair, 2, &pairing);
        status = backend->binary(CALR_MUL, y->dtype, &pairing, calr_tensor_data(pair[0]),
                                 calr_tensor_data(pair[1]), calr_tensor_data(y));
    }
    calr_tensor_release(pair[0]);
    calr_tensor_release(pair[1]);
    return status;
}

static calr_status multiply_matrices(const calr_op_call *call, calr_tensor *y)
{
    int dims = output_grid(call);
    factor a = {0}, b = {0};
    calr_status status = take(call, 0, call->in[0], dims, &a);
    if (status == CALR_OK)
        status = take(call, 1, call->in[1], dims, &b);
    if (status == CALR_OK)
        status = multiply(call, dims, a, b, steps(call, 2, y->stride, dims), y);
    calr_tensor_release(a.tensor);
    calr_tensor_release(b.tensor);
    return status;
}

static calr_status matmul_forward(calr_op_call *call, calr_tensor **y)
{
    CALR_TRY(is_outer(call) ? multiply_outer(call, *y) : multiply_matrices(call, *y));
    CALR_TRY(calr_op_save(call, "a", call->needs[1] ? call->in[0] : NULL));
    return calr_op_save(call, "b", call->needs[0] ? call->in[1] : NULL);
}

/* d op(a) = dy op(b)^T, d op(b) = op(a)^T dy, summed over the dimensions of the grid that an operand repeats. */
static calr_status operand_gradient(calr_op_call *call, int i, int dims, factor dy,
                                    calr_tensor **dx)
{
    int64_t stride[CALR_MAX_DIMS];
    factor other = {0};
    if (!call->needs[i])
        return CALR_OK;
    CALR_TRY(calr_op_gradient(call, i, dx));
    contiguous_strides(&call->shape[i], stride);
    calr_matrices to = steps(call, i, stride, dims);
    CALR_TRY(take(call, 1 - i, calr_op_saved(call, 1 - i), dims, &other));
    calr_status status = i == 0 ? multiply(call, dims, dy, transposed(other), to, dx[i])
                                : multiply(call, dims, transposed(other), dy, to, dx[i]);
    calr_tensor_release(other.tensor);
    return status;
}

static calr_status matmul_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    int dims = output_grid(call);
    factor g = {0};
    CALR_TRY(take(call, 2, dy, dims, &g));
    calr_status status = operand_gradient(call, 0, dims, g, dx);
    if (status == CALR_OK)
        status = operand_gradient(call, 1, dims, g, dx);
    calr_tensor_release(g.tensor);
    return status;
}

static const calr_op op_matmul = {.name = "matmul",
                                  .attribute_bytes = sizeof(product),
                                  .strided = true,
                                  .check = matmul_check,
                                  .forward = matmul_forward,
                                  .backward = matmul_backward};

/* bf16 is widened, and the product rounded once where both are bf16. */
calr_status calr_op_matmul(calr_tensor *a, calr_tensor *b, bool transpose_a, bool transpose_b,
                           double scale, calr_tensor **y)
{
    product t = {transpose_a, transpose_b, scale};
    calr_tensor *in[] = {a, b}, *wide[2] = {0}, *result = NULL;
    bool half = a->dtype == CALR_BF16 && b->dtype == CALR_BF16;
    calr_dtype dtype = half ? CALR_F32 : calr_dtype_promote(a->dtype, b->dtype);
    calr_status status = CALR_OK;
    for (int i = 0; i < 2 && status == CALR_OK; i++)
        if (in[i]->dtype != dtype && calr_dtype_has_gradients(in[i]->dtype)) {
            status = calr_op_cast(in[i], dtype, &wide[i]);
            in[i] = wide[i];
        }
    if (status == CALR_OK)
        status = calr_op_apply(&op_matmul, in, 2, &t, half ? &result : y);
    if (status == CALR_OK && half)
        status = calr_op_cast(result, CALR_BF16, y);
    calr_tensor_release(result);
    calr_tensor_release(wide[0]);
    calr_tensor_release(wide[1]);
    return status;
}

/* ---- linear ---- */

/* w and bias have the type of x, but are f32 where x is bf16. */
static calr_status linear_types(const calr_op_call *call)
{
    bool half = call->in[0] && call->shape[0].dtype == CALR_BF16;
    if (!half)
        CALR_TRY(expect_float(call, 0, "x", "f32[... x in]"));
    for (int i = 1; i < 3; i++) {
        const char *name = i == 1 ? "w" : "bias", *form = i == 1 ? "f32[out x in]" : "f32[out]";
        if (i == 2 && !call->in[i])
            continue;
        CALR_TRY(half ? calr_op_expect(call, i, name, -1, form)
                      : expect_float(call, i, name, form));
    }
    return CALR_OK;
}

static calr_status linear_check(calr_op_call *call)
{
    const calr_op_shape *x = &call->shape[0], *w = &call->shape[1];
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    CALR_TRY(linear_types(call));
    if (x->ndim < 1 || w->ndim != 2)
        return calr_error(CALR_EINVAL, "x must be f32[... x in] and w f32[out x in], not %s and %s",
                          calr_op_describe(x, a), calr_op_describe(w, b));
    if (x->shape[x->ndim - 1] != w->shape[1])
        return calr_error(CALR_EINVAL, "x, %s, and w, %s, differ in their last dimension",
                          calr_op_describe(x, a), calr_op_describe(w, b));
    if (call->in[2]) {
        if (call->shape[2].ndim != 1 || call->shape[2].shape[0] != w->shape[0])
            return calr_error(CALR_EINVAL, "bias must be %s[%" PRId64 "], not %s",
                              calr_dtype_name(w->dtype), w->shape[0],
                              calr_op_describe(&call->shape[2], a));
    }
    call->out = *x;
    call->out.shape[x->ndim - 1] = w->shape[0];
    return CALR_OK;
}

/* x is rows x in, w out x in, y rows x out. */
typedef struct linear {
    const calr_backend *backend;
    calr_dtype dtype;
    int64_t rows, in, out;
} linear;

static calr_status linear_sizes(const calr_op_call *call, linear *l)
{
    const calr_op_shape *x = &call->shape[0], *w = &call->shape[1];
    *l = (linear){.dtype = w->dtype, .rows = 1, .in = w->shape[1], .out = w->shape[0]};
    for (int d = 0; d < x->ndim - 1; d++)
        l->rows *= x->shape[d];
    return calr_backend_get(&l->backend);
}

/* c[m x n] = op(a) op(b), all contiguous; `add`: to c. */
static calr_status contiguous_product(const linear *l, bool transpose_a, bool transpose_b,
                                      int64_t m, int64_t n, int64_t k, const calr_tensor *a,
                                      const calr_tensor *b, bool add, calr_tensor *c)
{
    calr_products p = {.dtype = l->dtype,
                       .m = m,
                       .n = n,
                       .k = k,
                       .alpha = 1,
                       .add = add,
                       .a = {.row = transpose_a ? 1 : k, .column = transpose_a ? m : 1},
                       .b = {.row = transpose_b ? 1 : n, .column = transpose_b ? k : 1},
                       .c = {.row = n, .column = 1}};
    return l->backend->products(&p, calr_tensor_data(a), calr_tensor_data(b), calr_tensor_data(c));
}

static void repeat_row(int64_t rows, size_t bytes, const void *row, char *to)
{
    for (int64_t i = 0; i < rows; i++)
        memcpy(to + (size_t)i * bytes, row, bytes);
}

/* y = x w^T + bias, of f32 or f64. */
static calr_status linear_product(const linear *l, const calr_tensor *x, const calr_tensor *w,
                                  const calr_tensor *bias, calr_tensor *y)
{
    if (bias && l->dtype == CALR_F64)
        repeat_row(l->rows, calr_tensor_bytes(bias), calr_tensor_data(bias), calr_tensor_data(y));
    else if (bias)
        CALR_TRY(
            l->backend->add_row(l->rows, l->out, NULL, calr_tensor_f32(bias), calr_tensor_f32(y)));
    return contiguous_product(l, false, true, l->rows, l->out, l->in, x, w, bias != NULL, y);
}

/* The tensor itself, or bf16 widened. */
static calr_status widened(calr_tensor *x, calr_tensor **out)
{
    if (x->dtype == CALR_BF16)
        return calr_tensor_cast(x, CALR_F32, out);
    *out = calr_tensor_retain(x);
    return CALR_OK;
}

/* The tensor itself, or where it is bf16 an f32 one of its shape, to be rounded into it by finish. */
static calr_status wide_like(calr_tensor *y, calr_tensor **out)
{
    if (y->dtype == CALR_BF16)
        return calr_tensor_new(CALR_F32, y->ndim, y->shape, out);
    *out = calr_tensor_retain(y);
    return CALR_OK;
}

static calr_status finish(calr_status status, calr_tensor *wide, calr_tensor *y)
{
    if (status == CALR_OK && wide != y)
        status = calr_tensor_copy(y, wide);
    calr_tensor_release(wide);
    return status;
}

static calr_status linear_forward(calr_op_call *call, calr_tensor **y)
{
    linear l;
    calr_tensor *x, *wide = NULL;
    CALR_TRY(linear_sizes(call, &l));
    CALR_TRY(widened(call->in[0], &x));
    calr_status status = wide_like(*y, &wide);
    if (status == CALR_OK)
        status = linear_product(&l, x, call->in[1], call->in[2], wide);
    calr_tensor_release(x);
    CALR_TRY(finish(status, wide, *y));
    CALR_TRY(calr_op_save(call, "x", call->needs[1] ? call->in[0] : NULL));
    return calr_op_save(call, "w", call->needs[0] ? call->in[1] : NULL);
}

static void add_rows(int64_t rows, int64_t out, const double *dy, double *to)
{
    memset(to, 0, (size_t)out * sizeof *to);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < out; j++)
            to[j] += dy[i * out + j];
}

static calr_status input_gradient(calr_op_call *call, const linear *l, const calr_tensor *dy,
                                  calr_tensor *dx)
{
    calr_tensor *wide;
    CALR_TRY(wide_like(dx, &wide));
    return finish(contiguous_product(l, false, false, l->rows, l->in, l->out, dy,
                                     calr_op_saved(call, 1), false, wide),
                  wide, dx);
}

static calr_status weight_gradient(calr_op_call *call, const linear *l, const calr_tensor *dy,
                                   calr_tensor *dw)
{
    calr_tensor *x;
    CALR_TRY(widened(calr_op_saved(call, 0), &x));
    calr_status status =
        contiguous_product(l, true, false, l->out, l->in, l->rows, dy, x, false, dw);
    calr_tensor_release(x);
    return status;
}

static calr_status linear_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    linear l;
    calr_tensor *g;
    CALR_TRY(linear_sizes(call, &l));
    for (int i = 0; i < 3; i++)
        CALR_TRY(calr_op_gradient(call, i, dx));
    CALR_TRY(widened(dy, &g));
    calr_status status = call->needs[0] ? input_gradient(call, &l, g, dx[0]) : CALR_OK;
    if (status == CALR_OK && call->needs[1])
        status = weight_gradient(call, &l, g, dx[1]);
    if (status == CALR_OK && call->needs[2] && l.dtype == CALR_F64)
        add_rows(l.rows, l.out, calr_tensor_f64(g), calr_tensor_f64(dx[2]));
    else if (status == CALR_OK && call->needs[2])
        status = l.backend->sum_rows(CALR_F32, l.rows, l.out, calr_tensor_f32(g),
                                     calr_tensor_f32(dx[2]));
    calr_tensor_release(g);
    return status;
}

static const calr_op op_linear = {.name = "linear",
                                  .check = linear_check,
                                  .forward = linear_forward,
                                  .backward = linear_backward};

calr_status calr_op_linear(calr_tensor *x, calr_tensor *w, calr_tensor *bias, calr_tensor **y)
{
    calr_tensor *in[] = {x, w, bias};
    return calr_op_apply(&op_linear, in, 3, NULL, y);
}
