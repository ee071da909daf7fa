#include "neighbours/reach.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"
#include "neighbours/pairwise.h"

enum { TILE = CALR_PAIRWISE_ROWS };

typedef struct span {
    calr_pairwise *pairwise;
    int64_t n, tiles, others;
    float *near;    /* [n x others] the smallest distances of each row, ascending; then INFINITY */
    float *core;    /* [n] */
    int32_t *group; /* [n] the lowest row of the group that each row is in */
    float *least;   /* [n] the shortest link of each row that leaves its group, */
    int32_t *to;    /* [n] and where it leads; -1: none known */
    int32_t *best;  /* [n] of each group: the row whose link is the shortest */
    float *distances;       /* [threads x TILE x TILE] */
    double *scratch;        /* [threads x calr_pairwise_scratch] */
    pthread_mutex_t *locks; /* [tiles] guard the rows of a tile */
    bool cores;             /* this pass looks for core distances */
} span;

/* ---- passes over all pairs ---- */

static void offer_near(span *s, int64_t i, float distance)
{
    float *near = s->near + i * s->others;
    int64_t at = s->others - 1;
    if (!(distance < near[at]))
        return;
    for (; at > 0 && near[at - 1] > distance; at--)
        near[at] = near[at - 1];
    near[at] = distance;
}

static void offer_link(span *s, int64_t i, int64_t j, float distance)
{
    float reach = fmaxf(fmaxf(s->core[i], s->core[j]), distance);
    if (reach < s->least[i] || (reach == s->least[i] && (s->to[i] < 0 || j < s->to[i]))) {
        s->least[i] = reach;
        s->to[i] = (int32_t)j;
    }
}

static void offer(span *s, int64_t i, int64_t j, float distance)
{
    if (s->cores)
        offer_near(s, i, distance);
    else if (s->group[i] != s->group[j])
        offer_link(s, i, j, distance);
}

static int64_t tile_end(const span *s, int64_t tile)
{
    return (tile + 1) * TILE < s->n ? (tile + 1) * TILE : s->n;
}

/* Whether all rows of both tiles are in one group: no link between them leaves it. */
static bool one_group(const span *s, int64_t a, int64_t b)
{
    for (int64_t i = a * TILE; i < tile_end(s, a); i++)
        if (s->group[i] != s->group[b * TILE])
            return false;
    for (int64_t i = b * TILE; i < tile_end(s, b); i++)
        if (s->group[i] != s->group[b * TILE])
            return false;
    return true;
}

/* Rows of tiles begin .. end-1, from the diagonal on; what a pair offers does not depend on the order. */
static void pass_tiles(void *context, int64_t begin, int64_t end, int worker)
{
    span *s = context;
    float *distances = s->distances + (int64_t)worker * TILE * TILE;
    for (int64_t a = begin; a < end && a < s->tiles; a++)
        for (int64_t b = a; b < s->tiles && !calr_interrupt_requested(); b++) {
            if (!s->cores && one_group(s, a, b))
                continue;
            calr_pairwise_tile(s->pairwise, a, b,
                               s->scratch + worker * calr_pairwise_scratch(s->pairwise), distances);
            pthread_mutex_lock(&s->locks[a]);
            for (int64_t i = a * TILE; i < tile_end(s, a); i++)
                for (int64_t j = b * TILE; j < tile_end(s, b); j++)
                    if (i != j)
                        offer(s, i, j, distances[(i - a * TILE) * TILE + j - b * TILE]);
            pthread_mutex_unlock(&s->locks[a]);
            if (a == b)
                continue;
            pthread_mutex_lock(&s->locks[b]);
            for (int64_t i = a * TILE; i < tile_end(s, a); i++)
                for (int64_t j = b * TILE; j < tile_end(s, b); j++)
                    offer(s, j, i, distances[(i - a * TILE) * TILE + j - b * TILE]);
            pthread_mutex_unlock(&s->locks[b]);
        }
}

static calr_status pass(span *s)
{
    return calr_parallel_try(s->tiles + 1, 1, pass_tiles, s); /* one more: see pairwise.h */
}

static calr_status find_cores(span *s)
{
    for (int64_t e = 0; e < s->n * s->others; e++)
        s->near[e] = INFINITY;
    s->cores = true;
    if (s->others > 0)
        CALR_TRY(pass(s));
    for (int64_t i = 0; i < s->n; i++)
        s->core[i] = s->others > 0 ? s->near[(i + 1) * s->others - 1] : 0;
    s->cores = false;
    return CALR_OK;
}

/* ---- rounds ---- */

/* Of the links of rows i and j: by length, then by the lower row, then by the other. */
static bool shorter(const span *s, int64_t i, int64_t j)
{
    int64_t a = s->to[i], b = s->to[j];
    if (s->least[i] != s->least[j])
        return s->least[i] < s->least[j];
    int64_t low = i < a ? i : a, other_low = j < b ? j : b;
    return low != other_low ? low < other_low : i + a < j + b;
}

static int32_t find_root(int32_t *group, int32_t i)
{
    while (group[i] != i) {
        group[i] = group[group[i]];
        i = group[i];
    }
    return i;
}

/* Joins the groups at the ends of each group's shortest link; returns how many links that made. */
static int64_t join(span *s, calr_link *links)
{
    int64_t made = 0;
    for (int64_t i = 0; i < s->n; i++)
        s->best[i] = -1;
    for (int64_t i = 0; i < s->n; i++) {
        int32_t *best = &s->best[s->group[i]];
        if (s->to[i] >= 0 && (*best < 0 || shorter(s, i, *best)))
            *best = (int32_t)i;
    }
    for (int64_t g = 0; g < s->n; g++) {
        int32_t i = s->best[g];
        if (i < 0)
            continue;
        int32_t a = find_root(s->group, i), b = find_root(s->group, s->to[i]);
        if (a == b)
            continue;
        s->group[a < b ? b : a] = a < b ? a : b;
        links[made++] = (calr_link){i, s->to[i], s->least[i]};
    }
    for (int64_t i = 0; i < s->n; i++)
        s->group[i] = find_root(s->group, (int32_t)i);
    return made;
}

static calr_status run(span *s, calr_link *links)
{
    CALR_TRY(find_cores(s));
    for (int64_t i = 0; i < s->n; i++)
        s->group[i] = (int32_t)i;
    for (int64_t made = 0; made < s->n - 1;) {
        for (int64_t i = 0; i < s->n; i++) {
            s->least[i] = INFINITY;
            s->to[i] = -1;
        }
        CALR_TRY(pass(s));
        made += join(s, links + made);
    }
    return CALR_OK;
}

/* ---- the whole ---- */

static bool allocate(span *s)
{
    int64_t n = s->n;
    s->near = calr_array_new(n, (size_t)s->others * sizeof *s->near);
    s->core = calr_array_new(n, sizeof *s->core);
    s->group = calr_array_new(n, sizeof *s->group);
    s->least = calr_array_new(n, sizeof *s->least);
    s->to = calr_array_new(n, sizeof *s->to);
    s->best = calr_array_new(n, sizeof *s->best);
    s->distances = calr_array_new(calr_parallel_threads(), sizeof(float) * TILE * TILE);
    s->scratch = calr_array_new(calr_parallel_threads(),
                                (size_t)calr_pairwise_scratch(s->pairwise) * sizeof *s->scratch);
    s->locks = calr_array_new(s->tiles, sizeof *s->locks);
    return s->near && s->core && s->group && s->least && s->to && s->best && s->distances &&
           s->scratch && s->locks;
}

static void clear(span *s)
{
    free(s->near);
    free(s->core);
    free(s->group);
    free(s->least);
    free(s->to);
    free(s->best);
    free(s->distances);
    free(s->scratch);
    free(s->locks);
    calr_pairwise_release(s->pairwise);
}

calr_status calr_reach_span(const float *x, int64_t n, int64_t d, calr_metric metric,
                            int64_t others, calr_link *links)
{
    span s = {.n = n, .tiles = (n + TILE - 1) / TILE, .others = others < n - 1 ? others : n - 1};
    calr_status status = calr_pairwise_new(x, n, d, metric, &s.pairwise);
    if (status == CALR_OK && !allocate(&s))
        status =
            calr_error(CALR_ENOMEM, "out of memory for the spanning tree of %" PRId64 " rows", n);
    if (status == CALR_OK) {
        for (int64_t t = 0; t < s.tiles; t++)
            pthread_mutex_init(&s.locks[t], NULL);
        status = run(&s, links);
        for (int64_t t = 0; t < s.tiles; t++)
            pthread_mutex_destroy(&s.locks[t]);
    }
    clear(&s);
    return status;
}
