/* Lists that grow while they are filled. */
#ifndef CALR_BASE_GROW_H
#define CALR_BASE_GROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* Room for one item more than `count` in a list, which doubles when it is full; *capacity is 0 at first. False without
 * memory: the list is then as it was. */
static inline bool calr_list_reserve(void **items, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity)
        return true;
    size_t wanted = *capacity ? 2 * *capacity : 256;
    void *grown = realloc(*items, wanted * size);
    if (!grown)
        return false;
    *items = grown;
    *capacity = wanted;
    return true;
}

#endif
