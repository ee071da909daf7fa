/* Tensors: numbers in memory with a type and a shape.
 *
 * A tensor is a view (type, shape, strides, offset) of a storage; several tensors may share one.
 * Both count their references. Conventions of every function here and above:
 *   - `new` and functions with a last argument `calr_tensor **out` return a reference that the
 *     caller releases; tensors passed in are borrowed;
 *   - on failure *out is untouched;
 *   - images and feature maps are N x H x W x C ("NHWC"), matrices rows x columns, row-major. There
 *     is no other layout for scripts to know; a kernel that needs another reorders for
 *     itself.
 *
 * Reference counts are atomic; the contents are not guarded: one writer at a time. */
#ifndef CALR_TENSOR_TENSOR_H
#define CALR_TENSOR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bf16.h"
#include "base/status.h"

#define CALR_MAX_DIMS    6
#define CALR_TENSOR_TEXT 160 /* room for calr_tensor_describe */

typedef enum calr_dtype {
    CALR_F32,
    CALR_I32,
    CALR_I64,
    CALR_U8,
    CALR_BF16,
    CALR_F64,
    CALR_F16, /* IEEE 754 binary16: kept and converted, not computed with */
    CALR_BOOL /* a byte that is 0 or 1 */
} calr_dtype;

#define CALR_DTYPES 8

size_t calr_dtype_size(calr_dtype dtype);
/* "f32", "i32", "i64", "u8", "bf16", "f64", "f16", "bool". */
const char *calr_dtype_name(calr_dtype dtype);
/* Finds a type by that name; CALR_EINVAL names all of them. */
calr_status calr_dtype_parse(const char *name, calr_dtype *out);
/* f32 and bf16: what the kernels of networks take. */
bool calr_dtype_is_real(calr_dtype dtype);
/* f64, f32, bf16 and f16; the others are integers, and bool. */
bool calr_dtype_is_float(calr_dtype dtype);
/* f64, f32 and bf16: what has gradients. */
bool calr_dtype_has_gradients(calr_dtype dtype);
/* The type of what is computed from both, as PyTorch promotes tensors: bool < u8 < i32 < i64 < bf16, f16 < f32 < f64;
 * bf16 with f16 is f32. */
calr_dtype calr_dtype_promote(calr_dtype a, calr_dtype b);

typedef struct calr_storage calr_storage;

typedef struct calr_tensor {
    calr_storage *storage;
    calr_dtype dtype;
    int ndim; /* 0 .. CALR_MAX_DIMS; 0 is a single number */
    int64_t shape[CALR_MAX_DIMS];
    int64_t stride[CALR_MAX_DIMS]; /* in elements */
    int64_t offset;                /* in elements, from the storage's first byte */
    int64_t refs;                  /* atomic; use retain and release */
    /* What differentiation knows of this tensor. Owned here, understood only by autograd/. */
    void *tape;
    void (*tape_free)(void *tape);
} calr_tensor;

/* Uninitialised contents. Dimensions may be 0. CALR_EINVAL: ndim or a dimension out of range;
 * CALR_ENOMEM: also when the size overflows. */
calr_status calr_tensor_new(calr_dtype dtype, int ndim, const int64_t *shape, calr_tensor **out);
calr_status calr_tensor_zeros(calr_dtype dtype, int ndim, const int64_t *shape, calr_tensor **out);
/* A new tensor of the same shape and type, contiguous, uninitialised. */
calr_status calr_tensor_like(const calr_tensor *tensor, calr_tensor **out);

/* A tensor over memory of the caller's; `free_memory(context)` runs when the last view goes (NULL:
 * never). On failure nothing is freed. */
calr_status calr_tensor_wrap(calr_dtype dtype, int ndim, const int64_t *shape, void *memory,
                             void (*free_memory)(void *context), void *context, calr_tensor **out);

calr_tensor *calr_tensor_retain(calr_tensor *tensor); /* returns its argument */
void calr_tensor_release(calr_tensor *tensor);        /* NULL is allowed */

int64_t calr_tensor_numel(const calr_tensor *tensor);
/* Bytes of the elements of this view (not of the whole storage). */
size_t calr_tensor_bytes(const calr_tensor *tensor);
bool calr_tensor_is_contiguous(const calr_tensor *tensor);
/* Whether this reference is the only way to its memory: no other reference, no other view. */
bool calr_tensor_is_unshared(const calr_tensor *tensor);
bool calr_tensor_same_shape(const calr_tensor *a, const calr_tensor *b);
/* The first element. For a contiguous tensor the others follow in order. */
void *calr_tensor_data(const calr_tensor *tensor);
float *
calr_tensor_f32(const calr_tensor *tensor); /* calr_tensor_data with the type checked by assert */
int32_t *calr_tensor_i32(const calr_tensor *tensor);
int64_t *calr_tensor_i64(const calr_tensor *tensor);
uint8_t *calr_tensor_u8(const calr_tensor *tensor);
double *calr_tensor_f64(const calr_tensor *tensor);
uint8_t *calr_tensor_bool(const calr_tensor *tensor);
calr_bf16 *calr_tensor_bf16(const calr_tensor *tensor);

/* Every write in place must bump the version: it tells the backward pass of autograd/ that what it
 * saved has changed. All views of one storage share the version. */
void calr_tensor_touch(calr_tensor *tensor);
uint64_t calr_tensor_version(const calr_tensor *tensor);

/* "f32[128 x 2048]", "i32[]" for a single number. Returns `text`. */
const char *calr_tensor_describe(const calr_tensor *tensor, char text[CALR_TENSOR_TEXT]);
/* The same for a bare shape. */
const char *calr_shape_describe(calr_dtype dtype, int ndim, const int64_t *shape,
                                char text[CALR_TENSOR_TEXT]);

/* Views: share the storage, keep no tape. */
/* One dimension may be -1: it is found from the others. CALR_EINVAL also for a strided view whose elements are not in
 * the order that the shape needs (a copy would have it). */
calr_status calr_tensor_reshape(const calr_tensor *tensor, int ndim, const int64_t *shape,
                                calr_tensor **out);
/* Whether calr_tensor_reshape to this shape needs no copy; false too where the shape does not fit. */
bool calr_tensor_is_viewable(const calr_tensor *tensor, int ndim, const int64_t *shape);
/* Items start .. start+length-1 of a dimension (0-based). */
calr_status calr_tensor_narrow(const calr_tensor *tensor, int dim, int64_t start, int64_t length,
                               calr_tensor **out);
/* Every step-th item from start on, `length` of them; step >= 1. */
calr_status calr_tensor_slice(const calr_tensor *tensor, int dim, int64_t start, int64_t step,
                              int64_t length, calr_tensor **out);
/* One item of a dimension, which is removed. */
calr_status calr_tensor_select(const calr_tensor *tensor, int dim, int64_t index,
                               calr_tensor **out);
calr_status calr_tensor_transpose(const calr_tensor *tensor, int dim_a, int dim_b,
                                  calr_tensor **out);
/* dims: for each dimension of the view, in order, the one of the tensor; each is named once. */
calr_status calr_tensor_permute(const calr_tensor *tensor, const int *dims, calr_tensor **out);
/* Repeats dimensions of length 1, and puts further ones before the others, by steps of length 0; -1 keeps a length. */
calr_status calr_tensor_expand(const calr_tensor *tensor, int ndim, const int64_t *shape,
                               calr_tensor **out);
/* The items [..., i, ..., i + offset, ...] of dimensions a and b, which are removed; the diagonal is the last
 * dimension, of length 0 where it lies outside. offset < 0: below the main diagonal. */
calr_status calr_tensor_diagonal(const calr_tensor *tensor, int64_t offset, int a, int b,
                                 calr_tensor **out);
/* Windows of `size` items, one every `step` items, of a dimension; the items of a window are a new last dimension. */
calr_status calr_tensor_unfold(const calr_tensor *tensor, int dim, int64_t size, int64_t step,
                               calr_tensor **out);
/* The dimensions marked in `dims` from their ends, by negative strides: to be copied from, no script sees it. */
calr_status calr_tensor_reversed(const calr_tensor *tensor, const bool *dims, calr_tensor **out);
/* Whether two positions of the view are one place in memory: it may be read, not written. */
bool calr_tensor_overlaps(const calr_tensor *tensor);
/* The same view without the tape. */
calr_status calr_tensor_alias(const calr_tensor *tensor, calr_tensor **out);

/* Copies. */
/* A contiguous tensor of its own. */
calr_status calr_tensor_clone(const calr_tensor *tensor, calr_tensor **out);
/* The tensor itself (retained) when contiguous, a clone otherwise. */
calr_status calr_tensor_contiguous(const calr_tensor *tensor, calr_tensor **out);
/* Element by element, same shape; converts between types (to integers by truncation, out of range clamped, NaN to 0; to
 * bf16 and f16 by rounding to the nearest, to even between two; to bool: whether it is not 0). */
calr_status calr_tensor_copy(calr_tensor *to, const calr_tensor *from);
calr_status calr_tensor_cast(const calr_tensor *tensor, calr_dtype dtype, calr_tensor **out);
/* to += from: f32 or f64, the same shape and type, any strides; `to` does not overlap itself. */
calr_status calr_tensor_accumulate(calr_tensor *to, const calr_tensor *from);
calr_status calr_tensor_fill(calr_tensor *tensor, double value);
/* Every element of a contiguous tensor, which is not empty, becomes what the first one is. */
void calr_tensor_fill_with_first(calr_tensor *tensor);

/* One element, converted. `index` holds ndim 0-based positions. */
calr_status calr_tensor_get(const calr_tensor *tensor, const int64_t *index, double *out);
calr_status calr_tensor_set(calr_tensor *tensor, const int64_t *index, double value);

/* CALR_EINVAL "WHAT must be f32[n x d], not i32[3]" unless type and number of dimensions fit and
 * the tensor is contiguous. `form` is the text for the message. */
calr_status calr_tensor_expect(const calr_tensor *tensor, const char *what, calr_dtype dtype,
                               int ndim, const char *form);

#endif
