/* Other processes. posix_spawn starts them: the threads of OpenMP and of heartbeats forbid a fork whose child would run
 * anything of ours. */
#ifndef CALR_OS_PROCESS_H
#define CALR_OS_PROCESS_H

#include <stdbool.h>

#include "base/status.h"

typedef struct calr_process calr_process;

typedef struct calr_process_options {
    const char *const *command; /* program (searched in PATH if it has no "/"), arguments, NULL */
    const char *const
        *environment;   /* NAME=VALUE ..., NULL: all of it; or NULL for this process's */
    const char *output; /* file that its output is appended to; NULL: our output */
    const char *errors; /* the same for its messages; may be the same file */
} calr_process_options;

/* Starts a program and returns at once. It has no input, and default signals. CALR_ENOTFOUND,
 * CALR_EIO, CALR_ENOMEM. */
calr_status calr_process_start(const calr_process_options *options, calr_process **out);

/* Waits up to `seconds` (0: looks; infinity: as long as it takes) for the end; a request to stop ends the waiting.
 * Returns whether the process has ended. Then *status is its exit status, 128 + signal when one killed it, and *signal
 * that signal or 0. */
bool calr_process_wait(calr_process *process, double seconds, int *status, int *signal);

/* Sends a signal; false: the process has ended. */
bool calr_process_kill(calr_process *process, int signal);

int calr_process_pid(const calr_process *process);

/* Forgets the process, which keeps running if it has not ended; NULL is allowed. */
void calr_process_free(calr_process *process);

#endif
