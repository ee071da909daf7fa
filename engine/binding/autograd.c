/* calr.autograd: gradients. */
#include "binding/autograd.h"
#include "binding/bind.h"
#include "binding/collect.h"
#include "binding/methods.h"
#include "binding/modules.h"

#include "autograd/tape.h"

/// @module calr.autograd
/// Gradients. Operations on tensors that need a gradient are recorded as they run; backward(loss)
/// follows the record from a single number back to the tensors declared with requires_grad(true)
/// and adds the gradients there.

/* ---- callbacks ---- */

static _Thread_local lua_State *running;

/* Key of the registry, by address. */
static const char error_key;

lua_State *calr_autograd_enter(lua_State *L)
{
    lua_State *outer = running;
    running = L;
    return outer;
}

void calr_autograd_leave(lua_State *outer)
{
    running = outer;
}

lua_State *calr_autograd_state(void)
{
    return running;
}

calr_status calr_autograd_take_error(lua_State *L)
{
    int kind = lua_type(L, -1);
    calr_status status = calr_error(
        CALR_EINVAL, "%s", kind == LUA_TSTRING ? lua_tostring(L, -1) : "an error without text");
    if (kind == LUA_TSTRING || kind == LUA_TNIL || kind == LUA_TBOOLEAN)
        lua_pop(L, 1);
    else
        lua_rawsetp(L, LUA_REGISTRYINDEX, &error_key); /* the key exists: this allocates nothing */
    return status;
}

calr_status calr_autograd_protect(lua_CFunction fn, void *job)
{
    lua_State *L = running;
    if (!lua_checkstack(L, 8))
        return calr_error(CALR_ENOMEM, "too many values on the Lua stack");
    lua_pushcfunction(L, fn);
    lua_pushlightuserdata(L, job);
    return lua_pcall(L, 1, 0, 0) == LUA_OK ? CALR_OK : calr_autograd_take_error(L);
}

void calr_autograd_call(lua_State *L, calr_status status)
{
    if (status == CALR_OK)
        return;
    int kind = lua_rawgetp(L, LUA_REGISTRYINDEX, &error_key);
    if (kind != LUA_TBOOLEAN && kind != LUA_TNIL) {
        lua_pushboolean(L, 0);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &error_key);
        lua_error(L);
    }
    lua_pop(L, 1);
    calr_lua_call(L, status);
}

/* ---- backward ---- */

static bool opt_boolean(lua_State *L, int arg)
{
    if (!lua_isnoneornil(L, arg))
        luaL_checktype(L, arg, LUA_TBOOLEAN);
    return lua_toboolean(L, arg);
}

/* retain_graph at `arg`, and create_graph behind it, which is refused: a backward pass leaves no graph. */
static unsigned check_flags(lua_State *L, int arg)
{
    if (opt_boolean(L, arg + 1))
        luaL_error(
            L,
            "create_graph: calr has no second derivatives. To train on a gradient, write it as a "
            "formula of tensors; to look at curvature, take the difference of two gradients: "
            "(grad at x + e v - grad at x - e v) / 2e");
    return opt_boolean(L, arg) ? CALR_RETAIN_GRAPH : 0;
}

/// calr.autograd.backward(loss [, gradient, retain_graph, create_graph])
/// Follows a single number back to every tensor with requires_grad(true) that it was computed from,
/// and adds the gradients there (tensor:grad()). The record is freed on the way, so it can be
/// followed only once, unless retain_graph = true keeps it. If a tensor was changed in place after an
/// operation saved it, an error names both. Also loss:backward { retain_graph = true }.
/// @param loss          a tensor of one element; with a gradient, of any shape
/// @param gradient      tensor of the loss's shape; the gradient of the loss itself
/// @param retain_graph  boolean; the record, and the memory in it, stay until the loss is gone, and a second
///                      call gives the same bits
/// @param create_graph  boolean; an error when true: there are no second derivatives
static int autograd_backward(lua_State *L)
{
    calr_tensor *loss = calr_lua_check_tensor(L, 1);
    calr_tensor *gradient = lua_isnoneornil(L, 2) ? NULL : calr_lua_check_tensor(L, 2);
    unsigned flags = check_flags(L, 3);
    lua_settop(L, 2); /* keeps them alive */
    calr_collect_before_backward(L);
    lua_State *outer = calr_autograd_enter(L);
    calr_status status = calr_tape_backward_from(loss, gradient, flags);
    calr_autograd_leave(outer);
    calr_autograd_call(L, status);
    return 0;
}

/* ---- grad ---- */

/* The tensors of a list, or the one tensor, at `arg`, in a userdata that is pushed; nil counts as none where
 * `optional`. */
static calr_tensor **read_tensors(lua_State *L, int arg, bool optional, int *count)
{
    bool single = luaL_testudata(L, arg, "calr.tensor");
    if (!single && lua_type(L, arg) != LUA_TTABLE)
        luaL_typeerror(L, arg, "tensor, or list of them");
    lua_Integer length = single ? 1 : *count > 0 ? *count : calr_lua_length(L, arg);
    calr_tensor **list = lua_newuserdatauv(L, (size_t)(length + 1) * sizeof *list, 0);
    for (int i = 0; i < (int)length; i++) {
        if (single)
            lua_pushvalue(L, arg);
        else
            lua_geti(L, arg, i + 1);
        list[i] = calr_lua_test_tensor(L, -1);
        if (!list[i] && !(optional && lua_isnil(L, -1)))
            luaL_argerror(
                L, arg,
                lua_pushfstring(L, "item %d is no tensor, but a %s", i + 1, luaL_typename(L, -1)));
        lua_pop(L, 1);
    }
    *count = (int)length;
    return list;
}

/* The gradients of the roots at `arg`; NULL: absent. */
static calr_tensor **read_root_gradients(lua_State *L, int arg, int count)
{
    if (lua_isnoneornil(L, arg))
        return NULL;
    bool list = lua_istable(L, arg);
    if (list && calr_lua_length(L, arg) > count)
        luaL_error(L, "grad_outputs holds %I gradients for %d tensors", calr_lua_length(L, arg),
                   count);
    int given = list ? count : 0;
    calr_tensor **gradients = read_tensors(L, arg, true, &given);
    if (given != count)
        luaL_error(L, "grad_outputs is one gradient for %d tensors", count);
    return gradients;
}

/// calr.autograd.grad(y, x [, grad_outputs, retain_graph, create_graph, allow_unused])
/// Returns the gradient of y with respect to x. Nothing is added anywhere: x:grad() and that of every
/// other tensor stay as they are. Only what lies between x and y is followed, and freed.
/// @param y             a tensor of one element; with grad_outputs, of any shape; or a list of tensors, whose
///                      gradients are added up
/// @param x             a tensor that y was computed from, declared or computed itself; or a list of tensors
/// @param grad_outputs  tensor or list; the gradient of each y, of its shape
/// @param retain_graph  boolean; the record stays, for a further call
/// @param create_graph  boolean; an error when true: there are no second derivatives
/// @param allow_unused  boolean; nil for an x that y was not computed from, in place of an error
/// @return tensor  of x's shape; a list of them where x is a list
static int autograd_grad(lua_State *L)
{
    bool single = !lua_istable(L, 2);
    int y_count = 0, x_count = 0;
    lua_settop(L, 6);
    unsigned flags = check_flags(L, 4);
    if (opt_boolean(L, 6))
        flags |= CALR_ALLOW_UNUSED;
    luaL_checkstack(L, 12, NULL);
    calr_tensor **y = read_tensors(L, 1, false, &y_count);
    calr_tensor **x = read_tensors(L, 2, false, &x_count);
    luaL_argcheck(L, y_count > 0, 1, "an empty list");
    luaL_argcheck(L, x_count > 0, 2, "an empty list");
    calr_tape_roots roots = {y, read_root_gradients(L, 3, y_count), y_count};
    lua_createtable(L, x_count, 0);
    calr_tensor ***slots = lua_newuserdatauv(L, (size_t)x_count * sizeof *slots, 0);
    calr_tensor **found = lua_newuserdatauv(L, (size_t)x_count * sizeof *found, 0);
    for (int i = 0; i < x_count; i++) {
        slots[i] = calr_lua_new_tensor(L);
        lua_seti(L, -4, i + 1);
    }
    calr_collect_before_backward(L);
    lua_State *outer = calr_autograd_enter(L);
    calr_status status = calr_tape_grad(&roots, x, x_count, flags, found);
    calr_autograd_leave(outer);
    for (int i = 0; i < x_count && status == CALR_OK; i++)
        *slots[i] = found[i];
    calr_autograd_call(L, status);
    lua_pop(L, 2);
    for (int i = 0; i < x_count; i++) {
        if (*slots[i])
            continue;
        lua_pushnil(L);
        lua_seti(L, -2, i + 1);
    }
    if (single)
        lua_geti(L, -1, 1);
    return 1;
}

/* ---- methods of tensors ---- */

/// tensor:requires_grad([wanted])
/// Declares whether gradients with respect to this tensor (f32, f64 or bf16) are wanted.
/// Without an argument: returns whether it was so declared, or computed from such tensors.
/// @return tensor  itself; or a boolean
static int gradient_requires(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    if (lua_isnone(L, 2)) {
        lua_pushboolean(L, calr_tape_requires(t));
        return 1;
    }
    luaL_checktype(L, 2, LUA_TBOOLEAN);
    calr_lua_call(L, calr_tape_require(t, lua_toboolean(L, 2)));
    lua_settop(L, 1);
    return 1;
}

/// tensor:requires_grad_([wanted])
/// Declares that gradients with respect to this tensor are wanted; with false, that they no longer are.
/// @param wanted  true by default
/// @return tensor  itself
static int gradient_requires_in_place(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    if (!lua_isnoneornil(L, 2))
        luaL_checktype(L, 2, LUA_TBOOLEAN);
    calr_lua_call(L, calr_tape_require(t, lua_isnoneornil(L, 2) || lua_toboolean(L, 2)));
    lua_settop(L, 1);
    return 1;
}

/// tensor:is_leaf()
/// Tells whether the tensor was not computed by a recorded operation: backward() ends there.
/// @return boolean
static int gradient_is_leaf(lua_State *L)
{
    lua_pushboolean(L, !calr_tape_is_computed(calr_lua_check_tensor(L, 1)));
    return 1;
}

/// tensor:grad()
/// Returns the gradient that backward() has added up in a tensor declared with requires_grad(true), or in a
/// computed one after tensor:retain_grad(); nil if there is none. It is the gradient itself, not
/// a copy: later backward() calls add to it.
/// @return tensor
static int gradient_grad(lua_State *L)
{
    calr_tensor *gradient = calr_tape_gradient(calr_lua_check_tensor(L, 1));
    if (!gradient) {
        lua_pushnil(L);
        return 1;
    }
    *calr_lua_new_tensor(L) = calr_tensor_retain(gradient);
    return 1;
}

/// tensor:retain_grad()
/// Has tensor:grad() give the gradient of this computed tensor after backward(), as a declared one does anyway.
/// @return tensor  itself
static int gradient_retain(lua_State *L)
{
    calr_lua_call(L, calr_tape_keep_gradient(calr_lua_check_tensor(L, 1)));
    lua_settop(L, 1);
    return 1;
}

/// tensor:zero_grad()
/// Drops the gradient.
/// @return tensor  itself
static int gradient_zero(lua_State *L)
{
    calr_lua_call(L, calr_tape_set_gradient(calr_lua_check_tensor(L, 1), NULL));
    lua_settop(L, 1);
    return 1;
}

/// tensor:set_grad(gradient)
/// Replaces the gradient by a copy of a tensor of the same shape.
/// @return tensor  itself
static int gradient_set(lua_State *L)
{
    calr_lua_call(L,
                  calr_tape_set_gradient(calr_lua_check_tensor(L, 1), calr_lua_check_tensor(L, 2)));
    lua_settop(L, 1);
    return 1;
}

/// tensor:detach()
/// Returns the same elements (shared memory) without the record of how they were computed.
/// @return tensor
static int gradient_detach(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    calr_lua_call(L, calr_tensor_alias(t, calr_lua_new_tensor(L)));
    return 1;
}

/// tensor:detach_()
/// Forgets how this tensor was computed, or that it was declared: what is computed from it from now on has no
/// gradient through it. A graph that it is part of stays whole.
/// @return tensor  itself
static int gradient_detach_in_place(lua_State *L)
{
    calr_tape_detach(calr_lua_check_tensor(L, 1));
    lua_settop(L, 1);
    return 1;
}

#define BACKWARD "loss [, gradient, retain_graph, create_graph]"

static const calr_lua_function functions[] = {
    {"backward", autograd_backward, BACKWARD, .named = true},
    {"grad", autograd_grad, "y, x [, grad_outputs, retain_graph, create_graph, allow_unused]",
     .named = true},
    {NULL, NULL, NULL},
};

const calr_lua_function calr_lua_gradient_methods[] = {
    {"requires_grad_", gradient_requires_in_place, "self [, wanted]"},
    {"is_leaf", gradient_is_leaf, "self"},
    {"retain_grad", gradient_retain, "self"},
    {"detach_", gradient_detach_in_place, "self"},
    {"requires_grad", gradient_requires, "self [, wanted]"},
    {"grad", gradient_grad, "self"},
    {"zero_grad", gradient_zero, "self"},
    {"set_grad", gradient_set, "self, gradient"},
    {"detach", gradient_detach, "self"},
    {"backward", autograd_backward, BACKWARD, .named = true},
    {NULL, NULL, NULL},
};

int luaopen_calr_autograd(lua_State *L)
{
    lua_pushboolean(L, 0);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &error_key);
    calr_lua_new_module(L, "calr.autograd.", functions);
    calr_lua_add_recording(L);
    calr_lua_add_hooks(L);
    calr_lua_add_custom(L);
    return 1;
}
