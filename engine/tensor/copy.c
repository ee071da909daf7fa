/* Copies, conversions and single elements. */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/clones.h"
#include "base/parallel.h"
#include "tensor/cast.h"
#include "tensor/tensor.h"

/* ---- how two tensors of one shape are walked ---- */

/* Dimensions that can be walked as one are one. Two of them make a plane; the others count the planes. */
typedef struct copy_job {
    void *to;
    const void *from;
    calr_dtype to_dtype, from_dtype;
    int ndim; /* at least 2 */
    int64_t shape[CALR_MAX_DIMS + 2], to_step[CALR_MAX_DIMS + 2], from_step[CALR_MAX_DIMS + 2];
    int64_t strip,
        strips; /* rows of a plane that are copied at a time, and how many times that is */
} copy_job;

static void push_dim(copy_job *job, int64_t length, int64_t to_step, int64_t from_step)
{
    int last = job->ndim - 1;
    if (last >= 0 && job->to_step[last] == to_step * length &&
        job->from_step[last] == from_step * length) {
        job->shape[last] *= length;
        job->to_step[last] = to_step;
        job->from_step[last] = from_step;
        return;
    }
    job->shape[job->ndim] = length;
    job->to_step[job->ndim] = to_step;
    job->from_step[job->ndim++] = from_step;
}

static void swap_dims(copy_job *job, int a, int b)
{
    int64_t *lists[] = {job->shape, job->to_step, job->from_step};
    for (int i = 0; i < 3; i++) {
        int64_t t = lists[i][a];
        lists[i][a] = lists[i][b];
        lists[i][b] = t;
    }
}

/* Elements that a thread copies at a time. */
#define GRAIN 65536

static void plan(copy_job *job, const calr_tensor *to, const calr_tensor *from)
{
    for (int d = 0; d < to->ndim; d++)
        if (to->shape[d] != 1)
            push_dim(job, to->shape[d], to->stride[d], from->stride[d]);
    int columns = job->ndim - 1, rows = job->ndim - 2;
    /* A transposed plane has the rows along which `from` is contiguous. */
    for (int d = 0; columns > 0 && job->from_step[columns] > 1 && d < columns; d++)
        if (job->from_step[d] != 0 && job->from_step[d] < job->from_step[rows])
            rows = d;
    if (columns > 0)
        swap_dims(job, rows, columns - 1);
    while (job->ndim < 2) { /* one row */
        job->shape[job->ndim] = 1;
        job->to_step[job->ndim] = job->from_step[job->ndim] = 0;
        if (job->ndim++ == 1)
            swap_dims(job, 0, 1);
    }
    int64_t n = job->shape[job->ndim - 1], m = job->shape[job->ndim - 2];
    job->strip = GRAIN / n < 1 ? 1 : GRAIN / n < m ? GRAIN / n : m;
    job->strips = (m + job->strip - 1) / job->strip;
}

/* ---- planes ---- m rows of n */

enum { TILE = 16 }; /* a transposed square of it stays in the nearest cache */

#define COPY(bits)                                                                                 \
    static void line_##bits(int64_t n, uint##bits##_t *to, int64_t to_step,                        \
                            const uint##bits##_t *from, int64_t from_step)                         \
    {                                                                                              \
        if (to_step == 1 && from_step == 0)                                                        \
            for (int64_t i = 0; i < n; i++)                                                        \
                to[i] = from[0];                                                                   \
        else if (to_step == 1 && from_step == -1)                                                  \
            for (int64_t i = 0; i < n; i++)                                                        \
                to[i] = *(from - i);                                                               \
        else if (to_step == 1)                                                                     \
            for (int64_t i = 0; i < n; i++)                                                        \
                to[i] = from[i * from_step];                                                       \
        else                                                                                       \
            for (int64_t i = 0; i < n; i++)                                                        \
                to[i * to_step] = from[i * from_step];                                             \
    }                                                                                              \
    static void plane_##bits(int64_t m, int64_t n, uint##bits##_t *to, int64_t to_row,             \
                             int64_t to_column, const uint##bits##_t *from, int64_t from_row,      \
                             int64_t from_column)                                                  \
    {                                                                                              \
        bool apart = from_column > 1 && from_row < from_column;                                    \
        int64_t tile_m = apart ? TILE : m, tile_n = apart ? TILE : n;                              \
        for (int64_t i = 0; i < m; i += tile_m)                                                    \
            for (int64_t j = 0; j < n; j += tile_n) {                                              \
                int64_t rows = m - i < tile_m ? m - i : tile_m;                                    \
                int64_t columns = n - j < tile_n ? n - j : tile_n;                                 \
                uint##bits##_t *y = to + i * to_row + j * to_column;                               \
                const uint##bits##_t *x = from + i * from_row + j * from_column;                   \
                if (columns >= 8 || columns >= rows)                                               \
                    for (int64_t r = 0; r < rows; r++)                                             \
                        line_##bits(columns, y + r * to_row, to_column, x + r * from_row,          \
                                    from_column);                                                  \
                else                                                                               \
                    for (int64_t c = 0; c < columns; c++)                                          \
                        line_##bits(rows, y + c * to_column, to_row, x + c * from_column,          \
                                    from_row);                                                     \
            }                                                                                      \
    }
COPY(8)
COPY(16)
COPY(32)
COPY(64)

static void copy_plane(const copy_job *job, int64_t m, int64_t n, char *to, const char *from)
{
    size_t size = calr_dtype_size(job->to_dtype);
    int row = job->ndim - 2, column = job->ndim - 1;
    int64_t to_row = job->to_step[row], to_column = job->to_step[column];
    int64_t from_row = job->from_step[row], from_column = job->from_step[column];
    if (job->to_dtype != job->from_dtype) {
        int64_t from_size = (int64_t)calr_dtype_size(job->from_dtype);
        for (int64_t i = 0; i < m; i++)
            calr_cast_row(to + i * to_row * (int64_t)size, job->to_dtype, to_column,
                          from + i * from_row * from_size, job->from_dtype, from_column, n);
    } else if (to_column == 1 && from_column == 1 && n >= TILE) {
        for (int64_t i = 0; i < m; i++)
            memcpy(to + i * to_row * (int64_t)size, from + i * from_row * (int64_t)size,
                   (size_t)n * size);
    } else if (size == 1) {
        plane_8(m, n, (uint8_t *)to, to_row, to_column, (const uint8_t *)from, from_row,
                from_column);
    } else if (size == 2) {
        plane_16(m, n, (uint16_t *)to, to_row, to_column, (const uint16_t *)from, from_row,
                 from_column);
    } else if (size == 4) {
        plane_32(m, n, (uint32_t *)to, to_row, to_column, (const uint32_t *)from, from_row,
                 from_column);
    } else {
        plane_64(m, n, (uint64_t *)to, to_row, to_column, (const uint64_t *)from, from_row,
                 from_column);
    }
}

/* Items are strips of planes. */
static void copy_strips(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const copy_job *job = context;
    int64_t to_size = (int64_t)calr_dtype_size(job->to_dtype),
            from_size = (int64_t)calr_dtype_size(job->from_dtype);
    int row = job->ndim - 2;
    for (int64_t item = begin; item < end; item++) {
        int64_t first = item % job->strips * job->strip, rest = item / job->strips;
        int64_t to = first * job->to_step[row], from = first * job->from_step[row];
        for (int d = row - 1; d >= 0; d--) {
            int64_t i = rest % job->shape[d];
            rest /= job->shape[d];
            to += i * job->to_step[d];
            from += i * job->from_step[d];
        }
        int64_t left = job->shape[row] - first;
        copy_plane(job, left < job->strip ? left : job->strip, job->shape[row + 1],
                   (char *)job->to + to * to_size, (const char *)job->from + from * from_size);
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
    copy_job job = {.to = calr_tensor_data(to),
                    .from = calr_tensor_data(from),
                    .to_dtype = to->dtype,
                    .from_dtype = from->dtype};
    plan(&job, to, from);
    int64_t items = job.strips;
    for (int d = 0; d < job.ndim - 2; d++)
        items *= job.shape[d];
    calr_parallel_for(items, 1 + GRAIN * items / numel, copy_strips, &job);
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

/* ---- one number everywhere ---- */

typedef struct fill_job {
    void *to;
    size_t size;
    uint64_t bits; /* of the number, in its first bytes */
} fill_job;

#define FILL(bits)                                                                                 \
    CALR_CLONES static void fill_##bits(int64_t n, uint##bits##_t *to, const void *from)           \
    {                                                                                              \
        uint##bits##_t number;                                                                     \
        memcpy(&number, from, sizeof number);                                                      \
        for (int64_t i = 0; i < n; i++)                                                            \
            to[i] = number;                                                                        \
    }
FILL(16)
FILL(32)
FILL(64)

static void fill_elements(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const fill_job *job = context;
    char *to = (char *)job->to + (size_t)begin * job->size;
    if (job->bits == 0 || job->size == 1)
        memset(to, (int)(job->bits & 255), (size_t)(end - begin) * job->size);
    else if (job->size == 2)
        fill_16(end - begin, (uint16_t *)to, &job->bits);
    else if (job->size == 4)
        fill_32(end - begin, (uint32_t *)to, &job->bits);
    else
        fill_64(end - begin, (uint64_t *)to, &job->bits);
}

/* The single number seen in the tensor's shape, every step of length 0. */
static calr_status fill_strided(calr_tensor *tensor, double value)
{
    calr_tensor *one;
    CALR_TRY(calr_tensor_new(tensor->dtype, 0, NULL, &one));
    calr_cast_store(calr_tensor_data(one), one->dtype, 0, value);
    one->ndim = tensor->ndim;
    memcpy(one->shape, tensor->shape, sizeof one->shape);
    calr_status status = calr_tensor_copy(tensor, one);
    calr_tensor_release(one);
    return status;
}

static void fill_contiguous(calr_tensor *tensor, uint64_t bits)
{
    fill_job job = {calr_tensor_data(tensor), calr_dtype_size(tensor->dtype), bits};
    calr_tensor_touch(tensor);
    calr_parallel_for(calr_tensor_numel(tensor), GRAIN, fill_elements, &job);
}

calr_status calr_tensor_fill(calr_tensor *tensor, double value)
{
    uint64_t bits = 0;
    if (!calr_tensor_is_contiguous(tensor))
        return fill_strided(tensor, value);
    calr_cast_store(&bits, tensor->dtype, 0, value);
    fill_contiguous(tensor, bits);
    return CALR_OK;
}

void calr_tensor_fill_with_first(calr_tensor *tensor)
{
    uint64_t bits = 0;
    memcpy(&bits, calr_tensor_data(tensor), calr_dtype_size(tensor->dtype));
    fill_contiguous(tensor, bits);
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
