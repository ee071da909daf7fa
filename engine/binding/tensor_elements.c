/* The vocabulary's functions of single elements, and the operators. */
#include "binding/bind.h"
#include "binding/methods.h"

#include <math.h>

#include "autograd/ops.h"
#include "backend/elements.h"

/// @module calr.tensor.elements
/// Functions of single elements. Where there are two tensors, their shapes are aligned at their last dimensions; a
/// missing dimension, or one of length 1, is repeated: f32[64 x 10] + f32[10] adds the row to each row. Types are
/// promoted as PyTorch does: bool, u8, i32, i64, bf16, f32, f64 in this order; a number of Lua, or a tensor of a single
/// number, widens the type only where it is of another kind (i32 + 0.5 is f32). Integers are divided as f32.
///
/// `x:NAME_()` writes the result into x, for every function whose page says "in place too". It is refused where a
/// gradient would become wrong: inside calr.no_grad, nothing is.

/* ---- numbers as operands ---- */

/* A tensor of the number at `arg`, for arithmetic with `x`; it belongs to the stack. It never widens the type of x
 * within its kind. */
calr_tensor *calr_lua_number_operand(lua_State *L, int arg, const calr_tensor *x)
{
    bool whole = lua_isinteger(L, arg);
    calr_dtype dtype = calr_dtype_is_float(x->dtype) ? x->dtype
                       : !whole                      ? CALR_F32
                       : x->dtype == CALR_BOOL       ? CALR_I64
                                                     : x->dtype;
    calr_tensor **slot = calr_lua_new_tensor(L);
    if (whole && !calr_dtype_is_float(dtype)) {
        lua_Integer value = lua_tointeger(L, arg);
        if ((dtype == CALR_U8 && (value < 0 || value > UINT8_MAX)) ||
            (dtype == CALR_I32 && (value < INT32_MIN || value > INT32_MAX)))
            luaL_argerror(
                L, arg,
                lua_pushfstring(L, "%I does not fit %s; convert the tensor with x:to \"i64\"",
                                value, calr_dtype_name(dtype)));
        calr_lua_call(L, calr_tensor_new(dtype, 0, NULL, slot));
        calr_lua_set_element(L, arg, *slot, NULL);
        return *slot;
    }
    calr_lua_call(L, calr_tensor_new(dtype, 0, NULL, slot));
    calr_lua_call(L, calr_tensor_fill(*slot, lua_tonumber(L, arg)));
    return *slot;
}

/* The two operands at `first` and `second`: tensors, or one of them a number or a boolean. */
void calr_lua_check_operands(lua_State *L, int first, int second, calr_tensor **a, calr_tensor **b)
{
    bool numbers[2] = {lua_type(L, first) == LUA_TNUMBER, lua_type(L, second) == LUA_TNUMBER};
    *a = numbers[0] ? NULL : calr_lua_check_tensor(L, first);
    if (numbers[1]) {
        if (!*a)
            luaL_typeerror(L, second, "tensor");
        *b = calr_lua_number_operand(L, second, *a);
        return;
    }
    *b = calr_lua_check_tensor(L, second);
    if (!*a)
        *a = calr_lua_number_operand(L, first, *b);
}

static int push_binary(lua_State *L, calr_binary op)
{
    calr_tensor *a, *b;
    calr_lua_check_operands(L, 1, 2, &a, &b);
    if (calr_lua_in_place(L)) {
        luaL_argcheck(L, lua_type(L, 1) == LUA_TUSERDATA, 1, "a tensor is written into");
        calr_lua_call(L, calr_op_binary_into(op, a, b));
        lua_settop(L, 1);
        return 1;
    }
    PUSH(L, calr_op_binary(op, a, b, slot));
    return 1;
}

/* alpha x + beta of the tensor at `arg`. */
static int push_affine(lua_State *L, int arg, double alpha, double beta)
{
    calr_tensor *x = calr_lua_check_tensor(L, arg);
    if (calr_lua_in_place(L)) {
        calr_lua_call(L, calr_op_affine_into(x, alpha, beta));
        lua_settop(L, arg);
        return 1;
    }
    PUSH(L, calr_op_affine(x, alpha, beta, slot));
    return 1;
}

/* Whether the arguments are a tensor of floats and a number: then no tensor of one number is needed. Returns the
 * place of the tensor, or 0. */
static int real_and_number(lua_State *L)
{
    int number = lua_type(L, 2) == LUA_TNUMBER ? 2 : lua_type(L, 1) == LUA_TNUMBER ? 1 : 0;
    const calr_tensor *x = number ? calr_lua_peek_tensor(L, 3 - number) : NULL;
    return x && calr_dtype_has_gradients(x->dtype) ? 3 - number : 0;
}

static double the_number(lua_State *L, int tensor)
{
    return lua_tonumber(L, 3 - tensor);
}

/* b times the number at 3, where there is one: the alpha of add and sub. Leaves two arguments and what belongs to
 * them. */
static void scale_second(lua_State *L)
{
    if (lua_isnoneornil(L, 3)) {
        lua_settop(L, 2);
        return;
    }
    double alpha = luaL_checknumber(L, 3);
    if (lua_type(L, 2) == LUA_TNUMBER) {
        lua_pushnumber(L, alpha * lua_tonumber(L, 2));
    } else {
        calr_tensor *b = calr_lua_check_tensor(L, 2), *factor = calr_lua_number_operand(L, 3, b);
        PUSH(L, calr_op_binary(CALR_MUL, b, factor, slot));
    }
    lua_replace(L, 2);
    lua_settop(L, 2);
}

/// calr.add(a, b [, alpha])
/// a + alpha b. One of them may be a number; also a + b. In place too.
/// @param a  tensor
/// @param b  tensor or number
/// @param alpha  number; 1 by default
/// @return tensor
static int word_add(lua_State *L)
{
    scale_second(L);
    int x = real_and_number(L);
    return x ? push_affine(L, x, 1, the_number(L, x)) : push_binary(L, CALR_ADD);
}

/// calr.sub(a, b [, alpha])
/// a - alpha b; also a - b. In place too.
/// @param a  tensor
/// @param b  tensor or number
/// @param alpha  number; 1 by default
/// @return tensor
static int word_sub(lua_State *L)
{
    scale_second(L);
    int x = real_and_number(L);
    return x ? push_affine(L, x, x == 1 ? 1 : -1, x == 1 ? -the_number(L, x) : the_number(L, x))
             : push_binary(L, CALR_SUB);
}

/// calr.mul(a, b)
/// a b, element by element; also a * b. Of bool: whether both are set. In place too.
/// @param a  tensor
/// @param b  tensor or number
/// @return tensor
static int word_mul(lua_State *L)
{
    int x = real_and_number(L);
    return x ? push_affine(L, x, the_number(L, x), 0) : push_binary(L, CALR_MUL);
}

/* The quotient without its fraction. *first and *second take what is made on the way. */
static calr_status divide_towards_zero(calr_tensor *a, calr_tensor *b, calr_tensor **first,
                                       calr_tensor **second, calr_tensor **y)
{
    if (calr_dtype_is_float(calr_op_promote(a, b))) {
        CALR_TRY(calr_op_binary(CALR_DIV, a, b, first));
        return calr_op_unary(CALR_TRUNC, *first, NULL, y);
    }
    CALR_TRY(calr_op_binary(CALR_FMOD, a, b, first));
    CALR_TRY(calr_op_binary(CALR_SUB, a, *first, second));
    return calr_op_binary(CALR_FLOOR_DIVIDE, *second, b, y);
}

/// calr.div(a, b [, rounding_mode])
/// a / b, element by element; also a / b. Integers are divided as f32. In place too.
/// @param a  tensor
/// @param b  tensor or number
/// @param rounding_mode  "floor" (the same as calr.floor_divide) or "trunc", towards 0; absent: as it is
/// @return tensor
static int word_div(lua_State *L)
{
    static const char *const modes[] = {"floor", "trunc", NULL};
    if (lua_isnoneornil(L, 3)) {
        lua_settop(L, 2);
        return push_binary(L, CALR_DIV);
    }
    int mode = luaL_checkoption(L, 3, NULL, modes);
    lua_settop(L, 2);
    if (mode == 0)
        return push_binary(L, CALR_FLOOR_DIVIDE);
    calr_tensor *a, *b;
    calr_lua_check_operands(L, 1, 2, &a, &b);
    calr_tensor **first = calr_lua_new_tensor(L), **second = calr_lua_new_tensor(L);
    if (calr_lua_in_place(L)) {
        calr_lua_call(L, calr_op_check_into("div", a, b));
        calr_tensor **slot = calr_lua_new_tensor(L);
        calr_lua_call(L, divide_towards_zero(a, b, first, second, slot));
        calr_lua_call(L, calr_op_store("div", a, *slot));
        lua_settop(L, 1);
        return 1;
    }
    PUSH(L, divide_towards_zero(a, b, first, second, slot));
    return 1;
}

/// calr.pow(x, exponent)
/// x to a power; also x ^ exponent. The gradient of x^0 is 0. In place too.
/// @param x  tensor or number
/// @param exponent  number or tensor
/// @return tensor
static int word_pow(lua_State *L)
{
    int x = real_and_number(L);
    if (x != 1)
        return push_binary(L, CALR_POW_OF);
    double p[2] = {lua_tonumber(L, 2), 0};
    return calr_lua_push_unary(L, CALR_POW, p);
}

static int word_binary(lua_State *L)
{
    return push_binary(L, (calr_binary)calr_lua_code(L));
}

/* The operand at `arg` as bool: whether it is not 0. It belongs to the stack. */
static calr_tensor *truth_operand(lua_State *L, int arg)
{
    calr_tensor **slot = calr_lua_new_tensor(L);
    if (lua_isboolean(L, arg)) {
        calr_lua_call(L, calr_tensor_new(CALR_BOOL, 0, NULL, slot));
        calr_lua_call(L, calr_tensor_fill(*slot, lua_toboolean(L, arg)));
        return *slot;
    }
    calr_tensor *x = calr_lua_check_tensor(L, arg);
    if (x->dtype == CALR_BOOL)
        return x;
    calr_lua_call(L, calr_tensor_cast(x, CALR_BOOL, slot));
    return *slot;
}

static int word_logical(lua_State *L)
{
    calr_tensor *a = calr_lua_test_tensor(L, 1), *b = calr_lua_test_tensor(L, 2);
    if (!a || !b || a->dtype != b->dtype || a->dtype == CALR_F16) {
        a = truth_operand(L, 1);
        b = truth_operand(L, 2);
    }
    PUSH(L, calr_op_binary((calr_binary)calr_lua_code(L), a, b, slot));
    return 1;
}

/* An operator calls with the operand twice. */
static int operator_neg(lua_State *L)
{
    lua_settop(L, 1);
    return calr_lua_push_unary(L, CALR_NEG, NULL);
}

static int operator_not(lua_State *L)
{
    lua_settop(L, 1);
    calr_tensor *x = calr_lua_check_tensor(L, 1);
    if (x->dtype == CALR_BOOL)
        return calr_lua_push_unary(L, CALR_LOGICAL_NOT, NULL);
    if (calr_dtype_is_float(x->dtype))
        return luaL_error(L, "~x is for masks, bool, and integers, not %s",
                          calr_dtype_name(x->dtype));
    lua_pushinteger(L, x->dtype == CALR_U8 ? UINT8_MAX : -1);
    return push_binary(L, CALR_XOR);
}

/* ---- three operands ---- */

/// calr.lerp(x, to, weight)
/// x + weight (to - x).
/// @param x  tensor
/// @param to  tensor
/// @param weight  number or tensor
/// @return tensor
static int word_lerp(lua_State *L)
{
    calr_tensor *a = calr_lua_check_tensor(L, 1), *b = calr_lua_check_tensor(L, 2);
    calr_tensor *c = lua_type(L, 3) == LUA_TNUMBER ? calr_lua_number_operand(L, 3, a)
                                                   : calr_lua_check_tensor(L, 3);
    PUSH(L, calr_op_ternary(CALR_LERP, 0, a, b, c, slot));
    return 1;
}

/// calr.addcmul(x, a, b [, value])
/// x + value a b.
/// @param x  tensor
/// @param a  tensor
/// @param b  tensor
/// @param value  number; 1 by default
/// @return tensor

/// calr.addcdiv(x, a, b [, value])
/// x + value a / b.
/// @param x  tensor
/// @param a  tensor
/// @param b  tensor
/// @param value  number; 1 by default
/// @return tensor
static int word_ternary(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1), *a = calr_lua_check_tensor(L, 2),
                *b = calr_lua_check_tensor(L, 3);
    double value = luaL_optnumber(L, 4, 1);
    PUSH(L, calr_op_ternary((calr_ternary)calr_lua_code(L), value, x, a, b, slot));
    return 1;
}

/* The values at two places: tensors, numbers or booleans; `like` decides the type of two numbers. */
static void check_choices(lua_State *L, int first, int second, calr_tensor **a, calr_tensor **b)
{
    if (lua_isboolean(L, first))
        *a = truth_operand(L, first);
    if (lua_isboolean(L, second))
        *b = truth_operand(L, second);
    if (*a && *b)
        return;
    if (*a || *b || lua_type(L, first) == LUA_TUSERDATA || lua_type(L, second) == LUA_TUSERDATA) {
        if (!*a && lua_type(L, first) == LUA_TUSERDATA)
            *a = calr_lua_check_tensor(L, first);
        if (!*b && lua_type(L, second) == LUA_TUSERDATA)
            *b = calr_lua_check_tensor(L, second);
        if (!*a) {
            luaL_checknumber(L, first);
            *a = calr_lua_number_operand(L, first, *b);
        }
        if (!*b) {
            luaL_checknumber(L, second);
            *b = calr_lua_number_operand(L, second, *a);
        }
        return;
    }
    luaL_checknumber(L, first);
    luaL_checknumber(L, second);
    bool whole = lua_isinteger(L, first) && lua_isinteger(L, second);
    calr_tensor like = {.dtype = whole ? CALR_I64 : CALR_F32};
    *a = calr_lua_number_operand(L, first, &like);
    *b = calr_lua_number_operand(L, second, &like);
}

/// calr.where(mask, a, b)
/// a where the mask is set, b elsewhere; shapes are repeated as in arithmetic. Two whole numbers give i64, other
/// numbers
/// f32. calr.nonzero tells where a mask is set.
/// @param mask  bool tensor
/// @param a  tensor, number or boolean
/// @param b  tensor, number or boolean
/// @return tensor
static int word_where(lua_State *L)
{
    calr_tensor *mask = calr_lua_check_tensor(L, 1), *a = NULL, *b = NULL;
    check_choices(L, 2, 3, &a, &b);
    PUSH(L, calr_op_where(mask, a, b, slot));
    return 1;
}

/// calr.masked_fill(x, mask, value)
/// x with `value` where the mask is set. In place too.
/// @param x  tensor
/// @param mask  bool tensor, repeated to the shape of x
/// @param value  number, boolean, or tensor of a single number
/// @return tensor  the type of x
static int word_masked_fill(lua_State *L)
{
    calr_tensor *x = calr_lua_check_tensor(L, 1), *mask = calr_lua_check_tensor(L, 2);
    calr_tensor *value = lua_isboolean(L, 3)             ? truth_operand(L, 3)
                         : lua_type(L, 3) == LUA_TNUMBER ? calr_lua_number_operand(L, 3, x)
                                                         : calr_lua_check_tensor(L, 3);
    luaL_argcheck(L, value->ndim == 0 || calr_tensor_numel(value) == 1, 3,
                  "one value is needed; calr.where takes a tensor of them");
    if (value->dtype != x->dtype) {
        bool fits = calr_dtype_is_float(x->dtype) || x->dtype == calr_op_promote(x, value);
        luaL_argcheck(L, fits, 3, "the value does not fit the type of x");
        calr_tensor **cast = calr_lua_new_tensor(L);
        calr_lua_call(L, calr_op_cast(value, x->dtype, cast));
        value = *cast;
    }
    if (!calr_lua_in_place(L)) {
        PUSH(L, calr_op_where(mask, value, x, slot));
        return 1;
    }
    calr_tensor **filled = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_op_check_into("masked_fill", x, value));
    calr_lua_call(L, calr_op_where(mask, value, x, filled));
    calr_lua_call(L, calr_op_store("masked_fill", x, *filled));
    lua_settop(L, 1);
    return 1;
}

/* ---- the rows, and their pages ---- */

/// calr.floor_divide(a, b)
/// a / b rounded down; also a // b. A whole number divided by 0 is an error. In place too.
/// @param a  tensor
/// @param b  tensor or number
/// @return tensor

/// calr.remainder(a, b)
/// What is left of a after whole times b, with the sign of b; also a % b. A whole number divided by 0 is an error.
/// In place too.
/// @param a  tensor
/// @param b  tensor or number
/// @return tensor

/// calr.fmod(a, b)
/// What is left of a after whole times b, with the sign of a. A whole number divided by 0 is an error. In place
/// too.
/// @param a  tensor
/// @param b  tensor or number
/// @return tensor

/// calr.maximum(a, b)
/// The larger of two elements; NaN where one is. Equal ones share the gradient.
/// @param a  tensor
/// @param b  tensor or number
/// @return tensor

/// calr.minimum(a, b)
/// The smaller of two elements; NaN where one is. Equal ones share the gradient.
/// @param a  tensor
/// @param b  tensor or number
/// @return tensor

/// calr.atan2(a, b)
/// The angle of the point (b, a), in -pi .. pi.
/// @param a  tensor
/// @param b  tensor or number
/// @return tensor

/// calr.bitwise_and(a, b)
/// Tells of masks whether both are set, and combines the bits of integers. Also a & b.
/// @param a  tensor
/// @param b  tensor or number
/// @return tensor

/// calr.bitwise_or(a, b)
/// Tells of masks whether at least one is set, and combines the bits of integers. Also a | b.
/// @param a  tensor
/// @param b  tensor or number
/// @return tensor

/// calr.bitwise_xor(a, b)
/// Tells of masks whether exactly one is set, and combines the bits of integers. Also a ~ b.
/// @param a  tensor
/// @param b  tensor or number
/// @return tensor

/// calr.eq(a, b)
/// Whether a and b are equal. (a == b asks whether they are the same tensor.)
/// @param a  tensor
/// @param b  tensor or number
/// @return tensor  bool

/// calr.ne(a, b)
/// Whether a and b differ.
/// @param a  tensor
/// @param b  tensor or number
/// @return tensor  bool

/// calr.lt(a, b)
/// Whether a is less than b.
/// @param a  tensor
/// @param b  tensor or number
/// @return tensor  bool

/// calr.le(a, b)
/// Whether a is less than b, or equal.
/// @param a  tensor
/// @param b  tensor or number
/// @return tensor  bool

/// calr.gt(a, b)
/// Whether a is greater than b.
/// @param a  tensor
/// @param b  tensor or number
/// @return tensor  bool

/// calr.ge(a, b)
/// Whether a is greater than b, or equal.
/// @param a  tensor
/// @param b  tensor or number
/// @return tensor  bool

/// calr.logical_and(a, b)
/// Whether both are set: not 0.
/// @param a  tensor
/// @param b  tensor or boolean
/// @return tensor  bool

/// calr.logical_or(a, b)
/// Whether one is set: not 0.
/// @param a  tensor
/// @param b  tensor or boolean
/// @return tensor  bool

/// calr.logical_xor(a, b)
/// Whether exactly one is set: not 0.
/// @param a  tensor
/// @param b  tensor or boolean
/// @return tensor  bool

#define BINARY(name, op)                                                                           \
    {                                                                                              \
        name, word_binary, "a, b", .code = op                                                      \
    }
#define BINARY_(name, op)                                                                          \
    {                                                                                              \
        name, word_binary, "a, b", .code = op, .in_place = true                                    \
    }
#define LOGICAL(name, op)                                                                          \
    {                                                                                              \
        name, word_logical, "a, b", .code = op                                                     \
    }

const calr_lua_function calr_lua_element_methods[] = {
    {"add", word_add, "a, b [, alpha]", .named = true, .in_place = true},
    {"sub", word_sub, "a, b [, alpha]", .named = true, .in_place = true},
    {"mul", word_mul, "a, b", .in_place = true},
    {"div", word_div, "a, b [, rounding_mode]", .named = true, .in_place = true},
    {"pow", word_pow, "x, exponent", .in_place = true},
    {"lerp", word_lerp, "x, to, weight"},
    {"addcmul", word_ternary, "x, a, b [, value]", .code = CALR_ADDCMUL, .named = true},
    {"addcdiv", word_ternary, "x, a, b [, value]", .code = CALR_ADDCDIV, .named = true},
    {"where", word_where, "mask, a, b"},
    {"masked_fill", word_masked_fill, "x, mask, value", .in_place = true},
    BINARY_("floor_divide", CALR_FLOOR_DIVIDE),
    BINARY_("remainder", CALR_REMAINDER),
    BINARY_("fmod", CALR_FMOD),
    BINARY("maximum", CALR_MAXIMUM),
    BINARY("minimum", CALR_MINIMUM),
    BINARY("atan2", CALR_ATAN2),
    BINARY("bitwise_and", CALR_AND),
    BINARY("bitwise_or", CALR_OR),
    BINARY("bitwise_xor", CALR_XOR),
    BINARY("eq", CALR_EQ),
    BINARY("ne", CALR_NE),
    BINARY("lt", CALR_LT),
    BINARY("le", CALR_LE),
    BINARY("gt", CALR_GT),
    BINARY("ge", CALR_GE),
    LOGICAL("logical_and", CALR_LOGICAL_AND),
    LOGICAL("logical_or", CALR_LOGICAL_OR),
    LOGICAL("logical_xor", CALR_LOGICAL_XOR),
    {NULL, NULL, NULL},
};

/* ---- operators ---- */

/* a < b: Lua would turn any result into true or false. */
static int operator_less(lua_State *L)
{
    bool or_equal = calr_lua_code(L);
    return luaL_error(L,
                      "%s does not compare tensors: a:%s(b) gives a mask, and a:item() a number to "
                      "compare (b:%s(a) is "
                      "the reverse)",
                      or_equal ? "<=" : "<", or_equal ? "le" : "lt", or_equal ? "le" : "lt");
}

static int operator_concat(lua_State *L)
{
    return luaL_error(L, ".. joins texts: calr.cat { a, b } joins tensors, and tostring(a) or "
                         "a:describe() is a tensor's text");
}

const calr_lua_function calr_lua_operators[] = {
    {"__add", word_add, NULL},
    {"__sub", word_sub, NULL},
    {"__mul", word_mul, NULL},
    {"__div", word_div, NULL},
    {"__pow", word_pow, NULL},
    {"__unm", operator_neg, NULL},
    {"__idiv", word_binary, NULL, .code = CALR_FLOOR_DIVIDE},
    {"__mod", word_binary, NULL, .code = CALR_REMAINDER},
    {"__band", word_binary, NULL, .code = CALR_AND},
    {"__bor", word_binary, NULL, .code = CALR_OR},
    {"__bxor", word_binary, NULL, .code = CALR_XOR},
    {"__bnot", operator_not, NULL},
    {"__lt", operator_less, NULL, .code = 0},
    {"__le", operator_less, NULL, .code = 1},
    {"__concat", operator_concat, NULL},
    {NULL, NULL, NULL},
};
