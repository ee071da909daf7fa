/* calr.npy: NumPy's .npy files. */
#include "files/npy.h"

#include "binding/bind.h"
#include "binding/modules.h"

/// @module calr.npy
/// NumPy's .npy files, one array each. numpy.load reads what save writes.

/// calr.npy.load(path)
/// Reads an array in its own type. int8, int16 and uint16 become i32; other types that calr lacks are an error.
/// @return tensor
static int npy_load(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    calr_lua_call(L, calr_npy_load(path, calr_lua_new_tensor(L)));
    calr_lua_account(L);
    return 1;
}

/// calr.npy.save(path, tensor)
/// Writes an array, completely or not at all.
static int npy_save(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    calr_lua_call(L, calr_npy_save(path, calr_lua_check_tensor(L, 2)));
    return 0;
}

/// calr.npy.join(path, files)
/// Writes the rows of several files one after the other into one array, completely or not at all. Only one of them is
/// in memory at a time.
/// @param path   the file to write
/// @param files  list of paths; at least one. All must have one type and one shape but for the first dimension
static int npy_join(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    int64_t count;
    const char *const *files = calr_lua_check_paths(L, 2, &count);
    calr_lua_call(L, calr_npy_join(path, files, count));
    return 0;
}

static const calr_lua_function functions[] = {
    {"join", npy_join, "path, files"},
    {"load", npy_load, "path"},
    {"save", npy_save, "path, tensor"},
    {NULL, NULL, NULL},
};

int luaopen_calr_npy(lua_State *L)
{
    calr_lua_new_module(L, "calr.npy.", functions);
    return 1;
}
