/* Operations whose forward and backward are callbacks, for a script's own gradients. */
#ifndef CALR_AUTOGRAD_CUSTOM_H
#define CALR_AUTOGRAD_CUSTOM_H

#include "autograd/op.h"

typedef struct calr_custom_op {
    const char *name; /* for messages; lives as long as the context */
    void *context;
    /* Both run with recording paused, in the thread that called apply or backward. forward returns
     * a new reference in *y (f32, any shape; an input or a view of one will do) and may call
     * calr_op_save; call->in has the inputs as they are, of any strides. backward is as in op.h; dy
     * and the saved tensors are borrowed. */
    calr_status (*forward)(void *context, calr_op_call *call, calr_tensor **y);
    calr_status (*backward)(void *context, calr_op_call *call, calr_tensor *dy, calr_tensor **dx);
    /* backward follows a graph of its own to declared tensors that are no inputs (op.h). */
    bool reaches;
    /* Called once for every apply, when the tape is done with the operation. */
    void (*release)(void *context);
} calr_custom_op;

/* Runs the operation, and takes over the context, on failure too. */
calr_status calr_custom_apply(const calr_custom_op *op, calr_tensor *const *inputs, int count,
                              calr_tensor **out);

#endif
