/* An operation on the tape: a descriptor, an entry of a table rather than a case of a switch.
 *
 * The life of a call:
 *   apply     The tape makes inputs contiguous (unless `strided`), calls check, allocates the output
 *             (unless `makes_output`) and calls forward. If an input needs a gradient and recording
 *             is on, it then keeps a node: the descriptor, a copy of the attributes, the shapes of
 *             the inputs, and what forward saved.
 *   backward  The node's dy arrives (contiguous unless `strided`). backward fills dx[i] for each
 *             input that needs one; the tape adds them up where they belong and frees what was saved.
 *
 * The same calr_op_call serves all three steps, so that an operation states its shapes once.
 * Functions return a status; the tape puts the operation's name before the message. Every function
 * here belongs to the thread that runs the tape. */
#ifndef CALR_AUTOGRAD_OP_H
#define CALR_AUTOGRAD_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "tensor/tensor.h"

typedef struct calr_op_shape {
    calr_dtype dtype;
    int ndim;
    int64_t shape[CALR_MAX_DIMS];
} calr_op_shape;

typedef struct calr_node calr_node;

/* A tensor kept for the backward pass, with the version it had; or a recipe, the node that can make
 * it again. */
typedef struct calr_op_saved_tensor {
    const char *name;    /* the argument's, for messages; NULL: numbered */
    calr_tensor *tensor; /* an alias without a tape, or NULL */
    uint64_t version;
    calr_node *recipe; /* owned; its output becomes `tensor` just before the backward pass */
} calr_op_saved_tensor;

typedef struct calr_op_call {
    const void *attributes;
    int count;              /* inputs; absent optional ones are NULL in `in`, with ndim -1 below */
    calr_tensor *const *in; /* check and forward only */
    const calr_op_shape *shape; /* of the inputs, always */
    const bool
        *needs; /* which inputs want a gradient; all false when not recording. In the backward pass
                          fewer may than in the forward pass (calr_tape_grad) */
    bool recording;              /* a backward pass may follow: save what it needs */
    calr_op_shape out;           /* check fills it in: f32 unless it says otherwise */
    calr_op_saved_tensor *saved; /* through the functions below */
    int saved_count;
    /* Forward may set it, from 1 on, where op->recompute is there: the output can be made again from
     * what is saved, and what others save of it is no more than a recipe. The number is how many
     * such outputs in a row that takes at most, this one included. */
    int recipe_depth;
    calr_tensor *dy2; /* backward of an operation that takes parts: dy is dy + dy2; or NULL */
    calr_node *node;  /* backward only */
    bool keep;        /* backward only: the graph will be followed again */
} calr_op_call;

typedef struct calr_op {
    const char *name;
    size_t attribute_bytes; /* 0: none */
    bool strided;           /* takes inputs and dy with any strides */
    bool makes_output; /* forward returns a new tensor in *y; otherwise *y is allocated as `out`
                          says */
    bool takes_parts;  /* backward adds dy and call->dy2 up for itself */
    bool reaches; /* backward follows a graph of its own (calr_tape_backward_from), and so gives
                          gradients to declared tensors that are no inputs */
    /* Validates shapes and attributes, fills in call->out. Nothing is allocated yet. NULL where forward makes the
     * output and checks for itself, as views do. */
    calr_status (*check)(calr_op_call *call);
    calr_status (*forward)(calr_op_call *call, calr_tensor **y);
    /* dx has call->count entries, NULL at first. An entry left NULL stands for a gradient of zeros.
     * References stored there go over to the tape, on failure too. They may be dy itself (retained)
     * or a view of it. */
    calr_status (*backward)(calr_op_call *call, calr_tensor *dy, calr_tensor **dx);
    /* Optional: the output once more, the same bits, from what was saved. y is allocated. */
    calr_status (*recompute)(calr_op_call *call, calr_tensor *y);
    /* Optional: a name for messages that depends on the attributes. */
    const char *(*title)(const void *attributes);
    bool static_title; /* the name outlives the attributes */
    /* Optional: gives back what the attributes own. Called once for every apply, also for a failed
     * one. */
    void (*release)(void *attributes);
} calr_op;

/* For check: input i must be present and f32 with `ndim` dimensions (-1: any number). */
calr_status calr_op_expect(const calr_op_call *call, int i, const char *name, int ndim,
                           const char *form);
/* The same, but bf16 will do too. `form` still says f32. */
calr_status calr_op_expect_real(const calr_op_call *call, int i, const char *name, int ndim,
                                const char *form);
/* For check: the output has the type and the shape of input i. */
void calr_op_out_like(calr_op_call *call, int i);
/* For check: the output is f32 of this shape. */
void calr_op_out(calr_op_call *call, int ndim, const int64_t *shape);

/* CALR_EINVAL "f16 numbers are kept, not computed with: convert them with x:to \"f32\"", or that the type does not
 * do. */
calr_status calr_op_refuse_dtype(calr_dtype dtype);

void calr_op_shape_of(const calr_tensor *tensor, calr_op_shape *out);
int64_t calr_op_numel(const calr_op_shape *shape);
bool calr_op_same_shape(const calr_op_shape *a, const calr_op_shape *b);
const char *calr_op_describe(const calr_op_shape *shape, char text[CALR_TENSOR_TEXT]);

#endif
