/* Functions that see, and may replace, the gradient of a tensor on its way back.
 *
 * A hook lives in the tensor's node: it is called once for each backward pass that reaches the tensor, with
 * the complete gradient, whether the tensor was declared or computed. Hooks of one tensor run in the order in
 * which they were added, each on what the last one left. They run with recording paused, in the thread that
 * runs the pass. When the graph is freed, hooks of computed tensors go with it. */
#ifndef CALR_AUTOGRAD_HOOK_H
#define CALR_AUTOGRAD_HOOK_H

#include "autograd/op.h"

typedef struct calr_hook calr_hook;

typedef struct calr_hook_function {
    /* The gradient is borrowed, contiguous, seen by nobody else: it may be written in place. *replacement
     * may be set to a new reference, of the same type and shape. A failure ends the pass. */
    calr_status (*call)(void *context, calr_tensor *gradient, calr_tensor **replacement);
    void *context;
    void (*release)(void *context); /* once, when it will not be called again */
} calr_hook_function;

/* Takes over the context, on failure too. *out is a handle, for calr_hook_release. CALR_EINVAL: the tensor
 * needs no gradient; or it was computed, and its graph has been freed. */
calr_status calr_hook_add(calr_tensor *tensor, const calr_hook_function *function, calr_hook **out);
/* It is not called any more. May be called again, and from inside a hook. */
void calr_hook_remove(calr_hook *hook);
/* Gives up the handle; the hook stays. NULL is allowed. */
void calr_hook_release(calr_hook *hook);

/* For the tape: runs the hooks of a node on its gradient. */
calr_status calr_hooks_run(calr_node *node, calr_tensor **gradient);
/* For the tape: removes all hooks of a list, which is empty afterwards. */
void calr_hooks_clear(calr_hook **list);

#endif
