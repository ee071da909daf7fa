#include "store/select.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The distinct values from 0 up, sorted; takes over `values`, and leaves them at its front. */
static int64_t sort_distinct(int64_t *values, int64_t count)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < count; i++)
        if (values[i] >= 0)
            values[kept++] = values[i];
    qsort(values, (size_t)kept, sizeof *values, compare);
    int64_t distinct = 0;
    for (int64_t i = 0; i < kept; i++)
        if (distinct == 0 || values[i] != values[distinct - 1])
            values[distinct++] = values[i];
    return distinct;
}

calr_status calr_store_rows(const calr_store *store, calr_store_choice choice, int64_t **rows,
                            int64_t *count)
{
    const int64_t *identities = calr_store_identities(store);
    const uint8_t *splits = calr_store_splits(store);
    int64_t n = calr_store_count(store), found = 0, kept = 0, last = INT64_MAX;
    int64_t *chosen = calr_array_new(n, sizeof *chosen),
            *sorted = calr_array_new(n, sizeof *sorted);
    if (!chosen || !sorted) {
        free(chosen);
        free(sorted);
        return calr_error(CALR_ENOMEM, "no memory to choose among %lld images", (long long)n);
    }
    for (int64_t i = 0; i < n; i++) {
        if (splits[i] != (uint8_t)choice.split ||
            (identities[i] < 0 && (!choice.junk || choice.ids > 0)))
            continue;
        chosen[found] = i;
        sorted[found++] = identities[i];
    }
    if (choice.ids > 0) {
        int64_t distinct = sort_distinct(sorted, found);
        if (choice.ids < distinct)
            last = sorted[choice.ids - 1];
    }
    for (int64_t i = 0; i < found; i++)
        if (identities[chosen[i]] <= last)
            chosen[kept++] = chosen[i];
    free(sorted);
    *rows = chosen;
    *count = kept;
    return CALR_OK;
}

calr_status calr_store_dense(const int64_t *values, int64_t count, int32_t *out, int64_t **distinct,
                             int64_t *distinct_count)
{
    int64_t *sorted = calr_array_new(count, sizeof *sorted);
    if (!sorted)
        return calr_error(CALR_ENOMEM, "no memory to number %lld labels", (long long)count);
    if (count > 0)
        memcpy(sorted, values, (size_t)count * sizeof *sorted);
    int64_t n = sort_distinct(sorted, count);
    for (int64_t i = 0; i < count; i++) {
        const int64_t *at =
            values[i] < 0 ? NULL : bsearch(&values[i], sorted, (size_t)n, sizeof *sorted, compare);
        out[i] = at ? (int32_t)(at - sorted) : -1;
    }
    *distinct = sorted;
    *distinct_count = n;
    return CALR_OK;
}
