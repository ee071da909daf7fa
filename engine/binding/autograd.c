/* calr.autograd: gradients. */
#include "binding/autograd.h"
#include "binding/bind.h"
#include "binding/collect.h"
#include "binding/methods.h"
#include "binding/modules.h"

#include "autograd/apply.h"
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

/// calr.autograd.backward(loss [, gradient])
/// Follows a single number back to every tensor with requires_grad(true) that it was computed from,
/// and adds the gradients there (tensor:grad()). The record is freed on the way, so it can be
/// followed only once. If a tensor was changed in place after an operation saved it, an error names
/// both. Also loss:backward().
/// @param loss      a tensor of one element; with a gradient, of any shape
/// @param gradient  of the loss's shape: the gradient of the loss itself
static int autograd_backward(lua_State *L)
{
    calr_tensor *loss = calr_lua_check_tensor(L, 1);
    calr_tensor *gradient = lua_isnoneornil(L, 2) ? NULL : calr_lua_check_tensor(L, 2);
    lua_settop(L, 2); /* keeps them alive */
    calr_collect_before_backward(L);
    lua_State *outer = calr_autograd_enter(L);
    calr_status status =
        gradient ? calr_tape_backward_from(loss, gradient) : calr_tape_backward(loss);
    calr_autograd_leave(outer);
    calr_autograd_call(L, status);
    return 0;
}

/* ---- no_grad, replay, checkpoint ---- */

static int restore_recording(lua_State *L)
{
    calr_tape_restore((int)lua_tointeger(L, lua_upvalueindex(1)));
    calr_tape_set_replays((int)lua_tointeger(L, lua_upvalueindex(2)));
    return 0;
}

/* In a coroutine that an error ends, values to be closed stay open until somebody closes it, or for good: there the
 * error is caught here, and raised again. */
static int call_within_coroutine(lua_State *L, void (*enter)(void))
{
    int paused = calr_tape_paused(), replays = calr_tape_replays();
    enter();
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    calr_tape_restore(paused);
    calr_tape_set_replays(replays);
    return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

/* Calls the function at 1 with what follows, after `enter`, and restores recording. A value to be
 * closed: it comes back on an error too, whose traceback stays whole. */
static int call_within(lua_State *L, void (*enter)(void))
{
    luaL_checkany(L, 1);
    luaL_checkstack(L, 6, NULL);
    int is_main = lua_pushthread(L);
    lua_pop(L, 1);
    if (!is_main)
        return call_within_coroutine(L, enter);
    int arguments = lua_gettop(L) - 1;
    lua_createtable(L, 0, 0);
    lua_createtable(L, 0, 1);
    lua_pushinteger(L, calr_tape_paused());
    lua_pushinteger(L, calr_tape_replays());
    lua_pushcclosure(L, restore_recording, 2);
    lua_setfield(L, -2, "__close");
    lua_setmetatable(L, -2);
    lua_insert(L, 1);
    lua_toclose(L, 1);
    enter();
    lua_call(L, arguments, LUA_MULTRET);
    int results = lua_gettop(L) - 1;
    lua_closeslot(L, 1);
    return results;
}

/// calr.autograd.no_grad(fn, ...)
/// Calls fn(...) without recording: nothing computed inside needs a gradient, or keeps memory for
/// one. fn may not yield out of it. Also calr.no_grad.
/// @return any  what fn returns
static int autograd_no_grad(lua_State *L)
{
    return call_within(L, calr_tape_pause);
}

static void enter_replay(void)
{
    calr_tape_restore(0);
    calr_tape_set_replays(calr_tape_replays() + 1);
}

/// calr.autograd.replay(fn, ...)
/// Calls fn(...) with recording, wherever it is called from, as a second run of earlier work: batch
/// norms in training leave their running statistics unchanged. Used by calr.autograd.checkpoint in
/// the backward pass.
/// @return any  what fn returns
static int autograd_replay(lua_State *L)
{
    return call_within(L, enter_replay);
}

/* The function `name` of the Lua half of this module, called with all arguments. */
static int call_lua_half(lua_State *L, const char *name)
{
    luaL_checkstack(L, 2, NULL);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "calr.autograd.checkpoint");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/// calr.autograd.checkpoint(fn, ...)
/// Calls fn(...), a function of tensors (and other values) that returns one tensor, without keeping
/// its intermediate results: only its arguments are kept, and the backward pass runs it once more
/// (Chen et al., "Training deep nets with sublinear memory cost", arXiv 1604.06174). Gradients are
/// the same bits, also of parameters that fn uses, if its arguments are used nowhere else; otherwise
/// their gradients are added up in another order. The second run must repeat the first: batch norms
/// and dropout layers take care of it; put other effects into calr.autograd.once. Without recording
/// it simply calls fn(...).
/// @param ...  its arguments; a tensor gets a gradient only as an argument or as a parameter
/// @return tensor
static int autograd_checkpoint(lua_State *L)
{
    return call_lua_half(L, "run");
}

/// calr.autograd.once(fn)
/// Inside a function that calr.autograd.checkpoint runs twice: calls fn() in the first run only, and
/// returns the same value in the second. For random numbers and counters. Elsewhere it calls fn().
/// @param fn  function() -> value, not a tensor
/// @return any
static int autograd_once(lua_State *L)
{
    return call_lua_half(L, "once");
}

/// calr.autograd.keep_below([bytes])
/// Sets a size below which outputs of batch norms are kept for the backward pass; larger ones are
/// computed again there, at the cost of one pass. Initially 8 MiB; 0: none is kept; math.maxinteger:
/// all are. Gradients are the same bits. Measurements: docs/notebook/training.md.
/// @param bytes  the new bound, for graphs recorded from now on
/// @return integer  the bound before
static int autograd_keep_below(lua_State *L)
{
    size_t before = calr_op_keep_below();
    if (!lua_isnoneornil(L, 1)) {
        lua_Integer bytes = luaL_checkinteger(L, 1);
        luaL_argcheck(L, bytes >= 0, 1, "0 or more bytes");
        calr_op_set_keep_below((size_t)bytes);
    }
    lua_pushinteger(L, (lua_Integer)before);
    return 1;
}

/// calr.autograd.recording()
/// Tells whether operations are being recorded (not inside no_grad).
/// @return boolean
static int autograd_recording(lua_State *L)
{
    lua_pushboolean(L, calr_tape_is_recording());
    return 1;
}

/* ---- methods of tensors ---- */

/// tensor:requires_grad([wanted])
/// Declares whether gradients with respect to this f32 tensor are wanted.
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

/// tensor:grad()
/// Returns the gradient that backward() has added up in a tensor declared with requires_grad(true);
/// nil if there is none. It is the gradient itself, not a copy: later backward() calls add to it.
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

static const calr_lua_function functions[] = {
    {"backward", autograd_backward, "loss [, gradient]"},
    {"no_grad", autograd_no_grad, "fn, ..."},
    {"replay", autograd_replay, "fn, ..."},
    {"keep_below", autograd_keep_below, "[bytes]"},
    {"checkpoint", autograd_checkpoint, "fn, ..."},
    {"once", autograd_once, "fn"},
    {"recording", autograd_recording, ""},
    {NULL, NULL, NULL},
};

const calr_lua_function calr_lua_gradient_methods[] = {
    {"requires_grad", gradient_requires, "self [, wanted]"},
    {"grad", gradient_grad, "self"},
    {"zero_grad", gradient_zero, "self"},
    {"set_grad", gradient_set, "self, gradient"},
    {"detach", gradient_detach, "self"},
    {"backward", autograd_backward, "loss [, gradient]"},
    {NULL, NULL, NULL},
};

int luaopen_calr_autograd(lua_State *L)
{
    lua_pushboolean(L, 0);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &error_key);
    calr_lua_new_module(L, "calr.autograd.", functions);
    calr_lua_add_custom(L);
    return 1;
}
