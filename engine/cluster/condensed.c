#include "cluster/condensed.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/interrupt.h"
#include "base/size.h"
#include "labels/labels.h"

/* ---- condensing ---- */

/* Single linkage as a binary tree: things are 0 .. n-1, merge m is node n + m. */
typedef struct linkage {
    const calr_merge *merges;
    int64_t n, min_cluster_size;
    int32_t *left, *right, *sizes; /* [n - 1] */
    int32_t *todo;                 /* [n] nodes to visit; */
    int32_t *owner;                /* [n] the cluster each of them belongs to */
    int32_t *part;                 /* [n] groups into which a node falls */
    int32_t *stack;                /* [n] */
    int64_t waiting;
} linkage;

static int64_t size_of(const linkage *l, int32_t node)
{
    return node < l->n ? 1 : l->sizes[node - l->n];
}

static double lambda_of(double distance)
{
    return distance > 0 ? 1 / distance : INFINITY;
}

/* The groups into which a node falls when links of its height go: nodes of the same height part with it. */
static int64_t split(const linkage *l, int32_t node)
{
    double height = l->merges[node - l->n].height;
    int64_t parts = 0, top = 0;
    l->stack[top++] = node;
    while (top > 0) {
        int64_t m = l->stack[--top] - l->n;
        int32_t sides[2] = {l->left[m], l->right[m]};
        for (int s = 0; s < 2; s++) {
            if (sides[s] >= l->n && l->merges[sides[s] - l->n].height == height)
                l->stack[top++] = sides[s];
            else
                l->part[parts++] = sides[s];
        }
    }
    return parts;
}

/* All things below `node` fall out of the cluster. */
static void drop(const linkage *l, calr_condensed *tree, int32_t node, int32_t cluster,
                 double lambda)
{
    int64_t top = 0;
    l->stack[top++] = node;
    while (top > 0) {
        int32_t at = l->stack[--top];
        if (at < l->n) {
            tree->last[at] = cluster;
            tree->lambda[at] = lambda;
        } else {
            l->stack[top++] = l->left[at - l->n];
            l->stack[top++] = l->right[at - l->n];
        }
    }
}

static void leave(calr_condensed *tree, int32_t cluster, double lambda, int64_t size)
{
    tree->stability[cluster] += (lambda - tree->birth[cluster]) * (double)size;
    tree->death[cluster] = fmax(tree->death[cluster], lambda);
}

static int32_t add_cluster(calr_condensed *tree, int32_t parent, double birth)
{
    int64_t c = tree->clusters++;
    tree->parent[c] = parent;
    tree->birth[c] = birth;
    tree->death[c] = 0;
    tree->stability[c] = 0;
    return (int32_t)c;
}

static void condense_node(linkage *l, calr_condensed *tree, int32_t node, int32_t cluster)
{
    double lambda = lambda_of(l->merges[node - l->n].height);
    int64_t parts = split(l, node), large = 0;
    for (int64_t p = 0; p < parts; p++)
        large += size_of(l, l->part[p]) >= l->min_cluster_size;
    for (int64_t p = 0; p < parts; p++) {
        int32_t part = l->part[p];
        if (size_of(l, part) >= l->min_cluster_size) {
            if (large > 1)
                leave(tree, cluster, lambda, size_of(l, part));
            l->todo[l->waiting] = part;
            l->owner[l->waiting++] = large > 1 ? add_cluster(tree, cluster, lambda) : cluster;
        } else {
            leave(tree, cluster, lambda, size_of(l, part));
            drop(l, tree, part, cluster, lambda);
        }
    }
}

static calr_status condense(linkage *l, calr_condensed *tree)
{
    int64_t n = l->n;
    l->left = calr_array_new(n, sizeof *l->left);
    l->right = calr_array_new(n, sizeof *l->right);
    l->sizes = calr_array_new(n, sizeof *l->sizes);
    l->todo = calr_array_new(n, sizeof *l->todo);
    l->owner = calr_array_new(n, sizeof *l->owner);
    l->part = calr_array_new(n, sizeof *l->part);
    l->stack = calr_array_new(n, sizeof *l->stack);
    if (!l->left || !l->right || !l->sizes || !l->todo || !l->owner || !l->part || !l->stack)
        return calr_error(CALR_ENOMEM, "out of memory for the tree of %" PRId64 " things", n);
    CALR_TRY(calr_linkage_tree(l->merges, n, l->left, l->right, l->sizes));
    add_cluster(tree, -1, 0);
    if (n == 1) {
        tree->last[0] = 0;
        tree->lambda[0] = 0;
        return CALR_OK;
    }
    l->todo[0] = (int32_t)(2 * n - 2);
    l->owner[0] = 0;
    l->waiting = 1;
    while (l->waiting > 0) {
        CALR_TRY(calr_interrupt_check());
        l->waiting--;
        condense_node(l, tree, l->todo[l->waiting], l->owner[l->waiting]);
    }
    return CALR_OK;
}

calr_status calr_condensed_new(const calr_merge *merges, int64_t n, int64_t min_cluster_size,
                               calr_condensed **out)
{
    calr_condensed *tree = calr_array_zeros(1, sizeof *tree);
    if (!tree)
        return calr_error(CALR_ENOMEM, "out of memory for a tree of clusters");
    tree->n = n;
    /* Every cluster but the root has a sister, and those without children share n things: n in all. */
    int64_t room = n + 1;
    tree->parent = calr_array_new(room, sizeof *tree->parent);
    tree->birth = calr_array_new(room, sizeof *tree->birth);
    tree->death = calr_array_new(room, sizeof *tree->death);
    tree->stability = calr_array_new(room, sizeof *tree->stability);
    tree->last = calr_array_new(n, sizeof *tree->last);
    tree->lambda = calr_array_new(n, sizeof *tree->lambda);
    linkage l = {.merges = merges, .n = n, .min_cluster_size = min_cluster_size};
    calr_status status = CALR_OK;
    if (tree->parent && tree->birth && tree->death && tree->stability && tree->last && tree->lambda)
        status = condense(&l, tree);
    else
        status = calr_error(CALR_ENOMEM, "out of memory for the clusters of %" PRId64 " things", n);
    free(l.left);
    free(l.right);
    free(l.sizes);
    free(l.todo);
    free(l.owner);
    free(l.part);
    free(l.stack);
    if (status == CALR_OK)
        *out = tree;
    else
        calr_condensed_release(tree);
    return status;
}

void calr_condensed_release(calr_condensed *tree)
{
    if (!tree)
        return;
    free(tree->parent);
    free(tree->birth);
    free(tree->death);
    free(tree->stability);
    free(tree->last);
    free(tree->lambda);
    free(tree);
}

/* ---- choosing ---- */

typedef struct choice {
    uint8_t *taken; /* [clusters] */
    uint8_t *leaf;  /* [clusters] */
    double *below;  /* [clusters] the stability that the taken clusters of a subtree come to */
} choice;

/* Marks what is below a taken cluster as not taken: parents come before their children. */
static void keep_highest(const calr_condensed *tree, choice *c)
{
    for (int64_t k = 1; k < tree->clusters; k++) {
        c->leaf[k] = c->leaf[tree->parent[k]] || c->taken[tree->parent[k]]; /* now: is covered */
        if (c->leaf[k])
            c->taken[k] = 0;
    }
}

static void choose_by_mass(const calr_condensed *tree, bool single, choice *c)
{
    for (int64_t k = 0; k < tree->clusters; k++)
        c->below[k] = 0;
    for (int64_t k = tree->clusters - 1; k >= 0; k--) {
        c->taken[k] = !(c->below[k] > tree->stability[k]) && (k > 0 || single);
        if (k > 0)
            c->below[tree->parent[k]] += c->taken[k] ? tree->stability[k] : c->below[k];
    }
}

/* Raises clusters that parted from their parents below epsilon to the first one that did not. */
static void raise_to_epsilon(const calr_condensed *tree, double epsilon, bool single, choice *c)
{
    for (int64_t k = 1; k < tree->clusters; k++) {
        if (!c->taken[k] || !(1 / tree->birth[k] < epsilon))
            continue;
        int32_t at = (int32_t)k;
        for (;;) {
            int32_t parent = tree->parent[at];
            if (parent == 0) {
                at = single ? 0 : at;
                break;
            }
            at = parent;
            if (1 / tree->birth[at] > epsilon)
                break;
        }
        c->taken[k] = 0;
        c->below[at] = INFINITY; /* to be taken, once all have looked */
    }
    for (int64_t k = 0; k < tree->clusters; k++)
        c->taken[k] = c->taken[k] || c->below[k] == INFINITY;
}

static void choose(const calr_condensed *tree, const calr_hdbscan_options *options, choice *c)
{
    for (int64_t k = 0; k < tree->clusters; k++)
        c->leaf[k] = 1;
    for (int64_t k = 1; k < tree->clusters; k++)
        c->leaf[tree->parent[k]] = 0;
    if (options->leaves) {
        for (int64_t k = 0; k < tree->clusters; k++)
            c->taken[k] = c->leaf[k] && (k > 0 || options->single);
    } else {
        choose_by_mass(tree, options->single, c);
    }
    c->leaf[0] = 0;
    keep_highest(tree, c);
    if (options->epsilon > 0 && !c->taken[0]) {
        for (int64_t k = 0; k < tree->clusters; k++)
            c->below[k] = 0;
        raise_to_epsilon(tree, options->epsilon, options->single, c);
        c->leaf[0] = 0;
        keep_highest(tree, c);
    }
}

/* When all is one cluster, what fell out of it early is an outlier all the same. */
static bool stays(const calr_condensed *tree, const calr_hdbscan_options *options, int64_t i)
{
    double least = options->epsilon > 0 ? 1 / options->epsilon : tree->death[0];
    return tree->lambda[i] >= least;
}

calr_status calr_condensed_label(const calr_condensed *tree, const calr_hdbscan_options *options,
                                 int32_t *labels, float *probabilities, int64_t *clusters)
{
    choice c = {calr_array_zeros(tree->clusters, 1), calr_array_zeros(tree->clusters, 1),
                calr_array_new(tree->clusters, sizeof *c.below)};
    int32_t *home =
        calr_array_new(tree->clusters, sizeof *home); /* the taken cluster above, or -1 */
    calr_status status = CALR_OK;
    if (c.taken && c.leaf && c.below && home) {
        choose(tree, options, &c);
        for (int64_t k = 0; k < tree->clusters; k++)
            home[k] = c.taken[k] ? (int32_t)k : k > 0 ? home[tree->parent[k]] : -1;
        for (int64_t i = 0; i < tree->n; i++) {
            int32_t own = home[tree->last[i]];
            labels[i] = own == 0 && !stays(tree, options, i) ? -1 : own;
            if (!probabilities)
                continue;
            double death = own >= 0 ? tree->death[own] : 0, lambda = tree->lambda[i];
            probabilities[i] = labels[i] < 0                 ? 0
                               : death == 0 || isinf(lambda) ? 1
                                                             : (float)(fmin(lambda, death) / death);
        }
        status = calr_labels_canonical(labels, tree->n, 1, labels, clusters);
    } else {
        status = calr_error(CALR_ENOMEM, "out of memory to choose among %" PRId64 " clusters",
                            tree->clusters);
    }
    free(c.taken);
    free(c.leaf);
    free(c.below);
    free(home);
    return status;
}

calr_status calr_condensed_outliers(const calr_condensed *tree, float *outliers)
{
    double *last = calr_array_new(tree->clusters, sizeof *last);
    if (!last)
        return calr_error(CALR_ENOMEM, "out of memory for %" PRId64 " clusters", tree->clusters);
    for (int64_t k = 0; k < tree->clusters; k++)
        last[k] = tree->death[k];
    for (int64_t k = tree->clusters - 1; k > 0; k--)
        last[tree->parent[k]] = fmax(last[tree->parent[k]], last[k]);
    for (int64_t i = 0; i < tree->n; i++) {
        double death = last[tree->last[i]], lambda = tree->lambda[i];
        outliers[i] = isinf(lambda) || death == 0 ? 0
                      : isinf(death)              ? 1
                                                  : (float)((death - lambda) / death);
    }
    free(last);
    return CALR_OK;
}
