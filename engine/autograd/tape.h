/* The tape: records what was computed from what, so that gradients can be followed back.
 *
 * Eager: operations (op.h) run at once and leave a node when one of their inputs needs a gradient.
 * A tensor made by a node, or declared with calr_tape_require, carries a reference to it in
 * tensor->tape. The graph is freed with the tensors that hold it, and a node gives back what it
 * saved as soon as the backward pass is through with it; so a graph can be walked once, unless it is
 * retained.
 *
 * Gradients add up in a fixed order (the reverse of the order of creation): same inputs, same bits.
 * One thread at a time works on a graph; nothing here recurses, so a graph may be as deep as memory
 * allows. */
#ifndef CALR_AUTOGRAD_TAPE_H
#define CALR_AUTOGRAD_TAPE_H

#include <stdbool.h>

#include "base/status.h"
#include "tensor/tensor.h"

/* Declares that gradients with respect to this tensor are wanted (or, with false, no longer are).
 * f32 only; CALR_EINVAL for other types, and for false on a tensor that was computed from one that
 * needs a gradient. */
calr_status calr_tape_require(calr_tensor *tensor, bool wanted);
/* Whether the tensor was so declared or was computed from one that was. */
bool calr_tape_requires(const calr_tensor *tensor);
/* Whether it was computed, by an operation that the tape recorded. */
bool calr_tape_is_computed(const calr_tensor *tensor);

/* Has backward passes add the gradient of a computed tensor up, too; a declared one does so anyway.
 * CALR_EINVAL when it needs no gradient. */
calr_status calr_tape_keep_gradient(calr_tensor *tensor);
/* Forgets how the tensor was computed, or that it was declared. */
void calr_tape_detach(calr_tensor *tensor);

/* The gradient that backward passes have added up in a declared tensor, or in one that keeps its gradient;
 * borrowed, NULL when there is none yet. */
calr_tensor *calr_tape_gradient(const calr_tensor *tensor);
/* Replaces the gradient (of such a tensor, of its type and shape) by a copy, or drops it (NULL). */
calr_status calr_tape_set_gradient(calr_tensor *tensor, const calr_tensor *gradient);

/* Follows a single number back to every declared tensor it was computed from and adds the gradients
 * there. A gradient that is there already is added to in place. CALR_EINVAL: more than one number,
 * or no declared tensor behind it, or an earlier pass freed the graph; CALR_ESTALE names operation and
 * argument when a saved tensor was changed in place. Those are found before any gradient is
 * touched; when an operation or a hook (hook.h) fails later on, the graph counts as used, unless it is
 * retained, and some gradients may have been added. */
calr_status calr_tape_backward(calr_tensor *loss);
/* The same from a tensor of any shape whose gradient is known: of its type and shape, borrowed; CALR_EINVAL
 * when it is of another. NULL: 1, for a single number. May be called from inside the backward pass of an
 * operation, or from a hook, on another graph. With CALR_RETAIN_GRAPH the graph can be followed again, with
 * the same bits. */
calr_status calr_tape_backward_from(calr_tensor *tensor, calr_tensor *gradient, unsigned flags);

#define CALR_RETAIN_GRAPH 1u
#define CALR_ALLOW_UNUSED 2u

typedef struct calr_tape_roots {
    calr_tensor *const *tensors;
    calr_tensor *const *gradients; /* as in calr_tape_backward_from; may be NULL, or hold NULL */
    int count;
} calr_tape_roots;

/* The gradients of the sum of the roots, each weighted by its gradient, with respect to `count` tensors x,
 * declared or computed. dx[i] is a new reference, memory of its own. The gradients that declared tensors have
 * stay as they are. Only operations between x and the roots run, and without CALR_RETAIN_GRAPH only these are
 * freed. CALR_EINVAL as above, and when no root was computed from x[i]; with CALR_ALLOW_UNUSED dx[i] is NULL
 * then. On failure dx is untouched. */
calr_status calr_tape_grad(const calr_tape_roots *y, calr_tensor *const *x, int count,
                           unsigned flags, calr_tensor **dx);

/* While off (per thread) operations leave no node. Pauses nest: calr_tape_paused is the depth, which
 * the caller keeps before it pauses, and to which it restores afterwards, after an error too. */
int calr_tape_paused(void);
void calr_tape_pause(void);
void calr_tape_restore(int depth);
bool calr_tape_is_recording(void);

/* Whether work is done for the second time, to record it (per thread; nests, as pauses do):
 * operations with effects other than their output, such as running statistics, leave these out. */
int calr_tape_replays(void);
void calr_tape_set_replays(int depth);

/* CALR_EINVAL when writing in place would make gradients wrong without anyone noticing: the tensor
 * is the output of a recorded operation, or was declared to need a gradient, and recording is on.
 * CALR_EINVAL also when the tensor overlaps itself (calr_tensor_overlaps). Messages begin with
 * `name`, the function that writes, unless it is "". */
calr_status calr_tape_check_write(const char *name, const calr_tensor *tensor);

#endif
