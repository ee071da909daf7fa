/* The vocabulary's functions of one element. */
#include "binding/bind.h"
#include "binding/methods.h"

#include <math.h>

#include "autograd/ops.h"
#include "backend/elements.h"

/// @module calr.tensor.functions
/// Functions of one element. Integers become f32 where the result is none. f32 and bf16 are computed in double and
/// rounded once, but for erf and gelu: within 0.52 units of the last place, and 2.5.

int calr_lua_push_unary(lua_State *L, calr_unary op, const double p[2])
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    if (calr_lua_in_place(L)) {
        calr_lua_call(L, calr_op_unary_into(op, x, p));
        lua_settop(L, 1);
        return 1;
    }
    PUSH(L, calr_op_unary(op, x, p, slot));
    return 1;
}

static int word_unary(lua_State *L)
{
    return calr_lua_push_unary(L, (calr_unary)calr_lua_code(L), NULL);
}

/// calr.clamp(x [, min, max])
/// x with what is below `min` set to it, and what is above `max`; NaN stays. The gradient is 0 outside. In place too.
/// @param x  tensor
/// @param min  number or tensor; no limit where absent
/// @param max  number or tensor; no limit where absent
/// @return tensor
static int word_clamp(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    luaL_argcheck(L, !lua_isnoneornil(L, 2) || !lua_isnoneornil(L, 3), 2,
                  "min, max or both are needed");
    lua_settop(L, 3);
    bool numbers = true;
    double p[2] = {-HUGE_VAL, HUGE_VAL};
    for (int i = 0; i < 2; i++) {
        bool number = lua_type(L, 2 + i) == LUA_TNUMBER;
        numbers = numbers && (number || lua_isnil(L, 2 + i));
        if (number)
            p[i] = lua_tonumber(L, 2 + i);
        luaL_argcheck(L, p[i] == p[i], 2 + i, "the limit is NaN");
        double low = x->dtype == CALR_U8 ? 0 : x->dtype == CALR_I32 ? INT32_MIN : -0x1p63;
        double high = x->dtype == CALR_U8 ? UINT8_MAX : x->dtype == CALR_I32 ? INT32_MAX : 0x1p63;
        if (number && !calr_dtype_is_float(x->dtype) &&
            (floor(p[i]) != p[i] || p[i] < low || p[i] > high))
            numbers = false;
    }
    if (numbers)
        return calr_lua_push_unary(L, CALR_CLAMP, p);
    luaL_argcheck(L, !calr_lua_in_place(L), 1, "clamp_ takes numbers (whole ones for integers)");
    for (int i = 0; i < 2; i++) { /* first up to min, then down to max */
        if (lua_isnil(L, 2 + i))
            continue;
        calr_tensor *low, *limit;
        calr_lua_check_operands(L, 1, 2 + i, &low, &limit);
        PUSH(L, calr_op_binary(i ? CALR_MINIMUM : CALR_MAXIMUM, low, limit, slot));
        lua_replace(L, 1);
    }
    lua_settop(L, 1);
    return 1;
}

/// calr.leaky_relu(x [, negative_slope])
/// x where it is above 0, negative_slope x elsewhere. In place too.
/// @param x  tensor
/// @param negative_slope  number; 0.01 by default
/// @return tensor
static int word_leaky_relu(lua_State *L)
{
    double p[2] = {luaL_optnumber(L, 2, 0.01), 0};
    return calr_lua_push_unary(L, CALR_LEAKY_RELU, p);
}

/// calr.elu(x [, alpha])
/// x where it is above 0, alpha (e^x - 1) elsewhere: Clevert, Unterthiner, Hochreiter, ICLR 2016. In place too.
/// @param x  tensor
/// @param alpha  number; 1 by default
/// @return tensor
static int word_elu(lua_State *L)
{
    double p[2] = {luaL_optnumber(L, 2, 1), 0};
    return calr_lua_push_unary(L, CALR_ELU, p);
}

/// calr.softplus(x [, beta, threshold])
/// log(1 + e^(beta x)) / beta; x itself where beta x is above the threshold.
/// @param x  tensor
/// @param beta  number; 1 by default
/// @param threshold  number; 20 by default
/// @return tensor
static int word_softplus(lua_State *L)
{
    double p[2] = {luaL_optnumber(L, 2, 1), luaL_optnumber(L, 3, 20)};
    luaL_argcheck(L, p[0] != 0, 2, "beta must not be 0");
    return calr_lua_push_unary(L, CALR_SOFTPLUS, p);
}

/// calr.gelu(x [, approximate])
/// x Phi(x), Phi being the normal distribution function: Hendrycks and Gimpel, arXiv 1606.08415.
/// @param x  tensor
/// @param approximate  "none" (default) or "tanh": the paper's approximation
/// @return tensor
static int word_gelu(lua_State *L)
{
    static const char *const ways[] = {"none", "tanh", NULL};
    return calr_lua_push_unary(L, luaL_checkoption(L, 2, "none", ways) ? CALR_GELU_TANH : CALR_GELU,
                               NULL);
}

/// calr.neg(x)
/// -x; also -x as an operator. In place too.
/// @param x  tensor
/// @return tensor

/// calr.abs(x)
/// The absolute value. In place too.
/// @param x  tensor
/// @return tensor

/// calr.sign(x)
/// -1, 0 or 1. In place too.
/// @param x  tensor
/// @return tensor

/// calr.square(x)
/// x squared. In place too.
/// @param x  tensor
/// @return tensor

/// calr.relu(x)
/// max(0, x). In place too.
/// @param x  tensor
/// @return tensor

/// calr.floor(x)
/// Rounds down. In place too.
/// @param x  tensor
/// @return tensor

/// calr.ceil(x)
/// Rounds up. In place too.
/// @param x  tensor
/// @return tensor

/// calr.round(x)
/// Rounds to the nearest whole number, to the even one between two. In place too.
/// @param x  tensor
/// @return tensor

/// calr.trunc(x)
/// Rounds towards 0. In place too.
/// @param x  tensor
/// @return tensor

/// calr.reciprocal(x)
/// 1 / x. In place too.
/// @param x  tensor
/// @return tensor

/// calr.sqrt(x)
/// The square root; NaN below 0. In place too.
/// @param x  tensor
/// @return tensor

/// calr.rsqrt(x)
/// 1 / sqrt(x). In place too.
/// @param x  tensor
/// @return tensor

/// calr.exp(x)
/// e^x. In place too.
/// @param x  tensor
/// @return tensor

/// calr.exp2(x)
/// 2^x. In place too.
/// @param x  tensor
/// @return tensor

/// calr.expm1(x)
/// e^x - 1, exact near 0 too. In place too.
/// @param x  tensor
/// @return tensor

/// calr.log(x)
/// The natural logarithm. In place too.
/// @param x  tensor
/// @return tensor

/// calr.log2(x)
/// The logarithm to base 2. In place too.
/// @param x  tensor
/// @return tensor

/// calr.log10(x)
/// The logarithm to base 10. In place too.
/// @param x  tensor
/// @return tensor

/// calr.log1p(x)
/// log(1 + x), exact near 0 too. In place too.
/// @param x  tensor
/// @return tensor

/// calr.sin(x)
/// The sine. In place too.
/// @param x  tensor
/// @return tensor

/// calr.cos(x)
/// The cosine. In place too.
/// @param x  tensor
/// @return tensor

/// calr.tan(x)
/// The tangent. In place too.
/// @param x  tensor
/// @return tensor

/// calr.asin(x)
/// The arc sine; NaN outside -1 .. 1. In place too.
/// @param x  tensor
/// @return tensor

/// calr.acos(x)
/// The arc cosine; NaN outside -1 .. 1. In place too.
/// @param x  tensor
/// @return tensor

/// calr.atan(x)
/// The arc tangent. In place too.
/// @param x  tensor
/// @return tensor

/// calr.sinh(x)
/// The hyperbolic sine. In place too.
/// @param x  tensor
/// @return tensor

/// calr.cosh(x)
/// The hyperbolic cosine. In place too.
/// @param x  tensor
/// @return tensor

/// calr.tanh(x)
/// The hyperbolic tangent. In place too.
/// @param x  tensor
/// @return tensor

/// calr.erf(x)
/// The error function. In place too.
/// @param x  tensor
/// @return tensor

/// calr.sigmoid(x)
/// 1 / (1 + e^-x). In place too.
/// @param x  tensor
/// @return tensor

/// calr.silu(x)
/// x sigmoid(x). In place too.
/// @param x  tensor
/// @return tensor

/// calr.hardsigmoid(x)
/// min(max(x + 3, 0), 6) / 6: Howard et al., ICCV 2019. In place too.
/// @param x  tensor
/// @return tensor

/// calr.hardswish(x)
/// x hardsigmoid(x): Howard et al., ICCV 2019. In place too.
/// @param x  tensor
/// @return tensor

/// calr.logical_not(x)
/// Whether an element is 0 (not set); also ~x for a mask.
/// @param x  tensor
/// @return tensor  bool

/// calr.isnan(x)
/// Whether an element is NaN.
/// @param x  tensor
/// @return tensor  bool

/// calr.isinf(x)
/// Whether an element is infinite.
/// @param x  tensor
/// @return tensor  bool

/// calr.isfinite(x)
/// Whether an element is neither NaN nor infinite.
/// @param x  tensor
/// @return tensor  bool

#define UNARY(name, op)                                                                            \
    {                                                                                              \
        name, word_unary, "x", .code = op                                                          \
    }
#define UNARY_(name, op)                                                                           \
    {                                                                                              \
        name, word_unary, "x", .code = op, .in_place = true                                        \
    }

const calr_lua_function calr_lua_function_methods[] = {
    {"clamp", word_clamp, "x [, min, max]", .named = true, .in_place = true},
    {"leaky_relu", word_leaky_relu, "x [, negative_slope]", .named = true, .in_place = true},
    {"elu", word_elu, "x [, alpha]", .named = true, .in_place = true},
    {"softplus", word_softplus, "x [, beta, threshold]", .named = true},
    {"gelu", word_gelu, "x [, approximate]", .named = true},
    UNARY_("neg", CALR_NEG),
    UNARY_("abs", CALR_ABS),
    UNARY_("sign", CALR_SIGN),
    UNARY_("square", CALR_SQUARE),
    UNARY_("relu", CALR_RELU),
    UNARY_("floor", CALR_FLOOR),
    UNARY_("ceil", CALR_CEIL),
    UNARY_("round", CALR_ROUND),
    UNARY_("trunc", CALR_TRUNC),
    UNARY_("reciprocal", CALR_RECIPROCAL),
    UNARY_("sqrt", CALR_SQRT),
    UNARY_("rsqrt", CALR_RSQRT),
    UNARY_("exp", CALR_EXP),
    UNARY_("exp2", CALR_EXP2),
    UNARY_("expm1", CALR_EXPM1),
    UNARY_("log", CALR_LOG),
    UNARY_("log2", CALR_LOG2),
    UNARY_("log10", CALR_LOG10),
    UNARY_("log1p", CALR_LOG1P),
    UNARY_("sin", CALR_SIN),
    UNARY_("cos", CALR_COS),
    UNARY_("tan", CALR_TAN),
    UNARY_("asin", CALR_ASIN),
    UNARY_("acos", CALR_ACOS),
    UNARY_("atan", CALR_ATAN),
    UNARY_("sinh", CALR_SINH),
    UNARY_("cosh", CALR_COSH),
    UNARY_("tanh", CALR_TANH),
    UNARY_("erf", CALR_ERF),
    UNARY_("sigmoid", CALR_SIGMOID),
    UNARY_("silu", CALR_SILU),
    UNARY_("hardsigmoid", CALR_HARDSIGMOID),
    UNARY_("hardswish", CALR_HARDSWISH),
    UNARY("logical_not", CALR_LOGICAL_NOT),
    UNARY("isnan", CALR_ISNAN),
    UNARY("isinf", CALR_ISINF),
    UNARY("isfinite", CALR_ISFINITE),
    {NULL, NULL, NULL},
};
