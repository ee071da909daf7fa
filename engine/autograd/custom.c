#include "autograd/custom.h"

#include "autograd/apply.h"
#include "autograd/tape.h"

static calr_status check(calr_op_call *call)
{
    (void)call;
    return CALR_OK;
}

static calr_status forward(calr_op_call *call, calr_tensor **y)
{
    const calr_custom_op *op = call->attributes;
    char text[CALR_TENSOR_TEXT];
    int depth = calr_tape_paused();
    calr_tape_pause();
    calr_status status = op->forward(op->context, call, y);
    calr_tape_restore(depth);
    CALR_TRY(status);
    if (call->recording && !calr_dtype_has_gradients((*y)->dtype))
        return calr_error(CALR_EINVAL,
                          "forward must return f32 or bf16 where a gradient is wanted, not %s",
                          calr_tensor_describe(*y, text));
    return CALR_OK;
}

static calr_status backward(calr_op_call *call, calr_tensor *dy, calr_tensor **dx)
{
    const calr_custom_op *op = call->attributes;
    int depth = calr_tape_paused();
    calr_tape_pause();
    calr_status status = op->backward(op->context, call, dy, dx);
    calr_tape_restore(depth);
    return status;
}

static const char *title(const void *attributes)
{
    return ((const calr_custom_op *)attributes)->name;
}

static void release(void *attributes)
{
    calr_custom_op *op = attributes;
    if (op->release)
        op->release(op->context);
}

#define CUSTOM                                                                                     \
    .name = "a script's operation", .attribute_bytes = sizeof(calr_custom_op), .strided = true,    \
    .makes_output = true, .check = check, .forward = forward, .backward = backward,                \
    .title = title, .release = release

static const calr_op op_custom = {CUSTOM};
static const calr_op op_reaching = {CUSTOM, .reaches = true};

calr_status calr_custom_apply(const calr_custom_op *op, calr_tensor *const *inputs, int count,
                              calr_tensor **out)
{
    return calr_op_apply(op->reaches ? &op_reaching : &op_custom, inputs, count, op, out);
}
