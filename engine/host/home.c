/* Where the program's Lua files are. */
#include <lauxlib.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/host.h"
#include "os/file.h"
#include "revision.h"

static void executable_path(char path[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = 0;
}

/* Whether `home` has Lua files of ours. */
static int holds_files(const char *home)
{
    char file[PATH_MAX];
    int length = snprintf(file, sizeof file, "%s/lua/calr/init.lua", home);
    return length < (int)sizeof file && calr_file_exists(file);
}

calr_status calr_host_check_home(void)
{
    const char *chosen = getenv("CALR_HOME");
    if (!chosen || !chosen[0] || holds_files(chosen))
        return CALR_OK;
    return calr_error(
        CALR_EINVAL,
        "the environment variable CALR_HOME is \"%s\", but there is no lua/calr/init.lua in it",
        chosen);
}

/* Pushes the folder of a path: "/a/b" gives "/a". */
static const char *push_folder(lua_State *L, const char *path)
{
    const char *slash = strrchr(path, '/');
    lua_pushlstring(L, path, slash ? (size_t)(slash - path) : 0);
    return lua_tostring(L, -1);
}

static const char *push_source(lua_State *L, const char *installed)
{
    if (!holds_files(CALR_HOME_SOURCE))
        luaL_error(L,
                   "cannot find calr's Lua files: neither in %s nor in %s; set CALR_HOME to the "
                   "folder that has "
                   "lua/calr in it",
                   installed, CALR_HOME_SOURCE);
    return lua_pushliteral(L, CALR_HOME_SOURCE);
}

/* Pushes the home below a prefix: of the file that runs, or, where a package manager has copied that elsewhere, of
 * what was installed. */
static const char *push_installed(lua_State *L, const char *prefix)
{
    const char *home = lua_pushfstring(L, "%s/share/calr", prefix);
    if (holds_files(home))
        return home;
    if (holds_files(CALR_INSTALLED "/share/calr"))
        return lua_pushliteral(L, CALR_INSTALLED "/share/calr");
    return push_source(L, home);
}

/* Pushes the home folder. */
static const char *push_home(lua_State *L, const char *executable)
{
    const char *chosen = getenv("CALR_HOME");
    if (chosen && chosen[0])
        return lua_pushstring(L, chosen);
    const char *folder = push_folder(L, executable);
    if (strcmp(folder, CALR_BUILD) == 0)
        return push_source(L, folder);
    return push_installed(L, push_folder(L, folder));
}

static void set_package_path(lua_State *L, const char *home)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "path");
    lua_pushfstring(L, "%s/lua/?.lua;%s/lua/?/init.lua;%s", home, home, lua_tostring(L, -1));
    lua_setfield(L, -3, "path");
    lua_pop(L, 2);
}

static void set_string(lua_State *L, const char *key, const char *value)
{
    lua_pushstring(L, value);
    lua_setfield(L, -2, key);
}

static void set_folder(lua_State *L, const char *key, const char *home)
{
    lua_pushfstring(L, "%s/%s", home, key);
    lua_setfield(L, -2, key);
}

/* Fills package.path and calr.sys. `executable` may be NULL. */
static void fill(lua_State *L, const char *executable, const char *home)
{
    set_package_path(L, home);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "calr.sys");
    lua_call(L, 1, 1);
    lua_createtable(L, 0, 5);
    if (executable)
        set_string(L, "executable", executable);
    set_string(L, "home", home);
    set_folder(L, "lua", home);
    set_folder(L, "experiments", home);
    set_folder(L, "datasets", home);
    lua_setfield(L, -2, "paths");
    lua_createtable(L, 0, 3);
    set_string(L, "calr", CALR_VERSION);
    if (CALR_REVISION[0])
        set_string(L, "revision", CALR_REVISION);
    set_string(L, "lua", LUA_VERSION_MAJOR "." LUA_VERSION_MINOR "." LUA_VERSION_RELEASE);
    lua_setfield(L, -2, "version");
}

void calr_host_set_home(lua_State *L)
{
    int top = lua_gettop(L);
    char executable[PATH_MAX];
    executable_path(executable);
    fill(L, executable, push_home(L, executable));
    lua_settop(L, top);
}

/* Pushes the folder that is `levels` above. */
static const char *push_above(lua_State *L, const char *folder, int levels)
{
    for (; levels > 0; levels--)
        folder = push_folder(L, folder);
    return folder;
}

/* Pushes the program beside a guest; NULL where there is none. */
static const char *push_program(lua_State *L, const char *prefix)
{
    const char *program = lua_pushfstring(L, "%s/bin/calr", prefix);
    if (calr_file_exists(program))
        return program;
    return calr_file_exists(CALR_INSTALLED "/bin/calr") ? CALR_INSTALLED "/bin/calr" : NULL;
}

void calr_host_set_guest_home(lua_State *L, const char *folder)
{
    int top = lua_gettop(L);
    const char *chosen = getenv("CALR_HOME"), *home, *program;
    bool built = strcmp(push_above(L, folder, 2), CALR_BUILD) == 0;
    const char *prefix = push_above(L, folder, 4);
    if (chosen && chosen[0])
        home = chosen;
    else
        home = built ? push_source(L, folder) : push_installed(L, prefix);
    if (built)
        program = calr_file_exists(CALR_BUILD "/calr") ? CALR_BUILD "/calr" : NULL;
    else
        program = push_program(L, prefix);
    fill(L, program, home);
    lua_settop(L, top);
}
