/* Elements by one index for each of the first dimensions: index.c, with one number made of several. */
#include <string.h>

#include "autograd/ops.h"
#include "autograd/ops/broadcast.h"
#include "autograd/ops/numbers.h"
#include "autograd/ops_index.h"
#include "autograd/tape.h"

/* What several indices name together. */
typedef struct picking {
    int count;              /* dimensions that have an index */
    calr_op_shape x, index; /* index: the common shape */
    calr_tensor *numbers;   /* i64, in order; owned */
} picking;

/* Adds one index to the numbers: number = number * length + index. */
static calr_status add_index(picking *p, int d, const calr_tensor *given)
{
    calr_tensor *index, *full = NULL;
    CALR_TRY(calr_numbers_of(given, &index));
    calr_status status = calr_numbers_check(index, &p->x, d);
    if (status == CALR_OK)
        status = calr_broadcast_expand(index, &p->index, &full);
    if (status == CALR_OK) {
        int64_t *number = calr_tensor_i64(p->numbers), length = p->x.shape[d];
        const int64_t *these = calr_tensor_i64(full);
        for (int64_t i = 0, n = calr_tensor_numel(full); i < n; i++)
            number[i] = number[i] * length + these[i];
    }
    calr_tensor_release(full);
    calr_tensor_release(index);
    return status;
}

static calr_status open_picking(const calr_tensor *x, calr_tensor *const *index, int count,
                                picking *p)
{
    char text[CALR_TENSOR_TEXT];
    *p = (picking){.count = count, .x = calr_shape_of(x), .index = {.dtype = CALR_I64}};
    if (count > x->ndim)
        return calr_error(CALR_EINVAL, "%d indices for the %d dimensions of %s", count, x->ndim,
                          calr_tensor_describe(x, text));
    for (int i = 0; i < count; i++) {
        calr_op_shape one = calr_shape_of(index[i]), so_far = p->index;
        CALR_TRY(calr_broadcast_shape(&so_far, &one, &p->index));
    }
    if (p->index.ndim + x->ndim - count > CALR_MAX_DIMS)
        return calr_error(CALR_EINVAL, "a result of %d dimensions; a tensor has at most %d",
                          p->index.ndim + x->ndim - count, CALR_MAX_DIMS);
    CALR_TRY(calr_tensor_zeros(CALR_I64, p->index.ndim, p->index.shape, &p->numbers));
    calr_status status = CALR_OK;
    for (int i = 0; i < count && status == CALR_OK; i++)
        status = add_index(p, i, index[i]);
    /* a list, as index_select and its kin take it */
    p->numbers->shape[0] = calr_tensor_numel(p->numbers);
    p->numbers->stride[0] = 1;
    p->numbers->ndim = 1;
    if (status != CALR_OK)
        calr_tensor_release(p->numbers);
    return status;
}

/* The dimensions of `first` items, and those of x that have no index. */
static int with_rest(const picking *p, int ndim, const int64_t *first, int64_t *shape)
{
    int rest = p->x.ndim - p->count;
    memcpy(shape, first, (size_t)ndim * sizeof *shape);
    memcpy(shape + ndim, p->x.shape + p->count, (size_t)rest * sizeof *shape);
    return ndim + rest;
}

/* x with its first dimensions made one. */
static calr_status flat_first(const picking *p, calr_tensor *x, calr_tensor **flat)
{
    int64_t shape[CALR_MAX_DIMS + 1], items = 1;
    for (int d = 0; d < p->count; d++)
        items *= p->x.shape[d];
    int ndim = with_rest(p, 1, &items, shape);
    return calr_op_reshape(x, ndim, shape, flat);
}

calr_status calr_op_pick(calr_tensor *x, calr_tensor *const *index, int count, calr_tensor **y)
{
    picking p;
    CALR_TRY(open_picking(x, index, count, &p));
    int64_t shape[CALR_MAX_DIMS];
    int ndim = with_rest(&p, p.index.ndim, p.index.shape, shape);
    calr_tensor *flat, *chosen;
    calr_status status = flat_first(&p, x, &flat);
    if (status == CALR_OK) {
        status = calr_op_index_select(flat, 0, p.numbers, &chosen);
        calr_tensor_release(flat);
    }
    if (status == CALR_OK) {
        status = calr_op_reshape(chosen, ndim, shape, y);
        calr_tensor_release(chosen);
    }
    calr_tensor_release(p.numbers);
    return status;
}

/* The source in the shape of what it is written to, a list of items. */
static calr_status spread(const picking *p, calr_tensor *source, calr_tensor **out)
{
    int64_t shape[CALR_MAX_DIMS], count = p->numbers->shape[0];
    int ndim = with_rest(p, p->index.ndim, p->index.shape, shape);
    calr_tensor *full;
    CALR_TRY(calr_op_expand(source, ndim, shape, &full));
    ndim = with_rest(p, 1, &count, shape);
    calr_status status = calr_op_reshape(full, ndim, shape, out);
    calr_tensor_release(full);
    return status;
}

/* In place: into x where its first dimensions are one in memory, into a copy that is copied back elsewhere. */
static calr_status put_in_place(const picking *p, calr_index_put how, calr_tensor *x,
                                calr_tensor *source, calr_tensor **y)
{
    calr_tensor *target, *flat, *same = NULL;
    CALR_TRY(calr_tensor_contiguous(x, &target));
    calr_status status = flat_first(p, target, &flat);
    if (status == CALR_OK) {
        status = calr_op_index_put(how, flat, 0, p->numbers, source, 1, true, &same);
        calr_tensor_release(same);
        calr_tensor_release(flat);
    }
    if (status == CALR_OK && target != x)
        status = calr_tensor_copy(x, target);
    calr_tensor_release(target);
    if (status == CALR_OK)
        *y = calr_tensor_retain(x);
    return status;
}

static calr_status put_copy(const picking *p, calr_index_put how, calr_tensor *x,
                            calr_tensor *source, calr_tensor **y)
{
    calr_tensor *flat, *changed;
    CALR_TRY(flat_first(p, x, &flat));
    calr_status status = calr_op_index_put(how, flat, 0, p->numbers, source, 1, false, &changed);
    calr_tensor_release(flat);
    CALR_TRY(status);
    status = calr_op_reshape(changed, p->x.ndim, p->x.shape, y);
    calr_tensor_release(changed);
    return status;
}

static calr_status check_put(const calr_tensor *x, const calr_tensor *source, bool add,
                             bool in_place)
{
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    calr_op_shape shape = calr_shape_of(x);
    if (in_place)
        CALR_TRY(calr_tape_check_write("", x));
    if (in_place && calr_tape_is_recording() && calr_tape_requires(source))
        return calr_error(CALR_EINVAL, "the gradient of what is written would be lost; write "
                                       "values:detach(), or use index_put");
    if (x->dtype != source->dtype)
        return calr_error(CALR_EINVAL,
                          "x, %s, and values, %s, differ in type; convert one with "
                          "x:to(type)",
                          calr_tensor_describe(x, a), calr_tensor_describe(source, b));
    return add ? calr_check_adds(&shape) : CALR_OK;
}

calr_status calr_op_put(calr_tensor *x, calr_tensor *const *index, int count, calr_tensor *source,
                        bool add, bool in_place, calr_tensor **y)
{
    picking p;
    calr_tensor *items;
    calr_index_put how = add ? CALR_INDEX_ADD : CALR_INDEX_COPY;
    calr_status status = check_put(x, source, add, in_place);
    if (status == CALR_OK)
        status = open_picking(x, index, count, &p);
    if (status != CALR_OK)
        return calr_error(status, "index_put: %s", calr_status_message());
    int depth = calr_tape_paused();
    if (in_place)
        calr_tape_pause();
    status = spread(&p, source, &items);
    if (status == CALR_OK) {
        status = in_place ? put_in_place(&p, how, x, items, y) : put_copy(&p, how, x, items, y);
        calr_tensor_release(items);
    }
    calr_tape_restore(depth);
    calr_tensor_release(p.numbers);
    return status;
}
