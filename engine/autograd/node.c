#include "autograd/node.h"

#include <stdlib.h>

#include "base/meter.h"

static uint64_t last_sequence; /* atomic */

uint64_t calr_node_youngest(void)
{
    return __atomic_load_n(&last_sequence, __ATOMIC_RELAXED);
}

/* The lists of inputs lie behind the node, in the same block. */
calr_status calr_node_new(int count, calr_node **out)
{
    calr_node *node =
        calloc(1, sizeof *node + (size_t)count * (sizeof *node->from + sizeof *node->shape));
    if (!node)
        return calr_error(CALR_ENOMEM, "no memory for the tape");
    node->from = (calr_node **)(node + 1);
    node->shape = (calr_op_shape *)(node->from + count);
    node->refs = 1;
    node->count = count;
    node->label = calr_meter_label();
    node->sequence = __atomic_add_fetch(&last_sequence, 1, __ATOMIC_RELAXED);
    *out = node;
    return CALR_OK;
}

void calr_node_retain(calr_node *node)
{
    __atomic_add_fetch(&node->refs, 1, __ATOMIC_RELAXED);
}

static bool last_reference(calr_node *node)
{
    return node && __atomic_sub_fetch(&node->refs, 1, __ATOMIC_ACQ_REL) == 0;
}

/* Drops a reference to a node; if it was the last, the node joins the list. */
static calr_node *drop(calr_node *node, calr_node *list)
{
    if (!last_reference(node))
        return list;
    node->next = list;
    return node;
}

/* Saved tensors are aliases without a tape, so releasing them never comes back here; recipes may be
 * the last reference to a node. */
static calr_node *clear_own(calr_node *node, calr_node *list)
{
    for (int i = 0; i < node->saved_count; i++) {
        calr_tensor_release(node->saved[i].tensor);
        list = drop(node->saved[i].recipe, list);
    }
    calr_tensor_release(node->output);
    node->output = NULL;
    free(node->saved);
    node->saved = NULL;
    node->saved_count = 0;
    if (node->op && node->op->release && node->attributes)
        node->op->release(node->attributes);
    free(node->attributes);
    node->attributes = NULL;
    calr_hooks_clear(&node->hooks);
    free(node->place);
    node->place = NULL;
    return list;
}

/* Drops the edges; nodes that nobody else holds join the list. */
static calr_node *unlink_inputs(calr_node *node, calr_node *list)
{
    for (int i = 0; i < node->count; i++) {
        list = drop(node->from[i], list);
        node->from[i] = NULL;
    }
    return list;
}

static void free_list(calr_node *list)
{
    while (list) {
        calr_node *node = list;
        list = unlink_inputs(node, node->next);
        list = clear_own(node, list);
        calr_tensor_release(node->gradient);
        calr_tensor_release(node->part);
        calr_tensor_release(node->kept);
        free(node);
    }
}

void calr_node_release(void *pointer)
{
    calr_node *node = pointer;
    if (!last_reference(node))
        return;
    node->next = NULL;
    free_list(node);
}

void calr_node_clear(calr_node *node)
{
    free_list(clear_own(node, unlink_inputs(node, NULL)));
}

void calr_node_reset(calr_node *node)
{
    for (int i = 0; i < node->saved_count; i++) {
        calr_op_saved_tensor *saved = &node->saved[i];
        if (!saved->recipe)
            continue;
        calr_tensor_release(saved->tensor);
        saved->tensor = NULL;
    }
    calr_tensor_release(node->output);
    node->output = NULL;
}

calr_op_call calr_node_call(calr_node *node, bool *needs)
{
    for (int i = 0; i < node->count; i++)
        needs[i] = node->from[i] != NULL;
    return (calr_op_call){.attributes = node->attributes,
                          .count = node->count,
                          .shape = node->shape,
                          .needs = needs,
                          .out = node->out,
                          .saved = node->saved,
                          .saved_count = node->saved_count,
                          .dy2 = node->part,
                          .node = node};
}

/* Recipes of recipes are as deep as calr_op_call.recipe_depth allows: a few. */
calr_status calr_node_restore(calr_node *node)
{
    for (int i = 0; i < node->saved_count; i++) {
        calr_op_saved_tensor *saved = &node->saved[i];
        calr_tensor *made;
        if (saved->tensor || !saved->recipe)
            continue;
        CALR_TRY(calr_node_output(saved->recipe, &made));
        saved->tensor = calr_tensor_retain(made);
        saved->version = calr_tensor_version(made);
    }
    return CALR_OK;
}

calr_status calr_node_output(calr_node *node, calr_tensor **out)
{
    if (!node->output) {
        calr_tensor *y;
        bool *needs = calloc((size_t)node->count, sizeof *needs);
        if (!needs)
            return calr_error(CALR_ENOMEM, "no memory for the tape");
        calr_status status = calr_node_restore(node);
        if (status == CALR_OK)
            status = calr_tensor_new(node->out.dtype, node->out.ndim, node->out.shape, &y);
        if (status == CALR_OK) {
            calr_op_call call = calr_node_call(node, needs);
            status = node->op->recompute(&call, y);
            if (status == CALR_OK)
                node->output = y;
            else
                calr_tensor_release(y);
        }
        free(needs);
        CALR_TRY(status);
    }
    *out = node->output;
    return CALR_OK;
}

void calr_node_attach(calr_node *node, calr_tensor *tensor)
{
    tensor->tape = node;
    tensor->tape_free = calr_node_release;
}

const char *calr_node_title(const calr_node *node)
{
    if (node->title)
        return node->title;
    if (node->op->title && node->attributes)
        return node->op->title(node->attributes);
    return node->op->name;
}
