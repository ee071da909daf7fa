/* Writing past the caches.
 *
 * A store to memory that is in no cache first reads the line it goes to. For results larger than the
 * caches that is memory traffic for nothing: the line is overwritten, and gone from the cache before
 * anybody reads it. Such loops compute a piece into a buffer of a few KB and copy it out from there;
 * smaller results are better left in the cache for whoever reads them next. */
#ifndef CALR_BASE_STREAM_H
#define CALR_BASE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What both addresses and the size of a copy must be multiples of. */
#define CALR_STREAM_ALIGN 16

/* Whether a result of this size is large enough: outputs of batch norm of 8 MB were read again
 * sooner from the cache, those of 16 MB were not. */
static inline bool calr_stream_pays(int64_t bytes)
{
    return bytes >= 12 << 20;
}

static inline bool calr_stream_fits(const void *to, size_t bytes)
{
    return ((uintptr_t)to | bytes) % CALR_STREAM_ALIGN == 0;
}

/* Neither `to`, `from` nor `bytes` may miss CALR_STREAM_ALIGN. By whole lines where the processor has
 * registers of that size: quarters of lines gain less. */
void calr_stream_copy(void *to, const void *from, size_t bytes);

/* To be called by the thread that copied, before it tells another that it is done. */
void calr_stream_end(void);

#endif
