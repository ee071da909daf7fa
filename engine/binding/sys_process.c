/* calr.sys: other processes. */
#include "binding/bind.h"
#include "binding/sys.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/process.h"

#define PROCESS "calr.process"

extern char **environ;

/* ---- starting ---- */

/* What a start needs, owned by a scratch value until it is done. */
typedef struct start {
    const char **command; /* strings of the Lua table */
    char **environment;   /* ours: NAME=VALUE */
} start;

static void release_start(void *owned)
{
    start *s = owned;
    free(s->command);
    for (char **text = s->environment; text && *text; text++)
        free(*text);
    free(s->environment);
    free(s);
}

static start *new_start(lua_State *L)
{
    void **slot = calr_lua_scratch(L, release_start);
    *slot = calloc(1, sizeof(start));
    if (!*slot)
        calr_lua_call(L, calr_error(CALR_ENOMEM, "no memory to start a program"));
    return *slot;
}

/* The list at the top of the stack. */
static void take_command(lua_State *L, start *s)
{
    lua_Integer count = luaL_len(L, -1);
    if (count < 1 || count > 100000)
        luaL_error(L, "command is a list: {program, argument, ...}");
    s->command = calloc((size_t)count + 1, sizeof *s->command);
    if (!s->command)
        calr_lua_call(L, calr_error(CALR_ENOMEM, "no memory to start a program"));
    for (lua_Integer i = 0; i < count; i++) {
        if (lua_geti(L, -1, i + 1) != LUA_TSTRING)
            luaL_error(L, "command is a list of strings; entry %d is a %s", (int)i + 1,
                       luaL_typename(L, -1));
        char *word = strdup(lua_tostring(L, -1));
        if (!word)
            calr_lua_call(L, calr_error(CALR_ENOMEM, "no memory to start a program"));
        calr_lua_keep(L, word, free);
        s->command[i] = word;
        lua_pop(L, 1);
    }
}

/* Pushes a table name -> value of this process's environment with the changes of the table at `changes` (0: none). */
static void push_environment(lua_State *L, int changes)
{
    lua_newtable(L);
    for (char **entry = environ; *entry; entry++) {
        const char *equals = strchr(*entry, '=');
        if (!equals)
            continue;
        lua_pushlstring(L, *entry, (size_t)(equals - *entry));
        lua_pushstring(L, equals + 1);
        lua_settable(L, -3);
    }
    if (changes == 0)
        return;
    for (lua_pushnil(L); lua_next(L, changes);) {
        if (lua_type(L, -2) != LUA_TSTRING ||
            (lua_type(L, -1) != LUA_TSTRING && (!lua_isboolean(L, -1) || lua_toboolean(L, -1))))
            luaL_error(L, "env is a table of names and strings; false removes a name");
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        if (!lua_toboolean(L, -1)) {
            lua_pop(L, 1);
            lua_pushnil(L);
        }
        lua_settable(L, -5);
        lua_pop(L, 1);
    }
}

/* The table at the top of the stack. */
static void take_environment(lua_State *L, start *s)
{
    size_t count = 0;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
        count++;
    s->environment = calloc(count + 1, sizeof *s->environment);
    size_t used = 0;
    for (lua_pushnil(L); s->environment && lua_next(L, -2); lua_pop(L, 1)) {
        lua_pushfstring(L, "%s=%s", lua_tostring(L, -2), lua_tostring(L, -1));
        s->environment[used] = strdup(lua_tostring(L, -1));
        lua_pop(L, 1);
        if (!s->environment[used++])
            calr_lua_call(L, calr_error(CALR_ENOMEM, "no memory to start a program"));
    }
    if (!s->environment)
        calr_lua_call(L, calr_error(CALR_ENOMEM, "no memory to start a program"));
}

/// @module calr.sys

/// calr.sys.spawn{command=, env=, stdout=, stderr=}
/// Starts a program and returns at once. The program has no input; Ctrl-C in a terminal reaches it
/// as it does this process. It keeps running if this process ends or closes it.
/// @param command  list: the program (searched in PATH if it has no "/") and its arguments
/// @param env      table: environment variables that differ from this process's; false
///                 removes one
/// @param stdout   file that its output is appended to; default: this process's output
/// @param stderr   string; the same for its messages; may be the same file
/// @return process
static int sys_spawn(lua_State *L)
{
    static const char *const names[] = {"command", "env", "stdout", "stderr", NULL};
    luaL_checktype(L, 1, LUA_TTABLE);
    calr_lua_check_options(L, 1, names);
    int has_out = calr_lua_push_option(L, 1, "stdout") != LUA_TNIL;
    int has_err = calr_lua_push_option(L, 1, "stderr") != LUA_TNIL;
    const char *out = has_out ? luaL_checkstring(L, -2) : NULL;
    const char *err = has_err ? luaL_checkstring(L, -1) : NULL;
    if (calr_lua_push_option(L, 1, "command") != LUA_TTABLE)
        luaL_error(L, "command is a list: {program, argument, ...}");
    int command = lua_gettop(L);
    int env = calr_lua_push_option(L, 1, "env") == LUA_TTABLE ? lua_gettop(L) : 0;
    if (!env && !lua_isnil(L, -1))
        luaL_error(L, "env is a table of names and strings; false removes a name");
    calr_process **slot = lua_newuserdatauv(L, sizeof *slot, 0);
    int result = lua_gettop(L);
    *slot = NULL;
    luaL_setmetatable(L, PROCESS);
    push_environment(L, env);
    int environment = lua_gettop(L);
    start *s = new_start(L);
    lua_pushvalue(L, command);
    take_command(L, s);
    lua_pushvalue(L, environment);
    take_environment(L, s);
    calr_process_options options = {.command = s->command,
                                    .environment = (const char *const *)s->environment,
                                    .output = out,
                                    .errors = err};
    calr_lua_call(L, calr_process_start(&options, slot));
    lua_pushvalue(L, result);
    return 1;
}

/* ---- its end ---- */

static calr_process *check_process(lua_State *L)
{
    calr_process **slot = luaL_checkudata(L, 1, PROCESS);
    luaL_argcheck(L, *slot, 1, "it was not started");
    return *slot;
}

/// process:wait([seconds])
/// Waits for the end of the process; without a time, without limit. A request to stop ends
/// the waiting.
/// @return integer|nil  its exit status, or 128 + signal if one killed it; nil: it still runs
/// @return integer|nil  the signal
static int process_wait(lua_State *L)
{
    calr_process *process = check_process(L);
    double limit = luaL_optnumber(L, 2, HUGE_VAL);
    luaL_argcheck(L, limit >= 0, 2, "a time is not negative");
    int status, number;
    if (!calr_process_wait(process, limit, &status, &number))
        return 0;
    lua_pushinteger(L, status);
    if (number == 0)
        return 1;
    lua_pushinteger(L, number);
    return 2;
}

/// process:kill([signal])
/// Sends a signal: "TERM" (default), "INT", "KILL", "STOP", "CONT", "USR1", "USR2", "HUP" or
/// "QUIT".
/// @return boolean  false: it has ended
static int process_kill(lua_State *L)
{
    static const char *const names[] = {"TERM", "INT",  "KILL", "STOP", "CONT",
                                        "USR1", "USR2", "HUP",  "QUIT", NULL};
    static const int numbers[] = {SIGTERM, SIGINT,  SIGKILL, SIGSTOP, SIGCONT,
                                  SIGUSR1, SIGUSR2, SIGHUP,  SIGQUIT};
    calr_process *process = check_process(L);
    int number = numbers[luaL_checkoption(L, 2, "TERM", names)];
    lua_pushboolean(L, calr_process_kill(process, number));
    return 1;
}

/// process:pid()
/// @return integer  the number of the process
static int process_pid(lua_State *L)
{
    lua_pushinteger(L, calr_process_pid(check_process(L)));
    return 1;
}

/// process:close()
/// Forgets the process, which keeps running if it has not ended; a second call does nothing.
/* Also __close. */
static int process_close(lua_State *L)
{
    int status, number;
    calr_process_wait(check_process(L), 0, &status,
                      &number); /* takes the status when there is one */
    return 0;
}

/* Gives back the memory; for __gc alone, as the value stays in use after close(). */
static int process_release(lua_State *L)
{
    calr_process **slot = luaL_checkudata(L, 1, PROCESS);
    calr_process_free(*slot);
    *slot = NULL;
    return 0;
}

static const calr_lua_function methods[] = {
    {"wait", process_wait, "self [, seconds]"},
    {"kill", process_kill, "self [, signal]"},
    {"pid", process_pid, "self"},
    {"close", process_close, "self"},
    {NULL, NULL, NULL},
};

static const calr_lua_function metamethods[] = {
    {"__gc", process_release, NULL},
    {"__close", process_close, NULL},
    {NULL, NULL, NULL},
};

static const calr_lua_function functions[] = {
    {"spawn", sys_spawn, "options"},
    {NULL, NULL, NULL},
};

void calr_sys_add_processes(lua_State *L)
{
    calr_lua_class(L, PROCESS, "process:", methods, metamethods);
    calr_lua_add_functions(L, "calr.sys.", functions);
}
