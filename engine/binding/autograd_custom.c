/* calr.autograd.op: operations written in Lua. */
#include "binding/autograd.h"
#include "binding/bind.h"

#include "autograd/apply.h"
#include "autograd/custom.h"

/// @module calr.autograd

/* Key of ctx tables, by address. */
static const char saved_key;

#define CONTEXT "calr.autograd.context"

/* One call of such an operation: a userdata with the ctx table and the operation as user values,
 * kept in the registry while the tape needs it. */
typedef struct script_call {
    lua_State *main;
    int reference;
    int arguments; /* of the Lua call */
    int count;     /* of them tensors */
    const char *name;
    bool reaches;
    int *position; /* of each tensor among the arguments, from 0 */
} script_call;

enum { CTX = 1, OPERATION = 2 }; /* user values */

typedef struct script_job {
    script_call *script;
    calr_op_call *call;
    calr_tensor *dy;
    calr_tensor **result; /* y, or dx */
} script_job;

/* Pushes the function `name` of the operation, and ctx. */
static void push_function(lua_State *L, const script_call *script, const char *name)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->reference);
    lua_getiuservalue(L, -1, OPERATION);
    lua_getfield(L, -1, name);
    lua_getiuservalue(L, -3, CTX);
    lua_rotate(L, -4, 2);
    lua_pop(L, 2);
}

/* Puts what forward saved onto the tape. ctx is on top of the stack. */
static void save_all(lua_State *L, calr_op_call *call)
{
    if (lua_rawgetp(L, -1, &saved_key) == LUA_TTABLE) {
        lua_Integer count = luaL_len(L, -1);
        for (lua_Integer i = 1; i <= count; i++) {
            lua_geti(L, -1, i);
            calr_tensor *saved = calr_lua_peek_tensor(L, -1);
            if (!saved)
                luaL_error(L, "tensor %I that forward saved was closed", i);
            calr_lua_call(L, calr_op_save(call, NULL, saved));
            lua_pop(L, 1);
        }
        lua_pushnil(L);
        lua_rawsetp(L, -3, &saved_key);
    }
    lua_pop(L, 1);
}

/* (job, arguments ...): runs protected. */
static int protected_forward(lua_State *L)
{
    script_job *job = lua_touserdata(L, 1);
    int arguments = lua_gettop(L) - 1;
    push_function(L, job->script, "forward");
    lua_pushvalue(L, -1); /* ctx, for afterwards */
    lua_replace(L, 1);
    lua_rotate(L, 2, 2); /* function, ctx, arguments */
    lua_call(L, arguments + 1, 1);
    int y = lua_gettop(L);
    if (!calr_lua_peek_tensor(L, y))
        luaL_error(L, "forward must return a tensor, not a %s", luaL_typename(L, y));
    lua_pushvalue(L, 1);
    save_all(L, job->call);
    if (!calr_lua_peek_tensor(L, y)) /* a finalizer, perhaps */
        luaL_error(L, "the tensor that forward returned was closed");
    *job->result = calr_tensor_retain(calr_lua_peek_tensor(L, y));
    return 0;
}

static calr_status script_forward(void *context, calr_op_call *call, calr_tensor **y)
{
    script_job job = {.script = context, .call = call, .result = y};
    lua_State *L = calr_autograd_state();
    int arguments = job.script->arguments;
    /* script_apply left the arguments at the bottom of its frame and made room. */
    lua_pushcfunction(L, protected_forward);
    lua_pushlightuserdata(L, &job);
    for (int i = 1; i <= arguments; i++)
        lua_pushvalue(L, i);
    return lua_pcall(L, arguments + 1, 0, 0) == LUA_OK ? CALR_OK : calr_autograd_take_error(L);
}

/* A list of what the tape saved, into ctx (on top of the stack). */
static void restore_saved(lua_State *L, const calr_op_call *call)
{
    lua_createtable(L, call->saved_count, 0);
    for (int i = 0; i < call->saved_count; i++) {
        calr_tensor **slot = calr_lua_new_tensor(L);
        calr_lua_call(L, calr_tensor_alias(calr_op_saved(call, i), slot));
        lua_seti(L, -2, i + 1);
    }
    lua_rawsetp(L, -2, &saved_key);
}

static void take_gradients(lua_State *L, script_job *job, int first)
{
    const script_call *script = job->script;
    int returned = lua_gettop(L) - first + 1;
    int least = script->count ? script->position[script->count - 1] + 1 : 0;
    if (returned < least || returned > script->arguments)
        luaL_error(L,
                   "backward returned %d values; there must be one for each of the %d arguments of "
                   "forward",
                   returned, script->arguments);
    for (int i = 0, tensor = 0; i < returned; i++) {
        calr_tensor *dx = calr_lua_peek_tensor(L, first + i);
        if (!dx && !lua_isnil(L, first + i))
            luaL_error(
                L,
                "backward returned a %s as the gradient of argument %d; a tensor or nil is needed",
                luaL_typename(L, first + i), i + 1);
        if (tensor == script->count || script->position[tensor] != i) {
            if (dx)
                luaL_error(L, "backward returned a gradient for argument %d, which is no tensor",
                           i + 1);
            continue;
        }
        if (dx && job->call->needs[tensor])
            job->result[tensor] = calr_tensor_retain(dx);
        tensor++;
    }
}

/* (job): runs protected. */
static int protected_backward(lua_State *L)
{
    script_job *job = lua_touserdata(L, 1);
    push_function(L, job->script, "backward");
    lua_pushvalue(L, -1);
    lua_replace(L, 1); /* ctx, for afterwards */
    restore_saved(L, job->call);
    calr_tensor **dy = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_alias(job->dy, dy));
    lua_call(L, 2, LUA_MULTRET);
    luaL_checkstack(L, 4, NULL);
    take_gradients(L, job, 2);
    lua_getfield(L, 1, "gives");
    bool gives = lua_toboolean(L, -1);
    lua_pop(L, 1);
    for (int i = 2; gives && i <= lua_gettop(L); i++)
        calr_lua_close_tensor(L, i);
    lua_pushnil(L);
    lua_rawsetp(L, 1, &saved_key);
    return 0;
}

static calr_status script_backward(void *context, calr_op_call *call, calr_tensor *dy,
                                   calr_tensor **dx)
{
    script_job job = {.script = context, .call = call, .dy = dy, .result = dx};
    return calr_autograd_protect(protected_backward, &job);
}

/* Any thread of the state may be running when the tape lets go; only the main one is sure to live.
 */
static void script_release(void *context)
{
    script_call *script = context;
    if (lua_checkstack(script->main, 4))
        luaL_unref(script->main, LUA_REGISTRYINDEX, script->reference);
}

/* The userdata, with its arrays behind it. Pushed. */
static script_call *new_script_call(lua_State *L, int arguments)
{
    script_call *script = lua_newuserdatauv(L, sizeof *script + (size_t)arguments * sizeof(int), 2);
    *script = (script_call){
        .arguments = arguments, .reference = LUA_NOREF, .position = (int *)(script + 1)};
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    script->main = lua_tothread(L, -1);
    lua_pop(L, 1);
    lua_createtable(L, 0, 2);
    luaL_setmetatable(L, CONTEXT);
    lua_setiuservalue(L, -2, CTX);
    lua_getfield(L, lua_upvalueindex(CALR_LUA_UPVALUE), "name");
    script->name = lua_tostring(L, -1);
    lua_pop(L, 1);
    lua_getfield(L, lua_upvalueindex(CALR_LUA_UPVALUE), "reaches");
    script->reaches = lua_toboolean(L, -1);
    lua_pop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(CALR_LUA_UPVALUE));
    lua_setiuservalue(L, -2, OPERATION);
    return script;
}

/* The function that calr.autograd.op returns. */
static int script_apply(lua_State *L)
{
    int arguments = lua_gettop(L);
    luaL_checkstack(L, arguments + 12, "too many arguments");
    script_call *script = new_script_call(L, arguments);
    calr_tensor **inputs = lua_newuserdatauv(L, (size_t)(arguments + 1) * sizeof(calr_tensor *), 0);
    for (int i = 0; i < arguments; i++) {
        inputs[script->count] = calr_lua_test_tensor(L, i + 1);
        if (inputs[script->count])
            script->position[script->count++] = i;
    }
    calr_tensor **slot = calr_lua_new_tensor(L);
    lua_pushvalue(L, arguments + 1);
    script->reference = luaL_ref(L, LUA_REGISTRYINDEX);
    calr_custom_op op = {.name = script->name,
                         .context = script,
                         .forward = script_forward,
                         .backward = script_backward,
                         .reaches = script->reaches,
                         .release = script_release};
    lua_State *outer = calr_autograd_enter(L);
    calr_status status = calr_custom_apply(&op, inputs, script->count, slot);
    calr_autograd_leave(outer);
    calr_autograd_call(L, status);
    calr_lua_account(L);
    return 1;
}

static const calr_lua_function apply = {"op", script_apply, NULL};

static void check_function(lua_State *L, const char *name)
{
    if (lua_getfield(L, 1, name) != LUA_TFUNCTION)
        luaL_error(L, "option \"%s\" must be a function, not a %s", name, luaL_typename(L, -1));
    lua_setfield(L, -2, name);
}

/// calr.autograd.op{name=, forward=, backward=, reaches=false}
/// Makes an operation with your own gradient. Returns a function: f(...) runs forward(ctx, ...), and
/// if a gradient is needed, calr.autograd.backward later runs backward(ctx, dy). A loss built from
/// existing operations does not need this.
///
/// forward returns one tensor. Save tensors for backward with ctx:save(a, b, ...) and get them back
/// with ctx:saved(), so that a change in place is noticed and memory is freed in time; kept as fields
/// of ctx, they may keep a graph alive for good. Other values may be fields of ctx. backward returns
/// one gradient for each argument of forward, of the argument's shape; nil for a non-tensor argument
/// and for a gradient of zeros. dy and the tensors from ctx:saved() must not be changed in place; they
/// may be closed. Both functions run without recording. By setting ctx.gives = true, backward promises
/// that nothing else holds the gradients it returns: the tape then takes them over, and they are
/// closed.
/// @param name      for messages; "op" by default
/// @param forward   function(ctx, ...) -> tensor
/// @param backward  function(ctx, dy) -> dx1, dx2, ...
/// @param reaches   backward calls calr.autograd.backward on a graph that it makes, and so gives gradients to
///                  parameters that are no arguments: calr.autograd.grad then finds them there, too
/// @return function
static int autograd_op(lua_State *L)
{
    static const char *const names[] = {"name", "forward", "backward", "reaches", NULL};
    luaL_checktype(L, 1, LUA_TTABLE);
    calr_lua_check_options(L, 1, names);
    const char *name = calr_lua_option_string(L, 1, "name", "op");
    bool reaches = calr_lua_option_boolean(L, 1, "reaches", 0);
    lua_createtable(L, 0, 4);
    calr_lua_set_string(L, -1, "name", name);
    calr_lua_set_boolean(L, -1, "reaches", reaches);
    check_function(L, "forward");
    check_function(L, "backward");
    calr_lua_push_function(L, "", &apply, 1);
    return 1;
}

/// ctx:save(tensor, ...)
/// Saves tensors for backward, in an operation's forward. Further calls add to them.
static int context_save(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    int top = lua_gettop(L);
    for (int i = 2; i <= top; i++)
        calr_lua_check_tensor(L, i);
    if (lua_rawgetp(L, 1, &saved_key) != LUA_TTABLE) {
        lua_createtable(L, top - 1, 0);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, 1, &saved_key);
    }
    lua_Integer count = luaL_len(L, -1);
    for (int i = 2; i <= top; i++) {
        lua_pushvalue(L, i);
        lua_seti(L, -2, ++count);
    }
    return 0;
}

/// ctx:saved()
/// Returns the tensors that forward saved, in that order, in an operation's backward.
/// @return tensor, ...
static int context_saved(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_rawgetp(L, 1, &saved_key) != LUA_TTABLE)
        return 0;
    int count = (int)luaL_len(L, -1);
    luaL_checkstack(L, count, "too many saved tensors");
    for (int i = 1; i <= count; i++)
        lua_geti(L, 2, i);
    return count;
}

static const calr_lua_function functions[] = {
    {"op", autograd_op, "options"},
    {NULL, NULL, NULL},
};

static const calr_lua_function context_methods[] = {
    {"save", context_save, "self, tensor, ..."},
    {"saved", context_saved, "self"},
    {NULL, NULL, NULL},
};

void calr_lua_add_custom(lua_State *L)
{
    if (luaL_newmetatable(L, CONTEXT)) {
        calr_lua_new_module(L, "ctx:", context_methods);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
    calr_lua_add_functions(L, "calr.autograd.", functions);
}
