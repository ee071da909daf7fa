/* Elements that a mask names. */
#include <inttypes.h>
#include <string.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "autograd/ops/broadcast.h"
#include "autograd/ops/numbers.h"
#include "autograd/ops_index.h"
#include "base/parallel.h"

enum { X, MASK, SOURCE };

static calr_status check_mask(const calr_tensor *mask, const char *name)
{
    char text[CALR_TENSOR_TEXT];
    if (mask->dtype != CALR_BOOL)
        return calr_error(CALR_EINVAL,
                          "%s: mask must be bool, not %s; x:ne(0) makes one of numbers", name,
                          calr_tensor_describe(mask, text));
    return CALR_OK;
}

/* x and (contiguous) mask in their common shape, new references. */
static calr_status broadcast(calr_tensor *x, const calr_tensor *mask, const char *name,
                             calr_tensor **x_full, calr_tensor **mask_full)
{
    calr_op_shape a = calr_shape_of(x), b = calr_shape_of(mask), common = a;
    calr_status status = calr_broadcast_shape(&a, &b, &common);
    if (status != CALR_OK)
        return calr_error(status, "%s: %s", name, calr_status_message());
    calr_tensor *even;
    CALR_TRY(calr_tensor_contiguous(mask, &even));
    status = calr_broadcast_expand(even, &common, mask_full);
    calr_tensor_release(even);
    CALR_TRY(status);
    if (calr_op_same_shape(&a, &common))
        *x_full = calr_tensor_retain(x);
    else
        status = calr_op_expand(x, common.ndim, common.shape, x_full);
    if (status != CALR_OK)
        calr_tensor_release(*mask_full);
    return status;
}

/* ---- masked_select ---- x and mask have the same shape */

static calr_status select_check(calr_op_call *call)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    int64_t count =
        k->mask_count(calr_op_numel(&call->shape[MASK]), calr_tensor_bool(call->in[MASK]));
    calr_op_out(call, 1, &count);
    call->out.dtype = call->shape[X].dtype;
    return CALR_OK;
}

static calr_status select_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(k->mask_take(calr_dtype_size((*y)->dtype), calr_op_numel(&call->shape[X]),
                          calr_tensor_bool(call->in[MASK]), calr_tensor_data(call->in[X]),
                          calr_tensor_data(*y)));
    return calr_op_save(call, "mask", call->in[MASK]);
}

static calr_status select_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    const calr_op_shape *x = &call->shape[X];
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_tensor_zeros(x->dtype, x->ndim, x->shape, &dx[X]));
    return k->mask_put(calr_dtype_size(x->dtype), calr_op_numel(x),
                       calr_tensor_bool(calr_op_saved(call, 0)), calr_tensor_data(dy),
                       calr_tensor_data(dx[X]));
}

static const calr_op op_masked_select = {.name = "masked_select",
                                         .check = select_check,
                                         .forward = select_forward,
                                         .backward = select_backward};

calr_status calr_op_masked_select(calr_tensor *x, calr_tensor *mask, calr_tensor **y)
{
    calr_tensor *in[2];
    CALR_TRY(check_mask(mask, "masked_select"));
    CALR_TRY(broadcast(x, mask, "masked_select", &in[X], &in[MASK]));
    calr_status status = calr_op_apply(&op_masked_select, in, 2, NULL, y);
    calr_tensor_release(in[X]);
    calr_tensor_release(in[MASK]);
    return status;
}

/* ---- masked_scatter ---- */

static const char *scatter_title(const void *attributes)
{
    (void)attributes;
    return "masked_scatter";
}

static calr_status scatter_check(calr_op_call *call)
{
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    const calr_backend *k;
    const calr_op_shape *x = &call->shape[X], *source = &call->shape[SOURCE];
    CALR_TRY(calr_backend_get(&k));
    if (!calr_op_same_shape(x, &call->shape[MASK]))
        return calr_error(CALR_EINVAL, "mask, %s, does not fit x, %s",
                          calr_op_describe(&call->shape[MASK], a), calr_op_describe(x, b));
    if (x->dtype != source->dtype)
        return calr_error(CALR_EINVAL,
                          "x, %s, and source, %s, differ in type; convert one with "
                          "x:to(type)",
                          calr_op_describe(x, a), calr_op_describe(source, b));
    int64_t count = k->mask_count(calr_op_numel(x), calr_tensor_bool(call->in[MASK]));
    if (calr_op_numel(source) < count)
        return calr_error(CALR_EINVAL,
                          "the mask names %" PRId64 " elements, and source, %s, has only %" PRId64,
                          count, calr_op_describe(source, b), calr_op_numel(source));
    calr_op_out_like(call, X);
    return CALR_OK;
}

static calr_status scatter_change(const calr_op_call *call, const calr_tensor *source,
                                  calr_tensor *target)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    return k->mask_put(calr_dtype_size(target->dtype), calr_tensor_numel(target),
                       calr_tensor_bool(call->in[MASK]), calr_tensor_data(source),
                       calr_tensor_data(target));
}

static calr_status scatter_forward(calr_op_call *call, calr_tensor **y)
{
    bool in_place = *(const bool *)call->attributes;
    CALR_TRY(calr_change_forward(call, (calr_changing){in_place, false, scatter_change}, y));
    return calr_op_save(call, "mask", call->in[MASK]);
}

static calr_status scatter_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_backend *k;
    const calr_op_shape *source = &call->shape[SOURCE];
    const uint8_t *mask = calr_tensor_bool(calr_op_saved(call, 0));
    size_t size = calr_dtype_size(dy->dtype);
    int64_t n = calr_op_numel(&call->shape[X]);
    calr_tensor *even;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_tensor_contiguous(dy, &even));
    calr_status status = CALR_OK;
    if (call->needs[X])
        status = calr_tensor_clone(even, &dx[X]);
    for (int64_t i = 0; status == CALR_OK && call->needs[X] && i < n; i++)
        if (mask[i])
            memset((char *)calr_tensor_data(dx[X]) + (size_t)i * size, 0, size);
    if (status == CALR_OK && call->needs[SOURCE])
        status = calr_tensor_zeros(dy->dtype, source->ndim, source->shape, &dx[SOURCE]);
    if (status == CALR_OK && call->needs[SOURCE])
        status = k->mask_take(size, n, mask, calr_tensor_data(even), calr_tensor_data(dx[SOURCE]));
    calr_tensor_release(even);
    return status;
}

static const calr_op op_masked_scatter = {.name = "masked_scatter",
                                          .attribute_bytes = sizeof(bool),
                                          .strided = true,
                                          .makes_output = true,
                                          .check = scatter_check,
                                          .forward = scatter_forward,
                                          .backward = scatter_backward,
                                          .title = scatter_title};

calr_status calr_op_masked_scatter(calr_tensor *x, calr_tensor *mask, calr_tensor *source,
                                   bool in_place, calr_tensor **y)
{
    calr_tensor *in[3];
    CALR_TRY(check_mask(mask, "masked_scatter"));
    CALR_TRY(broadcast(x, mask, "masked_scatter", &in[X], &in[MASK]));
    in[SOURCE] = source;
    calr_status status = CALR_OK;
    if (in_place && in[X] != x)
        status = calr_error(CALR_EINVAL, "masked_scatter_: the mask has more dimensions than x");
    if (status == CALR_OK)
        status = calr_change_apply(&op_masked_scatter, in, 3, &in_place, in_place, y);
    calr_tensor_release(in[X]);
    calr_tensor_release(in[MASK]);
    return status;
}

/* ---- nonzero ---- */

enum { PLACED_AT_ONCE = 1 << 15 }; /* elements, by one thread */

typedef struct placing {
    int ndim;
    const int64_t *shape, *numbers;
    int64_t *places;
} placing;

/* Ascending numbers of elements, begin to end - 1, as positions in each dimension. Divisions are slow: one for each row
 * of the last dimension, not one for each element. */
static inline void place(const placing *p, int ndim, int64_t begin, int64_t end)
{
    int64_t row[CALR_MAX_DIMS], length = p->shape[ndim - 1], first = -length;
    int64_t *places = p->places + begin * ndim;
    for (int64_t i = begin; i < end; i++, places += ndim) {
        if (p->numbers[i] - first >= length) {
            int64_t number = p->numbers[i] / length;
            first = number * length;
            for (int d = ndim - 2; d >= 0; d--) {
                row[d] = number % p->shape[d];
                number /= p->shape[d];
            }
        }
        for (int d = 0; d < ndim - 1; d++)
            places[d] = row[d];
        places[ndim - 1] = p->numbers[i] - first;
    }
}

/* A loop for each of the usual numbers of dimensions, which the compiler unrolls. */
static void place_some(void *context, int64_t begin, int64_t end, int worker)
{
    const placing *p = context;
    (void)worker;
    if (p->ndim == 2)
        place(p, 2, begin, end);
    else if (p->ndim == 3)
        place(p, 3, begin, end);
    else if (p->ndim == 4)
        place(p, 4, begin, end);
    else
        place(p, p->ndim, begin, end);
}

calr_status calr_op_nonzero(const calr_tensor *x, calr_tensor **y)
{
    const calr_backend *k;
    calr_tensor *mask, *numbers = NULL, *places = NULL;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(x->dtype == CALR_BOOL ? calr_tensor_contiguous(x, &mask)
                                   : calr_tensor_cast(x, CALR_BOOL, &mask));
    int64_t n = calr_tensor_numel(x), count = k->mask_count(n, calr_tensor_bool(mask));
    int64_t shape[2] = {count, x->ndim};
    calr_status status = calr_tensor_new(CALR_I64, 1, &count, &numbers);
    if (status == CALR_OK)
        status = calr_tensor_new(CALR_I64, 2, shape, &places);
    if (status == CALR_OK)
        status = k->mask_find(n, calr_tensor_bool(mask),
                              calr_tensor_i64(x->ndim == 1 ? places : numbers));
    if (status == CALR_OK && x->ndim > 1) {
        placing p = {x->ndim, x->shape, calr_tensor_i64(numbers), calr_tensor_i64(places)};
        calr_parallel_for(count, PLACED_AT_ONCE, place_some, &p);
    }
    calr_tensor_release(numbers);
    calr_tensor_release(mask);
    if (status == CALR_OK)
        *y = places;
    else
        calr_tensor_release(places);
    return status;
}
