/* Stores as Lua values, for the bindings that read images from them. */
#ifndef CALR_BINDING_STORE_H
#define CALR_BINDING_STORE_H

#include <lua.h>

#include "store/store.h"

/* The open store at `arg`, borrowed (calr_store_retain keeps it); an argument error otherwise. */
calr_store *calr_lua_check_store(lua_State *L, int arg);
/* NULL when the value is not an open store. */
calr_store *calr_lua_test_store(lua_State *L, int arg);

#endif
