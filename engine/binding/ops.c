/* The vocabulary's operations of networks, and what has no family of its own. */
#include "binding/bind.h"
#include "binding/methods.h"

#include <math.h>
#include <string.h>

#include "autograd/ops.h"

/// @module calr.tensor.network
/// Operations of networks. Feature maps are [N x H x W x C].

/* ---- rows and parts ---- */

/// calr.gated_sum(maps, gates)
/// Weights feature maps by channel and adds them: y = sum over i of gates[i] maps[i]; a gate has one number per image
/// and channel (the aggregation of OSNet's streams: Zhou et al., ICCV 2019, eq. 4).
/// @param maps   a list of 1 to 16 f32[n x h x w x c]
/// @param gates  a list of as many f32[n x c]
/// @return tensor  f32[n x h x w x c]
static int ops_gated_sum(lua_State *L)
{
    lua_Integer count, gates_count;
    lua_settop(L, 2);
    calr_tensor **maps = calr_lua_check_tensors(L, 1, &count),
                **gates = calr_lua_check_tensors(L, 2, &gates_count);
    luaL_argcheck(L, count == gates_count, 2, "as many gates as maps are needed");
    PUSH(L, calr_op_gated_sum(maps, gates, (int)count, slot));
    return 1;
}

/// calr.concat(tensors [, dim])
/// Former name of calr.cat.
/// @return tensor

/// calr.cat(tensors [, dim])
/// Concatenates along a dimension; the other dimensions must agree.
/// @param tensors  a list
/// @param dim      from 1 (default); -1 is the last
/// @return tensor
static int ops_cat(lua_State *L)
{
    lua_settop(L, 2);
    lua_Integer count;
    calr_tensor **list = calr_lua_check_tensors(L, 1, &count);
    int dim = lua_isnil(L, 2) ? 0 : calr_lua_check_dim(L, 2, list[0]);
    PUSH(L, calr_op_cat(list, (int)count, dim, slot));
    return 1;
}

/* ---- networks ---- */

calr_activation calr_lua_option_activation(lua_State *L, int arg)
{
    static const char *const choices[] = {
        [CALR_ACTIVATION_NONE] = "none",           [CALR_ACTIVATION_RELU] = "relu",
        [CALR_ACTIVATION_RELU6] = "relu6",         [CALR_ACTIVATION_SILU] = "silu",
        [CALR_ACTIVATION_HARDSWISH] = "hardswish", NULL};
    int relu = calr_lua_option_boolean(L, arg, "relu", 0);
    return (calr_activation)calr_lua_option_choice(
        L, arg, "activation", relu ? CALR_ACTIVATION_RELU : CALR_ACTIVATION_NONE, choices);
}

static calr_batch_norm_options option_batch_norm(lua_State *L, int arg)
{
    return (calr_batch_norm_options){
        .training = calr_lua_option_boolean(L, arg, "training", 0),
        .momentum = calr_lua_option_number(L, arg, "momentum", 0.1, 0, 1),
        .eps = calr_lua_option_number(L, arg, "eps", 1e-5, 0, HUGE_VAL),
        .activation = calr_lua_option_activation(L, arg),
        .group = calr_lua_option_integer(L, arg, "group", 0, 0, INT32_MAX),
    };
}

/// calr.batch_norm(x, gamma, beta, running_mean, running_var [, options])
/// Batch normalisation over all but the last dimension, fused with what often follows it:
/// y = activation(norm(x) gamma + beta + residual). In training the statistics are those of the batch,
/// and the running ones become (1 - momentum) running + momentum batch, with the unbiased variance,
/// as in PyTorch; otherwise the statistics are the running ones.
/// @param x      f32[n x c] or f32[n x h x w x c]
/// @param gamma  f32[c], or nil for 1
/// @param beta   f32[c], or nil for 0
/// @param running_mean  f32[c], changed in place in training; both may be nil then
/// @param running_var   f32[c]
/// @param options  {training=false, momentum=.1, eps=1e-5, activation="none", group=0, residual=}; activation is
///                 "none", "relu", "relu6", "silu" or "hardswish", and relu=true the former way to ask for the second;
///                 residual has the shape of x. group > 0: in training every `group` items of the first dimension,
///                 which it must divide, have statistics of their own
/// @return tensor  the shape of x
static int ops_batch_norm(lua_State *L)
{
    static const char *const names[] = {"training",   "momentum", "eps",      "relu",
                                        "activation", "group",    "residual", NULL};
    calr_tensor *x = calr_lua_check_tensor(L, 1), *gamma = calr_lua_opt_tensor(L, 2),
                *beta = calr_lua_opt_tensor(L, 3);
    calr_tensor *mean = calr_lua_opt_tensor(L, 4), *var = calr_lua_opt_tensor(L, 5);
    calr_lua_check_options(L, 6, names);
    calr_batch_norm_options options = option_batch_norm(L, 6);
    calr_tensor *residual = calr_lua_option_tensor(L, 6, "residual", 0);
    PUSH(L, calr_op_batch_norm(x, gamma, beta, mean, var, residual, &options, slot));
    return 1;
}

/// calr.batch_norm_conv2d(x, gamma, beta, running_mean, running_var, w [, options])
/// conv2d(batch_norm(x, ...), w), a normalisation and the convolution after it. In training a depthwise convolution is
/// computed while the normalised map is made, which is never written to memory: less time and less memory, the same
/// result. The last bits of gradients may differ from those of the two functions. calr.nn.chain and calr.nn.sequential
/// use it for layers that follow each other.
/// @param x      f32[n x h x w x c]
/// @param gamma, beta, running_mean, running_var  f32[c] or nil; as in calr.batch_norm
/// @param w  f32[out x c/groups x kh x kw], as in calr.conv2d
/// @param options  {training=false, momentum=.1, eps=1e-5, activation="none", group=0} as in calr.batch_norm, and
///                 {stride=1, padding=0, dilation=1, groups=1} as in calr.conv2d
/// @return tensor  [n x h' x w' x out]
static int ops_batch_norm_conv2d(lua_State *L)
{
    static const char *const names[] = {"training",   "momentum", "eps",    "relu",
                                        "activation", "group",    "stride", "dilation",
                                        "padding",    "groups",   NULL};
    calr_tensor *x = calr_lua_check_tensor(L, 1), *gamma = calr_lua_opt_tensor(L, 2),
                *beta = calr_lua_opt_tensor(L, 3);
    calr_tensor *mean = calr_lua_opt_tensor(L, 4), *var = calr_lua_opt_tensor(L, 5);
    calr_tensor *w = calr_lua_check_tensor(L, 6);
    calr_lua_check_options(L, 7, names);
    calr_batch_norm_options norm = option_batch_norm(L, 7);
    calr_conv2d_options conv = calr_lua_option_convolution(L, 7);
    PUSH(L, calr_op_batch_norm_conv2d(x, gamma, beta, mean, var, w, &norm, &conv, slot));
    return 1;
}

/// calr.instance_norm(x [, gamma, beta, {eps=1e-5, relu=false}])
/// Normalises every channel of every image by its own mean and variance, in training and
/// evaluation alike.
/// @param x  f32[n x h x w x c]
/// @param gamma  f32[c], or nil for 1
/// @param beta   f32[c], or nil for 0
/// @return tensor  the shape of x
static int ops_instance_norm(lua_State *L)
{
    static const char *const names[] = {"eps", "relu", NULL};
    calr_tensor *x = calr_lua_check_tensor(L, 1), *gamma = calr_lua_opt_tensor(L, 2),
                *beta = calr_lua_opt_tensor(L, 3);
    calr_lua_check_options(L, 4, names);
    double eps = calr_lua_option_number(L, 4, "eps", 1e-5, 0, HUGE_VAL);
    bool relu = calr_lua_option_boolean(L, 4, "relu", 0);
    PUSH(L, calr_op_instance_norm(x, gamma, beta, eps, relu, slot));
    return 1;
}

/// calr.gem(x, p [, {eps=1e-6}])
/// Generalised mean of each channel over the whole map: (mean max(x, eps)^p)^(1/p). p = 1 is the
/// mean, large p the maximum. Radenovic, Tolias, Chum, arXiv 1711.02512.
/// @param x  f32[n x h x w x c]
/// @param p  f32[1], above 0; a parameter like any other
/// @return tensor  [n x c]
static int ops_gem(lua_State *L)
{
    static const char *const names[] = {"eps", NULL};
    calr_tensor *x = calr_lua_check_tensor(L, 1), *p = calr_lua_check_tensor(L, 2);
    calr_lua_check_options(L, 3, names);
    double eps = calr_lua_option_number(L, 3, "eps", 1e-6, 0, HUGE_VAL);
    PUSH(L, calr_op_gem(x, p, eps, slot));
    return 1;
}

/* ---- along a dimension ---- */

/* The dimension at `arg`; the last where there is none. */
static int opt_dim(lua_State *L, int arg, const calr_tensor *x)
{
    return lua_isnoneornil(L, arg) ? x->ndim - 1 : calr_lua_check_dim(L, arg, x);
}

/// calr.softmax(x [, dim])
/// e^x over its sum along a dimension.
/// @param x  tensor, f32, f64 or bf16
/// @param dim  from 1; -1, the last, by default
/// @return tensor
static int ops_softmax(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    int dim = opt_dim(L, 2, x);
    PUSH(L, calr_op_softmax_along(x, dim, slot));
    return 1;
}

/// calr.log_softmax(x [, dim])
/// The logarithm of calr.softmax.
/// @param x  tensor, f32, f64 or bf16
/// @param dim  from 1; -1, the last, by default
/// @return tensor
static int ops_log_softmax(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    int dim = opt_dim(L, 2, x);
    PUSH(L, calr_op_log_softmax_along(x, dim, slot));
    return 1;
}

/// calr.l2_normalize(x [, dim, eps])
/// x / max(|x|, eps), |x| being the euclidean norm along a dimension: torch.nn.functional.normalize.
/// @param x  tensor, f32, f64 or bf16
/// @param dim  from 1; -1, the last, by default
/// @param eps  number; 1e-12 by default
/// @return tensor
static int ops_l2_normalize(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    int dim = opt_dim(L, 2, x);
    double eps = luaL_optnumber(L, 3, 1e-12);
    luaL_argcheck(L, eps >= 0, 3, "eps must be 0 or more");
    PUSH(L, calr_op_l2_normalize_along(x, dim, eps, slot));
    return 1;
}

/// calr.cross_entropy(logits, labels [, {weights=, row_weights=}])
/// The mean of -log softmax(logits)[label], weighted by the weight of the label's class times the
/// weight of the row; 0, with gradient 0, if the weights of the batch sum to 0. Against a memory
/// of centroids: logits = matmul(f, M, {transpose_b=true}) / tau.
/// @param logits   f32[n x classes]
/// @param labels   i32[n] (or i64[n]) in 0 .. classes-1
/// @param weights      f32[classes], 0 or more; no gradient
/// @param row_weights  f32[n], 0 or more; no gradient
/// @return tensor  a single number
static int ops_cross_entropy(lua_State *L)
{
    static const char *const names[] = {"weights", "row_weights", NULL};
    calr_tensor *logits = calr_lua_check_tensor(L, 1), *labels = calr_lua_check_tensor(L, 2);
    calr_lua_check_options(L, 3, names);
    calr_tensor *weights = calr_lua_option_tensor(L, 3, "weights", 0);
    calr_tensor *row_weights = calr_lua_option_tensor(L, 3, "row_weights", 0);
    if (labels->dtype == CALR_I64) { /* what does not fit is clamped, and then refused as a label */
        calr_tensor **narrow = calr_lua_new_tensor(L);
        calr_lua_call(L, calr_tensor_cast(labels, CALR_I32, narrow));
        labels = *narrow;
    }
    PUSH(L, calr_op_cross_entropy(logits, labels, weights, row_weights, slot));
    return 1;
}

/* ---- training ---- */

/// calr.dropout(x [, {p=.5, training=true, seed=0, epoch=0, index=0}])
/// Sets elements to 0 with probability p and divides the others by 1 - p; in evaluation, x itself.
/// The choice depends only on (seed, epoch, index): give every call of a run its own index.
/// @return tensor
static int ops_dropout(lua_State *L)
{
    static const char *const names[] = {"p", "training", "seed", "epoch", "index", NULL};
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    calr_lua_check_options(L, 2, names);
    double p = calr_lua_option_number(L, 2, "p", 0.5, 0, 1);
    int training = calr_lua_option_boolean(L, 2, "training", 1);
    int64_t seed = calr_lua_option_integer(L, 2, "seed", 0, INT64_MIN, INT64_MAX);
    int64_t epoch = calr_lua_option_integer(L, 2, "epoch", 0, 0, UINT32_MAX);
    int64_t index = calr_lua_option_integer(L, 2, "index", 0, 0, INT64_MAX);
    if (!training || p == 0) {
        lua_settop(L, 1);
        return 1;
    }
    PUSH(L, calr_op_dropout(x, p, (uint64_t)seed, (uint32_t)epoch, (uint64_t)index, slot));
    return 1;
}

/// calr.reverse_gradient(x [, alpha])
/// Returns x in the forward pass and multiplies the gradient by -alpha in the backward pass. Later
/// layers learn to predict something (such as the camera), earlier ones learn to hide it. Ganin and
/// Lempitsky, ICML 2015.
/// @param alpha  1 by default
/// @return tensor
static int ops_reverse_gradient(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    double alpha = luaL_optnumber(L, 2, 1);
    PUSH(L, calr_op_reverse_gradient(x, alpha, slot));
    return 1;
}

/* Operations whose first argument is a tensor: functions of calr.ops, and methods of tensors. */
const calr_lua_function calr_lua_operation_methods[] = {
    {"softmax", ops_softmax, "x [, dim]", .named = true},
    {"log_softmax", ops_log_softmax, "x [, dim]", .named = true},
    {"l2_normalize", ops_l2_normalize, "x [, dim, eps]", .named = true},
    {"dropout", ops_dropout, "x [, options]"},
    {"reverse_gradient", ops_reverse_gradient, "x [, alpha]"},
    {"gem", ops_gem, "x, p [, options]"},
    {"instance_norm", ops_instance_norm, "x [, gamma, beta, options]"},
    {"batch_norm", ops_batch_norm, "x, gamma, beta, running_mean, running_var [, options]"},
    {"batch_norm_conv2d", ops_batch_norm_conv2d,
     "x, gamma, beta, running_mean, running_var, w [, options]"},
    {"cross_entropy", ops_cross_entropy, "logits, labels [, options]"},
    {NULL, NULL, NULL},
};

const calr_lua_function calr_lua_operation_functions[] = {
    {"cat", ops_cat, "tensors [, dim]"},
    {"concat", ops_cat, "tensors [, dim]"},
    {"gated_sum", ops_gated_sum, "maps, gates"},
    {NULL, NULL, NULL},
};
