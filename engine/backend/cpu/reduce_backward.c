/* Gradients of reductions: dx = f(x, u, v), with one or two numbers, u and v, for each output. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/exponential.h"
#include "backend/cpu/kernels.h"

enum { TILE = 256 };

typedef struct mapping {
    int64_t n, inner;
    int64_t group;  /* rows side by side: u and v are repeated for them */
    int64_t blocks; /* of the columns */
    int64_t chunks, rows;
    const void *x, *u, *v;
    void *dx;
    double p;
} mapping;

#define SIGN(x)        ((x) > 0 ? 1 : (x) < 0 ? -1 : (x))
#define IS_NAN(x)      ((x) != (x))
#define SAME(x, v)     (((x) == (v)) | (IS_NAN(x) & IS_NAN(v)))
#define SIZE(x)        _Generic((x), float : fabsf, double : fabs)(x)
#define RAISED(x, p)   _Generic((x), float : powf, double : pow)(x, p)
#define EXPONENTIAL(x) _Generic((x), float : calr_exp_below, double : exp)(x)

/* MAP(name, T, expression of x, u, v and p) defines the loop `name`: an item is a block of columns of a chunk of
 * rows. */
#define MAP(name, T, expression)                                                                   \
    CALR_CLONES static void name(void *context, int64_t begin, int64_t end, int worker)            \
    {                                                                                              \
        const mapping *k = context;                                                                \
        const T p = (T)k->p;                                                                       \
        (void)worker, (void)p;                                                                     \
        for (int64_t item = begin; item < end; item++) {                                           \
            int64_t chunk = item % k->chunks, rest = item / k->chunks;                             \
            int64_t block = rest % k->blocks, outer = rest / k->blocks;                            \
            int64_t first = block * TILE, width = calr_min64(TILE, k->inner - first);              \
            int64_t row = chunk * k->rows, rows = calr_min64(k->rows, k->n - row);                 \
            int64_t lanes = k->group * width, at = (outer * k->n + row) * k->inner + first;        \
            const T *from = (const T *)k->x + at;                                                  \
            T *to = (T *)k->dx + at, us[TILE], vs[TILE];                                           \
            for (int64_t j = 0; j < lanes; j++) {                                                  \
                us[j] = ((const T *)k->u)[outer * k->inner + first + j % width];                   \
                vs[j] = ((const T *)k->v)[outer * k->inner + first + j % width];                   \
            }                                                                                      \
            for (; rows > 0; rows -= k->group) {                                                   \
                int64_t count = calr_min64(k->group, rows) * width;                                \
                _Pragma("omp simd") for (int64_t j = 0; j < count; j++)                            \
                {                                                                                  \
                    const T x = from[j], u = us[j], v = vs[j];                                     \
                    (void)x, (void)v;                                                              \
                    to[j] = (expression);                                                          \
                }                                                                                  \
                from += k->group * k->inner;                                                       \
                to += k->group * k->inner;                                                         \
            }                                                                                      \
        }                                                                                          \
    }
#define MAPS(name, expression)                                                                     \
    MAP(name##_f32, float, expression) MAP(name##_f64, double, expression)

MAPS(line, (x - v) * u)
MAPS(sign, SIGN(x) * u)
MAPS(equal, SAME(x, v) ? u : 0)
MAPS(equal_size, SAME(SIZE(x), v) ? SIGN(x) * u : 0)
MAPS(power, x == 0 ? 0 : SIGN(x) * RAISED(SIZE(x), p - 1) * u)
MAPS(exponential, EXPONENTIAL(x - v) * u)
/* v: how many elements are 0; u: dy times the product of the others */
MAPS(product, v == 0 ? u / x : v == 1 && x == 0 ? u : 0)

/* One reduction's way back. */
typedef struct way {
    const calr_reduce *r;
    const void *x, *y, *dy;
    int64_t outputs;
    double *statistic, *zeros; /* one a output, or NULL */
    void *u, *v;
} way;

static double load(const way *w, const void *x, int64_t i)
{
    return w->r->dtype == CALR_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

static void store(const way *w, void *x, int64_t i, double value)
{
    if (w->r->dtype == CALR_F32)
        ((float *)x)[i] = (float)value;
    else
        ((double *)x)[i] = value;
}

static calr_status take_statistic(const way *w, const void *side, double *out)
{
    calr_reduction op = w->r->op;
    calr_reduce_statistic what = CALR_STATISTIC_EQUALS;
    if (op == CALR_REDUCE_NORM)
        what = CALR_STATISTIC_EQUAL_SIZES;
    else if (op == CALR_REDUCE_VAR || op == CALR_REDUCE_STD)
        what = CALR_STATISTIC_MEAN;
    else if (op == CALR_REDUCE_PROD && !side)
        what = CALR_STATISTIC_NONZEROS;
    return calr_cpu_reduce_statistic(what, w->r, w->x, side, out);
}

/* u and v of output i. */
static void set_output(const way *w, int64_t i)
{
    const calr_reduce *r = w->r;
    double dy = load(w, w->dy, i), y = load(w, w->y, i), u = dy, v = 0;
    double freedom = fmax(0, (double)r->n - r->p);
    switch (r->op) {
    case CALR_REDUCE_PROD:
        u = dy * w->statistic[i];
        v = w->zeros[i];
        break;
    case CALR_REDUCE_NORM:
        v = isinf(r->p) ? y : 0;
        if (isinf(r->p))
            u = dy / w->statistic[i];
        else if (r->p != 1)
            u = y == 0 ? 0 : dy / pow(y, r->p - 1);
        break;
    case CALR_REDUCE_VAR:
        u = 2 * dy / freedom;
        v = w->statistic[i];
        break;
    case CALR_REDUCE_STD:
        u = y == 0 ? 0 : dy / (freedom * y);
        v = w->statistic[i];
        break;
    case CALR_REDUCE_LOGSUMEXP:
        v = y;
        break;
    default: /* the largest and the smallest: shared among equals */
        u = dy / w->statistic[i];
        v = y;
    }
    store(w, w->u, i, u);
    store(w, w->v, i, v);
}

/* What the loop needs of each output. */
static calr_status set_outputs(way *w)
{
    calr_reduction op = w->r->op;
    bool counted = op != CALR_REDUCE_LOGSUMEXP && (op != CALR_REDUCE_NORM || isinf(w->r->p));
    size_t size = calr_dtype_size(w->r->dtype);
    w->u = calr_array_new(w->outputs, size);
    w->v = calloc((size_t)calr_max64(1, w->outputs), size);
    w->statistic = counted ? calr_array_new(w->outputs, sizeof(double)) : NULL;
    w->zeros = op == CALR_REDUCE_PROD ? calr_array_new(w->outputs, sizeof(double)) : NULL;
    if (!w->u || !w->v || (counted && !w->statistic) || (op == CALR_REDUCE_PROD && !w->zeros))
        return calr_error(CALR_ENOMEM, "no memory for the working space of a gradient");
    if (counted)
        CALR_TRY(take_statistic(w, op == CALR_REDUCE_PROD ? NULL : w->y, w->statistic));
    if (w->zeros)
        CALR_TRY(take_statistic(w, w->v, w->zeros));
    for (int64_t i = 0; i < w->outputs; i++)
        set_output(w, i);
    return CALR_OK;
}

static calr_parallel_body loop_of(const calr_reduce *r)
{
#define CHOICE(name) (r->dtype == CALR_F32 ? name##_f32 : name##_f64)
    switch (r->op) {
    case CALR_REDUCE_PROD:
        return CHOICE(product);
    case CALR_REDUCE_NORM:
        return isinf(r->p) ? CHOICE(equal_size)
               : r->p == 1 ? CHOICE(sign)
               : r->p == 2 ? CHOICE(line)
                           : CHOICE(power);
    case CALR_REDUCE_VAR:
    case CALR_REDUCE_STD:
        return CHOICE(line);
    case CALR_REDUCE_LOGSUMEXP:
        return CHOICE(exponential);
    default:
        return CHOICE(equal);
    }
}

static mapping make_mapping(const calr_reduce *r)
{
    mapping k = {.n = r->n, .inner = r->inner, .group = 1, .p = r->p};
    k.blocks = (r->inner + TILE - 1) / TILE;
    if (r->inner > 0 && r->inner < TILE)
        k.group = calr_max64(1, calr_min64(r->n, TILE / r->inner));
    int64_t step = k.group * ((calr_row_grain(calr_min64(r->inner, TILE)) + k.group - 1) / k.group);
    k.rows = calr_min64(step, calr_max64(1, r->n));
    k.chunks = (r->n + k.rows - 1) / k.rows;
    return k;
}

static void run(const calr_reduce *r, calr_parallel_body body, mapping *k)
{
    int64_t work = k->rows * calr_min64(r->inner, TILE);
    calr_parallel_for(r->outer * k->blocks * k->chunks, calr_row_grain(work), body, k);
}

/* ---- of elements whose positions are known ---- dx is 0 elsewhere. */

static void scatter(void *context, int64_t begin, int64_t end, int worker)
{
    const mapping *k = context;
    size_t size = (size_t)k->p;
    (void)worker;
    for (int64_t item = begin; item < end; item++) {
        int64_t chunk = item % k->chunks, outer = item / k->chunks;
        int64_t row = chunk * k->rows, rows = calr_min64(k->rows, k->n - row);
        char *dx = (char *)k->dx + (size_t)(outer * k->n * k->inner) * size;
        const char *dy = (const char *)k->u + (size_t)(outer * k->inner) * size;
        const int64_t *positions = (const int64_t *)k->v + outer * k->inner;
        memset(dx + (size_t)(row * k->inner) * size, 0, (size_t)(rows * k->inner) * size);
        for (int64_t j = 0; j < k->inner; j++)
            if (positions[j] >= row && positions[j] < row + rows)
                memcpy(dx + (size_t)(positions[j] * k->inner + j) * size, dy + (size_t)j * size,
                       size);
    }
}

static void scatter_all(const calr_reduce *r, const int64_t *positions, const void *dy, void *dx)
{
    mapping k = {.n = r->n, .inner = r->inner, .blocks = 1, .u = dy, .v = positions, .dx = dx};
    k.p = (double)calr_dtype_size(r->dtype);
    k.rows = calr_min64(calr_row_grain(r->inner), calr_max64(1, r->n));
    k.chunks = (r->n + k.rows - 1) / k.rows;
    calr_parallel_for(r->outer * k.chunks, calr_row_grain(k.rows * r->inner), scatter, &k);
}

calr_status calr_cpu_reduce_backward(const calr_reduce *r, const void *x, const void *y,
                                     const int64_t *positions, const void *dy, void *dx)
{
    int64_t outputs = r->outer * r->inner;
    if (outputs == 0 || r->n == 0)
        return CALR_OK;
    if (positions) {
        scatter_all(r, positions, dy, dx);
        return CALR_OK;
    }
    if (r->op == CALR_REDUCE_NORM && r->p == 0) {
        memset(dx, 0, (size_t)(outputs * r->n) * calr_dtype_size(r->dtype));
        return CALR_OK;
    }
    way w = {.r = r, .x = x, .y = y, .dy = dy, .outputs = outputs};
    calr_status status = set_outputs(&w);
    if (status == CALR_OK) {
        mapping k = make_mapping(r);
        k.x = x, k.u = w.u, k.v = w.v, k.dx = dx;
        run(r, loop_of(r), &k);
    }
    free(w.u);
    free(w.v);
    free(w.statistic);
    free(w.zeros);
    return status;
}
