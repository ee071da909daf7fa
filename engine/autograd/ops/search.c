/* The different elements, places among sorted numbers, and counts: operations without a gradient, but for the
 * weights of bincount. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "autograd/ops.h"
#include "autograd/ops/numbers.h"
#include "autograd/ops_index.h"

/* Releases a list of tensors. */
static void release(calr_tensor **list, int count)
{
    for (int i = 0; i < count; i++)
        calr_tensor_release(list[i]);
}

/* ---- unique ---- */

/* x as a list, contiguous. */
static calr_status flat(const calr_tensor *x, calr_tensor **out)
{
    calr_tensor *even;
    int64_t count = calr_tensor_numel(x);
    CALR_TRY(calr_tensor_contiguous(x, &even));
    calr_status status = calr_tensor_reshape(even, 1, &count, out);
    calr_tensor_release(even);
    return status;
}

/* The first `count` elements, in memory of their own. */
static calr_status shortened(const calr_tensor *x, int64_t count, calr_tensor **out)
{
    calr_tensor *part;
    CALR_TRY(calr_tensor_narrow(x, 0, 0, count, &part));
    calr_status status = calr_tensor_clone(part, out);
    calr_tensor_release(part);
    return status;
}

calr_status calr_op_unique(const calr_tensor *x, calr_tensor **y, calr_tensor **inverse,
                           calr_tensor **counts)
{
    enum { LIST, SORTED, POSITIONS, FOUND, INVERSE, COUNTS, ALL };
    calr_tensor *t[ALL] = {NULL}, *shorter[2] = {NULL};
    const calr_backend *k;
    char text[CALR_TENSOR_TEXT];
    int64_t n = calr_tensor_numel(x);
    if (x->dtype == CALR_F16)
        return calr_error(CALR_EINVAL, "unique: %s is for storage; convert it with x:to \"f32\"",
                          calr_tensor_describe(x, text));
    CALR_TRY(calr_backend_get(&k));
    calr_status status = flat(x, &t[LIST]);
    if (status == CALR_OK)
        status = calr_tensor_like(t[LIST], &t[SORTED]);
    if (status == CALR_OK)
        status = calr_tensor_like(t[LIST], &t[FOUND]);
    if (status == CALR_OK && inverse)
        status = calr_tensor_new(CALR_I64, 1, &n, &t[POSITIONS]);
    if (status == CALR_OK && inverse)
        status = calr_tensor_new(CALR_I64, x->ndim, x->shape, &t[INVERSE]);
    if (status == CALR_OK && counts)
        status = calr_tensor_new(CALR_I64, 1, &n, &t[COUNTS]);
    if (status == CALR_OK)
        status =
            k->sort(x->dtype, 1, n, 1, false, calr_tensor_data(t[LIST]),
                    calr_tensor_data(t[SORTED]), inverse ? calr_tensor_i64(t[POSITIONS]) : NULL);
    if (status == CALR_OK) {
        int64_t found =
            k->unique(x->dtype, n, calr_tensor_data(t[SORTED]),
                      inverse ? calr_tensor_i64(t[POSITIONS]) : NULL, calr_tensor_data(t[FOUND]),
                      inverse ? calr_tensor_i64(t[INVERSE]) : NULL,
                      counts ? calr_tensor_i64(t[COUNTS]) : NULL);
        status = shortened(t[FOUND], found, &shorter[0]);
        if (status == CALR_OK && counts)
            status = shortened(t[COUNTS], found, &shorter[1]);
    }
    if (status == CALR_OK) {
        *y = shorter[0];
        if (counts)
            *counts = shorter[1];
        if (inverse)
            *inverse = calr_tensor_retain(t[INVERSE]);
    } else {
        release(shorter, 2);
    }
    release(t, ALL);
    return status;
}

/* ---- searchsorted ---- */

/* The type that numbers of both are compared in: f64, f32 or i64. */
static calr_dtype compared_in(const calr_tensor *a, const calr_tensor *b)
{
    if (a->dtype == CALR_F64 || b->dtype == CALR_F64)
        return CALR_F64;
    return calr_dtype_is_float(a->dtype) || calr_dtype_is_float(b->dtype) ? CALR_F32 : CALR_I64;
}

/* x in that type, contiguous, a new reference. */
static calr_status as_type(const calr_tensor *x, calr_dtype dtype, calr_tensor **out)
{
    return x->dtype == dtype ? calr_tensor_contiguous(x, out) : calr_tensor_cast(x, dtype, out);
}

static calr_status check_sorted(const char *name, const calr_tensor *sorted, const calr_tensor *x,
                                int64_t *rows, int64_t *count)
{
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    bool fits = sorted->ndim == 1 || (sorted->ndim == x->ndim && x->ndim > 1);
    *rows = 1;
    *count = sorted->ndim == 1 ? calr_tensor_numel(x) : 1;
    for (int d = 0; sorted->ndim > 1 && fits && d < x->ndim; d++) {
        bool last = d == x->ndim - 1;
        fits = last || sorted->shape[d] == x->shape[d];
        *(last ? count : rows) *= x->shape[d];
    }
    if (!fits)
        return calr_error(CALR_EINVAL,
                          "%s: the sorted numbers, %s, must be one list, or have the dimensions of "
                          "the others, %s, but for the length of the last",
                          name, calr_tensor_describe(sorted, a), calr_tensor_describe(x, b));
    return CALR_OK;
}

calr_status calr_op_searchsorted(const char *name, const calr_tensor *sorted, const calr_tensor *x,
                                 bool right, calr_tensor **y)
{
    enum { SORTED, NUMBERS, PLACES, ALL };
    calr_tensor *t[ALL] = {NULL};
    const calr_backend *k;
    int64_t rows, count;
    char text[CALR_TENSOR_TEXT];
    calr_dtype dtype = compared_in(sorted, x);
    const calr_tensor *stored = sorted->dtype == CALR_F16 ? sorted : x;
    if (stored->dtype == CALR_F16)
        return calr_error(CALR_EINVAL, "%s: %s is for storage; convert it with x:to \"f32\"", name,
                          calr_tensor_describe(stored, text));
    CALR_TRY(check_sorted(name, sorted, x, &rows, &count));
    CALR_TRY(calr_backend_get(&k));
    calr_status status = as_type(sorted, dtype, &t[SORTED]);
    if (status == CALR_OK)
        status = as_type(x, dtype, &t[NUMBERS]);
    if (status == CALR_OK)
        status = calr_tensor_new(CALR_I64, x->ndim, x->shape, &t[PLACES]);
    if (status == CALR_OK) {
        k->search(dtype, right, rows, sorted->shape[sorted->ndim - 1], calr_tensor_data(t[SORTED]),
                  sorted->ndim == 1, count, calr_tensor_data(t[NUMBERS]),
                  calr_tensor_i64(t[PLACES]));
        *y = calr_tensor_retain(t[PLACES]);
    }
    release(t, ALL);
    return status;
}

/* n + 1, as the size of a tensor. A number that has no successor is left as it is: no memory holds so much. */
static int64_t one_more(int64_t n)
{
    return n < INT64_MAX ? n + 1 : n;
}

/* ---- bincount ---- */

/* The largest of n numbers, or -1 of none. */
static calr_status largest_of(const calr_backend *k, int64_t n, const int64_t *number,
                              int64_t *largest)
{
    calr_reduce all = {
        .op = CALR_REDUCE_MAX, .dtype = CALR_I64, .outer = 1, .n = n, .inner = 1, .p = 0};
    *largest = -1;
    return n > 0 ? k->reduce(&all, number, largest, NULL) : CALR_OK;
}

static calr_status check_counted(const calr_backend *k, const calr_tensor *x,
                                 const calr_tensor *weights, int64_t *largest)
{
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    const int64_t *number = calr_tensor_i64(x);
    int64_t n = x->shape[0], wrong = k->index_outside(n, number, INT64_MAX);
    while (wrong >= 0 && wrong < n && number[wrong] >= 0) /* INT64_MAX itself is a number */
        wrong++;
    if (wrong >= 0 && wrong < n)
        return calr_error(CALR_EINVAL,
                          "bincount: number %" PRId64 " (item %" PRId64
                          ") is below 0; numbers are counted from 0",
                          number[wrong], wrong + 1);
    CALR_TRY(largest_of(k, n, number, largest));
    if (!weights)
        return CALR_OK;
    if (!calr_tensor_same_shape(x, weights))
        return calr_error(CALR_EINVAL, "bincount: weights, %s, must have the length of x, %s",
                          calr_tensor_describe(weights, a), calr_tensor_describe(x, b));
    if (weights->dtype == CALR_F16 || weights->dtype == CALR_BOOL)
        return calr_error(CALR_EINVAL,
                          "bincount: weights, %s, cannot be added; convert them with "
                          "weights:to \"f32\"",
                          calr_tensor_describe(weights, a));
    return CALR_OK;
}

calr_status calr_op_bincount(const calr_tensor *x, calr_tensor *weights, int64_t least,
                             calr_tensor **y)
{
    enum { NUMBERS, ZEROS, ONE, ALL };
    calr_tensor *t[ALL] = {NULL};
    char text[CALR_TENSOR_TEXT];
    const calr_backend *k;
    int64_t largest;
    if (calr_dtype_is_float(x->dtype) || x->dtype == CALR_BOOL || x->ndim != 1)
        return calr_error(CALR_EINVAL, "bincount: x must be a list of whole numbers, not %s",
                          calr_tensor_describe(x, text));
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(as_type(x, CALR_I64, &t[NUMBERS]));
    calr_status status = check_counted(k, t[NUMBERS], weights, &largest);
    int64_t size = one_more(largest) > least ? one_more(largest) : least;
    if (status == CALR_OK)
        status = calr_tensor_zeros(weights ? weights->dtype : CALR_I64, 1, &size, &t[ZEROS]);
    if (status == CALR_OK && weights) {
        status = calr_op_index_put(CALR_INDEX_ADD, t[ZEROS], 0, t[NUMBERS], weights, 1, false, y);
    } else if (status == CALR_OK) {
        calr_index_rows rows = {1, size, 1, x->shape[0]};
        int64_t one = 1;
        k->put_rows(CALR_I64, true, true, &rows, 1, calr_tensor_i64(t[NUMBERS]), &one,
                    calr_tensor_i64(t[ZEROS]));
        *y = calr_tensor_retain(t[ZEROS]);
    }
    release(t, ALL);
    return status;
}

/* ---- histograms ---- */

/* The type that x is counted in; CALR_EINVAL for what is no float. */
static calr_status counted_in(const char *name, const calr_tensor *x, calr_dtype *dtype)
{
    char text[CALR_TENSOR_TEXT];
    if (!calr_dtype_is_float(x->dtype) || x->dtype == CALR_F16)
        return calr_error(CALR_EINVAL, "%s: x must be f32, f64 or bf16, not %s", name,
                          calr_tensor_describe(x, text));
    *dtype = x->dtype == CALR_F64 ? CALR_F64 : CALR_F32;
    return CALR_OK;
}

typedef enum counted { EVEN, WITHIN, DENSITY } counted;

/* Counts become parts of the whole, for one unit of width. */
static calr_status as_density(const calr_tensor *edges, calr_tensor *counts)
{
    double *count = calr_tensor_f64(counts), sum = 0;
    for (int64_t i = 0; i < counts->shape[0]; i++)
        sum += count[i];
    for (int64_t i = 0; i < counts->shape[0]; i++) {
        double low, high;
        CALR_TRY(calr_tensor_get(edges, &i, &low));
        CALR_TRY(calr_tensor_get(edges, &(int64_t){i + 1}, &high));
        count[i] /= sum * (high - low);
    }
    return CALR_OK;
}

/* The counts as a tensor. */
static calr_status counts_of(calr_dtype dtype, counted how, const calr_tensor *x,
                             const calr_tensor *weights, const calr_tensor *edges, calr_dtype out,
                             calr_tensor **y)
{
    const calr_backend *k;
    calr_tensor *counts;
    int64_t bins = edges->shape[0] - 1;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_tensor_new(CALR_F64, 1, &bins, &counts));
    calr_status status = k->histogram(dtype, how == EVEN, calr_tensor_numel(x), calr_tensor_data(x),
                                      weights ? calr_tensor_data(weights) : NULL, bins,
                                      calr_tensor_data(edges), calr_tensor_f64(counts));
    if (status == CALR_OK && how == DENSITY)
        status = as_density(edges, counts);
    if (status == CALR_OK)
        status = calr_narrow_sum(&counts, out);
    if (status == CALR_OK)
        *y = counts;
    else
        calr_tensor_release(counts);
    return status;
}

/* The range of the elements; where they are all the same, `room` to each side. */
static calr_status element_range(const calr_tensor *x, double room, double *low, double *high)
{
    int64_t n = calr_tensor_numel(x);
    *low = INFINITY;
    *high = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        double v = x->dtype == CALR_F64 ? calr_tensor_f64(x)[i] : (double)calr_tensor_f32(x)[i];
        *low = v < *low ? v : *low;
        *high = v > *high ? v : *high;
    }
    if (n == 0)
        *low = *high = 0;
    if (*low == *high) {
        *low -= room;
        *high += room;
    }
    if (!isfinite(*low) || !isfinite(*high))
        return calr_error(CALR_EINVAL, "the elements go from %g to %g; give a range", *low, *high);
    return CALR_OK;
}

calr_status calr_op_histc(const calr_tensor *x, int64_t bins, double low, double high,
                          calr_tensor **y)
{
    calr_dtype dtype;
    calr_tensor *numbers, *edges = NULL;
    CALR_TRY(counted_in("histc", x, &dtype));
    if (bins < 1)
        return calr_error(CALR_EINVAL, "histc: bins must be at least 1, not %" PRId64, bins);
    if (!(low <= high) || !isfinite(low) || !isfinite(high))
        return calr_error(CALR_EINVAL, "histc: min is %g and max %g; min must not be above max",
                          low, high);
    CALR_TRY(as_type(x, dtype, &numbers));
    calr_status status = CALR_OK;
    if (low == 0 && high == 0)
        status = element_range(numbers, 1, &low, &high);
    else if (low == high)
        low -= 1, high += 1;
    if (status == CALR_OK)
        status = calr_tensor_zeros(dtype, 1, &(int64_t){one_more(bins)}, &edges);
    if (status == CALR_OK) {
        calr_tensor_set(edges, &(int64_t){0}, low);
        calr_tensor_set(edges, &bins, high);
        status = counts_of(dtype, EVEN, numbers, NULL, edges, x->dtype, y);
    } else {
        status = calr_error(status, "histc: %s", calr_status_message());
    }
    calr_tensor_release(edges);
    calr_tensor_release(numbers);
    return status;
}

calr_status calr_op_histogram_edges(const calr_tensor *x, int64_t bins, double low, double high,
                                    calr_tensor **edges)
{
    calr_dtype dtype;
    calr_tensor *numbers, *made = NULL;
    CALR_TRY(counted_in("histogram", x, &dtype));
    if (bins < 1 || !(low <= high) || !isfinite(low) || !isfinite(high))
        return calr_error(CALR_EINVAL,
                          "histogram: %" PRId64 " bins from %g to %g; at least 1 from low to high",
                          bins, low, high);
    CALR_TRY(as_type(x, dtype, &numbers));
    calr_status status = CALR_OK;
    if (low == 0 && high == 0)
        status = element_range(numbers, 0.5, &low, &high);
    else if (low == high)
        low -= 0.5, high += 0.5;
    calr_tensor_release(numbers);
    if (status == CALR_OK)
        status = calr_tensor_new(dtype, 1, &(int64_t){one_more(bins)}, &made);
    if (status != CALR_OK)
        return status;
    double step = (high - low) / (double)bins;
    for (int64_t i = 0; i <= bins; i++) /* from both ends, so that both are exact */
        calr_tensor_set(made, &i,
                        i <= bins / 2 ? low + step * (double)i : high - step * (double)(bins - i));
    status = calr_narrow_sum(&made, x->dtype);
    if (status == CALR_OK)
        *edges = made;
    else
        calr_tensor_release(made);
    return status;
}

static calr_status check_edges(const calr_tensor *edges)
{
    char text[CALR_TENSOR_TEXT];
    if (edges->ndim != 1 || edges->shape[0] < 2)
        return calr_error(CALR_EINVAL, "histogram: edges must be a list of at least 2, not %s",
                          calr_tensor_describe(edges, text));
    for (int64_t i = 1; i < edges->shape[0]; i++) {
        double before, edge;
        CALR_TRY(calr_tensor_get(edges, &(int64_t){i - 1}, &before));
        CALR_TRY(calr_tensor_get(edges, &i, &edge));
        if (!(before <= edge))
            return calr_error(CALR_EINVAL,
                              "histogram: edges must ascend; edge %" PRId64 " is %g after %g",
                              i + 1, edge, before);
    }
    return CALR_OK;
}

calr_status calr_op_histogram(const calr_tensor *x, const calr_tensor *edges,
                              const calr_tensor *weights, bool density, calr_tensor **y)
{
    enum { NUMBERS, EDGES, WEIGHTS, ALL };
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    calr_tensor *t[ALL] = {NULL};
    calr_dtype dtype;
    CALR_TRY(counted_in("histogram", x, &dtype));
    CALR_TRY(check_edges(edges));
    if (weights && !calr_tensor_same_shape(x, weights))
        return calr_error(CALR_EINVAL, "histogram: weight, %s, must have the shape of x, %s",
                          calr_tensor_describe(weights, a), calr_tensor_describe(x, b));
    calr_status status = as_type(x, dtype, &t[NUMBERS]);
    if (status == CALR_OK)
        status = as_type(edges, dtype, &t[EDGES]);
    if (status == CALR_OK && weights)
        status = as_type(weights, dtype, &t[WEIGHTS]);
    if (status == CALR_OK)
        status = counts_of(dtype, density ? DENSITY : WITHIN, t[NUMBERS], t[WEIGHTS], t[EDGES],
                           x->dtype, y);
    release(t, ALL);
    return status;
}
