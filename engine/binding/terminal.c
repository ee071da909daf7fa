/* calr.terminal: what a program needs that draws on the terminal instead of writing to it. */
#include "binding/bind.h"
#include "binding/modules.h"

#include "os/terminal.h"

/// @module calr.terminal
/// The terminal: its size, and keys as they are pressed.
///
///     local keys <close> = terminal.keys()
///     local key = keys:read(1)   -- nil after a second without one

#define KEYS "calr.terminal.keys"

/// calr.terminal.size([fd])
/// Returns the size of the terminal at fd (default 1). Without one, COLUMNS and LINES, or 80 x 24.
/// @return integer  columns
/// @return integer  lines
static int terminal_size(lua_State *L)
{
    int columns, lines;
    calr_terminal_size((int)luaL_optinteger(L, 1, 1), &columns, &lines);
    lua_pushinteger(L, columns);
    lua_pushinteger(L, lines);
    return 2;
}

/// calr.terminal.keys()
/// Makes the terminal at standard input deliver every key at once without echo, until the value is
/// closed; a <close> variable. Ctrl-C is then a key ("\3") and stops nothing. It is an error if
/// standard input is not a terminal.
/// @return keys
static int terminal_keys(lua_State *L)
{
    calr_terminal_keys **slot = lua_newuserdatauv(L, sizeof *slot, 0);
    *slot = NULL;
    luaL_setmetatable(L, KEYS);
    calr_lua_call(L, calr_terminal_keys_new(slot));
    return 1;
}

/// keys:read(seconds)
/// Waits for a key; a request to stop ends the wait early.
/// @return string|nil  the codes of the keys pressed since the last call; nil: none; "":
///                     the terminal has gone away
static int keys_read(lua_State *L)
{
    calr_terminal_keys **slot = luaL_checkudata(L, 1, KEYS);
    double wait = luaL_checknumber(L, 2);
    luaL_argcheck(L, *slot, 1, "it was closed");
    luaL_argcheck(L, wait >= 0 && wait < 1e6, 2, "a time from 0 to 1e6 seconds");
    char buffer[64];
    long size = calr_terminal_keys_read(*slot, wait, buffer, sizeof buffer);
    if (size < 0)
        return 0;
    lua_pushlstring(L, buffer, (size_t)size);
    return 1;
}

/// keys:close()
/// Restores the terminal; a second call does nothing.
/* Also __gc and __close. */
static int keys_close(lua_State *L)
{
    calr_terminal_keys **slot = luaL_checkudata(L, 1, KEYS);
    calr_terminal_keys_free(*slot);
    *slot = NULL;
    return 0;
}

int luaopen_calr_terminal(lua_State *L)
{
    static const calr_lua_function methods[] = {
        {"read", keys_read, "self, seconds"}, {"close", keys_close, "self"}, {NULL, NULL, NULL}};
    static const calr_lua_function metamethods[] = {
        {"__gc", keys_close, NULL}, {"__close", keys_close, NULL}, {NULL, NULL, NULL}};
    static const calr_lua_function functions[] = {
        {"size", terminal_size, "[fd]"}, {"keys", terminal_keys, ""}, {NULL, NULL, NULL}};
    calr_lua_class(L, KEYS, "keys:", methods, metamethods);
    calr_lua_new_module(L, "calr.terminal.", functions);
    return 1;
}
