#include "autograd/hook.h"

#include <stdlib.h>

#include "autograd/node.h"
#include "autograd/pass.h"
#include "autograd/tape.h"

struct calr_hook {
    int refs; /* the node's, the handle's, and a pass's while it runs */
    bool removed;
    calr_hook_function function;
    calr_hook *next;
};

static void give_back(const calr_hook_function *function)
{
    if (function->release)
        function->release(function->context);
}

calr_status calr_hook_add(calr_tensor *tensor, const calr_hook_function *function, calr_hook **out)
{
    char text[CALR_TENSOR_TEXT];
    calr_node *node = calr_node_of(tensor);
    calr_status status = CALR_OK;
    calr_hook *hook = NULL;
    if (!node)
        status = calr_error(
            CALR_EINVAL,
            "%s needs no gradient: no hook would ever be called. Declare it with "
            "requires_grad(true), or compute it from a declared tensor outside of no_grad",
            calr_tensor_describe(tensor, text));
    else if (node->used)
        status =
            calr_error(CALR_EINVAL,
                       "%s was computed by %s in a graph that an earlier backward() freed: no hook "
                       "would be called any more",
                       calr_tensor_describe(tensor, text), calr_node_title(node));
    else if (!(hook = calloc(1, sizeof *hook)))
        status = calr_error(CALR_ENOMEM, "no memory for a hook");
    if (status != CALR_OK) {
        give_back(function);
        return status;
    }
    hook->refs = 2;
    hook->function = *function;
    calr_hook **last = &node->hooks;
    while (*last)
        last = &(*last)->next;
    *last = hook;
    *out = hook;
    return CALR_OK;
}

void calr_hook_remove(calr_hook *hook)
{
    if (hook->removed)
        return;
    hook->removed = true;
    give_back(&hook->function);
}

void calr_hook_release(calr_hook *hook)
{
    if (hook && --hook->refs == 0)
        free(hook);
}

void calr_hooks_clear(calr_hook **list)
{
    while (*list) {
        calr_hook *hook = *list;
        *list = hook->next;
        calr_hook_remove(hook);
        calr_hook_release(hook);
    }
}

/* Drops the removed ones; returns how many are left. */
static int prune(calr_hook **list)
{
    int count = 0;
    while (*list) {
        calr_hook *hook = *list;
        if (!hook->removed) {
            count++;
            list = &hook->next;
            continue;
        }
        *list = hook->next;
        calr_hook_release(hook);
    }
    return count;
}

static calr_status check(const calr_node *node, const calr_tensor *given)
{
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    bool fits = given->dtype == node->out.dtype && given->ndim == node->out.ndim;
    for (int i = 0; fits && i < given->ndim; i++)
        fits = given->shape[i] == node->out.shape[i];
    if (fits)
        return CALR_OK;
    return calr_error(CALR_EINVAL, "it returned %s in place of a gradient that is %s",
                      calr_tensor_describe(given, a), calr_op_describe(&node->out, b));
}

static calr_status run_one(const calr_node *node, calr_hook *hook, calr_tensor **gradient)
{
    calr_tensor *replacement = NULL;
    CALR_TRY(calr_gradient_own(gradient));
    int depth = calr_tape_paused();
    calr_tape_pause();
    calr_status status = hook->function.call(hook->function.context, *gradient, &replacement);
    calr_tape_restore(depth);
    if (status == CALR_OK && replacement)
        status = check(node, replacement);
    if (status == CALR_OK && replacement && replacement != *gradient) {
        calr_tensor_release(*gradient);
        *gradient = replacement;
        return CALR_OK;
    }
    calr_tensor_release(replacement);
    return status;
}

/* The hooks may remove each other, add more, which wait for the next pass, or drop the tensor. */
calr_status calr_hooks_run(calr_node *node, calr_tensor **gradient)
{
    char text[CALR_TENSOR_TEXT];
    calr_status status = CALR_OK;
    int count = prune(&node->hooks);
    if (count == 0)
        return CALR_OK;
    calr_hook **hooks = malloc((size_t)count * sizeof(calr_hook *));
    if (!hooks)
        return calr_error(CALR_ENOMEM, "no memory for %d hooks", count);
    calr_hook *next = node->hooks;
    for (int i = 0; i < count; i++, next = next->next) {
        hooks[i] = next;
        next->refs++;
    }
    for (int i = 0; i < count; i++) {
        if (status == CALR_OK && !hooks[i]->removed)
            status = run_one(node, hooks[i], gradient);
        calr_hook_release(hooks[i]);
    }
    free(hooks);
    if (status != CALR_OK)
        return calr_error(status, "a hook on the gradient of %s (%s): %s",
                          calr_op_describe(&node->out, text),
                          node->op ? calr_node_title(node) : "declared", calr_status_message());
    return CALR_OK;
}
