/* Where gradients add up. */
#include <stdlib.h>

#include "autograd/hook.h"
#include "autograd/pass.h"
#include "backend/backend.h"
#include "tensor/storage.h"

calr_status calr_gradient_straighten(calr_tensor **tensor)
{
    calr_tensor *straight;
    CALR_TRY(calr_tensor_contiguous(*tensor, &straight));
    calr_tensor_release(*tensor);
    *tensor = straight;
    return CALR_OK;
}

/* A piece of a larger block would keep all of the block alive. */
static bool fills_its_memory(const calr_tensor *tensor)
{
    return tensor->storage->bytes <= calr_tensor_bytes(tensor);
}

calr_status calr_gradient_own(calr_tensor **tensor)
{
    calr_tensor *own;
    if (calr_tensor_is_unshared(*tensor) && calr_tensor_is_contiguous(*tensor) &&
        fills_its_memory(*tensor))
        return CALR_OK;
    CALR_TRY(calr_tensor_clone(*tensor, &own));
    calr_tensor_release(*tensor);
    *tensor = own;
    return CALR_OK;
}

calr_status calr_gradient_add(calr_tensor **sum, calr_tensor *x, bool in_place)
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
        calr_pairing pairing = calr_pairing_of(calr_tensor_numel(a));
        status = k->binary(CALR_ADD, a->dtype, &pairing, calr_tensor_data(a), calr_tensor_data(b),
                           calr_tensor_data(to));
        calr_tensor_touch(to);
        calr_tensor_release(a);
        *sum = to;
    }
    calr_tensor_release(b);
    return status;
}

/* Takes over the reference dx. The gradient that a script sees has memory of its own, and stays where it
 * is. */
static calr_status add_to_declared(calr_node *node, calr_tensor *dx)
{
    calr_status status;
    if (node->gradient) {
        status = calr_gradient_add(&node->gradient, dx, true);
        calr_tensor_release(dx);
        return status;
    }
    status = calr_gradient_own(&dx);
    if (status == CALR_OK)
        node->gradient = dx;
    else
        calr_tensor_release(dx);
    return status;
}

/* A pass that returns gradients leaves all other declared tensors alone, except those that an operation
 * declared for itself on the way. */
static bool takes(const calr_pass *root, const calr_node *node)
{
    return !calr_pass_chooses(root) || node->wanted == root->id || node->sequence > root->since;
}

/* Takes over the reference dx. */
static calr_status add_up(calr_tensor **sum, calr_tensor *dx)
{
    if (!*sum) {
        *sum = dx;
        return CALR_OK;
    }
    calr_status status = calr_gradient_add(sum, dx, false);
    calr_tensor_release(dx);
    return status;
}

calr_status calr_pass_receive(const calr_pass *pass, calr_node *node, calr_tensor *dx)
{
    if (!node->op) {
        if (takes(pass->root, node))
            return node->apart ? add_up(&node->part, dx) : add_to_declared(node, dx);
        calr_tensor_release(dx);
        return CALR_OK;
    }
    if (!node->gradient || !node->op->takes_parts)
        return add_up(&node->gradient, dx);
    calr_status status = CALR_OK;
    if (node->part)
        status = calr_gradient_add(&node->gradient, node->part, false);
    calr_tensor_release(node->part);
    node->part = dx;
    return status;
}

calr_tensor *calr_pass_sum(const calr_node *node)
{
    calr_tensor *sum = node->op ? node->gradient : NULL;
    return sum && calr_tensor_is_unshared(sum) && calr_tensor_is_contiguous(sum) ? sum : NULL;
}

/* ---- gradients collected apart ---- */

calr_status calr_pass_open_leaf(calr_pass *pass, calr_node *node)
{
    calr_pass *root = pass->root;
    if (node->apart == root->id)
        return CALR_OK;
    if (root->leaf_count == root->leaf_capacity) {
        size_t capacity = root->leaf_capacity ? 2 * root->leaf_capacity : 16;
        calr_pass_leaf *grown = realloc(root->leaves, capacity * sizeof *grown);
        if (!grown)
            return calr_error(CALR_ENOMEM, "no memory for %zu gradients", capacity);
        root->leaves = grown;
        root->leaf_capacity = capacity;
    }
    calr_node_retain(node);
    root->leaves[root->leaf_count++] =
        (calr_pass_leaf){node, node->part, node->apart, node->wanted};
    node->part = NULL;
    node->apart = root->id;
    return CALR_OK;
}

/* `gradient` is NULL when nothing arrived. Takes it over. */
static calr_status deliver_leaf(calr_pass *pass, calr_node *node, bool wanted,
                                calr_tensor *gradient)
{
    if (!gradient)
        return CALR_OK;
    calr_status status = calr_hooks_run(node, &gradient);
    if (status == CALR_OK && !wanted)
        return add_to_declared(node, gradient);
    if (status == CALR_OK)
        calr_pass_capture(pass, node, gradient);
    calr_tensor_release(gradient);
    return status;
}

calr_status calr_pass_close_leaves(calr_pass *pass, bool deliver)
{
    calr_status status = CALR_OK;
    for (size_t i = 0; i < pass->leaf_count; i++) {
        calr_pass_leaf *leaf = &pass->leaves[i];
        calr_node *node = leaf->node;
        calr_tensor *gradient = node->part;
        bool wanted = calr_pass_chooses(pass) && node->wanted == pass->id;
        node->part = leaf->part;
        node->apart = leaf->apart;
        node->wanted = leaf->wanted;
        if (deliver && status == CALR_OK)
            status = deliver_leaf(pass, node, wanted, gradient);
        else
            calr_tensor_release(gradient);
        calr_node_release(node);
    }
    free(pass->leaves);
    pass->leaves = NULL;
    pass->leaf_count = pass->leaf_capacity = 0;
    return status;
}

void calr_pass_capture(calr_pass *pass, const calr_node *node, calr_tensor *gradient)
{
    for (int i = 0; i < pass->target_count; i++)
        if (pass->targets[i] == node && !pass->found[i])
            pass->found[i] = calr_tensor_retain(gradient);
}
