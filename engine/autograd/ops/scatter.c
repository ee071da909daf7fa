/* Elements by an index of their own: gather, take_along_dim, scatter. */
#include <string.h>

#include "autograd/apply.h"
#include "autograd/ops.h"
#include "autograd/ops/numbers.h"
#include "autograd/ops_index.h"
#include "autograd/tape.h"
#include "base/parallel.h"

enum { X, INDEX, SOURCE };

/* Where elements lie: those of the index, of what it points into, and of the other tensor. A single number counts
 * as one item. */
static calr_index_elements elements_of(int dim, const calr_tensor *index,
                                       const calr_tensor *indexed, const calr_tensor *other)
{
    calr_index_elements e = {.ndim = index->ndim, .dim = dim};
    for (int d = 0; d < index->ndim; d++) {
        e.shape[d] = index->shape[d];
        e.index_stride[d] = index->stride[d];
        e.stride[d] = indexed->stride[d];
        e.other_stride[d] = other->ndim ? other->stride[d] : 0;
    }
    if (e.ndim == 0) {
        e.ndim = 1;
        e.shape[0] = e.index_stride[0] = e.stride[0] = e.other_stride[0] = 1;
    }
    return e;
}

static calr_status check(const calr_op_call *call, int dim)
{
    char x[CALR_TENSOR_TEXT], index[CALR_TENSOR_TEXT];
    const calr_op_shape *a = &call->shape[X], *b = &call->shape[INDEX];
    CALR_TRY(calr_check_dim(a, dim));
    bool fits = a->ndim == b->ndim;
    for (int d = 0; d < a->ndim && fits; d++)
        fits = d == dim || b->shape[d] <= a->shape[d];
    if (!fits)
        return calr_error(CALR_EINVAL,
                          "index, %s, must have the dimensions of x, %s, and be no longer than it "
                          "but along dimension %d",
                          calr_op_describe(b, index), calr_op_describe(a, x), dim + 1);
    return calr_numbers_check(call->in[INDEX], a, dim);
}

/* ---- gather ---- */

static calr_status gather_check(calr_op_call *call)
{
    CALR_TRY(check(call, *(const int *)call->attributes));
    calr_op_out_like(call, INDEX);
    call->out.dtype = call->shape[X].dtype;
    return CALR_OK;
}

static calr_status gather_forward(calr_op_call *call, calr_tensor **y)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    const calr_tensor *x = call->in[X], *index = call->in[INDEX];
    calr_index_elements e = elements_of(*(const int *)call->attributes, index, x, *y);
    k->gather(x->dtype, &e, calr_tensor_i64(index), calr_tensor_data(x), calr_tensor_data(*y));
    return calr_op_save(call, "index", call->in[INDEX]);
}

static calr_status add_back(int dim, const calr_tensor *index, const calr_tensor *dy,
                            calr_tensor *sum)
{
    const calr_backend *k;
    CALR_TRY(calr_backend_get(&k));
    calr_index_elements e = elements_of(dim, index, sum, dy);
    k->scatter(sum->dtype, true, &e, calr_tensor_i64(index), calr_tensor_data(dy),
               calr_tensor_data(sum));
    return CALR_OK;
}

static calr_status gather_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    calr_tensor *sum, *wide;
    CALR_TRY(calr_wide_zeros(&call->shape[X], &sum));
    calr_status status = calr_widen(dy, &wide);
    if (status == CALR_OK) {
        status = add_back(*(const int *)call->attributes, calr_op_saved(call, 0), wide, sum);
        calr_tensor_release(wide);
    }
    if (status == CALR_OK)
        status = calr_narrow_sum(&sum, call->shape[X].dtype);
    if (status == CALR_OK)
        dx[X] = sum;
    else
        calr_tensor_release(sum);
    return status;
}

static const calr_op op_gather = {.name = "gather",
                                  .attribute_bytes = sizeof(int),
                                  .strided = true,
                                  .check = gather_check,
                                  .forward = gather_forward,
                                  .backward = gather_backward};
static const calr_op op_take_along_dim = {.name = "take_along_dim",
                                          .attribute_bytes = sizeof(int),
                                          .strided = true,
                                          .check = gather_check,
                                          .forward = gather_forward,
                                          .backward = gather_backward};

static calr_status gather(const calr_op *op, calr_tensor *x, int dim, const calr_tensor *index,
                          calr_tensor **y)
{
    calr_tensor *in[] = {x, NULL};
    calr_status status = calr_numbers_of(index, &in[INDEX]);
    if (status != CALR_OK)
        return calr_error(status, "%s: %s", op->name, calr_status_message());
    status = calr_op_apply(op, in, 2, &dim, y);
    calr_tensor_release(in[INDEX]);
    return status;
}

calr_status calr_op_gather(calr_tensor *x, int dim, calr_tensor *index, calr_tensor **y)
{
    return gather(&op_gather, x, dim, index, y);
}

/* The shapes of x and of the index, each repeated to fit the other, except along dim. */
static calr_status common_shapes(const calr_tensor *x, const calr_tensor *index, int dim,
                                 int64_t *x_shape, int64_t *index_shape)
{
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    bool fits = x->ndim == index->ndim && dim >= 0 && dim < x->ndim;
    for (int d = 0; d < x->ndim && fits; d++) {
        int64_t one = x->shape[d], other = index->shape[d];
        fits = d == dim || one == other || one == 1 || other == 1;
        x_shape[d] = d != dim && one == 1 ? other : one;
        index_shape[d] = d != dim && other == 1 ? one : other;
    }
    if (!fits)
        return calr_error(CALR_EINVAL,
                          "take_along_dim: index, %s, must have the dimensions of x, %s, the same "
                          "length or 1 but along dimension %d",
                          calr_tensor_describe(index, a), calr_tensor_describe(x, b), dim + 1);
    return CALR_OK;
}

calr_status calr_op_take_along_dim(calr_tensor *x, calr_tensor *index, int dim, calr_tensor **y)
{
    int64_t x_shape[CALR_MAX_DIMS], index_shape[CALR_MAX_DIMS];
    calr_tensor *x_full, *index_full;
    CALR_TRY(common_shapes(x, index, dim, x_shape, index_shape));
    CALR_TRY(calr_op_expand(x, x->ndim, x_shape, &x_full));
    calr_status status = calr_op_expand(index, index->ndim, index_shape, &index_full);
    if (status == CALR_OK) {
        status = gather(&op_take_along_dim, x_full, dim, index_full, y);
        calr_tensor_release(index_full);
    }
    calr_tensor_release(x_full);
    return status;
}

/* ---- scatter ---- */

typedef struct scattering {
    int dim;
    bool add, in_place;
} scattering;

static const char *scatter_title(const void *attributes)
{
    return ((const scattering *)attributes)->add ? "scatter_add" : "scatter";
}

static calr_status scatter_check(calr_op_call *call)
{
    const scattering *s = call->attributes;
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    const calr_op_shape *x = &call->shape[X], *source = &call->shape[SOURCE],
                        *index = &call->shape[INDEX];
    CALR_TRY(check(call, s->dim));
    if (source->dtype != x->dtype)
        return calr_error(CALR_EINVAL,
                          "x, %s, and source, %s, differ in type; convert one with "
                          "x:to(type)",
                          calr_op_describe(x, a), calr_op_describe(source, b));
    bool fits = source->ndim == 0 || source->ndim == index->ndim;
    for (int d = 0; d < source->ndim && fits; d++)
        fits = index->shape[d] <= source->shape[d];
    if (!fits)
        return calr_error(CALR_EINVAL,
                          "index, %s, is longer than source, %s, which gives a number for each",
                          calr_op_describe(index, a), calr_op_describe(source, b));
    if (s->add)
        CALR_TRY(calr_check_adds(x));
    calr_op_out_like(call, X);
    return CALR_OK;
}

static calr_status scatter_change(const calr_op_call *call, const calr_tensor *source,
                                  calr_tensor *target)
{
    const scattering *s = call->attributes;
    const calr_backend *k;
    const calr_tensor *index = call->in[INDEX];
    CALR_TRY(calr_backend_get(&k));
    calr_index_elements e = elements_of(s->dim, index, target, source);
    k->scatter(target->dtype, s->add, &e, calr_tensor_i64(index), calr_tensor_data(source),
               calr_tensor_data(target));
    return CALR_OK;
}

static calr_status scatter_forward(calr_op_call *call, calr_tensor **y)
{
    const scattering *s = call->attributes;
    CALR_TRY(calr_change_forward(call, (calr_changing){s->in_place, s->add, scatter_change}, y));
    return calr_op_save(call, "index", call->in[INDEX]);
}

/* dy with zeros where the index points. */
static calr_status clear_elements(int dim, const calr_tensor *index, calr_tensor *dy,
                                  calr_tensor **dx)
{
    const calr_backend *k;
    calr_tensor *zero, *copy;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_tensor_zeros(dy->dtype, 0, NULL, &zero));
    calr_status status = calr_tensor_clone(dy, &copy);
    if (status == CALR_OK) {
        calr_index_elements e = elements_of(dim, index, copy, zero);
        k->scatter(dy->dtype, false, &e, calr_tensor_i64(index), calr_tensor_data(zero),
                   calr_tensor_data(copy));
        *dx = copy;
    }
    calr_tensor_release(zero);
    return status;
}

/* Elements whose place was last written by a later one, in lines of `inner` that have one number along the
 * dimension. */
typedef struct losers {
    int64_t length, inner;
    const int32_t *winner;
    size_t size; /* of an element */
    void *d;
} losers;

static void clear_lines(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const losers *l = context;
    uint64_t *d64 = l->d;
    uint32_t *d32 = l->d;
    uint16_t *d16 = l->d;
    for (int64_t line = begin; line < end; line++) {
        const int32_t at = (int32_t)(line % l->length);
        const int64_t first = line * l->inner, last = first + l->inner;
        for (int64_t i = first; i < last && l->size == 8; i++)
            d64[i] = l->winner[i] == at ? d64[i] : 0;
        for (int64_t i = first; i < last && l->size == 4; i++)
            d32[i] = l->winner[i] == at ? d32[i] : 0;
        for (int64_t i = first; i < last && l->size == 2; i++)
            d16[i] = l->winner[i] == at ? d16[i] : 0;
    }
}

/* Of elements that were written over by a later one no gradient is left: each place is asked who wrote it last. */
static calr_status clear_lost(int dim, const calr_tensor *index, const calr_op_shape *x,
                              calr_tensor *d)
{
    const calr_backend *k;
    calr_tensor *last, *order, *winner = NULL;
    int64_t length = index->ndim ? index->shape[dim] : 1;
    CALR_TRY(calr_backend_get(&k));
    if (length > INT32_MAX)
        return calr_error(CALR_EINVAL,
                          "the gradient of scatter counts to %d elements along the "
                          "dimension, fewer than the index has",
                          INT32_MAX);
    CALR_TRY(calr_tensor_new(CALR_I32, x->ndim, x->shape, &last));
    calr_status status = calr_tensor_new(CALR_I32, 1, &length, &order);
    if (status == CALR_OK)
        status = calr_tensor_new(CALR_I32, index->ndim, index->shape, &winner);
    if (status == CALR_OK) {
        int32_t *number = calr_tensor_data(order);
        for (int64_t i = 0; i < length; i++)
            number[i] = (int32_t)i;
        calr_index_elements e = elements_of(dim, index, last, winner);
        memset(e.other_stride, 0, sizeof e.other_stride);
        e.other_stride[dim] = 1;
        k->scatter(CALR_I32, false, &e, calr_tensor_i64(index), number, calr_tensor_data(last));
        e = elements_of(dim, index, last, winner);
        k->gather(CALR_I32, &e, calr_tensor_i64(index), calr_tensor_data(last),
                  calr_tensor_data(winner));
        losers l = {.length = length,
                    .inner = 1,
                    .winner = calr_tensor_data(winner),
                    .size = calr_dtype_size(d->dtype),
                    .d = calr_tensor_data(d)};
        for (int i = dim + 1; i < index->ndim; i++)
            l.inner *= index->shape[i];
        int64_t lines = l.inner > 0 ? calr_tensor_numel(index) / l.inner : 0;
        calr_parallel_for(lines, 1 + 32768 / (1 + l.inner), clear_lines, &l);
    }
    calr_tensor_release(winner);
    calr_tensor_release(order);
    calr_tensor_release(last);
    return status;
}

/* The gradient of the source: dy where the index points, and 0 where the source is longer than the index. */
static calr_status source_gradient(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const scattering *s = call->attributes;
    const calr_op_shape *source = &call->shape[SOURCE];
    const calr_backend *k;
    calr_tensor *index = calr_op_saved(call, 0), *taken;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_tensor_new(dy->dtype, index->ndim, index->shape, &taken));
    calr_index_elements e = elements_of(s->dim, index, dy, taken);
    k->gather(dy->dtype, &e, calr_tensor_i64(index), calr_tensor_data(dy), calr_tensor_data(taken));
    calr_status status = s->add ? CALR_OK : clear_lost(s->dim, index, &call->shape[X], taken);
    calr_tensor *full = NULL, *part = NULL;
    bool same =
        memcmp(source->shape, taken->shape, sizeof *taken->shape * (size_t)taken->ndim) == 0;
    if (status == CALR_OK && same) {
        dx[SOURCE] = taken;
        return CALR_OK;
    }
    if (status == CALR_OK)
        status = calr_tensor_zeros(dy->dtype, source->ndim, source->shape, &full);
    if (status == CALR_OK)
        status = calr_tensor_alias(full, &part);
    if (status == CALR_OK) {
        memcpy(part->shape, taken->shape, sizeof part->shape); /* the corner that was used */
        status = calr_tensor_copy(part, taken);
    }
    calr_tensor_release(part);
    calr_tensor_release(taken);
    if (status == CALR_OK)
        dx[SOURCE] = full;
    else
        calr_tensor_release(full);
    return status;
}

static calr_status scatter_backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const scattering *s = call->attributes;
    if (call->needs[X] && s->add)
        dx[X] = calr_tensor_retain(dy);
    else if (call->needs[X])
        CALR_TRY(clear_elements(s->dim, calr_op_saved(call, 0), dy, &dx[X]));
    return call->needs[SOURCE] ? source_gradient(call, dy, dx) : CALR_OK;
}

static const calr_op op_scatter = {.name = "scatter",
                                   .attribute_bytes = sizeof(scattering),
                                   .strided = true,
                                   .makes_output = true,
                                   .check = scatter_check,
                                   .forward = scatter_forward,
                                   .backward = scatter_backward,
                                   .title = scatter_title};

calr_status calr_op_scatter(calr_tensor *x, int dim, calr_tensor *index, calr_tensor *source,
                            bool add, bool in_place, calr_tensor **y)
{
    scattering s = {dim, add, in_place};
    calr_tensor *in[] = {x, NULL, source};
    if (source->ndim == 0 && calr_tape_is_recording() && calr_tape_requires(source))
        return calr_error(CALR_EINVAL,
                          "%s: a single number is a constant, and has no gradient; "
                          "source:expand(shape) has one",
                          scatter_title(&s));
    calr_status status = calr_numbers_of(index, &in[INDEX]);
    if (status != CALR_OK)
        return calr_error(status, "%s: %s", scatter_title(&s), calr_status_message());
    status = calr_change_apply(&op_scatter, in, 3, &s, in_place, y);
    calr_tensor_release(in[INDEX]);
    return status;
}
