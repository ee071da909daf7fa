/* Distances between the rows of two matrices, from the differences of their numbers: nothing cancels, and a distance
 * depends on its two rows alone. Squares of f32 numbers are added up in f32 for DEPTH columns, all else in double.
 * Gradients come from the differences too, in the type of the numbers, and are added up in double. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "backend/cpu/kernels.h"

/* ---- forward ---- tiles of TILE x TILE pairs, DEPTH columns at a time */

enum { TILE = 64, DEPTH = 64, SQUARE = 8, FEW = 4, MANY = 8, FEW_TILES = 4 };

/* 64 bytes: a register of AVX-512, two of AVX2. */
typedef double doubles __attribute__((vector_size(64)));
typedef float floats __attribute__((vector_size(64)));
typedef int64_t mask __attribute__((vector_size(64)));

/* Numbers of a row of a square that is transposed. */
typedef double eight_doubles __attribute__((vector_size(SQUARE * sizeof(double))));
typedef float eight_floats __attribute__((vector_size(SQUARE * sizeof(float))));

/* TILE rows of a and, transposed, of b: DEPTH columns of each. */
typedef struct wide_tile {
    doubles a[TILE * DEPTH * sizeof(double) / sizeof(doubles)];
    doubles b[DEPTH * TILE * sizeof(double) / sizeof(doubles)];
} wide_tile;

typedef struct narrow_tile {
    floats a[TILE * DEPTH * sizeof(float) / sizeof(floats)];
    floats b[DEPTH * TILE * sizeof(float) / sizeof(floats)];
    floats sum[TILE * TILE * sizeof(float) / sizeof(floats)]; /* of DEPTH columns */
} narrow_tile;

typedef struct tiles {
    union {
        wide_tile wide;
        narrow_tile narrow;
    };
    doubles sum[TILE * TILE * sizeof(double) / sizeof(doubles)];
} tiles;

/* Macros, because a function that returns vectors has another interface in each generation of processors. */
#define SIZE(x)     ((doubles)((mask)(x)&INT64_MAX))
#define KEEPS(s, x) (((x) <= (s)) | ((s) != (s))) /* NaN stays */

/* STEP adds a difference x to the sum s. The sums of `at_once` rows and `across` vectors of columns stay in registers,
 * of which AVX-512 has enough for MANY rows and two: a number of a is loaded once for both, or loads would take longer
 * than sums. */
#define BLOCK(name, real, vector, at_once, across, STEP)                                           \
    CALR_CLONES static void name(const vector *all_a, const vector *all_b, vector *sum,            \
                                 int64_t rows, int64_t depth)                                      \
    {                                                                                              \
        enum { PITCH = TILE * sizeof(real) / sizeof(vector) };                                     \
        for (int64_t i = 0; i < rows; i += at_once)                                                \
            for (int64_t j = 0; j < PITCH; j += across) {                                          \
                const real *a = (const real *)all_a + i * DEPTH;                                   \
                const vector *b = all_b + j;                                                       \
                vector *to = sum + i * PITCH + j;                                                  \
                vector s[at_once][across], x;                                                      \
                for (int r = 0; r < at_once; r++)                                                  \
                    for (int l = 0; l < across; l++)                                               \
                        s[r][l] = to[r * PITCH + l];                                               \
                for (int64_t c = 0; c < depth; c++, b += PITCH) {                                  \
                    _Pragma("GCC unroll 8") for (int r = 0; r < at_once; r++)                      \
                    {                                                                              \
                        real v = a[r * DEPTH + c];                                                 \
                        _Pragma("GCC unroll 2") for (int l = 0; l < across; l++)                   \
                        {                                                                          \
                            x = b[l] - v;                                                          \
                            s[r][l] = STEP(s[r][l], x);                                            \
                        }                                                                          \
                    }                                                                              \
                }                                                                                  \
                for (int r = 0; r < at_once; r++)                                                  \
                    for (int l = 0; l < across; l++)                                               \
                        to[r * PITCH + l] = s[r][l];                                               \
            }                                                                                      \
    }
#define ADD_SQUARE(s, x) ((s) + (x) * (x))
#define ADD_SIZE(s, x)   ((s) + SIZE(x))
#define TAKE_LARGER(s, x)                                                                          \
    ((doubles)(((mask)(s)&KEEPS(s, SIZE(x))) | ((mask)SIZE(x) & ~KEEPS(s, SIZE(x)))))
BLOCK(add_squares, double, doubles, FEW, 1, ADD_SQUARE)
BLOCK(add_squares_of_many, double, doubles, MANY, 2, ADD_SQUARE)
BLOCK(add_narrow_squares, float, floats, FEW, 1, ADD_SQUARE)
BLOCK(add_narrow_squares_of_many, float, floats, MANY, 2, ADD_SQUARE)
BLOCK(add_sizes, double, doubles, FEW, 1, ADD_SIZE)
BLOCK(take_larger, double, doubles, FEW, 1, TAKE_LARGER)

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
    const double *a = (const double *)t->wide.a, *b = (const double *)t->wide.b;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < TILE; j++)
            for (int64_t c = 0; c < depth; c++) {
                double x = fabs(a[i * DEPTH + c] - b[c * TILE + j]);
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
    const void *a, *b;
    void *y;
    int64_t height; /* rows of a tile, fewer where there would be too few tiles for all threads */
    int64_t down, across; /* tiles of a matrix of distances */
    bool many;            /* rows at once */
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

/* A square is transposed in three steps, each of which exchanges halves of what the step before left whole. */
#define EXCHANGE(x, y, a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7)             \
    do {                                                                                           \
        __typeof__(x) first_ = __builtin_shufflevector(x, y, a0, a1, a2, a3, a4, a5, a6, a7);      \
        (y) = __builtin_shufflevector(x, y, b0, b1, b2, b3, b4, b5, b6, b7);                       \
        (x) = first_;                                                                              \
    } while (0)
#define BY_ONE(x, y)  EXCHANGE(x, y, 0, 8, 2, 10, 4, 12, 6, 14, 1, 9, 3, 11, 5, 13, 7, 15)
#define BY_TWO(x, y)  EXCHANGE(x, y, 0, 1, 8, 9, 4, 5, 12, 13, 2, 3, 10, 11, 6, 7, 14, 15)
#define BY_FOUR(x, y) EXCHANGE(x, y, 0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15)

/* `depth` columns of rows of a and of b, which have d columns. What lies past the last row of either is 0. */
#define COPY(name, real, kept, eight, tile)                                                        \
    CALR_CLONES static void name(tile *t, int64_t d, const real *a, int64_t rows, const real *b,   \
                                 int64_t columns, int64_t depth)                                   \
    {                                                                                              \
        kept *to_a = (kept *)t->a, *to_b = (kept *)t->b;                                           \
        int64_t even = columns / SQUARE * SQUARE, whole = depth / SQUARE * SQUARE;                 \
        for (int64_t i = 0; i < rows; i++)                                                         \
            for (int64_t c = 0; c < depth; c++)                                                    \
                to_a[i * DEPTH + c] = (kept)a[i * d + c];                                          \
        if (rows < TILE)                                                                           \
            memset(to_a + rows * DEPTH, 0, (size_t)((TILE - rows) * DEPTH) * sizeof *to_a);        \
        if (columns < TILE)                                                                        \
            memset(to_b, 0, sizeof t->b);                                                          \
        for (int64_t i = 0; i < even; i += SQUARE)                                                 \
            for (int64_t c = 0; c < whole; c += SQUARE) {                                          \
                eight x[SQUARE];                                                                   \
                _Pragma("GCC unroll 8") for (int r = 0; r < SQUARE; r++)                           \
                    _Pragma("GCC unroll 8") for (int l = 0; l < SQUARE; l++) x[r][l] =             \
                        (kept)b[(i + r) * d + c + l];                                              \
                for (int r = 0; r < SQUARE; r += 2)                                                \
                    BY_ONE(x[r], x[r + 1]);                                                        \
                for (int r = 0; r < SQUARE; r += 4) {                                              \
                    BY_TWO(x[r], x[r + 2]);                                                        \
                    BY_TWO(x[r + 1], x[r + 3]);                                                    \
                }                                                                                  \
                for (int r = 0; r < SQUARE / 2; r++)                                               \
                    BY_FOUR(x[r], x[r + 4]);                                                       \
                for (int l = 0; l < SQUARE; l++)                                                   \
                    *(eight *)(to_b + (c + l) * TILE + i) = x[l];                                  \
            }                                                                                      \
        for (int64_t i = 0; i < columns; i++)                                                      \
            for (int64_t c = i < even ? whole : 0; c < depth; c++)                                 \
                to_b[c * TILE + i] = (kept)b[i * d + c];                                           \
    }
COPY(copy_f32, float, double, eight_doubles, wide_tile)
COPY(copy_f64, double, double, eight_doubles, wide_tile)
COPY(copy_narrow, float, float, eight_floats, narrow_tile)

CALR_CLONES static void add_narrow_sums(tiles *t, int64_t rows)
{
    const float *from = (const float *)t->narrow.sum;
    double *to = (double *)t->sum;
    for (int64_t i = 0; i < rows * TILE; i++)
        to[i] += (double)from[i];
}

/* Of squares that f32 cannot hold, too large or too small, the sum of all d is made again. */
CALR_CLONES static void mend_narrow_sums(int64_t rows, int64_t columns, int64_t d, const float *a,
                                         const float *b, doubles *sums)
{
    double *sum = (double *)sums, least = 1e-30 * (double)d;
    for (int64_t i = 0; i < rows; i++) {
        int64_t out = 0;
        for (int64_t j = 0; j < columns; j++)
            out += sum[i * TILE + j] < least || sum[i * TILE + j] > (double)FLT_MAX;
        for (int64_t j = 0; out > 0 && j < columns; j++) {
            double *s = &sum[i * TILE + j], all = 0;
            if (!(*s < least || *s > (double)FLT_MAX))
                continue;
            _Pragma("omp simd reduction(+ : all)") for (int64_t c = 0; c < d; c++)
            {
                double x = (double)b[j * d + c] - (double)a[i * d + c];
                all += x * x;
            }
            *s = all;
            out--;
        }
    }
}

#define STORE(name, real)                                                                          \
    CALR_CLONES static void name(int64_t rows, int64_t columns, const doubles *sum, int64_t pitch, \
                                 real *y)                                                          \
    {                                                                                              \
        const double *from = (const double *)sum;                                                  \
        for (int64_t i = 0; i < rows; i++)                                                         \
            for (int64_t c = 0; c < columns; c++)                                                  \
                y[i * pitch + c] = (real)from[i * TILE + c];                                       \
    }
STORE(store_f32, float)
STORE(store_f64, double)

/* Adds what the tile's columns give to its sums. */
static void add_columns(tiles *t, const job *j, int64_t rows, int64_t depth)
{
    wide_tile *w = &t->wide;
    double p = j->sizes->p;
    if (p == 2)
        (j->many ? add_squares_of_many : add_squares)(w->a, w->b, t->sum, rows, depth);
    else if (p == 1)
        add_sizes(w->a, w->b, t->sum, rows, depth);
    else if (isinf(p))
        take_larger(w->a, w->b, t->sum, rows, depth);
    else
        add_powers(t, rows, depth, p);
}

static void add_narrow_columns(tiles *t, const job *j, int64_t rows, int64_t depth)
{
    narrow_tile *n = &t->narrow;
    memset(n->sum, 0, sizeof n->sum);
    (j->many ? add_narrow_squares_of_many : add_narrow_squares)(n->a, n->b, n->sum, rows, depth);
    add_narrow_sums(t, rows);
}

static void fill_tile(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const job *j = context;
    const calr_distances *s = j->sizes;
    bool wide = s->dtype == CALR_F64, narrow = !wide && s->p == 2;
    tiles t;
    for (int64_t number = begin; number < end; number++) {
        int64_t item = number / (j->down * j->across),
                row = number / j->across % j->down * j->height, column = number % j->across * TILE;
        int64_t rows = calr_min64(j->height, s->m - row), columns = calr_min64(TILE, s->n - column);
        int64_t at_a = (item * s->m + row) * s->d, at_b = (item * s->n + column) * s->d;
        const float *a = (const float *)j->a + at_a, *b = (const float *)j->b + at_b;
        memset(t.sum, 0, sizeof t.sum);
        for (int64_t first = 0; first < s->d; first += DEPTH) {
            int64_t depth = calr_min64(DEPTH, s->d - first);
            if (narrow) {
                copy_narrow(&t.narrow, s->d, a + first, rows, b + first, columns, depth);
                add_narrow_columns(&t, j, rows, depth);
                continue;
            }
            if (wide)
                copy_f64(&t.wide, s->d, (const double *)j->a + at_a + first, rows,
                         (const double *)j->b + at_b + first, columns, depth);
            else
                copy_f32(&t.wide, s->d, a + first, rows, b + first, columns, depth);
            add_columns(&t, j, rows, depth);
        }
        if (narrow)
            mend_narrow_sums(rows, columns, s->d, a, b, t.sum);
        take_roots(rows * TILE, (double *)t.sum, s->p);
        int64_t at_y = (item * s->m + row) * s->n + column;
        if (wide)
            store_f64(rows, columns, t.sum, s->n, (double *)j->y + at_y);
        else
            store_f32(rows, columns, t.sum, s->n, (float *)j->y + at_y);
    }
}

calr_status calr_cpu_distances(const calr_distances *sizes, const void *a, const void *b, void *y)
{
    job j = {.sizes = sizes, .a = a, .b = b, .y = y};
    j.across = (sizes->n + TILE - 1) / TILE;
    j.height = TILE;
    while (j.height > TILE / FEW_TILES &&
           sizes->count * j.across * ((sizes->m + j.height - 1) / j.height) < FEW_TILES)
        j.height /= 2;
    j.down = (sizes->m + j.height - 1) / j.height;
    j.many = calr_cpu_vectors() == CALR_VECTORS_AVX512;
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
    double *scratch; /* of each worker */
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

/* p = 2: TOGETHER rows of z are added up before they are widened; the weights of AT_ONCE rows of x, a cache line of
 * them, are made together; WIDTH columns stay in the first cache. */
enum { TOGETHER = 8, AT_ONCE = 16, WIDTH = 1024 };

/* Weights and a row of sums. */
static int64_t squares_scratch(const side *s)
{
    return AT_ONCE * s->n + WIDTH;
}

/* For p = 2: dx = the sum of w (x - z), w = dy / y. In the type of the numbers, which loses nothing where rows are near
 * each other and far from 0, and eight at a time, whose sum is added to the others in double. */
#define SQUARES(name, real)                                                                        \
    CALR_CLONES static void name(int64_t n, int64_t width, int64_t pitch, const real *w,           \
                                 const real *x, const real *z, double *sum)                        \
    {                                                                                              \
        for (; n >= TOGETHER; n -= TOGETHER, w += TOGETHER, z += TOGETHER * pitch) {               \
            const real *z1 = z + pitch, *z2 = z1 + pitch, *z3 = z2 + pitch, *z4 = z3 + pitch,      \
                       *z5 = z4 + pitch, *z6 = z5 + pitch, *z7 = z6 + pitch;                       \
            bool any = false;                                                                      \
            for (int j = 0; j < TOGETHER; j++)                                                     \
                any |= w[j] != 0;                                                                  \
            if (!any)                                                                              \
                continue;                                                                          \
            _Pragma("omp simd") for (int64_t c = 0; c < width; c++)                                \
            {                                                                                      \
                real a = x[c], s = w[0] * (a - z[c]);                                              \
                s += w[1] * (a - z1[c]), s += w[2] * (a - z2[c]), s += w[3] * (a - z3[c]);         \
                s += w[4] * (a - z4[c]), s += w[5] * (a - z5[c]), s += w[6] * (a - z6[c]);         \
                s += w[7] * (a - z7[c]);                                                           \
                sum[c] += (double)s;                                                               \
            }                                                                                      \
        }                                                                                          \
        for (; n > 0; n--, w++, z += pitch) {                                                      \
            if (*w == 0)                                                                           \
                continue;                                                                          \
            _Pragma("omp simd") for (int64_t c = 0; c < width; c++) sum[c] +=                      \
                (double)(*w * (x[c] - z[c]));                                                      \
        }                                                                                          \
    }
SQUARES(add_squares_f32, float)
SQUARES(add_squares_f64, double)

/* w[rows x n] of the rows of x from `first` on. A column of dy and y is read with its neighbours. */
#define WEIGHTS(name, real)                                                                        \
    CALR_CLONES static void name(const side *s, int64_t first, int64_t rows, real *w)              \
    {                                                                                              \
        const real *y = (const real *)s->y + first * s->row;                                       \
        const real *dy = (const real *)s->dy + first * s->row;                                     \
        if (s->column == 1) {                                                                      \
            for (int64_t i = 0; i < rows * s->n; i++)                                              \
                w[i] = y[i] == 0 ? 0 : dy[i] / y[i];                                               \
            return;                                                                                \
        }                                                                                          \
        for (int64_t j = 0; j < s->n; j++, y += s->column, dy += s->column)                        \
            for (int64_t i = 0; i < rows; i++)                                                     \
                w[i * s->n + j] = y[i] == 0 ? 0 : dy[i] / y[i];                                    \
    }
WEIGHTS(weights_f32, float)
WEIGHTS(weights_f64, double)

/* Item `number`: AT_ONCE rows, WIDTH columns. */
static void squares_item(const side *s, int64_t number, double *w, double *sum)
{
    int64_t d = s->sizes->d, across = (d + WIDTH - 1) / WIDTH;
    int64_t first = number / across * AT_ONCE, column = number % across * WIDTH;
    int64_t rows = calr_min64(AT_ONCE, s->m - first), width = calr_min64(WIDTH, d - column);
    if (s->wide)
        weights_f64(s, first, rows, w);
    else
        weights_f32(s, first, rows, (float *)w);
    for (int64_t i = 0; i < rows; i++) {
        int64_t at = (first + i) * d + column;
        memset(sum, 0, (size_t)width * sizeof *sum);
        if (s->wide)
            add_squares_f64(s->n, width, d, w + i * s->n, (const double *)s->x + at,
                            (const double *)s->z + column, sum);
        else
            add_squares_f32(s->n, width, d, (const float *)w + i * s->n, (const float *)s->x + at,
                            (const float *)s->z + column, sum);
        for (int64_t c = 0; c < width; c++)
            store(s->wide, s->dx, at + c, sum[c]);
    }
}

static void squares_items(void *context, int64_t begin, int64_t end, int worker)
{
    const side *s = context;
    double *w = s->scratch + worker * squares_scratch(s);
    for (int64_t number = begin; number < end; number++)
        squares_item(s, number, w, w + AT_ONCE * s->n);
}

static calr_status side_squares(side *s)
{
    int64_t items = (s->m + AT_ONCE - 1) / AT_ONCE * ((s->sizes->d + WIDTH - 1) / WIDTH);
    int64_t work = AT_ONCE * s->n * calr_min64(WIDTH, s->sizes->d);
    return calr_parallel_try(items, calr_row_grain(work), squares_items, s);
}

/* All matrices of the batch, one side. */
static calr_status run_side(side s, size_t size)
{
    bool squares = s.sizes->p == 2;
    int64_t scratch = squares ? squares_scratch(&s) : s.sizes->d;
    size_t rows = (size_t)(s.m * s.sizes->d) * size, others = (size_t)(s.n * s.sizes->d) * size,
           pairs = (size_t)(s.m * s.n) * size;
    calr_status status = CALR_OK;
    s.scratch = calr_array_new(calr_parallel_threads() * scratch, sizeof *s.scratch);
    if (!s.scratch)
        return calr_error(CALR_ENOMEM, "no memory for the gradient of distances");
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
