/* The vocabulary's convolutions, and the options that they share with calr.frozen. */
#include "binding/bind.h"
#include "binding/methods.h"

#include <string.h>

#include "autograd/ops.h"

/// @module calr.tensor.convolution
/// Convolutions of feature maps, which are [N x H x W x C]; weights are as in PyTorch's files.
///
/// stride and dilation are a whole number, or { down, across }. padding is a whole number, { down, across },
/// { top, bottom, left, right }, or "same": as many zeros as it takes that the result is as large as the input, divided
/// by the stride and rounded up. Of an odd number the last stands at the bottom and at the right, as TensorFlow has it.

#define MOST (1 << 20)

static int64_t whole(lua_State *L, const char *name, int64_t least)
{
    int is_whole;
    lua_Integer value = lua_tointegerx(L, -1, &is_whole);
    if (!is_whole || lua_type(L, -1) != LUA_TNUMBER || value < least || value > MOST)
        luaL_error(L, "option \"%s\" must hold whole numbers of %I .. %I, not %s", name,
                   (lua_Integer)least, (lua_Integer)MOST, luaL_tolstring(L, -1, NULL));
    return value;
}

/* A number, or a list of 2 or (most 4) of 4: out[0 .. most-1]; two of four stand for two each. */
static void option_sides(lua_State *L, int arg, const char *name, int64_t least, int most,
                         int64_t *out)
{
    int type = calr_lua_push_option(L, arg, name), table = lua_gettop(L);
    if (type == LUA_TNUMBER) {
        int64_t value = whole(L, name, least);
        for (int i = 0; i < most; i++)
            out[i] = value;
    } else if (type == LUA_TTABLE) {
        lua_Integer count = (lua_Integer)lua_rawlen(L, table);
        if (count != 2 && count != most)
            luaL_error(L, "option \"%s\" must be a whole number or %s, not a list of %I", name,
                       most == 4 ? "{down, across} or {top, bottom, left, right}"
                                 : "{down, across}",
                       count);
        for (int i = 0; i < most; i++) {
            lua_rawgeti(L, table, count == most ? i + 1 : i / 2 + 1);
            out[i] = whole(L, name, least);
            lua_pop(L, 1);
        }
    } else if (type != LUA_TNIL) {
        luaL_error(L, "option \"%s\" must be a whole number or a list, not a %s", name,
                   luaL_typename(L, table));
    }
    lua_pop(L, 1);
}

calr_conv2d_options calr_lua_option_convolution(lua_State *L, int arg)
{
    calr_conv2d_options o = {.stride = {1, 1}, .dilation = {1, 1}};
    option_sides(L, arg, "stride", 1, 2, o.stride);
    option_sides(L, arg, "dilation", 1, 2, o.dilation);
    if (calr_lua_push_option(L, arg, "padding") == LUA_TSTRING) {
        if (strcmp(lua_tostring(L, -1), "same") != 0)
            luaL_error(L,
                       "option \"padding\" must be a whole number, a list or \"same\", not \"%s\"",
                       lua_tostring(L, -1));
        o.same = 1;
    } else {
        option_sides(L, arg, "padding", 0, 4, o.padding);
    }
    lua_pop(L, 1);
    o.groups = calr_lua_option_integer(L, arg, "groups", 1, 1, MOST);
    return o;
}

/// calr.conv2d(x, w [, {stride=1, padding=0, dilation=1, groups=1, bias=}])
/// Convolution of feature maps. With groups, input and output channels are split into `groups` parts, and part i of
/// the output sees only part i of the input; groups = in = out is a depthwise convolution.
/// @param x  f32[n x h x w x in]
/// @param w  f32[out x in/groups x kh x kw], the order of torchvision's files
/// @param stride, dilation  integer|table; {down, across}
/// @param padding  integer|table|string; {down, across}, {top, bottom, left, right} or "same"
/// @param groups  integer; divides in and out
/// @param bias  f32[out]
/// @return tensor  [n x h' x w' x out], h' = (h + top + bottom - dilation (kh - 1) - 1) / stride + 1, rounded down
static int word_conv2d(lua_State *L)
{
    static const char *const names[] = {"stride", "padding", "dilation", "groups", "bias", NULL};
    calr_tensor *x = calr_lua_check_tensor(L, 1), *w = calr_lua_check_tensor(L, 2);
    calr_lua_check_options(L, 3, names);
    calr_conv2d_options options = calr_lua_option_convolution(L, 3);
    calr_tensor *bias = calr_lua_option_tensor(L, 3, "bias", 0);
    PUSH(L, calr_op_conv2d(x, w, bias, &options, slot));
    return 1;
}

/// calr.conv_transpose2d(x, w [, {stride=1, padding=0, output_padding=0, dilation=1, groups=1, bias=}])
/// Transposed convolution: the gradient of calr.conv2d by its input, with x in the place of the result's gradient. A
/// stride makes maps larger.
/// @param x  f32[n x h x w x in]
/// @param w  f32[in x out/groups x kh x kw], as PyTorch's
/// @param stride, dilation  integer|table; {down, across}
/// @param padding  integer|table; what is cut off the result: {down, across} or {top, bottom, left, right}
/// @param output_padding  integer|table; rows at the bottom and columns at the right that are not cut off, or are more;
///     below the stride
/// @param groups  integer; divides in and out
/// @param bias  f32[out]
/// @return tensor  [n x h' x w' x out], h' = (h - 1) stride - top - bottom + dilation (kh - 1) + output_padding + 1
static int word_conv_transpose2d(lua_State *L)
{
    static const char *const names[] = {"stride", "padding", "output_padding", "dilation", "groups",
                                        "bias",   NULL};
    calr_tensor *x = calr_lua_check_tensor(L, 1), *w = calr_lua_check_tensor(L, 2);
    calr_lua_check_options(L, 3, names);
    calr_conv2d_options options = calr_lua_option_convolution(L, 3);
    option_sides(L, 3, "output_padding", 0, 2, options.output_padding);
    calr_tensor *bias = calr_lua_option_tensor(L, 3, "bias", 0);
    PUSH(L, calr_op_conv_transpose2d(x, w, bias, &options, slot));
    return 1;
}

const calr_lua_function calr_lua_convolution_methods[] = {
    {"conv2d", word_conv2d, "x, w [, options]"},
    {"conv_transpose2d", word_conv_transpose2d, "x, w [, options]"},
    {NULL, NULL, NULL},
};
