/* Sorting that can be stopped. */
#ifndef CALR_BASE_SORT_H
#define CALR_BASE_SORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* qsort of `count` items of `size` bytes for lists of any length: it checks for a stop request as
 * it goes. `compare` must tell all items apart, or what is equal comes in any order.
 * CALR_EINTERRUPTED: the items are in no order, and some may be lost; CALR_ENOMEM. Thread-safe. */
calr_status calr_sort(void *items, int64_t count, size_t size,
                      int (*compare)(const void *, const void *));

#endif
