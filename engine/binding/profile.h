/* Lines of scripts for the profiler. */
#ifndef CALR_BINDING_PROFILE_H
#define CALR_BINDING_PROFILE_H

#include <lua.h>

#include "binding/call.h"

/* The number of the script's line that runs, from 1 on: that of the innermost function which is not the library's own;
 * 0 where there is none. Equal lines have equal numbers until calr_lua_forget_lines. */
int calr_lua_script_line(lua_State *L);
void calr_lua_forget_lines(void);
/* The line of a number: its chunk's name as Lua has it ("@train.lua"), valid until calr_lua_forget_lines. */
const char *calr_lua_line_source(int number, int *line);

/* The functions of calr.meter in binding/profile.c. */
extern const calr_lua_function calr_lua_profile_functions[];

#endif
