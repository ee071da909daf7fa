/* A request to stop (Ctrl-C), and the warning that one will come (preemption).
 *
 * The host's signal handler leaves the signal here and stops the script between two of its
 * instructions. A call of the engine that can take longer than 200 ms asks here as it goes (between
 * rows, chunks, iterations), frees what it holds and returns CALR_EINTERRUPTED; any other is finished
 * first. Code that catches errors also checks here, so that a swallowed request is not lost.
 *
 * What is not stopped on its way: one product of matrices, one convolution, one element-wise operation
 * (the libraries that compute them do not ask); a backward pass asks between two of them. And a call
 * that is stopped gives back its memory before it returns: the system takes about 0.1 to 0.2 s a GB.
 *
 * A warning (SIGUSR1: a cluster's scheduler wants the machine back soon) stops nothing: it is kept
 * for code that checks it and ends where nothing is lost. */
#ifndef CALR_BASE_INTERRUPT_H
#define CALR_BASE_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* From a signal handler: async-signal-safe. */
void calr_interrupt_request(int signal_number);
/* The signal that asked to stop; 0 when none did. From any thread; takes a nanosecond. */
int calr_interrupt_requested(void);
/* The same for loops of steps of well under 50 us, of which only every 1024th asks. */
static inline bool calr_interrupt_due(int64_t step)
{
    return step % 1024 == 0 && calr_interrupt_requested();
}
/* Forgets the request (the prompt does, before it reads the next line). */
void calr_interrupt_clear(void);
/* CALR_EINTERRUPTED with a message if a stop was requested. */
calr_status calr_interrupt_check(void);

/* From a signal handler: async-signal-safe. */
void calr_interrupt_warn(void);
/* Whether a warning came since the process started; from any thread. */
bool calr_interrupt_warned(void);

#endif
