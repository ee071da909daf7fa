/* How a script calls C: every function and metamethod of the binding is registered here, and so passes one place that
 *   - refuses more arguments than the function takes, by its name and what it takes;
 *   - keeps alive what the function borrows. A tensor or handle that the function looked up may be closed or collected
 *     while it runs: by a metamethod of a table it reads, or by a finalizer when it allocates. Its release then waits
 *     until the function has ended, by a return or by an error.
 *
 * Functions that are not registered here (those given to lua_pcall, say) must not borrow. */
#ifndef CALR_BINDING_CALL_H
#define CALR_BINDING_CALL_H

#include <lua.h>
#include <stdbool.h>

typedef struct calr_lua_function {
    const char *name; /* NULL ends a list */
    lua_CFunction call;
    /* All arguments by name: "x, index [, options]"; "..." for any number; "" for none. For methods the value itself is
     * the first: "self, dim". NULL for metamethods, whose arguments Lua chooses. */
    const char *takes;
    /* Which operation of a family: one C function may serve many rows (calr_lua_code). */
    int code;
    /* A table of names at the end stands for the arguments that `takes` names: f(x, {keepdim = true}) is f(x, nil,
     * true). The function itself sees arguments by position only. */
    bool named;
    /* The function is registered twice: as NAME, and as NAME_, which writes into its first argument
     * (calr_lua_in_place). */
    bool in_place;
} calr_lua_function;

/* Of the running function, which must be registered here. */
int calr_lua_code(lua_State *L);
const char *calr_lua_name(lua_State *L);
/* Whether the running function was called as NAME_. */
bool calr_lua_in_place(lua_State *L);

/* Adds the functions to the table on top of the stack. `prefix` stands before the name in messages: "calr.ops." for a
 * module; one that ends with a colon, "tensor:", makes them methods. */
void calr_lua_add_functions(lua_State *L, const char *prefix, const calr_lua_function *functions);
/* Pushes one of them, with the values on top of the stack, which go, as its upvalues from CALR_LUA_UPVALUE on. */
void calr_lua_push_function(lua_State *L, const char *prefix, const calr_lua_function *function,
                            int upvalues);
#define CALR_LUA_UPVALUE 4

/* The same for a row that a userdata on the stack holds (below the upvalues, which go, as it does); it keeps the row
 * and what it points to alive. */
void calr_lua_push_row(lua_State *L, const char *prefix, int upvalues);

/* A table of the functions, pushed: what luaopen_* returns. If `prefix` is a module's, "calr.rank.", a script that
 * looks for another name gets an error with the nearest one (calr_lua_absent_name). */
void calr_lua_new_module(lua_State *L, const char *prefix, const calr_lua_function *functions);
/* The __index of such a table, calr.options.absent in lua/; its first upvalue is the module's name. */
int calr_lua_absent_name(lua_State *L);

/* Makes the metatable `name`, unless there is one. `prefix` as above, for the methods. */
void calr_lua_class(lua_State *L, const char *name, const char *prefix,
                    const calr_lua_function *methods, const calr_lua_function *metamethods);

/* The state in which the innermost registered function runs; for callbacks of the engine. */
lua_State *calr_lua_running(void);

/* Until the running function ends, calr_lua_let_go of the object waits. Returns the object; NULL is allowed. */
void *calr_lua_hold(lua_State *L, void *object);
/* When the running function ends, `release` gets the object. A memory error releases it at once. */
void calr_lua_keep(lua_State *L, void *object, void (*release)(void *object));
/* Called by closing methods and finalizers: releases the object now, or when the last function that holds it
 * ends. NULL is allowed. */
void calr_lua_let_go(void *object, void (*release)(void *object));

#endif
