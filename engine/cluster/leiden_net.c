#include "cluster/leiden_net.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/size.h"
#include "labels/labels.h"

void calr_leiden_net_release(calr_leiden_net *g)
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

static calr_leiden_net *net_new(int64_t nodes, int64_t links)
{
    calr_leiden_net *g = calr_array_zeros(1, sizeof *g);
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
    calr_leiden_net_release(g);
    return NULL;
}

calr_status calr_leiden_no_memory(int64_t nodes)
{
    return calr_error(CALR_ENOMEM, "out of memory for the communities of %" PRId64 " nodes", nodes);
}

/* *out = g, unless a stop was asked for while it was filled: then it goes. */
static calr_status hand_out(calr_leiden_net *g, calr_leiden_net **out)
{
    calr_status status = calr_interrupt_check();
    if (status == CALR_OK)
        *out = g;
    else
        calr_leiden_net_release(g);
    return status;
}

/* Adds the two directions of every link up: a walk through a row and the same row of the transpose. */
calr_status calr_leiden_net_of_graph(const calr_csr *graph, bool potts, calr_leiden_net **out)
{
    calr_csr *t;
    int64_t n = graph->rows, at = 0;
    CALR_TRY(calr_csr_transpose(graph, &t));
    calr_leiden_net *g = net_new(n, 2 * graph->nonzeros);
    if (!g) {
        calr_csr_release(t);
        return calr_leiden_no_memory(n);
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

/* Members by part: a counting sort into scratch.order; scratch.count[p] is then the end of part p. */
static void sort_members(const calr_leiden_net *g, const int32_t *part, int64_t parts,
                         calr_leiden_scratch scratch)
{
    int64_t *start = scratch.count;
    memset(start, 0, (size_t)parts * sizeof *start);
    for (int64_t i = 0; i < g->nodes; i++)
        start[part[i]]++;
    for (int64_t p = 0, sum = 0; p < parts; p++) {
        int64_t count = start[p];
        start[p] = sum;
        sum += count;
    }
    for (int64_t i = 0; i < g->nodes; i++)
        scratch.order[start[part[i]]++] = i;
}

calr_status calr_leiden_net_of_parts(const calr_leiden_net *g, const int32_t *part, int64_t parts,
                                     const uint8_t *fixed, calr_leiden_scratch scratch,
                                     calr_leiden_net **out)
{
    /* A part's links within itself are written after the others, and then written over. */
    calr_leiden_net *a = net_new(parts, g->offsets[g->nodes] + 1);
    double *to = scratch.to;
    if (!a)
        return calr_leiden_no_memory(parts);
    sort_members(g, part, parts, scratch);
    for (int64_t i = 0; i < g->nodes; i++)
        a->size[part[i]] += g->size[i];
    int64_t at = 0, next = 0;
    for (int64_t p = 0; p < parts && !calr_interrupt_requested(); p++) {
        int64_t near = 0;
        for (; next < scratch.count[p]; next++) {
            int64_t i = scratch.order[next];
            int64_t end = fixed[i] ? g->offsets[i] : g->offsets[i + 1];
            for (int64_t e = g->offsets[i]; e < end; e++) {
                int32_t other = part[g->neighbour[e]];
                double before = to[other];
                scratch.near[near] = other; /* without a branch, which would be mispredicted */
                near += before == 0;
                to[other] = before + g->weight[e];
            }
        }
        to[p] = 0;
        for (int64_t c = 0; c < near; c++) {
            int32_t other = scratch.near[c];
            a->neighbour[at] = other;
            a->weight[at] = to[other];
            a->strength[p] += to[other];
            to[other] = 0;
            at += other != p;
        }
        a->offsets[p + 1] = at;
    }
    return hand_out(a, out);
}

double calr_leiden_net_size(const calr_leiden_net *g)
{
    double sum = 0;
    for (int64_t i = 0; i < g->nodes; i++)
        sum += g->size[i];
    return sum;
}

double calr_leiden_net_quality(const calr_leiden_net *g, const calr_leiden_options *o,
                               const int32_t *labels, double *total)
{
    double inside = 0, chance = 0, weight = calr_leiden_net_size(g);
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

calr_status calr_leiden_net_split(const calr_leiden_net *g, int32_t *labels)
{
    int64_t n = g->nodes, clusters;
    int32_t *stack = calr_array_new(n, sizeof *stack), *found = calr_array_new(n, sizeof *found),
            next = 0;
    if (!stack || !found) {
        free(stack);
        free(found);
        return calr_leiden_no_memory(n);
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
