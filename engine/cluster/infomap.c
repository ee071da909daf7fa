#include "cluster/infomap.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/rng.h"
#include "base/size.h"
#include "cluster/flow.h"
#include "cluster/labels.h"

enum {
    PASSES = 20,  /* over all nodes of a level, at most */
    TUNINGS = 40, /* fine and coarse, at most */
};
/* A move must shorten the code by more than rounding can feign, a tuning by more than is worth its
 * time. */
static const double LEAST_MOVE = 1e-13, LEAST_TUNING = 1e-9;

/* The state of one search. Arrays have room for the nodes of the network itself; levels above are
 * smaller. */
typedef struct search {
    calr_rng rng;
    double nodes_plogp; /* of the network itself */
    /* Of every module: */
    double *visits, *enter, *leave;
    int32_t *members;
    double entering; /* sum of enter */
    int32_t *empty;  /* modules without members, a stack */
    int64_t empties;
    /* Of the node at hand: */
    double *
        between; /* [modules] flow between it and the module, both ways; 0 where not in `touched` */
    int32_t *touched;  /* modules it has links with */
    int64_t *order;    /* nodes in random order */
    bool *due;         /* nodes whose surroundings changed since they were last looked at */
    int32_t *renumber; /* [modules] */
} search;

static void search_release(search *s)
{
    free(s->visits);
    free(s->members);
    free(s->order);
    free(s->due);
}

/* Zero *s first; release works after a failure too. */
static calr_status search_make(search *s, int64_t n)
{
    s->visits = calr_array_zeros(4 * n, sizeof *s->visits);
    s->members = calr_array_zeros(4 * n, sizeof *s->members);
    s->order = calr_array_new(n, sizeof *s->order);
    s->due = calr_array_new(n, sizeof *s->due);
    if (!s->visits || !s->members || !s->order || !s->due)
        return calr_error(CALR_ENOMEM, "no memory to partition %" PRId64 " nodes", n);
    s->enter = s->visits + n;
    s->leave = s->visits + 2 * n;
    s->between = s->visits + 3 * n;
    s->empty = s->members + n;
    s->touched = s->members + 2 * n;
    s->renumber = s->members + 3 * n;
    return CALR_OK;
}

static double codelength(const search *s, const calr_flow *flow, const int32_t *module)
{
    calr_flow_of_modules(flow, module, flow->nodes, s->visits, s->enter, s->leave);
    return calr_flow_codelength(flow->nodes, s->visits, s->enter, s->leave, s->nodes_plogp);
}

/* ---- moving single nodes ---- */

/* What a module adds to the code, but for the term of the sum over all. */
static double module_bits(double visits, double enter, double leave)
{
    return calr_flow_plogp(leave + visits) - calr_flow_plogp(enter) - calr_flow_plogp(leave);
}

static void start_level(search *s, const calr_flow *flow, const int32_t *module)
{
    int64_t n = flow->nodes;
    calr_flow_of_modules(flow, module, n, s->visits, s->enter, s->leave);
    memset(s->members, 0, (size_t)n * sizeof *s->members);
    for (int64_t i = 0; i < n; i++) {
        s->members[module[i]]++;
        s->order[i] = i;
        s->due[i] = true;
    }
    s->entering = 0;
    s->empties = 0;
    for (int64_t m = n; m-- > 0;) {
        s->entering += s->enter[m];
        if (s->members[m] == 0)
            s->empty[s->empties++] = (int32_t)m;
    }
}

/* The best module for node i; its own when none is better. `within` (or NULL) limits the choice to
 * nodes of the same group. Leaves s->between filled for the modules in s->touched, whose number is
 * *touched. */
static int32_t best_module(search *s, const calr_flow *flow, int64_t i, const int32_t *module,
                           const int32_t *within, int64_t *touched)
{
    int64_t count = 0;
    for (int64_t p = flow->offsets[i]; p < flow->offsets[i + 1]; p++) {
        int32_t j = flow->neighbour[p], m = module[j];
        if (within && within[j] != within[i])
            continue;
        if (s->between[m] == 0)
            s->touched[count++] = m;
        s->between[m] += flow->weight[p];
    }
    *touched = count;
    int32_t own = module[i], best = own;
    double enter = flow->enter[i], leave = flow->leave[i], visits = flow->visits[i];
    /* The own module without the node. */
    double left_enter = s->enter[own] - enter + s->between[own],
           left_leave = s->leave[own] - leave + s->between[own];
    double left = module_bits(s->visits[own] - visits, left_enter, left_leave) -
                  module_bits(s->visits[own], s->enter[own], s->leave[own]);
    double now = calr_flow_plogp(s->entering), least = -LEAST_MOVE;
    bool alone = s->members[own] == 1;
    for (int64_t t = alone || within ? 0 : -1; t < count; t++) {
        if (t < 0 && s->empties == 0)
            continue;
        int32_t m = t < 0 ? s->empty[s->empties - 1] : s->touched[t];
        if (m == own)
            continue;
        double both = t < 0 ? 0 : s->between[m];
        double new_enter = s->enter[m] + enter - both, new_leave = s->leave[m] + leave - both;
        double entering = s->entering + (left_enter - s->enter[own]) + (new_enter - s->enter[m]);
        double change = left + module_bits(s->visits[m] + visits, new_enter, new_leave) -
                        module_bits(s->visits[m], s->enter[m], s->leave[m]) +
                        calr_flow_plogp(entering) - now;
        if (change < least) {
            least = change;
            best = m;
        }
    }
    return best;
}

static void move_node(search *s, const calr_flow *flow, int64_t i, int32_t *module, int32_t to)
{
    int32_t from = module[i];
    double enter = flow->enter[i], leave = flow->leave[i], visits = flow->visits[i];
    s->entering -= s->enter[from] + s->enter[to];
    s->enter[from] += s->between[from] - enter;
    s->leave[from] += s->between[from] - leave;
    s->visits[from] -= visits;
    s->enter[to] += enter - s->between[to];
    s->leave[to] += leave - s->between[to];
    s->visits[to] += visits;
    if (--s->members[from] == 0)
        s->visits[from] = s->enter[from] = s->leave[from] = 0;
    s->entering += s->enter[from] + s->enter[to];
    if (s->members[to]++ == 0)
        s->empties--; /* the top of the stack: no other is ever offered */
    if (s->members[from] == 0)
        s->empty[s->empties++] = from;
    module[i] = to;
    for (int64_t p = flow->offsets[i]; p < flow->offsets[i + 1]; p++)
        s->due[flow->neighbour[p]] = true;
}

/* Moves nodes until a pass moves none. Returns whether any moved. */
static bool move_nodes(search *s, const calr_flow *flow, int32_t *module, const int32_t *within)
{
    start_level(s, flow, module);
    bool any = false;
    for (int pass = 0, moved = 1; pass < PASSES && moved; pass++) {
        moved = 0;
        calr_rng_shuffle(&s->rng, s->order, flow->nodes);
        for (int64_t o = 0; o < flow->nodes; o++) {
            int64_t i = s->order[o], touched;
            if (!s->due[i])
                continue;
            s->due[i] = false;
            int32_t to = best_module(s, flow, i, module, within, &touched);
            if (to != module[i]) {
                move_node(s, flow, i, module, to);
                moved = 1;
            }
            for (int64_t t = 0; t < touched; t++)
                s->between[s->touched[t]] = 0;
        }
        any |= moved;
    }
    return any;
}

/* ---- levels ---- */

/* Renumbers the modules from 0; returns how many there are. */
static int64_t compact(search *s, int32_t *module, int64_t nodes)
{
    int64_t count = 0;
    for (int64_t i = 0; i < nodes; i++)
        s->renumber[i] = -1;
    for (int64_t i = 0; i < nodes; i++) {
        int32_t *number = &s->renumber[module[i]];
        if (*number < 0)
            *number = (int32_t)count++;
        module[i] = *number;
    }
    return count;
}

/* Moves nodes, then modules of them, then modules of those, as long as anything merges. */
static calr_status climb(search *s, const calr_flow *flow, int32_t *module)
{
    move_nodes(s, flow, module, NULL);
    int64_t modules = compact(s, module, flow->nodes);
    if (modules < 2)
        return CALR_OK;
    calr_flow *level;
    CALR_TRY(calr_flow_aggregate(flow, module, modules, &level));
    int32_t *above = calr_array_new(modules, sizeof *above);
    calr_status status =
        above ? CALR_OK : calr_error(CALR_ENOMEM, "no memory for %" PRId64 " modules", modules);
    while (status == CALR_OK) {
        for (int64_t m = 0; m < level->nodes; m++)
            above[m] = (int32_t)m;
        if (!move_nodes(s, level, above, NULL))
            break;
        modules = compact(s, above, level->nodes);
        for (int64_t i = 0; i < flow->nodes; i++)
            module[i] = above[module[i]];
        calr_flow *next = NULL;
        status = calr_flow_aggregate(level, above, modules, &next);
        calr_flow_release(level);
        level = next;
    }
    free(above);
    calr_flow_release(level);
    return status;
}

/* Splits each module into the parts that nodes form when they may only join nodes of their module,
 * and lets the parts move as a whole. */
static calr_status coarse_tune(search *s, const calr_flow *flow, int32_t *module, int32_t *part,
                               int32_t *above)
{
    int64_t n = flow->nodes;
    for (int64_t i = 0; i < n; i++)
        part[i] = (int32_t)i;
    move_nodes(s, flow, part, module);
    int64_t parts = compact(s, part, n);
    calr_flow *level;
    CALR_TRY(calr_flow_aggregate(flow, part, parts, &level));
    for (int64_t i = 0; i < n; i++)
        above[part[i]] = module[i];
    compact(s, above, parts); /* modules are numbered 0 .. parts-1 at most, as climb needs it */
    calr_status status = climb(s, level, above);
    calr_flow_release(level);
    for (int64_t i = 0; status == CALR_OK && i < n; i++)
        module[i] = above[part[i]];
    return status;
}

/* ---- trials ---- */

/* One search from single nodes. `scratch`[3 n]. */
static calr_status find_modules(search *s, const calr_flow *flow, int32_t *module, int32_t *scratch,
                                double *bits)
{
    int64_t n = flow->nodes;
    int32_t *tuned = scratch, *part = scratch + n, *above = scratch + 2 * n;
    for (int64_t i = 0; i < n; i++)
        module[i] = (int32_t)i;
    CALR_TRY(climb(s, flow, module));
    *bits = codelength(s, flow, module);
    for (int tuning = 0, idle = 0; tuning < TUNINGS && idle < 2; tuning++) {
        memcpy(tuned, module, (size_t)n * sizeof *tuned);
        if (tuning % 2)
            CALR_TRY(coarse_tune(s, flow, tuned, part, above));
        else
            CALR_TRY(climb(s, flow, tuned));
        double length = codelength(s, flow, tuned);
        idle = length < *bits - LEAST_TUNING ? 0 : idle + 1;
        if (length < *bits) {
            *bits = length;
            memcpy(module, tuned, (size_t)n * sizeof *module);
        }
    }
    return CALR_OK;
}

typedef struct trials {
    const calr_flow *flow;
    const calr_infomap_options *options;
    int32_t **module; /* [trials] */
    double *bits;     /* [trials] */
    calr_status *status;
} trials;

static void run_trials(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    trials *work = context;
    int64_t n = work->flow->nodes;
    for (int64_t t = begin; t < end; t++) {
        search s = {
            .rng = calr_rng_make(work->options->seed, calr_rng_purpose("infomap"), 0, (uint64_t)t)};
        int32_t *scratch = calr_array_new(3 * n, sizeof *scratch);
        work->module[t] = calr_array_new(n, sizeof *work->module[t]);
        if (!scratch || !work->module[t])
            work->status[t] = CALR_ENOMEM;
        else
            work->status[t] = search_make(&s, n);
        for (int64_t i = 0; i < n && work->status[t] == CALR_OK; i++)
            s.nodes_plogp += calr_flow_plogp(work->flow->visits[i]);
        if (work->status[t] == CALR_OK)
            work->status[t] =
                find_modules(&s, work->flow, work->module[t], scratch, &work->bits[t]);
        search_release(&s);
        free(scratch);
    }
}

/* The shortest of all trials; the first of equals. */
static calr_status best_trial(const calr_flow *flow, const calr_infomap_options *options,
                              int32_t *module, double *bits)
{
    int64_t count = options->trials, best = 0;
    trials work = {.flow = flow, .options = options};
    work.module = calr_array_zeros(count, sizeof *work.module);
    work.bits = calr_array_zeros(count, sizeof *work.bits);
    work.status = calr_array_zeros(count, sizeof *work.status);
    calr_status status = CALR_OK;
    if (!work.module || !work.bits || !work.status) {
        status = calr_error(CALR_ENOMEM, "no memory for %" PRId64 " trials", count);
    } else {
        calr_parallel_for(count, 1, run_trials, &work);
        for (int64_t t = 0; t < count && status == CALR_OK; t++) {
            if (work.status[t] != CALR_OK)
                status = calr_error(work.status[t], "no memory to partition %" PRId64 " nodes",
                                    flow->nodes);
            if (work.bits[t] < work.bits[best])
                best = t;
        }
    }
    if (status == CALR_OK) {
        memcpy(module, work.module[best], (size_t)flow->nodes * sizeof *module);
        *bits = work.bits[best];
    }
    for (int64_t t = 0; work.module && t < count; t++)
        free(work.module[t]);
    free(work.module);
    free(work.bits);
    free(work.status);
    return status;
}

/* ---- entry points ---- */

static calr_status check(const calr_csr *graph, const calr_infomap_options *options)
{
    if (graph->rows != graph->columns)
        return calr_error(CALR_EINVAL,
                          "a network has as many rows as columns, not %" PRId64 " x %" PRId64,
                          graph->rows, graph->columns);
    if (!(options->teleportation > 0 && options->teleportation < 1))
        return calr_error(CALR_EINVAL, "teleportation must be above 0 and below 1, not %g",
                          options->teleportation);
    if (options->trials < 1 || options->trials > CALR_INFOMAP_MAX_TRIALS)
        return calr_error(CALR_EINVAL, "trials must be 1 .. %d, not %" PRId64,
                          CALR_INFOMAP_MAX_TRIALS, options->trials);
    CALR_TRY(calr_csr_validate(graph, "network"));
    for (int64_t i = 0; i < graph->rows; i++)
        for (int64_t p = graph->offsets[i]; p < graph->offsets[i + 1]; p++)
            if (!(graph->values[p] > 0))
                return calr_error(CALR_ENUMERIC,
                                  "the link %" PRId64
                                  " -> %d has the weight %g: weights are above 0",
                                  i, graph->indices[p], (double)graph->values[p]);
    return CALR_OK;
}

/* A node that has a link, a loop included. */
static bool linked(const calr_flow *flow, int64_t i)
{
    return flow->visits[i] > 0 || flow->leave[i] > 0;
}

static double one_level(const calr_flow *flow)
{
    double sum = 0;
    for (int64_t i = 0; i < flow->nodes; i++)
        sum -= calr_flow_plogp(flow->visits[i]);
    return sum;
}

/* One module of all linked nodes when no partition has a shorter code, as the reference has it;
 * then numbers the modules. */
static calr_status finish(const calr_flow *flow, int32_t *module, calr_infomap_result *result)
{
    int64_t n = flow->nodes;
    result->one_level = one_level(flow);
    bool merge = result->one_level <= result->codelength + LEAST_TUNING;
    if (merge)
        result->codelength = result->one_level;
    for (int64_t i = 0; i < n; i++)
        module[i] = !linked(flow, i) ? -1 : merge ? 0 : module[i];
    return calr_labels_canonical(module, n, 1, module, &result->modules);
}

calr_status calr_infomap(const calr_csr *graph, const calr_infomap_options *options,
                         int32_t *module, calr_infomap_result *result)
{
    CALR_TRY(check(graph, options));
    *result = (calr_infomap_result){0};
    for (int64_t i = 0; i < graph->rows; i++)
        module[i] = -1;
    if (graph->nonzeros == 0)
        return CALR_OK;
    calr_flow *flow;
    CALR_TRY(calr_flow_new(graph, options->directed, options->teleportation, &flow));
    calr_status status = best_trial(flow, options, module, &result->codelength);
    if (status == CALR_OK)
        status = finish(flow, module, result);
    calr_flow_release(flow);
    return status;
}

/* Copies the partition; where an unlinked node goes makes no difference. */
static calr_status take_partition(const calr_flow *flow, const int32_t *module, int32_t *copy)
{
    for (int64_t i = 0; i < flow->nodes; i++) {
        bool none = module[i] == -1 && !linked(flow, i);
        if (!none && (module[i] < 0 || module[i] >= flow->nodes))
            return calr_error(CALR_EINVAL,
                              "node %" PRId64 " (counted from 0) is in module %" PRId32
                              ": modules are 0 .. n-1, and -1 only for a node without an edge",
                              i, module[i]);
        copy[i] = none ? 0 : module[i];
    }
    return CALR_OK;
}

calr_status calr_infomap_codelength(const calr_csr *graph, const calr_infomap_options *options,
                                    const int32_t *module, double *bits)
{
    CALR_TRY(check(graph, options));
    *bits = 0;
    if (graph->nonzeros == 0)
        return CALR_OK;
    calr_flow *flow;
    CALR_TRY(calr_flow_new(graph, options->directed, options->teleportation, &flow));
    search s = {0};
    calr_status status = search_make(&s, graph->rows);
    if (status == CALR_OK)
        status = take_partition(flow, module, s.renumber);
    if (status == CALR_OK) {
        s.nodes_plogp = -one_level(flow);
        *bits = codelength(&s, flow, s.renumber);
    }
    search_release(&s);
    calr_flow_release(flow);
    return status;
}
