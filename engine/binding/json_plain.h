/* The fast way through JSON text of the plain kind that calr itself writes: journals, metrics. */
#ifndef CALR_BINDING_JSON_PLAIN_H
#define CALR_BINDING_JSON_PLAIN_H

#include <lua.h>
#include <stddef.h>

/* Pushes the value of a JSON text and returns 1. Returns 0, with nothing pushed, for everything that is
 * not plain: strings with escapes or letters beyond ASCII, numbers of many digits, keys given twice,
 * null, nesting beyond 16, empty arrays, errors. Whatever it reads it reads as the complete reader of
 * json.c does. `text` has a zero byte behind its end. */
int calr_json_push_plain(lua_State *L, const char *text, size_t size);

#endif
