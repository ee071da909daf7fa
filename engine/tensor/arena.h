/* Large blocks, cut from long stretches of address space and joined again when they are free.
 *
 * A training step asks for blocks of many sizes, and the forward and the backward pass for different
 * ones. Kept apart by size they would need the sum of what each size ever needed; cut from one
 * stretch they need what is live at the same time, and the next step finds the very same pages. A
 * block is taken from the smallest free piece that holds it, the first in memory of equals: the same
 * requests give the same addresses. Not thread-safe: pool.c holds the lock. */
#ifndef CALR_TENSOR_ARENA_H
#define CALR_TENSOR_ARENA_H

#include <stdbool.h>
#include <stddef.h>

/* A block of `size` > 0 bytes, aligned to 64; NULL when the system has no more address space, or
 * less memory than that in all. */
void *calr_arena_alloc(size_t size);
/* Returns a block; the result is its size as of calr_arena_size. */
size_t calr_arena_free(void *block);
/* The space that a request takes. */
size_t calr_arena_size(size_t size);
/* Returns the pages of free pieces to the system. */
void calr_arena_trim(void);
/* Bytes of free pieces whose pages may still be there. */
size_t calr_arena_cached(void);

#endif
