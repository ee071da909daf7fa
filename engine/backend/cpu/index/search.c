/* Places of numbers among sorted ones, and numbers counted by where they fall. */
#include <stdlib.h>

#include "backend/cpu/kernels.h"
#include "tensor/pool.h"

typedef struct searching {
    calr_dtype dtype;
    bool right, shared; /* shared: all rows are looked up in the same sorted one */
    int64_t n, count;   /* of a sorted row, and of a row of numbers */
    const void *sorted, *x;
    int64_t *y;
} searching;

/* SEARCH(name, type) defines the loop for a type. A half is chosen without a jump. Of a comparison with a NaN the
 * outcome is that the NaN comes last. */
#define SEARCH(name, type)                                                                         \
    CALR_INLINE int64_t name##_place(bool right, int64_t n, const type *sorted, type v)            \
    {                                                                                              \
        const type *from = sorted;                                                                 \
        while (n > 1) {                                                                            \
            int64_t half = n / 2;                                                                  \
            bool above = right ? from[half - 1] > v : from[half - 1] >= v;                         \
            from += above ? 0 : half;                                                              \
            n -= half;                                                                             \
        }                                                                                          \
        return from - sorted + (n == 1 && !(right ? *from > v : *from >= v));                      \
    }                                                                                              \
    static void name(const searching *s, int64_t begin, int64_t end)                               \
    {                                                                                              \
        const type *x = s->x;                                                                      \
        for (int64_t i = begin; i < end; i++) {                                                    \
            const type *sorted = (const type *)s->sorted + (s->shared ? 0 : i / s->count * s->n);  \
            s->y[i] = s->right ? name##_place(true, s->n, sorted, x[i])                            \
                               : name##_place(false, s->n, sorted, x[i]);                          \
        }                                                                                          \
    }

SEARCH(search_f32, float)
SEARCH(search_f64, double)
SEARCH(search_i64, int64_t)

static void search_some(void *context, int64_t begin, int64_t end, int worker)
{
    const searching *s = context;
    (void)worker;
    if (s->dtype == CALR_F32)
        search_f32(s, begin, end);
    else if (s->dtype == CALR_F64)
        search_f64(s, begin, end);
    else
        search_i64(s, begin, end);
}

void calr_cpu_search(calr_dtype dtype, bool right, int64_t rows, int64_t n, const void *sorted,
                     bool shared, int64_t count, const void *x, int64_t *y)
{
    searching s = {.dtype = dtype,
                   .right = right,
                   .shared = shared,
                   .n = n,
                   .count = count,
                   .sorted = sorted,
                   .x = x,
                   .y = y};
    calr_parallel_for(rows * count, 4096, search_some, &s);
}

/* ---- histogram ---- */

enum {
    PART = 1 << 15,
    MOST_PARTS = 32
}; /* numbers that one thread counts; each part has counts of its own */

typedef struct counting {
    calr_dtype dtype;
    bool even; /* all bins are as wide as one another */
    int64_t part, bins;
    const void *x, *weights, *edges;
    double *counts;
} counting;

/* HISTOGRAM(name, type, search) defines the loop for a type. The last bin holds its upper edge too. */
#define HISTOGRAM(name, type, search)                                                              \
    CALR_INLINE void name##_of(bool even, const counting *c, int64_t begin, int64_t end,           \
                               double *counts)                                                     \
    {                                                                                              \
        const type *x = c->x, *w = c->weights, *edges = c->edges;                                  \
        int64_t bins = c->bins;                                                                    \
        type low = edges[0], high = edges[bins], width = high - low;                               \
        for (int64_t i = begin; i < end; i++) {                                                    \
            type v = x[i];                                                                         \
            if (!(v >= low && v <= high))                                                          \
                continue;                                                                          \
            int64_t bin = even ? (int64_t)((v - low) / width * (type)bins)                         \
                               : search(true, bins, edges, v) - 1;                                 \
            counts[bin < bins ? bin : bins - 1] += w ? (double)w[i] : 1;                           \
        }                                                                                          \
    }                                                                                              \
    static void name(const counting *c, int64_t begin, int64_t end, double *counts)                \
    {                                                                                              \
        if (c->even)                                                                               \
            name##_of(true, c, begin, end, counts);                                                \
        else                                                                                       \
            name##_of(false, c, begin, end, counts);                                               \
    }

HISTOGRAM(histogram_f32, float, search_f32_place)
HISTOGRAM(histogram_f64, double, search_f64_place)

static void count_part(void *context, int64_t begin, int64_t end, int worker)
{
    const counting *c = context;
    double *counts = c->counts + begin / c->part * c->bins;
    (void)worker;
    for (int64_t i = 0; i < c->bins; i++)
        counts[i] = 0;
    if (c->dtype == CALR_F32)
        histogram_f32(c, begin, end, counts);
    else
        histogram_f64(c, begin, end, counts);
}

calr_status calr_cpu_histogram(calr_dtype dtype, bool even, int64_t n, const void *x,
                               const void *weights, int64_t bins, const void *edges, double *counts)
{
    int64_t parts = calr_max64(1, calr_min64(MOST_PARTS, n / calr_max64(PART, bins)));
    counting c = {.dtype = dtype,
                  .even = even,
                  .part = (n + parts - 1) / parts,
                  .bins = bins,
                  .x = x,
                  .weights = weights,
                  .edges = edges};
    size_t bytes = (size_t)(parts * bins) * sizeof(double);
    void *memory;
    for (int64_t i = 0; i < bins; i++)
        counts[i] = 0;
    if (n == 0)
        return CALR_OK;
    parts = (n + c.part - 1) / c.part;
    CALR_TRY(calr_pool_alloc(bytes, &memory));
    c.counts = memory;
    calr_parallel_for(n, c.part, count_part, &c);
    for (int64_t p = 0; p < parts; p++)
        for (int64_t i = 0; i < bins; i++)
            counts[i] += c.counts[p * bins + i];
    calr_pool_free(memory, bytes);
    return CALR_OK;
}
