/* The k smallest or largest of every line, and the k-th. */
#include "backend/cpu/order/lines.h"

enum { BLOCK = 256 }; /* numbers that are looked at together */

typedef struct search {
    int64_t k;
    bool sorted;  /* the k are wanted in order */
    bool one;     /* only the k-th is wanted */
    bool median;  /* of a line with a NaN, that NaN is wanted */
    int64_t room; /* items that are kept while a line is read */
} search;

/* ---- types of up to 32 bits: the line is read once, and what can still be among the k smallest is kept ---- */

/* Appends the items below the limit. */
static int64_t append_below(int64_t n, const uint64_t *items, uint64_t limit, uint64_t *kept)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        kept[count] = items[i];
        count += items[i] < limit;
    }
    return count;
}

static uint64_t largest_of(int64_t n, const uint64_t *items)
{
    uint64_t most = 0;
    for (int64_t i = 0; i < n; i++)
        most = items[i] > most ? items[i] : most;
    return most;
}

/* Moves the k smallest items to s->items[0 .. k-1]; `kept` has room for room + 1 items. */
static void read_smallest(const calr_sorting *s, int64_t k, int64_t room, uint64_t *kept)
{
    uint64_t block[BLOCK], limit = UINT64_MAX;
    int64_t n = s->line.n, count = 0;
    for (int64_t at = 0; at < n; at += BLOCK) {
        int64_t width = calr_min64(BLOCK, n - at);
        if (count + width > room) {
            calr_select_smallest(count, k, kept);
            count = k;
            limit = largest_of(k, kept);
        }
        calr_keys(&s->line, at, at + width, s->descending, block);
        for (int64_t i = 0; i < width; i++)
            block[i] = block[i] << s->position_bits | (uint64_t)(at + i);
        count += append_below(width, block, limit, kept + count);
    }
    calr_select_smallest(count, k, kept);
}

/* ---- types of 64 bits ---- */

/* The same; where key and position do not fit in one item, the whole line is sorted. Whether it is. */
static bool select_wide(calr_sorting *s, int64_t k)
{
    uint64_t high;
    int64_t n = s->line.n;
    calr_keys(&s->line, 0, n, s->descending, s->key);
    calr_key_range(n, s->key, &s->low, &high);
    if (high - s->low > calr_mask_below(64 - s->position_bits)) {
        calr_sort_line(s);
        return true;
    }
    for (int64_t i = 0; i < n; i++)
        s->items[i] = (s->key[i] - s->low) << s->position_bits | (uint64_t)i;
    calr_select_smallest(n, k, s->items);
    return false;
}

/* The position of the first NaN; -1 where there is none. */
static int64_t first_nan(const calr_line *line)
{
    uint64_t nan = calr_key_of_nan(line->dtype), block[BLOCK];
    for (int64_t at = 0; nan && at < line->n; at += BLOCK) {
        int64_t width = calr_min64(BLOCK, line->n - at);
        calr_keys(line, at, at + width, false, block);
        for (int64_t i = 0; largest_of(width, block) == nan && i < width; i++)
            if (block[i] == nan)
                return at + i;
    }
    return -1;
}

/* ---- one line ---- */

static void find_line(const calr_lines *job, calr_sorting *s)
{
    const search *wanted = job->more;
    int64_t k = wanted->k, nan = wanted->median ? first_nan(&s->line) : -1;
    uint64_t item = (uint64_t)nan, mask = UINT64_MAX;
    bool in_order = false;
    if (nan < 0) {
        s->position_bits = calr_bits_below((uint64_t)job->n);
        mask = calr_mask_below(s->position_bits);
        if (calr_key_bits(job->dtype) == 64) {
            s->spare = s->key + job->n;
            s->items = s->spare + job->n;
            in_order = select_wide(s, k);
        } else {
            s->items = s->key;
            s->spare = s->key + wanted->room + 1;
            read_smallest(s, k, wanted->room, s->items);
        }
        if (wanted->sorted && !in_order) /* equal ones by their position */
            s->items = calr_radix_sort(k, 0, 64, s->items, s->spare);
        if (wanted->one)
            item = in_order ? s->items[k - 1] : largest_of(k, s->items);
    }
    calr_keys_place(&s->line, 0, job->k, wanted->one ? &item : s->items, mask, s->y, s->positions);
}

static calr_status find(calr_lines *job, search wanted)
{
    wanted.room = calr_min64(job->n, 2 * wanted.k + BLOCK);
    job->make = find_line;
    job->more = &wanted;
    job->key_items = calr_key_bits(job->dtype) == 64 ? 3 * job->n : 2 * (wanted.room + 1);
    return calr_lines_run(job);
}

calr_status calr_cpu_top(calr_dtype dtype, int64_t outer, int64_t n, int64_t inner, int64_t k,
                         bool largest, bool sorted, const void *x, void *y, int64_t *positions)
{
    calr_lines job = {.dtype = dtype,
                      .outer = outer,
                      .n = n,
                      .inner = inner,
                      .k = k,
                      .descending = largest,
                      .x = x,
                      .y = y,
                      .positions = positions};
    return find(&job, (search){.k = k, .sorted = sorted});
}

calr_status calr_cpu_rank(calr_dtype dtype, int64_t outer, int64_t n, int64_t inner, int64_t k,
                          bool median, const void *x, void *y, int64_t *positions)
{
    calr_lines job = {.dtype = dtype,
                      .outer = outer,
                      .n = n,
                      .inner = inner,
                      .k = 1,
                      .x = x,
                      .y = y,
                      .positions = positions};
    return find(&job, (search){.k = k, .one = true, .median = median});
}
