/* calr.safetensors: named tensors in a file. */
#include "files/safetensors.h"

#include <string.h>

#include "binding/bind.h"
#include "binding/modules.h"

/// @module calr.safetensors
/// Safetensors files: named tensors and a few strings, readable by other programs. Tensors are
/// written in a fixed order, so the same tensors give the same bytes.

static void release_set(void *set)
{
    calr_safetensors_release(set);
}

/* Pushes the tensors and the metadata; a checksum has served its purpose by now. */
static int push_set(lua_State *L, const calr_safetensors *set)
{
    lua_newtable(L);
    for (int64_t i = 0; i < calr_safetensors_count(set); i++) {
        calr_tensor **tensor = calr_lua_new_tensor(L);
        *tensor = calr_tensor_retain(calr_safetensors_tensor(set, i));
        calr_lua_account(L);
        lua_setfield(L, -2, calr_safetensors_name(set, i));
    }
    lua_newtable(L);
    for (int64_t i = 0; i < calr_safetensors_notes(set); i++) {
        if (strcmp(calr_safetensors_key(set, i), CALR_SAFETENSORS_CHECKSUM) == 0)
            continue;
        calr_lua_set_string(L, -1, calr_safetensors_key(set, i), calr_safetensors_value(set, i));
    }
    return 2;
}

/// calr.safetensors.load(path)
/// Reads all tensors of a file, each in its own type. I8, I16 and U16 become i32. A checksum written by
/// calr.safetensors.save is verified.
/// @return table  name -> tensor
/// @return table  metadata: string -> string
static int safetensors_load(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    calr_safetensors **slot = calr_lua_scratch(L, release_set);
    calr_lua_call(L, calr_safetensors_load(path, slot));
    return push_set(L, *slot);
}

/// calr.safetensors.map(path)
/// Gives the tensors of a file without reading it: f64, f32, i64, i32 and u8 lie in the file, and a part of it comes
/// into memory when it is looked at. What is written into them stays in this process. A checksum is not verified. While
/// the tensors are in use the file may be replaced or removed, but not shortened.
/// @return table  name -> tensor
/// @return table  metadata: string -> string
static int safetensors_map(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    calr_safetensors **slot = calr_lua_scratch(L, release_set);
    calr_lua_call(L, calr_safetensors_map(path, slot));
    return push_set(L, *slot);
}

/// calr.safetensors.try(path)
/// Reads a file as calr.safetensors.load does, for a reader that can fall back on another file. Only a damaged file
/// gives nil. A file that is absent, cannot be opened, or does not fit into memory is an error, since that says nothing
/// about its contents.
/// @return table|nil  name -> tensor; nil if the file is damaged or has another format
/// @return table|string  the metadata, or the fault in the file
static int safetensors_try(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    calr_safetensors **slot = calr_lua_scratch(L, release_set);
    calr_status status = calr_safetensors_load(path, slot);
    if (status == CALR_EFORMAT) {
        lua_pushnil(L);
        lua_pushstring(L, calr_status_message());
        return 2;
    }
    calr_lua_call(L, status);
    return push_set(L, *slot);
}

static const char *check_key(lua_State *L, const char *what)
{
    size_t length;
    if (lua_type(L, -2) != LUA_TSTRING)
        luaL_error(L, "%s must be named by strings, not by a %s", what, luaL_typename(L, -2));
    const char *key = lua_tolstring(L, -2, &length);
    if (strlen(key) != length)
        luaL_error(L, "the name \"%s...\" holds a zero byte", key);
    return key;
}

/// calr.safetensors.save(path, tensors [, metadata [, {checksum=false}]])
/// Writes a file, completely or not at all.
/// @param tensors   name -> tensor
/// @param metadata  string -> string; numbers are written as text
/// @param checksum  adds a checksum of everything to the metadata, under "calr.checksum", so that
///   calr.safetensors.load notices a flipped bit. Other programs ignore it
static int safetensors_save(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    if (!lua_isnoneornil(L, 3))
        luaL_checktype(L, 3, LUA_TTABLE);
    static const char *const names[] = {"checksum", NULL};
    lua_settop(L, 4);
    calr_lua_check_options(L, 4, names);
    int checksum = calr_lua_option_boolean(L, 4, "checksum", 0);
    calr_safetensors **slot = calr_lua_scratch(L, release_set);
    calr_lua_call(L, calr_safetensors_new(slot));
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
        const char *name = check_key(L, "tensors");
        calr_tensor *tensor = calr_lua_test_tensor(L, -1);
        if (!tensor)
            luaL_error(L, "\"%s\" must be a tensor, not a %s", name, luaL_typename(L, -1));
        calr_lua_call(L, calr_safetensors_add(*slot, name, tensor));
    }
    if (lua_istable(L, 3)) {
        for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1)) {
            const char *key = check_key(L, "metadata");
            if (!lua_isstring(L, -1))
                luaL_error(L, "the metadata \"%s\" must be a string, not a %s", key,
                           luaL_typename(L, -1));
            size_t length;
            lua_pushvalue(
                L, -1); /* lua_tolstring would turn a number of the caller's table into a string */
            const char *value = lua_tolstring(L, -1, &length);
            if (strlen(value) != length)
                luaL_error(L, "the metadata \"%s\" holds a zero byte", key);
            calr_lua_call(L, calr_safetensors_note(*slot, key, value));
            lua_pop(L, 1);
        }
    }
    if (checksum)
        calr_lua_call(L, calr_safetensors_seal(*slot));
    calr_lua_call(L, calr_safetensors_save(*slot, path));
    return 0;
}

static const calr_lua_function functions[] = {
    {"load", safetensors_load, "path"},
    {"map", safetensors_map, "path"},
    {"try", safetensors_try, "path"},
    {"save", safetensors_save, "path, tensors [, metadata [, options]]"},
    {NULL, NULL, NULL},
};

int luaopen_calr_safetensors(lua_State *L)
{
    calr_lua_new_module(L, "calr.safetensors.", functions);
    return 1;
}
