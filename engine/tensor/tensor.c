#include "tensor/tensor.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "tensor/storage.h"

static const struct {
    const char *name;
    size_t size;
} dtypes[CALR_DTYPES] = {
    [CALR_F32] = {"f32", 4}, [CALR_I32] = {"i32", 4},   [CALR_I64] = {"i64", 8},
    [CALR_U8] = {"u8", 1},   [CALR_BF16] = {"bf16", 2}, [CALR_F64] = {"f64", 8},
    [CALR_F16] = {"f16", 2}, [CALR_BOOL] = {"bool", 1},
};

size_t calr_dtype_size(calr_dtype dtype)
{
    return dtypes[dtype].size;
}

const char *calr_dtype_name(calr_dtype dtype)
{
    return dtypes[dtype].name;
}

calr_status calr_dtype_parse(const char *name, calr_dtype *out)
{
    for (int i = 0; i < CALR_DTYPES; i++) {
        if (strcmp(name, dtypes[i].name) == 0) {
            *out = (calr_dtype)i;
            return CALR_OK;
        }
    }
    return calr_error(
        CALR_EINVAL,
        "\"%s\" is not an element type; there are f32, f64, bf16, f16, i64, i32, u8 and bool",
        name);
}

bool calr_dtype_is_real(calr_dtype dtype)
{
    return dtype == CALR_F32 || dtype == CALR_BF16;
}

bool calr_dtype_is_float(calr_dtype dtype)
{
    return calr_dtype_is_real(dtype) || dtype == CALR_F64 || dtype == CALR_F16;
}

bool calr_dtype_has_gradients(calr_dtype dtype)
{
    return calr_dtype_is_real(dtype) || dtype == CALR_F64;
}

calr_dtype calr_dtype_promote(calr_dtype a, calr_dtype b)
{
    static const int rank[CALR_DTYPES] = {
        [CALR_BOOL] = 0, [CALR_U8] = 1,  [CALR_I32] = 2, [CALR_I64] = 3,
        [CALR_BF16] = 4, [CALR_F16] = 4, [CALR_F32] = 5, [CALR_F64] = 6,
    };
    if (rank[a] == rank[b])
        return a == b ? a : CALR_F32;
    return rank[a] > rank[b] ? a : b;
}

const char *calr_shape_describe(calr_dtype dtype, int ndim, const int64_t *shape,
                                char text[CALR_TENSOR_TEXT])
{
    int used = snprintf(text, CALR_TENSOR_TEXT, "%s[", calr_dtype_name(dtype));
    for (int i = 0; i < ndim && used < CALR_TENSOR_TEXT; i++)
        used += snprintf(text + used, (size_t)(CALR_TENSOR_TEXT - used), "%s%" PRId64,
                         i ? " x " : "", shape[i]);
    if (used < CALR_TENSOR_TEXT)
        snprintf(text + used, (size_t)(CALR_TENSOR_TEXT - used), "]");
    return text;
}

const char *calr_tensor_describe(const calr_tensor *tensor, char text[CALR_TENSOR_TEXT])
{
    return calr_shape_describe(tensor->dtype, tensor->ndim, tensor->shape, text);
}

/* More bytes than an address space holds. A view may have more elements, the same one many times over; but loops over
 * the other dimensions of a shape without elements would take years. */
#define MOST_EMPTY ((size_t)1 << 47)

calr_status calr_shape_check(calr_dtype dtype, int ndim, const int64_t *shape, size_t *bytes)
{
    char text[CALR_TENSOR_TEXT];
    if (ndim < 0 || ndim > CALR_MAX_DIMS)
        return calr_error(CALR_EINVAL, "a tensor has 0 to %d dimensions, not %d", CALR_MAX_DIMS,
                          ndim);
    size_t total = calr_dtype_size(dtype);
    bool empty = false;
    for (int i = 0; i < ndim; i++) {
        if (shape[i] < 0)
            return calr_error(CALR_EINVAL, "dimension %d of %s is negative", i + 1,
                              calr_shape_describe(dtype, ndim, shape, text));
        empty = empty || shape[i] == 0;
        if (shape[i] != 0 && (!calr_size_mul(total, (size_t)shape[i], &total) || total > INT64_MAX))
            return calr_error(CALR_ENOMEM, "%s is more than can be addressed",
                              calr_shape_describe(dtype, ndim, shape, text));
    }
    if (empty && total > MOST_EMPTY)
        return calr_error(CALR_ENOMEM, "%s, were it not empty, is more than can be addressed",
                          calr_shape_describe(dtype, ndim, shape, text));
    *bytes = empty ? 0 : total;
    return CALR_OK;
}

/* A tensor without storage: shape checked, row-major strides. *bytes is what its elements take. */
static calr_status tensor_struct(calr_dtype dtype, int ndim, const int64_t *shape,
                                 calr_tensor **out, size_t *bytes)
{
    if ((int)dtype < 0 || dtype >= CALR_DTYPES)
        return calr_error(CALR_EINVAL, "%d is not an element type", (int)dtype);
    CALR_TRY(calr_shape_check(dtype, ndim, shape, bytes));
    calr_tensor *tensor = calloc(1, sizeof *tensor);
    if (!tensor)
        return calr_error(CALR_ENOMEM, "no memory for a tensor");
    tensor->dtype = dtype;
    tensor->ndim = ndim;
    tensor->refs = 1;
    int64_t step = 1;
    for (int i = ndim - 1; i >= 0; i--) {
        tensor->shape[i] = shape[i];
        tensor->stride[i] = step;
        step *= shape[i] ? shape[i] : 1;
    }
    *out = tensor;
    return CALR_OK;
}

calr_status calr_tensor_new(calr_dtype dtype, int ndim, const int64_t *shape, calr_tensor **out)
{
    calr_tensor *tensor;
    size_t bytes;
    CALR_TRY(tensor_struct(dtype, ndim, shape, &tensor, &bytes));
    calr_status status = calr_storage_new(bytes, &tensor->storage);
    if (status != CALR_OK) {
        free(tensor);
        return status;
    }
    *out = tensor;
    return CALR_OK;
}

calr_status calr_tensor_zeros(calr_dtype dtype, int ndim, const int64_t *shape, calr_tensor **out)
{
    CALR_TRY(calr_tensor_new(dtype, ndim, shape, out));
    memset((*out)->storage->data, 0, (*out)->storage->bytes);
    return CALR_OK;
}

calr_status calr_tensor_like(const calr_tensor *tensor, calr_tensor **out)
{
    return calr_tensor_new(tensor->dtype, tensor->ndim, tensor->shape, out);
}

calr_status calr_tensor_wrap(calr_dtype dtype, int ndim, const int64_t *shape, void *memory,
                             void (*free_memory)(void *context), void *context, calr_tensor **out)
{
    calr_tensor *tensor;
    size_t bytes;
    CALR_TRY(tensor_struct(dtype, ndim, shape, &tensor, &bytes));
    calr_status status = calr_storage_wrap(memory, bytes, free_memory, context, &tensor->storage);
    if (status != CALR_OK) {
        free(tensor);
        return status;
    }
    *out = tensor;
    return CALR_OK;
}

calr_tensor *calr_tensor_retain(calr_tensor *tensor)
{
    __atomic_add_fetch(&tensor->refs, 1, __ATOMIC_RELAXED);
    return tensor;
}

void calr_tensor_release(calr_tensor *tensor)
{
    if (!tensor || __atomic_sub_fetch(&tensor->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (tensor->tape && tensor->tape_free)
        tensor->tape_free(tensor->tape);
    calr_storage_release(tensor->storage);
    free(tensor);
}

int64_t calr_tensor_numel(const calr_tensor *tensor)
{
    int64_t count = 1;
    for (int i = 0; i < tensor->ndim; i++)
        if (tensor->shape[i] == 0)
            return 0;
    for (int i = 0; i < tensor->ndim; i++)
        count *= tensor->shape[i];
    return count;
}

size_t calr_tensor_bytes(const calr_tensor *tensor)
{
    return (size_t)calr_tensor_numel(tensor) * calr_dtype_size(tensor->dtype);
}

bool calr_tensor_is_contiguous(const calr_tensor *tensor)
{
    int64_t step = 1;
    for (int i = 0; i < tensor->ndim; i++)
        if (tensor->shape[i] == 0)
            return true;
    for (int i = tensor->ndim - 1; i >= 0; i--) {
        if (tensor->shape[i] != 1 && tensor->stride[i] != step)
            return false;
        step *= tensor->shape[i];
    }
    return true;
}

bool calr_tensor_is_unshared(const calr_tensor *tensor)
{
    return __atomic_load_n(&tensor->refs, __ATOMIC_ACQUIRE) == 1 &&
           __atomic_load_n(&tensor->storage->refs, __ATOMIC_ACQUIRE) == 1;
}

bool calr_tensor_same_shape(const calr_tensor *a, const calr_tensor *b)
{
    return a->ndim == b->ndim &&
           memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof a->shape[0]) == 0;
}

void *calr_tensor_data(const calr_tensor *tensor)
{
    return (char *)tensor->storage->data + tensor->offset * (int64_t)calr_dtype_size(tensor->dtype);
}

float *calr_tensor_f32(const calr_tensor *tensor)
{
    assert(tensor->dtype == CALR_F32);
    return calr_tensor_data(tensor);
}

int32_t *calr_tensor_i32(const calr_tensor *tensor)
{
    assert(tensor->dtype == CALR_I32);
    return calr_tensor_data(tensor);
}

int64_t *calr_tensor_i64(const calr_tensor *tensor)
{
    assert(tensor->dtype == CALR_I64);
    return calr_tensor_data(tensor);
}

uint8_t *calr_tensor_u8(const calr_tensor *tensor)
{
    assert(tensor->dtype == CALR_U8);
    return calr_tensor_data(tensor);
}

double *calr_tensor_f64(const calr_tensor *tensor)
{
    assert(tensor->dtype == CALR_F64);
    return calr_tensor_data(tensor);
}

uint8_t *calr_tensor_bool(const calr_tensor *tensor)
{
    assert(tensor->dtype == CALR_BOOL);
    return calr_tensor_data(tensor);
}

calr_bf16 *calr_tensor_bf16(const calr_tensor *tensor)
{
    assert(tensor->dtype == CALR_BF16);
    return calr_tensor_data(tensor);
}

void calr_tensor_touch(calr_tensor *tensor)
{
    __atomic_add_fetch(&tensor->storage->version, 1, __ATOMIC_RELAXED);
}

uint64_t calr_tensor_version(const calr_tensor *tensor)
{
    return __atomic_load_n(&tensor->storage->version, __ATOMIC_RELAXED);
}

calr_status calr_tensor_expect(const calr_tensor *tensor, const char *what, calr_dtype dtype,
                               int ndim, const char *form)
{
    char text[CALR_TENSOR_TEXT];
    if (tensor->dtype != dtype || tensor->ndim != ndim)
        return calr_error(CALR_EINVAL, "%s must be %s, not %s", what, form,
                          calr_tensor_describe(tensor, text));
    if (!calr_tensor_is_contiguous(tensor))
        return calr_error(CALR_EINVAL, "%s, %s, is a strided view; pass %s:contiguous()", what,
                          calr_tensor_describe(tensor, text), what);
    return CALR_OK;
}
