/* Views: other shapes over the same storage. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/storage.h"
#include "tensor/tensor.h"

calr_status calr_tensor_alias(const calr_tensor *tensor, calr_tensor **out)
{
    calr_tensor *view = malloc(sizeof *view);
    if (!view)
        return calr_error(CALR_ENOMEM, "no memory for a view");
    *view = *tensor;
    view->refs = 1;
    view->tape = NULL;
    view->tape_free = NULL;
    calr_storage_retain(view->storage);
    *out = view;
    return CALR_OK;
}

/* Fills in the one -1 of a wanted shape. */
static calr_status complete_shape(const calr_tensor *tensor, int ndim, const int64_t *wanted,
                                  int64_t *shape)
{
    char from[CALR_TENSOR_TEXT], to[CALR_TENSOR_TEXT];
    int64_t numel = calr_tensor_numel(tensor), known = 1;
    int open = -1;
    bool fits = true;
    for (int i = 0; i < ndim; i++) {
        shape[i] = wanted[i];
        if (wanted[i] == -1 && open < 0)
            open = i;
        else if (wanted[i] < 0 || __builtin_mul_overflow(known, wanted[i], &known))
            fits = false;
    }
    if (fits && open >= 0) {
        fits = known > 0 && numel % known == 0;
        if (fits)
            shape[open] = numel / known;
    } else if (fits) {
        fits = known == numel;
    }
    if (!fits)
        return calr_error(CALR_EINVAL, "%s cannot be reshaped to %s",
                          calr_tensor_describe(tensor, from),
                          calr_shape_describe(tensor->dtype, ndim, wanted, to));
    return CALR_OK;
}

/* The strides of a view of another shape with as many elements; false where only a copy has them. From the last
 * dimension on, dimensions that lie one behind the other in memory are a block, and blocks are cut anew. */
static bool view_strides(const calr_tensor *tensor, int ndim, const int64_t *shape, int64_t *stride)
{
    if (calr_tensor_is_contiguous(tensor)) {
        int64_t step = 1;
        for (int i = ndim - 1; i >= 0; i--) {
            stride[i] = step;
            step *= shape[i] ? shape[i] : 1;
        }
        return true;
    }
    int to = ndim - 1;
    int64_t step = tensor->stride[tensor->ndim - 1], block = 1, cut = 1;
    for (int from = tensor->ndim - 1; from >= 0; from--) {
        block *= tensor->shape[from];
        if (from > 0 && (tensor->shape[from - 1] == 1 ||
                         tensor->stride[from - 1] == block * step)) /* the block goes on */
            continue;
        while (to >= 0 && (cut < block || shape[to] == 1)) {
            stride[to] = cut * step;
            cut *= shape[to--];
        }
        if (cut != block)
            return false;
        if (from > 0)
            step = tensor->stride[from - 1];
        block = cut = 1;
    }
    return to < 0;
}

bool calr_tensor_is_viewable(const calr_tensor *tensor, int ndim, const int64_t *wanted)
{
    int64_t shape[CALR_MAX_DIMS], stride[CALR_MAX_DIMS];
    return ndim >= 0 && ndim <= CALR_MAX_DIMS &&
           complete_shape(tensor, ndim, wanted, shape) == CALR_OK &&
           view_strides(tensor, ndim, shape, stride);
}

static calr_status alias_as(const calr_tensor *tensor, int ndim, const int64_t *shape,
                            const int64_t *stride, calr_tensor **out)
{
    CALR_TRY(calr_tensor_alias(tensor, out));
    (*out)->ndim = ndim;
    memcpy((*out)->shape, shape, (size_t)ndim * sizeof shape[0]);
    memcpy((*out)->stride, stride, (size_t)ndim * sizeof stride[0]);
    return CALR_OK;
}

calr_status calr_tensor_reshape(const calr_tensor *tensor, int ndim, const int64_t *wanted,
                                calr_tensor **out)
{
    char from[CALR_TENSOR_TEXT], to[CALR_TENSOR_TEXT];
    int64_t shape[CALR_MAX_DIMS], stride[CALR_MAX_DIMS];
    size_t bytes;
    if (ndim < 0 || ndim > CALR_MAX_DIMS)
        return calr_error(CALR_EINVAL, "a tensor has 0 to %d dimensions, not %d", CALR_MAX_DIMS,
                          ndim);
    CALR_TRY(complete_shape(tensor, ndim, wanted, shape));
    CALR_TRY(calr_shape_check(tensor->dtype, ndim, shape, &bytes));
    if (!view_strides(tensor, ndim, shape, stride))
        return calr_error(CALR_EINVAL,
                          "the elements of %s, a strided view, are not in the order of %s: "
                          "x:reshape(...) copies where it must",
                          calr_tensor_describe(tensor, from),
                          calr_shape_describe(tensor->dtype, ndim, shape, to));
    return alias_as(tensor, ndim, shape, stride, out);
}

static calr_status check_dim(const calr_tensor *tensor, int dim)
{
    char text[CALR_TENSOR_TEXT];
    if (dim < 0 || dim >= tensor->ndim)
        return calr_error(CALR_EINVAL, "%s has no dimension %d", calr_tensor_describe(tensor, text),
                          dim + 1);
    return CALR_OK;
}

calr_status calr_tensor_narrow(const calr_tensor *tensor, int dim, int64_t start, int64_t length,
                               calr_tensor **out)
{
    char text[CALR_TENSOR_TEXT];
    CALR_TRY(check_dim(tensor, dim));
    if (start < 0 || length < 0 || start > tensor->shape[dim] ||
        length > tensor->shape[dim] - start)
        return calr_error(CALR_EINVAL,
                          "%" PRId64 " items from number %" PRId64
                          " on are outside dimension %d of %s",
                          length, start + 1, dim + 1, calr_tensor_describe(tensor, text));
    calr_tensor *view;
    CALR_TRY(calr_tensor_alias(tensor, &view));
    view->shape[dim] = length;
    view->offset += start * view->stride[dim];
    *out = view;
    return CALR_OK;
}

calr_status calr_tensor_slice(const calr_tensor *tensor, int dim, int64_t start, int64_t step,
                              int64_t length, calr_tensor **out)
{
    char text[CALR_TENSOR_TEXT];
    CALR_TRY(check_dim(tensor, dim));
    int64_t size = tensor->shape[dim];
    if (start < 0 || length < 0 || step < 1 || start > size ||
        (length > 0 && (length - 1 > (size - start - 1) / step || start == size)))
        return calr_error(CALR_EINVAL,
                          "%" PRId64 " items from number %" PRId64 " on, in steps of %" PRId64
                          ", are outside dimension %d of %s",
                          length, start + 1, step, dim + 1, calr_tensor_describe(tensor, text));
    calr_tensor *view;
    CALR_TRY(calr_tensor_alias(tensor, &view));
    view->shape[dim] = length;
    view->offset += start * view->stride[dim];
    if (length > 1) /* no step is taken otherwise, and it might overflow */
        view->stride[dim] *= step;
    *out = view;
    return CALR_OK;
}

/* Takes a dimension away. */
static void remove_dim(calr_tensor *view, int dim)
{
    size_t after = (size_t)(view->ndim - dim - 1) * sizeof view->shape[0];
    memmove(view->shape + dim, view->shape + dim + 1, after);
    memmove(view->stride + dim, view->stride + dim + 1, after);
    view->ndim--;
}

calr_status calr_tensor_select(const calr_tensor *tensor, int dim, int64_t index, calr_tensor **out)
{
    calr_tensor *view;
    CALR_TRY(calr_tensor_narrow(tensor, dim, index, 1, &view));
    remove_dim(view, dim);
    *out = view;
    return CALR_OK;
}

calr_status calr_tensor_transpose(const calr_tensor *tensor, int a, int b, calr_tensor **out)
{
    CALR_TRY(check_dim(tensor, a));
    CALR_TRY(check_dim(tensor, b));
    calr_tensor *view;
    CALR_TRY(calr_tensor_alias(tensor, &view));
    view->shape[a] = tensor->shape[b];
    view->shape[b] = tensor->shape[a];
    view->stride[a] = tensor->stride[b];
    view->stride[b] = tensor->stride[a];
    *out = view;
    return CALR_OK;
}

calr_status calr_tensor_permute(const calr_tensor *tensor, const int *dims, calr_tensor **out)
{
    bool seen[CALR_MAX_DIMS] = {false};
    for (int d = 0; d < tensor->ndim; d++) {
        CALR_TRY(check_dim(tensor, dims[d]));
        if (seen[dims[d]])
            return calr_error(CALR_EINVAL, "dimension %d is named twice", dims[d] + 1);
        seen[dims[d]] = true;
    }
    calr_tensor *view;
    CALR_TRY(calr_tensor_alias(tensor, &view));
    for (int d = 0; d < tensor->ndim; d++) {
        view->shape[d] = tensor->shape[dims[d]];
        view->stride[d] = tensor->stride[dims[d]];
    }
    *out = view;
    return CALR_OK;
}

calr_status calr_tensor_expand(const calr_tensor *tensor, int ndim, const int64_t *wanted,
                               calr_tensor **out)
{
    char from[CALR_TENSOR_TEXT], to[CALR_TENSOR_TEXT];
    int64_t shape[CALR_MAX_DIMS], stride[CALR_MAX_DIMS];
    size_t bytes;
    int added = ndim - tensor->ndim;
    bool fits = added >= 0 && ndim <= CALR_MAX_DIMS;
    for (int d = 0; fits && d < ndim; d++) {
        int64_t own = d < added ? 1 : tensor->shape[d - added];
        shape[d] = wanted[d] == -1 && d >= added ? own : wanted[d];
        fits = own == 1 || shape[d] == own;
        stride[d] = d < added || (own == 1 && shape[d] != 1) ? 0 : tensor->stride[d - added];
    }
    if (!fits)
        return calr_error(
            CALR_EINVAL,
            "%s cannot be expanded to %s: dimensions are aligned at the last one, and "
            "only those of length 1 are repeated",
            calr_tensor_describe(tensor, from),
            calr_shape_describe(tensor->dtype, ndim, wanted, to));
    CALR_TRY(calr_shape_check(tensor->dtype, ndim, shape, &bytes));
    return alias_as(tensor, ndim, shape, stride, out);
}

/* Puts a dimension behind the others. */
static void append_dim(calr_tensor *view, int64_t length, int64_t stride)
{
    view->shape[view->ndim] = length;
    view->stride[view->ndim++] = stride;
}

calr_status calr_tensor_diagonal(const calr_tensor *tensor, int64_t offset, int a, int b,
                                 calr_tensor **out)
{
    CALR_TRY(check_dim(tensor, a));
    CALR_TRY(check_dim(tensor, b));
    if (a == b)
        return calr_error(CALR_EINVAL, "a diagonal runs along two dimensions, not twice along %d",
                          a + 1);
    /* Above the main diagonal it begins further right, below it further down. */
    int64_t right = offset > 0 ? offset : 0;
    int64_t down = offset >= 0 ? 0 : offset == INT64_MIN ? INT64_MAX : -offset;
    int64_t rows = down < tensor->shape[a] ? tensor->shape[a] - down : 0;
    int64_t columns = right < tensor->shape[b] ? tensor->shape[b] - right : 0;
    int64_t length = rows < columns ? rows : columns;
    calr_tensor *view;
    CALR_TRY(calr_tensor_alias(tensor, &view));
    if (length > 0)
        view->offset += down * view->stride[a] + right * view->stride[b];
    int64_t stride = view->stride[a] + view->stride[b];
    remove_dim(view, a > b ? a : b);
    remove_dim(view, a > b ? b : a);
    append_dim(view, length, stride);
    *out = view;
    return CALR_OK;
}

calr_status calr_tensor_unfold(const calr_tensor *tensor, int dim, int64_t size, int64_t step,
                               calr_tensor **out)
{
    char text[CALR_TENSOR_TEXT];
    CALR_TRY(check_dim(tensor, dim));
    if (tensor->ndim == CALR_MAX_DIMS)
        return calr_error(CALR_EINVAL, "%s has no room for the dimension of the windows",
                          calr_tensor_describe(tensor, text));
    if (size < 0 || size > tensor->shape[dim] || step < 1)
        return calr_error(
            CALR_EINVAL,
            "windows of %" PRId64 " items every %" PRId64
            " do not fit dimension %d of %s: the size is 0 to %" PRId64 ", the step 1 or more",
            size, step, dim + 1, calr_tensor_describe(tensor, text), tensor->shape[dim]);
    int64_t shape[CALR_MAX_DIMS];
    size_t bytes;
    memcpy(shape, tensor->shape, sizeof shape);
    shape[dim] = (tensor->shape[dim] - size) / step + 1;
    shape[tensor->ndim] = size;
    CALR_TRY(calr_shape_check(tensor->dtype, tensor->ndim + 1, shape, &bytes));
    calr_tensor *view;
    CALR_TRY(calr_tensor_alias(tensor, &view));
    append_dim(view, size, view->stride[dim]);
    view->shape[dim] = shape[dim];
    /* A step beyond the end, where there is one window only, could overflow. */
    view->stride[dim] = shape[dim] > 1 ? step * view->stride[dim] : 1;
    *out = view;
    return CALR_OK;
}

calr_status calr_tensor_reversed(const calr_tensor *tensor, const bool *dims, calr_tensor **out)
{
    calr_tensor *view;
    CALR_TRY(calr_tensor_alias(tensor, &view));
    bool empty = calr_tensor_numel(tensor) == 0;
    for (int d = 0; d < view->ndim && !empty; d++) {
        if (!dims[d])
            continue;
        view->offset += (view->shape[d] - 1) * view->stride[d];
        view->stride[d] = -view->stride[d];
    }
    *out = view;
    return CALR_OK;
}

bool calr_tensor_overlaps(const calr_tensor *tensor)
{
    /* Each stride, from the shortest on, must step over all that the shorter ones reach. */
    bool done[CALR_MAX_DIMS] = {false};
    int64_t reach = 0;
    if (calr_tensor_is_contiguous(tensor))
        return false;
    for (;;) {
        int next = -1;
        for (int d = 0; d < tensor->ndim; d++)
            if (!done[d] && tensor->shape[d] > 1 &&
                (next < 0 || tensor->stride[d] < tensor->stride[next]))
                next = d;
        if (next < 0)
            return false;
        if (tensor->stride[next] <= reach)
            return true;
        done[next] = true;
        reach += (tensor->shape[next] - 1) * tensor->stride[next];
    }
}
