/* Nodes of the tape. Internal to tape.c and apply.c. */
#ifndef CALR_AUTOGRAD_NODE_H
#define CALR_AUTOGRAD_NODE_H

#include "autograd/hook.h"
#include "autograd/op.h"

struct calr_node {
    int64_t refs;      /* atomic, since tensors may be released by any thread */
    const calr_op *op; /* NULL: a declared tensor, which only collects its gradient */
    uint64_t sequence; /* order of creation: a node's inputs have smaller numbers */
    uint64_t visit;    /* the backward pass that last reached it */
    int label;         /* calr_meter_label() when it was made, for measurements of its backward */
    bool used;         /* its backward ran, or was given up, and the graph was freed */
    bool busy;         /* a pass works on it */
    uint64_t wanted;   /* the last pass that had to return its gradient, or one behind it */
    uint64_t apart; /* the pass that collects its gradient in `part`, or 0; declared tensors only */
    calr_op_shape out;     /* of the tensor it made */
    uint64_t out_version;  /* that it had when it was made */
    int recipe_depth;      /* as in calr_op_call */
    calr_tensor *output;   /* made again for the backward pass; owned, or NULL */
    calr_tensor *gradient; /* added up so far; owned */
    calr_tensor *part; /* what is still to be added, where op->takes_parts; or see pass.h; owned */
    bool keeps;        /* an operation whose output\'s gradient is kept for the script, */
    calr_tensor *kept; /* here; owned */
    calr_hook *hooks;  /* hook.h; owned */
    char *place;       /* the script's line that made it, in anomaly mode; owned, or NULL */
    calr_node *next;   /* list of nodes being freed */
    void *attributes;
    const char *
        title; /* for op->static_title, which is asked for after the attributes have gone; or NULL */
    calr_op_saved_tensor *saved;
    int saved_count;
    int count;
    calr_node **from;     /* nodes of the inputs, NULL where no gradient is wanted; owned */
    calr_op_shape *shape; /* of the inputs */
};

/* The number of the youngest node. */
uint64_t calr_node_youngest(void);
/* A node of `count` inputs, one reference, nothing filled in but the sequence number. */
calr_status calr_node_new(int count, calr_node **out);
void calr_node_retain(calr_node *node);
/* NULL is allowed. Frees chains of any length without recursion. */
void calr_node_release(void *node);
/* Gives back what was saved, the attributes, the hooks and the edges. */
void calr_node_clear(calr_node *node);
/* Gives back only what was made for a backward pass: recipes are recipes again. */
void calr_node_reset(calr_node *node);
/* The node as its operation sees it in a backward pass. `needs` has node->count entries. */
calr_op_call calr_node_call(calr_node *node, bool *needs);
/* The tensor of a recipe, borrowed: made again on first use, kept until calr_node_clear. */
calr_status calr_node_output(calr_node *node, calr_tensor **out);
/* Makes the saved tensors that are recipes. */
calr_status calr_node_restore(calr_node *node);
void calr_node_attach(calr_node *node, calr_tensor *tensor);
const char *calr_node_title(const calr_node *node);

static inline calr_node *calr_node_of(const calr_tensor *tensor)
{
    return tensor->tape;
}

#endif
