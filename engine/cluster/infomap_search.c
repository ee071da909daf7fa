#include "cluster/infomap_search.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

typedef struct calr_infomap_search search;

enum {
    PASSES = 20,  /* over all nodes of a level, at most */
    TUNINGS = 40, /* fine and coarse, at most */
};
/* A move must shorten the code by more than rounding can feign, a tuning by more than is worth its
 * time. */
static const double LEAST_MOVE = 1e-13, LEAST_TUNING = CALR_INFOMAP_LEAST_GAIN;

/* Arrays have room for the nodes of the network itself; levels above are smaller. */
struct calr_infomap_search {
    calr_rng rng;
    double nodes_plogp; /* of the network itself */
    double outside;     /* what leaves the network */
    bool modules_of_modules;
    /* Of every module: */
    double *visits, *enter, *leave;
    int32_t *members; /* nodes of the network itself */
    double entering;  /* sum of enter, and outside */
    int32_t *empty;   /* modules without members, a stack */
    int64_t empties;
    /* Of the node at hand: */
    double *
        between; /* [modules] flow between it and the module, both ways; 0 where not in `touched` */
    int32_t *touched;  /* modules it has links with */
    int64_t *order;    /* nodes in random order */
    bool *due;         /* nodes whose surroundings changed since they were last looked at */
    int32_t *renumber; /* [modules] */
    int32_t *scratch;  /* [3 nodes] */
};

void calr_infomap_search_release(search *s)
{
    if (!s)
        return;
    free(s->visits);
    free(s->members);
    free(s->order);
    free(s->due);
    free(s);
}

calr_status calr_infomap_search_new(int64_t n, calr_rng rng, search **out)
{
    search *s = calr_array_zeros(1, sizeof *s);
    if (s) {
        s->rng = rng;
        s->visits = calr_array_zeros(4 * n, sizeof *s->visits);
        s->members = calr_array_zeros(7 * n, sizeof *s->members);
        s->order = calr_array_new(n, sizeof *s->order);
        s->due = calr_array_new(n, sizeof *s->due);
    }
    if (!s || !s->visits || !s->members || !s->order || !s->due) {
        calr_infomap_search_release(s);
        return calr_error(CALR_ENOMEM, "no memory to partition %" PRId64 " nodes", n);
    }
    s->enter = s->visits + n;
    s->leave = s->visits + 2 * n;
    s->between = s->visits + 3 * n;
    s->empty = s->members + n;
    s->touched = s->members + 2 * n;
    s->renumber = s->members + 3 * n;
    s->scratch = s->members + 4 * n;
    *out = s;
    return CALR_OK;
}

static double codelength(search *s, const calr_flow *flow, const int32_t *module)
{
    calr_flow_of_modules(flow, module, flow->nodes, s->visits, s->enter, s->leave);
    double bits = calr_flow_codelength(flow->nodes, s->visits, s->enter, s->leave, s->nodes_plogp,
                                       s->outside);
    if (!s->modules_of_modules)
        return bits;
    memset(s->members, 0, (size_t)flow->nodes * sizeof *s->members);
    for (int64_t i = 0; i < flow->nodes; i++)
        s->members[module[i]] += flow->size[i];
    for (int64_t m = 0; m < flow->nodes; m++)
        if (s->members[m] == 1) /* as module_bits has it */
            bits += calr_flow_plogp(s->visits[m]) + calr_flow_plogp(s->leave[m]) -
                    calr_flow_plogp(s->leave[m] + s->visits[m]);
    return bits;
}

/* ---- moving single nodes ---- */

/* What a module adds to the code, but for the term of the sum over all. */
static double module_bits(const search *s, double visits, double enter, double leave,
                          int32_t members)
{
    if (s->modules_of_modules && members == 1) /* that member itself: no code of its own */
        return calr_flow_plogp(visits) - calr_flow_plogp(enter);
    return calr_flow_plogp(leave + visits) - calr_flow_plogp(enter) - calr_flow_plogp(leave);
}

static void start_level(search *s, const calr_flow *flow, const int32_t *module)
{
    int64_t n = flow->nodes;
    calr_flow_of_modules(flow, module, n, s->visits, s->enter, s->leave);
    memset(s->members, 0, (size_t)n * sizeof *s->members);
    for (int64_t i = 0; i < n; i++) {
        s->members[module[i]] += flow->size[i];
        s->order[i] = i;
        s->due[i] = true;
    }
    s->entering = s->outside;
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
    int32_t size = flow->size[i];
    double left =
        module_bits(s, s->visits[own] - visits, left_enter, left_leave, s->members[own] - size) -
        module_bits(s, s->visits[own], s->enter[own], s->leave[own], s->members[own]);
    double now = calr_flow_plogp(s->entering), least = -LEAST_MOVE;
    bool alone = s->members[own] == size;
    for (int64_t t = alone || within ? 0 : -1; t < count; t++) {
        if (t < 0 && s->empties == 0)
            continue;
        int32_t m = t < 0 ? s->empty[s->empties - 1] : s->touched[t];
        if (m == own)
            continue;
        double both = t < 0 ? 0 : s->between[m];
        double new_enter = s->enter[m] + enter - both, new_leave = s->leave[m] + leave - both;
        double entering = s->entering + (left_enter - s->enter[own]) + (new_enter - s->enter[m]);
        double change =
            left +
            module_bits(s, s->visits[m] + visits, new_enter, new_leave, s->members[m] + size) -
            module_bits(s, s->visits[m], s->enter[m], s->leave[m], s->members[m]) +
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
    s->members[from] -= flow->size[i];
    if (s->members[from] == 0)
        s->visits[from] = s->enter[from] = s->leave[from] = 0;
    s->entering += s->enter[from] + s->enter[to];
    if (s->members[to] == 0)
        s->empties--; /* the top of the stack: no other is ever offered */
    s->members[to] += flow->size[i];
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

/* ---- one search ---- */

static void enter_network(search *s, const calr_flow *flow, double outside, bool modules)
{
    s->modules_of_modules = modules;
    s->outside = outside;
    s->nodes_plogp = 0;
    for (int64_t i = 0; i < flow->nodes; i++)
        s->nodes_plogp += calr_flow_plogp(flow->visits[i]);
}

/* Moves single nodes and parts of modules, in turn, until neither helps. */
static calr_status tune(search *s, const calr_flow *flow, int32_t *module, double *bits)
{
    int64_t n = flow->nodes;
    int32_t *tuned = s->scratch, *part = s->scratch + n, *above = s->scratch + 2 * n;
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

/* Modules of modules that are better without what holds them together. Returns whether any was. */
static bool dissolve(search *s, const calr_flow *flow, int32_t *module)
{
    start_level(s, flow, module);
    bool any = false;
    for (int64_t m = 0; m < flow->nodes; m++) {
        s->due[m] = false; /* here of modules: dissolved */
        if (s->members[m] < 2)
            continue;
        /* Its members are now named where it was; visits: how often each is. */
        double entering = s->entering - s->enter[m] + s->visits[m];
        double change = calr_flow_plogp(entering) - calr_flow_plogp(s->entering) -
                        module_bits(s, s->visits[m], s->enter[m], s->leave[m], s->members[m]);
        if (change > -LEAST_MOVE)
            continue;
        s->entering = entering;
        s->due[m] = any = true;
    }
    for (int64_t i = 0; any && i < flow->nodes; i++) {
        int32_t m = module[i];
        if (!s->due[m] || s->members[m] == 1)
            continue;
        s->members[m]--;
        module[i] = s->empty[--s->empties];
    }
    return any;
}

/* Modules of modules: were a single one free from the beginning, it would not pay for any two to
 * join, only for more. So they first come together as nodes do. */
calr_status calr_infomap_search_run(search *s, const calr_flow *flow, double outside,
                                    bool of_modules, int32_t *module, int64_t *modules,
                                    double *bits)
{
    enter_network(s, flow, outside, false);
    for (int64_t i = 0; i < flow->nodes; i++)
        module[i] = (int32_t)i;
    CALR_TRY(climb(s, flow, module));
    CALR_TRY(tune(s, flow, module, bits));
    if (of_modules) {
        s->modules_of_modules = true;
        CALR_TRY(tune(s, flow, module, bits));
        for (int tuning = 0; tuning < TUNINGS && dissolve(s, flow, module); tuning++)
            CALR_TRY(tune(s, flow, module, bits));
    }
    *modules = compact(s, module, flow->nodes);
    return CALR_OK;
}

double calr_infomap_search_bits(search *s, const calr_flow *flow, double outside,
                                const int32_t *module)
{
    enter_network(s, flow, outside, false);
    return codelength(s, flow, module);
}

double calr_infomap_undivided_bits(const calr_flow *flow, double outside)
{
    double used = outside, sum = -calr_flow_plogp(outside);
    for (int64_t i = 0; i < flow->nodes; i++) {
        used += flow->visits[i];
        sum -= calr_flow_plogp(flow->visits[i]);
    }
    return sum + calr_flow_plogp(used);
}

/* ---- what the entry points share ---- */

calr_status calr_infomap_check(const calr_csr *graph, const calr_infomap_options *options)
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

bool calr_infomap_linked(const calr_flow *flow, int64_t i)
{
    return flow->visits[i] > 0 || flow->leave[i] > 0;
}
