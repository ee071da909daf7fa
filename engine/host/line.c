/* calr.host: what the prompt needs of the terminal. */
#include <editline/readline.h>
#include <errno.h>
#include <lauxlib.h>
#include <locale.h>
#include <stdlib.h>

#include "base/interrupt.h"
#include "binding/bind.h"
#include "host/host.h"

/// @module calr.host
/// The terminal of the prompt; only the program calr has it. For lua/calr/program/prompt.lua.

/// calr.host.read_line(prompt)
/// Reads a line with editing (libedit) and history.
/// @return string|nil  nil at the end of the input
static int host_read_line(lua_State *L)
{
    const char *prompt = luaL_checkstring(L, 1);
    char **line = calr_lua_scratch(L, free);
    *line = readline(prompt);
    lua_pushstring(L, *line); /* nil for NULL */
    return 1;
}

/// calr.host.add_history(line)
/// Remembers a line for the arrow keys.
static int host_add_history(lua_State *L)
{
    add_history(luaL_checkstring(L, 1));
    return 0;
}

/// calr.host.load_history(path)
/// Reads the remembered lines of earlier sessions; a missing file is none.
static int host_load_history(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    using_history();
    stifle_history(1000);
    read_history(path);
    return 0;
}

/// calr.host.save_history(path)
/// Writes the remembered lines.
/// @return boolean  whether that went well
static int host_save_history(lua_State *L)
{
    lua_pushboolean(L, write_history(luaL_checkstring(L, 1)) == 0);
    return 1;
}

/// calr.host.clear_interrupt()
/// Forgets a request to stop and catches the next.
static int host_clear_interrupt(lua_State *L)
{
    lua_State *main_state;
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    main_state = lua_tothread(L, -1);
    lua_sethook(main_state, NULL, 0, 0);
    calr_interrupt_clear();
    calr_host_catch_signals(main_state);
    return 0;
}

static const calr_lua_function functions[] = {
    {"read_line", host_read_line, "prompt"},       {"add_history", host_add_history, "line"},
    {"load_history", host_load_history, "path"},   {"save_history", host_save_history, "path"},
    {"clear_interrupt", host_clear_interrupt, ""}, {NULL, NULL, NULL},
};

int luaopen_calr_host(lua_State *L)
{
    setlocale(LC_CTYPE, ""); /* for typed letters beyond ASCII */
    calr_lua_new_module(L, "calr.host.", functions);
    return 1;
}
