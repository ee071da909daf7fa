/* Products of many matrices: what can be one large product becomes one, small ones are spread over the threads. */
#include <string.h>

#include "backend/cpu/blas.h"
#include "backend/cpu/kernels.h"
#include "base/interrupt.h"

bool calr_matrices_fit(int64_t rows, int64_t columns, int64_t row, int64_t column)
{
    bool by_row = (column == 1 || columns <= 1) && (row >= columns || rows <= 1);
    bool by_column = (row == 1 || rows <= 1) && (column >= rows || columns <= 1);
    return by_row || by_column;
}

/* ---- fewer and larger products ---- */

static void swap(int64_t *a, int64_t *b)
{
    int64_t t = *a;
    *a = *b;
    *b = t;
}

static void drop_dim(calr_products *p, int dim)
{
    size_t after = (size_t)(--p->dims - dim) * sizeof p->grid[0];
    int64_t *lists[] = {p->grid, p->a.batch, p->b.batch, p->c.batch};
    for (int i = 0; i < 4; i++)
        memmove(lists[i] + dim, lists[i] + dim + 1, after);
}

/* `count` repetitions `batch` apart continue a dimension of `length` items `*step` apart. */
static bool continues(int64_t batch, int64_t length, int64_t step)
{
    return length == 1 || batch == length * step;
}

/* A dimension of the grid that b does not have, but a and c do, adds rows to both: one product of count m rows. */
static bool into_rows(calr_products *p, int dim)
{
    int64_t count = p->grid[dim], a = p->a.batch[dim], c = p->c.batch[dim];
    if (p->b.batch[dim] != 0 || c == 0 || !continues(a, p->m, p->a.row) ||
        !continues(c, p->m, p->c.row))
        return false;
    int64_t a_row = p->m == 1 ? a : p->a.row, c_row = p->m == 1 ? c : p->c.row;
    if (!calr_matrices_fit(count * p->m, p->k, a_row, p->a.column) ||
        !calr_matrices_fit(count * p->m, p->n, c_row, p->c.column))
        return false;
    p->a.row = a_row;
    p->c.row = c_row;
    p->m *= count;
    return true;
}

/* One that c does not have continues the sum over k. */
static bool into_sum(calr_products *p, int dim)
{
    int64_t count = p->grid[dim], a = p->a.batch[dim], b = p->b.batch[dim];
    if (p->c.batch[dim] != 0 || !continues(a, p->k, p->a.column) || !continues(b, p->k, p->b.row))
        return false;
    int64_t a_column = p->k == 1 ? a : p->a.column, b_row = p->k == 1 ? b : p->b.row;
    if (!calr_matrices_fit(p->m, count * p->k, p->a.row, a_column) ||
        !calr_matrices_fit(count * p->k, p->n, b_row, p->b.column))
        return false;
    p->a.column = a_column;
    p->b.row = b_row;
    p->k *= count;
    return true;
}

/* The same products, transposed: c^T = b^T a^T. */
static void transpose(calr_products *p)
{
    calr_matrices a = p->a;
    p->a = p->b;
    p->b = a;
    swap(&p->m, &p->n);
    swap(&p->a.row, &p->a.column);
    swap(&p->b.row, &p->b.column);
    swap(&p->c.row, &p->c.column);
}

static void merge(calr_products *p)
{
    for (int dim = 0; dim < p->dims;) {
        bool gone = p->grid[dim] == 1 || into_sum(p, dim) || into_rows(p, dim);
        if (!gone) {
            transpose(p);
            gone = into_rows(p, dim);
            transpose(p);
        }
        if (gone) {
            drop_dim(p, dim);
            dim = 0;
        } else {
            dim++;
        }
    }
}

/* ---- one after the other, or side by side ---- */

/* A matrix as BLAS takes it: transposed or not, and the distance between lines. */
static bool lines(int64_t rows, int64_t columns, const calr_matrices *x, int64_t *ld)
{
    bool by_row = (x->column == 1 || columns <= 1) && (x->row >= columns || rows <= 1);
    *ld = by_row ? (rows <= 1 ? calr_max64(columns, 1) : x->row)
                 : (columns <= 1 ? calr_max64(rows, 1) : x->column);
    return !by_row;
}

typedef struct batch {
    calr_products p;
    const char *a, *b;
    char *c;
    size_t size;
    bool transpose_a, transpose_b;
    int64_t lda, ldb, ldc;
    int64_t items,
        sums; /* places of the grid that have a matrix of c each; products added up there */
} batch;

/* Offsets of a place of the grid. `summed`: the number counts along the dimensions that c does not have, and otherwise
 * along those that it has. */
static void place(const calr_products *p, int64_t number, bool summed, int64_t *a, int64_t *b,
                  int64_t *c)
{
    for (int d = p->dims; d-- > 0;) {
        if ((p->c.batch[d] == 0) != summed)
            continue;
        int64_t at = number % p->grid[d];
        number /= p->grid[d];
        *a += at * p->a.batch[d];
        *b += at * p->b.batch[d];
        *c += at * p->c.batch[d];
    }
}

static void work(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const batch *t = context;
    for (int64_t i = begin; i < end; i++)
        for (int64_t s = 0; s < t->sums; s++) {
            int64_t a = 0, b = 0, c = 0;
            place(&t->p, i, false, &a, &b, &c);
            place(&t->p, s, true, &a, &b, &c);
            int64_t size = (int64_t)t->size;
            calr_blas_product(t->p.dtype, t->transpose_a, t->transpose_b, t->p.m, t->p.n, t->p.k,
                              t->p.alpha, t->a + a * size, t->lda, t->b + b * size, t->ldb,
                              t->p.add || s > 0, t->c + c * size, t->ldc);
        }
}

/* ---- one long sum ---- */

enum { MOST_PARTS = 64 };

typedef struct parts {
    const batch *of;
    int64_t grain;
    union {
        float single;
        double wide;
    } sum[MOST_PARTS];
} parts;

static void add_part(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    parts *all = context;
    const batch *t = all->of;
    const calr_products *p = &t->p;
    int64_t size = (int64_t)t->size;
    calr_blas_product(p->dtype, t->transpose_a, t->transpose_b, 1, 1, end - begin, p->alpha,
                      t->a + begin * p->a.column * size, t->lda, t->b + begin * p->b.row * size,
                      t->ldb, false, &all->sum[begin / all->grain], 1);
}

/* A product of two vectors by parts, which BLAS would leave to one thread. They are added in double. */
static calr_status run_by_parts(const batch *t)
{
    const calr_products *p = &t->p;
    parts all = {.of = t, .grain = calr_max64(CALR_GRAIN, p->k / MOST_PARTS + 1)};
    bool wide = p->dtype == CALR_F64;
    CALR_TRY(calr_parallel_try(p->k, all.grain, add_part, &all));
    double sum = !p->add ? 0 : wide ? *(double *)t->c : (double)*(float *)t->c;
    for (int64_t i = 0; i * all.grain < p->k; i++)
        sum += wide ? all.sum[i].wide : (double)all.sum[i].single;
    if (wide)
        *(double *)t->c = sum;
    else
        *(float *)t->c = (float)sum;
    return CALR_OK;
}

/* Operations that a thread takes at a time. */
static const double GRAIN_WORK = 262144;
/* Products that are larger than this run one after the other on all threads where they are few. */
static const double LARGE_WORK = 4e6;

static calr_status run(batch *t)
{
    const calr_products *p = &t->p;
    if (t->items == 1 && t->sums == 1 && p->m == 1 && p->n == 1 && p->k > CALR_GRAIN)
        return run_by_parts(t);
    double each = 2 * (double)p->m * (double)p->n * (double)calr_max64(p->k, 1) * (double)t->sums;
    bool spread = t->items > 1 && (each < LARGE_WORK || t->items >= 4L * calr_parallel_threads());
    if (!spread) {
        for (int64_t i = 0; i < t->items; i++) {
            CALR_TRY(calr_interrupt_check());
            work(t, i, i + 1, 0);
        }
        return CALR_OK;
    }
    int64_t grain = each < GRAIN_WORK ? (int64_t)(GRAIN_WORK / each) : 1;
    return calr_parallel_try(t->items, calr_max64(grain, 1), work, t);
}

calr_status calr_cpu_products(const calr_products *sizes, const void *a, const void *b, void *c)
{
    batch t = {.p = *sizes, .size = calr_dtype_size(sizes->dtype), .items = 1, .sums = 1, .c = c};
    calr_products *p = &t.p;
    merge(p);
    bool flip = p->c.column != 1 && p->n > 1;
    if (flip)
        transpose(p);
    t.a = flip ? b : a;
    t.b = flip ? a : b;
    for (int d = 0; d < p->dims; d++)
        *(p->c.batch[d] == 0 ? &t.sums : &t.items) *= p->grid[d];
    if (p->m <= 0 || p->n <= 0 || t.items <= 0)
        return CALR_OK;
    if (t.sums <= 0 || p->k <= 0) { /* sums of nothing */
        p->k = 0;
        t.sums = 1;
        for (int d = 0; d < p->dims; d++)
            p->grid[d] = p->c.batch[d] == 0 ? 1 : p->grid[d];
    }
    t.transpose_a = lines(p->m, p->k, &p->a, &t.lda);
    t.transpose_b = lines(p->k, p->n, &p->b, &t.ldb);
    t.ldc = p->m <= 1 ? p->n : p->c.row;
    return run(&t);
}
