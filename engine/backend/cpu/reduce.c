/* Reductions: x, outer x n x inner, to y, outer x inner.
 *
 * All are one sweep over rows with an accumulator for each column. Where inner is small, several rows lie side by side
 * as one wide row, whose accumulators are folded at the end, so that a sum of a vector is the same loop. Where there
 * are few outputs, n is cut into chunks with accumulators of their own, merged in order. All this depends on the sizes
 * alone, and nothing on the width of the processor's vectors, so the bits are the same for any number of threads. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/exponential.h"
#include "backend/cpu/kernels.h"

enum {
    WIDEST = 256, /* accumulators of an item */
    LANES = 128,  /* of several rows side by side */
    LINE = 16,    /* of a line of up to LINE_MOST numbers */
    LINE_MOST = 4096,
    FAR = 4 << 20,     /* bytes that come from memory */
    ACROSS = 64,       /* items of very few numbers that are worked on together */
    MOST_CHUNKS = 256, /* of n */
    ENOUGH_ITEMS = 16  /* as many need not be cut into chunks */
};

typedef struct plan {
    const calr_reduce *r;
    int64_t n, inner;
    bool across;          /* an item is ACROSS rows of n neighbours */
    bool lines;           /* an item is a line of neighbours */
    int64_t group;        /* rows side by side, a power of two */
    int64_t width;        /* columns of an item, the last one excepted */
    int64_t blocks;       /* items that share the rows */
    int64_t chunks, rows; /* of n; rows of a chunk */
    int at_once;          /* rows: 4, or 1 */
    double p;
    double divisor;                                          /* of a mean or a variance */
    enum { AS_IT_IS, ROOT, POWER, STANDARD, LOGARITHM } end; /* what is done to a sum of floats */
    bool wide;                                               /* outputs of floats are double */
    const void *x;
    const void *side; /* a number for each output, or NULL */
    void *y;
    char *slots; /* accumulators of all items, or NULL */
} plan;

static int64_t item_count(const plan *k)
{
    if (k->across)
        return (k->r->outer + ACROSS - 1) / ACROSS;
    return k->r->outer * k->blocks * k->chunks;
}

static void make_plan(const calr_reduce *r, plan *k)
{
    *k = (plan){
        .r = r, .n = r->n, .inner = r->inner, .group = 1, .chunks = 1, .divisor = 1, .p = r->p};
    k->across = r->inner == 1 && r->n < 16 && r->outer >= ACROSS;
    k->width = calr_min64(r->inner, WIDEST);
    k->blocks = k->width > 0 ? (r->inner + k->width - 1) / k->width : 0;
    while (2 * k->group * r->inner <= LANES && 8 * k->group <= r->n)
        k->group *= 2;
    k->lines = r->inner == 1 && r->n >= 4 * LINE && r->n <= LINE_MOST;
    if (k->lines)
        k->group = LINE;
    int64_t items = r->outer * k->blocks, work = k->n * k->width;
    if (items > 0 && items < ENOUGH_ITEMS && work >= 2 * CALR_GRAIN)
        k->chunks = calr_min64(work / CALR_GRAIN, MOST_CHUNKS / items);
    /* Four rows at once spare accesses to accumulators; from memory, wide ones take twice as long as one stream. */
    k->at_once = k->group * k->width >= LANES && k->n * r->inner * r->outer >= FAR / 4 ? 1 : 4;
    int64_t step = 4 * k->group;
    k->rows = ((k->n + k->chunks - 1) / k->chunks + step - 1) / step * step;
    k->chunks = k->rows > 0 ? calr_max64(1, (k->n + k->rows - 1) / k->rows) : 1;
}

/* Which rows, columns and outputs an item has. */
typedef struct part {
    int64_t outer, first, width, row, rows;
} part;

CALR_INLINE part part_of(const plan *k, int64_t item)
{
    if (k->chunks == 1 &&
        k->blocks == 1) /* spares divisions, which take longer than a short line */
        return (part){.outer = item, .width = k->inner, .rows = k->n};
    int64_t chunk = item % k->chunks, block = item / k->chunks % k->blocks;
    part p = {
        .outer = item / k->chunks / k->blocks, .first = block * k->width, .row = chunk * k->rows};
    p.width = calr_min64(k->width, k->inner - p.first);
    p.rows = calr_min64(k->rows, k->n - p.row);
    return p;
}

/* ---- types ---- TYPED(f32, LOW) is f32_LOW. PLACES: numbers of rows, as wide as the elements. */

#define TYPED_(type, what) type##_##what
#define TYPED(type, what)  TYPED_(type, what)

#define f32_ELEMENT    float
#define f32_LOAD(x, i) (x)[i]
#define f32_STORE(v)   (float)(v)
#define f32_LOW        -INFINITY
#define f32_HIGH       INFINITY
#define f32_PLACES     int32_t
#define f32_NOWHERE    INT32_MAX

/* f32 with so many rows that an int32_t does not number them */
#define far_ELEMENT    float
#define far_LOAD(x, i) (x)[i]
#define far_PLACES     int64_t
#define far_NOWHERE    INT64_MAX

#define f64_ELEMENT    double
#define f64_LOAD(x, i) (x)[i]
#define f64_STORE(v)   (v)
#define f64_LOW        -INFINITY
#define f64_HIGH       INFINITY
#define f64_PLACES     int64_t
#define f64_NOWHERE    INT64_MAX

#define bf16_ELEMENT    calr_bf16
#define bf16_LOAD(x, i) calr_bf16_to_f32((x)[i])
#define bf16_STORE(v)   calr_bf16_from_f32((float)(v))

#define i64_ELEMENT    int64_t
#define i64_LOAD(x, i) (x)[i]
#define i64_LOW        INT64_MIN
#define i64_HIGH       INT64_MAX
#define i64_PLACES     int64_t
#define i64_NOWHERE    INT64_MAX

#define i32_ELEMENT    int32_t
#define i32_LOAD(x, i) (x)[i]

#define u8_ELEMENT    uint8_t
#define u8_LOAD(x, i) (x)[i]

/* ---- what sums end in ---- */

/* A sum of floats into what was asked for. `largest` was taken out of exponents. */
CALR_INLINE double ended(const plan *k, double a, double largest)
{
    switch (k->end) {
    case ROOT:
        return sqrt(a);
    case POWER:
        return pow(a, 1 / k->p);
    case STANDARD:
        return sqrt(a / k->divisor);
    case LOGARITHM:
        return isfinite(largest) ? largest + log(a) : largest;
    default:
        return a / k->divisor;
    }
}

#define PUT_ENDED(TYPE, k, at, a, largest)                                                         \
    do {                                                                                           \
        double v = ended(k, a, largest);                                                           \
        if ((k)->wide)                                                                             \
            ((double *)(k)->y)[at] = v;                                                            \
        else                                                                                       \
            ((TYPED(TYPE, ELEMENT) *)(k)->y)[at] = TYPED(TYPE, STORE)(v);                          \
    } while (0)
#define PUT_FLOAT(TYPE, k, at, a) PUT_ENDED(TYPE, k, at, a, 0)
#define PUT_LOGARITHM(TYPE, k, at, a)                                                              \
    PUT_ENDED(TYPE, k, at, a, ((const TYPED(TYPE, ELEMENT) *)(k)->side)[at])
#define PUT_I64(TYPE, k, at, a)   ((int64_t *)(k)->y)[at] = (a)
#define PUT(TYPE, k, at, a)       ((TYPED(TYPE, ELEMENT) *)(k)->y)[at] = (a)
#define PUT_COUNT(TYPE, k, at, a) put_count(k, at, a)

static void put_count(const plan *k, int64_t at, int64_t count)
{
    calr_reduction op = k->r->op;
    if (op == CALR_REDUCE_ANY || op == CALR_REDUCE_ALL)
        ((uint8_t *)k->y)[at] = op == CALR_REDUCE_ANY ? count > 0 : count == k->n;
    else if (op == CALR_REDUCE_COUNT)
        ((int64_t *)k->y)[at] = count;
    else if (k->r->dtype == CALR_F32)
        ((float *)k->y)[at] = (float)count;
    else
        ((double *)k->y)[at] = (double)count;
}

/* ---- families ---- without branches, so that loops are vectorised */

#define IS_NAN(v)                     ((v) != (v))
#define GREATER(v, a)                 (((v) > (a)) | IS_NAN(v))
#define SMALLER(v, a)                 (((v) < (a)) | IS_NAN(v))
#define SAME(v, s)                    (((v) == (s)) | (IS_NAN(v) & IS_NAN(s)))
#define ADD(a, b)                     ((a) + (b))
#define TIMES(a, b)                   ((a) * (b))
#define SIZE(v)                       _Generic((v), float : fabsf, double : fabs)(v)
#define RAISED(v, p)                  _Generic((v), float : powf, double : pow)(v, p)
#define EXP_BELOW(v)                  _Generic((v), float : calr_exp_below, double : exp)(v)
#define WRAP_ADD(a, b)                (int64_t)((uint64_t)(a) + (uint64_t)(b))
#define WRAP_TIMES(a, b)              (int64_t)((uint64_t)(a) * (uint64_t)(b))
#define IT(TYPE, a, row, group, lane) (a)

/* floats, in double */
#define sum_A(TYPE)             double
#define sum_S(TYPE)             TYPED(TYPE, ELEMENT)
#define sum_SIDE                0
#define sum_START(TYPE)         0
#define sum_STEP(a, v, s, i, p) ADD(a, (double)(v))
#define sum_MERGE               ADD
#define sum_PLACE               IT
#define sum_FINISH              PUT_FLOAT
#define FAMILY                  sum
#define TYPE                    f32
#include "backend/cpu/reduce_template.h"
#define TYPE f64
#include "backend/cpu/reduce_template.h"
#define TYPE bf16
#include "backend/cpu/reduce_template.h"
#undef FAMILY

/* integers */
#define whole_sum_A(TYPE)             int64_t
#define whole_sum_S(TYPE)             TYPED(TYPE, ELEMENT)
#define whole_sum_SIDE                0
#define whole_sum_START(TYPE)         0
#define whole_sum_STEP(a, v, s, i, p) WRAP_ADD(a, v)
#define whole_sum_MERGE               WRAP_ADD
#define whole_sum_PLACE               IT
#define whole_sum_FINISH              PUT_I64
#define FAMILY                        whole_sum
#define TYPE                          i64
#include "backend/cpu/reduce_template.h"
#define TYPE i32
#include "backend/cpu/reduce_template.h"
#define TYPE u8
#include "backend/cpu/reduce_template.h"
#undef FAMILY

#define product_A(TYPE)             double
#define product_S(TYPE)             TYPED(TYPE, ELEMENT)
#define product_SIDE                0
#define product_START(TYPE)         1
#define product_STEP(a, v, s, i, p) TIMES(a, (double)(v))
#define product_MERGE               TIMES
#define product_PLACE               IT
#define product_FINISH              PUT_FLOAT
#define FAMILY                      product
#define TYPE                        f32
#include "backend/cpu/reduce_template.h"
#define TYPE f64
#include "backend/cpu/reduce_template.h"
#undef FAMILY

#define whole_product_A(TYPE)             int64_t
#define whole_product_S(TYPE)             TYPED(TYPE, ELEMENT)
#define whole_product_SIDE                0
#define whole_product_START(TYPE)         1
#define whole_product_STEP(a, v, s, i, p) WRAP_TIMES(a, v)
#define whole_product_MERGE               WRAP_TIMES
#define whole_product_PLACE               IT
#define whole_product_FINISH              PUT_I64
#define FAMILY                            whole_product
#define TYPE                              i64
#include "backend/cpu/reduce_template.h"
#undef FAMILY

/* what is not 0 */
#define count_A(TYPE)             int64_t
#define count_S(TYPE)             TYPED(TYPE, ELEMENT)
#define count_SIDE                0
#define count_START(TYPE)         0
#define count_STEP(a, v, s, i, p) ((a) + ((v) != 0))
#define count_MERGE               ADD
#define count_PLACE               IT
#define count_FINISH              PUT_COUNT
#define FAMILY                    count
#define TYPE                      f32
#include "backend/cpu/reduce_template.h"
#define TYPE f64
#include "backend/cpu/reduce_template.h"
#define TYPE i64
#include "backend/cpu/reduce_template.h"
#define TYPE i32
#include "backend/cpu/reduce_template.h"
#define TYPE u8
#include "backend/cpu/reduce_template.h"
#undef FAMILY

#define largest_A(TYPE)             TYPED(TYPE, ELEMENT)
#define largest_S(TYPE)             TYPED(TYPE, ELEMENT)
#define largest_SIDE                0
#define largest_START(TYPE)         TYPED(TYPE, LOW)
#define largest_STEP(a, v, s, i, p) (GREATER(v, a) ? (v) : (a))
#define largest_MERGE(a, b)         (GREATER(b, a) ? (b) : (a))
#define largest_PLACE               IT
#define largest_FINISH              PUT
#define FAMILY                      largest
#define LINE_BETTER                 >
#define LINE_REDUCTION              max
#define TYPE                        f32
#include "backend/cpu/reduce_template.h"
#define TYPE f64
#include "backend/cpu/reduce_template.h"
#define TYPE i64
#include "backend/cpu/reduce_template.h"
#undef LINE_BETTER
#undef LINE_REDUCTION
#undef FAMILY

#define smallest_A(TYPE)             TYPED(TYPE, ELEMENT)
#define smallest_S(TYPE)             TYPED(TYPE, ELEMENT)
#define smallest_SIDE                0
#define smallest_START(TYPE)         TYPED(TYPE, HIGH)
#define smallest_STEP(a, v, s, i, p) (SMALLER(v, a) ? (v) : (a))
#define smallest_MERGE(a, b)         (SMALLER(b, a) ? (b) : (a))
#define smallest_PLACE               IT
#define smallest_FINISH              PUT
#define FAMILY                       smallest
#define LINE_BETTER                  <
#define LINE_REDUCTION               min
#define TYPE                         f32
#include "backend/cpu/reduce_template.h"
#define TYPE f64
#include "backend/cpu/reduce_template.h"
#define TYPE i64
#include "backend/cpu/reduce_template.h"
#undef LINE_BETTER
#undef LINE_REDUCTION
#undef FAMILY

/* the first row where what is at the side is */
#define first_A(TYPE)             TYPED(TYPE, PLACES)
#define first_S(TYPE)             TYPED(TYPE, ELEMENT)
#define first_SIDE                1
#define first_START(TYPE)         TYPED(TYPE, NOWHERE)
#define first_STEP(a, v, s, i, p) ((SAME(v, s) & ((i) < (a))) ? (i) : (a))
#define first_MERGE(a, b)         ((b) < (a) ? (b) : (a))
#define first_PLACE(TYPE, a, row, group, lane)                                                     \
    ((a) == TYPED(TYPE, NOWHERE) ? (a)                                                             \
                                 : (TYPED(TYPE, PLACES))((row) + (group) * (int64_t)(a) + (lane)))
#define first_FINISH PUT_I64
#define FAMILY       first
#define TYPE         f32
#include "backend/cpu/reduce_template.h"
#define TYPE far
#include "backend/cpu/reduce_template.h"
#define TYPE f64
#include "backend/cpu/reduce_template.h"
#define TYPE i64
#include "backend/cpu/reduce_template.h"
#undef FAMILY

/* for norms */
#define sizes_A(TYPE)             double
#define sizes_S(TYPE)             TYPED(TYPE, ELEMENT)
#define sizes_SIDE                0
#define sizes_START(TYPE)         0
#define sizes_STEP(a, v, s, i, p) ADD(a, fabs((double)(v)))
#define sizes_MERGE               ADD
#define sizes_PLACE               IT
#define sizes_FINISH              PUT_FLOAT
#define FAMILY                    sizes
#define TYPE                      f32
#include "backend/cpu/reduce_template.h"
#define TYPE f64
#include "backend/cpu/reduce_template.h"
#undef FAMILY

#define squares_A(TYPE)             double
#define squares_S(TYPE)             TYPED(TYPE, ELEMENT)
#define squares_SIDE                0
#define squares_START(TYPE)         0
#define squares_STEP(a, v, s, i, p) ADD(a, (double)(v) * (double)(v))
#define squares_MERGE               ADD
#define squares_PLACE               IT
#define squares_FINISH              PUT_FLOAT
#define FAMILY                      squares
#define TYPE                        f32
#include "backend/cpu/reduce_template.h"
#define TYPE f64
#include "backend/cpu/reduce_template.h"
#undef FAMILY

#define powers_A(TYPE)             double
#define powers_S(TYPE)             TYPED(TYPE, ELEMENT)
#define powers_SIDE                0
#define powers_START(TYPE)         0
#define powers_STEP(a, v, s, i, p) ADD(a, (double)RAISED(SIZE(v), p))
#define powers_MERGE               ADD
#define powers_PLACE               IT
#define powers_FINISH              PUT_FLOAT
#define FAMILY                     powers
#define TYPE                       f32
#include "backend/cpu/reduce_template.h"
#define TYPE f64
#include "backend/cpu/reduce_template.h"
#undef FAMILY

#define largest_size_A(TYPE)             TYPED(TYPE, ELEMENT)
#define largest_size_S(TYPE)             TYPED(TYPE, ELEMENT)
#define largest_size_SIDE                0
#define largest_size_START(TYPE)         0
#define largest_size_STEP(a, v, s, i, p) (GREATER(SIZE(v), a) ? SIZE(v) : (a))
#define largest_size_MERGE               largest_MERGE
#define largest_size_PLACE               IT
#define largest_size_FINISH              PUT
#define FAMILY                           largest_size
#define TYPE                             f32
#include "backend/cpu/reduce_template.h"
#define TYPE f64
#include "backend/cpu/reduce_template.h"
#undef FAMILY

#define smallest_size_A(TYPE)             TYPED(TYPE, ELEMENT)
#define smallest_size_S(TYPE)             TYPED(TYPE, ELEMENT)
#define smallest_size_SIDE                0
#define smallest_size_START(TYPE)         INFINITY
#define smallest_size_STEP(a, v, s, i, p) (SMALLER(SIZE(v), a) ? SIZE(v) : (a))
#define smallest_size_MERGE               smallest_MERGE
#define smallest_size_PLACE               IT
#define smallest_size_FINISH              PUT
#define FAMILY                            smallest_size
#define TYPE                              f32
#include "backend/cpu/reduce_template.h"
#define TYPE f64
#include "backend/cpu/reduce_template.h"
#undef FAMILY

/* of a variance, around the mean */
#define spread_A(TYPE)             double
#define spread_S(TYPE)             double
#define spread_SIDE                1
#define spread_START(TYPE)         0
#define spread_STEP(a, v, s, i, p) ADD(a, ((double)(v)-s) * ((double)(v)-s))
#define spread_MERGE               ADD
#define spread_PLACE               IT
#define spread_FINISH              PUT_FLOAT
#define FAMILY                     spread
#define TYPE                       f32
#include "backend/cpu/reduce_template.h"
#define TYPE f64
#include "backend/cpu/reduce_template.h"
#undef FAMILY

/* the largest element taken out */
#define exponentials_A(TYPE)             double
#define exponentials_S(TYPE)             TYPED(TYPE, ELEMENT)
#define exponentials_SIDE                1
#define exponentials_START(TYPE)         0
#define exponentials_STEP(a, v, s, i, p) ADD(a, (double)EXP_BELOW((v)-s))
#define exponentials_MERGE               ADD
#define exponentials_PLACE               IT
#define exponentials_FINISH              PUT_LOGARITHM
#define FAMILY                           exponentials
#define TYPE                             f32
#include "backend/cpu/reduce_template.h"
#define TYPE f64
#include "backend/cpu/reduce_template.h"
#undef FAMILY

/* for gradients: how many are what is at the side */
#define equals_A(TYPE)             double
#define equals_S(TYPE)             TYPED(TYPE, ELEMENT)
#define equals_SIDE                1
#define equals_START(TYPE)         0
#define equals_STEP(a, v, s, i, p) ADD(a, (double)SAME(v, s))
#define equals_MERGE               ADD
#define equals_PLACE               IT
#define equals_FINISH              PUT_FLOAT
#define FAMILY                     equals
#define TYPE                       f32
#include "backend/cpu/reduce_template.h"
#define TYPE f64
#include "backend/cpu/reduce_template.h"
#undef FAMILY

#define equal_sizes_A(TYPE)             double
#define equal_sizes_S(TYPE)             TYPED(TYPE, ELEMENT)
#define equal_sizes_SIDE                1
#define equal_sizes_START(TYPE)         0
#define equal_sizes_STEP(a, v, s, i, p) ADD(a, (double)SAME(SIZE(v), s))
#define equal_sizes_MERGE               ADD
#define equal_sizes_PLACE               IT
#define equal_sizes_FINISH              PUT_FLOAT
#define FAMILY                          equal_sizes
#define TYPE                            f32
#include "backend/cpu/reduce_template.h"
#define TYPE f64
#include "backend/cpu/reduce_template.h"
#undef FAMILY

#define nonzeros_A(TYPE)             double
#define nonzeros_S(TYPE)             TYPED(TYPE, ELEMENT)
#define nonzeros_SIDE                0
#define nonzeros_START(TYPE)         1
#define nonzeros_STEP(a, v, s, i, p) TIMES(a, (v) != 0 ? (double)(v) : 1)
#define nonzeros_MERGE               TIMES
#define nonzeros_PLACE               IT
#define nonzeros_FINISH              PUT_FLOAT
#define FAMILY                       nonzeros
#define TYPE                         f32
#include "backend/cpu/reduce_template.h"
#define TYPE f64
#include "backend/cpu/reduce_template.h"
#undef FAMILY

/* ---- running them ---- */

typedef struct kernel {
    calr_parallel_body body;
    void (*merge)(const plan *k);
    size_t accumulator; /* bytes */
} kernel;

#define KERNEL(family, type)                                                                       \
    {                                                                                              \
        family##_##type, family##_##type##_merge, sizeof(family##_A(type))                         \
    }

static calr_status run(const kernel *with, plan *k)
{
    int64_t items = item_count(k);
    if (k->chunks > 1) {
        k->slots = calr_array_new(items * k->width, with->accumulator);
        if (!k->slots)
            return calr_error(CALR_ENOMEM, "no memory for the working space of a reduction");
    }
    int64_t work = k->across ? ACROSS * k->n : k->rows * k->width;
    calr_parallel_for(items, calr_row_grain(work), with->body, k);
    if (k->slots)
        with->merge(k);
    free(k->slots);
    k->slots = NULL;
    return CALR_OK;
}

typedef enum family {
    SUMS,
    PRODUCTS,
    COUNTS,
    LARGEST,
    SMALLEST,
    FIRST,
    FAR_FIRST,
    SIZES,
    SQUARES,
    POWERS,
    LARGEST_SIZE,
    SMALLEST_SIZE,
    SPREAD,
    EXPONENTIALS,
    EQUALS,
    EQUAL_SIZES,
    NONZEROS
} family;

#define FLOATS(name) [CALR_F32] = KERNEL(name, f32), [CALR_F64] = KERNEL(name, f64)

static const kernel kernels[][CALR_DTYPES] = {
    [SUMS] = {FLOATS(sum), [CALR_BF16] = KERNEL(sum, bf16), [CALR_I64] = KERNEL(whole_sum, i64),
              [CALR_I32] = KERNEL(whole_sum, i32), [CALR_U8] = KERNEL(whole_sum, u8),
              [CALR_BOOL] = KERNEL(whole_sum, u8)},
    [PRODUCTS] = {FLOATS(product), [CALR_I64] = KERNEL(whole_product, i64)},
    [COUNTS] = {FLOATS(count), [CALR_I64] = KERNEL(count, i64), [CALR_I32] = KERNEL(count, i32),
                [CALR_U8] = KERNEL(count, u8), [CALR_BOOL] = KERNEL(count, u8)},
    [LARGEST] = {FLOATS(largest), [CALR_I64] = KERNEL(largest, i64)},
    [SMALLEST] = {FLOATS(smallest), [CALR_I64] = KERNEL(smallest, i64)},
    [FIRST] = {FLOATS(first), [CALR_I64] = KERNEL(first, i64)},
    [FAR_FIRST] = {[CALR_F32] = KERNEL(first, far)},
    [SIZES] = {FLOATS(sizes)},
    [SQUARES] = {FLOATS(squares)},
    [POWERS] = {FLOATS(powers)},
    [LARGEST_SIZE] = {FLOATS(largest_size)},
    [SMALLEST_SIZE] = {FLOATS(smallest_size)},
    [SPREAD] = {FLOATS(spread)},
    [EXPONENTIALS] = {FLOATS(exponentials)},
    [EQUALS] = {FLOATS(equals)},
    [EQUAL_SIZES] = {FLOATS(equal_sizes)},
    [NONZEROS] = {FLOATS(nonzeros)},
};

static family norm_family(double p)
{
    return p == 0      ? COUNTS
           : p == 1    ? SIZES
           : p == 2    ? SQUARES
           : !isinf(p) ? POWERS
           : p > 0     ? LARGEST_SIZE
                       : SMALLEST_SIZE;
}

static family family_of(const calr_reduce *r)
{
    static const family families[] = {
        [CALR_REDUCE_SUM] = SUMS,
        [CALR_REDUCE_MEAN] = SUMS,
        [CALR_REDUCE_PROD] = PRODUCTS,
        [CALR_REDUCE_MAX] = LARGEST,
        [CALR_REDUCE_MIN] = SMALLEST,
        [CALR_REDUCE_COUNT] = COUNTS,
        [CALR_REDUCE_ANY] = COUNTS,
        [CALR_REDUCE_ALL] = COUNTS,
        [CALR_REDUCE_VAR] = SPREAD,
        [CALR_REDUCE_STD] = SPREAD,
        [CALR_REDUCE_LOGSUMEXP] = EXPONENTIALS,
    };
    return r->op == CALR_REDUCE_NORM ? norm_family(r->p) : families[r->op];
}

bool calr_reduce_takes(calr_reduction op, calr_dtype dtype)
{
    calr_reduce r = {.op = op, .p = 2};
    bool mean = op == CALR_REDUCE_MEAN && !calr_dtype_is_float(dtype);
    return !mean && kernels[family_of(&r)][dtype].body != NULL;
}

calr_status calr_cpu_reduce_statistic(calr_reduce_statistic what, const calr_reduce *r,
                                      const void *x, const void *side, double *out)
{
    static const family families[] = {[CALR_STATISTIC_MEAN] = SUMS,
                                      [CALR_STATISTIC_EQUALS] = EQUALS,
                                      [CALR_STATISTIC_EQUAL_SIZES] = EQUAL_SIZES,
                                      [CALR_STATISTIC_NONZEROS] = NONZEROS};
    plan k;
    make_plan(r, &k);
    k.x = x, k.side = side, k.y = out, k.wide = true;
    if (what == CALR_STATISTIC_MEAN)
        k.divisor = (double)r->n;
    return run(&kernels[families[what]][r->dtype], &k);
}

/* A variance: the mean first, then the squares around it. */
static calr_status variance(const calr_reduce *r, const void *x, plan *k)
{
    double *mean = calr_array_new(r->outer * r->inner, sizeof(double));
    if (!mean)
        return calr_error(CALR_ENOMEM, "no memory for the means of a variance");
    calr_status status = calr_cpu_reduce_statistic(CALR_STATISTIC_MEAN, r, x, NULL, mean);
    k->side = mean;
    k->divisor = fmax(0, (double)r->n - r->p);
    k->end = r->op == CALR_REDUCE_STD ? STANDARD : AS_IT_IS;
    if (status == CALR_OK)
        status = run(&kernels[SPREAD][r->dtype], k);
    free(mean);
    return status;
}

calr_status calr_cpu_reduce(const calr_reduce *r, const void *x, void *y, int64_t *positions)
{
    plan k;
    make_plan(r, &k);
    k.x = x, k.y = y;
    if (r->op == CALR_REDUCE_VAR || r->op == CALR_REDUCE_STD)
        return variance(r, x, &k);
    family f = family_of(r);
    if (r->op == CALR_REDUCE_MEAN)
        k.divisor = (double)r->n;
    if (f == EXPONENTIALS) { /* y has the largest element at first */
        CALR_TRY(run(&kernels[LARGEST][r->dtype], &k));
        k.side = y;
        k.end = LOGARITHM;
    } else if (f == SQUARES || f == POWERS) {
        k.end = f == SQUARES ? ROOT : POWER;
    }
    CALR_TRY(run(&kernels[f][r->dtype], &k));
    if (!positions)
        return CALR_OK;
    k.side = y;
    k.y = positions;
    f = r->dtype == CALR_F32 && r->n >= INT32_MAX ? FAR_FIRST : FIRST;
    return run(&kernels[f][r->dtype], &k);
}
