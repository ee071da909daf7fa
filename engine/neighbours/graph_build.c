/* The links of the graph: rows inserted in batches. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clones.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"
#include "neighbours/graph_internal.h"

enum {
    GRAIN = CALR_GRAPH_GRAIN,
    FIRST_BATCH = 256, /* rows that are compared with each other */
    BATCH_SHARE = 16,  /* a batch is this part of the rows before it */
    MOST_BATCH = 16384
};

/* A link points away from another where the row it leads to is nearer to the row than ALPHA times to the other's. */
static const double ALPHA = 1.15;

typedef struct build {
    calr_graph *graph;
    int64_t
        room; /* links of a row while they are made: more than width, so that few are pruned twice */
    int32_t *links;  /* [n x room] */
    int32_t *counts; /* [n] */
    calr_walk *walks;
    int8_t *kept;    /* [threads x width x stride] rows of the links chosen so far */
    calr_seen *seen; /* [threads x seen_room] */
    int64_t seen_room, effort;
    int64_t begin, end; /* the batch */
    int64_t *starts;    /* [n + 1] of the new links that lead back to a place */
    int32_t *back;      /* [pairs] */
    int64_t back_room;
} build;

/* ---- choosing links ---- */

/* Whether one of the rows kept is much nearer to the candidate than the row itself. */
static CALR_CLONES bool covered(const int16_t *candidate, const int8_t *kept, int64_t count,
                                int64_t stride, double distance)
{
    double limit = distance / (ALPHA * ALPHA);
    for (int64_t p = 0; p < count; p++) {
        const int8_t *row = kept + p * stride;
        int32_t sum = 0;
        for (int64_t c = 0; c < stride; c++) {
            int16_t e = (int16_t)(candidate[c] - row[c]);
            sum += (int32_t)e * e;
        }
        if (sum < limit || sum == 0)
            return true;
    }
    return false;
}

/* Chooses the links of a row among seen[count], nearest first: those that no link before covers, and the nearest others
 * where these are few. Returns how many. */
static int64_t choose(const build *b, int worker, const calr_seen *seen, int64_t count,
                      int32_t *links)
{
    const calr_graph *graph = b->graph;
    int64_t stride = graph->stride, width = graph->width, chosen = 0, fewest = width / 2;
    int8_t *kept = b->kept + worker * width * stride;
    int16_t *candidate = b->walks[worker].query;
    for (int64_t p = 0; p < count && chosen < width; p++) {
        int32_t place = calr_seen_place(seen[p]);
        calr_walk_from_place(&b->walks[worker], place);
        if (covered(candidate, kept, chosen, stride, calr_seen_distance(seen[p])))
            continue;
        memcpy(kept + chosen * stride, graph->bytes + place * stride, (size_t)stride);
        links[chosen++] = place;
    }
    int64_t apart = chosen;
    for (int64_t p = 0; p < count && chosen < fewest; p++) {
        int32_t place = calr_seen_place(seen[p]);
        bool there = false;
        for (int64_t q = 0; q < apart && !there; q++)
            there = links[q] == place;
        if (!there)
            links[chosen++] = place;
    }
    return chosen;
}

static int by_distance(const void *a, const void *b)
{
    calr_seen p = *(const calr_seen *)a, q = *(const calr_seen *)b;
    return (p > q) - (p < q);
}

/* ---- a batch ---- */

/* All others of the first batch, nearest first. */
static int64_t see_first(const build *b, int worker, int64_t place)
{
    calr_walk *walk = &b->walks[worker];
    const calr_graph *graph = b->graph;
    calr_seen *seen = b->seen + worker * b->seen_room;
    int32_t distances[FIRST_BATCH];
    int64_t count = 0;
    calr_walk_from_place(walk, place);
    calr_bytes_distances(walk->query, graph->bytes, graph->stride, NULL, b->end, distances);
    for (int64_t p = 0; p < b->end; p++)
        if (p != place)
            seen[count++] = calr_seen_make(distances[p], (int32_t)p);
    qsort(seen, (size_t)count, sizeof *seen, by_distance);
    return count;
}

static void insert_rows(void *context, int64_t begin, int64_t end, int worker)
{
    build *b = context;
    calr_walk *walk = &b->walks[worker];
    for (int64_t i = begin; i < end && !calr_interrupt_requested(); i++) {
        int64_t place = b->begin + i, count;
        const calr_seen *seen = walk->list;
        if (b->begin == 0) {
            count = see_first(b, worker, place);
            seen = b->seen + worker * b->seen_room;
        } else {
            calr_walk_from_place(walk, place);
            int64_t entries = (int64_t)sqrt((double)b->begin);
            calr_walk_run(walk, -1, entries, b->effort);
            count = walk->count;
        }
        int32_t *links = b->links + place * b->room;
        b->counts[place] = (int32_t)choose(b, worker, seen, count, links);
        for (int64_t l = b->counts[place]; l < b->room; l++)
            links[l] = -1;
    }
}

/* Brings the rows of the batch that link to the same place together, in ascending order. */
static calr_status turn_links(build *b)
{
    int64_t pairs = 0;
    memset(b->starts, 0, (size_t)(b->end + 1) * sizeof *b->starts);
    for (int64_t place = b->begin; place < b->end; place++) {
        for (int64_t l = 0; l < b->counts[place]; l++)
            b->starts[b->links[place * b->room + l] + 1]++;
        pairs += b->counts[place];
    }
    if (pairs > b->back_room) {
        free(b->back);
        b->back = calr_array_new(pairs, sizeof *b->back);
        b->back_room = b->back ? pairs : 0;
        if (!b->back)
            return calr_graph_no_memory(b->graph->n, b->graph->d);
    }
    for (int64_t place = 0; place < b->end; place++)
        b->starts[place + 1] += b->starts[place];
    for (int64_t place = b->begin; place < b->end; place++)
        for (int64_t l = 0; l < b->counts[place]; l++)
            b->back[b->starts[b->links[place * b->room + l]]++] = (int32_t)place;
    for (int64_t place = b->end; place > 0; place--) /* each start has moved to the next one's */
        b->starts[place] = b->starts[place - 1];
    b->starts[0] = 0;
    return CALR_OK;
}

static bool has_link(const int32_t *links, int64_t count, int32_t place)
{
    for (int64_t l = 0; l < count; l++)
        if (links[l] == place)
            return true;
    return false;
}

/* Chooses anew among the links of a place and `more` others. */
static void prune(build *b, int worker, int64_t place, const int32_t *others, int64_t more)
{
    const calr_graph *graph = b->graph;
    calr_walk *walk = &b->walks[worker];
    calr_seen *seen = b->seen + worker * b->seen_room;
    int32_t *links = b->links + place * b->room, distance;
    int64_t count = b->counts[place] + more;
    calr_walk_from_place(walk, place);
    for (int64_t p = 0; p < count; p++) {
        int32_t other = p < more ? others[p] : links[p - more];
        calr_bytes_distances(walk->query, graph->bytes, graph->stride, &other, 1, &distance);
        seen[p] = calr_seen_make(distance, other);
    }
    qsort(seen, (size_t)count, sizeof *seen, by_distance);
    b->counts[place] = (int32_t)choose(b, worker, seen, count, links);
    for (int64_t l = b->counts[place]; l < b->room; l++)
        links[l] = -1;
}

static void link_back(void *context, int64_t begin, int64_t end, int worker)
{
    build *b = context;
    for (int64_t place = begin; place < end; place++) {
        int32_t *links = b->links + place * b->room;
        /* A place that thousands of a batch lead to takes them in pieces. */
        for (int64_t at = b->starts[place]; at < b->starts[place + 1];) {
            int64_t fresh = 0;
            int32_t others[2 * CALR_GRAPH_MOST_LINKS];
            for (; at < b->starts[place + 1] && fresh < b->room; at++)
                if (!has_link(links, b->counts[place], b->back[at]))
                    others[fresh++] = b->back[at];
            if (b->counts[place] + fresh > b->room) {
                prune(b, worker, place, others, fresh);
                continue;
            }
            for (int64_t p = 0; p < fresh; p++)
                links[b->counts[place]++] = others[p];
        }
    }
}

/* ---- the whole ---- */

static void finish_rows(void *context, int64_t begin, int64_t end, int worker)
{
    build *b = context;
    int64_t width = b->graph->width;
    for (int64_t place = begin; place < end && !calr_interrupt_requested(); place++) {
        if (b->counts[place] > width)
            prune(b, worker, place, NULL, 0);
        memcpy(b->graph->links + place * width, b->links + place * b->room,
               (size_t)width * sizeof *b->links);
    }
}

static calr_status allocate(build *b)
{
    const calr_graph *graph = b->graph;
    int64_t threads = calr_parallel_threads(), n = graph->count, kept;
    if (__builtin_mul_overflow(threads * graph->width, graph->stride, &kept))
        return calr_graph_no_memory(n, graph->d);
    b->room = graph->width * 3 / 2;
    b->seen_room = 2 * b->room > FIRST_BATCH ? 2 * b->room : FIRST_BATCH;
    b->links = calr_array_new(n, (size_t)b->room * sizeof *b->links);
    b->counts = calr_array_zeros(n, sizeof *b->counts);
    b->starts = calr_array_new(n + 1, sizeof *b->starts);
    b->kept = calr_array_new(kept, sizeof *b->kept);
    b->seen = calr_array_new(threads, (size_t)b->seen_room * sizeof *b->seen);
    if (!b->links || !b->counts || !b->starts || !b->kept || !b->seen)
        return calr_graph_no_memory(n, graph->d);
    b->walks = calr_walks_new(graph, b->links, b->room, b->effort, threads);
    return b->walks ? CALR_OK : calr_graph_no_memory(n, graph->d);
}

static calr_status insert_all(build *b)
{
    int64_t n = b->graph->count;
    CALR_TRY(allocate(b));
    for (b->begin = 0; b->begin < n; b->begin = b->end) {
        int64_t batch = b->begin / BATCH_SHARE;
        batch = batch > MOST_BATCH                  ? MOST_BATCH
                : batch < FIRST_BATCH / BATCH_SHARE ? FIRST_BATCH / BATCH_SHARE
                                                    : batch;
        batch = b->begin == 0 ? FIRST_BATCH : batch;
        b->end = n - b->begin < batch ? n : b->begin + batch;
        CALR_TRY(calr_parallel_try(b->end - b->begin, GRAIN, insert_rows, b));
        CALR_TRY(turn_links(b));
        CALR_TRY(calr_parallel_try(b->end, 16 * GRAIN, link_back, b));
    }
    return calr_parallel_try(n, GRAIN, finish_rows, b);
}

calr_status calr_graph_build(calr_graph *graph, int64_t effort)
{
    build b = {.graph = graph, .effort = effort < graph->count ? effort : graph->count};
    calr_status status = insert_all(&b);
    calr_walks_free(b.walks, calr_parallel_threads());
    free(b.links);
    free(b.counts);
    free(b.kept);
    free(b.seen);
    free(b.starts);
    free(b.back);
    return status;
}
