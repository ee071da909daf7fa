/* Copies, conversions and single elements. */
#include <inttypes.h>
#include <string.h>

#include "base/parallel.h"
#include "tensor/cast.h"
#include "tensor/tensor.h"

typedef struct copy_job {
    const calr_tensor *to, *from;
    int64_t row; /* elements of the last dimension */
} copy_job;

/* Rows are the innermost dimension; the others are counted out of the row number. */
static void copy_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const copy_job *job = context;
    const calr_tensor *to = job->to, *from = job->from;
    int last = to->ndim - 1;
    for (int64_t r = begin; r < end; r++) {
        int64_t rest = r, to_at = 0, from_at = 0;
        for (int d = last - 1; d >= 0; d--) {
            int64_t i = rest % to->shape[d];
            rest /= to->shape[d];
            to_at += i * to->stride[d];
            from_at += i * from->stride[d];
        }
        calr_cast_row((char *)calr_tensor_data(to) + to_at * (int64_t)calr_dtype_size(to->dtype),
                      to->dtype, to->stride[last],
                      (const char *)calr_tensor_data(from) +
                          from_at * (int64_t)calr_dtype_size(from->dtype),
                      from->dtype, from->stride[last], job->row);
    }
}

calr_status calr_tensor_copy(calr_tensor *to, const calr_tensor *from)
{
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    if (!calr_tensor_same_shape(to, from))
        return calr_error(CALR_EINVAL, "cannot copy %s into %s", calr_tensor_describe(from, a),
                          calr_tensor_describe(to, b));
    int64_t numel = calr_tensor_numel(to);
    if (numel == 0)
        return CALR_OK;
    calr_tensor_touch(to);
    if (to->ndim == 0) {
        calr_cast_row(calr_tensor_data(to), to->dtype, 1, calr_tensor_data(from), from->dtype, 1,
                      1);
        return CALR_OK;
    }
    copy_job job = {to, from, to->shape[to->ndim - 1]};
    calr_parallel_for(numel / job.row, 1 + 65536 / job.row, copy_rows, &job);
    return CALR_OK;
}

calr_status calr_tensor_cast(const calr_tensor *tensor, calr_dtype dtype, calr_tensor **out)
{
    calr_tensor *copy;
    CALR_TRY(calr_tensor_new(dtype, tensor->ndim, tensor->shape, &copy));
    calr_status status = calr_tensor_copy(copy, tensor);
    if (status != CALR_OK) {
        calr_tensor_release(copy);
        return status;
    }
    *out = copy;
    return CALR_OK;
}

calr_status calr_tensor_clone(const calr_tensor *tensor, calr_tensor **out)
{
    return calr_tensor_cast(tensor, tensor->dtype, out);
}

calr_status calr_tensor_contiguous(const calr_tensor *tensor, calr_tensor **out)
{
    if (!calr_tensor_is_contiguous(tensor))
        return calr_tensor_clone(tensor, out);
    *out = calr_tensor_retain((calr_tensor *)tensor);
    return CALR_OK;
}

calr_status calr_tensor_fill(calr_tensor *tensor, double value)
{
    calr_tensor *one;
    CALR_TRY(calr_tensor_new(tensor->dtype, 0, NULL, &one));
    calr_cast_store(calr_tensor_data(one), one->dtype, 0, value);
    /* The single number seen in the tensor's shape, every step of length 0. */
    one->ndim = tensor->ndim;
    memcpy(one->shape, tensor->shape, sizeof one->shape);
    calr_status status = calr_tensor_copy(tensor, one);
    calr_tensor_release(one);
    return status;
}

static calr_status element(const calr_tensor *tensor, const int64_t *index, int64_t *at)
{
    char text[CALR_TENSOR_TEXT];
    *at = 0;
    for (int d = 0; d < tensor->ndim; d++) {
        if (index[d] < 0 || index[d] >= tensor->shape[d])
            return calr_error(CALR_EINVAL, "item %" PRId64 " is outside dimension %d of %s",
                              index[d] + 1, d + 1, calr_tensor_describe(tensor, text));
        *at += index[d] * tensor->stride[d];
    }
    return CALR_OK;
}

calr_status calr_tensor_get(const calr_tensor *tensor, const int64_t *index, double *out)
{
    int64_t at;
    CALR_TRY(element(tensor, index, &at));
    *out = calr_cast_load(calr_tensor_data(tensor), tensor->dtype, at);
    return CALR_OK;
}

calr_status calr_tensor_set(calr_tensor *tensor, const int64_t *index, double value)
{
    int64_t at;
    CALR_TRY(element(tensor, index, &at));
    calr_tensor_touch(tensor);
    calr_cast_store(calr_tensor_data(tensor), tensor->dtype, at, value);
    return CALR_OK;
}
