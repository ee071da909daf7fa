/* Runs an operation (op.h), and serves its functions while it runs: what forward keeps for the
 * backward pass, and how backward gets at it. Every function belongs to the thread that runs the
 * tape. */
#ifndef CALR_AUTOGRAD_APPLY_H
#define CALR_AUTOGRAD_APPLY_H

#include "autograd/op.h"

/* Runs an operation. `inputs` are borrowed and may hold NULL where an optional one is absent;
 * `attributes` (op->attribute_bytes of them) are copied. *out is a new reference. */
calr_status calr_op_apply(const calr_op *op, calr_tensor *const *inputs, int count,
                          const void *attributes, calr_tensor **out);

/* For forward: keeps a tensor for the backward pass; nothing happens unless call->recording. `name`
 * is that of the argument (static text). A NULL tensor keeps the numbering. For an input that can
 * be recomputed only the recipe is kept, not the memory. */
calr_status calr_op_save(calr_op_call *call, const char *name, calr_tensor *tensor);
/* For forward: how many outputs in a row must be made again for this tensor; 0: it is kept. */
int calr_op_recipe_depth(const calr_tensor *tensor);
/* Outputs of fewer bytes are kept although they could be made again, at first those below
 * CALR_OP_KEEP_BELOW: they matter little for a large batch, and the pass that recomputes
 * them is 3 to 6 % of a step of a small network (docs/notebook/training.md). */
#define CALR_OP_KEEP_BELOW ((size_t)8 << 20)
size_t calr_op_keep_below(void);
void calr_op_set_keep_below(size_t bytes);
/* For backward: the i-th saved tensor, borrowed. */
calr_tensor *calr_op_saved(const calr_op_call *call, int i);
/* For backward: the i-th saved tensor as a new reference to write into, if nobody else sees its
 * memory and the graph is not followed again; otherwise NULL. It then is no longer saved. */
calr_tensor *calr_op_take(calr_op_call *call, int i);
/* For backward: the gradient that input i, computed, has from others by now, borrowed, to add to in place, where
 * nobody else sees its memory; otherwise NULL. dx[i] then stays NULL. */
calr_tensor *calr_op_gradient_so_far(const calr_op_call *call, int i);
/* For backward: the output, borrowed, made again where it is not there (op->recompute). */
calr_status calr_op_output(const calr_op_call *call, calr_tensor **y);

/* The elements of an optional tensor, of f32 or of any type; NULL where it is absent. */
static inline float *calr_op_f32_or_null(const calr_tensor *tensor)
{
    return tensor ? calr_tensor_f32(tensor) : NULL;
}

static inline void *calr_op_data_or_null(const calr_tensor *tensor)
{
    return tensor ? calr_tensor_data(tensor) : NULL;
}

/* For backward: allocates dx[i] in the type and shape of input i when that wants a gradient; otherwise
 * leaves it NULL. */
calr_status calr_op_gradient(const calr_op_call *call, int i, calr_tensor **dx);

#endif
