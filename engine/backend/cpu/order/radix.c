/* Sorting and selecting unsigned integers. */
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/order/keys.h"

enum {
    FEW = 16,            /* items that are faster inserted one by one */
    SOME = 192,          /* items that are faster merged than counted */
    DIGIT = 8,           /* bits that one pass sorts by */
    VALUES = 1 << DIGIT, /* of a digit */
    PASSES = 64 / DIGIT, /* of a whole item */
    MOST_PARTS = 256     /* that a long list is cut into */
};

CALR_INLINE unsigned digit_of(uint64_t item, int shift)
{
    return (unsigned)(item >> shift) & (VALUES - 1);
}

static void insert_all(int64_t n, int low, uint64_t *items)
{
    for (int64_t i = 1; i < n; i++) {
        uint64_t item = items[i];
        int64_t j = i;
        for (; j > 0 && items[j - 1] >> low > item >> low; j--)
            items[j] = items[j - 1];
        items[j] = item;
    }
}

/* Counts of the digits of all passes, in one reading. */
static void count_digits(int64_t n, int low, int passes, const uint64_t *items,
                         uint32_t count[PASSES][VALUES])
{
    memset(count, 0, (size_t)passes * sizeof count[0]);
    if (passes == 4) {
        for (int64_t i = 0; i < n; i++) {
            uint64_t item = items[i] >> low;
            count[0][digit_of(item, 0)]++;
            count[1][digit_of(item, DIGIT)]++;
            count[2][digit_of(item, 2 * DIGIT)]++;
            count[3][digit_of(item, 3 * DIGIT)]++;
        }
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        uint64_t item = items[i] >> low;
        for (int p = 0; p < passes; p++, item >>= DIGIT)
            count[p][item & (VALUES - 1)]++;
    }
}

/* n below 2^32. */
static uint64_t *sort_by_digits(int64_t n, int low, int high, uint64_t *items, uint64_t *spare)
{
    uint32_t count[PASSES][VALUES];
    int passes = (high - low + DIGIT - 1) / DIGIT;
    count_digits(n, low, passes, items, count);
    for (int p = 0; p < passes; p++) {
        int shift = low + p * DIGIT;
        uint32_t *place = count[p], at = 0;
        if (place[digit_of(items[0], shift)] == n)
            continue; /* all have the same digit */
        for (int v = 0; v < VALUES; v++) {
            uint32_t these = place[v];
            place[v] = at;
            at += these;
        }
        for (int64_t i = 0; i < n; i++)
            spare[place[digit_of(items[i], shift)]++] = items[i];
        uint64_t *swap = items;
        items = spare;
        spare = swap;
    }
    return items;
}

/* Merges items[begin .. middle-1] and items[middle .. end-1], both in order, to the same places of `to`. */
CALR_INLINE void merge(int low, const uint64_t *items, int64_t begin, int64_t middle, int64_t end,
                       uint64_t *to)
{
    int64_t a = begin, b = middle, i = begin;
    while (a < middle && b < end) { /* a choice without a jump, which could not be foretold */
        uint64_t first = items[a], second = items[b];
        int64_t later = second >> low < first >> low;
        to[i++] = first ^ ((first ^ second) & (uint64_t)-later);
        b += later;
        a += 1 - later;
    }
    memcpy(to + i, items + a, (size_t)(middle - a) * sizeof *to);
    memcpy(to + i + (middle - a), items + b, (size_t)(end - b) * sizeof *to);
}

/* Sorts FEW items by counting, for each, those that come before it. */
CALR_INLINE void sort_few(int low, uint64_t *items)
{
    int64_t key[FEW], place[FEW] = {0};
    uint64_t item[FEW];
    for (int i = 0; i < FEW; i++) {
        item[i] = items[i];
        key[i] =
            (int64_t)(items[i] >> low ^ (uint64_t)1 << 63); /* of the same order, with a sign */
    }
    for (int i = 1; i < FEW; i++) {
        int64_t before = 0;
        for (int j = 0; j < i; j++) {
            int64_t not_after = key[j] <= key[i];
            before += not_after;
            place[j] += 1 - not_after;
        }
        place[i] += before;
    }
    for (int i = 0; i < FEW; i++)
        items[place[i]] = item[i];
}

CALR_CLONES static void sort_runs(int64_t n, int low, uint64_t *items)
{
    int64_t i = 0;
    for (; i + FEW <= n; i += FEW)
        sort_few(low, items + i);
    insert_all(n - i, low, items + i);
}

static uint64_t *sort_by_merging(int64_t n, int low, uint64_t *items, uint64_t *spare)
{
    sort_runs(n, low, items);
    for (int64_t width = FEW; width < n; width *= 2) {
        for (int64_t i = 0; i < n; i += 2 * width)
            merge(low, items, i, calr_min64(i + width, n), calr_min64(i + 2 * width, n), spare);
        uint64_t *swap = items;
        items = spare;
        spare = swap;
    }
    return items;
}

uint64_t *calr_radix_sort(int64_t n, int low, int high, uint64_t *items, uint64_t *spare)
{
    return n > SOME ? sort_by_digits(n, low, high, items, spare)
                    : sort_by_merging(n, low, items, spare);
}

/* ---- with all threads: every pass counts the digits of each part, and moves each part's items behind those of the
 * parts before it ---- */

typedef struct pass {
    int64_t part; /* items of a part */
    int shift;
    const uint64_t *from;
    uint64_t *to;
    int64_t (*count)[VALUES]; /* of each part; then where its next item of that digit goes */
} pass;

static void count_part(void *context, int64_t begin, int64_t end, int worker)
{
    const pass *p = context;
    int64_t *count = p->count[begin / p->part];
    (void)worker;
    memset(count, 0, VALUES * sizeof *count);
    for (int64_t i = begin; i < end; i++)
        count[digit_of(p->from[i], p->shift)]++;
}

static void move_part(void *context, int64_t begin, int64_t end, int worker)
{
    const pass *p = context;
    int64_t *place = p->count[begin / p->part];
    (void)worker;
    for (int64_t i = begin; i < end; i++)
        p->to[place[digit_of(p->from[i], p->shift)]++] = p->from[i];
}

/* Turns counts into places; false when all items have the same digit. */
static bool find_places(const pass *p, int64_t n, int64_t parts)
{
    int64_t at = 0;
    for (int v = 0; v < VALUES; v++) {
        int64_t before = at;
        for (int64_t i = 0; i < parts; i++) {
            int64_t these = p->count[i][v];
            p->count[i][v] = at;
            at += these;
        }
        if (at - before == n)
            return false;
    }
    return true;
}

calr_status calr_radix_sort_long(int64_t n, int low, int high, uint64_t *items, uint64_t *spare,
                                 uint64_t **out)
{
    int64_t wanted = calr_max64(2 * calr_parallel_threads(), n >> 20);
    pass p = {.part = 1 + n / calr_min64(MOST_PARTS, wanted)};
    int64_t parts = (n + p.part - 1) / p.part;
    p.count = calr_array_new(parts, sizeof p.count[0]);
    if (!p.count)
        return calr_error(CALR_ENOMEM, "no memory to sort");
    calr_status status = CALR_OK;
    for (p.shift = low; p.shift < high && status == CALR_OK; p.shift += DIGIT) {
        p.from = items;
        p.to = spare;
        status = calr_parallel_try(n, p.part, count_part, &p);
        if (status != CALR_OK || !find_places(&p, n, parts))
            continue;
        status = calr_parallel_try(n, p.part, move_part, &p);
        items = p.to;
        spare = (uint64_t *)p.from;
    }
    free(p.count);
    *out = items;
    return status;
}

/* ---- the smallest ---- */

/* Moves the items below `pivot` to the front; returns how many there are. */
static int64_t part_below(int64_t n, uint64_t pivot, uint64_t *items)
{
    int64_t below = 0;
    for (int64_t i = 0; i < n; i++) {
        uint64_t item = items[i];
        items[i] = items[below];
        items[below] = item;
        below += item < pivot;
    }
    return below;
}

static uint64_t middle_of(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

/* Quickselect. The pivot is the middle of nine items from places drawn by a generator of its own, so that no order of
 * the items makes it slow. */
void calr_select_smallest(int64_t n, int64_t k, uint64_t *items)
{
    uint64_t drawn = 0x9E3779B97F4A7C15u;
    while (k > 0 && k < n && n > FEW) {
        uint64_t some[9];
        for (int i = 0; i < 9; i++) {
            drawn = drawn * 6364136223846793005u + 1442695040888963407u;
            some[i] = items[(uint64_t)(((unsigned __int128)drawn * (uint64_t)n) >> 64)];
        }
        uint64_t pivot =
            middle_of(middle_of(some[0], some[1], some[2]), middle_of(some[3], some[4], some[5]),
                      middle_of(some[6], some[7], some[8]));
        int64_t below = part_below(n, pivot, items);
        if (below >= k) {
            n = below;
        } else if (below > 0) {
            items += below;
            n -= below;
            k -= below;
        } else { /* the pivot is the smallest of all: one step is made all the same */
            part_below(n, pivot + 1, items);
            items++, n--, k--;
        }
    }
    if (k > 0 && k < n)
        insert_all(n, 0, items);
}
