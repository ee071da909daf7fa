/* Operations of single elements: their names, and how the elements of operands with different shapes are paired. Part
 * of backend.h, which has the kernels. */
#ifndef CALR_BACKEND_ELEMENTS_H
#define CALR_BACKEND_ELEMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "tensor/tensor.h"

/* Functions of one element. p and q are the parameters. */
typedef enum calr_unary {
    CALR_NEG,
    CALR_ABS,
    CALR_SIGN, /* -1, 0 or 1 */
    CALR_SQUARE,
    CALR_RELU,  /* max(0, x) */
    CALR_CLAMP, /* into p .. q; NaN stays */
    /* the following of floats only */
    CALR_FLOOR,
    CALR_CEIL,
    CALR_ROUND, /* to the nearest, to even between two */
    CALR_TRUNC, /* towards 0 */
    CALR_RECIPROCAL,
    CALR_SQRT,
    CALR_RSQRT, /* 1 / sqrt(x) */
    CALR_EXP,
    CALR_EXP2,
    CALR_EXPM1, /* e^x - 1 */
    CALR_LOG,
    CALR_LOG2,
    CALR_LOG10,
    CALR_LOG1P, /* log(1 + x) */
    CALR_SIN,
    CALR_COS,
    CALR_TAN,
    CALR_ASIN,
    CALR_ACOS,
    CALR_ATAN,
    CALR_SINH,
    CALR_COSH,
    CALR_TANH,
    CALR_ERF,
    CALR_POW, /* x^p; x^0 = 1, with gradient 0 */
    CALR_SIGMOID,
    CALR_LEAKY_RELU, /* x > 0 ? x : p x */
    CALR_ELU,        /* x > 0 ? x : p (e^x - 1) */
    CALR_SOFTPLUS,   /* log(1 + e^(p x)) / p; x where p x > q */
    CALR_SILU,       /* x sigmoid(x) */
    CALR_GELU,       /* x Phi(x) */
    CALR_GELU_TANH,  /* its approximation by tanh: Hendrycks and Gimpel, arXiv 1606.08415 */
    CALR_HARDSIGMOID,
    CALR_HARDSWISH,
    /* the following give bool, of every type */
    CALR_LOGICAL_NOT,
    CALR_ISNAN,
    CALR_ISINF,
    CALR_ISFINITE,
    CALR_UNARY_COUNT
} calr_unary;

/* Functions of two elements of one type, which is that of the result where nothing else is said. */
typedef enum calr_binary {
    CALR_ADD, /* of bool: or */
    CALR_SUB, /* not of bool */
    CALR_MUL, /* of bool: and */
    CALR_DIV, /* of floats */
    CALR_POW_OF,
    CALR_FLOOR_DIVIDE, /* rounded down; integers: CALR_EINVAL when one is divided by 0 */
    CALR_REMAINDER,    /* has the sign of b; integers: as above */
    CALR_FMOD,         /* has the sign of a; integers: as above */
    CALR_MAXIMUM,      /* NaN where one is */
    CALR_MINIMUM,
    CALR_ATAN2, /* of floats */
    CALR_AND,   /* of bool and integers: bit by bit */
    CALR_OR,
    CALR_XOR,
    /* the following give bool */
    CALR_EQ,
    CALR_NE,
    CALR_LT,
    CALR_LE,
    CALR_GT,
    CALR_GE,
    CALR_LOGICAL_AND, /* of every type: whether both are not 0 */
    CALR_LOGICAL_OR,
    CALR_LOGICAL_XOR,
    CALR_BINARY_COUNT
} calr_binary;

/* Functions of three elements, of floats: gradients of those of two, and a few of their own. g is the gradient of the
 * result. */
typedef enum calr_ternary {
    CALR_LERP,        /* a + c (b - a) */
    CALR_ADDCMUL,     /* a + p b c */
    CALR_ADDCDIV,     /* a + p b / c */
    CALR_DIV_D,       /* of b: -(g / b) y, from y, b, g */
    CALR_POW_D_BASE,  /* of a, from a, b, g */
    CALR_POW_D_POWER, /* of b, from a, y, g */
    CALR_MAXIMUM_D,   /* of a, from a, b, g: g where a is larger, half of it where they are equal */
    CALR_MINIMUM_D,
    CALR_REMAINDER_D, /* of b, from a, b, g: -g floor(a / b) */
    CALR_FMOD_D,      /* of b, from a, b, g: -g trunc(a / b) */
    CALR_ATAN2_D,     /* of a, from a, b, g: g b / (a^2 + b^2) */
    CALR_TERNARY_COUNT
} calr_ternary;

/* "exp", "add", "lerp": as scripts call them. Static text. */
const char *calr_unary_name(calr_unary op);
const char *calr_binary_name(calr_binary op);
const char *calr_ternary_name(calr_ternary op);

/* Whether the gradient is computed from the function's output rather than from its input. */
bool calr_unary_gradient_of_output(calr_unary op);
/* The types of operands. */
bool calr_unary_takes(calr_unary op, calr_dtype dtype);
bool calr_binary_takes(calr_binary op, calr_dtype dtype);
/* Whether the result is bool. */
bool calr_unary_is_test(calr_unary op);
bool calr_binary_is_test(calr_binary op);

/* How the elements of up to three operands are paired: position (i, j, ...) of the result, which is contiguous and has
 * this shape, is made from element i step[k][0] + j step[k][1] + ... of operand k. Steps of 0 repeat an operand.
 * Dimensions that can be walked as one are one; a single number has one dimension of length 1. */
typedef struct calr_pairing {
    int ndim; /* 1 .. CALR_MAX_DIMS */
    int64_t shape[CALR_MAX_DIMS];
    int64_t step[3][CALR_MAX_DIMS];
} calr_pairing;

/* n elements of contiguous operands, one to one. */
static inline calr_pairing calr_pairing_of(int64_t n)
{
    return (calr_pairing){.ndim = 1, .shape = {n}, .step = {{1}, {1}, {1}}};
}

#endif
