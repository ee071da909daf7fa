/* calr_tape_grad: gradients that are returned, not added up in declared tensors. */
#include <stdio.h>
#include <stdlib.h>

#include "autograd/pass.h"
#include "autograd/tape.h"

#define NAME 16

/* As a script names it: x, or x[2] of several. */
static const char *target_name(int i, int count, char text[NAME])
{
    if (count == 1)
        snprintf(text, NAME, "x");
    else
        snprintf(text, NAME, "x[%d]", i + 1);
    return text;
}

static calr_status unused(const calr_pass *pass, int i)
{
    char name[NAME], text[CALR_TENSOR_TEXT];
    target_name(i, pass->target_count, name);
    calr_op_describe(&pass->targets[i]->out, text);
    if (pass->meets_freed)
        return calr_error(
            CALR_EINVAL,
            "grad: y leads to %s, %s, through a graph that an earlier backward() freed, or not at "
            "all; pass retain_graph = true to the earlier one",
            name, text);
    return calr_error(
        CALR_EINVAL,
        "grad: y was not computed from %s, %s; declare tensors before you compute with them, or "
        "pass allow_unused = true to get nil",
        name, text);
}

static calr_status choose(calr_pass *pass, unsigned flags, bool *reached)
{
    for (int i = 0; i < pass->target_count; i++) {
        calr_node *node = pass->targets[i];
        reached[i] = node->visit == pass->id;
        if (!reached[i] && !pass->reaches && !(flags & CALR_ALLOW_UNUSED))
            return unused(pass, i);
        if (!node->op)
            CALR_TRY(calr_pass_open_leaf(pass, node));
        if (reached[i] || !node->op)
            node->wanted = pass->id;
    }
    calr_pass_mark(pass);
    return CALR_OK;
}

/* What was found gets memory of its own; where nothing flowed the gradient is zero. */
static calr_status finish(const calr_pass *pass, unsigned flags, const bool *reached)
{
    for (int i = 0; i < pass->target_count; i++) {
        const calr_op_shape *shape = &pass->targets[i]->out;
        if (pass->found[i])
            CALR_TRY(calr_gradient_own(&pass->found[i]));
        else if (reached[i])
            CALR_TRY(calr_tensor_zeros(shape->dtype, shape->ndim, shape->shape, &pass->found[i]));
        else if (!(flags & CALR_ALLOW_UNUSED))
            return unused(pass, i);
    }
    return CALR_OK;
}

static calr_status follow_to(calr_pass *pass, const calr_pass_start *from, unsigned flags,
                             bool *reached)
{
    calr_pass_begin(pass, flags & CALR_RETAIN_GRAPH);
    calr_status status = calr_pass_collect(pass, from);
    if (status == CALR_OK)
        status = choose(pass, flags, reached);
    if (status == CALR_OK)
        status = calr_pass_go(pass, from);
    bool ran = status == CALR_OK;
    status = calr_pass_end(pass, status);
    return ran && status == CALR_OK ? finish(pass, flags, reached) : status;
}

static calr_status check_targets(calr_tensor *const *x, int count)
{
    char name[NAME], text[CALR_TENSOR_TEXT];
    for (int i = 0; i < count; i++)
        if (!x[i]->tape)
            return calr_error(
                CALR_EINVAL,
                "grad: %s, %s, needs no gradient; declare it with requires_grad(true) before y "
                "is computed from it",
                target_name(i, count, name), calr_tensor_describe(x[i], text));
    return CALR_OK;
}

calr_status calr_tape_grad(const calr_tape_roots *y, calr_tensor *const *x, int count,
                           unsigned flags, calr_tensor **dx)
{
    for (int i = 0; i < y->count; i++)
        CALR_TRY(
            calr_pass_check_root(y->tensors[i], y->gradients ? y->gradients[i] : NULL, "grad"));
    CALR_TRY(check_targets(x, count));
    calr_status status = CALR_OK;
    calr_tensor **dy = calloc((size_t)y->count + 1, sizeof(calr_tensor *));
    calr_tensor **found = calloc((size_t)count + 1, sizeof(calr_tensor *));
    calr_node **targets = calloc((size_t)count + 1, sizeof(calr_node *));
    bool *reached = calloc((size_t)count + 1, sizeof *reached);
    if (!dy || !found || !targets || !reached)
        status = calr_error(CALR_ENOMEM, "no memory for %d gradients", count);
    for (int i = 0; i < y->count && status == CALR_OK; i++)
        status =
            calr_pass_root_gradient(y->tensors[i], y->gradients ? y->gradients[i] : NULL, &dy[i]);
    if (status == CALR_OK) {
        calr_pass pass = {.targets = targets, .found = found, .target_count = count};
        for (int i = 0; i < count; i++) {
            targets[i] = calr_node_of(x[i]);
            calr_node_retain(targets[i]);
        }
        status = follow_to(&pass, &(calr_pass_start){y->tensors, dy, y->count}, flags, reached);
        for (int i = 0; i < count; i++)
            calr_node_release(targets[i]);
    }
    for (int i = 0; i < count && found; i++) {
        if (status == CALR_OK)
            dx[i] = found[i];
        else
            calr_tensor_release(found[i]);
    }
    for (int i = 0; i < y->count && dy; i++)
        calr_tensor_release(dy[i]);
    free(dy);
    free(found);
    free(targets);
    free(reached);
    return status;
}
