/* calr.json: JSON text to Lua values and back. */
#include "files/json.h"
#include "binding/bind.h"
#include "binding/json_plain.h"
#include "binding/modules.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// @module calr.json
/// JSON (RFC 8259). Objects and arrays become tables, `null` becomes `calr.json.null`, whole
/// numbers stay whole.
///
/// A table is written as an array if its keys are 1 .. n, as an object if they are strings; the
/// empty table becomes an object unless calr.json.array has marked it. Keys are written sorted,
/// numbers so that they read back as the same bits.

#define ARRAY     "calr.json.array"
#define WRITER    "calr.json.writer"
#define MAX_DEPTH 200

static const char null_key; /* its address is the value of calr.json.null */

static void push_null(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)&null_key);
}

static int is_null(lua_State *L, int index)
{
    return lua_type(L, index) == LUA_TLIGHTUSERDATA &&
           lua_touserdata(L, index) == (const void *)&null_key;
}

/* ---- reading ---- */

static void push_value(lua_State *L, const json_t *value);

static void push_array(lua_State *L, const json_t *value)
{
    size_t count = json_array_size(value);
    lua_createtable(L, count < 1000000 ? (int)count : 0, 0);
    for (size_t i = 0; i < count; i++) {
        push_value(L, json_array_get(value, i));
        lua_seti(L, -2, (lua_Integer)i + 1);
    }
    if (count == 0)
        luaL_setmetatable(L, ARRAY);
}

static void push_object(lua_State *L, const json_t *value)
{
    const char *key;
    json_t *field;
    lua_newtable(L);
    json_object_foreach((json_t *)(uintptr_t)value, key, field)
    {
        push_value(L, field);
        lua_setfield(L, -2, key);
    }
}

static void push_value(lua_State *L, const json_t *value)
{
    luaL_checkstack(L, 4, "JSON too deep");
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        push_object(L, value);
        break;
    case JSON_ARRAY:
        push_array(L, value);
        break;
    case JSON_STRING:
        lua_pushlstring(L, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        lua_pushinteger(L, json_integer_value(value));
        break;
    case JSON_REAL:
        lua_pushnumber(L, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        lua_pushboolean(L, json_is_true(value));
        break;
    case JSON_NULL:
        push_null(L);
        break;
    }
}

static void release_document(void *document)
{
    json_decref(document);
}

/// calr.json.decode(text [, name])
/// Reads JSON text. Invalid text is an error with line and column; a repeated key is invalid.
/// @param name  names the text's origin in messages, such as the path of its file
/// @return any
static int json_decode(lua_State *L)
{
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    const char *name = luaL_optstring(L, 2, "JSON");
    if (calr_json_push_plain(L, text, size))
        return 1;
    json_t **slot = calr_lua_scratch(L, release_document);
    json_error_t error;
    calr_status status = calr_json_load(
        text, size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error, slot);
    if (status == CALR_ENOMEM)
        return luaL_error(L, "no memory to read %s of %I bytes", name, (lua_Integer)size);
    if (status != CALR_OK)
        return luaL_error(L, "%s, line %d, column %d: %s", name, error.line, error.column,
                          error.text);
    push_value(L, *slot);
    return 1;
}

/* ---- writing ---- */

/* What a call of encode carries along; a userdata, so that its text is freed when an error is
 * raised. */
typedef struct writer {
    lua_State *L;
    char *text;
    size_t used, room;
    int indent; /* 0: one line */
    int keys;   /* index of the table that holds the path of keys, for messages */
} writer;

static int writer_release(lua_State *L)
{
    writer *w = luaL_checkudata(L, 1, WRITER);
    free(w->text);
    w->text = NULL;
    return 0;
}

static void put(writer *w, const char *text, size_t size)
{
    if (size > w->room - w->used) {
        size_t room = w->room * 2 + size + 256;
        char *larger = realloc(w->text, room);
        if (!larger)
            luaL_error(w->L, "no memory for JSON text");
        w->text = larger;
        w->room = room;
    }
    memcpy(w->text + w->used, text, size);
    w->used += size;
}

static void put_line(writer *w, int depth)
{
    if (w->indent == 0)
        return;
    put(w, "\n", 1);
    for (int i = 0; i < depth * w->indent; i++)
        put(w, " ", 1);
}

/* Raises "cannot write WHAT as JSON (at a.b[3])". */
static void refuse(writer *w, int depth, const char *what)
{
    luaL_Buffer path;
    luaL_buffinit(w->L, &path);
    for (int i = 1; i <= depth; i++) {
        int whole = lua_geti(w->L, w->keys, i) == LUA_TNUMBER;
        const char *key = lua_tostring(w->L, -1);
        const char *piece = whole ? lua_pushfstring(w->L, "[%s]", key)
                                  : lua_pushfstring(w->L, i == 1 ? "%s" : ".%s", key);
        lua_remove(w->L, -2);
        (void)piece;
        luaL_addvalue(&path);
    }
    luaL_pushresult(&path);
    if (depth > 0)
        luaL_error(w->L, "cannot write %s as JSON (at %s)", what, lua_tostring(w->L, -1));
    luaL_error(w->L, "cannot write %s as JSON", what);
}

/* Length of the UTF-8 sequence at `text`, 0 when it is none (overlong forms and surrogates are
 * none). */
static size_t sequence(const unsigned char *text, size_t size)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (text[0] < 0x80)
        return 1;
    size_t length = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : text[0] >= 0xc0 ? 2 : 0;
    if (length == 0 || length > size || text[0] > 0xf4)
        return 0;
    unsigned code = text[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3fu);
    }
    return code >= least[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? length
                                                                                         : 0;
}

static void put_string(writer *w, int index, int depth)
{
    static const char escapes[] = "btn?fr"; /* for 8 .. 13; 11 has none */
    size_t size;
    const char *text = lua_tolstring(w->L, index, &size);
    put(w, "\"", 1);
    for (size_t i = 0; i < size;) {
        unsigned char c = (unsigned char)text[i];
        size_t length = sequence((const unsigned char *)text + i, size - i);
        char escape[8];
        if (length == 0)
            refuse(w, depth, "a string that is not UTF-8");
        if (c == '"' || c == '\\')
            put(w, escape, (size_t)snprintf(escape, sizeof escape, "\\%c", c));
        else if (c >= 8 && c <= 13 && c != 11)
            put(w, escape, (size_t)snprintf(escape, sizeof escape, "\\%c", escapes[c - 8]));
        else if (c < 0x20 || c == 0x7f)
            put(w, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
        else
            put(w, text + i, length);
        i += length;
    }
    put(w, "\"", 1);
}

static void put_number(writer *w, int index, int depth)
{
    char text[40];
    if (lua_isinteger(w->L, index)) {
        put(w, text,
            (size_t)snprintf(text, sizeof text, "%lld", (long long)lua_tointeger(w->L, index)));
        return;
    }
    double value = lua_tonumber(w->L, index);
    if (!isfinite(value))
        refuse(w, depth, isnan(value) ? "NaN" : "infinity");
    int length = 0;
    for (int digits = 15; digits <= 17; digits++) { /* the shortest form that reads back the same */
        length = snprintf(text, sizeof text - 2, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    if (!strpbrk(text, ".e")) { /* stays a real number */
        strcpy(text + length, ".0");
        length += 2;
    }
    put(w, text, (size_t)length);
}

static void put_value(writer *w, int index, int depth);

static void put_array(writer *w, int index, lua_Integer count, int depth)
{
    lua_State *L = w->L;
    put(w, "[", 1);
    for (lua_Integer i = 1; i <= count; i++) {
        put(w, ",", i > 1);
        put_line(w, depth + 1);
        lua_pushinteger(L, i);
        lua_seti(L, w->keys, depth + 1);
        lua_geti(L, index, i);
        put_value(w, lua_gettop(L), depth + 1);
        lua_pop(L, 1);
    }
    if (count > 0)
        put_line(w, depth);
    put(w, "]", 1);
}

#define FEW 64

/* Sorts the few strings of a list by their bytes; a table that holds them too keeps them alive. */
static void sort_few(lua_State *L, int list, int count)
{
    struct {
        const char *text;
        size_t size;
    } keys[FEW], key;
    for (int i = 0; i < count; i++) {
        lua_rawgeti(L, list, i + 1);
        key.text = lua_tolstring(L, -1, &key.size);
        lua_pop(L, 1);
        int k = i;
        for (; k > 0; k--) {
            size_t common = keys[k - 1].size < key.size ? keys[k - 1].size : key.size;
            int order = memcmp(keys[k - 1].text, key.text, common);
            if (order < 0 || (order == 0 && keys[k - 1].size <= key.size))
                break;
            keys[k] = keys[k - 1];
        }
        keys[k] = key;
    }
    for (int i = 0; i < count; i++) {
        lua_pushlstring(L, keys[i].text, keys[i].size);
        lua_rawseti(L, list, i + 1);
    }
}

/* Pushes the sorted list of the keys of a table that is to be an object. */
static lua_Integer push_sorted_keys(writer *w, int index, int depth)
{
    lua_State *L = w->L;
    lua_Integer count = 0;
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, index);) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            refuse(
                w, depth,
                "a table with numbered holes, or with keys that are neither strings nor 1 .. n,");
        lua_pushvalue(L, -1);
        lua_seti(L, -3, ++count);
    }
    if (count <= FEW) {
        sort_few(L, lua_gettop(L), (int)count);
        return count;
    }
    lua_pushvalue(L, lua_upvalueindex(CALR_LUA_UPVALUE)); /* table.sort */
    lua_pushvalue(L, -2);
    lua_call(L, 1, 0);
    return count;
}

static void put_object(writer *w, int index, int depth)
{
    lua_State *L = w->L;
    lua_Integer count = push_sorted_keys(w, index, depth);
    int list = lua_gettop(L);
    put(w, "{", 1);
    for (lua_Integer i = 1; i <= count; i++) {
        put(w, ",", i > 1);
        put_line(w, depth + 1);
        lua_geti(L, list, i);
        lua_pushvalue(L, -1);
        lua_seti(L, w->keys, depth + 1);
        put_string(w, list + 1, depth + 1);
        put(w, ": ", w->indent ? 2 : 1);
        lua_gettable(L, index);
        put_value(w, list + 1, depth + 1);
        lua_settop(L, list);
    }
    if (count > 0)
        put_line(w, depth);
    put(w, "}", 1);
    lua_pop(L, 1);
}

static int marked_array(lua_State *L, int index)
{
    if (!lua_getmetatable(L, index))
        return 0;
    luaL_getmetatable(L, ARRAY);
    int equal = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return equal;
}

/* How many entries a table has, to see whether 1 .. #t is all of it. */
static lua_Integer entries(lua_State *L, int index)
{
    lua_Integer count = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
        count++;
    return count;
}

static void put_table(writer *w, int index, int depth)
{
    if (depth >= MAX_DEPTH)
        refuse(w, 4, "tables that contain themselves, or more than 200 in each other,");
    lua_Integer length = (lua_Integer)lua_rawlen(w->L, index);
    if ((length > 0 && length == entries(w->L, index)) ||
        (length == 0 && marked_array(w->L, index)))
        put_array(w, index, length, depth);
    else
        put_object(w, index, depth);
}

static void put_value(writer *w, int index, int depth)
{
    lua_State *L = w->L;
    luaL_checkstack(L, 10, "JSON too deep");
    switch (lua_type(L, index)) {
    case LUA_TTABLE:
        put_table(w, index, depth);
        break;
    case LUA_TSTRING:
        put_string(w, index, depth);
        break;
    case LUA_TNUMBER:
        put_number(w, index, depth);
        break;
    case LUA_TBOOLEAN:
        put(w, lua_toboolean(L, index) ? "true" : "false", lua_toboolean(L, index) ? 4 : 5);
        break;
    default:
        if (!is_null(L, index))
            refuse(w, depth, lua_pushfstring(L, "a %s", luaL_typename(L, index)));
        put(w, "null", 4);
    }
}

/// calr.json.encode(value [, {indent=0}])
/// Writes a value as JSON text. NaN, infinity, functions, strings that are not UTF-8 and tables
/// that contain themselves are errors that name the place.
/// @param value   any; a string, a number, a boolean, or a table of them
/// @param indent  spaces per level, one item per line; 0: all on one line
/// @return string
static int json_encode(lua_State *L)
{
    static const char *const names[] = {"indent", NULL};
    luaL_checkany(L, 1);
    calr_lua_check_options(L, 2, names);
    int indent = (int)calr_lua_option_integer(L, 2, "indent", 0, 0, 16);
    lua_settop(L, 1);
    writer *w = lua_newuserdatauv(L, sizeof *w, 0);
    *w = (writer){.L = L, .indent = indent};
    if (luaL_newmetatable(L, WRITER)) {
        lua_pushcfunction(L, writer_release);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    lua_newtable(L);
    w->keys = lua_gettop(L);
    put_value(w, 1, 0);
    lua_pushlstring(L, w->text, w->used);
    free(w->text);
    w->text = NULL;
    return 1;
}

/// calr.json.array([table])
/// Marks a table as an array, so that it is written as [] if empty.
/// @param table  table
/// @return table  the same
static int json_array_mark(lua_State *L)
{
    lua_settop(L, 1);
    if (lua_isnil(L, 1)) {
        lua_newtable(L);
        lua_replace(L, 1);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_setmetatable(L, ARRAY);
    return 1;
}

static const calr_lua_function functions[] = {
    {"decode", json_decode, "text [, name]"},
    {"array", json_array_mark, "[table]"},
    {NULL, NULL, NULL},
};

static const calr_lua_function encode = {"encode", json_encode, "value [, options]"};

int luaopen_calr_json(lua_State *L)
{
    luaL_newmetatable(L, ARRAY);
    lua_pop(L, 1);
    calr_lua_new_module(L, "calr.json.", functions);
    lua_getglobal(L, "table");
    lua_getfield(L, -1, "sort");
    lua_remove(L, -2);
    calr_lua_push_function(L, "calr.json.", &encode, 1);
    lua_setfield(L, -2, "encode");
    push_null(L);
    lua_setfield(L, -2, "null");
    return 1;
}
