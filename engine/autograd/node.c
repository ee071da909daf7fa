#include "autograd/node.h"

#include <stdlib.h>

#include "base/meter.h"

static uint64_t last_sequence; /* atomic */

calr_status calr_node_new(int count, calr_node **out)
{
    calr_node *node = calloc(1, sizeof *node);
    if (node && count > 0) {
        node->from = calloc((size_t)count, sizeof(calr_node *));
        node->shape = calloc((size_t)count, sizeof *node->shape);
    }
    if (!node || (count > 0 && (!node->from || !node->shape))) {
        if (node) {
            free(node->from);
            free(node->shape);
        }
        free(node);
        return calr_error(CALR_ENOMEM, "no memory for the tape");
    }
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

/* Saved tensors are aliases without a tape, so releasing them never comes back here. */
static void clear_own(calr_node *node)
{
    for (int i = 0; i < node->saved_count; i++)
        calr_tensor_release(node->saved[i].tensor);
    free(node->saved);
    node->saved = NULL;
    node->saved_count = 0;
    if (node->op && node->op->release && node->attributes)
        node->op->release(node->attributes);
    free(node->attributes);
    node->attributes = NULL;
}

/* Drops the edges; nodes that nobody else holds join the list. */
static calr_node *unlink_inputs(calr_node *node, calr_node *list)
{
    for (int i = 0; i < node->count; i++) {
        calr_node *from = node->from[i];
        node->from[i] = NULL;
        if (last_reference(from)) {
            from->next = list;
            list = from;
        }
    }
    return list;
}

static void free_list(calr_node *list)
{
    while (list) {
        calr_node *node = list;
        list = unlink_inputs(node, node->next);
        clear_own(node);
        calr_tensor_release(node->gradient);
        free(node->from);
        free(node->shape);
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
    clear_own(node);
    free_list(unlink_inputs(node, NULL));
}

void calr_node_attach(calr_node *node, calr_tensor *tensor)
{
    tensor->tape = node;
    tensor->tape_free = calr_node_release;
}

const char *calr_node_title(const calr_node *node)
{
    if (node->op->title && node->attributes)
        return node->op->title(node->attributes);
    return node->op->name;
}
