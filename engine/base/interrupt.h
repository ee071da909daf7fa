/* A request to stop (Ctrl-C), and the warning that one will come (preemption).
 *
 * The host's signal handler leaves the signal here and stops the script between two of its
 * instructions; a call of the engine is finished first. What catches errors asks here, so that a
 * request that was swallowed is not lost.
 *
 * A warning (SIGUSR1: a cluster's scheduler wants the machine back soon) stops nothing: it is kept
 * for whoever asks, who ends where nothing is lost. */
#ifndef CALR_BASE_INTERRUPT_H
#define CALR_BASE_INTERRUPT_H

#include <stdbool.h>

#include "base/status.h"

/* From a signal handler: async-signal-safe. */
void calr_interrupt_request(int signal_number);
/* The signal that asked to stop; 0 when none did. */
int calr_interrupt_requested(void);
/* Forgets the request (the prompt does, before it reads the next line). */
void calr_interrupt_clear(void);
/* CALR_EINTERRUPTED with a message when a stop was asked for. */
calr_status calr_interrupt_check(void);

/* From a signal handler: async-signal-safe. */
void calr_interrupt_warn(void);
/* Whether a warning came since the process started; from any thread. */
bool calr_interrupt_warned(void);

#endif
