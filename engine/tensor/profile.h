/* The profiler of `calr run --profile`: where the time and the memory of a script go, by operation and by line.
 *
 * A span is the run of one operation or of one function of the engine, from its begin to its end; spans nest. Each has
 * its own time: that of the whole without what the spans inside it took. So own times add up. Likewise it has its own
 * bytes, those of the tensors allocated. What passes between spans is the time of Lua, and counts for the line that
 * begins the next one.
 *
 * Everything here belongs to the calling thread: other threads (a loader's) are not seen. While the profiler is off a
 * span costs one test of calr_profile_on; while it is on, about a microsecond. */
#ifndef CALR_TENSOR_PROFILE_H
#define CALR_TENSOR_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef enum calr_profile_pass {
    CALR_PROFILE_CALL, /* a function that a script calls */
    CALR_PROFILE_FORWARD,
    CALR_PROFILE_BACKWARD,
} calr_profile_pass;

/* What took how much, in all its spans. */
typedef struct calr_profile_operation {
    char name[48];
    calr_profile_pass pass;
    int64_t calls;
    double seconds; /* own */
    double bytes;   /* own */
    const void *key;
} calr_profile_operation;

typedef struct calr_profile_line {
    int64_t calls;  /* of functions of the engine */
    double seconds; /* in the engine, but for the next */
    double
        backward; /* of the backward passes of the operations that it ran, wherever they were started */
    double lua;   /* in Lua, before its calls */
    double bytes; /* allocated, backward included */
} calr_profile_line;

typedef struct calr_profile_span {
    double begin, end; /* seconds since the start; `end` is below 0 while it is open */
    double live;       /* bytes of all tensors at its end */
    double bytes;      /* own */
    int operation;     /* index */
    int line;
    int depth; /* 0: outermost */
} calr_profile_span;

typedef struct calr_profile {
    double seconds; /* from start to stop */
    double lua;     /* of that, outside of all spans */
    double peak;    /* the most bytes that tensors had at the end of a span */
    const calr_profile_operation *operations;
    size_t operation_count;
    const calr_profile_line *lines; /* by number; 0 is what has no line */
    size_t line_count;
    const calr_profile_span *spans; /* in the order in which they began */
    size_t span_count;
    int64_t lost; /* spans that are counted above but not listed: only so many are kept */
} calr_profile;

extern _Thread_local bool calr_profile_on;

/* How many spans are listed. */
#define CALR_PROFILE_SPANS ((size_t)2000000)

/* Forgets what there is, and measures from now. CALR_EINVAL: it is measuring; CALR_ENOMEM. */
calr_status calr_profile_start(void);
/* Ends all spans that are open. What it returns is valid until the next start on this thread. */
const calr_profile *calr_profile_stop(void);

/* Begins a span, where calr_profile_on. `key`, with the pass, tells operations apart; `prefix` and `name` are read the
 * first time only. `line` is the caller's number of a line, from 1 on, or 0. `frame` is the address of the caller's
 * frame on the C stack, which grows downwards: a span whose frame does not lie above it has been left by an error. */
void calr_profile_begin(calr_profile_pass pass, const void *key, const char *prefix,
                        const char *name, int line, const void *frame);
/* Ends the innermost span, which must be the one that this frame began; nothing happens when that is over. */
void calr_profile_end(const void *frame);
/* The line of the innermost span, 0 outside. */
int calr_profile_current_line(void);

#endif
