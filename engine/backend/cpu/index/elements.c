/* Gather and scatter: elements whose place along one dimension is in an index. */
#include "backend/cpu/kernels.h"

typedef struct gathering {
    const calr_index_elements *at;
    calr_dtype dtype;
    bool add;
    int64_t width, blocks; /* scatter: elements of the last dimension that are worked on together */
    const int64_t *index;
    const void *x;
    void *y;
} gathering;

/* Where a row (gather) or a line along the dimension (scatter) lies in the three tensors. */
typedef struct place {
    int64_t index, indexed, other;
} place;

/* Number `i` counted out over the dimensions but those two (`skip` may be the last). */
static place place_of(const calr_index_elements *e, int64_t i, int skip, int last)
{
    place p = {0, 0, 0};
    for (int d = e->ndim - 1; d >= 0; d--) {
        if (d == skip || d == last)
            continue;
        int64_t at = i % e->shape[d];
        i /= e->shape[d];
        p.index += at * e->index_stride[d];
        p.other += at * e->other_stride[d];
        if (d != e->dim)
            p.indexed += at * e->stride[d];
    }
    return p;
}

/* ---- gather ---- */

#define GATHER(name, type)                                                                         \
    static void name(const gathering *g, place p)                                                  \
    {                                                                                              \
        const calr_index_elements *e = g->at;                                                      \
        int last = e->ndim - 1;                                                                    \
        int64_t n = e->shape[last], step = e->stride[e->dim];                                      \
        int64_t along = last == e->dim ? 0 : e->stride[last];                                      \
        int64_t index_step = e->index_stride[last], other = e->other_stride[last];                 \
        const int64_t *index = g->index + p.index;                                                 \
        const type *x = (const type *)g->x + p.indexed;                                            \
        type *y = (type *)g->y + p.other;                                                          \
        for (int64_t i = 0; i < n; i++)                                                            \
            y[i * other] = x[i * along + index[i * index_step] * step];                            \
    }

GATHER(gather_1, uint8_t)
GATHER(gather_2, uint16_t)
GATHER(gather_4, uint32_t)
GATHER(gather_8, uint64_t)

static void gather_rows(void *context, int64_t begin, int64_t end, int worker)
{
    const gathering *g = context;
    size_t size = calr_dtype_size(g->dtype);
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        place p = place_of(g->at, i, -1, g->at->ndim - 1);
        if (size == 4)
            gather_4(g, p);
        else if (size == 8)
            gather_8(g, p);
        else if (size == 2)
            gather_2(g, p);
        else
            gather_1(g, p);
    }
}

static int64_t numel(const calr_index_elements *e)
{
    int64_t count = 1;
    for (int d = 0; d < e->ndim; d++)
        count *= e->shape[d];
    return count;
}

void calr_cpu_gather(calr_dtype dtype, const calr_index_elements *elements, const int64_t *index,
                     const void *x, void *y)
{
    gathering g = {.at = elements, .dtype = dtype, .index = index, .x = x, .y = y};
    int64_t n = elements->shape[elements->ndim - 1], count = numel(elements);
    if (count > 0)
        calr_parallel_for(count / n, calr_row_grain(n), gather_rows, &g);
}

/* ---- scatter: each thread writes lines of its own, in the order of the index ---- */

#define SCATTER(name, type)                                                                        \
    CALR_INLINE void name##_of(bool add, const gathering *g, place p, int64_t begin, int64_t end)  \
    {                                                                                              \
        const calr_index_elements *e = g->at;                                                      \
        int last = e->ndim - 1, dim = e->dim;                                                      \
        int64_t n = e->shape[dim], step = e->stride[dim];                                          \
        int64_t along = last == dim ? 0 : e->stride[last];                                         \
        for (int64_t j = 0; j < n; j++) {                                                          \
            const int64_t *index = g->index + p.index + j * e->index_stride[dim];                  \
            const type *x = (const type *)g->x + p.other + j * e->other_stride[dim];               \
            type *y = (type *)g->y + p.indexed;                                                    \
            for (int64_t i = begin; i < end; i++) {                                                \
                type *to = y + i * along + index[i * e->index_stride[last]] * step;                \
                type v = x[i * e->other_stride[last]];                                             \
                *to = add ? (type)(*to + v) : v;                                                   \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void name(const gathering *g, place p, int64_t begin, int64_t end)                      \
    {                                                                                              \
        if (g->add)                                                                                \
            name##_of(true, g, p, begin, end);                                                     \
        else                                                                                       \
            name##_of(false, g, p, begin, end);                                                    \
    }

SCATTER(scatter_f32, float)
SCATTER(scatter_f64, double)
SCATTER(scatter_u64, uint64_t)
SCATTER(scatter_u32, uint32_t)
SCATTER(scatter_u16, uint16_t)
SCATTER(scatter_u8, uint8_t)

static void scatter_lines(void *context, int64_t begin, int64_t end, int worker)
{
    const gathering *g = context;
    const calr_index_elements *e = g->at;
    int last = e->ndim - 1;
    size_t size = calr_dtype_size(g->dtype);
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        place p = place_of(e, i / g->blocks, e->dim, last);
        int64_t first = i % g->blocks * g->width;
        int64_t after = last == e->dim ? 1 : calr_min64(first + g->width, e->shape[last]);
        if (g->dtype == CALR_F32)
            scatter_f32(g, p, first, after);
        else if (g->dtype == CALR_F64)
            scatter_f64(g, p, first, after);
        else if (size == 8)
            scatter_u64(g, p, first, after);
        else if (size == 4)
            scatter_u32(g, p, first, after);
        else if (size == 2)
            scatter_u16(g, p, first, after);
        else
            scatter_u8(g, p, first, after);
    }
}

void calr_cpu_scatter(calr_dtype dtype, bool add, const calr_index_elements *elements,
                      const int64_t *index, const void *x, void *y)
{
    enum { WIDTH = 256 };
    int last = elements->ndim - 1;
    int64_t n = elements->shape[elements->dim], beside = elements->shape[last];
    gathering g = {.at = elements,
                   .dtype = dtype,
                   .add = add,
                   .width = WIDTH,
                   .blocks = last == elements->dim ? 1 : (beside + WIDTH - 1) / WIDTH,
                   .index = index,
                   .x = x,
                   .y = y};
    int64_t count = numel(elements);
    if (count == 0)
        return;
    int64_t lines = last == elements->dim ? count / n : count / n / beside * g.blocks;
    int64_t work = last == elements->dim ? n : n * calr_min64(beside, WIDTH);
    calr_parallel_for(lines, calr_row_grain(work), scatter_lines, &g);
}
