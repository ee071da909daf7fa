/* calr: Lua 5.4 with the engine inside.
 *
 * Opens Lua, puts the engine's modules where `require` finds them, and hands the arguments to
 * lua/calr/program/main.lua, whose result is the exit status. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/backend.h"
#include "base/environment.h"
#include "base/parallel.h"
#include "binding/bind.h"
#include "host/host.h"

/* Arguments: argc, argv. Returns the exit status. */
static int run(lua_State *L)
{
    int argc = (int)lua_tointeger(L, 1);
    char **argv = lua_touserdata(L, 2);
    luaL_openlibs(L);
    calr_lua_preload(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, luaopen_calr_host);
    lua_setfield(L, -2, "calr.host");
    calr_host_set_home(L);
    calr_host_catch_signals(L);

    lua_getglobal(L, "require");
    lua_pushliteral(L, "calr.program.main");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "main");
    lua_createtable(L, argc, 0);
    for (int i = 0; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_seti(L, -2, i);
    }
    lua_call(L, 1, 1);
    return 1;
}

/* GNU's OpenMP lets idle threads spin for milliseconds after each parallel region. Where anything else wants the
 * processor (our own loader threads do) that was measured to make training five times slower. What the user has set
 * stands.
 *
 * How long they spin is read when the library is loaded, before main. Our only turn before it is `before_all` below,
 * where the C library does not know of an environment yet: nothing can be added to the list that the kernel made, but
 * an entry can be exchanged. One that no library reads while it is loaded gives way until main puts it back. */
static char spinning[] = "GOMP_SPINCOUNT=10000";
static char *displaced;

static bool is_entry(const char *entry, const char *name)
{
    size_t length = strlen(name);
    return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

static void shorten_spinning(char **environment)
{
    static const char *const spare[] = {"_", "OLDPWD", "SHLVL", "PWD", "LOGNAME", "USER", "SHELL"};
    char **place = NULL;
    for (char **entry = environment; *entry; entry++) {
        if (is_entry(*entry, "GOMP_SPINCOUNT") || is_entry(*entry, "OMP_WAIT_POLICY"))
            return;
        for (size_t i = 0; i < sizeof spare / sizeof *spare && !place; i++)
            place = is_entry(*entry, spare[i]) ? entry : NULL;
    }
    if (place) {
        displaced = *place;
        *place = spinning;
    }
}

/* Where nothing could give way, the program starts itself once more, which takes as long as loading all libraries.
 * When that is not possible either we go on as we are, slower. */
static void start_again(char **argv)
{
    char path[4096];
    ssize_t length;
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY"))
        return;
    length = readlink("/proc/self/exe", path, sizeof path);
    if (length <= 0 || length >= (ssize_t)sizeof path || setenv("GOMP_SPINCOUNT", "10000", 1) != 0)
        return;
    path[length] = 0;
    execv(path, argv);
}

/* A variable that is not understood is not passed over in silence. */
static calr_status check_environment(void)
{
    static const char *const tracebacks[] = {"full", NULL};
    int which;
    CALR_TRY(calr_parallel_check_environment());
    CALR_TRY(calr_backend_check_environment());
    CALR_TRY(calr_environment_word("CALR_TRACEBACK", tracebacks, &which));
    return calr_host_check_home();
}

/* Before the initialisers of any library: oneDNN's allocate. */
static void before_libraries(int argc, char **argv, char **environment)
{
    (void)argc;
    (void)argv;
    shorten_spinning(environment);
    calr_backend_catch_no_memory();
}

__attribute__((section(".preinit_array"),
               used)) static void (*const before_all)(int, char **, char **) = before_libraries;

int main(int argc, char **argv)
{
    calr_host_hold_warnings();
    if (displaced)
        putenv(displaced);
    if (check_environment() != CALR_OK) {
        fprintf(stderr, "calr: %s\n", calr_status_message());
        return 2;
    }
    start_again(argv);
    lua_State *L = luaL_newstate();
    if (!L) {
        fprintf(stderr, "calr: no memory to start\n");
        return 1;
    }
    lua_pushcfunction(L, run);
    lua_pushinteger(L, argc);
    lua_pushlightuserdata(L, argv);
    int status = 1;
    if (lua_pcall(L, 2, 1, 0) == LUA_OK)
        status = (int)lua_tointeger(L, -1);
    else
        fprintf(stderr, "calr: %s\n", luaL_tolstring(L, -1, NULL));
    lua_close(L);
    /* The reader of our output may be gone, or its disk full: then not all went well. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == 0) {
        fprintf(stderr, "calr: cannot write the output\n");
        status = 1;
    }
    return status;
}
