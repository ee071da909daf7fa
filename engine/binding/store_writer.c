/* The writer of calr.store: data sets being made. */
#include "binding/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/size.h"
#include "binding/bind.h"
#include "image/decoder.h"
#include "image/exif.h"
#include "store/writer.h"

#define WRITER "calr.store.writer"

typedef struct writer_value {
    calr_store_writer *writer; /* NULL: committed or aborted */
    bool check;
    /* Decoders of the worker threads, made when first needed. */
    calr_decoder **decoders;
    int decoder_count;
} writer_value;

/* What a call of import works on, and how its threads check an image. */
typedef struct import_job {
    calr_store_source *sources;
    char **bad, **notes;
    int64_t count;
} import_job;

static writer_value *check_writer(lua_State *L)
{
    writer_value *value = luaL_checkudata(L, 1, WRITER);
    luaL_argcheck(L, value->writer, 1, "this writer is done: it was committed or aborted");
    return value;
}

/// @module calr.store

/// calr.store.writer{path=, name=, check=true}
/// Begins a data set. It is written beside `path` and gets its name on commit; a writer
/// that is collected or closed without commit leaves nothing behind. An existing data set of that
/// name is replaced, any other file is not.
/// @param path   the file to write
/// @param name   name of the data set
/// @param check  whether to decode every image before adding it
/// @return writer
int calr_lua_store_writer(lua_State *L)
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

static void free_import(void *object)
{
    import_job *job = object;
    for (int64_t i = 0; job->bad && i < job->count; i++)
        free(job->bad[i]);
    for (int64_t i = 0; job->notes && i < job->count; i++)
        free(job->notes[i]);
    free(job->bad);
    free(job->notes);
    free(job->sources);
    free(job);
}

/* As in other loaders, the pixels count: a data set of a telephone would lie on its side without a word. */
#define TURNED                                                                                     \
    "its EXIF orientation is not applied, so that the picture is turned: apply it to the file "    \
    "first (exiftran -ai, or mogrify -auto-orient)"

/* A worker opens its decoder when it first needs one; each touches its own slot. */
static calr_status check_image(void *context, const void *bytes, size_t size, int worker,
                               const char **note)
{
    writer_value *value = context;
    if (!value->decoders[worker])
        CALR_TRY(calr_decoder_new(&value->decoders[worker]));
    const uint8_t *pixels;
    int width, height;
    CALR_TRY(calr_decoder_decode(value->decoders[worker], bytes, size, &pixels, &width, &height));
    const char *strays = calr_decoder_note(value->decoders[worker]);
    *note = strays;
    if (calr_exif_orientation(bytes, size) != 1)
        *note = strays ? TURNED " (and stray bytes are passed over)" : TURNED;
    return CALR_OK;
}

static void make_decoders(lua_State *L, writer_value *value)
{
    int threads = calr_parallel_threads();
    if (!value->check || threads <= value->decoder_count)
        return;
    calr_decoder **grown = realloc(value->decoders, (size_t)threads * sizeof(calr_decoder *));
    if (!grown)
        luaL_error(L, "no memory for %d decoders", threads);
    memset(grown + value->decoder_count, 0,
           (size_t)(threads - value->decoder_count) * sizeof *grown);
    value->decoders = grown;
    value->decoder_count = threads;
}

/* A field of the record at `at`, whose image the message names: there are thousands. */
static int64_t check_number(lua_State *L, int at, const char *name, int64_t least)
{
    int64_t value = calr_lua_option_integer(L, at, name, INT64_MIN, INT64_MIN, INT64_MAX);
    const char *path = calr_lua_option_string(L, at, "path", NULL);
    if (value == INT64_MIN)
        luaL_error(L, "the record of %s needs an identity and a camera", path);
    if (value < least || value > INT32_MAX)
        luaL_error(L, "%s: its %s must be %I to %d, not %I", path, name, (lua_Integer)least,
                   INT32_MAX, (lua_Integer)value);
    return value;
}

/* Reads the record at the top of the stack. Its strings live until the running function ends. */
static calr_store_record check_record(lua_State *L)
{
    int at = lua_gettop(L);
    calr_store_record record = {.path = calr_lua_option_string(L, at, "path", NULL),
                                .identity = check_number(L, at, "identity", -1),
                                .camera = (int32_t)check_number(L, at, "camera", 0)};
    if (calr_split_parse(calr_lua_option_string(L, at, "split", NULL), &record.split) != CALR_OK)
        luaL_error(L, "%s: %s", record.path, calr_status_message());
    return record;
}

/// writer:add{path=, identity=, camera=, split=, bytes=}
/// Appends one image from memory.
/// @param path      relative, "/" between names; unique in the data set
/// @param identity  from -1 up (-1 is junk by convention)
/// @param camera    from 0
/// @param split     "train", "query", "gallery" or "multi"
/// @param bytes     a JPEG, PNG or BMP file as a string
static int writer_add(lua_State *L)
{
    static const char *const names[] = {"path", "identity", "camera", "split", "bytes", NULL};
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    calr_lua_check_options(L, 2, names);
    calr_store_record record = check_record(L);
    size_t size;
    if (calr_lua_push_option(L, 2, "bytes") != LUA_TSTRING)
        luaL_error(L, "option \"bytes\" must be a string, not a %s", luaL_typename(L, -1));
    const char *bytes = lua_tolstring(L, -1, &size);
    writer_value *value = check_writer(L); /* last: nothing can close it any more */
    make_decoders(L, value);
    const char *note;
    if (value->check && check_image(value, bytes, size, 0, &note) != CALR_OK)
        luaL_error(L, "%s is a bad image: %s", record.path, calr_status_message());
    calr_lua_call(L, calr_store_writer_add(value->writer, &record, bytes, size));
    return 0;
}

/* The records `first` on, which a script may give by metamethods: the job belongs to the running function. */
static import_job *read_sources(lua_State *L, int64_t first, int64_t count)
{
    static const char *const names[] = {"file", "path", "identity", "camera", "split", NULL};
    import_job *job = calloc(1, sizeof *job);
    if (!job)
        luaL_error(L, "no memory to import %I files", (lua_Integer)count);
    calr_lua_keep(L, job, free_import);
    job->count = count;
    job->sources = calr_array_zeros(count, sizeof *job->sources);
    job->bad = calr_array_zeros(count, sizeof *job->bad);
    job->notes = calr_array_zeros(count, sizeof *job->notes);
    if (!job->sources || !job->bad || !job->notes)
        luaL_error(L, "no memory to import %I files", (lua_Integer)count);
    for (int64_t i = 0; i < count; i++) {
        if (lua_geti(L, 2, first + i) != LUA_TTABLE)
            luaL_error(L, "record %I must be a table, not a %s", (lua_Integer)(first + i),
                       luaL_typename(L, -1));
        calr_lua_check_options(L, lua_gettop(L), names);
        job->sources[i].file = calr_lua_option_string(L, lua_gettop(L), "file", NULL);
        job->sources[i].record = check_record(L);
        lua_pop(L, 1);
    }
    return job;
}

/* A list of {path=, reason=} of the sources that have a text. */
static void push_remarks(lua_State *L, const import_job *job, char *const *texts)
{
    lua_newtable(L);
    for (int64_t i = 0; i < job->count; i++) {
        if (!texts[i])
            continue;
        lua_createtable(L, 0, 2);
        calr_lua_set_string(L, -1, "path", job->sources[i].record.path);
        calr_lua_set_string(L, -1, "reason", texts[i]);
        lua_seti(L, -2, luaL_len(L, -2) + 1);
    }
}

/// writer:import(records [, {first=1, count=, skip_bad=false}])
/// Appends files: reads and checks them in several threads, and writes them in the order of the
/// list. Call it for a part of the list at a time to show progress.
/// @param records   list of {file=, path=, identity=, camera=, split=}, fields as of add, bytes
///                  read from `file`
/// @param first     the first record to import
/// @param count     how many (default: all from `first` on)
/// @param skip_bad  whether a file that cannot be read or decoded is left out; otherwise it is an
///                  error
/// @return table  list of {path=, reason=} of the files left out
/// @return table  list of {path=, reason=} of files that were taken though something is amiss: stray bytes between the
///                segments of a JPEG, an EXIF orientation, which is not applied
static int writer_import(lua_State *L)
{
    static const char *const names[] = {"first", "count", "skip_bad", NULL};
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 3);
    calr_lua_check_options(L, 3, names);
    lua_Integer length = calr_lua_length(L, 2);
    int64_t first = calr_lua_option_integer(L, 3, "first", 1, 1, length + 1);
    int64_t count =
        calr_lua_option_integer(L, 3, "count", length - first + 1, 0, length - first + 1);
    bool skip_bad = calr_lua_option_boolean(L, 3, "skip_bad", 0);
    import_job *job = read_sources(L, first, count);
    writer_value *value = check_writer(L); /* last: nothing can close it any more */
    make_decoders(L, value);
    calr_lua_call(L, calr_store_writer_import(value->writer, job->sources, count,
                                              value->check ? check_image : NULL, value,
                                              skip_bad ? job->bad : NULL, job->notes));
    push_remarks(L, job, job->bad);
    push_remarks(L, job, job->notes);
    return 2;
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
        calr_decoder_release(value->decoders[i]);
    free(value->decoders);
    value->decoders = NULL;
    value->decoder_count = 0;
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

static const calr_lua_function writer_methods[] = {
    {"add", writer_add, "self, options"},
    {"import", writer_import, "self, records [, options]"},
    {"count", writer_count, "self"},
    {"bytes", writer_bytes, "self"},
    {"commit", writer_commit, "self"},
    {"abort", writer_abort, "self"},
    {NULL, NULL, NULL},
};

static const calr_lua_function writer_metamethods[] = {
    {"__tostring", writer_tostring, NULL},
    {"__gc", writer_abort, NULL},
    {"__close", writer_abort, NULL},
    {NULL, NULL, NULL},
};

void calr_lua_store_writer_class(lua_State *L)
{
    calr_lua_class(L, WRITER, "writer:", writer_methods, writer_metamethods);
}
