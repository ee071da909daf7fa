/* calr.meter's profiler: tensor/profile.h for scripts, with the lines of the script. */
#include "binding/profile.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binding/bind.h"
#include "os/file.h"
#include "tensor/profile.h"

/* ---- lines ---- */

typedef struct script_line {
    char *source;
    int line, next; /* next: the number of another line in the same bucket, or 0 */
} script_line;

#define BUCKETS 1024

static _Thread_local struct {
    script_line *lines; /* number - 1 */
    int count, capacity;
    int buckets[BUCKETS]; /* numbers */
} known;

static int number_of(const char *source, int line)
{
    uint32_t h = (uint32_t)line * 2654435761u;
    for (const char *c = source; *c; c++)
        h = (h ^ (uint8_t)*c) * 16777619u;
    int *bucket = &known.buckets[h % BUCKETS];
    for (int number = *bucket; number > 0; number = known.lines[number - 1].next)
        if (known.lines[number - 1].line == line &&
            strcmp(known.lines[number - 1].source, source) == 0)
            return number;
    if (known.count == known.capacity) {
        int capacity = known.capacity ? 2 * known.capacity : 256;
        script_line *grown = realloc(known.lines, (size_t)capacity * sizeof *grown);
        if (!grown)
            return 0;
        known.lines = grown;
        known.capacity = capacity;
    }
    char *copy = strdup(source);
    if (!copy)
        return 0;
    known.lines[known.count++] = (script_line){copy, line, *bucket};
    return *bucket = known.count;
}

int calr_lua_script_line(lua_State *L)
{
    int line = calr_profile_current_line();
    lua_Debug frame;
    if (line > 0)
        return line;
    for (int level = 1; lua_getstack(L, level, &frame); level++) {
        if (!lua_getinfo(L, "Sl", &frame) || frame.currentline <= 0 ||
            (frame.source[0] == '@' && strstr(frame.source, "/lua/calr/")))
            continue;
        return number_of(frame.source[0] == '@' || frame.source[0] == '=' ? frame.source
                                                                          : frame.short_src,
                         frame.currentline);
    }
    return 0;
}

void calr_lua_forget_lines(void)
{
    for (int i = 0; i < known.count; i++)
        free(known.lines[i].source);
    known.count = 0;
    memset(known.buckets, 0, sizeof known.buckets);
}

const char *calr_lua_line_source(int number, int *line)
{
    if (number < 1 || number > known.count)
        return NULL;
    *line = known.lines[number - 1].line;
    const char *source = known.lines[number - 1].source;
    return source[0] == '@' || source[0] == '=' ? source + 1 : source;
}

/* ---- the report ---- */

static const char *const passes[] = {"call", "forward", "backward"};
static _Thread_local const calr_profile *last; /* what calr_profile_stop returned */

static void push_operations(lua_State *L, const calr_profile *profile)
{
    lua_createtable(L, (int)profile->operation_count, 0);
    for (size_t i = 0; i < profile->operation_count; i++) {
        const calr_profile_operation *operation = &profile->operations[i];
        lua_createtable(L, 0, 5);
        calr_lua_set_string(L, -1, "name", operation->name);
        calr_lua_set_string(L, -1, "pass", passes[operation->pass]);
        calr_lua_set_integer(L, -1, "calls", operation->calls);
        calr_lua_set_number(L, -1, "seconds", operation->seconds);
        calr_lua_set_number(L, -1, "bytes", operation->bytes);
        lua_seti(L, -2, (lua_Integer)i + 1);
    }
}

static void push_lines(lua_State *L, const calr_profile *profile)
{
    lua_createtable(L, (int)profile->line_count, 0);
    for (size_t i = 0; i < profile->line_count; i++) {
        const calr_profile_line *account = &profile->lines[i];
        int line = 0;
        const char *source = calr_lua_line_source((int)i, &line);
        lua_createtable(L, 0, 7);
        if (source) {
            calr_lua_set_string(L, -1, "source", source);
            calr_lua_set_integer(L, -1, "line", line);
        }
        calr_lua_set_integer(L, -1, "calls", account->calls);
        calr_lua_set_number(L, -1, "seconds", account->seconds);
        calr_lua_set_number(L, -1, "backward", account->backward);
        calr_lua_set_number(L, -1, "lua", account->lua);
        calr_lua_set_number(L, -1, "bytes", account->bytes);
        lua_seti(L, -2, (lua_Integer)i + 1);
    }
}

/// calr.meter.profile_start()
/// Measures from now on where the time and the memory of this thread go, by operation and by line of the script. Costs
/// about a microsecond for each call of the engine; nothing while it is off. `calr run --profile` calls it.
static int meter_profile_start(lua_State *L)
{
    if (!calr_profile_on)
        calr_lua_forget_lines();
    last = NULL;
    calr_lua_call(L, calr_profile_start());
    return 0;
}

/* The table of meter_profile_stop. */
static int push_result(lua_State *L)
{
    lua_createtable(L, 0, 7);
    calr_lua_set_number(L, -1, "seconds", last->seconds);
    calr_lua_set_number(L, -1, "lua", last->lua);
    calr_lua_set_number(L, -1, "peak", last->peak);
    calr_lua_set_integer(L, -1, "spans", (int64_t)last->span_count);
    calr_lua_set_integer(L, -1, "lost", last->lost);
    push_operations(L, last);
    lua_setfield(L, -2, "operations");
    push_lines(L, last);
    lua_setfield(L, -2, "lines");
    return 1;
}

/// calr.meter.profile_stop()
/// Ends what calr.meter.profile_start began. Times are own times: what an operation takes without the operations inside
/// it, so that the seconds of all operations and `lua` add up to `seconds`, and so do those of all lines.
/// @return table  {seconds=, lua= of that outside the engine, peak= bytes of tensors at most, spans=, lost=,
///   operations= {{name=, pass= "call", "forward" or "backward", calls=, seconds=, bytes=}}, lines= {{source=, line=,
///   calls=, seconds=, backward=, lua=, bytes=}}}: `backward` of a line is the backward pass of what it computed; `lua`
///   the time in Lua before its calls; a line without source is for what belongs to none
static int meter_profile_stop(lua_State *L)
{
    if (!calr_profile_on)
        return luaL_error(L, "the profiler is not running");
    last = calr_profile_stop();
    /* A finaliser that the collector runs meanwhile may start the profiler again, which forgets all this. */
    int collects = lua_gc(L, LUA_GCISRUNNING);
    lua_gc(L, LUA_GCSTOP);
    lua_pushcfunction(L, push_result);
    int status = lua_pcall(L, 0, 1, 0);
    if (collects)
        lua_gc(L, LUA_GCRESTART);
    return status == LUA_OK ? 1 : lua_error(L);
}

/* ---- the file ---- Chrome's trace events, as JSON: Perfetto and speedscope open it */

typedef struct trace {
    calr_file_writer *writer;
    calr_status status;
} trace;

static void put(trace *t, const char *text)
{
    if (t->status == CALR_OK)
        t->status = calr_file_writer_write(t->writer, text, strlen(text));
}

static void put_string(trace *t, const char *text)
{
    char out[1024];
    size_t used = 0;
    out[used++] = '"';
    for (; *text && used + 8 < sizeof out; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            out[used++] = '\\';
        if (c < ' ')
            used += (size_t)snprintf(out + used, 8, "\\u%04x", c);
        else
            out[used++] = (char)c;
    }
    out[used++] = '"';
    out[used] = 0;
    put(t, out);
}

static void put_line_name(trace *t, int number)
{
    char text[512];
    int line = 0;
    const char *source = calr_lua_line_source(number, &line);
    if (source)
        snprintf(text, sizeof text, "%s:%d", source, line);
    else
        snprintf(text, sizeof text, "(no line)");
    put_string(t, text);
}

/* Begins a complete event: its times in microseconds; name, category and the rest follow. */
static void put_event(trace *t, double begin, double end)
{
    char text[128];
    snprintf(text, sizeof text,
             ",\n{\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":%.3f,\"dur\":%.3f,\"name\":", 1e6 * begin,
             1e6 * end - 1e6 * begin);
    put(t, text);
}

/* A line of the script around the outermost spans from `first` on that follow each other on it. */
static void put_line(trace *t, const calr_profile *profile, size_t first)
{
    const calr_profile_span *span = &profile->spans[first];
    double end = span->end;
    for (size_t i = first + 1; i < profile->span_count && profile->spans[i].line == span->line; i++)
        if (profile->spans[i].depth == 0)
            end = profile->spans[i].end;
    put_event(t, span->begin, end);
    put_line_name(t, span->line);
    put(t, ",\"cat\":\"line\"}");
}

static void put_span(trace *t, const calr_profile *profile, size_t i)
{
    char text[160];
    const calr_profile_span *span = &profile->spans[i];
    const calr_profile_operation *operation = &profile->operations[span->operation];
    put_event(t, span->begin, span->end);
    put_string(t, operation->name);
    snprintf(text, sizeof text,
             ",\"cat\":\"%s\",\"args\":{\"bytes\":%.0f,\"line\":", passes[operation->pass],
             span->bytes);
    put(t, text);
    put_line_name(t, span->line);
    put(t, "}}");
    if (span->depth > 0)
        return;
    snprintf(
        text, sizeof text,
        ",\n{\"ph\":\"C\",\"pid\":1,\"ts\":%.3f,\"name\":\"tensors\",\"args\":{\"bytes\":%.0f}}",
        1e6 * span->end, span->live);
    put(t, text);
}

static calr_status write_trace(const calr_profile *profile, const char *path, const char *title)
{
    trace t = {0};
    CALR_TRY(calr_file_writer_new(path, &t.writer));
    put(&t, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n{\"ph\":\"M\",\"pid\":1,\"name\":"
            "\"process_name\",\"args\":{\"name\":");
    put_string(&t, title);
    put(&t, "}}");
    int around = -1;
    for (size_t i = 0; i < profile->span_count; i++) {
        const calr_profile_span *span = &profile->spans[i];
        if (span->depth == 0 && span->line != around)
            put_line(&t, profile, i);
        if (span->depth == 0)
            around = span->line;
        put_span(&t, profile, i);
    }
    put(&t, "\n]}\n");
    if (t.status != CALR_OK) {
        calr_file_writer_abort(t.writer);
        return t.status;
    }
    return calr_file_writer_commit(t.writer);
}

/// calr.meter.profile_write(path [, title])
/// Writes what calr.meter.profile_stop has ended as a file of trace events: ui.perfetto.dev and speedscope.app open it.
/// Spans nest: a line of the script, the engine's functions that it calls, the operations of these. The counter
/// "tensors" is the bytes of all tensors. At most two million spans are listed; the report says how many are lost.
/// @param title  of the file, such as the script's name
static int meter_profile_write(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1), *title = luaL_optstring(L, 2, "calr");
    if (!last || calr_profile_on)
        return luaL_error(L, "there is nothing to write: calr.meter.profile_stop comes first");
    calr_lua_call(L, write_trace(last, path, title));
    return 0;
}

const calr_lua_function calr_lua_profile_functions[] = {
    {"profile_start", meter_profile_start, ""},
    {"profile_stop", meter_profile_stop, ""},
    {"profile_write", meter_profile_write, "path [, title]"},
    {NULL, NULL, NULL},
};
