/* To be loaded before a program (LD_PRELOAD): the allocation number FAIL_AT fails, or all from number FAIL_FROM on; or,
 * of posix_memalign alone, number FAIL_ALIGNED_AT, or all from FAIL_ALIGNED_FROM on. */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* The C library's own, under the names by which it exports them. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static bool chosen(long number, const char *at, const char *from)
{
    return (at && number == atol(at)) || (from && number >= atol(from));
}

static bool fails(void)
{
    static atomic_long count;
    long number = atomic_fetch_add(&count, 1) + 1;
    if (!chosen(number, getenv("FAIL_AT"), getenv("FAIL_FROM")))
        return false;
    errno = ENOMEM;
    return true;
}

static bool aligned_fails(void)
{
    static atomic_long count;
    long number = atomic_fetch_add(&count, 1) + 1;
    return chosen(number, getenv("FAIL_ALIGNED_AT"), getenv("FAIL_ALIGNED_FROM"));
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    return fails() ? NULL : __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *block = fails() || aligned_fails() ? NULL : __libc_memalign(alignment, size);
    if (!block)
        return ENOMEM;
    *out = block;
    return 0;
}
