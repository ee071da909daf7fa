#include "tensor/scan.h"

#include <math.h>
#include <stdlib.h>

#include "base/parallel.h"

enum { CHUNK = 65536 };

/* One pass over real elements: a slot a chunk, put together in order. */
typedef struct pass {
    bool half;
    const void *x;
    int64_t count;
    struct slot {
        float low, high;
        double squares;
        bool finite;
    } * slots;
} pass;

CALR_INLINE void look_at(bool half, const pass *p, int64_t begin, int64_t end)
{
    for (int64_t c = begin; c < end; c++) {
        const void *x = calr_real_at(half, p->x, c * CHUNK);
        int64_t n = p->count - c * CHUNK < CHUNK ? p->count - c * CHUNK : CHUNK;
        float low = INFINITY, high = -INFINITY, zero = 0;
        double squares = 0;
        /* x * 0 is 0 for every number and NaN otherwise. */
#pragma omp simd reduction(min : low) reduction(max : high) reduction(+ : zero, squares)
        for (int64_t i = 0; i < n; i++) {
            float value = calr_real_load(half, x, i);
            low = value < low ? value : low;
            high = value > high ? value : high;
            zero += value * 0;
            squares += (double)value * value;
        }
        p->slots[c] = (struct slot){low, high, squares, zero == 0};
    }
}

static void look(void *context, int64_t begin, int64_t end, int worker)
{
    const pass *p = context;
    (void)worker;
    if (p->half)
        look_at(true, p, begin, end);
    else
        look_at(false, p, begin, end);
}

/* low, high (of what is not NaN), squares and finite of a whole real tensor. */
static calr_status scan(const calr_tensor *tensor, struct slot *out)
{
    calr_tensor *straight;
    CALR_TRY(calr_tensor_contiguous(tensor, &straight));
    int64_t count = calr_tensor_numel(tensor), chunks = (count + CHUNK - 1) / CHUNK;
    struct slot one, *slots = chunks <= 1 ? &one : malloc((size_t)chunks * sizeof *slots);
    if (!slots) {
        calr_tensor_release(straight);
        return calr_error(CALR_ENOMEM, "no memory to scan a tensor");
    }
    pass p = {tensor->dtype == CALR_BF16, calr_tensor_data(straight), count, slots};
    calr_parallel_for(chunks, 1, look, &p);
    *out = (struct slot){INFINITY, -INFINITY, 0, true};
    for (int64_t c = 0; c < chunks; c++) {
        out->low = fminf(out->low, slots[c].low);
        out->high = fmaxf(out->high, slots[c].high);
        out->squares += slots[c].squares;
        out->finite = out->finite && slots[c].finite;
    }
    if (slots != &one)
        free(slots);
    calr_tensor_release(straight);
    return CALR_OK;
}

calr_status calr_tensor_is_finite(const calr_tensor *tensor, bool *out)
{
    struct slot s = {.finite = true};
    if (calr_dtype_is_real(tensor->dtype))
        CALR_TRY(scan(tensor, &s));
    *out = s.finite;
    return CALR_OK;
}

static calr_status expect_f32(const calr_tensor *tensor)
{
    char text[CALR_TENSOR_TEXT];
    if (tensor->dtype != CALR_F32)
        return calr_error(CALR_EINVAL, "an f32 tensor is needed, not %s",
                          calr_tensor_describe(tensor, text));
    return CALR_OK;
}

/* Counts up the positions of a tensor; false after the last. */
static bool next(const calr_tensor *tensor, int64_t *index)
{
    for (int d = tensor->ndim - 1; d >= 0; d--) {
        if (++index[d] < tensor->shape[d])
            return true;
        index[d] = 0;
    }
    return false;
}

calr_status calr_tensor_range(const calr_tensor *tensor, double *low, double *high)
{
    char text[CALR_TENSOR_TEXT];
    if (calr_tensor_numel(tensor) == 0)
        return calr_error(CALR_EINVAL, "%s has no elements", calr_tensor_describe(tensor, text));
    if (calr_dtype_is_real(tensor->dtype)) {
        struct slot s;
        CALR_TRY(scan(tensor, &s));
        /* squares is NaN exactly when an element is (infinities only make it infinite). */
        *low = isnan(s.squares) ? (double)NAN : s.low;
        *high = isnan(s.squares) ? (double)NAN : s.high;
        return CALR_OK;
    }
    int64_t index[CALR_MAX_DIMS] = {0};
    *low = INFINITY;
    *high = -INFINITY;
    do {
        double value;
        CALR_TRY(calr_tensor_get(tensor, index, &value));
        *low = fmin(*low, value);
        *high = fmax(*high, value);
    } while (next(tensor, index));
    return CALR_OK;
}

calr_status calr_tensor_norm(const calr_tensor *tensor, double *out)
{
    struct slot s;
    if (!calr_dtype_is_real(tensor->dtype))
        return expect_f32(tensor);
    CALR_TRY(scan(tensor, &s));
    *out = sqrt(s.squares);
    return CALR_OK;
}

typedef struct argmax_job {
    int64_t n, inner;
    const float *x;
    int64_t *y;
} argmax_job;

static void argmax_items(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const argmax_job *job = context;
    for (int64_t item = begin; item < end; item++) {
        const float *x = job->x + item / job->inner * job->n * job->inner + item % job->inner;
        int64_t best = 0;
        for (int64_t i = 1; i < job->n; i++) {
            float value = x[i * job->inner], champion = x[best * job->inner];
            if (value > champion || (isnan(value) && !isnan(champion)))
                best = i;
        }
        job->y[item] = best;
    }
}

calr_status calr_tensor_argmax(const calr_tensor *tensor, int dim, calr_tensor **out)
{
    char text[CALR_TENSOR_TEXT];
    CALR_TRY(expect_f32(tensor));
    if (dim < 0 || dim >= tensor->ndim || tensor->shape[dim] == 0)
        return calr_error(CALR_EINVAL, "%s has no items along dimension %d",
                          calr_tensor_describe(tensor, text), dim + 1);
    int64_t shape[CALR_MAX_DIMS], outer = 1, inner = 1;
    for (int d = 0, kept = 0; d < tensor->ndim; d++) {
        if (d != dim)
            shape[kept++] = tensor->shape[d];
        if (d != dim)
            *(d < dim ? &outer : &inner) *= tensor->shape[d];
    }
    calr_tensor *straight, *y;
    CALR_TRY(calr_tensor_contiguous(tensor, &straight));
    calr_status status = calr_tensor_new(CALR_I64, tensor->ndim - 1, shape, &y);
    if (status == CALR_OK) {
        argmax_job job = {tensor->shape[dim], inner, calr_tensor_f32(straight), calr_tensor_i64(y)};
        calr_parallel_for(outer * inner, 1 + 16384 / tensor->shape[dim], argmax_items, &job);
        *out = y;
    }
    calr_tensor_release(straight);
    return status;
}
