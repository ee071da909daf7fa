/* calr.npz: NumPy's .npz files. */
#include "files/npz.h"

#include "binding/bind.h"
#include "binding/modules.h"
#include "binding/named.h"

/// @module calr.npz
/// NumPy's .npz files: arrays by name (numpy.savez, numpy.savez_compressed). numpy.load reads what save writes.

static void release_file(void *file)
{
    calr_npz_release(file);
}

static void release_writer(void *writer)
{
    calr_archive_writer_abort(writer);
}

/// calr.npz.load(path)
/// Reads all arrays of a file; types as in calr.npy.load. Checksums are compared, and a file that claims to unpack to
/// more than it can hold is an error. Names are names: a slash in one opens no folder.
/// @return table  name -> tensor
static int npz_load(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    lua_settop(L, 1);
    calr_npz **file = calr_lua_scratch(L, release_file);
    lua_newtable(L);
    int table = lua_gettop(L);
    calr_lua_call(L, calr_npz_load(path, file));
    for (int64_t i = 0; i < calr_npz_count(*file); i++) {
        const char *name = calr_npz_name(*file, i);
        if (lua_getfield(L, table, name) != LUA_TNIL)
            luaL_error(L, "%s: two arrays are called \"%s\"", path, name);
        lua_pop(L, 1);
        calr_lua_call(L, calr_npz_tensor(*file, i, calr_lua_new_tensor(L)));
        calr_lua_account(L);
        lua_setfield(L, table, name);
    }
    return 1;
}

/// calr.npz.save(path, tensors [, {compress=false}])
/// Writes a file of arrays, completely or not at all; bf16, which NumPy lacks, as float32.
/// @param tensors   table; name -> tensor
/// @param compress  whether the arrays are deflated, as by numpy.savez_compressed
static int npz_save(lua_State *L)
{
    static const char *const names[] = {"compress", NULL};
    const char *path = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 3);
    calr_lua_check_options(L, 3, names);
    int deflate = calr_lua_option_boolean(L, 3, "compress", 0);
    lua_Integer count;
    calr_lua_named *list = calr_lua_check_named(L, 2, &count);
    calr_archive_writer **slot = calr_lua_scratch(L, release_writer);
    calr_lua_call(L, calr_archive_writer_new(slot));
    for (lua_Integer i = 0; i < count; i++)
        calr_lua_call(L, calr_npz_add(*slot, list[i].name, list[i].tensor, deflate));
    calr_archive_writer *writer = *slot;
    *slot = NULL; /* committing frees it */
    calr_lua_call(L, calr_archive_writer_commit(writer, path));
    return 0;
}

static const calr_lua_function functions[] = {
    {"load", npz_load, "path"},
    {"save", npz_save, "path, tensors [, options]"},
    {NULL, NULL, NULL},
};

int luaopen_calr_npz(lua_State *L)
{
    calr_lua_new_module(L, "calr.npz.", functions);
    return 1;
}
