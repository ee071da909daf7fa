/* One walk back over a graph. Internal to backward.c and accumulate.c.
 *
 * A pass works on the operations behind its roots, the youngest first. Operations keep the gradient of
 * their output in node->gradient while the pass runs. A declared tensor adds to the gradient that the
 * script sees as soon as a part arrives, unless the pass collects it apart, in node->part: because hooks
 * want to see the sum, or because the sum is only returned (calr_tape_grad). */
#ifndef CALR_AUTOGRAD_PASS_H
#define CALR_AUTOGRAD_PASS_H

#include "autograd/node.h"

/* A declared tensor whose gradient is collected apart, and what an outer pass had in these fields. */
typedef struct calr_pass_leaf {
    calr_node *node;
    calr_tensor *part;
    uint64_t apart, wanted;
} calr_pass_leaf;

typedef struct calr_pass {
    /* The pass that this one is a part of: itself, unless it runs inside the backward pass of an operation
     * that reaches tensors which are no inputs of it (op->reaches). */
    struct calr_pass *root;
    uint64_t id;
    uint64_t since;   /* the youngest node when it began */
    bool keep;        /* the graph can be followed again */
    bool reaches;     /* one of the operations has op->reaches */
    bool meets_freed; /* one was freed by an earlier pass: more may have been behind it */

    calr_node **nodes; /* operations, retained */
    size_t count, capacity;
    calr_pass_leaf *leaves; /* of a root pass, nodes retained */
    size_t leaf_count, leaf_capacity;

    /* When gradients are only returned: of what, and what was found. NULL, 0 otherwise. */
    calr_node *const *targets;
    calr_tensor **found;
    int target_count;
} calr_pass;

/* Where a pass begins: tensors with a node, and their gradients. */
typedef struct calr_pass_start {
    calr_tensor *const *y, *const *dy;
    int count;
} calr_pass_start;

/* Whether anything but the targets is left out. */
static inline bool calr_pass_chooses(const calr_pass *pass)
{
    return pass->targets != NULL;
}

/* ---- the steps of a pass: backward.c ---- */

/* CALR_EINVAL unless a pass can begin at y, with the gradient dy or, where that is NULL, with 1. */
calr_status calr_pass_check_root(const calr_tensor *y, const calr_tensor *dy, const char *caller);
/* What it begins with: dy, or ones. A new reference. */
calr_status calr_pass_root_gradient(const calr_tensor *y, calr_tensor *dy, calr_tensor **out);
/* `pass` holds the targets, if there are any, and is zero otherwise. */
void calr_pass_begin(calr_pass *pass, bool keep);
/* Finds the operations behind the roots, the youngest first. */
calr_status calr_pass_collect(calr_pass *pass, const calr_pass_start *from);
/* What leads to a node that is wanted is wanted too. */
void calr_pass_mark(const calr_pass *pass);
/* Checks the graph, gives the roots their gradients, and runs the operations. */
calr_status calr_pass_go(calr_pass *pass, const calr_pass_start *from);
/* Always called, after a failure too, whose status it gets: hooks of declared tensors run, the pass gives
 * back what it holds. */
calr_status calr_pass_end(calr_pass *pass, calr_status status);

/* ---- where gradients add up: accumulate.c ---- */

/* Adds a gradient up in a node. Takes over the reference dx. What the pass does not want is dropped. */
calr_status calr_pass_receive(const calr_pass *pass, calr_node *node, calr_tensor *dx);
/* The sum that dx would be added to, borrowed; NULL when there is none, or none that may be written. */
calr_tensor *calr_pass_sum(const calr_node *node);

/* Collects the gradient of a declared tensor apart from now on, unless this pass does so already. */
calr_status calr_pass_open_leaf(calr_pass *pass, calr_node *node);
/* Ends that for all of them, in the order in which they were opened. With `deliver` hooks run, and the sum
 * goes where it belongs; after an error, and without, sums are dropped. */
calr_status calr_pass_close_leaves(calr_pass *pass, bool deliver);

/* Keeps a reference to the gradient of a target. */
void calr_pass_capture(calr_pass *pass, const calr_node *node, calr_tensor *gradient);

/* *sum := *sum + x, in place when nobody else sees *sum or `in_place`. Both have the same shape. */
calr_status calr_gradient_add(calr_tensor **sum, calr_tensor *x, bool in_place);
/* Puts a contiguous tensor in the place of a strided one. */
calr_status calr_gradient_straighten(calr_tensor **tensor);
/* Puts a copy in the place of a tensor whose memory somebody else sees, or that is strided, or a part of a larger
 * block. */
calr_status calr_gradient_own(calr_tensor **tensor);

#endif
