/* calr.store: data sets in one file each. */
#include "binding/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/size.h"
#include "binding/bind.h"
#include "binding/modules.h"
#include "image/jpeg.h"
#include "store/select.h"
#include "store/writer.h"

/// @module calr.store
/// The data-set store: one file that holds the JPEG bytes of every image and a record of each.
/// calr.data puts splits and labels on top; a script that only trains needs nothing of this module.
/// Images are numbered from 1 here.

#define STORE  "calr.store"
#define WRITER "calr.store.writer"

/* ---- reading ---- */

typedef struct store_value {
    calr_store *store;         /* NULL: closed */
    calr_store_reader *reader; /* for the thread that runs Lua */
} store_value;

calr_store *calr_lua_test_store(lua_State *L, int arg)
{
    store_value *value = luaL_testudata(L, arg, STORE);
    return value ? value->store : NULL;
}

calr_store *calr_lua_check_store(lua_State *L, int arg)
{
    store_value *value = luaL_checkudata(L, arg, STORE);
    luaL_argcheck(L, value->store, arg, "this data set was closed");
    return value->store;
}

static store_value *check_value(lua_State *L, int arg)
{
    calr_lua_check_store(L, arg);
    return lua_touserdata(L, arg);
}

/// calr.store.open(path)
/// Opens a data set. The file is never written to, and needs no lock: it may be read-only.
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
/// What tells this data set from every other: 32 hexadecimal digits over paths, identities,
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
/// The identity of every image as the source gives it (-1 and 0 may have meanings of their own).
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
/// The split of every image: 0 train, 1 query, 2 gallery.
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
    store_value *value = check_value(L, 1);
    const void *bytes;
    size_t size;
    calr_lua_call(
        L, calr_store_reader_get(value->reader, check_position(L, value->store), &bytes, &size));
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
/// The numbers of the images of a split, from 0, rising.
/// @param split  "train", "query" or "gallery"
/// @param junk   whether images of identity -1 are among them
/// @param ids    only the images of the first so many identities of the split, in rising order
/// @return tensor  i64[m]
static int store_rows(lua_State *L)
{
    static const char *const names[] = {"split", "junk", "ids", NULL};
    static const char *const splits[] = {"train", "query", "gallery", NULL};
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
/// Numbers values from 0 in rising order: identities 7, 2, 7 become 1, 0, 1. Negative values become
/// -1.
/// @param values  i32[n] or i64[n]
/// @return tensor  i32[n]
/// @return tensor  i64[k]: the distinct values, rising
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
/// Reads all images and compares them with the fingerprint; an error when the file is damaged.
static int store_verify(lua_State *L)
{
    calr_lua_call(L, calr_store_verify(calr_lua_check_store(L, 1)));
    return 0;
}

/// store:close()
/// Closes it now rather than when it is collected. Loaders that read from it keep the file open
/// until they end.
static int store_close(lua_State *L)
{
    store_value *value = luaL_checkudata(L, 1, STORE);
    calr_store_reader_release(value->reader);
    calr_store_release(value->store);
    memset(value, 0, sizeof *value);
    return 0;
}

static int store_tostring(lua_State *L)
{
    calr_store *store = calr_lua_test_store(L, 1);
    if (store)
        lua_pushfstring(L, "data set %s (%I images)", calr_store_file(store),
                        (lua_Integer)calr_store_count(store));
    else
        lua_pushliteral(L, "closed data set");
    return 1;
}

/* ---- writing ---- */

typedef struct writer_value {
    calr_store_writer *writer; /* NULL: committed or aborted */
    bool check;
    /* Decoders of the worker threads, made when first needed. */
    calr_jpeg **decoders;
    int decoder_count;
    /* What a call of import works on, here so that an error frees it. */
    calr_store_source *sources;
    char **bad;
    int64_t count;
} writer_value;

static writer_value *check_writer(lua_State *L)
{
    writer_value *value = luaL_checkudata(L, 1, WRITER);
    luaL_argcheck(L, value->writer, 1, "this writer is done: it was committed or aborted");
    return value;
}

/// calr.store.writer{path=, name=, check=true}
/// Begins a data set. It is written beside `path` and gets its name when it is committed; a writer
/// that is collected or closed without commit leaves nothing behind. An existing data set of that
/// name is replaced, any other file is not.
/// @param path   the file to write
/// @param name   what the data set is called
/// @param check  whether every image is decoded before it is taken
/// @return writer
static int writer_open(lua_State *L)
{
    static const char *const names[] = {"path", "name", "check", NULL};
    calr_lua_check_options(L, 1, names);
    const char *path = calr_lua_option_string(L, 1, "path", NULL);
    const char *name = calr_lua_option_string(L, 1, "name", NULL);
    bool check = calr_lua_option_boolean(L, 1, "check", 1);
    writer_value *value = lua_newuserdatauv(L, sizeof *value, 0);
    memset(value, 0, sizeof *value);
    value->check = check;
    luaL_setmetatable(L, WRITER);
    calr_lua_call(L, calr_store_writer_new(path, name, "calr " CALR_VERSION, &value->writer));
    return 1;
}

static void free_import(writer_value *value)
{
    for (int64_t i = 0; value->bad && i < value->count; i++)
        free(value->bad[i]);
    free(value->bad);
    free(value->sources);
    value->bad = NULL;
    value->sources = NULL;
}

/* A worker opens its decoder when it first needs one; each touches its own slot. */
static calr_status check_jpeg(void *context, const void *bytes, size_t size, int worker)
{
    writer_value *value = context;
    if (!value->decoders[worker])
        CALR_TRY(calr_jpeg_new(&value->decoders[worker]));
    const uint8_t *pixels;
    int width, height;
    return calr_jpeg_decode(value->decoders[worker], bytes, size, &pixels, &width, &height);
}

static void make_decoders(lua_State *L, writer_value *value)
{
    int threads = calr_parallel_threads();
    if (!value->check || threads <= value->decoder_count)
        return;
    calr_jpeg **grown = realloc(value->decoders, (size_t)threads * sizeof(calr_jpeg *));
    if (!grown)
        luaL_error(L, "no memory for %d decoders", threads);
    memset(grown + value->decoder_count, 0,
           (size_t)(threads - value->decoder_count) * sizeof *grown);
    value->decoders = grown;
    value->decoder_count = threads;
}

/* Reads the record at the top of the stack. Its strings live as long as the table. */
static calr_store_record check_record(lua_State *L)
{
    int at = lua_gettop(L);
    calr_store_record record = {
        .path = calr_lua_option_string(L, at, "path", NULL),
        .identity = calr_lua_option_integer(L, at, "identity", INT64_MIN, -1, INT32_MAX),
        .camera = (int32_t)calr_lua_option_integer(L, at, "camera", -1, 0, INT32_MAX)};
    if (record.identity == INT64_MIN || record.camera < 0)
        luaL_error(L, "the record of %s needs an identity and a camera", record.path);
    if (calr_split_parse(calr_lua_option_string(L, at, "split", NULL), &record.split) != CALR_OK)
        luaL_error(L, "%s: %s", record.path, calr_status_message());
    return record;
}

/// writer:add{path=, identity=, camera=, split=, bytes=}
/// Appends one image that is in memory.
/// @param path      relative, "/" between names; unique in the data set
/// @param identity  from -1 (by custom: junk) up
/// @param camera    from 0
/// @param split     "train", "query" or "gallery"
/// @param bytes     a JPEG file as a string
static int writer_add(lua_State *L)
{
    static const char *const names[] = {"path", "identity", "camera", "split", "bytes", NULL};
    writer_value *value = check_writer(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    calr_lua_check_options(L, 2, names);
    calr_store_record record = check_record(L);
    size_t size;
    calr_lua_option_string(L, 2, "bytes", NULL);
    lua_getfield(L, 2, "bytes");
    const char *bytes = lua_tolstring(L, -1, &size);
    make_decoders(L, value);
    if (value->check && check_jpeg(value, bytes, size, 0) != CALR_OK)
        luaL_error(L, "%s is a bad image: %s", record.path, calr_status_message());
    calr_lua_call(L, calr_store_writer_add(value->writer, &record, bytes, size));
    return 0;
}

static void read_sources(lua_State *L, writer_value *value, int64_t first, int64_t count)
{
    static const char *const names[] = {"file", "path", "identity", "camera", "split", NULL};
    value->count = count;
    value->sources = calr_array_zeros(count, sizeof *value->sources);
    value->bad = calr_array_zeros(count, sizeof *value->bad);
    if (!value->sources || !value->bad)
        luaL_error(L, "no memory to import %I files", (lua_Integer)count);
    for (int64_t i = 0; i < count; i++) {
        if (lua_geti(L, 2, first + i) != LUA_TTABLE)
            luaL_error(L, "record %I must be a table, not a %s", (lua_Integer)(first + i),
                       luaL_typename(L, -1));
        calr_lua_check_options(L, lua_gettop(L), names);
        value->sources[i].file = calr_lua_option_string(L, lua_gettop(L), "file", NULL);
        value->sources[i].record = check_record(L);
        lua_pop(L, 1);
    }
}

/// writer:import(records [, {first=1, count=, skip_bad=false}])
/// Appends files: reads and checks them in several threads, and writes them in the order of the
/// list. Call it for a part of the list at a time to show progress.
/// @param records   list of {file=, path=, identity=, camera=, split=}, fields as of add, bytes
/// read from `file`
/// @param first     the first record to import
/// @param count     how many (default: all from `first` on)
/// @param skip_bad  whether a file that cannot be read or decoded is left out; otherwise it is an
/// error
/// @return table  list of {path=, reason=} of the files left out
static int writer_import(lua_State *L)
{
    static const char *const names[] = {"first", "count", "skip_bad", NULL};
    writer_value *value = check_writer(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    calr_lua_check_options(L, 3, names);
    lua_settop(L, 3);
    lua_Integer length = luaL_len(L, 2);
    int64_t first = calr_lua_option_integer(L, 3, "first", 1, 1, length + 1);
    int64_t count =
        calr_lua_option_integer(L, 3, "count", length - first + 1, 0, length - first + 1);
    bool skip_bad = calr_lua_option_boolean(L, 3, "skip_bad", 0);
    make_decoders(L, value);
    free_import(value);
    read_sources(L, value, first, count);
    calr_status status = calr_store_writer_import(value->writer, value->sources, count,
                                                  value->check ? check_jpeg : NULL, value,
                                                  skip_bad ? value->bad : NULL);
    calr_lua_call(L, status);
    lua_newtable(L);
    for (int64_t i = 0; i < count; i++) {
        if (!value->bad[i])
            continue;
        lua_createtable(L, 0, 2);
        lua_pushstring(L, value->sources[i].record.path);
        lua_setfield(L, -2, "path");
        lua_pushstring(L, value->bad[i]);
        lua_setfield(L, -2, "reason");
        lua_seti(L, -2, luaL_len(L, -2) + 1);
    }
    free_import(value);
    return 1;
}

/// writer:count()
/// @return integer  images appended so far
static int writer_count(lua_State *L)
{
    lua_pushinteger(L, calr_store_writer_count(check_writer(L)->writer));
    return 1;
}

/// writer:bytes()
/// @return integer  bytes of the images appended so far
static int writer_bytes(lua_State *L)
{
    lua_pushinteger(L, calr_store_writer_bytes(check_writer(L)->writer));
    return 1;
}

/// writer:commit()
/// Flushes the file to the disk and gives it its name. The writer is done after it, whatever comes
/// of it.
static int writer_commit(lua_State *L)
{
    writer_value *value = check_writer(L);
    calr_store_writer *writer = value->writer;
    value->writer = NULL;
    calr_lua_call(L, calr_store_writer_commit(writer));
    return 0;
}

/// writer:abort()
/// Removes what was written. Does nothing after commit.
static int writer_abort(lua_State *L)
{
    writer_value *value = luaL_checkudata(L, 1, WRITER);
    calr_store_writer_abort(value->writer);
    value->writer = NULL;
    for (int i = 0; i < value->decoder_count; i++)
        calr_jpeg_release(value->decoders[i]);
    free(value->decoders);
    value->decoders = NULL;
    value->decoder_count = 0;
    free_import(value);
    return 0;
}

static int writer_tostring(lua_State *L)
{
    writer_value *value = luaL_checkudata(L, 1, WRITER);
    if (value->writer)
        lua_pushfstring(L, "data set writer (%I images)",
                        (lua_Integer)calr_store_writer_count(value->writer));
    else
        lua_pushliteral(L, "closed data set writer");
    return 1;
}

static const luaL_Reg functions[] = {
    {"open", store_open},
    {"dense", store_dense},
    {"writer", writer_open},
    {NULL, NULL},
};

static const luaL_Reg store_methods[] = {
    {"count", store_count},
    {"file", store_file},
    {"name", store_name},
    {"fingerprint", store_fingerprint},
    {"created_by", store_created_by},
    {"bytes", store_bytes},
    {"identities", store_identities},
    {"cameras", store_cameras},
    {"splits", store_splits},
    {"rows", store_rows},
    {"path", store_path},
    {"jpeg", store_jpeg},
    {"verify", store_verify},
    {"close", store_close},
    {NULL, NULL},
};

static const luaL_Reg store_metamethods[] = {
    {"__tostring", store_tostring},
    {"__gc", store_close},
    {"__close", store_close},
    {NULL, NULL},
};

static const luaL_Reg writer_methods[] = {
    {"add", writer_add},
    {"import", writer_import},
    {"count", writer_count},
    {"bytes", writer_bytes},
    {"commit", writer_commit},
    {"abort", writer_abort},
    {NULL, NULL},
};

static const luaL_Reg writer_metamethods[] = {
    {"__tostring", writer_tostring},
    {"__gc", writer_abort},
    {"__close", writer_abort},
    {NULL, NULL},
};

static void make_class(lua_State *L, const char *name, const luaL_Reg *methods,
                       const luaL_Reg *metamethods)
{
    if (luaL_newmetatable(L, name)) {
        luaL_setfuncs(L, metamethods, 0);
        lua_newtable(L);
        luaL_setfuncs(L, methods, 0);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
}

int luaopen_calr_store(lua_State *L)
{
    make_class(L, STORE, store_methods, store_metamethods);
    make_class(L, WRITER, writer_methods, writer_metamethods);
    luaL_newlib(L, functions);
    return 1;
}
