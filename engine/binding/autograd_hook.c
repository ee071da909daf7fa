/* Hooks on the gradients of tensors, written in Lua. */
#include "binding/autograd.h"
#include "binding/bind.h"
#include "binding/methods.h"

#include <stdlib.h>

#include "autograd/hook.h"

/// @module calr.autograd

#define HOOK "calr.autograd.hook"

/* Where the function is kept, as long as the tape may call it. Only the main thread is sure to live. */
typedef struct script_hook {
    lua_State *main;
    int reference;
} script_hook;

typedef struct hook_job {
    int reference;
    calr_tensor *gradient;
    calr_tensor **replacement;
} hook_job;

/* (job): runs protected. */
static int protected_call(lua_State *L)
{
    hook_job *job = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, job->reference);
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_alias(job->gradient, slot));
    lua_call(L, 1, 1);
    if (lua_isnil(L, -1))
        return 0;
    calr_tensor *given = calr_lua_peek_tensor(L, -1);
    if (!given)
        return luaL_error(
            L, "it must return a tensor that replaces the gradient, or nothing, not a %s",
            luaL_testudata(L, -1, "calr.tensor") ? "closed tensor" : luaL_typename(L, -1));
    *job->replacement = calr_tensor_retain(given);
    return 0;
}

/* The hook may remove itself: nothing of the context is needed after the call. */
static calr_status call_hook(void *context, calr_tensor *gradient, calr_tensor **replacement)
{
    hook_job job = {((script_hook *)context)->reference, gradient, replacement};
    return calr_autograd_protect(protected_call, &job);
}

static void release_hook(void *context)
{
    script_hook *hook = context;
    if (lua_checkstack(hook->main, 4))
        luaL_unref(hook->main, LUA_REGISTRYINDEX, hook->reference);
    free(hook);
}

static script_hook *new_script_hook(lua_State *L, int reference)
{
    script_hook *hook = malloc(sizeof *hook);
    if (!hook) {
        luaL_unref(L, LUA_REGISTRYINDEX, reference);
        luaL_error(L, "no memory for a hook");
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    *hook = (script_hook){lua_tothread(L, -1), reference};
    lua_pop(L, 1);
    return hook;
}

/// tensor:register_hook(fn)
/// Has fn(gradient) called in every backward pass that reaches this tensor, with the complete gradient: for a
/// declared tensor before it is added to tensor:grad(), for a computed one before its operation's backward
/// runs. What fn returns, a tensor of the same shape and type, replaces the gradient; nothing leaves it. fn
/// may change the gradient in place. Hooks run in the order in which they were registered, without
/// recording; an error in one ends the backward pass.
///
/// fn must not hold the tensor itself, or neither is ever freed while the hook is registered; the hooks of a
/// computed tensor go when backward() frees its graph.
/// @param fn  function(gradient) -> tensor or nil
/// @return hook  to remove it: hook:remove(); it can also be a <close> variable
static int tensor_register_hook(lua_State *L)
{
    calr_tensor *t = calr_lua_check_tensor(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    calr_hook **handle = lua_newuserdatauv(L, sizeof *handle, 0);
    *handle = NULL;
    luaL_setmetatable(L, HOOK);
    lua_pushvalue(L, 2);
    calr_hook_function function = {call_hook, new_script_hook(L, luaL_ref(L, LUA_REGISTRYINDEX)),
                                   release_hook};
    calr_lua_call(L, calr_hook_add(t, &function, handle));
    return 1;
}

/// hook:remove()
/// Ends it: the function is not called any more. May be called again, and from inside the function.
static int hook_remove(lua_State *L)
{
    calr_hook **handle = luaL_checkudata(L, 1, HOOK);
    if (*handle)
        calr_hook_remove(*handle);
    return 0;
}

/* The hook stays with its tensor. */
static int hook_gc(lua_State *L)
{
    calr_hook **handle = luaL_checkudata(L, 1, HOOK);
    calr_hook_release(*handle);
    *handle = NULL;
    return 0;
}

const calr_lua_function calr_lua_hook_methods[] = {
    {"register_hook", tensor_register_hook, "self, fn"},
    {NULL, NULL, NULL},
};

static const calr_lua_function methods[] = {
    {"remove", hook_remove, "self"},
    {NULL, NULL, NULL},
};

static const calr_lua_function metamethods[] = {
    {"__close", hook_remove, NULL},
    {"__gc", hook_gc, NULL},
    {NULL, NULL, NULL},
};

void calr_lua_add_hooks(lua_State *L)
{
    calr_lua_class(L, HOOK, "hook:", methods, metamethods);
}
