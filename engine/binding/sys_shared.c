/* calr.sys: what processes on one or many machines need to share a folder: files that one of them makes, files that
 * others add to, signs of life. */
#include "binding/bind.h"
#include "binding/sys.h"

#include <stdlib.h>

#include "os/claim.h"
#include "os/file.h"
#include "os/heartbeat.h"

#define HEARTBEAT "calr.heartbeat"

/* ---- files that one process makes ---- */

/// @module calr.sys

/// calr.sys.link_new(path, text)
/// Makes a file that must not exist yet. However many processes on however many machines try, one
/// makes it, and under its name it is whole from the first moment. Not flushed to the disk: after
/// a power cut it may be empty or absent.
/// @return boolean  true: this call made it; false: it exists
static int sys_link_new(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    size_t size;
    const char *text = luaL_checklstring(L, 2, &size);
    bool made = false;
    calr_lua_call(L, calr_claim_new(path, text, size, &made));
    lua_pushboolean(L, made);
    return 1;
}

/// calr.sys.link(source, path)
/// Gives a file another name, which must not exist yet. However many processes on however many
/// machines try, one gets the name. Cheaper than calr.sys.link_new where many names hold the same
/// text.
/// @return boolean|nil  true: this call made the name, or an earlier one with this source; false:
///                      it is another file's; nil: this file can have no name there (it has too
///                      many, or the folder is elsewhere)
static int sys_link(lua_State *L)
{
    const char *source = luaL_checkstring(L, 1), *path = luaL_checkstring(L, 2);
    calr_claim result = CALR_CLAIM_IMPOSSIBLE;
    calr_lua_call(L, calr_claim_link(source, path, &result));
    if (result == CALR_CLAIM_IMPOSSIBLE)
        return 0;
    lua_pushboolean(L, result == CALR_CLAIM_MADE);
    return 1;
}

/* ---- files that others add to ---- */

/// calr.sys.read_from(path, offset [, limit])
/// What a file holds behind its first `offset` bytes: at most `limit` bytes of it (default 1 MiB).
/// @return string|nil  empty at the end; nil when there is no such file
static int sys_read_from(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    lua_Integer offset = luaL_checkinteger(L, 2);
    lua_Integer limit = luaL_optinteger(L, 3, 1 << 20);
    luaL_argcheck(L, offset >= 0, 2, "an offset is not negative");
    luaL_argcheck(L, limit >= 1 && limit <= 1 << 30, 3, "a limit is from 1 to 2^30 bytes");
    void **data = calr_lua_scratch(L, free);
    size_t size = 0;
    calr_status status = calr_file_read_from(path, offset, (size_t)limit, data, &size);
    if (status == CALR_ENOTFOUND)
        return 0;
    calr_lua_call(L, status);
    lua_pushlstring(L, *data ? *data : "", size);
    return 1;
}

/* ---- signs of life ---- */

/// heartbeat:close()
/// Ends the thread and gives the lock back; a second time does nothing.
/* Also __gc and __close. */
static int heartbeat_close(lua_State *L)
{
    calr_heartbeat **slot = luaL_checkudata(L, 1, HEARTBEAT);
    calr_heartbeat_free(*slot);
    *slot = NULL;
    return 0;
}

static calr_heartbeat *check_open(lua_State *L)
{
    calr_heartbeat **slot = luaL_checkudata(L, 1, HEARTBEAT);
    luaL_argcheck(L, *slot, 1, "it was closed");
    return *slot;
}

/// calr.sys.heartbeat(path, seconds [, file])
/// Starts a heartbeat: a thread rewrites a counter in the file every `seconds`, and a
/// lock on the file tells other processes of this machine at once when this one has died. Signals
/// never reach the thread. calr.sys.pulse reads the file. A file in which another heartbeat beats, of this process or
/// of another, is an error.
/// @param file  from calr.sys.append: flushed to the disk each time
/// @return heartbeat  ends by `heartbeat:close()` or as a <close> variable
static int sys_heartbeat(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    double period = luaL_checknumber(L, 2);
    luaL_argcheck(L, period >= 0.001 && period <= 1e6, 2, "a time from 0.001 to 1e6 seconds");
    int journal = lua_isnoneornil(L, 3) ? -1 : calr_sys_append_descriptor(L, 3);
    calr_heartbeat **slot = lua_newuserdatauv(L, sizeof *slot, 0);
    *slot = NULL;
    luaL_setmetatable(L, HEARTBEAT);
    calr_lua_call(L, calr_heartbeat_new(path, period, journal, slot));
    return 1;
}

/// heartbeat:problem()
/// @return string|nil  why the last beat could not be written; the thread keeps trying
static int heartbeat_problem(lua_State *L)
{
    calr_heartbeat **slot = luaL_checkudata(L, 1, HEARTBEAT);
    if (!*slot || calr_heartbeat_problem(*slot) == CALR_OK)
        return 0;
    lua_pushstring(L, calr_status_message());
    return 1;
}

/// heartbeat:count()
/// How often it has beaten: a clock that stands still while this process does.
/// @return integer
static int heartbeat_count(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)calr_heartbeat_count(check_open(L)));
    return 1;
}

/// calr.sys.pulse(path)
/// What calr.sys.heartbeat writes. A count that stays the same for long means that the process has
/// died or stands still.
/// @return integer|nil  the count; nil when there is no such file or nothing in it
/// @return boolean|nil  whether the process lives; nil when it may be on another machine
static int sys_pulse(lua_State *L)
{
    calr_pulse pulse;
    calr_status status = calr_pulse_read(luaL_checkstring(L, 1), &pulse);
    if (status == CALR_ENOTFOUND)
        return 0;
    calr_lua_call(L, status);
    lua_pushinteger(L, (lua_Integer)pulse.count);
    if (!pulse.known)
        return 1;
    lua_pushboolean(L, pulse.alive);
    return 2;
}

static const calr_lua_function heartbeat_methods[] = {
    {"count", heartbeat_count, "self"},
    {"problem", heartbeat_problem, "self"},
    {"close", heartbeat_close, "self"},
    {NULL, NULL, NULL},
};

static const calr_lua_function metamethods[] = {
    {"__gc", heartbeat_close, NULL},
    {"__close", heartbeat_close, NULL},
    {NULL, NULL, NULL},
};

static const calr_lua_function functions[] = {
    {"link", sys_link, "source, path"},
    {"link_new", sys_link_new, "path, text"},
    {"read_from", sys_read_from, "path, offset [, limit]"},
    {"heartbeat", sys_heartbeat, "path, seconds [, file]"},
    {"pulse", sys_pulse, "path"},
    {NULL, NULL, NULL},
};

void calr_sys_add_shared(lua_State *L)
{
    calr_lua_class(L, HEARTBEAT, "heartbeat:", heartbeat_methods, metamethods);
    calr_lua_add_functions(L, "calr.sys.", functions);
}
