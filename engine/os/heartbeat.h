/* Signs of life that processes on one or many machines read from a shared folder. */
#ifndef CALR_OS_HEARTBEAT_H
#define CALR_OS_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef struct calr_heartbeat calr_heartbeat;

/* From now on a thread rewrites a counter in the file every `period` seconds (0.001 .. 1e6), and a lock on
 * the file tells other processes of this machine at once when this one has died. `journal` is another open
 * file to flush each time, or -1; the heartbeat keeps a descriptor of its own. Signals never reach the
 * thread. CALR_EBUSY after a second during which another heartbeat held the lock, of this process or of
 * another. */
calr_status calr_heartbeat_new(const char *path, double period, int journal, calr_heartbeat **out);

/* Number of beats: a clock that stops with this process. Thread-safe, like the others. */
uint64_t calr_heartbeat_count(const calr_heartbeat *heartbeat);
/* CALR_OK, or why the last beat could not be written; the thread keeps trying. */
calr_status calr_heartbeat_problem(calr_heartbeat *heartbeat);
/* Ends the thread and gives the lock back; NULL is allowed. */
void calr_heartbeat_free(calr_heartbeat *heartbeat);

typedef struct calr_pulse {
    uint64_t count; /* unchanged for long: the process has died or stalled */
    bool known;     /* whether `alive` says anything: the process would be on this machine */
    bool alive;
} calr_pulse;

/* Reads a heartbeat. CALR_ENOTFOUND if there is no such file or nothing in it. */
calr_status calr_pulse_read(const char *path, calr_pulse *out);

#endif
