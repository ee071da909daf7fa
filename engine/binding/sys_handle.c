/* calr.sys: files that grow, and locks. */
#include "binding/bind.h"
#include "binding/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void fail_on(lua_State *L, int error, const char *what)
{
    lua_getiuservalue(L, 1, 1);
    calr_lua_call(L, calr_error_system(error, "cannot %s %s", what, lua_tostring(L, -1)));
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

/// calr.sys.append(path)
/// Opens a file to which text is added; makes it when absent. Close it with `file:close()` or a
/// <close> variable.
/// @return append
static int sys_append(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    handle *h = new_handle(L, 1, APPEND);
    h->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (h->fd < 0)
        calr_lua_call(L, calr_error_system(errno, "cannot open %s", path));
    return 1;
}

/// append:write(text)
/// Adds text in one piece; another process that reads the file sees it at once. When the disk is
/// full nothing of the text stays in the file.
static int append_write(lua_State *L)
{
    handle *h = check_open(L, APPEND);
    size_t size, done = 0;
    const char *text = luaL_checklstring(L, 2, &size);
    off_t before = lseek(h->fd, 0, SEEK_END);
    while (done < size) {
        ssize_t written = write(h->fd, text + done, size - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            int error = errno;
            if (before >= 0 && done > 0 && ftruncate(h->fd, before) != 0)
                error = errno;
            fail_on(L, error, "write");
        }
        done += (size_t)written;
    }
    return 0;
}

/// append:sync()
/// Returns when the disk has everything written so far.
static int append_sync(lua_State *L)
{
    handle *h = check_open(L, APPEND);
    if (fdatasync(h->fd) != 0 && errno != EINVAL &&
        errno != ENOTSUP) /* a pipe or device has no disk behind it */
        fail_on(L, errno, "write");
    return 0;
}

/// append:size()
/// @return integer  bytes in the file
static int append_size(lua_State *L)
{
    handle *h = check_open(L, APPEND);
    struct stat info;
    if (fstat(h->fd, &info) != 0)
        fail_on(L, errno, "look at");
    lua_pushinteger(L, info.st_size);
    return 1;
}

/// append:close()
/// Closes the file; a second time does nothing.
/* Also __gc and __close. */
static int append_close(lua_State *L)
{
    return close_handle(L, APPEND);
}

/// calr.sys.lock(path)
/// Takes the lock of a file, which is made when absent and holds the number of the process. The
/// lock goes with the process, however it ends; `lock:release()` or a <close> variable gives it
/// back earlier.
/// @return lock|nil  nil when another process holds it
/// @return string    then what that process wrote: its number
static int sys_lock(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    handle *h = new_handle(L, 1, LOCK);
    h->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (h->fd < 0)
        calr_lua_call(L, calr_error_system(errno, "cannot open %s", path));
    char text[32] = "";
    if (flock(h->fd, LOCK_EX | LOCK_NB) != 0) {
        int error = errno;
        if (error != EWOULDBLOCK)
            calr_lua_call(L, calr_error_system(error, "cannot lock %s", path));
        ssize_t got = read(h->fd, text, sizeof text - 1);
        text[got > 0 ? got : 0] = 0;
        text[strcspn(text, "\n")] = 0;
        close(h->fd);
        h->fd = -1;
        lua_pushnil(L);
        lua_pushstring(L, text[0] ? text : "unknown");
        return 2;
    }
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    /* The number only helps people: on a full disk the lock holds without it. */
    ssize_t written = ftruncate(h->fd, 0) == 0 ? write(h->fd, text, (size_t)length) : 0;
    (void)written;
    return 1;
}

/// lock:release()
/// Gives the lock back; a second time does nothing.
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
    {"append", sys_append, "path"},
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
