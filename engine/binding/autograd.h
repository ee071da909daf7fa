/* How the tape's callbacks reach Lua. Internal to the files autograd*.c of this folder. */
#ifndef CALR_BINDING_AUTOGRAD_H
#define CALR_BINDING_AUTOGRAD_H

#include <lua.h>

#include "base/status.h"

/* Callbacks run in L (a coroutine is a state of its own) until calr_autograd_leave gets what this returned. */
lua_State *calr_autograd_enter(lua_State *L);
void calr_autograd_leave(lua_State *outer);
/* The state that called the engine. */
lua_State *calr_autograd_state(void);

/* In a callback: the error on top of the stack becomes the message of a status. It is popped. */
calr_status calr_autograd_take_error(lua_State *L);
/* In a callback: fn with the job as its argument, a light userdata; its error becomes a status. */
calr_status calr_autograd_protect(lua_CFunction fn, void *job);
/* Afterwards: as calr_lua_call, but an error that a callback raised and that is not text (an interrupt) is
 * raised as it was. */
void calr_autograd_call(lua_State *L, calr_status status);

/* What adds to the table of calr.autograd on top of the stack. */
void calr_lua_add_custom(lua_State *L);    /* autograd_custom.c */
void calr_lua_add_hooks(lua_State *L);     /* autograd_hook.c */
void calr_lua_add_recording(lua_State *L); /* autograd_record.c */

#endif
