/* calr.optim.step: steps of optimisers. */
#include "binding/bind.h"
#include "binding/modules.h"

#include <math.h>

#include "backend/backend.h"

/// @module calr.optim.step
/// Single steps of optimisers on one parameter, in place. Training scripts use calr.optim:
/// it keeps the state and steps over a list of parameters.

static const calr_backend *backend(lua_State *L)
{
    const calr_backend *k;
    calr_lua_call(L, calr_backend_get(&k));
    return k;
}

/* A contiguous f32 tensor; `shape` (may be NULL) is another that it must agree with. */
static calr_tensor *check_array(lua_State *L, int arg, const calr_tensor *shape)
{
    char a[CALR_TENSOR_TEXT], b[CALR_TENSOR_TEXT];
    calr_tensor *t = calr_lua_check_tensor(L, arg);
    luaL_argcheck(L, t->dtype == CALR_F32 && calr_tensor_is_contiguous(t), arg,
                  "a contiguous f32 tensor is needed");
    if (shape && !calr_tensor_same_shape(t, shape))
        luaL_argerror(L, arg,
                      lua_pushfstring(L, "it must have the shape of the parameter, %s, not %s",
                                      calr_tensor_describe(shape, a), calr_tensor_describe(t, b)));
    return t;
}

/// calr.optim.step.adam(w, dw, m, v, {step=, lr=, beta1=.9, beta2=.999, eps=1e-8, weight_decay=0,
///   decoupled=false, largest=})
/// Does one step of Adam as defined by PyTorch: g = dw + weight_decay w; m = beta1 m + (1 - beta1) g;
/// v = beta2 v + (1 - beta2) g^2; w -= lr / (1 - beta1^step) m / (sqrt(v / (1 - beta2^step)) +
/// eps). With `decoupled` it is AdamW: g = dw, and w is first multiplied by 1 - lr weight_decay.
/// @param w   f32, changed in place
/// @param dw  its gradient
/// @param m   first moment, zeros at first, changed in place
/// @param v   second moment, likewise
/// @param step  of this call; the first is 1
/// @param largest  f32, zeros at first, changed in place: the largest v so far, which takes the place of
///   v in the last line (AMSGrad)
static int optimizer_adam(lua_State *L)
{
    static const char *const names[] = {"step",         "lr",        "beta1",   "beta2", "eps",
                                        "weight_decay", "decoupled", "largest", NULL};
    calr_tensor *largest = NULL, *w = check_array(L, 1, NULL), *dw = check_array(L, 2, w);
    calr_tensor *m = check_array(L, 3, w), *v = check_array(L, 4, w);
    luaL_checktype(L, 5, LUA_TTABLE);
    calr_lua_check_options(L, 5, names);
    if (lua_getfield(L, 5, "largest") != LUA_TNIL)
        largest = check_array(L, -1, w);
    calr_adam adam = {
        .largest = largest ? calr_tensor_f32(largest) : NULL,
        .decoupled = calr_lua_option_boolean(L, 5, "decoupled", 0),
        .step = calr_lua_option_integer(L, 5, "step", 0, 1, INT64_MAX),
        .lr = calr_lua_option_number(L, 5, "lr", NAN, 0, HUGE_VAL),
        .beta1 = calr_lua_option_number(L, 5, "beta1", 0.9, 0, 1),
        .beta2 = calr_lua_option_number(L, 5, "beta2", 0.999, 0, 1),
        .eps = calr_lua_option_number(L, 5, "eps", 1e-8, 0, HUGE_VAL),
        .weight_decay = calr_lua_option_number(L, 5, "weight_decay", 0, 0, HUGE_VAL),
    };
    if (adam.step == 0 || isnan(adam.lr))
        luaL_error(L, "options \"step\" and \"lr\" are needed");
    if (adam.beta1 == 1 ||
        adam.beta2 == 1) /* the correction for the first steps divides by 1 - beta^step */
        luaL_error(L, "options \"beta1\" and \"beta2\" must be below 1");
    backend(L)->adam_step(calr_tensor_numel(w), &adam, calr_tensor_f32(dw), calr_tensor_f32(m),
                          calr_tensor_f32(v), calr_tensor_f32(w));
    calr_tensor_touch(w);
    calr_tensor_touch(m);
    calr_tensor_touch(v);
    if (largest)
        calr_tensor_touch(largest);
    return 0;
}

/// calr.optim.step.sgd(w, dw, velocity, {lr=, momentum=0, dampening=0, weight_decay=0, nesterov=false})
/// Does one step of stochastic gradient descent as defined by PyTorch: g = dw + weight_decay w; b =
/// momentum b + (1 - dampening) g; w -= lr (nesterov and g + momentum b or b). PyTorch's first step has
/// no dampening; the caller sees to that.
/// @param w         f32, changed in place
/// @param dw        its gradient
/// @param velocity  b, zeros at first, changed in place; nil when momentum is 0
static int optimizer_sgd(lua_State *L)
{
    static const char *const names[] = {"lr",           "momentum", "dampening",
                                        "weight_decay", "nesterov", NULL};
    calr_tensor *w = check_array(L, 1, NULL), *dw = check_array(L, 2, w);
    calr_tensor *velocity = lua_isnil(L, 3) ? NULL : check_array(L, 3, w);
    luaL_checktype(L, 4, LUA_TTABLE);
    calr_lua_check_options(L, 4, names);
    calr_sgd sgd = {
        .lr = calr_lua_option_number(L, 4, "lr", NAN, 0, HUGE_VAL),
        .momentum = calr_lua_option_number(L, 4, "momentum", 0, 0, HUGE_VAL),
        .dampening = calr_lua_option_number(L, 4, "dampening", 0, 0, 1),
        .weight_decay = calr_lua_option_number(L, 4, "weight_decay", 0, 0, HUGE_VAL),
        .nesterov = calr_lua_option_boolean(L, 4, "nesterov", 0),
    };
    if (isnan(sgd.lr))
        luaL_error(L, "option \"lr\" is needed");
    luaL_argcheck(L, velocity || sgd.momentum == 0, 3, "momentum needs a velocity");
    if (sgd.nesterov && sgd.dampening != 0)
        luaL_error(L, "nesterov takes no dampening");
    backend(L)->sgd_step(calr_tensor_numel(w), &sgd, calr_tensor_f32(dw),
                         velocity ? calr_tensor_f32(velocity) : NULL, calr_tensor_f32(w));
    calr_tensor_touch(w);
    if (velocity)
        calr_tensor_touch(velocity);
    return 0;
}

static const calr_lua_function functions[] = {
    {"adam", optimizer_adam, "w, dw, m, v, options"},
    {"sgd", optimizer_sgd, "w, dw, velocity, options"},
    {NULL, NULL, NULL},
};

int luaopen_calr_optim_step(lua_State *L)
{
    calr_lua_new_module(L, "calr.optim.step.", functions);
    return 1;
}
