#include "cluster/leiden.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/rng.h"
#include "base/size.h"
#include "cluster/leiden_net.h"
#include "labels/labels.h"

enum {
    MOST_TRIALS = 10000,
    MOST_ROUNDS = 1000,
    PATIENCE = 2,     /* rounds that change nothing in a community before it rests */
    STARTS = 2,       /* searches whose common parts the last one begins with */
    START_ROUNDS = 5, /* of each of them */
    MANY =
        1000, /* nodes; smaller networks gain more from another trial, which takes less than starts */
    AHEAD = 4
};

typedef struct work {
    const calr_leiden_net *net;
    double cost;               /* being together costs two nodes cost * size * size */
    int32_t *community, *part; /* [nodes] */
    double *total;             /* [nodes] sizes of communities, or of parts */
    double *outside;           /* [nodes] links from a part to the rest of its community */
    double *price;             /* [nodes] size of a part that others may join, or else infinity */
    int64_t *count;            /* [nodes] members */
    double *within;            /* [nodes] size of the community, for refinement */
    double *to;    /* [nodes] weight from a node to each community near it; 0 between uses */
    int32_t *near; /* [nodes + 1] scratch */
    int32_t *queue, *empty; /* [nodes] */
    uint8_t *queued;        /* [nodes] 0 between uses */
    int64_t *order;         /* [nodes] */
    int32_t *home;          /* [nodes] the node that each thing is in */
    int32_t *settled;       /* [nodes] of the base: the communities in which no node would move */
    uint8_t *fixed; /* [nodes] whether a node stays where it is: one of a resting community */
    int32_t *idle, *idle_next; /* [nodes] of each community: rounds since it changed */
    int32_t *same;             /* [nodes] of each community: which it was before, or -1 */
} work;

/* ---- moving nodes ---- */

/* Fetches the links of a node from memory, whose turn comes soon. */
static inline void fetch(const calr_leiden_net *g, int64_t i)
{
    int64_t at = g->offsets[i];
    __builtin_prefetch(g->neighbour + at);
    __builtin_prefetch(g->weight + at);
    __builtin_prefetch(g->weight + at + 8);
}

/* The weights from node i to the groups around it, in w->to, and the group that it gains most from by the price of
 * each; -1 where none has more than *most, which becomes that gain. Links to a group only add up, so the best of the
 * sums on the way is the best of all: one pass without lists, and without branches, which would be mispredicted. */
static inline int32_t look_around(work *w, int64_t i, const int32_t *group, const double *price,
                                  double *most)
{
    const calr_leiden_net *g = w->net;
    double cost = w->cost * g->size[i], best_gain = *most;
    int32_t best = -1;
    for (int64_t e = g->offsets[i]; e < g->offsets[i + 1]; e++) {
        int32_t c = group[g->neighbour[e]];
        double sum = w->to[c] + g->weight[e], gain = sum - cost * price[c];
        w->to[c] = sum;
        best = gain > best_gain ? c : best;
        best_gain = gain > best_gain ? gain : best_gain;
    }
    *most = best_gain;
    return best;
}

static inline void forget(work *w, int64_t i, const int32_t *group)
{
    const calr_leiden_net *g = w->net;
    for (int64_t e = g->offsets[i]; e < g->offsets[i + 1]; e++)
        w->to[group[g->neighbour[e]]] = 0;
}

/* The community that node i gains most from, after it is taken out of its own; its own where none is better; `none`, an
 * empty one, where being alone is better still. */
static int32_t best_community(work *w, int64_t i, int32_t none)
{
    int32_t own = w->community[i];
    double cost = w->cost * w->net->size[i], left = w->total[own] - w->net->size[i];
    double margin =
        1e-12 * (w->net->strength[i] + cost); /* rounding must not send nodes in circles */
    double most = -INFINITY;
    w->total[own] = INFINITY; /* among the others it is no choice */
    int32_t best = look_around(w, i, w->community, w->total, &most);
    double stay = w->to[own] - cost * left;
    w->total[own] = left;
    forget(w, i, w->community);
    if (best < 0 || !(most > stay + margin)) {
        best = own;
        most = stay;
    }
    return most < -margin && none >= 0 ? none : best;
}

static void count_communities(work *w, int64_t *empties)
{
    int64_t n = w->net->nodes;
    for (int64_t c = 0; c < n; c++) {
        w->total[c] = 0;
        w->count[c] = 0;
    }
    for (int64_t i = 0; i < n; i++) {
        w->total[w->community[i]] += w->net->size[i];
        w->count[w->community[i]]++;
    }
    *empties = 0;
    for (int64_t c = n - 1; c >= 0; c--)
        if (w->count[c] == 0)
            w->empty[(*empties)++] = (int32_t)c;
}

/* Where w->settled says so, only nodes whose surroundings have changed since then can gain: those that left the
 * community to which the most of their old one went, and their neighbours. Communities that became one are left by
 * all but the largest. Writes them to w->order in ascending order; returns how many. */
static int64_t find_changed(work *w)
{
    const calr_leiden_net *g = w->net;
    int64_t n = g->nodes, changed = 0;
    int32_t *start = w->near, *heir = w->empty, *largest = w->part, *size = w->queue;
    int64_t *member = w->order;
    for (int64_t i = 0; i <= n; i++)
        start[i] = 0;
    for (int64_t i = 0; i < n; i++) {
        start[w->settled[i]]++;
        size[i] = 0;
        largest[i] = -1;
    }
    for (int32_t c = 0, sum = 0; c < n; c++) {
        int32_t count = start[c];
        start[c] = sum;
        sum += count;
    }
    for (int64_t i = 0; i < n; i++)
        member[start[w->settled[i]]++] = i;
    for (int64_t c = 0, at = 0; c < n; c++) { /* start[c] is now its end */
        int32_t best = -1;
        int64_t begin = at;
        for (; at < start[c]; at++) {
            int32_t to = w->community[member[at]];
            size[to]++;
            best = best < 0 || size[to] > size[best] ? to : best;
        }
        int32_t most = best < 0 ? 0 : size[best];
        for (at = begin; at < start[c]; at++)
            size[w->community[member[at]]] = 0;
        heir[c] = best;
        w->count[c] = most;
        if (best >= 0 && (largest[best] < 0 || most > w->count[largest[best]]))
            largest[best] = (int32_t)c;
    }
    for (int64_t i = 0; i < n; i++) {
        int32_t old = w->settled[i], now = w->community[i];
        if (heir[old] == now && largest[now] == old)
            continue;
        w->queued[i] = 1;
        for (int64_t e = g->offsets[i]; e < g->offsets[i + 1]; e++)
            w->queued[g->neighbour[e]] = 1;
    }
    for (int64_t i = 0; i < n; i++)
        if (w->queued[i])
            w->order[changed++] = i;
    return changed;
}

/* Communities rest no longer when something changed next to them. */
static void wake(work *w, int64_t changed)
{
    for (int64_t i = 0; i < changed; i++) {
        int32_t c = w->community[w->order[i]];
        w->idle[c] = w->idle[c] < PATIENCE ? w->idle[c] : PATIENCE - 1;
    }
}

/* All nodes but the fixed ones, which count as queued, so that nobody puts them there. */
static int64_t find_all(work *w)
{
    int64_t found = 0;
    for (int64_t i = 0; i < w->net->nodes; i++) {
        w->queued[i] = 1;
        if (!w->fixed[i])
            w->order[found++] = i;
    }
    return found;
}

/* settled: only nodes whose surroundings have changed move at first. Then none is fixed yet. */
static calr_status move_nodes(work *w, calr_rng *rng, bool settled)
{
    const calr_leiden_net *g = w->net;
    int64_t n = g->nodes, first = 0, waiting = settled ? find_changed(w) : find_all(w), empties;
    if (settled)
        wake(w, waiting);
    calr_rng_shuffle(rng, w->order, waiting);
    count_communities(w, &empties);
    for (int64_t i = 0; i < waiting; i++)
        w->queue[i] = (int32_t)w->order[i];
    for (int64_t step = 0; waiting > 0 && !calr_interrupt_due(step); step++) {
        int32_t i = w->queue[first], own = w->community[i];
        if (waiting > AHEAD)
            fetch(g, w->queue[first + AHEAD < n ? first + AHEAD : first + AHEAD - n]);
        first = first + 1 < n ? first + 1 : 0;
        waiting--;
        w->queued[i] = 0;
        w->count[own]--;
        int32_t best =
            best_community(w, i, w->count[own] > 0 && empties > 0 ? w->empty[empties - 1] : -1);
        if (w->count[best] == 0 && best != own)
            empties--;
        if (w->count[own] == 0 && best != own) {
            w->empty[empties++] = own;
            w->total[own] = 0; /* no crumbs of rounding */
        }
        w->total[best] += g->size[i];
        w->count[best]++;
        w->community[i] = best;
        for (int64_t e = g->offsets[i]; best != own && e < g->offsets[i + 1]; e++) {
            int32_t j = g->neighbour[e];
            if (w->community[j] == best || w->queued[j])
                continue;
            w->queued[j] = 1;
            int64_t place = first + waiting++;
            w->queue[place < n ? place : place - n] = j;
        }
    }
    memset(w->queued, 0, (size_t)n);
    return calr_interrupt_check();
}

/* ---- refining communities ---- */

/* Whether part p is well connected to the rest of community c. */
static bool is_well_connected(const work *w, int64_t p, int32_t c)
{
    return w->outside[p] >= w->cost * w->total[p] * (w->within[c] - w->total[p]);
}

static void set_price(work *w, int64_t p, int32_t c)
{
    w->price[p] = is_well_connected(w, p, c) ? w->total[p] : INFINITY;
}

/* Every node that is not fixed is a part, which nobody may join yet. Such nodes are sorted into w->order by community,
 * community c ends at w->queue[c]. Returns how many communities to look at. */
static int64_t start_parts(work *w)
{
    int64_t n = w->net->nodes, communities = 0;
    int32_t *start = w->queue;
    for (int64_t i = 0; i < n; i++) {
        start[i] = 0;
        w->within[i] = 0;
    }
    for (int64_t i = 0; i < n; i++) {
        int32_t c = w->community[i];
        w->within[c] += w->net->size[i];
        start[c] += !w->fixed[i];
        communities = c >= communities ? c + 1 : communities;
        w->total[i] = w->net->size[i];
        w->price[i] = INFINITY;
        w->count[i] = 1;
        w->part[i] = w->fixed[i] ? w->part[i] : (int32_t)i;
    }
    for (int32_t c = 0, sum = 0; c < communities; c++) {
        int32_t count = start[c];
        start[c] = sum;
        sum += count;
    }
    for (int64_t i = 0; i < n; i++)
        if (!w->fixed[i])
            w->order[start[w->community[i]]++] = i;
    return communities;
}

/* The weight from node i to the rest of community c. By a factor, since compilers make a branch of a condition. */
static double weight_within(const work *w, int64_t i, int32_t c)
{
    static const double factor[2] = {0, 1};
    const calr_leiden_net *g = w->net;
    double sum = 0;
    for (int64_t e = g->offsets[i]; e < g->offsets[i + 1]; e++)
        sum += g->weight[e] * factor[w->community[g->neighbour[e]] == c];
    return sum;
}

/* Community c from its nodes, which are in random order. */
static void refine_community(work *w, int32_t c, const int64_t *node, int64_t nodes)
{
    for (int64_t o = 0; o < nodes; o++) {
        int64_t i = node[o];
        double most = 0;
        if (w->count[i] != 1 || w->part[i] != i || !is_well_connected(w, i, c))
            continue;
        int32_t best = look_around(w, i, w->part, w->price, &most);
        double link = best >= 0 ? w->to[best] : 0;
        forget(w, i, w->part);
        if (best >= 0) { /* a part's number is that of its first node */
            w->outside[best] += w->outside[i] - 2 * link;
            w->total[best] += w->total[i];
            w->count[best]++;
            w->count[i] = 0;
            w->part[i] = best;
            set_price(w, best, c);
        }
    }
}

/* Communities one after the other: no part has nodes of two, and what belongs to one stays in the first cache. */
static calr_status refine(work *w, calr_rng *rng)
{
    int64_t communities = start_parts(w), begin = 0;
    for (int32_t c = 0; c < communities && !calr_interrupt_due(c); c++) {
        int64_t end = w->queue[c], *node = w->order + begin, nodes = end - begin;
        for (int64_t o = 0; o < nodes; o++) {
            w->outside[node[o]] = weight_within(w, node[o], c);
            set_price(w, node[o], c);
        }
        calr_rng_shuffle(rng, node, nodes);
        refine_community(w, c, node, nodes);
        for (int64_t o = 0; o < nodes; o++)
            w->price[node[o]] = INFINITY;
        begin = end;
    }
    return calr_interrupt_check();
}

/* ---- communities that rest ---- */

/* w->same[c]: the community of `old` that has the very nodes of c in `now`, or -1. Both are numbered from 0. */
static void find_same(work *w, const int32_t *old, const int32_t *now, int64_t n)
{
    int32_t *before = w->near, *after = w->empty;
    for (int64_t c = 0; c < n; c++) {
        before[c] = after[c] = 0;
        w->same[c] = -1;
    }
    for (int64_t i = 0; i < n; i++) {
        int32_t c = now[i];
        before[old[i]]++;
        w->same[c] = after[c] == 0 || w->same[c] == old[i] ? old[i] : -1;
        after[c]++;
    }
    for (int64_t c = 0; c < n; c++)
        if (w->same[c] >= 0 && before[w->same[c]] != after[c])
            w->same[c] = -1;
}

/* Fixes the nodes of communities that rest, unless they changed since `old`: each such community becomes one part. */
static void fix_resting(work *w, const int32_t *old, int64_t n)
{
    int32_t *first = w->near;
    find_same(w, old, w->community, n);
    for (int64_t c = 0; c < n; c++)
        first[c] = -1;
    for (int64_t i = 0; i < n; i++) {
        int32_t c = w->community[i], was = w->same[c];
        w->fixed[i] = was >= 0 && w->idle[was] >= PATIENCE;
        first[c] = first[c] < 0 ? (int32_t)i : first[c];
        w->part[i] = first[c];
    }
}

/* After a round from the communities `old` to `now`; returns how many of them do not rest. */
static int64_t count_idle(work *w, const int32_t *old, const int32_t *now, int64_t n)
{
    int64_t active = 0;
    find_same(w, old, now, n);
    for (int64_t c = 0; c < n; c++) {
        w->idle_next[c] = w->same[c] >= 0 ? w->idle[w->same[c]] + 1 : 0;
        active += w->empty[c] > 0 && w->idle_next[c] < PATIENCE; /* find_same left sizes there */
    }
    int32_t *last = w->idle;
    w->idle = w->idle_next;
    w->idle_next = last;
    return active;
}

/* ---- the search ---- */

static void work_clear(work *w)
{
    free(w->community);
    free(w->part);
    free(w->total);
    free(w->outside);
    free(w->price);
    free(w->count);
    free(w->within);
    free(w->to);
    free(w->near);
    free(w->queue);
    free(w->empty);
    free(w->queued);
    free(w->order);
    free(w->home);
    free(w->settled);
    free(w->fixed);
    free(w->idle);
    free(w->idle_next);
    free(w->same);
}

static calr_status work_new(work *w, int64_t n)
{
    w->community = calr_array_new(n, sizeof *w->community);
    w->part = calr_array_new(n, sizeof *w->part);
    w->total = calr_array_new(n, sizeof *w->total);
    w->outside = calr_array_new(n, sizeof *w->outside);
    w->price = calr_array_new(n, sizeof *w->price);
    w->count = calr_array_new(n, sizeof *w->count);
    w->within = calr_array_new(n, sizeof *w->within);
    w->to = calr_array_zeros(n, sizeof *w->to);
    w->near = calr_array_new(n + 1, sizeof *w->near);
    w->queue = calr_array_new(n, sizeof *w->queue);
    w->empty = calr_array_new(n, sizeof *w->empty);
    w->queued = calr_array_zeros(n, sizeof *w->queued);
    w->order = calr_array_new(n, sizeof *w->order);
    w->home = calr_array_new(n, sizeof *w->home);
    w->settled = calr_array_new(n, sizeof *w->settled);
    w->fixed = calr_array_new(n, sizeof *w->fixed);
    w->idle = calr_array_new(n, sizeof *w->idle);
    w->idle_next = calr_array_new(n, sizeof *w->idle_next);
    w->same = calr_array_new(n, sizeof *w->same);
    if (!w->community || !w->part || !w->total || !w->outside || !w->price || !w->count ||
        !w->within || !w->to || !w->near || !w->queue || !w->empty || !w->queued || !w->order ||
        !w->home || !w->settled || !w->fixed || !w->idle || !w->idle_next || !w->same)
        return calr_leiden_no_memory(n);
    return CALR_OK;
}

/* One step of the search on w->net: moves, and makes the network of the parts, whose communities are in
 * w->community. On the base, old[n] says from which communities, and `settled` whether w->settled says more; above it
 * old is NULL. *coarse is NULL when there is nothing to join. */
static calr_status coarsen(work *w, calr_rng *rng, const int32_t *old, int64_t n, bool settled,
                           calr_leiden_net **coarse)
{
    int64_t nodes = w->net->nodes, communities, parts;
    calr_leiden_scratch scratch = {w->count, w->order, w->to, w->near};
    *coarse = NULL;
    CALR_TRY(move_nodes(w, rng, settled));
    CALR_TRY(calr_labels_canonical(w->community, nodes, 1, w->community, &communities));
    if (old) {
        memcpy(w->settled, w->community, (size_t)n * sizeof *w->settled);
        fix_resting(w, old, n);
    } else {
        for (int64_t i = 0; i < nodes; i++)
            w->part[i] = (int32_t)i;
    }
    if (communities == nodes)
        return CALR_OK;
    CALR_TRY(refine(w, rng));
    CALR_TRY(calr_labels_canonical(w->part, nodes, 1, w->part, &parts));
    if (parts == nodes)
        return CALR_OK;
    CALR_TRY(calr_leiden_net_of_parts(w->net, w->part, parts, w->fixed, scratch, coarse));
    for (int64_t i = 0; i < nodes; i++) { /* a part's number is at most that of any of its nodes */
        w->near[w->part[i]] = w->community[i];
        w->fixed[w->part[i]] = w->fixed[i];
    }
    for (int64_t i = 0; i < n; i++)
        w->home[i] = w->part[w->home[i]];
    memcpy(w->community, w->near, (size_t)parts * sizeof *w->near);
    return CALR_OK;
}

/* From the communities in labels[n] to better ones. again: they come from a call before. *active: how many of them do
 * not rest now. */
static calr_status improve(work *w, const calr_leiden_net *base, calr_rng *rng, bool again,
                           int32_t *labels, int64_t *active)
{
    int64_t n = base->nodes;
    calr_leiden_net *own = NULL, *coarse = NULL;
    w->net = base;
    for (int64_t i = 0; i < n; i++) {
        w->home[i] = (int32_t)i;
        w->community[i] = labels[i];
        w->fixed[i] = 0;
    }
    calr_status status = coarsen(w, rng, labels, n, again, &coarse);
    while (status == CALR_OK && coarse) {
        calr_leiden_net_release(own);
        w->net = own = coarse;
        status = coarsen(w, rng, NULL, n, false, &coarse);
    }
    calr_leiden_net_release(own);
    CALR_TRY(status);
    for (int64_t i = 0; i < n; i++)
        w->part[i] = w->community[w->home[i]];
    *active = count_idle(w, labels, w->part, n);
    memcpy(labels, w->part, (size_t)n * sizeof *labels);
    return CALR_OK;
}

static calr_status check_arguments(const calr_csr *graph, const calr_leiden_options *o)
{
    if (graph->rows != graph->columns)
        return calr_error(CALR_EINVAL, "a graph must be square, not %" PRId64 " x %" PRId64,
                          graph->rows, graph->columns);
    if (!(o->resolution > 0 && isfinite(o->resolution)))
        return calr_error(CALR_EINVAL, "resolution must be a number above 0, not %g",
                          o->resolution);
    if (o->trials < 1 || o->trials > MOST_TRIALS)
        return calr_error(CALR_EINVAL, "trials must be 1 to %d, not %" PRId64, MOST_TRIALS,
                          o->trials);
    CALR_TRY(calr_csr_validate(graph, "the graph"));
    for (int64_t p = 0; p < graph->nonzeros; p++)
        if (!(graph->values[p] > 0))
            return calr_error(CALR_ENUMERIC, "link %" PRId64 " has weight %g: weights are above 0",
                              p, (double)graph->values[p]);
    return CALR_OK;
}

/* ---- the whole ---- */

/* Rounds from the communities in labels[n], each from where the last one ended, until all communities rest. */
static calr_status run_rounds(work *w, const calr_leiden_net *g, calr_rng *rng, int rounds,
                              int32_t *labels)
{
    int64_t active = 1;
    memset(w->idle, 0, (size_t)g->nodes * sizeof *w->idle);
    for (int round = 0; round < rounds && active > 0; round++) {
        CALR_TRY(improve(w, g, rng, round > 0, labels, &active));
        CALR_TRY(calr_interrupt_check());
    }
    return CALR_OK;
}

/* labels[i] becomes the number of the pair (labels[i], other[i]). */
static void intersect(work *w, const int32_t *other, int64_t n, int32_t *labels)
{
    int32_t *start = w->queue, *seen = w->empty, *number = w->same, next = 0;
    for (int64_t c = 0; c < n; c++) {
        start[c] = 0;
        seen[c] = -1;
    }
    for (int64_t i = 0; i < n; i++)
        start[labels[i]]++;
    for (int32_t c = 0, sum = 0; c < n; c++) {
        int32_t count = start[c];
        start[c] = sum;
        sum += count;
    }
    for (int64_t i = 0; i < n; i++)
        w->order[start[labels[i]]++] = i;
    for (int64_t o = 0; o < n; o++) {
        int64_t i = w->order[o];
        if (seen[other[i]] != labels[i]) {
            seen[other[i]] = labels[i];
            number[other[i]] = next++;
        }
        labels[i] = number[other[i]];
    }
}

/* A few rounds from single nodes, several times; what all of them put together is where the search begins that goes on
 * until nothing changes (core groups: Ovelgonne, Geyer-Schulz, "An ensemble learning strategy for graph clustering",
 * DIMACS 2012). */
static calr_status search(work *w, const calr_leiden_net *g, const calr_leiden_options *o,
                          int64_t trial, double *scratch, int32_t *start, int32_t *labels,
                          double *quality)
{
    calr_rng rng = calr_rng_make(o->seed, calr_rng_purpose("leiden"), 0, (uint64_t)trial);
    int64_t n = g->nodes;
    w->cost = o->potts ? o->resolution : o->resolution / calr_leiden_net_size(g);
    for (int64_t i = 0; i < n; i++)
        labels[i] = n < MANY ? (int32_t)i : 0;
    for (int s = 0; n >= MANY && s < STARTS; s++) {
        for (int64_t i = 0; i < n; i++)
            start[i] = (int32_t)i;
        CALR_TRY(run_rounds(w, g, &rng, START_ROUNDS, start));
        intersect(w, start, n, labels);
    }
    CALR_TRY(run_rounds(w, g, &rng, MOST_ROUNDS, labels));
    CALR_TRY(calr_leiden_net_split(g, labels));
    *quality = calr_leiden_net_quality(g, o, labels, scratch);
    return CALR_OK;
}

static calr_status search_all(const calr_leiden_net *g, const calr_leiden_options *o,
                              int32_t *labels, double *best)
{
    int64_t n = g->nodes;
    double *scratch = calr_array_new(n, sizeof *scratch), quality;
    int32_t *trial = calr_array_new(n, sizeof *trial), *start = calr_array_new(n, sizeof *start);
    work w = {0};
    calr_status status = scratch && trial && start ? work_new(&w, n) : calr_leiden_no_memory(n);
    *best = -INFINITY;
    for (int64_t t = 0; status == CALR_OK && t < o->trials; t++) {
        status = search(&w, g, o, t, scratch, start, trial, &quality);
        if (status == CALR_OK && quality > *best) {
            *best = quality;
            memcpy(labels, trial, (size_t)n * sizeof *labels);
        }
    }
    work_clear(&w);
    free(scratch);
    free(trial);
    free(start);
    return status;
}

calr_status calr_leiden(const calr_csr *graph, const calr_leiden_options *options, int32_t *labels,
                        double *quality, int64_t *communities)
{
    calr_leiden_net *g;
    CALR_TRY(check_arguments(graph, options));
    CALR_TRY(calr_leiden_net_of_graph(graph, options->potts, &g));
    double best = 0;
    int64_t found;
    calr_status status = CALR_OK;
    if (g->offsets[g->nodes] > 0)
        status = search_all(g, options, labels, &best);
    for (int64_t i = 0; status == CALR_OK && i < g->nodes; i++)
        if (g->offsets[i] == g->offsets[i + 1])
            labels[i] = -1;
    if (status == CALR_OK)
        status =
            calr_labels_canonical(labels, g->nodes, 1, labels, communities ? communities : &found);
    if (status == CALR_OK && quality)
        *quality = best;
    calr_leiden_net_release(g);
    return status;
}

calr_status calr_leiden_quality(const calr_csr *graph, const calr_leiden_options *options,
                                const int32_t *labels, double *quality)
{
    calr_leiden_net *g;
    int64_t n = graph->rows, found, next;
    CALR_TRY(check_arguments(graph, options));
    CALR_TRY(calr_leiden_net_of_graph(graph, options->potts, &g));
    double *scratch = calr_array_new(n, sizeof *scratch);
    int32_t *own = calr_array_new(n, sizeof *own);
    calr_status status = scratch && own ? calr_labels_canonical(labels, n, 1, own, &found)
                                        : calr_leiden_no_memory(n);
    if (status == CALR_OK) {
        next = found;
        for (int64_t i = 0; i < n; i++)
            if (own[i] < 0)
                own[i] = (int32_t)next++;
        *quality = g->offsets[n] > 0 ? calr_leiden_net_quality(g, options, own, scratch) : 0;
    }
    free(scratch);
    free(own);
    calr_leiden_net_release(g);
    return status;
}
