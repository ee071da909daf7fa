/* calr.sys: files that grow, and locks. */
#include "binding/bind.h"
#include "binding/sys.h"

#include <unistd.h>

#include "os/file.h"
#include "os/lock.h"

#define APPEND "calr.append"
#define LOCK   "calr.lock"

/* A descriptor with the name it was opened by, for messages. The name is the first user value. */
typedef struct handle {
    int fd; /* -1: closed */
} handle;

static handle *new_handle(lua_State *L, int path, const char *kind)
{
    handle *h = lua_newuserdatauv(L, sizeof *h, 1);
    h->fd = -1;
    luaL_setmetatable(L, kind);
    lua_pushvalue(L, path);
    lua_setiuservalue(L, -2, 1);
    return h;
}

static handle *check_open(lua_State *L, const char *kind)
{
    handle *h = luaL_checkudata(L, 1, kind);
    luaL_argcheck(L, h->fd >= 0, 1, "it was closed");
    return h;
}

/* The name that the handle at 1 was opened by; stays on the stack. */
static const char *name_of(lua_State *L)
{
    lua_getiuservalue(L, 1, 1);
    return lua_tostring(L, -1);
}

/* Closing releases a lock. */
static int close_handle(lua_State *L, const char *kind)
{
    handle *h = luaL_checkudata(L, 1, kind);
    if (h->fd >= 0)
        close(h->fd);
    h->fd = -1;
    return 0;
}

/// @module calr.sys

/// calr.sys.append(path [, {follow=true}])
/// Opens a file for appending; creates it if absent. Close it with `file:close()` or a
/// <close> variable.
/// @param follow  false: a symbolic link in place of the file is an error
/// @return append
static int sys_append(lua_State *L)
{
    static const char *const names[] = {"follow", NULL};
    const char *path = luaL_checkstring(L, 1);
    calr_lua_check_options(L, 2, names);
    int follow = calr_lua_option_boolean(L, 2, "follow", 1);
    handle *h = new_handle(L, 1, APPEND);
    calr_lua_call(L, calr_append_open(path, follow, &h->fd));
    return 1;
}

/// append:write(text)
/// Adds text in one piece; another process that reads the file sees it at once. If the disk is
/// full, none of the text stays in the file.
static int append_write(lua_State *L)
{
    handle *h = check_open(L, APPEND);
    size_t size;
    const char *text = luaL_checklstring(L, 2, &size);
    calr_lua_call(L, calr_append_write(h->fd, name_of(L), text, size));
    return 0;
}

/// append:sync()
/// Returns when everything written so far is on the disk.
static int append_sync(lua_State *L)
{
    handle *h = check_open(L, APPEND);
    calr_lua_call(L, calr_append_sync(h->fd, name_of(L)));
    return 0;
}

/// append:size()
/// @return integer  bytes in the file
static int append_size(lua_State *L)
{
    handle *h = check_open(L, APPEND);
    int64_t size;
    calr_lua_call(L, calr_append_size(h->fd, name_of(L), &size));
    lua_pushinteger(L, size);
    return 1;
}

/// append:close()
/// Closes the file; a second call does nothing.
/* Also __gc and __close. */
static int append_close(lua_State *L)
{
    return close_handle(L, APPEND);
}

/// calr.sys.lock(path)
/// Takes the lock of a file, which is created if absent and holds the number of the process. The
/// lock ends with the process, however that ends; `lock:release()` or a <close> variable releases it
/// earlier.
/// @return lock|nil  nil if another process holds it
/// @return string    if nil, the number of that process
static int sys_lock(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    handle *h = new_handle(L, 1, LOCK);
    char holder[CALR_LOCK_HOLDER];
    calr_status status = calr_lock_take(path, &h->fd, holder);
    if (status == CALR_EBUSY) {
        lua_pushnil(L);
        lua_pushstring(L, holder);
        return 2;
    }
    calr_lua_call(L, status);
    return 1;
}

/// lock:release()
/// Releases the lock; a second call does nothing.
/* Also __gc and __close. */
static int lock_release(lua_State *L)
{
    return close_handle(L, LOCK);
}

int calr_sys_append_descriptor(lua_State *L, int arg)
{
    handle *h = luaL_checkudata(L, arg, APPEND);
    luaL_argcheck(L, h->fd >= 0, arg, "it was closed");
    return h->fd;
}

static const calr_lua_function append_methods[] = {
    {"write", append_write, "self, text"},
    {"sync", append_sync, "self"},
    {"size", append_size, "self"},
    {"close", append_close, "self"},
    {NULL, NULL, NULL},
};

static const calr_lua_function lock_methods[] = {
    {"release", lock_release, "self"},
    {NULL, NULL, NULL},
};

static const calr_lua_function functions[] = {
    {"append", sys_append, "path [, options]"},
    {"lock", sys_lock, "path"},
    {NULL, NULL, NULL},
};

static const calr_lua_function append_metamethods[] = {
    {"__gc", append_close, NULL},
    {"__close", append_close, NULL},
    {NULL, NULL, NULL},
};

static const calr_lua_function lock_metamethods[] = {
    {"__gc", lock_release, NULL},
    {"__close", lock_release, NULL},
    {NULL, NULL, NULL},
};

void calr_sys_add_handles(lua_State *L)
{
    calr_lua_class(L, APPEND, "append:", append_methods, append_metamethods);
    calr_lua_class(L, LOCK, "lock:", lock_methods, lock_metamethods);
    calr_lua_add_functions(L, "calr.sys.", functions);
}
