/* The meter: which kernels ran, for how long, and for whom. Switched on only by measurements.
 *
 * A kernel does the numerical work: an entry of the backend's table, or a calr_parallel_for. Of
 * kernels inside kernels only the outermost counts, so that the seconds of all events add up to the time
 * spent in kernels; what remains of a step is overhead. Everything here belongs to the calling thread: other
 * threads' kernels (a loader's) are not counted, and while a thread's meter is off a kernel costs one test. */
#ifndef CALR_BASE_METER_H
#define CALR_BASE_METER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

#define CALR_METER_DETAIL 48

typedef struct calr_meter_event {
    const char *kernel; /* static text: the name in the table */
    int label;          /* calr_meter_label when it ran; of a backward pass: when its forward ran */
    double seconds;     /* of its run */
    double flops;       /* floating-point operations of its definition, 0 where none are counted */
    double bytes;       /* inputs read once and outputs written once */
    char detail[CALR_METER_DETAIL]; /* its shapes, or "" */
} calr_meter_event;

extern _Thread_local bool calr_meter_on;

/* Forgets the events there are and counts from now. */
void calr_meter_start(void);
void calr_meter_stop(void);
/* The events since the start, valid until the next start on this thread. *lost: how many more there were than
 * there was memory for. */
size_t calr_meter_events(const calr_meter_event **out, size_t *lost);

/* A number that events carry, such as that of a layer; 0 at first. */
int calr_meter_label(void);
void calr_meter_set_label(int label);

/* Around a kernel, when the meter is on: the time to be handed to the end, below 0 inside another kernel. */
double calr_meter_begin(void);
/* NULL when there is nothing to fill in; otherwise the caller writes flops, bytes and detail. */
calr_meter_event *calr_meter_end(double began, const char *kernel);

#endif
