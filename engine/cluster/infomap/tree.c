#include "cluster/infomap/tree.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/rng.h"
#include "base/size.h"
#include "cluster/infomap/flow.h"
#include "cluster/infomap/search.h"
#include "labels/labels.h"

enum {
    DEPTH = 30, /* a module at this depth is not divided further */
    STACK = 30, /* levels that one search may put on top of each other */
    LARGEST = 1 << 30,
};

/* ---- the tree while it grows ---- */

/* Modules are numbered as they come; some are in no node's line in the end, when something better
 * took their place. */
typedef struct growth {
    calr_infomap_search *search;
    int32_t *parent; /* [room] -1 at the top */
    int64_t modules, room;
    int32_t *home;  /* [nodes of the network] the smallest module each node is in */
    int32_t *place; /* [nodes of the network] scratch of calr_flow_part */
} growth;

static void growth_release(growth *g)
{
    calr_infomap_search_release(g->search);
    free(g->parent);
    free(g->home);
    free(g->place);
}

/* Zero *g first; release works after a failure too. */
static calr_status growth_make(growth *g, int64_t n, calr_rng rng)
{
    g->home = calr_array_new(n, sizeof *g->home);
    g->place = calr_array_new(n, sizeof *g->place);
    if (!g->home || !g->place)
        return calr_error(CALR_ENOMEM, "no memory for a tree of %" PRId64 " nodes", n);
    for (int64_t i = 0; i < n; i++)
        g->home[i] = g->place[i] = -1;
    return calr_infomap_search_new(n, rng, &g->search);
}

static calr_status add_module(growth *g, int32_t parent, int32_t *id)
{
    if (g->modules == g->room) {
        int64_t room = g->room ? 2 * g->room : 1024;
        int32_t *parents =
            room <= LARGEST ? realloc(g->parent, (size_t)room * sizeof *parents) : NULL;
        if (!parents)
            return calr_error(CALR_ENOMEM, "no memory for %" PRId64 " modules", room);
        g->parent = parents;
        g->room = room;
    }
    g->parent[g->modules] = parent;
    *id = (int32_t)g->modules++;
    return CALR_OK;
}

/* ---- levels on top of each other ---- */

/* What one search finds in a network: partition of its nodes, partition of those modules, ... */
typedef struct stack {
    int64_t levels;
    int64_t modules[STACK];
    int32_t *above[STACK]; /* [nodes or modules of the level below] */
    calr_flow
        *flow[STACK]; /* of the modules; visits are what enters them: how often one is named */
} stack;

static void stack_release(stack *s)
{
    for (int64_t l = 0; l < s->levels; l++) {
        free(s->above[l]);
        calr_flow_release(s->flow[l]);
    }
}

/* Puts levels on the network while that shortens the code in which modules are named. None: it is
 * better undivided. */
static calr_status stack_make(growth *g, const calr_flow *flow, double outside, stack *s)
{
    const calr_flow *below = flow;
    while (s->levels < STACK && below->nodes > 1) {
        int32_t *above = calr_array_new(below->nodes, sizeof *above);
        if (!above)
            return calr_error(CALR_ENOMEM, "no memory for %" PRId64 " modules", below->nodes);
        int64_t modules = 0;
        double bits = 0;
        calr_flow *merged = NULL;
        calr_status status = calr_infomap_search_run(g->search, below, outside, s->levels > 0,
                                                     above, &modules, &bits);
        bool gain = modules > 1 && modules < below->nodes &&
                    bits < calr_infomap_undivided_bits(below, outside) - CALR_INFOMAP_LEAST_GAIN;
        if (status == CALR_OK && gain)
            status = calr_flow_aggregate(below, above, modules, &merged);
        if (!merged) {
            free(above);
            return status;
        }
        memcpy(merged->visits, merged->enter, (size_t)modules * sizeof *merged->visits);
        for (int64_t m = 0; m < modules; m++)
            merged->size[m] = 1;
        s->above[s->levels] = above;
        s->modules[s->levels] = modules;
        s->flow[s->levels++] = merged;
        below = merged;
    }
    return CALR_OK;
}

/* A network being divided: `ids` names its nodes in the whole one. */
typedef struct part {
    const calr_flow *flow;
    const int32_t *ids;
    double outside;
    int32_t module; /* what it is in the tree; -1: the whole network */
    int depth;
} part;

static calr_status grow(growth *g, const part *p, double *bits);

/* Grows what lies in the module `id` with these nodes of p. */
static calr_status grow_members(growth *g, const part *p, const int32_t *members, int64_t count,
                                double outside, int32_t id, int depth, double *bits)
{
    int32_t *ids = calr_array_new(count, sizeof *ids);
    if (!ids)
        return calr_error(CALR_ENOMEM, "no memory for a module of %" PRId64 " nodes", count);
    calr_flow *inner = NULL;
    calr_status status = calr_flow_part(p->flow, members, count, g->place, &inner);
    if (status == CALR_OK) {
        for (int64_t c = 0; c < count; c++)
            ids[c] = p->ids[members[c]];
        status = grow(g, &(part){inner, ids, outside, id, depth}, bits);
    }
    calr_flow_release(inner);
    free(ids);
    return status;
}

/* Lists by calr_labels_members. */
typedef struct level {
    int32_t *order;
    int64_t *first;
} level;

static void levels_release(const stack *s, level *lists)
{
    for (int64_t l = 0; l <= s->levels; l++) {
        free(lists[l].order);
        free(lists[l].first);
    }
}

static calr_status level_make(const int32_t *group, int64_t members, int64_t groups, level *list)
{
    list->order = calr_array_new(members, sizeof *list->order);
    list->first = calr_array_new(groups + 1, sizeof *list->first);
    if (!list->order || !list->first)
        return calr_error(CALR_ENOMEM, "no memory for %" PRId64 " modules", groups);
    calr_labels_members(group, members, groups, list->first, list->order);
    return CALR_OK;
}

/* lists[l]: the members of each module of level l among those below; lists[levels]: the nodes of
 * each module at the top. */
static calr_status levels_make(const stack *s, int64_t nodes, level *lists)
{
    for (int64_t l = 0; l < s->levels; l++)
        CALR_TRY(level_make(s->above[l], l ? s->modules[l - 1] : nodes, s->modules[l], &lists[l]));
    int32_t *top = calr_array_new(nodes, sizeof *top);
    if (!top)
        return calr_error(CALR_ENOMEM, "no memory for %" PRId64 " nodes", nodes);
    for (int64_t i = 0; i < nodes; i++) {
        top[i] = s->above[0][i];
        for (int64_t l = 1; l < s->levels; l++)
            top[i] = s->above[l][top[i]];
    }
    calr_status status = level_make(top, nodes, s->modules[s->levels - 1], &lists[s->levels]);
    free(top);
    return status;
}

/* Keeps what the stack has below module m of level l, its smallest modules divided where that pays.
 */
static calr_status keep(growth *g, const part *p, const stack *s, const level *lists, int64_t l,
                        int32_t m, int32_t id, int depth, double *bits)
{
    const int32_t *members = lists[l].order + lists[l].first[m];
    int64_t count = lists[l].first[m + 1] - lists[l].first[m];
    double outside = s->flow[l]->leave[m];
    if (l == 0)
        return grow_members(g, p, members, count, outside, id, depth, bits);
    if (count == 1)
        return keep(g, p, s, lists, l - 1, members[0], id, depth, bits);
    double used = outside;
    *bits = -calr_flow_plogp(outside);
    for (int64_t c = 0; c < count; c++) {
        double entered = s->flow[l - 1]->visits[members[c]], below = 0;
        int32_t child;
        CALR_TRY(add_module(g, id, &child));
        CALR_TRY(keep(g, p, s, lists, l - 1, members[c], child, depth + 1, &below));
        used += entered;
        *bits += below - calr_flow_plogp(entered);
    }
    *bits += calr_flow_plogp(used);
    return CALR_OK;
}

/* What lies below module m at the top of the stack: a search of its own, or what the stack has. */
static calr_status grow_top(growth *g, const part *p, const stack *s, const level *lists, int32_t m,
                            double *bits)
{
    int64_t top = s->levels - 1;
    const int32_t *members = lists[s->levels].order + lists[s->levels].first[m];
    int64_t count = lists[s->levels].first[m + 1] - lists[s->levels].first[m];
    int32_t id;
    CALR_TRY(add_module(g, p->module, &id));
    CALR_TRY(grow_members(g, p, members, count, s->flow[top]->leave[m], id, p->depth + 1, bits));
    if (top == 0)
        return CALR_OK;
    int32_t *found = calr_array_new(count, sizeof *found);
    if (!found)
        return calr_error(CALR_ENOMEM, "no memory for a module of %" PRId64 " nodes", count);
    for (int64_t c = 0; c < count; c++)
        found[c] = g->home[p->ids[members[c]]];
    int64_t modules = g->modules;
    double kept = 0;
    calr_status status = keep(g, p, s, lists, top, m, id, p->depth + 1, &kept);
    if (status == CALR_OK && kept < *bits - CALR_INFOMAP_LEAST_GAIN) {
        *bits = kept;
    } else {
        g->modules = modules;
        for (int64_t c = 0; c < count; c++)
            g->home[p->ids[members[c]]] = found[c];
    }
    free(found);
    return status;
}

/* Divides a network as long as that shortens its code; *bits: of all codes in it. */
static calr_status grow(growth *g, const part *p, double *bits)
{
    stack s = {0};
    level lists[STACK + 1] = {{0}};
    *bits = calr_infomap_undivided_bits(p->flow, p->outside);
    calr_status status = p->depth < DEPTH ? stack_make(g, p->flow, p->outside, &s) : CALR_OK;
    if (status == CALR_OK && s.levels == 0) {
        for (int64_t i = 0; i < p->flow->nodes; i++)
            g->home[p->ids[i]] = p->module;
    } else if (status == CALR_OK) {
        const calr_flow *top = s.flow[s.levels - 1];
        *bits = calr_infomap_undivided_bits(top, p->outside);
        status = levels_make(&s, p->flow->nodes, lists);
        for (int64_t m = 0; status == CALR_OK && m < top->nodes; m++) {
            double below = 0;
            status = grow_top(g, p, &s, lists, (int32_t)m, &below);
            *bits += below;
        }
    }
    levels_release(&s, lists);
    stack_release(&s);
    return status;
}

/* ---- trials ---- */

typedef struct trial {
    growth found;
    double bits;
    calr_status status;
} trial;

typedef struct trials {
    const part *whole;
    uint64_t seed;
    trial *trial;
} trials;

static void run_trials(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    trials *work = context;
    for (int64_t t = begin; t < end; t++) {
        trial *now = &work->trial[t];
        calr_rng rng = calr_rng_make(work->seed, calr_rng_purpose("infomap"), 0, (uint64_t)t);
        now->status = growth_make(&now->found, work->whole->flow->nodes, rng);
        if (now->status == CALR_OK)
            now->status = grow(&now->found, work->whole, &now->bits);
        calr_infomap_search_release(now->found.search);
        now->found.search = NULL;
    }
}

static int64_t depth_of(const growth *g, int32_t module)
{
    int64_t depth = 0;
    for (; module >= 0; module = g->parent[module])
        depth++;
    return depth;
}

static calr_status tree_alloc(int64_t nodes, int64_t levels, calr_infomap_tree **out)
{
    calr_infomap_tree *tree = calr_array_zeros(1, sizeof *tree);
    if (tree) {
        tree->nodes = nodes;
        tree->levels = levels;
        tree->modules = calr_array_zeros(levels, sizeof *tree->modules);
        if (nodes <= INT64_MAX / levels)
            tree->labels = calr_array_new(nodes * levels, sizeof *tree->labels);
    }
    if (!tree || !tree->modules || !tree->labels) {
        calr_infomap_tree_release(tree);
        return calr_error(CALR_ENOMEM, "no memory for %" PRId64 " levels of %" PRId64 " nodes",
                          levels, nodes);
    }
    for (int64_t i = 0; i < nodes * levels; i++)
        tree->labels[i] = -1;
    *out = tree;
    return CALR_OK;
}

/* Writes a grown tree down level by level. */
static calr_status take_levels(const growth *g, const calr_flow *flow, calr_infomap_tree **out)
{
    int64_t n = flow->nodes, levels = 1;
    for (int64_t i = 0; i < n; i++) {
        int64_t depth = calr_infomap_linked(flow, i) ? depth_of(g, g->home[i]) : 0;
        levels = depth > levels ? depth : levels;
    }
    calr_infomap_tree *tree;
    CALR_TRY(tree_alloc(n, levels, &tree));
    for (int64_t i = 0; i < n; i++) {
        int32_t module = g->home[i];
        if (!calr_infomap_linked(flow, i))
            continue;
        for (int64_t depth = depth_of(g, module), l = levels; l-- > 0;) {
            for (; depth > l + 1; depth--)
                module = g->parent[module];
            tree->labels[l * n + i] = module < 0 ? 0 : module; /* undivided: one module */
        }
    }
    calr_status status = CALR_OK;
    for (int64_t l = 0; status == CALR_OK && l < levels; l++)
        status = calr_labels_canonical(tree->labels + l * n, n, 1, tree->labels + l * n,
                                       &tree->modules[l]);
    if (status == CALR_OK)
        *out = tree;
    else
        calr_infomap_tree_release(tree);
    return status;
}

/* The shortest of all trials; the first of equals. */
static calr_status best_tree(const calr_flow *flow, const calr_infomap_options *options,
                             calr_infomap_tree **out)
{
    int64_t count = options->trials, best = 0, n = flow->nodes;
    int32_t *ids = calr_array_new(n, sizeof *ids);
    part whole = {.flow = flow, .ids = ids, .module = -1};
    trials work = {.whole = &whole, .seed = options->seed};
    work.trial = calr_array_zeros(count, sizeof *work.trial);
    calr_status status = CALR_OK;
    if (!ids || !work.trial) {
        status = calr_error(CALR_ENOMEM, "no memory for %" PRId64 " trials", count);
    } else {
        for (int64_t i = 0; i < n; i++)
            ids[i] = (int32_t)i;
        status = calr_parallel_try(count, 1, run_trials, &work);
        for (int64_t t = 0; t < count && status == CALR_OK; t++) {
            if (work.trial[t].status != CALR_OK)
                status =
                    calr_error(work.trial[t].status, "no memory to partition %" PRId64 " nodes", n);
            if (work.trial[t].bits < work.trial[best].bits)
                best = t;
        }
    }
    if (status == CALR_OK)
        status = take_levels(&work.trial[best].found, flow, out);
    for (int64_t t = 0; work.trial && t < count; t++)
        growth_release(&work.trial[t].found);
    free(work.trial);
    free(ids);
    return status;
}

/* ---- the code of a given tree ---- */

/* Sums over the modules of one level. */
typedef struct sums {
    double *visits, *enter, *leave; /* [n] */
    double *inner;      /* [n] of the modules of the level below in each: sum of enter, */
    double *inner_bits; /* [n] and of plogp(enter) */
    int32_t *children;  /* [n] how many they are */
    int32_t *parent;    /* [n] of each module of the level below; -1 where there is none */
    int32_t *module;    /* [2 n] of each node, at this level and at the one below */
} sums;

static void sums_release(sums *s)
{
    free(s->visits);
    free(s->children);
}

/* Zero *s first; release works after a failure too. */
static calr_status sums_make(sums *s, int64_t n)
{
    s->visits = calr_array_zeros(5 * n, sizeof *s->visits);
    s->children = calr_array_zeros(4 * n, sizeof *s->children);
    if (!s->visits || !s->children)
        return calr_error(CALR_ENOMEM, "no memory for the modules of %" PRId64 " nodes", n);
    s->enter = s->visits + n;
    s->leave = s->visits + 2 * n;
    s->inner = s->visits + 3 * n;
    s->inner_bits = s->visits + 4 * n;
    s->parent = s->children + n;
    s->module = s->children + 2 * n;
    return CALR_OK;
}

static calr_status take_level(const calr_flow *flow, const int32_t *labels, int64_t l,
                              int32_t *module)
{
    for (int64_t i = 0; i < flow->nodes; i++) {
        bool none = labels[i] == -1 && !calr_infomap_linked(flow, i);
        if (!none && (labels[i] < 0 || labels[i] >= flow->nodes))
            return calr_error(CALR_EINVAL,
                              "level %" PRId64 ": node %" PRId64
                              " (both counted from 0) is in module %" PRId32
                              ": modules are 0 .. n-1, and -1 only for a node without an edge",
                              l, i, labels[i]);
        module[i] = labels[i];
    }
    return CALR_OK;
}

/* Takes in the modules of the level below, whose sums are at hand; flow of unlinked nodes is none. */
static calr_status take_children(sums *s, const calr_flow *flow, const int32_t *module,
                                 const int32_t *below, int64_t l)
{
    int64_t n = flow->nodes;
    for (int64_t m = 0; m < n; m++) {
        s->inner[m] = s->inner_bits[m] = 0;
        s->children[m] = 0;
        s->parent[m] = -1;
    }
    for (int64_t i = 0; i < n; i++) {
        if (!calr_infomap_linked(flow, i))
            continue;
        int32_t child = below[i], m = module[i];
        if (s->parent[child] >= 0 && s->parent[child] != m)
            return calr_error(CALR_EINVAL,
                              "module %d of level %" PRId64 " lies in two modules of the level "
                              "above, %d and %d (levels counted from 0, the coarsest)",
                              child, l + 1, s->parent[child], m);
        if (s->parent[child] == m)
            continue;
        s->parent[child] = m;
        s->children[m]++;
        s->inner[m] += s->enter[child];
        s->inner_bits[m] += calr_flow_plogp(s->enter[child]);
    }
    return CALR_OK;
}

/* Where unlinked nodes are makes no difference. */
static void level_sums(sums *s, const calr_flow *flow, int32_t *module)
{
    for (int64_t i = 0; i < flow->nodes; i++)
        module[i] = module[i] < 0 ? 0 : module[i];
    calr_flow_of_modules(flow, module, flow->nodes, s->visits, s->enter, s->leave);
}

static calr_status tree_bits(const calr_flow *flow, int64_t levels, const int32_t *labels, sums *s,
                             double *bits)
{
    int64_t n = flow->nodes;
    double sum = 0, entering = 0;
    for (int64_t i = 0; i < n; i++)
        sum -= calr_flow_plogp(flow->visits[i]);
    for (int64_t l = levels; l-- > 0;) {
        bool finest = l == levels - 1;
        int32_t *module = s->module + (l % 2) * n, *below = s->module + ((l + 1) % 2) * n;
        CALR_TRY(take_level(flow, labels + l * n, l, module));
        if (!finest)
            CALR_TRY(take_children(s, flow, module, below, l));
        level_sums(s, flow, module);
        for (int64_t m = 0; m < n; m++) {
            if (finest)
                sum += calr_flow_plogp(s->leave[m] + s->visits[m]) - calr_flow_plogp(s->leave[m]);
            else if (s->children[m] > 1)
                sum += calr_flow_plogp(s->leave[m] + s->inner[m]) - s->inner_bits[m] -
                       calr_flow_plogp(s->leave[m]);
        }
    }
    for (int64_t m = 0; m < n; m++) {
        entering += s->enter[m];
        sum -= calr_flow_plogp(s->enter[m]);
    }
    *bits = sum + calr_flow_plogp(entering);
    return CALR_OK;
}

static calr_status flow_tree_bits(const calr_flow *flow, int64_t levels, const int32_t *labels,
                                  double *bits)
{
    sums s = {0};
    calr_status status = sums_make(&s, flow->nodes);
    if (status == CALR_OK)
        status = tree_bits(flow, levels, labels, &s, bits);
    sums_release(&s);
    return status;
}

/* ---- entry points ---- */

calr_status calr_infomap_tree_new(const calr_csr *graph, const calr_infomap_options *options,
                                  calr_infomap_tree **out)
{
    CALR_TRY(calr_infomap_check(graph, options));
    if (graph->nonzeros == 0)
        return tree_alloc(graph->rows, 1, out);
    calr_flow *flow;
    calr_infomap_tree *tree = NULL;
    CALR_TRY(calr_flow_new(graph, options->directed, options->teleportation, &flow));
    calr_status status = best_tree(flow, options, &tree);
    if (status == CALR_OK) {
        tree->one_level = calr_infomap_undivided_bits(flow, 0);
        status = flow_tree_bits(flow, tree->levels, tree->labels, &tree->codelength);
    }
    calr_flow_release(flow);
    if (status == CALR_OK)
        *out = tree;
    else
        calr_infomap_tree_release(tree);
    return status;
}

void calr_infomap_tree_release(calr_infomap_tree *tree)
{
    if (!tree)
        return;
    free(tree->labels);
    free(tree->modules);
    free(tree);
}

calr_status calr_infomap_tree_codelength(const calr_csr *graph, const calr_infomap_options *options,
                                         int64_t levels, const int32_t *labels, double *bits)
{
    CALR_TRY(calr_infomap_check(graph, options));
    if (levels < 1)
        return calr_error(CALR_EINVAL, "a tree has at least 1 level, not %" PRId64, levels);
    *bits = 0;
    if (graph->nonzeros == 0)
        return CALR_OK;
    calr_flow *flow;
    CALR_TRY(calr_flow_new(graph, options->directed, options->teleportation, &flow));
    calr_status status = flow_tree_bits(flow, levels, labels, bits);
    calr_flow_release(flow);
    return status;
}
