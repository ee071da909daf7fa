#include "tensor/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/grow.h"
#include "base/size.h"
#include "tensor/pool.h"

_Thread_local bool calr_profile_on;

/* A span that is open. What is inside it is added up as it ends. */
typedef struct open_span {
    const void *frame;
    double begin, inside;
    double bytes, bytes_inside; /* of all requests by its begin; of the spans inside */
    size_t listed;              /* its index among the listed spans, or SIZE_MAX */
    int operation, line;
} open_span;

static _Thread_local struct profiler {
    calr_profile result;
    calr_profile_operation *operations;
    calr_profile_line *lines;
    calr_profile_span *spans;
    open_span *open;
    int *table; /* hash of keys -> index + 1 */
    size_t operation_capacity, line_capacity, span_capacity, open_count, open_capacity, table_size;
    double began, last; /* last: when the last outermost span ended */
} p;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static double requested(void)
{
    return (double)calr_pool_get_stats().requested_bytes;
}

static size_t hash_of(const void *key, calr_profile_pass pass)
{
    uint64_t h = ((uint64_t)(uintptr_t)key + (uint64_t)pass) * 0x9E3779B97F4A7C15u;
    return (size_t)(h >> 20);
}

static bool grow_table(void)
{
    size_t size = p.table_size ? 2 * p.table_size : 1024;
    int *table = calloc(size, sizeof *table);
    if (!table)
        return false;
    for (size_t i = 0; i < p.result.operation_count; i++) {
        size_t at = hash_of(p.operations[i].key, p.operations[i].pass) % size;
        while (table[at])
            at = (at + 1) % size;
        table[at] = (int)i + 1;
    }
    free(p.table);
    p.table = table;
    p.table_size = size;
    return true;
}

/* The index of an operation; -1 without memory. */
static int operation_of(calr_profile_pass pass, const void *key, const char *prefix,
                        const char *name)
{
    if (2 * (p.result.operation_count + 1) > p.table_size && !grow_table())
        return -1;
    size_t at = hash_of(key, pass) % p.table_size;
    for (; p.table[at]; at = (at + 1) % p.table_size) {
        const calr_profile_operation *known = &p.operations[p.table[at] - 1];
        if (known->key == key && known->pass == pass)
            return p.table[at] - 1;
    }
    size_t count = p.result.operation_count;
    if (!calr_list_reserve((void **)&p.operations, &p.operation_capacity, count,
                           sizeof *p.operations))
        return -1;
    p.operations[count] = (calr_profile_operation){.pass = pass, .key = key};
    snprintf(p.operations[count].name, sizeof p.operations[count].name, "%s%s", prefix, name);
    p.table[at] = (int)count + 1;
    p.result.operation_count++;
    return (int)count;
}

/* The account of a line, which exists from now on; line 0 without memory for it. */
static calr_profile_line *line_of(int line)
{
    while (p.result.line_count <= (size_t)line) {
        if (!calr_list_reserve((void **)&p.lines, &p.line_capacity, p.result.line_count,
                               sizeof *p.lines))
            return &p.lines[0];
        p.lines[p.result.line_count++] = (calr_profile_line){0};
    }
    return &p.lines[line];
}

calr_status calr_profile_start(void)
{
    if (calr_profile_on)
        return calr_error(CALR_EINVAL, "the profiler is running already");
    p.result = (calr_profile){0};
    p.open_count = 0;
    if (p.table)
        memset(p.table, 0, p.table_size * sizeof *p.table);
    if (!calr_list_reserve((void **)&p.lines, &p.line_capacity, 0, sizeof *p.lines) ||
        (!p.table && !grow_table()))
        return calr_error(CALR_ENOMEM, "no memory for the profiler");
    line_of(0);
    p.began = p.last = now();
    calr_profile_on = true;
    return CALR_OK;
}

/* ---- spans ---- */

static size_t list_span(const open_span *span)
{
    size_t count = p.result.span_count;
    if (count >= CALR_PROFILE_SPANS ||
        !calr_list_reserve((void **)&p.spans, &p.span_capacity, count, sizeof *p.spans)) {
        p.result.lost++;
        return SIZE_MAX;
    }
    p.spans[count] = (calr_profile_span){.begin = span->begin - p.began,
                                         .end = -1,
                                         .operation = span->operation,
                                         .line = span->line,
                                         .depth = (int)p.open_count};
    p.result.span_count++;
    return count;
}

static void end_innermost(double time)
{
    open_span span = p.open[--p.open_count];
    calr_pool_stats stats = calr_pool_get_stats();
    double seconds = time - span.begin;
    double bytes = (double)stats.requested_bytes - span.bytes;
    double own = seconds - span.inside, own_bytes = bytes - span.bytes_inside;
    calr_profile_operation *operation = &p.operations[span.operation];
    calr_profile_line *line = line_of(span.line);
    operation->calls++;
    operation->seconds += own;
    operation->bytes += own_bytes;
    if (operation->pass == CALR_PROFILE_BACKWARD)
        line->backward += own;
    else
        line->seconds += own;
    line->calls += operation->pass == CALR_PROFILE_CALL;
    line->bytes += own_bytes;
    if ((double)stats.live_bytes > p.result.peak)
        p.result.peak = (double)stats.live_bytes;
    if (span.listed != SIZE_MAX) {
        p.spans[span.listed].end = time - p.began;
        p.spans[span.listed].live = (double)stats.live_bytes;
        p.spans[span.listed].bytes = own_bytes;
    }
    if (p.open_count > 0) {
        p.open[p.open_count - 1].inside += seconds;
        p.open[p.open_count - 1].bytes_inside += bytes;
    } else {
        p.last = time;
    }
}

/* Ends the spans of functions that an error has left. */
static void end_left(const void *frame, double time)
{
    while (p.open_count > 0 && (uintptr_t)p.open[p.open_count - 1].frame <= (uintptr_t)frame)
        end_innermost(time);
}

void calr_profile_begin(calr_profile_pass pass, const void *key, const char *prefix,
                        const char *name, int line, const void *frame)
{
    double time = now();
    end_left(frame, time);
    int operation = operation_of(pass, key, prefix, name);
    if (operation < 0 ||
        !calr_list_reserve((void **)&p.open, &p.open_capacity, p.open_count, sizeof *p.open)) {
        p.result.lost++;
        return;
    }
    if (p.open_count == 0) {
        line_of(line)->lua += time - p.last;
        p.result.lua += time - p.last;
    }
    open_span span = {
        .frame = frame, .begin = time, .bytes = requested(), .operation = operation, .line = line};
    span.listed = list_span(&span);
    p.open[p.open_count++] = span;
}

void calr_profile_end(const void *frame)
{
    if (!calr_profile_on)
        return;
    double time = now();
    while (p.open_count > 0 && (uintptr_t)p.open[p.open_count - 1].frame < (uintptr_t)frame)
        end_innermost(time);
    if (p.open_count > 0 && p.open[p.open_count - 1].frame == frame)
        end_innermost(time);
}

int calr_profile_current_line(void)
{
    return p.open_count > 0 ? p.open[p.open_count - 1].line : 0;
}

const calr_profile *calr_profile_stop(void)
{
    if (calr_profile_on) {
        double time = now();
        while (p.open_count > 0)
            end_innermost(time);
        p.result.seconds = time - p.began;
        p.result.lua += time - p.last;
        line_of(0)->lua += time - p.last;
    }
    calr_profile_on = false;
    p.result.operations = p.operations;
    p.result.lines = p.lines;
    p.result.spans = p.spans;
    return &p.result;
}
