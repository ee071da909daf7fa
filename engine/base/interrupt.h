/* A request to stop (Ctrl-C), seen by everything that runs long.
 *
 * The host's signal handler leaves the signal here; long loops of the engine ask between two pieces
 * of work and return CALR_EINTERRUPTED, scripts are stopped by the host. All of it is
 * async-signal-safe. */
#ifndef CALR_BASE_INTERRUPT_H
#define CALR_BASE_INTERRUPT_H

#include "base/status.h"

/* From a signal handler. */
void calr_interrupt_request(int signal_number);
/* The signal that asked to stop; 0 when none did. */
int calr_interrupt_requested(void);
/* Forgets the request (the prompt does, before it reads the next line). */
void calr_interrupt_clear(void);
/* CALR_EINTERRUPTED with a message when a stop was asked for. */
calr_status calr_interrupt_check(void);

#endif
