#include "tensor/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define HUGE ((size_t)2 << 20)
/* Added to every block, so that neighbours of like sizes begin in different cache sets. */
#define SKEW (17 * 64)

/* A part of a stretch below its frontier. Pieces lie in order of their addresses and leave no gap
 * but those between stretches; two free neighbours are one piece. */
typedef struct piece {
    char *start;
    size_t size;
    bool used;
    bool clean; /* its pages went back to the system */
} piece;

/* From `frontier` on it was never used. */
typedef struct stretch {
    char *start, *frontier, *end;
} stretch;

#define STRETCHES 64

static struct {
    piece *piece;
    size_t count, capacity;
    stretch stretch[STRETCHES];
    size_t stretches, cached;
} arena;

size_t calr_arena_size(size_t size)
{
    return (size + SKEW + 63) / 64 * 64;
}

size_t calr_arena_cached(void)
{
    return arena.cached;
}

/* The first piece that starts at or after `at`. */
static size_t find(const char *at)
{
    size_t low = 0, high = arena.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (arena.piece[middle].start < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void insert(size_t i, piece p)
{
    memmove(arena.piece + i + 1, arena.piece + i, (arena.count - i) * sizeof p);
    arena.piece[i] = p;
    arena.count++;
}

static void erase(size_t i)
{
    arena.count--;
    memmove(arena.piece + i, arena.piece + i + 1, (arena.count - i) * sizeof *arena.piece);
}

/* Room for two more pieces, so that nothing fails half-way. */
static bool make_room(void)
{
    if (arena.count + 2 <= arena.capacity)
        return true;
    size_t capacity = arena.capacity ? 2 * arena.capacity : 256;
    piece *grown = realloc(arena.piece, capacity * sizeof *grown);
    if (!grown)
        return false;
    arena.piece = grown;
    arena.capacity = capacity;
    return true;
}

static void count_cached(const piece *p, bool add)
{
    if (p->used || p->clean)
        return;
    arena.cached = add ? arena.cached + p->size : arena.cached - p->size;
}

/* Joins piece i with its neighbour above when both are free and nothing lies between. */
static void join(size_t i)
{
    if (i + 1 >= arena.count)
        return;
    piece *a = &arena.piece[i], *b = a + 1;
    if (a->used || b->used || a->start + a->size != b->start)
        return;
    count_cached(a, false);
    count_cached(b, false);
    a->size += b->size;
    a->clean = a->clean && b->clean;
    count_cached(a, true);
    erase(i + 1);
}

/* Takes `size` bytes from the beginning of a free piece. */
static void *take(size_t i, size_t size)
{
    piece *p = &arena.piece[i], rest = *p;
    count_cached(p, false);
    p->used = true;
    if (p->size > size) {
        rest.start += size;
        rest.size -= size;
        p->size = size;
        count_cached(&rest, true);
        insert(i + 1, rest);
    }
    return arena.piece[i].start;
}

static size_t physical_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (size_t)pages * (size_t)page : SIZE_MAX / 4;
}

/* What one stretch takes at most: all of the memory, but of an address space that is limited
 * (ulimit -v) a quarter, since OpenBLAS needs some of it too. */
static size_t largest_stretch(void)
{
    struct rlimit limit;
    size_t memory = physical_memory();
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
        limit.rlim_cur / 4 >= memory)
        return memory;
    return (size_t)limit.rlim_cur / 4;
}

/* Address space only: pages come when they are touched, huge ones where the system has them. As
 * much as the machine has memory, so that there is one stretch; less where that is not allowed. */
static bool open_stretch(size_t size)
{
    size_t wanted = largest_stretch();
    if (arena.stretches == STRETCHES || size > physical_memory())
        return false;
    for (;;) {
        wanted = wanted < size ? size : wanted;
        wanted = (wanted + HUGE - 1) / HUGE * HUGE;
        char *start = mmap(NULL, wanted + HUGE, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (start != MAP_FAILED) {
            start += (HUGE - (uintptr_t)start % HUGE) % HUGE;
            madvise(start, wanted, MADV_HUGEPAGE); /* a wish; refusal changes speed only */
            arena.stretch[arena.stretches++] = (stretch){start, start, start + wanted};
            return true;
        }
        if (wanted / 2 < size)
            return false;
        wanted /= 2;
    }
}

/* Moves the frontier of the last stretch; a free piece that touches it is part of the block. */
static void *extend(size_t size)
{
    stretch *s = &arena.stretch[arena.stretches - 1];
    size_t i = find(s->frontier);
    piece *below = i > 0 ? &arena.piece[i - 1] : NULL;
    if (below && !below->used && below->start + below->size == s->frontier &&
        below->start >= s->start) {
        if ((size_t)(s->end - below->start) < size)
            return NULL;
        count_cached(below, false);
        s->frontier = below->start + size;
        below->size = size;
        below->used = true;
        return below->start;
    }
    if ((size_t)(s->end - s->frontier) < size)
        return NULL;
    insert(i, (piece){.start = s->frontier, .size = size, .used = true});
    s->frontier += size;
    return arena.piece[i].start;
}

void *calr_arena_alloc(size_t size)
{
    size_t best = SIZE_MAX;
    size = calr_arena_size(size);
    if (!make_room())
        return NULL;
    for (size_t i = 0; i < arena.count; i++) {
        const piece *p = &arena.piece[i];
        if (!p->used && p->size >= size && (best == SIZE_MAX || p->size < arena.piece[best].size))
            best = i;
    }
    if (best != SIZE_MAX)
        return take(best, size);
    void *block = arena.stretches ? extend(size) : NULL;
    if (!block && open_stretch(size))
        block = extend(size);
    return block;
}

size_t calr_arena_free(void *block)
{
    size_t i = find(block), size = arena.piece[i].size;
    arena.piece[i].used = false;
    arena.piece[i].clean = false;
    count_cached(&arena.piece[i], true);
    join(i);
    if (i > 0)
        join(i - 1);
    return size;
}

/* The stretch whose frontier a piece touches, or NULL. */
static stretch *at_frontier(const piece *p)
{
    for (size_t i = 0; i < arena.stretches; i++)
        if (p->start >= arena.stretch[i].start && p->start + p->size == arena.stretch[i].frontier)
            return &arena.stretch[i];
    return NULL;
}

static void drop_pages(piece *p)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *first = p->start + (page - (uintptr_t)p->start % page) % page;
    char *last = p->start + p->size - (uintptr_t)(p->start + p->size) % page;
    if (first < last)
        madvise(first, (size_t)(last - first), MADV_DONTNEED);
    count_cached(p, false);
    p->clean = true;
}

void calr_arena_trim(void)
{
    for (size_t i = arena.count; i-- > 0;) {
        piece *p = &arena.piece[i];
        if (p->used)
            continue;
        if (!p->clean)
            drop_pages(p);
        stretch *s = at_frontier(p);
        if (s) {
            s->frontier = p->start;
            erase(i);
        }
    }
}
