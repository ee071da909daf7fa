/* The vocabulary's operations of layers: normalisation, windows, resampling, attention. */
#include <math.h>

#include "autograd/ops.h"
#include "autograd/ops_layers.h"
#include "binding/bind.h"
#include "binding/methods.h"

/// @module calr.tensor.layers
/// What layers are made of. Feature maps are [N x H x W x C].

#define MOST ((int64_t)1 << 20)

/* ---- pairs ---- a number for height and width, or a list of two */

/* One number at the top of the stack, which goes. */
static int64_t pop_whole(lua_State *L, const char *name, int64_t least)
{
    int whole;
    lua_Integer value = lua_tointegerx(L, -1, &whole);
    if (lua_type(L, -1) != LUA_TNUMBER || !whole || value < least || value > MOST)
        luaL_error(
            L, "%s must be a whole number of %d or more, or a list of two, {height, width}, not %s",
            name, (int)least, luaL_tolstring(L, -1, NULL));
    lua_pop(L, 1);
    return value;
}

/* The value at `index`, which is there. */
static void read_pair(lua_State *L, int index, const char *name, int64_t least, int64_t pair[2])
{
    index = lua_absindex(L, index);
    bool list = lua_type(L, index) == LUA_TTABLE;
    if (list && calr_lua_length(L, index) != 2)
        luaL_error(L, "%s must be a number or a list of two, {height, width}", name);
    for (int axis = 0; axis < 2; axis++) {
        if (list)
            lua_rawgeti(L, index, axis + 1);
        else
            lua_pushvalue(L, index);
        pair[axis] = pop_whole(L, name, least);
    }
}

/* An option of the table at `arg`; `pair` holds what it is without it. */
static void option_pair(lua_State *L, int arg, const char *name, int64_t least, int64_t pair[2])
{
    if (calr_lua_push_option(L, arg, name) != LUA_TNIL)
        read_pair(L, -1, name, least, pair);
    lua_pop(L, 1);
}

/* ---- normalisation ---- */

/* The dimensions that are normalised: `what` at `arg` is the length of the last one, or a list of lengths. */
static int check_last_dims(lua_State *L, int arg, const calr_tensor *x)
{
    bool list = lua_type(L, arg) == LUA_TTABLE;
    lua_Integer count = list ? calr_lua_length(L, arg) : 1;
    luaL_argcheck(L, count >= 1 && count <= x->ndim, arg, "more dimensions than x has");
    for (int d = 0; d < count; d++) {
        if (list)
            lua_rawgeti(L, arg, d + 1);
        else
            lua_pushvalue(L, arg);
        int whole;
        lua_Integer length = lua_tointegerx(L, -1, &whole);
        int64_t own = x->shape[x->ndim - (int)count + d];
        if (!whole || length != own)
            luaL_error(L, "dimension %d of x is %I long, and shape says %s",
                       x->ndim - (int)count + d + 1, (lua_Integer)own, luaL_tolstring(L, -1, NULL));
        lua_pop(L, 1);
    }
    return (int)count;
}

/// calr.layer_norm(x, shape [, weight, bias, eps])
/// Normalises the last dimensions of x together: (x - mean) / sqrt(var + eps) weight + bias (Ba, Kiros, Hinton,
/// arXiv 1607.06450, eq. 4).
/// @param x       f32 or bf16, [... x shape]
/// @param shape   the length of the last dimension, or a list of the lengths of the last ones
/// @param weight  f32[shape], or nil for 1
/// @param bias    f32[shape], or nil for 0
/// @param eps     number; 1e-5 by default
/// @return tensor  the shape and type of x
static int layers_layer_norm(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    int dims = check_last_dims(L, 2, x);
    calr_tensor *weight = calr_lua_opt_tensor(L, 3), *bias = calr_lua_opt_tensor(L, 4);
    double eps = luaL_optnumber(L, 5, 1e-5);
    PUSH(L, calr_op_layer_norm(x, weight, bias, dims, false, eps, slot));
    return 1;
}

/// calr.rms_norm(x, shape [, weight, eps])
/// Divides the last dimensions of x by their root mean square: x / sqrt(mean(x^2) + eps) weight (Zhang and Sennrich,
/// NeurIPS 2019, eq. 4).
/// @param x       f32 or bf16, [... x shape]
/// @param shape   the length of the last dimension, or a list of the lengths of the last ones
/// @param weight  f32[shape], or nil for 1
/// @param eps     number; 2^-23 by default
/// @return tensor  the shape and type of x
static int layers_rms_norm(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    int dims = check_last_dims(L, 2, x);
    calr_tensor *weight = calr_lua_opt_tensor(L, 3);
    double eps = luaL_optnumber(L, 4, 0x1p-23);
    PUSH(L, calr_op_layer_norm(x, weight, NULL, dims, true, eps, slot));
    return 1;
}

/// calr.group_norm(x, groups [, weight, bias, eps])
/// Normalises each of `groups` equal parts of the channels (the last dimension) of each image by its own mean and
/// variance (Wu and He, ECCV 2018, eq. 7).
/// @param x       f32 or bf16, [n x ... x c]
/// @param groups  divides c
/// @param weight  f32[c], or nil for 1
/// @param bias    f32[c], or nil for 0
/// @param eps     number; 1e-5 by default
/// @return tensor  the shape and type of x
static int layers_group_norm(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    lua_Integer groups = luaL_checkinteger(L, 2);
    calr_tensor *weight = calr_lua_opt_tensor(L, 3), *bias = calr_lua_opt_tensor(L, 4);
    double eps = luaL_optnumber(L, 5, 1e-5);
    PUSH(L, calr_op_group_norm(x, weight, bias, groups, eps, slot));
    return 1;
}

/* ---- windows ---- */

/// calr.max_pool(x [, {kernel=3, stride=2, padding=1, ceil_mode=false}])
/// The maximum of each window.
/// @param x          f32 or bf16, [n x h x w x c]
/// @param kernel     a number, or {height, width}; so are stride and padding
/// @param padding    never wins; half the kernel at most
/// @param ceil_mode  a last window that reaches beyond the border counts too
/// @return tensor  [n x h' x w' x c], h' = (h + 2 padding - kernel) / stride + 1, rounded down (up, in ceil_mode)
static int layers_max_pool(lua_State *L)
{
    static const char *const names[] = {"kernel", "stride", "padding", "ceil_mode", NULL};
    calr_window_options o = {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}};
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    calr_lua_check_options(L, 2, names);
    option_pair(L, 2, "kernel", 1, o.kernel);
    option_pair(L, 2, "stride", 1, o.stride);
    option_pair(L, 2, "padding", 0, o.padding);
    o.ceil_mode = calr_lua_option_boolean(L, 2, "ceil_mode", 0);
    bool square = o.kernel[0] == o.kernel[1] && o.stride[0] == o.stride[1] &&
                  o.padding[0] == o.padding[1] && !o.ceil_mode;
    if (square && o.kernel[0] <= 16)
        PUSH(L, calr_op_max_pool(x, o.kernel[0], o.stride[0], o.padding[0], slot));
    else
        PUSH(L, calr_op_window_max(x, &o, slot));
    return 1;
}

/// calr.avg_pool(x [, {kernel=, stride=kernel, padding=0, ceil_mode=false, count_include_pad=true}])
/// The mean of each channel over the whole map; with a kernel, that of each window.
/// @param x          f32 or bf16, [n x h x w x c]
/// @param kernel     a number, or {height, width}; so are stride and padding
/// @param padding    half the kernel at most
/// @param ceil_mode  a last window that reaches beyond the border counts too
/// @param count_include_pad  the padding counts as zeros; with false a mean is that of the numbers in the map
/// @return tensor  f32[n x c]; with a kernel [n x h' x w' x c], of the type of x
static int layers_avg_pool(lua_State *L)
{
    static const char *const names[] = {
        "kernel", "stride", "padding", "ceil_mode", "count_include_pad", NULL};
    calr_window_options o = {0};
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    calr_lua_check_options(L, 2, names);
    option_pair(L, 2, "kernel", 1, o.kernel);
    o.stride[0] = o.kernel[0], o.stride[1] = o.kernel[1];
    option_pair(L, 2, "stride", 1, o.stride);
    option_pair(L, 2, "padding", 0, o.padding);
    o.ceil_mode = calr_lua_option_boolean(L, 2, "ceil_mode", 0);
    o.count_include_pad = calr_lua_option_boolean(L, 2, "count_include_pad", 1);
    if (o.kernel[0] == 0 && (o.stride[0] != 0 || o.padding[0] != 0 || o.ceil_mode))
        return luaL_error(L,
                          "windows need a kernel; without one the mean is that of the whole map");
    if (o.kernel[0] == 0)
        PUSH(L, calr_op_avg_pool(x, slot));
    else
        PUSH(L, calr_op_window_mean(x, &o, slot));
    return 1;
}

static int adaptive(lua_State *L, bool largest)
{
    int64_t size[2];
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    luaL_checkany(L, 2);
    read_pair(L, 2, "size", 1, size);
    PUSH(L, calr_op_adaptive_pool(x, largest, size, slot));
    return 1;
}

/// calr.adaptive_avg_pool(x, size)
/// Means of windows that cover the map evenly.
/// @param x     f32 or bf16, [n x h x w x c]
/// @param size  how many: a number, or {rows, columns}
/// @return tensor  [n x rows x columns x c]
static int layers_adaptive_avg_pool(lua_State *L)
{
    return adaptive(L, false);
}

/// calr.adaptive_max_pool(x, size)
/// Maxima of windows that cover the map evenly.
/// @param x     f32 or bf16, [n x h x w x c]
/// @param size  how many: a number, or {rows, columns}
/// @return tensor  [n x rows x columns x c]
static int layers_adaptive_max_pool(lua_State *L)
{
    return adaptive(L, true);
}

/* ---- resampling ---- */

/* The option scale_factor, a number or a list of two, and the size that follows from it. */
static void take_factor(lua_State *L, const calr_tensor *x, calr_resample_options *o)
{
    bool list = lua_type(L, -1) == LUA_TTABLE;
    for (int axis = 0; axis < 2; axis++) {
        if (list)
            lua_rawgeti(L, -1, axis + 1);
        else
            lua_pushvalue(L, -1);
        double factor = lua_tonumber(L, -1);
        if (lua_type(L, -1) != LUA_TNUMBER || !(factor > 0) || !(factor < (double)MOST))
            luaL_error(L, "scale_factor must be a number above 0, or a list of two");
        lua_pop(L, 1);
        o->factor[axis] = factor;
        o->size[axis] = (int64_t)floor((double)x->shape[1 + axis] * factor);
    }
}

/// calr.interpolate(x, {size=, scale_factor=, mode="nearest", align_corners=false})
/// Feature maps in another size, by PyTorch's rules (without antialiasing).
/// @param x             f32 or bf16, [n x h x w x c]
/// @param size          a number, or {height, width}; or, in its place:
/// @param scale_factor  a number, or {vertical, horizontal}; sizes are rounded down
/// @param mode          "nearest", "bilinear" or "bicubic"
/// @param align_corners the outermost pixels, not their outer edges, stay where they are; not for "nearest"
/// @return tensor  [n x height x width x c]
static int layers_interpolate(lua_State *L)
{
    static const char *const names[] = {"size", "scale_factor", "mode", "align_corners", NULL};
    static const char *const modes[] = {"nearest", "bilinear", "bicubic", NULL};
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    luaL_argcheck(L, x->ndim == 4, 1, "feature maps [n x h x w x c] are needed");
    calr_lua_check_options(L, 2, names);
    calr_resample_options o = {
        .mode = (calr_resample_mode)calr_lua_option_choice(L, 2, "mode", CALR_NEAREST, modes),
        .align_corners = calr_lua_option_boolean(L, 2, "align_corners", 0)};
    bool sized = calr_lua_push_option(L, 2, "size") != LUA_TNIL;
    if (sized)
        read_pair(L, -1, "size", 1, o.size);
    lua_pop(L, 1);
    bool scaled = calr_lua_push_option(L, 2, "scale_factor") != LUA_TNIL;
    if (sized == scaled)
        return luaL_error(L, "give either size or scale_factor");
    if (scaled)
        take_factor(L, x, &o);
    lua_pop(L, 1);
    if (o.align_corners && o.mode == CALR_NEAREST)
        return luaL_error(L, "align_corners is for the modes bilinear and bicubic");
    PUSH(L, calr_op_interpolate(x, &o, slot));
    return 1;
}

/* ---- attention ---- */

#define ATTENTION "mask", "dropout", "scale", "causal", "seed", "epoch", "index", NULL

static calr_tensor *attention_options(lua_State *L, int arg, calr_attention_options *o)
{
    static const char *const names[] = {ATTENTION};
    calr_lua_check_options(L, arg, names);
    *o = (calr_attention_options){
        .scale = calr_lua_option_number(L, arg, "scale", 0, -HUGE_VAL, HUGE_VAL),
        .causal = calr_lua_option_boolean(L, arg, "causal", 0),
        .p = calr_lua_option_number(L, arg, "dropout", 0, 0, 1),
        .seed = (uint64_t)calr_lua_option_integer(L, arg, "seed", 0, INT64_MIN, INT64_MAX),
        .epoch = (uint32_t)calr_lua_option_integer(L, arg, "epoch", 0, 0, UINT32_MAX),
        .index = (uint64_t)calr_lua_option_integer(L, arg, "index", 0, 0, INT32_MAX)};
    return calr_lua_option_tensor(L, arg, "mask", 0);
}

/// calr.scaled_dot_product_attention(q, k, v [, options])
/// softmax(scale q k^T + mask) v (Vaswani et al., NeurIPS 2017, eq. 1), computed head by head: the weights of all heads
/// are never in memory together. Views are taken as they are, so that q:transpose(2, 3) of [b x n x heads x d] costs
/// nothing; the result has the layout of q.
/// @param q        f32 or bf16, [n x d], [b x n x d] or [b x heads x n x d]
/// @param k        [... x m x d]
/// @param v        [... x m x width]
/// @param options  {mask=, dropout=0, scale=1/sqrt(d), causal=false, seed=0, epoch=0, index=0}. mask: bool, true where
///                 a query sees a key, or f32, which is added; repeated to [b x heads x n x m]; no gradient. causal:
///                 query i sees the keys up to i. dropout sets weights to 0 and scales the others by 1 / (1 - dropout);
///                 what it drops depends on (seed, epoch, index) alone. A query that sees nothing gets 0.
/// @return tensor  [... x n x width]
static int layers_attention(lua_State *L)
{
    calr_attention_options o;
    calr_tensor *q = calr_lua_check_tensor(L, 1), *k = calr_lua_check_tensor(L, 2),
                *v = calr_lua_check_tensor(L, 3);
    calr_tensor *mask = attention_options(L, 4, &o);
    PUSH(L, calr_op_attention(q, k, v, mask, &o, slot));
    return 1;
}

/// calr.self_attention(qkv, heads [, options])
/// calr.scaled_dot_product_attention of queries, keys and values that stand side by side, as one linear layer gives
/// them, without a copy of any.
/// @param qkv      f32 or bf16, [b x n x 3 c]: c columns of queries (those of the first head first), of keys, of values
/// @param heads    integer; divides c
/// @param options  as of calr.scaled_dot_product_attention; the mask is repeated to [b x heads x n x n]
/// @return tensor  [b x n x c], the heads side by side
static int layers_self_attention(lua_State *L)
{
    calr_attention_options o;
    calr_tensor *qkv = calr_lua_check_tensor(L, 1);
    lua_Integer heads = luaL_checkinteger(L, 2);
    calr_tensor *mask = attention_options(L, 3, &o);
    PUSH(L, calr_op_self_attention(qkv, heads, mask, &o, slot));
    return 1;
}

const calr_lua_function calr_lua_layer_methods[] = {
    {"layer_norm", layers_layer_norm, "x, shape [, weight, bias, eps]", .named = true},
    {"rms_norm", layers_rms_norm, "x, shape [, weight, eps]", .named = true},
    {"group_norm", layers_group_norm, "x, groups [, weight, bias, eps]", .named = true},
    {"max_pool", layers_max_pool, "x [, options]"},
    {"avg_pool", layers_avg_pool, "x [, options]"},
    {"adaptive_avg_pool", layers_adaptive_avg_pool, "x, size"},
    {"adaptive_max_pool", layers_adaptive_max_pool, "x, size"},
    {"interpolate", layers_interpolate, "x, options"},
    {"scaled_dot_product_attention", layers_attention, "q, k, v [, options]"},
    {"self_attention", layers_self_attention, "qkv, heads [, options]"},
    {NULL, NULL, NULL},
};
