#include "cluster/leiden.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/rng.h"
#include "base/size.h"
#include "labels/labels.h"

enum { MOST_TRIALS = 10000, MOST_ROUNDS = 100, PATIENCE = 3, AHEAD = 4 };

/* An undirected network: every link is there in both directions, none leads to its own node. */
typedef struct net {
    int64_t nodes;
    int64_t *offsets;
    int32_t *neighbour;
    double *weight;
    double *strength; /* weights of a node's links */
    double *size; /* modularity: the weights of a node's links; Potts: how many things it holds */
} net;

typedef struct work {
    const net *net;
    double cost;               /* being together costs two nodes cost * size * size */
    int32_t *community, *part; /* [nodes] */
    double *total;             /* [nodes] sizes of communities, or of parts */
    double *outside;           /* [nodes] links from a part to the rest of its community */
    int64_t *count;            /* [nodes] members */
    double *within;            /* [nodes] size of the community, for refinement */
    double *to;    /* [nodes] weight from a node to each community near it; 0 between uses */
    int32_t *near; /* [nodes + 1] those communities */
    int32_t *queue, *empty; /* [nodes] */
    uint8_t *queued;        /* [nodes] */
    int64_t *order;         /* [nodes] */
    int32_t *home;          /* [nodes] the node that each thing is in */
    int32_t *settled;       /* [nodes] of the base: the communities in which no node would move */
} work;

/* ---- networks ---- */

static void net_release(net *g)
{
    if (!g)
        return;
    free(g->offsets);
    free(g->neighbour);
    free(g->weight);
    free(g->size);
    free(g->strength);
    free(g);
}

static net *net_new(int64_t nodes, int64_t links)
{
    net *g = calr_array_zeros(1, sizeof *g);
    if (!g)
        return NULL;
    g->nodes = nodes;
    g->offsets = calr_array_zeros(nodes + 1, sizeof *g->offsets);
    g->neighbour = calr_array_new(links, sizeof *g->neighbour);
    g->weight = calr_array_new(links, sizeof *g->weight);
    g->size = calr_array_zeros(nodes, sizeof *g->size);
    g->strength = calr_array_zeros(nodes, sizeof *g->strength);
    if (g->offsets && g->neighbour && g->weight && g->size && g->strength)
        return g;
    net_release(g);
    return NULL;
}

static calr_status no_memory(int64_t nodes)
{
    return calr_error(CALR_ENOMEM, "out of memory for the communities of %" PRId64 " nodes", nodes);
}

/* *out = g, unless a stop was asked for while it was filled: then it goes. */
static calr_status hand_out(net *g, net **out)
{
    calr_status status = calr_interrupt_check();
    if (status == CALR_OK)
        *out = g;
    else
        net_release(g);
    return status;
}

/* Adds the two directions of every link up: a walk through a row and the same row of the transpose. */
static calr_status net_of_graph(const calr_csr *graph, bool potts, net **out)
{
    calr_csr *t;
    int64_t n = graph->rows, at = 0;
    CALR_TRY(calr_csr_transpose(graph, &t));
    net *g = net_new(n, 2 * graph->nonzeros);
    if (!g) {
        calr_csr_release(t);
        return no_memory(n);
    }
    for (int64_t i = 0; i < n && !calr_interrupt_requested(); i++) {
        int64_t p = graph->offsets[i], q = t->offsets[i], p_end = graph->offsets[i + 1],
                q_end = t->offsets[i + 1];
        while (p < p_end || q < q_end) {
            int64_t a = p < p_end ? graph->indices[p] : INT64_MAX,
                    b = q < q_end ? t->indices[q] : INT64_MAX;
            int64_t j = a < b ? a : b;
            double weight = 0;
            if (a == j)
                weight += graph->values[p++];
            if (b == j)
                weight += t->values[q++];
            if (j == i)
                continue;
            g->neighbour[at] = (int32_t)j;
            g->weight[at++] = weight;
            g->strength[i] += weight;
        }
        g->size[i] = potts ? 1 : g->strength[i];
        g->offsets[i + 1] = at;
    }
    calr_csr_release(t);
    return hand_out(g, out);
}

/* Parts (numbered from 0) become nodes. */
static calr_status net_of_parts(work *w, const int32_t *part, int64_t parts, net **out)
{
    const net *g = w->net;
    net *a = net_new(parts, g->offsets[g->nodes]);
    if (!a)
        return no_memory(parts);
    /* Members by part: a counting sort into `order`. */
    int64_t *start = w->count;
    memset(start, 0, (size_t)g->nodes * sizeof *start);
    for (int64_t i = 0; i < g->nodes; i++) {
        start[part[i]]++;
        a->size[part[i]] += g->size[i];
    }
    for (int64_t p = 0, sum = 0; p < parts; p++) {
        int64_t count = start[p];
        start[p] = sum;
        sum += count;
    }
    for (int64_t i = 0; i < g->nodes; i++)
        w->order[start[part[i]]++] = i;
    int64_t at = 0, next = 0;
    for (int64_t p = 0; p < parts && !calr_interrupt_requested(); p++) {
        int64_t near = 0;
        for (; next < start[p]; next++) {
            int64_t i = w->order[next];
            for (int64_t e = g->offsets[i]; e < g->offsets[i + 1]; e++) {
                int32_t other = part[g->neighbour[e]];
                w->near[near] = other;
                near += (other != p) & (w->to[other] == 0);
                w->to[other] += other != p ? g->weight[e] : 0;
            }
        }
        for (int64_t c = 0; c < near; c++) {
            a->neighbour[at] = w->near[c];
            a->weight[at] = w->to[w->near[c]];
            a->strength[p] += a->weight[at++];
            w->to[w->near[c]] = 0;
        }
        a->offsets[p + 1] = at;
    }
    return hand_out(a, out);
}

/* ---- moving nodes ---- */

/* Fetches the links of a node from memory, whose turn comes soon. What is in the queue past its end is a node too. */
static inline void fetch(const net *g, int64_t i)
{
    int64_t at = g->offsets[i];
    __builtin_prefetch(g->neighbour + at);
    __builtin_prefetch(g->weight + at);
    __builtin_prefetch(g->weight + at + 8);
}

/* The communities next to node i, and the weight to each, in w->near and w->to; returns how many. */
static int64_t look_around(work *w, int64_t i, const int32_t *group)
{
    const net *g = w->net;
    int64_t near = 0;
    for (int64_t e = g->offsets[i]; e < g->offsets[i + 1]; e++) {
        int32_t c = group[g->neighbour[e]];
        w->near[near] = c; /* without a branch, which would be mispredicted */
        near += w->to[c] == 0;
        w->to[c] += g->weight[e];
    }
    return near;
}

/* The community that node i, taken out of its own, gains most from; its own where none is better. Forgets what was
 * found around it. */
static int32_t best_community(work *w, int64_t i, int64_t near, int32_t none)
{
    int32_t own = w->community[i], best = own;
    double size = w->net->size[i], cost = w->cost * size;
    double most = w->to[own] - cost * w->total[own];
    double margin =
        1e-12 * (w->net->strength[i] + cost * size); /* rounding must not send nodes in circles */
    for (int64_t c = 0; c < near; c++) {
        int32_t other = w->near[c];
        double gain = w->to[other] - cost * w->total[other];
        bool better = other != own && gain > most + margin;
        w->to[other] = 0;
        most = better ? gain : most;
        best = better ? other : best;
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
    const net *g = w->net;
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

static int64_t find_all(work *w)
{
    for (int64_t i = 0; i < w->net->nodes; i++) {
        w->order[i] = i;
        w->queued[i] = 1;
    }
    return w->net->nodes;
}

static calr_status move_nodes(work *w, calr_rng *rng, bool settled)
{
    const net *g = w->net;
    int64_t n = g->nodes, first = 0, waiting = settled ? find_changed(w) : find_all(w), empties;
    calr_rng_shuffle(rng, w->order, waiting);
    count_communities(w, &empties);
    for (int64_t i = 0; i < waiting; i++)
        w->queue[i] = (int32_t)w->order[i];
    for (int64_t step = 0; waiting > 0 && !calr_interrupt_due(step); step++) {
        int32_t i = w->queue[first], own = w->community[i];
        fetch(g, w->queue[first + AHEAD < n ? first + AHEAD : first]);
        first = first + 1 < n ? first + 1 : 0;
        waiting--;
        w->queued[i] = 0;
        int64_t near = look_around(w, i, w->community);
        w->total[own] -= g->size[i];
        w->count[own]--;
        int32_t best = best_community(
            w, i, near, w->count[own] > 0 && empties > 0 ? w->empty[empties - 1] : -1);
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
    return calr_interrupt_check();
}

/* ---- refining communities ---- */

static void start_parts(work *w)
{
    const net *g = w->net;
    for (int64_t i = 0; i < g->nodes; i++)
        w->within[i] = 0;
    for (int64_t i = 0; i < g->nodes; i++)
        w->within[w->community[i]] += g->size[i];
    for (int64_t i = 0; i < g->nodes; i++) {
        w->part[i] = (int32_t)i;
        w->total[i] = g->size[i];
        w->count[i] = 1;
        w->outside[i] = 0;
        for (int64_t e = g->offsets[i]; e < g->offsets[i + 1]; e++)
            if (w->community[g->neighbour[e]] == w->community[i])
                w->outside[i] += g->weight[e];
    }
}

/* Whether part p is well connected to the rest of community c. */
static bool is_well_connected(const work *w, int64_t p, int32_t c)
{
    return w->outside[p] >= w->cost * w->total[p] * (w->within[c] - w->total[p]);
}

static calr_status refine(work *w, calr_rng *rng)
{
    const net *g = w->net;
    start_parts(w);
    for (int64_t i = 0; i < g->nodes; i++)
        w->order[i] = i;
    calr_rng_shuffle(rng, w->order, g->nodes);
    for (int64_t o = 0; o < g->nodes && !calr_interrupt_due(o); o++) {
        int64_t i = w->order[o];
        int32_t own = w->community[i], best = -1;
        fetch(g, w->order[o + AHEAD < g->nodes ? o + AHEAD : o]);
        if (w->count[i] != 1 || w->part[i] != i || !is_well_connected(w, i, own))
            continue;
        double most = 0, link = 0, size = g->size[i], cost = w->cost * size;
        int64_t near = look_around(w, i, w->part);
        for (int64_t c = 0; c < near; c++) {
            int32_t p = w->near[c];
            double weight = w->to[p], gain = weight - cost * w->total[p];
            w->to[p] = 0;
            /* a part's number is that of its first node */
            if (gain > most && p != i && w->community[p] == own && is_well_connected(w, p, own)) {
                most = gain;
                best = p;
                link = weight;
            }
        }
        if (best >= 0) {
            w->outside[best] += w->outside[i] - 2 * link;
            w->total[best] += size;
            w->count[best]++;
            w->count[i] = 0;
            w->part[i] = best;
        }
    }
    return calr_interrupt_check();
}

/* ---- the search ---- */

static void work_clear(work *w)
{
    free(w->community);
    free(w->part);
    free(w->total);
    free(w->outside);
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
}

static calr_status work_new(work *w, int64_t n)
{
    w->community = calr_array_new(n, sizeof *w->community);
    w->part = calr_array_new(n, sizeof *w->part);
    w->total = calr_array_new(n, sizeof *w->total);
    w->outside = calr_array_new(n, sizeof *w->outside);
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
    if (!w->community || !w->part || !w->total || !w->outside || !w->count || !w->within ||
        !w->to || !w->near || !w->queue || !w->empty || !w->queued || !w->order || !w->home ||
        !w->settled)
        return no_memory(n);
    return CALR_OK;
}

/* One step of the search on w->net: moves, and makes the network of the parts, whose communities are in
 * w->community. home[n]: the node that each thing is in. *coarse is NULL when there is nothing to join. */
static calr_status coarsen(work *w, calr_rng *rng, int32_t *home, int64_t n, bool settled,
                           net **coarse)
{
    int64_t nodes = w->net->nodes, communities, parts;
    *coarse = NULL;
    CALR_TRY(move_nodes(w, rng, settled));
    CALR_TRY(calr_labels_canonical(w->community, nodes, 1, w->community, &communities));
    if (nodes == n)
        memcpy(w->settled, w->community, (size_t)n * sizeof *w->settled);
    if (communities == nodes)
        return CALR_OK;
    CALR_TRY(refine(w, rng));
    CALR_TRY(calr_labels_canonical(w->part, nodes, 1, w->part, &parts));
    if (parts == nodes)
        return CALR_OK;
    CALR_TRY(net_of_parts(w, w->part, parts, coarse));
    for (int64_t i = 0; i < nodes; i++)
        w->near[w->part[i]] = w->community[i];
    for (int64_t i = 0; i < n; i++)
        home[i] = w->part[home[i]];
    memcpy(w->community, w->near, (size_t)parts * sizeof *w->near);
    return CALR_OK;
}

/* From the communities in labels[n] to better ones. again: they come from a call before. */
static calr_status improve(work *w, const net *base, calr_rng *rng, bool again, int32_t *labels)
{
    int64_t n = base->nodes;
    net *own = NULL, *coarse = NULL;
    w->net = base;
    for (int64_t i = 0; i < n; i++) {
        w->home[i] = (int32_t)i;
        w->community[i] = labels[i];
    }
    calr_status status = coarsen(w, rng, w->home, n, again, &coarse);
    while (status == CALR_OK && coarse) {
        net_release(own);
        w->net = own = coarse;
        status = coarsen(w, rng, w->home, n, false, &coarse);
    }
    for (int64_t i = 0; status == CALR_OK && i < n; i++)
        labels[i] = w->community[w->home[i]];
    net_release(own);
    return status;
}

/* Parts of a community that no link joins become communities of their own: never for the worse. */
static calr_status split_disconnected(const net *g, int32_t *labels)
{
    int64_t n = g->nodes, clusters;
    int32_t *stack = calr_array_new(n, sizeof *stack), *found = calr_array_new(n, sizeof *found),
            next = 0;
    if (!stack || !found) {
        free(stack);
        free(found);
        return no_memory(n);
    }
    for (int64_t i = 0; i < n; i++)
        found[i] = -1;
    for (int64_t i = 0; i < n && !calr_interrupt_due(i); i++) {
        int64_t top = 0;
        if (found[i] >= 0)
            continue;
        found[i] = next;
        stack[top++] = (int32_t)i;
        while (top > 0) {
            int32_t at = stack[--top];
            for (int64_t e = g->offsets[at]; e < g->offsets[at + 1]; e++) {
                int32_t j = g->neighbour[e];
                if (found[j] < 0 && labels[j] == labels[at]) {
                    found[j] = next;
                    stack[top++] = j;
                }
            }
        }
        next++;
    }
    calr_status status = calr_interrupt_check();
    if (status == CALR_OK)
        status = calr_labels_canonical(found, n, 1, labels, &clusters);
    free(stack);
    free(found);
    return status;
}

/* ---- quality ---- */

static double total_size(const net *g)
{
    double sum = 0;
    for (int64_t i = 0; i < g->nodes; i++)
        sum += g->size[i];
    return sum;
}

/* Labels are 0 .. n-1. total[n] is scratch. */
static double measure(const net *g, const calr_leiden_options *o, const int32_t *labels,
                      double *total)
{
    double inside = 0, chance = 0, weight = total_size(g);
    for (int64_t i = 0; i < g->nodes; i++)
        total[i] = 0;
    for (int64_t i = 0; i < g->nodes; i++) {
        total[labels[i]] += g->size[i];
        for (int64_t e = g->offsets[i]; e < g->offsets[i + 1]; e++)
            inside += labels[g->neighbour[e]] == labels[i] ? g->weight[e] : 0;
    }
    for (int64_t c = 0; c < g->nodes; c++)
        chance += o->potts ? total[c] * (total[c] - 1) : total[c] / weight * (total[c] / weight);
    return o->potts ? (inside - o->resolution * chance) / 2
                    : inside / weight - o->resolution * chance;
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

/* Rounds of the search from where the last one ended, until some in a row gain nothing. */
static calr_status search(work *w, const net *g, const calr_leiden_options *o, int64_t trial,
                          double *scratch, int32_t *labels, double *quality)
{
    calr_rng rng = calr_rng_make(o->seed, calr_rng_purpose("leiden"), 0, (uint64_t)trial);
    int idle = 0;
    w->cost = o->potts ? o->resolution : o->resolution / total_size(g);
    *quality = -INFINITY;
    for (int64_t i = 0; i < g->nodes; i++)
        labels[i] = (int32_t)i;
    for (int round = 0; round < MOST_ROUNDS && idle < PATIENCE; round++) {
        double before = *quality;
        CALR_TRY(improve(w, g, &rng, round > 0, labels));
        CALR_TRY(calr_interrupt_check());
        *quality = measure(g, o, labels, scratch);
        idle = *quality > before + 1e-12 * fabs(before) ? 0 : idle + 1;
    }
    CALR_TRY(split_disconnected(g, labels));
    *quality = measure(g, o, labels, scratch);
    return CALR_OK;
}

static calr_status search_all(const net *g, const calr_leiden_options *o, int32_t *labels,
                              double *best)
{
    int64_t n = g->nodes;
    double *scratch = calr_array_new(n, sizeof *scratch), quality;
    int32_t *trial = calr_array_new(n, sizeof *trial);
    work w = {0};
    calr_status status = scratch && trial ? work_new(&w, n) : no_memory(n);
    *best = -INFINITY;
    for (int64_t t = 0; status == CALR_OK && t < o->trials; t++) {
        status = search(&w, g, o, t, scratch, trial, &quality);
        if (status == CALR_OK && quality > *best) {
            *best = quality;
            memcpy(labels, trial, (size_t)n * sizeof *labels);
        }
    }
    work_clear(&w);
    free(scratch);
    free(trial);
    return status;
}

calr_status calr_leiden(const calr_csr *graph, const calr_leiden_options *options, int32_t *labels,
                        double *quality, int64_t *communities)
{
    net *g;
    CALR_TRY(check_arguments(graph, options));
    CALR_TRY(net_of_graph(graph, options->potts, &g));
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
    net_release(g);
    return status;
}

calr_status calr_leiden_quality(const calr_csr *graph, const calr_leiden_options *options,
                                const int32_t *labels, double *quality)
{
    net *g;
    int64_t n = graph->rows, found, next;
    CALR_TRY(check_arguments(graph, options));
    CALR_TRY(net_of_graph(graph, options->potts, &g));
    double *scratch = calr_array_new(n, sizeof *scratch);
    int32_t *own = calr_array_new(n, sizeof *own);
    calr_status status =
        scratch && own ? calr_labels_canonical(labels, n, 1, own, &found) : no_memory(n);
    if (status == CALR_OK) {
        next = found;
        for (int64_t i = 0; i < n; i++)
            if (own[i] < 0)
                own[i] = (int32_t)next++;
        *quality = g->offsets[n] > 0 ? measure(g, options, own, scratch) : 0;
    }
    free(scratch);
    free(own);
    net_release(g);
    return status;
}
