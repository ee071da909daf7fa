#include "cluster/infomap/flow.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clones.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"
#include "labels/labels.h"

/* The walk is followed until nothing moves by more than this in all (the reference's bound too), or
 * for so many steps: 0.85^300 < 1e-21. */
static const double STILL = 1e-15;
enum { STEPS = 300, GRAIN = 16384 };

double calr_flow_plogp(double x)
{
    return x > 0 ? x * log2(x) : 0;
}

/* log2 of m 2^k, m within sqrt(1/2) .. sqrt(2): k + 2 / ln 2 artanh(r), r = (m - 1) / (m + 1), whose
 * series ends where its terms leave double precision. Free of tables and branches, so that it runs
 * on all lanes of a vector. */
CALR_CLONES void calr_flow_plogps(double *x, int64_t count)
{
    const uint64_t half_root = 0x3fe6a09e667f3bcdULL, whole = 0x4330000000000000ULL;
    count = (count + CALR_FLOW_LANES - 1) / CALR_FLOW_LANES * CALR_FLOW_LANES;
#pragma omp simd simdlen(CALR_FLOW_LANES)
    for (int64_t i = 0; i < count; i++) {
        double value = x[i] > 0 ? x[i] : 1, m, k;
        uint64_t bits, exponent;
        memcpy(&bits, &value, sizeof bits);
        exponent = (bits - half_root + (1024ULL << 52)) >> 52; /* k + 1024 */
        bits -= (exponent - 1024) << 52;
        exponent |= whole; /* as the last digits of 2^52 + k + 1024 */
        memcpy(&m, &bits, sizeof m);
        memcpy(&k, &exponent, sizeof k);
        k -= 0x1p52 + 1024;
        double r = (m - 1) / (m + 1), s = r * r;
        double series = 1.0 / 21;
        series = series * s + 1.0 / 19;
        series = series * s + 1.0 / 17;
        series = series * s + 1.0 / 15;
        series = series * s + 1.0 / 13;
        series = series * s + 1.0 / 11;
        series = series * s + 1.0 / 9;
        series = series * s + 1.0 / 7;
        series = series * s + 1.0 / 5;
        series = series * s + 1.0 / 3;
        series = series * s + 1;
        x[i] = value * (k + series * r * (2 / 0.693147180559945309417));
    }
}

static calr_status flow_alloc(int64_t nodes, int64_t links, calr_flow **out)
{
    calr_flow *flow = calr_array_zeros(1, sizeof *flow);
    if (flow) {
        flow->nodes = nodes;
        flow->offsets = calr_array_zeros(nodes + 1, sizeof *flow->offsets);
        flow->neighbour = calr_array_new(links, sizeof *flow->neighbour);
        flow->weight = calr_array_new(links, sizeof *flow->weight);
        flow->visits = calr_array_zeros(nodes, sizeof *flow->visits);
        flow->enter = calr_array_zeros(nodes, sizeof *flow->enter);
        flow->leave = calr_array_zeros(nodes, sizeof *flow->leave);
        flow->size = calr_array_zeros(nodes, sizeof *flow->size);
    }
    if (!flow || !flow->offsets || !flow->neighbour || !flow->weight || !flow->visits ||
        !flow->enter || !flow->leave || !flow->size) {
        calr_flow_release(flow);
        return calr_error(CALR_ENOMEM,
                          "no memory for a network of %" PRId64 " nodes and %" PRId64 " links",
                          nodes, links);
    }
    *out = flow;
    return CALR_OK;
}

void calr_flow_release(calr_flow *flow)
{
    if (!flow)
        return;
    free(flow->offsets);
    free(flow->neighbour);
    free(flow->weight);
    free(flow->visits);
    free(flow->enter);
    free(flow->leave);
    free(flow->size);
    free(flow);
}

/* ---- the walk ---- */

typedef struct walk {
    const calr_csr *reverse; /* row j: the sources of links into j, with their weights */
    const double *leaving;   /* weight that leaves each node, itself included */
    const double *teleport;  /* where the walker lands, sums to 1 */
    double jump, stay;       /* share that teleports to `teleport`, share that follows links */
    const double *share;     /* of each node: its walkers for a unit of leaving weight */
    double *next;            /* the same after the step; */
    double *rank;            /* and the walkers */
    double *moved;           /* [chunks] how many */
} walk;

/* The walkers that come to node j along links. */
static inline double arriving(const walk *w, const double *share, int64_t j)
{
    double sum = 0;
    for (int64_t p = w->reverse->offsets[j]; p < w->reverse->offsets[j + 1]; p++)
        sum += share[w->reverse->indices[p]] * (double)w->reverse->values[p];
    return sum;
}

/* The same for a node of the chunk begin .. end-1: what its nodes were before the step counts for
 * those of other chunks only. */
static inline double arriving_at_chunk(const walk *w, int64_t begin, int64_t end, int64_t j)
{
    double sum = 0;
    for (int64_t p = w->reverse->offsets[j]; p < w->reverse->offsets[j + 1]; p++) {
        int32_t from = w->reverse->indices[p];
        double share = from >= begin && from < end ? w->next[from] : w->share[from];
        sum += share * (double)w->reverse->values[p];
    }
    return sum;
}

/* Gauss-Seidel inside a chunk, which takes half as many steps as a walk: what has just changed there
 * counts at once. Other chunks count as they were before the step, so that the threads make no
 * difference; one chunk is all there is of most networks. */
static void walk_step(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const walk *w = context;
    bool whole = end - begin == w->reverse->rows;
    double moved = 0;
    for (int64_t j = begin; j < end; j++) {
        double sum = whole ? arriving(w, w->next, j) : arriving_at_chunk(w, begin, end, j);
        double now = w->stay * sum + w->jump * w->teleport[j];
        moved += fabs(now - w->rank[j]);
        w->rank[j] = now;
        w->next[j] = w->leaving[j] > 0 ? now / w->leaving[j] : 0;
    }
    w->moved[begin / GRAIN] = moved;
}

/* Walkers that stand where no link leaves. */
static double dangling(const double *leaving, const double *rank, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += leaving[i] > 0 ? 0 : rank[i];
    return sum;
}

/* The stationary distribution into w->rank, which sums to 1, and w->next; share[n] is scratch. */
static calr_status page_rank(walk *w, double teleportation, double *share)
{
    int64_t n = w->reverse->rows, chunks = (n + GRAIN - 1) / GRAIN;
    for (int64_t i = 0; i < n; i++) {
        w->rank[i] = w->teleport[i];
        w->next[i] = w->leaving[i] > 0 ? w->rank[i] / w->leaving[i] : 0;
    }
    w->stay = 1 - teleportation;
    w->share = share;
    for (int step = 0; step < STEPS; step++) {
        double moved = 0, total = 0;
        w->jump = teleportation + w->stay * dangling(w->leaving, w->rank, n);
        if (chunks > 1)
            memcpy(share, w->next, (size_t)n * sizeof *share);
        CALR_TRY(calr_parallel_try(n, GRAIN, walk_step, w));
        for (int64_t c = 0; c < chunks; c++)
            moved += w->moved[c];
        if (moved >= STILL && step + 1 < STEPS)
            continue;
        for (int64_t i = 0; i < n; i++)
            total += w->rank[i];
        for (int64_t i = 0; i < n; i++) {
            w->rank[i] /= total;
            w->next[i] /= total;
        }
        break;
    }
    return CALR_OK;
}

/* ---- the network ---- */

/* Flow along a link i -> j of weight w is rate[i] * w. Adds both directions of every link into the
 * symmetric rows: rows of the graph and of its transpose, merged, both ascending. */
static calr_status merge_rows(const calr_csr *graph, const calr_csr *reverse, const double *rate,
                              calr_flow *flow)
{
    int64_t used = 0;
    for (int64_t i = 0; i < flow->nodes && !calr_interrupt_requested(); i++) {
        int64_t a = graph->offsets[i], a_end = graph->offsets[i + 1];
        int64_t b = reverse->offsets[i], b_end = reverse->offsets[i + 1];
        while (a < a_end || b < b_end) {
            int32_t ja = a < a_end ? graph->indices[a] : INT32_MAX,
                    jb = b < b_end ? reverse->indices[b] : INT32_MAX;
            int32_t j = ja < jb ? ja : jb;
            double out = a < a_end && ja == j ? rate[i] * (double)graph->values[a++] : 0;
            double in = b < b_end && jb == j ? rate[j] * (double)reverse->values[b++] : 0;
            if (j == i)
                continue;
            flow->neighbour[used] = j;
            flow->weight[used++] = out + in;
            flow->leave[i] += out;
            flow->enter[i] += in;
        }
        flow->offsets[i + 1] = used;
    }
    return calr_interrupt_check();
}

/* Undirected: a link of weight w carries w / total each way, a loop w / total; total counts both
 * ways. */
static calr_status fill_undirected(const calr_csr *graph, const calr_csr *reverse, double *rate,
                                   calr_flow *flow)
{
    double total = 0;
    for (int64_t i = 0; i < flow->nodes; i++) {
        for (int64_t p = graph->offsets[i]; p < graph->offsets[i + 1]; p++) {
            int32_t j = graph->indices[p];
            double w = graph->values[p];
            total += j == i ? w : 2 * w;
            flow->visits[i] += w;
            if (j != i)
                flow->visits[j] += w;
        }
    }
    for (int64_t i = 0; i < flow->nodes; i++) {
        flow->visits[i] /= total;
        rate[i] = 1 / total;
    }
    CALR_TRY(merge_rows(graph, reverse, rate, flow));
    for (int64_t i = 0; i < flow->nodes; i++)
        flow->enter[i] = flow->leave[i] = flow->enter[i] + flow->leave[i];
    for (int64_t p = 0; p < flow->offsets[flow->nodes]; p++)
        flow->weight[p] *= 2; /* each way */
    return CALR_OK;
}

static calr_status fill_directed(const calr_csr *graph, const calr_csr *reverse,
                                 double teleportation, double *rate, calr_flow *flow)
{
    int64_t n = flow->nodes, chunks = (n + GRAIN - 1) / GRAIN;
    double *leaving = calr_array_zeros(4 * n + chunks, sizeof *leaving), total = 0;
    if (!leaving)
        return calr_error(CALR_ENOMEM, "no memory for the flow of %" PRId64 " nodes", n);
    double *teleport = leaving + n;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t p = graph->offsets[i]; p < graph->offsets[i + 1]; p++)
            leaving[i] += (double)graph->values[p];
        total += leaving[i];
    }
    for (int64_t i = 0; i < n; i++)
        teleport[i] = leaving[i] / total;
    walk w = {.reverse = reverse, .leaving = leaving, .teleport = teleport, .next = rate};
    w.rank = leaving + 2 * n;
    w.moved = leaving + 4 * n;
    calr_status status = page_rank(&w, teleportation, leaving + 3 * n);
    /* One more step along links alone, of those that have one to take. */
    double moving = 1 - dangling(leaving, w.rank, n);
    for (int64_t i = 0; i < n; i++)
        rate[i] /= moving;
    for (int64_t i = 0; status == CALR_OK && i < n; i++)
        flow->visits[i] = arriving(&w, rate, i);
    if (status == CALR_OK)
        status = merge_rows(graph, reverse, rate, flow);
    free(leaving);
    return status;
}

static calr_status fill(const calr_csr *graph, bool directed, double teleportation,
                        calr_csr **reverse, double **rate, calr_flow **flow)
{
    CALR_TRY(calr_csr_transpose(graph, reverse));
    CALR_TRY(flow_alloc(graph->rows, 2 * graph->nonzeros, flow));
    for (int64_t i = 0; i < graph->rows; i++)
        (*flow)->size[i] = 1;
    *rate = calr_array_new(graph->rows, sizeof **rate);
    if (!*rate)
        return calr_error(CALR_ENOMEM, "no memory for the flow of %" PRId64 " nodes", graph->rows);
    if (directed)
        return fill_directed(graph, *reverse, teleportation, *rate, *flow);
    return fill_undirected(graph, *reverse, *rate, *flow);
}

calr_status calr_flow_new(const calr_csr *graph, bool directed, double teleportation,
                          calr_flow **out)
{
    double total = 0;
    for (int64_t p = 0; p < graph->nonzeros; p++)
        total += (double)graph->values[p];
    if (!(total > 0 && total < INFINITY))
        return calr_error(CALR_ENUMERIC, "the weights of the network sum to %g: there is no flow",
                          total);
    calr_csr *reverse = NULL;
    double *rate = NULL;
    calr_flow *flow = NULL;
    calr_status status = fill(graph, directed, teleportation, &reverse, &rate, &flow);
    calr_csr_release(reverse);
    free(rate);
    if (status == CALR_OK)
        *out = flow;
    else
        calr_flow_release(flow);
    return status;
}

/* ---- modules ---- */

void calr_flow_of_modules(const calr_flow *flow, const int32_t *module, int64_t modules,
                          double *visits, double *enter, double *leave)
{
    for (int64_t m = 0; m < modules; m++)
        visits[m] = enter[m] = leave[m] = 0;
    for (int64_t i = 0; i < flow->nodes; i++) {
        int32_t m = module[i];
        double inside = 0;
        for (int64_t p = flow->offsets[i]; p < flow->offsets[i + 1]; p++)
            if (module[flow->neighbour[p]] == m)
                inside += flow->weight[p];
        visits[m] += flow->visits[i];
        /* A link inside is seen from both ends, with both of its directions. */
        enter[m] += flow->enter[i] - inside / 2;
        leave[m] += flow->leave[i] - inside / 2;
    }
}

/* Links of the modules, and what enters and leaves them. */
static calr_status merge_modules(const calr_flow *flow, const int32_t *module, const int64_t *first,
                                 const int32_t *order, int64_t *slot, calr_flow *merged)
{
    int64_t used = 0;
    for (int64_t m = 0; m < merged->nodes; m++)
        slot[m] = -1;
    for (int64_t m = 0; m < merged->nodes && !calr_interrupt_requested(); m++) {
        int64_t begin = used;
        for (int64_t o = first[m]; o < first[m + 1]; o++) {
            int32_t i = order[o];
            double inside = 0;
            for (int64_t p = flow->offsets[i]; p < flow->offsets[i + 1]; p++) {
                int32_t other = module[flow->neighbour[p]];
                if (other == m) {
                    inside += flow->weight[p];
                    continue;
                }
                if (slot[other] < begin) { /* not yet met by this module */
                    slot[other] = used;
                    merged->neighbour[used] = other;
                    merged->weight[used++] = 0;
                }
                merged->weight[slot[other]] += flow->weight[p];
            }
            merged->size[m] += flow->size[i];
            merged->visits[m] += flow->visits[i];
            /* A link inside is seen from both ends, with both of its directions. */
            merged->enter[m] += flow->enter[i] - inside / 2;
            merged->leave[m] += flow->leave[i] - inside / 2;
        }
        merged->offsets[m + 1] = used;
    }
    return calr_interrupt_check();
}

calr_status calr_flow_aggregate(const calr_flow *flow, const int32_t *module, int64_t modules,
                                calr_flow **out)
{
    calr_flow *merged = NULL;
    int64_t *first = calr_array_new(modules + 1, sizeof *first),
            *slot = calr_array_new(modules, sizeof *slot);
    int32_t *order = calr_array_new(flow->nodes, sizeof *order);
    calr_status status;
    if (!first || !slot || !order)
        status = calr_error(CALR_ENOMEM, "no memory to merge %" PRId64 " nodes", flow->nodes);
    else
        status = flow_alloc(modules, flow->offsets[flow->nodes], &merged);
    if (status == CALR_OK) {
        calr_labels_members(module, flow->nodes, modules, first, order);
        status = merge_modules(flow, module, first, order, slot, merged);
    }
    if (status == CALR_OK)
        *out = merged;
    else
        calr_flow_release(merged);
    free(first);
    free(slot);
    free(order);
    return status;
}

calr_status calr_flow_part(const calr_flow *flow, const int32_t *nodes, int64_t count,
                           int32_t *place, calr_flow **out)
{
    int64_t links = 0;
    for (int64_t c = 0; c < count; c++) {
        place[nodes[c]] = (int32_t)c;
        links += flow->offsets[nodes[c] + 1] - flow->offsets[nodes[c]];
    }
    calr_flow *part = NULL;
    calr_status status = flow_alloc(count, links, &part);
    int64_t used = 0;
    for (int64_t c = 0; status == CALR_OK && c < count; c++) {
        int32_t i = nodes[c];
        for (int64_t p = flow->offsets[i]; p < flow->offsets[i + 1]; p++) {
            if (place[flow->neighbour[p]] < 0)
                continue;
            part->neighbour[used] = place[flow->neighbour[p]];
            part->weight[used++] = flow->weight[p];
        }
        part->offsets[c + 1] = used;
        part->visits[c] = flow->visits[i];
        part->enter[c] = flow->enter[i];
        part->leave[c] = flow->leave[i];
        part->size[c] = flow->size[i];
    }
    for (int64_t c = 0; c < count; c++)
        place[nodes[c]] = -1;
    if (status == CALR_OK)
        *out = part;
    return status;
}

double calr_flow_codelength(int64_t modules, const double *visits, const double *enter,
                            const double *leave, double nodes_plogp, double outside)
{
    double entering = outside, sum = -nodes_plogp - calr_flow_plogp(outside);
    for (int64_t m = 0; m < modules; m++) {
        entering += enter[m];
        sum += calr_flow_plogp(leave[m] + visits[m]) - calr_flow_plogp(enter[m]) -
               calr_flow_plogp(leave[m]);
    }
    return sum + calr_flow_plogp(entering);
}
