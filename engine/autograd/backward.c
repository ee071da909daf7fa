/* The backward pass of tape.h. */
#include <stdlib.h>
#include <string.h>

#include "autograd/anomaly.h"
#include "autograd/pass.h"
#include "autograd/tape.h"
#include "base/interrupt.h"
#include "base/meter.h"
#include "tensor/profile.h"

/* The pass whose operation with op->reaches runs now: passes that begin meanwhile are a part of it. */
static _Thread_local calr_pass *around;

/* ---- what lies behind the roots ---- */

static calr_status append(calr_pass *pass, calr_node *node)
{
    if (pass->count == pass->capacity) {
        size_t capacity = pass->capacity ? 2 * pass->capacity : 256;
        calr_node **grown = realloc(pass->nodes, capacity * sizeof(calr_node *));
        if (!grown)
            return calr_error(CALR_ENOMEM, "no memory for a graph of %zu operations", capacity);
        pass->nodes = grown;
        pass->capacity = capacity;
    }
    calr_node_retain(node);
    pass->nodes[pass->count++] = node;
    return CALR_OK;
}

static calr_status visit(calr_pass *pass, calr_node *node)
{
    if (!node || node->visit == pass->id)
        return CALR_OK;
    if (node->busy)
        return calr_error(
            CALR_EINVAL,
            "%s: a backward pass is working on this graph right now; a hook, or the backward of "
            "an operation, can follow other graphs only",
            calr_node_title(node));
    node->visit = pass->id;
    if (node->op) {
        pass->reaches = pass->reaches || node->op->reaches;
        pass->meets_freed = pass->meets_freed || node->used;
        return append(pass, node);
    }
    if (node->hooks || node->apart)
        return calr_pass_open_leaf(pass, node);
    return CALR_OK;
}

static int later_first(const void *a, const void *b)
{
    const calr_node *x = *(calr_node *const *)a, *y = *(calr_node *const *)b;
    return x->sequence < y->sequence ? 1 : x->sequence > y->sequence ? -1 : 0;
}

/* The list serves as its own queue. */
calr_status calr_pass_collect(calr_pass *pass, const calr_pass_start *from)
{
    for (int i = 0; i < from->count; i++)
        CALR_TRY(visit(pass, from->y[i]->tape));
    for (size_t i = 0; i < pass->count; i++) {
        const calr_node *node = pass->nodes[i];
        for (int k = 0; k < node->count; k++)
            CALR_TRY(visit(pass, node->from[k]));
    }
    if (pass->count > 0)
        qsort(pass->nodes, pass->count, sizeof pass->nodes[0], later_first);
    return CALR_OK;
}

static bool wants(const calr_pass *pass, const calr_node *node)
{
    return node && (!calr_pass_chooses(pass) || node->wanted == pass->id);
}

/* Whether the operation's backward runs. */
static bool is_active(const calr_pass *pass, const calr_node *node)
{
    bool active = !calr_pass_chooses(pass) || node->op->reaches;
    for (int i = 0; i < node->count && !active; i++)
        active = wants(pass, node->from[i]);
    return active;
}

void calr_pass_mark(const calr_pass *pass)
{
    for (size_t i = pass->count; i-- > 0;) /* inputs before what was computed from them */
        if (is_active(pass, pass->nodes[i]))
            pass->nodes[i]->wanted = pass->id;
}

/* ---- what is refused before anything happens ---- */

static calr_status check_node(const calr_node *node)
{
    if (node->used)
        return calr_error(
            CALR_EINVAL,
            "%s: this graph was used by an earlier backward(), which freed it; pass "
            "retain_graph = true to the earlier one, add losses up before one backward(), or "
            "compute the value again",
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

static calr_status check_graph(const calr_pass *pass)
{
    for (size_t i = 0; i < pass->count; i++) {
        const calr_node *node = pass->nodes[i];
        if (is_active(pass, node))
            CALR_TRY(check_node(node));
    }
    return CALR_OK;
}

/* ---- one operation ---- */

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

static calr_status call_backward(calr_pass *pass, calr_node *node, calr_tensor *dy, bool *needs,
                                 calr_tensor **dx)
{
    CALR_TRY(calr_node_restore(node));
    calr_op_call call = calr_node_call(node, needs);
    for (int i = 0; i < node->count; i++)
        needs[i] = wants(pass, node->from[i]);
    call.keep = pass->keep;
    calr_pass *outer = around;
    around = node->op->reaches ? pass->root : NULL;
    calr_status status = node->op->backward(&call, dy, dx);
    around = outer;
    return status;
}

/* dy is given up before its views go on: where nobody else holds it, a declared tensor takes the view, memory and all,
 * and nothing is copied. */
static calr_status run_backward(calr_pass *pass, calr_node *node, calr_tensor **dy, bool *needs,
                                calr_tensor **dx)
{
    CALR_TRY(calr_anomaly_check_arriving(node, *dy));
    CALR_TRY(call_backward(pass, node, *dy, needs, dx));
    calr_tensor_release(*dy);
    *dy = NULL;
    for (int i = 0; i < node->count; i++) {
        if (!needs[i])
            continue;
        if (dx[i])
            CALR_TRY(check_gradient(node, i, dx[i]));
        CALR_TRY(calr_anomaly_check_backward(node, i, dx[i]));
        calr_tensor *given = dx[i];
        dx[i] = NULL;
        if (given)
            CALR_TRY(calr_pass_receive(pass, node->from[i], given));
    }
    return CALR_OK;
}

/* Its dy is complete, since everything computed from its output came before. *dy is NULL when the operation is through
 * with it. */
static calr_status run_node(calr_pass *pass, calr_node *node, calr_tensor **dy)
{
    calr_status status = CALR_OK;
    if (!node->op->strided) {
        status = calr_gradient_straighten(dy);
        if (status == CALR_OK && node->part)
            status = calr_gradient_straighten(&node->part);
    }
    bool *needs = calloc((size_t)node->count, sizeof *needs);
    calr_tensor **dx = calloc((size_t)node->count, sizeof(calr_tensor *));
    if (status == CALR_OK && (!needs || !dx))
        status = calr_error(CALR_ENOMEM, "no memory for gradients");
    if (calr_profile_on)
        calr_profile_begin(
            CALR_PROFILE_BACKWARD, node->title ? (const void *)node->title : node->op, "",
            node->title ? node->title : node->op->name, node->label, __builtin_frame_address(0));
    if (status == CALR_OK)
        status = run_backward(pass, node, dy, needs, dx);
    if (calr_profile_on)
        calr_profile_end(__builtin_frame_address(0));
    for (int i = 0; dx && i < node->count; i++)
        calr_tensor_release(dx[i]);
    free(dx);
    free(needs);
    if (status != CALR_OK)
        return calr_error(status, "backward of %s: %s", calr_node_title(node),
                          calr_status_message());
    return CALR_OK;
}

static bool is_target(const calr_pass *pass, const calr_node *node)
{
    for (int i = 0; i < pass->target_count; i++)
        if (pass->targets[i] == node)
            return true;
    return false;
}

/* Lets hooks, the caller of calr_tape_grad, and the script see dy. */
static calr_status show_gradient(calr_pass *pass, calr_node *node, calr_tensor **dy)
{
    bool target = is_target(pass, node), kept = node->keeps && !calr_pass_chooses(pass);
    if (!node->hooks && !target && !kept)
        return CALR_OK;
    if (node->part)
        CALR_TRY(calr_gradient_add(dy, node->part, false));
    calr_tensor_release(node->part);
    node->part = NULL;
    if (node->hooks)
        CALR_TRY(calr_hooks_run(node, dy));
    if (target)
        calr_pass_capture(pass, node, *dy);
    if (kept)
        return node->kept ? calr_gradient_add(&node->kept, *dy, true)
                          : calr_tensor_clone(*dy, &node->kept);
    return CALR_OK;
}

static void drop_gradient(calr_node *node)
{
    calr_tensor_release(node->gradient);
    calr_tensor_release(node->part);
    node->gradient = node->part = NULL;
}

static calr_status step(calr_pass *pass, calr_node *node)
{
    bool active = is_active(pass, node);
    if (active)
        CALR_TRY(check_node(node));
    node->used = node->used || (active && !pass->keep);
    calr_tensor *dy = node->gradient;
    node->gradient = NULL;
    if (!dy) /* nothing flowed here */
        return CALR_OK;
    calr_status status = show_gradient(pass, node, &dy);
    if (status == CALR_OK && active)
        status = run_node(pass, node, &dy);
    calr_tensor_release(dy);
    drop_gradient(node);
    return status;
}

/* After a failure, that of `status` or one on the way, what is left is only given back. */
static calr_status walk(calr_pass *pass, calr_status status)
{
    int label = calr_meter_label();
    for (size_t i = 0; i < pass->count; i++) {
        calr_node *node = pass->nodes[i];
        bool freed = !pass->keep && is_active(pass, node);
        if (status == CALR_OK) {
            calr_meter_set_label(node->label);
            status = calr_interrupt_check();
            if (status == CALR_OK)
                status = step(pass, node);
        }
        if (status != CALR_OK)
            drop_gradient(node);
        node->used = node->used || freed;
        if (freed)
            calr_node_clear(node);
        else
            calr_node_reset(node);
    }
    calr_meter_set_label(label);
    return status;
}

/* ---- a pass ---- */

void calr_pass_begin(calr_pass *pass, bool keep)
{
    static uint64_t last_pass; /* atomic */
    pass->root = around && !calr_pass_chooses(pass) ? around : pass;
    pass->id = __atomic_add_fetch(&last_pass, 1, __ATOMIC_RELAXED);
    pass->since = calr_node_youngest();
    pass->keep = keep;
}

calr_status calr_pass_go(calr_pass *pass, const calr_pass_start *from)
{
    CALR_TRY(check_graph(pass));
    for (size_t i = 0; i < pass->count; i++)
        pass->nodes[i]->busy = true;
    calr_pass *outer = around;
    around = NULL;
    calr_status status = CALR_OK;
    for (int i = 0; i < from->count && status == CALR_OK; i++)
        if (wants(pass, from->y[i]->tape))
            status = calr_pass_receive(pass, from->y[i]->tape, calr_tensor_retain(from->dy[i]));
    status = walk(pass, status);
    for (size_t i = 0; i < pass->count; i++)
        pass->nodes[i]->busy = false;
    around = outer;
    return status;
}

calr_status calr_pass_end(calr_pass *pass, calr_status status)
{
    if (pass->root == pass) {
        calr_pass *outer = around;
        around = NULL; /* hooks run */
        calr_status closed = calr_pass_close_leaves(pass, status == CALR_OK);
        around = outer;
        status = status == CALR_OK ? closed : status;
    }
    for (size_t i = 0; i < pass->count; i++)
        calr_node_release(pass->nodes[i]);
    free(pass->nodes);
    return status;
}

static calr_status follow(const calr_pass_start *from, bool keep)
{
    calr_pass pass = {0};
    calr_pass_begin(&pass, keep);
    calr_status status = calr_pass_collect(&pass, from);
    if (status == CALR_OK)
        status = calr_pass_go(&pass, from);
    return calr_pass_end(&pass, status);
}

/* ---- what others call ---- */

calr_status calr_pass_check_root(const calr_tensor *y, const calr_tensor *dy, const char *caller)
{
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    if (dy && (dy->dtype != y->dtype || !calr_tensor_same_shape(dy, y)))
        return calr_error(CALR_EINVAL, "%s: the gradient of %s cannot be %s", caller,
                          calr_tensor_describe(y, a), calr_tensor_describe(dy, b));
    if (!dy && calr_tensor_numel(y) != 1)
        return calr_error(
            CALR_EINVAL,
            "%s starts from a single number, not from %s; take its mean or sum first, or pass "
            "the gradient of the tensor",
            caller, calr_tensor_describe(y, a));
    if (!y->tape)
        return calr_error(
            CALR_EINVAL,
            "%s: no tensor with requires_grad(true) lies behind this %s, or it was computed "
            "inside no_grad",
            caller, calr_tensor_describe(y, a));
    return CALR_OK;
}

calr_status calr_pass_root_gradient(const calr_tensor *y, calr_tensor *dy, calr_tensor **out)
{
    if (dy) {
        *out = calr_tensor_retain(dy);
        return CALR_OK;
    }
    CALR_TRY(calr_tensor_new(y->dtype, y->ndim, y->shape, out));
    return calr_tensor_fill(*out, 1);
}

calr_status calr_tape_backward_from(calr_tensor *tensor, calr_tensor *gradient, unsigned flags)
{
    calr_tensor *dy = NULL;
    CALR_TRY(calr_pass_check_root(tensor, gradient, "backward()"));
    calr_status status = calr_pass_root_gradient(tensor, gradient, &dy);
    if (status == CALR_OK)
        status = follow(&(calr_pass_start){&tensor, &dy, 1}, flags & CALR_RETAIN_GRAPH);
    calr_tensor_release(dy);
    return status;
}

calr_status calr_tape_backward(calr_tensor *loss)
{
    return calr_tape_backward_from(loss, NULL, 0);
}
