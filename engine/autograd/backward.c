/* The backward pass of tape.h. */
#include <stdlib.h>
#include <string.h>

#include "autograd/node.h"
#include "autograd/tape.h"
#include "backend/backend.h"
#include "base/interrupt.h"
#include "base/meter.h"

/* ---- adding gradients up ---- */

/* *sum := *sum + x, in place when nobody else sees *sum or `in_place`. Both have the same shape. */
static calr_status add_to(calr_tensor **sum, calr_tensor *x, bool in_place)
{
    const calr_backend *k;
    calr_tensor *a, *b, *to;
    CALR_TRY(calr_backend_get(&k));
    CALR_TRY(calr_tensor_contiguous(*sum, &a));
    calr_status status = calr_tensor_contiguous(x, &b);
    if (status != CALR_OK) {
        calr_tensor_release(a);
        return status;
    }
    /* `a` is *sum itself, with one more reference, or a fresh copy. */
    bool same = a == *sum;
    calr_tensor_release(*sum);
    *sum = a;
    if ((in_place && same) || calr_tensor_is_unshared(a))
        to = calr_tensor_retain(a);
    else
        status = calr_tensor_like(a, &to);
    if (status == CALR_OK) {
        k->add(a->dtype, calr_tensor_numel(a), calr_tensor_data(a), calr_tensor_data(b),
               calr_tensor_data(to));
        calr_tensor_touch(to);
        calr_tensor_release(a);
        *sum = to;
    }
    calr_tensor_release(b);
    return status;
}

/* Takes over the reference dx. A declared tensor keeps its gradient, so it gets memory of its own.
 */
static calr_status receive(calr_node *node, calr_tensor *dx)
{
    calr_status status = CALR_OK;
    if (node->gradient && node->op && node->op->takes_parts) {
        if (node->part)
            status = add_to(&node->gradient, node->part, false);
        calr_tensor_release(node->part);
        node->part = dx;
        return status;
    }
    if (node->gradient) {
        status = add_to(&node->gradient, dx, node->op == NULL);
    } else if (node->op || (calr_tensor_is_unshared(dx) && calr_tensor_is_contiguous(dx))) {
        node->gradient = dx;
        return CALR_OK;
    } else {
        status = calr_tensor_clone(dx, &node->gradient);
    }
    calr_tensor_release(dx);
    return status;
}

/* ---- the backward pass ---- */

static calr_status check_node(const calr_node *node)
{
    if (node->used)
        return calr_error(CALR_EINVAL,
                          "%s: this graph was used by an earlier backward(), which freed it; add "
                          "losses up before one "
                          "backward(), or compute the value again",
                          calr_node_title(node));
    for (int i = 0; i < node->saved_count; i++) {
        const calr_op_saved_tensor *saved = &node->saved[i];
        char text[CALR_TENSOR_TEXT];
        if (!saved->tensor || calr_tensor_version(saved->tensor) == saved->version)
            continue;
        calr_tensor_describe(saved->tensor, text);
        if (!saved->name)
            return calr_error(CALR_ESTALE,
                              "%s: saved tensor %d, %s, was changed in place before backward()",
                              calr_node_title(node), i + 1, text);
        return calr_error(
            CALR_ESTALE,
            "%s: %s, %s, was changed in place before backward(), which needs its old values",
            calr_node_title(node), saved->name, text);
    }
    return CALR_OK;
}

typedef struct node_list {
    calr_node **nodes;
    size_t count, capacity;
} node_list;

static calr_status append(node_list *list, calr_node *node)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 256;
        calr_node **grown = realloc(list->nodes, capacity * sizeof(calr_node *));
        if (!grown)
            return calr_error(CALR_ENOMEM, "no memory for a graph of %zu operations", capacity);
        list->nodes = grown;
        list->capacity = capacity;
    }
    calr_node_retain(node);
    list->nodes[list->count++] = node;
    return CALR_OK;
}

/* Every operation behind `root`: the list serves as its own queue. */
static calr_status collect(calr_node *root, node_list *list)
{
    static uint64_t last_visit; /* atomic */
    uint64_t visit = __atomic_add_fetch(&last_visit, 1, __ATOMIC_RELAXED);
    root->visit = visit;
    CALR_TRY(append(list, root));
    for (size_t i = 0; i < list->count; i++) {
        const calr_node *node = list->nodes[i];
        CALR_TRY(check_node(node));
        for (int k = 0; k < node->count; k++) {
            calr_node *from = node->from[k];
            if (!from || !from->op || from->visit == visit)
                continue;
            from->visit = visit;
            CALR_TRY(append(list, from));
        }
    }
    return CALR_OK;
}

static int later_first(const void *a, const void *b)
{
    const calr_node *x = *(calr_node *const *)a, *y = *(calr_node *const *)b;
    return x->sequence < y->sequence ? 1 : x->sequence > y->sequence ? -1 : 0;
}

static calr_status check_gradient(const calr_node *node, int i, const calr_tensor *dx)
{
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    const calr_op_shape *x = &node->shape[i];
    if (dx->dtype == x->dtype && dx->ndim == x->ndim &&
        memcmp(dx->shape, x->shape, (size_t)x->ndim * sizeof x->shape[0]) == 0)
        return CALR_OK;
    return calr_error(CALR_EINVAL, "backward returned %s as the gradient of tensor %d, which is %s",
                      calr_tensor_describe(dx, a), i + 1, calr_op_describe(x, b));
}

static calr_status run_backward(calr_node *node, calr_tensor *dy, bool *needs, calr_tensor **dx)
{
    CALR_TRY(calr_node_restore(node));
    calr_op_call call = calr_node_call(node, needs);
    calr_status status = node->op->backward(&call, dy, dx);
    for (int i = 0; i < node->count && status == CALR_OK; i++) {
        if (!dx[i] || !needs[i])
            continue;
        status = check_gradient(node, i, dx[i]);
        if (status == CALR_OK) {
            calr_tensor *given = dx[i];
            dx[i] = NULL;
            status = receive(node->from[i], given);
        }
    }
    return status;
}

/* Puts a contiguous tensor in the place of a strided one. */
static calr_status straighten(calr_tensor **tensor)
{
    calr_tensor *straight;
    CALR_TRY(calr_tensor_contiguous(*tensor, &straight));
    calr_tensor_release(*tensor);
    *tensor = straight;
    return CALR_OK;
}

/* One operation: its dy is complete, since everything computed from its output came before. */
static calr_status step(calr_node *node)
{
    CALR_TRY(check_node(node));
    node->used = true;
    calr_tensor *dy = node->gradient;
    node->gradient = NULL;
    if (!dy) /* nothing flowed here */
        return CALR_OK;
    calr_status status = CALR_OK;
    if (!node->op->strided) {
        status = straighten(&dy);
        if (status == CALR_OK && node->part)
            status = straighten(&node->part);
    }
    bool *needs = calloc((size_t)node->count, sizeof *needs);
    calr_tensor **dx = calloc((size_t)node->count, sizeof(calr_tensor *));
    if (status == CALR_OK && (!needs || !dx))
        status = calr_error(CALR_ENOMEM, "no memory for gradients");
    if (status == CALR_OK)
        status = run_backward(node, dy, needs, dx);
    for (int i = 0; dx && i < node->count; i++)
        calr_tensor_release(dx[i]);
    free(dx);
    free(needs);
    calr_tensor_release(dy);
    calr_tensor_release(node->part);
    node->part = NULL;
    if (status != CALR_OK)
        return calr_error(status, "backward of %s: %s", calr_node_title(node),
                          calr_status_message());
    return CALR_OK;
}

static calr_status walk(node_list *list, calr_tensor *one)
{
    qsort(list->nodes, list->count, sizeof list->nodes[0], later_first);
    list->nodes[0]->gradient = one; /* the root was made last */
    calr_status status = CALR_OK;
    int label = calr_meter_label();
    for (size_t i = 0; i < list->count; i++) {
        calr_node *node = list->nodes[i];
        if (status == CALR_OK) {
            calr_meter_set_label(node->label);
            status = calr_interrupt_check();
            if (status == CALR_OK)
                status = step(node);
        } else {
            node->used = true;
            calr_tensor_release(node->gradient);
            calr_tensor_release(node->part);
            node->gradient = node->part = NULL;
        }
        calr_node_clear(node);
    }
    calr_meter_set_label(label);
    return status;
}

static calr_status follow(calr_tensor *tensor, calr_tensor *gradient)
{
    char text[CALR_TENSOR_TEXT];
    if (!tensor->tape)
        return calr_error(
            CALR_EINVAL,
            "backward(): no tensor with requires_grad(true) lies behind this %s, or it was "
            "computed inside no_grad",
            calr_tensor_describe(tensor, text));
    calr_node *root = tensor->tape;
    if (!root->op)
        return receive(root, calr_tensor_retain(gradient));
    node_list list = {0};
    calr_status status = collect(root, &list);
    if (status == CALR_OK)
        status = walk(&list, calr_tensor_retain(gradient));
    for (size_t i = 0; i < list.count; i++)
        calr_node_release(list.nodes[i]);
    free(list.nodes);
    return status;
}

calr_status calr_tape_backward_from(calr_tensor *tensor, calr_tensor *gradient)
{
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    if (gradient->dtype != tensor->dtype || !calr_tensor_same_shape(gradient, tensor))
        return calr_error(CALR_EINVAL, "backward(): the gradient of %s cannot be %s",
                          calr_tensor_describe(tensor, a), calr_tensor_describe(gradient, b));
    return follow(tensor, gradient);
}

calr_status calr_tape_backward(calr_tensor *loss)
{
    char text[CALR_TENSOR_TEXT];
    if (calr_tensor_numel(loss) != 1)
        return calr_error(
            CALR_EINVAL,
            "backward() starts from a single number, not from %s; take its mean or sum first",
            calr_tensor_describe(loss, text));
    calr_tensor *one;
    CALR_TRY(calr_tensor_new(loss->dtype, loss->ndim, loss->shape, &one));
    calr_status status = calr_tensor_fill(one, 1);
    if (status == CALR_OK)
        status = follow(loss, one);
    calr_tensor_release(one);
    return status;
}
