/* Rows that are equal, number by number. Only the lowest of them has a place in the graph: thousands of copies would
 * fill each other's links, and lead nowhere. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"
#include "neighbours/graph_internal.h"

enum { ROW_GRAIN = 256 };

typedef struct work {
    const calr_graph *graph;
    uint64_t *sums; /* [n] of the rows */
} work;

static void add_up(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    work *w = context;
    int64_t d = w->graph->d;
    for (int64_t i = begin; i < end; i++)
        w->sums[i] = calr_hash_checksum(w->graph->x + i * d, (size_t)d * sizeof(float), 0);
}

/* first[n]: the lowest row that equals each. table[size], a power of 2 above n, holds rows, -1 at first. */
static calr_status find_first(const work *w, int32_t *table, int64_t size, int32_t *first)
{
    const calr_graph *graph = w->graph;
    size_t bytes = (size_t)graph->d * sizeof(float);
    for (int64_t i = 0; i < graph->n; i++) {
        const float *row = graph->x + i * graph->d;
        uint64_t at = w->sums[i] & (uint64_t)(size - 1);
        if (calr_interrupt_due(i))
            return calr_interrupt_check();
        while (table[at] >= 0 && (w->sums[table[at]] != w->sums[i] ||
                                  memcmp(graph->x + table[at] * graph->d, row, bytes) != 0))
            at = (at + 1) & (uint64_t)(size - 1);
        if (table[at] < 0)
            table[at] = (int32_t)i;
        first[i] = table[at];
    }
    return CALR_OK;
}

calr_status calr_graph_find_twins(const calr_graph *graph, int32_t *first)
{
    int64_t n = graph->n, size = 2;
    while (size <= n)
        size *= 2;
    size *= 2;
    work w = {graph, calr_array_new(n, sizeof *w.sums)};
    int32_t *table = calr_array_new(size, sizeof *table);
    calr_status status = w.sums && table ? calr_parallel_try(n, ROW_GRAIN, add_up, &w)
                                         : calr_graph_no_memory(n, graph->d);
    if (status == CALR_OK) {
        memset(table, -1, (size_t)size * sizeof *table);
        status = find_first(&w, table, size, first);
    }
    free(w.sums);
    free(table);
    return status;
}

calr_status calr_graph_list_twins(calr_graph *graph)
{
    if (graph->count == graph->n)
        return CALR_OK;
    graph->twin_starts = calr_array_zeros(graph->count + 1, sizeof *graph->twin_starts);
    graph->twins = calr_array_new(graph->n - graph->count, sizeof *graph->twins);
    if (!graph->twin_starts || !graph->twins)
        return calr_graph_no_memory(graph->n, graph->d);
    int32_t *starts = graph->twin_starts;
    for (int64_t i = 0; i < graph->n; i++)
        starts[graph->places[i] + 1] += graph->rows[graph->places[i]] != i;
    for (int64_t p = 0; p < graph->count; p++)
        starts[p + 1] += starts[p];
    for (int64_t i = 0; i < graph->n; i++)
        if (graph->rows[graph->places[i]] != i)
            graph->twins[starts[graph->places[i]]++] = (int32_t)i;
    memmove(starts + 1, starts,
            (size_t)graph->count * sizeof *starts); /* each has moved to the next one's */
    starts[0] = 0;
    return CALR_OK;
}
