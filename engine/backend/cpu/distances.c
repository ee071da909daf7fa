/* Distances between the rows of two matrices, from the differences of their numbers in double precision: nothing
 * cancels, and a distance depends on its two rows alone. */
#include <math.h>
#include <string.h>

#include "backend/cpu/blas.h"
#include "backend/cpu/kernels.h"

/* ---- forward ---- tiles of TILE x TILE pairs, DEPTH columns at a time */

enum { TILE = 64, DEPTH = 64, LANES = 4, ROWS = 4 };

typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));
typedef int64_t mask __attribute__((vector_size(LANES * sizeof(double))));

typedef struct tiles {
    double a[TILE * DEPTH]; /* rows x DEPTH */
    lanes b[DEPTH * TILE /
            LANES]; /* DEPTH x columns, so that neighbouring pairs are computed together */
    lanes sum[TILE * TILE / LANES];
} tiles;

/* Macros, because a function that returns vectors has another interface in each generation of processors. */
#define SIZE(x)     ((lanes)((mask)(x)&INT64_MAX))
#define KEEPS(s, x) (((x) <= (s)) | ((s) != (s))) /* NaN stays */

/* STEP adds a difference x to the sum s. Four rows and eight columns stay in registers. */
#define BLOCK(name, STEP)                                                                          \
    CALR_CLONES static void name(tiles *t, int64_t rows, int64_t depth)                            \
    {                                                                                              \
        for (int64_t i = 0; i < rows; i += ROWS)                                                   \
            for (int64_t j = 0; j < TILE / LANES; j += 2) {                                        \
                const double *a = t->a + i * DEPTH;                                                \
                const lanes *b = t->b + j;                                                         \
                lanes *to = t->sum + i * (TILE / LANES) + j;                                       \
                lanes s[2 * ROWS], x;                                                              \
                for (int r = 0; r < ROWS; r++)                                                     \
                    s[2 * r] = to[r * (TILE / LANES)], s[2 * r + 1] = to[r * (TILE / LANES) + 1];  \
                for (int64_t c = 0; c < depth; c++, b += TILE / LANES) {                           \
                    _Pragma("GCC unroll 4") for (int r = 0; r < ROWS; r++)                         \
                    {                                                                              \
                        x = a[r * DEPTH + c] - b[0];                                               \
                        s[2 * r] = STEP(s[2 * r], x);                                              \
                        x = a[r * DEPTH + c] - b[1];                                               \
                        s[2 * r + 1] = STEP(s[2 * r + 1], x);                                      \
                    }                                                                              \
                }                                                                                  \
                for (int r = 0; r < ROWS; r++)                                                     \
                    to[r * (TILE / LANES)] = s[2 * r], to[r * (TILE / LANES) + 1] = s[2 * r + 1];  \
            }                                                                                      \
    }
#define ADD_SQUARE(s, x) ((s) + (x) * (x))
#define ADD_SIZE(s, x)   ((s) + SIZE(x))
#define TAKE_LARGER(s, x)                                                                          \
    ((lanes)(((mask)(s)&KEEPS(s, SIZE(x))) | ((mask)SIZE(x) & ~KEEPS(s, SIZE(x)))))
BLOCK(add_squares, ADD_SQUARE)
BLOCK(add_sizes, ADD_SIZE)
BLOCK(take_larger, TAKE_LARGER)

/* x^p, x >= 0. */
static double power(double x, double p)
{
    double y = 1;
    if (p != rint(p) || p > 16)
        return pow(x, p);
    for (int i = 0; i < (int)p; i++)
        y *= x;
    return y;
}

/* Any other p: p = 0 counts the differences. */
static void add_powers(tiles *t, int64_t rows, int64_t depth, double p)
{
    double *sum = (double *)t->sum;
    const double *b = (const double *)t->b;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < TILE; j++)
            for (int64_t c = 0; c < depth; c++) {
                double x = fabs(t->a[i * DEPTH + c] - b[c * TILE + j]);
                sum[i * TILE + j] += p == 0 ? x != 0 : power(x, p);
            }
}

CALR_CLONES static void take_roots(int64_t n, double *x, double p)
{
    if (p == 2)
        for (int64_t i = 0; i < n; i++)
            x[i] = sqrt(x[i]);
    else if (p != 1 && p != 0 && !isinf(p))
        for (int64_t i = 0; i < n; i++)
            x[i] = pow(x[i], 1 / p);
}

typedef struct job {
    const calr_distances *sizes;
    const char *a, *b;
    char *y;
    size_t size;
    int64_t down, across; /* tiles of a matrix of distances */
} job;

static double load(bool wide, const char *x, int64_t i)
{
    return wide ? ((const double *)x)[i] : (double)((const float *)x)[i];
}

static void store(bool wide, char *x, int64_t i, double value)
{
    if (wide)
        ((double *)x)[i] = value;
    else
        ((float *)x)[i] = (float)value;
}

/* Columns first .. first + depth - 1 of rows of a and b. What lies past the last row is 0. */
static void copy_tiles(tiles *t, const job *j, const char *a, int64_t rows, const char *b,
                       int64_t columns, int64_t first, int64_t depth)
{
    bool wide = j->sizes->dtype == CALR_F64;
    int64_t d = j->sizes->d;
    double *to = (double *)t->b;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < depth; c++)
            t->a[i * DEPTH + c] = load(wide, a, i * d + first + c);
    for (int64_t i = 0; i < columns; i++)
        for (int64_t c = 0; c < depth; c++)
            to[c * TILE + i] = load(wide, b, i * d + first + c);
}

static void fill_tile(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const job *j = context;
    const calr_distances *s = j->sizes;
    bool wide = s->dtype == CALR_F64;
    tiles t;
    memset(t.a, 0, sizeof t.a);
    memset(t.b, 0, sizeof t.b);
    for (int64_t number = begin; number < end; number++) {
        int64_t item = number / (j->down * j->across), row = number / j->across % j->down * TILE,
                column = number % j->across * TILE;
        int64_t rows = calr_min64(TILE, s->m - row), columns = calr_min64(TILE, s->n - column);
        const char *a = j->a + (size_t)((item * s->m + row) * s->d) * j->size,
                   *b = j->b + (size_t)((item * s->n + column) * s->d) * j->size;
        memset(t.sum, 0, sizeof t.sum);
        for (int64_t first = 0; first < s->d; first += DEPTH) {
            int64_t depth = calr_min64(DEPTH, s->d - first);
            copy_tiles(&t, j, a, rows, b, columns, first, depth);
            if (s->p == 2)
                add_squares(&t, rows, depth);
            else if (s->p == 1)
                add_sizes(&t, rows, depth);
            else if (isinf(s->p))
                take_larger(&t, rows, depth);
            else
                add_powers(&t, rows, depth, s->p);
        }
        char *y = j->y + (size_t)((item * s->m + row) * s->n + column) * j->size;
        take_roots(rows * TILE, (double *)t.sum, s->p);
        for (int64_t i = 0; i < rows; i++)
            for (int64_t c = 0; c < columns; c++)
                store(wide, y, i * s->n + c, ((double *)t.sum)[i * TILE + c]);
    }
}

calr_status calr_cpu_distances(const calr_distances *sizes, const void *a, const void *b, void *y)
{
    job j = {.sizes = sizes, .a = a, .b = b, .y = y, .size = calr_dtype_size(sizes->dtype)};
    j.down = (sizes->m + TILE - 1) / TILE;
    j.across = (sizes->n + TILE - 1) / TILE;
    return calr_parallel_try(sizes->count * j.down * j.across, 1, fill_tile, &j);
}

/* ---- backward ---- */

/* One side of the gradient: of rows x[m x d], at distances from z[n x d]; that of the pair (i, j) is at i row + j
 * column. For the other side the matrices change places. */
typedef struct side {
    const calr_distances *sizes;
    bool wide;
    int64_t m, n, row, column;
    const char *x, *z, *y, *dy;
    char *dx;
    double *scratch; /* [workers x d] */
} side;

/* d |x - z|_p = sign(x - z) |x - z|^(p-1) / y^(p-1): 0 at equal rows; for p = infinity it goes to all the largest
 * differences, looked for once more, because y may have been rounded. `x`, `z`: rows of `real`. */
#define PAIR(name, real)                                                                           \
    CALR_CLONES static void name(int64_t d, double p, double weight, double y, const real *x,      \
                                 const real *z, double *sum)                                       \
    {                                                                                              \
        if (p == 1) {                                                                              \
            for (int64_t c = 0; c < d; c++)                                                        \
                sum[c] += x[c] > z[c] ? weight : x[c] < z[c] ? -weight : 0;                        \
        } else if (isinf(p)) {                                                                     \
            double most = 0;                                                                       \
            _Pragma("omp simd reduction(max : most)") for (int64_t c = 0; c < d; c++)              \
            {                                                                                      \
                double size = fabs((double)x[c] - (double)z[c]);                                   \
                most = size > most ? size : most;                                                  \
            }                                                                                      \
            for (int64_t c = 0; c < d; c++) {                                                      \
                double size = (double)x[c] - (double)z[c];                                         \
                sum[c] += size == most ? weight : size == -most ? -weight : 0;                     \
            }                                                                                      \
        } else {                                                                                   \
            for (int64_t c = 0; c < d; c++) {                                                      \
                double size = (double)x[c] - (double)z[c];                                         \
                sum[c] +=                                                                          \
                    size == 0 ? 0 : (size < 0 ? -weight : weight) * power(fabs(size) / y, p - 1);  \
            }                                                                                      \
        }                                                                                          \
    }
PAIR(add_pair_f32, float)
PAIR(add_pair_f64, double)

static void add_pair(const side *s, int64_t i, int64_t j, double *sum)
{
    double y = load(s->wide, s->y, i * s->row + j * s->column),
           weight = load(s->wide, s->dy, i * s->row + j * s->column);
    int64_t d = s->sizes->d;
    if (y == 0 || weight == 0 || s->sizes->p == 0)
        return;
    if (s->wide)
        add_pair_f64(d, s->sizes->p, weight, y, (const double *)s->x + i * d,
                     (const double *)s->z + j * d, sum);
    else
        add_pair_f32(d, s->sizes->p, weight, y, (const float *)s->x + i * d,
                     (const float *)s->z + j * d, sum);
}

static void side_rows(void *context, int64_t begin, int64_t end, int worker)
{
    const side *s = context;
    int64_t d = s->sizes->d;
    double *sum = s->scratch + (int64_t)worker * d;
    for (int64_t i = begin; i < end; i++) {
        memset(sum, 0, (size_t)d * sizeof *sum);
        for (int64_t j = 0; j < s->n; j++)
            add_pair(s, i, j, sum);
        for (int64_t c = 0; c < d; c++)
            store(s->wide, s->dx, i * d + c, sum[c]);
    }
}

CALR_CLONES static void widen(bool wide, int64_t n, const char *x, double *y)
{
    if (wide)
        memcpy(y, x, (size_t)n * sizeof *y);
    else
        for (int64_t i = 0; i < n; i++)
            y[i] = (double)((const float *)x)[i];
}

CALR_CLONES static void narrow(bool wide, int64_t n, const double *x, char *y)
{
    if (wide)
        memcpy(y, x, (size_t)n * sizeof *x);
    else
        for (int64_t i = 0; i < n; i++)
            ((float *)y)[i] = (float)x[i];
}

CALR_CLONES static void scale_row(int64_t n, double by, double *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] *= by;
}

/* For p = 2: dx = rows of x times the sum of their weights, minus weights z; in double, where this cancels little. */
static calr_status side_squares(const side *s)
{
    int64_t m = s->m, n = s->n, d = s->sizes->d;
    double *w = calr_array_new(m * n, sizeof *w), *z = calr_array_new(n * d, sizeof *z),
           *dx = calr_array_new(m * d, sizeof *dx);
    calr_status status = CALR_OK;
    if (w && z && dx) {
        widen(s->wide, n * d, s->z, z);
        widen(s->wide, m * d, s->x, dx);
        for (int64_t i = 0; i < m; i++) {
            double all = 0;
            for (int64_t j = 0; j < n; j++) {
                double y = load(s->wide, s->y, i * s->row + j * s->column),
                       weight = load(s->wide, s->dy, i * s->row + j * s->column);
                all += w[i * n + j] = y == 0 ? 0 : weight / y;
            }
            scale_row(d, all, dx + i * d);
        }
        calr_blas_product(CALR_F64, false, false, m, d, n, -1, w, n, z, d, true, dx, d);
        narrow(s->wide, m * d, dx, s->dx);
    } else {
        status = calr_error(CALR_ENOMEM, "no memory for the gradient of distances");
    }
    free(w), free(z), free(dx);
    return status;
}

/* All matrices of the batch, one side. */
static calr_status run_side(side s, size_t size)
{
    bool squares = s.sizes->p == 2;
    size_t rows = (size_t)(s.m * s.sizes->d) * size, others = (size_t)(s.n * s.sizes->d) * size,
           pairs = (size_t)(s.m * s.n) * size;
    calr_status status = CALR_OK;
    if (!squares) {
        s.scratch = calr_array_new(calr_parallel_threads() * s.sizes->d, sizeof *s.scratch);
        if (!s.scratch)
            return calr_error(CALR_ENOMEM, "no memory for the gradient of distances");
    }
    for (int64_t item = 0; status == CALR_OK && item < s.sizes->count; item++) {
        status = squares ? side_squares(&s) : calr_parallel_try(s.m, 1, side_rows, &s);
        s.x += rows, s.dx += rows, s.z += others, s.y += pairs, s.dy += pairs;
    }
    free(s.scratch);
    return status;
}

calr_status calr_cpu_distances_backward(const calr_distances *sizes, const void *a, const void *b,
                                        const void *y, const void *dy, void *da, void *db)
{
    size_t size = calr_dtype_size(sizes->dtype);
    side s = {.sizes = sizes,
              .wide = sizes->dtype == CALR_F64,
              .m = sizes->m,
              .n = sizes->n,
              .row = sizes->n,
              .column = 1,
              .x = a,
              .z = b,
              .y = y,
              .dy = dy,
              .dx = da};
    if (da)
        CALR_TRY(run_side(s, size));
    s.m = sizes->n, s.n = sizes->m, s.row = 1, s.column = sizes->n;
    s.x = b, s.z = a, s.dx = db;
    return db ? run_side(s, size) : CALR_OK;
}
