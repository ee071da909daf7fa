/* Sorts one line. */
#include "backend/cpu/order/lines.h"

enum { PART = 1 << 14 }; /* numbers of a long line that one thread takes at a time */

static calr_status each_part(const calr_sorting *s, calr_parallel_body body)
{
    if (s->together)
        return calr_parallel_try(s->line.n, PART, body, (void *)s);
    body((void *)s, 0, s->line.n, 0);
    return CALR_OK;
}

static void make_keys(void *context, int64_t begin, int64_t end, int worker)
{
    const calr_sorting *s = context;
    (void)worker;
    calr_keys(&s->line, begin, end, s->descending, s->key + begin);
}

CALR_CLONES void calr_key_range(int64_t n, const uint64_t *key, uint64_t *low, uint64_t *high)
{
    uint64_t least = UINT64_MAX, most = 0;
    for (int64_t i = 0; i < n; i++) {
        least = key[i] < least ? key[i] : least;
        most = key[i] > most ? key[i] : most;
    }
    *low = least;
    *high = most;
}

static void first_items(void *context, int64_t begin, int64_t end, int worker)
{
    const calr_sorting *s = context;
    uint64_t *items = s->items, low = s->low;
    int bits = s->position_bits;
    (void)worker;
    for (int64_t i = begin; i < end; i++)
        items[i] = (s->key[i] - low) << bits | (uint64_t)i;
}

static void next_items(void *context, int64_t begin, int64_t end, int worker)
{
    const calr_sorting *s = context;
    uint64_t *items = s->items, low = s->low, mask = calr_mask_below(s->position_bits);
    int bits = s->position_bits;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        uint64_t at = items[i] & mask;
        items[i] = (s->key[at] - low) >> s->shift << bits | at;
    }
}

static calr_status sort_items(calr_sorting *s, int high)
{
    uint64_t *sorted, *items = s->items;
    if (s->together)
        CALR_TRY(calr_radix_sort_long(s->line.n, s->position_bits, high, items, s->spare, &sorted));
    else
        sorted = calr_radix_sort(s->line.n, s->position_bits, high, items, s->spare);
    if (sorted != items) {
        s->items = s->spare;
        s->spare = items;
    }
    return CALR_OK;
}

calr_status calr_sort_line(calr_sorting *s)
{
    uint64_t high;
    CALR_TRY(each_part(s, make_keys));
    calr_key_range(s->line.n, s->key, &s->low, &high);
    int key_bits = 64 - __builtin_clzll((high - s->low) | 1);
    s->position_bits = calr_bits_below((uint64_t)s->line.n);
    int room = 64 - s->position_bits;
    CALR_TRY(each_part(s, first_items)); /* bits of the key without room fall off at the top */
    CALR_TRY(sort_items(s, key_bits < room ? s->position_bits + key_bits : 64));
    for (s->shift = room; s->shift < key_bits; s->shift += room) {
        int left = key_bits - s->shift;
        CALR_TRY(each_part(s, next_items));
        CALR_TRY(sort_items(s, left < room ? s->position_bits + left : 64));
    }
    return CALR_OK;
}

static void place_items(void *context, int64_t begin, int64_t end, int worker)
{
    const calr_sorting *s = context;
    (void)worker;
    calr_keys_place(&s->line, begin, end, s->items, calr_mask_below(s->position_bits), s->y,
                    s->positions);
}

calr_status calr_sorting_place(const calr_sorting *s)
{
    return each_part(s, place_items);
}
