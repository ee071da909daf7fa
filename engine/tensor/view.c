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

calr_status calr_tensor_reshape(const calr_tensor *tensor, int ndim, const int64_t *wanted,
                                calr_tensor **out)
{
    int64_t shape[CALR_MAX_DIMS];
    size_t bytes;
    if (ndim < 0 || ndim > CALR_MAX_DIMS)
        return calr_error(CALR_EINVAL, "a tensor has 0 to %d dimensions, not %d", CALR_MAX_DIMS,
                          ndim);
    CALR_TRY(complete_shape(tensor, ndim, wanted, shape));
    CALR_TRY(calr_shape_check(tensor->dtype, ndim, shape, &bytes));
    if (!calr_tensor_is_contiguous(tensor))
        return calr_error(CALR_EINVAL,
                          "a strided view cannot be reshaped; make it contiguous first");
    calr_tensor *view;
    CALR_TRY(calr_tensor_alias(tensor, &view));
    view->ndim = ndim;
    int64_t step = 1;
    for (int i = ndim - 1; i >= 0; i--) {
        view->shape[i] = shape[i];
        view->stride[i] = step;
        step *= shape[i] ? shape[i] : 1;
    }
    *out = view;
    return CALR_OK;
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

calr_status calr_tensor_select(const calr_tensor *tensor, int dim, int64_t index, calr_tensor **out)
{
    calr_tensor *view;
    CALR_TRY(calr_tensor_narrow(tensor, dim, index, 1, &view));
    size_t after = (size_t)(view->ndim - dim - 1) * sizeof view->shape[0];
    memmove(view->shape + dim, view->shape + dim + 1, after);
    memmove(view->stride + dim, view->stride + dim + 1, after);
    view->ndim--;
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
