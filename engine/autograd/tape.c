#include "autograd/tape.h"

#include <string.h>

#include "autograd/node.h"

/* ---- recording ---- */

static _Thread_local int paused;

void calr_tape_pause(void)
{
    paused++;
}

bool calr_tape_is_recording(void)
{
    return paused == 0;
}

int calr_tape_paused(void)
{
    return paused;
}

void calr_tape_restore(int depth)
{
    paused = depth;
}

static _Thread_local int replays;

int calr_tape_replays(void)
{
    return replays;
}

void calr_tape_set_replays(int depth)
{
    replays = depth;
}

/* ---- declared tensors ---- */

bool calr_tape_requires(const calr_tensor *tensor)
{
    return tensor->tape != NULL;
}

bool calr_tape_is_computed(const calr_tensor *tensor)
{
    return tensor->tape && calr_node_of(tensor)->op;
}

calr_status calr_tape_require(calr_tensor *tensor, bool wanted)
{
    char text[CALR_TENSOR_TEXT];
    if (wanted && !calr_dtype_has_gradients(tensor->dtype))
        return calr_error(CALR_EINVAL,
                          "only f32, f64 and bf16 tensors have gradients; this one is %s",
                          calr_tensor_describe(tensor, text));
    if (!wanted && calr_tape_is_computed(tensor))
        return calr_error(
            CALR_EINVAL,
            "%s was computed from tensors that need a gradient; detach() gives one that was not",
            calr_tensor_describe(tensor, text));
    if (wanted == (tensor->tape != NULL))
        return CALR_OK;
    if (!wanted) {
        calr_tape_detach(tensor);
        return CALR_OK;
    }
    calr_node *node;
    CALR_TRY(calr_node_new(0, &node));
    node->out = (calr_op_shape){.dtype = tensor->dtype, .ndim = tensor->ndim};
    memcpy(node->out.shape, tensor->shape, sizeof tensor->shape);
    calr_node_attach(node, tensor);
    return CALR_OK;
}

calr_status calr_tape_keep_gradient(calr_tensor *tensor)
{
    char text[CALR_TENSOR_TEXT];
    if (!tensor->tape)
        return calr_error(CALR_EINVAL,
                          "%s needs no gradient, so it will have none to keep; declare it, or what "
                          "it is computed "
                          "from, with requires_grad(true)",
                          calr_tensor_describe(tensor, text));
    calr_node_of(tensor)->keeps = calr_tape_is_computed(tensor);
    return CALR_OK;
}

void calr_tape_detach(calr_tensor *tensor)
{
    calr_node_release(tensor->tape);
    tensor->tape = NULL;
}

/* Where the gradient that a script sees is kept, or NULL. */
static calr_tensor **gradient_of(const calr_tensor *tensor)
{
    calr_node *node = calr_node_of(tensor);
    if (!node || (node->op && !node->keeps))
        return NULL;
    return node->op ? &node->kept : &node->gradient;
}

calr_tensor *calr_tape_gradient(const calr_tensor *tensor)
{
    calr_tensor **gradient = gradient_of(tensor);
    return gradient ? *gradient : NULL;
}

calr_status calr_tape_set_gradient(calr_tensor *tensor, const calr_tensor *gradient)
{
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    calr_tensor **place = gradient_of(tensor), *copy = NULL;
    if (!place && !gradient)
        return CALR_OK;
    if (!place)
        return calr_error(CALR_EINVAL, "%s was not declared with requires_grad(true)",
                          calr_tensor_describe(tensor, a));
    if (gradient) {
        if (gradient->dtype != tensor->dtype || !calr_tensor_same_shape(tensor, gradient))
            return calr_error(CALR_EINVAL, "the gradient of %s cannot be %s",
                              calr_tensor_describe(tensor, a), calr_tensor_describe(gradient, b));
        CALR_TRY(calr_tensor_clone(gradient, &copy));
    }
    calr_tensor_release(*place);
    *place = copy;
    return CALR_OK;
}

calr_status calr_tape_check_write(const char *name, const calr_tensor *tensor)
{
    char text[CALR_TENSOR_TEXT];
    const char *colon = *name ? ": " : "";
    if (paused == 0 && calr_tape_is_computed(tensor))
        return calr_error(
            CALR_EINVAL,
            "%s%s%s was computed by %s with gradients; writing into it would make them "
            "wrong. Write inside "
            "calr.no_grad, or into its detach()",
            name, colon, calr_tensor_describe(tensor, text), calr_node_title(calr_node_of(tensor)));
    if (paused == 0 && calr_tape_requires(tensor))
        return calr_error(CALR_EINVAL,
                          "%s%s%s needs a gradient, which writing into it would make wrong. Write "
                          "inside calr.no_grad, or into its detach()",
                          name, colon, calr_tensor_describe(tensor, text));
    if (calr_tensor_overlaps(tensor))
        return calr_error(CALR_EINVAL,
                          "%s%s%s is a view that shows places of memory more than once (x:expand, "
                          "x:unfold); write into its clone()",
                          name, colon, calr_tensor_describe(tensor, text));
    return CALR_OK;
}
