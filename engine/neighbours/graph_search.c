#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"
#include "neighbours/graph_internal.h"
#include "neighbours/nearest.h"
#include "neighbours/queries.h"

typedef struct search {
    const calr_graph *graph;
    const float *rows; /* of the queries */
    const double *length;
    const int64_t *pick; /* NULL: all */
    bool self, include_self;
    int64_t k, others, effort;
    calr_walk *walks;
    calr_measured *best; /* [threads x others] */
    calr_nearest in;
    int32_t *indices;
    float *values;
} search;

static calr_status no_memory(int64_t n, int64_t k)
{
    return calr_error(CALR_ENOMEM, "out of memory for %" PRId64 " lists of %" PRId64 " neighbours",
                      n, k);
}

/* ---- one query ---- */

/* The query's copy as bytes; returns the length of what they leave out. A query far outside the rows is shortened: what
 * the walk sees is only its direction then, and *shorter is below 1. */
static double write_query(const search *s, calr_walk *walk, int64_t row, double *shorter)
{
    const calr_graph *graph = s->graph;
    const float *from = s->rows + row * graph->d;
    int8_t *bytes = (int8_t *)walk->query; /* the first half of it, widened from the end */
    *shorter = 1;
    if (graph->metric == CALR_COSINE) {
        calr_row_unit(from, graph->d, s->length[row], walk->copy);
    } else {
        double length = s->length[row] * graph->scale;
        *shorter = length > 1 ? 1 / length : 1;
        calr_row_centred(from, graph->d, graph->centre, graph->scale * *shorter, walk->copy);
    }
    double left = calr_graph_write_bytes(graph, walk->copy, bytes);
    for (int64_t c = graph->stride - 1; c >= 0; c--)
        walk->query[c] = bytes[c];
    return left;
}

/* The distance of unit (centred, scaled) copies that an exact key stands for. */
static double distance_of(const search *s, double key)
{
    if (s->graph->metric == CALR_COSINE)
        return sqrt(fmax(0, 2 - 2 * key));
    return -key * s->graph->scale;
}

/* A row that is found, and those that equal it, of which no more than the best have room for matter. */
static int64_t add_rows(const search *s, int32_t place, double key, int64_t own, int64_t found,
                        calr_measured *best)
{
    const calr_graph *graph = s->graph;
    if (graph->rows[place] != own)
        found = calr_measured_add(best, found, s->others, (calr_measured){key, graph->rows[place]});
    if (!graph->twin_starts)
        return found;
    int64_t first = graph->twin_starts[place], end = graph->twin_starts[place + 1];
    for (int64_t t = first; t < end && t - first <= s->others; t++)
        if (graph->twins[t] != own)
            found =
                calr_measured_add(best, found, s->others, (calr_measured){key, graph->twins[t]});
    return found;
}

/* Measures the rows of the walk's list, nearest by bytes first, until no other of them can be among the best. By the
 * triangle inequality a distance by bytes is off by what the bytes of both rows leave out, at most. */
static int64_t settle(const search *s, const calr_walk *walk, const calr_nearest_query *query,
                      double left, int64_t own, calr_measured *best)
{
    const calr_graph *graph = s->graph;
    bool bounded = query->shorter == 1 && (query->length > 0 || graph->metric == CALR_EUCLIDEAN);
    double reach = INFINITY;
    int64_t found = 0;
    for (int64_t p = 0; p < walk->count; p++) {
        int32_t place = calr_seen_place(walk->list[p]);
        int32_t next = p + 1 < walk->count ? calr_seen_place(walk->list[p + 1]) : place;
        double about = graph->step * sqrt((double)calr_seen_distance(walk->list[p])) - left;
        if (bounded && about - graph->most_left > reach)
            break;
        if (bounded && about - graph->left[place] > reach)
            continue;
        const float *ahead = s->in.base + (int64_t)graph->rows[next] * graph->d;
        double key = calr_nearest_key(&s->in, query, graph->rows[place], ahead);
        found = add_rows(s, place, key, own, found, best);
        if (found == s->others)
            reach = distance_of(s, best[found - 1].key) + 1e-6;
    }
    return found;
}

/* All rows, for a query whose walk ended too early. */
static void measure_all(const search *s, const calr_nearest_query *query, int64_t own,
                        calr_measured *best)
{
    int64_t found = 0;
    for (int64_t row = 0; row < s->graph->n && !calr_interrupt_due(row); row++)
        if (row != own)
            found = calr_measured_add(
                best, found, s->others,
                (calr_measured){calr_nearest_key(&s->in, query, row, NULL), (int32_t)row});
}

static void find(const search *s, calr_walk *walk, int64_t row, calr_measured *best)
{
    const calr_graph *graph = s->graph;
    int64_t own = s->self ? row : -1;
    calr_nearest_query query = {s->rows + row * graph->d, s->length[row], 1};
    double left = write_query(s, walk, row, &query.shorter);
    int64_t start = s->self ? graph->places[row] : -1;
    calr_walk_run(walk, start, graph->entries, s->effort);
    int64_t found = settle(s, walk, &query, left, own, best);
    if (start >= 0 && found < s->others) { /* links that lead nowhere: from elsewhere */
        calr_walk_run(walk, -1, graph->entries, s->effort);
        found = settle(s, walk, &query, left, own, best);
    }
    if (found < s->others)
        measure_all(s, &query, own, best);
}

static void search_rows(void *context, int64_t begin, int64_t end, int worker)
{
    const search *s = context;
    calr_measured *best = s->best + worker * s->others;
    bool euclidean = s->graph->metric == CALR_EUCLIDEAN;
    for (int64_t i = begin; i < end && !calr_interrupt_requested(); i++) {
        int64_t row = s->pick ? s->pick[i] : i;
        int32_t *indices = s->indices + i * s->k;
        float *values = s->values + i * s->k;
        if (s->include_self) {
            *indices++ = (int32_t)row;
            *values++ = !euclidean && s->length[row] > 0 ? 1.0f : 0.0f;
        }
        if (s->others > 0)
            find(s, &s->walks[worker], row, best);
        for (int64_t p = 0; p < s->others; p++) {
            indices[p] = best[p].row;
            values[p] = (float)(euclidean ? -best[p].key : best[p].key);
        }
    }
}

/* ---- the whole ---- */

calr_status calr_graph_search_some(const calr_graph *graph, const calr_ivf_query *query,
                                   const double *length, const int64_t *pick, int64_t count,
                                   int64_t effort, int32_t *indices, float *values)
{
    if (count == 0)
        return CALR_OK;
    bool self = !query->rows;
    int64_t threads = calr_parallel_threads();
    search s = {.graph = graph, .length = length, .pick = pick, .self = self, .k = query->k};
    s.rows = self ? graph->x : query->rows;
    s.include_self = self && query->include_self;
    s.others = query->k - s.include_self;
    s.effort = effort > s.others + self ? effort : s.others + self;
    s.effort = s.effort < graph->count ? s.effort : graph->count;
    s.in = (calr_nearest){graph->metric, graph->d, graph->x, graph->length, graph->scale};
    s.indices = indices;
    s.values = values;
    s.best = calr_array_new(threads, (size_t)s.others * sizeof *s.best);
    s.walks = calr_walks_new(graph, graph->links, graph->width, s.effort, threads);
    calr_status status = s.best && s.walks
                             ? calr_parallel_try(count, CALR_GRAPH_GRAIN, search_rows, &s)
                             : no_memory(count, query->k);
    calr_walks_free(s.walks, threads);
    free(s.best);
    return status;
}

calr_status calr_graph_search(const calr_graph *graph, const calr_ivf_query *query, int64_t effort,
                              int32_t *indices, float *values)
{
    double *length;
    if (effort < 1)
        return calr_error(CALR_EINVAL, "effort must be at least 1, not %" PRId64, effort);
    calr_queries_base base = calr_graph_base(graph);
    CALR_TRY(calr_queries_prepare(&base, query, &length));
    int64_t n = calr_queries_count(&base, query);
    calr_status status =
        effort < graph->n
            ? calr_graph_search_some(graph, query, length, NULL, n, effort, indices, values)
            : calr_knn(query->rows ? query->rows : graph->x, n, query->rows ? graph->x : NULL,
                       graph->n, graph->d, query->k, graph->metric, query->include_self, indices,
                       values);
    calr_queries_release(query, length);
    return status;
}
