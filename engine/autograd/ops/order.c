/* Sorted, the largest, the k-th: operations whose gradient goes back to the positions that they found. */
#include <inttypes.h>

#include "autograd/apply.h"
#include "autograd/ops/numbers.h"
#include "autograd/ops_index.h"

/* The inputs are x and the tensor that positions are written to. */
enum { X, POSITIONS };

typedef enum ordering { SORT, ARGSORT, TOPK, KTHVALUE, MEDIAN } ordering;

typedef struct order {
    ordering what;
    int dim;
    int64_t k;       /* of topk and kthvalue */
    bool descending; /* or the largest */
    bool sorted;
    bool keepdim;
} order;

static const char *title(const void *attributes)
{
    static const char *const names[] = {"sort", "argsort", "topk", "kthvalue", "median"};
    return names[((const order *)attributes)->what];
}

/* The shape of what is found; checks dimension, type and k. */
static calr_status found_shape(const calr_op_shape *x, const order *o, calr_op_shape *found)
{
    char text[CALR_TENSOR_TEXT];
    CALR_TRY(calr_check_dim(x, o->dim));
    if (x->dtype == CALR_F16)
        return calr_error(CALR_EINVAL, "%s is for storage; convert it with x:to \"f32\"",
                          calr_op_describe(x, text));
    int64_t n = x->ndim ? x->shape[o->dim] : 1;
    if (o->what == TOPK && (o->k < 0 || o->k > n))
        return calr_error(CALR_EINVAL,
                          "k is %" PRId64 ", and dimension %d of %s has %" PRId64 " items", o->k,
                          o->dim + 1, calr_op_describe(x, text), n);
    if (o->what == KTHVALUE && (o->k < 1 || o->k > n))
        return calr_error(CALR_EINVAL,
                          "k is %" PRId64 ", and must be 1 to %" PRId64
                          ", the items of dimension %d of %s",
                          o->k, n, o->dim + 1, calr_op_describe(x, text));
    if (o->what == MEDIAN && n == 0)
        return calr_error(CALR_EINVAL, "dimension %d of %s has no items", o->dim + 1,
                          calr_op_describe(x, text));
    *found = *x;
    if (x->ndim == 0 || o->what <= ARGSORT)
        return CALR_OK;
    found->shape[o->dim] = o->what == TOPK ? o->k : 1;
    if (o->what == TOPK || o->keepdim)
        return CALR_OK;
    for (int d = o->dim; d + 1 < x->ndim; d++)
        found->shape[d] = x->shape[d + 1];
    found->ndim--;
    return CALR_OK;
}

static calr_status check(calr_op_call *call)
{
    return found_shape(&call->shape[X], call->attributes, &call->out);
}

static calr_status find(const calr_op_shape *shape, const order *o, const calr_tensor *x,
                        calr_tensor *y, calr_tensor *positions)
{
    const calr_backend *k;
    calr_index_rows r = calr_rows_around(shape, o->dim);
    void *values = y ? calr_tensor_data(y) : NULL;
    int64_t *places = calr_tensor_i64(positions);
    CALR_TRY(calr_backend_get(&k));
    switch (o->what) {
    case SORT:
    case ARGSORT:
        return k->sort(x->dtype, r.outer, r.n, r.inner, o->descending, calr_tensor_data(x), values,
                       places);
    case TOPK:
        return k->top(x->dtype, r.outer, r.n, r.inner, o->k, o->descending, o->sorted,
                      calr_tensor_data(x), values, places);
    default:
        return k->rank(x->dtype, r.outer, r.n, r.inner, o->what == MEDIAN ? (r.n + 1) / 2 : o->k,
                       o->what == MEDIAN, calr_tensor_data(x), values, places);
    }
}

static calr_status forward(calr_op_call *call, calr_tensor **y)
{
    CALR_TRY(find(&call->shape[X], call->attributes, call->in[X], *y, call->in[POSITIONS]));
    return calr_op_save(call, "positions", call->in[POSITIONS]);
}

static calr_status backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    return calr_positions_backward(call, ((const order *)call->attributes)->dim, true, dy, dx);
}

static const calr_op op_order = {.name = "sort",
                                 .attribute_bytes = sizeof(order),
                                 .check = check,
                                 .forward = forward,
                                 .backward = backward,
                                 .title = title};

static calr_status run(calr_tensor *x, const order *o, calr_tensor **y, calr_tensor **positions)
{
    calr_op_shape shape = calr_shape_of(x), found;
    calr_status status = found_shape(&shape, o, &found);
    if (status != CALR_OK)
        return calr_error(status, "%s: %s", title(o), calr_status_message());
    calr_tensor *in[] = {x, NULL};
    CALR_TRY(calr_tensor_new(CALR_I64, found.ndim, found.shape, &in[POSITIONS]));
    if (y) {
        status = calr_op_apply(&op_order, in, 2, o, y);
    } else {
        calr_tensor *even;
        status = calr_tensor_contiguous(x, &even);
        if (status == CALR_OK) {
            status = find(&shape, o, even, NULL, in[POSITIONS]);
            calr_tensor_release(even);
        }
    }
    if (status == CALR_OK)
        *positions = in[POSITIONS];
    else
        calr_tensor_release(in[POSITIONS]);
    return status;
}

calr_status calr_op_sort(calr_tensor *x, int dim, bool descending, calr_tensor **y,
                         calr_tensor **positions)
{
    order o = {.what = y ? SORT : ARGSORT, .dim = dim, .descending = descending};
    return run(x, &o, y, positions);
}

calr_status calr_op_topk(calr_tensor *x, int64_t k, int dim, bool largest, bool sorted,
                         calr_tensor **y, calr_tensor **positions)
{
    order o = {.what = TOPK, .dim = dim, .k = k, .descending = largest, .sorted = sorted};
    return run(x, &o, y, positions);
}

calr_status calr_op_kthvalue(calr_tensor *x, int64_t k, int dim, bool keepdim, calr_tensor **y,
                             calr_tensor **positions)
{
    order o = {.what = KTHVALUE, .dim = dim, .k = k, .keepdim = keepdim};
    return run(x, &o, y, positions);
}

calr_status calr_op_median(calr_tensor *x, int dim, bool keepdim, calr_tensor **y,
                           calr_tensor **positions)
{
    order o = {.what = MEDIAN, .dim = dim, .keepdim = keepdim};
    return run(x, &o, y, positions);
}
