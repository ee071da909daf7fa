#include "autograd/ops/broadcast.h"

#include <string.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "backend/backend.h"

calr_status calr_broadcast_shape(const calr_op_shape *a, const calr_op_shape *b, calr_op_shape *out)
{
    char ta[CALR_TENSOR_TEXT], tb[CALR_TENSOR_TEXT];
    int ndim = a->ndim > b->ndim ? a->ndim : b->ndim;
    for (int d = 0; d < ndim; d++) { /* from the last dimension */
        int64_t x = d < a->ndim ? a->shape[a->ndim - 1 - d] : 1;
        int64_t y = d < b->ndim ? b->shape[b->ndim - 1 - d] : 1;
        if (x != y && x != 1 && y != 1)
            return calr_error(CALR_EINVAL, "the shapes of %s and %s do not fit",
                              calr_op_describe(a, ta), calr_op_describe(b, tb));
        out->shape[ndim - 1 - d] = x == 1 ? y : x;
    }
    out->ndim = ndim;
    return CALR_OK;
}

calr_status calr_broadcast_apply(const calr_op *op, calr_tensor *const *operands, int count,
                                 int first, calr_dtype dtype, const void *attributes,
                                 calr_tensor **y)
{
    calr_tensor *in[3], *cast[3] = {NULL, NULL, NULL};
    calr_status status = CALR_OK;
    for (int i = 0; i < count && status == CALR_OK; i++) {
        in[i] = operands[i];
        if (i < first || in[i]->dtype == dtype)
            continue;
        status = calr_op_cast(in[i], dtype, &cast[i]);
        in[i] = cast[i];
    }
    if (status == CALR_OK)
        status = calr_op_apply(op, in, count, attributes, y);
    for (int i = 0; i < count; i++)
        calr_tensor_release(cast[i]);
    return status;
}

/* The step of an operand along dimension d of the result. */
static int64_t step_of(const calr_tensor *x, int ndim, int d)
{
    int own = d - (ndim - x->ndim);
    return own < 0 || x->shape[own] == 1 ? 0 : x->stride[own];
}

void calr_broadcast_pair(const calr_op_shape *out, calr_tensor *const *x, int count,
                         calr_pairing *pairing)
{
    int last = 0; /* dimension of the pairing that is being built, from the innermost outwards */
    int64_t shape[CALR_MAX_DIMS] = {1}, step[CALR_MAX_DIMS][3] = {{0}};
    for (int d = out->ndim - 1; d >= 0; d--) {
        int64_t n = out->shape[d], own[3];
        if (n == 1)
            continue;
        bool joins = true;
        for (int k = 0; k < count; k++) {
            own[k] = step_of(x[k], out->ndim, d);
            joins = joins && own[k] == step[last][k] * shape[last];
        }
        if (shape[last] == 1 && last == 0) {
            joins = false; /* nothing is there yet */
        } else if (!joins) {
            last++;
        }
        if (joins) {
            shape[last] *= n;
            continue;
        }
        shape[last] = n;
        for (int k = 0; k < count; k++)
            step[last][k] = own[k];
    }
    pairing->ndim = last + 1;
    for (int d = 0; d <= last; d++) {
        pairing->shape[d] = shape[last - d];
        for (int k = 0; k < count; k++)
            pairing->step[k][d] = step[last - d][k];
    }
}

static bool has_shape(const calr_tensor *x, const calr_op_shape *to)
{
    return x->ndim == to->ndim &&
           memcmp(x->shape, to->shape, (size_t)to->ndim * sizeof to->shape[0]) == 0;
}

calr_status calr_broadcast_expand(const calr_tensor *x, const calr_op_shape *to, calr_tensor **out)
{
    if (has_shape(x, to)) {
        *out = calr_tensor_retain((calr_tensor *)x);
        return CALR_OK;
    }
    /* A view whose repeated dimensions take no step; copying it writes the repetition out. */
    calr_tensor *view, *full;
    CALR_TRY(calr_tensor_alias(x, &view));
    for (int d = 0; d < to->ndim; d++) {
        int own = d - (to->ndim - x->ndim);
        bool repeated = own < 0 || (x->shape[own] == 1 && to->shape[d] != 1);
        view->shape[d] = to->shape[d];
        view->stride[d] = repeated ? 0 : x->stride[own];
    }
    view->ndim = to->ndim;
    calr_status status = calr_tensor_new(x->dtype, to->ndim, to->shape, &full);
    if (status == CALR_OK) {
        status = calr_tensor_copy(full, view);
        if (status == CALR_OK)
            *out = full;
        else
            calr_tensor_release(full);
    }
    calr_tensor_release(view);
    return status;
}

/* Sums over dimensions first .. last of x: [outer x n x inner] -> the same with length 1 there. */
static calr_status sum_dims(const calr_tensor *x, int first, int last, calr_tensor **out)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    int64_t shape[CALR_MAX_DIMS], outer = 1, n = 1, inner = 1;
    for (int d = 0; d < x->ndim; d++) {
        shape[d] = d >= first && d <= last ? 1 : x->shape[d];
        *(d < first ? &outer : d <= last ? &n : &inner) *= x->shape[d];
    }
    calr_reduce sizes = {CALR_REDUCE_SUM, x->dtype, outer, n, inner, 0};
    calr_tensor *y;
    CALR_TRY(calr_tensor_new(x->dtype, x->ndim, shape, &y));
    calr_status status = k->reduce(&sizes, calr_tensor_data(x), calr_tensor_data(y), NULL);
    if (status == CALR_OK)
        *out = y;
    else
        calr_tensor_release(y);
    return status;
}

static calr_status reduce_half(calr_tensor *x, const calr_op_shape *to, calr_tensor **out)
{
    calr_tensor *wide, *sum;
    CALR_TRY(calr_tensor_cast(x, CALR_F32, &wide));
    calr_status status = calr_broadcast_reduce(wide, to, &sum);
    calr_tensor_release(wide);
    CALR_TRY(status);
    status = calr_tensor_cast(sum, CALR_BF16, out);
    calr_tensor_release(sum);
    return status;
}

calr_status calr_broadcast_reduce(calr_tensor *x, const calr_op_shape *to, calr_tensor **out)
{
    if (!has_shape(x, to) && !calr_tensor_is_contiguous(x)) {
        calr_tensor *straight;
        CALR_TRY(calr_tensor_clone(x, &straight));
        calr_status status = calr_broadcast_reduce(straight, to, out);
        calr_tensor_release(straight);
        return status;
    }
    if (x->dtype == CALR_BF16 && !has_shape(x, to))
        return reduce_half(x, to, out);
    calr_tensor *sum = calr_tensor_retain(x);
    if (!has_shape(x, to)) {
        /* Neighbouring repeated dimensions are summed in one go. */
        int missing = x->ndim - to->ndim;
        for (int d = 0; d < x->ndim; d++) {
            int last = d;
            while (last < x->ndim &&
                   (last < missing || to->shape[last - missing] != x->shape[last]))
                last++;
            if (last-- == d)
                continue;
            calr_tensor *less;
            calr_status status = sum_dims(sum, d, last, &less);
            calr_tensor_release(sum);
            if (status != CALR_OK)
                return status;
            sum = less;
            d = last;
        }
    }
    calr_status status = CALR_OK;
    if (has_shape(sum, to)) {
        *out = sum;
        return CALR_OK;
    }
    status = calr_tensor_reshape(sum, to->ndim, to->shape, out);
    calr_tensor_release(sum);
    return status;
}
