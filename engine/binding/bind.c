#include "binding/bind.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "binding/collect.h"

#define TENSOR  "calr.tensor"
#define SCRATCH "calr.scratch"

/* ---- errors ---- */

static const char interrupt_key;

static int interrupt_text(lua_State *L)
{
    lua_pushliteral(L, "interrupted");
    return 1;
}

void calr_lua_push_interrupt(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &interrupt_key) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_createtable(L, 0, 0);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, interrupt_text);
    lua_setfield(L, -2, "__tostring");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &interrupt_key);
}

/* Whether calr's own Lua files called the running C function: the position of such a call tells the author of a script
 * nothing (calr.traceback puts the script's in front). */
static int called_by_library(lua_State *L)
{
    lua_Debug caller;
    if (!lua_getstack(L, 1, &caller) || !lua_getinfo(L, "S", &caller))
        return 0;
    return caller.source[0] == '@' && strstr(caller.source, "/lua/calr/") != NULL;
}

void calr_lua_call(lua_State *L, calr_status status)
{
    if (status == CALR_EINTERRUPTED) {
        calr_lua_push_interrupt(L);
        lua_error(L);
    }
    if (status != CALR_OK && called_by_library(L)) {
        lua_pushstring(L, calr_status_message());
        lua_error(L);
    }
    if (status != CALR_OK)
        luaL_error(L, "%s", calr_status_message());
}

/* ---- tensors ---- */

/* Pushes the metatable of tensors, or nil before there is one. It is found by an address: its name would be looked up
 * letter by letter, several times in every call. */
static void push_class(lua_State *L)
{
    static const char key;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &key) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    if (luaL_getmetatable(L, TENSOR) != LUA_TTABLE)
        return;
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &key);
}

/* Where the tensor at `arg` is; NULL for another value. luaL_testudata, in half the time. */
static calr_tensor **tensor_slot(lua_State *L, int arg)
{
    void *slot = lua_touserdata(L, arg);
    if (!slot || !lua_getmetatable(L, arg))
        return NULL;
    push_class(L);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same ? slot : NULL;
}

calr_tensor **calr_lua_new_tensor(lua_State *L)
{
    calr_tensor **slot = lua_newuserdatauv(L, sizeof *slot, 0);
    *slot = NULL;
    push_class(L);
    lua_setmetatable(L, -2);
    return slot;
}

void calr_lua_account(lua_State *L)
{
    calr_collect_when_full(L);
}

calr_tensor *calr_lua_peek_tensor(lua_State *L, int arg)
{
    calr_tensor **slot = tensor_slot(L, arg);
    return slot ? *slot : NULL;
}

calr_tensor *calr_lua_test_tensor(lua_State *L, int arg)
{
    return calr_lua_hold(L, calr_lua_peek_tensor(L, arg));
}

static void release_tensor(void *tensor)
{
    calr_tensor_release(tensor);
}

void calr_lua_close_tensor(lua_State *L, int arg)
{
    calr_tensor **slot = tensor_slot(L, arg);
    if (!slot)
        return;
    calr_tensor *tensor = *slot;
    *slot = NULL;
    calr_lua_let_go(tensor, release_tensor);
}

calr_tensor *calr_lua_check_tensor(lua_State *L, int arg)
{
    calr_tensor **slot = tensor_slot(L, arg);
    if (!slot)
        slot = luaL_checkudata(L, arg, TENSOR); /* for its message */
    luaL_argcheck(L, *slot, arg, "this tensor was closed (between layers: calr.nn.release)");
    return calr_lua_hold(L, *slot);
}

calr_tensor *calr_lua_check_form(lua_State *L, int arg, calr_dtype dtype, int ndim,
                                 const char *form)
{
    calr_tensor *tensor = calr_lua_check_tensor(L, arg);
    if (calr_tensor_expect(tensor, "it", dtype, ndim, form) != CALR_OK)
        luaL_argerror(L, arg, calr_status_message());
    return tensor;
}

const int64_t *calr_lua_push_i64(lua_State *L, const calr_tensor *tensor)
{
    calr_tensor **slot = calr_lua_new_tensor(L);
    if (tensor->dtype == CALR_I64)
        calr_lua_call(L, calr_tensor_contiguous(tensor, slot));
    else
        calr_lua_call(L, calr_tensor_cast(tensor, CALR_I64, slot));
    return calr_tensor_i64(*slot);
}

/* ---- options ---- */

/* Optimal string alignment distance of short words; long ones count as far. */
static int edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 48 };
    int rows[3][LONGEST + 1];
    int la = (int)strlen(a), lb = (int)strlen(b);
    if (la > LONGEST || lb > LONGEST)
        return LONGEST;
    for (int j = 0; j <= lb; j++)
        rows[0][j] = j;
    for (int i = 1; i <= la; i++) {
        int *now = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= lb; j++) {
            int best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[la % 3][lb];
}

int calr_lua_push_nearest(lua_State *L, const char *word, const char *const *names)
{
    const char *nearest = NULL;
    int best = 1 + (int)strlen(word) / 3; /* one slip in three letters, and one more */
    for (; *names; names++) {
        int distance = edit_distance(word, *names);
        int prefix = strlen(word) >= 3 && strncmp(word, *names, strlen(word)) == 0;
        if (prefix)
            distance = 1;
        if (distance < best || (!nearest && distance <= best)) {
            best = distance;
            nearest = *names;
        }
    }
    if (nearest)
        lua_pushstring(L, nearest);
    return nearest != NULL;
}

/* An error for a key that is none of the names. */
static void refuse_strangers(lua_State *L, int arg, const char *const *names)
{
    for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "options are named (name = value); found the unnamed value %s",
                       luaL_tolstring(L, -1, NULL));
        const char *key = lua_tostring(L, -2);
        int known = 0;
        for (const char *const *name = names; *name && !known; name++)
            known = strcmp(key, *name) == 0;
        if (known)
            continue;
        if (calr_lua_push_nearest(L, key, names))
            luaL_error(L, "unknown option \"%s\" (did you mean \"%s\"?)", key, lua_tostring(L, -1));
        luaL_Buffer list;
        luaL_buffinit(L, &list);
        for (const char *const *name = names; *name; name++) {
            luaL_addstring(&list, name == names ? "" : ", ");
            luaL_addstring(&list, *name);
        }
        luaL_pushresult(&list);
        luaL_error(L, "unknown option \"%s\"; there are: %s", key, lua_tostring(L, -1));
    }
}

void calr_lua_plain_options(lua_State *L, int arg, const char *const *names)
{
    if (luaL_getmetafield(L, arg, "__index") == LUA_TNIL)
        return;
    lua_pop(L, 1);
    luaL_checkstack(L, 4, NULL);
    lua_newtable(L);
    for (; *names; names++) {
        lua_getfield(L, arg, *names);
        lua_setfield(L, -2, *names);
    }
    lua_replace(L, arg);
}

void calr_lua_check_options(lua_State *L, int arg, const char *const *names)
{
    if (lua_isnoneornil(L, arg))
        return;
    luaL_checktype(L, arg, LUA_TTABLE);
    refuse_strangers(L, arg, names);
    calr_lua_plain_options(L, arg, names);
}

int calr_lua_push_option(lua_State *L, int arg, const char *name)
{
    luaL_checkstack(L, 4, NULL);
    if (lua_isnoneornil(L, arg)) {
        lua_pushnil(L);
        return LUA_TNIL;
    }
    luaL_checktype(L, arg, LUA_TTABLE);
    arg = lua_absindex(L, arg);
    lua_pushstring(L, name);
    return lua_rawget(L, arg);
}

/* Pushes the field; 0 and nothing pushed when absent. */
static int push_option(lua_State *L, int arg, const char *name)
{
    if (calr_lua_push_option(L, arg, name) != LUA_TNIL)
        return 1;
    lua_pop(L, 1);
    return 0;
}

static void wrong_type(lua_State *L, const char *name, const char *wanted)
{
    const char *given = luaL_typename(L, -1);
    if (lua_type(L, -1) == LUA_TSTRING)
        given = lua_pushfstring(L, "the string \"%s\"", lua_tostring(L, -1));
    else if (lua_type(L, -1) == LUA_TNUMBER)
        given = luaL_tolstring(L, -1, NULL);
    luaL_error(L, "option \"%s\" must be %s, not %s", name, wanted, given);
}

int64_t calr_lua_option_integer(lua_State *L, int arg, const char *name, int64_t fallback,
                                int64_t min, int64_t max)
{
    if (!push_option(L, arg, name))
        return fallback;
    int whole;
    lua_Integer value = lua_tointegerx(L, -1, &whole);
    if (lua_type(L, -1) != LUA_TNUMBER || !whole)
        wrong_type(L, name, "a whole number");
    if (value < min || value > max) {
        if (max == INT64_MAX)
            luaL_error(L, "option \"%s\" must be at least %I, not %I", name, (lua_Integer)min,
                       value);
        luaL_error(L, "option \"%s\" must be %I to %I, not %I", name, (lua_Integer)min,
                   (lua_Integer)max, value);
    }
    lua_pop(L, 1);
    return value;
}

double calr_lua_option_number(lua_State *L, int arg, const char *name, double fallback, double min,
                              double max)
{
    if (!push_option(L, arg, name))
        return fallback;
    if (lua_type(L, -1) != LUA_TNUMBER)
        wrong_type(L, name, "a number");
    double value = lua_tonumber(L, -1);
    if (!(value >= min && value <= max)) { /* NaN is refused too */
        if (isinf(max))
            luaL_error(L, "option \"%s\" must be at least %f, not %f", name, min, value);
        luaL_error(L, "option \"%s\" must be %f to %f, not %f", name, min, max, value);
    }
    lua_pop(L, 1);
    return value;
}

int calr_lua_option_boolean(lua_State *L, int arg, const char *name, int fallback)
{
    if (!push_option(L, arg, name))
        return fallback;
    if (!lua_isboolean(L, -1))
        wrong_type(L, name, "true or false");
    int value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

const char *calr_lua_option_string(lua_State *L, int arg, const char *name, const char *fallback)
{
    if (!push_option(L, arg, name)) {
        if (!fallback)
            luaL_error(L, "option \"%s\" is missing", name);
        return fallback;
    }
    if (lua_type(L, -1) != LUA_TSTRING)
        wrong_type(L, name, "a string");
    char *value = strdup(lua_tostring(L, -1));
    if (!value)
        luaL_error(L, "no memory");
    calr_lua_keep(L, value, free);
    lua_pop(L, 1);
    return value;
}

int calr_lua_option_choice(lua_State *L, int arg, const char *name, int fallback,
                           const char *const *choices)
{
    if (!push_option(L, arg, name))
        return fallback;
    if (lua_type(L, -1) != LUA_TSTRING)
        wrong_type(L, name, "a string");
    const char *value = lua_tostring(L, -1);
    int i = 0;
    while (choices[i] && strcmp(choices[i], value) != 0)
        i++;
    if (!choices[i]) {
        luaL_Buffer list;
        luaL_buffinit(L, &list);
        for (int j = 0; choices[j]; j++) {
            luaL_addstring(&list, j ? ", " : "");
            luaL_addstring(&list, choices[j]);
        }
        luaL_pushresult(&list);
        luaL_error(L, "option \"%s\" has no choice \"%s\"; there are: %s", name, value,
                   lua_tostring(L, -1));
    }
    lua_pop(L, 1);
    return i;
}

calr_tensor *calr_lua_option_tensor(lua_State *L, int arg, const char *name, int required)
{
    if (!push_option(L, arg, name)) {
        if (required)
            luaL_error(L, "option \"%s\" is missing (a tensor)", name);
        return NULL;
    }
    calr_tensor *tensor = calr_lua_test_tensor(L, -1);
    if (!tensor)
        wrong_type(L, name, "a tensor");
    lua_pop(L, 1);
    return tensor;
}

calr_tensor *calr_lua_option_form(lua_State *L, int arg, const char *name, int required,
                                  calr_dtype dtype, int ndim, const char *form)
{
    calr_tensor *tensor = calr_lua_option_tensor(L, arg, name, required);
    if (tensor && calr_tensor_expect(tensor, name, dtype, ndim, form) != CALR_OK)
        luaL_error(L, "%s", calr_status_message());
    return tensor;
}

/* ---- values of other kinds ---- */

typedef struct scratch {
    void *owned;
    void (*release)(void *owned);
} scratch;

/* __gc and __close: runs twice. */
static int scratch_close(lua_State *L)
{
    scratch *s = luaL_checkudata(L, 1, SCRATCH);
    void *owned;
    memcpy(&owned, &s->owned, sizeof owned); /* the engine stored a pointer of another type */
    s->owned = NULL;
    if (owned)
        s->release(owned);
    return 0;
}

void *calr_lua_scratch(lua_State *L, void (*release)(void *owned))
{
    static const calr_lua_function none[] = {{NULL, NULL, NULL}};
    static const calr_lua_function metamethods[] = {
        {"__gc", scratch_close, NULL}, {"__close", scratch_close, NULL}, {NULL, NULL, NULL}};
    scratch *s = lua_newuserdatauv(L, sizeof *s, 0);
    *s = (scratch){NULL, release};
    calr_lua_class(L, SCRATCH, "", none, metamethods);
    luaL_setmetatable(L, SCRATCH);
    lua_toclose(L, -1);
    return &s->owned;
}

lua_Integer calr_lua_length(lua_State *L, int arg)
{
    lua_Integer length = luaL_len(L, arg);
    if (length < 0 || length > INT32_MAX)
        luaL_error(L, "a list of %I items is not possible", length);
    return length;
}

const char *const *calr_lua_check_paths(lua_State *L, int arg, int64_t *count)
{
    luaL_checktype(L, arg, LUA_TTABLE);
    lua_Integer length = calr_lua_length(L, arg);
    const char **paths = calr_array_new(length, sizeof *paths);
    if (!paths)
        luaL_error(L, "no memory for a list of %I files", length);
    calr_lua_keep(L, paths, free);
    for (lua_Integer i = 1; i <= length; i++) {
        if (lua_rawgeti(L, arg, i) != LUA_TSTRING)
            luaL_error(L, "item %I of a list of files must be a path, not a %s", i,
                       luaL_typename(L, -1));
        paths[i - 1] = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    *count = length;
    return paths;
}
