#include "binding/bind.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/meter.h"
#include "binding/profile.h"
#include "tensor/profile.h"

/* ---- what running functions hold ---- */

/* The functions that run now, outermost first, and what they hold. An error leaves a function by a longjmp, which
 * nobody tells us of: the record of such a function stays until the next call shows that it has ended. Functions nest
 * on the C stack, through coroutines too, and the stack grows downwards: a record whose frame does not lie above that
 * of a function just called is of one that has ended. */
typedef struct frame {
    lua_State *L;
    const void *
        call; /* Lua's record of the call: with L, which function of those recorded is the running one */
    uintptr_t address; /* of its frame on the C stack */
    size_t first;      /* of its holds */
} frame;

typedef struct hold {
    void *object;
    void (*release)(void *object); /* NULL: the object still has its owner */
} hold;

/* Of a thread that runs Lua: the one of the program, or any of those of a host that has several states. */
static _Thread_local frame *frames;
static _Thread_local hold *holds;
static _Thread_local size_t frame_count, frame_capacity, hold_count, hold_capacity;

/* Ends the records from number `count` on. Releasing calls no Lua code. */
static void end_frames(size_t count)
{
    while (frame_count > count) {
        size_t first = frames[--frame_count].first;
        while (hold_count > first) {
            hold last = holds[--hold_count];
            if (last.release)
                last.release(last.object);
        }
    }
}

static void end_frames_below(uintptr_t address)
{
    size_t count = frame_count;
    while (count > 0 && frames[count - 1].address <= address)
        count--;
    end_frames(count);
}

static const void *running_call(lua_State *L)
{
    lua_Debug debug;
    return lua_getstack(L, 0, &debug) ? (const void *)debug.i_ci : NULL;
}

/* Whether the function that runs in L is recorded; if so its record is now the last one. */
static bool find_frame(lua_State *L)
{
    const void *call = running_call(L);
    for (size_t i = frame_count; i-- > 0;) {
        if (frames[i].L == L && frames[i].call == call) {
            end_frames(i + 1);
            return true;
        }
    }
    return false;
}

lua_State *calr_lua_running(void)
{
    return frame_count > 0 ? frames[frame_count - 1].L : NULL;
}

void *calr_lua_hold(lua_State *L, void *object)
{
    if (object && find_frame(L)) {
        if (!calr_list_reserve((void **)&holds, &hold_capacity, hold_count, sizeof *holds))
            luaL_error(L, "no memory");
        holds[hold_count++] = (hold){object, NULL};
    }
    return object;
}

void calr_lua_keep(lua_State *L, void *object, void (*release)(void *object))
{
    if (!find_frame(L) ||
        !calr_list_reserve((void **)&holds, &hold_capacity, hold_count, sizeof *holds)) {
        release(object);
        luaL_error(L, "no memory");
    }
    holds[hold_count++] = (hold){object, release};
}

void calr_lua_let_go(void *object, void (*release)(void *object))
{
    if (!object)
        return;
    end_frames_below((uintptr_t)__builtin_frame_address(0));
    for (size_t i = 0; i < hold_count; i++) {
        if (holds[i].object == object && !holds[i].release) {
            holds[i].release = release;
            return;
        }
    }
    release(object);
}

/* ---- calling ---- */

/* How many arguments are named; -1 for any number. */
static int count_arguments(const char *takes)
{
    if (!takes || strstr(takes, "..."))
        return -1;
    int count = takes[0] != 0;
    for (; *takes; takes++)
        count += *takes == ',';
    return count;
}

/* Arguments behind those a function takes are an error, unless they are nil. */
static void refuse_arguments(lua_State *L, const calr_lua_function *function, int most)
{
    int given = lua_gettop(L);
    while (given > most && lua_isnil(L, given))
        given--;
    lua_settop(L, given);
    if (given <= most)
        return;
    const char *prefix = lua_tostring(L, lua_upvalueindex(3)), *takes = function->takes;
    int self = prefix[0] && prefix[strlen(prefix) - 1] == ':';
    if (self) { /* the value before the colon is no argument to whoever writes the call */
        takes += strcspn(takes, ", ");
        takes += strspn(takes, ", ");
        if (strncmp(takes, "[, ", 3) == 0)
            takes = lua_pushfstring(L, "[%s", takes + 3);
    }
    if (most == self)
        luaL_error(L, "%s%s() takes no argument, and %d %s given", prefix, function->name,
                   given - self, given - self == 1 ? "was" : "were");
    luaL_error(L, "%s%s(%s) takes %s%d argument%s, and %d were given", prefix, function->name,
               takes, strchr(takes, '[') ? "at most " : "", most - self,
               most - self == 1 ? "" : "s", given - self);
}

int calr_lua_code(lua_State *L)
{
    return ((const calr_lua_function *)lua_touserdata(L, lua_upvalueindex(1)))->code;
}

const char *calr_lua_name(lua_State *L)
{
    return ((const calr_lua_function *)lua_touserdata(L, lua_upvalueindex(1)))->name;
}

bool calr_lua_in_place(lua_State *L)
{
    const char *name = calr_lua_name(L);
    return name[0] && name[strlen(name) - 1] == '_';
}

/* The length of the argument name that `takes` begins with, after what separates it from the one before; *from is
 * moved to it. 0 at the end. */
static size_t argument_name(const char **from)
{
    *from += strspn(*from, "[], ");
    return strspn(*from, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
}

/* Whether the value on top is a table of names: it has no metatable, and a string is its first key. */
static bool is_named(lua_State *L)
{
    if (lua_type(L, -1) != LUA_TTABLE || lua_getmetatable(L, -1))
        return false; /* what was pushed is dropped by the caller's settop */
    lua_pushnil(L);
    if (!lua_next(L, -2))
        return false;
    return lua_type(L, -2) == LUA_TSTRING;
}

static void refuse_name(lua_State *L, const calr_lua_function *function)
{
    const char *prefix = lua_tostring(L, lua_upvalueindex(3));
    const char *given =
        lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : luaL_tolstring(L, -2, NULL);
    const char *names[16];
    int count = 0;
    const char *at = function->takes;
    for (size_t length; count < 15 && (length = argument_name(&at)) > 0; at += length)
        names[count++] = lua_pushlstring(L, at, length);
    names[count] = NULL;
    const char *nearest = calr_lua_push_nearest(L, given, names + 1) ? lua_tostring(L, -1) : NULL;
    if (nearest)
        luaL_error(L, "%s%s(%s) has no argument \"%s\" (did you mean \"%s\"?)", prefix,
                   function->name, function->takes, given, nearest);
    luaL_error(L, "%s%s(%s) has no argument \"%s\"", prefix, function->name, function->takes,
               given);
}

/* Spreads the table of names on top, argument number `last`, over the arguments that it names. */
static void spread_names(lua_State *L, const calr_lua_function *function, int last, int most)
{
    luaL_checkstack(L, most + 24, NULL);
    int table = most + 1; /* behind all arguments */
    lua_settop(L, most);
    lua_pushvalue(L, last);
    lua_pushnil(L);
    lua_replace(L, last);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        const char *at = function->takes;
        int place = 0;
        size_t length, given = 0;
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tolstring(L, -2, &given) : "";
        for (int i = 1; (length = argument_name(&at)) > 0; at += length, i++)
            if (i > 1 && length == given && memcmp(at, name, length) == 0)
                place = i;
        if (place == 0)
            refuse_name(L, function);
        if (place < last || !lua_isnil(L, place)) {
            const char *prefix = lua_tostring(L, lua_upvalueindex(3));
            luaL_error(L, "%s%s(%s): \"%s\" is given twice, by position and by name", prefix,
                       function->name, function->takes, name);
        }
        lua_pushvalue(L, -1);
        lua_replace(L, place);
    }
    lua_settop(L, most);
    while (lua_gettop(L) > 0 && lua_isnil(L, -1))
        lua_settop(L, -2);
}

/* The line becomes the label of what the call computes, so that backward passes know it. */
static void begin_span(lua_State *L, const calr_lua_function *function, const void *address)
{
    int line = calr_lua_script_line(L);
    calr_meter_set_label(line);
    calr_profile_begin(CALR_PROFILE_CALL, function, lua_tostring(L, lua_upvalueindex(3)),
                       function->name, line, address);
}

/* Upvalues: the function, how many arguments it takes, the prefix of its name, its own. */
static int call_function(lua_State *L)
{
    const calr_lua_function *function = lua_touserdata(L, lua_upvalueindex(1));
    int most = (int)lua_tointeger(L, lua_upvalueindex(2)), given = lua_gettop(L);
    if (function->named && given > 1 && given <= most && lua_type(L, given) == LUA_TTABLE) {
        bool named = is_named(L);
        lua_settop(L, given);
        if (named)
            spread_names(L, function, given, most);
    }
    if (most >= 0 && lua_gettop(L) > most)
        refuse_arguments(L, function, most);
    uintptr_t address = (uintptr_t)__builtin_frame_address(0);
    end_frames_below(address);
    if (!calr_list_reserve((void **)&frames, &frame_capacity, frame_count, sizeof *frames))
        return luaL_error(L, "no memory");
    frames[frame_count++] = (frame){L, running_call(L), address, hold_count};
    if (calr_profile_on)
        begin_span(L, function, (const void *)address);
    int results = function->call(L);
    if (calr_profile_on)
        calr_profile_end((const void *)address);
    end_frames_below(address);
    return results;
}

void calr_lua_push_function(lua_State *L, const char *prefix, const calr_lua_function *function,
                            int upvalues)
{
    lua_pushlightuserdata(L, (void *)function);
    lua_pushinteger(L, count_arguments(function->takes));
    lua_pushstring(L, prefix);
    lua_rotate(L, -3 - upvalues, 3);
    lua_pushcclosure(L, call_function, 3 + upvalues);
}

void calr_lua_push_row(lua_State *L, const char *prefix, int upvalues)
{
    const calr_lua_function *row = lua_touserdata(L, -1 - upvalues);
    lua_pushinteger(L, count_arguments(row->takes));
    lua_pushstring(L, prefix);
    lua_rotate(L, -2 - upvalues, 2);
    lua_pushcclosure(L, call_function, 3 + upvalues);
}

/* Adds NAME_ to the table on top. */
static void add_in_place(lua_State *L, const char *prefix, const calr_lua_function *function)
{
    const char *name = lua_pushfstring(L, "%s_", function->name);
    calr_lua_function *row = lua_newuserdatauv(L, sizeof *row, 1);
    *row = *function;
    row->name = name;
    row->in_place = false;
    lua_pushvalue(L, -2);
    lua_setiuservalue(L, -2, 1); /* the name's owner */
    calr_lua_push_row(L, prefix, 0);
    lua_rawset(L, -3);
}

void calr_lua_add_functions(lua_State *L, const char *prefix, const calr_lua_function *functions)
{
    for (; functions->name; functions++) {
        calr_lua_push_function(L, prefix, functions, 0);
        lua_setfield(L, -2, functions->name);
        if (functions->in_place)
            add_in_place(L, prefix, functions);
    }
}

int calr_lua_absent_name(lua_State *L)
{
    lua_settop(L, 2);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "calr.options");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "absent");
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_call(L, 3, 0);
    lua_pushnil(L);
    return 1;
}

void calr_lua_new_module(lua_State *L, const char *prefix, const calr_lua_function *functions)
{
    size_t length = strlen(prefix);
    lua_newtable(L);
    calr_lua_add_functions(L, prefix, functions);
    if (length == 0 || prefix[length - 1] != '.')
        return;
    lua_createtable(L, 0, 1);
    lua_pushlstring(L, prefix, length - 1);
    lua_pushcclosure(L, calr_lua_absent_name, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

void calr_lua_class(lua_State *L, const char *name, const char *prefix,
                    const calr_lua_function *methods, const calr_lua_function *metamethods)
{
    if (luaL_newmetatable(L, name)) {
        calr_lua_add_functions(L, "", metamethods);
        calr_lua_new_module(L, prefix, methods);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
}
