/* Items of a dimension by their numbers: taken, written and added to. */
#include <string.h>

#include "backend/cpu/kernels.h"

enum {
    COLUMNS = 256,
    NARROW = 8
}; /* columns that one thread writes; rows that are not worth a call of memcpy */

/* ---- numbers that are out of range ---- */

CALR_CLONES static bool all_below(int64_t count, const int64_t *index, int64_t n)
{
    uint64_t wrong = 0;
    for (int64_t i = 0; i < count; i++)
        wrong |= (uint64_t)index[i] >= (uint64_t)n; /* those below 0 are large without their sign */
    return !wrong;
}

int64_t calr_cpu_index_outside(int64_t count, const int64_t *index, int64_t n)
{
    if (all_below(count, index, n))
        return -1;
    for (int64_t i = 0;; i++)
        if (index[i] < 0 || index[i] >= n)
            return i;
}

/* ---- take ---- */

typedef struct taking {
    calr_index_rows rows;
    size_t size, bytes; /* of an element, and of a row */
    const int64_t *index;
    const char *x;
    char *y;
} taking;

/* TAKE(name, type) defines the loop for narrow rows of elements of that size. */
#define TAKE(name, type)                                                                           \
    static void name(const taking *t, int64_t from, const int64_t *index, int64_t count, void *to) \
    {                                                                                              \
        const type *x = (const type *)t->x + from;                                                 \
        type *y = to;                                                                              \
        int64_t inner = t->rows.inner;                                                             \
        if (inner == 1) {                                                                          \
            for (int64_t i = 0; i < count; i++)                                                    \
                y[i] = x[index[i]];                                                                \
            return;                                                                                \
        }                                                                                          \
        for (int64_t i = 0; i < count; i++)                                                        \
            for (int64_t j = 0; j < inner; j++)                                                    \
                y[i * inner + j] = x[index[i] * inner + j];                                        \
    }

TAKE(take_1, uint8_t)
TAKE(take_2, uint16_t)
TAKE(take_4, uint32_t)
TAKE(take_8, uint64_t)

static void take_narrow(const taking *t, int64_t from, const int64_t *index, int64_t count,
                        void *to)
{
    switch (t->size) {
    case 1:
        take_1(t, from, index, count, to);
        break;
    case 2:
        take_2(t, from, index, count, to);
        break;
    case 4:
        take_4(t, from, index, count, to);
        break;
    default:
        take_8(t, from, index, count, to);
        break;
    }
}

static void take_rows(void *context, int64_t begin, int64_t end, int worker)
{
    const taking *t = context;
    int64_t count = t->rows.count;
    (void)worker;
    while (begin < end) { /* the rows of one outer item */
        int64_t outer = begin / count, first = begin % count;
        int64_t these = calr_min64(end - begin, count - first);
        int64_t from = outer * t->rows.n * t->rows.inner;
        char *y = t->y + (size_t)begin * t->bytes;
        const int64_t *index = t->index + first;
        if (t->rows.inner < NARROW) {
            take_narrow(t, from, index, these, y);
        } else {
            const char *x = t->x + (size_t)from * t->size;
            for (int64_t i = 0; i < these; i++)
                memcpy(y + (size_t)i * t->bytes, x + (size_t)index[i] * t->bytes, t->bytes);
        }
        begin += these;
    }
}

void calr_cpu_take_rows(size_t size, const calr_index_rows *rows, const int64_t *index,
                        const void *x, void *y)
{
    taking t = {.rows = *rows,
                .size = size,
                .bytes = size * (size_t)rows->inner,
                .index = index,
                .x = x,
                .y = y};
    calr_parallel_for(rows->outer * rows->count, calr_row_grain(rows->inner), take_rows, &t);
}

/* ---- put ---- */

typedef struct putting {
    calr_dtype dtype;
    bool add, one; /* one: x is a single number */
    calr_index_rows rows;
    double alpha;
    int64_t whole;         /* alpha, of integers */
    int64_t blocks, width; /* of columns */
    const int64_t *index;
    const void *x;
    void *y;
} putting;

/* A piece of the work: columns begin .. end-1 of the rows of y from `low` to below `high`, of one outer item. */
typedef struct piece {
    int64_t outer, begin, end, low, high;
} piece;

/* PUT(name, type, factor) defines the loops for a type. In the order of the index, so that sums have the same bits
 * for any number of threads, and the last of equal numbers is the one that is kept. */
#define PUT(name, type, factor)                                                                    \
    CALR_INLINE void name##_of(bool add, bool one, const putting *p, piece k)                      \
    {                                                                                              \
        int64_t inner = p->rows.inner, step = one ? 0 : inner;                                     \
        const type *x = (const type *)p->x + (one ? 0 : k.outer * p->rows.count * inner);          \
        type *y = (type *)p->y + k.outer * p->rows.n * inner, alpha = (type)(factor);              \
        for (int64_t i = 0; i < p->rows.count; i++, x += step) {                                   \
            int64_t at = p->index[i];                                                              \
            if (at < k.low || at >= k.high)                                                        \
                continue;                                                                          \
            type *to = y + at * inner;                                                             \
            for (int64_t j = k.begin; j < k.end; j++) {                                            \
                type v = one ? *x : x[j];                                                          \
                to[j] = add ? (type)(to[j] + alpha * v) : v;                                       \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    CALR_CLONES static void name(const putting *p, piece k)                                        \
    {                                                                                              \
        if (p->add && p->one)                                                                      \
            name##_of(true, true, p, k);                                                           \
        else if (p->add)                                                                           \
            name##_of(true, false, p, k);                                                          \
        else if (p->one)                                                                           \
            name##_of(false, true, p, k);                                                          \
        else                                                                                       \
            name##_of(false, false, p, k);                                                         \
    }

PUT(put_f32, float, p->alpha)
PUT(put_f64, double, p->alpha)
PUT(put_u64, uint64_t, p->whole)
PUT(put_u32, uint32_t, p->whole)
PUT(put_u16, uint16_t, p->whole)
PUT(put_u8, uint8_t, p->whole)

static void put_piece(const putting *p, piece k)
{
    if (p->dtype == CALR_F32)
        put_f32(p, k);
    else if (p->dtype == CALR_F64)
        put_f64(p, k);
    else if (calr_dtype_size(p->dtype) == 8)
        put_u64(p, k);
    else if (calr_dtype_size(p->dtype) == 4)
        put_u32(p, k);
    else if (calr_dtype_size(p->dtype) == 2)
        put_u16(p, k);
    else
        put_u8(p, k);
}

static void put_columns(void *context, int64_t begin, int64_t end, int worker)
{
    const putting *p = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        int64_t first = i % p->blocks * p->width;
        piece k = {i / p->blocks, first, calr_min64(first + p->width, p->rows.inner), 0, p->rows.n};
        put_piece(p, k);
    }
}

static void put_some_rows(void *context, int64_t begin, int64_t end, int worker)
{
    const putting *p = context;
    (void)worker;
    put_piece(p, (piece){0, 0, p->rows.inner, begin, end});
}

/* Counting: equal numbers would wait for each other's sum in memory, so tables take turns. Integers, whose sums are the
 * same in any order. */
enum { TABLES = 4, COUNTED_MOST = 1024 };

static bool is_counting(const putting *p)
{
    return p->add && p->one && calr_dtype_size(p->dtype) == 8 && !calr_dtype_is_float(p->dtype) &&
           p->rows.outer == 1 && p->rows.inner == 1 && p->rows.n <= COUNTED_MOST &&
           p->rows.count >= 2 * TABLES * p->rows.n && p->rows.count <= UINT32_MAX;
}

static void count_numbers(const putting *p)
{
    uint32_t times[TABLES][COUNTED_MOST];
    const int64_t *index = p->index;
    int64_t n = p->rows.n, i = 0;
    uint64_t *y = p->y, value = (uint64_t)p->whole * *(const uint64_t *)p->x;
    for (int t = 0; t < TABLES; t++)
        memset(times[t], 0, (size_t)n * sizeof times[t][0]);
    for (; i + TABLES <= p->rows.count; i += TABLES) {
        times[0][index[i]]++;
        times[1][index[i + 1]]++;
        times[2][index[i + 2]]++;
        times[3][index[i + 3]]++;
    }
    for (; i < p->rows.count; i++)
        times[0][index[i]]++;
    for (i = 0; i < n; i++)
        y[i] += value * ((uint64_t)times[0][i] + times[1][i] + times[2][i] + times[3][i]);
}

void calr_cpu_put_rows(calr_dtype dtype, bool add, bool one, const calr_index_rows *rows,
                       double alpha, const int64_t *index, const void *x, void *y)
{
    putting p = {.dtype = dtype,
                 .add = add,
                 .one = one,
                 .rows = *rows,
                 .alpha = alpha,
                 .width = COLUMNS,
                 .index = index,
                 .x = x,
                 .y = y};
    if (!calr_dtype_is_float(dtype))
        p.whole = (int64_t)alpha;
    if (rows->count == 0 || rows->inner == 0)
        return;
    if (is_counting(&p)) {
        count_numbers(&p);
        return;
    }
    p.blocks = (rows->inner + COLUMNS - 1) / COLUMNS;
    int64_t threads = calr_parallel_threads();
    /* Columns are shared among the threads; where there are few, the rows of y are, and every thread reads all
     * numbers. */
    if (rows->outer == 1 && p.blocks < threads && rows->inner >= NARROW &&
        rows->count * rows->inner > CALR_GRAIN) {
        calr_parallel_for(rows->n, calr_max64(1, (rows->n + threads - 1) / threads), put_some_rows,
                          &p);
        return;
    }
    int64_t width = calr_min64(COLUMNS, rows->inner);
    calr_parallel_for(rows->outer * p.blocks, calr_row_grain(rows->count * width), put_columns, &p);
}
