/* calr.sys: other processes. posix_spawn starts them: the threads of OpenMP and of heartbeats forbid a fork whose child
 * would run anything of ours. */
#include "binding/bind.h"
#include "binding/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/interrupt.h"

#define PROCESS "calr.process"

extern char **environ;

typedef struct process {
    pid_t pid;
    int ended;  /* it was waited for, and its number may be another's by now */
    int status; /* as waitpid gives it */
} process;

/* ---- starting ---- */

/* What a start needs, owned by a scratch value until it is done. */
typedef struct start {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    const char **command; /* strings of the Lua table */
    char **environment;   /* ours: NAME=VALUE */
    int files[3];         /* where its streams go; -1: where ours do */
} start;

static void release_start(void *owned)
{
    start *s = owned;
    posix_spawn_file_actions_destroy(&s->actions);
    posix_spawnattr_destroy(&s->attributes);
    free(s->command);
    for (char **text = s->environment; text && *text; text++)
        free(*text);
    free(s->environment);
    for (int i = 0; i < 3; i++)
        if (s->files[i] >= 0)
            close(s->files[i]);
    free(s);
}

static start *new_start(lua_State *L)
{
    void **slot = calr_lua_scratch(L, release_start);
    start *s = calloc(1, sizeof *s);
    if (!s)
        calr_lua_call(L, calr_error(CALR_ENOMEM, "no memory to start a program"));
    posix_spawn_file_actions_init(&s->actions);
    posix_spawnattr_init(&s->attributes);
    s->files[0] = s->files[1] = s->files[2] = -1;
    *slot = s;
    return s;
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

/* What stream `fd` of the program says is added to a file. */
static void take_output(lua_State *L, start *s, int fd, const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0)
        calr_lua_call(L, calr_error_system(errno, "cannot write %s", path));
    s->files[fd] = file;
    int error = posix_spawn_file_actions_adddup2(&s->actions, file, fd);
    if (error)
        calr_lua_call(L, calr_error_system(error, "cannot write %s", path));
}

/* Nothing to read, and signals as a program expects them. */
static int prepare(start *s)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int error = posix_spawn_file_actions_addopen(&s->actions, 0, "/dev/null", O_RDONLY, 0);
    if (!error)
        error = posix_spawnattr_setsigmask(&s->attributes, &none);
    if (!error)
        error = posix_spawnattr_setsigdefault(&s->attributes, &all);
    if (!error)
        error = posix_spawnattr_setflags(&s->attributes,
                                         POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return error;
}

/// calr.sys.spawn{command=, env=, stdout=, stderr=}
/// Starts a program and goes on. It has no input; the request to stop (Ctrl-C) in a terminal
/// reaches it like this process. It goes on when this process ends or forgets it.
/// @param command  list: the program (looked for in PATH when it has no "/") and its arguments
/// @param env      table: variables of its environment that differ from this process's; false
/// removes one
/// @param stdout   file that what it prints is added to; default: where this process prints
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
    process *p = lua_newuserdatauv(L, sizeof *p, 0);
    int result = lua_gettop(L);
    p->ended = 1;
    luaL_setmetatable(L, PROCESS);
    push_environment(L, env);
    int environment = lua_gettop(L);
    start *s = new_start(L);
    lua_pushvalue(L, command);
    take_command(L, s);
    lua_pushvalue(L, environment);
    take_environment(L, s);
    if (out)
        take_output(L, s, 1, out);
    if (err)
        take_output(L, s, 2, err);
    int error = prepare(s);
    if (!error)
        error = posix_spawnp(&p->pid, s->command[0], &s->actions, &s->attributes,
                             (char *const *)(uintptr_t)s->command, s->environment);
    if (error)
        calr_lua_call(L, calr_error_system(error, "cannot start %s", s->command[0]));
    p->ended = 0;
    lua_pushvalue(L, result);
    return 1;
}

/* ---- its end ---- */

/* Whether it has ended; takes its status when it has. */
static int has_ended(process *p)
{
    if (p->ended)
        return 1;
    int status;
    pid_t got;
    do
        got = waitpid(p->pid, &status, WNOHANG);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        return 0;
    p->ended = 1;
    p->status = got == p->pid ? status : 0; /* somebody else took the status */
    return 1;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/// process:wait([seconds])
/// Waits for the end of the process; without a time, as long as it takes. A request to stop ends
/// the waiting.
/// @return integer|nil  its exit status, 128 + signal when one killed it; nil: it still runs
/// @return integer|nil  the signal
static int process_wait(lua_State *L)
{
    process *p = luaL_checkudata(L, 1, PROCESS);
    double limit = luaL_optnumber(L, 2, HUGE_VAL), end = now() + limit;
    luaL_argcheck(L, limit >= 0, 2, "a time is not negative");
    double pause = 0.0005;
    while (!has_ended(p)) {
        double left = end - now();
        if (left <= 0 || calr_interrupt_requested())
            return 0;
        pause = fmin(pause * 1.5, 0.02);
        struct timespec nap = {0, (long)(1e9 * fmin(pause, left))};
        nanosleep(&nap, NULL); /* a signal ends it early */
    }
    if (WIFSIGNALED(p->status)) {
        lua_pushinteger(L, 128 + WTERMSIG(p->status));
        lua_pushinteger(L, WTERMSIG(p->status));
        return 2;
    }
    lua_pushinteger(L, WEXITSTATUS(p->status));
    return 1;
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
    process *p = luaL_checkudata(L, 1, PROCESS);
    int number = numbers[luaL_checkoption(L, 2, "TERM", names)];
    lua_pushboolean(L, !has_ended(p) && kill(p->pid, number) == 0);
    return 1;
}

/// process:pid()
/// @return integer  the number of the process
static int process_pid(lua_State *L)
{
    process *p = luaL_checkudata(L, 1, PROCESS);
    lua_pushinteger(L, p->pid);
    return 1;
}

/// process:close()
/// Forgets the process, which goes on when it has not ended; a second time does nothing.
/* Also __gc and __close. */
static int process_close(lua_State *L)
{
    process *p = luaL_checkudata(L, 1, PROCESS);
    has_ended(p);
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
    {"__gc", process_close, NULL},
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
