/* Claims: names that only one process can create, however many on however many machines try. */
#ifndef CALR_OS_CLAIM_H
#define CALR_OS_CLAIM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* Creates a file that must not exist yet; it is complete from the moment its name appears. Not
 * flushed to the disk: after a power cut it may be empty or absent. *made: whether this call made
 * it; false when the name is taken. */
calr_status calr_claim_new(const char *path, const void *data, size_t size, bool *made);

typedef enum calr_claim {
    CALR_CLAIM_MADE,  /* by this call, or by an earlier one with the same source */
    CALR_CLAIM_TAKEN, /* the name is another file's */
    CALR_CLAIM_IMPOSSIBLE /* the source can have no name there: it has too many, or the folder is elsewhere */
} calr_claim;

/* Gives the file `source` another name, which must not exist yet. Cheaper than calr_claim_new if
 * many names hold the same text. */
calr_status calr_claim_link(const char *source, const char *path, calr_claim *result);

#endif
