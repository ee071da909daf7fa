/* Threads: the one place that decides how many run.
 *
 * Work is cut into chunks of `grain` items, handed out to the threads as they come free. The chunks
 * depend on `count` and `grain` alone, so a function that writes only to its own items, or to a
 * slot of its own chunk (begin / grain) that the caller adds up in order, gives the same bits for
 * any number of threads. */
#ifndef CALR_BASE_PARALLEL_H
#define CALR_BASE_PARALLEL_H

#include <stdint.h>

#include "base/status.h"

/* Threads in use: CALR_THREADS or OMP_NUM_THREADS where set, otherwise the processors this process
 * may use. */
int calr_parallel_threads(void);

/* CALR_EINVAL for a value of CALR_THREADS that is not a number of threads; calr_parallel_threads
 * ignores it. */
calr_status calr_parallel_check_environment(void);

/* Sets the number for all later work, of OpenMP's users (oneDNN, OpenBLAS) too. 1 .. 1024. */
calr_status calr_parallel_set_threads(int threads);

/* Works on items begin .. end-1. `worker` is 0 .. calr_parallel_threads()-1, for scratch memory of
 * its own. Must not call Lua; calr_error in it reaches only its own thread's buffer. */
typedef void (*calr_parallel_body)(void *context, int64_t begin, int64_t end, int worker);

/* Runs `body` over 0 .. count-1. grain < 1 means count split evenly over the threads (then the
 * chunks do depend on their number). Runs in the calling thread when there is one chunk or one
 * thread, or when called from inside a body. Returns when all is done. */
void calr_parallel_for(int64_t count, int64_t grain, calr_parallel_body body, void *context);

/* The same for longer work, which the user may want to end: once a stop was requested
 * (base/interrupt.h), no further chunk begins. CALR_EINTERRUPTED then: some chunks were not worked on,
 * or only in part, and nothing that the loop wrote may be used. A body whose chunk takes longer than
 * about 50 ms checks calr_interrupt_requested itself, and returns if it says so. */
calr_status calr_parallel_try(int64_t count, int64_t grain, calr_parallel_body body, void *context);

#endif
