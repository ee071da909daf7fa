/* calr.terminal: what a program needs that draws on the terminal instead of writing to it. */
#include "binding/bind.h"
#include "binding/modules.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/interrupt.h"

/// @module calr.terminal
/// The terminal as a surface: its size, and keys as they are pressed.
///
///     local keys <close> = terminal.keys()
///     local key = keys:read(1)   -- nil after a second without one

#define KEYS "calr.terminal.keys"

/* The terminal at the standard input while keys are read one by one. */
typedef struct keys {
    int is_open;
    struct termios before;
} keys;

static int env_number(const char *name, int fallback)
{
    const char *text = getenv(name);
    long value = text ? strtol(text, NULL, 10) : 0;
    return value > 0 && value <= 1000 ? (int)value : fallback;
}

/// calr.terminal.size([fd])
/// The size of the terminal at fd (default 1). Where there is none, COLUMNS and LINES, or 80 x 24.
/// @return integer  columns
/// @return integer  lines
static int terminal_size(lua_State *L)
{
    struct winsize size = {0};
    int known = ioctl((int)luaL_optinteger(L, 1, 1), TIOCGWINSZ, &size) == 0;
    lua_pushinteger(L, known && size.ws_col > 0 ? size.ws_col : env_number("COLUMNS", 80));
    lua_pushinteger(L, known && size.ws_row > 0 ? size.ws_row : env_number("LINES", 24));
    return 2;
}

/// calr.terminal.keys()
/// Has the terminal at the standard input give every key at once and show none, until the value is
/// closed; a <close> variable. Ctrl-C is a key then ("\3") and stops nothing. An error where the
/// standard input is no terminal.
/// @return keys
static int terminal_keys(lua_State *L)
{
    keys *k = lua_newuserdatauv(L, sizeof *k, 0);
    k->is_open = 0;
    luaL_setmetatable(L, KEYS);
    if (tcgetattr(STDIN_FILENO, &k->before) != 0)
        calr_lua_call(L, calr_error_system(errno, "cannot read keys from the standard input"));
    struct termios raw = k->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0)
        calr_lua_call(L, calr_error_system(errno, "cannot read keys from the standard input"));
    k->is_open = 1;
    return 1;
}

/// keys:read(seconds)
/// Waits for a key; a request to stop ends the wait early.
/// @return string|nil  what the keys pressed since the last call send; nil: none was pressed; "":
///                     the terminal has gone away
static int keys_read(lua_State *L)
{
    keys *k = luaL_checkudata(L, 1, KEYS);
    double wait = luaL_checknumber(L, 2);
    luaL_argcheck(L, k->is_open, 1, "it was closed");
    luaL_argcheck(L, wait >= 0 && wait < 1e6, 2, "a time from 0 to 1e6 seconds");
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    if (calr_interrupt_requested() || poll(&input, 1, (int)ceil(1000 * wait)) <= 0)
        return 0;
    char buffer[64];
    ssize_t size = read(STDIN_FILENO, buffer, sizeof buffer);
    if (size < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    lua_pushlstring(L, buffer, size > 0 ? (size_t)size : 0);
    return 1;
}

/// keys:close()
/// Gives the terminal back as it was; a second time does nothing.
/* Also __gc and __close. */
static int keys_close(lua_State *L)
{
    keys *k = luaL_checkudata(L, 1, KEYS);
    if (k->is_open)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &k->before);
    k->is_open = 0;
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
