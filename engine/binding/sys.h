/* Shared by the files of calr.sys. */
#ifndef CALR_BINDING_SYS_H
#define CALR_BINDING_SYS_H

#include <lua.h>

/* Adds append() and lock(), the handles of sys_handle.c, to the module on top of the stack. */
void calr_sys_add_handles(lua_State *L);
/* The descriptor of an open file that append() returned; an argument error otherwise. */
int calr_sys_append_descriptor(lua_State *L, int arg);
/* Adds spawn(), of sys_process.c. */
void calr_sys_add_processes(lua_State *L);
/* Adds what processes need to share a folder, of sys_shared.c. */
void calr_sys_add_shared(lua_State *L);
/* Adds info(), of sys_info.c. */
void calr_sys_add_info(lua_State *L);

#endif
