#include "base/sort.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/size.h"

enum { RUN = 1 << 16 }; /* items that qsort takes at a time: some 10 ms */

typedef struct sorting {
    size_t size;
    int (*compare)(const void *, const void *);
} sorting;

/* Merges from[begin .. middle-1] and from[middle .. end-1] to the same places of `to`. */
static void merge(const sorting *s, const char *from, int64_t begin, int64_t middle, int64_t end,
                  char *to)
{
    size_t size = s->size;
    const char *a = from + (size_t)begin * size, *a_end = from + (size_t)middle * size, *b = a_end,
               *b_end = from + (size_t)end * size;
    to += (size_t)begin * size;
    for (int64_t step = 0; a < a_end && b < b_end && !calr_interrupt_due(step);
         step++, to += size) {
        const char **first = s->compare(a, b) <= 0 ? &a : &b;
        memcpy(to, *first, size);
        *first += size;
    }
    memcpy(to, a, (size_t)(a_end - a));
    memcpy(to + (a_end - a), b, (size_t)(b_end - b));
}

/* Sorted runs of RUN items become one, back and forth between `items` and `other`. */
static calr_status merge_runs(const sorting *s, char *items, char *other, int64_t count)
{
    char *from = items, *to = other;
    for (int64_t width = RUN; width < count; width *= 2) {
        for (int64_t begin = 0; begin < count; begin += 2 * width) {
            int64_t middle = begin + width < count ? begin + width : count;
            int64_t end = begin + 2 * width < count ? begin + 2 * width : count;
            CALR_TRY(calr_interrupt_check());
            merge(s, from, begin, middle, end, to);
        }
        char *swap = from;
        from = to;
        to = swap;
    }
    if (from != items)
        memcpy(items, from, (size_t)count * s->size);
    return calr_interrupt_check();
}

calr_status calr_sort(void *items, int64_t count, size_t size,
                      int (*compare)(const void *, const void *))
{
    sorting s = {size, compare};
    char *bytes = items;
    for (int64_t begin = 0; begin < count; begin += RUN) {
        CALR_TRY(calr_interrupt_check());
        qsort(bytes + (size_t)begin * size, (size_t)(count - begin < RUN ? count - begin : RUN),
              size, compare);
    }
    if (count <= RUN)
        return CALR_OK;
    char *other = calr_array_new(count, size);
    if (!other)
        return calr_error(CALR_ENOMEM, "out of memory to sort %" PRId64 " items", count);
    calr_status status = merge_runs(&s, bytes, other, count);
    free(other);
    return status;
}
