/* Shared by the files of calr.sys and by the host. */
#ifndef CALR_BINDING_SYS_H
#define CALR_BINDING_SYS_H

#include <lua.h>

/* Pushes the error value that stands for "the user asked to stop"; always the same one. */
void calr_lua_push_interrupt(lua_State *L);

/* Adds append() and lock(), the handles of sys_handle.c, to the module on top of the stack. */
void calr_sys_add_handles(lua_State *L);
/* Adds info(), of sys_info.c. */
void calr_sys_add_info(lua_State *L);

#endif
