/* What the files of the graph share; see graph.h. A row's number in the order of insertion is its place. */
#ifndef CALR_NEIGHBOURS_GRAPH_INTERNAL_H
#define CALR_NEIGHBOURS_GRAPH_INTERNAL_H

#include <stdbool.h>

#include "neighbours/graph.h"
#include "neighbours/queries.h"

enum {
    CALR_GRAPH_LINE = 64, /* bytes of a cache line */
    CALR_GRAPH_GRAIN = 16 /* rows or queries of a chunk of work */
};

struct calr_graph {
    const float *x; /* [n x d], borrowed */
    int64_t n, d;
    int64_t count; /* places: rows less those that equal another */
    calr_metric metric;
    int64_t width;   /* links that a row has room for */
    int64_t entries; /* a search begins at the nearest of the first `entries` places */
    int64_t stride;  /* of a row of bytes: d and some zeros */
    int8_t *bytes;   /* [n x stride] by place */
    float *left; /* [n] by place: length of what the bytes leave out of the unit (centred) copy */
    float most_left; /* the largest of them */
    double step;     /* what a byte's 1 stands for */
    int32_t *links;  /* [count x width] by place: places, -1 ends a row that has fewer */
    int32_t *rows;   /* [count] of x, by place: the lowest of equal rows */
    int32_t *places; /* [n] by row of x */
    int32_t *
        twin_starts; /* [count + 1], by place, of the rows that equal its own; NULL where none does */
    int32_t *twins; /* [n - count] */
    double *length; /* [n] of the (centred) rows of x */
    double *centre; /* [d], euclidean; NULL for cosine */
    double scale;   /* of the euclidean copies: the longest has length 1 */
    bool borrowed;  /* all arrays are somebody else's */
};

/* A row that was seen: squared distance in bytes, place, and whether its links were looked at. Sorted, equal ones by
 * place. */
typedef uint64_t calr_seen;

static inline calr_seen calr_seen_make(int32_t distance, int32_t place)
{
    return (uint64_t)(uint32_t)distance << 32 | (uint64_t)(uint32_t)place << 1;
}
static inline int32_t calr_seen_place(calr_seen item)
{
    return (int32_t)((uint32_t)item >> 1);
}
static inline int32_t calr_seen_distance(calr_seen item)
{
    return (int32_t)(item >> 32);
}

/* Scratch of one worker. */
typedef struct calr_walk {
    const calr_graph *graph;
    const int32_t *links; /* of the graph, or those that are being made */
    int64_t width;
    calr_seen *list; /* [room + 1], nearest first; after a walk `count` of them */
    int64_t room, count;
    uint64_t *marks;  /* [count / 64 + 1] bits of the places seen */
    int32_t *touched; /* [count] those places */
    int64_t touched_count;
    int32_t *fresh, *distances; /* [max(width, entries)] */
    int16_t *query;             /* [stride] */
    float *copy;                /* [d] */
} calr_walk;

/* A walk for each of `threads` workers; NULL when there is no memory. */
calr_walk *calr_walks_new(const calr_graph *graph, const int32_t *links, int64_t width,
                          int64_t room, int64_t threads);
void calr_walks_free(calr_walk *walks, int64_t threads); /* NULL is allowed */

/* The row at a place becomes the query. */
void calr_walk_from_place(calr_walk *walk, int64_t place);

/* Fills list[effort] for the query, from `start` (a place), or for -1 from the nearest of the places below `entries`.
 * effort <= room. */
void calr_walk_run(calr_walk *walk, int64_t start, int64_t entries, int64_t effort);

/* Squared distances of the query to rows of bytes: those at `places`, or the first `count` for NULL. */
void calr_bytes_distances(const int16_t *query, const int8_t *bytes, int64_t stride,
                          const int32_t *places, int64_t count, int32_t *distances);

/* The bytes of the (unit, centred) copy of a row, zeros up to the stride; returns the length of what they leave out. */
double calr_graph_write_bytes(const calr_graph *graph, const float *copy, int8_t *to);

static inline calr_queries_base calr_graph_base(const calr_graph *graph)
{
    return (calr_queries_base){graph->n, graph->d, graph->length, graph->centre};
}

/* Searches for the `count` queries at `pick` only (NULL: all of them, in order). length[n]: of all queries. */
calr_status calr_graph_search_some(const calr_graph *graph, const calr_ivf_query *query,
                                   const double *length, const int64_t *pick, int64_t count,
                                   int64_t effort, int32_t *indices, float *values);

/* first[n]: the lowest row that equals each, number by number. */
calr_status calr_graph_find_twins(const calr_graph *graph, int32_t *first);

/* Sets twin_starts and twins of a graph that has count, rows and places. */
calr_status calr_graph_list_twins(calr_graph *graph);

/* Sets links[count x width] of a graph that has everything else. */
calr_status calr_graph_build(calr_graph *graph, int64_t effort);

calr_status calr_graph_no_memory(int64_t n, int64_t d);

#endif
