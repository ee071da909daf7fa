#include "tensor/make.h"

#include <inttypes.h>
#include <string.h>

#include "base/parallel.h"

/* Numbers in f64, or i64, to be converted where another type is wanted. */
typedef struct progression {
    double start, stop, step;
    int64_t whole_start, whole_step, half, count;
    double *numbers;
    int64_t *whole;
} progression;

static void fill_arange(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const progression *p = context;
    for (int64_t i = begin; i < end; i++)
        p->numbers[i] = p->start + (double)i * p->step;
}

static void fill_whole(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const progression *p = context;
    for (int64_t i = begin; i < end; i++)
        p->whole[i] = p->whole_start + i * p->whole_step;
}

/* From both ends, as PyTorch does: the ends come out exactly. */
static void fill_linspace(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const progression *p = context;
    for (int64_t i = begin; i < end; i++)
        p->numbers[i] = i < p->half ? p->start + (double)i * p->step
                                    : p->stop - (double)(p->count - 1 - i) * p->step;
}

/* Fills a list of `made` numbers and converts it into `dtype`. */
static calr_status make(progression *p, calr_dtype made, calr_parallel_body fill, calr_dtype dtype,
                        calr_tensor **out)
{
    calr_tensor *numbers;
    CALR_TRY(calr_tensor_new(made, 1, &p->count, &numbers));
    p->numbers = calr_tensor_data(numbers);
    p->whole = calr_tensor_data(numbers);
    calr_parallel_for(p->count, 65536, fill, p);
    if (made == dtype) {
        *out = numbers;
        return CALR_OK;
    }
    calr_status status = calr_tensor_cast(numbers, dtype, out);
    calr_tensor_release(numbers);
    return status;
}

calr_status calr_tensor_arange(calr_dtype dtype, double start, double step, int64_t count,
                               calr_tensor **out)
{
    progression p = {.start = start, .step = step, .count = count};
    return make(&p, CALR_F64, fill_arange, dtype, out);
}

calr_status calr_tensor_arange_whole(calr_dtype dtype, int64_t start, int64_t step, int64_t count,
                                     calr_tensor **out)
{
    progression p = {.whole_start = start, .whole_step = step, .count = count};
    return make(&p, CALR_I64, fill_whole, dtype, out);
}

calr_status calr_tensor_linspace(calr_dtype dtype, double start, double stop, int64_t count,
                                 calr_tensor **out)
{
    progression p = {.start = start, .stop = stop, .count = count, .half = count / 2 + count % 2};
    p.step = count > 1 ? stop / (double)(count - 1) - start / (double)(count - 1) : 0;
    return make(&p, CALR_F64, fill_linspace, dtype, out);
}

calr_status calr_tensor_eye(calr_dtype dtype, int64_t rows, int64_t columns, calr_tensor **out)
{
    calr_tensor *eye, *diagonal;
    CALR_TRY(calr_tensor_zeros(dtype, 2, (int64_t[]){rows, columns}, &eye));
    calr_status status = calr_tensor_diagonal(eye, 0, 0, 1, &diagonal);
    if (status == CALR_OK) {
        status = calr_tensor_fill(diagonal, 1);
        calr_tensor_release(diagonal);
    }
    if (status == CALR_OK)
        *out = eye;
    else
        calr_tensor_release(eye);
    return status;
}

/* Sets the ones of bytes, floats, ...: all types have a 1 that is copied. */
static void mark_classes(calr_tensor *y, const int64_t *labels, int64_t count, int64_t classes,
                         const void *one)
{
    size_t size = calr_dtype_size(y->dtype);
    char *to = calr_tensor_data(y);
    for (int64_t i = 0; i < count; i++)
        memcpy(to + (size_t)(i * classes + labels[i]) * size, one, size);
}

static calr_status check_labels(const int64_t *labels, int64_t count, int64_t classes)
{
    for (int64_t i = 0; i < count; i++)
        if (labels[i] < 0 || labels[i] >= classes)
            return calr_error(CALR_EINVAL,
                              "label %" PRId64 " (item %" PRId64 ") is not one of %" PRId64
                              " classes, which are numbered from 0",
                              labels[i], i + 1, classes);
    return CALR_OK;
}

calr_status calr_tensor_one_hot(const calr_tensor *labels, int64_t classes, calr_dtype dtype,
                                calr_tensor **out)
{
    int64_t shape[CALR_MAX_DIMS];
    if (labels->ndim == CALR_MAX_DIMS)
        return calr_error(CALR_EINVAL, "there is no room for the dimension of the classes");
    memcpy(shape, labels->shape, sizeof shape);
    shape[labels->ndim] = classes;
    calr_tensor *numbers, *y = NULL, *one = NULL;
    CALR_TRY(calr_tensor_cast(labels, CALR_I64, &numbers));
    int64_t count = calr_tensor_numel(numbers);
    calr_status status = check_labels(calr_tensor_i64(numbers), count, classes);
    if (status == CALR_OK)
        status = calr_tensor_zeros(dtype, labels->ndim + 1, shape, &y);
    if (status == CALR_OK)
        status = calr_tensor_new(dtype, 0, NULL, &one);
    if (status == CALR_OK)
        status = calr_tensor_fill(one, 1);
    if (status == CALR_OK) {
        mark_classes(y, calr_tensor_i64(numbers), count, classes, calr_tensor_data(one));
        *out = y;
        y = NULL;
    }
    calr_tensor_release(one);
    calr_tensor_release(y);
    calr_tensor_release(numbers);
    return status;
}

calr_status calr_tensor_from_bytes(calr_dtype dtype, int ndim, const int64_t *shape,
                                   const void *bytes, size_t size, calr_tensor **out)
{
    char text[CALR_TENSOR_TEXT];
    calr_tensor *y;
    const unsigned char *from = bytes;
    for (size_t i = 0; dtype == CALR_BOOL && i < size; i++)
        if (from[i] > 1)
            return calr_error(CALR_EINVAL, "byte %zu is %d; a bool is 0 or 1", i + 1, from[i]);
    CALR_TRY(calr_tensor_new(dtype, ndim, shape, &y));
    if (calr_tensor_bytes(y) != size) {
        calr_status status = calr_error(CALR_EINVAL, "%s takes %zu bytes, and there are %zu",
                                        calr_tensor_describe(y, text), calr_tensor_bytes(y), size);
        calr_tensor_release(y);
        return status;
    }
    if (size > 0)
        memcpy(calr_tensor_data(y), bytes, size);
    *out = y;
    return CALR_OK;
}
