/* Reductions over any dimensions. */
#include <math.h>
#include <string.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "backend/backend.h"

typedef struct reduction {
    calr_reduction op;
    const char *name; /* for messages */
    unsigned dims;    /* a bit for each that is reduced */
    bool keepdim;
    double p;
    calr_tensor **positions; /* of forward: where they go, or NULL */
    bool of_positions; /* the gradient is that of the elements whose positions were asked for */
} reduction;

static bool is_reduced(const reduction *r, int d)
{
    return r->dims >> d & 1;
}

/* ---- how x lies for the kernel ---- */

/* The order of dimensions in which x is outer x n x inner. */
typedef struct layout {
    int order[CALR_MAX_DIMS];
    bool straight; /* it is that of x */
    int64_t outer, n, inner;
} layout;

/* Whether the reduced dimensions are neighbours in this order; those of length 1 do not count. */
static bool split(const reduction *r, const int64_t *shape, int ndim, layout *l)
{
    bool left = false; /* the reduced dimensions, for those of inner */
    l->outer = l->n = l->inner = 1;
    for (int i = 0; i < ndim; i++) {
        int d = l->order[i];
        if (is_reduced(r, d)) {
            if (left && shape[d] != 1)
                return false;
            l->n *= shape[d];
        } else {
            left = left || (l->n != 1 && shape[d] != 1);
            *(left ? &l->inner : &l->outer) *= shape[d];
        }
    }
    return true;
}

/* Dimensions by falling strides: how a transposed tensor lies in memory. False where that is no order for an output:
 * there are gaps or repetitions, or the dimensions that stay would change places. */
static bool order_of_memory(const reduction *r, const calr_tensor *x, layout *l)
{
    for (int i = 1; i < x->ndim; i++) {
        int d = l->order[i], at = i;
        for (; at > 0 && x->stride[l->order[at - 1]] < x->stride[d]; at--)
            l->order[at] = l->order[at - 1];
        l->order[at] = d;
    }
    int64_t step = 1;
    int later = CALR_MAX_DIMS;
    for (int i = x->ndim - 1; i >= 0; i--) {
        int d = l->order[i];
        if (x->shape[d] != 1 && x->stride[d] != step)
            return false;
        step *= x->shape[d];
        if (is_reduced(r, d))
            continue;
        if (d > later)
            return false;
        later = d;
    }
    return true;
}

static void lay_out(const reduction *r, const calr_tensor *x, layout *l)
{
    for (int d = 0; d < x->ndim; d++)
        l->order[d] = d;
    l->straight = true;
    /* Positions among several dimensions are those in the order of x. */
    bool in_order = r->of_positions && (r->dims & (r->dims - 1)) != 0;
    if (!in_order && !calr_tensor_is_contiguous(x)) {
        l->straight = false;
        if (order_of_memory(r, x, l) && split(r, x->shape, x->ndim, l))
            return;
        for (int d = 0; d < x->ndim; d++)
            l->order[d] = d;
        l->straight = true;
    }
    if (split(r, x->shape, x->ndim, l))
        return;
    /* Those that stay first, then the reduced ones. */
    l->straight = false;
    int count = 0;
    for (int reduced = 0; reduced < 2; reduced++)
        for (int d = 0; d < x->ndim; d++)
            if (is_reduced(r, d) == reduced)
                l->order[count++] = d;
    split(r, x->shape, x->ndim, l);
}

/* x in that order, contiguous. */
static calr_status arrange(const layout *l, const calr_tensor *x, calr_tensor **out)
{
    if (l->straight)
        return calr_tensor_contiguous(x, out);
    calr_tensor *view;
    CALR_TRY(calr_tensor_permute(x, l->order, &view));
    calr_status status = calr_tensor_contiguous(view, out);
    calr_tensor_release(view);
    return status;
}

static calr_reduce sizes_of(const reduction *r, calr_dtype dtype, const layout *l)
{
    return (calr_reduce){
        .op = r->op, .dtype = dtype, .outer = l->outer, .n = l->n, .inner = l->inner, .p = r->p};
}

/* ---- check, forward ---- */

static calr_dtype type_of_result(calr_reduction op, calr_dtype x)
{
    switch (op) {
    case CALR_REDUCE_SUM:
    case CALR_REDUCE_PROD:
        return calr_dtype_is_float(x) ? x : CALR_I64;
    case CALR_REDUCE_COUNT:
        return CALR_I64;
    case CALR_REDUCE_ANY:
    case CALR_REDUCE_ALL:
        return CALR_BOOL;
    default:
        return x;
    }
}

/* What cannot be done with no items, in words. */
static const char *lacking(const reduction *r)
{
    switch (r->op) {
    case CALR_REDUCE_MEAN:
        return "take the mean of";
    case CALR_REDUCE_MAX:
        return "find the largest of";
    case CALR_REDUCE_MIN:
        return "find the smallest of";
    case CALR_REDUCE_NORM:
        return r->p < 0 || isinf(r->p) ? "take this norm of" : NULL;
    default:
        return NULL;
    }
}

static calr_status check(calr_op_call *call)
{
    const reduction *r = call->attributes;
    const calr_op_shape *x = &call->shape[0];
    char text[CALR_TENSOR_TEXT];
    int64_t n = 1, shape[CALR_MAX_DIMS];
    int ndim = 0;
    for (int d = 0; d < x->ndim; d++) {
        n *= is_reduced(r, d) ? x->shape[d] : 1;
        if (!is_reduced(r, d) || r->keepdim)
            shape[ndim++] = is_reduced(r, d) ? 1 : x->shape[d];
    }
    if (n == 0 && lacking(r))
        return calr_error(CALR_EINVAL, "%s has no items to %s", calr_op_describe(x, text),
                          lacking(r));
    calr_op_out(call, ndim, shape);
    call->out.dtype = type_of_result(r->op, x->dtype);
    return CALR_OK;
}

static bool has_expanded_gradient(calr_reduction op)
{
    return op == CALR_REDUCE_SUM || op == CALR_REDUCE_MEAN;
}

/* Extremes are the same in any order, so that dimensions may go one after the other. */
static bool goes_in_runs(const reduction *r, const calr_tensor *x)
{
    return (r->op == CALR_REDUCE_MAX || r->op == CALR_REDUCE_MIN) && !r->of_positions &&
           calr_tensor_is_contiguous(x);
}

/* Reduces the last run of neighbouring dimensions that are not of length 1 yet. */
static calr_status reduce_last_run(const reduction *r, const calr_backend *k, calr_tensor **x)
{
    calr_tensor *y, *before = *x;
    layout l = {.outer = 1, .n = 1, .inner = 1};
    int64_t shape[CALR_MAX_DIMS];
    int d = before->ndim - 1;
    memcpy(shape, before->shape, sizeof shape);
    for (; d >= 0 && (!is_reduced(r, d) || shape[d] == 1); d--)
        l.inner *= shape[d];
    for (; d >= 0 && (is_reduced(r, d) || shape[d] == 1); d--) {
        l.n *= shape[d];
        shape[d] = 1;
    }
    for (; d >= 0; d--)
        l.outer *= shape[d];
    CALR_TRY(calr_tensor_new(before->dtype, before->ndim, shape, &y));
    calr_reduce sizes = sizes_of(r, before->dtype, &l);
    calr_status status = k->reduce(&sizes, calr_tensor_data(before), calr_tensor_data(y), NULL);
    if (status != CALR_OK) {
        calr_tensor_release(y);
        return status;
    }
    calr_tensor_release(before);
    *x = y;
    return CALR_OK;
}

/* x in an order that the kernel takes; or, of extremes, a part of the way to the result. */
static calr_status prepare(const reduction *r, const calr_backend *k, const calr_tensor *given,
                           layout *l, calr_tensor **out)
{
    calr_tensor *x = calr_tensor_retain((calr_tensor *)given);
    calr_status status = CALR_OK;
    lay_out(r, x, l);
    while (status == CALR_OK && !l->straight && goes_in_runs(r, x)) {
        status = reduce_last_run(r, k, &x);
        if (status == CALR_OK)
            lay_out(r, x, l);
    }
    if (status == CALR_OK)
        status = arrange(l, x, out);
    calr_tensor_release(x);
    return status;
}

static calr_status reduce(calr_op_call *call, calr_tensor *y, calr_tensor *positions)
{
    const reduction *r = call->attributes;
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    calr_tensor *x;
    layout l;
    CALR_TRY(prepare(r, k, call->in[0], &l, &x));
    calr_reduce sizes = sizes_of(r, x->dtype, &l);
    calr_status status = k->reduce(&sizes, calr_tensor_data(x), calr_tensor_data(y),
                                   positions ? calr_tensor_i64(positions) : NULL);
    calr_tensor_release(x);
    return status;
}

static calr_status forward(calr_op_call *call, calr_tensor **y)
{
    const reduction *r = call->attributes;
    if (has_expanded_gradient(r->op))
        return reduce(call, *y, NULL);
    calr_tensor *positions = NULL;
    if (r->of_positions)
        CALR_TRY(calr_tensor_new(CALR_I64, call->out.ndim, call->out.shape, &positions));
    calr_status status = reduce(call, *y, positions);
    if (status == CALR_OK && r->of_positions)
        status = calr_op_save(call, "positions", positions);
    if (status == CALR_OK && !r->of_positions)
        status = calr_op_save(call, "x", call->in[0]);
    if (status == CALR_OK && !r->of_positions)
        status = calr_op_save(call, "its output", *y);
    if (status == CALR_OK && r->of_positions)
        *r->positions = positions;
    else
        calr_tensor_release(positions);
    return status;
}

/* ---- backward ---- */

/* dy times 1 / n, for a mean of n. */
static calr_status divide(calr_tensor **dy, int64_t n)
{
    calr_tensor *part;
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_tensor_like(*dy, &part));
    double share = part->dtype == CALR_F64 ? 1 / (double)n : (double)(1 / (float)n);
    k->scale(part->dtype, calr_tensor_numel(part), share, calr_tensor_data(*dy),
             calr_tensor_data(part));
    calr_tensor_release(*dy);
    *dy = part;
    return CALR_OK;
}

/* A view that repeats dy: nothing is written. */
static calr_status expand(const reduction *r, const calr_op_shape *x, calr_tensor *dy,
                          calr_tensor **dx)
{
    int64_t n = 1, shape[CALR_MAX_DIMS];
    for (int d = 0; d < x->ndim; d++) {
        shape[d] = is_reduced(r, d) ? 1 : x->shape[d];
        n *= is_reduced(r, d) ? x->shape[d] : 1;
    }
    calr_tensor *small, *kept;
    CALR_TRY(calr_tensor_contiguous(dy, &small));
    calr_status status = r->op == CALR_REDUCE_MEAN && n > 1 ? divide(&small, n) : CALR_OK;
    if (status == CALR_OK)
        status = calr_tensor_reshape(small, x->ndim, shape, &kept);
    calr_tensor_release(small);
    CALR_TRY(status);
    status = calr_tensor_expand(kept, x->ndim, x->shape, dx);
    calr_tensor_release(kept);
    return status;
}

/* The gradient in the order that the kernel sees, as one in that of x. */
static calr_status give_back(const layout *l, calr_tensor *arranged, calr_tensor **dx)
{
    if (l->straight) {
        *dx = calr_tensor_retain(arranged);
        return CALR_OK;
    }
    int back[CALR_MAX_DIMS];
    for (int i = 0; i < arranged->ndim; i++)
        back[l->order[i]] = i;
    return calr_tensor_permute(arranged, back, dx);
}

/* dx of the elements whose positions were asked for; x was one dimension's, and in order. */
static calr_status backward_by_positions(const calr_op_call *call, const calr_tensor *dy,
                                         calr_tensor **dx)
{
    const reduction *r = call->attributes;
    const calr_backend *k;
    layout l = {.straight = true};
    for (int d = 0; d < call->shape[0].ndim; d++)
        l.order[d] = d;
    split(r, call->shape[0].shape, call->shape[0].ndim, &l);
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_op_gradient(call, 0, dx));
    calr_reduce sizes = sizes_of(r, dy->dtype, &l);
    return k->reduce_backward(&sizes, NULL, NULL, calr_tensor_i64(calr_op_saved(call, 0)),
                              calr_tensor_data(dy), calr_tensor_data(dx[0]));
}

static calr_status backward_by_elements(const calr_op_call *call, const calr_tensor *dy,
                                        calr_tensor **dx)
{
    const reduction *r = call->attributes;
    const calr_backend *k;
    calr_tensor *saved = calr_op_saved(call, 0), *x, *arranged = NULL;
    layout l;
    CALR_TRY(calr_backend_get(&k));
    lay_out(r, saved, &l);
    CALR_TRY(arrange(&l, saved, &x));
    calr_reduce sizes = sizes_of(r, x->dtype, &l);
    calr_status status = calr_tensor_like(x, &arranged);
    if (status == CALR_OK)
        status = k->reduce_backward(&sizes, calr_tensor_data(x),
                                    calr_tensor_data(calr_op_saved(call, 1)), NULL,
                                    calr_tensor_data(dy), calr_tensor_data(arranged));
    if (status == CALR_OK)
        status = give_back(&l, arranged, &dx[0]);
    calr_tensor_release(arranged);
    calr_tensor_release(x);
    return status;
}

static calr_status backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const reduction *r = call->attributes;
    calr_tensor *straight;
    if (has_expanded_gradient(r->op))
        return expand(r, &call->shape[0], dy, &dx[0]);
    CALR_TRY(calr_tensor_contiguous(dy, &straight));
    calr_status status = r->of_positions ? backward_by_positions(call, straight, dx)
                                         : backward_by_elements(call, straight, dx);
    calr_tensor_release(straight);
    return status;
}

/* ---- the operation ---- */

static const char *title(const void *attributes)
{
    return ((const reduction *)attributes)->name;
}

#define REDUCTION(number, word, way_back)                                                          \
    [number] = {.name = word,                                                                      \
                .attribute_bytes = sizeof(reduction),                                              \
                .strided = true,                                                                   \
                .title = title,                                                                    \
                .check = check,                                                                    \
                .forward = forward,                                                                \
                .backward = way_back}

static const calr_op ops[] = {
    REDUCTION(CALR_REDUCE_SUM, "sum", backward),
    REDUCTION(CALR_REDUCE_MEAN, "mean", backward),
    REDUCTION(CALR_REDUCE_PROD, "prod", backward),
    REDUCTION(CALR_REDUCE_MAX, "max", backward),
    REDUCTION(CALR_REDUCE_MIN, "min", backward),
    REDUCTION(CALR_REDUCE_COUNT, "count_nonzero", NULL),
    REDUCTION(CALR_REDUCE_ANY, "any", NULL),
    REDUCTION(CALR_REDUCE_ALL, "all", NULL),
    REDUCTION(CALR_REDUCE_NORM, "norm", backward),
    REDUCTION(CALR_REDUCE_VAR, "var", backward),
    REDUCTION(CALR_REDUCE_STD, "std", backward),
    REDUCTION(CALR_REDUCE_LOGSUMEXP, "logsumexp", backward),
};

/* The type in which x is reduced: its own where there are kernels for it. */
static calr_dtype working_type(calr_reduction op, calr_dtype x)
{
    if (calr_reduce_takes(op, x))
        return x;
    if (x == CALR_BF16)
        return CALR_F32;
    return calr_reduce_takes(op, CALR_I64) ? CALR_I64 : CALR_F64;
}

/* The type of what a reduction in another type is turned into. */
static calr_dtype type_of_answer(const reduction *r, calr_dtype x)
{
    bool whole = calr_reduce_takes(r->op, CALR_I64);
    return whole || calr_dtype_is_float(x) ? type_of_result(r->op, x) : CALR_F32;
}

/* By way of a wider type. */
static calr_status reduce_wide(reduction *r, calr_tensor *x, calr_dtype wide, calr_tensor **y)
{
    calr_tensor *widened, *result;
    CALR_TRY(calr_op_cast(x, wide, &widened));
    calr_status status = calr_op_apply(&ops[r->op], &widened, 1, r, &result);
    calr_tensor_release(widened);
    CALR_TRY(status);
    calr_dtype dtype = type_of_answer(r, x->dtype);
    if (result->dtype == dtype) {
        *y = result;
        return CALR_OK;
    }
    status = calr_op_cast(result, dtype, y);
    calr_tensor_release(result);
    if (status != CALR_OK && r->positions) {
        calr_tensor_release(*r->positions);
        *r->positions = NULL;
    }
    return status;
}

calr_status calr_op_reduce(const calr_reduction_request *request, calr_tensor *x, calr_tensor **y,
                           calr_tensor **positions)
{
    char text[CALR_TENSOR_TEXT];
    reduction r = {.op = request->op,
                   .name = request->name,
                   .keepdim = request->keepdim,
                   .p = request->p,
                   .positions = positions,
                   .of_positions = positions != NULL};
    for (int i = 0; i < request->count; i++)
        r.dims |= 1u << request->dims[i];
    if (x->dtype == CALR_F16)
        return calr_error(CALR_EINVAL,
                          "%s: %s is kept, not computed with; convert it: x:to \"f32\"", r.name,
                          calr_tensor_describe(x, text));
    calr_dtype type = working_type(r.op, x->dtype);
    if (type != x->dtype)
        return reduce_wide(&r, x, type, y);
    return calr_op_apply(&ops[r.op], &x, 1, &r, y);
}

static calr_status reduce_one(calr_reduction op, const char *name, calr_tensor *x, int dim,
                              calr_tensor **y)
{
    char text[CALR_TENSOR_TEXT];
    calr_reduction_request request = {.op = op, .name = name};
    if (dim >= x->ndim)
        return calr_error(CALR_EINVAL, "%s: %s has no dimension %d", name,
                          calr_tensor_describe(x, text), dim + 1);
    for (int d = 0; d < x->ndim; d++)
        if (dim < 0 || d == dim)
            request.dims[request.count++] = d;
    return calr_op_reduce(&request, x, y, NULL);
}

calr_status calr_op_sum(calr_tensor *x, int dim, calr_tensor **y)
{
    return reduce_one(CALR_REDUCE_SUM, "sum", x, dim, y);
}
