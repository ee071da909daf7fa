/* The logarithm of a running sum of exponentials; and the gradients of scans that are no scans themselves. One line
 * at a time, in double. */
#include <math.h>

#include "backend/cpu/kernels.h"

typedef struct lining {
    calr_dtype dtype;
    int64_t n, inner;
    const void *x, *y, *dy;
    void *out;
} lining;

/* Where line i begins. */
static int64_t line_at(const lining *l, int64_t i)
{
    return i / l->inner * l->n * l->inner + i % l->inner;
}

static void *number_at(const lining *l, const void *x, int64_t i)
{
    return (char *)x + i * (int64_t)calr_dtype_size(l->dtype);
}

CALR_INLINE double load(calr_dtype dtype, const void *x, int64_t i)
{
    return dtype == CALR_F64 ? ((const double *)x)[i]
                             : (double)calr_real_load(dtype == CALR_BF16, x, i);
}

CALR_INLINE void store(calr_dtype dtype, void *y, int64_t i, double value)
{
    if (dtype == CALR_F64)
        ((double *)y)[i] = value;
    else
        calr_real_store(dtype == CALR_BF16, y, i, (float)value);
}

/* e^(a - b), a <= b, also where both are infinite. */
CALR_INLINE double ratio(double a, double b)
{
    return a == b ? 1 : exp(a - b);
}

CALR_INLINE void log_line(calr_dtype dtype, int64_t n, int64_t step, const void *x, void *y)
{
    double most = -INFINITY, sum = 0; /* sum: of e^(x - most) */
    for (int64_t i = 0; i < n; i++) {
        double v = load(dtype, x, i * step);
        if (v <= most) {
            sum += ratio(v, most);
        } else if (most == most) { /* a NaN stays */
            sum = sum > 0 ? sum * ratio(most, v) + 1 : 1;
            most = v;
        }
        store(dtype, y, i * step, sum == 1 ? most : most + log(sum));
    }
}

/* dx_i = sum over j >= i of dy_j e^(x_i - y_j). As y never falls, t_i = sum over j >= i of dy_j e^(y_i - y_j) has no
 * exponent above 0. */
CALR_INLINE void log_line_backward(calr_dtype dtype, int64_t n, int64_t step, const void *x,
                                   const void *y, const void *dy, void *dx)
{
    double t = 0, next = INFINITY;
    for (int64_t i = (n - 1) * step; i >= 0; i -= step) {
        double now = load(dtype, y, i);
        t = load(dtype, dy, i) + (t == 0 ? 0 : t * ratio(now, next));
        store(dtype, dx, i, t == 0 ? 0 : ratio(load(dtype, x, i), now) * t);
        next = now;
    }
}

static void log_lines(void *context, int64_t begin, int64_t end, int worker)
{
    const lining *l = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        int64_t at = line_at(l, i);
        const void *x = number_at(l, l->x, at);
        if (l->dtype == CALR_F32)
            log_line(CALR_F32, l->n, l->inner, x, number_at(l, l->out, at));
        else
            log_line(l->dtype, l->n, l->inner, x, number_at(l, l->out, at));
    }
}

static void log_lines_backward(void *context, int64_t begin, int64_t end, int worker)
{
    const lining *l = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        int64_t at = line_at(l, i);
        log_line_backward(l->dtype, l->n, l->inner, number_at(l, l->x, at), number_at(l, l->y, at),
                          number_at(l, l->dy, at), number_at(l, l->out, at));
    }
}

/* With s_i = dy_i + x_(i+1) s_(i+1), the gradient of a running product is dx_i = y_(i-1) s_i: without a division,
 * so that zeros are nothing special. */
CALR_INLINE void product_line_backward(calr_dtype dtype, int64_t n, int64_t step, const void *x,
                                       const void *y, const void *dy, void *dx)
{
    double s = 0, after = 0;
    for (int64_t i = (n - 1) * step; i >= 0; i -= step) {
        s = load(dtype, dy, i) + (i < (n - 1) * step ? after * s : 0);
        store(dtype, dx, i, i > 0 ? load(dtype, y, i - step) * s : s);
        after = load(dtype, x, i);
    }
}

static void product_lines_backward(void *context, int64_t begin, int64_t end, int worker)
{
    const lining *l = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        int64_t at = line_at(l, i);
        const void *x = number_at(l, l->x, at), *y = number_at(l, l->y, at),
                   *dy = number_at(l, l->dy, at);
        void *dx = number_at(l, l->out, at);
        if (l->dtype == CALR_F32)
            product_line_backward(CALR_F32, l->n, l->inner, x, y, dy, dx);
        else
            product_line_backward(l->dtype, l->n, l->inner, x, y, dy, dx);
    }
}

calr_status calr_cpu_log_scan(calr_dtype dtype, int64_t outer, int64_t n, int64_t inner,
                              const void *x, void *y)
{
    lining l = {.dtype = dtype, .n = n, .inner = inner, .x = x, .out = y};
    return calr_parallel_try(outer * inner, calr_row_grain(32 * n), log_lines, &l);
}

calr_status calr_cpu_scan_backward(calr_scan op, calr_dtype dtype, int64_t outer, int64_t n,
                                   int64_t inner, const void *x, const void *y, const void *dy,
                                   void *dx)
{
    lining l = {.dtype = dtype, .n = n, .inner = inner, .x = x, .y = y, .dy = dy, .out = dx};
    bool logs = op == CALR_LOGCUMSUMEXP;
    return calr_parallel_try(outer * inner, calr_row_grain(logs ? 32 * n : n),
                             logs ? log_lines_backward : product_lines_backward, &l);
}
