/* calr.autograd: what is recorded, what is kept, and what is watched. */
#include "binding/autograd.h"
#include "binding/bind.h"

#include <stdio.h>
#include <string.h>

#include "autograd/anomaly.h"
#include "autograd/apply.h"
#include "autograd/tape.h"

/// @module calr.autograd

/* What a call puts back when it ends. */
typedef struct state {
    int paused, replays;
    calr_anomaly anomaly;
} state;

static state current_state(void)
{
    return (state){calr_tape_paused(), calr_tape_replays(), calr_anomaly_mode()};
}

static void restore(const state *to)
{
    calr_tape_restore(to->paused);
    calr_tape_set_replays(to->replays);
    calr_anomaly_set(to->anomaly);
}

static int restore_state(lua_State *L)
{
    restore(lua_touserdata(L, lua_upvalueindex(1)));
    return 0;
}

/* In a coroutine that an error ends, values to be closed stay open until somebody closes it, or for good: there the
 * error is caught here, and raised again. */
static int call_within_coroutine(lua_State *L, void (*enter)(void))
{
    state before = current_state();
    enter();
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    restore(&before);
    return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

/* Calls the function at 1 with what follows, after `enter`, and restores the state. A value to be
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
    state *before = lua_newuserdatauv(L, sizeof *before, 0);
    *before = current_state();
    lua_pushcclosure(L, restore_state, 1);
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

static void enter_recording(void)
{
    calr_tape_restore(0);
}

/// calr.autograd.enable_grad(fn, ...)
/// Calls fn(...) with recording, also inside no_grad. fn may not yield out of it.
/// @return any  what fn returns
static int autograd_enable_grad(lua_State *L)
{
    return call_within(L, enter_recording);
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

/* The function `name` of a file of the Lua half of this module, called with all arguments. */
static int call_lua_half(lua_State *L, const char *file, const char *name)
{
    luaL_checkstack(L, 2, NULL);
    lua_getglobal(L, "require");
    lua_pushstring(L, file);
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
    return call_lua_half(L, "calr.autograd.checkpoint", "run");
}

/// calr.autograd.once(fn)
/// Inside a function that calr.autograd.checkpoint runs twice: calls fn() in the first run only, and
/// returns the same value in the second. For random numbers and counters. Elsewhere it calls fn().
/// @param fn  function() -> value, not a tensor
/// @return any
static int autograd_once(lua_State *L)
{
    return call_lua_half(L, "calr.autograd.checkpoint", "once");
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

/// calr.autograd.set_recording(wanted)
/// Turns recording on or off from here on. Inside no_grad, enable_grad or another such function it lasts
/// until that function ends; otherwise until the next call. Prefer no_grad(fn): it comes back by itself.
/// @param wanted  boolean
/// @return boolean  what it was before
static int autograd_set_recording(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TBOOLEAN);
    bool before = calr_tape_is_recording();
    if (lua_toboolean(L, 1))
        calr_tape_restore(0);
    else if (before)
        calr_tape_pause();
    lua_pushboolean(L, before);
    return 1;
}

/// calr.autograd.gradcheck(fn, inputs [, eps, atol, rtol])
/// Compares the gradients that backward gives for fn with finite differences, element by element: for an
/// operation of your own, calr.autograd.op. An error names the elements of input and result, and both
/// numbers. It also refuses a function that gives different values for the same inputs, and a backward whose
/// second run gives other gradients than its first. fn is called four times an element: take small inputs,
/// away from kinks. Also calr.gradcheck.
/// @param fn      function(...) of the inputs, that returns one tensor or several
/// @param inputs  a tensor, or the list of fn's arguments, which may hold other values too; checked are those
///                with requires_grad(true), or, when there are none, all of type f32 and f64
/// @param eps     number; the step, relative to elements above 1: 1e-2 for f32, 1e-3 for f64
/// @param atol    number; allowed are atol + rtol |difference|: 1e-3 for f32, 1e-7 for f64
/// @param rtol    number; 5e-3 for f32, 1e-5 for f64
/// @return boolean  true
static int autograd_gradcheck(lua_State *L)
{
    return call_lua_half(L, "calr.autograd.gradcheck", "run");
}

/// calr.autograd.clip_grad_norm_(parameters, max_norm [, norm_type, error_if_nonfinite])
/// Scales the gradients of all parameters in place by one factor, so that their norm, taken over all elements of
/// all of them, is max_norm at most. Call it between backward() and the step of the optimiser.
/// @param parameters          table or tensor; net:parameters(), or tensors; those without a gradient are left out
/// @param max_norm            number
/// @param norm_type           number; 2 (default): the euclidean norm; math.huge: the largest element
/// @param error_if_nonfinite  boolean; an error when the norm is NaN or infinite, before anything is scaled
/// @return number  the norm before
static int autograd_clip_norm(lua_State *L)
{
    return call_lua_half(L, "calr.autograd.clip", "norm");
}

/// calr.autograd.clip_grad_value_(parameters, clip_value)
/// Limits every element of the gradients of all parameters to -clip_value .. clip_value, in place.
/// @param parameters  table or tensor; as for calr.autograd.clip_grad_norm_
/// @param clip_value  number
static int autograd_clip_value(lua_State *L)
{
    return call_lua_half(L, "calr.autograd.clip", "value");
}

/* ---- anomaly mode ---- */

/* The line of the script that called the engine: the innermost Lua function that is not of the library, or
 * else the innermost one. */
static void locate(char *text, size_t size)
{
    lua_State *L = calr_lua_running();
    lua_Debug at;
    bool found = false;
    for (int level = 0; L && lua_getstack(L, level, &at); level++) {
        lua_getinfo(L, "Sl", &at);
        if (at.currentline < 0)
            continue;
        bool library = strstr(at.source, "/lua/calr/") != NULL;
        if (!found || !library)
            snprintf(text, size, "%s:%d", at.short_src, at.currentline);
        found = true;
        if (!library)
            return;
    }
}

static int push_mode(lua_State *L)
{
    calr_anomaly mode = calr_anomaly_mode();
    if (mode == CALR_ANOMALY_NAN)
        lua_pushliteral(L, "nan");
    else
        lua_pushboolean(L, mode != CALR_ANOMALY_OFF);
    return 1;
}

/// calr.autograd.set_detect_anomaly(mode)
/// Turns anomaly mode on or off from here on: in that mode, the first operation whose output holds a NaN or
/// an infinity raises an error that names the operation, the element and whether an input held one before;
/// and so does the first one whose backward makes one, with the line of the script that called the operation.
/// It reads every output once more.
/// @param mode  boolean; or "nan", which lets infinities pass, for scripts that mask with them
/// @return any  the mode before
static int autograd_set_detect_anomaly(lua_State *L)
{
    calr_anomaly mode = CALR_ANOMALY_OFF;
    if (lua_type(L, 1) == LUA_TSTRING) {
        luaL_argcheck(L, strcmp(lua_tostring(L, 1), "nan") == 0, 1, "true, false or \"nan\"");
        mode = CALR_ANOMALY_NAN;
    } else {
        luaL_checktype(L, 1, LUA_TBOOLEAN);
        mode = lua_toboolean(L, 1) ? CALR_ANOMALY_NOT_FINITE : CALR_ANOMALY_OFF;
    }
    push_mode(L);
    calr_anomaly_set(mode);
    return 1;
}

static void enter_anomaly(void)
{
    calr_anomaly_set(CALR_ANOMALY_NOT_FINITE);
}

/// calr.autograd.detect_anomaly(fn, ...)
/// Calls fn(...) in anomaly mode: see calr.autograd.set_detect_anomaly. Put forward and backward inside:
/// calr.autograd.detect_anomaly(function() step(batch):backward() end). fn may not yield out of it.
/// @return any  what fn returns
static int autograd_detect_anomaly(lua_State *L)
{
    return call_within(L, enter_anomaly);
}

static const calr_lua_function functions[] = {
    {"no_grad", autograd_no_grad, "fn, ..."},
    {"enable_grad", autograd_enable_grad, "fn, ..."},
    {"replay", autograd_replay, "fn, ..."},
    {"keep_below", autograd_keep_below, "[bytes]"},
    {"checkpoint", autograd_checkpoint, "fn, ..."},
    {"once", autograd_once, "fn"},
    {"recording", autograd_recording, ""},
    {"gradcheck", autograd_gradcheck, "fn, inputs [, eps, atol, rtol]", .named = true},
    {"clip_grad_norm_", autograd_clip_norm,
     "parameters, max_norm [, norm_type, error_if_nonfinite]", .named = true},
    {"clip_grad_value_", autograd_clip_value, "parameters, clip_value"},
    {"set_recording", autograd_set_recording, "wanted"},
    {"detect_anomaly", autograd_detect_anomaly, "fn, ..."},
    {"set_detect_anomaly", autograd_set_detect_anomaly, "mode"},
    {NULL, NULL, NULL},
};

void calr_lua_add_recording(lua_State *L)
{
    calr_anomaly_set_place(locate);
    calr_lua_add_functions(L, "calr.autograd.", functions);
}
