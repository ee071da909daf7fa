#include "backend/elements.h"

static const char *const unary_names[CALR_UNARY_COUNT] = {
    [CALR_NEG] = "neg",
    [CALR_ABS] = "abs",
    [CALR_SIGN] = "sign",
    [CALR_SQUARE] = "square",
    [CALR_RELU] = "relu",
    [CALR_CLAMP] = "clamp",
    [CALR_FLOOR] = "floor",
    [CALR_CEIL] = "ceil",
    [CALR_ROUND] = "round",
    [CALR_TRUNC] = "trunc",
    [CALR_RECIPROCAL] = "reciprocal",
    [CALR_SQRT] = "sqrt",
    [CALR_RSQRT] = "rsqrt",
    [CALR_EXP] = "exp",
    [CALR_EXP2] = "exp2",
    [CALR_EXPM1] = "expm1",
    [CALR_LOG] = "log",
    [CALR_LOG2] = "log2",
    [CALR_LOG10] = "log10",
    [CALR_LOG1P] = "log1p",
    [CALR_SIN] = "sin",
    [CALR_COS] = "cos",
    [CALR_TAN] = "tan",
    [CALR_ASIN] = "asin",
    [CALR_ACOS] = "acos",
    [CALR_ATAN] = "atan",
    [CALR_SINH] = "sinh",
    [CALR_COSH] = "cosh",
    [CALR_TANH] = "tanh",
    [CALR_ERF] = "erf",
    [CALR_POW] = "pow",
    [CALR_SIGMOID] = "sigmoid",
    [CALR_LEAKY_RELU] = "leaky_relu",
    [CALR_ELU] = "elu",
    [CALR_SOFTPLUS] = "softplus",
    [CALR_SILU] = "silu",
    [CALR_GELU] = "gelu",
    [CALR_GELU_TANH] = "gelu",
    [CALR_HARDSIGMOID] = "hardsigmoid",
    [CALR_HARDSWISH] = "hardswish",
    [CALR_LOGICAL_NOT] = "logical_not",
    [CALR_ISNAN] = "isnan",
    [CALR_ISINF] = "isinf",
    [CALR_ISFINITE] = "isfinite",
};

static const char *const binary_names[CALR_BINARY_COUNT] = {
    [CALR_ADD] = "add",
    [CALR_SUB] = "sub",
    [CALR_MUL] = "mul",
    [CALR_DIV] = "div",
    [CALR_POW_OF] = "pow",
    [CALR_FLOOR_DIVIDE] = "floor_divide",
    [CALR_REMAINDER] = "remainder",
    [CALR_FMOD] = "fmod",
    [CALR_MAXIMUM] = "maximum",
    [CALR_MINIMUM] = "minimum",
    [CALR_ATAN2] = "atan2",
    [CALR_AND] = "bitwise_and",
    [CALR_OR] = "bitwise_or",
    [CALR_XOR] = "bitwise_xor",
    [CALR_EQ] = "eq",
    [CALR_NE] = "ne",
    [CALR_LT] = "lt",
    [CALR_LE] = "le",
    [CALR_GT] = "gt",
    [CALR_GE] = "ge",
    [CALR_LOGICAL_AND] = "logical_and",
    [CALR_LOGICAL_OR] = "logical_or",
    [CALR_LOGICAL_XOR] = "logical_xor",
};

static const char *const ternary_names[CALR_TERNARY_COUNT] = {
    [CALR_LERP] = "lerp",
    [CALR_ADDCMUL] = "addcmul",
    [CALR_ADDCDIV] = "addcdiv",
    [CALR_DIV_D] = "div_backward",
    [CALR_POW_D_BASE] = "pow_backward",
    [CALR_POW_D_POWER] = "pow_backward",
    [CALR_MAXIMUM_D] = "maximum_backward",
    [CALR_MINIMUM_D] = "minimum_backward",
    [CALR_REMAINDER_D] = "remainder_backward",
    [CALR_FMOD_D] = "fmod_backward",
    [CALR_ATAN2_D] = "atan2_backward",
};

const char *calr_unary_name(calr_unary op)
{
    return unary_names[op];
}

const char *calr_binary_name(calr_binary op)
{
    return binary_names[op];
}

const char *calr_ternary_name(calr_ternary op)
{
    return ternary_names[op];
}

bool calr_unary_gradient_of_output(calr_unary op)
{
    return op == CALR_RELU || op == CALR_RECIPROCAL || op == CALR_SQRT || op == CALR_RSQRT ||
           op == CALR_EXP || op == CALR_EXP2 || op == CALR_EXPM1 || op == CALR_TAN ||
           op == CALR_TANH || op == CALR_SIGMOID;
}

bool calr_unary_takes(calr_unary op, calr_dtype dtype)
{
    if (dtype == CALR_F16)
        return false;
    if (calr_dtype_is_float(dtype) || calr_unary_is_test(op))
        return true;
    bool negates_unsigned = op == CALR_NEG && dtype == CALR_U8;
    return dtype != CALR_BOOL && op <= CALR_CLAMP && !negates_unsigned;
}

bool calr_binary_takes(calr_binary op, calr_dtype dtype)
{
    bool bits = op == CALR_AND || op == CALR_OR || op == CALR_XOR;
    if (dtype == CALR_F16)
        return false;
    if (calr_dtype_is_float(dtype))
        return !bits;
    if (dtype == CALR_BOOL)
        return bits || calr_binary_is_test(op) || op == CALR_ADD || op == CALR_MUL ||
               op == CALR_MAXIMUM || op == CALR_MINIMUM;
    return op != CALR_DIV && op != CALR_ATAN2;
}

bool calr_unary_is_test(calr_unary op)
{
    return op >= CALR_LOGICAL_NOT;
}

bool calr_binary_is_test(calr_binary op)
{
    return op >= CALR_EQ;
}
