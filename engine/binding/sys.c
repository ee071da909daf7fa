/* calr.sys: files, folders, time, the terminal, the machine. */
#include "binding/sys.h"
#include "binding/bind.h"
#include "binding/modules.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/terminal.h"

/// @module calr.sys
/// The system: files written completely or not at all, folders, time, the terminal, threads, the
/// request to stop.
///
/// A failure of the system (a missing file, a full disk) is a Lua error that names the file and the
/// reason.
///
/// `calr.sys.paths` holds this program's folders: `executable`, `home` (the source
/// checkout, or PREFIX/share/calr), `lua`, `experiments`, `datasets`. `calr.sys.version` holds
/// `calr`, `revision` (of the source tree, when it was built in a git checkout) and `lua`.
/// @field paths  table
/// @field version  table

/* ---- files ---- */

/// calr.sys.read_file(path)
/// Reads a whole file.
/// @return string
static int sys_read_file(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    void **data = calr_lua_scratch(L, free);
    size_t size = 0;
    calr_lua_call(L, calr_file_read(path, data, &size));
    lua_pushlstring(L, *data, size);
    return 1;
}

/// calr.sys.write_file(path, text)
/// Writes a whole file: its name always refers to the complete old file or the complete new one.
static int sys_write_file(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    size_t size;
    const char *text = luaL_checklstring(L, 2, &size);
    calr_lua_call(L, calr_file_write(path, text, size));
    return 0;
}

/// calr.sys.truncate(path, size)
/// Cuts a file to its first `size` bytes. A symbolic link is an error, not followed.
static int sys_truncate(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    lua_Integer size = luaL_checkinteger(L, 2);
    luaL_argcheck(L, size >= 0, 2, "a size is not negative");
    calr_lua_call(L, calr_file_truncate(path, size));
    return 0;
}

/// calr.sys.make_folder(path)
/// Creates a folder and its parents; an existing one is fine.
static int sys_make_folder(lua_State *L)
{
    calr_lua_call(L, calr_folder_make(luaL_checkstring(L, 1)));
    return 0;
}

/// calr.sys.exists(path)
/// @return boolean  whether there is a file or folder of this name
static int sys_exists(lua_State *L)
{
    lua_pushboolean(L, calr_file_exists(luaL_checkstring(L, 1)));
    return 1;
}

/// calr.sys.is_folder(path)
/// @return boolean
static int sys_is_folder(lua_State *L)
{
    lua_pushboolean(L, calr_folder_exists(luaL_checkstring(L, 1)));
    return 1;
}

/// calr.sys.check_writable(path)
/// Fails where no file can be made in a folder: it is absent, of another user, or on a read-only disk.
static int sys_check_writable(lua_State *L)
{
    calr_lua_call(L, calr_folder_check_writable(luaL_checkstring(L, 1)));
    return 0;
}

static void release_names(void *names)
{
    calr_folder_names_release(names);
    free(names);
}

/// calr.sys.list(path)
/// Lists the names in a folder, without "." and "..", sorted by their bytes.
/// @return table
static int sys_list(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    calr_folder_names **slot = calr_lua_scratch(L, release_names);
    *slot = calloc(1, sizeof **slot);
    if (!*slot)
        calr_lua_call(L, calr_error(CALR_ENOMEM, "no memory to list the folder %s", path));
    calr_lua_call(L, calr_folder_list(path, *slot));
    lua_newtable(L);
    for (size_t i = 0; i < (*slot)->count; i++) {
        lua_pushstring(L, (*slot)->name[i]);
        lua_seti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/// calr.sys.remove(path)
/// Removes a file or an empty folder.
static int sys_remove(lua_State *L)
{
    calr_lua_call(L, calr_folder_remove(luaL_checkstring(L, 1)));
    return 0;
}

/// calr.sys.rename(from, to)
/// Renames durably; an existing file of the new name is replaced atomically.
static int sys_rename(lua_State *L)
{
    const char *from = luaL_checkstring(L, 1), *to = luaL_checkstring(L, 2);
    calr_lua_call(L, calr_folder_rename(from, to));
    return 0;
}

/// calr.sys.stat(path)
/// @return table|nil  size (bytes), mtime (seconds since 1970), kind ("file", "folder", "other"),
///                    own (whether it belongs to the user of this process), link (whether the path
///                    itself is a symbolic link); nil when absent
static int sys_stat(lua_State *L)
{
    static const char *const kinds[] = {"file", "folder", "other"};
    calr_path_info info;
    const char *path = luaL_checkstring(L, 1);
    calr_status status = calr_path_look(path, &info);
    if (status == CALR_ENOTFOUND)
        return 0;
    calr_lua_call(L, status);
    lua_createtable(L, 0, 5);
    calr_lua_set_integer(L, -1, "size", info.size);
    calr_lua_set_number(L, -1, "mtime", info.changed);
    calr_lua_set_string(L, -1, "kind", kinds[info.kind]);
    calr_lua_set_boolean(L, -1, "own", info.owner == calr_path_user());
    calr_lua_set_boolean(L, -1, "link", calr_path_is_link(path));
    return 1;
}

/// calr.sys.absolute(path)
/// Returns the absolute path of something that exists, with links resolved.
/// @return string
static int sys_absolute(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    char **real = calr_lua_scratch(L, free);
    calr_lua_call(L, calr_path_absolute(path, real));
    lua_pushstring(L, *real);
    return 1;
}

/// calr.sys.current_folder()
/// @return string  the folder that relative paths start from
static int sys_current_folder(lua_State *L)
{
    char **path = calr_lua_scratch(L, free);
    calr_lua_call(L, calr_folder_current(path));
    lua_pushstring(L, *path);
    return 1;
}

/// calr.sys.change_folder(path)
/// Changes the folder that relative paths start from.
static int sys_change_folder(lua_State *L)
{
    calr_lua_call(L, calr_folder_change(luaL_checkstring(L, 1)));
    return 0;
}

/// calr.sys.hash(text)
/// The fingerprint of a string: XXH3, 128 bits, as 32 hexadecimal digits. Not for secrets.
/// @return string
static int sys_hash(lua_State *L)
{
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    char digits[CALR_HASH_TEXT];
    calr_hash_memory(text, size, digits);
    lua_pushstring(L, digits);
    return 1;
}

/// calr.sys.hash_file(path)
/// The fingerprint of a file's bytes.
/// @return string
static int sys_hash_file(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    void **data = calr_lua_scratch(L, free);
    size_t size = 0;
    calr_lua_call(L, calr_file_read(path, data, &size));
    char digits[CALR_HASH_TEXT];
    calr_hash_memory(*data, size, digits);
    lua_pushstring(L, digits);
    return 1;
}

/// calr.sys.crc32c(text)
/// Returns the checksum CRC32C of a string, used by file formats such as TFRecord.
/// @return integer  0 to 2^32 - 1
static int sys_crc32c(lua_State *L)
{
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    lua_pushinteger(L, calr_hash_crc32c(text, size));
    return 1;
}

/* ---- time, terminal, machine ---- */

/// calr.sys.time()
/// @return number  seconds since 1970, with fractions
static int sys_time(lua_State *L)
{
    lua_pushnumber(L, calr_clock_date());
    return 1;
}

/// calr.sys.clock()
/// @return number  seconds of a monotonic clock; for differences
static int sys_clock(lua_State *L)
{
    lua_pushnumber(L, calr_clock_now());
    return 1;
}

/// calr.sys.sleep(seconds)
/// Waits; a request to stop ends it early, a warning does not.
static int sys_sleep(lua_State *L)
{
    double wait = luaL_checknumber(L, 1);
    luaL_argcheck(L, wait >= 0 && wait < 1e9, 1, "a time from 0 to 1e9 seconds");
    calr_clock_sleep(wait);
    return 0;
}

/// calr.sys.is_terminal([fd])
/// Whether a stream is a terminal: 0 input, 1 output (default), 2 errors.
/// @return boolean
static int sys_is_terminal(lua_State *L)
{
    lua_pushboolean(L, isatty((int)luaL_optinteger(L, 1, 1)));
    return 1;
}

/// calr.sys.terminal_width([fd])
/// @return integer  columns of the terminal at fd (default 1); COLUMNS or 80 without a terminal
static int sys_terminal_width(lua_State *L)
{
    int columns, lines;
    calr_terminal_size((int)luaL_optinteger(L, 1, 1), &columns, &lines);
    lua_pushinteger(L, columns);
    return 1;
}

/// calr.sys.hostname()
/// @return string
static int sys_hostname(lua_State *L)
{
    char name[256] = "";
    gethostname(name, sizeof name - 1);
    lua_pushstring(L, name[0] ? name : "unknown");
    return 1;
}

/// calr.sys.pid()
/// @return integer  the number of this process
static int sys_pid(lua_State *L)
{
    lua_pushinteger(L, getpid());
    return 1;
}

/// calr.sys.setenv(name [, value])
/// Sets a variable of the environment for this process and its children; nil removes it. os.getenv
/// reads one.
/// @param value  string
static int sys_setenv(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1), *value = luaL_optstring(L, 2, NULL);
    if ((value ? setenv(name, value, 1) : unsetenv(name)) != 0)
        calr_lua_call(L, calr_error_system(errno, "cannot set the variable %s", name));
    return 0;
}

/// calr.sys.threads([count])
/// The number of threads that the engine uses; with a count, sets it first (1 to 1024).
/// @return integer
static int sys_threads(lua_State *L)
{
    if (!lua_isnoneornil(L, 1)) {
        lua_Integer count = luaL_checkinteger(L, 1);
        luaL_argcheck(L, count >= 1 && count <= 1024, 1, "threads must be 1 to 1024");
        calr_lua_call(L, calr_parallel_set_threads((int)count));
    }
    lua_pushinteger(L, calr_parallel_threads());
    return 1;
}

/// calr.sys.processors()
/// @return integer  processors that this process may use
static int sys_processors(lua_State *L)
{
    cpu_set_t set;
    lua_pushinteger(L, sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1);
    return 1;
}

/* ---- the request to stop ---- */

/// calr.sys.interrupted()
/// Tells whether the user asked to stop (Ctrl-C or SIGTERM). A script need not check: an error stops
/// it at its next line.
/// @return integer|nil  the number of the signal
static int sys_interrupted(lua_State *L)
{
    if (!calr_interrupt_requested())
        return 0;
    lua_pushinteger(L, calr_interrupt_requested());
    return 1;
}

/// calr.sys.is_interrupt(value)
/// Tells whether an error value caught by pcall, or passed to a __close metamethod, is the request
/// to stop.
/// @param value  any
/// @return boolean
static int sys_is_interrupt(lua_State *L)
{
    luaL_checkany(L, 1);
    calr_lua_push_interrupt(L);
    lua_pushboolean(L, lua_rawequal(L, 1, -1));
    return 1;
}

/// calr.sys.check_interrupt()
/// Raises the request to stop again if there was one: a pcall somewhere may have swallowed it.
static int sys_check_interrupt(lua_State *L)
{
    calr_lua_call(L, calr_interrupt_check());
    return 0;
}

/// calr.sys.warned()
/// Tells whether a warning (SIGUSR1) has arrived: this process will be stopped soon, for example
/// because a cluster's scheduler needs the machine. The warning itself stops nothing: end the work at
/// a point where nothing is lost.
/// @return boolean
static int sys_warned(lua_State *L)
{
    lua_pushboolean(L, calr_interrupt_warned());
    return 1;
}

/// calr.sys.nearest(word, names)
/// Returns the name most similar to a misspelt word.
/// @param names  list of strings
/// @return string|nil  nil if none is similar
static int sys_nearest(lua_State *L)
{
    const char *word = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    lua_Integer count = calr_lua_length(L, 2);
    lua_newtable(L); /* holds the strings */
    const char **names = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *names, 0);
    for (lua_Integer i = 0; i < count; i++) {
        if (lua_geti(L, 2, i + 1) != LUA_TSTRING)
            luaL_argerror(L, 2, "names are strings");
        names[i] = lua_tostring(L, -1);
        lua_rawseti(L, 3, i + 1);
    }
    names[count] = NULL;
    return calr_lua_push_nearest(L, word, names);
}

static const calr_lua_function functions[] = {
    {"read_file", sys_read_file, "path"},
    {"write_file", sys_write_file, "path, text"},
    {"truncate", sys_truncate, "path, size"},
    {"make_folder", sys_make_folder, "path"},
    {"exists", sys_exists, "path"},
    {"is_folder", sys_is_folder, "path"},
    {"check_writable", sys_check_writable, "path"},
    {"list", sys_list, "path"},
    {"remove", sys_remove, "path"},
    {"rename", sys_rename, "from, to"},
    {"stat", sys_stat, "path"},
    {"absolute", sys_absolute, "path"},
    {"current_folder", sys_current_folder, ""},
    {"change_folder", sys_change_folder, "path"},
    {"hash", sys_hash, "text"},
    {"hash_file", sys_hash_file, "path"},
    {"crc32c", sys_crc32c, "text"},
    {"time", sys_time, ""},
    {"clock", sys_clock, ""},
    {"sleep", sys_sleep, "seconds"},
    {"is_terminal", sys_is_terminal, "[fd]"},
    {"terminal_width", sys_terminal_width, "[fd]"},
    {"hostname", sys_hostname, ""},
    {"pid", sys_pid, ""},
    {"setenv", sys_setenv, "name [, value]"},
    {"threads", sys_threads, "[count]"},
    {"processors", sys_processors, ""},
    {"interrupted", sys_interrupted, ""},
    {"is_interrupt", sys_is_interrupt, "value"},
    {"check_interrupt", sys_check_interrupt, ""},
    {"warned", sys_warned, ""},
    {"nearest", sys_nearest, "word, names"},
    {NULL, NULL, NULL},
};

int luaopen_calr_sys(lua_State *L)
{
    calr_lua_new_module(L, "calr.sys.", functions);
    calr_sys_add_handles(L);
    calr_sys_add_processes(L);
    calr_sys_add_shared(L);
    calr_sys_add_info(L);
    return 1;
}
