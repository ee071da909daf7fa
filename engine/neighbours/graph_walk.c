/* The walk along the links, on rows of bytes. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clones.h"
#include "base/size.h"
#include "neighbours/graph_internal.h"

enum {
    MOST_LINES = 8 /* of a row, fetched ahead; a processor follows by itself what comes after */
};

/* ---- distances ---- */

/* Differences of bytes fit 16 bits, and the sum of MOST_COLUMNS squares 32. */
static inline int32_t squared_distance(const int16_t *query, const int8_t *row, int64_t stride)
{
    int32_t sum = 0;
    for (int64_t c = 0; c < stride; c++) {
        int16_t e = (int16_t)(query[c] - row[c]);
        sum += (int32_t)e * e;
    }
    return sum;
}

CALR_CLONES void calr_bytes_distances(const int16_t *query, const int8_t *bytes, int64_t stride,
                                      const int32_t *places, int64_t count, int32_t *distances)
{
    if (stride == CALR_GRAPH_LINE) /* a loop of known length */
        for (int64_t p = 0; p < count; p++)
            distances[p] = squared_distance(
                query, bytes + (places ? places[p] : p) * CALR_GRAPH_LINE, CALR_GRAPH_LINE);
    else
        for (int64_t p = 0; p < count; p++)
            distances[p] =
                squared_distance(query, bytes + (places ? places[p] : p) * stride, stride);
}

static inline void fetch_row(const calr_graph *graph, int64_t place)
{
    const int8_t *row = graph->bytes + place * graph->stride;
    int64_t lines = (graph->stride + CALR_GRAPH_LINE - 1) / CALR_GRAPH_LINE;
    for (int64_t l = 0; l < lines && l < MOST_LINES; l++)
        __builtin_prefetch(row + l * CALR_GRAPH_LINE);
}

/* ---- places seen ---- */

/* Whether it is the first time. */
static inline bool mark(calr_walk *walk, int32_t place)
{
    uint64_t *word = &walk->marks[place >> 6], bit = (uint64_t)1 << (place & 63);
    if (*word & bit)
        return false;
    *word |= bit;
    walk->touched[walk->touched_count++] = place;
    return true;
}

static void forget(calr_walk *walk)
{
    for (int64_t p = 0; p < walk->touched_count; p++)
        walk->marks[walk->touched[p] >> 6] = 0;
    walk->touched_count = 0;
}

/* ---- the list ---- */

/* Puts an item into list[effort]; returns where it stands, or `effort` where it does not get in. */
static int64_t insert(calr_walk *walk, calr_seen item, int64_t effort)
{
    calr_seen *list = walk->list;
    int64_t low = 0, high = walk->count;
    if (high == effort && list[high - 1] < item)
        return effort;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        bool before = list[middle] < item;
        low = before ? middle + 1 : low;
        high = before ? high : middle;
    }
    int64_t last = walk->count < effort ? walk->count++ : effort - 1;
    memmove(list + low + 1, list + low, (size_t)(last - low) * sizeof *list);
    list[low] = item;
    return low;
}

/* The nearest of the first places, all of which count as seen. */
static void begin_anywhere(calr_walk *walk, int64_t entries, int64_t effort)
{
    const calr_graph *graph = walk->graph;
    calr_bytes_distances(walk->query, graph->bytes, graph->stride, NULL, entries, walk->distances);
    for (int64_t p = 0; p < entries; p++) {
        mark(walk, (int32_t)p);
        insert(walk, calr_seen_make(walk->distances[p], (int32_t)p), effort);
    }
}

static void begin_at(calr_walk *walk, int32_t place, int64_t effort)
{
    const calr_graph *graph = walk->graph;
    mark(walk, place);
    calr_bytes_distances(walk->query, graph->bytes, graph->stride, &place, 1, walk->distances);
    insert(walk, calr_seen_make(walk->distances[0], place), effort);
}

/* Looks at the links of a place; returns the first position of the list that changed. */
static int64_t look_around(calr_walk *walk, int64_t place, int64_t effort)
{
    const calr_graph *graph = walk->graph;
    const int32_t *links = walk->links + place * walk->width;
    int64_t count = 0, first = effort;
    for (int64_t l = 0; l < walk->width && links[l] >= 0; l++)
        if (mark(walk, links[l])) {
            fetch_row(graph, links[l]);
            walk->fresh[count++] = links[l];
        }
    calr_bytes_distances(walk->query, graph->bytes, graph->stride, walk->fresh, count,
                         walk->distances);
    for (int64_t p = 0; p < count; p++) {
        int64_t at = insert(walk, calr_seen_make(walk->distances[p], walk->fresh[p]), effort);
        first = at < first ? at : first;
    }
    return first;
}

void calr_walk_run(calr_walk *walk, int64_t start, int64_t entries, int64_t effort)
{
    walk->count = 0;
    if (start >= 0)
        begin_at(walk, (int32_t)start, effort);
    else
        begin_anywhere(walk, entries, effort);
    for (int64_t at = 0; at < walk->count;) {
        if (walk->list[at] & 1) {
            at++;
            continue;
        }
        walk->list[at] |= 1;
        int64_t first = look_around(walk, calr_seen_place(walk->list[at]), effort);
        at = first <= at ? first : at + 1;
    }
    forget(walk);
}

void calr_walk_from_place(calr_walk *walk, int64_t place)
{
    const calr_graph *graph = walk->graph;
    const int8_t *row = graph->bytes + place * graph->stride;
    for (int64_t c = 0; c < graph->stride; c++)
        walk->query[c] = row[c];
}

/* ---- scratch ---- */

static bool start_walk(calr_walk *walk, const calr_graph *graph, int64_t most)
{
    walk->list = calr_array_new(walk->room + 1, sizeof *walk->list);
    walk->marks = calr_array_zeros(graph->count / 64 + 1, sizeof *walk->marks);
    walk->touched = calr_array_new(graph->count, sizeof *walk->touched);
    walk->fresh = calr_array_new(most, sizeof *walk->fresh);
    walk->distances = calr_array_new(most, sizeof *walk->distances);
    walk->query = calr_array_zeros(graph->stride, sizeof *walk->query);
    walk->copy = calr_array_new(graph->d, sizeof *walk->copy);
    return walk->list && walk->marks && walk->touched && walk->fresh && walk->distances &&
           walk->query && walk->copy;
}

calr_walk *calr_walks_new(const calr_graph *graph, const int32_t *links, int64_t width,
                          int64_t room, int64_t threads)
{
    calr_walk *walks = calr_array_zeros(threads, sizeof *walks);
    bool whole = walks && room < INT64_MAX;
    int64_t most = width > graph->entries ? width : graph->entries;
    for (int64_t t = 0; whole && t < threads; t++) {
        walks[t] = (calr_walk){.graph = graph, .links = links, .width = width, .room = room};
        whole = start_walk(&walks[t], graph, most);
    }
    if (whole)
        return walks;
    calr_walks_free(walks, threads);
    return NULL;
}

void calr_walks_free(calr_walk *walks, int64_t threads)
{
    for (int64_t t = 0; walks && t < threads; t++) {
        free(walks[t].list);
        free(walks[t].marks);
        free(walks[t].touched);
        free(walks[t].fresh);
        free(walks[t].distances);
        free(walks[t].query);
        free(walks[t].copy);
    }
    free(walks);
}
