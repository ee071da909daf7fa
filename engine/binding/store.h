/* Stores as Lua values, for the bindings that read images from them. */
#ifndef CALR_BINDING_STORE_H
#define CALR_BINDING_STORE_H

#include <lua.h>

#include "store/store.h"

/* The open store at `arg`, borrowed (calr_store_retain keeps it); an argument error otherwise. */
calr_store *calr_lua_check_store(lua_State *L, int arg);

/* Between the files of this module: calr.store.writer, and the class of what it returns. */
int calr_lua_store_writer(lua_State *L);
void calr_lua_store_writer_class(lua_State *L);

#endif
