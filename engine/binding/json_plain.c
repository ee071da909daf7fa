#include "binding/json_plain.h"
#include "binding/bind.h"

#include <math.h>
#include <stdlib.h>

#define MAX_DEPTH 16
#define MAX_ITEMS 50000 /* of one object or array: they wait on Lua's stack */

/* `at` is the next byte; the zero byte behind the text ends every loop below. */
typedef struct reader {
    lua_State *L;
    const char *at;
} reader;

static void skip_space(reader *r)
{
    while (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r')
        r->at++;
}

static int take(reader *r, char c)
{
    skip_space(r);
    if (*r->at != c)
        return 0;
    r->at++;
    return 1;
}

static int push_string(reader *r)
{
    const char *start = r->at;
    while (*r->at >= 0x20 && *r->at < 0x7f && *r->at != '"' && *r->at != '\\')
        r->at++;
    if (*r->at != '"')
        return 0;
    lua_pushlstring(r->L, start, (size_t)(r->at - start));
    r->at++;
    return 1;
}

static int skip_digits(reader *r)
{
    const char *start = r->at;
    while (*r->at >= '0' && *r->at <= '9')
        r->at++;
    return (int)(r->at - start);
}

static int push_number(reader *r)
{
    const char *start = r->at;
    r->at += *r->at == '-';
    const char *first = r->at;
    int digits = skip_digits(r), whole = 1;
    if (digits == 0 || (digits > 1 && *first == '0'))
        return 0;
    if (*r->at == '.') {
        whole = 0;
        r->at++;
        if (skip_digits(r) == 0)
            return 0;
    }
    if (*r->at == 'e' || *r->at == 'E') {
        whole = 0;
        r->at++;
        r->at += *r->at == '+' || *r->at == '-';
        if (skip_digits(r) == 0)
            return 0;
    }
    if (whole && digits > 18)
        return 0;
    if (whole) {
        lua_pushinteger(r->L, strtoll(start, NULL, 10));
        return 1;
    }
    double value = strtod(start, NULL);
    lua_pushnumber(r->L, value);
    return isfinite(value);
}

static int push_word(reader *r, const char *word, int value)
{
    for (; *word; word++, r->at++) {
        if (*r->at != *word)
            return 0;
    }
    lua_pushboolean(r->L, value);
    return 1;
}

static int push_value(reader *r, int depth);

static int push_array(reader *r, int depth)
{
    lua_State *L = r->L;
    int base = lua_gettop(L), count = 0;
    do {
        if (count == MAX_ITEMS || !lua_checkstack(L, 4) || !push_value(r, depth + 1))
            return 0;
        count++;
    } while (take(r, ','));
    if (!take(r, ']'))
        return 0;
    lua_createtable(L, count, 0);
    lua_insert(L, base + 1);
    for (int i = count; i >= 1; i--)
        lua_rawseti(L, base + 1, i);
    return 1;
}

/* Keys and values wait on the stack, so that the table is made in its size. */
static int push_object(reader *r, int depth)
{
    lua_State *L = r->L;
    int base = lua_gettop(L), count = 0;
    if (take(r, '}')) {
        lua_newtable(L);
        return 1;
    }
    do {
        if (count == MAX_ITEMS || !lua_checkstack(L, 6) || !take(r, '"') || !push_string(r) ||
            !take(r, ':') || !push_value(r, depth + 1))
            return 0;
        count++;
    } while (take(r, ','));
    if (!take(r, '}'))
        return 0;
    lua_createtable(L, 0, count);
    lua_insert(L, base + 1);
    for (int i = 0; i < count; i++) {
        lua_pushvalue(L, -2);
        if (lua_rawget(L, base + 1) != LUA_TNIL)
            return 0; /* a key given twice */
        lua_pop(L, 1);
        lua_rawset(L, base + 1);
    }
    return 1;
}

static int push_value(reader *r, int depth)
{
    skip_space(r);
    switch (*r->at) {
    case '{':
        r->at++;
        return depth < MAX_DEPTH && push_object(r, depth);
    case '[':
        r->at++;
        return depth < MAX_DEPTH && push_array(r, depth);
    case '"':
        r->at++;
        return push_string(r);
    case 't':
        return push_word(r, "true", 1);
    case 'f':
        return push_word(r, "false", 0);
    default:
        return push_number(r);
    }
}

int calr_json_push_plain(lua_State *L, const char *text, size_t size)
{
    int top = lua_gettop(L);
    reader r = {L, text};
    if (lua_checkstack(L, 8) && push_value(&r, 0)) {
        skip_space(&r);
        if (r.at == text + size)
            return 1;
    }
    lua_settop(L, top);
    return 0;
}
