/* A graph whose arrays lie elsewhere, in a file that is in memory: see graph.h. */
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>

#include "base/parallel.h"
#include "base/size.h"
#include "neighbours/graph_internal.h"

enum { GRAIN = 4096, STRIDE = 32, LEAST_LINKS = 4 };

void calr_graph_parts_of(const calr_graph *graph, calr_graph_parts *parts)
{
    *parts = (calr_graph_parts){.places = graph->count,
                                .width = graph->width,
                                .stride = graph->stride,
                                .step = graph->step,
                                .scale = graph->scale,
                                .rows = graph->rows,
                                .place_of = graph->places,
                                .links = graph->links,
                                .twin_starts = graph->twin_starts,
                                .twins = graph->twins,
                                .bytes = graph->bytes,
                                .left = graph->left,
                                .length = graph->length,
                                .centre = graph->centre};
}

typedef struct checking {
    const calr_graph *graph;
    _Atomic int64_t bad; /* a place at fault, or -1 */
} checking;

/* Places, their rows, and their links, which lead to other places, -1 behind the last. */
static void check_places(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    checking *c = context;
    const calr_graph *g = c->graph;
    for (int64_t place = begin; place < end; place++) {
        const int32_t *links = g->links + place * g->width;
        int32_t row = g->rows[place];
        bool is_bad = row < 0 || row >= g->n || g->places[row] != place;
        for (int64_t i = 0; i < g->width; i++)
            is_bad |= links[i] < -1 || links[i] >= g->count || links[i] == place ||
                      (i > 0 && links[i - 1] < 0 && links[i] >= 0);
        if (is_bad)
            atomic_store(&c->bad, place);
    }
}

static void check_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    checking *c = context;
    for (int64_t row = begin; row < end; row++)
        if (c->graph->places[row] < 0 || c->graph->places[row] >= c->graph->count)
            atomic_store(&c->bad, row);
}

/* The rows that equal that of each place, in order. */
static bool are_twins(const calr_graph *g)
{
    int64_t all = g->n - g->count;
    if (all == 0)
        return true;
    if (!g->twin_starts || !g->twins || g->twin_starts[0] != 0 || g->twin_starts[g->count] != all)
        return false;
    for (int64_t place = 0; place < g->count; place++)
        if (g->twin_starts[place] > g->twin_starts[place + 1])
            return false;
    for (int64_t i = 0; i < all; i++)
        if (g->twins[i] < 0 || g->twins[i] >= g->n)
            return false;
    return true;
}

static calr_status check(const calr_graph *graph)
{
    checking c = {graph, -1};
    CALR_TRY(calr_parallel_try(graph->n, GRAIN, check_rows, &c));
    if (c.bad < 0)
        CALR_TRY(calr_parallel_try(graph->count, GRAIN, check_places, &c));
    if (c.bad >= 0)
        return calr_error(CALR_EFORMAT,
                          "row or place %" PRId64 " (from 0) of the graph leads nowhere",
                          (int64_t)c.bad);
    return are_twins(graph) ? CALR_OK
                            : calr_error(CALR_EFORMAT, "the equal rows of the graph are none");
}

static calr_status check_sizes(int64_t n, int64_t d, calr_metric metric, const calr_graph_parts *p)
{
    if (n < 1 || n > INT32_MAX || d < 1 || d > CALR_GRAPH_MOST_COLUMNS)
        return calr_error(CALR_EINVAL, "a graph of %" PRId64 " x %" PRId64 " numbers", n, d);
    if (p->places < 1 || p->places > n || p->width < LEAST_LINKS ||
        p->width > CALR_GRAPH_MOST_LINKS || p->stride != (d + STRIDE - 1) / STRIDE * STRIDE)
        return calr_error(CALR_EFORMAT,
                          "a graph of %" PRId64 " rows with %" PRId64 " places, %" PRId64
                          " links and bytes for %" PRId64 " numbers",
                          n, p->places, p->width, p->stride);
    if (!(p->step > 0) || !isfinite(p->step) || !(p->scale > 0) || !isfinite(p->scale) ||
        (metric == CALR_EUCLIDEAN) != (p->centre != NULL))
        return calr_error(CALR_EFORMAT, "a graph whose bytes have no measure");
    return CALR_OK;
}

calr_status calr_graph_adopt(const float *x, int64_t n, int64_t d, calr_metric metric,
                             const calr_graph_parts *parts, calr_graph **out)
{
    CALR_TRY(check_sizes(n, d, metric, parts));
    calr_graph *graph = calr_array_zeros(1, sizeof *graph);
    if (!graph)
        return calr_graph_no_memory(n, d);
    *graph = (calr_graph){.x = x,
                          .n = n,
                          .d = d,
                          .count = parts->places,
                          .metric = metric,
                          .width = parts->width,
                          .entries = (int64_t)llround(sqrt((double)parts->places)),
                          .stride = parts->stride,
                          .step = parts->step,
                          .scale = parts->scale,
                          .borrowed = true};
    /* A graph that is finished is only read; its members are not const for the sake of the builder. */
    graph->bytes = (int8_t *)parts->bytes;
    graph->left = (float *)parts->left;
    graph->links = (int32_t *)parts->links;
    graph->rows = (int32_t *)parts->rows;
    graph->places = (int32_t *)parts->place_of;
    graph->twin_starts = (int32_t *)parts->twin_starts;
    graph->twins = (int32_t *)parts->twins;
    graph->length = (double *)parts->length;
    graph->centre = (double *)parts->centre;
    for (int64_t place = 0; place < graph->count; place++)
        graph->most_left = fmaxf(graph->most_left, graph->left[place]);
    calr_status status = check(graph);
    if (status == CALR_OK)
        *out = graph;
    else
        calr_graph_free(graph);
    return status;
}
