#include "cluster/infomap/search.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/size.h"

typedef struct calr_infomap_search search;

enum {
    PASSES = 20,  /* over all nodes of a level, at most */
    TUNINGS = 40, /* fine and coarse, at most */
    AHEAD = 4,    /* nodes whose links are fetched from memory meanwhile */
};
/* A move must shorten the code by more bits than rounding can feign, a tuning by more of its length
 * than is worth its time. */
static const double LEAST_MOVE = 1e-13, LEAST_TUNING = 1e-4;

/* Arrays have room for the nodes of the network itself; levels above are smaller. */
/* What is asked about a module together stands together: a move looks at modules all over the memory. */
typedef struct module_state {
    double between; /* flow between it and the node at hand, both ways; 0 where not in `touched` */
    double visits, enter, leave;
    double bits;     /* what it adds to the code, but for the term of the sum over all */
    int32_t members; /* nodes of the network itself */
} module_state;

struct calr_infomap_search {
    calr_rng rng;
    double nodes_plogp; /* of the network itself */
    double outside;     /* what leaves the network */
    bool modules_of_modules;
    module_state *modules;
    double *sums;                    /* [3 modules] to fill their visits, enter, leave */
    double entering, entering_plogp; /* sum of enter, and outside */
    int32_t *empty;                  /* modules without members, a stack */
    int64_t empties;
    int32_t *touched;  /* [modules + 1] that the node at hand has links with */
    double *terms;     /* [3 + 4 (modules + 1), and a vector] of the code, see best_move */
    int64_t *order;    /* nodes in random order */
    bool *due;         /* nodes whose surroundings changed since they were last looked at */
    int32_t *renumber; /* [modules] */
    int32_t *scratch;  /* [3 nodes] */
};

void calr_infomap_search_release(search *s)
{
    if (!s)
        return;
    free(s->modules);
    free(s->sums);
    free(s->terms);
    free(s->empty);
    free(s->order);
    free(s->due);
    free(s);
}

calr_status calr_infomap_search_new(int64_t n, calr_rng rng, search **out)
{
    search *s = calr_array_zeros(1, sizeof *s);
    if (s) {
        s->rng = rng;
        s->modules = calr_array_zeros(n, sizeof *s->modules);
        s->sums = calr_array_zeros(3 * n, sizeof *s->sums);
        s->terms = calr_array_zeros(4 * n + 7 + CALR_FLOW_LANES, sizeof *s->terms);
        s->empty = calr_array_zeros(6 * n + 1, sizeof *s->empty);
        s->order = calr_array_new(n, sizeof *s->order);
        s->due = calr_array_new(n, sizeof *s->due);
    }
    if (!s || !s->modules || !s->sums || !s->terms || !s->empty || !s->order || !s->due) {
        calr_infomap_search_release(s);
        return calr_error(CALR_ENOMEM, "no memory to partition %" PRId64 " nodes", n);
    }
    s->touched = s->empty + n;
    s->renumber = s->touched + n + 1;
    s->scratch = s->renumber + n;
    *out = s;
    return CALR_OK;
}

/* The length of the code when the nodes of `level` are the modules. */
static double level_bits(const search *s, const calr_flow *level)
{
    double bits = calr_flow_codelength(level->nodes, level->visits, level->enter, level->leave,
                                       s->nodes_plogp, s->outside);
    for (int64_t m = 0; s->modules_of_modules && m < level->nodes; m++)
        if (level->size[m] == 1) /* as set_terms has it */
            bits += calr_flow_plogp(level->visits[m]) + calr_flow_plogp(level->leave[m]) -
                    calr_flow_plogp(level->leave[m] + level->visits[m]);
    return bits;
}

/* ---- moving single nodes ---- */

/* What a module adds to the code, but for the term of the sum over all, is plogp of the first of
 * three terms less that of the others. */
static inline void set_terms(const search *s, double *term, double visits, double enter,
                             double leave, int32_t members)
{
    bool itself = s->modules_of_modules && members == 1; /* that member: no code of its own */
    term[0] = itself ? visits : leave + visits;
    term[1] = enter;
    term[2] = itself ? 0 : leave;
}

static inline double module_bits(const double *plogp)
{
    return plogp[0] - plogp[1] - plogp[2];
}

static void fill_bits(search *s, int64_t modules)
{
    for (int64_t m = 0; m < modules; m++) {
        const module_state *at = &s->modules[m];
        set_terms(s, s->terms + 3 * m, at->visits, at->enter, at->leave, at->members);
    }
    calr_flow_plogps(s->terms, 3 * modules);
    for (int64_t m = 0; m < modules; m++)
        s->modules[m].bits = module_bits(s->terms + 3 * m);
}

/* module: NULL for each node on its own. */
static void start_level(search *s, const calr_flow *flow, const int32_t *module)
{
    int64_t n = flow->nodes;
    const double *visits = flow->visits, *enter = flow->enter, *leave = flow->leave;
    if (module) {
        calr_flow_of_modules(flow, module, n, s->sums, s->sums + n, s->sums + 2 * n);
        visits = s->sums;
        enter = s->sums + n;
        leave = s->sums + 2 * n;
    }
    for (int64_t m = 0; m < n; m++)
        s->modules[m] = (module_state){.visits = visits[m],
                                       .enter = enter[m],
                                       .leave = leave[m],
                                       .members = module ? 0 : flow->size[m]};
    for (int64_t i = 0; module && i < n; i++)
        s->modules[module[i]].members += flow->size[i];
    s->entering = s->outside;
    s->empties = 0;
    for (int64_t m = n; m-- > 0;) {
        s->entering += s->modules[m].enter;
        if (s->modules[m].members == 0)
            s->empty[s->empties++] = (int32_t)m;
    }
    s->entering_plogp = calr_flow_plogp(s->entering);
    fill_bits(s, n);
}

/* A move of the node at hand, and what is then known. */
typedef struct move {
    int32_t to;
    double from_bits, to_bits, entering_plogp;
} move;

/* Fills s->between for the modules that node i has links with, and s->touched. `within` (or NULL)
 * limits them to nodes of the same group. */
static int64_t touch(search *s, const calr_flow *flow, int64_t i, const int32_t *module,
                     const int32_t *within)
{
    int64_t count = 0;
    for (int64_t p = flow->offsets[i]; p < flow->offsets[i + 1]; p++) {
        int32_t j = flow->neighbour[p], m = module[j];
        if (within && within[j] != within[i])
            continue;
        s->touched[count] = m; /* without a branch, which would be mispredicted */
        count += s->modules[m].between == 0;
        s->modules[m].between += flow->weight[p];
    }
    return count;
}

/* The best module for node i among the `count` touched ones, an empty one (where `out`), and its
 * own, which it is when no other is better. The logarithms of all of them are taken at once. */
static move best_move(search *s, const calr_flow *flow, int64_t i, int32_t own, int64_t count,
                      bool out)
{
    double enter = flow->enter[i], leave = flow->leave[i], visits = flow->visits[i];
    int32_t size = flow->size[i];
    const module_state *from = &s->modules[own];
    /* The own module without the node. */
    double left_enter = from->enter - enter + from->between,
           left_leave = from->leave - leave + from->between;
    double *term = s->terms + 3;
    int32_t empty = from->members != size && out && s->empties ? s->empty[s->empties - 1] : -1;
    for (int64_t t = empty < 0 ? 0 : -1; t < count; t++) {
        int32_t m = t < 0 ? empty : s->touched[t];
        const module_state *to = &s->modules[m];
        if (m == own)
            continue;
        double both = t < 0 ? 0 : to->between, new_enter = to->enter + enter - both;
        set_terms(s, term, to->visits + visits, new_enter, to->leave + leave - both,
                  to->members + size);
        term[3] = s->entering + (left_enter - from->enter) + (new_enter - to->enter);
        term += 4;
    }
    move best = {.to = own};
    if (term == s->terms + 3)
        return best;
    set_terms(s, s->terms, from->visits - visits, left_enter, left_leave, from->members - size);
    calr_flow_plogps(s->terms, term - s->terms);
    best.from_bits = module_bits(s->terms);
    term = s->terms + 3;
    double before = s->entering_plogp + from->bits - best.from_bits, least = -LEAST_MOVE;
    for (int64_t t = empty < 0 ? 0 : -1; t < count; t++) {
        int32_t m = t < 0 ? empty : s->touched[t];
        if (m == own)
            continue;
        double bits = module_bits(term), change = bits - s->modules[m].bits + term[3] - before;
        if (change < least) {
            least = change;
            best.to = m;
            best.to_bits = bits;
            best.entering_plogp = term[3];
        }
        term += 4;
    }
    return best;
}

static void move_node(search *s, const calr_flow *flow, int64_t i, int32_t *module, move m)
{
    module_state *from = &s->modules[module[i]], *to = &s->modules[m.to];
    double enter = flow->enter[i], leave = flow->leave[i], visits = flow->visits[i];
    s->entering -= from->enter + to->enter;
    from->enter += from->between - enter;
    from->leave += from->between - leave;
    from->visits -= visits;
    to->enter += enter - to->between;
    to->leave += leave - to->between;
    to->visits += visits;
    from->bits = m.from_bits;
    to->bits = m.to_bits;
    from->members -= flow->size[i];
    if (from->members == 0)
        from->visits = from->enter = from->leave = from->bits = 0;
    s->entering += from->enter + to->enter;
    s->entering_plogp = m.entering_plogp;
    if (to->members == 0)
        s->empties--; /* the top of the stack: no other is ever offered */
    to->members += flow->size[i];
    if (from->members == 0)
        s->empty[s->empties++] = module[i];
    module[i] = m.to;
    for (int64_t p = flow->offsets[i]; p < flow->offsets[i + 1]; p++)
        s->due[flow->neighbour[p]] = true;
}

/* Visits the first `count` nodes of the order, or until a stop is requested. Returns whether any
 * moved. */
static bool pass_over(search *s, const calr_flow *flow, int64_t count, int32_t *module,
                      const int32_t *within)
{
    bool any = false;
    for (int64_t o = 0; o < count && !calr_interrupt_due(o); o++) {
        int64_t i = s->order[o], next = s->order[o + AHEAD < count ? o + AHEAD : o];
        __builtin_prefetch(flow->neighbour + flow->offsets[next]);
        __builtin_prefetch(flow->weight + flow->offsets[next]);
        __builtin_prefetch(flow->weight + flow->offsets[next] + 8);
        if (!s->due[i])
            continue;
        s->due[i] = false;
        int64_t touched = touch(s, flow, i, module, within);
        move best = best_move(s, flow, i, module[i], touched, !within);
        if (best.to != module[i]) {
            move_node(s, flow, i, module, best);
            any = true;
        }
        for (int64_t t = 0; t < touched; t++)
            s->modules[s->touched[t]].between = 0;
    }
    return any;
}

/* Moves nodes until a pass moves none. Returns whether any moved. alone: each is a module of its own
 * as yet, numbered as it is. */
static bool move_nodes(search *s, const calr_flow *flow, int32_t *module, bool alone,
                       const int32_t *within)
{
    start_level(s, flow, alone ? NULL : module);
    memset(s->due, true, (size_t)flow->nodes * sizeof *s->due);
    bool any = false, moved = true;
    for (int pass = 0; pass < PASSES && moved && !calr_interrupt_requested(); pass++) {
        int64_t count = 0;
        for (int64_t i = 0; i < flow->nodes; i++)
            if (s->due[i])
                s->order[count++] = i;
        calr_rng_shuffle(&s->rng, s->order, count);
        moved = pass_over(s, flow, count, module, within);
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

/* Moves nodes, then modules of them, then modules of those, as long as anything merges; `alone` as
 * for move_nodes. *bits: the length of the code then. */
static calr_status climb(search *s, const calr_flow *flow, int32_t *module, bool alone,
                         double *bits)
{
    move_nodes(s, flow, module, alone, NULL);
    CALR_TRY(calr_interrupt_check());
    int64_t modules = compact(s, module, flow->nodes);
    calr_flow *level;
    CALR_TRY(calr_flow_aggregate(flow, module, modules, &level));
    int32_t *above = calr_array_new(modules, sizeof *above);
    calr_status status =
        above ? CALR_OK : calr_error(CALR_ENOMEM, "no memory for %" PRId64 " modules", modules);
    while (status == CALR_OK) {
        for (int64_t m = 0; m < level->nodes; m++)
            above[m] = (int32_t)m;
        if (!move_nodes(s, level, above, true, NULL))
            break;
        status = calr_interrupt_check();
        if (status != CALR_OK)
            break;
        modules = compact(s, above, level->nodes);
        for (int64_t i = 0; i < flow->nodes; i++)
            module[i] = above[module[i]];
        calr_flow *next = NULL;
        status = calr_flow_aggregate(level, above, modules, &next);
        calr_flow_release(level);
        level = next;
    }
    if (status == CALR_OK)
        *bits = level_bits(s, level);
    free(above);
    calr_flow_release(level);
    return status;
}

/* Splits each module into the parts that nodes form when they may only join nodes of their module,
 * and lets the parts move as a whole. */
static calr_status coarse_tune(search *s, const calr_flow *flow, int32_t *module, int32_t *part,
                               int32_t *above, double *bits)
{
    int64_t n = flow->nodes;
    for (int64_t i = 0; i < n; i++)
        part[i] = (int32_t)i;
    move_nodes(s, flow, part, true, module);
    CALR_TRY(calr_interrupt_check());
    int64_t parts = compact(s, part, n);
    calr_flow *level;
    CALR_TRY(calr_flow_aggregate(flow, part, parts, &level));
    for (int64_t i = 0; i < n; i++)
        above[part[i]] = module[i];
    compact(s, above, parts); /* modules are numbered 0 .. parts-1 at most, as climb needs it */
    calr_status status = climb(s, level, above, false, bits);
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

/* Moves single nodes and parts of modules, in turn, until neither helps; *bits: what the partition
 * has, and what it comes to. */
static calr_status tune(search *s, const calr_flow *flow, int32_t *module, double *bits)
{
    int64_t n = flow->nodes;
    int32_t *tuned = s->scratch, *part = s->scratch + n, *above = s->scratch + 2 * n;
    for (int tuning = 0, idle = 0; tuning < TUNINGS && idle < 2; tuning++) {
        double length;
        memcpy(tuned, module, (size_t)n * sizeof *tuned);
        if (tuning % 2)
            CALR_TRY(coarse_tune(s, flow, tuned, part, above, &length));
        else
            CALR_TRY(climb(s, flow, tuned, false, &length));
        idle = length < *bits - LEAST_TUNING * *bits ? 0 : idle + 1;
        if (length < *bits) {
            *bits = length;
            memcpy(module, tuned, (size_t)n * sizeof *module);
        }
    }
    return CALR_OK;
}

/* The length of the code of any partition. */
static double codelength(search *s, const calr_flow *flow, const int32_t *module)
{
    start_level(s, flow, module);
    double bits = s->entering_plogp - calr_flow_plogp(s->outside) - s->nodes_plogp;
    for (int64_t m = 0; m < flow->nodes; m++)
        bits += s->modules[m].bits;
    return bits;
}

/* Modules of modules that are better without what holds them together. Returns whether any was. */
static bool dissolve(search *s, const calr_flow *flow, int32_t *module)
{
    start_level(s, flow, module);
    bool any = false;
    for (int64_t m = 0; m < flow->nodes; m++) {
        s->due[m] = false; /* here of modules: dissolved */
        if (s->modules[m].members < 2)
            continue;
        /* Its members are now named where it was; visits: how often each is. */
        double entering = s->entering - s->modules[m].enter + s->modules[m].visits;
        double change =
            calr_flow_plogp(entering) - calr_flow_plogp(s->entering) - s->modules[m].bits;
        if (change > -LEAST_MOVE)
            continue;
        s->entering = entering;
        s->due[m] = any = true;
    }
    for (int64_t i = 0; any && i < flow->nodes; i++) {
        int32_t m = module[i];
        if (!s->due[m] || s->modules[m].members == 1)
            continue;
        s->modules[m].members--;
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
    CALR_TRY(climb(s, flow, module, true, bits));
    CALR_TRY(tune(s, flow, module, bits));
    s->modules_of_modules = of_modules;
    for (int tuning = 0; of_modules && (tuning == 0 || dissolve(s, flow, module)); tuning++) {
        if (tuning > TUNINGS)
            break;
        *bits = codelength(s, flow, module);
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
