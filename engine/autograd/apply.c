#include "autograd/apply.h"

#include <stdlib.h>
#include <string.h>

#include "autograd/anomaly.h"
#include "autograd/node.h"
#include "autograd/pass.h"
#include "autograd/tape.h"
#include "tensor/profile.h"

#define FEW 8 /* inputs that need no heap */

static size_t keep_below = CALR_OP_KEEP_BELOW;

size_t calr_op_keep_below(void)
{
    return keep_below;
}

void calr_op_set_keep_below(size_t bytes)
{
    keep_below = bytes;
}

int calr_op_recipe_depth(const calr_tensor *tensor)
{
    const calr_node *node = tensor->tape;
    return node && node->out_version == calr_tensor_version(tensor) ? node->recipe_depth : 0;
}

/* Only an input's node is sure to come later in the backward pass. */
static bool is_recipe(const calr_op_call *call, const calr_tensor *tensor)
{
    if (!tensor || calr_op_recipe_depth(tensor) == 0)
        return false;
    for (int i = 0; i < call->count; i++)
        if (call->in[i] == tensor)
            return true;
    return false;
}

/* The list grows at 0, 4, 8, 16 ... entries. NULL without memory. */
static calr_op_saved_tensor *room_for_one_more(calr_op_saved_tensor *list, int count)
{
    enum { FIRST = 4 };
    bool full = count == 0 || (count >= FIRST && (count & (count - 1)) == 0);
    size_t capacity = count == 0 ? FIRST : 2 * (size_t)count;
    return full ? realloc(list, capacity * sizeof *list) : list;
}

calr_status calr_op_save(calr_op_call *call, const char *name, calr_tensor *tensor)
{
    if (!call->recording)
        return CALR_OK;
    calr_op_saved_tensor *grown = room_for_one_more(call->saved, call->saved_count);
    if (!grown)
        return calr_error(CALR_ENOMEM, "no memory for the tape");
    call->saved = grown;
    calr_op_saved_tensor *entry = &grown[call->saved_count];
    *entry = (calr_op_saved_tensor){.name = name};
    if (is_recipe(call, tensor)) {
        entry->recipe = calr_node_of(tensor);
        calr_node_retain(entry->recipe);
    } else if (tensor) {
        CALR_TRY(calr_tensor_alias(tensor, &entry->tensor));
        entry->version = calr_tensor_version(tensor);
    }
    call->saved_count++;
    return CALR_OK;
}

calr_tensor *calr_op_saved(const calr_op_call *call, int i)
{
    return i < call->saved_count ? call->saved[i].tensor : NULL;
}

calr_tensor *calr_op_take(calr_op_call *call, int i)
{
    calr_tensor *tensor = calr_op_saved(call, i);
    if (call->keep || !tensor || !calr_tensor_is_unshared(tensor) ||
        !calr_tensor_is_contiguous(tensor))
        return NULL;
    call->saved[i].tensor = NULL;
    return tensor;
}

calr_tensor *calr_op_gradient_so_far(const calr_op_call *call, int i)
{
    return call->needs[i] ? calr_pass_sum(call->node->from[i]) : NULL;
}

calr_status calr_op_output(const calr_op_call *call, calr_tensor **y)
{
    return calr_node_output(call->node, y);
}

calr_status calr_op_gradient(const calr_op_call *call, int i, calr_tensor **dx)
{
    if (!call->needs[i])
        return CALR_OK;
    return calr_tensor_new(call->shape[i].dtype, call->shape[i].ndim, call->shape[i].shape, &dx[i]);
}

static void release_saved(calr_op_call *call)
{
    for (int i = 0; i < call->saved_count; i++) {
        calr_tensor_release(call->saved[i].tensor);
        calr_node_release(call->saved[i].recipe);
    }
    free(call->saved);
}

/* The working memory of one call. */
typedef struct frame {
    calr_tensor **in;
    calr_op_shape *shape;
    bool *needs;
    calr_tensor *few_in[FEW];
    calr_op_shape few_shape[FEW];
    bool few_needs[FEW];
} frame;

static calr_status frame_open(frame *f, int count)
{
    f->in = f->few_in;
    f->shape = f->few_shape;
    f->needs = f->few_needs;
    if (count > FEW) {
        f->in = malloc((size_t)count * sizeof *f->in);
        f->shape = malloc((size_t)count * sizeof *f->shape);
        f->needs = malloc((size_t)count * sizeof *f->needs);
        if (!f->in || !f->shape || !f->needs) {
            free(f->in);
            free(f->shape);
            free(f->needs);
            return calr_error(CALR_ENOMEM, "no memory for %d inputs", count);
        }
    }
    for (int i = 0; i < count; i++)
        f->in[i] = NULL;
    return CALR_OK;
}

static void frame_close(frame *f, int count)
{
    for (int i = 0; i < count; i++)
        calr_tensor_release(f->in[i]);
    if (f->in != f->few_in) {
        free(f->in);
        free(f->shape);
        free(f->needs);
    }
}

static calr_status take_inputs(const calr_op *op, frame *f, calr_tensor *const *inputs,
                               calr_op_call *call)
{
    bool recording = calr_tape_is_recording() && op->backward;
    for (int i = 0; i < call->count; i++) {
        const calr_tensor *x = inputs[i];
        f->needs[i] = recording && x && x->tape;
        call->recording = call->recording || f->needs[i];
        if (!x) {
            f->shape[i] = (calr_op_shape){.ndim = -1};
            continue;
        }
        f->shape[i] = (calr_op_shape){.dtype = x->dtype, .ndim = x->ndim};
        memcpy(f->shape[i].shape, x->shape, sizeof x->shape);
        if (op->strided)
            f->in[i] = calr_tensor_retain(inputs[i]);
        else
            CALR_TRY(calr_tensor_contiguous(x, &f->in[i]));
    }
    return CALR_OK;
}

/* Turns a finished call into a node that `y` carries. What the call saved goes over to it. */
static calr_status record(const calr_op *op, calr_op_call *call, calr_tensor *const *inputs,
                          calr_tensor *y)
{
    calr_node *node;
    CALR_TRY(calr_node_new(call->count, &node));
    if (op->attribute_bytes) {
        node->attributes = malloc(op->attribute_bytes);
        if (!node->attributes) {
            calr_node_release(node);
            return calr_error(CALR_ENOMEM, "no memory for the tape");
        }
        memcpy(node->attributes, call->attributes, op->attribute_bytes);
    }
    node->op = op;
    if (op->static_title)
        node->title = op->title(call->attributes);
    node->place = calr_anomaly_place();
    node->saved = call->saved;
    node->saved_count = call->saved_count;
    call->saved = NULL;
    call->saved_count = 0;
    node->out = (calr_op_shape){.dtype = y->dtype, .ndim = y->ndim};
    memcpy(node->out.shape, y->shape, sizeof y->shape);
    node->out_version = calr_tensor_version(y);
    node->recipe_depth = call->recipe_depth;
    for (int i = 0; i < call->count; i++) {
        node->shape[i] = call->shape[i];
        if (!call->needs[i])
            continue;
        node->from[i] = calr_node_of(inputs[i]);
        calr_node_retain(node->from[i]);
    }
    calr_node_attach(node, y);
    return CALR_OK;
}

static calr_status run(const calr_op *op, calr_op_call *call, calr_tensor *const *inputs,
                       bool *recorded, calr_tensor **out)
{
    calr_tensor *y = NULL;
    if (op->check)
        CALR_TRY(op->check(call));
    if (!op->makes_output)
        CALR_TRY(calr_tensor_new(call->out.dtype, call->out.ndim, call->out.shape, &y));
    calr_status status = op->forward(call, &y);
    if (status == CALR_OK &&
        (y->tape || y->refs > 1)) { /* somebody else's: the output needs a tape of its own */
        calr_tensor *alias;
        status = calr_tensor_alias(y, &alias);
        if (status == CALR_OK) {
            calr_tensor_release(y);
            y = alias;
        }
    }
    if (status == CALR_OK && calr_anomaly_mode() != CALR_ANOMALY_OFF)
        status = calr_anomaly_check_forward(call, y);
    if (status == CALR_OK && call->recording) {
        status = record(op, call, inputs, y);
        *recorded = status == CALR_OK;
    }
    if (status != CALR_OK) {
        calr_tensor_release(y);
        return status;
    }
    *out = y;
    return CALR_OK;
}

static void begin_span(const calr_op *op, const void *attributes, const void *address)
{
    const char *title = op->static_title ? op->title(attributes) : NULL;
    calr_profile_begin(CALR_PROFILE_FORWARD, title ? (const void *)title : op, "",
                       title ? title : op->name, calr_profile_current_line(), address);
}

calr_status calr_op_apply(const calr_op *op, calr_tensor *const *inputs, int count,
                          const void *attributes, calr_tensor **out)
{
    frame f;
    bool recorded = false;
    calr_op_call call = {.attributes = attributes, .count = count};
    calr_status status = frame_open(&f, count);
    if (status == CALR_OK) {
        call.in = f.in;
        call.shape = f.shape;
        call.needs = f.needs;
        if (calr_profile_on)
            begin_span(op, attributes, __builtin_frame_address(0));
        status = take_inputs(op, &f, inputs, &call);
        if (status == CALR_OK)
            status = run(op, &call, inputs, &recorded, out);
        release_saved(&call);
        frame_close(&f, count);
        if (calr_profile_on)
            calr_profile_end(__builtin_frame_address(0));
    }
    if (status != CALR_OK)
        calr_error(status, "%s: %s", op->title ? op->title(attributes) : op->name,
                   calr_status_message());
    if (!recorded && op->release)
        op->release((void *)attributes);
    return status;
}
