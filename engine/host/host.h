/* The parts of the `calr` program. lua/calr/program/main.lua handles its arguments. */
#ifndef CALR_HOST_HOST_H
#define CALR_HOST_HOST_H

#include <lua.h>
#include <stdbool.h>

#include "base/status.h"

/* CALR_EINVAL where CALR_HOME is set to a folder without calr's Lua files. */
calr_status calr_host_check_home(void);

/* Finds the folder with lua/, experiments/ and datasets/: CALR_HOME where set; the source tree for
 * a program that runs from its build tree; PREFIX/share/calr for one in PREFIX/bin, or where it was installed before a
 * package manager (LuaRocks) copied the program elsewhere; else the source tree. Puts its Lua files into package.path
 * and fills calr.sys.paths and calr.sys.version. Raises a Lua error when the files are not there. */
void calr_host_set_home(lua_State *L);

/* The same for a guest (guest.c) whose file lies in `folder`, PREFIX/lib/lua/5.4/calr: its files are in
 * PREFIX/share/calr, or where they were installed, and calr.sys.paths.executable is the program PREFIX/bin/calr, or the
 * one that was installed, or nil where both are missing. */
void calr_host_set_guest_home(lua_State *L, const char *folder);

/* First of all in main: a warning (SIGUSR1) that comes from now on waits for calr_host_catch_signals,
 * also across exec, instead of ending the process. */
void calr_host_hold_warnings(void);

/* From now on SIGINT and SIGTERM stop the script at its next line by the error of
 * calr_lua_push_interrupt; a second one ends the process at once. SIGUSR1 leaves a warning
 * (calr_interrupt_warned) and stops nothing. A mapped file (a data set) that is cut short by another program while it
 * is open ends the process with status 1 and a message that names it (SIGBUS). */
void calr_host_catch_signals(lua_State *L);

/* From now on a second SIGINT does not end the process: it makes the script stop even where it catches errors, until
 * calr_host_catch_signals is called again. For the prompt, whose variables would be lost. */
void calr_host_keep_running(void);

/* Around el_gets of libedit: a SIGINT or SIGTERM in between ends it for sure. */
void calr_host_reads_line(bool on);

/* Lua module "calr.host", for the prompt: lines with editing and history, and interrupts that are
 * over. */
int luaopen_calr_host(lua_State *L);

/* ---- for a Lua that is not ours ---- these names are looked up in the files calr.so and calr/engine.so */

#define CALR_EXPORT __attribute__((visibility("default")))

/* `require "calr"` finds calr.so: starts the engine and returns the library. */
CALR_EXPORT int luaopen_calr(lua_State *L);
/* Only starts it: for lua/calr/init.lua, where `require` has found that first. Does nothing a second time. */
CALR_EXPORT int luaopen_calr_start(lua_State *L);
CALR_EXPORT int luaopen_calr_engine(lua_State *L);

#endif
