/* calr.store: data sets in one file each. */
#include "binding/store.h"

#include <stdlib.h>
#include <string.h>

#include "binding/bind.h"
#include "binding/modules.h"
#include "store/select.h"

/// @module calr.store
/// The data-set store: one file that holds the bytes of every image file and a record of each.
/// calr.data adds splits and labels; a script that only trains does not need this module.
/// Images are numbered from 1 here.

#define STORE "calr.store"

/* ---- reading ---- */

typedef struct store_value {
    calr_store *store;         /* NULL: closed */
    calr_store_reader *reader; /* for the thread that runs Lua */
} store_value;

calr_store *calr_lua_check_store(lua_State *L, int arg)
{
    store_value *value = luaL_checkudata(L, arg, STORE);
    luaL_argcheck(L, value->store, arg, "this data set was closed");
    return calr_lua_hold(L, value->store);
}

/// calr.store.open(path)
/// Opens a data set. The file is never written to and needs no lock, so it may be read-only.
/// @return store
static int store_open(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    store_value *value = lua_newuserdatauv(L, sizeof *value, 0);
    memset(value, 0, sizeof *value);
    luaL_setmetatable(L, STORE);
    calr_lua_call(L, calr_store_open(path, &value->store));
    calr_lua_call(L, calr_store_reader_new(value->store, &value->reader));
    return 1;
}

/// store:count()
/// @return integer  images of all splits
static int store_count(lua_State *L)
{
    lua_pushinteger(L, calr_store_count(calr_lua_check_store(L, 1)));
    return 1;
}

/// store:file()
/// @return string  the path it was opened by
static int store_file(lua_State *L)
{
    lua_pushstring(L, calr_store_file(calr_lua_check_store(L, 1)));
    return 1;
}

/// store:name()
/// @return string  the data set's name, such as "market1501"
static int store_name(lua_State *L)
{
    lua_pushstring(L, calr_store_name(calr_lua_check_store(L, 1)));
    return 1;
}

/// store:fingerprint()
/// Returns an identifier of this data set: 32 hexadecimal digits over paths, identities,
/// cameras, splits and bytes of all images, in order.
/// @return string
static int store_fingerprint(lua_State *L)
{
    lua_pushstring(L, calr_store_fingerprint(calr_lua_check_store(L, 1)));
    return 1;
}

/// store:created_by()
/// @return string  program and version that wrote the file
static int store_created_by(lua_State *L)
{
    lua_pushstring(L, calr_store_created_by(calr_lua_check_store(L, 1)));
    return 1;
}

/// store:bytes()
/// @return integer  bytes of all images
/// @return integer  bytes of the file
static int store_bytes(lua_State *L)
{
    calr_store *store = calr_lua_check_store(L, 1);
    lua_pushinteger(L, calr_store_image_bytes(store));
    lua_pushinteger(L, calr_store_file_bytes(store));
    return 2;
}

static int push_table(lua_State *L, calr_dtype dtype, const void *data)
{
    int64_t count = calr_store_count(calr_lua_check_store(L, 1));
    calr_tensor **slot = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_new(dtype, 1, &count, slot));
    if (count > 0)
        memcpy(calr_tensor_data(*slot), data, calr_tensor_bytes(*slot));
    calr_lua_account(L);
    return 1;
}

/// store:identities()
/// Returns the identity of every image as given by the source (-1 and 0 may have special meanings).
/// @return tensor  i64[n]
static int store_identities(lua_State *L)
{
    return push_table(L, CALR_I64, calr_store_identities(calr_lua_check_store(L, 1)));
}

/// store:cameras()
/// The camera of every image, from 0.
/// @return tensor  i32[n]
static int store_cameras(lua_State *L)
{
    return push_table(L, CALR_I32, calr_store_cameras(calr_lua_check_store(L, 1)));
}

/// store:splits()
/// The split of every image: 0 train, 1 query, 2 gallery, 3 multi.
/// @return tensor  u8[n]
static int store_splits(lua_State *L)
{
    return push_table(L, CALR_U8, calr_store_splits(calr_lua_check_store(L, 1)));
}

static int64_t check_position(lua_State *L, const calr_store *store)
{
    lua_Integer i = luaL_checkinteger(L, 2);
    if (i < 1 || i > calr_store_count(store))
        luaL_argerror(L, 2,
                      lua_pushfstring(L, "%s holds the images 1 to %I; there is no image %I",
                                      calr_store_file(store), (lua_Integer)calr_store_count(store),
                                      i));
    return i - 1;
}

/// store:path(i)
/// @return string  the path of image i, relative to the folder it was imported from
static int store_path(lua_State *L)
{
    calr_store *store = calr_lua_check_store(L, 1);
    lua_pushstring(L, calr_store_path(store, check_position(L, store)));
    return 1;
}

/// store:jpeg(i)
/// @return string  the bytes of image i as they were in its file
static int store_jpeg(lua_State *L)
{
    int64_t position = check_position(L, calr_lua_check_store(L, 1));
    calr_store_reader *reader =
        calr_lua_hold(L, ((store_value *)luaL_checkudata(L, 1, STORE))->reader);
    const void *bytes;
    size_t size;
    calr_lua_call(L, calr_store_reader_get(reader, position, &bytes, &size));
    lua_pushlstring(L, bytes, size);
    return 1;
}

/* Hands over malloc'ed numbers as a tensor, which frees them. */
static void push_numbers(lua_State *L, int64_t *numbers, int64_t count, calr_tensor **slot)
{
    calr_status status = calr_tensor_wrap(CALR_I64, 1, &count, numbers, free, numbers, slot);
    if (status != CALR_OK)
        free(numbers);
    calr_lua_call(L, status);
    calr_lua_account(L);
}

/// store:rows{split=, junk=false, ids=}
/// Returns the numbers of the images of a split, from 0, ascending.
/// @param split  "train", "query", "gallery" or "multi"
/// @param junk   whether to include images of identity -1
/// @param ids    only the images of the first `ids` identities of the split, in ascending order
/// @return tensor  i64[m]
static int store_rows(lua_State *L)
{
    static const char *const names[] = {"split", "junk", "ids", NULL};
    static const char *const splits[] = {"train", "query", "gallery", "multi", NULL};
    calr_store *store = calr_lua_check_store(L, 1);
    calr_lua_check_options(L, 2, names);
    calr_lua_option_string(L, 2, "split", NULL);
    calr_store_choice choice = {.split =
                                    (calr_split)calr_lua_option_choice(L, 2, "split", 0, splits),
                                .junk = calr_lua_option_boolean(L, 2, "junk", 0),
                                .ids = calr_lua_option_integer(L, 2, "ids", 0, 1, INT64_MAX)};
    calr_tensor **slot = calr_lua_new_tensor(L);
    int64_t *rows, count;
    calr_lua_call(L, calr_store_rows(store, choice, &rows, &count));
    push_numbers(L, rows, count, slot);
    return 1;
}

/// calr.store.dense(values)
/// Numbers values from 0 in ascending order: identities 7, 2, 7 become 1, 0, 1. Negative values become
/// -1.
/// @param values  i32[n] or i64[n]
/// @return tensor  i32[n]
/// @return tensor  i64[k]: the distinct values, ascending
static int store_dense(lua_State *L)
{
    calr_tensor *values = calr_lua_check_tensor(L, 1);
    luaL_argcheck(L, values->ndim == 1 && (values->dtype == CALR_I32 || values->dtype == CALR_I64),
                  1, "i32[n] or i64[n] is needed");
    int64_t *distinct, count;
    calr_tensor **labels = calr_lua_new_tensor(L), **named = calr_lua_new_tensor(L),
                **wide = calr_lua_new_tensor(L);
    calr_lua_call(L, calr_tensor_cast(values, CALR_I64, wide));
    calr_lua_call(L, calr_tensor_new(CALR_I32, 1, values->shape, labels));
    calr_lua_call(L, calr_store_dense(calr_tensor_i64(*wide), values->shape[0],
                                      calr_tensor_i32(*labels), &distinct, &count));
    push_numbers(L, distinct, count, named);
    lua_pop(L, 1);
    return 2;
}

/// store:verify()
/// Reads all images and checks them against the fingerprint; a damaged file is an error.
static int store_verify(lua_State *L)
{
    calr_lua_call(L, calr_store_verify(calr_lua_check_store(L, 1)));
    return 0;
}

static void release_reader(void *reader)
{
    calr_store_reader_release(reader);
}

static void release_store(void *store)
{
    calr_store_release(store);
}

/// store:close()
/// Closes it now rather than at a collection. Loaders that read from it keep the file open
/// until they end.
static int store_close(lua_State *L)
{
    store_value *value = luaL_checkudata(L, 1, STORE), closed = *value;
    memset(value, 0, sizeof *value);
    calr_lua_let_go(closed.reader, release_reader);
    calr_lua_let_go(closed.store, release_store);
    return 0;
}

static int store_tostring(lua_State *L)
{
    calr_store *store = ((store_value *)luaL_checkudata(L, 1, STORE))->store;
    if (store)
        lua_pushfstring(L, "data set %s (%I images)", calr_store_file(store),
                        (lua_Integer)calr_store_count(store));
    else
        lua_pushliteral(L, "closed data set");
    return 1;
}

static const calr_lua_function functions[] = {
    {"open", store_open, "path"},
    {"dense", store_dense, "values"},
    {"writer", calr_lua_store_writer, "options"},
    {NULL, NULL, NULL},
};

static const calr_lua_function store_methods[] = {
    {"count", store_count, "self"},
    {"file", store_file, "self"},
    {"name", store_name, "self"},
    {"fingerprint", store_fingerprint, "self"},
    {"created_by", store_created_by, "self"},
    {"bytes", store_bytes, "self"},
    {"identities", store_identities, "self"},
    {"cameras", store_cameras, "self"},
    {"splits", store_splits, "self"},
    {"rows", store_rows, "self, options"},
    {"path", store_path, "self, i"},
    {"jpeg", store_jpeg, "self, i"},
    {"verify", store_verify, "self"},
    {"close", store_close, "self"},
    {NULL, NULL, NULL},
};

static const calr_lua_function store_metamethods[] = {
    {"__tostring", store_tostring, NULL},
    {"__gc", store_close, NULL},
    {"__close", store_close, NULL},
    {NULL, NULL, NULL},
};

int luaopen_calr_store(lua_State *L)
{
    calr_lua_class(L, STORE, "store:", store_methods, store_metamethods);
    calr_lua_store_writer_class(L);
    calr_lua_new_module(L, "calr.store.", functions);
    return 1;
}
