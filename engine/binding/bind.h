/* What every binding shares: tensors as Lua values, options from tables, statuses as Lua errors.
 *
 * Only files in binding/ and host/ include lua.h. One file a Lua module: static functions, one
 * registration table at the bottom (call.h), and `luaopen_calr_NAME`, listed in modules.c. The rules that
 * keep memory safe when Lua raises an error (a longjmp), or runs code of the script where C doesn't
 * expect it (metamethods of the tables it reads, finalizers when it allocates):
 *   - check all arguments first, then allocate;
 *   - what is allocated belongs to a userdata before anything can raise: make the slot
 *     (calr_lua_new_tensor), then have the engine fill it (calr_lua_call);
 *   - what is borrowed is held (call.h): all functions here that return a borrowed pointer do so. A handle
 *     of a class of its own is looked up by a function that returns what the engine needs, held, not
 *     the userdata, whose contents change when it is closed;
 *   - no Lua call inside a parallel region. */
#ifndef CALR_BINDING_BIND_H
#define CALR_BINDING_BIND_H

#include <lauxlib.h>
#include <lua.h>

#include "base/status.h"
#include "binding/call.h"
#include "tensor/tensor.h"

/* Raises the engine's message as a Lua error, with the position of the calling script, when the
 * status is not CALR_OK. */
void calr_lua_call(lua_State *L, calr_status status);

/* Pushes the error value that stands for "the user asked to stop"; always the same one. */
void calr_lua_push_interrupt(lua_State *L);

/* ---- tensors ---- */

/* Pushes an empty tensor value and returns its slot: NULL until the engine stores a reference
 * there, which the value then owns: calr_lua_call(L, calr_tensor_new(..., calr_lua_new_tensor(L))).
 * After that, calr_lua_account(L) lets the collector feel the bytes. */
calr_tensor **calr_lua_new_tensor(lua_State *L);
/* Tells the collector that the value on top of the stack holds a new storage; may run a full
 * collection. */
void calr_lua_account(lua_State *L);

/* The tensor at `arg`, borrowed and held; an argument error otherwise. */
calr_tensor *calr_lua_check_tensor(lua_State *L, int arg);
/* The same; NULL when the value is not a tensor, or closed. */
calr_tensor *calr_lua_test_tensor(lua_State *L, int arg);
/* The same without holding it, for functions that are not registered: to be used before anything else happens. */
calr_tensor *calr_lua_peek_tensor(lua_State *L, int arg);
/* Closes a tensor, as tensor:close() does; nothing happens for other values. */
void calr_lua_close_tensor(lua_State *L, int arg);
/* The tensor with its type and number of dimensions checked, and contiguous. `form` goes into the
 * message: "f32[n x d]". */
calr_tensor *calr_lua_check_form(lua_State *L, int arg, calr_dtype dtype, int ndim,
                                 const char *form);

/* The numbers as i64, in order. They belong to a tensor that is pushed for them. */
const int64_t *calr_lua_push_i64(lua_State *L, const calr_tensor *tensor);

/* ---- options: the table f(x, {k = 15}) ---- */

/* The value at `arg` must be a table or nothing, and hold only the keys named (NULL ends the list).
 * An unknown key is an error with the nearest name: unknown option "min_sise" (did you mean
 * "min_size"?). Call it before anything else is looked up: it does what calr_lua_plain_options does. */
void calr_lua_check_options(lua_State *L, int arg, const char *const *names);
/* Replaces a table with an `__index` by a plain one with the fields named (NULL ends the list), so that
 * the functions below, which read without metamethods, run no code of the script. */
void calr_lua_plain_options(lua_State *L, int arg, const char *const *names);
/* Fields of that table; the default where it is absent. A wrong type or a value out of range is an
 * error that names the option, the value and the range. */
int64_t calr_lua_option_integer(lua_State *L, int arg, const char *name, int64_t fallback,
                                int64_t min, int64_t max);
double calr_lua_option_number(lua_State *L, int arg, const char *name, double fallback, double min,
                              double max);
int calr_lua_option_boolean(lua_State *L, int arg, const char *name, int fallback);
/* NULL as default means required. The string lives until the running function ends. */
const char *calr_lua_option_string(lua_State *L, int arg, const char *name, const char *fallback);
/* The position of the string in `choices` (NULL ends the list). */
int calr_lua_option_choice(lua_State *L, int arg, const char *name, int fallback,
                           const char *const *choices);
/* Pushes the field, nil where it is absent, and returns its type. */
int calr_lua_push_option(lua_State *L, int arg, const char *name);
/* Borrowed and held. NULL when absent and not `required`. */
calr_tensor *calr_lua_option_tensor(lua_State *L, int arg, const char *name, int required);
/* The same with the form checked, and contiguous. */
calr_tensor *calr_lua_option_form(lua_State *L, int arg, const char *name, int required,
                                  calr_dtype dtype, int ndim, const char *form);

/* Pushes the name in `names` (NULL ends the list) nearest to `word` and returns 1, or pushes
 * nothing and returns 0 when none is near. */
int calr_lua_push_nearest(lua_State *L, const char *word, const char *const *names);

/* ---- results: the fields of a table at `table`, -1 for the top of the stack ---- */

static inline void calr_lua_set_integer(lua_State *L, int table, const char *name, int64_t value)
{
    table = lua_absindex(L, table);
    lua_pushinteger(L, value);
    lua_setfield(L, table, name);
}

static inline void calr_lua_set_number(lua_State *L, int table, const char *name, double value)
{
    table = lua_absindex(L, table);
    lua_pushnumber(L, value);
    lua_setfield(L, table, name);
}

static inline void calr_lua_set_string(lua_State *L, int table, const char *name, const char *value)
{
    table = lua_absindex(L, table);
    lua_pushstring(L, value);
    lua_setfield(L, table, name);
}

static inline void calr_lua_set_boolean(lua_State *L, int table, const char *name, bool value)
{
    table = lua_absindex(L, table);
    lua_pushboolean(L, value);
    lua_setfield(L, table, name);
}

/* ---- values of other kinds ---- */

/* Pushes a slot, NULL at first, for what the engine makes for the running C function: `release` gets
 * it when the function returns or raises. The value stays on the stack until then: it must not be moved
 * (lua_toclose), nor popped by lua_pop or lua_settop, which in Lua 5.4.4 keep a pointer into the stack
 * while they close a value, and the closing may move the stack. */
void *calr_lua_scratch(lua_State *L, void (*release)(void *owned));

/* How many items the list at `arg` has: 0 to INT32_MAX, whatever its __len says; otherwise an error. */
lua_Integer calr_lua_length(lua_State *L, int arg);

/* The strings of the list at `arg`, paths of files: the array lives until the running function ends, and so do they as
 * long as the list is not changed. Another value, or an item that is no string, is an error. */
const char *const *calr_lua_check_paths(lua_State *L, int arg, int64_t *count);

/* ---- modules ---- */

/* Puts every module of the engine into package.preload. */
void calr_lua_preload(lua_State *L);

#endif
