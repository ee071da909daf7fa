/* calr.frozen: convolutions with weights that do not change. */
#include "binding/bind.h"
#include "binding/methods.h"
#include "binding/modules.h"

#include "autograd/tape.h"
#include "backend/frozen_block.h"

/// @module calr.frozen
/// Convolutions for inference. The weights are copied once, in the kernels' order;
/// bias, residual and activation are added while a result is still in registers. There are no gradients.
/// layer:folded() uses it to build the inference form of a whole network.

#define FROZEN "calr.frozen.conv"
#define BLOCK  "calr.frozen.block"

static calr_frozen_conv **check_slot(lua_State *L, int arg)
{
    return luaL_checkudata(L, arg, FROZEN);
}

static calr_frozen_conv *check_frozen(lua_State *L, int arg)
{
    calr_frozen_conv *frozen = *check_slot(L, arg);
    luaL_argcheck(L, frozen, arg, "this convolution was closed");
    return calr_lua_hold(L, frozen);
}

static void release_frozen(void *frozen)
{
    calr_frozen_conv_release(frozen);
}

/// frozen:close()
/// Frees the weights now rather than at a collection. A second call does nothing.
static int frozen_close(lua_State *L)
{
    calr_frozen_conv **slot = check_slot(L, 1), *frozen = *slot;
    *slot = NULL;
    calr_lua_let_go(frozen, release_frozen);
    return 0;
}

/* The option's numbers, one for each output of the weights; NULL when it is absent. */
static const float *output_numbers(lua_State *L, const char *name, const calr_tensor *w)
{
    calr_tensor *t = calr_lua_option_form(L, 2, name, 0, CALR_F32, 1, "f32[out]");
    if (t && t->shape[0] != w->shape[0])
        luaL_error(L, "option \"%s\" must have one number for each of the %I outputs, not %I", name,
                   (lua_Integer)w->shape[0], (lua_Integer)t->shape[0]);
    return t ? calr_tensor_f32(t) : NULL;
}

/// calr.frozen.conv(w [, {scale=, bias=, stride=1, padding=0, dilation=1, groups=1, activation=}])
/// Makes a convolution with fixed weights, times scale. Call the result as
/// conv(x [, residual [, overwrite]]): y = activation(conv(x, w) + bias + residual). With
/// overwrite=true y may take the memory of the residual, whose values are then lost: less memory is
/// read and written.
/// @param w     f32[out x in/groups x kh x kw]
/// @param scale f32[out]: a factor for each output's weights
/// @param bias  f32[out]
/// @param stride, padding, dilation, groups  as in calr.conv2d
/// @param activation  "relu", "relu6", "silu" or "hardswish"; none by default. relu=true is the former way to ask for
///     the first
/// @return frozen  x: [n x h x w x in], f32 or bf16 -> [n x h' x w' x out] of the same type, as the
///                 residual must be
static int frozen_conv(lua_State *L)
{
    static const char *const names[] = {"scale",  "bias", "stride",     "padding", "dilation",
                                        "groups", "relu", "activation", NULL};
    calr_tensor *w = calr_lua_check_form(L, 1, CALR_F32, 4, "f32[out x in x kh x kw]");
    calr_lua_check_options(L, 2, names);
    const float *scale = output_numbers(L, "scale", w), *bias = output_numbers(L, "bias", w);
    calr_conv2d_options o = calr_lua_option_convolution(L, 2);
    calr_conv2d conv = {
        .c_out = w->shape[0],
        .c_in = w->shape[1] * o.groups,
        .groups = o.groups,
        .kh = w->shape[2],
        .kw = w->shape[3],
        .stride = {o.stride[0], o.stride[1]},
        .dilation = {o.dilation[0], o.dilation[1]},
        .padding = {o.padding[0], o.padding[1], o.padding[2], o.padding[3]},
        .same = o.same,
    };
    calr_activation activation = calr_lua_option_activation(L, 2);
    calr_frozen_conv **slot = lua_newuserdatauv(L, sizeof *slot, 0);
    *slot = NULL;
    luaL_setmetatable(L, FROZEN);
    calr_lua_call(L,
                  calr_frozen_conv_new(&conv, calr_tensor_f32(w), scale, bias, activation, slot));
    return 1;
}

/* The tensor at `arg` made contiguous; it belongs to the stack. Gradients cannot be followed through. */
static calr_tensor *check_input(lua_State *L, int arg, const char *form)
{
    calr_tensor *t = calr_lua_check_tensor(L, arg);
    if (!calr_dtype_is_real(t->dtype) || t->ndim != 4) {
        char text[CALR_TENSOR_TEXT];
        luaL_argerror(
            L, arg,
            lua_pushfstring(L, "%s is needed, not %s", form, calr_tensor_describe(t, text)));
    }
    luaL_argcheck(L, !calr_tape_is_recording() || !calr_tape_requires(t), arg,
                  "a frozen convolution has no gradient: run it inside calr.no_grad");
    if (calr_tensor_is_contiguous(t))
        return t;
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_contiguous(t, slot));
    calr_lua_account(L);
    return *slot;
}

static void check_residual(lua_State *L, const calr_tensor *residual, const calr_conv2d *conv)
{
    const int64_t *s = residual->shape;
    char text[CALR_TENSOR_TEXT];
    if (s[0] != conv->n || s[1] != conv->out_h || s[2] != conv->out_w || s[3] != conv->c_out ||
        (int64_t)residual->dtype != conv->dtype)
        luaL_argerror(L, 3,
                      lua_pushfstring(L, "the residual must be %s[%I x %I x %I x %I], not %s",
                                      calr_dtype_name((calr_dtype)conv->dtype),
                                      (lua_Integer)conv->n, (lua_Integer)conv->out_h,
                                      (lua_Integer)conv->out_w, (lua_Integer)conv->c_out,
                                      calr_tensor_describe(residual, text)));
}

/* On the stack: a result of this geometry, in the memory of `over` where that is not NULL. */
static calr_tensor **new_result(lua_State *L, const calr_conv2d *conv, calr_tensor *over)
{
    int64_t shape[4] = {conv->n, conv->out_h, conv->out_w, conv->c_out};
    calr_tensor **y = calr_lua_new_tensor(L);
    if (over) {
        calr_lua_call(L, calr_tensor_alias(over, y));
        calr_tensor_touch(*y);
    } else {
        calr_lua_call(L, calr_tensor_new((calr_dtype)conv->dtype, 4, shape, y));
    }
    return y;
}

/* frozen(x, residual, overwrite) */
static int frozen_call(lua_State *L)
{
    calr_frozen_conv *frozen = check_frozen(L, 1);
    luaL_argcheck(L, lua_gettop(L) <= 4, 5, "conv(x [, residual [, overwrite]]) takes no more");
    lua_settop(L, 4);
    calr_conv2d conv;
    calr_tensor *x = check_input(L, 2, "f32[n x h x w x in]"), *residual = NULL;
    calr_lua_call(L,
                  calr_frozen_conv_geometry(frozen, x->shape[0], x->shape[1], x->shape[2], &conv));
    conv.dtype = x->dtype;
    luaL_argcheck(L, x->shape[3] == conv.c_in, 2,
                  lua_pushfstring(L, "the convolution takes %I channels, not %I",
                                  (lua_Integer)conv.c_in, (lua_Integer)x->shape[3]));
    if (!lua_isnil(L, 3)) {
        residual = check_input(L, 3, "f32[n x h' x w' x out]");
        check_residual(L, residual, &conv);
    }
    bool over = residual && lua_toboolean(L, 4) && residual->storage != x->storage;
    calr_tensor **y = new_result(L, &conv, over ? residual : NULL);
    calr_lua_call(L, calr_frozen_conv_run(frozen, &conv, calr_tensor_data(x),
                                          residual ? calr_tensor_data(residual) : NULL,
                                          calr_tensor_data(*y)));
    calr_lua_account(L);
    return 1;
}

/// frozen:name(n, h, w [, residual])
/// Returns the implementation used for images of this size: the name of oneDNN's, or
/// "portable: im2col".
/// @param residual  whether one is added
/// @return string
static int frozen_name(lua_State *L)
{
    char text[96];
    calr_conv2d conv;
    calr_frozen_conv *frozen = check_frozen(L, 1);
    calr_lua_call(L, calr_frozen_conv_geometry(frozen, luaL_checkinteger(L, 2),
                                               luaL_checkinteger(L, 3), luaL_checkinteger(L, 4),
                                               &conv));
    calr_lua_call(L, calr_frozen_conv_name(frozen, &conv, lua_toboolean(L, 5), text, sizeof text));
    lua_pushstring(L, text);
    return 1;
}

static int frozen_tostring(lua_State *L)
{
    lua_pushstring(L, *check_slot(L, 1) ? "frozen convolution" : "closed frozen convolution");
    return 1;
}

/* ---- three in one ---- */

static calr_frozen_block **check_block_slot(lua_State *L, int arg)
{
    return luaL_checkudata(L, arg, BLOCK);
}

static calr_frozen_block *check_block(lua_State *L, int arg)
{
    calr_frozen_block *block = *check_block_slot(L, arg);
    luaL_argcheck(L, block, arg, "this block was closed");
    return calr_lua_hold(L, block);
}

static void release_block(void *block)
{
    calr_frozen_block_release(block);
}

/// block:close()
/// Frees the weights now rather than at a collection. A second call does nothing.
static int block_close(lua_State *L)
{
    calr_frozen_block **slot = check_block_slot(L, 1), *block = *slot;
    *slot = NULL;
    calr_lua_let_go(block, release_block);
    return 0;
}

/// calr.frozen.block(expand, filter, project)
/// Makes one object of three frozen convolutions that follow each other: an inverted residual, whose 1x1 convolutions
/// make maps wider and narrow again, with a depthwise one between them. Call the result as
/// block(x [, residual [, overwrite]]), with the arguments of a frozen convolution: it gives y, or nil where the three
/// one after the other are faster. The wide maps stay in the processor's cache. The three are not changed.
/// @param expand   frozen; nil: there is none
/// @param filter   frozen
/// @param project  frozen
/// @return block  nil where the three are no such block, or have widths that are no multiple of 8, other activations
///     than relu and relu6, or a processor without AVX2
static int frozen_block(lua_State *L)
{
    luaL_checkany(L, 1);
    calr_frozen_conv *expand = lua_isnil(L, 1) ? NULL : check_frozen(L, 1);
    calr_frozen_conv *filter = check_frozen(L, 2), *project = check_frozen(L, 3);
    calr_frozen_block **slot = lua_newuserdatauv(L, sizeof *slot, 0);
    *slot = NULL;
    luaL_setmetatable(L, BLOCK);
    calr_lua_call(L, calr_frozen_block_new(expand, filter, project, slot));
    if (!*slot)
        lua_pushnil(L);
    return 1;
}

/* block(x, residual, overwrite) */
static int block_call(lua_State *L)
{
    calr_frozen_block *block = check_block(L, 1);
    luaL_argcheck(L, lua_gettop(L) <= 4, 5, "block(x [, residual [, overwrite]]) takes no more");
    lua_settop(L, 4);
    calr_conv2d conv;
    calr_tensor *x = check_input(L, 2, "f32[n x h x w x in]"), *residual = NULL;
    calr_lua_call(L, calr_frozen_block_geometry(block, x->shape[0], x->shape[1], x->shape[2],
                                                x->dtype, &conv));
    luaL_argcheck(L, x->shape[3] == conv.c_in, 2,
                  lua_pushfstring(L, "the block takes %I channels, not %I", (lua_Integer)conv.c_in,
                                  (lua_Integer)x->shape[3]));
    if (!calr_frozen_block_wanted(block, &conv)) {
        lua_pushnil(L);
        return 1;
    }
    if (!lua_isnil(L, 3)) {
        residual = check_input(L, 3, "f32[n x h' x w' x out]");
        check_residual(L, residual, &conv);
    }
    bool over =
        residual && lua_toboolean(L, 4) &&
        (residual->storage != x->storage || calr_tensor_data(residual) == calr_tensor_data(x));
    calr_tensor **y = new_result(L, &conv, over ? residual : NULL);
    calr_lua_call(L, calr_frozen_block_run(block, &conv, calr_tensor_data(x),
                                           residual ? calr_tensor_data(residual) : NULL,
                                           calr_tensor_data(*y)));
    calr_lua_account(L);
    return 1;
}

static int block_tostring(lua_State *L)
{
    calr_frozen_block *block = *check_block_slot(L, 1);
    lua_pushstring(L, block ? calr_frozen_block_name(block) : "closed frozen block");
    return 1;
}

static const calr_lua_function functions[] = {
    {"conv", frozen_conv, "w [, options]"},
    {"block", frozen_block, "expand, filter, project"},
    {NULL, NULL, NULL},
};

static const calr_lua_function methods[] = {
    {"name", frozen_name, "self, n, h, w [, residual]"},
    {"close", frozen_close, "self"},
    {NULL, NULL, NULL},
};

static const calr_lua_function metamethods[] = {
    {"__call", frozen_call, NULL},
    {"__gc", frozen_close, NULL},
    {"__close", frozen_close, NULL},
    {"__tostring", frozen_tostring, NULL},
    {NULL, NULL, NULL},
};

static const calr_lua_function block_methods[] = {
    {"close", block_close, "self"},
    {NULL, NULL, NULL},
};

static const calr_lua_function block_metamethods[] = {
    {"__call", block_call, NULL},
    {"__gc", block_close, NULL},
    {"__close", block_close, NULL},
    {"__tostring", block_tostring, NULL},
    {NULL, NULL, NULL},
};

int luaopen_calr_frozen(lua_State *L)
{
    calr_lua_class(L, BLOCK, "block:", block_methods, block_metamethods);
    calr_lua_class(L, FROZEN, "frozen:", methods, metamethods);
    calr_lua_new_module(L, "calr.frozen.", functions);
    return 1;
}
