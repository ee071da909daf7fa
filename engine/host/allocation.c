/* posix_memalign of the whole process, in the place of the C library's.
 *
 * oneDNN takes the memory of its objects from it and does not look at the result: where none is left, a constructor
 * writes to NULL. As for `operator new` (backend/cpu/onednn_memory.c), its caller gets a part of the reserve, and when
 * that is used up the program ends with a message. All other callers see the C library's result. */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"

typedef int (*allocator)(void **, size_t, size_t);

static allocator next_in_line(void)
{
    static _Atomic(allocator) known;
    allocator next = atomic_load(&known);
    if (next)
        return next;
    void *symbol = dlsym(RTLD_NEXT, "posix_memalign");
    memcpy(&next, &symbol, sizeof next); /* as POSIX has it */
    atomic_store(&known, next);
    return next;
}

__attribute__((visibility("default"))) int posix_memalign(void **out, size_t alignment, size_t size)
{
    allocator next = next_in_line();
    int status = next(out, alignment, size);
    while (status == ENOMEM && calr_backend_frees_memory(__builtin_return_address(0)))
        status = next(out, alignment, size);
    return status;
}
