/* The terminal: its size, and keys as they are pressed. */
#ifndef CALR_OS_TERMINAL_H
#define CALR_OS_TERMINAL_H

#include <stddef.h>

#include "base/status.h"

/* Columns and lines of the terminal at a descriptor. Where there is none: COLUMNS and LINES where they are
 * whole numbers from 1 to 1000, otherwise 80 x 24. */
void calr_terminal_size(int fd, int *columns, int *lines);

typedef struct calr_terminal_keys calr_terminal_keys;

/* Has the terminal at the standard input give every key at once and show none; Ctrl-C is a key then. CALR_EIO where the
 * standard input is no terminal. */
calr_status calr_terminal_keys_new(calr_terminal_keys **out);
/* Waits up to `seconds` (0 .. 1e6) for a key and reads what the keys pressed since the last call send.
 * Returns its bytes (at most `room`), 0 when the terminal has gone away, or -1 when no key was pressed or a
 * request to stop ended the wait. */
long calr_terminal_keys_read(calr_terminal_keys *keys, double seconds, char *buffer, size_t room);
/* Restores the terminal; NULL is allowed. */
void calr_terminal_keys_free(calr_terminal_keys *keys);

#endif
