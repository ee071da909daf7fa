#include "autograd/ops/algebra.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"

void calr_algebra_open(calr_algebra *g, int64_t count)
{
    *g = (calr_algebra){.count = count};
    g->status = calr_backend_get(&g->backend);
}

calr_status calr_algebra_close(calr_algebra *g)
{
    while (g->made_count > 0)
        free(g->made[--g->made_count]);
    return g->status;
}

static int64_t numbers(const calr_algebra *g, calr_batch a)
{
    return g->count * a.rows * a.columns;
}

static bool failed(calr_algebra *g, calr_status status)
{
    if (g->status == CALR_OK)
        g->status = status;
    return g->status != CALR_OK;
}

calr_batch calr_algebra_new(calr_algebra *g, int64_t rows, int64_t columns)
{
    calr_batch a = {NULL, rows, columns};
    int64_t each, all;
    if (g->status != CALR_OK)
        return a;
    if (g->made_count < CALR_ALGEBRA_MOST && !__builtin_mul_overflow(rows, columns, &each) &&
        !__builtin_mul_overflow(each, g->count, &all))
        a.x = calr_array_zeros(all, sizeof *a.x);
    if (a.x)
        g->made[g->made_count++] = a.x;
    else
        g->status = calr_error(CALR_ENOMEM, "no memory for the matrices of a gradient");
    return a;
}

calr_batch calr_algebra_copy(calr_algebra *g, calr_batch a)
{
    return calr_algebra_read(g, CALR_F64, a.x, a.rows, a.columns);
}

calr_batch calr_algebra_read(calr_algebra *g, calr_dtype dtype, const void *from, int64_t rows,
                             int64_t columns)
{
    calr_batch a = calr_algebra_new(g, rows, columns);
    if (g->status != CALR_OK)
        return a;
    int64_t n = numbers(g, a);
    if (dtype == CALR_F64)
        memcpy(a.x, from, (size_t)n * sizeof *a.x);
    else
        for (int64_t i = 0; i < n; i++)
            a.x[i] = (double)((const float *)from)[i];
    return a;
}

void calr_algebra_write(calr_algebra *g, calr_batch a, calr_dtype dtype, void *to)
{
    if (g->status != CALR_OK)
        return;
    int64_t n = numbers(g, a);
    if (dtype == CALR_F64)
        memcpy(to, a.x, (size_t)n * sizeof *a.x);
    else
        for (int64_t i = 0; i < n; i++)
            ((float *)to)[i] = (float)a.x[i];
}

static calr_matrices steps(calr_batch a, bool transpose)
{
    calr_matrices m = {.row = a.columns, .column = 1, .batch = {a.rows * a.columns}};
    if (transpose) {
        m.row = 1;
        m.column = a.columns;
    }
    return m;
}

calr_batch calr_algebra_times(calr_algebra *g, double alpha, calr_batch a, bool transpose_a,
                              calr_batch b, bool transpose_b)
{
    int64_t m = transpose_a ? a.columns : a.rows, k = transpose_a ? a.rows : a.columns,
            n = transpose_b ? b.rows : b.columns;
    calr_batch c = calr_algebra_new(g, m, n);
    if (g->status != CALR_OK || numbers(g, c) == 0)
        return c;
    calr_products p = {.dtype = CALR_F64,
                       .m = m,
                       .n = n,
                       .k = k,
                       .alpha = alpha,
                       .dims = 1,
                       .grid = {g->count},
                       .a = steps(a, transpose_a),
                       .b = steps(b, transpose_b),
                       .c = steps(c, false)};
    if (k > 0)
        g->status = g->backend->products(&p, a.x, b.x, c.x);
    return c;
}

calr_batch calr_algebra_transpose(calr_algebra *g, calr_batch a)
{
    calr_batch t = calr_algebra_new(g, a.columns, a.rows);
    for (int64_t i = 0; g->status == CALR_OK && i < g->count; i++)
        for (int64_t r = 0; r < a.rows; r++)
            for (int64_t c = 0; c < a.columns; c++)
                t.x[(i * a.columns + c) * a.rows + r] = a.x[(i * a.rows + r) * a.columns + c];
    return t;
}

void calr_algebra_add(calr_algebra *g, calr_batch a, double alpha, calr_batch b)
{
    if (g->status != CALR_OK)
        return;
    int64_t n = numbers(g, a);
    for (int64_t i = 0; i < n; i++)
        a.x[i] += alpha * b.x[i];
}

static void scale(calr_algebra *g, calr_batch a, calr_batch s, bool divide, bool rows)
{
    if (g->status != CALR_OK)
        return;
    for (int64_t i = 0; i < g->count; i++)
        for (int64_t r = 0; r < a.rows; r++)
            for (int64_t c = 0; c < a.columns; c++) {
                double *to = a.x + (i * a.rows + r) * a.columns + c,
                       by = s.x[i * s.columns + (rows ? r : c)];
                *to = divide ? *to / by : *to * by;
            }
}

void calr_algebra_scale_columns(calr_algebra *g, calr_batch a, calr_batch s, bool divide)
{
    scale(g, a, s, divide, false);
}

void calr_algebra_scale_rows(calr_algebra *g, calr_batch a, calr_batch s, bool divide)
{
    scale(g, a, s, divide, true);
}

void calr_algebra_triangular(calr_algebra *g, bool upper, bool transpose, calr_batch t,
                             calr_batch x)
{
    calr_linalg sizes = {.dtype = CALR_F64,
                         .count = g->count,
                         .m = x.columns,
                         .n = t.rows,
                         .upper = upper,
                         .transpose = transpose};
    if (g->status == CALR_OK)
        g->status = g->backend->triangular(&sizes, t.x, x.x);
}

calr_batch calr_algebra_solve(calr_algebra *g, calr_batch a, bool transpose, calr_batch b)
{
    calr_batch lu = calr_algebra_copy(g, a), x = calr_algebra_copy(g, b);
    calr_linalg sizes = {
        .dtype = CALR_F64, .count = g->count, .m = a.rows, .n = a.rows, .transpose = transpose};
    if (g->status != CALR_OK)
        return x;
    int32_t *pivots = calr_array_new(g->count * a.rows, sizeof *pivots);
    if (!pivots)
        failed(g, calr_error(CALR_ENOMEM, "no memory for the matrices of a gradient"));
    if (pivots && !failed(g, g->backend->lu(&sizes, lu.x, pivots)) &&
        !failed(g, calr_linalg_check_lu(&sizes, lu.x))) {
        sizes.m = b.columns;
        failed(g, g->backend->lu_solve(&sizes, lu.x, pivots, x.x));
    }
    free(pivots);
    return x;
}
