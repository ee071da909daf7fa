/* Where the program and the library find calr's Lua files: beside themselves, where they were installed (a package
 * manager has copied them elsewhere), or in the source tree. CMake defines the places. */
#include "check.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "host/home.c"

#define PLACES CALR_TEST_PLACES
#define FILES  "/lua/calr"

static void make_folders(const char *path)
{
    char part[PATH_MAX];
    for (size_t i = 1; path[i - 1]; i++)
        if (path[i] == '/' || !path[i]) {
            snprintf(part, sizeof part, "%.*s", (int)i, path);
            mkdir(part, 0755);
        }
}

static void make_file(const char *path)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    if (file)
        fclose(file);
}

static void make_home(const char *home)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s" FILES, home);
    make_folders(path);
    snprintf(path, sizeof path, "%s" FILES "/init.lua", home);
    make_file(path);
}

static void drop_home(const char *home)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s" FILES "/init.lua", home);
    unlink(path);
}

/* calr.sys, which the engine has */
static int open_sys(lua_State *L)
{
    lua_newtable(L);
    return 1;
}

static lua_State *new_state(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    luaL_requiref(L, "calr.sys", open_sys, 0);
    lua_settop(L, 0);
    return L;
}

static int find_home(lua_State *L)
{
    fill(L, NULL, push_home(L, lua_tostring(L, 1)));
    return 0;
}

static int find_guest_home(lua_State *L)
{
    calr_host_set_guest_home(L, lua_tostring(L, 1));
    return 0;
}

/* calr.sys.paths[key] as `find` fills it for a file at `path`, or the error's message; a copy. */
static const char *found(lua_CFunction find, const char *path, const char *key)
{
    static char text[2 * PATH_MAX];
    lua_State *L = new_state();
    lua_pushcfunction(L, find);
    lua_pushstring(L, path);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK) {
        luaL_dostring(L, "return require('calr.sys').paths");
        lua_getfield(L, -1, key);
    }
    snprintf(text, sizeof text, "%s", lua_isnil(L, -1) ? "nil" : lua_tostring(L, -1));
    lua_close(L);
    return text;
}

#define PROGRAM(path)    found(find_home, path, "home")
#define GUEST(path, key) found(find_guest_home, path, key)

static void the_program(void)
{
    CHECK(strstr(PROGRAM(PLACES "/tree/bin/calr"), "cannot find calr's Lua files: neither in "));
    make_home(CALR_HOME_SOURCE);
    CHECK_STRING(PROGRAM(CALR_BUILD "/calr"), CALR_HOME_SOURCE);
    CHECK_STRING(PROGRAM(PLACES "/tree/bin/calr"), CALR_HOME_SOURCE);
    make_home(CALR_INSTALLED "/share/calr");
    CHECK_STRING(PROGRAM(PLACES "/tree/bin/calr"), CALR_INSTALLED "/share/calr");
    CHECK_STRING(PROGRAM(CALR_BUILD "/calr"), CALR_HOME_SOURCE);
    make_home(PLACES "/tree/share/calr");
    CHECK_STRING(PROGRAM(PLACES "/tree/bin/calr"), PLACES "/tree/share/calr");
    setenv("CALR_HOME", "/elsewhere", 1);
    CHECK_STRING(PROGRAM(PLACES "/tree/bin/calr"), "/elsewhere");
    CHECK(calr_host_check_home() == CALR_EINVAL);
    unsetenv("CALR_HOME");
    drop_home(PLACES "/tree/share/calr");
}

static void the_library(void)
{
    static const char library[] = PLACES "/tree/lib/lua/5.4/calr";
    CHECK_STRING(GUEST(library, "home"), CALR_INSTALLED "/share/calr");
    CHECK_STRING(GUEST(CALR_BUILD "/lua/calr", "home"), CALR_HOME_SOURCE);
    CHECK_STRING(GUEST(library, "executable"), "nil");
    make_folders(CALR_INSTALLED "/bin");
    make_file(CALR_INSTALLED "/bin/calr");
    CHECK_STRING(GUEST(library, "executable"), CALR_INSTALLED "/bin/calr");
    /* LuaRocks keeps what was installed and copies the program beside the library's folder, which comes first. */
    make_folders(PLACES "/tree/bin");
    make_file(PLACES "/tree/bin/calr");
    CHECK_STRING(GUEST(library, "executable"), PLACES "/tree/bin/calr");
    CHECK_STRING(GUEST(CALR_BUILD "/lua/calr", "executable"), "nil");
    drop_home(CALR_INSTALLED "/share/calr");
    CHECK_STRING(GUEST(library, "home"), CALR_HOME_SOURCE);
}

int main(void)
{
    unsetenv("CALR_HOME");
    drop_home(CALR_HOME_SOURCE); /* of a run before that failed */
    drop_home(CALR_INSTALLED "/share/calr");
    drop_home(PLACES "/tree/share/calr");
    unlink(CALR_INSTALLED "/bin/calr");
    unlink(PLACES "/tree/bin/calr");
    RUN(the_program);
    RUN(the_library);
    return check_finish();
}
